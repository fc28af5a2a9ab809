/** The thread that works on repetitions of a claim: one seed after the other, each with a compute of one thread. */

import { parentPort, workerData } from 'node:worker_threads';
import { openKernel } from '../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { messageOf } from '../errors.ts';
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

export type ClaimMessage =
  | { readonly type: 'progress'; readonly part: string }
  | { readonly type: 'done'; readonly values: Readonly<Record<string, number>> }
  | { readonly type: 'failed'; readonly message: string };

const say = (message: ClaimMessage): void => parentPort!.postMessage(message);

async function work({ registry, method, claim: id, task, seed }: ClaimJob): Promise<void> {
  const stop = new AbortController();
  parentPort!.on('message', () => stop.abort());
  const { claims } = (await import(registry)) as {
    claims: Readonly<Record<string, readonly Claim[]>>;
  };
  const claim = claims[method]!.find((other) => other.id === id)!;
  const known = taskNamed(task)!;
  const compute = await openKernel({ threads: 1 });
  try {
    const values = await claim.run({
      model: known.create(defaultsOf(known.fields)),
      taskId: task,
      seed,
      compute,
      signal: stop.signal,
      onProgress: (part) => say({ type: 'progress', part }),
    });
    say({ type: 'done', values });
  } finally {
    compute.dispose();
    parentPort!.removeAllListeners('message');
  }
}

work(workerData as ClaimJob).catch((error: unknown) => say({ type: 'failed', message: messageOf(error) }));
