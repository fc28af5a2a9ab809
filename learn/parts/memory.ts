/**
 * A gated recurrent unit, Cho et al. 2014, arXiv:1406.1078, in the form with the reset before the product:
 *
 *   z = sigmoid(Wz [x, h] + bz)    r = sigmoid(Wr [x, h] + br)    c = tanh(Wc [x, r h] + bc)    h' = (1 - z) h + z c
 *
 * Two linear networks of a `Networks` (the gates give z and r together) and plain numbers between them. Backwards through
 * time each step is computed forward once more rather than kept, so that the networks need no room for sequences:
 *
 *   dz = dh' (c - h)    dc = dh' z    d(r h), from the candidate's input gradient for dc (1 - c^2)    dr = d(r h) h
 *   dh = dh' (1 - z) + d(r h) r + the gates' input gradient for [dz z (1 - z), dr r (1 - r)]
 */

import type { NetworkSpec, Networks } from '../tensor/compute.ts';
import { initialize, type MlpShape } from '../tensor/mlp.ts';
import { Network, tanh } from './network.ts';
import type { Random } from './random.ts';

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

export function memoryShapes(inputDim: number, size: number): { gates: MlpShape; candidate: MlpShape } {
  return {
    gates: { sizes: [inputDim + size, 2 * size], activation: 'tanh' },
    candidate: { sizes: [inputDim + size, size], activation: 'tanh' },
  };
}

/** The two networks, in the order in which `Memory` wants them. */
export function memoryNetworks(inputDim: number, size: number): NetworkSpec[] {
  const { gates, candidate } = memoryShapes(inputDim, size);
  return [
    { shape: gates, inputGradient: true },
    { shape: candidate, inputGradient: true },
  ];
}

/** Orthogonal weights; the gates begin half open. */
export function initializeMemory(inputDim: number, size: number, random: Random): Float32Array {
  const { gates, candidate } = memoryShapes(inputDim, size);
  const first = initialize(gates, random, { outputGain: 1 });
  const second = initialize(candidate, random, { outputGain: 1 });
  const parameters = new Float32Array(first.length + second.length);
  parameters.set(first);
  parameters.set(second, first.length);
  return parameters;
}

/** The unit inside `networks`, gates at index `first`, candidate after it. */
export class Memory {
  readonly size: number;
  readonly #networks: Networks;
  readonly #gates: readonly number[];
  readonly #candidate: readonly number[];
  readonly #inputDim: number;
  /** Of the step at hand: [rows, size] each. */
  readonly #z: Float32Array;
  readonly #r: Float32Array;
  readonly #c: Float32Array;

  constructor(networks: Networks, first: number, inputDim: number, size: number) {
    this.size = size;
    this.#networks = networks;
    this.#gates = [first];
    this.#candidate = [first + 1];
    this.#inputDim = inputDim;
    this.#z = new Float32Array(networks.rows * size);
    this.#r = new Float32Array(networks.rows * size);
    this.#c = new Float32Array(networks.rows * size);
  }

  /** x [rows, inputDim] from xOffset, h [rows, size] from hOffset -> out [rows, size] from outOffset. */
  async step(
    x: Float32Array,
    xOffset: number,
    h: Float32Array,
    hOffset: number,
    rows: number,
    out: Float32Array,
    outOffset: number,
  ): Promise<void> {
    const { size } = this;
    const networks = this.#networks;
    this.#fill(networks.inputs[this.#gates[0]!]!, x, xOffset, h, hOffset, rows, undefined);
    const gated = networks.forward(this.#gates, rows);
    if (gated) await gated;
    const gates = networks.outputs[this.#gates[0]!]!;
    for (let n = 0; n < rows; n++) {
      for (let k = 0; k < size; k++) {
        this.#z[n * size + k] = sigmoid(gates[n * 2 * size + k]!);
        this.#r[n * size + k] = sigmoid(gates[n * 2 * size + size + k]!);
      }
    }
    this.#fill(networks.inputs[this.#candidate[0]!]!, x, xOffset, h, hOffset, rows, this.#r);
    const proposed = networks.forward(this.#candidate, rows);
    if (proposed) await proposed;
    const candidate = networks.outputs[this.#candidate[0]!]!;
    for (let i = 0; i < rows * size; i++) {
      const z = this.#z[i]!;
      this.#c[i] = tanh(candidate[i]!);
      out[outOffset + i] = (1 - z) * h[hOffset + i]! + z * this.#c[i]!;
    }
  }

  /** [x, h], or [x, r h]. */
  #fill(
    inputs: Float32Array,
    x: Float32Array,
    xOffset: number,
    h: Float32Array,
    hOffset: number,
    rows: number,
    r: Float32Array | undefined,
  ): void {
    const { size } = this;
    const dim = this.#inputDim;
    for (let n = 0, i = 0; n < rows; n++) {
      for (let k = 0; k < dim; k++) inputs[i++] = x[xOffset + n * dim + k]!;
      for (let k = 0; k < size; k++) {
        const hidden = h[hOffset + n * size + k]!;
        inputs[i++] = r === undefined ? hidden : r[n * size + k]! * hidden;
      }
    }
  }

  /**
   * The step once more, then its gradients: the networks' are added up, and `gradient`, which holds d loss / d h'
   * [rows, size], becomes d loss / d h.
   */
  async back(
    x: Float32Array,
    xOffset: number,
    h: Float32Array,
    hOffset: number,
    rows: number,
    gradient: Float32Array,
  ): Promise<void> {
    const { size } = this;
    const networks = this.#networks;
    const [gates, candidate] = [this.#gates[0]!, this.#candidate[0]!];
    const width = this.#inputDim + size;
    await this.step(x, xOffset, h, hOffset, rows, this.#scratch(rows), 0);
    const dGates = networks.outputGradients[gates]!;
    const dCandidate = networks.outputGradients[candidate]!;
    for (let i = 0; i < rows * size; i++) {
      const c = this.#c[i]!;
      dCandidate[i] = gradient[i]! * this.#z[i]! * (1 - c * c);
    }
    const first = networks.backward(this.#candidate, rows);
    if (first) await first;
    const dGated = networks.inputGradients[candidate]!;
    for (let n = 0; n < rows; n++) {
      for (let k = 0; k < size; k++) {
        const i = n * size + k;
        const [z, r, hidden] = [this.#z[i]!, this.#r[i]!, h[hOffset + i]!];
        const dProduct = dGated[n * width + this.#inputDim + k]!;
        dGates[n * 2 * size + k] = gradient[i]! * (this.#c[i]! - hidden) * z * (1 - z);
        dGates[n * 2 * size + size + k] = dProduct * hidden * r * (1 - r);
        gradient[i] = gradient[i]! * (1 - z) + dProduct * r;
      }
    }
    // The candidate's pass stands between: the gates are asked once more.
    const again = networks.forward(this.#gates, rows);
    if (again) await again;
    const second = networks.backward(this.#gates, rows);
    if (second) await second;
    const dInputs = networks.inputGradients[gates]!;
    for (let n = 0; n < rows; n++) {
      for (let k = 0; k < size; k++) gradient[n * size + k]! += dInputs[n * width + this.#inputDim + k]!;
    }
  }

  #kept = new Float32Array(0);
  #scratch(rows: number): Float32Array {
    if (this.#kept.length < rows * this.size) this.#kept = new Float32Array(rows * this.size);
    return this.#kept;
  }
}

/** The same unit in plain numbers for one row at a time, as policies use it. */
export class PlainMemory {
  readonly size: number;
  readonly #inputDim: number;
  readonly #gates: Network;
  readonly #candidate: Network;
  readonly #row: Float64Array;
  readonly #gated: Float64Array;
  readonly #proposed: Float64Array;

  /** parameters: gates, then candidate. */
  constructor(inputDim: number, size: number, parameters: Float32Array) {
    const { gates, candidate } = memoryShapes(inputDim, size);
    const cut = (inputDim + size + 1) * 2 * size;
    this.size = size;
    this.#inputDim = inputDim;
    this.#gates = new Network(gates, parameters.subarray(0, cut));
    this.#candidate = new Network(candidate, parameters.subarray(cut));
    this.#row = new Float64Array(inputDim + size);
    this.#gated = new Float64Array(2 * size);
    this.#proposed = new Float64Array(size);
  }

  /** x [inputDim] from its offset; h [size] from its offset is overwritten with h'. */
  step(x: Float64Array, xOffset: number, h: Float64Array, hOffset: number): void {
    const { size } = this;
    const dim = this.#inputDim;
    for (let k = 0; k < dim; k++) this.#row[k] = x[xOffset + k]!;
    for (let k = 0; k < size; k++) this.#row[dim + k] = h[hOffset + k]!;
    this.#gates.forward(this.#row, 1, this.#gated);
    for (let k = 0; k < size; k++) this.#row[dim + k]! *= sigmoid(this.#gated[size + k]!);
    this.#candidate.forward(this.#row, 1, this.#proposed);
    for (let k = 0; k < size; k++) {
      const z = sigmoid(this.#gated[k]!);
      h[hOffset + k] = (1 - z) * h[hOffset + k]! + z * tanh(this.#proposed[k]!);
    }
  }
}
