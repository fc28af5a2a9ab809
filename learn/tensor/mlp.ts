/**
 * The multi-layer perceptron shared by algorithms and reward models. Its parameters are one flat Float32Array; per layer
 * W [inputs, outputs] row by row, then b [outputs]. Hidden layers carry the activation, the last layer is linear.
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
export function layerForward(
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
export function layerBackward(
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

/** act(x W + b) with gradients for x, w and b; the brick for networks that are no plain chain. */
export function dense(
  tf: Tf,
  x: Tensor2D,
  w: Tensor2D,
  b: Tensor1D,
  activation: Layer['activation'],
): Tensor2D {
  const op = tf.customGrad((x, w, b, save) => {
    const [input, weights, biases] = [x as Tensor2D, w as Tensor2D, b as Tensor1D];
    const value = layerForward(tf, input, weights, biases, activation);
    (save as TensorFlow.GradSaveFunc)([input, weights, value]);
    return {
      value,
      gradFunc: (dy, saved) => {
        const [x, w, y] = saved as [Tensor2D, Tensor2D, Tensor2D];
        const wanted = { wantDx: true, wantParameters: true };
        const { dx, parameters } = layerBackward(tf, dy as Tensor2D, x, w, y, activation, wanted);
        return [dx!, ...parameters];
      },
    };
  });
  return op(x, w, b) as Tensor2D;
}

/** The layers' tensors from the flat parameters, as [w, b, w, b ...]. The caller disposes them. */
export function unflatten(tf: Tf, shape: MlpShape, parameters: Float32Array): Tensor[] {
  return layersOf(shape).flatMap(({ inputs, outputs, weights, biases }) => [
    tf.tensor2d(parameters.slice(weights, biases), [inputs, outputs]),
    tf.tensor1d(parameters.slice(biases, biases + outputs)),
  ]);
}

/** What `backward` needs of a forward pass: the input of every layer and the output. */
export interface ForwardPass {
  readonly output: Tensor2D;
  /** x, hidden activations ..., output. The first is the caller's. */
  readonly chain: readonly Tensor2D[];
}

/** The whole network forward. x [B, inputs]. The caller disposes the chain but its first (or tidies around all). */
export function forward(tf: Tf, shape: MlpShape, tensors: readonly Tensor[], x: Tensor2D): ForwardPass {
  const chain = [x];
  for (const [i, { activation }] of layersOf(shape).entries()) {
    const w = tensors[2 * i] as Tensor2D;
    const b = tensors[2 * i + 1] as Tensor1D;
    chain.push(layerForward(tf, chain[i]!, w, b, activation));
  }
  return { output: chain.at(-1)!, chain };
}

/**
 * The gradients of the parameters, in the order of `tensors` (none if not wanted), for the gradient of the output,
 * dOutput [B, outputs]; and of the input where wanted. Tidy around it.
 */
export function backward(
  tf: Tf,
  shape: MlpShape,
  tensors: readonly Tensor[],
  { chain }: Pick<ForwardPass, 'chain'>,
  dOutput: Tensor2D,
  { wantDx = false, wantParameters = true }: { wantDx?: boolean; wantParameters?: boolean } = {},
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

/**
 * The network as one differentiable op of its flat parameters, for losses differentiated by `tf.valueAndGrad`:
 * parameters [P], x [B, inputs] -> [B, outputs]. x is data unless `wantDx`, which costs one more product; asking
 * TensorFlow.js for its gradient without `wantDx` is an error there.
 */
export function mlp(
  tf: Tf,
  shape: MlpShape,
  parameters: Tensor1D,
  x: Tensor2D,
  { wantDx = false }: { wantDx?: boolean } = {},
): Tensor2D {
  const layers = layersOf(shape);
  const op = tf.customGrad((...args) => {
    const flat = args[0] as Tensor1D;
    const save = args.at(-1) as TensorFlow.GradSaveFunc;
    const tensors = layers.flatMap(({ inputs, outputs, weights, biases }) => [
      tf.slice(flat, weights, inputs * outputs).as2D(inputs, outputs),
      tf.slice(flat, biases, outputs),
    ]);
    const { output, chain } = forward(tf, shape, tensors, x);
    save([...tensors, ...chain]);
    return {
      value: output,
      gradFunc: (dy, saved) => {
        const tensors = saved.slice(0, 2 * layers.length);
        const chain = saved.slice(2 * layers.length) as Tensor2D[];
        const { gradients, dx } = backward(tf, shape, tensors, { chain }, dy as Tensor2D, { wantDx });
        const flat = tf.concat1d(gradients.map((gradient) => gradient.as1D()));
        return dx ? [flat, dx] : [flat];
      },
    };
  });
  return (wantDx ? op(parameters, x) : op(parameters)) as Tensor2D;
}
