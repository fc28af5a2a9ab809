// SARM: Stage-Aware Reward Modeling for Long Horizon Robot Manipulation, https://arxiv.org/abs/2509.25358
/**
 * Progress in two questions: which stage is this (classifier), and how far inside it (regressor, told the stage)?
 *
 *   labels     y = P_{k-1} + a_k tau, pinned to milestones by the dataset-mean stage shares a_k     (labels.ts)
 *   input      x = first frame + a causal window of the newest frames                               (window.ts)
 *   stage      p = softmax f(x)
 *   within     tau_k = sigmoid g(x, onehot k)
 *   loss       CE(f(x), k) + MSE(tau_c, clip((y - P_{c-1}) / a_c, 0, 1))
 *   conditions c is the true stage for a share `teacherForcing` of the samples, else drawn from the predicted p
 *   progress   argmax: P_{k-1} + a_k tau_k at k = argmax p;  expected: sum_k p_k (P_{k-1} + a_k tau_k)
 *   rewind     a window may end with frames played backwards; its label is that of the frame it went back to
 *
 * Ours differs from the paper: state observations and two small networks instead of images and transformers; where the
 * condition c is not the true stage, tau's target is the label as seen from stage c (0 before it, 1 after it), so that
 * the progress is right even where the stage is not, and blending the stages gives a potential without jumps.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { meanAbsoluteError, spearman, thereAndBack } from '../diagnostics/agreement.ts';
import { Network } from '../parts/network.ts';
import { Random } from '../parts/random.ts';
import type { Workload } from '../tensor/compute.ts';
import { initialize, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import { packModel, unpackModel } from './bytes.ts';
import { fitNetworks, throwIfAborted } from './fitting.ts';
import {
  checkDemonstrations,
  cumulative,
  type FrameLabels,
  frameLabels,
  stageShares,
  type Unfinished,
} from './labels.ts';
import type {
  Demonstration,
  EpisodeScore,
  FitContext,
  LearnedReward,
  OnlineScorer,
  RewardModel,
} from './types.ts';
import {
  fitNormaliser,
  framesOf,
  type Normaliser,
  normalise,
  WindowHistory,
  type WindowShape,
} from './window.ts';

const fields = {
  window: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 32,
    unit: 'frames',
    help: 'Newest frames the model looks at',
  },
  gap: {
    type: 'integer',
    default: 2,
    min: 1,
    max: 100,
    unit: 'steps',
    help: 'Control steps between two frames of the window',
  },
  anchor: {
    type: 'boolean',
    default: false,
    help: 'Also look at the first frame of the episode: for observations that do not tell how it began',
  },
  hiddenSize: {
    type: 'integer',
    default: 32,
    min: 4,
    max: 512,
    help: 'Units in each of the two hidden layers of either network',
  },
  updates: { type: 'integer', default: 1500, min: 1, max: 100_000, help: 'Gradient steps' },
  minibatch: {
    type: 'integer',
    default: 256,
    min: 8,
    max: 8192,
    unit: 'frames',
    help: 'Frames in one gradient step',
  },
  learningRate: {
    type: 'number',
    default: 2e-3,
    min: 1e-6,
    max: 0.1,
    help: 'Adam step size at the start; falls to 0 along a half cosine',
  },
  weightDecay: {
    type: 'number',
    default: 5e-3,
    min: 0,
    max: 1,
    help: 'Decoupled weight decay (AdamW), relative to the learning rate',
  },
  inputNoise: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 1,
    unit: 'standard deviations',
    help: 'Noise on the inputs while fitting: smooths the potential around the demonstrations',
  },
  rewindProbability: {
    type: 'number',
    default: 0.8,
    min: 0,
    max: 1,
    help: 'Share of training windows that end with frames played backwards',
  },
  rewindMax: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 32,
    unit: 'frames',
    help: 'Most frames of the window played backwards',
  },
  teacherForcing: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'Share of samples whose regressor is told the true stage; the others get a predicted one',
  },
  lastStageDone: {
    type: 'boolean',
    default: true,
    help: 'The last stage means the task is done: progress is 1 from its first frame on. Off: it is work like the others',
  },
  unfinished: {
    type: 'choice',
    default: 'zero',
    options: ['zero', 'unknown'],
    help: 'Progress inside the stage in which a failed episode ended: zero (nothing was done in it) or not learned from',
  },
  blend: {
    type: 'choice',
    default: 'expected',
    options: ['expected', 'argmax'],
    help: 'Progress as the mean over stage probabilities (smooth) or at the most likely stage (the paper)',
  },
  smoothing: {
    type: 'boolean',
    default: false,
    help: 'Confidence filter: accept only sure frames, average the last ten with weight confidence^3, else hold',
  },
  smoothingConfidence: {
    type: 'number',
    default: 0.9,
    min: 0,
    max: 1,
    help: 'Least stage probability the confidence filter accepts',
  },
  holdout: {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 0.5,
    help: 'Share of demonstrations kept out of fitting for the reported measures',
  },
} as const satisfies Fields;

type SarmSettings = Settings<typeof fields>;

const title = 'SARM model';
const magic = 'rl-sarm1';
/** Taken off every stage probability before blending, so that one network pass does for most frames, without a jump. */
const negligible = 0.01;
/** Accepted frames the confidence filter averages. */
const smoothedFrames = 10;
/** Frames scored together. */
const chunk = 256;

export const sarm: LearnedReward = {
  kind: 'learned',
  id: 'sarm',
  title: 'Stage-aware progress (SARM)',
  summary:
    'Learns which stage a state is in and how far inside it, from demonstrations with stage labels; progress in [0, 1].',
  source: 'https://arxiv.org/abs/2509.25358',
  fields,
  causal: true,
  workload,
  fit,
  load,
};

function workload(
  given: AnySettings,
  { frameDim, stages }: Pick<FitContext, 'frameDim' | 'stages'>,
): Workload {
  const settings = { ...defaultsOf(fields), ...given } as SarmSettings;
  const { stageShape, tauShape } = shapesOf({ settings, dim: frameDim, stages });
  return {
    networks: [stageShape, tauShape],
    updateRows: settings.minibatch,
    actRows: settings.minibatch,
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// Fitting

async function fit(
  demonstrations: readonly Demonstration[],
  given: AnySettings,
  context: FitContext,
): ReturnType<LearnedReward['fit']> {
  const settings = Object.freeze({ ...defaultsOf(fields), ...given }) as SarmSettings;
  const { frameDim: dim, stages, signal } = context;
  checkDemonstrations(demonstrations, stages, dim);
  throwIfAborted(signal);

  const random = new Random(context.seed);
  const { training, heldOut } = split(demonstrations, stages.length, settings.holdout, random);
  const shares = stageShares(training, stages.length, settings.lastStageDone);
  const normaliser = fitNormaliser(
    training.map(({ frames }) => frames),
    dim,
  );
  const spec: ModelSpec = { settings, dim, stages, shares, normaliser };
  const weights = await optimise(
    new TrainingSet(training, shares, normaliser, settings, random),
    spec,
    random,
    context,
  );
  const model = createModel(spec, weights.parameters);

  const measured = heldOut.length > 0 ? heldOut : training;
  const metrics = {
    ...weights.losses,
    ...prefixed(
      heldOut.length > 0 ? 'holdout' : 'training',
      measure(model, measured, shares, settings.unfinished),
    ),
    'demonstrations/training': training.length,
    'demonstrations/holdout': heldOut.length,
  };
  return { model, metrics };
}

/** Holds out at random, but never the last demonstration that has a stage. */
function split(demonstrations: readonly Demonstration[], stageCount: number, share: number, random: Random) {
  const wanted = Math.min(Math.round(share * demonstrations.length), demonstrations.length - 1);
  const order = Int32Array.from(demonstrations, (_, i) => i);
  random.shuffle(order);
  const left = new Int32Array(stageCount);
  for (const { stages } of demonstrations) for (const { stage } of stages) left[stage]!++;
  const out = new Set<number>();
  for (const i of order) {
    const spans = demonstrations[i]!.stages;
    if (out.size >= wanted || spans.some(({ stage }) => left[stage]! < 2)) continue;
    for (const { stage } of spans) left[stage]!--;
    out.add(i);
  }
  return {
    training: demonstrations.filter((_, i) => !out.has(i)),
    heldOut: demonstrations.filter((_, i) => out.has(i)),
  };
}

/** One minibatch as plain arrays. B samples, W frames each (`framesOf`). */
interface Minibatch {
  /** Rows of the frame matrix, anchor first. [B * W] */
  readonly frames: Int32Array;
  /** [B] */
  readonly stages: Int32Array;
  readonly progress: Float32Array;
  /** 1 where stage and progress are known, 0 where only the stage is. [B] */
  readonly known: Float32Array;
}

/** All frames of the demonstrations in one matrix, and minibatches drawn evenly from them. */
class TrainingSet {
  /** Normalised, [frames, dim]. */
  readonly frames: Float32Array;
  readonly count: number;
  readonly #settings: SarmSettings;
  readonly #random: Random;
  /** Row of the first frame of the episode a row belongs to. [frames] */
  readonly #first: Int32Array;
  readonly #labels: {
    readonly stage: Uint8Array;
    readonly progress: Float64Array;
    readonly known: Uint8Array;
  };
  /** Every row once, in random order; drawn from front to back, then shuffled anew. */
  readonly #order: Int32Array;
  #next: number;

  constructor(
    demonstrations: readonly Demonstration[],
    shares: Float64Array,
    normaliser: Normaliser,
    settings: SarmSettings,
    random: Random,
  ) {
    const dim = normaliser.mean.length;
    this.count = demonstrations.reduce((sum, { length }) => sum + length + 1, 0);
    this.frames = new Float32Array(this.count * dim);
    this.#settings = settings;
    this.#random = random;
    this.#first = new Int32Array(this.count);
    this.#labels = {
      stage: new Uint8Array(this.count),
      progress: new Float64Array(this.count),
      known: new Uint8Array(this.count),
    };
    let row = 0;
    for (const demonstration of demonstrations) {
      const labels = frameLabels(demonstration, shares, settings.unfinished);
      const frames = demonstration.length + 1;
      this.#first.fill(row, row, row + frames);
      this.#labels.stage.set(labels.stage, row);
      this.#labels.progress.set(labels.progress, row);
      this.#labels.known.set(labels.known, row);
      for (let t = 0; t < frames; t++) {
        normalise(normaliser, demonstration.frames, t * dim, this.frames, (row + t) * dim);
      }
      row += frames;
    }
    // Where even the stage is in doubt (done, but failed) there is nothing to learn.
    const { stage, known } = this.#labels;
    const usable = (i: number) => known[i] === 1 || shares[stage[i]!]! > 0;
    this.#order = Int32Array.from({ length: this.count }, (_, i) => i).filter(usable);
    this.#next = this.#order.length;
  }

  draw(size: number): Minibatch {
    const { window, gap, anchor, rewindProbability, rewindMax } = this.#settings;
    const frames = new Int32Array(size * framesOf(this.#settings));
    const stages = new Int32Array(size);
    const progress = new Float32Array(size);
    const known = new Float32Array(size);
    for (let b = 0, to = 0; b < size; b++) {
      if (this.#next === this.#order.length) {
        this.#random.shuffle(this.#order);
        this.#next = 0;
      }
      const turn = this.#order[this.#next++]!;
      const first = this.#first[turn]!;
      // Frames t - (window - 1) gap .. t, then `back` of them again in reverse; the window is the end of that sequence.
      const room = Math.min(rewindMax, Math.floor((turn - first) / gap));
      const back =
        room > 0 && this.#random.uniform() < rewindProbability ? 1 + this.#random.integer(room) : 0;
      const newest = turn - back * gap;
      if (anchor) frames[to++] = first;
      for (let age = window - 1; age >= 0; age--) {
        frames[to++] = age <= back ? newest + age * gap : Math.max(first, turn - (age - back) * gap);
      }
      stages[b] = this.#labels.stage[newest]!;
      progress[b] = this.#labels.progress[newest]!;
      known[b] = this.#labels.known[newest]!;
    }
    return { frames, stages, progress, known };
  }
}

/** AdamW on both networks, held as one flat vector: stage network, then tau network. */
async function optimise(
  data: TrainingSet,
  spec: ModelSpec,
  random: Random,
  context: FitContext,
): Promise<{ parameters: Float32Array; losses: Record<string, number> }> {
  const { settings, dim, shares } = spec;
  const { updates, minibatch: B, learningRate, weightDecay, inputNoise, teacherForcing } = settings;
  const K = shares.length;
  const D = framesOf(settings) * dim;
  const { stageShape, tauShape } = shapesOf(spec);
  const parameters = new Float32Array(parameterCount(stageShape) + parameterCount(tauShape));
  parameters.set(initialize(stageShape, random, { hiddenGain: 1, outputGain: 0.1 }));
  parameters.set(
    initialize(tauShape, random, { hiddenGain: 1, outputGain: 0.1 }),
    parameterCount(stageShape),
  );

  const starts = cumulative(shares);
  const p = new Float64Array(K);
  const condition = new Uint8Array(B);

  /** x: the frames of each sample side by side, with noise. */
  const gather = ({ frames }: Minibatch, x: Float32Array): void => {
    for (let i = 0; i < frames.length; i++) {
      const from = frames[i]! * dim;
      x.set(data.frames.subarray(from, from + dim), i * dim);
    }
    if (inputNoise > 0) for (let i = 0; i < x.length; i++) x[i]! += inputNoise * random.gaussian();
  };

  /** CE(f(x), k), its gradient, and the stage that tau is asked about. */
  const stageLoss = ({ stages }: Minibatch, logits: Float32Array, dLogits: Float32Array): number => {
    let loss = 0;
    for (let row = 0; row < B; row++) {
      const truth = stages[row]!;
      for (let k = 0; k < K; k++) p[k] = logits[row * K + k]!;
      softmaxInPlace(p, 0, K);
      loss -= Math.log(Math.max(p[truth]!, Number.MIN_VALUE)) / B;
      // A draw from p is the argmax of the logits + Gumbel noise.
      let drawn = 0;
      let best = Number.NEGATIVE_INFINITY;
      for (let k = 0; k < K; k++) {
        dLogits[row * K + k] = (p[k]! - (k === truth ? 1 : 0)) / B;
        const gumbel = -Math.log(-Math.log(random.uniform() + 1e-12) + 1e-12);
        const height = logits[row * K + k]! + gumbel;
        if (height <= best) continue;
        best = height;
        drawn = k;
      }
      condition[row] = random.uniform() < teacherForcing ? truth : drawn;
    }
    return loss;
  };

  /** x and the stage that is asked about, one-hot. */
  const askTau = (x: Float32Array, xTau: Float32Array): void => {
    xTau.fill(0);
    for (let row = 0; row < B; row++) {
      xTau.set(x.subarray(row * D, (row + 1) * D), row * (D + K));
      xTau[row * (D + K) + D + condition[row]!] = 1;
    }
  };

  /** MSE(tau_c, clip((y - P_{c-1}) / a_c, 0, 1)) and its gradient, 2 error tau (1 - tau) / B. */
  const tauLoss = ({ progress, known }: Minibatch, z: Float32Array, dZ: Float32Array): number => {
    let loss = 0;
    for (let row = 0; row < B; row++) {
      const c = condition[row]!;
      const share = shares[c]!;
      const tau = 1 / (1 + Math.exp(-z[row]!));
      // A stage of share 0 (rest after success, or one only failed demonstrations have) has no inside to ask for.
      const asked = share > 0 ? known[row]! : 0;
      const target = Math.min(1, Math.max(0, (progress[row]! - starts[c]!) / Math.max(share, 1e-6)));
      const error = asked * (tau - target);
      loss += error ** 2 / B;
      dZ[row] = (2 * error * tau * (1 - tau)) / B;
    }
    return loss;
  };

  const losses = await fitNetworks(
    {
      title: 'SARM',
      networks: [{ shape: stageShape }, { shape: tauShape }],
      parameters,
      rows: B,
      updates,
      learningRate,
      weightDecay,
      async gradient(nets) {
        const [x, xTau] = nets.inputs as [Float32Array, Float32Array]; // [B, D], [B, D + K]
        const [logits, z] = nets.outputs as [Float32Array, Float32Array]; // [B, K], [B, 1]
        const [dLogits, dZ] = nets.outputGradients as [Float32Array, Float32Array];
        const batch = data.draw(B);
        gather(batch, x);
        await nets.forward([0], B);
        const stage = stageLoss(batch, logits, dLogits);
        await nets.backward([0], B);
        askTau(x, xTau);
        await nets.forward([1], B);
        const tau = tauLoss(batch, z, dZ);
        await nets.backward([1], B);
        return { 'loss/stage': stage, 'loss/tau': tau };
      },
    },
    context,
  );
  return { parameters, losses };
}

/** How good the model is on these demonstrations: means over frames, rank and rewind over those that succeeded. */
function measure(
  model: RewardModel,
  demonstrations: readonly Demonstration[],
  shares: Float64Array,
  unfinished: Unfinished,
) {
  let frames = 0;
  let rightStage = 0;
  const known: { readonly score: number; readonly label: number }[] = [];
  const boundary: { readonly score: number; readonly label: number }[] = [];
  let succeeded = 0;
  let rank = 0;
  let drop = 0;
  for (const demonstration of demonstrations) {
    const { frames: seen, length } = demonstration;
    const { perStep, extras } = model.score(seen, length);
    const labels: FrameLabels = frameLabels(demonstration, shares, unfinished);
    for (let t = 0; t <= length; t++) {
      frames++;
      if (extras['stage']![t] === labels.stage[t]) rightStage++;
      if (labels.known[t] !== 1) continue;
      const pair = { score: perStep[t]!, label: labels.progress[t]! };
      known.push(pair);
      if (t > 0 && labels.stage[t] !== labels.stage[t - 1]) boundary.push(pair);
    }
    // Rank and rewind need an episode that got somewhere.
    if (!demonstration.success) continue;
    succeeded++;
    rank += spearman(perStep, labels.progress);
    const there = model.score(thereAndBack(seen, model.frameDim), 2 * length).perStep;
    drop += there[length]! - there[2 * length]!;
  }
  const error = (pairs: typeof known) =>
    meanAbsoluteError(
      pairs.map(({ score }) => score),
      pairs.map(({ label }) => label),
    );
  return {
    stageAccuracy: rightStage / frames,
    ...(known.length > 0 ? { mae: error(known) } : {}),
    ...(boundary.length > 0 ? { boundaryMae: error(boundary) } : {}),
    ...(Number.isFinite(rank) && succeeded > 0 ? { spearman: rank / succeeded } : {}),
    ...(succeeded > 0 ? { rewindDrop: drop / succeeded } : {}),
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// The model (plain numbers)

interface ModelSpec {
  readonly settings: SarmSettings;
  readonly dim: number;
  readonly stages: readonly string[];
  readonly shares: Float64Array;
  readonly normaliser: Normaliser;
}

function shapesOf({ settings, dim, stages }: Pick<ModelSpec, 'settings' | 'dim' | 'stages'>): {
  stageShape: MlpShape;
  tauShape: MlpShape;
} {
  const { hiddenSize } = settings;
  const inputs = framesOf(settings) * dim;
  return {
    stageShape: { sizes: [inputs, hiddenSize, hiddenSize, stages.length], activation: 'tanh' },
    tauShape: { sizes: [inputs + stages.length, hiddenSize, hiddenSize, 1], activation: 'tanh' },
  };
}

/** Scores input rows; a row's result does not depend on its neighbours. Arrays are [capacity] and overwritten. */
class Scorer {
  readonly progress: Float64Array;
  readonly stage: Float64Array;
  readonly tau: Float64Array;
  readonly confidence: Float64Array;
  readonly inputs: number;
  readonly #stageNet: Network;
  readonly #tauNet: Network;
  readonly #shares: Float64Array;
  readonly #starts: Float64Array;
  readonly #argmax: boolean;
  /** Stage probabilities, then the weights of the blend. [capacity, K] */
  readonly #p: Float64Array;
  /** Rows and stages that tau is asked for: at most [capacity * K]. */
  readonly #askedRow: Int32Array;
  readonly #askedStage: Int32Array;
  readonly #askedInput: Float64Array;
  readonly #askedTau: Float64Array;

  constructor(spec: ModelSpec, parameters: Float32Array, capacity: number) {
    const K = spec.stages.length;
    const { stageShape, tauShape } = shapesOf(spec);
    const cut = parameterCount(stageShape);
    this.#stageNet = new Network(stageShape, parameters.subarray(0, cut));
    this.#tauNet = new Network(tauShape, parameters.subarray(cut));
    this.#shares = spec.shares;
    this.#starts = cumulative(spec.shares);
    this.#argmax = spec.settings.blend === 'argmax';
    this.inputs = this.#stageNet.inputs;
    this.progress = new Float64Array(capacity);
    this.stage = new Float64Array(capacity);
    this.tau = new Float64Array(capacity);
    this.confidence = new Float64Array(capacity);
    this.#p = new Float64Array(capacity * K);
    this.#askedRow = new Int32Array(capacity * K);
    this.#askedStage = new Int32Array(capacity * K);
    this.#askedInput = new Float64Array(capacity * K * this.#tauNet.inputs);
    this.#askedTau = new Float64Array(capacity * K);
  }

  /** x: [rows, inputs] */
  run(x: Float64Array, rows: number): void {
    const K = this.#shares.length;
    const p = this.#p;
    this.#stageNet.forward(x, rows, p);
    let asked = 0;
    for (let row = 0; row < rows; row++) {
      const best = softmaxInPlace(p, row * K, K);
      this.stage[row] = best;
      this.confidence[row] = p[row * K + best]!;
      if (this.#argmax) onlyInPlace(p, row * K, K, best);
      else sparsifyInPlace(p, row * K, K);
      let start = 0;
      for (let k = 0; k < K; k++) {
        start += p[row * K + k]! * this.#starts[k]!;
        if (p[row * K + k] === 0) continue;
        this.#askedRow[asked] = row;
        this.#askedStage[asked] = k;
        const at = asked * this.#tauNet.inputs;
        for (let i = 0; i < this.inputs; i++) this.#askedInput[at + i] = x[row * this.inputs + i]!;
        for (let j = 0; j < K; j++) this.#askedInput[at + this.inputs + j] = j === k ? 1 : 0;
        asked++;
      }
      this.progress[row] = start;
    }
    this.#tauNet.forward(this.#askedInput, asked, this.#askedTau);
    for (let n = 0; n < asked; n++) {
      const row = this.#askedRow[n]!;
      const k = this.#askedStage[n]!;
      const tau = 1 / (1 + Math.exp(-this.#askedTau[n]!));
      this.progress[row] = this.progress[row]! + p[row * K + k]! * this.#shares[k]! * tau;
      if (k === this.stage[row]) this.tau[row] = tau;
    }
    // Math.min and max keep not-a-number, so that a broken observation shows.
    for (let row = 0; row < rows; row++) this.progress[row] = Math.min(1, Math.max(0, this.progress[row]!));
  }
}

/** Turns logits into probabilities; returns the most likely one, the first of equals. */
function softmaxInPlace(values: Float64Array, offset: number, count: number): number {
  let best = 0;
  for (let k = 1; k < count; k++) if (values[offset + k]! > values[offset + best]!) best = k;
  const top = values[offset + best]!;
  let sum = 0;
  for (let k = 0; k < count; k++) {
    const e = Math.exp(values[offset + k]! - top);
    values[offset + k] = e;
    sum += e;
  }
  for (let k = 0; k < count; k++) values[offset + k] = values[offset + k]! / sum;
  return best;
}

function onlyInPlace(values: Float64Array, offset: number, count: number, one: number): void {
  for (let k = 0; k < count; k++) values[offset + k] = k === one ? 1 : 0;
}

/** p -> max(0, p - negligible), scaled back to sum 1: continuous in p, and 0 for most stages. */
function sparsifyInPlace(p: Float64Array, offset: number, count: number): void {
  let sum = 0;
  for (let k = 0; k < count; k++) {
    // Math.max keeps not-a-number.
    const left = Math.max(0, p[offset + k]! - Math.min(negligible, 1 / (2 * count)));
    p[offset + k] = left;
    sum += left;
  }
  for (let k = 0; k < count; k++) p[offset + k] = p[offset + k]! / sum;
}

/** The paper's confidence filter, one a world: the last ten accepted values, weighted by confidence^3. */
class Smoother {
  /** Pairs of value and weight, a ring. [count, smoothedFrames, 2] */
  readonly #accepted: Float64Array;
  /** Frames accepted so far a world. [count] */
  readonly #taken: Float64Array;
  readonly #floor: number;

  constructor(count: number, floor: number) {
    this.#accepted = new Float64Array(count * smoothedFrames * 2);
    this.#taken = new Float64Array(count);
    this.#floor = floor;
  }

  reset(world: number): void {
    this.#taken[world] = 0;
    this.#accepted.fill(0, world * smoothedFrames * 2, (world + 1) * smoothedFrames * 2);
  }

  /** The first frame is always accepted: there is nothing to hold yet. */
  next(world: number, value: number, confidence: number): number {
    const start = world * smoothedFrames * 2;
    const taken = this.#taken[world]!;
    if (taken === 0 || !(confidence < this.#floor)) {
      const slot = start + (taken % smoothedFrames) * 2;
      this.#accepted[slot] = value;
      this.#accepted[slot + 1] = confidence ** 3;
      this.#taken[world] = taken + 1;
    }
    let sum = 0;
    let weight = 0;
    for (let i = start; i < start + smoothedFrames * 2; i += 2) {
      sum += this.#accepted[i]! * this.#accepted[i + 1]!;
      weight += this.#accepted[i + 1]!;
    }
    return sum / weight;
  }

  get size(): number {
    return this.#accepted.length + this.#taken.length;
  }

  save(out: Float64Array, offset: number): void {
    out.set(this.#accepted, offset);
    out.set(this.#taken, offset + this.#accepted.length);
  }

  restore(saved: Float64Array, offset: number): void {
    const taken = offset + this.#accepted.length;
    this.#accepted.set(saved.subarray(offset, taken));
    this.#taken.set(saved.subarray(taken, taken + this.#taken.length));
  }
}

function createModel(spec: ModelSpec, parameters: Float32Array): RewardModel {
  const { settings, dim, stages, normaliser } = spec;
  const shape: WindowShape = { dim, window: settings.window, gap: settings.gap, anchor: settings.anchor };

  function score(frames: Float64Array, length: number): EpisodeScore {
    const count = length + 1;
    if (frames.length !== count * dim) {
      throw new RangeError(
        `${title}: found ${frames.length} frame numbers, wanted ${count * dim} (${count} frames of ${dim})`,
      );
    }
    const scorer = new Scorer(spec, parameters, Math.min(chunk, count));
    const history = new WindowHistory(shape, normaliser, 1);
    const smoother = settings.smoothing ? new Smoother(1, settings.smoothingConfidence) : undefined;
    const rows = new Float64Array(Math.min(chunk, count) * scorer.inputs);
    const perStep = new Float32Array(count);
    const extras = {
      stage: new Float32Array(count),
      tau: new Float32Array(count),
      confidence: new Float32Array(count),
    };
    for (let from = 0; from < count; from += chunk) {
      const rowsNow = Math.min(chunk, count - from);
      for (let row = 0; row < rowsNow; row++) {
        const t = from + row;
        if (t === 0) history.reset(0, frames, 0);
        else history.push(frames, t * dim);
        history.row(0, rows, row * scorer.inputs);
      }
      scorer.run(rows, rowsNow);
      for (let row = 0; row < rowsNow; row++) {
        const t = from + row;
        const confidence = scorer.confidence[row]!;
        perStep[t] = smoother?.next(0, scorer.progress[row]!, confidence) ?? scorer.progress[row]!;
        extras.stage[t] = scorer.stage[row]!;
        extras.tau[t] = scorer.tau[row]!;
        extras.confidence[t] = confidence;
      }
    }
    return { perStep, extras };
  }

  function online(count: number): OnlineScorer {
    if (!Number.isInteger(count) || count < 1)
      throw new RangeError(`${title}: ${count} worlds, wanted at least 1`);
    const scorer = new Scorer(spec, parameters, count);
    const history = new WindowHistory(shape, normaliser, count);
    const smoother = settings.smoothing ? new Smoother(count, settings.smoothingConfidence) : undefined;
    const rows = new Float64Array(count * scorer.inputs);
    const values = new Float64Array(count);
    const size = history.size + (smoother?.size ?? 0) + count;

    const take = (world: number, row: number): void => {
      const progress = scorer.progress[row]!;
      values[world] = smoother?.next(world, progress, scorer.confidence[row]!) ?? progress;
    };
    return {
      count,
      values,
      reset(world, frames, offset) {
        if (!(world >= 0 && world < count))
          throw new RangeError(`${title}: world ${world}, wanted 0 to ${count - 1}`);
        history.reset(world, frames, offset);
        smoother?.reset(world);
        history.row(world, rows, 0);
        scorer.run(rows, 1);
        take(world, 0);
      },
      step(frames) {
        if (frames.length !== count * dim) {
          throw new RangeError(
            `${title}: found ${frames.length} frame numbers, wanted ${count * dim} (${count} worlds of ${dim})`,
          );
        }
        history.push(frames, 0);
        for (let world = 0; world < count; world++) history.row(world, rows, world * scorer.inputs);
        scorer.run(rows, count);
        for (let world = 0; world < count; world++) take(world, world);
      },
      save() {
        const out = new Float64Array(size);
        out.set(values);
        history.save(out, count);
        smoother?.save(out, count + history.size);
        return out;
      },
      restore(saved) {
        if (saved.length !== size)
          throw new RangeError(`${title}: found a saved state of ${saved.length} numbers, wanted ${size}`);
        values.set(saved.subarray(0, count));
        history.restore(saved, count);
        smoother?.restore(saved, count + history.size);
      },
    };
  }

  function save(): Uint8Array {
    const { mean, scale } = normaliser;
    const header = {
      settings,
      frameDim: dim,
      stages,
      shares: Array.from(spec.shares),
      mean: Array.from(mean),
      scale: Array.from(scale),
    };
    return packModel(magic, { header, weights: parameters });
  }

  return { method: 'sarm', senses: ['observation'], frameDim: dim, stages, score, online, save };
}

function load(bytes: Uint8Array): RewardModel {
  const { header, weights } = unpackModel(title, magic, bytes);
  const numbers = (key: string, length: number): Float64Array => {
    const value = header[key];
    if (!Array.isArray(value) || value.length !== length || !value.every((item) => Number.isFinite(item))) {
      throw new RangeError(
        `${title}: found no usable "${key}" in the header, wanted ${length} finite numbers`,
      );
    }
    return Float64Array.from(value as number[]);
  };
  const { settings, stages } = header;
  // Models of earlier versions call it by its old name.
  const dim = header['frameDim'] ?? header['observationDim'];
  if (
    typeof dim !== 'number' ||
    !Array.isArray(stages) ||
    settings === null ||
    typeof settings !== 'object'
  ) {
    throw new RangeError(
      `${title}: found header keys ${Object.keys(header).join(', ')}, wanted settings, frameDim, stages`,
    );
  }
  const spec: ModelSpec = {
    settings: Object.freeze({ ...defaultsOf(fields), ...settings }) as SarmSettings,
    dim,
    stages: stages.map(String),
    shares: numbers('shares', stages.length),
    normaliser: { mean: numbers('mean', dim), scale: numbers('scale', dim) },
  };
  const { stageShape, tauShape } = shapesOf(spec);
  const wanted = parameterCount(stageShape) + parameterCount(tauShape);
  if (weights.length !== wanted)
    throw new RangeError(`${title}: found ${weights.length} weights, wanted ${wanted}`);
  return createModel(spec, weights);
}

const prefixed = (prefix: string, values: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}/${key}`, value]));
