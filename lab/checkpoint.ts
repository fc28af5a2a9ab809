/** A checkpoint: the learner's bytes and the environment's arrays in one packed block. */

import { type Arrays, pack, unpack } from './pack.ts';

export function packCheckpoint(learner: Uint8Array, env: Arrays): Uint8Array {
  return pack({ learner, ...env });
}

export interface OpenedCheckpoint {
  readonly learner: Uint8Array;
  readonly env: Readonly<Record<string, Float64Array>>;
}

/** @throws RangeError when the bytes are no checkpoint. */
export function openCheckpoint(bytes: Uint8Array): OpenedCheckpoint {
  let arrays: Record<string, Arrays[string]>;
  try {
    arrays = unpack(bytes.slice().buffer);
  } catch (error) {
    throw new RangeError(
      `Checkpoint: ${bytes.length} bytes that are no packed arrays (${(error as Error).message})`,
    );
  }
  const { learner, ...rest } = arrays;
  if (!(learner instanceof Uint8Array)) throw new RangeError('Checkpoint: found no learner in it');
  const env: Record<string, Float64Array> = {};
  for (const [name, array] of Object.entries(rest)) if (array instanceof Float64Array) env[name] = array;
  return { learner, env };
}
