import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actionOfKeys, driveKeys, newHand, waitsForKeys } from '../../lab/drive-keys.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

const spaceOf = (id: keyof typeof tasks) => tasks[id].create(defaultsOf(tasks[id].fields)).actionSpace;

function actions(
  id: keyof typeof tasks,
  presses: readonly (readonly string[])[],
  last: Float64Array | null = null,
) {
  const space = spaceOf(id);
  const keys = driveKeys(space);
  const hand = newHand(space, keys, last);
  const out = new Float64Array(space.dim);
  return presses.map((codes) => {
    actionOfKeys(space, keys, codes, hand, out);
    return [...out];
  });
}

test('every component of every task has keys, and no key means two things', () => {
  for (const id of Object.keys(tasks) as (keyof typeof tasks)[]) {
    const space = spaceOf(id);
    const keys = driveKeys(space);
    const codes = keys.flatMap((key) => key.codes);
    assert.equal(new Set(codes).size, codes.length, id);
    const steered = new Set(keys.flatMap(({ adds }) => adds.map(({ component }) => component)));
    assert.deepEqual(
      [...steered].sort((a, b) => a - b),
      space.names.map((_, k) => k),
      id,
    );
  }
});

test('keys add up, are held within the range, and shift slows them', () => {
  assert.deepEqual(actions('reach', [['KeyW', 'KeyA'], ['KeyW', 'KeyS'], ['ArrowUp', 'ShiftLeft'], []]), [
    [1, 1, 0],
    [0, 0, 0],
    [0.25, 0, 0],
    [0, 0, 0],
  ]);
  assert.deepEqual(actions('maze', [['KeyW', 'KeyD'], ['KeyA']]), [
    [1, 0.5],
    [-0.5, 0.5],
  ]);
});

test('the gripper is turned over by a press, not by holding, and stays as the driver found it', () => {
  const grips = (last: Float64Array | null) =>
    actions('stack', [[], ['Space'], ['Space'], [], ['KeyG']], last).map((action) => action[3]);
  assert.deepEqual(grips(null), [-1, 1, 1, 1, -1]);
  assert.deepEqual(grips(Float64Array.of(0, 0, 0, 0.8)), [1, -1, -1, -1, 1]);
});

test('of three options the middle one is no key, of two the last goes on, grids wait for a move', () => {
  assert.deepEqual(actions('mountain-car', [['KeyA'], [], ['KeyD']]), [[0], [1], [2]]);
  assert.deepEqual(actions('cartpole', [['KeyD'], [], ['KeyA'], []]), [[1], [1], [0], [0]]);
  assert.deepEqual(actions('grid-world', [['ArrowRight'], ['KeyG']]), [[1], [4]]);
  assert.deepEqual(
    (['grid-world', 'cartpole', 'reach'] as const).map((id) => waitsForKeys(spaceOf(id))),
    [true, false, false],
  );
});
