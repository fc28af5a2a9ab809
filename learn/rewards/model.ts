/**
 * From a scorer of frames to a whole reward model: scoring an episode, scoring N worlds online, saving and restoring.
 * A method writes how one frame is scored, given what it remembers of the episode; both faces run the same code, so that
 * an episode's score equals what was paid online.
 */

import type { SenseId } from './senses.ts';
import type { EpisodeScore, OnlineScorer, RewardModel } from './types.ts';

/** Where a scorer writes: row r is world r. */
export interface ScoreRows {
  /** Learned progress in [0, 1]. [rows] */
  readonly progress: Float64Array;
  /** Spread of an ensemble. [rows]; only where the scorer `hasStd`. */
  readonly std: Float64Array;
  /** By name, [rows] each. */
  readonly extras: Readonly<Record<string, Float64Array>>;
}

export interface FrameScorer {
  /** Numbers remembered of each world's episode; 0: a frame says it all, and many frames of an episode are scored at once. */
  readonly memory: number;
  /** `run` leaves the memory as `begin` wrote it, so that many frames of an episode are scored at once all the same. */
  readonly memoryIsFixed?: boolean;
  /** Names of the extra tracks it writes. */
  readonly extras: readonly string[];
  readonly hasStd?: boolean;
  /** An episode starts with this frame: writes a world's memory from `memoryOffset`. `run` sees the same frame next. */
  begin(frames: Float64Array, offset: number, memory: Float64Array, memoryOffset: number): void;
  /**
   * The newest frame of `rows` worlds: frames [rows, frameDim] from `offset`; memory [rows, memory] from `memoryOffset`,
   * brought up to date. isFirst: the frame is the one that `begin` was given.
   */
  run(
    frames: Float64Array,
    offset: number,
    rows: number,
    memory: Float64Array,
    memoryOffset: number,
    out: ScoreRows,
    isFirst: boolean,
  ): void;
  /**
   * The next `count` frames of one world, with the numbers that `run` gives one frame at a time; isFirst: of the first of them.
   * Where it is offered, what needs no memory is worked out for many frames of an episode at once.
   */
  runEpisode?(
    frames: Float64Array,
    offset: number,
    count: number,
    memory: Float64Array,
    memoryOffset: number,
    out: ScoreRows,
    isFirst: boolean,
  ): void;
}

export interface ModelParts {
  readonly method: string;
  /** For error messages: "SARM model". */
  readonly title: string;
  readonly senses: readonly SenseId[];
  readonly frameDim: number;
  readonly stages: readonly string[];
  readonly learnedFrom?: string | undefined;
  /** A scorer of at most `capacity` rows a call. */
  scorer(capacity: number): FrameScorer;
  save(): Uint8Array;
  /** A method that looks ahead: refused online with this reason. */
  readonly offlineBecause?: string;
}

/** Frames of an episode scored together where what is remembered allows it. */
const chunk = 256;

function rowsFor(scorer: FrameScorer, capacity: number): ScoreRows {
  return {
    progress: new Float64Array(capacity),
    std: new Float64Array(capacity),
    extras: Object.fromEntries(scorer.extras.map((name) => [name, new Float64Array(capacity)])),
  };
}

/** A scorer of whole episodes, what it writes to and what it remembers. */
interface EpisodeScorer {
  readonly scorer: FrameScorer;
  readonly capacity: number;
  readonly rows: ScoreRows;
  readonly memory: Float64Array;
}

export function createRewardModel(parts: ModelParts): RewardModel {
  const { method, title, senses, frameDim: dim, stages, learnedFrom } = parts;
  /** For whole episodes, one after the other: kept, since packing the weights takes as long as scoring some dozen frames. */
  let offline: EpisodeScorer | undefined;

  function openOffline(): EpisodeScorer {
    let scorer = parts.scorer(1);
    const isOpen = scorer.memory === 0 || scorer.memoryIsFixed === true || scorer.runEpisode !== undefined;
    const capacity = isOpen ? chunk : 1;
    if (isOpen) scorer = parts.scorer(capacity);
    return {
      scorer,
      capacity,
      rows: rowsFor(scorer, capacity),
      memory: new Float64Array(capacity * scorer.memory),
    };
  }

  const wantNumbers = (frames: Float64Array, rows: number, what: string): void => {
    if (frames.length !== rows * dim) {
      throw new RangeError(
        `${title}: found ${frames.length} frame numbers, wanted ${rows * dim} (${rows} ${what} of ${dim})`,
      );
    }
  };

  function score(frames: Float64Array, length: number): EpisodeScore {
    const count = length + 1;
    wantNumbers(frames, count, 'frames');
    offline ??= openOffline();
    const { scorer, capacity, rows, memory } = offline;
    const perStep = new Float32Array(count);
    const std = new Float32Array(scorer.hasStd === true ? count : 0);
    const extras = Object.fromEntries(scorer.extras.map((name) => [name, new Float32Array(count)]));
    scorer.begin(frames, 0, memory, 0);
    // Rows of one episode share its memory, which does not change.
    if (scorer.runEpisode === undefined) {
      for (let row = 1; row < Math.min(capacity, count); row++)
        memory.copyWithin(row * scorer.memory, 0, scorer.memory);
    }
    for (let from = 0; from < count; from += capacity) {
      const n = Math.min(capacity, count - from);
      if (scorer.runEpisode === undefined) scorer.run(frames, from * dim, n, memory, 0, rows, from === 0);
      else scorer.runEpisode(frames, from * dim, n, memory, 0, rows, from === 0);
      perStep.set(rows.progress.subarray(0, n), from);
      if (scorer.hasStd === true) std.set(rows.std.subarray(0, n), from);
      for (const name of scorer.extras) extras[name]!.set(rows.extras[name]!.subarray(0, n), from);
    }
    return { perStep, extras, ...(scorer.hasStd === true ? { std } : {}) };
  }

  function online(count: number): OnlineScorer {
    if (parts.offlineBecause !== undefined)
      throw new RangeError(`${title}: offline only, it ${parts.offlineBecause}`);
    if (!Number.isInteger(count) || count < 1)
      throw new RangeError(`${title}: ${count} worlds, wanted at least 1`);
    const scorer = parts.scorer(count);
    const rows = rowsFor(scorer, count);
    const memory = new Float64Array(count * scorer.memory);
    const values = new Float64Array(count);
    return {
      count,
      values,
      reset(world, frames, offset) {
        if (!(world >= 0 && world < count))
          throw new RangeError(`${title}: world ${world}, wanted 0 to ${count - 1}`);
        const at = world * scorer.memory;
        scorer.begin(frames, offset, memory, at);
        scorer.run(frames, offset, 1, memory, at, rows, true);
        values[world] = rows.progress[0]!;
      },
      step(frames) {
        wantNumbers(frames, count, 'worlds');
        scorer.run(frames, 0, count, memory, 0, rows, false);
        values.set(rows.progress);
      },
      save() {
        const out = new Float64Array(count + memory.length);
        out.set(values);
        out.set(memory, count);
        return out;
      },
      restore(saved) {
        if (saved.length !== count + memory.length) {
          throw new RangeError(
            `${title}: found a saved state of ${saved.length} numbers, wanted ${count + memory.length}`,
          );
        }
        values.set(saved.subarray(0, count));
        memory.set(saved.subarray(count));
      },
      restoreAll(saved) {
        if (saved.length !== 1 + scorer.memory) {
          throw new RangeError(
            `${title}: found a saved state of ${saved.length} numbers, wanted ${1 + scorer.memory} of one world`,
          );
        }
        values.fill(saved[0]!);
        for (let world = 0; world < count; world++) memory.set(saved.subarray(1), world * scorer.memory);
      },
    };
  }

  return { method, senses, frameDim: dim, stages, learnedFrom, score, online, save: parts.save };
}
