import { statSync } from 'node:fs';
import { type OpenedDatabase, pageProblems } from './database.ts';
import { readColumns } from './episodes.ts';
import { networkFileSystemOf } from './filesystem.ts';
import { hash64 } from './rows.ts';
import type { Health } from './types.ts';

/** Each query gives ids; each id becomes one sentence. */
const orphans: readonly { readonly sql: string; readonly say: (id: number) => string }[] = [
  {
    sql: 'SELECT id FROM episodes WHERE NOT EXISTS (SELECT 1 FROM episode_data WHERE episode_id = id)',
    say: (id) => `Episode ${id} has no stored bytes`,
  },
  {
    sql: `SELECT DISTINCT id FROM stage_labels JOIN episodes ON id = episode_id WHERE end_frame > length + 1`,
    say: (id) => `Episode ${id} has stage labels beyond its last frame`,
  },
  {
    sql: `SELECT DISTINCT episode_id FROM (SELECT episode_id, start_frame, lag(end_frame)
      OVER (PARTITION BY episode_id, source, scheme ORDER BY start_frame) AS previous FROM stage_labels)
      WHERE start_frame < previous`,
    say: (id) => `Episode ${id} has stage labels that overlap`,
  },
];

const nodes = `SELECT from_node AS node FROM lineage UNION SELECT to_node FROM lineage`;
const lostNodes = `SELECT node FROM (${nodes}) WHERE NOT CASE substr(node, 1, instr(node, ':') - 1)
  WHEN 'run' THEN EXISTS (SELECT 1 FROM runs WHERE id = substr(node, instr(node, ':') + 1))
  WHEN 'episodes' THEN EXISTS (SELECT 1 FROM runs WHERE id = substr(node, instr(node, ':') + 1))
  WHEN 'model' THEN EXISTS (SELECT 1 FROM models WHERE id = substr(node, instr(node, ':') + 1))
  WHEN 'checkpoint' THEN EXISTS (SELECT 1 FROM checkpoints WHERE id = substr(node, instr(node, ':') + 1))
  ELSE 0 END`;

/** More of one kind are counted, not listed. */
const listed = 20;

export function healthOf({ db, directory, file }: OpenedDatabase, full: boolean): Health {
  const problems: string[] = [];
  const report = (found: readonly string[]): void => {
    problems.push(...found.slice(0, listed));
    if (found.length > listed) problems.push(`... and ${found.length - listed} more like the last one`);
  };

  const network = networkFileSystemOf(directory);
  if (network !== undefined) {
    problems.push(
      `${directory} is on a network file system (${network}), where SQLite cannot lock safely; move the project to a local disk`,
    );
  }
  const pages = pageProblems(db, full ? 'integrity_check' : 'quick_check');
  report(pages.map((problem) => `lab.db is damaged: ${problem}`));
  // Past this point a broken tree would only throw.
  if (pages.length === 0) {
    const strays = db.pragma('foreign_key_check') as {
      table: string;
      parent: string;
      rowid: number | null;
    }[];
    report(
      strays.map(
        (row) =>
          `A row of ${row.table} (${row.rowid ?? 'no id'}) names a row of ${row.parent} that is not there`,
      ),
    );
    for (const { sql, say } of orphans) report(db.prepare<[], number>(sql).pluck().all().map(say));
    const lost = db.prepare<[], string>(lostNodes).pluck().all();
    report(lost.map((node) => `Lineage names ${node}, which is not there`));
    if (full) report(damagedBlobs(db));
  }
  return {
    ok: problems.length === 0,
    sqliteVersion: db.prepare<[], string>('SELECT sqlite_version()').pluck().get()!,
    schemaVersion: db.pragma('user_version', { simple: true }) as number,
    bytes: [file, `${file}-wal`].reduce(
      (sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
      0,
    ),
    problems,
  };
}

/** Reads every stored byte. */
function damagedBlobs(db: OpenedDatabase['db']): string[] {
  const found: string[] = [];
  const blobs = `SELECT episode_id AS id, NULL AS model, bytes FROM episode_data
    UNION ALL SELECT episode_id, model_hash, bytes FROM reward_scores`;
  const rows = db.prepare<[], { id: number; model: string | null; bytes: Buffer }>(blobs);
  for (const { id, model, bytes } of rows.iterate()) {
    try {
      readColumns(id, bytes);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      found.push(model === null ? message : `Score by model ${model}: ${message}`);
    }
  }
  const hashed = `SELECT 'Model ' || id AS what, hash, bytes FROM models
    UNION ALL SELECT 'Checkpoint ' || id, hash, bytes FROM checkpoints`;
  for (const row of db.prepare<[], { what: string; hash: string; bytes: Buffer }>(hashed).iterate()) {
    if (hash64(row.bytes) !== row.hash) found.push(`${row.what}: stored bytes are damaged`);
  }
  return found;
}
