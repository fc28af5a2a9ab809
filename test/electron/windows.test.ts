import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { BrowserWindow, BrowserWindowConstructorOptions, MenuItemConstructorOptions } from 'electron';
import { menuTemplate } from '../../electron/menu.ts';
import { pageUrl } from '../../electron/security.ts';
import { openWindow, type Placement, readPlacement, writePlacement } from '../../electron/windows.ts';

const screen = { x: 0, y: 0, width: 1920, height: 1080 };
const placed: Placement = { x: 100, y: 50, width: 1200, height: 800, maximized: false };

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'reward-lab-window-'));
  file = join(folder, 'userData', 'window.json');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

class FakeWindow extends EventEmitter {
  loaded: string | null = null;
  shown = false;
  maximized = false;
  readonly options: BrowserWindowConstructorOptions;
  constructor(options: BrowserWindowConstructorOptions) {
    super();
    this.options = options;
  }
  loadURL(address: string): Promise<void> {
    this.loaded = address;
    return Promise.resolve();
  }
  show(): void {
    this.shown = true;
  }
  maximize(): void {
    this.maximized = true;
  }
  isMaximized(): boolean {
    return this.maximized;
  }
  getNormalBounds() {
    return { x: 7, y: 8, width: 1000, height: 700 };
  }
}

function open(): FakeWindow {
  return openWindow({
    create: (options) => new FakeWindow(options) as unknown as BrowserWindow,
    preload: '/app/preload.cjs',
    placementFile: file,
    workAreas: [screen],
  }) as unknown as FakeWindow;
}

test('a window opens where it was, with the page of our own scheme, and is shown when it has something to show', () => {
  writePlacement(file, { ...placed, maximized: true });
  const window = open();
  const { x, y, width, height, webPreferences } = window.options;
  assert.deepEqual({ x, y, width, height }, { x: 100, y: 50, width: 1200, height: 800 });
  assert.equal(webPreferences?.sandbox, true);
  assert.deepEqual([window.loaded, window.maximized, window.shown], [pageUrl, true, false]);
  window.emit('ready-to-show');
  assert.equal(window.shown, true);
});

test('closing a window keeps its place for the next time', () => {
  const window = open();
  assert.equal(window.options.x, undefined);
  window.maximize();
  window.emit('close');
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {
    x: 7,
    y: 8,
    width: 1000,
    height: 700,
    maximized: true,
  });
});

test('a place that no screen shows any more, or that is damaged, is not used', () => {
  const reads = (content: unknown): Placement | null => {
    writePlacement(file, placed);
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return readPlacement(file, [screen]);
  };
  assert.deepEqual(reads(placed), placed);
  for (const bad of [
    { ...placed, x: 5000 },
    { ...placed, y: -900 },
    { ...placed, x: -1150 },
    { ...placed, width: 20 },
    { ...placed, x: 'left' },
    { ...placed, y: null },
    null,
    '{',
  ]) {
    assert.equal(reads(bad), null, JSON.stringify(bad));
  }
  assert.equal(readPlacement(join(folder, 'none.json'), [screen]), null);
});

const rolesIn = (items: readonly MenuItemConstructorOptions[]): string[] =>
  items.flatMap(({ role, submenu }) => [
    ...(role ? [role] : []),
    ...(Array.isArray(submenu) ? rolesIn(submenu) : []),
  ]);

test('the developer tools are in the menu only before the app is packaged', () => {
  const roles = (isPackaged: boolean): string[] =>
    rolesIn(
      menuTemplate({
        platform: 'linux',
        isPackaged,
        chooseProject: () => undefined,
        showProject: () => undefined,
      }),
    );
  assert.deepEqual(
    roles(false).filter((role) => !roles(true).includes(role)),
    ['reload', 'toggleDevTools'],
  );
  assert.ok(roles(true).includes('quit'));
});

test('on macOS the app menu comes first and closing does not quit', () => {
  const template = menuTemplate({
    platform: 'darwin',
    isPackaged: true,
    chooseProject: () => undefined,
    showProject: () => undefined,
  });
  assert.equal(template[0]?.role, 'appMenu');
  assert.ok(!rolesIn(template).includes('quit'));
});
