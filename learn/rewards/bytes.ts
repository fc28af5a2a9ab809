/**
 * How a fitted model is kept: 8 bytes of magic, 16 hex digits over everything behind them, uint32 length of the header,
 * header JSON, padding to 4, float32 weights. Little-endian.
 */

import type { AnySettings } from '../../sim/fields.ts';
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

/** What was saved, with what every method keeps in its header; each part is checked where it is asked for. */
export interface SavedModel extends ModelBytes {
  readonly settings: AnySettings;
  readonly frameDim: number;
  readonly stages: readonly string[];
  /** A list of finite numbers; any length where none is wanted. */
  numbers(key: string, length?: number): Float64Array;
  wantWeights(count: number): void;
}

/** As `unpackModel`. @throws RangeError, also later, naming what was found and what was wanted. */
export function openModel(title: string, magic: string, bytes: Uint8Array): SavedModel {
  const { header, weights } = unpackModel(title, magic, bytes);
  const missing = (): RangeError =>
    new RangeError(
      `${title}: found header keys ${Object.keys(header).join(', ')}, wanted settings, frameDim, stages`,
    );
  return {
    header,
    weights,
    get settings() {
      const { settings } = header;
      if (settings === null || typeof settings !== 'object') throw missing();
      return settings as AnySettings;
    },
    get frameDim() {
      // SARM models of before there were senses call it by its old name.
      const dim = header['frameDim'] ?? header['observationDim'];
      if (typeof dim !== 'number') throw missing();
      return dim;
    },
    get stages() {
      const { stages } = header;
      if (!Array.isArray(stages)) throw missing();
      return stages.map(String);
    },
    numbers(key, length) {
      const value = header[key];
      if (
        !Array.isArray(value) ||
        (length !== undefined && value.length !== length) ||
        !value.every((item) => Number.isFinite(item))
      ) {
        throw new RangeError(
          `${title}: found no usable "${key}" in the header, wanted ${length ?? 'some'} finite numbers`,
        );
      }
      return Float64Array.from(value as number[]);
    },
    wantWeights(count) {
      if (weights.length !== count)
        throw new RangeError(`${title}: found ${weights.length} weights, wanted ${count}`);
    },
  };
}
