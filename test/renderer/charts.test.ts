import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  csvOf,
  extentOf,
  normalised,
  partingText,
  placeAt,
  readingOf,
  readingsOf,
  rowsOf,
  stepped,
} from '../../renderer/state/charts.ts';

const series = {
  label: 'fast, g1',
  colour: '#fff',
  x: [0, 10, 20],
  y: [1, 3, 2],
  low: [0, 2, 1],
  high: [2, 4, 3],
};

test('the readout is of the last point at or before the pointer, with its interval', () => {
  assert.deepEqual(
    [0, 9, 10, 20, -1, 21].map((at) => placeAt(series.x, at)),
    [0, 0, 1, 2, -1, -1],
  );
  assert.equal(readingOf(series, 12), '3.000 (2.000 to 4.000)');
  assert.equal(readingOf({ ...series, low: [NaN, NaN, NaN], high: [NaN, NaN, NaN] }, 12), '3.000');
  assert.equal(readingOf(series, 30), '–');
});

test('the cursor of the keyboard goes from point to point and stays within the ends', () => {
  const moves: readonly (readonly [at: number | null, by: number])[] = [
    [null, 0],
    [0, 1],
    [0, -1],
    [20, 1],
    [12, 1],
    [12, -1],
    [-5, 1],
    [99, -1],
    [0, 10],
  ];
  assert.deepEqual(
    moves.map(([at, by]) => stepped(series.x, at, by)),
    [20, 10, 0, 20, 20, 10, 0, 20, 20],
  );
  assert.ok(Number.isNaN(stepped([], null, 1)));
});

test('the numbers at a place are one sentence without the thin lines, and a table keeps both ends', () => {
  const thin = { ...series, label: '#1', isFaint: true };
  assert.equal(
    readingsOf([series, thin], 10, (x) => `step ${x}`),
    'step 10; fast, g1 3.000 (2.000 to 4.000)',
  );
  assert.deepEqual(rowsOf([series], series.x, 2), [
    { x: 0, cells: ['1.000 (0.000 to 2.000)'] },
    { x: 20, cells: ['2.000 (1.000 to 3.000)'] },
  ]);
  assert.equal(rowsOf([series], series.x, 40).length, 3);
  assert.deepEqual(rowsOf([series], [], 40), []);
});

test('a series is drawn in its own range, its interval with it', () => {
  assert.deepEqual(extentOf([Number.NaN, 3, -1]), { low: -1, high: 3 });
  assert.equal(extentOf([Number.NaN]), null);
  const { y, low, high } = normalised(series, { low: 1, high: 3 });
  assert.deepEqual(
    [[...Array.from(y)], [...Array.from(low!)], [...Array.from(high!)]],
    [
      [0, 1, 0.5],
      [-0.5, 0.5, 0],
      [0.5, 1.5, 1],
    ],
  );
});

test('a file has one line a point, names quoted where they need it', () => {
  const text = csvOf(
    [
      {
        title: 'rollout/return',
        series: [series, { ...series, label: '#3', y: [1, NaN, 2], low: [], high: [] }],
      },
    ],
    'steps',
  );
  assert.equal(
    text,
    `metric,series,steps,value,low,high
rollout/return,"fast, g1",0,1,0,2
rollout/return,"fast, g1",10,3,2,4
rollout/return,"fast, g1",20,2,1,3
rollout/return,#3,0,1,,
rollout/return,#3,20,2,,
`,
  );
});

test('where truth and proxy part is said with its numbers, and so is that they do not', () => {
  const names = { truth: 'rollout/success', proxy: 'rollout/return' };
  const place = (x: number): string => `step ${x}`;
  assert.equal(
    partingText(
      {
        kind: 'part',
        at: 50,
        seen: 70,
        truth: { peak: 0.6, after: 0.5, interval: { low: -0.2, high: -0.1 } },
        proxy: { peak: 5, after: 7, interval: { low: 1, high: 3 } },
      },
      names,
      place,
    ),
    'They part at step 50: from there rollout/return went from 5.000 to 7.000 while rollout/success fell from 0.600 to 0.500. Seen at step 70, where both changes are clear of 0 (-0.200 to -0.100 for the truth).',
  );
  assert.match(partingText({ kind: 'together' }, names, place), /^They do not part/);
  assert.match(partingText({ kind: 'not measurable', why: 'x' }, names, place), /not measurable: x\.$/);
});
