/** What the stage draws beside the bodies: contacts with their forces, lidar rays, the robot's cameras. Part of `lab/api.ts`. */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import { bytesSchema } from './bytes.ts';

const vector = z.tuple([z.number(), z.number(), z.number()]);

export const cameraViewSchema = z.object({
  name: z.string(),
  /** Index of the body that carries the camera, so that position and target are in its frame; -1: the world's. */
  body: z.int(),
  /** False: the camera moves with the body but keeps its heading. */
  turns: z.boolean(),
  position: vector,
  target: vector,
  /** Vertical, radians. */
  fieldOfView: z.number(),
});
export type CameraViewInfo = z.infer<typeof cameraViewSchema>;

/**
 * `data` unpacks to, T = length of the episode:
 *  - `contacts` float32 [contacts, 12], only of tasks that tell them: point (m), normal from A to B, force along it (N), friction
 *    on B (N, 3), index of A and of B in `names`; frame t has the rows `contactStart[t]` .. `contactStart[t + 1] - 1`
 *  - `contactStart` uint32 [T + 2]
 *  - `rays` float32 [T + 1, 3 + 3 * rays], only of tasks with a lidar: where its rays begin, then where each ends
 */
export const stageDetailsSchema = z.object({
  views: z.array(cameraViewSchema),
  /** Of bodies that touch; most are names of bodies, some (the ground) are not drawn. */
  names: z.array(z.string()),
  rays: z.int(),
  data: bytesSchema,
});
export type StageDetailsInfo = z.infer<typeof stageDetailsSchema>;

export const stageContract = {
  /** Simulates the episode again, so that `episodes.open` stays quick. */
  details: oc.input(z.object({ id: z.int().positive() })).output(stageDetailsSchema),
};
