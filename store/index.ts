/** The store of a project: one SQLite database, one writer, any number of readers. See docs/database.md. */

import { openAlerts } from './alerts.ts';
import { openCheckpoints } from './checkpoints.ts';
import { type OpenedDatabase, type OpenOptions, openDatabase } from './database.ts';
import { openEpisodes } from './episodes.ts';
import { healthOf } from './health.ts';
import { openLabels } from './labels.ts';
import { openLineage } from './lineage.ts';
import { openMetrics } from './metrics.ts';
import { migrations } from './migrations.ts';
import { openModels } from './models.ts';
import { openOldEpisodes } from './old-episodes.ts';
import { openRuns } from './runs.ts';
import { openScores } from './scores.ts';
import { openSettings } from './settings.ts';
import type { Store } from './types.ts';
import { openWeightChanges } from './weight-changes.ts';

export type { OpenOptions } from './database.ts';
export { StoreBusyError, StoreForeignError, StoreMissingError, StoreReadOnlyError } from './errors.ts';
export type * from './types.ts';

/**
 * Opens the project in this folder, for writing unless told otherwise; for writing, folder and database are made where
 * there are none (`create: false` forbids it).
 * @throws StoreBusyError when another process writes here; StoreReadOnlyError when the folder cannot be written;
 * StoreForeignError when lab.db is not ours, damaged or newer than this program (it is left untouched);
 * StoreMissingError when there is no project.
 */
export function openStore(directory: string, options: OpenOptions = {}): Store {
  const opened = openDatabase(directory, options, migrations);
  try {
    return storeOf(opened);
  } catch (error) {
    opened.close();
    throw error;
  }
}

function storeOf(opened: OpenedDatabase): Store {
  const runs = openRuns(opened);
  if (!opened.readOnly) runs.markCrashed();
  return {
    directory: opened.directory,
    file: opened.file,
    readOnly: opened.readOnly,
    runs,
    episodes: openEpisodes(opened),
    oldEpisodes: openOldEpisodes(opened),
    labels: openLabels(opened),
    models: openModels(opened),
    scores: openScores(opened),
    metrics: openMetrics(opened),
    alerts: openAlerts(opened),
    checkpoints: openCheckpoints(opened),
    weightChanges: openWeightChanges(opened),
    lineage: openLineage(opened),
    settings: openSettings(opened),
    transaction: (work) => opened.write(work),
    intoLog: (work) => opened.intoLog(work),
    health: ({ full = false } = {}) => healthOf(opened, full),
    close: () => opened.close(),
  };
}
