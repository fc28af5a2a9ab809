import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carriedBytes } from '../../lab/carry.ts';
import { joinStill, pack, splitStill, unpack } from '../../lab/pack.ts';
import { carriedBytes as carriedToWindow } from '../../renderer/carry.ts';

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

test('bytes go through a message and come out as they were, on either side, wherever they lie in their memory', () => {
  const bytes = pack({ a: Float64Array.of(1.5, Number.NaN), b: Uint8Array.of(0, 127, 255) });
  const roomy = new Uint8Array(bytes.length + 3);
  roomy.set(bytes, 3);
  const part = roomy.subarray(3);
  assert.ok(carriedBytes.condition(part) && !carriedBytes.condition('text'));
  assert.equal(carriedBytes.type, carriedToWindow.type);
  for (const read of [carriedBytes, carriedToWindow]) {
    const come = read.deserialize(carriedBytes.serialize(part));
    assert.deepEqual(come, bytes);
    assert.deepEqual([...unpack(come)['b']!], [0, 127, 255]);
  }
  assert.deepEqual([...unpack(part)['a']!], [1.5, Number.NaN]);
});

test('columns that stay as they are travel once, and all come back to the bit', () => {
  const width = 5;
  const rows = Float32Array.of(
    ...[1, Number.NaN, -0, 3, 7],
    ...[1, Number.NaN, -0, 4, 7],
    // Zero is not minus zero.
    ...[1, Number.NaN, 0, 5, 7],
  );
  const cut = splitStill('poses', rows, width);
  assert.deepEqual([...cut['poses/moving']!], [2, 3]);
  assert.equal(cut['poses/rest']!.length, 6);
  const come = unpack(pack(cut));
  const bits = (values: Float32Array) => [...new Uint32Array(values.buffer)];
  assert.deepEqual(bits(joinStill(come, 'poses', 3)!), bits(rows));
  assert.equal(joinStill(come, 'poses', 4), undefined);
  assert.equal(joinStill({}, 'poses', 3), undefined);
  const one = rows.slice(0, width);
  assert.deepEqual(bits(joinStill(splitStill('a', one, width), 'a', 1)!), bits(one));
});
