import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Curve,
  commonRange,
  curveOf,
  differenceBand,
  groupBand,
  improvementOf,
  placesIn,
  secondsOf,
  valuesAt,
} from '../../lab/curves.ts';
import { bootstrapInterval, interquartileMean } from '../../lab/statistics.ts';
import { createRandom } from '../../sim/engine/random.ts';

test('a curve leaves out what has no value, and is read between its points by straight lines', () => {
  const curve = curveOf([0, 10, 20, 40], [1, Number.NaN, 3, 7]);
  assert.deepEqual(curve, { x: [0, 20, 40], y: [1, 3, 7] });
  assert.deepEqual([...valuesAt(curve, [0, 10, 20, 30, 40])], [1, 2, 3, 5, 7]);
});

test('a group reaches as far as all of its runs do', () => {
  const curves: Curve[] = [
    { x: [0, 100], y: [0, 1] },
    { x: [20, 80], y: [0, 1] },
  ];
  assert.deepEqual(commonRange(curves), { from: 20, to: 80 });
  assert.deepEqual([...placesIn({ from: 20, to: 80 }, 4)], [20, 40, 60, 80]);
  assert.equal(
    commonRange([
      { x: [0, 10], y: [0, 0] },
      { x: [10, 20], y: [0, 0] },
    ]),
    null,
  );
  assert.equal(commonRange([{ x: [0], y: [0] }]), null);
  assert.equal(commonRange([]), null);
});

test('seconds are microseconds a step added up; a row without takes those of the row before', () => {
  // 1000 steps of 500 us, 1000 of the same, 2000 of 250 us: 0.5, 1.0, 1.5 s.
  assert.deepEqual([...secondsOf([1000, 2000, 4000], [500, Number.NaN, 250])], [0.5, 1, 1.5]);
  // What comes before the first known row takes that one.
  assert.deepEqual([...secondsOf([1000, 2000], [Number.NaN, 500])], [0.5, 1]);
});

test('the band over a group is interquartile mean and bootstrap of lab/statistics, at every place', () => {
  for (const runs of [2, 3, 5, 9]) {
    const random = createRandom(runs);
    const rows = Array.from({ length: runs }, () =>
      Float64Array.from({ length: 3 }, () => random.uniform(-1.7, 1.7)),
    );
    const band = groupBand(rows, { resamples: 500 });
    for (let p = 0; p < 3; p++) {
      const values = rows.map((row) => row[p]!);
      const slow = bootstrapInterval([values], ([drawn]) => interquartileMean(drawn!), { resamples: 500 });
      const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12, `${a} and ${b}`);
      near(band.middle[p]!, interquartileMean(values));
      near(band.low[p]!, slow.low);
      near(band.high[p]!, slow.high);
    }
  }
});

test('one run alone has a curve and no interval', () => {
  const { middle, low, high } = groupBand([Float64Array.of(1, 2)]);
  assert.deepEqual([...middle], [1, 2]);
  assert.deepEqual([...low, ...high], [Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
});

test('runs of equal training seeds are paired: a constant lead has no spread, however far apart the seeds are', () => {
  const rows = (lead: number, seeds: readonly number[]) =>
    seeds.map((seed) => ({ seed, values: Float64Array.of(10 * seed + lead) }));
  const paired = differenceBand(rows(1, [0, 1, 2, 7]), rows(0, [2, 1, 0, 9]));
  assert.equal(paired.kind, 'paired');
  assert.deepEqual(paired.seeds, [0, 1, 2]);
  assert.deepEqual([paired.middle[0], paired.low[0], paired.high[0]], [1, 1, 1]);
  const apart = differenceBand(rows(1, [0, 1, 2]), rows(0, [3, 4, 5]));
  assert.equal(apart.kind, 'stratified');
  assert.equal(apart.middle[0], -29);
  assert.ok(apart.low[0]! < -29 && apart.high[0]! > -29);
  const single = differenceBand(rows(1, [0]), rows(0, [3, 4, 5]));
  assert.deepEqual([single.kind, single.middle[0], single.low[0]], ['single', -39, Number.NaN]);
});

test('the probability of improvement is the share of pairs, with an interval from two runs each on', () => {
  const found = improvementOf([3, 4], [1, 2])!;
  assert.deepEqual(found, { probability: 1, interval: { low: 1, high: 1 } });
  assert.equal(improvementOf([1, 3], [1, 2])!.probability, 0.625);
  assert.equal(improvementOf([3], [1, 2]), null);
});
