/**
 * The web door: the window and the api over a local port. Binds to loopback only; the api wants the random token that is
 * printed in the address; foreign `Host` (DNS rebinding) and `Origin` headers are refused.
 */

import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RPCHandler } from '@orpc/server/ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { carriedBytes } from './carry.ts';
import { mostMessageBytes, refusal } from './door.ts';
import type { Lab } from './lab.ts';
import { createRouter } from './router.ts';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
};

export const contentSecurityPolicy =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; " +
  "connect-src 'self'; worker-src 'self' blob:; font-src 'self' data:; object-src 'none'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'";

export const rendererDirectory = fileURLToPath(new URL('../dist/renderer', import.meta.url));

export interface ServeOptions {
  readonly lab: Lab;
  /** 0 = any free port. */
  readonly port?: number;
  readonly rendererDir?: string;
  /** For tests; a random one by default. */
  readonly token?: string;
}

export interface Served {
  /** With the token; whoever has it can drive the lab. */
  readonly url: string;
  readonly port: number;
  readonly token: string;
  close(): Promise<void>;
}

/** @throws Error naming the port when it is taken or the window has not been built. */
export async function serve(options: ServeOptions): Promise<Served> {
  const rendererDir = options.rendererDir ?? rendererDirectory;
  if (!existsSync(join(rendererDir, 'index.html'))) {
    throw new Error(
      `The window is not built: found no index.html in ${rendererDir}; \`npm start\` builds it`,
    );
  }
  const token = options.token ?? randomBytes(24).toString('hex');
  const handler = new RPCHandler(createRouter(options.lab), { customJsonSerializers: [carriedBytes] });
  const http: Server = createServer((request, response) => answer(request, response, rendererDir, hosts()));
  const sockets = new WebSocketServer({ noServer: true, maxPayload: mostMessageBytes });
  let port = options.port ?? 0;
  const hosts = (): readonly string[] => [`127.0.0.1:${port}`, `localhost:${port}`];

  http.on('upgrade', (request, socket, head) => {
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    };
    socket.on('error', () => socket.destroy());
    const host = request.headers.host ?? '';
    const origin = request.headers.origin;
    if (!hosts().includes(host)) return refuse('403 Forbidden');
    if (origin !== undefined && !hosts().some((known) => origin === `http://${known}`))
      return refuse('403 Forbidden');
    const url = new URL(request.url ?? '/', `http://${host}`);
    if (url.pathname !== '/api') return refuse('404 Not Found');
    if (!sameToken(url.searchParams.get('token') ?? '', token)) return refuse('401 Unauthorized');
    sockets.handleUpgrade(request, socket, head, (ws) => attach(ws, handler));
  });

  await new Promise<void>((resolve, reject) => {
    http.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new Error(`Port ${port} is in use by another program; choose another with --port`)
          : error,
      );
    });
    http.listen(port, '127.0.0.1', resolve);
  });
  port = (http.address() as AddressInfo).port;

  return {
    url: `http://127.0.0.1:${port}/?token=${token}`,
    port,
    token,
    close: async () => {
      for (const client of sockets.clients) client.terminate();
      sockets.close();
      http.closeAllConnections();
      await new Promise<void>((resolve) => http.close(() => resolve()));
    },
  };
}

function sameToken(found: string, wanted: string): boolean {
  const a = Buffer.from(found);
  const b = Buffer.from(wanted);
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Hands one socket to the RPC handler; whatever is no call ends the connection with a word, not the lab. */
function attach(ws: WebSocket, handler: RPCHandler<Record<never, never>>): void {
  ws.binaryType = 'arraybuffer';
  ws.on('error', () => ws.terminate());
  type Listener = (event: { data: unknown }) => void;
  const checked = {
    send: (data: Parameters<WebSocket['send']>[0]) => {
      if (ws.readyState === ws.OPEN) ws.send(data);
    },
    addEventListener: (type: string, listener: Listener) => {
      if (type !== 'message') {
        ws.addEventListener(type as 'close', listener as never);
        return;
      }
      ws.on('message', (data, isBinary) => {
        const message = isBinary ? data : data.toString();
        const reason = refusal(message);
        if (reason !== undefined) ws.close(1007, reason.slice(0, 120));
        else listener({ data: message });
      });
    },
  };
  void handler.upgrade(checked as never, { context: {} });
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  rendererDir: string,
  hosts: readonly string[],
): void {
  const end = (status: number, text: string): void => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
  };
  if (!hosts.includes(request.headers.host ?? '')) return end(403, 'This address is not served here.');
  if (request.method !== 'GET' && request.method !== 'HEAD') return end(405, 'Only GET.');
  let path: string;
  try {
    path = decodeURIComponent(new URL(request.url ?? '/', 'http://lab').pathname);
  } catch {
    return end(400, 'This is no address.');
  }
  const file = normalize(join(rendererDir, path === '/' ? 'index.html' : path));
  if (!file.startsWith(rendererDir + sep) || !existsSync(file) || !statSync(file).isFile()) {
    return end(404, 'There is nothing here.');
  }
  response.writeHead(200, {
    'content-type': types[extname(file)] ?? 'application/octet-stream',
    'content-security-policy': contentSecurityPolicy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-store',
  });
  if (request.method === 'HEAD') response.end();
  else
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response);
}
