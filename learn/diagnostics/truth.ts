/**
 * What the simulator knows of an episode, for judges of rewards only. Reward models never get it: they are fitted on
 * `Demonstration`, which refuses a `truth`, and score plain frames.
 */
export interface Truth {
  /** Index into the task's stages. [T + 1] */
  readonly stage: Uint8Array;
  /** True progress in [0, 1]. [T + 1] */
  readonly progress: Float64Array;
  /** 1 where the task counts as done. [T + 1] */
  readonly success: Uint8Array;
}

/** How an episode ended, as the judge sees it: done, almost (true progress got far), or not. */
export type Outcome = 'success' | 'near' | 'failure';

/** True progress from which an episode without success is a near one. */
export const nearProgress = 0.6;

/** Done at the end; else by the progress at the end: what was lost again does not count. */
export function outcomeOf({ progress, success }: Truth): Outcome {
  const last = progress.length - 1;
  if (success[last] === 1) return 'success';
  return progress[last]! >= nearProgress ? 'near' : 'failure';
}
