/** Episodes as one matrix of normalised frames, and which of them are kept out of fitting. */

import type { Random } from '../../parts/random.ts';
import type { Demonstration } from '../types.ts';
import { type Normaliser, normalise } from '../window.ts';

export interface FrameSet {
  readonly dim: number;
  /** Normalised. [frames, dim] */
  readonly frames: Float32Array;
  /** Row of each episode's first frame. [episodes] */
  readonly first: Int32Array;
  /** Steps of each episode; it has one frame more. [episodes] */
  readonly lengths: Int32Array;
}

export function frameSet(demonstrations: readonly Demonstration[], normaliser: Normaliser): FrameSet {
  const dim = normaliser.mean.length;
  const first = new Int32Array(demonstrations.length);
  const lengths = Int32Array.from(demonstrations, ({ length }) => length);
  let count = 0;
  for (const [e, { length }] of demonstrations.entries()) {
    first[e] = count;
    count += length + 1;
  }
  const frames = new Float32Array(count * dim);
  for (const [e, demonstration] of demonstrations.entries()) {
    for (let t = 0; t <= demonstration.length; t++)
      normalise(normaliser, demonstration.frames, t * dim, frames, (first[e]! + t) * dim);
  }
  return { dim, frames, first, lengths };
}

/** Writes frame `row` of the set to `out`, with noise where wanted. */
export function copyFrame(
  { dim, frames }: FrameSet,
  row: number,
  out: Float32Array,
  offset: number,
  noise: number,
  random: Random,
): void {
  for (let d = 0; d < dim; d++)
    out[offset + d] = frames[row * dim + d]! + (noise > 0 ? noise * random.gaussian() : 0);
}

/** Holds out the same share of successes and of failures, at random, but never the last one of either. */
export function holdOut(
  demonstrations: readonly Demonstration[],
  share: number,
  random: Random,
): { training: Demonstration[]; heldOut: Demonstration[] } {
  const out = new Set<Demonstration>();
  for (const outcome of [true, false]) {
    const same = demonstrations.filter(({ success }) => success === outcome);
    const order = Int32Array.from(same, (_, i) => i);
    random.shuffle(order);
    const wanted = Math.min(Math.round(share * same.length), same.length - 1);
    for (const i of order.subarray(0, Math.max(0, wanted))) out.add(same[i]!);
  }
  return {
    training: demonstrations.filter((demonstration) => !out.has(demonstration)),
    heldOut: demonstrations.filter((demonstration) => out.has(demonstration)),
  };
}

/** A number outside 0..1 has no place in a score; not-a-number stays, so that a broken frame shows. */
export const clamp01 = (value: number): number => Math.min(1, Math.max(0, value));

export const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));

/**
 * Steps until an episode has arrived: from that frame on all lie within `radius` of the last one (root mean square over the
 * normalised numbers). What rests at the goal until the horizon is not on its way any more. Radius 0: at the last frame,
 * or when nothing moves any more.
 */
export function arrivalOf(
  { dim, frames, first, lengths }: FrameSet,
  episode: number,
  radius: number,
): number {
  const last = (first[episode]! + lengths[episode]!) * dim;
  for (let t = lengths[episode]!; t > 1; t--) {
    const before = (first[episode]! + t - 1) * dim;
    let square = 0;
    for (let d = 0; d < dim; d++) square += (frames[before + d]! - frames[last + d]!) ** 2;
    if (square > radius * radius * dim) return t;
  }
  return 1;
}

export const restRadiusField = {
  type: 'number',
  default: 0.3,
  min: 0,
  max: 5,
  unit: 'standard deviations',
  help: 'A success has arrived when all later frames are this near to its last one (root mean square); it only rests then. 0: at its last frame',
} as const;
