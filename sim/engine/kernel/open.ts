/**
 * The compiled twin of the solver: WebAssembly made from the same text (build/kernel.ts). It works on the very arrays of a
 * `Solver`, which for this purpose lie in its memory; either may take the next step, with the same bits.
 */

import type { Tables } from '../scene.ts';
import { Solver } from '../solver.ts';
import { arrays, scalars, wasm } from './module.ts';
import { decode, pageBytes, platform } from './platform.ts';

interface Exports {
  setUp(pointers: number, values: number, cones: number): void;
  stepRows(rows: number, stride: number, first: number, count: number, steps: number): void;
}

/** The kernel's own statics lie from `staticsAt` on and end before `firstByte`; build/kernel.ts checks it. */
export const staticsAt = 1024;
export const firstByte = 4096;

let compiled: object | null = null;

export interface Kernel {
  readonly solver: Solver;
  /** Room for one row in the kernel's memory. [stateDim] */
  readonly row: Float64Array;
  /** `count` physics steps of the row in `row`. */
  step(count: number): void;
}

/** Null where the platform has no WebAssembly. */
export function openKernel(tables: Tables, stateDim: number, cacheAt: number): Kernel | null {
  if (!platform) return null;
  // A first solver tells how much memory the second one needs.
  let bytes = firstByte;
  const count = (size: number) => (length: number) => {
    bytes += 8 * Math.ceil((length * size) / 8);
  };
  const countFloats = count(8);
  const countIntegers = count(4);
  const trial = new Solver(
    tables,
    stateDim,
    cacheAt,
    (length) => {
      countFloats(length);
      return new Float64Array(length);
    },
    (length) => {
      countIntegers(length);
      return new Int32Array(length);
    },
  );
  const ofTables = arrays.filter((name) => name.startsWith('t_'));
  const tableOf = (name: string): Float64Array | Int32Array =>
    tables[name.slice(2) as keyof Tables] as unknown as Float64Array | Int32Array;
  for (const name of ofTables)
    (tableOf(name) instanceof Float64Array ? countFloats : countIntegers)(tableOf(name).length);
  countFloats(stateDim);
  countIntegers(arrays.length);
  countFloats(scalars.length);

  const memory = new platform.Memory({ initial: Math.ceil(bytes / pageBytes) + 1 });
  let at = firstByte;
  const floats = (length: number): Float64Array => {
    const array = new Float64Array(memory.buffer, at, length);
    at += 8 * length;
    return array;
  };
  const integers = (length: number): Int32Array => {
    const array = new Int32Array(memory.buffer, at, length);
    at += 8 * Math.ceil(length / 2);
    return array;
  };
  const inside: Record<string, Float64Array | Int32Array> = {};
  for (const name of ofTables) {
    const from = tableOf(name);
    const to = from instanceof Float64Array ? floats(from.length) : integers(from.length);
    to.set(from);
    inside[name.slice(2)] = to;
  }
  const solver = new Solver({ ...tables, ...inside } as Tables, stateDim, cacheAt, floats, integers);
  const row = floats(stateDim);
  const pointers = integers(arrays.length);
  arrays.forEach((name, i) => {
    const owner = (name.startsWith('t_') ? solver.tables : solver) as unknown as Record<string, Float64Array>;
    pointers[i] = owner[name.slice(2)]!.byteOffset;
  });
  const values = floats(scalars.length);
  scalars.forEach((name, i) => {
    const owner = (name.startsWith('t_') ? solver.tables : solver) as unknown as Record<
      string,
      number | boolean
    >;
    values[i] = Number(owner[name.slice(2)]);
  });
  compiled ??= new platform.Module(decode(wasm));
  const instance = new platform.Instance(compiled, { env: { memory } });
  const kernel = instance.exports as Exports;
  kernel.setUp(pointers.byteOffset, values.byteOffset, trial.tables.coneAngle.length);
  const rowAt = row.byteOffset;
  return {
    solver,
    row,
    step: (steps) => kernel.stepRows(rowAt, stateDim, 0, 1, steps),
  };
}
