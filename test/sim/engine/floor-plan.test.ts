/** Rays and contacts in a floor plan against the same walls as a list of boxes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discInBox, rayBox } from '../../../sim/engine/flat.ts';
import {
  castPlan,
  cellAt,
  cellX,
  cellY,
  createPlan,
  type FloorPlan,
  finishPlan,
  floodPlan,
  isWalled,
  neighbour,
  setWall,
  sideX,
  sideY,
} from '../../../sim/engine/floor-plan.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import { baseRow, collideWithPlan, driveBase, base as spec } from '../../../sim/robots/base.ts';

/** Where the cells begin in the rows of these tests. */
const at = baseRow.size;

/** A plan with a share of its sides walled at random. */
function randomPlan(seed: number, share: number): { plan: FloorPlan; state: Float64Array } {
  const random = createRandom(seed);
  const plan = createPlan(5, 4, 0.6, 0.03);
  const state = new Float64Array(at + plan.count);
  for (let cell = 0; cell < plan.count; cell++) {
    for (const d of [0, 1] as const) {
      if (random.uniform() < share) setWall(plan, state, at, cell, d, true);
    }
  }
  finishPlan(plan, state, at);
  return { plan, state };
}

/** Middle and half sizes of every wall. */
function wallsOf(plan: FloorPlan, state: Float64Array): (readonly [number, number, number, number])[] {
  const walls: (readonly [number, number, number, number])[] = [];
  for (let cell = 0; cell < plan.count; cell++) {
    for (const d of [0, 1, 2, 3] as const) {
      if (!isWalled(state, at, cell, d)) continue;
      const long = plan.cell / 2 + plan.half;
      walls.push([
        sideX(plan, cell, d),
        sideY(plan, cell, d),
        d % 2 === 0 ? plan.half : long,
        d % 2 === 0 ? long : plan.half,
      ]);
    }
  }
  return walls;
}

test('cells, neighbours and sides of a plan of 3 x 2 lie where they should', () => {
  const plan = createPlan(3, 2, 0.5, 0.02);
  assert.deepEqual([cellX(plan, 0), cellY(plan, 0)], [-0.5, -0.25]);
  assert.deepEqual([cellX(plan, 5), cellY(plan, 5)], [0.5, 0.25]);
  assert.equal(cellAt(plan, 0.1, 0.3), 4);
  assert.equal(cellAt(plan, -9, 9), 3);
  assert.deepEqual(
    ([0, 1, 2, 3] as const).map((d) => neighbour(plan, 4, d)),
    [5, -1, 3, 1],
  );
  assert.deepEqual([sideX(plan, 4, 0), sideY(plan, 4, 1)], [0.25, 0.5]);
  const state = new Float64Array(plan.count);
  setWall(plan, state, 0, 1, 1, true);
  finishPlan(plan, state, 0);
  // Cell 1 has the wall to its north and the rim to its south, cell 4 the other way round.
  assert.equal(state[1], 2 + 8);
  assert.equal(state[4], 2 + 8);
  // Cell 0: rim to the west and south; the wall's end is a post at its north-east corner.
  assert.equal(state[0], 4 + 8 + 16);
  setWall(plan, state, 0, 4, 3, false);
  finishPlan(plan, state, 0);
  assert.deepEqual([...state], [12, 8, 9, 6, 2, 3]);
});

test('rays of the grid equal rays against every wall as a box', () => {
  let posts = 0;
  for (const share of [0, 0.15, 0.4, 0.6]) {
    const { plan, state } = randomPlan(1 + 20 * share, share);
    const walls = wallsOf(plan, state);
    const random = createRandom(7);
    for (let trial = 0; trial < 2000; trial++) {
      const x = random.uniform(-1.4, 1.4);
      const y = random.uniform(-1.1, 1.1);
      if (walls.some(([cx, cy, hx, hy]) => Math.abs(x - cx) <= hx && Math.abs(y - cy) <= hy)) continue;
      const angle = trial % 10 === 0 ? (trial / 10) * (Math.PI / 2) : random.uniform(-4, 4);
      // Exactly along the axes, too.
      const [dx, dy] =
        trial % 10 === 0
          ? [Math.round(Math.cos(angle)), Math.round(Math.sin(angle))]
          : [Math.cos(angle), Math.sin(angle)];
      const range = trial % 3 === 0 ? 0.8 : 10;
      let wanted = range;
      for (const [cx, cy, hx, hy] of walls) wanted = Math.min(wanted, rayBox(x, y, dx, dy, cx, cy, hx, hy));
      const found = castPlan(plan, state, at, x, y, dx, dy, range);
      assert.ok(
        Math.abs(found - wanted) < 1e-9,
        `from ${x}, ${y} along ${dx}, ${dy}: ${found}, wanted ${wanted}`,
      );
      const hitX = Math.abs((((x + found * dx - plan.x0) / 0.6) % 1) - 0.5) * 0.6;
      const hitY = Math.abs((((y + found * dy - plan.y0) / 0.6) % 1) - 0.5) * 0.6;
      if (found < range && hitX > 0.269 && hitY > 0.269) posts++;
    }
  }
  assert.ok(posts > 100, `${posts} rays ended at corners and posts`);
});

test('a ray from a broken state ends', () => {
  const { plan, state } = randomPlan(3, 0.3);
  assert.equal(castPlan(plan, state, at, Number.NaN, 0, 1, 0, 5), 5);
  assert.equal(castPlan(plan, state, at, 50, 50, 1, 0, 5), 5);
});

test('a base at top speed in a plan is never inside a wall, and touches only where one is', () => {
  let touches = 0;
  for (const share of [0.1, 0.3, 0.5]) {
    const { plan, state } = randomPlan(2 + 10 * share, share);
    const walls = wallsOf(plan, state);
    const random = createRandom(9);
    const normal = new Float64Array(2);
    const deepest = (radius: number): number =>
      Math.max(
        ...walls.map(([cx, cy, hx, hy]) => discInBox(state[0]!, state[1]!, radius, cx, cy, hx, hy, normal)),
      );
    state[0] = cellX(plan, 7);
    state[1] = cellY(plan, 7);
    state[2] = 1;
    let [left, right] = [1, 1];
    for (let i = 0; i < 8000; i++) {
      if (i % 15 === 0) [left, right] = [random.uniform(-0.2, 1), random.uniform(-0.2, 1)];
      driveBase(state, 0, left, right, spec, 0.025);
      const depth = deepest(spec.radius);
      const touched = collideWithPlan(state, 0, spec.radius, plan, at, 0.025);
      assert.equal(touched, depth > 0, `step ${i}: depth ${depth}`);
      assert.ok(deepest(spec.radius - 1e-9) === 0, `step ${i}: ${deepest(spec.radius)} deep`);
      if (touched) touches++;
    }
  }
  assert.ok(touches > 1000, `${touches} touches`);
});

test('a flood counts sides to cross and leaves closed cells out', () => {
  const plan = createPlan(3, 3, 1, 0.05);
  const state = new Float64Array(plan.count);
  // A wall under the top row but for its right end.
  setWall(plan, state, 0, 3, 1, true);
  setWall(plan, state, 0, 4, 1, true);
  finishPlan(plan, state, 0);
  const hops = new Int16Array(9);
  const order = new Int16Array(9);
  assert.equal(floodPlan(plan, state, 0, 6, hops, order), 9);
  assert.deepEqual([...hops], [6, 5, 4, 5, 4, 3, 0, 1, 2]);
  assert.equal(order[0], 6);
  setWall(plan, state, 0, 5, 1, true);
  finishPlan(plan, state, 0);
  assert.equal(floodPlan(plan, state, 0, 6, hops, order), 3);
  assert.deepEqual([...hops], [-1, -1, -1, -1, -1, -1, 0, 1, 2]);
});
