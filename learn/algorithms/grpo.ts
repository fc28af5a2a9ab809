/**
 * Group relative policy optimisation (GRPO): Shao et al. 2024, DeepSeekMath, arXiv:2402.03300, with the corrections of
 * Liu et al. 2025 (Dr. GRPO, arXiv:2503.20783) as settings. Read from top to bottom: settings, one iteration (play groups
 * of episodes from one start each, judge, learn), the loss, checkpoints. How it differs from the papers and what each
 * metric means: docs/algorithms/grpo.md.
 */

import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { Actor, actorShape } from '../parts/actor.ts';
import { type Block, type BlockArray, readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float32Of, float64Of } from '../parts/checkpoint.ts';
import { collectEpisodes, Episodes } from '../parts/episodes.ts';
import { common, groups } from '../parts/fields.ts';
import type { Head } from '../parts/heads.ts';
import { checkEnvironment, forWorlds, resumed } from '../parts/learner.ts';
import { Network } from '../parts/network.ts';
import { Normalizer } from '../parts/normalizer.ts';
import { checkedMlpPolicy, policyShape } from '../parts/policy.ts';
import { Random } from '../parts/random.ts';
import { learningRateAfter, scheduleField } from '../parts/schedule.ts';
import { parameterCount } from '../tensor/mlp.ts';
import type { Algorithm, Learner, LearnerSetup, Metrics, Policy, VectorEnv } from './types.ts';

export const fields = {
  steps: common.steps,
  worlds: { ...common.worlds, min: 2, help: 'Episodes of one iteration, played side by side.' },
  groupSize: groups.groupSize,
  gamma: { ...common.gamma, max: 1 },
  credit: groups.credit,
  divideByStd: {
    type: 'boolean',
    default: true,
    help: 'Divide the advantages of a group by the deviation of its returns; off: Dr. GRPO.',
  },
  normalizeLength: {
    type: 'boolean',
    default: false,
    help: 'Every episode weighs the same, however long it is, as in the paper; off: every step does, as in Dr. GRPO.',
  },
  epochs: common.epochs,
  minibatch: common.minibatch,
  learningRate: common.learningRate,
  learningRateSchedule: scheduleField('linear'),
  clipCoef: common.clipCoef,
  targetKl: common.targetKl,
  klCoef: {
    type: 'number',
    default: 0,
    min: 0,
    max: 10,
    help: 'Weight of the divergence from the reference policy in the loss; 0: there is none.',
  },
  referenceEvery: {
    type: 'integer',
    default: 20,
    min: 1,
    max: 1_000_000,
    unit: 'iterations',
    help: 'How often the policy of the moment becomes the reference.',
  },
  entropyCoef: common.entropyCoef,
  maxGradNorm: common.maxGradNorm,
  hiddenSize: common.hiddenSize,
  hiddenLayers: common.hiddenLayers,
  initialLogStd: common.initialLogStd,
  normalizeObservations: common.normalizeObservations,
} as const satisfies Algorithm['fields'];

type GrpoSettings = Settings<typeof fields>;

const name = 'GRPO';
const magic = 'RLABGRP\n';
const formatVersion = 1;

export const grpo: Algorithm = {
  id: 'grpo',
  title: 'GRPO',
  summary: 'Clipped updates like PPO, but episodes from one start judge each other in place of a critic.',
  source: 'Shao et al. 2024, arXiv:2402.03300',
  fields,
  check: (settings) => {
    together(settings);
  },
  workload: (given, setup) => {
    const settings = together(given);
    return { networks: [actorShape(settings, setup)], updateRows: settings.minibatch, actRows: setup.count };
  },
  create: (settings, setup) => new Grpo(checked(settings, setup), setup),
  resume: (bytes, settings, setup) => resumed(new Grpo(checked(settings, setup), setup), bytes),
  loadPolicy: (bytes) => checkedMlpPolicy(name, readBlock(magic, bytes), formatVersion, ['steps', 'worlds']),
  loadSampler: (bytes, random) =>
    checkedMlpPolicy(name, readBlock(magic, bytes), formatVersion, ['steps', 'worlds'], random),
};

/** Fills in defaults. @throws RangeError naming settings that cannot work together. */
function together(given: AnySettings): GrpoSettings {
  const settings: GrpoSettings = Object.freeze({ ...defaultsOf(fields), ...given });
  const { worlds, groupSize } = settings;
  if (worlds % groupSize !== 0) {
    throw new RangeError(`${name}: groupSize is ${groupSize}, wanted a divisor of worlds = ${worlds}`);
  }
  return settings;
}

const checked = (given: AnySettings, setup: LearnerSetup): GrpoSettings =>
  forWorlds(name, together(given), setup);

class Grpo implements Learner {
  readonly #settings: GrpoSettings;
  readonly #setup: LearnerSetup;
  readonly #random: Random;
  readonly #actor: Actor;
  readonly #episodes: Episodes;
  /** None while klCoef is 0. */
  #reference: Reference | undefined;
  /** Of every collected step: advantage, weight in the loss, log probability under the reference. [R] each */
  #advantages = new Float64Array(0);
  #weights = new Float64Array(0);
  #referenceLogs = new Float64Array(0);
  /** Observations on their way to a network. [minibatch, observationDim] */
  readonly #gathered: Float64Array;
  readonly #clock: () => number;
  #steps = 0;
  #iterations = 0;
  #lastSteps: number;

  constructor(settings: GrpoSettings, setup: LearnerSetup) {
    const { observationDim, actionDim, count } = setup;
    this.#settings = settings;
    this.#setup = setup;
    this.#clock = setup.clock ?? (() => 0);
    this.#random = new Random(setup.seed);
    this.#actor = new Actor({
      name,
      setup,
      ...settings,
      rows: Math.max(settings.minibatch, count),
      random: this.#random,
    });
    this.#episodes = new Episodes(count, settings.groupSize, observationDim, actionDim);
    this.#gathered = new Float64Array(settings.minibatch * observationDim);
    this.#lastSteps = count * (setup.model?.horizon ?? 1);
  }

  get steps(): number {
    return this.#steps;
  }

  /** Episodes end when they end: as many as the last time, before the first time as many as can be. */
  get stepsPerIteration(): number {
    return this.#lastSteps;
  }

  async iterate(env: VectorEnv): Promise<Metrics> {
    const { klCoef, referenceEvery, gamma, credit, divideByStd, normalizeLength } = this.#settings;
    checkEnvironment(name, env, this.#setup);
    const begun = this.#clock();
    if (klCoef > 0 && this.#iterations % referenceEvery === 0) {
      const parameters = await this.#actor.networks.read();
      this.#reference = new Reference(this.#actor, parameters, this.#actor.normalizer.save());
    }
    // 1. Play.
    const e = this.#episodes;
    const waited = await collectEpisodes(name, env, this.#actor, this.#random, e, this.#clock);
    const collected = this.#clock();
    // 2. Judge.
    if (this.#advantages.length < e.rows) {
      this.#advantages = new Float64Array(e.rewards.length);
      this.#weights = new Float64Array(e.rewards.length);
      this.#referenceLogs = new Float64Array(e.rewards.length);
    }
    groupAdvantages(e, gamma, { credit, divideByStd }, this.#advantages);
    // Diverged episodes have no outcome to learn from.
    const usable = e.usable();
    const episodes = e.worlds - e.broken.reduce((sum, broken) => sum + broken, 0);
    for (const i of usable) {
      this.#weights[i] = normalizeLength ? 1 / (episodes * e.lengths[e.world[i]!]!) : 1 / usable.length;
    }
    this.#consult(usable);
    // 3. Learn.
    const learned = await this.#learn(usable);
    this.#actor.takeInSeen();
    this.#lastSteps = e.rows;
    this.#steps += this.#lastSteps;
    this.#iterations++;
    return {
      ...e.metrics(),
      ...learned,
      'time/act': collected - begun - waited,
      'time/learn': this.#clock() - collected,
    };
  }

  /** What the reference policy thinks of the actions taken. */
  #consult(usable: Int32Array): void {
    const e = this.#episodes;
    const { minibatch } = this.#settings;
    for (let first = 0; first < usable.length && this.#reference; first += minibatch) {
      const indices = usable.subarray(first, first + minibatch);
      e.gather(indices, this.#gathered);
      this.#reference.logProbabilities(this.#gathered, indices, e.actions, this.#referenceLogs);
    }
  }

  /** Epochs of shuffled minibatches. */
  async #learn(indices: Int32Array): Promise<Record<string, number>> {
    const { epochs, minibatch, targetKl, maxGradNorm, klCoef } = this.#settings;
    const { networks, head } = this.#actor;
    const learningRate = learningRateAfter(this.#steps, this.#settings);
    const totals = newTotals();
    let [batches, updates, gradientNorm] = [0, 0, 0];
    let stopped = indices.length === 0;
    for (let epoch = 0; epoch < epochs && !stopped; epoch++) {
      this.#random.shuffle(indices);
      const parts = Math.ceil(indices.length / minibatch);
      for (let part = 0; part < parts && !stopped; part++) {
        const first = Math.floor((part * indices.length) / parts);
        const last = Math.floor(((part + 1) * indices.length) / parts);
        const rows = indices.subarray(first, last);
        this.#episodes.gather(rows, this.#gathered);
        this.#actor.look(this.#gathered, rows.length);
        const outputs = await this.#actor.forward(rows.length);
        const loss = grpoLoss(
          {
            head,
            indices: rows,
            scale: indices.length / rows.length,
            outputs,
            loose: networks.loose,
            actions: this.#episodes.actions,
            logProbabilities: this.#episodes.logProbabilities,
            advantages: this.#advantages,
            weights: this.#weights,
            ...(this.#reference ? { referenceLogs: this.#referenceLogs } : {}),
          },
          this.#settings,
          { dOutputs: networks.outputGradients[0]!, dLoose: networks.looseGradients },
        );
        for (const key of lossNames) {
          if (!Number.isFinite(loss[key])) {
            throw new Error(
              `${name}: ${key} is ${loss[key]} after ${this.#steps} steps, wanted a finite number`,
            );
          }
          totals[key] += loss[key];
        }
        batches++;
        stopped = targetKl > 0 && loss['policy/kl'] > 1.5 * targetKl;
        if (stopped) {
          await networks.clear();
          break;
        }
        await this.#actor.backward(rows.length);
        gradientNorm += await this.#actor.step(learningRate, maxGradNorm);
        updates++;
      }
    }
    const { 'policy/klReference': klReference, ...rest } = totals;
    const metrics: Record<string, number> = {};
    for (const [key, sum] of Object.entries(rest)) metrics[key] = sum / Math.max(1, batches);
    return {
      ...metrics,
      ...(klCoef > 0 ? { 'policy/klReference': klReference / Math.max(1, batches) } : {}),
      ...this.#actor.deviation(),
      'learn/learningRate': learningRate,
      'learn/gradientNorm': gradientNorm / Math.max(1, updates),
      'learn/updates': updates,
    };
  }

  policy(): Promise<Policy> {
    return this.#actor.policy();
  }

  async save(): Promise<Uint8Array> {
    return writeBlock(
      magic,
      {
        version: formatVersion,
        ...this.#actor.header,
        worlds: this.#setup.count,
        steps: this.#steps,
        iterations: this.#iterations,
        lastSteps: this.#lastSteps,
      },
      { ...(await this.#actor.save()), random: this.#random.save(), ...this.#reference?.save() },
    );
  }

  /** @throws RangeError when the checkpoint belongs to another network, number of worlds or version. */
  restore(bytes: Uint8Array): void {
    const block = readBlock(magic, bytes);
    const integers = ['steps', 'worlds', 'iterations', 'lastSteps'];
    const header = checkedHeader(name, block, formatVersion, integers);
    checkSame(name, header, { worlds: this.#setup.count });
    this.#actor.restore(block);
    this.#random.restore(float64Of(name, block, 'random'));
    if (this.#settings.klCoef > 0 && 'reference' in block.arrays) {
      this.#reference = Reference.read(this.#actor, block);
    }
    this.#steps = header['steps'] as number;
    this.#iterations = header['iterations'] as number;
    this.#lastSteps = header['lastSteps'] as number;
  }

  dispose(): void {
    this.#actor.networks.dispose();
  }
}

/** A policy as it was, with its own normaliser, in plain numbers. */
class Reference {
  readonly #head: Head;
  readonly #network: Network;
  readonly #normalizer: Normalizer;
  /** The network, then the loose numbers. */
  readonly #parameters: Float32Array;
  readonly #loose: Float32Array;
  #inputs = new Float64Array(0);
  #outputs = new Float64Array(0);

  constructor({ header, head }: Actor, parameters: Float32Array, normalizer: Float64Array) {
    const shape = policyShape(header);
    const size = parameterCount(shape);
    this.#head = head;
    this.#parameters = parameters;
    this.#network = new Network(shape, parameters.subarray(0, size));
    this.#loose = parameters.subarray(size);
    this.#normalizer = new Normalizer(header.observationDim);
    this.#normalizer.restore(normalizer);
  }

  static read(actor: Actor, block: Block): Reference {
    const parameters = float32Of(name, block, 'reference', actor.networks.parameterCount);
    return new Reference(actor, parameters, float64Of(name, block, 'referenceNormalizer'));
  }

  save(): Record<string, BlockArray> {
    return { reference: this.#parameters, referenceNormalizer: this.#normalizer.save() };
  }

  /** observations [indices, observationDim]; actions and out by the row numbers in `indices`. */
  logProbabilities(
    observations: Float64Array,
    indices: Int32Array,
    actions: Float64Array,
    out: Float64Array,
  ): void {
    const { outputs, actionDim } = this.#head;
    if (this.#inputs.length < observations.length) this.#inputs = new Float64Array(observations.length);
    if (this.#outputs.length < indices.length * outputs) {
      this.#outputs = new Float64Array(indices.length * outputs);
    }
    this.#normalizer.apply(observations, indices.length, this.#inputs);
    this.#network.forward(this.#inputs, indices.length, this.#outputs);
    for (const [row, i] of indices.entries()) {
      out[i] = this.#head.logProbability(this.#outputs, row * outputs, this.#loose, actions, i * actionDim);
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Advantages and loss

/**
 * Writes A of every row to `out` [R]. Over the episodes j of a group, with the discounted returns R_j,
 *   A_i = (R_i - mean_j R_j) / std_j R_j
 * for all steps of episode i (credit `episode`). With credit `step` the mean is taken off the return-to-go at each time,
 * over the episodes that still run then (the mean of the last time when two or more ran stays), and the divisor is the same.
 * Without `divideByStd` there is no divisor. Episodes that broke off take no part; A is 0 where that leaves no two.
 */
export function groupAdvantages(
  e: Episodes,
  gamma: number,
  { credit, divideByStd }: Pick<GrpoSettings, 'credit' | 'divideByStd'>,
  out: Float64Array,
): void {
  const groups = e.worlds / e.groupSize;
  const counts = new Int32Array(groups);
  const sums = new Float64Array(groups);
  const means = new Float64Array(groups);
  const squares = new Float64Array(groups);
  /** 1 / std, 0 for groups of fewer than two. */
  const scales = new Float64Array(groups);
  /** R of each episode. */
  const whole = new Float64Array(e.worlds);
  const groupOf = (i: number): number => Math.floor(e.world[i]! / e.groupSize);
  e.returnsToGo(gamma, out);
  for (let t = 0; t + 1 < e.starts.length; t++) {
    const [first, end] = [e.starts[t]!, e.starts[t + 1]!];
    // 1. The means: of whole returns at time 0, when all episodes run.
    counts.fill(0);
    sums.fill(0);
    for (let i = first; i < end && (t === 0 || credit === 'step'); i++) {
      if (t === 0) whole[e.world[i]!] = out[i]!;
      if (e.broken[e.world[i]!]) continue;
      counts[groupOf(i)]!++;
      sums[groupOf(i)]! += out[i]!;
    }
    for (let g = 0; g < groups; g++) if (counts[g]! > 1) means[g] = sums[g]! / counts[g]!;
    // 2. The deviations of whole returns.
    for (let i = first; i < end && t === 0; i++) {
      if (!e.broken[e.world[i]!]) squares[groupOf(i)]! += (out[i]! - means[groupOf(i)]!) ** 2;
    }
    for (let g = 0; g < groups && t === 0; g++) {
      if (counts[g]! < 2) continue;
      scales[g] = divideByStd ? 1 / (Math.sqrt(squares[g]! / counts[g]!) + 1e-8) : 1;
    }
    // 3. The advantages.
    for (let i = first; i < end; i++) {
      const n = e.world[i]!;
      const own = credit === 'step' ? out[i]! : whole[n]!;
      out[i] = e.broken[n] ? 0 : (own - means[groupOf(i)]!) * scales[groupOf(i)]!;
    }
  }
}

const lossNames = [
  'loss/policy',
  'policy/entropy',
  'policy/kl',
  'policy/klReference',
  'policy/clipFraction',
] as const;
export type GrpoLoss = Record<(typeof lossNames)[number], number>;

const newTotals = (): GrpoLoss => ({
  'loss/policy': 0,
  'policy/entropy': 0,
  'policy/kl': 0,
  'policy/klReference': 0,
  'policy/clipFraction': 0,
});

export interface LossInput {
  readonly head: Head;
  /** Which of the collected steps the minibatch has. [M] */
  readonly indices: Int32Array;
  /** Collected steps over M: makes the minibatch stand for all of them. */
  readonly scale: number;
  /** What the policy says now. [M, outputs], [loose] */
  readonly outputs: Float32Array | Float64Array;
  readonly loose: Float32Array | Float64Array;
  /** What was collected. [R, actionDim], [R], [R], [R]; weights sum to 1 over all R. */
  readonly actions: Float64Array;
  readonly logProbabilities: Float64Array;
  readonly advantages: Float64Array;
  readonly weights: Float64Array;
  /** Absent: no reference policy. [R] */
  readonly referenceLogs?: Float64Array;
}

/**
 * The loss of one minibatch and its gradient by what the network put out (dOutputs written, dLoose added to). Sums go
 * over its M steps, w being a step's weight times `scale`, eps = clipCoef:
 *
 *   ratio  = exp(log p(a) - log p_old(a))
 *   policy = sum of w max(-A ratio, -A clip(ratio, 1 - eps, 1 + eps))
 *   kl_ref = sum of w (exp(d) - d - 1),   d = log p_ref(a) - log p(a)
 *   loss   = policy + klCoef kl_ref - entropyCoef sum of w H
 *
 *   d policy / d log p = -w A ratio where the first branch is the larger, else 0
 *   d kl_ref / d log p = w (1 - exp(d))
 */
export function grpoLoss(
  input: LossInput,
  settings: Pick<GrpoSettings, 'clipCoef' | 'klCoef' | 'entropyCoef'>,
  { dOutputs, dLoose }: { dOutputs: Float32Array | Float64Array; dLoose: Float32Array | Float64Array },
): GrpoLoss {
  const { head, indices, scale, outputs, loose, actions, referenceLogs } = input;
  const { clipCoef, klCoef, entropyCoef } = settings;
  const totals = newTotals();
  for (const [row, i] of indices.entries()) {
    const at = row * head.outputs;
    const action = i * head.actionDim;
    const advantage = input.advantages[i]!;
    const weight = input.weights[i]! * scale;
    const log = head.logProbability(outputs, at, loose, actions, action);
    const logRatio = log - input.logProbabilities[i]!;
    const ratio = Math.exp(logRatio);
    const clippedRatio = Math.max(1 - clipCoef, Math.min(1 + clipCoef, ratio));
    const plain = -advantage * ratio;
    const clipped = -advantage * clippedRatio;
    let dLog = plain >= clipped ? weight * plain : 0;
    totals['loss/policy'] += weight * Math.max(plain, clipped);
    totals['policy/entropy'] += weight * head.entropy(outputs, at, loose);
    // The same estimate as kl_ref, of the distance to the policy that collected: never negative.
    totals['policy/kl'] += weight * (ratio - 1 - logRatio);
    totals['policy/clipFraction'] += weight * (ratio === clippedRatio ? 0 : 1);
    if (referenceLogs) {
      const d = referenceLogs[i]! - log;
      totals['policy/klReference'] += weight * (Math.exp(d) - d - 1);
      dLog += klCoef * weight * (1 - Math.exp(d));
    }
    head.gradient(outputs, at, loose, actions, action, dLog, -entropyCoef * weight, dOutputs, at, dLoose);
  }
  return totals;
}
