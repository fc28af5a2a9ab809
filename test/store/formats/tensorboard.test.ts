import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  crc32c,
  decodeRecords,
  encodeRecord,
  maskedCrc32c,
  openingEvents,
  type TensorBoardEvent,
} from '../../../store/formats/tensorboard.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const join = (records: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(records));

test('CRC-32C has the values of RFC 3720, appendix B.4, and the usual check value', () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(ascending), 0x46dd794e);
  assert.equal(crc32c(ascending.toReversed()), 0x113fdb5c);
  assert.equal(crc32c(new TextEncoder().encode('123456789')), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(0)), 0);
  // ((0x8a9136aa >>> 15) | (0x8a9136aa << 17)) + 0xa282ead8, worked by hand: 0x6d55 1522 + 0xa282 ead8.
  assert.equal(maskedCrc32c(new Uint8Array(32)), 0x0fd7fffa);
});

test('records are the bytes that TensorFlow writes', () => {
  // The first record of any file, here at 256.5 s, and a scalar, as other writers have them.
  assert.deepEqual(
    encodeRecord({ wallTime: 256.5, step: 0, fileVersion: 'brain.Event:2' }),
    hex(
      `1800000000000000 a37f4b22 09 0000000000087040 1a0d ${Buffer.from('brain.Event:2').toString('hex')} bc98212b`,
    ),
  );
  assert.deepEqual(
    encodeRecord({ wallTime: 256.5, step: 1, scalars: { 'v/1': 1.5 } }),
    hex('1900000000000000 8bf10828 09 0000000000087040 1001 2a0c 0a0a 0a03 762f31 15 0000c03f 2cecc087'),
  );
});

test('what was written is read back: version, sessions, scalars, texts, large and negative steps', () => {
  const events: TensorBoardEvent[] = [
    ...openingEvents(1.7e9, 40_961),
    { wallTime: 1.7e9 + 0.25, step: 2 ** 40, scalars: { 'loss/policy': -0.5, 'größe/θ': 3 } },
    { wallTime: 1.7e9 + 1, step: -1, scalars: { x: Number.POSITIVE_INFINITY } },
    { wallTime: 1.7e9 + 2, step: 3, texts: { settings: '| a | b |\n|---|---|\n'.repeat(30) } },
    { wallTime: 0, step: 0 },
  ];
  assert.deepEqual(decodeRecords(join(events.map(encodeRecord))), events);
});

test('a record cut short at the end is left out, a damaged one is refused by its number', () => {
  const records = openingEvents(5, 0).map(encodeRecord);
  const whole = join(records);
  for (let cut = records[0]!.length; cut < whole.length; cut++) {
    assert.equal(decodeRecords(whole.subarray(0, cut)).length, 1, `${cut} bytes`);
  }
  const changed = (at: number): Uint8Array => whole.map((byte, i) => (i === at ? byte ^ 4 : byte));
  assert.throws(() => decodeRecords(changed(20)), /^RangeError: Event file: record 0 has checksum/);
  assert.throws(
    () => decodeRecords(changed(records[0]!.length)),
    /^RangeError: Event file: length of record 1 has checksum \d+, wanted \d+/,
  );
});
