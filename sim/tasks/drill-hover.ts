/**
 * Drill: hovering near the goal. Put a block down on a pad, let go and draw back. The written reward of `wrong` pays, every
 * step, for how close the hand has brought the block, and once for delivering it: an agent that hovers over the pad with
 * the block in its grip earns for the whole episode what delivering would end. The one of `fair` pays every bit of
 * closeness once, when it is first reached, after the potential-based shaping of Ng, Harada & Russell (ICML 1999):
 * hovering is worth nothing, and the delivery is what is left to earn.
 */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { GoalFace, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
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
  speedOf,
} from './blocks.ts';
import { twinField } from './drill.ts';
import {
  boxSpace,
  copy3,
  goalRadiusField,
  length2,
  length3,
  moveTowards,
  wantGoalAway,
  writeGoal,
  xyz,
} from './parts.ts';
import { controlDt, holdSteps, looseBox, physicsSteps, tableFields, tableWorld } from './table.ts';

const fields = {
  twin: twinField,
  ...tableFields(100),
  difficulty: difficultyField(
    'the pad is near and the block is square to the fingers',
    'the block is turned by up to an eighth of a turn, and the radius that counts falls to the half',
  ),
  occlusion: occlusionField,
  goalRadius: goalRadiusField(0.03),
  goalDistanceMin: {
    type: 'number',
    default: 0.1,
    min: 0.01,
    max: 0.2,
    unit: 'm',
    help: 'Least distance of the pad from the block at the start',
  },
  goalDistanceMax: {
    type: 'number',
    default: 0.2,
    min: 0.01,
    max: 0.3,
    unit: 'm',
    help: 'Largest distance of the pad from the block at the start',
  },
} as const satisfies Fields;

const version = 1;
const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const stages: readonly Stage[] = [
  { id: 'approach', title: 'Bring the open fingers round the block' },
  { id: 'grasp', title: 'Close them' },
  { id: 'carry', title: 'Carry the block to the pad' },
  { id: 'release', title: 'Let go of it and draw back' },
  { id: 'done', title: 'The block is delivered' },
];

/** Below this speed the block counts as resting, m/s. */
const restSpeed = 0.1;
/** The block's middle above the fingertips that hold it. */
const gripToBlock = block.half - graspHeight;
/** How far the fingertips have to be above the block's top in the end. */
const handClear = 0.005;
/** From the grasp up to there. */
const drawBack = 2 * block.half - graspHeight + handClear;
/** A block lower than this over its place stands on the table. */
const standing = 0.004;
/** Where the exploit holds the block, over its place on the pad. */
const hoverHeight = 0.03;
const reachSlack = 0.012;
/** Turn of the block beyond which the open fingers have no room beside it. */
const eighthTurn = 0.78;
const padThickness = 0.004;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  wantGoalAway('drill-hover', 'block', settings);
  const isWrong = settings.twin === 'wrong';
  const { radius, nearest, farthest } = goalRange(settings);
  const { spread, extra } = ease(settings.difficulty);
  const startYaw = spread * 0.2 + extra * (eighthTurn - 0.2);
  const kit = tableWorld({
    bodies: [looseBox('block', [block.half, block.half, block.half], block.mass)],
    looks: { block: { role: 'object' } },
    own: [
      ['goal', 3, 'm'],
      ['startGoalDistance', 1, 'm'],
      ['startReach', 1, 'm'],
      ['bestClose', 1, 'share'],
      ['delivered', 1, ''],
      ['held', 1, 'steps'],
    ],
    hand: { palm: false },
    distractors: settings.distractors,
    randomisation: settings.randomisation,
    markers: [
      {
        body: {
          name: 'goal',
          shape: { type: 'cylinder', radius: radius + block.half, length: padThickness },
          role: 'goal',
        },
        place(state, o, out, at, world) {
          out[at] = state[o + world.at('goal')]!;
          out[at + 1] = state[o + world.at('goal') + 1]!;
          out[at + 2] = padThickness / 2;
        },
      },
    ],
  });
  const { row, world } = kit;
  const { stateDim } = world;
  const body = bodyRow(kit, 'block');
  const goal = world.at('goal');
  const startGoalDistance = world.at('startGoalDistance');
  const startReach = world.at('startReach');
  const bestClose = world.at('bestClose');
  const delivered = world.at('delivered');
  const held = world.at('held');
  const isGrasped = grips(kit, 'block');
  const blockBody = world.body('block');
  const left = world.body('leftFinger');
  const right = world.body('rightFinger');
  const blocks = blockObserver(kit, ['block'], goal, settings);
  const blocksDim = blocks.space.dim;
  const observationSpace = boxSpace([
    ...blocks.space.names.map((name, i) => [name, blocks.space.high[i]!] as const),
    ['bestClose', 1],
    ['delivered', 1],
  ]);

  const rewardTerms: readonly RewardTerm[] = [
    {
      id: 'success',
      kind: 'sparse',
      weight: 1,
      help: 'The block rests within the goal radius of the pad and the fingertips are above it',
    },
    {
      id: 'close',
      kind: 'dense',
      weight: 0.5,
      help: `How close the hand is to the block and, with the block in its grip, the block to the pad: ${
        isWrong ? 'every step' : 'what it gains on the best so far'
      }`,
    },
    { id: 'finish', kind: 'dense', weight: 0.5, help: 'The block has been delivered: once an episode' },
  ];

  const goals: GoalFace = {
    dim: 5,
    names: ['block.x', 'block.y', 'block.z', 'blockSpeed', 'handAbove'],
    achieved(state, o, out, at) {
      copy3(state, o + body.pos, out, at);
      out[at + 3] = speedOf(state, o, body);
      out[at + 4] = state[o + row.pos + 2]! - state[o + body.pos + 2]! - block.half;
    },
    desired(state, o, out, at) {
      copy3(state, o + goal, out, at);
      out[at + 3] = 0;
      out[at + 4] = handClear;
    },
    // What the episode had come to with another goal is not known: the best so far is what the row itself shows.
    setDesired(wanted, from, state, o) {
      if (!writeGoal(wanted, from, 3, state, o + goal)) return;
      const isDone = success(state, o);
      state[o + bestClose] = closeness(state, o);
      state[o + delivered] = isDone ? 1 : 0;
      state[o + held] = isDone ? 1 : 0;
    },
    computeReward: (achieved, a, desired, d) =>
      length3(
        achieved[a]! - desired[d]!,
        achieved[a + 1]! - desired[d + 1]!,
        achieved[a + 2]! - desired[d + 2]!,
      ) < radius &&
      achieved[a + 3]! < restSpeed &&
      achieved[a + 4]! >= handClear
        ? 1
        : 0,
  };
  const pair = new Float64Array(10);
  const success = (state: Float64Array, o: number): boolean => {
    goals.achieved(state, o, pair, 0);
    goals.desired(state, o, pair, 5);
    return goals.computeReward(pair, 0, pair, 5) === 1;
  };

  const asideOf = (state: Float64Array, o: number): number =>
    length2(state[o + goal]! - state[o + body.pos]!, state[o + goal + 1]! - state[o + body.pos + 1]!);
  const goalDistance = (state: Float64Array, o: number): number =>
    length2(asideOf(state, o), state[o + goal + 2]! - state[o + body.pos + 2]!);
  const isOnPad = (state: Float64Array, o: number): boolean =>
    asideOf(state, o) < 0.8 * radius && state[o + body.pos + 2]! < block.half + standing;

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

  /** Anywhere within 4 cm of its place on the pad, in the air too, is as close as can be. */
  const closeness = (state: Float64Array, o: number): number =>
    0.3 * tolerance(reachDistance(state, o), [0, 0], { margin: 0.15, sigmoid: 'long_tail' }) +
    (isGrasped(state, o)
      ? 0.7 * tolerance(goalDistance(state, o), [0, 0.04], { margin: 0.2, sigmoid: 'long_tail' })
      : 0);

  /** Grasps the block and carries it to `over` above its place on the pad. */
  const bring = (state: Float64Array, o: number, over: number, out: Float64Array, at: number): void => {
    if (!isGrasped(state, o)) {
      commandGrasp(state, o, row, body, out, at);
      return;
    }
    const dx = state[o + body.pos]! - state[o + row.pos]!;
    const dy = state[o + body.pos + 1]! - state[o + row.pos + 1]!;
    const dz = state[o + body.pos + 2]! - state[o + row.pos + 2]!;
    const goalX = state[o + goal]! - dx;
    const goalY = state[o + goal + 1]! - dy;
    const clear = block.half + 0.025 - dz;
    if (asideOf(state, o) < 0.5 * radius) {
      moveTowards(state, o + row.pos, goalX, goalY, state[o + goal + 2]! + over - dz, out, at);
    } else if (state[o + body.pos + 2]! > block.half + 0.012) {
      moveTowards(state, o + row.pos, goalX, goalY, clear, out, at);
    } else {
      moveTowards(state, o + row.pos, state[o + row.pos]!, state[o + row.pos + 1]!, clear, out, at);
    }
    out[at + 3] = 1;
  };

  return {
    id: 'drill-hover',
    version,
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
    goals,

    reset(seed, state, o) {
      const random = createRandom(seed);
      const angle = random.uniform(-Math.PI, Math.PI);
      const distance = random.uniform(nearest, farthest);
      const middleX = random.uniform(-0.05, 0.05);
      const middleY = random.uniform(-0.08, 0.08);
      const halfX = (cos(angle) * distance) / 2;
      const halfY = (sin(angle) * distance) / 2;
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
      state[o + goal + 2] = block.half;
      state[o + startGoalDistance] = goalDistance(state, o);
      state[o + startReach] = Math.max(0.01, reachDistance(state, o));
      state[o + bestClose] = closeness(state, o);
      if (settings.distractors > 0)
        kit.scatter(state, o, random, [
          ...[middleX - halfX, middleY - halfY, 0.07],
          ...[middleX + halfX, middleY + halfY, 0.07],
        ]);
    },

    advance(states, actions, first, count) {
      for (let w = first; w < first + count; w++) {
        const o = w * stateDim;
        kit.step(states, o, actions, w * actionSpace.dim);
        const close = closeness(states, o);
        if (close > states[o + bestClose]!) states[o + bestClose] = close;
        const isDone = success(states, o);
        if (isDone) states[o + delivered] = 1;
        states[o + held] = isDone ? states[o + held]! + 1 : 0;
      }
    },

    observe(state, o, out, at) {
      blocks.observe(state, o, out, at);
      out[at + blocksDim] = state[o + bestClose]!;
      out[at + blocksDim + 1] = state[o + delivered]!;
    },

    success,

    stage(state, o) {
      if (success(state, o)) return 4;
      if (isOnPad(state, o)) return 3;
      if (isGrasped(state, o)) return 2;
      return reachDistance(state, o) > 0 ? 0 : 1;
    },

    progress(state, o) {
      if (success(state, o)) return 1;
      if (hasFallen(state, o, body)) return 0;
      if (isOnPad(state, o)) {
        const grasp = state[o + body.pos + 2]! - gripToBlock;
        return 0.85 + 0.14 * clamp((state[o + row.pos + 2]! - grasp) / drawBack, 0, 1);
      }
      const start = state[o + startGoalDistance]!;
      const near = clamp(1 - reachDistance(state, o) / state[o + startReach]!, 0, 1);
      // Negative where the block is farther away than it was: that eats up what the grasp was worth.
      const moved = Math.min(1, (start - goalDistance(state, o)) / (start - radius));
      return clamp(0.25 * near + (isGrasped(state, o) ? 0.15 : 0) + 0.45 * moved, 0, 0.85);
    },

    terminal: (state, o) =>
      !settings.fixedHorizon && (state[o + held]! >= holdSteps || hasFallen(state, o, body)),

    // Best so far and delivered never fall, unless another goal has been written into the rows.
    reward(state, o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = isWrong ? closeness(next, n) : Math.max(0, next[n + bestClose]! - state[o + bestClose]!);
      out[at + 2] = Math.max(0, next[n + delivered]! - state[o + delivered]!);
    },

    expert(state, o, out, at) {
      if (!isOnPad(state, o)) {
        bring(state, o, 0, out, at);
        return;
      }
      const isLoose =
        world.contactForce(state, o, blockBody, left) === 0 &&
        world.contactForce(state, o, blockBody, right) === 0;
      const above = state[o + body.pos + 2]! + block.half + 0.025;
      moveTowards(
        state,
        o + row.pos,
        state[o + row.pos]!,
        state[o + row.pos + 1]!,
        isLoose ? above : state[o + row.pos + 2]!,
        out,
        at,
      );
      out[at + 3] = -1;
    },

    exploit: (state, o, out, at) => bring(state, o, hoverHeight, out, at),

    poses: kit.poses,

    ...kit.touch,
  };
}

export const drillHover: Task = {
  id: 'drill-hover',
  title: 'Drill: hovering over the pad',
  summary:
    'Put a block down on a pad and let go. The written reward pays more for holding it there than for delivering it.',
  version,
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
  },
  create,
};
