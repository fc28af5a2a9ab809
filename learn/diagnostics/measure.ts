/** A number that judges a reward model, with how sure it is, or with the reason why there is none. */

import { createRandom } from '../../sim/engine/random.ts';
import type { Outcome, Truth } from './truth.ts';

export interface Measure {
  /** Null where the data cannot decide; `reason` says why. */
  readonly value: number | null;
  /** 95 % percentile bootstrap over the units (episodes, mostly); null where there is no value. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  /** Units behind it. */
  readonly count: number;
  readonly reason?: string;
}

export interface MeasureOptions {
  /** Of the resampling. */
  readonly seed?: number;
  readonly resamples?: number;
}

/** Fewer episodes say nothing of others. */
export const fewestUnits = 3;
/** Enough for an end of an interval to be good to about a tenth of its width. */
const defaultResamples = 400;

export const tooFew = (count: number): string =>
  `too few episodes to say: ${count}, wanted at least ${fewestUnits}`;

export const notMeasurable = (reason: string, count: number): Measure => ({
  value: null,
  interval: null,
  count,
  reason,
});

/**
 * The statistic of the units and its bootstrap interval. A statistic answers with a number, or with the words why it has
 * none; resamples that have none (all of one class, say) are left out of the interval.
 */
export function measure<T>(
  units: readonly T[],
  statistic: (drawn: readonly T[]) => number | string,
  { seed = 0, resamples = defaultResamples }: MeasureOptions = {},
): Measure {
  const count = units.length;
  if (count < fewestUnits) return notMeasurable(tooFew(count), count);
  const value = statistic(units);
  if (typeof value === 'string') return notMeasurable(value, count);
  if (!Number.isFinite(value)) return notMeasurable(`it came out as ${value}`, count);
  const random = createRandom(seed);
  const drawn = new Array<T>(count);
  const found: number[] = [];
  for (let r = 0; r < resamples; r++) {
    for (let i = 0; i < count; i++) drawn[i] = units[random.integer(count)]!;
    const one = statistic(drawn);
    if (typeof one === 'number' && Number.isFinite(one)) found.push(one);
  }
  return { value, interval: percentiles(found), count };
}

/** Between the two nearest ranks by linear interpolation; `share` in [0, 1], `sorted` ascending. */
export function quantile(sorted: Readonly<Float64Array>, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below]!;
  return low + (at - below) * (sorted[Math.min(below + 1, sorted.length - 1)]! - low);
}

/** 2.5 % and 97.5 %; null of fewer than two numbers. */
export function percentiles(values: readonly number[]): { low: number; high: number } | null {
  if (values.length < 2) return null;
  const sorted = Float64Array.from(values).sort();
  return { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
}

/** Mean of one number an episode. */
export const meanMeasure = (values: readonly number[], options?: MeasureOptions): Measure =>
  measure(values, mean, options);

/** NaN of nothing. */
export function mean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** An episode with what a model says of it and what the simulator knows of it. Both [T + 1]. */
export interface JudgedEpisode {
  readonly score: ArrayLike<number>;
  readonly truth: Truth;
  readonly outcome: Outcome;
}

/** Last number of a track. */
export const final = (track: ArrayLike<number>): number => track[track.length - 1]!;

/** Whether every number is the same, to within rounding of float32. */
export function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (Math.abs(values[i]! - values[0]!) > 1e-6) return false;
  return true;
}

/** Every `stride`-th frame and the last one. @throws RangeError on a stride that is none. */
export function framesAt(length: number, stride: number): number[] {
  if (!Number.isInteger(stride) || stride < 1)
    throw new RangeError(`Stride: found ${stride}, wanted a whole number of at least 1`);
  const frames: number[] = [];
  for (let t = 0; t < length; t += stride) frames.push(t);
  if (frames.at(-1) !== length) frames.push(length);
  return frames;
}

/** Those frames of a track. */
export const pick = (track: ArrayLike<number>, frames: readonly number[]): Float64Array =>
  Float64Array.from(frames, (t) => track[t]!);
