/** All tasks. A task is one file and one line here. */

import type { Task } from '../env.ts';
import { pickPlace } from './pick-place.ts';
import { push } from './push.ts';
import { reach } from './reach.ts';

export const tasks = { reach, push, 'pick-place': pickPlace } as const satisfies Readonly<
  Record<string, Task>
>;

export type TaskId = keyof typeof tasks;
