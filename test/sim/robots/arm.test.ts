import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arm, armBodies, writeArm } from '../../../sim/robots/arm.ts';
import { hand } from '../../../sim/robots/hand.ts';

type Point = readonly [number, number, number];

interface Placed {
  readonly centre: Point;
  /** Local z in the world. */
  readonly axis: Point;
  /** The two ends of the axis, without caps. */
  readonly ends: readonly [Point, Point];
}

function place(x: number, y: number, z: number, opening: number): Map<string, Placed> {
  const out = new Float32Array(armBodies.length * 7);
  writeArm(x, y, z, opening, out, 0);
  return new Map(
    armBodies.map(({ name, shape }, i) => {
      const [px, py, pz, qx, qy, qz, qw] = out.subarray(i * 7, i * 7 + 7) as unknown as number[];
      assert.ok(Math.abs(Math.hypot(qx!, qy!, qz!, qw!) - 1) < 1e-6, name);
      const axis: Point = [
        2 * (qx! * qz! + qw! * qy!),
        2 * (qy! * qz! - qw! * qx!),
        1 - 2 * (qx! ** 2 + qy! ** 2),
      ];
      const length = shape.type === 'box' ? shape.size[2] : shape.type === 'sphere' ? 0 : shape.length;
      const centre: Point = [px!, py!, pz!];
      const end = (sign: number): Point => [
        centre[0] + (sign * axis[0] * length) / 2,
        centre[1] + (sign * axis[1] * length) / 2,
        centre[2] + (sign * axis[2] * length) / 2,
      ];
      return [name, { centre, axis, ends: [end(-1), end(1)] as const }];
    }),
  );
}

const distance = (a: Point, b: Point): number => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);

/** Corners and inside of the workspace. */
function* reachable(): Generator<Point> {
  const [low, high] = [hand.low, hand.high];
  const n = 6;
  for (let i = 0; i <= n; i++) {
    for (let j = 0; j <= n; j++) {
      for (let k = 0; k <= n; k++) {
        yield [0, 1, 2].map(
          (axis) => low[axis]! + ([i, j, k][axis]! / n) * (high[axis]! - low[axis]!),
        ) as unknown as Point;
      }
    }
  }
}

test('from every reachable pose the links join end to end, from the base to the hand', () => {
  const chain = ['link1', 'link2', 'link3', 'link4', 'link5', 'link6', 'link7'];
  for (const [x, y, z] of reachable()) {
    const bodies = place(x, y, z, 0.02);
    const where = `gripper at ${x}, ${y}, ${z}`;
    assert.ok(distance(bodies.get('link1')!.ends[0], [arm.baseX, 0, 0]) < 1e-5, where);
    for (let i = 1; i < chain.length; i++) {
      const gap = distance(bodies.get(chain[i - 1]!)!.ends[1], bodies.get(chain[i]!)!.ends[0]);
      assert.ok(gap < 1e-5, `${where}: ${chain[i - 1]} and ${chain[i]} are ${gap} m apart`);
    }
    const palm = bodies.get('hand')!;
    assert.ok(distance(bodies.get('link7')!.ends[1], palm.ends[1]) < 1e-5, where);
    // Joints sit where links meet, hinges square to the arm's plane.
    assert.ok(distance(bodies.get('joint2')!.centre, bodies.get('link2')!.ends[0]) < 1e-5);
    assert.ok(distance(bodies.get('joint4')!.centre, bodies.get('link4')!.ends[0]) < 1e-5);
    assert.ok(distance(bodies.get('joint6')!.centre, bodies.get('link6')!.ends[0]) < 1e-5);
    assert.ok(Math.abs(bodies.get('joint4')!.axis[2]) < 1e-6);
  }
});

test('the elbow stays above the line from shoulder to wrist and every joint above the table', () => {
  for (const [x, y, z] of reachable()) {
    const bodies = place(x, y, z, 0.02);
    const [shoulder, elbow, wrist] = ['joint2', 'joint4', 'joint6'].map((name) => bodies.get(name)!.centre);
    assert.ok(elbow![2] > (shoulder![2] + wrist![2]) / 2);
    assert.ok(wrist![2] > 0.15 && elbow![2] > 0.15);
  }
});

test('the hand is above the fingers, which stand apart by the opening', () => {
  for (const opening of [0, 0.025, 0.04]) {
    const bodies = place(0.1, -0.05, 0.1, opening);
    const left = bodies.get('leftFinger')!.centre;
    const right = bodies.get('rightFinger')!.centre;
    assert.ok(Math.abs(left[1] - right[1] - 2 * opening - hand.fingerThickness) < 1e-6);
    assert.ok(Math.abs((left[1] + right[1]) / 2 + 0.05) < 1e-6);
    // Finger ends: the tips at the gripper's height, the roots at the hand's bottom.
    assert.ok(Math.abs(bodies.get('leftFinger')!.ends[0][2] - 0.1) < 1e-6);
    assert.ok(Math.abs(bodies.get('leftFinger')!.ends[1][2] - bodies.get('hand')!.ends[0][2]) < 1e-6);
  }
});
