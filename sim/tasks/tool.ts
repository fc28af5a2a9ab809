/** Pull something that is out of reach back with a stick: take the stick, put its hook behind the thing, pull. */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { BodyDef, ShapeDef } from '../engine/scene.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { groups, hand } from '../robots/hand.ts';
import { tolerance } from '../tolerance.ts';
import { handSpace, observeHand } from './fixtures.ts';
import { boxSpace, clipTo, copy3, length2, length3, moveTowards, xyz } from './parts.ts';
import {
  controlDt,
  holdSteps,
  looseBox,
  physicsSteps,
  tableFields,
  tableFriction,
  tableWorld,
  thingFriction,
} from './table.ts';

/** Metres, kilograms. The stick's frame: origin in the middle of the shaft, hook at its end towards x. */
const stick = {
  halfLength: 0.11,
  halfWidth: 0.008,
  halfHeight: 0.012,
  mass: 0.15,
  /** Where it is held. */
  gripX: -0.07,
  hookX: 0.102,
} as const;

/** Along y: what the hook spans, and how far from the shaft's middle the thing is when it is pulled. */
const hooks = {
  L: { low: -0.008, high: 0.062, pulled: 0.035 },
  T: { low: -0.048, high: 0.048, pulled: 0.03 },
} as const;

const puck = { half: 0.018, height: 0.015, mass: 0.06 } as const;

/** The hand does not get farther than this along x; the thing lies beyond. */
const reachX = 0.12;
const nearestX = 0.185;
const farthestX = 0.255;

const fields = {
  ...tableFields(100),
  shape: {
    type: 'choice',
    default: 'L',
    options: ['L', 'T'],
    help: 'Shape of the stick: a hook to one side or to both',
  },
  zone: {
    type: 'number',
    default: 0.06,
    min: -0.05,
    max: 0.1,
    unit: 'm',
    help: 'Success means that the thing is nearer to the arm than this line across the table',
  },
  friction: tableFriction,
  difficulty: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'How far to the sides stick and thing lie and how much the stick is turned: 0 hardly, 1 as far as the hand can follow',
  },
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'The hook hides the thing: within 5 cm of the hook it is reported to be where the hook is, and as moving with it',
  },
} as const satisfies Fields;

const observationSpace = boxSpace([
  ...handSpace,
  ...xyz('gripperToStick', 3),
  // Along the shaft, and the stick's upper side.
  ...xyz('stickAlong', 1.001),
  ...xyz('stickUp', 1.001),
  ...xyz('stickVel', 10),
  ...xyz('stickSpin', 100),
  ...xyz('hookToThing', 3),
  ...xyz('thingVel', 10),
  ['thingSide.x', 1.001],
  ['thingSide.y', 1.001],
  ['thingToZone', 3],
]);

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const stages: readonly Stage[] = [
  { id: 'approach', title: 'Go to the stick' },
  { id: 'grasp', title: 'Take it' },
  { id: 'hook', title: 'Put the hook behind the thing' },
  { id: 'pull', title: 'Pull' },
  { id: 'done', title: 'It is in reach' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'The thing is on this side of the line' },
  { id: 'near', kind: 'dense', weight: 0.1, help: 'The gripper is close to where it can take the stick' },
  { id: 'grasped', kind: 'dense', weight: 0.2, help: 'The stick is held' },
  { id: 'behind', kind: 'dense', weight: 0.3, help: 'The hook is close behind the thing' },
  { id: 'pulled', kind: 'dense', weight: 0.4, help: 'The thing has come towards the line' },
];

const nearShare = 0.15;
const graspShare = 0.1;
const behindShare = 0.25;
const pullShare = 1 - nearShare - graspShare - behindShare;

/** Hook's middle behind the thing's when they touch, and a little air. */
const touch = puck.half + stick.halfWidth;
const slack = 0.018;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { zone } = settings;
  const hook = hooks[settings.shape];
  const common = { friction: thingFriction, group: groups.thing } as const;
  const shapes: ShapeDef[] = [
    { ...common, type: 'box', half: [stick.halfLength, stick.halfWidth, stick.halfHeight] },
    // Beside the shaft, so that no two of its faces coincide.
    ...(settings.shape === 'L'
      ? [[stick.halfWidth, hook.high]]
      : [
          [stick.halfWidth, hook.high],
          [hook.low, -stick.halfWidth],
        ]
    ).map(
      ([low, high]) =>
        ({
          ...common,
          type: 'box',
          half: [stick.halfWidth, (high! - low!) / 2, stick.halfHeight],
          position: [stick.hookX, (high! + low!) / 2, 0],
        }) as const,
    ),
  ];
  const stickBody: BodyDef = {
    name: 'stick',
    mass: stick.mass,
    joints: [{ type: 'free' }],
    shapes,
  };
  const table = tableWorld({
    bodies: [stickBody, looseBox('thing', [puck.half, puck.half, puck.height], puck.mass)],
    looks: { stick: { role: 'tool' }, thing: { role: 'object' } },
    own: [
      ['startReach', 1, 'm'],
      ['startBehind', 1, 'm'],
      ['startX', 1, 'm'],
      ['held', 1, 'steps'],
    ],
    hand: { high: [reachX, hand.high[1], hand.high[2]] },
    distractors: settings.distractors,
    randomisation: settings.randomisation,
    friction: settings.friction,
    cachedManifolds: 10 + 2 * settings.distractors,
    markers: [
      {
        body: { name: 'zone', shape: { type: 'box', size: [0.004, 0.5, 0.001] }, role: 'goal' },
        place(_state, _o, out, at) {
          out[at] = zone;
          out[at + 1] = 0;
          out[at + 2] = 0.0006;
        },
      },
    ],
  });
  const { world, row } = table;
  const stateDim = world.stateDim;
  const pos = world.at('stick.pos');
  const quat = world.at('stick.quat');
  const vel = world.at('stick.vel');
  const spin = world.at('stick.spin');
  const thing = world.at('thing.pos');
  const thingQuat = world.at('thing.quat');
  const thingVel = world.at('thing.vel');
  const startReach = world.at('startReach');
  const startBehind = world.at('startBehind');
  const startX = world.at('startX');
  const held = world.at('held');

  /** Axes of the stick, where it is held, and the part of the hook that goes behind the thing; set by `locate`. */
  const along = new Float64Array(3);
  const across = new Float64Array(3);
  const up = new Float64Array(3);
  const grip = new Float64Array(3);
  const tip = new Float64Array(3);
  function locate(state: Float64Array, o: number): void {
    const x = state[o + quat]!;
    const y = state[o + quat + 1]!;
    const z = state[o + quat + 2]!;
    const w = state[o + quat + 3]!;
    along[0] = 1 - 2 * (y * y + z * z);
    along[1] = 2 * (x * y + w * z);
    along[2] = 2 * (x * z - w * y);
    across[0] = 2 * (x * y - w * z);
    across[1] = 1 - 2 * (x * x + z * z);
    across[2] = 2 * (y * z + w * x);
    up[0] = 2 * (x * z + w * y);
    up[1] = 2 * (y * z - w * x);
    up[2] = 1 - 2 * (x * x + y * y);
    for (let k = 0; k < 3; k++) {
      const middle = state[o + pos + k]!;
      grip[k] = middle + stick.gripX * along[k]!;
      tip[k] = middle + stick.hookX * along[k]! + hook.pulled * across[k]!;
    }
  }

  // All of these after `locate`.
  const reach = (state: Float64Array, o: number): number =>
    Math.max(
      0,
      length3(
        grip[0]! - state[o + row.pos]!,
        grip[1]! - state[o + row.pos + 1]!,
        hand.low[2] - state[o + row.pos + 2]!,
      ) - 0.012,
    );
  const isHeld = (state: Float64Array, o: number): boolean => {
    const dx = state[o + row.pos]! - grip[0]!;
    const dy = state[o + row.pos + 1]! - grip[1]!;
    const opening = state[o + row.opening]!;
    return (
      Math.abs(dx * along[0]! + dy * along[1]!) < 0.03 &&
      Math.abs(dx * along[1]! - dy * along[0]!) < 0.006 &&
      Math.abs(state[o + row.pos + 2]! - state[o + pos + 2]!) < 0.016 &&
      opening < stick.halfWidth + 0.002 &&
      opening > stick.halfWidth - 0.005
    );
  };
  /** How far the hook is from being behind the thing. */
  const behind = (state: Float64Array, o: number): number =>
    Math.max(0, length2(tip[0]! - state[o + thing]! - touch, tip[1]! - state[o + thing + 1]!) - slack);
  const pulled = (state: Float64Array, o: number): number =>
    clamp((state[o + startX]! - state[o + thing]!) / (state[o + startX]! - zone), 0, 1);
  const isLost = (state: Float64Array, o: number): boolean =>
    state[o + thing + 2]! < 0 || state[o + pos + 2]! < -0.02;

  const success = (state: Float64Array, o: number): boolean =>
    state[o + thing]! <= zone && state[o + thing + 2]! >= 0;

  return {
    id: 'tool',
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
      table.start(state, o, random, x, y, random.uniform(0.08, 0.16));
      const share = 0.1 + 0.9 * settings.difficulty;
      const draw = (most: number): number => share * random.uniform(-most, most);
      state[o + pos] = -0.04 + draw(0.03);
      state[o + pos + 1] = -0.03 + draw(0.12);
      state[o + pos + 2] = stick.halfHeight;
      const half = draw(0.35) / 2;
      state[o + quat + 2] = sin(half);
      state[o + quat + 3] = cos(half);
      state[o + thing] = random.uniform(nearestX, farthestX);
      state[o + thing + 1] = 0.03 + draw(0.14);
      state[o + thing + 2] = puck.height;
      const turn = random.uniform(-0.4, 0.4) / 2;
      state[o + thingQuat + 2] = sin(turn);
      state[o + thingQuat + 3] = cos(turn);
      // Nothing stands in the stick's way.
      const ty = state[o + thing + 1]!;
      const sy = state[o + pos + 1]!;
      table.scatter(state, o, random, [0.2, ty - 0.04, 0.16, 0.05, ty - 0.04, 0.16, -0.04, sy, 0.14]);
      locate(state, o);
      state[o + startReach] = Math.max(0.01, reach(state, o));
      state[o + startBehind] = Math.max(0.01, behind(state, o));
      state[o + startX] = state[o + thing]!;
    },

    advance: table.holding(actionSpace.dim, held, success),

    observe(state, o, out, at) {
      observeHand(state, o, row, out, at);
      locate(state, o);
      const hides =
        settings.occlusion && length2(tip[0]! - state[o + thing]!, tip[1]! - state[o + thing + 1]!) < 0.05;
      for (let k = 0; k < 3; k++) {
        out[at + 9 + k] = grip[k]! - state[o + row.pos + k]!;
        out[at + 12 + k] = along[k]!;
        out[at + 15 + k] = up[k]!;
        out[at + 24 + k] = hides ? 0 : state[o + thing + k]! - tip[k]!;
      }
      copy3(state, o + vel, out, at + 18);
      copy3(state, o + spin, out, at + 21);
      copy3(state, o + (hides ? vel : thingVel), out, at + 27);
      const x = state[o + thingQuat]!;
      const y = state[o + thingQuat + 1]!;
      const z = state[o + thingQuat + 2]!;
      const w = state[o + thingQuat + 3]!;
      out[at + 30] = hides ? 1 : 1 - 2 * (y * y + z * z);
      out[at + 31] = hides ? 0 : 2 * (x * y + w * z);
      out[at + 32] = (hides ? tip[0]! : state[o + thing]!) - zone;
      clipTo(observationSpace, out, at);
    },

    success,

    stage(state, o) {
      if (success(state, o)) return 4;
      locate(state, o);
      if (!isHeld(state, o)) return reach(state, o) > 0 ? 0 : 1;
      return behind(state, o) > 0 ? 2 : 3;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      locate(state, o);
      if (isLost(state, o)) return 0;
      return clamp(
        nearShare * clamp(1 - reach(state, o) / state[o + startReach]!, 0, 1) +
          (isHeld(state, o) ? graspShare : 0) +
          behindShare * clamp(1 - behind(state, o) / state[o + startBehind]!, 0, 1) +
          pullShare * pulled(state, o),
        0,
        0.99,
      );
    },

    terminal(state, o) {
      return !settings.fixedHorizon && (state[o + held]! >= holdSteps || isLost(state, o));
    },

    reward(_state, _o, _action, _a, next, n, out, at) {
      locate(next, n);
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(reach(next, n), [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 2] = isHeld(next, n) ? 1 : 0;
      out[at + 3] = tolerance(behind(next, n), [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 4] = pulled(next, n);
    },

    expert(state, o, out, at) {
      locate(state, o);
      const gx = state[o + row.pos]!;
      const gy = state[o + row.pos + 1]!;
      const gz = state[o + row.pos + 2]!;
      out[at + 3] = 1;

      if (isHeld(state, o)) {
        const tx = state[o + thing]!;
        const ty = state[o + thing + 1]!;
        // Of the shaft's end, against the thing.
        const hookX = state[o + pos]! + stick.hookX * along[0]! - tx;
        const aside = tip[1]! - hook.pulled - ty;
        const wide = -(hook.high + puck.half * 1.42 + clearBy);
        const isPast = hookX > touch - 0.004;
        let toX: number;
        let toY: number;
        if (success(state, o)) {
          toX = 0;
          toY = 0;
        } else if (isPast && aside > -hook.pulled - 0.016 && aside < -hook.pulled + 0.016) {
          toX = -0.05;
          toY = -hook.pulled - aside;
        } else if (isPast) {
          toX = touch + 0.012 - hookX;
          toY = -hook.pulled - aside;
        } else if (aside < wide + 0.01) {
          toX = touch + 0.02 - hookX;
          toY = wide - aside;
        } else {
          // Back until the hook is clear of the thing, then aside.
          const before = -touch - 0.02;
          toX = before - hookX;
          toY = hookX > before + 0.01 ? 0 : wide - aside;
        }
        moveTowards(state, o + row.pos, gx + toX, gy + toY, hand.low[2], out, at);
        out[at + 3] = 1;
        return;
      }

      const dx = grip[0]! - gx;
      const dy = grip[1]! - gy;
      const opening = state[o + row.opening]!;
      const isRound =
        Math.abs(dx) < 0.02 && Math.abs(dy) < Math.max(0.004, opening - stick.halfWidth - 0.004);
      if (isRound && gz < hand.low[2] + 0.008) {
        moveTowards(state, o + row.pos, grip[0]!, grip[1]!, hand.low[2], out, at);
        return;
      }
      out[at + 3] = -1;
      const clear = 2 * stick.halfHeight + 0.02;
      if (Math.abs(dx) < 0.01 && Math.abs(dy) < 0.008 && opening > 0.03)
        moveTowards(state, o + row.pos, grip[0]!, grip[1]!, hand.low[2], out, at);
      else if (gz < clear - 0.008) moveTowards(state, o + row.pos, gx, gy, clear + 0.01, out, at);
      else moveTowards(state, o + row.pos, grip[0]!, grip[1]!, clear, out, at);
    },

    goals: {
      dim: 1,
      names: ['thing.x'],
      achieved(state, o, out, at) {
        // What has fallen off the table is nowhere.
        out[at] = state[o + thing + 2]! < 0 ? 9 : state[o + thing]!;
      },
      desired(_state, _o, out, at) {
        out[at] = zone;
      },
      computeReward: (achieved, a, desired, d) => (achieved[a]! <= desired[d]! ? 1 : 0),
    },

    poses: table.poses,

    ...table.touch,
  };
}

/** Air between hook and thing in passing. */
const clearBy = 0.014;

export const tool: Task = {
  id: 'tool',
  title: 'Pull with a stick',
  summary: 'Take a stick with a hook and pull something into reach that lies beyond it.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 10_000_000,
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
