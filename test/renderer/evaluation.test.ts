import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bestOf,
  formProblem,
  intervalText,
  type Measure,
  reasonsOf,
  sentencesOf,
  shownFigure,
  wordsOf,
} from '../../renderer/state/evaluation.ts';

const measure = (value: number | null, reason?: string): Measure => ({
  value,
  interval: value === null ? null : { low: value - 0.1, high: value + 0.1 },
  count: 8,
  ...(reason === undefined ? {} : { reason }),
});
const models = [
  { key: 'sarm', baseline: false },
  { key: 'lrm', baseline: false },
  { key: 'time-ramp', baseline: true },
];
const rows = (values: Readonly<Record<string, number | null>>) =>
  Object.entries(values).map(([model, value]) => ({ model, cells: { voc: measure(value, 'no clip') } }));

test('the best of a column is the best model, whichever way its numbers go', () => {
  const best = (better: 'higher' | 'lower' | 'zero' | 'one' | 'none') =>
    bestOf({ rows: rows({ sarm: 0.8, lrm: -0.3, 'true progress': 1 }) }, { id: 'voc', better }, models)
      .models;
  assert.deepEqual(best('higher'), ['sarm']);
  assert.deepEqual(best('lower'), ['lrm']);
  assert.deepEqual(best('zero'), ['lrm']);
  // |0.8 - 1| = 0.2, |-0.3 - 1| = 1.3
  assert.deepEqual(best('one'), ['sarm']);
  assert.deepEqual(best('none'), []);
});

test('models that show the same figure share the place, and a clock that does as well is named', () => {
  const column = { id: 'voc', better: 'higher' } as const;
  assert.deepEqual(bestOf({ rows: rows({ sarm: 0.998, lrm: 1, 'time-ramp': 1 }) }, column, models), {
    models: ['sarm', 'lrm'],
    matchedBy: ['time-ramp'],
  });
  assert.deepEqual(bestOf({ rows: rows({ sarm: 0.9, lrm: null, 'time-ramp': 0.4 }) }, column, models), {
    models: ['sarm'],
    matchedBy: [],
  });
  // A counter-baseline alone is never the best.
  assert.deepEqual(bestOf({ rows: rows({ sarm: null, 'time-ramp': 1 }) }, column, models), {
    models: [],
    matchedBy: [],
  });
});

test('each reason for a missing value is said once', () => {
  const columns = ['a', 'b'].map((id) => ({ id, title: id, better: 'higher' as const, help: '' }));
  assert.deepEqual(
    reasonsOf({
      columns,
      rows: [
        { model: 'sarm', cells: { a: measure(1), b: measure(null, 'one class') } },
        { model: 'lrm', cells: { a: measure(null), b: measure(null, 'one class') } },
      ],
    }),
    ['one class', 'no reason was given'],
  );
});

test('figures have two digits and no zero below zero, and an answer falls into its sentences', () => {
  assert.deepEqual([0.126, -0.001, 1].map(shownFigure), ['0.13', '0.00', '1.00']);
  assert.equal(intervalText(measure(0.5)), '0.40 to 0.60');
  assert.equal(intervalText(measure(null)), '');
  assert.deepEqual(sentencesOf('Trust sarm: EPIC 0.16 (0.1 to 0.2). Also: 0.04 above. Done.'), [
    'Trust sarm: EPIC 0.16 (0.1 to 0.2).',
    'Also: 0.04 above.',
    'Done.',
  ]);
});

test('the form says what is wrong with a number, and choosing nothing means all', () => {
  assert.equal(formProblem('episodes', 20), undefined);
  assert.equal(formProblem('episodes', 0), '0 is outside 1 to 1000');
  assert.equal(formProblem('seed', ''), 'A number is missing here: 0 to 2147483647');
  assert.equal(formProblem('seed', 0.5), '0.5 is not a whole number');
  assert.equal(wordsOf([]), 'all');
  assert.equal(wordsOf(['3', 'sarm']), '3,sarm');
});
