/**
 * Learning curves of several runs together: brought onto common places by straight lines between their points, then at each
 * place the interquartile mean over the runs with a bootstrap interval (Agarwal et al. 2021, arXiv:2108.13264). Whole runs are
 * drawn, the same ones at every place. A group's curve reaches as far as all of its runs do, so that nobody drops out on the way. Pure.
 */

import { createRandom } from '../sim/engine/random.ts';
import {
  bootstrapInterval,
  type Interval,
  probabilityOfImprovement,
  quantile,
  type Resampling,
} from './statistics.ts';

/** Points of one run; `x` ascends, no number is missing. */
export interface Curve {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** At each place. `low` and `high` are NaN where one run alone leaves them open. */
export interface Band {
  readonly middle: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Draws of curves: an interval for each of some hundred places, in a window that waits for it. */
export const curveResamples = 2000;

/** The points that have a value. */
export function curveOf(x: ArrayLike<number>, y: ArrayLike<number>): Curve {
  const kept = Array.from(x, (_, i) => i).filter((i) => Number.isFinite(x[i]!) && Number.isFinite(y[i]!));
  return { x: kept.map((i) => x[i]!), y: kept.map((i) => y[i]!) };
}

/** Seconds of training by step: microseconds a step, added up. What is not known is taken from the row before. */
export function secondsOf(steps: ArrayLike<number>, microseconds: ArrayLike<number>): Float64Array {
  const seconds = new Float64Array(steps.length);
  let known = Array.from(microseconds).find((value) => Number.isFinite(value)) ?? Number.NaN;
  let sum = 0;
  for (let i = 0; i < steps.length; i++) {
    if (Number.isFinite(microseconds[i]!)) known = microseconds[i]!;
    sum += (steps[i]! - (i === 0 ? 0 : steps[i - 1]!)) * known * 1e-6;
    seconds[i] = sum;
  }
  return seconds;
}

/** Where all curves are; null where they have nothing in common. */
export function commonRange(curves: readonly Curve[]): { from: number; to: number } | null {
  if (curves.length === 0 || curves.some(({ x }) => x.length < 2)) return null;
  const from = Math.max(...curves.map(({ x }) => x[0]!));
  const to = Math.min(...curves.map(({ x }) => x.at(-1)!));
  return to > from ? { from, to } : null;
}

/** Evenly spaced places, both ends among them. */
export const placesIn = ({ from, to }: { from: number; to: number }, points: number): Float64Array =>
  Float64Array.from({ length: points }, (_, i) =>
    i === points - 1 ? to : from + ((to - from) * i) / (points - 1),
  );

/** By straight lines between points; the places ascend and lie within the curve. */
export function valuesAt({ x, y }: Curve, places: ArrayLike<number>): Float64Array {
  const out = new Float64Array(places.length);
  let k = 0;
  for (let i = 0; i < places.length; i++) {
    while (k < x.length - 2 && x[k + 1]! < places[i]!) k++;
    const [left, right] = [x[k]!, x[k + 1] ?? x[k]!];
    const share = right > left ? (places[i]! - left) / (right - left) : 0;
    out[i] = y[k]! + share * ((y[k + 1] ?? y[k]!) - y[k]!);
  }
  return out;
}

/** How often each run was drawn. [resamples][runs]; the same draws as `bootstrapInterval` makes of as many values. */
function drawsOf(
  sizes: readonly number[],
  { seed = 0, resamples = curveResamples }: Resampling,
): Uint16Array[][] {
  const random = createRandom(seed);
  return Array.from({ length: resamples }, () =>
    sizes.map((size) => {
      const counts = new Uint16Array(size);
      for (let i = 0; i < size; i++) counts[random.integer(size)]!++;
      return counts;
    }),
  );
}

/** Interquartile mean of values that were drawn `counts` times each; `order` sorts them. */
function drawnIqm(values: ArrayLike<number>, order: readonly number[], counts: Uint16Array): number {
  const n = order.length;
  const cut = Math.floor(n / 4);
  let seen = 0;
  let sum = 0;
  for (const i of order) {
    // Places seen .. seen + count of the sorted draw; the middle is cut .. n - cut.
    const first = Math.max(seen, cut);
    seen += counts[i]!;
    const taken = Math.min(seen, n - cut) - first;
    if (taken > 0) sum += taken * values[i]!;
  }
  return sum / (n - 2 * cut);
}

/** `rows` of the first and the second group, [runs][places]; the band is of `first - second`, or of the first alone. */
function bandOf(groups: readonly (readonly Float64Array[])[], resampling: Resampling): Band {
  const places = groups[0]![0]!.length;
  const band = {
    middle: new Float64Array(places),
    low: new Float64Array(places).fill(Number.NaN),
    high: new Float64Array(places).fill(Number.NaN),
  };
  const draws = groups.some((rows) => rows.length > 1)
    ? drawsOf(
        groups.map((rows) => rows.length),
        resampling,
      )
    : [];
  const all = groups.map((rows) => new Uint16Array(rows.length).fill(1));
  const found = new Float64Array(draws.length);
  for (let p = 0; p < places; p++) {
    const columns = groups.map((rows) => {
      const values = Float64Array.from(rows, (row) => row[p]!);
      return { values, order: [...values.keys()].sort((a, b) => values[a]! - values[b]!) };
    });
    const statistic = (counts: readonly Uint16Array[]): number => {
      const iqms = columns.map(({ values, order }, g) => drawnIqm(values, order, counts[g]!));
      return iqms[0]! - (iqms[1] ?? 0);
    };
    band.middle[p] = statistic(all);
    if (draws.length === 0) continue;
    for (let r = 0; r < draws.length; r++) found[r] = statistic(draws[r]!);
    found.sort();
    band.low[p] = quantile(found, 0.025);
    band.high[p] = quantile(found, 0.975);
  }
  return band;
}

/** Interquartile mean over runs with its 95 % bootstrap interval, place by place. `rows`: [runs][places] */
export const groupBand = (rows: readonly Float64Array[], resampling: Resampling = {}): Band =>
  bandOf([rows], resampling);

export interface SeededRow {
  readonly seed: number;
  readonly values: Float64Array;
}

export interface DifferenceBand extends Band {
  /** `paired`: of runs with the same training seed; `stratified`: each group drawn from itself; `single`: no interval. */
  readonly kind: 'paired' | 'stratified' | 'single';
  /** Training seeds that were paired. */
  readonly seeds: readonly number[];
}

/** First minus second at each place. Two pairs of equal training seeds are enough to pair; what has no partner is left out then. */
export function differenceBand(
  first: readonly SeededRow[],
  second: readonly SeededRow[],
  resampling: Resampling = {},
): DifferenceBand {
  const partners = new Map(second.map((row) => [row.seed, row.values]));
  const pairs = first.filter(
    (row, i) => partners.has(row.seed) && first.findIndex(({ seed }) => seed === row.seed) === i,
  );
  if (pairs.length >= 2) {
    const rows = pairs.map(({ seed, values }) => values.map((value, p) => value - partners.get(seed)![p]!));
    return { ...groupBand(rows, resampling), kind: 'paired', seeds: pairs.map(({ seed }) => seed) };
  }
  const rows = [first.map(({ values }) => values), second.map(({ values }) => values)];
  const isSingle = rows.some((group) => group.length < 2);
  const band = bandOf(rows, isSingle ? { ...resampling, resamples: 0 } : resampling);
  if (!isSingle) return { ...band, kind: 'stratified', seeds: [] };
  return {
    ...band,
    low: band.low.fill(Number.NaN),
    high: band.high.fill(Number.NaN),
    kind: 'single',
    seeds: [],
  };
}

/** That a run of the first is higher than a run of the second, with its stratified interval; null of fewer than two runs. */
export function improvementOf(
  x: readonly number[],
  y: readonly number[],
  { seed = 0, resamples = curveResamples }: Resampling = {},
): { probability: number; interval: Interval } | null {
  if (x.length < 2 || y.length < 2) return null;
  return {
    probability: probabilityOfImprovement(x, y),
    interval: bootstrapInterval([x, y], ([a, b]) => probabilityOfImprovement(a!, b!), { seed, resamples }),
  };
}
