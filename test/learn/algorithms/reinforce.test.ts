import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { reinforce } from '../../../learn/algorithms/reinforce.ts';
import type { LearnerSetup, VectorEnv } from '../../../learn/algorithms/types.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { continuesExactly, train } from './checks.ts';
import { PointEnv } from './point-env.ts';
import { modelOf, setupFor, taskEnv } from './task-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const small = { worlds: 16, hiddenSize: 16, hiddenLayers: 1, learningRate: 0.02, steps: 12_000 };
const setupOf = (env: VectorEnv, seed = 1): LearnerSetup => ({
  observationDim: env.observationDim,
  actionDim: env.actionDim,
  count: env.count,
  compute,
  seed,
});

for (const baseline of ['timestep', 'running']) {
  test(`REINFORCE with the ${baseline} baseline brings points to the origin`, async () => {
    const settings = { ...small, baseline };
    const env = new PointEnv(16, 3);
    const learner = reinforce.create(settings, setupOf(env));
    const { first, last } = await train(learner, env, settings.steps);
    // Straight home costs about 1.9 an episode, a point that stays 10.
    assert.ok(first['rollout/return']! < -8, `${first['rollout/return']}`);
    assert.ok(last['rollout/return']! > -4.5, `${last['rollout/return']}`);
    learner.dispose();
  });
}

test('REINFORCE balances a pole with two options', async () => {
  const model = modelOf('cartpole');
  const settings = { ...small, worlds: 8, steps: 20_000, normalizeObservations: false };
  const env = taskEnv(model, 8, 1);
  const learner = reinforce.create(settings, setupFor(model, 8, 2, compute));
  const { first, last } = await train(learner, env, settings.steps);
  assert.ok(first['rollout/length']! < 40);
  assert.ok(last['rollout/length']! > 80, `${last['rollout/length']}`);
  learner.dispose();
});

test('a resumed REINFORCE continues to the bit, its running baseline too', async () => {
  const env = new PointEnv(16, 3);
  env.divergeAt = 7;
  const settings = { ...small, baseline: 'running', baselineDecay: 0.5 };
  await continuesExactly(reinforce, settings, setupOf(env), env, (e) => e.copy());
});

test('a checkpoint of another network is refused by what differs', async () => {
  const env = new PointEnv(16, 3);
  const bytes = await reinforce.create(small, setupOf(env)).save();
  assert.throws(
    () => reinforce.resume(bytes, { ...small, hiddenSize: 8 }, setupOf(env)),
    /REINFORCE checkpoint: hidden is \[16\], wanted \[8\]/,
  );
  assert.throws(() => reinforce.create(small, setupOf(new PointEnv(4, 1))), /worlds is 16, .* has 4/);
});
