/** Another process has the project open for writing. */
export class StoreBusyError extends Error {
  override readonly name = 'StoreBusyError';
  /** Of the process that has it; null where that could not be read. */
  readonly pid: number | null;
  /** Milliseconds since 1970. */
  readonly since: number | null;

  constructor(directory: string, pid: number | null, since: number | null) {
    const who = pid === null ? 'another process' : `process ${pid}`;
    const when = since === null ? '' : ` since ${new Date(since).toISOString()}`;
    super(
      `Project ${directory} is open for writing in ${who}${when}; wanted: no other writer. Reading still works.`,
    );
    this.pid = pid;
    this.since = since;
  }
}

/** The folder or the file cannot be written, or the store was opened for reading. */
export class StoreReadOnlyError extends Error {
  override readonly name = 'StoreReadOnlyError';
}

/** There is no project in the folder. */
export class StoreMissingError extends Error {
  override readonly name = 'StoreMissingError';
}

/** `foreign`: not ours. `damaged`: ours, but broken. `newer`: written by a newer version of Reward Lab. */
export type Refusal = 'foreign' | 'damaged' | 'newer';

/** The file was refused and has not been touched. */
export class StoreForeignError extends Error {
  override readonly name = 'StoreForeignError';
  readonly reason: Refusal;

  constructor(file: string, reason: Refusal, found: string) {
    super(`${file} ${found}. It was left untouched.`);
    this.reason = reason;
  }
}
