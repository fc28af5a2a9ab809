import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import {
  alignFrame,
  contrastiveLoss,
  embed,
  fitOnEmbeddings,
  goalEmbedding,
  goalReward,
  type ImageEncoder,
  resamplePath,
} from '../../../learn/rewards/goal-embedding.ts';
import type { Demonstration, FitContext } from '../../../learn/rewards/types.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { plainLayout } from '../../support/layout.ts';

const dim = 6;
let kernel: Kernel;
let context: FitContext;
before(async () => {
  kernel = await openKernel({ threads: 1 });
  context = {
    compute: kernel,
    seed: 1,
    frameDim: dim,
    layout: plainLayout(dim),
    stages: ['go'],
    signal: new AbortController().signal,
    onProgress: () => {},
  };
});
after(() => kernel.dispose());

/** A bump moves over six pixels, from the first to the last; a failure stays at the first. A little noise. */
function episodes(count: number, seed: number, success = true): Demonstration[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, n) => {
    const length = 15 + random.integer(10);
    const frames = new Float64Array((length + 1) * dim);
    for (let t = 0; t <= length; t++) {
      const at = success ? ((dim - 1) * t) / length : 0;
      for (let i = 0; i < dim; i++)
        frames[t * dim + i] = Math.exp(-0.5 * (i - at) ** 2) + 0.02 * random.gaussian();
    }
    return { id: `${success ? 'd' : 'f'}${n + 1}`, length, frames, stages: [], success };
  });
}

const quick: AnySettings = {
  input: 'observation',
  hiddenSize: 16,
  embeddingSize: 4,
  updates: 200,
  goalFrames: 1,
};
const near = (found: number, wanted: number, within = 1e-9): void =>
  assert.ok(Math.abs(found - wanted) <= within, `found ${found}, wanted ${wanted}`);

test('the projection weighs distance along the line from baseline to goal and off it', () => {
  // g = (1, 0), b = (0, 1), s = (0.6, 0.8): d = (1, -1), |d|^2 = 2, s - g = (-0.4, 0.8).
  // d . (s - g) = -1.2, so c^2 = 1.44 / 2 = 0.72;  |s - g|^2 = 0.16 + 0.64 = 0.8.
  const [g, b, s] = [Float64Array.of(1, 0), Float64Array.of(0, 1), Float64Array.of(9, 0.6, 0.8)];
  // alpha 0: 1 - 0.8 / 2 = 0.6 = s . g.  alpha 1: 1 - 0.72 / 2 = 0.64.
  near(goalReward(s, 1, g, b, 0), 0.6);
  near(goalReward(s, 1, g, b, 1), 0.64);
  // alpha 0.5: (1 - 0.25) 0.72 + 0.25 * 0.8 = 0.74, 1 - 0.37 = 0.63.
  near(goalReward(s, 1, g, b, 0.5), 0.63);
  // By the matrix: P = [[1, -1], [-1, 1]] / 2, M = [[0.75, -0.25], [-0.25, 0.75]];
  // (s - g) M = (-0.4 * 0.75 - 0.8 * 0.25, 0.4 * 0.25 + 0.8 * 0.75) = (-0.5, 0.7), squares 0.74.
  near(goalReward(s, 1, g, b, 0.5), 1 - (0.25 + 0.49) / 2);
});

test('the goal is worth 1 and the baseline g . b, whatever alpha is', () => {
  const [g, b] = [Float64Array.of(0.6, 0.8, 0), Float64Array.of(0, 0.6, 0.8)];
  for (const alpha of [0, 0.3, 1]) {
    near(goalReward(g, 0, g, b, alpha), 1);
    near(goalReward(b, 0, g, b, alpha), 0.48);
  }
});

test('the contrastive loss is the log of the group size when nothing tells frames apart, and falls', () => {
  // One group of 2: all four embeddings equal, every softmax is (1/2, 1/2).
  const same = Float32Array.of(1, 0, 1, 0, 1, 0, 1, 0);
  near(contrastiveLoss(same, 2, 2, 0.1, new Float32Array(8)), Math.log(2), 1e-6);
  // Frames (1, 0), (0, 1), partners the same: S = [[1, 0], [0, 1]] at temperature 1, -log(e / (e + 1)) = 0.3133.
  const apart = Float32Array.of(1, 0, 0, 1, 1, 0, 0, 1);
  near(contrastiveLoss(apart, 2, 2, 1, new Float32Array(8)), 0.31326, 1e-5);
  // Two groups of one: there is nothing else it could be.
  near(contrastiveLoss(apart, 2, 1, 1, new Float32Array(8)), 0);
});

test('the gradient of the contrastive loss is that of its numbers', () => {
  const random = new Random(3);
  const outputs = Float32Array.from({ length: 2 * 4 * 3 }, () => random.gaussian());
  const gradients = new Float32Array(outputs.length);
  contrastiveLoss(outputs, 3, 2, 0.5, gradients);
  for (let i = 0; i < outputs.length; i++) {
    const at = (by: number): number => {
      const moved = outputs.slice();
      moved[i] = moved[i]! + by;
      return contrastiveLoss(moved, 3, 2, 0.5, new Float32Array(outputs.length));
    };
    near(gradients[i]!, (at(1e-2) - at(-1e-2)) / 2e-2, 2e-3);
  }
});

test('a path is cut into equal lengths, and rest has none', () => {
  // Along the unit circle from 0 to 90 degrees in one step of 30 and one of 60, then rest.
  const on = (degrees: number): number[] => [
    Math.cos((degrees / 180) * Math.PI),
    Math.sin((degrees / 180) * Math.PI),
  ];
  const rows = Float64Array.from([...on(0), ...on(30), ...on(90), ...on(90), ...on(90)]);
  // Chords 2 sin 15 = 0.5176 and 2 sin 30 = 1; the middle of 1.5176 lies (0.7588 - 0.5176) / 1 = 0.2412 into the second.
  const path = resamplePath(rows, 2, 3);
  const x = (1 - 0.2412) * on(30)[0]!;
  const y = (1 - 0.2412) * on(30)[1]! + 0.2412;
  const length = Math.sqrt(x * x + y * y);
  const wanted = [1, 0, x / length, y / length, 0, 1];
  for (const [i, value] of wanted.entries()) near(path[i]!, value, 1e-4);
});

test('frames are laid along the path as far as they have come', () => {
  const D = new Float64Array(3);
  // Costs 1 - similarity of three frames to three points: [0 1 1], [1 0 1], [0.5 0 1].
  const frame = (costs: number[], isFirst = false): number =>
    alignFrame(
      D,
      0,
      Float64Array.from(costs, (cost) => 1 - cost),
      isFirst,
    );
  // First frame: 0, 0 + 1, 0 + 1 + 1.
  assert.equal(frame([0, 1, 1], true), 0);
  assert.deepEqual([...D], [0, 1, 2]);
  // 1 + 0;  0 + min(above 1, diagonal 0, left 1) = 0;  1 + min(2, 1, 0) = 1.
  assert.equal(frame([1, 0, 1]), 1);
  assert.deepEqual([...D], [1, 0, 1]);
  // 0.5 + 1;  0 + min(0, 1, 1.5) = 0;  1 + min(1, 0, 0) = 1: it waits at the second point.
  assert.equal(frame([0.5, 0, 1]), 1);
  assert.deepEqual([...D], [1.5, 0, 1]);
});

for (const settings of [
  { encoder: 'autoencoder' },
  { encoder: 'contrastive' },
  { encoder: 'none' },
  { encoder: 'none', reference: 'path', pathPoints: 12 },
] as const) {
  test(`progress rises from first to last frame: ${Object.values(settings).join(' ')}`, async () => {
    const given = [...episodes(5, 1), ...episodes(3, 2, false)];
    const { model, metrics } = await goalEmbedding.fit(given, { ...quick, ...settings }, context);
    assert.ok(Object.values(metrics).every(Number.isFinite));
    const [fresh, failed] = [episodes(1, 9)[0]!, episodes(1, 8, false)[0]!];
    const { perStep } = model.score(fresh.frames, fresh.length);
    const half = perStep[fresh.length >> 1]!;
    assert.ok(perStep[0]! < 0.15 && half > perStep[0]! && half < perStep[fresh.length]!, `${perStep}`);
    assert.ok(perStep[fresh.length]! > 0.85, `last ${perStep[fresh.length]}`);
    const lost = model.score(failed.frames, failed.length).perStep;
    assert.ok(lost[failed.length]! < 0.2, `failure ends at ${lost[failed.length]}`);
    assert.deepEqual(
      goalEmbedding.load(model.save()).score(fresh.frames, fresh.length),
      model.score(fresh.frames, fresh.length),
    );
  });
}

test('the same seed gives the same model', async () => {
  const bytes = async (seed: number): Promise<Uint8Array> =>
    (await goalEmbedding.fit(episodes(3, 1), { ...quick, updates: 20 }, { ...context, seed })).model.save();
  assert.deepEqual(await bytes(4), await bytes(4));
  assert.notDeepEqual(await bytes(4), await bytes(5));
});

test('an encoder fitted before is used as it is; another alpha changes the reward only', async () => {
  const given = episodes(4, 1);
  const first = await goalEmbedding.fit(given, { ...quick, alpha: 0 }, context);
  const pretrained = first.model.save();
  const again = await goalEmbedding.fit(given, { ...quick, alpha: 0 }, { ...context, pretrained });
  const { frames, length } = given[0]!;
  assert.deepEqual(again.model.score(frames, length), first.model.score(frames, length));
  assert.equal(again.metrics['loss/reconstruction'], undefined);
  const line = await goalEmbedding.fit(given, { ...quick, alpha: 1 }, { ...context, pretrained });
  assert.notDeepEqual(line.model.score(frames, length), first.model.score(frames, length));
  await assert.rejects(
    goalEmbedding.fit(given, { ...quick, embeddingSize: 8 }, { ...context, pretrained }),
    /pretrained model has embeddingSize 4, wanted 8/,
  );
});

/** Stands in for an endpoint: the place of the brightest pixel on a half circle. */
class HalfCircle implements ImageEncoder {
  readonly name = 'half circle';
  readonly size = 2;
  readonly calls: number[] = [];
  async encode(pictures: Float64Array, count: number): Promise<Float64Array> {
    this.calls.push(count);
    const out = new Float64Array(count * 2);
    for (let n = 0; n < count; n++) {
      const row = [...pictures.subarray(n * dim, (n + 1) * dim)];
      const angle = (Math.PI * row.indexOf(Math.max(...row))) / (dim - 1);
      // Not of length 1: that is for the caller.
      out.set([3 * Math.cos(angle), 3 * Math.sin(angle)], n * 2);
    }
    return out;
  }
}

test("a user's own encoder takes the place of the lab's, for stored episodes", async () => {
  const encoder = new HalfCircle();
  const given = episodes(2, 1);
  const { model } = await fitOnEmbeddings(given, encoder, { ...quick, alpha: 0 }, context);
  const { frames, length } = given[0]!;
  const embedded = await embed(encoder, frames, length + 1, context.signal);
  const { perStep } = model.score(embedded, length);
  // From (1, 0) to (-1, 0): the cosine with the goal goes from -1 to 1, progress from 0 to 1, half-way 0.5 at a right angle.
  assert.deepEqual([perStep[0], perStep[length]], [0, 1]);
  assert.ok(encoder.calls.every((count) => count <= 32));
  assert.throws(() => model.online(1), /offline only, it asks the encoder half circle for every picture/);
  assert.throws(() => goalEmbedding.load(model.save()).online(1), /half circle/);
  const short: ImageEncoder = { name: 'short', size: 3, encode: async () => new Float64Array(2) };
  await assert.rejects(
    embed(short, frames, length + 1, context.signal),
    /Encoder short: found 2 numbers for \d+ pictures, wanted \d+ finite ones/,
  );
});

test('episodes that cannot be used are named', async () => {
  const fit = (given: readonly Demonstration[], settings: AnySettings = quick) =>
    goalEmbedding.fit(given, settings, context);
  const good = episodes(3, 1);
  await assert.rejects(fit(episodes(2, 1, false)), /none of the 2 succeeded \(first: episode f1\)/);
  await assert.rejects(
    fit(good, { ...quick, baseline: 'failures' }),
    /Setting baseline: found failures, but all 3 episodes succeeded \(first: episode d1\)/,
  );
  const broken = { ...good[1]!, frames: good[1]!.frames.map((x, i) => (i === 8 ? Number.NaN : x)) };
  await assert.rejects(fit([good[0]!, broken]), /Episode d2: number 2 of frame 1 is NaN/);
  const still = { ...good[0]!, frames: new Float64Array(good[0]!.frames.length).fill(1) };
  await assert.rejects(
    fit([still], { ...quick, encoder: 'none', input: 'observation' }),
    /goal and baseline have the same embedding over 1 episodes \(first: episode d1\)/,
  );
});
