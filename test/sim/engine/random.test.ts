import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom, mixSeed } from '../../../sim/engine/random.ts';

test('the same seed draws the same numbers, another seed others', () => {
  const draw = (seed: number) => {
    const random = createRandom(seed);
    return Array.from({ length: 100 }, () => random.bits());
  };
  assert.deepEqual(draw(5), draw(5));
  assert.equal(draw(5).filter((x, i) => x === draw(6)[i]).length, 0);
});

test('xoshiro128** from the state 1 2 3 4 gives the words worked out by hand', () => {
  const random = createRandom(0);
  random.restore(Uint32Array.of(1, 2, 3, 4));
  // First: rotl(2 * 5, 7) * 9 = 1280 * 9 = 11520. Then the state is (7, 0, 1026, 12288): rotl(0) * 9 = 0.
  // Then (12295, 1029, 1029, ...): no more by hand than the state rule says; b = 0 ^ 1026 ^ 7 = 1029:
  // rotl(5145, 7) * 9 = 658560 * 9 = 5927040.
  assert.deepEqual([random.bits(), random.bits(), random.bits()], [11520, 0, 5927040]);
});

test('uniform draws lie in their range with the mean and variance of a uniform distribution', () => {
  const random = createRandom(11);
  const n = 100_000;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const x = random.uniform(-1, 1);
    assert.ok(x >= -1 && x < 1);
    sum += x;
    squares += x * x;
  }
  // Standard deviations of the estimates: 0.0018 and 0.0009.
  assert.ok(Math.abs(sum / n) < 0.01);
  assert.ok(Math.abs(squares / n - 1 / 3) < 0.005);
});

test('integers cover their range evenly and a bad bound is refused', () => {
  const random = createRandom(3);
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[random.integer(7)]!++;
  // Standard deviation of a count: 93.
  for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${counts}`);
  assert.throws(() => random.integer(0), /bound of 0, wanted an integer from 1/);
});

test('a saved generator goes on with the same draws', () => {
  const random = createRandom(9);
  random.uniform();
  const words = random.save();
  const first = Array.from({ length: 20 }, () => random.uniform());
  const other = createRandom(1);
  other.restore(words);
  assert.deepEqual(
    Array.from({ length: 20 }, () => other.uniform()),
    first,
  );
  assert.throws(() => other.restore(new Uint32Array(4)), /not all zero/);
  assert.throws(() => other.restore(new Uint32Array(3)), RangeError);
  assert.throws(() => createRandom(0.5), /found 0.5, wanted an integer/);
});

test('mixed seeds are unsigned 32-bit and do not collide for neighbouring seeds and indices', () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 100; seed++) {
    for (let index = 0; index < 100; index++) {
      const mixed = mixSeed(seed, index);
      assert.ok(Number.isInteger(mixed) && mixed >= 0 && mixed < 2 ** 32);
      seen.add(mixed);
    }
  }
  // 10,000 draws out of 2^32 have 0.012 expected collisions.
  assert.ok(seen.size >= 9_999);
  assert.notEqual(mixSeed(1, 2), mixSeed(2, 1));
  assert.notEqual(mixSeed(7, 0), mixSeed(7 + 2 ** 32, 0));
});
