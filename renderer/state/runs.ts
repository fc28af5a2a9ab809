/** What the lab told us: catalog, runs, the newest episode of each run, and how new its metrics are. */

import { create } from 'zustand';
import type { Catalog, Episode, LabEvent, Run } from '../../lab/api.ts';

export interface AppInfo {
  readonly version: string;
  readonly project: string;
  readonly readOnly: boolean;
  readonly device: { readonly name: string; readonly reason: string };
  readonly episodes: number;
  readonly runs: number;
}

export interface RunsState {
  readonly info: AppInfo | null;
  readonly catalog: Catalog | null;
  readonly loaded: boolean;
  readonly runs: ReadonlyMap<number, Run>;
  readonly newest: ReadonlyMap<number, Episode>;
  /** Step of the newest metric row by run; changes when there is something to fetch. */
  readonly metricStep: ReadonlyMap<number, number>;
  /** Counts finished episodes seen, so that lists know that they are old. */
  readonly episodeCount: number;
  readonly selected: number | null;
  /** Runs drawn in the curves beside the selected one. */
  readonly overlaid: ReadonlySet<number>;
}

export const useRuns = create<RunsState>()(() => ({
  info: null,
  catalog: null,
  loaded: false,
  runs: new Map(),
  newest: new Map(),
  metricStep: new Map(),
  episodeCount: 0,
  selected: null,
  overlaid: new Set(),
}));

/** Folds one batch of events in; one state change a batch, however many events. Pure. */
export function foldEvents(state: RunsState, events: readonly LabEvent[]): Partial<RunsState> {
  const runs = new Map(state.runs);
  const newest = new Map(state.newest);
  const metricStep = new Map(state.metricStep);
  let episodeCount = state.episodeCount;
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
      case 'model':
        break;
    }
  }
  return { runs, newest, metricStep, episodeCount };
}

export const isActive = (run: Run): boolean => run.status === 'running' || run.status === 'queued';

/** Newest first. */
export function sortedRuns(runs: ReadonlyMap<number, Run>): Run[] {
  return [...runs.values()].sort((a, b) => b.id - a.id);
}

export function toggleOverlay(id: number): void {
  const overlaid = new Set(useRuns.getState().overlaid);
  if (!overlaid.delete(id)) overlaid.add(id);
  useRuns.setState({ overlaid });
}
