/**
 * The seeded generator of everything that learns: xoshiro128** (Blackman and Vigna 2018, arXiv:1805.01407), seeded by
 * splitmix32. Its state is six numbers, so that a resumed run draws exactly what it would have drawn.
 */

export class Random {
  // Four words of state; then whether a gaussian is kept, and that gaussian.
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;
  #spare = Number.NaN;

  constructor(seed: number) {
    if (!Number.isInteger(seed)) throw new RangeError(`Seed: found ${seed}, wanted an integer`);
    // Both halves of a large seed count.
    let s = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
    const next = () => {
      s = (s + 0x9e3779b9) >>> 0;
      let z = s;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next();
  }

  /** 32 random bits. */
  bits(): number {
    const five = Math.imul(this.#b, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.bits() >>> 5;
    const low = this.bits() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** Uniform in 0 .. limit - 1; the bias is below limit / 2^53. */
  integer(limit: number): number {
    return Math.floor(this.uniform() * limit);
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

  /** Five words and a flag: a, b, c, d, has spare, spare. */
  save(): Float64Array {
    const hasSpare = !Number.isNaN(this.#spare);
    return Float64Array.of(
      this.#a >>> 0,
      this.#b >>> 0,
      this.#c >>> 0,
      this.#d >>> 0,
      hasSpare ? 1 : 0,
      hasSpare ? this.#spare : 0,
    );
  }

  restore(saved: Float64Array): void {
    if (saved.length !== 6) throw new RangeError(`Random state: found ${saved.length} numbers, wanted 6`);
    this.#a = saved[0]! | 0;
    this.#b = saved[1]! | 0;
    this.#c = saved[2]! | 0;
    this.#d = saved[3]! | 0;
    this.#spare = saved[4] === 1 ? saved[5]! : Number.NaN;
  }
}
