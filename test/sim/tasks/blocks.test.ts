/** What is particular to the tasks with loose blocks: turns of cubes, hidden blocks, options of starts, grips. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import { multiplyQuat, type Quat } from '../../../sim/engine/scene.ts';
import type { TaskModel } from '../../../sim/env.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { reachAlongY, writeTurn } from '../../../sim/tasks/blocks.ts';
import { tasks } from '../../../sim/tasks/index.ts';
import { expertActions, modelOf } from './worlds.ts';

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

const about = (axis: 0 | 1 | 2, angle: number): Quat => {
  const q: [number, number, number, number] = [0, 0, 0, Math.cos(angle / 2)];
  q[axis] = Math.sin(angle / 2);
  return q;
};

/** The 24 turns that carry a cube into itself. */
function* cubeTurns(): Generator<Quat> {
  const quarter = Math.PI / 2;
  for (const face of [about(0, 0), about(0, quarter), about(0, 2 * quarter), about(0, -quarter)])
    for (let k = 0; k < 4; k++) yield multiplyQuat(face, about(2, k * quarter));
  for (const face of [about(1, quarter), about(1, -quarter)])
    for (let k = 0; k < 4; k++) yield multiplyQuat(face, about(2, k * quarter));
}

test('the turn of a cube is the same whichever face is which, and tells heading and tilt', () => {
  const out = new Float64Array(4);
  const random = createRandom(4);
  for (let i = 0; i < 50; i++) {
    const heading = random.uniform(-3, 3);
    const tilt = random.uniform(0, 0.7);
    const turn = multiplyQuat(about(2, heading), about(1, tilt));
    writeTurn(Float64Array.from(turn), 0, out, 0);
    const wanted = [...out];
    // Leaning by `tilt` towards `heading`.
    assert.ok(Math.abs(wanted[0]! - Math.sin(tilt) * Math.cos(heading)) < 1e-12);
    assert.ok(Math.abs(wanted[1]! - Math.sin(tilt) * Math.sin(heading)) < 1e-12);
    if (i < 10) {
      writeTurn(Float64Array.from(about(2, heading)), 0, out, 0);
      assert.ok(Math.abs(out[2]! - Math.cos(4 * heading)) < 1e-12);
      assert.ok(Math.abs(out[3]! - Math.sin(4 * heading)) < 1e-12);
      // Half of 5 cm times the sum of the two sides' shares.
      const reach = 0.025 * (Math.abs(Math.cos(heading)) + Math.abs(Math.sin(heading)));
      assert.ok(Math.abs(reachAlongY(Float64Array.from(about(2, heading)), 0) - reach) < 1e-12);
    }
    let count = 0;
    for (const own of cubeTurns()) {
      writeTurn(Float64Array.from(multiplyQuat(turn, own)), 0, out, 0);
      for (let k = 0; k < 4; k++) assert.ok(Math.abs(out[k]! - wanted[k]!) < 1e-9, `${own}: ${out}`);
      count++;
    }
    assert.equal(count, 24);
  }
});

for (const id of ['push', 'pick-place'] as const) {
  test(`${id}: with occlusion a block under the palm is reported at the hand and as not seen, elsewhere nothing changes`, () => {
    const plain = modelOf(tasks[id]);
    const model = modelOf(tasks[id], { occlusion: true });
    const row = started(model, 3);
    assert.deepEqual(row, started(plain, 3));
    const far = observed(model, row);
    assert.deepEqual(far, { ...observed(plain, row), blockSeen: 1 });
    const [hand, block, goal] = [at(model, 'tool.x'), at(model, 'block.pos'), at(model, 'goal')];
    row[at(model, 'block.vel')] = 0.3;
    for (let k = 0; k < 3; k++) row[hand + k] = row[block + k]! + [0.02, -0.05, 0.06][k]!;
    const hidden = observed(model, row);
    assert.equal(hidden['blockSeen'], 0);
    ['x', 'y', 'z'].forEach((axis, k) => {
      assert.equal(hidden[`gripperToBlock.${axis}`], 0);
      assert.equal(hidden[`blockToGoal.${axis}`], row[goal + k]! - row[hand + k]!);
      assert.equal(hidden[`blockVel.${axis}`], 0);
    });
    row[hand] = row[block]! + 0.04;
    assert.equal(observed(model, row)['blockSeen'], 1);
  });

  test(`${id}: distractors lie on the table away from block and goal, and are observed`, () => {
    const model = modelOf(tasks[id], { distractors: 3 });
    assert.equal(model.bodies.filter((body) => body.role === 'distractor').length, 3);
    assert.equal(modelOf(tasks[id]).bodies.filter((body) => body.role === 'distractor').length, 0);
    for (let seed = 0; seed < 20; seed++) {
      const row = started(model, seed);
      const seen = observed(model, row);
      for (let i = 1; i <= 3; i++) {
        const own = at(model, `distractor${i}.pos`);
        assert.equal(row[own + 2], 0.018, `seed ${seed}: distractor ${i} stands`);
        assert.equal(seen[`gripperToDistractor${i}.x`], row[own]! - row[at(model, 'tool.x')]!);
        for (const other of ['block.pos', 'goal']) {
          const o = at(model, other);
          assert.ok(Math.hypot(row[own]! - row[o]!, row[own + 1]! - row[o + 1]!) > 0.08);
        }
      }
    }
  });
}

test('randomisation draws friction and mass anew within a factor of 1 + itself, and 0 leaves them alone', () => {
  for (const [randomisation, most] of [
    [0, 1],
    [0.5, 1.5],
  ] as const) {
    const model = modelOf(tasks.push, { randomisation });
    const factors = Array.from({ length: 200 }, (_, seed) => {
      const row = started(model, seed);
      return [row[at(model, 'frictionScale')]!, row[at(model, 'massScale')]!];
    }).flat();
    assert.ok(factors.every((factor) => factor <= most && factor >= 1 / most));
    assert.ok(Math.max(...factors) > 0.98 * most && Math.min(...factors) < 1.02 / most);
  }
});

test('difficulty moves the starts from near and straight to far and any way, and halves the radius', () => {
  const spread = (difficulty: number) => {
    const model = modelOf(tasks.push, { difficulty });
    const starts = Array.from({ length: 200 }, (_, seed) => {
      const row = started(model, seed);
      const [block, goal] = [at(model, 'block.pos'), at(model, 'goal')];
      const [x, y] = [row[goal]! - row[block]!, row[goal + 1]! - row[block + 1]!];
      return { distance: Math.hypot(x, y), angle: Math.abs(Math.atan2(y, x)) };
    });
    const goal = model.bodies.find((body) => body.name === 'goal')!.shape;
    return {
      distance: Math.max(...starts.map((start) => start.distance)),
      angle: Math.max(...starts.map((start) => start.angle)),
      radius: goal.type === 'sphere' ? goal.radius : 0,
    };
  };
  const [easy, normal, hard] = [spread(0), spread(0.5), spread(1)];
  assert.ok(Math.abs(easy.distance - 0.1) < 1e-9 && easy.angle < 1e-9 && easy.radius === 0.04);
  assert.ok(normal.distance > 0.245 && normal.angle > 0.68 && normal.angle <= 0.7 && normal.radius === 0.04);
  assert.ok(hard.distance > 0.245 && hard.angle > 3.05 && hard.radius === 0.02);
});

test('push: a block pushed low slides flat; on a rough table, pushed near its top, it tips over', () => {
  const tilt = (friction: number, height: number): number => {
    const model = modelOf(tasks.push, { friction });
    const row = started(model, 1);
    const [hand, block, quat] = [at(model, 'tool.x'), at(model, 'block.pos'), at(model, 'block.quat')];
    for (let k = 0; k < 4; k++) row[quat + k] = k === 3 ? 1 : 0;
    row.set([row[block]! - 0.04, row[block + 1]!, height], hand);
    const out = new Float64Array(4);
    let most = 0;
    for (let t = 0; t < 12; t++) {
      model.advance(row, Float64Array.of(0.6, 0, 0), 0, 1);
      writeTurn(row, quat, out, 0);
      most = Math.max(most, Math.hypot(out[0]!, out[1]!));
    }
    return most;
  };
  assert.ok(tilt(0.3, 0.01) < 0.03, `${tilt(0.3, 0.01)}`);
  // A force at height h tips a cube of half a when mu h > a: 1 x 0.04 > 0.025.
  assert.ok(tilt(1, 0.04) > 0.3, `${tilt(1, 0.04)}`);
});

test('pick-place: a grip lasts without a command and ends when the fingers open', () => {
  const model = modelOf(tasks['pick-place'], { airShare: 1 });
  const row = started(model, 5);
  const action = new Float64Array(4);
  const advance = (count: number, command: readonly number[] | null): void => {
    for (let t = 0; t < count; t++) {
      if (command === null) model.expert(row, 0, action, 0);
      else action.set(command);
      model.advance(row, action, 0, 1);
    }
  };
  advance(60, null);
  assert.ok(model.success(row, 0));
  const block = at(model, 'block.pos');
  const inHand = (): number => row[block + 2]! - row[at(model, 'tool.x') + 2]!;
  const before = inHand();
  advance(40, [0, 0, 0, 0]);
  assert.ok(Math.abs(inHand() - before) < 0.0005, 'no slip in two seconds');
  assert.ok(row[block + 2]! > 0.05, 'it is in the air');
  advance(20, [0, 0, 0, -1]);
  assert.ok(Math.abs(row[block + 2]! - 0.025) < 0.001, 'it lies on the table');
});

test('push: a block that has left the table ends an episode without fixed horizon', () => {
  const model = modelOf(tasks.push, { fixedHorizon: false });
  const row = started(model, 2);
  row[at(model, 'block.pos')] = 0.5;
  for (let t = 0; t < 12 && !model.terminal(row, 0); t++) model.advance(row, new Float64Array(3), 0, 1);
  assert.ok(model.terminal(row, 0));
  assert.equal(model.progress(row, 0), 0);
  assert.ok(!modelOf(tasks.push).terminal(row, 0));
});

test('slide: the goal is beyond the hand, and a puck slides v^2 / (2 mu g), as the term `aim` foresees', () => {
  for (const friction of [0.01, 0.015]) {
    const model = modelOf(tasks.slide, { friction });
    const [hand, puck, goal] = [at(model, 'tool.x'), at(model, 'puck.pos'), at(model, 'goal')];
    const row = started(model, 6);
    const straight = Float64Array.of(1, 0, 0);
    for (let t = 0; t < 100; t++) model.advance(row, straight, 0, 1);
    assert.ok(row[hand]! <= -0.0199, 'the hand stops');
    model.reset(6, row, 0);
    assert.ok(row[goal]! - 0.05 > -0.02 + 0.011 + 0.03, 'no puck that the hand touches is at the goal');
    const before = row[puck]!;
    row[hand + 1] = row[puck + 1]! - 0.1;
    row[at(model, 'puck.vel')] = 0.2;
    // The place where it will stop, made the goal.
    const way = 0.2 ** 2 / (2 * friction * 9.81);
    row[goal] = before + way;
    row[goal + 1] = row[puck + 1]!;
    const terms = new Float64Array(4);
    for (let t = 0; t < 100; t++) {
      model.advance(row, new Float64Array(3), 0, 1);
      model.reward(row, 0, straight, 0, row, 0, terms, 0);
      assert.equal(terms[2], 1, 'aim');
    }
    assert.ok(model.success(row, 0));
    // Discrete time and soft contacts leave a few per cent.
    assert.ok(Math.abs((row[puck]! - before) / way - 1) < 0.04, `${row[puck]! - before} is not ${way}`);
  }
});

/** A row of `stack` with the blocks of this order, from the bottom, piled up at the goal, and the hand far above. */
function tower(model: TaskModel, order: readonly number[]): Float64Array {
  const row = started(model, 8);
  const [hand, goal] = [at(model, 'tool.x'), at(model, 'goal')];
  row.set([row[goal]!, row[goal + 1]!, 0.29], hand);
  order.forEach((name, i) => {
    const block = at(model, `block${name}.pos`);
    row.set([row[goal]!, row[goal + 1]!, 0.025 + 0.05 * i, 0, 0, 0, 1], block);
  });
  return row;
}

test('stack: a tower of four stands, and only the right order is a success', () => {
  const model = modelOf(tasks.stack, { blocks: 4 });
  assert.equal(model.stages.length, 9);
  for (const [order, wanted, stage] of [
    [[1, 2, 3, 4], true, 8],
    [[1, 2, 4, 3], false, 4],
    [[2, 1, 3, 4], false, 0],
  ] as const) {
    const row = tower(model, order);
    const start = row.slice();
    for (let t = 0; t < 100; t++) {
      model.advance(row, new Float64Array(4), 0, 1);
      assert.equal(model.success(row, 0), wanted, `${order} step ${t}`);
    }
    assert.equal(model.stage(row, 0), stage);
    for (const name of order) {
      const block = at(model, `block${name}.pos`);
      for (let k = 0; k < 3; k++) assert.ok(Math.abs(row[block + k]! - start[block + k]!) < 0.002);
    }
  }
});

test('stack: a tower that the fingers still touch, that moves or stands elsewhere is no success', () => {
  const model = modelOf(tasks.stack);
  const row = tower(model, [1, 2]);
  assert.ok(model.success(row, 0));
  const moving = row.slice();
  moving[at(model, 'block2.vel')] = 0.1;
  assert.ok(!model.success(moving, 0));
  const elsewhere = row.slice();
  for (const name of ['block1.pos', 'block2.pos']) elsewhere[at(model, name)]! += 0.04;
  assert.ok(!model.success(elsewhere, 0));
  const leaning = row.slice();
  leaning[at(model, 'block2.pos')]! += 0.02;
  assert.ok(!model.success(leaning, 0));
  // Down over the upper block with open fingers, then closed.
  row[at(model, 'tool.x') + 2] = 0.066;
  model.advance(row, Float64Array.of(0, 0, 0, -1), 0, 1);
  assert.ok(model.success(row, 0), 'beside it is not touching it');
  for (let t = 0; t < 10; t++) model.advance(row, Float64Array.of(0, 0, 0, 1), 0, 1);
  assert.ok(!model.success(row, 0));
  assert.equal(model.stages[model.stage(row, 0)]!.id, 'place2');
});

/** Largest distance from goal to block (hand in `reach`), turn of the block and height of the goal over 200 starts. */
function extent(id: 'reach' | 'slide' | 'pick-place' | 'stack', settings: AnySettings) {
  const model = modelOf(tasks[id], settings);
  const thing = { reach: 'tool.x', slide: 'puck.pos', 'pick-place': 'block.pos', stack: 'block2.pos' }[id];
  const [goal, body] = [at(model, 'goal'), at(model, thing)];
  const most = { distance: 0, least: 1, angle: 0, yaw: 0, height: 0 };
  for (let seed = 0; seed < 200; seed++) {
    const row = started(model, seed);
    const [x, y, z] = [0, 1, 2].map((k) => row[goal + k]! - row[body + k]!) as [number, number, number];
    const distance = id === 'reach' ? Math.hypot(x, y, z) : Math.hypot(x, y);
    most.distance = Math.max(most.distance, distance);
    most.least = Math.min(most.least, distance);
    most.angle = Math.max(most.angle, Math.abs(Math.atan2(y, x)));
    if (id !== 'reach') most.yaw = Math.max(most.yaw, 2 * Math.abs(Math.asin(row[body + 5]!)));
    most.height = Math.max(most.height, row[goal + 2]!);
  }
  return most;
}

test('difficulty of the other tasks: distances, turns, heights and angles as their help says', () => {
  const close = (value: number, wanted: number, slack: number): void =>
    assert.ok(Math.abs(value - wanted) <= slack, `${value} is not ${wanted}`);
  close(extent('reach', { difficulty: 0 }).distance, 0.12, 1e-9);
  close(extent('reach', { difficulty: 0.25 }).distance, 0.185, 0.002);
  close(extent('reach', {}).distance, 0.25, 0.003);
  const easyPick = extent('pick-place', { difficulty: 0 });
  close(easyPick.distance, 0.1, 1e-9);
  close(easyPick.yaw, 0, 1e-9);
  close(easyPick.height, 0.025, 1e-9);
  close(extent('pick-place', {}).yaw, 0.2, 0.005);
  close(extent('pick-place', {}).height, 0.175, 0.005);
  close(extent('pick-place', { difficulty: 1 }).yaw, 0.78, 0.02);
  close(extent('stack', { difficulty: 0 }).distance, 0.11, 1e-9);
  close(extent('stack', {}).distance, 0.22, 0.005);
  close(extent('stack', {}).least, 0.11, 0.005);
  close(extent('stack', { difficulty: 1 }).yaw, 0.78, 0.02);
  close(extent('slide', { difficulty: 0 }).angle, 0, 1e-9);
  close(extent('slide', { difficulty: 0 }).distance, 0.24, 1e-9);
  close(extent('slide', {}).angle, 0.25, 0.005);
  close(extent('slide', { difficulty: 1 }).angle, 0.5, 0.01);
});

const options: readonly (readonly ['reach' | 'push' | 'slide' | 'pick-place' | 'stack', AnySettings])[] = [
  ['reach', { difficulty: 1, distractors: 3 }],
  ['push', { difficulty: 0, distractors: 3 }],
  ['push', { difficulty: 1, randomisation: 1 }],
  ['slide', { difficulty: 1 }],
  ['slide', { friction: 0.01, randomisation: 0.3, distractors: 3 }],
  ['pick-place', { difficulty: 1, distractors: 3, randomisation: 1 }],
  ['stack', { difficulty: 1, distractors: 2, randomisation: 0.5 }],
  ['stack', { blocks: 3, horizon: 210 }],
];
for (const [id, settings] of options) {
  test(`${id}: the expert copes with ${JSON.stringify(settings)}`, () => {
    const model = modelOf(tasks[id], settings);
    const batch = createBatch(model, 40);
    const actions = new Float64Array(40 * model.actionSpace.dim);
    for (let w = 0; w < 40; w++) batch.reset(w, 600 + w);
    for (let t = 0; t < model.horizon; t++) {
      expertActions(batch, actions, 0, () => 0);
      batch.step(actions);
    }
    const good = Array.from({ length: 40 }, (_, w) => model.success(batch.states, w * model.stateDim));
    assert.ok(good.filter(Boolean).length >= 36, `${good.filter(Boolean).length} of 40`);
  });
}
