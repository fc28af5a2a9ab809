/** The score of every frame against the true progress of that frame. Intervals are bootstraps over episodes. */

import { spansFromStages } from '../rewards/labels.ts';
import { meanAbsoluteError, spearman } from './agreement.ts';
import {
  isConstant,
  type JudgedEpisode,
  type Measure,
  type MeasureOptions,
  mean,
  measure,
} from './measure.ts';

/**
 * Rank correlation within an episode, mean over episodes in which true progress changes. A score that stands still there has
 * no order and counts 0.
 */
export function rankWithin(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  const moving = episodes.filter(({ truth }) => !isConstant(truth.progress));
  if (moving.length === 0)
    return { value: null, interval: null, count: 0, reason: 'true progress changes in no episode' };
  if (moving.every(({ score }) => isConstant(score)))
    return { value: null, interval: null, count: moving.length, reason: 'the scores do not change' };
  return measure(
    moving.map(({ score, truth }) => (isConstant(score) ? 0 : spearman(truth.progress, score))),
    mean,
    options,
  );
}

/** Rank correlation over the frames of all episodes together: levels of different episodes must agree, too. */
export function rankAcross(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  return measure(
    episodes,
    (drawn) => {
      const truth = drawn.flatMap((episode) => [...episode.truth.progress]);
      const score = drawn.flatMap((episode) => Array.from(episode.score));
      if (isConstant(truth)) return 'true progress is the same in every frame';
      if (isConstant(score)) return 'all scores are equal';
      return spearman(truth, score);
    },
    // Ranks of thousands of frames a draw.
    { ...options, resamples: Math.min(options?.resamples ?? 100, 100) },
  );
}

/** Mean over episodes of mean |score - true progress|. */
export const absoluteError = (episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure =>
  measure(
    episodes.map(({ score, truth }) => meanAbsoluteError(score, truth.progress)),
    mean,
    options,
  );

/**
 * |score - true progress| at the frames where a new stage is reached for good (the first stage of an episode is not reached,
 * it is there), mean over the boundaries of an episode, then over episodes.
 */
export function boundaryError(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  const errors = episodes.flatMap(({ score, truth }) => {
    const starts = spansFromStages(truth.stage)
      .map(({ start }) => start)
      .filter((start) => start > 0);
    return starts.length === 0 ? [] : [mean(starts.map((t) => Math.abs(score[t]! - truth.progress[t]!)))];
  });
  if (errors.length === 0)
    return { value: null, interval: null, count: 0, reason: 'no episode reaches a further stage' };
  return measure(errors, mean, options);
}
