/** The kernel's other threads. With worker.ts the only file of the kernel that touches Node. */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/** What a thread is given. */
export interface ThreadJob {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** 1 .. threads - 1; the caller is 0. */
  readonly thread: number;
}

export const cores = (): number => availableParallelism();

/**
 * Starts threads 1 .. threads - 1. `ended` is called when one of them ends.
 * @throws Error when one does not start.
 */
export async function startThreads(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  threads: number,
  ended: (reason: string) => void,
): Promise<readonly Worker[]> {
  const workers = Array.from({ length: threads - 1 }, (_, k) => {
    const job: ThreadJob = { module, memory, thread: k + 1 };
    // A literal address: the app is built by turning it into that of its JavaScript file.
    return new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: job,
      name: `kernel ${k + 1}`,
    });
  });
  try {
    await Promise.all(workers.map((worker, k) => ready(worker, k + 1, ended)));
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.terminate()));
    throw error;
  }
  return workers;
}

function ready(worker: Worker, thread: number, ended: (reason: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let reason = 'it ended';
    let hasStarted = false;
    worker.once('message', () => {
      hasStarted = true;
      // The program may end without closing the kernel.
      worker.unref();
      resolve();
    });
    worker.on('error', (error: Error) => {
      reason = error.message;
    });
    worker.once('exit', () => {
      if (hasStarted) ended(`thread ${thread}: ${reason}`);
      else reject(new Error(`Kernel: thread ${thread} did not start: ${reason}`));
    });
  });
}
