/** Hit a puck on a slippery table so that it comes to rest at a goal that the hand cannot reach: one shot, nothing to correct. */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { hand } from '../robots/hand.ts';
import { tolerance } from '../tolerance.ts';
import {
  blockObserver,
  bodyRow,
  difficultyField,
  ease,
  goalRange,
  hasFallen,
  occlusionField,
  restGoals,
  speedOf,
} from './blocks.ts';
import {
  boxSpace,
  goalRadiusField,
  length2,
  length3,
  moveTowards,
  wantGoalAway,
  writeCommand,
  xyz,
} from './parts.ts';
import { controlDt, holdSteps, looseBox, physicsSteps, tableFields, tableWorld } from './table.ts';

const fields = {
  ...tableFields(100),
  difficulty: difficultyField(
    'goals are at their least distance and straight ahead',
    'the angles double and the radius that counts falls to the half',
  ),
  occlusion: occlusionField,
  goalRadius: goalRadiusField(0.05),
  goalDistanceMin: {
    type: 'number',
    default: 0.24,
    min: 0.22,
    max: 0.4,
    unit: 'm',
    help: 'Least distance of the goal from the puck at the start',
  },
  goalDistanceMax: {
    type: 'number',
    default: 0.34,
    min: 0.22,
    max: 0.4,
    unit: 'm',
    help: 'Largest distance of the goal from the puck at the start',
  },
  goalAngle: {
    type: 'number',
    default: 0.25,
    min: 0,
    max: 0.4,
    unit: 'rad',
    help: 'Largest angle between straight ahead (+x) and the way from puck to goal',
  },
  friction: {
    type: 'number',
    default: 0.015,
    min: 0.008,
    max: 0.02,
    help: 'Friction coefficient between puck and table; a puck at 0.25 m/s slides 0.0032 m divided by this',
  },
} as const satisfies Fields;

const actionSpace = boxSpace(xyz('velocity', 1));

const stages: readonly Stage[] = [
  { id: 'approach', title: 'Get behind the puck' },
  { id: 'strike', title: 'Strike it towards the goal' },
  { id: 'slide', title: 'Let it slide' },
  { id: 'done', title: 'It rests at the goal' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'The puck rests within the goal radius' },
  {
    id: 'near',
    kind: 'dense',
    weight: 0.2,
    help: 'The gripper is close behind the puck, or the puck is on its way',
  },
  {
    id: 'aim',
    kind: 'dense',
    weight: 0.4,
    help: 'Where the puck would come to rest by friction alone is close to the goal',
  },
  { id: 'toGoal', kind: 'dense', weight: 0.4, help: 'The puck is close to the goal' },
];

/** Half sizes of the puck, m, and its mass, kg. */
const puckHalf = [0.03, 0.03, 0.01] as const;
const puckMass = 0.1;
/** The hand stays on this side of the table. */
const reachX = -0.02;
/** Where the puck starts along x. */
const startX = [-0.15, -0.11] as const;
/** Farthest place of the puck's middle that the hand still touches. */
const touchX = reachX + hand.fingerHalfX + puckHalf[0];
/** Below this speed the puck counts as resting, above `movingSpeed` as on its way, m/s. */
const restSpeed = 0.03;
const movingSpeed = 0.05;
const gravity = 9.81;
/** The place to strike from: this far behind the puck's middle, at this height of the fingertips. */
const behind = 0.055;
const strikeHeight = 0.008;
const reachSlack = 0.02;
const approachShare = 0.2;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  wantGoalAway('slide', 'puck', settings);
  const { radius, nearest, farthest } = goalRange(settings);
  // Pushed as far as the hand reaches, the puck has to slide the rest.
  const heaviest = settings.friction * (1 + settings.randomisation);
  const possible = touchX - startX[1] + (hand.speed * hand.speed) / (2 * heaviest * gravity);
  if (settings.goalDistanceMax > possible) {
    throw new RangeError(
      `slide: goalDistanceMax is ${settings.goalDistanceMax}, wanted at most ${possible.toFixed(3)}: a puck on a friction of up to ${heaviest} slides no farther`,
    );
  }
  const { spread, extra } = ease(settings.difficulty);
  const goalAngle = settings.goalAngle * (spread + extra);
  const { distractors, randomisation, friction } = settings;
  const kit = tableWorld({
    bodies: [looseBox('puck', puckHalf, puckMass)],
    looks: { puck: { role: 'object' } },
    own: [
      ['goal', 3, 'm'],
      ['startGoalDistance', 1, 'm'],
      ['startReach', 1, 'm'],
      ['held', 1, 'steps'],
    ],
    hand: { fingers: false, palm: false, high: [reachX, hand.high[1], hand.high[2]] },
    distractors,
    randomisation,
    friction,
    markers: [
      {
        // A disc on the table, so that the puck can be seen to rest on it.
        body: { name: 'goal', shape: { type: 'cylinder', radius, length: 0.004 }, role: 'goal' },
        place(state, o, out, at, world) {
          const from = o + world.at('goal');
          out[at] = state[from]!;
          out[at + 1] = state[from + 1]!;
          out[at + 2] = 0.002;
        },
      },
    ],
  });
  const { row, world } = kit;
  const { stateDim } = world;
  const body = bodyRow(kit, 'puck');
  const goal = world.at('goal');
  const startGoalDistance = world.at('startGoalDistance');
  const startReach = world.at('startReach');
  const held = world.at('held');
  const frictionScale = world.at('frictionScale');
  const { space: observationSpace, observe } = blockObserver(kit, ['puck'], goal, settings);
  const goals = restGoals('puck', body, goal, held, radius, restSpeed);
  const success = (state: Float64Array, o: number): boolean => goals.isReached(state, o);

  const goalDistance = (state: Float64Array, o: number): number =>
    length2(state[o + goal]! - state[o + body.pos]!, state[o + goal + 1]! - state[o + body.pos + 1]!);

  /** Twice the deceleration by friction, m/s2. */
  const braking = (state: Float64Array, o: number): number =>
    2 * friction * state[o + frictionScale]! * gravity;

  /** Distance from the goal at which the puck will come to rest if nothing touches it. */
  const missDistance = (state: Float64Array, o: number): number => {
    const vx = state[o + body.vel]!;
    const vy = state[o + body.vel + 1]!;
    // It slides v^2 / (2 mu g), that is v |v| / (2 mu g) as a vector.
    const way = length2(vx, vy) / braking(state, o);
    return length2(
      state[o + goal]! - state[o + body.pos]! - vx * way,
      state[o + goal + 1]! - state[o + body.pos + 1]! - vy * way,
    );
  };

  /** On its way, or where no hand gets: nothing to be done. */
  const isAway = (state: Float64Array, o: number): boolean =>
    state[o + body.pos]! > touchX || speedOf(state, o, body) > movingSpeed;

  const isLost = (state: Float64Array, o: number): boolean =>
    hasFallen(state, o, body) ||
    (state[o + body.pos]! > touchX && speedOf(state, o, body) < 0.002 && !success(state, o));

  /** Distance of the gripper from the place to strike from, 0 within the slack. */
  const reachDistance = (state: Float64Array, o: number): number => {
    const d = goalDistance(state, o);
    const scale = d > 1e-9 ? behind / d : 0;
    const x = state[o + body.pos]! - scale * (state[o + goal]! - state[o + body.pos]!);
    const y = state[o + body.pos + 1]! - scale * (state[o + goal + 1]! - state[o + body.pos + 1]!);
    const reach = length3(
      state[o + row.pos]! - x,
      state[o + row.pos + 1]! - y,
      Math.max(0, state[o + row.pos + 2]! - 0.012),
    );
    return Math.max(0, reach - reachSlack);
  };

  return {
    id: 'slide',
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
    bodies: kit.bodies,

    reset(seed, state, o) {
      const random = createRandom(seed);
      const angle = random.uniform(-goalAngle, goalAngle);
      const distance = random.uniform(nearest, farthest);
      const wayX = cos(angle);
      const wayY = sin(angle);
      const puckX = random.uniform(...startX);
      // Start and goal lie evenly round the middle line.
      const puckY = random.uniform(-0.08, 0.08) - (wayY * distance) / 2;
      const around = angle + random.uniform(-0.4, 0.4);
      const away = random.uniform(0.07, 0.1);
      kit.start(
        state,
        o,
        random,
        clamp(puckX - away * cos(around), hand.low[0], reachX),
        puckY - away * sin(around),
        random.uniform(0.02, 0.06),
      );
      state[o + goal] = puckX + wayX * distance;
      state[o + goal + 1] = puckY + wayY * distance;
      state[o + goal + 2] = puckHalf[2];
      state[o + body.pos] = puckX;
      state[o + body.pos + 1] = puckY;
      state[o + body.pos + 2] = puckHalf[2];
      state[o + startGoalDistance] = goalDistance(state, o);
      state[o + startReach] = Math.max(0.01, reachDistance(state, o));
      if (distractors > 0) {
        const spots = [state[o + row.pos]!, state[o + row.pos + 1]!, 0.05];
        for (let way = 0; way < distance + 0.06; way += 0.06)
          spots.push(puckX + wayX * way, puckY + wayY * way, 0.07);
        kit.scatter(state, o, random, spots);
      }
    },

    advance: kit.holding(actionSpace.dim, held, success),

    observe,
    success,

    stage(state, o) {
      if (success(state, o)) return 3;
      if (isAway(state, o)) return 2;
      return reachDistance(state, o) > 0 ? 0 : 1;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      if (hasFallen(state, o, body)) return 0;
      const reach = isAway(state, o) || goalDistance(state, o) < radius ? 0 : reachDistance(state, o);
      const behindIt = clamp(1 - reach / state[o + startReach]!, 0, 1);
      const moved =
        (state[o + startGoalDistance]! - goalDistance(state, o)) / (state[o + startGoalDistance]! - radius);
      return clamp(approachShare * behindIt + (1 - approachShare) * Math.min(1, moved), 0, 0.99);
    },

    terminal: (state, o) => !settings.fixedHorizon && (state[o + held]! >= holdSteps || isLost(state, o)),

    reward(_state, _o, _action, _a, next, n, out, at) {
      const reach = isAway(next, n) ? 0 : reachDistance(next, n);
      const far = { margin: 0.2, sigmoid: 'long_tail' } as const;
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(reach, [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 2] = tolerance(missDistance(next, n), [0, radius / 2], far);
      out[at + 3] = tolerance(goalDistance(next, n), [0, radius / 2], far);
    },

    expert(state, o, out, at) {
      const px = state[o + body.pos]!;
      const py = state[o + body.pos + 1]!;
      const gx = state[o + row.pos]! - px;
      const gy = state[o + row.pos + 1]! - py;
      const gz = state[o + row.pos + 2]!;
      const d = goalDistance(state, o);
      const vx = state[o + body.vel]!;
      const vy = state[o + body.vel + 1]!;
      const speed = length2(vx, vy);
      if (missDistance(state, o) < 0.4 * radius || px > touchX) {
        writeCommand(0, 0, 0, out, at);
        return;
      }
      const wayX = (state[o + goal]! - px) / d;
      const wayY = (state[o + goal + 1]! - py) / d;
      const along = gx * wayX + gy * wayY;
      const aside = gy * wayX - gx * wayY;
      const lift = (8 * (strikeHeight - gz)) / hand.speed;
      // Speed with which it slides just so far.
      const wanted = Math.sqrt(braking(state, o) * d);
      if (
        along < -0.03 &&
        along > -0.085 &&
        Math.abs(aside) < (speed > movingSpeed ? 0.024 : 0.012) &&
        gz < 0.016
      ) {
        const command = Math.min(1, (wanted + 0.002) / hand.speed);
        const push = speed > wanted ? 0 : command;
        const correct = clamp((-3 * aside) / hand.speed, -0.4, 0.4);
        writeCommand(push * wayX - correct * wayY, push * wayY + correct * wayX, lift, out, at);
        return;
      }
      if (speed > movingSpeed) {
        // Missed: wait for it to come to rest.
        writeCommand(0, 0, 0, out, at);
        return;
      }
      const toX = px - 0.065 * wayX;
      const toY = py - 0.065 * wayY;
      const clear = along < -0.045 || gz > 0.035;
      if (!clear) moveTowards(state, o + row.pos, px + gx, py + gy, 0.05, out, at);
      else {
        const near = length2(toX - px - gx, toY - py - gy) < 0.008;
        const low = near || (along < -0.05 && gz < 0.03);
        moveTowards(state, o + row.pos, toX, toY, low ? strikeHeight : 0.045, out, at);
      }
    },

    poses: kit.poses,

    ...kit.touch,
    goals: goals.face,
  };
}

export const slide: Task = {
  id: 'slide',
  title: 'Slide',
  summary: 'Strike a puck so that it slides to a goal beyond the reach of the hand and stops there.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 3_000_000,
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
