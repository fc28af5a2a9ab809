import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { doubleTargets, dqn, valueErrors } from '../../../learn/algorithms/dqn.ts';
import type { LearnerSetup, VectorEnv } from '../../../learn/algorithms/types.ts';
import { readBlock, writeBlock } from '../../../learn/parts/block.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { ChoiceEnv } from './choice-env.ts';
import { PointEnv } from './point-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const small = {
  worlds: 8,
  hiddenSize: 16,
  batch: 32,
  bufferSize: 1000,
  learningStarts: 256,
  updatesPerStep: 0.125,
  epsilonSteps: 4000,
  learningRate: 5e-3,
  // A choice has no consequences beyond its own step.
  gamma: 0.5,
  steps: 8000,
};
const setupOf = (env: VectorEnv, seed = 1): LearnerSetup => ({
  observationDim: env.observationDim,
  actionDim: env.actionDim,
  choices: env.choices ?? [],
  count: env.count,
  compute,
  seed,
});

test('targets: the network chooses, the target network says what the choice is worth, nothing after an end', () => {
  const out = new Float64Array(2);
  doubleTargets(
    Float32Array.of(1, 3, 2, /**/ 5, 4, 0),
    Float32Array.of(9, 2, 7, /**/ 1, 8, 8),
    3,
    0.5,
    { rows: 2, rewards: Float32Array.of(1, -1), bootstraps: Float32Array.of(1, 0) },
    out,
  );
  // 1 + 0.5 x 2 (option 1, not the target network's own favourite), -1
  assert.deepEqual([...out], [2, -1]);
});

test('the loss is square up to a size and straight beyond, and only the option taken has a gradient', () => {
  const gradients = new Float32Array(6).fill(7);
  const loss = (linearFrom: number): number =>
    valueErrors(
      Float32Array.of(1, 3, 2, /**/ 5, 4, 0),
      3,
      { rows: 2, actions: Float32Array.of(2, 0) },
      Float64Array.of(1.5, 8),
      gradients,
      linearFrom,
    );
  // Errors 0.5 and -3: (0.125 + 2.5) / 2.
  assert.equal(loss(1), 1.3125);
  assert.deepEqual(gradients, Float32Array.of(0, 0, 0.25, -0.5, 0, 0));
  // (0.125 + 4.5) / 2
  assert.equal(loss(Number.POSITIVE_INFINITY), 2.3125);
  assert.deepEqual(gradients, Float32Array.of(0, 0, 0.25, -1.5, 0, 0));
});

test('DQN learns which of three to choose, resumes bit for bit, and its checkpoint plays the best', async () => {
  const env = new ChoiceEnv(8, 7);
  const learner = dqn.create(small, setupOf(env));
  const firstRound = await learner.iterate(env);
  assert.equal(firstRound['policy/epsilon'], 1);
  // Hits the right one of three by chance at first.
  assert.ok(firstRound['rollout/reward']! < 0.45, `first ${firstRound['rollout/reward']}`);
  for (let i = 0; i < 5; i++) await learner.iterate(env);
  const journal = [learner.takeJournal!()];
  const savedEnv = env.copy();
  const saved = await learner.save();
  const resumed = dqn.resume(saved, small, setupOf(env, 999), journal);
  assert.deepEqual(await resumed.save(), saved);
  let last = 0;
  while (learner.steps < 8000) {
    const metrics = await learner.iterate(env);
    last = metrics['rollout/reward']!;
    for (const [name, value] of Object.entries(metrics)) assert.ok(Number.isFinite(value), name);
    assert.deepEqual(await resumed.iterate(savedEnv), metrics);
  }
  const end = await learner.save();
  assert.deepEqual(await resumed.save(), end);
  // One in twenty is still left to chance.
  assert.ok(last > 0.8, `last ${last}`);
  const out = new Float64Array(3);
  for (const policy of [dqn.loadPolicy(end), await learner.policy()]) {
    policy.act(Float64Array.of(-0.8, 0, 0.8), 3, out);
    assert.deepEqual([policy.actionDim, ...out], [1, 0, 1, 2]);
  }
});

test('environments and checkpoints that do not fit are refused by name', async () => {
  const env = new ChoiceEnv(8, 7);
  const setup = setupOf(env);
  assert.throws(() => dqn.create({ ...small, worlds: 16 }, setup), /worlds is 16, the environment has 8/);
  assert.throws(
    () => dqn.create(small, setupOf(new PointEnv(8, 7))),
    /options \[\], wanted those of one action/,
  );
  assert.throws(
    () => dqn.create(small, { ...setup, choices: [3, 3] }),
    /options \[3,3\], wanted those of one/,
  );
  const other = dqn.create(small, { ...setup, choices: [4] });
  await assert.rejects(other.iterate(env), /options \[3\], wanted \[4\]/);
  const bytes = await other.save();
  assert.throws(() => dqn.resume(bytes, small, setup), /choices is \[4\], wanted \[3\]/);
  // One from before the loss was a setting is not trained further, but its policy is played.
  const { header, arrays } = readBlock('RLABDQN\n', await dqn.create(small, setup).save());
  const { loss: _, targetEvery: __, ...old } = header;
  const early = writeBlock('RLABDQN\n', old, arrays);
  assert.throws(() => dqn.resume(early, small, setup), /loss is undefined, wanted "squared"/);
  assert.equal(dqn.loadPolicy(early).actionDim, 1);
  for (const length of [0, 11, 40, bytes.length - 8]) {
    assert.throws(() => dqn.loadPolicy(bytes.slice(0, length)), RangeError, `cut to ${length}`);
  }
});
