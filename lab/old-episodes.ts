/**
 * Fills in what the list sorts by of episodes from an older database (`store/old-episodes.ts`), once the project is open.
 * It goes on the lab's own thread, as only one connection may write; so it works a little and then rests, and neither a
 * window nor a run that hands over its episodes waits longer than for one batch.
 */

import type { Store } from '../store/types.ts';
import type { EventHub } from './events.ts';
import type { Logger } from './log.ts';

/** Milliseconds before the first batch: a window that opens asks for everything at once. */
const startMs = 1000;
const workMs = 5;
const restMs = 20;
/** Milliseconds between two events. */
const tellMs = 500;

/** Returns what stops it; the next opening goes on where it stopped. Nothing is kept busy or awake where there is nothing to do. */
export function measureOldEpisodes({
  store,
  events,
  log,
}: {
  readonly store: Store;
  readonly events: EventHub;
  readonly log: Logger;
}): () => void {
  let total = 0;
  let done = 0;
  let last = 0;
  let told = 0;
  const tell = (): void => {
    told = performance.now();
    events.emit({ type: 'measuring', done, total });
  };
  const begin = (): void => {
    total = store.oldEpisodes.count();
    if (total > 0) work();
  };
  const work = (): void => {
    try {
      const batch = store.oldEpisodes.measure(last, workMs);
      if (batch === undefined) {
        // Some may have gone with their runs in the meantime.
        done = total;
        tell();
        return;
      }
      for (const problem of batch.problems)
        log.warn(`${problem}; its jerk and learned progress stay unknown`);
      last = batch.last;
      done = Math.min(done + batch.count, total);
    } catch (error) {
      // A full disk, say. What was done is stored.
      log.warn({ err: error }, 'jerk and learned progress of older episodes: left for the next opening');
      done = total;
      tell();
      return;
    }
    if (done < total && performance.now() - told > tellMs) tell();
    timer = setTimeout(work, restMs).unref();
  };
  let timer = setTimeout(begin, startMs).unref();
  return () => clearTimeout(timer);
}
