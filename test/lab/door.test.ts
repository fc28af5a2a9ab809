import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostMessageBytes, refusal } from '../../lab/door.ts';

test('a well-formed call passes', () => {
  assert.equal(refusal(JSON.stringify({ i: '1', p: { u: '/runs/list', b: {} } })), undefined);
  assert.equal(refusal(JSON.stringify({ i: 2, t: 4 })), undefined);
});

test('what is no call is told why', () => {
  const reasons = [
    ['not json', /not JSON/],
    ['[1,2]', /no object/],
    ['{}', /without an id/],
    ['{"i":"1"}', /without a payload/],
    ['{"i":"1","p":{}}', /without an address/],
    ['{"i":"1","t":99}', /call type 99/],
    [`"${'x'.repeat(mostMessageBytes)}"`, /wanted at most/],
    [new Uint8Array(3), /3 bytes of binary/],
    [{ i: '1' }, /found object/],
    [null, /found null/],
  ] as const;
  for (const [message, reason] of reasons) assert.match(refusal(message) ?? 'passed', reason);
});
