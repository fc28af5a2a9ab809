/** The registries by name, for names from outside: a recipe, a flag, a stored run. `undefined` for what is not in this version. */

import { algorithms } from '../learn/algorithms/index.ts';
import type { Algorithm } from '../learn/algorithms/types.ts';
import { rewards } from '../learn/rewards/index.ts';
import type { LearnedReward, RewardMethod } from '../learn/rewards/types.ts';
import type { Task } from '../sim/env.ts';
import { tasks } from '../sim/tasks/index.ts';

const named =
  <T>(registry: Readonly<Record<string, T>>) =>
  (id: string): T | undefined =>
    Object.hasOwn(registry, id) ? registry[id] : undefined;

export const taskNamed = named<Task>(tasks);
export const algorithmNamed = named<Algorithm>(algorithms);
export const rewardNamed = named<RewardMethod>(rewards);

/** The method of a stored model or run. @throws RangeError naming whose it is when this version has none, or nothing is fitted in it. */
export function learnedReward(id: string, whose: string): LearnedReward {
  const method = rewardNamed(id);
  if (method === undefined) throw new RangeError(`${whose}: reward "${id}" is not in this version`);
  if (method.kind !== 'learned')
    throw new RangeError(`${whose}: ${id} is a native reward; there is nothing to fit`);
  return method;
}
