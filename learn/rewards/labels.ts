/**
 * Progress labels pinned to stages (SARM, arXiv 2509.25358, equations 1 and 2).
 *
 *   L_ik   frames of stage k in demonstration i          T_i = sum_k L_ik, its labelled frames
 *   a_k  = mean_i L_ik / T_i                             share of stage k, sum_k a_k = 1
 *   P_k  = a_1 + ... + a_k                               progress at the end of stage k, P_0 = 0
 *   tau  = (t - s_k) / (e_k - s_k)                       within the span s_k <= t < e_k
 *   y_t  = P_{k-1} + a_k tau_t                           the label of frame t
 *
 * So two demonstrations of different speed have the same label at the same milestone, which frame indices do not give.
 * The span that ends an episode has no next span to arrive at, so there the last frame itself is the arrival: tau runs
 * over the e_k - 1 - s_k steps between its frames and is 1 at frame T (a span of one frame is all arrival).
 */

import type { Demonstration, StageSpan } from './types.ts';

/** Labels of every frame of one demonstration. All [T + 1]. */
export interface FrameLabels {
  readonly stage: Uint8Array;
  readonly tau: Float64Array;
  readonly progress: Float64Array;
  /** 0 where tau and progress are not to be learned from. */
  readonly known: Uint8Array;
}

/**
 * The simulator's stage per frame as ordered spans. A stage begins where it is reached for good: frames before a fall
 * back (the object slipped) count to the stage that had to be done again, so that the order holds and a state that is
 * about to be lost is not called progress. Stages that were jumped over have no span.
 */
export function spansFromStages(stagePerFrame: ArrayLike<number>): StageSpan[] {
  const frames = stagePerFrame.length;
  const lasting = new Array<number>(frames);
  let least = Number.POSITIVE_INFINITY;
  for (let t = frames - 1; t >= 0; t--) {
    const stage = stagePerFrame[t]!;
    if (!Number.isInteger(stage) || stage < 0) {
      throw new RangeError(`Stage of frame ${t}: found ${stage}, wanted an integer of at least 0`);
    }
    least = Math.min(least, stage);
    lasting[t] = least;
  }
  const spans: StageSpan[] = [];
  for (let t = 0; t < frames; t++) {
    const span = spans.at(-1);
    if (span !== undefined && span.stage === lasting[t]) spans[spans.length - 1] = { ...span, end: t + 1 };
    else spans.push({ stage: lasting[t]!, start: t, end: t + 1 });
  }
  return spans;
}

/**
 * A finer scheme made of a coarse one: every stage of work k becomes 2 k and 2 k + 1, cut where the simulator's progress
 * passes for good the middle between what it was at the span's first frame and at the next span's. The last stage (done) is
 * not cut, nor is the stage in which a failed episode ended: nobody knows where its middle would have been.
 * progress: [T + 1], of the simulator; the spans are those of `spansFromStages`.
 */
export function halvedSpans(
  spans: readonly StageSpan[],
  progress: ArrayLike<number>,
  stageCount: number,
): StageSpan[] {
  return spans.flatMap(({ stage, start, end }, n) => {
    const next = spans[n + 1];
    const first = { stage: 2 * stage, start, end };
    if (stage === stageCount - 1 || next === undefined) return [first];
    const middle = (progress[start]! + progress[next.start]!) / 2;
    // Where it is jumped over, the last frame stands for the second half.
    let cut = end - 1;
    while (cut > start + 1 && progress[cut - 1]! >= middle) cut--;
    if (cut <= start) return [first];
    return [
      { ...first, end: cut },
      { stage: 2 * stage + 1, start: cut, end },
    ];
  });
}

const MINIMUM_FRAMES = 3;

/** @throws RangeError naming the episode, what was found and what was wanted, at the first label that cannot be used. */
export function checkDemonstrations(
  demonstrations: readonly Demonstration[],
  stages: readonly string[],
  frameDim: number,
): void {
  if (stages.length === 0) throw new RangeError('Stages: found none, wanted at least one stage name');
  if (stages.length > 255) throw new RangeError(`Stages: found ${stages.length}, wanted at most 255`);
  checkEpisodes(demonstrations, frameDim);
  const seen = new Uint8Array(stages.length);
  for (const demonstration of demonstrations) {
    checkSpans(demonstration, stages);
    for (const span of demonstration.stages) seen[span.stage] = 1;
  }
  const missing = seen.indexOf(0);
  if (missing >= 0) {
    throw new RangeError(
      `Stage ${missing} (${stages[missing]}): none of the ${demonstrations.length} demonstrations has it (first: episode ${demonstrations[0]!.id}); wanted at least one with every stage`,
    );
  }
}

/** For methods that read no stage labels. @throws RangeError naming the episode, what was found and what was wanted. */
export function checkEpisodes(demonstrations: readonly Demonstration[], frameDim: number, least = 1): void {
  if (demonstrations.length < least) {
    throw new RangeError(
      `Demonstrations: found ${demonstrations.length === 0 ? 'none' : demonstrations.length}, wanted at least ${least === 1 ? 'one' : least}`,
    );
  }
  for (const demonstration of demonstrations) checkFrames(demonstration, frameDim);
}

function checkFrames({ id, length, frames }: Demonstration, frameDim: number): void {
  if (!Number.isInteger(length) || length + 1 < MINIMUM_FRAMES) {
    throw new RangeError(`Episode ${id}: found ${length + 1} frames, wanted at least ${MINIMUM_FRAMES}`);
  }
  const wanted = (length + 1) * frameDim;
  if (frames.length !== wanted) {
    throw new RangeError(
      `Episode ${id}: found ${frames.length} frame numbers, wanted ${wanted} (${length + 1} frames of ${frameDim})`,
    );
  }
  for (let i = 0; i < wanted; i++) {
    if (!Number.isFinite(frames[i]!)) {
      throw new RangeError(
        `Episode ${id}: number ${i % frameDim} of frame ${Math.floor(i / frameDim)} is ${frames[i]}, wanted a finite number`,
      );
    }
  }
}

/** Of one demonstration. @throws RangeError naming the episode and the span. */
export function checkSpans({ id, length, stages: spans }: Demonstration, stages: readonly string[]): void {
  const frames = length + 1;
  if (spans.length === 0) throw new RangeError(`Episode ${id}: found no stage spans, wanted at least one`);
  for (let n = 0; n < spans.length; n++) {
    const { stage, start, end } = spans[n]!;
    const name = `Episode ${id}, span ${n} (stage ${stage}, frames ${start} to ${end})`;
    if (!Number.isInteger(stage) || stage < 0 || stage >= stages.length) {
      throw new RangeError(`${name}: unknown stage, wanted 0 to ${stages.length - 1}`);
    }
    if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end > frames) {
      throw new RangeError(`${name}: out of range, wanted whole frames within 0 to ${frames}`);
    }
    if (start >= end) throw new RangeError(`${name}: empty span, wanted start < end`);
    const before = spans[n - 1];
    if (before === undefined) continue;
    if (start < before.start) {
      throw new RangeError(
        `${name}: starts before span ${n - 1} (frame ${before.start}), wanted spans ordered by start`,
      );
    }
    if (start < before.end) {
      throw new RangeError(`${name}: overlaps span ${n - 1}, which ends at frame ${before.end}`);
    }
    if (stage <= before.stage) {
      throw new RangeError(
        `${name}: stage order goes backwards after stage ${before.stage} (${stages[before.stage]}), wanted a later stage`,
      );
    }
  }
}

/**
 * a_k over the demonstrations that succeeded (a failed one has no share for what it never did); over all where none did.
 * Shape [stages]; sums to 1. With `lastIsDone` the last stage means that the task is done: there is no work left in it, its
 * share is 0, and however long a demonstration rests there does not stretch the shares of the others.
 * Demonstrations must have passed `checkDemonstrations`.
 */
export function stageShares(
  demonstrations: readonly Demonstration[],
  stageCount: number,
  lastIsDone = false,
): Float64Array {
  // A single stage is all there is, so it cannot be rest.
  const workStages = lastIsDone && stageCount > 1 ? stageCount - 1 : stageCount;
  const works = demonstrations.filter(({ stages }) => stages.some(({ stage }) => stage < workStages));
  const succeeded = works.filter(({ success }) => success);
  const counted = succeeded.length > 0 ? succeeded : works;
  const shares = new Float64Array(stageCount);
  for (const { stages } of counted) {
    const spans = stages.filter(({ stage }) => stage < workStages);
    let labelled = 0;
    for (const { start, end } of spans) labelled += end - start;
    for (const { stage, start, end } of spans) {
      shares[stage] = shares[stage]! + (end - start) / labelled / counted.length;
    }
  }
  return shares;
}

/** P_0 .. P_K: [K + 1], from 0 to exactly 1. */
export function cumulative(shares: Float64Array): Float64Array {
  const out = new Float64Array(shares.length + 1);
  for (let k = 0; k < shares.length; k++) out[k + 1] = out[k]! + shares[k]!;
  // Whatever rounding left over; trailing stages of share 0 begin at 1, too.
  for (let k = shares.length; k > 0; k--) {
    out[k] = 1;
    if (shares[k - 1] !== 0) break;
  }
  return out;
}

/**
 * What to make of the last span of a demonstration that failed, whose stage was never finished:
 * `zero` = nothing done in it (a wandering arm has not approached), `unknown` = only the stage is known.
 */
export type Unfinished = 'zero' | 'unknown';

/** Frames before the first span have stage and tau of its start; frames between spans keep the earlier stage with tau 1. */
export function frameLabels(
  demonstration: Demonstration,
  shares: Float64Array,
  unfinished: Unfinished = 'unknown',
): FrameLabels {
  const frames = demonstration.length + 1;
  const spans = demonstration.stages;
  const ends = cumulative(shares);
  const stage = new Uint8Array(frames).fill(spans[0]!.stage);
  const tau = new Float64Array(frames);
  const progress = new Float64Array(frames).fill(ends[spans[0]!.stage]!);
  const known = new Uint8Array(frames).fill(1);
  for (let n = 0; n < spans.length; n++) {
    const span = spans[n]!;
    const atEpisodeEnd = span.end === frames;
    const steps = span.end - span.start - (atEpisodeEnd ? 1 : 0);
    const isUnfinished = n === spans.length - 1 && !demonstration.success;
    const until = spans[n + 1]?.start ?? frames;
    for (let t = span.start; t < until; t++) {
      stage[t] = span.stage;
      tau[t] = isUnfinished ? 0 : steps === 0 ? 1 : Math.min(1, (t - span.start) / steps);
      progress[t] = ends[span.stage]! + shares[span.stage]! * tau[t]!;
      // Done, but failed: it was lost again, at a frame that the spans do not tell.
      if (isUnfinished && (unfinished === 'unknown' || shares[span.stage] === 0)) known[t] = 0;
    }
  }
  return { stage, tau, progress, known };
}

/**
 * What SARM argues against: y_t = t / T', whatever is going on, with T' the first frame of the last stage where that means
 * done (`lastIsDone`), else the last frame. Stages are those of the spans. Of a failed demonstration `unfinished` says
 * whether it is worth 0 throughout or not learned from.
 */
export function frameIndexLabels(
  demonstration: Demonstration,
  stageCount: number,
  lastIsDone: boolean,
  unfinished: Unfinished = 'unknown',
): FrameLabels {
  const { length, stages: spans, success } = demonstration;
  const labels = frameLabels(demonstration, new Float64Array(stageCount).fill(1 / stageCount), unfinished);
  const last = spans.at(-1)!;
  const arrival = lastIsDone && stageCount > 1 && last.stage === stageCount - 1 ? last.start : length;
  for (let t = 0; t <= length; t++) {
    labels.progress[t] = !success ? 0 : arrival === 0 ? 1 : Math.min(1, t / arrival);
    labels.known[t] = success || unfinished === 'zero' ? 1 : 0;
  }
  return labels;
}
