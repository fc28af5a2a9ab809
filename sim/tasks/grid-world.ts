/**
 * A gridworld in two rooms: fetch the key, open the door, push the box to its place. Boxes are pushed by walking into
 * them and pulled with `use`, so that nothing is ever lost; `irreversible` takes the pulling away.
 */

import { createRandom, mixSeed } from '../engine/random.ts';
import type { Colour, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import {
  box,
  type Config,
  cellMiddle,
  cellSize,
  floorUnder,
  type GridExtra,
  gridFields,
  gridModel,
  moves,
  type Outcome,
  slipped,
  type Touch,
} from './grid.ts';

const fields = {
  ...gridFields(80),
  layout: {
    type: 'choice',
    default: 'two-rooms',
    options: ['two-rooms', 'open', 'generated'],
    help: 'Two rooms with key and door, one room with the box alone, or rooms drawn from `layoutSeed`',
  },
  layoutSeed: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 999,
    help: 'Which of the generated layouts; the others ignore it',
  },
  slip: {
    type: 'number',
    default: 0,
    min: 0,
    max: 0.5,
    help: 'Chance that a move goes to the left or the right of its direction, half of it each',
  },
  irreversible: {
    type: 'boolean',
    default: false,
    help: 'The box can only be pushed, so that it may get stuck for good; off: `use` pulls it',
  },
  distractors: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 4,
    help: 'Balls that roll about at random, are observed, and have no effect',
  },
  occlusion: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'Shortens the sight: offsets longer than it are cut to it, from the whole board (0) to one cell (1)',
  },
  randomisation: {
    type: 'number',
    default: 0,
    min: 0,
    max: 1,
    help: 'How far the colours of walls, box and key are drawn anew every episode',
  },
} as const satisfies Fields;

const version = 1;
const use = 4;

/** What is where; y counts from below. */
interface GridLayout {
  readonly width: number;
  readonly height: number;
  readonly isWall: Uint8Array;
  /** Cell numbers y * width + x; -1 where there is none. */
  readonly key: number;
  readonly door: number;
  readonly target: number;
  readonly agentStarts: readonly number[];
  readonly boxStarts: readonly number[];
}

// # wall, k key, D door, x target, a start of the agent, b start of the box; the first line is the far side.
const drawn: Readonly<Record<string, readonly string[]>> = {
  'two-rooms': ['#########', '#aaa#bbb#', '#aka#bbb#', '#aaaDbbb#', '#aaa#bxb#', '#aaa#bbb#', '#########'],
  open: ['########', '#aaaaaa#', '#abbbba#', '#abbxba#', '#abbbba#', '#aaaaaa#', '########'],
};

function parse(lines: readonly string[]): GridLayout {
  const height = lines.length;
  const width = lines[0]!.length;
  const at = (cell: number): string => lines[height - 1 - Math.floor(cell / width)]![cell % width]!;
  const cells = Array.from({ length: width * height }, (_, cell) => cell);
  const cellsOf = (letter: string): number[] => cells.filter((cell) => at(cell) === letter);
  const cellOf = (letter: string): number => cellsOf(letter)[0] ?? -1;
  const door = cellOf('D');
  return {
    width,
    height,
    isWall: Uint8Array.from(cells, (cell) => (at(cell) === '#' ? 1 : 0)),
    key: cellOf('k'),
    door,
    target: cellOf('x'),
    // Without a door there is one room, in which the agent may also stand where the box may.
    agentStarts: door === -1 ? [...cellsOf('a'), ...cellsOf('b')] : cellsOf('a'),
    boxStarts: cellsOf('b'),
  };
}

/** True where one can walk from the door to every cell that is no wall. */
function isWhole({ width, isWall, door }: GridLayout): boolean {
  const seen = isWall.slice();
  const queue = [door];
  seen[door] = 1;
  for (let cell = queue.pop(); cell !== undefined; cell = queue.pop()) {
    for (const [dx, dy] of moves) {
      const to = cell + dx + width * dy;
      if (seen[to] === 1) continue;
      seen[to] = 1;
      queue.push(to);
    }
  }
  return seen.every((mark) => mark === 1);
}

/** The first whole layout of a stream of random ones. */
function generate(seed: number): GridLayout {
  for (let attempt = 0; ; attempt++) {
    const layout = drawLayout(mixSeed(mixSeed(seed, 0x6772), attempt));
    if (isWhole(layout)) return layout;
  }
}

/** A wall with a door across a room of 7 x 7 cells, some pillars on either side; the key on the near side. */
function drawLayout(seed: number): GridLayout {
  const side = 9;
  const random = createRandom(seed);
  // The far room has three columns or more: in two, a box in the outer one could not be moved aside.
  const wall = 3 + random.integer(2);
  const doorY = 1 + random.integer(side - 2);
  const lines = Array.from({ length: side }, (_, y) =>
    Array.from({ length: side }, (_, x): string => {
      if (x === 0 || y === 0 || x === side - 1 || y === side - 1) return '#';
      if (x === wall) return y === doorY ? 'D' : '#';
      return x < wall ? 'a' : 'b';
    }),
  );
  const pillars: (readonly [x: number, y: number])[] = [];
  /** A random cell between two columns, neither before the door nor beside a pillar, so that it can be got at. */
  const pick = (from: number, to: number): readonly [x: number, y: number] => {
    for (;;) {
      const x = from + random.integer(to - from + 1);
      const y = 1 + random.integer(side - 2);
      const isBeside = (px: number, py: number): boolean => Math.abs(x - px) <= 1 && Math.abs(y - py) <= 1;
      if (!isBeside(wall, doorY) && !pillars.some(([px, py]) => isBeside(px, py))) return [x, y];
    }
  };
  // Two pillars in the far room can make a box immovable; with one, all layouts that `layoutSeed` admits can be solved.
  for (const [from, to, most] of [
    [1, wall - 1, 2],
    [wall + 1, side - 2, 1],
  ] as const) {
    for (let i = random.integer(most + 1); i > 0; i--) {
      const [x, y] = pick(from, to);
      lines[y]![x] = '#';
      pillars.push([x, y]);
    }
  }
  const [keyX, keyY] = pick(1, wall - 1);
  lines[keyY]![keyX] = 'k';
  const [targetX, targetY] = pick(wall + 1, side - 2);
  lines[targetY]![targetX] = 'x';
  return parse(lines.map((line) => line.join('')).reverse());
}

const layoutOfSettings = (layout: string, layoutSeed: number): GridLayout =>
  layout === 'generated' ? generate(layoutSeed) : parse(drawn[layout]!);

/** Numbers of a configuration. */
const agent = 0;
const phase = 1;
const theBox = 2;
/** `phase`: the key lies there, it is carried, the door is open. */
const locked = 0;
const carried = 1;
const opened = 2;

const tint = 3;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { slip, irreversible, distractors, randomisation } = settings;
  const map = layoutOfSettings(settings.layout, settings.layoutSeed);
  const { width, height, isWall, key, door, target } = map;
  const cells = width * height;
  const sight = Math.max(1, Math.round((1 - settings.occlusion) * Math.max(width, height)));

  const beside = (cell: number, direction: number): number =>
    cell + moves[direction]![0] + width * moves[direction]![1];
  const isFree = (cell: number, at: number): boolean =>
    isWall[cell] === 0 && (cell !== door || at === opened);

  const walked = (config: Config, direction: number): Config => {
    const at = config[phase]!;
    const to = beside(config[agent]!, direction);
    if (!isFree(to, at)) return config;
    if (to !== config[theBox]) return [to, at, config[theBox]!];
    const beyond = beside(to, direction);
    return isFree(beyond, at) ? [to, at, beyond] : config;
  };
  const used = (config: Config): Config => {
    const here = config[agent]!;
    const at = config[phase]!;
    const boxAt = config[theBox]!;
    if (at === locked && here === key) return [here, carried, boxAt];
    if (at === carried && moves.some((_, d) => beside(here, d) === door)) return [here, opened, boxAt];
    if (irreversible) return config;
    const towards = moves.findIndex((_, d) => beside(here, d) === boxAt);
    if (towards === -1) return config;
    const behind = beside(here, (towards + 2) % 4);
    return isFree(behind, at) ? [behind, at, here] : config;
  };

  /** Steps between two cells if there were no walls. */
  const distance = (from: number, to: number): number =>
    Math.abs((to % width) - (from % width)) + Math.abs(Math.floor(to / width) - Math.floor(from / width));

  const extra: GridExtra = {
    fields: [
      ['tint', tint, 'share'],
      ...Array.from({ length: distractors }, (_, k) => [`ball${k}`, 1, `0 .. ${cells - 1}`] as const),
    ],
    reset(random, state, at) {
      for (let k = 0; k < tint; k++) state[at + k] = random.uniform();
      const free = Array.from({ length: cells }, (_, cell) => cell).filter((cell) => isFree(cell, locked));
      for (let k = 0; k < distractors; k++) state[at + tint + k] = free[random.integer(free.length)]!;
    },
    advance(state, at, draw) {
      for (let k = 0; k < distractors; k++) {
        const to = beside(state[at + tint + k]!, Math.floor(4 * draw(1 + k)));
        if (isFree(to, locked)) state[at + tint + k] = to;
      }
    },
    problem(state, at) {
      for (let k = 0; k < distractors; k++) {
        const cell = state[at + tint + k]!;
        if (!Number.isInteger(cell) || cell < 0 || cell >= cells || !isFree(cell, locked))
          return `ball${k} is ${cell}, wanted the number of a free square`;
      }
      return null;
    },
  };

  const wallCells = Array.from({ length: cells }, (_, cell) => cell).filter((cell) => isWall[cell] === 1);
  const wallName = (cell: number): string => `wall${cell % width}-${Math.floor(cell / width)}`;
  const middle = (cell: number): readonly [number, number] =>
    cellMiddle(cell % width, Math.floor(cell / width), width, height);
  const wallHeight = 0.13;
  const hasDoor = door !== -1;
  /** An open door stands inside the wall next to it, where nobody sees it. */
  const doorBay = hasDoor ? (isWall[door + width] === 1 ? door + width : door - width) : -1;
  const own: Readonly<Record<'wall' | 'box' | 'key', Colour>> = {
    wall: [0.55, 0.59, 0.66],
    box: [0.92, 0.48, 0.2],
    key: [0.9, 0.77, 0.2],
  };
  /** The colour of a kind of thing, moved towards the episode's tint, whose channels are dealt out in turn. */
  const tinted = (kind: keyof typeof own, turn: number, state: Float64Array, at: number): Colour => {
    const channel = (k: number): number =>
      own[kind][k]! + randomisation * (state[at + ((k + turn) % tint)]! - own[kind][k]!);
    return [channel(0), channel(1), channel(2)];
  };
  const boxBody = 1 + wallCells.length + 1 + 1;

  return gridModel(
    {
      id: 'grid-world',
      version,
      numbers: [
        ['agent', cells],
        ['phase', 3],
        ['box', cells],
      ],
      action: 'act',
      actions: ['up', 'right', 'down', 'left', 'use'],
      starts: map.agentStarts.flatMap((a) =>
        map.boxStarts.filter((b) => b !== a).map((b): Config => [a, hasDoor ? locked : opened, b]),
      ),
      outcomes(config, action): readonly Outcome[] {
        if (action === use) return [[1, used(config)]];
        return slipped(action, slip).map(
          ([chance, direction]) => [chance, walked(config, direction)] as const,
        );
      },
      isGoal: (config) => config[theBox] === target,
      stages: hasDoor
        ? [
            { id: 'key', title: 'Fetch the key' },
            { id: 'door', title: 'Open the door' },
            { id: 'box', title: 'Push the box to its place' },
            { id: 'done', title: 'The box is in its place' },
          ]
        : [
            { id: 'box', title: 'Push the box to its place' },
            { id: 'done', title: 'The box is in its place' },
          ],
      stage: (config) => (hasDoor ? config[phase]! : 0),
      success: 'The box is in its place',
      dense: [
        {
          id: 'key',
          kind: 'dense',
          weight: 0.2,
          help: 'The key has been fetched',
          value: (_from, to) => (to[phase]! >= carried ? 1 : 0),
        },
        {
          id: 'door',
          kind: 'dense',
          weight: 0.2,
          help: 'The door is open',
          value: (_from, to) => (to[phase]! >= opened ? 1 : 0),
        },
        {
          id: 'box',
          kind: 'dense',
          weight: 0.6,
          help: 'The box is close to its place',
          value: (_from, to) =>
            tolerance(distance(to[theBox]!, target), [0, 0], {
              margin: width + height,
              sigmoid: 'linear',
              valueAtMargin: 0,
            }),
        },
      ],
      observation: [
        ['agent.x', 0, 1],
        ['agent.y', 0, 1],
        ...[
          'key',
          'door',
          'box',
          'target',
          ...Array.from({ length: distractors }, (_, k) => `ball${k}`),
        ].flatMap((name) => [[`${name}.x`, -1, 1] as const, [`${name}.y`, -1, 1] as const]),
        ['hasKey', 0, 1],
        ['doorOpen', 0, 1],
        ['free.up', 0, 1],
        ['free.right', 0, 1],
        ['free.down', 0, 1],
        ['free.left', 0, 1],
      ],
      observe(config, state, extraAt, out, o) {
        const here = config[agent]!;
        const at = config[phase]!;
        out[o] = (here % width) / (width - 1);
        out[o + 1] = Math.floor(here / width) / (height - 1);
        let k = o + 2;
        const see = (cell: number): void => {
          const dx = (cell % width) - (here % width);
          const dy = Math.floor(cell / width) - Math.floor(here / width);
          out[k++] = Math.min(sight, Math.max(-sight, dx)) / width;
          out[k++] = Math.min(sight, Math.max(-sight, dy)) / height;
        };
        // A key that is carried, and what the layout lacks, is where the agent is.
        see(at === locked ? key : here);
        see(hasDoor ? door : here);
        see(config[theBox]!);
        see(target);
        for (let b = 0; b < distractors; b++) see(state[extraAt + tint + b]!);
        out[k++] = at >= carried ? 1 : 0;
        out[k++] = at >= opened ? 1 : 0;
        for (let d = 0; d < 4; d++) out[k++] = isFree(beside(here, d), at) ? 1 : 0;
      },
      goal: {
        names: ['box.x', 'box.y'],
        achieved(config, out, o) {
          out[o] = config[theBox]! % width;
          out[o + 1] = Math.floor(config[theBox]! / width);
        },
        desired(_config, out, o) {
          out[o] = target % width;
          out[o + 1] = Math.floor(target / width);
        },
      },
      /** Of a move to the side by chance the direction is told where only one way was barred. */
      touches(config, action, next): readonly Touch[] {
        const here = next[agent]!;
        const [x, y] = middle(here);
        const touch = (body: string, direction: number): readonly Touch[] => [{ body, x, y, direction }];
        const boxAt = next[theBox]!;
        if (boxAt !== config[theBox])
          return touch(
            'box',
            moves.findIndex((_, d) => beside(here, d) === boxAt),
          );
        if (action === use || here !== config[agent]) return [];
        const barred = slipped(action, slip).filter(
          ([chance, d]) => chance > 0 && walked(config, d) === config,
        );
        if (barred.length !== 1) return [];
        const direction = barred[0]![1];
        const cell = beside(here, direction);
        if (cell === boxAt) return touch('box', direction);
        return touch(cell === door ? 'door' : wallName(cell), direction);
      },
      extra,
      board: [width, height],
      still: [
        floorUnder(width, height),
        ...wallCells.map(
          (cell) =>
            [
              box(wallName(cell), 'wall', [cellSize, cellSize, wallHeight]),
              [...middle(cell), wallHeight / 2],
            ] as const,
        ),
        [
          { name: 'target', shape: { type: 'cylinder', radius: 0.11, length: 0.012 }, role: 'goal' },
          [...middle(target), 0.006],
        ],
      ],
      moving: [
        { name: 'agent', shape: { type: 'capsule', radius: 0.075, length: 0.06 }, role: 'agent' },
        box('box', 'object', [0.19, 0.19, 0.17]),
        ...(hasDoor
          ? [
              box('door', 'fixture', [0.07, cellSize - 0.01, wallHeight - 0.03]),
              box('keyShaft', 'tool', [0.1, 0.022, 0.022]),
              {
                name: 'keyBow',
                shape: { type: 'cylinder', radius: 0.036, length: 0.02 },
                role: 'tool',
              } as const,
            ]
          : []),
        ...Array.from(
          { length: distractors },
          (_, k) =>
            ({ name: `ball${k}`, shape: { type: 'sphere', radius: 0.045 }, role: 'distractor' }) as const,
        ),
      ],
      place(config, state, extraAt, put) {
        const at = config[phase]!;
        put(0, ...middle(config[agent]!), 0.105);
        put(1, ...middle(config[theBox]!), 0.085);
        let next = 2;
        if (hasDoor) {
          put(next++, ...middle(at === opened ? doorBay : door), (wallHeight - 0.03) / 2);
          // Lying there, carried on the head, or left in the lock of the open door.
          const [x, y] = middle(at === locked ? key : at === carried ? config[agent]! : doorBay);
          const z = at === locked ? 0.03 : at === carried ? 0.24 : 0.07;
          put(next++, x + 0.02, y, z);
          put(next++, x - 0.045, y, z);
        }
        for (let b = 0; b < distractors; b++) put(next++, ...middle(state[extraAt + tint + b]!), 0.045);
      },
      ...(randomisation > 0 && {
        colour(state: Float64Array, at: number, index: number): Colour | null {
          if (index >= 1 && index <= wallCells.length) return tinted('wall', 0, state, at);
          if (index === boxBody) return tinted('box', 1, state, at);
          return hasDoor && (index === boxBody + 2 || index === boxBody + 3)
            ? tinted('key', 2, state, at)
            : null;
        },
      }),
    },
    settings,
  );
}

export const gridWorld: Task = {
  id: 'grid-world',
  title: 'Key, door and box',
  summary: 'A gridworld: fetch the key, open the door, push the box to its place.',
  version,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 1_000_000,
        worlds: 32,
        stepsPerWorld: 64,
        epochs: 4,
        minibatch: 256,
        learningRate: 0.001,
        gamma: 0.98,
        entropyCoef: 0.01,
        targetKl: 0,
      },
    },
  },
  create,
};
