import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import { binLoss, combine, logisticLoss, lrm, pairLoss } from '../../../learn/rewards/lrm.ts';
import { monotonicity, pairwiseAccuracy, rocAuc } from '../../../learn/rewards/parts/open-loop.ts';
import type { Demonstration, FitContext } from '../../../learn/rewards/types.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { plainLayout } from '../../support/layout.ts';

const dim = 2;
const quick: AnySettings = { updates: 400, hiddenSize: 16, minibatch: 64, holdout: 0, interval: 4 };
let kernel: Kernel;
let context: FitContext;
before(async () => {
  kernel = await openKernel({ threads: 1 });
  context = {
    compute: kernel,
    seed: 1,
    frameDim: dim,
    layout: plainLayout(dim),
    stages: ['only'],
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
});
after(() => kernel.dispose());

/** A point on a line: successes go from 0 to 1 in 20 to 30 steps, failures walk about near 0. The second number means nothing. */
function episodes(count: number, seed: number, success = true): Demonstration[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const length = 20 + random.integer(11);
    const frames = new Float64Array((length + 1) * dim);
    let x = 0;
    for (let t = 0; t <= length; t++) {
      x = success ? t / length : 0.9 * x + 0.04 * random.gaussian();
      frames[t * dim] = x + 0.01 * random.gaussian();
      frames[t * dim + 1] = random.gaussian();
    }
    return { id: `${success ? 'success' : 'failure'} ${i}`, length, frames, stages: [], success };
  });
}

const near = (found: number, wanted: number, within = 1e-12) =>
  assert.ok(Math.abs(found - wanted) < within, `${found}, wanted ${wanted}`);

test('the three answers are averaged after rescaling, or summed with their sign', () => {
  const answers = { contrastive: -0.5, progress: 0.6, completion: 0.2 };
  // (0.25 + 0.6 + 0.2) / 3 = 0.35; the signed sum (-0.5 + 0.6 + 0.2) / 3 = 0.1 of [-1/3, 1] is (0.3 + 1) / 4 = 0.325 of [0, 1].
  near(combine(answers, 'rescaled'), 0.35);
  near(combine(answers, 'signed'), 0.325);
  near(combine({ contrastive: -0.5 }, 'signed'), 0.25);
  near(combine({ progress: 0.6 }, 'rescaled'), 0.6);
  // A step back near the end: progress still counts when rescaled, and is mostly cancelled when signed.
  const back = { contrastive: -1, progress: 0.9, completion: 0.8 };
  near(combine(back, 'rescaled'), 1.7 / 3);
  near(combine(back, 'signed'), 1.7 / 4);
});

test('the logistic loss and its gradient are those by hand', () => {
  const dZ = new Float64Array(3);
  // z = 0: log 2 whatever the target; z = log 3: p = 3/4, -log(3/4) for 1.
  const loss = logisticLoss(Float64Array.of(0, 0, Math.log(3)), Float64Array.of(1, 0.5, 1), dZ);
  near(loss, (2 * Math.log(2) + Math.log(4 / 3)) / 3);
  near(dZ[0]!, -0.5 / 3);
  near(dZ[1]!, 0);
  near(dZ[2]!, -0.25 / 3);
  assert.ok(Number.isFinite(logisticLoss(Float64Array.of(1e4, -1e4), Float64Array.of(0, 1), dZ)));
});

test('the loss of a pair pulls its two frames apart, or together where neither is closer', () => {
  const dZ = new Float64Array(4);
  // Differences log 3 (p = 3/4) with target 1, and 0 with target 1/2.
  near(
    pairLoss(Float64Array.of(1, 1 + Math.log(3), 2, 2), Float64Array.of(1, 0.5), dZ),
    (Math.log(4 / 3) + Math.log(2)) / 2,
  );
  assert.deepEqual(
    Array.from(dZ, (d) => Math.round(d * 1e12) / 1e12 + 0),
    [0.125, -0.125, 0, 0],
  );
});

test('the loss of the answers puts a progress on its two neighbours', () => {
  const dZ = new Float64Array(22);
  // All logits 0: p = 1/11, so -log p = log 11 whatever q. 0.23 is 0.7 of answer 0.2 and 0.3 of answer 0.3; 1 is all of 1.0.
  near(binLoss(new Float64Array(22), Float64Array.of(0.23, 1), dZ), Math.log(11));
  near(dZ[2]!, (1 / 11 - 0.7) / 2);
  near(dZ[3]!, (1 / 11 - 0.3) / 2);
  near(dZ[4]!, 1 / 11 / 2);
  near(dZ[21]!, (1 / 11 - 1) / 2);
});

test('open-loop measures of a few numbers are those by hand', () => {
  // Pairs (0.9, 0.4), (0.9, 0.5), (0.5, 0.4) are right, (0.5, 0.5) is a tie.
  near(rocAuc([0.9, 0.5], [0.4, 0.5]), 3.5 / 4);
  near(pairwiseAccuracy([0.9, 0.5], [0.4, 0.5]), 3 / 4);
  assert.ok(Number.isNaN(rocAuc([1], [])));
  near(monotonicity([0, 0.2, 0.1, 0.1, 0.5]), 3 / 4);
});

test('of unseen episodes the heads know the direction, how far it is and which succeeded', async () => {
  const training = [...episodes(20, 5), ...episodes(15, 6, false)];
  const { metrics } = await lrm.fit(training, { ...quick, holdout: 0.3 }, context);
  const measured = (name: string) => metrics[`holdout/${name}`]!;
  assert.ok(measured('directionAccuracy') > 0.85, `direction ${measured('directionAccuracy')}`);
  assert.ok(measured('progressRecall') > 0.85, `recall ${measured('progressRecall')}`);
  assert.ok(measured('progressMae') < 0.12, `progress ${measured('progressMae')}`);
  assert.ok(measured('monotonicity') > 0.7, `monotonicity ${measured('monotonicity')}`);
  assert.equal(measured('rocAuc'), 1);
  assert.equal(measured('pairwiseAccuracy'), 1);
  assert.equal(metrics['demonstrations/failures'], 15);
  assert.ok(
    metrics['loss/contrastive']! > 0 && metrics['loss/progress']! > 0 && metrics['loss/completion']! > 0,
  );
});

const variants: readonly AnySettings[] = [
  {},
  { sum: 'signed', between: 'zero' },
  { heads: 'contrastive' },
  { heads: 'progress', progressAs: 'regression', initialFrame: true },
  { heads: 'completion', negatives: 'failures' },
  { answers: 'hard', interval: 3 },
];

for (const settings of variants) {
  const name = Object.entries(settings).map(([key, value]) => `${key} ${value}`);
  test(`with ${name.join(', ') || 'the defaults'}: what is paid between queries is the last answer or nothing`, async () => {
    const training = [...episodes(6, 5), ...episodes(4, 6, false)];
    const all: AnySettings = { ...quick, updates: 60, ...settings };
    const { model } = await lrm.fit(training, all, context);
    const { frames, length } = episodes(1, 7)[0]!;
    const { perStep, extras } = model.score(frames, length);
    const interval = all['interval'] as number;
    const heads = ['contrastive', 'progress', 'completion'].filter((head) => head in extras);
    assert.deepEqual(Object.keys(extras), [...heads, 'held']);
    for (let t = 0; t <= length; t++) {
      const asked = t - (t % interval);
      const answers = Object.fromEntries(heads.map((head) => [head, extras[head]![asked]!]));
      near(extras['held']![t]!, combine(answers, all['sum'] === 'signed' ? 'signed' : 'rescaled'), 1e-6);
      assert.equal(perStep[t], all['between'] === 'zero' && t !== asked ? 0 : extras['held']![asked]);
      for (const head of heads) assert.equal(extras[head]![t], extras[head]![asked]);
    }
    if (heads.includes('contrastive')) assert.equal(extras['contrastive']![0], 0);
    if (all['answers'] === 'hard') {
      assert.ok(extras['contrastive']!.every((c) => c === -1 || c === 0 || c === 1));
      assert.ok(extras['progress']!.every((p) => Math.abs(p * 10 - Math.round(p * 10)) < 1e-5));
      assert.ok(extras['completion']!.every((d) => d === 0 || d === 1));
    }
    assert.deepEqual(lrm.load(model.save()).score(frames, length), model.score(frames, length));
  });
}

test('the comparison is of frames one query apart: forward it is above the middle, backward below', async () => {
  const training = [...episodes(10, 5), ...episodes(5, 6, false)];
  const { model } = await lrm.fit(training, { ...quick, heads: 'contrastive' }, context);
  // 0.4 to 0.6 and back, a query every 4 steps.
  const line = (from: number, to: number) =>
    Float64Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? from + ((to - from) * i) / 8 : 0));
  assert.ok(model.score(line(0.4, 0.6), 4).perStep[4]! > 0.7);
  assert.ok(model.score(line(0.6, 0.4), 4).perStep[4]! < 0.3);
});

test('not-a-number at a query is not hidden, also where answers are hard', async () => {
  for (const answers of ['soft', 'hard']) {
    const { model } = await lrm.fit(episodes(4, 5), { ...quick, updates: 20, answers }, context);
    const { perStep } = model.score(Float64Array.of(0, 0, Number.NaN, 0, 0, 0, 0, 0, Number.NaN, 0), 4);
    assert.deepEqual(Array.from(perStep, Number.isNaN), [false, false, false, false, true]);
  }
});

test('one-class data and too few pairs are refused by name', async () => {
  const successes = episodes(4, 5);
  const failures = episodes(3, 6, false);
  await assert.rejects(
    lrm.fit(failures, quick, context),
    /none of the 3 succeeded \(first: episode failure 0\)/,
  );
  await assert.rejects(
    lrm.fit(successes, { ...quick, negatives: 'failures' }, context),
    /all 4 succeeded \(first: episode success 0\); wanted at least one failure for the completion head/,
  );
  await assert.rejects(
    lrm.fit(successes, { ...quick, doneFrames: 40 }, context),
    /Episode success 0: found \d+ frames, wanted more than doneFrames = 40/,
  );
  const longest = Math.max(...successes.map(({ length }) => length));
  await assert.rejects(
    lrm.fit(successes, { ...quick, interval: longest }, context),
    /Pairs: found [1-4] pairs of frames \d+ steps apart in 4 successes \(longest: episode success \d of \d+ steps\), wanted at least 10/,
  );
  // Alone, the progress head needs neither pairs nor failures.
  await lrm.fit(successes, { ...quick, updates: 5, heads: 'progress', interval: longest }, context);
  const broken = successes.map((episode, i) =>
    i === 1 ? { ...episode, frames: episode.frames.map((v, k) => (k === 5 ? Number.NaN : v)) } : episode,
  );
  await assert.rejects(lrm.fit(broken, quick, context), /Episode success 1: number 1 of frame 2 is NaN/);
});

test('the same seed gives the same model, another seed another, and no memory is left behind', async () => {
  const training = [...episodes(4, 5), ...episodes(2, 6, false)];
  const fit = async (seed: number) =>
    (await lrm.fit(training, { ...quick, updates: 20 }, { ...context, seed })).model.save();
  const first = await fit(5);
  const { memoryUsed } = kernel;
  assert.deepEqual(await fit(5), first);
  assert.notDeepEqual(await fit(6), first);
  assert.equal(kernel.memoryUsed, memoryUsed);
});
