import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import type { EpisodeQuery } from '../../store/index.ts';
import { episode, project, run } from './support.ts';

test('an episode comes back as it was given', (t) => {
  const { runs, episodes } = project(t);
  const given = episode(runs.create(run), {
    success: true,
    rewardHash: 'abc',
    returns: { z: 1, a: -2.5, none: 0 },
  });
  const id = episodes.add(given);
  const { createdAt, jerk: _, learnedProgress: __, ...row } = episodes.get(id);
  const { columns, ...plain } = given;
  assert.deepEqual(row, {
    ...plain,
    id,
    verified: null,
    fork: null,
    starred: false,
    trashed: false,
    tags: [],
  });
  assert.ok(Math.abs(createdAt - Date.now()) < 60_000);
  assert.deepEqual([...episodes.columns(id).values()], columns);
});

test('a diverged episode keeps its NaN and infinities', (t) => {
  const { runs, episodes } = project(t);
  const id = episodes.add(
    episode(runs.create(run), {
      ending: 'diverged',
      length: 0,
      columns: [],
      finalProgress: Number.NaN,
      returnTotal: Number.NEGATIVE_INFINITY,
      returns: { speed: Number.NaN },
    }),
  );
  const { finalProgress, returnTotal, returns, length } = episodes.get(id);
  assert.deepEqual(
    { finalProgress, returnTotal, returns, length },
    {
      finalProgress: Number.NaN,
      returnTotal: Number.NEGATIVE_INFINITY,
      returns: { speed: Number.NaN },
      length: 0,
    },
  );
});

test('filters, sorts and pages agree with doing the same by hand', (t) => {
  const store = project(t);
  const { runs, episodes } = store;
  const runIds = [runs.create(run), runs.create(run)];
  store.transaction(() => {
    for (let i = 0; i < 60; i++) {
      episodes.add(
        episode(runIds[i % 2]!, {
          task: i % 3 === 0 ? 'reach' : 'push',
          kind: (['demonstration', 'random', 'training', 'evaluation'] as const)[i % 4]!,
          success: i % 5 < 2,
          length: (i * 7) % 11,
          columns: [],
          finalProgress: ((i * 13) % 17) / 17,
          returnTotal: ((i * 29) % 31) - 15,
          trainedSteps: (i * 37) % 10,
          returns: { i },
        }),
      );
    }
  });
  const all = episodes.list().items;
  assert.deepEqual(
    all.map((row) => row.returns),
    Array.from({ length: 60 }, (_, i) => ({ i })),
  );

  const filters: EpisodeQuery[] = [
    {},
    { runId: runIds[1]! },
    { task: 'reach' },
    { kind: 'evaluation' },
    { success: true },
    { success: false },
    { runId: runIds[0]!, task: 'push', kind: 'training', success: false },
    { task: 'nowhere' },
    { runId: 99 },
  ];
  const sorts = [
    'id',
    'length',
    'success',
    'finalProgress',
    'returnTotal',
    'trainedSteps',
    'createdAt',
  ] as const;
  for (const filter of filters) {
    const matching = all.filter((row) =>
      Object.entries(filter).every(([key, value]) => row[key as keyof typeof row] === value),
    );
    assert.deepEqual(
      episodes.ids(filter),
      matching.map((row) => row.id),
    );
    for (const sort of sorts) {
      for (const descending of [false, true]) {
        const sorted = matching.toSorted((a, b) => Number(a[sort]) - Number(b[sort]) || a.id - b.id);
        if (descending) sorted.reverse();
        const query = { ...filter, sort, descending };
        assert.deepEqual(episodes.list(query), { total: matching.length, items: sorted });
        assert.deepEqual(episodes.list({ ...query, offset: 3, limit: 4 }), {
          total: matching.length,
          items: sorted.slice(3, 7),
        });
      }
    }
  }
  assert.deepEqual(episodes.list({ offset: 1000, limit: 5 }), { total: 60, items: [] });
});

test('verification is remembered', (t) => {
  const { runs, episodes } = project(t);
  const id = episodes.add(episode(runs.create(run)));
  episodes.setVerified(id, false);
  assert.equal(episodes.get(id).verified, false);
  episodes.setVerified(id, true);
  assert.equal(episodes.get(id).verified, true);
  assert.throws(() => episodes.setVerified(5, true), new RangeError('There is no episode 5 in this project'));
});

test('what cannot be stored is refused whole', (t) => {
  const { runs, episodes } = project(t);
  const id = runs.create(run);
  assert.throws(
    () => episodes.add(episode(9)),
    new RangeError('There is no run 9 in this project; the episode was not stored'),
  );
  assert.throws(() => episodes.add(episode(id, { length: 1.5, columns: [] })), /length 1.5/);
  assert.throws(
    () => episodes.add(episode(id, { columns: [{ name: 'a', width: 2, data: Uint8Array.of(1) }] })),
    /Column a/,
  );
  assert.throws(() => episodes.add(episode(id, { ending: 'bored' as 'diverged' })), /CHECK constraint/);
  assert.equal(episodes.list().total, 0);
  assert.throws(() => episodes.get(3), new RangeError('There is no episode 3 in this project'));
  assert.throws(() => episodes.columns(3), new RangeError('There is no episode 3 in this project'));
});

test('damaged bytes are named with their episode, chosen columns are read alone', (t) => {
  const store = project(t);
  const { runs, episodes } = store;
  const runId = runs.create(run);
  const columns = [
    { name: 'actions', width: 1, data: Float64Array.of(1, 2, 3) },
    { name: 'progress', width: 1, data: Float32Array.of(0, 0.5, 1, 1) },
  ];
  const [first, second] = [
    episodes.add(episode(runId, { columns })),
    episodes.add(episode(runId, { columns })),
  ];
  assert.deepEqual([...episodes.columns(first, ['progress']).values()], [columns[1]]);
  assert.throws(
    () => episodes.columns(first, ['reward']),
    new RangeError(`Episode ${first}: no column reward; there are: actions, progress`),
  );

  const other = new Database(store.file);
  other.exec(
    `UPDATE episode_data SET bytes = CAST(substr(bytes, 1, 40) || x'00' || substr(bytes, 42) AS BLOB) WHERE episode_id = ${second}`,
  );
  other.close();
  assert.throws(
    () => episodes.columns(second),
    /^Error: Episode 2: stored bytes are damaged \(checksum [0-9a-f]{8} over \d+ bytes, wanted [0-9a-f]{8}\)$/,
  );
  assert.equal(episodes.columns(first).size, 2);
  assert.equal(store.health().ok, true, 'the tree of pages is whole');
  const { ok, problems } = store.health({ full: true });
  assert.equal(ok, false);
  assert.match(problems.join('\n'), /^Episode 2: stored bytes are damaged \(checksum .*\)$/);
});

test('a list page of 100,000 episodes comes in milliseconds by every sort', (t) => {
  const store = project(t);
  const runId = store.runs.create(run);
  const other = new Database(store.file);
  other.exec(`WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO episodes (run_id, task, kind, seed, trained_steps, length, ending, success, final_progress, return_total, checksum, created_at)
    SELECT ${runId}, 'push', iif(i % 10, 'training', 'evaluation'), i, i * 7919 % 100003, i * 31 % 500, 'truncated', i % 3 = 0,
      (i * 7907 % 1009) / 1009.0, (i * 7901 % 10007) / 100.0, '', i * 17 % 65537 FROM n`);
  other.close();
  let slowest = 0;
  for (const sort of [
    'id',
    'length',
    'success',
    'finalProgress',
    'returnTotal',
    'trainedSteps',
    'createdAt',
  ] as const) {
    for (const filter of [{}, { runId }, { kind: 'evaluation' as const, success: true }]) {
      const start = performance.now();
      const { items } = store.episodes.list({ ...filter, sort, descending: true, offset: 1000, limit: 200 });
      slowest = Math.max(slowest, performance.now() - start);
      assert.equal(items.length, 200);
    }
  }
  t.diagnostic(`slowest page ${slowest.toFixed(1)} ms`);
  // Far above what is needed; stands for "not seconds".
  assert.ok(slowest < 1000, `slowest page took ${slowest} ms`);
});

test('every sort of the whole list walks along an index', (t) => {
  const store = project(t);
  const db = new Database(store.file, { readonly: true });
  for (const column of [
    'id',
    'length',
    'success',
    'final_progress',
    'return_total',
    'trained_steps',
    'created_at',
  ]) {
    for (const direction of ['ASC', 'DESC']) {
      const sql = `SELECT id FROM episodes ORDER BY ${column} ${direction}, id ${direction} LIMIT 200`;
      const plan = db.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all();
      assert.doesNotMatch(plan.map((row) => row.detail).join('\n'), /TEMP B-TREE/, column);
    }
  }
  db.close();
});

test('many episodes are stored together: ids in their order, all of them or none', (t) => {
  const { runs, episodes } = project(t);
  const id = runs.create(run);
  const alone = episodes.add(episode(id, { seed: 1 }));
  const together = episodes.addAll([2, 3, 4].map((seed) => episode(id, { seed })));
  assert.deepEqual(
    together.map((one) => episodes.get(one).seed),
    [2, 3, 4],
  );
  const { length, columns } = episode(id);
  const refused: [Parameters<typeof episodes.addAll>[0], RegExp][] = [
    [[episode(id), episode(99)], /There is no run 99/],
    [[episode(id), episode(id, { length: -1 })], /length -1/],
    [[episode(id), episode(id, { length, columns: [columns[0]!, columns[0]!] })], /given twice/],
  ];
  for (const [batch, message] of refused) assert.throws(() => episodes.addAll(batch), message);
  assert.deepEqual(episodes.ids(), [alone, ...together]);
  assert.deepEqual(episodes.addAll([]), []);
});
