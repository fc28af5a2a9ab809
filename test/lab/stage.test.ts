/** What the stage is told of an episode: contacts by frame, rays, cameras. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unpack } from '../../lab/pack.ts';
import { contactColumn, contactSize, stageDetails } from '../../lab/stage.ts';
import type { TaskModel } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

/** States of an episode of the expert. */
function episode(id: keyof typeof tasks, steps: number): { model: TaskModel; states: Float64Array } {
  const model = tasks[id].create(defaultsOf(tasks[id].fields));
  const states = new Float64Array((steps + 1) * model.stateDim);
  const row = new Float64Array(model.stateDim);
  const action = new Float64Array(model.actionSpace.dim);
  model.reset(1, row, 0);
  states.set(row, 0);
  for (let t = 1; t <= steps; t++) {
    model.expert(row, 0, action, 0);
    model.advance(row, action, 0, 1);
    states.set(row, t * model.stateDim);
  }
  return { model, states };
}

test('contacts come by frame, with names, and the column marks the frames in which the hand presses on the block', async () => {
  const { model, states } = episode('push', 60);
  const column = contactColumn(model, states)!;
  const { names, views, data } = stageDetails(model, states);
  const { contacts, contactStart } = unpack(await data.arrayBuffer());
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
  const { model, states } = episode('maze', 5);
  assert.equal(contactColumn(model, states), null);
  const { rays, data } = stageDetails(model, states);
  const arrays = unpack(await data.arrayBuffer());
  assert.deepEqual([rays, arrays['rays']!.length, arrays['contacts']], [16, 6 * (3 + 3 * 16), undefined]);
});
