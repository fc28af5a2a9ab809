import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import { frameLabels } from '../../../learn/rewards/labels.ts';
import { goalAxes, TrainingSet } from '../../../learn/rewards/sarm-data.ts';
import type { FrameLayout } from '../../../learn/rewards/senses.ts';
import type { Demonstration } from '../../../learn/rewards/types.ts';

const layout = (...names: readonly string[]): FrameLayout => ({
  dim: names.length,
  parts: [{ sense: 'observation', offset: 0, dim: names.length, names }],
});

test('goal numbers that lie along one axis move together, led by one that stands still', () => {
  assert.deepEqual(
    goalAxes(layout('gripperPos.x', 'block1ToGoal.x', 'block2ToGoal.x', 'block1ToGoal.y', 'desired/pos.x')),
    [
      { leader: 4, columns: [1, 2, 4] },
      { leader: 3, columns: [3] },
    ],
  );
  assert.deepEqual(goalAxes(layout('toGoal', 'speed', 'command')), [
    { leader: 0, columns: [0] },
    { leader: 2, columns: [2] },
  ]);
  assert.deepEqual(goalAxes(layout('pos', 'vel')), []);
});

/** Number 0 is the frame, number 1 the goal. */
const clip = (id: string, goal: number, length = 7): Demonstration => ({
  id,
  length,
  frames: Float64Array.from({ length: 2 * (length + 1) }, (_, i) => (i % 2 === 0 ? i / 2 : goal)),
  stages: [
    { stage: 0, start: 0, end: 4 },
    { stage: 1, start: 4, end: length + 1 },
  ],
  success: true,
});

const plain = { mean: new Float64Array(2), scale: new Float64Array(2).fill(1) };
const shape = {
  window: 3,
  gap: 1,
  anchor: true,
  rewindProbability: 0,
  rewindMax: 2,
  wrongTaskProbability: 0,
};
const shares = Float64Array.of(0.5, 0.5);

function drawn(clips: readonly Demonstration[], own: Partial<typeof shape>, count = 64) {
  const labels = clips.map((each) => frameLabels(each, shares));
  const set = new TrainingSet(
    clips,
    [{ labels, shares }],
    { ...plain, scale: Float64Array.of(10, 1) },
    layout('frame', 'goal'),
    { ...shape, ...own },
    new Random(3),
  );
  const { x, schemes } = set.draw(count);
  const { stage, progress, weight, known } = schemes[0]!;
  return {
    set,
    samples: Array.from({ length: count }, (_, b) => ({
      // Anchor and three frames.
      frames: [0, 1, 2, 3].map((i) => Math.round(10 * x[(b * 4 + i) * 2]!)),
      goals: [0, 1, 2, 3].map((i) => x[(b * 4 + i) * 2 + 1]!),
      stages: [...stage.subarray(b * 4, b * 4 + 4)],
      progress: [...progress.subarray(b * 4, b * 4 + 4)],
      weights: [...weight.subarray(b * 4, b * 4 + 4)],
      known: [...known.subarray(b * 4, b * 4 + 4)],
    })),
  };
}

test('a window shows the newest frames behind the anchor, each with its own label', () => {
  const { samples } = drawn([clip('a', 2)], {});
  for (const { frames, stages, progress, weights } of samples) {
    const newest = frames[3]!;
    assert.deepEqual(frames, [0, Math.max(0, newest - 2), Math.max(0, newest - 1), newest]);
    assert.deepEqual(weights, [0, 1, 1, 1]);
    for (const i of [1, 2, 3]) {
      // Stage 0 arrives at frame 4, stage 1 at frame 7: eighths, then sixths.
      const t = frames[i]!;
      assert.equal(stages[i], t < 4 ? 0 : 1);
      assert.ok(Math.abs(progress[i]! - (t < 4 ? t / 8 : 0.5 + (t - 4) / 6)) < 1e-6);
    }
  }
  assert.equal(new Set(samples.map(({ frames }) => frames[3])).size, 8);
});

test('a rewound window turns at a frame and goes back over those it came by', () => {
  const { samples } = drawn([clip('a', 2)], { rewindProbability: 1 });
  const seen = new Set(samples.map(({ frames }) => frames.slice(1).join(' ')));
  // Back by one from frame 5: 4 5 4. Back by two: 5 4 3. Frame 0 has no room.
  for (const window of ['4 5 4', '5 4 3', '0 0 0']) assert.ok(seen.has(window), window);
  assert.ok(![...seen].some((window) => /^(\d) (\d) (\d)$/.test(window) && window === '3 4 5'));
  for (const { frames, progress } of samples) {
    const t = frames[3]!;
    assert.ok(Math.abs(progress[3]! - (t < 4 ? t / 8 : 0.5 + (t - 4) / 6)) < 1e-6);
  }
});

test('an exchanged goal moves in every frame; nothing is done for it, and of stage 0 only the stage is known', () => {
  const { set, samples } = drawn([clip('a', 2), clip('b', 4), clip('c', 4.2)], { wrongTaskProbability: 1 });
  assert.equal(set.goalNumbers, 1);
  let moved = 0;
  for (const { frames, goals, stages, progress, known, weights } of samples) {
    assert.equal(new Set(goals).size, 1);
    // b and c want the same: closer than half a deviation.
    if (stages[3] !== 0 || (progress[3]! > 0 && frames[3]! < 4)) continue;
    if (frames[3]! < 4 && known[3] === 1) continue;
    moved++;
    assert.deepEqual(stages.slice(1), [0, 0, 0]);
    assert.deepEqual(progress.slice(1), [0, 0, 0]);
    assert.deepEqual(weights, [0, 1, 1, 1]);
    assert.deepEqual(
      known.slice(1),
      frames.slice(1).map((t) => (t < 4 ? 0 : 1)),
    );
  }
  // Three of nine pairs are of one episode with itself, two are of b and c.
  assert.ok(Math.abs(set.movedShare - 4 / 9) < 0.15, `moved ${set.movedShare}`);
  assert.equal(moved / samples.length, set.movedShare);
});

test('where no number tells a goal, or all want the same, nothing is exchanged', () => {
  assert.equal(drawn([clip('a', 2), clip('b', 2)], { wrongTaskProbability: 1 }).set.movedShare, 0);
  assert.equal(drawn([clip('a', 2)], { wrongTaskProbability: 1 }).set.movedShare, 0);
});
