/**
 * Named typed arrays in one binary block, for frames on the wire. Layout (little-endian): uint32 length of the header,
 * header JSON `{ name: { type, length, offset } }` (offset from the start of the data), padding to 8 bytes, the arrays,
 * each aligned to 8 bytes. Runs in the window and in the lab: no Node, no DOM.
 */

/** By the names that stand for them in headers. */
export const arrayTypes = {
  f64: Float64Array,
  f32: Float32Array,
  u32: Uint32Array,
  u8: Uint8Array,
} as const;

export type TypeName = keyof typeof arrayTypes;
export type PackedArray = Float64Array | Float32Array | Uint32Array | Uint8Array;
export type Arrays = Readonly<Record<string, PackedArray>>;
/** What `pack` makes. */
export type Block = ArrayBuffer | Uint8Array<ArrayBuffer>;

// Not with bit operations: they end at 2 GiB.
const align = (bytes: number): number => Math.ceil(bytes / 8) * 8;

export function typeOf(array: PackedArray): TypeName {
  if (array instanceof Float64Array) return 'f64';
  if (array instanceof Float32Array) return 'f32';
  if (array instanceof Uint32Array) return 'u32';
  return 'u8';
}

export function pack(arrays: Arrays): Uint8Array<ArrayBuffer> {
  const header: Record<string, { type: TypeName; length: number; offset: number }> = {};
  let bytes = 0;
  for (const [name, array] of Object.entries(arrays)) {
    header[name] = { type: typeOf(array), length: array.length, offset: bytes };
    bytes = align(bytes + array.byteLength);
  }
  const head = new TextEncoder().encode(JSON.stringify(header));
  const start = align(4 + head.length);
  const out = new Uint8Array(start + bytes);
  new DataView(out.buffer).setUint32(0, head.length, true);
  out.set(head, 4);
  for (const [name, array] of Object.entries(arrays)) {
    out.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), start + header[name]!.offset);
  }
  return out;
}

/**
 * How the api marks bytes in the JSON of its messages, where they are base64 text (`lab/carry.ts`, `renderer/carry.ts`). As a `Blob`
 * they would be a part of a form, which a page takes apart in another process of the browser: 14 ms for an episode of 500 steps.
 */
export const bytesMark = 40;

/** Of `pack`: views of the same memory. @throws RangeError when the block is cut short or is no packed block. */
export function unpack(block: Block): Record<string, PackedArray> {
  const { buffer, byteOffset, byteLength } = block instanceof ArrayBuffer ? new Uint8Array(block) : block;
  if (byteOffset % 8 !== 0) return unpack(new Uint8Array(buffer, byteOffset, byteLength).slice());
  if (byteLength < 4) throw new RangeError(`Packed arrays: ${byteLength} bytes, wanted at least 4`);
  const headLength = new DataView(buffer, byteOffset).getUint32(0, true);
  if (4 + headLength > byteLength) {
    throw new RangeError(
      `Packed arrays: header of ${headLength} bytes does not fit into ${byteLength} bytes`,
    );
  }
  const header = JSON.parse(
    new TextDecoder().decode(new Uint8Array(buffer, byteOffset + 4, headLength)),
  ) as Record<string, { type: TypeName; length: number; offset: number }>;
  const start = align(4 + headLength);
  const arrays: Record<string, PackedArray> = {};
  for (const [name, { type, length, offset }] of Object.entries(header)) {
    const Typed = arrayTypes[type];
    const end = start + offset + length * Typed.BYTES_PER_ELEMENT;
    if (end > byteLength) {
      throw new RangeError(`Packed array ${name}: ends at byte ${end}, the block has ${byteLength}`);
    }
    arrays[name] = new Typed(buffer, byteOffset + start + offset, length);
  }
  return arrays;
}

/**
 * Rows of numbers without the columns in which nothing changes, for most bodies of a scene stand still or turn about one axis: to the
 * bit what `joinStill` gives back. values: [rows, width] -> `<name>/first` [width], `<name>/moving` the columns that change [m],
 * `<name>/rest` [rows, m].
 */
export function splitStill(name: string, values: Float32Array, width: number): Record<string, PackedArray> {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const moves = new Uint8Array(width);
  for (let at = width; at < bits.length; at += width) {
    for (let k = 0; k < width; k++) if (bits[at + k] !== bits[k]) moves[k] = 1;
  }
  const moving = Uint32Array.from({ length: width }, (_, k) => k).filter((k) => moves[k] === 1);
  const rest = new Uint32Array((values.length / width) * moving.length);
  for (let at = 0, to = 0; at < bits.length; at += width) {
    for (const k of moving) rest[to++] = bits[at + k]!;
  }
  return {
    [`${name}/first`]: values.slice(0, width),
    [`${name}/moving`]: moving,
    [`${name}/rest`]: new Float32Array(rest.buffer),
  };
}

/** Of `splitStill`, with so many rows; undefined where it is not there or does not fit together. */
export function joinStill(arrays: Arrays, name: string, rows: number): Float32Array | undefined {
  const [first, moving, rest] = ['first', 'moving', 'rest'].map((part) => arrays[`${name}/${part}`]);
  if (!(first instanceof Float32Array && moving instanceof Uint32Array && rest instanceof Float32Array))
    return;
  const width = first.length;
  if (rest.length !== rows * moving.length || moving.some((k) => k >= width)) return;
  const values = new Uint32Array(rows * width);
  const start = new Uint32Array(first.buffer, first.byteOffset, width);
  const bits = new Uint32Array(rest.buffer, rest.byteOffset, rest.length);
  for (let row = 0, from = 0; row < rows; row++) {
    values.set(start, row * width);
    for (const k of moving) values[row * width + k] = bits[from++]!;
  }
  return new Float32Array(values.buffer);
}
