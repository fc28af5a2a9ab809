// Time-Contrastive Networks, https://arxiv.org/abs/1704.06888; farther in time is less alike: R3M, https://arxiv.org/abs/2203.12601
/**
 * Progress from time alone, without stage labels: the plain baseline that progress rewards are compared with.
 *
 *   label         y_t = 1 - (T - t) / R, within [0, 1]      T: steps until the success arrived (what follows is rest);
 *                                                           R: its own T, or the longest T
 *
 *   regression    progress = sigmoid f(x)                   loss: mean (sigmoid f(x) - y)^2, failures with y = 0
 *
 *   contrastive   u = phi(x) / |phi(x)|                     the embedding, on the unit sphere
 *                 s_bj = u_b . v_j / temperature            anchor b against positive j; b's own is a frame of the same
 *                                                           episode, or the one with that y of another success
 *                 loss = mean_b -log (e^s_bb / sum_j e^s_bj)    j: b, all j farther from b in time than b's own positive,
 *                                                           |y_b - y_j| > |y_b - y_b'| + margin, and frames of failures
 *                 g = sum of u(last frames) / |...|         the goal
 *                 progress = C(u . g)                       C: non-decreasing, piecewise linear, fitted on the successes
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { meanAbsoluteError, spearman } from '../diagnostics/agreement.ts';
import { joinViolators } from '../diagnostics/isotonic.ts';
import { mean } from '../diagnostics/measure.ts';
import { Network } from '../parts/network.ts';
import { Random } from '../parts/random.ts';
import type { Workload } from '../tensor/compute.ts';
import { initialize, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import { openModel, packModel } from './bytes.ts';
import { fitNetworks, throwIfAborted } from './fitting.ts';
import { checkEpisodes } from './labels.ts';
import { createRewardModel } from './model.ts';
import { common } from './parts/fields.ts';
import {
  arrivalOf,
  clamp01,
  copyFrame,
  type FrameSet,
  frameSet,
  holdOut,
  restRadiusField,
  sigmoid,
} from './parts/frame-set.ts';
import { squaredLoss } from './parts/losses.ts';
import type { SenseId } from './senses.ts';
import type { Demonstration, FitContext, LearnedReward, RewardModel } from './types.ts';
import { fitNormaliser, type Normaliser, normalise } from './window.ts';

export const timeContrastiveFields = {
  objective: {
    type: 'choice',
    default: 'regression',
    options: ['regression', 'contrastive'],
    help: 'Predict the time left, or learn an embedding in which frames of the same time are near and compare with the goal',
  },
  perceives: {
    type: 'choice',
    default: 'observation',
    options: ['observation', 'objects'],
    help: "What it sees of a frame: the task's own observation, or hand, things and targets in slots",
  },
  clock: {
    type: 'choice',
    default: 'own',
    options: ['own', 'common'],
    help: 'Time left as a share of the own time to success (every success starts at 0), or of the longest one',
  },
  restRadius: restRadiusField,
  failures: {
    type: 'choice',
    default: 'zero',
    options: ['zero', 'ignore'],
    help: 'Failed episodes: progress 0 in every frame (contrastive: unlike every frame of a success), or not learned from',
  },
  hiddenSize: {
    type: 'integer',
    default: 32,
    min: 4,
    max: 512,
    help: 'Units in each of the two hidden layers',
  },
  embedding: {
    type: 'integer',
    default: 8,
    min: 2,
    max: 64,
    help: 'Contrastive: numbers in the embedding',
  },
  temperature: {
    type: 'number',
    default: 0.2,
    min: 0.01,
    max: 10,
    help: 'Contrastive: cosines are divided by it; a small one tells near frames apart and forgets about far ones',
  },
  positiveWindow: {
    type: 'number',
    default: 1,
    min: 0,
    max: 1,
    unit: 'share of the episode',
    help: 'Contrastive: positives are frames at most so far away. Narrow: only near frames are told apart, and far from the goal all is equally unlike it',
  },
  margin: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 1,
    unit: 'share of the episode',
    help: 'Contrastive: how much farther in time than the positive a frame must be to count as less alike',
  },
  across: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'Contrastive: share of positives that come from another success',
  },
  updates: common.updates,
  minibatch: {
    ...common.minibatch,
    default: 128,
    help: 'Frames in one gradient step; contrastive: half of them anchors, half positives, and half as many failed frames',
  },
  learningRate: common.learningRate,
  weightDecay: common.weightDecay,
  inputNoise: {
    ...common.inputNoise,
    help: 'Noise on the inputs while fitting: smooths the score around the demonstrations',
  },
  holdout: {
    ...common.holdout,
    help: 'Share of successes and of failures kept out of fitting for the reported measures',
  },
} as const satisfies Fields;

type TimeSettings = Settings<typeof timeContrastiveFields>;

const title = 'Time-contrastive model';
const magic = 'rl-time1';
/** Of the calibration, between similarity -1 (progress 0) and 1 (progress 1). */
const knotCount = 16;

export const timeContrastive: LearnedReward = {
  kind: 'learned',
  id: 'time-contrastive',
  title: 'Time to success',
  summary:
    'Progress from time alone: regression on the time left in demonstrations, or similarity to the goal in a time-contrastive embedding.',
  source: 'https://arxiv.org/abs/1704.06888',
  fields: timeContrastiveFields,
  causal: true,
  senses: (given) => [sensesOf(settingsOf(given))],
  workload,
  fit,
  load,
};

const settingsOf = (given: AnySettings): TimeSettings =>
  Object.freeze({ ...defaultsOf(timeContrastiveFields), ...given }) as TimeSettings;

const sensesOf = ({ perceives }: TimeSettings): SenseId => perceives;

const shapeOf = ({ objective, hiddenSize, embedding }: TimeSettings, dim: number): MlpShape => ({
  sizes: [dim, hiddenSize, hiddenSize, objective === 'regression' ? 1 : embedding],
  activation: 'tanh',
});

function workload(given: AnySettings, { frameDim }: Pick<FitContext, 'frameDim'>): Workload {
  const settings = settingsOf(given);
  const { objective, minibatch } = settings;
  const updateRows = objective === 'regression' ? minibatch : 3 * Math.floor(minibatch / 2);
  return { networks: [shapeOf(settings, frameDim)], updateRows, actRows: minibatch };
}

// ---------------------------------------------------------------------------------------------------------------------
// Labels

/** y of every frame of one episode. T: `arrival`; `longest`: the longest T of the successes. [length + 1] */
export function timeLabels(
  { length, success, arrival }: Pick<Demonstration, 'length' | 'success'> & { readonly arrival: number },
  clock: TimeSettings['clock'],
  longest: number,
): Float64Array {
  const scale = clock === 'own' ? arrival : longest;
  return Float64Array.from({ length: length + 1 }, (_, t) =>
    success ? clamp01(1 - (arrival - t) / scale) : 0,
  );
}

/** @throws RangeError naming the first episode where nothing succeeded. */
function wantSuccess(demonstrations: readonly Demonstration[]): void {
  if (demonstrations.some(({ success }) => success)) return;
  throw new RangeError(
    `Demonstrations: none of the ${demonstrations.length} succeeded (first: episode ${demonstrations[0]!.id}); wanted at least one success, there is no time to it otherwise`,
  );
}

// ---------------------------------------------------------------------------------------------------------------------
// Fitting

async function fit(
  demonstrations: readonly Demonstration[],
  given: AnySettings,
  context: FitContext,
): ReturnType<LearnedReward['fit']> {
  const settings = settingsOf(given);
  const { frameDim: dim, stages, signal } = context;
  checkEpisodes(demonstrations, dim);
  wantSuccess(demonstrations);
  throwIfAborted(signal);

  const random = new Random(context.seed);
  const split = holdOut(demonstrations, settings.holdout, random);
  const learned = split.training.filter(({ success }) => success || settings.failures === 'zero');
  const normaliser = fitNormaliser(
    learned.map(({ frames }) => frames),
    dim,
  );
  const set = frameSet(learned, normaliser);
  const arrivals = learned.map((_, e) => arrivalOf(set, e, settings.restRadius));
  const longest = Math.max(...learned.map(({ success }, e) => (success ? arrivals[e]! : 0)));
  const labels = learned.map(({ length, success }, e) =>
    timeLabels({ length, success, arrival: arrivals[e]! }, settings.clock, longest),
  );
  const parameters = initialize(shapeOf(settings, dim), random, { hiddenGain: 1, outputGain: 0.1 });
  const data = { set, learned, arrivals, labels, longest };
  const losses = await (settings.objective === 'regression' ? regress : contrast)(
    data,
    settings,
    parameters,
    random,
    context,
  );
  const spec: ModelSpec = {
    settings,
    dim,
    stages,
    normaliser,
    goal: new Float64Array(0),
    knots: new Float64Array(0),
  };
  const calibrated = settings.objective === 'regression' ? spec : calibrate(data, spec, parameters);
  const model = createModel(calibrated, parameters);

  const { training, heldOut } = split;
  const measured = heldOut.length > 0 ? heldOut : training;
  const prefix = heldOut.length > 0 ? 'holdout' : 'training';
  const measures = measure(model, measured, frameSet(measured, normaliser), settings, longest);
  const metrics = {
    ...losses,
    ...Object.fromEntries(Object.entries(measures).map(([key, value]) => [`${prefix}/${key}`, value])),
    'demonstrations/training': training.length,
    'demonstrations/holdout': heldOut.length,
  };
  return { model, metrics };
}

interface TrainingData {
  readonly set: FrameSet;
  readonly learned: readonly Demonstration[];
  /** T of each episode. */
  readonly arrivals: readonly number[];
  /** Of each episode, [length + 1]. */
  readonly labels: readonly Float64Array[];
  readonly longest: number;
}

type Optimise = (
  data: TrainingData,
  settings: TimeSettings,
  parameters: Float32Array,
  random: Random,
  context: FitContext,
) => Promise<Record<string, number>>;

/** Mean squared error of sigmoid f(x); its gradient is 2 (p - y) p (1 - p) / B. */
const regress: Optimise = ({ set, labels }, settings, parameters, random, context) => {
  const { minibatch: B, inputNoise } = settings;
  const y = Float64Array.from(labels.flatMap((episode) => [...episode]));
  const targets = new Float64Array(B);
  return fitNetworks(
    {
      ...optimiserOf(settings),
      networks: [{ shape: shapeOf(settings, set.dim) }],
      parameters,
      rows: B,
      async gradient(nets) {
        const [x, z, dZ] = [nets.inputs[0]!, nets.outputs[0]!, nets.outputGradients[0]!]; // [B, dim], [B, 1], [B, 1]
        const rows = Int32Array.from({ length: B }, () => random.integer(y.length));
        for (let b = 0; b < B; b++) copyFrame(set, rows[b]!, x, b * set.dim, inputNoise, random);
        await nets.forward([0], B);
        for (let b = 0; b < B; b++) targets[b] = y[rows[b]!]!;
        const loss = squaredLoss(z, targets, dZ);
        await nets.backward([0], B);
        return { 'loss/progress': loss };
      },
    },
    context,
  );
};

const optimiserOf = ({ updates, learningRate, weightDecay }: TimeSettings) => ({
  title: 'Time-contrastive',
  updates,
  learningRate,
  weightDecay,
});

/** Rows of the one network: B anchors, B positives, B failed frames where there are any. */
const contrast: Optimise = (data, settings, parameters, random, context) => {
  const { set, learned, arrivals, labels, longest } = data;
  const { minibatch, inputNoise, embedding: E, temperature, margin } = settings;
  const B = Math.floor(minibatch / 2);
  const successes = learned.flatMap(({ success }, e) => (success ? [e] : []));
  const failures = learned.flatMap(({ success }, e) => (success ? [] : [e]));
  const F = failures.length > 0 ? B : 0;
  const rows = 2 * B + F;
  const anchorY = new Float64Array(B);
  const positiveY = new Float64Array(B);
  const unit = new Float64Array(rows * E);
  const norms = new Float64Array(rows);
  const dUnit = new Float64Array(rows * E);

  const positiveOf = (e: number, t: number): readonly [number, number] => {
    const { length } = learned[e]!;
    const reach = Math.max(1, Math.round(settings.positiveWindow * length));
    const from = Math.max(0, t - reach);
    const near = from + random.integer(Math.min(length, t + reach) - from + 1);
    if (successes.length === 1 || random.uniform() >= settings.across) return [e, near];
    let other = e;
    while (other === e) other = successes[random.integer(successes.length)]!;
    const steps = arrivals[other]!;
    const scale = settings.clock === 'own' ? steps : longest;
    return [other, Math.max(0, Math.round(steps - (1 - labels[e]![near]!) * scale))];
  };
  const any = (episodes: readonly number[]): readonly [number, number] => {
    const e = episodes[random.integer(episodes.length)]!;
    return [e, random.integer(learned[e]!.length + 1)];
  };

  return fitNetworks(
    {
      ...optimiserOf(settings),
      networks: [{ shape: shapeOf(settings, set.dim) }],
      parameters,
      rows,
      async gradient(nets) {
        const [x, z, dZ] = [nets.inputs[0]!, nets.outputs[0]!, nets.outputGradients[0]!]; // [rows, dim], [rows, E] twice
        const put = (row: number, [e, t]: readonly [number, number]): void =>
          copyFrame(set, set.first[e]! + t, x, row * set.dim, inputNoise, random);
        for (let b = 0; b < B; b++) {
          const [e, t] = any(successes);
          const [otherE, otherT] = positiveOf(e, t);
          put(b, [e, t]);
          put(B + b, [otherE, otherT]);
          anchorY[b] = labels[e]![t]!;
          positiveY[b] = labels[otherE]![otherT]!;
        }
        for (let f = 0; f < F; f++) put(2 * B + f, any(failures));
        await nets.forward([0], rows);
        for (let row = 0; row < rows; row++) norms[row] = unitInto(z, row * E, unit, row * E, E);
        const loss = infoNce({ unit, dUnit, B, F, E, temperature, margin, anchorY, positiveY });
        // d phi = (du - (du . u) u) / |phi|
        for (let row = 0; row < rows; row++) {
          const along = dot(dUnit, row * E, unit, row * E, E);
          for (let k = row * E; k < (row + 1) * E; k++) dZ[k] = (dUnit[k]! - along * unit[k]!) / norms[row]!;
        }
        await nets.backward([0], rows);
        return { 'loss/contrastive': loss };
      },
    },
    context,
  );
};

export interface InfoNceRows {
  /** Unit vectors of B anchors, B positives and F failed frames. [2 B + F, E] */
  readonly unit: Float64Array;
  /** d loss / d unit, written. [2 B + F, E] */
  readonly dUnit: Float64Array;
  readonly B: number;
  readonly F: number;
  readonly E: number;
  readonly temperature: number;
  readonly margin: number;
  /** Labels. [B] */
  readonly anchorY: Float64Array;
  readonly positiveY: Float64Array;
}

/** mean_b -log (e^s_bb / sum_j e^s_bj) with s_bj = u_b . v_j / temperature; d loss / d s_bj = (p_bj - [j = b]) / B. */
export function infoNce(rows: InfoNceRows): number {
  const { unit, dUnit, B, F, E, temperature, margin, anchorY, positiveY } = rows;
  const e = new Float64Array(B + F);
  let loss = 0;
  dUnit.fill(0);
  for (let b = 0; b < B; b++) {
    const apart = Math.abs(anchorY[b]! - positiveY[b]!);
    const own = dot(unit, b * E, unit, (B + b) * E, E) / temperature;
    // Relative to the own similarity: s differs by at most 2 / temperature, which no double overflows at.
    let sum = 0;
    for (let j = 0; j < B + F; j++) {
      // Nearer frames are no counter-examples; failed frames always are.
      const isLeftOut = j !== b && j < B && Math.abs(anchorY[b]! - positiveY[j]!) <= apart + margin;
      e[j] = isLeftOut ? 0 : Math.exp(dot(unit, b * E, unit, (B + j) * E, E) / temperature - own);
      sum += e[j]!;
    }
    loss += Math.log(sum) / B;
    for (let j = 0; j < B + F; j++) {
      if (e[j] === 0) continue;
      const dS = (e[j]! / sum - (j === b ? 1 : 0)) / B / temperature;
      for (let k = 0; k < E; k++) {
        dUnit[b * E + k]! += dS * unit[(B + j) * E + k]!;
        dUnit[(B + j) * E + k]! += dS * unit[b * E + k]!;
      }
    }
  }
  return loss;
}

function dot(a: Float64Array, aOffset: number, b: Float64Array, bOffset: number, count: number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += a[aOffset + k]! * b[bOffset + k]!;
  return sum;
}

/** Writes the vector at length 1; returns the length it had. */
function unitInto(
  from: Float32Array | Float64Array,
  fromOffset: number,
  to: Float64Array,
  toOffset: number,
  count: number,
): number {
  let square = 0;
  for (let k = 0; k < count; k++) square += from[fromOffset + k]! ** 2;
  // A vector of length 0 has no direction; it stays 0.
  const norm = Math.sqrt(square) + 1e-12;
  for (let k = 0; k < count; k++) to[toOffset + k] = from[fromOffset + k]! / norm;
  return norm;
}

/** The goal from the last frames of successes, then C from all their frames. */
function calibrate(
  { set, learned, labels }: TrainingData,
  spec: ModelSpec,
  parameters: Float32Array,
): ModelSpec {
  const { embedding: E } = spec.settings;
  const network = new Network(shapeOf(spec.settings, set.dim), parameters);
  const count = set.frames.length / set.dim;
  const z = new Float64Array(count * E);
  network.forward(Float64Array.from(set.frames), count, z);
  const unit = new Float64Array(count * E);
  for (let row = 0; row < count; row++) unitInto(z, row * E, unit, row * E, E);
  const sum = new Float64Array(E);
  const successes = learned.flatMap(({ success }, e) => (success ? [e] : []));
  for (const e of successes) {
    const last = set.first[e]! + set.lengths[e]!;
    for (let k = 0; k < E; k++) sum[k]! += unit[last * E + k]!;
  }
  const goal = new Float64Array(E);
  unitInto(sum, 0, goal, 0, E);
  const pairs: { readonly similarity: number; readonly y: number }[] = [];
  for (const e of successes) {
    for (const [t, y] of labels[e]!.entries())
      pairs.push({ similarity: dot(unit, (set.first[e]! + t) * E, goal, 0, E), y });
  }
  return { ...spec, goal, knots: calibration(pairs, knotCount) };
}

/**
 * Knots of C as similarity, progress, similarity, progress ...: means of about `count` equally filled bins in order of
 * similarity; neighbours that would go down are joined (pool adjacent violators), so that C never falls; (-1, 0) before
 * them and (1, 1) behind them.
 */
export function calibration(
  pairs: readonly { readonly similarity: number; readonly y: number }[],
  count: number,
): Float64Array {
  const sorted = [...pairs].sort((a, b) => a.similarity - b.similarity);
  const size = Math.ceil(sorted.length / count);
  const bins = Array.from({ length: Math.ceil(sorted.length / size) }, (_, bin) => {
    const inside = sorted.slice(bin * size, (bin + 1) * size);
    return {
      x: inside.reduce((sum, { similarity }) => sum + similarity, 0),
      y: inside.reduce((sum, { y }) => sum + y, 0),
      count: inside.length,
    };
  });
  const knots = joinViolators(bins).flatMap((pool) => [pool.x / pool.count, pool.y / pool.count]);
  return Float64Array.from([-1, 0, ...knots, 1, 1]);
}

/** C(similarity), straight between knots. Not-a-number stays. */
export function calibrated(knots: Float64Array, similarity: number): number {
  for (let k = 2; k < knots.length; k += 2) {
    if (similarity > knots[k]!) continue;
    const width = knots[k]! - knots[k - 2]!;
    const share = width > 0 ? (similarity - knots[k - 2]!) / width : 1;
    return clamp01(knots[k - 1]! + share * (knots[k + 1]! - knots[k - 1]!));
  }
  // Rounding may leave a cosine a little above 1.
  return 1;
}

/** Against the labels: error and rank on successes; how far the last scores of successes and failures are apart. */
function measure(
  model: RewardModel,
  demonstrations: readonly Demonstration[],
  set: FrameSet,
  { clock, restRadius }: TimeSettings,
  longest: number,
): Record<string, number> {
  const last: Record<'success' | 'failure', number[]> = { success: [], failure: [] };
  const errors: number[] = [];
  const rank: number[] = [];
  for (const [e, { frames, length, success }] of demonstrations.entries()) {
    const { perStep } = model.score(frames, length);
    last[success ? 'success' : 'failure'].push(perStep[length]!);
    if (!success) continue;
    const labels = timeLabels({ length, success, arrival: arrivalOf(set, e, restRadius) }, clock, longest);
    errors.push(meanAbsoluteError(perStep, labels));
    rank.push(spearman(perStep, labels));
  }
  const found: Record<string, number> = {
    mae: mean(errors),
    spearman: mean(rank),
    finalGap: mean(last.success) - mean(last.failure),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => Number.isFinite(value)));
}

// ---------------------------------------------------------------------------------------------------------------------
// The model (plain numbers)

interface ModelSpec {
  readonly settings: TimeSettings;
  readonly dim: number;
  readonly stages: readonly string[];
  readonly normaliser: Normaliser;
  /** Contrastive: the unit vector of the goal, [embedding], and the knots of C. Empty otherwise. */
  readonly goal: Float64Array;
  readonly knots: Float64Array;
}

function createModel(spec: ModelSpec, parameters: Float32Array): RewardModel {
  const { settings, dim, stages, normaliser, goal, knots } = spec;
  const isRegression = settings.objective === 'regression';
  const E = isRegression ? 1 : settings.embedding;
  return createRewardModel({
    method: 'time-contrastive',
    title,
    senses: [sensesOf(settings)],
    frameDim: dim,
    stages,
    scorer(capacity) {
      const network = new Network(shapeOf(settings, dim), parameters);
      const x = new Float64Array(capacity * dim);
      const z = new Float64Array(capacity * E);
      const unit = new Float64Array(E);
      return {
        memory: 0,
        extras: isRegression ? [] : ['similarity'],
        begin() {},
        run(frames, offset, rows, _memory, _memoryOffset, { progress, extras }) {
          for (let row = 0; row < rows; row++)
            normalise(normaliser, frames, offset + row * dim, x, row * dim);
          network.forward(x, rows, z);
          for (let row = 0; row < rows; row++) {
            if (isRegression) {
              progress[row] = sigmoid(z[row]!);
              continue;
            }
            unitInto(z, row * E, unit, 0, E);
            const similarity = dot(unit, 0, goal, 0, E);
            extras['similarity']![row] = similarity;
            progress[row] = calibrated(knots, similarity);
          }
        },
      };
    },
    save() {
      const header = {
        settings,
        frameDim: dim,
        stages,
        mean: Array.from(normaliser.mean),
        scale: Array.from(normaliser.scale),
        goal: Array.from(goal),
        knots: Array.from(knots),
      };
      return packModel(magic, { header, weights: parameters });
    },
  });
}

function load(bytes: Uint8Array): RewardModel {
  const saved = openModel(title, magic, bytes);
  const { weights, frameDim: dim, stages } = saved;
  const settings = settingsOf(saved.settings);
  const isRegression = settings.objective === 'regression';
  const spec: ModelSpec = {
    settings,
    dim,
    stages,
    normaliser: { mean: saved.numbers('mean', dim), scale: saved.numbers('scale', dim) },
    goal: saved.numbers('goal', isRegression ? 0 : settings.embedding),
    knots: saved.numbers('knots', isRegression ? 0 : undefined),
  };
  saved.wantWeights(parameterCount(shapeOf(settings, dim)));
  return createModel(spec, weights);
}
