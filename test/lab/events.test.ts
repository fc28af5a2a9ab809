import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LabEvent } from '../../lab/api.ts';
import { EventHub } from '../../lab/events.ts';

const metrics = (runId: number, step: number): LabEvent => ({ type: 'metrics', runId, step });

test('a listener that asks seldom gets only the newest event of each kind', async () => {
  const hub = new EventHub();
  for (let step = 1; step <= 1000; step++) {
    hub.emit(metrics(1, step));
    hub.emit(metrics(2, 10 * step));
  }
  const { cursor, events } = await hub.since(0, 0);
  assert.deepEqual(events, [metrics(1, 1000), metrics(2, 10_000)]);
  assert.deepEqual(await hub.since(cursor, 0), { cursor, events: [] });
});

test('a listener with nothing new waits for the next event', async () => {
  const hub = new EventHub();
  const waiting = hub.since(0, 10_000);
  assert.equal(hub.waiting, 1);
  hub.emit(metrics(1, 5));
  assert.deepEqual((await waiting).events, [metrics(1, 5)]);
  assert.equal(hub.waiting, 0);
});

test('waiting ends empty-handed after the time asked for, on abort, and when the lab closes', async () => {
  const hub = new EventHub();
  assert.deepEqual((await hub.since(0, 5)).events, []);
  const abort = new AbortController();
  const aborted = hub.since(0, 10_000, abort.signal);
  abort.abort();
  assert.deepEqual((await aborted).events, []);
  const closed = hub.since(0, 10_000);
  hub.close();
  assert.deepEqual((await closed).events, []);
  assert.equal(hub.waiting, 0);
});

test('a cursor from an earlier life of the lab gets everything current', async () => {
  const hub = new EventHub();
  hub.emit(metrics(1, 1));
  assert.deepEqual((await hub.since(999, 0)).events, [metrics(1, 1)]);
});
