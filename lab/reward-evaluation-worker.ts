/** The thread that judges reward models, so that a window or a command line stays awake. */

import { parentPort, workerData } from 'node:worker_threads';
import { openKernel } from '../learn/tensor/kernel/open.ts';
import { messageOf } from './errors.ts';
import {
  type EpisodeScoreOf,
  evaluateRewards,
  type RewardEvaluation,
  type RewardEvaluationRequest,
} from './reward-evaluation.ts';

export type RewardEvaluationMessage =
  | { readonly type: 'progress'; readonly part: string; readonly done: number; readonly total: number }
  | { readonly type: 'score'; readonly score: EpisodeScoreOf }
  | { readonly type: 'done'; readonly evaluation: RewardEvaluation }
  | { readonly type: 'failed'; readonly message: string };

const say = (message: RewardEvaluationMessage): void => parentPort!.postMessage(message);

async function work(request: RewardEvaluationRequest): Promise<void> {
  const stop = new AbortController();
  parentPort!.on('message', () => stop.abort());
  const compute = await openKernel();
  try {
    const evaluation = await evaluateRewards(request, {
      compute,
      signal: stop.signal,
      onProgress: (part, done, total) => say({ type: 'progress', part, done, total }),
      onScore: (score) => say({ type: 'score', score }),
    });
    say({ type: 'done', evaluation });
  } finally {
    compute.dispose();
    parentPort!.removeAllListeners('message');
  }
}

work(workerData as RewardEvaluationRequest).catch((error: unknown) =>
  say({ type: 'failed', message: messageOf(error) }),
);
