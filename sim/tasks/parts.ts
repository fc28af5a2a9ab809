/** What the tasks share: spaces and layouts from one list of names, goals that must lie away, small steps of experts. */

import { clamp } from '../engine/math.ts';
import type { BoxSpace, StateField } from '../env.ts';
import { hand } from '../robots/hand.ts';

/** Success has to last this many control steps before an episode without fixed horizon ends on it. */
export const holdSteps = 5;

export function goalRadiusField(radius: number) {
  return {
    type: 'number',
    default: radius,
    min: 0.005,
    max: 0.2,
    unit: 'm',
    help: 'Success means nearer to the goal than this',
  } as const;
}

/** @throws RangeError when `low` exceeds `high`. */
function wantOrdered(task: string, lowName: string, low: number, highName: string, high: number): void {
  if (low > high) {
    throw new RangeError(`${task}: ${lowName} is ${low}, wanted at most ${highName} (${high})`);
  }
}

/**
 * The goal starts off between two distances in metres, and outside its own radius.
 * @throws RangeError naming the setting that makes this impossible.
 */
export function wantGoalAway(
  task: string,
  what: 'block' | 'puck' | 'gripper',
  settings: {
    readonly goalRadius: number;
    readonly goalDistanceMin: number;
    readonly goalDistanceMax: number;
  },
): void {
  const { goalRadius, goalDistanceMin, goalDistanceMax } = settings;
  wantOrdered(task, 'goalDistanceMin', goalDistanceMin, 'goalDistanceMax', goalDistanceMax);
  if (goalRadius >= goalDistanceMin) {
    throw new RangeError(
      `${task}: goalRadius is ${goalRadius}, wanted less than goalDistanceMin (${goalDistanceMin}), or the ${what} starts at the goal`,
    );
  }
}

/** One line a component: name, then the largest absolute value the space admits. */
export function boxSpace(components: readonly (readonly [name: string, limit: number])[]): BoxSpace {
  return {
    type: 'box',
    dim: components.length,
    low: Float64Array.from(components, ([, limit]) => -limit),
    high: Float64Array.from(components, ([, limit]) => limit),
    names: components.map(([name]) => name),
  };
}

export const xyz = (name: string, limit: number): (readonly [string, number])[] =>
  ['x', 'y', 'z'].map((axis) => [`${name}.${axis}`, limit] as const);

/** Offsets follow from the order. */
export function layoutOf(
  fields: readonly (readonly [name: string, size: number, unit: string])[],
): StateField[] {
  let offset = 0;
  return fields.map(([name, size, unit]) => {
    const field = { name, offset, size, unit };
    offset += size;
    return field;
  });
}

/** Clips a finished observation to its space, so that the space's promise holds whatever happens. */
export function clipTo(space: BoxSpace, out: Float64Array, offset: number): void {
  for (let i = 0; i < space.dim; i++) {
    out[offset + i] = clamp(out[offset + i]!, space.low[i]!, space.high[i]!);
  }
}

export const copy3 = (from: Float64Array, at: number, to: Float64Array, toAt: number): void => {
  to[toAt] = from[at]!;
  to[toAt + 1] = from[at + 1]!;
  to[toAt + 2] = from[at + 2]!;
};

/** to = a - b, three numbers each. */
export const difference3 = (
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
  to: Float64Array,
  toAt: number,
): void => {
  to[toAt] = a[aAt]! - b[bAt]!;
  to[toAt + 1] = a[aAt + 1]! - b[bAt + 1]!;
  to[toAt + 2] = a[aAt + 2]! - b[bAt + 2]!;
};

/** Writes `size` numbers of a goal into a row, from `at` on. False where they stood there already. */
export function writeGoal(
  goal: Float64Array,
  goalAt: number,
  size: number,
  state: Float64Array,
  at: number,
): boolean {
  let isOther = false;
  for (let k = 0; k < size; k++) {
    isOther ||= state[at + k] !== goal[goalAt + k];
    state[at + k] = goal[goalAt + k]!;
  }
  return isOther;
}

export const length2 = (x: number, y: number): number => Math.sqrt(x * x + y * y);
export const length3 = (x: number, y: number, z: number): number => Math.sqrt(x * x + y * y + z * z);

/** Speed a metre of error commands, 1/s. */
const gain = 8;

/**
 * Writes the hand's velocity command towards a point, direction kept when it is too far to reach in one step.
 * `pos`: where the tool's position is.
 */
export function moveTowards(
  state: Float64Array,
  pos: number,
  x: number,
  y: number,
  z: number,
  out: Float64Array,
  at: number,
): void {
  const k = gain / hand.speed;
  writeCommand(k * (x - state[pos]!), k * (y - state[pos + 1]!), k * (z - state[pos + 2]!), out, at);
}

/** A command scaled back to the unit box, keeping its direction. */
export function writeCommand(x: number, y: number, z: number, out: Float64Array, at: number): void {
  const most = Math.max(1, Math.abs(x), Math.abs(y), Math.abs(z));
  out[at] = x / most;
  out[at + 1] = y / most;
  out[at + 2] = z / most;
}
