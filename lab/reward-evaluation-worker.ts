/** The thread that judges reward models, so that a window or a command line stays awake. */

import { workerData } from 'node:worker_threads';
import { openKernel } from '../learn/tensor/kernel/open.ts';
import { workInThread } from './in-thread.ts';
import {
  type EpisodeScoreOf,
  evaluateRewards,
  type RewardEvaluation,
  type RewardEvaluationRequest,
} from './reward-evaluation.ts';

export type RewardEvaluationMessage =
  | { readonly type: 'progress'; readonly part: string; readonly done: number; readonly total: number }
  | { readonly type: 'score'; readonly score: EpisodeScoreOf };

await workInThread<RewardEvaluation, RewardEvaluationMessage>(async (signal, say) => {
  const compute = await openKernel();
  try {
    return await evaluateRewards(workerData as RewardEvaluationRequest, {
      compute,
      signal,
      onProgress: (part, done, total) => say({ type: 'progress', part, done, total }),
      onScore: (score) => say({ type: 'score', score }),
    });
  } finally {
    compute.dispose();
  }
});
