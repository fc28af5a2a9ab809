import assert from 'node:assert/strict';
import { test } from 'node:test';
import { row, scene, stepWorlds, type WorldSpec } from '../../../sim/engine/gripper-world.ts';

const dt = 0.005;
const spec: WorldSpec = {
  stride: row.blockEnd,
  hasBlock: true,
  hasFingers: true,
  physicsDt: dt,
  substeps: 1,
  tableFriction: 0.3,
};

interface Start {
  readonly gripper?: readonly [number, number, number];
  readonly opening?: number;
  readonly block?: readonly [number, number, number];
  readonly velocity?: readonly [number, number, number];
  readonly yaw?: number;
  readonly spin?: number;
}

/** A world with the gripper out of the way and the block resting on the table, unless said otherwise. */
function start({
  gripper = [-0.25, -0.3, 0.3],
  opening = 0.04,
  block = [0, 0, scene.blockHalf],
  velocity = [0, 0, 0],
  yaw = 0,
  spin = 0,
}: Start = {}): Float64Array {
  const state = new Float64Array(spec.stride);
  state.set(gripper, row.gripperPos);
  state[row.opening] = opening;
  state[row.openingTarget] = opening;
  state.set(block, row.blockPos);
  state[row.blockYaw] = Math.cos(yaw);
  state[row.blockYaw + 1] = Math.sin(yaw);
  state.set(velocity, row.blockVel);
  state[row.blockSpin] = spin;
  return state;
}

function run(state: Float64Array, action: readonly number[], seconds: number, each?: () => void): void {
  const actions = Float64Array.from(action);
  for (let i = Math.round(seconds / dt); i > 0; i--) {
    stepWorlds(spec, state, actions, 4, 0, 1);
    each?.();
  }
}

const still = [0, 0, 0, 0];
const pos = (state: Float64Array) =>
  [...state.subarray(row.blockPos, row.blockPos + 3)] as [number, number, number];

test('a falling block follows the formula of free fall', () => {
  const height = 1;
  const state = start({ block: [0, 0, height] });
  const seconds = 0.4;
  run(state, still, seconds);
  const [, , z] = pos(state);
  // Semi-implicit Euler falls g t dt / 2 (9.8 mm) too far: exact up to that.
  const wanted = height - (scene.gravity * seconds ** 2) / 2 - (scene.gravity * seconds * dt) / 2;
  assert.ok(Math.abs(z - wanted) < 1e-9, `${z}, wanted ${wanted}`);
  assert.ok(Math.abs(state[row.blockVel + 2]! + scene.gravity * seconds) < 1e-9);
});

test('a dropped block comes to rest on the table, never in it', () => {
  const state = start({ block: [0, 0, 0.3] });
  let lowest = 1;
  run(state, still, 2, () => {
    lowest = Math.min(lowest, state[row.blockPos + 2]!);
  });
  assert.ok(lowest > scene.blockHalf - 0.0005, `lowest ${lowest}`);
  assert.ok(Math.abs(state[row.blockPos + 2]! - scene.blockHalf) < 0.0005);
  assert.ok(Math.abs(state[row.blockVel + 2]!) < 1e-9);
});

test('friction stops a sliding block after v^2 / (2 mu g)', () => {
  for (const speed of [0.5, 1]) {
    const state = start({ block: [-0.3, 0, scene.blockHalf], velocity: [speed, 0, 0] });
    run(state, still, 1);
    const slid = state[row.blockPos]! + 0.3;
    const wanted = speed ** 2 / (2 * spec.tableFriction * scene.gravity);
    // One physics step of the starting speed is the method's error: 3 % and 1.5 %.
    assert.ok(Math.abs(slid / wanted - 1) < 0.035, `${speed} m/s: slid ${slid}, wanted ${wanted}`);
    assert.equal(state[row.blockVel], 0);
  }
});

test('friction also stops a spinning block, which stays where it is', () => {
  const state = start({ spin: 5 });
  run(state, still, 1);
  assert.equal(state[row.blockSpin], 0);
  const [x, y] = pos(state);
  assert.ok(Math.hypot(x, y) < 1e-9);
  // w^2 I / (2 mu m g r) with r = 0.3826 a: I / m = a^2 / 6.
  const a = 2 * scene.blockHalf;
  const wanted = (25 * a) / 6 / (2 * spec.tableFriction * scene.gravity * 0.3826);
  const turned = Math.atan2(state[row.blockYaw + 1]!, state[row.blockYaw]!);
  assert.ok(Math.abs(turned / wanted - 1) < 0.15, `turned ${turned}, wanted ${wanted}`);
});

test('a block beyond the edge of the table falls to the floor and stays finite', () => {
  const state = start({ block: [0.39, 0, scene.blockHalf], velocity: [1, 0, 0] });
  run(state, still, 3);
  assert.ok(Math.abs(state[row.blockPos + 2]! - (scene.floorZ + scene.blockHalf)) < 0.001);
  assert.ok(state.every(Number.isFinite));
});

test('the gripper keeps its limits of speed and acceleration and its workspace', () => {
  const state = start({ gripper: [0, 0, 0.2] });
  let last = 0;
  run(state, [1, 0, -1, 0], 3, () => {
    const speed = state[row.gripperVel]!;
    assert.ok(speed <= scene.gripperSpeed + 1e-12);
    if (state[row.gripperPos]! < scene.workspaceHigh[0] - 0.01) {
      assert.ok(Math.abs(speed - last) <= scene.gripperAcceleration * dt + 1e-12);
    }
    last = speed;
  });
  assert.ok(Math.abs(state[row.gripperPos]! - scene.workspaceHigh[0]) < 1e-9);
  assert.ok(Math.abs(state[row.gripperPos + 2]! - scene.workspaceLow[2]) < 1e-9);
});

/** Depth by which the closed fingers and a block without yaw overlap, 0 or more. */
function overlap(state: Float64Array): number {
  const halfY = state[row.opening]! + scene.fingerThickness;
  return Math.max(
    0,
    Math.min(
      scene.fingerHalfX + scene.blockHalf - Math.abs(state[row.blockPos]! - state[row.gripperPos]!),
      halfY + scene.blockHalf - Math.abs(state[row.blockPos + 1]! - state[row.gripperPos + 1]!),
      state[row.blockPos + 2]! + scene.blockHalf - state[row.gripperPos + 2]!,
    ),
  );
}

test('closed fingers push a block ahead of them and do not pass through it', () => {
  const directions: readonly (readonly [number, number])[] = [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ];
  for (const [dx, dy] of directions) {
    const state = start({ gripper: [-0.08 * dx, -0.08 * dy, 0.02], opening: 0 });
    let deepest = 0;
    run(state, [dx, dy, 0, 0], 1.5, () => {
      deepest = Math.max(deepest, overlap(state));
    });
    const [x, y] = pos(state);
    const moved = x * dx + y * dy;
    assert.ok(moved > 0.1, `pushed ${moved} m along ${dx}, ${dy}`);
    assert.ok(Math.abs(x * dy - y * dx) < 0.01, 'goes straight');
    assert.ok(deepest < 0.001, `overlap ${deepest}`);
  }
});

test('a push beside the middle turns the block the way the lever says', () => {
  for (const side of [1, -1]) {
    const state = start({ gripper: [-0.08, 0.018 * side, 0.02], opening: 0 });
    run(state, [1, 0, 0, 0], 0.8);
    // Pushed along +x on the +y side: turns clockwise.
    assert.ok(-side * state[row.blockYaw + 1]! > 0.05, `yaw sine ${state[row.blockYaw + 1]}`);
    assert.ok(Math.abs(Math.hypot(state[row.blockYaw]!, state[row.blockYaw + 1]!) - 1) < 1e-12);
  }
});

test('fingertips that come down on the block stand on it', () => {
  const state = start({ gripper: [0, 0, 0.15], opening: 0 });
  run(state, [0, 0, -1, 0], 2);
  assert.ok(
    Math.abs(state[row.gripperPos + 2]! - 2 * scene.blockHalf) < 0.001,
    `tip at ${state[row.gripperPos + 2]}`,
  );
  assert.ok(Math.abs(state[row.blockPos + 2]! - scene.blockHalf) < 0.001);
});

const grasp = (yaw = 0, offset = 0): Float64Array => {
  const state = start({ gripper: [0, offset, 0.015], yaw });
  run(state, [0, 0, 0, 1], 0.6);
  return state;
};

test('a grasped block is lifted, carried and held without slipping', () => {
  const state = grasp();
  assert.ok(Math.abs(state[row.opening]! - scene.blockHalf) < 0.001, `opening ${state[row.opening]}`);
  const below = state[row.blockPos + 2]! - state[row.gripperPos + 2]!;
  run(state, [0, 0, 1, 1], 1);
  run(state, [1, -1, 0, 1], 1);
  run(state, [0, 0, 0, 1], 3);
  assert.ok(state[row.blockPos + 2]! > 0.12);
  const slip = Math.abs(state[row.blockPos + 2]! - state[row.gripperPos + 2]! - below);
  assert.ok(slip < 0.001, `slipped ${slip}`);
  assert.ok(Math.abs(state[row.blockPos]! - state[row.gripperPos]!) < 0.002);
  assert.ok(Math.abs(state[row.blockPos + 1]! - state[row.gripperPos + 1]!) < 0.002);
});

test('fingers that stop closing keep their grip', () => {
  const state = grasp();
  run(state, [0, 0, 1, 0], 1);
  assert.ok(state[row.blockPos + 2]! > 0.12);
});

test('closing fingers centre a block that is off the middle and turn it straight', () => {
  const state = grasp(0.25, 0.006);
  assert.ok(Math.abs(state[row.blockPos + 1]! - state[row.gripperPos + 1]!) < 0.002);
  assert.ok(Math.abs(state[row.blockYaw + 1]!) < 0.03, `yaw sine ${state[row.blockYaw + 1]}`);
});

test('an opened gripper drops the block', () => {
  const state = grasp();
  run(state, [0, 0, 1, 1], 1);
  run(state, [0, 0, 0, -1], 1.5);
  assert.ok(Math.abs(state[row.blockPos + 2]! - scene.blockHalf) < 0.001);
  assert.ok(state[row.gripperPos + 2]! > 0.12);
});

test('a block pulled harder than the grip can hold slips', () => {
  const state = grasp();
  run(state, [0, 0, 1, 1], 1);
  // 2 mu (force / 2) = 5 N hold 0.1 kg against 50 m/s^2; a blow of 5 m/s is stopped only after 5^2 / (2 * 50) m and more.
  state[row.blockVel] = 5;
  const before = state[row.blockPos]! - state[row.gripperPos]!;
  run(state, [0, 0, 0, 1], 1);
  assert.ok(state[row.blockPos]! - state[row.gripperPos]! - before > 0.02);
});

test('rows outside the asked range stay as they are', () => {
  const states = new Float64Array(3 * spec.stride);
  for (let w = 0; w < 3; w++) states.set(start({ block: [0, 0, 0.2] }), w * spec.stride);
  const before = states.slice();
  stepWorlds(spec, states, new Float64Array(12).fill(0.5), 4, 1, 1);
  assert.deepEqual(states.subarray(0, spec.stride), before.subarray(0, spec.stride));
  assert.deepEqual(states.subarray(2 * spec.stride), before.subarray(2 * spec.stride));
  assert.notDeepEqual(states, before);
});
