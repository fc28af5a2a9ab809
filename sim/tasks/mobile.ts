/**
 * What the tasks of the mobile base share: a floor plan of walled cells, a differential drive with lidar in it, and the
 * options that hide, disturb and vary. A row holds the common numbers, then one a cell of the plan, then the task's own.
 */

import {
  createPlan,
  type Direction,
  type FloorPlan,
  firstTaskBit,
  isWalled,
  neighbour,
  sideX,
  sideY,
} from '../engine/floor-plan.ts';
import { clamp, cos, sin } from '../engine/math.ts';
import { mixSeed, type Random } from '../engine/random.ts';
import type { Body, BoxSpace, CameraView, Contact, LidarFace, RewardTerm } from '../env.ts';
import type { Fields } from '../fields.ts';
import {
  base,
  baseBodies,
  baseFields,
  baseImpacts,
  baseRow,
  collideWithPlan,
  driveBase,
  lidarInPlan,
  lidarRays,
  lidarZ,
  type Met,
  placeBase,
  steerBase,
  wantNoTunnelling,
  writeBase,
} from '../robots/base.ts';

export const controlDt = 0.1;
export const substeps = 4;
const physicsDt = controlDt / substeps;
/** Success has to last this many control steps before an episode without fixed horizon ends on it. */
export const holdSteps = 5;

/** With `randomisation` 1: gains of the wheels, grip of the floor and radius of the base vary by at most these shares. */
const gainSpread = 0.2;
const gripLoss = 0.5;
const radiusSpread = 0.15;
wantNoTunnelling(base, physicsDt, 1 + gainSpread);

/** Half the thickness of every wall. */
export const wallHalf = 0.03;
/** The narrowest cell through which the widest base fits. */
export const narrowestCell = 0.45;

/** @param map what the observation holds beside the base, its lidar and the goal */
export function mobileFields<H extends number>(horizon: H, difficulty: string, map: string) {
  return {
    horizon: {
      type: 'integer',
      default: horizon,
      min: 1,
      max: 5000,
      unit: 'steps',
      help: 'Control steps after which an episode is cut off',
    },
    fixedHorizon: {
      type: 'boolean',
      default: true,
      help: 'Every episode lasts the whole horizon; off: it ends when success has held',
    },
    difficulty: { type: 'number', default: 0.5, min: 0, max: 1, help: difficulty },
    rays: { type: 'integer', default: 16, min: 4, max: 64, help: 'Rays of the lidar, evenly all round' },
    lidarRange: {
      type: 'number',
      default: 3,
      min: 0.3,
      max: 10,
      unit: 'm',
      help: 'What is farther away than this the lidar reads as this',
    },
    occlusion: {
      type: 'number',
      default: 0,
      min: 0,
      max: 1,
      help: 'Share of the lidar rays that are lost, others at every step; they read the full range',
    },
    map: { type: 'boolean', default: true, help: map },
    distractors: {
      type: 'integer',
      default: 0,
      min: 0,
      max: 4,
      help: 'Balloons that drift over the walls, seen in pictures and observation but out of reach',
    },
    randomisation: {
      type: 'number',
      default: 0,
      min: 0,
      max: 1,
      help: 'How far wheel gains (20 %), grip (50 %), radius of the base (15 %) and colour of walls differ from episode to episode',
    },
  } as const satisfies Fields;
}

export interface MobileSettings {
  readonly horizon: number;
  readonly fixedHorizon: boolean;
  readonly rays: number;
  readonly lidarRange: number;
  readonly occlusion: number;
  readonly distractors: number;
  readonly randomisation: number;
}

/** Offsets of the common numbers. */
export const mobileRow = {
  base: 1,
  gains: 7,
  grip: 9,
  radius: 10,
  tint: 11,
  noise: 14,
  held: 16,
  distractors: 17,
} as const;

/** One line a component: name, lowest, highest. */
export type Component = readonly [name: string, low: number, high: number];

export function spaceOf(components: readonly Component[]): BoxSpace {
  return {
    type: 'box',
    dim: components.length,
    low: Float64Array.from(components, ([, low]) => low),
    high: Float64Array.from(components, ([, , high]) => high),
    names: components.map(([name]) => name),
  };
}

export const successTerm = (help: string): RewardTerm => ({ id: 'success', kind: 'sparse', weight: 1, help });

// Task's bits of a cell's number.
/** The side to the east, or to the north, is a doorway with a gate: closed while the wall is there. */
export const gateEast = 1 << firstTaskBit;
export const gateNorth = 2 << firstTaskBit;
/** A block of furniture fills the cell. */
export const solid = 4 << firstTaskBit;
/** Name of a block of furniture; they are counted from 1 in the order of their cells. */
export const furnitureName = (n: number): string => `box${n}`;
/** Free for the task's use. */
export const ownBit = 8 << firstTaskBit;

export const wallHeight = 0.25;
const gateHeight = 0.22;
const frameHeight = 0.52;
/** Balloons drift at these heights, clear of gates and screens. */
const balloonZ = 1.2;
const balloonRadius = 0.12;
const balloonSpeed = 0.4;

// The stream of random numbers in a row: a full-period congruential generator of 26 bits, kept as two numbers of 13.
const half13 = 8192;
const mask26 = 0x3ffffff;
const streamOf = (state: Float64Array, o: number): number =>
  state[o + mobileRow.noise]! * half13 + state[o + mobileRow.noise + 1]!;

/** Advances the row's stream and returns an unsigned 32-bit seed for what is drawn next. */
export function nextNoise(state: Float64Array, o: number): number {
  const next = (Math.imul(streamOf(state, o), 1664525) + 1013904223) & mask26;
  state[o + mobileRow.noise] = next >>> 13;
  state[o + mobileRow.noise + 1] = next & (half13 - 1);
  return mixSeed(next, 1);
}

/** The named number `index` of a seed, uniform in [0, 1). */
export const noiseOf = (seed: number, index: number): number => mixSeed(seed, index) / 2 ** 32;

export interface Mobile {
  readonly plan: FloorPlan;
  /** Where the numbers of the plan's cells begin in a row, and where the task's own do. */
  readonly cells: number;
  readonly end: number;
  /** For the layout of a state row, up to `end`. */
  readonly fields: readonly (readonly [name: string, size: number, unit: string])[];
  /** Observed of base, lidar and balloons. */
  readonly components: readonly Component[];
  /** Writes the common numbers of an episode; cells stay as they are. */
  reset(random: Random, state: Float64Array, o: number, x: number, y: number, yaw: number): void;
  /** One control step of base and balloons; counts the step. */
  advance(state: Float64Array, o: number, left: number, right: number): void;
  /** An expert's commands that drive to a point, see `steerBase`; it knows grip and the gains of its wheels. */
  steer(
    state: Float64Array,
    o: number,
    x: number,
    y: number,
    stops: boolean,
    out: Float64Array,
    at: number,
  ): void;
  /** To be called last in a control step. */
  countHeld(state: Float64Array, o: number, isSuccess: boolean): void;
  hasHeld(state: Float64Array, o: number): boolean;
  /** @returns where the task's own numbers go on */
  observe(state: Float64Array, o: number, out: Float64Array, at: number): number;
  readonly cameras: readonly CameraView[];
  /** Floor, walls, gates, balloons, base; the task's own bodies follow them. */
  readonly bodies: readonly Body[];
  poses(state: Float64Array, o: number, out: Float32Array, at: number): void;
  readonly lidar: LidarFace;
  /** As `TaskModel.impacts`: what the base ran into; the action begins with the commands of the two wheels. */
  impacts(state: Float64Array, o: number, action: Float64Array, a: number): Contact[];
  /** Colours of the walls; NaN for the rest of `count` bodies. */
  colours(state: Float64Array, o: number, out: Float32Array, at: number, count: number): void;
}

/** What a task says of its plan: how many walls inside (of cells' sides, without gates) and gates it ever has. */
export interface PlanWish {
  readonly columns: number;
  readonly rows: number;
  readonly cell: number;
  readonly innerWalls: number;
  readonly gates: number;
}

export const boxBody = (
  name: string,
  role: Body['role'],
  size: readonly [x: number, y: number, z: number],
): Body => ({ name, shape: { type: 'box', size }, role });

export const cylinderBody = (name: string, role: Body['role'], radius: number, length: number): Body => ({
  name,
  shape: { type: 'cylinder', radius, length },
  role,
});

/** Writes the pose of body number `index`; `isAcross`: turned a quarter about z. */
export function putBody(
  out: Float32Array,
  at: number,
  index: number,
  x: number,
  y: number,
  z: number,
  isAcross = false,
): void {
  const p = at + 7 * index;
  out[p] = x;
  out[p + 1] = y;
  out[p + 2] = z;
  out[p + 3] = 0;
  out[p + 4] = 0;
  out[p + 5] = isAcross ? Math.SQRT1_2 : 0;
  out[p + 6] = isAcross ? Math.SQRT1_2 : 1;
}

/** A point in the base's frame: ahead and to the left. */
export function writeRelative(
  state: Float64Array,
  o: number,
  x: number,
  y: number,
  out: Float64Array,
  at: number,
): void {
  const b = o + mobileRow.base;
  const dx = x - state[b]!;
  const dy = y - state[b + 1]!;
  const c = state[b + 2]!;
  const s = state[b + 3]!;
  out[at] = c * dx + s * dy;
  out[at + 1] = c * dy - s * dx;
}

/** The whole plan from three sides, and what the base sees over its lidar. */
function camerasOf(width: number, depth: number): readonly CameraView[] {
  const fieldOfView = 0.8;
  const size = Math.max(width, depth) + 0.3;
  const target = [0, 0, 0] as const;
  return [
    { name: 'front', position: [0, -0.85 * size, 1.15 * size], target, fieldOfView },
    { name: 'side', position: [0.85 * size, 0, 1.15 * size], target, fieldOfView },
    { name: 'top', position: [0, 0, 1.3 * size], target, fieldOfView },
    { name: 'wrist', body: 'chassis', position: [0, 0, 0.13], target: [1, 0, -0.05], fieldOfView: 1.2 },
  ];
}

export function createMobile(settings: MobileSettings, wish: PlanWish): Mobile {
  const { columns, rows, cell, innerWalls, gates } = wish;
  const { lidarRange, occlusion, distractors, randomisation } = settings;
  const plan = createPlan(columns, rows, cell, wallHalf);
  const rays = lidarRays(settings.rays);
  const cells = mobileRow.distractors + 4 * distractors;
  const end = cells + plan.count;
  const halfX = (columns * cell) / 2;
  const halfY = (rows * cell) / 2;
  const { base: baseAt } = mobileRow;

  const long = (side: number): number => side + 2 * wallHalf;
  const wallBody = (name: string, length: number): Body =>
    boxBody(name, 'wall', [length, 2 * wallHalf, wallHeight]);
  const numbered = <T>(count: number, make: (n: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i + 1));
  const post = wallHeight + 0.03;
  const bodies: readonly Body[] = [
    boxBody('floor', 'floor', [2 * halfX + 0.6, 2 * halfY + 0.6, 0.02]),
    wallBody('wallSouth', long(2 * halfX)),
    wallBody('wallNorth', long(2 * halfX)),
    wallBody('wallWest', long(2 * halfY)),
    wallBody('wallEast', long(2 * halfY)),
    ...['SouthWest', 'SouthEast', 'NorthWest', 'NorthEast'].map((corner) =>
      boxBody(`post${corner}`, 'wall', [0.09, 0.09, post]),
    ),
    ...numbered(innerWalls, (n) => wallBody(`wall${n}`, long(cell))),
    ...numbered(gates, (n) => [
      boxBody(`gate${n}`, 'fixture', [cell - 2 * wallHalf, 1.4 * wallHalf, gateHeight]),
      boxBody(`gate${n}PostA`, 'joint', [0.08, 0.08, frameHeight]),
      boxBody(`gate${n}PostB`, 'joint', [0.08, 0.08, frameHeight]),
    ]).flat(),
    ...numbered(
      distractors,
      (n): Body => ({
        name: `balloon${n}`,
        shape: { type: 'sphere', radius: balloonRadius },
        role: 'distractor',
      }),
    ),
    ...baseBodies(),
  ];
  const firstWall = 9;
  const firstGate = firstWall + innerWalls;
  const firstBalloon = firstGate + 3 * gates;
  const firstBase = firstBalloon + distractors;

  const distances = new Float64Array(rays.length / 2);
  /** Distances of all rays; some are lost, others at every step. */
  function readLidar(state: Float64Array, o: number, out: Float64Array, first: number): void {
    lidarInPlan(state, o + baseAt, rays, lidarRange, plan, o + cells, out, first);
    if (occlusion === 0) return;
    const seed = streamOf(state, o);
    for (let k = 0; k < distances.length; k++) {
      if (noiseOf(seed, 100 + k) < occlusion) out[first + k] = lidarRange;
    }
  }

  /**
   * Goes through the walls and gates inside, cell by cell, as the index of their (first) body and the side they stand on.
   * @returns the index of the first wall that this episode has no use for
   */
  function eachWall(
    state: Float64Array,
    o: number,
    visit: (body: number, cell: number, d: 0 | 1, isClosed: boolean) => void,
  ): number {
    let wall = firstWall;
    let gate = firstGate;
    for (let c = 0; c < plan.count; c++) {
      const code = state[o + cells + c]!;
      for (const d of [0, 1] as const) {
        const other = neighbour(plan, c, d);
        if (other < 0) continue;
        const isClosed = (code & (1 << d)) !== 0;
        if ((code & (d === 0 ? gateEast : gateNorth)) !== 0) {
          visit(gate, c, d, isClosed);
          gate += 3;
        } else if (isClosed && ((code | state[o + cells + other]!) & solid) === 0) {
          visit(wall++, c, d, true);
        }
      }
    }
    return wall;
  }

  function placeWalls(state: Float64Array, o: number, out: Float32Array, at: number): void {
    let wall = eachWall(state, o, (body, c, d, isClosed) => {
      const x = sideX(plan, c, d);
      const y = sideY(plan, c, d);
      if (body < firstGate) {
        putBody(out, at, body, x, y, wallHeight / 2, d === 0);
        return;
      }
      // An open gate hangs between its posts, above the base.
      putBody(out, at, body, x, y, isClosed ? gateHeight / 2 : frameHeight - gateHeight / 2, d === 0);
      const h = cell / 2;
      putBody(out, at, body + 1, x - (d === 0 ? 0 : h), y - (d === 0 ? h : 0), frameHeight / 2);
      putBody(out, at, body + 2, x + (d === 0 ? 0 : h), y + (d === 0 ? h : 0), frameHeight / 2);
    });
    // Walls that this episode has no use for are inside the one in the south.
    for (; wall < firstGate; wall++) putBody(out, at, wall, 0, -halfY, wallHeight / 2 - 0.002);
  }

  /** Name of what stands on a side of a cell that is open itself. */
  function nameOfSide(state: Float64Array, o: number, c: number, d: Direction): string {
    const other = neighbour(plan, c, d);
    if (other < 0) return `wall${(['East', 'North', 'West', 'South'] as const)[d]}`;
    if ((state[o + cells + other]! & solid) !== 0) {
      let n = 1;
      for (let k = 0; k < other; k++) if ((state[o + cells + k]! & solid) !== 0) n++;
      return furnitureName(n);
    }
    // Sides belong to the cell to their west or south.
    const owner = d < 2 ? c : other;
    let found = 0;
    eachWall(state, o, (body, at, way) => {
      if (at === owner && way === d % 2) found = body;
    });
    return bodies[found]!.name;
  }

  /** Name of a thing of `collideWithPlan`; a post is the end of a neighbour's wall. */
  function nameOfThing(state: Float64Array, o: number, thing: number): string {
    const c = Math.floor(thing / 8);
    const place = thing % 8;
    if (place < 4) return nameOfSide(state, o, c, place as Direction);
    const d = (place - 4) as Direction;
    const e = ((d + 1) % 4) as Direction;
    const beside = neighbour(plan, c, d);
    return isWalled(state, o + cells, beside, e)
      ? nameOfSide(state, o, beside, e)
      : nameOfSide(state, o, neighbour(plan, c, e), d);
  }

  function advance(
    state: Float64Array,
    o: number,
    left: number,
    right: number,
    met: Met | null = null,
  ): void {
    const b = o + baseAt;
    const l = clamp(left, -1, 1) * state[o + mobileRow.gains]!;
    const r = clamp(right, -1, 1) * state[o + mobileRow.gains + 1]!;
    const grip = state[o + mobileRow.grip]!;
    const radius = state[o + mobileRow.radius]!;
    for (let k = 0; k < substeps; k++) {
      driveBase(state, b, l, r, base, physicsDt, grip);
      collideWithPlan(state, b, radius, plan, o + cells, physicsDt, met);
    }
    for (let d = o + mobileRow.distractors; d < o + cells; d += 4) {
      for (let k = 0; k < 2; k++) {
        const most = k === 0 ? halfX : halfY;
        const next = state[d + k]! + controlDt * state[d + 2 + k]!;
        if (Math.abs(next) > most) state[d + 2 + k] = -state[d + 2 + k]!;
        else state[d + k] = next;
      }
    }
    if (occlusion > 0) nextNoise(state, o);
    state[o]! += 1;
  }

  return {
    plan,
    cells,
    end,
    bodies,
    cameras: camerasOf(2 * halfX, 2 * halfY),
    fields: [
      ['step', 1, 'steps'],
      ...baseFields,
      ['wheelGain', 2, ''],
      ['grip', 1, ''],
      ['radius', 1, 'm'],
      ['tint', 3, 'r g b'],
      ['noise', 2, ''],
      ['held', 1, 'steps'],
      ...numbered(distractors, (n) => [`balloon${n}`, 4, 'm, m/s'] as const),
      ['cells', plan.count, 'bits'],
    ],
    components: [
      ['basePos.x', -halfX, halfX],
      ['basePos.y', -halfY, halfY],
      ['baseYaw.cos', -1, 1],
      ['baseYaw.sin', -1, 1],
      ['wheelSpeed.left', -2, 2],
      ['wheelSpeed.right', -2, 2],
      ...numbered(settings.rays, (n): Component => [`lidar${n}`, 0, lidarRange]),
      ...numbered(distractors, (n): Component[] => [
        [`balloon${n}Pos.x`, -halfX, halfX],
        [`balloon${n}Pos.y`, -halfY, halfY],
        [`balloon${n}Vel.x`, -1, 1],
        [`balloon${n}Vel.y`, -1, 1],
      ]).flat(),
    ],

    reset(random, state, o, x, y, yaw) {
      state.fill(0, o, o + cells);
      placeBase(state, o + baseAt, x, y, yaw);
      const vary = (spread: number): number => 1 + randomisation * random.uniform(-spread, spread);
      state[o + mobileRow.gains] = vary(gainSpread);
      state[o + mobileRow.gains + 1] = vary(gainSpread);
      state[o + mobileRow.grip] = 1 - randomisation * random.uniform(0, gripLoss);
      state[o + mobileRow.radius] = base.radius * vary(radiusSpread);
      for (let k = 0; k < 3; k++) state[o + mobileRow.tint + k] = 0.66 * vary(0.5);
      state[o + mobileRow.noise] = random.integer(half13);
      state[o + mobileRow.noise + 1] = random.integer(half13);
      for (let k = 0; k < distractors; k++) {
        const d = o + mobileRow.distractors + 4 * k;
        const way = random.uniform(-Math.PI, Math.PI);
        state[d] = random.uniform(-halfX, halfX);
        state[d + 1] = random.uniform(-halfY, halfY);
        state[d + 2] = balloonSpeed * cos(way);
        state[d + 3] = balloonSpeed * sin(way);
      }
    },

    advance: (state, o, left, right) => advance(state, o, left, right),

    steer(state, o, x, y, stops, out, at) {
      steerBase(state, o + baseAt, x, y, stops, base, out, at, state[o + mobileRow.grip]!);
      const left = out[at]! / state[o + mobileRow.gains]!;
      const right = out[at + 1]! / state[o + mobileRow.gains + 1]!;
      const most = Math.max(1, Math.abs(left), Math.abs(right));
      out[at] = left / most;
      out[at + 1] = right / most;
    },

    countHeld(state, o, isSuccess) {
      state[o + mobileRow.held] = isSuccess ? state[o + mobileRow.held]! + 1 : 0;
    },
    hasHeld: (state, o) => state[o + mobileRow.held]! >= holdSteps,

    observe(state, o, out, at) {
      for (let i = 0; i < baseRow.size; i++) out[at + i] = state[o + baseAt + i]!;
      const first = at + baseRow.size;
      const lidarEnd = first + rays.length / 2;
      readLidar(state, o, out, first);
      for (let i = 0; i < 4 * distractors; i++) out[lidarEnd + i] = state[o + mobileRow.distractors + i]!;
      return lidarEnd + 4 * distractors;
    },

    lidar: {
      rays: rays.length / 2,
      cast(state, o, out, at) {
        readLidar(state, o, distances, 0);
        const b = o + baseAt;
        const x = state[b]!;
        const y = state[b + 1]!;
        const c = state[b + 2]!;
        const s = state[b + 3]!;
        out[at] = x;
        out[at + 1] = y;
        out[at + 2] = lidarZ;
        for (let k = 0; k < distances.length; k++) {
          const to = at + 3 + 3 * k;
          out[to] = x + distances[k]! * (c * rays[2 * k]! - s * rays[2 * k + 1]!);
          out[to + 1] = y + distances[k]! * (s * rays[2 * k]! + c * rays[2 * k + 1]!);
          out[to + 2] = lidarZ;
        }
      },
    },

    impacts(state, o, action, a) {
      const row = state.slice(o, o + end);
      const nameOf = (thing: number): string => nameOfThing(row, 0, thing);
      return baseImpacts(row, baseAt, row[mobileRow.radius]!, controlDt, nameOf, (met) =>
        advance(row, 0, action[a]!, action[a + 1]!, met),
      );
    },

    poses(state, o, out, at) {
      putBody(out, at, 0, 0, 0, -0.01);
      putBody(out, at, 1, 0, -halfY, wallHeight / 2);
      putBody(out, at, 2, 0, halfY, wallHeight / 2);
      putBody(out, at, 3, -halfX, 0, wallHeight / 2, true);
      putBody(out, at, 4, halfX, 0, wallHeight / 2, true);
      for (let k = 0; k < 4; k++) {
        putBody(out, at, 5 + k, k % 2 === 0 ? -halfX : halfX, k < 2 ? -halfY : halfY, post / 2);
      }
      placeWalls(state, o, out, at);
      for (let k = 0; k < distractors; k++) {
        const d = o + mobileRow.distractors + 4 * k;
        putBody(out, at, firstBalloon + k, state[d]!, state[d + 1]!, balloonZ);
      }
      const b = o + baseAt;
      writeBase(state[b]!, state[b + 1]!, state[b + 2]!, state[b + 3]!, base, out, at + 7 * firstBase);
    },

    colours(state, o, out, at, count) {
      out.fill(Number.NaN, at, at + 3 * count);
      if (randomisation === 0) return;
      for (let i = 1; i < firstGate; i++) {
        for (let k = 0; k < 3; k++) out[at + 3 * i + k] = state[o + mobileRow.tint + k]!;
      }
    },
  };
}
