import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { Lab } from '../../lab/lab.ts';
import {
  type Alignable,
  alignByStages,
  alignBySteps,
  bandOf,
  type Course,
  coursesOf,
  distanceOf,
  firstBeside,
  frameBeside,
  mapOf,
  warpNow,
} from '../../renderer/state/align.ts';
import { type LoadedEpisode, loadEpisode } from '../../renderer/state/opened.ts';
import { createRandom } from '../../sim/engine/random.ts';
import { lab as command } from '../support/lab.ts';
import { temporaryFolder } from '../support/project.ts';

const stages = ['reach', 'grasp', 'lift'].map((id) => ({ id, title: id }));

/** An episode of one object that moves along x. */
const episode = (xs: readonly number[], patch: Partial<Alignable> = {}): Alignable => ({
  bodies: [{ name: 'block', role: 'object' }],
  stages,
  controlDt: 0.05,
  length: xs.length - 1,
  poses: xs.flatMap((x) => [x, 0, 0, 0, 0, 0, 1]),
  trueStage: new Uint8Array(xs.length),
  trueSuccess: new Uint8Array(xs.length),
  ...patch,
});

const staged = (trueStage: readonly number[], patch: Partial<Alignable> = {}): Alignable =>
  episode(
    trueStage.map(() => 0),
    { trueStage: Uint8Array.from(trueStage), ...patch },
  );

const course = (xs: readonly number[]): Course => ({
  rows: Float64Array.from(xs),
  width: 1,
  frames: xs.length,
});

test('by step, frame k stands beside frame k, and the clock counts the seconds of the first', () => {
  const map = mapOf(alignBySteps(episode([0, 0, 0]), episode([0, 0, 0, 0, 0])), 0.05);
  assert.deepEqual([map.frameAt(0), map.frameAt(0.1), map.frameAt(0.2)], [0, 2, 4]);
  assert.equal(map.timeAt(3).toFixed(6), '0.150000');
});

test('by stages, frames at which both enter a stage stand beside each other, linear between them and to the ends', () => {
  const { alignment, anchors } = alignByStages(
    staged([0, 0, 1, 1, 2, 2, 2]),
    staged([0, 0, 0, 0, 1, 2, 2, 2, 2]),
  );
  assert.deepEqual(anchors, [
    { from: 2, to: 4, title: 'grasp' },
    { from: 4, to: 5, title: 'lift' },
  ]);
  assert.deepEqual(
    [0, 1, 2, 3, 4, 5, 6].map((frame) => frameBeside(alignment, frame)),
    [0, 2, 4, 4.5, 5, 6.5, 8],
  );
  assert.deepEqual(
    [0, 2, 4, 4.5, 5, 6.5, 8].map((frame) => firstBeside(alignment, frame)),
    [0, 1, 2, 3, 4, 5, 6],
  );
});

test('stages that one episode does not reach, falls back to, or takes in another order, match nothing', () => {
  // Grasp is entered twice in one of them, lift never in the other.
  const lost = alignByStages(staged([0, 1, 0, 0, 1, 2]), staged([0, 0, 1, 1]));
  assert.deepEqual(lost.anchors, [{ from: 1, to: 2, title: 'grasp' }]);
  const turned = alignByStages(staged([0, 1, 2, 2]), staged([0, 2, 1, 1]));
  assert.equal(turned.anchors.length, 1);
  const none = alignByStages(staged([0, 0, 0]), staged([0, 0, 0, 0, 0]));
  assert.deepEqual([...none.alignment.from, ...none.alignment.to], [0, 2, 0, 4]);
});

test('an episode that goes on after the moment at which the other one ends, goes on at its own pace', () => {
  const short = staged([0, 0, 1], { trueSuccess: Uint8Array.of(0, 0, 1) });
  const long = staged([0, 1, 1, 1, 1], { controlDt: 0.1 });
  const map = mapOf(alignByStages(short, long).alignment, 0.05);
  assert.deepEqual(
    [0.1, 0.2, 0.4].map((time) => Number(map.frameAt(time).toFixed(6))),
    [1, 2, 4],
  );
});

test('the path of equal episodes is the diagonal', () => {
  const a = course([0, 1, 3, 4, 4, 4, 9]);
  const { path, meanDistance, alignment } = warpNow(a, a);
  assert.deepEqual([...path], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]);
  assert.equal(meanDistance, 0);
  assert.deepEqual([...alignment.to], [0, 1, 2, 3, 4, 5, 6]);
});

test('a hand-worked path: the other one waits, then hurries', () => {
  // a: 0 1 2 3, b: 0 0 0 3. Cheapest is 0 beside all zeros, 1 beside the last zero, 2 and 3 beside 3: 1 + 1.
  const { path, meanDistance } = warpNow(course([0, 1, 2, 3]), course([0, 0, 0, 3]));
  assert.equal((meanDistance * path.length) / 2, 2);
  assert.deepEqual(path.slice(-4), Int32Array.of(2, 3, 3, 3));
});

/** The obvious recursion. */
function leastCost(a: Course, b: Course, i: number, j: number): number {
  if (i < 0 || j < 0) return Number.POSITIVE_INFINITY;
  const here = distanceOf(a, b, i, j);
  if (i === 0 && j === 0) return here;
  return here + Math.min(leastCost(a, b, i - 1, j - 1), leastCost(a, b, i - 1, j), leastCost(a, b, i, j - 1));
}

test('the path costs what the obvious recursion finds, and neither episode goes back on it', () => {
  const random = createRandom(7);
  for (let round = 0; round < 20; round++) {
    const [n, m] = [1 + Math.floor(random.uniform() * 7), 1 + Math.floor(random.uniform() * 7)];
    const a = course(Array.from({ length: n }, () => random.uniform()));
    const b = course(Array.from({ length: m }, () => random.uniform()));
    const { path, meanDistance, alignment } = warpNow(a, b);
    assert.ok(Math.abs((meanDistance * path.length) / 2 - leastCost(a, b, n - 1, m - 1)) < 1e-12);
    assert.deepEqual([path[0], path[1], path.at(-2), path.at(-1)], [0, 0, n - 1, m - 1]);
    for (let p = 2; p < path.length; p += 2) {
      const [di, dj] = [path[p]! - path[p - 2]!, path[p + 1]! - path[p - 1]!];
      assert.ok(di >= 0 && dj >= 0 && di <= 1 && dj <= 1 && di + dj > 0);
    }
    for (let i = 1; i < n; i++) assert.ok(alignment.to[i]! >= alignment.to[i - 1]!);
  }
});

test('an episode played at another pace is found again, and a path of the bodies finds it in both', () => {
  const pace = (u: number): number => u + 0.12 * Math.sin(2 * Math.PI * u);
  const shape = (u: number): number => Math.sin(3 * u) + u * 2;
  const steady = episode(Array.from({ length: 201 }, (_, t) => shape(t / 200)));
  const uneven = episode(Array.from({ length: 301 }, (_, t) => shape(pace(t / 300))));
  const [a, b] = coursesOf(steady, uneven)!;
  const { alignment, meanDistance } = warpNow(a, b);
  for (let t = 0; t <= 200; t += 10) {
    const found = pace(frameBeside(alignment, t) / 300) * 200;
    assert.ok(Math.abs(found - t) < 2.5, `frame ${t} is beside what belongs to ${found.toFixed(1)}`);
  }
  assert.ok(meanDistance < 0.01);
});

test('a band keeps the path near the straight line; long episodes get one', () => {
  const a = course(Array.from({ length: 60 }, (_, t) => (t < 50 ? 0 : 1)));
  const b = course(Array.from({ length: 60 }, (_, t) => (t < 10 ? 0 : 1)));
  const stray = (path: Int32Array): number =>
    Math.max(...Array.from({ length: path.length / 2 }, (_, p) => Math.abs(path[2 * p]! - path[2 * p + 1]!)));
  assert.ok(stray(warpNow(a, b).path) >= 40);
  assert.ok(stray(warpNow(a, b, 5).path) <= 5);
  assert.equal(bandOf(2000, 2000), Number.POSITIVE_INFINITY);
  assert.equal(bandOf(5000, 4000), 500);
});

test('distances are parts of the room that both take up, of bodies that both have; without any there is no path', () => {
  const near = episode([0, 1, 2]);
  const far = episode([0, 5, 10]);
  const [a, b] = coursesOf(near, far)!;
  assert.equal(distanceOf(a, b, 2, 2), 0.8);
  assert.equal(coursesOf(near, episode([0, 1], { bodies: [{ name: 'goal', role: 'goal' }] })), null);
  // Other names, same role: the mean of the role.
  const other = episode([0, 1], { bodies: [{ name: 'puck', role: 'object' }] });
  assert.equal(coursesOf(near, other)![1].frames, 2);
});

test('episodes with goals in other places are laid beside each other by how far things are from them', () => {
  /** A block goes from 0 to its goal and rests there. */
  const brought = (goal: number, steps: number): Alignable => {
    const xs = Array.from({ length: 41 }, (_, t) => goal * Math.min(1, t / steps));
    return episode(xs, {
      bodies: [
        { name: 'block', role: 'object' },
        { name: 'target', role: 'goal' },
      ],
      poses: xs.flatMap((x) => [x, 0, 0, 0, 0, 0, 1, goal, 0, 0, 0, 0, 0, 1]),
    });
  };
  const [a, b] = coursesOf(brought(1, 10), brought(1.2, 30))!;
  // Seen from the world, 1 of 1.2 would be reached at step 25.
  assert.ok(Math.abs(frameBeside(warpNow(a, b).alignment, 10) - 30) < 2);
});

test('on real episodes the path finds the true entries into stages that it never saw, where seconds miss them', async (t) => {
  const project = join(temporaryFolder(t), 'aligned');
  const made = await command(
    ...[
      'collect',
      '--project',
      project,
      '--task',
      'push',
      '--episodes',
      '6',
      '--noise',
      '0.3',
      '--seed',
      '3',
    ],
  );
  assert.equal(made.status, 0, made.stderr);
  const lab = new Lab({ project, device: 'wasm' });
  t.after(() => lab.close());
  const episodes = await Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (id) => {
      const opened = lab.openEpisode(id);
      return loadEpisode(opened, opened.data);
    }),
  );
  /** Mean distance, in steps, of where the block is at the goal from where it is said to be. */
  const miss = (beside: (a: LoadedEpisode, b: LoadedEpisode, frame: number) => number): number => {
    const misses = episodes.flatMap((a) =>
      episodes.flatMap((b) => {
        const [from, to] = [a, b].map(({ trueStage }) => trueStage.indexOf(2));
        return a === b ? [] : [Math.abs(beside(a, b, from!) - to!)];
      }),
    );
    return misses.reduce((sum, one) => sum + one, 0) / misses.length;
  };
  const byPath = miss((a, b, frame) => frameBeside(warpNow(...coursesOf(a, b)!).alignment, frame));
  const bySeconds = miss((_a, _b, frame) => frame);
  t.diagnostic(`missed by ${byPath.toFixed(1)} steps along the path, by ${bySeconds.toFixed(1)} by seconds`);
  assert.ok(byPath < 3 && bySeconds > 10, `${byPath} and ${bySeconds}`);
});

test('500 by 500 frames take well under a second', () => {
  const wave = (shift: number): Course =>
    course(Array.from({ length: 500 }, (_, t) => Math.sin(t / 20 + shift)));
  const start = performance.now();
  warpNow(wave(0), wave(1));
  assert.ok(performance.now() - start < 1000);
});
