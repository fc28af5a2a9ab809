/** The seeded generator of everything that learns: the world's generator plus normal draws and shuffling. */

import { createRandom } from '../../sim/engine/random.ts';

export class Random {
  readonly #source: ReturnType<typeof createRandom>;
  /** The second half of the last pair of normal draws; NaN when used up. */
  #spare = Number.NaN;

  /** @throws RangeError when the seed is no integer. */
  constructor(seed: number) {
    this.#source = createRandom(seed);
  }

  /** 32 random bits. */
  bits(): number {
    return this.#source.bits();
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    return this.#source.uniform();
  }

  /** Uniform in 0 .. below - 1. */
  integer(below: number): number {
    return this.#source.integer(below);
  }

  /** Standard normal, by Marsaglia's polar method; every second draw is the kept one. */
  gaussian(): number {
    if (!Number.isNaN(this.#spare)) {
      const kept = this.#spare;
      this.#spare = Number.NaN;
      return kept;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const scale = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = y * scale;
      return x * scale;
    }
  }

  /** Puts `indices` in random order, in place. */
  shuffle(indices: Int32Array | Uint32Array): void {
    for (let i = indices.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = indices[i]!;
      indices[i] = indices[j]!;
      indices[j] = kept;
    }
  }

  /** The generator's four words, whether a normal draw is kept, and that draw. */
  save(): Float64Array {
    const hasSpare = !Number.isNaN(this.#spare);
    return Float64Array.of(...this.#source.save(), hasSpare ? 1 : 0, hasSpare ? this.#spare : 0);
  }

  /** @throws RangeError on a state of another length. */
  restore(saved: Float64Array): void {
    if (saved.length !== 6) {
      throw new RangeError(`Random state: found ${saved.length} numbers, wanted 6`);
    }
    this.#source.restore(Uint32Array.from(saved.subarray(0, 4)));
    this.#spare = saved[4] === 1 ? saved[5]! : Number.NaN;
  }
}
