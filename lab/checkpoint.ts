/** A checkpoint: the learner's bytes, the environment's arrays and what they belong to, in one packed block. */

import { messageOf } from './errors.ts';
import { type Arrays, pack, unpack } from './pack.ts';

/** 2: says what it belongs to. Checkpoints of format 1 still give their policy. */
const format = 2;

/** What a checkpoint belongs to. */
export interface CheckpointAbout {
  readonly task: string;
  readonly taskVersion: number;
  readonly algorithm: string;
}

export function packCheckpoint(learner: Uint8Array, env: Arrays, about: CheckpointAbout): Uint8Array {
  const { task, taskVersion, algorithm } = about;
  const header = new TextEncoder().encode(JSON.stringify({ format, task, taskVersion, algorithm }));
  return pack({ about: header, learner, ...env });
}

export interface OpenedCheckpoint {
  readonly learner: Uint8Array;
  readonly env: Readonly<Record<string, Float64Array>>;
  /** What else there is as plain bytes, by name. */
  readonly bytes: Readonly<Record<string, Uint8Array>>;
}

/**
 * @param wanted what it shall belong to, where that is known.
 * @param use `policy` reads the learner alone, which older formats have too.
 * @throws RangeError naming what was found and wanted when the bytes are no checkpoint, or one of something else.
 */
export function openCheckpoint(
  bytes: Uint8Array,
  wanted?: CheckpointAbout,
  use: 'resume' | 'policy' = 'policy',
): OpenedCheckpoint {
  let arrays: Record<string, Arrays[string]>;
  try {
    arrays = unpack(bytes.slice().buffer);
  } catch (error) {
    throw new RangeError(
      `Checkpoint: ${bytes.length} bytes that are no checkpoint, or not all of one (${messageOf(error)})`,
    );
  }
  const { about, learner, ...rest } = arrays;
  if (!(learner instanceof Uint8Array)) throw new RangeError('Checkpoint: found no learner in it');
  if (about instanceof Uint8Array) checkAbout(about, wanted);
  else if (use === 'resume') {
    throw new RangeError(
      `Checkpoint: found format 1 of an earlier version of Reward Lab, wanted ${format}; its policy can still be evaluated`,
    );
  }
  const env: Record<string, Float64Array> = {};
  const blobs: Record<string, Uint8Array> = {};
  for (const [name, array] of Object.entries(rest)) {
    if (array instanceof Float64Array) env[name] = array;
    else if (array instanceof Uint8Array) blobs[name] = array;
  }
  return { learner, env, bytes: blobs };
}

function checkAbout(bytes: Uint8Array, wanted: CheckpointAbout | undefined): void {
  let found: Readonly<Record<string, unknown>>;
  try {
    found = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch (error) {
    throw new RangeError(`Checkpoint: what it says of itself cannot be read (${messageOf(error)})`);
  }
  const differs = (field: string, value: unknown): void => {
    if (found[field] === value) return;
    throw new RangeError(
      `Checkpoint: found one of ${field} ${String(found[field])}, wanted ${String(value)}`,
    );
  };
  differs('format', format);
  if (wanted === undefined) return;
  differs('task', wanted.task);
  differs('taskVersion', wanted.taskVersion);
  differs('algorithm', wanted.algorithm);
}
