/** What is drawn of a series, which part of the clock is shown, which curves reward models become: numbers by hand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Series } from '../../renderer/state/opened.ts';
import {
  benchPan,
  binSize,
  binsOf,
  indexAt,
  pathOf,
  stackExtent,
  stackPaths,
} from '../../renderer/timeline/bins.ts';
import { differenceSeries, keysOf, type ModelScore, scoredSeries } from '../../renderer/timeline/series.ts';
import { fitted, kept, pageTo, panned, whole, zoomed } from '../../renderer/timeline/zoom.ts';

test('bins keep every spike, leave out what is no number, and are made once', () => {
  const values = [1, 5, -2, Number.NaN, Number.NaN, Number.NaN, 7];
  const bins = binsOf(values, 2);
  assert.deepEqual([...bins.low], [1, -2, Number.NaN, 7]);
  assert.deepEqual([...bins.high], [5, -2, Number.NaN, 7]);
  assert.deepEqual([...bins.mean], [3, -2, Number.NaN, 7]);
  assert.equal(binsOf(values, 2), bins);
  assert.deepEqual([0.2, 1, 3.9, 4, 100].map(binSize), [1, 1, 2, 4, 64]);
});

test('a path is what lies between two times and one bin more at each side, the same bins wherever one pans', () => {
  const values = Float64Array.from({ length: 1000 }, (_, t) => t);
  const times = Float64Array.from({ length: 1001 }, (_, t) => t / 10);
  assert.equal(indexAt(times, 50), 500);
  const near = pathOf(values, times, { from: 10, to: 11 }, 100);
  assert.deepEqual([near.low[0], near.low[near.count - 1]], [98, 111]);
  assert.equal(near.time[2], 10);
  const far = pathOf(values, times, { from: 0, to: 100 }, 100);
  assert.equal(far.count, 125);
  const moved = pathOf(values, times, { from: 0.3, to: 100 }, 100);
  assert.deepEqual([...moved.low.subarray(-5)], [...far.low.subarray(-5)]);
  assert.equal(pathOf([], [0], { from: 0, to: 1 }, 10).count, 0);
});

test('a stack piles what is above zero upwards and what is below downwards', () => {
  const layers = [
    [1, -1],
    [2, 3],
    [-4, -1],
  ];
  const paths = layers.map((values) => pathOf(values, [0, 1, 2], { from: 0, to: 2 }, 100));
  const stack = stackPaths(paths).map(({ base, top }) => [[...base], [...top]]);
  assert.deepEqual(stack, [
    [
      [0, 0],
      [1, -1],
    ],
    [
      [1, 0],
      [3, 3],
    ],
    [
      [0, -1],
      [-4, -2],
    ],
  ]);
  assert.deepEqual(stackExtent(layers), [-4, 3]);
  assert.deepEqual(stackExtent([]), [0, 0]);
});

test('zooming keeps what is under the pointer, never leaves the clock, and all of it is no zoom', () => {
  const closer = zoomed(whole, 10, 2, 2);
  assert.deepEqual(closer, { from: 1, to: 6 });
  assert.deepEqual(zoomed(closer, 10, 2, 0.25), whole);
  assert.deepEqual(panned(closer, 10, 100), { from: 5, to: 10 });
  assert.equal(panned(whole, 10, 3), whole);
  assert.deepEqual(fitted(-3, 1, 10), { from: 0, to: 4 });
  assert.deepEqual(pageTo({ from: 0, to: 5 }, 20, 6, 1), { from: 5.6, to: 10.6 });
  assert.deepEqual(pageTo({ from: 0, to: 5 }, 20, 3, 1), { from: 0, to: 5 });
  assert.equal(kept({ from: 2, to: 9 }, 5), whole);
});

const score = (key: string, values: number[], std: number[] | null = null): ModelScore => ({
  key,
  title: `sarm #${key}`,
  seed: Number(key),
  baseline: false,
  causal: true,
  perStep: Float32Array.from(values),
  std: std && Float32Array.from(std),
});
const plain = ({ name, label, values, band }: Series) => [
  name,
  label,
  Array.from(values),
  band && [Array.from(band.low), Array.from(band.high), band.what],
];

test('a group is drawn as the mean of its models with a band from the lowest to the highest, one model with its own spread', () => {
  const scores = new Map([
    ['1', score('1', [0, 1])],
    ['2', score('2', [1, 0.5])],
    ['3', score('3', [0.5, 0.5], [0.25, 0])],
  ]);
  const members = (family: string): string[] => (family === 'f' ? ['1', '2'] : []);
  const picks = ['group:f', '3', 'time-ramp'];
  assert.deepEqual(keysOf(picks, members), ['1', '2', '3', 'time-ramp']);
  assert.deepEqual(scoredSeries(picks, members, scores).map(plain), [
    ['progress/group/f', 'sarm, mean of 2', [0.5, 0.75], [[0, 0.5], [1, 1], 'lowest to highest of 2']],
    ['progress/model/3', 'sarm #3', [0.5, 0.5], [[0.25, 0.5], [0.75, 0.5], 'one standard deviation']],
  ]);
});

test('the difference of two or more models is their band, its number how far they are apart; of one there is none', () => {
  const members = (): string[] => [];
  const [a, b] = scoredSeries(
    ['1', '2'],
    members,
    new Map([
      ['1', score('1', [0, 1])],
      ['2', score('2', [1, 0.5])],
    ]),
  );
  assert.deepEqual(plain(differenceSeries([a!, b!])!), [
    'progress/difference',
    'difference of 2',
    [1, 0.5],
    [[0, 0.5], [1, 1], 'lowest to highest'],
  ]);
  assert.equal(differenceSeries([a!]), null);
});

test('panning 8 series of 5,000 steps is worked out in a fraction of a picture at 60 a second', () => {
  assert.ok(benchPan({ series: 8, steps: 5000, frames: 60, columns: 1200 }, () => performance.now()) < 16);
});
