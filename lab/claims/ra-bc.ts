/**
 * RA-BC (SARM, arXiv 2509.25358): demonstrations of which 30 % are bad are cloned better with weights from learned progress
 * than after dropping the long ones, and that better than as they are. Bad are stretches inside demonstrations that end well:
 * the arm wanders, or does the opposite of what it should.
 */

import type { Trajectory } from '../../learn/algorithms/types.ts';
import { sarm } from '../../learn/rewards/sarm.ts';
import { createRandom } from '../../sim/engine/random.ts';
import type { TaskModel } from '../../sim/env.ts';
import { fitOn } from '../fit.ts';
import { type Footage, footageOf, type Player, play, sensed, trajectory } from '../footage.ts';
import { HeldNoise } from '../rollout.ts';
import { episodeSeed } from '../seeds.ts';
import { toUnit } from '../unit-actions.ts';
import { sparseEntry, successOf, trainStudy } from './train.ts';
import type { Claim, ClaimSetup } from './types.ts';

const arms = {
  bc: 'all demonstrations, every step alike',
  filtered: 'the shorter half of the demonstrations',
  raBc: 'all demonstrations, steps weighted by the progress that SARM sees',
  marked: 'all demonstrations without the bad steps, as nobody could mark them (what there is to reach)',
} as const;

/** Control steps of a bad stretch and of a good one, drawn evenly between: three in ten steps are bad. */
const badStretch = [8, 20] as const;
const goodStretch = [11, 34] as const;
/** Control steps kept at the goal. */
const rest = 10;
/** Longest demonstration, in horizons of the task. */
const longest = 3;

export interface MixedDemonstration {
  readonly footage: Footage;
  /** 1 where the action was a bad one. [T] */
  readonly bad: Uint8Array;
}

/** A demonstration with bad stretches, cut a little after it succeeded for good; whether it did is in its outcome. */
export function mixedDemonstration(model: TaskModel, seed: number): MixedDemonstration {
  const { actionSpace } = model;
  const random = createRandom(episodeSeed('noise', seed, 1));
  const between = ([low, high]: readonly [number, number]): number => low + random.integer(high - low + 1);
  const marks: number[] = [];
  let noise = new HeldNoise(random, 1, actionSpace);
  let left = between(goodStretch);
  let isBad = false;
  let wanders = false;
  const player: Player = {
    kind: 'script',
    act(state, offset, out) {
      if (left === 0) {
        isBad = !isBad;
        left = between(isBad ? badStretch : goodStretch);
        wanders = random.uniform() < 0.5;
        noise = new HeldNoise(random, 1, actionSpace);
      }
      left--;
      marks.push(isBad ? 1 : 0);
      model.expert(state, offset, out, 0);
      toUnit(actionSpace, out, 0);
      if (!isBad) return;
      if (wanders) {
        out.fill(0);
        noise.add(out, 0);
      } else for (let i = 0; i < out.length; i++) out[i] = Math.max(-1, Math.min(1, -out[i]!));
    },
  };
  const [played] = play({ model, player, seeds: [seed], steps: longest * model.horizon, name: 'mixed' });
  const { truth, states, actions, length, id } = played!;
  let forGood = truth.success.length;
  while (forGood > 0 && truth.success[forGood - 1] === 1) forGood--;
  const kept = Math.min(length, forGood + rest);
  return {
    footage: footageOf(
      model,
      id,
      seed,
      states.slice(0, (kept + 1) * model.stateDim),
      actions.slice(0, kept * actionSpace.dim),
    ),
    bad: Uint8Array.from(marks.slice(0, kept)),
  };
}

export interface RaBcSizes {
  readonly demonstrations: number;
  /** Demonstrations with annotated stages, and wandering episodes, that the reward model is fitted on. */
  readonly annotated: number;
  readonly failures: number;
  /** Updates of the fit. */
  readonly updates?: number;
  /** Demonstrated steps that each arm learns from, every pass counted. */
  readonly steps: number;
  readonly episodes: number;
}

const fullSize: RaBcSizes = {
  demonstrations: 60,
  annotated: 40,
  failures: 20,
  steps: 600_000,
  episodes: 200,
};

/** Steps ahead, and the progress from which on a step counts in full; found on seeds from 1000 on. */
const weighting = { weighting: 'ra-bc', chunk: 5, kappa: 0.05 };

/** Fewer good ends than this say nothing about cloning. */
const leastDemonstrations = 10;

/** Success of the four cloned policies on the same fresh starts. */
export async function raBc(
  setup: ClaimSetup,
  sizes: RaBcSizes = fullSize,
): Promise<Record<keyof typeof arms, number>> {
  const { model, seed, compute, signal, onProgress } = setup;
  const seedsOf = (purpose: 'demonstration' | 'failure' | 'training', count: number): number[] =>
    Array.from({ length: count }, (_, i) => episodeSeed(purpose, seed, i));
  // 1. what is cloned: demonstrations that end well and are bad in between
  const mixed = seedsOf('demonstration', sizes.demonstrations)
    .map((one) => mixedDemonstration(model, one))
    .filter(({ footage }) => footage.outcome === 'success');
  if (mixed.length < leastDemonstrations) {
    return { bc: Number.NaN, filtered: Number.NaN, raBc: Number.NaN, marked: Number.NaN };
  }
  // 2. the reward model, from annotated demonstrations of its own; the arms do not get them
  onProgress('fitting sarm');
  const { model: reward } = await fitOn(
    sarm,
    sizes.updates === undefined ? {} : { updates: sizes.updates },
    model,
    [
      ...play({ model, player: { kind: 'expert', noise: 0.4 }, seeds: seedsOf('training', sizes.annotated) }),
      ...play({ model, player: { kind: 'wandering' }, seeds: seedsOf('failure', sizes.failures) }),
    ],
    { compute, seed, signal },
  );
  // 3. four times the same learner
  const trajectories: Trajectory[] = mixed.map(({ footage }) => ({
    ...trajectory(model, footage),
    progress: reward.score(sensed(model, footage, reward.senses), footage.length).perStep,
  }));
  const lengths = trajectories.map(({ length }) => length).sort((a, b) => a - b);
  const median = lengths[Math.floor((lengths.length - 1) / 2)]!;
  const clone = async (
    name: keyof typeof arms,
    demonstrations: Trajectory[],
    settings = {},
  ): Promise<number> => {
    onProgress(`cloning: ${name}`);
    const { policy } = await trainStudy({
      model,
      algorithm: 'bc',
      settings: { steps: sizes.steps, heldOut: 0, ...settings },
      entries: [sparseEntry],
      seed,
      compute,
      signal,
      demonstrations,
    });
    return successOf(model, policy, seed, sizes.episodes);
  };
  return {
    bc: await clone('bc', trajectories),
    filtered: await clone(
      'filtered',
      trajectories.filter(({ length }) => length <= median),
    ),
    raBc: await clone('raBc', trajectories, weighting),
    marked: await clone(
      'marked',
      trajectories.map((one, i) => ({ ...one, weights: Float64Array.from(mixed[i]!.bad, (bad) => 1 - bad) })),
    ),
  };
}

export const raBcClaims: readonly Claim[] = [
  {
    id: 'ra-bc',
    statement:
      'Of demonstrations with 30 % bad segments, cloning weighted by learned progress (RA-BC) makes a better policy than cloning the shorter half, and that a better one than cloning all.',
    metric: 'success of the cloned policy on 200 fresh starts',
    arms,
    baseline: 'bc',
    task: 'push',
    unsuitable(model) {
      if (model.actionSpace.type === 'discrete') return 'its actions are options, which have no opposite';
      return model.stages.length < 2 ? 'it has no stages to annotate' : undefined;
    },
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'raBc', than: 'filtered', want: 'higher' },
      { kind: 'better', arm: 'raBc', than: 'bc', want: 'higher' },
      { kind: 'better', arm: 'filtered', than: 'bc', want: 'higher' },
    ],
    run: (setup) => raBc(setup),
  },
];
