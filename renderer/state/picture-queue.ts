/**
 * Small pictures of whatever is in view: asked for together, drawn one at a time when nothing else goes on, kept within a budget
 * of bytes. What is no longer wanted is neither fetched nor drawn. Pure: time, fetching and drawing are handed in.
 */

/** What is known of one id. Another value whenever something changed. */
export interface Entry<Scene, Picture> {
  /** What pictures are drawn from; null where there is none, with the reason. */
  readonly scene: Scene | null;
  readonly absent: string | null;
  /** By moment; null: not drawn. */
  readonly pictures: readonly (Picture | null)[];
}

export type Found<Scene> =
  | { readonly type: 'scene'; readonly scene: Scene; readonly bytes: number }
  | { readonly type: 'absent'; readonly reason: string };

export interface QueueParts<Scene, Picture> {
  /** Answers for every id; those that it leaves out are asked for again. */
  fetch(ids: readonly number[], signal: AbortSignal): Promise<ReadonlyMap<number, Found<Scene>>>;
  draw(scene: Scene, moment: number): Promise<Picture>;
  bytesOf(picture: Picture): number;
  /** A picture that is thrown away. */
  close(picture: Picture): void;
  /** Of those that are wanted only these are asked for and drawn; whoever changes the answer calls `look`. */
  isInView(id: number): boolean;
  /** Nothing moves on the screen. */
  isQuiet(): boolean;
  /** Calls when there is time left; returns how to take it back. */
  idle(run: () => void): () => void;
  later(milliseconds: number, run: () => void): () => void;
}

export interface QueueOptions {
  /** Pictures of one id, and which of them is shown by itself. */
  readonly moments: number;
  readonly still: number;
  /** Of scenes and pictures together. */
  readonly budget: number;
  /** Ids a question. */
  readonly batch: number;
  /** Milliseconds: from the first wish to the first question, between two looks for a quiet moment, between two pictures. */
  readonly settleMs: number;
  readonly lookMs: number;
  readonly gapMs: () => number;
  /** After a failure; doubled after each more in a row, to sixteen times as long. */
  readonly retryMs: number;
}

interface Kept<Scene, Picture> {
  entry: Entry<Scene, Picture>;
  readonly sceneBytes: number;
  /** Pictures that could not be drawn, in a row. */
  failures: number;
}

interface Wish {
  readonly listeners: Set<() => void>;
  /** Who wants all moments, not the still one alone. */
  all: number;
}

/** What an entry takes beside scene and pictures, about. */
const entryBytes = 200;
/** After so many failures in a row an id has no picture. */
const mostFailures = 3;

export class PictureQueue<Scene, Picture> {
  readonly #parts: QueueParts<Scene, Picture>;
  readonly #options: QueueOptions;
  /** Least recently used first. */
  readonly #kept = new Map<number, Kept<Scene, Picture>>();
  readonly #wishes = new Map<number, Wish>();
  #bytes = 0;
  #isWorking = false;
  /** In a row. */
  #failures = 0;
  #cancel: (() => void) | null = null;
  #asked: { readonly ids: readonly number[]; readonly abort: AbortController } | null = null;
  /** Grows whenever what is being drawn is not wanted in this form any more. */
  #round = 0;

  constructor(parts: QueueParts<Scene, Picture>, options: QueueOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#kept.size;
  }

  entry(id: number): Entry<Scene, Picture> | undefined {
    return this.#kept.get(id)?.entry;
  }

  /** Whoever shows an id says so; `changed` is called whenever its entry did. Returns how to leave. */
  want(id: number, changed: () => void): () => void {
    const wish = this.#wishes.get(id) ?? { listeners: new Set(), all: 0 };
    this.#wishes.set(id, wish);
    const listener = (): void => changed();
    wish.listeners.add(listener);
    this.#touch(id);
    this.#wake(this.#options.settleMs);
    return () => {
      wish.listeners.delete(listener);
      if (wish.listeners.size > 0 || this.#wishes.get(id) !== wish) return;
      this.#wishes.delete(id);
      this.#leaveBehind();
    };
  }

  /** Others are in view now. */
  look(): void {
    this.#wake(this.#options.settleMs);
  }

  /** All moments of an id that is wanted, before the others. Returns how to be content with the still one again. */
  wantAll(id: number): () => void {
    const wish = this.#wishes.get(id);
    if (!wish) return () => undefined;
    wish.all++;
    this.#wake(0);
    return () => {
      wish.all--;
    };
  }

  /** They would be drawn in another way now. */
  dropPictures(): void {
    this.#round++;
    for (const [id, kept] of this.#kept) {
      if (kept.entry.scene === null) continue;
      this.#closeAll(kept);
      kept.entry = { ...kept.entry, pictures: this.#none() };
      this.#changed(id);
    }
    this.#wake(0);
  }

  /** Forgets everything; what is wanted is asked for again. */
  clear(): void {
    this.#round++;
    this.#asked?.abort.abort();
    this.#cancel?.();
    this.#cancel = null;
    for (const [id, kept] of this.#kept) {
      this.#closeAll(kept);
      this.#bytes -= kept.sceneBytes + entryBytes;
      this.#kept.delete(id);
      this.#changed(id);
    }
    this.#wake(this.#options.settleMs);
  }

  #none(): null[] {
    return Array.from({ length: this.#options.moments }, () => null);
  }

  #changed(id: number): void {
    for (const listener of this.#wishes.get(id)?.listeners ?? []) listener();
  }

  #touch(id: number): void {
    const kept = this.#kept.get(id);
    if (!kept) return;
    this.#kept.delete(id);
    this.#kept.set(id, kept);
  }

  #closeAll({ entry }: Kept<Scene, Picture>): void {
    for (const picture of entry.pictures) {
      if (picture === null) continue;
      this.#bytes -= this.#parts.bytesOf(picture);
      this.#parts.close(picture);
    }
  }

  /** A question whose answer nobody waits for any more. */
  #leaveBehind(): void {
    if (this.#asked && !this.#asked.ids.some((id) => this.#wishes.has(id))) this.#asked.abort.abort();
  }

  #wake(milliseconds: number): void {
    if (this.#isWorking || this.#cancel || this.#wishes.size === 0) return;
    this.#cancel = this.#parts.later(milliseconds, () => {
      this.#cancel = null;
      if (this.#next() === null) return;
      if (!this.#parts.isQuiet()) return this.#wake(this.#options.lookMs);
      this.#cancel = this.#parts.idle(() => {
        this.#cancel = null;
        void this.#work();
      });
    });
  }

  /** Ids to ask for, or one picture to draw. */
  #next():
    | { readonly type: 'ask'; readonly ids: readonly number[] }
    | { readonly type: 'draw'; readonly id: number; readonly scene: Scene; readonly moment: number }
    | null {
    const missing = [...this.#wishes.keys()].filter((id) => !this.#kept.has(id) && this.#parts.isInView(id));
    if (missing.length > 0) return { type: 'ask', ids: missing.slice(0, this.#options.batch) };
    const { moments, still } = this.#options;
    for (const all of [true, false]) {
      for (const [id, wish] of this.#wishes) {
        const { scene = null, pictures = [] } = this.#kept.get(id)?.entry ?? {};
        if (scene === null || (all && wish.all === 0) || !this.#parts.isInView(id)) continue;
        const wanted = all ? Array.from({ length: moments }, (_, i) => i) : [still];
        const moment = wanted.find((i) => pictures[i] === null);
        if (moment !== undefined) return { type: 'draw', id, scene, moment };
      }
    }
    return null;
  }

  async #work(): Promise<void> {
    const next = this.#next();
    if (next === null) return;
    // Something may have begun to move since there was time.
    if (!this.#parts.isQuiet()) return this.#wake(this.#options.lookMs);
    this.#isWorking = true;
    let pause = 0;
    try {
      if (next.type === 'ask') await this.#ask(next.ids);
      else {
        await this.#draw(next.id, next.scene, next.moment);
        pause = this.#options.gapMs();
      }
      this.#failures = 0;
    } catch (error) {
      // The lab is away, or the graphics card; both come back.
      pause = this.#options.retryMs * 2 ** Math.min(4, this.#failures++);
      if (next.type === 'draw') this.#failed(next.id, error);
    }
    this.#isWorking = false;
    this.#wake(pause);
  }

  async #ask(ids: readonly number[]): Promise<void> {
    const asked = { ids, abort: new AbortController() };
    this.#asked = asked;
    let found: ReadonlyMap<number, Found<Scene>>;
    try {
      found = await this.#parts.fetch(ids, asked.abort.signal);
    } catch (error) {
      if (asked.abort.signal.aborted) return;
      throw error;
    } finally {
      this.#asked = null;
    }
    if (asked.abort.signal.aborted) return;
    for (const [id, one] of found) {
      if (!this.#wishes.has(id) || this.#kept.has(id)) continue;
      const sceneBytes = one.type === 'scene' ? one.bytes : 2 * one.reason.length;
      this.#kept.set(id, {
        entry: {
          scene: one.type === 'scene' ? one.scene : null,
          absent: one.type === 'absent' ? one.reason : null,
          pictures: this.#none(),
        },
        sceneBytes,
        failures: 0,
      });
      this.#bytes += sceneBytes + entryBytes;
      this.#changed(id);
    }
    this.#fit();
  }

  async #draw(id: number, scene: Scene, moment: number): Promise<void> {
    const round = this.#round;
    const picture = await this.#parts.draw(scene, moment);
    const kept = this.#kept.get(id);
    if (round !== this.#round || !kept || kept.entry.pictures[moment] !== null) {
      this.#parts.close(picture);
      return;
    }
    kept.entry = { ...kept.entry, pictures: kept.entry.pictures.with(moment, picture) };
    kept.failures = 0;
    this.#bytes += this.#parts.bytesOf(picture);
    this.#touch(id);
    this.#fit();
    this.#changed(id);
  }

  #failed(id: number, error: unknown): void {
    const kept = this.#kept.get(id);
    if (!kept || ++kept.failures < mostFailures) return;
    this.#closeAll(kept);
    const absent = error instanceof Error ? error.message : String(error);
    kept.entry = { scene: null, absent, pictures: this.#none() };
    this.#changed(id);
  }

  /** What is in view stays, even where it alone is more than the budget. */
  #fit(): void {
    for (const [id, kept] of this.#kept) {
      if (this.#bytes <= this.#options.budget) return;
      if (this.#wishes.has(id)) continue;
      this.#closeAll(kept);
      this.#bytes -= kept.sceneBytes + entryBytes;
      this.#kept.delete(id);
    }
  }
}
