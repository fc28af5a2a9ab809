import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Actor } from '../../../learn/parts/actor.ts';
import { collectEpisodes, Episodes } from '../../../learn/parts/episodes.ts';
import { Random } from '../../../learn/parts/random.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { PointEnv } from '../algorithms/point-env.ts';
import { modelOf, setupFor, taskEnv } from '../algorithms/task-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const settings = { hiddenSize: 8, hiddenLayers: 1, initialLogStd: -0.5, normalizeObservations: true };
const now = () => 0;

test('episodes of a group start from the same state to the bit, others elsewhere, and go their own ways', async () => {
  const model = modelOf('reach', { horizon: 12 });
  const env = taskEnv(model, 6, 1);
  const random = new Random(2);
  const setup = setupFor(model, 6, 3, compute);
  const actor = new Actor({ name: 'Test', setup, ...settings, rows: 6, random });
  const episodes = new Episodes(6, 3, model.observationSpace.dim, model.actionSpace.dim);
  let starts: Float64Array | undefined;
  const step = env.step.bind(env);
  env.step = (actions, values) => {
    starts ??= env.simulator.states.slice();
    step(actions, values);
  };
  await collectEpisodes('Test', env, actor, random, episodes, now);
  const start = (n: number) => starts!.slice(n * model.stateDim, (n + 1) * model.stateDim);
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [3, 4],
    [3, 5],
  ] as const) {
    assert.deepEqual(start(a), start(b));
    assert.notEqual(episodes.returns[a], episodes.returns[b]);
  }
  assert.notDeepEqual(start(0), start(3));
  assert.deepEqual([...episodes.lengths], [12, 12, 12, 12, 12, 12]);
  assert.equal(actor.seen.count, 6 * 12);
});

test('steps after an episode ended are not kept: rows are those of running episodes in the order of time', async () => {
  const model = modelOf('cartpole');
  const env = taskEnv(model, 5, 7, { reward: 'dense' });
  const random = new Random(2);
  const setup = setupFor(model, 5, 3, compute);
  const actor = new Actor({ name: 'Test', setup, ...settings, rows: 5, random });
  const e = new Episodes(5, 1, 4, 1);
  await collectEpisodes('Test', env, actor, random, e, now);
  // Random pushes let the pole fall at different times.
  assert.ok(new Set(e.lengths).size > 1);
  assert.equal(
    e.rows,
    e.lengths.reduce((sum, length) => sum + length, 0),
  );
  assert.equal(e.starts.length, Math.max(...e.lengths) + 1);
  for (let t = 0; t + 1 < e.starts.length; t++) {
    const worlds = [...e.world.subarray(e.starts[t], e.starts[t + 1])];
    assert.deepEqual(
      worlds,
      [0, 1, 2, 3, 4].filter((n) => e.lengths[n]! > t),
    );
  }
  // Each step is paid 1, so returns are lengths; the first row of a world has its whole discounted return.
  assert.deepEqual([...e.returns], [...e.lengths]);
  const returns = new Float64Array(e.rows);
  e.returnsToGo(0.5, returns);
  for (let n = 0; n < 5; n++) {
    assert.ok(Math.abs(returns[n]! - (2 - 0.5 ** (e.lengths[n]! - 1))) < 1e-12);
  }
});

test('an episode that breaks off has no return and none of its steps is usable', async () => {
  const env = new PointEnv(3, 1);
  env.divergeAt = 4;
  const setup = { observationDim: 1, actionDim: 1, count: 3, compute, seed: 1 };
  const random = new Random(2);
  const actor = new Actor({ name: 'Test', setup, ...settings, rows: 3, random });
  const e = new Episodes(3, 3, 1, 1);
  await collectEpisodes('Test', env, actor, random, e, now);
  assert.deepEqual([...e.broken], [1, 0, 0]);
  assert.deepEqual([...e.lengths], [4, 20, 20]);
  assert.deepEqual(
    [...e.usable()].map((i) => e.world[i]),
    Array.from({ length: 40 }, (_, i) => 1 + (i % 2)),
  );
  const { 'rollout/return': mean, 'rollout/length': length } = e.metrics();
  assert.equal(mean, (e.returns[1]! + e.returns[2]!) / 2);
  assert.equal(length, 20);
});

test('an environment that cannot start groups anew is refused', async () => {
  const env = new PointEnv(2, 1);
  Object.defineProperty(env, 'restart', { value: undefined });
  const setup = { observationDim: 1, actionDim: 1, count: 2, compute, seed: 1 };
  const random = new Random(2);
  const actor = new Actor({ name: 'Test', setup, ...settings, rows: 2, random });
  await assert.rejects(
    collectEpisodes('Test', env, actor, random, new Episodes(2, 1, 1, 1), now),
    /Test: learns from whole episodes/,
  );
});
