/** N worlds of one task stepped together, with the guard against divergence. */

import type { BatchEnv, TaskModel } from './env.ts';

/** No quantity of a sound world comes near this (metres, m/s, rad/s, steps). */
const exploded = 1e4;

function isSound(states: Float64Array, offset: number, dim: number): boolean {
  for (let i = offset; i < offset + dim; i++) {
    // The comparison also fails for NaN.
    if (!(Math.abs(states[i]!) < exploded)) return false;
  }
  return true;
}

const isOption = (n: number, action: number): boolean =>
  Number.isInteger(action) && action >= 0 && action < n;

class Batch implements BatchEnv {
  readonly model: TaskModel;
  readonly count: number;
  readonly states: Float64Array;
  readonly previousStates: Float64Array;
  readonly observations: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;

  constructor(model: TaskModel, count: number) {
    this.model = model;
    this.count = count;
    this.states = new Float64Array(count * model.stateDim);
    this.previousStates = new Float64Array(count * model.stateDim);
    this.observations = new Float64Array(count * model.observationSpace.dim);
    this.terminated = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.diverged = new Uint8Array(count);
    for (let world = 0; world < count; world++) this.reset(world, world);
  }

  reset(world: number, seed: number): void {
    const o = this.#offset(world);
    this.model.reset(seed, this.states, o);
    this.previousStates.set(this.states.subarray(o, o + this.model.stateDim), o);
    this.#clear(world);
  }

  step(actions: Float64Array): void {
    const { model, count, states } = this;
    const dim = model.stateDim;
    this.#check(actions);
    this.previousStates.set(states);
    // Runs of worlds between the frozen ones, so that a frozen world is not touched.
    for (let world = 0; world < count; ) {
      let end = world;
      while (end < count && this.diverged[end] === 0) end++;
      if (end > world) model.advance(states, actions, world, end - world);
      world = end;
      while (world < count && this.diverged[world] === 1) world++;
    }
    for (let world = 0; world < count; world++) {
      if (this.diverged[world] === 1) continue;
      const o = world * dim;
      if (!isSound(states, o, dim)) {
        // The broken row stays for inspection and exact replay; the observation stays the last sound one.
        this.diverged[world] = 1;
        this.terminated[world] = 0;
        this.truncated[world] = 0;
        continue;
      }
      model.observe(states, o, this.observations, world * model.observationSpace.dim);
      const terminal = model.terminal(states, o);
      this.terminated[world] = terminal ? 1 : 0;
      this.truncated[world] = !terminal && states[o]! >= model.horizon ? 1 : 0;
    }
  }

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
    this.states.set(state, o);
    this.previousStates.set(state, o);
    this.#clear(world);
  }

  #offset(world: number): number {
    if (!Number.isInteger(world) || world < 0 || world >= this.count) {
      throw new RangeError(`World: found ${world}, wanted 0 to ${this.count - 1}`);
    }
    return world * this.model.stateDim;
  }

  #clear(world: number): void {
    this.terminated[world] = 0;
    this.truncated[world] = 0;
    this.diverged[world] = 0;
    this.model.observe(
      this.states,
      world * this.model.stateDim,
      this.observations,
      world * this.model.observationSpace.dim,
    );
  }

  #check(actions: Float64Array): void {
    const { actionSpace } = this.model;
    const { dim, names } = actionSpace;
    if (actions.length !== this.count * dim) {
      throw new RangeError(
        `Actions: found ${actions.length} numbers, wanted ${this.count * dim} (${this.count} worlds of ${dim})`,
      );
    }
    for (let i = 0; i < actions.length; i++) {
      if (!Number.isFinite(actions[i]!)) {
        throw new RangeError(
          `Action ${names[i % dim]} of world ${Math.floor(i / dim)}: found ${actions[i]}, wanted a finite number`,
        );
      }
      if (actionSpace.type === 'discrete' && !isOption(actionSpace.n, actions[i]!)) {
        throw new RangeError(
          `Action ${names[0]} of world ${i}: found ${actions[i]}, wanted a whole number from 0 to ${actionSpace.n - 1}`,
        );
      }
    }
  }
}

/** Worlds start with seeds 0 .. count - 1. @throws RangeError on a count that is no positive integer. */
export function createBatch(model: TaskModel, count: number): BatchEnv {
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`Worlds: found a count of ${count}, wanted a positive integer`);
  }
  return new Batch(model, count);
}
