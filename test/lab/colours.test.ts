/** Colours that change reach the window as an array of their own. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { coloursOf } from '../../lab/replay.ts';
import type { TaskModel } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

test('colours of every frame are the task’s own, and a task without any has no array', () => {
  const push: TaskModel = tasks.push.create(defaultsOf(tasks.push.fields));
  const bodies = push.bodies.length;
  const states = new Float64Array(3 * push.stateDim);
  for (let t = 0; t < 3; t++) states[t * push.stateDim] = t;
  assert.equal(coloursOf(push, states), null);
  const painted: TaskModel = {
    ...push,
    colours(state, o, out, at) {
      out.fill(Number.NaN, at, at + bodies * 3);
      out.set([0, 0.5, state[o]! / 2], at + 3);
    },
  };
  const colours = coloursOf(painted, states)!;
  assert.equal(colours.length, 3 * bodies * 3);
  for (let t = 0; t < 3; t++) {
    assert.deepEqual([...colours.subarray((t * bodies + 1) * 3, (t * bodies + 2) * 3)], [0, 0.5, t / 2]);
    assert.ok(Number.isNaN(colours[t * bodies * 3]));
  }
});
