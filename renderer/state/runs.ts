/** What the lab told us: catalog, runs, the newest episode of each run, and how new its metrics are. */

import { create } from 'zustand';
import type { Catalog, Episode, LabEvent, Run } from '../../lab/api.ts';
import { type Family, noFamily } from './family.ts';

export interface AppInfo {
  readonly project: string;
  readonly readOnly: boolean;
  /** Null until the lab has timed what there is. */
  readonly device: { readonly name: string; readonly reason: string } | null;
}

export interface RunsState {
  readonly info: AppInfo | null;
  readonly catalog: Catalog | null;
  readonly loaded: boolean;
  readonly runs: ReadonlyMap<number, Run>;
  readonly newest: ReadonlyMap<number, Episode>;
  /** Step of the newest metric row by run; changes when there is something to fetch. */
  readonly metricStep: ReadonlyMap<number, number>;
  /** Older episodes are being measured: so many `done`. */
  readonly measuring: { readonly done: number; readonly total: number } | null;
  /** Counts finished episodes seen, so that lists know that they are old. */
  readonly episodeCount: number;
  readonly selected: number | null;
  /** Runs drawn in the curves beside the selected one. */
  readonly overlaid: ReadonlySet<number>;
  /** Baselines that the user took out of the curves; else they are drawn beside their run. */
  readonly dismissed: ReadonlySet<number>;
  readonly family: Family;
}

export const useRuns = create<RunsState>()(() => ({
  info: null,
  catalog: null,
  loaded: false,
  runs: new Map(),
  newest: new Map(),
  metricStep: new Map(),
  measuring: null,
  episodeCount: 0,
  selected: null,
  overlaid: new Set(),
  dismissed: new Set(),
  family: noFamily,
}));

/** Folds one batch of events in; one state change a batch, however many events. Pure. */
export function foldEvents(state: RunsState, events: readonly LabEvent[]): Partial<RunsState> {
  const runs = new Map(state.runs);
  const newest = new Map(state.newest);
  const metricStep = new Map(state.metricStep);
  let { episodeCount, measuring } = state;
  for (const event of events) {
    switch (event.type) {
      case 'run':
        // Episodes that came faster than events are still counted by the run.
        if ((runs.get(event.run.id)?.episodes ?? 0) !== event.run.episodes) episodeCount++;
        runs.set(event.run.id, event.run);
        break;
      case 'metrics':
        metricStep.set(event.runId, event.step);
        break;
      case 'episode': {
        const known = newest.get(event.episode.runId);
        if (known?.id !== event.episode.id) episodeCount++;
        if (!known || event.episode.id > known.id) newest.set(event.episode.runId, event.episode);
        break;
      }
      case 'measuring':
        // Rows that were fetched before lack the numbers.
        if (event.done === event.total) episodeCount++;
        measuring = event.done < event.total ? { done: event.done, total: event.total } : null;
        break;
      case 'model':
      case 'evaluation':
        break;
    }
  }
  return { runs, newest, metricStep, episodeCount, measuring };
}

export const isActive = (run: Run): boolean => run.status === 'running' || run.status === 'queued';

/** Newest first. */
export function sortedRuns(runs: ReadonlyMap<number, Run>): Run[] {
  return [...runs.values()].sort((a, b) => b.id - a.id);
}

/** The runs in the curves: the selected one first, then its baseline, then what was put beside it. Pure. */
export function drawnRuns(
  state: Pick<RunsState, 'selected' | 'overlaid' | 'dismissed' | 'family' | 'runs'>,
): number[] {
  const { selected, overlaid, dismissed, family, runs } = state;
  const baseline = selected === null ? undefined : family.baselines.get(selected);
  const ids = [
    ...(selected === null ? [] : [selected]),
    ...(baseline === undefined || dismissed.has(baseline) ? [] : [baseline]),
    ...overlaid,
  ];
  return [...new Set(ids)].filter((id) => runs.has(id));
}

export function toggleOverlay(id: number): void {
  const state = useRuns.getState();
  const overlaid = new Set(state.overlaid);
  const dismissed = new Set(state.dismissed);
  if (drawnRuns(state).includes(id)) {
    overlaid.delete(id);
    dismissed.add(id);
  } else {
    overlaid.add(id);
    dismissed.delete(id);
  }
  useRuns.setState({ overlaid, dismissed });
}

/** The newest episode to show of a run: its own, else, before it has any, the newest demonstration made for it. */
export function newestOf(state: Pick<RunsState, 'newest' | 'family'>, runId: number): Episode | undefined {
  const own = state.newest.get(runId);
  if (own) return own;
  let found: Episode | undefined;
  for (const [child, parent] of state.family.parents) {
    if (parent !== runId || state.family.baselines.get(runId) === child) continue;
    const episode = state.newest.get(child);
    if (episode && (!found || episode.id > found.id)) found = episode;
  }
  return found;
}
