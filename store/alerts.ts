import type { OpenedDatabase } from './database.ts';
import { runCheck } from './rows.ts';
import type { Alert, Store } from './types.ts';

type Row = Omit<Alert, 'step'> & { readonly step: number | null };

export function openAlerts({ db, write }: OpenedDatabase): Store['alerts'] {
  const insert = db.prepare('INSERT INTO alerts (run_id, level, message, step, at) VALUES (?, ?, ?, ?, ?)');
  const select = db.prepare<[number], Row>(
    'SELECT level, message, step, at FROM alerts WHERE run_id = ? ORDER BY id',
  );
  const checkRun = runCheck(db);

  return {
    add(runId, { level, message, step, at }) {
      write(() => {
        checkRun(runId);
        insert.run(runId, level, message, step ?? null, at);
      });
    },
    of: (runId) =>
      select.all(runId).map(({ step, ...alert }) => (step === null ? alert : { ...alert, step })),
  };
}
