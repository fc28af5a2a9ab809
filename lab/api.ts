/**
 * The typed contract between the lab and anyone who drives it: window, command line, another machine. Every call is
 * checked at the door against these schemas, in both directions. Two transports carry it: MessagePort (Electron) and
 * WebSocket (browser). Arrays travel packed by `lab/pack.ts`.
 *
 * A slow window never floods: it asks `watch` for what is new since its cursor, and the lab keeps only the newest event
 * of each kind for it, so nothing queues up anywhere.
 */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import { bytesSchema } from './api/bytes.ts';
import { docsContract } from './api/docs.ts';
import { evaluationsContract } from './api/evaluations.ts';
import { driveContract, episodeLineageContract, forkEvents, forkSchema, forksContract } from './api/forks.ts';
import { liveContract } from './api/live.ts';
import { probeContract } from './api/probe.ts';
import { queueContract, seedsContract } from './api/queue.ts';
import { recipesContract } from './api/recipes.ts';
import { runsContract } from './api/runs.ts';
import { disagreeContract, episodeScoreContract, scoreEvents } from './api/score.ts';
import { stageContract } from './api/stage.ts';
import { thumbnailsContract } from './api/thumbnails.ts';

export type { KeptEvaluationInfo } from './api/evaluations.ts';
export type {
  DriveFrame,
  DriveKey,
  EpisodeLineage,
  ForkActor,
  ForkChoices,
  ForkReward,
  ForkTree,
} from './api/forks.ts';
export type { LiveFrame } from './api/live.ts';
export type {
  ProbeEvaluated,
  ProbeHandle,
  ProbeOpened,
  ProbeQuantity,
  ProbeRange,
  ProbeStep,
} from './api/probe.ts';
export type { QueueInfo } from './api/queue.ts';
export type { SavedRecipe } from './api/recipes.ts';
export type {
  ComparisonInfo,
  ConfigValue,
  CurveAxis,
  GroupCurves,
  LearnedProxy,
  RunDetail,
  TruthBesideProxy,
} from './api/runs.ts';
export type { Disagreement, Normalisation, ScoredBy, ScorerRef } from './api/score.ts';
export type { CameraViewInfo, StageDetailsInfo } from './api/stage.ts';
export type { Moment } from './api/thumbnails.ts';

const id = z.int().positive();
const name = z.string().min(1).max(200);
const fieldValue = z.union([z.number(), z.boolean(), z.string()]);
const settings = z.record(z.string(), fieldValue);

export const fieldSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('number'),
    default: z.number(),
    min: z.number(),
    max: z.number(),
    unit: z.string().optional(),
    help: z.string(),
  }),
  z.object({
    type: z.literal('integer'),
    default: z.int(),
    min: z.int(),
    max: z.int(),
    unit: z.string().optional(),
    help: z.string(),
  }),
  z.object({
    type: z.literal('boolean'),
    default: z.boolean(),
    unit: z.string().optional(),
    help: z.string(),
  }),
  z.object({
    type: z.literal('choice'),
    default: z.string(),
    options: z.array(z.string()),
    unit: z.string().optional(),
    help: z.string(),
  }),
  z.object({
    type: z.literal('text'),
    default: z.string(),
    longest: z.int(),
    unit: z.string().optional(),
    help: z.string(),
  }),
]);
export type FieldInfo = z.infer<typeof fieldSchema>;

const fields = z.record(z.string(), fieldSchema);

const bodySchema = z.object({
  name: z.string(),
  shape: z.discriminatedUnion('type', [
    z.object({ type: z.literal('box'), size: z.tuple([z.number(), z.number(), z.number()]) }),
    z.object({ type: z.literal('sphere'), radius: z.number() }),
    z.object({ type: z.literal('capsule'), radius: z.number(), length: z.number() }),
    z.object({ type: z.literal('cylinder'), radius: z.number(), length: z.number() }),
  ]),
  role: z.enum([
    'table',
    'floor',
    'wall',
    'link',
    'joint',
    'gripper',
    'wheel',
    'agent',
    'mate',
    'opponent',
    'object',
    'distractor',
    'fixture',
    'tool',
    'goal',
    'marker',
    'screen',
  ]),
  /** sRGB in [0, 1], in place of the role's colour. */
  colour: z.tuple([z.number(), z.number(), z.number()]).optional(),
});
export type BodyInfo = z.infer<typeof bodySchema>;

const stageSchema = z.object({ id: z.string(), title: z.string() });

export const catalogSchema = z.object({
  tasks: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      summary: z.string(),
      version: z.int(),
      fields,
      /** Seconds a control step, physics steps in it, seconds a physics step. */
      controlDt: z.number(),
      substeps: z.int(),
      physicsDt: z.number(),
      horizon: z.int(),
      /** Numbers of a state, and the bytes they take. */
      stateDim: z.int(),
      stateBytes: z.int(),
      /** Tuned settings by algorithm, the task's own choice first; what they leave out is the algorithm's default. */
      training: z.record(z.string(), z.object({ reward: z.enum(['sparse', 'dense']), settings })).optional(),
      /** Named camera views. */
      views: z.array(z.string()),
      /** Names of a goal's numbers, where goals can be relabelled. */
      goals: z.array(z.string()).nullable(),
      /** Agents that may all be steered, where there are several. */
      agents: z.array(z.object({ id: z.string(), side: z.string() })).nullable(),
      /** Sizes of the tables, where the whole task is one. */
      tabular: z.object({ states: z.int(), actions: z.int() }).nullable(),
      /** Whether there is a scripted policy that earns the written reward without doing the task. */
      exploit: z.boolean(),
      /** The same task in Gymnasium. */
      gymnasium: z.string().nullable(),
      observationNames: z.array(z.string()),
      actionNames: z.array(z.string()),
      /** Options of a discrete action; null where actions are real numbers. */
      actionOptions: z.int().nullable(),
      stages: z.array(stageSchema),
      rewardTerms: z.array(
        z.object({
          id: z.string(),
          kind: z.enum(['sparse', 'dense']),
          weight: z.number(),
          help: z.string(),
          /** Bounds of the raw value. */
          range: z.tuple([z.number(), z.number()]),
        }),
      ),
    }),
  ),
  rewards: z.array(
    z.object({
      id: z.string(),
      kind: z.enum(['native', 'learned']),
      title: z.string(),
      summary: z.string(),
      source: z.string().optional(),
      causal: z.boolean(),
      /** A counter-baseline: shown beside every learned reward that is judged, not to be trained on. */
      baseline: z.literal(true).optional(),
      fields,
    }),
  ),
  algorithms: z.array(
    z.object({ id: z.string(), title: z.string(), summary: z.string(), source: z.string(), fields }),
  ),
  recipes: z.array(
    z.object({ id: z.string(), title: z.string(), summary: z.string(), path: z.string(), yaml: z.string() }),
  ),
  /** Settings of the experiment itself (demonstrations, evaluation, recording). */
  experimentFields: fields,
});
export type Catalog = z.infer<typeof catalogSchema>;

/** One line of the reward stack, as written in a recipe. */
export const stackEntrySchema = z.strictObject({
  reward: z.string(),
  /** How a learned reward enters: potential-based shaping, the plain change of progress, or the raw level. */
  use: z.enum(['shaping', 'delta', 'best', 'level']).optional(),
  weight: z.number().min(-1000).max(1000).optional(),
  /** What the line does with its terms beside weighing them (`LineRule` of learn/rewards/stack.ts, docs/reward-stack.md). */
  terminal: z.enum(['zero', 'keep']).optional(),
  normalise: z.boolean().optional(),
  clip: z.array(z.number()).length(2).optional(),
  product: z.array(z.string()).max(8).optional(),
  gate: z
    .strictObject({ term: z.string(), above: z.number().optional(), below: z.number().optional() })
    .optional(),
  schedule: z
    .strictObject({ from: z.number(), to: z.number(), steps: z.int().positive().max(100_000_000) })
    .optional(),
  settings: settings.optional(),
  /** A stored model to use instead of fitting a new one. */
  model: id.optional(),
  /** Discount of this line's terms; only where the algorithm has a critic for each term. */
  gamma: z.number().gt(0).max(1).optional(),
});
export type StackEntry = z.infer<typeof stackEntrySchema>;

/** A whole experiment, as written in a recipe file. Unknown keys are refused with the nearest known name. */
export const recipeSchema = z.strictObject({
  name,
  title: z.string().max(200).optional(),
  summary: z.string().max(2000).optional(),
  task: z.string(),
  taskSettings: settings.optional(),
  algorithm: z.string(),
  algorithmSettings: settings.optional(),
  reward: z.array(stackEntrySchema).min(1).max(16),
  experiment: settings.optional(),
  /** Both sides of a game learn, each against the other's past; empty: with the defaults. */
  selfPlay: settings.optional(),
});
export type Recipe = z.infer<typeof recipeSchema>;

export const runKindSchema = z.enum(['collect', 'fit', 'train', 'evaluate']);
export type RunKind = z.infer<typeof runKindSchema>;
/** `crashed`: its process died without a word; found on the next start. `paused`: stopped by the user, can go on. */
export const runStatusSchema = z.enum(['queued', 'running', 'paused', 'done', 'failed', 'crashed']);
export type RunStatus = z.infer<typeof runStatusSchema>;

const intervalSchema = z.object({ low: z.number(), high: z.number() });
export const successSchema = z.object({
  success: z.number(),
  interval: intervalSchema,
  episodes: z.int(),
});

export const alertSchema = z.object({
  level: z.enum(['info', 'warning', 'error']),
  message: z.string(),
  step: z.int().optional(),
  at: z.number(),
});
export type Alert = z.infer<typeof alertSchema>;

export const runSchema = z.object({
  id,
  kind: runKindSchema,
  name: z.string(),
  task: z.string(),
  algorithm: z.string().nullable(),
  seed: z.int(),
  status: runStatusSchema,
  /** What it is doing now, in words: `collecting demonstrations`, `fitting sarm`, `training`, `evaluating`. */
  phase: z.string(),
  /** Done and total in the unit of the phase. */
  done: z.number(),
  total: z.number(),
  unit: z.string(),
  stepsPerSecond: z.number().nullable(),
  etaSeconds: z.number().nullable(),
  createdAt: z.number(),
  endedAt: z.number().nullable(),
  device: z.string().nullable(),
  /** Why that device, with timings; while the run goes on here. */
  deviceReason: z.string().nullable(),
  rewardHash: z.string().nullable(),
  episodes: z.int(),
  /** Latest evaluation, if any. */
  evaluation: successSchema.nullable(),
  error: z.string().nullable(),
  alerts: z.array(alertSchema),
  /** What people wrote about it. */
  tags: z.array(z.string()),
  note: z.string(),
  /** The seeds of one experiment, or the trials of one search, that this run is one of. */
  group: z.object({ id: z.string(), name: z.string() }).optional(),
});
export type Run = z.infer<typeof runSchema>;

export const episodeKindSchema = z.enum(['demonstration', 'failure', 'random', 'training', 'evaluation']);
export const endingSchema = z.enum(['terminated', 'truncated', 'diverged']);

export const episodeSchema = z.object({
  id,
  runId: id,
  runName: z.string(),
  task: z.string(),
  kind: episodeKindSchema,
  seed: z.int(),
  /** Environment steps the policy had been trained for when the episode began. */
  trainedSteps: z.int(),
  length: z.int(),
  ending: endingSchema,
  /** True success at the last frame. */
  success: z.boolean(),
  /** True progress at the last frame. */
  finalProgress: z.number(),
  /** Weighted sum of all reward terms. */
  returnTotal: z.number(),
  /** Unweighted sum of each term. */
  returns: z.record(z.string(), z.number()),
  rewardHash: z.string().nullable(),
  createdAt: z.number(),
  verified: z.boolean().nullable(),
  fork: forkSchema.nullable(),
  /** Root mean square of the second difference of the actions; null where it is not known. */
  jerk: z.number().nullable(),
  /** Learned progress at the last frame, by the first model it was recorded with; null without one. */
  learnedProgress: z.number().nullable(),
  starred: z.boolean(),
  /** In the trash: left out of lists and fits, never deleted. */
  trashed: z.boolean(),
  tags: z.array(z.string()),
});
export type Episode = z.infer<typeof episodeSchema>;

/** What the list can be sorted by, beside `return:` with the name of a reward term. */
export const episodeColumns = [
  'id',
  'length',
  'success',
  'finalProgress',
  'returnTotal',
  'trainedSteps',
  'createdAt',
  'learnedProgress',
  'gap',
  'jerk',
  'starred',
] as const;

const episodeQuery = z.object({
  runId: id.optional(),
  task: z.string().optional(),
  kind: episodeKindSchema.optional(),
  success: z.boolean().optional(),
  /** A filter expression (docs/filters.md). */
  filter: z.string().max(2000).optional(),
  /** Episodes in the trash, or those that are not. */
  trash: z.enum(['without', 'only']).default('without'),
  sort: z.union([z.enum(episodeColumns), z.templateLiteral(['return:', z.string()])]).default('id'),
  descending: z.boolean().default(true),
  offset: z.int().min(0).default(0),
  limit: z.int().min(1).max(1000).default(200),
});

/**
 * An opened episode. `data` unpacks (see `lab/pack.ts`) to named arrays; T = episode.length:
 *  - `poses` float32 [T + 1, bodies, 7]: px py pz qx qy qz qw in the world frame, metres; of a stored episode as `splitStill` cuts it, for
 *    `joinStill`, of one that is driven (`drive.start`) whole
 *  - `colours` float32 [T + 1, bodies, 3], only of tasks whose colours change: sRGB in [0, 1], NaN where a body keeps its own
 *  - `contact` uint8 [T + 1], only of tasks whose states tell it: 1 where the robot or a tool presses on a thing
 *  - `trueProgress` float32 [T + 1], `trueStage` uint8 [T + 1], `trueSuccess` uint8 [T + 1]
 *  - `actions` float64 [T, actionDim]
 *  - `reward/<term>/raw`, `reward/<term>/weight`, `reward/<term>/product` float64 [T] for each id in `terms`
 *  - `reward/total` float64 [T]; `value` float32 [T] where a critic was there, `advantage` float32 [T] where `discount` is not
 *    null, NaN where none is known (lab/advantage.ts)
 *  - `learned/<method>` float32 [T + 1] for each entry of `learned`
 */
const openedEpisodeSchema = z.object({
  episode: episodeSchema,
  bodies: z.array(bodySchema),
  stages: z.array(stageSchema),
  controlDt: z.number(),
  terms: z.array(z.string()),
  learned: z.array(z.object({ key: z.string(), title: z.string(), modelHash: z.string() })),
  /** What `advantage` was worked out with; `gaeLambda` 0 where the algorithm has none. */
  discount: z.object({ gamma: z.number(), gaeLambda: z.number() }).nullable().optional(),
  data: bytesSchema,
});
export type OpenedEpisode = z.infer<typeof openedEpisodeSchema>;

export const labEventSchema = z.discriminatedUnion('type', [
  /** The run's newest state: status, phase, progress. */
  z.object({ type: z.literal('run'), run: runSchema }),
  /** New metric rows are there; fetch them with `runs.metrics`. */
  z.object({ type: z.literal('metrics'), runId: id, step: z.number() }),
  /** The newest finished episode of a run. */
  z.object({ type: z.literal('episode'), episode: episodeSchema }),
  z.object({ type: z.literal('model'), modelId: id, runId: id }),
  /** What `models.evaluate` works on now: part `done` (from 0) of `total`. */
  z.object({
    type: z.literal('evaluation'),
    task: z.string(),
    part: z.string(),
    done: z.int(),
    total: z.int(),
  }),
  /** Jerk and learned progress of episodes from a database older than schema 3: worked through `done` of `total`. */
  z.object({ type: z.literal('measuring'), done: z.int(), total: z.int() }),
  ...scoreEvents,
  ...forkEvents,
]);
export type LabEvent = z.infer<typeof labEventSchema>;

const modelSchema = z.object({
  id,
  runId: id,
  method: z.string(),
  task: z.string(),
  hash: z.string(),
  createdAt: z.number(),
  metrics: z.record(z.string(), z.number()),
  demonstrations: z.int(),
  /** Of its fit. */
  seed: z.int(),
  /** Equal of models that differ only by seed and demonstrations; says nothing else. */
  family: z.string(),
});
export type Model = z.infer<typeof modelSchema>;

/** A number that judges a reward model; without a value there is a reason (`not measurable`). */
export const measureSchema = z.object({
  value: z.number().nullable(),
  /** 95 %. */
  interval: intervalSchema.nullable(),
  /** Episodes, pairs or seeds behind it. */
  count: z.int(),
  reason: z.string().optional(),
});
const cellsSchema = z.record(z.string(), measureSchema);
const verdictSchema = z.enum(['trust', 'with care', 'do not trust', 'not measurable', 'baseline']);

/** What `eval-reward` finds out (docs/eval-reward.md). */
export const rewardEvaluationSchema = z.object({
  task: z.string(),
  taskVersion: z.int(),
  version: z.string(),
  seed: z.int(),
  stride: z.int(),
  groups: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      episodes: z.int(),
      success: z.int(),
      near: z.int(),
      failure: z.int(),
    }),
  ),
  /** Groups that this task cannot have, and why. */
  missing: z.array(z.string()),
  models: z.array(
    z.object({
      key: z.string(),
      method: z.string(),
      title: z.string(),
      source: z.enum(['stored', 'fitted']),
      id: id.nullable(),
      baseline: z.boolean(),
      causal: z.boolean(),
      hash: z.string().nullable(),
      senses: z.array(z.string()),
      fitSeconds: z.number().nullable(),
      fitMetrics: z.record(z.string(), z.number()),
      failed: z.string().nullable(),
    }),
  ),
  /** One a kind of measure; `cells` by the ids of `columns`. */
  tables: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      columns: z.array(
        z.object({
          id: z.string(),
          title: z.string(),
          better: z.enum(['higher', 'lower', 'zero', 'one', 'none']),
          help: z.string(),
        }),
      ),
      rows: z.array(z.object({ model: z.string(), cells: cellsSchema })),
      protocol: z.string(),
    }),
  ),
  reliability: z.array(
    z.object({
      model: z.string(),
      bins: z.array(
        z.object({
          from: z.number(),
          to: z.number(),
          count: z.int(),
          score: z.number().nullable(),
          success: z.number().nullable(),
        }),
      ),
    }),
  ),
  distances: z.array(z.object({ a: z.string(), b: z.string(), epic: measureSchema, starc: measureSchema })),
  verdicts: z.array(z.object({ model: z.string(), verdict: verdictSchema, why: z.array(z.string()) })),
  answer: z.string(),
  protocol: z.string(),
  /** Runs it again. */
  command: z.string(),
  seconds: z.number(),
});
export type RewardEvaluationInfo = z.infer<typeof rewardEvaluationSchema>;

export const modelCardSchema = z.object({
  id,
  hash: z.string(),
  method: z.string(),
  title: z.string(),
  source: z.string(),
  task: z.string(),
  settings: z.record(z.string(), z.unknown()),
  createdAt: z.number(),
  versions: z.record(z.string(), z.string()),
  causal: z.boolean(),
  senses: z.array(z.string()),
  stages: z.array(z.string()),
  learnedFrom: z.string().nullable(),
  bytes: z.int(),
  data: z.object({
    run: id,
    name: z.string(),
    demonstrations: z.int(),
    succeeded: z.int(),
    failures: z.int(),
    hash: z.string(),
  }),
  fit: z.object({ run: id, seed: z.int(), metrics: z.record(z.string(), z.number()) }),
  usedBy: z.array(id),
  /** What the last `eval-reward` said of it. */
  evaluation: z
    .object({
      at: z.number(),
      version: z.string(),
      command: z.string(),
      protocol: z.string(),
      verdict: verdictSchema,
      why: z.array(z.string()),
      tables: z.array(
        z.object({
          id: z.string(),
          title: z.string(),
          protocol: z.string(),
          cells: cellsSchema,
          baselines: z.record(z.string(), cellsSchema),
        }),
      ),
    })
    .nullable(),
});
export type ModelCardInfo = z.infer<typeof modelCardSchema>;

const lineageNode = z.object({
  key: z.string(),
  kind: z.enum(['run', 'model', 'episodes', 'checkpoint']),
  title: z.string(),
  id: id.nullable(),
});

export const contract = {
  app: {
    /** Which project is open: at once, where `info` first times what computes. */
    project: oc.output(z.object({ project: z.string(), readOnly: z.boolean() })),
    info: oc.output(
      z.object({
        version: z.string(),
        project: z.string(),
        readOnly: z.boolean(),
        device: z.object({ name: z.string(), reason: z.string() }),
        episodes: z.int(),
        runs: z.int(),
      }),
    ),
  },
  docs: docsContract,
  catalog: oc.output(catalogSchema),
  /** Resolves at once when something is newer than the cursor, else after `waitMs` with no events. Cursor 0 = everything current. */
  watch: oc
    .input(z.object({ cursor: z.int().min(0), waitMs: z.int().min(0).max(30_000).default(15_000) }))
    .output(z.object({ cursor: z.int(), events: z.array(labEventSchema) })),
  recipes: {
    ...recipesContract(recipeSchema),
    /** Checks a recipe text; never throws on a bad recipe. */
    check: oc
      .input(z.object({ yaml: z.string().max(200_000) }))
      .output(
        z.discriminatedUnion('ok', [
          z.object({ ok: z.literal(true), recipe: recipeSchema }),
          z.object({ ok: z.literal(false), problems: z.array(z.string()) }),
        ]),
      ),
  },
  runs: {
    list: oc.output(z.array(runSchema)),
    get: oc.input(z.object({ id })).output(
      z.object({
        run: runSchema,
        /** The whole frozen configuration. */
        config: z.record(z.string(), z.unknown()),
        yaml: z.string(),
        versions: z.record(z.string(), z.string()),
      }),
    ),
    /** Queues a training run (with its demonstrations and reward model, where the reward stack needs them). */
    start: oc
      .input(
        z.object({
          recipe: recipeSchema,
          seed: z
            .int()
            .min(0)
            .max(2 ** 31 - 1)
            .default(0),
        }),
      )
      .output(z.object({ id })),
    /** Stops cleanly: the run is saved as `paused` and can be resumed. */
    stop: oc.input(z.object({ id })).output(z.object({ stopped: z.boolean() })),
    resume: oc.input(z.object({ id })).output(z.object({ id })),
    /** Gives a line of a training run's reward stack another weight while it trains, at the next chance. */
    reweigh: oc
      .input(z.object({ id, line: z.int().min(0).max(15), weight: z.number().min(-1000).max(1000) }))
      .output(z.object({ id })),
    /** Weights that were changed while the run went on, by step; the newest of a step and line. */
    weights: oc
      .input(z.object({ id }))
      .output(z.array(z.object({ step: z.int(), line: z.int(), weight: z.number(), at: z.number() }))),
    /**
     * `data` unpacks to `steps` float64 [n] and one float64 [n] array a metric name (NaN where absent); with `time/all` among them also
     * to `seconds` float64 [n], the time of training by step (evaluations and pauses do not count).
     */
    metrics: oc
      .input(
        z.object({
          id,
          names: z.array(z.string()).optional(),
          maxPoints: z.int().min(2).max(20_000).default(2000),
        }),
      )
      .output(z.object({ names: z.array(z.string()), data: bytesSchema })),
    ...runsContract,
    ...seedsContract(recipeSchema),
    lineage: oc.input(z.object({ id })).output(
      z.object({
        nodes: z.array(lineageNode),
        edges: z.array(z.object({ from: z.string(), to: z.string(), role: z.string() })),
      }),
    ),
  },
  episodes: {
    list: oc.input(episodeQuery).output(z.object({ total: z.int(), items: z.array(episodeSchema) })),
    /** What there is to filter and sort by in this project. */
    facets: oc.output(
      z.object({
        terms: z.array(z.string()),
        tags: z.array(z.string()),
        fields: z.array(
          z.object({ name: z.string(), kind: z.enum(['number', 'text', 'boolean']), help: z.string() }),
        ),
      }),
    ),
    /** Stars, tags, the trash; all of them or none. */
    mark: oc
      .input(
        z.object({
          ids: z.array(id).min(1).max(10_000),
          starred: z.boolean().optional(),
          trashed: z.boolean().optional(),
          addTags: z.array(z.string().max(200)).max(50).optional(),
          removeTags: z.array(z.string().max(200)).max(50).optional(),
        }),
      )
      .output(z.object({ marked: z.int() })),
    open: oc.input(z.object({ id })).output(openedEpisodeSchema),
    ...thumbnailsContract(bodySchema),
    ...episodeScoreContract,
    ...episodeLineageContract,
    /** Replays from seed and actions and compares every state hash. */
    verify: oc
      .input(z.object({ id }))
      .output(z.object({ ok: z.boolean(), driftStep: z.int().nullable(), message: z.string() })),
  },
  models: {
    list: oc.output(z.array(modelSchema)),
    ...disagreeContract,
    card: oc.input(z.object({ id })).output(modelCardSchema),
    ...evaluationsContract(rewardEvaluationSchema),
    /**
     * Judges reward models of a task on the same episodes, in a thread of its own; one at a time. Progress comes as events
     * `evaluation`; to drop the call is to stop it.
     */
    evaluate: oc
      .input(
        z.object({
          task: z.string(),
          /** `all`, or stored models (id, or beginning of the hash) and methods to fit now, with commas between. */
          models: z.string().min(1).max(2000),
          taskSettings: settings.optional(),
          episodes: z.int().min(1).max(1000).optional(),
          stride: z.int().min(1).max(1000).optional(),
          seed: z
            .int()
            .min(0)
            .max(2 ** 31 - 1)
            .optional(),
          demonstrations: z.int().min(1).max(10_000).optional(),
          failures: z.int().min(0).max(10_000).optional(),
          retrain: z
            .object({
              steps: z.int().min(1).max(100_000_000),
              use: z.enum(['shaping', 'alone']),
              seeds: z.int().min(1).max(100),
            })
            .optional(),
          /** Judge on stored episodes of this run, too. */
          run: id.optional(),
        }),
      )
      .output(rewardEvaluationSchema),
  },
  queue: queueContract,
  stage: stageContract,
  forks: forksContract,
  drive: driveContract(openedEpisodeSchema),
  live: liveContract(bodySchema, stageSchema),
  /** What rewards say of states that nobody recorded. */
  probe: probeContract,
  /** Makes the sample project's content by a short real run in this project; resolves with the run at once. */
  sample: { create: oc.output(z.object({ id })) },
};

export type LabContract = typeof contract;
