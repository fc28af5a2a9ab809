/** Where things lie in the kernel's memory, and its sizes; kernel.as says the same. Bytes. */

/** Rows of a block. */
export const blockRows = 32;
/** From one panel of eight columns to the next. */
export const panelBytes = 32 * 32 + 64;

export const doneAt = 1088;
export const sideDoneAt = 1408;
export const failedAt = 1216;
export const threadsAt = 1224;
export const patienceAt = 1232;
/** Of each thread 64 bytes; its scratch memory's address is the third integer. */
export const doorsAt = 2048;
export const mostThreads = 64;
/** Signals and job descriptions end here. */
export const firstByte = 8192;

export const pageBytes = 65536;
/** 2 GB. */
export const mostPages = 32768;

export interface Exports {
  setUp(): void;
  forward(self: number, count: number, rows: number): void;
  backward(self: number, count: number, rows: number, parameters: number): void;
  regress(self: number, count: number, rows: number, scale: number): void;
  settle(): void;
  gatherAll(self: number): number;
  adamAll(self: number, scale: number, rate: number, second: number, epsilon: number): void;
  forget(self: number): void;
  blendAll(self: number, other: number, share: number): void;
  work(thread: number): void;
  close(threads: number): void;
  peakAll(units: number, rounds: number): void;
}

/** Starts an instance of the module on a memory; every thread has its own. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Exports;
}
