/** Arithmetic of the timeline: ranges, ticks, thinning. Pure. */

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** The finite range of all values with zero in it and a little air; [0, 1] where there is nothing. */
export function rangeOf(series: readonly ArrayLike<number>[]): Range {
  let low = 0;
  let high = Number.NEGATIVE_INFINITY;
  for (const values of series) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (high === Number.NEGATIVE_INFINITY) return { low: 0, high: 1 };
  if (high < 0) high = 0;
  if (high === low) high = low + 1;
  const air = (high - low) * 0.06;
  return { low: low < 0 ? low - air : 0, high: high + air };
}

/** Round numbers (1, 2 or 5 times a power of ten) inside the range, about `count` of them. */
export function ticksOf(range: Range, count: number): number[] {
  const span = range.high - range.low;
  if (!(span > 0) || count < 1) return [];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10) * power;
  const ticks: number[] = [];
  for (let i = Math.ceil(range.low / step - 1e-9); i * step <= range.high + step * 1e-9; i++) {
    ticks.push(Number((i * step).toPrecision(12)));
  }
  return ticks;
}

/**
 * Thins a long series for drawing: per pixel column the first, lowest, highest and last point, so that no spike is
 * lost. Returns indices in order; all of them where there are few.
 */
export function thin(values: ArrayLike<number>, columns: number): number[] {
  const n = values.length;
  if (n <= columns * 4) return Array.from({ length: n }, (_, i) => i);
  const out: number[] = [];
  for (let column = 0; column < columns; column++) {
    const start = Math.floor((column * n) / columns);
    const end = Math.floor(((column + 1) * n) / columns);
    let low = start;
    let high = start;
    for (let i = start; i < end; i++) {
      if (values[i]! < values[low]!) low = i;
      if (values[i]! > values[high]!) high = i;
    }
    for (const i of [...new Set([start, low, high, end - 1])].sort((a, b) => a - b)) out.push(i);
  }
  return out;
}

/** Short, aligned numbers for legends and tables. */
export function short(value: number | undefined): string {
  if (value === undefined) return '–';
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 100_000)) return value.toExponential(1);
  return value.toFixed(size >= 100 ? 1 : 3);
}

/** 123,456 */
export const grouped = (value: number): string => Math.round(value).toLocaleString('en-US');

/** 1.5k, 2M: for axes and narrow columns. */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toFixed(2))}M`;
  if (size >= 1e3) return `${Number((value / 1e3).toFixed(1))}k`;
  if (size !== 0 && size < 0.001) return value.toExponential(0);
  return String(Number(value.toFixed(3)));
}
