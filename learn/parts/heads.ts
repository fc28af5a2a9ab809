/**
 * Distributions over actions, from what a network puts out for one observation.
 *
 * Real actions: a Gaussian whose deviation does not depend on the state, components independent, z = (a - mean) / std:
 *   log p(a) = sum_k of -z_k^2 / 2 - logStd_k - log(2 pi) / 2        H = sum_k of 1/2 + log(2 pi) / 2 + logStd_k
 *   d log p / d mean_k = z_k / std_k,   d log p / d logStd_k = z_k^2 - 1,   d H / d logStd_k = 1
 * Actions are unbounded here; the environment gets them clipped, log p is of the unclipped ones.
 *
 * Options: for each action component its own n logits, components independent:
 *   p_k = exp(logit_k) / sum_j exp(logit_j)
 *   d log p_a / d logit_k = [k = a] - p_k
 *   H = -sum_k p_k log p_k,   d H / d logit_k = -p_k (log p_k + H)
 */

import type { Random } from './random.ts';

type Numbers = Float32Array | Float64Array;

/** Rows are given as (array, offset). `loose` are numbers trained beside the network, always from 0. Nothing is allocated. */
export interface Head {
  /** Network outputs of one row. */
  readonly outputs: number;
  readonly actionDim: number;
  /** The logarithms of the deviations; none for options. */
  readonly looseCount: number;
  /** Draws an action; its log p. out: [outputs], action: [actionDim]. */
  sample(
    out: Numbers,
    offset: number,
    loose: Numbers,
    random: Random,
    action: Float64Array,
    actionOffset: number,
  ): number;
  logProbability(
    out: Numbers,
    offset: number,
    loose: Numbers,
    action: Float64Array,
    actionOffset: number,
  ): number;
  /** In nats; of real actions it may be negative. */
  entropy(out: Numbers, offset: number, loose: Numbers): number;
  /** The gradient of byLog log p(action) + byEntropy H: by the outputs written to dOut, by the loose numbers added to dLoose. */
  gradient(
    out: Numbers,
    offset: number,
    loose: Numbers,
    action: Float64Array,
    actionOffset: number,
    byLog: number,
    byEntropy: number,
    dOut: Numbers,
    dOutOffset: number,
    dLoose: Numbers,
  ): void;
  /** log p and entropy of the first rows at once: out [count, outputs], actions [count, actionDim] -> logs, entropies [count]. */
  judge(
    out: Numbers,
    count: number,
    loose: Numbers,
    actions: Float64Array,
    logs: Float64Array,
    entropies: Float64Array,
  ): void;
  /**
   * `gradient` of the rows judged last, summed over them: byLog [count], dOut written [count, outputs], dLoose added to.
   */
  gradients(
    count: number,
    actions: Float64Array,
    byLog: Float64Array,
    byEntropy: number,
    dOut: Numbers,
    dLoose: Numbers,
  ): void;
  /** The likeliest action: the mean (not clipped), or of each component the first of the likeliest options. */
  mode(out: Numbers, offset: number, action: Float64Array, actionOffset: number): void;
}

/** @param choices options of each action component; empty: `actionDim` real numbers. @throws RangeError where they do not fit. */
export function headFor(actionDim: number, choices: readonly number[] = []): Head {
  if (choices.length === 0) return new Gaussian(actionDim);
  if (choices.length !== actionDim) {
    throw new RangeError(
      `Action: options for ${choices.length} components, wanted ${actionDim} as the action has`,
    );
  }
  const strange = choices.find((n) => !Number.isSafeInteger(n) || n < 1);
  if (strange !== undefined) {
    throw new RangeError(`Action: a component of ${strange} options, wanted 1 or more`);
  }
  return new Options(choices);
}

const halfLog2Pi = 0.5 * Math.log(2 * Math.PI);

class Gaussian implements Head {
  readonly outputs: number;
  readonly actionDim: number;
  readonly looseCount: number;
  /** What belongs to the loose numbers seen last: exponentials are dear, and a whole batch shares them. [actionDim] */
  readonly #logStd: Float64Array;
  readonly #std: Float64Array;
  readonly #inverseStd: Float64Array;
  /** sum of logStd_k + log(2 pi) / 2. */
  #logNorm = 0;
  /** z of the rows judged last. [count, actionDim] */
  #judged = new Float64Array(0);

  constructor(actionDim: number) {
    this.outputs = actionDim;
    this.actionDim = actionDim;
    this.looseCount = actionDim;
    this.#logStd = new Float64Array(actionDim).fill(Number.NaN);
    this.#std = new Float64Array(actionDim);
    this.#inverseStd = new Float64Array(actionDim);
  }

  #read(loose: Numbers): void {
    let known = true;
    for (let k = 0; k < this.actionDim; k++) if (loose[k] !== this.#logStd[k]) known = false;
    if (known) return;
    this.#logNorm = 0;
    for (let k = 0; k < this.actionDim; k++) {
      const logStd = loose[k]!;
      this.#logStd[k] = logStd;
      this.#std[k] = Math.exp(logStd);
      this.#inverseStd[k] = Math.exp(-logStd);
      this.#logNorm += logStd + halfLog2Pi;
    }
  }

  sample(
    out: Numbers,
    offset: number,
    loose: Numbers,
    random: Random,
    action: Float64Array,
    actionOffset: number,
  ): number {
    this.#read(loose);
    let squares = 0;
    for (let k = 0; k < this.actionDim; k++) {
      const mean = out[offset + k]!;
      const drawn = mean + this.#std[k]! * random.gaussian();
      action[actionOffset + k] = drawn;
      // As `logProbability` does it, so that both give the same bits.
      const z = (drawn - mean) * this.#inverseStd[k]!;
      squares += z * z;
    }
    return -0.5 * squares - this.#logNorm;
  }

  logProbability(
    out: Numbers,
    offset: number,
    loose: Numbers,
    action: Float64Array,
    actionOffset: number,
  ): number {
    this.#read(loose);
    let squares = 0;
    for (let k = 0; k < this.actionDim; k++) {
      const z = (action[actionOffset + k]! - out[offset + k]!) * this.#inverseStd[k]!;
      squares += z * z;
    }
    return -0.5 * squares - this.#logNorm;
  }

  entropy(_out: Numbers, _offset: number, loose: Numbers): number {
    this.#read(loose);
    return 0.5 * this.actionDim + this.#logNorm;
  }

  gradient(
    out: Numbers,
    offset: number,
    loose: Numbers,
    action: Float64Array,
    actionOffset: number,
    byLog: number,
    byEntropy: number,
    dOut: Numbers,
    dOutOffset: number,
    dLoose: Numbers,
  ): void {
    this.#read(loose);
    for (let k = 0; k < this.actionDim; k++) {
      const inverseStd = this.#inverseStd[k]!;
      const z = (action[actionOffset + k]! - out[offset + k]!) * inverseStd;
      dOut[dOutOffset + k] = byLog * z * inverseStd;
      dLoose[k]! += byLog * (z * z - 1) + byEntropy;
    }
  }

  judge(
    out: Numbers,
    count: number,
    loose: Numbers,
    actions: Float64Array,
    logs: Float64Array,
    entropies: Float64Array,
  ): void {
    this.#read(loose);
    const dim = this.actionDim;
    if (this.#judged.length < count * dim) this.#judged = new Float64Array(count * dim);
    const zs = this.#judged;
    const inverseStd = this.#inverseStd;
    const entropy = 0.5 * dim + this.#logNorm;
    for (let n = 0, i = 0; n < count; n++) {
      let squares = 0;
      for (let k = 0; k < dim; k++, i++) {
        const z = (actions[i]! - out[i]!) * inverseStd[k]!;
        zs[i] = z;
        squares += z * z;
      }
      logs[n] = -0.5 * squares - this.#logNorm;
      entropies[n] = entropy;
    }
  }

  gradients(
    count: number,
    _actions: Float64Array,
    byLog: Float64Array,
    byEntropy: number,
    dOut: Numbers,
    dLoose: Numbers,
  ): void {
    const dim = this.actionDim;
    const zs = this.#judged;
    for (let k = 0; k < dim; k++) {
      const inverseStd = this.#inverseStd[k]!;
      let sum = 0;
      for (let n = 0, i = k; n < count; n++, i += dim) {
        const z = zs[i]!;
        const by = byLog[n]!;
        dOut[i] = by * z * inverseStd;
        sum += by * (z * z - 1);
      }
      dLoose[k]! += sum + byEntropy * count;
    }
  }

  mode(out: Numbers, offset: number, action: Float64Array, actionOffset: number): void {
    for (let k = 0; k < this.actionDim; k++) action[actionOffset + k] = out[offset + k]!;
  }
}

class Options implements Head {
  readonly outputs: number;
  readonly actionDim: number;
  readonly looseCount = 0;
  /** Where the logits of each component begin, and of one after the last where they all end. [actionDim + 1] */
  readonly #starts: Int32Array;
  /** The logits seen last and what belongs to them: sample, log p, entropy and gradient of one row share the exponentials. */
  readonly #logits: Float64Array;
  readonly #logs: Float64Array;
  readonly #shares: Float64Array;
  /** [actionDim] */
  readonly #entropies: Float64Array;
  /** Of the rows judged last: p and log p of each option [count, outputs], entropies [count, actionDim]. */
  #judgedShares = new Float64Array(0);
  #judgedLogs = new Float64Array(0);
  #judgedEntropies = new Float64Array(0);

  constructor(choices: readonly number[]) {
    this.actionDim = choices.length;
    this.#starts = new Int32Array(choices.length + 1);
    for (const [c, n] of choices.entries()) this.#starts[c + 1] = this.#starts[c]! + n;
    this.outputs = this.#starts[choices.length]!;
    this.#logits = new Float64Array(this.outputs).fill(Number.NaN);
    this.#logs = new Float64Array(this.outputs);
    this.#shares = new Float64Array(this.outputs);
    this.#entropies = new Float64Array(choices.length);
  }

  #read(out: Numbers, offset: number): void {
    let known = true;
    for (let k = 0; k < this.outputs; k++) if (out[offset + k] !== this.#logits[k]) known = false;
    if (known) return;
    for (let c = 0; c < this.actionDim; c++) {
      const [first, end] = [this.#starts[c]!, this.#starts[c + 1]!];
      // The largest is taken out first, so that nothing overflows.
      let most = Number.NEGATIVE_INFINITY;
      for (let k = first; k < end; k++) most = Math.max(most, out[offset + k]!);
      let sum = 0;
      for (let k = first; k < end; k++) {
        this.#logits[k] = out[offset + k]!;
        this.#shares[k] = Math.exp(out[offset + k]! - most);
        sum += this.#shares[k]!;
      }
      const logSum = most + Math.log(sum);
      let entropy = 0;
      for (let k = first; k < end; k++) {
        this.#logs[k] = this.#logits[k]! - logSum;
        this.#shares[k]! /= sum;
        entropy -= this.#shares[k]! * this.#logs[k]!;
      }
      this.#entropies[c] = entropy;
    }
  }

  sample(
    out: Numbers,
    offset: number,
    _loose: Numbers,
    random: Random,
    action: Float64Array,
    actionOffset: number,
  ): number {
    this.#read(out, offset);
    let log = 0;
    for (let c = 0; c < this.actionDim; c++) {
      const [first, last] = [this.#starts[c]!, this.#starts[c + 1]! - 1];
      let k = first;
      for (let left = random.uniform() - this.#shares[k]!; left >= 0 && k < last; left -= this.#shares[k]!)
        k++;
      action[actionOffset + c] = k - first;
      log += this.#logs[k]!;
    }
    return log;
  }

  logProbability(
    out: Numbers,
    offset: number,
    _loose: Numbers,
    action: Float64Array,
    actionOffset: number,
  ): number {
    this.#read(out, offset);
    let log = 0;
    for (let c = 0; c < this.actionDim; c++) log += this.#logs[this.#starts[c]! + action[actionOffset + c]!]!;
    return log;
  }

  entropy(out: Numbers, offset: number): number {
    this.#read(out, offset);
    let sum = 0;
    for (let c = 0; c < this.actionDim; c++) sum += this.#entropies[c]!;
    return sum;
  }

  gradient(
    out: Numbers,
    offset: number,
    _loose: Numbers,
    action: Float64Array,
    actionOffset: number,
    byLog: number,
    byEntropy: number,
    dOut: Numbers,
    dOutOffset: number,
  ): void {
    this.#read(out, offset);
    for (let c = 0; c < this.actionDim; c++) {
      const [first, end] = [this.#starts[c]!, this.#starts[c + 1]!];
      const taken = first + action[actionOffset + c]!;
      const entropy = this.#entropies[c]!;
      for (let k = first; k < end; k++) {
        const p = this.#shares[k]!;
        dOut[dOutOffset + k] =
          byLog * ((k === taken ? 1 : 0) - p) - byEntropy * p * (this.#logs[k]! + entropy);
      }
    }
  }

  judge(
    out: Numbers,
    count: number,
    _loose: Numbers,
    actions: Float64Array,
    logs: Float64Array,
    entropies: Float64Array,
  ): void {
    const { outputs, actionDim } = this;
    if (this.#judgedShares.length < count * outputs) {
      this.#judgedShares = new Float64Array(count * outputs);
      this.#judgedLogs = new Float64Array(count * outputs);
      this.#judgedEntropies = new Float64Array(count * actionDim);
    }
    const [shares, logShares] = [this.#judgedShares, this.#judgedLogs];
    logs.fill(0, 0, count);
    entropies.fill(0, 0, count);
    for (let c = 0; c < actionDim; c++) {
      const [first, end] = [this.#starts[c]!, this.#starts[c + 1]!];
      for (let n = 0; n < count; n++) {
        const row = n * outputs;
        let most = out[row + first]!;
        for (let k = first + 1; k < end; k++) if (out[row + k]! > most) most = out[row + k]!;
        let sum = 0;
        for (let k = row + first; k < row + end; k++) {
          const share = out[k] === most ? 1 : Math.exp(out[k]! - most);
          shares[k] = share;
          sum += share;
        }
        const logSum = most + Math.log(sum);
        const inverse = 1 / sum;
        let entropy = 0;
        for (let k = row + first; k < row + end; k++) {
          const log = out[k]! - logSum;
          const share = shares[k]! * inverse;
          shares[k] = share;
          logShares[k] = log;
          entropy -= share * log;
        }
        this.#judgedEntropies[n * actionDim + c] = entropy;
        entropies[n]! += entropy;
        logs[n]! += logShares[row + first + actions[n * actionDim + c]!]!;
      }
    }
  }

  gradients(
    count: number,
    actions: Float64Array,
    byLog: Float64Array,
    byEntropy: number,
    dOut: Numbers,
  ): void {
    const { outputs, actionDim } = this;
    const [shares, logShares] = [this.#judgedShares, this.#judgedLogs];
    for (let c = 0; c < actionDim; c++) {
      const [first, end] = [this.#starts[c]!, this.#starts[c + 1]!];
      for (let n = 0; n < count; n++) {
        const row = n * outputs;
        const by = byLog[n]!;
        const entropy = this.#judgedEntropies[n * actionDim + c]!;
        for (let k = row + first; k < row + end; k++) {
          const share = shares[k]!;
          dOut[k] = -by * share - byEntropy * share * (logShares[k]! + entropy);
        }
        dOut[row + first + actions[n * actionDim + c]!]! += by;
      }
    }
  }

  mode(out: Numbers, offset: number, action: Float64Array, actionOffset: number): void {
    for (let c = 0; c < this.actionDim; c++) {
      const [first, end] = [this.#starts[c]!, this.#starts[c + 1]!];
      let best = first;
      for (let k = first + 1; k < end; k++) if (out[offset + k]! > out[offset + best]!) best = k;
      action[actionOffset + c] = best - first;
    }
  }
}
