import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Network, tanh } from '../../../learn/parts/network.ts';
import { Random } from '../../../learn/parts/random.ts';
import { initialize, layersOf, type MlpShape, parameterCount } from '../../../learn/tensor/mlp.ts';

/** The obvious loops. */
function reference(shape: MlpShape, parameters: Float32Array, row: readonly number[]): number[] {
  let values = [...row];
  for (const { inputs, outputs, weights, biases, activation } of layersOf(shape)) {
    const next: number[] = [];
    for (let j = 0; j < outputs; j++) {
      let sum = parameters[biases + j]!;
      for (let i = 0; i < inputs; i++) sum += values[i]! * parameters[weights + i * outputs + j]!;
      next.push(activation === 'tanh' ? Math.tanh(sum) : activation === 'relu' ? Math.max(sum, 0) : sum);
    }
    values = next;
  }
  return values;
}

test('the plain forward pass equals the obvious loops at odd sizes and any number of rows', () => {
  const random = new Random(3);
  for (const activation of ['tanh', 'relu'] as const) {
    for (const sizes of [
      [1, 1],
      [3, 5, 2],
      [25, 64, 64, 3],
      [7, 6, 9, 4, 1],
    ]) {
      const shape: MlpShape = { sizes, activation };
      const parameters = initialize(shape, random).map((value) => value + 0.1 * random.gaussian());
      const network = new Network(shape, parameters);
      for (const rows of [5, 1, 2, 0]) {
        const inputs = Float64Array.from({ length: rows * sizes[0]! + 2 }, () => random.gaussian());
        const out = new Float64Array(rows * network.outputs + 1);
        network.forward(inputs, rows, out, 2, 1);
        for (let r = 0; r < rows; r++) {
          const row = Array.from(inputs.subarray(2 + r * network.inputs, 2 + (r + 1) * network.inputs));
          const wanted = reference(shape, parameters, row);
          wanted.forEach((value, j) => {
            assert.ok(Math.abs(out[1 + r * network.outputs + j]! - value) < 1e-7, `${sizes} row ${r}`);
          });
        }
      }
    }
  }
});

test('a row gives the same bits alone and in a batch', () => {
  const shape: MlpShape = { sizes: [6, 10, 3], activation: 'tanh' };
  const random = new Random(9);
  const network = new Network(shape, initialize(shape, random));
  const inputs = Float64Array.from({ length: 7 * 6 }, () => random.gaussian());
  const together = new Float64Array(7 * 3);
  network.forward(inputs, 7, together);
  const alone = new Float64Array(7 * 3);
  for (let r = 0; r < 7; r++) network.forward(inputs, 1, alone, r * 6, r * 3);
  assert.deepEqual(alone, together);
});

test('tanh stays within 1e-8 of Math.tanh, is odd, saturates and keeps NaN', () => {
  let worst = 0;
  for (let x = -30; x <= 30; x += 0.001) worst = Math.max(worst, Math.abs(tanh(x) - Math.tanh(x)));
  assert.ok(worst < 1e-8, `worst ${worst}`);
  assert.equal(tanh(-1.3), -tanh(1.3));
  assert.deepEqual([tanh(Infinity), tanh(-Infinity), tanh(0)], [1, -1, 0]);
  assert.ok(Number.isNaN(tanh(Number.NaN)));
});

test('a network refuses parameters of another length and arrays too short for the rows', () => {
  const shape: MlpShape = { sizes: [2, 3], activation: 'tanh' };
  assert.equal(parameterCount(shape), 9);
  assert.throws(() => new Network(shape, new Float32Array(8)), /found 8 parameters, wanted 9/);
  const network = new Network(shape, new Float32Array(9));
  assert.throws(() => network.forward(new Float64Array(3), 2, new Float64Array(6)), RangeError);
  assert.throws(() => network.forward(new Float64Array(4), 2, new Float64Array(5)), RangeError);
});
