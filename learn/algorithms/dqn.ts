/**
 * Deep Q-learning: Mnih et al. 2015, doi:10.1038/nature14236, with the double estimate of van Hasselt et al. 2016,
 * arXiv:1509.06461, for one discrete action. Read from top to bottom: settings, one iteration (collect, keep, learn),
 * checkpoints, the formulas. How it differs from the papers and what each metric means: docs/algorithms/dqn.md.
 */

import type { TaskModel } from '../../sim/env.ts';
import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float32Of, float64Of } from '../parts/checkpoint.ts';
import { common, replay } from '../parts/fields.ts';
import { forWorlds, hiddenOf, resumed } from '../parts/learner.ts';
import { Normalizer } from '../parts/normalizer.ts';
import { checkedMlpPolicy, MlpPolicy } from '../parts/policy.ts';
import { Random } from '../parts/random.ts';
import { Replay, type ReplayBatch, storeStep, updatesDue } from '../parts/replay.ts';
import { learningRateAfter, scheduleField } from '../parts/schedule.ts';
import type { Networks } from '../tensor/compute.ts';
import { initialize, type MlpShape } from '../tensor/mlp.ts';
import type { Algorithm, Learner, LearnerSetup, Metrics, Policy, VectorEnv } from './types.ts';

export const fields = {
  steps: replay.steps,
  worlds: { ...common.worlds, default: 4 },
  gamma: { ...common.gamma, default: 0.99 },
  learningRate: { ...common.learningRate, default: 5e-4 },
  learningRateSchedule: scheduleField('linear'),
  loss: {
    type: 'choice',
    default: 'squared',
    options: ['squared', 'huber'],
    help: 'Of the errors of the values. Huber’s (from 1 on linear) aims at a median: where returns are much larger than 1 it overlooks rare ends of episodes.',
  },
  tau: {
    ...replay.tau,
    default: 1,
    help: 'Share by which the target network follows the network each time that it does; 1 copies it.',
  },
  targetEvery: {
    type: 'integer',
    default: 100,
    min: 1,
    max: 1_000_000,
    unit: 'updates',
    help: 'Updates after which the target network follows the network.',
  },
  batch: replay.batch,
  bufferSize: replay.bufferSize,
  learningStarts: replay.learningStarts,
  updatesPerStep: replay.updatesPerStep,
  epsilonStart: {
    type: 'number',
    default: 1,
    min: 0,
    max: 1,
    help: 'Share of random actions when learning starts.',
  },
  epsilonEnd: { type: 'number', default: 0.05, min: 0, max: 1, help: 'Share of random actions later on.' },
  epsilonSteps: {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 1_000_000_000,
    unit: 'steps',
    help: 'Steps over which the share of random actions falls from start to end.',
  },
  maxGradNorm: { ...common.maxGradNorm, default: 10 },
  hiddenSize: common.hiddenSize,
  hiddenLayers: { ...common.hiddenLayers, help: 'Hidden layers of the network.' },
  normalizeObservations: common.normalizeObservations,
} as const satisfies Algorithm['fields'];

type DqnSettings = Settings<typeof fields>;

const magic = 'RLABDQN\n';
const formatVersion = 1;
/** Environment steps of one `iterate`, up to whole steps of all worlds. */
const roundSteps = 256;

export const dqn: Algorithm = {
  id: 'dqn',
  title: 'DQN',
  summary: 'Off-policy values of a few options: keeps every step and learns from it often.',
  source: 'Mnih et al. 2015, doi:10.1038/nature14236',
  fields,
  journal: true,
  check: (settings, model) => {
    together(settings, model);
  },
  workload: (given, { observationDim, choices = [], count }) => {
    const settings = { ...defaultsOf(fields), ...given } as DqnSettings;
    const shape = shapeOf(observationDim, choices[0] ?? 1, hiddenOf(settings));
    return { networks: [shape], updateRows: settings.batch, actRows: count };
  },
  create: (settings, setup) => new Dqn(checked(settings, setup), setup),
  resume: (bytes, settings, setup, journal) =>
    resumed(new Dqn(checked(settings, setup), setup), bytes, journal),
  loadPolicy: (bytes) => checkedMlpPolicy('DQN', readBlock(magic, bytes), formatVersion, []),
};

/** Fills in defaults. @throws RangeError naming what cannot work together. */
function together(given: AnySettings, model?: TaskModel): DqnSettings {
  const settings = Object.freeze({ ...defaultsOf(fields), ...given }) as DqnSettings;
  if (model && model.actionSpace.type !== 'discrete') {
    throw new RangeError(
      `DQN: task ${model.id} has ${model.actionSpace.type} actions, wanted options to choose from (or sac, ppo)`,
    );
  }
  return settings;
}

function checked(given: AnySettings, setup: LearnerSetup): DqnSettings {
  const settings = forWorlds('DQN', together(given, setup.model), setup);
  const choices = setup.choices ?? [];
  if (choices.length !== 1) {
    throw new RangeError(`DQN: the environment has options [${choices}], wanted those of one action`);
  }
  return settings;
}

/** A value for each option. */
const shapeOf = (observationDim: number, options: number, hidden: readonly number[]): MlpShape => ({
  sizes: [observationDim, ...hidden, options],
  activation: 'relu',
});

const first = [0] as const;

class Dqn implements Learner {
  readonly stepsPerIteration: number;
  readonly #settings: DqnSettings;
  readonly #setup: LearnerSetup;
  readonly #options: number;
  readonly #values: Networks;
  readonly #targets: Networks;
  readonly #replay: Replay;
  /** Takes in the observations of each round at its end; buffered ones are normalised when sampled. */
  readonly #normalizer: Normalizer;
  readonly #random: Random;
  readonly #acting: Acting;
  readonly #batch: Batch;
  /** Where the loss of an error turns linear. */
  readonly #linearFrom: number;
  /** Parameters on their way to a device that answers later. */
  #loading: Promise<unknown> | undefined;
  #steps = 0;

  constructor(settings: DqnSettings, setup: LearnerSetup) {
    const { observationDim, choices, count, compute } = setup;
    this.#settings = settings;
    this.#setup = setup;
    this.#options = choices![0]!;
    this.stepsPerIteration = Math.ceil(roundSteps / count) * count;
    this.#random = new Random(setup.seed);
    const shape = shapeOf(observationDim, this.#options, hiddenOf(settings));
    const parameters = initialize(shape, this.#random, { outputGain: 0.1 });
    this.#values = compute.networks({
      networks: [{ shape }],
      rows: Math.max(settings.batch, count),
      parameters,
    });
    this.#targets = compute.networks({ networks: [{ shape }], rows: settings.batch, parameters });
    this.#replay = new Replay(settings.bufferSize, observationDim, 1);
    this.#normalizer = new Normalizer(observationDim);
    this.#acting = createActing(this.stepsPerIteration, count, observationDim);
    this.#batch = createBatch(this.#replay, settings.batch);
    this.#linearFrom = settings.loss === 'huber' ? 1 : Number.POSITIVE_INFINITY;
  }

  get steps(): number {
    return this.#steps;
  }

  async iterate(env: VectorEnv): Promise<Metrics> {
    this.#checkEnv(env);
    if (this.#loading) await this.#loading;
    this.#loading = undefined;
    const { count, observationDim, clock } = this.#setup;
    const a = this.#acting;
    const totals = newTotals();
    let rewardSum = 0;
    let learnSeconds = 0;
    const begin = clock?.() ?? 0;
    for (let t = 0; t < this.stepsPerIteration / count; t++) {
      // 1. See: a copy, because the step overwrites it.
      a.before.set(env.observations);
      a.seen.set(a.before, t * count * observationDim);
      // 2. Act.
      await this.#act();
      // 3. Step.
      const pending = env.step(a.actions, a.values);
      if (pending) await pending;
      // 4. Keep.
      rewardSum += storeStep('DQN', this.#replay, env, a.before, a.actions, false);
      this.#steps += count;
      // 5. Learn.
      const learnBegin = clock?.() ?? 0;
      const due = updatesDue(this.#steps, this.#settings);
      let u = updatesDue(this.#steps - count, this.#settings);
      for (; u < due && this.#replay.size > 0; u++) await this.#update(totals, u);
      learnSeconds += (clock?.() ?? 0) - learnBegin;
    }
    if (this.#settings.normalizeObservations) this.#normalizer.update(a.seen, this.stepsPerIteration);
    const { updates, loss, value, norm } = totals;
    return {
      'rollout/reward': rewardSum / this.stepsPerIteration,
      ...(updates > 0 && {
        'loss/value': loss / updates,
        'value/mean': value / updates,
        'learn/gradientNorm': norm / updates,
      }),
      'policy/epsilon': this.#epsilon(),
      'replay/size': this.#replay.size,
      'learn/learningRate': learningRateAfter(this.#steps, this.#settings),
      'learn/updates': updates,
      ...(clock && { 'time/act': clock() - begin - learnSeconds, 'time/learn': learnSeconds }),
    };
  }

  #checkEnv(env: VectorEnv): void {
    const { count, observationDim } = this.#setup;
    if (env.count !== count || env.observationDim !== observationDim) {
      throw new RangeError(
        `DQN: environment of ${env.count} worlds, ${env.observationDim} observations; ` +
          `wanted ${count}, ${observationDim}`,
      );
    }
    const choices = env.choices ?? [];
    if (choices.length !== 1 || choices[0] !== this.#options) {
      throw new RangeError(`DQN: environment of options [${choices}], wanted [${this.#options}]`);
    }
  }

  /** For each world the best option, or now and then any. */
  async #act(): Promise<void> {
    const { count } = this.#setup;
    const a = this.#acting;
    this.#normalizer.apply(a.before, count, this.#values.inputs[0]!);
    const wait = this.#values.forward(first, count);
    if (wait) await wait;
    const values = this.#values.outputs[0]!;
    const epsilon = this.#epsilon();
    for (let n = 0; n < count; n++) {
      const best = argmax(values, n * this.#options, this.#options);
      a.values[n] = values[n * this.#options + best]!;
      a.actions[n] = this.#random.uniform() < epsilon ? this.#random.integer(this.#options) : best;
    }
  }

  /** Share of random actions: all before learning starts, then falling linearly. */
  #epsilon(): number {
    const { learningStarts, epsilonStart, epsilonEnd, epsilonSteps } = this.#settings;
    if (this.#steps < learningStarts) return 1;
    const share = Math.min(1, (this.#steps - learningStarts) / epsilonSteps);
    return epsilonStart + share * (epsilonEnd - epsilonStart);
  }

  /** One update from one minibatch of B transitions, the `index`-th of the run. */
  async #update(totals: Totals, index: number): Promise<void> {
    const { gamma, tau, targetEvery, batch: rows, maxGradNorm } = this.#settings;
    const b = this.#batch;
    const [values, targets, options] = [this.#values, this.#targets, this.#options];
    this.#replay.sample(this.#random, b.sampled);

    // 1. The network says which option is best in the next state, the target network what it is worth.
    this.#normalizer.apply(b.sampled.nextObservations, rows, values.inputs[0]!);
    targets.inputs[0]!.set(values.inputs[0]!.subarray(0, targets.inputs[0]!.length));
    let wait = values.forward(first, rows);
    if (wait) await wait;
    wait = targets.forward(first, rows);
    if (wait) await wait;
    doubleTargets(values.outputs[0]!, targets.outputs[0]!, options, gamma, b.sampled, b.targets);

    // 2. The value of the option that was taken goes there.
    this.#normalizer.apply(b.sampled.observations, rows, values.inputs[0]!);
    wait = values.forward(first, rows);
    if (wait) await wait;
    const outputs = values.outputs[0]!;
    const loss = valueErrors(
      outputs,
      options,
      b.sampled,
      b.targets,
      values.outputGradients[0]!,
      this.#linearFrom,
    );
    if (!Number.isFinite(loss)) {
      throw new Error(`DQN: loss/value is ${loss} after ${this.#steps} steps, wanted a finite number`);
    }
    for (let r = 0; r < rows; r++) {
      totals.value += outputs[r * options + b.sampled.actions[r]!]! / rows;
    }
    wait = values.backward(first, rows);
    if (wait) await wait;
    const norm = await values.step({
      learningRate: learningRateAfter(this.#steps, this.#settings),
      maxGradNorm,
    });
    if (!Number.isFinite(norm)) {
      throw new Error(
        `DQN: learn/gradientNorm is ${norm} after ${this.#steps} steps, wanted a finite number`,
      );
    }

    // 3. The target network follows, at its time.
    if ((index + 1) % targetEvery === 0) {
      wait = targets.blend(values, tau);
      if (wait) await wait;
    }
    totals.updates++;
    totals.loss += loss;
    totals.norm += norm;
  }

  async policy(): Promise<Policy> {
    if (this.#loading) await this.#loading;
    const { shape } = this.#values.networks[0]!;
    return new MlpPolicy(shape, await this.#values.read(), this.#normalizer.save(), [this.#options]);
  }

  get #header() {
    const { observationDim, count } = this.#setup;
    return {
      observationDim,
      actionDim: 1,
      choices: [this.#options],
      hidden: hiddenOf(this.#settings),
      activation: 'relu',
      worlds: count,
      bufferSize: this.#settings.bufferSize,
      // Runs from before these were settings would silently go on with another loss and another target.
      loss: this.#settings.loss,
      targetEvery: this.#settings.targetEvery,
    };
  }

  async save(): Promise<Uint8Array> {
    if (this.#loading) await this.#loading;
    return writeBlock(
      magic,
      { version: formatVersion, ...this.#header, steps: this.#steps, transitions: this.#replay.total },
      {
        parameters: await this.#values.read(),
        targets: await this.#targets.read(),
        adam: await this.#values.saveOptimizer(),
        normalizer: this.#normalizer.save(),
        random: this.#random.save(),
      },
    );
  }

  takeJournal(): Uint8Array {
    return this.#replay.takeJournal();
  }

  get journalPieces(): number {
    return this.#replay.journalPieces;
  }

  /** @throws RangeError when checkpoint or journal belong to another network, other settings or another version. */
  restore(bytes: Uint8Array, journal: readonly Uint8Array[]): void {
    const block = readBlock(magic, bytes);
    const header = checkedHeader('DQN', block, formatVersion, ['steps', 'transitions']);
    checkSame('DQN', header, this.#header);
    const [values, targets] = [this.#values, this.#targets];
    const waits = [
      values.write(float32Of('DQN', block, 'parameters', values.parameterCount)),
      targets.write(float32Of('DQN', block, 'targets', targets.parameterCount)),
      values.restoreOptimizer(float64Of('DQN', block, 'adam')),
    ];
    if (waits.some((wait) => wait)) this.#loading = Promise.all(waits);
    this.#normalizer.restore(float64Of('DQN', block, 'normalizer'));
    this.#random.restore(float64Of('DQN', block, 'random'));
    this.#steps = header['steps'] as number;
    this.#replay.replay(journal, header['transitions'] as number);
  }

  dispose(): void {
    this.#values.dispose();
    this.#targets.dispose();
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The formulas. Values are [B, options].

type Numbers = Float32Array | Float64Array;

/** The first of the largest. */
function argmax(values: Numbers, offset: number, options: number): number {
  let best = 0;
  for (let k = 1; k < options; k++) if (values[offset + k]! > values[offset + best]!) best = k;
  return best;
}

/** y = r + gamma bootstraps Q'(s', argmax_a Q(s', a)). out: [B] */
export function doubleTargets(
  values: Numbers,
  targetValues: Numbers,
  options: number,
  gamma: number,
  { rows, rewards, bootstraps }: Pick<ReplayBatch, 'rows' | 'rewards' | 'bootstraps'>,
  out: Float64Array,
): void {
  for (let r = 0; r < rows; r++) {
    const value = targetValues[r * options + argmax(values, r * options, options)]!;
    out[r] = rewards[r]! + gamma * bootstraps[r]! * value;
  }
}

/**
 * The loss of the options taken, a mean over the rows, with e = Q(s, a) - y and c = linearFrom (infinite: squares):
 *   e^2 / 2 where |e| <= c, else c (|e| - c / 2)          d loss / d Q(s, a) = e clipped to [-c, c]
 * gradients: [B, options], 0 for options not taken.
 */
export function valueErrors(
  values: Numbers,
  options: number,
  { rows, actions }: Pick<ReplayBatch, 'rows' | 'actions'>,
  targets: Float64Array,
  gradients: Float32Array,
  linearFrom: number,
): number {
  let loss = 0;
  gradients.fill(0, 0, rows * options);
  for (let r = 0; r < rows; r++) {
    const taken = r * options + actions[r]!;
    const error = values[taken]! - targets[r]!;
    const size = Math.abs(error);
    loss += (size <= linearFrom ? 0.5 * error * error : linearFrom * (size - linearFrom / 2)) / rows;
    gradients[taken] = (size <= linearFrom ? error : linearFrom * Math.sign(error)) / rows;
  }
  return loss;
}

// ---------------------------------------------------------------------------------------------------------------------
// Buffers

interface Totals {
  updates: number;
  loss: number;
  value: number;
  norm: number;
}

const newTotals = (): Totals => ({ updates: 0, loss: 0, value: 0, norm: 0 });

type Acting = ReturnType<typeof createActing>;

/** What one step of N worlds needs, and the observations of a whole round. */
function createActing(roundLength: number, worlds: number, observationDim: number) {
  return {
    // [round, observationDim]
    seen: new Float64Array(roundLength * observationDim),
    // [N, observationDim]
    before: new Float64Array(worlds * observationDim),
    // [N]
    actions: new Float64Array(worlds),
    values: new Float64Array(worlds),
  };
}

type Batch = ReturnType<typeof createBatch>;

/** B sampled transitions and what their options should be worth. */
function createBatch(replay: Replay, rows: number) {
  return { sampled: replay.createBatch(rows), targets: new Float64Array(rows) };
}
