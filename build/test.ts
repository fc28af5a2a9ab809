/**
 * `npm test [-- filter ...] [--grep pattern] [--verbose] [--pictures]`: all of test/, or the files whose path holds a filter.
 * The last line on stdout is `N passed, N failed`, for whoever counts. Exit 1 when a test failed or none ran.
 */

import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, matchesGlob } from 'node:path';
import { run } from 'node:test';
import { parseArgs } from 'node:util';
import { buildRenderer, root } from './renderer.ts';
import { filesUnder } from './stale.ts';

/** Nothing in test/ may take longer; a hang must not hold a machine for hours. */
const timeoutMs = 10 * 60_000;

interface Failure {
  readonly file: string;
  readonly line: number | undefined;
  readonly name: string;
  readonly message: string;
}

export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

export function summaryLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export function pickFiles(all: readonly string[], filters: readonly string[]): string[] {
  const wanted = filters.map((filter) => filter.replaceAll('\\', '/').replace(/^\.\//, ''));
  return all.filter(
    (file) =>
      file.endsWith('.test.ts') &&
      (wanted.length === 0 || wanted.some((filter) => file.includes(filter) || matchesGlob(file, filter))),
  );
}

/** Files that open a browser, which draws with more than one core. */
export const opensBrowser = (source: string): boolean => /support\/(browser|window)\.ts'/.test(source);

/** node:test wraps what a test threw; the cause carries the message and the stack a reader wants. */
function messageOf(error: Error): string {
  const cause = error.cause instanceof Error ? error.cause : error;
  const stack = cause.stack ?? cause.message;
  return stack
    .split('\n')
    .filter((line) => !line.includes('node:internal/') && !line.includes('(node:'))
    .join('\n');
}

/**
 * Items for as many lanes: each takes the next when it is free, a heavy one where there are fewer than `mostHeavy` under way, for
 * they take longest, else the next light one.
 */
export async function inLanes<Item>(
  items: readonly Item[],
  { lanes, mostHeavy, isHeavy }: { lanes: number; mostHeavy: number; isHeavy: (item: Item) => boolean },
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items];
  let heavy = 0;
  const lane = async (): Promise<void> => {
    for (;;) {
      const wanted = heavy < mostHeavy ? left.findIndex(isHeavy) : -1;
      const at = wanted === -1 ? left.findIndex((item) => !isHeavy(item)) : wanted;
      if (at === -1) return;
      const [item] = left.splice(at, 1);
      const weighs = isHeavy(item!) ? 1 : 0;
      heavy += weighs;
      try {
        await work(item!);
      } finally {
        heavy -= weighs;
      }
    }
  };
  // A lane that found heavy ones only has ended; those under way take what is left.
  await Promise.all(Array.from({ length: lanes }, lane));
}

/** Runs the files, each in a process of its own, and writes one line a file as it ends. */
export async function runTests(
  files: readonly string[],
  {
    cwd,
    grep,
    verbose = false,
    atOnce = Math.max(1, Math.min(availableParallelism(), 8)),
  }: { cwd: string; grep?: string; verbose?: boolean; atOnce?: number },
): Promise<Tally> {
  const tally: Tally = { passed: 0, failed: 0, skipped: 0 };
  const failures: Failure[] = [];
  const printed = new Map<string, string[]>();
  const perFile = new Map<string, Tally>();
  const short = (file: string | undefined): string =>
    (file ?? '?').replace(cwd, '').replaceAll('\\', '/').replace(/^\//, '');

  const countIn = (file: string): Tally => {
    const found = perFile.get(file) ?? { passed: 0, failed: 0, skipped: 0 };
    perFile.set(file, found);
    return found;
  };
  const runFile = async (one: string): Promise<void> => {
    const stream = run({
      files: [join(cwd, one)],
      cwd,
      timeout: timeoutMs,
      ...(grep === undefined ? {} : { testNamePatterns: [new RegExp(grep)] }),
    });
    for await (const { type, data } of stream) {
      if (type === 'test:stdout' || type === 'test:stderr') {
        if (verbose) process.stderr.write(data.message);
        else printed.set(short(data.file), [...(printed.get(short(data.file)) ?? []), data.message]);
      } else if (type === 'test:diagnostic') {
        // What a test says of itself; lines without a file are counts of node:test.
        if (verbose && data.file !== undefined) process.stderr.write(`${data.message}\n`);
      } else if (type === 'test:pass') {
        // A file without a test in it counts as one passed test with node:test, and as none here.
        if (data.details.type === 'suite' || data.name === data.file) continue;
        const kind = data.skip !== undefined || data.todo !== undefined ? 'skipped' : 'passed';
        tally[kind]++;
        countIn(short(data.file))[kind]++;
      } else if (type === 'test:fail') {
        const error = data.details.error as Error & { failureType?: string };
        // A suite or a file fails with the tests inside it; those are counted already.
        if (error.failureType === 'subtestsFailed') continue;
        if (data.todo !== undefined) {
          tally.skipped++;
          continue;
        }
        const file = short(data.file ?? data.name);
        tally.failed++;
        countIn(file).failed++;
        failures.push({ file, line: data.line, name: data.name, message: messageOf(error) });
      } else if (type === 'test:summary' && data.file !== undefined) {
        const file = short(data.file);
        const count = countIn(file);
        const seconds = (data.duration_ms / 1000).toFixed(1);
        const mark = count.failed > 0 ? 'FAIL' : 'ok  ';
        process.stdout.write(`${mark} ${file.padEnd(56)} ${summaryLine(count)}  ${seconds} s\n`);
      }
    }
  };
  const browsers = new Set(files.filter((file) => opensBrowser(readFileSync(join(cwd, file), 'utf8'))));
  await inLanes(
    files,
    { lanes: atOnce, mostHeavy: Math.max(1, atOnce >> 1), isHeavy: (file) => browsers.has(file) },
    runFile,
  );
  for (const { file, line, name, message } of failures) {
    process.stdout.write(`\nFAIL ${file}${line === undefined ? '' : `:${line}`}\n  ${name}\n`);
    process.stdout.write(`${message.replace(/^/gm, '    ')}\n`);
  }
  for (const file of new Set(failures.map((failure) => failure.file))) {
    const text = (printed.get(file) ?? []).join('').trimEnd().split('\n').slice(-40).join('\n');
    if (text !== '') process.stdout.write(`\nWhat ${file} printed:\n${text.replace(/^/gm, '    ')}\n`);
  }
  return tally;
}

async function main(): Promise<number> {
  let args: { values: { grep?: string; verbose?: boolean; pictures?: boolean }; positionals: string[] };
  try {
    args = parseArgs({
      options: { grep: { type: 'string' }, verbose: { type: 'boolean' }, pictures: { type: 'boolean' } },
      allowPositionals: true,
    });
    if (args.values.grep !== undefined) new RegExp(args.values.grep);
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
    return 2;
  }
  if (args.values.pictures) process.env['REWARD_LAB_PICTURES'] = '1';
  const files = pickFiles(filesUnder(root, 'test'), args.positionals);
  if (files.length > 0 && existsSync(join(root, 'renderer', 'index.html'))) {
    try {
      await buildRenderer();
    } catch (error) {
      process.stderr.write(`The window does not build: ${(error as Error).message}\n`);
      process.stdout.write('\n0 passed, 1 failed\n');
      return 1;
    }
  }
  const tally = await runTests(files, { cwd: root, ...args.values });
  const ran = tally.passed + tally.failed;
  if (ran === 0)
    process.stderr.write(`No test ran: nothing in test/ matches ${process.argv.slice(2).join(' ')}\n`);
  process.stdout.write(`\n${summaryLine(tally)}\n`);
  return tally.failed > 0 || ran === 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = await main();
