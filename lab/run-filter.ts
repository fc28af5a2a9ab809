/** Filter expressions over runs: what people call them, their settings, the newest values of their metrics. The language is that of episodes. */

import { FilterError, filterMatches, type Values } from '../store/filter.ts';
import type { Store } from '../store/types.ts';
import type { Run } from './api.ts';
import { UsageError } from './errors.ts';
import { flatConfig } from './run-configs.ts';

/** Fields that every run has, beside its settings (`algorithmSettings.gamma`) and metrics (`rollout/return`, the newest). */
export const runFields: Readonly<Record<string, string>> = {
  id: 'number of the run',
  name: 'its name; * stands for anything',
  task: 'task',
  algorithm: 'algorithm',
  kind: 'collect, fit, train, evaluate',
  status: 'queued, running, paused, done, failed, crashed',
  seed: 'training seed',
  group: 'its group of seeds, for example g2',
  success: 'success of the latest evaluation, 0 to 1',
  episodes: 'recorded episodes',
  tag: 'has this tag',
  note: 'its note',
};

/** Ids of the runs that fit, in their order. @throws UsageError on an expression that cannot be read, or a field that no run has. */
export function filteredRuns(store: Store, runs: readonly Run[], filter: string): number[] {
  const rows = new Map(store.runs.list().map((row) => [row.id, row]));
  const configs = new Map(runs.map(({ id }) => [id, flatConfig(rows.get(id)!)]));
  // Only those that the text names are looked up.
  const metrics = [...new Set(runs.flatMap(({ id }) => store.metrics.names(id)))];
  const asked = metrics.filter((name) => filter.includes(name));
  const known = [
    ...Object.keys(runFields),
    ...metrics,
    ...new Set([...configs.values()].flatMap((config) => Object.keys(config))),
  ];
  try {
    const matches = filterMatches(filter, known);
    return runs.filter((run) => matches(valuesOf(run))).map(({ id }) => id);
  } catch (error) {
    if (error instanceof FilterError) throw new UsageError([error.message]);
    throw error;
  }

  function valuesOf(run: Run): Values {
    const newest = asked.length === 0 ? [] : [...store.metrics.extremes(run.id, asked)];
    return {
      ...configs.get(run.id)!,
      ...Object.fromEntries(newest.map(([name, { last }]) => [name, last])),
      id: run.id,
      name: run.name,
      task: run.task,
      algorithm: run.algorithm,
      kind: run.kind,
      status: run.status,
      seed: run.seed,
      group: run.group?.id,
      success: run.evaluation?.success,
      episodes: run.episodes,
      tag: run.tags,
      note: run.note,
    };
  }
}
