/**
 * Dataset aggregation (DAgger): Ross, Gordon and Bagnell 2011, "A reduction of imitation learning and structured prediction
 * to no-regret online learning", arXiv:1011.0686. Read from top to bottom: settings, one iteration (act and ask the expert,
 * refit), checkpoints. How it differs from the paper and what each metric means: docs/algorithms/dagger.md.
 */

import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { Actor, actorShape } from '../parts/actor.ts';
import { type Block, readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float32Of, float64Of } from '../parts/checkpoint.ts';
import { common, imitation } from '../parts/fields.ts';
import { createBatch, imitationLoss, Labelled, type LabelledBatch } from '../parts/imitation.ts';
import { checkEnvironment, forWorlds, resumed } from '../parts/learner.ts';
import { checkedMlpPolicy } from '../parts/policy.ts';
import { Random } from '../parts/random.ts';
import { learningRateAfter, scheduleField } from '../parts/schedule.ts';
import type { Algorithm, Learner, LearnerSetup, Metrics, Policy, VectorEnv } from './types.ts';

export const fields = {
  steps: {
    ...common.steps,
    default: 50_000,
    max: 10_000_000,
    help: 'Environment steps to train for, all worlds together; the expert is asked at every one of them.',
  },
  worlds: { ...common.worlds, default: 16 },
  stepsPerWorld: {
    ...common.stepsPerWorld,
    default: 100,
    help: 'Steps collected from each world before the policy is refitted.',
  },
  gamma: imitation.gamma,
  betaDecay: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'The expert acts alone in the first iteration, then with this share to the power of the iterations done; 0: never again.',
  },
  updates: {
    type: 'integer',
    default: 300,
    min: 1,
    max: 1_000_000,
    help: 'Gradient steps in an iteration, on rows drawn from everything gathered so far.',
  },
  minibatch: { ...imitation.minibatch, help: 'Rows in one gradient.' },
  loss: imitation.loss,
  learningRate: imitation.learningRate,
  learningRateSchedule: scheduleField('linear'),
  maxGradNorm: imitation.maxGradNorm,
  hiddenSize: imitation.hiddenSize,
  hiddenLayers: common.hiddenLayers,
  initialLogStd: imitation.initialLogStd,
  normalizeObservations: common.normalizeObservations,
} as const satisfies Algorithm['fields'];

type DaggerSettings = Settings<typeof fields>;

const name = 'DAgger';
const magic = 'RLABDAG\n';
const journalMagic = 'RLABDGJ\n';
const formatVersion = 1;

export const dagger: Algorithm = {
  id: 'dagger',
  title: 'DAgger',
  summary:
    'Imitates the scripted expert where the learner itself gets to: acts, asks what was right, refits.',
  source: 'Ross et al. 2011, arXiv:1011.0686',
  fields,
  journal: true,
  check: (settings) => {
    withDefaults(settings);
  },
  workload: (given, setup) => {
    const settings = withDefaults(given);
    return { networks: [actorShape(settings, setup)], updateRows: settings.minibatch, actRows: setup.count };
  },
  create: (given, setup) => {
    const settings = checked(given, setup);
    const learner = new Dagger(settings, setup);
    learner.begin(setup);
    return learner;
  },
  resume: (bytes, settings, setup, journal) =>
    resumed(new Dagger(checked(settings, setup), setup), bytes, journal),
  loadPolicy: (bytes) => checkedMlpPolicy(name, readBlock(magic, bytes), formatVersion, ['steps', 'worlds']),
};

const withDefaults = (given: AnySettings): DaggerSettings =>
  Object.freeze({ ...defaultsOf(fields), ...given });

const checked = (given: AnySettings, setup: LearnerSetup): DaggerSettings =>
  forWorlds(name, withDefaults(given), setup);

class Dagger implements Learner {
  readonly stepsPerIteration: number;
  readonly #settings: DaggerSettings;
  readonly #setup: LearnerSetup;
  readonly #random: Random;
  readonly #actor: Actor;
  /** Everything gathered so far. */
  readonly #labelled: Labelled;
  readonly #batch: LabelledBatch;
  readonly #clock: () => number;
  #steps = 0;
  #iterations = 0;
  /** Rows that pieces of the journal hold already, and how many pieces. */
  #journalled = 0;
  #pieces = 0;

  constructor(settings: DaggerSettings, setup: LearnerSetup) {
    const { observationDim, actionDim, count } = setup;
    this.#settings = settings;
    this.#setup = setup;
    this.#clock = setup.clock ?? (() => 0);
    this.stepsPerIteration = settings.stepsPerWorld * count;
    this.#random = new Random(setup.seed);
    this.#actor = new Actor({
      name,
      setup,
      ...settings,
      rows: Math.max(settings.minibatch, count),
      random: this.#random,
    });
    this.#labelled = new Labelled(observationDim, actionDim);
    this.#batch = createBatch(settings.minibatch, observationDim, actionDim);
  }

  /** Takes in demonstrations, where there are some. */
  begin({ demonstrations = [], observationDim, actionDim }: LearnerSetup): void {
    for (const { length, observations, actions, weights } of demonstrations) {
      if (length > 0) this.#actor.seen.update(observations, length);
      for (let t = 0; t < length; t++) {
        this.#labelled.add(observations, t * observationDim, actions, t * actionDim, weights?.[t]);
      }
    }
    this.#actor.takeInSeen();
  }

  get steps(): number {
    return this.#steps;
  }

  async iterate(env: VectorEnv): Promise<Metrics> {
    checkEnvironment(name, env, this.#setup);
    const begun = this.#clock();
    const played = await this.#collect(env);
    this.#actor.takeInSeen();
    const collected = this.#clock();
    const learned = await this.#refit();
    this.#steps += this.stepsPerIteration;
    this.#iterations++;
    return {
      'rollout/reward': played.reward,
      'dagger/beta': played.beta,
      'dagger/rows': this.#labelled.rows,
      'dagger/error': played.error,
      ...learned,
      'time/act': collected - begun - played.waited,
      'time/learn': this.#clock() - collected,
    };
  }

  /**
   * Steps all worlds; in each, at every step, the expert acts with probability beta, else the policy's likeliest action is
   * taken. Wherever that leads, the label is what the expert would have done.
   */
  async #collect(env: VectorEnv) {
    const { count, observationDim, actionDim } = this.#setup;
    const { simulator } = env;
    if (simulator === undefined) {
      throw new RangeError(
        `${name}: asks the task's expert, and this environment does not show its simulator`,
      );
    }
    const { model } = simulator;
    const { head } = this.#actor;
    const isReal = head.looseCount > 0;
    const beta = this.#settings.betaDecay ** this.#iterations;
    const labels = new Float64Array(count * actionDim);
    const actions = new Float64Array(count * actionDim);
    const played = { reward: 0, beta, error: 0, waited: 0 };
    for (let t = 0; t < this.#settings.stepsPerWorld; t++) {
      // 1. What the policy would do, and what the expert would.
      this.#actor.look(env.observations, count);
      const outputs = await this.#actor.forward(count);
      for (let n = 0; n < count; n++) {
        const at = n * actionDim;
        head.mode(outputs, n * head.outputs, actions, at);
        model.expert(simulator.states, n * model.stateDim, labels, at);
        simulator.toUnit(labels, at);
        let error = 0;
        for (let k = at; k < at + actionDim; k++) {
          if (isReal) {
            labels[k] = Math.max(-1, Math.min(1, labels[k]!));
            actions[k] = Math.max(-1, Math.min(1, actions[k]!));
            error += Math.abs(actions[k]! - labels[k]!) / actionDim;
          } else error += (actions[k] === labels[k] ? 0 : 1) / actionDim;
        }
        played.error += error;
        this.#labelled.add(env.observations, n * observationDim, labels, at);
        if (this.#random.uniform() < beta) actions.set(labels.subarray(at, at + actionDim), at);
      }
      this.#actor.seen.update(env.observations, count);
      // 2. Step.
      const asked = this.#clock();
      const pending = env.step(actions);
      if (pending) await pending;
      played.waited += this.#clock() - asked;
      for (let n = 0; n < count; n++) if (!env.diverged[n]) played.reward += env.rewards[n]!;
    }
    if (!Number.isFinite(played.reward)) {
      throw new Error(`${name}: rollout/reward is ${played.reward}, wanted a finite number`);
    }
    played.reward /= this.stepsPerIteration;
    played.error /= this.stepsPerIteration;
    return played;
  }

  /** `updates` gradient steps on rows drawn from all that was gathered, from the policy as it is. */
  async #refit(): Promise<Record<string, number>> {
    const { updates, minibatch, maxGradNorm, loss: kind } = this.#settings;
    const { head, networks } = this.#actor;
    const learningRate = learningRateAfter(this.#steps, this.#settings);
    const indices = new Int32Array(minibatch);
    const sums = { loss: 0, error: 0, gradientNorm: 0 };
    for (let update = 0; update < updates; update++) {
      for (let row = 0; row < minibatch; row++) indices[row] = this.#random.integer(this.#labelled.rows);
      this.#labelled.gather(indices, this.#batch);
      this.#actor.look(this.#batch.observations, minibatch);
      const outputs = await this.#actor.forward(minibatch);
      const { loss, error } = imitationLoss(
        head,
        kind,
        minibatch,
        { outputs, loose: networks.loose },
        this.#batch,
        { dOutputs: networks.outputGradients[0]!, dLoose: networks.looseGradients },
      );
      if (!Number.isFinite(loss)) {
        throw new Error(
          `${name}: loss/imitation is ${loss} after ${this.#steps} steps, wanted a finite number`,
        );
      }
      await this.#actor.backward(minibatch);
      sums.gradientNorm += await this.#actor.step(learningRate, maxGradNorm);
      sums.loss += loss;
      sums.error += error;
    }
    return {
      'loss/imitation': sums.loss / updates,
      'imitation/error': sums.error / updates,
      ...this.#actor.deviation(),
      'learn/learningRate': learningRate,
      'learn/gradientNorm': sums.gradientNorm / updates,
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
        rows: this.#labelled.rows,
      },
      { ...(await this.#actor.save()), random: this.#random.save() },
    );
  }

  /** The rows gathered since the last piece. */
  takeJournal(): Uint8Array {
    const first = this.#journalled;
    const { rows, observations, actions, weights, observationDim, actionDim } = this.#labelled;
    this.#journalled = rows;
    this.#pieces++;
    return writeBlock(
      journalMagic,
      { version: formatVersion, first, observationDim, actionDim },
      {
        observations: observations.subarray(first * observationDim, rows * observationDim),
        actions: actions.subarray(first * actionDim, rows * actionDim),
        weights: weights.subarray(first, rows),
      },
    );
  }

  /** All of them: nothing that was gathered is ever dropped. */
  get journalPieces(): number {
    return this.#pieces;
  }

  /** @throws RangeError when the checkpoint belongs to another network, number of worlds or version, or pieces are missing. */
  restore(bytes: Uint8Array, journal: readonly Uint8Array[]): void {
    const block = readBlock(magic, bytes);
    const header = checkedHeader(name, block, formatVersion, ['steps', 'worlds', 'iterations', 'rows']);
    checkSame(name, header, { worlds: this.#setup.count });
    this.#actor.restore(block);
    this.#random.restore(float64Of(name, block, 'random'));
    this.#steps = header['steps'] as number;
    this.#iterations = header['iterations'] as number;
    const wanted = header['rows'] as number;
    for (const piece of journal) this.#replay(readBlock(journalMagic, piece), wanted);
    if (this.#labelled.rows !== wanted) {
      throw new RangeError(`${name} journal: has ${this.#labelled.rows} rows, wanted ${wanted}`);
    }
    this.#journalled = wanted;
    this.#pieces = journal.length;
  }

  /** Rows of a piece, as far as the checkpoint knows of them. */
  #replay(piece: Block, wanted: number): void {
    const { observationDim, actionDim, rows } = this.#labelled;
    const header = checkedHeader(`${name} journal`, piece, formatVersion, ['first']);
    checkSame(`${name} journal`, header, { first: rows, observationDim, actionDim });
    const weights = float32Of(name, piece, 'weights');
    const observations = float32Of(name, piece, 'observations', weights.length * observationDim);
    const actions = float32Of(name, piece, 'actions', weights.length * actionDim);
    for (let row = 0; row < weights.length && rows + row < wanted; row++) {
      this.#labelled.add(observations, row * observationDim, actions, row * actionDim, weights[row]!);
    }
  }

  dispose(): void {
    this.#actor.networks.dispose();
  }
}
