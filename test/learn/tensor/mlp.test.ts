import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import { initialize, layersOf, type MlpShape } from '../../../learn/tensor/mlp.ts';

test('initial weights are orthogonal times the gain, biases zero, and the same seed gives the same bits', () => {
  const shape: MlpShape = { sizes: [8, 5, 12], activation: 'tanh' };
  const parameters = initialize(shape, new Random(2), { hiddenGain: 2, outputGain: 0.5 });
  assert.deepEqual(parameters, initialize(shape, new Random(2), { hiddenGain: 2, outputGain: 0.5 }));
  const [first, second] = layersOf(shape);
  assert.ok(parameters.subarray(first!.biases, second!.weights).every((bias) => bias === 0));
  // 8 x 5: orthonormal columns; 5 x 12: orthonormal rows.
  for (let a = 0; a < 5; a++)
    for (let b = 0; b < 5; b++) {
      let columns = 0;
      for (let i = 0; i < 8; i++) columns += parameters[i * 5 + a]! * parameters[i * 5 + b]!;
      let rows = 0;
      for (let j = 0; j < 12; j++) {
        rows += parameters[second!.weights + a * 12 + j]! * parameters[second!.weights + b * 12 + j]!;
      }
      assert.ok(Math.abs(columns - (a === b ? 4 : 0)) < 1e-6);
      assert.ok(Math.abs(rows - (a === b ? 0.25 : 0)) < 1e-6);
    }
});

test('impossible sizes are refused by name', () => {
  assert.throws(() => layersOf({ sizes: [3], activation: 'tanh' }), /found \[3\], wanted two or more/);
  assert.throws(() => layersOf({ sizes: [3, 0, 1], activation: 'tanh' }), RangeError);
});
