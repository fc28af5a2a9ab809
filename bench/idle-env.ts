/** An environment that does nothing but count: what is left is the cost of learning. */

import type { VectorEnv } from '../learn/algorithms/types.ts';

export class IdleEnv implements VectorEnv {
  readonly count: number;
  readonly observationDim: number;
  readonly actionDim: number;
  readonly observations: Float64Array;
  readonly finalObservations: Float64Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  #age = 0;

  constructor(count: number, observationDim: number, actionDim: number) {
    this.count = count;
    this.observationDim = observationDim;
    this.actionDim = actionDim;
    this.observations = new Float64Array(count * observationDim);
    this.finalObservations = new Float64Array(count * observationDim);
    this.rewards = new Float64Array(count);
    this.terminated = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.diverged = new Uint8Array(count);
  }

  step(actions: Float64Array): void {
    this.#age++;
    for (let i = 0; i < this.observations.length; i++) {
      this.observations[i] = ((i * 7 + this.#age * 13) % 101) / 50 - 1;
    }
    for (let n = 0; n < this.count; n++) this.rewards[n] = actions[n * this.actionDim]!;
    this.finalObservations.set(this.observations);
    this.truncated.fill(this.#age % 100 === 0 ? 1 : 0);
  }
}
