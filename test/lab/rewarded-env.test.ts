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
  readonly observationDim: number;
  constructor(observationDim: number) {
    this.observationDim = observationDim;
  }
  score(_observations: Float64Array, length: number) {
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
    };
  }
  save(): Uint8Array {
    return new Uint8Array(0);
  }
}

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
    assert.ok(problems.length >= 2 && problems.every((line) => line.includes('non-finite or exploded')));
    for (const episode of episodes) {
      assert.equal(episode.ending, 'diverged');
      const columns = new Map(episode.columns.map((column) => [column.name, column]));
      const history = columns.get('history')!;
      const { states, ok } = replay(model, { ...row, ...episode }, columns);
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
