/** How the threads of a shared batch talk: a few shared integers, waited on. */

import type { AnySettings } from '../sim/fields.ts';

/** What a thread is given. Shared: the batch's arrays, the actions of the step, the signals, room for an error's words. */
export interface ShardJob {
  readonly task: string;
  readonly settings: AnySettings;
  /** Address of the module whose `tasks` has the task. */
  readonly registry: string;
  readonly count: number;
  /** Which thread it is; 0 is the caller's. */
  readonly thread: number;
  readonly arrays: SharedArrayBuffer;
  readonly actions: SharedArrayBuffer;
  readonly signals: SharedArrayBuffer;
  readonly words: SharedArrayBuffer;
}

/** The worlds of one of the threads that take part in a step. */
export const rangeOf = (
  thread: number,
  taking: number,
  count: number,
): { readonly first: number; readonly end: number } => ({
  first: Math.floor((thread * count) / taking),
  end: Math.floor(((thread + 1) * count) / taking),
});

/** Most threads of a batch: their number shares a word with the count of steps. */
export const mostThreads = 255;

/**
 * Where each signal is. `step` counts the steps that were begun, and says in its lowest byte how many threads take part in
 * the newest: in one word, so that a thread that looks late never takes the number of one step for that of another.
 */
export const signals = {
  step: 0,
  /** Threads that have not finished the step. */
  pending: 1,
  closed: 2,
  /** 0, or the bytes of the words of an error. */
  failed: 3,
} as const;

/** Some ten microseconds, which is what it costs to sleep and be woken. */
const spins = 1000;

/** Longest sleep before the signal is looked at again, ms: a notice that got lost costs this long instead of the run. */
const longestSleep = 20;

/**
 * Returns as soon as the signal is no longer `value`, looking a while before it sleeps; false when it still is after
 * `mostMs`.
 */
export function spinUntil(
  signal: Int32Array,
  index: number,
  value: number,
  mostMs = Number.POSITIVE_INFINITY,
): boolean {
  for (let i = 0; i < spins; i++) if (Atomics.load(signal, index) !== value) return true;
  const begun = performance.now();
  for (;;) {
    const left = mostMs - (performance.now() - begun);
    if (left <= 0) return false;
    Atomics.wait(signal, index, value, Math.min(longestSleep, left));
    // Being woken says nothing: the notice of the change before may come late, when whoever changed the signal was held up between
    // the two. Taken for a new change it made a thread do a step twice.
    if (Atomics.load(signal, index) !== value) return true;
  }
}
