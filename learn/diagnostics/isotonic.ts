/**
 * The rising step curve that fits best: isotonic regression by pooling adjacent violators (Ayer et al. 1955,
 * https://doi.org/10.1214/aoms/1177728423). It puts scores of different scales on the scale of the truth without helping
 * their order, so that rewards which only differ by a rising curve are judged alike.
 */

/** Least squares among rising curves of `from` onto `to`. Returns the curve: linear between the pools' middles, level outside. */
export function isotonic(from: ArrayLike<number>, to: ArrayLike<number>): (value: number) => number {
  const n = from.length;
  if (n === 0 || to.length !== n)
    throw new RangeError(`Isotonic: found lengths ${n} and ${to.length}, wanted two equal ones above 0`);
  const order = Int32Array.from({ length: n }, (_, i) => i).sort((i, j) => from[i]! - from[j]!);
  /** Pools: sums of both sides and how many are in them. */
  const x: number[] = [];
  const y: number[] = [];
  const count: number[] = [];
  for (let at = 0; at < n; ) {
    let [sumX, sumY, many] = [0, 0, 0];
    // Equal scores cannot be told apart: one pool.
    const value = from[order[at]!]!;
    if (Number.isNaN(value)) throw new RangeError('Isotonic: found not-a-number, wanted numbers');
    for (; at < n && from[order[at]!] === value; at++, many++) {
      sumX += value;
      sumY += to[order[at]!]!;
    }
    while (count.length > 0 && y.at(-1)! / count.at(-1)! >= sumY / many) {
      sumX += x.pop()!;
      sumY += y.pop()!;
      many += count.pop()!;
    }
    x.push(sumX);
    y.push(sumY);
    count.push(many);
  }
  const knots = x.map((sum, i) => sum / count[i]!);
  const heights = y.map((sum, i) => sum / count[i]!);
  return (value) => {
    if (Number.isNaN(value)) return Number.NaN;
    if (value <= knots[0]!) return heights[0]!;
    if (value >= knots.at(-1)!) return heights.at(-1)!;
    let [low, high] = [0, knots.length - 1];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (knots[middle]! <= value) low = middle;
      else high = middle;
    }
    const share = (value - knots[low]!) / (knots[high]! - knots[low]!);
    return heights[low]! + share * (heights[high]! - heights[low]!);
  };
}
