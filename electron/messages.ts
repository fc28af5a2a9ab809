/** What main, host and page say to each other beside the api itself. Names and shapes only, so each side may import it. */

/** Channels between page and main process. */
export const channels = {
  /** page -> main: give me a port to the lab */
  portWanted: 'lab:port-wanted',
  /** main -> page: here it is, transferred */
  port: 'lab:port',
  /** main -> page: a line for the user about the lab's process */
  notice: 'lab:notice',
  /** page -> main: let the user choose another project folder */
  chooseProject: 'lab:choose-project',
} as const;

/** main -> host. A `port` message carries the port itself beside it. */
export type ToHost = { readonly type: 'port' } | { readonly type: 'stop' };

/** host -> main */
export type FromHost =
  | { readonly type: 'ready'; readonly project: string }
  /** The project cannot be opened, for instance because another process has it: starting again would not help. */
  | { readonly type: 'refused'; readonly message: string };

export interface Notice {
  readonly level: 'info' | 'error';
  readonly text: string;
}
