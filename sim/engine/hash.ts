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

/** Unsigned 32-bit hash of `length` numbers from `offset`; allocates nothing. */
export function hashState(values: Float64Array, offset = 0, length = values.length - offset): number {
  let h = 0x2b5a91d3;
  for (let i = offset; i < offset + length; i++) {
    put(values[i]!);
    h = round(h, words[low]!, 0xcc9e2d51, 0x1b873593);
    h = round(h, words[high]!, 0xcc9e2d51, 0x1b873593);
  }
  return finish(h, length);
}

/** Two 32-bit hashes with different constants, side by side as 16 hex digits. */
class Hash64 {
  #a = 0x243f6a88;
  #b = 0x85a308d3 | 0;
  #count = 0;

  add(word: number): void {
    this.#a = round(this.#a, word, 0xcc9e2d51, 0x1b873593);
    this.#b = round(this.#b, word, 0x239b961b, 0xab0e9789);
    this.#count++;
  }

  digest(): string {
    const a = finish(this.#a, this.#count);
    const b = finish(this.#b ^ a, this.#count);
    return a.toString(16).padStart(8, '0') + b.toString(16).padStart(8, '0');
  }
}

/** 64-bit hash of float64 numbers as 16 hex digits. */
export function hashNumbers(values: Float64Array, offset = 0, length = values.length - offset): string {
  const hash = new Hash64();
  for (let i = offset; i < offset + length; i++) {
    put(values[i]!);
    hash.add(words[low]!);
    hash.add(words[high]!);
  }
  return hash.digest();
}

/** 64-bit hash over the per-state hashes of an episode, in order: its checksum. hashes: [>= count] */
export function hashRows(hashes: Uint32Array, count = hashes.length): string {
  const hash = new Hash64();
  for (let i = 0; i < count; i++) hash.add(hashes[i]!);
  return hash.digest();
}
