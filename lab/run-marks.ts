/** What people write about runs: tags, notes, configurations side by side, comparisons for the api. */

import type { Store } from '../store/types.ts';
import type { ComparisonInfo, RunDetail } from './api/runs.ts';
import { type ComparedMetric, compare } from './compare.ts';
import { groupsOf, isGroupId } from './groups.ts';
import { flatConfig } from './run-configs.ts';

export interface RunMark {
  readonly id: number;
  readonly tags?: readonly string[] | undefined;
  readonly note?: string | undefined;
}

/** All or none. @throws RangeError on an unknown run; StoreReadOnlyError. */
export function markRuns(
  store: Store,
  marks: readonly RunMark[],
): { id: number; tags: string[]; note: string }[] {
  return store.transaction(() =>
    marks.map(({ id, tags, note }) => {
      if (tags !== undefined) store.runs.setTags(id, tags);
      if (note !== undefined) store.runs.update(id, { note });
      const row = store.runs.get(id);
      return { id, tags: [...row.tags], note: row.note };
    }),
  );
}

/** @throws RangeError on an unknown run. */
export function runDetails(
  store: Store,
  ids: readonly number[] | undefined,
  metrics: readonly string[],
): { runs: RunDetail[]; names: string[] } {
  const rows = ids === undefined ? store.runs.list() : ids.map((id) => store.runs.get(id));
  return {
    runs: rows.map((row) => ({
      id: row.id,
      config: flatConfig(row),
      metrics: Object.fromEntries(store.metrics.extremes(row.id, metrics)),
    })),
    names: [...new Set(rows.flatMap(({ id }) => store.metrics.names(id)))].sort(),
  };
}

const finite = (value: number | null): number | null =>
  value !== null && Number.isFinite(value) ? value : null;

/** `lab compare`, for those who want numbers or null. @throws UsageError when there is nothing to compare. */
export function comparison(store: Store, sides: readonly string[], metric: ComparedMetric): ComparisonInfo {
  const { configuration: _, ...found } = compare(store, sides, metric);
  return {
    ...found,
    runs: found.runs.map((run) => ({
      ...run,
      success: finite(run.success),
      return: finite(run.return),
      progress: finite(run.progress),
    })),
    sides: found.sides.map((side) => ({
      ...side,
      runs: [...side.runs],
      seeds: [...side.seeds],
      success: finite(side.success),
    })),
    differences: [...found.differences],
    notes: [...found.notes],
  };
}

const pinnedKey = 'runs.baseline';

/** The run or group that others are compared with; null where none is pinned, or what was pinned is gone. */
export function pinnedSide(store: Store): string | null {
  const side = store.settings.get(pinnedKey);
  return typeof side === 'string' && isThere(store, side) ? side : null;
}

/** @throws RangeError when there is no such run or group; StoreReadOnlyError. */
export function pinSide(store: Store, side: string | null): string | null {
  if (side !== null && !isThere(store, side))
    throw new RangeError(`There is no ${isGroupId(side) ? 'group' : 'run'} ${side} in this project`);
  store.settings.set(pinnedKey, side ?? undefined);
  return side;
}

const isThere = (store: Store, side: string): boolean =>
  isGroupId(side)
    ? groupsOf(store).some(({ id }) => id === side)
    : store.runs.list().some(({ id }) => String(id) === side);
