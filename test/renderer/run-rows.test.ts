import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run, RunDetail } from '../../lab/api.ts';
import { configDifference } from '../../renderer/state/config-difference.ts';
import {
  cellOf,
  columnOf,
  median,
  metricsOf,
  rowsOf,
  runsOfSide,
  sidesOf,
  sideTitle,
} from '../../renderer/state/run-rows.ts';

const run = (id: number, changes: Partial<Run> = {}): Run => ({
  id,
  kind: 'train',
  name: `run ${id}`,
  task: 'reach',
  algorithm: 'ppo',
  seed: id,
  status: 'done',
  phase: '',
  done: 1,
  total: 1000,
  unit: 'steps',
  stepsPerSecond: null,
  etaSeconds: null,
  createdAt: id,
  endedAt: null,
  device: null,
  deviceReason: null,
  rewardHash: null,
  episodes: 0,
  evaluation: null,
  error: null,
  alerts: [],
  tags: [],
  note: '',
  ...changes,
});
const seeds = [1, 2, 3].map((id) => run(id, { group: { id: 'g1', name: 'fast' } }));
const detail = (id: number, last: number): [number, RunDetail] => [
  id,
  { id, config: { gamma: id }, metrics: { 'rollout/return': { last, lowest: 0, highest: last } } },
];
const details = new Map([detail(1, 5), detail(2, 7), detail(3, 1), detail(4, 6)]);
const options = {
  isGrouped: true,
  open: new Set<string>(),
  sorting: { column: 'created', descending: true },
};

test('seeds of a group are one row until it is opened; single runs stand for themselves', () => {
  const all = [...seeds, run(4)];
  assert.deepEqual(
    rowsOf(all, details, options).map(({ key, runs }) => [key, runs.length]),
    [
      ['4', 1],
      ['g1', 3],
    ],
  );
  const opened = rowsOf(all, details, { ...options, open: new Set(['g1']) });
  assert.deepEqual(
    opened.map(({ key, level }) => `${level} ${key}`),
    ['0 4', '0 g1', '1 3', '1 2', '1 1'],
  );
  assert.equal(rowsOf(all, details, { ...options, isGrouped: false }).length, 4);
});

test('rows are sorted by any column, groups by their median, what has no value last', () => {
  const all = [...seeds, run(4), run(5)];
  const by = (column: string, descending: boolean) =>
    rowsOf(all, details, { ...options, sorting: { column, descending } }).map(({ key }) => key);
  // The median of 5, 7 and 1 is 5, below run 4; run 5 has none.
  assert.deepEqual(by('last:rollout/return', true), ['4', 'g1', '5']);
  assert.deepEqual(by('last:rollout/return', false), ['g1', '4', '5']);
  assert.deepEqual(by('name', false), ['g1', '4', '5']);
});

test('a cell of several runs is their median with its range, one value where all agree, else how many there are', () => {
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
  assert.deepEqual(cellOf([0.5, 0.25, 1], 'success'), { text: '50 %', range: '25 % to 100 %', value: 0.5 });
  assert.deepEqual(cellOf(['ppo', 'ppo'], 'algorithm'), { text: 'ppo', range: '', value: 'ppo' });
  assert.deepEqual(cellOf([0.1, 0.2], 'config:gamma'), { text: '2 values', range: '0.1, 0.2', value: 2 });
  assert.deepEqual(cellOf([2, 0, 1], 'seed'), { text: '0, 1, 2', range: '', value: 0 });
  assert.equal(cellOf(['done', 'failed', 'done'], 'status').text, '2 done, 1 failed');
  assert.deepEqual(cellOf([null, ''], 'note'), { text: '–', range: '', value: null });
});

test('columns are called by what they show, and name the metrics that are needed', () => {
  assert.equal(columnOf('config:algorithmSettings.gamma').title, 'gamma');
  assert.equal(columnOf('highest:rollout/return').title, 'rollout/return, highest');
  assert.deepEqual(metricsOf(['config:a:b', 'last:rollout/return', 'lowest:rollout/return']), [
    'rollout/return',
  ]);
});

test('a side is a run or a group; groups come first', () => {
  const all = [...seeds, run(4), run(5, { kind: 'fit' })];
  assert.deepEqual(sidesOf(all), ['g1', '4']);
  assert.deepEqual(
    runsOfSide(all, 'g1').map(({ id }) => id),
    [1, 2, 3],
  );
  assert.deepEqual(
    [sideTitle(all, 'g1'), sideTitle(all, '4'), sideTitle(all, '9')],
    ['fast (g1, 3 seeds)', 'run 4 #4', '9'],
  );
});

test('a configuration difference names only what differs, in sections, against the first side', () => {
  const sections = configDifference([
    [{ task: 'push', 'a.b.rate': 0.1, 'a.b.sizes': '[1]', 'a.gamma': 0.9, 'a.same': 1 }],
    [
      { task: 'reach', 'a.b.rate': 0.2, 'a.b.sizes': '[1]', 'a.gamma': 0.9, 'a.same': 1 },
      { task: 'reach', 'a.b.rate': 0.3, 'a.b.sizes': '[1]', 'a.gamma': 0.9, 'a.same': 1, 'a.extra': null },
    ],
    [{ task: 'push', 'a.b.rate': 0.1, 'a.b.sizes': '[1]', 'a.gamma': 0.99, 'a.same': 1 }],
  ]);
  assert.deepEqual(sections, [
    {
      title: '',
      lines: [
        { path: 'task', name: 'task', values: ['push', 'reach', 'push'], isOther: [false, true, false] },
      ],
    },
    {
      title: 'a',
      lines: [
        {
          path: 'a.extra',
          name: 'extra',
          values: ['not set', 'none, not set', 'not set'],
          isOther: [false, true, false],
        },
        { path: 'a.gamma', name: 'gamma', values: ['0.9', '0.9', '0.99'], isOther: [false, false, true] },
      ],
    },
    {
      title: 'a.b',
      lines: [
        { path: 'a.b.rate', name: 'rate', values: ['0.1', '0.2, 0.3', '0.1'], isOther: [false, true, false] },
      ],
    },
  ]);
  assert.deepEqual(configDifference([[{ a: 1 }], [{ a: 1 }]]), []);
});
