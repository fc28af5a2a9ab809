/** Something the caller got wrong: a name, a value, a recipe. The command line exits 2, the api answers BAD_REQUEST. */
export class UsageError extends Error {
  override name = 'UsageError';
  /** Every problem found, one line each. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
