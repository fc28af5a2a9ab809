import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JudgedEpisode } from '../../../learn/diagnostics/measure.ts';
import {
  averagePrecision,
  calibrationError,
  falseSuccess,
  finalOptimism,
  kendallTauB,
  outcomeOrder,
  peakOptimism,
  preferenceAccuracy,
  reliability,
  successGap,
  successPrecision,
} from '../../../learn/diagnostics/outcomes.ts';
import type { Outcome } from '../../../learn/diagnostics/truth.ts';

/** An episode of two frames that ends with this score, true progress and outcome. */
const ended = (score: number, progress: number, outcome: Outcome): JudgedEpisode => ({
  score: [0, score],
  truth: {
    progress: Float64Array.of(0, progress),
    stage: new Uint8Array(2),
    success: Uint8Array.of(0, outcome === 'success' ? 1 : 0),
  },
  outcome,
});

const mixed = [
  ended(0.9, 1, 'success'),
  ended(0.7, 1, 'success'),
  ended(0.8, 0.7, 'near'),
  ended(0.2, 0.1, 'failure'),
  ended(0.4, 0, 'failure'),
];

const near = (found: number | null, wanted: number): void =>
  assert.ok(found !== null && Math.abs(found - wanted) < 1e-12, `found ${found}, wanted ${wanted}`);

test('tau-b counts pairs in and against order and takes ties out of the denominator', () => {
  // (1,2,2,3) and (1,3,2,2): pairs + + +, tie in a, + 0, so C - D: (1,2)+ (1,3)+ (1,4)+ (2,3)tie (2,4)- (3,4)tie in b = 2.
  // untied in a: 5, untied in b: 5, so 2 / 5.
  near(kendallTauB([1, 2, 2, 3], [1, 3, 2, 2]), 2 / 5);
  near(kendallTauB([1, 2, 3], [5, 6, 7]), 1);
  near(kendallTauB([1, 2, 3], [7, 6, 5]), -1);
  assert.ok(Number.isNaN(kendallTauB([1, 1], [1, 2])));
  assert.throws(() => kendallTauB([1], [1, 2]), /lengths 1 and 2/);
});

test('outcomes are ordered failure, near, success', () => {
  // Of 10 pairs 2 are tied in outcome; of the 8, only (near 0.8, success 0.7) is in the wrong order: (7 - 1) / sqrt(8 * 10).
  near(outcomeOrder(mixed).value, 6 / Math.sqrt(80));
});

test('the gap is between successes and failures, near ones in neither', () => {
  near(successGap(mixed).value, 0.8 - 0.3);
});

test('a final score above the truth is optimism, and the peak is the largest lead on the way', () => {
  // -0.1, -0.3, 0.1, 0.1, 0.4: their mean is 0.04.
  near(finalOptimism(mixed).value, 0.04);
  const early: JudgedEpisode = { ...ended(0.1, 0.1, 'failure'), score: [0.6, 0.1] };
  near(peakOptimism([early, early, early]).value, 0.6);
});

test('a failure that scores 0.9 is a false success', () => {
  near(falseSuccess([...mixed, ended(0.95, 0.2, 'failure')]).value, 1 / 4);
  assert.equal(falseSuccess([ended(1, 1, 'success')]).reason, 'every episode succeeded');
});

test('pairs of episodes are ordered by true progress, ties count half, close ones not at all', () => {
  const five = [
    ended(0.9, 1, 'success'),
    ended(0.8, 0.8, 'near'),
    ended(0.3, 0.4, 'failure'),
    ended(0.3, 0.2, 'failure'),
    ended(0.5, 0, 'failure'),
  ];
  // Ten pairs: wrong are (0.4, 0) and (0.2, 0), equal (0.4, 0.2): 7.5 of 10.
  near(preferenceAccuracy(five).value, 0.75);
  assert.match(
    preferenceAccuracy([...five.slice(0, 3), ended(0, 0.42, 'failure')]).reason!,
    /^5 pairs differ by 0.05 in true progress, wanted at least 10/,
  );
});

test('average precision goes down the distinct scores', () => {
  // Sorted 0.9 + | 0.8 - | 0.7 + | ...: 1/2 * 1/1 + 1/2 * 2/3.
  near(averagePrecision([0.9, 0.7, 0.8, 0.2, 0.4], [true, true, false, false, false]), 1 / 2 + 1 / 3);
  // Equal scores enter together: the share of successes.
  near(averagePrecision([0.5, 0.5, 0.5, 0.5], [true, false, false, false]), 1 / 4);
  near(successPrecision(mixed).value, 5 / 6);
});

test('calibration error is the gap of each bin weighed by its share', () => {
  const bins = reliability([ended(1, 1, 'success'), ended(0.05, 0, 'failure'), ended(0.15, 1, 'success')]);
  assert.deepEqual([bins[0]!.count, bins[1]!.count, bins[5]!.count, bins[9]!.count], [1, 1, 0, 1]);
  assert.deepEqual([bins[9]!.score, bins[9]!.success, bins[5]!.score], [1, 1, null]);
  // Bins: |1 - 1|, |0 - 0.05|, |1 - 0.15|, a third each.
  near(
    calibrationError([ended(1, 1, 'success'), ended(0.05, 0, 'failure'), ended(0.15, 1, 'success')]).value,
    0.9 / 3,
  );
});

test('one class, equal scores and no episodes decide nothing, and say so', () => {
  const lost = [ended(0.1, 0, 'failure'), ended(0.4, 0.1, 'failure'), ended(0.3, 0, 'failure')];
  assert.equal(outcomeOrder(lost).reason, 'all episodes ended as failure');
  assert.equal(successGap(lost).reason, 'found 0 successes and 3 failures, wanted both');
  assert.equal(successPrecision(lost).reason, 'all episodes are of one class (no success)');
  assert.equal(calibrationError(lost).reason, 'all episodes are of one class');
  const flat = mixed.map((one) => ({ ...one, score: [0.5, 0.5] }));
  for (const measure of [outcomeOrder, successPrecision, preferenceAccuracy])
    assert.deepEqual([measure(flat).value, measure(flat).reason], [null, 'all final scores are equal']);
  assert.deepEqual(outcomeOrder(mixed.slice(0, 2)), {
    value: null,
    interval: null,
    count: 2,
    reason: 'too few episodes to say: 2, wanted at least 3',
  });
});

test('the interval holds the value, is the same again, and narrows with more episodes', () => {
  const few = finalOptimism(mixed);
  const many = finalOptimism(Array.from({ length: 20 }, () => mixed).flat());
  assert.deepEqual(few, finalOptimism(mixed));
  assert.ok(few.interval!.low <= few.value! && few.value! <= few.interval!.high);
  assert.ok(many.interval!.high - many.interval!.low < (few.interval!.high - few.interval!.low) / 2);
});
