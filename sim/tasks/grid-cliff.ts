/**
 * The cliff of Sutton & Barto (2018, example 6.6): from one corner to the other along the edge of a cliff, -1 a step and
 * -100 for a fall, which ends at the start. `slip` makes moves go astray, so that the edge is dangerous even for experts.
 */

import type { Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import {
  box,
  type Config,
  cellMiddle,
  cellSize,
  floorUnder,
  gridFields,
  gridModel,
  moves,
  slipped,
} from './grid.ts';

const fields = {
  ...gridFields(100),
  width: {
    type: 'integer',
    default: 12,
    min: 4,
    max: 20,
    unit: 'cells',
    help: 'Cells along the cliff, start and goal included',
  },
  height: {
    type: 'integer',
    default: 4,
    min: 2,
    max: 8,
    unit: 'cells',
    help: 'Cells across, the row of the cliff included',
  },
  slip: {
    type: 'number',
    default: 0,
    min: 0,
    max: 0.9,
    help: 'Chance that a move goes to the left or the right of its direction, half of it each',
  },
  encoding: {
    type: 'choice',
    default: 'coordinates',
    options: ['coordinates', 'one-hot'],
    help: 'What is observed: where the cell lies, or one number a state of which one is 1',
  },
} as const satisfies Fields;

const version = 1;
const fall = -100;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { width, height, slip } = settings;

  const isGoal = ([x, y]: Config): boolean => x === width - 1 && y === 0;
  /** x, y, and whether this step was a fall: two rewards of one pair of cells must not look alike. */
  const moved = ([x, y]: Config, direction: number): Config => {
    const [dx, dy] = moves[direction]!;
    const toX = Math.min(width - 1, Math.max(0, x! + dx));
    const toY = Math.min(height - 1, Math.max(0, y! + dy));
    return toY === 0 && toX > 0 && toX < width - 1 ? [0, 0, 1] : [toX, toY, 0];
  };
  const middle = (x: number, y: number): readonly [number, number] => cellMiddle(x, y, width, height);

  const tile = cellSize - 0.012;
  const thick = 0.06;
  const cells = Array.from({ length: width * height }, (_, i) => [i % width, Math.floor(i / width)] as const);
  const isCliff = (x: number, y: number): boolean => y === 0 && x > 0 && x < width - 1;

  return gridModel(
    {
      id: 'grid-cliff',
      version,
      numbers: [
        ['x', width],
        ['y', height],
        ['fell', 2],
      ],
      action: 'move',
      actions: ['up', 'right', 'down', 'left'],
      starts: [[0, 0, 0]],
      outcomes: (config, action) =>
        slipped(action, slip).map(([chance, direction]) => [chance, moved(config, direction)] as const),
      isGoal,
      cost: (_config, _action, next) => (next[2] === 1 ? -fall : 1),
      stages: [
        { id: 'along', title: 'Walk along the cliff' },
        { id: 'down', title: 'Go down to the goal' },
        { id: 'done', title: 'At the goal' },
      ],
      stage: ([x]) => (x! < width - 1 ? 0 : 1),
      success: 'The walker is at the goal',
      dense: [
        {
          id: 'reward',
          kind: 'dense',
          weight: 1,
          help: "Sutton & Barto's reward: -1 a step, -100 for a fall, 0 once the goal has been reached",
          range: [fall, 0],
          value: (from, to) => (isGoal(from) ? 0 : to[2] === 1 ? fall : -1),
        },
      ],
      observation: [
        ['x', 0, 1],
        ['y', 0, 1],
        ['fell', 0, 1],
      ],
      observe([x, y, fell], _state, _extraAt, out, o) {
        out[o] = x! / (width - 1);
        out[o + 1] = y! / (height - 1);
        out[o + 2] = fell!;
      },
      oneHot: settings.encoding === 'one-hot',
      goal: {
        names: ['x', 'y'],
        achieved([x, y], out, o) {
          out[o] = x!;
          out[o + 1] = y!;
        },
        desired(_config, out, o) {
          out[o] = width - 1;
          out[o + 1] = 0;
        },
      },
      board: [width, height],
      still: [
        floorUnder(width, height),
        ...cells.map(([x, y]) => {
          const name = `cell${x}-${y}`;
          const at = middle(x, y);
          if (isCliff(x, y)) {
            return [box(name, 'table', [tile, tile, 0.006], [0.72, 0.2, 0.13]), [...at, 0.003]] as const;
          }
          const colour =
            x === 0 && y === 0
              ? ([0.62, 0.74, 0.9] as const)
              : isGoal([x, y])
                ? ([0.2, 0.72, 0.52] as const)
                : undefined;
          return [box(name, 'table', [tile, tile, thick], colour), [...at, thick / 2]] as const;
        }),
        [
          { name: 'goal', shape: { type: 'cylinder', radius: 0.1, length: 0.3 }, role: 'goal' },
          [...middle(width - 1, 0), thick + 0.15],
        ],
      ],
      moving: [{ name: 'walker', shape: { type: 'capsule', radius: 0.065, length: 0.07 }, role: 'agent' }],
      place([x, y], _state, _extraAt, put) {
        put(0, ...middle(x!, y!), thick + 0.1);
      },
    },
    settings,
  );
}

export const gridCliff: Task = {
  id: 'grid-cliff',
  title: 'Cliff',
  summary:
    'Walk along a cliff from corner to corner: the short way is at its edge, the safe one farther off.',
  version,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 200_000,
        worlds: 32,
        stepsPerWorld: 32,
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
