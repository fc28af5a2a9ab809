/**
 * A small causal transformer over a few frames (Vaswani et al. 2017, arXiv:1706.03762; norms before the blocks as in Xiong
 * et al. 2020, arXiv:2002.04745). Only the first frame carries a bias of its own, so frames know who is first and, by the
 * mask, who came before them, but not how late it is.
 *
 *   h_t  = E (x_t, [t = 0])                                     E [inputs + 1, d], the last row is the first frame's bias
 *   u    = norm(h)        norm(h) = (h - mean h) / sqrt(var h + 1e-5)      (its gain would be one with the next weights)
 *   q, k, v = u W_qkv + b, in heads of d / H numbers
 *   a_ts = softmax over s <= t of q_t . k_s / sqrt(d / H)
 *   h_t <- h_t + (sum_s a_ts v_s) W_o + b                       once a layer
 *   h   <- h + tanh(norm(h) W_1 + b) W_2 + b                    once a layer, 2 d units
 *   out  = norm(h) W_head + b
 *
 * Its weights are those of dense networks one after the other (`networksOf`), so that the compute does the products and
 * their gradients; what lies between them (norms, attention, sums) is done here, forwards and backwards.
 */

import type { NetworkSpec, Networks } from '../tensor/compute.ts';
import { initialize, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import { Network } from './network.ts';
import type { Random } from './random.ts';

export interface TransformerShape {
  /** Numbers of one frame. */
  readonly inputs: number;
  /** Frames of one row, oldest first. */
  readonly frames: number;
  /** d, a multiple of `heads`. */
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly outputs: number;
}

/** Dense networks a layer, after the embedding: qkv, out, feed-forward. */
const perLayer = 3;
const normEpsilon = 1e-5;

/** The dense networks of a transformer, in the order of its parameters. @throws RangeError where heads do not divide the width. */
export function networksOf({ inputs, width, layers, heads, outputs }: TransformerShape): MlpShape[] {
  if (width % heads !== 0)
    throw new RangeError(`Transformer: found width ${width} and ${heads} heads, wanted a multiple of them`);
  const dense = (...sizes: readonly number[]): MlpShape => ({ sizes, activation: 'tanh' });
  return [
    dense(inputs + 1, width),
    ...Array.from({ length: layers }, () => [
      dense(width, 3 * width),
      dense(width, width),
      dense(width, 2 * width, width),
    ]).flat(),
    dense(width, outputs),
  ];
}

/** The same, as the compute wants them: all but the embedding pass gradients on. */
export const specsOf = (shape: TransformerShape): NetworkSpec[] =>
  networksOf(shape).map((mlp, n) => ({ shape: mlp, inputGradient: n > 0 }));

/** Weights that leave the residual stream nearly alone at first, and outputs near 0. */
export function initializeTransformer(shape: TransformerShape, random: Random): Float32Array {
  const shapes = networksOf(shape);
  const blocks = shapes.map((mlp, n) => {
    // Embedding and qkv at full gain; what is added to the stream, and the head, small.
    const isFull = n === 0 || (n < shapes.length - 1 && (n - 1) % perLayer === 0);
    return initialize(mlp, random, { hiddenGain: 1, outputGain: isFull ? 1 : 0.1 });
  });
  const parameters = new Float32Array(blocks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const block of blocks) {
    parameters.set(block, at);
    at += block.length;
  }
  return parameters;
}

export const transformerParameterCount = (shape: TransformerShape): number =>
  networksOf(shape).reduce((sum, mlp) => sum + parameterCount(mlp), 0);

type Numbers = Float32Array | Float64Array;

/** norm of `rows` rows of d numbers, from h to u; keeps 1 / sqrt(var + epsilon) of each where `scales` is given. */
function norm(h: Numbers, rows: number, d: number, u: Numbers, scales?: Numbers, hStride = d): void {
  for (let r = 0; r < rows; r++) {
    const from = r * hStride;
    const to = r * d;
    let mean = 0;
    for (let i = 0; i < d; i++) mean += h[from + i]!;
    mean /= d;
    let square = 0;
    for (let i = 0; i < d; i++) square += (h[from + i]! - mean) * (h[from + i]! - mean);
    const scale = 1 / Math.sqrt(square / d + normEpsilon);
    for (let i = 0; i < d; i++) u[to + i] = (h[from + i]! - mean) * scale;
    if (scales !== undefined) scales[r] = scale;
  }
}

/** dh += scale (du - mean du - u mean(du u)), u = norm(h). */
function normBackward(u: Numbers, du: Numbers, scales: Numbers, rows: number, d: number, dh: Numbers): void {
  for (let r = 0; r < rows; r++) {
    const at = r * d;
    let mean = 0;
    let along = 0;
    for (let i = at; i < at + d; i++) {
      mean += du[i]!;
      along += du[i]! * u[i]!;
    }
    mean /= d;
    along /= d;
    const scale = scales[r]!;
    for (let i = at; i < at + d; i++) dh[i]! += scale * (du[i]! - mean - u[i]! * along);
  }
}

/**
 * What frame t takes over from frames 0 .. t, of one row. qkv: [frames, 3 d] from `at`; a: [heads, frames] from `aAt` (one
 * line a frame t is kept by the caller); out [d] from `to`.
 */
function attend(
  qkv: Numbers,
  at: number,
  t: number,
  { width: d, heads }: TransformerShape,
  a: Numbers,
  aAt: number,
  aStride: number,
  out: Numbers,
  to: number,
): void {
  const size = d / heads;
  const scale = 1 / Math.sqrt(size);
  for (let h = 0; h < heads; h++) {
    const q = at + t * 3 * d + h * size;
    const line = aAt + h * aStride;
    let top = Number.NEGATIVE_INFINITY;
    for (let s = 0; s <= t; s++) {
      const k = at + s * 3 * d + d + h * size;
      let dot = 0;
      for (let i = 0; i < size; i++) dot += qkv[q + i]! * qkv[k + i]!;
      a[line + s] = dot * scale;
      // Not-a-number fails the comparison and reaches the sum below.
      if (dot * scale > top) top = dot * scale;
    }
    let sum = 0;
    for (let s = 0; s <= t; s++) {
      const e = Math.exp(a[line + s]! - top);
      a[line + s] = e;
      sum += e;
    }
    for (let i = 0; i < size; i++) out[to + h * size + i] = 0;
    for (let s = 0; s <= t; s++) {
      const weight = a[line + s]! / sum;
      a[line + s] = weight;
      const v = at + s * 3 * d + 2 * d + h * size;
      for (let i = 0; i < size; i++) out[to + h * size + i]! += weight * qkv[v + i]!;
    }
  }
}

/** While it is fitted: over networks of the compute, `specsOf(shape)` from index `first` on. */
export class TransformerFit {
  readonly #shape: TransformerShape;
  readonly #nets: Networks;
  readonly #first: number;
  /** The residual stream's gradient. [rows, d] */
  readonly #dh: Float32Array;
  readonly #h: Float32Array;
  /** Scales of the norms in the order they are taken. [2 layers + 1][rows] */
  readonly #scales: readonly Float32Array[];
  /** Attention of each layer. [layers][samples, frames, heads, frames] */
  readonly #a: readonly Float32Array[];
  readonly #da: Float64Array;

  /** samples: most rows of one call. */
  constructor(shape: TransformerShape, nets: Networks, first: number, samples: number) {
    const { frames, width, layers, heads } = shape;
    this.#shape = shape;
    this.#nets = nets;
    this.#first = first;
    const rows = samples * frames;
    this.#h = new Float32Array(rows * width);
    this.#dh = new Float32Array(rows * width);
    this.#scales = Array.from({ length: 2 * layers + 1 }, () => new Float32Array(rows));
    this.#a = Array.from({ length: layers }, () => new Float32Array(rows * heads * frames));
    this.#da = new Float64Array(frames);
  }

  /** Logits of every frame: [samples, frames, outputs]. */
  get outputs(): Float32Array {
    return this.#nets.outputs[this.#first + perLayer * this.#shape.layers + 1]!;
  }

  /** The caller's to fill before `backward`. [samples, frames, outputs] */
  get outputGradients(): Float32Array {
    return this.#nets.outputGradients[this.#first + perLayer * this.#shape.layers + 1]!;
  }

  /** x: [samples, frames, inputs] */
  async forward(x: Float32Array, samples: number): Promise<void> {
    const { inputs, frames, width: d, layers, heads } = this.#shape;
    const nets = this.#nets;
    const h = this.#h;
    const rows = samples * frames;
    let n = this.#first;
    const embedding = nets.inputs[n]!;
    for (let r = 0; r < rows; r++) {
      for (let i = 0; i < inputs; i++) embedding[r * (inputs + 1) + i] = x[r * inputs + i]!;
      embedding[r * (inputs + 1) + inputs] = r % frames === 0 ? 1 : 0;
    }
    await nets.forward([n], rows);
    h.set(nets.outputs[n]!.subarray(0, rows * d));
    for (let layer = 0; layer < layers; layer++) {
      norm(h, rows, d, nets.inputs[++n]!, this.#scales[2 * layer]);
      await nets.forward([n], rows);
      const qkv = nets.outputs[n]!;
      const mixed = nets.inputs[++n]!;
      const a = this.#a[layer]!;
      for (let r = 0; r < rows; r++) {
        const t = r % frames;
        attend(qkv, (r - t) * 3 * d, t, this.#shape, a, r * heads * frames, frames, mixed, r * d);
      }
      await nets.forward([n], rows);
      addTo(h, nets.outputs[n]!, rows * d);
      norm(h, rows, d, nets.inputs[++n]!, this.#scales[2 * layer + 1]);
      await nets.forward([n], rows);
      addTo(h, nets.outputs[n]!, rows * d);
    }
    norm(h, rows, d, nets.inputs[++n]!, this.#scales[2 * layers]);
    await nets.forward([n], rows);
  }

  /** Adds the gradients of all weights for `outputGradients`; needs the `forward` of the same samples just before. */
  async backward(samples: number): Promise<void> {
    const { frames, width: d, layers } = this.#shape;
    const nets = this.#nets;
    const rows = samples * frames;
    const dh = this.#dh;
    dh.fill(0, 0, rows * d);
    let n = this.#first + perLayer * layers + 1;
    const throughNorm = (scales: Float32Array): void =>
      normBackward(nets.inputs[n]!, nets.inputGradients[n]!, scales, rows, d, dh);
    await nets.backward([n], rows);
    throughNorm(this.#scales[2 * layers]!);
    for (let layer = layers - 1; layer >= 0; layer--) {
      nets.outputGradients[--n]!.set(dh.subarray(0, rows * d));
      await nets.backward([n], rows);
      throughNorm(this.#scales[2 * layer + 1]!);
      nets.outputGradients[--n]!.set(dh.subarray(0, rows * d));
      await nets.backward([n], rows);
      const dMixed = nets.inputGradients[n]!;
      n--;
      this.#attendBackward(nets.outputs[n]!, dMixed, samples, this.#a[layer]!, nets.outputGradients[n]!);
      await nets.backward([n], rows);
      throughNorm(this.#scales[2 * layer]!);
    }
    nets.outputGradients[--n]!.set(dh.subarray(0, rows * d));
    await nets.backward([n], rows);
  }

  /**
   * out_t = sum_s a_ts v_s:   dv_s += a_ts dout_t,  da_ts = dout_t . v_s,  dz_ts = a_ts (da_ts - sum_r a_tr da_tr),
   * dq_t += dz_ts k_s / sqrt(d / H),  dk_s += dz_ts q_t / sqrt(d / H)
   */
  #attendBackward(
    qkv: Float32Array,
    dOut: Float32Array,
    samples: number,
    a: Float32Array,
    dQkv: Float32Array,
  ): void {
    const { frames, width: d, heads } = this.#shape;
    const size = d / heads;
    const scale = 1 / Math.sqrt(size);
    const da = this.#da;
    dQkv.fill(0, 0, samples * frames * 3 * d);
    for (let b = 0; b < samples; b++) {
      const at = b * frames * 3 * d;
      for (let t = 0; t < frames; t++) {
        for (let h = 0; h < heads; h++) {
          const line = ((b * frames + t) * heads + h) * frames;
          const from = (b * frames + t) * d + h * size;
          const q = at + t * 3 * d + h * size;
          let sum = 0;
          for (let s = 0; s <= t; s++) {
            const v = at + s * 3 * d + 2 * d + h * size;
            const weight = a[line + s]!;
            let dot = 0;
            for (let i = 0; i < size; i++) {
              dot += dOut[from + i]! * qkv[v + i]!;
              dQkv[v + i]! += weight * dOut[from + i]!;
            }
            da[s] = dot;
            sum += weight * dot;
          }
          for (let s = 0; s <= t; s++) {
            const k = at + s * 3 * d + d + h * size;
            const dz = a[line + s]! * (da[s]! - sum) * scale;
            for (let i = 0; i < size; i++) {
              dQkv[q + i]! += dz * qkv[k + i]!;
              dQkv[k + i]! += dz * qkv[q + i]!;
            }
          }
        }
      }
    }
  }
}

function addTo(to: Numbers, from: Numbers, count: number): void {
  for (let i = 0; i < count; i++) to[i]! += from[i]!;
}

/** While it is used: plain double precision, and the last frame's outputs alone. */
export class Transformer {
  /** Numbers of one row, frames * inputs. */
  readonly inputs: number;
  readonly outputs: number;
  readonly #shape: TransformerShape;
  readonly #networks: readonly Network[];
  /** [frames, inputs + 1], [frames, d], [frames, 3 d] and so on: one row at a time. */
  readonly #x: Float64Array;
  readonly #h: Float64Array;
  readonly #u: Float64Array;
  readonly #qkv: Float64Array;
  readonly #mixed: Float64Array;
  readonly #added: Float64Array;
  readonly #a: Float64Array;

  constructor(shape: TransformerShape, parameters: Float32Array) {
    const { inputs, frames, width, heads, outputs } = shape;
    this.#shape = shape;
    this.inputs = frames * inputs;
    this.outputs = outputs;
    const wanted = transformerParameterCount(shape);
    if (parameters.length !== wanted)
      throw new RangeError(`Transformer: found ${parameters.length} parameters, wanted ${wanted}`);
    let from = 0;
    this.#networks = networksOf(shape).map((mlp) => {
      const to = from + parameterCount(mlp);
      const network = new Network(mlp, parameters.subarray(from, to));
      from = to;
      return network;
    });
    const perFrame = (numbers: number) => new Float64Array(frames * numbers);
    this.#x = perFrame(inputs + 1);
    this.#h = perFrame(width);
    this.#u = perFrame(width);
    this.#qkv = perFrame(3 * width);
    this.#mixed = perFrame(width);
    this.#added = perFrame(width);
    this.#a = new Float64Array(heads * frames);
  }

  /** x: [rows, frames * inputs] from `inputOffset` -> out [rows, outputs] from `outOffset`. */
  forward(x: Float64Array, rows: number, out: Float64Array, inputOffset = 0, outOffset = 0): void {
    for (let row = 0; row < rows; row++)
      this.#one(x, inputOffset + row * this.inputs, out, outOffset + row * this.outputs);
  }

  #one(x: Float64Array, at: number, out: Float64Array, to: number): void {
    const { inputs, frames, width: d, layers } = this.#shape;
    const [h, u] = [this.#h, this.#u];
    for (let t = 0; t < frames; t++) {
      for (let i = 0; i < inputs; i++) this.#x[t * (inputs + 1) + i] = x[at + t * inputs + i]!;
      this.#x[t * (inputs + 1) + inputs] = t === 0 ? 1 : 0;
    }
    let n = 0;
    this.#networks[n++]!.forward(this.#x, frames, h);
    for (let layer = 0; layer < layers; layer++) {
      norm(h, frames, d, u);
      this.#networks[n++]!.forward(u, frames, this.#qkv);
      // Of the last layer only the newest frame is read.
      const first = layer === layers - 1 ? frames - 1 : 0;
      const count = frames - first;
      for (let t = first; t < frames; t++)
        attend(this.#qkv, 0, t, this.#shape, this.#a, 0, frames, this.#mixed, (t - first) * d);
      this.#networks[n++]!.forward(this.#mixed, count, this.#added);
      if (first > 0) h.copyWithin(0, first * d);
      addTo(h, this.#added, count * d);
      norm(h, count, d, u);
      this.#networks[n++]!.forward(u, count, this.#added);
      addTo(h, this.#added, count * d);
    }
    norm(h, 1, d, u);
    this.#networks[n]!.forward(u, 1, out, 0, to);
  }
}
