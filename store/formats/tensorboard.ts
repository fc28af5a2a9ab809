/**
 * TensorBoard's event files: records of the TFRecord format, each an `Event` of Protocol Buffers.
 *
 * A record is, little-endian: u64 length of the data, u32 masked CRC-32C of those 8 bytes, the data, u32 masked CRC-32C
 * of the data; masked = ((crc >>> 15) | (crc << 17)) + 0xa282ead8.
 *
 * Fields used, by number (tensorflow/tensorboard, tensorboard/compat/proto: event, summary, tensor, tensor_shape):
 *   Event       1 wall_time double (seconds), 2 step int64, 3 file_version string, 5 summary, 7 session_log
 *   Summary     1 value: repeated { 1 tag string, 2 simple_value float, 8 tensor, 9 metadata }
 *   metadata    1 plugin_data { 1 plugin_name string }
 *   tensor      1 dtype (7 = string), 2 shape { 2 dim { 1 size } }, 8 string_val
 *   SessionLog  1 status (1 = START)
 *
 * A session that begins at step T takes away what earlier files of the folder have from step T on, if each file says
 * that a session began: so a resumed run does not show twice what it does again.
 */

/** What a reader wants to find first; from version 2 on it goes by sessions. */
const fileVersion = 'brain.Event:2';
const sessionStart = 1;
const stringType = 7;

export interface TensorBoardEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  /** From this step on nothing that came before counts any more. */
  readonly sessionStart?: true;
  /** By tag; stored as 32-bit numbers. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** By tag; Markdown. */
  readonly texts?: Readonly<Record<string, string>>;
}

/** How every event file begins. */
export function openingEvents(wallTime: number, step: number): TensorBoardEvent[] {
  return [
    { wallTime, step: 0, fileVersion },
    { wallTime, step, sessionStart: true },
  ];
}

// ---------------------------------------------------------------------------------------------------------------------
// CRC-32C (Castagnoli): reflected polynomial 0x82f63b78

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = table[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing

type Bytes = number[];

/** Seven bits a byte, lowest first; negative numbers as 64-bit two's complement. */
function varint(value: number): Bytes {
  const bytes: Bytes = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return bytes;
}

const number = (field: number, value: number): Bytes => [...varint(field << 3), ...varint(value)];
const block = (field: number, bytes: Bytes): Bytes => [
  ...varint((field << 3) | 2),
  ...varint(bytes.length),
  ...bytes,
];
const text = (field: number, value: string): Bytes => block(field, [...new TextEncoder().encode(value)]);
const double = (field: number, value: number): Bytes => [
  ...varint((field << 3) | 1),
  ...new Uint8Array(Float64Array.of(value).buffer),
];
const float = (field: number, value: number): Bytes => [
  ...varint((field << 3) | 5),
  ...new Uint8Array(Float32Array.of(value).buffer),
];

function encodeEvent(event: TensorBoardEvent): Uint8Array {
  const { wallTime, step, fileVersion: version, sessionStart: starts, scalars = {}, texts = {} } = event;
  const values = [
    ...Object.entries(scalars).flatMap(([tag, value]) => block(1, [...text(1, tag), ...float(2, value)])),
    ...Object.entries(texts).flatMap(([tag, value]) => {
      const tensor = [...number(1, stringType), ...block(2, block(2, number(1, 1))), ...text(8, value)];
      return block(1, [...text(1, tag), ...block(8, tensor), ...block(9, block(1, text(1, 'text')))]);
    }),
  ];
  return Uint8Array.from([
    ...double(1, wallTime),
    // Zero is what a reader takes where there is nothing.
    ...(step === 0 ? [] : number(2, step)),
    ...(version === undefined ? [] : text(3, version)),
    ...(values.length === 0 ? [] : block(5, values)),
    ...(starts ? block(7, number(1, sessionStart)) : []),
  ]);
}

/** The bytes that append this event to a file. */
export function encodeRecord(event: TensorBoardEvent): Uint8Array {
  const data = encodeEvent(event);
  const bytes = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc32c(bytes.subarray(0, 8)), true);
  bytes.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc32c(data), true);
  return bytes;
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading

/** Field by field: its number, and a number or the bytes of a block. */
function* fieldsOf(bytes: Uint8Array): Generator<{ field: number; value: number; bytes: Uint8Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const none = new Uint8Array(0);
  let at = 0;
  const readVarint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const key = readVarint();
    const field = key >>> 3;
    switch (key & 7) {
      case 0:
        yield { field, value: readVarint(), bytes: none };
        break;
      case 1:
        yield { field, value: view.getFloat64(at, true), bytes: none };
        at += 8;
        break;
      case 2: {
        const length = readVarint();
        yield { field, value: Number.NaN, bytes: bytes.subarray(at, at + length) };
        at += length;
        break;
      }
      case 5:
        yield { field, value: view.getFloat32(at, true), bytes: none };
        at += 4;
        break;
      default:
        throw new RangeError(`Event file: wire type ${key & 7} of field ${field}, wanted 0, 1, 2 or 5`);
    }
  }
}

const stringOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function decodeEvent(data: Uint8Array): TensorBoardEvent {
  let wallTime = 0;
  let step = 0;
  let version: string | undefined;
  let starts = false;
  const scalars: Record<string, number> = {};
  const texts: Record<string, string> = {};
  for (const { field, value, bytes } of fieldsOf(data)) {
    if (field === 1) wallTime = value;
    else if (field === 2) step = value;
    else if (field === 3) version = stringOf(bytes);
    else if (field === 7)
      for (const log of fieldsOf(bytes)) starts ||= log.field === 1 && log.value === sessionStart;
    else if (field !== 5) continue;
    else {
      for (const summary of fieldsOf(bytes)) {
        const parts = new Map([...fieldsOf(summary.bytes)].map((part) => [part.field, part]));
        const tag = stringOf(parts.get(1)!.bytes);
        const simple = parts.get(2);
        if (simple !== undefined) scalars[tag] = simple.value;
        for (const part of fieldsOf(parts.get(8)?.bytes ?? new Uint8Array(0)))
          if (part.field === 8) texts[tag] = stringOf(part.bytes);
      }
    }
  }
  return {
    wallTime,
    step,
    ...(version === undefined ? {} : { fileVersion: version }),
    ...(starts ? { sessionStart: true as const } : {}),
    ...(Object.keys(scalars).length === 0 ? {} : { scalars }),
    ...(Object.keys(texts).length === 0 ? {} : { texts }),
  };
}

/**
 * Events of one file; a last record that was cut short by a kill is left out, as TensorBoard does.
 * @throws RangeError naming the record whose checksum is wrong.
 */
export function decodeRecords(bytes: Uint8Array): TensorBoardEvent[] {
  const events: TensorBoardEvent[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 12 <= bytes.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const wanted = view.getUint32(at + 8, true);
    const found = maskedCrc32c(bytes.subarray(at, at + 8));
    if (found !== wanted)
      throw new RangeError(
        `Event file: length of record ${events.length} has checksum ${found}, wanted ${wanted}`,
      );
    const end = at + 12 + length;
    if (end + 4 > bytes.length) break;
    const data = bytes.subarray(at + 12, end);
    if (maskedCrc32c(data) !== view.getUint32(end, true))
      throw new RangeError(
        `Event file: record ${events.length} has checksum ${maskedCrc32c(data)}, wanted ${view.getUint32(end, true)}`,
      );
    events.push(decodeEvent(data));
    at = end + 4;
  }
  return events;
}
