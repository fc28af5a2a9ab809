import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cos, exp, log, sin, tanh } from '../../../sim/engine/math.ts';

const close = (found: number, wanted: number, relative: number, what: string): void => {
  assert.ok(
    Math.abs(found - wanted) <= relative * Math.max(1e-300, Math.abs(wanted)),
    `${what}: found ${found}, wanted ${wanted}`,
  );
};

test('exp and log agree with the platform to 1e-15', () => {
  for (let x = -700; x <= 700; x += 0.737) close(exp(x), Math.exp(x), 4e-15, `exp(${x})`);
  for (let x = -1; x <= 1; x += 0.0137) close(exp(x), Math.exp(x), 1e-15, `exp(${x})`);
  for (let x = 1e-300; x < 1e300; x *= 7.3) close(log(x), Math.log(x), 1e-15, `log(${x})`);
  for (let x = 0.9; x < 1.1; x += 0.00137) close(log(x), Math.log(x), 4e-15, `log(${x})`);
});

test('sin and cos agree with the platform to 1e-15 of one', () => {
  for (let x = -50; x <= 50; x += 0.0173) {
    assert.ok(Math.abs(sin(x) - Math.sin(x)) < 1e-15, `sin(${x})`);
    assert.ok(Math.abs(cos(x) - Math.cos(x)) < 1e-15, `cos(${x})`);
  }
});

test('tanh agrees with the platform to 1e-15 of one', () => {
  for (let x = -30; x <= 30; x += 0.0371) assert.ok(Math.abs(tanh(x) - Math.tanh(x)) < 1e-15, `tanh(${x})`);
});

test('ends of the range: 0, infinities and NaN', () => {
  assert.deepEqual(
    [exp(0), exp(-1e9), exp(1e9), log(1), log(0), log(-1), log(Number.POSITIVE_INFINITY), exp(Number.NaN)],
    [
      1,
      0,
      Number.POSITIVE_INFINITY,
      0,
      Number.NEGATIVE_INFINITY,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ],
  );
  assert.deepEqual([sin(0), cos(0), tanh(0), tanh(1e9)], [0, 1, 0, 1]);
});
