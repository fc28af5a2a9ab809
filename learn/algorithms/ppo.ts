/**
 * Proximal policy optimisation: Schulman et al. 2017, arXiv:1707.06347, with generalised advantage estimation
 * (arXiv:1506.02438). Read from top to bottom: settings, one iteration (collect, judge, learn), the loss, checkpoints.
 * How it differs from the paper and what each metric means: docs/algorithms/ppo.md.
 */

import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { Adam, globalNorm } from '../parts/adam.ts';
import { type Block, readBlock, writeBlock } from '../parts/block.ts';
import * as categorical from '../parts/categorical.ts';
import { gae } from '../parts/gae.ts';
import { entropy, logProbability, sample } from '../parts/gaussian.ts';
import { Network } from '../parts/network.ts';
import { Normalizer, RewardScaler } from '../parts/normalizer.ts';
import { Random } from '../parts/random.ts';
import { backward, forward, initialize, type MlpShape, parameterCount, unflatten } from '../tensor/mlp.ts';
import type { Algorithm, Learner, LearnerSetup, Policy, VectorEnv } from './types.ts';

export const fields = {
  steps: {
    type: 'integer',
    default: 500_000,
    min: 1,
    max: 1_000_000_000,
    unit: 'steps',
    help: 'Environment steps to train for, all worlds together; the learning rate anneals over them.',
  },
  worlds: { type: 'integer', default: 32, min: 1, max: 4096, help: 'Worlds stepped side by side.' },
  stepsPerWorld: {
    type: 'integer',
    default: 64,
    min: 2,
    max: 8192,
    unit: 'steps',
    help: 'Steps collected from each world before an update.',
  },
  epochs: {
    type: 'integer',
    default: 6,
    min: 1,
    max: 100,
    help: 'Passes over the collected steps per update.',
  },
  minibatch: {
    type: 'integer',
    default: 512,
    min: 2,
    max: 65_536,
    unit: 'steps',
    help: 'Largest number of steps in one gradient; at most worlds x stepsPerWorld.',
  },
  learningRate: { type: 'number', default: 2e-3, min: 1e-7, max: 0.1, help: 'Step size of Adam.' },
  annealLearningRate: {
    type: 'boolean',
    default: true,
    help: 'Lower the learning rate linearly to a twentieth over the training.',
  },
  gamma: { type: 'number', default: 0.98, min: 0, max: 0.9999, help: 'Discount of a reward one step later.' },
  gaeLambda: {
    type: 'number',
    default: 0.95,
    min: 0,
    max: 1,
    help: 'Advantages: 0 trusts the critic alone, 1 the collected returns alone.',
  },
  clipCoef: {
    type: 'number',
    default: 0.2,
    min: 0.01,
    max: 1,
    help: 'How far the probability ratio may leave 1 before its gradient stops.',
  },
  entropyCoef: { type: 'number', default: 0.003, min: 0, max: 1, help: 'Weight of the entropy bonus.' },
  valueCoef: { type: 'number', default: 0.5, min: 0, max: 10, help: 'Weight of the value loss.' },
  maxGradNorm: {
    type: 'number',
    default: 0.5,
    min: 1e-4,
    max: 1000,
    help: 'Gradients are shortened to this length.',
  },
  targetKl: {
    type: 'number',
    default: 0.02,
    min: 0,
    max: 10,
    help: 'Stop the epochs of an update once the policy moved 1.5 times this far; 0 never stops.',
  },
  hiddenSize: { type: 'integer', default: 64, min: 1, max: 1024, help: 'Units in each hidden layer.' },
  hiddenLayers: { type: 'integer', default: 2, min: 1, max: 8, help: 'Hidden layers of actor and critic.' },
  initialLogStd: {
    type: 'number',
    default: -0.5,
    min: -5,
    max: 1,
    help: 'Logarithm of the standard deviation of actions at the start.',
  },
  normalizeObservations: {
    type: 'boolean',
    default: true,
    help: 'Shift and scale observations by their running mean and deviation.',
  },
  scaleRewards: {
    type: 'boolean',
    default: true,
    help: 'Divide rewards by the running deviation of the discounted return.',
  },
} as const satisfies Algorithm['fields'];

type PpoSettings = Settings<typeof fields>;

/** What the actor puts out: a mean for each real action component, or a logit for each option. */
const outputsOf = (actionDim: number, choices: number): number => (choices > 0 ? choices : actionDim);

const magic = 'RLABPPO\n';
const formatVersion = 1;
/** The deviation of actions stays within exp of these: neither frozen nor pure noise. */
const lowestLogStd = -4;
const highestLogStd = 0.5;
/** The learning rate never anneals below this share of itself. */
const lastRateShare = 0.05;

export const ppo: Algorithm = {
  id: 'ppo',
  title: 'PPO',
  summary: 'On-policy actor and critic with clipped updates; robust, and fast where simulation is cheap.',
  source: 'Schulman et al. 2017, arXiv:1707.06347',
  fields,
  check: (settings) => {
    together(settings);
  },
  create: (settings, setup) => new Ppo(checked(settings, setup), setup),
  resume: (bytes, settings, setup) => {
    const learner = new Ppo(checked(settings, setup), setup);
    try {
      learner.restore(bytes);
    } catch (error) {
      learner.dispose();
      throw error;
    }
    return learner;
  },
  loadPolicy,
};

/** Fills in defaults. @throws RangeError naming settings that cannot work together. */
function together(given: AnySettings): PpoSettings {
  const settings: PpoSettings = Object.freeze({ ...defaultsOf(fields), ...given });
  const { worlds, stepsPerWorld, minibatch } = settings;
  if (minibatch > worlds * stepsPerWorld) {
    throw new RangeError(
      `PPO: minibatch is ${minibatch}, wanted at most worlds x stepsPerWorld = ${worlds} x ${stepsPerWorld} = ${worlds * stepsPerWorld}`,
    );
  }
  return settings;
}

function checked(given: AnySettings, setup: LearnerSetup): PpoSettings {
  const settings = together(given);
  if (settings.worlds !== setup.count) {
    throw new RangeError(`PPO: worlds is ${settings.worlds}, the environment has ${setup.count}`);
  }
  return settings;
}

interface Shapes {
  readonly actor: MlpShape;
  readonly critic: MlpShape;
}

function shapesOf(observationDim: number, outputs: number, hidden: readonly number[]): Shapes {
  return {
    actor: { sizes: [observationDim, ...hidden, outputs], activation: 'tanh' },
    critic: { sizes: [observationDim, ...hidden, 1], activation: 'tanh' },
  };
}

class Ppo implements Learner {
  readonly stepsPerIteration: number;
  readonly #settings: PpoSettings;
  readonly #setup: LearnerSetup;
  /** Options of a discrete action; 0 = real numbers. */
  readonly #choices: number;
  readonly #outputs: number;
  readonly #logStdDim: number;
  readonly #shapes: Shapes;
  /** actor [Pa], logStd [actionDim, none for options], critic [Pc]: one vector, so that the gradient is clipped as a whole. */
  readonly #parameters: Float32Array;
  readonly #adam: Adam;
  readonly #actor: Network;
  readonly #critic: Network;
  /** Frozen while collecting and learning; takes in `#seen` between iterations. */
  readonly #normalizer: Normalizer;
  readonly #seen: Normalizer;
  readonly #scaler: RewardScaler;
  readonly #random: Random;
  readonly #rollout: Rollout;
  readonly #batch: Batch;
  #steps = 0;

  constructor(settings: PpoSettings, setup: LearnerSetup) {
    const { observationDim, actionDim, count, choices = 0 } = setup;
    this.#settings = settings;
    this.#setup = setup;
    this.#choices = choices;
    this.#outputs = outputsOf(actionDim, choices);
    this.#logStdDim = choices > 0 ? 0 : actionDim;
    this.stepsPerIteration = settings.stepsPerWorld * count;
    this.#random = new Random(setup.seed);
    const hidden = new Array<number>(settings.hiddenLayers).fill(settings.hiddenSize);
    this.#shapes = shapesOf(observationDim, this.#outputs, hidden);
    // A small last layer: the first policy is centred noise, whatever the observation.
    const actor = initialize(this.#shapes.actor, this.#random, { outputGain: 0.01 });
    const critic = initialize(this.#shapes.critic, this.#random, { outputGain: 1 });
    this.#parameters = new Float32Array(actor.length + this.#logStdDim + critic.length);
    this.#parameters.set(actor);
    this.#parameters.fill(settings.initialLogStd, actor.length, actor.length + this.#logStdDim);
    this.#parameters.set(critic, actor.length + this.#logStdDim);
    this.#adam = new Adam(this.#parameters.length, 1e-5);
    this.#actor = new Network(this.#shapes.actor, actor);
    this.#critic = new Network(this.#shapes.critic, critic);
    this.#normalizer = new Normalizer(observationDim);
    this.#seen = new Normalizer(observationDim);
    this.#scaler = new RewardScaler(count, settings.gamma);
    this.#rollout = createRollout(settings.stepsPerWorld, count, observationDim, actionDim, this.#outputs);
    this.#batch = createBatch(settings.minibatch, observationDim, actionDim, this.#outputs, this.#logStdDim);
  }

  get steps(): number {
    return this.#steps;
  }

  /** Views into the flat parameters. */
  get #actorParameters(): Float32Array {
    return this.#parameters.subarray(0, parameterCount(this.#shapes.actor));
  }
  get #logStd(): Float32Array {
    const start = parameterCount(this.#shapes.actor);
    return this.#parameters.subarray(start, start + this.#logStdDim);
  }
  get #criticParameters(): Float32Array {
    return this.#parameters.subarray(parameterCount(this.#shapes.actor) + this.#logStdDim);
  }

  async iterate(env: VectorEnv): Promise<Readonly<Record<string, number>>> {
    const { count, observationDim, actionDim } = this.#setup;
    if (env.count !== count || env.observationDim !== observationDim || env.actionDim !== actionDim) {
      throw new RangeError(
        `PPO: environment of ${env.count} worlds, ${env.observationDim} observations, ${env.actionDim} actions; ` +
          `wanted ${count}, ${observationDim}, ${actionDim}`,
      );
    }
    if ((env.choices ?? 0) !== this.#choices) {
      throw new RangeError(`PPO: environment of ${env.choices ?? 0} options, wanted ${this.#choices}`);
    }
    const rewardMean = await this.#collect(env);
    this.#judge();
    const learned = await this.#learn();
    if (this.#settings.normalizeObservations) this.#normalizer.merge(this.#seen);
    this.#steps += this.stepsPerIteration;
    return { 'rollout/reward': rewardMean, ...learned };
  }

  /** Plays `stepsPerWorld` steps in every world into the rollout; the mean raw reward. */
  async #collect(env: VectorEnv): Promise<number> {
    const { count, observationDim, actionDim } = this.#setup;
    const r = this.#rollout;
    const logStd = this.#logStd;
    let rewardSum = 0;
    this.#seen.clear();
    for (let t = 0; t < this.#settings.stepsPerWorld; t++) {
      const row = t * count;
      // 1. See: normalise and keep what the networks will see again while learning.
      this.#seen.update(env.observations, count);
      this.#normalizer.apply(env.observations, count, r.inputs);
      r.observations.set(r.inputs, row * observationDim);
      // 2. Act.
      this.#actor.forward(r.inputs, count, r.means);
      this.#critic.forward(r.inputs, count, r.worldValues);
      r.values.set(r.worldValues, row);
      if (t > 0) this.#bootstrap(t - 1, r.worldValues);
      for (let n = 0; n < count; n++) {
        if (this.#choices > 0) {
          const option = categorical.sample(r.means, n * this.#choices, this.#choices, this.#random);
          r.sampled[n] = option;
          r.logProbabilities[row + n] = categorical.logProbability(
            r.means,
            n * this.#choices,
            this.#choices,
            option,
          );
          continue;
        }
        r.sampled.set(r.means.subarray(n * actionDim, (n + 1) * actionDim), n * actionDim);
        sample(r.sampled, n * actionDim, logStd, this.#random, r.sampled);
        r.logProbabilities[row + n] = logProbability(
          r.means,
          n * actionDim,
          logStd,
          r.sampled,
          n * actionDim,
        );
      }
      r.actions.set(r.sampled, row * actionDim);
      for (let i = 0; i < r.clipped.length; i++) {
        r.clipped[i] = this.#choices > 0 ? r.sampled[i]! : Math.max(-1, Math.min(1, r.sampled[i]!));
      }
      // 3. Step.
      const pending = env.step(r.clipped, r.worldValues);
      if (pending) await pending;
      // 4. Keep the outcome.
      r.terminated.set(env.terminated, row);
      r.truncated.set(env.truncated, row);
      r.diverged.set(env.diverged, row);
      for (let n = 0; n < count; n++) {
        const reward = env.diverged[n] ? 0 : env.rewards[n]!;
        if (!Number.isFinite(reward)) {
          throw new Error(`PPO: rollout/reward of world ${n} is ${reward}, wanted a finite number`);
        }
        r.rewards[row + n] = reward;
        rewardSum += reward;
      }
      const hasEnded = (n: number) => !!(env.terminated[n] || env.truncated[n] || env.diverged[n]);
      this.#scaler.observe(r.rewards.subarray(row, row + count), hasEnded, env.diverged);
      if (env.truncated.includes(1)) {
        // The value of the state in which time ran out; other rows hold no final observation and are not read.
        this.#normalizer.apply(env.finalObservations, count, r.inputs);
        this.#critic.forward(r.inputs, count, r.finalValues);
        for (let n = 0; n < count; n++) if (env.truncated[n]) r.nextValues[row + n] = r.finalValues[n]!;
      }
    }
    this.#normalizer.apply(env.observations, count, r.inputs);
    this.#critic.forward(r.inputs, count, r.worldValues);
    this.#bootstrap(this.#settings.stepsPerWorld - 1, r.worldValues);
    return rewardSum / this.stepsPerIteration;
  }

  /** V of the next observation becomes the bootstrap of step t, except where time ran out. */
  #bootstrap(t: number, nextValues: Float64Array): void {
    const r = this.#rollout;
    const row = t * this.#setup.count;
    for (let n = 0; n < this.#setup.count; n++) {
      if (!r.truncated[row + n]) r.nextValues[row + n] = nextValues[n]!;
    }
  }

  /** Rewards in units of the return, advantages, returns. */
  #judge(): void {
    const r = this.#rollout;
    if (this.#settings.scaleRewards) {
      for (let i = 0; i < r.rewards.length; i++) r.rewards[i] = this.#scaler.scale(r.rewards[i]!);
    }
    const { stepsPerWorld: steps, gamma, gaeLambda } = this.#settings;
    gae({ steps, worlds: this.#setup.count, gamma, gaeLambda, ...r }, r.advantages, r.returns);
  }

  /** Epochs of shuffled minibatches. */
  async #learn(): Promise<Record<string, number>> {
    const { epochs, minibatch, targetKl, maxGradNorm } = this.#settings;
    const r = this.#rollout;
    // Diverged steps have no outcome to learn from.
    const indices = Int32Array.from(r.diverged.keys()).filter((i) => !r.diverged[i]);
    const learningRate = this.#learningRate();
    const totals = newTotals();
    let batches = 0;
    let updates = 0;
    let gradientNorm = 0;
    let stopped = indices.length < 2;
    for (let epoch = 0; epoch < epochs && !stopped; epoch++) {
      this.#random.shuffle(indices);
      const parts = Math.ceil(indices.length / minibatch);
      for (let part = 0; part < parts && !stopped; part++) {
        // Even parts: a last minibatch of a few steps would be all noise once its advantages are normalised.
        const first = Math.floor((part * indices.length) / parts);
        const last = Math.floor(((part + 1) * indices.length) / parts);
        const { loss, gradients } = await this.#gradient(indices.subarray(first, last));
        for (const name of lossNames) totals[name] += loss[name];
        batches++;
        stopped = targetKl > 0 && loss['policy/kl'] > 1.5 * targetKl;
        if (stopped) break;
        const norm = globalNorm(gradients);
        if (!Number.isFinite(norm)) {
          throw new Error(`PPO: learn/gradientNorm is ${norm} after ${this.#steps} steps`);
        }
        gradientNorm += norm;
        this.#adam.step(this.#parameters, gradients, learningRate, Math.min(1, maxGradNorm / (norm + 1e-8)));
        const logStd = this.#logStd;
        for (let k = 0; k < logStd.length; k++) {
          logStd[k] = Math.max(lowestLogStd, Math.min(highestLogStd, logStd[k]!));
        }
        updates++;
      }
    }
    for (const value of this.#parameters) {
      if (!Number.isFinite(value)) throw new Error(`PPO: a weight is ${value} after ${this.#steps} steps`);
    }
    this.#actor.load(this.#actorParameters);
    this.#critic.load(this.#criticParameters);
    const metrics: Record<string, number> = {};
    for (const name of lossNames) metrics[name] = totals[name] / Math.max(1, batches);
    const logStd = this.#logStd;
    return {
      ...metrics,
      'policy/entropy': this.#choices > 0 ? -metrics['loss/entropy']! : entropy(logStd),
      ...(this.#choices > 0
        ? {}
        : { 'policy/std': logStd.reduce((sum, value) => sum + Math.exp(value), 0) / logStd.length }),
      'value/explainedVariance': explainedVariance(r.values, r.returns, indices),
      'learn/learningRate': learningRate,
      'learn/gradientNorm': gradientNorm / Math.max(1, updates),
      'learn/updates': updates,
    };
  }

  #learningRate(): number {
    const { learningRate, annealLearningRate, steps } = this.#settings;
    if (!annealLearningRate) return learningRate;
    return learningRate * Math.max(lastRateShare, 1 - this.#steps / steps);
  }

  /** Loss and gradient of one minibatch: networks forward and backward on the device, the loss between in plain numbers. */
  async #gradient(indices: Int32Array): Promise<{ loss: PpoLoss; gradients: Float32Array }> {
    const { observationDim, actionDim } = this.#setup;
    const { tf } = this.#setup.device;
    const b = this.#batch;
    const rows = gather(this.#rollout, b, indices, observationDim, actionDim, this.#outputs);
    const created: Tensor[] = [];
    const keep = <T extends Tensor>(tensor: T): T => {
      created.push(tensor);
      return tensor;
    };
    try {
      const x = keep(tf.tensor2d(b.observations.subarray(0, rows * observationDim), [rows, observationDim]));
      const actorTensors = unflatten(tf, this.#shapes.actor, this.#actorParameters).map(keep);
      const criticTensors = unflatten(tf, this.#shapes.critic, this.#criticParameters).map(keep);
      const pass = tf.tidy(() => ({
        actor: [...forward(tf, this.#shapes.actor, actorTensors, x).chain.slice(1)],
        critic: [...forward(tf, this.#shapes.critic, criticTensors, x).chain.slice(1)],
      }));
      pass.actor.forEach(keep);
      pass.critic.forEach(keep);

      const means = await pass.actor.at(-1)!.data();
      const values = await pass.critic.at(-1)!.data();
      const loss = ppoLoss(
        { ...b, count: indices.length, means, values, logStd: this.#logStd, choices: this.#choices },
        this.#settings,
        b,
      );
      for (const name of lossNames) {
        if (!Number.isFinite(loss[name])) {
          throw new Error(`PPO: ${name} is ${loss[name]} after ${this.#steps} steps, wanted a finite number`);
        }
      }

      const flat = keep(
        tf.tidy(() => {
          const dMeans = tf.tensor2d(b.dMeans.subarray(0, rows * this.#outputs), [rows, this.#outputs]);
          const dValues = tf.tensor2d(b.dValues.subarray(0, rows), [rows, 1]);
          const run = (shape: MlpShape, tensors: Tensor[], chain: Tensor2D[], dOutput: Tensor2D) =>
            backward(tf, shape, tensors, { chain: [x, ...chain] }, dOutput).gradients.map((g) => g.as1D());
          return tf.concat1d([
            ...run(this.#shapes.actor, actorTensors, pass.actor, dMeans),
            ...(this.#logStdDim > 0 ? [tf.tensor1d(b.dLogStd)] : []),
            ...run(this.#shapes.critic, criticTensors, pass.critic, dValues),
          ]);
        }),
      );
      return { loss, gradients: (await flat.data()) as Float32Array };
    } finally {
      for (const tensor of created) tensor.dispose();
    }
  }

  policy(): Policy {
    return new MlpPolicy(this.#shapes.actor, this.#actorParameters, this.#normalizer.save(), this.#choices);
  }

  save(): Uint8Array {
    const { observationDim, actionDim, count } = this.#setup;
    return writeBlock(
      magic,
      {
        version: formatVersion,
        observationDim,
        actionDim,
        choices: this.#choices,
        hidden: this.#shapes.actor.sizes.slice(1, -1),
        worlds: count,
        steps: this.#steps,
      },
      {
        parameters: this.#parameters,
        normalizer: this.#normalizer.save(),
        adam: this.#adam.save(),
        rewardScaler: this.#scaler.save(),
        random: this.#random.save(),
      },
    );
  }

  /** @throws RangeError when the checkpoint belongs to another network, number of worlds or version. */
  restore(bytes: Uint8Array): void {
    const block = readBlock(magic, bytes);
    const found = headerOf(block);
    const wanted = {
      observationDim: this.#setup.observationDim,
      actionDim: this.#setup.actionDim,
      choices: this.#choices,
      hidden: this.#shapes.actor.sizes.slice(1, -1),
      worlds: this.#setup.count,
    };
    for (const [name, value] of Object.entries(wanted)) {
      const stored = found[name as keyof typeof wanted];
      if (String(stored) !== String(value)) {
        throw new RangeError(`PPO checkpoint: ${name} is ${stored}, wanted ${value}`);
      }
    }
    this.#parameters.set(arrayOf(block, 'parameters', this.#parameters.length) as Float32Array);
    this.#normalizer.restore(arrayOf(block, 'normalizer') as Float64Array);
    this.#adam.restore(arrayOf(block, 'adam') as Float64Array);
    this.#scaler.restore(arrayOf(block, 'rewardScaler') as Float64Array);
    this.#random.restore(arrayOf(block, 'random') as Float64Array);
    this.#steps = found.steps;
    this.#actor.load(this.#actorParameters);
    this.#critic.load(this.#criticParameters);
  }

  /** No tensor outlives an update; there is nothing on the device to free. */
  dispose(): void {}
}

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
  /** Options of a discrete action; 0 or absent: real numbers. */
  readonly choices?: number;
  /** What the networks say now: [M, actionDim] (logits [M, choices] for options), [M], [actionDim] (none for options). */
  readonly means: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  readonly logStd: ArrayLike<number>;
  /** What was collected: [M, actionDim], [M], [M], [M]. */
  readonly actions: Float64Array;
  readonly logProbabilities: Float64Array;
  readonly advantages: Float64Array;
  readonly returns: Float64Array;
}

export interface LossGradients {
  /** [M, actionDim], or [M, choices] */
  readonly dMeans: Float32Array;
  /** [M] */
  readonly dValues: Float32Array;
  /** [actionDim] */
  readonly dLogStd: Float32Array;
}

/**
 * The loss of one minibatch and its gradient by what the networks put out. With A the advantage normalised within the
 * minibatch, R the return, eps = clipCoef and every line a mean over the M steps:
 *
 *   ratio   = exp(log p(a) - log p_old(a))
 *   policy  = max(-A ratio, -A clip(ratio, 1 - eps, 1 + eps))
 *   value   = (V - R)^2 / 2
 *   loss    = policy + valueCoef value - entropyCoef entropy
 *
 *   d policy / d log p = -A ratio where the first branch is the larger, else 0
 *   d log p / d mean   = z / std,   d log p / d logStd = z^2 - 1,   z = (a - mean) / std
 *   d entropy / d logStd = 1
 *
 * Options have logits in the place of means; their gradients stand above learn/parts/categorical.ts.
 */
export function ppoLoss(
  input: LossInput,
  settings: Pick<PpoSettings, 'clipCoef' | 'valueCoef' | 'entropyCoef'>,
  out: LossGradients,
): PpoLoss {
  const { count, means, values, logStd, actions, logProbabilities, advantages, returns, choices = 0 } = input;
  const { clipCoef, valueCoef, entropyCoef } = settings;
  const dim = logStd.length;
  let mean = 0;
  for (let i = 0; i < count; i++) mean += advantages[i]! / count;
  let variance = 0;
  for (let i = 0; i < count; i++) variance += (advantages[i]! - mean) ** 2 / count;
  const deviation = Math.sqrt(variance) + 1e-8;

  const totals = newTotals();
  const dLogStd = new Float64Array(dim);
  for (let i = 0; i < count; i++) {
    const advantage = (advantages[i]! - mean) / deviation;
    const logNow =
      choices > 0
        ? categorical.logProbability(means, i * choices, choices, actions[i]!)
        : logProbability(means, i * dim, logStd, actions, i * dim);
    const logRatio = logNow - logProbabilities[i]!;
    const ratio = Math.exp(logRatio);
    const clippedRatio = Math.max(1 - clipCoef, Math.min(1 + clipCoef, ratio));
    const plain = -advantage * ratio;
    const clipped = -advantage * clippedRatio;
    const error = values[i]! - returns[i]!;

    totals['loss/policy'] += Math.max(plain, clipped) / count;
    totals['loss/value'] += (0.5 * error * error) / count;
    // An estimate of the KL divergence that is never negative (Schulman 2020, joschu.net/blog/kl-approx.html).
    totals['policy/kl'] += (ratio - 1 - logRatio) / count;
    totals['policy/clipFraction'] += (ratio === clippedRatio ? 0 : 1) / count;

    const dLogProbability = plain >= clipped ? plain / count : 0;
    if (choices > 0) {
      totals['loss/entropy'] -= categorical.entropy(means, i * choices, choices) / count;
      categorical.gradient(
        means,
        i * choices,
        choices,
        actions[i]!,
        dLogProbability,
        -entropyCoef / count,
        out.dMeans,
      );
    }
    for (let k = 0; k < dim; k++) {
      const inverseStd = Math.exp(-logStd[k]!);
      const z = (actions[i * dim + k]! - means[i * dim + k]!) * inverseStd;
      out.dMeans[i * dim + k] = dLogProbability * z * inverseStd;
      dLogStd[k]! += dLogProbability * (z * z - 1);
    }
    out.dValues[i] = (valueCoef * error) / count;
  }
  for (let k = 0; k < dim; k++) out.dLogStd[k] = dLogStd[k]! - entropyCoef;
  if (choices === 0) totals['loss/entropy'] = -entropy(logStd);
  return totals;
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

/** T steps of N worlds, time first. */
function createRollout(
  steps: number,
  worlds: number,
  observationDim: number,
  actionDim: number,
  outputs: number,
) {
  const size = steps * worlds;
  return {
    // [T, N, dim]; observations as the networks saw them, actions before clipping
    observations: new Float32Array(size * observationDim),
    actions: new Float64Array(size * actionDim),
    // [T, N]
    logProbabilities: new Float64Array(size),
    rewards: new Float64Array(size),
    values: new Float64Array(size),
    nextValues: new Float64Array(size),
    terminated: new Uint8Array(size),
    truncated: new Uint8Array(size),
    diverged: new Uint8Array(size),
    advantages: new Float64Array(size),
    returns: new Float64Array(size),
    // Scratch of one step: [N, dim] and [N]
    inputs: new Float64Array(worlds * observationDim),
    means: new Float64Array(worlds * outputs),
    sampled: new Float64Array(worlds * actionDim),
    clipped: new Float64Array(worlds * actionDim),
    worldValues: new Float64Array(worlds),
    finalValues: new Float64Array(worlds),
  };
}

type Batch = ReturnType<typeof createBatch>;

/** Rows added to round sizes; see `gather`. */
const paddingRows = 8;

function createBatch(
  minibatch: number,
  observationDim: number,
  actionDim: number,
  outputs: number,
  logStdDim: number,
) {
  const rows = minibatch + paddingRows;
  return {
    observations: new Float32Array(rows * observationDim),
    actions: new Float64Array(rows * actionDim),
    logProbabilities: new Float64Array(rows),
    advantages: new Float64Array(rows),
    returns: new Float64Array(rows),
    dMeans: new Float32Array(rows * outputs),
    dValues: new Float32Array(rows),
    dLogStd: new Float32Array(logStdDim),
  };
}

/**
 * Copies the chosen steps into the batch; the rows the tensors shall have. A multiple of 128 rows gets a few rows of
 * zeros with zero gradient: transposes of such sizes hit the same cache sets over and over and cost three times as much.
 */
function gather(
  r: Rollout,
  b: Batch,
  indices: Int32Array,
  observationDim: number,
  actionDim: number,
  outputs: number,
): number {
  for (let row = 0; row < indices.length; row++) {
    const i = indices[row]!;
    for (let k = 0; k < observationDim; k++) {
      b.observations[row * observationDim + k] = r.observations[i * observationDim + k]!;
    }
    for (let k = 0; k < actionDim; k++) b.actions[row * actionDim + k] = r.actions[i * actionDim + k]!;
    b.logProbabilities[row] = r.logProbabilities[i]!;
    b.advantages[row] = r.advantages[i]!;
    b.returns[row] = r.returns[i]!;
  }
  if (indices.length % 128 !== 0) return indices.length;
  const rows = indices.length + paddingRows;
  b.observations.fill(0, indices.length * observationDim, rows * observationDim);
  b.dMeans.fill(0, indices.length * outputs, rows * outputs);
  b.dValues.fill(0, indices.length, rows);
  return rows;
}

// ---------------------------------------------------------------------------------------------------------------------
// Policies and checkpoints

/** The mean action, clipped; of options the likeliest. */
class MlpPolicy implements Policy {
  readonly observationDim: number;
  readonly actionDim: number;
  readonly #network: Network;
  readonly #normalizer: Normalizer;
  readonly #choices: number;
  #inputs = new Float64Array(0);
  #logits = new Float64Array(0);

  constructor(shape: MlpShape, parameters: Float32Array, normalizer: Float64Array, choices: number) {
    this.#network = new Network(shape, parameters);
    this.observationDim = this.#network.inputs;
    this.#choices = choices;
    this.actionDim = choices > 0 ? 1 : this.#network.outputs;
    this.#normalizer = new Normalizer(this.observationDim);
    this.#normalizer.restore(normalizer);
  }

  act(observations: Float64Array, count: number, out: Float64Array): void {
    const { observationDim, actionDim } = this;
    if (observations.length < count * observationDim || out.length < count * actionDim) {
      throw new RangeError(
        `Policy: ${observations.length} observations and ${out.length} actions, ` +
          `wanted ${count} x ${observationDim} and ${count} x ${actionDim}`,
      );
    }
    if (this.#inputs.length < count * observationDim) this.#inputs = new Float64Array(count * observationDim);
    this.#normalizer.apply(observations, count, this.#inputs);
    if (this.#choices > 0) {
      const n = this.#choices;
      if (this.#logits.length < count * n) this.#logits = new Float64Array(count * n);
      this.#network.forward(this.#inputs, count, this.#logits);
      for (let i = 0; i < count; i++) out[i] = categorical.argmax(this.#logits, i * n, n);
      return;
    }
    this.#network.forward(this.#inputs, count, out);
    for (let i = 0; i < count * actionDim; i++) out[i] = Math.max(-1, Math.min(1, out[i]!));
  }
}

function loadPolicy(bytes: Uint8Array): Policy {
  const block = readBlock(magic, bytes);
  const { observationDim, actionDim, choices, hidden } = headerOf(block);
  const { actor, critic } = shapesOf(observationDim, outputsOf(actionDim, choices), hidden);
  const size = parameterCount(actor);
  const logStdDim = choices > 0 ? 0 : actionDim;
  const parameters = arrayOf(block, 'parameters', size + logStdDim + parameterCount(critic)) as Float32Array;
  const normalizer = arrayOf(block, 'normalizer') as Float64Array;
  return new MlpPolicy(actor, parameters.slice(0, size), normalizer, choices);
}

interface Header {
  readonly observationDim: number;
  readonly actionDim: number;
  /** 0 = real numbers; checkpoints from before there were options have none. */
  readonly choices: number;
  readonly hidden: readonly number[];
  readonly worlds: number;
  readonly steps: number;
}

function headerOf({ header }: Block): Header {
  if (header['version'] !== formatVersion) {
    throw new RangeError(`PPO checkpoint: version is ${header['version']}, wanted ${formatVersion}`);
  }
  for (const name of ['observationDim', 'actionDim', 'worlds', 'steps']) {
    if (!Number.isSafeInteger(header[name])) {
      throw new RangeError(`PPO checkpoint: ${name} is ${header[name]}, wanted an integer`);
    }
  }
  if (!Array.isArray(header['hidden'])) {
    throw new RangeError(`PPO checkpoint: hidden is ${header['hidden']}, wanted a list of sizes`);
  }
  const choices = header['choices'] ?? 0;
  if (!Number.isSafeInteger(choices) || (choices as number) < 0) {
    throw new RangeError(`PPO checkpoint: choices is ${choices}, wanted a whole number`);
  }
  return { ...header, choices } as unknown as Header;
}

function arrayOf({ arrays }: Block, name: string, length?: number) {
  const array = arrays[name];
  if (!array) throw new RangeError(`PPO checkpoint: has no ${name}`);
  if (length !== undefined && array.length !== length) {
    throw new RangeError(`PPO checkpoint: ${name} has ${array.length} numbers, wanted ${length}`);
  }
  return array;
}
