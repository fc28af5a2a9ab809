/** One thread of the kernel: takes its share of every call until the kernel is closed. It never returns to its event loop. */

import { parentPort, workerData } from 'node:worker_threads';
import { doneAt, failedAt, instantiate, sideDoneAt } from './layout.ts';
import type { ThreadJob } from './threads.ts';

const { module, memory, thread } = workerData as ThreadJob;
const kernel = instantiate(module, memory);
const signals = new Int32Array(memory.buffer, 0, 1024);
// An end that nobody asked for: whoever waits for this thread is told.
const lastWords = (): void => {
  Atomics.store(signals, failedAt / 4, 1);
  for (const at of [doneAt, sideDoneAt]) Atomics.notify(signals, at / 4);
};
process.on('exit', lastWords);
parentPort!.postMessage('ready');
kernel.work(thread);
process.off('exit', lastWords);
