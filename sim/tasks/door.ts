/** Open a door by its handle, pulling or pushing; with a latch, a lever has to be turned down before. */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { BodyDef, ShapeDef } from '../engine/scene.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { groups } from '../robots/hand.ts';
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
import { boxSpace, clipTo, length2, moveTowards, xyz } from './parts.ts';
import { controlDt, holdSteps, physicsSteps, tableFields, tableWorld } from './table.ts';

/** Metres, radians, kilograms. The leaf's frame: origin on the table under the middle of its front, inside towards x. */
const leaf = {
  halfWidth: 0.098,
  halfThickness: 0.006,
  low: 0.012,
  high: 0.15,
  hingeY: 0.1,
  handleY: 0.01,
  armZ: 0.095,
  mass: 0.4,
  /** Nm, and Nm s. */
  friction: 0.05,
  damping: 0.02,
  most: 1.4,
} as const;

/**
 * The lever is a seesaw before the leaf: its inner end is pressed down, its outer end, the bolt, rises out of the keeper on
 * the frame. Dry friction keeps it where it is.
 */
const lever = {
  x: -0.02,
  pivotY: -0.08,
  pivotZ: 0.125,
  innerY: -0.042,
  outerY: -0.122,
  half: [0.008, 0.005],
  friction: 0.03,
  most: 0.7,
  /** Above this angle the bolt is clear. */
  clear: 0.45,
  /** Where it is pressed, from the pivot. */
  press: 0.03,
  keeperTop: 0.128,
} as const;
/** The bolt alone meets the keeper. */
const boltGroup = 8;

const fields = {
  ...tableFields(80),
  direction: {
    type: 'choice',
    default: 'pull',
    options: ['pull', 'push'],
    help: 'Whether the door opens towards the arm or away from it',
  },
  goalAngle: {
    type: 'number',
    default: 0.8,
    min: 0.2,
    max: 1.2,
    unit: 'rad',
    help: 'Success means that the door is open at least this far',
  },
  latch: {
    type: 'boolean',
    default: false,
    help: 'A bolt holds the door until its lever is turned down; the lever stays where it is left',
  },
  difficulty: difficultyField,
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'The observation does not tell how far and how fast the door turns; the handle is shown where it was when shut',
  },
} as const satisfies Fields;

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const approach: Stage = { id: 'approach', title: 'Bring the open fingers round the handle' };
const plainStages: readonly Stage[] = [
  approach,
  { id: 'grasp', title: 'Close them' },
  { id: 'open', title: 'Swing the door open' },
  { id: 'done', title: 'It is open far enough' },
];

const success: RewardTerm = {
  id: 'success',
  kind: 'sparse',
  weight: 1,
  help: 'The door is open at least as far as wanted',
};

const approachShare = 0.25;
const graspShare = 0.15;
const openShare = 1 - approachShare - graspShare;
/** Share of the lever where there is one; the rest is worth that much less. */
const leverShare = 0.3;

/** Where the handle is grasped, and the end of the lever pressed; set by `locate` and `locateLever`. */
const grip = new Float64Array(3);
const spot = new Float64Array(3);

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { goalAngle, latch } = settings;
  const pulls = settings.direction === 'pull';
  /** Turn about z of a door open by one radian. */
  const sense = pulls ? -1 : 1;
  const postHalf = 0.01;
  const postTop = latch ? lever.keeperTop : leaf.high;
  const post = (y: number, top: number): ShapeDef => ({
    ...solid,
    type: 'box',
    half: [postHalf, postHalf, top / 2],
    position: [leaf.halfThickness, y, top / 2],
  });
  const strike = post(-leaf.hingeY - 0.012, postTop);
  // Pulled open, the bolt comes against a plate before it; pushed, against the post behind it.
  const keeperX = lever.x - lever.half[0] - 0.008;
  const keeper: ShapeDef[] = pulls
    ? [
        strike,
        {
          ...solid,
          mask: solid.mask | boltGroup,
          type: 'box',
          half: [0.004, 0.01, 0.012],
          position: [keeperX, -leaf.hingeY - 0.012, lever.keeperTop - 0.012],
        },
        {
          ...drawnOnly,
          type: 'box',
          half: [0.5 * (0.004 - keeperX), 0.01, 0.003],
          position: [0.5 * (keeperX - 0.004), -leaf.hingeY - 0.012, lever.keeperTop - 0.021],
        },
      ]
    : [{ ...strike, mask: solid.mask | boltGroup }];
  const leverBody: BodyDef = {
    name: 'lever',
    parent: 'door',
    position: [lever.x, lever.pivotY, lever.pivotZ],
    mass: 0.05,
    joints: [
      {
        type: 'hinge',
        name: 'lever',
        axis: [-1, 0, 0],
        limits: [0, lever.most],
        friction: lever.friction,
        damping: 0.002,
      },
    ],
    shapes: [
      {
        ...solid,
        group: groups.fixture | boltGroup,
        mask: solid.mask | groups.fixture,
        type: 'box',
        half: [lever.half[0], (lever.innerY - lever.outerY) / 2, lever.half[1]],
        position: [0, (lever.innerY + lever.outerY) / 2 - lever.pivotY, 0],
      },
      // The axle.
      {
        ...drawnOnly,
        type: 'box',
        half: [-lever.x / 2, 0.006, 0.006],
        position: [-lever.x / 2, 0, 0],
      },
    ],
  };
  const table = tableWorld({
    bodies: [
      {
        name: 'frame',
        joints: [{ type: 'placed' }],
        shapes: [
          post(leaf.hingeY + 0.012, leaf.high),
          ...(latch ? keeper : [strike]),
          {
            ...drawnOnly,
            type: 'box',
            half: [0.04, leaf.hingeY + 0.022, 0.003],
            position: [leaf.halfThickness, 0, 0.003],
          },
        ],
      },
      {
        name: 'door',
        parent: 'frame',
        mass: leaf.mass,
        joints: [
          {
            type: 'hinge',
            name: 'angle',
            axis: [0, 0, sense],
            anchor: [leaf.halfThickness, leaf.hingeY, 0],
            limits: [0, leaf.most],
            friction: leaf.friction,
            damping: leaf.damping,
          },
        ],
        shapes: [
          {
            ...solid,
            type: 'box',
            half: [leaf.halfThickness, leaf.halfWidth, (leaf.high - leaf.low) / 2],
            position: [leaf.halfThickness, 0, (leaf.high + leaf.low) / 2],
          },
        ],
      },
      { name: 'handle', parent: 'door', mass: 0.05, shapes: handleShapes(leaf.handleY, leaf.armZ) },
      ...(latch ? [leverBody] : []),
    ],
    looks: {
      frame: { role: 'fixture' },
      door: { role: 'object' },
      handle: { role: 'tool' },
      lever: { role: 'marker' },
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
          locate(state, o, goalAngle);
          out[at] = grip[0]!;
          out[at + 1] = grip[1]!;
          out[at + 2] = leaf.armZ + handle.rise + 0.05;
        },
      },
    ],
  });
  const { world, row } = table;
  const stateDim = world.stateDim;
  const place = world.at('frame.pos');
  const turn = world.at('frame.quat');
  const angle = world.at('angle');
  const angleRate = world.at('angle.rate');
  const leverAngle = latch ? world.at('lever') : -1;
  const leverRate = latch ? world.at('lever.rate') : -1;
  const startReach = world.at('startReach');
  const held = world.at('held');

  /** Writes the world's place of the leaf's point x, y at height z when the door is open by `by` radians. */
  function onLeaf(
    state: Float64Array,
    o: number,
    by: number,
    x: number,
    y: number,
    z: number,
    out: Float64Array,
  ): void {
    const c = cos(by);
    const s = sense * sin(by);
    const dx = x - leaf.halfThickness;
    const dy = y - leaf.hingeY;
    const fx = leaf.halfThickness + c * dx - s * dy;
    const fy = leaf.hingeY + s * dx + c * dy;
    const fc = cosOf(state, o + turn);
    const fs = sinOf(state, o + turn);
    out[0] = state[o + place]! + fc * fx - fs * fy;
    out[1] = state[o + place + 1]! + fs * fx + fc * fy;
    out[2] = z;
  }

  /** Where the handle is grasped when the door is open by `by` radians. */
  const locate = (state: Float64Array, o: number, by: number): void =>
    onLeaf(state, o, by, -handle.standOff, leaf.handleY, leaf.armZ + handle.grasp, grip);

  /** Top of the lever where it is pressed, at its present angle. */
  const locateLever = (state: Float64Array, o: number): void => {
    const a = state[o + leverAngle]!;
    const y = lever.pivotY + lever.press;
    onLeaf(state, o, state[o + angle]!, lever.x, y, 0, spot);
    spot[2] = lever.pivotZ - lever.press * sin(a) + lever.half[1] / cos(a);
  };

  const isOpen = (state: Float64Array, o: number): boolean => state[o + angle]! >= goalAngle;
  const reach = (state: Float64Array, o: number): number => {
    locate(state, o, state[o + angle]!);
    return shortOf(state, o, row, grip[0]!, grip[1]!, grip[2]!);
  };
  const leverReach = (state: Float64Array, o: number): number => {
    locateLever(state, o);
    return shortOf(state, o, row, spot[0]!, spot[1]!, spot[2]!);
  };
  const isHeld = (state: Float64Array, o: number): boolean => {
    locate(state, o, state[o + angle]!);
    return holdsHandle(state, o, row, grip[0]!, grip[1]!, grip[2]!);
  };
  /** Nothing holds the door: the lever is down, or the bolt is past the keeper. */
  const isFree = (state: Float64Array, o: number): boolean =>
    !latch || state[o + leverAngle]! >= lever.clear || state[o + angle]! > 0.1;

  const observationSpace = boxSpace([
    ...handSpace,
    ...xyz('gripperToHandle', 2),
    // Unit vector along which the shut door is looked at.
    ['facing.x', 1.001],
    ['facing.y', 1.001],
    ['angle', 2],
    ['angleRate', 30],
    ['toGoal', 2],
    ...(latch ? ([...xyz('gripperToLever', 2), ['lever', 1], ['leverRate', 100]] as const) : []),
  ]);

  const rewardTerms: readonly RewardTerm[] = [
    success,
    {
      id: 'near',
      kind: 'dense',
      weight: 0.2,
      help: latch
        ? 'The gripper is close to the lever, once it is down to where it can grasp the handle'
        : 'The gripper is close to where it can grasp the handle',
    },
    ...(latch
      ? [{ id: 'lever', kind: 'dense', weight: 0.2, help: 'The lever is turned down' } as const]
      : []),
    {
      id: 'grasped',
      kind: 'dense',
      weight: latch ? 0.1 : 0.2,
      help: 'The handle is held between the fingers',
    },
    { id: 'opened', kind: 'dense', weight: latch ? 0.5 : 0.6, help: 'The door is open as far as wanted' },
  ];

  return {
    id: 'door',
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
    stages: latch ? [{ id: 'unlatch', title: 'Turn the lever down' }, ...plainStages] : plainStages,
    rewardTerms,
    bodies: table.bodies,
    cameras: [frontView],

    reset(seed, state, o) {
      const random = createRandom(seed);
      const x = random.uniform(-0.2, -0.08);
      const y = random.uniform(-0.15, 0.15);
      const z = random.uniform(0.12, 0.22);
      table.start(state, o, random, x, y, z);
      placeFixture(
        state,
        o + place,
        random,
        { x: pulls ? 0.15 : 0.1, y: 0, spreadX: 0.03, spreadY: 0.1, turn: 0.3 },
        settings.difficulty,
      );
      const px = state[o + place]!;
      const py = state[o + place + 1]!;
      // Nothing stands in the door's way.
      table.scatter(state, o, random, [px, py, 0.2, px - 0.12, py, 0.16]);
      state[o + startReach] = Math.max(0.01, latch ? leverReach(state, o) : reach(state, o));
    },

    advance: table.holding(actionSpace.dim, held, isOpen),

    observe(state, o, out, at) {
      observeHand(state, o, row, out, at);
      const hides = settings.occlusion;
      locate(state, o, hides ? 0 : state[o + angle]!);
      for (let k = 0; k < 3; k++) out[at + 9 + k] = grip[k]! - state[o + row.pos + k]!;
      out[at + 12] = cosOf(state, o + turn);
      out[at + 13] = sinOf(state, o + turn);
      out[at + 14] = hides ? 0 : state[o + angle]!;
      out[at + 15] = hides ? 0 : state[o + angleRate]!;
      out[at + 16] = hides ? 0 : goalAngle - state[o + angle]!;
      if (latch) {
        locateLever(state, o);
        for (let k = 0; k < 3; k++) out[at + 17 + k] = spot[k]! - state[o + row.pos + k]!;
        out[at + 20] = state[o + leverAngle]!;
        out[at + 21] = state[o + leverRate]!;
      }
      clipTo(observationSpace, out, at);
    },

    success: isOpen,

    stage(state, o) {
      const first = latch ? 1 : 0;
      if (isOpen(state, o)) return first + 3;
      if (!isFree(state, o)) return 0;
      if (isHeld(state, o)) return first + 2;
      return reach(state, o) > 0 ? first : first + 1;
    },

    progress(state, o) {
      if (isOpen(state, o)) return 1;
      if (!isFree(state, o)) {
        const near = clamp(1 - leverReach(state, o) / state[o + startReach]!, 0, 1);
        return leverShare * (0.4 * near + 0.6 * clamp(state[o + leverAngle]! / lever.clear, 0, 1));
      }
      const near = clamp(1 - reach(state, o) / (latch ? 0.2 : state[o + startReach]!), 0, 1);
      const whole =
        approachShare * near +
        (isHeld(state, o) ? graspShare : 0) +
        openShare * clamp(state[o + angle]! / goalAngle, 0, 1);
      return clamp(latch ? leverShare + (1 - leverShare) * whole : whole, 0, 0.99);
    },

    terminal: (state, o) => !settings.fixedHorizon && state[o + held]! >= holdSteps,

    reward(_state, _o, _action, _a, next, n, out, at) {
      const free = isFree(next, n);
      out[at] = isOpen(next, n) ? 1 : 0;
      const short = free ? reach(next, n) : leverReach(next, n);
      // Past the lever the way to the handle must not look like a step back.
      const near = tolerance(short, [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 1] = !latch ? near : free ? 0.5 + 0.5 * near : 0.5 * near;
      let k = at + 2;
      if (latch) out[k++] = free ? 1 : clamp(next[n + leverAngle]! / lever.clear, 0, 1);
      locate(next, n, next[n + angle]!);
      out[k++] = free ? graspQuality(next, n, row, grip[0]!, grip[1]!, grip[2]!) : 0;
      out[k] = tolerance(next[n + angle]!, [goalAngle, Number.POSITIVE_INFINITY], {
        margin: goalAngle,
        sigmoid: 'linear',
        valueAtMargin: 0,
      });
    },

    expert(state, o, out, at) {
      if (!isFree(state, o)) {
        locateLever(state, o);
        const x = spot[0]!;
        const y = spot[1]!;
        const aside = length2(x - state[o + row.pos]!, y - state[o + row.pos + 1]!);
        const up = state[o + row.pos + 2]! - spot[2]!;
        const isClosed = state[o + row.opening]! < 0.004;
        if (aside < 0.008 && isClosed) moveTowards(state, o + row.pos, x, y, spot[2]! - 0.02, out, at);
        else if (aside < 0.14 && up < 0.015)
          moveTowards(
            state,
            o + row.pos,
            state[o + row.pos]!,
            state[o + row.pos + 1]!,
            spot[2]! + 0.04,
            out,
            at,
          );
        else moveTowards(state, o + row.pos, x, y, spot[2]! + (isClosed ? 0.02 : 0.04), out, at);
        out[at + 3] = 1;
        return;
      }
      locate(state, o, state[o + angle]!);
      if (!graspHandle(state, o, row, grip[0]!, grip[1]!, grip[2]!, out, at)) return;
      // Ahead of the handle on its arc, so that the servo pulls; not much beyond the goal.
      locate(state, o, Math.min(state[o + angle]! + 0.3, goalAngle + 0.15));
      moveTowards(state, o + row.pos, grip[0]!, grip[1]!, grip[2]!, out, at);
      out[at + 3] = 1;
    },

    goals: {
      dim: 1,
      names: ['angle'],
      achieved(state, o, out, at) {
        out[at] = state[o + angle]!;
      },
      desired(_state, _o, out, at) {
        out[at] = goalAngle;
      },
      computeReward: (achieved, a, desired, d) => (achieved[a]! >= desired[d]! ? 1 : 0),
    },

    poses: table.poses,

    ...table.touch,
  };
}

export const door: Task = {
  id: 'door',
  title: 'Open a door',
  summary: 'Open a door by its handle, pulling or pushing; with a latch, turn the lever down first.',
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
