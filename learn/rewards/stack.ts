/**
 * The reward stack: what the learner is paid, as named terms. For every term the raw value, the weight and the product
 * are kept; a term of weight zero is computed all the same, so that it can be looked at before it is trusted.
 *
 * How a learned progress Phi enters (s -> s', Robo-Dopamine arXiv 2512.23703 equations 9 and 10, after Ng et al. 1999):
 *   shaping  F = gamma Phi(s') - Phi(s)   sum_t gamma^t F_t = gamma^T Phi(s_T) - Phi(s_0): best policies stay the same
 *   delta    Phi(s') - Phi(s)             telescopes only undiscounted; with gamma < 1 it pays for staying at high Phi
 *   level    Phi(s')                      the raw score as a reward; hovering near the goal can beat finishing
 * In `shaping` and in nothing else Phi(s') is 0 where the task ended the episode: nothing follows, so no bootstrap value
 * can pay the potential back, and only then does the sum equal -Phi(s_0) for every way of ending. At a time limit
 * Phi(s') stays, because the learner bootstraps from the value of s', which contains -Phi(s').
 */

import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { fingerprintOf } from './fingerprint.ts';
import { rewards } from './index.ts';
import { openSenses, type Senses } from './senses.ts';
import type { NativeReward, OnlineScorer, RewardMethod, RewardModel } from './types.ts';

export const learnedUses = ['shaping', 'delta', 'level'] as const;
export type LearnedUse = (typeof learnedUses)[number];

export type StackEntry =
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
    };

export interface StackTerm {
  /** `task/<term>` or `<use>/<method>`. */
  readonly id: string;
  readonly title: string;
}

/** Arrays are owned by the stack and overwritten by the next call. */
export interface RewardStack {
  readonly terms: readonly StackTerm[];
  readonly count: number;
  /** Term by term, so that one term of all worlds lies together; left as found where not finite. [terms, count] */
  readonly raw: Float64Array;
  /** May be written between steps. [terms] */
  readonly weights: Float64Array;
  /** Discount of each term, NaN where it is the algorithm's. [terms] */
  readonly gammas: Float64Array;
  /** raw * weight, 0 where not finite. [terms, count] */
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
   * s' before any automatic reset [count * observationDim], and where the task itself ended the episode [count].
   */
  step(
    previous: Float64Array,
    actions: Float64Array,
    states: Float64Array,
    observations: Float64Array,
    terminated: Uint8Array,
  ): void;
  /** Histories of the scorers and last potentials, for exact resume; weights are the caller's to keep. */
  save(): Float64Array;
  /** @throws RangeError when the numbers were saved by another stack. */
  restore(saved: Float64Array): void;
}

interface LearnedColumn {
  readonly column: number;
  readonly use: LearnedUse;
  readonly tracker: number;
  readonly gamma: number;
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
}

/** @throws RangeError naming the entry that cannot work with this task, model or its neighbours. */
export function createStack(
  entries: readonly StackEntry[],
  {
    model: task,
    gamma,
    count,
  }: { readonly model: TaskModel; readonly gamma: number; readonly count: number },
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
  /** Of each term: its line of the stack, and its share of the line's weight. */
  const lineOf: { readonly line: number; readonly share: number }[] = [];
  /** Position of a task term in `task.rewardTerms` and its column in the stack. */
  const native: { readonly term: number; readonly column: number }[] = [];
  const learned: LearnedColumn[] = [];
  const trackers: Tracker[] = [];

  const addTerm = (id: string, title: string, line: number, share: number): number => {
    const { weight, gamma: own } = entries[line]!;
    if (terms.some((term) => term.id === id))
      throw new RangeError(`Reward stack: term ${id} is there twice, wanted once`);
    terms.push({ id, title });
    weightList.push(weight * share);
    gammaList.push(own ?? Number.NaN);
    lineOf.push({ line, share });
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
    const registered = (Object.values(rewards) as readonly RewardMethod[]).find(
      (method) => method.id === name,
    );
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
      });
    }
    const title = `${registered?.title ?? name} as ${use}`;
    learned.push({ column: addTerm(`${use}/${name}`, title, line, 1), use, tracker, gamma: own });
  }

  const raw = new Float64Array(terms.length * count);
  const weights = Float64Array.from(weightList);
  const gammas = Float64Array.from(gammaList);
  const products = new Float64Array(terms.length * count);
  const totals = new Float64Array(count);
  const invalid = new Uint8Array(count);
  const nativeOut = new Float64Array(task.rewardTerms.length);

  function checkSize(name: string, array: Float64Array | Uint8Array, dim: number): void {
    if (array.length !== count * dim) {
      throw new RangeError(
        `Reward stack: ${name} has ${array.length} numbers, wanted ${count * dim} (${count} worlds of ${dim})`,
      );
    }
  }

  return {
    terms,
    count,
    raw,
    weights,
    gammas,
    products,
    totals,
    learned: trackers.map(({ model, before }) => ({ method: model.method, values: before })),
    invalid,

    brokenTerm(world) {
      if (invalid[world] !== 1) return undefined;
      return terms.find((_, c) => !Number.isFinite(raw[c * count + world]! * weights[c]!));
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
      for (const [c, of] of lineOf.entries()) if (of.line === line) weights[c] = weight * of.share;
    },

    transition:
      learned.length > 0
        ? undefined
        : (state, stateOffset, action, actionOffset, next, nextOffset) => {
            task.reward(state, stateOffset, action, actionOffset, next, nextOffset, nativeOut, 0);
            let sum = 0;
            for (const { term, column } of native) sum += nativeOut[term]! * weights[column]!;
            return sum;
          },

    reset(world, states, observations) {
      for (const { scorer, senses, frames, before } of trackers) {
        if (senses === undefined) scorer.reset(world, observations, world * observationDim);
        else {
          senses.read(states, world, 1, frames, world * senses.dim, observations);
          scorer.reset(world, frames, world * senses.dim);
        }
        before[world] = scorer.values[world]!;
      }
      invalid[world] = 0;
    },

    step(previous, actions, states, observations, terminated) {
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
      for (const { column, use, tracker, gamma } of learned) {
        const { scorer, before } = trackers[tracker]!;
        for (let world = 0; world < count; world++) {
          const after = scorer.values[world]!;
          // A broken score must not hide behind the zero of a terminal state.
          const bootstrapped = terminated[world] === 1 && Number.isFinite(after) ? 0 : after;
          raw[column * count + world] =
            use === 'shaping'
              ? gamma * bootstrapped - before[world]!
              : use === 'delta'
                ? after - before[world]!
                : after;
        }
      }
      for (const { scorer, before } of trackers) before.set(scorer.values);

      totals.fill(0);
      invalid.fill(0);
      for (let c = 0; c < terms.length; c++) {
        const weight = weights[c]!;
        for (let world = 0; world < count; world++) {
          const i = c * count + world;
          const product = raw[i]! * weight;
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
      const parts = trackers.flatMap(({ scorer, before }) => [scorer.save(), before] as const);
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
      if (parts.length !== trackers.length * 2) {
        throw new RangeError(
          `Reward stack: saved state of ${parts.length / 2} models, wanted ${trackers.length}`,
        );
      }
      trackers.forEach(({ scorer, before }, n) => {
        if (parts[2 * n + 1]!.length !== count) {
          throw new RangeError(
            `Reward stack: saved state of ${parts[2 * n + 1]!.length} worlds, wanted ${count}`,
          );
        }
        scorer.restore(parts[2 * n]!);
        before.set(parts[2 * n + 1]!);
      });
      invalid.fill(0);
    },
  };
}

/** One line of the stack as plain data, the way a recipe writes it. */
export interface HashedEntry {
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
  const lines = entries.map(({ reward, use, weight = 1, gamma: own }) => ({
    reward,
    ...(isLearned(reward) ? { use: use ?? 'shaping' } : {}),
    weight,
    ...(typeof own === 'number' ? { gamma: own } : {}),
  }));
  return fingerprintOf({ lines, taskId, taskVersion, taskSettings, gamma, modelHashes });
}

function isLearned(id: string): boolean {
  return Object.values(rewards).some((method) => method.id === id && method.kind === 'learned');
}
