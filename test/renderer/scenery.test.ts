/** What gets into the picture, from scenes small enough to work out by hand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodyInfo } from '../../lab/api.ts';
import { corners, sceneryOf } from '../../renderer/stage/scenery.ts';
import type { LoadedEpisode } from '../../renderer/state/opened.ts';

type Track = (t: number) => readonly [number, number, number];

/** An episode of bodies that keep upright; only what the scenery is made of. */
function episodeOf(length: number, things: readonly (readonly [BodyInfo, Track])[]): LoadedEpisode {
  const poses = new Float32Array((length + 1) * things.length * 7);
  for (let t = 0; t <= length; t++) {
    for (const [i, [, track]] of things.entries()) {
      poses.set([...track(t), 0, 0, 0, 1], (t * things.length + i) * 7);
    }
  }
  return { bodies: things.map(([body]) => body), poses, length } as unknown as LoadedEpisode;
}

const box = (role: BodyInfo['role'], size: [number, number, number]): BodyInfo => ({
  name: role,
  shape: { type: 'box', size },
  role,
});
const ball = (role: BodyInfo['role'], radius: number): BodyInfo => ({
  name: role,
  shape: { type: 'sphere', radius },
  role,
});

const extent = (points: readonly (readonly number[])[]) =>
  [0, 1, 2].map((axis) => [
    Math.min(...points.map((p) => p[axis]!)),
    Math.max(...points.map((p) => p[axis]!)),
  ]);

test('the corners of a turned box are where a quarter turn puts them', () => {
  const pose = Float32Array.of(1, 2, 3, 0, 0, Math.SQRT1_2, Math.SQRT1_2);
  const points: number[][] = [];
  corners(box('wall', [4, 2, 1]), pose, 0, (...point) => points.push(point));
  // Rounded to 0.1 mm, without a zero of either sign.
  const seen = extent(points).map((pair) => pair.map((x) => Math.round(x * 1e4) / 1e4 + 0));
  assert.deepEqual(seen, [
    [0, 2],
    [0, 4],
    [2.5, 3.5],
  ]);
});

test('walls and the whole way of an agent are in the picture, floors are not', () => {
  const scenery = sceneryOf(
    episodeOf(10, [
      [box('floor', [30, 30, 0.1]), () => [0, 0, 0]],
      [box('wall', [4, 0.1, 0.2]), () => [0, 2, 0.1]],
      [ball('agent', 0.1), (t) => [t / 5, 0, 0.1]],
    ]),
  )!;
  const seen = extent(scenery.points).map((pair) => pair.map((x) => Math.round(x * 1e4) / 1e4));
  assert.deepEqual(seen, [
    [-2, 2.1],
    [-0.1, 2.05],
    [0, 0.2],
  ]);
  assert.equal(scenery.isFlat, true);
  assert.equal(scenery.path, null);
});

test('the camera goes along with a runner, and what is far from it does not count', () => {
  const runner = (distance: number, role: BodyInfo['role'] = 'link') =>
    sceneryOf(
      episodeOf(20, [
        [box(role, [0.4, 0.2, 0.2]), (t) => [(distance * t) / 20, 0, 0.5]],
        [ball('marker', 0.1), () => [9, 0, 0]],
      ]),
    )!;
  assert.equal(runner(1).path, null);
  const { path, points } = runner(9);
  assert.deepEqual([...path!.subarray(57)], [Math.fround((9 * 19) / 20), 0, 0.5, 9, 0, 0.5]);
  const [x] = extent(points);
  assert.ok(x![0]! > -0.21 && x![1]! < 1.7, `${x}`);
  // Who drives about in a place is watched from outside.
  assert.equal(runner(9, 'agent').path, null);
  assert.ok(runner(20, 'agent').path !== null);
});

test('with a gripper, what is below the table top is not looked at', () => {
  const scenery = sceneryOf(
    episodeOf(1, [
      [box('table', [0.8, 0.9, 0.04]), () => [0, 0, -0.02]],
      [ball('link', 0.1), () => [-0.4, 0, -0.5]],
      [ball('gripper', 0.05), () => [0, 0, 0.2]],
    ]),
  )!;
  assert.ok(Math.abs(extent(scenery.points)[2]![0]!) < 1e-6);
  assert.equal(scenery.isFlat, false);
  assert.equal(sceneryOf(episodeOf(0, [[box('floor', [1, 1, 1]), () => [0, 0, 0]]])), null);
});

test('of a strip that reaches out of the picture only what is near the driver counts, down to its top', () => {
  const { points, path } = sceneryOf(
    episodeOf(4, [
      [box('table', [12, 2, 0.7]), () => [0, 0, 0.35]],
      [box('agent', [0.4, 0.2, 0.2]), () => [0, 0, 0.8]],
      [box('marker', [0.4, 0.02, 0.02]), (t) => [5 - t, 0, 0.7]],
      // What is not needed is put away inside the strip.
      [ball('goal', 0.1), () => [0, 0, 0.3]],
    ]),
  )!;
  const [x, , z] = extent(points);
  assert.equal(path, null);
  assert.ok(x![0]! > -0.25 && x![1]! > 1 && x![1]! < 2, `${x}`);
  assert.ok(Math.abs(z![0]! - 0.7) < 1e-6, `${z}`);
});
