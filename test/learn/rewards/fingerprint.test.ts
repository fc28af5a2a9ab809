import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fingerprint, fingerprintOf } from '../../../learn/rewards/fingerprint.ts';

test('the fingerprint is the published 64-bit FNV-1a', () => {
  const of = (text: string) => fingerprint(new TextEncoder().encode(text));
  assert.deepEqual(
    [of(''), of('a'), of('foobar')],
    ['cbf29ce484222325', 'af63dc4c8601ec8c', '85944171f73967e8'],
  );
});

test('the order in which keys were written does not matter, their values and the order of lists do', () => {
  assert.equal(fingerprintOf({ a: 1, b: [{ c: 2, d: 3 }] }), fingerprintOf({ b: [{ d: 3, c: 2 }], a: 1 }));
  assert.notEqual(fingerprintOf([1, 2]), fingerprintOf([2, 1]));
  assert.notEqual(fingerprintOf({ a: 1 }), fingerprintOf({ a: '1' }));
  assert.throws(() => fingerprintOf({ a: Number.NaN }), /NaN/);
});
