import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JudgedEpisode } from '../../../learn/diagnostics/measure.ts';
import { rewindFall, rewindRank } from '../../../learn/diagnostics/rewind.ts';
import {
  absoluteError,
  boundaryError,
  rankAcross,
  rankWithin,
} from '../../../learn/diagnostics/true-progress.ts';

const near = (found: number | null, wanted: number): void =>
  assert.ok(found !== null && Math.abs(found - wanted) < 1e-12, `found ${found}, wanted ${wanted}`);

/** Fewer than three episodes say nothing; copies leave every mean as it is. */
const thrice = <T>(...some: readonly T[]): T[] => [...some, ...some, ...some];

const episode = (
  score: readonly number[],
  progress: readonly number[],
  stage: readonly number[] = progress.map(() => 0),
): JudgedEpisode => ({
  score,
  truth: {
    progress: Float64Array.from(progress),
    stage: Uint8Array.from(stage),
    success: new Uint8Array(progress.length),
  },
  outcome: 'failure',
});

test('rank within episodes forgives levels that rank across them does not', () => {
  const two = thrice(episode([0, 0.1, 0.2], [0, 0.1, 0.2]), episode([0, 0.01, 0.02], [0.7, 0.8, 0.9]));
  near(rankWithin(two).value, 1);
  // Ranks of truth 1..6; of score 1.5 5 6 1.5 3 4: sum of squared differences 0.25 + 9 + 9 + 6.25 + 4 + 4 = 32.5, with ties
  // by Pearson: truth 17.5, score 17, covariance (17.5 + 17 - 32.5) / 2 = 1, so 1 / sqrt(17.5 * 17).
  near(rankAcross(two).value, 1 / Math.sqrt(17.5 * 17));
});

test('absolute error is averaged over the frames of an episode, then over episodes', () => {
  // (0.1 + 0.3) / 2 and 0.5.
  near(absoluteError(thrice(episode([0.1, 0.5], [0, 0.2]), episode([0.5, 0.5], [1, 0]))).value, 0.35);
});

test('the error at boundaries is taken where a stage is reached for good', () => {
  // Stage 1 is reached, lost and reached again at frame 3; stage 2 at frame 4: |0.4 - 0.5| and |0.6 - 0.9|.
  const lost = episode([0, 0.9, 0.2, 0.4, 0.6], [0, 0.5, 0.1, 0.5, 0.9], [0, 1, 0, 1, 2]);
  near(boundaryError(thrice(lost)).value, 0.2);
  assert.equal(boundaryError([episode([0, 1], [0, 1])]).reason, 'no episode reaches a further stage');
});

test('truth that stands still and scores that stand still decide nothing', () => {
  assert.equal(rankWithin([episode([0, 1], [0.5, 0.5])]).reason, 'true progress changes in no episode');
  assert.equal(rankWithin([episode([1, 1], [0, 0.5])]).reason, 'the scores do not change');
  assert.equal(rankAcross(thrice(episode([1, 1], [0, 0.5]))).reason, 'all scores are equal');
});

test('a score that comes half the way down with the truth has a fall of a half', () => {
  const progress = [0, 0.5, 1];
  near(rewindFall(thrice({ score: [0, 0.5, 1, 0.75, 0.5], progress })).value, 0.5);
  near(rewindRank(thrice({ score: [0, 0.5, 1, 0.75, 0.5], progress })).value, 1);
  // A clock goes on rising.
  near(rewindFall(thrice({ score: [0, 0.25, 0.5, 0.75, 1], progress })).value, -0.5);
  near(rewindRank(thrice({ score: [0, 0.25, 0.5, 0.75, 1], progress })).value, -1);
  near(rewindRank(thrice({ score: [0, 0.5, 1, 1, 1], progress })).value, 0);
});

test('a clip in which little was done cannot be rewound, and lengths must fit', () => {
  assert.equal(
    rewindFall([{ score: [0, 1, 0], progress: [0, 0.1] }]).reason,
    'true progress rises by 0.2 in no clip',
  );
  assert.throws(() => rewindFall([{ score: [0, 1], progress: [0, 1] }]), /found 2 scores .* wanted 3/);
});
