/**
 * `npm start [-- --electron | --browser] [--project DIR] [flags of serve]`: opens the lab, in Electron where its binary is
 * there or can be fetched, else in the user's browser through the same `serve` that the command line has.
 */

import { spawn } from 'node:child_process';
import { appDir, buildApp } from './app.ts';
import {
  electronVersion,
  fetchElectron,
  fetchMs,
  findElectron,
  forgetAttempt,
  lastAttempt,
  patientFetchMs,
  rememberAttempt,
} from './electron-binary.ts';
import { buildRenderer, root } from './renderer.ts';

export type Door =
  | { readonly type: 'electron' }
  /** Not there; worth a try. */
  | { readonly type: 'fetch'; readonly limitMs: number }
  /** `reason` null: because the user asked for it. */
  | { readonly type: 'browser'; readonly reason: string | null };

export interface Situation {
  readonly wish: 'electron' | 'browser' | null;
  readonly platform: NodeJS.Platform;
  readonly env: NodeJS.ProcessEnv;
  /** Of the user; undefined on Windows. */
  readonly uid: number | undefined;
  readonly hasBinary: boolean;
  /** Why the last try failed, while that is recent. */
  readonly lastFailure: string | null;
}

export function chooseDoor({ wish, platform, env, uid, hasBinary, lastFailure }: Situation): Door {
  if (wish === 'browser') return { type: 'browser', reason: null };
  if (platform === 'linux' && !env['DISPLAY'] && !env['WAYLAND_DISPLAY']) {
    return { type: 'browser', reason: 'Electron needs a display and finds none (DISPLAY is not set)' };
  }
  if (platform === 'linux' && uid === 0) {
    return {
      type: 'browser',
      reason: 'Electron keeps its sandbox only for an ordinary user, and this is root',
    };
  }
  if (hasBinary) return { type: 'electron' };
  if (wish === 'electron') return { type: 'fetch', limitMs: patientFetchMs };
  if (lastFailure !== null) {
    return {
      type: 'browser',
      reason: `Electron's binary could not be fetched earlier (${lastFailure}; \`npm start -- --electron\` tries again)`,
    };
  }
  return { type: 'fetch', limitMs: fetchMs };
}

const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** Takes our own flags out; the rest belongs to the lab. */
export function readArguments(args: readonly string[]): { wish: Situation['wish']; rest: string[] } {
  // Who names a port means the web door. `--no-open` only says what happens there.
  const wantsWeb = args.some((arg) => arg === '--browser' || /^--port(=|$)/.test(arg));
  const wish = args.includes('--electron') ? 'electron' : wantsWeb ? 'browser' : null;
  return { wish, rest: args.filter((arg) => arg !== '--electron' && arg !== '--browser') };
}

async function openInBrowser(args: readonly string[]): Promise<void> {
  const { main: lab } = await import('../lab/cli.ts');
  process.exitCode = await lab(['serve', ...args]);
}

/** @returns true when Electron ran and the user closed it; false when it could not start. */
function runElectron(binary: string, args: readonly string[]): Promise<boolean> {
  const began = Date.now();
  return new Promise((resolve) => {
    const env = { ...process.env };
    // With it Electron would be a plain Node.
    delete env['ELECTRON_RUN_AS_NODE'];
    const child = spawn(binary, [appDir, ...args], { stdio: 'inherit', env });
    const stop = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    const end = (ran: boolean): void => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      resolve(ran);
    };
    child.on('error', () => end(false));
    child.on('close', (code) => {
      // A missing library or a forbidden sandbox ends it in its first moments.
      if (code !== 0 && Date.now() - began < 10_000) return end(false);
      process.exitCode = code ?? 1;
      end(true);
    });
  });
}

async function main(): Promise<void> {
  const { wish, rest } = readArguments(process.argv.slice(2));
  await buildRenderer();
  const version = electronVersion(root);
  const situation = {
    wish,
    platform: process.platform,
    env: process.env,
    uid: process.getuid?.(),
    hasBinary: findElectron(root) !== null,
    lastFailure: lastAttempt(root, version)?.reason ?? null,
  } satisfies Situation;
  let door = chooseDoor(situation);
  if (door.type === 'fetch') {
    say(`Fetching Electron ${version} (once, about 110 MB) ...`);
    const reason = await fetchElectron(root, {
      limitMs: door.limitMs,
      onProgress: (bytes, total) => {
        if (process.stderr.isTTY && total > 0) {
          process.stderr.write(
            `\r  ${Math.floor((100 * bytes) / total)} % of ${Math.round(total / 1e6)} MB `,
          );
        }
      },
    });
    if (reason === null) {
      forgetAttempt(root);
      door = { type: 'electron' };
    } else {
      rememberAttempt(root, { version, at: Date.now(), reason });
      door = { type: 'browser', reason: `Electron's binary cannot be fetched (${reason})` };
    }
  }
  if (door.type === 'electron') {
    await buildApp();
    const own = rest.filter((arg) => arg !== '--no-open');
    if (await runElectron(findElectron(root) as string, own)) return;
    door = { type: 'browser', reason: 'Electron did not start here' };
  }
  if (door.reason !== null) say(`${door.reason}; the lab is served to your browser instead.`);
  await openInBrowser(rest);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    say(`Reward Lab cannot start: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
