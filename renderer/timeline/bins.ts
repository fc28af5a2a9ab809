/**
 * A long series for drawing: lowest, highest and mean of bins of 1, 2, 4, ... points, so that no spike is lost and a pixel column is
 * drawn once. Bins begin at multiples of their size whatever is in view, so that they are worked out once and panning only picks
 * among them, without flicker. Pure.
 */

/** Each [ceil(n / size)]; NaN where a bin has no finite number. */
export interface Bins {
  readonly size: number;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly mean: Float64Array;
}

/** What is drawn of one series: points in order, `time` on the clock's axis. A gap where `low` is NaN. */
export interface Path {
  readonly count: number;
  readonly time: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly mean: Float64Array;
}

const known = new WeakMap<object, Map<number, Bins>>();

/** Kept for as long as the values live. */
export function binsOf(values: ArrayLike<number>, size: number): Bins {
  let ladder = known.get(values);
  if (!ladder) {
    ladder = new Map();
    known.set(values, ladder);
  }
  let bins = ladder.get(size);
  if (!bins) {
    bins = makeBins(values, size);
    ladder.set(size, bins);
  }
  return bins;
}

function makeBins(values: ArrayLike<number>, size: number): Bins {
  const count = Math.ceil(values.length / size);
  const low = new Float64Array(count).fill(Number.NaN);
  const high = new Float64Array(count).fill(Number.NaN);
  const mean = new Float64Array(count).fill(Number.NaN);
  for (let bin = 0; bin < count; bin++) {
    const end = Math.min(values.length, (bin + 1) * size);
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    let sum = 0;
    let n = 0;
    for (let i = bin * size; i < end; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      if (value < least) least = value;
      if (value > most) most = value;
      sum += value;
      n++;
    }
    if (n === 0) continue;
    low[bin] = least;
    high[bin] = most;
    mean[bin] = sum / n;
  }
  return { size, low, high, mean };
}

/** The largest power of two that is no more than the points of a pixel column; 1 where there are fewer. */
export function binSize(pointsPerPixel: number): number {
  return pointsPerPixel > 1 ? 2 ** Math.floor(Math.log2(pointsPerPixel)) : 1;
}

/** The first index whose time is not before this one; times never go down. */
export function indexAt(times: ArrayLike<number>, time: number): number {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle]! < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The part of a series between two times, one bin more at each side so that lines reach the edges.
 * times: when the clock shows each frame [>= values.length]; columns: pixels between `from` and `to`
 */
export function pathOf(
  values: ArrayLike<number>,
  times: ArrayLike<number>,
  { from, to }: { readonly from: number; readonly to: number },
  columns: number,
): Path {
  const last = Math.max(0, values.length - 1);
  const first = Math.min(last, Math.max(0, indexAt(times, from) - 1));
  const end = Math.min(last, indexAt(times, to));
  const { size, low, high, mean } = binsOf(values, binSize((end - first + 1) / Math.max(1, columns)));
  const start = Math.max(0, Math.floor(first / size) - 1);
  const stop = Math.min(low.length, Math.floor(end / size) + 2);
  const count = Math.max(0, stop - start);
  const time = new Float64Array(count);
  for (let k = 0; k < count; k++) time[k] = times[Math.min(last, (start + k) * size + (size >> 1))]!;
  return {
    count,
    time,
    low: low.subarray(start, stop),
    high: high.subarray(start, stop),
    mean: mean.subarray(start, stop),
  };
}

/**
 * Lays layers on each other, what is above zero upwards and what is below downwards, by the means of their bins; all of one episode
 * and one view, so of the same bins. Each layer: from `base` to `top` [count].
 */
export function stackPaths(
  paths: readonly Path[],
): readonly { readonly base: Float64Array; readonly top: Float64Array }[] {
  const count = paths[0]?.count ?? 0;
  const up = new Float64Array(count);
  const down = new Float64Array(count);
  return paths.map(({ mean }) => {
    const base = new Float64Array(count);
    const top = new Float64Array(count);
    for (let k = 0; k < count; k++) {
      const value = Number.isFinite(mean[k]!) ? mean[k]! : 0;
      const pile = value < 0 ? down : up;
      base[k] = pile[k]!;
      pile[k]! += value;
      top[k] = pile[k]!;
    }
    return { base, top };
  });
}

/** The highest and lowest that a stack of these series reaches at any frame. */
export function stackExtent(layers: readonly ArrayLike<number>[]): readonly [number, number] {
  let least = 0;
  let most = 0;
  for (let t = 0; t < (layers[0]?.length ?? 0); t++) {
    let up = 0;
    let down = 0;
    for (const values of layers) {
      const value = values[t]!;
      if (value > 0) up += value;
      else if (value < 0) down += value;
    }
    least = Math.min(least, down);
    most = Math.max(most, up);
  }
  return [least, most];
}

/**
 * For the bench: works out what is drawn of `series` curves of `steps` steps while half of them are panned over in `frames`
 * pictures of `columns` pixels. Milliseconds a picture, by the clock that is handed in; bins are made before.
 */
export function benchPan(
  { series, steps, frames, columns }: { series: number; steps: number; frames: number; columns: number },
  now: () => number,
): number {
  const times = Float64Array.from({ length: steps + 1 }, (_, t) => t * 0.05);
  const curves = Array.from({ length: series }, (_, s) =>
    Float64Array.from({ length: steps }, (_, t) => Math.sin(t * 0.01 * (s + 1)) + ((t * 7919) % 101) / 500),
  );
  const span = times[steps]! / 2;
  const draw = (frame: number): void => {
    const from = (span * frame) / frames;
    for (const values of curves) pathOf(values, times, { from, to: from + span }, columns);
  };
  draw(0);
  const begun = now();
  for (let frame = 0; frame < frames; frame++) draw(frame);
  return (now() - begun) / frames;
}
