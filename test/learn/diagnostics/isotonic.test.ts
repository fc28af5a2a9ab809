import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isotonic } from '../../../learn/diagnostics/isotonic.ts';

test('violators are pooled to their mean, and between pools the curve is straight', () => {
  // 3 before 2 falls: both become 2.5, at the middle of 2 and 3.
  const curve = isotonic([1, 2, 3, 4], [1, 3, 2, 4]);
  assert.deepEqual([0, 1, 2.5, 4, 9].map(curve), [1, 1, 2.5, 4, 4]);
  assert.ok(Math.abs(curve(2) - 2) < 1e-12);
  assert.ok(Math.abs(curve(3.25) - 3.25) < 1e-12);
});

test('order of the pairs does not matter, equal scores are one, and a falling truth is its mean everywhere', () => {
  const curve = isotonic([4, 2, 2, 1], [4, 3, 1, 0]);
  assert.deepEqual([1, 2, 4].map(curve), [0, 2, 4]);
  const level = isotonic([1, 2, 3], [3, 2, 1]);
  assert.deepEqual([-5, 2, 5].map(level), [2, 2, 2]);
});

test('a rising curve of the score changes nothing', () => {
  const score = [0.1, 0.5, 0.3, 0.9, 0.7];
  const truth = [0, 0.4, 0.5, 1, 0.6];
  const bent = score.map((value) => value ** 3 + 2);
  const [a, b] = [isotonic(score, truth), isotonic(bent, truth)];
  for (const [i, value] of score.entries()) {
    // At single points, not inside pools, whose middles lie elsewhere on a bent scale.
    if (i === 1 || i === 2) continue;
    assert.ok(Math.abs(a(value) - b(bent[i]!)) < 1e-12);
  }
});

test('not-a-number is refused in the fit and shown in use', () => {
  assert.throws(() => isotonic([1, Number.NaN], [0, 1]), /found not-a-number/);
  assert.throws(() => isotonic([1], []), /found lengths 1 and 0/);
  assert.ok(Number.isNaN(isotonic([1], [1])(Number.NaN)));
});
