/** What the page may ask of the main process: a port to the lab, and a dialog. Everybody else is ignored or refused. */

import type { IpcMain, MessageChannelMain, MessagePortMain } from 'electron';
import { channels } from './messages.ts';
import { isTrustedSender } from './security.ts';

export interface IpcOptions {
  readonly ipcMain: Pick<IpcMain, 'on' | 'handle'>;
  readonly createChannel: () => Pick<MessageChannelMain, 'port1' | 'port2'>;
  /** Hands one end to the host. */
  readonly connect: (port: MessagePortMain) => void;
  readonly chooseProject: () => Promise<void>;
}

export function setupIpc({ ipcMain, createChannel, connect, chooseProject }: IpcOptions): void {
  ipcMain.on(channels.portWanted, (event) => {
    const frame = event.senderFrame;
    if (!isTrustedSender(frame)) return;
    const { port1, port2 } = createChannel();
    connect(port1);
    event.senderFrame?.postMessage(channels.port, null, [port2]);
  });
  ipcMain.handle(channels.chooseProject, async (event) => {
    if (!isTrustedSender(event.senderFrame)) {
      throw new Error(`${channels.chooseProject}: refused, the sender is not the lab's own page`);
    }
    await chooseProject();
  });
}
