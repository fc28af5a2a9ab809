import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { RewardedEnv } from '../../../lab/rewarded-env.ts';
import { runEpisodes } from '../../../lab/rollout.ts';
import { dagger } from '../../../learn/algorithms/dagger.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { continuesExactly, train } from './checks.ts';
import { PointEnv } from './point-env.ts';
import { demonstrationsOf, modelOf, setupFor, taskEnv } from './task-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const small = {
  worlds: 4,
  stepsPerWorld: 40,
  updates: 60,
  minibatch: 64,
  hiddenSize: 16,
  hiddenLayers: 1,
  learningRate: 5e-3,
  steps: 1_600,
};

async function successOf(
  model: TaskModel,
  policy: Awaited<ReturnType<ReturnType<typeof dagger.create>['policy']>>,
) {
  const seeds = Array.from({ length: 20 }, (_, i) => 100 + i);
  const actor = { kind: 'policy', policy, trainedSteps: 0 } as const;
  return (await runEpisodes({ model, actor, kind: 'evaluation', seeds })).success;
}

/** The same worlds in the same moment. */
function copyOf(env: RewardedEnv, model: TaskModel): RewardedEnv {
  const copy = taskEnv(model, env.count, 1, { start: false });
  copy.restore(structuredClone(env.save()));
  return copy;
}

test('DAgger reaches like the expert it asks', async () => {
  const model = modelOf('reach', { horizon: 40 });
  const learner = dagger.create(small, setupFor(model, 4, 2, compute));
  const { first, last } = await train(learner, taskEnv(model, 4, 1), small.steps);
  assert.deepEqual([first['dagger/beta'], first['dagger/rows'], last['dagger/rows']], [1, 160, 1600]);
  assert.ok(last['dagger/error']! < first['dagger/error']! / 2, `${last['dagger/error']}`);
  assert.ok((await successOf(model, await learner.policy())) >= 0.9);
  learner.dispose();
});

test('the expert acts alone at first, then less and less; labels are always the expert’s, in [-1, 1]', async () => {
  const model = modelOf('pendulum');
  const env = taskEnv(model, 4, 1);
  const acted: boolean[][] = [];
  const step = env.step.bind(env);
  env.step = (actions, values) => {
    const wanted = new Float64Array(4);
    for (let n = 0; n < 4; n++) {
      model.expert(env.states, n * model.stateDim, wanted, n);
      env.simulator.toUnit(wanted, n);
    }
    acted.at(-1)!.push(...Array.from(actions, (action, n) => action === wanted[n]));
    step(actions, values);
  };
  const learner = dagger.create({ ...small, betaDecay: 0.3 }, setupFor(model, 4, 2, compute));
  for (let round = 0; round < 3; round++) {
    acted.push([]);
    await learner.iterate(env);
  }
  const shares = acted.map((list) => list.filter(Boolean).length / list.length);
  assert.equal(shares[0], 1);
  // 160 draws with probability 0.3 and 0.09: four standard deviations.
  assert.ok(Math.abs(shares[1]! - 0.3) < 0.15 && Math.abs(shares[2]! - 0.09) < 0.1, `${shares}`);
  learner.dispose();
});

test('DAgger takes options from the expert too', async () => {
  const model = modelOf('cartpole');
  const learner = dagger.create(small, setupFor(model, 4, 2, compute));
  await train(learner, taskEnv(model, 4, 1), small.steps);
  const actor = { kind: 'policy', policy: await learner.policy(), trainedSteps: 0 } as const;
  const seeds = Array.from({ length: 10 }, (_, i) => 100 + i);
  const { steps } = await runEpisodes({ model, actor, kind: 'evaluation', seeds });
  // Chance holds the pole for about 20 steps an episode, the expert for 500.
  assert.ok(steps / 10 > 200, `${steps / 10}`);
  learner.dispose();
});

test('demonstrations are where it starts from', async () => {
  const model = modelOf('reach', { horizon: 10 });
  const setup = { ...setupFor(model, 4, 2, compute), demonstrations: demonstrationsOf(model, 3) };
  const learner = dagger.create({ ...small, updates: 2 }, setup);
  const metrics = await learner.iterate(taskEnv(model, 4, 1));
  assert.equal(metrics['dagger/rows'], 30 + 160);
  learner.dispose();
});

test('a resumed DAgger continues to the bit from its checkpoint and journal', async () => {
  const model = modelOf('reach', { horizon: 30 });
  const settings = { ...small, stepsPerWorld: 20, updates: 5 };
  const setup = { ...setupFor(model, 4, 2, compute), demonstrations: demonstrationsOf(model, 1) };
  await continuesExactly(dagger, settings, setup, taskEnv(model, 4, 1), (env) => copyOf(env, model));
});

test('journal pieces in order give the rows back; a missing one is refused', async () => {
  const model = modelOf('reach', { horizon: 30 });
  const settings = { ...small, stepsPerWorld: 5, updates: 2 };
  const setup = setupFor(model, 4, 2, compute);
  const env = taskEnv(model, 4, 1);
  const learner = dagger.create(settings, setup);
  const pieces: Uint8Array[] = [];
  for (let round = 0; round < 3; round++) {
    await learner.iterate(env);
    pieces.push(learner.takeJournal!());
    assert.equal(learner.journalPieces, round + 1);
  }
  const bytes = await learner.save();
  const resumed = dagger.resume(bytes, settings, setup, pieces);
  const other = copyOf(env, model);
  assert.deepEqual(await resumed.iterate(other), await learner.iterate(env));
  assert.deepEqual(resumed.takeJournal!(), learner.takeJournal!());
  assert.equal(resumed.journalPieces, 4);
  assert.throws(() => dagger.resume(bytes, settings, setup, pieces.slice(0, 2)), /has 40 rows, wanted 60/);
  assert.throws(() => dagger.resume(bytes, settings, setup, pieces.slice(1)), /first is 20, wanted 0/);
});

test('an environment without a simulator is refused', async () => {
  const env = new PointEnv(4, 1);
  const setup = { observationDim: 1, actionDim: 1, count: 4, compute, seed: 1 };
  await assert.rejects(dagger.create(small, setup).iterate(env), /asks the task's expert/);
});
