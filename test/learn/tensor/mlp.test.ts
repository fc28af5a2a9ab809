import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { Network } from '../../../learn/parts/network.ts';
import { Random } from '../../../learn/parts/random.ts';
import { dense, initialize, layersOf, type MlpShape, mlp, unflatten } from '../../../learn/tensor/mlp.ts';
import { openDevice } from '../../../learn/tensor/open.ts';

const { tf } = await openDevice('wasm');

const gaussians = (random: Random, count: number) =>
  Float32Array.from({ length: count }, () => random.gaussian());

test('the tensor forward pass equals the plain one within 1e-5', () => {
  const random = new Random(1);
  for (const activation of ['tanh', 'relu'] as const) {
    const shape: MlpShape = { sizes: [25, 64, 64, 3], activation };
    const parameters = initialize(shape, random);
    const inputs = gaussians(random, 33 * 25).map((value) => 3 * value);
    const y = tf.tidy(() =>
      mlp(tf, shape, tf.tensor1d(parameters), tf.tensor2d(inputs, [33, 25])).dataSync(),
    );
    const out = new Float64Array(33 * 3);
    new Network(shape, parameters).forward(Float64Array.from(inputs), 33, out);
    const worst = Math.max(...out.map((value, i) => Math.abs(value - y[i]!)));
    assert.ok(worst < 1e-5, `${activation}: ${worst}`);
  }
});

test('gradients of the network and of its layers equal finite differences for parameters and inputs', () => {
  const random = new Random(5);
  const rows = 7;
  const shape: MlpShape = { sizes: [4, 6, 5, 2], activation: 'tanh' };
  const parameters = initialize(shape, random).map((value) => value + 0.2 * random.gaussian());
  const inputs = gaussians(random, rows * 4);
  const target = gaussians(random, rows * 2);

  const error = (parameters: Float64Array | Float32Array, inputs: Float64Array) => {
    const out = new Float64Array(rows * 2);
    // In double precision: the packed network takes float32, so the loops are written out here.
    let values = inputs;
    for (const { inputs: n, outputs: m, weights, biases, activation } of layersOf(shape)) {
      const next = new Float64Array(rows * m);
      for (let r = 0; r < rows; r++)
        for (let j = 0; j < m; j++) {
          let sum = parameters[biases + j]!;
          for (let i = 0; i < n; i++) sum += values[r * n + i]! * parameters[weights + i * m + j]!;
          next[r * m + j] = activation === 'tanh' ? Math.tanh(sum) : sum;
        }
      values = next;
    }
    out.set(values);
    return out.reduce((sum, value, i) => sum + (value - target[i]!) ** 2, 0);
  };
  const numeric = (at: Float64Array, f: (x: Float64Array) => number) =>
    at.map((_, i) => {
      const [up, down] = [at.slice(), at.slice()];
      up[i]! += 1e-5;
      down[i]! -= 1e-5;
      return (f(up) - f(down)) / 2e-5;
    });
  const p = Float64Array.from(parameters);
  const x = Float64Array.from(inputs);
  const wanted = [numeric(p, (p) => error(p, x)), numeric(x, (x) => error(p, x))];

  const close = (found: ArrayLike<number>, wanted: Float64Array, title: string) => {
    assert.equal(found.length, wanted.length);
    const worst = Math.max(...wanted.map((value, i) => Math.abs(value - found[i]!) / (1 + Math.abs(value))));
    assert.ok(worst < 1e-5, `${title}: ${worst}`);
  };

  const whole = tf.tidy(() =>
    tf
      .grads((p, x) =>
        mlp(tf, shape, p as Tensor1D, x as Tensor2D, { wantDx: true })
          .sub(tf.tensor2d(target, [rows, 2]))
          .square()
          .sum(),
      )([tf.tensor1d(parameters), tf.tensor2d(inputs, [rows, 4])])
      .map((gradient) => gradient.dataSync()),
  );
  close(whole[0]!, wanted[0]!, 'mlp parameters');
  close(whole[1]!, wanted[1]!, 'mlp inputs');

  const layered = tf.tidy(() =>
    tf
      .grads((...all) => {
        let y = all[0] as Tensor2D;
        layersOf(shape).forEach(({ activation }, i) => {
          y = dense(tf, y, all[1 + 2 * i] as Tensor2D, all[2 + 2 * i] as Tensor1D, activation);
        });
        return y
          .sub(tf.tensor2d(target, [rows, 2]))
          .square()
          .sum();
      })([tf.tensor2d(inputs, [rows, 4]), ...unflatten(tf, shape, parameters)])
      .map((gradient) => gradient.dataSync()),
  );
  close(layered[0]!, wanted[1]!, 'dense inputs');
  close(
    layered.slice(1).flatMap((gradient) => Array.from(gradient)),
    wanted[0]!,
    'dense parameters',
  );
});

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

test('tensors stay constant over many gradients', () => {
  const shape: MlpShape = { sizes: [4, 8, 2], activation: 'relu' };
  const parameters = initialize(shape, new Random(2));
  const run = () =>
    tf.tidy(() =>
      tf
        .grad((p) => mlp(tf, shape, p as Tensor1D, tf.ones([3, 4]) as Tensor2D).sum())(
          tf.tensor1d(parameters),
        )
        .dataSync(),
    );
  run();
  const before = tf.memory().numTensors;
  for (let i = 0; i < 50; i++) run();
  assert.equal(tf.memory().numTensors, before);
});

test('impossible sizes are refused by name', () => {
  assert.throws(() => layersOf({ sizes: [3], activation: 'tanh' }), /found \[3\], wanted two or more/);
  assert.throws(() => layersOf({ sizes: [3, 0, 1], activation: 'tanh' }), RangeError);
});
