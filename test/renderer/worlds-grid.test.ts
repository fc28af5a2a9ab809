/** Where many worlds stand in one picture, and what a snapshot of them holds. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodyInfo } from '../../lab/api.ts';
import { pack } from '../../lab/pack.ts';
import { cellOf, hasLeft, placesOf, worldAt } from '../../renderer/stage/worlds-grid.ts';
import { rateText, readFrame, Traffic } from '../../renderer/state/live.ts';

const bodies: readonly BodyInfo[] = [
  { name: 'ground', shape: { type: 'box', size: [40, 40, 1] }, role: 'floor' },
  { name: 'torso', shape: { type: 'sphere', radius: 0.5 }, role: 'agent' },
  { name: 'post', shape: { type: 'box', size: [1, 1, 1] }, role: 'wall' },
];
const at = (x: number, y: number, z: number): number[] => [x, y, z, 0, 0, 0, 1];
/** One world whose agent stands at x. */
const world = (x: number): number[] => [...at(0, 0, -0.5), ...at(x, 0, 0.5), ...at(-1, 2, 0.5)];

test('a cell holds what stands in any of the worlds, floors apart', () => {
  const cell = cellOf(bodies, Float32Array.from([...world(0), ...world(1)]), false);
  assert.deepEqual(cell, { low: [-1.5, -0.5, 0], high: [1.5, 2.5, 1], runner: -1 });
});

test('a cell holds the whole arena that its walls surround, also where its robots stand together; a long rail is left out', () => {
  const arena: readonly BodyInfo[] = [
    ...bodies,
    { name: 'west', shape: { type: 'box', size: [0.1, 6, 0.2] }, role: 'wall' },
    { name: 'east', shape: { type: 'box', size: [0.1, 6, 0.2] }, role: 'wall' },
    { name: 'rail', shape: { type: 'box', size: [12, 0.1, 0.2] }, role: 'wall' },
  ];
  const poses = [...world(0), ...at(-3, 0, 0.1), ...at(3, 0, 0.1), ...at(0, 5, 0.1)];
  const { low, high } = cellOf(arena, Float32Array.from(poses), false);
  const rounded = [...low, ...high].map((value) => Number(value.toFixed(5)));
  assert.deepEqual(rounded, [-3.05, -3, 0, 3.05, 3, 1]);
});

test('a cell goes along with whoever has run out of it', () => {
  const cell = cellOf(bodies, Float32Array.from(world(0)), false);
  assert.equal(hasLeft(cell, bodies, Float32Array.from(world(1))), false);
  const far = Float32Array.from([...world(0), ...world(9)]);
  assert.equal(hasLeft(cell, bodies, far), true);
  const along = cellOf(bodies, far, true);
  assert.deepEqual(along, { low: [-0.5, -0.5, 0], high: [0.5, 0.5, 1], runner: 1 });
  assert.equal(hasLeft(along, bodies, far), false);
});

test('each of 64 worlds is found where it stands, and none between or beyond them', () => {
  const cell = cellOf(bodies, Float32Array.from(world(0)), false);
  for (const count of [1, 4, 16, 50, 64]) {
    const places = placesOf(count, cell, 1.6);
    assert.ok(places.columns * places.rows >= count && places.columns * (places.rows - 1) < count);
    for (let i = 0; i < count; i++)
      assert.ok(
        worldAt(places, count, places.at[2 * i]!, places.at[2 * i + 1]!) === i,
        `world ${i} of ${count}`,
      );
    assert.equal(worldAt(places, count, places.stepX * places.columns, 0), -1);
  }
});

test('a snapshot is read with the numbers of its worlds; one that lacks a part is refused', () => {
  const one = new Float32Array(1);
  const whole = {
    poses: new Float32Array(7),
    progress: Float32Array.of(0.5),
    stage: new Uint8Array(1),
    success: new Uint8Array(1),
    returns: new Float64Array(1),
    episodeStep: Float64Array.of(12),
  };
  const frame = readFrame(pack({ ...whole, 'learned/0': one }).buffer, [9], 400);
  assert.deepEqual([frame.ids, frame.step, frame.learned?.length, frame.colours], [[9], 400, 1, null]);
  const { progress: _, ...rest } = whole;
  assert.throws(() => readFrame(pack(rest).buffer, null, 0), /no progress in it/);
});

test('traffic is what came in the last seconds', () => {
  const traffic = new Traffic(2000);
  for (let ms = 0; ms < 10_000; ms += 100) traffic.add(ms, 1000);
  assert.deepEqual(traffic.rate(9900), { bytes: 10_500, snapshots: 10.5 });
  assert.deepEqual(traffic.rate(20_000), { bytes: 0, snapshots: 0 });
  assert.deepEqual([rateText(310), rateText(41_200), rateText(2.34e6)], ['310 B/s', '41 kB/s', '2.3 MB/s']);
});
