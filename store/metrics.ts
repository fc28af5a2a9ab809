import type { OpenedDatabase } from './database.ts';
import { numberOf, runCheck } from './rows.ts';
import type { MetricExtremes, MetricPoint, Store } from './types.ts';

interface Point {
  readonly step: number;
  readonly nameId: number;
  readonly value: number | null;
}

export function openMetrics({ db, write, onRollback }: OpenedDatabase): Store['metrics'] {
  const checkRun = runCheck(db);
  const insert = db.prepare(
    'INSERT OR REPLACE INTO metrics (run_id, name_id, step, value) VALUES (?, ?, ?, ?)',
  );
  const insertName = db.prepare('INSERT INTO metric_names (name) VALUES (?)');
  const name = db.prepare<[string], number>('SELECT id FROM metric_names WHERE name = ?').pluck();
  const namesOfRun = db.prepare<[number], { id: number; name: string }>(`SELECT id, name FROM metric_names
    WHERE EXISTS (SELECT 1 FROM metrics WHERE run_id = ? AND name_id = metric_names.id) ORDER BY name`);
  const truncate = db.prepare(
    'DELETE FROM metrics WHERE run_id = ? AND name_id IN (SELECT id FROM metric_names) AND step > ?',
  );
  const chosen = 'run_id = ? AND name_id IN (SELECT value FROM json_each(?))';
  // Stops counting at the limit, so that long runs cost no more than short ones.
  const stepsUpTo = db
    .prepare<unknown[], number>(
      `SELECT count(*) FROM (SELECT DISTINCT step FROM metrics WHERE ${chosen} LIMIT ?)`,
    )
    .pluck();
  const points = db.prepare<unknown[], Point>(
    `SELECT step, name_id AS nameId, value FROM metrics WHERE ${chosen} ORDER BY step`,
  );
  const ends = db.prepare<
    unknown[],
    { first: number; last: number }
  >(`SELECT min(low) AS first, max(high) AS last FROM
    (SELECT (SELECT min(step) FROM metrics WHERE run_id = ? AND name_id = n.value) AS low,
            (SELECT max(step) FROM metrics WHERE run_id = ? AND name_id = n.value) AS high FROM json_each(?) n)`);
  const pointsAt = db.prepare<unknown[], Point>(
    `SELECT step, name_id AS nameId, value FROM metrics WHERE ${chosen} AND step = ?`,
  );
  // The mean over each of @buckets equal ranges of steps strictly between first and last.
  const buckets = db.prepare<unknown[], Point>(`SELECT max(max(step)) OVER (PARTITION BY bucket) AS step,
      name_id AS nameId, avg(value) AS value
    FROM (SELECT step, name_id, value, CAST((step - @first - 1) * @buckets / (@last - @first - 1) AS INTEGER) AS bucket FROM metrics
      WHERE run_id = @run AND name_id IN (SELECT value FROM json_each(@ids)) AND step > @first AND step < @last)
    GROUP BY bucket, name_id ORDER BY bucket`);
  const lowHigh = db.prepare<[number, number], { lowest: number | null; highest: number | null }>(
    'SELECT min(value) AS lowest, max(value) AS highest FROM metrics WHERE run_id = ? AND name_id = ?',
  );
  const newest = db
    .prepare<[number, number], number>(
      'SELECT value FROM metrics WHERE run_id = ? AND name_id = ? AND value IS NOT NULL ORDER BY step DESC LIMIT 1',
    )
    .pluck();
  const ids = new Map<string, number>();
  onRollback(() => ids.clear());

  function nameId(text: string): number {
    const id = ids.get(text) ?? name.get(text) ?? Number(insertName.run(text).lastInsertRowid);
    ids.set(text, id);
    return id;
  }

  function addAll(runId: number, points: readonly MetricPoint[]): void {
    for (const { step } of points) {
      if (!Number.isSafeInteger(step)) {
        throw new RangeError(`Metrics of run ${runId}: step ${step}, wanted a whole number`);
      }
    }
    write(() => {
      checkRun(runId);
      for (const { step, values } of points) {
        for (const [text, value] of Object.entries(values)) insert.run(runId, nameId(text), step, value);
      }
    });
  }

  return {
    add: (runId, step, values) => addAll(runId, [{ step, values }]),
    addAll,
    names: (runId) => namesOfRun.all(runId).map((row) => row.name),
    series(runId, { names, maxPoints = 2000 } = {}) {
      if (!Number.isInteger(maxPoints) || maxPoints < 2) {
        throw new RangeError(
          `Metrics of run ${runId}: at most ${maxPoints} points asked for, wanted at least 2`,
        );
      }
      const known = namesOfRun.all(runId);
      const wanted = names === undefined ? known : known.filter((row) => names.includes(row.name));
      const list = JSON.stringify(wanted.map((row) => row.id));
      const rows: Point[] = [];
      if ((stepsUpTo.get(runId, list, maxPoints + 1) ?? 0) <= maxPoints) {
        rows.push(...points.all(runId, list));
      } else {
        const { first, last } = ends.get(runId, runId, list)!;
        rows.push(...pointsAt.all(runId, list, first));
        if (maxPoints > 2) {
          rows.push(...buckets.all({ run: runId, ids: list, first, last, buckets: maxPoints - 2 }));
        }
        rows.push(...pointsAt.all(runId, list, last));
      }
      return pivot(
        rows,
        names ?? known.map((row) => row.name),
        new Map(wanted.map((row) => [row.id, row.name])),
      );
    },
    extremes(runId, names) {
      const found = new Map<string, MetricExtremes>();
      for (const text of names) {
        const id = ids.get(text) ?? name.get(text);
        const last = id === undefined ? undefined : newest.get(runId, id);
        if (id === undefined || last === undefined) continue;
        const { lowest, highest } = lowHigh.get(runId, id)!;
        found.set(text, { last, lowest: lowest!, highest: highest! });
      }
      return found;
    },
    truncateAfter(runId, step) {
      write(() => truncate.run(runId, step));
    },
  };
}

/** Rows in the order of their steps to one array a name; NaN where a name has no value. */
function pivot(
  rows: readonly Point[],
  names: readonly string[],
  nameOf: ReadonlyMap<number, string>,
): { steps: Float64Array; values: Map<string, Float64Array> } {
  const steps: number[] = [];
  for (const { step } of rows) if (steps.at(-1) !== step) steps.push(step);
  const values = new Map(names.map((name) => [name, new Float64Array(steps.length).fill(Number.NaN)]));
  let at = -1;
  for (const { step, nameId, value } of rows) {
    if (at < 0 || steps[at] !== step) at++;
    values.get(nameOf.get(nameId)!)![at] = numberOf(value);
  }
  return { steps: Float64Array.from(steps), values };
}
