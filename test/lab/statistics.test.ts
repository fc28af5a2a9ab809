import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wilsonInterval } from '../../lab/statistics.ts';

const rounded = ({ low, high }: { low: number; high: number }): string =>
  `${low.toFixed(4)} ${high.toFixed(4)}`;

test('the Wilson interval equals hand-worked values', () => {
  // 8 of 10: p = 0.8, z2 = 3.8415; centre = (0.8 + 3.8415 / 20) / (1 + 0.38415) = 0.71674,
  // half = 1.95996 / 1.38415 * sqrt(0.016 + 3.8415 / 400) = 0.22656
  assert.equal(rounded(wilsonInterval(8, 10)), '0.4902 0.9433');
  assert.equal(rounded(wilsonInterval(0, 100)), '0.0000 0.0370');
  assert.equal(rounded(wilsonInterval(100, 100)), '0.9630 1.0000');
});

test('no trials say nothing', () => {
  assert.deepEqual(wilsonInterval(0, 0), { low: 0, high: 1 });
});

test('counts that are no counts are refused', () => {
  assert.throws(() => wilsonInterval(3, 2), /found 3 of 2/);
  assert.throws(() => wilsonInterval(Number.NaN, 2), RangeError);
});
