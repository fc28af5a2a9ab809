import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashState64 } from '../../../../sim/engine/hash.ts';
import { oneByOne, openRowHasher } from '../../../../sim/engine/kernel/hash.ts';
import { createRandom } from '../../../../sim/engine/random.ts';

/** Numbers of all sizes, both zeros, infinities and several NaNs. */
function numbers(length: number, seed: number): Float64Array {
  const random = createRandom(seed);
  const odd = new Float64Array(
    new BigUint64Array([0x7ff8000000000123n, 0xfff4000000000001n, 0x7ff0000000000000n, 0x8000000000000000n])
      .buffer,
  );
  return Float64Array.from({ length }, () => {
    const kind = Math.floor(8 * random.uniform());
    return kind < odd.length
      ? odd[kind]!
      : (random.uniform() - 0.5) * 10 ** Math.floor(40 * random.uniform() - 20);
  });
}

test('many rows at once have the hashes that each has alone, for every size and number of rows', () => {
  for (const dim of [1, 2, 6, 67]) {
    for (const count of [1, 3, 4, 5, 64]) {
      const states = numbers(count * dim, 100 * dim + count);
      const alone = new Uint32Array(2 * count);
      for (let row = 0; row < count; row++) hashState64(states, row * dim, dim, alone, 2 * row);
      for (const open of [openRowHasher, oneByOne]) {
        const found = new Uint32Array(2 * count);
        open(dim, count)(states, found);
        assert.deepEqual(found, alone, `${open.name}: ${count} rows of ${dim}`);
      }
    }
  }
});

test('fewer rows than there is room for leave the rest of the hashes as they were, and two hashers do not share memory', () => {
  const first = openRowHasher(5, 8);
  const second = openRowHasher(5, 8);
  const states = numbers(15, 1);
  const alone = new Uint32Array(6);
  for (let row = 0; row < 3; row++) hashState64(states, 5 * row, 5, alone, 2 * row);
  const found = new Uint32Array(16).fill(7);
  first(numbers(40, 2), new Uint32Array(16));
  second(numbers(40, 3), new Uint32Array(16));
  first(states, found);
  assert.deepEqual([...found], [...alone, ...Array(10).fill(7)]);
});
