/**
 * Does a term of the reward stack change what is best to do?
 *
 * On a task that is a table: optimal policies by value iteration, exact, without the line and with it, and the states in
 * which the best actions are others. Elsewhere potential-based shaping is checked by its sum: whatever the path,
 *
 *   sum_t gamma^t F_t = gamma^T Phi(s_T) - Phi(s_0)     where time ran out, and with `terminal: keep`
 *   sum_t gamma^t F_t = -Phi(s_0)                       where the task ended the episode
 *
 * A line whose sum over an episode is that, however the episode went, cannot tell one policy from another (Ng et al. 1999);
 * one whose sum is another may. The stack itself pays in both, with clips, gates and all.
 */

import { createStack, type StackEntry, termIds } from '../learn/rewards/stack.ts';
import type { TaskModel } from '../sim/env.ts';
import {
  evaluatePolicy,
  evenPolicy,
  optimalActions,
  shaped,
  startValue,
  type Tabular,
  type TabularMdp,
  valueIteration,
} from '../sim/tabular.ts';
import { type Footage, play } from './footage.ts';
import { observationsOf } from './replay.ts';
import { episodeSeed } from './seeds.ts';

/** A state in which the best actions are not those that they were. */
export interface ChangedState {
  readonly state: number;
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** What the worst of the new best actions loses, by the reward without the line. */
  readonly loss: number;
  /** Some policy gets there from a start. */
  readonly reachable: boolean;
}

export interface OptimaReport {
  readonly states: number;
  /** Those that can be reached, most lost first, then the others. */
  readonly changed: readonly ChangedState[];
  /** Of the start, by the reward without the line: what its own best policy gets, and what the best one with the line gets. */
  readonly value: number;
  readonly valueAfter: number;
}

/** Actions are as good as the best within this, in units of the largest value. */
const slack = 1e-9;

/** Best actions under two rewards of the same table, one number an entry each. */
export function compareOptima(
  mdp: TabularMdp,
  without: Float64Array,
  withLine: Float64Array,
  gamma: number,
): OptimaReport {
  const { states, actions, terminal } = mdp;
  const best = (rewards: Float64Array) => {
    const table = shaped(mdp, rewards);
    const solution = valueIteration(table, { gamma });
    const largest = solution.values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    return { table, ...solution, chosen: optimalActions(solution.q, actions, slack * largest) };
  };
  const before = best(without);
  const after = best(withLine);
  const reached = reachable(mdp);
  const changed: ChangedState[] = [];
  for (let state = 0; state < states; state++) {
    if (terminal[state] === 1) continue;
    const listed = (chosen: Uint8Array): number[] =>
      Array.from({ length: actions }, (_, a) => a).filter((a) => chosen[state * actions + a] === 1);
    const [old, now] = [listed(before.chosen), listed(after.chosen)];
    if (String(old) === String(now)) continue;
    const worst = Math.min(...now.map((a) => before.q[state * actions + a]!));
    changed.push({
      state,
      before: old,
      after: now,
      loss: Math.max(0, before.values[state]! - worst),
      reachable: reached[state] === 1,
    });
  }
  changed.sort((a, b) => Number(b.reachable) - Number(a.reachable) || b.loss - a.loss || a.state - b.state);
  const followed = evaluatePolicy(before.table, evenPolicy(after.chosen, actions), { gamma });
  return {
    states,
    changed,
    value: startValue(mdp, before.values),
    valueAfter: startValue(mdp, followed.values),
  };
}

/** 1 for states that some policy reaches from a start. [S] */
function reachable({ actions, first, next, probabilities, terminal, start }: TabularMdp): Uint8Array {
  const seen = Uint8Array.from(start, (chance) => (chance > 0 ? 1 : 0));
  const waiting = [...seen.keys()].filter((state) => seen[state] === 1);
  for (let state = waiting.pop(); state !== undefined; state = waiting.pop()) {
    if (terminal[state] === 1) continue;
    for (let i = first[state * actions]!; i < first[(state + 1) * actions]!; i++) {
      if (!(probabilities[i]! > 0) || seen[next[i]!] === 1) continue;
      seen[next[i]!] = 1;
      waiting.push(next[i]!);
    }
  }
  return seen;
}

// ---------------------------------------------------------------------------------------------------------------------
// What the stack pays, as tables

/** Worlds stepped together. */
const rows = 256;
/** Scores of one state differ by no more where nothing of the past counts. */
const sameScore = 1e-9;

export interface StackTables {
  /** Product (value * weight) of each term in every entry. [terms][E] */
  readonly products: readonly Float64Array[];
  /** The score of a state depends on how it was come to: no table holds that. */
  readonly remembers: boolean;
}

/** What a stack pays for every transition of a table. Running deviations and schedules are left out: the table is of one moment. */
export function stackTables(
  model: TaskModel,
  table: Tabular,
  entries: readonly StackEntry[],
  gamma: number,
): StackTables {
  const still = entries.map((entry) => ({ ...entry, normalise: undefined, schedule: undefined }));
  const stack = createStack(still, { model, gamma, count: rows });
  const { stateDim } = model;
  const observationDim = model.observationSpace.dim;
  const { states, actions: choices, first, next, terminal } = table;
  const entryCount = next.length;
  const products = stack.terms.map(() => new Float64Array(entryCount));
  const from = new Float64Array(rows * stateDim);
  const to = new Float64Array(rows * stateDim);
  const fromSeen = new Float64Array(rows * observationDim);
  const toSeen = new Float64Array(rows * observationDim);
  const taken = new Float64Array(rows);
  const ended = new Uint8Array(rows);

  /** Phi of each state where an episode begins there. [models][S] */
  const fresh = stack.learned.map(() => new Float64Array(states));
  for (let low = 0; low < states; low += rows) {
    for (let row = 0; row < rows; row++) {
      const state = Math.min(low + row, states - 1);
      table.rowOf(state, from, row * stateDim);
      model.observe(from, row * stateDim, fromSeen, row * observationDim);
    }
    for (let row = 0; row < Math.min(rows, states - low); row++) {
      stack.reset(row, from, fromSeen);
      for (const [m, { values }] of stack.learned.entries()) fresh[m]![low + row] = values[row]!;
    }
  }

  let remembers = entries.some((entry) => entry.kind === 'learned' && entry.use === 'best');
  const owner = new Int32Array(entryCount);
  for (let pair = 0; pair < states * choices; pair++) owner.fill(pair, first[pair]!, first[pair + 1]!);
  for (let low = 0; low < entryCount; low += rows) {
    for (let row = 0; row < rows; row++) {
      const entry = Math.min(low + row, entryCount - 1);
      const pair = owner[entry]!;
      table.rowOf(Math.floor(pair / choices), from, row * stateDim);
      table.rowOf(next[entry]!, to, row * stateDim);
      model.observe(from, row * stateDim, fromSeen, row * observationDim);
      model.observe(to, row * stateDim, toSeen, row * observationDim);
      taken[row] = pair % choices;
      ended[row] = terminal[next[entry]!]!;
    }
    for (let row = 0; row < rows; row++) stack.reset(row, from, fromSeen);
    stack.step(from, taken, to, toSeen, ended);
    for (let row = 0; row < Math.min(rows, entryCount - low); row++) {
      const message = stack.invalidTerm(row);
      if (message !== '')
        throw new RangeError(`Shaping check: ${message} in entry ${low + row} of the table`);
      for (const [c, out] of products.entries()) out[low + row] = stack.products[c * rows + row]!;
      for (const [m, { values }] of stack.learned.entries()) {
        if (Math.abs(values[row]! - fresh[m]![next[low + row]!]!) > sameScore) remembers = true;
      }
    }
  }
  return { products, remembers };
}

// ---------------------------------------------------------------------------------------------------------------------
// What the stack pays along episodes

/** How far a line's discounted sum over an episode is from what its ends say. */
export interface SumReport {
  readonly episodes: number;
  readonly steps: number;
  /** The largest |sum - (gamma^T Phi(s_T) - Phi(s_0))| of one episode, per unit of weight. */
  readonly error: number;
  /** The episode with it. */
  readonly worst: string;
  readonly sum: number;
  readonly wanted: number;
}

/** A sum may be off by as much, for rounding. */
const sumSlack = 1e-9;

/** The sums of every learned term over these episodes, by the term's id. */
export function discountedSums(
  model: TaskModel,
  entries: readonly StackEntry[],
  gamma: number,
  footage: readonly Footage[],
): ReadonlyMap<string, SumReport> {
  const stack = createStack(entries, { model, gamma, count: 1 });
  // In the order in which the stack meets them.
  const models = [...new Set(entries.flatMap((entry) => (entry.kind === 'learned' ? [entry.model] : [])))];
  const { stateDim } = model;
  const observationDim = model.observationSpace.dim;
  const actionDim = model.actionSpace.dim;
  const reports = new Map<string, SumReport>();
  for (const { id, length, states, actions } of footage) {
    const observations = observationsOf(model, states);
    const frame = <T extends Float64Array>(of: T, t: number, dim: number) =>
      of.subarray(t * dim, (t + 1) * dim);
    stack.reset(0, frame(states, 0, stateDim), frame(observations, 0, observationDim));
    const begun = stack.learned.map(({ values }) => values[0]!);
    const sums = new Float64Array(stack.terms.length);
    const terminated = length > 0 && model.terminal(states, length * stateDim);
    for (let t = 0; t < length; t++) {
      stack.step(
        frame(states, t, stateDim),
        frame(actions, t, actionDim),
        frame(states, t + 1, stateDim),
        frame(observations, t + 1, observationDim),
        Uint8Array.of(terminated && t === length - 1 ? 1 : 0),
      );
      const message = stack.invalidTerm(0);
      if (message !== '') throw new RangeError(`Shaping check: ${message} in step ${t} of episode ${id}`);
      for (let c = 0; c < sums.length; c++) {
        const own = stack.gammas[c]!;
        sums[c]! += (Number.isNaN(own) ? gamma : own) ** t * stack.values[c]!;
      }
    }
    for (const entry of entries) {
      if (entry.kind !== 'learned') continue;
      const term = `${entry.use}/${entry.method}`;
      const c = stack.terms.findIndex((other) => other.id === term);
      const scored = models.indexOf(entry.model);
      const last = stack.learned[scored]!.values[0]!;
      const left = terminated && entry.terminal !== 'keep' ? 0 : last;
      const wanted = (entry.gamma ?? gamma) ** length * left - begun[scored]!;
      const error = Math.abs(sums[c]! - wanted);
      const old = reports.get(term);
      reports.set(term, {
        episodes: (old?.episodes ?? 0) + 1,
        steps: (old?.steps ?? 0) + length,
        ...(old === undefined || error > old.error
          ? { error, worst: id, sum: sums[c]!, wanted }
          : { error: old.error, worst: old.worst, sum: old.sum, wanted: old.wanted }),
      });
    }
  }
  return reports;
}

// ---------------------------------------------------------------------------------------------------------------------
// Both

export type ShapingVerdict = 'keeps' | 'changes' | 'may change' | 'unknown';

export interface LineCheck {
  /** Position in the stack. */
  readonly line: number;
  readonly terms: readonly string[];
  readonly weight: number;
  readonly verdict: ShapingVerdict;
  /** In words, with the numbers. */
  readonly text: string;
  /** Where the task is a table and the line remembers nothing. */
  readonly tables?: OptimaReport;
  /** Of learned lines. */
  readonly sums?: SumReport;
}

export interface ShapingReport {
  readonly task: string;
  readonly gamma: number;
  /** The whole stack: the worst of its lines. */
  readonly verdict: ShapingVerdict;
  readonly lines: readonly LineCheck[];
  /** The states that are listed as changed, by number. */
  readonly stateNames?: Readonly<Record<number, string>>;
}

export interface ShapingOptions {
  readonly model: TaskModel;
  readonly entries: readonly StackEntry[];
  readonly gamma: number;
  /** Of each kind: the expert with noise, wandering, random. */
  readonly episodes: number;
  readonly seed: number;
}

/** Checks every line but the task's own sparse reward. A line is compared with all the others, or with the sparse reward where it is alone. */
export function checkShaping({ model, entries, gamma, episodes, seed }: ShapingOptions): ShapingReport {
  const isTask = (entry: StackEntry): boolean =>
    entry.kind === 'native' && entry.reward.termKind === 'sparse';
  const table = model.tabular;
  const players = [{ kind: 'expert', noise: 0.5 }, { kind: 'wandering' }, { kind: 'random' }] as const;
  const seeds = Array.from({ length: episodes }, (_, i) => episodeSeed('evaluation', seed, i));
  const footage = players.flatMap((player) => play({ model, player, seeds }));
  const sums = discountedSums(model, entries, gamma, footage);
  const stack = createStack(entries, { model, gamma, count: 1 });
  const paid = table === undefined ? undefined : stackTables(model, table, entries, gamma);
  const lines: LineCheck[] = [];
  for (const [line, entry] of entries.entries()) {
    if (isTask(entry)) continue;
    const ids = termsOf(entry, model);
    const sum = entry.kind === 'learned' ? sums.get(ids[0]!) : undefined;
    const tables =
      table === undefined || paid === undefined || paid.remembers ? undefined : optimaOf(line, table, paid);
    const head = { line, terms: ids, weight: entry.weight };
    lines.push({
      ...head,
      ...judge(entry, tables, sum),
      ...(tables === undefined ? {} : { tables }),
      ...(sum === undefined ? {} : { sums: sum }),
    });
  }

  /** Best actions without the line and with it. */
  function optimaOf(line: number, mdp: Tabular, { products }: StackTables): OptimaReport {
    const others = entries.filter((_, other) => other !== line);
    const add = (terms: readonly string[]): Float64Array => {
      const sum = new Float64Array(mdp.next.length);
      for (const id of terms) {
        const of = products[stack.terms.findIndex((term) => term.id === id)]!;
        for (let i = 0; i < sum.length; i++) sum[i]! += of[i]!;
      }
      return sum;
    };
    const without = others.length === 0 ? mdp.rewards : add(others.flatMap((other) => termsOf(other, model)));
    const own = add(termsOf(entries[line]!, model));
    return compareOptima(
      mdp,
      without,
      without.map((value, i) => value + own[i]!),
      gamma,
    );
  }

  const shown = new Set(lines.flatMap(({ tables }) => tables?.changed.map(({ state }) => state) ?? []));
  return {
    task: model.id,
    gamma,
    verdict: worst(lines.map(({ verdict }) => verdict)),
    lines,
    ...(table === undefined ? {} : { stateNames: stateNames(model, table, shown) }),
  };
}

const termsOf = (entry: StackEntry, model: TaskModel): string[] =>
  entry.kind === 'native'
    ? termIds({ reward: entry.reward.id }, model)
    : termIds({ reward: entry.method, use: entry.use }, model);

const words = (value: number): string => String(Number(value.toPrecision(4)));

function judge(
  entry: StackEntry,
  tables: OptimaReport | undefined,
  sums: SumReport | undefined,
): Pick<LineCheck, 'verdict' | 'text'> {
  if (tables !== undefined) {
    const moment =
      entry.normalise === true || entry.schedule !== undefined
        ? '; its running deviation and schedule stood still for this'
        : '';
    const { changed, states, value, valueAfter } = tables;
    const at = changed.filter(({ reachable: isReached }) => isReached).length;
    if (changed.length === 0) {
      return {
        verdict: 'keeps',
        text: `the best actions are the same in all ${states} states, by value iteration${moment}`,
      };
    }
    return {
      verdict: 'changes',
      text:
        `other actions are best in ${changed.length} of ${states} states (${at} of them can be reached); ` +
        `who follows them gets ${words(valueAfter)} in place of ${words(value)} by the reward without the line${moment}`,
    };
  }
  if (sums === undefined) {
    return {
      verdict: 'unknown',
      text: 'pays along the way, has no potential, and the task is no table: nothing is proved either way',
    };
  }
  const { error, worst: id, sum, wanted, episodes } = sums;
  const ends =
    entry.kind === 'learned' && entry.terminal === 'keep'
      ? 'gamma^T Phi(s_T) - Phi(s_0)'
      : 'what its ends say';
  const isSame = error <= sumSlack * Math.max(1, Math.abs(wanted));
  if (isSame && entry.terminal === 'keep') {
    return {
      verdict: 'may change',
      text: `sums to ${ends} in ${episodes} episodes, so an end of the task at a high Phi is paid once more; terminal: zero is exact`,
    };
  }
  if (isSame) {
    return {
      verdict: 'keeps',
      text: `telescopes in ${episodes} episodes: the largest error is ${words(error)}`,
    };
  }
  return {
    verdict: 'may change',
    text: `does not telescope: in episode ${id} it sums to ${words(sum)}, its ends say ${words(wanted)} (off by ${words(error)} per unit of weight)`,
  };
}

const order: readonly ShapingVerdict[] = ['changes', 'may change', 'unknown', 'keeps'];
const worst = (verdicts: readonly ShapingVerdict[]): ShapingVerdict =>
  order.find((verdict) => verdicts.includes(verdict)) ?? 'keeps';

/** The numbers of a state row that make up the state, by name: `cell 15`. */
function stateNames(model: TaskModel, table: Tabular, states: ReadonlySet<number>): Record<number, string> {
  const row = new Float64Array(model.stateDim);
  return Object.fromEntries(
    [...states].map((state) => {
      table.rowOf(state, row, 0);
      let at = 0;
      const parts: string[] = [];
      for (const { name, size } of model.stateLayout) {
        if (size === 1 && name !== 'step') parts.push(`${name} ${row[at]}`);
        at += size;
      }
      return [state, parts.join(', ')];
    }),
  );
}
