/**
 * Soft actor-critic: Haarnoja et al. 2018, arXiv:1812.05905, with automatic temperature and twin critics; for tasks with
 * goals hindsight experience replay (arXiv:1707.01495, learn/parts/hindsight.ts). Read from top to bottom: settings, one
 * iteration (collect, keep, learn), checkpoints, the formulas. How it differs from the papers and what each metric means:
 * docs/algorithms/sac.md.
 */

import type { TaskModel } from '../../sim/env.ts';
import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { type UnitShares, unitShares } from '../diagnostics/units.ts';
import { type Block, readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float32Of, float64Of } from '../parts/checkpoint.ts';
import { common, replay } from '../parts/fields.ts';
import { goalsOf, Hindsight, relabellingReward } from '../parts/hindsight.ts';
import { checkSizes, forWorlds, hiddenOf, resumed } from '../parts/learner.ts';
import { Network } from '../parts/network.ts';
import { Normalizer } from '../parts/normalizer.ts';
import { checkRows } from '../parts/policy.ts';
import { Random } from '../parts/random.ts';
import { Replay, type ReplayBatch, storeStep, updatesDue } from '../parts/replay.ts';
import { learningRateAfter, scheduleField } from '../parts/schedule.ts';
import type { Networks } from '../tensor/compute.ts';
import { type Activation, initialize, layersOf, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import type { Algorithm, Learner, LearnerSetup, Metrics, Policy, VectorEnv } from './types.ts';

export const fields = {
  steps: replay.steps,
  worlds: { ...common.worlds, default: 8 },
  gamma: common.gamma,
  learningRate: {
    ...common.learningRate,
    default: 1e-3,
    help: 'Step size of Adam for actor, critics and temperature.',
  },
  learningRateSchedule: scheduleField('constant'),
  tau: { ...replay.tau, help: 'Share by which the target critics follow the critics at every update.' },
  batch: { ...replay.batch, default: 256 },
  bufferSize: {
    ...replay.bufferSize,
    default: 300_000,
    help: 'Transitions kept for learning, relabelled ones among them; then the oldest are overwritten.',
  },
  learningStarts: replay.learningStarts,
  randomActions: {
    type: 'number',
    default: 0,
    min: 0,
    max: 0.9,
    help: 'Share of the later steps that are still taken with random actions, for tasks in which noise alone finds nothing.',
  },
  randomHold: {
    type: 'integer',
    default: 1,
    min: 1,
    max: 1000,
    unit: 'steps',
    help: 'Steps for which a random action is held: longer goes farther.',
  },
  updatesPerStep: replay.updatesPerStep,
  hiddenSize: { ...common.hiddenSize, default: 128 },
  hiddenLayers: { ...common.hiddenLayers, help: 'Hidden layers of actor and critics.' },
  autoAlpha: {
    type: 'boolean',
    default: true,
    help: 'Tune the temperature so that the entropy of the policy stays near its target.',
  },
  initialAlpha: {
    type: 'number',
    default: 0.2,
    min: 1e-6,
    max: 100,
    help: 'Temperature at the start: what one nat of entropy is worth in reward. Kept when autoAlpha is off.',
  },
  targetEntropyScale: {
    type: 'number',
    default: 1,
    min: -1,
    max: 10,
    help: 'The entropy aimed at is minus this, in nats for each action component.',
  },
  normalizeObservations: common.normalizeObservations,
  hindsight: {
    type: 'choice',
    default: 'none',
    options: ['none', 'future'],
    help: 'future: store each transition again with goals that its episode achieved later. For tasks with goals.',
  },
  hindsightRatio: {
    type: 'integer',
    default: 4,
    min: 1,
    max: 32,
    help: 'Relabelled transitions stored beside each real one, with hindsight.',
  },
  bootstrapSuccess: {
    type: 'boolean',
    default: false,
    help: 'An episode that ends in success counts as cut short, so that success is not the end of reward. Always so with hindsight.',
  },
} as const satisfies Algorithm['fields'];

type SacSettings = Settings<typeof fields>;

const magic = 'RLABSAC\n';
const formatVersion = 1;
/** Environment steps of one `iterate`, up to whole steps of all worlds. */
const roundSteps = 256;

export const sac: Algorithm = {
  id: 'sac',
  title: 'SAC',
  summary:
    'Off-policy actor and critics that keep every step: few steps where simulation is dear; hindsight for goals.',
  source: 'Haarnoja et al. 2018, arXiv:1812.05905',
  fields,
  journal: true,
  check: (settings, model) => {
    together(settings, model);
  },
  workload: (given, { observationDim, actionDim, count }) => {
    const settings = { ...defaultsOf(fields), ...given } as SacSettings;
    const { actor, critic } = shapesOf(observationDim, actionDim, hiddenOf(settings));
    return { networks: [actor, critic, critic], updateRows: settings.batch, actRows: count };
  },
  create: (settings, setup) => new Sac(checked(settings, setup), setup),
  resume: (bytes, settings, setup, journal) =>
    resumed(new Sac(checked(settings, setup), setup), bytes, journal),
  loadPolicy: (bytes) => loadPolicy(bytes),
  loadSampler: (bytes, random) => loadPolicy(bytes, random),
};

/** Fills in defaults. @throws RangeError naming what cannot work together. */
function together(given: AnySettings, model?: TaskModel): SacSettings {
  const settings = Object.freeze({ ...defaultsOf(fields), ...given }) as SacSettings;
  if (model?.actionSpace.type === 'discrete') {
    throw new RangeError(
      `SAC: task ${model.id} has options to choose from, wanted real actions (or dqn, ppo)`,
    );
  }
  if (settings.hindsight === 'future' && model) goalsOf(model);
  return settings;
}

function checked(given: AnySettings, setup: LearnerSetup): SacSettings {
  const settings = forWorlds('SAC', together(given, setup.model), setup);
  if ((setup.choices ?? []).length > 0) {
    throw new RangeError(`SAC: the environment has options [${setup.choices}], wanted real actions`);
  }
  if (settings.hindsight === 'future' && !setup.model) {
    throw new RangeError('SAC: hindsight is future and the environment has no task, wanted hindsight none');
  }
  return settings;
}

/** The actor puts out means [actionDim], then raw log-deviations [actionDim]; a critic reads observation and action. */
function shapesOf(
  observationDim: number,
  actionDim: number,
  hidden: readonly number[],
): { readonly actor: MlpShape; readonly critic: MlpShape } {
  return {
    actor: { sizes: [observationDim, ...hidden, 2 * actionDim], activation: 'relu' },
    critic: { sizes: [observationDim + actionDim, ...hidden, 1], activation: 'relu' },
  };
}

const both = [0, 1] as const;
const first = [0] as const;

class Sac implements Learner {
  readonly stepsPerIteration: number;
  readonly #settings: SacSettings;
  readonly #setup: LearnerSetup;
  /** Its loose number is the logarithm of the temperature. */
  readonly #actor: Networks;
  readonly #critics: Networks;
  readonly #targets: Networks;
  readonly #replay: Replay;
  readonly #hindsight: Hindsight | undefined;
  /** Takes in the observations of each round at its end; buffered ones are normalised when sampled. */
  readonly #normalizer: Normalizer;
  readonly #random: Random;
  readonly #acting: Acting;
  readonly #batch: Batch;
  /** Parameters on their way to a device that answers later. */
  #loading: Promise<unknown> | undefined;
  #steps = 0;

  constructor(settings: SacSettings, setup: LearnerSetup) {
    const { observationDim, actionDim, count, compute, model } = setup;
    const { batch } = settings;
    this.#settings = settings;
    this.#setup = setup;
    this.stepsPerIteration = Math.ceil(roundSteps / count) * count;
    this.#random = new Random(setup.seed);
    const shapes = shapesOf(observationDim, actionDim, hiddenOf(settings));
    const rows = Math.max(batch, count);
    this.#actor = compute.networks({
      networks: [{ shape: shapes.actor }],
      rows,
      loose: 1,
      parameters: concat(
        initialActor(shapes.actor, actionDim, this.#random),
        Float32Array.of(Math.log(settings.initialAlpha)),
      ),
    });
    const critic = () => initialize(shapes.critic, this.#random, { outputGain: 0.1 });
    const parameters = concat(critic(), critic());
    this.#critics = compute.networks({
      networks: [
        { shape: shapes.critic, inputGradient: true },
        { shape: shapes.critic, inputOf: 0, inputGradient: true },
      ],
      rows,
      parameters,
    });
    this.#targets = compute.networks({
      networks: [{ shape: shapes.critic }, { shape: shapes.critic, inputOf: 0 }],
      rows: batch,
      parameters,
    });
    this.#replay = new Replay(settings.bufferSize, observationDim, actionDim);
    this.#hindsight =
      settings.hindsight === 'future' ? new Hindsight(model!, count, settings.hindsightRatio) : undefined;
    this.#normalizer = new Normalizer(observationDim);
    this.#acting = createActing(this.stepsPerIteration, count, observationDim, actionDim);
    this.#batch = createBatch(this.#replay, batch);
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
      // 4. Keep what happened, and what would have happened with other goals.
      rewardSum += this.#keep(env);
      this.#steps += count;
      // 5. Learn.
      const learnBegin = clock?.() ?? 0;
      const due = updatesDue(this.#steps, this.#settings) - updatesDue(this.#steps - count, this.#settings);
      for (let u = 0; u < due && this.#replay.size > 0; u++) await this.#update(totals);
      learnSeconds += (clock?.() ?? 0) - learnBegin;
    }
    if (this.#settings.normalizeObservations) this.#normalizer.update(a.seen, this.stepsPerIteration);
    const relabelled = this.#hindsight?.takeCounts();
    return {
      'rollout/reward': rewardSum / this.stepsPerIteration,
      ...this.#learned(totals),
      'policy/alpha': Math.exp(this.#actor.loose[0]!),
      'replay/size': this.#replay.size,
      ...(relabelled && {
        'hindsight/stored': relabelled.stored,
        'hindsight/achieved': relabelled.achievedShare,
      }),
      'learn/learningRate': learningRateAfter(this.#steps, this.#settings),
      'learn/updates': totals.updates,
      ...(clock && { 'time/act': clock() - begin - learnSeconds, 'time/learn': learnSeconds }),
    };
  }

  #checkEnv(env: VectorEnv): void {
    checkSizes('SAC', env, this.#setup);
    if ((env.choices ?? []).length > 0) {
      throw new RangeError(`SAC: the environment has options [${env.choices}], wanted real actions`);
    }
    if (this.#hindsight) relabellingReward(env);
    else if (this.#settings.bootstrapSuccess && !env.simulator) {
      throw new RangeError(
        'SAC: bootstrapSuccess is on and the environment shows no simulator to ask for success',
      );
    }
  }

  /** Actions for what is seen, at first random ones, and what the critics think of them. */
  async #act(): Promise<void> {
    const { count, actionDim, observationDim } = this.#setup;
    const a = this.#acting;
    this.#normalizer.apply(a.before, count, a.inputs);
    this.#actor.inputs[0]!.set(a.inputs);
    let wait = this.#actor.forward(first, count);
    if (wait) await wait;
    drawNoise(this.#random, a.noise, a.noise.length);
    squash(this.#actor.outputs[0]!, count, actionDim, a.noise, a.actions, a.logProbabilities);
    this.#explore();
    join(a.inputs, a.actions, count, observationDim, actionDim, this.#critics.inputs[0]!);
    wait = this.#critics.forward(both, count);
    if (wait) await wait;
    const [one, two] = this.#critics.outputs as [Float32Array, Float32Array];
    for (let n = 0; n < count; n++) a.values[n] = Math.min(one[n]!, two[n]!);
  }

  /** Random actions, each held for a while, in place of the policy's: always at the start, later for a share of the steps. */
  #explore(): void {
    const { count, actionDim } = this.#setup;
    const { learningStarts, randomActions, randomHold } = this.#settings;
    const a = this.#acting;
    // A world that is not holding begins to with probability q; share = q hold / (q hold + 1 - q), the random part of a cycle.
    const q = randomActions / (randomActions + randomHold * (1 - randomActions));
    for (let n = 0; n < count; n++) {
      if (a.holding[n] === 0) {
        const begins = this.#steps < learningStarts || (q > 0 && this.#random.uniform() < q);
        if (!begins) continue;
        a.holding[n] = randomHold;
        for (let k = 0; k < actionDim; k++) a.held[n * actionDim + k] = 2 * this.#random.uniform() - 1;
      }
      a.holding[n]!--;
      for (let k = 0; k < actionDim; k++) a.actions[n * actionDim + k] = a.held[n * actionDim + k]!;
    }
  }

  /** The last step into the buffer; the sum of its rewards. */
  #keep(env: VectorEnv): number {
    const a = this.#acting;
    const bootstrapSuccess = this.#settings.bootstrapSuccess || this.#hindsight !== undefined;
    const rewards = storeStep('SAC', this.#replay, env, a.before, a.actions, bootstrapSuccess);
    this.#hindsight?.step(env, a.actions, this.#replay, this.#random);
    return rewards;
  }

  /** One update of critics, actor, temperature and targets, from one minibatch of B transitions. */
  async #update(totals: Totals): Promise<void> {
    const { observationDim, actionDim } = this.#setup;
    const { gamma, tau, batch: rows, autoAlpha, targetEntropyScale } = this.#settings;
    const b = this.#batch;
    const [actor, critics, targets] = [this.#actor, this.#critics, this.#targets];
    const step = { learningRate: learningRateAfter(this.#steps, this.#settings) };
    const alpha = Math.exp(actor.loose[0]!);
    this.#replay.sample(this.#random, b.sampled);
    this.#normalizer.apply(b.sampled.observations, rows, b.observations);
    this.#normalizer.apply(b.sampled.nextObservations, rows, b.nextObservations);

    // 1. What the next state is worth: y = r + gamma [goes on] (min Q'(s', a') - alpha log pi(a' | s')), a' ~ pi.
    actor.inputs[0]!.set(b.nextObservations);
    let wait = actor.forward(first, rows);
    if (wait) await wait;
    drawNoise(this.#random, b.noise, rows * actionDim);
    squash(actor.outputs[0]!, rows, actionDim, b.noise, b.actions, b.logProbabilities);
    join(b.nextObservations, b.actions, rows, observationDim, actionDim, targets.inputs[0]!);
    wait = targets.forward(both, rows);
    if (wait) await wait;
    softTargets(targets.outputs, b.logProbabilities, alpha, gamma, b.sampled, b.targets);

    // 2. Critics towards it.
    join(b.observations, b.sampled.actions, rows, observationDim, actionDim, critics.inputs[0]!);
    wait = critics.forward(both, rows);
    if (wait) await wait;
    const criticLoss = squaredErrors(critics.outputs, b.targets, rows, critics.outputGradients);
    for (let r = 0; r < rows; r++) totals.value += critics.outputs[0]![r]! / rows;
    if (!Number.isFinite(criticLoss)) {
      throw new Error(`SAC: loss/critic is ${criticLoss} after ${this.#steps} steps, wanted a finite number`);
    }
    wait = critics.backward(both, rows);
    if (wait) await wait;
    const criticNorm = await critics.step(step);

    // 3. Actor uphill: the gradient of the smaller critic by the action goes on into mean and deviation.
    actor.inputs[0]!.set(b.observations);
    wait = actor.forward(first, rows);
    if (wait) await wait;
    drawNoise(this.#random, b.noise, rows * actionDim);
    squash(actor.outputs[0]!, rows, actionDim, b.noise, b.actions, b.logProbabilities);
    join(b.observations, b.actions, rows, observationDim, actionDim, critics.inputs[0]!);
    wait = critics.forward(both, rows);
    if (wait) await wait;
    chooseSmaller(critics.outputs, rows, critics.outputGradients);
    wait = critics.backward(both, rows, withoutParameters);
    if (wait) await wait;
    addActionGradients(critics.inputGradients, rows, observationDim, actionDim, b.actionGradients);
    const actorOutputs = actor.outputs[0]!;
    policyGradient(
      actorOutputs,
      rows,
      actionDim,
      b.noise,
      b.actions,
      alpha,
      b.actionGradients,
      actor.outputGradients[0]!,
    );
    let logMean = 0;
    let valueMean = 0;
    for (let r = 0; r < rows; r++) {
      logMean += b.logProbabilities[r]! / rows;
      valueMean += Math.min(critics.outputs[0]![r]!, critics.outputs[1]![r]!) / rows;
    }
    wait = actor.backward(first, rows);
    if (wait) await wait;
    // 4. Temperature: J = -log alpha (mean log pi + target entropy), d J / d log alpha.
    if (autoAlpha) actor.looseGradients[0]! -= logMean - targetEntropyScale * actionDim;
    const actorNorm = await actor.step(step);
    for (const [name, norm] of [
      ['critics', criticNorm],
      ['actor', actorNorm],
    ] as const) {
      if (!Number.isFinite(norm)) {
        throw new Error(`SAC: the gradient of the ${name} is ${norm} after ${this.#steps} steps`);
      }
    }

    // 5. Targets follow.
    wait = targets.blend(critics, tau);
    if (wait) await wait;
    totals.updates++;
    totals.critic += criticLoss;
    totals.policy += alpha * logMean - valueMean;
    totals.entropy -= logMean;
    totals.criticNorm += criticNorm;
    totals.actorNorm += actorNorm;
  }

  /** Means over the updates of a round; nothing where there was none. */
  #learned({ updates, critic, policy, entropy, value, criticNorm, actorNorm }: Totals): Metrics {
    if (updates === 0) return {};
    return {
      'loss/critic': critic / updates,
      'loss/policy': policy / updates,
      'policy/entropy': entropy / updates,
      'value/mean': value / updates,
      'learn/criticGradientNorm': criticNorm / updates,
      'learn/gradientNorm': actorNorm / updates,
    };
  }

  async policy(): Promise<Policy> {
    if (this.#loading) await this.#loading;
    const { shape } = this.#actor.networks[0]!;
    const parameters = await this.#actor.read();
    return new SquashedPolicy(shape, parameters.subarray(0, parameterCount(shape)), this.#normalizer.save());
  }

  get #header() {
    const { observationDim, actionDim, count } = this.#setup;
    const { hindsight, bufferSize } = this.#settings;
    return {
      observationDim,
      actionDim,
      hidden: hiddenOf(this.#settings),
      worlds: count,
      hindsight,
      bufferSize,
    };
  }

  async save(): Promise<Uint8Array> {
    if (this.#loading) await this.#loading;
    return writeBlock(
      magic,
      { version: formatVersion, ...this.#header, steps: this.#steps, transitions: this.#replay.total },
      {
        parameters: await this.#actor.read(),
        critics: await this.#critics.read(),
        targets: await this.#targets.read(),
        actorAdam: await this.#actor.saveOptimizer(),
        criticAdam: await this.#critics.saveOptimizer(),
        normalizer: this.#normalizer.save(),
        random: this.#random.save(),
        held: this.#acting.held,
        holding: this.#acting.holding,
        ...(this.#hindsight && { hindsight: this.#hindsight.save() }),
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
    const header = checkedHeader('SAC', block, formatVersion, ['steps', 'transitions']);
    checkSame('SAC', header, this.#header);
    const [actor, critics, targets] = [this.#actor, this.#critics, this.#targets];
    const waits = [
      actor.write(float32Of('SAC', block, 'parameters', actor.parameterCount)),
      critics.write(float32Of('SAC', block, 'critics', critics.parameterCount)),
      targets.write(float32Of('SAC', block, 'targets', targets.parameterCount)),
      actor.restoreOptimizer(float64Of('SAC', block, 'actorAdam')),
      critics.restoreOptimizer(float64Of('SAC', block, 'criticAdam')),
    ];
    if (waits.some((wait) => wait)) this.#loading = Promise.all(waits);
    this.#normalizer.restore(float64Of('SAC', block, 'normalizer'));
    this.#random.restore(float64Of('SAC', block, 'random'));
    const { held, holding } = this.#acting;
    held.set(float64Of('SAC', block, 'held', held.length));
    holding.set(float64Of('SAC', block, 'holding', holding.length));
    this.#hindsight?.restore(float64Of('SAC', block, 'hindsight'));
    this.#steps = header['steps'] as number;
    this.#replay.replay(journal, header['transitions'] as number);
  }

  dispose(): void {
    this.#actor.dispose();
    this.#critics.dispose();
    this.#targets.dispose();
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// The formulas. Rows lie one after the other; a row of the actor's outputs is mean [A], then raw log-deviation [A].
//
//   logStd = low + (high - low) (tanh raw + 1) / 2          d logStd / d raw = (high - low) (1 - tanh^2 raw) / 2
//   u = mean + std eps,   a = tanh u,   eps ~ N(0, 1)
//   log pi(a) = sum_k of -eps_k^2 / 2 - logStd_k - log(2 pi) / 2 - log(1 - tanh^2 u_k)

type Numbers = Float32Array | Float64Array;

/** Deviations stay within exp of these: neither frozen nor, once squashed, more than a coin toss between the ends. */
const lowestLogStd = -5;
const highestLogStd = 2;
const halfLog2Pi = 0.5 * Math.log(2 * Math.PI);

const logStdOf = (raw: number): number =>
  lowestLogStd + 0.5 * (highestLogStd - lowestLogStd) * (Math.tanh(raw) + 1);

/** log(1 - tanh^2 u) = 2 (log 2 - |u| - log(1 + e^(-2 |u|))): even in u, and exact where tanh u rounds to 1. */
export function logSlope(u: number): number {
  const size = Math.abs(u);
  return 2 * (Math.LN2 - size - Math.log1p(Math.exp(-2 * size)));
}

/** Actions and their log pi from the actor's outputs [B, 2 A] and noise [B, A]. actions: [B, A], logProbabilities: [B]. */
export function squash(
  outputs: Numbers,
  rows: number,
  dim: number,
  noise: Float64Array,
  actions: Float64Array,
  logProbabilities: Float64Array,
): void {
  for (let r = 0; r < rows; r++) {
    let log = 0;
    for (let k = 0; k < dim; k++) {
      const eps = noise[r * dim + k]!;
      const logStd = logStdOf(outputs[(2 * r + 1) * dim + k]!);
      const u = outputs[2 * r * dim + k]! + Math.exp(logStd) * eps;
      actions[r * dim + k] = Math.tanh(u);
      log -= 0.5 * eps * eps + logStd + halfLog2Pi + logSlope(u);
    }
    logProbabilities[r] = log;
  }
}

/** y = r + gamma bootstraps (min(Q1', Q2') - alpha log pi'). All [B]. */
export function softTargets(
  values: readonly Numbers[],
  logProbabilities: Float64Array,
  alpha: number,
  gamma: number,
  { rows, rewards, bootstraps }: Pick<ReplayBatch, 'rows' | 'rewards' | 'bootstraps'>,
  out: Float64Array,
): void {
  const [one, two] = values as [Numbers, Numbers];
  for (let r = 0; r < rows; r++) {
    const value = Math.min(one[r]!, two[r]!) - alpha * logProbabilities[r]!;
    out[r] = rewards[r]! + gamma * bootstraps[r]! * value;
  }
}

/** The loss of both critics, sum over i of mean (Q_i - y)^2 / 2, and its gradient by their outputs. */
export function squaredErrors(
  values: readonly Numbers[],
  targets: Float64Array,
  rows: number,
  gradients: readonly Float32Array[],
): number {
  let loss = 0;
  for (let i = 0; i < values.length; i++) {
    for (let r = 0; r < rows; r++) {
      const error = values[i]![r]! - targets[r]!;
      loss += (0.5 * error * error) / rows;
      gradients[i]![r] = error / rows;
    }
  }
  return loss;
}

/** d min(Q1, Q2) / d (Q1, Q2), row by row. */
export function chooseSmaller(
  values: readonly Numbers[],
  rows: number,
  gradients: readonly Float32Array[],
): void {
  const [one, two] = values as [Numbers, Numbers];
  for (let r = 0; r < rows; r++) {
    const isFirst = one[r]! <= two[r]!;
    gradients[0]![r] = isFirst ? 1 : 0;
    gradients[1]![r] = isFirst ? 0 : 1;
  }
}

/**
 * The gradient of mean over the rows of alpha log pi(a) - Q(a) by the actor's outputs, noise held. With q = d Q / d a:
 *   d log pi / d mean = 2 a                         d Q / d mean = (1 - a^2) q
 *   d log pi / d logStd = -1 + 2 a std eps          d Q / d logStd = (1 - a^2) q std eps
 * since d (-log(1 - tanh^2 u)) / d u = 2 tanh u. actionGradients: q [B, A]; out: [B, 2 A].
 */
export function policyGradient(
  outputs: Numbers,
  rows: number,
  dim: number,
  noise: Float64Array,
  actions: Float64Array,
  alpha: number,
  actionGradients: Numbers,
  out: Float32Array,
): void {
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < dim; k++) {
      const i = r * dim + k;
      const a = actions[i]!;
      const squashedRaw = Math.tanh(outputs[(2 * r + 1) * dim + k]!);
      const spread = Math.exp(lowestLogStd + 0.5 * (highestLogStd - lowestLogStd) * (squashedRaw + 1));
      const byValue = (1 - a * a) * actionGradients[i]!;
      const byMean = alpha * 2 * a - byValue;
      const byLogStd = byMean * spread * noise[i]! - alpha;
      const rawSlope = 0.5 * (highestLogStd - lowestLogStd) * (1 - squashedRaw * squashedRaw);
      out[2 * r * dim + k] = byMean / rows;
      out[(2 * r + 1) * dim + k] = (byLogStd * rawSlope) / rows;
    }
  }
}

/** Input rows of the critics: observation, then action. [B, observationDim + A] */
function join(
  observations: Numbers,
  actions: Numbers,
  rows: number,
  observationDim: number,
  dim: number,
  out: Float32Array,
): void {
  let to = 0;
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < observationDim; k++) out[to++] = observations[r * observationDim + k]!;
    for (let k = 0; k < dim; k++) out[to++] = actions[r * dim + k]!;
  }
}

/** The part of both critics' input gradients that belongs to the action, added up. out: [B, A] */
function addActionGradients(
  inputGradients: readonly (Float32Array | undefined)[],
  rows: number,
  observationDim: number,
  dim: number,
  out: Float64Array,
): void {
  const [one, two] = inputGradients as [Float32Array, Float32Array];
  for (let r = 0; r < rows; r++) {
    const at = r * (observationDim + dim) + observationDim;
    for (let k = 0; k < dim; k++) out[r * dim + k] = one[at + k]! + two[at + k]!;
  }
}

function drawNoise(random: Random, out: Float64Array, length: number): void {
  for (let i = 0; i < length; i++) out[i] = random.gaussian();
}

function concat(one: Float32Array, two: Float32Array): Float32Array {
  const whole = new Float32Array(one.length + two.length);
  whole.set(one);
  whole.set(two, one.length);
  return whole;
}

/** Means near 0 and deviations of 1 whatever the observation: squashed, nearly even over [-1, 1]. */
function initialActor(shape: MlpShape, actionDim: number, random: Random): Float32Array {
  const parameters = initialize(shape, random, { outputGain: 0.01 });
  const { biases } = layersOf(shape).at(-1)!;
  const raw = Math.atanh((2 * (0 - lowestLogStd)) / (highestLogStd - lowestLogStd) - 1);
  parameters.fill(raw, biases + actionDim, biases + 2 * actionDim);
  return parameters;
}

// ---------------------------------------------------------------------------------------------------------------------
// Buffers

const withoutParameters = { parameters: false } as const;

interface Totals {
  updates: number;
  critic: number;
  policy: number;
  entropy: number;
  value: number;
  criticNorm: number;
  actorNorm: number;
}

const newTotals = (): Totals => ({
  updates: 0,
  critic: 0,
  policy: 0,
  entropy: 0,
  value: 0,
  criticNorm: 0,
  actorNorm: 0,
});

type Acting = ReturnType<typeof createActing>;

/** What one step of N worlds needs, and the observations of a whole round. */
function createActing(roundLength: number, worlds: number, observationDim: number, actionDim: number) {
  return {
    // [round, observationDim]
    seen: new Float64Array(roundLength * observationDim),
    // [N, observationDim]; as observed, and as the networks see it
    before: new Float64Array(worlds * observationDim),
    inputs: new Float32Array(worlds * observationDim),
    // [N, actionDim], [N]
    noise: new Float64Array(worlds * actionDim),
    actions: new Float64Array(worlds * actionDim),
    logProbabilities: new Float64Array(worlds),
    values: new Float64Array(worlds),
    // Random actions [N, actionDim], and for how many steps more each is held [N]
    held: new Float64Array(worlds * actionDim),
    holding: new Float64Array(worlds),
  };
}

type Batch = ReturnType<typeof createBatch>;

/** B sampled transitions and what an update computes of them. */
function createBatch(replay: Replay, rows: number) {
  const { observationDim, actionDim } = replay;
  return {
    sampled: replay.createBatch(rows),
    // [B, observationDim]; as the networks see them
    observations: new Float32Array(rows * observationDim),
    nextObservations: new Float32Array(rows * observationDim),
    // [B, actionDim]
    noise: new Float64Array(rows * actionDim),
    actions: new Float64Array(rows * actionDim),
    actionGradients: new Float64Array(rows * actionDim),
    // [B]
    logProbabilities: new Float64Array(rows),
    targets: new Float64Array(rows),
  };
}

// ---------------------------------------------------------------------------------------------------------------------
// Policies

/** The squashed mean; with a generator a draw. */
class SquashedPolicy implements Policy {
  readonly observationDim: number;
  readonly actionDim: number;
  readonly #network: Network;
  readonly #activation: Activation;
  readonly #normalizer: Normalizer;
  readonly #random: Random | undefined;
  #inputs = new Float64Array(0);
  #outputs = new Float64Array(0);

  constructor(shape: MlpShape, parameters: Float32Array, normalizer: Float64Array, random?: Random) {
    this.#random = random;
    this.#network = new Network(shape, parameters);
    this.#activation = shape.activation;
    this.observationDim = this.#network.inputs;
    this.actionDim = this.#network.outputs / 2;
    this.#normalizer = new Normalizer(this.observationDim);
    this.#normalizer.restore(normalizer);
  }

  units(observations: Float64Array, count: number): UnitShares {
    const inputs = new Float64Array(count * this.observationDim);
    this.#normalizer.apply(observations, count, inputs);
    return unitShares(this.#network.hidden(inputs, count), count, this.#activation);
  }

  act(observations: Float64Array, count: number, out: Float64Array): void {
    const { observationDim, actionDim } = this;
    const random = this.#random;
    checkRows(this, observations, count, out);
    if (this.#inputs.length < count * observationDim) {
      this.#inputs = new Float64Array(count * observationDim);
      this.#outputs = new Float64Array(count * 2 * actionDim);
    }
    this.#normalizer.apply(observations, count, this.#inputs);
    this.#network.forward(this.#inputs, count, this.#outputs);
    for (let n = 0; n < count; n++) {
      for (let k = 0; k < actionDim; k++) {
        const mean = this.#outputs[2 * n * actionDim + k]!;
        const std =
          random === undefined ? 0 : Math.exp(logStdOf(this.#outputs[(2 * n + 1) * actionDim + k]!));
        out[n * actionDim + k] = Math.tanh(random === undefined ? mean : mean + std * random.gaussian());
      }
    }
  }
}

function loadPolicy(bytes: Uint8Array, random?: Random): Policy {
  const block: Block = readBlock(magic, bytes);
  const header = checkedHeader('SAC', block, formatVersion, ['observationDim', 'actionDim']);
  const { observationDim, actionDim, hidden } = header as {
    observationDim: number;
    actionDim: number;
    hidden: unknown;
  };
  if (!Array.isArray(hidden) || !hidden.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new RangeError(
      `SAC checkpoint: hidden is ${JSON.stringify(hidden)}, wanted a list of whole numbers`,
    );
  }
  const { actor } = shapesOf(observationDim, actionDim, hidden as number[]);
  const size = parameterCount(actor);
  const parameters = float32Of('SAC', block, 'parameters', size + 1);
  const normalizer = float64Of('SAC', block, 'normalizer', 1 + 2 * observationDim);
  return new SquashedPolicy(actor, parameters.subarray(0, size), normalizer, random);
}
