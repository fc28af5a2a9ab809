/** Time to success against the counter-baselines: rank correlation with true progress on held-out episodes, failures among them. */

import { spearman } from '../../learn/diagnostics/agreement.ts';
import { constant } from '../../learn/rewards/constant.ts';
import { shuffledFrames } from '../../learn/rewards/shuffled-frames.ts';
import { timeContrastive } from '../../learn/rewards/time-contrastive.ts';
import { timeRamp } from '../../learn/rewards/time-ramp.ts';
import type { LearnedReward } from '../../learn/rewards/types.ts';
import type { AnySettings } from '../../sim/fields.ts';
import type { Footage } from '../footage.ts';
import { mean } from '../statistics.ts';
import { type ClaimEpisodes, claimEpisodes, type EpisodeCounts, scorerOf } from './material.ts';
import type { Claim, ClaimSetup } from './types.ts';

const arms = {
  regression: 'time to success, regression',
  contrastive: 'time to success, time-contrastive embedding and similarity to the goal',
  'time-ramp': 'the clock alone',
  'shuffled-frames': 'the same regression on shuffled frames',
  constant: 'the same score everywhere (correlation 0: there is no order in equal values)',
} as const;
type Arm = keyof typeof arms;

const counts: EpisodeCounts = { demonstrations: 30, wandering: 20, heldOut: 15 };

/** What a measure makes of every arm. */
export async function measured(
  setup: ClaimSetup,
  wanted: EpisodeCounts,
  measure: (score: (episode: Footage) => Float32Array, episodes: ClaimEpisodes) => number,
): Promise<Record<Arm, number>> {
  const episodes = claimEpisodes(setup, wanted);
  const of = async (arm: Arm, method: LearnedReward, settings: AnySettings = {}): Promise<number> => {
    setup.onProgress(arm);
    const found = measure(await scorerOf(method, settings, episodes.training, setup), episodes);
    return method === constant && Number.isNaN(found) ? 0 : found;
  };
  return {
    regression: await of('regression', timeContrastive),
    contrastive: await of('contrastive', timeContrastive, { objective: 'contrastive' }),
    'time-ramp': await of('time-ramp', timeRamp),
    'shuffled-frames': await of('shuffled-frames', shuffledFrames),
    constant: await of('constant', constant),
  };
}

/** Rank correlation of score and true progress over all frames of all episodes together. */
export function pooledRank(score: (episode: Footage) => Float32Array, episodes: readonly Footage[]): number {
  const scores: number[] = [];
  const truth: number[] = [];
  for (const episode of episodes) {
    scores.push(...score(episode));
    truth.push(...episode.truth.progress);
  }
  return spearman(scores, truth);
}

/** VOC: rank correlation of score and time within an episode, mean over episodes. */
export function valueOrder(score: (episode: Footage) => Float32Array, episodes: readonly Footage[]): number {
  return mean(
    episodes.map((episode) => {
      const scores = score(episode);
      return spearman(
        scores,
        scores.map((_, t) => t),
      );
    }),
  );
}

export const timeContrastiveClaims: readonly Claim[] = [
  {
    id: 'order',
    statement:
      'Either form orders the frames of unseen episodes, failures among them, by true progress better than shuffled frames and a constant do',
    metric:
      'Spearman rank correlation of score and true progress, all frames of 15 held-out successes and 30 failures together',
    arms,
    baseline: 'shuffled-frames',
    task: 'push',
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'regression', than: 'shuffled-frames', want: 'higher' },
      { kind: 'better', arm: 'regression', than: 'constant', want: 'higher' },
      { kind: 'better', arm: 'contrastive', than: 'shuffled-frames', want: 'higher' },
      { kind: 'better', arm: 'contrastive', than: 'constant', want: 'higher' },
    ],
    run: (setup) =>
      measured(setup, counts, (score, { successes, failures }) =>
        pooledRank(score, [...successes, ...failures]),
      ),
  },
  {
    id: 'failures',
    statement: 'On failures either form follows true progress better than the clock does',
    metric:
      'Spearman rank correlation of score and true progress, all frames of 30 held-out failures together',
    arms,
    baseline: 'time-ramp',
    task: 'push',
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'regression', than: 'time-ramp', want: 'higher' },
      { kind: 'better', arm: 'contrastive', than: 'time-ramp', want: 'higher' },
    ],
    run: (setup) => measured(setup, counts, (score, { failures }) => pooledRank(score, failures)),
  },
  {
    id: 'voc-alone',
    statement:
      'Value-order correlation on successes does not tell a model from the clock, which is not 0.05 worse than either form',
    metric:
      'VOC (Spearman rank correlation of score and time within an episode), mean over 15 held-out successes',
    arms,
    baseline: 'time-ramp',
    task: 'push',
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'time-ramp', than: 'regression', want: 'higher', by: -0.05 },
      { kind: 'better', arm: 'time-ramp', than: 'contrastive', want: 'higher', by: -0.05 },
    ],
    run: (setup) => measured(setup, counts, (score, { successes }) => valueOrder(score, successes)),
  },
];
