/**
 * The plain-number face of `learn/tensor/mlp.ts`: the forward pass of the same flat parameters in double precision, used
 * wherever a network acts or scores. No tensors, no allocation per call, the same bits on every device.
 */

import { layersOf, type MlpShape, parameterCount } from '../tensor/mlp.ts';

/** Outputs are computed four at a time; weights are packed into panels of this width, padded with zeros. */
const panel = 4;

interface PackedLayer {
  readonly inputs: number;
  readonly outputs: number;
  /** `outputs` rounded up to whole panels; the row length of this layer's activations. */
  readonly stride: number;
  readonly activation: 'tanh' | 'relu' | 'linear';
  /** Panel by panel: biases [panel], then weights [inputs, panel]. */
  readonly packed: Float64Array;
}

export class Network {
  readonly inputs: number;
  readonly outputs: number;
  readonly #shape: MlpShape;
  readonly #layers: readonly PackedLayer[];
  /** Two activation buffers that layers write in turn. */
  #ping = new Float64Array(0);
  #pong = new Float64Array(0);

  constructor(shape: MlpShape, parameters: Float32Array) {
    this.#shape = shape;
    this.#layers = layersOf(shape).map(({ inputs, outputs, activation }) => {
      const stride = Math.ceil(outputs / panel) * panel;
      return { inputs, outputs, stride, activation, packed: new Float64Array((inputs + 1) * stride) };
    });
    this.inputs = shape.sizes[0]!;
    this.outputs = shape.sizes.at(-1)!;
    this.load(parameters);
  }

  /** Takes over new parameters (a copy). @throws RangeError on another length. */
  load(parameters: Float32Array): void {
    const wanted = parameterCount(this.#shape);
    if (parameters.length !== wanted) {
      throw new RangeError(
        `Network [${this.#shape.sizes.join(', ')}]: found ${parameters.length} parameters, wanted ${wanted}`,
      );
    }
    for (const [l, { weights, biases }] of layersOf(this.#shape).entries()) {
      const { inputs, outputs, packed } = this.#layers[l]!;
      for (let j = 0; j < outputs; j++) {
        const start = Math.floor(j / panel) * panel * (inputs + 1) + (j % panel);
        packed[start] = parameters[biases + j]!;
        for (let i = 0; i < inputs; i++) {
          packed[start + (i + 1) * panel] = parameters[weights + i * outputs + j]!;
        }
      }
    }
  }

  /**
   * inputs [rows, this.inputs] from `inputOffset` -> out [rows, this.outputs] from `outOffset`.
   * @throws RangeError when an array is too short for the rows.
   */
  forward(inputs: Float64Array, rows: number, out: Float64Array, inputOffset = 0, outOffset = 0): void {
    if (inputs.length < inputOffset + rows * this.inputs || out.length < outOffset + rows * this.outputs) {
      throw new RangeError(
        `Network [${this.#shape.sizes.join(', ')}]: ${rows} rows do not fit into ${inputs.length - inputOffset} inputs ` +
          `and ${out.length - outOffset} outputs`,
      );
    }
    const values = this.#layersForward(inputs, inputOffset, rows);
    const { outputs, stride } = this.#layers.at(-1)!;
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < outputs; j++) out[outOffset + r * outputs + j] = values[r * stride + j]!;
    }
  }

  /** What the hidden layers put out, first layer first; for monitors. inputs [rows, this.inputs] -> [rows, units] each. */
  hidden(inputs: Float64Array, rows: number): Float64Array[] {
    const found: Float64Array[] = [];
    this.#layersForward(inputs, 0, rows, (layer, values) => {
      const { outputs: units, stride } = this.#layers[layer]!;
      if (layer === this.#layers.length - 1) return;
      const rowsOf = new Float64Array(rows * units);
      for (let r = 0; r < rows; r++) rowsOf.set(values.subarray(r * stride, r * stride + units), r * units);
      found.push(rowsOf);
    });
    return found;
  }

  /** All layers one after the other; the last one's rows, its stride apart. `each` sees the rows of every layer. */
  #layersForward(
    inputs: Float64Array,
    inputOffset: number,
    rows: number,
    each?: (layer: number, values: Float64Array) => void,
  ): Float64Array {
    this.#reserve(rows);
    let from = inputs;
    let fromOffset = inputOffset;
    let fromStride = this.inputs;
    for (const [l, layer] of this.#layers.entries()) {
      const to = l % 2 === 0 ? this.#ping : this.#pong;
      multiply(layer, from, fromOffset, fromStride, rows, to);
      if (layer.activation === 'tanh') tanhInPlace(to, rows * layer.stride);
      else if (layer.activation === 'relu') reluInPlace(to, rows * layer.stride);
      each?.(l, to);
      from = to;
      fromOffset = 0;
      fromStride = layer.stride;
    }
    return from;
  }

  #reserve(rows: number): void {
    const size = rows * Math.max(...this.#layers.map(({ stride }) => stride));
    if (this.#ping.length >= size) return;
    this.#ping = new Float64Array(size);
    this.#pong = new Float64Array(size);
  }
}

/** to = from W + b, by tiles of 2 rows x 4 outputs that stay in registers. */
function multiply(
  layer: PackedLayer,
  from: Float64Array,
  fromOffset: number,
  fromStride: number,
  rows: number,
  to: Float64Array,
): void {
  const { inputs, stride, packed } = layer;
  const panelSize = (inputs + 1) * panel;
  for (let start = 0, column = 0; column < stride; start += panelSize, column += panel) {
    for (let r = 0; r < rows; r += 2) {
      // An odd last row is computed twice rather than by a second loop.
      const second = r + 1 < rows ? r + 1 : r;
      let p = start;
      let a0 = packed[p]!;
      let a1 = packed[p + 1]!;
      let a2 = packed[p + 2]!;
      let a3 = packed[p + 3]!;
      let b0 = a0;
      let b1 = a1;
      let b2 = a2;
      let b3 = a3;
      let ia = fromOffset + r * fromStride;
      let ib = fromOffset + second * fromStride;
      for (const end = ia + inputs; ia < end; ia++, ib++) {
        p += panel;
        const xa = from[ia]!;
        const xb = from[ib]!;
        const w0 = packed[p]!;
        const w1 = packed[p + 1]!;
        const w2 = packed[p + 2]!;
        const w3 = packed[p + 3]!;
        a0 += xa * w0;
        a1 += xa * w1;
        a2 += xa * w2;
        a3 += xa * w3;
        b0 += xb * w0;
        b1 += xb * w1;
        b2 += xb * w2;
        b3 += xb * w3;
      }
      const oa = r * stride + column;
      to[oa] = a0;
      to[oa + 1] = a1;
      to[oa + 2] = a2;
      to[oa + 3] = a3;
      const ob = second * stride + column;
      to[ob] = b0;
      to[ob + 1] = b1;
      to[ob + 2] = b2;
      to[ob + 3] = b3;
    }
  }
}

/**
 * tanh to 2e-9, about twice as fast as Math.tanh. Lambert's continued fraction at y = x / 4, cut after five terms,
 *   tanh y = P / Q,   P = y (945 + 105 y^2 + y^4),   Q = 945 + 420 y^2 + 15 y^4,
 * then tanh 2y = 2PQ / (P^2 + Q^2) twice, with one division in all. Beyond |x| = 10 it is +-1 to 5e-9.
 */
export function tanh(x: number): number {
  if (x > 10) return 1;
  if (x < -10) return -1;
  const y = x * 0.25;
  const u = y * y;
  const p = y * (945 + u * (105 + u));
  const q = 945 + u * (420 + 15 * u);
  const p2 = 2 * p * q;
  const q2 = p * p + q * q;
  return (2 * p2 * q2) / (p2 * p2 + q2 * q2);
}

function tanhInPlace(values: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) values[i] = tanh(values[i]!);
}

function reluInPlace(values: Float64Array, count: number): void {
  for (let i = 0; i < count; i++) {
    const value = values[i]!;
    // Written so that NaN stays NaN.
    values[i] = value < 0 ? 0 : value;
  }
}
