/** What the stage draws and exports, as far as it is arithmetic: trails, arrows, names, labels, plans of clips. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BodyInfo } from '../../lab/api.ts';
import { fileName, frameTimes, layOut } from '../../renderer/export/plan.ts';
import { arrowsAt, strongestOf } from '../../renderer/stage/arrows.ts';
import { labelOf } from '../../renderer/stage/label.ts';
import { namedBodies, spoken } from '../../renderer/stage/names.ts';
import { placeOn, toolPathOf } from '../../renderer/stage/paths.ts';
import { eyeOf } from '../../renderer/stage/robot-cameras.ts';
import { shareOf, trailChoices, trailRange, trailValues } from '../../renderer/stage/trail.ts';
import type { StageDetails } from '../../renderer/state/details.ts';
import type { LoadedEpisode } from '../../renderer/state/opened.ts';

const body = (name: string, role: BodyInfo['role']): BodyInfo => ({
  name,
  role,
  shape: { type: 'sphere', radius: 0.02 },
});

/** Three frames of a hand that goes 1 m along x in the first step and 3 m in the second; a block beside it. */
const episode = {
  episode: { id: 7, task: 'push' },
  bodies: [body('table', 'table'), body('hand', 'gripper'), body('block', 'object')],
  length: 2,
  controlDt: 0.5,
  poses: Float32Array.from(
    [0, 1, 4].flatMap((x) => [
      ...[0, 0, 0, 0, 0, 0, 1],
      ...[x, 0, 0.1, 0, 0, Math.SQRT1_2, Math.SQRT1_2],
      ...[5, 0, 0, 0, 0, 0, 1],
    ]),
  ),
  trueProgress: Float32Array.of(0, 0.5, 1),
  terms: [
    {
      id: 'task/near',
      raw: Float64Array.of(1, 2),
      weight: Float64Array.of(-1, -1),
      product: Float64Array.of(-1, -2),
    },
  ],
  total: Float64Array.of(-1, -2),
  value: null,
  learned: [{ key: 'learned/sarm', title: 'sarm', values: Float32Array.of(0, 0.2, 0.4) }],
} as unknown as LoadedEpisode;

test('a trail is coloured by learned progress unless something else is chosen, and says what its ends mean', () => {
  const path = toolPathOf(episode);
  assert.deepEqual([...path.filter((_, i) => i % 3 === 0)], [0, 1, 4]);
  const ends = (choice: string): unknown => {
    const found = trailValues(episode, choice, path);
    return found && [found.low, found.high, ...found.values.map((v) => Math.round(v * 10) / 10)];
  };
  assert.deepEqual(ends('auto'), [0, 1, ...Float32Array.of(0, 0.2, 0.4)]);
  assert.deepEqual(ends('progress/true'), [0, 1, 0, 0.5, 1]);
  // Weighted, as in the sum; the last frame leads out of nothing and takes over the step before.
  assert.deepEqual(ends('reward/task/near'), [-2, -1, -1, -2, -2]);
  assert.deepEqual(ends('speed'), [0, 6, 2, 6, 6]);
  assert.equal(ends('reward/of another task'), null);
  assert.equal(ends('plain'), null);
  assert.deepEqual(
    trailChoices(episode).map(({ id }) => id),
    ['auto', 'progress/true', 'reward/total', 'reward/task/near', 'speed', 'plain'],
  );
  const speed = trailValues(episode, 'speed', path)!;
  assert.deepEqual([shareOf(speed, 3), shareOf(speed, 99), shareOf(speed, Number.NaN)], [0.5, 1, 0]);
});

test('more or less of a trail: none, the last second, all so far, the whole path', () => {
  assert.deepEqual(trailRange('none', 50, 100, 0.05), [0, 0]);
  assert.deepEqual(trailRange('1', 50.5, 100, 0.05), [30, 50]);
  assert.deepEqual(trailRange('3', 50, 100, 0.05), [0, 50]);
  assert.deepEqual(trailRange('past', 50, 100, 0.05), [0, 50]);
  assert.deepEqual(trailRange('all', 50, 100, 0.05), [0, 100]);
  assert.deepEqual(placeOn(Float32Array.of(0, 0, 0, 2, 4, 6), 0.5, [0, 0, 0]), [1, 2, 3]);
});

test('points of one pair become one arrow: the force on the thing, where the load is', () => {
  const details: StageDetails = {
    views: [],
    names: ['block', 'hand', 'table'],
    // Two points at which the hand (B) is pushed along +y by the block (A) with 3 N and 1 N; then the table below it.
    contacts: Float32Array.from([
      ...[0, 0, 0, 0, 1, 0, 3, 0, 0, 0, 0, 1],
      ...[4, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 1],
      ...[0, 0, 0, 0, 0, 1, 2, 0.5, 0, 0, 2, 0],
    ]),
    contactStart: Uint32Array.of(0, 0, 2, 3),
    lidar: null,
    rays: 0,
  };
  const { bodies } = episode;
  assert.deepEqual(arrowsAt(details, bodies, 0), []);
  // Shown on the block, which the hand pushes along -y.
  assert.deepEqual(arrowsAt(details, bodies, 1), [{ at: [1, 0, 0], force: [0, -4, 0], size: 4 }]);
  assert.deepEqual(arrowsAt(details, bodies, 2), [
    { at: [0, 0, 0], force: [0.5, 0, 2], size: Math.hypot(0.5, 2) },
  ]);
  assert.equal(strongestOf(details, bodies), 4);
});

test('things have names, furniture and crowds have none, a hand has one', () => {
  const bodies = [
    body('table', 'table'),
    body('hand', 'gripper'),
    body('leftFinger', 'gripper'),
    body('tray', 'fixture'),
    body('tray2', 'fixture'),
    body('block1', 'object'),
    body('block2', 'object'),
    body('upperArm', 'link'),
    body('block1Lid', 'object'),
    ...Array.from({ length: 12 }, (_, i) => body(`marker${i}`, 'marker')),
  ];
  assert.deepEqual(
    namedBodies(bodies).map((i) => bodies[i]!.name),
    ['hand', 'tray', 'block1', 'block2'],
  );
  assert.deepEqual(['leftFinger', 'block1', 'hand'].map(spoken), ['left finger', 'block 1', 'hand']);
});

test('true progress stands beside whatever is chosen for the label', () => {
  assert.deepEqual(labelOf(episode, 1, 'progress')?.second, 'learned 0.20');
  assert.deepEqual(labelOf(episode, 1, 'reward')?.second, 'reward -2.00');
  assert.deepEqual(labelOf(episode, 2, 'terms')?.second, 'task/near –');
  assert.equal(labelOf(episode, 1, 'terms')?.first, 'true 0.50');
  assert.equal(labelOf(episode, 1, 'none'), null);
});

test('a camera on a body moves with it, and turns with it where it does', () => {
  const view = {
    name: 'wrist',
    body: 1,
    turns: true,
    position: [1, 0, 0] as [number, number, number],
    target: [2, 0, 0] as [number, number, number],
    fieldOfView: 1,
  };
  const round = (values: readonly number[]): number[] => values.map((x) => Math.round(x * 1e6) / 1e6);
  // The hand is turned by a quarter about z.
  const eye = eyeOf(view, episode, 0.5);
  assert.deepEqual(round(eye.position.toArray()), [0.5, 1, 0.1]);
  assert.deepEqual(round(eye.target.toArray()), [0.5, 2, 0.1]);
  assert.deepEqual(
    eyeOf({ ...view, turns: false }, episode, 1)
      .target.toArray()
      .slice(0, 2),
    [3, 0],
  );
  const down = eyeOf({ ...view, body: -1, position: [0, 0, 1], target: [0, 0, 0] }, episode, 0);
  assert.deepEqual(down.up.toArray(), [0, 1, 0]);
});

test('a clip has as many pictures as its length says, at any speed, and at least one', () => {
  assert.deepEqual(frameTimes(1, 2, 4, 1), [1, 1.25, 1.5, 1.75]);
  assert.deepEqual(frameTimes(1, 2, 4, 2), [1, 1.5]);
  assert.equal(frameTimes(0, 5, 20, 0.5).length, 200);
  assert.deepEqual(frameTimes(3, 3, 30, 1), [3]);
  assert.ok(frameTimes(0, 0.99, 30, 8).every((time) => time <= 0.99));
});

test('views lie in a picture as they lie on screen; sides are even', () => {
  const screen = [
    { x: 100, y: 50, width: 300, height: 201 },
    { x: 401, y: 50, width: 300, height: 201 },
  ];
  const { width, height, cells } = layOut(screen, 1202);
  assert.deepEqual([width, height], [1202, 402]);
  assert.deepEqual(cells, [
    { x: 0, y: 0, width: 600, height: 402 },
    { x: 602, y: 0, width: 600, height: 402 },
  ]);
});

test('files are named after task, episodes and moment', () => {
  assert.equal(fileName([{ task: 'push', id: 12 }], '2.00s', 'png'), 'push-episode-12-2.00s.png');
  assert.equal(
    fileName(
      [
        { task: 'push', id: 12 },
        { task: 'push', id: 15 },
      ],
      '',
      'webm',
    ),
    'push-episodes-12-15.webm',
  );
  assert.equal(fileName([{ task: 'a/b: c', id: 1 }], '', 'gif'), 'a-b-c-episode-1.gif');
});
