/** Manifolds against numbers worked by hand, and boxes against the obvious loop over separating axes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  boxBox,
  boxCapsule,
  boxSphere,
  capsuleCapsule,
  capsuleSphere,
  hit,
  planeBox,
  planeCapsule,
  planeSphere,
  sphereSphere,
} from '../../../sim/engine/collide.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import { matrixOf, type Quat, type Vec3 } from '../../../sim/engine/scene.ts';

/** Half sizes of a box; radius of a sphere; radius and half length of a capsule; nothing for a plane. */
interface Placed {
  readonly size?: readonly number[];
  readonly at?: Vec3;
  readonly turn?: Quat;
}

interface Point {
  readonly x: number;
  readonly y: number;
  readonly z: number;
  readonly separation: number;
  readonly id: number;
}

type Routine = (
  pos: Float64Array,
  rot: Float64Array,
  size: Float64Array,
  a: number,
  b: number,
  margin: number,
) => void;

/** What a routine writes for shape 0 against shape 1. */
function manifold(
  routine: Routine,
  a: Placed,
  b: Placed,
  margin = 0.01,
): { normal: number[]; points: Point[] } {
  const pos = new Float64Array(6);
  const rot = new Float64Array(18);
  const size = new Float64Array(6);
  for (const [i, { at = [0, 0, 0], turn = [0, 0, 0, 1], size: sizes = [] }] of [a, b].entries()) {
    pos.set(at, 3 * i);
    rot.set(matrixOf(turn as Quat), 9 * i);
    size.set(sizes, 3 * i);
  }
  hit.count = 0;
  routine(pos, rot, size, 0, 1, margin);
  return {
    normal: [hit.nx, hit.ny, hit.nz],
    points: Array.from({ length: hit.count }, (_, i) => ({
      x: hit.x[i]!,
      y: hit.y[i]!,
      z: hit.z[i]!,
      separation: hit.separation[i]!,
      id: hit.id[i]!,
    })),
  };
}

/** Compares seven digits (bisection in a capsule is good for nine), points in any order. */
function expect(
  found: ReturnType<typeof manifold>,
  normal: Vec3,
  points: readonly (readonly [x: number, y: number, z: number, separation: number])[],
): void {
  const rounded = (v: readonly number[]): string =>
    v.map((x) => (Math.round(x * 1e7) / 1e7 + 0).toFixed(7)).join(' ');
  assert.deepEqual(
    found.points.map(({ x, y, z, separation }) => rounded([x, y, z, separation])).sort(),
    points.map(rounded).sort(),
  );
  if (points.length > 0) assert.equal(rounded(found.normal), rounded(normal));
  assert.equal(new Set(found.points.map(({ id }) => id)).size, points.length, 'ids of points differ');
}

const about = (axis: 0 | 1 | 2, degrees: number): Quat => {
  const q: [number, number, number, number] = [0, 0, 0, Math.cos((degrees * Math.PI) / 360)];
  q[axis] = Math.sin((degrees * Math.PI) / 360);
  return q;
};
const plane: Placed = {};
const sphereOnly =
  (routine: (pos: Float64Array, size: Float64Array, a: number, b: number, margin: number) => void): Routine =>
  (pos, _rot, size, a, b, margin) =>
    routine(pos, size, a, b, margin);

test('what stands on a plane touches it half-way between the surfaces', () => {
  // 2 mm deep: the place is 1 mm below the plane.
  expect(
    manifold(planeSphere, plane, { size: [0.1], at: [1, 2, 0.098] }),
    [0, 0, 1],
    [[1, 2, -0.001, -0.002]],
  );
  expect(
    manifold(planeCapsule, plane, { size: [0.1, 0.2], at: [0, 0, 0.1], turn: about(1, 90) }),
    [0, 0, 1],
    [
      [-0.2, 0, 0, 0],
      [0.2, 0, 0, 0],
    ],
  );
  // Upright: the other end is far away.
  expect(manifold(planeCapsule, plane, { size: [0.1, 0.2], at: [0, 0, 0.3] }), [0, 0, 1], [[0, 0, 0, 0]]);
  expect(
    manifold(planeBox, plane, { size: [0.3, 0.2, 0.1], at: [0, 0, 0.098] }),
    [0, 0, 1],
    [
      [-0.3, -0.2, -0.001, -0.002],
      [0.3, -0.2, -0.001, -0.002],
      [-0.3, 0.2, -0.001, -0.002],
      [0.3, 0.2, -0.001, -0.002],
    ],
  );
  // On its edge, 0.1 sqrt(2) up.
  expect(
    manifold(planeBox, plane, { size: [0.1, 0.3, 0.1], at: [0, 0, 0.1 * Math.SQRT2], turn: about(1, 45) }),
    [0, 0, 1],
    [
      [0, -0.3, 0, 0],
      [0, 0.3, 0, 0],
    ],
  );
  // A plane that leans: solid on the side its z axis points away from.
  expect(
    manifold(planeSphere, { turn: about(1, 90) }, { size: [0.1], at: [0.1, 0, 0] }),
    [1, 0, 0],
    [[0, 0, 0, 0]],
  );
});

test('what is farther away than the margin does not touch', () => {
  const gone: readonly (readonly [Routine, Placed, Placed])[] = [
    [planeSphere, plane, { size: [0.1], at: [0, 0, 0.111] }],
    [planeBox, plane, { size: [0.1, 0.1, 0.1], at: [0, 0, 0.111] }],
    [planeCapsule, plane, { size: [0.1, 0.1], at: [0, 0, 0.211] }],
    [sphereOnly(sphereSphere), { size: [0.1] }, { size: [0.1], at: [0, 0.211, 0] }],
    [capsuleSphere, { size: [0.1, 0.1] }, { size: [0.1], at: [0.211, 0, 0] }],
    [capsuleCapsule, { size: [0.1, 0.1] }, { size: [0.1, 0.1], at: [0.211, 0, 0] }],
    [boxSphere, { size: [0.1, 0.1, 0.1] }, { size: [0.1], at: [0.211, 0, 0] }],
    [boxCapsule, { size: [0.1, 0.1, 0.1] }, { size: [0.1, 0.1], at: [0.211, 0, 0] }],
    [boxBox, { size: [0.1, 0.1, 0.1] }, { size: [0.1, 0.1, 0.1], at: [0.211, 0, 0] }],
    // Near by their faces' axes, apart by an edge's.
    [
      boxBox,
      { size: [0.1, 0.1, 0.1], turn: about(0, 45) },
      { size: [0.1, 0.1, 0.1], at: [0, 0, 0.3], turn: about(1, 45) },
    ],
  ];
  for (const [i, [routine, a, b]] of gone.entries())
    assert.equal(manifold(routine, a, b).points.length, 0, `case ${i}`);
});

test('round things touch at one place, two beside each other at two', () => {
  // 3-4-5: middles 0.25 apart, radii 0.1 and 0.14, so 0.01 between them; half-way is 0.105 from the first.
  expect(
    manifold(sphereOnly(sphereSphere), { size: [0.1] }, { size: [0.14], at: [0.15, 0.2, 0] }, 0.02),
    [0.6, 0.8, 0],
    [[0.063, 0.084, 0, 0.01]],
  );
  expect(manifold(sphereOnly(sphereSphere), { size: [0.1] }, { size: [0.1] }), [0, 0, 1], [[0, 0, 0, -0.2]]);
  // Beside the core, and beyond its end.
  expect(
    manifold(capsuleSphere, { size: [0.1, 0.3] }, { size: [0.1], at: [0.2, 0, 0.1] }),
    [1, 0, 0],
    [[0.1, 0, 0.1, 0]],
  );
  expect(
    manifold(capsuleSphere, { size: [0.1, 0.3] }, { size: [0.1], at: [0.12, 0, 0.46] }),
    [0.6, 0, 0.8],
    [[0.06, 0, 0.38, 0]],
  );
  // Crossed: where the cores pass.
  expect(
    manifold(
      capsuleCapsule,
      { size: [0.1, 0.3] },
      { size: [0.1, 0.3], at: [0.2, 0.05, 0.1], turn: about(0, 90) },
    ),
    [1, 0, 0],
    [[0.1, 0, 0.1, 0]],
  );
  // Alongside, one 0.2 higher: the common stretch is from -0.1 to 0.3.
  expect(
    manifold(capsuleCapsule, { size: [0.1, 0.3] }, { size: [0.1, 0.3], at: [0.2, 0, 0.2] }),
    [1, 0, 0],
    [
      [0.1, 0, -0.1, 0],
      [0.1, 0, 0.3, 0],
    ],
  );
  // End on end.
  expect(
    manifold(capsuleCapsule, { size: [0.1, 0.3] }, { size: [0.1, 0.3], at: [0, 0, 0.8] }),
    [0, 0, 1],
    [[0, 0, 0.4, 0]],
  );
});

test('a sphere touches a box at a face, an edge or a corner, and is pushed out of it at the nearest face', () => {
  const box: Placed = { size: [0.3, 0.2, 0.1] };
  expect(
    manifold(boxSphere, box, { size: [0.1], at: [0.1, 0.05, 0.198] }),
    [0, 0, 1],
    [[0.1, 0.05, 0.099, -0.002]],
  );
  // 0.06 and 0.08 beyond an edge.
  expect(manifold(boxSphere, box, { size: [0.1], at: [0.36, 0, 0.18] }), [0.6, 0, 0.8], [[0.3, 0, 0.1, 0]]);
  const c = 0.06 / Math.sqrt(3);
  expect(
    manifold(boxSphere, box, { size: [0.06], at: [0.3 + c, 0.2 + c, -0.1 - c] }),
    [1 / Math.sqrt(3), 1 / Math.sqrt(3), -1 / Math.sqrt(3)],
    [[0.3, 0.2, -0.1, 0]],
  );
  // Its middle 0.01 inside the upper face: 0.11 deep, half-way 0.045 below its middle.
  expect(manifold(boxSphere, box, { size: [0.1], at: [0, 0, 0.09] }), [0, 0, 1], [[0, 0, 0.045, -0.11]]);
});

test('a capsule that lies on a box touches it at both ends of the stretch over it', () => {
  const box: Placed = { size: [0.3, 0.2, 0.1] };
  const lying = about(1, 90);
  expect(
    manifold(boxCapsule, box, { size: [0.05, 0.1], at: [0.1, 0, 0.15], turn: lying }),
    [0, 0, 1],
    [
      [0, 0, 0.1, 0],
      [0.2, 0, 0.1, 0],
    ],
  );
  // It sticks out on one side, then on both.
  expect(
    manifold(boxCapsule, box, { size: [0.05, 0.2], at: [0.2, 0, 0.15], turn: lying }),
    [0, 0, 1],
    [
      [0, 0, 0.1, 0],
      [0.3, 0, 0.1, 0],
    ],
  );
  expect(
    manifold(boxCapsule, box, { size: [0.05, 0.5], at: [0, 0.1, 0.15], turn: lying }),
    [0, 0, 1],
    [
      [-0.3, 0.1, 0.1, 0],
      [0.3, 0.1, 0.1, 0],
    ],
  );
  // Standing, and leaning over an edge.
  expect(manifold(boxCapsule, box, { size: [0.05, 0.1], at: [0.1, 0, 0.25] }), [0, 0, 1], [[0.1, 0, 0.1, 0]]);
  const r = 0.05 * Math.SQRT1_2;
  expect(
    manifold(boxCapsule, box, { size: [0.05, 0.1], at: [0.3 + r, 0, 0.1 + r], turn: about(1, 135) }),
    [Math.SQRT1_2, 0, Math.SQRT1_2],
    [[0.3, 0, 0.1, 0]],
  );
});

test('a box on a box touches at the corners of what both faces share', () => {
  const table: Placed = { size: [0.5, 0.5, 0.1] };
  const small: Placed = { size: [0.1, 0.2, 0.1], at: [0.1, 0, 0.199] };
  const corners = [
    [0, -0.2, 0.0995, -0.001],
    [0.2, -0.2, 0.0995, -0.001],
    [0, 0.2, 0.0995, -0.001],
    [0.2, 0.2, 0.0995, -0.001],
  ] as const;
  expect(manifold(boxBox, table, small), [0, 0, 1], corners);
  // The other way round the normal is turned.
  expect(manifold(boxBox, small, table), [0, 0, -1], corners);
  // Half over the edge.
  expect(
    manifold(boxBox, table, { size: [0.1, 0.1, 0.1], at: [0.5, 0, 0.2] }),
    [0, 0, 1],
    [
      [0.4, -0.1, 0.1, 0],
      [0.5, -0.1, 0.1, 0],
      [0.4, 0.1, 0.1, 0],
      [0.5, 0.1, 0.1, 0],
    ],
  );
  // Equal boxes, turned by 45 degrees: eight corners of an octagon, thinned out to four that lie on it.
  const turned = manifold(
    boxBox,
    { size: [0.1, 0.1, 0.1] },
    { size: [0.1, 0.1, 0.1], at: [0, 0, 0.2], turn: about(2, 45) },
  );
  assert.equal(turned.points.length, 4);
  for (const { x, y, z, separation } of turned.points) {
    const [u, v] = [Math.abs(x), Math.abs(y)].sort((p, q) => p - q) as [number, number];
    assert.ok(Math.abs(v - 0.1) < 1e-12 && Math.abs(u - 0.1 * (Math.SQRT2 - 1)) < 1e-12, `${x} ${y}`);
    assert.ok(Math.abs(z - 0.1) < 1e-12 && Math.abs(separation) < 1e-12);
  }
});

test('crossed edges of two boxes touch at one place', () => {
  // Edges along x and along y, both on top of each other; 1 mm deep.
  const half = 0.1;
  const up = 2 * half * Math.SQRT2 - 0.001;
  const a: Placed = { size: [0.4, half, half], turn: about(0, 45) };
  const b: Placed = { size: [half, 0.4, half], turn: about(1, 45), at: [0.05, 0.02, up] };
  expect(manifold(boxBox, a, b), [0, 0, 1], [[0.05, 0, half * Math.SQRT2 - 0.0005, -0.001]]);
  expect(
    manifold(boxBox, { ...a, at: [0, 0, 0] }, { ...b, at: [-0.05, 0.02, -up] }),
    [0, 0, -1],
    [[-0.05, 0, -half * Math.SQRT2 + 0.0005, -0.001]],
  );
});

test('points keep their ids while things move a little', () => {
  const ids = (found: ReturnType<typeof manifold>): number[] => found.points.map(({ id }) => id);
  const table: Placed = { size: [0.5, 0.5, 0.1] };
  const box = (x: number, degrees: number): Placed => ({
    size: [0.1, 0.2, 0.1],
    at: [x, 0, 0.199],
    turn: about(2, degrees),
  });
  const still = ids(manifold(boxBox, table, box(0, 0)));
  for (const degrees of [0.1, 3, 20, 44])
    assert.deepEqual(ids(manifold(boxBox, table, box(0.01, degrees))), still);
  const over = (x: number): Placed => ({ size: [0.1, 0.1, 0.1], at: [0.5 + x, 0.01, 0.199] });
  assert.deepEqual(ids(manifold(boxBox, table, over(0.01))), ids(manifold(boxBox, table, over(0))));
  const log = (lean: number): Placed => ({ size: [0.05, 0.1], at: [0, 0, 0.149], turn: about(1, 90 + lean) });
  // Rocking: which end is the deeper one changes, and with it their order; an end keeps its id.
  const ends = (lean: number): Map<number, boolean> =>
    new Map(manifold(boxCapsule, table, log(lean)).points.map(({ id, x }) => [id, x > 0]));
  assert.equal(ends(0.5).size, 2);
  for (const [id, side] of ends(0.5)) assert.equal(ends(-0.5).get(id), side);
});

/** The largest separation along any of the fifteen axes, by all corners. */
function separation(a: Placed, b: Placed): number {
  const boxes = [a, b].map(({ size, at = [0, 0, 0], turn = [0, 0, 0, 1] }) => {
    const m = matrixOf(turn as Quat);
    const axes = [0, 1, 2].map((k) => [m[k]!, m[3 + k]!, m[6 + k]!] as const);
    const corners = Array.from({ length: 8 }, (_, c) =>
      [0, 1, 2].map(
        (i) =>
          at[i]! + axes.reduce((sum, axis, k) => sum + axis[i]! * size![k]! * ((c >> k) & 1 ? 1 : -1), 0),
      ),
    );
    return { axes, corners };
  });
  const [first, second] = boxes as [(typeof boxes)[0], (typeof boxes)[0]];
  const tried: (readonly number[])[] = [...first.axes, ...second.axes];
  for (const u of first.axes)
    for (const v of second.axes) {
      const w = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
      const length = Math.hypot(...w);
      if (length > 0.01) tried.push(w.map((x) => x / length));
    }
  let most = -Infinity;
  for (const axis of tried) {
    const along = (corners: readonly number[][]): number[] =>
      corners.map((corner) => corner.reduce((sum, x, k) => sum + x * axis[k]!, 0));
    const p = along(first.corners);
    const q = along(second.corners);
    most = Math.max(most, Math.min(...q) - Math.max(...p), Math.min(...p) - Math.max(...q));
  }
  return most;
}

test('random boxes touch exactly when no axis separates them by more than the margin', () => {
  const random = createRandom(7);
  const margin = 0.01;
  let touched = 0;
  for (let i = 0; i < 4000; i++) {
    const turn = (): Quat => {
      const q = [0, 1, 2, 3].map(() => random.uniform(-1, 1));
      const length = Math.hypot(...q);
      return q.map((x) => x / length) as unknown as Quat;
    };
    const size = (): number[] => [0, 1, 2].map(() => random.uniform(0.05, 0.2));
    const a: Placed = { size: size(), turn: turn() };
    const b: Placed = {
      size: size(),
      turn: turn(),
      at: [random.uniform(-0.3, 0.3), random.uniform(-0.3, 0.3), random.uniform(-0.3, 0.3)],
    };
    const wanted = separation(a, b);
    const { normal, points } = manifold(boxBox, a, b, margin);
    if (wanted > margin) {
      assert.equal(points.length, 0, `case ${i}: ${wanted}`);
      continue;
    }
    // Separated by less than the margin along every axis, the nearest features may still be corners that are farther apart.
    if (wanted > 0 && points.length === 0) continue;
    touched++;
    assert.ok(points.length >= 1 && points.length <= 4, `case ${i}: ${points.length} points, ${wanted}`);
    assert.ok(Math.abs(Math.hypot(...normal) - 1) < 1e-9, `case ${i}: normal ${normal}`);
    // From A to B, and no point deeper than the boxes are; faces are preferred to edges by 0.2 mm.
    const deepest = Math.min(...points.map((point) => point.separation));
    if (wanted < 0)
      assert.ok(deepest >= wanted - 2.1e-4 && deepest <= margin, `case ${i}: ${deepest}, ${wanted}`);
  }
  assert.ok(touched > 1000, `${touched} touched`);
});
