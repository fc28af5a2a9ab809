import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { boundaryArms, boundaryErrors, optimism, rewindArms, sarmClaims } from '../../../lab/claims/sarm.ts';
import type { ClaimSetup } from '../../../lab/claims/types.ts';
import type { Compute } from '../../../learn/tensor/compute.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const tiny = { training: 4, calibration: 2, judged: 2, settings: { updates: 15, minibatch: 64 } };
const model = tasks.push.create(defaultsOf(tasks.push.fields));
let compute: Compute;
let setup: ClaimSetup;
before(async () => {
  compute = await openKernel({ threads: 1 });
  setup = {
    model,
    taskId: 'push',
    seed: 1000,
    compute,
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
});
after(() => compute.dispose());

test('every arm of the labels and heads gives an error, the same again for the same seed', async () => {
  const errors = await boundaryErrors(setup, Object.keys(boundaryArms), tiny);
  assert.deepEqual(Object.keys(errors), Object.keys(boundaryArms));
  for (const error of Object.values(errors)) assert.ok(error >= 0 && error <= 1);
  const arm = 'frame-index, single';
  assert.deepEqual(await boundaryErrors(setup, [arm], tiny), { [arm]: errors[arm] });
});

test('optimism is a difference of two progresses, by arm', async () => {
  const over = await optimism(setup, tiny);
  assert.deepEqual(Object.keys(over), Object.keys(rewindArms));
  for (const value of Object.values(over)) assert.ok(Math.abs(value) <= 1);
  assert.notEqual(over['rewind'], over['no rewind']);
});

test('claims compare arms that they have, and say where they cannot be tried', () => {
  const cartpole = tasks.cartpole.create(defaultsOf(tasks.cartpole.fields));
  const reach = tasks.reach.create(defaultsOf(tasks.reach.fields));
  for (const claim of sarmClaims) {
    assert.ok(claim.baseline in claim.arms, claim.id);
    for (const expectation of claim.expects) assert.ok(expectation.arm in claim.arms, claim.id);
    assert.match(claim.unsuitable!(cartpole)!, /no speed/);
    assert.match(claim.unsuitable!(reach)!, /single stage of work/);
    assert.equal(claim.unsuitable!(model), undefined);
  }
});
