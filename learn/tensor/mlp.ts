/**
 * The multi-layer perceptron of algorithms and reward models: its layout, its first weights, and its passes over a
 * TensorFlow.js device. Its parameters are one flat Float32Array; per layer W [inputs, outputs] row by row, then
 * b [outputs]. Hidden layers carry the activation, the last layer is linear.
 *
 * The gradients are written by hand. TensorFlow.js's WASM matrix product falls to a scalar loop when an operand is
 * transposed, which every automatic gradient asks for; an explicit `transpose` before a plain product is 2-3 times faster.
 */

import type * as TensorFlow from '@tensorflow/tfjs';

type Tf = typeof TensorFlow;
type Tensor1D = TensorFlow.Tensor1D;
type Tensor2D = TensorFlow.Tensor2D;
type Tensor = TensorFlow.Tensor;

export type Activation = 'tanh' | 'relu';

export interface MlpShape {
  /** Inputs, hidden layers, outputs: for example [25, 64, 64, 3]. */
  readonly sizes: readonly number[];
  readonly activation: Activation;
}

export interface Layer {
  readonly inputs: number;
  readonly outputs: number;
  /** Where W [inputs, outputs] begins in the flat parameters. */
  readonly weights: number;
  /** Where b [outputs] begins. */
  readonly biases: number;
  readonly activation: Activation | 'linear';
}

/** Where each layer lies in the flat parameters. @throws RangeError on fewer than two sizes or a size below one. */
export function layersOf({ sizes, activation }: MlpShape): readonly Layer[] {
  if (sizes.length < 2 || sizes.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new RangeError(`Network sizes: found [${sizes.join(', ')}], wanted two or more positive integers`);
  }
  const layers: Layer[] = [];
  let offset = 0;
  for (let i = 0; i + 1 < sizes.length; i++) {
    const inputs = sizes[i]!;
    const outputs = sizes[i + 1]!;
    const biases = offset + inputs * outputs;
    const last = i + 2 === sizes.length;
    layers.push({ inputs, outputs, weights: offset, biases, activation: last ? 'linear' : activation });
    offset = biases + outputs;
  }
  return layers;
}

export function parameterCount(shape: MlpShape): number {
  const last = layersOf(shape).at(-1)!;
  return last.biases + last.outputs;
}

/** What `initialize` draws from; `learn/parts/random.ts` has it. */
export interface GaussianSource {
  /** Standard normal. */
  gaussian(): number;
}

/**
 * Orthogonal weights (Saxe et al. 2013, arXiv:1312.6120) times a gain, biases zero. The gain of the hidden layers
 * defaults to sqrt(2); a small `outputGain` starts a policy near the middle of its range.
 */
export function initialize(
  shape: MlpShape,
  random: GaussianSource,
  { hiddenGain = Math.SQRT2, outputGain = 1 }: { hiddenGain?: number; outputGain?: number } = {},
): Float32Array {
  const parameters = new Float32Array(parameterCount(shape));
  for (const { inputs, outputs, weights, activation } of layersOf(shape)) {
    const gain = activation === 'linear' ? outputGain : hiddenGain;
    const wide = outputs > inputs;
    const rows = orthonormalRows(Math.min(inputs, outputs), Math.max(inputs, outputs), random);
    for (let i = 0; i < inputs; i++) {
      for (let j = 0; j < outputs; j++) {
        const value = wide ? rows[i * outputs + j]! : rows[j * inputs + i]!;
        parameters[weights + i * outputs + j] = gain * value;
      }
    }
  }
  return parameters;
}

/** `count` orthonormal rows of length `length`, by Gram-Schmidt done twice for accuracy. [count, length] */
function orthonormalRows(count: number, length: number, random: GaussianSource): Float64Array {
  const rows = new Float64Array(count * length);
  for (let r = 0; r < count; r++) {
    const row = rows.subarray(r * length, (r + 1) * length);
    for (let k = 0; k < length; k++) row[k] = random.gaussian();
    for (let pass = 0; pass < 2; pass++) {
      for (let q = 0; q < r; q++) {
        const other = rows.subarray(q * length, (q + 1) * length);
        let dot = 0;
        for (let k = 0; k < length; k++) dot += row[k]! * other[k]!;
        for (let k = 0; k < length; k++) row[k]! -= dot * other[k]!;
      }
    }
    let square = 0;
    for (let k = 0; k < length; k++) square += row[k]! * row[k]!;
    const scale = 1 / Math.sqrt(square);
    for (let k = 0; k < length; k++) row[k]! *= scale;
  }
  return rows;
}

/** One layer forward. x [B, inputs], w [inputs, outputs], b [outputs] -> [B, outputs]. Creates temporaries: tidy around it. */
function layerForward(
  tf: Tf,
  x: Tensor2D,
  w: Tensor2D,
  b: Tensor1D,
  activation: Layer['activation'],
): Tensor2D {
  const z = tf.fused.matMul({ a: x, b: w, bias: b }) as Tensor2D;
  // Not fused: WASM's fused relu makes 0 of not-a-number, which the monitors must see.
  return activation === 'tanh' ? tf.tanh(z) : activation === 'relu' ? tf.relu(z) : z;
}

/**
 * One layer backward: dy and y [B, outputs], x [B, inputs] -> dx [B, inputs], dw [inputs, outputs], db [outputs], each if
 * wanted.
 *   dz = dy * act'(z)        with tanh'(z) = 1 - y^2, relu'(z) = [y > 0]
 *   dx = dz W^T,  dw = x^T dz,  db = sum over rows of dz
 */
function layerBackward(
  tf: Tf,
  dy: Tensor2D,
  x: Tensor2D,
  w: Tensor2D,
  y: Tensor2D,
  activation: Layer['activation'],
  { wantDx, wantParameters }: { wantDx: boolean; wantParameters: boolean },
): { dx: Tensor2D | undefined; parameters: [dw: Tensor2D, db: Tensor1D] | [] } {
  let dz = dy;
  if (activation === 'tanh') dz = tf.sub(dy, tf.mul(dy, tf.mul(y, y)));
  if (activation === 'relu') dz = tf.mul(dy, tf.step(y));
  const dx = wantDx ? (tf.matMul(dz, tf.transpose(w)) as Tensor2D) : undefined;
  if (!wantParameters) return { dx, parameters: [] };
  const dw = tf.matMul(tf.transpose(x), dz) as Tensor2D;
  // A product with a row of ones: the sum over axis 0 would transpose first.
  const ones = tf.ones([1, dz.shape[0]]) as Tensor2D;
  const db = tf.matMul(ones, dz).as1D();
  return { dx, parameters: [dw, db] };
}

/** The whole network forward. x [B, inputs] -> x, hidden activations ..., output; all but the first are the caller's to free. */
export function forward(tf: Tf, shape: MlpShape, tensors: readonly Tensor[], x: Tensor2D): Tensor2D[] {
  const chain = [x];
  for (const [i, { activation }] of layersOf(shape).entries()) {
    const w = tensors[2 * i] as Tensor2D;
    const b = tensors[2 * i + 1] as Tensor1D;
    chain.push(layerForward(tf, chain[i]!, w, b, activation));
  }
  return chain;
}

/**
 * The gradients of the parameters, in the order of `tensors` (none if not wanted), for the gradient of the output,
 * dOutput [B, outputs]; and of the input where wanted. `chain` is what `forward` gave. Tidy around it.
 */
export function backward(
  tf: Tf,
  shape: MlpShape,
  tensors: readonly Tensor[],
  chain: readonly Tensor2D[],
  dOutput: Tensor2D,
  { wantDx, wantParameters }: { wantDx: boolean; wantParameters: boolean },
): { gradients: Tensor[]; dx: Tensor2D | undefined } {
  const layers = layersOf(shape);
  const gradients: Tensor[] = [];
  let dy: Tensor2D | undefined = dOutput;
  for (let i = layers.length - 1; i >= 0; i--) {
    const w = tensors[2 * i] as Tensor2D;
    const { dx, parameters } = layerBackward(tf, dy!, chain[i]!, w, chain[i + 1]!, layers[i]!.activation, {
      wantDx: i > 0 || wantDx,
      wantParameters,
    });
    gradients.unshift(...parameters);
    dy = dx;
  }
  return { gradients, dx: wantDx ? dy : undefined };
}
