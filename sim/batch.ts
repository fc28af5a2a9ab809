/**
 * N worlds of one task stepped together, with the guard against divergence and what it keeps for inspection.
 *
 * All arrays lie in one buffer, which may be shared: then each thread steps a range of the worlds (`lab/shared-batch.ts`).
 */

import { openRowHasher, type RowHasher } from './engine/kernel/hash.ts';
import type { BatchEnv, Frames, TaskModel } from './env.ts';

/** No guarded number of a sound world comes near this (metres, m/s, rad/s, steps). */
const exploded = 1e4;

/** States that `history` gives back at most. */
export const historyLength = 100;

/**
 * What `history` needs, at hardly any cost: simulation is deterministic, so a state row every `keyframeEvery` steps and
 * the actions since are enough to simulate the last `historyLength` states again, which nearly never happens. The oldest
 * keyframe in use is historyLength - 1 + keyframeEvery - 1 steps old.
 */
const keyframeEvery = 50;
const keyframeCount = 3;
const actionCount = historyLength + keyframeEvery;

/** Worlds that go through a step together: few enough that their rows stay in the nearest cache. */
const blockSize = 64;

interface Arrays {
  /** Steps of the whole batch so far. [1] */
  readonly clock: Float64Array;
  readonly states: Float64Array;
  readonly previousStates: Float64Array;
  readonly observations: Float64Array;
  /** The last reset or restored row of each world, and the clock at that moment. [count * stateDim], [count] */
  readonly starts: Float64Array;
  readonly startedAt: Float64Array;
  /** The clock at which each world diverged. [count] */
  readonly divergedAt: Float64Array;
  /** Rings, indexed by clock. [keyframeCount * count * stateDim], [actionCount * count * actionDim] */
  readonly keyframes: Float64Array;
  readonly actions: Float64Array;
  /** Of `frames`. [count, 2], [count] each */
  readonly hash: Uint32Array;
  readonly progress: Float32Array;
  readonly stage: Uint8Array;
  readonly success: Uint8Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  /** 1 while `frames` are written. [1] */
  readonly recorded: Uint8Array;
}

function sizes(model: TaskModel, count: number): Record<keyof Arrays, number> {
  const row = count * model.stateDim;
  return {
    clock: 1,
    states: row,
    previousStates: row,
    observations: count * model.observationSpace.dim,
    starts: row,
    startedAt: count,
    divergedAt: count,
    keyframes: keyframeCount * row,
    actions: actionCount * count * model.actionSpace.dim,
    hash: 2 * count,
    progress: count,
    stage: count,
    success: count,
    terminated: count,
    truncated: count,
    diverged: count,
    recorded: 1,
  };
}

type AnyArray = Float64Array | Float32Array | Uint32Array | Uint8Array;
type View = new (buffer: ArrayBufferLike, at: number, length: number) => AnyArray;

/** Those that do not hold float64. They come last and the smallest at the end, so that every array is aligned. */
const views: Readonly<Partial<Record<keyof Arrays, View & { readonly BYTES_PER_ELEMENT: number }>>> = {
  hash: Uint32Array,
  progress: Float32Array,
  stage: Uint8Array,
  success: Uint8Array,
  terminated: Uint8Array,
  truncated: Uint8Array,
  diverged: Uint8Array,
  recorded: Uint8Array,
};
const viewOf = (name: string) => views[name as keyof Arrays] ?? Float64Array;

/** Bytes of the buffer that a batch lives in. */
export function batchBytes(model: TaskModel, count: number): number {
  return Object.entries(sizes(model, count)).reduce(
    (sum, [name, size]) => sum + size * viewOf(name).BYTES_PER_ELEMENT,
    0,
  );
}

function arraysIn(buffer: ArrayBufferLike, model: TaskModel, count: number): Arrays {
  let at = 0;
  const arrays: Partial<Record<keyof Arrays, AnyArray>> = {};
  for (const [name, size] of Object.entries(sizes(model, count)) as [keyof Arrays, number][]) {
    const array = new (viewOf(name))(buffer, at, size);
    arrays[name] = array;
    at += array.byteLength;
  }
  return arrays as unknown as Arrays;
}

/** Every number finite, and the first `guarded` of them below `exploded`; but for the step counter: episodes may be long. */
function isSound(states: Float64Array, offset: number, guarded: number, dim: number): boolean {
  // Sums of squares first: without branches, and they pass all but rows that are broken or nearly so.
  let sum = 0;
  for (let i = offset + 1; i < offset + guarded; i++) sum += states[i]! * states[i]!;
  let rest = 0;
  for (let i = offset + guarded; i < offset + dim; i++) rest += states[i]! * states[i]!;
  if (sum < exploded * exploded && rest < Number.POSITIVE_INFINITY) return true;
  for (let i = 1; i < dim; i++) {
    // The comparison also fails for NaN.
    if (!(Math.abs(states[offset + i]!) < (i < guarded ? exploded : Number.POSITIVE_INFINITY))) return false;
  }
  return true;
}

const isOption = (n: number, action: number): boolean =>
  Number.isInteger(action) && action >= 0 && action < n;

/** @throws RangeError on a wrong size, a number that is not finite, or no such option. */
function checkActions({ actionSpace }: TaskModel, count: number, actions: Float64Array): void {
  const { dim, names } = actionSpace;
  if (actions.length !== count * dim) {
    throw new RangeError(
      `Actions: found ${actions.length} numbers, wanted ${count * dim} (${count} worlds of ${dim})`,
    );
  }
  if (actionSpace.type === 'discrete') {
    const { n } = actionSpace;
    for (let i = 0; i < actions.length; i++) {
      const action = actions[i]!;
      if (isOption(n, action)) continue;
      throw new RangeError(
        Number.isFinite(action)
          ? `Action ${names[0]} of world ${i}: found ${action}, wanted a whole number from 0 to ${n - 1}`
          : `Action ${names[0]} of world ${i}: found ${action}, wanted a finite number`,
      );
    }
    return;
  }
  // Zero times a number is zero unless that is not finite.
  let sum = 0;
  for (let i = 0; i < actions.length; i++) sum += 0 * actions[i]!;
  if (sum === 0) return;
  const i = actions.findIndex((action) => !Number.isFinite(action));
  throw new RangeError(
    `Action ${names[i % dim]} of world ${Math.floor(i / dim)}: found ${actions[i]}, wanted a finite number`,
  );
}

/** The worlds first .. end - 1 of a batch, stepped by one thread. */
export class Shard {
  readonly #model: TaskModel;
  readonly #count: number;
  readonly #arrays: Arrays;
  readonly #first: number;
  readonly #end: number;
  readonly #states: Float64Array;
  readonly #previous: Float64Array;
  readonly #hash: Uint32Array;
  #hashRows: RowHasher | undefined;

  constructor(
    model: TaskModel,
    count: number,
    buffer: ArrayBufferLike,
    { first, end }: { readonly first: number; readonly end: number },
  ) {
    this.#model = model;
    this.#count = count;
    this.#arrays = arraysIn(buffer, model, count);
    this.#first = first;
    this.#end = end;
    const dim = model.stateDim;
    this.#states = this.#arrays.states.subarray(first * dim, end * dim);
    this.#previous = this.#arrays.previousStates.subarray(first * dim, end * dim);
    this.#hash = this.#arrays.hash.subarray(2 * first, 2 * end);
  }

  /** Steps its worlds. The clock has moved on, and the actions are sound. actions: [count * actionDim] */
  step(actions: Float64Array): void {
    const { diverged } = this.#arrays;
    this.#previous.set(this.#states);
    // Runs of worlds between the frozen ones, so that a frozen world is not touched.
    for (let world = this.#first; world < this.#end; ) {
      if (diverged[world] === 1) {
        world++;
        continue;
      }
      const most = Math.min(this.#end, world + blockSize);
      let end = world + 1;
      while (end < most && diverged[end] === 0) end++;
      this.#stepRun(actions, world, end);
      world = end;
    }
    if (this.#arrays.recorded[0] === 1) this.#record();
  }

  #record(): void {
    const model = this.#model;
    const { states, progress, stage, success } = this.#arrays;
    this.#hashRows ??= openRowHasher(model.stateDim, this.#end - this.#first);
    this.#hashRows(this.#states, this.#hash);
    for (let world = this.#first; world < this.#end; world++) {
      const o = world * model.stateDim;
      progress[world] = model.progress(states, o);
      stage[world] = model.stage(states, o);
      success[world] = model.success(states, o) ? 1 : 0;
    }
  }

  #stepRun(actions: Float64Array, first: number, end: number): void {
    const clock = this.#arrays.clock[0]!;
    this.#keepActions(actions, first, end, clock);
    this.#model.advance(this.#arrays.states, actions, first, end - first);
    this.#look(first, end, clock);
    if (clock % keyframeEvery === 0) this.#keepStates(first, end, clock);
  }

  /** Guard, observations and endings. */
  #look(first: number, end: number, clock: number): void {
    const model = this.#model;
    const { states, observations, terminated, truncated, diverged, divergedAt } = this.#arrays;
    const { stateDim, horizon, guardDim = stateDim } = model;
    const observationDim = model.observationSpace.dim;
    for (let world = first; world < end; world++) {
      const o = world * stateDim;
      if (!isSound(states, o, guardDim, stateDim)) {
        // The broken row stays for inspection and exact replay; the observation stays the last sound one.
        diverged[world] = 1;
        divergedAt[world] = clock;
        terminated[world] = 0;
        truncated[world] = 0;
        continue;
      }
      model.observe(states, o, observations, world * observationDim);
      const isTerminal = model.terminal(states, o);
      terminated[world] = isTerminal ? 1 : 0;
      truncated[world] = !isTerminal && states[o]! >= horizon ? 1 : 0;
    }
  }

  #keepActions(actions: Float64Array, first: number, end: number, clock: number): void {
    const dim = this.#model.actionSpace.dim;
    const kept = this.#arrays.actions;
    const shift = (clock % actionCount) * this.#count * dim;
    for (let i = first * dim; i < end * dim; i++) kept[shift + i] = actions[i]!;
  }

  #keepStates(first: number, end: number, clock: number): void {
    const dim = this.#model.stateDim;
    const { states, keyframes } = this.#arrays;
    const shift = ((clock / keyframeEvery) % keyframeCount) * this.#count * dim;
    for (let i = first * dim; i < end * dim; i++) keyframes[shift + i] = states[i]!;
  }
}

/** All worlds of a buffer; `stepAll` is whose threads step them. */
export abstract class Batch implements BatchEnv {
  readonly model: TaskModel;
  readonly count: number;
  readonly states: Float64Array;
  readonly previousStates: Float64Array;
  readonly observations: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  readonly frames: Frames;
  readonly #arrays: Arrays;

  constructor(model: TaskModel, count: number, buffer: ArrayBufferLike) {
    this.model = model;
    this.count = count;
    this.#arrays = arraysIn(buffer, model, count);
    const { states, previousStates, observations, terminated, truncated, diverged } = this.#arrays;
    this.states = states;
    this.previousStates = previousStates;
    this.observations = observations;
    this.terminated = terminated;
    this.truncated = truncated;
    this.diverged = diverged;
    this.frames = this.#arrays;
    for (let world = 0; world < count; world++) this.reset(world, world);
  }

  get isRecorded(): boolean {
    return this.#arrays.recorded[0] === 1;
  }

  set isRecorded(isRecorded: boolean) {
    this.#arrays.recorded[0] = isRecorded ? 1 : 0;
  }

  reset(world: number, seed: number): void {
    this.model.reset(seed, this.states, this.#offset(world));
    this.#begin(world);
  }

  step(actions: Float64Array): void {
    checkActions(this.model, this.count, actions);
    this.#arrays.clock[0]!++;
    this.stepAll(actions);
  }

  /** Steps the shards of all worlds. */
  protected abstract stepAll(actions: Float64Array): void;

  saveState(world: number): Float64Array {
    const o = this.#offset(world);
    return this.states.slice(o, o + this.model.stateDim);
  }

  restoreState(world: number, state: Float64Array): void {
    const o = this.#offset(world);
    const dim = this.model.stateDim;
    if (state.length !== dim) {
      throw new RangeError(`State of ${this.model.id}: found ${state.length} numbers, wanted ${dim}`);
    }
    for (let i = 0; i < dim; i++) {
      if (!Number.isFinite(state[i]!)) {
        throw new RangeError(`State of ${this.model.id}: number ${i} is ${state[i]}, wanted a finite one`);
      }
    }
    this.#tryOut(state);
    this.states.set(state, o);
    this.#begin(world);
  }

  /** A step from a copy of the row, for numbers in it that choose among things. @throws RangeError where there is no such thing. */
  #tryOut(state: Float64Array): void {
    const { model } = this;
    const row = state.slice();
    try {
      model.observe(row, 0, new Float64Array(model.observationSpace.dim), 0);
      model.advance(row, new Float64Array(model.actionSpace.dim), 0, 1);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new RangeError(`State of ${model.id}: no episode has such numbers (${reason})`, { cause: error });
    }
  }

  history(world: number): Float64Array[] {
    const o = this.#offset(world);
    const { model, count } = this;
    const { clock, starts, startedAt, divergedAt, keyframes, actions } = this.#arrays;
    const dim = model.stateDim;
    const actionDim = model.actionSpace.dim;
    const end = this.diverged[world] === 1 ? divergedAt[world]! : clock[0]!;
    const start = startedAt[world]!;
    const first = Math.max(start, end - historyLength + 1);
    const keyframe = Math.floor(first / keyframeEvery);
    const fromStart = keyframe * keyframeEvery <= start;
    const row = fromStart
      ? starts.slice(o, o + dim)
      : keyframes.slice(
          (keyframe % keyframeCount) * count * dim + o,
          (keyframe % keyframeCount) * count * dim + o + dim,
        );
    const rows: Float64Array[] = [];
    const action = new Float64Array(actionDim);
    for (let at = fromStart ? start : keyframe * keyframeEvery; at <= end; at++) {
      if (at >= first) rows.push(row.slice());
      if (at === end) break;
      const from = (((at + 1) % actionCount) * count + world) * actionDim;
      for (let i = 0; i < actionDim; i++) action[i] = actions[from + i]!;
      model.advance(row, action, 0, 1);
    }
    const last = this.states.slice(o, o + dim);
    // Whoever wrote into `states` has made a state that no action led to.
    const isOurs = last.every((value, i) => Object.is(value, row[i]));
    return isOurs ? rows : [last];
  }

  #offset(world: number): number {
    if (!Number.isInteger(world) || world < 0 || world >= this.count) {
      throw new RangeError(`World: found ${world}, wanted 0 to ${this.count - 1}`);
    }
    return world * this.model.stateDim;
  }

  /** The state row is new: an episode or a restored state begins. */
  #begin(world: number): void {
    const { model, states, previousStates } = this;
    const { starts, startedAt, clock } = this.#arrays;
    const o = world * model.stateDim;
    for (let i = o; i < o + model.stateDim; i++) {
      previousStates[i] = states[i]!;
      starts[i] = states[i]!;
    }
    startedAt[world] = clock[0]!;
    this.terminated[world] = 0;
    this.truncated[world] = 0;
    this.diverged[world] = 0;
    model.observe(states, o, this.observations, world * model.observationSpace.dim);
  }
}

/** Stepped by the thread that asks. */
class OwnBatch extends Batch {
  readonly #shard: Shard;

  constructor(model: TaskModel, count: number, buffer: ArrayBuffer) {
    super(model, count, buffer);
    this.#shard = new Shard(model, count, buffer, { first: 0, end: count });
  }

  protected override stepAll(actions: Float64Array): void {
    this.#shard.step(actions);
  }
}

/** Worlds 0 .. count - 1 start with the seeds 0 .. count - 1. @throws RangeError when `count` is no positive integer. */
export function createBatch(model: TaskModel, count: number): BatchEnv {
  checkCount(count);
  return new OwnBatch(model, count, new ArrayBuffer(batchBytes(model, count)));
}

/** @throws RangeError when `count` is no positive integer. */
export function checkCount(count: number): void {
  if (Number.isInteger(count) && count >= 1) return;
  throw new RangeError(`Worlds: found a count of ${count}, wanted a positive integer`);
}
