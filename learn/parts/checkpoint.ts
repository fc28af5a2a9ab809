/** What all learners check when they read their own checkpoints (the bytes: block.ts). */

import type { Block, BlockArray } from './block.ts';

/**
 * The header, once its version and its whole numbers are as they should be.
 * @param name of the algorithm, for messages.
 * @throws RangeError naming what is missing or of another version.
 */
export function checkedHeader(
  name: string,
  { header }: Block,
  version: number,
  integers: readonly string[],
): Readonly<Record<string, unknown>> {
  if (header['version'] !== version) {
    throw new RangeError(`${name} checkpoint: version is ${header['version']}, wanted ${version}`);
  }
  for (const field of integers) {
    if (!Number.isSafeInteger(header[field])) {
      throw new RangeError(`${name} checkpoint: ${field} is ${header[field]}, wanted an integer`);
    }
  }
  return header;
}

/** @throws RangeError naming the first thing that the learner has otherwise than the checkpoint. */
export function checkSame(
  name: string,
  found: Readonly<Record<string, unknown>>,
  wanted: Readonly<Record<string, unknown>>,
): void {
  for (const [field, value] of Object.entries(wanted)) {
    const [stored, ours] = [JSON.stringify(found[field]), JSON.stringify(value)];
    if (stored !== ours) throw new RangeError(`${name} checkpoint: ${field} is ${stored}, wanted ${ours}`);
  }
}

/** @throws RangeError where there is no array of this name and type, or it has another length. */
export function float64Of(name: string, block: Block, field: string, length?: number): Float64Array {
  const array = arrayOf(name, block, field, length);
  if (array instanceof Float64Array) return array;
  throw new RangeError(`${name} checkpoint: ${field} has 32-bit numbers, wanted 64`);
}

/** @throws RangeError where there is no array of this name and type, or it has another length. */
export function float32Of(name: string, block: Block, field: string, length?: number): Float32Array {
  const array = arrayOf(name, block, field, length);
  if (array instanceof Float32Array) return array;
  throw new RangeError(`${name} checkpoint: ${field} has 64-bit numbers, wanted 32`);
}

function arrayOf(name: string, { arrays }: Block, field: string, length?: number): BlockArray {
  const array = arrays[field];
  if (!array) throw new RangeError(`${name} checkpoint: has no ${field}`);
  if (length !== undefined && array.length !== length) {
    throw new RangeError(`${name} checkpoint: ${field} has ${array.length} numbers, wanted ${length}`);
  }
  return array;
}
