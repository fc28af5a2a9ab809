/**
 * The categorical policy over n options from unnormalised log-probabilities (logits):
 *   p_k = exp(logit_k) / sum_j exp(logit_j)
 *   d log p_a / d logit_k = [k = a] - p_k
 *   H = -sum_k p_k log p_k,   d H / d logit_k = -p_k (log p_k + H)
 */

import type { Random } from './random.ts';

/** log sum_j exp(logit_j); the largest is taken out first, so that nothing overflows. */
function logSum(logits: ArrayLike<number>, offset: number, n: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < n; k++) most = Math.max(most, logits[offset + k]!);
  let sum = 0;
  for (let k = 0; k < n; k++) sum += Math.exp(logits[offset + k]! - most);
  return most + Math.log(sum);
}

/** Draws one option. logits: [n] from `offset`. */
export function sample(logits: ArrayLike<number>, offset: number, n: number, random: Random): number {
  const whole = logSum(logits, offset, n);
  let left = random.uniform();
  for (let k = 0; k < n - 1; k++) {
    left -= Math.exp(logits[offset + k]! - whole);
    if (left < 0) return k;
  }
  return n - 1;
}

/** log p(action). */
export function logProbability(logits: ArrayLike<number>, offset: number, n: number, action: number): number {
  return logits[offset + action]! - logSum(logits, offset, n);
}

/** In nats: 0 when certain, log n when all options are alike. */
export function entropy(logits: ArrayLike<number>, offset: number, n: number): number {
  const whole = logSum(logits, offset, n);
  let sum = 0;
  for (let k = 0; k < n; k++) {
    const log = logits[offset + k]! - whole;
    sum -= Math.exp(log) * log;
  }
  return sum;
}

/** Writes byLog * d log p(action) / d logits + byEntropy * d H / d logits. out: [n] from `offset`. */
export function gradient(
  logits: ArrayLike<number>,
  offset: number,
  n: number,
  action: number,
  byLog: number,
  byEntropy: number,
  out: Float32Array | Float64Array,
): void {
  const whole = logSum(logits, offset, n);
  const h = entropy(logits, offset, n);
  for (let k = 0; k < n; k++) {
    const log = logits[offset + k]! - whole;
    const p = Math.exp(log);
    out[offset + k] = byLog * ((k === action ? 1 : 0) - p) - byEntropy * p * (log + h);
  }
}

/** The likeliest option, the first of equals. */
export function argmax(logits: ArrayLike<number>, offset: number, n: number): number {
  let best = 0;
  for (let k = 1; k < n; k++) if (logits[offset + k]! > logits[offset + best]!) best = k;
  return best;
}
