/** What the Electron shell gives the page, where there is one (`electron/preload.ts`); a browser has none. */

export interface ShellNotice {
  readonly level: 'info' | 'error';
  readonly text: string;
}

export interface Shell {
  /** Lets the user choose another project folder; the lab opens it. */
  chooseProject(): Promise<void>;
  /** Lines about the lab's process; returns how to stop listening. */
  onNotice(listener: (notice: ShellNotice) => void): () => void;
}

/** Of this page's window, unless told. */
export function shellOf(host: object = globalThis): Shell | null {
  const shell = (host as { readonly rewardLab?: Partial<Shell> }).rewardLab;
  return typeof shell?.chooseProject === 'function' && typeof shell.onNotice === 'function'
    ? (shell as Shell)
    : null;
}
