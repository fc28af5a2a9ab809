/**
 * What the tasks of the arm share: a table with the hand over it, the objects of a task, things in the way, the
 * variation of an episode, and the drawn scene. A task names its bodies and its own numbers; the kit lays out the row.
 */

import { cos, sin } from '../engine/math.ts';
import type { Random } from '../engine/random.ts';
import type { BodyDef, SceneDef } from '../engine/scene.ts';
import { parkedBelow, World } from '../engine/world.ts';
import type { Body, TaskModel } from '../env.ts';
import type { Fields } from '../fields.ts';
import { arm, armBodies, floorZ, writeArm } from '../robots/arm.ts';
import { drawWorld, type Look } from '../robots/drawn.ts';
import {
  commandHand,
  groups,
  type HandOptions,
  type HandRow,
  hand,
  handBodies,
  handRow,
} from '../robots/hand.ts';

/** Seconds. Control rate 20 Hz; five physics steps of two substeps each. */
export const controlDt = 0.05;
export const physicsDt = 0.01;
export const physicsSteps = 5;
export const substeps = 2;

export { holdSteps } from './parts.ts';

export const table = {
  half: [0.4, 0.45],
  thickness: 0.04,
  /** Friction coefficient of things made of `thingFriction` on the table. */
  friction: 0.3,
} as const;

/** Friction coefficient of loose things; the pair's is the geometric mean. */
export const thingFriction = 0.5;

export const maxDistractors = 3;
const distractorHalf = 0.018;

/** Fields that every task of the arm has. */
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
      help: 'Every episode lasts the whole horizon; off: it ends when success has held or the task is lost',
    },
    distractors: {
      type: 'integer',
      default: 0,
      min: 0,
      max: maxDistractors,
      help: 'Loose blocks that lie about and have nothing to do with the task',
    },
    randomisation: {
      type: 'number',
      default: 0,
      min: 0,
      max: 1,
      help: 'How much friction and the mass of loose things vary between episodes: up to a factor of 1 + this either way',
    },
  } as const satisfies Fields;
}

export const tableFriction = {
  type: 'number',
  default: table.friction,
  min: 0.05,
  max: 1,
  help: 'Friction coefficient between loose things and the table',
} as const;

export interface TableOptions {
  /** The task's own bodies, by looks. Loose things have `group: groups.thing`, furniture `group: groups.fixture`. */
  readonly bodies: readonly BodyDef[];
  readonly looks: Readonly<Record<string, Look>>;
  /** The task's own numbers in the row. */
  readonly own: readonly (readonly [name: string, size: number, unit: string])[];
  readonly hand?: HandOptions;
  readonly distractors: number;
  readonly randomisation: number;
  readonly friction?: number;
  readonly cachedManifolds?: number;
  /** Drawn, not simulated: goals and markers, with where they are. */
  readonly markers?: readonly {
    readonly body: Body;
    place(state: Float64Array, o: number, out: Float32Array, at: number, world: World): void;
  }[];
}

/** A task's world on the table. */
export interface TableWorld {
  readonly world: World;
  readonly row: HandRow;
  readonly bodies: readonly Body[];
  /**
   * A row at rest with the hand at x y z, fingers open by `opening`, friction and masses drawn. Distractors are still
   * parked: place the task's things, then call `scatter`.
   */
  start(
    state: Float64Array,
    o: number,
    random: Random,
    x: number,
    y: number,
    z: number,
    opening?: number,
  ): void;
  /** Places the distractors on the table, away from the given spots (x, y, radius each) and from each other. */
  scatter(state: Float64Array, o: number, random: Random, spots: readonly number[]): void;
  /**
   * The `advance` of a task that keeps at offset `held` of its row for how many control steps success has lasted.
   */
  holding(
    actionDim: number,
    held: number,
    success: (state: Float64Array, o: number) => boolean,
  ): TaskModel['advance'];
  /** One control step of one row; the step counter goes up. */
  step(state: Float64Array, o: number, actions: Float64Array, a: number): void;
  poses(state: Float64Array, o: number, out: Float32Array, at: number): void;
  /** The same two faces for every task of the kit: `...kit.touch`. */
  readonly touch: Required<Pick<TaskModel, 'contacts' | 'touching'>>;
}

const legHeight = -floorZ - table.thickness;

/** Bodies that never move, with their middles. */
const furniture: readonly (readonly [Body, readonly [number, number, number]])[] = [
  [{ name: 'floor', shape: { type: 'box', size: [4, 4, 0.02] }, role: 'floor' }, [0, 0, floorZ - 0.01]],
  ...[-1, 1].flatMap((x) =>
    [-1, 1].map((y): readonly [Body, readonly [number, number, number]] => [
      {
        name: `leg${x < 0 ? 'Back' : 'Front'}${y < 0 ? 'Right' : 'Left'}`,
        shape: { type: 'box', size: [0.05, 0.05, legHeight] },
        role: 'table',
      },
      [x * (table.half[0] - 0.04), y * (table.half[1] - 0.04), floorZ + legHeight / 2],
    ]),
  ),
];

/** Far below the table: out of the world (see `parkedBelow`). */
const parkedZ = -10;

export function tableWorld(options: TableOptions): TableWorld {
  const friction = options.friction ?? table.friction;
  const distractors: BodyDef[] = Array.from({ length: options.distractors }, (_, i) => ({
    name: `distractor${i + 1}`,
    position: [0.1 * i, 0, parkedZ],
    mass: 0.05,
    joints: [{ type: 'free' }],
    shapes: [
      {
        type: 'box',
        half: [distractorHalf, distractorHalf, distractorHalf],
        friction: thingFriction,
        group: groups.thing,
      },
    ],
  }));
  const scene: SceneDef = {
    physicsDt,
    substeps,
    variable: true,
    ...(options.cachedManifolds === undefined ? {} : { cachedManifolds: options.cachedManifolds }),
    bodies: [
      {
        name: 'table',
        position: [0, 0, -table.thickness / 2],
        shapes: [
          {
            type: 'box',
            half: [table.half[0], table.half[1], table.thickness / 2],
            friction: (friction * friction) / thingFriction,
            group: groups.fixture,
            mask: groups.thing,
          },
        ],
      },
      {
        name: 'ground',
        position: [0, 0, floorZ],
        shapes: [{ type: 'plane', friction: thingFriction, group: groups.fixture, mask: groups.thing }],
      },
      ...handBodies(options.hand),
      ...options.bodies,
      ...distractors,
    ],
  };
  const world = new World(scene, options.own);
  const row = handRow(world, options.hand);
  const looks: Record<string, Look> = { table: { role: 'table' }, ...options.looks };
  for (const def of distractors) looks[def.name] = { role: 'distractor' };
  const drawn = drawWorld(world, scene, looks);
  const markers = options.markers ?? [];
  const bodies = [
    ...furniture.map(([body]) => body),
    ...drawn.bodies,
    ...markers.map((marker) => marker.body),
    ...armBodies,
  ];
  const drawnAt = furniture.length * 7;
  const markersAt = drawnAt + drawn.bodies.length * 7;
  const armAt = markersAt + markers.length * 7;
  const frictionScale = world.at('frictionScale');
  const massScale = world.at('massScale');
  const distractorAt = distractors.map((def) => world.at(`${def.name}.pos`));
  const most = 1 + options.randomisation;

  const step: TableWorld['step'] = (state, o, actions, a) => {
    commandHand(state, o, row, actions, a, controlDt);
    world.step(state, o, physicsSteps);
    state[o]! += 1;
  };

  return {
    world,
    row,
    bodies,

    start(state, o, random, x, y, z, opening = hand.openingMax) {
      world.rest(state, o);
      state[o + row.pos] = x;
      state[o + row.pos + 1] = y;
      state[o + row.pos + 2] = z;
      if (row.opening >= 0) {
        state[o + row.opening] = opening;
        state[o + row.openingTarget] = opening;
      }
      // As likely up as down, in factors.
      const draw = (): number => {
        const factor = random.uniform(1, most);
        return random.uniform() < 0.5 ? factor : 1 / factor;
      };
      state[o + frictionScale] = draw();
      state[o + massScale] = draw();
    },

    scatter(state, o, random, spots) {
      for (let i = 0; i < distractorAt.length; i++) {
        const at = o + distractorAt[i]!;
        for (let tries = 0; tries < 50; tries++) {
          const x = random.uniform(-0.24, 0.24);
          const y = random.uniform(-0.28, 0.28);
          let free = true;
          for (let k = 0; k + 2 < spots.length; k += 3) {
            const dx = x - spots[k]!;
            const dy = y - spots[k + 1]!;
            const apart = spots[k + 2]! + 2 * distractorHalf;
            if (dx * dx + dy * dy < apart * apart) free = false;
          }
          for (let j = 0; j < i; j++) {
            const dx = x - state[o + distractorAt[j]!]!;
            const dy = y - state[o + distractorAt[j]! + 1]!;
            if (dx * dx + dy * dy < 0.06 * 0.06) free = false;
          }
          if (!free) continue;
          const half = random.uniform(-1.57, 1.57) / 2;
          state[at] = x;
          state[at + 1] = y;
          state[at + 2] = distractorHalf;
          state[at + 5] = sin(half);
          state[at + 6] = cos(half);
          break;
        }
      }
    },

    step,

    touch: {
      contacts: (state, o) => world.contacts(state, o),
      touching: (state, o) => world.touching(state, o),
    },

    holding(actionDim, held, success) {
      const dim = world.stateDim;
      return (states, actions, first, count) => {
        for (let w = first; w < first + count; w++) {
          const o = w * dim;
          step(states, o, actions, w * actionDim);
          states[o + held] = success(states, o) ? states[o + held]! + 1 : 0;
        }
      };
    },

    poses(state, o, out, at) {
      for (let i = 0; i < furniture.length; i++) {
        for (let k = 0; k < 3; k++) out[at + i * 7 + k] = furniture[i]![1][k]!;
        for (let k = 3; k < 6; k++) out[at + i * 7 + k] = 0;
        out[at + i * 7 + 6] = 1;
      }
      drawn.write(state, o, out, at + drawnAt);
      // What is parked out of the world is drawn inside the arm's foot.
      for (let to = at + drawnAt; to < at + markersAt; to += 7) {
        if (out[to + 2]! > parkedBelow) continue;
        out[to] = arm.baseX;
        out[to + 1] = 0;
        out[to + 2] = floorZ / 2;
      }
      for (let i = 0; i < markers.length; i++) {
        const to = at + markersAt + 7 * i;
        for (let k = 3; k < 6; k++) out[to + k] = 0;
        out[to + 6] = 1;
        markers[i]!.place(state, o, out, to, world);
      }
      writeArm(
        state[o + row.pos]!,
        state[o + row.pos + 1]!,
        state[o + row.pos + 2]!,
        row.opening < 0 ? 0 : state[o + row.opening]!,
        out,
        at + armAt,
      );
    },
  };
}

/** A goal drawn as a ball round the point in the row's field `goal`. */
export function goalMarker(radius: number): NonNullable<TableOptions['markers']>[number] {
  return {
    body: { name: 'goal', shape: { type: 'sphere', radius }, role: 'goal' },
    place(state, o, out, to, world) {
      const at = o + world.at('goal');
      for (let k = 0; k < 3; k++) out[to + k] = state[at + k]!;
    },
  };
}

/** A loose box of the task. */
export function looseBox(
  name: string,
  half: readonly [number, number, number],
  mass: number,
  position: readonly [number, number, number] = [0, 0, parkedZ],
): BodyDef {
  return {
    name,
    position,
    mass,
    joints: [{ type: 'free' }],
    shapes: [{ type: 'box', half, friction: thingFriction, group: groups.thing }],
  };
}
