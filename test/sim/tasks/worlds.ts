/** What the tests of the tasks share. */

import { createRandom, type Random } from '../../../sim/engine/random.ts';
import type { BatchEnv, Task, TaskModel } from '../../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../../sim/fields.ts';

export const modelOf = (task: Task, settings: AnySettings = {}): TaskModel =>
  task.create({ ...defaultsOf(task.fields), ...settings });

/** One random number of an action: uniform over `most` of the space's range, or any of the options. */
export function randomAction({ actionSpace }: TaskModel, random: Random, i: number, most = 1): number {
  if (actionSpace.type === 'discrete') return random.integer(actionSpace.n);
  const high = actionSpace.high[i % actionSpace.dim]!;
  return random.uniform(-most * high, most * high);
}

/** Seeded random actions for a number of steps. [steps * actionDim] */
export function randomActions(model: TaskModel, steps: number, seed: number, most = 1): Float64Array {
  const random = createRandom(seed);
  return Float64Array.from({ length: steps * model.actionSpace.dim }, (_, i) =>
    randomAction(model, random, i, most),
  );
}

/**
 * The expert's actions for all worlds, each with uniform noise of at most `noise` (in halves of the space's range) added;
 * of options a share of `noise` / 2 is replaced by the first or last.
 */
export function expertActions(batch: BatchEnv, out: Float64Array, noise: number, draw: () => number): void {
  const { model, count } = batch;
  const dim = model.actionSpace.dim;
  for (let w = 0; w < count; w++) model.expert(batch.states, w * model.stateDim, out, w * dim);
  if (noise === 0) return;
  for (let i = 0; i < out.length; i++) {
    const strength = 2 * draw() - 1;
    if (model.actionSpace.type === 'box') out[i]! += noise * strength * model.actionSpace.high[i % dim]!;
    else if (Math.abs(strength) < noise / 2) out[i] = strength < 0 ? 0 : model.actionSpace.n - 1;
  }
}
