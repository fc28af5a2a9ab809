/** What every registered algorithm promises, whatever it does inside: on a real task, through the lab's environment. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, test } from 'node:test';
import { checkSettings } from '../../../lab/fields.ts';
import { choicesOf, RewardedEnv } from '../../../lab/rewarded-env.ts';
import { toUnit } from '../../../lab/unit-actions.ts';
import { algorithms } from '../../../learn/algorithms/index.ts';
import type { Algorithm, Learner, LearnerSetup, Trajectory } from '../../../learn/algorithms/types.ts';
import { Random } from '../../../learn/parts/random.ts';
import { rewards } from '../../../learn/rewards/index.ts';
import { createStack } from '../../../learn/rewards/stack.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

/** Real actions with goals, and options. Short episodes, so that some end within the test. */
const worlds: readonly TaskModel[] = [
  tasks.reach.create({ ...defaultsOf(tasks.reach.fields), horizon: 20 }),
  tasks.cartpole.create({ ...defaultsOf(tasks.cartpole.fields), horizon: 20 }),
];

/** The first of the worlds that the algorithm takes. */
function worldFor(algorithm: Algorithm, settings: AnySettings): TaskModel {
  const refusals: string[] = [];
  for (const model of worlds) {
    try {
      algorithm.check(settings, model);
      return model;
    } catch (error) {
      refusals.push((error as Error).message);
    }
  }
  throw new Error(`${algorithm.id} takes none of the worlds: ${refusals.join('; ')}`);
}

function envOf(model: TaskModel, count: number): RewardedEnv {
  const stack = createStack([{ kind: 'native', reward: rewards.sparse, weight: 1 }], {
    model,
    gamma: 0.99,
    count,
  });
  const env = new RewardedEnv({
    model,
    count,
    stack,
    kind: 'training',
    rewardHash: null,
    seedOf: (index) => index,
    recordEpisode: () => 'never',
    trainedSteps: () => 0,
    onEpisode: () => undefined,
  });
  env.start();
  return env;
}

function demonstrations(model: TaskModel, count: number): Trajectory[] {
  const { dim } = model.actionSpace;
  return Array.from({ length: count }, (_, seed) => {
    const state = new Float64Array(model.stateDim);
    const observations = new Float64Array((model.horizon + 1) * model.observationSpace.dim);
    const actions = new Float64Array(model.horizon * dim);
    model.reset(seed, state, 0);
    model.observe(state, 0, observations, 0);
    for (let t = 0; t < model.horizon; t++) {
      model.expert(state, 0, actions, t * dim);
      model.advance(state, actions.slice(t * dim, (t + 1) * dim), 0, 1);
      model.observe(state, 0, observations, (t + 1) * model.observationSpace.dim);
      toUnit(model.actionSpace, actions, t * dim);
    }
    return {
      id: `episode ${seed}`,
      length: model.horizon,
      observations,
      actions,
      success: model.success(state, 0),
    };
  });
}

/** Times are the only metrics that may differ between two equal runs. */
const withoutTimes = (metrics: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.startsWith('time/')));

for (const [id, algorithm] of Object.entries(algorithms) as [string, Algorithm][]) {
  // Fewer worlds and small networks where there are such settings: this is about promises, not about learning.
  const small: AnySettings = {
    ...defaultsOf(algorithm.fields),
    ...Object.fromEntries(
      Object.entries({ hiddenSize: 16, bufferSize: 1000, learningStarts: 64, population: 16 }).filter(
        ([name]) => name in algorithm.fields,
      ),
    ),
  };
  const model = worldFor(algorithm, small);
  const count = small['worlds'] as number;
  const setup: LearnerSetup = {
    observationDim: model.observationSpace.dim,
    actionDim: model.actionSpace.dim,
    choices: choicesOf(model),
    count,
    compute,
    seed: 5,
    model,
    channels: ['task/success'],
    demonstrations: algorithm.demonstrations === true ? demonstrations(model, 6) : [],
  };

  test(`${id} carries its own key, defaults that work together and a page`, () => {
    assert.equal(algorithm.id, id);
    assert.deepEqual(checkSettings(algorithm.fields, defaultsOf(algorithm.fields), id).problems, []);
    algorithm.check(defaultsOf(algorithm.fields));
    // The lab reads these three of every algorithm.
    for (const name of ['steps', 'worlds', 'gamma']) assert.ok(name in algorithm.fields, name);
    assert.ok(existsSync(new URL(`../../../docs/algorithms/${id}.md`, import.meta.url)));
  });

  test(`${id} names the sizes it computes with`, () => {
    const workload = algorithm.workload(small, setup);
    if (workload === undefined) return;
    assert.ok(workload.networks.length > 0);
    for (const { sizes } of workload.networks) assert.ok(sizes.length >= 2);
    assert.ok(workload.updateRows >= 1 && workload.actRows >= 1);
  });

  test(`${id} iterates with finite metrics, and plays the policy of its checkpoint inside the action space`, async () => {
    const env = envOf(model, count);
    const learner = algorithm.create(small, setup);
    const metrics = await learner.iterate(env);
    assert.equal(learner.steps, learner.stepsPerIteration);
    assert.ok(Object.keys(metrics).length > 0);
    for (const [name, value] of Object.entries(metrics)) assert.ok(Number.isFinite(value), name);
    const dim = env.actionDim;
    const actions = new Float64Array(count * dim);
    const again = new Float64Array(count * dim);
    const states = env.simulator.states;
    const first = await learner.policy();
    const saved = await learner.save();
    const second = algorithm.loadPolicy(saved, model);
    for (let world = 0; world < count; world++) {
      first.begin?.(world);
      second.begin?.(world);
    }
    first.act(env.observations, count, actions, states);
    second.act(env.observations, count, again, states);
    assert.deepEqual(again, actions);
    const draw = (seed: number): number[] => {
      const sampler = algorithm.loadSampler?.(saved, new Random(seed));
      const drawn = new Float64Array(count * dim);
      sampler?.act(env.observations, count, drawn);
      return [...drawn];
    };
    assert.deepEqual(draw(1), draw(1));
    const choices = setup.choices ?? [];
    for (const [i, action] of [...actions, ...draw(1)].entries()) {
      const n = choices[i % dim];
      if (n === undefined) assert.ok(action >= -1 && action <= 1, `${action}`);
      else assert.ok(Number.isInteger(action) && action >= 0 && action < n, `${action}`);
    }
    learner.dispose();
  });

  test(`${id} resumed from any checkpoint goes on bit for bit as if it had never stopped`, async () => {
    const straight = algorithm.create(small, setup);
    const env = envOf(model, count);
    const journal: Uint8Array[] = [];
    const saveAll = async (learner: Learner) => {
      const bytes = await learner.save();
      if (learner.takeJournal) journal.push(learner.takeJournal());
      return bytes;
    };
    await straight.iterate(env);
    await saveAll(straight);
    await straight.iterate(env);
    const bytes = await saveAll(straight);
    const otherEnv = envOf(model, count);
    otherEnv.restore(env.save());
    // The lab keeps no more pieces than the learner says it needs.
    const needed = straight.takeJournal ? journal.slice(-straight.journalPieces!) : journal;
    const resumed = algorithm.resume(bytes, small, { ...setup, seed: 77 }, needed);
    assert.equal(resumed.steps, straight.steps);
    assert.deepEqual(await resumed.save(), bytes);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(
        withoutTimes(await resumed.iterate(otherEnv)),
        withoutTimes(await straight.iterate(env)),
      );
    }
    assert.deepEqual(await resumed.save(), await straight.save());
    if (straight.takeJournal) {
      assert.deepEqual(resumed.takeJournal!(), straight.takeJournal());
      assert.equal(resumed.journalPieces, straight.journalPieces);
    }
    straight.dispose();
    resumed.dispose();
  });

  test(`${id} refuses bytes that are no checkpoint of its`, () => {
    assert.throws(() => algorithm.loadPolicy(new Uint8Array(40), model), RangeError);
    assert.throws(() => algorithm.resume(new Uint8Array(40), small, setup), RangeError);
  });
}
