// RoboReward: General-Purpose Vision-Language Reward Models for Robotics, https://arxiv.org/abs/2601.00675; the head is CORN, https://arxiv.org/abs/2111.08851
/**
 * A score of 1 to 5 for the state in which an episode (or a part of one) ends, learned from few failures: negatives are made
 * of successes by exchanging the goal and by cutting the episode short, and the simulator's predicates score them.
 *
 *   examples    (x, y): x = first frame + last frame, y = score - 1 in 0..4
 *               organic   an episode as it is          clip      its first steps alone
 *               relabel   an episode with another episode's goal
 *   CORN        f_k = sigmoid z_k(x) = P(y > k | y > k - 1), k = 0..3
 *               S_k = {(x, y): y > k - 1}, S_0 = all
 *   loss        - sum_k sum_{S_k} [y > k] log f_k + [y <= k] log(1 - f_k), over sum_k |S_k|
 *   scores      P(y > k) = f_0 ... f_k;  P(y = k) = P(y > k - 1) - P(y > k)
 *   progress    E[y] / 4 = 1/4 sum_k P(y > k), which is the paper's (score - 1) / 4 at the expected score
 *
 * Only the last frame of what has been seen so far is judged, so the score is causal.
 *
 * `labels: endpoint`: the user's vision model is shown first and last frame with the rubric, and its answer is the y that is
 * learned. Without one the predicates stand in, as sure as they are or, with `labelNoise`, as unsure as a model would be.
 */

import { type AnySettings, defaultsOf, type Fields, type Settings } from '../../sim/fields.ts';
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
import { holdOut, sigmoid } from './parts/frame-set.ts';
import { softplus } from './parts/losses.ts';
import { enlarged } from './parts/picture.ts';
import { type SenseId, viewSide } from './senses.ts';
import type {
  Counterfactual,
  CounterfactualSource,
  Demonstration,
  FitContext,
  LearnedReward,
  RewardModel,
} from './types.ts';
import { fitNormaliser, type Normaliser, normalise } from './window.ts';

const fields = {
  perceives: {
    type: 'choice',
    default: 'observation',
    options: ['observation', 'objects', 'goal', 'objects and goal'],
    help: "What it sees of a frame: the task's own observation, hand, things and targets in slots, or goals achieved and wanted",
  },
  negatives: {
    type: 'choice',
    default: 'both',
    options: ['both', 'clips', 'relabels', 'none'],
    help: 'What is made of successes: their first parts alone, the same with the goals of other episodes, both, or nothing',
  },
  failures: {
    type: 'choice',
    default: 'use',
    options: ['use', 'ignore'],
    help: 'Failed demonstrations: learned from with the score of their last state, or not at all',
  },
  clips: {
    type: 'integer',
    default: 8,
    min: 1,
    max: 100,
    help: 'Clips of each success, the first one its start alone, the others equally longer; none is the whole',
  },
  relabels: {
    type: 'integer',
    default: 8,
    min: 1,
    max: 100,
    help: 'Goals that each success is looked at with, drawn from other episodes',
  },
  labels: {
    type: 'choice',
    default: 'predicates',
    options: ['predicates', 'endpoint'],
    help: "Who scores the examples that are learned from: the simulator's predicates, or the vision model that is set as endpoint",
  },
  labelNoise: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: "Share of the predicates' scores that are moved up or down by one before they are learned: a stand-in for a model that errs",
  },
  view: {
    type: 'choice',
    default: 'front',
    options: ['front', 'side', 'top', 'wrist'],
    help: 'Camera whose pictures the endpoint is shown while fitting',
  },
  instruction: {
    type: 'text',
    default: '',
    longest: 500,
    help: 'What the robot was asked to do, in words for the endpoint; empty: the stages of the task',
  },
  contradictions: {
    type: 'choice',
    default: 'correct',
    options: ['correct', 'refuse'],
    help: "Episodes that are called a success (or a failure) although the simulator's predicates say otherwise of the last state: follow the predicates, or end with their names",
  },
  balance: {
    type: 'boolean',
    default: true,
    help: 'Show every score that there is equally often while fitting',
  },
  anchor: {
    type: 'boolean',
    default: true,
    help: 'Also look at the first frame of the episode: what has changed is a part of the rubric',
  },
  hiddenSize: {
    type: 'integer',
    default: 32,
    min: 4,
    max: 512,
    help: 'Units in each of the two hidden layers',
  },
  updates: { ...common.updates, default: 4000 },
  minibatch: { ...common.minibatch, default: 128, unit: 'examples', help: 'Examples in one gradient step' },
  learningRate: common.learningRate,
  weightDecay: common.weightDecay,
  inputNoise: {
    ...common.inputNoise,
    help: 'Noise on the inputs while fitting: smooths the score around the examples',
  },
  holdout: {
    ...common.holdout,
    help: 'Share of successes and of failures kept out of fitting, with all that is made of them, for the reported measures',
  },
} as const satisfies Fields;

type RoboSettings = Settings<typeof fields>;

const title = 'RoboReward model';
const magic = 'rl-robo1';
/** Scores 1..5; one binary question fewer. */
const classes = 5;
export const questions = classes - 1;

export const roboreward: LearnedReward = {
  kind: 'learned',
  id: 'roboreward',
  title: 'RoboReward',
  summary:
    'An ordinal score of 1 to 5 for the newest state, with negatives made of successes: cut short, or seen with another goal.',
  source: 'https://arxiv.org/abs/2601.00675',
  fields,
  causal: true,
  counterfactuals: true,
  senses(given) {
    const settings = settingsOf(given);
    const view: SenseId = `view:${settings.view}`;
    // The model in use reads what comes first, its own senses.
    return settings.labels === 'endpoint' ? [...sensesOf(settings), view] : sensesOf(settings);
  },
  workload,
  fit,
  load,
};

const settingsOf = (given: AnySettings): RoboSettings =>
  Object.freeze({ ...defaultsOf(fields), ...given }) as RoboSettings;

const sensesOf = ({ perceives }: RoboSettings): readonly SenseId[] =>
  perceives === 'objects and goal' ? ['objects', 'goal'] : [perceives];

/** Numbers the network reads. */
const inputsOf = ({ anchor }: RoboSettings, dim: number): number => (anchor ? 2 : 1) * dim;

const shapeOf = (settings: RoboSettings, dim: number): MlpShape => ({
  sizes: [inputsOf(settings, dim), settings.hiddenSize, settings.hiddenSize, questions],
  activation: 'tanh',
});

function workload(given: AnySettings, { frameDim }: Pick<FitContext, 'frameDim'>): Workload {
  const settings = settingsOf(given);
  const { minibatch } = settings;
  return { networks: [shapeOf(settings, frameDim)], updateRows: minibatch, actRows: minibatch };
}

// ---------------------------------------------------------------------------------------------------------------------
// CORN

/** Loss of B rows of logits, and its gradient. z, dZ: [B, 4]; y in 0..4: [B] */
export function corn(z: ArrayLike<number>, y: ArrayLike<number>, dZ: Float32Array | Float64Array): number {
  let asked = 0;
  for (let b = 0; b < y.length; b++) asked += Math.min(questions, y[b]! + 1);
  let loss = 0;
  for (let b = 0; b < y.length; b++) {
    for (let k = 0; k < questions; k++) {
      const i = b * questions + k;
      // Question k is put to those that are above k - 1.
      if (y[b]! < k) {
        dZ[i] = 0;
        continue;
      }
      const isAbove = y[b]! > k ? 1 : 0;
      loss += (softplus(z[i]!) - isAbove * z[i]!) / asked;
      dZ[i] = (sigmoid(z[i]!) - isAbove) / asked;
    }
  }
  return loss;
}

/** P(y = 0) .. P(y = 4) into `out` from `offset`, from four logits; returns E[y] / 4. */
export function cornScores(z: ArrayLike<number>, zOffset: number, out: Float64Array, offset: number): number {
  let above = 1;
  let sum = 0;
  for (let k = 0; k < questions; k++) {
    const next = above * sigmoid(z[zOffset + k]!);
    out[offset + k] = above - next;
    above = next;
    sum += next;
  }
  out[offset + questions] = above;
  return sum / questions;
}

// ---------------------------------------------------------------------------------------------------------------------
// Examples

const kinds = ['organic', 'clip', 'relabel'] as const;
type Kind = (typeof kinds)[number];

interface Example {
  readonly kind: Kind;
  /** Episode it was made of. */
  readonly id: string;
  /** What is learned, 0..4 */
  readonly y: number;
  /** What the predicates say, 0..4 */
  readonly predicate: number;
  /** As perceived while fitting: a picture for the endpoint comes last. [frameDim] each */
  readonly first: Float64Array;
  readonly last: Float64Array;
}

const exampleOf = (
  kind: Kind,
  id: string,
  { frames, length, score }: Pick<Counterfactual, 'frames' | 'length' | 'score'>,
  frameDim: number,
): Example => ({
  kind,
  id,
  y: score - 1,
  predicate: score - 1,
  first: frames.slice(0, frameDim),
  last: frames.slice(length * frameDim, (length + 1) * frameDim),
});

interface Examples {
  /** By episode of the demonstrations. */
  readonly of: readonly (readonly Example[])[];
  /** Episodes whose outcome the predicates contradict, in words. */
  readonly contradicted: readonly string[];
}

/** @throws RangeError naming the episode where labels cannot be made, or contradict each other and `contradictions` is `refuse`. */
function examplesOf(
  demonstrations: readonly Demonstration[],
  settings: RoboSettings,
  source: CounterfactualSource | undefined,
  random: Random,
  frameDim: number,
): Examples {
  const { negatives, failures, clips, relabels } = settings;
  const contradicted: string[] = [];
  const of = demonstrations.map(({ id, length, frames, success }, index) => {
    const found: Example[] = [];
    if (!success && failures === 'ignore') return found;
    // Without predicates only a success is known for what it is worth.
    const whole = source?.clip(index, length) ?? { frames, length, score: 5 as const, reason: '' };
    if (success !== (whole.score === 5))
      contradicted.push(`${id} is called a ${success ? 'success' : 'failure'}, but ${whole.reason}`);
    found.push(exampleOf('organic', id, { frames, length, score: whole.score }, frameDim));
    if (!success || source === undefined) return found;
    if (negatives === 'clips' || negatives === 'both') {
      for (let n = 0; n < clips; n++) {
        const clip = source.clip(index, Math.floor((n * length) / clips));
        found.push(exampleOf('clip', id, clip, frameDim));
      }
    }
    if (negatives === 'relabels' || negatives === 'both') {
      for (let n = 0; n < relabels; n++) {
        const relabel = source.relabel(index, random.bits());
        if (relabel !== undefined) found.push(exampleOf('relabel', id, relabel, frameDim));
      }
    }
    return found;
  });
  if (contradicted.length > 0 && settings.contradictions === 'refuse') {
    throw new RangeError(
      `Demonstrations: ${contradicted.length} of ${demonstrations.length} contradict the simulator's predicates, wanted none: ${contradicted.join('; ')}`,
    );
  }
  return { of, contradicted };
}

/** @throws RangeError where the settings ask for what nobody can tell, or all examples are worth the same. */
function wantSource(
  demonstrations: readonly Demonstration[],
  { negatives, failures }: RoboSettings,
  source: CounterfactualSource | undefined,
): void {
  if (!demonstrations.some(({ success }) => success)) {
    throw new RangeError(
      `Demonstrations: none of the ${demonstrations.length} succeeded (first: episode ${demonstrations[0]!.id}); wanted at least one success to make examples of`,
    );
  }
  if (source !== undefined) return;
  if (negatives !== 'none') {
    throw new RangeError(
      `RoboReward: negatives is ${negatives}, but nobody gave the states of the demonstrations to make them of; wanted counterfactuals, or negatives: none`,
    );
  }
  const failed = demonstrations.find(({ success }) => !success);
  if (failed !== undefined && failures === 'use') {
    throw new RangeError(
      `Episode ${failed.id}: it failed, and without its states nobody knows how badly; wanted counterfactuals, or failures: ignore`,
    );
  }
}

const prompt = (instruction: string, stages: readonly string[]): string =>
  [
    'Two pictures of a simulated robot at work: the first as an episode began, the second as it stands now.',
    `What the robot was asked to do: ${instruction || `go through the stages ${stages.join(', ')}; where a place is marked, that is the goal`}.`,
    'Score the second picture alone, by how much of this is done in it. The first is there to see what has changed. How long it took does not count.',
    '1: nothing that matters has changed',
    '2: a small change in the right direction, far from enough',
    '3: a good part is done, but something that matters much is missing or wrong',
    '4: the right place and the right purpose, one minor thing is missing',
    '5: all that was asked for is done',
    'You may explain first. The last line must be: ANSWER: n',
  ].join('\n');

/** Pixels a side of what is shown to an endpoint. */
const shownSide = 14 * viewSide;

/** The score 1..5 in the last `ANSWER: n` of a text; undefined where there is none. */
export function answeredScore(text: string): number | undefined {
  const found = [...text.matchAll(/ANSWER:\s*(\S+)/gi)].at(-1)?.[1]?.replace(/[.*]+$/, '');
  return found !== undefined && /^[1-5]$/.test(found) ? Number(found) : undefined;
}

/** The examples with the scores that are learned. @throws RangeError naming the episode of an answer without a score. */
async function labelled(
  examples: readonly Example[],
  { labels, labelNoise, view, instruction, updates }: RoboSettings,
  { judge, layout, stages, signal, onProgress }: FitContext,
  random: Random,
): Promise<Example[]> {
  if (labels === 'predicates') {
    if (labelNoise === 0) return [...examples];
    return examples.map((example) => {
      if (random.uniform() >= labelNoise) return example;
      const isUp = example.y === 0 || (example.y < questions && random.uniform() < 0.5);
      return { ...example, y: example.y + (isUp ? 1 : -1) };
    });
  }
  if (judge === undefined) {
    throw new RangeError(
      'RoboReward: labels is endpoint and none is set; set one (lab endpoint --set model=NAME) or take labels=predicates',
    );
  }
  const { offset } = layout.parts.find(({ sense }) => sense === `view:${view}`)!;
  const question = prompt(instruction, stages);
  const found: Example[] = [];
  // Episode by episode, so that a bad answer ends the asking.
  for (const id of new Set(examples.map((example) => example.id))) {
    const ofEpisode = examples.filter((example) => example.id === id);
    const scores = await Promise.all(
      ofEpisode.map(async ({ first, last }) => {
        const pictures = [first, last].map((row) => enlarged(row, offset, shownSide));
        const text = await judge.ask({ prompt: question, pictures }, signal);
        const score = answeredScore(text);
        if (score !== undefined) return score;
        throw new RangeError(
          `${judge.name} on episode ${id}: answered "${text.slice(-200)}", wanted a last line "ANSWER: n" with n from 1 to 5`,
        );
      }),
    );
    found.push(...ofEpisode.map((example, n) => ({ ...example, y: scores[n]! - 1 })));
    onProgress({ done: 0, total: updates, metrics: { 'labels/asked': found.length } });
  }
  return found;
}

/** Share of each score 1..5. */
export function balanceOf(examples: readonly { readonly y: number }[]): number[] {
  const shares = new Array<number>(classes).fill(0);
  for (const { y } of examples) shares[y]!++;
  return shares.map((count) => count / examples.length);
}

// ---------------------------------------------------------------------------------------------------------------------
// Fitting

async function fit(
  demonstrations: readonly Demonstration[],
  given: AnySettings,
  context: FitContext,
): ReturnType<LearnedReward['fit']> {
  const settings = settingsOf(given);
  const { frameDim, layout, stages, signal, counterfactuals } = context;
  checkEpisodes(demonstrations, frameDim);
  throwIfAborted(signal);
  wantSource(demonstrations, settings, counterfactuals);

  const random = new Random(context.seed);
  const { of, contradicted } = examplesOf(demonstrations, settings, counterfactuals, random, frameDim);
  const split = holdOut(demonstrations, settings.holdout, random);
  const ofAll = (some: readonly Demonstration[]): Example[] => {
    const wanted = new Set(some);
    return demonstrations.flatMap((demonstration, e) => (wanted.has(demonstration) ? of[e]! : []));
  };
  const examples = await labelled(ofAll(split.training), settings, context, random);
  const own = sensesOf(settings);
  const dim = layout.parts.reduce((sum, part) => sum + (own.includes(part.sense) ? part.dim : 0), 0);
  if (settings.negatives !== 'none') wantClasses(examples, settings);
  const normaliser = fitNormaliser(
    examples.flatMap(({ first, last }) =>
      (settings.anchor ? [first, last] : [last]).map((row) => row.subarray(0, dim)),
    ),
    dim,
  );
  const parameters = initialize(shapeOf(settings, dim), random, { hiddenGain: 1, outputGain: 0.1 });
  const labelledBy = settings.labels === 'endpoint' ? context.judge!.name : undefined;
  const spec: ModelSpec = { settings, dim, stages, normaliser, labelledBy };
  const losses = await learn(examples, spec, parameters, random, context);
  const model = createModel(spec, parameters);

  const heldOut = ofAll(split.heldOut);
  const prefix = heldOut.length > 0 ? 'holdout' : 'training';
  const measures = measure(model, heldOut.length > 0 ? heldOut : examples, dim);
  const metrics: Record<string, number> = { ...losses };
  for (const [name, value] of Object.entries(measures)) metrics[`${prefix}/${name}`] = value;
  for (const kind of kinds) metrics[`examples/${kind}`] = examples.filter((one) => one.kind === kind).length;
  const before = balanceOf(examples.filter(({ kind }) => kind === 'organic'));
  const after = balanceOf(examples);
  for (let y = 0; y < classes; y++) {
    metrics[`balance/before/${y + 1}`] = before[y]!;
    metrics[`balance/after/${y + 1}`] = after[y]!;
  }
  metrics['labels/contradicted'] = contradicted.length;
  metrics['labels/agreement'] =
    examples.filter(({ y, predicate }) => y === predicate).length / examples.length;
  metrics['demonstrations/training'] = split.training.length;
  metrics['demonstrations/holdout'] = split.heldOut.length;
  return { model, metrics };
}

function wantClasses(examples: readonly Example[], { negatives }: RoboSettings): void {
  if (negatives === 'relabels' && !examples.some(({ kind }) => kind === 'relabel')) {
    throw new RangeError(
      'RoboReward: negatives is relabels, but no demonstration can get another goal (none in the task, or all the same); wanted clips, both or none',
    );
  }
  if (examples.every(({ y }) => y === examples[0]!.y)) {
    throw new RangeError(
      `RoboReward: all ${examples.length} examples have score ${examples[0]!.y + 1}, wanted at least two different scores`,
    );
  }
}

/** Rows of examples, normalised: first frame (where wanted), last frame. */
function rowOf(
  { first, last }: Pick<Example, 'first' | 'last'>,
  { settings, dim, normaliser }: ModelSpec,
  out: Float64Array | Float32Array,
  offset: number,
): void {
  if (settings.anchor) normalise(normaliser, first, 0, out, offset);
  normalise(normaliser, last, 0, out, offset + inputsOf(settings, dim) - dim);
}

async function learn(
  examples: readonly Example[],
  spec: ModelSpec,
  parameters: Float32Array,
  random: Random,
  context: FitContext,
): Promise<Record<string, number>> {
  const { settings, dim } = spec;
  const { minibatch: B, inputNoise, balance, updates, learningRate, weightDecay } = settings;
  const width = inputsOf(settings, dim);
  const rows = new Float64Array(examples.length * width); // [examples, width]
  for (const [n, example] of examples.entries()) rowOf(example, spec, rows, n * width);
  const all = examples.map((_, n) => n);
  const byScore = Array.from({ length: classes }, (_, y) => all.filter((n) => examples[n]!.y === y)).filter(
    (some) => some.length > 0,
  );
  const y = new Uint8Array(B);
  return fitNetworks(
    {
      title: 'RoboReward',
      updates,
      learningRate,
      weightDecay,
      networks: [{ shape: shapeOf(settings, dim) }],
      parameters,
      rows: B,
      async gradient(nets) {
        const [x, z, dZ] = [nets.inputs[0]!, nets.outputs[0]!, nets.outputGradients[0]!]; // [B, width], [B, 4], [B, 4]
        for (let b = 0; b < B; b++) {
          const pool = balance ? byScore[random.integer(byScore.length)]! : all;
          const n = pool[random.integer(pool.length)]!;
          y[b] = examples[n]!.y;
          for (let d = 0; d < width; d++)
            x[b * width + d] = rows[n * width + d]! + (inputNoise > 0 ? inputNoise * random.gaussian() : 0);
        }
        await nets.forward([0], B);
        const loss = corn(z, y, dZ);
        await nets.backward([0], B);
        return { 'loss/corn': loss };
      },
    },
    context,
  );
}

/**
 * Against the predicates: mean absolute error of the expected score in scores, of all and by kind; how many of each score were called what; the share
 * of those below 5 that are called 5.
 */
function measure(model: RewardModel, examples: readonly Example[], dim: number): Record<string, number> {
  const found: Record<string, number> = {};
  const errors: Record<Kind, number[]> = { organic: [], clip: [], relabel: [] };
  const lower = { all: 0, called5: 0 };
  for (const { kind, predicate: y, first, last } of examples) {
    const frames = new Float64Array(2 * dim);
    frames.set(first.subarray(0, dim));
    frames.set(last.subarray(0, dim), dim);
    const expected = 1 + questions * model.score(frames, 1).perStep[1]!;
    const called = Math.round(expected);
    errors[kind].push(Math.abs(expected - (y + 1)));
    const cell = `confusion/${y + 1}/${called}`;
    found[cell] = (found[cell] ?? 0) + 1;
    if (y === questions) continue;
    lower.all++;
    if (called === classes) lower.called5++;
  }
  found['mae/all'] = mean(kinds.flatMap((kind) => errors[kind]));
  for (const kind of kinds) if (errors[kind].length > 0) found[`mae/${kind}`] = mean(errors[kind]);
  if (lower.all > 0) found['falseSuccess'] = lower.called5 / lower.all;
  return found;
}

// ---------------------------------------------------------------------------------------------------------------------
// The model (plain numbers)

interface ModelSpec {
  readonly settings: RoboSettings;
  readonly dim: number;
  readonly stages: readonly string[];
  readonly normaliser: Normaliser;
  /** Vision model that scored the examples. */
  readonly labelledBy: string | undefined;
}

const extras = Array.from({ length: classes }, (_, y) => `probability${y + 1}`);

function createModel(spec: ModelSpec, parameters: Float32Array): RewardModel {
  const { settings, dim, stages, normaliser, labelledBy } = spec;
  const width = inputsOf(settings, dim);
  return createRewardModel({
    method: 'roboreward',
    title,
    senses: sensesOf(settings),
    frameDim: dim,
    stages,
    learnedFrom: labelledBy,
    scorer(capacity) {
      const network = new Network(shapeOf(settings, dim), parameters);
      const x = new Float64Array(capacity * width);
      const z = new Float64Array(capacity * questions);
      const p = new Float64Array(classes);
      // The normalised first frame of each episode.
      const memory = width - dim;
      return {
        memory,
        memoryIsFixed: true,
        extras,
        begin(frames, offset, kept, keptOffset) {
          if (memory > 0) normalise(normaliser, frames, offset, kept, keptOffset);
        },
        run(frames, offset, rows, kept, keptOffset, { progress, extras: tracks }) {
          for (let row = 0; row < rows; row++) {
            const to = row * width;
            for (let d = 0; d < memory; d++) x[to + d] = kept[keptOffset + row * memory + d]!;
            normalise(normaliser, frames, offset + row * dim, x, to + memory);
          }
          network.forward(x, rows, z);
          for (let row = 0; row < rows; row++) {
            progress[row] = cornScores(z, row * questions, p, 0);
            for (let y = 0; y < classes; y++) tracks[extras[y]!]![row] = p[y]!;
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
        labelledBy: labelledBy ?? null,
      };
      return packModel(magic, { header, weights: parameters });
    },
  });
}

function load(bytes: Uint8Array): RewardModel {
  const saved = openModel(title, magic, bytes);
  const { weights, frameDim: dim, stages } = saved;
  const { labelledBy } = saved.header;
  const settings = settingsOf(saved.settings);
  saved.wantWeights(parameterCount(shapeOf(settings, dim)));
  return createModel(
    {
      settings,
      dim,
      stages,
      normaliser: { mean: saved.numbers('mean', dim), scale: saved.numbers('scale', dim) },
      labelledBy: typeof labelledBy === 'string' ? labelledBy : undefined,
    },
    weights,
  );
}
