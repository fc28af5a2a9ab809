// Unsupervised Perceptual Rewards for Imitation Learning, https://arxiv.org/abs/1612.06699
/**
 * A handful of demonstrations, no labels: where do they fall into steps, and by which features is each step known?
 *
 *   steps        split each demonstration into K segments so that the features vary little inside them      (segment)
 *                std:      min  mean_k mean_i sigma_ik         (the paper's recursion, here by dynamic programming)
 *                variance: min  sum_k sum_i sum_{t in k} (x_it - mu_ik)^2
 *   alignment    step k of one demonstration is step k of every other
 *   features     z_i = alpha |mu+_i - mu-_i| - (sigma+_i + sigma-_i), the M best of each step                (selectFeatures)
 *   step         R_k(x) = exp(-1/2 mean_i (x_i - mu+_ik)^2 / sigma+_ik^2) over the M features of step k, in [0, 1]
 *   beyond       R'_k = max_{j >= k} R_j: whoever is in a later step has been through this one
 *   reward       R = sum_{k=2..K} 2^(k-1) R'_k / sum_{k=2..K} 2^(k-1), in [0, 1]
 *
 * mu+, sigma+ are over the frames of step k in all demonstrations, mu-, sigma- over all other frames; every feature is
 * normalised by mean and deviation of all demonstrations first. Failed episodes have no steps to find; their frames are
 * other frames for the last step, which they never reached.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { Random } from '../parts/random.ts';
import { openModel, packModel } from './bytes.ts';
import { throwIfAborted } from './fitting.ts';
import { checkEpisodes } from './labels.ts';
import { createRewardModel } from './model.ts';
import { type SenseId, viewSide } from './senses.ts';
import type { Demonstration, FitContext, LearnedReward, RewardModel, StageSpan } from './types.ts';
import { fitNormaliser, type Normaliser, normalise } from './window.ts';

const fields = {
  input: {
    type: 'choice',
    default: 'observation',
    options: ['observation', 'objects', 'goal', 'view:front', 'view:side', 'view:top', 'view:wrist'],
    help: 'What the features are made of: numbers of a sense, or random convolutions of a picture',
  },
  filters: {
    type: 'integer',
    default: 16,
    min: 0,
    max: 64,
    help: 'Random 5 x 5 filters over a picture, 16 features each; 0 takes the pixels as they are',
  },
  steps: { type: 'integer', default: 4, min: 2, max: 12, help: 'Steps to find in a demonstration' },
  minimumFrames: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 200,
    unit: 'frames',
    help: 'Shortest step',
  },
  criterion: {
    type: 'choice',
    default: 'variance',
    options: ['variance', 'std'],
    help: "What the split makes small: squared distances to a step's mean, or the mean over steps of their standard deviation (the paper)",
  },
  alignment: {
    type: 'choice',
    default: 'order',
    options: ['order', 'shared'],
    help: 'Steps of several demonstrations belong together by their order (the paper), or are also moved until all share one mean and spread per step',
  },
  alpha: {
    type: 'number',
    default: 5,
    min: 0,
    max: 100,
    help: 'How much the distance of the means counts against the spreads when features are chosen',
  },
  features: {
    type: 'integer',
    default: 16,
    min: 1,
    max: 1024,
    help: 'Most discriminative features kept for each step',
  },
  sharpest: {
    type: 'number',
    default: 0.1,
    min: 1e-3,
    max: 10,
    unit: 'standard deviations',
    help: 'Smallest spread of a feature in a step: narrower ones would tell only frames that were seen',
  },
  beyond: {
    type: 'boolean',
    default: true,
    help: 'A later step counts for the earlier ones, too; off: the plain weighted sum of the paper',
  },
} as const satisfies Fields;

type PerceptualSettings = Settings<typeof fields>;

const title = 'Perceptual reward model';
const magic = 'rl-perc1';

export const perceptual: LearnedReward = {
  kind: 'learned',
  id: 'perceptual',
  title: 'Perceptual rewards',
  summary:
    'Finds the steps of a handful of unlabelled demonstrations and the features that tell each step; later steps pay more.',
  source: 'https://arxiv.org/abs/1612.06699',
  fields,
  causal: true,
  senses: (given) => [settingsOf(given).input],
  workload: () => ({ networks: [], updateRows: 1, actRows: 1 }),
  fit,
  load,
};

const settingsOf = (given: AnySettings): PerceptualSettings =>
  Object.freeze({ ...defaultsOf(fields), ...given }) as PerceptualSettings;

// ---------------------------------------------------------------------------------------------------------------------
// Features

/** Frames of a demonstration as features. [frames, dim] */
interface FeatureRows {
  readonly demonstration: Demonstration;
  readonly rows: Float64Array;
}

/** From a frame's numbers to features: as they are, or random convolutions of a picture. */
interface Extractor {
  readonly dim: number;
  readonly names: readonly string[];
  run(frames: Float64Array, offset: number, out: Float64Array, outOffset: number): void;
}

const kernelSide = 5;
const pooled = 4;

function extractorFor(
  { input, filters }: Pick<PerceptualSettings, 'input' | 'filters'>,
  names: readonly string[],
  seed: number,
): Extractor {
  if (!input.startsWith('view:') || filters === 0) {
    const dim = names.length;
    return {
      dim,
      names,
      run(frames, offset, out, outOffset) {
        for (let i = 0; i < dim; i++) out[outOffset + i] = frames[offset + i]!;
      },
    };
  }
  return randomConvolutions(filters, seed);
}

/** relu(w * picture), w ~ N(0, 1 / (5 * 5 * 3)), averaged over 4 x 4 cells: [filters, 4, 4]. Never trained. */
function randomConvolutions(filters: number, seed: number): Extractor {
  const random = new Random(seed);
  const taps = kernelSide * kernelSide * 3;
  const weights = Float64Array.from({ length: filters * taps }, () => random.gaussian() / Math.sqrt(taps));
  // 16 - 5 + 1 = 12 places a side, three to a cell.
  const places = viewSide - kernelSide + 1;
  const cell = places / pooled;
  const line = viewSide * 3;
  const names: string[] = [];
  for (let f = 0; f < filters; f++)
    for (let y = 0; y < pooled; y++) for (let x = 0; x < pooled; x++) names.push(`filter${f + 1}.${x}.${y}`);
  return {
    dim: names.length,
    names,
    run(frames, offset, out, outOffset) {
      out.fill(0, outOffset, outOffset + names.length);
      for (let f = 0; f < filters; f++) {
        for (let y = 0; y < places; y++) {
          for (let x = 0; x < places; x++) {
            let sum = 0;
            for (let v = 0, w = f * taps; v < kernelSide; v++) {
              let at = offset + (y + v) * line + x * 3;
              for (let c = 0; c < kernelSide * 3; c++) sum += weights[w++]! * frames[at++]!;
            }
            if (sum <= 0) continue;
            const to = outOffset + (f * pooled + Math.floor(y / cell)) * pooled + Math.floor(x / cell);
            out[to] = out[to]! + sum / (cell * cell);
          }
        }
      }
    },
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// Steps

export interface SegmentOptions {
  readonly steps: number;
  readonly minimumFrames: number;
  readonly criterion: 'variance' | 'std';
}

/**
 * First frames of the steps, the first of them 0; exact. rows [frames, dim].
 *
 *   best(k, e) = min over b of best(k - 1, b) + cost(b, e)
 *
 * The paper's recursion looks at every split and is exact, too, but takes frames^(steps - 1) of them; its sum of costs can
 * be taken apart at the last boundary, so frames^2 * steps will do.
 * @throws RangeError when there are too few frames for the steps.
 */
export function segment(
  rows: Float64Array,
  dim: number,
  { steps, minimumFrames: least, criterion }: SegmentOptions,
): Int32Array {
  const frames = rows.length / dim;
  if (frames < steps * least) {
    throw new RangeError(
      `found ${frames} frames, wanted at least ${steps * least} (${steps} steps of ${least} frames)`,
    );
  }
  const cost = segmentCosts(rows, dim, criterion);
  const width = frames + 1;
  const best = new Float64Array((steps + 1) * width).fill(Number.POSITIVE_INFINITY);
  const from = new Int32Array((steps + 1) * width);
  best[0] = 0;
  for (let e = least; e <= frames; e++) {
    for (let b = 0; b <= e - least; b++) {
      let price = Number.NaN;
      for (let k = 1; k <= steps; k++) {
        const before = best[(k - 1) * width + b]!;
        if (before === Number.POSITIVE_INFINITY) continue;
        if (Number.isNaN(price)) price = cost(b, e);
        if (before + price >= best[k * width + e]!) continue;
        best[k * width + e] = before + price;
        from[k * width + e] = b;
      }
    }
  }
  const starts = new Int32Array(steps);
  for (let k = steps, e = frames; k > 0; k--) {
    e = from[k * width + e]!;
    starts[k - 1] = e;
  }
  return starts;
}

/** What frames b <= t < e cost as one step, from sums over all frames before. */
function segmentCosts(
  rows: Float64Array,
  dim: number,
  criterion: SegmentOptions['criterion'],
): (b: number, e: number) => number {
  const frames = rows.length / dim;
  const sum = new Float64Array((frames + 1) * dim);
  const square = new Float64Array((frames + 1) * dim);
  for (let i = 0; i < frames * dim; i++) {
    sum[i + dim] = sum[i]! + rows[i]!;
    square[i + dim] = square[i]! + rows[i]! ** 2;
  }
  return (b, e) => {
    const n = e - b;
    let total = 0;
    for (let i = 0; i < dim; i++) {
      const s = sum[e * dim + i]! - sum[b * dim + i]!;
      const left = Math.max(0, square[e * dim + i]! - square[b * dim + i]! - (s * s) / n);
      total += criterion === 'std' ? Math.sqrt(left / n) : left;
    }
    return total / dim;
  };
}

/** Mean and spread of each step over all demonstrations. Both [steps, dim]. */
interface StepStatistics {
  readonly mean: Float64Array;
  readonly spread: Float64Array;
}

/** Most rounds of moving boundaries; they hardly ever take more than five. */
const mostRounds = 20;

/**
 * Moves the boundaries until all demonstrations share one Gaussian per step and feature: statistics of the steps, then the
 * likeliest split of each demonstration, and again (a left-to-right hidden Markov model, trained by its best paths).
 */
function share(
  data: readonly FeatureRows[],
  first: readonly Int32Array[],
  dim: number,
  { steps, minimumFrames: least, sharpest }: PerceptualSettings,
): Int32Array[] {
  let starts = [...first];
  for (let round = 0; round < mostRounds; round++) {
    const { mean, spread } = stepStatistics(data, starts, dim, steps, sharpest);
    const moved = data.map(({ rows }) => {
      const frames = rows.length / dim;
      // Cost of the frames before t as step k, added up. [steps, frames + 1]
      const sums = new Float64Array(steps * (frames + 1));
      for (let k = 0; k < steps; k++) {
        const at = k * (frames + 1);
        for (let t = 0; t < frames; t++) {
          let price = 0;
          for (let i = 0; i < dim; i++) {
            const sigma = spread[k * dim + i]!;
            price += 0.5 * ((rows[t * dim + i]! - mean[k * dim + i]!) / sigma) ** 2 + Math.log(sigma);
          }
          sums[at + t + 1] = sums[at + t]! + price;
        }
      }
      return likeliest(sums, frames, steps, least);
    });
    const isSame = moved.every((row, n) => row.every((start, k) => start === starts[n]![k]));
    starts = moved;
    if (isSame) break;
  }
  return starts;
}

/** First frames of the cheapest split where a step's cost is a difference of `sums` [steps, frames + 1]. */
function likeliest(sums: Float64Array, frames: number, steps: number, least: number): Int32Array {
  const width = frames + 1;
  const best = new Float64Array((steps + 1) * width).fill(Number.POSITIVE_INFINITY);
  const from = new Int32Array((steps + 1) * width);
  best[0] = 0;
  for (let k = 1; k <= steps; k++) {
    const at = (k - 1) * width;
    // The cheapest beginning so far: best(k - 1, b) - sums_k(b) over all b that leave room.
    let low = Number.POSITIVE_INFINITY;
    let lowAt = 0;
    for (let e = k * least; e <= frames; e++) {
      const b = e - least;
      const beginning = best[at + b]! - sums[at + b]!;
      if (beginning < low) [low, lowAt] = [beginning, b];
      best[k * width + e] = low + sums[at + e]!;
      from[k * width + e] = lowAt;
    }
  }
  const starts = new Int32Array(steps);
  for (let k = steps, e = frames; k > 0; k--) {
    e = from[k * width + e]!;
    starts[k - 1] = e;
  }
  return starts;
}

function stepStatistics(
  data: readonly FeatureRows[],
  starts: readonly Int32Array[],
  dim: number,
  steps: number,
  sharpest: number,
): StepStatistics {
  const mean = new Float64Array(steps * dim);
  const spread = new Float64Array(steps * dim);
  for (let k = 0; k < steps; k++) {
    const { mean: mu, deviation } = momentsOf(data, dim, (n, t) => stepAt(starts[n]!, t) === k);
    mean.set(mu, k * dim);
    for (let i = 0; i < dim; i++) spread[k * dim + i] = Math.max(sharpest, deviation[i]!);
  }
  return { mean, spread };
}

/** Step of frame t. */
function stepAt(starts: Int32Array, t: number): number {
  let step = 0;
  while (step + 1 < starts.length && starts[step + 1]! <= t) step++;
  return step;
}

/** Mean and deviation of each feature over the frames that are `wanted`. Both [dim]; zeros where there is no frame. */
function momentsOf(
  data: readonly FeatureRows[],
  dim: number,
  wanted: (demonstration: number, t: number) => boolean,
): { readonly mean: Float64Array; readonly deviation: Float64Array; readonly count: number } {
  const mean = new Float64Array(dim);
  const deviation = new Float64Array(dim);
  let count = 0;
  for (const [n, { rows }] of data.entries()) {
    for (let t = 0; t < rows.length / dim; t++) {
      if (!wanted(n, t)) continue;
      count++;
      // Welford: one pass, and no difference of large sums.
      for (let i = 0; i < dim; i++) {
        const x = rows[t * dim + i]!;
        const away = x - mean[i]!;
        mean[i] = mean[i]! + away / count;
        deviation[i] = deviation[i]! + away * (x - mean[i]!);
      }
    }
  }
  for (let i = 0; i < dim; i++) deviation[i] = count === 0 ? 0 : Math.sqrt(deviation[i]! / count);
  return { mean, deviation, count };
}

// ---------------------------------------------------------------------------------------------------------------------
// Features of a step

export interface Moments {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** The `count` features with the highest z, best first; of equals the earlier one. */
export function selectFeatures(
  inside: Moments,
  outside: Moments,
  alpha: number,
  count: number,
): { readonly index: Int32Array; readonly z: Float64Array } {
  const z = inside.mean.map(
    (mu, i) => alpha * Math.abs(mu - outside.mean[i]!) - (inside.deviation[i]! + outside.deviation[i]!),
  );
  const order = Int32Array.from(z, (_, i) => i).sort((a, b) => z[b]! - z[a]! || a - b);
  const index = order.slice(0, Math.min(count, z.length));
  return { index, z: Float64Array.from(index, (i) => z[i]!) };
}

/** One step as it is told from the others. All [M]. */
interface StepModel {
  readonly index: Int32Array;
  readonly mean: Float64Array;
  readonly spread: Float64Array;
}

/** exp(-1/2 mean of ((x - mu) / sigma)^2): the likelihood of one feature, the geometric mean over them, 1 at the mean. */
export function stepReward(x: Float64Array, offset: number, { index, mean, spread }: StepModel): number {
  let sum = 0;
  for (let j = 0; j < index.length; j++) sum += ((x[offset + index[j]!]! - mean[j]!) / spread[j]!) ** 2;
  return Math.exp((-0.5 * sum) / index.length);
}

/** stepRewards [steps] -> [0, 1]; see the head of this file. Not-a-number stays not-a-number. */
export function combine(stepRewards: Float64Array, beyond: boolean): number {
  const steps = stepRewards.length;
  let sum = 0;
  let weights = 0;
  let later = 0;
  for (let k = steps - 1; k >= 1; k--) {
    // Steps count from 1 in the equation, so the second one has weight 2.
    const weight = 2 ** k;
    const own = stepRewards[k]!;
    later = beyond ? Math.max(later, own) : own;
    sum += weight * later;
    weights += weight;
  }
  return sum / weights;
}

// ---------------------------------------------------------------------------------------------------------------------
// Fitting

interface Found {
  readonly extractor: Extractor;
  readonly normaliser: Normaliser;
  /** Normalised features of the demonstrations that succeeded, and of the others. */
  readonly successes: readonly FeatureRows[];
  readonly failures: readonly FeatureRows[];
  /** First frames of the steps of each success. */
  readonly starts: readonly Int32Array[];
}

/** @throws RangeError naming the episode that cannot be split. */
function discover(
  demonstrations: readonly Demonstration[],
  settings: PerceptualSettings,
  names: readonly string[],
  seed: number,
): Found {
  const { steps, minimumFrames } = settings;
  const succeeded = demonstrations.filter(({ success }) => success);
  if (succeeded.length === 0) {
    throw new RangeError(
      `Demonstrations: none of the ${demonstrations.length} succeeded (first: episode ${demonstrations[0]!.id}), wanted at least one that did`,
    );
  }
  const short = succeeded.find(({ length }) => length + 1 < steps * minimumFrames);
  if (short !== undefined) {
    throw new RangeError(
      `Episode ${short.id}: found ${short.length + 1} frames, wanted at least ${steps * minimumFrames} (${steps} steps of ${minimumFrames} frames)`,
    );
  }
  const extractor = extractorFor(settings, names, seed);
  const { dim } = extractor;
  const raw = (demonstration: Demonstration): Float64Array => {
    const out = new Float64Array((demonstration.length + 1) * dim);
    for (let t = 0; t <= demonstration.length; t++)
      extractor.run(demonstration.frames, t * names.length, out, t * dim);
    return out;
  };
  const rawSuccesses = succeeded.map(raw);
  const normaliser = fitNormaliser(rawSuccesses, dim);
  const normalised = (rows: Float64Array): Float64Array => {
    const out = new Float64Array(rows.length);
    for (let at = 0; at < rows.length; at += dim) normalise(normaliser, rows, at, out, at);
    return out;
  };
  const successes = succeeded.map((demonstration, n) => ({
    demonstration,
    rows: normalised(rawSuccesses[n]!),
  }));
  const failures = demonstrations
    .filter(({ success }) => !success)
    .map((demonstration) => ({ demonstration, rows: normalised(raw(demonstration)) }));
  const alone = successes.map(({ rows }) => segment(rows, dim, settings));
  const starts =
    settings.alignment === 'shared' && successes.length > 1 ? share(successes, alone, dim, settings) : alone;
  return { extractor, normaliser, successes, failures, starts };
}

/**
 * The steps of demonstrations as stage spans, stage 0 to steps - 1: a first proposal for whoever labels them. One list for
 * each demonstration, in their order; empty for an episode that failed, which has no steps to find.
 * @throws RangeError naming the episode that cannot be split.
 */
export function suggestStages(
  demonstrations: readonly Demonstration[],
  given: AnySettings,
  { names, seed = 0 }: { readonly names: readonly string[]; readonly seed?: number },
): StageSpan[][] {
  const settings = settingsOf(given);
  checkEpisodes(demonstrations, names.length);
  const { successes, starts } = discover(demonstrations, settings, names, seed);
  return demonstrations.map((demonstration) => {
    const n = successes.findIndex((success) => success.demonstration === demonstration);
    return n < 0 ? [] : spansOf(starts[n]!, demonstration.length + 1);
  });
}

const spansOf = (starts: Int32Array, frames: number): StageSpan[] =>
  Array.from(starts, (start, stage) => ({ stage, start, end: starts[stage + 1] ?? frames }));

async function fit(
  demonstrations: readonly Demonstration[],
  given: AnySettings,
  context: FitContext,
): ReturnType<LearnedReward['fit']> {
  const settings = settingsOf(given);
  const { frameDim, layout, stages, seed, signal, onProgress } = context;
  checkEpisodes(demonstrations, frameDim);
  throwIfAborted(signal);
  const names = layout.parts.flatMap((part) => [...part.names]);
  const found = discover(demonstrations, settings, names, seed);
  const { extractor, normaliser, successes, failures, starts } = found;
  throwIfAborted(signal);
  const { steps, alpha, features, sharpest } = settings;
  const all = [...successes, ...failures];
  const models: StepModel[] = [];
  let margin = 0;
  for (let k = 0; k < steps; k++) {
    const isIn = (n: number, t: number): boolean => n < starts.length && stepAt(starts[n]!, t) === k;
    const inside = momentsOf(all, extractor.dim, isIn);
    const isOut = (n: number, t: number): boolean => (n < starts.length ? !isIn(n, t) : k === steps - 1);
    const outside = momentsOf(all, extractor.dim, isOut);
    const { index, z } = selectFeatures(inside, outside, alpha, features);
    margin += z[0]! / steps;
    models.push({
      index,
      mean: Float64Array.from(index, (i) => inside.mean[i]!),
      spread: Float64Array.from(index, (i) => Math.max(sharpest, inside.deviation[i]!)),
    });
  }
  const model = createModel({ settings, frameDim, names, stages, seed, normaliser, steps: models });
  // How much of the demonstrations the step rewards put where the split put it.
  let right = 0;
  let frames = 0;
  for (const [n, { demonstration }] of successes.entries()) {
    const { step } = model.score(demonstration.frames, demonstration.length).extras;
    for (let t = 0; t <= demonstration.length; t++) {
      if (step![t] === stepAt(starts[n]!, t)) right++;
      frames++;
    }
  }
  const metrics = {
    'steps/agreement': right / frames,
    'steps/margin': margin,
    ...Object.fromEntries(
      Array.from({ length: steps }, (_, k) => [`steps/share/${k + 1}`, shareOf(starts, successes, k)]),
    ),
    'demonstrations/segmented': successes.length,
    'demonstrations/failed': failures.length,
  };
  onProgress({ done: 1, total: 1, metrics });
  return { model, metrics };
}

/** Mean share of a demonstration that step k takes. */
function shareOf(starts: readonly Int32Array[], data: readonly FeatureRows[], k: number): number {
  let sum = 0;
  for (const [n, { demonstration }] of data.entries()) {
    const frames = demonstration.length + 1;
    sum += ((starts[n]![k + 1] ?? frames) - starts[n]![k]!) / frames / data.length;
  }
  return sum;
}

// ---------------------------------------------------------------------------------------------------------------------
// The model (plain numbers)

interface ModelSpec {
  readonly settings: PerceptualSettings;
  readonly frameDim: number;
  /** Of the frame's numbers. [frameDim] */
  readonly names: readonly string[];
  readonly stages: readonly string[];
  /** Of the random filters. */
  readonly seed: number;
  /** Of the features. */
  readonly normaliser: Normaliser;
  readonly steps: readonly StepModel[];
}

function createModel(spec: ModelSpec): RewardModel {
  const { settings, frameDim, names, stages, seed, normaliser, steps } = spec;
  const extractor = extractorFor(settings, names, seed);
  const { dim } = extractor;
  const extras = ['step', ...steps.map((_, k) => `step${k + 1}`)];
  return createRewardModel({
    method: 'perceptual',
    title,
    senses: [settings.input as SenseId],
    frameDim,
    stages,
    scorer: () => {
      const raw = new Float64Array(dim);
      const x = new Float64Array(dim);
      const rewards = new Float64Array(steps.length);
      return {
        memory: 0,
        extras,
        begin() {},
        run(frames, offset, rows, _memory, _memoryOffset, out) {
          for (let row = 0; row < rows; row++) {
            extractor.run(frames, offset + row * frameDim, raw, 0);
            normalise(normaliser, raw, 0, x, 0);
            let likely = 0;
            for (const [k, step] of steps.entries()) {
              rewards[k] = stepReward(x, 0, step);
              if (rewards[k]! > rewards[likely]!) likely = k;
              out.extras[extras[k + 1]!]![row] = rewards[k]!;
            }
            out.extras['step']![row] = likely;
            out.progress[row] = combine(rewards, settings.beyond);
          }
        },
      };
    },
    save: () =>
      packModel(magic, {
        header: {
          settings,
          frameDim,
          names,
          stages,
          seed,
          mean: Array.from(normaliser.mean),
          scale: Array.from(normaliser.scale),
          steps: steps.map(({ index, mean, spread }) => ({
            index: Array.from(index),
            mean: Array.from(mean),
            spread: Array.from(spread),
          })),
        },
        weights: new Float32Array(0),
      }),
  });
}

function load(bytes: Uint8Array): RewardModel {
  const saved = openModel(title, magic, bytes);
  const { frameDim, stages } = saved;
  const { names, seed, steps } = saved.header as {
    readonly [key: string]: unknown;
    readonly names?: readonly string[];
    readonly steps?: readonly { index: number[]; mean: number[]; spread: number[] }[];
  };
  if (typeof seed !== 'number' || ![names, steps].every(Array.isArray)) {
    throw new RangeError(
      `${title}: found header keys ${Object.keys(saved.header).join(', ')}, wanted settings, frameDim, names, stages, seed, mean, scale, steps`,
    );
  }
  return createModel({
    settings: settingsOf(saved.settings),
    frameDim,
    names: names!,
    stages,
    seed,
    normaliser: { mean: saved.numbers('mean'), scale: saved.numbers('scale') },
    steps: steps!.map((step) => ({
      index: Int32Array.from(step.index),
      mean: Float64Array.from(step.mean),
      spread: Float64Array.from(step.spread),
    })),
  });
}
