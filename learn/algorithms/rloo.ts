/**
 * REINFORCE with the leave-one-out baseline (RLOO): Ahmadian et al. 2024, "Back to basics", arXiv:2402.14740, after Kool,
 * van Hoof and Welling 2019. Read from top to bottom: settings, one iteration (play groups of episodes from one start each,
 * judge, one gradient step as in learn/parts/policy-gradient.ts), checkpoints. How it differs from the paper and what each
 * metric means: docs/algorithms/rloo.md.
 */

import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { Actor, actorShape } from '../parts/actor.ts';
import { readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float64Of } from '../parts/checkpoint.ts';
import { collectEpisodes, Episodes } from '../parts/episodes.ts';
import { common, groups } from '../parts/fields.ts';
import { checkEnvironment, forWorlds, resumed } from '../parts/learner.ts';
import { checkedMlpPolicy } from '../parts/policy.ts';
import { chunkRows, PolicyGradient, toUnitSize } from '../parts/policy-gradient.ts';
import { Random } from '../parts/random.ts';
import { learningRateAfter, scheduleField } from '../parts/schedule.ts';
import type { Algorithm, Learner, LearnerSetup, Metrics, Policy, VectorEnv } from './types.ts';

export const fields = {
  steps: common.steps,
  worlds: { ...common.worlds, min: 2, help: 'Episodes behind one gradient step, played side by side.' },
  groupSize: groups.groupSize,
  gamma: { ...common.gamma, max: 1 },
  credit: groups.credit,
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

type RlooSettings = Settings<typeof fields>;

const name = 'RLOO';
const magic = 'RLABRLO\n';
const formatVersion = 1;

export const rloo: Algorithm = {
  id: 'rloo',
  title: 'RLOO',
  summary: 'The plain policy gradient; episodes from one start are each other’s baseline, no critic.',
  source: 'Ahmadian et al. 2024, arXiv:2402.14740',
  fields,
  check: (settings) => {
    together(settings);
  },
  workload: (given, setup) => {
    const settings = together(given);
    return { networks: [actorShape(settings, setup)], updateRows: chunkRows, actRows: setup.count };
  },
  create: (settings, setup) => new Rloo(checked(settings, setup), setup),
  resume: (bytes, settings, setup) => resumed(new Rloo(checked(settings, setup), setup), bytes),
  loadPolicy: (bytes) => checkedMlpPolicy(name, readBlock(magic, bytes), formatVersion, ['steps', 'worlds']),
  loadSampler: (bytes, random) =>
    checkedMlpPolicy(name, readBlock(magic, bytes), formatVersion, ['steps', 'worlds'], random),
};

/** Fills in defaults. @throws RangeError naming settings that cannot work together. */
function together(given: AnySettings): RlooSettings {
  const settings: RlooSettings = Object.freeze({ ...defaultsOf(fields), ...given });
  const { worlds, groupSize } = settings;
  if (worlds % groupSize !== 0) {
    throw new RangeError(`${name}: groupSize is ${groupSize}, wanted a divisor of worlds = ${worlds}`);
  }
  return settings;
}

const checked = (given: AnySettings, setup: LearnerSetup): RlooSettings =>
  forWorlds(name, together(given), setup);

class Rloo implements Learner {
  readonly #settings: RlooSettings;
  readonly #setup: LearnerSetup;
  readonly #random: Random;
  readonly #actor: Actor;
  readonly #episodes: Episodes;
  /** [R] */
  #advantages = new Float64Array(0);
  readonly #gradient: PolicyGradient;
  readonly #clock: () => number;
  #steps = 0;
  #lastSteps: number;

  constructor(settings: RlooSettings, setup: LearnerSetup) {
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
    this.#episodes = new Episodes(count, settings.groupSize, observationDim, actionDim);
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
    const { credit, gamma, normalizeAdvantages } = this.#settings;
    if (this.#advantages.length < this.#episodes.rows) {
      this.#advantages = new Float64Array(this.#episodes.rewards.length);
    }
    leaveOneOut(this.#episodes, gamma, credit, this.#advantages);
    const usable = this.#episodes.usable();
    if (normalizeAdvantages) toUnitSize(this.#advantages, usable);
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
      { ...(await this.#actor.save()), random: this.#random.save() },
    );
  }

  /** @throws RangeError when the checkpoint belongs to another network, number of worlds or version. */
  restore(bytes: Uint8Array): void {
    const block = readBlock(magic, bytes);
    const header = checkedHeader(name, block, formatVersion, ['steps', 'worlds', 'lastSteps']);
    checkSame(name, header, { worlds: this.#setup.count });
    this.#actor.restore(block);
    this.#random.restore(float64Of(name, block, 'random'));
    this.#steps = header['steps'] as number;
    this.#lastSteps = header['lastSteps'] as number;
  }

  dispose(): void {
    this.#actor.networks.dispose();
  }
}

/**
 * Writes A of every row to `out` [R]. With k episodes in a group and R_i the discounted return of episode i,
 *   A_i = R_i - 1/(k - 1) sum over j != i of R_j
 * for all its steps (credit `episode`). With credit `step` the same of the returns-to-go at each time, over the others
 * that still run then; once no other runs, the last such mean stays. Either way the baseline does not depend on what
 * episode i did. Episodes that broke off have no return: they take no part, and A is 0 where that leaves no other.
 */
export function leaveOneOut(e: Episodes, gamma: number, credit: 'step' | 'episode', out: Float64Array): void {
  const groups = e.worlds / e.groupSize;
  const sums = new Float64Array(groups);
  const counts = new Int32Array(groups);
  // Of each episode: R_i, its baseline, whether it has one.
  const whole = new Float64Array(e.worlds);
  const baselines = new Float64Array(e.worlds);
  const isJudged = new Uint8Array(e.worlds);
  e.returnsToGo(gamma, out);
  for (let t = 0; t + 1 < e.starts.length; t++) {
    const [first, end] = [e.starts[t]!, e.starts[t + 1]!];
    // At time 0 all episodes run, and returns-to-go are those of whole episodes.
    const isNew = t === 0 || credit === 'step';
    sums.fill(0);
    counts.fill(0);
    for (let i = first; i < end && isNew; i++) {
      const n = e.world[i]!;
      if (e.broken[n]) continue;
      const group = Math.floor(n / e.groupSize);
      sums[group]! += out[i]!;
      counts[group]!++;
    }
    for (let i = first; i < end; i++) {
      const n = e.world[i]!;
      const group = Math.floor(n / e.groupSize);
      const others = counts[group]! - 1;
      if (t === 0) whole[n] = out[i]!;
      if (others > 0 && !e.broken[n]) {
        baselines[n] = (sums[group]! - out[i]!) / others;
        isJudged[n] = 1;
      }
      const own = credit === 'step' ? out[i]! : whole[n]!;
      out[i] = isJudged[n] ? own - baselines[n]! : 0;
    }
  }
}
