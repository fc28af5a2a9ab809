/** Part of the contract: what small pictures of many episodes are drawn from. */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import { bytesSchema } from './bytes.ts';

const id = z.int().positive();

/** Episodes a call: what a page of rows shows, and no more than the lab works out without holding up a run. */
export const mostThumbnails = 48;

const moments = ['first', 'middle', 'last'] as const;
export type Moment = (typeof moments)[number];

const shownSchema = z.object({
  id,
  /** Index in `scenes`. */
  scene: z.int(),
  /** Which frame each of `moments` is. */
  frames: z.array(z.int()),
});

/** Why there is no picture: in a word for the window, in a sentence for people. */
const absentSchema = z.object({
  id,
  why: z.enum(['gone', 'other version', 'unreadable']),
  reason: z.string(),
});

/** `data` unpacks to, with n moments and the bodies of the episode's scene:
 *  - `poses/<id>` float32 [n, bodies, 7]: px py pz qx qy qz qw in the world frame, metres
 *  - `colours/<id>` float32 [n, bodies, 3], only of tasks whose colours change: sRGB in [0, 1], NaN where a body keeps its own
 */
const thumbnailsSchema = <Body extends z.ZodType>(bodySchema: Body) =>
  z.object({
    moments: z.array(z.enum(moments)),
    /** Each task in one version and with one set of settings. */
    scenes: z.array(z.object({ task: z.string(), version: z.int(), bodies: z.array(bodySchema) })),
    episodes: z.array(shownSchema),
    /** Asked for, and without a picture. */
    absent: z.array(absentSchema),
    data: bytesSchema,
  });

export const thumbnailsContract = <Body extends z.ZodType>(bodySchema: Body) => ({
  /**
   * Poses of few frames of many episodes. The first frame and the middle one (the stored state nearest the middle, so at most 12
   * steps off) are read; the last one is simulated from the stored state before it, 24 steps at most. An episode that cannot be
   * shown is in `absent`; it is no error.
   */
  thumbnails: oc
    .input(
      z.object({
        ids: z.array(id).min(1).max(mostThumbnails),
        moments: z
          .array(z.enum(moments))
          .min(1)
          .max(moments.length)
          .default([...moments]),
      }),
    )
    .output(thumbnailsSchema(bodySchema)),
});
