import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Adam, globalNorm } from '../../../learn/parts/adam.ts';
import { readBlock, writeBlock } from '../../../learn/parts/block.ts';
import { Normalizer, RewardScaler } from '../../../learn/parts/normalizer.ts';
import { Random } from '../../../learn/parts/random.ts';

test('a normaliser fed in batches has the mean and variance of all rows together, also far from zero', () => {
  const random = new Random(1);
  const rows = Float64Array.from({ length: 3 * 900 }, (_, i) => 1e6 * (i % 3) + random.gaussian());
  const batched = new Normalizer(3);
  const other = new Normalizer(3);
  batched.update(rows.subarray(0, 300), 100);
  batched.update(rows.subarray(300, 303), 1);
  other.update(rows.subarray(303), 799);
  batched.merge(other);
  assert.equal(batched.count, 900);
  for (let k = 0; k < 3; k++) {
    const column = Array.from({ length: 900 }, (_, r) => rows[3 * r + k]!);
    const mean = column.reduce((sum, value) => sum + value, 0) / 900;
    const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 900;
    assert.ok(Math.abs(batched.mean[k]! - mean) < 1e-8);
    assert.ok(Math.abs(batched.variance(k) - variance) < 1e-8);
  }
  const restored = new Normalizer(3);
  restored.restore(batched.save());
  assert.deepEqual(restored.save(), batched.save());
  const out = [new Float64Array(3), new Float64Array(3)];
  batched.apply(rows, 1, out[0]!);
  restored.apply(rows, 1, out[1]!);
  assert.deepEqual(out[0], out[1]);
});

test('a normaliser passes values through before it saw any, and clips what lies far outside', () => {
  const normalizer = new Normalizer(1);
  const out = new Float64Array(3);
  normalizer.apply(Float64Array.of(-3, 0, 4), 3, out);
  assert.deepEqual(out, Float64Array.of(-3, 0, 4));
  normalizer.update(Float64Array.of(-1, 1), 2);
  normalizer.apply(Float64Array.of(-1000, 0, 1000), 3, out);
  assert.deepEqual(out, Float64Array.of(-10, 0, 10));
});

test('a normaliser refuses a value that is not finite by its component and keeps its state', () => {
  const normalizer = new Normalizer(2);
  normalizer.update(Float64Array.of(1, 2), 1);
  const before = normalizer.save();
  assert.throws(() => normalizer.update(Float64Array.of(1, Number.NaN), 1), /component 1 of 1 rows/);
  assert.deepEqual(normalizer.save(), before);
});

test('scaled rewards do not depend on the unit of the reward', () => {
  const scaled = [1, 1000].map((unit) => {
    const random = new Random(3);
    const scaler = new RewardScaler(4, 0.9);
    const rewards = new Float64Array(4);
    for (let t = 0; t < 200; t++) {
      for (let n = 0; n < 4; n++) rewards[n] = unit * random.gaussian();
      scaler.observe(rewards, (n) => t % 20 === n, new Uint8Array(4));
    }
    const copy = new RewardScaler(4, 0.9);
    copy.restore(scaler.save());
    assert.equal(copy.scale(unit), scaler.scale(unit));
    return scaler.scale(unit);
  });
  assert.ok(Math.abs(scaled[0]! - scaled[1]!) < 1e-6, `${scaled}`);
  assert.equal(new RewardScaler(1, 0.9).scale(0.5), 0.5);
});

test('Adam moves by the learning rate on its first step and finds the bottom of a bowl', () => {
  const parameters = Float32Array.of(3, -2);
  const adam = new Adam(2);
  adam.step(parameters, [0.001, -50], 0.1);
  assert.ok(Math.abs(parameters[0]! - 2.9) < 1e-4 && Math.abs(parameters[1]! + 1.9) < 1e-4);
  for (let i = 0; i < 500; i++) adam.step(parameters, Array.from(parameters), 0.05);
  assert.ok(globalNorm(parameters) < 1e-2);
  const copy = new Adam(2);
  copy.restore(adam.save());
  const other = parameters.slice();
  adam.step(parameters, [1, 2], 0.1, 0.5);
  copy.step(other, [0.5, 1], 0.1);
  assert.deepEqual(other, parameters);
  assert.throws(() => adam.step(parameters, [1], 0.1), /1 gradients, wanted 2/);
});

test('the random generator resumes exactly, covers its range and differs between seeds', () => {
  const random = new Random(42);
  random.gaussian();
  const copy = new Random(0);
  copy.restore(random.save());
  const draws = (r: Random) => [r.gaussian(), r.gaussian(), r.uniform(), r.integer(10), r.bits()];
  assert.deepEqual(draws(copy), draws(random));
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 7000; i++) counts[random.integer(7)]!++;
  assert.ok(
    counts.every((count) => Math.abs(count - 1000) < 150),
    `${counts}`,
  );
  assert.notEqual(new Random(1).bits(), new Random(2).bits());
  assert.notEqual(new Random(1).bits(), new Random(2 ** 32 + 1).bits());
  const order = Int32Array.from({ length: 50 }, (_, i) => i);
  random.shuffle(order);
  assert.notDeepEqual(order, order.toSorted());
  assert.deepEqual(
    order.toSorted(),
    Int32Array.from({ length: 50 }, (_, i) => i),
  );
});

test('a block gives back its header and arrays and refuses bytes that are cut, extended or foreign', () => {
  const arrays = { a: Float64Array.of(1, Number.NaN, -0), b: Float32Array.of(0.5) };
  const bytes = writeBlock('MAGIC123', { version: 3 }, arrays);
  // At an odd offset, as a blob from elsewhere may lie.
  const shifted = new Uint8Array(bytes.length + 1).subarray(1);
  shifted.set(bytes);
  const block = readBlock('MAGIC123', shifted);
  assert.equal(block.header['version'], 3);
  assert.deepEqual(block.arrays, arrays);
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => readBlock('MAGIC123', bytes.slice(0, length)), RangeError);
  }
  assert.throws(() => readBlock('MAGIC123', new Uint8Array([...bytes, 0])), /wanted/);
  assert.throws(() => readBlock('MAGIC124', bytes), /starts with "MAGIC123", wanted "MAGIC124"/);
});
