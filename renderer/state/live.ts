/** The worlds of a run while it trains: which run, how many, and what a snapshot of them holds. */

import { create } from 'zustand';
import { type Block, type PackedArray, unpack } from '../../lab/pack.ts';

/** A snapshot of N worlds, as the lab sends it. */
export interface WorldsFrame {
  /** Number of each world in its run. */
  readonly ids: readonly number[];
  /** Environment steps trained for. */
  readonly step: number;
  /** [N, bodies, 7] */
  readonly poses: Float32Array;
  /** [N, bodies, 3], NaN where a body keeps its own; null where colours do not change. */
  readonly colours: Float32Array | null;
  readonly progress: ArrayLike<number>;
  readonly stage: ArrayLike<number>;
  readonly success: ArrayLike<number>;
  readonly returns: ArrayLike<number>;
  readonly episodeStep: ArrayLike<number>;
  /** Of the first learned reward; null where nothing was learned. */
  readonly learned: ArrayLike<number> | null;
}

export const worldCounts = [1, 4, 16, 64] as const;

export interface LiveChoice {
  readonly count: (typeof worldCounts)[number];
  /** One world alone; null: the first `count`. */
  readonly world: number | null;
  readonly isPaused: boolean;
}

export const useLive = create<LiveChoice>()(() => ({ count: 16, world: null, isPaused: false }));

export function toggleWorlds(): void {
  useLive.setState(({ isPaused }) => ({ isPaused: !isPaused }));
}

/** @throws RangeError when the block does not hold what a snapshot must. */
export function readFrame(block: Block, ids: readonly number[] | null, step: number): WorldsFrame {
  const arrays = unpack(block);
  const wanted = (name: string): PackedArray => {
    const array = arrays[name];
    if (array === undefined) throw new RangeError(`Snapshot of worlds: no ${name} in it`);
    return array;
  };
  const progress = wanted('progress');
  const poses = wanted('poses');
  const colours = arrays['colours'];
  return {
    ids: (ids ?? Array.from({ length: progress.length }, (_, world) => world)).slice(0, progress.length),
    step,
    poses: poses instanceof Float32Array ? poses : Float32Array.from(poses),
    colours: colours instanceof Float32Array ? colours : null,
    progress,
    stage: wanted('stage'),
    success: wanted('success'),
    returns: wanted('returns'),
    episodeStep: wanted('episodeStep'),
    learned: arrays['learned/0'] ?? null,
  };
}

/** Bytes and snapshots a second over the last few seconds. Pure but for what it has been told. */
export class Traffic {
  readonly #seen: { readonly at: number; readonly bytes: number }[] = [];
  readonly #span: number;

  constructor(spanMs = 3000) {
    this.#span = spanMs;
  }

  add(at: number, bytes: number): void {
    this.#seen.push({ at, bytes });
  }

  rate(at: number): { readonly bytes: number; readonly snapshots: number } {
    while (this.#seen.length > 0 && this.#seen[0]!.at < at - this.#span) this.#seen.shift();
    const seconds = this.#span / 1000;
    const bytes = this.#seen.reduce((sum, one) => sum + one.bytes, 0);
    return { bytes: bytes / seconds, snapshots: this.#seen.length / seconds };
  }
}

/** `412 kB/s` */
export function rateText(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B/s`;
  return bytes < 1e6 ? `${Math.round(bytes / 1000)} kB/s` : `${(bytes / 1e6).toFixed(1)} MB/s`;
}
