import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FinishedEpisode } from '../../lab/recorder.ts';
import { replay } from '../../lab/replay.ts';
import { RewardedEnv } from '../../lab/rewarded-env.ts';
import { rewards } from '../../learn/rewards/index.ts';
import { createStack } from '../../learn/rewards/stack.ts';
import type { OnlineScorer, RewardModel } from '../../learn/rewards/types.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { runaway } from '../support/runaway.ts';

/** A learned reward that breaks at one step of one world's episode, as a badly fitted one may. */
class BrokenModel implements RewardModel {
  readonly method = 'sarm';
  readonly stages = [];
  readonly senses = ['observation'] as const;
  readonly frameDim: number;
  constructor(frameDim: number) {
    this.frameDim = frameDim;
  }
  score(_frames: Float64Array, length: number) {
    return { perStep: new Float32Array(length + 1), extras: {} };
  }
  online(count: number): OnlineScorer {
    let steps = 0;
    const values = new Float64Array(count);
    return {
      count,
      values,
      reset: (world) => {
        values[world] = 0.25;
      },
      step: () => {
        steps++;
        values.fill(0.25);
        if (steps === 5) values[1] = Number.NaN;
      },
      save: () => Float64Array.of(steps),
      restore: (saved) => {
        steps = saved[0]!;
      },
      restoreAll: (saved) => {
        steps = saved[0]!;
      },
    };
  }
  save(): Uint8Array {
    return new Uint8Array(0);
  }
}

test('of a term with a rule its raw value, weight and product are recorded apart', () => {
  const model = tasks.reach.create(defaultsOf(tasks.reach.fields));
  const episodes: FinishedEpisode[] = [];
  const stack = createStack(
    [
      { kind: 'native', reward: rewards.sparse, weight: 1 },
      { kind: 'native', reward: rewards.dense, weight: 2, clip: [0, 0.01] },
    ],
    { model, gamma: 0.99, count: 1 },
  );
  const env = new RewardedEnv({
    model,
    count: 1,
    stack,
    kind: 'training',
    rewardHash: null,
    seedOf: (index) => index,
    recordEpisode: () => 'always',
    trainedSteps: () => 0,
    onEpisode: (episode) => episodes.push(episode),
  });
  env.start();
  const actions = new Float64Array(model.actionSpace.dim);
  while (episodes.length === 0) env.step(actions);
  const dense = model.rewardTerms.find(({ kind }) => kind === 'dense')!;
  const column = (name: string) => [
    ...(episodes[0]!.columns.find((other) => other.name === `reward/task/${dense.id}/${name}`)!
      .data as Float64Array),
  ];
  const raw = column('raw');
  assert.ok(
    raw.some((value) => value > 0.01),
    'the clip has something to do',
  );
  assert.deepEqual(
    column('product'),
    raw.map((value, t) => Math.min(0.01, Math.max(0, value)) * column('weight')[t]!),
  );
});

function environment(count: number) {
  const model = tasks.reach.create(defaultsOf(tasks.reach.fields));
  const episodes: FinishedEpisode[] = [];
  const problems: string[] = [];
  const stack = createStack(
    [
      { kind: 'native', reward: rewards.sparse, weight: 1 },
      {
        kind: 'learned',
        method: 'sarm',
        model: new BrokenModel(model.observationSpace.dim),
        use: 'shaping',
        weight: 1,
      },
    ],
    { model, gamma: 0.99, count },
  );
  const env = new RewardedEnv({
    model,
    count,
    stack,
    kind: 'training',
    rewardHash: null,
    seedOf: (index) => 100 + index,
    recordEpisode: () => 'always',
    trainedSteps: () => 0,
    onEpisode: (episode) => episodes.push(episode),
    onInvalid: (message) => problems.push(message),
  });
  env.start();
  return { env, model, episodes, problems };
}

test('NaN from a reward ends that episode as diverged, names the term, and the other worlds go on', () => {
  const { env, model, episodes, problems } = environment(3);
  const actions = new Float64Array(3 * env.actionDim);
  for (let step = 1; step <= model.horizon; step++) {
    env.step(actions);
    assert.deepEqual([...env.diverged], step === 5 ? [0, 1, 0] : [0, 0, 0]);
    assert.ok(env.rewards.every(Number.isFinite));
    assert.ok(env.observations.every(Number.isFinite));
  }
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /shaping\/sarm.*NaN|NaN.*shaping\/sarm/);
  const broken = episodes.find((episode) => episode.ending === 'diverged');
  assert.deepEqual([broken?.length, broken?.seed, broken?.success], [5, 101, false]);
  assert.equal(episodes.filter((episode) => episode.ending === 'truncated').length, 2);
});

test('after an episode ends the final observation is the old one, the observation already the next', () => {
  const { env, model } = environment(1);
  const actions = new Float64Array(env.actionDim);
  for (let step = 0; step < model.horizon; step++) env.step(actions);
  assert.equal(env.truncated[0], 1);
  const fresh = environment(1);
  assert.notDeepEqual([...env.observations], [...env.finalObservations]);
  assert.notDeepEqual(
    [...env.observations],
    [...fresh.env.observations],
    'the next episode has its own seed',
  );
});

test('an environment restored from a save goes on bit for bit, recordings in flight included', () => {
  const run = (cut: boolean) => {
    let { env, model, episodes } = environment(2);
    const actions = new Float64Array(2 * env.actionDim);
    const all: FinishedEpisode[] = [];
    for (let step = 0; step < 2 * model.horizon; step++) {
      if (cut && step === model.horizon + 7) {
        const saved = env.save();
        all.push(...episodes);
        ({ env, episodes } = environment(2));
        env.restore(saved);
      }
      actions.fill(step % 3 === 0 ? 0.5 : -0.25);
      env.step(actions);
    }
    return [...all, ...episodes].map((e) => ({ ...e, columns: e.columns.map((c) => [c.name, [...c.data]]) }));
  };
  assert.deepEqual(run(true), run(false));
});

/** Worlds that explode after some hundred steps, without rewards. */
function exploding(record: 'always' | 'diverged' | 'never') {
  const model = runaway();
  const episodes: FinishedEpisode[] = [];
  const problems: string[] = [];
  const env = new RewardedEnv({
    model,
    count: 2,
    stack: createStack([], { model, gamma: 1, count: 2 }),
    kind: 'training',
    rewardHash: null,
    seedOf: (index) => index,
    recordEpisode: () => record,
    trainedSteps: () => 7,
    onEpisode: (episode) => episodes.push(episode),
    onInvalid: (message) => problems.push(message),
  });
  env.start();
  return { env, model, episodes, problems };
}

test('an episode can be handed to another thread: one buffer, and the recorder goes on without it', () => {
  const model = tasks.cartpole.create(defaultsOf(tasks.cartpole.fields));
  const play = (onEpisode: (episode: FinishedEpisode) => void): void => {
    const stack = createStack([{ kind: 'native', reward: rewards.dense, weight: 1 }], {
      model,
      gamma: 0.99,
      count: 2,
    });
    const env = new RewardedEnv({
      model,
      count: 2,
      stack,
      kind: 'training',
      rewardHash: null,
      seedOf: (index) => index,
      recordEpisode: () => 'always',
      trainedSteps: () => 0,
      onEpisode,
    });
    env.start();
    for (let t = 0; t < 60; t++) env.step(Float64Array.of(0, 1), Float64Array.of(t, -t));
  };
  const kept: FinishedEpisode[] = [];
  play((episode) => kept.push(episode));
  const handedOver: FinishedEpisode[] = [];
  play((episode) => {
    const buffers = new Set(episode.columns.map(({ data }) => data.buffer as ArrayBuffer));
    assert.equal(buffers.size, 1);
    handedOver.push(structuredClone(episode, { transfer: [...buffers] }));
  });
  assert.ok(kept.length > 4);
  assert.deepEqual(handedOver, kept);
});

test('an episode that diverges is recorded with its last 100 states, also where others are not', () => {
  const recorded = (['always', 'diverged', 'never'] as const).map((record) => {
    const { env, model, episodes, problems } = exploding(record);
    const actions = new Float64Array(2);
    for (let t = 0; t < 700; t++) {
      for (let i = 0; i < 2; i++) actions[i] = Math.sin(t + i);
      if (t === 150) {
        const saved = env.save();
        env.step(actions.map((push) => -push));
        env.restore(saved);
      }
      env.step(actions);
    }
    const unmarked = {
      fork: null,
      jerk: 0,
      learnedProgress: Number.NaN,
      starred: false,
      trashed: false,
      tags: [],
    };
    assert.ok(problems.length >= 2 && problems.every((line) => line.includes('non-finite or exploded')));
    for (const episode of episodes) {
      assert.equal(episode.ending, 'diverged');
      const columns = new Map(episode.columns.map((column) => [column.name, column]));
      const history = columns.get('history')!;
      const { states, ok } = replay(model, { ...row, ...unmarked, ...episode }, columns);
      assert.ok(ok);
      assert.equal(history.width, model.stateDim);
      assert.deepEqual([...history.data], [...states.subarray(-100 * model.stateDim)]);
      assert.ok(Math.abs(history.data.at(-2)!) >= 1e4);
    }
    return episodes;
  });
  assert.deepEqual(recorded[1], recorded[0]);
  assert.ok(recorded[0]!.length >= 2);
  assert.deepEqual(recorded[2], []);
});

/** What the database adds to an episode. */
const row = { id: 1, runId: 1, verified: null, createdAt: 0 };

/** Reach without a fixed horizon, paid by native terms alone. */
function native(count: number, entries: readonly ('sparse' | 'dense')[] = ['sparse', 'dense']) {
  const model = tasks.reach.create({ ...defaultsOf(tasks.reach.fields), horizon: 40, fixedHorizon: false });
  const episodes: FinishedEpisode[] = [];
  const stack = createStack(
    entries.map((id, line) => ({ kind: 'native', reward: rewards[id], weight: 1 + line })),
    { model, gamma: 0.99, count },
  );
  const env = new RewardedEnv({
    model,
    count,
    stack,
    kind: 'training',
    rewardHash: null,
    seedOf: (index) => 50 + index,
    recordEpisode: () => 'always',
    trainedSteps: () => 0,
    onEpisode: (episode) => episodes.push(episode),
  });
  env.start();
  return { env, model, stack, episodes };
}

test('in groups, neighbouring worlds start from the same state, and an ended world stays ended until the next restart', () => {
  const { env, model, episodes } = native(6);
  const actions = new Float64Array(6 * env.actionDim);
  env.step(actions);
  env.restart(3);
  const { simulator } = env;
  const row = (world: number) => [
    ...simulator.states.subarray(world * model.stateDim, (world + 1) * model.stateDim),
  ];
  assert.deepEqual(row(1), row(0));
  assert.deepEqual(row(5), row(3));
  assert.notDeepEqual(row(3), row(0));
  // World 0 does the task, the others stand still until time runs out.
  let ended = 0;
  for (let t = 0; t < model.horizon; t++) {
    actions.fill(0);
    model.expert(simulator.states, 0, actions, 0);
    env.step(actions);
    if (ended > 0) assert.deepEqual([env.terminated[0], env.rewards[0]], [1, 0]);
    else if (env.terminated[0] === 1) ended = t + 1;
  }
  assert.ok(ended > 0 && ended < model.horizon);
  assert.deepEqual([...env.truncated], [0, 1, 1, 1, 1, 1]);
  // The episodes that were given up by `restart` are not handed over.
  assert.deepEqual(
    episodes.map(({ seed, length }) => [seed, length]).sort(),
    [[56, ended], ...[56, 56, 57, 57, 57].map((seed) => [seed, model.horizon])].sort(),
  );
  env.restart(6);
  assert.deepEqual(row(5), row(0));
  assert.deepEqual([...env.terminated, ...env.truncated], new Array(12).fill(0));
  assert.throws(() => env.restart(4), /size of 4, wanted one that divides 6 worlds/);
});

test('the simulator behind the environment: s, a, s1 of the last step, and the reward of any transition', () => {
  const { env, model, stack } = native(3);
  const { simulator, channels } = env;
  const actions = new Float64Array(3 * env.actionDim);
  let ends = 0;
  for (let t = 0; t < 100; t++) {
    for (let world = 0; world < 3; world++) {
      model.expert(simulator.states, world * model.stateDim, actions, world * env.actionDim);
    }
    const before = simulator.states.slice();
    env.step(actions);
    assert.deepEqual([...simulator.previousStates], [...before]);
    const observation = new Float64Array(env.observationDim);
    for (let world = 0; world < 3; world++) {
      const at = world * model.stateDim;
      const reward = simulator.reward!(
        simulator.previousStates,
        at,
        simulator.actions,
        world * env.actionDim,
        simulator.finalStates,
        at,
      );
      assert.equal(reward, env.rewards[world]);
      let sum = 0;
      for (let c = 0; c < channels.names.length; c++)
        sum += channels.weights[c]! * channels.values[c * 3 + world]!;
      assert.ok(Math.abs(sum - reward) < 1e-12);
      model.observe(simulator.finalStates, at, observation, 0);
      const o = world * env.observationDim;
      assert.deepEqual([...observation], [...env.finalObservations.subarray(o, o + env.observationDim)]);
      ends += env.terminated[world]!;
    }
  }
  assert.ok(ends > 3);
  assert.deepEqual(
    channels.names,
    stack.terms.map(({ id }) => id),
  );
  assert.equal('reward' in environment(1).env.simulator, false, 'a learned reward remembers the episode');
});

test('a line of the stack can be given another weight in flight, and a save keeps it', () => {
  const { env, stack } = native(2);
  const actions = new Float64Array(2 * env.actionDim);
  stack.reweigh(1, 5);
  env.step(actions);
  const dense = stack.terms.flatMap(({ id }, c) => (id === 'task/success' ? [] : [c]));
  const sum = dense.reduce((total, c) => total + stack.raw[c * 2]! * stack.weights[c]!, 0);
  assert.ok(Math.abs(env.rewards[0]! - sum) < 1e-12 && sum > 0);
  assert.ok(Math.abs(dense.reduce((total, c) => total + stack.weights[c]!, 0) - 5) < 1e-12);
  const other = native(2);
  other.env.restore(env.save());
  assert.deepEqual(other.stack.weights, stack.weights);
  assert.throws(() => stack.reweigh(2, 1), /line 2, wanted 0 to 1/);
  assert.throws(() => stack.reweigh(0, Number.NaN), /weight is NaN/);
});
