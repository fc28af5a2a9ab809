import assert from 'node:assert/strict';
import { test } from 'node:test';
import { observationLayout, openSenses, type SenseId, viewSide } from '../../../learn/rewards/senses.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const modelOf = (id: keyof typeof tasks): TaskModel => tasks[id].create(defaultsOf(tasks[id].fields));

function startOf(model: TaskModel, seed = 3): Float64Array {
  const state = new Float64Array(model.stateDim);
  model.reset(seed, state, 0);
  return state;
}

function read(model: TaskModel, ids: readonly SenseId[], state = startOf(model)) {
  const senses = openSenses(model, ids);
  const row = new Float64Array(senses.dim);
  senses.read(state, 0, 1, row, 0);
  const named = (name: string): number => {
    const part = senses.parts.find(({ names }) => names.includes(name))!;
    return row[part.offset + part.names.indexOf(name)]!;
  };
  return { senses, row, named };
}

test('objects are the places of hand, thing and target, and the same slots for every task', () => {
  const push = modelOf('push');
  const state = startOf(push);
  const { named, senses } = read(push, ['objects'], state);
  const poses = new Float32Array(push.bodies.length * 7);
  push.poses(state, 0, poses, 0);
  const at = (name: string, axis: number): number =>
    poses[push.bodies.findIndex((body) => body.name === name) * 7 + axis]!;
  assert.equal(named('thing1Pos.x'), at('block', 0));
  assert.equal(named('target1Pos.y'), at('goal', 1));
  assert.equal(named('target1FromThing1.x'), at('goal', 0) - at('block', 0));
  // A block on the table stands upright.
  assert.ok(Math.abs(named('thing1Up.z') - 1) < 1e-6);
  assert.ok(Math.abs(named('handOpening') - Math.abs(at('leftFinger', 1) - at('rightFinger', 1))) < 0.02);
  assert.equal(named('thing2'), 0);
  for (const id of ['reach', 'stack', 'peg', 'drawer', 'maze'] as const)
    assert.equal(openSenses(modelOf(id), ['objects']).dim, senses.dim, id);
  const stack = read(modelOf('stack'), ['objects']);
  assert.deepEqual([stack.named('thing1'), stack.named('thing2'), stack.named('thing3')], [1, 1, 0]);
});

test('goal is what is achieved, then what is wanted', () => {
  const push = modelOf('push');
  const state = startOf(push);
  const { named, senses } = read(push, ['goal'], state);
  const wanted = new Float64Array(push.goals!.dim);
  push.goals!.desired(state, 0, wanted, 0);
  assert.equal(senses.dim, 2 * push.goals!.dim);
  assert.equal(named('desired/blockPos.x'), wanted[0]);
});

test('a camera sees things where they are, and nothing when it is blocked', () => {
  const push = modelOf('push');
  const state = startOf(push);
  const { named } = read(push, ['seen:top'], state);
  assert.ok(named('thing1Seen') > 0 && named('thing1Depth') > 0.1);
  // Moved to the right in the picture from above is moved along the table.
  const moved = state.slice();
  const block = push.stateLayout.find(({ name }) => /block/i.test(name) && /pos/i.test(name))!;
  moved[block.offset] = moved[block.offset]! + 0.1;
  const after = read(push, ['seen:top'], moved);
  const shift = Math.hypot(
    after.named('thing1X') - named('thing1X'),
    after.named('thing1Y') - named('thing1Y'),
  );
  assert.ok(shift > 0.05, String(shift));
  const blind = openSenses(push, ['seen:top', 'view:top'], { blocked: ['top'] });
  const row = new Float64Array(blind.dim).fill(1);
  blind.read(state, 0, 1, row, 0);
  assert.ok(row.every((value) => value === 0));
});

test('a view is a picture of red, green and blue in [0, 1]', () => {
  const { row, senses } = read(modelOf('push'), ['view:front']);
  assert.equal(senses.dim, viewSide * viewSide * 3);
  assert.ok(row.every((value) => value >= 0 && value <= 1));
  assert.ok(new Set(row).size > 20);
});

test('several senses lie side by side, and rows of many worlds one after the other', () => {
  const push = modelOf('push');
  const senses = openSenses(push, ['observation', 'goal']);
  assert.deepEqual(
    senses.parts.map(({ offset, dim }) => [offset, dim]),
    [
      [0, push.observationSpace.dim],
      [push.observationSpace.dim, 2 * push.goals!.dim],
    ],
  );
  const states = new Float64Array(2 * push.stateDim);
  push.reset(1, states, 0);
  push.reset(2, states, push.stateDim);
  const rows = new Float64Array(2 * senses.dim);
  senses.read(states, 0, 2, rows, 0);
  for (const world of [0, 1]) {
    const alone = new Float64Array(senses.dim);
    senses.read(states, world, 1, alone, 0);
    assert.deepEqual(rows.slice(world * senses.dim, (world + 1) * senses.dim), alone);
  }
  assert.equal(observationLayout(push).dim, push.observationSpace.dim);
});

test('senses that are not there are refused by name', () => {
  const push = modelOf('push');
  const peg = modelOf('peg');
  assert.throws(() => openSenses(push, []), /Senses: found none/);
  assert.throws(() => openSenses(push, ['goal', 'goal']), /"goal" is there twice/);
  assert.throws(() => openSenses(peg, ['goal']), /task peg has no goals/);
  assert.throws(() => openSenses(push, ['view:moon']), /unknown view "moon"/);
  assert.throws(() => openSenses(push, ['smell' as SenseId]), /unknown sense "smell"/);
});
