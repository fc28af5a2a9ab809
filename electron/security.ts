/**
 * What the page may do: show files of dist/renderer that come over `app://lab/`, and talk through one port. No Node, no
 * other origin, no new window, no permission, no script that is not one of our files.
 */

import { readFile, realpath } from 'node:fs/promises';
import { extname, join, resolve, sep } from 'node:path';
import type {
  BrowserWindowConstructorOptions,
  CustomScheme,
  Event,
  Protocol,
  Session,
  WebContents,
  WebFrameMain,
} from 'electron';

export const scheme = 'app';
export const origin = `${scheme}://lab`;
export const pageUrl = `${origin}/index.html`;

/** `unsafe-inline` for styles only: the component library writes style elements while it runs. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-src 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Must be registered before the app is ready. `standard` gives pages an origin of their own. */
export const schemes: CustomScheme[] = [
  { scheme, privileges: { standard: true, secure: true, supportFetchAPI: true, codeCache: true } },
];

export function webPreferences(
  preload: string,
): NonNullable<BrowserWindowConstructorOptions['webPreferences']> {
  return {
    preload,
    contextIsolation: true,
    sandbox: true,
    nodeIntegration: false,
    nodeIntegrationInWorker: false,
    nodeIntegrationInSubFrames: false,
    webSecurity: true,
    allowRunningInsecureContent: false,
    experimentalFeatures: false,
    webviewTag: false,
    navigateOnDragDrop: false,
    spellcheck: false,
    enableWebSQL: false,
  };
}

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

/** The file an `app://lab/` address means; null when it is none of ours or lies outside `root`. */
export function fileOf(root: string, address: string): string | null {
  let path: string;
  try {
    const url = new URL(address);
    if (url.protocol !== `${scheme}:` || url.host !== 'lab' || url.username !== '' || url.port !== '')
      return null;
    path = decodeURIComponent(url.pathname);
  } catch {
    return null;
  }
  // The URL parser has taken `..` out already; these are its encoded forms, and Windows' ways to say the same.
  if (path.includes('\0') || path.includes('\\') || path.includes(':')) return null;
  if (path.split('/').includes('..')) return null;
  const base = resolve(root);
  const file = resolve(join(base, path === '/' ? 'index.html' : path));
  return file.startsWith(base + sep) ? file : null;
}

/** Answers one request of the page. */
export async function answer(root: string, request: Request): Promise<Response> {
  const headers = {
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };
  const refuse = (status: number): Response => new Response(null, { status, headers });
  if (request.method !== 'GET') return refuse(405);
  const file = fileOf(root, request.url);
  if (file === null) return refuse(403);
  const type = contentTypes[extname(file).toLowerCase()];
  if (type === undefined) return refuse(403);
  try {
    // A link inside the folder must not lead out of it.
    const real = await realpath(file);
    if (!real.startsWith((await realpath(root)) + sep)) return refuse(403);
    return new Response(await readFile(real), { headers: { ...headers, 'content-type': type } });
  } catch {
    return refuse(404);
  }
}

/** Serves the window's files. */
export function setupProtocol(protocol: Pick<Protocol, 'handle'>, root: string): void {
  protocol.handle(scheme, (request) => answer(root, request));
}

/** Camera, microphone, location, notifications, USB, screen: the lab needs none of them. */
export function setupPermissions(
  session: Pick<
    Session,
    'setPermissionRequestHandler' | 'setPermissionCheckHandler' | 'setDevicePermissionHandler' | 'on'
  >,
): void {
  session.setPermissionRequestHandler((_contents, _permission, callback) => callback(false));
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  // Pictures and clips that the window made itself are saved, under a name that the user sees; nothing else is downloaded.
  session.on('will-download', (event, item) => {
    if (!item.getURL().startsWith(`blob:${origin}/`)) event.preventDefault();
  });
}

export function isOurPage(address: string): boolean {
  try {
    const url = new URL(address);
    return url.protocol === `${scheme}:` && url.host === 'lab';
  } catch {
    return false;
  }
}

/** Keeps a page where it is: whatever it holds, it opens nothing and goes nowhere. */
export function hardenContents(contents: Pick<WebContents, 'on' | 'setWindowOpenHandler'>): void {
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  const stay = (event: Event & { url?: string }): void => {
    if (!isOurPage(event.url ?? '')) event.preventDefault();
  };
  contents.on('will-navigate', stay);
  contents.on('will-redirect', stay);
  contents.on('will-frame-navigate', stay);
  contents.on('will-attach-webview', (event) => event.preventDefault());
}

/** Only the top frame of our own page may speak to the main process. A frame that is gone is null. */
export function isTrustedSender(
  frame: Pick<WebFrameMain, 'url' | 'parent'> | null,
): frame is Pick<WebFrameMain, 'url' | 'parent'> {
  return frame !== null && frame.parent === null && isOurPage(frame.url);
}
