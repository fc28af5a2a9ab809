/** `hashState64` for many rows: four at a time in WebAssembly SIMD (hash.as), with the same bits, in a third of the time. */

import { hashState64 } from '../hash.ts';
import { wasm } from './hash-module.ts';
import { decode, pageBytes, platform } from './platform.ts';

interface Exports {
  hashStates(rows: number, dim: number, groups: number, out: number): void;
}

let compiled: object | null | undefined;

/** Null where the platform has no WebAssembly with SIMD. */
function code(): object | null {
  const bytes = decode(wasm);
  return platform?.validate(bytes) === true ? new platform.Module(bytes) : null;
}

/** 64-bit hashes of rows of `dim` numbers. states: [<= most, dim]; out: two words a row, the high one first. */
export type RowHasher = (states: Float64Array, out: Uint32Array) => void;

/** Keeps memory for `most` rows, where they fill the lanes. */
export function openRowHasher(dim: number, most: number): RowHasher {
  if (most < 4) return oneByOne(dim);
  if (compiled === undefined) compiled = code();
  return compiled === null ? oneByOne(dim) : byFours(compiled, dim, most);
}

export function oneByOne(dim: number): RowHasher {
  return (states, out) => {
    for (let row = 0; row * dim < states.length; row++) hashState64(states, row * dim, dim, out, 2 * row);
  };
}

function byFours(module: object, dim: number, most: number): RowHasher {
  const groups = Math.ceil(most / 4);
  const outAt = 1024;
  const rowsAt = outAt + 32 * groups;
  const bytes = rowsAt + 32 * groups * dim;
  const memory = new platform!.Memory({ initial: Math.ceil(bytes / pageBytes) });
  const { hashStates } = new platform!.Instance(module, { env: { memory } }).exports as Exports;
  const rows = new Float64Array(memory.buffer, rowsAt, most * dim);
  const words = new Uint32Array(memory.buffer, outAt, 2 * most);
  return (states, out) => {
    rows.set(states);
    const count = states.length / dim;
    hashStates(rowsAt, dim, Math.ceil(count / 4), outAt);
    if (count === most) out.set(words);
    else out.set(words.subarray(0, 2 * count));
  };
}
