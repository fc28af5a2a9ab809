import type { OpenedDatabase } from './database.ts';
import { isLocked } from './lock.ts';
import { runCheck } from './rows.ts';
import type { RunPatch, RunRow, Store } from './types.ts';

interface Row extends Omit<RunRow, 'config' | 'versions' | 'tags'> {
  readonly config: string;
  readonly versions: string;
  readonly tags: string;
}

const columnOf: Readonly<Record<keyof RunPatch, string>> = {
  status: 'status',
  error: 'error',
  endedAt: 'ended_at',
  heartbeatAt: 'heartbeat_at',
  device: 'device',
  rewardHash: 'reward_hash',
  name: 'name',
  note: 'note',
};

export function openRuns({ db, directory, readOnly, write }: OpenedDatabase): Store['runs'] {
  const select = `SELECT id, kind, name, task, algorithm, seed, status, config, versions, reward_hash AS rewardHash,
    device, error, created_at AS createdAt, ended_at AS endedAt, heartbeat_at AS heartbeatAt,
    (SELECT count(*) FROM episodes WHERE run_id = runs.id) AS episodes, note,
    (SELECT json_group_array(tag) FROM (SELECT tag FROM run_tags WHERE run_id = runs.id ORDER BY tag)) AS tags FROM runs`;
  const one = db.prepare<[number], Row>(`${select} WHERE id = ?`);
  const all = db.prepare<[], Row>(`${select} ORDER BY id`);
  const insert = db.prepare(`INSERT INTO runs
    (kind, name, task, algorithm, seed, status, config, versions, reward_hash, device, created_at, heartbeat_at)
    VALUES (@kind, @name, @task, @algorithm, @seed, @status, @config, @versions, @rewardHash, @device, @now, @now)`);
  const unfinished = db
    .prepare<[], number>(`SELECT id FROM runs WHERE status IN ('running', 'queued') ORDER BY id`)
    .pluck();
  const crash = db.prepare(
    `UPDATE runs SET status = 'crashed', ended_at = coalesce(heartbeat_at, created_at) WHERE id = ?`,
  );
  const dropTags = db.prepare('DELETE FROM run_tags WHERE run_id = ?');
  const addTag = db.prepare('INSERT INTO run_tags (run_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const checkRun = runCheck(db);
  /** Runs that this process made or set running itself; they are alive. */
  const ours = new Set<number>();

  /** A reader cannot mark the runs of a dead writer, so it says what the next writer will find. */
  const isLost = (row: Row): boolean =>
    readOnly && (row.status === 'running' || row.status === 'queued') && !isLocked(directory);

  const rowOf = (row: Row): RunRow => ({
    ...row,
    ...(isLost(row) ? { status: 'crashed', endedAt: row.heartbeatAt ?? row.createdAt } : {}),
    config: JSON.parse(row.config) as Record<string, unknown>,
    versions: JSON.parse(row.versions) as Record<string, string>,
    tags: JSON.parse(row.tags) as string[],
  });

  function get(id: number): RunRow {
    const row = one.get(id);
    if (row === undefined) throw new RangeError(`There is no run ${id} in this project`);
    return rowOf(row);
  }

  return {
    create(run) {
      const status = run.status ?? 'queued';
      const id = write(() =>
        Number(
          insert.run({
            ...run,
            status,
            config: JSON.stringify(run.config),
            versions: JSON.stringify(run.versions),
            rewardHash: run.rewardHash ?? null,
            device: run.device ?? null,
            now: Date.now(),
          }).lastInsertRowid,
        ),
      );
      if (status === 'running' || status === 'queued') ours.add(id);
      return id;
    },
    update(id, patch) {
      const fields = Object.entries(patch).filter(([, value]) => value !== undefined);
      write(() => {
        if (fields.length === 0) return void get(id);
        const assignments = fields.map(([field]) => `${columnOf[field as keyof RunPatch]} = ?`).join(', ');
        const { changes } = db
          .prepare(`UPDATE runs SET ${assignments} WHERE id = ?`)
          .run(...fields.map(([, value]) => value), id);
        if (changes === 0) throw new RangeError(`There is no run ${id} in this project`);
      });
      if (patch.status === 'running' || patch.status === 'queued') ours.add(id);
    },
    get,
    list: () => all.all().map(rowOf),
    markCrashed: () =>
      write(() => {
        const lost = unfinished.all().filter((id) => !ours.has(id));
        for (const id of lost) crash.run(id);
        return lost;
      }),
    setTags(id, tags) {
      write(() => {
        checkRun(id);
        dropTags.run(id);
        for (const tag of tags) addTag.run(id, tag);
      });
    },
  };
}
