/** `bench`: runs a measurement of bench/, which a source checkout has and an installed app has not. */

import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../errors.ts';
import { nearest } from '../fields.ts';
import { print, printJson } from './output.ts';

const folder = fileURLToPath(new URL('../../bench', import.meta.url));

/** Returns the exit code. @throws UsageError when there is no such benchmark here. */
export async function runBench(name: string | undefined, args: readonly string[]): Promise<number> {
  if (!existsSync(folder)) {
    throw new UsageError(['bench: measurements come with the source, not with the installed app']);
  }
  const names = readdirSync(folder)
    .flatMap((file) => /^([\w-]+)\.ts$/.exec(file)?.[1] ?? [])
    .sort();
  if (name === undefined) {
    if (args.includes('--json')) printJson({ benchmarks: names });
    else print(names.join('\n'));
    return 0;
  }
  if (!names.includes(name)) {
    throw new UsageError([`bench: unknown benchmark "${name}"${nearest(name, names)}`]);
  }
  const child = spawn(process.execPath, [join(folder, `${name}.ts`), ...args], { stdio: 'inherit' });
  const stop = (signal: NodeJS.Signals): boolean => child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, stop);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 130));
  });
}
