// Large Reward Models: Generalizable Online Robot Reward Generation with Vision-Language Models, https://arxiv.org/abs/2603.16065
/**
 * Three questions about frames, asked every `interval` steps (k):
 *
 *   contrastive   c = 2 sigmoid (f(x_t) - f(x_{t-k})) - 1   is this frame closer to completion than the one a query before?
 *                                                        in [-1, 1]; 0 at the first frame, where there is nothing to compare
 *   progress      p = sum_i (i / 10) softmax g(x_t)_i    how far is it, in answers 0.0, 0.1 .. 1.0; or sigmoid g(x_t)
 *   completion    d = sigmoid h(x_t)                     is it done?
 *
 *   reward        r = 1/3 (c + 1) / 2 + 1/3 p + 1/3 d    rescaled: all three in [0, 1]
 *                 r = 1/3 (c + p + d)                    signed: a step back cancels the progress that is there
 *
 *   between two queries the last r is held, or nothing is paid
 *
 *   T             steps until a success arrived; what follows is rest
 *   losses        CE(f(x') - f(x), 1) for a later frame x' of a success, CE(.., 1/2) for two at rest or of a failure
 *                 CE(g, two neighbouring answers that average to y), y = min(1, t / T), failures 0;  or mean (sigmoid g - y)^2
 *                 CE(h, 1) from T on and for the last `doneFrames` of a success, CE(h, 0) for others, half and half
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { meanAbsoluteError } from '../diagnostics/agreement.ts';
import { mean } from '../diagnostics/measure.ts';
import { Network } from '../parts/network.ts';
import { Random } from '../parts/random.ts';
import type { Workload } from '../tensor/compute.ts';
import { initialize, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import { openModel, packModel } from './bytes.ts';
import { fitNetworks, throwIfAborted } from './fitting.ts';
import { checkEpisodes } from './labels.ts';
import { createRewardModel, type FrameScorer } from './model.ts';
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
import { softmaxInPlace, softplus, squaredLoss } from './parts/losses.ts';
import { monotonicity, pairwiseAccuracy, rocAuc } from './parts/open-loop.ts';
import type { SenseId } from './senses.ts';
import type { Demonstration, FitContext, LearnedReward, RewardModel } from './types.ts';
import { fitNormaliser, type Normaliser, normalise } from './window.ts';

const fields = {
  heads: {
    type: 'choice',
    default: 'tri',
    options: ['tri', 'contrastive', 'progress', 'completion'],
    help: 'All three questions averaged, or one alone',
  },
  interval: {
    type: 'integer',
    default: 5,
    min: 1,
    max: 1000,
    unit: 'steps',
    help: 'Control steps from one query to the next; two compared frames are as far apart',
  },
  between: {
    type: 'choice',
    default: 'hold',
    options: ['hold', 'zero'],
    help: 'Between two queries: the last score, or 0',
  },
  sum: {
    type: 'choice',
    default: 'rescaled',
    options: ['rescaled', 'signed'],
    help: 'Of three heads: the contrastive answer in [0, 1] like the others, or in [-1, 1] (the sum is then put into [0, 1] as a whole)',
  },
  answers: {
    type: 'choice',
    default: 'soft',
    options: ['soft', 'hard'],
    help: 'Probabilities and means, or the one word that a language model would say',
  },
  progressAs: {
    type: 'choice',
    default: 'bins',
    options: ['bins', 'regression'],
    help: 'Progress as one of the answers 0.0, 0.1 .. 1.0, or as a number',
  },
  initialFrame: {
    type: 'boolean',
    default: false,
    help: 'The progress head also sees the first frame of the episode',
  },
  perceives: {
    type: 'choice',
    default: 'observation',
    options: ['observation', 'objects'],
    help: "What it sees of a frame: the task's own observation, or hand, things and targets in slots",
  },
  restRadius: restRadiusField,
  doneFrames: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 100,
    unit: 'frames',
    help: 'Last frames of a success in which the task counts as completed, however short it rests',
  },
  negatives: {
    type: 'choice',
    default: 'all',
    options: ['all', 'failures'],
    help: 'What is not completed: frames of failures and of successes before their end, or of failures alone',
  },
  hiddenSize: {
    type: 'integer',
    default: 32,
    min: 4,
    max: 512,
    help: 'Units in each of the two hidden layers of every head',
  },
  updates: common.updates,
  minibatch: {
    ...common.minibatch,
    default: 128,
    unit: 'samples',
    help: 'Pairs or frames of every head in one gradient step',
  },
  learningRate: common.learningRate,
  weightDecay: common.weightDecay,
  inputNoise: {
    ...common.inputNoise,
    default: 0.2,
    help: 'Noise on the inputs while fitting: smooths the answers around the demonstrations',
  },
  holdout: {
    ...common.holdout,
    help: 'Share of successes and of failures kept out of fitting for the reported measures',
  },
} as const satisfies Fields;

type LrmSettings = Settings<typeof fields>;

const title = 'LRM model';
const magic = 'rl-lrm01';

const headIds = ['contrastive', 'progress', 'completion'] as const;
export type HeadId = (typeof headIds)[number];

/** Answers of the progress head: 0.0, 0.1 .. 1.0. */
const bins = 11;
/** A comparison less sure than this is answered "neither", where answers are hard. */
const unsure = 0.2;
/** Ordered pairs of frames one interval apart below which there is nothing to learn a comparison from. */
const fewestPairs = 10;

export const lrm: LearnedReward = {
  kind: 'learned',
  id: 'lrm',
  title: 'Three-headed reward (LRM)',
  summary:
    'Asks every few steps which of two frames is closer to completion, how far it is and whether it is done, and averages the answers.',
  source: 'https://arxiv.org/abs/2603.16065',
  fields,
  causal: true,
  senses: (given) => [sensesOf(settingsOf(given))],
  workload,
  fit,
  load,
};

const settingsOf = (given: AnySettings): LrmSettings =>
  Object.freeze({ ...defaultsOf(fields), ...given }) as LrmSettings;

const sensesOf = ({ perceives }: LrmSettings): SenseId => perceives;

const headsOf = ({ heads }: LrmSettings): readonly HeadId[] => (heads === 'tri' ? headIds : [heads]);

function shapeOf(head: HeadId, settings: LrmSettings, dim: number): MlpShape {
  const { hiddenSize, progressAs, initialFrame } = settings;
  const isPair = head === 'progress' && initialFrame;
  const outputs = head === 'progress' && progressAs === 'bins' ? bins : 1;
  return { sizes: [isPair ? 2 * dim : dim, hiddenSize, hiddenSize, outputs], activation: 'tanh' };
}

function workload(given: AnySettings, { frameDim }: Pick<FitContext, 'frameDim'>): Workload {
  const settings = settingsOf(given);
  return {
    networks: headsOf(settings).map((head) => shapeOf(head, settings, frameDim)),
    updateRows: 2 * settings.minibatch,
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
  const settings = settingsOf(given);
  const { frameDim: dim, stages, signal } = context;
  checkEpisodes(demonstrations, dim);
  const random = new Random(context.seed);
  const { training, heldOut } = holdOut(demonstrations, settings.holdout, random);
  checkClasses(training, settings);
  throwIfAborted(signal);

  const normaliser = fitNormaliser(
    training.map(({ frames }) => frames),
    dim,
  );
  const spec: ModelSpec = { settings, dim, stages, normaliser };
  const parameters = firstWeights(spec, random);
  const set = frameSet(training, normaliser);
  const losses = await optimise(set, training, spec, parameters, random, context);
  const model = createModel(spec, parameters);

  const prefix = heldOut.length > 0 ? 'holdout' : 'training';
  const measures = openLoop(model, spec, parameters, heldOut.length > 0 ? heldOut : training);
  const metrics = {
    ...losses,
    ...Object.fromEntries(Object.entries(measures).map(([key, value]) => [`${prefix}/${key}`, value])),
    'demonstrations/training': training.length,
    'demonstrations/holdout': heldOut.length,
    'demonstrations/failures': demonstrations.filter(({ success }) => !success).length,
  };
  return { model, metrics };
}

/** @throws RangeError naming what is missing, and an episode. */
function checkClasses(training: readonly Demonstration[], settings: LrmSettings): void {
  const heads = headsOf(settings);
  const successes = training.filter(({ success }) => success);
  if (successes.length === 0) {
    throw new RangeError(
      `Demonstrations: none of the ${training.length} succeeded (first: episode ${training[0]!.id}); wanted at least one success, no head can be fitted on failures alone`,
    );
  }
  if (heads.includes('completion')) {
    if (settings.negatives === 'failures' && successes.length === training.length) {
      throw new RangeError(
        `Demonstrations: all ${training.length} succeeded (first: episode ${training[0]!.id}); wanted at least one failure for the completion head, whose negatives are failures`,
      );
    }
    const short = successes.find(({ length }) => length + 1 <= settings.doneFrames);
    if (short !== undefined && settings.negatives === 'all') {
      throw new RangeError(
        `Episode ${short.id}: found ${short.length + 1} frames, wanted more than doneFrames = ${settings.doneFrames}; all of it would count as completed`,
      );
    }
  }
  if (heads.includes('contrastive')) {
    const pairs = successes.reduce((sum, { length }) => sum + Math.max(0, length + 1 - settings.interval), 0);
    if (pairs < fewestPairs) {
      const longest = successes.reduce((a, b) => (b.length > a.length ? b : a));
      throw new RangeError(
        `Pairs: found ${pairs} pairs of frames ${settings.interval} steps apart in ${successes.length} successes (longest: episode ${longest.id} of ${longest.length} steps), wanted at least ${fewestPairs}; a shorter interval gives more`,
      );
    }
  }
}

function firstWeights({ settings, dim }: ModelSpec, random: Random): Float32Array {
  const parts = headsOf(settings).map((head) =>
    initialize(shapeOf(head, settings, dim), random, { hiddenGain: 1, outputGain: 0.1 }),
  );
  const parameters = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    parameters.set(part, at);
    at += part.length;
  }
  return parameters;
}

/** All heads at once, each on its own samples. */
function optimise(
  set: FrameSet,
  training: readonly Demonstration[],
  { settings, dim }: ModelSpec,
  parameters: Float32Array,
  random: Random,
  context: FitContext,
): Promise<Record<string, number>> {
  const heads = headsOf(settings);
  const { minibatch: B, inputNoise, updates, learningRate, weightDecay } = settings;
  const episodes = training.map((demonstration, e) => ({
    ...demonstration,
    first: set.first[e]!,
    arrival: arrivalOf(set, e, settings.restRadius),
  }));
  const samplers: Readonly<Record<HeadId, () => Sample>> = {
    contrastive: () => pairSample(episodes, settings.interval, random),
    progress: () => progressSample(episodes, settings.initialFrame, random),
    completion: completionSampler(episodes, settings, random),
  };
  const targets = new Float64Array(B);
  return fitNetworks(
    {
      title: 'LRM',
      networks: heads.map((head) => ({ shape: shapeOf(head, settings, dim) })),
      parameters,
      rows: 2 * B,
      updates,
      learningRate,
      weightDecay,
      async gradient(nets) {
        const losses: Record<string, number> = {};
        for (const [n, head] of heads.entries()) {
          const [x, z, dZ] = [nets.inputs[n]!, nets.outputs[n]!, nets.outputGradients[n]!]; // [rows, inputs], [rows, outputs] twice
          let to = 0;
          for (let b = 0; b < B; b++) {
            const { rows, target } = samplers[head]();
            targets[b] = target;
            for (const row of rows) {
              copyFrame(set, row, x, to, inputNoise, random);
              to += dim;
            }
          }
          // A pair is two rows, one after the other.
          const rows = head === 'contrastive' ? 2 * B : B;
          await nets.forward([n], rows);
          losses[`loss/${head}`] =
            head === 'contrastive'
              ? pairLoss(z, targets, dZ)
              : head === 'completion'
                ? logisticLoss(z, targets, dZ)
                : settings.progressAs === 'bins'
                  ? binLoss(z, targets, dZ)
                  : squaredLoss(z, targets, dZ);
          await nets.backward([n], rows);
        }
        return losses;
      },
    },
    context,
  );
}

interface Sample {
  /** Rows of the frame set, side by side in the input. */
  readonly rows: readonly number[];
  readonly target: number;
}

interface LearnedEpisode extends Pick<Demonstration, 'length' | 'success'> {
  /** Row of its first frame. */
  readonly first: number;
  /** T. */
  readonly arrival: number;
}

/** Two frames at most two intervals apart, the earlier first. At rest, or of a failure: neither is closer. */
function pairSample(episodes: readonly LearnedEpisode[], interval: number, random: Random): Sample {
  const { first, length, success, arrival } = episodes[random.integer(episodes.length)]!;
  const t = random.integer(length);
  const later = t + 1 + random.integer(Math.min(2 * interval, length - t));
  return { rows: [first + t, first + later], target: success && t < arrival ? 1 : 0.5 };
}

function progressSample(episodes: readonly LearnedEpisode[], initialFrame: boolean, random: Random): Sample {
  const { first, length, success, arrival } = episodes[random.integer(episodes.length)]!;
  const t = random.integer(length + 1);
  return {
    rows: initialFrame ? [first, first + t] : [first + t],
    target: success ? Math.min(1, t / arrival) : 0,
  };
}

/** Completed and not completed frames half and half: the former may be few. */
function completionSampler(
  episodes: readonly LearnedEpisode[],
  { doneFrames, negatives }: LrmSettings,
  random: Random,
): () => Sample {
  const done: number[] = [];
  const open: number[] = [];
  for (const { first, length, success, arrival } of episodes) {
    for (let t = 0; t <= length; t++) {
      if (success && (t >= arrival || t > length - doneFrames)) done.push(first + t);
      else if (!success || negatives === 'all') open.push(first + t);
    }
  }
  return () => {
    const target = random.uniform() < 0.5 ? 1 : 0;
    const from = target === 1 ? done : open;
    return { rows: [from[random.integer(from.length)]!], target };
  };
}

/** mean of -y log sigmoid z - (1 - y) log (1 - sigmoid z); gradient (sigmoid z - y) / B. Arrays are [B]. */
export function logisticLoss(
  z: ArrayLike<number>,
  targets: ArrayLike<number>,
  dZ: Float32Array | Float64Array,
): number {
  const B = targets.length;
  let loss = 0;
  for (let b = 0; b < B; b++) {
    loss += (softplus(z[b]!) - targets[b]! * z[b]!) / B;
    dZ[b] = (sigmoid(z[b]!) - targets[b]!) / B;
  }
  return loss;
}

/** The logistic loss of f(later) - f(earlier), which lie one after the other in z and dZ. [2 B] */
export function pairLoss(
  z: ArrayLike<number>,
  targets: ArrayLike<number>,
  dZ: Float32Array | Float64Array,
): number {
  const difference = Float64Array.from(targets, (_, b) => z[2 * b + 1]! - z[2 * b]!);
  const dDifference = new Float64Array(targets.length);
  const loss = logisticLoss(difference, targets, dDifference);
  for (const [b, d] of dDifference.entries()) {
    dZ[2 * b] = -d;
    dZ[2 * b + 1] = d;
  }
  return loss;
}

/**
 * mean of -sum_i q_i log p_i with p = softmax z, and q on the two answers next to y so that sum_i (i / 10) q_i = y; gradient
 * (p - q) / B. z: [B, 11]
 */
export function binLoss(
  z: ArrayLike<number>,
  targets: ArrayLike<number>,
  dZ: Float32Array | Float64Array,
): number {
  const B = targets.length;
  const p = new Float64Array(bins);
  let loss = 0;
  for (let b = 0; b < B; b++) {
    for (let i = 0; i < bins; i++) p[i] = z[b * bins + i]!;
    softmaxInPlace(p, 0, bins);
    const at = targets[b]! * (bins - 1);
    for (let i = 0; i < bins; i++) {
      const q = Math.max(0, 1 - Math.abs(at - i));
      if (q > 0) loss -= (q * Math.log(Math.max(p[i]!, Number.MIN_VALUE))) / B;
      dZ[b * bins + i] = (p[i]! - q) / B;
    }
  }
  return loss;
}

// ---------------------------------------------------------------------------------------------------------------------
// Open-loop measures

/** What the heads say of episodes that were not learned from; only what these episodes and heads have a number for. */
function openLoop(
  model: RewardModel,
  spec: ModelSpec,
  parameters: Float32Array,
  episodes: readonly Demonstration[],
): Record<string, number> {
  const { settings, dim, normaliser } = spec;
  const { interval } = settings;
  const last: Record<'success' | 'failure', number[]> = { success: [], failure: [] };
  const rising: number[] = [];
  const errors: number[] = [];
  const directions: number[] = [];
  const recalls: number[] = [];
  const heads = new Heads(spec, parameters);
  const rows = [new Float64Array(dim), new Float64Array(dim)] as const;
  const set = frameSet(episodes, normaliser);
  for (const [e, { frames, length, success }] of episodes.entries()) {
    const arrival = arrivalOf(set, e, settings.restRadius);
    const { perStep, extras } = model.score(frames, length);
    const held = extras['held']!;
    last[success ? 'success' : 'failure'].push(held[length]!);
    if (!success) continue;
    const queried = (track: Float32Array): Float32Array => track.filter((_, t) => t % interval === 0);
    if (length >= interval) rising.push(monotonicity(queried(held)));
    if ('progress' in extras) {
      const asked = queried(extras['progress']!);
      errors.push(
        meanAbsoluteError(
          asked,
          asked.map((_, q) => Math.min(1, (q * interval) / arrival)),
        ),
      );
    }
    if (!('contrastive' in extras)) continue;
    for (let t = 0; t + interval < perStep.length && t < arrival; t++) {
      normalise(normaliser, frames, t * dim, rows[0], 0);
      normalise(normaliser, frames, (t + interval) * dim, rows[1], 0);
      const c = heads.compare(heads.utility(rows[0]), heads.utility(rows[1]));
      if (c !== 0) directions.push(c > 0 ? 1 : 0);
      recalls.push(c > 0 ? 1 : 0);
    }
  }
  const found: Record<string, number> = {
    rocAuc: rocAuc(last.success, last.failure),
    pairwiseAccuracy: pairwiseAccuracy(last.success, last.failure),
    monotonicity: mean(rising),
    progressMae: mean(errors),
    directionAccuracy: mean(directions),
    progressRecall: mean(recalls),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => Number.isFinite(value)));
}

// ---------------------------------------------------------------------------------------------------------------------
// The model (plain numbers)

interface ModelSpec {
  readonly settings: LrmSettings;
  readonly dim: number;
  readonly stages: readonly string[];
  readonly normaliser: Normaliser;
}

/** The answers of the three heads; those that were not fitted answer nothing. */
export interface Answers {
  /** In [-1, 1]. */
  readonly contrastive?: number;
  /** In [0, 1]. */
  readonly progress?: number;
  readonly completion?: number;
}

/** The reward in [0, 1]. The signed sum of three lies in [-1/3, 1] and is put there as a whole: (c + p + d + 1) / 4. */
export function combine(answers: Answers, sum: LrmSettings['sum']): number {
  const { contrastive: c, progress: p, completion: d } = answers;
  if (c !== undefined && p !== undefined && d !== undefined && sum === 'signed') return (c + p + d + 1) / 4;
  let total = 0;
  let count = 0;
  for (const term of [c === undefined ? c : (c + 1) / 2, p, d]) {
    if (term === undefined) continue;
    total += term;
    count++;
  }
  return total / count;
}

/** The fitted networks, asked about one frame at a time. */
class Heads {
  readonly #settings: LrmSettings;
  readonly #networks: Partial<Record<HeadId, Network>> = {};
  /** Two frames side by side, and what a network says. */
  readonly #x: Float64Array;
  readonly #z = new Float64Array(bins);

  constructor({ settings, dim }: ModelSpec, parameters: Float32Array) {
    this.#settings = settings;
    this.#x = new Float64Array(2 * dim);
    let at = 0;
    for (const head of headsOf(settings)) {
      const shape = shapeOf(head, settings, dim);
      const size = parameterCount(shape);
      this.#networks[head] = new Network(shape, parameters.subarray(at, at + size));
      at += size;
    }
  }

  has(head: HeadId): boolean {
    return this.#networks[head] !== undefined;
  }

  /** f(x), of which differences count. Frames are normalised, [dim]. */
  utility(frame: Float64Array): number {
    return this.#forward(this.#networks.contrastive!, frame);
  }

  /** c: whether the frame of utility `now` is closer to completion than that of `before`. */
  compare(before: number, now: number): number {
    const c = 2 * sigmoid(now - before) - 1;
    if (this.#settings.answers === 'soft' || Number.isNaN(c)) return c;
    return Math.abs(c) < unsure ? 0 : Math.sign(c);
  }

  progress(first: Float64Array, now: Float64Array): number {
    const { progressAs, initialFrame, answers } = this.#settings;
    const network = this.#networks.progress!;
    const z = initialFrame ? this.#forward(network, first, now) : this.#forward(network, now);
    if (progressAs === 'regression') {
      const p = sigmoid(z);
      return answers === 'soft' ? p : Math.round(p * (bins - 1)) / (bins - 1);
    }
    const best = softmaxInPlace(this.#z, 0, bins);
    let expected = 0;
    for (let i = 0; i < bins; i++) expected += (i / (bins - 1)) * this.#z[i]!;
    return answers === 'soft' || Number.isNaN(expected) ? expected : best / (bins - 1);
  }

  completion(now: Float64Array): number {
    const d = sigmoid(this.#forward(this.#networks.completion!, now));
    if (this.#settings.answers === 'soft' || Number.isNaN(d)) return d;
    return d >= 0.5 ? 1 : 0;
  }

  /** All outputs in `#z`; returns the first. */
  #forward(network: Network, frame: Float64Array, second?: Float64Array): number {
    this.#x.set(frame);
    if (second !== undefined) this.#x.set(second, frame.length);
    network.forward(this.#x, 1, this.#z);
    return this.#z[0]!;
  }
}

function createModel(spec: ModelSpec, parameters: Float32Array): RewardModel {
  const { settings, dim, stages, normaliser } = spec;
  const { interval, between, sum } = settings;
  const fitted = headsOf(settings);
  // Of each world: steps so far, first frame [dim], utility at the last query, reward and answers then.
  const firstAt = 1;
  const utilityAt = firstAt + dim;
  const heldAt = utilityAt + 1;
  const memorySize = heldAt + 1 + fitted.length;

  function scorer(): FrameScorer {
    const heads = new Heads(spec, parameters);
    const first = new Float64Array(dim);
    const now = new Float64Array(dim);
    /** Asks all heads about `now`; writes reward, answers and utility to the world's memory at `at`. */
    const ask = (memory: Float64Array, at: number, isFirst: boolean): void => {
      const answers: { -readonly [K in keyof Answers]: Answers[K] } = {};
      if (heads.has('contrastive')) {
        const utility = heads.utility(now);
        answers.contrastive = heads.compare(isFirst ? utility : memory[at + utilityAt]!, utility);
        memory[at + utilityAt] = utility;
      }
      if (heads.has('progress')) {
        for (let d = 0; d < dim; d++) first[d] = memory[at + firstAt + d]!;
        answers.progress = heads.progress(first, now);
      }
      if (heads.has('completion')) answers.completion = heads.completion(now);
      memory[at + heldAt] = clamp01(combine(answers, sum));
      for (const [n, head] of fitted.entries()) memory[at + heldAt + 1 + n] = answers[head]!;
    };
    return {
      memory: memorySize,
      extras: [...fitted, 'held'],
      begin(frames, offset, memory, at) {
        memory.fill(0, at, at + memorySize);
        normalise(normaliser, frames, offset, memory, at + firstAt);
      },
      run(frames, offset, rows, memory, memoryOffset, { progress, extras }, isFirst) {
        for (let row = 0; row < rows; row++) {
          const at = memoryOffset + row * memorySize;
          if (!isFirst) memory[at]! += 1;
          const isQuery = memory[at]! % interval === 0;
          if (isQuery) {
            normalise(normaliser, frames, offset + row * dim, now, 0);
            ask(memory, at, isFirst);
          }
          const held = memory[at + heldAt]!;
          progress[row] = isQuery || between === 'hold' ? held : 0;
          extras['held']![row] = held;
          for (const [n, head] of fitted.entries()) extras[head]![row] = memory[at + heldAt + 1 + n]!;
        }
      },
    };
  }

  return createRewardModel({
    method: 'lrm',
    title,
    senses: [sensesOf(settings)],
    frameDim: dim,
    stages,
    scorer,
    save() {
      const header = {
        settings,
        frameDim: dim,
        stages,
        mean: Array.from(normaliser.mean),
        scale: Array.from(normaliser.scale),
      };
      return packModel(magic, { header, weights: parameters });
    },
  });
}

function load(bytes: Uint8Array): RewardModel {
  const saved = openModel(title, magic, bytes);
  const { weights, frameDim: dim, stages } = saved;
  const spec: ModelSpec = {
    settings: settingsOf(saved.settings),
    dim,
    stages,
    normaliser: { mean: saved.numbers('mean', dim), scale: saved.numbers('scale', dim) },
  };
  saved.wantWeights(
    headsOf(spec.settings).reduce((sum, head) => sum + parameterCount(shapeOf(head, spec.settings, dim)), 0),
  );
  return createModel(spec, weights);
}
