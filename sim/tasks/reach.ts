/** Bring the gripper to a point over the table: the smallest task, without contact. */

import { row, stepWorlds, type WorldSpec } from '../engine/gripper-world.ts';
import { clamp } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import {
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
  length3,
  substeps,
  tableFields,
  wantGoalAway,
  xyz,
} from './parts.ts';

const fields = {
  ...tableFields(60),
  goalRadius: goalRadiusField(0.03),
  goalDistanceMin: {
    type: 'number',
    default: 0.12,
    min: 0.01,
    max: 0.25,
    unit: 'm',
    help: 'Least distance of the goal from the gripper at the start',
  },
  goalDistanceMax: {
    type: 'number',
    default: 0.25,
    min: 0.01,
    max: 0.4,
    unit: 'm',
    help: 'Largest distance of the goal from the gripper at the start',
  },
} as const satisfies Fields;

const goal = row.gripperEnd;
const startDistance = goal + 3;
const held = goal + 4;
const stateDim = goal + 5;

const stateLayout = layoutOf([
  ...gripperFields,
  ['goal', 3, 'm'],
  ['startDistance', 1, 'm'],
  ['held', 1, 'steps'],
]);

const observationSpace = boxSpace([
  ...xyz('gripperPos', 1),
  ...xyz('gripperVel', 2),
  ...xyz('gripperToGoal', 2),
]);

const actionSpace = boxSpace(xyz('velocity', 1));

const stages: readonly Stage[] = [
  { id: 'approach', title: 'Move to the goal' },
  { id: 'done', title: 'Stay there' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'The gripper is within the goal radius' },
  { id: 'toGoal', kind: 'dense', weight: 1, help: 'The gripper is close to the goal' },
];

/** Start and goal lie in this box, m. */
const boxLow = [-0.18, -0.2, 0.04] as const;
const boxHigh = [0.2, 0.2, 0.25] as const;

const goalDistance = (state: Float64Array, o: number): number =>
  length3(
    state[o + goal]! - state[o + row.gripperPos]!,
    state[o + goal + 1]! - state[o + row.gripperPos + 1]!,
    state[o + goal + 2]! - state[o + row.gripperPos + 2]!,
  );

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  wantGoalAway('reach', 'gripper', settings);
  const world: WorldSpec = {
    stride: stateDim,
    hasBlock: false,
    hasFingers: false,
    physicsDt: controlDt / substeps,
    substeps,
    tableFriction: 0,
  };
  const { goalRadius } = settings;
  const drawn = drawnScene(goal, goalRadius, false);
  const success = (state: Float64Array, o: number): boolean => goalDistance(state, o) < goalRadius;

  return {
    id: 'reach',
    version: 1,
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
      const distance = random.uniform(settings.goalDistanceMin, settings.goalDistanceMax);
      // A direction in which the way fits into the box, whose diagonal is longer than the longest way allowed.
      const way = [0, 0, 0];
      for (let fits = false; !fits; ) {
        for (let k = 0; k < 3; k++) way[k] = random.uniform(-1, 1);
        const length = length3(way[0]!, way[1]!, way[2]!);
        fits = length > 1e-3 && length <= 1;
        for (let k = 0; k < 3; k++) {
          way[k] = (way[k]! * distance) / length;
          fits &&= Math.abs(way[k]!) < boxHigh[k]! - boxLow[k]!;
        }
      }
      for (let k = 0; k < 3; k++) {
        const from = random.uniform(
          Math.max(boxLow[k]!, boxLow[k]! - way[k]!),
          Math.min(boxHigh[k]!, boxHigh[k]! - way[k]!),
        );
        state[o + row.gripperPos + k] = from;
        state[o + goal + k] = from + way[k]!;
      }
      state[o + startDistance] = goalDistance(state, o);
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
      difference3(state, o + goal, state, o + row.gripperPos, out, at + 6);
      clipTo(observationSpace, out, at);
    },

    success,
    stage: (state, o) => (success(state, o) ? 1 : 0),

    progress(state, o) {
      if (success(state, o)) return 1;
      const start = state[o + startDistance]!;
      return clamp((start - goalDistance(state, o)) / (start - goalRadius), 0, 0.99);
    },

    terminal: (state, o) => !settings.fixedHorizon && state[o + held]! >= holdSteps,

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(goalDistance(next, n), [0, goalRadius / 2], {
        margin: 0.2,
        sigmoid: 'long_tail',
      });
    },

    expert(state, o, out, at) {
      commandTowards(state, o, state[o + goal]!, state[o + goal + 1]!, state[o + goal + 2]!, out, at);
    },

    poses: drawn.poses,
  };
}

export const reach: Task = {
  id: 'reach',
  title: 'Reach',
  summary: 'Bring the gripper to a point over the table and stay there.',
  version: 1,
  fields,
  create,
};
