/** Geometry of the plane, by numbers worked by hand and against a walk along the ray. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  discInBox,
  discInDisc,
  discInSegment,
  rayBox,
  rayDisc,
  raySegment,
} from '../../../sim/engine/flat.ts';
import { createRandom } from '../../../sim/engine/random.ts';

const near = (found: number, wanted: number, within = 1e-12): void =>
  assert.ok(
    found === wanted || Math.abs(found - wanted) <= within,
    `found ${found}, wanted ${wanted} within ${within}`,
  );
const miss = Number.POSITIVE_INFINITY;

test('a ray meets a segment where the lines cross, and only between its ends', () => {
  // From the origin along (3, 4) / 5 the line x = 3 is met at (3, 4), 5 away.
  near(raySegment(0, 0, 0.6, 0.8, 3, -1, 3, 4.01), 5);
  near(raySegment(0, 0, 0.6, 0.8, 3, 3.99, 3, -1), miss);
  near(raySegment(0, 0, -0.6, -0.8, 3, -1, 3, 4), miss);
  // Along the segment's own line, and beside it.
  near(raySegment(0, 0, 1, 0, 1, 0, 2, 0), miss);
  near(raySegment(0, 0, 1, 0, 1, 1, 2, 1), miss);
  // From a point of the segment.
  near(raySegment(2, 0, 0, 1, 1, 0, 3, 0), 0);
});

test('a ray meets a box at its near face, touches its corner, and starts at 0 inside it', () => {
  near(rayBox(0, 0, 1, 0, 5, 0.5, 1, 1), 4);
  near(rayBox(0, 0, 1, 0, 5, 1.5, 1, 1), miss);
  near(rayBox(10, 0, 1, 0, 5, 0, 1, 1), miss);
  near(rayBox(10, 0, -1, 0, 5, 0, 1, 1), 4);
  near(rayBox(0, 3, 0, -1, 0.2, 0, 0.3, 0.5), 2.5);
  // Along (1, 1) / sqrt 2 the corner (2, 2) is 2 sqrt 2 away; the box behind it is entered there.
  near(rayBox(0, 0, Math.SQRT1_2, Math.SQRT1_2, 3, 3, 1, 1), 2 * Math.SQRT2);
  near(rayBox(3.2, 3, 0.6, 0.8, 3, 3, 1, 1), 0);
  // Along a face.
  near(rayBox(0, 1, 1, 0, 5, 0, 1, 1), 4);
});

test('a ray meets a disc by Pythagoras', () => {
  near(rayDisc(0, 0, 1, 0, 5, 0, 2), 3);
  // 3 to the side of a radius of 5: half the chord is 4.
  near(rayDisc(0, 0, 1, 0, 10, 3, 5), 6);
  near(rayDisc(0, 0, 1, 0, 10, 5, 5), 10);
  near(rayDisc(0, 0, 1, 0, 10, 5.01, 5), miss);
  near(rayDisc(0, 0, -1, 0, 10, 3, 5), miss);
  near(rayDisc(9, 0, 0, 1, 10, 0, 5), 0);
});

test('rays agree with a walk in steps of a tenth of a millimetre', () => {
  const random = createRandom(5);
  let hits = 0;
  for (let trial = 0; trial < 150; trial++) {
    const angle = random.uniform(0, 2 * Math.PI);
    const [dx, dy] = [Math.cos(angle), Math.sin(angle)];
    const [cx, cy] = [random.uniform(-1, 1), random.uniform(-1, 1)];
    const [hx, hy] = [random.uniform(0.05, 0.4), random.uniform(0.05, 0.4)];
    /** How far outside the thing a point is, at most 0 within it. */
    const outsideBox = (x: number, y: number) => Math.max(Math.abs(x - cx) - hx, Math.abs(y - cy) - hy);
    const outsideDisc = (x: number, y: number) => Math.hypot(x - cx, y - cy) - hx;
    for (const [found, outside] of [
      [rayBox(0, 0, dx, dy, cx, cy, hx, hy), outsideBox],
      [rayDisc(0, 0, dx, dy, cx, cy, hx), outsideDisc],
    ] as const) {
      for (let t = 0; t < Math.min(2, found); t += 1e-4) assert.ok(outside(t * dx, t * dy) > 0);
      if (found === miss) continue;
      assert.ok(outside(found * dx, found * dy) < 1e-12);
      hits++;
    }
  }
  assert.ok(hits > 25, `${hits} hits`);
});

test('a disc leaves a box through the nearest face, or round a corner', () => {
  const normal = new Float64Array(2);
  // 0.25 beside the right face of the unit box with a radius of 0.4.
  near(discInBox(1.25, 0.5, 0.4, 0, 0, 1, 1, normal), 0.15);
  assert.deepEqual([...normal], [1, 0]);
  near(discInBox(0.5, -1.3, 0.4, 0, 0, 1, 1, normal), 0.1);
  assert.deepEqual([...normal], [0, -1]);
  // (0.3, 0.4) beyond the corner is 0.5 away.
  near(discInBox(-1.3, 1.4, 0.6, 0, 0, 1, 1, normal), 0.1);
  near(normal[0]!, -0.6);
  near(normal[1]!, 0.8);
  near(discInBox(-1.3, 1.4, 0.5, 0, 0, 1, 1, normal), 0);
  near(discInBox(1.4, 0, 0.4, 0, 0, 1, 1, normal), 0);
  // The middle is inside, 0.1 from the top: out through it.
  near(discInBox(0.2, 0.9, 0.4, 0, 0, 1, 1, normal), 0.5);
  assert.deepEqual([...normal], [0, 1]);
});

test('a disc leaves a segment sideways, round its ends, and to its left from on top of it', () => {
  const normal = new Float64Array(2);
  near(discInSegment(1, -0.3, 0.5, 0, 0, 2, 0, normal), 0.2);
  near(normal[0]!, 0);
  near(normal[1]!, -1);
  near(discInSegment(2.3, 0.4, 0.6, 0, 0, 2, 0, normal), 0.1);
  near(normal[0]!, 0.6);
  near(normal[1]!, 0.8);
  near(discInSegment(1, 0, 0.5, 0, 0, 2, 0, normal), 0.5);
  near(normal[0]!, 0);
  near(normal[1]!, 1);
  near(discInSegment(2.3, 0.4, 0.5, 0, 0, 2, 0, normal), 0);
  // A segment without length is a point.
  near(discInSegment(0.3, 0.4, 0.6, 0, 0, 0, 0, normal), 0.1);
});

test('two discs part along the line of their middles', () => {
  const normal = new Float64Array(2);
  near(discInDisc(3, 4, 3, 0, 0, 2.5, normal), 0.5);
  near(normal[0]!, 0.6);
  near(normal[1]!, 0.8);
  near(discInDisc(3, 4, 2.5, 0, 0, 2.5, normal), 0);
  near(discInDisc(1, 1, 0.5, 1, 1, 0.25, normal), 0.75);
  assert.deepEqual([...normal], [1, 0]);
});
