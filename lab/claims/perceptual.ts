/** Perceptual rewards (arXiv 1612.06699): steps found without labels, and a reward from them that follows true progress. */

import { spearman } from '../../learn/diagnostics/agreement.ts';
import { Random } from '../../learn/parts/random.ts';
import { perceptual, suggestStages } from '../../learn/rewards/perceptual.ts';
import { openSenses } from '../../learn/rewards/senses.ts';
import { fitNormaliser, normalise } from '../../learn/rewards/window.ts';
import type { TaskModel } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { demonstrate, type Footage, sensed } from '../footage.ts';
import { episodeSeed } from '../seeds.ts';
import { mean } from '../statistics.ts';
import { claimEpisodes, fittedOn } from './material.ts';
import type { Claim, ClaimSetup } from './types.ts';

/** As many as the paper speaks of: a handful. */
const handful = 5;
/** Collected, so that a handful is left where some fail. */
const collected = 10;
/** A boundary is found where one lies so near: this share of the demonstration's frames. */
const toleranceShare = 0.05;
/** Draws of random boundaries that are averaged. */
const draws = 50;

/**
 * F1 of boundaries, each of which can be found once, the nearest first: 2 hits / (found + true). Both ascending.
 * NaN where there is neither.
 */
export function boundaryF1(found: readonly number[], truth: readonly number[], tolerance: number): number {
  const pairs = truth.flatMap((wanted, i) =>
    found.map((at, j) => ({ i, j, away: Math.abs(at - wanted) })).filter(({ away }) => away <= tolerance),
  );
  pairs.sort((a, b) => a.away - b.away || a.i - b.i || a.j - b.j);
  const [taken, matched] = [new Set<number>(), new Set<number>()];
  for (const { i, j } of pairs) {
    if (taken.has(j) || matched.has(i)) continue;
    taken.add(j);
    matched.add(i);
  }
  return (2 * matched.size) / (found.length + truth.length);
}

const stepArms = {
  discovered: 'steps found in each of 5 demonstrations alone, as many as the task has stages',
  shared: 'the same, moved until all five share one mean and spread per step',
  std: "found with the paper's own criterion (mean standard deviation of the steps)",
  even: 'the demonstration cut into equal lengths',
  random: 'boundaries drawn at random, mean of 50 draws',
} as const;

/** Mean boundary F1 over a handful of demonstrations, by arm. */
export function stepsFound(
  { model, seed }: Pick<ClaimSetup, 'model' | 'seed'>,
  demonstrations: readonly Footage[],
): Record<keyof typeof stepArms, number> {
  const steps = model.stages.length;
  const senses = ['observation'] as const;
  const names = openSenses(model, senses).parts.flatMap((part) => [...part.names]);
  const seen = demonstrations.map((one) => demonstrate(model, one, senses));
  const unlabelled = seen.map((demonstration) => ({ ...demonstration, stages: [] }));
  const random = new Random(episodeSeed('learner', seed, 0));

  const score = (boundaries: (n: number, frames: number) => readonly number[]): number =>
    mean(
      seen.map(({ stages, length }, n) => {
        const frames = length + 1;
        const truth = stages.slice(1).map(({ start }) => start);
        return boundaryF1(boundaries(n, frames), truth, Math.round(toleranceShare * frames));
      }),
    );
  const found = (settings: { readonly criterion?: string; readonly alignment?: string }): number => {
    const spans = suggestStages(
      unlabelled,
      { ...defaultsOf(perceptual.fields), ...settings, steps },
      { names },
    );
    return score((n) => spans[n]!.slice(1).map(({ start }) => start));
  };
  const drawn = (frames: number): number[] => {
    const order = Int32Array.from({ length: frames - 1 }, (_, t) => t + 1);
    random.shuffle(order);
    return [...order.subarray(0, steps - 1)].sort((a, b) => a - b);
  };
  return {
    discovered: found({}),
    shared: found({ alignment: 'shared' }),
    std: found({ criterion: 'std' }),
    even: score((_, frames) =>
      Array.from({ length: steps - 1 }, (_, k) => Math.round(((k + 1) * frames) / steps)),
    ),
    random: mean(Array.from({ length: draws }, () => score((_, frames) => drawn(frames)))),
  };
}

const progressArms = {
  perceptual: 'perceptual reward from 5 demonstrations',
  'final-frame': 'closeness to the mean last frame of the same demonstrations, all numbers normalised',
} as const;

/** Rank correlation with true progress over all frames of held-out episodes, by arm. */
export async function progressFollowed(
  setup: ClaimSetup,
  heldOut: number,
): Promise<Record<keyof typeof progressArms, number>> {
  const { model } = setup;
  const { training, successes, failures } = claimEpisodes(setup, {
    demonstrations: collected,
    wandering: 0,
    heldOut,
  });
  const demonstrations = training.slice(0, handful);
  const judged = [...successes, ...failures];
  const truth = judged.flatMap((one) => [...one.truth.progress]);
  setup.onProgress('perceptual');
  const fitted = await fittedOn(perceptual, { steps: stepsOf(model) }, demonstrations, setup);
  const close = closenessTo(model, demonstrations);
  return {
    perceptual: spearman(
      judged.flatMap((one) => [...fitted.score(sensed(model, one, ['observation']), one.length).perStep]),
      truth,
    ),
    'final-frame': spearman(
      judged.flatMap((one) => [...close(one)]),
      truth,
    ),
  };
}

const stepsOf = (model: TaskModel): number => Math.max(2, model.stages.length);

/** Minus the distance to the mean last frame, frame by frame. */
function closenessTo(
  model: TaskModel,
  demonstrations: readonly Footage[],
): (episode: Footage) => Float64Array {
  const dim = model.observationSpace.dim;
  const frames = demonstrations.map((one) => sensed(model, one, ['observation']));
  const normaliser = fitNormaliser(frames, dim);
  const goal = new Float64Array(dim);
  const row = new Float64Array(dim);
  for (const [n, { length }] of demonstrations.entries()) {
    normalise(normaliser, frames[n]!, length * dim, row, 0);
    for (let i = 0; i < dim; i++) goal[i] = goal[i]! + row[i]! / demonstrations.length;
  }
  return (episode) => {
    const seen = sensed(model, episode, ['observation']);
    return Float64Array.from({ length: episode.length + 1 }, (_, t) => {
      normalise(normaliser, seen, t * dim, row, 0);
      return -Math.sqrt(row.reduce((sum, value, i) => sum + (value - goal[i]!) ** 2, 0));
    });
  };
}

const unsuitable = (model: TaskModel): string | undefined =>
  model.stages.length < 2 ? 'has one stage, so there is no boundary to find' : undefined;

export const perceptualClaims: readonly Claim[] = [
  {
    id: 'steps',
    statement: 'steps discovered in 5 unlabelled demonstrations begin where the true stages do',
    metric:
      'F1 of boundaries within 5 % of the frames of a true one, mean over the 5 demonstrations (expert with held noise up to 0.4)',
    arms: stepArms,
    baseline: 'even',
    task: 'drawer',
    unsuitable,
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'discovered', than: 'even', want: 'higher' },
      { kind: 'better', arm: 'discovered', than: 'random', want: 'higher' },
    ],
    async run(setup) {
      const { training } = claimEpisodes(setup, { demonstrations: collected, wandering: 0, heldOut: 5 });
      return stepsFound(setup, training.slice(0, handful));
    },
  },
  {
    id: 'progress',
    statement:
      'a reward from 5 unlabelled demonstrations follows true progress better than closeness to their last frames',
    metric:
      'Spearman correlation with true progress over all frames of 10 held-out successes and up to 20 failures (wandering; experts that lose their way)',
    arms: progressArms,
    baseline: 'final-frame',
    task: 'drawer',
    unsuitable,
    seeds: 5,
    expects: [{ kind: 'better', arm: 'perceptual', than: 'final-frame', want: 'higher' }],
    run: (setup) => progressFollowed(setup, 10),
  },
];
