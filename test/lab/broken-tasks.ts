/** A registry of tasks that break in a thread, each in its own way. */

import { isMainThread } from 'node:worker_threads';
import type { Task, TaskModel } from '../../sim/env.ts';
import { tasks as sound } from '../../sim/tasks/index.ts';

/** Worlds of other threads: from world 1 of 2 on. */
const breaking = (id: string, advance: () => void): Task => ({
  ...sound.cartpole,
  id,
  create(settings) {
    const model: TaskModel = { ...sound.cartpole.create(settings), id };
    return {
      ...model,
      advance(states, actions, first, count) {
        if (!isMainThread && states[first * model.stateDim] === 2) advance();
        model.advance(states, actions, first, count);
      },
    };
  },
});

export const tasks: Readonly<Record<string, Task>> = {
  throws: breaking('throws', () => {
    throw new RangeError('the spring is negative');
  }),
  exits: breaking('exits', () => process.exit(3)),
  hangs: breaking('hangs', () => {
    for (;;);
  }),
  unborn: {
    ...sound.cartpole,
    create(settings) {
      if (!isMainThread) throw new RangeError('no room for it here');
      return sound.cartpole.create(settings);
    },
  },
};
