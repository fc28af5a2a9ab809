/**
 * What SARM says of its labels, its head and rewind. All arms see the same demonstrations, and every arm's score is put on
 * the scale of true progress by the best rising curve (isotonic.ts), fitted on demonstrations of its own: labels by frame
 * number make another scale, not a wrong one, and must not be judged by ours.
 */

import { isotonic } from '../../learn/diagnostics/isotonic.ts';
import { sarm } from '../../learn/rewards/sarm.ts';
import type { RewardModel } from '../../learn/rewards/types.ts';
import { createRandom } from '../../sim/engine/random.ts';
import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { demonstrate, type Footage, type Player, play, sensed } from '../footage.ts';
import { episodeSeed } from '../seeds.ts';
import { mean } from '../statistics.ts';
import { toUnit } from '../unit-actions.ts';
import { fittedOn } from './material.ts';
import type { Claim, ClaimSetup } from './types.ts';

/** Sizes of a repetition; tests make them smaller. */
export interface SarmStudy {
  /** Demonstrations to fit on, to find the curve on, and to judge on. */
  readonly training: number;
  readonly calibration: number;
  readonly judged: number;
  /** On top of the method's defaults. */
  readonly settings: AnySettings;
}

const standard: SarmStudy = { training: 40, calibration: 15, judged: 25, settings: {} };

/** The slowest stage takes so many times as long as the fastest. */
const speedRange = 3;

/** Action numbers that say how fast. */
const isSpeed = (name: string): boolean => /velocity|wheel/.test(name);

function unsuitable({ actionSpace, stages }: TaskModel): string | undefined {
  if (actionSpace.type !== 'box' || !actionSpace.names.some(isSpeed))
    return 'its actions say no speed, so an expert cannot be slowed down stage by stage';
  if (stages.length < 3) return 'it has a single stage of work, so there is no boundary inside it';
  return undefined;
}

/** The expert at another speed in every stage: velocities times 1 .. 1/3, evenly in their logarithm. */
function hurried(model: TaskModel): Player {
  const speeds = new Float64Array(model.stages.length);
  const fast = model.actionSpace.type === 'box' ? model.actionSpace.names.map(isSpeed) : [];
  return {
    kind: 'script',
    act(state, offset, out, t, random) {
      if (t === 0) for (let k = 0; k < speeds.length; k++) speeds[k] = speedRange ** -random.uniform();
      model.expert(state, offset, out, 0);
      toUnit(model.actionSpace, out, 0);
      const speed = speeds[model.stage(state, offset)]!;
      for (const [i, isFast] of fast.entries()) if (isFast) out[i]! *= speed;
    },
  };
}

/** `count` episodes that succeeded. Seeds of different purposes are far apart. */
function successes(
  model: TaskModel,
  player: Player,
  seed: number,
  purpose: number,
  count: number,
): Footage[] {
  const found: Footage[] = [];
  for (let i = 0; found.length < count && i < 4 * count; i++) {
    const seeds = [episodeSeed('demonstration', seed, purpose * 10_000 + i)];
    const [episode] = play({
      model,
      player,
      seeds,
      steps: speedRange * model.horizon,
      name: 'demonstration',
    });
    if (episode!.outcome === 'success') found.push(episode!);
  }
  if (found.length < count) {
    throw new Error(`The expert succeeded in ${found.length} of ${4 * count} episodes, wanted ${count}`);
  }
  return found;
}

const fitted = (
  setup: ClaimSetup,
  training: readonly Footage[],
  settings: AnySettings,
): Promise<RewardModel> => fittedOn(sarm, { holdout: 0, ...settings }, training, setup);

const scoreOf = (model: TaskModel, reward: RewardModel, episode: Footage): Float32Array =>
  reward.score(sensed(model, episode, reward.senses), episode.length).perStep;

/** From the model's scale to that of true progress. */
function curveOf(model: TaskModel, reward: RewardModel, episodes: readonly Footage[]) {
  const scores = episodes.flatMap((episode) => [...scoreOf(model, reward, episode)]);
  return isotonic(
    scores,
    episodes.flatMap(({ truth }) => [...truth.progress]),
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Labels and head

/** A single head gets as many weights as the two networks of the stage head: 5,195 and 5,158 on `stack`. */
const wider = (settings: AnySettings): AnySettings => ({
  hiddenSize: Math.round(((settings['hiddenSize'] as number | undefined) ?? 32) * 1.65),
});

export const boundaryArms: Readonly<Record<string, (settings: AnySettings) => AnySettings>> = {
  'mean-share, stages': () => ({}),
  'frame-index, stages': () => ({ labels: 'frame-index' }),
  'mean-share, single': (settings) => ({ head: 'single', ...wider(settings) }),
  'frame-index, single': (settings) => ({ labels: 'frame-index', head: 'single', ...wider(settings) }),
};

/** Mean absolute error at the first frame of every stage but the first, on demonstrations never seen. */
export async function boundaryErrors(
  setup: ClaimSetup,
  arms: readonly string[],
  { training, calibration, judged, settings }: SarmStudy = standard,
): Promise<Record<string, number>> {
  const { model, seed, onProgress } = setup;
  onProgress('demonstrations');
  const player = hurried(model);
  const [seen, curve, unseen] = [training, calibration, judged].map((count, purpose) =>
    successes(model, player, seed, purpose, count),
  ) as [Footage[], Footage[], Footage[]];
  const errors: Record<string, number> = {};
  for (const arm of arms) {
    onProgress(arm);
    const reward = await fitted(setup, seen, { ...settings, ...boundaryArms[arm]!(settings) });
    const toTruth = curveOf(model, reward, curve);
    errors[arm] = mean(
      unseen.flatMap((episode) => {
        const scores = scoreOf(model, reward, episode);
        // Where a stage begins for good, as its labels say.
        return demonstrate(model, episode)
          .stages.slice(1)
          .map(({ start }) => Math.abs(toTruth(scores[start]!) - episode.truth.progress[start]!));
      }),
    );
  }
  return errors;
}

const boundaryMetric =
  'mean absolute error against true progress at the first frame of each later stage, after the best rising curve, on 25 unseen demonstrations whose stages are up to 3 times slower than each other';

// ---------------------------------------------------------------------------------------------------------------------
// Rewind

/** The expert to a moment of its own, then its actions turned round, the last one first. */
function undone(model: TaskModel, turn: number): Player {
  const made: Float64Array[] = [];
  const fast = model.actionSpace.type === 'box' ? model.actionSpace.names.map(isSpeed) : [];
  return {
    kind: 'script',
    act(state, offset, out, t) {
      if (t === 0) made.length = 0;
      if (t < turn) {
        model.expert(state, offset, out, 0);
        toUnit(model.actionSpace, out, 0);
        made.push(out.slice());
        return;
      }
      const back = made[Math.max(0, 2 * turn - 1 - t)]!;
      for (let i = 0; i < out.length; i++) out[i] = fast[i] === true ? -back[i]! : back[i]!;
    },
  };
}

export const rewindArms: Readonly<Record<string, AnySettings>> = {
  rewind: {},
  'no rewind': { rewindProbability: 0 },
};

/** Where going back must be seen: a window, and rewinds as long as it. */
const seesMotion = { window: 4, gap: 2, rewindMax: 4 };
/** True progress must fall by this for an episode to count as undone. */
const leastFall = 0.05;

/** Mean of score minus true progress from the moment the work is undone. */
export async function optimism(
  setup: ClaimSetup,
  { training, calibration, judged, settings }: SarmStudy = standard,
): Promise<Record<string, number>> {
  const { model, seed, onProgress } = setup;
  onProgress('demonstrations');
  const expert: Player = { kind: 'expert', noise: 0.2 };
  const [seen, curve] = [training, calibration].map((count, purpose) =>
    successes(model, expert, seed, purpose, count),
  ) as [Footage[], Footage[]];
  const typical = mean(curve.map((episode) => episode.truth.success.indexOf(1)));
  const random = createRandom(episodeSeed('noise', seed, 1));
  const regressions: { episode: Footage; turn: number }[] = [];
  for (let i = 0; regressions.length < judged && i < 6 * judged; i++) {
    const turn = Math.round(typical * random.uniform(0.3, 0.9));
    const [episode] = play({
      model,
      player: undone(model, turn),
      seeds: [episodeSeed('evaluation', seed, i)],
      steps: 2 * turn,
      name: 'undone',
    });
    const { progress } = episode!.truth;
    if (episode!.length === 2 * turn && progress[2 * turn]! < progress[turn]! - leastFall)
      regressions.push({ episode: episode!, turn });
  }
  const over: Record<string, number> = {};
  for (const [arm, own] of Object.entries(rewindArms)) {
    onProgress(arm);
    const reward = await fitted(setup, seen, { ...seesMotion, ...settings, ...own });
    const toTruth = curveOf(model, reward, curve);
    const errors = regressions.flatMap(({ episode, turn }) =>
      [...scoreOf(model, reward, episode)]
        .map((score, t) => toTruth(score) - episode.truth.progress[t]!)
        .slice(turn + 1),
    );
    over[arm] = errors.length === 0 ? Number.NaN : mean(errors);
  }
  return over;
}

export const sarmClaims: readonly Claim[] = [
  {
    id: 'mean-share',
    statement:
      'Labels pinned to milestones by the mean share of each stage place stage boundaries better than labels by frame number, with either head',
    metric: boundaryMetric,
    arms: {
      'mean-share, stages': 'labels by mean share, stage head',
      'frame-index, stages': 'labels t / T, stage head',
      'mean-share, single': 'labels by mean share, one regressor',
      'frame-index, single': 'labels t / T, one regressor',
    },
    baseline: 'frame-index, single',
    task: 'stack',
    unsuitable,
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'mean-share, stages', than: 'frame-index, stages', want: 'lower' },
      { kind: 'better', arm: 'mean-share, single', than: 'frame-index, single', want: 'lower' },
    ],
    run: (setup) => boundaryErrors(setup, Object.keys(boundaryArms)),
  },
  {
    id: 'stage-head',
    statement:
      'A stage classifier with a regressor inside the stage places stage boundaries better than one regressor of the whole progress with as many weights',
    metric: boundaryMetric,
    arms: {
      'mean-share, stages': 'stage classifier and regressor inside the stage',
      'mean-share, single': 'one regressor of the whole progress',
    },
    baseline: 'mean-share, single',
    task: 'stack',
    unsuitable,
    seeds: 5,
    expects: [{ kind: 'better', arm: 'mean-share, stages', than: 'mean-share, single', want: 'lower' }],
    run: (setup) => boundaryErrors(setup, ['mean-share, stages', 'mean-share, single']),
  },
  {
    id: 'rewind',
    statement: 'A model fitted without rewound windows is over-optimistic where work is undone',
    metric:
      'mean of score minus true progress, after the best rising curve, over the frames of 25 episodes in which the expert’s actions are turned round half-way and true progress falls; window of 4 frames',
    arms: {
      rewind: '80 % of the windows end with frames played backwards',
      'no rewind': 'none does',
    },
    baseline: 'no rewind',
    task: 'stack',
    unsuitable,
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'no rewind', than: 'rewind', want: 'higher' },
      { kind: 'reaches', arm: 'no rewind', atLeast: 0 },
    ],
    run: (setup) => optimism(setup),
  },
];
