import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import {
  chooseSmaller,
  logSlope,
  policyGradient,
  sac,
  softTargets,
  squaredErrors,
  squash,
} from '../../../learn/algorithms/sac.ts';
import type { LearnerSetup, Policy, VectorEnv } from '../../../learn/algorithms/types.ts';
import { Random } from '../../../learn/parts/random.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { reach } from '../../../sim/tasks/reach.ts';
import { ChoiceEnv } from './choice-env.ts';
import { GoalEnv } from './goal-env.ts';
import { PointEnv } from './point-env.ts';

const compute = await openKernel({ threads: 1 });
after(() => compute.dispose());

const small = {
  worlds: 8,
  hiddenSize: 16,
  batch: 32,
  bufferSize: 1000,
  learningStarts: 256,
  updatesPerStep: 0.125,
  learningRate: 3e-3,
  gamma: 0.9,
  tau: 0.02,
};
const setupOf = (env: VectorEnv, seed = 1): LearnerSetup => ({
  observationDim: env.observationDim,
  actionDim: env.actionDim,
  count: env.count,
  compute,
  seed,
});
const create = (env: VectorEnv, settings: Record<string, number | boolean | string> = small, seed = 1) =>
  sac.create(settings, setupOf(env, seed));
const act = (policy: Policy, observations: Float64Array) => {
  const count = observations.length / policy.observationDim;
  const out = new Float64Array(count * policy.actionDim);
  policy.act(observations, count, out);
  return out;
};

test('log(1 - tanh^2 u) is right near 0 and where tanh rounds to 1', () => {
  for (const u of [0, 0.3, -0.3, 1, 2.5]) {
    assert.ok(Math.abs(logSlope(u) - Math.log(1 - Math.tanh(u) ** 2)) < 1e-12, `${u}`);
  }
  // For large u: 1 - tanh^2 u = 4 e^(-2u) / (1 + e^(-2u))^2, so the logarithm is log 4 - 2u up to e^(-2u).
  assert.ok(Math.abs(logSlope(30) - (Math.log(4) - 60)) < 1e-12);
  assert.equal(logSlope(-30), logSlope(30));
  assert.ok(Number.isFinite(logSlope(1e6)));
});

test('the density of squashed actions integrates to 1', () => {
  // One action component: mean 0.4 and a raw log-deviation of 0.2; pi(a) da over the actions of an even grid of noise.
  const count = 4001;
  const noise = Float64Array.from({ length: count }, (_, i) => -8 + (16 * i) / (count - 1));
  const outputs = Float64Array.from({ length: 2 * count }, (_, i) => (i % 2 === 0 ? 0.4 : 0.2));
  const actions = new Float64Array(count);
  const logs = new Float64Array(count);
  squash(outputs, count, 1, noise, actions, logs);
  let integral = 0;
  for (let i = 1; i < count; i++) {
    integral += 0.5 * (Math.exp(logs[i]!) + Math.exp(logs[i - 1]!)) * (actions[i]! - actions[i - 1]!);
  }
  assert.ok(Math.abs(integral - 1) < 1e-4, `${integral}`);
});

test("the actor's gradient equals finite differences of alpha log pi - Q", () => {
  const random = new Random(3);
  const [rows, dim, alpha] = [5, 2, 0.3];
  const gaussians = (length: number) => Float64Array.from({ length }, () => random.gaussian());
  const outputs = gaussians(rows * 2 * dim);
  const noise = gaussians(rows * dim);
  const slopes = gaussians(rows * dim);
  const actions = new Float64Array(rows * dim);
  const logs = new Float64Array(rows);
  // Q(a) = sum of slope_k a_k + a_k^2, so d Q / d a_k = slope_k + 2 a_k.
  const loss = (outputs: Float64Array): number => {
    squash(outputs, rows, dim, noise, actions, logs);
    let sum = 0;
    for (let r = 0; r < rows; r++) sum += alpha * logs[r]!;
    for (let i = 0; i < rows * dim; i++) sum -= slopes[i]! * actions[i]! + actions[i]! ** 2;
    return sum / rows;
  };
  loss(outputs);
  const out = new Float32Array(rows * 2 * dim);
  const actionGradients = slopes.map((slope, i) => slope + 2 * actions[i]!);
  policyGradient(outputs, rows, dim, noise, actions.slice(), alpha, actionGradients, out);
  for (let i = 0; i < outputs.length; i++) {
    const [up, down] = [outputs.slice(), outputs.slice()];
    up[i]! += 1e-6;
    down[i]! -= 1e-6;
    assert.ok(Math.abs((loss(up) - loss(down)) / 2e-6 - out[i]!) < 1e-6, `output ${i}`);
  }
});

test('targets: the smaller critic less the price of certainty, nothing after an end', () => {
  const out = new Float64Array(3);
  softTargets(
    [Float32Array.of(2, 5, 7), Float32Array.of(3, 4, 7)],
    Float64Array.of(1, -2, 0),
    0.5,
    0.9,
    { rows: 3, rewards: Float32Array.of(1, 0, -1), bootstraps: Float32Array.of(1, 1, 0) },
    out,
  );
  // 1 + 0.9 (2 - 0.5), 0 + 0.9 (4 + 1), -1
  assert.deepEqual(
    [...out].map((y) => Number(y.toFixed(12))),
    [2.35, 4.5, -1],
  );
});

test('critics: half the mean squared error of each, added up, and its gradient', () => {
  const gradients = [new Float32Array(2), new Float32Array(2)];
  const loss = squaredErrors(
    [Float32Array.of(1, 3), Float32Array.of(0, 1)],
    Float64Array.of(2, 1),
    2,
    gradients,
  );
  // Errors -1, 2 and -2, 0: (1 + 4) / 4 + 4 / 4.
  assert.equal(loss, 2.25);
  assert.deepEqual(gradients, [Float32Array.of(-0.5, 1), Float32Array.of(-1, 0)]);
  chooseSmaller([Float32Array.of(1, 3), Float32Array.of(0, 4)], 2, gradients);
  assert.deepEqual(gradients, [Float32Array.of(0, 1), Float32Array.of(1, 0)]);
});

test('SAC brings the point home: the mean distance falls to a third, and the policy heads for the origin', async () => {
  const env = new PointEnv(8, 7);
  const learner = create(env);
  const firstRound = await learner.iterate(env);
  assert.deepEqual(Object.keys(firstRound), [
    'rollout/reward',
    'policy/alpha',
    'replay/size',
    'learn/learningRate',
    'learn/updates',
  ]);
  let last = 0;
  while (learner.steps < 8000) last = (await learner.iterate(env))['rollout/reward']!;
  // Random actions cost 0.55 a step; the best possible is about 0.08.
  assert.ok(firstRound['rollout/reward']! < -0.45, `first ${firstRound['rollout/reward']}`);
  assert.ok(last > -0.15, `last ${last}`);
  const actions = act(await learner.policy(), Float64Array.of(0.8, -0.8));
  assert.ok(actions[0]! < -0.5 && actions[1]! > 0.5, `${actions}`);
});

test('the temperature falls while there is more entropy than wanted, rises while there is less, or stays as it is told', async () => {
  // A reward that does not depend on the action: only the temperature moves the entropy.
  const env = new PointEnv(8, 7);
  const step = env.step.bind(env);
  env.step = (actions) => {
    step(actions);
    env.rewards.fill(0);
  };
  const alphaAfter = async (targetEntropyScale: number) => {
    const learner = create(env, { ...small, targetEntropyScale });
    let metrics = {} as Readonly<Record<string, number>>;
    while (learner.steps < 4000) metrics = await learner.iterate(env);
    // Nothing else is paid: the entropy stays near the most there is, log 2.
    assert.ok(metrics['policy/entropy']! > 0.5, `entropy ${metrics['policy/entropy']}`);
    return metrics['policy/alpha']!;
  };
  // 1 nat below 0 is less than that, so the price of certainty falls; 1 nat above 0 is out of reach, so it rises.
  assert.ok((await alphaAfter(1)) < 0.1);
  assert.ok((await alphaAfter(-1)) > 0.3);
  const fixed = create(env, { ...small, autoAlpha: false, initialAlpha: 0.05 });
  for (let i = 0; i < 3; i++) {
    assert.ok(Math.abs((await fixed.iterate(env))['policy/alpha']! - 0.05) < 1e-8);
  }
});

test('random actions are held, and later take the share of steps they were given', async () => {
  const settings = { ...small, worlds: 2, randomHold: 5, randomActions: 0.4, learningStarts: 512 };
  const env = new PointEnv(2, 7);
  const step = env.step.bind(env);
  const taken: number[] = [];
  env.step = (actions) => {
    taken.push(actions[1]!);
    step(actions);
  };
  // No updates: the policy draws a new action at every step.
  const learner = sac.create({ ...settings, updatesPerStep: 0.001 }, setupOf(env));
  for (let i = 0; i < 12; i++) await learner.iterate(env);
  for (let t = 0; t < 255; t++) assert.equal(taken[t + 1] === taken[t], t % 5 !== 4, `step ${t}`);
  const later = taken.slice(256);
  const repeated = later.filter((action, t) => t > 0 && action === later[t - 1]).length;
  // Four of five steps of a held action repeat the one before: 0.4 x 4 / 5.
  assert.ok(Math.abs(repeated / later.length - 0.32) < 0.08, `${repeated} of ${later.length}`);
});

test('a resumed learner goes on bit for bit, from journal pieces of any size and a ring that wrapped around', async () => {
  const env = new PointEnv(8, 7);
  env.divergeAt = 13;
  const straight = create(env);
  const journal: Uint8Array[] = [];
  for (let i = 0; i < 7; i++) {
    await straight.iterate(env);
    if ([1, 2, 6].includes(i)) journal.push(straight.takeJournal!());
  }
  const saved = await straight.save();
  const savedEnv = env.copy();
  const resumed = sac.resume(saved, small, setupOf(env, 999), journal);
  assert.equal(resumed.steps, 7 * 256);
  assert.deepEqual(await resumed.save(), saved);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await resumed.iterate(savedEnv), await straight.iterate(env));
  }
  assert.deepEqual(await resumed.save(), await straight.save());
  assert.deepEqual(resumed.takeJournal!(), straight.takeJournal!());
});

test('with hindsight a learner stopped in the middle of episodes goes on bit for bit', async () => {
  const settings = {
    ...small,
    worlds: 3,
    hindsight: 'future',
    bufferSize: 1500,
    randomActions: 0.3,
    randomHold: 10,
  };
  const model = reach.create(defaultsOf(reach.fields));
  const env = new GoalEnv(model, 3, 50);
  const setup = { ...setupOf(env), model };
  const straight = sac.create(settings, setup);
  const journal: Uint8Array[] = [];
  let stored = 0;
  for (let i = 0; i < 3; i++) {
    stored += (await straight.iterate(env))['hindsight/stored']!;
    if (i !== 1) journal.push(straight.takeJournal!());
  }
  assert.ok(stored > 0);
  const states = [0, 1, 2].map((n) => env.simulator.states[n * model.stateDim]!);
  assert.ok(
    states.every((step) => step > 0),
    `steps of the episodes: ${states}`,
  );
  const saved = await straight.save();
  const savedEnv = env.copy();
  const resumed = sac.resume(saved, settings, { ...setup, seed: 999 }, journal);
  assert.deepEqual(await resumed.save(), saved);
  let size = 0;
  for (let i = 0; i < 2; i++) {
    const metrics = await straight.iterate(env);
    assert.deepEqual(await resumed.iterate(savedEnv), metrics);
    size = metrics['replay/size']!;
  }
  assert.equal(size, 1500);
  assert.deepEqual(await resumed.save(), await straight.save());
  assert.throws(
    () => sac.resume(saved, { ...settings, hindsight: 'none' }, setup, journal),
    /hindsight is "future", wanted "none"/,
  );
});

test('a policy from a checkpoint acts as the learner did when it was saved, whatever happens later', async () => {
  const env = new PointEnv(8, 7, 2);
  const learner = create(env);
  for (let i = 0; i < 2; i++) await learner.iterate(env);
  const observations = Float64Array.from({ length: 10 }, (_, i) => i / 5 - 1);
  const policy = await learner.policy();
  const before = act(policy, observations);
  const saved = await learner.save();
  await learner.iterate(env);
  assert.deepEqual(act(policy, observations), before);
  assert.deepEqual(act(sac.loadPolicy(saved), observations), before);
  assert.notDeepEqual(act(await learner.policy(), observations), before);
});

test('a checkpoint of other sizes or settings, a damaged one, or one without its journal is refused by name', async () => {
  const env = new PointEnv(8, 7);
  const setup = setupOf(env);
  const learner = create(env);
  await learner.iterate(env);
  const bytes = await learner.save();
  const journal = [learner.takeJournal!()];
  const resume = (given: Uint8Array, settings = {}, pieces = journal) =>
    sac.resume(given, { ...small, ...settings }, setup, pieces);
  assert.throws(() => resume(bytes, { hiddenSize: 32 }), /hidden is \[16,16\], wanted \[32,32\]/);
  assert.throws(() => resume(bytes, { bufferSize: 999 }), /bufferSize is 1000, wanted 999/);
  assert.throws(() => resume(bytes, {}, []), /0 pieces end at transition 0, wanted 256/);
  for (const length of [0, 5, 11, 40, bytes.length - 8]) {
    assert.throws(() => resume(bytes.slice(0, length)), RangeError, `cut to ${length}`);
    assert.throws(() => sac.loadPolicy(bytes.slice(0, length)), RangeError, `cut to ${length}`);
  }
  assert.throws(() => resume(new TextEncoder().encode('RLABPPO\n')), /starts with "RLABPPO/);
});

test('settings and environments that cannot work together are refused by name', async () => {
  const env = new PointEnv(8, 7);
  const setup = setupOf(env);
  assert.throws(() => sac.create({ ...small, worlds: 16 }, setup), /worlds is 16, the environment has 8/);
  assert.throws(() => sac.create(small, { ...setup, choices: [3] }), /options \[3\], wanted real actions/);
  assert.throws(() => sac.create({ ...small, hindsight: 'future' }, setup), /no task, wanted hindsight none/);
  const learner = sac.create(small, setup);
  await assert.rejects(learner.iterate(new PointEnv(4, 7)), /environment of 4 worlds/);
  const choosing = new ChoiceEnv(8, 7);
  await assert.rejects(learner.iterate(choosing), /options \[3\], wanted real actions/);
  await assert.rejects(create(env, { ...small, bootstrapSuccess: true }).iterate(env), /shows no simulator/);
});

test('a diverging world neither stops the training nor reaches the weights; a reward that is no number is named', async () => {
  const env = new PointEnv(8, 7);
  env.divergeAt = 5;
  const learner = create(env);
  for (let i = 0; i < 3; i++) {
    const metrics = await learner.iterate(env);
    for (const [name, value] of Object.entries(metrics)) assert.ok(Number.isFinite(value), name);
  }
  const step = env.step.bind(env);
  env.step = (actions) => {
    step(actions);
    env.rewards[3] = Number.NaN;
  };
  await assert.rejects(learner.iterate(env), /SAC: rollout\/reward of world 3 is NaN/);
});
