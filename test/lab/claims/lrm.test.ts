import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { lrmClaims, onlineReward } from '../../../lab/claims/lrm.ts';
import { sparseEntry, trainStudy } from '../../../lab/claims/train.ts';
import type { ClaimSetup } from '../../../lab/claims/types.ts';
import { warmStarted } from '../../../lab/claims/warm-start.ts';
import { play, trajectory } from '../../../lab/footage.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const model = tasks.reach.create(defaultsOf(tasks.reach.fields));
const { signal } = new AbortController();
let compute: Kernel;
before(async () => {
  compute = await openKernel({ threads: 1 });
});
after(() => compute.dispose());

test('PPO begins with the cloned policy itself, and another network is refused', async () => {
  const episodes = play({ model, player: { kind: 'expert', noise: 0.3 }, seeds: [1, 2, 3] });
  const common = { model, seed: 1000, compute, signal, entries: [sparseEntry] };
  const clone = await trainStudy({
    ...common,
    algorithm: 'bc',
    settings: { steps: 5000, worlds: 1, hiddenSize: 16 },
    demonstrations: episodes.map((episode) => trajectory(model, episode)),
  });
  const begun = (hiddenSize: number) =>
    trainStudy({
      ...common,
      algorithm: 'ppo',
      // No update moves anything.
      settings: {
        worlds: 2,
        stepsPerWorld: 8,
        minibatch: 16,
        steps: 16,
        hiddenSize,
        learningRate: 1e-12,
        normalizeObservations: false,
      },
      begin: (fresh) => warmStarted(fresh, clone.checkpoint),
    });
  const { policy } = await begun(16);
  const observations = new Float64Array(model.observationSpace.dim);
  model.observe(episodes[0]!.states, 0, observations, 0);
  const actions = [new Float64Array(3), new Float64Array(3)] as const;
  clone.policy.act(observations, 1, actions[0]);
  policy.act(observations, 1, actions[1]);
  assert.ok(
    actions[0].some((a) => Math.abs(a) > 0.05),
    `the clone does ${actions[0]}`,
  );
  for (const [k, a] of actions[0].entries()) assert.ok(Math.abs(a - actions[1][k]!) < 1e-6);
  await assert.rejects(begun(32), /the clone's hidden is \[16,16\], wanted \[32,32\]/);
});

test('one small repetition gives every arm a share of successes', async () => {
  const [claim] = lrmClaims;
  const setup: ClaimSetup = {
    model,
    taskId: 'reach',
    seed: 1000,
    compute,
    signal,
    onProgress: () => undefined,
  };
  const values = await onlineReward(setup, {
    cloned: 2,
    demonstrations: 4,
    failures: 4,
    updates: 30,
    iterations: 1,
    episodes: 5,
  });
  assert.deepEqual(Object.keys(values), Object.keys(claim!.arms));
  assert.ok(Object.values(values).every((value) => value >= 0 && value <= 1));
  for (const expectation of claim!.expects)
    if (expectation.kind === 'better') {
      assert.ok(expectation.arm in claim!.arms && expectation.than in claim!.arms);
    }
});

test('where success ends the episode the claim says why it cannot be tried', () => {
  const [claim] = lrmClaims;
  assert.equal(claim!.unsuitable!(model), undefined);
  const ends = tasks.reach.create({ ...defaultsOf(tasks.reach.fields), fixedHorizon: false });
  assert.match(claim!.unsuitable!(ends)!, /end on success/);
});
