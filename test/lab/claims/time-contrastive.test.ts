import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { claimEpisodes } from '../../../lab/claims/material.ts';
import {
  measured,
  pooledRank,
  timeContrastiveClaims,
  valueOrder,
} from '../../../lab/claims/time-contrastive.ts';
import type { ClaimSetup } from '../../../lab/claims/types.ts';
import { type Footage, play } from '../../../lab/footage.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const model = tasks.reach.create(defaultsOf(tasks.reach.fields));
let compute: Kernel;
let setup: ClaimSetup;
before(async () => {
  compute = await openKernel({ threads: 1 });
  const { signal } = new AbortController();
  setup = { model, taskId: 'reach', seed: 1000, compute, signal, onProgress: () => undefined };
});
after(() => compute.dispose());

test('successes succeeded, failures failed, and no held-out episode was learned from', () => {
  const { training, successes, failures } = claimEpisodes(setup, {
    demonstrations: 4,
    wandering: 3,
    heldOut: 3,
  });
  assert.ok(successes.length >= 2 && successes.every(({ outcome }) => outcome === 'success'));
  assert.ok(failures.length >= 2 && failures.every(({ outcome }) => outcome !== 'success'));
  const seeds = new Set(training.map(({ seed }) => seed));
  assert.ok([...successes, ...failures].every(({ seed }) => !seeds.has(seed)));
  // Who loses the way had made some of it.
  const lost = failures.filter(({ id }) => id.startsWith('dropout'));
  assert.ok(lost.some(({ truth }) => Math.max(...truth.progress) > 0.3));
  assert.throws(
    () => claimEpisodes(setup, { demonstrations: 1, wandering: 1, heldOut: 3 }),
    /reach: found 1 demonstrations, .* wanted at least 2 of each/,
  );
});

test('the measures of two episodes are those by hand', () => {
  const [episode] = play({ model, player: { kind: 'expert' }, seeds: [1] });
  const of = (progress: readonly number[]): Footage => ({
    ...episode!,
    length: progress.length - 1,
    truth: { ...episode!.truth, progress: Float64Array.from(progress) },
  });
  const both = [of([0, 0.5, 1]), of([0.2, 0.1, 0.3])];
  const truth = (one: Footage) => Float32Array.from(one.truth.progress);
  assert.ok(Math.abs(pooledRank(truth, both) - 1) < 1e-9);
  // Ranks of time in (0, 1, 2) and (1, 0, 2): 1 and 1/2.
  assert.ok(Math.abs(valueOrder(truth, both) - 0.75) < 1e-9);
  // The clock: ranks 1.5 3.5 5.5 twice against 1 5 6 3 2 4; covariance 12 of sqrt(16 x 17.5).
  const clock = (one: Footage) => truth(one).map((_, t) => t);
  assert.ok(Math.abs(pooledRank(clock, both) - 12 / Math.sqrt(16 * 17.5)) < 1e-9);
});

test('one small repetition gives every arm a number, and the clock is perfect on successes alone', async () => {
  const small = { demonstrations: 4, wandering: 2, heldOut: 2 };
  const values = await measured(setup, small, (score, { successes }) => valueOrder(score, successes));
  assert.deepEqual(Object.keys(values), Object.keys(timeContrastiveClaims[0]!.arms));
  assert.ok(Object.values(values).every(Number.isFinite));
  assert.ok(values['time-ramp'] > 0.99);
  assert.equal(values.constant, 0);
});
