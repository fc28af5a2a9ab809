import type { RewardChannels, VectorEnv } from '../../../learn/algorithms/types.ts';
import { Random } from '../../../learn/parts/random.ts';

/**
 * Two action components, of three options and of two. At the start of an episode of `length` steps a cue is shown (-1, 0
 * or 1 and -1 or 1), later only a number that says that there is none. The first component is paid (term `first`) for
 * naming the first part of the cue, the second likewise; without memory that is chance.
 */
export class RecallEnv implements VectorEnv {
  readonly observationDim = 3;
  readonly actionDim = 2;
  readonly choices = [3, 2] as const;
  readonly count: number;
  readonly length: number;
  readonly observations: Float64Array;
  readonly finalObservations: Float64Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  readonly channels: RewardChannels;
  readonly #random: Random;
  readonly #cues: Int32Array;
  readonly #ages: Int32Array;

  constructor(count: number, seed: number, length: number) {
    this.count = count;
    this.length = length;
    this.observations = new Float64Array(count * 3);
    this.finalObservations = new Float64Array(count * 3);
    this.rewards = new Float64Array(count);
    this.terminated = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.diverged = new Uint8Array(count);
    this.channels = {
      names: ['first', 'second'],
      values: new Float64Array(2 * count),
      weights: Float64Array.of(0.5, 0.5),
      gammas: Float64Array.of(Number.NaN, Number.NaN),
    };
    this.#random = new Random(seed);
    this.#cues = new Int32Array(2 * count);
    this.#ages = new Int32Array(count);
    // Worlds out of step, so that episodes begin anywhere in a window.
    for (let n = 0; n < count; n++) this.#start(n, n % length);
  }

  #start(n: number, age = 0): void {
    this.#ages[n] = age;
    this.#cues[2 * n] = this.#random.integer(3);
    this.#cues[2 * n + 1] = this.#random.integer(2);
    this.#show(n);
  }

  #show(n: number): void {
    const cued = this.#ages[n] === 0;
    this.observations[3 * n] = cued ? this.#cues[2 * n]! - 1 : 0;
    this.observations[3 * n + 1] = cued ? 2 * this.#cues[2 * n + 1]! - 1 : 0;
    this.observations[3 * n + 2] = cued ? 1 : -1;
  }

  step(actions: Float64Array): void {
    const { values, weights } = this.channels;
    for (let n = 0; n < this.count; n++) {
      for (let c = 0; c < 2; c++) {
        const action = actions[2 * n + c]!;
        if (!(Number.isInteger(action) && action >= 0 && action < this.choices[c]!))
          throw new RangeError(`action ${action}`);
        values[c * this.count + n] = action === this.#cues[2 * n + c] ? 1 : 0;
      }
      this.rewards[n] = weights[0]! * values[n]! + weights[1]! * values[this.count + n]!;
      this.#ages[n]!++;
      this.terminated[n] = this.#ages[n] === this.length ? 1 : 0;
      if (this.terminated[n] === 1) this.#start(n);
      else this.#show(n);
    }
  }

  copy(): RecallEnv {
    const copy = new RecallEnv(this.count, 0, this.length);
    copy.observations.set(this.observations);
    copy.channels.weights.set(this.channels.weights);
    copy.#random.restore(this.#random.save());
    copy.#cues.set(this.#cues);
    copy.#ages.set(this.#ages);
    return copy;
  }
}
