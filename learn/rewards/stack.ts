/**
 * The reward stack: what the learner is paid, as named terms. For every term the raw value, the weight and the product
 * are kept; a term of weight zero is computed all the same, so that it can be looked at before it is trusted.
 *
 * How a learned progress Phi enters (s -> s', Robo-Dopamine arXiv 2512.23703 equations 9 and 10, after Ng et al. 1999):
 *   shaping  F = gamma Phi(s') - Phi(s)   sum_t gamma^t F_t = gamma^T Phi(s_T) - Phi(s_0): best policies stay the same
 *   delta    Phi(s') - Phi(s)             telescopes only undiscounted; with gamma < 1 it pays for staying at high Phi
 *   best     max(0, Phi(s') - b)          b: the highest Phi of the episode so far; what was paid once is not paid again
 *   level    Phi(s')                      the raw score as a reward; hovering near the goal can beat finishing
 * In `shaping` and in nothing else Phi(s') is 0 where the task ended the episode: nothing follows, so no bootstrap value
 * can pay the potential back, and only then does the sum equal -Phi(s_0) for every way of ending (`terminal: keep` leaves
 * Phi(s') there, as the paper's formula does). At a time limit Phi(s') stays, because the learner bootstraps from the
 * value of s', which contains -Phi(s').
 *
 * A line may do more with its terms (`LineRule`), in this order:
 *   raw -> / running deviation -> clip -> x raw values of other terms -> gate = value;   value x weight x schedule = product
 * Lines are summed; a negative weight makes it a difference. All of these but the weight can change what is best to do:
 * `lab check-shaping` says whether they did.
 */

import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { Normalizer } from '../parts/normalizer.ts';
import { fingerprintOf } from './fingerprint.ts';
import { rewards } from './index.ts';
import { openSenses, type Senses } from './senses.ts';
import type { NativeReward, OnlineScorer, RewardMethod, RewardModel } from './types.ts';

export const learnedUses = ['shaping', 'delta', 'best', 'level'] as const;
export type LearnedUse = (typeof learnedUses)[number];

/** What a line does with its terms beside weighing them. What is left out does nothing. */
export interface LineRule {
  /** Phi(s') of `shaping` where the task ended the episode: 0 (the default), or as it is. */
  readonly terminal?: 'zero' | 'keep' | undefined;
  /**
   * Divides by the running deviation of the term, over all worlds and steps so far. The mean is not subtracted: a constant
   * in every step would pay for long episodes or for short ones.
   */
  readonly normalise?: boolean | undefined;
  /** Held within [low, high]. */
  readonly clip?: readonly [low: number, high: number] | readonly number[] | undefined;
  /** Multiplied by the raw values of these terms of the stack. */
  readonly product?: readonly string[] | undefined;
  /** Pays only while the raw value of a term of the stack is above or below a number, or between two. */
  readonly gate?:
    | { readonly term: string; readonly above?: number | undefined; readonly below?: number | undefined }
    | undefined;
  /** The weight is multiplied by a factor that goes from `from` to `to` in so many training steps and stays there. */
  readonly schedule?: { readonly from: number; readonly to: number; readonly steps: number } | undefined;
}

export type StackEntry = LineRule &
  (
    | {
        readonly kind: 'native';
        readonly reward: NativeReward;
        readonly weight: number;
        /** Discount of its terms where they have a critic of their own; the algorithm's by default. */
        readonly gamma?: number;
      }
    | {
        readonly kind: 'learned';
        /** Id in the registry. */
        readonly method: string;
        readonly model: RewardModel;
        readonly use: LearnedUse;
        readonly weight: number;
        /** As above; also the discount inside `shaping`. */
        readonly gamma?: number;
      }
  );

export interface StackTerm {
  /** `task/<term>` or `<use>/<method>`. */
  readonly id: string;
  readonly title: string;
  /** Its value is its raw value: product = raw * weight. */
  readonly isPlain: boolean;
}

/** Arrays are owned by the stack and overwritten by the next call. */
export interface RewardStack {
  readonly terms: readonly StackTerm[];
  readonly count: number;
  /** Term by term, so that one term of all worlds lies together; left as found where not finite. [terms, count] */
  readonly raw: Float64Array;
  /** After normalising, clipping, products and gates; the same array as `raw` where no line has any. [terms, count] */
  readonly values: Float64Array;
  /** May be written between steps, but for lines with a schedule. [terms] */
  readonly weights: Float64Array;
  /** Discount of each term, NaN where it is the algorithm's. [terms] */
  readonly gammas: Float64Array;
  /** value * weight, 0 where not finite. [terms, count] */
  readonly products: Float64Array;
  /** Sum of a world's products; 0 where `invalid`. [count] */
  readonly totals: Float64Array;
  /** Learned progress of s' by each fitted model, whatever its weight. `values` is [count]. */
  readonly learned: readonly { readonly method: string; readonly values: Float64Array }[];
  /** 1 where the last step gave a term that is not a finite number: that episode ends as diverged. [count] */
  readonly invalid: Uint8Array;
  /** The first term behind `invalid[world]`; undefined where that is 0. */
  brokenTerm(world: number): StackTerm | undefined;
  /** The same with its value, in words; empty where `invalid[world]` is 0. */
  invalidTerm(world: number): string;
  /** Gives one line of the stack (an entry, by position) another weight. @throws RangeError on no such line or weight. */
  reweigh(line: number, weight: number): void;
  /** So many environment steps have been learned from: weights become what their schedules say. */
  schedule(step: number): void;
  /**
   * The weighted sum of the native terms of any transition, as `totals` would have it; undefined where a learned reward,
   * which remembers the episode, is in the stack. Offsets into rows of states and actions.
   */
  readonly transition:
    | ((
        state: Float64Array,
        stateOffset: number,
        action: Float64Array,
        actionOffset: number,
        next: Float64Array,
        nextOffset: number,
      ) => number)
    | undefined;
  /** A new episode of a world: first states and observations of all worlds, [count * stateDim], [count * observationDim]. */
  reset(world: number, states: Float64Array, observations: Float64Array): void;
  /**
   * One step of all worlds, row by row a world: s and s' [count * stateDim], a [count * actionDim], the observations of
   * s' before any automatic reset [count * observationDim], and where the task itself ended the episode [count]. What
   * worlds marked in `idle` [count] show is not taken in by running deviations: their episode had ended before.
   */
  step(
    previous: Float64Array,
    actions: Float64Array,
    states: Float64Array,
    observations: Float64Array,
    terminated: Uint8Array,
    idle?: Uint8Array,
  ): void;
  /** Histories of the scorers, last and best potentials, running deviations, for exact resume; weights are the caller's. */
  save(): Float64Array;
  /** @throws RangeError when the numbers were saved by another stack. */
  restore(saved: Float64Array): void;
  /** Every world as the one of a stack of one world, which saved this. @throws RangeError as `restore` does. */
  restoreAll(saved: Float64Array): void;
}

interface LearnedColumn {
  readonly column: number;
  readonly use: LearnedUse;
  readonly tracker: number;
  readonly gamma: number;
  readonly keepsTerminal: boolean;
}

/** What happens to a term after it was measured. */
interface Column {
  readonly line: number;
  /** Of the line's weight. */
  readonly share: number;
  readonly rule: LineRule;
  readonly normaliser: Normalizer | undefined;
}

/** One scorer a model, shared by all entries that use the model. */
interface Tracker {
  readonly model: RewardModel;
  readonly scorer: OnlineScorer;
  /** Where the model reads more than the observation. */
  readonly senses: Senses | undefined;
  /** [count, frameDim] */
  readonly frames: Float64Array;
  /** Phi(s) of each world. [count] */
  readonly before: Float64Array;
  /** The highest Phi of the episode so far, where a line asks for it. [count] */
  best: Float64Array | undefined;
}

/** No reward varies less than this: it has been one number so far, and dividing by nothing would blow up the first other. */
const leastVariance = 1e-12;
/** The square of what a running deviation takes in must be finite. */
const largestSample = 1e150;

/** The ids of the terms that a line brings into the stack. */
export function termIds(
  line: { readonly reward: string; readonly use?: LearnedUse | undefined },
  task: TaskModel,
): string[] {
  const method = methodOf(line.reward);
  if (method?.kind === 'native') {
    return task.rewardTerms.filter(({ kind }) => kind === method.termKind).map(({ id }) => `task/${id}`);
  }
  return [`${line.use ?? 'shaping'}/${line.reward}`];
}

const ruleKeys = [
  'terminal',
  'normalise',
  'clip',
  'product',
  'gate',
  'schedule',
] as const satisfies readonly (keyof LineRule)[];

/** The rule of a line without what says nothing, so that lines with and without defaults are alike. */
export function ruleOf(line: LineRule): LineRule {
  const says = (key: keyof LineRule): boolean => {
    if (key === 'terminal') return line.terminal === 'keep';
    if (key === 'normalise') return line.normalise === true;
    if (key === 'product') return (line.product ?? []).length > 0;
    return line[key] !== undefined;
  };
  return Object.fromEntries(ruleKeys.filter(says).map((key) => [key, line[key]]));
}

/** What is wrong with a rule, one line each, the key first; `terms`: ids of the whole stack, where they are known. */
export function ruleProblems(
  rule: LineRule,
  use: LearnedUse | undefined,
  terms?: readonly string[],
): string[] {
  const { terminal, clip, product = [], gate, schedule } = rule;
  const problems: string[] = [];
  if (terminal !== undefined && use !== 'shaping') {
    problems.push(`terminal: found ${terminal} with ${use ?? 'a native reward'}, wanted use: shaping`);
  }
  if (clip !== undefined) {
    const [low = Number.NaN, high = Number.NaN] = clip;
    if (clip.length !== 2 || !(low < high)) {
      problems.push(`clip: found [${clip.join(', ')}], wanted [low, high] with low below high`);
    }
  }
  if (gate !== undefined) {
    const { above, below } = gate;
    if (above === undefined && below === undefined)
      problems.push('gate: found neither above nor below, wanted one');
    else if (!((above ?? -Infinity) < (below ?? Infinity)))
      problems.push(
        `gate: found above ${above} and below ${below}, wanted numbers with something between them`,
      );
  }
  if (schedule !== undefined) {
    const { from, to, steps } = schedule;
    if (!Number.isFinite(from) || !Number.isFinite(to) || !(Number.isInteger(steps) && steps > 0)) {
      problems.push(
        `schedule: found from ${from} to ${to} in ${steps} steps, wanted finite numbers and a whole number of steps above 0`,
      );
    }
  }
  const named = [
    ...product.map((term) => ['product', term] as const),
    ...(gate === undefined ? [] : [['gate', gate.term] as const]),
  ];
  for (const [key, term] of named) {
    if (terms === undefined || terms.includes(term)) continue;
    problems.push(
      `${key}: found the term "${term}", wanted one of the stack: ${terms.join(', ')} (a line of weight 0 will do)`,
    );
  }
  return problems;
}

/** In words, for titles; empty for a line that only weighs. */
function ruleWords({ terminal, normalise, clip, product = [], gate, schedule }: LineRule): string {
  const words = [
    terminal === 'keep' ? 'kept at the end' : '',
    normalise === true ? 'by its deviation' : '',
    clip === undefined ? '' : `within ${clip[0]} to ${clip[1]}`,
    product.length === 0 ? '' : `times ${product.join(', ')}`,
    gate === undefined
      ? ''
      : `while ${gate.above === undefined ? '' : `${gate.above} < `}${gate.term}${gate.below === undefined ? '' : ` < ${gate.below}`}`,
    schedule === undefined ? '' : `weight x ${schedule.from} to ${schedule.to} in ${schedule.steps} steps`,
  ];
  return words
    .filter((word) => word !== '')
    .map((word) => `, ${word}`)
    .join('');
}

/** @throws RangeError naming the entry that cannot work with this task, model or its neighbours. */
export function createStack(
  entries: readonly StackEntry[],
  {
    model: task,
    gamma,
    count,
    step = 0,
  }: {
    readonly model: TaskModel;
    readonly gamma: number;
    readonly count: number;
    /** As for `schedule`. */
    readonly step?: number;
  },
): RewardStack {
  if (!(gamma > 0 && gamma <= 1))
    throw new RangeError(`Reward stack: gamma is ${gamma}, wanted 0 < gamma <= 1`);
  if (!Number.isInteger(count) || count < 1)
    throw new RangeError(`Reward stack: ${count} worlds, wanted at least 1`);

  const stateDim = task.stateDim;
  const actionDim = task.actionSpace.dim;
  const observationDim = task.observationSpace.dim;
  const terms: StackTerm[] = [];
  const weightList: number[] = [];
  const gammaList: number[] = [];
  const columns: Column[] = [];
  /** Position of a task term in `task.rewardTerms` and its column in the stack. */
  const native: { readonly term: number; readonly column: number }[] = [];
  const learned: LearnedColumn[] = [];
  const trackers: Tracker[] = [];

  const addTerm = (id: string, title: string, line: number, share: number): number => {
    const { weight, gamma: own } = entries[line]!;
    if (terms.some((term) => term.id === id))
      throw new RangeError(`Reward stack: term ${id} is there twice, wanted once`);
    const rule = ruleOf(entries[line]!);
    const { normalise, clip, product, gate } = rule;
    const isPlain = [normalise, clip, product, gate].every((part) => part === undefined);
    terms.push({ id, title: title + ruleWords(rule), isPlain });
    weightList.push(weight * share);
    gammaList.push(own ?? Number.NaN);
    columns.push({ line, share, rule, normaliser: normalise === true ? new Normalizer(1) : undefined });
    return terms.length - 1;
  };

  for (const [line, entry] of entries.entries()) {
    const name = entry.kind === 'native' ? entry.reward.id : entry.method;
    const { weight } = entry;
    if (!Number.isFinite(weight))
      throw new RangeError(`Reward ${name}: weight is ${weight}, wanted a finite number`);
    const own = entry.gamma ?? gamma;
    if (!(own > 0 && own <= 1))
      throw new RangeError(`Reward ${name}: gamma is ${own}, wanted 0 < gamma <= 1`);
    if (entry.kind === 'native') {
      const { termKind } = entry.reward;
      const before = terms.length;
      task.rewardTerms.forEach((term, index) => {
        if (term.kind !== termKind) return;
        native.push({ term: index, column: addTerm(`task/${term.id}`, term.help, line, term.weight) });
      });
      if (terms.length === before) {
        throw new RangeError(`Reward ${name}: task ${task.id} has no ${termKind} terms, wanted at least one`);
      }
      continue;
    }
    const { use, model } = entry;
    const registered = methodOf(name);
    if (registered?.kind === 'learned' && !registered.causal) {
      throw new RangeError(
        `Reward ${name}: looks ahead in the episode, so it cannot pay while the episode runs`,
      );
    }
    if (!learnedUses.includes(use)) {
      throw new RangeError(`Reward ${name}: use is ${use}, wanted one of ${learnedUses.join(', ')}`);
    }
    if (model.method !== name)
      throw new RangeError(`Reward ${name}: found a model of ${model.method}, wanted one of ${name}`);
    const isPlain = model.senses.length === 1 && model.senses[0] === 'observation';
    const senses = isPlain ? undefined : openSenses(task, model.senses);
    const frameDim = senses?.dim ?? observationDim;
    if (model.frameDim !== frameDim) {
      throw new RangeError(
        `Reward ${name}: the model reads frames of ${model.frameDim} numbers (${model.senses.join(', ')}), task ${task.id} gives ${frameDim}`,
      );
    }
    let tracker = trackers.findIndex((other) => other.model === model);
    if (tracker < 0) {
      tracker = trackers.length;
      trackers.push({
        model,
        scorer: model.online(count),
        senses,
        frames: new Float64Array(senses === undefined ? 0 : count * frameDim),
        before: new Float64Array(count),
        best: undefined,
      });
    }
    if (use === 'best') trackers[tracker]!.best ??= new Float64Array(count);
    const title = `${registered?.title ?? name} as ${use}`;
    const column = addTerm(`${use}/${name}`, title, line, 1);
    learned.push({ column, use, tracker, gamma: own, keepsTerminal: entry.terminal === 'keep' });
  }
  const ids = terms.map(({ id }) => id);
  for (const entry of entries) {
    const [problem] = ruleProblems(entry, entry.kind === 'learned' ? entry.use : undefined, ids);
    if (problem !== undefined)
      throw new RangeError(`Reward ${entry.kind === 'native' ? entry.reward.id : entry.method}: ${problem}`);
  }

  const raw = new Float64Array(terms.length * count);
  const isPlain = terms.every((term) => term.isPlain);
  const values = isPlain ? raw : new Float64Array(terms.length * count);
  const weights = Float64Array.from(weightList);
  /** Weights before their schedules. [terms] */
  const unscheduled = weights.slice();
  const isScheduled = columns.some(({ rule }) => rule.schedule !== undefined);
  let trainedSteps = step;
  const gammas = Float64Array.from(gammaList);
  const products = new Float64Array(terms.length * count);
  const totals = new Float64Array(count);
  const invalid = new Uint8Array(count);
  const nativeOut = new Float64Array(task.rewardTerms.length);
  /** Terms of one transition that nobody took. [terms] */
  const lone = new Float64Array(terms.length);
  /** Finite raw values of one term. [count] */
  const sample = new Float64Array(count);
  /** Of each term: the columns that it is multiplied by, and the one of its gate. */
  const factors = columns.map(({ rule }) => (rule.product ?? []).map((id) => ids.indexOf(id)));
  const gates = columns.map(({ rule }) => (rule.gate === undefined ? -1 : ids.indexOf(rule.gate.term)));

  /** What a term is worth: raw[column * stride + at] under its rule. Nothing that is not finite is made to look fine. */
  function worthOf(column: number, from: Float64Array, stride: number, at: number): number {
    const { rule, normaliser } = columns[column]!;
    let value = from[column * stride + at]!;
    if (!Number.isFinite(value)) return value;
    if (normaliser !== undefined && normaliser.variance(0) >= leastVariance) value *= normaliser.scale(0);
    if (rule.clip !== undefined) value = Math.min(rule.clip[1]!, Math.max(rule.clip[0]!, value));
    for (const factor of factors[column]!) value *= from[factor * stride + at]!;
    if (rule.gate !== undefined) {
      const { above = -Infinity, below = Infinity } = rule.gate;
      const key = from[gates[column]! * stride + at]!;
      value *= key > above && key < below ? 1 : 0;
    }
    return value;
  }

  /** Running deviations take in a step of the worlds that are at work. */
  function takeIn(idle: Uint8Array | undefined): void {
    for (const [c, { normaliser }] of columns.entries()) {
      if (normaliser === undefined) continue;
      let rows = 0;
      for (let world = 0; world < count; world++) {
        const value = raw[c * count + world]!;
        if (idle?.[world] !== 1 && Math.abs(value) < largestSample) sample[rows++] = value;
      }
      normaliser.update(sample, rows);
    }
  }

  function weigh(column: number): void {
    const { schedule } = columns[column]!.rule;
    if (schedule === undefined) return;
    const { from, to, steps } = schedule;
    weights[column] = unscheduled[column]! * (from + (to - from) * Math.min(1, trainedSteps / steps));
  }
  for (let c = 0; c < terms.length; c++) weigh(c);

  /** What is saved beside the scorers: only what the stack has, so that older states of plain stacks still fit. */
  const extraState = (): { readonly best: Float64Array[]; readonly normalisers: Normalizer[] } => ({
    best: trackers.flatMap(({ best }) => (best === undefined ? [] : [best])),
    normalisers: columns.flatMap(({ normaliser }) => (normaliser === undefined ? [] : [normaliser])),
  });

  function checkSize(name: string, array: Float64Array | Uint8Array, dim: number): void {
    if (array.length !== count * dim) {
      throw new RangeError(
        `Reward stack: ${name} has ${array.length} numbers, wanted ${count * dim} (${count} worlds of ${dim})`,
      );
    }
  }

  /** What `save` gave, part by part. */
  function partsOf(saved: Float64Array): Float64Array[] {
    const parts: Float64Array[] = [];
    for (let at = 0; at < saved.length; ) {
      const length = saved[at]!;
      if (!(Number.isInteger(length) && length >= 0 && at + 1 + length <= saved.length)) {
        throw new RangeError(
          `Reward stack: part ${parts.length} of the saved state has length ${length}, which does not fit`,
        );
      }
      parts.push(saved.subarray(at + 1, at + 1 + length));
      at += length + 1;
    }
    const { best, normalisers } = extraState();
    const extras = best.length + normalisers.length + (isScheduled ? 1 : 0);
    if (parts.length !== trackers.length * 2 + extras) {
      throw new RangeError(
        extras === 0
          ? `Reward stack: saved state of ${parts.length / 2} models, wanted ${trackers.length}`
          : `Reward stack: saved state of ${parts.length} parts, wanted ${trackers.length * 2 + extras} (${trackers.length} models and ${extras} running states)`,
      );
    }
    return parts;
  }

  return {
    terms,
    count,
    raw,
    values,
    weights,
    gammas,
    products,
    totals,
    learned: trackers.map(({ model, before }) => ({ method: model.method, values: before })),
    invalid,

    brokenTerm(world) {
      if (invalid[world] !== 1) return undefined;
      // A broken term first, then one whose value or weight broke it.
      return (
        terms.find((_, c) => !Number.isFinite(raw[c * count + world]!)) ??
        terms.find((_, c) => !Number.isFinite(values[c * count + world]! * weights[c]!))
      );
    },

    invalidTerm(world) {
      const term = this.brokenTerm(world);
      if (term === undefined) return '';
      return `reward term ${term.id} (${raw[terms.indexOf(term) * count + world]})`;
    },

    reweigh(line, weight) {
      if (!Number.isInteger(line) || line < 0 || line >= entries.length)
        throw new RangeError(`Reward stack: line ${line}, wanted 0 to ${entries.length - 1}`);
      if (!Number.isFinite(weight))
        throw new RangeError(`Reward stack: weight is ${weight}, wanted a finite number`);
      for (const [c, column] of columns.entries()) {
        if (column.line !== line) continue;
        weights[c] = unscheduled[c] = weight * column.share;
        weigh(c);
      }
    },

    schedule(step) {
      trainedSteps = step;
      if (isScheduled) for (let c = 0; c < terms.length; c++) weigh(c);
    },

    transition:
      learned.length > 0
        ? undefined
        : (state, stateOffset, action, actionOffset, next, nextOffset) => {
            task.reward(state, stateOffset, action, actionOffset, next, nextOffset, nativeOut, 0);
            for (const { term, column } of native) lone[column] = nativeOut[term]!;
            let sum = 0;
            for (const { column } of native)
              sum += (isPlain ? lone[column]! : worthOf(column, lone, 1, 0)) * weights[column]!;
            return sum;
          },

    reset(world, states, observations) {
      for (const { scorer, senses, frames, before, best } of trackers) {
        if (senses === undefined) scorer.reset(world, observations, world * observationDim);
        else {
          senses.read(states, world, 1, frames, world * senses.dim, observations);
          scorer.reset(world, frames, world * senses.dim);
        }
        before[world] = scorer.values[world]!;
        if (best !== undefined) best[world] = scorer.values[world]!;
      }
      invalid[world] = 0;
    },

    step(previous, actions, states, observations, terminated, idle) {
      checkSize('previous states', previous, stateDim);
      checkSize('actions', actions, actionDim);
      checkSize('states', states, stateDim);
      checkSize('observations', observations, observationDim);
      checkSize('terminated', terminated, 1);

      if (native.length > 0) {
        for (let world = 0; world < count; world++) {
          const state = world * stateDim;
          task.reward(previous, state, actions, world * actionDim, states, state, nativeOut, 0);
          for (const { term, column } of native) raw[column * count + world] = nativeOut[term]!;
        }
      }

      for (const { scorer, senses, frames } of trackers) {
        senses?.read(states, 0, count, frames, 0, observations);
        scorer.step(senses === undefined ? observations : frames);
      }
      for (const { column, use, tracker, gamma, keepsTerminal } of learned) {
        const { scorer, before, best } = trackers[tracker]!;
        for (let world = 0; world < count; world++) {
          const after = scorer.values[world]!;
          // A broken score must not hide behind the zero of a terminal state.
          const isZero = terminated[world] === 1 && !keepsTerminal && Number.isFinite(after);
          let value = after;
          if (use === 'shaping') value = gamma * (isZero ? 0 : after) - before[world]!;
          else if (use === 'delta') value = after - before[world]!;
          else if (use === 'best') value = Math.max(0, after - best![world]!);
          raw[column * count + world] = value;
        }
      }
      for (const { scorer, before, best } of trackers) {
        before.set(scorer.values);
        if (best === undefined) continue;
        for (let world = 0; world < count; world++) {
          if (scorer.values[world]! > best[world]!) best[world] = scorer.values[world]!;
        }
      }
      if (!isPlain) {
        takeIn(idle);
        for (let c = 0; c < terms.length; c++) {
          for (let world = 0; world < count; world++) {
            const i = c * count + world;
            values[i] = terms[c]!.isPlain ? raw[i]! : worthOf(c, raw, count, world);
          }
        }
      }

      totals.fill(0);
      invalid.fill(0);
      for (let c = 0; c < terms.length; c++) {
        const weight = weights[c]!;
        for (let world = 0; world < count; world++) {
          const i = c * count + world;
          const product = values[i]! * weight;
          // 0 * Infinity is NaN, so a broken term is found even while it is switched off.
          const finite = Number.isFinite(product);
          products[i] = finite ? product : 0;
          totals[world] = totals[world]! + products[i]!;
          if (!finite) invalid[world] = 1;
        }
      }
      for (let world = 0; world < count; world++) if (invalid[world] === 1) totals[world] = 0;
    },

    save() {
      const { best, normalisers } = extraState();
      const parts = [
        ...trackers.flatMap(({ scorer, before }) => [scorer.save(), before]),
        ...best,
        ...normalisers.map((normaliser) => normaliser.save()),
        ...(isScheduled ? [unscheduled] : []),
      ];
      const saved = new Float64Array(parts.reduce((sum, part) => sum + part.length + 1, 0));
      let at = 0;
      for (const part of parts) {
        saved[at] = part.length;
        saved.set(part, at + 1);
        at += part.length + 1;
      }
      return saved;
    },

    restore(saved) {
      const parts = partsOf(saved);
      const { best, normalisers } = extraState();
      trackers.forEach(({ scorer, before }, n) => {
        if (parts[2 * n + 1]!.length !== count) {
          throw new RangeError(
            `Reward stack: saved state of ${parts[2 * n + 1]!.length} worlds, wanted ${count}`,
          );
        }
        scorer.restore(parts[2 * n]!);
        before.set(parts[2 * n + 1]!);
      });
      const rest = parts.slice(2 * trackers.length);
      for (const array of best) array.set(rest.shift()!);
      for (const normaliser of normalisers) normaliser.restore(rest.shift()!);
      if (isScheduled) unscheduled.set(rest.shift()!);
      invalid.fill(0);
    },

    restoreAll(saved) {
      const parts = partsOf(saved);
      const { best, normalisers } = extraState();
      trackers.forEach(({ scorer, before }, n) => {
        scorer.restoreAll(parts[2 * n]!);
        before.fill(parts[2 * n + 1]![0]!);
      });
      const rest = parts.slice(2 * trackers.length);
      for (const array of best) array.fill(rest.shift()![0]!);
      for (const normaliser of normalisers) normaliser.restore(rest.shift()!);
      if (isScheduled) unscheduled.set(rest.shift()!);
      invalid.fill(0);
    },
  };
}

/** One line of the stack as plain data, the way a recipe writes it. */
export interface HashedEntry extends LineRule {
  readonly reward: string;
  readonly use?: LearnedUse | undefined;
  readonly weight?: number | undefined;
  readonly gamma?: number | null | undefined;
}

/**
 * 16 hex digits, equal for two runs that are paid by the same rule: the lines of the stack in order, the task with its
 * version and settings, the discount inside the shaping, and the fitted models. Defaults count as if written out.
 */
export function stackHash(
  entries: readonly HashedEntry[],
  taskId: string,
  taskVersion: number,
  taskSettings: AnySettings,
  gamma: number,
  modelHashes: readonly string[],
): string {
  const lines = entries.map(({ reward, use, weight = 1, gamma: own, ...rule }) => ({
    reward,
    ...(methodOf(reward)?.kind === 'learned' ? { use: use ?? 'shaping' } : {}),
    weight,
    ...(typeof own === 'number' ? { gamma: own } : {}),
    ...ruleOf(rule),
  }));
  return fingerprintOf({ lines, taskId, taskVersion, taskSettings, gamma, modelHashes });
}

const methodOf = (id: string): RewardMethod | undefined =>
  (Object.values(rewards) as readonly RewardMethod[]).find((method) => method.id === id);
