/**
 * Opens `lab.db`: look first, write after. Nothing is written before the file is known to be ours, whole, and of a
 * version we understand.
 */

import {
  accessSync,
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { StoreForeignError, StoreMissingError, StoreReadOnlyError } from './errors.ts';
import { lockForWriting, type WriterLock } from './lock.ts';
import type { Migration } from './migrations.ts';

type Connection = Database.Database;

/** `RLab` in ASCII: tells our files from other SQLite databases. */
export const applicationId = 0x524c6162;

/** Larger files are checked at open without their blobs and metrics (seconds); `health({ full: true })` reads all. */
const wholeCheckBytes = 512 * 2 ** 20;

/** Tables that grow without bound. Their blobs carry checksums of their own. */
const heavyTables = new Set(['episode_data', 'metrics', 'reward_scores', 'checkpoints', 'models']);

export interface OpenedDatabase {
  readonly directory: string;
  readonly file: string;
  readonly readOnly: boolean;
  readonly db: Connection;
  /** One transaction, inside another one a savepoint. @throws StoreReadOnlyError in a store opened for reading. */
  write<T>(work: () => T): T;
  /** As `Store.intoLog`. */
  intoLog<T>(work: () => T): T;
  /** Called whenever a transaction or savepoint was rolled back: caches of rows must go. */
  onRollback(forget: () => void): void;
  close(): void;
}

export interface OpenOptions {
  readonly mode?: 'write' | 'read';
  /** Makes the folder and the database where there are none; writing only. */
  readonly create?: boolean;
}

/** The log goes into the file every 16 MB, not every 4: the disk is waited for a quarter as often. */
const logPages = 2000;

export function openDatabase(
  directory: string,
  options: OpenOptions,
  migrations: readonly Migration[],
): OpenedDatabase {
  const folder = resolve(directory);
  const file = join(folder, 'lab.db');
  return options.mode === 'read'
    ? openForReading(folder, file, migrations)
    : openForWriting(folder, file, options.create ?? true, migrations);
}

function openForReading(directory: string, file: string, migrations: readonly Migration[]): OpenedDatabase {
  if (!existsSync(file)) throw new StoreMissingError(`${directory} holds no project (no lab.db)`);
  const { db, version, dispose } = look(file, migrations.length, 'whole');
  if (version < migrations.length) {
    dispose();
    throw new StoreReadOnlyError(
      `${file} has schema version ${version}, reading needs ${migrations.length}; open it once for writing`,
    );
  }
  return opened(directory, file, db, undefined, dispose);
}

function openForWriting(
  directory: string,
  file: string,
  create: boolean,
  migrations: readonly Migration[],
): OpenedDatabase {
  // 1. Is it ours at all? Looked at before anything, the lock file included, is made.
  if (!existsSync(file) && !create) throw new StoreMissingError(`${directory} holds no project (no lab.db)`);
  makeWritable(directory, file);
  if (existsSync(file)) look(file, migrations.length, 'header').dispose();

  // 2. One writer.
  const lock = lockForWriting(directory);
  let db: Connection | undefined;
  try {
    // 3. Is it whole?
    const isNew = !existsSync(file);
    if (isNew) createDatabase(file, migrations);
    else look(file, migrations.length, 'whole').dispose();
    // 4. Write.
    db = new Database(file, { fileMustExist: true });
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma(`wal_autocheckpoint = ${logPages}`);
    db.pragma('journal_size_limit = 67108864');
    migrate(db, file, migrations, !isNew);
    db.pragma('foreign_keys = ON');
    const connection = db;
    return opened(directory, file, connection, lock, () => connection.close());
  } catch (error) {
    db?.close();
    lock.release(error instanceof StoreForeignError);
    throw error;
  }
}

function opened(
  directory: string,
  file: string,
  db: Connection,
  lock: WriterLock | undefined,
  dispose: () => void,
): OpenedDatabase {
  const readOnly = lock === undefined;
  const forgetters: (() => void)[] = [];
  const transaction = db.transaction((work: () => unknown) => work());
  return {
    directory,
    file,
    readOnly,
    db,
    write<T>(work: () => T): T {
      if (readOnly) throw new StoreReadOnlyError(`${file} is open for reading; a write was asked for`);
      try {
        return transaction.immediate(work) as T;
      } catch (error) {
        for (const forget of forgetters) forget();
        if (codeOf(error) !== 'SQLITE_FULL') throw error;
        throw new Error(`No space is left on the disk of ${file}; what was stored before is safe`, {
          cause: error,
        });
      }
    },
    intoLog(work) {
      db.pragma('wal_autocheckpoint = 0');
      try {
        return work();
      } finally {
        db.pragma(`wal_autocheckpoint = ${logPages}`);
      }
    },
    onRollback: (forget) => forgetters.push(forget),
    close() {
      if (!db.open) return;
      try {
        // Keeps the planner's statistics fresh; looks only at tables that changed much.
        if (!readOnly) db.pragma('optimize');
      } catch {
        // A full disk: everything that matters is stored, and the lock must go.
      }
      dispose();
      lock?.release();
    },
  };
}

/** @throws StoreReadOnlyError when folder or file cannot be written. */
function makeWritable(directory: string, file: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    // A lock file that cannot be written would let two writers in: SQLite takes no exclusive lock on it.
    for (const path of [file, join(directory, 'lab.lock')]) {
      if (existsSync(path)) accessSync(path, constants.W_OK);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new StoreReadOnlyError(
      `Project folder ${directory} cannot be written (${code}); wanted a folder this user may write to, or reading only`,
      { cause: error },
    );
  }
}

/** Made whole beside the final name, then renamed: a crash leaves either no project or a good one. */
function createDatabase(file: string, migrations: readonly Migration[]): void {
  const draft = `${file}.new`;
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(draft + suffix, { force: true });
  const db = new Database(draft);
  try {
    // Blobs of 70 kB: a fifth less work to write than with pages of 4 kB.
    db.pragma('page_size = 8192');
    db.pragma('journal_mode = WAL');
    db.pragma(`application_id = ${applicationId}`);
    migrate(db, draft, migrations, false);
  } finally {
    db.close();
  }
  renameSync(draft, file);
}

function migrate(db: Connection, file: string, migrations: readonly Migration[], backup: boolean): void {
  // Tables that are rebuilt would pull their children along; the check below stands in for the enforcement.
  db.pragma('foreign_keys = OFF');
  for (let version = versionOf(db); version < migrations.length; version++) {
    const migration = migrations[version]!;
    const wanted = version + 1;
    if (backup) {
      const copy = `${file}.before-v${wanted}`;
      const draft = `${copy}.new`;
      rmSync(draft, { force: true });
      db.prepare('VACUUM INTO ?').run(draft);
      renameSync(draft, copy);
    }
    try {
      db.transaction(() => {
        db.exec(migration.sql);
        const orphans = db.pragma('foreign_key_check') as unknown[];
        if (orphans.length > 0) throw new Error(`${orphans.length} rows would point nowhere`);
        db.pragma(`user_version = ${wanted}`);
      }).immediate();
    } catch (error) {
      throw new Error(
        `${file}: migration to schema version ${wanted} (${migration.title}) failed and was undone: ${textOf(error)}`,
        { cause: error },
      );
    }
  }
}

interface Look {
  readonly db: Connection;
  readonly version: number;
  /** Closes the connection and removes what was made for it. */
  dispose(): void;
}

/**
 * Opens without writing, and refuses what is not ours, too new, or broken.
 * @throws StoreForeignError; the file is as it was then and no file was added.
 */
function look(file: string, newest: number, depth: 'header' | 'whole'): Look {
  const { size } = regularFile(file);
  const hadIndex = existsSync(`${file}-shm`);
  let connection: Pick<Look, 'db' | 'dispose'> | undefined;
  try {
    connection = connect(file);
    const { db } = connection;
    db.pragma('query_only = ON');
    const version = checkHeader(db, file, newest);
    if (depth === 'whole') checkPages(db, file, size);
    if (depth === 'whole' && !isPending(file)) checkSize(db, file, size);
    return { ...connection, version };
  } catch (error) {
    connection?.dispose();
    // A log without its index is nobody's at work; the index was made for this look.
    if (!hadIndex) rmSync(`${file}-shm`, { force: true });
    if (error instanceof StoreForeignError) throw error;
    const code = codeOf(error) ?? '';
    if (code === 'SQLITE_NOTADB') throw new StoreForeignError(file, 'foreign', 'is not an SQLite database');
    if (/^SQLITE_(CORRUPT|IOERR)/.test(code)) {
      throw new StoreForeignError(file, 'damaged', `is damaged (${textOf(error)})`);
    }
    throw error;
  }
}

/**
 * A connection that leaves the bytes of the file alone. Where writes wait in a log or journal, only a read-only one
 * does; elsewhere one that could write (and does not) is better, because it takes its empty side files away again.
 */
function connect(file: string): Pick<Look, 'db' | 'dispose'> {
  const db = new Database(file, { readonly: isPending(file), fileMustExist: true });
  try {
    db.pragma('application_id');
    return { db, dispose: () => db.close() };
  } catch (error) {
    db.close();
    if (!/^SQLITE_(CANTOPEN|READONLY)/.test(codeOf(error) ?? '')) throw error;
    return connectToCopy(file);
  }
}

/** A folder that cannot hold the side files of a WAL database is read-only; a copy of it elsewhere is not. */
function connectToCopy(file: string): Pick<Look, 'db' | 'dispose'> {
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    for (const suffix of ['', '-wal']) {
      const copy = join(folder, `lab.db${suffix}`);
      if (!existsSync(file + suffix)) continue;
      copyFileSync(file + suffix, copy);
      // The copy has the mode of the original, which may be read-only.
      chmodSync(copy, 0o600);
    }
    const db = new Database(join(folder, 'lab.db'), { fileMustExist: true });
    return {
      db,
      dispose() {
        db.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

/** @throws StoreForeignError for folders, devices and files without a byte. */
function regularFile(file: string): { size: number } {
  const found = statSync(file);
  if (!found.isFile()) throw new StoreForeignError(file, 'foreign', 'is not a file');
  if (found.size === 0) throw new StoreForeignError(file, 'damaged', 'is empty (0 bytes)');
  // SQLite takes anything shorter than its smallest page for a new database.
  if (found.size < 512) throw new StoreForeignError(file, 'foreign', 'is not an SQLite database');
  return found;
}

function checkHeader(db: Connection, file: string, newest: number): number {
  const id = db.pragma('application_id', { simple: true }) as number;
  if (id !== applicationId) {
    const found = `is an SQLite database of another program (application id ${hex(id)}, wanted ${hex(applicationId)})`;
    throw new StoreForeignError(file, 'foreign', found);
  }
  const version = versionOf(db);
  if (version > newest) {
    const found = `has schema version ${version}, this Reward Lab knows up to ${newest}; a newer version wrote it`;
    throw new StoreForeignError(file, 'newer', found);
  }
  if (version < 1)
    throw new StoreForeignError(file, 'damaged', `has schema version ${version}, wanted at least 1`);
  return version;
}

function checkPages(db: Connection, file: string, bytes: number): void {
  const tables =
    bytes <= wholeCheckBytes
      ? [undefined]
      : (db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[]).filter(
          (name) => !heavyTables.has(name),
        );
  for (const table of tables) {
    const found = pageProblems(db, table === undefined ? 'quick_check' : `quick_check("${table}")`);
    if (found.length > 0) throw new StoreForeignError(file, 'damaged', `is damaged (${found[0]})`);
  }
}

/** SQLite reads the missing end of a last page as zeros and notices nothing. */
function checkSize(db: Connection, file: string, bytes: number): void {
  const pageSize = db.pragma('page_size', { simple: true }) as number;
  if (bytes % pageSize === 0) return;
  throw new StoreForeignError(
    file,
    'damaged',
    `is damaged (${bytes} bytes, wanted whole pages of ${pageSize})`,
  );
}

/** What SQLite's own check finds; empty when all is well. */
export function pageProblems(db: Connection, check: string): string[] {
  const rows = (db.pragma(check) as Record<string, unknown>[]).map((row) => String(Object.values(row)[0]));
  return rows
    .filter((row) => row !== 'ok')
    .map((row) => row.replaceAll(/\s*\n\s*/g, ': ').replace(/^\*+ /, ''));
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
/** Are there writes that have not reached the file itself? */
const isPending = (file: string): boolean =>
  [`${file}-wal`, `${file}-journal`].some((path) => sizeOf(path) > 0);
const versionOf = (db: Connection): number => db.pragma('user_version', { simple: true }) as number;
const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const codeOf = (error: unknown): string | undefined =>
  error instanceof Database.SqliteError ? error.code : undefined;
