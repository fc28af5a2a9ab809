import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mixedDemonstration, raBc, raBcClaims } from '../../../lab/claims/ra-bc.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const push = tasks.push.create(defaultsOf(tasks.push.fields));

test('three in ten steps of the mixed demonstrations are bad, and nearly all end well a little before the last frame', () => {
  const seeds = Array.from({ length: 20 }, (_, i) => 5000 + i);
  const mixed = seeds.map((seed) => mixedDemonstration(push, seed));
  const steps = mixed.flatMap(({ bad }) => [...bad]);
  const share = steps.reduce((sum, bad) => sum + bad, 0) / steps.length;
  assert.ok(share > 0.22 && share < 0.4, `${share}`);
  const ended = mixed.filter(({ footage }) => footage.outcome === 'success');
  assert.ok(ended.length >= 17, `${ended.length}`);
  for (const { footage, bad } of ended) {
    assert.equal(bad.length, footage.length);
    assert.deepEqual([...footage.truth.success.subarray(-5)], [1, 1, 1, 1, 1]);
  }
  assert.deepEqual(mixedDemonstration(push, 5000), mixed[0], 'same seed, same demonstration');
});

test('a tiny repetition gives a share for each arm, and too few good ends give none', async () => {
  const compute = await openKernel({ threads: 1 });
  const setup = {
    model: push,
    taskId: 'push',
    seed: 1000,
    compute,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
  const sizes = { annotated: 4, failures: 2, updates: 20, steps: 2000, episodes: 4 };
  const values = await raBc(setup, { ...sizes, demonstrations: 12 });
  assert.deepEqual(Object.keys(values), Object.keys(raBcClaims[0]!.arms));
  for (const value of Object.values(values)) assert.ok(value >= 0 && value <= 1);
  const none = await raBc(setup, { ...sizes, demonstrations: 2 });
  assert.ok(Object.values(none).every(Number.isNaN));
  compute.dispose();
});

test('tasks without opposites or stages are refused in words', () => {
  const grid = tasks['grid-world'].create(defaultsOf(tasks['grid-world'].fields));
  assert.match(raBcClaims[0]!.unsuitable!(grid)!, /no opposite/);
  assert.equal(raBcClaims[0]!.unsuitable!(push), undefined);
});
