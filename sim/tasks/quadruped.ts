/**
 * A four-legged robot in 3D that is told how fast to trot along a track. Servos hold the joints at angles that the action
 * sets; a clock that all legs share is part of the state and of the observation, as on robots that are trained to a
 * given gait (Siekmann et al., arXiv:2011.01387).
 */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { BodyDef, SceneDef } from '../engine/scene.ts';
import { World } from '../engine/world.ts';
import type { BoxSpace, RewardTerm, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { drawWorld, type Look } from '../robots/drawn.ts';
import { arcsin, halfBend } from '../robots/legs.ts';
import { quadrupedBodies, quadrupedJoints, quadrupedLegs, quadruped as robot } from '../robots/quadruped.ts';
import { tolerance } from '../tolerance.ts';
import { boxSpace, clipTo, holdSteps, xyz } from './parts.ts';
import {
  isOnPace,
  paceGoals,
  paceProgress,
  paceStage,
  paceTerm,
  paceTime,
  runningFields,
  scenery,
  stages,
  wantCommands,
  writeScenery,
} from './running.ts';

const controlDt = 0.04;
const substeps = 2;
const base = runningFields(100, 0.5, 1.2);

const fields = {
  ...base,
  speedBand: { ...base.speedBand, default: 0.25 },
  difficulty: {
    ...base.difficulty,
    help: 'Six low kerbs across the track, up to this times 3 cm high',
  },
  randomisation: {
    ...base.randomisation,
    help: 'Masses of all parts drawn within this times 20 %, bones 5 %, friction 30 %',
  },
} as const satisfies Fields;

/** Trot cycles a second. */
const cadence = 2.5;
const jointCount = quadrupedJoints.length;
/** Change of a joint's target at an action of 1, rad. */
const reach = 0.3;
const standing = (joint: number): number => (joint % 2 === 0 ? robot.bend : -2 * robot.bend);

/** Robots among which an episode draws with `randomisation`. */
const robotCount = 16;
const kerbCount = 6;
const kerbHalf = [0.06, 1.2, 0.04] as const;

const own = [
  ['command', 1, 'm/s'],
  ['pace', 1, 'm/s'],
  ['held', 1, 'steps'],
  ['fallen', 1, '0 or 1'],
  ['falls', 1, ''],
  ['robot', 1, 'which of the drawn robots'],
  ['clock', 2, 'cos, sin'],
] as const;

const rewardTerms: readonly RewardTerm[] = [
  {
    id: 'success',
    kind: 'sparse',
    weight: 1,
    help: 'The pace along the track is within the band round the command, and the robot has not fallen',
  },
  { id: 'speed', kind: 'dense', weight: 0.5, help: 'The pace is close to the command' },
  { id: 'upright', kind: 'dense', weight: 0.2, help: 'The trunk is level' },
  { id: 'straight', kind: 'dense', weight: 0.15, help: 'It heads along the track' },
  { id: 'frugal', kind: 'dense', weight: 0.15, help: 'The mean square of the torques is small' },
];

const observationSpace: BoxSpace = boxSpace([
  ['height', 5],
  ...xyz('up', 1.01),
  ['heading.cos', 1.01],
  ['heading.sin', 1.01],
  ...xyz('vel', 20),
  ...xyz('spin', 60),
  ...quadrupedJoints.map((name) => [`${name}Angle`, 4] as const),
  ...quadrupedJoints.map((name) => [`${name}Rate`, 80] as const),
  ['pace', 20],
  ['command', 20],
  ['side', 5],
  ['clock.cos', 1.01],
  ['clock.sin', 1.01],
]);
/** Where the speeds that `occlusion` hides lie in the observation: first and last + 1. */
const hidden = [
  [6, 12],
  [12 + jointCount, 13 + 2 * jointCount],
] as const;

const actionSpace = boxSpace(quadrupedJoints.map((name) => [`${name}Target`, 1] as const));

/**
 * Gains of the trot, found by an evolutionary search with and without noise on the actions and a scan round its result.
 * Half a step is `sweep` long per m/s of the command and `hold` per m/s that the pace lacks; the feet land `place` ahead
 * per m/s of speed too much and `lean` beside the hips; `lift` is the height of the swing. Legs grow by `pitch` and `roll`
 * per unit of the up vector where the trunk sinks. Steps of the two sides differ by `drift` per metre off the middle.
 */
const gains = {
  lift: 0.048,
  sweep: 0.11,
  hold: 0.137,
  place: 0.2,
  lean: -0.08,
  pitch: 0.03,
  roll: 0.02,
  drift: 0.1,
} as const;

/** The trot: feet on flattened circles, the speed set by their length, the trunk held level by the legs' lengths. */
function trot(seen: Float64Array, out: Float64Array, at: number): void {
  const { bone, bend } = robot;
  const command = seen[29]!;
  const pace = seen[28]!;
  const steer = gains.drift * seen[30]!;
  const height = 2 * bone * cos(bend);
  quadrupedLegs.forEach((leg, k) => {
    const c = leg.phase * seen[31]!;
    const s = leg.phase * seen[32]!;
    const length = gains.sweep * command + gains.hold * (command - pace) + leg.y * steer * command;
    const x = -length * c + gains.place * (seen[6]! - command) + gains.lean;
    const up = gains.lift * Math.max(0, s);
    // up.x is negative with the nose up, up.y positive with the left side up: the lower side's legs grow longer.
    const level = -gains.pitch * seen[1]! * leg.x + gains.roll * seen[2]! * leg.y;
    const z = clamp(height - up - level, 0.2, 0.39);
    const reachOf = clamp(Math.sqrt(x * x + z * z), 0.15, 0.395);
    const half = halfBend(reachOf, bone);
    const swing = -arcsin(clamp(x / reachOf, -0.7, 0.7));
    out[at + 2 * k] = (swing + half - standing(0)) / reach;
    out[at + 2 * k + 1] = (-2 * half - standing(1)) / reach;
  });
}

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { fixedHorizon, speedBand, difficulty, randomisation } = settings;
  wantCommands('quadruped', settings);

  const kerbs: BodyDef[] = Array.from({ length: difficulty > 0 ? kerbCount : 0 }, (_, k) => ({
    name: `kerb${k}`,
    position: [0, 0, -1],
    joints: [{ type: 'placed' }],
    shapes: [{ type: 'box', half: kerbHalf, friction: settings.friction }],
  }));
  const sceneOf = (massFactor: (name: string) => number, boneFactor: number): SceneDef => ({
    physicsDt: controlDt / substeps,
    substeps: 1,
    variable: true,
    bodies: [
      { name: 'ground', shapes: [{ type: 'plane', friction: settings.friction }] },
      ...kerbs,
      ...quadrupedBodies(massFactor, boneFactor),
    ],
  });
  const nominal = sceneOf(() => 1, 1);
  const world = new World(nominal, own);
  const drawing = createRandom(1);
  const worlds =
    randomisation === 0
      ? [world]
      : Array.from({ length: robotCount }, () => {
          const bones = 1 + 0.05 * randomisation * drawing.uniform(-1, 1);
          return new World(
            sceneOf(() => 1 + 0.2 * randomisation * drawing.uniform(-1, 1), bones),
            own,
          );
        });
  const looks: Record<string, Look> = { trunk: { role: 'link' } };
  for (const { name } of quadrupedLegs) {
    looks[`${name}Thigh`] = { role: 'link' };
    looks[`${name}Shin`] = { role: 'joint' };
  }
  for (const { name } of kerbs) looks[name] = { role: 'wall' };
  const drawn = drawWorld(world, nominal, looks);

  const pos = world.at('trunk.pos');
  const quat = world.at('trunk.quat');
  const vel = world.at('trunk.vel');
  const spin = world.at('trunk.spin');
  const angle = world.at(quadrupedJoints[0]!);
  const rate = world.at(`${quadrupedJoints[0]}.rate`);
  const target = world.at(`${quadrupedJoints[0]}.target`);
  const frictionScale = world.at('frictionScale');
  const command = world.at('command');
  const pace = world.at('pace');
  const held = world.at('held');
  const fallen = world.at('fallen');
  const falls = world.at('falls');
  const drawnRobot = world.at('robot');
  const clock = world.at('clock');
  const kerbAt = kerbs.map(({ name }) => world.at(`${name}.pos`));
  const impulses = world.guardDim;
  const { stateDim } = world;
  const blend = controlDt / paceTime;
  const tickCos = cos(2 * Math.PI * cadence * controlDt);
  const tickSin = sin(2 * Math.PI * cadence * controlDt);
  const seen = new Float64Array(observationSpace.dim);
  const flat = { slope: 0, amplitude: 0, phaseA: 0, phaseB: 0, friction: 0 };
  const standingHeight = 2 * robot.bone * cos(robot.bend) + robot.footRadius + 0.005;

  const success = (state: Float64Array, o: number): boolean =>
    isOnPace(state[o + pace]!, state[o + command]!, speedBand);

  /** z of the trunk's up axis in the world. */
  const upZ = (state: Float64Array, o: number): number => {
    const x = state[o + quat]!;
    const y = state[o + quat + 1]!;
    return 1 - 2 * (x * x + y * y);
  };
  const headingSin = (state: Float64Array, o: number): number =>
    2 * (state[o + quat]! * state[o + quat + 1]! + state[o + quat + 3]! * state[o + quat + 2]!);

  const hasFallen = (state: Float64Array, o: number): boolean =>
    upZ(state, o) < 0.5 || state[o + pos + 2]! < 0.14;

  /** On its feet where it is along the track, in the middle of it, nothing moving. */
  const stand = (state: Float64Array, o: number): void => {
    state[o + pos + 1] = 0;
    state[o + pos + 2] = standingHeight + (difficulty > 0 ? 0.03 * difficulty : 0);
    state.fill(0, o + quat, o + quat + 3);
    state[o + quat + 3] = 1;
    state.fill(0, o + vel, o + vel + 6 + jointCount);
    state.fill(0, o + impulses, o + stateDim);
    for (let j = 0; j < jointCount; j++) {
      state[o + angle + j] = standing(j);
      state[o + target + j] = standing(j);
    }
  };

  const see = (state: Float64Array, o: number, out: Float64Array, at: number): void => {
    const x = state[o + quat]!;
    const y = state[o + quat + 1]!;
    const z = state[o + quat + 2]!;
    const w = state[o + quat + 3]!;
    out[at] = state[o + pos + 2]!;
    // The world's up in the trunk's frame, and where the trunk's x axis points on the ground.
    out[at + 1] = 2 * (x * z - w * y);
    out[at + 2] = 2 * (y * z + w * x);
    out[at + 3] = upZ(state, o);
    out[at + 4] = 1 - 2 * (y * y + z * z);
    out[at + 5] = headingSin(state, o);
    for (let k = 0; k < 3; k++) {
      out[at + 6 + k] = state[o + vel + k]!;
      out[at + 9 + k] = state[o + spin + k]!;
    }
    for (let j = 0; j < jointCount; j++) {
      out[at + 12 + j] = state[o + angle + j]!;
      out[at + 12 + jointCount + j] = state[o + rate + j]!;
    }
    const end = at + 12 + 2 * jointCount;
    out[end] = state[o + pace]!;
    out[end + 1] = state[o + command]!;
    out[end + 2] = state[o + pos + 1]!;
    out[end + 3] = state[o + clock]!;
    out[end + 4] = state[o + clock + 1]!;
    clipTo(observationSpace, out, at);
  };

  return {
    id: 'quadruped',
    version: 1,
    settings,
    controlDt,
    substeps,
    horizon: settings.horizon,
    stateDim,
    stateLayout: world.layout,
    observationSpace,
    actionSpace,
    stages,
    rewardTerms,
    bodies: [...scenery, ...drawn.bodies],

    reset(seed, state, o) {
      const random = createRandom(seed);
      world.rest(state, o);
      const spread = settings.speedSpread;
      state[o + command] = settings.speed * random.uniform(1 - spread, 1 + spread);
      state[o + drawnRobot] = random.integer(worlds.length);
      state[o + frictionScale] = 1 + 0.3 * randomisation * random.uniform(-1, 1);
      stand(state, o);
      const phase = random.uniform(-Math.PI, Math.PI);
      state[o + clock] = cos(phase);
      state[o + clock + 1] = sin(phase);
      const yaw = random.uniform(-0.1, 0.1);
      state[o + quat + 2] = sin(yaw / 2);
      state[o + quat + 3] = cos(yaw / 2);
      for (let j = 0; j < jointCount; j++) {
        state[o + angle + j]! += random.uniform(-0.05, 0.05);
        state[o + rate + j] = random.uniform(-0.1, 0.1);
      }
      // Kerbs from half a metre on, each of its own height.
      kerbAt.forEach((at, k) => {
        state[o + at] = 0.5 + 0.4 * k + random.uniform(0, 0.25);
        state[o + at + 2] = 0.03 * difficulty * random.uniform() - kerbHalf[2];
      });
    },

    advance(states, actions, first, count) {
      for (let i = first; i < first + count; i++) {
        const o = i * stateDim;
        for (let j = 0; j < jointCount; j++) {
          states[o + target + j] = standing(j) + reach * clamp(actions[i * jointCount + j]!, -1, 1);
        }
        const before = states[o + pos]!;
        worlds[states[o + drawnRobot]!]!.step(states, o, substeps);
        states[o]! += 1;
        states[o + pace]! += blend * ((states[o + pos]! - before) / controlDt - states[o + pace]!);
        // The clock turns by a fixed angle; its length is kept at 1 against rounding.
        const c = states[o + clock]! * tickCos - states[o + clock + 1]! * tickSin;
        const s = states[o + clock]! * tickSin + states[o + clock + 1]! * tickCos;
        const scale = 1 / Math.sqrt(c * c + s * s);
        states[o + clock] = c * scale;
        states[o + clock + 1] = s * scale;
        if (hasFallen(states, o)) {
          states[o + pace] = 0;
          if (fixedHorizon) {
            states[o + falls]! += 1;
            stand(states, o);
          } else states[o + fallen] = 1;
        }
        states[o + held] = success(states, o) ? states[o + held]! + 1 : 0;
      }
    },

    observe(state, o, out, at) {
      see(state, o, out, at);
      if (settings.occlusion) for (const [from, to] of hidden) out.fill(0, at + from, at + to);
    },

    success,
    stage: (state, o) => paceStage(state[o + pace]!, state[o + command]!, speedBand),
    progress: (state, o) => paceProgress(state[o + pace]!, state[o + command]!, speedBand),
    terminal: (state, o) => !fixedHorizon && (state[o + held]! >= holdSteps || state[o + fallen] === 1),

    reward(_state, _o, _action, _a, next, n, out, at) {
      let square = 0;
      for (let j = 0; j < jointCount; j++) {
        const torque =
          robot.stiffness * (next[n + target + j]! - next[n + angle + j]!) -
          robot.damping * next[n + rate + j]!;
        const share = clamp(torque / robot.limit, -1, 1);
        square += (share * share) / jointCount;
      }
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = paceTerm(next[n + pace]!, next[n + command]!);
      out[at + 2] = tolerance(upZ(next, n), [0.97, 1.01], { margin: 0.5 });
      out[at + 3] = tolerance(headingSin(next, n), [-0.1, 0.1], { margin: 0.8 });
      out[at + 4] = 1 - square;
    },

    expert(state, o, out, at) {
      see(state, o, seen, 0);
      trot(seen, out, at);
      for (let j = 0; j < jointCount; j++) out[at + j] = clamp(out[at + j]!, -1, 1);
    },

    poses(state, o, out, at) {
      const ahead = clamp((state[o + command]! - state[o + pace]!) / 2, -2, 2);
      writeScenery(flat, state[o + pos]!, ahead, out, at);
      drawn.write(state, o, out, at + 7 * scenery.length);
    },

    contacts: (state, o) => worlds[state[o + drawnRobot]!]!.contacts(state, o),
    touching: (state, o) => worlds[state[o + drawnRobot]!]!.touching(state, o),

    cameras: [
      { name: 'side', body: 'shadow', position: [0.3, -1.9, 0.7], target: [0.1, 0, 0.2], fieldOfView: 0.7 },
      { name: 'front', body: 'shadow', position: [1.8, -1, 0.8], target: [0, 0, 0.2], fieldOfView: 0.7 },
    ],

    goals: paceGoals(pace, command, held, speedBand),
  };
}

export const quadruped: Task = {
  id: 'quadruped',
  title: 'Quadruped',
  summary: 'Trot along a track at a commanded speed on four legs.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 5_000_000,
        worlds: 64,
        stepsPerWorld: 64,
        epochs: 8,
        minibatch: 1_024,
        learningRate: 0.001,
        gamma: 0.98,
        entropyCoef: 0.001,
        hiddenSize: 128,
        initialLogStd: -1,
      },
    },
  },
  create,
};
