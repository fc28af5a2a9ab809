import assert from 'node:assert/strict';
import { test } from 'node:test';
import { project, run } from './support.ts';

test('the newest checkpoint is the last one written, whatever its step', (t) => {
  const { runs, checkpoints } = project(t);
  const id = runs.create(run);
  assert.equal(checkpoints.latest(id), undefined);
  const first = checkpoints.add(id, 2000, Uint8Array.of(1, 2, 3));
  const second = checkpoints.add(id, 1000, Uint8Array.of(4));
  assert.deepEqual(checkpoints.list(id), [first, second]);
  assert.deepEqual(checkpoints.latest(id), { ...second, bytes: Uint8Array.of(4) });
  assert.deepEqual(checkpoints.get(first.id), { ...first, bytes: Uint8Array.of(1, 2, 3) });
  assert.match(first.hash, /^[0-9a-f]{16}$/);
  assert.throws(() => checkpoints.get(9), new RangeError('There is no checkpoint 9 in this project'));
  assert.throws(() => checkpoints.add(9, 0, Uint8Array.of()), /There is no run 9/);
});

test('a checkpoint larger than SQLite takes is refused with what would make it smaller', (t) => {
  const { runs, checkpoints } = project(t);
  // Only its length is looked at: no gigabyte is made.
  const bytes = { length: 1_000_000_000 } as Uint8Array;
  assert.throws(
    () => checkpoints.add(runs.create(run), 1, bytes),
    /1000000000 bytes, at most \d+ can be stored; fewer worlds/,
  );
});

test('pruning keeps the newest and those that lineage names, and no id is used twice', (t) => {
  const { runs, checkpoints, lineage } = project(t);
  const [id, other] = [runs.create(run), runs.create(run)];
  for (let step = 1; step <= 6; step++) checkpoints.add(id, step, Uint8Array.of(step));
  checkpoints.add(other, 1, Uint8Array.of(1));
  lineage.link({ from: 'checkpoint:2', to: `run:${other}`, role: 'policy' });
  lineage.link({ from: `run:${id}`, to: 'checkpoint:3', role: 'wrote' });
  checkpoints.prune(id, 2);
  assert.deepEqual(
    checkpoints.list(id).map((row) => row.step),
    [2, 3, 5, 6],
  );
  assert.equal(checkpoints.list(other).length, 1);
  assert.equal(checkpoints.add(id, 7, Uint8Array.of(7)).id, 8);
  assert.throws(() => checkpoints.prune(id, 0), /keep 0, wanted at least 1/);
});

test('a journal comes back whole for each checkpoint kept, and pieces that none needs are dropped', (t) => {
  const { runs, checkpoints } = project(t);
  const id = runs.create(run);
  // A buffer that holds three pieces.
  const rows = [1, 2, 3, 4, 5].map((n) =>
    checkpoints.add(id, n, Uint8Array.of(n), { bytes: Uint8Array.of(10 * n), needed: Math.min(n, 3) }),
  );
  const journal = (n: number): number[] => checkpoints.journal(rows[n]!.id).map((bytes) => bytes[0]!);
  assert.deepEqual(journal(0), [10]);
  assert.deepEqual(journal(4), [30, 40, 50]);
  checkpoints.prune(id, 2);
  assert.deepEqual(journal(3), [20, 30, 40]);
  assert.deepEqual(journal(4), [30, 40, 50]);
  // The run goes on from the last but one: what was written after it never happened.
  checkpoints.forgetJournalAfter(id, rows[3]!.id);
  const next = checkpoints.add(id, 5, Uint8Array.of(6), { bytes: Uint8Array.of(60), needed: 3 });
  assert.deepEqual(
    checkpoints.journal(next.id).map((bytes) => bytes[0]),
    [30, 40, 60],
  );
  assert.deepEqual(checkpoints.journal(checkpoints.add(id, 6, Uint8Array.of(7)).id), []);
});
