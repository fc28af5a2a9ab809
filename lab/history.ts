/** The last states of a world that diverged, for people and programs that look into it. */

import type { StateField, TaskModel } from '../sim/env.ts';

export interface StateHistory {
  readonly task: string;
  readonly version: number;
  /** What stands where in a state. */
  readonly fields: readonly StateField[];
  /** Control steps done in the first state. */
  readonly firstStep: number;
  /** Oldest first, the broken one last. JSON has no NaN and no infinities: those are texts. */
  readonly states: readonly (readonly (number | string)[])[];
  /** What is wrong with the last state, in words. */
  readonly broken: string;
}

/** Names number `index` of a state: `blockVel[1]`, or `step`. */
function nameOf(fields: readonly StateField[], index: number): string {
  const field = fields.find(({ offset, size }) => index >= offset && index < offset + size);
  if (field === undefined) return `number ${index}`;
  return field.size === 1 ? field.name : `${field.name}[${index - field.offset}]`;
}

/** rows: [states, stateDim], the last one broken. */
export function historyOf(model: TaskModel, rows: readonly Float64Array[], lastStep: number): StateHistory {
  const last = rows.at(-1)!;
  const odd = last.findIndex((value) => !Number.isFinite(value));
  // Where all are finite, the one that is farthest out.
  const guarded = last.subarray(0, model.guardDim ?? model.stateDim);
  const index =
    odd >= 0
      ? odd
      : guarded.reduce(
          (most, value, i) => (i > 1 && Math.abs(value) > Math.abs(guarded[most]!) ? i : most),
          1,
        );
  return {
    task: model.id,
    version: model.version,
    fields: model.stateLayout,
    firstStep: lastStep - rows.length + 1,
    states: rows.map((row) => Array.from(row, (value) => (Number.isFinite(value) ? value : String(value)))),
    broken: `${nameOf(model.stateLayout, index)} is ${last[index]}`,
  };
}
