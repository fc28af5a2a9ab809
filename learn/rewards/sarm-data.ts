/**
 * What SARM is fitted on: the demonstrations' frames with the labels of one or two schemes, and minibatches drawn from them
 * with two kinds of untruth.
 *
 *   rewind       a window may end with frames played backwards; each frame's label is that of the frame it shows
 *   wrong task   the goal in a sample is moved to where another episode wanted it. Nothing has been done for that goal:
 *                stage 0, progress 0. A frame that was in stage 0 anyhow teaches its stage alone: it may serve both goals
 *
 * The goal is moved by what the two episodes' goal numbers differ by at their first frames, the same along each axis for
 * all numbers that tell it, so that `block1ToGoal` and `block2ToGoal` still speak of one goal.
 */

import type { Random } from '../parts/random.ts';
import type { FrameLabels } from './labels.ts';
import type { FrameLayout } from './senses.ts';
import type { Demonstration } from './types.ts';
import { type Normaliser, normalise, normalisedLimit } from './window.ts';

/** Labels of one scheme, of every demonstration. */
export interface SchemeLabels {
  /** Of each demonstration; undefined where it has no labels of this scheme. */
  readonly labels: readonly (FrameLabels | undefined)[];
  /** a_k. A frame of unknown progress in a stage of share 0 (done, but failed) teaches nothing. */
  readonly shares: Float64Array;
}

export interface SampleShape {
  readonly window: number;
  readonly gap: number;
  readonly anchor: boolean;
  readonly rewindProbability: number;
  readonly rewindMax: number;
  readonly wrongTaskProbability: number;
}

/** One minibatch. B samples, W frames each, anchor first. */
export interface Minibatch {
  /** [B, W * dim] */
  readonly x: Float32Array;
  /** Of each scheme. */
  readonly schemes: readonly {
    /** [B, W] */
    readonly stage: Uint8Array;
    readonly progress: Float32Array;
    /** 1 where the stage is to be learned, 0 elsewhere; 0 at the anchor. [B, W] */
    readonly weight: Uint8Array;
    /** 1 where the progress is to be learned, too. [B, W] */
    readonly known: Uint8Array;
  }[];
}

/** Numbers of a frame that tell what is wanted. */
const tellsGoal = /goal|desired|target|command/i;
/** Those that tell it as seen from something that moves. */
const isRelative = /to(goal|target)|from/i;
/** A goal that moves by less than this in all its numbers is the same goal, standard deviations. */
const smallestMove = 0.5;

/** One axis of the goal and the numbers that move with it. */
interface GoalAxis {
  /** Number whose difference between two episodes is taken: one that stands still where there is one. */
  readonly leader: number;
  readonly columns: readonly number[];
}

/** Goal numbers by axis (`.x`, `.ahead`; the whole name where it has none). */
export function goalAxes({ parts }: FrameLayout): GoalAxis[] {
  const groups = new Map<string, { column: number; relative: boolean }[]>();
  for (const { offset, names } of parts) {
    for (const [i, name] of names.entries()) {
      if (!tellsGoal.test(name)) continue;
      const dot = name.lastIndexOf('.');
      const axis = dot < 0 ? name : name.slice(dot + 1);
      const group = groups.get(axis) ?? [];
      groups.set(axis, [...group, { column: offset + i, relative: isRelative.test(name) }]);
    }
  }
  return [...groups.values()].map((group) => ({
    leader: (group.find(({ relative }) => !relative) ?? group[0]!).column,
    columns: group.map(({ column }) => column),
  }));
}

export class TrainingSet {
  readonly #dim: number;
  /** Normalised. [frames, dim] */
  readonly #frames: Float32Array;
  readonly #shape: SampleShape;
  readonly #random: Random;
  /** Row of the first frame of the episode that a row belongs to. [frames] */
  readonly #first: Int32Array;
  /** First row of each episode. */
  readonly #starts: Int32Array;
  readonly #schemes: readonly {
    readonly stage: Uint8Array;
    readonly progress: Float32Array;
    readonly weight: Uint8Array;
    readonly known: Uint8Array;
  }[];
  /** Every row that teaches something once, in random order; drawn from front to back, then shuffled anew. */
  readonly #order: Int32Array;
  #next: number;
  readonly #axes: readonly GoalAxis[];
  /** The leaders' numbers at the first frame of each episode. [episodes, axes] */
  readonly #goals: Float64Array;
  readonly #scale: Float64Array;
  #drawn = 0;
  #moved = 0;

  constructor(
    demonstrations: readonly Demonstration[],
    schemes: readonly SchemeLabels[],
    normaliser: Normaliser,
    layout: FrameLayout,
    shape: SampleShape,
    random: Random,
  ) {
    const dim = normaliser.mean.length;
    const count = demonstrations.reduce((sum, { length }) => sum + length + 1, 0);
    this.#dim = dim;
    this.#shape = shape;
    this.#random = random;
    this.#scale = normaliser.scale;
    this.#frames = new Float32Array(count * dim);
    this.#first = new Int32Array(count);
    this.#starts = new Int32Array(demonstrations.length);
    this.#schemes = schemes.map(() => ({
      stage: new Uint8Array(count),
      progress: new Float32Array(count),
      weight: new Uint8Array(count),
      known: new Uint8Array(count),
    }));
    this.#axes = goalAxes(layout);
    this.#goals = new Float64Array(demonstrations.length * this.#axes.length);
    let row = 0;
    for (const [e, { frames, length }] of demonstrations.entries()) {
      this.#first.fill(row, row, row + length + 1);
      this.#starts[e] = row;
      for (const [a, { leader }] of this.#axes.entries())
        this.#goals[e * this.#axes.length + a] = frames[leader]!;
      for (const [s, { labels, shares }] of schemes.entries()) {
        const own = labels[e];
        if (own === undefined) continue;
        const to = this.#schemes[s]!;
        to.stage.set(own.stage, row);
        to.progress.set(own.progress, row);
        to.known.set(own.known, row);
        for (let t = 0; t <= length; t++)
          to.weight[row + t] = own.known[t] === 1 || shares[own.stage[t]!]! > 0 ? 1 : 0;
      }
      for (let t = 0; t <= length; t++) normalise(normaliser, frames, t * dim, this.#frames, (row + t) * dim);
      row += length + 1;
    }
    const teaches = (i: number) => this.#schemes.some(({ weight }) => weight[i] === 1);
    this.#order = Int32Array.from({ length: count }, (_, i) => i).filter(teaches);
    this.#next = this.#order.length;
  }

  /** Goal numbers of a frame: 0 means that there is no wrong task to be had. */
  get goalNumbers(): number {
    return this.#axes.reduce((sum, { columns }) => sum + columns.length, 0);
  }

  /** Share of the samples so far whose goal was moved. */
  get movedShare(): number {
    return this.#drawn === 0 ? 0 : this.#moved / this.#drawn;
  }

  draw(size: number): Minibatch {
    const { window, gap, anchor, rewindProbability, rewindMax, wrongTaskProbability } = this.#shape;
    const dim = this.#dim;
    const W = window + (anchor ? 1 : 0);
    const x = new Float32Array(size * W * dim);
    const schemes = this.#schemes.map(() => ({
      stage: new Uint8Array(size * W),
      progress: new Float32Array(size * W),
      weight: new Uint8Array(size * W),
      known: new Uint8Array(size * W),
    }));
    const shown = new Int32Array(W);
    for (let b = 0; b < size; b++) {
      if (this.#next === this.#order.length) {
        this.#random.shuffle(this.#order);
        this.#next = 0;
      }
      const turn = this.#order[this.#next++]!;
      const first = this.#first[turn]!;
      // Frames t - (window - 1) gap .. t, then `back` of them again in reverse; the window is the end of that sequence.
      const room = Math.min(rewindMax, Math.floor((turn - first) / gap));
      const back =
        room > 0 && this.#random.uniform() < rewindProbability ? 1 + this.#random.integer(room) : 0;
      const newest = turn - back * gap;
      let at = 0;
      if (anchor) shown[at++] = first;
      for (let age = window - 1; age >= 0; age--)
        shown[at++] = age <= back ? newest + age * gap : Math.max(first, turn - (age - back) * gap);
      for (let i = 0; i < W; i++) {
        const row = shown[i]!;
        const to = b * W + i;
        x.set(this.#frames.subarray(row * dim, (row + 1) * dim), to * dim);
        for (const [s, from] of this.#schemes.entries()) {
          const labels = schemes[s]!;
          labels.stage[to] = from.stage[row]!;
          labels.progress[to] = from.progress[row]!;
          labels.weight[to] = anchor && i === 0 ? 0 : from.weight[row]!;
          labels.known[to] = labels.weight[to] === 1 ? from.known[row]! : 0;
        }
      }
      this.#drawn++;
      if (wrongTaskProbability > 0 && this.#random.uniform() < wrongTaskProbability) {
        if (!this.#moveGoal(x, b * W, W, first)) continue;
        this.#moved++;
        for (const { stage, progress, known } of schemes) {
          for (let i = b * W; i < (b + 1) * W; i++) {
            if (stage[i] === 0) known[i] = 0;
            stage[i] = 0;
            progress[i] = 0;
          }
        }
      }
    }
    return { x, schemes };
  }

  /** Frames `from` .. of x get another episode's goal. False: there is none, or it is the same goal. */
  #moveGoal(x: Float32Array, from: number, frames: number, first: number): boolean {
    const episodes = this.#starts.length;
    const axes = this.#axes;
    if (axes.length === 0 || episodes < 2) return false;
    const other = this.#random.integer(episodes);
    const own = this.#starts.indexOf(first);
    const move = (a: number) => this.#goals[other * axes.length + a]! - this.#goals[own * axes.length + a]!;
    const isElsewhere = axes.some(
      ({ leader }, a) => Math.abs(move(a)) >= smallestMove * this.#scale[leader]!,
    );
    if (!isElsewhere) return false;
    for (const [a, { columns }] of axes.entries()) {
      for (const column of columns) {
        const by = move(a) / this.#scale[column]!;
        for (let i = from; i < from + frames; i++) {
          const at = i * this.#dim + column;
          x[at] = Math.max(-normalisedLimit, Math.min(normalisedLimit, x[at]! + by));
        }
      }
    }
    return true;
  }
}
