/**
 * The two networks of SARM in either architecture: which stage (f), and how far inside the stage one is told (g).
 * Both read a sample's frames side by side (`window.ts`); an answer is about the newest frame.
 *
 *   mlp           f(x), g(x, onehot c): two hidden layers each; one answer a sample
 *   transformer   a causal transformer each, a token a frame; g reads onehot c with every frame. While it is fitted, every
 *                 frame answers (about itself, from what came before it in the window); in use only the newest is asked
 *
 * Label schemes (sparse, dense) share all but the last layer: f's outputs are the stages of one scheme after those of the
 * other, and so is the one-hot; g has one output a scheme.
 */

import { Network } from '../parts/network.ts';
import type { Random } from '../parts/random.ts';
import {
  initializeTransformer,
  networksOf as partsOf,
  specsOf,
  Transformer,
  TransformerFit,
  type TransformerShape,
  transformerParameterCount,
} from '../parts/transformer.ts';
import type { NetworkSpec, Networks } from '../tensor/compute.ts';
import { initialize, type MlpShape, parameterCount } from '../tensor/mlp.ts';

export interface NetsShape {
  readonly architecture: 'mlp' | 'transformer';
  /** Numbers of one frame. */
  readonly dim: number;
  /** Frames of one sample, the anchor among them. */
  readonly frames: number;
  /** Of all schemes together. */
  readonly stages: number;
  readonly schemes: number;
  /** Whether there is an f: with a single head nobody asks which stage. */
  readonly asksStage: boolean;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly heads: number;
}

type Which = 'stage' | 'within';

const mlpOf = (shape: NetsShape, which: Which): MlpShape => {
  const { dim, frames, stages, schemes, hiddenSize } = shape;
  return which === 'stage'
    ? { sizes: [frames * dim, hiddenSize, hiddenSize, stages], activation: 'tanh' }
    : { sizes: [frames * dim + stages, hiddenSize, hiddenSize, schemes], activation: 'tanh' };
};

const transformerOf = (shape: NetsShape, which: Which): TransformerShape => {
  const { dim, frames, stages, schemes, hiddenSize, layers, heads } = shape;
  return {
    inputs: which === 'stage' ? dim : dim + stages,
    frames,
    width: hiddenSize,
    layers,
    heads,
    outputs: which === 'stage' ? stages : schemes,
  };
};

const whichOf = ({ asksStage }: NetsShape): Which[] => (asksStage ? ['stage', 'within'] : ['within']);

/** Dense networks, for the chooser of the device. */
export const denseNetworks = (shape: NetsShape): MlpShape[] =>
  whichOf(shape).flatMap((which) =>
    shape.architecture === 'mlp' ? [mlpOf(shape, which)] : partsOf(transformerOf(shape, which)),
  );

const countOf = (shape: NetsShape, which: Which): number =>
  shape.architecture === 'mlp'
    ? parameterCount(mlpOf(shape, which))
    : transformerParameterCount(transformerOf(shape, which));

/** f's parameters, then g's. */
export const netsParameterCount = (shape: NetsShape): number =>
  whichOf(shape).reduce((sum, which) => sum + countOf(shape, which), 0);

export function initializeNets(shape: NetsShape, random: Random): Float32Array {
  const parameters = new Float32Array(netsParameterCount(shape));
  let at = 0;
  for (const which of whichOf(shape)) {
    const first =
      shape.architecture === 'mlp'
        ? initialize(mlpOf(shape, which), random, { hiddenGain: 1, outputGain: 0.1 })
        : initializeTransformer(transformerOf(shape, which), random);
    parameters.set(first, at);
    at += first.length;
  }
  return parameters;
}

/** Numbers that g reads of one sample: its frames, and the stage it is told. */
export const withinInputs = ({ architecture, dim, frames, stages }: NetsShape): number =>
  architecture === 'mlp' ? frames * dim + stages : frames * (dim + stages);

/** Writes a sample of g: its frames from x, told stage c (of all schemes). Arrays of one kind each. */
export function tell<T extends Float32Array | Float64Array>(
  { architecture, dim, frames, stages }: NetsShape,
  x: T,
  from: number,
  c: number,
  out: T,
  to: number,
): void {
  // The MLP is told once, behind all frames; the transformer with every frame.
  const blocks = architecture === 'mlp' ? 1 : frames;
  const width = (frames / blocks) * dim;
  for (let block = 0; block < blocks; block++) {
    for (let i = 0; i < width; i++) out[to++] = x[from++]!;
    for (let k = 0; k < stages; k++) out[to++] = k === c ? 1 : 0;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// While they are fitted

/** One of the two networks over the compute. */
interface Fitted {
  /** [samples, answers, outputs] */
  readonly outputs: Float32Array;
  readonly outputGradients: Float32Array;
  forward(x: Float32Array, samples: number): Promise<void>;
  backward(samples: number): Promise<void>;
}

/** Answers of one sample while it is fitted: the newest frame's, or every frame's. */
export const answersOf = ({ architecture, frames }: NetsShape): number =>
  architecture === 'mlp' ? 1 : frames;

/** What the compute is asked for. */
export const netsSpecs = (shape: NetsShape): NetworkSpec[] =>
  whichOf(shape).flatMap((which) =>
    shape.architecture === 'mlp' ? [{ shape: mlpOf(shape, which) }] : specsOf(transformerOf(shape, which)),
  );

/** f (where there is one) and g over the networks of `netsSpecs`. samples: most of one call. */
export function fittedNets(
  shape: NetsShape,
  nets: Networks,
  samples: number,
): { readonly stage: Fitted | undefined; readonly within: Fitted } {
  let at = 0;
  const [stage, within] = (['stage', 'within'] as const).map((which) => {
    if (which === 'stage' && !shape.asksStage) return undefined;
    if (shape.architecture === 'transformer') {
      const transformer = transformerOf(shape, which);
      const first = at;
      at += partsOf(transformer).length;
      return new TransformerFit(transformer, nets, first, samples);
    }
    return fittedMlp(nets, at++);
  });
  return { stage, within: within! };
}

function fittedMlp(nets: Networks, n: number): Fitted {
  return {
    outputs: nets.outputs[n]!,
    outputGradients: nets.outputGradients[n]!,
    async forward(x, samples) {
      const input = nets.inputs[n]!;
      input.set(x.subarray(0, (samples * input.length) / nets.rows));
      await nets.forward([n], samples);
    },
    backward: async (samples) => nets.backward([n], samples),
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// In use (plain numbers)

/** One of the two networks; a sample's answer does not depend on its neighbours. */
export interface Answering {
  readonly inputs: number;
  readonly outputs: number;
  /** x: [rows, inputs] -> out [rows, outputs], about the newest frame. */
  forward(x: Float64Array, rows: number, out: Float64Array): void;
}

export function answeringNets(
  shape: NetsShape,
  parameters: Float32Array,
): { readonly stage: Answering | undefined; readonly within: Answering } {
  let at = 0;
  const [stage, within] = (['stage', 'within'] as const).map((which) => {
    if (which === 'stage' && !shape.asksStage) return undefined;
    const own = parameters.subarray(at, at + countOf(shape, which));
    at += own.length;
    return shape.architecture === 'mlp'
      ? new Network(mlpOf(shape, which), own)
      : new Transformer(transformerOf(shape, which), own);
  });
  return { stage, within: within! };
}
