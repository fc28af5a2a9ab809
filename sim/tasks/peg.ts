/** Put a square peg into a square hole with little room: the hand must be exact, and give way where it is not. */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { ShapeDef } from '../engine/scene.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { hand } from '../robots/hand.ts';
import { tolerance } from '../tolerance.ts';
import { difficultyField, handSpace, observeHand, placeFixture, solid } from './fixtures.ts';
import { boxSpace, clipTo, copy3, length2, length3, moveTowards, xyz } from './parts.ts';
import { controlDt, holdSteps, looseBox, physicsSteps, tableFields, tableWorld } from './table.ts';

/** Metres, kilograms. */
const peg = {
  half: 0.015,
  halfHeight: 0.035,
  /** Aluminium. */
  mass: 0.17,
  /** Fingertips above its middle when it is held. */
  grip: 0.01,
} as const;
/** The block with the hole; its origin is on the table under the hole's middle. */
const block = { half: 0.05, height: 0.04 } as const;

const fields = {
  ...tableFields(90),
  clearance: {
    type: 'number',
    default: 0.004,
    min: 0.001,
    max: 0.02,
    unit: 'm',
    help: 'How much wider the hole is than the peg',
  },
  goalDepth: {
    type: 'number',
    default: 0.025,
    min: 0.005,
    max: 0.035,
    unit: 'm',
    help: 'Success means that the peg is at least this deep in the hole',
  },
  start: {
    type: 'choice',
    default: 'grip',
    options: ['grip', 'table'],
    help: 'Whether the peg is between the fingers at the start or stands on the table',
  },
  difficulty: difficultyField,
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'The fingers hide the peg: while they hold it, it is reported upright, in the middle between them and moving with them',
  },
} as const satisfies Fields;

const observationSpace = boxSpace([
  ...handSpace,
  ...xyz('gripperToPeg', 3),
  // From the middle of the peg's lower end to the middle of the hole's mouth.
  ...xyz('pegToHole', 3),
  ...xyz('pegVel', 10),
  // The peg's long axis, and where one of its sides faces.
  ...xyz('pegUp', 1.001),
  ['pegSide.x', 1.001],
  ['pegSide.y', 1.001],
  ...xyz('pegSpin', 100),
]);

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const stages: readonly Stage[] = [
  { id: 'grasp', title: 'Take the peg' },
  { id: 'carry', title: 'Bring it over the hole' },
  { id: 'insert', title: 'Let it down into the hole' },
  { id: 'done', title: 'It is in' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'The peg is as deep in the hole as wanted' },
  {
    id: 'near',
    kind: 'dense',
    weight: 0.1,
    help: 'The gripper is where it can hold the peg, or the peg is in',
  },
  { id: 'grasped', kind: 'dense', weight: 0.1, help: 'The peg is held upright, or it is in' },
  {
    id: 'over',
    kind: 'dense',
    weight: 0.4,
    help: 'The lower end of the peg is close to the mouth of the hole',
  },
  { id: 'inserted', kind: 'dense', weight: 0.4, help: 'The peg is as deep in the hole as wanted' },
];

const nearShare = 0.15;
const graspShare = 0.15;
const overShare = 0.4;
const depthShare = 0.3;

/** Lower end and long axis of the peg; set by `locate`. */
const tip = new Float64Array(3);
const up = new Float64Array(3);

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { clearance, goalDepth } = settings;
  const hole = peg.half + clearance / 2;
  const wide = (block.half - hole) / 2;
  const wall = (x: number, y: number, halfX: number, halfY: number): ShapeDef => ({
    ...solid,
    type: 'box',
    half: [halfX, halfY, block.height / 2],
    position: [x, y, block.height / 2],
  });
  const table = tableWorld({
    bodies: [
      {
        name: 'block',
        joints: [{ type: 'placed' }],
        shapes: [
          wall(-hole - wide, 0, wide, block.half),
          wall(hole + wide, 0, wide, block.half),
          wall(0, -hole - wide, hole, wide),
          wall(0, hole + wide, hole, wide),
        ],
      },
      looseBox('peg', [peg.half, peg.half, peg.halfHeight], peg.mass),
    ],
    looks: { block: { role: 'fixture' }, peg: { role: 'object' } },
    own: [
      ['startReach', 1, 'm'],
      ['startOver', 1, 'm'],
      ['held', 1, 'steps'],
    ],
    distractors: settings.distractors,
    randomisation: settings.randomisation,
    cachedManifolds: 10 + 2 * settings.distractors,
  });
  const { world, row } = table;
  const stateDim = world.stateDim;
  const place = world.at('block.pos');
  const pos = world.at('peg.pos');
  const quat = world.at('peg.quat');
  const vel = world.at('peg.vel');
  const spin = world.at('peg.spin');
  const startReach = world.at('startReach');
  const startOver = world.at('startOver');
  const held = world.at('held');
  const massScale = world.at('massScale');

  function locate(state: Float64Array, o: number): void {
    const x = state[o + quat]!;
    const y = state[o + quat + 1]!;
    const z = state[o + quat + 2]!;
    const w = state[o + quat + 3]!;
    // Either end fits: the long axis is taken upwards.
    const uz = 1 - 2 * (x * x + y * y);
    const sign = uz < 0 ? -1 : 1;
    up[0] = sign * 2 * (x * z + w * y);
    up[1] = sign * 2 * (y * z - w * x);
    up[2] = sign * uz;
    for (let k = 0; k < 3; k++) tip[k] = state[o + pos + k]! - up[k]! * peg.halfHeight;
  }

  const isUpright = (): boolean => up[2]! > 0.97;

  /** Depth of the lower end under the mouth, where it is within the hole; else 0. After `locate`. */
  const depth = (state: Float64Array, o: number): number => {
    const aside = Math.max(Math.abs(tip[0]! - state[o + place]!), Math.abs(tip[1]! - state[o + place + 1]!));
    return aside < clearance / 2 + 0.002 ? Math.max(0, block.height - tip[2]!) : 0;
  };

  const success = (state: Float64Array, o: number): boolean => {
    locate(state, o);
    return isUpright() && depth(state, o) >= goalDepth;
  };

  const reach = (state: Float64Array, o: number): number =>
    Math.max(
      0,
      length3(
        state[o + pos]! - state[o + row.pos]!,
        state[o + pos + 1]! - state[o + row.pos + 1]!,
        state[o + pos + 2]! + peg.grip - state[o + row.pos + 2]!,
      ) - 0.012,
    );

  /** From the lower end to the mouth; height counts above it only. After `locate`. */
  const over = (state: Float64Array, o: number): number =>
    depth(state, o) > 0
      ? 0
      : length3(
          tip[0]! - state[o + place]!,
          tip[1]! - state[o + place + 1]!,
          Math.max(0, tip[2]! - block.height),
        );

  /** Upright between the pads. After `locate`. */
  const isHeld = (state: Float64Array, o: number): boolean => {
    const above = state[o + row.pos + 2]! - state[o + pos + 2]!;
    const opening = state[o + row.opening]!;
    return (
      isUpright() &&
      Math.abs(state[o + pos]! - state[o + row.pos]!) < 0.015 &&
      Math.abs(state[o + pos + 1]! - state[o + row.pos + 1]!) < 0.006 &&
      above > -0.02 &&
      above < peg.halfHeight - 0.008 &&
      opening < peg.half + 0.001 &&
      opening > peg.half - 0.005
    );
  };

  /** The peg lies, or is off the table. After `locate`. */
  const isLost = (state: Float64Array, o: number): boolean =>
    state[o + pos + 2]! < 0 || (up[2]! < 0.5 && state[o + pos + 2]! < 0.7 * peg.halfHeight);

  return {
    id: 'peg',
    version: 1,
    settings,
    controlDt,
    substeps: physicsSteps,
    horizon: settings.horizon,
    stateDim,
    guardDim: world.guardDim,
    stateLayout: world.layout,
    observationSpace,
    actionSpace,
    stages,
    rewardTerms,
    bodies: table.bodies,

    reset(seed, state, o) {
      const random = createRandom(seed);
      const x = random.uniform(-0.2, -0.05);
      const y = random.uniform(-0.15, 0.15);
      const z = random.uniform(0.14, 0.22);
      const inGrip = settings.start === 'grip';
      table.start(state, o, random, x, y, z, inGrip ? peg.half : hand.openingMax);
      placeFixture(
        state,
        o + place,
        random,
        // The hand has no wrist to turn the peg with: the block is not turned.
        { x: 0.13, y: 0, spreadX: 0.06, spreadY: 0.18, turn: 0 },
        settings.difficulty,
      );
      const bx = state[o + place]!;
      const by = state[o + place + 1]!;
      if (inGrip) {
        state[o + row.openingTarget] = peg.half - hand.windup;
        state[o + pos] = x;
        state[o + pos + 1] = y;
        state[o + pos + 2] = z - peg.grip;
      } else {
        state[o + pos] = bx + random.uniform(-0.24, -0.14);
        state[o + pos + 1] = by + random.uniform(-0.1, 0.1);
        state[o + pos + 2] = peg.halfHeight;
        const half = random.uniform(-0.2, 0.2) / 2;
        state[o + quat + 2] = sin(half);
        state[o + quat + 3] = cos(half);
      }
      table.scatter(state, o, random, [bx, by, 0.08, state[o + pos]!, state[o + pos + 1]!, 0.07]);
      locate(state, o);
      state[o + startReach] = Math.max(0.01, reach(state, o));
      state[o + startOver] = over(state, o);
    },

    advance: table.holding(actionSpace.dim, held, success),

    observe(state, o, out, at) {
      observeHand(state, o, row, out, at);
      locate(state, o);
      const hides = settings.occlusion && isHeld(state, o);
      if (hides) {
        for (let k = 0; k < 3; k++) {
          tip[k] = state[o + row.pos + k]!;
          up[k] = k < 2 ? 0 : 1;
        }
        tip[2]! -= peg.grip + peg.halfHeight;
      }
      for (let k = 0; k < 3; k++) {
        out[at + 9 + k] = tip[k]! + up[k]! * peg.halfHeight - state[o + row.pos + k]!;
        out[at + 12 + k] = state[o + place + k]! + (k < 2 ? 0 : block.height) - tip[k]!;
        out[at + 18 + k] = up[k]!;
      }
      copy3(state, o + (hides ? row.vel : vel), out, at + 15);
      const x = state[o + quat]!;
      const y = state[o + quat + 1]!;
      const z = state[o + quat + 2]!;
      const w = state[o + quat + 3]!;
      out[at + 21] = hides ? 1 : 1 - 2 * (y * y + z * z);
      out[at + 22] = hides ? 0 : 2 * (x * y + w * z);
      for (let k = 0; k < 3; k++) out[at + 23 + k] = hides ? 0 : state[o + spin + k]!;
      clipTo(observationSpace, out, at);
    },

    success,

    stage(state, o) {
      if (success(state, o)) return 3;
      if (!isHeld(state, o)) return 0;
      return length2(tip[0]! - state[o + place]!, tip[1]! - state[o + place + 1]!) > clearance / 2 + 0.002
        ? 1
        : 2;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      if (isLost(state, o)) return 0;
      const near = clamp(1 - reach(state, o) / state[o + startReach]!, 0, 1);
      return clamp(
        nearShare * near +
          (isHeld(state, o) ? graspShare : 0) +
          overShare * clamp(1 - over(state, o) / state[o + startOver]!, 0, 1) +
          depthShare * Math.min(1, depth(state, o) / goalDepth),
        0,
        0.99,
      );
    },

    terminal(state, o) {
      if (settings.fixedHorizon) return false;
      locate(state, o);
      return state[o + held]! >= holdSteps || isLost(state, o);
    },

    reward(_state, _o, _action, _a, next, n, out, at) {
      const isIn = success(next, n);
      out[at] = isIn ? 1 : 0;
      out[at + 1] = isIn ? 1 : tolerance(reach(next, n), [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 2] = isIn || isHeld(next, n) ? 1 : 0;
      out[at + 3] = tolerance(over(next, n), [0, 0.001], { margin: 0.2, sigmoid: 'long_tail' });
      out[at + 4] = Math.min(1, depth(next, n) / goalDepth);
    },

    expert(state, o, out, at) {
      locate(state, o);
      const gx = state[o + row.pos]!;
      const gy = state[o + row.pos + 1]!;
      const gz = state[o + row.pos + 2]!;
      const px = state[o + pos]!;
      const py = state[o + pos + 1]!;
      const pz = state[o + pos + 2]!;
      out[at + 3] = 1;

      if (isHeld(state, o)) {
        // How far the lower end has to go.
        const dx = state[o + place]! - tip[0]!;
        const dy = state[o + place + 1]! - tip[1]!;
        const high = tip[2]! - block.height;
        const aside = Math.max(Math.abs(dx), Math.abs(dy));
        // The hand's servo sags under the peg's weight.
        const z = gz + sag * state[o + massScale]!;
        if (depth(state, o) > 0.002 || (aside < 0.5 * clearance && high < 0.02)) {
          // No faster than the grip can bear when the peg meets the block.
          moveTowards(state, o + row.pos, gx + dx, gy + dy, gz, out, at);
          out[at + 2] = depth(state, o) > goalDepth + 0.004 ? 0 : -insertSpeed;
        } else if (high < 0.004 && length2(dx, dy) > 0.02) {
          moveTowards(state, o + row.pos, gx, gy, z + passHigh + 0.01 - high, out, at);
        } else {
          const wanted = length2(dx, dy) > 0.02 ? passHigh : hoverHigh;
          moveTowards(state, o + row.pos, gx + dx, gy + dy, z + wanted - high, out, at);
        }
        return;
      }

      const dx = px - gx;
      const dy = py - gy;
      const above = gz - pz;
      const isOpen = state[o + row.opening]! > peg.half + 0.012;
      const isCentred =
        Math.abs(dx) < 0.01 && Math.abs(dy) < Math.max(0.004, state[o + row.opening]! - peg.half - 0.002);
      if (isCentred && above > -0.02 && above < peg.grip + 0.006) {
        moveTowards(state, o + row.pos, px, py, pz + peg.grip, out, at);
        return;
      }
      const clear = pz + peg.halfHeight + 0.015;
      out[at + 3] = -1;
      if (Math.abs(dx) < 0.008 && Math.abs(dy) < 0.006 && isOpen)
        moveTowards(state, o + row.pos, px, py, pz + peg.grip, out, at);
      else if (length2(dx, dy) < 0.09 && gz < clear - 0.01)
        moveTowards(state, o + row.pos, gx, gy, clear + 0.01, out, at);
      else moveTowards(state, o + row.pos, px, py, clear, out, at);
    },

    poses: table.poses,

    ...table.touch,
  };
}

/** Weight over what a metre of error commands the servo to push with, N/m. */
const sag = (peg.mass * 9.81) / (8 * hand.damping);
/** Lower end above the mouth on the way, and where it waits until it is exactly over the hole. */
const passHigh = 0.02;
const hoverHigh = 0.001;
/** Share of the hand's speed; times its damping that is a push of 6 N. */
const insertSpeed = 0.4;

export const pegTask: Task = {
  id: 'peg',
  title: 'Peg in a hole',
  summary: 'Put a square peg into a square hole that leaves little room.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 5_000_000,
        worlds: 64,
        stepsPerWorld: 64,
        minibatch: 1_024,
        learningRate: 0.001,
        gamma: 0.98,
        entropyCoef: 0.001,
        hiddenSize: 128,
      },
    },
  },
  create,
};
