/** One thread of a shared batch: waits for the clock to move, steps its worlds, says so. It never returns to its event loop. */

import { parentPort, workerData } from 'node:worker_threads';
import { Shard } from '../sim/batch.ts';
import type { Task } from '../sim/env.ts';
import { messageOf } from './errors.ts';
import { mostThreads, rangeOf, type ShardJob, signals, spinUntil } from './shared-signals.ts';

async function work(job: ShardJob): Promise<void> {
  const { task, settings, registry, count, thread } = job;
  const { tasks } = (await import(registry)) as { tasks: Readonly<Record<string, Task>> };
  const model = tasks[task]!.create(settings);
  /** Its part of a step that so many threads take, made when it is first asked for. */
  const shards: Shard[] = [];
  const actions = new Float64Array(job.actions);
  const signal = new Int32Array(job.signals);
  const words = new Uint8Array(job.words);
  let step = 0;
  function fail(reason: string): void {
    process.off('exit', lastWords);
    const { written } = new TextEncoder().encodeInto(reason, words);
    Atomics.store(signal, signals.failed, written);
    done();
  }
  function done(): void {
    if (Atomics.sub(signal, signals.pending, 1) === 1) Atomics.notify(signal, signals.pending);
  }
  // An end of the thread that no `catch` sees.
  const lastWords = (): void => fail('its thread ended');
  process.on('exit', lastWords);

  parentPort!.postMessage('ready');
  for (;;) {
    spinUntil(signal, signals.step, step);
    step = Atomics.load(signal, signals.step);
    if (Atomics.load(signal, signals.closed) === 1) break;
    const taking = step & mostThreads;
    if (thread >= taking) continue;
    try {
      shards[taking] ??= new Shard(model, count, job.arrays, rangeOf(thread, taking, count));
      shards[taking].step(actions);
    } catch (error) {
      fail(messageOf(error) || 'an error without words');
      break;
    }
    done();
  }
  process.off('exit', lastWords);
}

await work(workerData as ShardJob);
