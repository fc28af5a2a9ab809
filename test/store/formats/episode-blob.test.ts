import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import {
  DamagedBlobError,
  decodeColumns,
  EncodingRoom,
  encodeColumns,
} from '../../../store/formats/episode-blob.ts';
import type { Column, ColumnData } from '../../../store/types.ts';

const bits = (data: ColumnData): string =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex');
const plain = (columns: Iterable<Column>): unknown[] =>
  [...columns].map(({ name, width, data }) => [name, width, data.constructor.name, bits(data)]);

/** A small generator of our own; only the spread of the bits matters here. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
}

const odd = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  -0,
  0,
  5e-324,
  1.7976931348623157e308,
  -1 / 3,
];

test('every type comes back bit for bit, with NaN, infinities and minus zero', () => {
  const columns: Column[] = [
    { name: 'f64', width: 2, data: Float64Array.from(odd) },
    { name: 'f32', width: 4, data: Float32Array.from(odd) },
    { name: 'u32', width: 1, data: Uint32Array.of(0, 1, 0x80000000, 0xffffffff, 0x01020304) },
    { name: 'u8', width: 3, data: Uint8Array.of(0, 1, 127, 128, 255, 3) },
  ];
  assert.deepEqual(plain(decodeColumns(encodeColumns(columns)).values()), plain(columns));
});

test('encodings in one room stay as they are until it is cleared, whatever their sizes', () => {
  const room = new EncodingRoom(4096);
  const make = (length: number, seed: number): Column[] => {
    const next = noise(seed);
    return [{ name: 'x', width: 1, data: Uint32Array.from({ length }, next) }];
  };
  for (let round = 0; round < 3; round++) {
    // Some share a piece, one does not fit into any.
    const all = [10, 500, 300, 1, 4000, 0, 700].map((length, i) => make(length, 10 * round + i));
    const blobs = all.map((columns) => encodeColumns(columns, room));
    all.forEach((columns, i) => {
      assert.deepEqual(blobs[i], encodeColumns(columns));
      assert.deepEqual(plain(decodeColumns(blobs[i]!).values()), plain(columns));
    });
    room.clear();
  }
});

test('a NaN keeps its payload bits', () => {
  const data = new Float64Array(Uint32Array.of(0xdeadbeef, 0x7ff80001, 1, 0xfff00000).buffer);
  const back = decodeColumns(encodeColumns([{ name: 'odd', width: 1, data }])).get('odd')!;
  assert.equal(bits(back.data), bits(data));
});

test('zero rows, zero columns and one row come back', () => {
  for (const columns of [
    [],
    [{ name: 'none', width: 3, data: new Float64Array(0) }],
    [
      { name: 'none', width: 1, data: new Uint8Array(0) },
      { name: 'one', width: 3, data: Float32Array.of(1, 2, 3) },
    ],
  ] satisfies Column[][]) {
    assert.deepEqual(plain(decodeColumns(encodeColumns(columns)).values()), plain(columns));
  }
});

test('random bits of any width and row count come back, also from the middle of a larger buffer', () => {
  const next = noise(5);
  for (const width of [1, 2, 3, 7, 46]) {
    for (const rows of [1, 2, 5, 129]) {
      const words = Uint32Array.from({ length: rows * width * 2 + 2 }, next);
      const columns: Column[] = [
        { name: 'a', width, data: new Float64Array(words.buffer, 8, rows * width) },
        { name: 'b', width, data: new Float32Array(words.buffer, 4, rows * width) },
        { name: 'c', width, data: new Uint32Array(words.buffer, 8, rows * width) },
        { name: 'd', width, data: new Uint8Array(words.buffer, 3, rows * width) },
      ];
      assert.deepEqual(plain(decodeColumns(encodeColumns(columns)).values()), plain(columns));
    }
  }
});

test('the layout is component by component, all first bytes first', async () => {
  const { zstdDecompressSync } = await import('node:zlib');
  const blob = encodeColumns([
    { name: 'a', width: 2, data: Uint32Array.of(0x04030201, 0x40302010, 0x08070605, 0x80706050) },
  ]);
  const header = blob.readUInt32LE(8);
  assert.equal(blob.subarray(0, 4).toString(), 'RLEB');
  assert.equal(blob.subarray(20, 20 + header).toString(), '[{"name":"a","type":"u32","width":2,"rows":2}]');
  // Stored order 04030201 08070605 | 40302010 80706050, then byte planes.
  assert.equal(
    zstdDecompressSync(blob.subarray(20 + header)).toString('hex'),
    '01051050' + '02062060' + '03073070' + '04084080',
  );
});

test('chosen columns come alone; a name that is not there is refused with those that are', () => {
  const blob = encodeColumns([
    { name: 'a', width: 1, data: Float64Array.of(1, 2) },
    { name: 'b', width: 1, data: Float32Array.of(3, 4) },
    { name: 'c', width: 1, data: Uint8Array.of(5, 6) },
  ]);
  assert.deepEqual(
    [...decodeColumns(blob, ['c', 'b'])],
    [
      ['b', { name: 'b', width: 1, data: Float32Array.of(3, 4) }],
      ['c', { name: 'c', width: 1, data: Uint8Array.of(5, 6) }],
    ],
  );
  assert.throws(() => decodeColumns(blob, ['d']), new RangeError('no column d; there are: a, b, c'));
});

test('a column that cannot be is refused by name', () => {
  const data = Float64Array.of(1, 2, 3);
  assert.throws(
    () => encodeColumns([{ name: 'a', width: 2, data }]),
    /Column a: 3 numbers do not fill rows of 2/,
  );
  assert.throws(() => encodeColumns([{ name: 'a', width: 0, data }]), /Column a: width 0/);
  assert.throws(
    () =>
      encodeColumns([
        { name: 'a', width: 1, data },
        { name: 'a', width: 1, data },
      ]),
    /Column a is given twice/,
  );
});

test('any flipped bit and any cut is found', () => {
  const blob = encodeColumns([
    { name: 'a', width: 1, data: Float64Array.from({ length: 20 }, (_, i) => Math.sqrt(i)) },
  ]);
  for (let byte = 0; byte < blob.length; byte++) {
    const bad = Buffer.from(blob);
    bad[byte]! ^= 1 << (byte % 8);
    assert.throws(() => decodeColumns(bad), DamagedBlobError, `byte ${byte}`);
  }
  for (const length of [0, 3, 19, 20, blob.length - 1]) {
    assert.throws(() => decodeColumns(blob.subarray(0, length)), DamagedBlobError, `length ${length}`);
  }
});

/** The rewards of an episode of two terms, as a recorder writes them. */
function rewards(raws: readonly Float64Array[], weights: readonly number[]): Column[] {
  const rows = raws[0]!.length;
  const total = new Float64Array(rows);
  const columns: Column[] = [];
  for (const [k, raw] of raws.entries()) {
    const product = raw.map((value) => value * weights[k]!);
    for (let t = 0; t < rows; t++) total[t]! += product[t]!;
    columns.push(
      { name: `reward/task/${k}/raw`, width: 1, data: raw },
      { name: `reward/task/${k}/weight`, width: 1, data: new Float64Array(rows).fill(weights[k]!) },
      { name: `reward/task/${k}/product`, width: 1, data: product },
    );
  }
  columns.push({ name: 'reward/total', width: 1, data: total });
  return columns;
}

const headerOf = (blob: Buffer): { name: string; made?: string }[] =>
  JSON.parse(blob.subarray(20, 20 + blob.readUInt32LE(8)).toString());
const dataBytes = (blob: Buffer): number => blob.readUInt32LE(12);

test('products, totals and rows that stay the same take no room and come back to the bit, also one by one', () => {
  const next = noise(4);
  const raws = [0, 1].map(() => Float64Array.from({ length: 50 }, () => next() / 2 ** 31 - 1));
  raws[0]![7] = 0;
  raws[1]![7] = -0;
  const columns = [
    ...rewards(raws, [0.1, -3]),
    { name: 'goal', width: 3, data: Float32Array.from({ length: 150 }, (_, i) => i % 3) },
    { name: 'trueStage', width: 1, data: new Uint8Array(51).fill(2) },
  ];
  const blob = encodeColumns(columns);
  const made = headerOf(blob).map(({ made }) => made);
  assert.deepEqual(made, [
    ...[undefined, 'same', 'product', undefined, 'same', 'product'],
    ...['sum', 'same', 'same'],
  ]);
  assert.equal(dataBytes(blob), 2 * 400 + 2 * 8 + 12 + 1);
  assert.deepEqual(plain(decodeColumns(blob).values()), plain(columns));
  for (const column of columns)
    assert.deepEqual(plain(decodeColumns(blob, [column.name]).values()), plain([column]), column.name);
});

test('what is nearly a product, a total or the same is stored as it is', () => {
  const base = rewards([Float64Array.of(0.25, -0.5, 0), Float64Array.of(1, 2, 4)], [2, 3]);
  const changed = (name: string, at: number, value: number): Column[] =>
    base.map((column) => {
      if (column.name !== name) return column;
      const data = column.data.slice();
      data[at] = value;
      return { ...column, data };
    });
  const product = 'reward/task/0/product';
  for (const [name, at, value] of [
    [product, 1, -1 + 2 ** -52],
    [product, 2, -0],
    [product, 0, Number.NaN],
    ['reward/total', 2, 12 + 2 ** -48],
    ['reward/total', 1, Number.NaN],
    ['reward/task/1/weight', 2, 3 + 2 ** -51],
  ] as const) {
    const columns = changed(name, at, value);
    const blob = encodeColumns(columns);
    assert.equal(headerOf(blob).find((info) => info.name === name)!.made, undefined, `${name} ${value}`);
    assert.deepEqual(plain(decodeColumns(blob).values()), plain(columns), `${name} ${value}`);
  }
  // The names alone say nothing: without its parts, with parts of another type or length, it is a column like others.
  for (const columns of [
    base.filter(({ name }) => !name.endsWith('raw')),
    base.filter(({ name }) => !name.endsWith('product')),
    base.map((column) =>
      column.name.endsWith('raw') ? { ...column, data: Float32Array.from(column.data) } : column,
    ),
    base.map((column) => (column.name.endsWith('raw') ? { ...column, data: column.data.slice(1) } : column)),
  ])
    assert.deepEqual(plain(decodeColumns(encodeColumns(columns)).values()), plain(columns));
});

test('formats 1 and 2 are read like format 3; any other is refused by number', () => {
  const columns: Column[] = [{ name: 'a', width: 1, data: Float64Array.of(1, 2, 3) }];
  const marked = (version: number): Buffer => {
    const blob = encodeColumns(columns);
    assert.equal(blob.readUInt16LE(4), 3);
    blob.writeUInt16LE(version, 4);
    blob.writeUInt32LE(crc32(blob.subarray(20), crc32(blob.subarray(0, 16))), 16);
    return blob;
  };
  for (const version of [1, 2, 3])
    assert.deepEqual(plain(decodeColumns(marked(version)).values()), plain(columns));
  assert.throws(
    () => decodeColumns(marked(4)),
    new DamagedBlobError('format version 4, this Reward Lab knows 1, 2 and 3'),
  );
});

test('a product whose parts are gone or do not fit is damage, said by name', () => {
  const columns = rewards([Float64Array.of(0.25, -0.5, 0)], [2]);
  const edited = (edit: (text: string) => string): Buffer => {
    const blob = encodeColumns(columns);
    const header = blob.subarray(20, 20 + blob.readUInt32LE(8));
    const text = edit(header.toString());
    assert.equal(text.length, header.length);
    header.write(text);
    blob.writeUInt32LE(crc32(blob.subarray(20), crc32(blob.subarray(0, 16))), 16);
    return blob;
  };
  assert.throws(
    () => decodeColumns(edited((text) => text.replace('task/0/raw', 'task/0/rew'))),
    new DamagedBlobError('a column is made of reward/task/0/raw, which is not there'),
  );
  assert.throws(
    () =>
      decodeColumns(edited((text) => text.replace('"rows":3,"made":"product"', '"rows":4,"made":"product"'))),
    new DamagedBlobError('reward/task/0/product has 4 rows and is made of a column of 3'),
  );
});
