import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openStore } from '../../store/index.ts';
import { episode, folder, project, run } from './support.ts';

test('a run comes back as it was given, with its episodes counted', (t) => {
  const { runs, episodes } = project(t);
  const id = runs.create(run);
  episodes.add(episode(id));
  episodes.add(episode(id));
  const { createdAt, ...row } = runs.get(id);
  assert.ok(Math.abs(createdAt - Date.now()) < 60_000);
  assert.deepEqual(row, {
    ...run,
    id,
    status: 'queued',
    rewardHash: null,
    device: null,
    error: null,
    endedAt: null,
    heartbeatAt: createdAt,
    episodes: 2,
    note: '',
    tags: [],
  });
  assert.deepEqual(runs.list(), [{ ...row, createdAt }]);
});

test('a patch changes what it names and nothing else', (t) => {
  const { runs } = project(t);
  const id = runs.create({ ...run, device: 'wasm' });
  const before = runs.get(id);
  const patch = {
    status: 'failed',
    error: 'no disk',
    endedAt: 5,
    heartbeatAt: 4,
    name: 'renamed',
    rewardHash: 'ab',
    note: 'the disk was full',
  } as const;
  runs.update(id, patch);
  assert.deepEqual(runs.get(id), { ...before, ...patch });
  runs.update(id, {});
  runs.update(id, { error: null });
  assert.deepEqual(runs.get(id), { ...before, ...patch, error: null });
});

test('a run that is not there, and a status that does not exist, are refused', (t) => {
  const { runs } = project(t);
  const none = new RangeError('There is no run 9 in this project');
  assert.throws(() => runs.get(9), none);
  assert.throws(() => runs.update(9, { name: 'x' }), none);
  assert.throws(() => runs.update(9, {}), none);
  assert.throws(() => runs.create({ ...run, status: 'asleep' as 'done' }), /CHECK constraint/);
});

test('runs left running or waiting are marked crashed at the next opening, at their last sign of life', (t) => {
  const directory = folder(t);
  const first = openStore(directory);
  const ids = (['running', 'paused', 'queued', 'done', 'running'] as const).map((status) =>
    first.runs.create({ ...run, status }),
  );
  first.runs.update(ids[0]!, { heartbeatAt: 12_345 });
  assert.deepEqual(first.runs.markCrashed(), [], 'its own runs are alive');
  const statuses = (mode: 'read' | 'write'): string[] => {
    const store = openStore(directory, { mode });
    const rows = store.runs.list();
    store.close();
    if (rows[0]!.status === 'crashed') assert.equal(rows[0]!.endedAt, 12_345);
    return rows.map((row) => row.status);
  };
  const found = ['crashed', 'paused', 'crashed', 'done', 'crashed'];
  assert.deepEqual(statuses('read'), ['running', 'paused', 'queued', 'done', 'running'], 'its writer lives');
  first.close();

  assert.deepEqual(statuses('read'), found, 'a reader sees that nobody is at it');
  assert.deepEqual(statuses('write'), found);
});

test('tags of a run are replaced as a whole, each once, in order; none is left of a run that is not there', (t) => {
  const { runs } = project(t);
  const id = runs.create(run);
  runs.setTags(id, ['slow', 'good', 'slow']);
  assert.deepEqual(runs.get(id).tags, ['good', 'slow']);
  runs.setTags(id, []);
  assert.deepEqual(runs.list()[0]!.tags, []);
  assert.throws(() => runs.setTags(9, ['x']), new RangeError('There is no run 9 in this project'));
  assert.throws(() => runs.setTags(id, ['']), /CHECK constraint/);
});
