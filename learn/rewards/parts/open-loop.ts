/**
 * Open-loop measures of a reward: what it says of episodes that were played without it.
 *
 *   ROC-AUC               share of pairs (success, failure) in which the success has the higher last score, a tie counting half
 *   pairwise accuracy     the same, a tie counting nothing
 *   monotonicity          share of increments of a curve that are not negative
 */

/** NaN where one of the two is missing. */
export function rocAuc(successes: ArrayLike<number>, failures: ArrayLike<number>): number {
  return sharePairs(successes, failures, 0.5);
}

/** NaN where one of the two is missing. */
export function pairwiseAccuracy(successes: ArrayLike<number>, failures: ArrayLike<number>): number {
  return sharePairs(successes, failures, 0);
}

function sharePairs(high: ArrayLike<number>, low: ArrayLike<number>, tie: number): number {
  let sum = 0;
  for (let i = 0; i < high.length; i++) {
    for (let j = 0; j < low.length; j++) {
      if (high[i]! > low[j]!) sum += 1;
      else if (high[i] === low[j]) sum += tie;
    }
  }
  return sum / (high.length * low.length);
}

/** NaN for fewer than two values. */
export function monotonicity(curve: ArrayLike<number>): number {
  let rises = 0;
  for (let i = 1; i < curve.length; i++) if (curve[i]! >= curve[i - 1]!) rises++;
  return rises / (curve.length - 1);
}
