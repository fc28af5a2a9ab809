/**
 * The world's seeded generator: xoshiro128** (Blackman & Vigna, arXiv:1805.01407), seeded by splitmix32. Integer
 * arithmetic only, so every platform draws the same numbers; four words of state, saved and restored exactly.
 */

/** A 32-bit mixer in which every input bit moves about half of the output bits (Wellons' `lowbias32`). */
function mix32(value: number): number {
  let x = value >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** An unsigned 32-bit seed for stream `index` of `seed`; neighbouring inputs give unrelated seeds. */
export function mixSeed(seed: number, index: number): number {
  // Numbers above 2^32 are folded so that both halves count.
  const a = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  const b = (index ^ Math.floor(index / 2 ** 32)) >>> 0;
  return mix32(mix32(a + 0x9e3779b9) ^ Math.imul(b + 0x85ebca6b, 0xc2b2ae35));
}

export interface Random {
  /** 32 random bits, unsigned. */
  bits(): number;
  /** Uniform in [0, 1) with 53 bits, or in [low, high). */
  uniform(low?: number, high?: number): number;
  /** Uniform in 0 .. below - 1, without bias. */
  integer(below: number): number;
  /** The four words of state. */
  save(): Uint32Array;
  /** @throws RangeError when `words` are not four words, or all zero. */
  restore(words: Uint32Array): void;
}

/** @throws RangeError when the seed is no integer. */
export function createRandom(seed: number): Random {
  if (!Number.isInteger(seed)) throw new RangeError(`Seed: found ${seed}, wanted an integer`);
  const first = (seed ^ Math.floor(seed / 2 ** 32)) >>> 0;
  let a = mix32(first + 0x9e3779b9);
  let b = mix32(first + 0x3c6ef372);
  let c = mix32(first + 0xdaa66d2b);
  // The mixer is a bijection of distinct inputs: at most one of the four words is zero, so the state is never all zero.
  let d = mix32(first + 0x78dde6e4);

  const bits = (): number => {
    const five = Math.imul(b, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };

  return {
    bits,
    uniform(low = 0, high = 1) {
      // 27 + 26 bits fill the 53-bit mantissa.
      const unit = ((bits() >>> 5) * 67108864 + (bits() >>> 6)) / 9007199254740992;
      return low + (high - low) * unit;
    },
    integer(below) {
      if (!Number.isInteger(below) || below < 1 || below > 2 ** 32) {
        throw new RangeError(`Random integer: found a bound of ${below}, wanted an integer from 1 to 2^32`);
      }
      // Draws above the last whole multiple of `below` would favour small numbers.
      const limit = 2 ** 32 - (2 ** 32 % below);
      let draw = bits();
      while (draw >= limit) draw = bits();
      return draw % below;
    },
    save: () => Uint32Array.of(a, b, c, d),
    restore(words) {
      if (words.length !== 4 || words.every((word) => word === 0)) {
        throw new RangeError(`Random state: found ${words.length} words [${words}], wanted 4, not all zero`);
      }
      [a, b, c, d] = words as unknown as [number, number, number, number];
    },
  };
}
