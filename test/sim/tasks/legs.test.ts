/** The legged tasks keep every promise of the contract; falls, commands, ground and bodies are what their fields say. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import type { Task, TaskModel } from '../../../sim/env.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { cheetah } from '../../../sim/tasks/cheetah.ts';
import { hopper } from '../../../sim/tasks/hopper.ts';
import { quadruped } from '../../../sim/tasks/quadruped.ts';
import { checkTask, type TaskPromise } from './contract.ts';
import { expertActions, modelOf, randomAction } from './worlds.ts';

const tooSlow: TaskPromise['impossible'] = [
  [{ speed: 0.3, speedSpread: 0.8 }, /speedSpread is 0.8, wanted commands of at least 0.1 m\/s/],
];

checkTask('cheetah', { golden: 'aae1d726cd414394', impossible: tooSlow });
checkTask('hopper', { golden: '909d86e317f7a846', impossible: tooSlow });
checkTask('quadruped', { golden: '4f79c2a373cf4c9b', impossible: tooSlow });

const all: readonly Task[] = [cheetah, hopper, quadruped];

const fieldAt = (model: TaskModel, name: string): number => {
  const field = model.stateLayout.find((entry) => entry.name === name);
  assert.ok(field, name);
  return field.offset;
};

/** The rows of `count` first seeds. */
function starts(model: TaskModel, count: number): Float64Array[] {
  return Array.from({ length: count }, (_, seed) => {
    const row = new Float64Array(model.stateDim);
    model.reset(seed, row, 0);
    return row;
  });
}

/** Steps of random actions until some world has fallen; the largest counter of falls and flag of any world. */
function stumble(task: Task, settings: AnySettings): { falls: number; terminated: boolean; pace: number } {
  const model = modelOf(task, settings);
  const batch = createBatch(model, 16);
  const random = createRandom(2);
  const actions = new Float64Array(16 * model.actionSpace.dim);
  const falls = fieldAt(model, 'falls');
  const fallen = fieldAt(model, 'fallen');
  const pace = fieldAt(model, 'pace');
  for (let t = 0; t < 600; t++) {
    // Held for a while: a robot falls sooner.
    if (t % 10 === 0) for (let i = 0; i < actions.length; i++) actions[i] = randomAction(model, random, i);
    batch.step(actions);
    for (let w = 0; w < 16; w++) {
      const o = w * model.stateDim;
      if (batch.states[o + falls]! > 0 || batch.states[o + fallen]! > 0) {
        return {
          falls: batch.states[o + falls]!,
          terminated: batch.terminated[w] === 1,
          pace: batch.states[o + pace]!,
        };
      }
    }
  }
  return { falls: 0, terminated: false, pace: Number.NaN };
}

for (const task of all) {
  test(`${task.id}: a fall ends the episode, or with a fixed horizon puts the robot back on its feet at pace 0`, () => {
    assert.deepEqual(stumble(task, { fixedHorizon: false, horizon: 1000 }), {
      falls: 0,
      terminated: true,
      pace: 0,
    });
    assert.deepEqual(stumble(task, { fixedHorizon: true, horizon: 1000 }), {
      falls: 1,
      terminated: false,
      pace: 0,
    });
  });

  test(`${task.id}: commands lie round the speed, and the expert runs at the commanded one`, () => {
    const model = modelOf(task, { speedSpread: 0.1 });
    const speed = model.settings.speed as number;
    const command = fieldAt(model, 'command');
    for (const row of starts(model, 50)) {
      assert.ok(row[command]! >= 0.9 * speed && row[command]! <= 1.1 * speed);
    }
    const batch = createBatch(model, 8);
    const actions = new Float64Array(8 * model.actionSpace.dim);
    const position = fieldAt(model, task.id === 'quadruped' ? 'trunk.pos' : 'root');
    const half = Math.floor(model.horizon / 2);
    let before = new Float64Array(0);
    for (let t = 0; t < model.horizon; t++) {
      if (t === half) before = batch.states.slice();
      expertActions(batch, actions, 0, () => 0);
      batch.step(actions);
    }
    for (let w = 0; w < 8; w++) {
      const o = w * model.stateDim;
      const run = batch.states[o + position]! - before[o + position]!;
      const mean = run / ((model.horizon - half) * model.controlDt);
      const wanted = batch.states[o + command]!;
      assert.ok(Math.abs(mean - wanted) < 0.2 * wanted, `world ${w} ran at ${mean} m/s, wanted ${wanted}`);
    }
  });

  test(`${task.id}: occlusion hides every speed but the commanded one`, () => {
    const open = modelOf(task);
    const hidden = modelOf(task, { occlusion: true });
    const batch = createBatch(open, 1);
    const actions = new Float64Array(open.actionSpace.dim);
    for (let t = 0; t < 20; t++) {
      expertActions(batch, actions, 0, () => 0);
      batch.step(actions);
    }
    const { names, dim } = open.observationSpace;
    const out = new Float64Array(dim);
    hidden.observe(batch.states, 0, out, 0);
    for (let i = 0; i < dim; i++) {
      const isSpeed = /^vel|^spin|Rate$|^pace$/.test(names[i]!);
      assert.equal(out[i], isSpeed ? 0 : batch.observations[i], names[i]);
    }
  });

  test(`${task.id}: the reward of a state's own goal pair is the term success, and a pace relabels`, () => {
    const model = modelOf(task);
    const goals = model.goals!;
    const batch = createBatch(model, 4);
    const actions = new Float64Array(4 * model.actionSpace.dim);
    const random = createRandom(4);
    const achieved = new Float64Array(1);
    const desired = new Float64Array(1);
    const terms = new Float64Array(model.rewardTerms.length);
    for (let t = 0; t < model.horizon; t++) {
      expertActions(batch, actions, 0, () => 0);
      // The last two worlds act at random.
      for (let i = actions.length / 2; i < actions.length; i++) actions[i] = random.uniform(-1, 1);
      batch.step(actions);
      for (let w = 0; w < 4; w++) {
        const o = w * model.stateDim;
        goals.achieved(batch.states, o, achieved, 0);
        goals.desired(batch.states, o, desired, 0);
        model.reward(batch.previousStates, o, actions, w * model.actionSpace.dim, batch.states, o, terms, 0);
        assert.equal(goals.computeReward(achieved, 0, desired, 0), terms[0]);
        if (achieved[0]! > 0) assert.equal(goals.computeReward(achieved, 0, achieved, 0), 1);
      }
    }
  });

  test(`${task.id}: randomisation draws other bodies and frictions, none at 0`, () => {
    const friction = task.id === 'quadruped' ? 'frictionScale' : 'friction';
    const body = task.id === 'quadruped' ? 'robot' : 'body';
    const count = (randomisation: number, name: string): number => {
      const model = modelOf(task, { randomisation });
      return new Set(starts(model, 100).map((row) => row[fieldAt(model, name)])).size;
    };
    assert.deepEqual([count(0, body), count(0, friction)], [1, 1]);
    assert.ok(count(1, body) > 10 && count(1, friction) > 90);
    // The same torques move another body otherwise.
    const model = modelOf(task, { randomisation: 1 });
    const a = starts(model, 1)[0]!;
    const b = Float64Array.from(a);
    b[fieldAt(model, body)] = a[fieldAt(model, body)]! === 0 ? 1 : 0;
    const push = new Float64Array(model.actionSpace.dim).fill(0.3);
    for (let t = 0; t < 5; t++) {
      model.advance(a, push, 0, 1);
      model.advance(b, push, 0, 1);
    }
    b[fieldAt(model, body)] = a[fieldAt(model, body)]!;
    assert.notDeepEqual(a, b);
  });
}

for (const task of [cheetah, hopper]) {
  test(`${task.id}: difficulty tilts and bends the ground, and the robot stands on it`, () => {
    const level = modelOf(task);
    const steep = modelOf(task, { difficulty: 1 });
    const [slope, wave] = [fieldAt(level, 'slope'), fieldAt(level, 'wave')];
    for (const row of starts(level, 20)) assert.deepEqual([Math.abs(row[slope]!), row[wave]], [0, 0]);
    const rows = starts(steep, 100);
    const slopes = rows.map((row) => row[slope]!);
    assert.ok(Math.min(...slopes) < -0.08 && Math.max(...slopes) > 0.08);
    assert.ok(Math.max(...slopes.map(Math.abs)) <= 0.1);
    assert.ok(rows.every((row) => row[wave]! >= 0 && row[wave]! <= 0.03));
    const ahead = steep.observationSpace.names.indexOf('groundAhead.far');
    const out = new Float64Array(steep.observationSpace.dim);
    steep.observe(rows[0]!, 0, out, 0);
    assert.notEqual(out[ahead], 0);
  });

  test(`${task.id}: less friction makes the expert slip`, () => {
    const rate = (friction: number): number => {
      const model = modelOf(task, { friction });
      const batch = createBatch(model, 20);
      const actions = new Float64Array(20 * model.actionSpace.dim);
      for (let t = 0; t < model.horizon; t++) {
        expertActions(batch, actions, 0, () => 0);
        batch.step(actions);
      }
      let good = 0;
      for (let w = 0; w < 20; w++) if (model.success(batch.states, w * model.stateDim)) good++;
      return good / 20;
    };
    assert.ok(rate(0.1) < rate(0.8));
  });
}

test('quadruped: difficulty lays kerbs of different heights across the track', () => {
  const level = modelOf(quadruped);
  assert.ok(level.stateLayout.every(({ name }) => !name.startsWith('kerb')));
  const model = modelOf(quadruped, { difficulty: 1 });
  const tops = starts(model, 30).flatMap((row) =>
    model.stateLayout
      .filter(({ name }) => /^kerb\d\.pos$/.test(name))
      .map(({ offset }) => row[offset + 2]! + 0.04),
  );
  assert.equal(tops.length, 180);
  assert.ok(Math.min(...tops) >= 0 && Math.max(...tops) > 0.025 && Math.max(...tops) <= 0.03);
});
