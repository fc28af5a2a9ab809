/** The worlds of a run while it trains. Part of `lab/api.ts`. */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import { bytesSchema } from './bytes.ts';

const runId = z.int().positive();

/** What stays as it is while the run trains. */
const liveSceneSchema = <Body extends z.ZodType, Stage extends z.ZodType>(body: Body, stage: Stage) =>
  z.object({
    task: z.string(),
    bodies: z.array(body),
    stages: z.array(stage),
    controlDt: z.number(),
    /** Worlds that the run steps side by side, and how many of them can be looked at. */
    worlds: z.int(),
    watchable: z.int(),
    /** Learned rewards, in the order of `learned` below. */
    learned: z.array(z.string()),
    /** Of self-play, the side that learns in each world that can be looked at; empty otherwise. */
    learns: z.array(z.string()),
  });

/**
 * `live`: `data` unpacks to, N worlds:
 *  - `poses` float32 [N, bodies, 7] as in `episodes.open`; `colours` float32 [N, bodies, 3] of tasks that have them
 *  - `progress` float32 [N] true progress, `stage` uint8 [N], `success` uint8 [N]
 *  - `learned/<i>` float32 [N], learned progress of each entry of `learned`; NaN where there is none
 *  - `returns` float64 [N] so far (of self-play of the side that learns, a mean over its agents), `episodeStep` float64 [N]; `ended` uint8 [N] where a world waits for the others
 * `waiting`: nothing new within `waitMs`. `none`: this run has nothing to show now, and why. `sequence` is what to ask with next.
 */
const liveFrameSchema = z.object({
  state: z.enum(['live', 'waiting', 'none']),
  reason: z.string(),
  sequence: z.int(),
  /** Environment steps trained for. */
  step: z.number(),
  data: bytesSchema.nullable(),
});
export type LiveFrame = z.infer<typeof liveFrameSchema>;

export const liveContract = <Body extends z.ZodType, Stage extends z.ZodType>(body: Body, stage: Stage) => ({
  /** `scene` is null where there is nothing to look at; `reason` says why. */
  scene: oc
    .input(z.object({ runId }))
    .output(z.object({ scene: liveSceneSchema(body, stage).nullable(), reason: z.string() })),
  /** Answers with the newest snapshot of the first `worlds`, or of the `chosen` ones, as soon as there is one after `since`. */
  frame: oc
    .input(
      z.object({
        runId,
        worlds: z.int().min(1).max(64).default(16),
        chosen: z.array(z.int().min(0).max(63)).min(1).max(64).optional(),
        since: z.int().min(0).default(0),
        waitMs: z.int().min(0).max(15_000).default(2000),
      }),
    )
    .output(liveFrameSchema),
});
