import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toNative, toUnit } from '../../lab/unit-actions.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { modelOf } from '../sim/tasks/worlds.ts';

const space = (id: keyof typeof tasks) => modelOf(tasks[id]).actionSpace;

test('a torque in [-1, 1] becomes one in newton metres, clipped, and back', () => {
  const out = new Float64Array(5);
  assert.deepEqual(
    [...toNative(space('pendulum'), Float64Array.of(-1, 0, 0.25, 1, 7), out)],
    [-2, 0, 0.5, 2, 2],
  );
  const row = Float64Array.of(9, 0.5);
  toUnit(space('pendulum'), row, 1);
  assert.deepEqual([...row], [9, 0.25]);
});

test('options and actions that are in [-1, 1] already pass through untouched', () => {
  const out = new Float64Array(3);
  const actions = Float64Array.of(0.1, 1.5, -0.3);
  for (const id of ['reach', 'cartpole', 'mountain-car-continuous'] as const) {
    assert.equal(toNative(space(id), actions, out), actions);
    const row = actions.slice();
    toUnit(space(id), row, 0);
    assert.deepEqual(row, actions);
  }
});
