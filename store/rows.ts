/** What the table files share: values that SQLite has no word for, hashes, JSON. */

import { createHash } from 'node:crypto';
import type Database from 'better-sqlite3';

/** SQLite stores NaN as NULL; the tables say so. */
export const numberOf = (value: number | null): number => value ?? Number.NaN;

/** better-sqlite3 takes no value longer than V8's longest string, 2^29 - 24; less room for the rest of the row. */
export const mostBlobBytes = 536_000_000;

/** First 64 bits of SHA-256, hex. */
export const hash64 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** @returns a check that throws a RangeError, naming the run, when it is not in the project. */
export function runCheck(db: Database.Database): (id: number, consequence?: string) => void {
  const found = db.prepare<[number], number>('SELECT 1 FROM runs WHERE id = ?').pluck();
  return (id, consequence) => {
    if (found.get(id) !== undefined) return;
    throw new RangeError(
      `There is no run ${id} in this project${consequence === undefined ? '' : `; ${consequence}`}`,
    );
  };
}

/** JSON has no NaN and no infinities: they are written as their names. */
export function numbersToJson(values: Readonly<Record<string, number>>): string {
  return JSON.stringify(values, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
}
export function numbersFromJson(text: string): Record<string, number> {
  const values = JSON.parse(text) as Record<string, number | string>;
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
}

/** A blob of better-sqlite3 is a view into memory of its own; handed out as plain bytes. */
export const bytesOf = (blob: Buffer): Uint8Array =>
  new Uint8Array(blob.buffer, blob.byteOffset, blob.length);
