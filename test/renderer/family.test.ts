import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Run } from '../../lab/api.ts';
import { familyOf, grouped } from '../../renderer/state/family.ts';

// A training run 2 with its baseline 1, demonstrations 3 and fitted model of run 4, as the lab writes it.
const edges = [
  { from: 'run:2', to: 'checkpoint:9', role: 'trained' },
  { from: 'checkpoint:9', to: 'episodes:2', role: 'evaluated' },
  { from: 'episodes:3', to: 'model:7', role: 'demonstrations' },
  { from: 'episodes:3', to: 'run:2', role: 'demonstrations' },
  { from: 'run:4', to: 'model:7', role: 'fitted' },
  { from: 'model:7', to: 'run:2', role: 'reward/1' },
  { from: 'run:2', to: 'run:1', role: 'baseline' },
];

test('demonstrations, reward model and baseline belong to the training run they were made for', () => {
  const { parents, baselines } = familyOf(edges);
  assert.deepEqual(
    [...parents].sort(([a], [b]) => a - b),
    [
      [1, 2],
      [3, 2],
      [4, 2],
    ],
  );
  assert.deepEqual([...baselines], [[2, 1]]);
});

test('a model that a later run uses again stays where it was made', () => {
  const { parents } = familyOf([
    ...edges,
    { from: 'model:7', to: 'run:5', role: 'reward/1' },
    { from: 'episodes:3', to: 'run:5', role: 'demonstrations' },
  ]);
  assert.equal(parents.get(4), 2);
  assert.equal(parents.get(3), 2);
  assert.equal(parents.has(5), false);
});

test('a model that is still being fitted is known by its name', () => {
  const runs = [
    { id: 1, kind: 'train', name: 'push' },
    { id: 2, kind: 'train', name: 'push' },
    { id: 3, kind: 'fit', name: 'push: sarm' },
    { id: 4, kind: 'train', name: 'push' },
    { id: 5, kind: 'fit', name: 'by hand' },
  ] as Run[];
  assert.deepEqual([...familyOf([], runs).parents], [[3, 2]]);
});

test('parts are listed under their run, and a part whose run is not there stands alone', () => {
  const runs = [6, 4, 3, 2, 1].map((id) => ({ id }) as Run);
  const groups = grouped(
    runs,
    new Map([
      [1, 2],
      [3, 2],
      [4, 2],
      [6, 99],
    ]),
  );
  assert.deepEqual(
    groups.map(({ run, parts }) => [run.id, ...parts.map(({ id }) => id)]),
    [[6], [2, 1, 3, 4]],
  );
});
