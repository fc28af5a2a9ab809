import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Sigmoid, tolerance } from '../../sim/tolerance.ts';

const sigmoids: readonly Sigmoid[] = [
  'gaussian',
  'linear',
  'hyperbolic',
  'long_tail',
  'quadratic',
  'tanh_squared',
  'cosine',
  'reciprocal',
];

test('inside the bounds, ends included, the value is 1; without a margin it is 0 outside', () => {
  assert.deepEqual(
    [-1, 0, 0.5, 1, 1.001, Number.NaN].map((x) => tolerance(x, [0, 1])),
    [0, 1, 1, 1, 0, 0],
  );
  assert.equal(tolerance(1e9, [0, Number.POSITIVE_INFINITY]), 1);
});

test('every sigmoid is 1 at the bound and the asked value at the margin, on both sides', () => {
  for (const sigmoid of sigmoids) {
    for (const valueAtMargin of [0.1, 0.5, 0.9]) {
      for (const x of [3, -1]) {
        const value = tolerance(x, [1, 1], { margin: 2, sigmoid, valueAtMargin });
        assert.ok(Math.abs(value - valueAtMargin) < 1e-12, `${sigmoid}: ${value}, wanted ${valueAtMargin}`);
      }
      assert.ok(tolerance(1 + 1e-9, [1, 1], { margin: 2, sigmoid, valueAtMargin }) > 1 - 1e-6);
    }
  }
});

test('every sigmoid falls and stays in [0, 1]', () => {
  for (const sigmoid of sigmoids) {
    let last = 1;
    for (let x = 0; x < 10; x += 0.01) {
      const value = tolerance(x, [0, 0], { margin: 1, sigmoid });
      assert.ok(value >= 0 && value <= last + 1e-12, `${sigmoid} at ${x}: ${value} after ${last}`);
      last = value;
    }
  }
});

test('values at half and at twice the margin, worked by hand for 0.1 at the margin', () => {
  const at = (x: number, sigmoid: Sigmoid) => tolerance(x, [0, 0], { margin: 1, sigmoid });
  const wanted: Record<Sigmoid, readonly [number, number]> = {
    // 0.1^(1/4), 0.1^4
    gaussian: [0.5623413251903491, 0.0001],
    // 1 - 0.9/2; below 0 is cut
    linear: [0.55, 0],
    // 1 / cosh(k x), cosh k = 10: cosh(k/2) = sqrt(11/2), cosh(2k) = 2 * 100 - 1
    hyperbolic: [1 / Math.sqrt(5.5), 1 / 199],
    // 1 / (1 + 9 x^2)
    long_tail: [1 / 3.25, 1 / 37],
    // 1 - 0.9 x^2
    quadratic: [0.775, 0],
    // tanh k = sqrt(0.9) so cosh^2 k = 10: 1 / cosh^2(k/2) = 2 / (1 + sqrt 10), 1 / cosh^2(2k) = 1 / 19^2
    tanh_squared: [2 / (1 + Math.sqrt(10)), 1 / 361],
    // (1 + cos(k x)) / 2, cos k = -0.8: cos(k/2) = sqrt(0.1); 2k is beyond half a turn
    cosine: [(1 + Math.sqrt(0.1)) / 2, 0],
    // 1 / (1 + 9 x)
    reciprocal: [1 / 5.5, 1 / 19],
  };
  for (const sigmoid of sigmoids) {
    [0.5, 2].forEach((x, i) => {
      const error = Math.abs(at(x, sigmoid) - wanted[sigmoid][i]!);
      assert.ok(error < 1e-12, `${sigmoid} at ${x}: ${at(x, sigmoid)}, wanted ${wanted[sigmoid][i]}`);
    });
  }
});

test('impossible arguments are refused with what was found', () => {
  assert.throws(() => tolerance(0, [1, 0]), /found \[1, 0\], wanted low <= high/);
  assert.throws(() => tolerance(0, [0, 1], { margin: -1 }), /margin: found -1/);
  assert.throws(() => tolerance(0, [0, 1], { valueAtMargin: 0 }), /found 0, wanted \(0, 1\) for gaussian/);
  assert.throws(() => tolerance(0, [0, 1], { valueAtMargin: 1, sigmoid: 'linear' }), /wanted \[0, 1\)/);
});
