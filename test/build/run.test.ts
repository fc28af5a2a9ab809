import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import * as run from '../../build/run.mjs';

const runScript = join(import.meta.dirname, '..', '..', 'build', 'run.mjs');
const isWindows = process.platform === 'win32';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'reward-lab-run-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string): string {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
  return join(root, path);
}

const lockOf = (version: string): string =>
  JSON.stringify({
    packages: {
      '': { name: 'x' },
      'node_modules/a': { version },
      'node_modules/only-on-mac': { version: '1.0.0', optional: true, os: ['darwin'] },
    },
  });

/** A small checkout whose packages are installed, with this very Node as the packaged one. */
function installed(): void {
  write('package-lock.json', lockOf('1.0.0'));
  write('node_modules/.package-lock.json', lockOf('1.0.0'));
  const node = run.packagedNode(root);
  mkdirSync(dirname(node), { recursive: true });
  writeFileSync(node, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
  chmodSync(node, 0o755);
}

const main = (...args: string[]): string =>
  `import { main } from ${JSON.stringify(pathToFileURL(runScript).href)};
   process.exitCode = await main(${JSON.stringify(root)}, ${JSON.stringify(args)});`;

const call = (env: NodeJS.ProcessEnv, ...args: string[]) =>
  spawnSync(process.execPath, ['--input-type=module', '-e', main(...args)], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });

test('set-up is needed when node_modules is missing', () => {
  write('package-lock.json', lockOf('1.0.0'));
  assert.equal(run.setupReason(root), 'node_modules is missing');
});

test('set-up is needed when this Node is too old and the packaged one is not there', () => {
  write('package-lock.json', lockOf('1.0.0'));
  write('node_modules/.package-lock.json', lockOf('1.0.0'));
  assert.equal(run.setupReason(root, '20.20.2'), 'Node 24 is missing in node_modules');
  assert.equal(run.setupReason(root, '24.1.0'), null);
});

test('packages installed by hand are taken over and stamped with the hash of the lock file', () => {
  installed();
  assert.equal(run.setupReason(root), null);
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'node_modules/.reward-lab.json'), 'utf8')), {
    lock: createHash('sha256').update(lockOf('1.0.0')).digest('hex'),
  });
});

test('an installation that was broken off is not taken over', () => {
  installed();
  rmSync(join(root, 'node_modules/.package-lock.json'));
  assert.equal(run.setupReason(root), 'node_modules is not complete');
});

test('set-up is needed again when the lock file asks for another version', () => {
  installed();
  run.setupReason(root);
  write('package-lock.json', lockOf('1.0.1'));
  assert.equal(run.setupReason(root), 'package-lock.json has changed');
});

test('a lock file that changed in words only is stamped again without an installation', () => {
  installed();
  run.setupReason(root);
  write('package-lock.json', `${lockOf('1.0.0')}\n`);
  assert.equal(run.setupReason(root), null);
});

test('the packaged Node is preferred, then this one if it is 24 or newer', () => {
  assert.equal(run.chooseNode(root, '20.20.2', '/usr/bin/node'), null);
  assert.equal(run.chooseNode(root, '24.0.0', '/usr/bin/node'), '/usr/bin/node');
  installed();
  assert.equal(run.chooseNode(root, '26.0.0', '/usr/bin/node'), run.packagedNode(root));
  assert.match(run.packagedNode(root, 'win32'), /node\.exe$/);
});

test('npm is called through its own script where that is known, and another package manager is not taken for it', () => {
  const npm = write('npm/npm-cli.js', '');
  const yarn = write('yarn/yarn.js', '');
  const nowhere = join(root, 'bin', 'node');
  assert.deepEqual(run.npmCommand({ npm_execpath: npm }, nowhere, 'linux'), {
    command: nowhere,
    args: [npm],
    shell: false,
  });
  assert.deepEqual(run.npmCommand({ npm_execpath: yarn }, nowhere, 'linux'), {
    command: 'npm',
    args: [],
    shell: false,
  });
  assert.deepEqual(run.npmCommand({}, nowhere, 'win32'), { command: 'npm.cmd', args: [], shell: true });
  const beside = write('bin/node_modules/npm/bin/npm-cli.js', '');
  assert.deepEqual(run.npmCommand({}, nowhere, 'win32').args, [beside]);
});

test('exit codes are kept and signals count as shells count them', () => {
  assert.deepEqual(
    [
      run.exitCodeOf(0, null),
      run.exitCodeOf(2, null),
      run.exitCodeOf(null, 'SIGINT'),
      run.exitCodeOf(null, 'SIGTERM'),
      run.exitCodeOf(null, 'SIGKILL'),
      run.exitCodeOf(null, null),
    ],
    [0, 2, 130, 143, 137, 1],
  );
});

test('a second set-up waits until the first gives its lock back', async () => {
  const path = join(root, 'dist', '.set-up');
  const giveBack = await run.takeLock(path, { waitMs: 1000 });
  const waited: number[] = [];
  const second = run.takeLock(path, { waitMs: 5000, pollMs: 10, onWait: (pid: number) => waited.push(pid) });
  await new Promise((resolve) => setTimeout(resolve, 40));
  assert.deepEqual(waited, [process.pid]);
  giveBack();
  (await second)();
  assert.equal(existsSync(path), false);
});

test('a second set-up fails with a word when the first takes too long', async () => {
  const path = join(root, 'dist', '.set-up');
  await run.takeLock(path, { waitMs: 1000 });
  await assert.rejects(run.takeLock(path, { waitMs: 30, pollMs: 10 }), /another set-up \(process \d+\)/);
});

test('the lock of a process that is gone is taken over', async () => {
  const path = join(root, 'dist', '.set-up');
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  write('dist/.set-up/pid', String(gone));
  (await run.takeLock(path, { waitMs: 1000, pollMs: 10 }))();
  mkdirSync(path);
  utimesSync(path, 0, 0);
  (await run.takeLock(path, { waitMs: 1000, pollMs: 10 }))();
  assert.equal(existsSync(path), false);
});

test('an unknown script is wrong usage', () => {
  const { status, stderr, stdout } = call({}, 'strat');
  assert.equal(status, 2);
  assert.match(stderr, /Unknown script 'strat', wanted one of: start, test, ok, lab, bench, dist/);
  assert.equal(stdout, '');
});

test('the script gets its arguments, the packages first in PATH, and stdout for itself', {
  skip: isWindows,
}, () => {
  installed();
  write(
    'lab/cli.ts',
    `console.log(JSON.stringify([process.argv.slice(2), process.env.PATH]));process.exitCode=2;`,
  );
  const { status, stdout, stderr } = call({ PATH: '/usr/bin' }, 'lab', 'runs', '--json');
  assert.equal(status, 2);
  assert.equal(stderr, '');
  const [args, path] = JSON.parse(stdout) as [string[], string];
  assert.deepEqual(args, ['runs', '--json']);
  assert.deepEqual(path.split(':'), [
    join(root, 'node_modules/.bin'),
    join(root, 'node_modules/node/bin'),
    '/usr/bin',
  ]);
});

test('set-up installs with development packages, says why on stderr, and the script runs then', {
  skip: isWindows,
}, () => {
  write('package-lock.json', lockOf('1.0.0'));
  write('lab/cli.ts', `console.log('ran');`);
  // Stands for npm: notes how it was called and leaves what npm leaves.
  const npm = write(
    'fake/npm-cli.js',
    `const fs = require('fs');
     fs.mkdirSync('node_modules/node/bin', { recursive: true });
     fs.writeFileSync('called.json', JSON.stringify([process.argv.slice(2), process.env.npm_config_loglevel ?? null]));
     fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
     fs.writeFileSync('node_modules/node/bin/node', "#!/bin/sh\\nexec '${process.execPath}' \\"$@\\"\\n", { mode: 0o755 });`,
  );
  const env = { npm_execpath: npm, npm_config_loglevel: 'silent', NODE_ENV: 'production' };
  const first = call(env, 'lab');
  assert.equal(first.stdout, 'ran\n');
  assert.match(first.stderr, /^Setting up: installing packages with `npm ci` \(node_modules is missing\)/);
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'called.json'), 'utf8')), [
    ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'],
    null,
  ]);
  const second = call(env, 'lab');
  assert.deepEqual([second.status, second.stdout, second.stderr], [0, 'ran\n', '']);
  assert.equal(existsSync(join(root, 'dist/.set-up')), false);
});

test('a failed set-up shows the end of what npm said and ends with 1', { skip: isWindows }, () => {
  write('package-lock.json', lockOf('1.0.0'));
  const npm = write('fake/npm-cli.js', `console.error('npm error network no route'); process.exit(7);`);
  const { status, stdout, stderr } = call({ npm_execpath: npm }, 'lab');
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /npm error network no route/);
  assert.match(stderr, /Set-up failed: `npm ci` ended with 7/);
  assert.equal(existsSync(join(root, 'node_modules/.reward-lab.json')), false);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} reaches the script once, which may take its time to stop`, {
    skip: isWindows,
  }, async () => {
    installed();
    write(
      'lab/cli.ts',
      `let count = 0;
       process.on('${signal}', () => {
         if (++count === 1) setTimeout(() => { console.log('stopped after', count); process.exit(5); }, 150);
       });
       setInterval(() => {}, 1000);
       console.log('up');`,
    );
    const child = spawn(process.execPath, ['--input-type=module', '-e', main('lab')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (out === 'up\n') {
        child.kill(signal);
        child.kill(signal);
      }
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.deepEqual([code, out], [5, 'up\nstopped after 1\n']);
  });

  test(`a script that ${signal} ends gives ${signal === 'SIGINT' ? 130 : 143}`, {
    skip: isWindows,
  }, async () => {
    installed();
    write('lab/cli.ts', `setInterval(() => {}, 1000); console.log('up');`);
    const child = spawn(process.execPath, ['--input-type=module', '-e', main('lab')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    child.stdout.once('data', () => child.kill(signal));
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, signal === 'SIGINT' ? 130 : 143);
  });
}

test('a script whose caller died is told to stop', { skip: isWindows }, async () => {
  installed();
  write(
    'lab/cli.ts',
    `process.on('SIGTERM', () => { console.log('stopped'); process.exit(0); });
     setInterval(() => {}, 1000);
     console.log('up');`,
  );
  // `; true` keeps the shell between us and the script, as npm does.
  const shell = spawn('sh', ['-c', '"$0" --input-type=module -e "$1"; true', process.execPath, main('lab')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  shell.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (out === 'up\n') shell.kill('SIGKILL');
  });
  await new Promise((resolve) => shell.stdout.on('close', resolve));
  assert.equal(out, 'up\nstopped\n');
});

test('a script that is not there is named', { skip: isWindows }, () => {
  installed();
  const { status, stderr } = call({}, 'bench');
  assert.equal(status, 1);
  assert.match(stderr, /`npm run bench` runs build\/bench\.ts, which is not in /);
});
