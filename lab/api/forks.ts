/** Going on from a frame of a stored episode in another way, by hand too, and where an episode came from. Part of `lab/api.ts`. */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import { bytesSchema } from './bytes.ts';
import { stateSchema } from './probe.ts';

const id = z.int().positive();
const seed = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

/**
 * Where an episode left its parent: its first `frame` steps are the parent's. `parent` is null once that is gone. `edited`: it begins in a
 * state that somebody made out of a frame of `episode`, `steps` control steps after the start that a seed gave.
 */
export const forkSchema = z.object({
  parent: id.nullable(),
  frame: z.int(),
  actor: z.string(),
  edited: z
    .object({
      episode: id,
      frame: z.int(),
      steps: z.int(),
      changes: z.array(z.object({ name: z.string(), from: z.number(), to: z.number() })).readonly(),
    })
    .optional(),
});

/** Who goes on from the frame. */
const actorSchema = z.discriminatedUnion('kind', [
  /** The parent's own actions: the same moves, paid by another reward. */
  z.object({ kind: z.literal('recorded') }),
  z.object({ kind: z.literal('expert') }),
  z.object({ kind: z.literal('random'), seed }),
  /** Every action zero; of options the first. */
  z.object({ kind: z.literal('zero') }),
  /** The policy of a training run: of a checkpoint of it, else of its newest. With a seed its actions are drawn, else the likeliest. */
  z.object({ kind: z.literal('policy'), runId: id, checkpoint: id.optional(), seed: seed.optional() }),
]);
export type ForkActor = z.infer<typeof actorSchema>;

/** What pays the whole fork, its first steps included. */
const rewardSchema = z.discriminatedUnion('kind', [
  /** The parent's. */
  z.object({ kind: z.literal('own') }),
  /** The stack of a training run, with its models. */
  z.object({ kind: z.literal('run'), runId: id }),
  /** The stack of a recipe; its learned lines name stored models. */
  z.object({ kind: z.literal('recipe'), yaml: z.string().max(200_000) }),
]);
export type ForkReward = z.infer<typeof rewardSchema>;

/** `state`: an edited one to go on from in place of the recorded one of the frame. [stateDim] */
const place = { episodeId: id, frame: z.int().min(0), state: stateSchema.optional() };

const choicesSchema = z.object({
  /** Control steps an episode of this task has at most, and seconds a step. */
  horizon: z.int(),
  controlDt: z.number(),
  /** Why no step can be taken from this frame; null where one can. */
  closed: z.string().nullable(),
  /** Numbers of the state that differ from the recorded ones. */
  changes: z.array(z.string()),
  /** What the parent is paid by, in words; null where it is paid nothing. */
  own: z.string().nullable(),
  policies: z.array(
    z.object({
      runId: id,
      name: z.string(),
      algorithm: z.string(),
      /** Newest first. */
      checkpoints: z.array(z.object({ id, step: z.int() })),
      /** Whether its actions can be drawn. */
      draws: z.boolean(),
    }),
  ),
  rewards: z.array(z.object({ runId: id, name: z.string(), terms: z.string() })),
});
export type ForkChoices = z.infer<typeof choicesSchema>;

/** `frames` and `trueProgress` [n]: the episode thinned, first and last frame among them. */
const branchSchema = z.object({
  id,
  runId: id,
  fork: forkSchema.nullable(),
  /** Frame of the root at which its frame 0 stands: not 0 of those that began in an edited state. */
  begins: z.int(),
  /** What differs from the frame that was edited, in words; null where it goes on from a recorded one. */
  edited: z.string().nullable(),
  length: z.int(),
  ending: z.string(),
  success: z.boolean(),
  finalProgress: z.number(),
  returnTotal: z.number(),
  rewardHash: z.string().nullable(),
  frames: z.array(z.int()),
  trueProgress: z.array(z.number()),
  /** First frame of success. */
  successAt: z.int().nullable(),
});
const treeSchema = z.object({
  root: id,
  controlDt: z.number(),
  /** Parents before children; children of one parent in the order in which they were made. */
  branches: z.array(branchSchema),
  /** Episodes of the tree that were left out because there are too many. */
  left: z.int(),
});
export type ForkTree = z.infer<typeof treeSchema>;

export const forksContract = {
  /** With whom and what a fork of this frame can go on. */
  choices: oc.input(z.object(place)).output(choicesSchema),
  /**
   * Goes on from a frame and stores the whole episode: the parent's first `frame` steps, then at most `steps` new ones; from an edited
   * state on the new ones alone. Progress comes as events `fork`; to drop the call is to stop it, and nothing is stored.
   */
  create: oc
    .input(
      z.object({
        ...place,
        by: actorSchema,
        reward: rewardSchema.default({ kind: 'own' }),
        steps: z.int().min(1).max(100_000).optional(),
      }),
    )
    .output(z.object({ id, runId: id })),
  /** Every episode that hangs together with this one by forks. */
  tree: oc.input(z.object({ id })).output(treeSchema),
};

const session = z.string().min(1).max(40);

/** A key that drives: held down it adds to components of the action; `toggle`: pressed, it turns its component over. */
const driveKeySchema = z.object({
  /** Each a `KeyboardEvent.code`; any of them will do. */
  codes: z.array(z.string()),
  /** What stands on the first of them. */
  label: z.string(),
  title: z.string(),
  kind: z.enum(['hold', 'toggle', 'option']),
  /** In [-1, 1]; of `option` the one option. */
  adds: z.array(z.object({ component: z.int(), value: z.number() })),
});
export type DriveKey = z.infer<typeof driveKeySchema>;

/**
 * The newest frames of a drive. `data` unpacks to, for the frames `from` .. `frame`, n of them:
 *  - `poses` float32 [n, bodies, 7], `colours` float32 [n, bodies, 3] of tasks that have them, `contact` uint8 [n] where told
 *  - `trueProgress` float32 [n], `trueStage` uint8 [n], `trueSuccess` uint8 [n], `learned/<method>` float32 [n]
 *  - of the steps that led to them, n - 1 or n: `actions` float64 [.., actionDim], `reward/<term>/raw`, `/weight`, `/product` float64,
 *    `reward/total` float64
 */
const driveFrameSchema = z.object({
  session,
  frame: z.int(),
  from: z.int(),
  /** How the episode ended; null while it goes on. */
  ending: z.enum(['terminated', 'truncated', 'diverged']).nullable(),
  success: z.boolean(),
  /** Weighted sum of all steps so far. */
  returnTotal: z.number(),
  /** Options of a discrete action, or the action in [-1, 1], of the newest step. */
  action: z.array(z.number()),
  data: bytesSchema,
});
export type DriveFrame = z.infer<typeof driveFrameSchema>;

export const driveContract = <Opened extends z.ZodType>(opened: Opened) => ({
  /** Takes the wheel at a frame. A few sessions at a time; one that nobody steps for minutes ends by itself (docs/forks.md). */
  start: oc.input(z.object({ ...place, reward: rewardSchema.default({ kind: 'own' }) })).output(
    z.object({
      session,
      /** The parent up to the frame, as the fork begins. */
      opened,
      keys: z.array(driveKeySchema),
      /** Nothing moves on until a key is down: tasks in which every step is a move. */
      waits: z.boolean(),
      horizon: z.int(),
      /** Milliseconds after which an untouched session ends. */
      idleMs: z.int(),
    }),
  ),
  /** Control steps, at most until the episode ends: with this action, with what these keys say, or by somebody else. */
  step: oc
    .input(
      z.object({
        session,
        steps: z.int().min(1).max(100).default(1),
        /** In [-1, 1], or options. */
        action: z.array(z.number()).optional(),
        /** Codes of the keys that are down. */
        keys: z.array(z.string().max(30)).max(20).optional(),
        by: actorSchema.optional(),
      }),
    )
    .output(driveFrameSchema),
  /** Everything from frame `from` on, for whoever lost count. */
  frame: oc.input(z.object({ session, from: z.int().min(0) })).output(driveFrameSchema),
  /** Ends the session: stored as a fork, or thrown away. `mark`: what the driver thinks of it. */
  finish: oc
    .input(
      z.object({ session, keep: z.boolean(), mark: z.enum(['success', 'failure']).nullable().default(null) }),
    )
    .output(z.object({ id: id.nullable() })),
});

export const forkEvents = [
  /** What `forks.create` works on: steps done of `total` at most. */
  z.object({ type: z.literal('fork'), episode: id, done: z.int(), total: z.int() }),
] as const;

const lineageSchema = z.object({
  episode: z.object({ id, title: z.string() }),
  run: z.object({ id, name: z.string(), kind: z.string() }),
  /** The policy that acted, where it is known. */
  checkpoint: z.object({ id, runId: id, step: z.int(), hash: z.string() }).nullable(),
  models: z.array(
    z.object({
      id,
      method: z.string(),
      hash: z.string(),
      /** Position in the reward stack, or `scores` where it only looks on. */
      role: z.string(),
      demonstrations: z.object({
        runId: id,
        name: z.string(),
        count: z.int(),
        failures: z.int(),
        /** Who labelled how many of these episodes. */
        labels: z.array(z.object({ source: z.string(), episodes: z.int() })),
      }),
    }),
  ),
  /** For policies that learned from demonstrations. */
  demonstrations: z.object({ runId: id, name: z.string(), count: z.int() }).nullable(),
  parent: z.object({ id, frame: z.int(), actor: z.string(), edited: z.string().nullable() }).nullable(),
  forks: z.array(id),
  /** As `runs.lineage`, of this episode's surroundings. */
  nodes: z.array(
    z.object({
      key: z.string(),
      kind: z.enum(['run', 'model', 'episodes', 'checkpoint', 'episode', 'labels']),
      title: z.string(),
      id: id.nullable(),
    }),
  ),
  edges: z.array(z.object({ from: z.string(), to: z.string(), role: z.string() })),
});
export type EpisodeLineage = z.infer<typeof lineageSchema>;

export const episodeLineageContract = {
  /** Everything an episode came from. */
  lineage: oc.input(z.object({ id })).output(lineageSchema),
};
