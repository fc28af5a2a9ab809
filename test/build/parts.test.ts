import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { toJavaScript } from '../../build/app.ts';
import { encodePng } from '../../build/icon.ts';
import { fixLock, lockProblems } from '../../build/lock.ts';
import { filesUnder, hashOf, isStale, stamp } from '../../build/stale.ts';
import { inLanes, pickFiles, summaryLine } from '../../build/test.ts';

const project = join(import.meta.dirname, '..', '..');

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'reward-lab-build-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

test('an output is stale until it carries the hash of its inputs, and again when one of them changes', () => {
  write('renderer/main.tsx', 'a');
  write('renderer/panels/x.ts', 'b');
  write('other.ts', 'c');
  const inputs = ['renderer', 'lab/pack.ts'];
  const stampFile = join(root, 'dist', 'renderer.stamp');
  const first = hashOf(root, inputs);
  assert.equal(isStale(stampFile, first), true);
  stamp(stampFile, first);
  assert.equal(isStale(stampFile, hashOf(root, inputs)), false);

  write('other.ts', 'changed');
  assert.equal(isStale(stampFile, hashOf(root, inputs)), false, 'no input of it');
  const hashes = [first];
  const changes: (() => void)[] = [
    () => write('renderer/panels/x.ts', 'changed'),
    () => write('renderer/new.css', ''),
    () => write('lab/pack.ts', ''),
    () => rmSync(join(root, 'renderer/main.tsx')),
  ];
  for (const change of changes) {
    change();
    hashes.push(hashOf(root, inputs));
  }
  assert.equal(new Set(hashes).size, hashes.length, 'each change gives another hash');
  assert.deepEqual(filesUnder(root, 'renderer'), ['renderer/new.css', 'renderer/panels/x.ts']);
});

test('JavaScript for Electron has no types and imports .js, and strings that only look like paths stay', () => {
  const source = [
    `import type { A } from './a.ts';`,
    `import { b, type C } from '../b.ts';`,
    `import { readFileSync } from 'node:fs';`,
    `export { d } from "./d.ts";`,
    `export * from './e/e.ts';`,
    `const f = await import('./f.ts');`,
    `const w = new URL('./worker.ts', import.meta.url);`,
    `const text: string = './not-an-import.ts';`,
    `const g = (x: number): number => x as number;`,
  ].join('\n');
  assert.deepEqual(
    toJavaScript('lab/x.ts', source)
      .split('\n')
      .map((line) => line.replace(/ {2,}/g, ' ').trim()),
    [
      '',
      `import { b, } from '../b.js';`,
      `import { readFileSync } from 'node:fs';`,
      `export { d } from "./d.js";`,
      `export * from './e/e.js';`,
      `const f = await import('./f.js');`,
      `const w = new URL('./worker.js', import.meta.url);`,
      `const text = './not-an-import.ts';`,
      'const g = (x ) => x ;',
    ],
  );
});

test('the lock file installs on every platform and compiles nothing', () => {
  assert.deepEqual(lockProblems(readFileSync(join(project, 'package-lock.json'), 'utf8')), []);
});

test('a lock file without another platform’s binary, or with a package to compile, is refused', () => {
  const lock = JSON.stringify({
    packages: {
      '': { dependencies: { a: '1' } },
      'node_modules/a': { dependencies: { b: '1' }, optionalDependencies: { 'a-mac': '1' } },
      'node_modules/a/node_modules/b': { dependencies: { c: '1' } },
      'node_modules/c': {},
      'node_modules/better-sqlite3': { version: '1' },
    },
  });
  assert.deepEqual(lockProblems(lock), [
    'node_modules/a depends on a-mac, which the lock file does not hold',
    'node_modules/better-sqlite3 lacks "gypfile": false, so `npm ci` would compile it; run `node build/lock.ts --fix`',
  ]);
  assert.deepEqual(lockProblems(fixLock(lock)), [
    'node_modules/a depends on a-mac, which the lock file does not hold',
  ]);
});

test('filters pick test files by part of their path or by pattern', () => {
  const all = [
    'test/sim/env.test.ts',
    'test/sim/tasks/push.test.ts',
    'test/support/browser.ts',
    'test/lab/a.test.ts',
  ];
  assert.deepEqual(pickFiles(all, []), [all[0], all[1], all[3]]);
  assert.deepEqual(pickFiles(all, ['./test/sim']), [all[0], all[1]]);
  assert.deepEqual(pickFiles(all, ['test/**/a*.ts', 'push']), [all[1], all[3]]);
  assert.deepEqual(pickFiles(all, ['nothing']), []);
});

test('heavy files start first and never more than allowed are under way; light ones fill the other lanes', async () => {
  const begun: string[] = [];
  let [heavy, all, mostHeavy, mostAll] = [0, 0, 0, 0];
  const isHeavy = (name: string): boolean => name.startsWith('h');
  await inLanes(['l1', 'l2', 'h1', 'l3', 'h2', 'h3'], { lanes: 3, mostHeavy: 1, isHeavy }, async (name) => {
    begun.push(name);
    all++;
    if (isHeavy(name)) heavy++;
    mostHeavy = Math.max(mostHeavy, heavy);
    mostAll = Math.max(mostAll, all);
    for (let i = 0; i < (isHeavy(name) ? 5 : 2); i++) await Promise.resolve();
    all--;
    if (isHeavy(name)) heavy--;
  });
  assert.deepEqual(begun.slice(0, 3), ['h1', 'l1', 'l2']);
  assert.deepEqual(begun.toSorted(), ['h1', 'h2', 'h3', 'l1', 'l2', 'l3']);
  assert.deepEqual([mostHeavy, mostAll], [1, 3]);
});

test('the tally counts tests and not files or suites, and shows what failed', async () => {
  write(
    'test/a.test.ts',
    `import { test, describe, it } from 'node:test';
     test('fine', () => {});
     test('left out', { skip: true }, () => {});
     describe('suite', () => { it('inside', () => {}); it('breaks', () => { throw new Error('boom'); }); });
     test('parent', async (t) => { await t.test('child', () => { throw new Error('child boom'); }); });`,
  );
  write('test/broken.test.ts', 'this is no TypeScript (');
  write('test/empty.test.ts', 'export {};');
  // In a process of its own: node:test does not run inside node:test.
  write(
    'go.ts',
    `import { runTests } from ${JSON.stringify(join(project, 'build', 'test.ts'))};
     const files = ['test/a.test.ts', 'test/broken.test.ts', 'test/empty.test.ts'];
     console.log(JSON.stringify(await runTests(files, { cwd: import.meta.dirname })));`,
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { stdout } = spawnSync(process.execPath, [join(root, 'go.ts')], { encoding: 'utf8', env });
  assert.deepEqual(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? ''), {
    passed: 2,
    failed: 3,
    skipped: 1,
  });
  assert.match(stdout, /FAIL test\/a\.test\.ts:4\n {2}breaks\n {4}Error: boom/);
  assert.match(stdout, /What test\/broken\.test\.ts printed:\n.*SyntaxError/s);
});

test('what a test says of itself is shown with `verbose` only', () => {
  write(
    'test/says.test.ts',
    `import { test } from 'node:test';
     test('fine', (t) => t.diagnostic('a figure: 42'));`,
  );
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const shown = (verbose: boolean): string => {
    write(
      'says.ts',
      `import { runTests } from ${JSON.stringify(join(project, 'build', 'test.ts'))};
       await runTests(['test/says.test.ts'], { cwd: import.meta.dirname, verbose: ${verbose} });`,
    );
    return spawnSync(process.execPath, [join(root, 'says.ts')], { encoding: 'utf8', env }).stderr;
  };
  assert.equal(shown(true), 'a figure: 42\n');
  assert.equal(shown(false), '');
});

test('the last line says how many passed and failed, and how many were left out if any', () => {
  assert.equal(summaryLine({ passed: 3, failed: 0, skipped: 0 }), '3 passed, 0 failed');
  assert.equal(summaryLine({ passed: 3, failed: 1, skipped: 2 }), '3 passed, 1 failed, 2 skipped');
});

test('`npm test` with a filter that matches nothing fails and says so', () => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(project, 'build', 'test.ts'), 'no-such-file-anywhere'],
    { encoding: 'utf8', env },
  );
  assert.deepEqual([status, stdout.trimEnd().split('\n').at(-1)], [1, '0 passed, 0 failed']);
  assert.match(stderr, /No test ran/);
});

test('a picture survives the PNG encoder', () => {
  const png = encodePng(2, 1, (x) => (x < 1 ? [1, 2, 3, 4] : [250, 251, 252, 255]));
  assert.equal(png.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1a\n');
  assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [2, 1]);
  const data = png.indexOf('IDAT');
  const length = png.readUInt32BE(data - 4);
  assert.deepEqual(
    [...inflateSync(png.subarray(data + 4, data + 4 + length))],
    [0, 1, 2, 3, 4, 250, 251, 252, 255],
  );
});
