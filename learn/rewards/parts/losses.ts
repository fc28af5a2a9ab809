/** Losses that several methods have, with their gradients, and what they are made of. Logits in, numbers in [0, 1] as targets. */

import { sigmoid } from './frame-set.ts';

/** mean of (sigmoid z - y)^2; gradient 2 (p - y) p (1 - p) / B. Arrays are [B]. */
export function squaredLoss(z: ArrayLike<number>, targets: ArrayLike<number>, dZ: Float32Array): number {
  const B = targets.length;
  let loss = 0;
  for (let b = 0; b < B; b++) {
    const p = sigmoid(z[b]!);
    const error = p - targets[b]!;
    loss += error ** 2 / B;
    dZ[b] = (2 * error * p * (1 - p)) / B;
  }
  return loss;
}

/** log (1 + e^z) without overflow. */
export const softplus = (z: number): number => Math.max(0, z) + Math.log1p(Math.exp(-Math.abs(z)));

/** Turns logits into probabilities; returns the most likely one, the first of equals. */
export function softmaxInPlace(values: Float64Array, offset: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[offset + k]! > values[offset + best]!) best = k;
  const top = values[offset + best]!;
  let sum = 0;
  for (let k = 0; k < count; k++) {
    const e = Math.exp(values[offset + k]! - top);
    values[offset + k] = e;
    sum += e;
  }
  for (let k = 0; k < count; k++) values[offset + k] = values[offset + k]! / sum;
  return best;
}
