/** The tasks with several agents keep every promise of the contract, and their options do what they say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import type { TaskModel } from '../../../sim/env.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { createParallelBatch } from '../../../sim/parallel-env.ts';
import { highway } from '../../../sim/tasks/highway.ts';
import { soccer } from '../../../sim/tasks/soccer.ts';
import { tag } from '../../../sim/tasks/tag.ts';
import { checkTask } from './contract.ts';
import { expertActions, modelOf } from './worlds.ts';

checkTask('tag', { golden: 'fd84707343e3d222' });
checkTask('soccer', { golden: '7b5afa14574ffc1a' });
checkTask('highway', { golden: '662d3dbd8cf15121' });

/** Offset of a field of the row. */
function at(model: TaskModel, name: string): number {
  const field = model.stateLayout.find((one) => one.name === name);
  assert.ok(field, name);
  return field.offset;
}

/** Plays the expert to the horizon. Share of worlds that end in success, and mean step of first success (else horizon). */
function playOut(
  model: TaskModel,
  count: number,
  seed = 3000,
): { rate: number; step: number; states: Float64Array } {
  const batch = createBatch(model, count);
  const actions = new Float64Array(count * model.actionSpace.dim);
  const first = new Float64Array(count).fill(model.horizon);
  for (let w = 0; w < count; w++) batch.reset(w, seed + w);
  for (let t = 0; t < model.horizon; t++) {
    expertActions(batch, actions, 0, () => 0);
    batch.step(actions);
    for (let w = 0; w < count; w++) {
      if (first[w] === model.horizon && model.success(batch.states, w * model.stateDim)) first[w] = t + 1;
    }
  }
  let successes = 0;
  for (let w = 0; w < count; w++) if (model.success(batch.states, w * model.stateDim)) successes++;
  return { rate: successes / count, step: first.reduce((a, b) => a + b, 0) / count, states: batch.states };
}

/** The names of the numbers of agent 0's observation that are 0 under one model and not under the other. */
function hiddenBy(settings: AnySettings, open: TaskModel, closed: TaskModel, row: Float64Array): string[] {
  assert.equal(open.stateDim, closed.stateDim, JSON.stringify(settings));
  const seen = new Float64Array(open.observationSpace.dim);
  const rest = new Float64Array(closed.observationSpace.dim);
  open.observe(row, 0, seen, 0);
  closed.observe(row, 0, rest, 0);
  return open.observationSpace.names.filter((_, k) => {
    assert.ok(rest[k] === 0 || rest[k] === seen[k]);
    return rest[k] !== seen[k];
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// tag

test('tag: as a runner, agent 0 stays untouched to the end on at least 95 % of 500 seeds; standing still it does not', () => {
  const model = modelOf(tag, { role: 'runner' });
  assert.ok(playOut(model, 500).rate >= 0.95);
  const batch = createBatch(model, 100);
  for (let t = 0; t < model.horizon; t++) batch.step(new Float64Array(200));
  let untouched = 0;
  for (let w = 0; w < 100; w++) if (model.success(batch.states, w * model.stateDim)) untouched++;
  assert.ok(untouched <= 2, `${untouched} of 100`);
});

test('tag: a runner is caught later the more of its speed it uses, and sooner by more taggers', () => {
  const step = (settings: AnySettings): number => playOut(modelOf(tag, settings), 100).step;
  const normal = step({});
  assert.ok(step({ difficulty: 0 }) < normal - 3);
  assert.ok(step({ difficulty: 1 }) > normal + 5);
  assert.ok(step({ runnerSpeed: 0.6 }) < normal - 3);
  assert.ok(step({ taggers: 3, difficulty: 1 }) < step({ difficulty: 1 }) - 5);
});

test('tag: success needs every runner, each tag is kept, and a tagged runner stays where it is', () => {
  const model = modelOf(tag, { runners: 3, taggers: 2, horizon: 300 });
  const { rate } = playOut(model, 60);
  assert.ok(rate >= 0.95, `${rate}`);
  const row = new Float64Array(model.stateDim);
  model.reset(1, row, 0);
  row[at(model, 'runner1.out')] = 1;
  const place = row.slice(at(model, 'runner1.pos'), at(model, 'runner1.pos') + 2);
  assert.ok(!model.success(row, 0));
  for (let t = 0; t < 20; t++) model.advance(row, new Float64Array(2), 0, 1);
  assert.deepEqual(row.slice(at(model, 'runner1.pos'), at(model, 'runner1.pos') + 2), place);
  for (const id of ['runner0', 'runner2']) row[at(model, `${id}.out`)] = 1;
  assert.ok(model.success(row, 0));
});

test('tag: a force of 1 brings a disc to its top speed of 2 m/s, and inertia keeps it going', () => {
  const model = modelOf(tag, { obstacles: 0 });
  const row = new Float64Array(model.stateDim);
  model.reset(1, row, 0);
  const [pos, vel] = [at(model, 'tagger0.pos'), at(model, 'tagger0.vel')];
  row.set([-2.5, -2, 0, 0], pos);
  row.set([2.5, 2.5], at(model, 'runner0.pos'));
  // dv/dt = 5 - 2.5 v, by 4 Euler steps of 25 ms a control step: v = 2 (1 - 0.9375^n) after n of them.
  model.advance(row, Float64Array.of(1, 0), 0, 1);
  assert.ok(Math.abs(row[vel]! - 2 * (1 - 0.9375 ** 4)) < 1e-12);
  for (let t = 0; t < 19; t++) model.advance(row, Float64Array.of(1, 0), 0, 1);
  assert.ok(row[vel]! > 1.98 && row[vel]! < 2);
  const before = row[pos]!;
  model.advance(row, Float64Array.of(0, 0), 0, 1);
  assert.ok(row[pos]! > before + 0.15, 'still moving');
});

test('tag: with occlusion an agent behind a post is not observed, and nothing else changes', () => {
  const open = modelOf(tag, { obstacles: 1 });
  const closed = modelOf(tag, { obstacles: 1, occlusion: true });
  const row = new Float64Array(open.stateDim);
  open.reset(4, row, 0);
  row.set([-2, 0], at(open, 'tagger0.pos'));
  row.set([0, 0], at(open, 'post0.pos'));
  row.set([2, 0.1, 0.3, 0.4], at(open, 'runner0.pos'));
  assert.deepEqual(hiddenBy({}, open, closed, row), [
    'runner0.seen',
    'to.runner0.x',
    'to.runner0.y',
    'runner0.vel.x',
    'runner0.vel.y',
  ]);
  row[at(open, 'runner0.pos') + 1] = 2;
  assert.deepEqual(hiddenBy({}, open, closed, row), []);
});

test('tag: loose balls are pushed and observed; randomisation changes masses from 1 kg', () => {
  const model = modelOf(tag, { distractors: 4 });
  const { states } = playOut(model, 20);
  const row = new Float64Array(model.stateDim);
  let moved = 0;
  for (let w = 0; w < 20; w++) {
    model.reset(3000 + w, row, 0);
    for (let k = 0; k < 4; k++) {
      const ball = at(model, `ball${k}.pos`);
      if (states[w * model.stateDim + ball] !== row[ball]) moved++;
    }
  }
  assert.ok(moved > 3, `${moved} balls moved`);
  assert.ok(model.observationSpace.names.includes('to.ball3.x'));
  const mass = (randomisation: number, seed: number): number => {
    const one = modelOf(tag, { randomisation });
    const state = new Float64Array(one.stateDim);
    one.reset(seed, state, 0);
    return state[at(one, 'tagger0.mass')]!;
  };
  assert.equal(mass(0, 1), 1);
  assert.notEqual(mass(1, 1), mass(1, 2));
  assert.ok(Math.abs(mass(1, 1) - 1) <= 0.4);
  assert.ok(playOut(modelOf(tag, { randomisation: 1 }), 100).rate >= 0.95);
});

// ---------------------------------------------------------------------------------------------------------------------
// soccer

test('soccer: equal sides win equally often, and the weaker the opponents the more often home scores first', () => {
  const results = (settings: AnySettings): number[] => {
    const model = modelOf(soccer, settings);
    const { states } = playOut(model, 200);
    const result = at(model, 'result');
    return Array.from({ length: 200 }, (_, w) => states[w * model.stateDim + result]!);
  };
  const share = (all: readonly number[], value: number): number =>
    all.filter((one) => one === value).length / 200;
  const equal = results({ difficulty: 1 });
  assert.ok(share(equal, 1) > 0.25 && share(equal, -1) > 0.25);
  // Each of about 170 decided games is a fair coin: 3 standard deviations are 39.
  assert.ok(Math.abs(share(equal, 1) - share(equal, -1)) * 200 < 40);
  const half = results({ difficulty: 0.5 });
  assert.ok(share(half, 1) > share(equal, 1) + 0.1);
  assert.ok(share(results({ difficulty: 0 }), 1) > share(half, 1) + 0.03);
});

test('soccer: without a kicker robots push, and two a side play too', () => {
  const pushing = modelOf(soccer, { kick: false });
  assert.equal(pushing.actionSpace.dim, 2);
  assert.ok(playOut(pushing, 100).rate >= 0.9);
  assert.ok(playOut(modelOf(soccer, { players: 2, horizon: 800 }), 60).rate >= 0.9);
});

/** A game with both robots out of the way and the ball at rest where it is put. */
function quietGame(model: TaskModel, x: number, y: number, vx = 0, vy = 0): Float64Array {
  const row = new Float64Array(model.stateDim);
  model.reset(1, row, 0);
  row.set([-2, -1.5, 0, 0], at(model, 'home0.pos'));
  row.set([2, 1.5, 0, 0], at(model, 'away0.pos'));
  row.set([x, y, vx, vy], at(model, 'ball.pos'));
  return row;
}

test('soccer: a kick gives the ball its speed and the robot the recoil, and momentum is kept', () => {
  const model = modelOf(soccer);
  const row = quietGame(model, -1.7, -1.5);
  // Touching: 0.18 + 0.1 = 0.28 m, 0.02 m apart. Relative speed 3.5 m/s; 2 kg and 0.3 kg share it as 0.3 : 2.
  const joint = Float64Array.of(0, 0, 1, 0, 0, 0);
  model.parallel!.advance(row, joint, 0, 1);
  const ball = at(model, 'ball.vel');
  const home = at(model, 'home0.vel');
  // The robot's drive brakes it (2.5 / s) and the ball rolls out (0.8 m/s^2) for 4 and 3 more physics steps of 12.5 ms.
  const share = 3.5 / 2.3;
  assert.ok(Math.abs(row[ball]! - (2 * share - 3 * 0.0125 * 0.8)) < 1e-9, `${row[ball]}`);
  assert.ok(Math.abs(row[home]! - -0.3 * share * (1 - 0.0125 * 2.5) ** 3) < 1e-9, `${row[home]}`);
  // Out of reach a kick does nothing.
  const far = quietGame(model, -1.6, -1.5);
  model.parallel!.advance(far, joint, 0, 1);
  assert.equal(far[ball], 0);
});

test('soccer: the ball counts when it is over the line between the posts, for either side, once and for all', () => {
  const model = modelOf(soccer);
  const still = new Float64Array(6);
  const result = (x: number, y: number, vx: number): Float64Array => {
    const row = quietGame(model, x, y, vx);
    for (let t = 0; t < 40; t++) model.parallel!.advance(row, still, 0, 1);
    return row;
  };
  const home = result(2.5, 0.3, 3);
  assert.equal(home[at(model, 'result')], 1);
  assert.ok(model.success(home, 0));
  assert.ok(home[at(model, 'ball.pos')]! >= 3.1 - 1e-9, 'the ball stays in the goal');
  assert.equal(result(-2.5, -0.3, -3)[at(model, 'result')], -1);
  const wide = result(2.5, 1.2, 3);
  assert.equal(wide[at(model, 'result')], 0);
  assert.ok(wide[at(model, 'ball.pos')]! < 2.9 + 1e-9, 'it bounced off the end wall');
  // The first goal decides: the loser's reward is the winner's, with the other sign.
  const before = quietGame(model, 3.05, 0, 2);
  const after = before.slice();
  model.parallel!.advance(after, still, 0, 1);
  const reward = (agent: number): number => model.parallel!.reward(agent, before, 0, after, 0);
  assert.ok(reward(0) > 1 && reward(0) < 1.05);
  assert.equal(reward(1), -reward(0));
});

test('soccer: a ball that nobody can move is put on the nearest neutral spot after 30 steps', () => {
  const model = modelOf(soccer);
  const row = quietGame(model, 1.5, 1.9);
  row.set([1.2, 1.8, 0, 0], at(model, 'home0.pos'));
  const still = new Float64Array(6);
  for (let t = 0; t < 29; t++) model.parallel!.advance(row, still, 0, 1);
  assert.equal(row[at(model, 'ball.pos')], 1.5);
  model.parallel!.advance(row, still, 0, 1);
  assert.deepEqual([...row.slice(at(model, 'ball.pos'), at(model, 'ball.pos') + 2)], [1.2, 0.8]);
  // With nobody near it waits.
  const alone = quietGame(model, 0, 0);
  for (let t = 0; t < 100; t++) model.parallel!.advance(alone, still, 0, 1);
  assert.equal(alone[at(model, 'ball.pos')], 0);
});

test('soccer: with occlusion only what is within 1.5 m is observed', () => {
  const open = modelOf(soccer);
  const closed = modelOf(soccer, { occlusion: true });
  const row = quietGame(open, -1, -1.5);
  assert.deepEqual(hiddenBy({}, open, closed, row), ['away0.seen', 'to.away0.x', 'to.away0.y']);
  row.set([0, -1.5, 1, 1], at(open, 'ball.pos'));
  assert.ok(hiddenBy({}, open, closed, row).includes('to.ball.x'));
});

test('soccer: spare balls stay on the pitch and never count; randomisation changes masses and friction', () => {
  const model = modelOf(soccer, { distractors: 3 });
  const row = quietGame(model, 0, 0);
  row.set([2.7, 0, 4, 0], at(model, 'spare0.pos'));
  for (let t = 0; t < 40; t++) model.parallel!.advance(row, new Float64Array(6), 0, 1);
  assert.equal(row[at(model, 'result')], 0);
  assert.ok(row[at(model, 'spare0.pos')]! <= 2.9);
  const random = modelOf(soccer, { randomisation: 1 });
  const [a, b] = [new Float64Array(random.stateDim), new Float64Array(random.stateDim)];
  random.reset(1, a, 0);
  random.reset(2, b, 0);
  for (const name of ['home0.mass', 'ball.mass', 'ball.drag'])
    assert.notEqual(a[at(random, name)], b[at(random, name)]);
  assert.ok(playOut(random, 100).rate >= 0.9);
});

// ---------------------------------------------------------------------------------------------------------------------
// highway

/** Agent 0 far back on the ramp, car 1 and 2 in lanes, with round parameters. */
function road(settings: AnySettings, cars: readonly (readonly [x: number, lane: number, v: number])[]) {
  const model = modelOf(highway, { cars: cars.length, ...settings });
  const row = new Float64Array(model.stateDim);
  model.reset(1, row, 0);
  row.set([0, -3.6, 0, 0], at(model, 'ego.pos'));
  cars.forEach(([x, lane, v], k) => {
    row.set([x, 3.6 * lane, 0, v], at(model, `car${k + 1}.pos`));
    // v0 25 m/s, headway 1.2 s, acceleration 1.5 m/s^2, politeness 0.
    row.set([25, 1.2, 1.5, 0], at(model, `car${k + 1}.wantedSpeed`));
  });
  const action = (car: number): readonly [pedals: number, steering: number] => {
    const out = new Float64Array(2);
    model.parallel!.expert(car, row, 0, out, 0);
    return [out[0]!, out[1]!];
  };
  return { model, row, action };
}

test('highway: on a free road a driver accelerates by a (1 - (v / v0)^4)', () => {
  const close = (found: number, wanted: number): void =>
    assert.ok(Math.abs(found - wanted) < 1e-9, `${found}, wanted ${wanted}`);
  // Pedals are shares of 3 m/s^2. From standing: 1.5 / 3; at 20 of 25 m/s: 1.5 (1 - 0.4096) / 3.
  close(road({}, [[200, 0, 0]]).action(1)[0], 0.5);
  close(road({}, [[200, 0, 20]]).action(1)[0], 0.2952);
  close(road({}, [[200, 0, 25]]).action(1)[0], 0);
});

test('highway: behind another car a driver brakes by the Intelligent Driver Model', () => {
  // One lane, v = 20, dv = 5, s = 54.5 - 4.5 = 50 m: s* = 2 + 24 + 100 / (2 sqrt 3) = 54.8675,
  // a = 1.5 (1 - 0.4096 - (54.8675 / 50)^2) = -0.9206 m/s^2, a share of 6.
  const [pedals, steering] = road({ lanes: 1 }, [
    [300, 0, 20],
    [354.5, 0, 15],
  ]).action(1);
  const wanted = 2 + 20 * 1.2 + (20 * 5) / (2 * Math.sqrt(1.5 * 2));
  assert.ok(Math.abs(pedals - (1.5 * (1 - 0.4096 - (wanted / 50) ** 2)) / 6) < 1e-9, `${pedals}`);
  assert.equal(steering, 0);
});

test('highway: a driver passes a slow car where the next lane is free, and stays where a fast car comes up', () => {
  const slow = [
    [300, 0, 24],
    [340, 0, 15],
  ] as const;
  assert.ok(road({}, slow).action(1)[1] > 0, 'steers to the left');
  assert.equal(road({}, [...slow, [290, 1, 25]]).action(1)[1], 0, 'somebody is beside it');
  assert.equal(road({}, [...slow, [330, 1, 15]]).action(1)[1], 0, 'the other lane is no faster');
  // A car 30 m behind at 37 m/s would have to brake by (37 - 24)^2 / (2 * 25) = 3.4 m/s^2 at least.
  assert.equal(road({}, [...slow, [270, 1, 37]]).action(1)[1], 0);
});

test('highway: agent 0 waits on the ramp while a car is beside it, and joins when the lane is free', () => {
  const joins = (cars: readonly (readonly [number, number, number])[]): boolean => {
    const { model, row, action } = road({}, cars);
    row.set([150, -3.6, 0, 24], at(model, 'ego.pos'));
    return action(0)[1] > 0;
  };
  assert.ok(joins([[400, 0, 24]]));
  assert.ok(!joins([[151, 0, 24]]));
  assert.ok(!joins([[143, 0, 30]]));
  // Before the ramp is open there is a rail in between.
  const { model, row, action } = road({}, [[400, 0, 24]]);
  row.set([90, -3.6, 0, 24], at(model, 'ego.pos'));
  assert.equal(action(0)[1], 0);
});

test('highway: two cars that collide go on together with the mean of their speeds, as wrecks', () => {
  const { model, row } = road({ lanes: 1 }, [
    [300, 0, 30],
    [304.6, 0, 10],
  ]);
  model.parallel!.advance(row, new Float64Array(6), 0, 1);
  const car = (k: number, name: string): number => row[at(model, `car${k}.${name}`)]!;
  assert.deepEqual([car(1, 'crashed'), car(2, 'crashed')], [1, 1]);
  // The first 50 ms close the gap of 0.1 m: both then have 20 m/s, and in the next ones slow down by 6 m/s^2.
  assert.ok(Math.abs(car(1, 'speed') - 19.7) < 1e-9);
  assert.equal(car(2, 'speed'), car(1, 'speed'));
});

test('highway: the end of the ramp is a crash, which is for good; success is not', () => {
  const { model, row } = road({ fixedHorizon: false }, [[900, 0, 20]]);
  row.set([280, -3.6, 0, 25], at(model, 'ego.pos'));
  const straight = Float64Array.of(0, 0);
  for (let t = 0; t < 10; t++) model.advance(row, straight, 0, 1);
  assert.equal(row[at(model, 'ego.crashed')], 1);
  assert.equal(row[at(model, 'ego.speed')], 0);
  assert.ok(model.terminal(row, 0));
  for (let t = 0; t < 50; t++) model.advance(row, Float64Array.of(1, 1), 0, 1);
  assert.ok(!model.success(row, 0) && row[at(model, 'ego.pos')]! < 300);
});

test('highway: scripted drivers alone never crash, timid ones are slower than aggressive ones', () => {
  for (const settings of [{}, { difficulty: 1, cars: 12, lanes: 3 }, { randomisation: 1 }]) {
    const model = modelOf(highway, settings);
    const batch = createParallelBatch(model, 60);
    const ids = batch.agents;
    const actions = new Float64Array(60 * ids.length * 2);
    const speeds = [[], [], []] as number[][];
    for (let t = 0; t < model.horizon; t++) {
      batch.experts(actions);
      batch.step(actions);
    }
    let wrecks = 0;
    for (let w = 0; w < 60; w++) {
      for (const id of ids) {
        const value = (name: string): number =>
          batch.states[w * model.stateDim + at(model, `${id}.${name}`)]!;
        if (value('crashed') === 1) wrecks++;
        if (id !== 'ego') speeds[value('temper')]!.push(value('speed'));
      }
    }
    assert.equal(wrecks, 0);
    const mean = (all: readonly number[]): number => all.reduce((a, b) => a + b, 0) / all.length;
    assert.ok(mean(speeds[0]!) + 1 < mean(speeds[2]!), speeds.map(mean).join(' '));
  }
});

test('highway: denser traffic takes longer to join; occlusion hides what is far; oncoming cars are only observed', () => {
  const step = (difficulty: number): number => playOut(modelOf(highway, { difficulty }), 100).step;
  assert.ok(step(1) > step(0) + 5);
  const { row } = road({}, [
    [250, 0, 24],
    [185, 0, 24],
  ]);
  const open = modelOf(highway, { cars: 2 });
  row.set([200, 0, 0, 24], at(open, 'ego.pos'));
  assert.deepEqual(
    hiddenBy({}, open, modelOf(highway, { cars: 2, occlusion: true }), row).map((name) => name.split('.')[0]),
    ['ahead', 'ahead', 'behind', 'behind'],
  );
  const plain = modelOf(highway);
  const busy = modelOf(highway, { distractors: 4 });
  assert.equal(busy.observationSpace.dim, plain.observationSpace.dim + 8);
  const oncoming = at(busy, 'oncoming0.x');
  const [a, b] = [createBatch(plain, 1), createBatch(busy, 1)];
  const start = b.saveState(0)[oncoming];
  for (let t = 0; t < 50; t++) {
    a.step(Float64Array.of(0.5, 0));
    b.step(Float64Array.of(0.5, 0));
  }
  assert.deepEqual(b.states.slice(0, oncoming), a.states.slice(0, oncoming));
  assert.notEqual(b.states[oncoming], start);
});
