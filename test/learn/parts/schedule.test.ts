import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scheduled } from '../../../learn/parts/schedule.ts';

test('schedules begin with all, are half-way down half-way through, and end at a twentieth for good', () => {
  const at = (schedule: Parameters<typeof scheduled>[0]) =>
    [0, 0.25, 0.5, 1, 2].map((done) => Number(scheduled(schedule, done).toFixed(6)));
  assert.deepEqual(at('constant'), [1, 1, 1, 1, 1]);
  assert.deepEqual(at('linear'), [1, 0.75, 0.5, 0.05, 0.05]);
  // cos(pi / 4) = 0.707107
  assert.deepEqual(at('cosine'), [1, 0.853553, 0.5, 0.05, 0.05]);
});
