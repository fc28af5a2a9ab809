/**
 * One episode under way that is paid, recorded and can be looked at while it goes on: what a fork is made in. It starts from a seed like
 * any other (or in a state that somebody edited), is taken to the frame of the fork by its parent's actions, and then by whoever went on;
 * so what comes out replays from its start and actions. The order is that of every recording: act -> step -> reward -> record.
 */

import type { RewardStack } from '../learn/rewards/stack.ts';
import { createBatch } from '../sim/batch.ts';
import type { BatchEnv, TaskModel } from '../sim/env.ts';
import type { Ending } from '../store/types.ts';
import type { PackedArray } from './pack.ts';
import { type FinishedEpisode, Recorder } from './recorder.ts';
import { coloursOf, posesOf } from './replay.ts';
import { contactColumn } from './stage.ts';

export interface BranchOptions {
  readonly model: TaskModel;
  readonly seed: number;
  /** Where it begins in place of the seed's start: a state that somebody edited. [stateDim] */
  readonly start: Float64Array | null;
  readonly trainedSteps: number;
  /** Of one world. */
  readonly stack: RewardStack;
  readonly rewardHash: string | null;
  /** Recorded weights that go before the stack's own, by term: weights may have been changed by hand. The last one goes on. */
  readonly weights: ReadonlyMap<string, ArrayLike<number>>;
  readonly hasValue: boolean;
}

export class Branch {
  readonly model: TaskModel;
  readonly stack: RewardStack;
  readonly learned: readonly string[];
  ending: Ending | null = null;
  returnTotal = 0;
  /** Steps done; the frame it stands at. */
  frame = 0;
  /** [horizon + 1, stateDim] */
  readonly #states: Float64Array;
  /** In the task's units. [horizon, actionDim] */
  readonly #actions: Float64Array;
  /** By frame. [horizon + 1] each */
  readonly #learned: readonly Float32Array[];
  /** Raw, weight and product of each term, then the total. [horizon] each */
  readonly #pay: readonly Float64Array[];
  readonly #batch: BatchEnv;
  readonly #recorder: Recorder;
  readonly #weights: BranchOptions['weights'];

  constructor(options: BranchOptions) {
    const { model, stack, seed, trainedSteps } = options;
    this.model = model;
    this.stack = stack;
    this.#weights = options.weights;
    this.learned = stack.learned.map(({ method }) => method);
    this.#batch = createBatch(model, 1);
    this.#batch.isRecorded = true;
    this.#recorder = new Recorder({
      model,
      count: 1,
      kind: 'evaluation',
      terms: stack.terms,
      learned: this.learned,
      hasValue: options.hasValue,
      rewardHash: options.rewardHash,
    });
    this.#states = new Float64Array((model.horizon + 1) * model.stateDim);
    this.#actions = new Float64Array(model.horizon * model.actionSpace.dim);
    this.#learned = this.learned.map(() => new Float32Array(model.horizon + 1));
    this.#pay = Array.from({ length: 3 * stack.terms.length + 1 }, () => new Float64Array(model.horizon));
    this.#batch.reset(0, seed);
    if (options.start !== null) this.#batch.restoreState(0, options.start);
    stack.reset(0, this.#batch.states, this.#batch.observations);
    this.#recorder.begin(0, { seed, trainedSteps, wanted: true }, this.#batch.states, stack.learned);
    this.#look();
  }

  /** The row it stands in; overwritten by the next step. [stateDim] */
  get state(): Float64Array {
    return this.#batch.states;
  }

  get observation(): Float64Array {
    return this.#batch.observations;
  }

  /** The states so far. [frame + 1, stateDim] */
  get states(): Float64Array {
    return this.#states.subarray(0, (this.frame + 1) * this.model.stateDim);
  }

  #look(): void {
    this.#states.set(this.#batch.states, this.frame * this.model.stateDim);
    for (const [i, { values }] of this.stack.learned.entries()) this.#learned[i]![this.frame] = values[0]!;
  }

  /** One control step in the task's units. @throws RangeError on an action that is none, with nothing changed. */
  step(action: Float64Array, value = 0): void {
    const batch = this.#batch;
    const { stack } = this;
    const t = this.frame;
    for (const [c, { id }] of stack.terms.entries()) {
      const recorded = this.#weights.get(id);
      if (recorded !== undefined && recorded.length > 0)
        stack.weights[c] = recorded[Math.min(t, recorded.length - 1)]!;
    }
    batch.step(action);
    stack.step(batch.previousStates, action, batch.states, batch.observations, batch.terminated);
    this.#recorder.step(batch, action, stack, Float64Array.of(value));
    this.#actions.set(action, t * action.length);
    for (let c = 0; c < stack.terms.length; c++) {
      this.#pay[3 * c]![t] = stack.raw[c]!;
      this.#pay[3 * c + 1]![t] = stack.weights[c]!;
      this.#pay[3 * c + 2]![t] = stack.products[c]!;
    }
    this.#pay.at(-1)![t] = stack.totals[0]!;
    this.frame = t + 1;
    this.#look();
    const diverged = batch.diverged[0] === 1 || stack.invalid[0] === 1;
    if (!diverged) this.returnTotal += stack.totals[0]!;
    if (diverged) this.ending = 'diverged';
    else if (batch.terminated[0] === 1) this.ending = 'terminated';
    else if (batch.truncated[0] === 1) this.ending = 'truncated';
  }

  get success(): boolean {
    return this.ending !== 'diverged' && this.model.success(this.state, 0);
  }

  /** What a window draws of the frames `from` .. `frame`, and of the steps between them and the one that led to the first. */
  arrays(from: number): Record<string, PackedArray> {
    const { model, frame } = this;
    const dim = model.actionSpace.dim;
    const states = this.#states.slice(from * model.stateDim, (frame + 1) * model.stateDim);
    const count = frame - from + 1;
    const each = <A extends Float32Array | Uint8Array>(out: A, of: (offset: number) => number): A => {
      for (let t = 0; t < count; t++) out[t] = of(t * model.stateDim);
      return out;
    };
    const arrays: Record<string, PackedArray> = {
      poses: posesOf(model, states),
      trueProgress: each(new Float32Array(count), (o) => model.progress(states, o)),
      trueStage: each(new Uint8Array(count), (o) => model.stage(states, o)),
      trueSuccess: each(new Uint8Array(count), (o) => (model.success(states, o) ? 1 : 0)),
    };
    const colours = coloursOf(model, states);
    if (colours !== null) arrays['colours'] = colours;
    const first = Math.max(0, from - 1);
    const actions = this.#actions.slice(first * dim, frame * dim);
    const contact = contactColumn(model, this.states.subarray(first * model.stateDim), actions);
    if (contact !== null) arrays['contact'] = contact.slice(from - first);
    for (const [i, method] of this.learned.entries())
      arrays[`learned/${method}`] = this.#learned[i]!.slice(from, frame + 1);
    arrays['actions'] = actions;
    for (const [c, { id }] of this.stack.terms.entries()) {
      for (const [k, name] of ['raw', 'weight', 'product'].entries())
        arrays[`reward/${id}/${name}`] = this.#pay[3 * c + k]!.slice(first, frame);
    }
    if (this.stack.terms.length > 0) arrays['reward/total'] = this.#pay.at(-1)!.slice(first, frame);
    return arrays;
  }

  /** The whole episode; cut off here where it has not ended. Once. */
  finish(): FinishedEpisode {
    return this.#recorder.finish(0, this.ending ?? 'truncated', this.#batch.states)!;
  }
}
