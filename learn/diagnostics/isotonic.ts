/**
 * The rising step curve that fits best: isotonic regression by pooling adjacent violators (Ayer et al. 1955,
 * https://doi.org/10.1214/aoms/1177728423). It puts scores of different scales on the scale of the truth without helping
 * their order, so that rewards which only differ by a rising curve are judged alike.
 */

/** Points that lie together: sums of both sides, and how many they are. */
export interface Pool {
  readonly x: number;
  readonly y: number;
  readonly count: number;
}

/** Joins neighbours whose mean height does not rise; `pools` in the order of x. */
export function joinViolators(pools: Iterable<Pool>): Pool[] {
  const joined: Pool[] = [];
  for (let { x, y, count } of pools) {
    for (
      let last = joined.at(-1);
      last !== undefined && last.y / last.count >= y / count;
      last = joined.at(-1)
    ) {
      x += last.x;
      y += last.y;
      count += last.count;
      joined.pop();
    }
    joined.push({ x, y, count });
  }
  return joined;
}

/** Least squares among rising curves of `from` onto `to`. Returns the curve: linear between the pools' middles, level outside. */
export function isotonic(from: ArrayLike<number>, to: ArrayLike<number>): (value: number) => number {
  const n = from.length;
  if (n === 0 || to.length !== n)
    throw new RangeError(`Isotonic: found lengths ${n} and ${to.length}, wanted two equal ones above 0`);
  const order = Int32Array.from({ length: n }, (_, i) => i).sort((i, j) => from[i]! - from[j]!);
  const equal: Pool[] = [];
  for (let at = 0; at < n; ) {
    let [x, y, count] = [0, 0, 0];
    // Equal scores cannot be told apart: one pool.
    const value = from[order[at]!]!;
    if (Number.isNaN(value)) throw new RangeError('Isotonic: found not-a-number, wanted numbers');
    for (; at < n && from[order[at]!] === value; at++, count++) {
      x += value;
      y += to[order[at]!]!;
    }
    equal.push({ x, y, count });
  }
  const pools = joinViolators(equal);
  const knots = pools.map(({ x, count }) => x / count);
  const heights = pools.map(({ y, count }) => y / count);
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
