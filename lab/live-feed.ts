/**
 * Shared memory through which a trainer shows its first worlds to the lab. The trainer copies its rows only while somebody
 * watches, at most every `publishEveryMs`, into one of two slots in turn, and never waits: whoever reads finds out whether
 * the slot was written over meanwhile, and reads again.
 */

/** Worlds that are shown at most. */
export const mostWatched = 64;
/** Milliseconds between two snapshots at least: twelve a second. */
const publishEveryMs = 80;

/** Where each signal is. */
const signals = { worlds: 0, begun: 1, done: 2 } as const;
/** Numbers at the front of a slot: trained steps, worlds in it. */
const head = 2;

/** One job's feed, as it travels to the thread. */
export interface LiveFeed {
  readonly signals: Int32Array;
  /** Two slots: head, then of each world its row, return so far, 1 where it waits for the others, learned progress by model. */
  readonly slots: Float64Array;
  readonly stateDim: number;
  /** Learned progress values a world. */
  readonly models: number;
}

const widthOf = ({ stateDim, models }: Pick<LiveFeed, 'stateDim' | 'models'>): number =>
  stateDim + 2 + models;

export function openFeed(stateDim: number, models: number, worlds: number): LiveFeed {
  const rows = Math.min(mostWatched, worlds);
  const numbers = 2 * (head + rows * widthOf({ stateDim, models }));
  return {
    signals: new Int32Array(new SharedArrayBuffer(4 * Object.keys(signals).length)),
    slots: new Float64Array(new SharedArrayBuffer(8 * numbers)),
    stateDim,
    models,
  };
}

/** The trainer's side. */
export class FeedWriter {
  readonly #feed: LiveFeed;
  readonly #width: number;
  readonly #capacity: number;
  #next = 0;

  constructor(feed: LiveFeed) {
    this.#feed = feed;
    this.#width = widthOf(feed);
    this.#capacity = (feed.slots.length / 2 - head) / this.#width;
  }

  /** Whether a snapshot is wanted now; costs a look at one integer while nobody watches. `at`: milliseconds. */
  isDue(at: number): boolean {
    if (Atomics.load(this.#feed.signals, signals.worlds) === 0 || at < this.#next) return false;
    this.#next = at + publishEveryMs;
    return true;
  }

  /** states [count * stateDim], returns [count], ended [count] where worlds wait for each other, learned: [count] a model. */
  publish(
    step: number,
    states: Float64Array,
    returns: Float64Array,
    ended: Uint8Array | undefined,
    learned: readonly { readonly values: Float64Array }[],
  ): void {
    const { signals: signal, slots, stateDim, models } = this.#feed;
    const wanted = Atomics.load(signal, signals.worlds);
    const worlds = Math.min(wanted, this.#capacity, returns.length);
    const sequence = Atomics.add(signal, signals.begun, 1) + 1;
    let at = (sequence % 2) * (slots.length / 2);
    slots[at++] = step;
    slots[at++] = worlds;
    for (let world = 0; world < worlds; world++, at += this.#width) {
      for (let i = 0; i < stateDim; i++) slots[at + i] = states[world * stateDim + i]!;
      slots[at + stateDim] = returns[world]!;
      slots[at + stateDim + 1] = ended?.[world] ?? 0;
      for (let m = 0; m < models; m++) slots[at + stateDim + 2 + m] = learned[m]?.values[world] ?? Number.NaN;
    }
    Atomics.store(signal, signals.done, sequence);
  }
}

export interface Snapshot {
  /** Counts the snapshots of this feed, from 1. */
  readonly sequence: number;
  /** Environment steps trained for. */
  readonly step: number;
  readonly count: number;
  /** [count * stateDim] */
  readonly states: Float64Array;
  /** [count] */
  readonly returns: Float64Array;
  readonly ended: Uint8Array;
  /** [models][count], NaN where there is none. */
  readonly learned: readonly Float64Array[];
}

/** Milliseconds after which a watcher that asks no more has gone. */
const patienceMs = 3000;

/** The lab's side. */
export class FeedReader {
  readonly feed: LiveFeed;
  #timer: NodeJS.Timeout | undefined;

  constructor(feed: LiveFeed) {
    this.feed = feed;
  }

  /** Somebody looks at so many worlds, for the next seconds. */
  ask(worlds: number): void {
    const { signals: signal } = this.feed;
    if (worlds > Atomics.load(signal, signals.worlds)) Atomics.store(signal, signals.worlds, worlds);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.close(), patienceMs);
    this.#timer.unref();
  }

  /** Worlds that can be looked at. */
  get watchable(): number {
    return (this.feed.slots.length / 2 - head) / widthOf(this.feed);
  }

  get isWatched(): boolean {
    return Atomics.load(this.feed.signals, signals.worlds) > 0;
  }

  /** Of the newest whole snapshot; 0 before the first. */
  get sequence(): number {
    return Atomics.load(this.feed.signals, signals.done);
  }

  /** Nobody watches any more. */
  close(): void {
    clearTimeout(this.#timer);
    Atomics.store(this.feed.signals, signals.worlds, 0);
  }

  /** The newest snapshot; undefined before the first, or where the trainer overtook the reading each time. */
  read(): Snapshot | undefined {
    const { signals: signal, slots, stateDim, models } = this.feed;
    for (let attempt = 0; attempt < 4; attempt++) {
      const sequence = Atomics.load(signal, signals.done);
      if (sequence === 0) return undefined;
      const half = slots.length / 2;
      const copy = slots.slice((sequence % 2) * half, ((sequence % 2) + 1) * half);
      // Its slot is written again by the one after the next.
      if (Atomics.load(signal, signals.begun) >= sequence + 2) continue;
      const count = copy[1]!;
      const width = widthOf(this.feed);
      const states = new Float64Array(count * stateDim);
      const column = (offset: number): Float64Array =>
        Float64Array.from({ length: count }, (_, world) => copy[head + world * width + offset]!);
      for (let world = 0; world < count; world++) {
        const at = head + world * width;
        states.set(copy.subarray(at, at + stateDim), world * stateDim);
      }
      return {
        sequence,
        step: copy[0]!,
        count,
        states,
        returns: column(stateDim),
        ended: Uint8Array.from(column(stateDim + 1)),
        learned: Array.from({ length: models }, (_, m) => column(stateDim + 2 + m)),
      };
    }
    return undefined;
  }
}
