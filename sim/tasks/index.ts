/** All tasks. A task is one file and one line here. */

import type { Task } from '../env.ts';
import { push } from './push.ts';

export const tasks = { push } as const satisfies Readonly<Record<string, Task>>;

export type TaskId = keyof typeof tasks;
