/** Part of the contract: the last evaluation of reward models on each task, as it was kept. */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import type { RewardEvaluationInfo } from '../api.ts';

export interface KeptEvaluationInfo {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly evaluation: RewardEvaluationInfo;
}

/** @param evaluation the schema of what `models.evaluate` answers. */
export const evaluationsContract = <T extends z.ZodType>(evaluation: T) => ({
  /** Tasks that were judged in this project, the last one first. */
  evaluated: oc.output(z.array(z.object({ task: z.string(), at: z.number() }))),
  /** The last evaluation on this task; null where there is none. */
  lastEvaluation: oc
    .input(z.object({ task: z.string().max(200) }))
    .output(z.object({ at: z.number(), evaluation }).nullable()),
});
