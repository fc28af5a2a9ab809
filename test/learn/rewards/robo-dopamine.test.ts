import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { spearman } from '../../../learn/diagnostics/agreement.ts';
import { Random } from '../../../learn/parts/random.ts';
import {
  askedOtherwise,
  automaticSuccess,
  conservative,
  hopFrom,
  hopLoss,
  hopOf,
  type InferenceSettings,
  PairBins,
  progressLabels,
  roboDopamine,
  trust,
} from '../../../learn/rewards/robo-dopamine.ts';
import type { FrameLayout } from '../../../learn/rewards/senses.ts';
import type { Demonstration, FitContext, StageSpan } from '../../../learn/rewards/types.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { plainLayout } from '../../support/layout.ts';

const stages = ['reach', 'lift', 'done'];
const dim = 3;
const quick: AnySettings = { updates: 500, hiddenSize: 24, embedding: 8, minibatch: 64, candidates: 4000 };

let kernel: Kernel;
let context: FitContext;
before(async () => {
  kernel = await openKernel({ threads: 1 });
  context = {
    compute: kernel,
    seed: 1,
    frameDim: dim,
    layout: plainLayout(dim),
    stages,
    signal: new AbortController().signal,
    onProgress: () => {},
  };
});
after(() => kernel.dispose());

const span = (stage: number, start: number, end: number): StageSpan => ({ stage, start, end });
const episode = (id: string, length: number, spans: readonly StageSpan[], success = true): Demonstration => ({
  id,
  length,
  frames: new Float64Array((length + 1) * dim),
  stages: spans,
  success,
});

/** A point goes right, then up, then rests; speeds differ. Frame: x, y, a number that means nothing. */
function demonstrations(count: number, seed: number, way = 1): Demonstration[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const [reach, lift, rest] = [8 + random.integer(9), 8 + random.integer(9), 4];
    const length = reach + lift + rest;
    const frames = new Float64Array((length + 1) * dim);
    for (let t = 0; t <= length; t++) {
      frames[t * dim] = way * Math.min(1, t / reach);
      frames[t * dim + 1] = Math.min(1, Math.max(0, (t - reach) / lift));
      frames[t * dim + 2] = 0.1 * random.gaussian();
    }
    const spans = [span(0, 0, reach), span(1, reach, reach + lift), span(2, reach + lift, length + 1)];
    return { ...episode(`demonstration ${i}`, length, spans), frames };
  });
}

test('progress counts every stage alike, whatever its length, and stays at 1 after success', () => {
  // Two stages of work: 4 steps and 2 steps, then rest. Phi: 0, 1/8, 2/8, 3/8 | 1/2, 3/4 | 1, 1.
  const [labels] = progressLabels([episode('a', 7, [span(0, 0, 4), span(1, 4, 6), span(2, 6, 8)])], {
    lastStageDone: true,
    chunk: 1,
  });
  assert.deepEqual([...labels!.progress], [0, 0.125, 0.25, 0.375, 0.5, 0.75, 1, 1]);
  // (1) m = floor(floor(8 frames / 1) / 2 stages) = 4 points a stage; in the short one two fall on the same frame.
  assert.deepEqual(labels!.points, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual([...labels!.window], [4, 4, 4, 4, 2, 2, 1, 1]);
});

test('a chunk of several steps leaves equally many points in every stage', () => {
  // m = floor(floor(13 / 3) / 2) = 2: frames 0 and 4 of 8 steps, 8 and 10 of 4; then where it is done, and the last frame.
  const [labels] = progressLabels([episode('a', 12, [span(0, 0, 8), span(1, 8, 12), span(2, 12, 13)])], {
    lastStageDone: true,
    chunk: 3,
  });
  assert.deepEqual(labels!.points, [0, 4, 8, 10, 12]);
  assert.deepEqual(
    labels!.points.map((t) => labels!.progress[t]),
    [0, 0.25, 0.5, 0.75, 1],
  );
});

test('stages that no success has do not count, and the stage a failure ended in counts as not begun', () => {
  const labels = progressLabels(
    [
      episode('success', 4, [span(1, 0, 2), span(2, 2, 4), span(3, 4, 5)]),
      // Got into the second stage of work and stayed there.
      episode('stuck', 4, [span(1, 0, 2), span(2, 2, 5)], false),
      // Fell back into a stage that successes do not have.
      episode('lost', 2, [span(0, 0, 3)], false),
      // Was done, and lost it: nobody knows when.
      episode('undone', 3, [span(1, 0, 2), span(3, 2, 4)], false),
    ],
    { lastStageDone: true, chunk: 1 },
  );
  assert.deepEqual(
    labels.map(({ progress }) => [...progress]),
    [
      [0, 0.25, 0.5, 0.75, 1],
      [0, 0.25, 0.5, 0.5, 0.5],
      [0, 0, 0],
      [0, 0.25, Number.NaN, Number.NaN],
    ],
  );
});

test('with the last stage as work its last frame is the arrival', () => {
  const [labels] = progressLabels([episode('a', 4, [span(0, 0, 2), span(1, 2, 5)])], {
    lastStageDone: false,
    chunk: 1,
  });
  assert.deepEqual([...labels!.progress], [0, 0.25, 0.5, 0.75, 1]);
  assert.equal(labels!.points.at(-1), 4);
});

test('a hop is measured by what is left forwards and by what is there backwards', () => {
  // (0.6 - 0.2) / 0.8 and (0.2 - 0.6) / 0.6
  assert.ok(Math.abs(hopOf(0.2, 0.6, true) - 0.5) < 1e-15);
  assert.ok(Math.abs(hopOf(0.6, 0.2, false) + 2 / 3) < 1e-15);
  assert.deepEqual([hopOf(0, 1, true), hopOf(1, 0, false)], [1, -1]);
  assert.ok(Number.isNaN(hopOf(1, 1, true)) && Number.isNaN(hopOf(0, 0, false)));
});

test('a hop taken back gives the progress it was made of, and progress stays in [0, 1]', () => {
  assert.ok(Math.abs(hopFrom(0.2, hopOf(0.2, 0.6, true)) - 0.6) < 1e-15);
  assert.ok(Math.abs(hopFrom(0.6, hopOf(0.6, 0.2, false)) - 0.2) < 1e-15);
  for (const progress of [0, 0.3, 1]) assert.deepEqual([hopFrom(progress, 1), hopFrom(progress, -1)], [1, 0]);
});

test('the gate is open where the estimates agree, and closes the earlier the less progress there is', () => {
  assert.equal(trust(0.5, 0.5, 20, 0.05), 1);
  // D = 0.1 / (0.55 + 0.05) = 1/6; exp(-20 / 36)
  assert.ok(Math.abs(trust(0.5, 0.6, 20, 0.05) - Math.exp(-20 / 36)) < 1e-12);
  // The same disagreement near 0: D = 0.1 / 0.1 = 1.
  assert.ok(Math.abs(trust(0, 0.1, 20, 0.05) - Math.exp(-20)) < 1e-12);
  // A larger epsilon frees it: D = 0.1 / 0.55.
  assert.ok(Math.abs(trust(0, 0.1, 20, 0.5) - Math.exp(-20 * (0.1 / 0.55) ** 2)) < 1e-12);
});

test('the conservative update holds at gate 0 and averages at gate 1', () => {
  // before 0.4, Phi_I 0.5, Phi_F 0.6, Phi_B 0.8: (0.7 + 0.5) / 2 = 0.6
  assert.equal(conservative(0.4, 0.5, 0.6, 0.8, 0), 0.4);
  assert.ok(Math.abs(conservative(0.4, 0.5, 0.6, 0.8, 1) - 0.6) < 1e-15);
});

test('pairs are drawn evenly over bins of hop and gap, however rare they are', () => {
  // 990 small hops, of which 10 have a long gap, and 10 large ones: 2 + 1 bins of gap that are not empty.
  const hops = Array.from({ length: 1000 }, (_, i) => (i < 990 ? 0.05 : 0.95));
  const gaps = Array.from({ length: 1000 }, (_, i) => (i < 980 ? 1 : i < 990 ? 9 : 5));
  const bins = new PairBins(hops, gaps, 20, 4);
  const at = (hop: number) => [...bins.counts.subarray(hop * 4, hop * 4 + 4)];
  assert.deepEqual(
    [at(10), at(19)],
    [
      [980, 0, 0, 10],
      [10, 0, 0, 0],
    ],
  );
  const random = new Random(1);
  const drawn = [0, 0, 0];
  for (let n = 0; n < 4000; n++) {
    const i = bins.draw(random);
    drawn[i < 980 ? 0 : i < 990 ? 1 : 2]!++;
  }
  // 1/4, 1/4, 1/2; the deviation of such a share over 4000 draws is 0.8 %.
  for (const [kind, share] of [0.25, 0.25, 0.5].entries())
    assert.ok(Math.abs(drawn[kind]! / 4000 - share) < 0.03, String(drawn));
});

test('the losses are those on paper, and their gradient is the slope', () => {
  const [z, y] = [Float32Array.of(0, Math.atanh(0.5)), Float32Array.of(0.05, -0.5)];
  const dZ = new Float32Array(2);
  // Errors -0.05 and 1: (0.0025 + 1) / 2; Huber at 0.1: (0.0025 + 0.1 (2 - 0.1)) / 2.
  assert.ok(Math.abs(hopLoss(z, y, 'mse', dZ) - 0.50125) < 1e-6);
  assert.ok(Math.abs(hopLoss(z, y, 'huber', dZ) - 0.09625) < 1e-6);
  for (const loss of ['mse', 'huber'] as const) {
    hopLoss(z, y, loss, dZ);
    const slope = dZ[1]!;
    const shifted = (by: number) => hopLoss(Float32Array.of(z[0]!, z[1]! + by), y, loss, new Float32Array(2));
    assert.ok(Math.abs(slope - (shifted(1e-2) - shifted(-1e-2)) / 2e-2) < 1e-3, loss);
  }
});

for (const target of ['hop', 'delta', 'absolute'] as const) {
  test(`a fitted model of target ${target} follows new demonstrations there and back`, async () => {
    const { model, metrics } = await roboDopamine.fit(
      demonstrations(8, 1),
      { ...quick, target, stride: 2 },
      context,
    );
    assert.ok(metrics['holdout/mae']! < 0.1, JSON.stringify(metrics));
    const [other] = demonstrations(1, 99);
    const { perStep, extras } = model.score(other!.frames, other!.length);
    const labels = progressLabels([other!], { lastStageDone: true, chunk: 1 })[0]!.progress;
    assert.ok(spearman(perStep, labels) > 0.9);
    assert.ok(metrics['holdout/rewindDrop']! > 0.6, JSON.stringify(metrics));
    assert.equal(extras['success']!.at(-1), perStep.at(-1)! >= 0.95 ? 1 : 0);
  });
}

test('the tracks fuse to the score, as the switches say', async () => {
  const some = demonstrations(6, 1);
  const { frames, length } = some[0]!;
  const bytes = (await roboDopamine.fit(some, { ...quick, updates: 60 }, context)).model.save();
  const fitted = (changes: Partial<InferenceSettings>) =>
    askedOtherwise(bytes, changes).score(frames, length);
  const { perStep, extras } = fitted({});
  const { incremental, forward, backward } = extras as Record<string, Float32Array>;
  assert.equal(perStep[0], 0);
  for (let t = 1; t <= length; t++)
    assert.ok(Math.abs(perStep[t]! - (incremental![t]! + forward![t]! + backward![t]!) / 3) < 1e-6);
  const alone = fitted({ incremental: false, backward: false });
  assert.deepEqual(alone.perStep.slice(1), alone.extras['forward']!.slice(1));
  const gated = fitted({ consistency: true, stride: 1, epsilon: 0.2 });
  for (let t = 1; t <= length; t++) {
    const [i, f, b] = ['incremental', 'forward', 'backward'].map((name) => gated.extras[name]![t]!);
    const gate = trust(f!, b!, 20, 0.2);
    assert.ok(Math.abs(gated.extras['gate']![t]! - gate) < 1e-5);
    assert.ok(Math.abs(gated.perStep[t]! - conservative(gated.perStep[t - 1]!, i!, f!, b!, gate)) < 1e-5);
  }
});

test('a long episode is scored in parts as it is online, and no episode leaves a trace in the next', async () => {
  const { model } = await roboDopamine.fit(demonstrations(12, 1), quick, context);
  // 600 steps: more than twice the 256 frames that are looked at together.
  const random = new Random(2);
  const length = 600;
  const frames = Float64Array.from({ length: (length + 1) * dim }, () => random.uniform());
  const { perStep } = model.score(frames, length);
  const online = model.online(1);
  online.reset(0, frames, 0);
  for (let t = 1; t <= length; t++) {
    online.step(frames.subarray(t * dim, (t + 1) * dim));
    assert.equal(perStep[t], Math.fround(online.values[0]!), `frame ${t}`);
  }
  const other = demonstrations(1, 3)[0]!;
  model.score(other.frames, other.length);
  assert.deepEqual(model.score(frames, length).perStep, perStep);
});

test('equal seeds give equal models, other seeds others', async () => {
  const some = demonstrations(4, 1);
  const bytes = async (seed: number) =>
    (await roboDopamine.fit(some, { ...quick, updates: 40 }, { ...context, seed })).model.save();
  const one = await bytes(1);
  assert.deepEqual(await bytes(1), one);
  assert.notDeepEqual(await bytes(2), one);
});

test('a model of another task learns the new one from a single demonstration sooner than a fresh one', async () => {
  // Pre-trained on a point that goes half as far; adapted to one that goes all the way.
  const before = await roboDopamine.fit(
    demonstrations(8, 1, 0.5).map((d) => ({ ...d, task: 'half' })),
    quick,
    context,
  );
  const one = demonstrations(1, 5);
  const few = { ...quick, updates: 40, learningRate: 1e-3 };
  const adapted = await roboDopamine.fit(one, few, { ...context, pretrained: before.model.save() });
  const fresh = await roboDopamine.fit(one, few, context);
  assert.ok(
    adapted.metrics['training/mae']! < fresh.metrics['training/mae']!,
    `${adapted.metrics['training/mae']} against ${fresh.metrics['training/mae']}`,
  );
});

test('a model that reads something else cannot be gone on from', async () => {
  const wide: FrameLayout = plainLayout(dim + 1);
  const frames = (d: Demonstration) => new Float64Array((d.length + 1) * (dim + 1));
  const { model } = await roboDopamine.fit(
    demonstrations(2, 1).map((d) => ({ ...d, frames: frames(d) })),
    { ...quick, updates: 2 },
    { ...context, frameDim: dim + 1, layout: wide },
  );
  await assert.rejects(
    roboDopamine.fit(demonstrations(2, 1), quick, { ...context, pretrained: model.save() }),
    /reads observation \(4 numbers\), wanted observation \(3 numbers\)/,
  );
});

test('a view that shows nothing is missing, not a picture of nothing: the other one goes on', async () => {
  // Both senses say the same; the second is blocked from the middle on.
  const parts = (['seen:front', 'seen:side'] as const).map((sense, i) => ({
    ...plainLayout(dim).parts[0]!,
    sense,
    offset: i * dim,
  }));
  const twice = (d: Demonstration, blockedFrom = Number.POSITIVE_INFINITY): Float64Array => {
    const out = new Float64Array((d.length + 1) * 2 * dim);
    for (let t = 0; t <= d.length; t++) {
      for (let k = 0; k < dim; k++) {
        out[t * 2 * dim + k] = 2 + d.frames[t * dim + k]!;
        out[t * 2 * dim + dim + k] = t < blockedFrom ? 2 + d.frames[t * dim + k]! : 0;
      }
    }
    return out;
  };
  const { model } = await roboDopamine.fit(
    demonstrations(8, 1).map((d) => ({ ...d, frames: twice(d) })),
    { ...quick, senses: 'seen:front, seen:side' },
    { ...context, frameDim: 2 * dim, layout: { dim: 2 * dim, parts } },
  );
  assert.deepEqual(model.senses, ['seen:front', 'seen:side']);
  const [other] = demonstrations(1, 99);
  const clear = model.score(twice(other!), other!.length).perStep;
  const blocked = model.score(twice(other!, 10), other!.length).perStep;
  assert.ok(clear.at(-1)! > 0.85, String(clear.at(-1)));
  assert.ok(blocked.at(-1)! > 0.85, String(blocked.at(-1)));
  // Both blocked: nothing is seen, so progress stays where it was.
  const dark = twice(other!).fill(0, 10 * 2 * dim, 14 * 2 * dim);
  const held = model.score(dark, other!.length).perStep;
  assert.deepEqual([...held.subarray(10, 14)], new Array(4).fill(held[9]));
  assert.ok(held.at(-1)! > 0.85, String(held.at(-1)));
});

test('automatic success is the same model as a switch, online as offline', async () => {
  const some = demonstrations(6, 1);
  const { model } = await roboDopamine.fit(some, quick, context);
  const success = automaticSuccess(model, 0.1);
  const { frames, length } = some[0]!;
  const { perStep } = success.score(frames, length);
  assert.deepEqual(
    [...perStep],
    [...model.score(frames, length).perStep].map((value) => (value >= 0.9 ? 1 : 0)),
  );
  assert.ok(perStep[0] === 0 && perStep.at(-1) === 1);
  const online = success.online(1);
  online.reset(0, frames, 0);
  for (let t = 1; t <= length; t++) online.step(frames.subarray(t * dim, (t + 1) * dim));
  assert.equal(online.values[0], 1);
});

test('bad input is named: no success, no spans, a switch too many off', async () => {
  const some = demonstrations(3, 1);
  await assert.rejects(
    roboDopamine.fit(
      some.map((d) => ({ ...d, success: false })),
      quick,
      context,
    ),
    /Episode demonstration 0: found no successful demonstration/,
  );
  await assert.rejects(
    roboDopamine.fit([some[0]!, { ...some[1]!, stages: [] }], quick, context),
    /Episode demonstration 1: found no stage spans/,
  );
  await assert.rejects(
    roboDopamine.fit(some, { ...quick, incremental: false, forward: false, backward: false }, context),
    /wanted at least one estimate/,
  );
});
