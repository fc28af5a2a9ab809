/**
 * Checkpoints as bytes: magic [8 ASCII], uint32 length of the header, header JSON, padding to 8 bytes, arrays (each
 * padded to 8 bytes), all little-endian. The header is the caller's object plus `arrays`: name, type and length in order.
 */

export type BlockArray = Float64Array | Float32Array;

export interface Block {
  readonly header: Readonly<Record<string, unknown>>;
  readonly arrays: Readonly<Record<string, BlockArray>>;
}

const align = (bytes: number): number => (bytes + 7) & ~7;

export function writeBlock(
  magic: string,
  header: Readonly<Record<string, unknown>>,
  arrays: Readonly<Record<string, BlockArray>>,
): Uint8Array {
  const list = Object.entries(arrays).map(([name, array]) => ({
    name,
    type: array instanceof Float64Array ? 'f64' : 'f32',
    length: array.length,
  }));
  const head = new TextEncoder().encode(JSON.stringify({ ...header, arrays: list }));
  let offset = align(magic.length + 4 + head.length);
  const size = Object.values(arrays).reduce((sum, array) => sum + align(array.byteLength), offset);
  const bytes = new Uint8Array(size);
  bytes.set(new TextEncoder().encode(magic));
  new DataView(bytes.buffer).setUint32(magic.length, head.length, true);
  bytes.set(head, magic.length + 4);
  for (const array of Object.values(arrays)) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), offset);
    offset += align(array.byteLength);
  }
  return bytes;
}

/** @throws RangeError naming what was found and wanted when the bytes have another magic, are cut short or too long. */
export function readBlock(magic: string, bytes: Uint8Array): Block {
  const start = magic.length + 4;
  const found = new TextDecoder('latin1').decode(bytes.subarray(0, magic.length));
  if (found !== magic) {
    throw new RangeError(`Checkpoint: starts with ${JSON.stringify(found)}, wanted ${JSON.stringify(magic)}`);
  }
  if (bytes.length < start)
    throw new RangeError(`Checkpoint: ${bytes.length} bytes, wanted at least ${start}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headEnd = start + view.getUint32(magic.length, true);
  if (headEnd > bytes.length) {
    throw new RangeError(`Checkpoint: ${bytes.length} bytes, the header alone ends at ${headEnd}`);
  }
  let header: Record<string, unknown>;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(start, headEnd))) as Record<string, unknown>;
  } catch {
    throw new RangeError(`Checkpoint: bytes ${start} to ${headEnd} are no JSON header`);
  }
  const list = header['arrays'];
  if (!Array.isArray(list)) throw new RangeError('Checkpoint: the header lists no arrays');
  const arrays: Record<string, BlockArray> = {};
  let offset = align(headEnd);
  for (const { name, type, length } of list as { name: string; type: string; length: number }[]) {
    const width = type === 'f64' ? 8 : 4;
    if (offset + length * width > bytes.length) {
      throw new RangeError(
        `Checkpoint: ${bytes.length} bytes, ${name} ends at byte ${offset + length * width}`,
      );
    }
    // A copy: the source may lie unaligned.
    const copy = bytes.slice(offset, offset + length * width).buffer;
    arrays[name] = type === 'f64' ? new Float64Array(copy) : new Float32Array(copy);
    offset += align(length * width);
  }
  if (offset !== bytes.length) throw new RangeError(`Checkpoint: ${bytes.length} bytes, wanted ${offset}`);
  return { header, arrays };
}
