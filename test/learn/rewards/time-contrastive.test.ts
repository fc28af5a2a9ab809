import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import { arrivalOf, holdOut } from '../../../learn/rewards/parts/frame-set.ts';
import {
  calibrated,
  calibration,
  infoNce,
  timeContrastive,
  timeLabels,
} from '../../../learn/rewards/time-contrastive.ts';
import type { Demonstration, FitContext } from '../../../learn/rewards/types.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { plainLayout } from '../../support/layout.ts';

const dim = 3;
const quick: AnySettings = { updates: 300, hiddenSize: 16, minibatch: 64, holdout: 0 };
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

/** A point in the plane: successes go along an arc from (0, 0) to (1, 1), failures stay near the start. A third number means nothing. */
function episodes(count: number, seed: number, success = true): Demonstration[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const length = 15 + random.integer(16);
    const frames = new Float64Array((length + 1) * dim);
    for (let t = 0; t <= length; t++) {
      const way = success ? t / length : 0;
      frames[t * dim] = Math.sin((way * Math.PI) / 2) + 0.02 * random.gaussian();
      frames[t * dim + 1] = 1 - Math.cos((way * Math.PI) / 2) + 0.02 * random.gaussian();
      frames[t * dim + 2] = random.gaussian();
    }
    return { id: `${success ? 'success' : 'failure'} ${i}`, length, frames, stages: [], success };
  });
}

test('the label is what is left of the own time to success or of the longest; failures have none', () => {
  const success = { length: 2, arrival: 2, success: true };
  assert.deepEqual(timeLabels(success, 'own', 4), Float64Array.of(0, 0.5, 1));
  // 2, 1 and 0 steps left of 4.
  assert.deepEqual(timeLabels(success, 'common', 4), Float64Array.of(0.5, 0.75, 1));
  // It rests for two more steps.
  assert.deepEqual(timeLabels({ ...success, length: 4 }, 'own', 4), Float64Array.of(0, 0.5, 1, 1, 1));
  // Longer than any that was learned from: 3 left of 2 is no progress, not -0.5.
  assert.deepEqual(
    timeLabels({ length: 3, arrival: 3, success: true }, 'common', 2),
    Float64Array.of(0, 0, 0.5, 1),
  );
  assert.deepEqual(timeLabels({ ...success, success: false }, 'own', 4), new Float64Array(3));
});

test('an episode has arrived where all that follows is near its last frame', () => {
  // Distances to the last frame, as root mean squares of two equal numbers: 1, 0.5, 0.2, 0.4, 0.1, 0.
  const numbers = [1, 0.5, 0.2, 0.4, 0.1, 0].flatMap((x) => [x, x]);
  const set = {
    dim: 2,
    frames: Float32Array.from(numbers),
    first: Int32Array.of(0),
    lengths: Int32Array.of(5),
  };
  assert.deepEqual(
    [0, 0.3, 0.45, 0.6, 2].map((radius) => arrivalOf(set, 0, radius)),
    // Frame 2 is near enough at 0.3, but frame 3 is not; an episode is on its way for one step at least.
    [5, 4, 2, 1, 1],
  );
});

const pairOf = (F: number, margin = 0, positiveY = [0, 1]) => ({
  // Anchors (1, 0), (0, 1); positives the same; the failed frame is (1, 0).
  unit: Float64Array.from([1, 0, 0, 1, 1, 0, 0, 1, ...(F > 0 ? [1, 0] : [])]),
  dUnit: new Float64Array((4 + F) * 2),
  B: 2,
  F,
  E: 2,
  temperature: 1,
  margin,
  anchorY: Float64Array.of(0, 1),
  positiveY: Float64Array.from(positiveY),
});

test('InfoNCE of two pairs is what it is by hand, with and without a failed frame, with and without a margin', () => {
  const near = (found: number, wanted: number) =>
    assert.ok(Math.abs(found - wanted) < 1e-12, `${found}, wanted ${wanted}`);
  // Both anchors: -log(e / (e + 1)).
  near(infoNce(pairOf(0)), Math.log(1 + Math.exp(-1)));
  // Anchor 0 has similarities 1, 0, 1: log((2 e + 1) / e); anchor 1 has 0, 1, 0: log((e + 2) / e).
  near(infoNce(pairOf(1)), (Math.log(2 + Math.exp(-1)) + Math.log(1 + 2 * Math.exp(-1))) / 2);
  // Anchors are of times 0 and 1, positives of 0.2 and 0.3, so the other's is 0.3 against 0.2 and 0.8 against 0.7 away: for
  // both too little with a margin of 0.2 (log 1 = 0), for both enough with one of 0.05.
  near(infoNce(pairOf(0, 0.2, [0.2, 0.3])), 0);
  near(infoNce(pairOf(0, 0.05, [0.2, 0.3])), Math.log(1 + Math.exp(-1)));
});

test('the gradient of InfoNCE is that of finite differences', () => {
  const random = new Random(3);
  const [B, F, E] = [3, 2, 4];
  const unit = Float64Array.from({ length: (2 * B + F) * E }, () => random.gaussian());
  const rows = {
    ...{ unit, dUnit: new Float64Array(unit.length), B, F, E, temperature: 0.7, margin: 0.2 },
    anchorY: Float64Array.of(0, 0.1, 0.9),
    positiveY: Float64Array.of(0.05, 0.5, 0.9),
  };
  infoNce(rows);
  const found = rows.dUnit.slice();
  for (const [i, value] of unit.entries()) {
    const at = (shift: number) => {
      unit[i] = value + shift;
      const loss = infoNce(rows);
      unit[i] = value;
      return loss;
    };
    const slope = (at(1e-5) - at(-1e-5)) / 2e-5;
    assert.ok(Math.abs(slope - found[i]!) < 1e-8, `number ${i}: ${found[i]}, wanted ${slope}`);
  }
});

test('the calibration joins bins that would go down and is straight between its knots', () => {
  const pairs = [
    { similarity: 0, y: 0 },
    { similarity: 0.1, y: 0.4 },
    { similarity: 0.3, y: 0.8 },
    { similarity: 0.2, y: 0.2 },
  ];
  // The second and third in order, 0.4 and 0.2, become one of mean 0.3 at similarity 0.15.
  const knots = calibration(pairs, 4);
  const wanted = [-1, 0, 0, 0, 0.15, 0.3, 0.3, 0.8, 1, 1];
  assert.equal(knots.length, wanted.length);
  for (const [i, value] of knots.entries())
    assert.ok(Math.abs(value - wanted[i]!) < 1e-12, `knot ${i}: ${value}`);
  const near = (similarity: number, progress: number) =>
    assert.ok(Math.abs(calibrated(knots, similarity) - progress) < 1e-12, `C(${similarity})`);
  near(-1, 0);
  near(-0.5, 0);
  near(0.075, 0.15);
  near(0.65, 0.9);
  near(1 + 1e-15, 1);
  assert.ok(Number.isNaN(calibrated(knots, Number.NaN)));
});

test('of both outcomes a share is held out, but never the last of either', () => {
  const all = [...episodes(10, 1), ...episodes(3, 2, false)];
  const { training, heldOut } = holdOut(all, 0.5, new Random(1));
  const successes = (found: readonly Demonstration[]) => found.filter(({ success }) => success).length;
  assert.deepEqual([successes(training), training.length, successes(heldOut), heldOut.length], [5, 6, 5, 7]);
  assert.deepEqual(holdOut(episodes(1, 1), 0.5, new Random(1)).heldOut, []);
});

for (const settings of [
  { objective: 'regression' },
  { objective: 'regression', clock: 'common' },
  { objective: 'contrastive' },
  { objective: 'contrastive', clock: 'common', across: 1 },
] as const) {
  const name = Object.values(settings).join(', ');
  test(`${name}: unseen successes go up to near 1, unseen failures stay low`, async () => {
    const training = [...episodes(20, 5), ...episodes(10, 6, false)];
    const { model, metrics } = await timeContrastive.fit(
      training,
      { ...quick, ...settings, holdout: 0.2 },
      context,
    );
    assert.ok(metrics['holdout/spearman']! > 0.85, `rank ${metrics['holdout/spearman']}`);
    assert.ok(metrics['holdout/mae']! < 0.15, `error ${metrics['holdout/mae']}`);
    assert.ok(metrics['holdout/finalGap']! > 0.75, `gap ${metrics['holdout/finalGap']}`);
    const finals = (success: boolean) =>
      episodes(10, 7, success).map(({ frames, length }) => model.score(frames, length).perStep[length]!);
    assert.ok(
      finals(true).every((value) => value > 0.8),
      `successes ${finals(true)}`,
    );
    assert.ok(
      finals(false).every((value) => value < 0.3),
      `failures ${finals(false)}`,
    );
  });
}

test('the contrastive model tells the similarity, and not-a-number is not hidden', async () => {
  for (const [objective, extras] of [
    ['regression', []],
    ['contrastive', ['similarity']],
  ] as const) {
    const { model } = await timeContrastive.fit(
      episodes(3, 5),
      { ...quick, updates: 20, objective },
      context,
    );
    const { perStep, extras: found } = model.score(Float64Array.of(0, 0, 0, 0, Number.NaN, 0, 1, 1, 0), 2);
    assert.deepEqual(Object.keys(found), extras);
    assert.deepEqual(Array.from(perStep, Number.isNaN), [false, true, false]);
  }
});

test('without a single success, or with a broken frame, fitting is refused by name', async () => {
  await assert.rejects(
    timeContrastive.fit(episodes(3, 5, false), quick, context),
    /none of the 3 succeeded \(first: episode failure 0\)/,
  );
  await assert.rejects(timeContrastive.fit([], quick, context), /Demonstrations: found none/);
  const [good, other] = episodes(2, 5);
  const broken = { ...other!, frames: other!.frames.map((value, i) => (i === 4 ? Number.NaN : value)) };
  await assert.rejects(
    timeContrastive.fit([good!, broken], quick, context),
    /Episode success 1: number 1 of frame 1 is NaN/,
  );
});

test('the same seed gives the same model, another seed another, and no memory is left behind', async () => {
  for (const objective of ['regression', 'contrastive']) {
    const fit = async (seed: number) => {
      const training = [...episodes(4, 5), ...episodes(2, 6, false)];
      const { model } = await timeContrastive.fit(
        training,
        { ...quick, updates: 20, objective },
        { ...context, seed },
      );
      return model.save();
    };
    const first = await fit(5);
    const { memoryUsed } = kernel;
    assert.deepEqual(await fit(5), first);
    assert.notDeepEqual(await fit(6), first);
    assert.equal(kernel.memoryUsed, memoryUsed);
    assert.deepEqual(timeContrastive.load(first).save(), first);
  }
});
