/** Learned progress of stored episodes as the proxy beside the truth, on a real project. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { learnedAt, learnedProxies } from '../../lab/learned-proxy.ts';
import { unpack } from '../../lab/pack.ts';
import { truthBesideProxy } from '../../lab/run-curves.ts';
import { episode, project, run } from '../store/support.ts';

test('learned progress is the mean of the episodes that began since the row before, the trash and other kinds left out', (t) => {
  const store = project(t);
  const id = store.runs.create(run);
  const add = (trainedSteps: number, last: number, kind: 'training' | 'evaluation' = 'training') =>
    store.episodes.add(
      episode(id, {
        trainedSteps,
        kind,
        length: 2,
        columns: [{ name: 'learned/sarm', width: 1, data: Float32Array.of(0, 0, last) }],
      }),
    );
  assert.deepEqual(learnedProxies(store, [id]), []);
  const first = add(50, 0.25);
  add(100, 0.75);
  add(300, 1);
  add(100, 0, 'evaluation');
  store.episodes.mark([add(90, 0)], { trashed: true });
  store.episodes.add(episode(id, { trainedSteps: 60 }));
  assert.deepEqual(learnedProxies(store, [id]), [
    { key: 'episodes/learned', title: 'learned progress, as recorded', episodes: 3 },
  ]);
  // 50 before the first row, 100 is the policy of that row, none before the third, 300 after the last.
  assert.deepEqual([...learnedAt(store, id, 'episodes/learned', [100, 200, 300])], [0.25, 0.75, Number.NaN]);

  const model = store.models.add({
    runId: id,
    method: 'sarm',
    task: 'push',
    settings: {},
    metrics: {},
    bytes: Uint8Array.of(1, 2, 3),
  });
  store.scores.put(first, model.hash, Float32Array.of(0, 0.1, 0.125));
  assert.deepEqual(learnedProxies(store, [id]).at(-1), {
    key: `episodes/model/${model.id}`,
    title: `learned progress by sarm #${model.id}, as kept`,
    episodes: 1,
  });
  assert.deepEqual([...learnedAt(store, id, `episodes/model/${model.id}`, [100])], [0.125]);
  assert.throws(() => learnedAt(store, id, 'episodes/model/77', [1]), /77/);
  assert.throws(() => learnedAt(store, id, 'episodes/other', [1]), /wanted episodes\/learned/);
});

test('episodes with learned progress are counted as they are read: of every kind and run, in the trash, without a number', (t) => {
  const store = project(t);
  const runs = [0, 1, 2].map(() => store.runs.create(run));
  for (let k = 0; k < 120; k++) {
    const last = k % 7 === 0 ? Number.NaN : k / 120;
    const id = store.episodes.add(
      episode(runs[k % 2]!, {
        trainedSteps: k % 11,
        kind: k % 3 === 0 ? 'evaluation' : 'training',
        columns: k % 5 === 0 ? [] : [{ name: 'learned/sarm', width: 1, data: Float32Array.of(0, last) }],
      }),
    );
    if (k % 13 === 0) store.episodes.mark([id], { trashed: true });
  }
  const counts = runs.map((id) => store.episodes.learnedCount(id));
  assert.deepEqual(
    counts,
    runs.map((id) => store.episodes.learned(id).steps.length),
  );
  assert.deepEqual([counts[0]! > 20, counts[1]! > 20, counts[2]], [true, true, 0]);
  assert.equal(learnedProxies(store, runs)[0]!.episodes, counts[0]! + counts[1]!);
});

test('of many kept scores some are read, evenly, the first of them first', (t) => {
  const store = project(t);
  const id = store.runs.create(run);
  for (let k = 0; k < 10; k++)
    store.scores.put(store.episodes.add(episode(id, { trainedSteps: k })), 'm', Float32Array.of(0, k / 10));
  assert.deepEqual([...store.scores.learned(id, 'm', 4).steps], [0, 2, 5, 7]);
  assert.deepEqual([...store.scores.learned(id, 'm', 99).steps], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assert.deepEqual([...store.scores.learned(id, 'other', 4).steps], []);
});

test('a reward model that is taken in parts from the truth where the truth falls', async (t) => {
  const store = project(t);
  const id = store.runs.create(run);
  for (let k = 1; k <= 120; k++) {
    store.metrics.add(id, k * 100, {
      'rollout/progress': 0.9 - Math.abs(k / 120 - 0.5) + (k % 2 === 0 ? 0.01 : -0.01),
    });
    // A row of its own between two others takes no episodes from them.
    store.metrics.add(id, k * 100 - 50, { 'loss/value': 1 });
    const last = 0.2 + k / 200 + (k % 3) / 100;
    store.episodes.add(
      episode(id, {
        trainedSteps: k * 100 - 70,
        length: 1,
        columns: [{ name: 'learned/sarm', width: 1, data: Float32Array.of(0, last) }],
      }),
    );
  }
  const ask = { runs: [id], truth: 'rollout/progress', proxy: 'episodes/learned', points: 50 } as const;
  const { parting, data, left } = truthBesideProxy(store, { ...ask, x: 'steps' });
  assert.deepEqual(left, []);
  assert.equal(parting.kind, 'part');
  assert.ok(parting.kind === 'part' && Math.abs(parting.at - 6000) <= 1000, JSON.stringify(parting));
  const arrays = unpack(data);
  const proxy = arrays['proxy/middle'] as Float64Array;
  assert.ok(Math.abs(proxy[0]! - 0.215) < 1e-6 && Math.abs(proxy.at(-1)! - 0.8) < 1e-6, `${proxy}`);

  const bare = store.runs.create(run);
  store.metrics.add(bare, 1, { 'rollout/progress': 0 });
  store.metrics.add(bare, 2, { 'rollout/progress': 1 });
  const without = truthBesideProxy(store, { ...ask, runs: [bare], x: 'steps' });
  assert.match(without.left[0]!.why, /fewer than two points of learned progress, stored with training/);
});
