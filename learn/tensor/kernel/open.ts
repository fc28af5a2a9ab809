/** Opens the kernel: `Compute` in WebAssembly SIMD on the processor, on one or several threads. */

import type { Compute, NetworksOptions } from '../compute.ts';
import {
  doorsAt,
  type Exports,
  failedAt,
  instantiate,
  mostThreads,
  patienceAt,
  threadsAt,
} from './layout.ts';
import { KernelMemory } from './memory.ts';
import { plainWasm, relaxedWasm } from './module.ts';
import { type Host, KernelNetworks } from './networks.ts';
import { cores, startThreads } from './threads.ts';

export interface KernelOptions {
  /** Threads that compute, the caller's included; the number of cores by default. 1 starts none. */
  readonly threads?: number;
  /** [1], shared: how many of them may be used right now; read at every call. */
  readonly budget?: Int32Array;
  /** How long a thread may say nothing in the middle of a call before it counts as dead, s. Default 30. */
  readonly patience?: number;
  /** `plain`: without relaxed SIMD even where the engine has it. */
  readonly simd?: 'auto' | 'plain';
}

export interface Kernel extends Compute {
  readonly name: 'kernel';
  readonly threads: number;
  readonly simd: 'relaxed' | 'plain';
  /** Bytes handed out to networks and threads. */
  readonly memoryUsed: number;
  /** The module's functions, for benchmarks. */
  readonly exports: Exports;
  /** The threads beside the caller's, for tests. */
  readonly workers: readonly { terminate(): Promise<number> }[];
}

const modules = new Map<string, WebAssembly.Module>();

function moduleOf(wasm: string): WebAssembly.Module {
  const known = modules.get(wasm);
  if (known) return known;
  const module = new WebAssembly.Module(decode(wasm));
  modules.set(wasm, module);
  return module;
}

function decode(wasm: string): Uint8Array<ArrayBuffer> {
  const text = atob(wasm);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** @throws RangeError on an impossible number of threads; Error where WebAssembly SIMD is missing or a thread does not start. */
export async function openKernel(options: KernelOptions = {}): Promise<Kernel> {
  const { threads = Math.min(cores(), mostThreads), budget, patience = 30, simd = 'auto' } = options;
  if (!Number.isInteger(threads) || threads < 1 || threads > mostThreads) {
    throw new RangeError(`Threads: found ${threads}, wanted a whole number from 1 to ${mostThreads}`);
  }
  const isRelaxed = simd === 'auto' && WebAssembly.validate(decode(relaxedWasm));
  let module: WebAssembly.Module;
  try {
    module = moduleOf(isRelaxed ? relaxedWasm : plainWasm);
  } catch (error) {
    throw new Error('Kernel: this engine has no WebAssembly SIMD with threads', { cause: error });
  }
  const memory = new KernelMemory();
  const signals = new Int32Array(memory.buffer, 0, 2048);
  signals[threadsAt / 4] = threads;
  new BigInt64Array(memory.buffer, patienceAt, 1)[0] = BigInt(Math.round(1e9 * patience));
  let trouble: string | undefined;
  const workers = await startThreads(module, memory.memory, threads, (reason) => {
    trouble ??= reason;
    Atomics.store(signals, failedAt / 4, 1);
  });
  const kernel = instantiate(module, memory.memory);
  kernel.setUp();
  const fail = (): never => {
    throw new Error(
      `Kernel: ${trouble ?? `a thread ended or said nothing for ${patience} s`}; it cannot be used any more`,
    );
  };
  let scratchBytes = 0;
  let closed = false;
  const host: Host = {
    kernel,
    take: (bytes) => memory.take(bytes),
    release: (at) => memory.release(at),
    get buffer() {
      return memory.buffer;
    },
    reserveScratch(bytes) {
      if (bytes <= scratchBytes) return;
      scratchBytes = bytes;
      for (let k = 0; k < threads; k++) {
        const place = (doorsAt + 64 * k) / 4 + 2;
        memory.release(signals[place]!);
        signals[place] = memory.take(bytes);
      }
    },
    ready() {
      if (signals[failedAt / 4] !== 0) fail();
      if (budget) signals[threadsAt / 4] = Math.max(1, Math.min(threads, budget[0]!));
    },
    check() {
      if (signals[failedAt / 4] !== 0) fail();
    },
  };
  const how = isRelaxed ? 'relaxed SIMD (fused multiply-add)' : 'SIMD';
  return {
    name: 'kernel',
    reason: `The lab's own kernel in WebAssembly ${how} on the processor, ${threads} ${threads === 1 ? 'thread' : 'threads'}.`,
    threads,
    simd: isRelaxed ? 'relaxed' : 'plain',
    exports: kernel,
    workers,
    get memoryUsed() {
      return memory.used;
    },
    networks(options: NetworksOptions) {
      host.ready();
      return new KernelNetworks(host, options);
    },
    dispose() {
      if (closed) return;
      closed = true;
      trouble = 'it was disposed';
      kernel.close(threads);
      Atomics.store(signals, failedAt / 4, 1);
      for (const worker of workers) void worker.terminate();
    },
  };
}
