/**
 * How a fitted model is kept: 8 bytes of magic, 16 hex digits over everything behind them, uint32 length of the header,
 * header JSON, padding to 4, float32 weights. Little-endian.
 */

import { fingerprint } from './fingerprint.ts';

const magicLength = 8;
const checksumLength = 16;
const bodyStart = magicLength + checksumLength;

export interface ModelBytes {
  readonly header: Readonly<Record<string, unknown>>;
  readonly weights: Float32Array;
}

/** magic: 8 ASCII characters that name the method and the version of its layout. */
export function packModel(magic: string, { header, weights }: ModelBytes): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify(header));
  const start = bodyStart + ((4 + head.length + 3) & ~3);
  const out = new Uint8Array(start + weights.length * 4);
  const view = new DataView(out.buffer);
  out.set(new TextEncoder().encode(magic));
  view.setUint32(bodyStart, head.length, true);
  out.set(head, bodyStart + 4);
  for (let i = 0; i < weights.length; i++) view.setFloat32(start + 4 * i, weights[i]!, true);
  out.set(new TextEncoder().encode(fingerprint(out.subarray(bodyStart))), magicLength);
  return out;
}

/** @throws RangeError naming what was found and what was wanted when the bytes are foreign, cut short or damaged. */
export function unpackModel(title: string, magic: string, bytes: Uint8Array): ModelBytes {
  if (bytes.length < bodyStart + 4) {
    throw new RangeError(`${title}: found ${bytes.length} bytes, wanted at least ${bodyStart + 4}`);
  }
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to));
  const found = text(0, magicLength);
  if (found !== magic)
    throw new RangeError(`${title}: found ${JSON.stringify(found)} at the start, wanted "${magic}"`);
  const wanted = text(magicLength, bodyStart);
  const actual = fingerprint(bytes.subarray(bodyStart));
  if (actual !== wanted)
    throw new RangeError(`${title}: found checksum ${actual}, wanted ${wanted}: the bytes are damaged`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(bodyStart, true);
  const start = bodyStart + ((4 + length + 3) & ~3);
  if (start > bytes.length || (bytes.length - start) % 4 !== 0) {
    throw new RangeError(
      `${title}: found ${bytes.length} bytes, wanted a header of ${length} and whole float32 weights`,
    );
  }
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(bodyStart + 4, bodyStart + 4 + length)));
  const weights = new Float32Array((bytes.length - start) / 4);
  for (let i = 0; i < weights.length; i++) weights[i] = view.getFloat32(start + 4 * i, true);
  return { header, weights };
}
