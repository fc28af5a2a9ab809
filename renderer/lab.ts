/**
 * The window's only way to the lab: a typed client over whichever transport is there. In a browser a WebSocket to the
 * address the page came from, with the token of the page's own address; in Electron a MessagePort that the preload
 * hands in as a window message `{ type: 'lab-port' }` (asked for with `{ type: 'lab-port-wanted' }`).
 */

import { createORPCClient, DynamicLink } from '@orpc/client';
import { RPCLink as PortLink } from '@orpc/client/message-port';
import { RPCLink as SocketLink } from '@orpc/client/websocket';
import type { ContractRouterClient } from '@orpc/contract';
import { create } from 'zustand';
import type { LabContract } from '../lab/api.ts';
import { carriedBytes } from './carry.ts';
import { shellOf } from './shell.ts';

export type LabClient = ContractRouterClient<LabContract>;

export type ConnectionStatus = 'connecting' | 'open' | 'lost';

export interface Connection {
  readonly status: ConnectionStatus;
  /** Failed tries in a row. */
  readonly failures: number;
  /** Milliseconds since 1970 of the next try, while lost. */
  readonly retryAt: number | null;
}

export const useConnection = create<Connection>()(() => ({
  status: 'connecting',
  failures: 0,
  retryAt: null,
}));

type Link = SocketLink<Record<never, never>> | PortLink<Record<never, never>>;
let current: Link | null = null;

export const lab: LabClient = createORPCClient(
  new DynamicLink<Record<never, never>>(() => {
    if (!current) throw new Error('The lab is not connected');
    return current;
  }),
);

/** Milliseconds before try number `failures + 1`: half a second, doubled each time, at most ten seconds. */
export function backoffMs(failures: number): number {
  return Math.min(10_000, 500 * 2 ** Math.max(0, failures - 1));
}

let retryTimer: ReturnType<typeof setTimeout> | undefined;

function opened(link: Link): void {
  current = link;
  useConnection.setState({ status: 'open', failures: 0, retryAt: null });
}

function lost(reconnect: () => void): void {
  current = null;
  const failures = useConnection.getState().failures + 1;
  const wait = backoffMs(failures);
  useConnection.setState({ status: 'lost', failures, retryAt: Date.now() + wait });
  clearTimeout(retryTimer);
  retryTimer = setTimeout(reconnect, wait);
}

let latest: WebSocket | null = null;

function connectSocket(token: string): void {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  const socket = new WebSocket(`${scheme}://${location.host}/api?token=${encodeURIComponent(token)}`);
  const link = new SocketLink({ websocket: socket, customJsonSerializers: [carriedBytes] });
  // "Try now" may come while a try is under way: only the last one counts.
  latest?.close();
  latest = socket;
  socket.addEventListener('open', () => {
    if (socket === latest) opened(link);
  });
  socket.addEventListener('close', () => {
    if (socket === latest) lost(() => connectSocket(token));
  });
}

function connectPort(): void {
  window.postMessage({ type: 'lab-port-wanted' }, location.origin === 'null' ? '*' : location.origin);
}

let reconnectNow: () => void = () => undefined;

/** Starts connecting and keeps at it for as long as the window lives. */
export function connect(): void {
  const token = new URLSearchParams(location.search).get('token');
  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    if (event.source !== window) return;
    const data = event.data as { type?: unknown } | null;
    const port = event.ports[0];
    if (data?.type !== 'lab-port' || !port) return;
    const link = new PortLink({ port, customJsonSerializers: [carriedBytes] });
    port.addEventListener('close', () => {
      if (current === link) lost(connectPort);
    });
    port.start();
    opened(link);
  });
  // Where there is a shell around the page it hands out ports; a browser has none.
  const isWeb = location.protocol === 'http:' || location.protocol === 'https:';
  if (isWeb && shellOf() === null) {
    reconnectNow = () => connectSocket(token ?? '');
    reconnectNow();
  } else {
    reconnectNow = connectPort;
    connectPort();
  }
}

/** The banner's button: no waiting for the next try. */
export function retryNow(): void {
  if (useConnection.getState().status !== 'lost') return;
  clearTimeout(retryTimer);
  reconnectNow();
}

/** Resolves as soon as the lab can be called. */
export function whenOpen(): Promise<void> {
  if (useConnection.getState().status === 'open') return Promise.resolve();
  return new Promise((resolve) => {
    const stop = useConnection.subscribe((state) => {
      if (state.status !== 'open') return;
      stop();
      resolve();
    });
  });
}
