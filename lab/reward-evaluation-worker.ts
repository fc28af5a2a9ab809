/** The thread that judges reward models, so that a window or a command line stays awake. */

import { workerData } from 'node:worker_threads';
import { mostThreads } from '../learn/tensor/kernel/layout.ts';
import { openKernel } from '../learn/tensor/kernel/open.ts';
import { workInThread } from './in-thread.ts';
import {
  type EpisodeScoreOf,
  evaluateRewards,
  type RewardEvaluation,
  type RewardEvaluationRequest,
} from './reward-evaluation.ts';

/** What the thread is given. */
export interface RewardEvaluationJob {
  readonly request: RewardEvaluationRequest;
  readonly threads: number | undefined;
}

export type RewardEvaluationMessage =
  | { readonly type: 'progress'; readonly part: string; readonly done: number; readonly total: number }
  | { readonly type: 'score'; readonly score: EpisodeScoreOf };

await workInThread<RewardEvaluation, RewardEvaluationMessage>(async (signal, say) => {
  const { request, threads } = workerData as RewardEvaluationJob;
  const compute = await openKernel(threads === undefined ? {} : { threads: Math.min(threads, mostThreads) });
  try {
    return await evaluateRewards(request, {
      compute,
      signal,
      onProgress: (part, done, total) => say({ type: 'progress', part, done, total }),
      onScore: (score) => say({ type: 'score', score }),
    });
  } finally {
    compute.dispose();
  }
});
