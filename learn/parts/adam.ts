/**
 * Adam (Kingma and Ba 2015, arXiv:1412.6980) over one flat array, in plain numbers: for the small networks of this lab
 * one pass over 12,000 parameters beats a dozen tensor ops, and the moments are saved as they are.
 */

export const beta1 = 0.9;
export const beta2 = 0.999;

export class Adam {
  readonly #epsilon: number;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  #steps = 0;

  constructor(size: number, epsilon = 1e-8) {
    this.#epsilon = epsilon;
    this.#first = new Float64Array(size);
    this.#second = new Float64Array(size);
  }

  /** One step against the gradients times `gradientScale`, in place. */
  step(
    parameters: Float32Array,
    gradients: ArrayLike<number>,
    learningRate: number,
    gradientScale = 1,
  ): void {
    const first = this.#first;
    const second = this.#second;
    if (parameters.length !== first.length || gradients.length !== first.length) {
      throw new RangeError(
        `Adam: found ${parameters.length} parameters and ${gradients.length} gradients, wanted ${first.length}`,
      );
    }
    this.#steps++;
    // m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t), theta -= rate m^ / (sqrt(v^) + epsilon)
    const rate = learningRate / (1 - beta1 ** this.#steps);
    const correction = 1 / (1 - beta2 ** this.#steps);
    const epsilon = this.#epsilon;
    for (let i = 0; i < first.length; i++) {
      const g = gradients[i]! * gradientScale;
      const m = beta1 * first[i]! + (1 - beta1) * g;
      const v = beta2 * second[i]! + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      parameters[i]! -= (rate * m) / (Math.sqrt(v * correction) + epsilon);
    }
  }

  /** steps, first moments, second moments. */
  save(): Float64Array {
    const size = this.#first.length;
    const saved = new Float64Array(1 + 2 * size);
    saved[0] = this.#steps;
    saved.set(this.#first, 1);
    saved.set(this.#second, 1 + size);
    return saved;
  }

  restore(saved: Float64Array): void {
    const size = this.#first.length;
    if (saved.length !== 1 + 2 * size) {
      throw new RangeError(`Adam state: found ${saved.length} numbers, wanted ${1 + 2 * size}`);
    }
    this.#steps = saved[0]!;
    this.#first.set(saved.subarray(1, 1 + size));
    this.#second.set(saved.subarray(1 + size));
  }
}

/** Euclidean length of a gradient over all parameters. */
export function globalNorm(gradients: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < gradients.length; i++) sum += gradients[i]! * gradients[i]!;
  return Math.sqrt(sum);
}
