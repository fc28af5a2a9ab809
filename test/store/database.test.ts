import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { createRandom } from '../../sim/engine/random.ts';
import { openDatabase } from '../../store/database.ts';
import { networkFileSystem } from '../../store/filesystem.ts';
import {
  openStore,
  StoreBusyError,
  StoreForeignError,
  StoreMissingError,
  StoreReadOnlyError,
} from '../../store/index.ts';
import { migrations } from '../../store/migrations.ts';
import { child, episode, fingerprint, folder, project, run } from './support.ts';

/** A closed project with one run and a few episodes. */
function filled(directory: string): void {
  const store = openStore(directory);
  const id = store.runs.create(run);
  for (let seed = 0; seed < 20; seed++) store.episodes.add(episode(id, { seed }));
  store.close();
}

function refused(directory: string, reason: StoreForeignError['reason'], message: RegExp): void {
  const before = fingerprint(directory);
  for (const mode of ['write', 'read'] as const) {
    assert.throws(
      () => openStore(directory, { mode }),
      (error) => error instanceof StoreForeignError && error.reason === reason && message.test(error.message),
      `${mode}: ${message}`,
    );
    assert.deepEqual(fingerprint(directory), before, `${mode}: touched`);
  }
}

test('a new project is one WAL database of ours that the next opening finds', (t) => {
  const directory = join(folder(t), 'not', 'there yet %20?#');
  const store = openStore(directory);
  const [id] = [store.runs.create(run)];
  const db = new Database(store.file, { readonly: true });
  const settings = ['application_id', 'journal_mode', 'user_version'].map((name) =>
    db.pragma(name, { simple: true }),
  );
  assert.deepEqual(settings, [0x524c6162, 'wal', migrations.length]);
  const loose = db.prepare(
    "SELECT name FROM pragma_table_list WHERE type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'",
  );
  assert.deepEqual(loose.all(), []);
  db.close();
  const { ok, problems, bytes, schemaVersion } = store.health({ full: true });
  assert.deepEqual(
    { ok, problems, schemaVersion },
    { ok: true, problems: [], schemaVersion: migrations.length },
  );
  assert.ok(bytes > 4096);
  store.close();
  store.close();
  assert.deepEqual(readdirSync(directory).sort(), ['lab.db', 'lab.lock']);
  const again = openStore(directory, { create: false });
  assert.equal(again.runs.get(id!).name, 'first');
  again.close();
});

test('a folder without a project is not made into one by reading or by create: false', (t) => {
  const directory = folder(t);
  for (const options of [{ mode: 'read' }, { create: false }] as const) {
    assert.throws(() => openStore(directory, options), StoreMissingError);
    assert.throws(() => openStore(join(directory, 'no'), options), StoreMissingError);
  }
  assert.deepEqual(readdirSync(directory), []);
});

test('a text file, an empty file and a folder named lab.db are refused untouched', (t) => {
  const directory = folder(t);
  const file = join(directory, 'lab.db');
  for (const text of ['x', 'my notes\n', 'notes '.repeat(5000), `SQLite format 3\0${'junk'.repeat(3000)}`]) {
    writeFileSync(file, text);
    refused(directory, 'foreign', /lab\.db is not an SQLite database\. It was left untouched\.$/);
  }
  writeFileSync(file, '');
  refused(directory, 'damaged', /is empty \(0 bytes\)/);
  rmSync(file);
  mkdirSync(file);
  for (const mode of ['read', 'write'] as const)
    assert.throws(() => openStore(directory, { mode }), /is not a file/);
});

test("another program's database is refused untouched, in either journal mode and with a log left behind", (t) => {
  for (const journal of ['delete', 'wal'] as const) {
    const directory = folder(t);
    const db = new Database(join(directory, 'lab.db'));
    db.pragma(`journal_mode = ${journal}`);
    db.exec("CREATE TABLE recipes (text TEXT); INSERT INTO recipes VALUES ('soup')");
    db.close();
    refused(directory, 'foreign', /another program \(application id 0x0, wanted 0x524c6162\)/);
  }

  const source = folder(t);
  const directory = folder(t);
  const db = new Database(join(source, 'lab.db'));
  db.pragma('journal_mode = WAL');
  db.exec('CREATE TABLE recipes (text TEXT)');
  for (const name of ['lab.db', 'lab.db-wal'])
    writeFileSync(join(directory, name), readFileSync(join(source, name)));
  db.close();
  assert.ok(statSync(join(directory, 'lab.db-wal')).size > 0);
  refused(directory, 'foreign', /another program/);
});

test('a newer version is refused untouched', (t) => {
  const directory = folder(t);
  filled(directory);
  const db = new Database(join(directory, 'lab.db'));
  db.pragma('user_version = 999');
  db.close();
  refused(
    directory,
    'newer',
    /has schema version 999, this Reward Lab knows up to \d+; a newer version wrote it/,
  );
});

test('a cut file and a scribbled page are refused untouched', (t) => {
  const directory = folder(t);
  filled(directory);
  const file = join(directory, 'lab.db');
  const whole = readFileSync(file);
  const pageSize = whole.readUInt16BE(16);
  for (const size of [whole.length - pageSize, whole.length - 1000, pageSize * 2, pageSize, 3000]) {
    truncateSync(file, size);
    refused(directory, 'damaged', /is damaged/);
    writeFileSync(file, whole);
  }
  let found = 0;
  for (let page = 1; page < whole.length / pageSize; page++) {
    const bad = Buffer.from(whole);
    bad.fill(0xa5, page * pageSize, (page + 1) * pageSize);
    writeFileSync(file, bad);
    refused(directory, 'damaged', /is damaged/);
    found++;
  }
  assert.ok(found > 20, `${found} pages`);
  writeFileSync(file, whole);
  openStore(directory).close();
});

test('transactions nest: what fails inside is undone alone, what fails outside is undone whole', (t) => {
  const store = project(t);
  const { runs, episodes, metrics } = store;
  const id = runs.create(run);
  store.transaction(() => {
    episodes.add(episode(id, { seed: 1 }));
    assert.throws(() =>
      store.transaction(() => {
        episodes.add(episode(id, { seed: 2, returns: { fresh: 1 } }));
        metrics.add(id, 0, { fresh: 1 });
        throw new Error('no');
      }),
    );
    // The names learned inside are gone with it.
    episodes.add(episode(id, { seed: 3, returns: { fresh: 3 } }));
    metrics.add(id, 1, { fresh: 3 });
  });
  assert.throws(
    () =>
      store.transaction(() => {
        episodes.add(episode(id, { seed: 4 }));
        throw new Error('changed my mind');
      }),
    new Error('changed my mind'),
  );
  assert.deepEqual(
    episodes.list().items.map((row) => [row.seed, row.returns['fresh']]),
    [
      [1, undefined],
      [3, 3],
    ],
  );
  assert.deepEqual([...metrics.series(id).values.get('fresh')!], [3]);
  assert.equal(
    store.transaction(() => 'value'),
    'value',
  );
});

test('a reader works beside the writer, sees what it commits, and never writes', (t) => {
  const writer = project(t);
  const id = writer.runs.create(run);
  const reader = openStore(writer.directory, { mode: 'read' });
  t.after(() => reader.close());
  assert.deepEqual([reader.readOnly, writer.readOnly], [true, false]);
  assert.equal(reader.episodes.list().total, 0);
  writer.episodes.add(episode(id));
  assert.equal(reader.episodes.list().total, 1);
  for (const write of [
    () => reader.runs.create(run),
    () => reader.runs.markCrashed(),
    () => reader.episodes.add(episode(id)),
    () => reader.episodes.setVerified(1, true),
    () => reader.labels.set(1, 'me', 'sparse', []),
    () =>
      reader.models.add({
        runId: id,
        method: 'm',
        task: 't',
        settings: {},
        metrics: {},
        bytes: Uint8Array.of(1),
      }),
    () => reader.scores.put(1, 'aa', Float32Array.of(1)),
    () => reader.metrics.add(id, 1, { a: 1 }),
    () => reader.metrics.truncateAfter(id, 1),
    () => reader.checkpoints.add(id, 1, Uint8Array.of(1)),
    () => reader.checkpoints.prune(id, 1),
    () => reader.lineage.link({ from: 'run:1', to: 'model:1', role: 'x' }),
    () => reader.transaction(() => 1),
  ]) {
    assert.throws(write, StoreReadOnlyError);
  }
  assert.equal(reader.health().ok, true);
});

test('reading a closed project leaves every byte as it was and no file behind', (t) => {
  const directory = folder(t);
  filled(directory);
  const before = fingerprint(directory);
  const reader = openStore(directory, { mode: 'read' });
  assert.equal(reader.episodes.list().total, 20);
  reader.close();
  assert.deepEqual(fingerprint(directory), before);
});

test('a second writer is told who has the project, here and in another process', async (t) => {
  const store = project(t);
  assert.throws(() => openStore(store.directory), StoreBusyError);

  const other = child(t, ['open', store.directory]);
  const line = await other.line();
  const expected = `StoreBusyError: Project ${store.directory} is open for writing in process ${process.pid} since 20`;
  assert.ok(line.startsWith(expected), line);
  store.runs.create(run);

  store.close();
  assert.equal(await child(t, ['open', store.directory]).line(), 'open');
});

test('a folder in the place of the lock is named', (t) => {
  const directory = folder(t);
  mkdirSync(join(directory, 'lab.lock'));
  assert.throws(
    () => openStore(directory),
    (error) => error instanceof StoreReadOnlyError && error.message.includes(`${directory} cannot be locked`),
  );
});

test('the lock dies with its process, even by kill -9', async (t) => {
  const directory = folder(t);
  const other = child(t, ['hold', directory]);
  assert.equal(await other.line(), 'open');
  assert.throws(
    () => openStore(directory),
    (error) =>
      error instanceof StoreBusyError &&
      error.pid === other.process.pid &&
      Math.abs(error.since! - Date.now()) < 60_000,
  );
  const reader = openStore(directory, { mode: 'read' });
  assert.deepEqual(reader.runs.list(), []);
  reader.close();
  other.process.kill('SIGKILL');
  await other.closed;
  openStore(directory).close();
  assert.deepEqual(readdirSync(directory).sort(), ['lab.db', 'lab.lock']);
});

test('kill -9 in the middle of writing loses no finished episode', async (t) => {
  const directory = folder(t);
  const finished = new Map<number, number>();
  for (let round = 1; round <= 4; round++) {
    const writer = child(t, ['write', directory]);
    assert.equal(await writer.line(), `run ${round}`);
    for (let i = 0; i < 5 * round; i++) await writer.line();
    await new Promise((resolve) => setTimeout(resolve, round * 7));
    writer.process.kill('SIGKILL');
    await writer.closed;
    for (const line of writer.lines.slice(1)) {
      const [id, seed] = line.split(' ').map(Number);
      if (seed !== undefined) finished.set(id!, seed);
    }

    const reader = openStore(directory, { mode: 'read' });
    assert.ok(reader.episodes.list().total >= finished.size);
    reader.close();
    const store = openStore(directory);
    assert.deepEqual(store.health({ full: true }).problems, []);
    assert.equal(store.runs.get(round).status, 'crashed');
    for (const [id, seed] of finished) {
      const states = store.episodes.columns(id).get('states')!.data;
      assert.deepEqual(
        [store.episodes.get(id).seed, states.length, states[77]],
        [seed, 9600, Math.sin(77 * seed)],
      );
    }
    store.close();
  }
  assert.ok(finished.size >= 50, `${finished.size} episodes`);
});

test('a path that cannot be a folder is refused for writing', (t) => {
  const file = join(folder(t), 'file');
  writeFileSync(file, 'x');
  for (const path of [file, join(file, 'project')]) {
    assert.throws(() => openStore(path), StoreReadOnlyError);
    assert.throws(() => openStore(path, { mode: 'read' }), StoreMissingError);
  }
});

/** Root may write anywhere, so the read-only cases run as `nobody` in a process of its own, or as whoever we are. */
const asUser = process.getuid?.() === 0 ? { uid: 65534 } : {};

test('a read-only folder is refused for writing and can still be read', {
  skip: process.platform === 'win32',
}, async (t) => {
  const directory = folder(t);
  filled(directory);
  for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o444);
  chmodSync(directory, 0o555);
  const before = fingerprint(directory);
  const line = await child(t, ['open', directory], asUser).line();
  assert.equal(
    line,
    `StoreReadOnlyError: Project folder ${directory} cannot be written (EACCES); wanted a folder this user may write to, or reading only`,
  );
  assert.equal(await child(t, ['read', directory], asUser).line(), '20 episodes, healthy');
  assert.deepEqual(fingerprint(directory), before);
});

test('where the lock file cannot be written nobody writes: SQLite would take no exclusive lock on it', {
  skip: process.platform === 'win32',
}, async (t) => {
  const directory = folder(t);
  filled(directory);
  for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o666);
  chmodSync(join(directory, 'lab.lock'), 0o444);
  chmodSync(directory, 0o777);
  assert.match(await child(t, ['open', directory], asUser).line(), /^StoreReadOnlyError: .*EACCES/);
});

test('a full disk is named, and what was stored before is there', (t) => {
  const directory = folder(t);
  filled(directory);
  const opened = openDatabase(directory, {}, migrations);
  t.after(() => opened.close());
  opened.db.pragma(`max_page_count = ${opened.db.pragma('page_count', { simple: true }) as number}`);
  const grow = opened.db.prepare('INSERT INTO reward_terms (name) VALUES (hex(zeroblob(100000)))');
  assert.throws(() => opened.write(() => grow.run()), /^Error: No space is left on the disk of .*lab\.db/);
  assert.equal(opened.db.prepare('SELECT count(*) FROM episodes').pluck().get(), 20);
});

test('writes waiting in the log of a killed writer are read from a read-only folder too', {
  skip: process.platform === 'win32',
}, async (t) => {
  const source = folder(t);
  const store = openStore(source);
  const id = store.runs.create(run);
  for (let i = 0; i < 3; i++) store.episodes.add(episode(id));
  // What a kill -9 and a copy leave: the file and its log, without the index.
  const directory = folder(t);
  for (const name of ['lab.db', 'lab.db-wal']) {
    writeFileSync(join(directory, name), readFileSync(join(source, name)), { mode: 0o444 });
  }
  store.close();
  chmodSync(directory, 0o555);
  const before = fingerprint(directory);
  assert.equal(await child(t, ['read', directory], asUser).line(), '3 episodes, healthy');
  assert.deepEqual(fingerprint(directory), before);
});

test('an older version is migrated step by step, with a backup of each version before', (t) => {
  const directory = folder(t);
  const steps = [
    ...migrations,
    {
      title: 'notes',
      sql: 'CREATE TABLE notes (text TEXT NOT NULL) STRICT; INSERT INTO notes SELECT name FROM runs',
    },
    { title: 'shout', sql: 'UPDATE notes SET text = upper(text)' },
  ];
  const first = migrations.length;
  filled(directory);
  const file = join(directory, 'lab.db');

  assert.throws(() => openDatabase(directory, { mode: 'read' }, steps), StoreReadOnlyError);
  const { db, close } = openDatabase(directory, {}, steps);
  assert.equal(db.pragma('user_version', { simple: true }), first + 2);
  assert.deepEqual(db.prepare('SELECT text FROM notes').pluck().all(), ['FIRST']);
  close();

  const versionOf = (path: string): unknown[] => {
    const backup = new Database(path, { readonly: true });
    const found = [
      backup.pragma('user_version', { simple: true }),
      backup.pragma('application_id', { simple: true }),
      backup.prepare('SELECT count(*) FROM episode_data').pluck().get(),
    ];
    backup.close();
    return found;
  };
  assert.deepEqual(versionOf(`${file}.before-v${first + 1}`), [first, 0x524c6162, 20]);
  assert.deepEqual(versionOf(`${file}.before-v${first + 2}`), [first + 1, 0x524c6162, 20]);
  refused(directory, 'newer', /schema version/);
});

test('a migration that fails is undone whole and says so; the next try starts from there', (t) => {
  const directory = folder(t);
  filled(directory);
  const wanted = migrations.length + 1;
  const broken = [
    ...migrations,
    { title: 'broken', sql: 'CREATE TABLE half (x TEXT) STRICT; SELECT nonsense' },
  ];
  const orphaning = [...migrations, { title: 'orphaning', sql: 'DELETE FROM runs' }];
  assert.throws(
    () => openDatabase(directory, {}, broken),
    new RegExp(`migration to schema version ${wanted} \\(broken\\) failed and was undone: no such column`),
  );
  assert.throws(
    () => openDatabase(directory, {}, orphaning),
    /failed and was undone: 20 rows would point nowhere/,
  );
  assert.ok(existsSync(join(directory, `lab.db.before-v${wanted}`)));
  const store = openStore(directory);
  assert.deepEqual([store.health({ full: true }).problems, store.episodes.list().total], [[], 20]);
  store.close();
});

test('rows that other hands broke are told in plain words', (t) => {
  const store = project(t);
  const id = store.runs.create(run);
  for (let i = 0; i < 30; i++) store.episodes.add(episode(id));
  store.labels.set(1, 'simulator', 'sparse', [
    { stage: 0, start: 0, end: 5 },
    { stage: 1, start: 5, end: 21 },
  ]);
  store.lineage.link({ from: 'run:1', to: 'model:8', role: 'made' });
  const other = new Database(store.file);
  other.pragma('foreign_keys = OFF');
  other.exec(`DELETE FROM episode_data WHERE episode_id > 5; UPDATE stage_labels SET end_frame = 22 WHERE stage = 1;
    UPDATE stage_labels SET end_frame = 7 WHERE stage = 0; DELETE FROM reward_terms WHERE name = 'sparse'`);
  other.close();
  const { ok, problems } = store.health();
  assert.equal(ok, false);
  assert.ok(
    problems.includes('A row of episode_returns (no id) names a row of reward_terms that is not there'),
  );
  assert.ok(
    problems.includes('Episode 6 has no stored bytes') && !problems.includes('Episode 5 has no stored bytes'),
  );
  assert.ok(problems.includes('... and 5 more like the last one'));
  assert.deepEqual(problems.slice(-3), [
    'Episode 1 has stage labels beyond its last frame',
    'Episode 1 has stage labels that overlap',
    'Lineage names model:8, which is not there',
  ]);
  assert.throws(() => store.episodes.columns(6), new Error('Episode 6: stored bytes are missing'));
});

test('network file systems are known by their numbers, signed or not', () => {
  assert.deepEqual(
    [0x6969, 0xff534d42, 0xff534d42 | 0, 0x01021997, 0xef53, 0x01021994].map(networkFileSystem),
    ['NFS', 'CIFS', 'CIFS', '9P', undefined, undefined],
  );
});

test('the views can be read', (t) => {
  const store = project(t);
  const id = store.runs.create(run);
  store.episodes.add(episode(id, { kind: 'evaluation', success: true }));
  store.episodes.add(episode(id, { kind: 'evaluation' }));
  store.metrics.add(id, 3, { loss: 2 });
  const db = new Database(store.file, { readonly: true });
  const row = db.prepare('SELECT name, episodes, evaluations, evaluation_success FROM run_summary').get();
  assert.deepEqual(row, { name: 'first', episodes: 2, evaluations: 2, evaluation_success: 0.5 });
  assert.deepEqual(db.prepare('SELECT run, returns FROM episode_summary WHERE id = 1').get(), {
    run: 'first',
    returns: '{"sparse":0.0,"learned/sarm":1.5}',
  });
  assert.deepEqual(db.prepare('SELECT * FROM metric_values').all(), [
    { run_id: id, name: 'loss', step: 3, value: 2 },
  ]);
  db.close();
});

test('what is written into the log stays there until the next write, also after one that failed, and is stored all the same', (t) => {
  const directory = folder(t);
  const store = openStore(directory);
  t.after(() => store.close());
  const id = store.runs.create(run);
  // 20 episodes of 1 MB that zstd cannot shrink: more than the log holds before it is brought into the file.
  const random = createRandom(1);
  const big = (seed: number) =>
    episode(id, {
      seed,
      columns: [
        { name: 'noise', width: 1, data: Float64Array.from({ length: 2 ** 17 }, () => random.uniform()) },
      ],
    });
  const size = (): number => statSync(join(directory, 'lab.db')).size;
  const before = size();
  store.intoLog(() => {
    for (let seed = 0; seed < 20; seed++) store.episodes.add(big(seed));
  });
  assert.equal(size(), before);
  assert.throws(
    () =>
      store.intoLog(() => {
        store.episodes.add(big(20));
        throw new Error('half way');
      }),
    /half way/,
  );
  assert.equal(size(), before);
  const reader = openStore(directory, { mode: 'read' });
  assert.equal(reader.episodes.list().total, 21);
  reader.close();
  store.runs.update(id, { heartbeatAt: 5 });
  assert.ok(size() > before + 20 * 2 ** 19, `${size()} bytes, ${before} before`);
});
