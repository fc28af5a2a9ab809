/**
 * One writer a project. The lock is an SQLite EXCLUSIVE lock on `lab.lock`: the system takes it away when the process
 * dies, however it dies, and it works alike on every platform. Who holds it stands in `lab.lock.json`, a file apart,
 * because opening and closing the locked file itself would drop POSIX locks of the same process.
 */

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { StoreBusyError, StoreReadOnlyError } from './errors.ts';

/** Long enough for a writer that is just closing, short enough to be told at once. */
const patienceMs = 200;

export interface WriterLock {
  /** `forget` removes the lock file too, where this lock made it: for projects that are refused after all. */
  release(forget?: boolean): void;
}

const lockFile = (directory: string): string => join(directory, 'lab.lock');

/** @throws StoreBusyError naming the process that holds it; StoreReadOnlyError when there can be no lock here. */
export function lockForWriting(directory: string): WriterLock {
  const file = lockFile(directory);
  const note = `${file}.json`;
  const isNew = !existsSync(file);
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { timeout: patienceMs });
    db.exec('BEGIN EXCLUSIVE');
    writeFileSync(note, `${JSON.stringify({ pid: process.pid, since: Date.now() })}\n`);
  } catch (error) {
    db?.close();
    if (isBusy(error)) {
      const holder = readNote(note);
      throw new StoreBusyError(directory, holder.pid, holder.since);
    }
    const found = error instanceof Error ? error.message : String(error);
    throw new StoreReadOnlyError(`Project folder ${directory} cannot be locked for writing (${found})`, {
      cause: error,
    });
  }
  const connection = db;
  return {
    release(forget = false) {
      rmSync(note, { force: true });
      connection.close();
      if (forget && isNew) rmSync(file, { force: true });
    },
  };
}

/** Does any process, this one included, have the project open for writing? */
export function isLocked(directory: string): boolean {
  const file = lockFile(directory);
  if (!existsSync(file)) return false;
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { readonly: true, timeout: 0 });
    db.prepare('SELECT 1 FROM sqlite_schema').get();
    return false;
  } catch {
    // Held, or a file that cannot be looked at: then nothing is known, and nobody is declared dead.
    return true;
  } finally {
    db?.close();
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY');

function readNote(note: string): { pid: number | null; since: number | null } {
  try {
    const { pid, since } = JSON.parse(readFileSync(note, 'utf8')) as { pid?: unknown; since?: unknown };
    return { pid: typeof pid === 'number' ? pid : null, since: typeof since === 'number' ? since : null };
  } catch {
    return { pid: null, since: null };
  }
}
