import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { groupAdvantages, grpo, grpoLoss, type LossInput } from '../../../learn/algorithms/grpo.ts';
import type { LearnerSetup, VectorEnv } from '../../../learn/algorithms/types.ts';
import { headFor } from '../../../learn/parts/heads.ts';
import { Random } from '../../../learn/parts/random.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { continuesExactly, episodesOf, train } from './checks.ts';
import { PointEnv } from './point-env.ts';
import { modelOf, setupFor, taskEnv } from './task-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const small = {
  worlds: 16,
  groupSize: 4,
  hiddenSize: 16,
  hiddenLayers: 1,
  minibatch: 80,
  epochs: 4,
  learningRate: 0.01,
  steps: 6_400,
};
const setupOf = (env: VectorEnv, seed = 1): LearnerSetup => ({
  observationDim: env.observationDim,
  actionDim: env.actionDim,
  count: env.count,
  compute,
  seed,
});

const closeTo = (found: ArrayLike<number>, wanted: readonly number[]): void => {
  assert.equal(found.length, wanted.length);
  for (const [i, value] of wanted.entries())
    assert.ok(Math.abs(found[i]! - value) < 1e-6, `${i}: ${found[i]} ${value}`);
};

test('advantages are returns less their group’s mean, in units of its deviation, or as they are', () => {
  const e = episodesOf([[1, 2], [5, 0], [0, 3, 7], [1], [1], [1]], 3);
  const out = new Float64Array(e.rows);
  // Returns 3, 5, 10: mean 6, deviation sqrt(26 / 3); 1, 1, 1: nothing to tell apart.
  const std = Math.sqrt(26 / 3);
  const whole = [-3, -1, 4, 0, 0, 0, -3, -1, 4, 4];
  groupAdvantages(e, 1, { credit: 'episode', divideByStd: false }, out);
  closeTo(out, whole);
  groupAdvantages(e, 1, { credit: 'episode', divideByStd: true }, out);
  closeTo(
    out,
    whole.map((a) => a / std),
  );
  // Returns-to-go at time 1: 2, 0, 10, mean 4; at time 2 one runs alone with 7.
  groupAdvantages(e, 1, { credit: 'step', divideByStd: true }, out);
  closeTo(
    out,
    [-3, -1, 4, 0, 0, 0, -2, -4, 6, 3].map((a) => a / std),
  );
});

test('episodes that broke off count for nothing in their group', () => {
  for (const credit of ['step', 'episode'] as const) {
    const e = episodesOf([[9], [4], [2], [9], [9], [5]], 3);
    e.broken.set([1, 0, 0, 1, 1, 0]);
    const out = new Float64Array(6);
    groupAdvantages(e, 1, { credit, divideByStd: true }, out);
    closeTo(out, [0, 1, -1, 0, 0, 0]);
  }
});

/** Three collected steps, of which the minibatch has the last two. */
function lossInput(choices: readonly number[], referenceLogs?: Float64Array): LossInput {
  const random = new Random(3);
  const head = headFor(2, choices);
  const gaussians = (length: number) => Float64Array.from({ length }, () => random.gaussian());
  return {
    head,
    indices: Int32Array.of(2, 1),
    scale: 1.5,
    outputs: gaussians(2 * head.outputs),
    loose: Float64Array.from({ length: head.looseCount }, () => -0.3),
    actions: choices.length > 0 ? Float64Array.of(0, 0, 1, 0, 0, 1) : gaussians(6),
    logProbabilities: Float64Array.of(-1, -1.8, -2.9),
    advantages: Float64Array.of(9, 1.3, -0.7),
    weights: Float64Array.of(0.2, 0.3, 0.5),
    ...(referenceLogs ? { referenceLogs } : {}),
  };
}

test('the gradient by hand equals finite differences, with and without a reference, for real actions and options', () => {
  const settings = { clipCoef: 0.2, klCoef: 0.3, entropyCoef: 0.1 };
  for (const choices of [[], [3, 2]]) {
    for (const reference of [undefined, Float64Array.of(0, -2.2, -2.5)]) {
      const input = lossInput(choices, reference);
      const { outputs, loose } = input;
      const dOutputs = new Float64Array(outputs.length);
      const dLoose = new Float64Array(loose.length);
      grpoLoss(input, settings, { dOutputs, dLoose });
      const value = (changed: Partial<LossInput>): number => {
        const scratch = { dOutputs: dOutputs.slice(), dLoose: dLoose.slice() };
        const loss = grpoLoss({ ...input, ...changed }, settings, scratch);
        return loss['loss/policy'] + 0.3 * loss['policy/klReference'] - 0.1 * loss['policy/entropy'];
      };
      const slope = (values: ArrayLike<number>, k: number, f: (changed: Float64Array) => number): number => {
        const [up, down] = [Float64Array.from(values), Float64Array.from(values)];
        up[k]! += 1e-6;
        down[k]! -= 1e-6;
        return (f(up) - f(down)) / 2e-6;
      };
      closeTo(
        dOutputs,
        Array.from(outputs, (_, k) => slope(outputs, k, (changed) => value({ outputs: changed }))),
      );
      closeTo(
        dLoose,
        Array.from(loose, (_, k) => slope(loose, k, (changed) => value({ loose: changed }))),
      );
      assert.ok(dOutputs.some((d) => Math.abs(d) > 0.01));
    }
  }
});

test('a ratio outside the clip range in the direction of the advantage has no gradient', () => {
  const input = lossInput([]);
  const logs = new Float64Array(3);
  for (const [row, i] of input.indices.entries()) {
    const now = input.head.logProbability(input.outputs, 2 * row, input.loose, input.actions, 2 * i);
    // Good actions (step 1) have become more likely, bad ones (step 2) less.
    logs[i] = i === 1 ? now - 0.5 : now + 0.5;
  }
  const [dOutputs, dLoose] = [new Float64Array(4).fill(7), new Float64Array(2)];
  const loss = grpoLoss(
    { ...input, logProbabilities: logs },
    { clipCoef: 0.2, klCoef: 0, entropyCoef: 0 },
    { dOutputs, dLoose },
  );
  assert.ok([...dOutputs, ...dLoose].every((d) => d === 0));
  assert.ok(Math.abs(loss['policy/clipFraction'] - 1.5 * 0.8) < 1e-12);
});

for (const settings of [
  {},
  { credit: 'episode', divideByStd: false, normalizeLength: true, klCoef: 0.01, referenceEvery: 3 },
]) {
  test(`GRPO brings points to the origin, with ${JSON.stringify(settings)}`, async () => {
    const env = new PointEnv(16, 3);
    const learner = grpo.create({ ...small, ...settings }, setupOf(env));
    const { first, last } = await train(learner, env, small.steps);
    assert.ok(first['rollout/return']! < -8, `${first['rollout/return']}`);
    assert.ok(last['rollout/return']! > -5, `${last['rollout/return']}`);
    learner.dispose();
  });
}

test('a resumed GRPO continues to the bit, also between two references', async () => {
  const env = new PointEnv(16, 3);
  env.divergeAt = 7;
  const settings = { ...small, klCoef: 0.1, referenceEvery: 3 };
  await continuesExactly(grpo, settings, setupOf(env), env, (e) => e.copy());
});

test('GRPO learns from episodes of a real task that end at different times, in groups from one start', async () => {
  const model = modelOf('cartpole');
  const settings = { ...small, steps: 6_000, normalizeObservations: false };
  const env = taskEnv(model, 16, 1);
  const learner = grpo.create(settings, setupFor(model, 16, 2, compute));
  const { first, last } = await train(learner, env, settings.steps);
  assert.ok(first['rollout/length']! < 40);
  assert.ok(last['rollout/length']! > 80, `${last['rollout/length']}`);
  learner.dispose();
});

test('groups that do not fill the worlds are refused', () => {
  assert.throws(() => grpo.check({ worlds: 10, groupSize: 4 }), /groupSize is 4, .* worlds = 10/);
});
