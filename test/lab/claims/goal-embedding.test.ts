import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { goalEmbeddingClaims, projections, widened } from '../../../lab/claims/goal-embedding.ts';
import type { ClaimSetup } from '../../../lab/claims/types.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

// Few pictures: short episodes, two or three of each kind.
const model = tasks.reach.create({ ...defaultsOf(tasks.reach.fields), horizon: 30 });
const counts = { demonstrations: 3, wandering: 2, heldOut: 3 };
let kernel: Kernel;
let setup: ClaimSetup;
before(async () => {
  kernel = await openKernel({ threads: 1 });
  setup = {
    model,
    taskId: 'reach',
    seed: 2000,
    compute: kernel,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
});
after(() => kernel.dispose());

test('the projection claim gives a correlation for every alpha, and for raw pixels and states', async () => {
  const found = await projections(setup, counts, { updates: 5 });
  assert.deepEqual(new Set(Object.keys(found)), new Set(Object.keys(goalEmbeddingClaims[0]!.arms)));
  assert.ok(Object.values(found).every((value) => value >= -1 && value <= 1));
  // One encoder, another reward.
  assert.notEqual(found['alpha-0'], found['alpha-100']);
});

test('the width claim fits an encoder of every width', async () => {
  const parts: string[] = [];
  const found = await widened({ ...setup, onProgress: (part) => parts.push(part) }, counts, { updates: 5 });
  assert.deepEqual(Object.keys(found), Object.keys(goalEmbeddingClaims[1]!.arms));
  assert.ok(Object.values(found).every((value) => value >= -1 && value <= 1));
  assert.deepEqual(parts, ['pictures', ...Object.keys(found)]);
});
