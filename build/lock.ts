/**
 * Checks package-lock.json for two things that npm gets wrong without a word, and with `--fix` repairs the second:
 *
 *  - Binaries of other platforms missing: a lock file written on Linux must still install on macOS and Windows.
 *  - `gypfile: false` lost: better-sqlite3 brings its binaries, but `npm ci` reads only the lock file, sees its
 *    binding.gyp and compiles it, which needs Python and a C++ compiler. npm takes the word of the lock file when it
 *    says `gypfile: false`, and drops that line each time it writes the file.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

interface Entry {
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
  readonly gypfile?: boolean;
}

interface Lock {
  packages: Record<string, Entry>;
}

/** Packages with a binding.gyp that must not be compiled, because their binaries come with them. */
const withBinaries = ['node_modules/better-sqlite3'];

export function lockProblems(text: string): string[] {
  const { packages } = JSON.parse(text) as Lock;
  const problems: string[] = [];
  for (const [path, entry] of Object.entries(packages)) {
    for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
      let at = path;
      while (at !== '' && !packages[`${at}/node_modules/${name}`]) {
        at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')));
      }
      if (at === '' && !packages[`node_modules/${name}`]) {
        problems.push(`${path || 'package.json'} depends on ${name}, which the lock file does not hold`);
      }
    }
  }
  for (const path of withBinaries) {
    if (packages[path] && packages[path].gypfile !== false) {
      problems.push(
        `${path} lacks "gypfile": false, so \`npm ci\` would compile it; run \`node build/lock.ts --fix\``,
      );
    }
  }
  return problems;
}

export function fixLock(text: string): string {
  const lock = JSON.parse(text) as Lock;
  for (const path of withBinaries) {
    const entry = lock.packages[path];
    if (entry) lock.packages[path] = { ...entry, gypfile: false };
  }
  return `${JSON.stringify(lock, null, 2)}\n`;
}

if (import.meta.main) {
  const file = join(import.meta.dirname, '..', 'package-lock.json');
  if (process.argv.includes('--fix')) writeFileSync(file, fixLock(readFileSync(file, 'utf8')));
  const problems = lockProblems(readFileSync(file, 'utf8'));
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  if (problems.length > 0) process.exitCode = 1;
}
