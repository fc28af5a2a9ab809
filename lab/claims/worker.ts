/** The thread that works on repetitions of a claim: one seed after the other, each with a compute of one thread. */

import { workerData } from 'node:worker_threads';
import { openKernel } from '../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { workInThread } from '../in-thread.ts';
import { taskNamed } from '../registry.ts';
import type { Claim } from './types.ts';

/** What the thread is told. */
export interface ClaimJob {
  /** Module whose `claims` has it: its own in tests. */
  readonly registry: string;
  readonly method: string;
  readonly claim: string;
  readonly task: string;
  readonly seed: number;
}

export interface ClaimMessage {
  readonly type: 'progress';
  readonly part: string;
}

await workInThread<Readonly<Record<string, number>>, ClaimMessage>(async (signal, say) => {
  const { registry, method, claim: id, task, seed } = workerData as ClaimJob;
  const { claims } = (await import(registry)) as {
    claims: Readonly<Record<string, readonly Claim[]>>;
  };
  const claim = claims[method]!.find((other) => other.id === id)!;
  const known = taskNamed(task)!;
  const compute = await openKernel({ threads: 1 });
  try {
    return await claim.run({
      model: known.create(defaultsOf(known.fields)),
      taskId: task,
      seed,
      compute,
      signal,
      onProgress: (part) => say({ type: 'progress', part }),
    });
  } finally {
    compute.dispose();
  }
});
