/**
 * What the drills of the mobile base share. A drill is a task whose written (dense) reward is wrong in a known way, while
 * its sparse reward stays the truth. Its fair twin has the same bodies, dynamics and observations and a written reward that
 * is right; only the setting `twin` tells them apart. `exploit` is what a learner would find: in `wrong` it collects
 * more written reward than the expert without doing the task, in `fair` less.
 */

import { clamp } from '../engine/math.ts';
import { createRandom, type Random } from '../engine/random.ts';
import type { Body, CameraView, GoalFace, RewardTerm, Stage, TaskModel } from '../env.ts';
import type { AnySettings, Fields } from '../fields.ts';
import {
  base,
  baseBodies,
  baseFields,
  baseImpacts,
  collideBase,
  driveBase,
  type Met,
  type Obstacles,
  steerBase,
  wantNoTunnelling,
  writeBase,
} from '../robots/base.ts';
import { boxSpace, clipTo, holdSteps, layoutOf, length2, writeGoal } from './parts.ts';

/** The setting by which the two are told apart; also for drills with other robots. */
export const twinField = {
  type: 'choice',
  default: 'wrong',
  options: ['wrong', 'fair'],
  help: 'Whether the written (dense) reward is wrong in the way of this drill, or right; all else is the same',
} as const;

export function drillFields<H extends number>(horizon: H, difficulty: string) {
  return {
    twin: twinField,
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
      help: 'Every episode lasts the whole horizon; off: it ends when success has held',
    },
    difficulty: { type: 'number', default: 0.5, min: 0, max: 1, help: difficulty },
    distractors: {
      type: 'integer',
      default: 0,
      min: 0,
      max: 4,
      help: 'Discs painted on the floor that are observed and mean nothing',
    },
    occlusion: {
      type: 'number',
      default: 0,
      min: 0,
      max: 1,
      help: 'Shortens the sight: of what is farther away only the direction is observed, from the whole room (0) to 0.3 m (1)',
    },
    randomisation: {
      type: 'number',
      default: 0,
      min: 0,
      max: 1,
      help: 'How far wheel gains (20 %), grip of the floor (50 %) and colour of the walls differ from episode to episode',
    },
  } as const satisfies Fields;
}

export interface DrillSettings {
  readonly twin: string;
  readonly horizon: number;
  readonly fixedHorizon: boolean;
  readonly difficulty: number;
  readonly distractors: number;
  readonly occlusion: number;
  readonly randomisation: number;
}

export const controlDt = 0.1;
const substeps = 4;
const physicsDt = controlDt / substeps;
const gainSpread = 0.2;
const gripLoss = 0.5;
wantNoTunnelling(base, physicsDt, 1 + gainSpread);

/** From the middle of the room to its walls, m. */
export const roomHalf = 2;
const wallHalf = 0.04;
const wallHeight = 0.22;
const diagonal = 2.9 * roomHalf;

/** Offsets of the common numbers of a row; the drill's own begin at `own`, then come the discs on the floor. */
export const drillRow = { base: 1, gains: 7, grip: 9, tint: 10, held: 13, own: 14 } as const;
const at = drillRow.base;

/** Writes the middle of a body of the drill's own, the first being 0. */
export type Put = (index: number, x: number, y: number, z: number) => void;

export interface DrillSpec {
  readonly id: string;
  readonly version: number;
  readonly own: readonly (readonly [name: string, size: number, unit: string])[];
  /** What is observed of the drill's own numbers: name and largest absolute value. */
  readonly components: readonly (readonly [name: string, limit: number])[];
  readonly stages: readonly Stage[];
  readonly success: string;
  readonly dense: readonly RewardTerm[];
  /** Round bodies that stand in the way, besides the walls. */
  readonly posts?: readonly {
    readonly body: string;
    readonly x: number;
    readonly y: number;
    readonly radius: number;
  }[];
  /** Writes start of the base and the drill's own numbers. */
  place(random: Random, state: Float64Array, o: number): void;
  /** True where the base has no power. */
  isOff?(state: Float64Array, o: number): boolean;
  /** What happens in a control step after the base has moved. */
  happen(state: Float64Array, o: number): void;
  /** Writes the components; `see` writes two numbers: how far ahead and to the left of the base a point is. */
  observe(
    state: Float64Array,
    o: number,
    out: Float64Array,
    outAt: number,
    see: (x: number, y: number, to: number) => void,
  ): void;
  isDone(state: Float64Array, o: number): boolean;
  /** In [0, 1] where the task is not done. */
  progress(state: Float64Array, o: number): number;
  stage(state: Float64Array, o: number): number;
  /** The raw dense terms. */
  written(
    state: Float64Array,
    o: number,
    next: Float64Array,
    n: number,
    out: Float64Array,
    outAt: number,
  ): void;
  expert(state: Float64Array, o: number, out: Float64Array, outAt: number): void;
  exploit(state: Float64Array, o: number, out: Float64Array, outAt: number): void;
  readonly goals?: GoalFace;
  readonly bodies: readonly Body[];
  poses(state: Float64Array, o: number, put: Put): void;
  /** Whether a body of the drill's own is lit, where that changes: its colour then, else null. */
  colour?(state: Float64Array, o: number, body: number): readonly [number, number, number] | null;
}

/** Distance of the base from a point. */
export const baseDistance = (state: Float64Array, o: number, x: number, y: number): number =>
  length2(state[o + at]! - x, state[o + at + 1]! - y);

/** Commands that drive to a point and stop there. */
export const driveTo = (
  state: Float64Array,
  o: number,
  x: number,
  y: number,
  out: Float64Array,
  outAt: number,
  stops = true,
): void => {
  steerBase(state, o + at, x, y, stops, base, out, outAt);
  out[outAt] = clamp(out[outAt]!, -1, 1);
  out[outAt + 1] = clamp(out[outAt + 1]!, -1, 1);
};

// A bow round an obstacle is walked in pieces of this angle: cos and sin of 0.7.
const bowCos = 0.764842187284489;
const bowSin = 0.644217687237691;

/** As `driveTo`, round a disc that is to be avoided, unless the point lies in it. */
export function driveAround(
  state: Float64Array,
  o: number,
  x: number,
  y: number,
  cx: number,
  cy: number,
  radius: number,
  out: Float64Array,
  outAt: number,
  stops = true,
): void {
  const px = state[o + at]! - cx;
  const py = state[o + at + 1]! - cy;
  const wx = x - cx - px;
  const wy = y - cy - py;
  const length = wx * wx + wy * wy;
  const t = length > 1e-12 ? clamp(-(px * wx + py * wy) / length, 0, 1) : 0;
  const nearest = length2(px + t * wx, py + t * wy);
  const away = length2(px, py);
  // At t = 0 the way leads off from the start, however near that is.
  if (nearest >= radius || t === 0 || away < 1e-6 || length2(x - cx, y - cy) < radius) {
    driveTo(state, o, x, y, out, outAt, stops);
    return;
  }
  // The side on which the point lies, seen from the middle of the obstacle.
  const side = px * wy - py * wx >= 0 ? bowSin : -bowSin;
  const scale = (1.15 * radius) / away;
  driveTo(
    state,
    o,
    cx + scale * (px * bowCos - py * side),
    cy + scale * (py * bowCos + px * side),
    out,
    outAt,
    false,
  );
}

/** A random point of the room, `margin` from its walls. */
export function pointInRoom(random: Random, margin: number, out: [number, number]): void {
  out[0] = random.uniform(margin - roomHalf, roomHalf - margin);
  out[1] = random.uniform(margin - roomHalf, roomHalf - margin);
}

const wallBoxes = [
  [roomHalf + wallHalf, 0, wallHalf, roomHalf + 2 * wallHalf],
  [-roomHalf - wallHalf, 0, wallHalf, roomHalf + 2 * wallHalf],
  [0, roomHalf + wallHalf, roomHalf, wallHalf],
  [0, -roomHalf - wallHalf, roomHalf, wallHalf],
] as const;

const wallNames = ['East', 'West', 'North', 'South'].map((side) => `wall${side}`);
const wallColour = [0.55, 0.59, 0.66] as const;
/** Floor and walls. */
const room: readonly Body[] = [
  {
    name: 'floor',
    shape: { type: 'box', size: [2 * roomHalf + 1.6, 2 * roomHalf + 1.6, 0.02] },
    role: 'floor',
  },
  ...wallBoxes.map(
    ([, , hx, hy], i): Body => ({
      name: wallNames[i]!,
      shape: { type: 'box', size: [2 * hx, 2 * hy, wallHeight] },
      role: 'wall',
    }),
  ),
];
const robot = baseBodies();
const cameras: readonly CameraView[] = [
  { name: 'front', position: [0, -4.3, 4.2], target: [0, -0.05, 0.1], fieldOfView: 0.75 },
  { name: 'top', position: [0, 0, 6.6], target: [0, 0, 0], fieldOfView: 0.75 },
];
const discRadius = 0.2;

export function drillModel(spec: DrillSpec, settings: AnySettings & DrillSettings): TaskModel {
  const { horizon, fixedHorizon, distractors, randomisation } = settings;
  const sight = 0.3 + (1 - settings.occlusion) * (diagonal - 0.3);
  const stateLayout = layoutOf([
    ['step', 1, 'steps'],
    ...baseFields,
    ['gains', 2, ''],
    ['grip', 1, ''],
    ['tint', 3, 'share'],
    ['held', 1, 'steps'],
    ...spec.own,
    ...Array.from({ length: distractors }, (_, k) => [`disc${k}`, 2, 'm'] as const),
  ]);
  const stateDim = stateLayout.reduce((sum, field) => sum + field.size, 0);
  const discsAt = stateDim - 2 * distractors;

  const observationSpace = boxSpace([
    ['base.x', roomHalf],
    ['base.y', roomHalf],
    ['base.cos', 1.001],
    ['base.sin', 1.001],
    ['base.left', 1.3],
    ['base.right', 1.3],
    ...spec.components,
    ...Array.from({ length: distractors }, (_, k) => seen(`disc${k}`)).flat(),
  ]);
  const actionSpace = boxSpace([
    ['wheels.left', 1],
    ['wheels.right', 1],
  ]);

  const obstacles: Obstacles = {
    boxes: Float64Array.from(wallBoxes.flat()),
    boxCount: wallBoxes.length,
    discs: Float64Array.from((spec.posts ?? []).flatMap(({ x, y, radius }) => [x, y, radius])),
    discCount: spec.posts?.length ?? 0,
  };
  const obstacleNames = [...wallNames, ...(spec.posts ?? []).map(({ body }) => body)];

  const bodies: readonly Body[] = [
    ...room,
    ...robot,
    ...spec.bodies,
    ...Array.from(
      { length: distractors },
      (_, k): Body => ({
        name: `disc${k}`,
        shape: { type: 'cylinder', radius: discRadius, length: 0.006 },
        role: 'distractor',
      }),
    ),
  ];
  const robotBody = room.length;
  const ownBody = robotBody + robot.length;
  const discBody = ownBody + spec.bodies.length;
  const hasColours = randomisation > 0 || spec.colour !== undefined;

  /** Whose eyes `see` looks through; set anew by every observation, so that `see` is made once. */
  const eye: { state: Float64Array; o: number; out: Float64Array } = {
    state: new Float64Array(0),
    o: 0,
    out: new Float64Array(0),
  };
  const see = (x: number, y: number, to: number): void => {
    const { state, o, out } = eye;
    const dx = x - state[o + at]!;
    const dy = y - state[o + at + 1]!;
    const c = state[o + at + 2]!;
    const s = state[o + at + 3]!;
    const distance = length2(dx, dy);
    const scale = distance > sight ? sight / distance : 1;
    out[to] = scale * (dx * c + dy * s);
    out[to + 1] = scale * (dy * c - dx * s);
  };

  function advance(
    states: Float64Array,
    actions: Float64Array,
    first: number,
    count: number,
    met: Met | null = null,
  ): void {
    for (let world = first; world < first + count; world++) {
      const o = world * stateDim;
      const power = spec.isOff?.(states, o) ? 0 : 1;
      const left = power * clamp(actions[2 * world]!, -1, 1) * states[o + drillRow.gains]!;
      const right = power * clamp(actions[2 * world + 1]!, -1, 1) * states[o + drillRow.gains + 1]!;
      const grip = states[o + drillRow.grip]!;
      for (let k = 0; k < substeps; k++) {
        driveBase(states, o + at, left, right, base, physicsDt, grip);
        collideBase(states, o + at, base.radius, obstacles, physicsDt, met);
      }
      states[o]! += 1;
      spec.happen(states, o);
      states[o + drillRow.held] = spec.isDone(states, o) ? states[o + drillRow.held]! + 1 : 0;
    }
  }

  return {
    id: spec.id,
    version: spec.version,
    settings,
    controlDt,
    substeps,
    horizon,
    stateDim,
    stateLayout,
    observationSpace,
    actionSpace,
    stages: spec.stages,
    rewardTerms: [{ id: 'success', kind: 'sparse', weight: 1, help: spec.success }, ...spec.dense],
    bodies,
    ...(spec.goals && { goals: spec.goals }),

    reset(seed, state, o) {
      const random = createRandom(seed);
      state.fill(0, o, o + stateDim);
      // Drawn whatever the settings are, so that these do not move the starts.
      for (let k = 0; k < 2; k++) {
        state[o + drillRow.gains + k] = 1 + randomisation * random.uniform(-gainSpread, gainSpread);
      }
      state[o + drillRow.grip] = 1 - randomisation * random.uniform(0, gripLoss);
      for (let k = 0; k < 3; k++) state[o + drillRow.tint + k] = random.uniform();
      spec.place(random, state, o);
      for (let k = 0; k < 2 * distractors; k++) {
        state[o + discsAt + k] = random.uniform(discRadius - roomHalf, roomHalf - discRadius);
      }
    },

    advance: (states, actions, first, count) => advance(states, actions, first, count),

    impacts(state, o, action, a) {
      const row = state.slice(o, o + stateDim);
      const nameOf = (thing: number): string => obstacleNames[thing]!;
      return baseImpacts(row, at, base.radius, controlDt, nameOf, (met) =>
        advance(row, action.slice(a, a + 2), 0, 1, met),
      );
    },

    observe(state, o, out, outAt) {
      eye.state = state;
      eye.o = o;
      eye.out = out;
      for (let k = 0; k < 6; k++) out[outAt + k] = state[o + at + k]!;
      spec.observe(state, o, out, outAt + 6, see);
      const discs = outAt + observationSpace.dim - 2 * distractors;
      for (let k = 0; k < distractors; k++) {
        see(state[o + discsAt + 2 * k]!, state[o + discsAt + 2 * k + 1]!, discs + 2 * k);
      }
      clipTo(observationSpace, out, outAt);
    },

    success: spec.isDone,
    stage: (state, o) => (spec.isDone(state, o) ? spec.stages.length - 1 : spec.stage(state, o)),
    progress: (state, o) => (spec.isDone(state, o) ? 1 : clamp(spec.progress(state, o), 0, 0.99)),
    terminal: (state, o) => !fixedHorizon && state[o + drillRow.held]! >= holdSteps,

    reward(state, o, _action, _a, next, n, out, outAt) {
      out[outAt] = spec.isDone(next, n) ? 1 : 0;
      spec.written(state, o, next, n, out, outAt + 1);
    },

    expert: spec.expert,
    exploit: spec.exploit,

    cameras,

    poses(state, o, out, outAt) {
      out.fill(0, outAt, outAt + 7 * bodies.length);
      for (let b = 0; b < bodies.length; b++) out[outAt + 7 * b + 6] = 1;
      const put: Put = (index, x, y, z) => {
        const p = outAt + 7 * (ownBody + index);
        out[p] = x;
        out[p + 1] = y;
        out[p + 2] = z;
      };
      out[outAt + 2] = -0.01;
      for (let i = 0; i < wallBoxes.length; i++) {
        const p = outAt + 7 * (1 + i);
        out[p] = wallBoxes[i]![0];
        out[p + 1] = wallBoxes[i]![1];
        out[p + 2] = wallHeight / 2;
      }
      writeBase(
        state[o + at]!,
        state[o + at + 1]!,
        state[o + at + 2]!,
        state[o + at + 3]!,
        base,
        out,
        outAt + 7 * robotBody,
      );
      spec.poses(state, o, put);
      for (let k = 0; k < distractors; k++) {
        put(discBody - ownBody + k, state[o + discsAt + 2 * k]!, state[o + discsAt + 2 * k + 1]!, 0.003);
      }
    },

    ...(hasColours && {
      colours(state: Float64Array, o: number, out: Float32Array, outAt: number): void {
        out.fill(Number.NaN, outAt, outAt + 3 * bodies.length);
        for (let i = 0; randomisation > 0 && i < wallBoxes.length; i++) {
          for (let k = 0; k < 3; k++) {
            const own = wallColour[k]!;
            out[outAt + 3 * (1 + i) + k] = own + randomisation * (state[o + drillRow.tint + k]! - own);
          }
        }
        for (let b = 0; spec.colour && b < spec.bodies.length; b++) {
          const lit = spec.colour(state, o, b);
          for (let k = 0; lit && k < 3; k++) out[outAt + 3 * (ownBody + b) + k] = lit[k]!;
        }
      },
    }),
  };
}

/** The two components of a point that is seen: how far ahead of the base and how far to its left. */
export const seen = (name: string): (readonly [name: string, limit: number])[] => [
  [`${name}.ahead`, diagonal],
  [`${name}.left`, diagonal],
];

/**
 * The goal-conditioned face of drills in which the base has to stand within a radius of a point. `companion`: where a point
 * lies in the row that moves with the goal.
 */
export const placeGoal = (goalAt: number, radius: number, companion?: number): GoalFace => ({
  dim: 2,
  names: ['base.x', 'base.y'],
  achieved(state, o, out, outAt) {
    out[outAt] = state[o + at]!;
    out[outAt + 1] = state[o + at + 1]!;
  },
  desired(state, o, out, outAt) {
    out[outAt] = state[o + goalAt]!;
    out[outAt + 1] = state[o + goalAt + 1]!;
  },
  setDesired(wanted, from, state, o) {
    const x = state[o + goalAt]!;
    const y = state[o + goalAt + 1]!;
    if (!writeGoal(wanted, from, 2, state, o + goalAt)) return;
    if (companion !== undefined) {
      state[o + companion]! += wanted[from]! - x;
      state[o + companion + 1]! += wanted[from + 1]! - y;
    }
    const distance = length2(wanted[from]! - state[o + at]!, wanted[from + 1]! - state[o + at + 1]!);
    state[o + drillRow.held] = distance < radius ? 1 : 0;
  },
  computeReward: (achieved, a, desired, d) =>
    length2(desired[d]! - achieved[a]!, desired[d + 1]! - achieved[a + 1]!) < radius ? 1 : 0,
});

export const flatDisc = (
  name: string,
  role: Body['role'],
  radius: number,
  colour?: readonly [number, number, number],
  length = 0.01,
): Body => ({ name, shape: { type: 'cylinder', radius, length }, role, ...(colour && { colour }) });
