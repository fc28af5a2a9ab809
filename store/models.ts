import type { OpenedDatabase } from './database.ts';
import { bytesOf, hash64, numbersFromJson, numbersToJson, runCheck } from './rows.ts';
import type { ModelRow, Store } from './types.ts';

interface Row extends Omit<ModelRow, 'settings' | 'metrics'> {
  readonly settings: string;
  readonly metrics: string;
}

const columns = 'id, run_id AS runId, method, task, hash, settings, metrics, created_at AS createdAt';

export function openModels({ db, write }: OpenedDatabase): Store['models'] {
  const one = db.prepare<[number], Row>(`SELECT ${columns} FROM models WHERE id = ?`);
  const all = db.prepare<[], Row>(`SELECT ${columns} FROM models ORDER BY id`);
  const blob = db.prepare<[number], { hash: string; bytes: Buffer }>(
    'SELECT hash, bytes FROM models WHERE id = ?',
  );
  const checkRun = runCheck(db);
  const insert =
    db.prepare(`INSERT INTO models (run_id, method, task, hash, settings, metrics, created_at, bytes)
    VALUES (@runId, @method, @task, @hash, @settings, @metrics, @now, @bytes)`);

  function get(id: number): ModelRow {
    const row = one.get(id);
    if (row === undefined) throw new RangeError(`There is no model ${id} in this project`);
    return rowOf(row);
  }

  return {
    add(model) {
      return write(() => {
        checkRun(model.runId, 'the model was not stored');
        const { lastInsertRowid } = insert.run({
          ...model,
          hash: hash64(model.bytes),
          settings: JSON.stringify(model.settings),
          metrics: numbersToJson(model.metrics),
          now: Date.now(),
        });
        return get(Number(lastInsertRowid));
      });
    },
    get,
    bytes(id) {
      const row = blob.get(id);
      if (row === undefined) throw new RangeError(`There is no model ${id} in this project`);
      const found = hash64(row.bytes);
      if (found !== row.hash) {
        throw new Error(`Model ${id}: stored bytes are damaged (hash ${found}, wanted ${row.hash})`);
      }
      return bytesOf(row.bytes);
    },
    list: () => all.all().map(rowOf),
  };
}

function rowOf(row: Row): ModelRow {
  return {
    ...row,
    settings: JSON.parse(row.settings) as Record<string, unknown>,
    metrics: numbersFromJson(row.metrics),
  };
}
