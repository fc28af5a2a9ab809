import type { VectorEnv } from '../../../learn/algorithms/types.ts';
import { Random } from '../../../learn/parts/random.ts';

/** Three options; the number shown, in [-1, 1], says which one is paid: low, middle or high. Ten steps an episode. */
export class ChoiceEnv implements VectorEnv {
  readonly observationDim = 1;
  readonly actionDim = 1;
  readonly choices: readonly number[] = [3];
  readonly count: number;
  readonly observations: Float64Array;
  readonly finalObservations: Float64Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  readonly #random: Random;
  #age = 0;

  constructor(count: number, seed: number) {
    this.count = count;
    this.observations = new Float64Array(count);
    this.finalObservations = new Float64Array(count);
    this.rewards = new Float64Array(count);
    this.terminated = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.diverged = new Uint8Array(count);
    this.#random = new Random(seed);
    this.#show();
  }

  #show(): void {
    for (let n = 0; n < this.count; n++) this.observations[n] = 2 * this.#random.uniform() - 1;
  }

  step(actions: Float64Array): void {
    this.#age = (this.#age + 1) % 10;
    for (let n = 0; n < this.count; n++) {
      if (![0, 1, 2].includes(actions[n]!)) throw new RangeError(`action ${actions[n]}`);
      const right = Math.min(2, Math.floor((this.observations[n]! + 1) * 1.5));
      this.rewards[n] = actions[n] === right ? 1 : 0;
    }
    this.terminated.fill(this.#age === 0 ? 1 : 0);
    this.#show();
  }

  copy(): ChoiceEnv {
    const copy = new ChoiceEnv(this.count, 0);
    copy.observations.set(this.observations);
    copy.#random.restore(this.#random.save());
    copy.#age = this.#age;
    return copy;
  }
}
