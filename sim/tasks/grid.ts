/**
 * What the tabular worlds share. Each is a finite set of configurations (a few small whole numbers each) and rules that
 * say what can follow a configuration; everything else is computed from those once, by going through all configurations
 * that can be reached: the table, the way to go, the expert, true progress. A step of the world is a draw from the table.
 *
 * Way to go and expert: the expert minimises the expected cost (1 a step unless the rules say else) until the goal,
 *    C(s) = min_a sum_s' P(s' | s, a) (cost(s, a, s') + C(s')),   C(goal) = 0,   C = `lost` where no goal can be reached,
 * and the way to go is the expected number of steps of that policy. In a world without chance it is the shortest path.
 */

import { clamp } from '../engine/math.ts';
import { createRandom, mixSeed, type Random } from '../engine/random.ts';
import type {
  ActionSpace,
  Body,
  BoxSpace,
  CameraView,
  Colour,
  Contact,
  GoalFace,
  RewardTerm,
  Stage,
  StateField,
  TaskModel,
} from '../env.ts';
import type { AnySettings, Fields } from '../fields.ts';
import { checkTables, type Tabular } from '../tabular.ts';
import { layoutOf } from './parts.ts';

/** Side of a cell, m. */
export const cellSize = 0.25;
/** Seconds a step takes when it is played back. */
const stepTime = 0.2;
/** Where touches are shown, m: about the middle of what stands on a board. */
const touchHeight = 0.1;
/** What it costs to end up where no goal can be reached; more than any way there is. */
const lost = 1e3;

export type Config = readonly number[];

/** What can follow, with its chance. */
export type Outcome = readonly [probability: number, config: Config];

/** Numbers of the row that do not take part in the task: what only looks on or is only seen. */
export interface GridExtra {
  readonly fields: readonly (readonly [name: string, size: number, unit: string])[];
  /** `at` is where its numbers begin. */
  reset(random: Random, state: Float64Array, at: number): void;
  /** `draw(k)` is the k-th number in [0, 1) of this step; draw(0) belongs to the rules. */
  advance(state: Float64Array, at: number, draw: (k: number) => number): void;
  /** Why no episode has such numbers; null where one has. */
  problem?(state: Float64Array, at: number): string | null;
}

export interface GridSpec {
  readonly id: string;
  readonly version: number;
  /** The numbers of a configuration; each is a whole number from 0 to `count` - 1. */
  readonly numbers: readonly (readonly [name: string, count: number])[];
  readonly action: string;
  readonly actions: readonly string[];
  /** Where an episode of full difficulty starts: one of these, drawn evenly, that leads to the goal. */
  readonly starts: readonly Config[];
  /** What can follow where the goal is not reached yet; chances sum to 1. */
  outcomes(config: Config, action: number): readonly Outcome[];
  isGoal(config: Config): boolean;
  /** What the expert avoids; default 1 a step. */
  cost?(config: Config, action: number, next: Config): number;
  readonly stages: readonly Stage[];
  /** Index into `stages` before the goal is reached; the last stage is that of success. */
  stage(config: Config): number;
  readonly success: string;
  readonly dense: readonly (RewardTerm & { value(from: Config, to: Config): number })[];
  readonly observation: readonly (readonly [name: string, low: number, high: number])[];
  /** extraAt: where the numbers of `extra` begin. */
  observe(config: Config, state: Float64Array, extraAt: number, out: Float64Array, at: number): void;
  /** Observe the index of the configuration as one number out of all in place of `observation`. */
  readonly oneHot?: boolean;
  readonly goal: {
    readonly names: readonly string[];
    achieved(config: Config, out: Float64Array, at: number): void;
    desired(config: Config, out: Float64Array, at: number): void;
  };
  /** What the agent (`moving[0]`) met in a transition from where the goal was not reached; nothing where it cannot be told. */
  touches?(config: Config, action: number, next: Config): readonly Touch[];
  readonly extra?: GridExtra;
  /** Cells of the board that is drawn round the origin. */
  readonly board: readonly [width: number, height: number];
  /** Bodies that never move, with their middles, m. */
  readonly still: readonly (readonly [Body, Point])[];
  readonly moving: readonly Body[];
  /** The middles of the moving bodies. */
  place(config: Config, state: Float64Array, extraAt: number, put: Put): void;
  /** Colours of an episode, where they change: for all bodies, the still ones first. */
  colour?(state: Float64Array, extraAt: number, index: number): Colour | null;
}

export interface Touch {
  /** Name of what is met. */
  readonly body: string;
  /** Middle of the agent's cell, m. */
  readonly x: number;
  readonly y: number;
  /** Index into `moves`, seen from the agent. */
  readonly direction: number;
}

type Point = readonly [x: number, y: number, z: number];
export type Put = (index: number, x: number, y: number, z: number) => void;

export function gridFields<H extends number>(horizon: H) {
  return {
    horizon: {
      type: 'integer',
      default: horizon,
      min: 1,
      max: 2000,
      unit: 'steps',
      help: 'Control steps after which an episode is cut off',
    },
    fixedHorizon: {
      type: 'boolean',
      default: true,
      help: 'Every episode lasts the whole horizon and the goal keeps paying; off: it ends at the goal',
    },
    difficulty: {
      type: 'number',
      default: 1,
      min: 0,
      max: 1,
      help: 'Share of the longest way that may lie ahead at the start; below 1 any state so near to the goal is a start',
    },
  } as const satisfies Fields;
}

/** Where the numbers of the random stream are kept in the row: a 32-bit seed in parts that stay small. */
const streamParts = 3;

function writeStream(seed: number, state: Float64Array, at: number): void {
  state[at] = Math.floor(seed / 4194304);
  state[at + 1] = Math.floor(seed / 2048) % 2048;
  state[at + 2] = seed % 2048;
}

const readStream = (state: Float64Array, at: number): number =>
  state[at]! * 4194304 + state[at + 1]! * 2048 + state[at + 2]!;

/** All that follows from the rules. */
interface Explored {
  readonly configs: readonly Config[];
  /** Index of a packed configuration, -1 where it cannot be reached. */
  readonly lookup: Int32Array;
  readonly first: Int32Array;
  readonly next: Int32Array;
  readonly probabilities: Float64Array;
  readonly isGoal: Uint8Array;
  /** Expected steps to the goal under the expert; infinite where it cannot be reached. */
  readonly wayToGo: Float64Array;
  readonly best: Int32Array;
}

function pack(spec: GridSpec, config: Config): number {
  let code = 0;
  for (let k = 0; k < spec.numbers.length; k++) code = code * spec.numbers[k]![1] + config[k]!;
  return code;
}

function explore(spec: GridSpec): Explored {
  const codes = spec.numbers.reduce((product, [, count]) => product * count, 1);
  const lookup = new Int32Array(codes).fill(-1);
  const configs: Config[] = [];
  const indexOf = (config: Config): number => {
    const code = pack(spec, config);
    if (lookup[code] === -1) {
      lookup[code] = configs.length;
      configs.push(config);
    }
    return lookup[code]!;
  };
  for (const config of spec.starts) indexOf(config);
  const first = [0];
  const next: number[] = [];
  const probabilities: number[] = [];
  // `configs` grows while it is gone through.
  for (let s = 0; s < configs.length; s++) {
    const config = configs[s]!;
    const ended = spec.isGoal(config);
    for (let a = 0; a < spec.actions.length; a++) {
      const from = next.length;
      for (const [probability, following] of ended ? [[1, config] as const] : spec.outcomes(config, a)) {
        if (probability === 0) continue;
        const s2 = indexOf(following);
        const same = next.indexOf(s2, from);
        if (same === -1) {
          next.push(s2);
          probabilities.push(probability);
        } else probabilities[same]! += probability;
      }
      first.push(next.length);
    }
  }
  const tables = {
    configs,
    lookup,
    first: Int32Array.from(first),
    next: Int32Array.from(next),
    probabilities: Float64Array.from(probabilities),
    isGoal: Uint8Array.from(configs, (config) => (spec.isGoal(config) ? 1 : 0)),
  };
  return { ...tables, ...plan(spec, tables) };
}

/** Steps to the goal if chance is kind, infinite where it cannot be reached: breadth first from the goals. */
function kindDistances(
  actions: number,
  { configs, first, next, isGoal }: Pick<Explored, 'configs' | 'first' | 'next' | 'isGoal'>,
): Float64Array {
  const before: number[][] = configs.map(() => []);
  for (let s = 0; s < configs.length; s++) {
    for (let i = first[s * actions]!; i < first[(s + 1) * actions]!; i++) before[next[i]!]!.push(s);
  }
  const distances = new Float64Array(configs.length).fill(Number.POSITIVE_INFINITY);
  const queue: number[] = [];
  for (let s = 0; s < configs.length; s++) {
    if (isGoal[s] === 1) {
      distances[s] = 0;
      queue.push(s);
    }
  }
  for (let head = 0; head < queue.length; head++) {
    const s = queue[head]!;
    for (const s0 of before[s]!) {
      if (distances[s0]! <= distances[s]! + 1) continue;
      distances[s0] = distances[s]! + 1;
      queue.push(s0);
    }
  }
  return distances;
}

function plan(
  spec: GridSpec,
  tables: Pick<Explored, 'configs' | 'first' | 'next' | 'probabilities' | 'isGoal'>,
): Pick<Explored, 'wayToGo' | 'best'> {
  const { configs, first, next, probabilities, isGoal } = tables;
  const actions = spec.actions.length;
  const kind = kindDistances(actions, tables);
  const costs = Float64Array.from(next, () => 1);
  if (spec.cost) {
    for (let pair = 0; pair < configs.length * actions; pair++) {
      for (let i = first[pair]!; i < first[pair + 1]!; i++) {
        costs[i] = spec.cost(configs[Math.floor(pair / actions)]!, pair % actions, configs[next[i]!]!);
      }
    }
  }
  // Distances are a lower bound where a step costs at least 1, so values only rise from there.
  const value = Float64Array.from(kind, (d) => (Number.isFinite(d) ? d : lost));
  const best = new Int32Array(configs.length);
  const expected = (pair: number, of: Float64Array, cost: Float64Array | null): number => {
    let sum = 0;
    for (let i = first[pair]!; i < first[pair + 1]!; i++) {
      sum += probabilities[i]! * ((cost ? cost[i]! : 1) + of[next[i]!]!);
    }
    return sum;
  };
  // Nearest first, so that most values are right after one sweep.
  const order = [...configs.keys()]
    .filter((s) => isGoal[s] === 0 && Number.isFinite(kind[s]!))
    .sort((a, b) => kind[a]! - kind[b]! || a - b);
  const settle = (update: (s: number) => number, of: Float64Array): void => {
    for (let sweep = 0; sweep < 20_000; sweep++) {
      let change = 0;
      for (const s of order) {
        const renewed = update(s);
        change = Math.max(change, Math.abs(renewed - of[s]!));
        of[s] = renewed;
      }
      if (change < 1e-11) return;
    }
    throw new RangeError(
      `${spec.id}: the way to the goal does not settle, wanted chances that let it be reached`,
    );
  };
  settle((s) => {
    let least = Number.POSITIVE_INFINITY;
    for (let a = 0; a < actions; a++) {
      const cost = expected(s * actions + a, value, costs);
      // By a margin, so that rounding does not choose among equals: the first of them is taken.
      if (cost < least - 1e-9) {
        least = cost;
        best[s] = a;
      }
    }
    return least;
  }, value);
  const wayToGo = Float64Array.from(kind, (d) => (Number.isFinite(d) ? d : lost));
  settle((s) => expected(s * actions + best[s]!, wayToGo, null), wayToGo);
  for (let s = 0; s < configs.length; s++)
    if (!Number.isFinite(kind[s]!)) wayToGo[s] = Number.POSITIVE_INFINITY;
  return { wayToGo, best };
}

/** From the near side, x to the right, so far away that the longer side fills the picture. */
function camerasOf([width, height]: readonly [number, number]): readonly CameraView[] {
  const fieldOfView = 0.7;
  // tan(0.35) = 0.365; a board that is seen at 50 degrees is about three quarters as high.
  const distance = ((Math.max(width, height) + 2) * cellSize) / 2 / 0.365;
  return [
    {
      name: 'front',
      position: [0, -0.64 * distance, 0.77 * distance],
      target: [0, -0.03 * distance, 0],
      fieldOfView,
    },
    { name: 'top', position: [0, 0, 1.1 * distance], target: [0, 0, 0], fieldOfView },
  ];
}

/** @throws RangeError where no start leads to the goal. */
export function gridModel(
  spec: GridSpec,
  settings: AnySettings & {
    readonly horizon: number;
    readonly fixedHorizon: boolean;
    readonly difficulty: number;
  },
): TaskModel {
  const { horizon, fixedHorizon, difficulty } = settings;
  const explored = explore(spec);
  const { configs, lookup, first, next, probabilities, isGoal, wayToGo, best } = explored;
  const states = configs.length;
  const actions = spec.actions.length;
  const size = spec.numbers.length;

  // Row: step, the configuration, the random stream, extra numbers.
  const configAt = 1;
  const streamAt = configAt + size;
  const extraAt = streamAt + streamParts;
  const stateLayout: StateField[] = layoutOf([
    ['step', 1, 'steps'],
    ...spec.numbers.map(([name, count]) => [name, 1, `0 .. ${count - 1}`] as const),
    ['random', streamParts, 'seed'],
    ...(spec.extra?.fields ?? []),
  ]);
  const stateDim = stateLayout.reduce((sum, field) => sum + field.size, 0);

  const fullStarts = spec.starts
    .map((config) => lookup[pack(spec, config)]!)
    .filter((s) => isGoal[s] === 0 && Number.isFinite(wayToGo[s]!));
  if (fullStarts.length === 0)
    throw new RangeError(`${spec.id}: no start leads to the goal, wanted one at least`);
  const farthest = fullStarts.reduce((most, s) => Math.max(most, wayToGo[s]!), 0);
  const starts =
    difficulty >= 1
      ? fullStarts
      : [...configs.keys()].filter(
          (s) => isGoal[s] === 0 && wayToGo[s]! <= Math.max(1, difficulty * farthest) + 1e-9,
        );
  const start = new Float64Array(states);
  for (const s of starts) start[s]! += 1 / starts.length;

  const progressOf = Float64Array.from(wayToGo, (way, s) =>
    isGoal[s] === 1 ? 1 : clamp(1 - way / farthest, 0, 0.99),
  );

  const indexOf = (state: Float64Array, o: number): number => {
    let code = 0;
    for (let k = 0; k < size; k++) code = code * spec.numbers[k]![1] + state[o + configAt + k]!;
    const index = lookup[code];
    return index === undefined || index < 0 ? starts[0]! : index;
  };
  const writeConfig = (index: number, state: Float64Array, o: number): void => {
    const config = configs[index]!;
    for (let k = 0; k < size; k++) state[o + configAt + k] = config[k]!;
  };

  // The numbers of one step, for the closure that is made once.
  let stream = 0;
  let clock = 0;
  const draw = (k: number): number => mixSeed(mixSeed(stream, clock), k) / 4294967296;

  const actionSpace: ActionSpace = { type: 'discrete', n: actions, dim: 1, names: [spec.action] };
  const observationSpace: BoxSpace = spec.oneHot
    ? {
        type: 'box',
        dim: states,
        low: new Float64Array(states),
        high: new Float64Array(states).fill(1),
        names: configs.map((config) => `is.${config.join('.')}`),
      }
    : {
        type: 'box',
        dim: spec.observation.length,
        low: Float64Array.from(spec.observation, ([, low]) => low),
        high: Float64Array.from(spec.observation, ([, , high]) => high),
        names: spec.observation.map(([name]) => name),
      };
  const { low, high } = observationSpace;

  const rewardTerms: readonly RewardTerm[] = [
    { id: 'success', kind: 'sparse', weight: 1, help: spec.success },
    ...spec.dense.map(({ value: _, ...term }) => term),
  ];

  const goalDim = spec.goal.names.length;
  const goals: GoalFace = {
    dim: goalDim,
    names: spec.goal.names,
    achieved: (state, o, out, at) => spec.goal.achieved(configs[indexOf(state, o)]!, out, at),
    desired: (state, o, out, at) => spec.goal.desired(configs[indexOf(state, o)]!, out, at),
    computeReward(achieved, a, desired, d) {
      for (let k = 0; k < goalDim; k++) if (achieved[a + k] !== desired[d + k]) return 0;
      return 1;
    },
  };

  let tabular: Tabular | undefined;
  const makeTabular = (): Tabular => {
    const rewards = new Float64Array(next.length);
    const dense = new Float64Array(next.length);
    for (let pair = 0; pair < states * actions; pair++) {
      for (let i = first[pair]!; i < first[pair + 1]!; i++) {
        rewards[i] = isGoal[next[i]!]!;
        for (const term of spec.dense) {
          dense[i]! += term.weight * term.value(configs[Math.floor(pair / actions)]!, configs[next[i]!]!);
        }
      }
    }
    const made: Tabular = {
      states,
      actions,
      first,
      next,
      probabilities,
      rewards,
      dense,
      terminal: fixedHorizon ? new Uint8Array(states) : isGoal,
      start,
      actionSpace,
      indexOf,
      rowOf(index, state, o) {
        if (!Number.isInteger(index) || index < 0 || index >= states) {
          throw new RangeError(`State of ${spec.id}: found index ${index}, wanted 0 to ${states - 1}`);
        }
        state.fill(0, o, o + stateDim);
        writeConfig(index, state, o);
        spec.extra?.reset(createRandom(0), state, o + extraAt);
      },
    };
    checkTables(made);
    return made;
  };

  const bodies: readonly Body[] = [...spec.still.map(([body]) => body), ...spec.moving];
  const stillCount = spec.still.length;
  const { colour, touches } = spec;

  function advance(rows: Float64Array, chosen: Float64Array, from: number, count: number): void {
    for (let world = from; world < from + count; world++) {
      const o = world * stateDim;
      const index = indexOf(rows, o);
      const pair = index * actions + chosen[world]!;
      stream = readStream(rows, o + streamAt);
      clock = rows[o]!;
      let i = first[pair]!;
      const last = first[pair + 1]! - 1;
      if (i < last) {
        let left = draw(0);
        while (i < last && left >= probabilities[i]!) {
          left -= probabilities[i]!;
          i++;
        }
      }
      writeConfig(next[i]!, rows, o);
      spec.extra?.advance(rows, o + extraAt, draw);
      rows[o]! += 1;
    }
  }

  return {
    id: spec.id,
    version: spec.version,
    settings,
    controlDt: stepTime,
    substeps: 1,
    horizon,
    stateDim,
    stateLayout,
    observationSpace,
    actionSpace,
    stages: spec.stages,
    rewardTerms,
    bodies,
    goals,
    get tabular() {
      tabular ??= makeTabular();
      return tabular;
    },

    reset(seed, state, o) {
      const random = createRandom(seed);
      state.fill(0, o, o + stateDim);
      writeConfig(starts[random.integer(starts.length)]!, state, o);
      writeStream(random.bits(), state, o + streamAt);
      spec.extra?.reset(random, state, o + extraAt);
    },

    advance,

    // A tabular world has no forces, so that all are mere touches.
    ...(touches && {
      impacts(state: Float64Array, o: number, action: Float64Array, a: number): Contact[] {
        const index = indexOf(state, o);
        if (isGoal[index] === 1) return [];
        const row = state.slice(o, o + stateDim);
        advance(row, action.slice(a, a + 1), 0, 1);
        return touches(configs[index]!, action[a]!, configs[indexOf(row, 0)]!).map((touch): Contact => {
          const [dx, dy] = moves[touch.direction]!;
          return {
            point: [touch.x + (dx * cellSize) / 2, touch.y + (dy * cellSize) / 2, touchHeight],
            normal: [dx, dy, 0],
            force: 0,
            friction: [0, 0, 0],
            bodyA: spec.moving[0]!.name,
            bodyB: touch.body,
          };
        });
      },
    }),

    observe(state, o, out, at) {
      const index = indexOf(state, o);
      if (spec.oneHot) {
        out.fill(0, at, at + states);
        out[at + index] = 1;
        return;
      }
      spec.observe(configs[index]!, state, o + extraAt, out, at);
      for (let k = 0; k < low.length; k++) out[at + k] = clamp(out[at + k]!, low[k]!, high[k]!);
    },

    success: (state, o) => isGoal[indexOf(state, o)] === 1,
    progress: (state, o) => progressOf[indexOf(state, o)]!,
    stage(state, o) {
      const index = indexOf(state, o);
      return isGoal[index] === 1 ? spec.stages.length - 1 : spec.stage(configs[index]!);
    },
    terminal: (state, o) => !fixedHorizon && isGoal[indexOf(state, o)] === 1,

    reward(state, o, _action, _a, after, n, out, at) {
      const here = configs[indexOf(state, o)]!;
      const index = indexOf(after, n);
      out[at] = isGoal[index]!;
      for (let k = 0; k < spec.dense.length; k++)
        out[at + 1 + k] = spec.dense[k]!.value(here, configs[index]!);
    },

    problem(state, o) {
      const config = configs[indexOf(state, o)]!;
      // A configuration that cannot be reached was taken for another one.
      if (config.some((value, k) => value !== state[o + configAt + k])) {
        const found = spec.numbers.map(([name], k) => `${name} ${state[o + configAt + k]}`).join(', ');
        return `${found}: no episode comes to stand like that, wanted whole numbers of squares that can be reached`;
      }
      return spec.extra?.problem?.(state, o + extraAt) ?? null;
    },

    expert(state, o, out, at) {
      out[at] = best[indexOf(state, o)]!;
    },

    cameras: camerasOf(spec.board),

    poses(state, o, out, at) {
      const config = configs[indexOf(state, o)]!;
      out.fill(0, at, at + bodies.length * 7);
      for (let b = 0; b < bodies.length; b++) out[at + 7 * b + 6] = 1;
      const put: Put = (b, x, y, z) => {
        out[at + 7 * b] = x;
        out[at + 7 * b + 1] = y;
        out[at + 7 * b + 2] = z;
      };
      for (let b = 0; b < stillCount; b++) put(b, ...spec.still[b]![1]);
      spec.place(config, state, o + extraAt, (b, x, y, z) => put(stillCount + b, x, y, z));
    },

    ...(colour && {
      colours(state: Float64Array, o: number, out: Float32Array, at: number): void {
        for (let b = 0; b < bodies.length; b++) {
          const own = colour(state, o + extraAt, b);
          for (let k = 0; k < 3; k++) out[at + 3 * b + k] = own ? own[k]! : Number.NaN;
        }
      },
    }),
  };
}

/** up, right, down, left */
export const moves: readonly (readonly [dx: number, dy: number])[] = [
  [0, 1],
  [1, 0],
  [0, -1],
  [-1, 0],
];

/** The directions a move may take: its own, or with chance `slip` the one to its left or right. */
export const slipped = (
  direction: number,
  slip: number,
): readonly (readonly [chance: number, direction: number])[] => [
  [1 - slip, direction],
  [slip / 2, (direction + 1) % 4],
  [slip / 2, (direction + 3) % 4],
];

export const box = (
  name: string,
  role: Body['role'],
  size: readonly [x: number, y: number, z: number],
  colour?: Colour,
): Body => ({ name, shape: { type: 'box', size }, role, ...(colour && { colour }) });

/** The floor under a board of `width` by `height` cells, its top at z = 0. */
export const floorUnder = (width: number, height: number): readonly [Body, Point] => [
  box('floor', 'floor', [(width + 2) * cellSize, (height + 2) * cellSize, 0.02]),
  [0, 0, -0.01],
];

/** Middle of cell (x, y) of a board whose middle is the origin, m. */
export const cellMiddle = (
  x: number,
  y: number,
  width: number,
  height: number,
): readonly [number, number] => [(x - (width - 1) / 2) * cellSize, (y - (height - 1) / 2) * cellSize];
