import assert from 'node:assert/strict';
import { test } from 'node:test';
import { distances, epicOf, splitOf, stateMatchClaims } from '../../../lab/claims/state-match.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { type TaskId, tasks } from '../../../sim/tasks/index.ts';

const modelOf = (id: TaskId) => tasks[id].create(defaultsOf(tasks[id].fields));

test('the distance is 0 for the same order of sizes, 1 for the opposite, root 1/2 for none', () => {
  assert.equal(epicOf([0, 1, 2], [10, 20, 30]), 0);
  assert.equal(epicOf([2, 1, 0], [10, 20, 30]), 1);
  // Deviations -1, 1, 1, -1 and -1, -1, 1, 1: their products add up to 0.
  assert.equal(epicOf([0, 2, 2, 0], [0, 0, 2, 2]), Math.SQRT1_2);
});

test('goals are parted at the middle of what differs most; where nothing differs the claim is not for the task', () => {
  const { component, spread } = splitOf(modelOf('push'));
  assert.ok(component < 2 && spread > 0.03, `${component} ${spread}`);
  const [claim] = stateMatchClaims;
  assert.equal(claim!.unsuitable!(modelOf('push')), undefined);
  assert.equal(claim!.unsuitable!(modelOf('drawer')), 'its goal is the same in every episode');
  assert.equal(claim!.unsuitable!(modelOf('peg')), 'it has no goals');
});

test('every arm is a distance, the same again for the same seed', async () => {
  const compute = await openKernel({ threads: 1 });
  try {
    const once = () =>
      distances(
        {
          model: modelOf('push'),
          taskId: 'push',
          seed: 1000,
          compute,
          signal: new AbortController().signal,
          onProgress: () => undefined,
        },
        { demonstrations: 3, judged: 2, settings: { updates: 20, minibatch: 64 } },
      );
    const found = await once();
    assert.deepEqual(Object.keys(found), Object.keys(stateMatchClaims[0]!.arms));
    for (const distance of Object.values(found)) assert.ok(distance >= 0 && distance <= 1);
    assert.deepEqual(await once(), found);
  } finally {
    compute.dispose();
  }
});
