import assert from 'node:assert/strict';
import { test } from 'node:test';
import { weightChangesOf } from '../../renderer/state/weight-changes.ts';
import { weightsOf } from '../../renderer/state/weights.ts';

const config = {
  reward: [
    { reward: 'sparse', weight: 1 },
    { reward: 'sarm', use: 'shaping', weight: 10, schedule: { from: 1, to: 0, steps: 100 } },
  ],
};

test('each change of a weight says from what to what, in the order of the steps', () => {
  const { lines, marks } = weightsOf(config, [
    { step: 4096, line: 1, weight: 2, at: 20 },
    { step: 2048, line: 1, weight: 5, at: 10 },
    { step: 4096, line: 0, weight: 0, at: 20 },
    { step: 9000, line: 7, weight: 3, at: 30 },
  ]);
  assert.deepEqual(
    marks.map(({ number, step, reward, from, to }) => [number, step, reward, from, to]),
    [
      [1, 2048, 'sarm', 10, 5],
      [2, 4096, 'sparse', 1, 0],
      [3, 4096, 'sarm', 5, 2],
    ],
  );
  assert.deepEqual(lines, [
    { line: 0, reward: 'sparse', use: null, initial: 1, weight: 0, isScheduled: false },
    { line: 1, reward: 'sarm', use: 'shaping', initial: 10, weight: 2, isScheduled: true },
  ]);
});

test('a run that no recipe made has no weights', () => {
  assert.deepEqual(weightsOf({ method: 'sarm' }, []), { lines: [], marks: [] });
});

test('changes of several runs carry their run, and stand at seconds where that is the axis', () => {
  const marks = (step: number) => weightsOf(config, [{ step, line: 0, weight: 0.5, at: 1 }]).marks;
  const steps = Float64Array.of(1000, 2000, 3000);
  const metrics = new Map([
    [1, { steps, seconds: Float64Array.of(10, 25, 30) }],
    [2, { steps, seconds: null }],
  ]);
  const byRun = [
    [1, marks(2500)],
    [2, marks(1000)],
    [3, []],
  ] as const;
  const said = (axis: 'steps' | 'seconds') =>
    weightChangesOf(byRun, axis, metrics).map(({ label, place }) => [label, place]);
  assert.deepEqual(said('steps'), [
    ['#1 w1', 2500],
    ['#2 w1', 1000],
  ]);
  assert.deepEqual(said('seconds'), [
    ['#1 w1', 25],
    ['#2 w1', null],
  ]);
  assert.equal(weightChangesOf(byRun.slice(0, 1), 'steps', metrics)[0]!.label, 'w1');
});
