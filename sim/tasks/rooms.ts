/**
 * Cross a house room by room: in each one a plate on the floor opens the gate to the next, and only the last holds the goal.
 * The sparse reward is many seconds away from any start. On request a television hangs in the first room: random pixels
 * that change on the agent's action, which curiosity for the unpredictable never tires of.
 */

import {
  cellAt,
  type Direction,
  finishPlan,
  neighbour,
  setWall,
  sideX,
  sideY,
} from '../engine/floor-plan.ts';
import { clamp } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { RewardTerm, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import {
  boxBody,
  type Component,
  controlDt,
  createMobile,
  cylinderBody,
  gateEast,
  gateNorth,
  mobileFields,
  mobileRow,
  nextNoise,
  noiseOf,
  putBody,
  spaceOf,
  substeps,
  successTerm,
  writeRelative,
} from './mobile.ts';
import { clipTo, layoutOf, length2, writeGoal } from './parts.ts';

const fields = {
  ...mobileFields(
    400,
    'Rooms in the house, in two rows: 2 at 0, 6 at 0.5, 10 at 1',
    'The observation holds all plates, gates and the goal; off: only those of the room the base is in',
  ),
  tv: {
    type: 'choice',
    default: 'off',
    options: ['off', 'action', 'facing'],
    help: 'A screen of random pixels in the first room: new ones when a third action says so, or while it is looked at',
  },
  plateRadius: {
    type: 'number',
    default: 0.18,
    min: 0.05,
    max: 0.3,
    unit: 'm',
    help: 'The middle of the base this near to the middle of a plate presses it',
  },
  goalRadius: {
    type: 'number',
    default: 0.2,
    min: 0.05,
    max: 0.3,
    unit: 'm',
    help: 'Success means nearer to the goal than this',
  },
} as const satisfies Fields;

const version = 1;
/** Cells a side of a room, and their size in metres. */
const roomCells = 3;
const cell = 0.6;
const roomSide = roomCells * cell;
/** Plates and goals lie at most this far from the middle of their room, along each axis. */
const spread = 0.6;
/** Plates and goals are at least this far from where the room is entered or begun. */
const leastAway = 0.6;
/** Pixels a side of the television, and their size. */
const screenSide = 4;
const pixels = screenSide * screenSide;
const pixelWidth = 0.15;
const pixelHeight = 0.11;
/** Above the posts of gates. */
const screenBottom = 0.56;
/** The screen counts as looked at within 45 degrees of straight ahead. */
const lookCos = Math.SQRT1_2;

const rewardTerms: readonly RewardTerm[] = [
  successTerm('The base is within the goal radius'),
  { id: 'rooms', kind: 'dense', weight: 0.6, help: 'Share of the plates that are pressed' },
  {
    id: 'next',
    kind: 'dense',
    weight: 0.4,
    help: 'What has to be reached next is near: plate, gate or goal',
  },
];

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { map, tv, plateRadius, goalRadius } = settings;
  const hasScreen = tv !== 'off';
  const across = 1 + Math.round(4 * settings.difficulty);
  const rooms = 2 * across;
  const gates = rooms - 1;
  const mobile = createMobile(settings, {
    columns: roomCells * across,
    rows: 2 * roomCells,
    cell,
    // Borders of rooms, three sides each, without the gates.
    innerWalls: roomCells * (3 * across - 2) - gates,
    gates,
  });
  const { plan, cells } = mobile;

  const gate = mobile.end;
  const plate = gate + gates;
  const pressed = plate + 2 * gates;
  const goal = pressed + 1;
  const startWay = goal + 2;
  const screen = startWay + 1;
  const stateDim = screen + (hasScreen ? pixels : 0);
  const stateLayout = layoutOf([
    ...mobile.fields,
    ['gates', gates, 'cell before it'],
    ['plates', 2 * gates, 'm'],
    ['pressed', 1, ''],
    ['goal', 2, 'm'],
    ['startWay', 1, 'm'],
    ...(hasScreen ? ([['screen', pixels, 'brightness']] as const) : []),
  ]);

  const halfX = (plan.columns * cell) / 2;
  const numbered = <T>(count: number, make: (n: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i + 1));
  const relative = (name: string): Component[] => [
    [`${name}.ahead`, -3, 3],
    [`${name}.left`, -3, 3],
  ];
  const place = (name: string): Component[] => [
    [`${name}.x`, -halfX, halfX],
    [`${name}.y`, -roomSide, roomSide],
  ];
  const observationSpace = spaceOf([
    ...mobile.components,
    ...relative('plate'),
    ...relative('gate'),
    ['gateOpen', 0, 1],
    ...relative('goal'),
    ...(map
      ? [
          ['pressed', 0, 1] as const,
          ...numbered(gates, (n) => [...place(`plate${n}`), ...place(`gate${n}`)]).flat(),
          ...place('goalPos'),
        ]
      : []),
    ...(hasScreen ? numbered(pixels, (n): Component => [`pixel${n}`, 0, 1]) : []),
  ]);
  const actionSpace = spaceOf([
    ['wheel.left', -1, 1],
    ['wheel.right', -1, 1],
    ...(tv === 'action' ? [['tv', -1, 1] as const] : []),
  ]);
  const actionDim = actionSpace.dim;

  // Rooms wind: the lower row eastwards, then the upper one back.
  const roomColumn = (room: number): number => (room < across ? room : rooms - 1 - room);
  const roomX = (room: number): number => (roomColumn(room) + 0.5) * roomSide - halfX;
  const roomY = (room: number): number => (room < across ? -0.5 : 0.5) * roomSide;
  const wayOn = (room: number): Direction => (room < across - 1 ? 0 : room === across - 1 ? 1 : 2);
  const roomAt = (x: number, y: number): number => {
    const column = clamp(Math.floor((x + halfX) / roomSide), 0, across - 1);
    return y < 0 ? column : rooms - 1 - column;
  };
  const roomOf = (state: Float64Array, o: number): number =>
    roomAt(state[o + mobileRow.base]!, state[o + mobileRow.base + 1]!);
  const gateX = (state: Float64Array, o: number, i: number): number =>
    sideX(plan, state[o + gate + i]!, wayOn(i));
  const gateY = (state: Float64Array, o: number, i: number): number =>
    sideY(plan, state[o + gate + i]!, wayOn(i));

  /** The last one in every episode; one that hindsight found may be any. */
  const goalRoom = (state: Float64Array, o: number): number => roomAt(state[o + goal]!, state[o + goal + 1]!);

  /**
   * Way from the base over all that is still to be reached. Rooms are convex, so that it is straight from plate to gate to
   * plate; rooms whose plates are pressed are crossed from gate to gate, also back to a goal that lies behind.
   */
  function remaining(state: Float64Array, o: number): number {
    let x = state[o + mobileRow.base]!;
    let y = state[o + mobileRow.base + 1]!;
    const done = state[o + pressed]!;
    let way = 0;
    const last = goalRoom(state, o);
    let room = roomAt(x, y);
    for (; room > last; room--) {
      const toX = gateX(state, o, room - 1);
      const toY = gateY(state, o, room - 1);
      way += length2(toX - x, toY - y);
      x = toX;
      y = toY;
    }
    for (; ; room++) {
      const isLast = room === last;
      if (isLast || room >= done) {
        const p = isLast ? o + goal : o + plate + 2 * room;
        way += length2(state[p]! - x, state[p + 1]! - y);
        x = state[p]!;
        y = state[p + 1]!;
      }
      if (isLast) return way;
      const toX = gateX(state, o, room);
      const toY = gateY(state, o, room);
      way += length2(toX - x, toY - y);
      x = toX;
      y = toY;
    }
  }

  const distanceTo = (state: Float64Array, o: number, x: number, y: number): number =>
    length2(x - state[o + mobileRow.base]!, y - state[o + mobileRow.base + 1]!);
  const success = (state: Float64Array, o: number): boolean =>
    distanceTo(state, o, state[o + goal]!, state[o + goal + 1]!) < goalRadius;

  // On the northern wall of the first room, facing south.
  const screenX = roomX(0);
  const screenY = roomY(0) + roomSide / 2;
  function looksAtScreen(state: Float64Array, o: number): boolean {
    const b = o + mobileRow.base;
    const x = screenX - state[b]!;
    const y = screenY - state[b + 1]!;
    return roomOf(state, o) === 0 && x * state[b + 2]! + y * state[b + 3]! > lookCos * length2(x, y);
  }
  function drawPixels(state: Float64Array, o: number): void {
    const seed = nextNoise(state, o);
    for (let i = 0; i < pixels; i++) state[o + screen + i] = noiseOf(seed, i);
  }

  // Bodies after the common ones.
  const firstPlate = mobile.bodies.length;
  const goalBody = firstPlate + gates;
  const frameBody = goalBody + 1;
  const firstPixel = frameBody + 3;
  const screenWidth = screenSide * pixelWidth;
  const screenHeight = screenSide * pixelHeight;
  const bodies = [
    ...mobile.bodies,
    ...numbered(gates, (n) => cylinderBody(`plate${n}`, 'fixture', plateRadius, 0.02)),
    cylinderBody('goal', 'goal', goalRadius, 0.3),
    ...(hasScreen
      ? [
          boxBody('tv', 'screen', [screenWidth + 0.06, 0.04, screenHeight + 0.06]),
          boxBody('tvPostA', 'joint', [0.04, 0.04, screenBottom]),
          boxBody('tvPostB', 'joint', [0.04, 0.04, screenBottom]),
          ...numbered(pixels, (n) =>
            boxBody(`pixel${n}`, 'screen', [0.94 * pixelWidth, 0.02, 0.94 * pixelHeight]),
          ),
        ]
      : []),
  ];

  return {
    id: 'rooms',
    version,
    settings,
    controlDt,
    substeps,
    horizon: settings.horizon,
    stateDim,
    stateLayout,
    observationSpace,
    actionSpace,
    stages: [
      ...numbered(rooms, (n) => ({
        id: `room-${n}`,
        title: n === rooms ? 'Room with the goal' : `Room ${n}: press its plate, leave by its gate`,
      })),
      { id: 'done', title: 'At the goal' },
    ],
    rewardTerms,
    bodies,
    cameras: mobile.cameras,

    reset(seed, state, o) {
      state.fill(0, o, o + stateDim);
      const random = createRandom(seed);
      const draw = (middle: number): number => middle + random.uniform(-spread, spread);
      for (let c = 0; c < plan.count; c++) {
        for (const d of [0, 1] as const) {
          const other = neighbour(plan, c, d);
          if (other < 0) continue;
          const isBorder =
            roomAt(sideX(plan, c, 2) + cell / 2, sideY(plan, c, 3) + cell / 2) !==
            roomAt(sideX(plan, other, 2) + cell / 2, sideY(plan, other, 3) + cell / 2);
          if (isBorder) setWall(plan, state, o + cells, c, d, true);
        }
      }
      const startX = draw(roomX(0));
      const startY = draw(roomY(0));
      let fromX = startX;
      let fromY = startY;
      for (let room = 0; room < rooms; room++) {
        const p = room === gates ? o + goal : o + plate + 2 * room;
        do {
          state[p] = draw(roomX(room));
          state[p + 1] = draw(roomY(room));
        } while (length2(state[p]! - fromX, state[p + 1]! - fromY) < leastAway);
        if (room === gates) break;
        const d = wayOn(room);
        const slot = (random.integer(roomCells) - 1) * cell;
        const edge = (roomSide - cell) / 2;
        const c = cellAt(
          plan,
          roomX(room) + (d === 1 ? slot : d === 0 ? edge : -edge),
          roomY(room) + (d === 1 ? edge : slot),
        );
        state[o + gate + room] = c;
        const owner = o + cells + (d < 2 ? c : neighbour(plan, c, d));
        state[owner] = state[owner]! | (d === 1 ? gateNorth : gateEast);
        fromX = gateX(state, o, room);
        fromY = gateY(state, o, room);
      }
      finishPlan(plan, state, o + cells);
      mobile.reset(random, state, o, startX, startY, random.uniform(-Math.PI, Math.PI));
      if (hasScreen) drawPixels(state, o);
      state[o + startWay] = remaining(state, o);
    },

    advance(states, actions, first, count) {
      for (let world = first; world < first + count; world++) {
        const o = world * stateDim;
        const a = world * actionDim;
        mobile.advance(states, o, actions[a]!, actions[a + 1]!);
        const room = roomOf(states, o);
        if (room < gates && states[o + pressed] === room) {
          const p = o + plate + 2 * room;
          if (distanceTo(states, o, states[p]!, states[p + 1]!) < plateRadius) {
            states[o + pressed] = room + 1;
            setWall(plan, states, o + cells, states[o + gate + room]!, wayOn(room), false);
            finishPlan(plan, states, o + cells);
          }
        }
        if (tv === 'action' ? room === 0 && actions[a + 2]! > 0 : hasScreen && looksAtScreen(states, o)) {
          drawPixels(states, o);
        }
        mobile.countHeld(states, o, success(states, o));
      }
    },

    observe(state, o, out, at) {
      let i = mobile.observe(state, o, out, at);
      const room = roomOf(state, o);
      out.fill(0, i, i + 7);
      if (room < gates) {
        const p = o + plate + 2 * room;
        writeRelative(state, o, state[p]!, state[p + 1]!, out, i);
        writeRelative(state, o, gateX(state, o, room), gateY(state, o, room), out, i + 2);
        out[i + 4] = state[o + pressed]! > room ? 1 : 0;
      }
      if (room === goalRoom(state, o))
        writeRelative(state, o, state[o + goal]!, state[o + goal + 1]!, out, i + 5);
      i += 7;
      if (map) {
        out[i++] = state[o + pressed]! / gates;
        for (let k = 0; k < gates; k++) {
          out[i++] = state[o + plate + 2 * k]!;
          out[i++] = state[o + plate + 2 * k + 1]!;
          out[i++] = gateX(state, o, k);
          out[i++] = gateY(state, o, k);
        }
        out[i++] = state[o + goal]!;
        out[i++] = state[o + goal + 1]!;
      }
      if (hasScreen) {
        for (let k = 0; k < pixels; k++) out[i + k] = room === 0 ? state[o + screen + k]! : 0;
      }
      clipTo(observationSpace, out, at);
    },

    success,
    progress: (state, o) =>
      success(state, o) ? 1 : clamp(1 - remaining(state, o) / state[o + startWay]!, 0, 0.99),
    stage: (state, o) => (success(state, o) ? rooms : roomOf(state, o)),
    terminal: (state, o) => !settings.fixedHorizon && mobile.hasHeld(state, o),

    reward(_state, _o, _action, _a, next, n, out, at) {
      const room = roomOf(next, n);
      const last = goalRoom(next, n);
      const p = room === last ? n + goal : n + plate + 2 * room;
      const needsGate = room !== last && (room > last || next[n + pressed]! > room);
      const way = room > last ? room - 1 : room;
      const x = needsGate ? gateX(next, n, way) : next[p]!;
      const y = needsGate ? gateY(next, n, way) : next[p + 1]!;
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = next[n + pressed]! / gates;
      out[at + 2] = tolerance(distanceTo(next, n, x, y), [0, 0.1], { margin: 1, sigmoid: 'long_tail' });
    },

    expert(state, o, out, at) {
      const b = o + mobileRow.base;
      const room = roomOf(state, o);
      if (tv === 'action') out[at + 2] = -1;
      if (state[o + pressed]! <= room) {
        const p = room === gates ? o + goal : o + plate + 2 * room;
        mobile.steer(state, o, state[p]!, state[p + 1]!, room === gates, out, at);
        return;
      }
      const x = gateX(state, o, room);
      const y = gateY(state, o, room);
      const d = wayOn(room);
      const outX = d === 0 ? 1 : d === 2 ? -1 : 0;
      const outY = d === 1 ? 1 : 0;
      const aside = Math.abs((state[b]! - x) * outY) + Math.abs((state[b + 1]! - y) * outX);
      // In line with the gate: through it. Else to a place before it first.
      const along = aside < 0.1 ? 0.3 : -0.35;
      mobile.steer(state, o, x + along * outX, y + along * outY, false, out, at);
    },

    goals: {
      dim: 2,
      names: ['x', 'y'],
      achieved(state, o, out, at) {
        out[at] = state[o + mobileRow.base]!;
        out[at + 1] = state[o + mobileRow.base + 1]!;
      },
      desired(state, o, out, at) {
        out[at] = state[o + goal]!;
        out[at + 1] = state[o + goal + 1]!;
      },
      setDesired(wanted, from, state, o) {
        if (writeGoal(wanted, from, 2, state, o + goal))
          state[o + mobileRow.held] = success(state, o) ? 1 : 0;
      },
      computeReward: (achieved, a, desired, d) =>
        length2(desired[d]! - achieved[a]!, desired[d + 1]! - achieved[a + 1]!) < goalRadius ? 1 : 0,
    },

    lidar: mobile.lidar,
    impacts: mobile.impacts,

    poses(state, o, out, at) {
      mobile.poses(state, o, out, at);
      for (let k = 0; k < gates; k++) {
        // A pressed plate is flush with the floor.
        const z = state[o + pressed]! > k ? -0.005 : 0.008;
        putBody(out, at, firstPlate + k, state[o + plate + 2 * k]!, state[o + plate + 2 * k + 1]!, z);
      }
      putBody(out, at, goalBody, state[o + goal]!, state[o + goal + 1]!, 0.15);
      if (!hasScreen) return;
      putBody(out, at, frameBody, screenX, screenY, screenBottom + screenHeight / 2);
      putBody(out, at, frameBody + 1, screenX - cell / 2, screenY, screenBottom / 2);
      putBody(out, at, frameBody + 2, screenX + cell / 2, screenY, screenBottom / 2);
      for (let k = 0; k < pixels; k++) {
        const column = (k % screenSide) - (screenSide - 1) / 2;
        const line = Math.floor(k / screenSide) - (screenSide - 1) / 2;
        putBody(
          out,
          at,
          firstPixel + k,
          screenX + column * pixelWidth,
          screenY - 0.02,
          screenBottom + screenHeight / 2 - line * pixelHeight,
        );
      }
    },
    colours(state, o, out, at) {
      mobile.colours(state, o, out, at, bodies.length);
      for (let k = 0; k < gates; k++) {
        // Red while it waits, green once pressed.
        const isPressed = state[o + pressed]! > k;
        const c = at + 3 * (firstPlate + k);
        out[c] = isPressed ? 0.25 : 0.85;
        out[c + 1] = isPressed ? 0.75 : 0.25;
        out[c + 2] = isPressed ? 0.4 : 0.22;
      }
      if (!hasScreen) return;
      for (let k = 0; k < pixels; k++) {
        const c = at + 3 * (firstPixel + k);
        const v = state[o + screen + k]!;
        out[c] = 0.05 + 0.9 * v * v;
        out[c + 1] = 0.08 + 0.85 * v;
        out[c + 2] = 0.25 + 0.7 * v;
      }
    },
  };
}

export const rooms: Task = {
  id: 'rooms',
  title: 'Rooms',
  summary:
    'Cross a house in which a plate in each room opens the gate to the next; on request with a noisy television.',
  version,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 10_000_000,
        worlds: 64,
        stepsPerWorld: 64,
        minibatch: 1_024,
        learningRate: 0.001,
        gamma: 0.99,
        entropyCoef: 0.002,
        hiddenSize: 128,
      },
    },
  },
  create,
};
