import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { project, run } from './support.ts';

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);

test('a model comes back as it was given, named by the hash of its bytes', (t) => {
  const { runs, models } = project(t);
  const given = {
    runId: runs.create(run),
    method: 'sarm',
    task: 'push',
    settings: { hidden: 64 },
    metrics: { loss: 0.25, worst: Number.NaN, top: Number.POSITIVE_INFINITY },
  };
  const row = models.add({ ...given, bytes });
  assert.deepEqual(row, {
    ...given,
    id: 1,
    hash: createHash('sha256').update(bytes).digest('hex').slice(0, 16),
    createdAt: row.createdAt,
  });
  assert.deepEqual(models.get(1), row);
  assert.deepEqual(models.bytes(1), bytes);
  assert.equal(models.add({ ...given, bytes: bytes.subarray(3, 9) }).id, 2);
  assert.deepEqual(models.bytes(2), bytes.slice(3, 9));
  assert.deepEqual(
    models.list().map((model) => model.id),
    [1, 2],
  );
});

test('a model that is not there, belongs to no run or was damaged is refused', (t) => {
  const { runs, models, file, health } = project(t);
  const given = { method: 'sarm', task: 'push', settings: {}, metrics: {}, bytes };
  assert.throws(() => models.get(1), new RangeError('There is no model 1 in this project'));
  assert.throws(() => models.bytes(1), new RangeError('There is no model 1 in this project'));
  assert.throws(() => models.add({ ...given, runId: 1 }), /There is no run 1/);
  models.add({ ...given, runId: runs.create(run) });
  const other = new Database(file);
  other.exec('UPDATE models SET bytes = zeroblob(1000)');
  other.close();
  assert.throws(() => models.bytes(1), /^Error: Model 1: stored bytes are damaged \(hash/);
  assert.deepEqual(health({ full: true }).problems, ['Model 1: stored bytes are damaged']);
});
