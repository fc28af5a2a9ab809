/** The registries by name, for names from outside: a recipe, a flag, a stored run. `undefined` for what is not in this version. */

import { algorithms } from '../learn/algorithms/index.ts';
import type { Algorithm } from '../learn/algorithms/types.ts';
import { rewards } from '../learn/rewards/index.ts';
import type { RewardMethod } from '../learn/rewards/types.ts';
import type { Task } from '../sim/env.ts';
import { tasks } from '../sim/tasks/index.ts';

const named =
  <T>(registry: Readonly<Record<string, T>>) =>
  (id: string): T | undefined =>
    Object.hasOwn(registry, id) ? registry[id] : undefined;

export const taskNamed = named<Task>(tasks);
export const algorithmNamed = named<Algorithm>(algorithms);
export const rewardNamed = named<RewardMethod>(rewards);
