/** Robo-Dopamine (arXiv:2512.23703): hops against differences, fusion, a second view, and one demonstration of a new task. */

import { meanAbsoluteError, spearman, thereAndBack } from '../../learn/diagnostics/agreement.ts';
import { askedOtherwise, automaticSuccess, roboDopamine } from '../../learn/rewards/robo-dopamine.ts';
import { openSenses, type SenseId } from '../../learn/rewards/senses.ts';
import type { StackEntry } from '../../learn/rewards/stack.ts';
import type { Demonstration, EpisodeScore, RewardModel } from '../../learn/rewards/types.ts';
import type { TaskModel } from '../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { fitContext } from '../fit.ts';
import { demonstrate, type Footage, play, sensed, trajectory } from '../footage.ts';
import { episodeSeed } from '../seeds.ts';
import { mean } from '../statistics.ts';
import { sparseEntry, successOf, type TrainedStudy, trainStudy } from './train.ts';
import type { Claim, ClaimSetup } from './types.ts';
import { warmStarted } from './warm-start.ts';

/** How large the experiments are; tests take smaller ones. */
export interface Sizes {
  /** Demonstrations of the task, expert with held noise up to 0.4; and failures beside them, an arm that wanders. */
  readonly demonstrations: number;
  readonly failures: number;
  /** Of each kind that is judged. */
  readonly judged: number;
  readonly updates: number;
  /** One-shot: demonstrations of each other task, and updates of the adaptation. */
  readonly pretraining: number;
  readonly adaptation: number;
  readonly episodes: number;
  /** Fresh starts on which a policy is judged. */
  readonly starts: number;
}

const sizes: Sizes = {
  demonstrations: 10,
  failures: 5,
  judged: 8,
  updates: 2000,
  pretraining: 15,
  adaptation: 600,
  episodes: 150,
  starts: 100,
};

const seedsOf = (
  purpose: Parameters<typeof episodeSeed>[0],
  seed: number,
  count: number,
  from = 0,
): number[] => Array.from({ length: count }, (_, i) => episodeSeed(purpose, seed, from + i));

/** Successful demonstrations of the expert with held noise. @throws RangeError where it succeeds too seldom. */
function experts(model: TaskModel, seed: number, count: number, noise: number): Footage[] {
  const found: Footage[] = [];
  for (let i = 0; i < 5 * count && found.length < count; i++) {
    const [one] = play({
      model,
      player: { kind: 'expert', noise },
      seeds: seedsOf('demonstration', seed, 1, i),
    }) as [Footage];
    if (one.outcome === 'success') found.push(one);
  }
  if (found.length < count)
    throw new RangeError(
      `${model.id}: ${found.length} of ${5 * count} demonstrations succeeded, wanted ${count}`,
    );
  return found;
}

async function fitted(
  { seed, compute, signal }: ClaimSetup,
  model: TaskModel,
  demonstrations: readonly Demonstration[],
  settings: AnySettings,
  more: { readonly pretrained?: Uint8Array; readonly stages?: readonly string[] } = {},
): Promise<RewardModel> {
  const whole = { ...defaultsOf(roboDopamine.fields), ...settings };
  const setup = { compute, seed: episodeSeed('fit', seed, 0), signal };
  const { model: reward } = await roboDopamine.fit(demonstrations, whole, {
    ...fitContext(model, roboDopamine.senses!(whole), setup),
    ...more,
  });
  return reward;
}

// ---------------------------------------------------------------------------------------------------------------------
// How good the curve is

/** Frames that are judged, and what the simulator knows of them. */
interface Judged {
  readonly frames: Float64Array;
  readonly progress: Float64Array;
  /** Frame of the turn where the episode is played there and back. */
  readonly turn?: number;
}

/** Held-out successes, the same there and back, and an arm that wanders. */
function judgedEpisodes({ model, seed }: ClaimSetup, senses: readonly SenseId[], count: number): Judged[] {
  const good = play({
    model,
    player: { kind: 'expert', noise: 0.4 },
    seeds: seedsOf('evaluation', seed, count),
  });
  const bad = play({ model, player: { kind: 'wandering' }, seeds: seedsOf('failure', seed, count, 1000) });
  const plain = (footage: Footage): Judged => ({
    frames: sensed(model, footage, senses),
    progress: footage.truth.progress,
  });
  return [
    ...good.map(plain),
    ...good.map((footage) => {
      const { frames, progress } = plain(footage);
      return {
        frames: thereAndBack(frames, frames.length / progress.length),
        progress: thereAndBack(progress, 1),
        turn: footage.length,
      };
    }),
    ...bad.map(plain),
  ];
}

/** Mean over episodes of the mean |Phi - true progress|; and of the rank correlation with time, there and (turned) back. */
function judge(
  score: (frames: Float64Array, length: number) => EpisodeScore,
  episodes: readonly Judged[],
): { readonly error: number; readonly order: number } {
  const errors: number[] = [];
  const orders: number[] = [];
  const rank = (values: Float32Array): number =>
    spearman(
      values,
      Float64Array.from(values, (_, t) => t),
    );
  for (const { frames, progress, turn } of episodes) {
    const { perStep } = score(frames, progress.length - 1);
    errors.push(meanAbsoluteError(perStep, progress));
    if (turn === undefined) continue;
    orders.push(rank(perStep.subarray(0, turn + 1)), -rank(perStep.subarray(turn)));
  }
  return { error: mean(errors), order: mean(orders.map((value) => (Number.isFinite(value) ? value : 0))) };
}

async function qualityModel(setup: ClaimSetup, size: Sizes, settings: AnySettings): Promise<RewardModel> {
  const { model, seed } = setup;
  const senses = roboDopamine.senses!({ ...defaultsOf(roboDopamine.fields), ...settings });
  const footage = [
    ...experts(model, seed, size.demonstrations, 0.4),
    ...play({ model, player: { kind: 'wandering' }, seeds: seedsOf('failure', seed, size.failures) }).filter(
      ({ outcome }) => outcome !== 'success',
    ),
  ];
  return fitted(
    setup,
    model,
    footage.map((one) => demonstrate(model, one, senses)),
    { updates: size.updates, ...settings },
  );
}

const alone = { incremental: false, forward: false, backward: false } as const;

async function hopAgainstDelta(setup: ClaimSetup, size: Sizes): Promise<Record<string, number>> {
  const judged = judgedEpisodes(setup, ['observation'], size.judged);
  const out: Record<string, number> = {};
  for (const target of ['hop', 'delta', 'absolute'] as const) {
    setup.onProgress(target);
    const reward = await qualityModel(setup, size, { target, ...alone, incremental: true });
    const { error, order } = judge(reward.score, judged);
    out[target] = error;
    out[`${target}-order`] = order;
  }
  return out;
}

async function fusion(setup: ClaimSetup, size: Sizes): Promise<Record<string, number>> {
  const judged = judgedEpisodes(setup, ['observation'], size.judged);
  const bytes = (await qualityModel(setup, size, {})).save();
  const errorOf = (changes: Parameters<typeof askedOtherwise>[1]): number =>
    judge(askedOtherwise(bytes, changes).score, judged).error;
  return {
    fused: errorOf({}),
    incremental: errorOf({ ...alone, incremental: true }),
    forward: errorOf({ ...alone, forward: true }),
    backward: errorOf({ ...alone, backward: true }),
    conservative: errorOf({ consistency: true }),
  };
}

/** Share of an episode during which the first view is blocked, in one piece. */
const blockedShare = 0.4;
const views = ['front', 'side'] as const;

async function twoViews(setup: ClaimSetup, size: Sizes): Promise<Record<string, number>> {
  const out: Record<string, number> = {};
  for (const [arm, seen] of [
    ['both', views],
    ['one', views.slice(0, 1)],
  ] as const) {
    setup.onProgress(arm);
    const senses = seen.map((view): SenseId => `seen:${view}`);
    const reward = await qualityModel(setup, size, { senses: senses.join(', ') });
    const judged = judgedEpisodes(setup, senses, size.judged);
    const firstDim = openSenses(setup.model, senses).parts[0]!.dim;
    for (const [i, { frames, progress }] of judged.entries()) {
      const dim = frames.length / progress.length;
      const blocked = Math.floor(blockedShare * progress.length);
      // Somewhere between the first frame and the last, another place for every episode.
      const from = 1 + Math.floor(((i + 0.5) / judged.length) * (progress.length - 1 - blocked));
      for (let t = from; t < from + blocked; t++) frames.fill(0, t * dim, t * dim + firstDim);
    }
    out[arm] = judge(reward.score, judged).error;
  }
  return out;
}

// ---------------------------------------------------------------------------------------------------------------------
// One demonstration of a new task

/** What reward model and first policy have seen before: other tasks of the same hand, in `objects`, which all tasks share. */
const otherTasks = ['reach', 'push', 'pick-place'] as const;
/** Those in which it moves freely towards a target: what the policy learns to act on. */
const policyTasks: readonly string[] = ['reach', 'pick-place'];
const senses = ['objects'] as const;

const create = (id: keyof typeof tasks): TaskModel => tasks[id].create(defaultsOf(tasks[id].fields));

interface Prepared {
  readonly demonstration: Footage;
  /** Fitted on the other tasks, adapted to the demonstration. */
  readonly adapted: RewardModel;
  /** Fitted on the demonstration alone. */
  readonly fresh: RewardModel;
}

const settingsOf = (updates: number): AnySettings => ({ senses: senses.join(), updates });

async function adapt(setup: ClaimSetup, size: Sizes): Promise<Prepared> {
  const { model, seed, onProgress } = setup;
  onProgress('pre-training the reward model');
  const others: Demonstration[] = [];
  let stages: readonly string[] = [];
  for (const id of otherTasks) {
    const other = create(id);
    const names = other.stages.map((stage) => stage.id);
    if (names.length > stages.length) stages = names;
    const failures = play({
      model: other,
      player: { kind: 'wandering' },
      seeds: seedsOf('failure', seed, Math.ceil(size.pretraining / 3)),
    });
    for (const footage of [
      ...experts(other, seed, size.pretraining, 0.4),
      ...failures.filter(({ outcome }) => outcome === 'failure'),
    ])
      others.push(demonstrate(other, footage, senses));
  }
  const before = await fitted(setup, create('reach'), others, settingsOf(1.5 * size.updates), { stages });
  onProgress('adapting it');
  const [demonstration] = experts(model, seed, 1, 0) as [Footage];
  const one = [demonstrate(model, demonstration, senses)];
  const adaptation = { ...settingsOf(size.adaptation), learningRate: 1e-3 };
  return {
    demonstration,
    adapted: await fitted(setup, model, one, adaptation, { pretrained: before.save() }),
    fresh: await fitted(setup, model, one, settingsOf(size.updates)),
  };
}

/** Reward quality only: what one demonstration is worth with and without the other tasks. */
async function oneDemonstration(setup: ClaimSetup, size: Sizes): Promise<Record<string, number>> {
  const { adapted, fresh } = await adapt(setup, size);
  const judged = judgedEpisodes(setup, senses, size.judged);
  return { adapted: judge(adapted.score, judged).error, fresh: judge(fresh.score, judged).error };
}

/** A task seen through `objects` alone. */
function throughObjects(model: TaskModel): TaskModel {
  const opened = openSenses(model, senses);
  const row = new Float64Array(model.stateDim);
  const { names } = opened.parts[0]!;
  return {
    ...model,
    observationSpace: {
      type: 'box',
      dim: opened.dim,
      names,
      low: new Float64Array(opened.dim).fill(-2),
      high: new Float64Array(opened.dim).fill(2),
    },
    observe(state, offset, out, at) {
      row.set(state.subarray(offset, offset + model.stateDim));
      opened.read(row, 0, 1, out, at);
    },
  };
}

/** Behavioural cloning on the other tasks and, ten times over, the one demonstration. A hand without fingers holds on. */
async function imitate(setup: ClaimSetup, demonstration: Footage, size: Sizes): Promise<TrainedStudy> {
  const { model, seed, compute, signal } = setup;
  const dim = model.actionSpace.dim;
  const read = (task: TaskModel, footage: Footage) => {
    const { actions, ...rest } = trajectory(throughObjects(task), footage);
    const own = task.actionSpace.dim;
    const wide = new Float64Array(footage.length * dim).fill(1);
    for (let t = 0; t < footage.length; t++) wide.set(actions.subarray(t * own, (t + 1) * own), t * dim);
    return { ...rest, actions: wide };
  };
  const demonstrations = otherTasks
    .filter((id) => policyTasks.includes(id))
    .flatMap((id) => {
      const other = create(id);
      return experts(other, seed, 2 * size.pretraining, 0.3).map((footage) => read(other, footage));
    });
  const own = read(model, demonstration);
  for (let n = 0; n < 10; n++) demonstrations.push(own);
  return trainStudy({
    model: throughObjects(model),
    algorithm: 'bc',
    settings: { steps: 300 * size.updates, heldOut: 0, worlds: 1, hiddenSize: recipe.hiddenSize },
    entries: [sparseEntry],
    seed,
    compute,
    signal,
    demonstrations,
  });
}

/** PPO from the imitating policy: all episodes of a round side by side, one round an iteration. */
const worlds = 15;
const recipe = {
  worlds,
  learningRate: 3e-4,
  gamma: 0.95,
  epochs: 10,
  entropyCoef: 0,
  initialLogStd: -1.5,
  hiddenSize: 128,
  normalizeObservations: false,
} as const;

async function oneShot(setup: ClaimSetup, size: Sizes): Promise<Record<string, number>> {
  const { model, seed, compute, signal, onProgress } = setup;
  const { demonstration, adapted } = await adapt(setup, size);
  onProgress('imitating');
  const base = await imitate(setup, demonstration, size);
  const seen = throughObjects(model);
  const gold = automaticSuccess(adapted, defaultsOf(roboDopamine.fields)['delta'] as number);
  // Success goes on being paid while it lasts, so 1 - gamma makes it worth as much as a single payment of 1 at the end.
  const each = 1 - recipe.gamma;
  const arms: Readonly<Record<string, readonly StackEntry[]>> = {
    shaped: [
      { kind: 'learned', method: adapted.method, model: adapted, use: 'shaping', weight: 1 },
      { kind: 'learned', method: gold.method, model: gold, use: 'level', weight: each },
    ],
    sparse: [{ ...sparseEntry, weight: each }],
  };
  const out: Record<string, number> = { before: await successOf(seen, base.policy, seed, size.starts) };
  for (const [arm, entries] of Object.entries(arms)) {
    onProgress(arm);
    const { policy } = await trainStudy({
      model: seen,
      algorithm: 'ppo',
      settings: {
        ...recipe,
        steps: size.episodes * model.horizon,
        stepsPerWorld: model.horizon,
        minibatch: Math.ceil((worlds * model.horizon) / 6),
      },
      entries,
      seed,
      compute,
      signal,
      episodes: size.episodes,
      begin: (fresh) => warmStarted(fresh, base.checkpoint),
    });
    out[arm] = await successOf(seen, policy, seed, size.starts);
  }
  return out;
}

// ---------------------------------------------------------------------------------------------------------------------

/** What demonstrations and objects are needed for, said before anything is fitted. */
const needsStages = ({ stages, actionSpace }: TaskModel): string | undefined =>
  stages.length < 2
    ? 'it has one stage only, so demonstrations have no keyframes'
    : actionSpace.type === 'discrete'
      ? 'its expert moves by options, so noise on its actions makes no demonstrations of other quality'
      : undefined;

const needsHand = (model: TaskModel): string | undefined =>
  needsStages(model) ??
  (model.actionSpace.dim === 4 && model.bodies.some(({ role }) => role === 'gripper')
    ? undefined
    : 'the other tasks are of a hand with fingers (4 actions), this one has none');

const errorMetric =
  'mean |Phi - true progress| over held-out expert episodes, the same there and back, and wandering ones';

/** The claims with experiments of this size. */
export const claimsOf = (size: Sizes): readonly Claim[] => [
  {
    id: 'hop',
    statement: 'Hops add up to truer progress than plain differences, which drift.',
    metric: `${errorMetric}; -order: rank correlation with time there and, turned, back; from the incremental estimate alone`,
    arms: {
      hop: 'hop labels',
      delta: 'difference labels',
      absolute: 'progress labels, nothing to add up',
      'hop-order': 'hop labels, order in time',
      'delta-order': 'difference labels, order in time',
      'absolute-order': 'progress labels, order in time',
    },
    baseline: 'delta',
    task: 'push',
    unsuitable: needsStages,
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'hop', than: 'delta', want: 'lower' },
      { kind: 'better', arm: 'hop-order', than: 'delta-order', want: 'higher' },
    ],
    run: (setup) => hopAgainstDelta(setup, size),
  },
  {
    id: 'fusion',
    statement: 'The mean of the three estimates is truer than each of them alone.',
    metric: errorMetric,
    arms: {
      fused: 'all three',
      incremental: 'from the frame before',
      forward: 'from the start',
      backward: 'from the goal',
      conservative: 'all three, gated by their consistency',
    },
    baseline: 'forward',
    task: 'push',
    unsuitable: needsStages,
    seeds: 5,
    expects: (['incremental', 'forward', 'backward'] as const).map((than) => ({
      kind: 'better',
      arm: 'fused',
      than,
      want: 'lower',
    })),
    run: (setup) => fusion(setup, size),
  },
  {
    id: 'views',
    statement: 'With the front camera blocked for 40 % of an episode, two cameras are truer than that one.',
    metric: errorMetric,
    arms: { both: 'seen:front and seen:side', one: 'seen:front' },
    baseline: 'one',
    task: 'push',
    unsuitable: needsStages,
    seeds: 5,
    expects: [{ kind: 'better', arm: 'both', than: 'one', want: 'lower' }],
    run: (setup) => twoViews(setup, size),
  },
  {
    id: 'adaptation',
    statement: 'After other tasks one demonstration is enough for a true reward; without them it is not.',
    metric: errorMetric,
    arms: {
      adapted: 'pre-trained on reach, push and pick-place, adapted to one demonstration',
      fresh: 'the same demonstration alone',
    },
    baseline: 'fresh',
    task: 'peg',
    unsuitable: needsStages,
    seeds: 5,
    expects: [{ kind: 'better', arm: 'adapted', than: 'fresh', want: 'lower' }],
    run: (setup) => oneDemonstration(setup, size),
  },
  {
    id: 'one-shot',
    statement:
      'After one demonstration success rises from near zero to at least 90 % within 150 online episodes, where the sparse reward alone stays below 30 %.',
    metric: 'success of the final policy on 100 fresh starts',
    arms: {
      before: 'the imitating policy that both start from',
      shaped: "automatic success + gamma Phi(s') - Phi(s), both from the adapted model",
      sparse: "the task's own success",
    },
    baseline: 'sparse',
    task: 'peg',
    unsuitable: needsHand,
    seeds: 3,
    expects: [
      { kind: 'reaches', arm: 'shaped', atLeast: 0.9 },
      { kind: 'reaches', arm: 'sparse', atMost: 0.3 },
      { kind: 'better', arm: 'shaped', than: 'sparse', want: 'higher' },
    ],
    run: (setup) => oneShot(setup, size),
  },
];

export const roboDopamineClaims = claimsOf(sizes);
