import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { claimsOf } from '../../../lab/claims/robo-dopamine.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

let compute: Kernel;
before(async () => {
  compute = await openKernel({ threads: 1 });
});
after(() => compute.dispose());

const tiny = claimsOf({
  demonstrations: 2,
  failures: 1,
  judged: 1,
  updates: 20,
  pretraining: 1,
  adaptation: 10,
  episodes: 1,
  starts: 1,
});

for (const claim of tiny) {
  test(`${claim.id} gives a number for every arm, the same ones again`, async () => {
    const task = tasks[claim.task as 'push' | 'peg'];
    const model = task.create({ ...defaultsOf(task.fields), horizon: 45 });
    assert.equal(claim.unsuitable?.(model), undefined);
    const once = () =>
      claim.run({
        model,
        taskId: claim.task,
        seed: 7,
        compute,
        signal: new AbortController().signal,
        onProgress: () => undefined,
      });
    const values = await once();
    assert.deepEqual(Object.keys(values).sort(), Object.keys(claim.arms).sort());
    assert.ok(Object.values(values).every(Number.isFinite), JSON.stringify(values));
    if (claim.id === 'fusion') assert.deepEqual(await once(), values);
  });
}

test('a task without stages or without fingers is told why it is not suitable', () => {
  const reason = (id: string, task: 'pendulum' | 'push') =>
    tiny.find((claim) => claim.id === id)!.unsuitable!(tasks[task].create(defaultsOf(tasks[task].fields)));
  assert.match(reason('one-shot', 'push')!, /4 actions/);
  assert.equal(reason('hop', 'push'), undefined);
});
