/** What the stage is told of an episode: contacts by frame, rays, cameras. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unpack } from '../../lab/pack.ts';
import { contactColumn, contactSize, stageDetails } from '../../lab/stage.ts';
import type { TaskModel } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

/** States of an episode of the expert. */
function episode(
  id: keyof typeof tasks,
  steps: number,
  settings: object = {},
): { model: TaskModel; states: Float64Array; actions: Float64Array } {
  const model = tasks[id].create({ ...defaultsOf(tasks[id].fields), ...settings });
  const states = new Float64Array((steps + 1) * model.stateDim);
  const actions = new Float64Array(steps * model.actionSpace.dim);
  const row = new Float64Array(model.stateDim);
  const action = new Float64Array(model.actionSpace.dim);
  model.reset(1, row, 0);
  states.set(row, 0);
  for (let t = 1; t <= steps; t++) {
    model.expert(row, 0, action, 0);
    actions.set(action, (t - 1) * action.length);
    model.advance(row, action, 0, 1);
    states.set(row, t * model.stateDim);
  }
  return { model, states, actions };
}

test('contacts come by frame, with names, and the column marks the frames in which the hand presses on the block', async () => {
  const { model, states, actions } = episode('push', 60);
  const column = contactColumn(model, states, actions)!;
  const { names, views, data } = stageDetails(model, states, actions);
  const { contacts, contactStart } = unpack(data);
  assert.equal(contactStart!.length, 62);
  assert.equal(contacts!.length, contactSize * contactStart![61]!);
  let pushing = 0;
  for (let t = 0; t <= 60; t++) {
    const pairs: string[] = [];
    for (let k = contactStart![t]!; k < contactStart![t + 1]!; k++) {
      const [a, b] = [contacts![k * contactSize + 10]!, contacts![k * contactSize + 11]!];
      pairs.push([names[a], names[b]].sort().join(' '));
    }
    const hand = pairs.some((pair) => pair.includes('block') && /hand|Finger/.test(pair));
    assert.equal(column[t], hand ? 1 : 0, `frame ${t}: ${pairs}`);
    pushing += column[t]!;
  }
  assert.ok(pushing > 5 && column[0] === 0, `frames of pushing: ${pushing}`);
  assert.deepEqual(
    views.map(({ name }) => name),
    ['front', 'side', 'top', 'wrist'],
  );
  assert.equal(model.bodies[views[3]!.body]!.name, 'hand');
});

test('a lidar is told ray by ray; a task without contacts says so', async () => {
  const pole = episode('cartpole', 5);
  assert.equal(contactColumn(pole.model, pole.states, pole.actions), null);
  assert.equal(unpack(stageDetails(pole.model, pole.states, pole.actions).data)['contacts'], undefined);
  const { model, states, actions } = episode('maze', 5);
  const { rays, data } = stageDetails(model, states, actions);
  const arrays = unpack(data);
  assert.deepEqual([rays, arrays['rays']!.length], [16, 6 * (3 + 3 * 16)]);
});

test('in soccer the column marks the frames after the agent met the ball, an opponent or the boards', async () => {
  const { model, states, actions } = episode('soccer', 200);
  const column = contactColumn(model, states, actions)!;
  const { names, data } = stageDetails(model, states, actions);
  const { contacts, contactStart } = unpack(data);
  assert.equal(contactStart!.at(-1), contacts!.length / contactSize);
  let met = 0;
  for (let t = 0; t <= 200; t++) {
    const pairs: string[] = [];
    for (let k = contactStart![t]!; k < contactStart![t + 1]!; k++)
      pairs.push(`${names[contacts![k * contactSize + 10]!]} ${names[contacts![k * contactSize + 11]!]}`);
    const hit = pairs.some((pair) => /^(home0 (ball|away0)|wall home0)$/.test(pair));
    assert.equal(column[t], hit ? 1 : 0, `frame ${t}: ${pairs}`);
    met += column[t]!;
  }
  assert.ok(met > 0 && column[0] === 0, `frames of contact: ${met}`);
});

test('being tagged is a contact, without a force', () => {
  const { model, states, actions } = episode('tag', 120);
  const column = contactColumn(model, states, actions)!;
  const out = model.stateLayout.find(({ name }) => name === 'runner0.out')!.offset;
  const tagged = Array.from(column).findIndex((_, t) => states[t * model.stateDim + out] === 1);
  assert.ok(tagged > 0);
  const [touch] = model.impacts!(states, (tagged - 1) * model.stateDim, actions, (tagged - 1) * 2);
  assert.deepEqual([touch!.bodyA, touch!.bodyB, touch!.force], ['tagger0', 'runner0', 0]);
  assert.equal(column[tagged], 1);
});

test('a base that drives on against a wall of its maze is in contact from the frame on which it gets there', () => {
  const { model, states, actions } = episode('maze', 40);
  const row = states.slice(0, model.stateDim);
  row.set([1, 0], model.stateLayout.find(({ name }) => name === 'baseYaw')!.offset);
  states.set(row, 0);
  for (let t = 0; t < 40; t++) {
    actions.set([1, 1], 2 * t);
    model.advance(row, actions.subarray(2 * t, 2 * t + 2), 0, 1);
    states.set(row, (t + 1) * model.stateDim);
  }
  const column = Array.from(contactColumn(model, states, actions)!);
  const first = column.indexOf(1);
  assert.ok(first > 1 && column.slice(first).every((mark) => mark === 1), String(column));
});
