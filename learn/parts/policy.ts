/** The deterministic policy of one network in plain numbers, and how checkpoints keep it. */

import type { Policy } from '../algorithms/types.ts';
import { type UnitShares, unitShares } from '../diagnostics/units.ts';
import { type Activation, type MlpShape, parameterCount } from '../tensor/mlp.ts';
import type { Block } from './block.ts';
import { checkedHeader, float32Of, float64Of } from './checkpoint.ts';
import { type Head, headFor } from './heads.ts';
import { Network } from './network.ts';
import { Normalizer } from './normalizer.ts';
import type { Random } from './random.ts';

/** @throws RangeError where the arrays are too short for so many rows. */
export function checkRows(
  { observationDim, actionDim }: Pick<Policy, 'observationDim' | 'actionDim'>,
  observations: Float64Array,
  count: number,
  out: Float64Array,
): void {
  if (observations.length < count * observationDim || out.length < count * actionDim) {
    throw new RangeError(
      `Policy: ${observations.length} observations and ${out.length} actions, ` +
        `wanted ${count} x ${observationDim} and ${count} x ${actionDim}`,
    );
  }
}

/** For actions that are drawn rather than the likeliest: the numbers beside the network that their spread is made of. */
export interface Draw {
  readonly loose: Float32Array;
  readonly random: Random;
}

/** The mean action, clipped to [-1, 1]; of options the likeliest (with values as outputs: the best). */
export class MlpPolicy implements Policy {
  readonly observationDim: number;
  readonly actionDim: number;
  readonly #network: Network;
  readonly #activation: Activation;
  readonly #normalizer: Normalizer;
  readonly #head: Head;
  readonly #isReal: boolean;
  readonly #draw: Draw | undefined;
  #inputs = new Float64Array(0);
  #outputs = new Float64Array(0);

  /**
   * @param parameters of the network; copied.
   * @param normalizer what `Normalizer.save` gave.
   * @param choices options of each action component; empty: real numbers.
   * @param draw draws actions, as while learning.
   * @throws RangeError where the network's outputs are not those of such actions.
   */
  constructor(
    shape: MlpShape,
    parameters: Float32Array,
    normalizer: Float64Array,
    choices: readonly number[] = [],
    draw?: Draw,
  ) {
    this.#draw = draw;
    this.#network = new Network(shape, parameters);
    this.#activation = shape.activation;
    this.observationDim = this.#network.inputs;
    this.#isReal = choices.length === 0;
    this.actionDim = this.#isReal ? this.#network.outputs : choices.length;
    this.#head = headFor(this.actionDim, choices);
    if (this.#head.outputs !== this.#network.outputs) {
      throw new RangeError(
        `Policy: network of ${this.#network.outputs} outputs, wanted ${this.#head.outputs} for options [${choices.join(', ')}]`,
      );
    }
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
    const { outputs } = this.#head;
    checkRows(this, observations, count, out);
    if (this.#inputs.length < count * observationDim) {
      this.#inputs = new Float64Array(count * observationDim);
      this.#outputs = new Float64Array(count * outputs);
    }
    this.#normalizer.apply(observations, count, this.#inputs);
    this.#network.forward(this.#inputs, count, this.#outputs);
    for (let n = 0; n < count; n++) {
      const draw = this.#draw;
      if (draw === undefined) this.#head.mode(this.#outputs, n * outputs, out, n * actionDim);
      else this.#head.sample(this.#outputs, n * outputs, draw.loose, draw.random, out, n * actionDim);
    }
    if (!this.#isReal) return;
    for (let i = 0; i < count * actionDim; i++) out[i] = Math.max(-1, Math.min(1, out[i]!));
  }
}

/** What the header of a checkpoint says of its policy. */
export interface PolicyHeader {
  readonly observationDim: number;
  readonly actionDim: number;
  readonly choices: readonly number[];
  /** Sizes of the hidden layers. */
  readonly hidden: readonly number[];
  readonly activation: Activation;
}

/**
 * Checkpoints from before there were several option components have one number in `choices` (0 or nothing: real actions),
 * those from before activations differed have tanh.
 * @throws RangeError naming what is missing.
 */
export function policyHeader(name: string, { header }: Block): PolicyHeader {
  const sizes = (field: string, value: unknown): readonly number[] => {
    if (Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size > 0)) return value;
    throw new RangeError(
      `${name} checkpoint: ${field} is ${JSON.stringify(value)}, wanted a list of whole numbers`,
    );
  };
  const { observationDim, actionDim, choices = [], hidden, activation = 'tanh' } = header;
  if (activation !== 'tanh' && activation !== 'relu') {
    throw new RangeError(
      `${name} checkpoint: activation is ${JSON.stringify(activation)}, wanted tanh or relu`,
    );
  }
  const list = choices === 0 ? [] : typeof choices === 'number' ? [choices] : choices;
  return {
    observationDim: sizes('observationDim', [observationDim])[0]!,
    actionDim: sizes('actionDim', [actionDim])[0]!,
    choices: sizes('choices', list),
    hidden: sizes('hidden', hidden),
    activation,
  };
}

export function policyShape({
  observationDim,
  actionDim,
  choices,
  hidden,
  activation,
}: PolicyHeader): MlpShape {
  return { sizes: [observationDim, ...hidden, headFor(actionDim, choices).outputs], activation };
}

/**
 * The policy of a checkpoint whose `parameters` begin with its network and whose `normalizer` is that of its observations. With a
 * generator it draws its actions; the loose numbers of its head are then the last ones of `parameters`.
 */
export function readMlpPolicy(name: string, block: Block, random?: Random): MlpPolicy {
  const header = policyHeader(name, block);
  const shape = policyShape(header);
  const size = parameterCount(shape);
  const parameters = float32Of(name, block, 'parameters');
  if (parameters.length < size) {
    throw new RangeError(
      `${name} checkpoint: parameters has ${parameters.length} numbers, wanted ${size} or more`,
    );
  }
  return new MlpPolicy(
    shape,
    parameters.subarray(0, size),
    float64Of(name, block, 'normalizer', 1 + 2 * header.observationDim),
    header.choices,
    random && { random, loose: parameters.slice(parameters.length - looseOf(header)) },
  );
}

const looseOf = ({ actionDim, choices }: PolicyHeader): number => headFor(actionDim, choices).looseCount;

/** The same, once version and whole numbers of the checkpoint are as they should be. */
export function checkedMlpPolicy(
  name: string,
  block: Block,
  version: number,
  integers: readonly string[],
  random?: Random,
): MlpPolicy {
  checkedHeader(name, block, version, integers);
  return readMlpPolicy(name, block, random);
}
