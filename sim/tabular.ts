/**
 * Small worlds as tables, for proofs by computation: exact values, optimal actions and occupancies instead of estimates.
 *
 * A table stores, for every pair (s, a), only the next states that can follow. Pair s * actions + a owns the entries
 * `first[pair] .. first[pair + 1] - 1` of `next`, `probabilities` and `rewards`:
 *
 *    Q(s, a)  = sum_i p_i (r_i + gamma V(next_i)),   V(s) = max_a Q(s, a) or sum_a pi(a | s) Q(s, a),   V(terminal) = 0
 *
 * Policies are [S * A], row-major, each row a distribution.
 */

import type { ActionSpace } from './env.ts';

/** A finite Markov decision process. S states, A actions, E entries. */
export interface TabularMdp {
  readonly states: number;
  readonly actions: number;
  /** Where the entries of each pair begin; last: E. [S * A + 1] */
  readonly first: Int32Array;
  /** The next state of each entry. [E] */
  readonly next: Int32Array;
  /** P(s' | s, a); the entries of a pair sum to 1. [E] */
  readonly probabilities: Float64Array;
  /** Reward of the transition. [E] */
  readonly rewards: Float64Array;
  /** 1 where the episode has ended: such states keep the value 0 and what follows them never counts. [S] */
  readonly terminal: Uint8Array;
  /** Chance of each state at a reset. [S] */
  readonly start: Float64Array;
}

/** The whole task as tables. `rewards` are those of the sparse native reward; time limits are not part of the table. */
export interface Tabular extends TabularMdp {
  readonly actionSpace: ActionSpace;
  /** The weighted dense native reward of each entry: `shaped(tabular, tabular.dense)` is the task under it. [E] */
  readonly dense: Float64Array;
  /** The index of a state row; its step counter and what has no effect on the task are ignored. */
  indexOf(state: Float64Array, stateOffset: number): number;
  /** Writes a row for an index, step counter 0. */
  rowOf(index: number, state: Float64Array, stateOffset: number): void;
}

/** How far a row of probabilities may be from summing to 1. */
const sumSlack = 1e-9;

function wantLength(name: string, found: number, wanted: number): void {
  if (found !== wanted) throw new RangeError(`Table ${name}: found ${found} entries, wanted ${wanted}`);
}

function wantFinite(name: string, values: Float64Array): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) {
      throw new RangeError(`Table ${name}: entry ${i} is ${values[i]}, wanted a finite number`);
    }
  }
}

/** A distribution over `[from, to)` of `values`. */
function wantDistribution(what: string, values: Float64Array, from: number, to: number): void {
  let sum = 0;
  for (let i = from; i < to; i++) {
    if (!(values[i]! >= 0)) throw new RangeError(`${what}: found ${values[i]}, wanted a chance of 0 or more`);
    sum += values[i]!;
  }
  if (!(Math.abs(sum - 1) <= sumSlack)) throw new RangeError(`${what}: sums to ${sum}, wanted 1`);
}

/** @throws RangeError naming the first table that is malformed. */
export function checkTables(mdp: TabularMdp): void {
  const { states, actions, first, next, probabilities } = mdp;
  for (const [name, count] of [
    ['states', states],
    ['actions', actions],
  ] as const) {
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`Table ${name}: found ${count}, wanted a positive integer`);
    }
  }
  const pairs = states * actions;
  wantLength('first', first.length, pairs + 1);
  if (first[0] !== 0) throw new RangeError(`Table first: starts at ${first[0]}, wanted 0`);
  for (let pair = 0; pair < pairs; pair++) {
    if (first[pair + 1]! <= first[pair]!) {
      throw new RangeError(
        `Table first: state ${Math.floor(pair / actions)}, action ${pair % actions} has no next state, wanted at least one`,
      );
    }
  }
  const entries = first[pairs]!;
  wantLength('next', next.length, entries);
  wantLength('probabilities', probabilities.length, entries);
  wantLength('rewards', mdp.rewards.length, entries);
  wantLength('terminal', mdp.terminal.length, states);
  wantLength('start', mdp.start.length, states);
  for (let i = 0; i < entries; i++) {
    if (next[i]! < 0 || next[i]! >= states) {
      throw new RangeError(`Table next: entry ${i} is ${next[i]}, wanted 0 to ${states - 1}`);
    }
  }
  for (let pair = 0; pair < pairs; pair++) {
    const what = `Table probabilities: state ${Math.floor(pair / actions)}, action ${pair % actions}`;
    wantDistribution(what, probabilities, first[pair]!, first[pair + 1]!);
  }
  wantFinite('rewards', mdp.rewards);
  wantDistribution('Table start', mdp.start, 0, states);
}

/** @throws RangeError when `policy` is not [S * A] with a distribution in every row. */
export function checkPolicy(mdp: TabularMdp, policy: Float64Array): void {
  wantLength('policy', policy.length, mdp.states * mdp.actions);
  for (let s = 0; s < mdp.states; s++) {
    wantDistribution(`Policy in state ${s}`, policy, s * mdp.actions, (s + 1) * mdp.actions);
  }
}

/**
 * The same world under another reward: a table with one number an entry, or a function of (s, a, s').
 * @throws RangeError on a table of another length or a reward that is not finite.
 */
export function shaped<M extends TabularMdp>(
  mdp: M,
  reward: Float64Array | ((state: number, action: number, next: number) => number),
): M {
  const rewards = new Float64Array(mdp.next.length);
  if (typeof reward === 'function') {
    for (let pair = 0; pair < mdp.states * mdp.actions; pair++) {
      const s = Math.floor(pair / mdp.actions);
      for (let i = mdp.first[pair]!; i < mdp.first[pair + 1]!; i++) {
        rewards[i] = reward(s, pair % mdp.actions, mdp.next[i]!);
      }
    }
  } else {
    wantLength('rewards', reward.length, rewards.length);
    rewards.set(reward);
  }
  wantFinite('rewards', rewards);
  return { ...mdp, rewards };
}

/** out[s * A + a] = Q(s, a) for the values of the states that follow. values: [S], out: [S * A] */
function backUp(
  mdp: TabularMdp,
  gamma: number,
  values: Float64Array,
  valuesAt: number,
  out: Float64Array,
  outAt: number,
): void {
  const { states, actions, first, next, probabilities, rewards, terminal } = mdp;
  for (let s = 0; s < states; s++) {
    for (let a = 0; a < actions; a++) {
      const pair = s * actions + a;
      let q = 0;
      if (terminal[s] === 0) {
        for (let i = first[pair]!; i < first[pair + 1]!; i++) {
          const s2 = next[i]!;
          // A terminal state has no future whatever `values` holds for it.
          const future = terminal[s2] === 0 ? gamma * values[valuesAt + s2]! : 0;
          q += probabilities[i]! * (rewards[i]! + future);
        }
      }
      out[outAt + pair] = q;
    }
  }
}

function rowMax(q: Float64Array, from: number, count: number): number {
  let most = q[from]!;
  for (let a = 1; a < count; a++) most = Math.max(most, q[from + a]!);
  return most;
}

function rowMean(q: Float64Array, qFrom: number, policy: Float64Array, from: number, count: number): number {
  let mean = 0;
  for (let a = 0; a < count; a++) mean += policy[from + a]! * q[qFrom + a]!;
  return mean;
}

function wantGamma(gamma: number): void {
  if (!(gamma >= 0 && gamma <= 1)) throw new RangeError(`Discount: found ${gamma}, wanted 0 to 1`);
}

/** Values and Q of all states for an endless episode (which `terminal` may end). values: [S], q: [S * A] */
export interface Solution {
  readonly values: Float64Array;
  readonly q: Float64Array;
}

export interface SolveOptions {
  /** In [0, 1]; 1 only where every policy that is worth following ends. */
  readonly gamma: number;
  /** Largest error of a value that is left, by the contraction bound; at gamma 1 the largest last change. */
  readonly tolerance?: number;
  /** Sweeps after which the values count as endless. */
  readonly sweeps?: number;
}

function solve(mdp: TabularMdp, options: SolveOptions, policy: Float64Array | null): Solution {
  const { gamma, tolerance = 1e-12, sweeps = 200_000 } = options;
  checkTables(mdp);
  wantGamma(gamma);
  if (policy) checkPolicy(mdp, policy);
  const { states, actions } = mdp;
  const values = new Float64Array(states);
  const q = new Float64Array(states * actions);
  // |V_k - V| <= gamma / (1 - gamma) |V_k - V_(k-1)|. Rounding sets a floor, so the last bits are not asked for.
  const enough = gamma < 1 && gamma > 0 ? (tolerance * (1 - gamma)) / gamma : tolerance;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    backUp(mdp, gamma, values, 0, q, 0);
    let change = 0;
    let largest = 1;
    for (let s = 0; s < states; s++) {
      const from = s * actions;
      const value = policy ? rowMean(q, from, policy, from, actions) : rowMax(q, from, actions);
      change = Math.max(change, Math.abs(value - values[s]!));
      largest = Math.max(largest, Math.abs(value));
      values[s] = value;
    }
    if (change <= Math.max(enough, 4e-16 * largest)) {
      backUp(mdp, gamma, values, 0, q, 0);
      return { values, q };
    }
  }
  throw new RangeError(
    `Values at discount ${gamma}: still changing after ${sweeps} sweeps, wanted a discount below 1 or a world that ends`,
  );
}

/** Optimal values. @throws RangeError on malformed tables, or where the values do not settle. */
export const valueIteration = (mdp: TabularMdp, options: SolveOptions): Solution => solve(mdp, options, null);

/** Values of a policy. @throws RangeError on malformed tables or policy, or where the values do not settle. */
export const evaluatePolicy = (mdp: TabularMdp, policy: Float64Array, options: SolveOptions): Solution =>
  solve(mdp, options, policy);

/** Values by steps to go: row h is what h more steps bring. values: [(H + 1) * S], q: [H * S * A], row h - 1 for h to go. */
export interface HorizonSolution {
  readonly horizon: number;
  readonly values: Float64Array;
  readonly q: Float64Array;
}

export interface HorizonOptions {
  /** Steps, a positive integer. */
  readonly horizon: number;
  /** In [0, 1]; default 1. */
  readonly gamma?: number;
}

function wantHorizon(horizon: number): void {
  if (!Number.isInteger(horizon) || horizon < 1) {
    throw new RangeError(`Horizon: found ${horizon}, wanted a positive integer`);
  }
}

function induct(mdp: TabularMdp, options: HorizonOptions, policy: Float64Array | null): HorizonSolution {
  const { horizon, gamma = 1 } = options;
  checkTables(mdp);
  wantHorizon(horizon);
  wantGamma(gamma);
  if (policy) checkPolicy(mdp, policy);
  const { states, actions } = mdp;
  const values = new Float64Array((horizon + 1) * states);
  const q = new Float64Array(horizon * states * actions);
  for (let h = 1; h <= horizon; h++) {
    const qAt = (h - 1) * states * actions;
    backUp(mdp, gamma, values, (h - 1) * states, q, qAt);
    for (let s = 0; s < states; s++) {
      const from = s * actions;
      values[h * states + s] = policy
        ? rowMean(q, qAt + from, policy, from, actions)
        : rowMax(q, qAt + from, actions);
    }
  }
  return { horizon, values, q };
}

/** Optimal values of episodes that are cut off after `horizon` steps. @throws RangeError on malformed tables. */
export const backwardInduction = (mdp: TabularMdp, options: HorizonOptions): HorizonSolution =>
  induct(mdp, options, null);

/** Values of a (stationary) policy over `horizon` steps. @throws RangeError on malformed tables or policy. */
export const evaluateOverHorizon = (
  mdp: TabularMdp,
  policy: Float64Array,
  options: HorizonOptions,
): HorizonSolution => induct(mdp, options, policy);

/**
 * 1 for every action whose value is within `tolerance` of the state's best: all ties, so that two rewards can be compared
 * by what is optimal under them. q: [n * A], out: [n * A]
 */
export function optimalActions(q: Float64Array, actions: number, tolerance = 1e-9): Uint8Array {
  if (!Number.isInteger(actions) || actions < 1 || q.length % actions !== 0) {
    throw new RangeError(`Table q: found ${q.length} entries, wanted a multiple of ${actions} actions`);
  }
  const out = new Uint8Array(q.length);
  for (let from = 0; from < q.length; from += actions) {
    const best = rowMax(q, from, actions);
    for (let a = 0; a < actions; a++) out[from + a] = q[from + a]! >= best - tolerance ? 1 : 0;
  }
  return out;
}

/** The policy that draws evenly among the chosen actions of each row. chosen, out: [n * A] */
export function evenPolicy(chosen: Uint8Array, actions: number): Float64Array {
  const policy = new Float64Array(chosen.length);
  for (let from = 0; from < chosen.length; from += actions) {
    let count = 0;
    for (let a = 0; a < actions; a++) count += chosen[from + a]!;
    if (count === 0)
      throw new RangeError(`Chosen actions: row ${from / actions} has none, wanted at least one`);
    for (let a = 0; a < actions; a++) policy[from + a] = chosen[from + a]! / count;
  }
  return policy;
}

/** The policy that always takes one action a state. choice: [S], out: [S * A] */
export function certainPolicy(choice: ArrayLike<number>, actions: number): Float64Array {
  const policy = new Float64Array(choice.length * actions);
  for (let s = 0; s < choice.length; s++) policy[s * actions + choice[s]!] = 1;
  return policy;
}

export interface OccupancyOptions {
  /** In [0, 1]; default 1. */
  readonly gamma?: number;
  /** Steps that count. */
  readonly horizon: number;
}

/**
 * sum over t < horizon of gamma^t P(s_t = s) from the start distribution: expected (discounted) visits, so that the
 * return of a policy is sum_s visits(s) sum_a pi(a | s) E r(s, a). Ended episodes visit nothing. out: [S]
 * @throws RangeError on malformed tables or policy.
 */
export function occupancy(mdp: TabularMdp, policy: Float64Array, options: OccupancyOptions): Float64Array {
  const { horizon, gamma = 1 } = options;
  checkTables(mdp);
  checkPolicy(mdp, policy);
  wantHorizon(horizon);
  wantGamma(gamma);
  const { states, actions, first, next, probabilities, terminal } = mdp;
  const visits = new Float64Array(states);
  let now = mdp.start.slice();
  let then = new Float64Array(states);
  let weight = 1;
  for (let t = 0; t < horizon; t++) {
    then.fill(0);
    for (let s = 0; s < states; s++) {
      const here = now[s]!;
      if (here === 0 || terminal[s] === 1) continue;
      visits[s]! += weight * here;
      for (let a = 0; a < actions; a++) {
        const pair = s * actions + a;
        const chance = here * policy[pair]!;
        if (chance === 0) continue;
        for (let i = first[pair]!; i < first[pair + 1]!; i++) then[next[i]!]! += chance * probabilities[i]!;
      }
    }
    [now, then] = [then, now];
    weight *= gamma;
  }
  return visits;
}

/** The mean of the values over the start distribution. values: [>= at + S] */
export function startValue(mdp: TabularMdp, values: Float64Array, at = 0): number {
  let mean = 0;
  for (let s = 0; s < mdp.states; s++) mean += mdp.start[s]! * values[at + s]!;
  return mean;
}
