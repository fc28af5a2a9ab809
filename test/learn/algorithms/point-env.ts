import type { VectorEnv } from '../../../learn/algorithms/types.ts';
import { Random } from '../../../learn/parts/random.ts';

/**
 * A point on a line per axis: it starts anywhere in [-1, 1], moves by 0.2 a step, and each step costs its mean distance
 * from the origin. Twenty steps, then time runs out.
 */
export class PointEnv implements VectorEnv {
  readonly count: number;
  readonly observationDim: number;
  readonly actionDim: number;
  readonly observations: Float64Array;
  readonly finalObservations: Float64Array;
  readonly rewards: Float64Array;
  readonly terminated: Uint8Array;
  readonly truncated: Uint8Array;
  readonly diverged: Uint8Array;
  readonly #ages: Int32Array;
  readonly #random: Random;
  /** World 0 breaks off at this age, with NaN as its reward and final observation; 0 = never. */
  divergeAt = 0;
  /** 1 where a world stays ended until `restart`; none while worlds start again by themselves. */
  #ended: Uint8Array | undefined;

  constructor(count: number, seed: number, axes = 1) {
    this.count = count;
    this.observationDim = axes;
    this.actionDim = axes;
    this.observations = new Float64Array(count * axes);
    this.finalObservations = new Float64Array(count * axes);
    this.rewards = new Float64Array(count);
    this.terminated = new Uint8Array(count);
    this.truncated = new Uint8Array(count);
    this.diverged = new Uint8Array(count);
    this.#ages = new Int32Array(count);
    this.#random = new Random(seed);
    for (let n = 0; n < count; n++) this.#start(n);
  }

  #start(n: number): void {
    for (let k = 0; k < this.actionDim; k++) {
      this.observations[n * this.actionDim + k] = 2 * this.#random.uniform() - 1;
    }
    this.#ages[n] = 0;
  }

  restart(groupSize: number): void {
    const { actionDim: axes } = this;
    this.#ended = new Uint8Array(this.count);
    this.truncated.fill(0);
    this.diverged.fill(0);
    for (let n = 0; n < this.count; n++) {
      const first = n - (n % groupSize);
      if (n === first) this.#start(n);
      else this.observations.copyWithin(n * axes, first * axes, (first + 1) * axes);
      this.#ages[n] = 0;
    }
  }

  step(actions: Float64Array): void {
    const { actionDim: axes } = this;
    for (let n = 0; n < this.count; n++) {
      if (this.#ended?.[n]) {
        this.rewards[n] = 0;
        continue;
      }
      let distance = 0;
      for (let i = n * axes; i < (n + 1) * axes; i++) {
        if (!(Math.abs(actions[i]!) <= 1)) throw new RangeError(`action ${actions[i]}`);
        this.observations[i]! += 0.2 * actions[i]!;
        distance += Math.abs(this.observations[i]!) / axes;
      }
      this.rewards[n] = -distance;
      this.#ages[n]!++;
      this.diverged[n] = n === 0 && this.#ages[n] === this.divergeAt ? 1 : 0;
      this.truncated[n] = this.#ages[n] === 20 && !this.diverged[n] ? 1 : 0;
      if (!this.truncated[n] && !this.diverged[n]) continue;
      this.finalObservations.set(this.observations.subarray(n * axes, (n + 1) * axes), n * axes);
      if (this.diverged[n]) {
        this.rewards[n] = Number.NaN;
        this.finalObservations.fill(Number.NaN, n * axes, (n + 1) * axes);
      }
      if (this.#ended) this.#ended[n] = 1;
      else this.#start(n);
    }
  }

  copy(): PointEnv {
    const copy = new PointEnv(this.count, 0, this.actionDim);
    copy.observations.set(this.observations);
    copy.#ages.set(this.#ages);
    copy.#random.restore(this.#random.save());
    copy.divergeAt = this.divergeAt;
    copy.#ended = this.#ended?.slice();
    return copy;
  }
}
