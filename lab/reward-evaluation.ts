/**
 * Which progress reward should I trust on this task, and why? Stored models and methods fitted on the spot are judged on the
 * same episodes by the same measures, counter-baselines beside them. `evaluateRewards` works where it is called;
 * reward-evaluation-run.ts gives it a thread of its own.
 */

import type { algorithms } from '../learn/algorithms/index.ts';
import { thereAndBack } from '../learn/diagnostics/agreement.ts';
import { withoutOracle } from '../learn/diagnostics/blind.ts';
import type { Measure } from '../learn/diagnostics/measure.ts';
import { type ReliabilityBin, reliability } from '../learn/diagnostics/outcomes.ts';
import { reversed } from '../learn/diagnostics/voc.ts';
import { fingerprint } from '../learn/rewards/fingerprint.ts';
import { rewards } from '../learn/rewards/index.ts';
import { openSenses, type SenseId } from '../learn/rewards/senses.ts';
import type { StackEntry } from '../learn/rewards/stack.ts';
import type { LearnedReward, RewardMethod, RewardModel } from '../learn/rewards/types.ts';
import type { Compute } from '../learn/tensor/compute.ts';
import type { TaskModel } from '../sim/env.ts';
import { type AnySettings, defaultsOf } from '../sim/fields.ts';
import { sparseEntry, successOf, trainStudy } from './claims/train.ts';
import { messageOf, UsageError } from './errors.ts';
import { fitOn } from './fit.ts';
import { type Footage, play, trajectory } from './footage.ts';
import {
  demonstrationNoise,
  type GroupId,
  judgedEpisodes,
  mainGroups,
  type StoredEpisodes,
} from './judged-episodes.ts';
import { algorithmNamed, learnedReward, taskNamed } from './registry.ts';
import { type DistanceRow, distancesOf, distanceTable } from './reward-distances.ts';
import { judgedOf, type ModelScores, type RewardTable, rewardTables } from './reward-tables.ts';
import { judgeRewards, type ModelVerdict } from './reward-verdicts.ts';
import { episodeSeed } from './seeds.ts';
import { taskRecipe } from './task-recipe.ts';
import { version } from './versions.ts';

/** What is judged: a model that is stored, or a method to be fitted. */
export type RewardSource =
  | {
      readonly kind: 'stored';
      readonly id: number;
      readonly method: string;
      readonly hash: string;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'fit'; readonly method: string };

export interface Retraining {
  /** Environment steps a policy. */
  readonly steps: number;
  /** On top of the sparse reward as potential-based shaping, or the score alone as the reward. */
  readonly use: 'shaping' | 'alone';
  readonly seeds: number;
}

export interface RewardEvaluationRequest {
  readonly task: string;
  readonly taskSettings: AnySettings;
  readonly sources: readonly RewardSource[];
  /** As the command line would name them. */
  readonly words: string;
  /** Judged episodes in each group. */
  readonly episodes: number;
  readonly stride: number;
  readonly seed: number;
  /** What methods are fitted on. */
  readonly demonstrations: number;
  readonly failures: number;
  readonly retrain: Retraining | null;
  /** Episodes of a run, judged beside the played ones. */
  readonly stored: StoredEpisodes | null;
}

export const evaluationDefaults = {
  episodes: 20,
  stride: 5,
  seed: 0,
  demonstrations: 60,
  failures: 40,
} as const;

export interface RewardEvaluationOptions {
  readonly compute: Compute;
  readonly signal: AbortSignal;
  /** What is worked on now, and which part of how many that is. */
  readonly onProgress: (part: string, done: number, total: number) => void;
  /** A stored episode was scored by a stored model: worth keeping. */
  readonly onScore?: (score: EpisodeScoreOf) => void;
}

export interface EpisodeScoreOf {
  readonly episode: number;
  readonly hash: string;
  readonly perStep: Float32Array;
}

/** One judged model. */
export interface JudgedModel {
  /** Names it in the tables. */
  readonly key: string;
  readonly method: string;
  readonly title: string;
  readonly source: 'stored' | 'fitted';
  /** Of a stored one. */
  readonly id: number | null;
  /** A counter-baseline: it shows what a measure is worth. */
  readonly baseline: boolean;
  /** False: it looks ahead and cannot be paid online. */
  readonly causal: boolean;
  /** Null where there is no model. */
  readonly hash: string | null;
  readonly senses: readonly string[];
  /** Seconds of wall time; null of a stored one. */
  readonly fitSeconds: number | null;
  readonly fitMetrics: Readonly<Record<string, number>>;
  /** Why it could not be fitted or could not score; then it is in no table. */
  readonly failed: string | null;
}

export interface RewardEvaluation {
  readonly task: string;
  readonly taskVersion: number;
  readonly version: string;
  readonly seed: number;
  readonly stride: number;
  readonly groups: readonly {
    readonly id: string;
    readonly title: string;
    readonly episodes: number;
    readonly success: number;
    readonly near: number;
    readonly failure: number;
  }[];
  readonly missing: readonly string[];
  readonly models: readonly JudgedModel[];
  readonly tables: readonly RewardTable[];
  /** Of each model: final score against success, by bins of the score. */
  readonly reliability: readonly { readonly model: string; readonly bins: readonly ReliabilityBin[] }[];
  /** Every two rewards, the task's own among them. */
  readonly distances: readonly DistanceRow[];
  readonly verdicts: readonly ModelVerdict[];
  /** Which one to trust, in plain words. */
  readonly answer: string;
  /** How the episodes and models came about. */
  readonly protocol: string;
  /** Runs it again. */
  readonly command: string;
  readonly seconds: number;
}

interface Fitted extends JudgedModel {
  readonly model: RewardModel | null;
}

/** @throws UsageError on a task that is unknown or impossible; rejects with an AbortError when cancelled. */
export async function evaluateRewards(
  request: RewardEvaluationRequest,
  { compute, signal, onProgress, onScore }: RewardEvaluationOptions,
): Promise<RewardEvaluation> {
  const begun = performance.now();
  const { seed, stride, sources, retrain } = request;
  const task = taskNamed(request.task);
  if (task === undefined) throw new UsageError([`eval-reward: unknown task "${request.task}"`]);
  const model = task.create(request.taskSettings);
  const total = sources.length + 3 + (retrain === null ? 0 : 1);
  let done = 0;
  const part = async (text: string, counts = true): Promise<void> => {
    onProgress(text, done, total);
    if (counts) done++;
    // Lets messages in, among them the one that says stop.
    await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) throw new DOMException('The evaluation was cancelled', 'AbortError');
  };

  // 1. what is judged on
  await part('playing the judged episodes');
  const set = judgedEpisodes({ model, episodes: request.episodes, seed, stored: request.stored });

  // 2. the models
  const material =
    sources.some(({ kind }) => kind === 'fit') || retrain !== null ? collected(model, request) : [];
  const fitted: Fitted[] = [];
  for (const source of sources) {
    await part(source.kind === 'stored' ? `loading model ${source.id}` : `fitting ${source.method}`);
    fitted.push(await modelOf(source, model, material, request, compute, signal));
  }

  // 3. scores, through senses alone
  await part('scoring');
  const scores = new Map<string, ModelScores>();
  const failures = new Map<string, string>();
  for (const one of fitted) {
    if (one.model === null) continue;
    await part(`scoring ${one.key}`, false);
    try {
      const hash = one.source === 'stored' ? one.hash : null;
      scores.set(one.key, scoresOf(one.model, model, set, request.stored, hash, onScore));
    } catch (error) {
      failures.set(one.key, messageOf(error));
    }
  }

  // 4. measures
  await part('measuring');
  const input = { set, scores, stride, seed };
  const tables = rewardTables(input);
  const algorithm = trainedBy(request);
  const distances = distancesOf({ model, set, scores, stride, seed, gamma: algorithm.gamma });
  tables.push(distanceTable(distances, [...scores.keys()], { gamma: algorithm.gamma, stride, set }));

  // 5. what a policy makes of them
  if (retrain !== null) {
    await part('retraining');
    tables.push(
      await regretTable({
        request,
        retrain,
        model,
        material,
        models: fitted.filter(({ key }) => scores.has(key)),
        compute,
        signal,
        onPart: (text) => part(text, false),
      }),
    );
  }

  const models = fitted.map(({ model: _model, ...one }): JudgedModel => {
    const failed = failures.get(one.key);
    return failed === undefined ? one : { ...one, failed };
  });
  const { verdicts, answer } = judgeRewards(models, tables);
  return {
    task: request.task,
    taskVersion: model.version,
    version,
    seed,
    stride,
    groups: set.groups.map(({ id, title, episodes }) => {
      const count = (outcome: Footage['outcome']): number =>
        episodes.filter((one) => one.outcome === outcome).length;
      return {
        id,
        title,
        episodes: episodes.length,
        success: count('success'),
        near: count('near'),
        failure: count('failure'),
      };
    }),
    missing: set.missing,
    models,
    tables,
    reliability: [...scores.keys()].map((key) => ({
      model: key,
      bins: reliability(judgedOf(input, key, mainGroups)),
    })),
    distances,
    verdicts,
    answer,
    protocol: protocolOf(request),
    command: commandOf(request),
    seconds: (performance.now() - begun) / 1000,
  };
}

// Models

/** As the lab collects them: the expert with noise, and somebody who wanders. */
function collected(model: TaskModel, { seed, demonstrations, failures }: RewardEvaluationRequest): Footage[] {
  const seeds = (purpose: 'demonstration' | 'failure', count: number): number[] =>
    Array.from({ length: count }, (_, i) => episodeSeed(purpose, seed, i));
  return [
    ...play({
      model,
      player: { kind: 'expert', noise: demonstrationNoise },
      seeds: seeds('demonstration', demonstrations),
      name: 'demonstration',
    }),
    ...play({ model, player: { kind: 'wandering' }, seeds: seeds('failure', failures), name: 'wandering' }),
  ];
}

async function modelOf(
  source: RewardSource,
  model: TaskModel,
  material: readonly Footage[],
  { seed }: RewardEvaluationRequest,
  compute: Compute,
  signal: AbortSignal,
): Promise<Fitted> {
  const method = learnedReward(
    source.method,
    source.kind === 'stored' ? `model ${source.id}` : 'eval-reward',
  );
  const head = {
    key: source.kind === 'stored' ? `${source.method} #${source.id}` : source.method,
    method: source.method,
    title: method.title,
    source: source.kind === 'stored' ? ('stored' as const) : ('fitted' as const),
    id: source.kind === 'stored' ? source.id : null,
    baseline: method.baseline === true,
    causal: method.causal,
    hash: source.kind === 'stored' ? source.hash : null,
    senses: [] as readonly string[],
    fitSeconds: null as number | null,
    fitMetrics: {} as Readonly<Record<string, number>>,
    failed: null as string | null,
  };
  const begun = performance.now();
  try {
    if (source.kind === 'stored') {
      const loaded = method.load(source.bytes);
      checkFits(loaded, model);
      return { ...head, senses: loaded.senses, model: loaded };
    }
    const { model: found, metrics } = await fitOn(method, {}, model, material, {
      compute,
      seed: episodeSeed('fit', seed, 0),
      signal,
    });
    return {
      ...head,
      senses: found.senses,
      hash: fingerprint(found.save()),
      fitSeconds: (performance.now() - begun) / 1000,
      fitMetrics: metrics,
      model: found,
    };
  } catch (error) {
    if (signal.aborted) throw error;
    return { ...head, failed: messageOf(error), model: null };
  }
}

/** A stored model may be of other settings of the task. @throws RangeError */
function checkFits(loaded: RewardModel, model: TaskModel): void {
  const { dim } = openSenses(model, loaded.senses);
  if (dim !== loaded.frameDim) {
    throw new RangeError(
      `it reads frames of ${loaded.frameDim} numbers, ${model.id} as it is set gives ${dim}; it was fitted with other settings of the task`,
    );
  }
}

/**
 * Everything is scored on every frame, whatever the stride: windows and clocks count frames. `hash`: of a stored model, whose
 * cached scores of stored episodes count.
 */
function scoresOf(
  reward: RewardModel,
  model: TaskModel,
  { groups, clips }: ReturnType<typeof judgedEpisodes>,
  stored: StoredEpisodes | null,
  hash: string | null,
  onScore: RewardEvaluationOptions['onScore'],
): ModelScores {
  const senses = openSenses(withoutOracle(model), reward.senses as readonly SenseId[]);
  const framesOf = ({ states, length }: Footage): Float64Array => {
    const frames = new Float64Array((length + 1) * senses.dim);
    senses.read(states, 0, length + 1, frames, 0);
    return frames;
  };
  const score = (frames: Float64Array): Float32Array =>
    reward.score(frames, frames.length / senses.dim - 1).perStep;
  const storedScore = (footage: Footage, index: number): Float32Array => {
    const { id, scores } = stored!.episodes[index]!;
    const known = hash === null ? undefined : scores[hash];
    if (known !== undefined) return known;
    const perStep = score(framesOf(footage));
    if (hash !== null) onScore?.({ episode: id, hash, perStep });
    return perStep;
  };
  const byGroup: Partial<Record<GroupId, Float32Array[]>> = {};
  for (const { id, episodes } of groups)
    byGroup[id] = episodes.map((one, i) => (id === 'stored' ? storedScore(one, i) : score(framesOf(one))));
  const seen = clips.map(framesOf);
  return {
    groups: byGroup,
    forward: seen.map(score),
    reversed: seen.map((frames) => score(reversed(frames, senses.dim))),
    rewound: seen.map((frames) => score(thereAndBack(frames, senses.dim))),
  };
}

// Retrain and regret

/** As much as the shaping of recipes/push-progress.yaml. */
const shapingWeight = 10;
const retrainEpisodes = 50;

/** What the task is trained with when nothing is said. */
function trainedBy({ task }: RewardEvaluationRequest): {
  readonly id: keyof typeof algorithms;
  readonly settings: AnySettings;
  readonly gamma: number;
} {
  const { recipe } = taskRecipe({ task });
  const algorithm = algorithmNamed(recipe.algorithm)!;
  const settings = { ...defaultsOf(algorithm.fields), ...recipe.algorithmSettings };
  return {
    id: recipe.algorithm as keyof typeof algorithms,
    settings,
    gamma: settings['gamma'] as number,
  };
}

interface RegretInput {
  readonly request: RewardEvaluationRequest;
  readonly retrain: Retraining;
  readonly model: TaskModel;
  readonly material: readonly Footage[];
  readonly models: readonly Fitted[];
  readonly compute: Compute;
  readonly signal: AbortSignal;
  readonly onPart: (text: string) => Promise<void>;
}

/**
 * Each reward is optimised by the same algorithm with the same steps and seeds, and what came of it is scored by the truth.
 *   regret = success of the best of the task's own rewards (sparse, dense) - success of this one, seed by seed
 */
async function regretTable(input: RegretInput): Promise<RewardTable> {
  const { request, retrain, model, material, models, compute, signal, onPart } = input;
  const { id, settings } = trainedBy(request);
  const entries: { key: string; entries: readonly StackEntry[] }[] = [
    { key: 'sparse', entries: [sparseEntry] },
    { key: 'dense', entries: [{ kind: 'native', reward: rewards.dense, weight: 1 }] },
    ...models
      .filter(({ causal }) => causal)
      .map((one) => ({
        key: one.key,
        entries:
          retrain.use === 'shaping'
            ? [sparseEntry, learnedLine(one, 'shaping', shapingWeight)]
            : [learnedLine(one, 'level', 1)],
      })),
  ];
  const seeds = Array.from({ length: retrain.seeds }, (_, i) => request.seed + i);
  const success = new Map<string, number[]>();
  for (const one of entries) {
    const found: number[] = [];
    for (const seed of seeds) {
      await onPart(`training on ${one.key}, seed ${seed}`);
      const { policy } = await trainStudy({
        model,
        algorithm: id,
        settings: { ...settings, steps: retrain.steps },
        entries: one.entries,
        seed,
        compute,
        signal,
        demonstrations: material
          .filter(({ outcome }) => outcome === 'success')
          .map((each) => trajectory(model, each)),
      });
      found.push(await successOf(model, policy, seed, retrainEpisodes));
    }
    success.set(one.key, found);
  }
  const best = seeds.map((_, i) => Math.max(success.get('sparse')![i]!, success.get('dense')![i]!));
  return {
    id: 'regret',
    title: 'Retrained on, scored by the truth',
    columns: [
      {
        id: 'success',
        title: 'success',
        better: 'higher',
        help: 'Share of fresh starts on which the policy trained on this reward succeeds',
      },
      {
        id: 'regret',
        title: 'regret',
        better: 'lower',
        help: "Success of the best of the task's own rewards minus this, seed by seed",
      },
    ],
    rows: [...success].map(([model, values]) => ({
      model,
      cells: { success: overSeeds(values), regret: overSeeds(values.map((value, i) => best[i]! - value)) },
    })),
    protocol: `${id} as the task is tuned, ${retrain.steps} steps, training seeds ${seeds.join(', ')}, ${retrainEpisodes} evaluation starts each; ${
      retrain.use === 'shaping'
        ? `models as potential-based shaping of weight ${shapingWeight} on top of the sparse reward`
        : 'the score of a model as the only reward'
    }; intervals: range over training seeds, none with fewer than two: another seed gives other policies`,
  };
}

const learnedLine = (one: Fitted, use: 'shaping' | 'level', weight: number): StackEntry => ({
  kind: 'learned',
  method: one.method,
  model: one.model!,
  use,
  weight,
});

/** Seeds are too few for a bootstrap to mean much: their range. */
const overSeeds = (values: readonly number[]): Measure => ({
  value: values.reduce((sum, value) => sum + value, 0) / values.length,
  interval: values.length < 2 ? null : { low: Math.min(...values), high: Math.max(...values) },
  count: values.length,
});

// Words

function protocolOf(request: RewardEvaluationRequest): string {
  const { episodes, seed, stride, demonstrations, failures, sources } = request;
  const fits = sources.filter(({ kind }) => kind === 'fit').length;
  return [
    `${episodes} judged episodes a group on starts that no model was fitted on (stream "judged", seed ${seed})`,
    `scores on every frame, measured on every frame whose number divides by ${stride} and the last`,
    ...(fits === 0
      ? []
      : [
          `${fits} methods fitted at default settings on ${demonstrations} demonstrations (held noise up to ${demonstrationNoise}) and ${failures} wandering episodes, seed ${seed}`,
        ]),
    'models see senses only, read through a task whose oracle throws',
  ].join('; ');
}

function commandOf(request: RewardEvaluationRequest): string {
  const { task, taskSettings, words, episodes, seed, stride, demonstrations, failures, retrain, stored } =
    request;
  const fields = taskNamed(task)!.fields;
  const sets = Object.entries(taskSettings)
    .filter(([name, value]) => fields[name] !== undefined && fields[name].default !== value)
    .map(([name, value]) => `--set ${name}=${String(value)}`);
  return [
    `npm run -s lab -- eval-reward --task ${task} --models ${words} --episodes ${episodes} --stride ${stride} --seed ${seed}`,
    `--demonstrations ${demonstrations} --failures ${failures}`,
    ...(retrain === null
      ? []
      : [`--retrain ${retrain.steps} --retrain-use ${retrain.use} --retrain-seeds ${retrain.seeds}`]),
    ...(stored === null ? [] : [`--run ${stored.run}`]),
    ...sets,
    '--json',
  ].join(' ');
}

/** Every learned method of this version, counter-baselines among them. */
export const learnedMethods: readonly LearnedReward[] = Object.values(
  rewards as Readonly<Record<string, RewardMethod>>,
).filter((method) => method.kind === 'learned');
