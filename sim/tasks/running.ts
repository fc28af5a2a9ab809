/**
 * What the legged tasks in the plane share: run at a commanded speed without falling. The pace is the forward speed
 * averaged over about half a second, because every gait swings about its mean. With a fixed horizon a robot that falls is
 * put back on its feet where it fell, with pace 0, so that no episode is spent lying on the ground; otherwise a fall ends
 * the episode.
 */

import { clamp } from '../engine/math.ts';
import {
  createDrive,
  groundContacts,
  groundHeight,
  type PlanarGround,
  type PlanarModel,
  type PlanarStep,
  specialise,
} from '../engine/planar.ts';
import { createRandom, type Random } from '../engine/random.ts';
import type { Body, BoxSpace, GoalFace, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { type LegFactors, type PlanarRobot, setDown } from '../robots/legs.ts';
import { tolerance } from '../tolerance.ts';
import { boxSpace, clipTo, holdSteps, layoutOf, writeGoal } from './parts.ts';

/** Seconds over which the pace forgets. */
export const paceTime = 0.5;

/** Fields that every legged task has. */
export function runningFields<H extends number>(horizon: H, speed: number, mostSpeed: number) {
  return {
    horizon: {
      type: 'integer',
      default: horizon,
      min: 1,
      max: 5000,
      unit: 'steps',
      help: 'Control steps after which an episode is cut off',
    },
    fixedHorizon: {
      type: 'boolean',
      default: true,
      help: 'Every episode lasts the whole horizon and a fallen robot is put back on its feet; off: it ends when success has held or the robot falls',
    },
    speed: {
      type: 'number',
      default: speed,
      min: 0.2,
      max: mostSpeed,
      unit: 'm/s',
      help: 'Middle of the commanded speeds',
    },
    speedSpread: {
      type: 'number',
      default: 0.2,
      min: 0,
      max: 0.8,
      help: 'Commands are drawn from speed * (1 - this) to speed * (1 + this)',
    },
    speedBand: {
      type: 'number',
      default: 0.2,
      min: 0.02,
      max: 0.5,
      help: 'Success means a pace this close to the command, as a share of it',
    },
    friction: {
      type: 'number',
      default: 0.8,
      min: 0.1,
      max: 2,
      help: 'Friction coefficient between robot and ground',
    },
    difficulty: {
      type: 'number',
      default: 0,
      min: 0,
      max: 1,
      help: 'Slopes up to this times 0.1 (either way) and waves of the ground up to this times 3 cm',
    },
    randomisation: {
      type: 'number',
      default: 0,
      min: 0,
      max: 1,
      help: 'Masses of the links drawn within this times 20 %, lengths of the legs 6 %, friction 30 %',
    },
    occlusion: {
      type: 'boolean',
      default: false,
      help: 'The observation hides all speeds but the commanded one (0 in their place)',
    },
  } as const satisfies Fields;
}

export type RunningSettings = Settings<ReturnType<typeof runningFields>>;

export interface RunnerSpec {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly training: Required<Task>['training'];
  readonly version: number;
  readonly fields: ReturnType<typeof runningFields>;
  readonly robot: PlanarRobot;
  readonly controlDt: number;
  readonly substeps: number;
  /** Points with a contact sensor. */
  readonly feet: readonly string[];
  /** Torque at an action of 1, N m; one a joint. */
  readonly gears: readonly number[];
  /** Fallen means a pitch beyond this (rad), or the root nearer to the ground than this (m). */
  readonly mostPitch: number;
  readonly leastHeight: number;
  /** Largest random offsets at the start: angles (rad), rates (rad/s). */
  readonly startAngle: number;
  readonly startRate: number;
  /** The expert: a function of the whole observation (nothing hidden). */
  expert(observation: Float64Array, out: Float64Array, at: number): void;
}

/** Numbers of a row before the robot's own. */
const layoutHead = [
  ['step', 1, 'steps'],
  ['command', 1, 'm/s'],
  ['pace', 1, 'm/s'],
  ['held', 1, 'steps'],
  ['fallen', 1, '0 or 1'],
  ['falls', 1, ''],
  ['body', 1, 'which of the drawn bodies'],
  ['friction', 1, ''],
  ['slope', 1, 'm/m'],
  ['wave', 1, 'm'],
  ['wavePhase', 2, 'rad'],
] as const;
const command = 1;
const pace = 2;
const held = 3;
const fallen = 4;
const falls = 5;
const drawnBody = 6;
const friction = 7;
const slope = 8;
const wave = 9;
const wavePhase = 10;
const robotAt = 12;

/** Bodies among which an episode draws with `randomisation`. */
const bodyCount = 32;

export const stages: readonly Stage[] = [
  { id: 'start', title: 'Get going' },
  { id: 'accelerate', title: 'Reach the commanded speed' },
  { id: 'hold', title: 'Hold it' },
];

const rewardTerms: readonly RewardTerm[] = [
  {
    id: 'success',
    kind: 'sparse',
    weight: 1,
    help: 'The pace is within the band round the command, and the robot has not fallen',
  },
  { id: 'speed', kind: 'dense', weight: 0.6, help: 'The pace is close to the command' },
  { id: 'upright', kind: 'dense', weight: 0.2, help: 'The torso is level' },
  { id: 'frugal', kind: 'dense', weight: 0.2, help: 'The mean square of the torques is small' },
];

// ---------------------------------------------------------------------------------------------------------------------
// Pace and command

/** Nobody is commanded to stand or to go back (`wantCommands`); as a goal that hindsight found, that is never reached. */
export const isOnPace = (pace: number, command: number, band: number): boolean =>
  command > 0 && Math.abs(pace - command) <= band * command;

/** 0 at rest, 0.97 at the edge of the band, 1 within it. */
export function paceProgress(pace: number, command: number, band: number): number {
  if (isOnPace(pace, command, band)) return 1;
  if (command <= 0) return 0;
  const outside = Math.abs(pace - command) - band * command;
  return 0.97 * clamp(1 - outside / ((1 - band) * command), 0, 1);
}

export const paceStage = (pace: number, command: number, band: number): number =>
  isOnPace(pace, command, band) ? 2 : pace < 0.25 * command ? 0 : 1;

export const paceTerm = (pace: number, command: number): number =>
  command > 0
    ? tolerance(pace, [0.9 * command, 1.1 * command], {
        margin: command,
        sigmoid: 'quadratic',
        valueAtMargin: 0,
      })
    : 0;

/** The goal is the command, what is achieved is the pace. */
export const paceGoals = (paceAt: number, commandAt: number, heldAt: number, band: number): GoalFace => ({
  dim: 1,
  names: ['pace'],
  achieved: (state, o, out, at) => {
    out[at] = state[o + paceAt]!;
  },
  desired: (state, o, out, at) => {
    out[at] = state[o + commandAt]!;
  },
  setDesired: (wanted, from, state, o) => {
    if (writeGoal(wanted, from, 1, state, o + commandAt))
      state[o + heldAt] = isOnPace(state[o + paceAt]!, state[o + commandAt]!, band) ? 1 : 0;
  },
  computeReward: (achieved, a, desired, d) => (isOnPace(achieved[a]!, desired[d]!, band) ? 1 : 0),
});

/** @throws RangeError when commands could be too slow to be told from standing still. */
export function wantCommands(task: string, settings: { speed: number; speedSpread: number }): void {
  if (settings.speed * (1 - settings.speedSpread) < 0.1) {
    throw new RangeError(
      `${task}: speedSpread is ${settings.speedSpread}, wanted commands of at least 0.1 m/s (speed is ${settings.speed})`,
    );
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Drawing: tiles of the ground follow the robot, a post beside the track runs at the commanded speed

const tileLength = 0.4;
const tileCount = 24;
const tilesBehind = 9;
const tileThickness = 0.04;
const postHeight = 0.8;

export const scenery: readonly Body[] = [
  ...Array.from(
    { length: tileCount },
    (_, k): Body => ({
      name: `ground${k}`,
      shape: { type: 'box', size: [tileLength, 3, tileThickness] },
      role: 'floor',
      colour: k % 2 === 0 ? [0.62, 0.66, 0.68] : [0.53, 0.57, 0.6],
    }),
  ),
  {
    name: 'shadow',
    shape: { type: 'box', size: [0.8, 0.2, 0.004] },
    role: 'marker',
    colour: [0.3, 0.33, 0.36],
  },
  { name: 'pacer', shape: { type: 'capsule', radius: 0.03, length: postHeight }, role: 'goal' },
];

/** Writes position and a turn about y whose slope (rise over run) is given. */
function writePose(out: Float32Array, p: number, x: number, y: number, z: number, rise: number): void {
  const c = 1 / Math.sqrt(1 + rise * rise);
  out[p] = x;
  out[p + 1] = y;
  out[p + 2] = z;
  out[p + 3] = 0;
  out[p + 4] = (rise < 0 ? 1 : -1) * Math.sqrt(Math.max(0, (1 - c) / 2));
  out[p + 5] = 0;
  out[p + 6] = Math.sqrt((1 + c) / 2);
}

export function writeScenery(
  ground: PlanarGround,
  x: number,
  ahead: number,
  out: Float32Array,
  at: number,
): void {
  const firstTile = Math.floor(x / tileLength) - tilesBehind;
  for (let tile = firstTile; tile < firstTile + tileCount; tile++) {
    const slot = tile - tileCount * Math.floor(tile / tileCount);
    const x0 = tile * tileLength;
    const z0 = groundHeight(ground, x0);
    const z1 = groundHeight(ground, x0 + tileLength);
    writePose(
      out,
      at + 7 * slot,
      x0 + tileLength / 2,
      0,
      (z0 + z1) / 2 - tileThickness / 2,
      (z1 - z0) / tileLength,
    );
  }
  const shadowAt = at + 7 * tileCount;
  const rise = (groundHeight(ground, x + 0.4) - groundHeight(ground, x - 0.4)) / 0.8;
  writePose(out, shadowAt, x, 0, groundHeight(ground, x) + 0.001, rise);
  writePose(out, shadowAt + 7, x + ahead, 0.7, groundHeight(ground, x + ahead) + postHeight / 2, 0);
}

// ---------------------------------------------------------------------------------------------------------------------

/** One of the bodies that an episode may get. */
function drawFactors(random: Random, names: number, strength: number): LegFactors {
  const length = 1 + 0.06 * strength * random.uniform(-1, 1);
  return {
    mass: Array.from({ length: names }, () => 1 + 0.2 * strength * random.uniform(-1, 1)),
    // The torso keeps its length.
    length: Array.from({ length: names }, (_, i) => (i === 0 ? 1 : length)),
  };
}

/** The observation's names and bounds, in the order of `observe`. */
function observationOf(names: readonly string[], feet: readonly string[]): BoxSpace {
  const joints = names.slice(1);
  return boxSpace([
    ['height', 10],
    ['pitch', 4],
    ...joints.map((name) => [`${name}Angle`, 4] as const),
    ['vel.x', 30],
    ['vel.z', 30],
    ['pitchRate', 60],
    ...joints.map((name) => [`${name}Rate`, 60] as const),
    ['pace', 20],
    ['command', 20],
    ['groundAhead.near', 2],
    ['groundAhead.far', 2],
    ...feet.map((name) => [`${name}Touch`, 1] as const),
  ]);
}

export function runnerTask(spec: RunnerSpec): Task {
  const { robot } = spec;
  const jointCount = robot.names.length - 1;
  const observationSpace = observationOf(robot.names, spec.feet);
  const actionSpace = boxSpace(robot.names.slice(1).map((name) => [`${name}Torque`, 1] as const));
  const nominal = robot.compile();
  const { velocityAt, impulseAt, parent: parents } = nominal;
  const footAt = spec.feet.map(
    (name) => impulseAt + 2 * nominal.spec.points.findIndex((point) => point.name === name),
  );
  const stateLayout = layoutOf([
    ...layoutHead,
    ['root', 2, 'm'],
    ['linkAngles', nominal.linkCount, 'rad, in the world'],
    ['rootVel', 2, 'm/s'],
    ['linkRates', nominal.linkCount, 'rad/s, in the world'],
    ['contactImpulses', 2 * nominal.pointCount, 'N s'],
    ['limitImpulses', nominal.linkCount, 'N m s'],
  ]);
  const stateDim = robotAt + nominal.size;
  const { gears, mostPitch, leastHeight, controlDt, substeps } = spec;
  const blend = controlDt / paceTime;
  /** Made once, with the first model, so that the compiler need not learn it again for the next. */
  let writtenOut: PlanarStep | undefined;

  function create(anySettings: AnySettings): TaskModel {
    const settings = Object.freeze({ ...anySettings }) as RunningSettings;
    const { fixedHorizon, speedBand, difficulty, randomisation } = settings;
    wantCommands(spec.id, settings);
    const drawing = createRandom(1);
    const models: readonly PlanarModel[] =
      randomisation === 0
        ? [nominal]
        : Array.from({ length: bodyCount }, () =>
            robot.compile(drawFactors(drawing, robot.names.length, randomisation)),
          );
    const drive = createDrive(nominal);
    writtenOut ??= specialise(nominal);
    const step = writtenOut;
    const ground: PlanarGround = { slope: 0, amplitude: 0, phaseA: 0, phaseB: 0, friction: 0 };
    const seen = new Float64Array(observationSpace.dim);

    const readGround = (state: Float64Array, o: number): PlanarGround => {
      ground.slope = state[o + slope]!;
      ground.amplitude = state[o + wave]!;
      ground.phaseA = state[o + wavePhase]!;
      ground.phaseB = state[o + wavePhase + 1]!;
      ground.friction = state[o + friction]!;
      return ground;
    };
    const modelOf = (state: Float64Array, o: number): PlanarModel => models[state[o + drawnBody]!]!;

    const success = (state: Float64Array, o: number): boolean =>
      isOnPace(state[o + pace]!, state[o + command]!, speedBand);

    /** On its feet at x, all joints at 0 and nothing moving. */
    const stand = (state: Float64Array, o: number): void => {
      const r = o + robotAt;
      state.fill(0, r + 1, r + nominal.size);
    };

    const hasFallen = (state: Float64Array, o: number): boolean => {
      const r = o + robotAt;
      const pitch = state[r + 2]!;
      return (
        pitch > mostPitch ||
        pitch < -mostPitch ||
        state[r + 1]! - groundHeight(ground, state[r]!) < leastHeight
      );
    };

    /** The whole observation, nothing hidden. */
    const see = (state: Float64Array, o: number, out: Float64Array, at: number): void => {
      const r = o + robotAt;
      readGround(state, o);
      const x = state[r]!;
      const here = groundHeight(ground, x);
      out[at] = state[r + 1]! - here;
      out[at + 1] = state[r + 2]!;
      const rates = at + 5 + jointCount;
      // Angles of links are in the world's frame, those of joints between links.
      for (let j = 1; j <= jointCount; j++) {
        const link = r + 2 + j;
        const parent = r + 2 + parents[j]!;
        out[at + 1 + j] = state[link]! - state[parent]!;
        out[rates - 1 + j] = state[link + velocityAt]! - state[parent + velocityAt]!;
      }
      out[rates - 3] = state[r + velocityAt]!;
      out[rates - 2] = state[r + velocityAt + 1]!;
      out[rates - 1] = state[r + velocityAt + 2]!;
      const end = rates + jointCount;
      out[end] = state[o + pace]!;
      out[end + 1] = state[o + command]!;
      out[end + 2] = groundHeight(ground, x + 0.5) - here;
      out[end + 3] = groundHeight(ground, x + 1) - here;
      for (let k = 0; k < footAt.length; k++) out[end + 4 + k] = state[r + footAt[k]!]! > 0 ? 1 : 0;
      clipTo(observationSpace, out, at);
    };

    return {
      id: spec.id,
      version: spec.version,
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
      bodies: [...scenery, ...robot.bodies],

      reset(seed, state, o) {
        const random = createRandom(seed);
        state.fill(0, o, o + stateDim);
        const spread = settings.speedSpread;
        state[o + command] = settings.speed * random.uniform(1 - spread, 1 + spread);
        state[o + drawnBody] = random.integer(models.length);
        state[o + friction] = settings.friction * (1 + 0.3 * randomisation * random.uniform(-1, 1));
        state[o + slope] = 0.1 * difficulty * random.uniform(-1, 1);
        state[o + wave] = 0.03 * difficulty * random.uniform();
        state[o + wavePhase] = random.uniform(-Math.PI, Math.PI);
        state[o + wavePhase + 1] = random.uniform(-Math.PI, Math.PI);
        const r = o + robotAt;
        const model = modelOf(state, o);
        const root = random.uniform(-0.3, 0.3) * spec.startAngle;
        state[r + 2] = root;
        for (let i = 1; i < model.linkCount; i++) {
          const parent = model.parent[i]!;
          state[r + 2 + i] = state[r + 2 + parent]! + random.uniform(-spec.startAngle, spec.startAngle);
        }
        for (let i = 0; i < model.linkCount; i++) {
          state[r + velocityAt + 2 + i] = random.uniform(-spec.startRate, spec.startRate);
        }
        setDown(model, readGround(state, o), 0.005, state, r);
      },

      advance(states, actions, first, count) {
        for (let world = first; world < first + count; world++) {
          const o = world * stateDim;
          const r = o + robotAt;
          const a = world * jointCount;
          for (let j = 0; j < jointCount; j++) {
            drive.torque[j + 1] = gears[j]! * clamp(actions[a + j]!, -1, 1);
          }
          const before = states[r]!;
          const model = modelOf(states, o);
          step(model, states, r, drive, readGround(states, o), substeps);
          states[o]! += 1;
          states[o + pace]! += blend * ((states[r]! - before) / controlDt - states[o + pace]!);
          if (hasFallen(states, o)) {
            states[o + pace] = 0;
            if (fixedHorizon) {
              states[o + falls]! += 1;
              stand(states, o);
              setDown(model, ground, 0.005, states, r);
            } else states[o + fallen] = 1;
          }
          states[o + held] = success(states, o) ? states[o + held]! + 1 : 0;
        }
      },

      observe(state, o, out, at) {
        see(state, o, out, at);
        if (!settings.occlusion) return;
        const from = at + 2 + jointCount;
        for (let i = from; i < from + 4 + jointCount; i++) out[i] = 0;
      },

      success,

      stage: (state, o) => paceStage(state[o + pace]!, state[o + command]!, speedBand),
      progress: (state, o) => paceProgress(state[o + pace]!, state[o + command]!, speedBand),
      terminal: (state, o) => !fixedHorizon && (state[o + held]! >= holdSteps || state[o + fallen] === 1),

      reward(_state, _o, action, a, next, n, out, at) {
        let square = 0;
        for (let j = 0; j < jointCount; j++) {
          const u = clamp(action[a + j]!, -1, 1);
          square += (u * u) / jointCount;
        }
        out[at] = success(next, n) ? 1 : 0;
        out[at + 1] = paceTerm(next[n + pace]!, next[n + command]!);
        out[at + 2] = tolerance(next[n + robotAt + 2]!, [-0.2, 0.2], { margin: 1 });
        out[at + 3] = 1 - square;
      },

      expert(state, o, out, at) {
        see(state, o, seen, 0);
        spec.expert(seen, out, at);
        for (let j = 0; j < jointCount; j++) out[at + j] = clamp(out[at + j]!, -1, 1);
      },

      poses(state, o, out, at) {
        const ahead = clamp((state[o + command]! - state[o + pace]!) / 2, -2, 2);
        writeScenery(readGround(state, o), state[o + robotAt]!, ahead, out, at);
        robot.writePoses(modelOf(state, o), state, o + robotAt, out, at + 7 * scenery.length);
      },

      contacts: (state, o) => groundContacts(modelOf(state, o), state, o + robotAt, readGround(state, o)),

      cameras: [
        {
          name: 'side',
          body: 'shadow',
          position: [0.2, -3.6, 0.9],
          target: [0.2, 0, 0.45],
          fieldOfView: 0.7,
        },
        { name: 'front', body: 'shadow', position: [3, -1.2, 1], target: [0, 0, 0.4], fieldOfView: 0.7 },
      ],

      goals: paceGoals(pace, command, held, speedBand),
    };
  }

  return {
    id: spec.id,
    title: spec.title,
    summary: spec.summary,
    version: spec.version,
    fields: spec.fields,
    training: spec.training,
    create,
  };
}
