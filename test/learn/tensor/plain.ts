/** The obvious loops, in double precision: what the fast implementations are compared with. */

import type { Compute, Networks, NetworksOptions } from '../../../learn/tensor/compute.ts';
import { layersOf, parameterCount } from '../../../learn/tensor/mlp.ts';

export const plainCompute: Compute = {
  name: 'cpu',
  reason: 'The obvious loops, for tests.',
  networks: (options) => new PlainNetworks(options),
  dispose() {},
};

class PlainNetworks implements Networks {
  readonly networks;
  readonly rows;
  readonly parameterCount: number;
  readonly inputs: Float32Array[] = [];
  readonly outputs: Float32Array[] = [];
  readonly outputGradients: Float32Array[] = [];
  readonly inputGradients: (Float32Array | undefined)[] = [];
  readonly targets: (Float64Array | undefined)[] = [];
  readonly loose: Float32Array;
  readonly looseGradients: Float32Array;
  readonly #parameters: Float32Array;
  readonly #gradient: Float64Array;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  readonly #offsets: number[] = [];
  readonly #epsilon: number;
  /** Of each network: the input and every layer's output of the last forward pass. */
  readonly #chains: Float64Array[][] = [];
  #steps = 0;

  constructor({ networks, rows, loose = 0, parameters, epsilon = 1e-8 }: NetworksOptions) {
    this.networks = networks;
    this.rows = rows;
    this.#epsilon = epsilon;
    let size = 0;
    for (const { shape, inputOf, inputGradient, regresses } of networks) {
      this.#offsets.push(size);
      size += parameterCount(shape);
      const inputs = shape.sizes[0]!;
      this.inputs.push(inputOf === undefined ? new Float32Array(rows * inputs) : this.inputs[inputOf]!);
      this.outputs.push(new Float32Array(rows * shape.sizes.at(-1)!));
      this.outputGradients.push(new Float32Array(rows * shape.sizes.at(-1)!));
      this.targets.push(regresses ? new Float64Array(rows * shape.sizes.at(-1)!) : undefined);
      this.inputGradients.push(inputGradient ? new Float32Array(rows * inputs) : undefined);
    }
    this.parameterCount = size + loose;
    if (parameters.length !== this.parameterCount) {
      throw new RangeError(`Networks: found ${parameters.length} parameters, wanted ${this.parameterCount}`);
    }
    this.#parameters = parameters.slice();
    this.#gradient = new Float64Array(this.parameterCount);
    this.#first = new Float64Array(this.parameterCount);
    this.#second = new Float64Array(this.parameterCount);
    this.loose = this.#parameters.subarray(size);
    this.looseGradients = new Float32Array(loose);
  }

  forward(which: readonly number[], rows: number): void {
    for (const n of which) {
      const { shape } = this.networks[n]!;
      const chain = [Float64Array.from(this.inputs[n]!.subarray(0, rows * shape.sizes[0]!))];
      for (const { inputs, outputs, weights, biases, activation } of layersOf(shape)) {
        const x = chain.at(-1)!;
        const y = new Float64Array(rows * outputs);
        const at = this.#offsets[n]!;
        for (let r = 0; r < rows; r++) {
          for (let j = 0; j < outputs; j++) {
            let sum = this.#parameters[at + biases + j]!;
            for (let i = 0; i < inputs; i++)
              sum += x[r * inputs + i]! * this.#parameters[at + weights + i * outputs + j]!;
            y[r * outputs + j] =
              activation === 'tanh' ? Math.tanh(sum) : activation === 'relu' ? Math.max(0, sum) : sum;
          }
        }
        chain.push(y);
      }
      this.#chains[n] = chain;
      this.outputs[n]!.set(chain.at(-1)!);
    }
  }

  backward(which: readonly number[], rows: number, { parameters = true } = {}): void {
    for (const n of which) {
      const { shape } = this.networks[n]!;
      const chain = this.#chains[n]!;
      const at = this.#offsets[n]!;
      let dy = Float64Array.from(this.outputGradients[n]!.subarray(0, rows * shape.sizes.at(-1)!));
      for (const [l, { inputs, outputs, weights, biases, activation }] of [
        ...layersOf(shape).entries(),
      ].reverse()) {
        const x = chain[l]!;
        const y = chain[l + 1]!;
        const dx = new Float64Array(rows * inputs);
        for (let r = 0; r < rows; r++) {
          for (let j = 0; j < outputs; j++) {
            const out = y[r * outputs + j]!;
            let dz = dy[r * outputs + j]!;
            if (activation === 'tanh') dz *= 1 - out * out;
            if (activation === 'relu' && out <= 0) dz = 0;
            if (parameters) this.#gradient[at + biases + j]! += dz;
            for (let i = 0; i < inputs; i++) {
              if (parameters) this.#gradient[at + weights + i * outputs + j]! += x[r * inputs + i]! * dz;
              dx[r * inputs + i]! += this.#parameters[at + weights + i * outputs + j]! * dz;
            }
          }
        }
        dy = dx;
      }
      this.inputGradients[n]?.set(dy);
    }
  }

  regress(which: readonly number[], rows: number, scale: number): void {
    this.forward(which, rows);
    for (const n of which) {
      const [outputs, targets] = [this.outputs[n]!, this.targets[n]!];
      for (let i = 0; i < rows * this.networks[n]!.shape.sizes.at(-1)!; i++)
        this.outputGradients[n]![i] = scale * (outputs[i]! - targets[i]!);
    }
    this.backward(which, rows);
  }

  settle(): void {}

  #takeLoose(): void {
    const start = this.parameterCount - this.loose.length;
    for (let k = 0; k < this.loose.length; k++) this.#gradient[start + k]! += this.looseGradients[k]!;
    this.looseGradients.fill(0);
  }

  step({
    learningRate,
    maxGradNorm = Number.POSITIVE_INFINITY,
  }: {
    learningRate: number;
    maxGradNorm?: number;
  }): number {
    this.#takeLoose();
    const norm = Math.sqrt(this.#gradient.reduce((sum, g) => sum + g * g, 0));
    if (Number.isFinite(norm)) {
      const scale = Math.min(1, maxGradNorm / (norm + 1e-8));
      this.#steps++;
      for (let i = 0; i < this.parameterCount; i++) {
        const g = this.#gradient[i]! * scale;
        this.#first[i] = 0.9 * this.#first[i]! + 0.1 * g;
        this.#second[i] = 0.999 * this.#second[i]! + 0.001 * g * g;
        const m = this.#first[i]! / (1 - 0.9 ** this.#steps);
        const v = this.#second[i]! / (1 - 0.999 ** this.#steps);
        this.#parameters[i]! -= (learningRate * m) / (Math.sqrt(v) + this.#epsilon);
      }
    }
    this.#gradient.fill(0);
    return norm;
  }

  clear(): void {
    this.#gradient.fill(0);
    this.looseGradients.fill(0);
  }

  blend(other: Networks, share: number): void {
    const theirs = other.read() as Float32Array;
    if (theirs.length !== this.parameterCount) {
      throw new RangeError(
        `Networks: found ${theirs.length} parameters to blend, wanted ${this.parameterCount}`,
      );
    }
    for (let i = 0; i < theirs.length; i++)
      this.#parameters[i]! += share * (theirs[i]! - this.#parameters[i]!);
  }

  read(): Float32Array {
    return this.#parameters.slice();
  }

  write(parameters: Float32Array): void {
    if (parameters.length !== this.parameterCount) {
      throw new RangeError(`Networks: found ${parameters.length} parameters, wanted ${this.parameterCount}`);
    }
    this.#parameters.set(parameters);
  }

  readGradient(): Float32Array {
    const gradient = Float32Array.from(this.#gradient);
    const start = this.parameterCount - this.loose.length;
    for (let k = 0; k < this.loose.length; k++) gradient[start + k]! += this.looseGradients[k]!;
    return gradient;
  }

  saveOptimizer(): Float64Array {
    return Float64Array.of(this.#steps, ...this.#first, ...this.#second);
  }

  restoreOptimizer(saved: Float64Array): void {
    const size = this.parameterCount;
    if (saved.length !== 1 + 2 * size) {
      throw new RangeError(`Adam state: found ${saved.length} numbers, wanted ${1 + 2 * size}`);
    }
    this.#steps = saved[0]!;
    this.#first.set(saved.subarray(1, 1 + size));
    this.#second.set(saved.subarray(1 + size));
  }

  dispose(): void {}
}
