/** What each reward term paid between two looks, for charts and monitors. */

export interface TermTotals {
  /** Environment steps, all worlds together. */
  readonly steps: number;
  /** Sum of |value| of each term before its weight. [terms] */
  readonly raw: Float64Array;
  /** Sum of |weight value|. [terms] */
  readonly absolute: Float64Array;
  /** Sum of weight value. [terms] */
  readonly signed: Float64Array;
  /** Largest |reward| of one step of one world. */
  readonly largest: number;
}

export class TermSums {
  readonly #terms: number;
  readonly #count: number;
  #steps = 0;
  #raw: Float64Array;
  #absolute: Float64Array;
  #signed: Float64Array;
  #largest = 0;
  /** Reward of each world in this step. */
  readonly #rewards: Float64Array;

  constructor(terms: number, count: number) {
    this.#terms = terms;
    this.#count = count;
    this.#raw = new Float64Array(terms);
    this.#absolute = new Float64Array(terms);
    this.#signed = new Float64Array(terms);
    this.#rewards = new Float64Array(count);
  }

  /**
   * One step of all worlds: values [terms, count] (`RewardStack.values`) and weights [terms]. What is not finite paid nothing, nor do worlds
   * marked in `idle` [count]: their episode had ended before.
   */
  add(raw: Float64Array, weights: Float64Array, idle?: Uint8Array): void {
    const rewards = this.#rewards;
    rewards.fill(0);
    for (let term = 0, i = 0; term < this.#terms; term++) {
      const weight = weights[term]!;
      let size = 0;
      let sum = 0;
      for (let world = 0; world < this.#count; world++, i++) {
        const value = raw[i]!;
        if (idle?.[world] === 1 || !Number.isFinite(value)) continue;
        size += Math.abs(value);
        sum += value;
        rewards[world] = rewards[world]! + weight * value;
      }
      this.#raw[term] = this.#raw[term]! + size;
      this.#absolute[term] = this.#absolute[term]! + Math.abs(weight) * size;
      this.#signed[term] = this.#signed[term]! + weight * sum;
    }
    for (const reward of rewards) this.#largest = Math.max(this.#largest, Math.abs(reward));
    let resting = 0;
    if (idle !== undefined) for (const flag of idle) resting += flag;
    this.#steps += this.#count - resting;
  }

  /** The sums since the last call. */
  take(): TermTotals {
    const totals: TermTotals = {
      steps: this.#steps,
      raw: this.#raw,
      absolute: this.#absolute,
      signed: this.#signed,
      largest: this.#largest,
    };
    this.#steps = this.#largest = 0;
    this.#raw = new Float64Array(this.#terms);
    this.#absolute = new Float64Array(this.#terms);
    this.#signed = new Float64Array(this.#terms);
    return totals;
  }
}

/** `reward/<term>`: what each term paid a step, by weight; together they are the reward of a step. */
export function termMetrics(names: readonly string[], totals: TermTotals): Record<string, number> {
  const steps = Math.max(1, totals.steps);
  return Object.fromEntries(names.map((name, i) => [`reward/${name}`, totals.signed[i]! / steps]));
}
