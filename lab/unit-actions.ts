/**
 * The one place where actions change units. Learners and noise live in [-1, 1]; a task's box may have units of its own
 * (a torque in N m). Options of a discrete space are indices everywhere and pass through.
 */

import type { ActionSpace } from '../sim/env.ts';

const isUnit = (space: ActionSpace): boolean =>
  space.type === 'discrete' || (space.low.every((v) => v === -1) && space.high.every((v) => v === 1));

/**
 * Rows in [-1, 1] (clipped) to the task's units. Spaces that are [-1, 1] already give back the array untouched, bit for
 * bit; else `out` is filled and returned. unit, out: [rows * dim].
 */
export function toNative(space: ActionSpace, unit: Float64Array, out: Float64Array): Float64Array {
  if (space.type === 'discrete' || isUnit(space)) return unit;
  for (let i = 0; i < unit.length; i++) {
    const low = space.low[i % space.dim]!;
    const high = space.high[i % space.dim]!;
    // A component that is no number goes on as it is: the batch refuses it by name.
    const share = (Math.max(-1, Math.min(1, unit[i]!)) + 1) / 2;
    out[i] = low + share * (high - low);
  }
  return out;
}

/** One row in the task's units to [-1, 1], in place. */
export function toUnit(space: ActionSpace, row: Float64Array, offset: number): void {
  if (space.type === 'discrete' || isUnit(space)) return;
  for (let k = 0; k < space.dim; k++) {
    const low = space.low[k]!;
    const high = space.high[k]!;
    row[offset + k] = (2 * (row[offset + k]! - low)) / (high - low) - 1;
  }
}
