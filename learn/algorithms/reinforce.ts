/**
 * REINFORCE: Williams 1992, "Simple statistical gradient-following algorithms for connectionist reinforcement learning",
 * Machine Learning 8, 229-256. Read from top to bottom: settings, one iteration (play episodes, judge, one gradient step as in
 * learn/parts/policy-gradient.ts), checkpoints. How it differs from the paper and what each metric means: docs/algorithms/reinforce.md.
 */

import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { Actor, actorShape } from '../parts/actor.ts';
import { readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float64Of } from '../parts/checkpoint.ts';
import { collectEpisodes, Episodes } from '../parts/episodes.ts';
import { common } from '../parts/fields.ts';
import { checkEnvironment, forWorlds, resumed } from '../parts/learner.ts';
import { checkedMlpPolicy } from '../parts/policy.ts';
import { chunkRows, PolicyGradient, toUnitSize } from '../parts/policy-gradient.ts';
import { Random } from '../parts/random.ts';
import { learningRateAfter, scheduleField } from '../parts/schedule.ts';
import type { Algorithm, Learner, LearnerSetup, Metrics, Policy, VectorEnv } from './types.ts';

export const fields = {
  steps: common.steps,
  worlds: { ...common.worlds, help: 'Episodes behind one gradient step, played side by side.' },
  gamma: { ...common.gamma, max: 1 },
  baseline: {
    type: 'choice',
    default: 'timestep',
    options: ['timestep', 'running', 'none'],
    help: 'Taken off the returns: the mean of this batch at the same time, its running mean over iterations, or nothing.',
  },
  baselineDecay: {
    type: 'number',
    default: 0.9,
    min: 0,
    max: 0.999,
    help: 'Share of the running baseline that an iteration leaves as it was.',
  },
  normalizeAdvantages: common.normalizeAdvantages,
  learningRate: { ...common.learningRate, default: 3e-3 },
  learningRateSchedule: scheduleField('linear'),
  entropyCoef: common.entropyCoef,
  maxGradNorm: common.maxGradNorm,
  hiddenSize: common.hiddenSize,
  hiddenLayers: common.hiddenLayers,
  initialLogStd: common.initialLogStd,
  normalizeObservations: common.normalizeObservations,
} as const satisfies Algorithm['fields'];

type ReinforceSettings = Settings<typeof fields>;

const name = 'REINFORCE';
const magic = 'RLABRNF\n';
const formatVersion = 1;

export const reinforce: Algorithm = {
  id: 'reinforce',
  title: 'REINFORCE',
  summary: 'The plain policy gradient from whole episodes: no critic, one gradient step an iteration.',
  source: 'Williams 1992, Machine Learning 8',
  fields,
  check: (settings) => {
    withDefaults(settings);
  },
  workload: (given, setup) => {
    const settings = withDefaults(given);
    return { networks: [actorShape(settings, setup)], updateRows: chunkRows, actRows: setup.count };
  },
  create: (settings, setup) => new Reinforce(checked(settings, setup), setup),
  resume: (bytes, settings, setup) => resumed(new Reinforce(checked(settings, setup), setup), bytes),
  loadPolicy: (bytes) => checkedMlpPolicy(name, readBlock(magic, bytes), formatVersion, ['steps', 'worlds']),
  loadSampler: (bytes, random) =>
    checkedMlpPolicy(name, readBlock(magic, bytes), formatVersion, ['steps', 'worlds'], random),
};

const withDefaults = (given: AnySettings): ReinforceSettings =>
  Object.freeze({ ...defaultsOf(fields), ...given });

const checked = (given: AnySettings, setup: LearnerSetup): ReinforceSettings =>
  forWorlds(name, withDefaults(given), setup);

class Reinforce implements Learner {
  readonly #settings: ReinforceSettings;
  readonly #setup: LearnerSetup;
  readonly #random: Random;
  readonly #actor: Actor;
  readonly #episodes: Episodes;
  /** Running mean of the return-to-go at each time, as far as any episode has come. */
  #running: Float64Array = new Float64Array(0);
  /** [R] */
  #advantages = new Float64Array(0);
  readonly #gradient: PolicyGradient;
  readonly #clock: () => number;
  #steps = 0;
  #lastSteps: number;

  constructor(settings: ReinforceSettings, setup: LearnerSetup) {
    const { observationDim, actionDim, count } = setup;
    this.#settings = settings;
    this.#setup = setup;
    this.#clock = setup.clock ?? (() => 0);
    this.#random = new Random(setup.seed);
    this.#actor = new Actor({
      name,
      setup,
      ...settings,
      rows: Math.max(chunkRows, count),
      random: this.#random,
    });
    this.#episodes = new Episodes(count, 1, observationDim, actionDim);
    this.#gradient = new PolicyGradient(this.#actor, this.#episodes);
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
    checkEnvironment(name, env, this.#setup);
    const begun = this.#clock();
    const waited = await collectEpisodes(name, env, this.#actor, this.#random, this.#episodes, this.#clock);
    const collected = this.#clock();
    this.#judge();
    const usable = this.#episodes.usable();
    const learningRate = learningRateAfter(this.#steps, this.#settings);
    const learned = await this.#gradient.step(usable, this.#advantages, learningRate, this.#settings);
    this.#actor.takeInSeen();
    this.#lastSteps = this.#episodes.rows;
    this.#steps += this.#lastSteps;
    return {
      ...this.#episodes.metrics(),
      ...learned,
      'time/act': collected - begun - waited,
      'time/learn': this.#clock() - collected,
    };
  }

  /**
   * Advantages A_t = G_t - b_t with the return-to-go G_t and a baseline b_t that depends on nothing but the time:
   *   timestep   b_t = mean of G_t over the episodes of this batch that still run at t
   *   running    b_t <- d b_t + (1 - d) mean of G_t, used as it was before this batch
   * The first batch of a running baseline (and the first that comes as far as t) is its own baseline.
   */
  #judge(): void {
    const { baseline, baselineDecay, gamma, normalizeAdvantages } = this.#settings;
    const e = this.#episodes;
    if (this.#advantages.length < e.rows) this.#advantages = new Float64Array(e.rewards.length);
    const advantages = this.#advantages;
    e.returnsToGo(gamma, advantages);
    const length = e.starts.length - 1;
    const known = this.#running.length;
    if (baseline === 'running' && length > known) {
      const longer = new Float64Array(length);
      longer.set(this.#running);
      this.#running = longer;
    }
    for (let t = 0; t < length && baseline !== 'none'; t++) {
      const [first, end] = [e.starts[t]!, e.starts[t + 1]!];
      let [sum, count] = [0, 0];
      for (let i = first; i < end; i++) {
        if (e.broken[e.world[i]!]) continue;
        sum += advantages[i]!;
        count++;
      }
      const mean = sum / Math.max(1, count);
      let b = mean;
      if (baseline === 'running') {
        if (t < known) b = this.#running[t]!;
        else this.#running[t] = mean;
        if (count > 0) this.#running[t] = baselineDecay * this.#running[t]! + (1 - baselineDecay) * mean;
      }
      for (let i = first; i < end; i++) advantages[i]! -= b;
    }
    if (normalizeAdvantages) toUnitSize(advantages, e.usable());
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
        lastSteps: this.#lastSteps,
      },
      { ...(await this.#actor.save()), random: this.#random.save(), running: this.#running },
    );
  }

  /** @throws RangeError when the checkpoint belongs to another network, number of worlds or version. */
  restore(bytes: Uint8Array): void {
    const block = readBlock(magic, bytes);
    const header = checkedHeader(name, block, formatVersion, ['steps', 'worlds', 'lastSteps']);
    checkSame(name, header, { worlds: this.#setup.count });
    this.#actor.restore(block);
    this.#random.restore(float64Of(name, block, 'random'));
    this.#running = float64Of(name, block, 'running');
    this.#steps = header['steps'] as number;
    this.#lastSteps = header['lastSteps'] as number;
  }

  dispose(): void {
    this.#actor.networks.dispose();
  }
}
