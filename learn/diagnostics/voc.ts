// GVL: Vision Language Models are In-Context Value Learners, arXiv 2411.04549; forward and reversed as in Robo-Dopamine, arXiv 2512.23703
/**
 * Value-order correlation: does the score go up with time on a clip that succeeds?
 *
 *   VOC  = Spearman(t, score_t)      of the clip as it was played: 1 is best
 *   VOC- = Spearman(t, score_t)      of its frames in reversed order: -1 is best
 *
 * It knows nothing of the truth, and a clock has a VOC of 1. Only VOC- tells a clock (+1) from a model that looks (-1), which
 * is why both stand beside the row of the time ramp.
 */

import { spearman } from './agreement.ts';
import { isConstant, type Measure, type MeasureOptions, mean, measure } from './measure.ts';

/** Shorter clips have an order by chance. */
export const fewestFrames = 4;

/** Mean over clips; a clip whose score never changes has no order and counts 0. Each score: [frames]. */
export function valueOrderCorrelation(
  scores: readonly ArrayLike<number>[],
  options?: MeasureOptions,
): Measure {
  const long = scores.filter(({ length }) => length >= fewestFrames);
  if (long.length > 0 && long.every(isConstant))
    return {
      value: null,
      interval: null,
      count: long.length,
      reason: 'the scores do not change in any clip',
    };
  const each = long.map((score) =>
    isConstant(score)
      ? 0
      : spearman(
          Float64Array.from({ length: score.length }, (_, t) => t),
          score,
        ),
  );
  return measure(each, mean, options);
}

/** The frames in reversed order: [frames, dim] -> [frames, dim]. */
export function reversed(frames: Float64Array, dim: number): Float64Array {
  const count = frames.length / dim;
  const out = new Float64Array(frames.length);
  for (let t = 0; t < count; t++) out.set(frames.subarray((count - 1 - t) * dim, (count - t) * dim), t * dim);
  return out;
}
