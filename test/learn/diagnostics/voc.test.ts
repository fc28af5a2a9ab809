import assert from 'node:assert/strict';
import { test } from 'node:test';
import { framesAt, pick } from '../../../learn/diagnostics/measure.ts';
import { reversed, valueOrderCorrelation } from '../../../learn/diagnostics/voc.ts';

const near = (found: number | null, wanted: number): void =>
  assert.ok(found !== null && Math.abs(found - wanted) < 1e-12, `found ${found}, wanted ${wanted}`);

/** Fewer than three clips say nothing. */
const thrice = <T>(one: T): T[] => [one, one, one];

test('a score that goes up with time has a value-order correlation of 1, and one that goes down -1', () => {
  near(valueOrderCorrelation(thrice([0, 0.1, 0.5, 0.6])).value, 1);
  near(valueOrderCorrelation(thrice([1, 0.5, 0.2, 0])).value, -1);
  // Ranks 1 3 2 4 against 1 2 3 4: 1 - 6 * 2 / (4 * 15).
  near(valueOrderCorrelation(thrice([0, 0.6, 0.3, 0.9])).value, 0.8);
  // A clip that stands still has no order: the mean of 1, 1, 0 and 0.
  near(
    valueOrderCorrelation([
      [0, 0.1, 0.5, 0.6],
      [0.5, 0.5, 0.5, 0.5],
      [0, 0.1, 0.5, 0.6],
      [0.5, 0.5, 0.5, 0.5],
    ]).value,
    0.5,
  );
});

test('scores that never change, and clips of three frames, decide nothing', () => {
  assert.equal(valueOrderCorrelation([[0.5, 0.5, 0.5, 0.5]]).reason, 'the scores do not change in any clip');
  assert.equal(
    valueOrderCorrelation(thrice([0, 0.5, 1])).reason,
    'too few episodes to say: 0, wanted at least 3',
  );
});

test('reversed frames are rows in the opposite order', () => {
  assert.deepEqual(Array.from(reversed(Float64Array.of(0, 10, 1, 11, 2, 12), 2)), [2, 12, 1, 11, 0, 10]);
});

test('a stride keeps every so-manyth frame and the last', () => {
  assert.deepEqual(framesAt(7, 3), [0, 3, 6, 7]);
  assert.deepEqual(framesAt(6, 3), [0, 3, 6]);
  assert.deepEqual(Array.from(pick([5, 6, 7, 8], framesAt(3, 2))), [5, 7, 8]);
  assert.throws(() => framesAt(6, 0), /found 0, wanted a whole number of at least 1/);
});
