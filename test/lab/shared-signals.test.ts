import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { spinUntil } from '../../lab/shared-signals.ts';

const [step, asleep, woken] = [0, 1, 2];

/** Waits for the step to move on from 0, and says when it believes so. */
const waiter = `
  import { workerData } from 'node:worker_threads';
  const { spinUntil } = await import(workerData.module);
  const signal = new Int32Array(workerData.shared);
  Atomics.store(signal, ${asleep}, 1);
  spinUntil(signal, ${step}, 0);
  Atomics.store(signal, ${woken}, 1 + Atomics.load(signal, ${step}));
`;

test('a late notice of the step before does not pass for the next step', async () => {
  const shared = new SharedArrayBuffer(12);
  const signal = new Int32Array(shared);
  const module = new URL('../../lab/shared-signals.ts', import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(waiter)}`), {
    workerData: { shared, module },
  });
  const ended = once(worker, 'exit');
  while (Atomics.load(signal, asleep) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  // Notices without a change, until one of them surely found it asleep.
  let slept = 0;
  for (let i = 0; i < 2000 && slept < 5; i++) {
    slept += Atomics.notify(signal, step);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.ok(slept >= 5, `found asleep ${slept} times`);
  assert.equal(Atomics.load(signal, woken), 0, 'it went on without a new step');
  Atomics.store(signal, step, 7);
  Atomics.notify(signal, step);
  await ended;
  assert.equal(Atomics.load(signal, woken), 8);
});

test('who waits too long is told so', () => {
  const signal = new Int32Array(new SharedArrayBuffer(4));
  assert.equal(spinUntil(signal, 0, 0, 30), false);
  assert.equal(spinUntil(signal, 0, 3, 30), true);
});
