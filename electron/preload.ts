/**
 * Runs before the page, between it and the main process. The page gets these named functions and one MessagePort to the
 * lab; it never gets `ipcRenderer` itself. Bundled into one CommonJS file, which is all a sandboxed preload may be.
 */

import { contextBridge, ipcRenderer } from 'electron';
import { channels, type Notice } from './messages.ts';
import { isPortRequest } from './requests.ts';

const shell = {
  /** Lets the user choose another project folder; the lab opens it. */
  chooseProject: (): Promise<void> => ipcRenderer.invoke(channels.chooseProject) as Promise<void>,
  /** Lines about the lab's process; returns how to stop listening. */
  onNotice: (listener: (notice: Notice) => void): (() => void) => {
    const forward = (_event: unknown, notice: Notice): void => listener(notice);
    ipcRenderer.on(channels.notice, forward);
    return () => {
      ipcRenderer.off(channels.notice, forward);
    };
  },
};

export type Shell = typeof shell;

contextBridge.exposeInMainWorld('rewardLab', shell);

window.addEventListener('message', (event) => {
  if (isPortRequest(event, window)) ipcRenderer.send(channels.portWanted);
});

// A port cannot cross the bridge; it is transferred in a message that only this page's own origin receives.
ipcRenderer.on(channels.port, (event) => {
  window.postMessage({ type: 'lab-port' }, window.location.origin, event.ports);
});
