/** What the tests of the tasks share. */

import { createRandom } from '../../../sim/engine/random.ts';
import type { BatchEnv, Task, TaskModel } from '../../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../../sim/fields.ts';

export const modelOf = (task: Task, settings: AnySettings = {}): TaskModel =>
  task.create({ ...defaultsOf(task.fields), ...settings });

/** Seeded random actions for a number of steps. [steps * actionDim] */
export function randomActions(model: TaskModel, steps: number, seed: number, most = 1): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: steps * model.actionSpace.dim }, () => random.uniform(-most, most));
}

/** The expert's actions for all worlds, each with uniform noise of at most `noise` added. */
export function expertActions(batch: BatchEnv, out: Float64Array, noise: number, draw: () => number): void {
  const { model, count } = batch;
  const dim = model.actionSpace.dim;
  for (let w = 0; w < count; w++) model.expert(batch.states, w * model.stateDim, out, w * dim);
  if (noise > 0) for (let i = 0; i < out.length; i++) out[i]! += noise * (2 * draw() - 1);
}
