import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LineageEdge } from '../../store/index.ts';
import { project } from './support.ts';

const edge = (from: string, to: string, role = 'made'): LineageEdge => ({ from, to, role });

test('around a node are all its ancestors and descendants, each edge once, and no siblings', (t) => {
  const { lineage } = project(t);
  // One collection, two models, a policy each; the first is evaluated.
  const family = [
    edge('episodes:1', 'model:1', 'demonstrations'),
    edge('model:1', 'run:3', 'reward'),
    edge('run:1', 'episodes:1'),
    edge('run:1', 'run:3', 'expert'),
    edge('run:3', 'episodes:3'),
  ];
  const siblings = [edge('episodes:1', 'model:2', 'demonstrations'), edge('model:2', 'run:4', 'reward')];
  for (const link of [...family, ...siblings, ...family]) lineage.link(link);
  assert.deepEqual(lineage.around('model:1'), family);
  assert.deepEqual(lineage.around('episodes:3'), family);
  assert.deepEqual(lineage.around('run:1').length, 7);
  assert.deepEqual(lineage.around('run:9'), []);
});

test('circles end, and two roles between the same nodes are two edges', (t) => {
  const { lineage } = project(t);
  const links = [
    edge('run:1', 'run:2', 'a'),
    edge('run:1', 'run:2', 'b'),
    edge('run:2', 'run:1'),
    edge('run:2', 'run:2'),
  ];
  for (const link of links) lineage.link(link);
  assert.deepEqual(lineage.around('run:1'), links);
});

test('a node of an unknown shape is refused', (t) => {
  const { lineage } = project(t);
  for (const node of ['run', 'run:', 'run:0', 'run:x', 'policy:1', 'run:1 '])
    assert.throws(() => lineage.link(edge('run:1', node)), /Lineage node .*: wanted run:1/);
  assert.throws(() => lineage.around('x'), /Lineage node x/);
});
