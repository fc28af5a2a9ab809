/** Contacts read from a row: their forces against what mechanics says, and that looking changes nothing. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SceneDef } from '../../../sim/engine/scene.ts';
import { World } from '../../../sim/engine/world.ts';
import type { Contact } from '../../../sim/env.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const near = (found: number, wanted: number, share: number, what: string): void =>
  assert.ok(Math.abs(found - wanted) <= share * Math.abs(wanted), `${what}: ${found}, wanted ${wanted}`);

/** Force on B along z, friction included. */
const lift = (contacts: readonly Contact[]): number =>
  contacts.reduce((sum, { normal, force, friction }) => sum + normal[2] * force + friction[2], 0);

const block = (slope = 0): SceneDef => ({
  physicsDt: 0.01,
  substeps: 2,
  gravity: [9.81 * Math.sin(slope), 0, -9.81 * Math.cos(slope)],
  bodies: [
    { name: 'ground', shapes: [{ type: 'plane', friction: 0.6 }] },
    {
      name: 'block',
      mass: 0.8,
      position: [0, 0, 0.05],
      joints: [{ type: 'free' }],
      shapes: [{ type: 'box', half: [0.05, 0.05, 0.05], friction: 0.6 }],
    },
  ],
});

function settle(world: World, steps = 200): Float64Array {
  const state = new Float64Array(world.stateDim);
  world.rest(state, 0);
  world.step(state, 0, steps);
  return state;
}

test('the forces under a resting block add up to its weight, at its four lower corners', () => {
  const world = new World(block());
  const contacts = world.contacts(settle(world), 0);
  assert.equal(contacts.length, 4);
  near(lift(contacts), 0.8 * 9.81, 0.01, 'sum of the forces');
  for (const { point, normal, force, bodyA, bodyB } of contacts) {
    assert.deepEqual([bodyA, bodyB, ...normal], ['ground', 'block', 0, 0, 1]);
    near(force, (0.8 * 9.81) / 4, 0.02, 'force of a corner');
    assert.deepEqual(
      point.map((x) => Math.round(Math.abs(x) * 1000) / 1000),
      [0.05, 0.05, 0],
    );
  }
});

test('on a slope, friction holds the block: m g sin across, m g cos along the normal', () => {
  const slope = 0.3;
  const world = new World(block(slope));
  const contacts = world.contacts(settle(world), 0);
  near(lift(contacts), 0.8 * 9.81 * Math.cos(slope), 0.02, 'normal force');
  const friction = contacts.reduce((sum, contact) => sum + contact.friction[0], 0);
  near(friction, -0.8 * 9.81 * Math.sin(slope), 0.02, 'friction');
});

test('a stack of two blocks passes the weight on', () => {
  const scene = block();
  const world = new World({
    ...scene,
    bodies: [...scene.bodies, { ...scene.bodies[1]!, name: 'upper', position: [0, 0, 0.15], mass: 0.3 }],
  });
  const contacts = world.contacts(settle(world, 400), 0);
  const of = (a: string, b: string): readonly Contact[] =>
    contacts.filter(({ bodyA, bodyB }) => bodyA === a && bodyB === b);
  near(lift(of('ground', 'block')), 1.1 * 9.81, 0.02, 'under the lower block');
  near(lift(of('block', 'upper')), 0.3 * 9.81, 0.02, 'between the blocks');
  assert.deepEqual(world.touching(settle(world, 400), 0).map(String).sort(), ['block,upper', 'ground,block']);
});

test('nothing touches in the air', () => {
  const scene = block();
  const world = new World({
    ...scene,
    bodies: [scene.bodies[0]!, { ...scene.bodies[1]!, position: [0, 0, 1] }],
  });
  const state = settle(world, 5);
  assert.deepEqual([world.contacts(state, 0), world.touching(state, 0)], [[], []]);
});

/** Steps the expert of a task; `look` sees every state. */
function play(id: keyof typeof tasks, steps: number, look: (state: Float64Array) => void): Float64Array {
  const task = tasks[id];
  const model = task.create(defaultsOf(task.fields));
  const state = new Float64Array(model.stateDim);
  const action = new Float64Array(model.actionSpace.dim);
  model.reset(3, state, 0);
  for (let t = 0; t < steps; t++) {
    model.expert(state, 0, action, 0);
    model.advance(state, action, 0, 1);
    look(state);
  }
  return state;
}

test('looking at contacts changes neither the row nor how it goes on', () => {
  for (const id of ['pick-place', 'cheetah', 'quadruped'] as const) {
    const model = tasks[id].create(defaultsOf(tasks[id].fields));
    const looked = play(id, 40, (state) => {
      const before = state.slice();
      model.contacts!(state, 0);
      model.touching?.(state, 0);
      assert.deepEqual(state, before);
    });
    assert.deepEqual(
      looked,
      play(id, 40, () => undefined),
    );
  }
});

test('every task on the engine tells its contacts, and a held block is pressed by both fingers alike', () => {
  const engine = Object.values(tasks).filter((task) =>
    task.create(defaultsOf(task.fields)).stateLayout.some(({ name }) => name === 'impulses'),
  );
  assert.ok(engine.length >= 12);
  for (const task of engine) {
    const model = task.create(defaultsOf(task.fields));
    assert.ok(model.contacts && model.touching, task.id);
  }
  const task = tasks['pick-place'];
  const model = task.create(defaultsOf(task.fields));
  let held = 0;
  play('pick-place', 60, (state) => {
    const contacts = model.contacts!(state, 0);
    for (const { normal, force } of contacts) {
      assert.ok(force > 0 && Math.abs(Math.hypot(...normal) - 1) < 1e-9);
    }
    const press = (finger: string): number =>
      contacts
        .filter(
          ({ bodyA, bodyB }) => [bodyA, bodyB].includes(finger) && !`${bodyA}${bodyB}`.includes('table'),
        )
        .reduce((sum, { force }) => sum + force, 0);
    const [left, right] = [press('leftFinger'), press('rightFinger')];
    if (left > 1 && right > 1) {
      held++;
      assert.ok(Math.abs(left - right) < 0.35 * Math.max(left, right), `${left} N and ${right} N`);
    }
  });
  assert.ok(held > 5, `frames in which both fingers press: ${held}`);
});

test('a runner is carried by the ground: over a stretch of running the mean lift is its weight', () => {
  const task = tasks['cheetah'];
  const model = task.create(defaultsOf(task.fields));
  let sum = 0;
  let count = 0;
  play('cheetah', 200, (state) => {
    count++;
    sum += lift(model.contacts!(state, 0));
  });
  near(sum / count, 14 * 9.81, 0.25, 'mean lift');
});

test('the rays of the lidar end where the observation says', () => {
  const task = tasks['maze'];
  const model = task.create(defaultsOf(task.fields));
  const { rays, cast } = model.lidar!;
  const out = new Float64Array(3 + 3 * rays);
  const seen = new Float64Array(model.observationSpace.dim);
  const first = model.observationSpace.names.indexOf('lidar1');
  play('maze', 30, (state) => {
    cast(state, 0, out, 0);
    model.observe(state, 0, seen, 0);
    for (let k = 0; k < rays; k++) {
      const at = 3 + 3 * k;
      const length = Math.hypot(out[at]! - out[0]!, out[at + 1]! - out[1]!);
      assert.ok(Math.abs(length - seen[first + k]!) < 1e-9);
    }
  });
});
