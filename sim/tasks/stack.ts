/** Build a tower of two to four blocks at a goal, in the order of their colours: the same skill again and again, ever higher. */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { Colour, GoalFace, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import {
  block,
  blockObserver,
  bodyRow,
  commandGrasp,
  difficultyField,
  ease,
  graspHeight,
  grips,
  hasFallen,
  occlusionField,
  speedOf,
} from './blocks.ts';
import { boxSpace, copy3, goalRadiusField, length2, length3, moveTowards, xyz } from './parts.ts';
import {
  controlDt,
  holdSteps,
  looseBox,
  physicsSteps,
  tableFields,
  tableFriction,
  tableWorld,
} from './table.ts';

const fields = {
  ...tableFields(150),
  blocks: {
    type: 'integer',
    default: 2,
    min: 2,
    max: 4,
    help: 'Blocks of the tower; the expert takes 50 to 60 steps for each',
  },
  difficulty: difficultyField(
    'the blocks lie near the goal, square to the fingers',
    'they are turned by up to an eighth of a turn, and the radius that counts falls to the half',
  ),
  occlusion: occlusionField,
  goalRadius: goalRadiusField(0.03),
  startYaw: {
    type: 'number',
    default: 0.2,
    min: 0,
    max: 0.78,
    unit: 'rad',
    help: 'Largest turn of each block at the start',
  },
  friction: tableFriction,
} as const satisfies Fields;

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

/** From the bottom of the tower to its top. */
const colours: readonly (readonly [name: string, colour: Colour])[] = [
  ['red', [0.8, 0.2, 0.17]],
  ['yellow', [0.93, 0.73, 0.2]],
  ['green', [0.25, 0.6, 0.3]],
  ['violet', [0.5, 0.33, 0.7]],
];

const rewardTerms: readonly RewardTerm[] = [
  {
    id: 'success',
    kind: 'sparse',
    weight: 1,
    help: 'The tower stands at the goal in the right order, at rest and let go',
  },
  {
    id: 'near',
    kind: 'dense',
    weight: 0.2,
    help: 'The gripper is close to where it can grasp the next block; blocks in their place count in full, here and below',
  },
  { id: 'grasped', kind: 'dense', weight: 0.2, help: 'The next block is held between the fingers' },
  { id: 'toGoal', kind: 'dense', weight: 0.6, help: 'The next block is close to its place in the tower' },
];

/** Below this speed blocks count as resting, m/s. */
const restSpeed = 0.05;
/** How far a block may be off its place on the one below, m. */
const slack = 0.018;
/** Force of a pad from which the tower counts as touched, N. */
const touch = 0.05;
/** The block's middle above the fingertips that hold it. */
const gripToBlock = block.half - graspHeight;
const reachSlack = 0.012;
/** A hand this far from the next block has come no way towards it, m. */
const farReach = 0.3;
const approachShare = 0.25;
const graspShare = 0.15;
/** Least distance between the middles of blocks at the start, and from the goal: room for the fingers, m. */
const apart = 0.11;
/** Largest distance from the goal at the start, m. */
const farthest = 0.22;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { spread, extra } = ease(settings.difficulty);
  const radius = settings.goalRadius * (1 - 0.5 * extra);
  const startYaw = spread * settings.startYaw + extra * (0.78 - settings.startYaw);
  const { blocks: count, distractors, randomisation, friction } = settings;
  const names = Array.from({ length: count }, (_, i) => `block${i + 1}`);
  const kit = tableWorld({
    bodies: names.map((name) => looseBox(name, [block.half, block.half, block.half], block.mass)),
    looks: Object.fromEntries(names.map((name, i) => [name, { role: 'object', colour: colours[i]![1] }])),
    own: [
      ['goal', 3, 'm'],
      ['startGoalDistance', count, 'm'],
      ['held', 1, 'steps'],
    ],
    distractors,
    randomisation,
    friction,
    markers: [
      {
        body: { name: 'goal', shape: { type: 'cylinder', radius: 0.04, length: 0.002 }, role: 'goal' },
        place(state, o, out, at, world) {
          const from = o + world.at('goal');
          out[at] = state[from]!;
          out[at + 1] = state[from + 1]!;
          out[at + 2] = 0.001;
        },
      },
    ],
  });
  const { row, world } = kit;
  const { stateDim } = world;
  const bodies = names.map((name) => bodyRow(kit, name));
  const gripsOf = names.map((name) => grips(kit, name));
  const indices = names.map((name) => world.body(name));
  const left = world.body('leftFinger');
  const right = world.body('rightFinger');
  const goal = world.at('goal');
  const startGoalDistance = world.at('startGoalDistance');
  const held = world.at('held');
  const { space: observationSpace, observe } = blockObserver(kit, names, goal, settings);

  const isTouched = (state: Float64Array, o: number): boolean => {
    for (let i = 0; i < count; i++) {
      if (world.contactForce(state, o, indices[i]!, left) > touch) return true;
      if (world.contactForce(state, o, indices[i]!, right) > touch) return true;
    }
    return false;
  };

  const goals: GoalFace = {
    dim: 3 * count + 2,
    names: [...names.flatMap((name) => xyz(`${name}Pos`, 1).map(([axis]) => axis)), 'speed', 'touched'],
    achieved(state, o, out, at) {
      let speed = 0;
      for (let i = 0; i < count; i++) {
        copy3(state, o + bodies[i]!.pos, out, at + 3 * i);
        speed = Math.max(speed, speedOf(state, o, bodies[i]!));
      }
      out[at + 3 * count] = speed;
      out[at + 3 * count + 1] = isTouched(state, o) ? 1 : 0;
    },
    desired(state, o, out, at) {
      for (let i = 0; i < count; i++) {
        copy3(state, o + goal, out, at + 3 * i);
        out[at + 3 * i + 2] = state[o + goal + 2]! + 2 * block.half * i;
      }
      out[at + 3 * count] = 0;
      out[at + 3 * count + 1] = 0;
    },
    // The lowest block counts by its place, every other one by where it is from the one below.
    computeReward(achieved, a, desired, d) {
      if (!(achieved[a + 3 * count]! < restSpeed) || achieved[a + 3 * count + 1]! > 0) return 0;
      for (let i = 0; i < count; i++) {
        let square = 0;
        for (let k = 3 * i; k < 3 * i + 3; k++) {
          const is = achieved[a + k]! - (i > 0 ? achieved[a + k - 3]! : 0);
          const wanted = desired[d + k]! - (i > 0 ? desired[d + k - 3]! : 0);
          square += (is - wanted) * (is - wanted);
        }
        const most = i > 0 ? slack : radius;
        if (!(square < most * most)) return 0;
      }
      return 1;
    },
  };
  const pair = new Float64Array(2 * goals.dim);
  const success = (state: Float64Array, o: number): boolean => {
    goals.achieved(state, o, pair, 0);
    goals.desired(state, o, pair, goals.dim);
    return goals.computeReward(pair, 0, pair, goals.dim) === 1;
  };

  /** Distance of block i from its place: over the block below it, or at the goal. */
  const placeDistance = (state: Float64Array, o: number, i: number): number => {
    const pos = o + bodies[i]!.pos;
    const below = i > 0 ? o + bodies[i - 1]!.pos : o + goal;
    return length3(
      state[below]! - state[pos]!,
      state[below + 1]! - state[pos + 1]!,
      state[below + 2]! - state[pos + 2]! + (i > 0 ? 2 * block.half : 0),
    );
  };

  /** Blocks that are in their places and let go, from the bottom. */
  const placedCount = (state: Float64Array, o: number): number => {
    for (let i = 0; i < count; i++) {
      if (placeDistance(state, o, i) >= (i > 0 ? slack : radius) || gripsOf[i]!(state, o)) return i;
    }
    return count;
  };

  /** Distance of the tool from where it can grasp block i, 0 within the slack. */
  const reachDistance = (state: Float64Array, o: number, i: number): number => {
    const { pos } = bodies[i]!;
    return Math.max(
      0,
      length3(
        state[o + pos]! - state[o + row.pos]!,
        state[o + pos + 1]! - state[o + row.pos + 1]!,
        state[o + pos + 2]! - state[o + row.pos + 2]! - gripToBlock,
      ) - reachSlack,
    );
  };

  const anyFell = (state: Float64Array, o: number): boolean => {
    for (let i = 0; i < count; i++) if (hasFallen(state, o, bodies[i]!)) return true;
    return false;
  };

  const stages: readonly Stage[] = [
    ...colours.slice(0, count).flatMap(([colour], i) => [
      { id: `pick${i + 1}`, title: `Grasp the ${colour} block` },
      { id: `place${i + 1}`, title: i === 0 ? 'Put it at the goal' : 'Put it on the tower' },
    ]),
    { id: 'done', title: 'Leave the tower standing' },
  ];

  return {
    id: 'stack',
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
      const goalX = random.uniform(-0.04, 0.06);
      const goalY = random.uniform(-0.06, 0.06);
      // All blocks anew until there is room round each, so that no block's place depends on its number.
      const places: number[] = [];
      for (let fits = false; !fits; ) {
        places.length = 0;
        fits = true;
        for (let i = 0; i < count; i++) {
          const angle = random.uniform(-Math.PI, Math.PI);
          const distance = random.uniform(apart, apart + spread * (farthest - apart));
          const x = goalX + distance * cos(angle);
          const y = goalY + distance * sin(angle);
          for (let k = 0; k < places.length; k += 2)
            fits &&= length2(x - places[k]!, y - places[k + 1]!) >= apart;
          // The hand has to get round each block.
          fits &&= Math.abs(x) < 0.22 && Math.abs(y) < 0.26;
          places.push(x, y);
        }
      }
      kit.start(
        state,
        o,
        random,
        random.uniform(-0.12, 0.12),
        random.uniform(-0.15, 0.15),
        random.uniform(0.1, 0.18),
      );
      state[o + goal] = goalX;
      state[o + goal + 1] = goalY;
      state[o + goal + 2] = block.half;
      const spots = [goalX, goalY, 0.07];
      bodies.forEach((body, i) => {
        const halfYaw = random.uniform(-startYaw, startYaw) / 2;
        state[o + body.pos] = places[2 * i]!;
        state[o + body.pos + 1] = places[2 * i + 1]!;
        state[o + body.pos + 2] = block.half;
        state[o + body.quat + 2] = sin(halfYaw);
        state[o + body.quat + 3] = cos(halfYaw);
        spots.push(places[2 * i]!, places[2 * i + 1]!, 0.07);
      });
      for (let i = 0; i < count; i++) {
        const { pos } = bodies[i]!;
        const up = 2 * block.half * i;
        state[o + startGoalDistance + i] = length3(goalX - state[o + pos]!, goalY - state[o + pos + 1]!, up);
      }
      if (distractors > 0) kit.scatter(state, o, random, spots);
    },

    advance(states, actions, first, amount) {
      for (let w = first; w < first + amount; w++) {
        const o = w * stateDim;
        kit.step(states, o, actions, w * actionSpace.dim);
        states[o + held] = success(states, o) ? states[o + held]! + 1 : 0;
      }
    },

    observe,
    success,

    stage(state, o) {
      if (success(state, o)) return 2 * count;
      const i = placedCount(state, o);
      if (i === count) return 2 * count - 1;
      return gripsOf[i]!(state, o) ? 2 * i + 1 : 2 * i;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      if (anyFell(state, o)) return 0;
      const i = placedCount(state, o);
      if (i === count) return 0.99;
      const near = clamp(1 - reachDistance(state, o, i) / farReach, 0, 1);
      // Negative where the block is farther away than it was: that eats up what the grasp was worth.
      const moved = 1 - placeDistance(state, o, i) / state[o + startGoalDistance + i]!;
      const value =
        approachShare * near +
        (gripsOf[i]!(state, o) ? graspShare : 0) +
        (1 - approachShare - graspShare) * moved;
      return clamp((i + clamp(value, 0, 1)) / count, 0, 0.99);
    },

    terminal: (state, o) => !settings.fixedHorizon && (state[o + held]! >= holdSteps || anyFell(state, o)),

    reward(_state, _o, _action, _a, next, n, out, at) {
      const i = placedCount(next, n);
      const isAll = i === count;
      const share = (value: number): number => (i + value) / count;
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = isAll
        ? 1
        : share(tolerance(reachDistance(next, n, i), [0, 0], { margin: 0.15, sigmoid: 'long_tail' }));
      out[at + 2] = isAll ? 1 : share(gripsOf[i]!(next, n) ? 1 : 0);
      out[at + 3] = isAll
        ? 1
        : share(tolerance(placeDistance(next, n, i), [0, slack / 2], { margin: 0.2, sigmoid: 'long_tail' }));
    },

    expert(state, o, out, at) {
      const i = placedCount(state, o);
      const gx = state[o + row.pos]!;
      const gy = state[o + row.pos + 1]!;
      const gz = state[o + row.pos + 2]!;
      // Above everything, with the block in hand above it, too.
      let top = 0;
      for (let k = 0; k < count; k++) {
        if (k !== i) top = Math.max(top, state[o + bodies[k]!.pos + 2]! + block.half);
      }
      if (i === count) {
        // Let go and leave upwards.
        moveTowards(state, o + row.pos, gx, gy, top + 0.09, out, at);
        out[at + 3] = -1;
        return;
      }
      const { pos } = bodies[i]!;
      if (!gripsOf[i]!(state, o)) {
        for (let k = 0; k < count; k++) {
          if (k === i || !gripsOf[k]!(state, o)) continue;
          // The wrong one: let it go.
          moveTowards(state, o + row.pos, gx, gy, gz, out, at);
          out[at + 3] = -1;
          return;
        }
        commandGrasp(state, o, row, bodies[i]!, out, at, top + 0.02);
        return;
      }
      const below = i > 0 ? o + bodies[i - 1]!.pos : o + goal;
      const placeX = state[below]!;
      const placeY = state[below + 1]!;
      const placeZ = state[below + 2]! + (i > 0 ? 2 * block.half : 0);
      const dx = state[o + pos]! - gx;
      const dy = state[o + pos + 1]! - gy;
      const dz = state[o + pos + 2]! - gz;
      const aside = length2(placeX - state[o + pos]!, placeY - state[o + pos + 1]!);
      const over = state[o + pos + 2]! - placeZ;
      out[at + 3] = 1;
      if (aside < 0.01 && over < 0.004) {
        moveTowards(state, o + row.pos, gx, gy, gz, out, at);
        out[at + 3] = -1;
        return;
      }
      const clear = Math.max(top + block.half + 0.02, placeZ + 0.03);
      if (aside < (over < 0.02 ? 0.014 : 0.007))
        moveTowards(state, o + row.pos, placeX - dx, placeY - dy, placeZ - dz, out, at);
      else if (state[o + pos + 2]! > clear - 0.012)
        moveTowards(state, o + row.pos, placeX - dx, placeY - dy, clear - dz, out, at);
      else moveTowards(state, o + row.pos, gx, gy, clear - dz, out, at);
      out[at + 3] = 1;
    },

    poses: kit.poses,

    ...kit.touch,
    goals,
  };
}

export const stack: Task = {
  id: 'stack',
  title: 'Stack',
  summary: 'Build a tower of two to four blocks at a goal, in the order of their colours.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 20_000_000,
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
