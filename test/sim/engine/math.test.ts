import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cos, exp, log, sin, tanh } from '../../../sim/engine/math.ts';

const close = (found: number, wanted: number, relative: number, what: string): void => {
  assert.ok(
    Math.abs(found - wanted) <= relative * Math.max(1e-300, Math.abs(wanted)),
    `${what}: found ${found}, wanted ${wanted}`,
  );
};

test('exp and log are within 1 ulp of the platform', () => {
  for (let x = -708; x <= 709; x += 0.737) close(exp(x), Math.exp(x), 2.3e-16, `exp(${x})`);
  for (let x = -1; x <= 1; x += 0.0137) close(exp(x), Math.exp(x), 2.3e-16, `exp(${x})`);
  for (let x = 1e-300; x < 1e300; x *= 7.3) close(log(x), Math.log(x), 2.3e-16, `log(${x})`);
  for (let x = 0.5; x < 2.1; x += 0.00137) close(log(x), Math.log(x), 2.3e-16, `log(${x})`);
  assert.deepEqual(
    [exp(-744), exp(709.78), log(5e-324)],
    [Math.exp(-744), Math.exp(709.78), Math.log(5e-324)],
  );
});

test('sin and cos are within 1 ulp of the platform, also where the reduction cancels', () => {
  const check = (x: number): void => {
    close(sin(x), Math.sin(x), 2.3e-16, `sin(${x})`);
    close(cos(x), Math.cos(x), 2.3e-16, `cos(${x})`);
  };
  for (let x = -50; x <= 50; x += 0.0173) check(x);
  for (let x = 1; x < 1.6e6; x *= 1.0173) for (const sign of [-1, 1]) check(sign * x);
  for (let k = 1; k < 200; k++) {
    for (const off of [0, 1e-16, 1e-12, 1e-9, 1e-6, 1e-4, 1e-2]) check(k * (Math.PI / 2) * (1 + off));
  }
  for (const x of [1e7, Number.POSITIVE_INFINITY, Number.NaN]) {
    assert.deepEqual([sin(x), cos(x)], [Number.NaN, Number.NaN]);
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
