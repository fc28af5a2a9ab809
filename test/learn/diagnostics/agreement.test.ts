import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  meanAbsoluteError,
  pearson,
  ranks,
  spearman,
  thereAndBack,
} from '../../../learn/diagnostics/agreement.ts';

test('equal values share the mean of their ranks', () => {
  assert.deepEqual(Array.from(ranks([5, 1, 5, 0])), [3.5, 2, 3.5, 1]);
});

test('a monotone curve has rank correlation 1 and a linear correlation below 1', () => {
  const a = [1, 2, 3, 4];
  const b = [1, 4, 9, 16];
  assert.ok(Math.abs(spearman(a, b) - 1) < 1e-12);
  // Deviations (-1.5, -0.5, 0.5, 1.5) and (-6.5, -3.5, 1.5, 8.5): 25 / sqrt(5 * 129).
  assert.ok(Math.abs(pearson(a, b) - 25 / Math.sqrt(645)) < 1e-12);
  assert.ok(Math.abs(spearman(a, [4, 3, 2, 1]) + 1) < 1e-12);
});

test('the correlation with a constant is not a number', () => {
  assert.ok(Number.isNaN(pearson([1, 2, 3], [1, 1, 1])));
  // 49 sums of 0.1 / 49 are not 0.1; what is left over must not pass for a correlation.
  const ramp = Array.from({ length: 49 }, (_, i) => i);
  assert.ok(
    Number.isNaN(
      pearson(
        ramp,
        ramp.map(() => 0.1),
      ),
    ),
  );
});

test('the mean absolute error of (1, 2) and (2, 4) is 1.5, and unequal lengths are refused', () => {
  assert.equal(meanAbsoluteError([1, 2], [2, 4]), 1.5);
  assert.throws(() => meanAbsoluteError([1], [1, 2]), /lengths 1 and 2/);
});

test('a clip there and back has its turning frame once', () => {
  const clip = Float64Array.of(0, 10, 1, 11, 2, 12); // Three frames of two numbers.
  assert.deepEqual(Array.from(thereAndBack(clip, 2)), [0, 10, 1, 11, 2, 12, 1, 11, 0, 10]);
});
