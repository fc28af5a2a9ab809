/**
 * The Gaussian policy with a deviation that does not depend on the state: a ~ N(mean, exp(logStd)^2), components
 * independent. Actions are unbounded here; the environment gets them clipped, the log-probability is of the unclipped ones.
 */

import type { Random } from './random.ts';

const halfLog2Pi = 0.5 * Math.log(2 * Math.PI);

/** Draws one action. mean, logStd, out: [dim] from their offsets (logStd from 0). */
export function sample(
  mean: Float64Array,
  offset: number,
  logStd: ArrayLike<number>,
  random: Random,
  out: Float64Array,
): void {
  for (let k = 0; k < logStd.length; k++) {
    out[offset + k] = mean[offset + k]! + Math.exp(logStd[k]!) * random.gaussian();
  }
}

/** log p(action): sum over k of -((a_k - mean_k) / std_k)^2 / 2 - logStd_k - log(2 pi) / 2. */
export function logProbability(
  mean: ArrayLike<number>,
  meanOffset: number,
  logStd: ArrayLike<number>,
  action: ArrayLike<number>,
  actionOffset: number,
): number {
  let sum = 0;
  for (let k = 0; k < logStd.length; k++) {
    const z = (action[actionOffset + k]! - mean[meanOffset + k]!) * Math.exp(-logStd[k]!);
    sum -= 0.5 * z * z + logStd[k]! + halfLog2Pi;
  }
  return sum;
}

/** Differential entropy: sum over k of 1/2 + log(2 pi) / 2 + logStd_k. */
export function entropy(logStd: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < logStd.length; k++) sum += 0.5 + halfLog2Pi + logStd[k]!;
  return sum;
}
