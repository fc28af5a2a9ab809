/**
 * Legged robots in the plane: links made of capsules, their masses, contact points and drawing from one description.
 * Lengths in metres, angles in radians, masses in kilograms.
 */

import { clamp, cos, sin } from '../engine/math.ts';
import {
  compilePlanar,
  groundHeight,
  type Planar2,
  type PlanarGround,
  type PlanarJoint,
  type PlanarModel,
  pointOf,
} from '../engine/planar.ts';
import type { Body, BodyRole } from '../env.ts';

interface Capsule {
  readonly name: string;
  readonly role: BodyRole;
  /** Ends of the axis in the link's frame. */
  readonly from: Planar2;
  readonly to: Planar2;
  readonly radius: number;
  /** Share of the robot's mass that this capsule has relative to its volume; default 1. */
  readonly density?: number;
}

interface Part {
  readonly name: string;
  readonly parent?: string;
  readonly anchor: Planar2;
  readonly capsules: readonly Capsule[];
  readonly joint: PlanarJoint;
  /** Balls of the first capsule's radius that touch the ground. */
  readonly touches: readonly (readonly [name: string, at: Planar2])[];
}

interface Plan {
  readonly parts: readonly Part[];
  readonly totalMass: number;
  readonly physicsDt: number;
  readonly contactHz: number;
}

/** Factors of one body among the bodies that an episode may draw: 1 everywhere is the plan itself. */
export interface LegFactors {
  /** Of each part's mass. */
  readonly mass: readonly number[];
  /** Of each part's lengths. */
  readonly length: readonly number[];
}

const freeJoint: PlanarJoint = {
  low: Number.NEGATIVE_INFINITY,
  high: Number.POSITIVE_INFINITY,
  stiffness: 0,
  damping: 0,
  armature: 0,
};

const scaled = ([x, z]: Planar2, factor: number): Planar2 => [factor * x, factor * z];

/** Volume, and inertia about the middle per unit of mass, of a capsule that turns in the plane of its axis. */
function solid(length: number, r: number): { volume: number; inertia: number } {
  const tube = Math.PI * r * r * length;
  const caps = (4 / 3) * Math.PI * r * r * r;
  const moment =
    tube * ((3 * r * r + length * length) / 12) +
    caps * ((2 / 5) * r * r + (length * length) / 4 + (3 / 8) * length * r);
  return { volume: tube + caps, inertia: moment / (tube + caps) };
}

const lengthOf = ({ from, to }: Capsule): number => {
  const x = to[0] - from[0];
  const z = to[1] - from[1];
  return Math.sqrt(x * x + z * z);
};

/** The robot's tables, with factors on masses and lengths. */
function compilePlan(plan: Plan, factors?: LegFactors): PlanarModel {
  const volume = plan.parts
    .flatMap((part) => part.capsules)
    .reduce((sum, c) => sum + (c.density ?? 1) * solid(lengthOf(c), c.radius).volume, 0);
  const density = plan.totalMass / volume;
  const lengthFactor = (name: string | undefined): number => {
    const index = plan.parts.findIndex((part) => part.name === name);
    return index < 0 ? 1 : (factors?.length[index] ?? 1);
  };
  return compilePlanar({
    root: 'free',
    gravity: 9.81,
    physicsDt: plan.physicsDt,
    contactHz: plan.contactHz,
    contactDamping: 5,
    iterations: 8,
    links: plan.parts.map((part, index) => {
      const l = lengthFactor(part.name);
      let mass = 0;
      let x = 0;
      let z = 0;
      let second = 0;
      for (const capsule of part.capsules) {
        const length = l * lengthOf(capsule);
        const shape = solid(length, capsule.radius);
        // A longer link of the same mass factor is not heavier: the two factors are independent.
        const nominal = solid(lengthOf(capsule), capsule.radius).volume;
        const m = density * (capsule.density ?? 1) * nominal * (factors?.mass[index] ?? 1);
        const cx = (l * (capsule.from[0] + capsule.to[0])) / 2;
        const cz = (l * (capsule.from[1] + capsule.to[1])) / 2;
        mass += m;
        x += m * cx;
        z += m * cz;
        second += m * (shape.inertia + cx * cx + cz * cz);
      }
      const com: Planar2 = [x / mass, z / mass];
      return {
        name: part.name,
        ...(part.parent === undefined ? {} : { parent: part.parent }),
        anchor: scaled(part.anchor, lengthFactor(part.parent)),
        mass,
        inertia: second - mass * (com[0] * com[0] + com[1] * com[1]),
        com,
        joint: part.joint,
      };
    }),
    points: plan.parts.flatMap((part) =>
      part.touches.map(([name, at]) => ({
        name,
        link: part.name,
        at: scaled(at, lengthFactor(part.name)),
        radius: part.capsules[0]!.radius,
      })),
    ),
  });
}

export interface PlanarRobot {
  /** Names of the links, root first; a joint is named after the link that hangs on it. */
  readonly names: readonly string[];
  readonly bodies: readonly Body[];
  /** The robot's tables, with factors on masses and lengths. */
  compile(factors?: LegFactors): PlanarModel;
  /** Poses of `bodies`, 7 numbers each, of the robot whose part of the row begins at state[o]. */
  writePoses(model: PlanarModel, state: Float64Array, o: number, out: Float32Array, at: number): void;
}

function buildRobot(plan: Plan): PlanarRobot {
  const drawn = plan.parts.flatMap((part, link) =>
    part.capsules.map((capsule) => {
      const length = lengthOf(capsule);
      const dx = (capsule.to[0] - capsule.from[0]) / length;
      const dz = (capsule.to[1] - capsule.from[1]) / length;
      return {
        link,
        x: (capsule.from[0] + capsule.to[0]) / 2,
        z: (capsule.from[1] + capsule.to[1]) / 2,
        // Half-angle quaternion (y, w) that turns z to the capsule's axis.
        y: (dx < 0 ? -1 : 1) * Math.sqrt(Math.max(0, (1 - dz) / 2)),
        w: Math.sqrt(Math.max(0, (1 + dz) / 2)),
        body: {
          name: capsule.name,
          role: capsule.role,
          shape: { type: 'capsule', radius: capsule.radius, length },
        } as const satisfies Body,
      };
    }),
  );
  return {
    names: plan.parts.map((part) => part.name),
    bodies: drawn.map(({ body }) => body),
    compile: (factors) => compilePlan(plan, factors),
    writePoses(model, state, o, out, at) {
      drawn.forEach(({ link, x, z, y, w }, index) => {
        const p = at + 7 * index;
        // A scaled link is drawn in its own size at the place of its scaled middle.
        pointOf(model, state, o, link, x, z, point, 0);
        const angle = state[o + model.firstAngle + link]!;
        const c = cos(angle / 2);
        const s = sin(angle / 2);
        out[p] = point[0]!;
        out[p + 1] = 0;
        out[p + 2] = point[1]!;
        out[p + 3] = 0;
        out[p + 4] = s * w + c * y;
        out[p + 5] = 0;
        out[p + 6] = c * w - s * y;
      });
    },
  };
}

const point = new Float64Array(2);

/** Lifts or lowers the robot until its lowest point is `clearance` above the ground. */
export function setDown(
  model: PlanarModel,
  ground: PlanarGround,
  clearance: number,
  state: Float64Array,
  o: number,
): void {
  let lowest = Number.POSITIVE_INFINITY;
  for (let k = 0; k < model.pointCount; k++) {
    pointOf(model, state, o, model.pointLink[k]!, model.pointX[k]!, model.pointZ[k]!, point, 0);
    lowest = Math.min(lowest, point[1]! - groundHeight(ground, point[0]!) - model.pointRadius[k]!);
  }
  state[o + 1]! += clearance - lowest;
}

// ---------------------------------------------------------------------------------------------------------------------
// Inverse kinematics of a leg of two equal bones

/** For |x| up to 0.8, to 1e-9: a Taylor sum, then two steps of Newton's. */
export function arcsin(x: number): number {
  const x2 = x * x;
  let y = x * (1 + x2 * (1 / 6 + x2 * (3 / 40 + x2 * (15 / 336 + x2 * (105 / 3456)))));
  y += (x - sin(y)) / cos(y);
  return y + (x - sin(y)) / cos(y);
}

/** Angle between either bone and the straight line from hip to foot, when that is `length` long. */
export const halfBend = (length: number, bone: number): number =>
  2 * arcsin(Math.sqrt(clamp(1 - length / (2 * bone), 0, 1) / 2));

// ---------------------------------------------------------------------------------------------------------------------
// The runner: lengths, masses, springs and limits of the planar cheetah of Wawrzynski (2009) as MuJoCo's HalfCheetah has
// them. Capsules are given there by middle, angle and half length; `rod` turns these into ends.

const rod = (
  name: string,
  role: BodyRole,
  middle: Planar2,
  angle: number,
  half: number,
  radius = 0.046,
): Capsule => ({
  name,
  role,
  from: [middle[0] + half * sin(angle), middle[1] + half * cos(angle)],
  to: [middle[0] - half * sin(angle), middle[1] - half * cos(angle)],
  radius,
});

const sprung = (low: number, high: number, stiffness: number, damping: number): PlanarJoint => ({
  low,
  high,
  stiffness,
  damping,
  armature: 0.1,
});

const cheetahPlan: Plan = {
  totalMass: 14,
  physicsDt: 0.01,
  contactHz: 25,
  parts: [
    {
      name: 'torso',
      anchor: [0, 0],
      joint: freeJoint,
      capsules: [rod('torso', 'link', [0, 0], Math.PI / 2, 0.5), rod('head', 'link', [0.6, 0.1], 0.87, 0.15)],
      touches: [
        ['rump', [-0.5, 0]],
        ['chest', [0.5, 0]],
        ['nose', [0.6 + 0.15 * sin(0.87), 0.1 + 0.15 * cos(0.87)]],
      ],
    },
    {
      name: 'backThigh',
      parent: 'torso',
      anchor: [-0.5, 0],
      joint: sprung(-0.52, 1.05, 240, 6),
      capsules: [rod('backThigh', 'link', [0.1, -0.13], -3.8, 0.145)],
      touches: [],
    },
    {
      name: 'backShin',
      parent: 'backThigh',
      anchor: [0.16, -0.25],
      joint: sprung(-0.785, 0.785, 180, 4.5),
      capsules: [rod('backShin', 'link', [-0.14, -0.07], -2.03, 0.15)],
      touches: [
        ['backKnee', [0, 0]],
        ['backAnkle', [-0.274, -0.137]],
      ],
    },
    {
      name: 'backFoot',
      parent: 'backShin',
      anchor: [-0.28, -0.14],
      joint: sprung(-0.4, 0.785, 120, 3),
      capsules: [rod('backFoot', 'joint', [0.03, -0.097], -0.27, 0.094)],
      touches: [['backToe', [0.03 + 0.094 * sin(0.27), -0.097 - 0.094 * cos(0.27)]]],
    },
    {
      name: 'frontThigh',
      parent: 'torso',
      anchor: [0.5, 0],
      joint: sprung(-1, 0.7, 180, 4.5),
      capsules: [rod('frontThigh', 'link', [-0.07, -0.12], 0.52, 0.133)],
      touches: [],
    },
    {
      name: 'frontShin',
      parent: 'frontThigh',
      anchor: [-0.14, -0.24],
      joint: sprung(-1.2, 0.87, 120, 3),
      capsules: [rod('frontShin', 'link', [0.065, -0.09], -0.6, 0.106)],
      touches: [
        ['frontKnee', [0, 0]],
        ['frontAnkle', [0.125, -0.177]],
      ],
    },
    {
      name: 'frontFoot',
      parent: 'frontShin',
      anchor: [0.13, -0.18],
      joint: sprung(-0.5, 0.5, 60, 1.5),
      capsules: [rod('frontFoot', 'joint', [0.045, -0.07], -0.6, 0.07)],
      touches: [['frontToe', [0.045 + 0.07 * sin(0.6), -0.07 - 0.07 * cos(0.6)]]],
    },
  ],
};

export const cheetahRobot = buildRobot(cheetahPlan);

// ---------------------------------------------------------------------------------------------------------------------
// The hopper: one leg with hip and knee under a heavy body, a round foot, a spring at the knee. At joint angles 0 the leg
// stands bent, the foot under the hip.

const bend = 0.55;
const bone = 0.3;

const hopperPlan: Plan = {
  totalMass: 10,
  physicsDt: 0.005,
  contactHz: 40,
  parts: [
    {
      name: 'torso',
      anchor: [0, 0],
      joint: freeJoint,
      capsules: [
        { name: 'torso', role: 'link', from: [-0.35, 0.08], to: [0.35, 0.08], radius: 0.06 },
        { name: 'rearWeight', role: 'joint', from: [-0.35, 0.07], to: [-0.35, 0.09], radius: 0.1 },
        { name: 'frontWeight', role: 'joint', from: [0.35, 0.07], to: [0.35, 0.09], radius: 0.1 },
        { name: 'mast', role: 'joint', from: [0, 0], to: [0, 0.06], radius: 0.055 },
      ],
      touches: [
        ['rear', [-0.35, 0.08]],
        ['front', [0.35, 0.08]],
      ],
    },
    {
      name: 'thigh',
      parent: 'torso',
      anchor: [0, 0],
      joint: { low: -1.1, high: 1.1, stiffness: 0, damping: 1, armature: 0.04 },
      capsules: [
        {
          name: 'thigh',
          role: 'link',
          from: [0, 0],
          to: [bone * sin(bend), -bone * cos(bend)],
          radius: 0.035,
          density: 0.5,
        },
      ],
      touches: [],
    },
    {
      name: 'shin',
      parent: 'thigh',
      anchor: [bone * sin(bend), -bone * cos(bend)],
      joint: { low: -0.95, high: 1.2, stiffness: 90, damping: 1, armature: 0.04 },
      capsules: [
        {
          name: 'shin',
          role: 'link',
          from: [0, 0],
          to: [-bone * sin(bend), -bone * cos(bend)],
          radius: 0.035,
          density: 0.5,
        },
      ],
      touches: [
        ['knee', [0, 0]],
        ['foot', [-bone * sin(bend), -bone * cos(bend)]],
      ],
    },
  ],
};

export const hopperRobot = buildRobot(hopperPlan);
