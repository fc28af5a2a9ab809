/** Grasp a block and bring it to a goal on the table or in the air: a chain of stages that must come in order. */

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
  xyz,
} from './parts.ts';

const fields = {
  ...tableFields(120),
  goalRadius: goalRadiusField(0.03),
  goalDistanceMin: {
    type: 'number',
    default: 0.1,
    min: 0.01,
    max: 0.2,
    unit: 'm',
    help: 'Least horizontal distance of the goal from the block at the start',
  },
  goalDistanceMax: {
    type: 'number',
    default: 0.2,
    min: 0.01,
    max: 0.3,
    unit: 'm',
    help: 'Largest horizontal distance of the goal from the block at the start',
  },
  airShare: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    help: 'Share of the episodes whose goal is in the air; the others have it on the table',
  },
  goalHeight: {
    type: 'number',
    default: 0.15,
    min: 0.05,
    max: 0.2,
    unit: 'm',
    help: 'Greatest height of the block at a goal in the air',
  },
  startYaw: {
    type: 'number',
    default: 0.2,
    min: 0,
    max: 0.3,
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
  ['opening', 0.1],
  ['openingRate', 1],
  // How far inside the pads the servo aims: how hard it squeezes.
  ['squeeze', 0.1],
  ...xyz('gripperToBlock', 3),
  ...xyz('blockToGoal', 3),
  ...xyz('blockVel', 10),
  ['blockYaw.cos', 1.001],
  ['blockYaw.sin', 1.001],
  ['blockSpin', 100],
]);

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const stages: readonly Stage[] = [
  { id: 'approach', title: 'Bring the open fingers round the block' },
  { id: 'grasp', title: 'Close them' },
  { id: 'lift', title: 'Lift the block' },
  { id: 'carry', title: 'Carry it to the goal' },
  { id: 'done', title: 'Keep it there' },
];

const rewardTerms: readonly RewardTerm[] = [
  {
    id: 'success',
    kind: 'sparse',
    weight: 1,
    help: 'The block is within the goal radius and nearly at rest',
  },
  { id: 'near', kind: 'dense', weight: 0.2, help: 'The gripper is close to where it can grasp the block' },
  { id: 'grasped', kind: 'dense', weight: 0.2, help: 'The block is held between the fingers' },
  { id: 'toGoal', kind: 'dense', weight: 0.6, help: 'The block is close to the goal' },
];

/** Below this speed the block counts as resting, m/s. A hand that trembles a little may still hold it. */
const restSpeed = 0.13;
/** Height of the fingertips when the block on the table is grasped, and the block's middle above them. */
const graspHeight = 0.015;
const gripToBlock = scene.blockHalf - graspHeight;
/** Being this near to the place to grasp from is as good as being there. */
const reachSlack = 0.012;
const approachShare = 0.25;
const graspShare = 0.15;
/** A block whose bottom is this high is lifted. */
const liftedHeight = 0.015;

const goalDistance = (state: Float64Array, o: number): number =>
  length3(
    state[o + goal]! - state[o + row.blockPos]!,
    state[o + goal + 1]! - state[o + row.blockPos + 1]!,
    state[o + goal + 2]! - state[o + row.blockPos + 2]!,
  );

const reachDistance = (state: Float64Array, o: number): number =>
  Math.max(
    0,
    length3(
      state[o + row.blockPos]! - state[o + row.gripperPos]!,
      state[o + row.blockPos + 1]! - state[o + row.gripperPos + 1]!,
      state[o + row.blockPos + 2]! - state[o + row.gripperPos + 2]! - gripToBlock,
    ) - reachSlack,
  );

/** 1 when grasped; below half, and rising, while the fingers close at the right place. */
function graspQuality(state: Float64Array, o: number): number {
  if (isGrasped(state, o)) return 1;
  const there = tolerance(reachDistance(state, o), [0, 0], { margin: 0.03 });
  const closing = tolerance(state[o + row.opening]!, [0.8 * scene.blockHalf, scene.blockHalf], {
    margin: scene.openingMax - scene.blockHalf,
    sigmoid: 'linear',
    valueAtMargin: 0,
  });
  return 0.5 * there * closing;
}

/** The block is between the fingers and both pads are at it. */
function isGrasped(state: Float64Array, o: number): boolean {
  const width =
    scene.blockHalf * (Math.abs(state[o + row.blockYaw]!) + Math.abs(state[o + row.blockYaw + 1]!));
  const opening = state[o + row.opening]!;
  const up = state[o + row.blockPos + 2]! - state[o + row.gripperPos + 2]!;
  return (
    Math.abs(state[o + row.blockPos]! - state[o + row.gripperPos]!) < 0.028 &&
    Math.abs(state[o + row.blockPos + 1]! - state[o + row.gripperPos + 1]!) < 0.01 &&
    up > -0.015 &&
    up < scene.blockHalf + 0.015 &&
    opening < width + 0.0015 &&
    opening > 0.8 * scene.blockHalf
  );
}

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  wantGoalAway('pick-place', 'block', settings);
  const world: WorldSpec = {
    stride: stateDim,
    hasBlock: true,
    hasFingers: true,
    physicsDt: controlDt / substeps,
    substeps,
    tableFriction: settings.friction,
  };
  const { goalRadius } = settings;
  const drawn = drawnScene(goal, goalRadius, true);

  const success = (state: Float64Array, o: number): boolean =>
    goalDistance(state, o) < goalRadius &&
    length3(state[o + row.blockVel]!, state[o + row.blockVel + 1]!, state[o + row.blockVel + 2]!) < restSpeed;

  return {
    id: 'pick-place',
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
      const angle = random.uniform(-Math.PI, Math.PI);
      const distance = random.uniform(settings.goalDistanceMin, settings.goalDistanceMax);
      const middleX = random.uniform(-0.05, 0.05);
      const middleY = random.uniform(-0.08, 0.08);
      const halfX = (cos(angle) * distance) / 2;
      const halfY = (sin(angle) * distance) / 2;
      state[o + row.blockPos] = middleX - halfX;
      state[o + row.blockPos + 1] = middleY - halfY;
      state[o + row.blockPos + 2] = scene.blockHalf;
      state[o + goal] = middleX + halfX;
      state[o + goal + 1] = middleY + halfY;
      const inAir = random.uniform() < settings.airShare;
      const height = random.uniform(0.05, settings.goalHeight);
      state[o + goal + 2] = scene.blockHalf + (inAir ? height : 0);
      const yaw = random.uniform(-settings.startYaw, settings.startYaw);
      state[o + row.blockYaw] = cos(yaw);
      state[o + row.blockYaw + 1] = sin(yaw);
      state[o + row.gripperPos] = random.uniform(-0.12, 0.12);
      state[o + row.gripperPos + 1] = random.uniform(-0.15, 0.15);
      state[o + row.gripperPos + 2] = random.uniform(0.08, 0.18);
      state[o + row.opening] = scene.openingMax;
      state[o + row.openingTarget] = scene.openingMax;
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

    observe(state, o, out, at) {
      copy3(state, o + row.gripperPos, out, at);
      copy3(state, o + row.gripperVel, out, at + 3);
      out[at + 6] = state[o + row.opening]!;
      out[at + 7] = state[o + row.openingRate]!;
      out[at + 8] = state[o + row.opening]! - state[o + row.openingTarget]!;
      difference3(state, o + row.blockPos, state, o + row.gripperPos, out, at + 9);
      difference3(state, o + goal, state, o + row.blockPos, out, at + 12);
      copy3(state, o + row.blockVel, out, at + 15);
      out[at + 18] = state[o + row.blockYaw]!;
      out[at + 19] = state[o + row.blockYaw + 1]!;
      out[at + 20] = state[o + row.blockSpin]!;
      clipTo(observationSpace, out, at);
    },

    success,

    stage(state, o) {
      if (success(state, o)) return 4;
      if (isGrasped(state, o)) {
        const aside = length2(
          state[o + goal]! - state[o + row.blockPos]!,
          state[o + goal + 1]! - state[o + row.blockPos + 1]!,
        );
        const low = state[o + row.blockPos + 2]! - scene.blockHalf < liftedHeight;
        return low && aside > goalRadius ? 2 : 3;
      }
      return reachDistance(state, o) > 0 ? 0 : 1;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      if (blockFell(state, o)) return 0;
      const start = state[o + startGoalDistance]!;
      const near = clamp(1 - reachDistance(state, o) / state[o + startReach]!, 0, 1);
      // Negative where the block is farther away than it was: that eats up what the grasp was worth.
      const moved = Math.min(1, (start - goalDistance(state, o)) / (start - goalRadius));
      return clamp(
        approachShare * near +
          (isGrasped(state, o) ? graspShare : 0) +
          (1 - approachShare - graspShare) * moved,
        0,
        0.99,
      );
    },

    terminal: (state, o) => !settings.fixedHorizon && (state[o + held]! >= holdSteps || blockFell(state, o)),

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(reachDistance(next, n), [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 2] = graspQuality(next, n);
      out[at + 3] = tolerance(goalDistance(next, n), [0, goalRadius / 2], {
        margin: 0.2,
        sigmoid: 'long_tail',
      });
    },

    expert(state, o, out, at) {
      const gx = state[o + row.gripperPos]!;
      const gy = state[o + row.gripperPos + 1]!;
      const gz = state[o + row.gripperPos + 2]!;
      const dx = state[o + row.blockPos]! - gx;
      const dy = state[o + row.blockPos + 1]! - gy;
      const dz = state[o + row.blockPos + 2]! - gz;

      if (isGrasped(state, o)) {
        const aside = length2(
          state[o + goal]! - state[o + row.blockPos]!,
          state[o + goal + 1]! - state[o + row.blockPos + 1]!,
        );
        const goalX = state[o + goal]! - dx;
        const goalY = state[o + goal + 1]! - dy;
        const goalZ = state[o + goal + 2]!;
        const clear = Math.max(goalZ, scene.blockHalf + 0.03);
        const lifted = state[o + row.blockPos + 2]! > scene.blockHalf + liftedHeight;
        if (aside < 0.6 * goalRadius) commandTowards(state, o, goalX, goalY, goalZ - dz, out, at);
        else if (lifted) commandTowards(state, o, goalX, goalY, clear - dz, out, at);
        else commandTowards(state, o, gx, gy, clear - dz, out, at);
        out[at + 3] = 1;
        return;
      }

      const isOpen = state[o + row.opening]! > 0.036;
      const centred = Math.abs(dx) < 0.012 && Math.abs(dy) < 0.009;
      const around = dz > -0.005 && dz < scene.blockHalf - 0.005;
      if (centred && around) {
        // Fingers beside the block: close on it, keeping still.
        commandTowards(state, o, gx + dx, gy + dy, gz + dz - gripToBlock, out, at);
        out[at + 3] = 1;
        return;
      }
      out[at + 3] = -1;
      const high = state[o + row.blockPos + 2]! + scene.blockHalf + 0.02;
      const blockClose = Math.abs(dx) < 0.06 && Math.abs(dy) < 0.09;
      if (centred && isOpen) {
        commandTowards(state, o, gx + dx, gy + dy, gz + dz - gripToBlock, out, at);
      } else if (blockClose && gz < high - 0.012) {
        commandTowards(state, o, gx, gy, high, out, at);
      } else {
        commandTowards(state, o, gx + dx, gy + dy, high, out, at);
      }
    },

    poses: drawn.poses,
  };
}

export const pickPlace: Task = {
  id: 'pick-place',
  title: 'Pick and place',
  summary: 'Grasp a block and bring it to a goal on the table or in the air.',
  version: 2,
  fields,
  create,
};
