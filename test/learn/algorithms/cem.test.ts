import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { RewardedEnv } from '../../../lab/rewarded-env.ts';
import { runEpisodes } from '../../../lab/rollout.ts';
import { cem } from '../../../learn/algorithms/cem.ts';
import type { Policy, VectorEnv } from '../../../learn/algorithms/types.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { continuesExactly } from './checks.ts';
import { modelOf, setupFor, taskEnv } from './task-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const small = { worlds: 2, stepsPerWorld: 6, population: 24, elites: 4, planSteps: 8, rounds: 2 };

function copyOf(env: RewardedEnv, model: TaskModel): RewardedEnv {
  const copy = taskEnv(model, env.count, 1, { start: false });
  copy.restore(structuredClone(env.save()));
  return copy;
}

async function play(model: TaskModel, policy: Policy, episodes: number) {
  const seeds = Array.from({ length: episodes }, (_, i) => 100 + i);
  return runEpisodes({
    model,
    actor: { kind: 'policy', policy, trainedSteps: 0 },
    kind: 'evaluation',
    seeds,
  });
}

test('planning brings the gripper to the goal without any learning', async () => {
  const model = modelOf('reach', { horizon: 30 });
  const learner = cem.create(small, setupFor(model, 2, 1, compute));
  const { success } = await play(model, learner.policy() as Policy, 6);
  assert.equal(success, 1);
});

test('planning with options holds a pole up, which falls within 40 pushes at random', async () => {
  const model = modelOf('cartpole');
  const settings = { ...small, planSteps: 20, stepsPerWorld: 120 };
  const env = taskEnv(model, 2, 1);
  const learner = cem.create(settings, setupFor(model, 2, 1, compute));
  const metrics = await learner.iterate(env);
  assert.equal(learner.steps, 240);
  assert.deepEqual([...env.terminated], [0, 0]);
  assert.ok(env.states[0] === 120 && env.states[model.stateDim] === 120, 'an episode ended before');
  assert.equal(metrics['rollout/reward'], 1);
});

test('the same state gives the same plan in every world; what is remembered goes with the episode', () => {
  const model = modelOf('reach');
  const learner = cem.create(small, setupFor(model, 2, 1, compute));
  const states = new Float64Array(2 * model.stateDim);
  model.reset(5, states, 0);
  states.copyWithin(model.stateDim, 0, model.stateDim);
  const observations = new Float64Array(2 * model.observationSpace.dim);
  const policy = learner.policy() as Policy;
  const [first, second] = [new Float64Array(6), new Float64Array(6)];
  policy.act(observations, 2, first, states);
  assert.deepEqual(first.slice(0, 3), first.slice(3));
  model.advance(states, first, 0, 2);
  // World 1 has forgotten: it plans from nothing, world 0 goes on with its plan.
  policy.begin!(1);
  policy.act(observations, 2, first, states);
  assert.notDeepEqual(first.slice(0, 3), first.slice(3));
  const fresh = learner.policy() as Policy;
  fresh.act(observations, 2, second, states);
  assert.deepEqual(first.slice(3), second.slice(3));
  // Rows that do not matter are left alone.
  second.fill(7);
  fresh.act(observations, 2, second, states, Uint8Array.of(0, 1));
  assert.deepEqual([...second.slice(0, 3)], [7, 7, 7]);
  assert.throws(() => fresh.act(observations, 2, second), /found 0 state numbers/);
});

test('actions in the task’s own units are planned in [-1, 1]', async () => {
  const model = modelOf('pendulum');
  const env = taskEnv(model, 2, 1);
  const learner = cem.create({ ...small, planSteps: 15, stepsPerWorld: 100 }, setupFor(model, 2, 1, compute));
  let most = 0;
  const step = env.step.bind(env);
  env.step = (actions, values) => {
    most = Math.max(most, ...actions.map(Math.abs));
    step(actions, values);
  };
  await learner.iterate(env);
  assert.ok(most > 0.9 && most <= 1, `${most}`);
  // Two seconds are enough to swing up: both are near the top now.
  for (let n = 0; n < 2; n++) assert.ok(env.observations[3 * n]! > 0.9, `${env.observations}`);
});

test('a plan that leaves the world of numbers is never the best', async () => {
  const real = modelOf('reach', { horizon: 30 });
  // A simulator that breaks when pushed to the left.
  const model: TaskModel = {
    ...real,
    advance(states, actions, first, count) {
      real.advance(states, actions, first, count);
      for (let n = first; n < first + count; n++) {
        if (actions[n * 3]! < 0) states[n * real.stateDim + 3] = Number.NaN;
      }
    },
  };
  const learner = cem.create(small, setupFor(model, 2, 1, compute));
  const states = new Float64Array(model.stateDim);
  const out = new Float64Array(3);
  const policy = learner.policy() as Policy;
  for (let seed = 0; seed < 5; seed++) {
    model.reset(seed, states, 0);
    policy.begin!(0);
    policy.act(new Float64Array(model.observationSpace.dim), 1, out, states);
    assert.ok(out[0]! >= 0 && out.every(Number.isFinite), `${out}`);
  }
});

test('a resumed CEM continues to the bit, its running plans too', async () => {
  const model = modelOf('reach', { horizon: 15 });
  const setup = setupFor(model, 2, 1, compute);
  await continuesExactly(cem, small, setup, taskEnv(model, 2, 1), (env) => copyOf(env, model));
});

test('a saved policy needs the task, and no other', async () => {
  const model = modelOf('reach');
  const bytes = await cem.create(small, setupFor(model, 2, 1, compute)).save();
  assert.equal(cem.loadPolicy(bytes, model).needsStates, true);
  assert.throws(() => cem.loadPolicy(bytes), /plans in the simulator, wanted the task/);
  assert.throws(() => cem.loadPolicy(bytes, modelOf('push')), /task is "reach", wanted "push"/);
});

test('what it cannot plan with is refused by name', async () => {
  const model = modelOf('reach');
  const setup = setupFor(model, 2, 1, compute);
  assert.throws(
    () => cem.check({ elites: 99, population: 24 }),
    /elites is 99, wanted at most population = 24/,
  );
  const rewardTerms = model.rewardTerms.filter(({ kind }) => kind === 'dense');
  assert.throws(
    () => cem.check({ reward: 'sparse' }, { ...model, rewardTerms }),
    /reach has no sparse terms/,
  );
  const { model: _, ...without } = setup;
  assert.throws(() => cem.create(small, without), /there is no task/);
  const env = taskEnv(model, 2, 1);
  const { reward: __, ...silent } = env.simulator;
  const learned: VectorEnv = Object.create(env, { simulator: { value: silent } });
  await assert.rejects(cem.create(small, setup).iterate(learned), /a learned term of the reward stack/);
});
