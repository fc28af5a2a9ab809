/**
 * What is new, for anyone who asks. Only the newest event of each kind and thing is kept, so a listener that asks seldom
 * gets less, never more: nothing queues up for a slow window, and the lab never waits for it.
 */

import type { LabEvent } from './api.ts';

function keyOf(event: LabEvent): string {
  switch (event.type) {
    case 'run':
      return `run/${event.run.id}`;
    case 'metrics':
      return `metrics/${event.runId}`;
    case 'episode':
      return `episode/${event.episode.runId}/${event.episode.kind}`;
    case 'model':
      return `model/${event.modelId}`;
    case 'evaluation':
    case 'disagreement':
    case 'measuring':
      return event.type;
    case 'fork':
      return `fork/${event.episode}`;
    case 'scoring':
      return `scoring/${event.episode}`;
  }
}

export class EventHub {
  #sequence = 0;
  readonly #newest = new Map<string, { readonly sequence: number; readonly event: LabEvent }>();
  readonly #waiting = new Set<() => void>();

  emit(event: LabEvent): void {
    const key = keyOf(event);
    // Set anew, so that the map stays in order of sequence.
    this.#newest.delete(key);
    this.#newest.set(key, { sequence: ++this.#sequence, event });
    for (const wake of [...this.#waiting]) wake();
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  #since(cursor: number): LabEvent[] {
    const events: LabEvent[] = [];
    for (const { sequence, event } of this.#newest.values()) if (sequence > cursor) events.push(event);
    return events;
  }

  /** Resolves at once when there is something newer than the cursor, else on the next event, the time-out or the abort. */
  async since(
    cursor: number,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<{ cursor: number; events: LabEvent[] }> {
    // A cursor from an earlier life of the lab: everything current is new.
    const from = cursor > this.#sequence ? 0 : cursor;
    if (this.#sequence === from && waitMs > 0 && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          this.#waiting.delete(finish);
          signal?.removeEventListener('abort', finish);
          resolve();
        };
        const timer = setTimeout(finish, waitMs);
        this.#waiting.add(finish);
        signal?.addEventListener('abort', finish);
      });
    }
    return { cursor: this.#sequence, events: this.#since(from) };
  }

  /** Lets every waiting listener go. */
  close(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
