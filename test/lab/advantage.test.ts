import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addAdvantage, advantageOf, discountOf } from '../../lab/advantage.ts';
import type { PackedArray } from '../../lab/pack.ts';

const total = [1, 0, 2];
const value = [1, 2, 3];
const discount = { gamma: 0.5, gaeLambda: 0.5 };

test('after a termination nothing comes: the last step has its advantage', () => {
  // delta: 1 + 0.5 * 2 - 1 = 1; 0 + 0.5 * 3 - 2 = -0.5; 2 - 3 = -1. A: -1; -0.5 - 0.25 = -0.75; 1 - 0.1875 = 0.8125.
  assert.deepEqual([...advantageOf(total, value, 'terminated', discount)], [0.8125, -0.75, -1]);
});

test('a truncated or diverged episode counts as cut off where the value is last known, and its last step has no advantage', () => {
  // A: -0.5; 1 + 0.25 * -0.5 = 0.875.
  for (const ending of ['truncated', 'diverged'] as const)
    assert.deepEqual([...advantageOf(total, value, ending, discount)], [0.875, -0.5, Number.NaN]);
  assert.deepEqual([...advantageOf([1], [0], 'truncated', discount)], [Number.NaN]);
  assert.deepEqual([...advantageOf([], [], 'terminated', discount)], []);
});

test('the discount is the run’s own; a critic without lambda looks one step ahead, several discounts are none', () => {
  assert.deepEqual(
    discountOf({ algorithmSettings: { gamma: 0.9, gaeLambda: 0.8 }, reward: [{ gamma: null }] }),
    {
      gamma: 0.9,
      gaeLambda: 0.8,
    },
  );
  assert.deepEqual(discountOf({ algorithmSettings: { gamma: 0.9 } }), { gamma: 0.9, gaeLambda: 0 });
  assert.equal(discountOf({ algorithmSettings: { gamma: 0.9 }, reward: [{ gamma: 0.5 }] }), null);
  assert.equal(discountOf({}), null);
  const arrays: Record<string, PackedArray> = { 'reward/total': Float64Array.of(1) };
  assert.equal(addAdvantage(arrays, { ending: 'terminated' }, { algorithmSettings: { gamma: 0.9 } }), null);
  assert.deepEqual(Object.keys(arrays), ['reward/total']);
});
