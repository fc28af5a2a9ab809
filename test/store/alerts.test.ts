import assert from 'node:assert/strict';
import { test } from 'node:test';
import { project, run } from './support.ts';

test('alerts of a run come back in order, with and without a step', (t) => {
  const store = project(t);
  const [first, second] = [store.runs.create(run), store.runs.create(run)];
  const alerts = [
    { level: 'warning', message: 'the policy stopped exploring', step: 4096, at: 1 },
    { level: 'error', message: 'no more disk', at: 2 },
  ] as const;
  for (const alert of alerts) store.alerts.add(first, alert);
  assert.deepEqual(store.alerts.of(first), alerts);
  assert.deepEqual(store.alerts.of(second), []);
  assert.throws(() => store.alerts.add(99, alerts[0]), /no run 99/);
});
