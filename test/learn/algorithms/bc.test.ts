import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { runEpisodes } from '../../../lab/rollout.ts';
import { bc } from '../../../learn/algorithms/bc.ts';
import type { LearnerSetup, Trajectory } from '../../../learn/algorithms/types.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { continuesExactly, train } from './checks.ts';
import { PointEnv } from './point-env.ts';
import { demonstrationsOf, modelOf, setupFor } from './task-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const small = { hiddenSize: 16, hiddenLayers: 1, minibatch: 64, learningRate: 5e-3, steps: 20_000 };
/** There is nothing to step. */
const env = new PointEnv(1, 1);

/** Observations 0, 1, 2 ... with the action `of` them. */
function madeUp(length: number, of: (x: number) => number, rest: Partial<Trajectory> = {}): Trajectory {
  const observations = Float64Array.from({ length: length + 1 }, (_, t) => t);
  const actions = Float64Array.from({ length }, (_, t) => of(t));
  return { id: 'made up', length, observations, actions, success: true, ...rest };
}
const pointSetup = (demonstrations: Trajectory[], choices: readonly number[] = []): LearnerSetup => ({
  observationDim: 1,
  actionDim: 1,
  choices,
  count: 1,
  compute,
  seed: 1,
  demonstrations,
});

for (const loss of ['squared', 'likelihood']) {
  test(`BC by ${loss} reaches like the expert after 20 demonstrations`, async () => {
    const model = modelOf('reach', { horizon: 40 });
    const setup = { ...setupFor(model, 1, 2, compute), demonstrations: demonstrationsOf(model, 20) };
    const learner = bc.create({ ...small, loss }, setup);
    const { first, last } = await train(learner, env, small.steps);
    assert.ok(last['loss/imitation']! < first['loss/imitation']!);
    assert.ok(last['loss/heldOut']! < first['loss/heldOut']!);
    assert.ok(last['imitation/heldOutError']! < 0.1, `${last['imitation/heldOutError']}`);
    const policy = await learner.policy();
    const seeds = Array.from({ length: 20 }, (_, i) => 100 + i);
    const actor = { kind: 'policy', policy, trainedSteps: 0 } as const;
    const { success } = await runEpisodes({ model, actor, kind: 'evaluation', seeds });
    assert.ok(success >= 0.9, `${success}`);
    learner.dispose();
  });
}

test('BC learns options by their cross-entropy', async () => {
  const threshold = (x: number) => (x < 10 ? 0 : x < 20 ? 2 : 1);
  const setup = pointSetup([madeUp(30, threshold), madeUp(30, threshold)], [3]);
  const learner = bc.create({ ...small, heldOut: 0.5, minibatch: 10, steps: 4_000 }, setup);
  const { last } = await train(learner, env, 4_000);
  assert.ok(last['imitation/error']! < 0.1 && last['imitation/heldOutError']! < 0.1);
  const out = new Float64Array(3);
  (await learner.policy()).act(Float64Array.of(3, 14, 27), 3, out);
  assert.deepEqual(out, Float64Array.of(0, 2, 1));
  learner.dispose();
});

test('steps that weigh nothing are not learned from', async () => {
  const weights = Float64Array.from({ length: 30 }, (_, t) => (t % 2 === 0 ? 1 : 0));
  const setup = pointSetup([madeUp(30, (x) => (x % 2 === 0 ? 0.5 : -1), { weights })]);
  const learner = bc.create({ ...small, heldOut: 0, steps: 6_000 }, setup);
  const { last } = await train(learner, env, 6_000);
  assert.ok(last['imitation/error']! < 0.05, `${last['imitation/error']}`);
  assert.ok(!('loss/heldOut' in last));
  learner.dispose();
});

test('with ra-bc steps without progress are not learned from, and the weights are told', async () => {
  // Every other step goes back: action -1. Progress of a chunk of one: up by 0.5, down by 0.1.
  const progress = Float64Array.from(
    { length: 31 },
    (_, t) => 0.4 * Math.floor(t / 2) + (t % 2 === 0 ? 0 : 0.5),
  );
  const setup = pointSetup([madeUp(30, (x) => (x % 2 === 0 ? 0.5 : -1), { progress })]);
  const settings = { ...small, heldOut: 0, steps: 6_000, weighting: 'ra-bc', kappa: 0.2, chunk: 1 };
  const learner = bc.create(settings, setup);
  const { last } = await train(learner, env, 6_000);
  assert.ok(last['imitation/error']! < 0.05, `${last['imitation/error']}`);
  assert.deepEqual(
    [last['imitation/meanWeight'], last['imitation/zeroWeight'], last['imitation/fullWeight']],
    [0.5, 0.5, 0.5],
  );
  assert.deepEqual(learner.warnings, []);
  learner.dispose();
  const all = bc.create({ ...settings, chunk: 30 }, setup);
  assert.match(all.warnings![0]!, /RA-BC does nothing/);
  all.dispose();
  assert.throws(
    () => bc.create(settings, pointSetup([madeUp(3, () => 0)])),
    /weighting ra-bc needs the progress of 4 frames of demonstration made up, found none/,
  );
});

test('a pass counts its steps, and the held-out share is of whole demonstrations', () => {
  const demonstrations = Array.from({ length: 10 }, () => madeUp(7, () => 0));
  const learner = bc.create({ ...small, heldOut: 0.2 }, pointSetup(demonstrations));
  assert.equal(learner.stepsPerIteration, 8 * 7);
  learner.dispose();
});

test('a resumed BC continues to the bit, and is not continued on other demonstrations', async () => {
  const model = modelOf('reach', { horizon: 10 });
  const setup = { ...setupFor(model, 1, 2, compute), demonstrations: demonstrationsOf(model, 6) };
  await continuesExactly(bc, small, setup, env, (e) => e);
  const bytes = await bc.create(small, setup).save();
  const others = { ...setup, demonstrations: demonstrationsOf(model, 6, 50) };
  assert.throws(() => bc.resume(bytes, small, others), /BC checkpoint: data is/);
});

test('no demonstrations, none that succeeded, or of another shape are refused', () => {
  assert.throws(() => bc.create(small, pointSetup([])), /there are none/);
  const failed = madeUp(3, () => 0, { success: false });
  assert.throws(() => bc.create(small, pointSetup([failed])), /none of 1 reached the goal/);
  bc.create({ ...small, onlySuccessful: false }, pointSetup([failed])).dispose();
  const short = madeUp(3, () => 0, { actions: new Float64Array(2) });
  assert.throws(
    () => bc.create(small, pointSetup([short])),
    /made up of 3 steps .* 2 action numbers, wanted 4 x 1 and 3 x 1/,
  );
  const weighted = madeUp(3, () => 0, { weights: new Float64Array(2) });
  assert.throws(() => bc.create(small, pointSetup([weighted])), /2 weights, wanted 3/);
});
