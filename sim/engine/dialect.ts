/**
 * The number types of the engine's hot part. To TypeScript both are `number`; `build/kernel.ts` compiles the same text to
 * WebAssembly, where they are 32-bit integers and float64.
 */

export type i32 = number;
export type f64 = number;

/** The whole part of a number below 2^31 in size. */
export const toI32 = (x: f64): i32 => x | 0;
