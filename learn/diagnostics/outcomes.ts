/**
 * The final score of an episode against how the episode ended. All take whole episodes and read the last frame's score (but
 * for the peak); intervals are bootstraps over episodes.
 */

import {
  final,
  isConstant,
  type JudgedEpisode,
  type Measure,
  type MeasureOptions,
  mean,
  measure,
  notMeasurable,
} from './measure.ts';
import type { Outcome } from './truth.ts';

const rankOf: Readonly<Record<Outcome, number>> = { failure: 0, near: 1, success: 2 };

const constant = 'all final scores are equal';
const finals = (episodes: readonly JudgedEpisode[]): number[] => episodes.map(({ score }) => final(score));

// ---------------------------------------------------------------------------------------------------------------------
// Order

/**
 * Kendall (1945):
 *   tau_b = (C - D) / sqrt((n0 - n1) (n0 - n2))
 * C, D: pairs in the same and in the opposite order; n0: all pairs; n1, n2: pairs that are tied in the one and in the other.
 * NaN where one of them is constant.
 */
export function kendallTauB(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length)
    throw new RangeError(`Kendall: found lengths ${a.length} and ${b.length}, wanted two equal ones`);
  let difference = 0;
  let untiedA = 0;
  let untiedB = 0;
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const inA = Math.sign(a[i]! - a[j]!);
      const inB = Math.sign(b[i]! - b[j]!);
      difference += inA * inB;
      untiedA += inA * inA;
      untiedB += inB * inB;
    }
  }
  return difference / Math.sqrt(untiedA * untiedB);
}

/** Kendall's tau-b of failure < near < success and the final score, over episodes. */
export function outcomeOrder(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  return measure(
    episodes,
    (drawn) => {
      const outcomes = drawn.map(({ outcome }) => rankOf[outcome]);
      if (isConstant(outcomes)) return `all episodes ended as ${drawn[0]!.outcome}`;
      const scores = finals(drawn);
      return isConstant(scores) ? constant : kendallTauB(outcomes, scores);
    },
    options,
  );
}

/** Pairs of episodes whose true progress at the end differs by less say nothing. */
export const preferenceMargin = 0.05;
const fewestPairs = 10;

/**
 * Of two episodes, is the one with more true progress at its end scored higher? Share of pairs; equal scores count half.
 * Pairs closer than `preferenceMargin` in truth are left out.
 */
export function preferenceAccuracy(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  const ends = episodes.map(({ score, truth }) => ({ score: final(score), truth: final(truth.progress) }));
  if (ends.length > 0 && isConstant(ends.map(({ score }) => score)))
    return notMeasurable(constant, episodes.length);
  return measure(
    ends,
    (drawn) => {
      let pairs = 0;
      let right = 0;
      for (let i = 0; i < drawn.length; i++) {
        for (let j = 0; j < i; j++) {
          const better = drawn[i]!.truth - drawn[j]!.truth;
          if (Math.abs(better) < preferenceMargin) continue;
          pairs++;
          const said = Math.sign(drawn[i]!.score - drawn[j]!.score);
          right += said === 0 ? 0.5 : said === Math.sign(better) ? 1 : 0;
        }
      }
      return pairs < fewestPairs
        ? `${pairs} pairs differ by ${preferenceMargin} in true progress, wanted at least ${fewestPairs}`
        : right / pairs;
    },
    options,
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Level

/** Mean final score of successes minus that of failures; near ones are in neither. */
export function successGap(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  return measure(
    episodes,
    (drawn) => {
      const of = (wanted: Outcome): number[] => finals(drawn.filter(({ outcome }) => outcome === wanted));
      const [won, lost] = [of('success'), of('failure')];
      if (won.length === 0 || lost.length === 0)
        return `found ${won.length} successes and ${lost.length} failures, wanted both`;
      return mean(won) - mean(lost);
    },
    options,
  );
}

/** Mean of final score minus true progress at the end: above 0 is over-optimistic. */
export const finalOptimism = (episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure =>
  measure(
    episodes.map(({ score, truth }) => final(score) - final(truth.progress)),
    mean,
    options,
  );

/** Mean over episodes of the largest lead that the score ever had over true progress: what a policy can be paid for nothing. */
export const peakOptimism = (episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure =>
  measure(
    episodes.map(({ score, truth }) => {
      let most = Number.NEGATIVE_INFINITY;
      for (let t = 0; t < score.length; t++) most = Math.max(most, score[t]! - truth.progress[t]!);
      return most;
    }),
    mean,
    options,
  );

/** Score from which on a model says that the task is done. */
export const doneScore = 0.9;

/** Share of the episodes without success whose final score says that it is done. */
export function falseSuccess(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  const lost = episodes.filter(({ outcome }) => outcome !== 'success');
  if (lost.length === 0) return notMeasurable('every episode succeeded', 0);
  return measure(
    lost.map(({ score }) => (final(score) >= doneScore ? 1 : 0)),
    mean,
    options,
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Success as a class

/**
 * Average precision, the area under the precision-recall curve by steps:
 *   AP = sum_k (R_k - R_(k-1)) P_k     over the distinct scores from the highest down, equal scores at once
 * A score that says nothing has the share of successes as its AP.
 */
export function averagePrecision(scores: readonly number[], success: readonly boolean[]): number {
  const order = scores.map((_, i) => i).sort((i, j) => scores[j]! - scores[i]!);
  const positives = success.filter(Boolean).length;
  let area = 0;
  let found = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let here = 0;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) {
      if (success[order[to]!]!) here++;
      to++;
    }
    found += here;
    area += (here / positives) * (found / to);
    from = to;
  }
  return area;
}

export function successPrecision(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  return measure(
    episodes,
    (drawn) => {
      const success = drawn.map(({ outcome }) => outcome === 'success');
      if (!success.includes(true) || !success.includes(false))
        return `all episodes are of one class (${success[0] === true ? 'success' : 'no success'})`;
      const scores = finals(drawn);
      return isConstant(scores) ? constant : averagePrecision(scores, success);
    },
    options,
  );
}

/** One bar of a reliability diagram: episodes whose final score lies in [from, to), the last bin with its end. */
export interface ReliabilityBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Null where the bin is empty. */
  readonly score: number | null;
  /** Share of them that succeeded; null where the bin is empty. */
  readonly success: number | null;
}

export const reliabilityBins = 10;

export function reliability(episodes: readonly JudgedEpisode[], bins = reliabilityBins): ReliabilityBin[] {
  const members: JudgedEpisode[][] = Array.from({ length: bins }, () => []);
  for (const episode of episodes) {
    const bin = Math.min(bins - 1, Math.max(0, Math.floor(final(episode.score) * bins)));
    members[bin]!.push(episode);
  }
  return members.map((inside, b) => ({
    from: b / bins,
    to: (b + 1) / bins,
    count: inside.length,
    score: inside.length === 0 ? null : mean(finals(inside)),
    success:
      inside.length === 0
        ? null
        : inside.filter(({ outcome }) => outcome === 'success').length / inside.length,
  }));
}

/**
 * Expected calibration error (Naeini et al. 2015) of the final score read as the probability of success:
 *   ECE = sum_b n_b / N |success_b - score_b|
 */
export function calibrationError(episodes: readonly JudgedEpisode[], options?: MeasureOptions): Measure {
  return measure(
    episodes,
    (drawn) => {
      if (new Set(drawn.map(({ outcome }) => outcome === 'success')).size < 2)
        return 'all episodes are of one class';
      let sum = 0;
      for (const { count, score, success } of reliability(drawn))
        if (count > 0) sum += (count / drawn.length) * Math.abs(success! - score!);
      return sum;
    },
    options,
  );
}
