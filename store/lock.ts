/**
 * One writer a project. The lock is an SQLite EXCLUSIVE lock on `lab.lock`: the system takes it away when the process
 * dies, however it dies, and it works alike on every platform. Who holds it stands in `lab.lock.json`, a file apart,
 * because opening and closing the locked file itself would drop POSIX locks of the same process.
 */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { StoreBusyError } from './errors.ts';

/** Long enough for a writer that is just closing, short enough to be told at once. */
const patienceMs = 200;

export interface WriterLock {
  /** `forget` removes the lock file too, where this lock made it: for projects that are refused after all. */
  release(forget?: boolean): void;
}

/** @throws StoreBusyError naming the process that holds it. */
export function lockForWriting(directory: string): WriterLock {
  const file = join(directory, 'lab.lock');
  const note = `${file}.json`;
  const isNew = !existsSync(file);
  const db = new Database(file, { timeout: patienceMs });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (!(error instanceof Database.SqliteError) || !error.code.startsWith('SQLITE_BUSY')) throw error;
    const holder = readNote(note);
    throw new StoreBusyError(directory, holder.pid, holder.since);
  }
  writeFileSync(note, `${JSON.stringify({ pid: process.pid, since: Date.now() })}\n`);
  return {
    release(forget = false) {
      rmSync(note, { force: true });
      db.close();
      if (forget && isNew) rmSync(file, { force: true });
    },
  };
}

function readNote(note: string): { pid: number | null; since: number | null } {
  try {
    const { pid, since } = JSON.parse(readFileSync(note, 'utf8')) as { pid?: unknown; since?: unknown };
    return { pid: typeof pid === 'number' ? pid : null, since: typeof since === 'number' ? since : null };
  } catch {
    return { pid: null, since: null };
  }
}
