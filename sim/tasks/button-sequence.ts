/** Press three buttons on a console one after the other: in a set order, in one drawn each episode, or in any. */

import { clamp } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { BodyDef } from '../engine/scene.ts';
import type { Colour, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import type { Look } from '../robots/drawn.ts';
import { tolerance } from '../tolerance.ts';
import {
  cosOf,
  difficultyField,
  drawnOnly,
  handSpace,
  observeHand,
  placeFixture,
  sinOf,
  solid,
} from './fixtures.ts';
import { boxSpace, clipTo, length2, length3, moveTowards, xyz } from './parts.ts';
import { controlDt, holdSteps, physicsSteps, tableFields, tableWorld } from './table.ts';

const count = 3;
const buttons = [0, 1, 2] as const;

/** Metres, N/m, kilograms. The console's frame: origin on the table under its middle, buttons side by side along y. */
const panel = {
  half: [0.06, 0.15, 0.015],
  apart: 0.09,
  buttonX: -0.015,
  lampX: 0.03,
  lampRadius: 0.012,
  capHalf: [0.018, 0.018, 0.012],
  capZ: 0.036,
  capMass: 0.03,
  travel: 0.012,
  stiffness: 200,
  /** The spring pushes the cap against its stop by this much. */
  preload: 0.004,
  damping: 2,
  /** A press counts from this depth, and is over above the other. */
  pressed: 0.008,
  released: 0.004,
} as const;
const top = panel.capZ + panel.capHalf[2];

const capColours: readonly Colour[] = [
  [0.8, 0.2, 0.18],
  [0.2, 0.6, 0.25],
  [0.2, 0.35, 0.8],
];
const dark: Colour = [0.16, 0.16, 0.17];
const lit: Colour = [1, 0.85, 0.25];

const fields = {
  ...tableFields(100),
  order: {
    type: 'choice',
    default: 'fixed',
    options: ['fixed', 'drawn', 'any'],
    help: 'In which order the buttons have to be pressed: from the right hand to the left (seen from the arm), one that each episode draws and shows, or any',
  },
  difficulty: difficultyField,
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'The observation does not tell which lamps are lit, so that it has to be remembered',
  },
} as const satisfies Fields;

const each = (name: string, limit: number): (readonly [string, number])[] =>
  buttons.map((b) => [`${name}${b + 1}`, limit] as const);

const observationSpace = boxSpace([
  ...handSpace,
  ...buttons.flatMap((b) => xyz(`gripperToButton${b + 1}`, 2)),
  ...each('depth', 0.1),
  ...each('isDown', 1),
  // When the button was pressed: 1/3 first ... 1 last, 0 not yet.
  ...each('pressed', 1),
  // When it is to be pressed, likewise; 0 where any order will do.
  ...each('wanted', 1),
]);

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const stages: readonly Stage[] = [
  { id: 'first', title: 'Press the first button' },
  { id: 'second', title: 'Press the second one' },
  { id: 'third', title: 'Press the last one' },
  { id: 'done', title: 'All lamps are lit' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'All three lamps are lit' },
  {
    id: 'near',
    kind: 'dense',
    weight: 0.3,
    help: 'A third for each lit lamp, and part of one for being close to the next button',
  },
  {
    id: 'pressed',
    kind: 'dense',
    weight: 0.2,
    help: 'A third for each lit lamp, and part of one for how deep the next button is',
  },
  { id: 'lit', kind: 'dense', weight: 0.5, help: 'A third for each lit lamp' },
];

/** Distance at which being on the way to a button begins to count. */
const farAway = 0.35;
/** Fingertips this high pass over the buttons. */
const passZ = top + 0.022;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const isFree = settings.order === 'any';
  const buttonY = (b: number): number => (b - 1) * panel.apart;
  const bodies: BodyDef[] = [
    {
      name: 'console',
      joints: [{ type: 'placed' }],
      shapes: [{ ...solid, type: 'box', half: panel.half, position: [0, 0, panel.half[2]] }],
    },
  ];
  const looks: Record<string, Look> = { console: { role: 'fixture' } };
  for (const b of buttons) {
    bodies.push(
      {
        name: `button${b + 1}`,
        parent: 'console',
        position: [panel.buttonX, buttonY(b), panel.capZ],
        mass: panel.capMass,
        gravity: 0,
        joints: [
          {
            type: 'slider',
            name: `button${b + 1}`,
            // Coordinate: how deep it is pressed.
            axis: [0, 0, -1],
            limits: [0, panel.travel],
            stiffness: panel.stiffness,
            rest: -panel.preload,
            damping: panel.damping,
          },
        ],
        shapes: [{ ...solid, type: 'box', half: panel.capHalf }],
      },
      {
        name: `lamp${b + 1}`,
        parent: 'console',
        position: [panel.lampX, buttonY(b), 2 * panel.half[2]],
        shapes: [{ ...drawnOnly, type: 'sphere', radius: panel.lampRadius }],
      },
    );
    looks[`button${b + 1}`] = { role: 'object', colour: capColours[b]! };
    looks[`lamp${b + 1}`] = { role: 'marker', colour: dark };
  }
  const table = tableWorld({
    bodies,
    looks,
    own: [
      ['isDown', count, '0, 1'],
      ['pressed', count, 'rank'],
      ['wanted', count, 'rank'],
      ['held', 1, 'steps'],
    ],
    distractors: settings.distractors,
    randomisation: settings.randomisation,
    cachedManifolds: 8 + 2 * settings.distractors,
    markers: [
      {
        // Over the next button; inside the console where there is none.
        body: { name: 'goal', shape: { type: 'sphere', radius: 0.009 }, role: 'goal' },
        place(state, o, out, at) {
          const next = isFree ? -1 : nextButton(state, o);
          locate(state, o, Math.max(0, next));
          out[at] = spot[0]!;
          out[at + 1] = spot[1]!;
          out[at + 2] = next < 0 ? panel.half[2] : top + 0.035;
        },
      },
    ],
  });
  const { world, row } = table;
  const stateDim = world.stateDim;
  const place = world.at('console.pos');
  const turn = world.at('console.quat');
  const depth = buttons.map((b) => world.at(`button${b + 1}`));
  const isDown = world.at('isDown');
  const pressed = world.at('pressed');
  const wanted = world.at('wanted');
  const held = world.at('held');
  const lamps = buttons.map((b) => table.bodies.findIndex((body) => body.name === `lamp${b + 1}`));

  const spot = new Float64Array(3);
  /** Middle of the top of a button, into `spot`. */
  function locate(state: Float64Array, o: number, b: number): void {
    const c = cosOf(state, o + turn);
    const s = sinOf(state, o + turn);
    spot[0] = state[o + place]! + c * panel.buttonX - s * buttonY(b);
    spot[1] = state[o + place + 1]! + s * panel.buttonX + c * buttonY(b);
    spot[2] = top - state[o + depth[b]!]!;
  }

  const litCount = (state: Float64Array, o: number): number => {
    let sum = 0;
    for (let b = 0; b < count; b++) if (state[o + pressed + b]! > 0) sum++;
    return sum;
  };

  const distance = (state: Float64Array, o: number, b: number): number => {
    locate(state, o, b);
    const z = state[o + row.pos + 2]! - spot[2]!;
    return length3(spot[0]! - state[o + row.pos]!, spot[1]! - state[o + row.pos + 1]!, Math.max(0, z));
  };

  /** The button to press now: the next in the order, or the nearest that is dark; -1 when all are lit. */
  function nextButton(state: Float64Array, o: number): number {
    const rank = litCount(state, o) + 1;
    let best = -1;
    let nearest = Infinity;
    for (let b = 0; b < count; b++) {
      if (state[o + pressed + b]! > 0) continue;
      if (!isFree) {
        if (state[o + wanted + b] === rank) return b;
        continue;
      }
      const d = distance(state, o, b);
      if (d < nearest) {
        nearest = d;
        best = b;
      }
    }
    return best;
  }

  const success = (state: Float64Array, o: number): boolean => litCount(state, o) === count;

  const depthShare = (state: Float64Array, o: number, b: number): number =>
    clamp(state[o + depth[b]!]! / panel.pressed, 0, 1);

  /** What pressing a button does to the lamps: the next one lights; a wrong one puts all out. */
  function press(state: Float64Array, o: number, b: number): void {
    if (state[o + pressed + b]! > 0) return;
    const rank = litCount(state, o) + 1;
    if (isFree || state[o + wanted + b] === rank) state[o + pressed + b] = rank;
    else for (let k = 0; k < count; k++) state[o + pressed + k] = 0;
  }

  return {
    id: 'button-sequence',
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

    reset(seed, state, o) {
      const random = createRandom(seed);
      const x = random.uniform(-0.2, -0.05);
      const y = random.uniform(-0.15, 0.15);
      table.start(state, o, random, x, y, random.uniform(0.1, 0.2), random.uniform(0, 0.03));
      placeFixture(
        state,
        o + place,
        random,
        { x: 0.1, y: 0, spreadX: 0.08, spreadY: 0.1, turn: 0.5 },
        settings.difficulty,
      );
      for (let b = 0; b < count; b++) state[o + wanted + b] = isFree ? 0 : b + 1;
      if (settings.order === 'drawn')
        for (let b = count - 1; b > 0; b--) {
          const k = random.integer(b + 1);
          const rank = state[o + wanted + b]!;
          state[o + wanted + b] = state[o + wanted + k]!;
          state[o + wanted + k] = rank;
        }
      const px = state[o + place]!;
      const py = state[o + place + 1]!;
      const s = sinOf(state, o + turn);
      table.scatter(state, o, random, [
        px,
        py,
        0.11,
        px - 0.09 * s,
        py + 0.09,
        0.1,
        px + 0.09 * s,
        py - 0.09,
        0.1,
      ]);
    },

    advance(states, actions, first, worlds) {
      for (let w = first; w < first + worlds; w++) {
        const o = w * stateDim;
        table.step(states, o, actions, w * actionSpace.dim);
        for (let b = 0; b < count; b++) {
          const d = states[o + depth[b]!]!;
          if (states[o + isDown + b] === 0 && d >= panel.pressed) {
            states[o + isDown + b] = 1;
            press(states, o, b);
          } else if (d < panel.released) states[o + isDown + b] = 0;
        }
        states[o + held] = success(states, o) ? states[o + held]! + 1 : 0;
      }
    },

    observe(state, o, out, at) {
      observeHand(state, o, row, out, at);
      let to = at + 9;
      for (let b = 0; b < count; b++) {
        locate(state, o, b);
        for (let k = 0; k < 3; k++) out[to++] = spot[k]! - state[o + row.pos + k]!;
      }
      for (let b = 0; b < count; b++) out[to++] = state[o + depth[b]!]!;
      for (let b = 0; b < count; b++) out[to++] = state[o + isDown + b]!;
      for (let b = 0; b < count; b++) out[to++] = settings.occlusion ? 0 : state[o + pressed + b]! / count;
      for (let b = 0; b < count; b++) out[to++] = state[o + wanted + b]! / count;
      clipTo(observationSpace, out, at);
    },

    success,
    stage: litCount,

    progress(state, o) {
      const done = litCount(state, o);
      if (done === count) return 1;
      const next = nextButton(state, o);
      const near = clamp(1 - distance(state, o, next) / farAway, 0, 1);
      return Math.min(0.99, (done + 0.5 * near + 0.45 * depthShare(state, o, next)) / count);
    },

    terminal: (state, o) => !settings.fixedHorizon && state[o + held]! >= holdSteps,

    reward(_state, _o, _action, _a, next, n, out, at) {
      const done = litCount(next, n);
      const b = nextButton(next, n);
      out[at] = b < 0 ? 1 : 0;
      const near =
        b < 0 ? 0 : tolerance(distance(next, n, b), [0, 0.01], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 1] = (done + near) / count;
      out[at + 2] = (done + (b < 0 ? 0 : depthShare(next, n, b))) / count;
      out[at + 3] = done / count;
    },

    expert(state, o, out, at) {
      const px = state[o + row.pos]!;
      const py = state[o + row.pos + 1]!;
      const pz = state[o + row.pos + 2]!;
      out[at + 3] = 1;
      const b = nextButton(state, o);
      if (b < 0) {
        moveTowards(state, o + row.pos, px, py, 0.12, out, at);
        out[at + 3] = 1;
        return;
      }
      locate(state, o, b);
      const x = spot[0]!;
      const y = spot[1]!;
      const aside = length2(x - px, y - py);
      const isStuck = state[o + isDown + b] === 1;
      const isClosed = state[o + row.opening]! < 0.01;
      if (aside < 0.01 && isClosed && !isStuck) moveTowards(state, o + row.pos, x, y, top - 0.03, out, at);
      else if (pz < passZ - 0.008 && aside < 0.3)
        moveTowards(state, o + row.pos, px, py, passZ + 0.01, out, at);
      else moveTowards(state, o + row.pos, x, y, passZ + 0.005, out, at);
    },

    poses: table.poses,

    ...table.touch,

    colours(state, o, out, at) {
      out.fill(Number.NaN, at, at + 3 * table.bodies.length);
      for (let b = 0; b < count; b++) {
        const colour = state[o + pressed + b]! > 0 ? lit : dark;
        for (let k = 0; k < 3; k++) out[at + 3 * lamps[b]! + k] = colour[k]!;
      }
    },
  };
}

export const buttonSequence: Task = {
  id: 'button-sequence',
  title: 'Three buttons',
  summary: 'Press three buttons one after the other, in a set order, a drawn one, or any.',
  version: 1,
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
