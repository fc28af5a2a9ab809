/**
 * What every `npm` script goes through: `node build/run.mjs <start|test|ok|lab|bench|dist> [args]`.
 *
 *  1. Set up what is missing: `npm ci`, once, and again when package-lock.json has changed.
 *  2. Run the real script with Node 24 from the npm package `node`, whatever Node this is (20 is enough here).
 *
 * Plain JavaScript without packages, because it runs before there are any. Everything it says goes to stderr: stdout
 * belongs to the script it runs.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { constants } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const scripts = {
  start: 'build/start.ts',
  test: 'build/test.ts',
  ok: 'build/ok.ts',
  lab: 'lab/cli.ts',
  bench: 'build/bench.ts',
  dist: 'build/dist.ts',
};

const wantedMajor = 24;
const oldestMajor = 20;
const lockWaitMs = 15 * 60_000;
const say = (/** @type {string} */ line) => process.stderr.write(`${line}\n`);

/** @param {string} root @param {string} [platform] */
export function packagedNode(root, platform = process.platform) {
  return join(root, 'node_modules', 'node', 'bin', platform === 'win32' ? 'node.exe' : 'node');
}

/**
 * The Node that runs the scripts: the packaged one, else this one if it is new enough, else none.
 * @param {string} root @param {string} [version] @param {string} [execPath]
 */
export function chooseNode(root, version = process.versions.node, execPath = process.execPath) {
  const packaged = packagedNode(root);
  if (existsSync(packaged)) return packaged;
  return Number.parseInt(version, 10) >= wantedMajor ? execPath : null;
}

/** @param {string} root */
export function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** @param {string} root */
const stampPath = (root) => join(root, 'node_modules', '.reward-lab.json');

/** @param {string} root */
export function writeStamp(root) {
  try {
    writeFileSync(stampPath(root), `${JSON.stringify({ lock: lockHash(root) })}\n`);
  } catch (error) {
    // A read-only checkout can still run; it only pays for the longer check each time.
    if (!['EACCES', 'EROFS', 'EPERM'].includes(/** @type {any} */ (error).code)) throw error;
  }
}

/**
 * Whether somebody has already run `npm ci` by hand: npm keeps what it installed in node_modules/.package-lock.json.
 * Optional packages may be missing there, they belong to other platforms.
 * @param {string} root
 */
export function installedMatchesLock(root) {
  try {
    const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
    const found = JSON.parse(readFileSync(join(root, 'node_modules', '.package-lock.json'), 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' ||
        entry.optional ||
        entry.devOptional ||
        entry.peer ||
        found[path]?.version === entry.version,
    );
  } catch {
    return false;
  }
}

/**
 * Why set-up is needed, in words that fit into brackets; null when it is not.
 * @param {string} root @param {string} [version] of the Node that asks
 * @returns {string | null}
 */
export function setupReason(root, version = process.versions.node) {
  if (!existsSync(join(root, 'node_modules'))) return 'node_modules is missing';
  if (chooseNode(root, version) === null) return `Node ${wantedMajor} is missing in node_modules`;
  let stamp;
  try {
    stamp = JSON.parse(readFileSync(stampPath(root), 'utf8')).lock;
  } catch {
    if (installedMatchesLock(root)) {
      writeStamp(root);
      return null;
    }
    return 'node_modules is not complete';
  }
  if (stamp === lockHash(root)) return null;
  if (installedMatchesLock(root)) {
    writeStamp(root);
    return null;
  }
  return 'package-lock.json has changed';
}

/**
 * How to call npm. `npm_execpath` is npm's own script while npm runs us; yarn and others set it to theirs.
 * @param {Record<string, string | undefined>} env
 * @returns {{ command: string, args: string[], shell: boolean }}
 */
export function npmCommand(env = process.env, execPath = process.execPath, platform = process.platform) {
  const here = dirname(execPath);
  const candidates = [
    env.npm_execpath && basename(env.npm_execpath) === 'npm-cli.js' ? env.npm_execpath : undefined,
    join(here, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(here, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  const script = candidates.find((path) => path !== undefined && existsSync(path));
  if (script) return { command: execPath, args: [script], shell: false };
  // npm.cmd is a batch file: only a shell runs it.
  return platform === 'win32'
    ? { command: 'npm.cmd', args: [], shell: true }
    : { command: 'npm', args: [], shell: false };
}

/**
 * 0 to 255 as shells count: a child ended by a signal gives 128 + its number.
 * @param {number | null} code @param {NodeJS.Signals | null} signal
 */
export function exitCodeOf(code, signal) {
  if (signal) return 128 + (constants.signals[signal] ?? 0);
  return code ?? 1;
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {any} */ (error).code === 'EPERM';
  }
}

/**
 * Takes the lock that only one set-up may hold; the lock of a process that is gone is taken over.
 * @param {string} path a directory that does not exist while nobody holds the lock
 * @param {{ waitMs: number, pollMs?: number, onWait?: (pid: number) => void }} options
 * @returns {Promise<() => void>} gives it back
 */
export async function takeLock(path, { waitMs, pollMs = 500, onWait = () => {} }) {
  const until = Date.now() + waitMs;
  mkdirSync(dirname(path), { recursive: true });
  for (let first = true; ; first = false) {
    try {
      mkdirSync(path);
      writeFileSync(join(path, 'pid'), String(process.pid));
      return () => rmSync(path, { recursive: true, force: true });
    } catch (error) {
      if (/** @type {any} */ (error).code !== 'EEXIST') throw error;
    }
    let pid = 0;
    let ageMs = 0;
    try {
      ageMs = Date.now() - statSync(path).mtimeMs;
      pid = Number(readFileSync(join(path, 'pid'), 'utf8'));
    } catch {
      // Between its two steps, or just given back: look again.
    }
    if (pid > 0 ? !isAlive(pid) : ageMs > 5000) {
      rmSync(path, { recursive: true, force: true });
      continue;
    }
    if (first) onWait(pid);
    if (Date.now() > until) {
      throw new Error(
        `another set-up (process ${pid}) holds ${path} for too long; remove it if that is wrong`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/**
 * Runs a program to its end with its output in a file, shown only when it fails.
 * @param {string} command @param {string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, shell?: boolean, log: string }} options
 * @returns {Promise<number>}
 */
function runQuietly(command, args, { cwd, env, shell = false, log }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (/** @type {Buffer} */ chunk) => appendFileSync(log, chunk);
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const stop = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    child.on('error', (error) => {
      appendFileSync(log, `${command}: ${error.message}\n`);
      resolve(127);
    });
    child.on('close', (code, signal) => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      resolve(exitCodeOf(code, signal));
    });
  });
}

/**
 * Installs the packages if needed.
 * @param {string} root
 * @returns {Promise<number>} exit code
 */
export async function setUp(root) {
  const reason = setupReason(root);
  if (reason === null) return 0;
  const giveBack = await takeLock(join(root, 'dist', '.set-up'), {
    waitMs: lockWaitMs,
    onWait: (pid) => say(`Waiting for another set-up (process ${pid}) to finish ...`),
  });
  try {
    // The other one may have done it.
    if (setupReason(root) === null) return 0;
    say(`Setting up: installing packages with \`npm ci\` (${reason}), about a minute ...`);
    const began = Date.now();
    const log = join(root, 'dist', 'set-up.log');
    writeFileSync(log, '');
    const env = { ...process.env };
    // `npm run -s` sets it to silent, which would hide why an installation failed.
    delete env.npm_config_loglevel;
    const npm = npmCommand();
    const code = await runQuietly(
      npm.command,
      // Development packages hold the compiler, the tests and the window: whatever NODE_ENV says, they are needed.
      [...npm.args, 'ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'],
      { cwd: root, env, shell: npm.shell, log },
    );
    if (code === 0 && chooseNode(root) === null) {
      // Where npm is told to run no install scripts, the package `node` has not fetched its binary yet.
      await runQuietly(process.execPath, ['installArchSpecificPackage.js'], {
        cwd: join(root, 'node_modules', 'node'),
        env,
        log,
      });
    }
    if (code !== 0 || chooseNode(root) === null) {
      const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-20);
      say(tail.map((line) => `  ${line}`).join('\n'));
      if (code === 130 || code === 143) return code;
      say(
        `Set-up failed: ${code === 0 ? `no Node ${wantedMajor} for this platform` : `\`npm ci\` ended with ${code}`}.`,
      );
      say(`It needs the npm registry and 1.2 GB of disk. The whole log: ${log}`);
      return 1;
    }
    writeStamp(root);
    say(`Set up in ${Math.round((Date.now() - began) / 1000)} s. From now on this works offline.`);
    return 0;
  } finally {
    giveBack();
  }
}

/**
 * Runs a script with Node 24; output and input are the caller's own.
 * @param {string} node @param {string[]} args
 * @param {{ root: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<number>} exit code
 */
export function runScript(node, args, { root, env = process.env }) {
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const path = [join(root, 'node_modules', '.bin'), dirname(node), env[key]].filter(Boolean).join(delimiter);
  return new Promise((resolve) => {
    // Stripped and compiled TypeScript is kept between starts: 0.17 s instead of 0.66 s to a first answer.
    const NODE_COMPILE_CACHE = env.NODE_COMPILE_CACHE ?? join(root, 'node_modules', '.cache', 'compiled');
    const child = spawn(node, args, { stdio: 'inherit', env: { ...env, NODE_COMPILE_CACHE, [key]: path } });
    // A Ctrl-C in a terminal reaches the child by itself, because it is in the same group. Sent by another program it
    // reaches only us, and npm may send the same one again: pass on one, and only one a half second.
    const fromTerminal = Boolean(process.stdin.isTTY);
    let last = 0;
    const forward = (/** @type {NodeJS.Signals} */ signal) => {
      if (signal === 'SIGINT' && fromTerminal) return;
      if (Date.now() - last < 500) return;
      last = Date.now();
      child.kill(signal);
    };
    process.on('SIGINT', forward);
    process.on('SIGTERM', forward);
    process.on('SIGHUP', forward);
    // npm tells only the shell between it and us, which dies of a SIGTERM without a word: whoever loses its parent that
    // way passes the signal on.
    const parent = process.ppid;
    const orphaned = setInterval(() => {
      if (process.platform === 'win32' || process.ppid === parent) return;
      clearInterval(orphaned);
      forward('SIGTERM');
    }, 500);
    const end = (/** @type {number} */ code) => {
      clearInterval(orphaned);
      resolve(code);
    };
    child.on('error', (error) => {
      say(`${node}: ${error.message}`);
      end(1);
    });
    child.on('close', (code, signal) => end(exitCodeOf(code, signal)));
  });
}

/** @param {string} root @param {string[]} argv @returns {Promise<number>} exit code */
export async function main(root, argv) {
  const [name = '', ...args] = argv;
  const script = Object.hasOwn(scripts, name) ? scripts[/** @type {keyof typeof scripts} */ (name)] : null;
  if (script === null) {
    say(`Unknown script '${name}', wanted one of: ${Object.keys(scripts).join(', ')}`);
    return 2;
  }
  if (Number.parseInt(process.versions.node, 10) < oldestMajor) {
    say(`This is Node ${process.versions.node}; Reward Lab needs ${oldestMajor} or newer to start.`);
    return 1;
  }
  try {
    const code = await setUp(root);
    if (code !== 0) return code;
  } catch (error) {
    say(`Set-up failed: ${/** @type {Error} */ (error).message}`);
    return 1;
  }
  if (!existsSync(join(root, script))) {
    say(`\`npm run ${name}\` runs ${script}, which is not in ${root}`);
    return 1;
  }
  const node = /** @type {string} */ (chooseNode(root));
  // Node says so about its own TypeScript support; nobody who runs a script can do anything about it.
  return runScript(node, ['--disable-warning=ExperimentalWarning', join(root, script), ...args], { root });
}

const self = fileURLToPath(import.meta.url);
if (process.argv[1] && realpathSync(process.argv[1]) === self) {
  process.exitCode = await main(dirname(dirname(self)), process.argv.slice(2));
}
