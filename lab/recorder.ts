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
import type { BatchEnv, TaskModel } from '../sim/env.ts';
import type { Column, ColumnData, Ending, EpisodeKind, NewEpisode } from '../store/types.ts';

/** Every so many steps the whole float64 state row is kept. */
export const keyframeEvery = 25;

/** What the reward stack says about the step it took last. */
export type RewardTrack = Pick<RewardStack, 'terms' | 'raw' | 'weights' | 'products' | 'totals' | 'learned'>;

export type FinishedEpisode = Omit<NewEpisode, 'runId'>;

/**
 * Where something lies in the row of a frame. One row holds all that is recorded of a frame and of the step that led to it: apart,
 * a step of 64 worlds would touch a line of memory for each thing and world, more than the nearest cache has.
 */
interface Place {
  readonly at: number;
  readonly width: number;
  /** The row of the first one: 0 for frames; 1 for steps, since none led to the first frame. */
  readonly from: 0 | 1;
}

interface Layout {
  /** Numbers a row. */
  readonly size: number;
  readonly action: Place;
  /** Two words. */
  readonly hash: Place;
  readonly progress: Place;
  readonly stage: Place;
  readonly success: Place;
  /** A term each. */
  readonly raw: readonly Place[];
  readonly weight: readonly Place[];
  /** Of terms whose product is not raw * weight. */
  readonly product: readonly Place[];
  readonly total: Place;
  readonly value: Place;
  /** A method each. */
  readonly learned: readonly Place[];
}

function layOut(model: TaskModel, terms: readonly { readonly isPlain: boolean }[], learned: number): Layout {
  let size = 0;
  const place = (width: number, from: 0 | 1): Place => {
    const at = size;
    size += width;
    return { at, width, from };
  };
  const each = (count: number, from: 0 | 1): Place[] => Array.from({ length: count }, () => place(1, from));
  const places = {
    action: place(model.actionSpace.dim, 1),
    hash: place(2, 0),
    progress: place(1, 0),
    stage: place(1, 0),
    success: place(1, 0),
    raw: each(terms.length, 1),
    weight: each(terms.length, 1),
    product: each(terms.filter(({ isPlain }) => !isPlain).length, 1),
    total: place(1, 1),
    value: place(1, 1),
    learned: each(learned, 0),
  };
  return { ...places, size };
}

class World {
  length = 0;
  seed = 0;
  trainedSteps = 0;
  active = false;
  /** Wanted however it ends. */
  wanted = false;
  /** [horizon + 1, layout.size] */
  readonly rows: Float64Array;
  readonly keyframe: Float64Array;

  constructor({ horizon, stateDim }: TaskModel, size: number) {
    this.rows = new Float64Array((horizon + 1) * size);
    this.keyframe = new Float64Array((Math.floor(horizon / keyframeEvery) + 2) * stateDim);
  }
}

interface Source {
  readonly name: string;
  readonly width: number;
  readonly length: number;
  readonly View: (new (
    buffer: ArrayBuffer,
    at: number,
    length: number,
  ) => ColumnData) & { readonly BYTES_PER_ELEMENT: number };
  readonly fill: (data: ColumnData) => void;
}

const roomOf = ({ View, length }: Source): number => 8 * Math.ceil((length * View.BYTES_PER_ELEMENT) / 8);

/** The columns in one buffer, which changes threads as it is: many small arrays would each be copied once more. */
function inOneBuffer(sources: readonly Source[]): Column[] {
  let bytes = 0;
  for (const source of sources) bytes += roomOf(source);
  const buffer = new ArrayBuffer(bytes);
  let at = 0;
  return sources.map((source) => {
    const { name, width, length, View, fill } = source;
    const data = new View(buffer, at, length);
    fill(data);
    at += roomOf(source);
    return { name, width, data };
  });
}

const finiteOr0 = (value: number): number => (Number.isFinite(value) ? value : 0);

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
  readonly #layout: Layout;
  readonly #worlds: World[];

  constructor(options: RecorderOptions) {
    const { model, count, terms, learned } = options;
    this.#options = options;
    this.#layout = layOut(model, terms, learned.length);
    this.#worlds = Array.from({ length: count }, () => new World(model, this.#layout.size));
  }

  /** Whether the frames of the next step are needed. */
  get isRecording(): boolean {
    return this.#worlds.some((w) => w.active && w.wanted);
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
    this.#frame(w, 0, states, world * this.#options.model.stateDim);
    for (let row = 0; row < learned.length; row++)
      w.rows[this.#layout.learned[row]!.at] = learned[row]!.values[world]!;
  }

  /** Gives up what a world was recording: somebody starts it anew before its episode ended. */
  abandon(world: number): void {
    this.#worlds[world]!.active = false;
  }

  /**
   * One step of all worlds, which `batch` has taken, with frames where `isRecording`. values: of the critic, where one was there.
   * [count]
   */
  step(
    batch: Pick<BatchEnv, 'states' | 'frames'>,
    actions: Float64Array,
    track: RewardTrack,
    values: Float64Array | undefined,
  ): void {
    for (let world = 0; world < this.#worlds.length; world++) {
      if (this.#worlds[world]!.active) this.#step(world, batch, actions, track, values?.[world] ?? 0);
    }
  }

  /** Writes a row from its first number to its last: the order is that of the layout. */
  #step(
    world: number,
    { states, frames }: Pick<BatchEnv, 'states' | 'frames'>,
    actions: Float64Array,
    track: RewardTrack,
    value: number,
  ): void {
    const w = this.#worlds[world]!;
    const { model, count } = this.#options;
    const { dim } = model.actionSpace;
    const { terms, raw, weights, products, totals, learned } = track;
    const { rows } = w;
    const t = ++w.length;
    let at = t * this.#layout.size;
    for (let i = world * dim; i < (world + 1) * dim; i++) rows[at++] = actions[i]!;
    if (w.wanted) {
      rows[at] = frames.hash[2 * world]!;
      rows[at + 1] = frames.hash[2 * world + 1]!;
      rows[at + 2] = frames.progress[world]!;
      rows[at + 3] = frames.stage[world]!;
      rows[at + 4] = frames.success[world]!;
      if (t % keyframeEvery === 0) this.#keep(w, t, states, world * model.stateDim);
    }
    at += 5;
    for (let k = 0; k < terms.length; k++) rows[at++] = raw[k * count + world]!;
    for (let k = 0; k < terms.length; k++) rows[at++] = weights[k]!;
    for (let k = 0; k < terms.length; k++) if (!terms[k]!.isPlain) rows[at++] = products[k * count + world]!;
    rows[at++] = totals[world]!;
    rows[at++] = value;
    for (let row = 0; row < learned.length; row++) rows[at++] = learned[row]!.values[world]!;
  }

  #keep(w: World, t: number, states: Float64Array, offset: number): void {
    const { stateDim } = this.#options.model;
    w.keyframe.set(states.subarray(offset, offset + stateDim), (t / keyframeEvery) * stateDim);
  }

  /** What `frames` of a batch has, for one state. */
  #frame(w: World, t: number, states: Float64Array, offset: number): void {
    const { model } = this.#options;
    const { size, hash, progress, stage, success } = this.#layout;
    const words = new Uint32Array(2);
    hashState64(states, offset, model.stateDim, words, 0);
    w.rows.set(words, t * size + hash.at);
    w.rows[t * size + progress.at] = Math.fround(model.progress(states, offset));
    w.rows[t * size + stage.at] = model.stage(states, offset);
    w.rows[t * size + success.at] = model.success(states, offset) ? 1 : 0;
    if (t % keyframeEvery === 0) this.#keep(w, t, states, offset);
  }

  /** Simulates from frame `from`, where a keyframe is, to the newest one. */
  #again(w: World, from: number, visit: (t: number, row: Float64Array) => void): void {
    const { model } = this.#options;
    const { dim } = model.actionSpace;
    const { size, action } = this.#layout;
    const at = (from / keyframeEvery) * model.stateDim;
    const row = w.keyframe.slice(at, at + model.stateDim);
    visit(from, row);
    for (let t = from + 1; t <= w.length; t++) {
      const acted = t * size + action.at;
      model.advance(row, w.rows.slice(acted, acted + dim), 0, 1);
      visit(t, row);
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

  /** The column of one place in all rows of an episode, float64 by default. */
  #column(w: World, name: string, place: Place, View: Source['View'] = Float64Array): Source {
    const { width, from } = place;
    const { size } = this.#layout;
    const count = w.length + 1 - from;
    const fill = (data: ColumnData): void => {
      let at = from * size + place.at;
      if (width === 1) for (let t = 0; t < count; t++, at += size) data[t] = w.rows[at]!;
      else
        for (let i = 0; i < count * width; at += size)
          for (let c = 0; c < width; c++) data[i++] = w.rows[at + c]!;
    };
    return { name, width, length: count * width, View, fill };
  }

  #products(w: World, name: string, raw: Place, weight: Place): Source {
    const { size } = this.#layout;
    const fill = (data: ColumnData): void => {
      for (let t = 0, row = size; t < w.length; t++, row += size)
        data[t] = w.rows[row + raw.at]! * w.rows[row + weight.at]!;
    };
    return { name, width: 1, length: w.length, View: Float64Array, fill };
  }

  #sum(w: World, { at }: Place): number {
    const { size } = this.#layout;
    let sum = 0;
    for (let t = 1; t <= w.length; t++) sum += w.rows[t * size + at]!;
    return finiteOr0(sum);
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
    const { stateDim } = model;
    const layout = this.#layout;
    const T = w.length;
    const whole = (name: string, data: Float64Array): Source => ({
      name,
      width: stateDim,
      length: data.length,
      View: Float64Array,
      fill: (to) => to.set(data),
    });
    const sources = [
      this.#column(w, 'action', layout.action),
      whole('keyframe', w.keyframe.subarray(0, (Math.floor(T / keyframeEvery) + 1) * stateDim)),
      this.#column(w, 'stateHash', layout.hash, Uint32Array),
      this.#column(w, 'trueProgress', layout.progress, Float32Array),
      this.#column(w, 'trueStage', layout.stage, Uint8Array),
      this.#column(w, 'trueSuccess', layout.success, Uint8Array),
    ];
    const returns: Record<string, number> = {};
    let shaped = 0;
    for (let k = 0; k < terms.length; k++) {
      const { id: term, isPlain } = terms[k]!;
      const raw = layout.raw[k]!;
      const weight = layout.weight[k]!;
      const product = `reward/${term}/product`;
      sources.push(
        this.#column(w, `reward/${term}/raw`, raw),
        this.#column(w, `reward/${term}/weight`, weight),
        isPlain
          ? this.#products(w, product, raw, weight)
          : this.#column(w, product, layout.product[shaped++]!),
      );
      returns[term] = this.#sum(w, raw);
    }
    if (terms.length > 0) sources.push(this.#column(w, 'reward/total', layout.total));
    if (hasValue) sources.push(this.#column(w, 'value', layout.value, Float32Array));
    learned.forEach((method, row) => {
      sources.push(this.#column(w, `learned/${method}`, layout.learned[row]!, Float32Array));
    });
    if (ending === 'diverged') sources.push(whole('history', this.#history(w, world, states)));
    const columns = inOneBuffer(sources);
    const last = T * layout.size;
    return {
      task: model.id,
      kind,
      seed: w.seed,
      trainedSteps: w.trainedSteps,
      length: T,
      ending,
      success: ending !== 'diverged' && w.rows[last + layout.success.at] === 1,
      finalProgress: finiteOr0(w.rows[last + layout.progress.at]!),
      returnTotal: terms.length > 0 ? this.#sum(w, layout.total) : 0,
      returns,
      rewardHash,
      checksum: hashRows(columns[2]!.data as Uint32Array),
      columns,
    };
  }

  /** Everything in flight as one flat array, for exact resume: of each world its numbers, then place by place. */
  save(): Float64Array {
    const out = new Float64Array(this.#savedSize());
    let at = 0;
    for (const w of this.#worlds) {
      out.set([w.active ? 1 : 0, w.wanted ? 1 : 0, w.length, w.seed, w.trainedSteps], at);
      at += 5;
      this.#eachSaved(w, (array, i) => {
        out[at++] = array[i]!;
      });
    }
    return out;
  }

  /** Visits all that is saved of a world, in the order of the saved state. */
  #eachSaved(w: World, visit: (array: Float64Array, i: number) => void): void {
    const { horizon } = this.#options.model;
    const { size, action, hash, progress, stage, success, raw, weight, product, total, value, learned } =
      this.#layout;
    const visitPlace = ({ at, width, from }: Place): void => {
      for (let row = from; row <= horizon; row++)
        for (let c = 0; c < width; c++) visit(w.rows, row * size + at + c);
    };
    visitPlace(action);
    for (let i = 0; i < w.keyframe.length; i++) visit(w.keyframe, i);
    for (const place of [hash, progress, stage, success, ...raw, ...weight, ...product, total, value])
      visitPlace(place);
    for (const place of learned) visitPlace(place);
  }

  #savedSize(): number {
    const { horizon } = this.#options.model;
    const { size, action, raw, weight, product } = this.#layout;
    const ofSteps = action.width + raw.length + weight.length + product.length + 2;
    return this.#worlds.reduce(
      (sum, w) => sum + 5 + w.keyframe.length + horizon * ofSteps + (horizon + 1) * (size - ofSteps),
      0,
    );
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
      this.#eachSaved(w, (array, i) => {
        array[i] = saved[at++]!;
      });
    }
  }
}
