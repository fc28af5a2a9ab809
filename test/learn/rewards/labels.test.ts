import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkDemonstrations,
  cumulative,
  frameLabels,
  spansFromStages,
  stageShares,
} from '../../../learn/rewards/labels.ts';
import type { Demonstration } from '../../../learn/rewards/types.ts';

const names = ['reach', 'push'];

/** `length` steps of one observation number each; spans written as `stage:start..end`. */
function demonstration(length: number, spans: string, success = true): Demonstration {
  return {
    id: 'ep-7',
    length,
    observations: Float64Array.from({ length: length + 1 }, (_, t) => t),
    stages: spans
      .split(' ')
      .filter((span) => span !== '')
      .map((span) => {
        const [stage, start, end] = span.split(/:|\.\./).map(Number);
        return { stage: stage!, start: start!, end: end! };
      }),
    success,
  };
}

// Ten frames, 4 + 6, and twenty frames, 4 + 16: shares (0.4 + 0.2) / 2 and (0.6 + 0.8) / 2.
const slow = demonstration(9, '0:0..4 1:4..10');
const fast = demonstration(19, '0:0..4 1:4..20');

test('stage shares are the mean of the shares of each demonstration and add up to 1', () => {
  const shares = stageShares([slow, fast], 2);
  assert.ok(Math.abs(shares[0]! - 0.3) < 1e-12);
  assert.ok(Math.abs(shares[1]! - 0.7) < 1e-12);
  assert.deepEqual(Array.from(cumulative(Float64Array.of(0.3, 0.7))), [0, 0.3, 1]);
});

test('a failed demonstration does not count towards the shares while one succeeded', () => {
  const failed = demonstration(9, '0:0..10', false);
  assert.deepEqual(Array.from(stageShares([slow, failed], 2)), Array.from(stageShares([slow], 2)));
  assert.deepEqual(Array.from(stageShares([failed], 2)), [1, 0]);
});

test('a last stage that means done has share 0 and progress 1 from its first frame, however long the rest', () => {
  for (const rest of [1, 50]) {
    const clip = demonstration(9 + rest, `0:0..4 1:4..10 2:10..${10 + rest}`);
    const shares = stageShares([clip], 3, true);
    assert.deepEqual(Array.from(shares), [0.4, 0.6, 0]);
    assert.deepEqual(Array.from(cumulative(shares)), [0, 0.4, 1, 1]);
    const { progress } = frameLabels(clip, shares);
    assert.ok(Math.abs(progress[9]! - 0.9) < 1e-12);
    assert.ok(progress.subarray(10).every((value) => value === 1));
  }
});

test('labels run from 0 to 1, linear inside a stage, equal at the same milestone whatever the speed', () => {
  const shares = Float64Array.of(0.4, 0.6);
  const { stage, tau, progress } = frameLabels(slow, shares);
  assert.deepEqual(Array.from(stage), [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
  // Stage 0 arrives at frame 4: quarters. The last stage arrives at frame 9: fifths.
  assert.deepEqual(Array.from(tau), [0, 0.25, 0.5, 0.75, 0, 0.2, 0.4, 0.6, 0.8, 1]);
  const wanted = [0, 0.1, 0.2, 0.3, 0.4, 0.52, 0.64, 0.76, 0.88, 1];
  for (const [t, y] of wanted.entries()) assert.ok(Math.abs(progress[t]! - y) < 1e-12, `frame ${t}`);
  const quick = frameLabels(fast, shares).progress;
  assert.deepEqual([quick[0], quick[4], quick[19]], [0, 0.4, 1]);
});

test('a last stage of one frame is all arrival', () => {
  const { tau, progress } = frameLabels(demonstration(4, '0:0..4 1:4..5'), Float64Array.of(0.8, 0.2));
  assert.deepEqual([tau[3], tau[4], progress[4]], [0.75, 1, 1]);
});

test('frames between two spans keep the earlier stage with tau 1, frames before the first have tau 0', () => {
  const { stage, tau } = frameLabels(demonstration(7, '0:2..4 1:6..8'), Float64Array.of(0.5, 0.5));
  assert.deepEqual(Array.from(stage), [0, 0, 0, 0, 0, 0, 1, 1]);
  assert.deepEqual(Array.from(tau), [0, 0, 0, 0.5, 1, 1, 0, 1]);
});

test('how far a failed demonstration got inside its last stage counts as unknown', () => {
  const { known } = frameLabels(demonstration(4, '0:0..2 1:2..5', false), Float64Array.of(0.5, 0.5));
  assert.deepEqual(Array.from(known), [1, 1, 0, 0, 0]);
});

test('a stage begins where it is reached for good; stages may be skipped', () => {
  assert.deepEqual(spansFromStages([0, 0, 1, 0, 1, 3, 2, 3]), [
    { stage: 0, start: 0, end: 4 },
    { stage: 1, start: 4, end: 5 },
    { stage: 2, start: 5, end: 7 },
    { stage: 3, start: 7, end: 8 },
  ]);
  assert.deepEqual(spansFromStages([0, 2, 2]), [
    { stage: 0, start: 0, end: 1 },
    { stage: 2, start: 1, end: 3 },
  ]);
  assert.deepEqual(spansFromStages([]), []);
  assert.throws(() => spansFromStages([0, -1]), /frame 1: found -1/);
});
