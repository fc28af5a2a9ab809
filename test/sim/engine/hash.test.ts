import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashNumbers, hashRows, hashState, hashState64 } from '../../../sim/engine/hash.ts';

test('equal numbers hash equally: minus zero is zero and every NaN is one', () => {
  const otherNaN = new Float64Array(new BigUint64Array([0x7ff8000000000123n]).buffer)[0]!;
  const a = Float64Array.of(0, 1, Number.NaN);
  const b = Float64Array.of(-0, 1, otherNaN);
  assert.equal(hashState(a), hashState(b));
  assert.equal(hashNumbers(a), hashNumbers(b));
});

test('one flipped bit, a swap, or another length changes both hashes', () => {
  const base = Float64Array.of(1, 2, 3, 4);
  const bit = Float64Array.of(1, 2, 3 + 2 ** -51, 4);
  const swapped = Float64Array.of(1, 3, 2, 4);
  const longer = Float64Array.of(1, 2, 3, 4, 0);
  for (const hash of [(v: Float64Array) => hashState(v), (v: Float64Array) => hashNumbers(v)]) {
    assert.equal(new Set([base, bit, swapped, longer].map((v) => hash(v))).size, 4);
  }
});

test('a hash reads only its own run of numbers', () => {
  const values = Float64Array.of(9, 1, 2, 9);
  assert.equal(hashState(values, 1, 2), hashState(Float64Array.of(1, 2)));
  assert.equal(hashNumbers(values, 1, 2), hashNumbers(Float64Array.of(1, 2)));
});

test('hashes have their documented form and their stored values', () => {
  const values = Float64Array.of(0.1, -2.5, 1e300);
  assert.match(hashNumbers(values), /^[0-9a-f]{16}$/);
  // Golden: a change here makes every stored episode unverifiable.
  assert.deepEqual(
    [hashState(values), hashNumbers(values), hashRows(Uint32Array.of(1, 2, 3), 2)],
    [604502985, '5bf9e1b6c048ea6a', 'cab49fdbab460152'],
  );
});

test('a hash over rows depends on their order and on the count alone', () => {
  assert.equal(hashRows(Uint32Array.of(1, 2, 3), 2), hashRows(Uint32Array.of(1, 2)));
  assert.notEqual(hashRows(Uint32Array.of(1, 2)), hashRows(Uint32Array.of(2, 1)));
});

test('the two words of a state are its 64-bit hash, high word first', () => {
  const values = Float64Array.of(9, 1.5, -0, Number.NaN, 1e300, 7);
  const out = new Uint32Array(4);
  hashState64(values, 1, 4, out, 1);
  const hex = [out[1]!, out[2]!].map((word) => word.toString(16).padStart(8, '0')).join('');
  assert.equal(hex, hashNumbers(values, 1, 4));
  assert.deepEqual([out[0], out[3]], [0, 0]);
});
