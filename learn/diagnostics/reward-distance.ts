// EPIC: Quantifying Differences in Reward Functions, arXiv 2006.13900; STARC: A General Framework For Quantifying Differences Between Reward Functions, arXiv 2309.15257
/**
 * How differently two rewards pay, potential-based shaping and positive scale not counted; from samples.
 *
 * EPIC (checked against the paper's text and open implementations), S, S' ~ D_S and A ~ D_A independent:
 *   C(R)(s,a,s') = R(s,a,s') + E[gamma R(s',A,S') - R(s,A,S') - gamma R(S,A,S')]
 *   D_EPIC(R1, R2) = sqrt((1 - rho(C(R1), C(R2))) / 2)       rho: Pearson over transitions of the coverage set
 * Here D_S and D_A are the states and actions of the coverage set, so C asks for transitions that no physics allows. With one
 * sample of (A, S') for every mean, a pure shaping term is 0 to rounding, not only on average.
 *
 * STARC is a family: a canonicalisation c that takes away shaping (and where the reward of an action depends on which of several
 * next states follows, averages over them), a norm n, and a distance m:
 *   s(R) = c(R) / n(c(R)), 0 where c(R) is 0        d(R1, R2) = m(s(R1), s(R2))
 * Ours, "STARC-style": c is the minimal one of the paper, c(R) = R + gamma Phi(s') - Phi(s) with the Phi that makes it smallest,
 * on the transitions of the coverage set alone and with Phi linear in given features of the state (one feature a state:
 * any Phi at all, the paper's own for tables); n is the Euclidean norm over those transitions; m is half the Euclidean distance.
 *   d = 1/2 || c1/|c1| - c2/|c2| || = sqrt((1 - cos(c1, c2)) / 2)
 * Transitions here are deterministic, so there is nothing to average over. It asks for no impossible transition.
 *
 * Both: 0 the same, sqrt(1/2) = 0.707 unrelated, 1 opposite.
 */

import { createRandom } from '../../sim/engine/random.ts';
import {
  fewestUnits,
  type Measure,
  type MeasureOptions,
  notMeasurable,
  percentiles,
  tooFew,
} from './measure.ts';

/** Transitions over a table of states. Indices: [N] each. */
export interface Coverage {
  readonly states: number;
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** Transitions of one episode hang together and are resampled together; 0 .. */
  readonly episode: Int32Array;
}

/** R(s, a, s'): states by index, the action by the transition that it was taken in. Any combination may be asked for. */
export type TransitionReward = (from: number, action: number, to: number) => number;

/** R(s, a, s') of the transitions themselves. [N] */
export const rewardsOf = ({ from, to }: Coverage, reward: TransitionReward): Float64Array =>
  Float64Array.from(from, (s, n) => reward(s, n, to[n]!));

// ---------------------------------------------------------------------------------------------------------------------
// EPIC

/** Draws for the means: action A_j (by transition) and next state S'_j (by state). [M] each. */
export interface EpicSample {
  readonly actions: Int32Array;
  readonly states: Int32Array;
}

/** Independent draws of the coverage set's actions and of its states (where its transitions begin). */
export function epicSample({ from }: Coverage, size: number, seed: number): EpicSample {
  const random = createRandom(seed);
  const draw = (): number => random.integer(from.length);
  const actions = Int32Array.from({ length: size }, draw);
  return { actions, states: Int32Array.from({ length: size }, () => from[draw()]!) };
}

/** C(R) of every transition. [N] */
export function canonicallyShaped(
  coverage: Coverage,
  reward: TransitionReward,
  gamma: number,
  { actions, states }: EpicSample,
): Float64Array {
  const { from, to } = coverage;
  // E[R(x, A, S')] by state, computed where it is asked for.
  const means = new Float64Array(coverage.states).fill(Number.NaN);
  const meanFrom = (x: number): number => {
    if (Number.isNaN(means[x]!)) {
      let sum = 0;
      for (let j = 0; j < actions.length; j++) sum += reward(x, actions[j]!, states[j]!);
      means[x] = sum / actions.length;
    }
    return means[x]!;
  };
  let all = 0;
  for (const state of states) all += meanFrom(state) / states.length;
  return Float64Array.from(
    from,
    (s, n) => reward(s, n, to[n]!) + gamma * meanFrom(to[n]!) - meanFrom(s) - gamma * all,
  );
}

/** D_EPIC of two canonically shaped rewards over the transitions of the coverage set. */
export function epicDistance(
  coverage: Coverage,
  a: Float64Array,
  b: Float64Array,
  options?: MeasureOptions,
): Measure {
  return distance(coverage, a, b, options, ({ n, a, b, aa, bb, ab }) => {
    const spreadA = aa / n - (a / n) ** 2;
    const spreadB = bb / n - (b / n) ** 2;
    if (isNothing(spreadA, aa / n) || isNothing(spreadB, bb / n))
      return 'one of the two pays the same everywhere once shaping is taken away';
    return halfAngle((ab / n - (a / n) * (b / n)) / Math.sqrt(spreadA * spreadB));
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// STARC

/**
 * An orthonormal basis of everything that shaping can pay on the coverage set: the columns gamma phi_k(s') - phi_k(s), those
 * that depend on earlier ones left out. features: [states, dim]. Each column: [N]
 */
export function shapingBasis(
  { from, to }: Coverage,
  features: Float64Array,
  dim: number,
  gamma: number,
): Float64Array[] {
  const basis: Float64Array[] = [];
  for (let k = 0; k < dim; k++) {
    const column = Float64Array.from(
      from,
      (s, n) => gamma * features[to[n]! * dim + k]! - features[s * dim + k]!,
    );
    const size = norm(column);
    if (size === 0) continue;
    // Twice: once leaves what rounding made of nearly parallel columns.
    for (let pass = 0; pass < 2; pass++) for (const one of basis) subtractAlong(column, one);
    const rest = norm(column);
    if (rest < 1e-8 * size) continue;
    for (let n = 0; n < column.length; n++) column[n] = column[n]! / rest;
    basis.push(column);
  }
  return basis;
}

/** c(R): the reward without what shaping can pay. rewards: [N] -> [N] */
export function minimallyShaped(rewards: Float64Array, basis: readonly Float64Array[]): Float64Array {
  const rest = rewards.slice();
  for (let pass = 0; pass < 2; pass++) for (const one of basis) subtractAlong(rest, one);
  // What rounding leaves of nothing.
  return norm(rest) < 1e-8 * norm(rewards) ? new Float64Array(rest.length) : rest;
}

/** d of two minimally shaped rewards over the transitions of the coverage set. */
export function starcDistance(
  coverage: Coverage,
  a: Float64Array,
  b: Float64Array,
  options?: MeasureOptions,
): Measure {
  return distance(coverage, a, b, options, ({ aa, bb, ab }) =>
    aa === 0 || bb === 0
      ? 'one of the two is nothing but shaping on this coverage set'
      : halfAngle(ab / Math.sqrt(aa * bb)),
  );
}

// ---------------------------------------------------------------------------------------------------------------------

interface Sums {
  n: number;
  a: number;
  b: number;
  aa: number;
  bb: number;
  ab: number;
}

const noSums = (): Sums => ({ n: 0, a: 0, b: 0, aa: 0, bb: 0, ab: 0 });

/** Sums over all transitions, and over resampled episodes for the interval: canonical rewards are not fitted anew. */
function distance(
  { episode }: Coverage,
  a: Float64Array,
  b: Float64Array,
  { seed = 0, resamples = 400 }: MeasureOptions = {},
  statistic: (sums: Sums) => number | string,
): Measure {
  if (a.length !== episode.length || b.length !== episode.length) {
    throw new RangeError(
      `Reward distance: found ${a.length} and ${b.length} rewards, wanted one for each of ${episode.length} transitions`,
    );
  }
  const parts = new Map<number, Sums>();
  for (let n = 0; n < a.length; n++) {
    const sums = parts.get(episode[n]!) ?? noSums();
    parts.set(episode[n]!, sums);
    add(sums, { n: 1, a: a[n]!, b: b[n]!, aa: a[n]! ** 2, bb: b[n]! ** 2, ab: a[n]! * b[n]! });
  }
  const groups = [...parts.values()];
  if (groups.length < fewestUnits) return notMeasurable(tooFew(groups.length), groups.length);
  const together = (draw: (i: number) => number): Sums => {
    const sums = noSums();
    for (let i = 0; i < groups.length; i++) add(sums, groups[draw(i)]!);
    return sums;
  };
  const value = statistic(together((i) => i));
  if (typeof value === 'string') return notMeasurable(value, groups.length);
  if (!Number.isFinite(value)) return notMeasurable('one of the two is not finite somewhere', groups.length);
  const random = createRandom(seed);
  const found: number[] = [];
  for (let r = 0; r < resamples; r++) {
    const one = statistic(together(() => random.integer(groups.length)));
    if (typeof one === 'number') found.push(one);
  }
  return { value, interval: percentiles(found), count: groups.length };
}

function add(into: Sums, { n, a, b, aa, bb, ab }: Sums): void {
  into.n += n;
  into.a += a;
  into.b += b;
  into.aa += aa;
  into.bb += bb;
  into.ab += ab;
}

/** A variance that is rounding beside the mean square. */
const isNothing = (spread: number, square: number): boolean => spread <= 1e-12 * Math.max(square, 1e-12);

/** sqrt((1 - c) / 2) for a correlation c, which rounding may carry past 1. */
const halfAngle = (c: number): number => Math.sqrt(Math.max(0, 1 - Math.min(1, c)) / 2);

function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

function subtractAlong(values: Float64Array, unit: Float64Array): void {
  let along = 0;
  for (let n = 0; n < values.length; n++) along += values[n]! * unit[n]!;
  for (let n = 0; n < values.length; n++) values[n] = values[n]! - along * unit[n]!;
}
