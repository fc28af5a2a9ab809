// Robo-Dopamine: General Process Reward Modeling for High-Precision Robotic Manipulation, https://arxiv.org/abs/2512.23703
/**
 * One network that looks at two frames, BEFORE p and AFTER q, beside a start and a goal frame, and says how far the work
 * hopped between them. Progress is put together from three such questions. The paper's numbers of its equations:
 *
 *   labels       Phi = (stages done + share of the stage) / N: keyframes are stage boundaries, all segments count alike   (1)
 *   hop          H(p, q) = (Phi_q - Phi_p) / (1 - Phi_p) where q >= p, else (Phi_q - Phi_p) / Phi_p; in [-1, 1]           (2)
 *   pairs        drawn evenly over 25 bins of the hop and 4 bins of the time gap in each; 5 % are standstills, H = 0       (3)
 *   incremental  Phi_I = Phi*' + (1 - Phi*') H where H >= 0, else Phi*' + Phi*' H;  H = H(frame before, frame), Phi*'
 *                the progress at the frame before, Phi*(0) = 0                                                             (4)
 *   anchored     Phi_F = H(start, frame),  Phi_B = 1 + H(goal, frame)                                                      (5)
 *   fusion       Phi* = mean of the three                                                                                  (6)
 *   consistency  m = (Phi_F + Phi_B) / 2,  D = |Phi_B - Phi_F| / (m + eps),  w = exp(-alpha D^2)
 *                Phi* = Phi*' + w / 2 (m - Phi*' + Phi_I - Phi*')                                                          (7)
 *   one-shot     from the weights of a model of other tasks, MSE on the hops of one demonstration                          (8)
 *   success      Phi* >= 1 - delta                                                                                         (9)
 *
 * What is paid for it (r_gold + gamma Phi' - Phi and its rivals) is the stack's: stack.ts.
 * Ours differs from the paper: numbers or 16 x 16 pictures and two small networks instead of a vision-language model; BEFORE
 * is the goal of another episode, too, where references are swapped, since that is what the backward question asks later.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
import { meanAbsoluteError, spearman, thereAndBack } from '../diagnostics/agreement.ts';
import { mean } from '../diagnostics/measure.ts';
import { Network, tanh } from '../parts/network.ts';
import { Random } from '../parts/random.ts';
import type { Workload } from '../tensor/compute.ts';
import { initialize, type Layer, layersOf, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import { openModel, packModel } from './bytes.ts';
import { fitNetworks, throwIfAborted } from './fitting.ts';
import { checkEpisodes, checkSpans } from './labels.ts';
import { createRewardModel, type FrameScorer, type ScoreRows } from './model.ts';
import { common } from './parts/fields.ts';
import { clamp01 } from './parts/frame-set.ts';
import type { FrameLayout, SenseId } from './senses.ts';
import type { Demonstration, FitContext, LearnedReward, RewardModel } from './types.ts';
import { fitNormaliser, type Normaliser, normalise } from './window.ts';

const fields = {
  // What is seen and asked
  senses: {
    type: 'text',
    default: 'observation',
    longest: 200,
    help: 'What it reads, names with commas between: observation, objects, goal, seen:VIEW, view:VIEW',
  },
  target: {
    type: 'choice',
    default: 'hop',
    options: ['hop', 'delta', 'absolute'],
    help: 'What the network answers: the hop (the paper), the plain difference of progress, or progress itself',
  },
  lastStageDone: {
    type: 'boolean',
    default: true,
    help: 'The last stage of a successful demonstration means that the task is done: progress is 1 from its first frame on',
  },
  // Pairs
  chunk: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 100,
    unit: 'steps',
    help: 'Control steps for each sample point of a demonstration; every stage gets equally many points',
  },
  candidates: {
    type: 'integer',
    default: 30_000,
    min: 100,
    max: 1_000_000,
    unit: 'pairs',
    help: 'Pairs drawn at random, from which the balanced ones are taken',
  },
  hopBins: { type: 'integer', default: 25, min: 1, max: 200, help: 'Bins of the hop over [-1, 1]' },
  gapBins: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 50,
    help: 'Bins of the time gap within each bin of the hop',
  },
  zeroHops: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 1,
    help: 'Share of pairs a moment apart that are labelled as no hop at all',
  },
  anchored: {
    type: 'number',
    default: 0.3,
    min: 0,
    max: 1,
    help: 'Share of candidates whose BEFORE is the first or the last point, as the two anchored questions ask',
  },
  swapReferences: {
    type: 'number',
    default: 0.75,
    min: 0,
    max: 1,
    help: 'Share of pairs whose start and goal frames come from another demonstration of the task',
  },
  startDropout: {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 1,
    help: 'Share of pairs without a start frame',
  },
  goalDropout: { type: 'number', default: 0.1, min: 0, max: 1, help: 'Share of pairs without a goal frame' },
  viewDropout: {
    type: 'number',
    default: 0.3,
    min: 0,
    max: 0.9,
    help: 'With several senses: how often each of them is missing in a frame, never all of them',
  },
  // Fitting
  embedding: { type: 'integer', default: 16, min: 1, max: 256, help: 'Numbers that a frame is encoded to' },
  hiddenSize: {
    type: 'integer',
    default: 48,
    min: 4,
    max: 512,
    help: 'Units in the hidden layer of the encoder and of the head',
  },
  loss: {
    type: 'choice',
    default: 'mse',
    options: ['mse', 'huber'],
    help: 'Squared error, or linear from 0.1 on',
  },
  updates: { ...common.updates, default: 2000 },
  minibatch: { ...common.minibatch, default: 128, unit: 'pairs', help: 'Pairs in one gradient step' },
  learningRate: { ...common.learningRate, default: 3e-3 },
  weightDecay: common.weightDecay,
  inputNoise: common.inputNoise,
  holdout: common.holdout,
  // Inference
  stride: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 100,
    unit: 'steps',
    help: 'Control steps between BEFORE and AFTER of the incremental estimate',
  },
  incremental: { type: 'boolean', default: true, help: 'Fuse the estimate from the frame before' },
  forward: { type: 'boolean', default: true, help: 'Fuse the estimate from the start frame' },
  backward: { type: 'boolean', default: true, help: 'Fuse the estimate from the goal frame' },
  consistency: {
    type: 'boolean',
    default: false,
    help: 'Hold progress back where the two anchored estimates disagree (the paper does so online)',
  },
  alpha: {
    type: 'number',
    default: 20,
    min: 0,
    max: 1000,
    help: 'How strictly the consistency gate takes a disagreement',
  },
  epsilon: {
    type: 'number',
    default: 0.05,
    min: 1e-6,
    max: 1,
    help: 'Added to progress where the gate divides by it: near 0 any disagreement is a large one and progress freezes',
  },
  delta: {
    type: 'number',
    default: 0.05,
    min: 0,
    max: 0.5,
    help: 'The track "success" is 1 where progress is at least 1 less this',
  },
} as const satisfies Fields;

export type RoboDopamineSettings = Settings<typeof fields>;

const title = 'Robo-Dopamine model';
const magic = 'rl-dopa1';
/** Share of its stage by which the two frames of a standstill may lie apart. */
const standstill = 0.075;
/** Where the Huber loss turns linear. */
const huberFrom = 0.1;
/** Components that vary less than this have not been learned from (window.ts holds their scale at this). */
const unvaried = 1e-3;

export const roboDopamine: LearnedReward = {
  kind: 'learned',
  id: 'robo-dopamine',
  title: 'Hop progress (Robo-Dopamine)',
  summary:
    'Learns how far the work hops between two frames; progress from the frame before, the start and the goal.',
  source: 'https://arxiv.org/abs/2512.23703',
  fields,
  causal: true,
  senses: (settings) => sensesOf(withDefaults(settings).senses),
  workload,
  fit,
  load,
};

const withDefaults = (given: AnySettings): RoboDopamineSettings =>
  Object.freeze({ ...defaultsOf(fields), ...given }) as RoboDopamineSettings;

const sensesOf = (text: string): SenseId[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '') as SenseId[];

function workload(given: AnySettings, { frameDim }: Pick<FitContext, 'frameDim'>): Workload {
  const settings = withDefaults(given);
  const { encoder, head } = shapesOf(settings, frameDim, sensesOf(settings.senses).length);
  return { networks: [encoder, head], updateRows: 4 * settings.minibatch, actRows: 3 };
}

// ---------------------------------------------------------------------------------------------------------------------
// The equations

/** (2). NaN where its denominator is 0; such pairs are never drawn. */
export function hopOf(before: number, after: number, isForward: boolean): number {
  const room = isForward ? 1 - before : before;
  return room === 0 ? Number.NaN : (after - before) / room;
}

/** (4): progress after a hop from here; stays in [0, 1]. */
export const hopFrom = (progress: number, hop: number): number =>
  progress + (hop >= 0 ? 1 - progress : progress) * hop;

/** (7): how far the two anchored estimates can be trusted. */
export function trust(forward: number, backward: number, alpha: number, epsilon: number): number {
  const disagreement = Math.abs(backward - forward) / ((forward + backward) / 2 + epsilon);
  return Math.exp(-alpha * disagreement * disagreement);
}

/** (7): progress moves on by `gate`; at 1 it is (m + Phi_I) / 2, at 0 it stays where it was. */
export function conservative(
  before: number,
  incremental: number,
  forward: number,
  backward: number,
  gate: number,
): number {
  const mean = (forward + backward) / 2;
  return before + (gate / 2) * (mean - before + (incremental - before));
}

/** Labelled frames of one demonstration. */
export interface ProgressLabels {
  /** NaN where nothing is known. [T + 1] */
  readonly progress: Float64Array;
  /** Frames of the stage that a frame is in: the local window of a standstill. [T + 1] */
  readonly window: Float64Array;
  /** Frames to draw pairs from, in order: the s_0 .. s_M of (1), and all known frames of a stage that was not finished. */
  readonly points: readonly number[];
}

/**
 * (1) for all demonstrations of one task. The stages that successful demonstrations went through count alike, 1 / N each.
 * The stage in which a failure ended counts as not begun; one that was done and lost again is not learned from.
 */
export function progressLabels(
  demonstrations: readonly Demonstration[],
  { lastStageDone, chunk }: Pick<RoboDopamineSettings, 'lastStageDone' | 'chunk'>,
): ProgressLabels[] {
  const workOf = ({ stages, success }: Demonstration) =>
    lastStageDone && success && stages.length > 1 ? stages.slice(0, -1) : stages;
  const works = [
    ...new Set(
      demonstrations.filter(({ success }) => success).flatMap((d) => workOf(d).map(({ stage }) => stage)),
    ),
  ].sort((a, b) => a - b);
  const N = works.length;
  return demonstrations.map((demonstration) => {
    const { length, stages: spans, success } = demonstration;
    const work = workOf(demonstration).length;
    const progress = new Float64Array(length + 1);
    const window = new Float64Array(length + 1).fill(1);
    const points: number[] = [];
    const perStage = Math.max(1, Math.floor(Math.floor((length + 1) / chunk) / N));
    for (const [n, { stage, start, end }] of spans.entries()) {
      const until = spans[n + 1]?.start ?? length + 1;
      const done = works.filter((other) => other < stage).length / N;
      const isUnfinished = n === spans.length - 1 && !success;
      if (n >= work || isUnfinished) {
        // Rest after success, or work that came to nothing.
        progress.fill(n >= work ? 1 : done === 1 ? Number.NaN : done, start, until);
        if (n >= work) points.push(start, length);
        else if (done < 1) for (let t = start; t < until; t += chunk) points.push(t);
        continue;
      }
      // The last frame is the arrival where no span follows; frames between spans have arrived.
      const steps = Math.max(1, until === length + 1 ? length - start : end - start);
      for (let t = start; t < until; t++) {
        progress[t] = done + Math.min(1, (t - start) / steps) / N;
        window[t] = steps;
      }
      for (let i = 0; i < perStage; i++) points.push(start + Math.floor((i * steps) / perStage));
      if (until === length + 1) points.push(length);
    }
    const first = spans[0]?.start ?? 0;
    progress.fill(progress[first]!, 0, first);
    return { progress, window, points: [...new Set(points)] };
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Pairs

/** Candidates sorted into bins of the hop and, in each, of the time gap; drawn evenly over bins that are not empty. (3) */
export class PairBins {
  /** [bins][pairs]: indices of candidates, gap bins of a hop bin beside each other. */
  readonly #bins: Int32Array[][] = [];
  /** Pairs in each bin, [hopBins * gapBins]: the balance before balancing. */
  readonly counts: Int32Array;

  /** hops in [-1, 1] and gaps (steps, 0 or more) of the candidates. */
  constructor(hops: ArrayLike<number>, gaps: ArrayLike<number>, hopBins: number, gapBins: number) {
    this.counts = new Int32Array(hopBins * gapBins);
    const byHop: number[][] = Array.from({ length: hopBins }, () => []);
    for (let i = 0; i < hops.length; i++)
      byHop[Math.min(hopBins - 1, Math.floor(((hops[i]! + 1) / 2) * hopBins))]!.push(i);
    for (const [h, pairs] of byHop.entries()) {
      if (pairs.length === 0) continue;
      let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (const i of pairs) [least, most] = [Math.min(least, gaps[i]!), Math.max(most, gaps[i]!)];
      const byGap: number[][] = Array.from({ length: gapBins }, () => []);
      for (const i of pairs) {
        const share = most === least ? 0 : (gaps[i]! - least) / (most - least);
        byGap[Math.min(gapBins - 1, Math.floor(share * gapBins))]!.push(i);
      }
      for (const [g, inside] of byGap.entries()) this.counts[h * gapBins + g] = inside.length;
      this.#bins.push(byGap.filter(({ length }) => length > 0).map((inside) => Int32Array.from(inside)));
    }
  }

  draw(random: Random): number {
    const hop = this.#bins[random.integer(this.#bins.length)]!;
    const gap = hop[random.integer(hop.length)]!;
    return gap[random.integer(gap.length)]!;
  }
}

/** One minibatch: rows of the frame matrix, -1 where there is none. [B * 4]: start, goal, before, after. */
interface Pairs {
  readonly rows: Int32Array;
  /** [B] */
  readonly targets: Float32Array;
}

/** All frames of the demonstrations, normalised, and the pairs drawn from them. */
class TrainingSet {
  /** [frames, inputs] */
  readonly frames: Float32Array;
  readonly filledBins: number;
  readonly #settings: RoboDopamineSettings;
  readonly #random: Random;
  readonly #episodes: {
    readonly first: number;
    readonly labels: ProgressLabels;
    readonly success: boolean;
    /** Other successful demonstrations of its task. */
    readonly others: readonly number[];
  }[] = [];
  /** Candidates: episode, p, q side by side. */
  readonly #pairs: Int32Array;
  readonly #bins: PairBins;

  constructor(
    demonstrations: readonly Demonstration[],
    labels: readonly ProgressLabels[],
    inputs: Inputs,
    settings: RoboDopamineSettings,
    random: Random,
  ) {
    this.#settings = settings;
    this.#random = random;
    this.frames = new Float32Array(
      demonstrations.reduce((sum, { length }) => sum + length + 1, 0) * inputs.dim,
    );
    let row = 0;
    for (const [e, { length, frames, success, task }] of demonstrations.entries()) {
      const others = demonstrations.flatMap((other, o) =>
        o !== e && other.task === task && other.success ? [o] : [],
      );
      this.#episodes.push({ first: row, labels: labels[e]!, success, others });
      for (let t = 0; t <= length; t++, row++)
        inputs.write(frames, t * inputs.frameDim, this.frames, row * inputs.dim);
    }
    const { candidates, hopBins, gapBins, anchored } = settings;
    const usable = this.#episodes.flatMap(({ labels: { points } }, e) => (points.length > 1 ? [e] : []));
    const pairs: number[] = [];
    const hops: number[] = [];
    const gaps: number[] = [];
    for (let n = 0; n < candidates; n++) {
      const e = usable[random.integer(usable.length)]!;
      const { points, progress } = this.#episodes[e]!.labels;
      const isAnchored = random.uniform() < anchored;
      const p = points[isAnchored ? random.integer(2) * (points.length - 1) : random.integer(points.length)]!;
      const q = points[random.integer(points.length)]!;
      const hop = hopOf(progress[p]!, progress[q]!, q >= p);
      if (p === q || !Number.isFinite(hop)) continue;
      pairs.push(e, p, q);
      hops.push(hop);
      gaps.push(Math.abs(q - p));
    }
    this.#pairs = Int32Array.from(pairs);
    this.#bins = new PairBins(hops, gaps, hopBins, gapBins);
    this.filledBins =
      this.#bins.counts.reduce((sum, n) => sum + (n > 0 ? 1 : 0), 0) / this.#bins.counts.length;
  }

  draw(size: number): Pairs {
    const { zeroHops, swapReferences, startDropout, goalDropout, target } = this.#settings;
    const random = this.#random;
    const rows = new Int32Array(size * 4);
    const targets = new Float32Array(size);
    for (let b = 0; b < size; b++) {
      const drawn = this.#bins.draw(random) * 3;
      const [e, p] = [this.#pairs[drawn]!, this.#pairs[drawn + 1]!];
      const { first, labels, success, others } = this.#episodes[e]!;
      const isStill = random.uniform() < zeroHops;
      const q = isStill ? this.#momentFrom(labels, p) : this.#pairs[drawn + 2]!;
      const { progress, points } = labels;
      const lastOf = (other: number) =>
        this.#episodes[other]!.first + this.#episodes[other]!.labels.points.at(-1)!;
      const isSwapped = others.length > 0 && (!success || random.uniform() < swapReferences);
      const reference = isSwapped ? others[random.integer(others.length)]! : e;
      rows[b * 4] = random.uniform() < startDropout ? -1 : this.#episodes[reference]!.first;
      rows[b * 4 + 1] = random.uniform() < goalDropout || !(success || isSwapped) ? -1 : lastOf(reference);
      const isFromGoal = isSwapped && !isStill && success && p === points.at(-1);
      rows[b * 4 + 2] = target === 'absolute' ? -1 : isFromGoal ? lastOf(reference) : first + p;
      rows[b * 4 + 3] = first + q;
      const [from, to] = [progress[p]!, progress[q]!];
      if (target === 'absolute') targets[b] = 2 * to - 1;
      else if (isStill) targets[b] = 0;
      else targets[b] = target === 'hop' ? hopOf(from, to, q >= p) : to - from;
    }
    return { rows, targets };
  }

  /** A frame not farther from p than the standstill's share of its stage. */
  #momentFrom({ progress, window }: ProgressLabels, p: number): number {
    const reach = Math.floor(standstill * window[p]!);
    const q = Math.min(progress.length - 1, Math.max(0, p + this.#random.integer(2 * reach + 1) - reach));
    return Number.isNaN(progress[q]!) ? p : q;
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Fitting

async function fit(
  demonstrations: readonly Demonstration[],
  given: AnySettings,
  context: FitContext,
): ReturnType<LearnedReward['fit']> {
  const { frameDim, layout, stages, signal } = context;
  checkEpisodes(demonstrations, frameDim);
  for (const demonstration of demonstrations) checkSpans(demonstration, stages);
  checkSuccess(demonstrations);
  const before = context.pretrained === undefined ? undefined : unpack(context.pretrained);
  const settings = continued(withDefaults(given), before, layout);
  throwIfAborted(signal);

  const random = new Random(context.seed);
  const { training, heldOut } = split(demonstrations, settings.holdout, random);
  const normaliser = continuedNormaliser(before?.normaliser, training, frameDim);
  const inputs = new Inputs(layout.parts, normaliser);
  const spec: ModelSpec = {
    settings,
    stages,
    parts: layout.parts.map(({ sense, dim }) => ({ sense, dim })),
    normaliser,
    goal: usualGoal(training, inputs),
  };
  const labels = labelsOf(training, settings);
  const { encoder, head } = shapesOf(settings, frameDim, layout.parts.length);
  const parameters =
    before?.parameters.slice() ??
    joined(
      initialize(encoder, random, { hiddenGain: 1, outputGain: 1 }),
      initialize(head, random, { hiddenGain: 1, outputGain: 0.1 }),
    );
  const data = new TrainingSet(training, labels, inputs, settings, random);
  const losses = await optimise(data, spec, inputs, parameters, random, context);
  const model = createModel(spec, parameters);
  const measured = heldOut.length > 0 ? heldOut : training;
  const prefix = heldOut.length > 0 ? 'holdout' : 'training';
  const metrics: Record<string, number> = {
    ...losses,
    'pairs/filledBins': data.filledBins,
    'demonstrations/training': training.length,
    'demonstrations/holdout': heldOut.length,
  };
  for (const [name, value] of Object.entries(measure(model, measured, settings)))
    metrics[`${prefix}/${name}`] = value;
  return { model, metrics };
}

/** Every task needs a demonstration that got to its end. */
function checkSuccess(demonstrations: readonly Demonstration[]): void {
  for (const { id, task } of demonstrations) {
    if (demonstrations.some((other) => other.task === task && other.success)) continue;
    throw new RangeError(
      `Episode ${id}: found no successful demonstration${task === undefined ? '' : ` of task ${task}`}, wanted at least one to say what the goal looks like`,
    );
  }
}

/** Labels by task, in the order of the demonstrations. */
function labelsOf(
  demonstrations: readonly Demonstration[],
  settings: RoboDopamineSettings,
): ProgressLabels[] {
  const out: ProgressLabels[] = new Array(demonstrations.length);
  for (const task of new Set(demonstrations.map((d) => d.task))) {
    const indices = demonstrations.flatMap((d, i) => (d.task === task ? [i] : []));
    const labels = progressLabels(
      indices.map((i) => demonstrations[i]!),
      settings,
    );
    for (const [n, i] of indices.entries()) out[i] = labels[n]!;
  }
  return out;
}

/** Holds out at random, but never the last success of a task. */
function split(demonstrations: readonly Demonstration[], share: number, random: Random) {
  const order = Int32Array.from(demonstrations, (_, i) => i);
  random.shuffle(order);
  const wanted = Math.min(Math.round(share * demonstrations.length), demonstrations.length - 1);
  const out = new Set<number>();
  for (const i of order) {
    if (out.size >= wanted) break;
    const { task } = demonstrations[i]!;
    const isNeeded = !demonstrations.some((d, o) => o !== i && !out.has(o) && d.task === task && d.success);
    if (!isNeeded) out.add(i);
  }
  return {
    training: demonstrations.filter((_, i) => !out.has(i)),
    heldOut: demonstrations.filter((_, i) => out.has(i)),
  };
}

/** What cannot change when a model is gone on from is taken from it. @throws RangeError where it reads other frames. */
function continued(
  settings: RoboDopamineSettings,
  before: Unpacked | undefined,
  layout: FrameLayout,
): RoboDopamineSettings {
  if (before === undefined) return settings;
  const words = (parts: readonly { readonly sense: string; readonly dim: number }[]) =>
    parts.map(({ sense, dim }) => `${sense} (${dim} numbers)`).join(', ');
  if (words(before.parts) !== words(layout.parts)) {
    throw new RangeError(
      `${title}: the pre-trained model reads ${words(before.parts)}, wanted ${words(layout.parts)}`,
    );
  }
  const { target, embedding, hiddenSize, senses } = before.settings;
  return Object.freeze({ ...settings, target, embedding, hiddenSize, senses });
}

/** The one it was pre-trained with; what did not vary there has taught nothing and is measured on the new data. */
function continuedNormaliser(
  before: Normaliser | undefined,
  training: readonly Demonstration[],
  dim: number,
): Normaliser {
  const own = fitNormaliser(
    training.map(({ frames }) => frames),
    dim,
  );
  if (before === undefined) return own;
  const isKnown = (d: number) => before.scale[d]! > unvaried;
  return {
    mean: own.mean.map((value, d) => (isKnown(d) ? before.mean[d]! : value)),
    scale: own.scale.map((value, d) => (isKnown(d) ? before.scale[d]! : value)),
  };
}

/** The last frame that is nearest to the mean of all last frames of the first demonstration's task. [frameDim] */
function usualGoal(demonstrations: readonly Demonstration[], inputs: Inputs): Float64Array {
  const { frameDim } = inputs;
  const task = demonstrations[0]!.task;
  const lasts = demonstrations
    .filter((d) => d.success && d.task === task)
    .map(({ frames, length }) => frames.slice(length * frameDim));
  const rows = lasts.map((last) => {
    const row = new Float64Array(inputs.dim);
    inputs.write(last, 0, row, 0);
    return row;
  });
  const distance = (row: Float64Array) =>
    row.reduce(
      (sum, value, d) => sum + (value - rows.reduce((all, r) => all + r[d]!, 0) / rows.length) ** 2,
      0,
    );
  const distances = rows.map(distance);
  return lasts[distances.indexOf(Math.min(...distances))]!;
}

/** AdamW on encoder and head, one flat vector. The gradient of a pair goes through the head into its four frames. */
async function optimise(
  data: TrainingSet,
  { settings }: ModelSpec,
  inputs: Inputs,
  parameters: Float32Array,
  random: Random,
  context: FitContext,
): Promise<Record<string, number>> {
  const {
    minibatch: B,
    updates,
    learningRate,
    weightDecay,
    inputNoise,
    viewDropout,
    embedding: E,
  } = settings;
  const { encoder, head } = shapesOf(settings, inputs.frameDim, inputs.parts.length);
  const D = inputs.dim;

  /** Frames of the pairs with noise and without dropped views; frames that are not there are all 0. x: [4 B, D] */
  const gather = ({ rows }: Pairs, x: Float32Array): void => {
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (row < 0) continue;
      x.set(data.frames.subarray(row * D, (row + 1) * D), i * D);
      if (inputNoise > 0)
        for (let d = 0; d < inputs.frameDim; d++) x[i * D + d]! += inputNoise * random.gaussian();
      inputs.drop(x, i * D, viewDropout, random);
    }
  };

  return fitNetworks(
    {
      title: 'Robo-Dopamine',
      networks: [{ shape: encoder }, { shape: head, inputGradient: true }],
      parameters,
      rows: 4 * B,
      updates,
      learningRate,
      weightDecay,
      async gradient(nets) {
        const batch = data.draw(B);
        gather(batch, nets.inputs[0]!); // [4 B, D]
        await nets.forward([0], 4 * B);
        const pairs = nets.inputs[1]!; // [B, 4 E]: the four embeddings of a pair lie beside each other
        pairs.set(nets.outputs[0]!.subarray(0, 4 * B * E));
        for (let i = 0; i < batch.rows.length; i++) if (batch.rows[i]! < 0) pairs.fill(0, i * E, (i + 1) * E);
        await nets.forward([1], B);
        const loss = hopLoss(nets.outputs[1]!, batch.targets, settings.loss, nets.outputGradients[1]!);
        await nets.backward([1], B);
        const slopes = nets.outputGradients[0]!;
        slopes.set(nets.inputGradients[1]!.subarray(0, 4 * B * E));
        for (let i = 0; i < batch.rows.length; i++)
          if (batch.rows[i]! < 0) slopes.fill(0, i * E, (i + 1) * E);
        await nets.backward([0], 4 * B);
        return { 'loss/hop': loss };
      },
    },
    context,
  );
}

/**
 * Mean over the pairs of (tanh z - y)^2, or of the Huber loss e^2 for |e| <= c, c (2 |e| - c) beyond; and its gradient by z,
 * 2 e (1 - tanh^2 z) / B with e held within c. z: [B], y: [B]
 */
export function hopLoss(z: Float32Array, y: Float32Array, loss: 'mse' | 'huber', dZ: Float32Array): number {
  const limit = loss === 'mse' ? Number.POSITIVE_INFINITY : huberFrom;
  let sum = 0;
  for (let b = 0; b < y.length; b++) {
    const hop = Math.tanh(z[b]!);
    const error = hop - y[b]!;
    const size = Math.abs(error);
    sum += (size <= limit ? error * error : limit * (2 * size - limit)) / y.length;
    dZ[b] = (2 * Math.max(-limit, Math.min(limit, error)) * (1 - hop * hop)) / y.length;
  }
  return sum;
}

/** Against the labels: means over known frames; rank and rewind over demonstrations that succeeded. */
function measure(
  model: RewardModel,
  demonstrations: readonly Demonstration[],
  settings: RoboDopamineSettings,
): Record<string, number> {
  const scores: number[] = [];
  const truths: number[] = [];
  const ranks: number[] = [];
  const drops: number[] = [];
  const labels = labelsOf(demonstrations, settings);
  for (const [i, { frames, length, success }] of demonstrations.entries()) {
    const { perStep } = model.score(frames, length);
    const { progress } = labels[i]!;
    for (let t = 0; t <= length; t++) {
      if (Number.isNaN(progress[t]!)) continue;
      scores.push(perStep[t]!);
      truths.push(progress[t]!);
    }
    if (!success) continue;
    const rank = spearman(perStep, progress);
    if (Number.isFinite(rank)) ranks.push(rank);
    const there = model.score(thereAndBack(frames, model.frameDim), 2 * length).perStep;
    drops.push(there[length]! - there[2 * length]!);
  }
  return {
    ...(scores.length > 0 ? { mae: meanAbsoluteError(scores, truths) } : {}),
    ...(ranks.length > 0 ? { spearman: mean(ranks) } : {}),
    ...(drops.length > 0 ? { rewindDrop: mean(drops) } : {}),
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// The model (plain numbers)

interface ModelSpec {
  readonly settings: RoboDopamineSettings;
  readonly stages: readonly string[];
  readonly parts: readonly { readonly sense: SenseId; readonly dim: number }[];
  readonly normaliser: Normaliser;
  /** The reference: how it looks when the task is done. [frameDim] */
  readonly goal: Float64Array;
}

/** Frame -> embedding; embeddings of start, goal, before, after -> hop before its tanh. */
function shapesOf(
  { embedding, hiddenSize }: RoboDopamineSettings,
  frameDim: number,
  parts: number,
): { readonly encoder: MlpShape; readonly head: MlpShape } {
  const inputs = frameDim + (parts > 1 ? parts : 0);
  return {
    encoder: { sizes: [inputs, hiddenSize, embedding], activation: 'tanh' },
    head: { sizes: [4 * embedding, hiddenSize, 1], activation: 'tanh' },
  };
}

/**
 * From a frame to what the encoder reads: normalised numbers and, with several senses, a 1 for each that is there. A sense
 * that shows nothing (a blocked view: all its numbers are 0) is missing, and reads as 0 like one dropped in fitting.
 */
class Inputs {
  readonly frameDim: number;
  readonly dim: number;
  readonly parts: readonly { readonly sense: SenseId; readonly dim: number }[];
  readonly #normaliser: Normaliser;
  readonly #offsets: readonly number[];

  constructor(parts: readonly { readonly sense: SenseId; readonly dim: number }[], normaliser: Normaliser) {
    this.parts = parts;
    this.#normaliser = normaliser;
    this.frameDim = normaliser.mean.length;
    this.dim = this.frameDim + (parts.length > 1 ? parts.length : 0);
    this.#offsets = parts.map((_, i) => parts.slice(0, i).reduce((sum, { dim }) => sum + dim, 0));
  }

  write(frames: Float64Array, offset: number, out: Float64Array | Float32Array, to: number): void {
    normalise(this.#normaliser, frames, offset, out, to);
    if (this.parts.length === 1) return;
    for (const [i, { dim }] of this.parts.entries()) {
      const start = this.#offsets[i]!;
      let isThere = false;
      for (let d = offset + start; d < offset + start + dim; d++) if (frames[d] !== 0) isThere = true;
      if (!isThere) out.fill(0, to + start, to + start + dim);
      out[to + this.frameDim + i] = isThere ? 1 : 0;
    }
  }

  /** Nothing at all is seen in this frame. */
  isBlank(frames: Float64Array, offset: number): boolean {
    for (let d = offset; d < offset + this.frameDim; d++) if (frames[d] !== 0) return false;
    return true;
  }

  /** Leaves out senses of one written row, each with this probability, but not the last one that is there. */
  drop(rows: Float32Array, at: number, probability: number, random: Random): void {
    if (this.parts.length === 1) return;
    const flags = at + this.frameDim;
    let there = 0;
    for (let i = 0; i < this.parts.length; i++) there += rows[flags + i]!;
    for (const [i, { dim }] of this.parts.entries()) {
      const start = at + this.#offsets[i]!;
      if (rows[flags + i] === 1 && there > 1 && random.uniform() < probability) {
        rows[flags + i] = 0;
        there--;
      }
      if (rows[flags + i] === 0) rows.fill(0, start, start + dim);
    }
  }
}

const tracks = ['hop', 'incremental', 'forward', 'backward', 'gate', 'success'] as const;

/**
 * The head's first layer is linear in its four embeddings, so each part is worked out once: start and goal once an episode,
 * a frame once as what stands after and once as what stands before. With H hidden units and W = [Ws Wg Wb Wa]:
 *
 *   hidden of a question = tanh(b + Ws start + Wg goal + Wb before + Wa after)
 */
class Head {
  /** H */
  readonly hidden: number;
  readonly #E: number;
  /** Of the first layer, [4 E, H] and [H]; of the second, [H] and one number. */
  readonly #weights: Float64Array;
  readonly #biases: Float64Array;
  readonly #last: Float64Array;
  readonly #lastBias: number;

  constructor(shape: MlpShape, parameters: Float32Array) {
    const [first, second] = layersOf(shape) as [Layer, Layer];
    this.hidden = first.outputs;
    this.#E = first.inputs / 4;
    this.#weights = Float64Array.from(parameters.subarray(first.weights, first.biases));
    this.#biases = Float64Array.from(parameters.subarray(first.biases, first.biases + first.outputs));
    this.#last = Float64Array.from(parameters.subarray(second.weights, second.biases));
    this.#lastBias = parameters[second.biases]!;
  }

  bias(out: Float64Array, to: number): void {
    for (let h = 0; h < this.hidden; h++) out[to + h] = this.#biases[h]!;
  }

  /** Adds the part of an episode's start (place 0) or goal (1). */
  add(place: 0 | 1, embedding: Float64Array, out: Float64Array, to: number): void {
    const { hidden } = this;
    const weights = this.#weights;
    let w = place * this.#E * hidden;
    for (let k = 0; k < this.#E; k++) {
      const value = embedding[k]!;
      for (let h = 0; h < hidden; h++) out[to + h] = out[to + h]! + value * weights[w++]!;
    }
  }

  /** Embedding -> its parts as what stands before and as what stands after, [2 H]: one layer without bias. */
  parts(): Network {
    const [E, H] = [this.#E, this.hidden];
    const parameters = new Float32Array((E + 1) * 2 * H);
    for (let k = 0; k < E; k++) {
      for (let h = 0; h < 2 * H; h++) {
        const place = h < H ? 2 : 3;
        parameters[k * 2 * H + h] = this.#weights[(place * E + k) * H + (h % H)]!;
      }
    }
    return new Network({ sizes: [E, 2 * H], activation: 'tanh' }, parameters);
  }

  /** The hop before its tanh, from the two summands of the hidden layer. */
  answer(a: Float64Array, at: number, b: Float64Array, bt: number): number {
    const last = this.#last;
    const H = this.hidden;
    let sum = this.#lastBias;
    for (let h = 0; h < H; h++) sum += last[h]! * tanh(a[at + h]! + b[bt + h]!);
    return sum;
  }
}

/**
 * Memory of a world, H numbers each but where said: frames so far (1); the head's parts of start and goal; the parts of the
 * start and of the goal as what stands before; then a ring of the last `stride` frames, each its progress (1) and its part
 * as what stands before.
 */
class HopScorer implements FrameScorer {
  readonly memory: number;
  readonly extras = tracks;
  readonly #settings: RoboDopamineSettings;
  readonly #inputs: Inputs;
  readonly #encoder: Network;
  readonly #head: Head;
  readonly #parts: Network;
  /** [E] */
  readonly #goal: Float64Array;
  /** Which frame stands before: 0 the frame before, 1 the start, 2 the goal. */
  readonly #questions: readonly (0 | 1 | 2)[];
  // [capacity, inputs], [capacity, E], [capacity, 2 H]: parts as what stands before, as what stands after
  readonly #rows: Float64Array;
  readonly #seen: Float64Array;
  readonly #placed: Float64Array;
  // The part of all that does not stand before, [H]; nothing stands before where progress itself is asked for: [H] zeros
  readonly #beside: Float64Array;
  readonly #nothing: Float64Array;
  /** Of one world. [questions] */
  readonly #answers: Float64Array;

  constructor(
    spec: ModelSpec,
    networks: { encoder: Network; head: Head },
    goal: Float64Array,
    capacity: number,
  ) {
    const { settings } = spec;
    const { embedding: E, stride, incremental, forward, backward, consistency, target } = settings;
    this.#settings = settings;
    this.#inputs = new Inputs(spec.parts, spec.normaliser);
    this.#encoder = networks.encoder;
    this.#head = networks.head;
    this.#parts = networks.head.parts();
    this.#goal = goal;
    const wanted = [incremental, forward, backward] as const;
    this.#questions =
      target === 'absolute' ? [0] : ([0, 1, 2] as const).filter((which) => consistency || wanted[which]);
    const H = this.#head.hidden;
    this.memory = 1 + 3 * H + stride * (1 + H);
    this.#rows = new Float64Array(capacity * this.#inputs.dim);
    this.#seen = new Float64Array(capacity * E);
    this.#placed = new Float64Array(capacity * 2 * H);
    this.#beside = new Float64Array(H);
    this.#nothing = new Float64Array(H);
    this.#answers = new Float64Array(this.#questions.length);
  }

  begin(frames: Float64Array, offset: number, memory: Float64Array, at: number): void {
    const { stride } = this.#settings;
    const H = this.#head.hidden;
    this.#parts.forward(this.#goal, 1, this.#placed);
    memory.fill(0, at, at + this.memory);
    const [anchors, start, goal, ring] = [at + 1, at + 1 + H, at + 1 + 2 * H, at + 1 + 3 * H];
    memory.set(this.#placed.subarray(0, H), goal);
    this.#look(frames, offset, 1);
    memory.set(this.#placed.subarray(0, H), start);
    this.#head.bias(memory, anchors);
    this.#head.add(0, this.#seen, memory, anchors);
    this.#head.add(1, this.#goal, memory, anchors);
    for (let n = 0; n < stride; n++) memory.copyWithin(ring + n * (1 + H) + 1, start, start + H);
  }

  run(
    frames: Float64Array,
    offset: number,
    rows: number,
    memory: Float64Array,
    memoryOffset: number,
    out: ScoreRows,
    isFirst: boolean,
  ): void {
    this.#look(frames, offset, rows);
    const { frameDim } = this.#inputs;
    for (let r = 0; r < rows; r++)
      this.#next(r, frames, offset + r * frameDim, memory, memoryOffset + r * this.memory, out, isFirst);
  }

  runEpisode(
    frames: Float64Array,
    offset: number,
    count: number,
    memory: Float64Array,
    memoryOffset: number,
    out: ScoreRows,
    isFirst: boolean,
  ): void {
    this.#look(frames, offset, count);
    const { frameDim } = this.#inputs;
    for (let t = 0; t < count; t++)
      this.#next(t, frames, offset + t * frameDim, memory, memoryOffset, out, isFirst && t === 0);
  }

  /** Embeddings and parts of frames [rows, frameDim]. */
  #look(frames: Float64Array, offset: number, rows: number): void {
    const { frameDim, dim } = this.#inputs;
    for (let r = 0; r < rows; r++) this.#inputs.write(frames, offset + r * frameDim, this.#rows, r * dim);
    this.#encoder.forward(this.#rows, rows, this.#seen);
    this.#parts.forward(this.#seen, rows, this.#placed);
  }

  /** The newest frame of one world, which was looked at as `row`. */
  #next(
    row: number,
    frames: Float64Array,
    offset: number,
    memory: Float64Array,
    at: number,
    out: ScoreRows,
    isFirst: boolean,
  ): void {
    const { stride } = this.#settings;
    const H = this.#head.hidden;
    const ring = at + 1 + 3 * H;
    const slot = ring + (memory[at]! % stride) * (1 + H);
    const newest = ring + ((memory[at]! + stride - 1) % stride) * (1 + H);
    if (!isFirst && this.#inputs.isBlank(frames, offset)) {
      // Nothing is seen, so nothing has changed.
      this.#write(row, out, 0, memory[newest]!, memory[newest]!, memory[newest]!, 0, memory[newest]!);
      memory.copyWithin(slot, newest, newest + 1 + H);
    } else {
      this.#ask(row, memory, at, slot + 1);
      memory[slot] = this.#answer(row, memory[slot]!, out, isFirst);
      for (let h = 0; h < H; h++) memory[slot + 1 + h] = this.#placed[row * 2 * H + h]!;
    }
    memory[at]!++;
  }

  /** Every question about the newest frame of one world; `before`: where the part of the frame before lies. */
  #ask(row: number, memory: Float64Array, at: number, before: number): void {
    const H = this.#head.hidden;
    const isAlone = this.#settings.target === 'absolute';
    const after = (row * 2 + 1) * H;
    for (let h = 0; h < H; h++) this.#beside[h] = memory[at + 1 + h]! + this.#placed[after + h]!;
    for (let n = 0; n < this.#questions.length; n++) {
      const which = this.#questions[n]!;
      const from = which === 0 ? before : at + 1 + which * H;
      this.#answers[n] = isAlone
        ? this.#head.answer(this.#beside, 0, this.#nothing, 0)
        : this.#head.answer(this.#beside, 0, memory, from);
    }
  }

  /** Equations (4) to (7) and (9) of one world; writes its tracks and gives its progress. */
  #answer(row: number, before: number, out: ScoreRows, isFirst: boolean): number {
    const { target, consistency, alpha, epsilon, incremental, forward, backward } = this.#settings;
    let [hop, byHop, byStart, byGoal] = [0, before, 0, 0];
    for (let n = 0; n < this.#questions.length; n++) {
      const which = this.#questions[n]!;
      const answer = Math.tanh(this.#answers[n]!);
      if (target === 'absolute') byHop = clamp01((answer + 1) / 2);
      else if (which === 0) {
        hop = answer;
        byHop = target === 'hop' ? hopFrom(before, answer) : clamp01(before + answer);
      } else if (which === 1) byStart = clamp01(answer);
      else byGoal = clamp01(1 + answer);
    }
    let gate = 1;
    let progress = byHop;
    if (target !== 'absolute') {
      if (isFirst) {
        // An episode begins at 0, whatever its first frame looks like.
        [hop, byHop, byStart, progress] = [0, 0, 0, 0];
      } else if (consistency) {
        gate = trust(byStart, byGoal, alpha, epsilon);
        progress = conservative(before, byHop, byStart, byGoal, gate);
      } else {
        const sum = (incremental ? byHop : 0) + (forward ? byStart : 0) + (backward ? byGoal : 0);
        progress = sum / this.#questions.length;
      }
    }
    this.#write(row, out, hop, byHop, byStart, byGoal, gate, progress);
    return progress;
  }

  #write(
    row: number,
    { progress, extras }: ScoreRows,
    hop: number,
    byHop: number,
    byStart: number,
    byGoal: number,
    gate: number,
    fused: number,
  ): void {
    progress[row] = fused;
    extras['hop']![row] = hop;
    extras['incremental']![row] = byHop;
    extras['forward']![row] = byStart;
    extras['backward']![row] = byGoal;
    extras['gate']![row] = gate;
    extras['success']![row] = fused >= 1 - this.#settings.delta ? 1 : 0;
  }
}

function createModel(spec: ModelSpec, parameters: Float32Array): RewardModel {
  const { settings, parts, stages, normaliser } = spec;
  const { target, incremental, forward, backward, consistency } = settings;
  if (target !== 'absolute' && !(incremental || forward || backward || consistency)) {
    throw new RangeError(
      `${title}: incremental, forward and backward are off, wanted at least one estimate of progress`,
    );
  }
  const frameDim = normaliser.mean.length;
  const shapes = shapesOf(settings, frameDim, parts.length);
  const split = parameterCount(shapes.encoder);
  const networks = () => ({
    encoder: new Network(shapes.encoder, parameters.subarray(0, split)),
    head: new Head(shapes.head, parameters.subarray(split)),
  });
  const inputs = new Inputs(parts, normaliser);
  const row = new Float64Array(inputs.dim);
  inputs.write(spec.goal, 0, row, 0);
  const goal = new Float64Array(settings.embedding);
  networks().encoder.forward(row, 1, goal);
  return createRewardModel({
    method: 'robo-dopamine',
    title,
    senses: parts.map(({ sense }) => sense),
    frameDim,
    stages,
    scorer: (capacity) => new HopScorer(spec, networks(), goal, capacity),
    save: () =>
      packModel(magic, {
        header: {
          settings,
          stages,
          parts,
          goal: Array.from(spec.goal),
          mean: Array.from(normaliser.mean),
          scale: Array.from(normaliser.scale),
        },
        weights: parameters,
      }),
  });
}

/**
 * r_gold of (9): a model whose progress is 1 where the given one says success and 0 elsewhere; paid as a level it is the
 * automatic success reward. It comes from the same model as the potential: one that is fooled fakes both.
 */
export function automaticSuccess(model: RewardModel, delta: number): RewardModel {
  const isDone = (value: number): number => (value >= 1 - delta ? 1 : 0);
  return {
    ...model,
    method: `${model.method}/success`,
    score(frames, length) {
      const { perStep } = model.score(frames, length);
      return { perStep: perStep.map(isDone), extras: {} };
    },
    online(count) {
      const inner = model.online(count);
      const values = new Float64Array(count);
      const take = (): void => {
        for (let n = 0; n < count; n++) values[n] = isDone(inner.values[n]!);
      };
      return {
        count,
        values,
        reset(world, frames, offset) {
          inner.reset(world, frames, offset);
          take();
        },
        step(frames) {
          inner.step(frames);
          take();
        },
        save: () => inner.save(),
        restore(saved) {
          inner.restore(saved);
          take();
        },
        restoreAll(saved) {
          inner.restoreAll(saved);
          take();
        },
      };
    },
  };
}

interface Unpacked extends ModelSpec {
  readonly parameters: Float32Array;
}

function unpack(bytes: Uint8Array): Unpacked {
  const saved = openModel(title, magic, bytes);
  const { header, weights, stages } = saved;
  const { parts } = header;
  const isPart = (part: unknown): part is ModelSpec['parts'][number] =>
    typeof part === 'object' &&
    part !== null &&
    'sense' in part &&
    'dim' in part &&
    Number.isInteger(part.dim);
  if (!Array.isArray(parts) || parts.length === 0 || !parts.every(isPart)) {
    throw new RangeError(
      `${title}: found header keys ${Object.keys(header).join(', ')}, wanted settings, stages, parts`,
    );
  }
  const dim = parts.reduce((sum, part) => sum + part.dim, 0);
  const spec: ModelSpec = {
    settings: withDefaults(saved.settings),
    stages,
    parts,
    normaliser: { mean: saved.numbers('mean', dim), scale: saved.numbers('scale', dim) },
    goal: saved.numbers('goal', dim),
  };
  const { encoder, head } = shapesOf(spec.settings, dim, parts.length);
  saved.wantWeights(parameterCount(encoder) + parameterCount(head));
  return { ...spec, parameters: weights };
}

/** Settings that a fitted model can be asked with otherwise. */
export type InferenceSettings = Pick<
  RoboDopamineSettings,
  'stride' | 'incremental' | 'forward' | 'backward' | 'consistency' | 'alpha' | 'epsilon' | 'delta'
>;

/** The same weights, asked and fused in another way. @throws RangeError as `load` does. */
export function askedOtherwise(bytes: Uint8Array, changes: Partial<InferenceSettings>): RewardModel {
  const { parameters, ...spec } = unpack(bytes);
  return createModel({ ...spec, settings: Object.freeze({ ...spec.settings, ...changes }) }, parameters);
}

function load(bytes: Uint8Array): RewardModel {
  const { parameters, ...spec } = unpack(bytes);
  return createModel(spec, parameters);
}

function joined(one: Float32Array, two: Float32Array): Float32Array {
  const whole = new Float32Array(one.length + two.length);
  whole.set(one);
  whole.set(two, one.length);
  return whole;
}
