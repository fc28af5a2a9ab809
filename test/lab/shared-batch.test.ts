/** Worlds over threads: the same bits as on one, and trouble that ends in words instead of waiting. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSharedBatch, type SharedBatch } from '../../lab/shared-batch.ts';
import { createBatch } from '../../sim/batch.ts';
import { hashNumbers } from '../../sim/engine/hash.ts';
import { createRandom } from '../../sim/engine/random.ts';
import type { BatchEnv, Task } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { expertActions, modelOf } from '../sim/tasks/worlds.ts';
import { temporaryFolder } from '../support/project.ts';

const registry = new URL('./broken-tasks.ts', import.meta.url).href;
const settings = defaultsOf(tasks.cartpole.fields);

const steppedTo = (batch: SharedBatch, steps: number): void => {
  for (let t = 0; t < steps; t++) batch.step(new Float64Array(batch.count));
};

/** Everything a batch shows, after `steps` of noisy experts with resets and a restored state on the way. */
function played(batch: BatchEnv, steps: number): string[] {
  const { model, count } = batch;
  const random = createRandom(5);
  const actions = new Float64Array(count * model.actionSpace.dim);
  const seen: string[] = [];
  let saved = batch.saveState(1);
  for (let t = 0; t < steps; t++) {
    expertActions(batch, actions, 0.4, () => random.uniform());
    batch.isRecorded = t % 3 > 0;
    batch.step(actions);
    const { hash, progress, stage, success } = batch.frames;
    seen.push(`${hash} ${progress} ${stage} ${success}`);
    seen.push(hashNumbers(batch.states), hashNumbers(batch.observations), hashNumbers(batch.previousStates));
    seen.push(`${batch.terminated} ${batch.truncated} ${batch.diverged}`);
    for (let w = 0; w < count; w++) if (batch.terminated[w] === 1) batch.reset(w, 100 * t + w);
    if (t === 10) saved = batch.saveState(count - 1);
    if (t === 20) {
      batch.reset(count - 1, 777);
      batch.restoreState(0, saved);
    }
  }
  for (let w = 0; w < count; w++) seen.push(...batch.history(w).map((row) => hashNumbers(row)));
  return seen;
}

async function compare(task: Task, threads: number): Promise<void> {
  const model = modelOf(task);
  const wanted = played(createBatch(model, 5), 30);
  const shared = await openSharedBatch({ task: task.id, settings: model.settings, count: 5, threads });
  assert.deepEqual(played(shared, 30), wanted);
  await shared.close();
}

for (const task of Object.values<Task>(tasks)) {
  test(`${task.id}: three threads give the bits of one batch`, () => compare(task, 3));
}

for (const threads of [1, 2, 4, 5]) {
  test(`any number of threads gives the bits of one batch: ${threads}`, async () => {
    await compare(tasks.cartpole, threads);
    await compare(tasks.push, threads);
  });
}

test('a budget that changes from step to step changes who works, not the bits', async () => {
  const budget = new Int32Array(new SharedArrayBuffer(4));
  const options = { task: 'push', settings: modelOf(tasks.push).settings, count: 5, threads: 4, budget };
  const shared = await openSharedBatch(options);
  const whoWorks: number[] = [];
  const step = shared.step.bind(shared);
  shared.step = (actions) => {
    // 0 and 9: less than one and more than there are.
    budget[0] = [4, 1, 3, 0, 2, 9][whoWorks.length % 6]!;
    whoWorks.push(budget[0]);
    step(actions);
  };
  assert.deepEqual(played(shared, 30), played(createBatch(shared.model, 5), 30));
  assert.equal(whoWorks.length, 30);
  await shared.close();
});

test('with a budget of one thread no other is asked for anything', async () => {
  const budget = new Int32Array(new SharedArrayBuffer(4)).fill(1);
  const options = { task: 'throws', settings, count: 2, threads: 2, registry, patience: 0.5, budget };
  const batch = await openSharedBatch(options);
  // The other thread would throw at the third step.
  steppedTo(batch, 5);
  assert.deepEqual([batch.states[0], batch.states[batch.model.stateDim]], [5, 5]);
  await batch.close();
});

test('a diverged world of another thread is frozen and keeps its history', async () => {
  const batch = await openSharedBatch({ task: 'cartpole', settings, count: 4, threads: 2 });
  const single = createBatch(batch.model, 4);
  const actions = new Float64Array(4);
  for (const one of [batch, single]) {
    for (let t = 0; t < 30; t++) one.step(actions);
    const wild = one.saveState(3);
    wild[2] = 9e5;
    one.restoreState(3, wild);
    for (let t = 0; t < 3; t++) one.step(actions);
  }
  assert.deepEqual([...batch.diverged], [0, 0, 0, 1]);
  assert.deepEqual(batch.history(3), single.history(3));
  assert.equal(batch.history(3).length, 2);
  assert.deepEqual([...batch.states], [...single.states]);
  await batch.close();
});

test('bad actions are refused before any thread moves', async () => {
  const batch = await openSharedBatch({ task: 'cartpole', settings, count: 4, threads: 2 });
  const before = [...batch.states];
  assert.throws(() => batch.step(Float64Array.of(0, 1, 2, 0)), /world 2: found 2, wanted a whole number/);
  assert.throws(() => batch.step(new Float64Array(3)), /found 3 numbers, wanted 4/);
  assert.deepEqual([...batch.states], before);
  batch.step(new Float64Array(4));
  assert.equal(batch.states[0], 1);
  await batch.close();
});

test('a thread that throws, ends or hangs becomes an error that names the task, again at each step', async () => {
  const cases = [
    ['throws', /^Worlds of throws: the spring is negative; the batch cannot be stepped any more$/],
    ['exits', /^Worlds of exits: its thread ended; /],
    ['hangs', /^Worlds of hangs: a thread has said nothing for 0.5 s; /],
  ] as const;
  for (const [task, message] of cases) {
    const batch = await openSharedBatch({ task, settings, count: 2, threads: 2, registry, patience: 0.5 });
    steppedTo(batch, 2);
    assert.throws(() => steppedTo(batch, 1), { message });
    assert.throws(() => steppedTo(batch, 1), { message });
    await batch.close();
  }
});

test('a thread that cannot start is an error that names the task and says why', async () => {
  await assert.rejects(
    openSharedBatch({ task: 'unborn', settings, count: 2, threads: 2, registry }),
    /^Error: Worlds of unborn: a thread did not start: no room for it here$/,
  );
});

test('a closed batch is not stepped, and can be closed again', async () => {
  const batch = await openSharedBatch({ task: 'cartpole', settings, count: 3, threads: 3 });
  steppedTo(batch, 1);
  await batch.close();
  await batch.close();
  assert.throws(() => steppedTo(batch, 1), /^Error: Worlds of cartpole: the batch is closed$/);
  assert.equal(batch.states[0], 1);
});

test('impossible numbers and names are refused', async () => {
  const open = (change: object) =>
    openSharedBatch({ task: 'cartpole', settings, count: 2, threads: 1, ...change });
  await assert.rejects(open({ threads: 3 }), /Threads: found 3, wanted a whole number from 1 to 2/);
  await assert.rejects(open({ threads: 0 }), /Threads: found 0/);
  await assert.rejects(open({ count: 0 }), /found a count of 0/);
  await assert.rejects(open({ task: 'toString' }), /Task: found "toString"/);
});

test('a program that forgets to close its batch still ends', (t) => {
  const module = new URL('../../lab/shared-batch.ts', import.meta.url).href;
  const code = `const { openSharedBatch } = await import(${JSON.stringify(module)});
    const batch = await openSharedBatch({ task: 'cartpole', settings: ${JSON.stringify(settings)}, count: 4, threads: 2 });
    batch.step(new Float64Array(4)); console.log(batch.states[0]);`;
  const file = join(temporaryFolder(t), 'forgetful.mjs');
  writeFileSync(file, code);
  const { status, stdout } = spawnSync(process.execPath, [file], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.deepEqual([status, stdout], [0, '1\n']);
});
