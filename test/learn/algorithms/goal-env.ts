import type { Simulator, VectorEnv } from '../../../learn/algorithms/types.ts';
import { createBatch } from '../../../sim/batch.ts';
import type { BatchEnv, TaskModel } from '../../../sim/env.ts';

/** Worlds of a real task paid with its sparse terms, each episode with the next seed, and the simulator in view. */
export class GoalEnv implements VectorEnv {
  readonly model: TaskModel;
  readonly count: number;
  readonly observationDim: number;
  readonly actionDim: number;
  readonly observations: Float64Array;
  readonly finalObservations: Float64Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  readonly simulator: Simulator & { readonly finalStates: Float64Array; readonly actions: Float64Array };
  /** World 0 breaks off at this step of each episode; 0 = never. */
  divergeAt = 0;
  /** Of all episodes so far. */
  episodes = 0;
  successes = 0;
  readonly #batch: BatchEnv;
  readonly #terms: Float64Array;
  #seed: number;

  constructor(model: TaskModel, count: number, seed: number) {
    this.model = model;
    this.count = count;
    this.observationDim = model.observationSpace.dim;
    this.actionDim = model.actionSpace.dim;
    this.#batch = createBatch(model, count);
    this.#terms = new Float64Array(model.rewardTerms.length);
    this.#seed = seed;
    this.observations = new Float64Array(count * this.observationDim);
    this.finalObservations = new Float64Array(count * this.observationDim);
    this.rewards = new Float64Array(count);
    this.terminated = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.diverged = new Uint8Array(count);
    this.simulator = {
      model,
      states: this.#batch.states,
      previousStates: this.#batch.previousStates,
      finalStates: new Float64Array(count * model.stateDim),
      actions: new Float64Array(count * this.actionDim),
      toNative: (actions) => actions,
      toUnit() {},
      reward: (s, so, a, ao, next, no) => {
        model.reward(s, so, a, ao, next, no, this.#terms, 0);
        return model.rewardTerms.reduce(
          (sum, { kind, weight }, k) => sum + (kind === 'sparse' ? weight * this.#terms[k]! : 0),
          0,
        );
      },
    };
    for (let n = 0; n < count; n++) this.#batch.reset(n, this.#seed++);
    this.observations.set(this.#batch.observations);
  }

  step(actions: Float64Array): void {
    const { model, simulator } = this;
    this.#batch.step(actions);
    simulator.actions.set(actions);
    simulator.finalStates.set(this.#batch.states);
    this.finalObservations.set(this.#batch.observations);
    for (let n = 0; n < this.count; n++) {
      const s = n * model.stateDim;
      const isBroken = n === 0 && this.#batch.states[s] === this.divergeAt;
      this.diverged[n] = isBroken || this.#batch.diverged[n] ? 1 : 0;
      this.terminated[n] = this.diverged[n] ? 0 : this.#batch.terminated[n]!;
      this.truncated[n] = this.diverged[n] ? 0 : this.#batch.truncated[n]!;
      this.rewards[n] = this.diverged[n]
        ? 0
        : simulator.reward!(
            simulator.previousStates,
            s,
            actions,
            n * this.actionDim,
            simulator.finalStates,
            s,
          );
      if (!this.diverged[n] && !this.terminated[n] && !this.truncated[n]) continue;
      this.episodes++;
      if (model.success(simulator.finalStates, s)) this.successes++;
      if (isBroken) simulator.finalStates.fill(Number.NaN, s, s + model.stateDim);
      this.#batch.reset(n, this.#seed++);
    }
    this.observations.set(this.#batch.observations);
  }

  copy(): GoalEnv {
    const copy = new GoalEnv(this.model, this.count, 0);
    for (let n = 0; n < this.count; n++) copy.#batch.restoreState(n, this.#batch.saveState(n));
    copy.observations.set(this.#batch.observations);
    copy.#seed = this.#seed;
    copy.divergeAt = this.divergeAt;
    return copy;
  }
}
