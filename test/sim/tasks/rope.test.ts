/** What is particular to `rope`: a chain that bends, slides and hangs as one, and a line that it may lie along either way round. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { rope } from '../../../sim/tasks/rope.ts';
import { modelOf, randomActions } from './worlds.ts';

const length = 0.26;

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

/** Middles x y z of the links, from end to end, as drawn. */
const middlesOf = (model: TaskModel, row: Float64Array, offset = 0): number[][] => {
  const poses = new Float32Array(model.bodies.length * 7);
  model.poses(row, offset, poses, 0);
  return Array.from({ length: model.goals!.dim / 3 }, (_, k) => {
    const i = model.bodies.findIndex((body) => body.name === `segment${k + 1}`);
    return [...poses.subarray(7 * i, 7 * i + 3)];
  });
};

const apart = (a: readonly number[], b: readonly number[]): number =>
  Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!);

/** Straight along the line, moved aside by `off` metres, turned round by `turn`. */
const lay = (model: TaskModel, row: Float64Array, links: number, off: number, turn: number): void => {
  const line = at(model, 'line');
  const [x, y, c, s] = [...row.subarray(line, line + 4)] as [number, number, number, number];
  // The root is the middle link, or the first of the two: half a link before the middle in the chain's own direction.
  const root = (links - 1) >> 1;
  const before = ((links - 1) / 2 - root) * (length / links);
  const yaw = Math.atan2(s, c) + turn;
  row[at(model, 'chain.x')] = x - off * s - before * Math.cos(yaw);
  row[at(model, 'chain.y')] = y + off * c - before * Math.sin(yaw);
  row[at(model, 'chain.yaw')] = yaw;
  for (let i = 1; i < links; i++) row[at(model, `bend${i}`)] = 0;
};

test('the chain lies along the line either way round, and as near as the tolerance says', () => {
  for (const links of [4, 5, 10]) {
    const model = modelOf(rope, { links, lineTolerance: 0.02 });
    const goals = model.goals!;
    const row = started(model, 4);
    const pair = new Float64Array(2 * goals.dim);
    for (const turn of [0, Math.PI]) {
      for (const [off, wanted] of [
        [0, true],
        [0.0195, true],
        [0.0205, false],
        [-0.0205, false],
      ] as const) {
        lay(model, row, links, off, turn);
        assert.equal(model.success(row, 0), wanted, `${links} links, ${off} aside, turned ${turn}`);
        goals.achieved(row, 0, pair, 0);
        goals.desired(row, 0, pair, goals.dim);
        assert.equal(goals.computeReward(pair, 0, pair, goals.dim), wanted ? 1 : 0);
      }
    }
    // As near on the table, but held up in the air.
    lay(model, row, links, 0, 0);
    row[at(model, 'chain.z')] = 0.05;
    assert.ok(!model.success(row, 0));
  }
});

test('the places along the line are as far apart as the links of a straight chain, whatever their number', () => {
  for (const links of [4, 7, 10]) {
    const model = modelOf(rope, { links });
    const row = started(model, 1);
    lay(model, row, links, 0, 0);
    const middles = middlesOf(model, row);
    assert.equal(middles.length, links);
    for (let i = 1; i < links; i++)
      assert.ok(Math.abs(apart(middles[i]!, middles[i - 1]!) - length / links) < 1e-6);
    const seen = observed(model, row);
    for (let i = 1; i <= links; i++) {
      assert.ok(Math.abs(seen[`segment${i}ToPlace.x`]!) < 1e-9);
      assert.ok(Math.abs(seen[`segment${i}ToPlace.y`]!) < 1e-9);
    }
  }
});

test('links stay together and near the table whatever the hand does', () => {
  const model = modelOf(rope, {});
  const batch = createBatch(model, 4);
  const pitch = length / 5;
  const actions = randomActions(model, 4 * 200, 5);
  for (let t = 0; t < 200; t++) {
    // Held for a while, downwards more often than not, so that the hand gets to the chain.
    const from = Math.floor(t / 10) * 10;
    const chosen = actions.slice(from * 16, from * 16 + 16);
    for (let w = 0; w < 4; w++) chosen[4 * w + 2]! -= 0.5;
    batch.step(chosen.map((a) => Math.max(-1, Math.min(1, a))));
    for (let w = 0; w < 4; w++) {
      const middles = middlesOf(model, batch.states, w * model.stateDim);
      for (let i = 1; i < middles.length; i++) {
        const d = apart(middles[i]!, middles[i - 1]!);
        // Two half links at a bend of at most 1.2 rad about both axes of the hinge.
        assert.ok(d < pitch + 1e-6 && d > 0.3 * pitch, `step ${t}: ${d}`);
      }
    }
  }
});

test('a chain that is left alone stays where it is', () => {
  const model = modelOf(rope, {});
  const batch = createBatch(model, 1);
  batch.reset(0, 9);
  const before = middlesOf(model, batch.states);
  for (let t = 0; t < 60; t++) batch.step(new Float64Array(4));
  middlesOf(model, batch.states).forEach((middle, i) => {
    assert.ok(apart(middle, before[i]!) < 5e-4, `link ${i + 1} moved by ${apart(middle, before[i]!)}`);
  });
});

test('a sliding chain stops after v^2 / (2 mu g)', () => {
  for (const friction of [0.2, 0.4]) {
    const model = modelOf(rope, { friction });
    const row = started(model, 2);
    lay(model, row, 5, 0.1, 0);
    const before = middlesOf(model, row)[2]!;
    row[at(model, 'chain.x.rate')] = 0.6;
    for (let t = 0; t < 30; t++) model.advance(row, new Float64Array(4), 0, 1);
    const slid = apart(middlesOf(model, row)[2]!, before);
    const wanted = 0.6 ** 2 / (2 * friction * 9.81);
    // The first physics step acts on the speed before the friction: 5 %.
    assert.ok(Math.abs(slid - wanted) < 0.05 * wanted, `friction ${friction}: ${slid}, wanted ${wanted}`);
  }
});

test('lifted by one end the chain hangs down to the other, which stays on the table', () => {
  const model = modelOf(rope, {});
  const row = started(model, 2);
  lay(model, row, 5, 0, 0);
  const seen = observed(model, row);
  row[at(model, 'tool.x')]! += seen['gripperToPin1.x']!;
  row[at(model, 'tool.y')]! += seen['gripperToPin1.y']!;
  row[at(model, 'tool.z')] = 0.02;
  for (let t = 0; t < 10; t++) model.advance(row, Float64Array.of(0, 0, 0, 1), 0, 1);
  for (let t = 0; t < 8; t++) model.advance(row, Float64Array.of(0, 0, 0.6, 1), 0, 1);
  const middles = middlesOf(model, row);
  assert.ok(middles[0]![2]! > 0.03, `first link at ${middles[0]![2]}`);
  assert.ok(middles[4]![2]! < 0.012, `last link at ${middles[4]![2]}`);
  // Each hangs lower than the one before, or lies beside it.
  for (let i = 1; i < 5; i++) assert.ok(middles[i]![2]! < middles[i - 1]![2]! + 1e-3, `${middles}`);
});

test('difficulty bends the chain, turns it from the line and halves the tolerance', () => {
  const about = (difficulty: number): { bent: number; across: number; reaches: number } => {
    const model = modelOf(rope, { difficulty });
    let bent = 0;
    let across = 0;
    for (let seed = 0; seed < 60; seed++) {
      const row = started(model, seed);
      for (let i = 1; i < 5; i++) bent = Math.max(bent, Math.abs(row[at(model, `bend${i}`)]!));
      const line = at(model, 'line');
      const yaw = row[at(model, 'chain.yaw')]!;
      across = Math.max(across, Math.abs(Math.sin(yaw) * row[line + 2]! - Math.cos(yaw) * row[line + 3]!));
    }
    const row = started(model, 0);
    let reaches = 0;
    for (let off = 0.001; off < 0.03; off += 0.001) {
      lay(model, row, 5, off, 0);
      if (model.success(row, 0)) reaches = off;
    }
    return { bent, across, reaches };
  };
  const [easy, normal, hard] = [about(0), about(0.5), about(1)];
  assert.deepEqual([easy.bent, easy.across < 1e-9], [0, true]);
  assert.ok(normal.bent > 0.2 && normal.bent <= 0.35 && hard.bent > 0.4);
  assert.ok(normal.across > 0.6 && normal.across < Math.sin(0.9) && hard.across > 0.9);
  assert.ok(Math.abs(normal.reaches - 0.019) < 1.1e-3 && Math.abs(hard.reaches - 0.009) < 1.1e-3);
});

test('with occlusion links under the palm are reported at the hand, at rest and as not seen', () => {
  const model = modelOf(rope, { occlusion: true });
  const row = started(model, 3);
  lay(model, row, 5, 0, 0);
  const middle = middlesOf(model, row)[2]!;
  row[at(model, 'tool.x')] = middle[0]! + 0.02;
  row[at(model, 'tool.y')] = middle[1]!;
  row[at(model, 'chain.x.rate')] = 0.3;
  row[at(model, 'bend2.rate')] = 2;
  const hidden = observed(model, row);
  assert.deepEqual(
    [hidden.segment3Seen, hidden['gripperToSegment3.x'], hidden['chainVel.x'], hidden.bend2Rate],
    [0, 0, 0, 0],
  );
  const open = observed(modelOf(rope, {}), row);
  assert.ok(Math.abs(open['gripperToSegment3.x']! + 0.02) < 1e-6);
  assert.deepEqual([open['chainVel.x'], open.bend2Rate], [0.3, 2]);
  row[at(model, 'tool.x')] = 0.25;
  row[at(model, 'tool.y')] = -0.3;
  const free = observed(model, row);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((i) => free[`segment${i}Seen`]),
    [1, 1, 1, 1, 1],
  );
  assert.equal(free['chainVel.x'], 0.3);
});
