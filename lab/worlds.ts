/** The worlds that a learner's environment steps: by one thread, or by several where a step is long enough to be worth it. */

import { createBatch } from '../sim/batch.ts';
import type { BatchEnv, TaskModel } from '../sim/env.ts';
import { openSharedBatch } from './shared-batch.ts';
import { mostThreads } from './shared-signals.ts';

/** Seconds that one step of all worlds must take before other threads are asked: waking them costs some ten microseconds. */
const worthSharing = 60e-6;
const trialSteps = 30;

export interface Worlds {
  readonly batch: BatchEnv;
  readonly threads: number;
  close(): Promise<void>;
}

/**
 * The numbers are the same bits whatever is chosen, so it may depend on the clock. `budget`: how many of the threads may
 * work right now, one int in shared memory.
 */
export async function openWorlds(
  model: TaskModel,
  count: number,
  threads: number,
  budget?: Int32Array,
): Promise<Worlds> {
  const batch = createBatch(model, count);
  const alone: Worlds = { batch, threads: 1, close: () => Promise.resolve() };
  if (threads < 2 || count < 2) return alone;
  for (let world = 0; world < count; world++) batch.reset(world, world);
  const actions = new Float64Array(count * model.actionSpace.dim);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < trialSteps; i++) {
    const begun = performance.now();
    batch.step(actions);
    // The quickest: the first ones are not compiled yet.
    best = Math.min(best, (performance.now() - begun) / 1000);
  }
  if (best < worthSharing) return alone;
  const shared = await openSharedBatch({
    task: model.id,
    settings: model.settings,
    count,
    threads: Math.min(threads, count, mostThreads),
    budget,
  });
  return { batch: shared, threads: shared.threads, close: () => shared.close() };
}
