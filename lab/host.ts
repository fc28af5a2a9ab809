/** The lab behind a MessagePort: what Electron's host process opens, and what the tests drive without it. */

import { RPCHandler } from '@orpc/server/message-port';
import { carriedBytes } from './carry.ts';
import { refusal } from './door.ts';
import { Lab, type LabOptions } from './lab.ts';
import { createRouter } from './router.ts';

/** The part of a port that is used: Electron's `MessagePortMain`, and the ports of browsers and of Node. */
export type Port = PortEvents & { postMessage(message: unknown): void; start?(): void; close(): void };
type PortEvents =
  | { addEventListener(type: string, listener: (event: { data?: unknown }) => void): void }
  | { on(type: string, listener: (event: { data?: unknown }) => void): unknown };

function listen(port: Port, type: 'message' | 'close', listener: (event: { data?: unknown }) => void): void {
  if ('addEventListener' in port) port.addEventListener(type, listener);
  else port.on(type, listener);
}

export interface OpenedLab {
  readonly lab: Lab;
  /** Serves the api on this port until it closes. A message that is no call closes the port. */
  attach(port: Port): void;
  close(): Promise<void>;
}

/** @throws StoreBusyError, StoreReadOnlyError, StoreForeignError */
export function openLab(options: LabOptions): OpenedLab {
  const lab = new Lab(options);
  const handler = new RPCHandler(createRouter(lab), { customJsonSerializers: [carriedBytes] });
  return {
    lab,
    attach(port) {
      const checked = {
        on(type: 'message' | 'close', listener: (event: { data?: unknown }) => void): void {
          listen(port, type, (event) => {
            if (type === 'close' || refusal(event.data) === undefined) listener(event);
            else port.close();
          });
        },
        postMessage: (message: unknown) => port.postMessage(message),
      };
      handler.upgrade(checked as never, { context: {} });
      port.start?.();
    },
    close: () => lab.close(),
  };
}
