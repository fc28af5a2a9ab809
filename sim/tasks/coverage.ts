/** Drive over all of a floor, as a cleaning robot does: no goal to go to, but a memory of where one has been. */

import {
  cellAt,
  cellX,
  cellY,
  type Direction,
  finishPlan,
  floodPlan,
  isWalled,
  neighbour,
  setWall,
} from '../engine/floor-plan.ts';
import { createRandom } from '../engine/random.ts';
import type { Body, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import {
  boxBody,
  type Component,
  controlDt,
  createMobile,
  furnitureName,
  mobileFields,
  mobileRow,
  putBody,
  solid,
  spaceOf,
  substeps,
  successTerm,
  wallHalf,
} from './mobile.ts';
import { clipTo, layoutOf, length2 } from './parts.ts';

const fields = {
  ...mobileFields(
    400,
    'Size of the floor: 4 x 4 tiles at 0, 6 x 6 at 0.5, 8 x 8 at 1',
    'The observation holds which tiles are covered and where furniture stands; off: only what the lidar sees',
  ),
  furniture: {
    type: 'number',
    default: 0.15,
    min: 0,
    max: 0.3,
    help: 'Share of the tiles on which a box stands; the others stay connected',
  },
  target: {
    type: 'number',
    default: 0.95,
    min: 0.3,
    max: 1,
    help: 'Success means that this share of the free tiles has been covered',
  },
} as const satisfies Fields;

const version = 1;
/** Side of a tile, m. */
const cell = 0.5;
/** Places tried for a piece of furniture before it is left out. */
const tries = 60;
/** Scratch of the largest floor. */
const most = 64;
const hops = new Int16Array(most);
const order = new Int16Array(most);
/** First direction of the way to each tile. */
const firstStep = new Int8Array(most);

const stages: readonly Stage[] = [
  { id: 'quarter-1', title: 'First quarter of the tiles' },
  { id: 'quarter-2', title: 'Second quarter' },
  { id: 'quarter-3', title: 'Third quarter' },
  { id: 'quarter-4', title: 'The last tiles' },
  { id: 'done', title: 'Covered' },
];

const rewardTerms: readonly RewardTerm[] = [
  successTerm('The target share of the free tiles has been covered'),
  { id: 'covered', kind: 'dense', weight: 0.8, help: 'Share of the wanted tiles that have been covered' },
  { id: 'near', kind: 'dense', weight: 0.2, help: 'A tile that has not been covered is near' },
];

const dirty = [0.56, 0.51, 0.44] as const;
const clean = [0.42, 0.78, 0.74] as const;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { map, furniture, target } = settings;
  const side = 4 + Math.round(4 * settings.difficulty);
  const pieces = Math.round(furniture * side * side);
  const mobile = createMobile(settings, { columns: side, rows: side, cell, innerWalls: 0, gates: 0 });
  const { plan, cells } = mobile;
  const { count } = plan;

  const covered = mobile.end;
  const coveredCount = covered + count;
  const wanted = coveredCount + 1;
  const stateDim = wanted + 1;
  const stateLayout = layoutOf([
    ...mobile.fields,
    ['covered', count, ''],
    ['coveredCount', 1, 'tiles'],
    ['wanted', 1, 'tiles'],
  ]);
  const observationSpace = spaceOf([
    ...mobile.components,
    ['coveredShare', 0, 1],
    ...(map ? Array.from({ length: count }, (_, c): Component => [`tile${c}`, -1, 1]) : []),
  ]);
  const actionSpace = spaceOf([
    ['wheel.left', -1, 1],
    ['wheel.right', -1, 1],
  ]);

  const isSolid = (state: Float64Array, o: number, c: number): boolean =>
    (state[o + cells + c]! & solid) !== 0;
  const setSolid = (state: Float64Array, o: number, c: number, isThere: boolean): void => {
    const at = o + cells + c;
    state[at] = isThere ? state[at]! | solid : state[at]! & ~solid;
    for (const d of [0, 1, 2, 3] as const) {
      const other = neighbour(plan, c, d);
      if (other >= 0 && !isSolid(state, o, other)) setWall(plan, state, o + cells, c, d, isThere);
    }
  };
  const success = (state: Float64Array, o: number): boolean => state[o + coveredCount]! >= state[o + wanted]!;
  /** The tile of the start counts from the beginning. */
  const share = (state: Float64Array, o: number): number =>
    Math.min(1, (state[o + coveredCount]! - 1) / (state[o + wanted]! - 1));
  const cover = (state: Float64Array, o: number): void => {
    const c = cellAt(plan, state[o + mobileRow.base]!, state[o + mobileRow.base + 1]!);
    if (state[o + covered + c] === 1) return;
    state[o + covered + c] = 1;
    state[o + coveredCount]! += 1;
  };

  /** Nearest tile by the way there that is not covered, -1 when all are; of several the one straight ahead. */
  function nearestOpen(state: Float64Array, o: number): number {
    const b = o + mobileRow.base;
    const c = state[b + 2]!;
    const s = state[b + 3]!;
    const ahead = Math.abs(c) >= Math.abs(s) ? (c > 0 ? 0 : 2) : s > 0 ? 1 : 3;
    const from = cellAt(plan, state[b]!, state[b + 1]!);
    hops.fill(-1, 0, count);
    hops[from] = 0;
    order[0] = from;
    let reached = 1;
    for (let head = 0; head < reached; head++) {
      const at = order[head]!;
      if (state[o + covered + at] === 0) return at;
      // Straight on, left, right, back.
      for (let k = 0; k < 4; k++) {
        const d = ((ahead + (k === 2 ? 3 : k === 3 ? 2 : k)) % 4) as Direction;
        if (isWalled(state, o + cells, at, d)) continue;
        const next = neighbour(plan, at, d);
        if (hops[next]! >= 0) continue;
        hops[next] = hops[at]! + 1;
        firstStep[next] = head === 0 ? d : firstStep[at]!;
        order[reached++] = next;
      }
    }
    return -1;
  }

  // Bodies after the common ones.
  const firstTile = mobile.bodies.length;
  const firstPiece = firstTile + count;
  // A little inside the outer walls' faces, else the two fight over who is seen.
  const block = cell + 2 * wallHalf - 0.01;
  const blockHeight = 0.22;
  const bodies: readonly Body[] = [
    ...mobile.bodies,
    ...Array.from({ length: count }, (_, c) =>
      boxBody(`tile${c}`, 'fixture', [0.92 * cell, 0.92 * cell, 0.006]),
    ),
    ...Array.from(
      { length: pieces },
      (_, k): Body => ({
        ...boxBody(furnitureName(k + 1), 'wall', [block, block, blockHeight]),
        colour: [0.66, 0.54, 0.42],
      }),
    ),
  ];

  return {
    id: 'coverage',
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
      const start = random.integer(count);
      let free = count;
      for (let k = 0; k < pieces; k++) {
        for (let attempt = 0; attempt < tries; attempt++) {
          const c = random.integer(count);
          if (c === start || isSolid(state, o, c)) continue;
          setSolid(state, o, c, true);
          finishPlan(plan, state, o + cells);
          if (floodPlan(plan, state, o + cells, start, hops, order) === free - 1) {
            free--;
            break;
          }
          setSolid(state, o, c, false);
        }
      }
      finishPlan(plan, state, o + cells);
      state[o + wanted] = Math.ceil(target * free);
      const jitter = (): number => random.uniform(-0.05, 0.05);
      mobile.reset(
        random,
        state,
        o,
        cellX(plan, start) + jitter(),
        cellY(plan, start) + jitter(),
        random.uniform(-Math.PI, Math.PI),
      );
      cover(state, o);
    },

    advance(states, actions, first, total) {
      for (let world = first; world < first + total; world++) {
        const o = world * stateDim;
        mobile.advance(states, o, actions[2 * world]!, actions[2 * world + 1]!);
        cover(states, o);
        mobile.countHeld(states, o, success(states, o));
      }
    },

    observe(state, o, out, at) {
      const i = mobile.observe(state, o, out, at);
      out[i] = share(state, o);
      if (map) {
        for (let c = 0; c < count; c++) {
          out[i + 1 + c] = isSolid(state, o, c) ? -1 : state[o + covered + c]!;
        }
      }
      clipTo(observationSpace, out, at);
    },

    success,
    progress: (state, o) => (success(state, o) ? 1 : Math.min(0.99, share(state, o))),
    stage: (state, o) => (success(state, o) ? 4 : Math.min(3, Math.floor(4 * share(state, o)))),
    terminal: (state, o) => !settings.fixedHorizon && mobile.hasHeld(state, o),

    reward(_state, _o, _action, _a, next, n, out, at) {
      const open = nearestOpen(next, n);
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = share(next, n);
      out[at + 2] =
        open < 0
          ? 1
          : tolerance(
              length2(
                cellX(plan, open) - next[n + mobileRow.base]!,
                cellY(plan, open) - next[n + mobileRow.base + 1]!,
              ),
              [0, cell / 2],
              { margin: 1, sigmoid: 'long_tail' },
            );
    },

    expert(state, o, out, at) {
      const b = o + mobileRow.base;
      const open = nearestOpen(state, o);
      if (open < 0) {
        out[at] = 0;
        out[at + 1] = 0;
        return;
      }
      const here = cellAt(plan, state[b]!, state[b + 1]!);
      const next = neighbour(plan, here, firstStep[open] as Direction);
      // The middle of the next tile counts; beyond it there is nothing to stop for.
      mobile.steer(state, o, cellX(plan, next), cellY(plan, next), false, out, at);
    },

    lidar: mobile.lidar,
    impacts: mobile.impacts,

    poses(state, o, out, at) {
      mobile.poses(state, o, out, at);
      let piece = firstPiece;
      let lastX = 0;
      let lastY = -plan.rows * (cell / 2);
      for (let c = 0; c < count; c++) {
        const x = cellX(plan, c);
        const y = cellY(plan, c);
        putBody(out, at, firstTile + c, x, y, 0.003);
        if (!isSolid(state, o, c)) continue;
        putBody(out, at, piece++, x, y, blockHeight / 2);
        lastX = x;
        lastY = y;
      }
      // A piece that found no place is inside another one.
      for (; piece < firstPiece + pieces; piece++)
        putBody(out, at, piece, lastX, lastY, blockHeight / 2 - 0.002);
    },
    colours(state, o, out, at) {
      mobile.colours(state, o, out, at, bodies.length);
      for (let c = 0; c < count; c++) {
        const colour = state[o + covered + c] === 1 ? clean : dirty;
        for (let k = 0; k < 3; k++) out[at + 3 * (firstTile + c) + k] = colour[k]!;
      }
    },
  };
}

export const coverage: Task = {
  id: 'coverage',
  title: 'Coverage',
  summary: 'Drive over every tile of a furnished floor, as a cleaning robot does.',
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
