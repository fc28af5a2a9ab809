import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import {
  alignFrame,
  contrastiveLoss,
  goalEmbedding,
  goalReward,
  resamplePath,
  unscale,
} from '../../../learn/rewards/goal-embedding.ts';
import { enlarged } from '../../../learn/rewards/parts/picture.ts';
import { viewSide } from '../../../learn/rewards/senses.ts';
import type { Demonstration, FitContext, Judge, Picture } from '../../../learn/rewards/types.ts';
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

/** A white square of two pixels' width goes from left to right over black; a failure leaves it at the left. */
function films(count: number, seed: number, success = true): Demonstration[] {
  const random = new Random(seed);
  const dim = viewSide * viewSide * 3;
  return Array.from({ length: count }, (_, n) => {
    const length = 10 + random.integer(6);
    const frames = new Float64Array((length + 1) * dim);
    const top = random.integer(3);
    for (let t = 0; t <= length; t++) {
      const left = success ? Math.round(((viewSide - 4) * t) / length) : 0;
      for (let y = top; y < top + 8; y++)
        for (let i = left * 3; i < (left + 4) * 3; i++) frames[t * dim + y * viewSide * 3 + i] = 1;
    }
    return { id: `${success ? 'd' : 'f'}${n + 1}`, length, frames, stages: [], success };
  });
}

/** Stands in for an endpoint: where the white is from left to right, as an angle on a half circle; never of length 1. */
class HalfCircle implements Judge {
  readonly name = 'some model';
  readonly imageEncoder = 'half circle';
  asked = 0;
  #change: (vectors: Float64Array[]) => Float64Array[];
  constructor(change = (vectors: Float64Array[]) => vectors) {
    this.#change = change;
  }
  ask = async (): Promise<string> => '';
  embedPictures = async (pictures: readonly Picture[]): Promise<Float64Array[]> => {
    this.asked += pictures.length;
    return this.#change(
      pictures.map(({ width, height, rgb }) => {
        let [sum, weight] = [0, 0];
        for (let i = 0; i < width * height; i++) {
          sum += (i % width) * rgb[i * 3]!;
          weight += rgb[i * 3]!;
        }
        const angle = (Math.PI * sum) / weight / width;
        return Float64Array.of(3 * Math.cos(angle), 3 * Math.sin(angle), 3);
      }),
    );
  };
}

const pictured = (judge?: Judge): FitContext => ({
  ...context,
  frameDim: viewSide * viewSide * 3,
  ...(judge === undefined ? {} : { judge }),
});
const distilled: AnySettings = { encoder: 'endpoint', hiddenSize: 16, goalFrames: 1, endpointFrames: 6 };

test('a small picture is shown in squares', () => {
  const frames = new Float64Array(5 + viewSide * viewSide * 3);
  // Pixel (1, 0) is all red, the last one half blue.
  frames[5 + 3] = 1;
  frames[frames.length - 1] = 0.5;
  const { width, height, rgb } = enlarged(frames, 5, 2 * viewSide);
  assert.deepEqual([width, height], [2 * viewSide, 2 * viewSide]);
  const row = 2 * viewSide * 3;
  for (const at of [6, 9, row + 6, row + 9]) assert.equal(rgb[at], 255);
  for (const at of [rgb.length - 1, rgb.length - 4, rgb.length - 1 - row]) assert.equal(rgb[at], 128);
  assert.equal(rgb.filter((value) => value > 0).length, 8);
});

test('mean and scale of the targets go into the last layer', () => {
  // [1, 1, 2]: W1 1, b1 1; W2 [3, 5], b2 [7, 9].
  const parameters = Float32Array.of(1, 1, 3, 5, 7, 9);
  unscale(parameters, { sizes: [1, 1, 2], activation: 'tanh' }, Float64Array.of(100, 200), 2);
  assert.deepEqual([...parameters], [1, 1, 6, 10, 114, 218]);
});

test("the lab's encoder learns to give an endpoint's embeddings, and asks nobody in use", async () => {
  const judge = new HalfCircle();
  const given = films(6, 1);
  const { model, metrics } = await goalEmbedding.fit(given, distilled, pictured(judge));
  assert.equal(judge.asked, 36);
  assert.deepEqual([metrics['distillation/pictures'], metrics['distillation/size']], [30, 3]);
  const [own, ofMean] = [metrics['holdout/encoderCosine']!, metrics['holdout/meanCosine']!];
  assert.ok(own > 0.97 && own > ofMean + 0.1, `${own}, the mean alone ${ofMean}`);
  const fresh = films(1, 9)[0]!;
  const { perStep } = model.score(fresh.frames, fresh.length);
  assert.ok(perStep[0]! < 0.1 && perStep[fresh.length]! > 0.9, String(perStep));
  const lost = films(1, 8, false)[0]!;
  assert.ok(model.score(lost.frames, lost.length).perStep[lost.length]! < 0.1);
  assert.equal(judge.asked, 36);
  const online = model.online(1);
  online.reset(0, fresh.frames, 0);
  assert.equal(Math.fround(online.values[0]!), perStep[0]);
  const saved = model.save();
  assert.match(Buffer.from(saved).toString('latin1'), /"distilledFrom":"half circle"/);
  assert.deepEqual(goalEmbedding.load(saved).score(fresh.frames, fresh.length).perStep, perStep);
  // An encoder distilled before is used as it is, and the endpoint left alone.
  const again = await goalEmbedding.fit(given, distilled, { ...pictured(), pretrained: saved });
  assert.deepEqual(again.model.score(fresh.frames, fresh.length).perStep, perStep);
  // One episode alone is not held out.
  const alone = await goalEmbedding.fit(given.slice(0, 1), { ...distilled, updates: 20 }, pictured(judge));
  assert.ok(Number.isFinite(alone.metrics['training/encoderCosine']));
});

test('an endpoint that is not there or answers amiss is named, with the episode', async () => {
  const given = films(2, 1);
  const fails = (context: FitContext, words: RegExp, settings: AnySettings = distilled) =>
    assert.rejects(goalEmbedding.fit(given, settings, context), words);
  await fails(pictured(), /encoder is endpoint, but none is set; set one \(lab endpoint/);
  await fails(
    pictured({ name: 'some model', ask: async () => '' }),
    /encoder is endpoint, but some model has no imageModel/,
  );
  await fails(pictured(new HalfCircle()), /input is observation, but an endpoint embeds pictures/, {
    ...distilled,
    input: 'observation',
  });
  await fails(
    pictured(new HalfCircle((vectors) => vectors.slice(1))),
    /half circle on episode d1: found 5 embeddings, wanted 6 of 3 finite numbers/,
  );
  let calls = 0;
  await fails(
    pictured(
      new HalfCircle((vectors) =>
        calls++ === 0 ? vectors : vectors.map((_, n) => new Float64Array(2).fill(n)),
      ),
    ),
    /half circle on episode d2: found an embedding of 2 numbers for frame 0, wanted 6 of 3/,
  );
  await fails(
    pictured(new HalfCircle((vectors) => vectors.map(() => Float64Array.of(Number.NaN, 1)))),
    /half circle on episode d1: found an embedding of 2 numbers for frame 0, wanted 6 of 2 finite/,
  );
  await fails(
    pictured(new HalfCircle((vectors) => vectors.map(() => Float64Array.of(1, 2)))),
    /found the same embedding for all 12 pictures \(first: episode d1\)/,
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
