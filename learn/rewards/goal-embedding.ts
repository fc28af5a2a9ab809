// Vision-Language Models are Zero-Shot Reward Models for Reinforcement Learning, https://arxiv.org/abs/2310.12921
/**
 * How much does this frame look like the goal, in the space of an encoder? All embeddings are of length 1.
 *
 *   goal       g = mean embedding of the last frames of demonstrations that succeeded
 *   baseline   b = mean embedding of what is nothing special: first frames, or the frames of failed episodes
 *   projection d = g - b,  P = d d^T / |d|^2,  M = alpha P + (1 - alpha) I
 *   reward     R(s) = 1 - 1/2 |(s - g) M|^2;  alpha = 0: the cosine of s and g;  1: the place along the line b g alone
 *   progress   (R(s) - R(b)) / (1 - R(b)) within [0, 1];  R(b) = g . b whatever alpha is
 *
 * With u = d / |d|, c = u . (s - g):  |(s - g) M|^2 = (1 - (1 - alpha)^2) c^2 + (1 - alpha)^2 |s - g|^2, so no matrix is made.
 *
 * `reference: path` compares with a whole demonstration r_0 .. r_L instead of its end (after "Shaping Explanations: Semantic
 * Reward Modeling", arXiv 2509.13081, where r = cos(E(x), E(reference))). The frames so far are laid along the path by
 * open-end dynamic time warping, which needs nothing ahead:
 *
 *   D_t(j) = 1 - s_t . r_j + min(D_{t-1}(j), D_{t-1}(j-1), D_t(j-1)),  k = argmin D_t,  progress = k / L max(0, s_t . r_k)
 *
 * The encoder is a small one of the lab's own, trained on the frames of the episodes it is given:
 *
 *   autoencoder   what is in the picture can be drawn again from the embedding
 *   contrastive   two frames of one episode close in time are alike, frames of it further away are not (InfoNCE, arXiv 1807.03748)
 *   endpoint      it learns to give what the image encoder of the user's endpoint gives for the same pictures (distillation)
 *   none          the frame's numbers themselves, normalised: similarity of raw states, for comparison
 *
 *   distillation  loss = mean |f(x) - (e - m) / s|^2 / size;  e: the endpoint's embedding of length 1, m: mean of e,
 *                 s^2 = mean |e - m|^2 / size, so that 1 is what m alone leaves over. The encoder is m + s f(x): folded into
 *                 f's last layer
 *
 * Or it comes, as it is, from a model fitted before (`pretrained`).
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { spearman } from '../diagnostics/agreement.ts';
import { Network } from '../parts/network.ts';
import { Random } from '../parts/random.ts';
import { initialize, layersOf, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import { openModel, packModel } from './bytes.ts';
import { fitNetworks, throwIfAborted } from './fitting.ts';
import { checkEpisodes } from './labels.ts';
import { createRewardModel, type FrameScorer } from './model.ts';
import { common } from './parts/fields.ts';
import { type FrameSet, frameSet, holdOut } from './parts/frame-set.ts';
import { enlarged } from './parts/picture.ts';
import type { SenseId } from './senses.ts';
import type { Demonstration, FitContext, Judge, LearnedReward, RewardModel } from './types.ts';
import { fitNormaliser, type Normaliser, normalise } from './window.ts';

const fields = {
  input: {
    type: 'choice',
    default: 'view:front',
    options: ['view:front', 'view:side', 'view:top', 'view:wrist', 'observation', 'objects', 'goal'],
    help: 'What is embedded: a picture, or the numbers of a sense',
  },
  encoder: {
    type: 'choice',
    default: 'autoencoder',
    options: ['autoencoder', 'contrastive', 'endpoint', 'none'],
    help: "How the lab's own small encoder is trained; endpoint: to give what the image encoder of your endpoint gives; none: the numbers as they are, normalised",
  },
  hiddenSize: {
    type: 'integer',
    default: 64,
    min: 2,
    max: 1024,
    help: 'Units in the hidden layer of the encoder',
  },
  embeddingSize: {
    type: 'integer',
    default: 16,
    min: 2,
    max: 512,
    help: 'Numbers in an embedding; those of an endpoint have their own size',
  },
  endpointFrames: {
    type: 'integer',
    default: 24,
    min: 2,
    max: 1000,
    unit: 'frames',
    help: 'Pictures of each episode that the endpoint is asked about, evenly over it',
  },
  holdout: {
    ...common.holdout,
    default: 0.2,
    help: "Share of the episodes by which the likeness to the endpoint's encoder is measured, not learned (endpoint)",
  },
  updates: { ...common.updates, default: 400 },
  groups: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 64,
    unit: 'episodes',
    help: 'Episodes in one gradient step; frames are told apart within each',
  },
  groupSize: {
    type: 'integer',
    default: 16,
    min: 2,
    max: 512,
    unit: 'frames',
    help: 'Frames of each of these episodes',
  },
  neighbourhood: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 100,
    unit: 'steps',
    help: 'Frames of an episode at most this far apart count as alike (contrastive)',
  },
  temperature: {
    type: 'number',
    default: 0.1,
    min: 0.01,
    max: 10,
    help: 'Of the contrastive softmax: small asks for sharp differences',
  },
  learningRate: { ...common.learningRate, default: 1e-3 },
  alpha: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'Projection on the line from baseline to goal: 0 plain cosine similarity, 1 nothing but the line',
  },
  goalFrames: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 100,
    unit: 'frames',
    help: 'Last frames of each successful demonstration that make the goal',
  },
  baseline: {
    type: 'choice',
    default: 'first',
    options: ['first', 'failures'],
    help: 'What makes the baseline: first frames of all episodes, or all frames of failed ones',
  },
  reference: {
    type: 'choice',
    default: 'final',
    options: ['final', 'path'],
    help: 'Similarity to the goal, or to the path of one demonstration with time alignment',
  },
  pathPoints: {
    type: 'integer',
    default: 32,
    min: 2,
    max: 512,
    help: 'Points of the reference path, equally far apart in the embedding',
  },
} as const satisfies Fields;

type GoalSettings = Settings<typeof fields>;

const title = 'Goal embedding model';
const magic = 'rl-goal1';
/** Pixels that hardly change are not blown up to full range. */
const smallestPixelScale = 0.05;

export const goalEmbedding: LearnedReward = {
  kind: 'learned',
  id: 'goal-embedding',
  title: 'Goal embedding',
  summary:
    "Similarity to the goal in the space of a small encoder of the lab's own (no vision-language model), trained on the same episodes.",
  source: 'https://arxiv.org/abs/2310.12921',
  fields,
  causal: true,
  senses: (given) => [settingsOf(given).input],
  workload(given, { frameDim }) {
    const settings = settingsOf(given);
    const rows = 2 * settings.groups * settings.groupSize;
    return {
      // How long an endpoint's embeddings are is known once it has answered; a usual length stands in.
      networks:
        settings.encoder === 'none'
          ? []
          : settings.encoder === 'endpoint'
            ? [encoderShape(settings, frameDim, 512)]
            : shapesOf(settings, frameDim),
      updateRows: rows,
      actRows: rows,
    };
  },
  fit: (demonstrations, given, context) => fit(demonstrations, settingsOf(given), context),
  load: (bytes) => createModel(readModel(bytes)),
};

const settingsOf = (given: AnySettings): GoalSettings =>
  Object.freeze({ ...defaultsOf(fields), ...given }) as GoalSettings;

const encoderShape = ({ hiddenSize }: GoalSettings, dim: number, size: number): MlpShape => ({
  sizes: [dim, hiddenSize, size],
  activation: 'tanh',
});

/** The encoder, and what draws its input again where it is an autoencoder. */
function shapesOf(settings: GoalSettings, dim: number): MlpShape[] {
  const { encoder, hiddenSize, embeddingSize } = settings;
  const shape = encoderShape(settings, dim, embeddingSize);
  if (encoder === 'contrastive') return [shape];
  return [shape, { sizes: [embeddingSize, hiddenSize, dim], activation: 'tanh' }];
}

// ---------------------------------------------------------------------------------------------------------------------
// A user's own encoder

/** Pixels a side of what is shown to an endpoint: what many image encoders read, and 14 times our own pictures. */
const shownSide = 224;

/** Some frames of an episode and the endpoint's embeddings of them, each of length 1. */
interface Taught {
  readonly demonstration: Demonstration;
  /** Frame numbers. [n] */
  readonly times: readonly number[];
  /** [n, size] */
  readonly targets: Float64Array;
}

/** @throws RangeError where there is no encoder, or naming the episode whose embeddings are of no use. */
async function taught(
  demonstrations: readonly Demonstration[],
  { input, endpointFrames }: GoalSettings,
  { judge, frameDim, signal }: FitContext,
): Promise<{ readonly all: readonly Taught[]; readonly size: number; readonly name: string }> {
  if (!input.startsWith('view:')) {
    throw new RangeError(
      `Goal embedding fit: encoder is endpoint and input is ${input}, but an endpoint embeds pictures; wanted a view`,
    );
  }
  const { embedPictures, imageEncoder } = judge ?? ({} as Partial<Judge>);
  if (embedPictures === undefined || imageEncoder === undefined) {
    throw new RangeError(
      `Goal embedding fit: encoder is endpoint, but ${judge === undefined ? 'none is set' : `${judge.name} has no imageModel`}; set one (lab endpoint --set kind=openai --set imageModel=NAME) or take encoder=autoencoder`,
    );
  }
  const all: Taught[] = [];
  let size = 0;
  for (const demonstration of demonstrations) {
    const { id, frames, length } = demonstration;
    const count = Math.min(length + 1, endpointFrames);
    const times = Array.from({ length: count }, (_, n) => Math.round((n * length) / Math.max(1, count - 1)));
    const pictures = times.map((t) => enlarged(frames, t * frameDim, shownSide));
    const vectors = await embedPictures(pictures, signal);
    size ||= vectors[0]?.length ?? 0;
    const wrong = vectors.findIndex(
      (vector) =>
        vector.length !== size || size === 0 || !vector.every(Number.isFinite) || !vector.some(Boolean),
    );
    if (vectors.length !== count || wrong >= 0) {
      throw new RangeError(
        `${imageEncoder} on episode ${id}: found ${
          wrong < 0
            ? `${vectors.length} embeddings`
            : `an embedding of ${vectors[wrong]!.length} numbers for frame ${times[wrong]}`
        }, wanted ${count} of ${size || 'some'} finite numbers that are not all 0`,
      );
    }
    const targets = new Float64Array(count * size);
    for (const [n, vector] of vectors.entries()) {
      targets.set(vector, n * size);
      toUnit(targets, n * size, size);
    }
    all.push({ demonstration, times, targets });
  }
  return { all, size, name: imageEncoder };
}

/** Trains the encoder to give the endpoint's embeddings; says how near it comes on episodes it was not trained on. */
async function distil(
  demonstrations: readonly Demonstration[],
  normaliser: Normaliser,
  settings: GoalSettings,
  random: Random,
  context: FitContext,
): Promise<Omit<Encoder, 'normaliser'>> {
  const { all, size, name } = await taught(demonstrations, settings, context);
  const { groups, groupSize, updates, learningRate } = settings;
  const training = new Set(holdOut(demonstrations, settings.holdout, random).training);
  const learned = all.filter(({ demonstration }) => training.has(demonstration));
  const heldOut = all.filter(({ demonstration }) => !training.has(demonstration));
  const dim = context.frameDim;
  const rowsOf = (some: readonly Taught[]): { x: Float64Array; e: Float64Array; count: number } => {
    const count = some.reduce((sum, { times }) => sum + times.length, 0);
    const [x, e] = [new Float64Array(count * dim), new Float64Array(count * size)]; // [count, dim], [count, size]
    let row = 0;
    for (const { demonstration, times, targets } of some) {
      e.set(targets, row * size);
      for (const t of times) normalise(normaliser, demonstration.frames, t * dim, x, row++ * dim);
    }
    return { x, e, count };
  };
  const { x: rows, e, count } = rowsOf(learned);
  const m = new Float64Array(size);
  for (const [i, value] of e.entries()) m[i % size] = m[i % size]! + value / count;
  let square = 0;
  for (const [i, value] of e.entries()) square += (value - m[i % size]!) ** 2 / e.length;
  const s = Math.sqrt(square);
  if (!(s > 1e-6)) {
    throw new RangeError(
      `${name}: found the same embedding for all ${count} pictures (first: episode ${demonstrations[0]!.id}), wanted an encoder that tells them apart`,
    );
  }
  const shape = encoderShape(settings, dim, size);
  const parameters = initialize(shape, random, { hiddenGain: 1, outputGain: 0.1 });
  const B = groups * groupSize;
  const drawn = new Int32Array(B);
  const losses = await fitNetworks(
    {
      title: 'Goal embedding',
      networks: [{ shape }],
      parameters,
      rows: B,
      updates,
      learningRate,
      async gradient(nets) {
        const [x, f, df] = [nets.inputs[0]!, nets.outputs[0]!, nets.outputGradients[0]!]; // [B, dim], [B, size] twice
        for (let b = 0; b < B; b++) {
          const row = random.integer(count);
          drawn[b] = row;
          for (let d = 0; d < dim; d++) x[b * dim + d] = rows[row * dim + d]!;
        }
        await nets.forward([0], B);
        let loss = 0;
        for (let b = 0; b < B; b++) {
          for (let i = 0; i < size; i++) {
            const error = f[b * size + i]! - (e[drawn[b]! * size + i]! - m[i]!) / s;
            loss += error ** 2 / f.length;
            df[b * size + i] = (2 * error) / f.length;
          }
        }
        await nets.backward([0], B);
        return { 'loss/distillation': loss };
      },
    },
    context,
  );
  unscale(parameters, shape, m, s);

  const measured = rowsOf(heldOut.length > 0 ? heldOut : learned);
  const own = new Float64Array(measured.count * size);
  new Network(shape, parameters).forward(measured.x, measured.count, own);
  toUnit(m, 0, size);
  let [cosine, ofMean] = [0, 0];
  for (let row = 0; row < measured.count; row++) {
    toUnit(own, row * size, size);
    cosine += dot(own, row * size, measured.e, row * size, size) / measured.count;
    ofMean += dot(m, 0, measured.e, row * size, size) / measured.count;
  }
  const prefix = heldOut.length > 0 ? 'holdout' : 'training';
  return {
    parameters,
    size,
    distilledFrom: name,
    losses: {
      ...losses,
      [`${prefix}/encoderCosine`]: cosine,
      [`${prefix}/meanCosine`]: ofMean,
      'distillation/pictures': count,
      'distillation/size': size,
    },
  };
}

/** The last layer of f becomes that of m + s f. */
export function unscale(parameters: Float32Array, shape: MlpShape, m: Float64Array, s: number): void {
  const { weights, biases, outputs } = layersOf(shape).at(-1)!;
  for (let i = weights; i < biases; i++) parameters[i] = s * parameters[i]!;
  for (let i = 0; i < outputs; i++) parameters[biases + i] = m[i]! + s * parameters[biases + i]!;
}

// ---------------------------------------------------------------------------------------------------------------------
// The encoder

/** Scales the vector at `offset` to length 1; a zero vector stays. */
function toUnit(values: Float64Array | Float32Array, offset: number, size: number): number {
  let square = 0;
  for (let i = 0; i < size; i++) square += values[offset + i]! ** 2;
  const length = Math.sqrt(square);
  if (length > 0) for (let i = 0; i < size; i++) values[offset + i] = values[offset + i]! / length;
  return length;
}

/**
 * InfoNCE within groups, both ways, and its gradient. outputs [2 B, size]: B frames, then their B partners; `groupSize`
 * after `groupSize` of the B belong together. With unit vectors z, z' and S_ij = z_i . z'_j / temperature inside a group:
 *
 *   loss = 1/2B sum_i (CE over j of S_i., i) + (CE over j of S_.i, i)
 *   dS   = 1/2B (softmax_j S_i. - 1[i = j]  +  softmax_i S_.j - 1[i = j])
 *   du   = (dz - z (z . dz)) / |u|          for z = u / |u|
 */
export function contrastiveLoss(
  outputs: Float32Array,
  size: number,
  groupSize: number,
  temperature: number,
  gradients: Float32Array,
): number {
  const B = outputs.length / size / 2;
  const z = Float64Array.from(outputs);
  const lengths = Float64Array.from({ length: 2 * B }, (_, row) => toUnit(z, row * size, size));
  const dz = new Float64Array(z.length);
  const S = new Float64Array(groupSize * groupSize);
  const dS = new Float64Array(groupSize * groupSize);
  let loss = 0;
  for (let first = 0; first < B; first += groupSize) {
    for (let i = 0; i < groupSize; i++) {
      for (let j = 0; j < groupSize; j++) {
        let dot = 0;
        for (let d = 0; d < size; d++) dot += z[(first + i) * size + d]! * z[(B + first + j) * size + d]!;
        S[i * groupSize + j] = dot / temperature;
      }
    }
    dS.fill(0);
    for (let i = 0; i < groupSize; i++) {
      loss += crossEntropy(S, dS, i * groupSize, 1, groupSize, i) / (2 * B);
      loss += crossEntropy(S, dS, i, groupSize, groupSize, i) / (2 * B);
    }
    for (let i = 0; i < groupSize; i++) {
      for (let j = 0; j < groupSize; j++) {
        const slope = dS[i * groupSize + j]! / (2 * B * temperature);
        const [a, b] = [(first + i) * size, (B + first + j) * size];
        for (let d = 0; d < size; d++) {
          dz[a + d] = dz[a + d]! + slope * z[b + d]!;
          dz[b + d] = dz[b + d]! + slope * z[a + d]!;
        }
      }
    }
  }
  for (let row = 0; row < 2 * B; row++) {
    let along = 0;
    for (let d = 0; d < size; d++) along += z[row * size + d]! * dz[row * size + d]!;
    for (let d = 0; d < size; d++) {
      const at = row * size + d;
      gradients[at] = (dz[at]! - z[at]! * along) / Math.max(lengths[row]!, 1e-6);
    }
  }
  return loss;
}

/** -log softmax(S)[truth] of `count` numbers `stride` apart; adds softmax - onehot to dS. */
function crossEntropy(
  S: Float64Array,
  dS: Float64Array,
  offset: number,
  stride: number,
  count: number,
  truth: number,
): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < count; j++) top = Math.max(top, S[offset + j * stride]!);
  let sum = 0;
  for (let j = 0; j < count; j++) sum += Math.exp(S[offset + j * stride]! - top);
  for (let j = 0; j < count; j++) {
    const at = offset + j * stride;
    dS[at] = dS[at]! + Math.exp(S[at]! - top) / sum - (j === truth ? 1 : 0);
  }
  return Math.log(sum) + top - S[offset + truth * stride]!;
}

/** Weights of the encoder alone, and the last losses. */
async function trainEncoder(
  data: FrameSet,
  settings: GoalSettings,
  random: Random,
  context: FitContext,
): Promise<{ parameters: Float32Array; losses: Record<string, number> }> {
  const { encoder, groups, groupSize, neighbourhood, temperature, updates, learningRate } = settings;
  const { dim } = data;
  const shapes = shapesOf(settings, dim);
  const parts = shapes.map((shape) => initialize(shape, random, { hiddenGain: 1 }));
  const parameters = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  for (let p = 0, at = 0; p < parts.length; at += parts[p++]!.length) parameters.set(parts[p]!, at);
  const B = groups * groupSize;
  const isContrastive = encoder === 'contrastive';
  const rows = isContrastive ? 2 * B : B;

  /** Frames of `groups` episodes, and a partner of each close in time. */
  const gather = (x: Float32Array): void => {
    for (let g = 0; g < groups; g++) {
      const episode = random.integer(data.lengths.length);
      const length = data.lengths[episode]!;
      for (let n = 0; n < groupSize; n++) {
        const t = random.integer(length + 1);
        const to = (g * groupSize + n) * dim;
        copyRow(data, data.first[episode]! + t, x, to);
        if (!isContrastive) continue;
        // Not the frame itself: forward or back by 1 .. neighbourhood, inside the episode.
        const by = 1 + random.integer(Math.min(neighbourhood, length));
        const partner =
          random.uniform() < 0.5 ? (t - by < 0 ? t + by : t - by) : t + by > length ? t - by : t + by;
        copyRow(data, data.first[episode]! + Math.min(length, Math.max(0, partner)), x, B * dim + to);
      }
    }
  };

  const losses = await fitNetworks(
    {
      title: 'Goal embedding',
      networks: shapes.map((shape, n) => ({ shape, inputGradient: n > 0 })),
      parameters,
      rows,
      updates,
      learningRate,
      async gradient(nets) {
        const [x, code] = nets.inputs as [Float32Array, Float32Array]; // [rows, dim], [B, size]
        const [u, drawn] = nets.outputs as [Float32Array, Float32Array]; // [rows, size], [B, dim]
        const [du, dDrawn] = nets.outputGradients as [Float32Array, Float32Array];
        gather(x);
        await nets.forward([0], rows);
        if (isContrastive) {
          const loss = contrastiveLoss(u, settings.embeddingSize, groupSize, temperature, du);
          await nets.backward([0], rows);
          return { 'loss/contrastive': loss };
        }
        code.set(u);
        await nets.forward([1], rows);
        let loss = 0;
        for (let i = 0; i < drawn.length; i++) {
          const error = drawn[i]! - x[i]!;
          loss += error ** 2 / drawn.length;
          dDrawn[i] = (2 * error) / drawn.length;
        }
        await nets.backward([1], rows);
        du.set(nets.inputGradients[1]!);
        // A backward pass wants its forward pass just before it.
        await nets.forward([0], rows);
        await nets.backward([0], rows);
        return { 'loss/reconstruction': loss };
      },
    },
    context,
  );
  return { parameters: parameters.slice(0, parameterCount(shapes[0]!)), losses };
}

function copyRow({ dim, frames }: FrameSet, row: number, out: Float32Array, offset: number): void {
  for (let d = 0; d < dim; d++) out[offset + d] = frames[row * dim + d]!;
}

/** From frames to embeddings of length 1. One a model: packing the weights takes longer than a frame. */
class Embedder {
  readonly size: number;
  readonly #dim: number;
  readonly #normaliser: Normaliser;
  readonly #network: Network | undefined;
  /** [rows, dim], grown where needed. */
  #x = new Float64Array(0);

  constructor({
    settings,
    normaliser,
    parameters,
    size,
  }: Pick<ModelSpec, 'settings' | 'normaliser' | 'parameters' | 'size'>) {
    this.#dim = normaliser.mean.length;
    this.#normaliser = normaliser;
    if (settings.encoder !== 'none')
      this.#network = new Network(encoderShape(settings, this.#dim, size), parameters);
    this.size = size;
  }

  /** frames [rows, dim] from `offset` -> out [rows, size] */
  run(frames: Float64Array, offset: number, rows: number, out: Float64Array): void {
    const dim = this.#dim;
    if (this.#x.length < rows * dim) this.#x = new Float64Array(rows * dim);
    const x = this.#network === undefined ? out : this.#x;
    for (let row = 0; row < rows; row++)
      normalise(this.#normaliser, frames, offset + row * dim, x, row * dim);
    this.#network?.forward(x, rows, out);
    for (let row = 0; row < rows; row++) toUnit(out, row * this.size, this.size);
  }

  /** All frames of an episode. [T + 1, size] */
  episode({ frames, length }: Demonstration): Float64Array {
    const out = new Float64Array((length + 1) * this.size);
    this.run(frames, 0, length + 1, out);
    return out;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Goal, baseline, reference

/** Mean of the rows, scaled to length 1. blocks: [n, size] each. */
function meanDirection(blocks: readonly Float64Array[], size: number): Float64Array {
  const mean = new Float64Array(size);
  for (const block of blocks)
    for (let i = 0; i < block.length; i++) mean[i % size] = mean[i % size]! + block[i]!;
  toUnit(mean, 0, size);
  return mean;
}

/** R(s) of the head of this file. s at `offset`, of length 1; so are goal and baseline. */
export function goalReward(
  s: Float64Array,
  offset: number,
  goal: Float64Array,
  baseline: Float64Array,
  alpha: number,
): number {
  let along = 0;
  let span = 0;
  let distance = 0;
  for (let i = 0; i < goal.length; i++) {
    const d = goal[i]! - baseline[i]!;
    const away = s[offset + i]! - goal[i]!;
    along += d * away;
    span += d * d;
    distance += away * away;
  }
  const rest = (1 - alpha) ** 2;
  return 1 - 0.5 * ((1 - rest) * ((along * along) / span) + rest * distance);
}

/** `points` places equally far apart along the broken line through the rows; rest takes no length. [points, size] */
export function resamplePath(rows: Float64Array, size: number, points: number): Float64Array {
  const count = rows.length / size;
  const walked = new Float64Array(count);
  for (let t = 1; t < count; t++) {
    let square = 0;
    for (let i = 0; i < size; i++) square += (rows[t * size + i]! - rows[(t - 1) * size + i]!) ** 2;
    walked[t] = walked[t - 1]! + Math.sqrt(square);
  }
  const out = new Float64Array(points * size);
  for (let p = 0, t = 0; p < points; p++) {
    const wanted = (walked[count - 1]! * p) / (points - 1);
    while (t + 2 < count && walked[t + 1]! < wanted) t++;
    const step = walked[t + 1]! - walked[t]!;
    const share = step === 0 ? 0 : Math.min(1, (wanted - walked[t]!) / step);
    for (let i = 0; i < size; i++)
      out[p * size + i] = (1 - share) * rows[t * size + i]! + share * rows[(t + 1) * size + i]!;
    toUnit(out, p * size, size);
  }
  return out;
}

/**
 * One more frame laid along the path: D [points] is brought up to date in place. similarity: s . r_j of the frame, [points].
 * Returns k, the first of equals.
 */
export function alignFrame(
  D: Float64Array,
  offset: number,
  similarity: Float64Array,
  isFirst: boolean,
): number {
  let best = 0;
  let diagonal = Number.POSITIVE_INFINITY;
  for (let j = 0; j < similarity.length; j++) {
    const left = j === 0 ? Number.POSITIVE_INFINITY : D[offset + j - 1]!;
    const above = isFirst ? Number.POSITIVE_INFINITY : D[offset + j]!;
    const before = isFirst && j === 0 ? 0 : Math.min(above, diagonal, left);
    diagonal = above;
    D[offset + j] = 1 - similarity[j]! + before;
    if (D[offset + j]! < D[offset + best]!) best = j;
  }
  return best;
}

// ---------------------------------------------------------------------------------------------------------------------
// Fitting

async function fit(
  demonstrations: readonly Demonstration[],
  settings: GoalSettings,
  context: FitContext,
): ReturnType<LearnedReward['fit']> {
  const { frameDim, stages, signal } = context;
  checkEpisodes(demonstrations, frameDim);
  throwIfAborted(signal);
  const successes = demonstrations.filter(({ success }) => success);
  const failures = demonstrations.filter(({ success }) => !success);
  if (successes.length === 0) {
    throw new RangeError(
      `Demonstrations: none of the ${demonstrations.length} succeeded (first: episode ${demonstrations[0]!.id}), wanted at least one that did`,
    );
  }
  if (settings.baseline === 'failures' && failures.length === 0) {
    throw new RangeError(
      `Setting baseline: found failures, but all ${demonstrations.length} episodes succeeded (first: episode ${demonstrations[0]!.id}); wanted at least one that failed, or baseline first`,
    );
  }
  const encoder = await encoderFor(demonstrations, settings, context);
  const { normaliser, parameters, size, distilledFrom, losses } = encoder;
  const embedder = new Embedder({ settings, normaliser, parameters, size });
  const paths = successes.map((demonstration) => embedder.episode(demonstration));
  const ends = paths.map((path) => path.slice(-Math.min(path.length, settings.goalFrames * size)));
  const goal = meanDirection(ends, size);
  const ordinary =
    settings.baseline === 'first'
      ? [...paths, ...failures.map((failure) => embedder.episode(failure))].map((path) => path.slice(0, size))
      : failures.map((failure) => embedder.episode(failure));
  const baseline = meanDirection(ordinary, size);
  const alike = dot(goal, 0, baseline, 0, size);
  // Frames that are all the same have no direction at all.
  if (!(dot(goal, 0, goal, 0, size) - alike > 1e-9)) {
    throw new RangeError(
      `Goal embedding fit: goal and baseline have the same embedding over ${demonstrations.length} episodes (first: episode ${demonstrations[0]!.id}), wanted episodes that end elsewhere than they begin`,
    );
  }
  const reference = resamplePath(medianLength(paths), size, settings.pathPoints);
  const model = createModel({
    settings,
    frameDim,
    stages,
    distilledFrom,
    normaliser,
    parameters,
    size,
    goal,
    baseline,
    reference,
  });
  let agreement = 0;
  let goalSpread = 0;
  for (const [n, { frames, length }] of successes.entries()) {
    const time = Float64Array.from({ length: length + 1 }, (_, t) => t);
    const rank = spearman(model.score(frames, length).extras['similarity']!, time);
    agreement += (Number.isFinite(rank) ? rank : 0) / successes.length;
    goalSpread += (1 - dot(ends[n]!, ends[n]!.length - size, goal, 0, size)) / successes.length;
  }
  const metrics = {
    ...losses,
    'goal/baselineSimilarity': alike,
    'goal/spread': goalSpread,
    'training/timeSpearman': agreement,
    'demonstrations/successes': successes.length,
    'demonstrations/failures': failures.length,
  };
  return { model, metrics };
}

interface Encoder {
  readonly normaliser: Normaliser;
  readonly parameters: Float32Array;
  /** Numbers in an embedding. */
  readonly size: number;
  readonly distilledFrom: string | undefined;
  /** And how near it comes to what it was distilled from. */
  readonly losses: Readonly<Record<string, number>>;
}

async function encoderFor(
  demonstrations: readonly Demonstration[],
  settings: GoalSettings,
  context: FitContext,
): Promise<Encoder> {
  const { frameDim, pretrained, seed } = context;
  if (pretrained !== undefined) {
    const { settings: other, ...spec } = readModel(pretrained);
    for (const key of ['input', 'encoder', 'hiddenSize', 'embeddingSize'] as const) {
      if (other[key] === settings[key]) continue;
      throw new RangeError(
        `Goal embedding fit: the pretrained model has ${key} ${other[key]}, wanted ${settings[key]}`,
      );
    }
    if (spec.frameDim !== frameDim) {
      throw new RangeError(
        `Goal embedding fit: the pretrained model reads frames of ${spec.frameDim} numbers, wanted ${frameDim}`,
      );
    }
    const { normaliser, parameters, size, distilledFrom } = spec;
    return { normaliser, parameters, size, distilledFrom, losses: {} };
  }
  const normaliser = normaliserOf(demonstrations, settings, frameDim);
  const own = { normaliser, distilledFrom: undefined };
  if (settings.encoder === 'none')
    return { ...own, parameters: new Float32Array(0), size: frameDim, losses: {} };
  const random = new Random(seed);
  if (settings.encoder === 'endpoint')
    return { normaliser, ...(await distil(demonstrations, normaliser, settings, random, context)) };
  const trained = await trainEncoder(frameSet(demonstrations, normaliser), settings, random, context);
  return { ...own, ...trained, size: settings.embeddingSize };
}

function normaliserOf(
  demonstrations: readonly Demonstration[],
  { input }: GoalSettings,
  dim: number,
): Normaliser {
  const { mean, scale } = fitNormaliser(
    demonstrations.map(({ frames }) => frames),
    dim,
  );
  if (!input.startsWith('view:')) return { mean, scale };
  return { mean, scale: scale.map((value) => Math.max(smallestPixelScale, value)) };
}

function medianLength(paths: readonly Float64Array[]): Float64Array {
  const sorted = [...paths].sort((a, b) => a.length - b.length);
  return sorted[(sorted.length - 1) >> 1]!;
}

function dot(a: Float64Array, aOffset: number, b: Float64Array, bOffset: number, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += a[aOffset + i]! * b[bOffset + i]!;
  return sum;
}

// ---------------------------------------------------------------------------------------------------------------------
// The model (plain numbers)

interface ModelSpec {
  readonly settings: GoalSettings;
  readonly frameDim: number;
  readonly stages: readonly string[];
  /** Model and server of the user's encoder that ours learned from. */
  readonly distilledFrom: string | undefined;
  readonly normaliser: Normaliser;
  /** Of the encoder; empty where there is none. */
  readonly parameters: Float32Array;
  /** Numbers in an embedding. */
  readonly size: number;
  /** [size] */
  readonly goal: Float64Array;
  readonly baseline: Float64Array;
  /** [pathPoints, size] */
  readonly reference: Float64Array;
}

function createModel(spec: ModelSpec): RewardModel {
  const { settings, frameDim, stages, distilledFrom, normaliser, parameters, goal, baseline, reference } =
    spec;
  const embedder = new Embedder(spec);
  return createRewardModel({
    method: 'goal-embedding',
    title,
    senses: [settings.input as SenseId],
    frameDim,
    stages,
    learnedFrom: distilledFrom,
    scorer: (capacity) =>
      settings.reference === 'final'
        ? finalScorer(spec, embedder, capacity)
        : pathScorer(spec, embedder, capacity),
    save: () =>
      packModel(magic, {
        header: {
          settings,
          frameDim,
          stages,
          distilledFrom: distilledFrom ?? null,
          mean: Array.from(normaliser.mean),
          scale: Array.from(normaliser.scale),
          goal: Array.from(goal),
          baseline: Array.from(baseline),
          reference: Array.from(reference),
        },
        weights: parameters,
      }),
  });
}

function finalScorer(
  { goal, baseline, settings }: ModelSpec,
  embedder: Embedder,
  capacity: number,
): FrameScorer {
  const { size } = embedder;
  const s = new Float64Array(capacity * size);
  const floor = dot(goal, 0, baseline, 0, size);
  return {
    memory: 0,
    extras: ['similarity'],
    begin() {},
    run(frames, offset, rows, _memory, _memoryOffset, out) {
      embedder.run(frames, offset, rows, s);
      for (let row = 0; row < rows; row++) {
        const reward = goalReward(s, row * size, goal, baseline, settings.alpha);
        out.extras['similarity']![row] = reward;
        out.progress[row] = Math.min(1, Math.max(0, (reward - floor) / (1 - floor)));
      }
    },
  };
}

function pathScorer({ reference }: ModelSpec, embedder: Embedder, capacity: number): FrameScorer {
  const { size } = embedder;
  const points = reference.length / size;
  const s = new Float64Array(capacity * size);
  const similarity = new Float64Array(points);
  return {
    memory: points,
    extras: ['similarity', 'position'],
    begin(_frames, _offset, memory, memoryOffset) {
      memory.fill(0, memoryOffset, memoryOffset + points);
    },
    run(frames, offset, rows, memory, memoryOffset, out, isFirst) {
      embedder.run(frames, offset, rows, s);
      for (let row = 0; row < rows; row++) {
        for (let j = 0; j < points; j++) similarity[j] = dot(s, row * size, reference, j * size, size);
        const at = alignFrame(memory, memoryOffset + row * points, similarity, isFirst);
        out.extras['similarity']![row] = similarity[at]!;
        out.extras['position']![row] = at / (points - 1);
        out.progress[row] = (at / (points - 1)) * Math.min(1, Math.max(0, similarity[at]!));
      }
    },
  };
}

function readModel(bytes: Uint8Array): ModelSpec {
  const saved = openModel(title, magic, bytes);
  const { weights, frameDim, stages } = saved;
  const { distilledFrom } = saved.header;
  const settings = settingsOf(saved.settings);
  const goal = saved.numbers('goal');
  const size = goal.length;
  saved.wantWeights(settings.encoder === 'none' ? 0 : parameterCount(encoderShape(settings, frameDim, size)));
  return {
    settings,
    frameDim,
    stages,
    distilledFrom: typeof distilledFrom === 'string' ? distilledFrom : undefined,
    normaliser: { mean: saved.numbers('mean', frameDim), scale: saved.numbers('scale', frameDim) },
    parameters: weights,
    size,
    goal,
    baseline: saved.numbers('baseline', size),
    reference: saved.numbers('reference', settings.pathPoints * size),
  };
}
