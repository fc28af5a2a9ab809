/**
 * Running mean and variance per component, and the normalising drawn from them. Batches are merged by the formula of
 * Chan, Golub and LeVeque (1979), so that millions of rows lose no digits.
 */

/** Normalised values are clipped to this many standard deviations. */
const clip = 10;
/** Added to the variance: a component that never moved is divided by 1e-4, not by zero. */
const epsilon = 1e-8;

export class Normalizer {
  readonly dim: number;
  /** Rows seen. */
  count = 0;
  readonly mean: Float64Array;
  /** Sum of squared differences from the mean. */
  readonly #squares: Float64Array;
  /** 1 / standard deviation, 1 while nothing was seen. */
  readonly #scale: Float64Array;

  constructor(dim: number) {
    this.dim = dim;
    this.mean = new Float64Array(dim);
    this.#squares = new Float64Array(dim);
    this.#scale = new Float64Array(dim).fill(1);
  }

  /** Population variance of one component; 1 while nothing was seen. */
  variance(component: number): number {
    return this.count === 0 ? 1 : this.#squares[component]! / this.count;
  }

  /** 1 / standard deviation of one component, as `apply` uses it. */
  scale(component: number): number {
    return this.#scale[component]!;
  }

  /** Takes in rows [rows, dim]. @throws RangeError naming the component that is not finite; nothing is taken in then. */
  update(batch: Float64Array, rows: number): void {
    if (rows === 0) return;
    const { dim } = this;
    const mean = new Float64Array(dim);
    const squares = new Float64Array(dim);
    for (let r = 0; r < rows; r++) for (let k = 0; k < dim; k++) mean[k]! += batch[r * dim + k]!;
    for (let k = 0; k < dim; k++) mean[k]! /= rows;
    for (let r = 0; r < rows; r++) {
      for (let k = 0; k < dim; k++) squares[k]! += (batch[r * dim + k]! - mean[k]!) ** 2;
    }
    for (let k = 0; k < dim; k++) {
      if (!Number.isFinite(squares[k]!)) {
        throw new RangeError(`Normalizer: component ${k} of ${rows} rows is not finite`);
      }
    }
    this.#merge(rows, mean, squares);
  }

  /** Takes in everything another normaliser has seen. */
  merge(other: Normalizer): void {
    if (other.count > 0) this.#merge(other.count, other.mean, other.#squares);
  }

  #merge(count: number, mean: Float64Array, squares: Float64Array): void {
    const total = this.count + count;
    for (let k = 0; k < this.dim; k++) {
      const shift = mean[k]! - this.mean[k]!;
      this.mean[k]! += (shift * count) / total;
      this.#squares[k]! += squares[k]! + (shift * shift * this.count * count) / total;
    }
    this.count = total;
    this.#rescale();
  }

  #rescale(): void {
    for (let k = 0; k < this.dim; k++) {
      this.#scale[k] = this.count === 0 ? 1 : 1 / Math.sqrt(this.variance(k) + epsilon);
    }
  }

  /** rows [rows, dim] -> out [rows, dim] from `outOffset`: zero mean, unit deviation, clipped. */
  apply(batch: Float64Array, rows: number, out: Float64Array | Float32Array, outOffset = 0): void {
    const { dim, mean } = this;
    for (let r = 0, i = 0; r < rows; r++) {
      for (let k = 0; k < dim; k++, i++) {
        const value = (batch[i]! - mean[k]!) * this.#scale[k]!;
        out[outOffset + i] = value > clip ? clip : value < -clip ? -clip : value;
      }
    }
  }

  clear(): void {
    this.restore(new Float64Array(1 + 2 * this.dim));
  }

  /** count, mean [dim], squares [dim]. */
  save(): Float64Array {
    const saved = new Float64Array(1 + 2 * this.dim);
    saved[0] = this.count;
    saved.set(this.mean, 1);
    saved.set(this.#squares, 1 + this.dim);
    return saved;
  }

  /** @throws RangeError on a state of another dimension. */
  restore(saved: Float64Array): void {
    const wanted = 1 + 2 * this.dim;
    if (saved.length !== wanted) {
      throw new RangeError(`Normalizer state: found ${saved.length} numbers, wanted ${wanted}`);
    }
    this.count = saved[0]!;
    this.mean.set(saved.subarray(1, 1 + this.dim));
    this.#squares.set(saved.subarray(1 + this.dim));
    this.#rescale();
  }
}

/**
 * Scales rewards by the deviation of the discounted return, so that one learning rate suits every task. Rewards keep
 * their sign and zero stays zero; the mean is not subtracted, since that would change what is optimal.
 */
export class RewardScaler {
  readonly #gamma: number;
  readonly #statistics = new Normalizer(1);
  /** Discounted return of each world's running episode. [worlds] */
  readonly #returns: Float64Array;

  constructor(worlds: number, gamma: number) {
    this.#gamma = gamma;
    this.#returns = new Float64Array(worlds);
  }

  /** Takes in the rewards of one step of every world; `ended` worlds start anew. Diverged worlds give no return. */
  observe(rewards: Float64Array, ended: (world: number) => boolean, diverged: Uint8Array): void {
    for (let n = 0; n < this.#returns.length; n++) {
      if (!diverged[n]) this.#returns[n] = this.#gamma * this.#returns[n]! + rewards[n]!;
    }
    this.#statistics.update(this.#returns, this.#returns.length);
    for (let n = 0; n < this.#returns.length; n++) if (ended(n)) this.#returns[n] = 0;
  }

  /** What `scale` multiplies by: 1 / deviation of the return; 1 while returns have not varied. */
  get unit(): number {
    // Below this all rewards so far were equal; dividing by nothing would blow up the first real one.
    return this.#statistics.variance(0) < 1e-12 ? 1 : this.#statistics.scale(0);
  }

  /** A reward in units of the return's deviation, clipped. */
  scale(reward: number): number {
    return Math.max(-clip, Math.min(clip, reward * this.unit));
  }

  save(): Float64Array {
    return Float64Array.of(...this.#statistics.save(), ...this.#returns);
  }

  restore(saved: Float64Array): void {
    const wanted = 3 + this.#returns.length;
    if (saved.length !== wanted) {
      throw new RangeError(`Reward scaler state: found ${saved.length} numbers, wanted ${wanted}`);
    }
    this.#statistics.restore(saved.slice(0, 3));
    this.#returns.set(saved.subarray(3));
  }
}
