/**
 * Where Electron's binary is, and fetching it where it is not: since Electron 42 or so the package comes without it. The
 * try is bounded in time, and a failed one is remembered for some hours so that starts stay quick.
 */

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export interface Attempt {
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: string;
}

/** How long a failed try holds the next one back. */
export const retryAfterMs = 6 * 3600_000;
/** A hundred megabytes at 8 Mbit/s; who has less asks with `--electron`. */
export const fetchMs = 120_000;
export const patientFetchMs = 20 * 60_000;

const executables: Readonly<Record<string, string>> = {
  darwin: 'Electron.app/Contents/MacOS/Electron',
  win32: 'electron.exe',
};

function packageDir(root: string): string {
  return join(root, 'node_modules', 'electron');
}

export function electronVersion(root: string): string {
  return (JSON.parse(readFileSync(join(packageDir(root), 'package.json'), 'utf8')) as { version: string })
    .version;
}

/** The binary of the installed package, or of ELECTRON_OVERRIDE_DIST_PATH; null when it is not there. */
export function findElectron(
  root: string,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string | null {
  const dist = env['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(packageDir(root), 'dist');
  const path = join(dist, executables[platform] ?? 'electron');
  return existsSync(path) ? path : null;
}

function attemptFile(root: string): string {
  return join(root, 'node_modules', '.cache', 'reward-lab', 'electron-attempt.json');
}

/** The last failed try, while it still counts. */
export function lastAttempt(root: string, version: string, now = Date.now()): Attempt | null {
  try {
    const attempt = JSON.parse(readFileSync(attemptFile(root), 'utf8')) as Attempt;
    const age = now - attempt.at;
    return attempt.version === version && age >= 0 && age < retryAfterMs ? attempt : null;
  } catch {
    return null;
  }
}

export function rememberAttempt(root: string, attempt: Attempt): void {
  try {
    mkdirSync(dirname(attemptFile(root)), { recursive: true });
    writeFileSync(attemptFile(root), `${JSON.stringify(attempt)}\n`);
  } catch {
    // A read-only checkout tries each time.
  }
}

export function forgetAttempt(root: string): void {
  rmSync(attemptFile(root), { force: true });
}

/** What went wrong, in a few words, out of what Electron's installer wrote. */
export function reasonIn(output: string): string {
  const code =
    /\b(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|UND_ERR_CONNECT_TIMEOUT|EACCES|EROFS|ENOSPC)\b/.exec(
      output,
    )?.[1];
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ENOTFOUND: 'host name not found',
    EAI_AGAIN: 'host name not found',
    ECONNRESET: 'connection broken',
    ETIMEDOUT: 'no answer',
    UND_ERR_CONNECT_TIMEOUT: 'no answer',
    ENETUNREACH: 'no network',
    EHOSTUNREACH: 'no network',
    EACCES: 'node_modules cannot be written',
    EROFS: 'node_modules cannot be written',
    ENOSPC: 'the disk is full',
  };
  if (code !== undefined) return words[code] ?? code;
  const status = /(?:status(?: code)?|Response code|HTTP)[^\d\n]{0,12}([45]\d\d)/i.exec(output)?.[1];
  if (status !== undefined) return `the server answered ${status}`;
  if (/certificate|SELF_SIGNED|UNABLE_TO_/i.test(output)) return 'its certificate is not trusted';
  const line = output.split('\n').find((text) => text.trim() !== '' && !text.includes('fetch failed')) ?? '';
  const short = line
    .replace(/^\s*(?:\w*Error:\s*)+/, '')
    .trim()
    .slice(0, 120);
  return short === '' ? 'its installer failed' : short;
}

export interface FetchOptions {
  /** Milliseconds for all of it. */
  readonly limitMs: number;
  /** Milliseconds without a byte after which it is given up. */
  readonly stallMs?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly onProgress?: (bytes: number, total: number) => void;
}

/**
 * Fetches the binary with the package's own installer (which knows mirrors, proxies and checksums).
 * @returns null when it is there, else why not. Never throws, never takes longer than `limitMs`.
 */
export function fetchElectron(
  root: string,
  { limitMs, stallMs = 30_000, env = process.env, onProgress = () => undefined }: FetchOptions,
): Promise<string | null> {
  return new Promise((resolve) => {
    const watcher = pathToFileURL(join(import.meta.dirname, 'watch-fetch.mjs')).href;
    const child = spawn(process.execPath, ['--import', watcher, join(packageDir(root), 'install.js')], {
      env: { ...env, ELECTRON_GET_NO_PROGRESS: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let tooLate: string | null = null;
    const giveUp = (reason: string) => (): void => {
      tooLate = reason;
      child.kill('SIGKILL');
    };
    const seconds = (ms: number): string => `${Math.round(ms / 1000)} s`;
    const late = setTimeout(giveUp(`not there after ${seconds(limitMs)}`), limitMs);
    const stalled = setTimeout(giveUp(`nothing came for ${seconds(stallMs)}`), stallMs);
    child.stdout.on('data', (chunk: Buffer) => {
      stalled.refresh();
      const found = /watch-fetch (\d+) (\d+)\n$/.exec(chunk.toString());
      if (found) onProgress(Number(found[1]), Number(found[2]));
    });
    child.stderr.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    });
    const stop = (): void => {
      child.kill('SIGKILL');
      process.exit(130);
    };
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    const end = (reason: string | null): void => {
      clearTimeout(late);
      clearTimeout(stalled);
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
      resolve(reason);
    };
    child.on('error', (error) => end(error.message));
    child.on('close', (code) => {
      if (tooLate !== null) end(tooLate);
      else if (code !== 0) end(reasonIn(output));
      else end(findElectron(root, env) === null ? 'its installer left no binary' : null);
    });
  });
}
