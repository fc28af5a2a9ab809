/**
 * A walk along a chain of cells with a gap before the goal. A jump over the gap (risky) may fail and end at the start; a
 * detour round it (cautious) is longer and sure. Without the detour this is the smallest world in which paying the
 * potential itself, and not its difference, makes an agent hover before the gap instead of trying.
 */

import type { Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { box, type Config, cellMiddle, cellSize, floorUnder, gridFields, gridModel } from './grid.ts';

const fields = {
  ...gridFields(60),
  length: {
    type: 'integer',
    default: 16,
    min: 2,
    max: 40,
    unit: 'cells',
    help: 'Cells from the start to the edge of the gap, both included',
  },
  slip: {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 0.95,
    help: 'Chance that a jump over the gap fails and ends at the start of the chain',
  },
  detour: {
    type: 'integer',
    default: 2,
    min: 0,
    max: 4,
    unit: 'cells',
    help: 'How far the way round the gap leads aside; it takes twice this and two steps. 0: there is no way round',
  },
  encoding: {
    type: 'choice',
    default: 'coordinates',
    options: ['coordinates', 'one-hot'],
    help: 'What is observed: where the cell lies, or one number a cell of which one is 1',
  },
} as const satisfies Fields;

const version = 1;
const forward = 1;
const back = 2;
const aside = 3;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { length, slip, detour } = settings;
  const edge = length - 1;
  const goal = length;
  // Cells of the detour follow the goal's number: aside, past the gap, and back.
  const around = detour === 0 ? 0 : 2 * detour + 1;
  const cells = length + 1 + around;
  const width = length + 2;
  const height = detour + 1;

  const at = (cell: number): readonly [x: number, y: number] => {
    if (cell < length) return [cell, 0];
    if (cell === goal) return [length + 1, 0];
    const i = cell - goal;
    if (i <= detour) return [edge, i];
    return i === detour + 1 ? [length, detour] : [length + 1, around + 1 - i];
  };
  const middle = (cell: number): readonly [number, number] => cellMiddle(...at(cell), width, height);
  /** What the walker believes it has done: cells of the chain, the way round counting as one. */
  const nearness = (cell: number): number =>
    (cell <= goal ? cell : edge + (cell - goal) / (around + 1)) / length;

  const following = (cell: number, action: number): number => {
    if (cell > goal) {
      if (action === forward) return cell === goal + around ? goal : cell + 1;
      if (action === back) return cell === goal + 1 ? edge : cell - 1;
      return cell;
    }
    if (action === forward) return cell + 1;
    if (action === back) return Math.max(0, cell - 1);
    return action === aside && cell === edge && around > 0 ? goal + 1 : cell;
  };

  const tile = cellSize - 0.02;
  const thick = 0.03;
  const walk = Array.from({ length: cells }, (_, cell) => cell).filter((cell) => cell !== goal);
  const [gapX, gapY] = cellMiddle(length, 0, width, height);

  return gridModel(
    {
      id: 'grid-chain',
      version,
      numbers: [['cell', cells]],
      action: 'move',
      actions: ['stay', 'forward', 'back', 'aside'],
      starts: [[0]],
      outcomes([cell], action) {
        if (cell === edge && action === forward) {
          return [
            [1 - slip, [goal]],
            [slip, [0]],
          ];
        }
        return [[1, [following(cell!, action)]]];
      },
      isGoal: ([cell]) => cell === goal,
      stages: [
        { id: 'walk', title: 'Walk to the edge of the gap' },
        { id: 'cross', title: 'Get to the other side' },
        { id: 'done', title: 'At the goal' },
      ],
      stage: ([cell]) => (cell! < edge ? 0 : 1),
      success: 'The walker is at the goal',
      dense: [
        {
          id: 'near',
          kind: 'dense',
          weight: 1,
          help: 'How far along the chain the walker is: the potential itself, paid every step',
          value: (_from: Config, [cell]: Config) => nearness(cell!),
        },
      ],
      observation: [
        ['along', 0, 1],
        ['aside', 0, 1],
      ],
      observe([cell], _state, _extraAt, out, o) {
        const [x, y] = at(cell!);
        out[o] = x / (width - 1);
        out[o + 1] = detour === 0 ? 0 : y / detour;
      },
      oneHot: settings.encoding === 'one-hot',
      goal: {
        names: ['cell'],
        achieved([cell], out, o) {
          out[o] = cell!;
        },
        desired(_config, out, o) {
          out[o] = goal;
        },
      },
      board: [width, height],
      still: [
        floorUnder(width, height),
        ...walk.map((cell) => {
          const colour =
            cell === 0
              ? ([0.62, 0.74, 0.9] as const)
              : cell === edge
                ? ([0.93, 0.7, 0.3] as const)
                : undefined;
          return [
            box(cell < length ? `cell${cell}` : `detour${cell - goal}`, 'table', [tile, tile, thick], colour),
            [...middle(cell), thick / 2],
          ] as const;
        }),
        [box('gap', 'table', [tile, tile, 0.004], [0.16, 0.1, 0.12]), [gapX, gapY, 0.002]],
        [box('goalCell', 'table', [tile, tile, thick], [0.2, 0.72, 0.52]), [...middle(goal), thick / 2]],
        [
          { name: 'goal', shape: { type: 'cylinder', radius: 0.1, length: 0.3 }, role: 'goal' },
          [...middle(goal), thick + 0.15],
        ],
      ],
      moving: [{ name: 'walker', shape: { type: 'capsule', radius: 0.065, length: 0.07 }, role: 'agent' }],
      place([cell], _state, _extraAt, put) {
        put(0, ...middle(cell!), thick + 0.1);
      },
    },
    settings,
  );
}

export const gridChain: Task = {
  id: 'grid-chain',
  title: 'Chain with a gap',
  summary:
    'Walk along a chain of cells; jump the gap before the goal at a risk, or take the longer way round.',
  version,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 100_000,
        worlds: 32,
        stepsPerWorld: 32,
        epochs: 4,
        minibatch: 256,
        learningRate: 0.001,
        gamma: 0.97,
        entropyCoef: 0.01,
        targetKl: 0,
      },
    },
  },
  create,
};
