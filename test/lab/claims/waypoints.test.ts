import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fewerDemonstrations, waypointsClaims } from '../../../lab/claims/waypoints.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

test('all arms are trained with the same steps and give a share of successes, the same for the same seed', async () => {
  const compute = await openKernel({ threads: 1 });
  try {
    const parts: string[] = [];
    const once = () =>
      fewerDemonstrations(
        {
          model: tasks.reach.create(defaultsOf(tasks.reach.fields)),
          taskId: 'reach',
          seed: 1000,
          compute,
          signal: new AbortController().signal,
          onProgress: (part) => parts.push(part),
        },
        2000,
      );
    const values = await once();
    assert.deepEqual(Object.keys(values), Object.keys(waypointsClaims[0]!.arms));
    assert.ok(Object.values(values).every((value) => value >= 0 && value <= 1));
    assert.deepEqual(parts, ['waypoints-1', 'learned-1', 'learned-5', 'sparse']);
    assert.deepEqual(await once(), values);
  } finally {
    compute.dispose();
  }
});

test('a task without a hand is not for it', () => {
  const [claim] = waypointsClaims;
  assert.match(
    claim!.unsuitable!(tasks.cartpole.create(defaultsOf(tasks.cartpole.fields)))!,
    /no target body/,
  );
  assert.equal(claim!.unsuitable!(tasks.push.create(defaultsOf(tasks.push.fields))), undefined);
});
