import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  measureOf,
  type Point,
  planeOf,
  rewardMap,
  rewardsOf,
  stressOf,
  turnedOnto,
} from '../../renderer/state/distances.ts';

const between = (points: readonly (readonly number[])[]): number[][] =>
  points.map((a) => points.map((b) => Math.hypot(...a.map((x, k) => x - b[k]!))));
const near = (a: number, b: number, digits = 1e-9): void =>
  assert.ok(Math.abs(a - b) < digits, `${a} and ${b}`);

test('the corners of a square come back as a square, nothing left out', () => {
  const square = between([
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ]);
  const points = planeOf(square);
  const found = between(points);
  for (const [i, row] of square.entries()) for (const [j, d] of row.entries()) near(found[i]![j]!, d);
  near(stressOf(square, points), 0);
  near(
    points.reduce((sum, [x]) => sum + x, 0),
    0,
  );
});

test('a tetrahedron does not fit into the plane, and the stress says so', () => {
  // Four points, all 1 apart. Centred inner products have the eigenvalue 1/2 three times; two are kept.
  const apart = between([0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((k) => (i === k ? Math.SQRT1_2 : 0))));
  const stress = stressOf(apart, planeOf(apart));
  assert.ok(stress > 0.2 && stress < 0.5, `stress ${stress}`);
});

test('fewer than three rewards are a point or a line', () => {
  assert.deepEqual(planeOf([]), []);
  assert.deepEqual(planeOf([[0]]), [[0, 0]]);
  const [a, b] = planeOf([
    [0, 0.5],
    [0.5, 0],
  ]);
  near(Math.abs(a![0] - b![0]), 0.5);
  near(a![1], 0);
});

test('a map that was turned and mirrored is put back onto the first, without stretching', () => {
  const base: Point[] = [
    [1, 0],
    [-0.5, 0.4],
    [-0.5, -0.4],
  ];
  const [c, s] = [Math.cos(2), Math.sin(2)];
  const turned = base.map(([x, y]): Point => [c * x + s * y, s * x - c * y]);
  for (const [i, [x, y]] of turnedOnto(base, turned).entries()) {
    near(x, base[i]![0]);
    near(y, base[i]![1]);
  }
  const twice = turnedOnto(
    base,
    base.map(([x, y]): Point => [2 * x, 2 * y]),
  );
  near(twice[0]![0], 2);
});

const measure = (value: number | null) => ({
  value,
  interval: value === null ? null : { low: value - 0.02, high: value + 0.02 },
  count: 20,
});
const pair = (a: string, b: string, value: number | null) => ({
  a,
  b,
  epic: measure(value),
  starc: measure(value),
});
const model = (key: string, baseline: boolean, id: number | null = null) => ({
  key,
  method: key,
  title: `${key} reward`,
  source: id === null ? ('fitted' as const) : ('stored' as const),
  id,
  baseline,
  causal: true,
  hash: null,
  senses: [],
  fitSeconds: null,
  fitMetrics: {},
  failed: null,
});
const evaluation = {
  models: [model('constant', true), model('sarm #3', false, 3)],
  distances: [
    pair('true progress', 'sparse', 0.4),
    pair('true progress', 'constant', null),
    pair('sparse', 'constant', null),
    pair('true progress', 'sarm #3', 0.3),
    pair('sparse', 'sarm #3', 0.5),
    pair('constant', 'sarm #3', null),
  ],
};

test('rewards are named with what they are, the task first, counter-baselines last', () => {
  assert.deepEqual(
    rewardsOf(evaluation).map(({ key, kind, id }) => [key, kind, id]),
    [
      ['true progress', 'task', null],
      ['sparse', 'task', null],
      ['sarm #3', 'model', 3],
      ['constant', 'baseline', null],
    ],
  );
  assert.equal(measureOf(evaluation, 'epic', 'sarm #3', 'sparse')!.value, 0.5);
  assert.equal(measureOf(evaluation, 'epic', 'sparse', 'sparse'), null);
});

test('a reward without distances is left out of the map by name; the spread stays around its points', () => {
  const map = rewardMap(evaluation, 'epic');
  assert.deepEqual(map.keys, ['true progress', 'sparse', 'sarm #3']);
  assert.deepEqual(map.left, ['constant']);
  near(map.stress, 0);
  for (const [i, [x, y]] of map.points.entries()) {
    const own = map.spread[i]!;
    assert.equal(own.length, 60);
    near(own.reduce((sum, point) => sum + point[0], 0) / 60, x, 0.02);
    near(own.reduce((sum, point) => sum + point[1], 0) / 60, y, 0.02);
  }
  assert.deepEqual(rewardMap(evaluation, 'epic'), map);
});
