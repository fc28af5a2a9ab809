/** Jerk and learned progress of episodes that were stored before schema 3, on real projects of schema 2. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { openStore, type Store, StoreReadOnlyError } from '../../store/index.ts';
import { child, episode, fingerprint, folder, oldProject } from './support.ts';

/** Actions 0, i, 0, ... and learned progress that ends at i / 8; every fourth has neither, every third is too short for a jerk. */
const old = (i: number) =>
  episode(1, {
    seed: i,
    columns:
      i % 4 === 3
        ? [{ name: 'states', width: 2, data: Float64Array.of(1, 2, 3, 4) }]
        : [
            { name: 'states', width: 2, data: Float64Array.of(1, 2, 3, 4) },
            { name: 'action', width: 1, data: Float64Array.of(0, i, ...(i % 3 === 0 ? [] : [0, 0])) },
            { name: 'learned/sarm', width: 1, data: Float32Array.of(0, 0, i / 8) },
            { name: 'learned/lrm', width: 1, data: Float32Array.of(0, 0, 1) },
          ],
  });
const many = (count: number) => Array.from({ length: count }, (_, i) => old(i));

/** [id, jerk, learned progress] of every episode. */
const measured = (store: Store) =>
  store.episodes.list().items.map(({ id, jerk, learnedProgress }) => [id, jerk, learnedProgress]);

/** The same as if these episodes were stored today. */
function expected(t: Parameters<typeof folder>[0], count: number) {
  const store = openStore(folder(t));
  store.runs.create({
    kind: 'train',
    name: '',
    task: 'push',
    algorithm: null,
    seed: 0,
    config: {},
    versions: {},
  });
  store.episodes.addAll(many(count));
  const values = measured(store);
  store.close();
  return values;
}

function measureAll(store: Store, mostMs: number): { count: number; problems: string[] } {
  let [last, count] = [0, 0];
  const problems: string[] = [];
  for (;;) {
    const found = store.oldEpisodes.measure(last, mostMs);
    if (found === undefined) return { count, problems };
    last = found.last;
    count += found.count;
    problems.push(...found.problems);
  }
}

function scribble(store: Store, id: number): void {
  const other = new Database(store.file);
  const bytes = other
    .prepare<[number], Buffer>('SELECT bytes FROM episode_data WHERE episode_id = ?')
    .pluck();
  const bad = Buffer.from(bytes.get(id)!);
  bad[bad.length - 3]! ^= 0x40;
  other.prepare('UPDATE episode_data SET bytes = ? WHERE episode_id = ?').run(bad, id);
  other.close();
}

test('episodes of a project of schema 2 get what they would have got today, a few at a time or all at once', (t) => {
  const wanted = expected(t, 24);
  for (const mostMs of [0, 60_000]) {
    const directory = folder(t);
    oldProject(directory, many(24));
    const store = openStore(directory);
    t.after(() => store.close());
    assert.deepEqual([store.oldEpisodes.count(), store.episodes.list({ filter: 'jerk:>=0' }).total], [24, 0]);
    assert.ok(store.episodes.list().items.every(({ jerk }) => Number.isNaN(jerk)));
    assert.deepEqual(measureAll(store, mostMs), { count: 24, problems: [] });
    assert.deepEqual(measured(store), wanted);
    assert.equal(
      store.episodes.list({ sort: 'learnedProgress', descending: true, limit: 1 }).items[0]!.id,
      23,
    );
    assert.deepEqual([...store.episodes.learned(1).values].length, 18);
    assert.deepEqual([store.oldEpisodes.count(), store.oldEpisodes.measure(0, 0)], [0, undefined]);
  }
});

test('an episode that is stored today is not looked at again, one that goes with its run is forgotten', (t) => {
  const directory = folder(t);
  oldProject(directory, many(3));
  const store = openStore(directory);
  t.after(() => store.close());
  // Too short for a jerk and without a model, so both are NULL as of an old one.
  store.episodes.add(episode(1, { columns: [] }));
  assert.equal(store.oldEpisodes.count(), 3);
  const other = new Database(store.file);
  other.pragma('foreign_keys = ON');
  other.exec('DELETE FROM episodes WHERE id = 2');
  other.close();
  assert.equal(store.oldEpisodes.count(), 2);
  assert.deepEqual(measureAll(store, 0), { count: 2, problems: [] });
});

test('what a killed process has measured is kept, and the next one goes on there', async (t) => {
  const directory = folder(t);
  oldProject(directory, many(400));
  const wanted = expected(t, 400);
  const counts: number[] = [];
  for (const lines of [1, 20, 60]) {
    const other = child(t, ['measure', directory, '100']);
    for (let i = 0; i < lines; i++) await other.line();
    other.process.kill('SIGKILL');
    await other.closed;
    const reader = openStore(directory, { mode: 'read' });
    const left = reader.oldEpisodes.count();
    // Each that was said to be done is done; those that are left are as they were.
    const said = other.lines.map(Number);
    assert.ok(left <= 400 - said.at(-1)!, `${left} left after ${said.at(-1)}`);
    const none = measured(reader).map(([id, ...values]) =>
      id! <= 400 - left ? wanted[id! - 1]! : [id, ...values.map(() => Number.NaN)],
    );
    assert.deepEqual(measured(reader), none);
    reader.close();
    counts.push(left);
  }
  assert.ok(
    counts.every((left, i) => left > 0 && left < (counts[i - 1] ?? 400)),
    `${counts}`,
  );
  const store = openStore(directory);
  t.after(() => store.close());
  measureAll(store, 5);
  assert.deepEqual(measured(store), wanted);
  assert.deepEqual(store.health({ full: true }).problems, []);
});

test('a damaged episode is named, left as it is, tried again at the next opening, and told by health', (t) => {
  const directory = folder(t);
  oldProject(directory, many(6));
  let store = openStore(directory);
  scribble(store, 2);
  const other = new Database(store.file);
  other.exec('DELETE FROM episode_data WHERE episode_id = 5');
  other.close();
  const wanted = expected(t, 6).map(([id, ...values]) =>
    id === 2 || id === 5 ? [id, Number.NaN, Number.NaN] : [id, ...values],
  );
  const { count, problems } = measureAll(store, 5);
  assert.equal(count, 6);
  assert.match(problems[0]!, /^Episode 2: stored bytes are damaged \(checksum /);
  assert.deepEqual(problems.slice(1), ['Episode 5: stored bytes are missing']);
  assert.deepEqual(measured(store), wanted);
  const told = store.health({ full: true }).problems;
  assert.deepEqual(told, ['Episode 5 has no stored bytes', problems[0]]);
  store.close();

  store = openStore(directory);
  t.after(() => store.close());
  assert.equal(store.oldEpisodes.count(), 2);
  assert.deepEqual(measureAll(store, 5), { count: 2, problems });
});

test('whoever only reads changes nothing', (t) => {
  const directory = folder(t);
  oldProject(directory, many(4));
  assert.throws(() => openStore(directory, { mode: 'read' }), StoreReadOnlyError);
  const writer = openStore(directory);
  writer.oldEpisodes.measure(0, 0);
  writer.close();
  const before = fingerprint(directory);
  const reader = openStore(directory, { mode: 'read' });
  assert.equal(reader.oldEpisodes.count(), 3);
  assert.throws(() => reader.oldEpisodes.measure(0, 0), StoreReadOnlyError);
  reader.close();
  assert.deepEqual(fingerprint(directory), before);
});
