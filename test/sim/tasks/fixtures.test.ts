/** Mechanics of the tasks with furniture and tools: drawer, door with latch, buttons, peg and hole, stick. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import type { BatchEnv, TaskModel } from '../../../sim/env.ts';
import { type TaskId, tasks } from '../../../sim/tasks/index.ts';
import { expertActions, modelOf, randomAction } from './worlds.ts';

const at = (model: TaskModel, name: string): number => {
  const field = model.stateLayout.find((entry) => entry.name === name);
  assert.ok(field, `field ${name}`);
  return field.offset;
};

const observed = (model: TaskModel, state: Float64Array, name: string): number => {
  const out = new Float64Array(model.observationSpace.dim);
  model.observe(state, 0, out, 0);
  const k = model.observationSpace.names.indexOf(name);
  assert.ok(k >= 0, `observation ${name}`);
  return out[k]!;
};

const started = (model: TaskModel, seed: number): Float64Array => {
  const row = new Float64Array(model.stateDim);
  model.reset(seed, row, 0);
  return row;
};

/** Lets the expert act. */
function play(model: TaskModel, row: Float64Array, steps: number): void {
  const action = new Float64Array(model.actionSpace.dim);
  for (let t = 0; t < steps; t++) {
    model.expert(row, 0, action, 0);
    model.advance(row, action, 0, 1);
  }
}

/** Share of `count` worlds in which the expert succeeds. */
function expertRate(model: TaskModel, count: number, seed: number, noise = 0): number {
  const batch = createBatch(model, count);
  const actions = new Float64Array(count * model.actionSpace.dim);
  const random = createRandom(seed);
  for (let w = 0; w < count; w++) batch.reset(w, seed + w);
  for (let t = 0; t < model.horizon; t++) {
    expertActions(batch, actions, noise, () => random.uniform());
    batch.step(actions);
  }
  let successes = 0;
  for (let w = 0; w < count; w++) if (model.success(batch.states, w * model.stateDim)) successes++;
  return successes / count;
}

/** Spread of a number of the starts over 60 seeds. */
function spread(model: TaskModel, field: number): number {
  const values = Array.from({ length: 60 }, (_, seed) => started(model, seed)[field]!);
  return Math.max(...values) - Math.min(...values);
}

for (const [id, fixture] of [
  ['drawer', 'cabinet'],
  ['door', 'frame'],
  ['button-sequence', 'console'],
  ['peg', 'block'],
  ['tool', 'thing'],
] as const satisfies readonly (readonly [TaskId, string])[]) {
  test(`${id}: difficulty spreads the places of what the task is about`, () => {
    const wide = modelOf(tasks[id], { difficulty: 1 });
    const usual = modelOf(tasks[id]);
    const narrow = modelOf(tasks[id], { difficulty: 0 });
    const y = at(usual, `${fixture}.pos`) + 1;
    assert.ok(spread(narrow, y) < 0.3 * spread(usual, y));
    assert.ok(spread(usual, y) < 0.7 * spread(wide, y));
  });

  test(`${id}: the expert copes with the hardest places, loose things about and varied friction and mass`, () => {
    const model = modelOf(tasks[id], { difficulty: 1, distractors: 3, randomisation: 0.5 });
    assert.ok(expertRate(model, 40, 300) >= 0.95);
    const factors = new Set(
      Array.from({ length: 20 }, (_, seed) => started(model, seed)[at(model, 'frictionScale')]),
    );
    assert.equal(factors.size, 20);
  });
}

for (const id of ['drawer', 'door', 'tool'] as const) {
  test(`${id}: the reward of a state's own pair of goals is its success, and a nearer goal is reached sooner`, () => {
    const model = modelOf(tasks[id]);
    const goals = model.goals!;
    // Half of the way is wanted from where it starts.
    const first = { drawer: 0, door: 0, tool: 0.2 };
    const pair = new Float64Array(2);
    const terms = new Float64Array(model.rewardTerms.length);
    let reached = 0;
    let nearer = 0;
    const batch: BatchEnv = createBatch(model, 2);
    const actions = new Float64Array(8);
    const random = createRandom(4);
    for (let t = 0; t < model.horizon; t++) {
      expertActions(batch, actions, 0, () => 0);
      for (let i = 4; i < 8; i++) actions[i] = randomAction(model, random, i);
      batch.step(actions);
      for (const o of [0, model.stateDim]) {
        goals.achieved(batch.states, o, pair, 0);
        goals.desired(batch.states, o, pair, 1);
        model.reward(batch.previousStates, o, actions, 0, batch.states, o, terms, 0);
        assert.equal(goals.computeReward(pair, 0, pair, 1), terms[0]);
        reached += terms[0]!;
        pair[1] = 0.5 * (pair[1]! + first[id]);
        nearer += goals.computeReward(pair, 0, pair, 1);
      }
    }
    assert.ok(reached > 10 && nearer > reached);
  });
}

for (const id of ['drawer', 'door'] as const) {
  test(`${id}: occlusion hides how far it is open and where the handle has gone`, () => {
    const [field, size] = id === 'drawer' ? (['opened', 0.08] as const) : (['angle', 0.6] as const);
    const seen = modelOf(tasks[id]);
    const hidden = modelOf(tasks[id], { occlusion: true });
    const shut = started(seen, 3);
    const open = shut.slice();
    open[at(seen, field)] = size;
    assert.ok(Math.abs(observed(seen, open, field) - size) < 1e-12);
    assert.equal(observed(hidden, open, field), 0);
    assert.notEqual(observed(seen, open, 'gripperToHandle.x'), observed(seen, shut, 'gripperToHandle.x'));
    assert.equal(observed(hidden, open, 'gripperToHandle.x'), observed(hidden, shut, 'gripperToHandle.x'));
  });
}

test('drawer: it coasts to rest as its friction and damping say, and stays there', () => {
  // m dv/dt = -F - c v from v0:  x = (m / c) (v0 - (F / c) ln(1 + c v0 / F))
  const [m, c, v0] = [0.45, 4, 0.5];
  for (const F of [1, 2, 6]) {
    const model = modelOf(tasks.drawer, { drawerFriction: F });
    const row = started(model, 1);
    const opened = at(model, 'opened');
    row[opened + 0] = 0.02;
    row[at(model, 'opened.rate')] = v0;
    const idle = new Float64Array(4);
    for (let t = 0; t < 20; t++) model.advance(row, idle, 0, 1);
    const wanted = (m / c) * (v0 - (F / c) * Math.log(1 + (c * v0) / F));
    const moved = row[opened]! - 0.02;
    // One physics step of 10 ms at the first speed is 5 mm.
    assert.ok(Math.abs(moved - wanted) < 0.005, `${F} N: ${moved}, wanted ${wanted}`);
    const resting = row[opened]!;
    for (let t = 0; t < 40; t++) model.advance(row, idle, 0, 1);
    assert.ok(Math.abs(row[opened]! - resting) < 1e-6);
  }
});

test('drawer: a goal farther out takes the expert farther', () => {
  for (const goalOpening of [0.05, 0.14]) {
    const model = modelOf(tasks.drawer, { goalOpening, drawerFriction: 8 });
    const row = started(model, 2);
    play(model, row, model.horizon);
    assert.ok(model.success(row, 0));
    assert.ok(row[at(model, 'opened')]! >= goalOpening && row[at(model, 'opened')]! < goalOpening + 0.04);
  }
});

for (const direction of ['pull', 'push'] as const) {
  test(`door: the latch holds it when it is ${direction}ed, until the lever is down`, () => {
    const model = modelOf(tasks.door, { latch: true, direction });
    const lever = at(model, 'lever');
    const angle = at(model, 'angle');
    const action = new Float64Array(4);
    for (const seed of [1, 2, 3]) {
      // The expert is told that the lever is down, and so goes for the handle at once.
      const row = started(model, seed);
      const told = row.slice();
      let most = 0;
      for (let t = 0; t < model.horizon; t++) {
        told.set(row);
        told[lever] = 0.6;
        model.expert(told, 0, action, 0);
        model.advance(row, action, 0, 1);
        most = Math.max(most, row[angle]!);
      }
      assert.ok(most > 0.005 && most < 0.1, `latched, it opens by ${most}`);

      const open = started(model, seed);
      open[lever] = 0.6;
      play(model, open, model.horizon);
      assert.ok(open[angle]! > 0.8);
    }
  });

  test(`door: ${direction}ed with and without a latch the expert opens it`, () => {
    for (const latch of [false, true]) {
      const model = modelOf(tasks.door, { latch, direction, goalAngle: 1 });
      assert.ok(expertRate(model, 40, 50) >= 0.95);
    }
  });
}

test('door: pushed it swings away from the arm, pulled towards it', () => {
  for (const [direction, sign] of [
    ['pull', -1],
    ['push', 1],
  ] as const) {
    const model = modelOf(tasks.door, { direction, difficulty: 0 });
    const shut = started(model, 6);
    const open = shut.slice();
    open[at(model, 'angle')] = 0.5;
    const moved = observed(model, open, 'gripperToHandle.x') - observed(model, shut, 'gripperToHandle.x');
    assert.ok(sign * moved > 0.02, `${direction}: ${moved}`);
  }
});

test('door: the lever stays where it is left, and has a term and a stage of its own', () => {
  const model = modelOf(tasks.door, { latch: true });
  const row = started(model, 1);
  row[at(model, 'lever')] = 0.3;
  const idle = new Float64Array(4);
  for (let t = 0; t < 20; t++) model.advance(row, idle, 0, 1);
  assert.ok(Math.abs(row[at(model, 'lever')]! - 0.3) < 1e-4);
  assert.equal(model.stages[0]!.id, 'unlatch');
  assert.ok(model.rewardTerms.some((term) => term.id === 'lever'));
  assert.ok(!modelOf(tasks.door).rewardTerms.some((term) => term.id === 'lever'));
});

test('button-sequence: any order of pressing succeeds where any is allowed, and the row tells which it was', () => {
  const model = modelOf(tasks['button-sequence'], { order: 'any' });
  const orders = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const row = started(model, seed);
    play(model, row, model.horizon);
    assert.ok(model.success(row, 0), `seed ${seed}`);
    const pressed = at(model, 'pressed');
    orders.add([...row.subarray(pressed, pressed + 3)].join(''));
  }
  // The expert takes the nearest first, so it never leaves the middle for the end.
  assert.ok(orders.size >= 3, [...orders].join(' '));

  // By hand, all six: a fixed-order expert is told each order in turn.
  const taught = modelOf(tasks['button-sequence'], { order: 'fixed' });
  const action = new Float64Array(4);
  for (const order of ['123', '132', '213', '231', '312', '321']) {
    const row = started(model, 8);
    const told = row.slice();
    for (let t = 0; t < model.horizon; t++) {
      told.set(row);
      for (let b = 0; b < 3; b++) told[at(model, 'wanted') + b] = Number(order[b]);
      taught.expert(told, 0, action, 0);
      model.advance(row, action, 0, 1);
    }
    const pressed = at(model, 'pressed');
    assert.equal([...row.subarray(pressed, pressed + 3)].join(''), order);
    assert.ok(model.success(row, 0));
  }
});

test('button-sequence: a wrong button puts all lamps out, and the sequence can be begun anew', () => {
  const model = modelOf(tasks['button-sequence']);
  const row = started(model, 5);
  const wanted = at(model, 'wanted');
  const pressed = at(model, 'pressed');
  const lamp = model.bodies.findIndex((body) => body.name === 'lamp1');
  const colours = new Float32Array(3 * model.bodies.length);
  const red = (): number => {
    model.colours!(row, 0, colours, 0);
    return colours[3 * lamp]!;
  };
  const darkRed = red();
  // To the right one first, then told that the last comes next.
  play(model, row, 30);
  assert.deepEqual([...row.subarray(pressed, pressed + 3)].slice(0, 1), [1], 'the first button is pressed');
  assert.ok(red() > darkRed + 0.5, 'its lamp is lit');
  const told = row.slice();
  const action = new Float64Array(4);
  let isOut = false;
  for (let t = 0; t < 60 && !isOut; t++) {
    told.set(row);
    told[wanted + 1] = 3;
    told[wanted + 2] = 2;
    model.expert(told, 0, action, 0);
    model.advance(row, action, 0, 1);
    isOut = row[pressed] === 0;
  }
  assert.ok(isOut);
  assert.deepEqual([...row.subarray(pressed, pressed + 3)], [0, 0, 0]);
  assert.ok(Math.abs(red() - darkRed) < 1e-6);
  play(model, row, model.horizon);
  assert.ok(model.success(row, 0));
});

test('button-sequence: drawn orders differ between episodes and are observed; occlusion hides the lamps', () => {
  const model = modelOf(tasks['button-sequence'], { order: 'drawn' });
  const wanted = at(model, 'wanted');
  const orders = new Set(
    Array.from({ length: 60 }, (_, seed) => [...started(model, seed).subarray(wanted, wanted + 3)].join('')),
  );
  assert.equal(orders.size, 6);
  assert.ok(expertRate(model, 40, 90) >= 0.95);

  const row = started(model, 1);
  assert.equal(observed(model, row, 'wanted2'), row[wanted + 1]! / 3);
  row[at(model, 'pressed') + 1] = 1;
  assert.equal(observed(model, row, 'pressed2'), 1 / 3);
  const hidden = modelOf(tasks['button-sequence'], { order: 'drawn', occlusion: true });
  assert.equal(observed(hidden, row, 'pressed2'), 0);
});

test('button-sequence: a button springs back', () => {
  const model = modelOf(tasks['button-sequence'], { order: 'any' });
  const row = started(model, 1);
  const depth = at(model, 'button2');
  row[depth] = 0.012;
  const idle = new Float64Array(4);
  for (let t = 0; t < 10; t++) model.advance(row, idle, 0, 1);
  // The spring presses it against a soft stop.
  assert.ok(Math.abs(row[depth]!) < 5e-4, `${row[depth]}`);
});

test('peg: the expert inserts it with 1 mm to spare, from the grip and from the table', () => {
  for (const start of ['grip', 'table'] as const) {
    const model = modelOf(tasks.peg, { clearance: 0.001, start });
    assert.ok(expertRate(model, 60, 700) >= 0.9, start);
  }
});

test('peg: it does not go in beside the hole, and a wider hole forgives more', () => {
  const action = new Float64Array(4);
  /** Deepest that the lower end gets when the expert aims `aside` metres off. */
  const deepest = (clearance: number, aside: number): number => {
    const model = modelOf(tasks.peg, { clearance });
    const row = started(model, 4);
    const told = row.slice();
    let lowest = Infinity;
    for (let t = 0; t < 80; t++) {
      told.set(row);
      told[at(model, 'block.pos') + 1]! += aside;
      model.expert(told, 0, action, 0);
      model.advance(row, action, 0, 1);
      lowest = Math.min(lowest, row[at(model, 'peg.pos') + 2]! - 0.035);
    }
    return lowest;
  };
  assert.ok(deepest(0.004, 0.012) > 0.035, 'stays on top of the block, whose top is at 0.04');
  assert.ok(deepest(0.002, 0.006) > 0.035);
  assert.ok(deepest(0.02, 0.006) < 0.02, 'goes in');
});

test('peg: occlusion hides how it sits in the hand, and only while it is held', () => {
  const seen = modelOf(tasks.peg);
  const hidden = modelOf(tasks.peg, { occlusion: true });
  const row = started(seen, 2);
  row[at(seen, 'peg.pos')]! += 0.004;
  assert.ok(Math.abs(observed(seen, row, 'gripperToPeg.x') - 0.004) < 1e-12);
  assert.ok(Math.abs(observed(hidden, row, 'gripperToPeg.x')) < 1e-12);
  row[at(seen, 'opening')] = 0.04;
  assert.ok(Math.abs(observed(hidden, row, 'gripperToPeg.x') - 0.004) < 1e-12);
});

test('peg: without a fixed horizon a peg that lies down ends the episode', () => {
  const model = modelOf(tasks.peg, { fixedHorizon: false });
  const row = started(model, 2);
  assert.ok(!model.terminal(row, 0));
  const quat = at(model, 'peg.quat');
  row[quat] = Math.SQRT1_2;
  row[quat + 3] = Math.SQRT1_2;
  row[at(model, 'peg.pos') + 2] = 0.015;
  assert.ok(model.terminal(row, 0));
  assert.equal(model.progress(row, 0), 0);
});

test('tool: the hand alone does not reach the thing, with either stick it does', () => {
  for (const shape of ['L', 'T'] as const) {
    const model = modelOf(tasks.tool, { shape, difficulty: 1 });
    const row = started(model, 9);
    const thing = at(model, 'thing.pos');
    const before = row.slice(thing, thing + 2);
    const action = new Float64Array(4);
    const aim = at(model, 'tool.x');
    // Beside the stick at first, then straight at the thing as low and as far as it goes.
    for (let t = 0; t < 80; t++) {
      action.set([t < 30 ? -1 : 1, 8 * (row[thing + 1]! - row[aim + 1]!), t < 30 ? 1 : -1, 1]);
      model.advance(row, action, 0, 1);
    }
    assert.ok(row[aim]! > 0.115);
    assert.ok(row[thing]! - before[0]! > -0.002, `${row[thing]! - before[0]!}`);
    assert.ok(!model.success(row, 0));
    assert.ok(expertRate(model, 40, 80) >= 0.95, shape);
  }
});

test('tool: a nearer line is a longer pull; friction of the table does not stop it', () => {
  for (const [zone, friction] of [
    [0.1, 0.1],
    [0, 0.8],
  ] as const) {
    const model = modelOf(tasks.tool, { zone, friction });
    assert.ok(expertRate(model, 30, 60) >= 0.95, `${zone} ${friction}`);
  }
  const row = started(modelOf(tasks.tool), 1);
  row[at(modelOf(tasks.tool), 'thing.pos')] = 0.04;
  assert.ok(modelOf(tasks.tool).success(row, 0));
  assert.ok(!modelOf(tasks.tool, { zone: 0.03 }).success(row, 0));
});

test('tool: occlusion hides the thing where the hook is over it, and only there', () => {
  const seen = modelOf(tasks.tool);
  const hidden = modelOf(tasks.tool, { occlusion: true });
  const row = started(seen, 4);
  const far = observed(seen, row, 'hookToThing.x');
  assert.equal(observed(hidden, row, 'hookToThing.x'), far);
  row[at(seen, 'thing.pos')]! -= far - 0.03;
  row[at(seen, 'thing.pos') + 1]! -= observed(seen, row, 'hookToThing.y');
  assert.ok(Math.abs(observed(seen, row, 'hookToThing.x') - 0.03) < 1e-9);
  assert.equal(observed(hidden, row, 'hookToThing.x'), 0);
});
