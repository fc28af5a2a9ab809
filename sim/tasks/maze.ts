/**
 * Drive through a maze to a goal. The way there leads away from it as often as not, so that distance as the crow flies
 * misleads; with `keyDoor` a gate bars the way until a key has been fetched elsewhere.
 */

import {
  cellAt,
  cellX,
  cellY,
  type Direction,
  type FloorPlan,
  finishPlan,
  floodPlan,
  isWalled,
  neighbour,
  setWall,
  sideX,
  sideY,
} from '../engine/floor-plan.ts';
import { clamp } from '../engine/math.ts';
import { createRandom, mixSeed, type Random } from '../engine/random.ts';
import type { RewardTerm, Stage, Task, TaskModel } from '../env.ts';
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
  ownBit,
  putBody,
  spaceOf,
  substeps,
  successTerm,
  wallHalf,
  writeRelative,
} from './mobile.ts';
import { clipTo, layoutOf, length2, writeGoal } from './parts.ts';

const fields = {
  ...mobileFields(
    400,
    'Size of the maze: 3 x 3 cells at 0, 6 x 6 at 0.5, 9 x 9 at 1',
    'The observation holds all walls; off: what the lidar sees, so that the way has to be remembered',
  ),
  keyDoor: {
    type: 'boolean',
    default: false,
    help: 'A gate bars the way to the goal until the key, which lies elsewhere, has been fetched',
  },
  layout: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 9999,
    help: 'Number of the maze that every episode takes place in; 0: another one every episode',
  },
  fixedGoal: {
    type: 'boolean',
    default: false,
    help: 'The goal belongs to the layout, so that only starts differ; needs a layout other than 0',
  },
  corridor: {
    type: 'number',
    default: 0.6,
    min: 0.45,
    max: 1.2,
    unit: 'm',
    help: 'Side of a cell, from the middle of one wall to the middle of the next',
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
/** The key is fetched from this near. */
const keyRadius = 0.2;
/** No way on: this cell is where the way leads. */
const here = 4;
/** The goal and the start are at least this share of the longest way in the maze apart. */
const leastWay = 0.6;
/** Scratch of the largest maze. */
const most = 81;
const hops = new Int16Array(most);
const otherHops = new Int16Array(most);
const order = new Int16Array(most);

const rewardTerms: readonly RewardTerm[] = [
  successTerm('The base is within the goal radius'),
  { id: 'way', kind: 'dense', weight: 0.7, help: 'Little of the way through the maze is left' },
  {
    id: 'near',
    kind: 'dense',
    weight: 0.3,
    help: 'The goal, or the key while it is missing, is near as the crow flies: walls mislead this one',
  },
];

/** Opens walls of a closed plan until every cell is reached on exactly one way: a random depth-first walk. */
function carve(plan: FloorPlan, state: Float64Array, at: number, random: Random): void {
  for (let c = 0; c < plan.count; c++) state[at + c] = 15;
  const free: Direction[] = [];
  const stack = [random.integer(plan.count)];
  while (stack.length > 0) {
    const c = stack.at(-1)!;
    free.length = 0;
    for (const d of [0, 1, 2, 3] as const) {
      const next = neighbour(plan, c, d);
      if (next >= 0 && state[at + next] === 15) free.push(d);
    }
    if (free.length === 0) {
      stack.pop();
      continue;
    }
    const d = free[random.integer(free.length)]!;
    setWall(plan, state, at, c, d, false);
    stack.push(neighbour(plan, c, d));
  }
  finishPlan(plan, state, at);
}

/** One of the cells below `count` that `fits`, each with the same chance; -1 where there is none. */
function drawCell(count: number, random: Random, fits: (cell: number) => boolean): number {
  let fitting = 0;
  for (let c = 0; c < count; c++) if (fits(c)) fitting++;
  if (fitting === 0) return -1;
  let skip = random.integer(fitting);
  for (let c = 0; ; c++) if (fits(c) && skip-- === 0) return c;
}

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { keyDoor, layout, fixedGoal, corridor, goalRadius, map } = settings;
  if (fixedGoal && layout === 0) {
    throw new RangeError(
      'maze: fixedGoal is true, wanted false with layout 0, which has no maze to belong to',
    );
  }
  if (goalRadius >= corridor / 2 - wallHalf) {
    throw new RangeError(
      `maze: goalRadius is ${goalRadius}, wanted less than ${corridor / 2 - wallHalf}, or the goal reaches through walls`,
    );
  }
  const side = 3 + Math.round(6 * settings.difficulty);
  const mobile = createMobile(settings, {
    columns: side,
    rows: side,
    cell: corridor,
    // A tree of n cells leaves all but n - 1 of the 2 n - 2 side sides inside; one of those is the gate.
    innerWalls: (side - 1) * (side - 1),
    gates: keyDoor ? 1 : 0,
  });
  const { plan, cells } = mobile;
  const { count } = plan;

  // The task's own numbers: per cell the direction of the way on and its length from the side it leaves by.
  const goalNext = mobile.end;
  const goalWay = goalNext + count;
  const goal = goalWay + count;
  const startWay = goal + 2;
  const plainEnd = startWay + 1;
  const key = plainEnd;
  const hasKey = key + 2;
  const keyToGoal = hasKey + 1;
  const gate = keyToGoal + 1;
  const keyNext = gate + 2;
  const keyWay = keyNext + count;
  const stateDim = keyDoor ? keyWay + count : plainEnd;
  const stateLayout = layoutOf([
    ...mobile.fields,
    ['goalNext', count, 'E N W S, 4 here'],
    ['goalWay', count, 'm'],
    ['goal', 2, 'm'],
    ['startWay', 1, 'm'],
    ...(keyDoor
      ? ([
          ['key', 2, 'm'],
          ['hasKey', 1, ''],
          ['keyToGoal', 1, 'm'],
          ['gate', 2, 'cell, direction'],
          ['keyNext', count, 'E N W S, 4 here'],
          ['keyWay', count, 'm'],
        ] as const)
      : []),
  ]);

  const reach = side * corridor * 1.5;
  const relative = (name: string): Component[] => [
    [`${name}.ahead`, -reach, reach],
    [`${name}.left`, -reach, reach],
  ];
  /** Sides inside the maze, as cell and direction. */
  const sides: (readonly [cell: number, direction: Direction])[] = [];
  for (let c = 0; c < count; c++) {
    for (const d of [0, 1] as const) if (neighbour(plan, c, d) >= 0) sides.push([c, d]);
  }
  const sideCells = Uint8Array.from(sides, ([c]) => c);
  const sideBits = Uint8Array.from(sides, ([, d]) => d);
  const observationSpace = spaceOf([
    ...mobile.components,
    ...relative('goal'),
    ...(keyDoor ? [['hasKey', 0, 1] as const, ...relative('key'), ...relative('gate')] : []),
    ...(map ? sides.map(([c, d]): Component => [`wall${c}${d === 0 ? 'East' : 'North'}`, 0, 1]) : []),
  ]);
  const actionSpace = spaceOf([
    ['wheel.left', -1, 1],
    ['wheel.right', -1, 1],
  ]);
  const stages: readonly Stage[] = keyDoor
    ? [
        { id: 'key', title: 'Fetch the key' },
        { id: 'gate', title: 'Go through the gate' },
        { id: 'arrive', title: 'Go on to the goal' },
        { id: 'done', title: 'At the goal' },
      ]
    : [
        { id: 'set-out', title: 'First third of the way' },
        { id: 'midway', title: 'Second third' },
        { id: 'arrive', title: 'Last third' },
        { id: 'done', title: 'At the goal' },
      ];

  /** Ways from every cell to one: from side to side, as a base that turns in each cell takes them. */
  function writeWays(state: Float64Array, o: number, to: number, nextAt: number, wayAt: number): void {
    const reached = floodPlan(plan, state, o + cells, to, hops, order);
    state[o + nextAt + to] = here;
    state[o + wayAt + to] = 0;
    for (let k = 1; k < reached; k++) {
      const c = order[k]!;
      for (const d of [0, 1, 2, 3] as const) {
        if (isWalled(state, o + cells, c, d)) continue;
        const next = neighbour(plan, c, d);
        if (hops[next] !== hops[c]! - 1) continue;
        const on = state[o + nextAt + next]! as Direction | 4;
        const toX = on === here ? cellX(plan, next) : sideX(plan, next, on);
        const toY = on === here ? cellY(plan, next) : sideY(plan, next, on);
        state[o + nextAt + c] = d;
        state[o + wayAt + c] =
          state[o + wayAt + next]! + length2(toX - sideX(plan, c, d), toY - sideY(plan, c, d));
      }
    }
  }

  /** Length of the way from the base to the cell that the ways at `nextAt` lead to. */
  function wayLeft(state: Float64Array, o: number, nextAt: number, wayAt: number, target: number): number {
    const x = state[o + mobileRow.base]!;
    const y = state[o + mobileRow.base + 1]!;
    const c = cellAt(plan, x, y);
    const d = state[o + nextAt + c]! as Direction | 4;
    if (d === here) return length2(state[o + target]! - x, state[o + target + 1]! - y);
    return length2(sideX(plan, c, d) - x, sideY(plan, c, d) - y) + state[o + wayAt + c]!;
  }
  const needsKey = (state: Float64Array, o: number): boolean => keyDoor && state[o + hasKey] === 0;
  const remaining = (state: Float64Array, o: number): number =>
    needsKey(state, o)
      ? wayLeft(state, o, keyNext, keyWay, key) + state[o + keyToGoal]!
      : wayLeft(state, o, goalNext, goalWay, goal);
  const distanceTo = (state: Float64Array, o: number, target: number): number =>
    length2(
      state[o + target]! - state[o + mobileRow.base]!,
      state[o + target + 1]! - state[o + mobileRow.base + 1]!,
    );
  const success = (state: Float64Array, o: number): boolean => distanceTo(state, o, goal) < goalRadius;
  const progress = (state: Float64Array, o: number): number =>
    success(state, o) ? 1 : clamp(1 - remaining(state, o) / state[o + startWay]!, 0, 0.99);

  /** Bars the way at one of its sides and puts the key somewhere on the near side. */
  function placeGate(state: Float64Array, o: number, start: number, goalCell: number, random: Random): void {
    floodPlan(plan, state, o + cells, goalCell, otherHops, order);
    const length = otherHops[start]!;
    // In the second or third quarter of the way, counted from the start, but not at the very start.
    const before = clamp(Math.floor(length * random.uniform(0.3, 0.8)), 1, length - 1);
    let c = start;
    for (let k = 0; k < before; k++) c = neighbour(plan, c, state[o + goalNext + c]! as Direction);
    const d = state[o + goalNext + c]! as Direction;
    const beyond = neighbour(plan, c, d);
    setWall(plan, state, o + cells, c, d, true);
    finishPlan(plan, state, o + cells);
    // Sides belong to the cell to their west or south.
    const owner = o + cells + (d < 2 ? c : beyond);
    state[owner] = state[owner]! | (d % 2 === 0 ? gateEast : gateNorth);
    state[o + gate] = c;
    state[o + gate + 1] = d;
    floodPlan(plan, state, o + cells, start, otherHops, order);
    for (let i = 0; i < count; i++) {
      if (otherHops[i]! < 0) state[o + cells + i] = state[o + cells + i]! | ownBit;
    }
    // Two cells off at least, where the near side has such a place.
    let keyCell = drawCell(count, random, (i) => otherHops[i]! >= 2);
    if (keyCell < 0) keyCell = drawCell(count, random, (i) => otherHops[i]! === 1);
    state[o + key] = cellX(plan, keyCell);
    state[o + key + 1] = cellY(plan, keyCell);
    // Beyond the gate nobody is without the key; the ways there lead to it all the same.
    setWall(plan, state, o + cells, c, d, false);
    writeWays(state, o, keyCell, keyNext, keyWay);
    setWall(plan, state, o + cells, c, d, true);
    writeKeyToGoal(state, o);
  }

  function writeKeyToGoal(state: Float64Array, o: number): void {
    const x = state[o + key]!;
    const y = state[o + key + 1]!;
    const keyCell = cellAt(plan, x, y);
    const on = state[o + goalNext + keyCell]! as Direction | 4;
    state[o + keyToGoal] =
      on === here
        ? length2(state[o + goal]! - x, state[o + goal + 1]! - y)
        : length2(sideX(plan, keyCell, on) - x, sideY(plan, keyCell, on) - y) + state[o + goalWay + keyCell]!;
  }

  /**
   * The ways of an episode with the row's goal, as they are with the gate open. Goals of episodes are middles of cells, and
   * beyond the gate; one that hindsight found may lie anywhere, and where the key is still to be fetched it is fetched first.
   */
  function writeGoalWays(state: Float64Array, o: number): void {
    const c = state[o + gate]!;
    const d = state[o + gate + 1]! as Direction;
    const isShut = needsKey(state, o);
    if (isShut) setWall(plan, state, o + cells, c, d, false);
    writeWays(state, o, cellAt(plan, state[o + goal]!, state[o + goal + 1]!), goalNext, goalWay);
    if (!isShut) {
      if (keyDoor) writeKeyToGoal(state, o);
      return;
    }
    setWall(plan, state, o + cells, c, d, true);
    writeKeyToGoal(state, o);
  }

  // Bodies after the common ones.
  const bodies = [
    ...mobile.bodies,
    cylinderBody('goal', 'goal', goalRadius, 0.3),
    ...(keyDoor
      ? [
          cylinderBody('keyBow', 'tool', 0.06, 0.03),
          boxBody('keyShaft', 'tool', [0.16, 0.035, 0.03]),
          boxBody('keyBit', 'tool', [0.035, 0.06, 0.03]),
        ]
      : []),
  ];
  const goalBody = mobile.bodies.length;

  return {
    id: 'maze',
    version,
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
    bodies,
    cameras: mobile.cameras,

    reset(seed, state, o) {
      state.fill(0, o, o + stateDim);
      const random = createRandom(seed);
      const ofLayout = layout === 0 ? random : createRandom(mixSeed(layout, 1));
      carve(plan, state, o + cells, ofLayout);
      const goalCell = (fixedGoal ? ofLayout : random).integer(count);
      state[o + goal] = cellX(plan, goalCell);
      state[o + goal + 1] = cellY(plan, goalCell);
      writeWays(state, o, goalCell, goalNext, goalWay);
      let longest = 0;
      for (let c = 0; c < count; c++) longest = Math.max(longest, hops[c]!);
      const start = drawCell(count, random, (c) => hops[c]! >= leastWay * longest);
      const jitter = (): number => random.uniform(-0.05, 0.05);
      mobile.reset(
        random,
        state,
        o,
        cellX(plan, start) + jitter(),
        cellY(plan, start) + jitter(),
        random.uniform(-Math.PI, Math.PI),
      );
      if (keyDoor) placeGate(state, o, start, goalCell, random);
      state[o + startWay] = remaining(state, o);
    },

    advance(states, actions, first, total) {
      for (let world = first; world < first + total; world++) {
        const o = world * stateDim;
        mobile.advance(states, o, actions[2 * world]!, actions[2 * world + 1]!);
        if (needsKey(states, o) && distanceTo(states, o, key) < keyRadius) {
          states[o + hasKey] = 1;
          setWall(plan, states, o + cells, states[o + gate]!, states[o + gate + 1]! as Direction, false);
          finishPlan(plan, states, o + cells);
        }
        mobile.countHeld(states, o, success(states, o));
      }
    },

    observe(state, o, out, at) {
      let i = mobile.observe(state, o, out, at);
      writeRelative(state, o, state[o + goal]!, state[o + goal + 1]!, out, i);
      i += 2;
      if (keyDoor) {
        out[i] = state[o + hasKey]!;
        writeRelative(state, o, state[o + key]!, state[o + key + 1]!, out, i + 1);
        const c = state[o + gate]!;
        const d = state[o + gate + 1]! as Direction;
        writeRelative(state, o, sideX(plan, c, d), sideY(plan, c, d), out, i + 3);
        i += 5;
      }
      if (map) {
        for (let k = 0; k < sideCells.length; k++) {
          out[i + k] = (state[o + cells + sideCells[k]!]! >> sideBits[k]!) & 1;
        }
      }
      clipTo(observationSpace, out, at);
    },

    success,
    progress,
    stage(state, o) {
      if (success(state, o)) return 3;
      if (!keyDoor) return Math.min(2, Math.floor(3 * progress(state, o)));
      if (needsKey(state, o)) return 0;
      const c = cellAt(plan, state[o + mobileRow.base]!, state[o + mobileRow.base + 1]!);
      return (state[o + cells + c]! & ownBit) === 0 ? 1 : 2;
    },
    terminal: (state, o) => !settings.fixedHorizon && mobile.hasHeld(state, o),

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = tolerance(remaining(next, n), [0, goalRadius], {
        margin: next[n + startWay]!,
        sigmoid: 'linear',
      });
      out[at + 2] = tolerance(distanceTo(next, n, needsKey(next, n) ? key : goal), [0, goalRadius], {
        margin: 1,
        sigmoid: 'long_tail',
      });
    },

    expert(state, o, out, at) {
      const b = o + mobileRow.base;
      const wantsKey = needsKey(state, o);
      const c = cellAt(plan, state[b]!, state[b + 1]!);
      const d = state[o + (wantsKey ? keyNext : goalNext) + c]! as Direction | 4;
      if (d === here) {
        const target = o + (wantsKey ? key : goal);
        mobile.steer(state, o, state[target]!, state[target + 1]!, !wantsKey, out, at);
        return;
      }
      // A little beyond the side, into the next cell.
      const x = sideX(plan, c, d);
      const y = sideY(plan, c, d);
      const share = 0.3;
      mobile.steer(
        state,
        o,
        x + share * (x - cellX(plan, c)),
        y + share * (y - cellY(plan, c)),
        false,
        out,
        at,
      );
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
        if (!writeGoal(wanted, from, 2, state, o + goal)) return;
        writeGoalWays(state, o);
        state[o + mobileRow.held] = success(state, o) ? 1 : 0;
      },
      computeReward: (achieved, a, desired, d) =>
        length2(desired[d]! - achieved[a]!, desired[d + 1]! - achieved[a + 1]!) < goalRadius ? 1 : 0,
    },

    lidar: mobile.lidar,
    impacts: mobile.impacts,

    poses(state, o, out, at) {
      mobile.poses(state, o, out, at);
      putBody(out, at, goalBody, state[o + goal]!, state[o + goal + 1]!, 0.15);
      if (!keyDoor) return;
      // Where it lies, or carried on the deck behind the lidar.
      const isHeld = state[o + hasKey] === 1;
      const b = o + mobileRow.base;
      const x = isHeld ? state[b]! - 0.1 * state[b + 2]! : state[o + key]!;
      const y = isHeld ? state[b + 1]! - 0.1 * state[b + 3]! : state[o + key + 1]!;
      const z = isHeld ? 0.13 : 0.08;
      putBody(out, at, goalBody + 1, x - 0.08, y, z);
      putBody(out, at, goalBody + 2, x + 0.04, y, z);
      putBody(out, at, goalBody + 3, x + 0.1, y - 0.04, z);
    },
    ...(settings.randomisation > 0
      ? {
          colours: (state: Float64Array, o: number, out: Float32Array, at: number) =>
            mobile.colours(state, o, out, at, bodies.length),
        }
      : {}),
  };
}

export const maze: Task = {
  id: 'maze',
  title: 'Maze',
  summary: 'Drive a base with a lidar through a maze to a goal, on request with a key to be fetched first.',
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
