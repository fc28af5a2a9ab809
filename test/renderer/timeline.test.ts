import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OpenedEpisode } from '../../lab/api.ts';
import { pack } from '../../lab/pack.ts';
import { matches, shortcutKeys } from '../../renderer/commands/keys.ts';
import { defaultMetrics, smooth } from '../../renderer/state/curves.ts';
import { loadEpisode, seriesOf, stageBands, successStarts } from '../../renderer/state/opened.ts';
import { compact, rangeOf, short, thin, ticksOf } from '../../renderer/timeline/scale.ts';

function opened(length: number): OpenedEpisode {
  return {
    episode: {
      id: 7,
      runId: 1,
      runName: 'r',
      task: 'push',
      kind: 'training',
      seed: 1,
      trainedSteps: 0,
      length,
      ending: 'truncated',
      success: false,
      finalProgress: 0,
      returnTotal: 0,
      returns: {},
      rewardHash: null,
      createdAt: 0,
      verified: null,
      fork: null,
      jerk: null,
      learnedProgress: null,
      starred: false,
      trashed: false,
      tags: [],
    },
    bodies: [{ name: 'block', shape: { type: 'sphere', radius: 0.1 }, role: 'object' }],
    stages: [{ id: 'reach', title: 'Reach' }],
    controlDt: 0.05,
    terms: ['success'],
    learned: [{ key: 'learned/sarm', title: 'sarm', modelHash: 'x' }],
    data: new Uint8Array(),
  };
}

function arrays(length: number) {
  const frames = length + 1;
  return {
    poses: new Float32Array(frames * 7),
    trueProgress: new Float32Array(frames),
    trueStage: new Uint8Array(frames),
    trueSuccess: new Uint8Array(frames),
    'reward/success/raw': new Float64Array(length).fill(1),
    'reward/success/weight': new Float64Array(length).fill(2),
    'reward/success/product': new Float64Array(length).fill(2),
    'reward/total': new Float64Array(length).fill(2),
    'learned/sarm': new Float32Array(frames).fill(0.5),
  };
}

const bytes = (data: Parameters<typeof pack>[0]): ArrayBuffer => pack(data).buffer;

test('an opened episode gives every series, raw or weighted, with true progress always first', () => {
  const loaded = loadEpisode(opened(3), bytes(arrays(3)));
  assert.equal(loaded.duration, 3 * 0.05);
  const line = (weighted: boolean) => seriesOf(loaded, weighted).map(({ name, values }) => [name, values[0]]);
  assert.deepEqual(line(false), [
    ['progress/true', 0],
    ['progress/learned', 0.5],
    ['reward/success', 1],
    ['reward/total', 2],
  ]);
  assert.deepEqual(line(true)[2], ['reward/success', 2]);
});

test('an episode with a missing or short array is refused by name', () => {
  assert.throws(
    () => loadEpisode(opened(3), bytes({ ...arrays(3), poses: new Float32Array(7) })),
    /Episode 7: poses is Float32Array of 7, wanted Float32Array of 28/,
  );
  const colours = new Float32Array(4 * 3);
  assert.throws(
    () => loadEpisode(opened(3), bytes({ ...arrays(3), colours: colours.subarray(1) })),
    /Episode 7: colours is Float32Array of 11, wanted Float32Array of 12/,
  );
  assert.equal(loadEpisode(opened(3), bytes(arrays(3))).colours, null);
  assert.deepEqual(loadEpisode(opened(3), bytes({ ...arrays(3), colours })).colours, colours);
  const { trueStage: _, ...rest } = arrays(3);
  assert.throws(() => loadEpisode(opened(3), bytes(rest)), /Episode 7: trueStage is nothing/);
});

test('stage bands cover every frame once, and success marks its beginnings', () => {
  assert.deepEqual(stageBands(Uint8Array.of(0, 0, 1, 1, 1, 0)), [
    { stage: 0, start: 0, end: 2 },
    { stage: 1, start: 2, end: 5 },
    { stage: 0, start: 5, end: 6 },
  ]);
  assert.deepEqual(stageBands(Uint8Array.of(2)), [{ stage: 2, start: 0, end: 1 }]);
  assert.deepEqual(successStarts(Uint8Array.of(1, 1, 0, 1)), [0, 3]);
});

test('ranges hold zero and ignore what is not finite', () => {
  assert.deepEqual(rangeOf([]), { low: 0, high: 1 });
  assert.deepEqual(rangeOf([[0, 0]]), { low: 0, high: 1.06 });
  const range = rangeOf([[-1, Number.NaN, 2, Number.POSITIVE_INFINITY]]);
  assert.ok(range.low < -1 && range.high > 2 && range.high < 3);
});

test('ticks are round and inside the range', () => {
  assert.deepEqual(ticksOf({ low: 0, high: 1 }, 2), [0, 0.5, 1]);
  assert.deepEqual(ticksOf({ low: -0.3, high: 0.7 }, 5), [-0.2, 0, 0.2, 0.4, 0.6]);
  assert.deepEqual(ticksOf({ low: 1, high: 1 }, 5), []);
});

test('thinning 100,000 points keeps the one spike and stays in order', () => {
  const values = new Float64Array(100_000);
  values[54_321] = 9;
  const kept = thin(values, 800);
  assert.ok(kept.length <= 3200 && kept.includes(54_321) && kept[0] === 0 && kept.at(-1) === 99_999);
  assert.ok(kept.every((index, i) => i === 0 || index > kept[i - 1]!));
});

test('numbers are written short', () => {
  assert.deepEqual(
    [short(undefined), short(0.12345), short(-250.26), short(1e-9)],
    ['–', '0.123', '-250.3', '1.0e-9'],
  );
  assert.deepEqual([compact(1500), compact(2e6), compact(0.25)], ['1.5k', '2M', '0.25']);
});

test('smoothing starts at the first value and leaves a constant alone', () => {
  assert.deepEqual(smooth([1, 2], 0), [1, 2]);
  assert.deepEqual(
    smooth([3, 3, 3], 0.9).map((value) => Number(value.toFixed(12))),
    [3, 3, 3],
  );
  assert.equal(smooth([5, 0], 0.5)[0], 5);
});

test('success comes first among the metrics shown by default, six at most', () => {
  const chosen = defaultMetrics([
    'loss/policy',
    'loss/value',
    'z',
    'eval/success',
    'reward/a',
    'reward/b',
    'x/kl',
    'return/mean',
  ]);
  assert.equal(chosen[0], 'eval/success');
  assert.equal(chosen.length, 6);
  assert.deepEqual(defaultMetrics(['q']), ['q']);
  const sides = ['runners', 'taggers'];
  const game = ['early', 'random', 'scripted-100', 'untrained'];
  assert.deepEqual(
    defaultMetrics([
      'evaluation/success',
      ...sides.map((side) => `loss/policy/${side}`),
      ...sides.flatMap((side) => game.map((opponent) => `win/${side}/${opponent}`)),
    ]),
    [
      'evaluation/success',
      ...sides.flatMap((side) => [`win/${side}/scripted-100`, `win/${side}/untrained`]),
      'loss/policy/runners',
    ],
  );
});

const press = (
  key: string,
  held: Partial<Record<'shiftKey' | 'ctrlKey' | 'metaKey' | 'altKey', boolean>> = {},
) => ({
  key,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...held,
});

test('shortcuts tell shift and ctrl apart, and signs work wherever the keyboard has them', () => {
  assert.ok(matches('Space', press(' ')));
  assert.ok(matches('ArrowRight', press('ArrowRight')));
  assert.ok(!matches('ArrowRight', press('ArrowRight', { shiftKey: true })));
  assert.ok(matches('shift+ArrowRight', press('ArrowRight', { shiftKey: true })));
  assert.ok(matches('?', press('?', { shiftKey: true })));
  assert.ok(
    matches('mod+k', press('k', { metaKey: true })) && matches('mod+k', press('k', { ctrlKey: true })),
  );
  assert.ok(!matches('k', press('k', { ctrlKey: true })));
  assert.ok(
    !matches('l', press('L', { shiftKey: true })) && matches('shift+l', press('L', { shiftKey: true })),
  );
  assert.ok(matches('l', press('L')), 'with caps lock');
  assert.deepEqual(shortcutKeys('mod+k', false), ['Ctrl', 'K']);
});
