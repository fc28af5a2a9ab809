/**
 * Keeps the host process alive: starts it, hands it ports, starts it again when it crashes (with a word to the window),
 * and on quitting waits until it has stopped cleanly, because a run is being saved.
 */

import type { FromHost, Notice, ToHost } from './messages.ts';

/** The part of Electron's `UtilityProcess` that is used. */
export interface HostProcess<Port> {
  postMessage(message: ToHost, transfer?: Port[]): void;
  on(event: 'message', listener: (message: FromHost) => void): unknown;
  on(event: 'exit', listener: (code: number) => void): unknown;
  kill(): boolean;
}

export interface KeeperOptions<Port> {
  readonly fork: (project: string | null) => HostProcess<Port>;
  /** A folder, or null for the lab's own default. */
  readonly project: string | null;
  readonly onReady: (project: string) => void;
  readonly onNotice: (notice: Notice) => void;
  /** Milliseconds a host may take to stop before it is killed. Its longest work is one transaction. */
  readonly stopMs?: number;
  /** A host that crashes this often within `crashWindowMs` is not started again by itself. */
  readonly mostCrashes?: number;
  readonly crashWindowMs?: number;
  readonly restartMs?: number;
  readonly now?: () => number;
}

export type KeeperState = 'idle' | 'starting' | 'ready' | 'refused' | 'crashed' | 'stopping' | 'stopped';

export class Keeper<Port> {
  state: KeeperState = 'idle';
  readonly #options: KeeperOptions<Port>;
  readonly #stopMs: number;
  readonly #mostCrashes: number;
  readonly #crashWindowMs: number;
  readonly #restartMs: number;
  readonly #now: () => number;
  #project: string | null;
  #host: HostProcess<Port> | null = null;
  #waiting: Port[] = [];
  #crashes: number[] = [];
  #stopped: Promise<void> | null = null;
  #onExit: (() => void) | null = null;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: KeeperOptions<Port>) {
    this.#options = options;
    this.#project = options.project;
    this.#stopMs = options.stopMs ?? 20_000;
    this.#mostCrashes = options.mostCrashes ?? 3;
    this.#crashWindowMs = options.crashWindowMs ?? 60_000;
    this.#restartMs = options.restartMs ?? 500;
    this.#now = options.now ?? Date.now;
  }

  start(): void {
    const host = this.#options.fork(this.#project);
    this.#host = host;
    this.state = 'starting';
    host.on('message', (message) => {
      if (this.#host === host) this.#listen(message);
    });
    host.on('exit', (code) => {
      if (this.#host === host) this.#ended(code);
    });
  }

  /** Gives the host a port to serve; kept until the host is ready. */
  connect(port: Port): void {
    if (this.state === 'ready') this.#host?.postMessage({ type: 'port' }, [port]);
    else if (this.state === 'crashed') {
      // The window asks again by itself; that is the user's sign that it is worth another try.
      this.#crashes = [];
      this.#waiting.push(port);
      this.start();
    } else this.#waiting.push(port);
  }

  /** Stops the host cleanly and starts it on another project. */
  async open(project: string): Promise<void> {
    await this.stop();
    this.#project = project;
    this.#stopped = null;
    this.#crashes = [];
    this.start();
  }

  /** Resolves when the host has stopped; the same promise for every caller. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#restart);
    this.#restart = undefined;
    const host = this.#host;
    if (host === null || this.state === 'crashed' || this.state === 'refused') {
      host?.kill();
      this.#host = null;
      this.state = 'stopped';
      return;
    }
    this.state = 'stopping';
    await new Promise<void>((resolve) => {
      const late = setTimeout(() => {
        this.#options.onNotice({ level: 'error', text: 'The lab did not stop in time and was ended.' });
        host.kill();
        resolve();
      }, this.#stopMs);
      this.#onExit = () => {
        clearTimeout(late);
        resolve();
      };
      host.postMessage({ type: 'stop' });
    });
    this.#onExit = null;
    this.#host = null;
    this.state = 'stopped';
  }

  #listen(message: FromHost): void {
    if (message.type === 'refused') {
      this.state = 'refused';
      this.#options.onNotice({ level: 'error', text: message.message });
      return;
    }
    if (this.state !== 'starting') return;
    this.state = 'ready';
    for (const port of this.#waiting.splice(0)) this.#host?.postMessage({ type: 'port' }, [port]);
    this.#options.onReady(message.project);
  }

  #ended(code: number): void {
    if (this.state === 'stopping') {
      this.#onExit?.();
      return;
    }
    this.#host = null;
    if (this.state === 'refused') return;
    const now = this.#now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < this.#crashWindowMs), now];
    this.state = 'crashed';
    if (this.#crashes.length >= this.#mostCrashes) {
      this.#options.onNotice({
        level: 'error',
        text: `The lab's process ended ${this.#crashes.length} times in a row (code ${code}) and is not started again by itself.`,
      });
      return;
    }
    this.#options.onNotice({
      level: 'error',
      text: `The lab's process ended unexpectedly (code ${code}) and is being started again; finished episodes are safe, a run can be resumed.`,
    });
    this.state = 'starting';
    this.#restart = setTimeout(() => this.start(), this.#restartMs);
  }
}
