/**
 * Where truth and proxy part: from which step on what a run is paid keeps rising while what it is wanted for falls. For people who
 * look at a run that is over or goes on; nothing that trains reads it, for it looks at the truth. Pure.
 *
 * Time is cut into bins. For each bin, the best bin of the truth before it is the peak. A bin counts as parted where, against the
 * peak, truth is lower and the proxy is higher, each by a bootstrap interval that is clear of 0. The highest of a dozen noisy bins lies
 * above what is true, so the fall must also be `deviations` times the noise of a bin, read off second differences (which a steady
 * rise or fall does not enter): with 4, independent normal noise on a truth that stays where it is looks like a parting in less than 5 % of
 * courses (test/lab/parting.test.ts). And it must be at least `least`, for a fall of less is of no matter. `hold` parted bins in
 * a row make a parting. It began `at` the peak; it was `seen` at the first of those bins.
 */

import { createRandom } from '../sim/engine/random.ts';
import { type Curve, commonRange } from './curves.ts';
import { curveMean, type Interval, mean, quantile } from './statistics.ts';

/** Numbers of each bin: of each run one (paired: the same run in the same place), or the rows of one run that fell into it. */
export interface PartingInput {
  /** Middle of each bin, ascending. */
  readonly x: readonly number[];
  readonly truth: readonly (readonly number[])[];
  readonly proxy: readonly (readonly number[])[];
  /** Runs are drawn, each with itself at the peak; else rows are drawn, in either bin for itself. */
  readonly isPaired: boolean;
}

export interface Change {
  readonly peak: number;
  readonly after: number;
  /** Of `after - peak`. */
  readonly interval: Interval;
}

export type Parting =
  | {
      readonly kind: 'part';
      readonly at: number;
      readonly seen: number;
      readonly truth: Change;
      readonly proxy: Change;
    }
  | { readonly kind: 'together' }
  | { readonly kind: 'not measurable'; readonly why: string };

export const partingDefaults = { hold: 2, least: 0.05, deviations: 4, resamples: 1000, seed: 0 } as const;

/** The most that a range of steps is cut into, and the fewest that say something. */
const mostBins = 12;
const fewestBins = 4;
/** Of one run, in each bin. */
const rowsPerBin = 4;

export function partingOf(
  { x, truth, proxy, isPaired }: PartingInput,
  options: Partial<Record<keyof typeof partingDefaults, number>> = {},
): Parting {
  const { hold, least, deviations, resamples, seed } = { ...partingDefaults, ...options };
  if (x.length < fewestBins) return { kind: 'not measurable', why: `${x.length} bins, wanted ${fewestBins}` };
  const height = truth.map(mean);
  const fall = Math.max(least, deviations * noiseOf(height));
  let peak = 0;
  let held = 0;
  let first: { readonly i: number; readonly truth: Change; readonly proxy: Change } | null = null;
  for (let i = 1; i < x.length; i++) {
    const change = (of: readonly (readonly number[])[]): Change => ({
      peak: mean(of[peak]!),
      after: mean(of[i]!),
      interval: intervalOfChange(of[peak]!, of[i]!, isPaired, resamples, seed),
    });
    let isParted = height[i]! <= height[peak]! - fall;
    if (isParted) {
      const [t, p] = [change(truth), change(proxy)];
      isParted = t.interval.high < 0 && p.interval.low > 0;
      if (isParted && held === 0) first = { i, truth: t, proxy: p };
    }
    held = isParted ? held + 1 : 0;
    if (held === hold)
      return { kind: 'part', at: x[peak]!, seen: x[first!.i]!, truth: first!.truth, proxy: first!.proxy };
    if (height[i]! > height[peak]!) peak = i;
  }
  return { kind: 'together' };
}

/** Deviation of independent noise on a course without corners: a second difference has six times its variance. */
function noiseOf(height: readonly number[]): number {
  let squares = 0;
  for (let i = 1; i < height.length - 1; i++)
    squares += (height[i + 1]! - 2 * height[i]! + height[i - 1]!) ** 2;
  return Math.sqrt(squares / (6 * (height.length - 2)));
}

/** 95 % percentile bootstrap of mean(after) - mean(peak). */
function intervalOfChange(
  peak: readonly number[],
  after: readonly number[],
  isPaired: boolean,
  resamples: number,
  seed: number,
): Interval {
  const random = createRandom(seed);
  const drawnMean = (values: readonly number[]): number => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += values[random.integer(values.length)]!;
    return sum / values.length;
  };
  const deltas = after.map((value, i) => value - peak[i]!);
  const found = Float64Array.from({ length: resamples }, () =>
    isPaired ? drawnMean(deltas) : drawnMean(after) - drawnMean(peak),
  ).sort();
  return { low: quantile(found, 0.025), high: quantile(found, 0.975) };
}

/** Cuts the range that all curves cover into bins: several runs by their mean heights in it, one run by its rows. */
export function partingOfCurves(truth: readonly Curve[], proxy: readonly Curve[]): Parting {
  const range = commonRange([...truth, ...proxy]);
  if (range === null)
    return { kind: 'not measurable', why: 'the curves have no steps in common, or fewer than two points' };
  const { from, to } = range;
  const isPaired = truth.length > 1;
  const inside = [...truth, ...proxy].map(({ x }) => x.filter((at) => at >= from && at <= to).length);
  const bins = Math.min(mostBins, Math.floor(Math.min(...inside) / (isPaired ? 1 : rowsPerBin)));
  if (bins < fewestBins) {
    const wanted = fewestBins * (isPaired ? 1 : rowsPerBin);
    return {
      kind: 'not measurable',
      why: `${Math.min(...inside)} rows in the common range, wanted at least ${wanted}`,
    };
  }
  const edges = Array.from({ length: bins + 1 }, (_, b) => from + ((to - from) * b) / bins);
  const isIn = (at: number, b: number): boolean =>
    at >= edges[b]! && (b === bins - 1 ? at <= edges[b + 1]! : at < edges[b + 1]!);
  const cut = (curves: readonly Curve[]): number[][] =>
    Array.from({ length: bins }, (_, b) =>
      isPaired
        ? curves.map(({ x, y }) => curveMean(x, y, { from: edges[b]!, to: edges[b + 1]! }))
        : curves[0]!.y.filter((_, i) => isIn(curves[0]!.x[i]!, b)),
    );
  const input = {
    x: Array.from({ length: bins }, (_, b) => (edges[b]! + edges[b + 1]!) / 2),
    truth: cut(truth),
    proxy: cut(proxy),
    isPaired,
  };
  if ([...input.truth, ...input.proxy].some((rows) => rows.length < 2))
    return { kind: 'not measurable', why: 'the rows are spaced too unevenly: some bins have fewer than two' };
  return partingOf(input);
}
