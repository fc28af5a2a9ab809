/**
 * Proximal policy optimisation: Schulman et al. 2017, arXiv:1707.06347, with generalised advantage estimation
 * (arXiv:1506.02438). Read from top to bottom: settings, one iteration (collect, judge, learn), the loss, checkpoints.
 * How it differs from the paper and what each metric means: docs/algorithms/ppo.md.
 */

import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { type Block, readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float32Of, float64Of } from '../parts/checkpoint.ts';
import { common } from '../parts/fields.ts';
import { gae } from '../parts/gae.ts';
import { type Head, headFor } from '../parts/heads.ts';
import { checkSizes, forWorlds, hiddenOf, resumed } from '../parts/learner.ts';
import { initializeMemory, Memory, memoryNetworks } from '../parts/memory.ts';
import { readMemoryPolicy } from '../parts/memory-policy.ts';
import { Network } from '../parts/network.ts';
import { Normalizer, RewardScaler } from '../parts/normalizer.ts';
import { MlpPolicy, policyHeader, policyShape, readMlpPolicy } from '../parts/policy.ts';
import { Random } from '../parts/random.ts';
import type { Networks, Soon } from '../tensor/compute.ts';
import { initialize, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import type { Algorithm, Critic, Learner, LearnerSetup, Metrics, Policy, VectorEnv } from './types.ts';

export const fields = {
  steps: common.steps,
  worlds: common.worlds,
  stepsPerWorld: { ...common.stepsPerWorld, min: 2 },
  epochs: common.epochs,
  minibatch: {
    ...common.minibatch,
    help: 'Largest number of steps in one gradient; at most worlds x stepsPerWorld.',
  },
  learningRate: common.learningRate,
  learningRateSchedule: {
    type: 'choice',
    default: 'linear',
    options: ['constant', 'linear', 'cosine', 'adaptive'],
    help: 'Over the training: lowered to a twentieth along a line or a cosine, or moved up and down to keep the policy at targetKl.',
  },
  gamma: common.gamma,
  gaeLambda: {
    type: 'number',
    default: 0.95,
    min: 0,
    max: 1,
    help: 'Advantages: 0 trusts the critic alone, 1 the collected returns alone.',
  },
  clipCoef: common.clipCoef,
  clipSchedule: {
    type: 'choice',
    default: 'constant',
    options: ['constant', 'linear'],
    help: 'Linear: clipCoef is lowered to a twentieth over the training.',
  },
  entropyCoef: { ...common.entropyCoef, default: 0.003 },
  valueCoef: { type: 'number', default: 0.5, min: 0, max: 10, help: 'Weight of the value loss.' },
  maxGradNorm: common.maxGradNorm,
  targetKl: common.targetKl,
  hiddenSize: common.hiddenSize,
  hiddenLayers: { ...common.hiddenLayers, help: 'Hidden layers of actor and critic.' },
  activation: { type: 'choice', default: 'tanh', options: ['tanh', 'relu'], help: 'Of the hidden layers.' },
  critics: {
    type: 'choice',
    default: 'one',
    options: ['one', 'each'],
    help: 'One critic for the weighted sum of the rewards, or one for each reward term, so that a term may have its own discount and a change of weights needs no new learning.',
  },
  memory: {
    type: 'choice',
    default: 'none',
    options: ['none', 'gru'],
    help: 'A gated recurrent unit before actor and critic, for tasks in which one observation does not tell the state.',
  },
  memorySize: { type: 'integer', default: 32, min: 1, max: 512, help: 'Units of the memory.' },
  memoryWindow: {
    type: 'integer',
    default: 16,
    min: 2,
    max: 1024,
    unit: 'steps',
    help: 'How far gradients go back through the memory; divides stepsPerWorld.',
  },
  initialLogStd: { ...common.initialLogStd, min: -5, max: 1 },
  normalizeObservations: common.normalizeObservations,
  scaleRewards: {
    type: 'boolean',
    default: true,
    help: 'Divide rewards by the running deviation of the discounted return.',
  },
} as const satisfies Algorithm['fields'];

type PpoSettings = Settings<typeof fields>;

const magic = 'RLABPPO\n';
/** 2: several critics, schedules; the layout of version 1 had other arrays. */
const formatVersion = 2;
/** The deviation of actions stays within exp of these: neither frozen nor pure noise. */
const lowestLogStd = -4;
const highestLogStd = 0.5;
/** Schedules end at this share of what they began with. */
const lastShare = 0.05;
/** The adaptive learning rate changes by this factor, within these bounds. */
const adaptiveFactor = 1.5;
const adaptiveBounds = [1e-6, 1e-2] as const;

export const ppo: Algorithm = {
  id: 'ppo',
  title: 'PPO',
  summary: 'On-policy actor and critic with clipped updates; robust, and fast where simulation is cheap.',
  source: 'Schulman et al. 2017, arXiv:1707.06347',
  fields,
  check: (settings) => {
    together(settings);
  },
  workload: (given, setup) => {
    const settings = together(given);
    const { actor, critic } = shapesOf(settings, setup, 1);
    return { networks: [actor, critic], updateRows: settings.minibatch, actRows: setup.count };
  },
  create: (settings, setup) => new Ppo(checked(settings, setup), setup),
  resume: (bytes, settings, setup) => resumed(new Ppo(checked(settings, setup), setup), bytes),
  loadPolicy: (bytes) => {
    const block = readBlock(magic, bytes);
    const { memorySize } = checkedHeader('PPO', block, formatVersion, ['worlds', 'steps', 'memorySize']);
    return memorySize === 0 ? readMlpPolicy('PPO', block) : readMemoryPolicy('PPO', block);
  },
  loadSampler: (bytes, random) => {
    const block = readBlock(magic, bytes);
    const { memorySize } = checkedHeader('PPO', block, formatVersion, ['worlds', 'steps', 'memorySize']);
    return memorySize === 0 ? readMlpPolicy('PPO', block, random) : undefined;
  },
  loadCritic: (bytes, settings) => readCritic(readBlock(magic, bytes), together(settings)),
};

function readCritic(block: Block, { scaleRewards, gamma }: PpoSettings): Critic | undefined {
  const header = checkedHeader('PPO', block, formatVersion, ['worlds', 'steps', 'memorySize']);
  if (header['memorySize'] !== 0) return undefined;
  const { observationDim, hidden, activation, ...rest } = policyHeader('PPO', block);
  const terms = (header['critics'] as readonly unknown[]).map(String);
  const actor = parameterCount(policyShape({ observationDim, hidden, activation, ...rest }));
  const shape: MlpShape = { sizes: [observationDim, ...hidden, terms.length], activation };
  const parameters = float32Of('PPO', block, 'parameters');
  const network = new Network(shape, parameters.slice(actor, actor + parameterCount(shape)));
  const normalizer = new Normalizer(observationDim);
  normalizer.restore(float64Of('PPO', block, 'normalizer'));
  const scaler = new RewardScaler(header['worlds'] as number, gamma);
  const size = scaler.save().length;
  const saved = float64Of('PPO', block, 'rewardScalers', size * terms.length);
  const units = terms.map((_, c) => {
    scaler.restore(saved.subarray(c * size, (c + 1) * size));
    return scaleRewards ? scaler.unit : 1;
  });
  return {
    observationDim,
    terms,
    values(observations, count) {
      const inputs = new Float64Array(count * observationDim);
      normalizer.apply(observations, count, inputs);
      const out = new Float64Array(count * terms.length);
      network.forward(inputs, count, out);
      for (let i = 0; i < out.length; i++) out[i] = out[i]! / units[i % terms.length]!;
      return out;
    },
  };
}

/** Fills in defaults. @throws RangeError naming settings that cannot work together. */
function together(given: AnySettings): PpoSettings {
  const settings: PpoSettings = Object.freeze({ ...defaultsOf(fields), ...given });
  const { worlds, stepsPerWorld, minibatch, learningRateSchedule, targetKl } = settings;
  if (minibatch > worlds * stepsPerWorld) {
    throw new RangeError(
      `PPO: minibatch is ${minibatch}, wanted at most worlds x stepsPerWorld = ${worlds} x ${stepsPerWorld} = ${worlds * stepsPerWorld}`,
    );
  }
  const { memory, memoryWindow } = settings;
  if (memory !== 'none' && stepsPerWorld % memoryWindow !== 0) {
    throw new RangeError(
      `PPO: memoryWindow is ${memoryWindow}, wanted one that divides stepsPerWorld = ${stepsPerWorld}`,
    );
  }
  if (memory !== 'none' && minibatch < memoryWindow) {
    throw new RangeError(
      `PPO: minibatch is ${minibatch}, wanted at least one memoryWindow of ${memoryWindow}`,
    );
  }
  if (learningRateSchedule === 'adaptive' && targetKl === 0) {
    throw new RangeError('PPO: learningRateSchedule is adaptive, which needs a targetKl above 0');
  }
  return settings;
}

function checked(given: AnySettings, setup: LearnerSetup): PpoSettings {
  const settings = forWorlds('PPO', together(given), setup);
  if (settings.critics === 'each' && (setup.channels ?? []).length === 0) {
    throw new RangeError('PPO: critics is each, but the environment does not tell its reward terms apart');
  }
  return settings;
}

/** Of the memory; 0 without one. */
const memorySizeOf = ({ memory, memorySize }: PpoSettings): number => (memory === 'none' ? 0 : memorySize);

function shapesOf(
  settings: PpoSettings,
  { observationDim, actionDim, choices }: Pick<LearnerSetup, 'observationDim' | 'actionDim' | 'choices'>,
  critics: number,
): { actor: MlpShape; critic: MlpShape } {
  const { activation } = settings;
  const hidden = hiddenOf(settings);
  const inputs = memorySizeOf(settings) || observationDim;
  return {
    actor: { sizes: [inputs, ...hidden, headFor(actionDim, choices).outputs], activation },
    critic: { sizes: [inputs, ...hidden, critics], activation },
  };
}

class Ppo implements Learner {
  readonly stepsPerIteration: number;
  readonly #settings: PpoSettings;
  readonly #setup: LearnerSetup;
  readonly #head: Head;
  readonly #actorShape: MlpShape;
  /** Names of the critics: the reward terms, or one without a name. */
  readonly #critics: readonly string[];
  /**
   * Actor (0), critic (1) with an output for each critic, the memory's two (2, 3) where there is one, logStd: one vector, so
   * that the gradient is clipped as a whole.
   */
  readonly #networks: Networks;
  readonly #memory: Memory | undefined;
  /** What each world's memory holds before the next step. [N, memorySize] */
  readonly #hidden: Float32Array;
  /** Frozen while collecting and learning; takes in `#seen` between iterations. */
  readonly #normalizer: Normalizer;
  readonly #seen: Normalizer;
  /** One a critic. */
  readonly #scalers: readonly RewardScaler[];
  readonly #random: Random;
  readonly #rollout: Rollout;
  readonly #batch: Batch;
  readonly #sequences: Sequences;
  readonly #clock: () => number;
  /** Where the adaptive schedule stands. */
  #adaptiveRate: number;
  #steps = 0;

  constructor(settings: PpoSettings, setup: LearnerSetup) {
    const { observationDim, actionDim, count, choices, channels = [] } = setup;
    this.#settings = settings;
    this.#setup = setup;
    this.#clock = setup.clock ?? (() => 0);
    this.#head = headFor(actionDim, choices);
    this.#critics = settings.critics === 'each' ? channels : [''];
    this.#adaptiveRate = settings.learningRate;
    this.stepsPerIteration = settings.stepsPerWorld * count;
    this.#random = new Random(setup.seed);
    const { actor, critic } = shapesOf(settings, setup, this.#critics.length);
    this.#actorShape = actor;
    // A small last layer: the first policy is centred noise, whatever the observation.
    const first = initialize(actor, this.#random, { outputGain: 0.01 });
    const second = initialize(critic, this.#random, { outputGain: 1 });
    const memorySize = memorySizeOf(settings);
    const third =
      memorySize > 0 ? initializeMemory(observationDim, memorySize, this.#random) : new Float32Array(0);
    const logStd = new Float32Array(this.#head.looseCount).fill(settings.initialLogStd);
    const parameters = joined([first, second, third, logStd]);
    const inputGradient = memorySize > 0;
    this.#networks = setup.compute.networks({
      networks: [
        { shape: actor, inputGradient },
        { shape: critic, inputOf: 0, inputGradient, regresses: true },
        ...(memorySize > 0 ? memoryNetworks(observationDim, memorySize) : []),
      ],
      rows: Math.max(settings.minibatch, count),
      loose: this.#head.looseCount,
      parameters,
      epsilon: 1e-5,
    });
    this.#memory = memorySize > 0 ? new Memory(this.#networks, 2, observationDim, memorySize) : undefined;
    this.#hidden = new Float32Array(count * memorySize);
    this.#normalizer = new Normalizer(observationDim);
    this.#seen = new Normalizer(observationDim);
    this.#scalers = this.#critics.map(() => new RewardScaler(count, settings.gamma));
    this.#rollout = createRollout(
      settings.stepsPerWorld,
      count,
      observationDim,
      actionDim,
      this.#critics.length,
      memorySize,
    );
    this.#batch = createBatch(settings.minibatch, actionDim);
    this.#sequences = createSequences(settings.minibatch, observationDim, memorySize);
  }

  get steps(): number {
    return this.#steps;
  }

  async iterate(env: VectorEnv): Promise<Metrics> {
    this.#checkEnv(env);
    const begun = this.#clock();
    const rollout = await this.#collect(env);
    const collected = this.#clock();
    const advantageShares = this.#judge(env);
    const learned = await this.#learn();
    if (this.#settings.normalizeObservations) this.#normalizer.merge(this.#seen);
    this.#steps += this.stepsPerIteration;
    return {
      'rollout/reward': rollout.reward,
      ...advantageShares,
      ...learned,
      'time/act': collected - begun - rollout.waited,
      'time/learn': this.#clock() - collected,
    };
  }

  #checkEnv(env: VectorEnv): void {
    const { choices = [] } = this.#setup;
    checkSizes('PPO', env, this.#setup);
    if (String(env.choices ?? []) !== String(choices)) {
      throw new RangeError(`PPO: environment with options [${env.choices ?? []}], wanted [${choices}]`);
    }
    if (this.#settings.critics === 'each' && String(env.channels?.names) !== String(this.#critics)) {
      throw new RangeError(
        `PPO: environment with the reward terms ${env.channels?.names.join(', ')}, wanted ${this.#critics.join(', ')}`,
      );
    }
  }

  /** Plays `stepsPerWorld` steps in every world into the rollout: the mean weighted reward, and seconds spent in the environment. */
  async #collect(env: VectorEnv): Promise<{ reward: number; waited: number }> {
    const { count, observationDim, actionDim } = this.#setup;
    const r = this.#rollout;
    const networks = this.#networks;
    const means = networks.outputs[0]!;
    const critics = this.#critics.length;
    let rewardSum = 0;
    let waited = 0;
    this.#seen.clear();
    for (let t = 0; t < this.#settings.stepsPerWorld; t++) {
      const row = t * count;
      // 1. See: normalise and keep what the networks will see again while learning.
      this.#seen.update(env.observations, count);
      r.hidden.set(this.#hidden, t * this.#hidden.length);
      const seen = this.#see(env.observations);
      if (seen) await seen;
      r.observations.set(r.seen, row * observationDim);
      this.#hidden.set(networks.inputs[0]!.subarray(0, this.#hidden.length));
      // 2. Act.
      const wait = networks.forward(bothNetworks, count);
      if (wait) await wait;
      this.#keepValues(r.values, row);
      if (t > 0) this.#bootstrap(t - 1);
      for (let n = 0; n < count; n++) {
        const at = (row + n) * actionDim;
        r.logProbabilities[row + n] = this.#head.sample(
          means,
          n * this.#head.outputs,
          networks.loose,
          this.#random,
          r.actions,
          at,
        );
        for (let k = 0; k < actionDim; k++) {
          const action = r.actions[at + k]!;
          r.clipped[n * actionDim + k] =
            this.#head.looseCount > 0 ? Math.max(-1, Math.min(1, action)) : action;
        }
        r.worldValues[n] = this.#total(env, n, r.values, row);
      }
      // 3. Step.
      const begun = this.#clock();
      const pending = env.step(r.clipped, r.worldValues);
      if (pending) await pending;
      waited += this.#clock() - begun;
      // 4. Keep the outcome.
      r.terminated.set(env.terminated, row);
      r.truncated.set(env.truncated, row);
      r.diverged.set(env.diverged, row);
      for (let n = 0; n < count; n++) {
        if (env.diverged[n]) continue;
        if (!Number.isFinite(env.rewards[n]!)) {
          throw new Error(`PPO: rollout/reward of world ${n} is ${env.rewards[n]}, wanted a finite number`);
        }
        rewardSum += env.rewards[n]!;
      }
      const hasEnded = (n: number) => !!(env.terminated[n] || env.truncated[n] || env.diverged[n]);
      for (let c = 0; c < critics; c++) {
        const rewards = this.#rewardsOf(env, c, r.worldRewards);
        r.rewards.set(rewards, c * r.size + row);
        this.#scalers[c]!.observe(rewards, hasEnded, env.diverged);
      }
      if (env.truncated.includes(1)) {
        // The value of the state in which time ran out; other rows hold no final observation and are not read.
        const seen = this.#see(env.finalObservations);
        if (seen) await seen;
        const wait = networks.forward(criticOnly, count);
        if (wait) await wait;
        for (let n = 0; n < count; n++) {
          if (!env.truncated[n]) continue;
          for (let c = 0; c < critics; c++) {
            r.nextValues[c * r.size + row + n] = networks.outputs[1]![n * critics + c]!;
          }
        }
      }
      const { size = 0 } = this.#memory ?? {};
      for (let n = 0; n < count; n++) if (hasEnded(n)) this.#hidden.fill(0, n * size, (n + 1) * size);
    }
    const seen = this.#see(env.observations);
    if (seen) await seen;
    const wait = networks.forward(criticOnly, count);
    if (wait) await wait;
    this.#bootstrap(this.#settings.stepsPerWorld - 1);
    return { reward: rewardSum / this.stepsPerIteration, waited };
  }

  /** The inputs of actor and critic for an observation of every world: normalised, and through the memory where there is one. */
  #see(observations: Float64Array): Soon {
    const { count } = this.#setup;
    const { seen } = this.#rollout;
    const inputs = this.#networks.inputs[0]!;
    this.#normalizer.apply(observations, count, seen);
    if (this.#memory === undefined) return void inputs.set(seen);
    return this.#memory.step(seen, 0, this.#hidden, 0, count, inputs, 0);
  }

  /** What one critic predicts the return of: a term's unweighted reward, or the weighted sum; 0 where the world diverged. [count] */
  #rewardsOf(env: VectorEnv, critic: number, out: Float64Array): Float64Array {
    const { count } = this.#setup;
    const paid = this.#settings.critics === 'each' ? env.channels!.values : env.rewards;
    for (let n = 0; n < count; n++) out[n] = env.diverged[n] ? 0 : paid[critic * count + n]!;
    return out;
  }

  /** Critic outputs of the last forward pass, from [count, critics] to each critic's own [T, N]. */
  #keepValues(values: Float64Array, row: number): void {
    const critics = this.#critics.length;
    const outputs = this.#networks.outputs[1]!;
    for (let n = 0; n < this.#setup.count; n++) {
      for (let c = 0; c < critics; c++) {
        values[c * this.#rollout.size + row + n] = outputs[n * critics + c]!;
      }
    }
  }

  /** The value of a state as all critics see it together, in the units of the weighted reward: for display. */
  #total(env: VectorEnv, world: number, values: Float64Array, row: number): number {
    let sum = 0;
    for (let c = 0; c < this.#critics.length; c++) {
      const weight = this.#settings.critics === 'each' ? env.channels!.weights[c]! : 1;
      sum += (weight * values[c * this.#rollout.size + row + world]!) / this.#unit(c);
    }
    return sum;
  }

  /** Critics predict rewards times this. */
  #unit(critic: number): number {
    return this.#settings.scaleRewards ? this.#scalers[critic]!.unit : 1;
  }

  /** V of the newest observation becomes the bootstrap of step t, except where time ran out. */
  #bootstrap(t: number): void {
    const r = this.#rollout;
    const critics = this.#critics.length;
    const outputs = this.#networks.outputs[1]!;
    const row = t * this.#setup.count;
    for (let n = 0; n < this.#setup.count; n++) {
      if (r.truncated[row + n]) continue;
      for (let c = 0; c < critics; c++) r.nextValues[c * r.size + row + n] = outputs[n * critics + c]!;
    }
  }

  /**
   * Rewards in units of the return, advantages and returns of each critic; the advantage of the policy is their sum with
   * the weights of the moment, each in the units of the reward.
   */
  #judge(env: VectorEnv): Metrics {
    const r = this.#rollout;
    const { stepsPerWorld: steps, gaeLambda, scaleRewards, critics } = this.#settings;
    const { size } = r;
    const shares: Record<string, number> = {};
    r.advantages.fill(0);
    for (let c = 0; c < this.#critics.length; c++) {
      const of = (array: Float64Array) => array.subarray(c * size, (c + 1) * size);
      const rewards = of(r.rewards);
      if (scaleRewards) for (let i = 0; i < size; i++) rewards[i] = this.#scalers[c]!.scale(rewards[i]!);
      const own = critics === 'each' ? env.channels!.gammas[c]! : Number.NaN;
      const gamma = Number.isNaN(own) ? this.#settings.gamma : own;
      gae(
        {
          steps,
          worlds: this.#setup.count,
          gamma,
          gaeLambda,
          rewards,
          values: of(r.values),
          nextValues: of(r.nextValues),
          terminated: r.terminated,
          truncated: r.truncated,
          diverged: r.diverged,
        },
        r.own,
        of(r.returns),
      );
      const weight = critics === 'each' ? env.channels!.weights[c]! / this.#unit(c) : 1;
      let square = 0;
      for (let i = 0; i < size; i++) {
        r.advantages[i]! += weight * r.own[i]!;
        square += (weight * r.own[i]!) ** 2 / size;
      }
      if (critics === 'each') shares[`advantage/${this.#critics[c]}`] = Math.sqrt(square);
    }
    return shares;
  }

  /** Epochs of shuffled minibatches. */
  async #learn(): Promise<Record<string, number>> {
    const { epochs, minibatch, targetKl, maxGradNorm, valueCoef, entropyCoef } = this.#settings;
    const r = this.#rollout;
    const networks = this.#networks;
    // Diverged steps have no outcome to learn from.
    let known = 0;
    for (let i = 0; i < r.size; i++) if (!r.diverged[i]) r.indices[known++] = i;
    const indices = r.indices.subarray(0, known);
    // What is shuffled: steps, or whole windows where there is a memory.
    const window = this.#memory === undefined ? 1 : this.#settings.memoryWindow;
    const units = window === 1 ? indices.slice() : Int32Array.from({ length: r.size / window }, (_, w) => w);
    const perBatch = Math.floor(minibatch / window);
    const learningRate = this.#learningRate();
    const clipCoef =
      this.#settings.clipCoef * (this.#settings.clipSchedule === 'linear' ? this.#left('linear') : 1);
    const totals = newTotals();
    let batches = 0;
    let updates = 0;
    let gradientNorm = 0;
    let stopped = known < 2;
    const parts = Math.ceil(units.length / perBatch);
    for (let epoch = 0; epoch < epochs && !stopped; epoch++) {
      // One minibatch of everything is the same in any order.
      if (parts > 1) this.#random.shuffle(units);
      for (let part = 0; part < parts && !stopped; part++) {
        // Even parts: a last minibatch of a few steps would be all noise once its advantages are normalised.
        const first = Math.floor((part * units.length) / parts);
        const last = Math.floor(((part + 1) * units.length) / parts);
        const chosen = units.subarray(first, last);
        let rows = chosen.length;
        if (this.#memory === undefined) {
          if (parts > 1 || epoch === 0) this.#gather(chosen);
        } else rows = await this.#gatherWindows(this.#memory, chosen);
        if (rows < 2) continue;
        // The critic learns beside the actor, on another thread where there is one.
        const values = rows * this.#critics.length;
        const critic = networks.regress(criticOnly, rows, valueScale(valueCoef, values));
        if (critic) await critic;
        const wait = networks.forward(actorOnly, rows);
        if (wait) await wait;
        const policy = policyLoss(
          {
            ...this.#batch,
            count: rows,
            head: this.#head,
            means: networks.outputs[0]!,
            logStd: networks.loose,
          },
          { clipCoef, entropyCoef },
          { dMeans: networks.outputGradients[0]!, dLogStd: networks.looseGradients },
        );
        stopped = targetKl > 0 && policy['policy/kl'] > 1.5 * targetKl;
        if (!stopped) {
          const back = networks.backward(actorOnly, rows);
          if (back) await back;
        }
        const settled = networks.settle();
        if (settled) await settled;
        const loss: PpoLoss = {
          ...policy,
          'loss/value': valueLoss(networks.outputs[1]!, networks.targets[1]!, values),
        };
        for (const name of lossNames) {
          if (!Number.isFinite(loss[name])) {
            throw new Error(
              `PPO: ${name} is ${loss[name]} after ${this.#steps} steps, wanted a finite number`,
            );
          }
          totals[name] += loss[name];
        }
        batches++;
        if (stopped) {
          const cleared = networks.clear();
          if (cleared) await cleared;
          break;
        }
        if (this.#memory !== undefined) await this.#backWindows(this.#memory, chosen.length, rows);
        const norm = await networks.step({ learningRate, maxGradNorm });
        if (!Number.isFinite(norm)) {
          throw new Error(`PPO: learn/gradientNorm is ${norm} after ${this.#steps} steps`);
        }
        gradientNorm += norm;
        const { loose } = networks;
        for (let k = 0; k < loose.length; k++) {
          loose[k] = Math.max(lowestLogStd, Math.min(highestLogStd, loose[k]!));
        }
        updates++;
      }
    }
    const metrics: Record<string, number> = {};
    for (const name of lossNames) metrics[name] = totals[name] / Math.max(1, batches);
    if (this.#settings.learningRateSchedule === 'adaptive') this.#adapt(metrics['policy/kl']!);
    const { loose } = networks;
    const values: Record<string, number> = {};
    for (const [c, name] of this.#critics.entries()) {
      const suffix = name === '' ? '' : `/${name}`;
      const own = r.values.subarray(c * r.size, (c + 1) * r.size);
      const returns = r.returns.subarray(c * r.size, (c + 1) * r.size);
      values[`value/explainedVariance${suffix}`] = explainedVariance(own, returns, indices);
      values[`value/mean${suffix}`] = own.reduce((sum, value) => sum + value, 0) / r.size;
    }
    return {
      ...metrics,
      'policy/entropy': -metrics['loss/entropy']!,
      ...(loose.length === 0
        ? {}
        : { 'policy/std': loose.reduce((sum, value) => sum + Math.exp(value), 0) / loose.length }),
      ...values,
      'learn/learningRate': learningRate,
      'learn/gradientNorm': gradientNorm / Math.max(1, updates),
      'learn/updates': updates,
    };
  }

  /** What a schedule leaves, from 1 to `lastShare`. */
  #left(schedule: 'linear' | 'cosine'): number {
    const done = Math.min(1, this.#steps / this.#settings.steps);
    const left = schedule === 'linear' ? 1 - done : 0.5 * (1 + Math.cos(Math.PI * done));
    return Math.max(lastShare, left);
  }

  #learningRate(): number {
    const { learningRate, learningRateSchedule: schedule } = this.#settings;
    if (schedule === 'constant') return learningRate;
    if (schedule === 'adaptive') return this.#adaptiveRate;
    return learningRate * this.#left(schedule);
  }

  /** Slower when the policy moved more than twice as far as wanted, faster when less than half as far. */
  #adapt(kl: number): void {
    const { targetKl } = this.#settings;
    if (kl > 2 * targetKl) this.#adaptiveRate /= adaptiveFactor;
    else if (kl < targetKl / 2) this.#adaptiveRate *= adaptiveFactor;
    this.#adaptiveRate = Math.max(adaptiveBounds[0], Math.min(adaptiveBounds[1], this.#adaptiveRate));
  }

  /** Copies the chosen steps into the batch and the networks' inputs. */
  #gather(indices: Int32Array): void {
    const { observationDim } = this.#setup;
    const { observations } = this.#rollout;
    const inputs = this.#networks.inputs[0]!;
    for (let row = 0; row < indices.length; row++) {
      const i = indices[row]!;
      for (let k = 0; k < observationDim; k++) {
        inputs[row * observationDim + k] = observations[i * observationDim + k]!;
      }
      this.#gatherStep(row, i);
    }
  }

  /** What was done in step i of the rollout, and what came of it, into a row of the batch. */
  #gatherStep(row: number, i: number): void {
    const { actionDim } = this.#setup;
    const r = this.#rollout;
    const b = this.#batch;
    const critics = this.#critics.length;
    for (let k = 0; k < actionDim; k++) b.actions[row * actionDim + k] = r.actions[i * actionDim + k]!;
    b.logProbabilities[row] = r.logProbabilities[i]!;
    b.advantages[row] = r.advantages[i]!;
    const targets = this.#networks.targets[1]!;
    for (let c = 0; c < critics; c++) targets[row * critics + c] = r.returns[c * r.size + i]!;
  }

  /**
   * Plays the chosen windows through the memory as it is now, from what it held at their beginning; copies their steps into
   * the batch, all but the diverged ones: the rows. Window w is that of world w mod N, the (w div N)-th in time.
   */
  async #gatherWindows(memory: Memory, windows: Int32Array): Promise<number> {
    const { observationDim, count } = this.#setup;
    const { memoryWindow } = this.#settings;
    const { size } = memory;
    const r = this.#rollout;
    const q = this.#sequences;
    const inputs = this.#networks.inputs[0]!;
    const width = windows.length;
    let rows = 0;
    for (let t = 0; t < memoryWindow; t++) {
      for (let n = 0; n < width; n++) {
        const w = windows[n]!;
        const i = (Math.floor(w / count) * memoryWindow + t) * count + (w % count);
        const place = t * width + n;
        for (let k = 0; k < observationDim; k++) {
          q.seen[place * observationDim + k] = r.observations[i * observationDim + k]!;
        }
        // What the step before left behind, or the rollout where the window begins; nothing where an episode begins.
        const before = i - count;
        const fresh = t > 0 && !!(r.terminated[before] || r.truncated[before] || r.diverged[before]);
        q.fresh[place] = fresh ? 1 : 0;
        for (let k = 0; k < size; k++) {
          const left = t === 0 ? r.hidden[i * size + k]! : q.after[(place - width) * size + k]!;
          q.before[place * size + k] = fresh ? 0 : left;
        }
        q.rows[place] = r.diverged[i] ? -1 : rows;
        if (!r.diverged[i]) this.#gatherStep(rows++, i);
      }
      const [x, h] = [t * width * observationDim, t * width * size];
      await memory.step(q.seen, x, q.before, h, width, q.after, h);
    }
    for (let place = 0; place < memoryWindow * width; place++) {
      const row = q.rows[place]!;
      if (row >= 0) inputs.set(q.after.subarray(place * size, (place + 1) * size), row * size);
    }
    return rows;
  }

  /** From the gradients of the inputs of actor and critic back through the windows played last. */
  async #backWindows(memory: Memory, width: number, rows: number): Promise<void> {
    const { observationDim } = this.#setup;
    const { memoryWindow } = this.#settings;
    const { size } = memory;
    const q = this.#sequences;
    const [byActor, byCritic] = this.#networks.inputGradients as readonly Float32Array[];
    for (let row = 0; row < rows * size; row++) byActor![row]! += byCritic![row]!;
    const carried = q.carried.fill(0, 0, width * size);
    for (let t = memoryWindow - 1; t >= 0; t--) {
      for (let n = 0; n < width; n++) {
        const place = t * width + n;
        const row = q.rows[place]!;
        for (let k = 0; k < size; k++) {
          if (row >= 0) carried[n * size + k]! += byActor![row * size + k]!;
        }
      }
      await memory.back(q.seen, t * width * observationDim, q.before, t * width * size, width, carried);
      for (let n = 0; n < width; n++) {
        if (q.fresh[t * width + n] === 1) carried.fill(0, n * size, (n + 1) * size);
      }
    }
  }

  async policy(): Promise<Policy> {
    const parameters = await this.#networks.read();
    if (this.#memory !== undefined) return readMemoryPolicy('PPO', readBlock(magic, await this.save()));
    return new MlpPolicy(
      this.#actorShape,
      parameters.subarray(0, parameterCount(this.#actorShape)),
      this.#normalizer.save(),
      this.#setup.choices,
    );
  }

  #header(): Record<string, unknown> {
    const { observationDim, actionDim, count, choices = [] } = this.#setup;
    return {
      observationDim,
      actionDim,
      choices,
      hidden: this.#actorShape.sizes.slice(1, -1),
      activation: this.#actorShape.activation,
      critics: this.#critics,
      memorySize: memorySizeOf(this.#settings),
      worlds: count,
    };
  }

  async save(): Promise<Uint8Array> {
    const parameters = await this.#networks.read();
    for (const value of parameters) {
      if (!Number.isFinite(value)) throw new Error(`PPO: a weight is ${value} after ${this.#steps} steps`);
    }
    return writeBlock(
      magic,
      { version: formatVersion, ...this.#header(), steps: this.#steps },
      {
        parameters,
        normalizer: this.#normalizer.save(),
        adam: await this.#networks.saveOptimizer(),
        rewardScalers: Float64Array.from(this.#scalers.flatMap((scaler) => [...scaler.save()])),
        random: this.#random.save(),
        hidden: this.#hidden,
        adaptiveRate: Float64Array.of(this.#adaptiveRate),
      },
    );
  }

  /** @throws RangeError when the checkpoint belongs to another network, number of worlds or version. */
  restore(bytes: Uint8Array): void {
    const block = readBlock(magic, bytes);
    const found = checkedHeader('PPO', block, formatVersion, ['worlds', 'steps']);
    checkSame('PPO', found, this.#header());
    const scalerSize = this.#scalers[0]!.save().length;
    const scalers = float64Of('PPO', block, 'rewardScalers', scalerSize * this.#scalers.length);
    this.#networks.write(float32Of('PPO', block, 'parameters', this.#networks.parameterCount));
    this.#normalizer.restore(float64Of('PPO', block, 'normalizer'));
    this.#networks.restoreOptimizer(float64Of('PPO', block, 'adam'));
    for (const [c, scaler] of this.#scalers.entries()) {
      scaler.restore(scalers.subarray(c * scalerSize, (c + 1) * scalerSize));
    }
    this.#random.restore(float64Of('PPO', block, 'random'));
    this.#hidden.set(float32Of('PPO', block, 'hidden', this.#hidden.length));
    this.#adaptiveRate = float64Of('PPO', block, 'adaptiveRate', 1)[0]!;
    this.#steps = found['steps'] as number;
  }

  dispose(): void {
    this.#networks.dispose();
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Actor and critic, as `Networks` wants them. */
const bothNetworks = [0, 1] as const;
const actorOnly = [0] as const;
const criticOnly = [1] as const;

// ---------------------------------------------------------------------------------------------------------------------
// The loss

const lossNames = ['loss/policy', 'loss/value', 'loss/entropy', 'policy/kl', 'policy/clipFraction'] as const;
export type PpoLoss = Record<(typeof lossNames)[number], number>;

const newTotals = (): PpoLoss => ({
  'loss/policy': 0,
  'loss/value': 0,
  'loss/entropy': 0,
  'policy/kl': 0,
  'policy/clipFraction': 0,
});

export interface LossInput {
  /** Steps in the minibatch, M; arrays may be longer. */
  readonly count: number;
  readonly head: Head;
  /** What the actor says now: [M, head.outputs], [head.looseCount]. */
  readonly means: Float32Array;
  readonly logStd: Float32Array;
  /** What was collected: [M, actionDim], [M], [M]. */
  readonly actions: Float64Array;
  readonly logProbabilities: Float64Array;
  readonly advantages: Float64Array;
}

export interface LossGradients {
  /** Written: [M, head.outputs]. */
  readonly dMeans: Float32Array;
  /** Added to: [head.looseCount]. */
  readonly dLogStd: Float32Array;
}

/**
 * The loss of one minibatch and its gradient by what the actor puts out. With A the advantage normalised within the
 * minibatch, R the return, eps = clipCoef and every line a mean over the M steps (of the value: also over the critics):
 *
 *   ratio   = exp(log p(a) - log p_old(a))
 *   policy  = max(-A ratio, -A clip(ratio, 1 - eps, 1 + eps))
 *   value   = (V - R)^2 / 2
 *   loss    = policy + valueCoef value - entropyCoef entropy
 *
 *   d policy / d log p = -A ratio where the first branch is the larger, else 0
 *
 * The value has no part here: `valueLoss`, and its gradient from `Networks.regress`. The gradients of log p and of the
 * entropy stand above learn/parts/heads.ts.
 */
export function policyLoss(
  input: LossInput,
  settings: Pick<PpoSettings, 'clipCoef' | 'entropyCoef'>,
  out: LossGradients,
): Omit<PpoLoss, 'loss/value'> {
  const { count, head, means, logStd, actions, logProbabilities, advantages } = input;
  const { clipCoef, entropyCoef } = settings;
  let mean = 0;
  for (let i = 0; i < count; i++) mean += advantages[i]!;
  mean /= count;
  let variance = 0;
  for (let i = 0; i < count; i++) variance += (advantages[i]! - mean) ** 2;
  const deviation = Math.sqrt(variance / count) + 1e-8;

  const { logsNow, entropies, byLog } = scratchOf(count);
  head.judge(means, count, logStd, actions, logsNow, entropies);
  let [policyLoss, entropyLoss, kl, clips] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const advantage = (advantages[i]! - mean) / deviation;
    const logRatio = logsNow[i]! - logProbabilities[i]!;
    const ratio = Math.exp(logRatio);
    const clippedRatio = Math.max(1 - clipCoef, Math.min(1 + clipCoef, ratio));
    const plain = -advantage * ratio;
    const clipped = -advantage * clippedRatio;
    policyLoss += Math.max(plain, clipped);
    entropyLoss -= entropies[i]!;
    // An estimate of the KL divergence that is never negative (Schulman 2020, joschu.net/blog/kl-approx.html).
    kl += ratio - 1 - logRatio;
    if (ratio !== clippedRatio) clips++;
    byLog[i] = plain >= clipped ? plain / count : 0;
  }
  head.gradients(count, actions, byLog, -entropyCoef / count, out.dMeans, out.dLogStd);
  return {
    'loss/policy': policyLoss / count,
    'loss/entropy': entropyLoss / count,
    'policy/kl': kl / count,
    'policy/clipFraction': clips / count,
  };
}

/** What `Networks.regress` is given, so that its loss is valueCoef times `valueLoss`. */
export const valueScale = (valueCoef: number, count: number): number => valueCoef / count;

/** The mean of (V - R)^2 / 2 over `count` = M x critics values. */
export function valueLoss(values: Float32Array, returns: Float64Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += 0.5 * (values[i]! - returns[i]!) ** 2;
  return sum / count;
}

/** Rows of the loss, kept from minibatch to minibatch. */
let scratch = { logsNow: new Float64Array(0), entropies: new Float64Array(0), byLog: new Float64Array(0) };
function scratchOf(count: number): typeof scratch {
  if (scratch.byLog.length < count) {
    const rows = () => new Float64Array(count);
    scratch = { logsNow: rows(), entropies: rows(), byLog: rows() };
  }
  return scratch;
}

/** 1 - Var(R - V) / Var(R): 1 is a perfect critic, 0 as good as a constant. 0 where returns did not vary. */
function explainedVariance(values: Float64Array, returns: Float64Array, indices: Int32Array): number {
  let [meanReturn, meanError] = [0, 0];
  for (const i of indices) {
    meanReturn += returns[i]! / indices.length;
    meanError += (returns[i]! - values[i]!) / indices.length;
  }
  let [varianceReturn, varianceError] = [0, 0];
  for (const i of indices) {
    varianceReturn += (returns[i]! - meanReturn) ** 2;
    varianceError += (returns[i]! - values[i]! - meanError) ** 2;
  }
  return varianceReturn > 1e-12 ? 1 - varianceError / varianceReturn : 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Buffers

type Rollout = ReturnType<typeof createRollout>;

/** T steps of N worlds, time first; C critics. */
function createRollout(
  steps: number,
  worlds: number,
  observationDim: number,
  actionDim: number,
  critics: number,
  memorySize: number,
) {
  const size = steps * worlds;
  return {
    size,
    // [T, N, dim]; observations as the networks saw them, actions before clipping
    observations: new Float32Array(size * observationDim),
    actions: new Float64Array(size * actionDim),
    /** What the memory held before the step. [T, N, memorySize] */
    hidden: new Float32Array(size * memorySize),
    // [C, T, N]
    rewards: new Float64Array(critics * size),
    values: new Float64Array(critics * size),
    nextValues: new Float64Array(critics * size),
    returns: new Float64Array(critics * size),
    // [T, N]
    logProbabilities: new Float64Array(size),
    terminated: new Uint8Array(size),
    truncated: new Uint8Array(size),
    diverged: new Uint8Array(size),
    advantages: new Float64Array(size),
    /** Advantages as one critic sees them. */
    own: new Float64Array(size),
    indices: new Int32Array(size),
    // Scratch of one step: [N, dim] and [N]
    seen: new Float32Array(worlds * observationDim),
    clipped: new Float64Array(worlds * actionDim),
    worldValues: new Float64Array(worlds),
    worldRewards: new Float64Array(worlds),
  };
}

type Batch = ReturnType<typeof createBatch>;

function createBatch(minibatch: number, actionDim: number) {
  return {
    actions: new Float64Array(minibatch * actionDim),
    logProbabilities: new Float64Array(minibatch),
    advantages: new Float64Array(minibatch),
  };
}

type Sequences = ReturnType<typeof createSequences>;

/** Windows played side by side: L steps of W windows, time first; L x W is at most the minibatch. */
function createSequences(minibatch: number, observationDim: number, memorySize: number) {
  const places = memorySize > 0 ? minibatch : 0;
  return {
    // [L, W, dim]
    seen: new Float32Array(places * observationDim),
    before: new Float32Array(places * memorySize),
    after: new Float32Array(places * memorySize),
    // [L, W]: where an episode begins; the row in the batch, -1 where there is none
    fresh: new Uint8Array(places),
    rows: new Int32Array(places),
    // [W, memorySize]
    carried: new Float32Array(places * memorySize),
  };
}
