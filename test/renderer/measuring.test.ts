import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldEvents, useRuns } from '../../renderer/state/runs.ts';

test('while older episodes are measured the window knows how far, and then that its list is old', () => {
  const before = useRuns.getState();
  const during = foldEvents(before, [{ type: 'measuring', done: 20, total: 50 }]);
  assert.deepEqual([during.measuring, during.episodeCount], [{ done: 20, total: 50 }, 0]);
  const after = foldEvents({ ...before, ...during }, [{ type: 'measuring', done: 50, total: 50 }]);
  assert.deepEqual([after.measuring, after.episodeCount], [null, 1]);
});
