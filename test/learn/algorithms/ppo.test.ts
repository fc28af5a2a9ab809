import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Tensor } from '@tensorflow/tfjs';
import { type LossInput, policyLoss, ppo, valueLoss, valueScale } from '../../../learn/algorithms/ppo.ts';
import type { LearnerSetup, Policy, VectorEnv } from '../../../learn/algorithms/types.ts';
import { headFor } from '../../../learn/parts/heads.ts';
import { Random } from '../../../learn/parts/random.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { openDevice } from '../../../learn/tensor/open.ts';
import { plainCompute } from '../tensor/plain.ts';
import { ChoiceEnv } from './choice-env.ts';
import { PointEnv } from './point-env.ts';
import { RecallEnv } from './recall-env.ts';

const { tf } = await openDevice('cpu');
const compute = await openKernel();
after(() => compute.dispose());

const small = { worlds: 8, stepsPerWorld: 32, minibatch: 64, hiddenSize: 16, epochs: 4, steps: 20_000 };
const setupOf = (env: VectorEnv, seed = 1): LearnerSetup => ({
  observationDim: env.observationDim,
  actionDim: env.actionDim,
  choices: env.choices ?? [],
  count: env.count,
  compute,
  seed,
});

/** The loss as it is read in the paper, differentiated by TensorFlow.js. */
function referenceLoss(
  input: LossInput,
  returns: Float64Array,
  predicted: Float32Array,
  { clipCoef, valueCoef, entropyCoef }: { clipCoef: number; valueCoef: number; entropyCoef: number },
) {
  const { count: M, logStd } = input;
  const dim = input.head.actionDim;
  return tf.tidy(() => {
    const { mean, variance } = tf.moments(tf.tensor1d(Array.from(input.advantages)));
    const advantages = tf.tensor1d(Array.from(input.advantages)).sub(mean).div(variance.sqrt().add(1e-8));
    const actions = tf.tensor2d(Array.from(input.actions), [M, dim]);
    const loss = (means: Tensor, values: Tensor, logStd: Tensor) => {
      const z = actions.sub(means).div(logStd.exp());
      const logProbability = z
        .square()
        .mul(-0.5)
        .sub(logStd)
        .sub(0.5 * Math.log(2 * Math.PI))
        .sum(1);
      const ratio = logProbability.sub(tf.tensor1d(Array.from(input.logProbabilities))).exp();
      const policy = tf
        .maximum(
          advantages.neg().mul(ratio),
          advantages.neg().mul(ratio.clipByValue(1 - clipCoef, 1 + clipCoef)),
        )
        .mean();
      const value = values
        .sub(tf.tensor1d(Array.from(returns)))
        .square()
        .mean()
        .mul(0.5);
      const entropy = logStd.add(0.5 + 0.5 * Math.log(2 * Math.PI)).sum();
      return policy.add(value.mul(valueCoef)).sub(entropy.mul(entropyCoef)).asScalar();
    };
    const { value, grads } = tf.valueAndGrads(loss)([
      tf.tensor2d(Array.from(input.means), [M, dim]),
      tf.tensor1d(Array.from(predicted)),
      tf.tensor1d(Array.from(logStd)),
    ]);
    return { value: value.dataSync()[0]!, grads: grads.map((grad) => Array.from(grad.dataSync())) };
  });
}

test('the loss and its hand-written gradient equal the readable loss differentiated by TensorFlow.js', () => {
  const random = new Random(4);
  const gaussians = (length: number) => Float64Array.from({ length }, () => random.gaussian());
  const M = 40;
  const dim = 3;
  const logStd = Float32Array.of(-0.7, 0.1, -0.2);
  const means = gaussians(M * dim);
  const actions = means.map((mean, i) => mean + Math.exp(logStd[i % dim]!) * random.gaussian());
  const input: LossInput = {
    count: M,
    head: headFor(dim),
    means: Float32Array.from(means),
    logStd,
    actions,
    // Old probabilities far enough off that about half of the ratios are clipped.
    logProbabilities: gaussians(M).map((noise, i) => {
      let sum = 0.3 * noise;
      for (let k = 0; k < dim; k++) {
        const z = (actions[i * dim + k]! - means[i * dim + k]!) / Math.exp(logStd[k]!);
        sum -= 0.5 * z * z + logStd[k]! + 0.5 * Math.log(2 * Math.PI);
      }
      return sum;
    }),
    advantages: gaussians(M).map((value) => 3 * value + 1),
  };
  // A critic that puts out what it is given: its gradient by the outputs is that of the value.
  const networks = plainCompute.networks({
    networks: [{ shape: { sizes: [1, 1], activation: 'tanh' }, regresses: true }],
    rows: M,
    parameters: Float32Array.of(1, 0),
  });
  const predicted = Float32Array.from(gaussians(M));
  const returns = networks.targets[0]!;
  returns.set(gaussians(M));
  networks.inputs[0]!.set(predicted);
  networks.regress([0], M, valueScale(0.7, M));
  const settings = { clipCoef: 0.2, valueCoef: 0.7, entropyCoef: 0.03 };
  const out = { dMeans: new Float32Array(M * dim), dLogStd: new Float32Array(dim) };
  const found = policyLoss(input, settings, out);
  assert.ok(found['policy/clipFraction'] > 0.2 && found['policy/clipFraction'] < 0.8);
  const value = valueLoss(predicted, returns, M);
  const total = found['loss/policy'] + 0.7 * value + 0.03 * found['loss/entropy'];
  const wanted = referenceLoss(input, returns, predicted, settings);
  assert.ok(Math.abs(total - wanted.value) < 1e-5, `${total} ${wanted.value}`);
  for (const [i, gradient] of [out.dMeans, networks.outputGradients[0]!, out.dLogStd].entries()) {
    const worst = Math.max(...gradient.map((value, k) => Math.abs(value - wanted.grads[i]![k]!)));
    assert.ok(worst < 1e-5, `gradient ${i}: ${worst}`);
  }
});

test('PPO brings a point to the origin, far better than its first, random policy', async () => {
  const env = new PointEnv(8, 7, 2);
  const learner = ppo.create(small, setupOf(env));
  const first = (await learner.iterate(env))['rollout/reward']!;
  let last = first;
  while (learner.steps < 15_000) last = (await learner.iterate(env))['rollout/reward']!;
  // The best possible is about -0.08: |x| starts at 0.5 on average and shrinks by 0.2 a step.
  assert.ok(first < -0.4, `first ${first}`);
  assert.ok(last > -0.2, `last ${last}`);
  const out = new Float64Array(2);
  (await learner.policy()).act(Float64Array.of(0.8, -0.8), 1, out);
  assert.ok(out[0]! < -0.5 && out[1]! > 0.5, `${out}`);
});

test('a resumed learner goes on bit for bit as if it had never stopped', async () => {
  const env = new PointEnv(8, 7);
  const straight = ppo.create(small, setupOf(env));
  for (let i = 0; i < 3; i++) await straight.iterate(env);
  const saved = await straight.save();
  const savedEnv = env.copy();
  const resumed = ppo.resume(saved, small, setupOf(env, 999));
  assert.equal(resumed.steps, 3 * 8 * 32);
  assert.deepEqual(await resumed.save(), saved);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(await resumed.iterate(savedEnv), await straight.iterate(env));
  }
  assert.deepEqual(await resumed.save(), await straight.save());
});

test('the same seed gives the same weights, another seed others', async () => {
  const run = async (seed: number) => {
    const env = new PointEnv(8, 7);
    const learner = ppo.create(small, setupOf(env, seed));
    await learner.iterate(env);
    return learner.save();
  };
  const first = await run(1);
  assert.deepEqual(await run(1), first);
  assert.notDeepEqual(await run(2), first);
});

test('a policy from a checkpoint acts as the learner did when it was saved, whatever happens later', async () => {
  const env = new PointEnv(8, 7, 2);
  const learner = ppo.create(small, setupOf(env));
  await learner.iterate(env);
  const observations = Float64Array.from({ length: 10 }, (_, i) => i / 5 - 1);
  const act = (policy: Policy) => {
    const out = new Float64Array(10);
    policy.act(observations, 5, out);
    return out;
  };
  const policy = await learner.policy();
  const before = act(policy);
  const saved = await learner.save();
  await learner.iterate(env);
  assert.deepEqual(act(policy), before);
  assert.deepEqual(act(ppo.loadPolicy(saved)), before);
  assert.notDeepEqual(act(await learner.policy()), before);
});

test('a checkpoint of another network, world count or version, or a damaged one, is refused by name', async () => {
  const env = new PointEnv(8, 7);
  const setup = setupOf(env);
  const bytes = await ppo.create(small, setup).save();
  const resume = (bytes: Uint8Array, settings = small, given = setup) => ppo.resume(bytes, settings, given);
  assert.throws(() => resume(bytes, { ...small, hiddenSize: 32 }), /hidden is \[16,16\], wanted \[32,32\]/);
  assert.throws(() => resume(bytes, small, { ...setup, observationDim: 2 }), /observationDim is 1, wanted 2/);
  assert.throws(
    () => resume(bytes, { ...small, worlds: 16 }, { ...setup, count: 16 }),
    /worlds is 8, wanted 16/,
  );
  for (const length of [0, 5, 11, 40, bytes.length - 8]) {
    assert.throws(() => resume(bytes.slice(0, length)), RangeError, `cut to ${length}`);
    assert.throws(() => ppo.loadPolicy(bytes.slice(0, length)), RangeError, `cut to ${length}`);
  }
  assert.throws(
    () => resume(new TextEncoder().encode('SQLite format 3')),
    /starts with "SQLite f", wanted "RLABPPO/,
  );
  const newer = new TextDecoder('latin1').decode(bytes).replace('"version":2', '"version":9');
  assert.throws(() => resume(Uint8Array.from(newer, (c) => c.charCodeAt(0))), /version is 9, wanted 2/);
});

test('settings that cannot work together are refused by name', () => {
  const setup = setupOf(new PointEnv(8, 7));
  assert.throws(() => ppo.create({ ...small, minibatch: 257 }, setup), {
    name: 'RangeError',
    message: /minibatch is 257, wanted at most worlds x stepsPerWorld = 8 x 32 = 256/,
  });
  assert.throws(() => ppo.create({ ...small, worlds: 16 }, setup), /worlds is 16, the environment has 8/);
});

test('a diverging world neither stops the training nor reaches the weights', async () => {
  const env = new PointEnv(8, 7);
  env.divergeAt = 5;
  const learner = ppo.create(small, setupOf(env));
  for (let i = 0; i < 3; i++) {
    const metrics = await learner.iterate(env);
    for (const [name, value] of Object.entries(metrics)) assert.ok(Number.isFinite(value), name);
  }
});

test('a reward that is no number is an error that names it', async () => {
  const env = new PointEnv(8, 7);
  const learner = ppo.create(small, setupOf(env));
  env.rewards.fill(0);
  const step = env.step.bind(env);
  env.step = (actions) => {
    step(actions);
    env.rewards[3] = Number.NaN;
  };
  await assert.rejects(learner.iterate(env), /rollout\/reward of world 3 is NaN/);
});

test('an environment of another size than promised is refused', async () => {
  const learner = ppo.create(small, setupOf(new PointEnv(8, 7)));
  await assert.rejects(learner.iterate(new PointEnv(4, 7)), /environment of 4 worlds/);
});

test('options: PPO learns which of three to choose, resumes bit for bit, and its checkpoint plays the likeliest', async () => {
  const env = new ChoiceEnv(8, 7);
  // A choice has no consequences beyond its own step.
  const settings = { ...small, gamma: 0 };
  const learner = ppo.create(settings, setupOf(env));
  const first = await learner.iterate(env);
  // Hits the right one of three by chance at first.
  assert.ok(first['rollout/reward']! < 0.5, `first ${first['rollout/reward']}`);
  assert.ok(Math.abs(first['policy/entropy']! - Math.log(3)) < 0.05);
  assert.equal('policy/std' in first, false);
  const saved = await learner.save();
  const savedEnv = env.copy();
  const resumed = ppo.resume(saved, settings, setupOf(env, 999));
  let last = 0;
  while (learner.steps < 15_000) {
    const metrics = await learner.iterate(env);
    last = metrics['rollout/reward']!;
    assert.deepEqual(await resumed.iterate(savedEnv), metrics);
  }
  assert.deepEqual(await resumed.save(), await learner.save());
  assert.ok(last > 0.8, `last ${last}`);
  const out = new Float64Array(3);
  const policy = ppo.loadPolicy(await learner.save());
  policy.act(Float64Array.of(-0.8, 0, 0.8), 3, out);
  assert.deepEqual([policy.actionDim, ...out], [1, 0, 1, 2]);
});

test('options: the gradient of the loss equals finite differences', () => {
  const random = new Random(6);
  const [M, n] = [12, 3];
  const input: LossInput = {
    count: M,
    head: headFor(1, [n]),
    means: Float32Array.from({ length: M * n }, () => random.gaussian()),
    logStd: new Float32Array(0),
    actions: Float64Array.from({ length: M }, () => random.integer(n)),
    logProbabilities: Float64Array.from({ length: M }, () => -1.1 + 0.2 * random.gaussian()),
    advantages: Float64Array.from({ length: M }, () => random.gaussian()),
  };
  const settings = { clipCoef: 0.2, entropyCoef: 0.05 };
  const out = { dMeans: new Float32Array(M * n), dLogStd: new Float32Array(0) };
  const scratch = structuredClone(out);
  const loss = (means: Float32Array): number => {
    const found = policyLoss({ ...input, means }, settings, scratch);
    return found['loss/policy'] + 0.05 * found['loss/entropy'];
  };
  policyLoss(input, settings, out);
  for (let i = 0; i < M * n; i++) {
    const [up, down] = [input.means.slice(), input.means.slice()];
    up[i]! += 1e-3;
    down[i]! -= 1e-3;
    // What is left of the step after rounding to 32 bits.
    const step = up[i]! - down[i]!;
    assert.ok(Math.abs((loss(up) - loss(down)) / step - out.dMeans[i]!) < 1e-6, `logit ${i}`);
  }
});

test('options: a checkpoint or an environment with another number of them is refused by name', async () => {
  const env = new ChoiceEnv(8, 7);
  const learner = ppo.create(small, setupOf(env));
  const saved = await learner.save();
  assert.throws(
    () => ppo.resume(saved, small, { ...setupOf(env), choices: [] }),
    /choices is \[3\], wanted \[\]/,
  );
  const other = ppo.create(small, { ...setupOf(env), choices: [4] });
  await assert.rejects(other.iterate(env), /options \[3\], wanted \[4\]/);
});

test('several option components: PPO learns both, and a critic for each term sees its own return', async () => {
  // Every step shows its cue: nothing to remember.
  const env = new RecallEnv(8, 7, 1);
  const settings = { ...small, gamma: 0, critics: 'each', learningRate: 5e-3 };
  const setup = { ...setupOf(env), channels: env.channels.names };
  const learner = ppo.create(settings, setup);
  const first = await learner.iterate(env);
  assert.ok(Math.abs(first['policy/entropy']! - Math.log(6)) < 0.05);
  let last = first;
  while (learner.steps < 12_000) last = await learner.iterate(env);
  assert.ok(last['rollout/reward']! > 0.9, `reward ${last['rollout/reward']}`);
  for (const name of env.channels.names) {
    assert.ok(Number.isFinite(last[`value/explainedVariance/${name}`]!));
    assert.ok(last[`advantage/${name}`]! > 0);
  }
  // A weight of zero takes a term out of the policy's advantage, not out of its critic.
  env.channels.weights[1] = 0;
  assert.equal((await learner.iterate(env))['advantage/second'], 0);
  const out = new Float64Array(2);
  ppo.loadPolicy(await learner.save()).act(Float64Array.of(1, -1, 1), 1, out);
  assert.deepEqual([...out], [2, 0]);
  assert.throws(
    () => ppo.create(settings, setupOf(env)),
    /critics is each, but the environment does not tell/,
  );
  await assert.rejects(
    ppo.create(settings, { ...setup, channels: ['other'] }).iterate(env),
    /reward terms first, second, wanted other/,
  );
});

test('a discount of its own: the critic of a term with discount 0 sees this step alone', async () => {
  const env = new RecallEnv(8, 7, 4);
  env.channels.gammas[0] = 0;
  const settings = { ...small, gamma: 0.99, gaeLambda: 1, critics: 'each', scaleRewards: false };
  const setup = { ...setupOf(env), channels: env.channels.names };
  const learner = ppo.create({ ...settings, learningRate: 5e-3, learningRateSchedule: 'constant' }, setup);
  let last: Readonly<Record<string, number>> = {};
  for (let i = 0; i < 25; i++) last = await learner.iterate(env);
  // Chance pays a third and a half a step; episodes have four steps.
  assert.ok(Math.abs(last['value/mean/first']! - 1 / 3) < 0.12, `${last['value/mean/first']}`);
  assert.ok(last['value/mean/second']! > 0.9, `${last['value/mean/second']}`);
});

test('with a memory PPO recalls what it saw six steps ago, without one it cannot', async () => {
  const train = async (memory: string) => {
    const env = new RecallEnv(16, 7, 6);
    const settings = {
      ...small,
      worlds: 16,
      minibatch: 128,
      gamma: 0.5,
      learningRate: 5e-3,
      memory,
      memorySize: 12,
      memoryWindow: 8,
    };
    const setup = setupOf(env);
    const learner = ppo.create(settings, setup);
    let last = 0;
    while (learner.steps < 30_000) last = (await learner.iterate(env))['rollout/reward']!;
    return { last, learner, settings, setup, env };
  };
  const without = await train('none');
  assert.ok(without.last < 0.6, `without ${without.last}`);
  const { last, learner, settings, setup, env } = await train('gru');
  assert.ok(last > 0.85, `with ${last}`);
  // The policy of the checkpoint remembers, world by world, until it is told to forget.
  const policy = ppo.loadPolicy(await learner.save());
  const out = new Float64Array(4);
  for (const world of [0, 1]) policy.begin!(world);
  policy.act(Float64Array.of(1, -1, 1, -1, 1, 1), 2, out);
  for (let t = 0; t < 4; t++) policy.act(Float64Array.of(0, 0, -1, 0, 0, -1), 2, out);
  assert.deepEqual([...out], [2, 0, 0, 1]);
  // Resumed in mid-episode it goes on bit for bit.
  const saved = await learner.save();
  const savedEnv = env.copy();
  const resumed = ppo.resume(saved, settings, { ...setup, seed: 9 });
  assert.deepEqual(await resumed.save(), saved);
  for (let i = 0; i < 2; i++) assert.deepEqual(await resumed.iterate(savedEnv), await learner.iterate(env));
  assert.deepEqual(await resumed.save(), await learner.save());
});

test('schedules: what the learning rate is half way, and how it follows the policy', async () => {
  const half = async (learningRateSchedule: string, more = {}) => {
    const env = new PointEnv(8, 7);
    const settings = { ...small, steps: 512, learningRateSchedule, targetKl: 0, ...more };
    const learner = ppo.create(settings, setupOf(env));
    await learner.iterate(env);
    return (await learner.iterate(env))['learn/learningRate']! / 2e-3;
  };
  assert.equal(await half('constant'), 1);
  assert.equal(await half('linear'), 0.5);
  assert.ok(Math.abs((await half('cosine')) - 0.5) < 1e-12);
  assert.ok(Math.abs((await half('adaptive', { targetKl: 1e-6 })) - 1 / 1.5) < 1e-12);
  assert.ok(Math.abs((await half('adaptive', { targetKl: 10 })) - 1.5) < 1e-12);
  await assert.rejects(half('adaptive'), /adaptive, which needs a targetKl above 0/);
});

test('settings of the memory that cannot work are refused by name', () => {
  const setup = setupOf(new PointEnv(8, 7));
  assert.throws(
    () => ppo.create({ ...small, memory: 'gru', memoryWindow: 12 }, setup),
    /memoryWindow is 12, wanted one that divides stepsPerWorld = 32/,
  );
  assert.throws(
    () => ppo.create({ ...small, memory: 'gru', memoryWindow: 32, minibatch: 16 }, setup),
    /minibatch is 16, wanted at least one memoryWindow of 32/,
  );
});
