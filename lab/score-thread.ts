/** A thread that scores, kept warm for a while: one question at a time, given up hard when somebody cancels. */

import { Worker } from 'node:worker_threads';
import type { ScoreAnswer, ScoreQuestion } from './score-worker.ts';

/** Milliseconds after the last question until the thread ends. */
const idleMs = 60_000;

type Last = Exclude<ScoreAnswer, { type: 'progress' }>;

export class ScoreThread {
  #worker: Worker | undefined;
  /** Hashes of models that the thread has. */
  readonly #sent = new Set<string>();
  /** What the thread says goes to whoever asked last. */
  #heard: ((answer: ScoreAnswer | Error) => void) | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;

  /**
   * After the questions before it. `question` is made when its turn has come: `isLoaded` says of a model's hash whether the thread
   * has its bytes. Rejects with an AbortError when cancelled.
   */
  ask<A extends Last['type']>(
    question: (isLoaded: (hash: string) => boolean) => ScoreQuestion,
    wanted: A,
    {
      signal,
      onProgress,
    }: { readonly signal?: AbortSignal | undefined; onProgress?: (done: number) => void },
  ): Promise<Extract<Last, { type: A }>> {
    const mine = this.#last.then(() => this.#ask(question, wanted, signal, onProgress));
    this.#last = mine.catch(() => undefined);
    return mine;
  }

  close(): void {
    clearTimeout(this.#idle);
    void this.#worker?.terminate();
    this.#worker = undefined;
    this.#sent.clear();
  }

  #open(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./score-worker.ts', import.meta.url), { name: 'score' });
    // A thread that waits for questions keeps nobody alive.
    worker.unref();
    const isMine = (): boolean => this.#worker === worker;
    worker.on('message', (answer: ScoreAnswer) => isMine() && this.#heard?.(answer));
    worker.on('error', (error) => isMine() && this.#heard?.(new Error(`score: ${error.message}`)));
    worker.on('exit', () => {
      if (!isMine()) return;
      this.close();
      this.#heard?.(new Error('score: its thread ended'));
    });
    this.#worker = worker;
    return worker;
  }

  async #ask<A extends Last['type']>(
    make: (isLoaded: (hash: string) => boolean) => ScoreQuestion,
    wanted: A,
    signal: AbortSignal | undefined,
    onProgress: ((done: number) => void) | undefined,
  ): Promise<Extract<Last, { type: A }>> {
    const cancelled = () => new DOMException('score: cancelled', 'AbortError');
    if (signal?.aborted === true) throw cancelled();
    clearTimeout(this.#idle);
    const question = make((hash) => this.#sent.has(hash));
    const worker = this.#open();
    // A model in the middle of an episode looks at no signal: its thread is ended.
    const abort = (): void => this.#heard?.(cancelled());
    signal?.addEventListener('abort', abort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#heard = (answer) => {
          if (answer instanceof Error) {
            this.close();
            reject(answer);
          } else if (answer.type === 'progress') onProgress?.(answer.done);
          else if (answer.type === 'failed') reject(new RangeError(answer.message));
          else if (answer.type === wanted) resolve(answer as Extract<Last, { type: A }>);
        };
        worker.postMessage(question);
        if (question.type === 'score') for (const { hash } of question.models) this.#sent.add(hash);
      });
    } finally {
      this.#heard = undefined;
      signal?.removeEventListener('abort', abort);
      this.#idle = setTimeout(() => this.close(), idleMs);
      this.#idle.unref();
    }
  }
}
