/** What is particular to `sort`: a list of objects of changing length, colours and the zones that belong to them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TaskModel } from '../../../sim/env.ts';
import { sort } from '../../../sim/tasks/sort.ts';
import { modelOf } from './worlds.ts';

const at = (model: TaskModel, name: string): number => {
  const field = model.stateLayout.find((one) => one.name === name);
  assert.ok(field, name);
  return field.offset;
};

const started = (model: TaskModel, seed: number): Float64Array => {
  const row = new Float64Array(model.stateDim);
  model.reset(seed, row, 0);
  return row;
};

const observed = (model: TaskModel, row: Float64Array): Record<string, number> => {
  const out = new Float64Array(model.observationSpace.dim);
  model.observe(row, 0, out, 0);
  return Object.fromEntries(model.observationSpace.names.map((name, i) => [name, out[i]!]));
};

/** Middles of the zones by colour, read off the drawn scene. */
const zonesOf = (model: TaskModel): { x: number; y: number; half: number; colour: readonly number[] }[] => {
  const poses = new Float32Array(model.bodies.length * 7);
  model.poses(started(model, 0), 0, poses, 0);
  return model.bodies.flatMap((body, i) =>
    body.name.startsWith('zone') && body.shape.type === 'box'
      ? [{ x: poses[7 * i]!, y: poses[7 * i + 1]!, half: body.shape.size[0] / 2, colour: body.colour! }]
      : [],
  );
};

/** Puts every block that is there into the zone of colour `zoneOf(its colour)`, apart from each other. */
const lay = (
  model: TaskModel,
  row: Float64Array,
  objects: number,
  zoneOf: (colour: number) => number,
): void => {
  const zones = zonesOf(model);
  for (let i = 0; i < objects; i++) {
    if (row[at(model, 'present') + i] !== 1) continue;
    const zone = zones[zoneOf(row[at(model, 'colour') + i]!)]!;
    const pos = at(model, `block${i + 1}.pos`);
    row[pos] = zone.x + ((i & 1) === 0 ? -0.03 : 0.03);
    row[pos + 1] = zone.y + ((i & 2) === 0 ? -0.03 : 0.03);
    row[pos + 2] = 0.02;
  }
};

test('each episode has 1 to `objects` blocks; absent ones are zeros in the observation and out of sight', () => {
  const model = modelOf(sort, { objects: 4 });
  const poses = new Float32Array(model.bodies.length * 7);
  const counts = [0, 0, 0, 0, 0];
  for (let seed = 0; seed < 200; seed++) {
    const row = started(model, seed);
    const seen = observed(model, row);
    model.poses(row, 0, poses, 0);
    let count = 0;
    for (let i = 1; i <= 4; i++) {
      const slot = Object.entries(seen).filter(
        ([name]) => name.startsWith(`block${i}`) || name.startsWith(`gripperToBlock${i}`),
      );
      assert.equal(slot.length, 19);
      const z = poses[7 * model.bodies.findIndex((body) => body.name === `block${i}`) + 2]!;
      if (row[at(model, 'present') + i - 1] === 1) {
        count++;
        assert.equal(seen[`block${i}Present`], 1);
        assert.ok(Math.abs(z - 0.02) < 1e-6);
      } else {
        assert.ok(slot.every(([, value]) => value === 0));
        assert.ok(row[at(model, `block${i}.pos`) + 2]! < -5);
        assert.ok(z < -0.1 && z > -0.75, `drawn at ${z}`);
      }
    }
    counts[count]!++;
    assert.equal(model.stage(row, 0), 4 - count);
  }
  assert.equal(counts[0], 0);
  for (const count of counts.slice(1)) assert.ok(count > 25, `${counts}`);
});

test('with `varying` off all blocks are there; no zone has more of a colour than it has room for', () => {
  const model = modelOf(sort, { objects: 6, varying: false, colours: 2 });
  const splits = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const row = started(model, seed);
    assert.deepEqual([...row.subarray(at(model, 'present'), at(model, 'present') + 6)], [1, 1, 1, 1, 1, 1]);
    const colours = row.subarray(at(model, 'colour'), at(model, 'colour') + 6);
    splits.add(colours.reduce((sum, c) => sum + c, 0));
  }
  assert.deepEqual([...splits], [3]);
});

test('a block counts in the zone of its own colour alone, drawn in that colour', () => {
  const model = modelOf(sort, { objects: 4, colours: 3, varying: false });
  const terms = new Float64Array(4);
  const action = new Float64Array(4);
  const row = started(model, 3);
  const drawn = new Float32Array(model.bodies.length * 3);
  model.colours!(row, 0, drawn, 0);
  const zones = zonesOf(model);
  assert.equal(zones.length, 3);
  for (let i = 0; i < 4; i++) {
    const own = zones[row[at(model, 'colour') + i]!]!.colour;
    const to = 3 * model.bodies.findIndex((body) => body.name === `block${i + 1}`);
    assert.deepEqual([...drawn.subarray(to, to + 3)], own.map(Math.fround));
  }

  lay(model, row, 4, (c) => c);
  assert.ok(model.success(row, 0));
  model.reward(row, 0, action, 0, row, 0, terms, 0);
  assert.deepEqual([...terms], [1, 1, 1, 1]);
  // In the air above the zone, or sliding through it, is not there yet.
  const pos = at(model, 'block1.pos');
  row[pos + 2] = 0.05;
  assert.equal(model.stage(row, 0), 3);
  row[pos + 2] = 0.02;
  row[at(model, 'block1.vel')] = 0.2;
  assert.equal(model.stage(row, 0), 3);
  row[at(model, 'block1.vel')] = 0;
  assert.equal(model.stage(row, 0), 4);

  lay(model, row, 4, (c) => (c + 1) % 3);
  assert.equal(model.stage(row, 0), 0);
  model.reward(row, 0, action, 0, row, 0, terms, 0);
  assert.equal(terms[0], 0);
});

test('progress grows with every block that lies in its zone', () => {
  const model = modelOf(sort, { objects: 3, varying: false });
  const sorted = started(model, 8);
  const row = sorted.slice();
  lay(model, sorted, 3, (c) => c);
  let before = model.progress(row, 0);
  assert.ok(before < 0.1);
  for (let i = 1; i <= 3; i++) {
    const pos = at(model, `block${i}.pos`);
    row.set(sorted.subarray(pos, pos + 3), pos);
    const now = model.progress(row, 0);
    assert.ok(now > before + 0.25, `${before} to ${now}`);
    before = now;
  }
  assert.equal(before, 1);
  row[at(model, 'block2.pos') + 2] = -0.3;
  assert.equal(model.progress(row, 0), 0);
  assert.ok(
    modelOf(sort, { objects: 3, fixedHorizon: false }).terminal(row, 0),
    'a block on the floor is lost',
  );
});

test('difficulty moves the starts away from the zones and shrinks these', () => {
  const about = (difficulty: number): { distance: number; turned: number; half: number } => {
    const model = modelOf(sort, { difficulty, varying: false });
    const zones = zonesOf(model);
    let distance = 0;
    let turned = 0;
    for (let seed = 0; seed < 100; seed++) {
      const row = started(model, seed);
      for (let i = 0; i < 3; i++) {
        const pos = at(model, `block${i + 1}.pos`);
        const zone = zones[row[at(model, 'colour') + i]!]!;
        distance += Math.hypot(row[pos]! - zone.x, row[pos + 1]! - zone.y) / 300;
        turned = Math.max(turned, 2 * Math.abs(row[pos + 5]!));
      }
    }
    return { distance, turned, half: zones[0]!.half };
  };
  const [easy, normal, hard] = [about(0), about(0.5), about(1)];
  assert.ok(easy.distance < 0.7 * normal.distance, `${easy.distance} ${normal.distance}`);
  assert.equal(easy.turned, 0);
  assert.ok(normal.turned > 0.25 && normal.turned < 0.301);
  assert.ok(hard.turned > 0.7);
  assert.ok(Math.abs(hard.half - 0.05) < 1e-6 && normal.half > 0.07);
});

test('with occlusion a block under the palm is reported at the hand and as not seen', () => {
  const model = modelOf(sort, { occlusion: true, varying: false });
  const row = started(model, 5);
  const pos = at(model, 'block1.pos');
  row[at(model, 'tool.x')] = row[pos]! + 0.02;
  row[at(model, 'tool.y')] = row[pos + 1]!;
  const hidden = observed(model, row);
  assert.deepEqual([hidden.block1Seen, hidden['gripperToBlock1.x'], hidden['gripperToBlock1.z']], [0, 0, 0]);
  const open = observed(modelOf(sort, { varying: false }), row);
  assert.ok(Math.abs(open['gripperToBlock1.x']! + 0.02) < 1e-12);
  row[at(model, 'tool.x')] = row[pos]! + 0.05;
  assert.equal(observed(model, row).block1Seen, 1);
});
