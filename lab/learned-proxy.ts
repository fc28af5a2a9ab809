/**
 * Learned progress of a run's training episodes as a curve beside its metrics: as it was recorded with them, or by any stored model
 * whose scores of them are kept. Only what is stored is read; nothing is scored for it.
 */

import type { Store } from '../store/types.ts';
import type { LearnedProxy } from './api/runs.ts';
import { UsageError } from './errors.ts';

/** Of one run and one model: a score is read from a blob of its own. */
const mostEpisodes = 2000;

/** Not the name of any metric. */
export const learnedPrefix = 'episodes/';
const recordedKey = `${learnedPrefix}learned`;
const modelKey = (id: number): string => `${learnedPrefix}model/${id}`;

/** What there is to hold against the truth in these runs, and in how many of their episodes. @throws RangeError on an unknown run. */
export function learnedProxies(store: Store, runs: readonly number[]): LearnedProxy[] {
  let recorded = 0;
  const scored = new Map<string, number>();
  for (const run of runs) {
    store.runs.get(run);
    recorded += store.episodes.learnedCount(run);
    for (const { hash, episodes } of store.scores.models(run))
      scored.set(hash, (scored.get(hash) ?? 0) + episodes);
  }
  return [
    ...(recorded === 0
      ? []
      : [{ key: recordedKey, title: 'learned progress, as recorded', episodes: recorded }]),
    ...store.models.list().flatMap(({ id, method, hash }) => {
      const episodes = scored.get(hash);
      return episodes === undefined
        ? []
        : [{ key: modelKey(id), title: `learned progress by ${method} #${id}, as kept`, episodes }];
    }),
  ];
}

/**
 * Mean learned progress at the last frame, of the episodes that began since the row before; NaN where there was none.
 * One that began at a row's own steps was made by the policy that came of that row, so it counts for the next.
 * `rows`: trained steps, ascending. The result is as long. @throws UsageError on a key that is none; RangeError on an unknown model.
 */
export function learnedAt(store: Store, run: number, key: string, rows: ArrayLike<number>): Float64Array {
  const model = /^episodes\/model\/(\d+)$/.exec(key)?.[1];
  if (model === undefined && key !== recordedKey)
    throw new UsageError([`learned progress: found "${key}", wanted ${recordedKey} or ${modelKey(7)}`]);
  const { steps, values } =
    model === undefined
      ? store.episodes.learned(run)
      : store.scores.learned(run, store.models.get(Number(model)).hash, mostEpisodes);
  const means = new Float64Array(rows.length).fill(Number.NaN);
  let k = 0;
  for (let i = 0; i < rows.length; i++) {
    let sum = 0;
    let count = 0;
    for (; k < steps.length && steps[k]! < rows[i]!; k++, count++) sum += values[k]!;
    if (count > 0) means[i] = sum / count;
  }
  return means;
}
