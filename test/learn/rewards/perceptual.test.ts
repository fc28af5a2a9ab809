import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import {
  combine,
  perceptual,
  segment,
  selectFeatures,
  stepReward,
  suggestStages,
} from '../../../learn/rewards/perceptual.ts';
import { viewSide } from '../../../learn/rewards/senses.ts';
import type { Demonstration, FitContext } from '../../../learn/rewards/types.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { plainLayout } from '../../support/layout.ts';

const signal = new AbortController().signal;
const contextOf = (dim: number): FitContext => ({
  // It trains no network.
  compute: null as never,
  seed: 1,
  frameDim: dim,
  layout: plainLayout(dim),
  stages: ['reach', 'lift', 'return'],
  signal,
  onProgress: () => {},
});

/** Steps of 8 to 24 frames. Numbers: 1 in step 1 only, 1 in step 2 only, 1 in step 3 only, noise. */
function demonstrations(count: number, seed: number, success = true): Demonstration[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, n) => {
    const lengths = [0, 1, 2].map(() => 8 + random.integer(17));
    const starts = [0, lengths[0]!, lengths[0]! + lengths[1]!];
    const frames = lengths[0]! + lengths[1]! + lengths[2]!;
    const rows = new Float64Array(frames * 4);
    for (let t = 0; t < frames; t++) {
      const step = t >= starts[2]! ? 2 : t >= starts[1]! ? 1 : 0;
      for (let k = 0; k < 3; k++) rows[t * 4 + k] = (k === step ? 1 : 0) + 0.05 * random.gaussian();
      rows[t * 4 + 3] = random.gaussian();
    }
    const stages = starts.map((start, stage) => ({ stage, start, end: starts[stage + 1] ?? frames }));
    return { id: `d${n + 1}`, length: frames - 1, frames: rows, stages, success };
  });
}

const names = plainLayout(4).parts[0]!.names;
const three: AnySettings = { steps: 3, features: 2 };

test('a split makes the squared distances to the means of the steps small', () => {
  // 0 0 3 | 9 9: (0 0 3) has mean 1, squares 1 + 1 + 4 = 6, (9 9) has 0. 0 0 | 3 9 9: 0 and mean 7, 16 + 4 + 4 = 24.
  const rows = Float64Array.of(0, 0, 3, 9, 9);
  assert.deepEqual([...segment(rows, 1, { steps: 2, minimumFrames: 1, criterion: 'variance' })], [0, 3]);
  assert.deepEqual([...segment(rows, 1, { steps: 3, minimumFrames: 1, criterion: 'variance' })], [0, 2, 3]);
  // Two frames at least: 0 0 | 3 9 9 costs 24, 0 0 3 | 9 9 costs 6.
  assert.deepEqual([...segment(rows, 1, { steps: 2, minimumFrames: 2, criterion: 'variance' })], [0, 3]);
});

test("the paper's criterion counts a short step as much as a long one", () => {
  // Six times 0, six times 1, then 2.5. After the zeros: squares 6 + 6.25 - 8.5^2 / 7 = 1.93, standard deviation 0.525.
  // Before the 2.5: squares 6 - 6^2 / 12 = 3, standard deviation 0.5.
  const rows = Float64Array.of(0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2.5);
  assert.deepEqual([...segment(rows, 1, { steps: 2, minimumFrames: 1, criterion: 'variance' })], [0, 6]);
  assert.deepEqual([...segment(rows, 1, { steps: 2, minimumFrames: 1, criterion: 'std' })], [0, 12]);
});

test('the split by dynamic programming is the best of all splits', () => {
  const random = new Random(7);
  const dim = 2;
  const rows = Float64Array.from({ length: 12 * dim }, () => random.gaussian());
  for (const criterion of ['variance', 'std'] as const) {
    const price = (starts: number[]): number =>
      starts.reduce((sum, b, k) => {
        const e = starts[k + 1] ?? 12;
        let cost = 0;
        for (let i = 0; i < dim; i++) {
          const column = Array.from({ length: e - b }, (_, t) => rows[(b + t) * dim + i]!);
          const mean = column.reduce((a, x) => a + x, 0) / column.length;
          const squares = column.reduce((a, x) => a + (x - mean) ** 2, 0);
          cost += criterion === 'std' ? Math.sqrt(squares / column.length) : squares;
        }
        return sum + cost;
      }, 0);
    let best: number[] = [];
    for (let a = 2; a <= 8; a++)
      for (let b = a + 2; b <= 10; b++)
        if (best.length === 0 || price([0, a, b]) < price(best)) best = [0, a, b];
    assert.deepEqual([...segment(rows, dim, { steps: 3, minimumFrames: 2, criterion })], best, criterion);
  }
});

test('features are ranked by alpha |mu+ - mu-| - (sigma+ + sigma-)', () => {
  // alpha 5: 5 * 1 - (0.2 + 0.3) = 4.5;  5 * 2 - (4 + 3) = 3;  5 * 0 - (0.1 + 0.1) = -0.2;  5 * 1 - (0.1 + 0.4) = 4.5
  const inside = { mean: Float64Array.of(1, 2, 0, -1), deviation: Float64Array.of(0.2, 4, 0.1, 0.1) };
  const outside = { mean: Float64Array.of(0, 0, 0, 0), deviation: Float64Array.of(0.3, 3, 0.1, 0.4) };
  const { index, z } = selectFeatures(inside, outside, 5, 3);
  assert.deepEqual([...index], [0, 3, 1]);
  assert.deepEqual([...z], [4.5, 4.5, 3]);
  // alpha 20: the far mean outweighs its spread, 20 * 2 - 7 = 33 against 19.5.
  assert.equal(selectFeatures(inside, outside, 20, 1).index[0], 1);
});

test('a step is rewarded by a Gaussian over its features', () => {
  // Features 2 and 0: ((5 - 3) / 2)^2 = 1, ((1 - 1) / 0.5)^2 = 0; exp(-1/2 * 1/2) = 0.7788.
  const step = { index: Int32Array.of(2, 0), mean: Float64Array.of(3, 1), spread: Float64Array.of(2, 0.5) };
  assert.ok(Math.abs(stepReward(Float64Array.of(1, 100, 5), 0, step) - 0.7788) < 1e-4);
  assert.equal(stepReward(Float64Array.of(7, 1, 100, 3), 1, step), 1);
  assert.ok(Number.isNaN(stepReward(Float64Array.of(Number.NaN, 0, 3), 0, step)));
});

test('later steps weigh twice as much as the one before; the first says nothing', () => {
  // Steps 2, 3, 4 weigh 2, 4, 8.
  const at = (...rewards: number[]) => Float64Array.from(rewards);
  assert.equal(combine(at(1, 0, 0, 0), false), 0);
  assert.equal(combine(at(0, 1, 0, 0), false), 2 / 14);
  assert.equal(combine(at(0, 0, 0, 1), false), 8 / 14);
  // Whoever is in step 4 has been through 2 and 3.
  assert.equal(combine(at(0, 0, 0, 1), true), 1);
  // max(0.5, 0.25) * 2 + 0.25 * 4 + 0 = 2.
  assert.equal(combine(at(0, 0.5, 0.25, 0), true), 2 / 14);
  assert.ok(Number.isNaN(combine(at(0, Number.NaN, 0, 0), true)));
});

test('steps are found without labels, alone or shared', () => {
  const given = demonstrations(4, 3);
  for (const alignment of ['order', 'shared']) {
    const found = suggestStages(given, { ...three, alignment }, { names });
    assert.deepEqual(
      found,
      given.map(({ stages }) => stages),
      alignment,
    );
  }
});

test('shared steps put a boundary where all demonstrations put it', () => {
  // Alone, the second demonstration is split at its jump to 3 (frame 6); the first shows that step 2 starts at 1.
  const of = (id: string, values: number[]): Demonstration => ({
    id,
    length: values.length - 1,
    frames: Float64Array.from(values),
    stages: [],
    success: true,
  });
  const given = [
    of('a', [0, 0, 0, 0, 1, 1, 1, 1]),
    of('b', [0, 0, 0, 0, 1, 1, 1, 1]),
    of('c', [0, 0, 0.1, 1, 1, 1, 3, 3]),
  ];
  const starts = (alignment: string): number[] =>
    suggestStages(given, { steps: 2, minimumFrames: 1, alignment }, { names: ['x'] }).map(
      (spans) => spans[1]!.start,
    );
  assert.deepEqual(starts('order'), [4, 4, 6]);
  assert.deepEqual(starts('shared'), [4, 4, 3]);
});

test('the model says which step a frame is in, and rises from step to step', async () => {
  const { model, metrics } = await perceptual.fit(demonstrations(5, 1), three, contextOf(4));
  assert.ok(metrics['steps/agreement']! > 0.98, `agreement ${metrics['steps/agreement']}`);
  const fresh = demonstrations(1, 99)[0]!;
  const { perStep, extras } = model.score(fresh.frames, fresh.length);
  const mean = (stage: number): number => {
    const { start, end } = fresh.stages[stage]!;
    return perStep.subarray(start, end).reduce((sum, value) => sum + value, 0) / (end - start);
  };
  assert.ok(mean(0) < 0.05, `step 1: ${mean(0)}`);
  // Step 2 is worth 2 / 6 at its mean; frames lie around it.
  assert.ok(mean(1) > 0.15 && mean(1) < 1 / 3, `step 2: ${mean(1)}`);
  assert.ok(mean(2) > 0.5, `step 3: ${mean(2)}`);
  const { start, end } = fresh.stages[1]!;
  assert.ok(extras['step']!.subarray(start, end).every((step) => step === 1));
  assert.deepEqual(Object.keys(extras), ['step', 'step1', 'step2', 'step3']);
});

test('failed episodes have no steps; their frames tell what the last step is not', async () => {
  const good = demonstrations(3, 1);
  // A failure that looks like step 3 in its number, but has 5 in the fourth.
  const frames = new Float64Array(10 * 4);
  for (let t = 0; t < 10; t++) frames.set([0, 0, 1, 5], t * 4);
  const failed: Demonstration = { id: 'bad', length: 9, frames, stages: [], success: false };
  assert.deepEqual(suggestStages([failed, ...good], three, { names })[0], []);
  const settings = { steps: 3, features: 1 };
  const { metrics } = await perceptual.fit([...good, failed], settings, contextOf(4));
  assert.equal(metrics['demonstrations/failed'], 1);
  const without = await perceptual.fit(good, settings, contextOf(4));
  assert.ok(metrics['steps/margin']! < without.metrics['steps/margin']!);
});

test('pictures become random convolutions, the same after loading', async () => {
  const dim = viewSide * viewSide * 3;
  const random = new Random(5);
  const length = 11;
  const picture = (n: number): Demonstration => ({
    id: `p${n}`,
    length,
    // The left half is bright first, the right half later.
    frames: Float64Array.from({ length: (length + 1) * dim }, (_, i) => {
      const t = Math.floor(i / dim);
      const x = Math.floor(i / 3) % viewSide;
      return (x < viewSide / 2 === t < 6 ? 0.9 : 0.1) + 0.02 * random.uniform();
    }),
    stages: [],
    success: true,
  });
  const given = [picture(1), picture(2)];
  const settings = { input: 'view:front', steps: 2, filters: 4, features: 8 };
  const { model } = await perceptual.fit(given, settings, contextOf(dim));
  assert.deepEqual(model.senses, ['view:front']);
  const scored = model.score(given[0]!.frames, length);
  assert.deepEqual([...scored.extras['step']!], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual(perceptual.load(model.save()).score(given[0]!.frames, length), scored);
});

test('episodes that cannot be used are named', async () => {
  const good = demonstrations(3, 1);
  const fit = (given: readonly Demonstration[], settings: AnySettings = three) =>
    perceptual.fit(given, settings, contextOf(4));
  await assert.rejects(fit([]), /Demonstrations: found none, wanted at least one/);
  await assert.rejects(fit(demonstrations(2, 1, false)), /none of the 2 succeeded \(first: episode d1\)/);
  const short = { ...good[1]!, length: 6, frames: good[1]!.frames.slice(0, 28) };
  await assert.rejects(
    fit([good[0]!, short]),
    /Episode d2: found 7 frames, wanted at least 9 \(3 steps of 3 frames\)/,
  );
  const broken = { ...good[2]!, frames: good[2]!.frames.map((x, i) => (i === 9 ? Number.NaN : x)) };
  await assert.rejects(fit([good[0]!, broken]), /Episode d3: number 1 of frame 2 is NaN/);
  assert.throws(
    () => segment(new Float64Array(4), 1, { steps: 3, minimumFrames: 2, criterion: 'std' }),
    /found 4 frames, wanted at least 6/,
  );
});
