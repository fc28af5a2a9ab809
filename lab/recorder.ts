/**
 * Records the episodes of N worlds: actions, state keyframes and hashes (so that an episode replays exactly), every
 * reward term raw / weight / product, and the simulator's truth beside them. A finished episode leaves as plain columns.
 *
 * An episode that diverges is wanted always. Of those that are else not wanted only what cannot be computed again is
 * written down on the way; where one diverges, it is simulated again for the rest.
 */

import type { RewardStack } from '../learn/rewards/stack.ts';
import { historyLength } from '../sim/batch.ts';
import { hashRows, hashState64 } from '../sim/engine/hash.ts';
import type { TaskModel } from '../sim/env.ts';
import type { Column, ColumnData, Ending, EpisodeKind, NewEpisode } from '../store/types.ts';

/** Every so many steps the whole float64 state row is kept. */
export const keyframeEvery = 25;

/** What the reward stack says about the step it took last. */
export type RewardTrack = Pick<RewardStack, 'terms' | 'raw' | 'weights' | 'products' | 'totals' | 'learned'>;

export type FinishedEpisode = Omit<NewEpisode, 'runId'>;

class World {
  length = 0;
  seed = 0;
  trainedSteps = 0;
  active = false;
  /** Wanted however it ends. */
  wanted = false;
  readonly action: Float64Array;
  readonly keyframe: Float64Array;
  /** Two words a state. */
  readonly hash: Uint32Array;
  readonly progress: Float32Array;
  readonly stage: Uint8Array;
  readonly success: Uint8Array;
  readonly raw: Float64Array;
  readonly weight: Float64Array;
  /** Of terms whose product is not raw * weight. */
  readonly product: Float64Array;
  readonly total: Float64Array;
  readonly value: Float32Array;
  readonly learned: Float32Array;

  constructor(model: TaskModel, terms: readonly { readonly isPlain: boolean }[], learned: number) {
    const steps = model.horizon;
    this.action = new Float64Array(steps * model.actionSpace.dim);
    this.keyframe = new Float64Array((Math.floor(steps / keyframeEvery) + 2) * model.stateDim);
    this.hash = new Uint32Array(2 * (steps + 1));
    this.progress = new Float32Array(steps + 1);
    this.stage = new Uint8Array(steps + 1);
    this.success = new Uint8Array(steps + 1);
    this.raw = new Float64Array(steps * terms.length);
    this.weight = new Float64Array(steps * terms.length);
    this.product = new Float64Array(steps * terms.filter(({ isPlain }) => !isPlain).length);
    this.total = new Float64Array(steps);
    this.value = new Float32Array(steps);
    this.learned = new Float32Array((steps + 1) * learned);
  }

  arrays(): (Float64Array | Float32Array | Uint32Array | Uint8Array)[] {
    return [
      this.action,
      this.keyframe,
      this.hash,
      this.progress,
      this.stage,
      this.success,
      this.raw,
      this.weight,
      this.product,
      this.total,
      this.value,
      this.learned,
    ];
  }
}

/** Copies of the columns in one buffer, which changes threads as it is: many small arrays would each be copied once more. */
function inOneBuffer(columns: readonly Column[]): Column[] {
  const room = ({ data }: Column): number => 8 * Math.ceil(data.byteLength / 8);
  const buffer = new ArrayBuffer(columns.reduce((sum, column) => sum + room(column), 0));
  let at = 0;
  return columns.map((column) => {
    const { name, width, data } = column;
    const View = data.constructor as new (buffer: ArrayBuffer, at: number, length: number) => ColumnData;
    const copy = new View(buffer, at, data.length);
    copy.set(data);
    at += room(column);
    return { name, width, data: copy };
  });
}

export interface RecorderOptions {
  readonly model: TaskModel;
  readonly count: number;
  readonly kind: EpisodeKind;
  readonly terms: RewardStack['terms'];
  /** The learned methods whose progress is recorded beside the truth. */
  readonly learned: readonly string[];
  readonly hasValue: boolean;
  readonly rewardHash: string | null;
}

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #worlds: World[];

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#worlds = Array.from(
      { length: options.count },
      () => new World(options.model, options.terms, options.learned.length),
    );
  }

  /**
   * The world starts a new episode in this state row. `learned` holds the progress of the first frame. `wanted`: however
   * it ends, or only when it diverges.
   */
  begin(
    world: number,
    { seed, trainedSteps, wanted }: { seed: number; trainedSteps: number; wanted: boolean },
    states: Float64Array,
    learned: RewardTrack['learned'],
  ): void {
    const w = this.#worlds[world]!;
    w.length = 0;
    w.seed = seed;
    w.trainedSteps = trainedSteps;
    w.active = true;
    w.wanted = wanted;
    this.#frame(w, w.length, states, world * this.#options.model.stateDim);
    this.#progress(w, world, learned);
  }

  /** Gives up what a world was recording: somebody starts it anew before its episode ended. */
  abandon(world: number): void {
    this.#worlds[world]!.active = false;
  }

  /** One step of one world; `states` already holds s'. */
  step(world: number, states: Float64Array, actions: Float64Array, track: RewardTrack, value: number): void {
    const w = this.#worlds[world]!;
    if (!w.active) return;
    const { model, count } = this.#options;
    const t = w.length;
    const dim = model.actionSpace.dim;
    for (let i = 0; i < dim; i++) w.action[t * dim + i] = actions[world * dim + i]!;
    for (let k = 0, shaped = 0; k < track.terms.length; k++) {
      w.raw[k * model.horizon + t] = track.raw[k * count + world]!;
      w.weight[k * model.horizon + t] = track.weights[k]!;
      if (!track.terms[k]!.isPlain)
        w.product[shaped++ * model.horizon + t] = track.products[k * count + world]!;
    }
    w.total[t] = track.totals[world]!;
    w.value[t] = value;
    w.length = t + 1;
    if (w.wanted) this.#frame(w, w.length, states, world * model.stateDim);
    this.#progress(w, world, track.learned);
  }

  /** Learned progress of the newest frame, a row a method. */
  #progress(w: World, world: number, learned: RewardTrack['learned']): void {
    const frames = this.#options.model.horizon + 1;
    for (let row = 0; row < learned.length; row++) {
      w.learned[row * frames + w.length] = learned[row]!.values[world]!;
    }
  }

  #frame(w: World, t: number, states: Float64Array, offset: number): void {
    const { model } = this.#options;
    hashState64(states, offset, model.stateDim, w.hash, 2 * t);
    w.progress[t] = model.progress(states, offset);
    w.stage[t] = model.stage(states, offset);
    w.success[t] = model.success(states, offset) ? 1 : 0;
    if (t % keyframeEvery === 0) {
      w.keyframe.set(states.subarray(offset, offset + model.stateDim), (t / keyframeEvery) * model.stateDim);
    }
  }

  /** Simulates from frame `from`, where a keyframe is, to the newest one. */
  #again(w: World, from: number, visit: (t: number, row: Float64Array) => void): void {
    const { model } = this.#options;
    const dim = model.actionSpace.dim;
    const at = (from / keyframeEvery) * model.stateDim;
    const row = w.keyframe.slice(at, at + model.stateDim);
    visit(from, row);
    for (let t = from; t < w.length; t++) {
      model.advance(row, w.action.slice(t * dim, (t + 1) * dim), 0, 1);
      visit(t + 1, row);
    }
  }

  /** The last states of a diverged episode, the broken one as it was found. [<= historyLength, stateDim] */
  #history(w: World, world: number, states: Float64Array): Float64Array {
    const dim = this.#options.model.stateDim;
    const first = Math.max(0, w.length - historyLength + 1);
    const rows = new Float64Array((w.length - first + 1) * dim);
    this.#again(w, keyframeEvery * Math.floor(first / keyframeEvery), (t, row) => {
      if (t >= first) rows.set(row, (t - first) * dim);
    });
    rows.set(states.subarray(world * dim, (world + 1) * dim), rows.length - dim);
    return rows;
  }

  /** Ends the world's episode, which stands in `states`, and hands it over; `undefined` where it is not wanted. */
  finish(world: number, ending: Ending, states: Float64Array): FinishedEpisode | undefined {
    const w = this.#worlds[world]!;
    if (!w.active) return undefined;
    w.active = false;
    if (!w.wanted) {
      if (ending !== 'diverged') return undefined;
      this.#again(w, 0, (t, row) => this.#frame(w, t, row, 0));
    }
    const { model, terms, learned, kind, rewardHash, hasValue } = this.#options;
    const T = w.length;
    const frames = T + 1;
    const keyframes = Math.floor(T / keyframeEvery) + 1;
    const columns: Column[] = [
      { name: 'action', width: model.actionSpace.dim, data: w.action.subarray(0, T * model.actionSpace.dim) },
      { name: 'keyframe', width: model.stateDim, data: w.keyframe.subarray(0, keyframes * model.stateDim) },
      { name: 'stateHash', width: 2, data: w.hash.subarray(0, 2 * frames) },
      { name: 'trueProgress', width: 1, data: w.progress.subarray(0, frames) },
      { name: 'trueStage', width: 1, data: w.stage.subarray(0, frames) },
      { name: 'trueSuccess', width: 1, data: w.success.subarray(0, frames) },
    ];
    const returns: Record<string, number> = {};
    let returnTotal = 0;
    let shaped = 0;
    terms.forEach(({ id: term, isPlain }, k) => {
      const raw = w.raw.subarray(k * model.horizon, k * model.horizon + T);
      const weight = w.weight.subarray(k * model.horizon, k * model.horizon + T);
      const from = isPlain ? 0 : shaped++ * model.horizon;
      const product = isPlain
        ? raw.map((value, t) => value * weight[t]!)
        : w.product.subarray(from, from + T);
      columns.push(
        { name: `reward/${term}/raw`, width: 1, data: raw },
        { name: `reward/${term}/weight`, width: 1, data: weight },
        { name: `reward/${term}/product`, width: 1, data: product },
      );
      returns[term] = raw.reduce((sum, value) => sum + value, 0);
    });
    if (terms.length > 0) {
      const total = w.total.subarray(0, T);
      columns.push({ name: 'reward/total', width: 1, data: total });
      returnTotal = total.reduce((sum, value) => sum + value, 0);
    }
    if (hasValue) columns.push({ name: 'value', width: 1, data: w.value.subarray(0, T) });
    learned.forEach((method, row) => {
      const start = row * (model.horizon + 1);
      columns.push({ name: `learned/${method}`, width: 1, data: w.learned.subarray(start, start + frames) });
    });
    if (ending === 'diverged') {
      columns.push({ name: 'history', width: model.stateDim, data: this.#history(w, world, states) });
    }
    return {
      task: model.id,
      kind,
      seed: w.seed,
      trainedSteps: w.trainedSteps,
      length: T,
      ending,
      success: ending !== 'diverged' && w.success[T] === 1,
      finalProgress: Number.isFinite(w.progress[T]!) ? w.progress[T]! : 0,
      returnTotal: Number.isFinite(returnTotal) ? returnTotal : 0,
      returns: Object.fromEntries(Object.entries(returns).map(([k, v]) => [k, Number.isFinite(v) ? v : 0])),
      rewardHash,
      checksum: hashRows(w.hash, 2 * frames),
      columns: inOneBuffer(columns),
    };
  }

  /** Everything in flight as one flat array, for exact resume. */
  save(): Float64Array {
    const out = new Float64Array(this.#savedSize());
    let at = 0;
    for (const w of this.#worlds) {
      out.set([w.active ? 1 : 0, w.wanted ? 1 : 0, w.length, w.seed, w.trainedSteps], at);
      at += 5;
      for (const array of w.arrays()) {
        out.set(array, at);
        at += array.length;
      }
    }
    return out;
  }

  #savedSize(): number {
    return this.#worlds.reduce((sum, w) => sum + 5 + w.arrays().reduce((s, a) => s + a.length, 0), 0);
  }

  /** @throws RangeError when the saved state belongs to other worlds or terms. */
  restore(saved: Float64Array): void {
    const size = this.#savedSize();
    if (saved.length !== size) {
      throw new RangeError(`Recorder state: found ${saved.length} numbers, wanted ${size}`);
    }
    let at = 0;
    for (const w of this.#worlds) {
      w.active = saved[at] === 1;
      w.wanted = saved[at + 1] === 1;
      w.length = saved[at + 2]!;
      w.seed = saved[at + 3]!;
      w.trainedSteps = saved[at + 4]!;
      at += 5;
      for (const array of w.arrays()) {
        array.set(saved.subarray(at, at + array.length));
        at += array.length;
      }
    }
  }
}
