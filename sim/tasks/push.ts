/**
 * Push a block over the table to a goal with closed fingers. Sliding friction, contact that must be made on the right
 * side, and a goal that is overshot when one is careless.
 */

import { row, scene, stepWorlds, type WorldSpec } from '../engine/gripper-world.ts';
import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import {
  blockFell,
  blockFields,
  blockFriction,
  boxSpace,
  clipTo,
  commandTowards,
  controlDt,
  copy3,
  difference3,
  drawnScene,
  goalRadiusField,
  gripperFields,
  holdSteps,
  layoutOf,
  length2,
  length3,
  substeps,
  tableFields,
  wantGoalAway,
  writeCommand,
  xyz,
} from './parts.ts';

const fields = {
  ...tableFields(100),
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
  friction: blockFriction,
} as const satisfies Fields;

// Numbers after the block's own.
const goal = row.blockEnd;
const startGoalDistance = goal + 3;
const startReach = goal + 4;
const held = goal + 5;
const stateDim = goal + 6;

const stateLayout = layoutOf([
  ...gripperFields,
  ...blockFields,
  ['goal', 3, 'm'],
  ['startGoalDistance', 1, 'm'],
  ['startReach', 1, 'm'],
  ['held', 1, 'steps'],
]);

const observationSpace = boxSpace([
  ...xyz('gripperPos', 1),
  ...xyz('gripperVel', 2),
  ...xyz('gripperToBlock', 3),
  ...xyz('blockToGoal', 3),
  ...xyz('blockVel', 10),
  ['blockYaw.cos', 1.001],
  ['blockYaw.sin', 1.001],
  ['blockSpin', 100],
]);

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
const pushHeight = 0.022;
/** Being this near to that place is as good as being there. */
const reachSlack = 0.03;
/** Share of the progress that getting behind the block is worth. */
const approachShare = 0.25;

/** Horizontal distance of the block from the goal. */
const goalDistance = (state: Float64Array, o: number): number =>
  length2(state[o + goal]! - state[o + row.blockPos]!, state[o + goal + 1]! - state[o + row.blockPos + 1]!);

/** Distance of the gripper from the place to push from, 0 within the slack. */
function reachDistance(state: Float64Array, o: number): number {
  const d = goalDistance(state, o);
  const scale = d > 1e-9 ? behind / d : 0;
  const x = state[o + row.blockPos]! - scale * (state[o + goal]! - state[o + row.blockPos]!);
  const y = state[o + row.blockPos + 1]! - scale * (state[o + goal + 1]! - state[o + row.blockPos + 1]!);
  const reach = length3(
    state[o + row.gripperPos]! - x,
    state[o + row.gripperPos + 1]! - y,
    // Any height at which the fingers meet the block will do.
    Math.max(0, state[o + row.gripperPos + 2]! - 0.035),
  );
  return Math.max(0, reach - reachSlack);
}

function observe(state: Float64Array, o: number, out: Float64Array, at: number): void {
  copy3(state, o + row.gripperPos, out, at);
  copy3(state, o + row.gripperVel, out, at + 3);
  difference3(state, o + row.blockPos, state, o + row.gripperPos, out, at + 6);
  difference3(state, o + goal, state, o + row.blockPos, out, at + 9);
  copy3(state, o + row.blockVel, out, at + 12);
  out[at + 15] = state[o + row.blockYaw]!;
  out[at + 16] = state[o + row.blockYaw + 1]!;
  out[at + 17] = state[o + row.blockSpin]!;
  clipTo(observationSpace, out, at);
}

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
  const world: WorldSpec = {
    stride: stateDim,
    hasBlock: true,
    hasFingers: false,
    physicsDt: controlDt / substeps,
    substeps,
    tableFriction: settings.friction,
  };
  const { goalRadius } = settings;
  const drawn = drawnScene(goal, goalRadius, true);

  const success = (state: Float64Array, o: number): boolean =>
    goalDistance(state, o) < goalRadius &&
    !blockFell(state, o) &&
    length3(state[o + row.blockVel]!, state[o + row.blockVel + 1]!, state[o + row.blockVel + 2]!) < restSpeed;

  return {
    id: 'push',
    version: 2,
    settings,
    controlDt,
    substeps,
    horizon: settings.horizon,
    stateDim,
    stateLayout,
    observationSpace,
    actionSpace,
    stages,
    rewardTerms,
    bodies: drawn.bodies,

    reset(seed, state, o) {
      const random = createRandom(seed);
      state.fill(0, o, o + stateDim);
      const angle = random.uniform(-settings.goalAngle, settings.goalAngle);
      const distance = random.uniform(settings.goalDistanceMin, settings.goalDistanceMax);
      const wayX = cos(angle);
      const wayY = sin(angle);
      // Block and goal lie evenly round the middle of the table.
      const middleX = random.uniform(-0.01, 0.05);
      const middleY = random.uniform(-0.05, 0.05);
      const blockX = middleX - (wayX * distance) / 2;
      const blockY = middleY - (wayY * distance) / 2;
      state[o + goal] = middleX + (wayX * distance) / 2;
      state[o + goal + 1] = middleY + (wayY * distance) / 2;
      state[o + goal + 2] = scene.blockHalf;
      const yaw = random.uniform(-settings.startYaw, settings.startYaw);
      state[o + row.blockPos] = blockX;
      state[o + row.blockPos + 1] = blockY;
      state[o + row.blockPos + 2] = scene.blockHalf;
      state[o + row.blockYaw] = cos(yaw);
      state[o + row.blockYaw + 1] = sin(yaw);
      const around = angle + random.uniform(-settings.startAngle, settings.startAngle);
      const away = random.uniform(0.09, 0.14);
      const low = scene.workspaceLow;
      const high = scene.workspaceHigh;
      state[o + row.gripperPos] = clamp(blockX - away * cos(around), low[0], high[0]);
      state[o + row.gripperPos + 1] = clamp(blockY - away * sin(around), low[1], high[1]);
      state[o + row.gripperPos + 2] = random.uniform(0.02, 0.06);
      state[o + startGoalDistance] = goalDistance(state, o);
      state[o + startReach] = Math.max(0.01, reachDistance(state, o));
    },

    advance(states, actions, first, count) {
      stepWorlds(world, states, actions, actionSpace.dim, first, count);
      for (let o = first * stateDim; o < (first + count) * stateDim; o += stateDim) {
        states[o]! += 1;
        states[o + held] = success(states, o) ? states[o + held]! + 1 : 0;
      }
    },

    observe,
    success,

    stage(state, o) {
      if (success(state, o)) return 2;
      return reachDistance(state, o) > 0 ? 0 : 1;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      if (blockFell(state, o)) return 0;
      // A block that is there needs no pusher, even while it still slides.
      const reach = goalDistance(state, o) < goalRadius ? 0 : reachDistance(state, o);
      const behindIt = clamp(1 - reach / state[o + startReach]!, 0, 1);
      // Negative where the block is farther away than it was: that eats up the share of the approach.
      const moved =
        (state[o + startGoalDistance]! - goalDistance(state, o)) /
        (state[o + startGoalDistance]! - goalRadius);
      return clamp(approachShare * behindIt + (1 - approachShare) * Math.min(1, moved), 0, 0.99);
    },

    terminal: (state, o) => !settings.fixedHorizon && (state[o + held]! >= holdSteps || blockFell(state, o)),

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(reachDistance(next, n), [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 2] = tolerance(goalDistance(next, n), [0, goalRadius / 2], {
        margin: 0.2,
        sigmoid: 'long_tail',
      });
    },

    expert(state, o, out, at) {
      const bx = state[o + row.blockPos]!;
      const by = state[o + row.blockPos + 1]!;
      const gx = state[o + row.gripperPos]! - bx;
      const gy = state[o + row.gripperPos + 1]! - by;
      const gz = state[o + row.gripperPos + 2]!;
      const d = goalDistance(state, o);
      const off = length2(gx, gy);
      if (d < 0.45 * goalRadius || (d < 0.8 * goalRadius && off > 0.05)) {
        // There, or near enough once let go: leave the block alone, a little way off.
        const speed = off > 1e-9 ? clamp((8 * (0.07 - off)) / scene.gripperSpeed, 0, 0.5) / off : 0;
        writeCommand(speed * gx, speed * gy, 0, out, at);
        return;
      }
      const wayX = (state[o + goal]! - bx) / d;
      const wayY = (state[o + goal + 1]! - by) / d;
      const along = gx * wayX + gy * wayY;
      const aside = gy * wayX - gx * wayY;
      const lift = (8 * (pushHeight - gz)) / scene.gripperSpeed;
      if (along < -0.03 && along > -0.075 && Math.abs(aside) < 0.016 && gz < 0.042) {
        // Behind it: push, slower near the goal, and stay on the line through block and goal.
        // Within the goal so slowly that the block counts as resting.
        const most = d < goalRadius ? 0.4 : 1;
        const speed = clamp((6 * (d - 0.3 * goalRadius)) / scene.gripperSpeed, 0.25, most);
        const correct = clamp((-10 * aside) / scene.gripperSpeed, -most, most);
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
      if (free) commandTowards(state, o, bx + toX, by + toY, pushHeight, out, at);
      else if (gz < 0.07) writeCommand(0, 0, 1, out, at);
      else commandTowards(state, o, bx + toX, by + toY, high, out, at);
    },

    poses: drawn.poses,
  };
}

export const push: Task = {
  id: 'push',
  title: 'Push',
  summary: 'Push a block over the table to a goal with closed fingers.',
  version: 2,
  fields,
  create,
};
