import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { episode, project, run } from './support.ts';

test('scores are kept per episode and model, and replaced', (t) => {
  const { runs, episodes, scores, health, file } = project(t);
  const id = episodes.add(episode(runs.create(run)));
  assert.equal(scores.get(id, 'aa'), undefined);
  assert.deepEqual(scores.of(id), []);
  scores.put(id, 'bb', Float32Array.of(0, 0.1, Number.NaN, -0));
  scores.put(id, 'aa', Float32Array.of(1));
  scores.put(id, 'aa', Float32Array.of(2, 3));
  assert.deepEqual(scores.get(id, 'bb'), Float32Array.of(0, 0.1, Number.NaN, -0));
  assert.deepEqual(scores.get(id, 'aa'), Float32Array.of(2, 3));
  assert.deepEqual(scores.of(id), ['aa', 'bb']);
  assert.throws(() => scores.put(7, 'aa', Float32Array.of(1)), /There is no episode 7 in this project/);

  // Only a cache: damaged bytes are as good as none, but the doctor says so.
  const other = new Database(file);
  other.exec(`UPDATE reward_scores SET bytes = x'00' WHERE model_hash = 'aa'`);
  other.close();
  assert.equal(scores.get(id, 'aa'), undefined);
  assert.match(
    health({ full: true }).problems.join(),
    /^Score by model aa: Episode 1: stored bytes are damaged/,
  );
});
