import assert from 'node:assert/strict';
import { test } from 'node:test';
import { discrimination, realFailures, roborewardClaims } from '../../../lab/claims/roboreward.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const push = tasks.push.create(defaultsOf(tasks.push.fields));

test('failures are of three kinds, and none of them ends as a success', () => {
  const failures = realFailures({ model: push, seed: 1000 }, 4);
  assert.deepEqual(
    [...new Set(failures.map(({ id }) => id.replace(/ \d+$/, '')))],
    ['noisy', 'given up', 'astray'],
  );
  for (const { truth, length } of failures) assert.equal(truth.success[length], 0);
});

test('every arm gets an error and two shares, the same again for the same seed', async () => {
  const compute = await openKernel({ threads: 1 });
  try {
    const parts: string[] = [];
    const once = () =>
      discrimination(
        {
          model: push,
          taskId: 'push',
          seed: 1000,
          compute,
          signal: new AbortController().signal,
          onProgress: (part) => parts.push(part),
        },
        { demonstrations: 6, heldOut: 4, settings: { updates: 40, clips: 2, relabels: 2 } },
      );
    const found = await once();
    assert.deepEqual(parts, ['none', 'clips', 'relabels', 'both']);
    assert.deepEqual(Object.keys(found), Object.keys(roborewardClaims[0]!.arms));
    for (const { error, falseSuccess, recall } of Object.values(found)) {
      assert.ok(error >= 0 && error <= 4);
      for (const share of [falseSuccess, recall]) assert.ok(share >= 0 && share <= 1);
    }
    assert.deepEqual(await once(), found);
  } finally {
    compute.dispose();
  }
});

test('a task whose goal cannot be exchanged is not for it', () => {
  const peg = tasks.peg.create(defaultsOf(tasks.peg.fields));
  for (const claim of roborewardClaims) {
    assert.equal(claim.unsuitable!(peg), 'its goal cannot be exchanged');
    assert.equal(claim.unsuitable!(push), undefined);
  }
});
