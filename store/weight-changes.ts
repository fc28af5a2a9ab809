import type { OpenedDatabase } from './database.ts';
import type { Store, WeightChange } from './types.ts';

export function openWeightChanges({ db, write }: OpenedDatabase): Store['weightChanges'] {
  const insert = db.prepare(
    `INSERT INTO weight_changes (run_id, step, line, weight, at) VALUES (@runId, @step, @line, @weight, @at)
     ON CONFLICT DO UPDATE SET weight = excluded.weight, at = excluded.at`,
  );
  const ofRun = db.prepare<[number], WeightChange>(
    'SELECT step, line, weight, at FROM weight_changes WHERE run_id = ? ORDER BY step, line',
  );
  return {
    add: (runId, change) => write(() => void insert.run({ runId, ...change })),
    of: (runId) => ofRun.all(runId),
  };
}
