/** The policy while it is trained: one network, the loose numbers of its distribution, Adam, what normalises its inputs. */

import type { LearnerSetup } from '../algorithms/types.ts';
import type { Networks } from '../tensor/compute.ts';
import { initialize, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import type { Block, BlockArray } from './block.ts';
import { checkSame, float32Of, float64Of } from './checkpoint.ts';
import { type Head, headFor } from './heads.ts';
import { hiddenOf } from './learner.ts';
import { Normalizer } from './normalizer.ts';
import { MlpPolicy, type PolicyHeader, policyShape } from './policy.ts';
import type { Random } from './random.ts';

/** The deviation of actions stays within exp of these: neither frozen nor pure noise. */
const lowestLogStd = -4;
const highestLogStd = 0.5;

export interface ActorOptions {
  /** Of the algorithm, for messages. */
  readonly name: string;
  readonly setup: LearnerSetup;
  readonly hiddenSize: number;
  readonly hiddenLayers: number;
  readonly initialLogStd: number;
  /** Whether inputs are shifted and scaled by what `seen` has gathered. */
  readonly normalizeObservations: boolean;
  /** Most rows of one forward pass. */
  readonly rows: number;
  readonly random: Random;
}

/** The shape of its network, before there is one. */
export const actorShape = (
  settings: Pick<ActorOptions, 'hiddenSize' | 'hiddenLayers'>,
  { observationDim, actionDim, choices = [] }: Pick<LearnerSetup, 'observationDim' | 'actionDim' | 'choices'>,
): MlpShape =>
  policyShape({ observationDim, actionDim, choices, hidden: hiddenOf(settings), activation: 'tanh' });

export class Actor {
  readonly head: Head;
  /** Network 0 is the policy; the loose numbers are its distribution's. */
  readonly networks: Networks;
  /** Frozen but for `takeInSeen` and `fitNormalizer`. */
  readonly normalizer: Normalizer;
  /** Observations that wait to be taken in. */
  readonly seen: Normalizer;
  readonly header: PolicyHeader;
  readonly #name: string;
  readonly #normalizeObservations: boolean;
  readonly #shape: MlpShape;

  constructor(options: ActorOptions) {
    const { setup, initialLogStd, rows, random } = options;
    const { observationDim, actionDim, choices = [] } = setup;
    this.#name = options.name;
    this.#normalizeObservations = options.normalizeObservations;
    this.header = {
      observationDim,
      actionDim,
      choices,
      hidden: hiddenOf(options),
      activation: 'tanh',
    };
    this.head = headFor(actionDim, choices);
    this.#shape = policyShape(this.header);
    // A small last layer: the first policy is centred noise, whatever the observation.
    const network = initialize(this.#shape, random, { outputGain: 0.01 });
    const parameters = new Float32Array(network.length + this.head.looseCount).fill(initialLogStd);
    parameters.set(network);
    this.networks = setup.compute.networks({
      networks: [{ shape: this.#shape }],
      rows,
      loose: this.head.looseCount,
      parameters,
      epsilon: 1e-5,
    });
    this.normalizer = new Normalizer(observationDim);
    this.seen = new Normalizer(observationDim);
  }

  /** Of `rows` observations [rows, observationDim], as the network reads them: into its inputs, from its first row. */
  look(observations: Float64Array, rows: number): void {
    this.normalizer.apply(observations, rows, this.networks.inputs[0]!);
  }

  /** The network's outputs for the first rows of its inputs. [rows, head.outputs] */
  async forward(rows: number): Promise<Float32Array> {
    const wait = this.networks.forward([0], rows);
    if (wait) await wait;
    return this.networks.outputs[0]!;
  }

  /** Adds the gradient for `networks.outputGradients[0]` of these rows; `forward` of the same rows came just before. */
  async backward(rows: number): Promise<void> {
    const wait = this.networks.backward([0], rows);
    if (wait) await wait;
  }

  /** One step of Adam; the gradient's length before it was shortened. @throws Error when it is not finite. */
  async step(learningRate: number, maxGradNorm: number): Promise<number> {
    const norm = await this.networks.step({ learningRate, maxGradNorm });
    if (!Number.isFinite(norm)) {
      throw new Error(`${this.#name}: learn/gradientNorm is ${norm}, wanted a finite number`);
    }
    const { loose } = this.networks;
    for (let k = 0; k < loose.length; k++) {
      loose[k] = Math.max(lowestLogStd, Math.min(highestLogStd, loose[k]!));
    }
    return norm;
  }

  /** The normaliser learns what was seen since the last call. */
  takeInSeen(): void {
    if (this.#normalizeObservations) this.normalizer.merge(this.seen);
    this.seen.clear();
  }

  /** Mean standard deviation of real actions, as a metric; nothing for options. */
  deviation(): Record<string, number> {
    const { loose } = this.networks;
    if (loose.length === 0) return {};
    return { 'policy/std': loose.reduce((sum, value) => sum + Math.exp(value), 0) / loose.length };
  }

  async policy(): Promise<MlpPolicy> {
    const parameters = await this.networks.read();
    const size = parameterCount(this.#shape);
    return new MlpPolicy(
      this.#shape,
      parameters.subarray(0, size),
      this.normalizer.save(),
      this.header.choices,
    );
  }

  /** For the checkpoint's arrays; its header has `header`. `seen` must have been taken in. */
  async save(): Promise<Record<'parameters' | 'normalizer' | 'adam', BlockArray>> {
    return {
      parameters: await this.networks.read(),
      normalizer: this.normalizer.save(),
      adam: await this.networks.saveOptimizer(),
    };
  }

  /** @throws RangeError when the checkpoint is of another network. */
  restore(block: Block): void {
    const size = this.networks.parameterCount;
    checkSame(this.#name, block.header, { ...this.header });
    this.normalizer.restore(float64Of(this.#name, block, 'normalizer', 1 + 2 * this.normalizer.dim));
    // Devices work off what they are told in its order; nobody has to wait here.
    void this.networks.write(float32Of(this.#name, block, 'parameters', size));
    void this.networks.restoreOptimizer(float64Of(this.#name, block, 'adam', 1 + 2 * size));
  }
}
