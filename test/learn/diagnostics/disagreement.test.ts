import assert from 'node:assert/strict';
import { test } from 'node:test';
import { disagreements, normalised, peaksOf, spreadOf } from '../../../learn/diagnostics/disagreement.ts';

const f32 = (...values: number[]): Float32Array => Float32Array.from(values);
const lists = (arrays: readonly Float32Array[]): number[][] =>
  arrays.map((one) => Array.from(one, (value) => Number(value.toFixed(6))));

test('ranks are shares of the pooled scores, equal ones share the middle, and what is no number stays out', () => {
  // Pooled: 0 1 1 4. 0: (0 + 1) / 8; 1: (1 + 3) / 8; 4: (3 + 4) / 8.
  assert.deepEqual(lists(normalised([f32(1, 0), f32(4, 1, Number.NaN)], 'rank')), [
    [0.5, 0.125],
    [0.875, 0.5, Number.NaN],
  ]);
});

test('z-scores take mean and spread of the pooled set, and a constant model is 0 everywhere', () => {
  // 1 and 3: mean 2, standard deviation 1.
  assert.deepEqual(lists(normalised([f32(1), f32(3)], 'z')), [[-1], [1]]);
  assert.deepEqual(lists(normalised([f32(0.5, 0.5), f32(0.5)], 'z')), [[0, 0], [0]]);
  assert.deepEqual(lists(normalised([f32(0.25, 0.75)], 'none')), [[0.25, 0.75]]);
  assert.deepEqual(normalised([f32(), f32()], 'rank').length, 2);
});

test('the difference is highest minus lowest of the models that have a number', () => {
  assert.deepEqual(lists([spreadOf([f32(0, 1, Number.NaN), f32(1, 0.5, 1), f32(0.25, 0, Number.NaN)])]), [
    [1, 1, Number.NaN],
  ]);
});

test('peaks are local maxima above zero that keep their distance; slopes, valleys and zeros are none', () => {
  // Peaks: 1 (3), 4 (plateau of 2 from frame 4), 8 (5). Frame 2 is higher than frame 4 but on the slope of 1.
  const values = f32(0, 3, 2.5, 1, 2, 2, 0, 0, 5);
  assert.deepEqual(peaksOf(values, 1), [8, 1, 4]);
  assert.deepEqual(peaksOf(values, 4), [8, 1]);
  assert.deepEqual(peaksOf(f32(1, 1, 2), 1), [2]);
  assert.deepEqual(peaksOf(f32(0, 0, 0), 1), []);
  assert.deepEqual(peaksOf(f32(Number.NaN, 2, Number.NaN), 1), [1]);
  assert.deepEqual(peaksOf(f32(), 1), []);
});

test('the moments of all episodes are ranked together, and no more than asked for', () => {
  const scores = (...pairs: [number, number][]) => [
    f32(...pairs.map(([a]) => a)),
    f32(...pairs.map(([, b]) => b)),
  ];
  const episodes = [
    { id: 7, scores: scores([0, 0.25], [0, 0], [0, 0.5]) },
    { id: 9, scores: scores([0.25, 0.25], [1, 0.25], [0.25, 0.25]) },
  ];
  const found = disagreements(episodes, { how: 'none', apart: 1, top: 2 });
  assert.deepEqual(found.moments, [
    { episode: 9, frame: 1, difference: 0.75, normalised: [1, 0.25] },
    { episode: 7, frame: 2, difference: 0.5, normalised: [0, 0.5] },
  ]);
  assert.deepEqual(lists(found.differences), [
    [0.25, 0, 0.5],
    [0, 0.75, 0],
  ]);
});

test('by rank, two models of the same order nowhere differ, however differently they count', () => {
  const a = f32(0, 0.1, 0.2, 0.3);
  const b = a.map((value) => value ** 3);
  assert.deepEqual(disagreements([{ id: 1, scores: [a, b] }], { how: 'rank', apart: 1, top: 9 }).moments, []);
});
