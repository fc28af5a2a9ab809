/** Open a drawer: grasp its handle and pull it straight out of a cabinet that stands elsewhere each time. */

import { clamp } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import {
  cosOf,
  difficultyField,
  drawnOnly,
  frontView,
  graspHandle,
  graspQuality,
  handle,
  handleShapes,
  handSpace,
  holdsHandle,
  observeHand,
  placeFixture,
  shortOf,
  sinOf,
  solid,
} from './fixtures.ts';
import { boxSpace, clipTo, moveTowards, xyz } from './parts.ts';
import { controlDt, holdSteps, physicsSteps, tableFields, tableWorld } from './table.ts';

/** Metres, kilograms, newtons. */
const cabinet = {
  depth: 0.18,
  width: 0.22,
  height: 0.1,
  wall: 0.008,
  frontHalf: 0.006,
  /** How far the drawer comes out. */
  travel: 0.15,
  mass: 0.4,
  damping: 4,
  armZ: 0.05,
} as const;

const fields = {
  ...tableFields(80),
  goalOpening: {
    type: 'number',
    default: 0.1,
    min: 0.02,
    max: 0.14,
    unit: 'm',
    help: 'Success means that the drawer is open at least this far',
  },
  drawerFriction: {
    type: 'number',
    default: 2,
    min: 0,
    max: 8,
    unit: 'N',
    help: 'Dry friction of the drawer on its runners: below this force it does not move',
  },
  difficulty: difficultyField,
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'The observation does not tell how far and how fast the drawer opens; the handle is shown where it was when shut',
  },
} as const satisfies Fields;

const observationSpace = boxSpace([
  ...handSpace,
  ...xyz('gripperToHandle', 2),
  // Unit vector in which the drawer opens.
  ['pull.x', 1.001],
  ['pull.y', 1.001],
  ['opened', 0.5],
  ['openedRate', 10],
  ['toGoal', 0.5],
]);

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const stages: readonly Stage[] = [
  { id: 'approach', title: 'Bring the open fingers round the handle' },
  { id: 'grasp', title: 'Close them' },
  { id: 'pull', title: 'Pull the drawer open' },
  { id: 'done', title: 'It is open far enough' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'The drawer is open at least as far as wanted' },
  { id: 'near', kind: 'dense', weight: 0.2, help: 'The gripper is close to where it can grasp the handle' },
  { id: 'grasped', kind: 'dense', weight: 0.2, help: 'The handle is held between the fingers' },
  { id: 'opened', kind: 'dense', weight: 0.6, help: 'The drawer is open as far as wanted' },
];

const approachShare = 0.25;
const graspShare = 0.15;
const openShare = 1 - approachShare - graspShare;

/** Where the grasp point is; set by `locate`. */
const grip = new Float64Array(3);

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { goalOpening } = settings;
  const { depth, width, height, wall, frontHalf } = cabinet;
  // The drawer leaves the carcass a little room on all sides.
  const halfWidth = width / 2 - wall - 0.002;
  const trayDepth = depth - wall - 0.004;
  const low = wall + 0.002;
  const top = height - wall - 0.002;
  const middle = (low + top) / 2;
  const trayTop = top - 0.02;
  const trayMiddle = (low + trayTop) / 2;
  const trayHalf = (trayTop - low) / 2;
  const table = tableWorld({
    bodies: [
      {
        // Origin on the table under the middle of the front; inside towards x.
        name: 'cabinet',
        joints: [{ type: 'placed' }],
        shapes: [
          {
            ...drawnOnly,
            type: 'box',
            half: [depth / 2, width / 2, wall / 2],
            position: [depth / 2, 0, wall / 2],
          },
          {
            ...solid,
            type: 'box',
            half: [depth / 2, width / 2, wall / 2],
            position: [depth / 2, 0, height - wall / 2],
          },
          ...[-1, 1].map(
            (side) =>
              ({
                ...solid,
                type: 'box',
                half: [depth / 2, wall / 2, height / 2],
                position: [depth / 2, side * (width / 2 - wall / 2), height / 2],
              }) as const,
          ),
          {
            ...solid,
            type: 'box',
            half: [wall / 2, width / 2, height / 2],
            position: [depth - wall / 2, 0, height / 2],
          },
        ],
      },
      {
        name: 'drawer',
        parent: 'cabinet',
        mass: cabinet.mass,
        joints: [
          {
            type: 'slider',
            name: 'opened',
            axis: [-1, 0, 0],
            limits: [0, cabinet.travel],
            friction: settings.drawerFriction,
            damping: cabinet.damping,
          },
        ],
        shapes: [
          {
            ...solid,
            type: 'box',
            half: [frontHalf, halfWidth, (top - low) / 2],
            position: [frontHalf, 0, middle],
          },
          {
            ...solid,
            type: 'box',
            half: [trayDepth / 2, halfWidth, 0.003],
            position: [trayDepth / 2, 0, low + 0.003],
          },
          {
            ...solid,
            type: 'box',
            half: [0.003, halfWidth, trayHalf],
            position: [trayDepth - 0.003, 0, trayMiddle],
          },
          ...[-1, 1].map(
            (side) =>
              ({
                ...solid,
                type: 'box',
                half: [trayDepth / 2, 0.003, trayHalf],
                position: [trayDepth / 2, side * (halfWidth - 0.003), trayMiddle],
              }) as const,
          ),
        ],
      },
      {
        name: 'handle',
        parent: 'drawer',
        mass: 0.05,
        shapes: handleShapes(0, cabinet.armZ),
      },
    ],
    looks: {
      cabinet: { role: 'fixture' },
      drawer: { role: 'object' },
      handle: { role: 'tool' },
    },
    own: [
      ['startReach', 1, 'm'],
      ['held', 1, 'steps'],
    ],
    distractors: settings.distractors,
    randomisation: settings.randomisation,
    cachedManifolds: 8 + 2 * settings.distractors,
    markers: [
      {
        body: { name: 'goal', shape: { type: 'sphere', radius: 0.012 }, role: 'goal' },
        place(state, o, out, at) {
          locate(state, o, goalOpening);
          out[at] = grip[0]!;
          out[at + 1] = grip[1]!;
          out[at + 2] = cabinet.armZ + handle.rise + 0.05;
        },
      },
    ],
  });
  const { world, row } = table;
  const stateDim = world.stateDim;
  const place = world.at('cabinet.pos');
  const turn = world.at('cabinet.quat');
  const opened = world.at('opened');
  const openedRate = world.at('opened.rate');
  const startReach = world.at('startReach');
  const held = world.at('held');

  /** Where the handle is grasped when the drawer is open by `by` metres. */
  function locate(state: Float64Array, o: number, by: number): void {
    const out = handle.standOff + by;
    grip[0] = state[o + place]! - cosOf(state, o + turn) * out;
    grip[1] = state[o + place + 1]! - sinOf(state, o + turn) * out;
    grip[2] = cabinet.armZ + handle.grasp;
  }

  const success = (state: Float64Array, o: number): boolean => state[o + opened]! >= goalOpening;
  const reach = (state: Float64Array, o: number): number => {
    locate(state, o, state[o + opened]!);
    return shortOf(state, o, row, grip[0]!, grip[1]!, grip[2]!);
  };
  const isHeld = (state: Float64Array, o: number): boolean => {
    locate(state, o, state[o + opened]!);
    return holdsHandle(state, o, row, grip[0]!, grip[1]!, grip[2]!);
  };

  return {
    id: 'drawer',
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
    cameras: [frontView],

    reset(seed, state, o) {
      const random = createRandom(seed);
      table.start(
        state,
        o,
        random,
        random.uniform(-0.2, -0.05),
        random.uniform(-0.15, 0.15),
        random.uniform(0.1, 0.2),
      );
      placeFixture(
        state,
        o + place,
        random,
        { x: 0.17, y: 0, spreadX: 0.03, spreadY: 0.12, turn: 0.35 },
        settings.difficulty,
      );
      const x = state[o + place]!;
      const y = state[o + place + 1]!;
      // Nothing stands in the drawer's way.
      table.scatter(state, o, random, [x + 0.09, y, 0.16, x - 0.1, y, 0.14, x - 0.2, y, 0.1]);
      state[o + startReach] = Math.max(0.01, reach(state, o));
    },

    advance: table.holding(actionSpace.dim, held, success),

    observe(state, o, out, at) {
      observeHand(state, o, row, out, at);
      locate(state, o, settings.occlusion ? 0 : state[o + opened]!);
      for (let k = 0; k < 3; k++) out[at + 9 + k] = grip[k]! - state[o + row.pos + k]!;
      out[at + 12] = -cosOf(state, o + turn);
      out[at + 13] = -sinOf(state, o + turn);
      out[at + 14] = settings.occlusion ? 0 : state[o + opened]!;
      out[at + 15] = settings.occlusion ? 0 : state[o + openedRate]!;
      out[at + 16] = settings.occlusion ? 0 : goalOpening - state[o + opened]!;
      clipTo(observationSpace, out, at);
    },

    success,

    stage(state, o) {
      if (success(state, o)) return 3;
      if (isHeld(state, o)) return 2;
      return reach(state, o) > 0 ? 0 : 1;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      const near = clamp(1 - reach(state, o) / state[o + startReach]!, 0, 1);
      const grasped = isHeld(state, o) ? graspShare : 0;
      return clamp(
        approachShare * near + grasped + openShare * clamp(state[o + opened]! / goalOpening, 0, 1),
        0,
        0.99,
      );
    },

    terminal: (state, o) => !settings.fixedHorizon && state[o + held]! >= holdSteps,

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      locate(next, n, next[n + opened]!);
      out[at + 1] = tolerance(shortOf(next, n, row, grip[0]!, grip[1]!, grip[2]!), [0, 0], {
        margin: 0.15,
        sigmoid: 'long_tail',
      });
      out[at + 2] = graspQuality(next, n, row, grip[0]!, grip[1]!, grip[2]!);
      out[at + 3] = tolerance(next[n + opened]!, [goalOpening, Number.POSITIVE_INFINITY], {
        margin: goalOpening,
        sigmoid: 'linear',
        valueAtMargin: 0,
      });
    },

    expert(state, o, out, at) {
      locate(state, o, state[o + opened]!);
      if (!graspHandle(state, o, row, grip[0]!, grip[1]!, grip[2]!, out, at)) return;
      // Ahead of the handle, so that the servo pulls; not much beyond the goal.
      locate(state, o, Math.min(state[o + opened]! + 0.03, goalOpening + 0.03));
      moveTowards(state, o + row.pos, grip[0]!, grip[1]!, grip[2]!, out, at);
      out[at + 3] = 1;
    },

    goals: {
      dim: 1,
      names: ['opened'],
      achieved(state, o, out, at) {
        out[at] = state[o + opened]!;
      },
      desired(_state, _o, out, at) {
        out[at] = goalOpening;
      },
      computeReward: (achieved, a, desired, d) => (achieved[a]! >= desired[d]! ? 1 : 0),
    },

    poses: table.poses,

    ...table.touch,
  };
}

export const drawer: Task = {
  id: 'drawer',
  title: 'Open a drawer',
  summary: 'Grasp the handle of a drawer and pull it open; the cabinet stands elsewhere each time.',
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
