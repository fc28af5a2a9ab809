/** What the charts of the curves panel are made from: series, scales, words for a readout, rows of a file. Pure. */

import type { TruthBesideProxy } from '../../lab/api.ts';
import { short } from '../timeline/scale.ts';

export type Parting = TruthBesideProxy['parting'];

export interface ChartSeries {
  readonly label: string;
  readonly colour: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** 95 %, at the same places. */
  readonly low?: ArrayLike<number>;
  readonly high?: ArrayLike<number>;
  readonly isDashed?: boolean;
  /** Beside others that matter more. */
  readonly isFaint?: boolean;
}

export interface ChartMark {
  readonly x: number;
  readonly label: string;
  readonly colour: string;
}

/** Index of the last place at or before x; -1 where the series begins later or ended before. */
export function placeAt(x: ArrayLike<number>, at: number): number {
  if (x.length === 0 || at < x[0]! || at > x[x.length - 1]!) return -1;
  let low = 0;
  let high = x.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (x[middle]! <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** `0.412 (0.3 to 0.5)`; a dash where the series is not there. */
export function readingOf({ x, y, low, high }: ChartSeries, at: number): string {
  const i = placeAt(x, at);
  if (i < 0 || !Number.isFinite(y[i]!)) return '–';
  const interval =
    low && high && Number.isFinite(low[i]!) ? ` (${short(low[i]!)} to ${short(high[i]!)})` : '';
  return `${short(y[i]!)}${interval}`;
}

/** All numbers at a place in a sentence; of thin lines nothing, for there may be dozens. */
export const readingsOf = (
  series: readonly ChartSeries[],
  at: number,
  place: (x: number) => string,
): string =>
  [
    place(at),
    ...series.filter(({ isFaint }) => !isFaint).map((one) => `${one.label} ${readingOf(one, at)}`),
  ].join('; ');

/** The place `by` points further along, held within the ends; from nowhere to the last. `places` ascend; NaN without any. */
export function stepped(places: ArrayLike<number>, at: number | null, by: number): number {
  const last = places.length - 1;
  if (last < 0) return Number.NaN;
  if (at === null) return places[last]!;
  const i = at < places[0]! ? -1 : at > places[last]! ? last : placeAt(places, at);
  // Between two points the one behind is a step away, too.
  const from = by < 0 && i >= 0 && places[i]! < at ? i + 1 : i;
  return places[Math.min(last, Math.max(0, from + by))]!;
}

export interface ChartRow {
  readonly x: number;
  readonly cells: readonly string[];
}

/** Readings of all series at `most` of the places at the most, evenly taken, both ends among them. `places` ascend. */
export function rowsOf(series: readonly ChartSeries[], places: ArrayLike<number>, most: number): ChartRow[] {
  const count = Math.min(most, places.length);
  return Array.from({ length: count }, (_, k) => {
    const x = places[count === 1 ? 0 : Math.round((k * (places.length - 1)) / (count - 1))]!;
    return { x, cells: series.map((one) => readingOf(one, x)) };
  });
}

/** Each to its own range, so that two units share one axis; the range is said beside it. */
export function normalised(
  series: ChartSeries,
  range: { readonly low: number; readonly high: number },
): ChartSeries {
  const span = range.high - range.low || 1;
  const scale = (values: ArrayLike<number>): Float64Array =>
    Float64Array.from(values, (value) => (value - range.low) / span);
  return {
    ...series,
    y: scale(series.y),
    ...(series.low && series.high ? { low: scale(series.low), high: scale(series.high) } : {}),
  };
}

/** Lowest and highest of the values that are numbers; null without any. */
export function extentOf(values: ArrayLike<number>): { low: number; high: number } | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) continue;
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  return high < low ? null : { low, high };
}

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const number = (value: number | undefined): string =>
  value === undefined || !Number.isFinite(value) ? '' : String(value);

/** A line a point, for spreadsheets: chart, series, x, value, low, high. Numbers as they are, nothing rounded or smoothed away. */
export function csvOf(
  charts: readonly { readonly title: string; readonly series: readonly ChartSeries[] }[],
  xName: string,
): string {
  const lines = [`metric,series,${xName},value,low,high`];
  for (const { title, series } of charts) {
    for (const { label, x, y, low, high } of series) {
      for (let i = 0; i < x.length; i++) {
        if (!Number.isFinite(y[i]!)) continue;
        lines.push(
          [quoted(title), quoted(label), x[i], number(y[i]), number(low?.[i]), number(high?.[i])].join(','),
        );
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The answer of the detector in a sentence, numbers in the units of the metrics. */
export function partingText(
  parting: Parting,
  names: { readonly truth: string; readonly proxy: string },
  place: (x: number) => string,
): string {
  switch (parting.kind) {
    case 'part': {
      const { at, seen, truth, proxy } = parting;
      return `They part at ${place(at)}: from there ${names.proxy} went from ${short(proxy.peak)} to ${short(proxy.after)} while ${names.truth} fell from ${short(truth.peak)} to ${short(truth.after)}. Seen at ${place(seen)}, where both changes are clear of 0 (${short(truth.interval.low)} to ${short(truth.interval.high)} for the truth).`;
    }
    case 'together':
      return `They do not part: nowhere did ${names.truth} fall beyond its noise while ${names.proxy} rose.`;
    case 'not measurable':
      return `Whether they part is not measurable: ${parting.why}.`;
  }
}
