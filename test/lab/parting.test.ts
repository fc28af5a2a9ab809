import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partingOf, partingOfCurves } from '../../lab/parting.ts';
import { createRandom } from '../../sim/engine/random.ts';

/** Three runs with the same course, a little apart. */
const runs = (course: readonly number[]): number[][] => course.map((v) => [v, v + 0.01, v - 0.01]);
const x = [10, 20, 30, 40, 50, 60, 70, 80, 90, 100];
const rising = runs([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);

test('truth and proxy part at the peak of the truth, and it is seen where both have left it', () => {
  // Success climbs to 0.6 at 50 and falls. Its second differences are 0 but for -0.12, -0.06, -0.02 around the top: their squares add up
  // to 0.0184, over 6 x 8 the root is 0.0196, four times that 0.078. So 0.58 counts for nothing, 0.5 is a fall, and 0.4 after it holds.
  const found = partingOf({
    x,
    truth: runs([0.2, 0.3, 0.4, 0.5, 0.6, 0.58, 0.5, 0.4, 0.3, 0.2]),
    proxy: rising,
    isPaired: true,
  });
  assert.equal(found.kind, 'part');
  if (found.kind !== 'part') return;
  assert.deepEqual([found.at, found.seen], [50, 70]);
  const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-9, `${a} and ${b}`);
  near(found.truth.peak, 0.6);
  near(found.truth.after, 0.5);
  near(found.truth.interval.high, -0.1);
  near(found.proxy.after - found.proxy.peak, 2);
});

test('they do not part where both rise, where both fall, or where one bin alone dips', () => {
  const up = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
  const kinds = [
    [runs(up), rising],
    [runs(up.toReversed()), rising.toReversed()],
    [runs([0.1, 0.2, 0.3, 0.4, 0.5, 0.2, 0.5, 0.5, 0.5, 0.5]), rising],
    // The fall comes in the last bin: too early to say.
    [runs([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1]), rising],
  ].map(([truth, proxy]) => partingOf({ x, truth: truth!, proxy: proxy!, isPaired: true }).kind);
  assert.deepEqual(kinds, ['together', 'together', 'together', 'together']);
});

test('runs that disagree about the fall are no parting', () => {
  const mild = runs([0.2, 0.3, 0.4, 0.5, 0.6, 0.58, 0.5, 0.4, 0.3, 0.2]);
  // The mean is the same, but one run of the three goes on rising.
  const truth = mild.map(([one], i) => (i < 5 ? [one!, one!, one!] : [one! - 0.3, one! - 0.3, one! + 0.6]));
  assert.equal(partingOf({ x, truth, proxy: rising, isPaired: true }).kind, 'together');
});

test('curves are cut into bins: several runs by their heights, one run by its rows', () => {
  const steps = Array.from({ length: 96 }, (_, i) => i * 10);
  const rise = { x: steps, y: steps.map((s) => s / 100) };
  const hill = (wave: number) => ({
    x: steps,
    y: steps.map((s, i) => 0.8 - Math.abs(s - 475) / 950 + (i % 2 === 0 ? wave : -wave)),
  });
  const many = partingOfCurves([hill(0), hill(0.01)], [rise, rise]);
  const one = partingOfCurves([hill(0.02)], [rise]);
  for (const found of [many, one]) {
    assert.equal(found.kind, 'part');
    // Bins are 950 / 12 = 79 steps wide; the hill's top is at 475.
    if (found.kind === 'part') assert.ok(Math.abs(found.at - 475) <= 80, `parted at ${found.at}`);
  }
  const few = partingOfCurves([{ x: [0, 1], y: [0, 1] }], [{ x: [0, 1], y: [0, 1] }]);
  assert.deepEqual(few, { kind: 'not measurable', why: '2 rows in the common range, wanted at least 16' });
  assert.equal(partingOfCurves([], []).kind, 'not measurable');
});

/** Share of courses without any parting in which one is found. */
function falseAlarms(runCount: number, course: (share: number) => number): number {
  let found = 0;
  const times = 200;
  for (let k = 0; k < times; k++) {
    const random = createRandom(1000 + k);
    const steps = Array.from({ length: 120 }, (_, i) => i);
    const curve = (of: (share: number) => number, noise: number) => ({
      x: steps,
      y: steps.map((s) => of(s / 119) + noise * random.uniform(-1.7, 1.7)),
    });
    const truth = Array.from({ length: runCount }, () => curve(course, 0.1));
    const proxy = Array.from({ length: runCount }, () => curve((share) => share, 0.05));
    if (partingOfCurves(truth, proxy).kind === 'part') found++;
  }
  return found / times;
}

test('noise on a truth that rises or stays where it is seldom looks like a parting', (t) => {
  for (const runCount of [1, 3, 5]) {
    const flat = falseAlarms(runCount, () => 0.5);
    const rising = falseAlarms(runCount, (share) => 0.2 + 0.6 * share);
    t.diagnostic(`${runCount} runs: ${flat} flat, ${rising} rising`);
    assert.ok(flat <= 0.05 && rising <= 0.05, `${runCount} runs: ${flat} flat, ${rising} rising`);
  }
});
