import assert from 'node:assert/strict';
import { test } from 'node:test';
import { project, run } from './support.ts';

test('weight changes come back by step, the newest of a step and line', (t) => {
  const { runs, weightChanges } = project(t);
  const id = runs.create(run);
  weightChanges.add(id, { step: 200, line: 0, weight: 2, at: 1 });
  weightChanges.add(id, { step: 100, line: 1, weight: 0.5, at: 2 });
  weightChanges.add(id, { step: 200, line: 0, weight: 3, at: 3 });
  assert.deepEqual(weightChanges.of(id), [
    { step: 100, line: 1, weight: 0.5, at: 2 },
    { step: 200, line: 0, weight: 3, at: 3 },
  ]);
  assert.deepEqual(weightChanges.of(runs.create(run)), []);
  assert.throws(() => weightChanges.add(99, { step: 0, line: 0, weight: 1, at: 0 }), /FOREIGN KEY/);
});
