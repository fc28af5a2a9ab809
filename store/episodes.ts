import type { OpenedDatabase } from './database.ts';
import { filterSql } from './filter.ts';
import {
  type ColumnChoice,
  DamagedBlobError,
  decodeColumns,
  EncodingRoom,
  encodeColumns,
} from './formats/episode-blob.ts';
import { numberOf, runCheck } from './rows.ts';
import { cleanTag } from './tags.ts';
import type {
  Column,
  EditedStart,
  EpisodeQuery,
  EpisodeRow,
  EpisodeSort,
  NewEpisode,
  Store,
} from './types.ts';

interface Row
  extends Omit<
    EpisodeRow,
    | 'success'
    | 'verified'
    | 'finalProgress'
    | 'returnTotal'
    | 'returns'
    | 'fork'
    | 'jerk'
    | 'learnedProgress'
    | 'starred'
    | 'trashed'
    | 'tags'
  > {
  readonly jerk: number | null;
  readonly learnedProgress: number | null;
  readonly starred: 0 | 1;
  readonly trashedAt: number | null;
  readonly parentId: number | null;
  readonly forkFrame: number | null;
  readonly actor: string | null;
  readonly editedStart: string | null;
  readonly success: 0 | 1;
  readonly verified: 0 | 1 | null;
  readonly finalProgress: number | null;
  readonly returnTotal: number | null;
}

interface Return {
  readonly episodeId: number;
  readonly name: string;
  readonly value: number | null;
}

type Filter = Pick<EpisodeQuery, 'runId' | 'task' | 'kind' | 'success' | 'filter' | 'trash'>;

const sortColumns: Readonly<Record<EpisodeSort, string>> = {
  id: 'id',
  length: 'length',
  success: 'success',
  finalProgress: 'final_progress',
  returnTotal: 'return_total',
  trainedSteps: 'trained_steps',
  createdAt: 'created_at',
  learnedProgress: 'learned_progress',
  gap: '(learned_progress - final_progress)',
  jerk: 'jerk',
  starred: 'starred',
};

/** Columns without a gap, each with an index of its own. */
const indexed = new Set<string>([
  'id',
  'length',
  'success',
  'final_progress',
  'return_total',
  'trained_steps',
  'created_at',
]);

const columns = `id, run_id AS runId, task, kind, seed, trained_steps AS trainedSteps, length, ending, success,
  final_progress AS finalProgress, return_total AS returnTotal, reward_hash AS rewardHash, checksum, verified,
  created_at AS createdAt, parent_id AS parentId, fork_frame AS forkFrame, actor, edited_start AS editedStart,
  jerk, learned_progress AS learnedProgress, starred, trashed_at AS trashedAt`;

export function openEpisodes({ db, write, onRollback }: OpenedDatabase): Store['episodes'] {
  const one = db.prepare<[number], Row>(`SELECT ${columns} FROM episodes WHERE id = ?`);
  const insert =
    db.prepare(`INSERT INTO episodes (run_id, task, kind, seed, trained_steps, length, ending, success,
    final_progress, return_total, reward_hash, checksum, parent_id, fork_frame, actor, edited_start, jerk, learned_progress, created_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const forks = db
    .prepare<[number], number>('SELECT id FROM episodes WHERE parent_id = ? ORDER BY id')
    .pluck();
  const insertData = db.prepare('INSERT INTO episode_data (episode_id, bytes) VALUES (?, ?)');
  const data = db.prepare<[number], Buffer>('SELECT bytes FROM episode_data WHERE episode_id = ?').pluck();
  const checkRun = runCheck(db);
  const withLearned = `FROM episodes
    WHERE run_id = ? AND kind = 'training' AND trashed_at IS NULL AND learned_progress IS NOT NULL`;
  const learned = db.prepare<[number], { readonly step: number; readonly value: number }>(
    `SELECT trained_steps AS step, learned_progress AS value ${withLearned} ORDER BY trained_steps, id`,
  );
  const learnedCount = db.prepare<[number], number>(`SELECT count(*) ${withLearned}`).pluck();
  const verify = db.prepare('UPDATE episodes SET verified = ? WHERE id = ?');
  const returns = db.prepare<[string], Return>(`SELECT v.episode_id AS episodeId, t.name, v.value
    FROM episode_returns v JOIN reward_terms t ON t.id = v.term_id
    WHERE v.episode_id IN (SELECT value FROM json_each(?)) ORDER BY v.episode_id, v.term_id`);
  const insertReturn = db.prepare(
    'INSERT INTO episode_returns (episode_id, term_id, value) VALUES (?, ?, ?)',
  );
  const tagsOf = db.prepare<[string], { readonly episodeId: number; readonly tag: string }>(
    `SELECT episode_id AS episodeId, tag FROM episode_tags
    WHERE episode_id IN (SELECT value FROM json_each(?)) ORDER BY episode_id, tag`,
  );
  const addTag = db.prepare('INSERT OR IGNORE INTO episode_tags (episode_id, tag) VALUES (?, ?)');
  const removeTag = db.prepare('DELETE FROM episode_tags WHERE episode_id = ? AND tag = ?');
  const star = db.prepare('UPDATE episodes SET starred = ? WHERE id = ?');
  const trash = db.prepare('UPDATE episodes SET trashed_at = coalesce(trashed_at, ?) WHERE id = ?');
  const restore = db.prepare('UPDATE episodes SET trashed_at = NULL WHERE id = ?');
  const allTerms = db.prepare<[], string>('SELECT name FROM reward_terms ORDER BY name').pluck();
  const allTags = db.prepare<[], string>('SELECT DISTINCT tag FROM episode_tags ORDER BY tag').pluck();
  const insertTerm = db.prepare('INSERT INTO reward_terms (name) VALUES (?)');
  const term = db.prepare<[string], number>('SELECT id FROM reward_terms WHERE name = ?').pluck();
  const terms = new Map<string, number>();
  const room = new EncodingRoom(2 ** 20);
  onRollback(() => terms.clear());

  function termId(name: string): number {
    const id = terms.get(name) ?? term.get(name) ?? Number(insertTerm.run(name).lastInsertRowid);
    terms.set(name, id);
    return id;
  }

  function rowsOf(rows: readonly Row[]): EpisodeRow[] {
    const byEpisode = new Map<number, Record<string, number>>(rows.map(({ id }) => [id, {}]));
    for (const { episodeId, name, value } of returns.all(JSON.stringify([...byEpisode.keys()]))) {
      byEpisode.get(episodeId)![name] = numberOf(value);
    }
    const tags = Map.groupBy(tagsOf.all(JSON.stringify([...byEpisode.keys()])), ({ episodeId }) => episodeId);
    return rows.map(({ parentId, forkFrame, actor, editedStart, trashedAt, ...row }) => ({
      ...row,
      jerk: numberOf(row.jerk),
      learnedProgress: numberOf(row.learnedProgress),
      starred: row.starred === 1,
      trashed: trashedAt !== null,
      tags: tags.get(row.id)?.map(({ tag }) => tag) ?? [],
      fork:
        forkFrame === null
          ? null
          : {
              parent: parentId,
              frame: forkFrame,
              actor: actor ?? '',
              ...(editedStart === null ? {} : { edited: JSON.parse(editedStart) as EditedStart }),
            },
      success: row.success === 1,
      verified: row.verified === null ? null : row.verified === 1,
      finalProgress: numberOf(row.finalProgress),
      returnTotal: numberOf(row.returnTotal),
      returns: byEpisode.get(row.id)!,
    }));
  }

  function missing(id: number): RangeError {
    return new RangeError(`There is no episode ${id} in this project`);
  }

  /** @returns the bytes of the columns, good until the room is cleared. @throws RangeError naming the run when the episode cannot be stored. */
  function encoded(episode: NewEpisode): Buffer {
    if (!Number.isInteger(episode.length) || episode.length < 0) {
      throw new RangeError(
        `Episode of run ${episode.runId}: length ${episode.length}, wanted a whole number`,
      );
    }
    const { fork } = episode;
    if (fork != null && !(Number.isInteger(fork.frame) && fork.frame >= 0 && fork.frame <= episode.length)) {
      throw new RangeError(
        `Episode of run ${episode.runId}: forked at frame ${fork.frame}, wanted 0 to ${episode.length}`,
      );
    }
    return encodeColumns(episode.columns, room);
  }

  function insertOne(episode: NewEpisode, bytes: Buffer, now: number): number {
    const { fork } = episode;
    // By position: nineteen names would be looked up for each episode.
    const { lastInsertRowid } = insert.run(
      episode.runId,
      episode.task,
      episode.kind,
      episode.seed,
      episode.trainedSteps,
      episode.length,
      episode.ending,
      episode.success ? 1 : 0,
      episode.finalProgress,
      episode.returnTotal,
      episode.rewardHash,
      episode.checksum,
      fork?.parent ?? null,
      fork?.frame ?? null,
      fork?.actor ?? null,
      fork?.edited === undefined ? null : JSON.stringify(fork.edited),
      jerkOf(episode.columns),
      lastLearned(episode.columns),
      now,
    );
    const id = Number(lastInsertRowid);
    insertData.run(id, bytes);
    for (const name of Object.keys(episode.returns))
      insertReturn.run(id, termId(name), episode.returns[name]);
    return id;
  }

  function addAll(episodes: readonly NewEpisode[]): number[] {
    room.clear();
    const bytes = episodes.map(encoded);
    const now = Date.now();
    // No savepoint an episode: each would copy all pages that it touches, most of an episode's cost.
    return write(() => {
      for (const runId of new Set(episodes.map(({ runId }) => runId)))
        checkRun(runId, 'the episode was not stored');
      return episodes.map((episode, i) => insertOne(episode, bytes[i]!, now));
    });
  }

  return {
    add: (episode) => addAll([episode])[0]!,
    addAll,
    get(id) {
      const row = one.get(id);
      if (row === undefined) throw missing(id);
      return rowsOf([row])[0]!;
    },
    list(query = {}) {
      const { where, values } = conditions(query);
      const total = db.prepare<unknown[], number>(`SELECT count(*) FROM episodes ${where}`).pluck();
      const direction = query.descending === true ? 'DESC' : 'ASC';
      const sort = sortOf(query.sort ?? 'id', (name) => term.get(name));
      const order =
        sort === 'id'
          ? `id ${direction}`
          : indexed.has(sort)
            ? `${sort} ${direction}, id ${direction}`
            : `${sort} IS NULL, ${sort} ${direction}, id ${direction}`;
      // Sorted and cut by id alone, so that the rows in between are never read; -1 is SQLite's "no limit".
      const page = db.prepare<unknown[], Row>(`SELECT ${columns} FROM episodes
        WHERE id IN (SELECT id FROM episodes ${where} ORDER BY ${order} LIMIT ? OFFSET ?) ORDER BY ${order}`);
      const rows = page.all(...values, query.limit ?? -1, query.offset ?? 0);
      return { total: total.get(...values) ?? 0, items: rowsOf(rows) };
    },
    ids(query = {}) {
      const { where, values } = conditions(query);
      return db
        .prepare<unknown[], number>(`SELECT id FROM episodes ${where} ORDER BY id`)
        .pluck()
        .all(...values);
    },
    terms: () => allTerms.all(),
    tags: () => allTags.all(),
    mark(ids, { starred, trashed, addTags = [], removeTags = [] }) {
      const added = addTags.map(cleanTag);
      write(() => {
        for (const id of ids) {
          if (one.get(id) === undefined) throw missing(id);
          if (starred !== undefined) star.run(starred ? 1 : 0, id);
          if (trashed === true) trash.run(Date.now(), id);
          else if (trashed === false) restore.run(id);
          for (const tag of added) addTag.run(id, tag);
          for (const tag of removeTags) removeTag.run(id, tag);
        }
      });
    },
    forksOf: (id) => forks.all(id),
    columns(id, names) {
      const bytes = data.get(id);
      if (bytes === undefined) {
        if (one.get(id) === undefined) throw missing(id);
        throw new Error(`Episode ${id}: stored bytes are missing`);
      }
      return readColumns(id, bytes, names);
    },
    setVerified(id, ok) {
      write(() => {
        if (verify.run(ok ? 1 : 0, id).changes === 0) throw missing(id);
      });
    },
    learnedCount: (runId) => learnedCount.get(runId)!,
    learned(runId) {
      const rows = learned.all(runId);
      return {
        steps: Float64Array.from(rows, ({ step }) => step),
        values: Float64Array.from(rows, ({ value }) => value),
      };
    },
  };
}

/** @throws Error naming the episode when the bytes are damaged; RangeError when a column is not there. */
export function readColumns(id: number, bytes: Uint8Array, names?: ColumnChoice): Map<string, Column> {
  try {
    return decodeColumns(bytes, names);
  } catch (error) {
    if (error instanceof DamagedBlobError) {
      throw new Error(`Episode ${id}: stored bytes are damaged (${error.message})`, { cause: error });
    }
    if (error instanceof RangeError)
      throw new RangeError(`Episode ${id}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** The column or expression to sort by. @throws RangeError when no episode has such a reward term. */
function sortOf(
  sort: NonNullable<EpisodeQuery['sort']>,
  termOf: (name: string) => number | undefined,
): string {
  if (!sort.startsWith('return:')) return sortColumns[sort as EpisodeSort];
  const name = sort.slice('return:'.length);
  const id = termOf(name);
  if (id === undefined) throw new RangeError(`No episode of this project has a reward term "${name}"`);
  return `(SELECT value FROM episode_returns WHERE episode_id = episodes.id AND term_id = ${id})`;
}

function conditions({ runId, kind, success, task, filter, trash = 'with' }: Filter): {
  where: string;
  values: (string | number)[];
} {
  const parts: string[] = [];
  const values: (string | number)[] = [];
  const equal = (column: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    parts.push(`${column} = ?`);
    values.push(value);
  };
  equal('run_id', runId);
  equal('kind', kind);
  equal('success', success === undefined ? undefined : Number(success));
  equal('task', task);
  // The trash is small and has an index of its own; this way no row is read to know that it is not in it.
  if (trash !== 'with')
    parts.push(
      `id ${trash === 'only' ? '' : 'NOT '}IN (SELECT id FROM episodes WHERE trashed_at IS NOT NULL)`,
    );
  if (filter !== undefined && filter.trim() !== '') {
    const condition = filterSql(filter);
    parts.push(condition.sql);
    values.push(...condition.values);
  }
  return { where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`, values };
}

/** Whether `jerkOf` or `lastLearned` reads the column of this name. */
export const isMeasured = (name: string): boolean => name === 'action' || name.startsWith('learned/');

/** Null where there are fewer than three actions. */
export function jerkOf(columns: NewEpisode['columns']): number | null {
  const action = columns.find(({ name }) => name === 'action');
  if (action === undefined) return null;
  const { data, width } = action;
  const steps = data.length / width;
  if (steps < 3) return null;
  let sum = 0;
  for (let i = 2 * width; i < data.length; i++) {
    sum += (data[i]! - 2 * data[i - width]! + data[i - 2 * width]!) ** 2;
  }
  return Math.sqrt(sum / (steps - 2));
}

export function lastLearned(columns: NewEpisode['columns']): number | null {
  return columns.find(({ name }) => name.startsWith('learned/'))?.data.at(-1) ?? null;
}
