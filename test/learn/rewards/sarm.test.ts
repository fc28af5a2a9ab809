import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { meanAbsoluteError } from '../../../learn/diagnostics/agreement.ts';
import { Random } from '../../../learn/parts/random.ts';
import { cumulative, frameLabels, stageShares } from '../../../learn/rewards/labels.ts';
import { sarm } from '../../../learn/rewards/sarm.ts';
import type { Demonstration, FitContext, RewardModel } from '../../../learn/rewards/types.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { plainLayout } from '../../support/layout.ts';

const stages = ['reach', 'lift', 'return'];
const dim = 3;
// Here the last stage is work like the others, and the history is looked at.
const quick: AnySettings = {
  window: 3,
  anchor: true,
  updates: 400,
  hiddenSize: 24,
  minibatch: 128,
  lastStageDone: false,
};

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

/**
 * A point in the plane goes right, up, and left again; each stage lasts 8 to 24 steps, so speeds differ by a factor of 3.
 * Observation: x, y (both with noise of 0.02) and a number that means nothing.
 */
function demonstrations(count: number, seed: number): Demonstration[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const steps = stages.map(() => 8 + random.integer(17));
    const ends = [0, steps[0]!, steps[0]! + steps[1]!, steps[0]! + steps[1]! + steps[2]!];
    const within = (k: number, t: number) => Math.min(1, Math.max(0, (t - ends[k]!) / steps[k]!));
    const length = ends[3]!;
    const startX = -0.2 + 0.4 * random.uniform();
    const frames = new Float64Array((length + 1) * dim);
    for (let t = 0; t <= length; t++) {
      frames[t * dim] = startX + (1 - startX) * within(0, t) - within(2, t) + 0.02 * random.gaussian();
      frames[t * dim + 1] = within(1, t) + 0.02 * random.gaussian();
      frames[t * dim + 2] = random.gaussian();
    }
    const spans = stages.map((_, k) => ({
      stage: k,
      start: ends[k]!,
      end: k === 2 ? length + 1 : ends[k + 1]!,
    }));
    // Every stage in two halves.
    const denseStages = spans.flatMap(({ stage, start, end }) => {
      const cut = Math.floor((start + end) / 2);
      return [
        { stage: 2 * stage, start, end: cut },
        { stage: 2 * stage + 1, start: cut, end },
      ];
    });
    return { id: `ep-${i}`, length, frames, stages: spans, denseStages, success: true };
  });
}

function reversed({ frames, length }: Demonstration, width = dim): Float64Array {
  const out = new Float64Array(frames.length);
  for (let t = 0; t <= length; t++) {
    out.set(frames.subarray((length - t) * width, (length - t + 1) * width), t * width);
  }
  return out;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The online scorer over the same frames. */
function scoredOnline(model: RewardModel, frames: Float64Array, length: number): Float32Array {
  const scorer = model.online(1);
  const out = new Float32Array(length + 1);
  scorer.reset(0, frames, 0);
  out[0] = scorer.values[0]!;
  for (let t = 1; t <= length; t++) {
    scorer.step(frames.subarray(t * model.frameDim, (t + 1) * model.frameDim));
    out[t] = scorer.values[0]!;
  }
  return out;
}

test('on unseen demonstrations of other speeds the score is right at stage boundaries and beats a constant', async () => {
  const training = demonstrations(40, 10);
  const { model, metrics } = await sarm.fit(training, quick, context);
  const shares = stageShares(training, 3);
  const ends = cumulative(shares);
  const boundary: number[] = [];
  const error: number[] = [];
  const constant: number[] = [];
  for (const demonstration of demonstrations(20, 11)) {
    const { frames, length } = demonstration;
    const { perStep } = model.score(frames, length);
    const labels = frameLabels(demonstration, shares).progress;
    for (const { stage, start } of demonstration.stages.slice(1))
      boundary.push(Math.abs(perStep[start]! - ends[stage]!));
    error.push(meanAbsoluteError(perStep, labels));
    constant.push(meanAbsoluteError(new Float32Array(length + 1).fill(0.5), labels));
  }
  assert.ok(mean(boundary) < 0.04, `error at boundaries ${mean(boundary)}`);
  assert.ok(mean(error) < 0.03, `mean error ${mean(error)}`);
  assert.ok(mean(constant) > 0.2, `a constant has ${mean(constant)}`);
  assert.ok(metrics['holdout/stageAccuracy']! > 0.88, `stage accuracy ${metrics['holdout/stageAccuracy']}`);
  assert.ok(metrics['holdout/rewindDrop']! > 0.8, `drop ${metrics['holdout/rewindDrop']}`);
  assert.equal(metrics['demonstrations/holdout'], 4);
  assert.ok(Object.values(metrics).every(Number.isFinite));
});

/** Mean error at the first frame of every later stage, for the score that the labels want there. */
function boundaryError(
  model: RewardModel,
  training: readonly Demonstration[],
  unseen: readonly Demonstration[],
  count: number,
) {
  const ends = cumulative(stageShares(training, count));
  return mean(
    unseen.flatMap(({ frames, length, stages: spans }) => {
      const { perStep } = model.score(frames, length);
      return spans.slice(1).map(({ stage, start }) => Math.abs(perStep[start]! - ends[stage]!));
    }),
  );
}

const denseOf = (episodes: readonly Demonstration[]) =>
  episodes.map((episode) => ({ ...episode, stages: episode.denseStages! }));

test('the transformer, too, is right at stage boundaries of unseen demonstrations', async () => {
  const training = demonstrations(40, 10);
  const settings = { ...quick, architecture: 'transformer', window: 4, updates: 300 };
  const { model, metrics } = await sarm.fit(training, settings, context);
  const error = boundaryError(model, training, demonstrations(20, 11), 3);
  assert.ok(error < 0.05, `error at boundaries ${error}`);
  assert.ok(metrics['holdout/rewindDrop']! > 0.8, `drop ${metrics['holdout/rewindDrop']}`);
});

test('dense stages give the score where they are asked for, alone or beside the sparse ones', async () => {
  const training = demonstrations(40, 10);
  const unseen = demonstrations(20, 11);
  for (const bothSchemes of [false, true]) {
    const settings = { ...quick, scheme: 'dense', bothSchemes };
    const { model } = await sarm.fit(training, settings, context);
    const error = boundaryError(model, denseOf(training), denseOf(unseen), 6);
    assert.ok(error < 0.07, `error at dense boundaries ${error}, both schemes: ${bothSchemes}`);
  }
  // The other scheme may be missing in places; the one that scores may not.
  const bare = training.map((episode, i) => {
    const { denseStages, ...rest } = episode;
    return i === 3 || denseStages === undefined ? rest : episode;
  });
  await sarm.fit(bare, { ...quick, updates: 5, bothSchemes: true }, context);
  await assert.rejects(
    sarm.fit(bare, { ...quick, scheme: 'dense' }, context),
    /Episode ep-3: found no dense stage labels/,
  );
});

test('a single head learns the whole progress, by mean share or by frame number', async () => {
  const training = demonstrations(40, 10);
  for (const labels of ['mean-share', 'frame-index']) {
    const { model, metrics } = await sarm.fit(training, { ...quick, labels, head: 'single' }, context);
    const error = boundaryError(model, training, demonstrations(20, 11), 3);
    assert.ok(error < 0.06, `error at boundaries ${error}, ${labels}`);
    assert.ok(!('loss/stage' in metrics) && !('holdout/stageAccuracy' in metrics));
  }
});

test('what was done for another goal scores low where goals were exchanged while fitting', async () => {
  // On a line from 0 to the goal, which lies at 1 or at -1; another number tells where it is.
  const random = new Random(41);
  const clips: Demonstration[] = Array.from({ length: 40 }, (_, i) => {
    const goal = i % 2 === 0 ? 1 : -1;
    const length = 12 + random.integer(12);
    const frames = new Float64Array(2 * (length + 1));
    for (let t = 0; t <= length; t++) {
      frames[2 * t] = (goal * t) / length + 0.02 * random.gaussian();
      frames[2 * t + 1] = goal;
    }
    const half = Math.floor(length / 2);
    const spans = [
      { stage: 0, start: 0, end: half },
      { stage: 1, start: half, end: length + 1 },
    ];
    return { id: `ep-${i}`, length, frames, stages: spans, success: true };
  });
  const layout = {
    dim: 2,
    parts: [{ sense: 'observation' as const, offset: 0, dim: 2, names: ['pos.x', 'goalPos.x'] }],
  };
  const wrong = async (wrongTaskProbability: number) => {
    const settings = { ...quick, window: 1, anchor: false, updates: 1200, wrongTaskProbability };
    const { model, metrics } = await sarm.fit(clips, settings, {
      ...context,
      frameDim: 2,
      layout,
      stages: ['out', 'in'],
    });
    const scores = clips.map(({ frames, length }) => {
      const other = frames.map((value, i) => (i % 2 === 1 ? -value : value));
      return model.score(other, length).perStep[length]!;
    });
    return { score: mean(scores), metrics };
  };
  const [with_, without] = [await wrong(0.3), await wrong(0)];
  assert.ok(with_.score < 0.25, `score ${with_.score}`);
  assert.ok(without.score > with_.score + 0.25, `score ${without.score} without`);
  assert.equal(with_.metrics['wrongTask/goalNumbers'], 1);
  // Half of the other episodes want the same goal, and a sample of 0.3 is tried.
  assert.ok(Math.abs(with_.metrics['wrongTask/samples']! - 0.15) < 0.02);
  assert.ok(!('wrongTask/samples' in without.metrics));
});

test('a clip played backwards scores downwards', async () => {
  const { model } = await sarm.fit(demonstrations(40, 12), quick, context);
  const drops = demonstrations(10, 13).map((demonstration) => {
    const { perStep } = model.score(reversed(demonstration), demonstration.length);
    return perStep[0]! - perStep[demonstration.length]!;
  });
  assert.ok(mean(drops) > 0.5, `mean drop ${mean(drops)}`);
});

/** Out to 1 and back to 0 on a line: where it is says little, which way it goes says all. */
function outAndBack(count: number, seed: number): Demonstration[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, i) => {
    const [out, back] = [16 + random.integer(10), 16 + random.integer(10)];
    const length = out + back;
    const frames = Float64Array.from({ length: length + 1 }, (_, t) => {
      return (t < out ? t / out : 1 - (t - out) / back) + 0.005 * random.gaussian();
    });
    const spans = [
      { stage: 0, start: 0, end: out },
      { stage: 1, start: out, end: length + 1 },
    ];
    return { id: `ep-${i}`, length, frames, stages: spans, success: true };
  });
}

test('rewind: a slip half-way out lowers the score, and without rewind it is taken for the way back', async () => {
  // From 0 to 0.5 and 0.2 back again, at a speed of the demonstrations.
  const slip = Float64Array.from({ length: 15 }, (_, t) => 0.05 * (t <= 10 ? t : 20 - t));
  const change: Record<'rewound' | 'plain', number[]> = { rewound: [], plain: [] };
  for (const seed of [21, 22, 23]) {
    for (const [name, rewindProbability] of [
      ['rewound', 0.8],
      ['plain', 0],
    ] as const) {
      const settings = { ...quick, window: 6, gap: 1, rewindMax: 5, rewindProbability };
      const { model } = await sarm.fit(outAndBack(40, seed), settings, {
        ...context,
        seed,
        frameDim: 1,
        stages: ['out', 'back'],
      });
      const { perStep } = model.score(slip, 14);
      change[name].push(perStep[14]! - perStep[10]!);
    }
  }
  for (const [i, rewound] of change.rewound.entries()) {
    assert.ok(rewound < -0.05, `with rewind the score changed by ${rewound}`);
    assert.ok(rewound < change.plain[i]! - 0.1, `with rewind ${rewound}, without ${change.plain[i]}`);
  }
});

/** Enough to be no longer what it began as. */
const small: AnySettings = { updates: 40, minibatch: 32 };
const variants: Readonly<Record<string, AnySettings>> = {
  'expected progress': {},
  'the newest frame alone': { window: 1, anchor: false },
  'a window without anchor': { window: 4, gap: 1, anchor: false },
  'argmax progress': { blend: 'argmax' },
  'the confidence filter': { smoothing: true, smoothingConfidence: 0.5, gap: 3, updates: 60, minibatch: 128 },
  'a transformer': { architecture: 'transformer', updates: 30 },
  'a transformer of two layers without anchor': {
    architecture: 'transformer',
    layers: 2,
    heads: 2,
    anchor: false,
    updates: 20,
  },
  'dense stages': { scheme: 'dense' },
  'both schemes': { bothSchemes: true },
  'both schemes of a transformer': { architecture: 'transformer', bothSchemes: true, updates: 20 },
  'a single head': { head: 'single' },
  'labels by frame number': { labels: 'frame-index', wrongTaskProbability: 0.2 },
};

for (const [name, settings] of Object.entries(variants)) {
  test(`with ${name}: scoring an episode equals scoring it online, in any company, after save and restore`, async () => {
    const { model } = await sarm.fit(demonstrations(12, 14), { ...quick, ...small, ...settings }, context);
    const clips = demonstrations(3, 15);
    // Long enough to be scored in several pieces.
    const long = new Float64Array(600 * dim);
    for (let i = 0; i < long.length; i++) long[i] = clips[0]!.frames[i % clips[0]!.frames.length]!;
    assert.deepEqual(scoredOnline(model, long, 599), model.score(long, 599).perStep);

    const batch = model.online(3);
    const steps = Math.min(...clips.map(({ length }) => length));
    const frame = (t: number) =>
      Float64Array.from(clips.flatMap(({ frames }) => [...frames.subarray(t * dim, (t + 1) * dim)]));
    for (let world = 0; world < 3; world++) batch.reset(world, frame(0), world * dim);
    const half = Math.floor(steps / 2);
    for (let t = 1; t <= half; t++) batch.step(frame(t));
    const other = model.online(3);
    other.restore(batch.save());
    for (let t = half + 1; t <= steps; t++) {
      batch.step(frame(t));
      other.step(frame(t));
      assert.deepEqual(other.values, batch.values);
      for (const [world, { frames, length }] of clips.entries()) {
        assert.equal(Math.fround(batch.values[world]!), model.score(frames, length).perStep[t]);
      }
    }
    // A world that starts again forgets the last episode.
    batch.reset(1, frame(0), dim);
    assert.equal(Math.fround(batch.values[1]!), model.score(clips[1]!.frames, clips[1]!.length).perStep[0]);
  });

  test(`with ${name}: frames to come change nothing about earlier scores, to the bit`, async () => {
    const { model } = await sarm.fit(demonstrations(12, 16), { ...quick, ...small, ...settings }, context);
    const { frames, length } = demonstrations(1, 17)[0]!;
    const cut = 20;
    const other = frames.slice();
    for (let i = (cut + 1) * dim; i < other.length; i++) other[i] = 3 - other[i]!;
    const a = model.score(frames, length);
    const b = model.score(other, length);
    assert.deepEqual(a.perStep.subarray(0, cut + 1), b.perStep.subarray(0, cut + 1));
    assert.notDeepEqual(a.perStep, b.perStep);
    assert.deepEqual(
      Object.keys(a.extras),
      settings['head'] === 'single' ? [] : ['stage', 'tau', 'confidence'],
    );
    const { tau, confidence } = a.extras;
    for (const track of [a.perStep, ...(tau && confidence ? [tau, confidence] : [])]) {
      assert.ok(track.every((value) => value >= 0 && value <= 1));
    }
  });

  test(`with ${name}: a model read back from its bytes scores the same to the bit and saves the same bytes`, async () => {
    const { model } = await sarm.fit(demonstrations(12, 18), { ...quick, ...small, ...settings }, context);
    const bytes = model.save();
    const copy = sarm.load(bytes);
    const { frames, length } = demonstrations(1, 19)[0]!;
    assert.deepEqual(copy.score(frames, length), model.score(frames, length));
    assert.deepEqual(copy.save(), bytes);
    const names = settings['scheme'] === 'dense' ? [1, 2, 3, 4, 5, 6].map((k) => `dense${k}`) : stages;
    assert.deepEqual([copy.method, copy.frameDim, copy.stages], ['sarm', dim, names]);
  });
}

test('far from all demonstrations the score stays within 0 and 1, and not-a-number is not hidden', async () => {
  const { model } = await sarm.fit(demonstrations(12, 14), { ...quick, updates: 60 }, context);
  const scorer = model.online(1);
  for (const far of [1e3, -1e6, 1e300]) {
    scorer.reset(0, new Float64Array(dim).fill(far), 0);
    assert.ok(scorer.values[0]! >= 0 && scorer.values[0]! <= 1);
  }
  scorer.step(Float64Array.of(0, Number.NaN, 0));
  assert.ok(Number.isNaN(scorer.values[0]));
});

test('foreign, cut and damaged bytes are refused, each with what was found and what was wanted', async () => {
  const { model } = await sarm.fit(demonstrations(5, 14), { ...quick, updates: 5 }, context);
  const bytes = model.save();
  const refused = (changed: Uint8Array, message: RegExp) =>
    assert.throws(
      () => sarm.load(changed),
      (error) => error instanceof RangeError && message.test(error.message),
    );
  refused(new Uint8Array(3), /found 3 bytes, wanted at least/);
  refused(
    new TextEncoder().encode('SQLite format 3 and something longer'),
    /found "SQLite f" at the start, wanted "rl-sarm1"/,
  );
  refused(bytes.subarray(0, bytes.length - 8), /found checksum [0-9a-f]{16}, wanted [0-9a-f]{16}/);
  for (const at of [10, 30, 200, bytes.length - 1]) {
    const damaged = bytes.slice();
    damaged[at] = damaged[at]! ^ 4;
    refused(damaged, /checksum/);
  }
});

test('the same seed gives the same model, another seed another, and no memory is left behind', async () => {
  const training = demonstrations(8, 14);
  const fit = async (seed: number) =>
    (await sarm.fit(training, { ...quick, updates: 30 }, { ...context, seed })).model.save();
  const first = await fit(5);
  const { memoryUsed } = kernel;
  assert.deepEqual(await fit(5), first);
  assert.notDeepEqual(await fit(6), first);
  assert.equal(kernel.memoryUsed, memoryUsed);
});

test('progress is reported with finite losses and fitting can be cancelled', async () => {
  const controller = new AbortController();
  const reports: { done: number; total: number }[] = [];
  const { memoryUsed } = kernel;
  const fitting = sarm.fit(
    demonstrations(8, 14),
    { ...quick, updates: 100_000 },
    {
      ...context,
      signal: controller.signal,
      onProgress: ({ done, total, metrics }) => {
        assert.ok(metrics['loss/stage']! > 0 && metrics['loss/tau']! > 0);
        reports.push({ done, total });
        if (reports.length === 2) controller.abort(new Error('some other reason'));
      },
    },
  );
  await assert.rejects(fitting, { name: 'AbortError' });
  assert.equal(reports.length, 2);
  assert.ok(
    reports[0]!.done < reports[1]!.done && reports[1]!.done < 100_000 && reports[1]!.total === 100_000,
  );
  assert.equal(kernel.memoryUsed, memoryUsed);
  await assert.rejects(sarm.fit(demonstrations(8, 14), quick, { ...context, signal: AbortSignal.abort() }), {
    name: 'AbortError',
  });
});

const [one, two] = demonstrations(2, 14) as [Demonstration, Demonstration];
const spans = (...rows: readonly (readonly [number, number, number])[]) =>
  rows.map(([stage, start, end]) => ({ stage, start, end }));
const end = two.length + 1;
const bad: readonly (readonly [string, Partial<Demonstration>, AnySettings, RegExp])[] = [
  ['overlapping stages', { stages: spans([0, 0, 9], [1, 8, end]) }, {}, /ep-1, span 1 .*overlaps span 0/],
  ['an empty stage', { stages: spans([0, 5, 5]) }, {}, /ep-1, span 0 .*empty/],
  ['no stages', { stages: [] }, {}, /ep-1: found no stage spans/],
  [
    'an order that no demonstration follows',
    { stages: spans([1, 0, 9], [0, 9, end]) },
    {},
    /ep-1, span 1 .*backwards after stage 1 \(lift\)/,
  ],
  ['NaN in a label', { stages: spans([0, Number.NaN, end]) }, {}, /ep-1, span 0 .*out of range/],
  ['NaN in a frame', { frames: two.frames.with(7, Number.NaN) }, {}, /ep-1: number 1 of frame 2 is NaN/],
  ['an unknown stage', { stages: spans([3, 0, end]) }, {}, /ep-1, span 0 .*unknown stage, wanted 0 to 2/],
  [
    'overlapping dense stages',
    { denseStages: spans([0, 0, 9], [1, 8, end]) },
    { scheme: 'dense' },
    /ep-1, span 1 .*overlaps span 0/,
  ],
  [
    'overlapping dense stages beside the sparse ones',
    { denseStages: spans([0, 0, 9], [1, 8, end]) },
    { bothSchemes: true },
    /ep-1, span 1 .*overlaps span 0/,
  ],
];

for (const [what, change, settings, message] of bad) {
  test(`${what} is refused before anything is computed, with the episode's name`, async () => {
    const fitting = sarm.fit([one, { ...two, ...change }], { ...quick, ...settings }, context);
    await assert.rejects(fitting, (error) => error instanceof RangeError && message.test(error.message));
  });
}

test('demonstrations that show one stage alone are refused: there is nothing to tell apart', async () => {
  const whole = [one, two].map((clip) => ({ ...clip, stages: spans([0, 0, clip.length + 1]) }));
  await assert.rejects(
    sarm.fit(whole, quick, context),
    /Stage 1 \(lift\): none of the 2 demonstrations has it \(first: episode ep-0\)/,
  );
  const single = { ...context, stages: ['work'] };
  await assert.rejects(
    sarm.fit(whole, quick, single),
    /Episode ep-0: all frames are of stage work, the only/,
  );
  const { model } = await sarm.fit(whole, { ...quick, updates: 5, head: 'single' }, single);
  assert.deepEqual(model.stages, ['work']);
  const done = [one, two].map((clip) => ({ ...clip, stages: spans([1, 0, clip.length + 1]) }));
  const started = { ...one, id: 'ep-9', success: false, stages: spans([0, 0, 9], [1, 9, one.length + 1]) };
  const two_ = { ...context, stages: ['work', 'done'] };
  await sarm.fit([...done, started], { ...quick, updates: 5, lastStageDone: true }, two_);
  await assert.rejects(
    sarm.fit(done, { ...quick, lastStageDone: true }, two_),
    /Stage 0 \(work\): none of the 2 demonstrations has it/,
  );
});

test('one good demonstration is enough, none is not', async () => {
  await assert.rejects(sarm.fit([], quick, context), /Demonstrations: found none/);
  const { metrics } = await sarm.fit([one], { ...quick, updates: 5 }, context);
  assert.equal(metrics['demonstrations/holdout'], 0);
  assert.ok('training/mae' in metrics);
});

test('its senses are what it is set to', () => {
  const sensesOf = (senses: string) => sarm.senses!({ senses, camera: 'wrist' });
  assert.deepEqual(sensesOf('objects and goal'), ['objects', 'goal']);
  assert.deepEqual(sensesOf('seen'), ['seen:wrist']);
  assert.deepEqual(sarm.senses!({}), ['observation']);
});

test('transformers whose heads do not divide their width are refused', async () => {
  const settings = { ...quick, architecture: 'transformer', hiddenSize: 30, heads: 4 };
  await assert.rejects(sarm.fit([one], settings, context), /found width 30 and 4 heads/);
});

test('a failed demonstration teaches that its last stage was not begun, or only which stage it was', async () => {
  // It stays in the middle of stage 1 for good.
  const clips = demonstrations(20, 31);
  const stuck = clips.slice(0, 10).map((clip) => {
    const { start, end } = clip.stages[1]!;
    const middle = Math.floor((start + end) / 2);
    const length = middle + 30;
    const frames = new Float64Array((length + 1) * dim);
    for (let t = 0; t <= length; t++) {
      const from = Math.min(t, middle) * dim;
      frames.set(clip.frames.subarray(from, from + dim), t * dim);
    }
    return {
      ...clip,
      id: `${clip.id}-stuck`,
      length,
      frames,
      success: false,
      stages: [clip.stages[0]!, { stage: 1, start, end: length + 1 }],
    };
  });
  const tau = async (unfinished: string) => {
    const { model } = await sarm.fit([...clips, ...stuck], { ...quick, holdout: 0, unfinished }, context);
    return mean(stuck.map(({ frames, length }) => model.score(frames, length).extras['tau']![length]!));
  };
  const [zero, unknown] = [await tau('zero'), await tau('unknown')];
  assert.ok(unknown > 0.3 && unknown < 0.7, `tau ${unknown} where unknown`);
  assert.ok(zero < unknown - 0.2, `tau ${zero} where zero`);
});
