/** Contacts that are settled at once, against mechanics: what was pressed is what changed the speeds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact, TaskModel } from '../../../sim/env.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { base } from '../../../sim/robots/base.ts';
import { type TaskId, tasks } from '../../../sim/tasks/index.ts';

const made = (id: TaskId, settings: object = {}): TaskModel =>
  tasks[id].create({ ...defaultsOf(tasks[id].fields), ...settings });

const at = (model: TaskModel, name: string): number =>
  model.stateLayout.find((field) => field.name === name)!.offset;

/** Force on a body, N. */
function forceOn(contacts: readonly Contact[], body: string): [number, number] {
  const sum: [number, number] = [0, 0];
  for (const { bodyA, bodyB, normal, force } of contacts) {
    const sign = bodyB === body ? 1 : bodyA === body ? -1 : 0;
    sum[0] += sign * force * normal[0];
    sum[1] += sign * force * normal[1];
  }
  return sum;
}

test('a robot that drives against the wall presses on it with the force of its motor', () => {
  const model = made('soccer');
  const state = new Float64Array(model.stateDim);
  model.reset(1, state, 0);
  const [robot, opponent, ball] = [at(model, 'home0.pos'), at(model, 'away0.pos'), at(model, 'ball.pos')];
  // Away from everything, at the middle of the near wall: 2 kg, 4 m/s^2.
  state.set([-1.5, -1.82], robot);
  state.set([2, 1], opponent);
  state.set([2, -1], ball);
  const action = Float64Array.of(0, -1, 0);
  for (let t = 0; t < 5; t++) model.advance(state, action, 0, 1);
  const [x, y] = forceOn(model.impacts!(state, 0, action, 0), 'home0');
  assert.ok(Math.abs(x) < 1e-9 && Math.abs(y - 8) < 0.05, `${x} ${y} N`);
});

test('the ball’s momentum changes by what pressed on it, but for the drag of the grass', () => {
  const model = made('soccer', { players: 2 });
  const state = new Float64Array(model.stateDim);
  const action = new Float64Array(model.actionSpace.dim);
  const [velocity, mass, drag] = [at(model, 'ball.vel'), at(model, 'ball.mass'), at(model, 'ball.drag')];
  let pressed = 0;
  for (const seed of [1, 2, 3]) {
    model.reset(seed, state, 0);
    for (let t = 0; t < 150; t++) {
      model.expert(state, 0, action, 0);
      const before = state.slice();
      const contacts = model.impacts!(state, 0, action, 0);
      assert.deepEqual(state, before, 'looking changes nothing');
      model.advance(state, action, 0, 1);
      const force = forceOn(contacts, 'ball');
      for (const k of [0, 1]) {
        const change = before[mass]! * (state[velocity + k]! - before[velocity + k]!);
        // The referee takes a stuck ball into the hand.
        if (state[velocity] === 0 && state[velocity + 1] === 0) continue;
        const most = before[mass]! * before[drag]! * model.controlDt + 1e-9;
        assert.ok(
          Math.abs(change - force[k]! * model.controlDt) <= most,
          `seed ${seed}, step ${t}: ${change} N s, pressed ${force[k]! * model.controlDt}`,
        );
      }
      if (Math.hypot(...force) > 0) pressed++;
      for (const { normal, force: size, point } of contacts) {
        assert.ok(size >= 0 && Math.abs(Math.hypot(...normal) - 1) < 1e-9);
        assert.ok(Math.abs(point[0]) < 3.5 && Math.abs(point[1]) < 2.1);
      }
    }
  }
  assert.ok(pressed > 10, `steps in which something pressed on the ball: ${pressed}`);
});

test('taggers that run into each other part with opposite momentum, where they met', () => {
  const model = made('tag', { taggers: 2, obstacles: 0 });
  const state = new Float64Array(model.stateDim);
  model.reset(1, state, 0);
  const [one, other, runner] = [at(model, 'tagger0.pos'), at(model, 'tagger1.pos'), at(model, 'runner0.pos')];
  state.set([-0.21, 0, 1.5, 0], one);
  state.set([0.21, 0, -1.5, 0], other);
  state.set([2.5, 2.5, 0, 0], runner);
  const [touch] = model.impacts!(state, 0, new Float64Array(2), 0).filter(
    ({ bodyA, bodyB }) => bodyA === 'tagger0' && bodyB === 'tagger1',
  );
  assert.ok(touch);
  assert.ok(touch.normal[0] > 0.99 && Math.abs(touch.point[0]) < 0.05, String([touch.normal, touch.point]));
  // Two discs of 1 kg or so at 3 m/s, restitution 0.3: j = 1.3 * 3 / 2 N s, over 0.1 s; their motors push a little.
  assert.ok(Math.abs(touch.force - 19.5) < 3, `${touch.force} N`);
});

/** How far a point is from the surface of a box or cylinder that is drawn in this state, seen from above, m. */
function fromSurface(model: TaskModel, state: Float64Array, name: string, point: Contact['point']): number {
  const index = model.bodies.findIndex((body) => body.name === name);
  assert.ok(index >= 0, `no body named ${name}`);
  const poses = new Float32Array(7 * model.bodies.length);
  model.poses(state, 0, poses, 0);
  const [px, py, , , , qz, qw] = poses.subarray(7 * index);
  const [dx, dy] = [point[0] - px!, point[1] - py!];
  const { shape } = model.bodies[index]!;
  if (shape.type === 'cylinder') return Math.abs(Math.hypot(dx, dy) - shape.radius);
  assert.ok(shape.type === 'box');
  // Turned back by the yaw: cos = w2 - z2, sin = 2 z w.
  const [c, s] = [qw! * qw! - qz! * qz!, 2 * qz! * qw!];
  const out = [
    Math.abs(c * dx + s * dy) - shape.size[0] / 2,
    Math.abs(c * dy - s * dx) - shape.size[1] / 2,
  ] as const;
  return Math.abs(Math.max(...out));
}

/** From the middle of the base to what its lidar sees nearest, m; drills have none, their bases start in the open. */
function room(model: TaskModel, state: Float64Array, pos: number): number {
  const { lidar } = model;
  if (!lidar) return Number.POSITIVE_INFINITY;
  const ends = new Float64Array(3 + 3 * lidar.rays);
  lidar.cast(state, 0, ends, 0);
  const distances = Array.from({ length: lidar.rays }, (_, k) =>
    Math.hypot(ends[3 + 3 * k]! - state[pos]!, ends[4 + 3 * k]! - state[pos + 1]!),
  );
  return Math.min(...distances);
}

const motor = base.mass * base.acceleration;

for (const [id, settings] of [
  ['maze', {}],
  ['maze', { keyDoor: true, randomisation: 1 }],
  ['rooms', {}],
  ['coverage', { furniture: 0.3 }],
  ['drill-loop', {}],
  ['drill-switch', {}],
] as const) {
  test(`${id} ${JSON.stringify(settings)}: whichever way the base drives, it comes to press on what is drawn there with its motors' force`, () => {
    const model = made(id, settings);
    const state = new Float64Array(model.stateDim);
    const [pos, yaw] = [at(model, 'basePos'), at(model, 'baseYaw')];
    const action = new Float64Array(model.actionSpace.dim).fill(1);
    const met = new Set<string>();
    for (let seed = 0; seed < 6; seed++) {
      for (const heading of [
        [1, 0],
        [0, 1],
        [-1, 0],
        [0, -1],
      ] as const) {
        model.reset(seed, state, 0);
        // Wheels that differ would drive in a circle.
        const gains = model.stateLayout.find(({ name }) => name === 'wheelGain');
        if (gains) state.fill(1, gains.offset, gains.offset + 2);
        const grip = state[at(model, 'grip')]!;
        state.set(heading, yaw);
        if (room(model, state, pos) > base.radius + 0.05)
          assert.deepEqual(model.impacts!(state, 0, action, 0), [], 'nothing in the open');
        let still = 0;
        for (let t = 0; t < 150 && still < 3; t++) {
          const before = state.slice();
          const contacts = model.impacts!(state, 0, action, 0);
          assert.deepEqual(state, before, 'looking changes nothing');
          assert.deepEqual(model.impacts!(state, 0, action, 0), contacts);
          model.advance(state, action, 0, 1);
          for (const { bodyA, bodyB, point, normal, force } of contacts) {
            assert.equal(bodyB, 'chassis');
            met.add(bodyA);
            // Gates are drawn 9 mm thinner than the walls they are, furniture 5 mm smaller.
            const off = fromSurface(model, before, bodyA, point);
            assert.ok(off < 0.012, `seed ${seed}, ${heading}, step ${t}: ${point} is ${off} m off ${bodyA}`);
            const against = -(normal[0] * heading[0] + normal[1] * heading[1]);
            assert.ok(against > 0 && Math.abs(Math.hypot(...normal) - 1) < 1e-9, String(normal));
            // At most all of its momentum and what the motors gave meanwhile.
            const most = (base.mass * (base.topSpeed + base.acceleration * 0.1)) / 0.1;
            assert.ok(force >= 0 && force * against < most, `${force} N`);
          }
          const moved = Math.hypot(state[pos]! - before[pos]!, state[pos + 1]! - before[pos + 1]!);
          still = contacts.length > 0 && moved < 1e-9 ? still + 1 : 0;
          // Stopped: what presses along the heading is what the motors push.
          if (still !== 3) continue;
          const [x, y] = forceOn(contacts, 'chassis');
          const along = x * heading[0] + y * heading[1];
          assert.ok(Math.abs(along + motor * grip) < 1e-6, `${along} N, motors ${motor * grip} N`);
        }
      }
    }
    assert.ok(met.size >= 4, `met: ${[...met]}`);
  });
}

test('a base that slides along a wall is held off by the motors’ force over the sine of the angle', () => {
  const model = made('drill-switch');
  const state = new Float64Array(model.stateDim);
  model.reset(1, state, 0);
  // 45 degrees into the wall in the east; there v = 0.075 / sin^2 m/s, far below the top speed.
  state.set([1.6, -1.5, Math.SQRT1_2, Math.SQRT1_2], at(model, 'basePos'));
  const action = Float64Array.of(1, 1);
  for (let t = 0; t < 12; t++) model.advance(state, action, 0, 1);
  const [wall, ...others] = model.impacts!(state, 0, action, 0);
  assert.ok(wall && others.length === 0);
  assert.deepEqual([wall.bodyA, [...wall.normal]], ['wallEast', [-1, 0, 0]]);
  assert.ok(Math.abs(wall.force - motor / Math.SQRT1_2) < 1e-6, `${wall.force} N`);
});

test('a base that was put into a wall is pushed out without a force, beyond what its motors do', () => {
  const model = made('drill-switch');
  const state = new Float64Array(model.stateDim);
  model.reset(1, state, 0);
  state.set([1.95, 0, 1, 0], at(model, 'basePos'));
  const [wall] = model.impacts!(state, 0, new Float64Array(2), 0);
  assert.deepEqual([wall!.bodyA, wall!.force], ['wallEast', 0]);
});

test('on the grid a move that is barred touches what bars it, a push touches the box; chance that cannot be told is not', () => {
  const model = made('grid-world', { layout: 'open' });
  const state = new Float64Array(model.stateDim);
  const [agent, box] = [at(model, 'agent'), at(model, 'box')];
  const width = Math.max(...model.bodies.map(({ name }) => Number(/^wall(\d+)-/.exec(name)?.[1] ?? 0))) + 1;
  const cell = (x: number, y: number): number => x + width * y;
  model.reset(1, state, 0);
  const after = (action: number): unknown[] =>
    model.impacts!(state, 0, Float64Array.of(action), 0).map(({ bodyA, bodyB, normal, force }) => [
      bodyA,
      bodyB,
      [...normal],
      force,
    ]);
  state[box] = cell(3, 2);
  state[agent] = cell(2, 2);
  assert.equal(model.problem!(state, 0), null);
  assert.deepEqual(after(0), [], 'up: free');
  assert.deepEqual(after(1), [['agent', 'box', [1, 0, 0], 0]], 'right: the box is pushed');
  state[agent] = cell(1, 2);
  assert.deepEqual(after(3), [['agent', 'wall0-2', [-1, 0, 0], 0]], 'left: the wall');
  const [touch] = model.impacts!(state, 0, Float64Array.of(3), 0);
  assert.ok(fromSurface(model, state, 'wall0-2', touch!.point) < 1e-6);
  // In the corner, moving down: with slip 1 it goes left (barred) or right, with 0.5 also down (barred), and who stays may have done either.
  for (const slip of [1, 0.5]) {
    const slippery = made('grid-world', { layout: 'open', slip });
    const stays: unknown[] = [];
    for (let seed = 0; seed < 30; seed++) {
      slippery.reset(seed, state, 0);
      state[box] = cell(3, 2);
      state[agent] = cell(1, 1);
      const names = slippery.impacts!(state, 0, Float64Array.of(2), 0).map(({ bodyB }) => bodyB);
      slippery.advance(state, Float64Array.of(2), 0, 1);
      if (state[agent] === cell(1, 1)) stays.push(...(names.length > 0 ? names : ['untold']));
      else assert.deepEqual(names, []);
    }
    assert.ok(stays.length > 3 && new Set(stays).size === 1, String(stays));
    assert.equal(stays[0], slip === 1 ? 'wall0-1' : 'untold');
  }
});

test('a car that does not leave the ramp meets the barrier with its whole momentum, drawn where the barrier is', () => {
  const model = made('highway', { cars: 1 });
  const state = new Float64Array(model.stateDim);
  model.reset(1, state, 0);
  const action = Float64Array.of(1, 0);
  const [pos, speed] = [at(model, 'ego.pos'), at(model, 'ego.speed')];
  let hit: Contact | undefined;
  let v = 0;
  for (let t = 0; t < 200 && !hit; t++) {
    hit = model.impacts!(state, 0, action, 0).find(({ bodyA }) => bodyA === 'barrier');
    v = state[speed]!;
    model.advance(state, action, 0, 1);
  }
  assert.ok(hit && hit.bodyB === 'ego', `at ${state[pos]} m`);
  assert.deepEqual([...hit.normal], [-1, 0, 0]);
  // 1500 kg stopped within a step of 0.1 s, in which the engine adds at most 0.3 m/s.
  assert.ok(hit.force >= 15_000 * v && hit.force <= 15_000 * (v + 0.3), `${hit.force} N at ${v} m/s`);
  assert.ok(fromSurface(model, state, 'barrier', hit.point) < 1e-6);
});

test('a car that runs into the one ahead gives it half the difference of their momenta', () => {
  const model = made('highway', { cars: 1 });
  const state = new Float64Array(model.stateDim);
  model.reset(1, state, 0);
  state.set([150, 0, 0, 30], at(model, 'ego.pos'));
  state.set([155, 0, 0, 10], at(model, 'car1.pos'));
  const [crash, ...others] = model.impacts!(state, 0, Float64Array.of(0, 0), 0);
  assert.ok(crash && others.length === 0);
  assert.deepEqual([crash.bodyA, crash.bodyB, [...crash.normal]], ['ego', 'car1', [1, 0, 0]]);
  // Half of 20 m/s, 1500 kg, 0.1 s; the driver ahead speeds up or brakes a little before.
  assert.ok(Math.abs(crash.force - 150_000) < 10_000, `${crash.force} N`);
});
