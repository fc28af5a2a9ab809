import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  electronVersion,
  fetchElectron,
  fetchMs,
  findElectron,
  forgetAttempt,
  lastAttempt,
  patientFetchMs,
  reasonIn,
  rememberAttempt,
  retryAfterMs,
} from '../../build/electron-binary.ts';
import { chooseDoor, readArguments, type Situation } from '../../build/start.ts';

const project = join(import.meta.dirname, '..', '..');

const desk: Situation = {
  wish: null,
  platform: 'linux',
  env: { DISPLAY: ':0' },
  uid: 1000,
  hasBinary: true,
  lastFailure: null,
};

test('Electron opens where its binary is', () => {
  assert.deepEqual(chooseDoor(desk), { type: 'electron' });
  assert.deepEqual(chooseDoor({ ...desk, env: { WAYLAND_DISPLAY: 'wayland-0' } }), { type: 'electron' });
  assert.deepEqual(chooseDoor({ ...desk, platform: 'win32', env: {}, uid: undefined }), { type: 'electron' });
});

test('a missing binary is fetched in bounded time, with more patience when Electron was asked for', () => {
  assert.deepEqual(chooseDoor({ ...desk, hasBinary: false }), { type: 'fetch', limitMs: fetchMs });
  assert.deepEqual(chooseDoor({ ...desk, hasBinary: false, wish: 'electron', lastFailure: 'no network' }), {
    type: 'fetch',
    limitMs: patientFetchMs,
  });
  assert.ok(fetchMs <= 120_000);
});

test('a try that failed a short time ago is not repeated', () => {
  const door = chooseDoor({ ...desk, hasBinary: false, lastFailure: 'no network' });
  assert.equal(door.type, 'browser');
  assert.match(door.type === 'browser' ? (door.reason ?? '') : '', /earlier \(no network; .*--electron/);
});

test('without a display, or as root on Linux, the browser door opens and says why', () => {
  const reasonOf = (situation: Situation): string | null => {
    const door = chooseDoor(situation);
    return door.type === 'browser' ? door.reason : null;
  };
  assert.match(reasonOf({ ...desk, env: {} }) ?? '', /DISPLAY is not set/);
  assert.match(reasonOf({ ...desk, uid: 0 }) ?? '', /root/);
  assert.deepEqual(chooseDoor({ ...desk, wish: 'browser' }), { type: 'browser', reason: null });
});

test('flags of the web door mean the web door and go on to `serve`', () => {
  assert.deepEqual(readArguments([]), { wish: null, rest: [] });
  // It says what happens at the web door, not which door.
  assert.deepEqual(readArguments(['--no-open', '--project', 'p']), {
    wish: null,
    rest: ['--no-open', '--project', 'p'],
  });
  assert.deepEqual(readArguments(['--port=0']), { wish: 'browser', rest: ['--port=0'] });
  assert.deepEqual(readArguments(['--electron', '--project', 'p']), {
    wish: 'electron',
    rest: ['--project', 'p'],
  });
});

test('what Electron’s installer writes becomes a few words', () => {
  assert.deepEqual(
    [
      'ECONNREFUSED\nTypeError: fetch failed\n',
      'EAI_AGAIN\nTypeError: fetch failed',
      'HTTPError: Response code 403 (Forbidden) for http://x/',
      'Error: self signed certificate',
      'bad port\nTypeError: fetch failed',
      '',
    ].map(reasonIn),
    [
      'connection refused',
      'host name not found',
      'the server answered 403',
      'its certificate is not trusted',
      'bad port',
      'its installer failed',
    ],
  );
});

/** A checkout with Electron's real installer and without its binary. */
let root: string;
/** Accepts downloads and never sends a byte of them. */
let silent: Server;
const silentMirror = (): string => `http://127.0.0.1:${(silent.address() as AddressInfo).port}/`;

before(async () => {
  root = mkdtempSync(join(tmpdir(), 'reward-lab-electron-'));
  mkdirSync(join(root, 'node_modules', 'electron'), { recursive: true });
  for (const file of ['install.js', 'package.json', 'checksums.json']) {
    cpSync(join(project, 'node_modules', 'electron', file), join(root, 'node_modules', 'electron', file));
  }
  const scopes = ['@electron', '@electron-internal'];
  for (const scope of scopes) {
    symlinkSync(join(project, 'node_modules', scope), join(root, 'node_modules', scope), 'junction');
  }
  silent = createServer(() => undefined).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
});
after(() => {
  silent.closeAllConnections();
  silent.close();
  rmSync(root, { recursive: true, force: true });
});

/** An empty cache, so that a binary the user's machine has does not answer for the mirror. */
const environment = (mirror: string): NodeJS.ProcessEnv => ({
  ...process.env,
  ELECTRON_MIRROR: mirror,
  electron_config_cache: join(root, 'cache'),
  ELECTRON_OVERRIDE_DIST_PATH: undefined,
});

async function timed(mirror: string, limits: { limitMs: number; stallMs?: number }) {
  const began = performance.now();
  const reason = await fetchElectron(root, { ...limits, env: environment(mirror) });
  return { reason, ms: performance.now() - began };
}

test('a mirror that refuses the connection is given up at once', async () => {
  for (const port of [9, 1]) {
    const { reason, ms } = await timed(`http://127.0.0.1:${port}/`, { limitMs: 60_000 });
    assert.match(reason ?? '', /bad port|connection refused/);
    assert.ok(ms < 10_000, `${ms} ms`);
  }
  const closed = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => closed.once('listening', resolve));
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  const { reason } = await timed(`http://127.0.0.1:${port}/`, { limitMs: 60_000 });
  assert.equal(reason, 'connection refused');
});

test('a mirror that says nothing is given up when the time is over', async () => {
  const late = await timed(silentMirror(), { limitMs: 700 });
  assert.equal(late.reason, 'not there after 1 s');
  const stalled = await timed(silentMirror(), { limitMs: 60_000, stallMs: 700 });
  assert.equal(stalled.reason, 'nothing came for 1 s');
  assert.ok(late.ms < 5000 && stalled.ms < 5000, `${late.ms} and ${stalled.ms} ms`);
});

test('a failed try is remembered for some hours, for its version, and forgotten on success', () => {
  const at = 1_800_000_000_000;
  const version = electronVersion(root);
  rememberAttempt(root, { version, at, reason: 'no network' });
  assert.equal(lastAttempt(root, version, at + 1)?.reason, 'no network');
  assert.equal(lastAttempt(root, version, at + retryAfterMs), null);
  assert.equal(lastAttempt(root, version, at - 1), null, 'a clock that was set back');
  assert.equal(lastAttempt(root, '1.0.0', at + 1), null);
  forgetAttempt(root);
  assert.equal(lastAttempt(root, version, at + 1), null);
});

test('the binary is found where each platform keeps it, or where the user says', () => {
  assert.equal(findElectron(root, {}, 'linux'), null);
  const dist = join(root, 'elsewhere');
  mkdirSync(join(dist, 'Electron.app', 'Contents', 'MacOS'), { recursive: true });
  for (const file of ['electron', 'electron.exe', 'Electron.app/Contents/MacOS/Electron']) {
    writeFileSync(join(dist, file), '');
  }
  const env = { ELECTRON_OVERRIDE_DIST_PATH: dist };
  assert.equal(findElectron(root, env, 'linux'), join(dist, 'electron'));
  assert.equal(findElectron(root, env, 'win32'), join(dist, 'electron.exe'));
  assert.equal(findElectron(root, env, 'darwin'), join(dist, 'Electron.app/Contents/MacOS/Electron'));
});
