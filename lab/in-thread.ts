/** One piece of work in a thread of its own, for studies that store nothing: a result, an error, or ended hard. */

import { parentPort, Worker } from 'node:worker_threads';
import { messageOf } from './errors.ts';

/** How the thread ends its work; everything else it says is the caller's to understand. */
type LastMessage<R> =
  | { readonly type: 'done'; readonly result: R }
  | { readonly type: 'failed'; readonly message: string };

export interface InThreadOptions<M> {
  /** Module of the thread: beside the source in a checkout, beside its JavaScript in an installed app. */
  readonly file: URL;
  readonly data: unknown;
  /** Opens every error: "eval-reward". */
  readonly name: string;
  readonly signal: AbortSignal | undefined;
  onMessage(message: M): void;
}

/** Rejects with what went wrong in the thread, or with an AbortError when cancelled. */
export function inThread<R, M extends { readonly type: string }>(options: InThreadOptions<M>): Promise<R> {
  const { file, data, name, signal, onMessage } = options;
  const cancelled = () => new DOMException(`${name}: cancelled`, 'AbortError');
  if (signal?.aborted === true) return Promise.reject(cancelled());
  const worker = new Worker(file, { workerData: data, name });
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      worker.postMessage('stop');
      // A part that does not look at the signal is ended hard: nothing is stored before the end.
      void worker.terminate();
      reject(cancelled());
    };
    signal?.addEventListener('abort', abort, { once: true });
    const end = (settle: () => void): void => {
      signal?.removeEventListener('abort', abort);
      settle();
    };
    worker.on('message', (message: M | LastMessage<R>) => {
      if (message.type !== 'done' && message.type !== 'failed') {
        onMessage(message as M);
        return;
      }
      void worker.terminate();
      const last = message as LastMessage<R>;
      end(() =>
        last.type === 'done' ? resolve(last.result) : reject(new Error(`${name}: ${last.message}`)),
      );
    });
    worker.on('error', (error) => end(() => reject(new Error(`${name}: ${error.message}`))));
    worker.on('exit', () => end(() => reject(new Error(`${name}: its thread ended`))));
  });
}

/** The thread's side: runs, and says how it ended. `signal`: somebody cancelled. */
export async function workInThread<R, M extends { readonly type: string }>(
  run: (signal: AbortSignal, say: (message: M) => void) => Promise<R>,
): Promise<void> {
  const stop = new AbortController();
  parentPort!.on('message', () => stop.abort());
  const say = (message: M | LastMessage<R>): void => parentPort!.postMessage(message);
  try {
    say({ type: 'done', result: await run(stop.signal, say) });
  } catch (error) {
    say({ type: 'failed', message: messageOf(error) });
  } finally {
    parentPort!.removeAllListeners('message');
  }
}
