/**
 * Fingerprints of states, for replay checks. Equal numbers hash equally: -0 counts as 0 and every NaN is one NaN, and
 * the words are read low half first on any machine. Not meant against an adversary.
 */

const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);
scratch[0] = 1;
// The high word of 1.0 is 0x3ff00000, the low one 0.
const low = words[0] === 0 ? 0 : 1;
const high = 1 - low;

/** One round of MurmurHash3's 32-bit body. */
function round(hash: number, word: number, c1: number, c2: number): number {
  let k = Math.imul(word, c1);
  k = (k << 15) | (k >>> 17);
  const h = hash ^ Math.imul(k, c2);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, length: number): number {
  let h = hash ^ length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function put(value: number): void {
  scratch[0] = value;
  if (value === 0) {
    words[high] = 0;
  } else if (Number.isNaN(value)) {
    words[high] = 0x7ff80000;
    words[low] = 0;
  }
}

/** Unsigned 32-bit hash of `length` numbers from `offset`; allocates nothing. Episodes of format 1 hold one a state. */
export function hashState(values: Float64Array, offset = 0, length = values.length - offset): number {
  let h = 0x2b5a91d3;
  for (let i = offset; i < offset + length; i++) {
    put(values[i]!);
    h = round(h, words[low]!, 0xcc9e2d51, 0x1b873593);
    h = round(h, words[high]!, 0xcc9e2d51, 0x1b873593);
  }
  return finish(h, length);
}

const seedA = 0x243f6a88;
const seedB = 0x85a308d3 | 0;
const b1 = 0x239b961b;
const b2 = 0xab0e9789;

/** 64-bit hash of `length` numbers from `offset` as two words, out[at] the high one; allocates nothing. */
export function hashState64(
  values: Float64Array,
  offset: number,
  length: number,
  out: Uint32Array,
  at: number,
): void {
  let a = seedA;
  let b = seedB;
  for (let i = offset; i < offset + length; i++) {
    put(values[i]!);
    const first = words[low]!;
    const second = words[high]!;
    a = round(a, first, 0xcc9e2d51, 0x1b873593);
    b = round(b, first, b1, b2);
    a = round(a, second, 0xcc9e2d51, 0x1b873593);
    b = round(b, second, b1, b2);
  }
  out[at] = finish(a, 2 * length);
  out[at + 1] = finish(b ^ out[at]!, 2 * length);
}

const hex = (word: number): string => word.toString(16).padStart(8, '0');

/** 64-bit hash of float64 numbers as 16 hex digits. */
export function hashNumbers(values: Float64Array, offset = 0, length = values.length - offset): string {
  const out = new Uint32Array(2);
  hashState64(values, offset, length, out, 0);
  return hex(out[0]!) + hex(out[1]!);
}

/**
 * 64-bit hash over the words of the per-state hashes of an episode, in order, as 16 hex digits: its checksum. hashes: [>= count]
 */
export function hashRows(hashes: Uint32Array, count = hashes.length): string {
  let a = seedA;
  let b = seedB;
  for (let i = 0; i < count; i++) {
    a = round(a, hashes[i]!, 0xcc9e2d51, 0x1b873593);
    b = round(b, hashes[i]!, b1, b2);
  }
  a = finish(a, count);
  return hex(a) + hex(finish(b ^ a, count));
}
