/**
 * Push a block over the table to a goal with closed fingers. Sliding friction, contact that must be made on the right
 * side, and a goal that is overshot when one is careless.
 */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { calm, hand } from '../robots/hand.ts';
import { tolerance } from '../tolerance.ts';
import {
  block,
  blockObserver,
  bodyRow,
  difficultyField,
  ease,
  goalRange,
  hasFallen,
  occlusionField,
  restGoals,
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
import {
  controlDt,
  goalMarker,
  holdSteps,
  looseBox,
  physicsSteps,
  tableFields,
  tableFriction,
  tableWorld,
} from './table.ts';

const fields = {
  ...tableFields(100),
  difficulty: difficultyField(
    'goals are near and straight ahead',
    'they lie in any direction, the gripper starts on any side, and the radius that counts falls to the half',
  ),
  occlusion: occlusionField,
  goalRadius: goalRadiusField(0.04),
  goalDistanceMin: {
    type: 'number',
    default: 0.1,
    min: 0.01,
    max: 0.3,
    unit: 'm',
    help: 'Least distance of the goal from the block at the start',
  },
  goalDistanceMax: {
    type: 'number',
    default: 0.25,
    min: 0.01,
    max: 0.3,
    unit: 'm',
    help: 'Largest distance of the goal from the block at the start',
  },
  goalAngle: {
    type: 'number',
    default: 0.7,
    min: 0,
    max: 3.14,
    unit: 'rad',
    help: 'Largest angle between straight ahead (+x) and the way from block to goal',
  },
  startAngle: {
    type: 'number',
    default: 0.7,
    min: 0,
    max: 3.14,
    unit: 'rad',
    help: 'Largest angle round the block between the gripper at the start and the place right behind the block',
  },
  startYaw: {
    type: 'number',
    default: 0.4,
    min: 0,
    max: 0.78,
    unit: 'rad',
    help: 'Largest turn of the block at the start',
  },
  friction: tableFriction,
} as const satisfies Fields;

const actionSpace = boxSpace(xyz('velocity', 1));

const stages: readonly Stage[] = [
  { id: 'approach', title: 'Get behind the block' },
  { id: 'push', title: 'Push it to the goal' },
  { id: 'done', title: 'Let it rest at the goal' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'The block rests within the goal radius' },
  {
    id: 'near',
    kind: 'dense',
    weight: 0.3,
    help: 'The gripper is close behind the block, on the side away from the goal',
  },
  { id: 'toGoal', kind: 'dense', weight: 0.7, help: 'The block is close to the goal' },
];

/** Below this speed the block counts as resting, m/s. */
const restSpeed = 0.1;
/** The place to push from: this far behind the block's middle, at this height of the fingertips. */
const behind = 0.045;
const pushHeight = 0.015;
/** Being this near to that place is as good as being there. */
const reachSlack = 0.03;
/** Share of the progress that getting behind the block is worth. */
const approachShare = 0.25;

/** Distance of the block's middle (at 0) from the straight way between two points. */
function clearance(fromX: number, fromY: number, toX: number, toY: number): number {
  const wx = toX - fromX;
  const wy = toY - fromY;
  const length = wx * wx + wy * wy;
  const t = length > 1e-12 ? clamp(-(fromX * wx + fromY * wy) / length, 0, 1) : 0;
  return length2(fromX + t * wx, fromY + t * wy);
}

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  wantGoalAway('push', 'block', settings);
  const { radius, nearest, farthest } = goalRange(settings);
  const { spread, extra } = ease(settings.difficulty);
  const anyWay = (angle: number): number => spread * angle + extra * (Math.PI - angle);
  const goalAngle = anyWay(settings.goalAngle);
  const startAngle = anyWay(settings.startAngle);
  const { distractors, randomisation, friction } = settings;
  const kit = tableWorld({
    bodies: [looseBox('block', [block.half, block.half, block.half], block.mass)],
    looks: { block: { role: 'object' } },
    own: [
      ['goal', 3, 'm'],
      ['startGoalDistance', 1, 'm'],
      ['startReach', 1, 'm'],
      ['held', 1, 'steps'],
    ],
    hand: { fingers: false, palm: false, ...calm },
    distractors,
    randomisation,
    friction,
    markers: [goalMarker(radius)],
  });
  const { row, world } = kit;
  const { stateDim } = world;
  const body = bodyRow(kit, 'block');
  const goal = world.at('goal');
  const startGoalDistance = world.at('startGoalDistance');
  const startReach = world.at('startReach');
  const held = world.at('held');
  const { space: observationSpace, observe } = blockObserver(kit, ['block'], goal, settings);
  const goals = restGoals('block', body, goal, held, radius, restSpeed);

  /** Horizontal distance of the block from the goal. */
  const goalDistance = (state: Float64Array, o: number): number =>
    length2(state[o + goal]! - state[o + body.pos]!, state[o + goal + 1]! - state[o + body.pos + 1]!);

  /** Distance of the gripper from the place to push from, 0 within the slack. */
  const reachDistance = (state: Float64Array, o: number): number => {
    const d = goalDistance(state, o);
    const scale = d > 1e-9 ? behind / d : 0;
    const x = state[o + body.pos]! - scale * (state[o + goal]! - state[o + body.pos]!);
    const y = state[o + body.pos + 1]! - scale * (state[o + goal + 1]! - state[o + body.pos + 1]!);
    const reach = length3(
      state[o + row.pos]! - x,
      state[o + row.pos + 1]! - y,
      // Any height at which the fingers meet the block will do.
      Math.max(0, state[o + row.pos + 2]! - 0.035),
    );
    return Math.max(0, reach - reachSlack);
  };

  const success = (state: Float64Array, o: number): boolean => goals.isReached(state, o);

  return {
    id: 'push',
    version: 3,
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
      // Block and goal lie evenly round the middle of the table.
      const middleX = random.uniform(-0.01, 0.05);
      const middleY = random.uniform(-0.05, 0.05);
      const blockX = middleX - (wayX * distance) / 2;
      const blockY = middleY - (wayY * distance) / 2;
      const halfYaw = (spread * random.uniform(-settings.startYaw, settings.startYaw)) / 2;
      const around = angle + random.uniform(-startAngle, startAngle);
      const away = random.uniform(0.09, 0.14);
      kit.start(
        state,
        o,
        random,
        clamp(blockX - away * cos(around), hand.low[0], hand.high[0]),
        clamp(blockY - away * sin(around), hand.low[1], hand.high[1]),
        random.uniform(0.02, 0.06),
      );
      state[o + goal] = middleX + (wayX * distance) / 2;
      state[o + goal + 1] = middleY + (wayY * distance) / 2;
      state[o + goal + 2] = block.half;
      state[o + body.pos] = blockX;
      state[o + body.pos + 1] = blockY;
      state[o + body.pos + 2] = block.half;
      state[o + body.quat + 2] = sin(halfYaw);
      state[o + body.quat + 3] = cos(halfYaw);
      state[o + startGoalDistance] = goalDistance(state, o);
      state[o + startReach] = Math.max(0.01, reachDistance(state, o));
      if (distractors > 0) {
        const { pos } = row;
        kit.scatter(state, o, random, [
          ...[blockX, blockY, 0.06, state[o + goal]!, state[o + goal + 1]!, 0.06],
          ...[state[o + pos]!, state[o + pos + 1]!, 0.03],
        ]);
      }
    },

    advance: kit.holding(actionSpace.dim, held, success),

    observe,
    success,

    stage(state, o) {
      if (success(state, o)) return 2;
      return reachDistance(state, o) > 0 ? 0 : 1;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      if (hasFallen(state, o, body)) return 0;
      // A block that is there needs no pusher, even while it still slides.
      const reach = goalDistance(state, o) < radius ? 0 : reachDistance(state, o);
      const behindIt = clamp(1 - reach / state[o + startReach]!, 0, 1);
      // Negative where the block is farther away than it was: that eats up the share of the approach.
      const moved =
        (state[o + startGoalDistance]! - goalDistance(state, o)) / (state[o + startGoalDistance]! - radius);
      return clamp(approachShare * behindIt + (1 - approachShare) * Math.min(1, moved), 0, 0.99);
    },

    terminal: (state, o) =>
      !settings.fixedHorizon && (state[o + held]! >= holdSteps || hasFallen(state, o, body)),

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(reachDistance(next, n), [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 2] = tolerance(goalDistance(next, n), [0, radius / 2], { margin: 0.2, sigmoid: 'long_tail' });
    },

    expert(state, o, out, at) {
      const bx = state[o + body.pos]!;
      const by = state[o + body.pos + 1]!;
      const gx = state[o + row.pos]! - bx;
      const gy = state[o + row.pos + 1]! - by;
      const gz = state[o + row.pos + 2]!;
      const d = goalDistance(state, o);
      const off = length2(gx, gy);
      if (d < 0.45 * radius || (d < 0.8 * radius && off > 0.05)) {
        // There, or near enough once let go: leave the block alone, a little way off.
        const speed = off > 1e-9 ? clamp((8 * (0.07 - off)) / row.speed, 0, 0.5) / off : 0;
        writeCommand(speed * gx, speed * gy, 0, out, at);
        return;
      }
      const wayX = (state[o + goal]! - bx) / d;
      const wayY = (state[o + goal + 1]! - by) / d;
      const along = gx * wayX + gy * wayY;
      const aside = gy * wayX - gx * wayY;
      const lift = (8 * (pushHeight - gz)) / row.speed;
      if (along < -0.03 && along > -0.075 && Math.abs(aside) < 0.016 && gz < 0.042) {
        // Behind it: push, slower near the goal, and stay on the line through block and goal.
        // Within the goal so slowly that the block counts as resting.
        const most = d < radius ? 0.4 : 1;
        const speed = clamp((6 * (d - 0.3 * radius)) / row.speed, 0.25, most);
        const correct = clamp((-10 * aside) / row.speed, -most, most);
        writeCommand(speed * wayX - correct * wayY, speed * wayY + correct * wayX, lift, out, at);
        return;
      }
      // Go to the place behind it: straight where the way is free, else over the block.
      const toX = -0.06 * wayX;
      const toY = -0.06 * wayY;
      const nearest = clearance(gx, gy, toX, toY);
      // A way that leads off from behind the block is free however close it begins.
      const free = nearest > 0.05 || (along < -0.02 && nearest > off - 0.001);
      const high = 0.08;
      if (free) moveTowards(state, o + row.pos, bx + toX, by + toY, pushHeight, out, at);
      else if (gz < 0.07) writeCommand(0, 0, 1, out, at);
      else moveTowards(state, o + row.pos, bx + toX, by + toY, high, out, at);
    },

    poses: kit.poses,

    ...kit.touch,
    goals: goals.face,
  };
}

export const push: Task = {
  id: 'push',
  title: 'Push',
  summary: 'Push a block over the table to a goal with closed fingers.',
  version: 3,
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
    // Noise alone hardly ever moves the block: one step in five goes on in a random direction for half a second.
    sac: {
      reward: 'sparse',
      settings: {
        steps: 400_000,
        worlds: 16,
        hindsight: 'future',
        learningStarts: 5000,
        randomActions: 0.2,
        randomHold: 10,
        updatesPerStep: 0.25,
        batch: 128,
        tau: 0.02,
        hiddenSize: 128,
        gamma: 0.97,
        learningRateSchedule: 'linear',
      },
    },
  },
  create,
};
