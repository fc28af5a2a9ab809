/**
 * Behavioural cloning: Pomerleau 1991, "Efficient training of artificial neural networks for autonomous navigation", Neural
 * Computation 3, 88-97. Read from top to bottom: settings, the demonstrations, one pass over them, checkpoints.
 * How it differs from the paper and what each metric means: docs/algorithms/bc.md.
 */

import { type AnySettings, defaultsOf, type Settings } from '../../sim/fields.ts';
import { Actor, actorShape } from '../parts/actor.ts';
import { readBlock, writeBlock } from '../parts/block.ts';
import { checkedHeader, checkSame, float64Of } from '../parts/checkpoint.ts';
import { common, imitation } from '../parts/fields.ts';
import { createBatch, imitationLoss, Labelled, type LabelledBatch } from '../parts/imitation.ts';
import { resumed } from '../parts/learner.ts';
import { checkedMlpPolicy } from '../parts/policy.ts';
import { raBcWarning, raBcWeights } from '../parts/ra-bc.ts';
import { Random } from '../parts/random.ts';
import { learningRateAfter, scheduleField } from '../parts/schedule.ts';
import { fingerprint } from '../rewards/fingerprint.ts';
import type { Algorithm, Learner, LearnerSetup, Metrics, Policy, Trajectory } from './types.ts';

export const fields = {
  steps: {
    ...common.steps,
    default: 1_000_000,
    help: 'Demonstrated steps to learn from, counted anew in every pass; the learning rate anneals over them.',
  },
  worlds: { ...common.worlds, default: 1, help: 'Worlds of the environment; none of them is stepped.' },
  gamma: imitation.gamma,
  loss: imitation.loss,
  onlySuccessful: {
    type: 'boolean',
    default: true,
    help: 'Leave out demonstrations that did not reach the goal.',
  },
  weighting: {
    type: 'choice',
    default: 'none',
    options: ['none', 'ra-bc'],
    help: 'ra-bc: steps count by the progress that the first learned reward of the stack sees in the chunk that begins with them (SARM).',
  },
  kappa: {
    type: 'number',
    default: 0.01,
    min: 0,
    max: 1,
    help: 'For ra-bc: from this progress a chunk on a step counts in full. What suits the demonstrations is said where it does nothing.',
  },
  chunk: {
    type: 'integer',
    default: 10,
    min: 1,
    max: 1000,
    unit: 'steps',
    help: 'For ra-bc: how far ahead progress is looked for.',
  },
  heldOut: {
    type: 'number',
    default: 0.1,
    min: 0,
    max: 0.9,
    help: 'Share of the demonstrations that is not learned from but measured on.',
  },
  minibatch: imitation.minibatch,
  learningRate: imitation.learningRate,
  learningRateSchedule: scheduleField('linear'),
  maxGradNorm: imitation.maxGradNorm,
  hiddenSize: imitation.hiddenSize,
  hiddenLayers: common.hiddenLayers,
  initialLogStd: imitation.initialLogStd,
  normalizeObservations: {
    ...common.normalizeObservations,
    help: 'Shift and scale observations by the mean and deviation of the demonstrations.',
  },
} as const satisfies Algorithm['fields'];

type BcSettings = Settings<typeof fields>;

const name = 'BC';
const magic = 'RLABBC1\n';
const formatVersion = 1;

export const bc: Algorithm = {
  id: 'bc',
  title: 'Behavioural cloning',
  summary: 'Learns to act as the demonstrations do, by supervised learning; no reward, no environment.',
  source: 'Pomerleau 1991, Neural Computation 3',
  fields,
  demonstrations: true,
  wantsProgress: ({ weighting }) => weighting === 'ra-bc',
  check: (settings) => {
    withDefaults(settings);
  },
  workload: (given, setup) => {
    const settings = withDefaults(given);
    return {
      networks: [actorShape(settings, setup)],
      updateRows: settings.minibatch,
      actRows: settings.minibatch,
    };
  },
  create: (settings, setup) => new Bc(withDefaults(settings), setup),
  resume: (bytes, settings, setup) => {
    // The seed decides which demonstrations are held out.
    const { seed } = checkedHeader(name, readBlock(magic, bytes), formatVersion, ['seed']);
    return resumed(new Bc(withDefaults(settings), { ...setup, seed: seed as number }), bytes);
  },
  loadPolicy: (bytes) => checkedMlpPolicy(name, readBlock(magic, bytes), formatVersion, ['steps']),
};

const withDefaults = (given: AnySettings): BcSettings => Object.freeze({ ...defaultsOf(fields), ...given });

class Bc implements Learner {
  readonly #settings: BcSettings;
  readonly #random: Random;
  readonly #actor: Actor;
  readonly #learned: Labelled;
  readonly #held: Labelled;
  readonly #batch: LabelledBatch;
  readonly #clock: () => number;
  readonly #seed: number;
  /** Names the demonstrations, so that a run is not continued on others. */
  readonly #data: string;
  /** Of the weights, where there are some; the same in every pass. */
  readonly #weighting: Metrics;
  readonly warnings: readonly string[];
  #steps = 0;

  constructor(settings: BcSettings, setup: LearnerSetup) {
    const { observationDim, actionDim } = setup;
    this.#settings = settings;
    this.#clock = setup.clock ?? (() => 0);
    this.#seed = setup.seed;
    this.#random = new Random(setup.seed);
    // 1. Which demonstrations are learned from, which are held out: whole ones, since steps of one are much alike.
    const usable = usableDemonstrations(settings, setup);
    const weighting =
      settings.weighting === 'ra-bc' ? raBcWeights(usable.map(progressOf), settings) : undefined;
    const warning = weighting === undefined ? undefined : raBcWarning(settings, weighting);
    this.warnings = warning === undefined ? [] : [warning];
    this.#weighting =
      weighting === undefined
        ? {}
        : {
            'imitation/meanWeight': weighting.meanWeight,
            'imitation/zeroWeight': weighting.zero,
            'imitation/fullWeight': weighting.full,
            'imitation/meanGain': weighting.mean,
            'imitation/gainDeviation': weighting.deviation,
          };
    const order = Int32Array.from(usable.keys());
    this.#random.shuffle(order);
    const held = Math.min(usable.length - 1, Math.round(settings.heldOut * usable.length));
    this.#held = new Labelled(observationDim, actionDim);
    this.#learned = new Labelled(observationDim, actionDim);
    for (const [place, i] of order.entries()) {
      const { length, observations, actions, weights } = usable[i]!;
      const rows = place < held ? this.#held : this.#learned;
      const seen = weighting?.weights[i];
      for (let t = 0; t < length; t++) {
        const weight = (weights?.[t] ?? 1) * (seen?.[t] ?? 1);
        rows.add(observations, t * observationDim, actions, t * actionDim, weight);
      }
    }
    this.#data = fingerprint(
      new Uint8Array(this.#learned.observations.buffer, 0, 4 * this.#learned.rows * observationDim),
    );
    // 2. The policy, and how its inputs are normalised for good.
    this.#actor = new Actor({ name, setup, ...settings, rows: settings.minibatch, random: this.#random });
    this.#actor.seen.update(Float64Array.from(this.#learned.observations), this.#learned.rows);
    this.#actor.takeInSeen();
    this.#batch = createBatch(settings.minibatch, observationDim, actionDim);
  }

  /** Demonstrated steps learned from so far, every pass counted. */
  get steps(): number {
    return this.#steps;
  }

  /** One pass. */
  get stepsPerIteration(): number {
    return this.#learned.rows;
  }

  /** One pass over the demonstrations in random order, then a look at those held out. The environment is left alone. */
  async iterate(): Promise<Metrics> {
    const begun = this.#clock();
    const { minibatch, maxGradNorm } = this.#settings;
    const learningRate = learningRateAfter(this.#steps, this.#settings);
    const indices = Int32Array.from({ length: this.#learned.rows }, (_, i) => i);
    this.#random.shuffle(indices);
    const parts = Math.ceil(indices.length / minibatch);
    const sums = { loss: 0, error: 0, gradientNorm: 0 };
    for (let part = 0; part < parts; part++) {
      const first = Math.floor((part * indices.length) / parts);
      const last = Math.floor(((part + 1) * indices.length) / parts);
      const { loss, error } = await this.#judge(this.#learned, indices.subarray(first, last), true);
      if (!Number.isFinite(loss)) {
        throw new Error(
          `${name}: loss/imitation is ${loss} after ${this.#steps} steps, wanted a finite number`,
        );
      }
      sums.gradientNorm += await this.#actor.step(learningRate, maxGradNorm);
      sums.loss += loss * (last - first);
      sums.error += error * (last - first);
    }
    this.#steps += indices.length;
    return {
      'loss/imitation': sums.loss / indices.length,
      'imitation/error': sums.error / indices.length,
      ...(await this.#heldOut()),
      ...this.#weighting,
      ...this.#actor.deviation(),
      'learn/learningRate': learningRate,
      'learn/gradientNorm': sums.gradientNorm / parts,
      'learn/updates': parts,
      'time/act': 0,
      'time/learn': this.#clock() - begun,
    };
  }

  /** Loss and error of these rows; with `learning` their gradient is added up. */
  async #judge(rows: Labelled, indices: Int32Array, learning: boolean) {
    const { networks, head } = this.#actor;
    rows.gather(indices, this.#batch);
    this.#actor.look(this.#batch.observations, indices.length);
    const outputs = await this.#actor.forward(indices.length);
    const { loose } = networks;
    const into = { dOutputs: networks.outputGradients[0]!, dLoose: networks.looseGradients };
    const { loss: kind } = this.#settings;
    const judged = imitationLoss(
      head,
      kind,
      indices.length,
      { outputs, loose },
      this.#batch,
      learning ? into : undefined,
    );
    if (learning) await this.#actor.backward(indices.length);
    return judged;
  }

  async #heldOut(): Promise<Record<string, number>> {
    const { minibatch } = this.#settings;
    const { rows } = this.#held;
    if (rows === 0) return {};
    const sums = { loss: 0, error: 0 };
    for (let first = 0; first < rows; first += minibatch) {
      const indices = Int32Array.from({ length: Math.min(minibatch, rows - first) }, (_, i) => first + i);
      const { loss, error } = await this.#judge(this.#held, indices, false);
      sums.loss += loss * indices.length;
      sums.error += error * indices.length;
    }
    return { 'loss/heldOut': sums.loss / rows, 'imitation/heldOutError': sums.error / rows };
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
        seed: this.#seed,
        steps: this.#steps,
        data: this.#data,
      },
      { ...(await this.#actor.save()), random: this.#random.save() },
    );
  }

  /** @throws RangeError when the checkpoint belongs to another network, other demonstrations or another version. */
  restore(bytes: Uint8Array): void {
    const block = readBlock(magic, bytes);
    const header = checkedHeader(name, block, formatVersion, ['steps']);
    this.#actor.restore(block);
    checkSame(name, header, { data: this.#data });
    this.#random.restore(float64Of(name, block, 'random'));
    this.#steps = header['steps'] as number;
  }

  dispose(): void {
    this.#actor.networks.dispose();
  }
}

/** @throws RangeError when there is none to learn from, or one does not fit the task. */
function usableDemonstrations(
  { onlySuccessful }: BcSettings,
  { demonstrations = [], observationDim, actionDim }: LearnerSetup,
): Trajectory[] {
  for (const { id, length, observations, actions, weights } of demonstrations) {
    if (observations.length !== (length + 1) * observationDim || actions.length !== length * actionDim) {
      throw new RangeError(
        `${name}: demonstration ${id} of ${length} steps has ${observations.length} observation and ${actions.length} ` +
          `action numbers, wanted ${length + 1} x ${observationDim} and ${length} x ${actionDim}`,
      );
    }
    if (weights && weights.length !== length) {
      throw new RangeError(`${name}: demonstration ${id} has ${weights.length} weights, wanted ${length}`);
    }
  }
  const usable = demonstrations.filter(({ success, length }) => length > 0 && (success || !onlySuccessful));
  if (usable.length === 0) {
    const found =
      demonstrations.length === 0 ? 'there are none' : `none of ${demonstrations.length} reached the goal`;
    throw new RangeError(`${name}: learns from demonstrations, and ${found}`);
  }
  return usable;
}

/** @throws RangeError naming the demonstration whose progress is missing. */
function progressOf({ id, length, progress }: Trajectory): ArrayLike<number> {
  if (progress?.length === length + 1) return progress;
  throw new RangeError(
    `${name}: weighting ra-bc needs the progress of ${length + 1} frames of demonstration ${id}, found ${progress?.length ?? 'none'}; ` +
      'a learned reward of the stack gives it',
  );
}
