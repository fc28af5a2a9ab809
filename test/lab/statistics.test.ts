import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bootstrapInterval,
  choose,
  curveMean,
  interquartileMean,
  mean,
  midranks,
  permutationTest,
  probabilityOfImprovement,
  quantile,
  rankTest,
  signTest,
  standardDeviation,
  wilsonInterval,
} from '../../lab/statistics.ts';

const rounded = ({ low, high }: { low: number; high: number }): string =>
  `${low.toFixed(4)} ${high.toFixed(4)}`;

test('the Wilson interval equals hand-worked values', () => {
  // 8 of 10: p = 0.8, z2 = 3.8415; centre = (0.8 + 3.8415 / 20) / (1 + 0.38415) = 0.71674,
  // half = 1.95996 / 1.38415 * sqrt(0.016 + 3.8415 / 400) = 0.22656
  assert.equal(rounded(wilsonInterval(8, 10)), '0.4902 0.9433');
  assert.equal(rounded(wilsonInterval(0, 100)), '0.0000 0.0370');
  assert.equal(rounded(wilsonInterval(100, 100)), '0.9630 1.0000');
});

test('no trials say nothing', () => {
  assert.deepEqual(wilsonInterval(0, 0), { low: 0, high: 1 });
});

test('counts that are no counts are refused', () => {
  assert.throws(() => wilsonInterval(3, 2), /found 3 of 2/);
  assert.throws(() => wilsonInterval(Number.NaN, 2), RangeError);
});

test('mean, deviation and interquartile mean equal hand-worked values', () => {
  assert.equal(mean([1, 2, 6]), 3);
  // squares 4 + 1 + 9 = 14, over n - 1 = 2
  assert.equal(standardDeviation([1, 2, 6]), Math.sqrt(7));
  // 8 values: two are cut at either end, (4 + 5 + 6 + 7) / 4 is left
  assert.equal(interquartileMean([8, 7, 6, 5, 4, 3, 2, 1000]), 5.5);
  // 5 values: floor(5 / 4) = 1 is cut at either end; of 3 none is
  assert.equal(interquartileMean([0, 1, 2, 3, 100]), 2);
  assert.equal(interquartileMean([0, 1, 5]), 2);
});

test('nothing has no mean, one value no deviation', () => {
  assert.deepEqual(
    [mean([]), standardDeviation([3]), interquartileMean([])],
    [Number.NaN, Number.NaN, Number.NaN],
  );
});

test('quantiles lie between ranks', () => {
  const sorted = Float64Array.of(0, 10, 20, 30, 40);
  assert.deepEqual(
    [0, 0.25, 0.375, 1].map((share) => quantile(sorted, share)),
    [0, 10, 15, 40],
  );
});

test('the bootstrap of a mean is close to the normal interval, and equal for equal seeds', () => {
  // 0 .. 99: standard error of the mean sqrt((100^2 - 1) / 12 / 100) = 2.8866
  const values = Array.from({ length: 100 }, (_, i) => i);
  const interval = bootstrapInterval([values], ([drawn]) => mean(drawn!), { seed: 3 });
  assert.ok(Math.abs(interval.low - (49.5 - 1.96 * 2.8866)) < 0.3, `${interval.low}`);
  assert.ok(Math.abs(interval.high - (49.5 + 1.96 * 2.8866)) < 0.3, `${interval.high}`);
  assert.deepEqual(
    bootstrapInterval([values], ([drawn]) => mean(drawn!), { seed: 3 }),
    interval,
  );
  assert.notDeepEqual(
    bootstrapInterval([values], ([drawn]) => mean(drawn!), { seed: 4 }),
    interval,
  );
});

test('each stratum is drawn from itself alone', () => {
  // A stratum of equal values stays as it is: the sum is 5 + 5 + one of {0, 1} twice.
  const seen = new Set<number>();
  bootstrapInterval(
    [
      [5, 5],
      [0, 1],
    ],
    ([a, b]) => {
      seen.add(a![0]! + a![1]! + b![0]! + b![1]!);
      return 0;
    },
    { resamples: 200 },
  );
  assert.deepEqual([...seen].sort(), [10, 11, 12]);
  assert.throws(() => bootstrapInterval([[1], []], () => 0), /a stratum without values/);
});

test('probability of improvement counts pairs, a tie as half', () => {
  // (3, 2) won, (3, 4) lost, (2, 2) tied, (2, 4) lost
  assert.equal(probabilityOfImprovement([3, 2], [2, 4]), 1.5 / 4);
  assert.equal(probabilityOfImprovement([1, 1], [1, 1]), 0.5);
  assert.equal(probabilityOfImprovement([5, 6, 7], [1]), 1);
});

test('the sign test equals hand-worked values', () => {
  // 1 of 6: 2 * (1 + 6) / 64
  assert.ok(Math.abs(signTest(5, 1) - 14 / 64) < 1e-12);
  // 0 of 5: 2 / 32
  assert.ok(Math.abs(signTest(0, 5) - 1 / 16) < 1e-12);
  assert.equal(signTest(0, 0), 1);
  assert.equal(signTest(7, 7), 1);
  // Thousands of pairs neither overflow nor vanish: z = 200 / sqrt(10000) = 2, p about 0.0466 with continuity.
  assert.ok(Math.abs(signTest(5100, 4900) - 0.0466) < 0.001);
  assert.throws(() => signTest(-1, 2), /found -1 and 2/);
});

test('the permutation test counts splits', () => {
  // Of the C(4, 2) = 6 splits of 1 2 3 4 only {1, 2} and {3, 4} are as far apart.
  assert.equal(permutationTest([1, 2], [3, 4], mean), 2 / 6);
  // C(8, 4) = 70: two of them.
  assert.equal(permutationTest([1, 2, 3, 4], [5, 6, 7, 8], mean), 2 / 70);
  assert.equal(permutationTest([2, 2], [2, 2], mean), 1);
  assert.equal(choose(18, 9), 48_620);
  const far = Array.from({ length: 12 }, (_, i) => i);
  const p = permutationTest(
    far,
    far.map((value) => value + 30),
    mean,
  );
  assert.ok(p < 0.001, `${p} of random splits`);
  assert.throws(() => permutationTest([], [1], mean), /a group without values/);
});

test('the rank test is exact, ties included, and no outlier hides a separation', () => {
  assert.deepEqual(midranks([3, 1, 3, 8]), [2.5, 1, 2.5, 4]);
  // All of the one above all of the other: 2 of C(8, 4) = 70 splits, however far the largest is.
  assert.equal(rankTest([88, 147, 208, 10_000], [42, 59, 66, 41]), 2 / 70);
  // Of the 6 splits of ranks 1, 2.5, 2.5, 4 every one but {2.5, 2.5} and {1, 4} is as far from the middle.
  assert.equal(rankTest([1, 2], [2, 3]), 4 / 6);
  assert.equal(rankTest([5, 5, 5], [5, 5, 5]), 1);
});

test('the mean height of a curve is its area over the distance', () => {
  // 0 to 1 over 0..10, then 1: areas 5 and 10 over 20
  const [steps, values] = [
    [0, 10, 20],
    [0, 1, 1],
  ];
  assert.equal(curveMean(steps!, values!, { from: 0, to: 20 }), 0.75);
  // 5..15: the lines are cut: (0.5 + 1) / 2 * 5 + 5
  assert.equal(curveMean(steps!, values!, { from: 5, to: 15 }), (3.75 + 5) / 10);
  // A point without a value is passed over.
  assert.equal(curveMean([0, 5, 10], [0, Number.NaN, 1], { from: 0, to: 10 }), 0.5);
  assert.equal(curveMean(steps!, values!, { from: 0, to: 21 }), Number.NaN);
  assert.equal(curveMean([3], [1], { from: 3, to: 3 }), Number.NaN);
});
