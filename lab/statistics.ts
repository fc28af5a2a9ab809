/**
 * What can be said of success rates, scores of several seeds and pairs of episodes. Pure; everything random takes the
 * seeded generator.
 */

import { mean, quantile } from '../learn/diagnostics/measure.ts';
import { createRandom } from '../sim/engine/random.ts';

export { mean, quantile };

/**
 * Wilson score interval of a binomial proportion (Wilson 1927), 95 % by default. Returns [0, 1] for no trials.
 * @throws RangeError when the counts are no counts.
 */
export function wilsonInterval(
  successes: number,
  trials: number,
  z = 1.959963984540054,
): { low: number; high: number } {
  if (!(Number.isInteger(successes) && Number.isInteger(trials) && successes >= 0 && successes <= trials)) {
    throw new RangeError(
      `Wilson interval: found ${successes} of ${trials}, wanted whole numbers with 0 <= successes <= trials`,
    );
  }
  if (trials === 0) return { low: 0, high: 1 };
  const p = successes / trials;
  const z2 = z * z;
  const centre = (p + z2 / (2 * trials)) / (1 + z2 / trials);
  const half = (z / (1 + z2 / trials)) * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials * trials));
  // Exact at the ends, where rounding would leave a speck.
  return {
    low: successes === 0 ? 0 : Math.max(0, centre - half),
    high: successes === trials ? 1 : Math.min(1, centre + half),
  };
}

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Of a sample, with n - 1; NaN of fewer than two values. */
export function standardDeviation(values: readonly number[]): number {
  const centre = mean(values);
  let squares = 0;
  for (const value of values) squares += (value - centre) ** 2;
  return values.length < 2 ? Number.NaN : Math.sqrt(squares / (values.length - 1));
}

/**
 * Mean of the middle half: floor(n / 4) values are cut at either end (Agarwal et al. 2021, arXiv:2108.13264, as a 25 %
 * trimmed mean). The plain mean of fewer than four values; NaN of none.
 */
export function interquartileMean(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const cut = Math.floor(sorted.length / 4);
  let sum = 0;
  for (let i = cut; i < sorted.length - cut; i++) sum += sorted[i]!;
  return sum / (sorted.length - 2 * cut);
}

export interface Resampling {
  /** Of the seeded generator: the same data and seed give the same interval. */
  readonly seed?: number;
  readonly resamples?: number;
}

const defaultResamples = 10_000;

/**
 * Stratified percentile bootstrap, 95 %: each stratum is drawn anew with replacement from itself, at its own size, and the
 * statistic is taken of all strata together (Efron 1979; with tasks as strata, Agarwal et al. 2021).
 * @throws RangeError when a stratum is empty.
 */
export function bootstrapInterval(
  strata: readonly (readonly number[])[],
  statistic: (drawn: readonly (readonly number[])[]) => number,
  { seed = 0, resamples = defaultResamples }: Resampling = {},
): Interval {
  if (strata.some((values) => values.length === 0)) {
    throw new RangeError('Bootstrap: found a stratum without values, wanted at least one in each');
  }
  const random = createRandom(seed);
  const drawn = strata.map((values) => new Array<number>(values.length).fill(0));
  const found = new Float64Array(resamples);
  for (let r = 0; r < resamples; r++) {
    for (const [s, values] of strata.entries()) {
      const into = drawn[s]!;
      for (let i = 0; i < values.length; i++) into[i] = values[random.integer(values.length)]!;
    }
    found[r] = statistic(drawn);
  }
  found.sort();
  return { low: quantile(found, 0.025), high: quantile(found, 0.975) };
}

/**
 * P(X > Y) of one run of either method: the share of pairs (x, y) with x > y, ties counting half, which is the Mann-Whitney
 * statistic over its largest value (Agarwal et al. 2021). NaN without pairs.
 */
export function probabilityOfImprovement(x: readonly number[], y: readonly number[]): number {
  let won = 0;
  for (const a of x) for (const b of y) won += a > b ? 1 : a === b ? 0.5 : 0;
  return won / (x.length * y.length);
}

/**
 * Two-sided exact sign test: how likely a split at least as uneven as this is when either side is as likely. Of successes
 * and failures on the same starts it is McNemar's exact test (`wins`: only the first succeeded, `losses`: only the second);
 * ties say nothing and are left out.
 * @throws RangeError when the counts are no counts.
 */
export function signTest(wins: number, losses: number): number {
  if (!(Number.isInteger(wins) && Number.isInteger(losses) && wins >= 0 && losses >= 0)) {
    throw new RangeError(`Sign test: found ${wins} and ${losses}, wanted whole numbers from 0`);
  }
  const n = wins + losses;
  const fewer = Math.min(wins, losses);
  // log of C(n, k) / 2^n, from one k to the next, so that thousands of pairs do not overflow.
  let logTerm = -n * Math.LN2;
  let tail = Math.exp(logTerm);
  for (let k = 1; k <= fewer; k++) {
    logTerm += Math.log((n - k + 1) / k);
    tail += Math.exp(logTerm);
  }
  return Math.min(1, 2 * tail);
}

/** Splits that are still counted one by one: C(16, 8) = 12,870 is, C(18, 9) = 48,620 is not. */
const mostSplits = 20_000;

/** C(n, k); may lose its last digits above 2^53. */
export function choose(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) product = (product * (n - i + 1)) / i;
  return Math.round(product);
}

/**
 * Two-sided permutation test of |statistic(x) - statistic(y)|: the share of splits of all values into groups of these sizes
 * with a difference at least as large. Exact where the splits can be counted, else over random ones, the observed one
 * among them. @throws RangeError when a group is empty.
 */
export function permutationTest(
  x: readonly number[],
  y: readonly number[],
  statistic: (values: readonly number[]) => number,
  { seed = 0, resamples = defaultResamples }: Resampling = {},
): number {
  if (x.length === 0 || y.length === 0) {
    throw new RangeError('Permutation test: found a group without values, wanted at least one in each');
  }
  const all = [...x, ...y];
  const difference = (isFirst: (i: number) => boolean): number =>
    Math.abs(statistic(all.filter((_, i) => isFirst(i))) - statistic(all.filter((_, i) => !isFirst(i))));
  // Sums in another order differ in the last bits; such a split is as extreme.
  const observed = difference((i) => i < x.length) * (1 - 1e-12) - 1e-15;
  let extreme = 0;
  let total = 0;
  if (choose(all.length, x.length) <= mostSplits) {
    for (const first of subsets(all.length, x.length)) {
      total++;
      if (difference((i) => first.has(i)) >= observed) extreme++;
    }
    return extreme / total;
  }
  const random = createRandom(seed);
  const order = all.map((_, i) => i);
  for (let r = 0; r < resamples; r++) {
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    const first = new Set(order.slice(0, x.length));
    if (difference((i) => first.has(i)) >= observed) extreme++;
  }
  return (extreme + 1) / (resamples + 1);
}

/** Ranks from 1, equal values sharing the middle of theirs. */
export function midranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length;
    const equal = values.filter((other) => other === value).length;
    return below + (equal + 1) / 2;
  });
}

/**
 * Two-sided Wilcoxon-Mann-Whitney test as a permutation test of ranks, exact for few values, ties included: whether the
 * probability of improvement is other than a half. @throws RangeError when a group is empty.
 */
export function rankTest(x: readonly number[], y: readonly number[], resampling: Resampling = {}): number {
  const ranks = midranks([...x, ...y]);
  return permutationTest(ranks.slice(0, x.length), ranks.slice(x.length), mean, resampling);
}

/** Every choice of `size` out of 0 .. n - 1. */
function* subsets(n: number, size: number, from = 0, chosen = new Set<number>()): Generator<Set<number>> {
  if (chosen.size === size) return yield chosen;
  for (let i = from; i <= n - (size - chosen.size); i++) {
    chosen.add(i);
    yield* subsets(n, size, i + 1, chosen);
    chosen.delete(i);
  }
}

/**
 * Mean height of a curve from `from` to `to`: the area under straight lines between its points over the distance. NaN
 * where the curve does not reach over the range. Steps ascend; points without a value (NaN) are left out.
 */
export function curveMean(
  steps: readonly number[],
  values: readonly number[],
  { from, to }: { readonly from: number; readonly to: number },
): number {
  const points = steps
    .map((step, i) => ({ step, value: values[i]! }))
    .filter(({ value }) => !Number.isNaN(value));
  if (!(to > from) || points.length < 2 || points[0]!.step > from || points.at(-1)!.step < to)
    return Number.NaN;
  let area = 0;
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1]!, points[i]!];
    const [left, right] = [Math.max(a.step, from), Math.min(b.step, to)];
    if (right <= left) continue;
    const at = (step: number): number =>
      a.value + ((b.value - a.value) * (step - a.step)) / (b.step - a.step);
    area += ((at(left) + at(right)) / 2) * (right - left);
  }
  return area / (to - from);
}
