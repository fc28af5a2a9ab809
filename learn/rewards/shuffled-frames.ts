// No paper: the control of progress learned from time.
/**
 * The regression of time-contrastive.ts on successes whose frames were put in random order within each episode:
 *   x_t -> x_pi(t), y_t = t / T as before, pi: a permutation for each episode
 * Time is all there was to learn, so what is left is worthless: near 0.5 everywhere. A measure that finds merit in it
 * rewards something other than order in time.
 */

import { type AnySettings, defaultsOf, type Fields } from '../../sim/fields.ts';
import { Random } from '../parts/random.ts';
import { packModel, unpackModel } from './bytes.ts';
import { checkEpisodes } from './labels.ts';
import { timeContrastive, timeContrastiveFields } from './time-contrastive.ts';
import type { Demonstration, LearnedReward, RewardModel } from './types.ts';

const { perceives, hiddenSize, updates, minibatch, learningRate, weightDecay, inputNoise, holdout } =
  timeContrastiveFields;
const fields = {
  perceives,
  hiddenSize,
  updates,
  minibatch,
  learningRate,
  weightDecay,
  inputNoise,
  holdout,
} as const satisfies Fields;

const title = 'Shuffled-frames model';
const magic = 'rl-shuff';
/** Of the regressor inside. */
const innerMagic = 'rl-time1';

export const shuffledFrames: LearnedReward = {
  kind: 'learned',
  id: 'shuffled-frames',
  title: 'Shuffled frames (counter-baseline)',
  summary:
    'Time to success, learned from frames in random order: nothing can be learned from that, so nothing must look good.',
  source: 'none: a counter-baseline',
  fields,
  causal: true,
  baseline: true,
  senses: (given) => timeContrastive.senses!(innerSettings(given)),
  workload: (given, context) => timeContrastive.workload(innerSettings(given), context),
  async fit(demonstrations, given, context) {
    checkEpisodes(demonstrations, context.frameDim);
    const random = new Random(context.seed);
    const shuffled = demonstrations.map((demonstration) => shuffle(demonstration, context.frameDim, random));
    const { model, metrics } = await timeContrastive.fit(shuffled, innerSettings(given), context);
    return { model: renamed(model), metrics };
  },
  load: (bytes) => renamed(timeContrastive.load(packModel(innerMagic, unpackModel(title, magic, bytes)))),
};

/** Failures would tell something beside time: which frames never occur in a success. */
const innerSettings = (given: AnySettings): AnySettings => ({
  ...defaultsOf(timeContrastiveFields),
  ...given,
  objective: 'regression',
  clock: 'own',
  failures: 'ignore',
  // Where the last frame of a shuffled episode happens to come from says nothing about arrival.
  restRadius: 0,
});

export function shuffle(demonstration: Demonstration, dim: number, random: Random): Demonstration {
  const order = Int32Array.from({ length: demonstration.length + 1 }, (_, t) => t);
  random.shuffle(order);
  const frames = new Float64Array(demonstration.frames.length);
  for (const [t, from] of order.entries())
    frames.set(demonstration.frames.subarray(from * dim, (from + 1) * dim), t * dim);
  return { ...demonstration, frames };
}

function renamed(inner: RewardModel): RewardModel {
  return {
    ...inner,
    method: 'shuffled-frames',
    save: () => packModel(magic, unpackModel(title, innerMagic, inner.save())),
  };
}
