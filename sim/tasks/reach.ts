/** Bring the gripper to a point over the table: the smallest task, without contact. */

import { clamp } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import { blockObserver, difficultyField, goalRange } from './blocks.ts';
import {
  boxSpace,
  copy3,
  goalRadiusField,
  length3,
  moveTowards,
  wantGoalAway,
  writeGoal,
  xyz,
} from './parts.ts';
import { controlDt, goalMarker, holdSteps, physicsSteps, tableFields, tableWorld } from './table.ts';

const fields = {
  ...tableFields(60),
  difficulty: difficultyField(
    'the goal is at its least distance',
    'the radius that counts falls to the half',
  ),
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

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  wantGoalAway('reach', 'gripper', settings);
  const { radius, nearest, farthest } = goalRange(settings);
  const { distractors, randomisation } = settings;
  const kit = tableWorld({
    bodies: [],
    looks: {},
    own: [
      ['goal', 3, 'm'],
      ['startDistance', 1, 'm'],
      ['held', 1, 'steps'],
    ],
    hand: { fingers: false, palm: false },
    distractors,
    randomisation,
    markers: [goalMarker(radius)],
  });
  const { row, world } = kit;
  const { stateDim } = world;
  const goal = world.at('goal');
  const startDistance = world.at('startDistance');
  const held = world.at('held');
  const { space: observationSpace, observe } = blockObserver(kit, [], goal, {
    distractors,
    occlusion: false,
  });

  const goalDistance = (state: Float64Array, o: number): number =>
    length3(
      state[o + goal]! - state[o + row.pos]!,
      state[o + goal + 1]! - state[o + row.pos + 1]!,
      state[o + goal + 2]! - state[o + row.pos + 2]!,
    );
  const success = (state: Float64Array, o: number): boolean => goalDistance(state, o) < radius;

  return {
    id: 'reach',
    version: 2,
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
      const distance = random.uniform(nearest, farthest);
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
      const from = way.map((d, k) =>
        random.uniform(Math.max(boxLow[k]!, boxLow[k]! - d), Math.min(boxHigh[k]!, boxHigh[k]! - d)),
      ) as [number, number, number];
      kit.start(state, o, random, ...from);
      for (let k = 0; k < 3; k++) state[o + goal + k] = from[k]! + way[k]!;
      state[o + startDistance] = goalDistance(state, o);
      kit.scatter(state, o, random, [from[0], from[1], 0.03]);
    },

    advance: kit.holding(actionSpace.dim, held, success),

    observe,
    success,
    stage: (state, o) => (success(state, o) ? 1 : 0),

    progress(state, o) {
      if (success(state, o)) return 1;
      const start = state[o + startDistance]!;
      return clamp((start - goalDistance(state, o)) / (start - radius), 0, 0.99);
    },

    terminal: (state, o) => !settings.fixedHorizon && state[o + held]! >= holdSteps,

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(goalDistance(next, n), [0, radius / 2], { margin: 0.2, sigmoid: 'long_tail' });
    },

    expert(state, o, out, at) {
      moveTowards(state, o + row.pos, state[o + goal]!, state[o + goal + 1]!, state[o + goal + 2]!, out, at);
    },

    poses: kit.poses,

    ...kit.touch,

    goals: {
      dim: 3,
      names: xyz('gripperPos', 1).map(([name]) => name),
      achieved: (state, o, out, at) => copy3(state, o + row.pos, out, at),
      desired: (state, o, out, at) => copy3(state, o + goal, out, at),
      setDesired(wanted, from, state, o) {
        if (writeGoal(wanted, from, 3, state, o + goal)) state[o + held] = success(state, o) ? 1 : 0;
      },
      computeReward: (achieved, a, desired, d) =>
        length3(
          achieved[a]! - desired[d]!,
          achieved[a + 1]! - desired[d + 1]!,
          achieved[a + 2]! - desired[d + 2]!,
        ) < radius
          ? 1
          : 0,
    },
  };
}

export const reach: Task = {
  id: 'reach',
  title: 'Reach',
  summary: 'Bring the gripper to a point over the table and stay there.',
  version: 2,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: { steps: 200_000, worlds: 32, stepsPerWorld: 32, minibatch: 256, gamma: 0.95 },
    },
    sac: {
      reward: 'sparse',
      settings: {
        steps: 20_000,
        worlds: 8,
        hindsight: 'future',
        updatesPerStep: 0.25,
        batch: 128,
        hiddenSize: 64,
        gamma: 0.98,
      },
    },
  },
  create,
};
