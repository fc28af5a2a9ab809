/** What the tasks share: spaces and layouts from one list of names, the drawn scene, small steps of experts. */

import { row, scene } from '../engine/gripper-world.ts';
import { clamp } from '../engine/math.ts';
import type { Body, BoxSpace, StateField } from '../env.ts';
import type { Fields } from '../fields.ts';
import { armBodies, writeArm } from '../robots/arm.ts';

export const controlDt = 0.05;
export const substeps = 10;

/** Success has to last this many control steps before an episode without fixed horizon ends on it. */
export const holdSteps = 5;

/** Fields that every table task has. */
export function tableFields<H extends number>(horizon: H) {
  return {
    horizon: {
      type: 'integer',
      default: horizon,
      min: 1,
      max: 2000,
      unit: 'steps',
      help: 'Control steps after which an episode is cut off',
    },
    fixedHorizon: {
      type: 'boolean',
      default: true,
      help: 'Every episode lasts the whole horizon; off: it ends when success has held or the block is lost',
    },
  } as const satisfies Fields;
}

export const blockFriction = {
  type: 'number',
  default: 0.3,
  min: 0.05,
  max: 1,
  help: 'Friction coefficient between block and table',
} as const;

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
  what: 'block' | 'gripper',
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

export const gripperFields = [
  ['step', 1, 'steps'],
  ['gripperPos', 3, 'm'],
  ['gripperVel', 3, 'm/s'],
  ['opening', 1, 'm'],
  ['openingRate', 1, 'm/s'],
  ['openingTarget', 1, 'm'],
] as const;

export const blockFields = [
  ['blockPos', 3, 'm'],
  ['blockYaw', 2, 'cos, sin'],
  ['blockVel', 3, 'm/s'],
  ['blockSpin', 1, 'rad/s'],
] as const;

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

export const length2 = (x: number, y: number): number => Math.sqrt(x * x + y * y);
export const length3 = (x: number, y: number, z: number): number => Math.sqrt(x * x + y * y + z * z);

/** True where the block has left the table top for good. */
export const blockFell = (state: Float64Array, o: number): boolean => state[o + row.blockPos + 2]! < 0;

/** Speed a metre of error commands, 1/s. */
const gain = 8;

/** Writes the velocity command towards a point, direction kept when it is too far to reach in one step. */
export function commandTowards(
  state: Float64Array,
  o: number,
  x: number,
  y: number,
  z: number,
  out: Float64Array,
  at: number,
): void {
  const k = gain / scene.gripperSpeed;
  writeCommand(
    k * (x - state[o + row.gripperPos]!),
    k * (y - state[o + row.gripperPos + 1]!),
    k * (z - state[o + row.gripperPos + 2]!),
    out,
    at,
  );
}

/** A command scaled back to the unit box, keeping its direction. */
export function writeCommand(x: number, y: number, z: number, out: Float64Array, at: number): void {
  const most = Math.max(1, Math.abs(x), Math.abs(y), Math.abs(z));
  out[at] = x / most;
  out[at + 1] = y / most;
  out[at + 2] = z / most;
}

export interface DrawnScene {
  readonly bodies: readonly Body[];
  poses(state: Float64Array, o: number, out: Float32Array, outAt: number): void;
}

const tableThickness = 0.04;
const legHeight = -scene.floorZ - tableThickness;

/** Bodies that never move, with their middles. */
const furniture: readonly (readonly [Body, readonly [number, number, number]])[] = [
  [{ name: 'floor', shape: { type: 'box', size: [4, 4, 0.02] }, role: 'floor' }, [0, 0, scene.floorZ - 0.01]],
  [
    {
      name: 'table',
      shape: { type: 'box', size: [2 * scene.tableHalf[0], 2 * scene.tableHalf[1], tableThickness] },
      role: 'table',
    },
    [0, 0, -tableThickness / 2],
  ],
  ...[-1, 1].flatMap((x) =>
    [-1, 1].map((y): readonly [Body, readonly [number, number, number]] => [
      {
        name: `leg${x < 0 ? 'Back' : 'Front'}${y < 0 ? 'Right' : 'Left'}`,
        shape: { type: 'box', size: [0.05, 0.05, legHeight] },
        role: 'table',
      },
      [x * (scene.tableHalf[0] - 0.04), y * (scene.tableHalf[1] - 0.04), scene.floorZ + legHeight / 2],
    ]),
  ),
];

/** Table, floor, goal, block (where there is one) and arm. */
export function drawnScene(goalAt: number, goalRadius: number, hasBlock: boolean): DrawnScene {
  const side = 2 * scene.blockHalf;
  const bodies: Body[] = [
    ...furniture.map(([body]) => body),
    { name: 'goal', shape: { type: 'sphere', radius: goalRadius }, role: 'goal' },
    ...(hasBlock
      ? [{ name: 'block', shape: { type: 'box', size: [side, side, side] }, role: 'object' } as const]
      : []),
    ...armBodies,
  ];
  const goalBody = furniture.length;
  const armBody = bodies.length - armBodies.length;
  return {
    bodies,
    poses(state, o, out, outAt) {
      out.fill(0, outAt, outAt + armBody * 7);
      for (let i = 0; i < armBody; i++) out[outAt + i * 7 + 6] = 1;
      for (let i = 0; i < furniture.length; i++) {
        for (let k = 0; k < 3; k++) out[outAt + i * 7 + k] = furniture[i]![1][k]!;
      }
      const g = outAt + goalBody * 7;
      for (let k = 0; k < 3; k++) out[g + k] = state[o + goalAt + k]!;
      if (hasBlock) {
        const b = g + 7;
        for (let k = 0; k < 3; k++) out[b + k] = state[o + row.blockPos + k]!;
        // Half-angle quaternion about z from cos and sin of the yaw, the root with w >= 0.
        const c = state[o + row.blockYaw]!;
        const s = state[o + row.blockYaw + 1]!;
        out[b + 5] = (s < 0 ? -1 : 1) * Math.sqrt(Math.max(0, (1 - c) / 2));
        out[b + 6] = Math.sqrt(Math.max(0, (1 + c) / 2));
      }
      writeArm(
        state[o + row.gripperPos]!,
        state[o + row.gripperPos + 1]!,
        state[o + row.gripperPos + 2]!,
        state[o + row.opening]!,
        out,
        outAt + armBody * 7,
      );
    },
  };
}
