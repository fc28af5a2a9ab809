/** The mobile base against circles and lines worked by hand, and against walls. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../sim/engine/random.ts';
import {
  base,
  baseBodies,
  baseRow,
  collideBase,
  driveBase,
  lidar,
  lidarRays,
  type Obstacles,
  placeBase,
  pushBase,
  steerBase,
  topTurn,
  wantNoTunnelling,
  writeBase,
} from '../../../sim/robots/base.ts';

const dt = 0.025;
const near = (found: number, wanted: number, within = 1e-12): void =>
  assert.ok(Math.abs(found - wanted) <= within, `found ${found}, wanted ${wanted} within ${within}`);

function standing(x = 0, y = 0, yaw = 0): Float64Array {
  const state = new Float64Array(baseRow.size);
  placeBase(state, 0, x, y, yaw);
  return state;
}

const around = (boxes: readonly number[], discs: readonly number[] = []): Obstacles => ({
  boxes: Float64Array.from(boxes),
  boxCount: boxes.length / 4,
  discs: Float64Array.from(discs),
  discCount: discs.length / 3,
});

test('wheels reach their speed at the limited acceleration and no more', () => {
  const state = standing();
  // 3 m/s2: 0.075 m/s a step of 25 ms, the top speed of 1 m/s in the 14th.
  for (let i = 1; i <= 13; i++) {
    driveBase(state, 0, 1, 1, base, dt);
    near(state[4]!, 0.075 * i);
  }
  driveBase(state, 0, 1, 1, base, dt);
  near(state[4]!, 1);
  near(state[5]!, 1);
  // Semi-implicit: sum of the new speeds times dt = 0.075 * 0.025 * (1 + ... + 13) + 0.025.
  near(state[0]!, 0.075 * 0.025 * 91 + 0.025);
  driveBase(state, 0, 1, 1, base, dt, 0.5);
  driveBase(state, 0, -1, -1, base, dt, 0.5);
  near(state[4]!, 1 - 0.0375);
});

test('opposite wheels turn on the spot, unequal ones drive a circle', () => {
  const state = standing(2, 3);
  state[4] = -0.5;
  state[5] = 0.5;
  for (let i = 0; i < 40; i++) driveBase(state, 0, -0.5, 0.5, base, dt);
  near(state[0]!, 2);
  near(state[1]!, 3);
  // w = 1 / 0.26 rad/s for 1 s.
  near(state[2]!, Math.cos(1 / 0.26));
  near(state[3]!, Math.sin(1 / 0.26));

  const round = standing();
  round[4] = 0.5;
  round[5] = 0.7;
  // v = 0.6, w = 0.2 / 0.26: a circle of radius 0.78 about (0, 0.78), off it only by 2 r w^2 dt^2 / 24, a chord driven as long as its arc.
  for (let i = 0; i < 200; i++) {
    driveBase(round, 0, 0.5, 0.7, base, dt);
    near(Math.hypot(round[0]!, round[1]! - 0.78), 0.78, 2.5e-5);
  }
  near(Math.hypot(round[2]!, round[3]!), 1);
});

test('a heading keeps its length over a million steps', () => {
  const state = standing(0, 0, 1);
  state[4] = 0.31;
  state[5] = -0.77;
  for (let i = 0; i < 1e6; i++) driveBase(state, 0, 0.31, -0.77, base, dt);
  near(Math.hypot(state[2]!, state[3]!), 1, 1e-14);
});

test('a base that drives into a wall stands there with its speed gone; at an angle it slides along', () => {
  const wall = around([2, 0, 0.03, 5]);
  const state = standing();
  for (let i = 0; i < 200; i++) {
    driveBase(state, 0, 1, 1, base, dt);
    collideBase(state, 0, base.radius, wall, dt);
  }
  near(state[0]!, 2 - 0.03 - base.radius);
  near(state[1]!, 0);
  near(state[4]!, 0, 0.08);
  const slider = standing(1.7, 0, Math.PI / 3);
  for (let i = 0; i < 40; i++) {
    driveBase(slider, 0, 1, 1, base, dt);
    collideBase(slider, 0, base.radius, wall, dt);
  }
  near(slider[0]!, 2 - 0.03 - base.radius);
  assert.ok(slider[1]! > 0.4 && slider[1]! < 1, `slid ${slider[1]}`);
});

test('unequal wheels share the acceleration in proportion, so that a blocked base turns away', () => {
  const state = standing();
  driveBase(state, 0, 0.25, 1, base, dt);
  near(state[4]!, 0.25 * 0.075);
  near(state[5]!, 0.075);
  // Head on against a wall, where it may not go forward.
  const wall = around([0.19, 0, 0.03, 5]);
  const blocked = standing();
  for (let i = 0; i < 20; i++) {
    driveBase(blocked, 0, 0.25, 1, base, dt);
    collideBase(blocked, 0, base.radius, wall, dt);
  }
  assert.ok(blocked[3]! > 0.5, `turned only to a sine of ${blocked[3]}`);
});

test('a push never turns the motion round and never speeds it up', () => {
  const state = standing();
  state[4] = 0.2;
  state[5] = 0.4;
  pushBase(state, 0, -1, 0, dt);
  // v = 0.3 is lost, the turn stays.
  near(state[4]!, -0.1);
  near(state[5]!, 0.1);
  state[4] = 0.2;
  state[5] = 0.2;
  pushBase(state, 0, 1, 0, dt);
  near(state[4]!, 0.2);
});

test('nothing gets through thin walls, corners and wedges at top speed', () => {
  // A room 1 m wide whose walls have no thickness at all, with a box and two discs in it.
  const room = around(
    [0.5, 0, 0, 0.5, -0.5, 0, 0, 0.5, 0, 0.5, 0.5, 0, 0, -0.5, 0.5, 0, 0.3, 0.3, 0.05, 0.05],
    [-0.3, 0.3, 0.05, -0.3, -0.3, 0.1],
  );
  const random = createRandom(4);
  const state = standing(0, 0, 0.3);
  let touches = 0;
  let [left, right] = [1, 1];
  for (let i = 0; i < 40_000; i++) {
    if (i % 20 === 0) [left, right] = [random.uniform(-1, 1), random.uniform(-1, 1)];
    // Every other stretch at top speed.
    if (i % 40 === 0) left = right = random.integer(2) * 2 - 1;
    driveBase(state, 0, left, right, base, dt);
    if (collideBase(state, 0, base.radius, room, dt)) touches++;
    const [x, y] = [state[0]!, state[1]!];
    assert.ok(Math.max(Math.abs(x), Math.abs(y)) <= 0.5 - base.radius + 1e-6, `step ${i}: ${x}, ${y}`);
    assert.ok(Math.hypot(x + 0.3, y - 0.3) >= base.radius + 0.05 - 1e-6);
    assert.ok(Math.abs(state[4]!) <= 1 && Math.abs(state[5]!) <= 1);
  }
  assert.ok(touches > 1000, `${touches} touches`);
  wantNoTunnelling(base, dt);
  assert.throws(() => wantNoTunnelling(base, 0.2), /moves 0.2 m in a physics step/);
});

test('lidar reads boxes and discs around the heading, and its range where there is nothing', () => {
  const state = standing(1, 1, Math.PI / 2);
  const out = new Float64Array(5).fill(7);
  const scene = around([1, 4, 1, 0.5, 9, 9, 1, 1], [3, 1, 0.5, -20, 1, 1]);
  // Ahead (+y) the box at 4 - 0.5; left (-x) nothing within 5; behind nothing; right (+x) the disc.
  lidar(state, 0, lidarRays(4), 5, scene, out, 1);
  assert.equal(out[0], 7);
  for (const [i, wanted] of [2.5, 5, 5, 1.5].entries()) near(out[1 + i]!, wanted);
  scene.boxCount = 0;
  lidar(state, 0, lidarRays(4), 5, scene, out, 1);
  near(out[1]!, 5);
});

test('steering reaches any point from any pose and stands there, also on a slippery floor', () => {
  const random = createRandom(6);
  const action = new Float64Array(2);
  for (let trial = 0; trial < 200; trial++) {
    const state = standing(0, 0, random.uniform(-Math.PI, Math.PI));
    const [x, y] = [random.uniform(-2, 2), random.uniform(-2, 2)];
    const grip = random.uniform(0.5, 1);
    for (let t = 0; t < 80; t++) {
      steerBase(state, 0, x, y, true, base, action, 0, grip);
      assert.ok(Math.abs(action[0]!) <= 1 && Math.abs(action[1]!) <= 1);
      for (let k = 0; k < 4; k++) driveBase(state, 0, action[0]!, action[1]!, base, dt, grip);
    }
    assert.ok(Math.hypot(state[0]! - x, state[1]! - y) < 0.05, `trial ${trial}: ${state[0]}, ${state[1]}`);
    near(state[4]!, 0, 1e-9);
  }
  near(topTurn(base), 1 / 0.13);
});

test('the drawn base stands on the floor with its wheels left and right of the heading', () => {
  const out = new Float32Array(7 * baseBodies().length);
  // Looking along +y: the left wheel is at -x.
  writeBase(1, 2, 0, 1, base, out, 0);
  near(out[7]!, 1 - 0.13, 1e-6);
  near(out[8]!, 2, 1e-6);
  near(out[14]!, 1 + 0.13, 1e-6);
  near(out[9]!, 0.05, 1e-6);
  // The axle, local z of the wheel, is level and along x: rotate (0, 0, 1) by the quaternion.
  const [x, y, z, w] = [out[10]!, out[11]!, out[12]!, out[13]!];
  near(Math.abs(2 * (x * z + w * y)), 1, 1e-6);
  near(1 - 2 * (x * x + y * y), 0, 1e-6);
  near(out[4 * 7 + 1]!, 2 + base.radius - 0.035, 1e-6);
  for (let i = 0; i < out.length; i += 7) {
    near(Math.hypot(out[i + 3]!, out[i + 4]!, out[i + 5]!, out[i + 6]!), 1, 1e-6);
  }
});
