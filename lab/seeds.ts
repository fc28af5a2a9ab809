/**
 * Where episode seeds come from. Each purpose has its own stream, so that no training episode is ever evaluated on.
 * Runs are compared on the same starts (paired): their evaluations take seed 0, whatever the run's own is; only who asks
 * for other starts gets them (`lab evaluate --seed`).
 */

import { mixSeed } from '../sim/engine/random.ts';

const streams = {
  demonstration: 1,
  training: 2,
  evaluation: 3,
  shortEvaluation: 4,
  noise: 5,
  learner: 6,
  fit: 7,
  failure: 8,
  /** Starts on which a search scores its trials: what is tuned on is never reported on. */
  search: 9,
  /** Not of episodes: the configurations that a search draws. */
  configuration: 10,
  /** Episodes that reward models are judged on: nothing is ever fitted on them. */
  judged: 11,
} as const;

/** An unsigned 32-bit seed. */
export function episodeSeed(purpose: keyof typeof streams, runSeed: number, index: number): number {
  return mixSeed(mixSeed(streams[purpose] * 0x9e37, runSeed), index);
}
