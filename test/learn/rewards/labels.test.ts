import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkDemonstrations,
  cumulative,
  frameIndexLabels,
  frameLabels,
  halvedSpans,
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
    frames: Float64Array.from({ length: length + 1 }, (_, t) => t),
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

test('the unfinished stage of a failed demonstration counts as not begun, or as not known', () => {
  const failed = demonstration(4, '0:0..2 1:2..5', false);
  const zero = frameLabels(failed, Float64Array.of(0.5, 0.5), 'zero');
  assert.deepEqual(Array.from(zero.progress), [0, 0.25, 0.5, 0.5, 0.5]);
  assert.deepEqual(Array.from(zero.known), [1, 1, 1, 1, 1]);
  const unknown = frameLabels(failed, Float64Array.of(0.5, 0.5), 'unknown');
  assert.deepEqual(Array.from(unknown.known), [1, 1, 0, 0, 0]);
  // Done (share 0) and yet failed: nothing to learn from either way.
  assert.deepEqual(Array.from(frameLabels(failed, Float64Array.of(1, 0), 'zero').known), [1, 1, 0, 0, 0]);
});

test('a stage begins where it is reached for good, and a stage jumped over has no span', () => {
  // Frame 2 is lost again at frame 3, frame 5 at frame 6.
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
  assert.deepEqual(spansFromStages([0, 1, 2, 0]), [{ stage: 0, start: 0, end: 4 }]);
  assert.deepEqual(spansFromStages([]), []);
  assert.throws(() => spansFromStages([0, -1]), /frame 1: found -1/);
});

test('a stage is cut in two where true progress passes its middle for good', () => {
  // Stage 0: from 0 to 0.4 at frame 5; 0.2 is passed at frame 1, lost at 2, passed for good at 3.
  const progress = [0, 0.25, 0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 1, 1];
  const spans = [
    { stage: 0, start: 0, end: 5 },
    { stage: 1, start: 5, end: 8 },
    { stage: 2, start: 8, end: 10 },
  ];
  assert.deepEqual(halvedSpans(spans, progress, 3), [
    { stage: 0, start: 0, end: 3 },
    { stage: 1, start: 3, end: 5 },
    // A jump over the middle: its last frame stands for the second half.
    { stage: 2, start: 5, end: 7 },
    { stage: 3, start: 7, end: 8 },
    // Done is not cut.
    { stage: 4, start: 8, end: 10 },
  ]);
  // A failed episode ended in stage 1, whose middle nobody knows; a stage of one frame has none.
  assert.deepEqual(halvedSpans(spans.slice(0, 2), progress, 3).at(-1), { stage: 2, start: 5, end: 8 });
  const short = [
    { stage: 0, start: 0, end: 1 },
    { stage: 1, start: 1, end: 3 },
  ];
  assert.deepEqual(halvedSpans(short, [0, 0.5, 1], 2), [
    { stage: 0, start: 0, end: 1 },
    { stage: 2, start: 1, end: 3 },
  ]);
});

test('labels by frame number run evenly to the first frame of the last stage where it means done', () => {
  const clip = demonstration(9, '0:0..2 1:2..5 2:5..10');
  const done = frameIndexLabels(clip, 3, true);
  assert.deepEqual(Array.from(done.progress), [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1]);
  assert.deepEqual(Array.from(done.stage), [0, 0, 1, 1, 1, 2, 2, 2, 2, 2]);
  const work = frameIndexLabels(clip, 3, false).progress;
  for (let t = 0; t < 10; t++) assert.ok(Math.abs(work[t]! - t / 9) < 1e-12);
  const failed = demonstration(4, '0:0..2 1:2..5', false);
  assert.deepEqual(Array.from(frameIndexLabels(failed, 3, true, 'zero').progress), [0, 0, 0, 0, 0]);
  assert.deepEqual(Array.from(frameIndexLabels(failed, 3, true, 'zero').known), [1, 1, 1, 1, 1]);
  assert.deepEqual(Array.from(frameIndexLabels(failed, 3, true, 'unknown').known), [0, 0, 0, 0, 0]);
});

const good = slow;
const badLabels: readonly (readonly [string, Demonstration[], RegExp])[] = [
  ['no demonstrations', [], /Demonstrations: found none/],
  ['no spans', [demonstration(9, '')], /Episode ep-7: found no stage spans/],
  ['overlapping spans', [demonstration(9, '0:0..5 1:4..10')], /ep-7, span 1 .*overlaps span 0/],
  ['an empty span', [demonstration(9, '0:0..0 1:0..10')], /ep-7, span 0 .*empty/],
  [
    'a span behind the end',
    [demonstration(9, '0:0..4 1:4..11')],
    /ep-7, span 1 .*out of range, wanted whole frames within 0 to 10/,
  ],
  ['a span before the start', [demonstration(9, '0:-1..4 1:4..10')], /ep-7, span 0 .*out of range/],
  ['half a frame', [demonstration(9, '0:0..4.5 1:5..10')], /ep-7, span 0 .*out of range/],
  ['an unknown stage', [demonstration(9, '0:0..4 2:4..10')], /ep-7, span 1 .*unknown stage, wanted 0 to 1/],
  [
    'stages that go backwards',
    [demonstration(9, '1:0..4 0:4..10')],
    /ep-7, span 1 .*backwards after stage 1 \(push\)/,
  ],
  ['the same stage twice', [demonstration(9, '0:0..4 0:4..10')], /ep-7, span 1 .*backwards/],
  ['spans out of time order', [demonstration(9, '0:4..10 1:0..4')], /ep-7, span 1 .*starts before span 0/],
  [
    'a stage that nobody shows',
    [demonstration(9, '0:0..10')],
    /Stage 1 \(push\): none of the 1 demonstrations has it \(first: episode ep-7\)/,
  ],
  ['too few frames', [demonstration(1, '0:0..1 1:1..2')], /Episode ep-7: found 2 frames, wanted at least 3/],
  [
    'missing frames',
    [{ ...good, frames: new Float64Array(9) }],
    /Episode ep-7: found 9 frame numbers, wanted 10/,
  ],
  [
    'NaN in a frame',
    [{ ...good, frames: new Float64Array(10).fill(Number.NaN, 3, 4) }],
    /Episode ep-7: number 0 of frame 3 is NaN/,
  ],
];

for (const [what, demonstrations, message] of badLabels) {
  test(`${what}: refused with an error that names it`, () => {
    assert.throws(
      () => checkDemonstrations(demonstrations, names, 1),
      (error) => error instanceof RangeError && message.test(error.message),
    );
  });
}

test('good demonstrations pass the check', () => {
  checkDemonstrations([slow, fast], names, 1);
});
