/** What learning from somebody's actions needs: labelled observations, and the loss of a policy on them. */

import type { Head } from './heads.ts';

type Numbers = Float32Array | Float64Array;

/** Observations with the action that should be taken there, row after row. */
export class Labelled {
  readonly observationDim: number;
  readonly actionDim: number;
  rows = 0;
  /** As the environment gave them. [rows, observationDim], maybe longer */
  observations: Float32Array = new Float32Array(0);
  /** In [-1, 1] or options. [rows, actionDim], maybe longer */
  actions: Float32Array = new Float32Array(0);
  /** How much a row counts in the loss. [rows], maybe longer */
  weights: Float32Array = new Float32Array(0);

  constructor(observationDim: number, actionDim: number) {
    this.observationDim = observationDim;
    this.actionDim = actionDim;
  }

  #reserve(rows: number): void {
    if (rows <= this.weights.length) return;
    const capacity = Math.max(rows, 2 * this.weights.length);
    const grown = (old: Float32Array, width: number): Float32Array => {
      const array = new Float32Array(capacity * width);
      array.set(old);
      return array;
    };
    this.observations = grown(this.observations, this.observationDim);
    this.actions = grown(this.actions, this.actionDim);
    this.weights = grown(this.weights, 1);
  }

  /** One row. @throws Error naming what is not finite. */
  add(observation: Numbers, from: number, action: Numbers, actionFrom: number, weight = 1): void {
    this.#reserve(this.rows + 1);
    const { observationDim, actionDim, rows } = this;
    for (let k = 0; k < observationDim; k++) {
      this.observations[rows * observationDim + k] = observation[from + k]!;
    }
    for (let k = 0; k < actionDim; k++) this.actions[rows * actionDim + k] = action[actionFrom + k]!;
    this.weights[rows] = weight;
    this.rows++;
    for (const [what, array, width] of [
      ['observation', this.observations, observationDim],
      ['action', this.actions, actionDim],
      ['weight', this.weights, 1],
    ] as const) {
      for (let i = rows * width; i < (rows + 1) * width; i++) {
        if (!Number.isFinite(array[i]!)) {
          throw new Error(
            `Labelled row ${rows}: ${what} ${i - rows * width} is ${array[i]}, wanted a finite number`,
          );
        }
      }
    }
  }

  /** Copies rows, by their numbers, one after the other. */
  gather(indices: Int32Array, into: LabelledBatch): void {
    const { observationDim, actionDim } = this;
    for (let row = 0; row < indices.length; row++) {
      const i = indices[row]!;
      for (let k = 0; k < observationDim; k++) {
        into.observations[row * observationDim + k] = this.observations[i * observationDim + k]!;
      }
      for (let k = 0; k < actionDim; k++)
        into.actions[row * actionDim + k] = this.actions[i * actionDim + k]!;
      into.weights[row] = this.weights[i]!;
    }
  }
}

export interface LabelledBatch {
  /** [M, observationDim] */
  readonly observations: Float64Array;
  /** [M, actionDim] */
  readonly actions: Float64Array;
  /** [M] */
  readonly weights: Float64Array;
}

export const createBatch = (rows: number, observationDim: number, actionDim: number): LabelledBatch => ({
  observations: new Float64Array(rows * observationDim),
  actions: new Float64Array(rows * actionDim),
  weights: new Float64Array(rows),
});

export interface ImitationLoss {
  readonly loss: number;
  /** Mean absolute distance of the likeliest action from the label; of options the share that is another. */
  readonly error: number;
}

/**
 * The loss of M rows and its gradient by what the network put out (dOutputs written, dLoose added to). With weights w, made
 * to sum to 1:
 *   likelihood   sum of w (-log p(a))                       options: the cross-entropy
 *   squared      sum of w sum_k (mean_k - a_k)^2 / 2        real actions only; the deviations get no gradient
 */
export function imitationLoss(
  head: Head,
  kind: 'likelihood' | 'squared',
  rows: number,
  { outputs, loose }: { readonly outputs: Numbers; readonly loose: Numbers },
  { actions, weights }: Pick<LabelledBatch, 'actions' | 'weights'>,
  out?: { readonly dOutputs: Numbers; readonly dLoose: Numbers },
): ImitationLoss {
  const { actionDim } = head;
  const isReal = head.looseCount > 0;
  const likeliest = new Float64Array(actionDim);
  let total = 0;
  for (let row = 0; row < rows; row++) total += weights[row]!;
  let [loss, error] = [0, 0];
  for (let row = 0; row < rows; row++) {
    const at = row * head.outputs;
    const action = row * actionDim;
    const weight = total > 0 ? weights[row]! / total : 0;
    if (isReal && kind === 'squared') {
      for (let k = 0; k < actionDim; k++) {
        const off = outputs[at + k]! - actions[action + k]!;
        loss += 0.5 * weight * off * off;
        if (out) out.dOutputs[at + k] = weight * off;
      }
    } else {
      loss -= weight * head.logProbability(outputs, at, loose, actions, action);
      if (out) head.gradient(outputs, at, loose, actions, action, -weight, 0, out.dOutputs, at, out.dLoose);
    }
    head.mode(outputs, at, likeliest, 0);
    for (let k = 0; k < actionDim; k++) {
      const label = actions[action + k]!;
      const off = isReal
        ? Math.abs(Math.max(-1, Math.min(1, likeliest[k]!)) - label)
        : likeliest[k] === label
          ? 0
          : 1;
      error += (weight * off) / actionDim;
    }
  }
  return { loss, error };
}
