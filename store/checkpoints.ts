import type { OpenedDatabase } from './database.ts';
import { bytesOf, hash64, mostBlobBytes, runCheck } from './rows.ts';
import type { CheckpointRow, Store } from './types.ts';

interface Row extends CheckpointRow {
  readonly bytes: Buffer;
}

const columns = 'id, run_id AS runId, step, hash, created_at AS createdAt';

export function openCheckpoints({ db, write }: OpenedDatabase): Store['checkpoints'] {
  const one = db.prepare<[number], Row>(`SELECT ${columns}, bytes FROM checkpoints WHERE id = ?`);
  // Newest by id, not by step: a run that was resumed from further back writes smaller steps again.
  const latest = db
    .prepare<[number], number>('SELECT id FROM checkpoints WHERE run_id = ? ORDER BY id DESC LIMIT 1')
    .pluck();
  const ofRun = db.prepare<[number], CheckpointRow>(
    `SELECT ${columns} FROM checkpoints WHERE run_id = ? ORDER BY id`,
  );
  const checkRun = runCheck(db);
  const insert = db.prepare(
    'INSERT INTO checkpoints (run_id, step, hash, created_at, bytes) VALUES (?, ?, ?, ?, ?)',
  );
  const prune = db.prepare(`DELETE FROM checkpoints WHERE run_id = @run
    AND id NOT IN (SELECT id FROM checkpoints WHERE run_id = @run ORDER BY id DESC LIMIT @keep)
    AND NOT EXISTS (SELECT 1 FROM lineage WHERE from_node = 'checkpoint:' || checkpoints.id)
    AND NOT EXISTS (SELECT 1 FROM lineage WHERE to_node = 'checkpoint:' || checkpoints.id)`);

  const insertPiece = db.prepare(
    'INSERT INTO journal_pieces (run_id, checkpoint_id, needed, hash, bytes) VALUES (?, ?, ?, ?, ?)',
  );
  const pieceOf = db.prepare<[number], { id: number; runId: number; needed: number }>(
    'SELECT id, run_id AS runId, needed FROM journal_pieces WHERE checkpoint_id = ?',
  );
  const piecesUpTo = db.prepare<[number, number, number], { hash: string; bytes: Buffer }>(
    'SELECT hash, bytes FROM journal_pieces WHERE run_id = ? AND id <= ? ORDER BY id DESC LIMIT ?',
  );
  const forget = db.prepare('DELETE FROM journal_pieces WHERE run_id = ? AND checkpoint_id > ?');
  /** The oldest of the newest checkpoints that has a piece: what it does not need, none of the newer ones does. */
  const prunePieces = db.prepare(`DELETE FROM journal_pieces WHERE run_id = @run AND id NOT IN (
    SELECT id FROM journal_pieces WHERE run_id = @run AND id <= @last ORDER BY id DESC LIMIT @needed) AND id <= @last`);
  const oldestKept = db
    .prepare<[number, number], number>(`SELECT min(id) FROM (
      SELECT id FROM checkpoints WHERE run_id = ? ORDER BY id DESC LIMIT ?)`)
    .pluck();

  function get(id: number): CheckpointRow & { readonly bytes: Uint8Array } {
    const row = one.get(id);
    if (row === undefined) throw new RangeError(`There is no checkpoint ${id} in this project`);
    const found = hash64(row.bytes);
    if (found !== row.hash) {
      throw new Error(`Checkpoint ${id}: stored bytes are damaged (hash ${found}, wanted ${row.hash})`);
    }
    return { ...row, bytes: bytesOf(row.bytes) };
  }

  return {
    add(runId, step, bytes, journal) {
      if (Math.max(bytes.length, journal?.bytes.length ?? 0) > mostBlobBytes) {
        throw new RangeError(
          `Checkpoint of run ${runId}: ${Math.max(bytes.length, journal?.bytes.length ?? 0)} bytes, at most ${mostBlobBytes} can be stored; fewer worlds or a shorter horizon make it smaller`,
        );
      }
      return write(() => {
        checkRun(runId, 'the checkpoint was not stored');
        const hash = hash64(bytes);
        const createdAt = Date.now();
        const id = Number(insert.run(runId, step, hash, createdAt, bytes).lastInsertRowid);
        if (journal !== undefined) {
          insertPiece.run(runId, id, journal.needed, hash64(journal.bytes), journal.bytes);
        }
        return { id, runId, step, hash, createdAt };
      });
    },
    latest(runId) {
      const id = latest.get(runId);
      return id === undefined ? undefined : get(id);
    },
    get,
    list: (runId) => ofRun.all(runId),
    prune(runId, keep) {
      if (!Number.isInteger(keep) || keep < 1) {
        throw new RangeError(`Checkpoints of run ${runId}: keep ${keep}, wanted at least 1`);
      }
      write(() => {
        prune.run({ run: runId, keep });
        const oldest = oldestKept.get(runId, keep);
        const piece = oldest === null || oldest === undefined ? undefined : pieceOf.get(oldest);
        if (piece !== undefined) prunePieces.run({ run: runId, last: piece.id, needed: piece.needed });
      });
    },
    journal(id) {
      const last = pieceOf.get(id);
      if (last === undefined) return [];
      const pieces = piecesUpTo.all(last.runId, last.id, last.needed).reverse();
      if (pieces.length < last.needed) {
        throw new Error(
          `Checkpoint ${id}: its journal has ${pieces.length} pieces left, wanted ${last.needed}`,
        );
      }
      return pieces.map(({ hash, bytes }, n) => {
        if (hash64(bytes) !== hash) throw new Error(`Checkpoint ${id}: piece ${n} of its journal is damaged`);
        return bytesOf(bytes);
      });
    },
    forgetJournalAfter(runId, id) {
      write(() => forget.run(runId, id ?? 0));
    },
  };
}
