import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  boundaryF1,
  perceptualClaims,
  progressFollowed,
  stepsFound,
} from '../../../lab/claims/perceptual.ts';
import type { ClaimSetup } from '../../../lab/claims/types.ts';
import { play } from '../../../lab/footage.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const model = tasks.drawer.create(defaultsOf(tasks.drawer.fields));
const setup: ClaimSetup = {
  model,
  taskId: 'drawer',
  seed: 2000,
  // It trains no network.
  compute: null as never,
  signal: new AbortController().signal,
  onProgress: () => undefined,
};

test('a boundary is found once, by the nearest one within the tolerance', () => {
  // 10 by 12 (2 away), 20 by 19 (1 away), 40 by none: 2 hits, 2 * 2 / (3 + 3).
  assert.equal(boundaryF1([12, 19, 30], [10, 20, 40], 4), 4 / 6);
  // Two found beside one true boundary: one hit, 2 * 1 / (2 + 1).
  assert.equal(boundaryF1([9, 11], [10], 4), 2 / 3);
  // 12 is nearer to 13 than to 10, which 8 then finds: 2 * 2 / (2 + 2).
  assert.equal(boundaryF1([8, 12], [10, 13], 4), 1);
  assert.equal(boundaryF1([5], [10], 4), 0);
  assert.equal(boundaryF1([], [10], 4), 0);
});

test('the steps claim compares found, even and random boundaries on the same demonstrations', () => {
  const demonstrations = play({ model, player: { kind: 'expert', noise: 0.2 }, seeds: [2001, 2002] });
  const found = stepsFound(setup, demonstrations);
  assert.deepEqual(Object.keys(found), Object.keys(perceptualClaims[0]!.arms));
  assert.ok(Object.values(found).every((value) => value >= 0 && value <= 1));
  assert.ok(found.discovered > found.random, `${found.discovered} against ${found.random}`);
  assert.deepEqual(stepsFound(setup, demonstrations), found);
});

test('the progress claim judges both arms on the same held-out episodes', async () => {
  const found = await progressFollowed(setup, 3);
  assert.deepEqual(Object.keys(found), Object.keys(perceptualClaims[1]!.arms));
  for (const value of Object.values(found)) assert.ok(value > 0.5 && value <= 1, `${value}`);
});

test('a task of one stage is not for it', () => {
  const one = { ...model, stages: model.stages.slice(0, 1) };
  for (const claim of perceptualClaims) {
    assert.match(claim.unsuitable!(one)!, /one stage/);
    assert.equal(claim.unsuitable!(model), undefined);
  }
});
