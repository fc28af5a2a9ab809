import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { after, before, test } from 'node:test';
import type { IpcMain, MessagePortMain, Protocol, Session, WebContents } from 'electron';
import { setupIpc } from '../../electron/ipc.ts';
import { channels } from '../../electron/messages.ts';
import { isPortRequest } from '../../electron/requests.ts';
import {
  answer,
  contentSecurityPolicy,
  fileOf,
  hardenContents,
  isOurPage,
  isTrustedSender,
  pageUrl,
  schemes,
  setupPermissions,
  setupProtocol,
  webPreferences,
} from '../../electron/security.ts';

let root: string;
before(() => {
  root = join(mkdtempSync(join(tmpdir(), 'reward-lab-shell-')), 'renderer');
  mkdirSync(join(root, 'assets'), { recursive: true });
  writeFileSync(join(root, 'index.html'), '<!doctype html>');
  writeFileSync(join(root, 'assets', 'main-0a.js'), 'export {}');
  writeFileSync(join(root, '..', 'secret.json'), '{}');
  symlinkSync(join(root, '..', 'secret.json'), join(root, 'link.json'));
});
after(() => rmSync(join(root, '..'), { recursive: true, force: true }));

test('the page is isolated, sandboxed and without Node', () => {
  const { preload, contextIsolation, sandbox, nodeIntegration, webSecurity, ...rest } =
    webPreferences('p.cjs');
  assert.deepEqual(
    { preload, contextIsolation, sandbox, nodeIntegration, webSecurity },
    { preload: 'p.cjs', contextIsolation: true, sandbox: true, nodeIntegration: false, webSecurity: true },
  );
  // Everything else that can be switched on there is off.
  assert.deepEqual(new Set(Object.values(rest)), new Set([false]));
});

test('the content security policy starts from nothing and runs only our own script files', () => {
  const policy = new Map(
    contentSecurityPolicy.split('; ').map((line): [string, string] => {
      const at = line.indexOf(' ');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  for (const name of [
    'default-src',
    'object-src',
    'base-uri',
    'form-action',
    'frame-src',
    'frame-ancestors',
  ]) {
    assert.equal(policy.get(name), "'none'", name);
  }
  assert.equal(policy.get('script-src'), "'self'");
  assert.equal(policy.get('connect-src'), "'self'");
  assert.doesNotMatch(contentSecurityPolicy, /unsafe-eval|https?:|\*/);
});

test('the app’s own scheme has an origin and no privilege that goes round the policy', () => {
  assert.deepEqual(
    schemes.map(({ scheme, privileges }) => [
      scheme,
      privileges?.standard,
      privileges?.secure,
      privileges?.bypassCSP,
    ]),
    [['app', true, true, undefined]],
  );
});

test('app://lab/ gives the window’s files with their types and the policy', async () => {
  const handlers = new Map<string, (request: Request) => Response | Promise<Response>>();
  setupProtocol(
    { handle: (scheme, handler) => void handlers.set(scheme, handler as never) } as Protocol,
    root,
  );
  const get = async (address: string) => {
    const response = await handlers.get('app')!(new Request(address));
    return [response.status, response.headers.get('content-type'), await response.text()];
  };
  assert.deepEqual(await get(pageUrl), [200, 'text/html; charset=utf-8', '<!doctype html>']);
  assert.deepEqual(await get('app://lab/'), [200, 'text/html; charset=utf-8', '<!doctype html>']);
  assert.deepEqual(await get('app://lab/assets/main-0a.js'), [
    200,
    'text/javascript; charset=utf-8',
    'export {}',
  ]);
  assert.deepEqual((await get('app://lab/none.js'))[0], 404);
  const { headers } = await answer(root, new Request(pageUrl));
  assert.equal(headers.get('content-security-policy'), contentSecurityPolicy);
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
});

test('no address leads out of the folder', async () => {
  const addresses = [
    'app://lab/../secret.json',
    'app://lab/%2e%2e/secret.json',
    'app://lab/..%2fsecret.json',
    'app://lab/%2e%2e%2fsecret.json',
    'app://lab/assets/..%2f..%2fsecret.json',
    'app://lab/..%5csecret.json',
    'app://lab/C:/secret.json',
    'app://lab//etc/passwd.json',
    'app://lab/a%00.json',
    'app://lab/%E0%A4%A.json',
    'app://lab/link.json',
    'app://other/index.html',
    'app://lab:80/index.html',
    'app://user@lab/index.html',
  ];
  for (const address of addresses) {
    const file = fileOf(root, address);
    assert.ok(file === null || file.startsWith(root + sep), `${address} -> ${file}`);
  }
  const statuses = await Promise.all(
    addresses
      .filter((address) => !address.includes('user@'))
      .map(async (address) => (await answer(root, new Request(address))).status),
  );
  assert.deepEqual(
    statuses.filter((status) => status !== 403 && status !== 404),
    [],
  );
  for (const address of [
    'app://other/index.html',
    'app://user@lab/index.html',
    'file:///etc/passwd',
    'nonsense',
  ]) {
    assert.equal(fileOf(root, address), null, address);
  }
});

test('only GET is answered, and only file types the window is made of', async () => {
  assert.equal((await answer(root, new Request(pageUrl, { method: 'POST' }))).status, 405);
  writeFileSync(join(root, 'run.sh'), '');
  assert.equal((await answer(root, new Request('app://lab/run.sh'))).status, 403);
});

test('every permission is refused, and nothing is downloaded but what the window made itself', () => {
  let request: Parameters<Session['setPermissionRequestHandler']>[0] = null;
  let check: Parameters<Session['setPermissionCheckHandler']>[0] = null;
  let device: Parameters<Session['setDevicePermissionHandler']>[0] = null;
  const events = new EventEmitter();
  setupPermissions({
    setPermissionRequestHandler: (handler: typeof request) => {
      request = handler;
    },
    setPermissionCheckHandler: (handler: typeof check) => {
      check = handler;
    },
    setDevicePermissionHandler: (handler: typeof device) => {
      device = handler;
    },
    on: events.on.bind(events),
  } as never);
  const answers: boolean[] = [];
  for (const permission of ['media', 'geolocation', 'notifications', 'midi', 'openExternal'] as const) {
    request!({} as WebContents, permission, (granted) => answers.push(granted), {} as never);
    answers.push(check!(null, permission as never, 'app://lab', {} as never));
  }
  answers.push(device!({} as never));
  assert.deepEqual(new Set(answers), new Set([false]));
  const download = (address: string): boolean => {
    let isRefused = false;
    const event = { preventDefault: () => (isRefused = true) };
    events.emit('will-download', event, { getURL: () => address });
    return !isRefused;
  };
  assert.deepEqual(
    ['blob:app://lab/0f3c-11', 'https://example.org/a.exe', 'blob:https://example.org/1', 'data:,x'].map(
      download,
    ),
    [true, false, false, false],
  );
});

function wasPrevented(emitter: EventEmitter, event: string, url?: string): boolean {
  let prevented = false;
  emitter.emit(event, {
    url,
    preventDefault: () => {
      prevented = true;
    },
  });
  return prevented;
}

class FakeContents extends EventEmitter {
  openHandler: (() => { action: string }) | null = null;
  setWindowOpenHandler(handler: () => { action: string }): void {
    this.openHandler = handler;
  }
}

test('the page opens no window, holds no webview and goes nowhere else', () => {
  const contents = new FakeContents();
  hardenContents(contents as never);
  assert.deepEqual(contents.openHandler?.(), { action: 'deny' });
  assert.equal(wasPrevented(contents, 'will-attach-webview'), true);
  for (const event of ['will-navigate', 'will-redirect', 'will-frame-navigate']) {
    for (const url of [
      'https://example.org/',
      'file:///etc/passwd',
      'app://other/',
      'javascript:alert(1)',
      '',
    ]) {
      assert.equal(wasPrevented(contents, event, url), true, `${event} ${url}`);
    }
    assert.equal(wasPrevented(contents, event, pageUrl), false, 'a reload');
  }
});

test('only the top frame of our own page is trusted', () => {
  const parent = { url: pageUrl } as never;
  assert.equal(isTrustedSender({ url: pageUrl, parent: null }), true);
  assert.equal(isTrustedSender({ url: pageUrl, parent }), false);
  assert.equal(isTrustedSender({ url: 'https://lab/index.html', parent: null }), false);
  assert.equal(isTrustedSender({ url: '', parent: null }), false);
  assert.equal(isTrustedSender(null), false);
  assert.equal(isOurPage('app://lab.evil/'), false);
});

/** Stands for ipcMain: keeps handlers and calls them as Electron would. */
class FakeIpc extends EventEmitter {
  readonly handlers = new Map<string, (event: unknown) => Promise<unknown>>();
  handle(channel: string, handler: (event: unknown) => Promise<unknown>): void {
    this.handlers.set(channel, handler);
  }
}

function shellWithIpc() {
  const ipcMain = new FakeIpc();
  const connected: unknown[] = [];
  let dialogs = 0;
  setupIpc({
    ipcMain: ipcMain as unknown as IpcMain,
    createChannel: () => ({ port1: 'host end' as never, port2: 'page end' as never }),
    connect: (port: MessagePortMain) => connected.push(port),
    chooseProject: async () => {
      dialogs++;
    },
  });
  const frame = (url: string, parent: object | null = null) => {
    const sent: unknown[][] = [];
    return { url, parent, sent, postMessage: (...message: unknown[]) => sent.push(message) };
  };
  return { ipcMain, connected, frame, dialogs: () => dialogs };
}

test('our page gets one end of a channel and the host the other', () => {
  const { ipcMain, connected, frame } = shellWithIpc();
  const ours = frame(pageUrl);
  ipcMain.emit(channels.portWanted, { senderFrame: ours });
  assert.deepEqual(connected, ['host end']);
  assert.deepEqual(ours.sent, [[channels.port, null, ['page end']]]);
});

test('a foreign or inner frame gets no port and no dialog', async () => {
  const { ipcMain, connected, frame, dialogs } = shellWithIpc();
  const strangers = [frame('https://example.org/'), frame(pageUrl, { url: pageUrl }), null];
  for (const senderFrame of strangers) {
    ipcMain.emit(channels.portWanted, { senderFrame });
    await assert.rejects(ipcMain.handlers.get(channels.chooseProject)!({ senderFrame }), /refused/);
    assert.deepEqual(senderFrame?.sent ?? [], []);
  }
  assert.deepEqual([connected, dialogs()], [[], 0]);
  await ipcMain.handlers.get(channels.chooseProject)!({ senderFrame: frame(pageUrl) });
  assert.equal(dialogs(), 1);
});

test('the preload asks for a port only when its own page does', () => {
  const page = { location: { origin: 'app://lab' } };
  const asks = (change: object): boolean =>
    isPortRequest({ source: page, origin: 'app://lab', data: { type: 'lab-port-wanted' }, ...change }, page);
  assert.equal(asks({}), true);
  assert.deepEqual(
    [
      { source: {} },
      { source: null },
      { origin: 'https://example.org' },
      { data: null },
      { data: 'x' },
      { data: {} },
    ].map(asks),
    [false, false, false, false, false, false],
  );
});
