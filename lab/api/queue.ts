/** Runs that wait for their turn, and several seeds at once. Part of `lab/api.ts`. */

import { oc } from '@orpc/contract';
import { z } from 'zod';

const id = z.int().positive();
const seed = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);

export const queueSchema = z.object({
  /** In the order in which they will begin. */
  waiting: z.array(id),
  /** Runs at once at most. */
  most: z.int(),
});
export type QueueInfo = z.infer<typeof queueSchema>;

export const queueContract = {
  list: oc.output(queueSchema),
  /** A waiting run to a place in the queue, 0: the next. */
  move: oc.input(z.object({ id, to: z.int().min(0) })).output(queueSchema),
};

export const seedsContract = <Recipe extends z.ZodType>(recipe: Recipe) => ({
  /** Queues a training run a seed, as one group; all or none. */
  startSeeds: oc
    .input(z.object({ recipe, seeds: z.array(seed).min(1).max(100) }))
    .output(z.object({ group: z.string(), ids: z.array(id) })),
});
