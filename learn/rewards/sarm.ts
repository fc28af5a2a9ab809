// SARM: Stage-Aware Reward Modeling for Long Horizon Robot Manipulation, https://arxiv.org/abs/2509.25358
/**
 * Progress in two questions: which stage is this (classifier f), and how far inside it (regressor g, told the stage)?
 *
 *   labels     y = P_{k-1} + a_k tau, pinned to milestones by the dataset-mean stage shares a_k     (labels.ts)
 *   input      x = first frame + a causal window of the newest frames                               (window.ts)
 *   stage      p = softmax f(x)
 *   within     tau_k = sigmoid g(x, onehot k)
 *   loss       CE(f(x), k) + MSE(tau_c, clip((y - P_{c-1}) / a_c, 0, 1)), summed over label schemes
 *   conditions c is the true stage for a share `teacherForcing` of the samples, else drawn from the predicted p
 *   progress   argmax: P_{k-1} + a_k tau_k at k = argmax p;  expected: sum_k p_k (P_{k-1} + a_k tau_k)
 *   untruths   frames played backwards, goals exchanged for another episode's                       (sarm-data.ts)
 *   networks   two MLPs, or two causal transformers over the window                                 (sarm-nets.ts)
 *
 * Ours differs from the paper: state observations (or any other sense) instead of image and text embeddings; where the
 * condition c is not the true stage, tau's target is the label as seen from stage c (0 before it, 1 after it), so that
 * the progress is right even where the stage is not, and blending the stages gives a potential without jumps.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { meanAbsoluteError, spearman, thereAndBack } from '../diagnostics/agreement.ts';
import { Random } from '../parts/random.ts';
import type { Workload } from '../tensor/compute.ts';
import { openModel, packModel } from './bytes.ts';
import { fitNetworks, throwIfAborted } from './fitting.ts';
import {
  checkDemonstrations,
  cumulative,
  type FrameLabels,
  frameIndexLabels,
  frameLabels,
  stageShares,
} from './labels.ts';
import { common } from './parts/fields.ts';
import { clamp01, sigmoid } from './parts/frame-set.ts';
import { softmaxInPlace } from './parts/losses.ts';
import { type Minibatch, TrainingSet } from './sarm-data.ts';
import {
  type Answering,
  answeringNets,
  answersOf,
  denseNetworks,
  fittedNets,
  initializeNets,
  type NetsShape,
  netsParameterCount,
  netsSpecs,
  tell,
  withinInputs,
} from './sarm-nets.ts';
import type { SenseId } from './senses.ts';
import type {
  Demonstration,
  EpisodeScore,
  FitContext,
  LearnedReward,
  OnlineScorer,
  RewardModel,
} from './types.ts';
import { fitNormaliser, framesOf, type Normaliser, WindowHistory, type WindowShape } from './window.ts';

const fields = {
  senses: {
    type: 'choice',
    default: 'observation',
    options: ['observation', 'objects', 'goal', 'objects and goal', 'seen', 'view'],
    help: 'What it perceives: the observation, objects by slot, goals achieved and wanted, or what a camera tells of objects (seen) or shows (view)',
  },
  camera: {
    type: 'choice',
    default: 'front',
    options: ['front', 'side', 'top', 'wrist'],
    help: 'Camera of the senses "seen" and "view"',
  },
  architecture: {
    type: 'choice',
    default: 'mlp',
    options: ['mlp', 'transformer'],
    help: 'Two multi-layer perceptrons, or two causal transformers, which want a window of 4 frames or more and the anchor',
  },
  layers: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 4,
    help: 'Layers of each transformer',
  },
  heads: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 8,
    help: 'Attention heads of each transformer; they must divide hiddenSize',
  },
  labels: {
    type: 'choice',
    default: 'mean-share',
    options: ['mean-share', 'frame-index'],
    help: 'Progress labels: pinned to stages by their mean shares, or t / T (the baseline that SARM argues against)',
  },
  head: {
    type: 'choice',
    default: 'stages',
    options: ['stages', 'single'],
    help: 'Stage classifier and regressor inside the stage, or one regressor of the whole progress (a baseline)',
  },
  scheme: {
    type: 'choice',
    default: 'sparse',
    options: ['sparse', 'dense'],
    help: "Which stage labels give the score: the task's stages, or finer ones where episodes carry them",
  },
  bothSchemes: {
    type: 'boolean',
    default: false,
    help: 'Learn the other scheme, too, where episodes carry it: own last layers on shared ones',
  },
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
    help: 'Units in each of the two hidden layers of either network; the width of either transformer',
  },
  updates: common.updates,
  minibatch: {
    ...common.minibatch,
    help: 'Frames in one gradient step; a transformer learns from all frames of a window',
  },
  learningRate: common.learningRate,
  warmup: {
    type: 'number',
    default: 0.01,
    min: 0,
    max: 0.5,
    help: 'Share of the updates over which the step size rises',
  },
  weightDecay: common.weightDecay,
  inputNoise: common.inputNoise,
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
  wrongTaskProbability: {
    type: 'number',
    default: 0,
    min: 0,
    max: 0.9,
    help: "Share of samples whose goal is exchanged for another episode's, with progress 0; does nothing where no number tells a goal",
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
  holdout: common.holdout,
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
  senses: (settings) => sensesOf({ ...defaultsOf(fields), ...settings } as SarmSettings),
  workload,
  fit,
  load,
};

function sensesOf({ senses, camera }: SarmSettings): SenseId[] {
  if (senses === 'objects and goal') return ['objects', 'goal'];
  if (senses === 'seen' || senses === 'view') return [`${senses}:${camera}`];
  return [senses];
}

function workload(
  given: AnySettings,
  { frameDim, stages }: Pick<FitContext, 'frameDim' | 'stages'>,
): Workload {
  const settings = { ...defaultsOf(fields), ...given } as SarmSettings;
  const shape = netsShape(settings, frameDim, [stages.length]);
  const rows = samplesOf(settings) * (settings.architecture === 'mlp' ? 1 : shape.frames);
  return { networks: denseNetworks(shape), updateRows: rows, actRows: rows };
}

/** Windows of one gradient step. */
const samplesOf = ({ architecture, minibatch, window }: SarmSettings): number =>
  architecture === 'mlp' ? minibatch : Math.max(1, Math.round(minibatch / window));

/** stageCounts: of each scheme. */
function netsShape(settings: SarmSettings, dim: number, stageCounts: readonly number[]): NetsShape {
  const { architecture, hiddenSize, layers, heads, head } = settings;
  const asksStage = head === 'stages';
  return {
    architecture,
    dim,
    frames: framesOf(settings),
    // A single head knows one stage, all of the work.
    stages: asksStage ? stageCounts.reduce((sum, count) => sum + count, 0) : stageCounts.length,
    schemes: stageCounts.length,
    asksStage,
    hiddenSize,
    layers,
    heads,
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
  const { frameDim: dim, signal } = context;
  const schemes = schemesOf(demonstrations, settings, context);
  throwIfAborted(signal);

  const random = new Random(context.seed);
  const { training, heldOut } = split(schemes[0]!, settings.holdout, random);
  const normaliser = fitNormaliser(
    training.map((i) => demonstrations[i]!.frames),
    dim,
  );
  const spec: ModelSpec = {
    settings,
    dim,
    schemes: schemes.map(({ stages, episodes }) => ({
      stages,
      shares: stageShares(
        training.flatMap((i) => episodes[i] ?? []),
        stages.length,
        settings.lastStageDone,
      ),
    })),
    normaliser,
  };
  const labelled = schemes.map(({ episodes }, s) => {
    const { shares } = spec.schemes[s]!;
    return {
      shares,
      labels: training.map((i) => episodes[i] && labelsOf(episodes[i], shares, settings)),
    };
  });
  const data = new TrainingSet(
    training.map((i) => demonstrations[i]!),
    labelled,
    normaliser,
    context.layout,
    settings,
    random,
  );
  const weights = await optimise(data, spec, random, context);
  const model = createModel(spec, weights.parameters);

  const measured = (heldOut.length > 0 ? heldOut : training).map((i) => schemes[0]!.episodes[i]!);
  const metrics = {
    ...weights.losses,
    ...prefixed(heldOut.length > 0 ? 'holdout' : 'training', measure(model, measured, spec)),
    'demonstrations/training': training.length,
    'demonstrations/holdout': heldOut.length,
    ...(settings.wrongTaskProbability > 0
      ? { 'wrongTask/goalNumbers': data.goalNumbers, 'wrongTask/samples': data.movedShare }
      : {}),
  };
  return { model, metrics };
}

/** One way of cutting episodes into stages. */
interface LabelledScheme {
  readonly stages: readonly string[];
  /** The demonstrations with this scheme's spans as their stages; undefined where one has none. */
  readonly episodes: readonly (Demonstration | undefined)[];
}

/**
 * The scheme that gives the score, and the other one where it is learned, too. All checked.
 * @throws RangeError naming the episode where labels are unusable.
 */
function schemesOf(
  demonstrations: readonly Demonstration[],
  { scheme, bothSchemes, head }: SarmSettings,
  { frameDim, stages }: FitContext,
): LabelledScheme[] {
  const denseCount =
    1 + Math.max(0, ...demonstrations.flatMap((d) => d.denseStages?.map((s) => s.stage) ?? []));
  const known = {
    sparse: (): LabelledScheme => ({ stages, episodes: demonstrations }),
    dense: (): LabelledScheme => ({
      stages: Array.from({ length: denseCount }, (_, k) => `dense${k + 1}`),
      episodes: demonstrations.map(
        (demonstration) =>
          demonstration.denseStages && { ...demonstration, stages: demonstration.denseStages },
      ),
    }),
  };
  const scored = known[scheme]();
  const bare = scored.episodes.indexOf(undefined);
  if (bare >= 0) {
    throw new RangeError(
      `Episode ${demonstrations[bare]!.id}: found no dense stage labels, wanted some with scheme "dense"`,
    );
  }
  checkDemonstrations(scored.episodes as readonly Demonstration[], scored.stages, frameDim);
  if (head === 'stages' && scored.stages.length < 2) {
    throw new RangeError(
      `Episode ${demonstrations[0]!.id}: all frames are of stage ${scored.stages[0]}, the only one; wanted at least two stages to tell apart, or head "single"`,
    );
  }
  const hasOther = demonstrations.some((d) => (scheme === 'sparse' ? d.denseStages : d.stages.length > 0));
  if (!bothSchemes || !hasOther) return [scored];
  const other = known[scheme === 'sparse' ? 'dense' : 'sparse']();
  const own = other.episodes.filter((episode) => episode !== undefined && episode.stages.length > 0);
  checkDemonstrations(own as readonly Demonstration[], other.stages, frameDim);
  return [
    scored,
    { ...other, episodes: other.episodes.map((episode) => (episode?.stages.length ? episode : undefined)) },
  ];
}

/** Indices into the demonstrations. Holds out at random, but never the last demonstration that has a stage. */
function split({ stages, episodes }: LabelledScheme, share: number, random: Random) {
  const wanted = Math.min(Math.round(share * episodes.length), episodes.length - 1);
  const order = Int32Array.from(episodes, (_, i) => i);
  random.shuffle(order);
  const left = new Int32Array(stages.length);
  for (const episode of episodes) for (const { stage } of episode!.stages) left[stage]!++;
  const out = new Set<number>();
  for (const i of order) {
    const spans = episodes[i]!.stages;
    if (out.size >= wanted || spans.some(({ stage }) => left[stage]! < 2)) continue;
    for (const { stage } of spans) left[stage]!--;
    out.add(i);
  }
  const all = episodes.map((_, i) => i);
  return { training: all.filter((i) => !out.has(i)), heldOut: all.filter((i) => out.has(i)) };
}

function labelsOf(
  episode: Demonstration,
  shares: Float64Array,
  { labels, lastStageDone, unfinished }: SarmSettings,
): FrameLabels {
  return labels === 'mean-share'
    ? frameLabels(episode, shares, unfinished)
    : frameIndexLabels(episode, shares.length, lastStageDone, unfinished);
}

/** A scheme as the networks see it: with a single head all of the work is one stage. */
function asked({ shares }: Scheme, { head }: SarmSettings): Scheme['shares'] {
  return head === 'stages' ? shares : Float64Array.of(1);
}

/** AdamW on both networks, held as one flat vector: f, then g. */
async function optimise(
  data: TrainingSet,
  spec: ModelSpec,
  random: Random,
  context: FitContext,
): Promise<{ parameters: Float32Array; losses: Record<string, number> }> {
  const { settings, dim } = spec;
  const { updates, learningRate, weightDecay, warmup, inputNoise, teacherForcing, head } = settings;
  const shape = shapeOf(spec);
  const B = samplesOf(settings);
  const W = shape.frames;
  /** Answers of a sample, the last of its frames: one (MLP) or all. */
  const A = answersOf(shape);
  /** Those of them that are learned from: all but the anchor's. */
  const learned = B * Math.min(A, settings.window);
  const K = shape.stages;
  const S = shape.schemes;
  const told = withinInputs(shape);
  const parameters = initializeNets(shape, random);

  const shares = spec.schemes.map((scheme) => asked(scheme, settings));
  const starts = shares.map(cumulative);
  /** Where a scheme's stages begin among all. */
  const offsets = shares.map((_, s) => shares.slice(0, s).reduce((sum, { length }) => sum + length, 0));
  const p = new Float64Array(K);
  /** Of each scheme and sample, the stage that tau is asked about. [S, B] */
  const conditions = new Uint8Array(S * B);
  const xWithin = new Float32Array(S * B * told);

  /** Where the labels of an answer lie in a minibatch [B, W]. */
  const labelOf = (answer: number): number => Math.floor(answer / A) * W + (W - A) + (answer % A);

  /** CE(f(x), k), its gradient, and the stage that tau is asked about: by the newest frame. */
  const stageLoss = (batch: Minibatch, logits: Float32Array, dLogits: Float32Array): number => {
    let loss = 0;
    for (let s = 0; s < S; s++) {
      const { stage, weight } = batch.schemes[s]!;
      const count = shares[s]!.length;
      for (let answer = 0; answer < B * A; answer++) {
        const at = answer * K + offsets[s]!;
        const label = labelOf(answer);
        const truth = stage[label]!;
        for (let k = 0; k < count; k++) p[k] = logits[at + k]!;
        softmaxInPlace(p, 0, count);
        const share = weight[label]! / learned;
        loss -= share * Math.log(Math.max(p[truth]!, Number.MIN_VALUE));
        for (let k = 0; k < count; k++) dLogits[at + k] = share * (p[k]! - (k === truth ? 1 : 0));
        if (answer % A < A - 1) continue;
        const sample = Math.floor(answer / A);
        const drawn = drawFrom(logits, at, count, random);
        conditions[s * B + sample] = random.uniform() < teacherForcing ? truth : drawn;
      }
    }
    return loss;
  };

  /** MSE(tau_c, clip((y - P_{c-1}) / a_c, 0, 1)) and its gradient, 2 error tau (1 - tau) / learned. */
  const tauLoss = (batch: Minibatch, z: Float32Array, dZ: Float32Array): number => {
    let loss = 0;
    dZ.fill(0);
    for (let s = 0; s < S; s++) {
      const { progress, known } = batch.schemes[s]!;
      for (let answer = 0; answer < B * A; answer++) {
        const label = labelOf(answer);
        const c = conditions[s * B + Math.floor(answer / A)]!;
        const share = shares[s]![c]!;
        // A stage of share 0 (rest after success, or one only failed demonstrations have) has no inside to ask for.
        if (share === 0 || known[label] === 0) continue;
        // Each scheme has its own pass of the samples, and its own output.
        const at = (s * B * A + answer) * S + s;
        const tau = sigmoid(z[at]!);
        const target = Math.min(1, Math.max(0, (progress[label]! - starts[s]![c]!) / Math.max(share, 1e-6)));
        const error = tau - target;
        loss += error ** 2 / learned;
        dZ[at] = (2 * error * tau * (1 - tau)) / learned;
      }
    }
    return loss;
  };

  let within: ReturnType<typeof fittedNets> | undefined;
  const losses = await fitNetworks(
    {
      title: 'SARM',
      networks: netsSpecs(shape),
      parameters,
      rows: S * B * A,
      updates,
      learningRate,
      warmup: Math.round(warmup * updates),
      weightDecay,
      async gradient(nets) {
        within ??= fittedNets(shape, nets, S * B);
        const { stage: f, within: g } = within;
        const batch = data.draw(B);
        const { x } = batch;
        if (inputNoise > 0) for (let i = 0; i < x.length; i++) x[i]! += inputNoise * random.gaussian();
        let stage = 0;
        if (f !== undefined) {
          await f.forward(x, B);
          stage = stageLoss(batch, f.outputs, f.outputGradients);
          await f.backward(B);
        }
        for (let s = 0; s < S; s++) {
          for (let b = 0; b < B; b++) {
            const c = offsets[s]! + conditions[s * B + b]!;
            tell(shape, x, b * W * dim, c, xWithin, (s * B + b) * told);
          }
        }
        await g.forward(xWithin, S * B);
        const tau = tauLoss(batch, g.outputs, g.outputGradients);
        await g.backward(S * B);
        return { ...(head === 'stages' ? { 'loss/stage': stage } : {}), 'loss/tau': tau };
      },
    },
    context,
  );
  return { parameters, losses };
}

/** A stage from softmax(logits): the argmax of the logits + Gumbel noise. */
function drawFrom(logits: Float32Array, at: number, count: number, random: Random): number {
  let drawn = 0;
  let best = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < count; k++) {
    const gumbel = -Math.log(-Math.log(random.uniform() + 1e-12) + 1e-12);
    const height = logits[at + k]! + gumbel;
    if (height <= best) continue;
    best = height;
    drawn = k;
  }
  return drawn;
}

/** How good the model is on these demonstrations: means over frames, rank and rewind over those that succeeded. */
function measure(model: RewardModel, demonstrations: readonly Demonstration[], spec: ModelSpec) {
  const { settings } = spec;
  const { shares } = spec.schemes[0]!;
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
    const labels = labelsOf(demonstration, shares, settings);
    for (let t = 0; t <= length; t++) {
      frames++;
      if (extras['stage']?.[t] === labels.stage[t]) rightStage++;
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
    ...(settings.head === 'stages' ? { stageAccuracy: rightStage / frames } : {}),
    ...(known.length > 0 ? { mae: error(known) } : {}),
    ...(boundary.length > 0 ? { boundaryMae: error(boundary) } : {}),
    ...(Number.isFinite(rank) && succeeded > 0 ? { spearman: rank / succeeded } : {}),
    ...(succeeded > 0 ? { rewindDrop: drop / succeeded } : {}),
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// The model (plain numbers)

interface Scheme {
  readonly stages: readonly string[];
  /** a_k */
  readonly shares: Float64Array;
}

interface ModelSpec {
  readonly settings: SarmSettings;
  readonly dim: number;
  /** The one that scores, then the other where it was learned, too. */
  readonly schemes: readonly Scheme[];
  readonly normaliser: Normaliser;
}

const shapeOf = ({ settings, dim, schemes }: ModelSpec): NetsShape =>
  netsShape(
    settings,
    dim,
    schemes.map(({ stages }) => stages.length),
  );

/** Scores input rows; a row's result does not depend on its neighbours. Arrays are [capacity] and overwritten. */
class Scorer {
  readonly progress: Float64Array;
  readonly stage: Float64Array;
  readonly tau: Float64Array;
  readonly confidence: Float64Array;
  readonly inputs: number;
  readonly #shape: NetsShape;
  readonly #f: Answering | undefined;
  readonly #g: Answering;
  readonly #shares: Float64Array;
  readonly #starts: Float64Array;
  readonly #argmax: boolean;
  /** Logits of all schemes. [capacity, all stages] */
  readonly #logits: Float64Array;
  /** Stage probabilities of the one that scores, then the weights of the blend. [capacity, K] */
  readonly #p: Float64Array;
  /** Rows and stages that tau is asked for: at most [capacity * K]. */
  readonly #askedRow: Int32Array;
  readonly #askedStage: Int32Array;
  readonly #askedInput: Float64Array;
  readonly #askedTau: Float64Array;

  constructor(spec: ModelSpec, parameters: Float32Array, capacity: number) {
    const shape = shapeOf(spec);
    const nets = answeringNets(shape, parameters);
    this.#shape = shape;
    this.#f = nets.stage;
    this.#g = nets.within;
    this.#shares = asked(spec.schemes[0]!, spec.settings);
    this.#starts = cumulative(this.#shares);
    this.#argmax = spec.settings.blend === 'argmax';
    this.inputs = shape.frames * shape.dim;
    this.progress = new Float64Array(capacity);
    this.stage = new Float64Array(capacity);
    this.tau = new Float64Array(capacity);
    this.confidence = new Float64Array(capacity);
    const K = this.#shares.length;
    this.#logits = new Float64Array(capacity * shape.stages);
    this.#p = new Float64Array(capacity * K);
    this.#askedRow = new Int32Array(capacity * K);
    this.#askedStage = new Int32Array(capacity * K);
    this.#askedInput = new Float64Array(capacity * K * withinInputs(shape));
    this.#askedTau = new Float64Array(capacity * K * shape.schemes);
  }

  /** x: [rows, inputs] */
  run(x: Float64Array, rows: number): void {
    const K = this.#shares.length;
    const all = this.#shape.stages;
    const told = this.#g.inputs;
    const p = this.#p;
    this.#f?.forward(x, rows, this.#logits);
    let asked = 0;
    for (let row = 0; row < rows; row++) {
      // The scheme that scores comes first. With a single head there is one stage, of probability 1.
      for (let k = 0; k < K; k++) p[row * K + k] = this.#logits[row * all + k]!;
      const best = softmaxInPlace(p, row * K, K);
      this.stage[row] = best;
      this.confidence[row] = p[row * K + best]!;
      this.tau[row] = 0;
      if (this.#argmax) onlyInPlace(p, row * K, K, best);
      else sparsifyInPlace(p, row * K, K);
      let start = 0;
      for (let k = 0; k < K; k++) {
        start += p[row * K + k]! * this.#starts[k]!;
        // A stage of share 0 has no inside to ask for.
        if (p[row * K + k] === 0 || this.#shares[k] === 0) continue;
        this.#askedRow[asked] = row;
        this.#askedStage[asked] = k;
        tell(this.#shape, x, row * this.inputs, k, this.#askedInput, asked * told);
        asked++;
      }
      this.progress[row] = start;
    }
    this.#g.forward(this.#askedInput, asked, this.#askedTau);
    for (let n = 0; n < asked; n++) {
      const row = this.#askedRow[n]!;
      const k = this.#askedStage[n]!;
      const tau = sigmoid(this.#askedTau[n * this.#shape.schemes]!);
      this.progress[row] = this.progress[row]! + p[row * K + k]! * this.#shares[k]! * tau;
      if (k === this.stage[row]) this.tau[row] = tau;
    }
    for (let row = 0; row < rows; row++) this.progress[row] = clamp01(this.progress[row]!);
  }
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

  /** Every world as the one of a smoother of one world, which saved this. */
  restoreAll(saved: Float64Array, offset: number): void {
    const one = saved.subarray(offset, offset + smoothedFrames * 2);
    for (let world = 0; world < this.#taken.length; world++) this.#accepted.set(one, world * one.length);
    this.#taken.fill(saved[offset + one.length]!);
  }
}

function createModel(spec: ModelSpec, parameters: Float32Array): RewardModel {
  const { settings, dim, normaliser } = spec;
  const { stages } = spec.schemes[0]!;
  const hasStages = settings.head === 'stages';
  /** Scores whole episodes, one after the other. */
  let offline: Scorer | undefined;
  const shape: WindowShape = { dim, window: settings.window, gap: settings.gap, anchor: settings.anchor };

  function score(frames: Float64Array, length: number): EpisodeScore {
    const count = length + 1;
    if (frames.length !== count * dim) {
      throw new RangeError(
        `${title}: found ${frames.length} frame numbers, wanted ${count * dim} (${count} frames of ${dim})`,
      );
    }
    offline ??= new Scorer(spec, parameters, chunk);
    const scorer = offline;
    const history = new WindowHistory(shape, normaliser, 1);
    const smoother = settings.smoothing ? new Smoother(1, settings.smoothingConfidence) : undefined;
    const rows = new Float64Array(Math.min(chunk, count) * scorer.inputs);
    const perStep = new Float32Array(count);
    const extras: Record<string, Float32Array> = {};
    if (hasStages)
      for (const name of ['stage', 'tau', 'confidence'] as const) extras[name] = new Float32Array(count);
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
        if (!hasStages) continue;
        extras['stage']![t] = scorer.stage[row]!;
        extras['tau']![t] = scorer.tau[row]!;
        extras['confidence']![t] = confidence;
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
      restoreAll(saved) {
        const wanted = 1 + history.sizeOfOne + (smoother === undefined ? 0 : smoothedFrames * 2 + 1);
        if (saved.length !== wanted) {
          throw new RangeError(
            `${title}: found a saved state of ${saved.length} numbers, wanted ${wanted} of one world`,
          );
        }
        values.fill(saved[0]!);
        history.restoreAll(saved, 1);
        smoother?.restoreAll(saved, 1 + history.sizeOfOne);
      },
    };
  }

  function save(): Uint8Array {
    const { mean, scale } = normaliser;
    const other = spec.schemes[1];
    const header = {
      settings,
      frameDim: dim,
      stages,
      shares: Array.from(spec.schemes[0]!.shares),
      ...(other === undefined ? {} : { otherStages: other.stages, otherShares: Array.from(other.shares) }),
      mean: Array.from(mean),
      scale: Array.from(scale),
    };
    return packModel(magic, { header, weights: parameters });
  }

  return { method: 'sarm', senses: sensesOf(settings), frameDim: dim, stages, score, online, save };
}

function load(bytes: Uint8Array): RewardModel {
  const saved = openModel(title, magic, bytes);
  const { weights, settings, frameDim: dim, stages } = saved;
  const { otherStages } = saved.header;
  const spec: ModelSpec = {
    settings: Object.freeze({ ...defaultsOf(fields), ...settings }) as SarmSettings,
    dim,
    schemes: [
      { stages, shares: saved.numbers('shares', stages.length) },
      ...(Array.isArray(otherStages)
        ? [{ stages: otherStages.map(String), shares: saved.numbers('otherShares', otherStages.length) }]
        : []),
    ],
    normaliser: { mean: saved.numbers('mean', dim), scale: saved.numbers('scale', dim) },
  };
  saved.wantWeights(netsParameterCount(shapeOf(spec)));
  return createModel(spec, weights);
}

const prefixed = (prefix: string, values: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`${prefix}/${key}`, value]));
