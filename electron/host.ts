/**
 * The process that runs the lab (Electron's utility process): it opens the database, the window and the main process do
 * not. Ports come from the main process; everything else goes through them.
 */

import type { MessagePortMain, ParentPort } from 'electron';
import type { FromHost, ToHost } from './messages.ts';

/** What the host needs of lab/host.ts. */
export interface HostedLab {
  attach(port: MessagePortMain): void;
  close(): Promise<void>;
}

export interface HostOptions {
  readonly parent: Pick<ParentPort, 'on' | 'postMessage'>;
  readonly project: string;
  readonly open: (project: string) => HostedLab | Promise<HostedLab>;
  readonly exit: (code: number) => void;
}

/** Resolves when the lab is open or refused. */
export async function runHost({ parent, project, open, exit }: HostOptions): Promise<void> {
  const tell = (message: FromHost): void => parent.postMessage(message);
  let lab: HostedLab | null = null;
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    try {
      await lab?.close();
      exit(0);
    } catch (error) {
      process.stderr.write(`The lab did not close cleanly: ${messageOf(error)}\n`);
      exit(1);
    }
  };
  parent.on('message', ({ data, ports }) => {
    const message = data as ToHost;
    if (message.type === 'stop') void stop();
    else if (message.type === 'port') {
      const [port] = ports;
      if (port && lab && !stopping) lab.attach(port);
      else port?.close();
    }
  });
  try {
    lab = await open(project);
  } catch (error) {
    tell({ type: 'refused', message: messageOf(error) });
    return;
  }
  if (!stopping) tell({ type: 'ready', project });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
