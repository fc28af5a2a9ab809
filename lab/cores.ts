/** How many threads each run may compute with: the cores are shared among those that run. */

export class Cores {
  /** [1], shared with the threads of all runs, which read it at every call. What they compute does not depend on it. */
  readonly budget = new Int32Array(new SharedArrayBuffer(4));
  /** Threads of all runs together. */
  readonly threads: number;
  /** That the threads of the runs leave to the lab anyway. */
  readonly #spare: number;
  #share: number;

  /** @throws RangeError on an impossible number of threads. */
  constructor(threads: number, cores = threads) {
    if (!Number.isInteger(threads) || threads < 1)
      throw new RangeError(`Threads of the lab: found ${threads}, wanted a whole number of at least 1`);
    this.threads = threads;
    this.#spare = cores - threads;
    this.#share = threads;
    this.#tell(threads);
  }

  /** From now on so many runs compute. */
  shareAmong(runs: number): void {
    this.#share = Math.max(1, Math.floor(this.threads / Math.max(1, runs)));
    this.#tell(this.#share);
  }

  /**
   * Does what takes the lab's own thread a while; every run leaves it one of its cores meanwhile, where it has several. The threads
   * of a run wait for each other: all of them stand still while one has no core. Where they use fewer threads than there are cores,
   * the lab has one anyway.
   */
  aside(work: () => void): void {
    if (this.#spare <= 0) this.#tell(Math.max(1, this.#share - 1));
    try {
      work();
    } finally {
      this.#tell(this.#share);
    }
  }

  #tell(share: number): void {
    Atomics.store(this.budget, 0, share);
  }
}
