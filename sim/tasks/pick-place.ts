/** Grasp a block and bring it to a goal on the table or in the air: a chain of stages that must come in order. */

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
  commandGrasp,
  difficultyField,
  ease,
  goalRange,
  graspHeight,
  grips,
  hasFallen,
  occlusionField,
  restGoals,
} from './blocks.ts';
import { boxSpace, goalRadiusField, length2, length3, moveTowards, wantGoalAway, xyz } from './parts.ts';
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
  ...tableFields(120),
  difficulty: difficultyField(
    'goals are near and on the table and the block is square to the fingers',
    'it is turned by up to an eighth of a turn, and the radius that counts falls to the half',
  ),
  occlusion: occlusionField,
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
    max: 0.78,
    unit: 'rad',
    help: 'Largest turn of the block at the start',
  },
  friction: tableFriction,
} as const satisfies Fields;

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
const restSpeed = 0.2;
/** The block's middle above the fingertips that hold it. */
const gripToBlock = block.half - graspHeight;
/** Being this near to the place to grasp from is as good as being there. */
const reachSlack = 0.012;
const approachShare = 0.25;
const graspShare = 0.15;
/** A block whose bottom is this high is lifted. */
const liftedHeight = 0.015;

/** Turn of the block beyond which the open fingers have no room beside it. */
const eighthTurn = 0.78;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  wantGoalAway('pick-place', 'block', settings);
  const { radius, nearest, farthest } = goalRange(settings);
  const { spread, extra } = ease(settings.difficulty);
  const startYaw = spread * settings.startYaw + extra * (eighthTurn - settings.startYaw);
  const airShare = spread * settings.airShare;
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
    // Nothing here reaches up to the palm.
    hand: { palm: false, ...calm },
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
  const isGrasped = grips(kit, 'block');

  const success = (state: Float64Array, o: number): boolean => goals.isReached(state, o);

  const goalDistance = (state: Float64Array, o: number): number =>
    length3(
      state[o + goal]! - state[o + body.pos]!,
      state[o + goal + 1]! - state[o + body.pos + 1]!,
      state[o + goal + 2]! - state[o + body.pos + 2]!,
    );

  /** Distance of the tool from where it can grasp, 0 within the slack. */
  const reachDistance = (state: Float64Array, o: number): number =>
    Math.max(
      0,
      length3(
        state[o + body.pos]! - state[o + row.pos]!,
        state[o + body.pos + 1]! - state[o + row.pos + 1]!,
        state[o + body.pos + 2]! - state[o + row.pos + 2]! - gripToBlock,
      ) - reachSlack,
    );

  /** 1 when grasped; below half, and rising, while the fingers close at the right place. */
  const graspQuality = (state: Float64Array, o: number): number => {
    if (isGrasped(state, o)) return 1;
    const there = tolerance(reachDistance(state, o), [0, 0], { margin: 0.03 });
    const closing = tolerance(state[o + row.opening]!, [0.8 * block.half, block.half], {
      margin: hand.openingMax - block.half,
      sigmoid: 'linear',
      valueAtMargin: 0,
    });
    return 0.5 * there * closing;
  };

  return {
    id: 'pick-place',
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
      const angle = random.uniform(-Math.PI, Math.PI);
      const distance = random.uniform(nearest, farthest);
      const middleX = random.uniform(-0.05, 0.05);
      const middleY = random.uniform(-0.08, 0.08);
      const halfX = (cos(angle) * distance) / 2;
      const halfY = (sin(angle) * distance) / 2;
      const inAir = random.uniform() < airShare;
      const height = random.uniform(0.05, settings.goalHeight);
      const halfYaw = random.uniform(-startYaw, startYaw) / 2;
      kit.start(
        state,
        o,
        random,
        random.uniform(-0.12, 0.12),
        random.uniform(-0.15, 0.15),
        random.uniform(0.08, 0.18),
      );
      state[o + body.pos] = middleX - halfX;
      state[o + body.pos + 1] = middleY - halfY;
      state[o + body.pos + 2] = block.half;
      state[o + body.quat + 2] = sin(halfYaw);
      state[o + body.quat + 3] = cos(halfYaw);
      state[o + goal] = middleX + halfX;
      state[o + goal + 1] = middleY + halfY;
      state[o + goal + 2] = block.half + (inAir ? height : 0);
      state[o + startGoalDistance] = goalDistance(state, o);
      state[o + startReach] = Math.max(0.01, reachDistance(state, o));
      if (distractors > 0)
        kit.scatter(state, o, random, [
          ...[middleX - halfX, middleY - halfY, 0.07],
          ...[middleX + halfX, middleY + halfY, 0.07],
        ]);
    },

    advance: kit.holding(actionSpace.dim, held, success),

    observe,
    success,

    stage(state, o) {
      if (success(state, o)) return 4;
      if (isGrasped(state, o)) {
        const aside = length2(
          state[o + goal]! - state[o + body.pos]!,
          state[o + goal + 1]! - state[o + body.pos + 1]!,
        );
        const low = state[o + body.pos + 2]! - block.half < liftedHeight;
        return low && aside > radius ? 2 : 3;
      }
      return reachDistance(state, o) > 0 ? 0 : 1;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      if (hasFallen(state, o, body)) return 0;
      const start = state[o + startGoalDistance]!;
      const near = clamp(1 - reachDistance(state, o) / state[o + startReach]!, 0, 1);
      // Negative where the block is farther away than it was: that eats up what the grasp was worth.
      const moved = Math.min(1, (start - goalDistance(state, o)) / (start - radius));
      return clamp(
        approachShare * near +
          (isGrasped(state, o) ? graspShare : 0) +
          (1 - approachShare - graspShare) * moved,
        0,
        0.99,
      );
    },

    terminal: (state, o) =>
      !settings.fixedHorizon && (state[o + held]! >= holdSteps || hasFallen(state, o, body)),

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(reachDistance(next, n), [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 2] = graspQuality(next, n);
      out[at + 3] = tolerance(goalDistance(next, n), [0, radius / 2], {
        margin: 0.2,
        sigmoid: 'long_tail',
      });
    },

    expert(state, o, out, at) {
      if (!isGrasped(state, o)) {
        commandGrasp(state, o, row, body, out, at);
        return;
      }
      const gx = state[o + row.pos]!;
      const gy = state[o + row.pos + 1]!;
      const dx = state[o + body.pos]! - gx;
      const dy = state[o + body.pos + 1]! - gy;
      const dz = state[o + body.pos + 2]! - state[o + row.pos + 2]!;
      const aside = length2(
        state[o + goal]! - state[o + body.pos]!,
        state[o + goal + 1]! - state[o + body.pos + 1]!,
      );
      const goalX = state[o + goal]! - dx;
      const goalY = state[o + goal + 1]! - dy;
      const goalZ = state[o + goal + 2]!;
      const clear = Math.max(goalZ, block.half + 0.03);
      const lifted = state[o + body.pos + 2]! > block.half + liftedHeight;
      if (aside < 0.6 * radius) moveTowards(state, o + row.pos, goalX, goalY, goalZ - dz, out, at);
      else if (lifted) moveTowards(state, o + row.pos, goalX, goalY, clear - dz, out, at);
      else moveTowards(state, o + row.pos, gx, gy, clear - dz, out, at);
      out[at + 3] = 1;
    },

    poses: kit.poses,

    ...kit.touch,
    goals: goals.face,
  };
}

export const pickPlace: Task = {
  id: 'pick-place',
  title: 'Pick and place',
  summary: 'Grasp a block and bring it to a goal on the table or in the air.',
  version: 3,
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
    // As push, for longer; not run to its end yet (docs/algorithms/sac.md).
    sac: {
      reward: 'sparse',
      settings: {
        steps: 800_000,
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
