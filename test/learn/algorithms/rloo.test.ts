import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { leaveOneOut, rloo } from '../../../learn/algorithms/rloo.ts';
import type { LearnerSetup, VectorEnv } from '../../../learn/algorithms/types.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { continuesExactly, episodesOf, train } from './checks.ts';
import { PointEnv } from './point-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const small = {
  worlds: 16,
  groupSize: 4,
  hiddenSize: 16,
  hiddenLayers: 1,
  learningRate: 0.02,
  steps: 12_000,
};
const setupOf = (env: VectorEnv, seed = 1): LearnerSetup => ({
  observationDim: env.observationDim,
  actionDim: env.actionDim,
  count: env.count,
  compute,
  seed,
});

test('the baseline of an episode is the mean return of the others of its group', () => {
  const e = episodesOf([[1, 2], [5, 0], [0, 3, 6], [1], [1], [7]], 3);
  const out = new Float64Array(e.rows);
  leaveOneOut(e, 1, 'episode', out);
  // Returns 3, 5, 9 and 1, 1, 7; rows: time 0 of six worlds, time 1 of three, time 2 of one.
  const a = [3 - 7, 5 - 6, 9 - 4, 1 - 4, 1 - 4, 7 - 1];
  assert.deepEqual([...out], [...a, a[0], a[1], a[2], a[2]]);
});

test('step by step it is the mean of what the others that still run have before them; the last one keeps the last mean', () => {
  const e = episodesOf(
    [
      [1, 2],
      [5, 0],
      [0, 3, 6],
    ],
    3,
  );
  const out = new Float64Array(e.rows);
  leaveOneOut(e, 1, 'step', out);
  // Returns-to-go at time 1: 2, 0, 9; at time 2: 6, against the mean of 2 and 0.
  assert.deepEqual([...out], [3 - 7, 5 - 6, 9 - 4, 2 - 4.5, 0 - 5.5, 9 - 1, 6 - 1]);
});

test('an episode that broke off is nobody’s baseline, and who has no other to compare with learns nothing', () => {
  for (const credit of ['step', 'episode'] as const) {
    const e = episodesOf([[9], [4], [2], [9], [9], [5]], 3);
    e.broken.set([1, 0, 0, 1, 1, 0]);
    const out = new Float64Array(6);
    leaveOneOut(e, 1, credit, out);
    assert.deepEqual([...out], [0, 2, -2, 0, 0, 0]);
  }
});

for (const credit of ['step', 'episode']) {
  test(`RLOO with credit by ${credit} brings points to the origin`, async () => {
    const settings = { ...small, credit };
    const env = new PointEnv(16, 3);
    const learner = rloo.create(settings, setupOf(env));
    const { first, last } = await train(learner, env, settings.steps);
    assert.ok(first['rollout/return']! < -8, `${first['rollout/return']}`);
    assert.ok(last['rollout/return']! > -5, `${last['rollout/return']}`);
    learner.dispose();
  });
}

test('a resumed RLOO continues to the bit', async () => {
  const env = new PointEnv(16, 3);
  env.divergeAt = 7;
  await continuesExactly(rloo, small, setupOf(env), env, (e) => e.copy());
});

test('groups that do not fill the worlds are refused', () => {
  assert.throws(() => rloo.check({ worlds: 10, groupSize: 4 }), /groupSize is 4, .* worlds = 10/);
});
