import assert from 'node:assert/strict';
import { test } from 'node:test';
import { project, run } from './support.ts';

test('metrics come back by name, NaN where a name has no value at a step', (t) => {
  const { runs, metrics } = project(t);
  const id = runs.create(run);
  const other = runs.create(run);
  metrics.add(id, 10, { 'loss/policy': 1, 'reward/total': Number.NaN });
  metrics.add(id, 30, { 'eval/success': 0.5 });
  metrics.add(id, 20, { 'loss/policy': 2 });
  metrics.add(id, 20, { 'loss/policy': 3 });
  metrics.add(other, 99, { lonely: 1 });
  assert.deepEqual(metrics.names(id), ['eval/success', 'loss/policy', 'reward/total']);
  assert.deepEqual(metrics.series(id), {
    steps: Float64Array.of(10, 20, 30),
    values: new Map([
      ['eval/success', Float64Array.of(Number.NaN, Number.NaN, 0.5)],
      ['loss/policy', Float64Array.of(1, 3, Number.NaN)],
      ['reward/total', Float64Array.of(Number.NaN, Number.NaN, Number.NaN)],
    ]),
  });
  assert.deepEqual(metrics.series(id, { names: ['eval/success', 'not yet'] }), {
    steps: Float64Array.of(30),
    values: new Map([
      ['eval/success', Float64Array.of(0.5)],
      ['not yet', Float64Array.of(Number.NaN)],
    ]),
  });
  assert.deepEqual(metrics.series(7), { steps: new Float64Array(0), values: new Map() });
});

test('long runs are down-sampled: first and last as they are, means between, rare values not lost', (t) => {
  const store = project(t);
  const { runs, metrics } = store;
  const id = runs.create(run);
  store.transaction(() => {
    for (let step = 0; step <= 1001; step++) {
      metrics.add(id, step * 5, step === 333 ? { loss: step, success: 0.75 } : { loss: step });
    }
  });
  const { steps, values } = metrics.series(id, { maxPoints: 12 });
  // 1,000 inner steps in 10 buckets of 100; a bucket stands at its last step.
  assert.deepEqual([...steps], [0, 500, 1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500, 5000, 5005]);
  assert.deepEqual(
    [...values.get('loss')!],
    [0, 50.5, 150.5, 250.5, 350.5, 450.5, 550.5, 650.5, 750.5, 850.5, 950.5, 1001],
  );
  assert.deepEqual(
    [...values.get('success')!].map((value, i) => [i, value]).filter(([, value]) => !Number.isNaN(value)),
    [[4, 0.75]],
  );

  assert.deepEqual([...metrics.series(id, { maxPoints: 2 }).steps], [0, 5005]);
  assert.equal(metrics.series(id, { maxPoints: 1002 }).steps.length, 1002);
  for (const maxPoints of [3, 7, 100, 999, 1001]) {
    const series = metrics.series(id, { maxPoints });
    assert.ok(
      series.steps.length <= maxPoints && series.steps.length > maxPoints / 3,
      `${series.steps.length} of ${maxPoints}`,
    );
    assert.ok(series.steps.every((step, i) => i === 0 || step > series.steps[i - 1]!));
    assert.deepEqual([series.steps[0], series.steps.at(-1)], [0, 5005]);
  }
  assert.throws(() => metrics.series(id, { maxPoints: 1 }), /at most 1 points asked for, wanted at least 2/);
});

test('rows after a step are removed for this run alone', (t) => {
  const { runs, metrics } = project(t);
  const [id, other] = [runs.create(run), runs.create(run)];
  for (const runId of [id, other])
    for (const step of [-5, 0, 5, 10]) metrics.add(runId, step, { a: step, b: step });
  metrics.truncateAfter(id, 0);
  assert.deepEqual([...metrics.series(id).steps], [-5, 0]);
  assert.deepEqual([...metrics.series(other).steps], [-5, 0, 5, 10]);
});

test('a step that is no whole number and a run that is not there are refused', (t) => {
  const { runs, metrics } = project(t);
  const id = runs.create(run);
  assert.throws(
    () => metrics.add(id, 0.5, { a: 1 }),
    new RangeError(`Metrics of run ${id}: step 0.5, wanted a whole number`),
  );
  assert.throws(() => metrics.add(9, 0, { a: 1 }), new RangeError('There is no run 9 in this project'));
  const points = [0, 1, 2.5].map((step) => ({ step, values: { a: step } }));
  assert.throws(() => metrics.addAll(id, points), /step 2.5/);
  assert.deepEqual(metrics.names(id), []);
  metrics.addAll(id, points.slice(0, 2));
  assert.deepEqual([...metrics.series(id).steps], [0, 1]);
});

test('newest, lowest and highest of a metric leave out what is no number, and metrics that the run has not', (t) => {
  const { runs, metrics } = project(t);
  const id = runs.create(run);
  metrics.add(id, 1, { a: 3, b: Number.NaN });
  metrics.add(id, 2, { a: -1 });
  metrics.add(id, 3, { a: 2 });
  metrics.add(id, 4, { a: Number.NaN });
  assert.deepEqual(
    metrics.extremes(id, ['a', 'b', 'c']),
    new Map([['a', { last: 2, lowest: -1, highest: 3 }]]),
  );
});
