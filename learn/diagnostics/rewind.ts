/**
 * The rewind test (after the augmentation of ReWiND and SARM): a clip is played to its end and then backwards, all as one
 * episode. What was done is undone before the model's eyes; its score must come down with the truth.
 *
 *   fall = (score_turn - score_end) / (progress_turn - progress_end)      1: as far as the truth; 0: not at all
 *   rank = Spearman(progress, score) over the way back
 *
 * Velocities in the frames are not turned round, so a model that reads them sees what no physics does.
 */

import { spearman } from './agreement.ts';
import { final, isConstant, type Measure, type MeasureOptions, mean, measure } from './measure.ts';

/** score [2T + 1] of the frames there and back (`thereAndBack`), progress [T + 1] of the clip. */
export interface Rewound {
  readonly score: ArrayLike<number>;
  readonly progress: ArrayLike<number>;
}

/** Clips whose truth rises less say little about a fall. */
export const leastRise = 0.2;

const rose = ({ progress }: Rewound): number => final(progress) - progress[0]!;

function usable(clips: readonly Rewound[]): readonly Rewound[] {
  for (const { score, progress } of clips) {
    if (score.length !== 2 * progress.length - 1) {
      throw new RangeError(
        `Rewind: found ${score.length} scores of a clip of ${progress.length} frames, wanted ${2 * progress.length - 1}`,
      );
    }
  }
  return clips.filter((clip) => rose(clip) >= leastRise);
}

const none = {
  value: null,
  interval: null,
  count: 0,
  reason: `true progress rises by ${leastRise} in no clip`,
};

export function rewindFall(clips: readonly Rewound[], options?: MeasureOptions): Measure {
  const rising = usable(clips);
  if (rising.length === 0) return none;
  return measure(
    rising.map((clip) => (clip.score[clip.progress.length - 1]! - final(clip.score)) / rose(clip)),
    mean,
    options,
  );
}

/** A score that stands still on the way back has no order and counts 0. */
export function rewindRank(clips: readonly Rewound[], options?: MeasureOptions): Measure {
  const rising = usable(clips);
  if (rising.length === 0) return none;
  return measure(
    rising.map(({ score, progress }) => {
      const turn = progress.length - 1;
      const back = Array.from(score).slice(turn);
      return isConstant(back) ? 0 : spearman(Array.from(progress).reverse(), back);
    }),
    mean,
    options,
  );
}
