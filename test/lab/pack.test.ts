import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pack, unpack } from '../../lab/pack.ts';

test('packed arrays come back bit for bit, with every type and awkward numbers', () => {
  const arrays = {
    'a/b': Float64Array.of(0, -0, Number.NaN, Number.POSITIVE_INFINITY, 1 / 3),
    poses: Float32Array.of(1.5, -2.25, 3),
    hash: Uint32Array.of(0, 0xffffffff),
    stage: Uint8Array.of(0, 1, 2, 255, 4),
    empty: new Float64Array(0),
  };
  const found = unpack(pack(arrays).buffer);
  assert.deepEqual(found, arrays);
  assert.ok(Object.is((found['a/b'] as Float64Array)[1], -0));
});

test('arrays that are views into a larger buffer are packed without their surroundings', () => {
  const view = Float64Array.of(1, 2, 3, 4).subarray(1, 3);
  assert.deepEqual(unpack(pack({ view }).buffer)['view'], Float64Array.of(2, 3));
});

test('a block that is cut short is refused with what was found', () => {
  const block = pack({ values: Float64Array.of(1, 2, 3) });
  assert.throws(() => unpack(block.slice(0, block.length - 8).buffer), /Packed array values: ends at byte/);
  assert.throws(() => unpack(block.slice(0, 20).buffer), /does not fit into 20 bytes/);
  assert.throws(() => unpack(new ArrayBuffer(2)), /2 bytes, wanted at least 4/);
});
