/** The desktop shell, from start to quit. It shows a window and keeps the host process; the lab itself runs there. */

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  app,
  BrowserWindow,
  dialog,
  ipcMain,
  Menu,
  MessageChannelMain,
  type MessagePortMain,
  protocol,
  screen,
  session,
  shell,
  utilityProcess,
} from 'electron';
import { setupIpc } from './ipc.ts';
import { type HostProcess, Keeper } from './keeper.ts';
import { menuTemplate } from './menu.ts';
import { channels, type Notice } from './messages.ts';
import { hardenContents, schemes, setupPermissions, setupProtocol } from './security.ts';
import { openWindow } from './windows.ts';

/** dist/app/electron/, in a checkout and in an installed app alike. */
const here = import.meta.dirname;
const rendererDir = join(here, '..', '..', 'renderer');

let window: BrowserWindow | null = null;
let project: string | null = null;
let hasStopped = false;

function notify(notice: Notice): void {
  process.stderr.write(`${notice.text}\n`);
  window?.webContents.send(channels.notice, notice);
}

const keeper = new Keeper<MessagePortMain>({
  project: projectFromArguments(),
  fork: (folder) =>
    utilityProcess.fork(join(here, 'host-entry.js'), folder === null ? [] : [folder], {
      serviceName: 'Reward Lab host',
      stdio: 'inherit',
    }) as HostProcess<MessagePortMain>,
  onReady: (opened) => {
    project = opened;
    window?.setTitle(`Reward Lab · ${opened}`);
  },
  onNotice: (notice) => {
    notify(notice);
    if (keeper.state === 'refused') {
      dialog.showErrorBox('This project cannot be opened', notice.text);
    }
  },
});

function projectFromArguments(): string | null {
  const { values } = parseArgs({
    args: process.argv.slice(1),
    options: { project: { type: 'string' } },
    allowPositionals: true,
    // Chromium has switches of its own.
    strict: false,
  });
  return typeof values.project === 'string' ? values.project : null;
}

async function chooseProject(): Promise<void> {
  const options = { properties: ['openDirectory', 'createDirectory'] } satisfies Electron.OpenDialogOptions;
  const { filePaths } = await (window
    ? dialog.showOpenDialog(window, options)
    : dialog.showOpenDialog(options));
  if (filePaths[0] !== undefined) await keeper.open(filePaths[0]);
}

function setupOneInstance(): boolean {
  if (!app.requestSingleInstanceLock()) return false;
  app.on('second-instance', () => {
    if (window?.isMinimized()) window.restore();
    window?.focus();
  });
  return true;
}

function setupWindow(): void {
  window = openWindow({
    create: (options) => new BrowserWindow(options),
    preload: join(here, 'preload.cjs'),
    placementFile: join(app.getPath('userData'), 'window.json'),
    workAreas: screen.getAllDisplays().map((display) => display.workArea),
  });
  window.on('closed', () => {
    window = null;
  });
  window.webContents.on('render-process-gone', (_event, { reason }) => {
    if (reason !== 'clean-exit') window?.reload();
  });
}

function setupMenu(): void {
  const template = menuTemplate({
    platform: process.platform,
    isPackaged: app.isPackaged,
    chooseProject: () => void chooseProject(),
    showProject: () => {
      if (project !== null) void shell.openPath(project);
    },
  });
  Menu.setApplicationMenu(Menu.buildFromTemplate(template));
}

function setupQuit(): void {
  app.on('window-all-closed', () => {
    if (process.platform !== 'darwin') app.quit();
  });
  app.on('activate', () => {
    if (window === null) setupWindow();
  });
  // The host saves the run it is in; the app goes when that is done.
  app.on('before-quit', (event) => {
    if (hasStopped) return;
    event.preventDefault();
    void keeper.stop().then(() => {
      hasStopped = true;
      app.quit();
    });
  });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => app.quit());
}

async function main(): Promise<void> {
  if (!setupOneInstance()) {
    app.exit(0);
    return;
  }
  app.enableSandbox();
  protocol.registerSchemesAsPrivileged(schemes);
  app.on('web-contents-created', (_event, contents) => hardenContents(contents));
  setupQuit();
  await app.whenReady();
  setupPermissions(session.defaultSession);
  setupProtocol(protocol, rendererDir);
  setupIpc({
    ipcMain,
    createChannel: () => new MessageChannelMain(),
    connect: (port) => keeper.connect(port),
    chooseProject,
  });
  setupMenu();
  keeper.start();
  setupWindow();
}

// Not awaited: Electron is not ready before this module has been evaluated.
void main();
