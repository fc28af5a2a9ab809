/**
 * A batch whose worlds are stepped by several threads: the arrays lie in shared memory, and each thread steps a range of
 * the worlds. A world's numbers do not depend on who steps it, so every number of threads gives the same bits.
 *
 * The caller's thread takes the first range itself; between two steps the other threads wait. Nothing is allocated and no
 * message is sent per step.
 */

import { Worker } from 'node:worker_threads';
import { Batch, batchBytes, checkCount, Shard } from '../sim/batch.ts';
import type { BatchEnv, Task, TaskModel } from '../sim/env.ts';
import type { AnySettings } from '../sim/fields.ts';
import { messageOf } from './errors.ts';
import { mostThreads, rangeOf, type ShardJob, signals, spinUntil } from './shared-signals.ts';

export interface SharedBatchOptions {
  /** Key of the task in the registry. */
  readonly task: string;
  /** All of the task's settings. */
  readonly settings: AnySettings;
  readonly count: number;
  /** Threads that step, the caller's included: 1 or more, and no more than there are worlds. */
  readonly threads: number;
  /** How many of them may work right now, the caller's included; looked at before each step. Shared memory, one int. */
  readonly budget?: Int32Array | undefined;
  /** Address of a module that exports `tasks`; that of the lab's own tasks by default. */
  readonly registry?: string;
  /** How long one thread may take for one step before it counts as dead, s. */
  readonly patience?: number;
}

export interface SharedBatch extends BatchEnv {
  readonly threads: number;
  /** Ends the threads. The arrays stay readable; `step` is refused from now on. */
  close(): Promise<void>;
}

const ownRegistry = new URL('../sim/tasks/index.ts', import.meta.url).href;
/** Bytes for the words of a thread's error. */
const wordBytes = 2000;

/**
 * Worlds 0 .. count - 1 start with the seeds 0 .. count - 1.
 * @throws RangeError on an unknown task, settings it refuses, or impossible numbers of worlds or threads; Error when a
 *   thread does not start.
 */
export async function openSharedBatch(options: SharedBatchOptions): Promise<SharedBatch> {
  const { task, settings, count, threads, budget, registry = ownRegistry, patience = 120 } = options;
  checkCount(count);
  const most = Math.min(count, mostThreads);
  if (!Number.isInteger(threads) || threads < 1 || threads > most) {
    throw new RangeError(
      `Threads: found ${threads}, wanted a whole number from 1 to ${most}, one world each`,
    );
  }
  const { tasks } = (await import(registry)) as { tasks: Readonly<Record<string, Task>> };
  if (!Object.hasOwn(tasks, task)) {
    throw new RangeError(`Task: found "${task}", wanted one of ${Object.keys(tasks).join(', ')}`);
  }
  const model = tasks[task]!.create(settings);
  const shared = {
    arrays: new SharedArrayBuffer(batchBytes(model, count)),
    actions: new SharedArrayBuffer(8 * count * model.actionSpace.dim),
    signals: new SharedArrayBuffer(4 * Object.keys(signals).length),
    words: new SharedArrayBuffer(wordBytes),
  };
  const workers = Array.from({ length: threads - 1 }, (_, k) => {
    const job: ShardJob = { task, settings, registry, count, thread: k + 1, ...shared };
    // Literal addresses: the app is built by turning them into those of its JavaScript files.
    const file = new URL('./shared-batch-worker.ts', import.meta.url);
    return new Worker(file, { workerData: job, name: `worlds of ${task}` });
  });
  try {
    await Promise.all(workers.map((worker) => ready(worker, task)));
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.terminate()));
    throw error;
  }
  return new SharedWorlds({ model, count, workers, budget, patience, ...shared });
}

/** @throws Error when the thread ends before it is ready. */
function ready(worker: Worker, task: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (reason: string): void =>
      reject(new Error(`Worlds of ${task}: a thread did not start: ${reason}`));
    worker.once('message', () => {
      worker.removeAllListeners();
      // What goes wrong from now on is said through the signals.
      worker.on('error', () => undefined);
      // The program may end without closing the batch.
      worker.unref();
      resolve();
    });
    worker.once('error', (error: Error) => failed(error.message));
    worker.once('exit', (code) => failed(`it ended with code ${code}`));
  });
}

interface Parts {
  readonly model: TaskModel;
  readonly count: number;
  readonly workers: readonly Worker[];
  readonly budget: Int32Array | undefined;
  readonly patience: number;
  readonly arrays: SharedArrayBuffer;
  readonly actions: SharedArrayBuffer;
  readonly signals: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
}

/** The word of the step after this one, in which so many threads take part. */
const nextStep = (word: number, taking: number): number => ((word & ~mostThreads) + mostThreads + 1) | taking;

class SharedWorlds extends Batch implements SharedBatch {
  readonly threads: number;
  readonly #workers: readonly Worker[];
  readonly #budget: Int32Array | undefined;
  /** The caller's part of a step that 1, 2, 3 ... threads take. */
  readonly #shards: readonly Shard[];
  readonly #actions: Float64Array;
  readonly #signals: Int32Array;
  readonly #words: Uint8Array;
  readonly #patienceMs: number;
  #trouble: string | undefined;

  constructor(parts: Parts) {
    const { model, count, workers } = parts;
    super(model, count, parts.arrays);
    this.threads = workers.length + 1;
    this.#workers = workers;
    this.#budget = parts.budget;
    this.#shards = Array.from(
      { length: this.threads },
      (_, k) => new Shard(model, count, parts.arrays, rangeOf(0, k + 1, count)),
    );
    this.#actions = new Float64Array(parts.actions);
    this.#signals = new Int32Array(parts.signals);
    this.#words = new Uint8Array(parts.words);
    this.#patienceMs = 1000 * parts.patience;
  }

  override step(actions: Float64Array): void {
    if (this.#trouble !== undefined) throw new Error(this.#trouble);
    super.step(actions);
  }

  protected override stepAll(actions: Float64Array): void {
    const signal = this.#signals;
    const allowed = this.#budget === undefined ? this.threads : Atomics.load(this.#budget, 0);
    const taking = Math.max(1, Math.min(this.threads, allowed));
    if (taking > 1) {
      this.#actions.set(actions);
      Atomics.store(signal, signals.pending, taking - 1);
      Atomics.store(signal, signals.step, nextStep(Atomics.load(signal, signals.step), taking));
      Atomics.notify(signal, signals.step);
    }
    let mine: unknown;
    try {
      this.#shards[taking - 1]!.step(actions);
    } catch (error) {
      mine = error;
    }
    for (;;) {
      const pending = Atomics.load(signal, signals.pending);
      // Below zero: a thread that took no part ended.
      if (pending <= 0) break;
      if (!spinUntil(signal, signals.pending, pending, this.#patienceMs)) {
        this.#end(`a thread has said nothing for ${this.#patienceMs / 1000} s`);
      }
    }
    const written = Atomics.load(signal, signals.failed);
    if (written > 0) this.#end(new TextDecoder().decode(this.#words.slice(0, written)));
    if (mine !== undefined) this.#end(messageOf(mine));
  }

  /** The worlds may be at different steps: nothing goes on from here. @throws Error */
  #end(reason: string): never {
    this.#trouble = `Worlds of ${this.model.id}: ${reason}; the batch cannot be stepped any more`;
    this.#release();
    throw new Error(this.#trouble);
  }

  #release(): void {
    Atomics.store(this.#signals, signals.closed, 1);
    Atomics.store(this.#signals, signals.step, nextStep(Atomics.load(this.#signals, signals.step), 1));
    Atomics.notify(this.#signals, signals.step);
  }

  async close(): Promise<void> {
    this.#trouble ??= `Worlds of ${this.model.id}: the batch is closed`;
    this.#release();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
