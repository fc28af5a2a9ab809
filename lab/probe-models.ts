/** Reward models that can score the states of an episode, and what is said of their answers. */

import { unpackModel } from '../learn/rewards/bytes.ts';
import { openSenses, type Senses } from '../learn/rewards/senses.ts';
import type { OnlineScorer, RewardModel } from '../learn/rewards/types.ts';
import { fitNormaliser, type Normaliser } from '../learn/rewards/window.ts';
import type { TaskModel } from '../sim/env.ts';
import type { ModelRow } from '../store/types.ts';
import type { ProbeEvaluated } from './api/probe.ts';
import { messageOf } from './errors.ts';
import { Kept } from './kept.ts';
import type { Lab } from './lab.ts';
import { Neighbours } from './landscape.ts';
import { pace } from './pace.ts';
import type { Scene } from './probe-scene.ts';
import { learnedReward } from './registry.ts';
import { framesOf, replay, taskModelOf } from './replay.ts';

const keptModels = 12;
/** Training frames that distances are measured from, at most. */
const mostFrames = 5000;

/** A stored model, ready to score this task's states; `missing`: why it cannot. */
export interface Scorable {
  readonly row: ModelRow;
  readonly title: string;
  readonly baseline: boolean;
  readonly model: RewardModel | null;
  readonly missing: string | null;
  readonly remembers: boolean;
  readonly senses: Senses | null;
  /** By number of worlds. */
  readonly scorers: Map<number, OnlineScorer>;
  /** Undefined: not asked for yet. */
  neighbours?: Promise<Neighbours | string>;
}

/** The stored models of a task, opened when they are first asked for. */
export class ScoringModels {
  readonly #lab: Lab;
  readonly #scorables = new Kept<string, Scorable>(keptModels);

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** Stored models of the task, the newest last. */
  of(scene: Scene): Scorable[] {
    return this.#lab.store.models
      .list()
      .filter(({ task }) => task === scene.model.id)
      .slice(-keptModels)
      .map((row) =>
        this.#scorables.get(`${row.id} ${scene.model.observationSpace.dim} ${scene.run.id}`, () =>
          this.#openModel(row, scene.model),
        ),
      );
  }

  #openModel(row: ModelRow, task: TaskModel): Scorable {
    const shell = { row, title: row.method, baseline: false, model: null, senses: null, remembers: false };
    try {
      const method = learnedReward(row.method, `model ${row.id}`);
      const model = method.load(this.#lab.store.models.bytes(row.id));
      const senses = openSenses(task, model.senses);
      const named = { ...shell, title: method.title, baseline: method.baseline === true };
      const missing =
        senses.dim !== model.frameDim
          ? `Reads frames of ${model.frameDim} numbers, this episode's task gives ${senses.dim}`
          : method.causal
            ? null
            : `${method.title} ${method.offlineBecause ?? 'looks ahead'}`;
      if (missing !== null) return { ...named, missing, scorers: new Map() };
      const one = model.online(1);
      return {
        ...named,
        model,
        senses,
        missing: null,
        remembers: one.save().length > 1,
        scorers: new Map([[1, one]]),
      };
    } catch (error) {
      return { ...shell, missing: messageOf(error), scorers: new Map() };
    }
  }

  /** Models of the same method that can score, itself among them. */
  siblings(scene: Scene, { row }: Scorable): Scorable[] {
    return this.of(scene).filter((other) => other.row.method === row.method && other.missing === null);
  }

  /** What a spread is over, in words. */
  spreadWords(scene: Scene, one: Scorable): string {
    return `over ${this.siblings(scene, one).length} stored ${one.title} models`;
  }

  /** What distances of a model are measured from; why they cannot be, in words. */
  neighbours(one: Scorable, signal?: AbortSignal): Promise<Neighbours | string> {
    one.neighbours ??= this.#measure(one, signal).catch((error: unknown) => {
      // Dropped half way is not "cannot be had".
      delete one.neighbours;
      signal?.throwIfAborted();
      return messageOf(error);
    });
    return one.neighbours;
  }

  /** The frames of the episodes that a model was fitted on. */
  async #measure({ row, model, senses }: Scorable, signal?: AbortSignal): Promise<Neighbours | string> {
    const { store } = this.#lab;
    const from = store.runs.get(row.runId).config['demonstrations'];
    if (typeof from !== 'number') return 'It is not known what this model was fitted on';
    const ids = [
      ...store.episodes.ids({ runId: from, kind: 'demonstration' }),
      ...store.episodes.ids({ runId: from, kind: 'failure' }),
    ];
    if (ids.length === 0) return 'The episodes that this model was fitted on are gone';
    const task = taskModelOf(store.runs.get(from));
    const dim = senses!.dim;
    const total = ids.reduce((sum, id) => sum + store.episodes.get(id).length + 1, 0);
    const every = Math.max(1, Math.ceil(total / mostFrames));
    const blocks: Float64Array[] = [];
    const episodes: number[] = [];
    const pause = pace();
    for (const id of ids) {
      const columns = store.episodes.columns(id, ['action', 'keyframe', 'stateHash']);
      const { states } = replay(task, store.episodes.get(id), columns);
      const wanted = thinned(states, task.stateDim, every);
      blocks.push(framesOf(task, model!.senses, wanted));
      for (let n = 0; n < wanted.length / task.stateDim; n++) episodes.push(id);
      await pause();
      signal?.throwIfAborted();
    }
    const frames = new Float64Array(episodes.length * dim);
    let to = 0;
    for (const block of blocks) {
      frames.set(block, to);
      to += block.length;
    }
    return new Neighbours(
      frames,
      episodes,
      savedNormaliser(store.models.bytes(row.id), dim) ?? fitNormaliser(blocks, dim),
    );
  }
}

export function distanceWords(value: number, near: Neighbours): ProbeEvaluated['models'][number]['distance'] {
  const quantile = near.quantile(value);
  const percent = Math.floor(quantile * 100);
  const words =
    quantile >= 1
      ? `Farther than any of the ${near.count} training frames is from its nearest one in another episode: the model has seen nothing like it`
      : quantile >= 0.95
        ? `Farther than ${percent} % of the ${near.count} training frames are from their nearest one in another episode: hardly ever seen`
        : `As near as training frames are to each other (farther than ${percent} % of them)`;
  return { value, quantile, words };
}

/** Mean and scale as the model keeps them; undefined where its file has none of this size. */
function savedNormaliser(bytes: Uint8Array, dim: number): Normaliser | undefined {
  const magic = String.fromCharCode(...bytes.subarray(0, 8));
  const { mean, scale } = unpackModel('Model', magic, bytes).header;
  const isList = (list: unknown): list is number[] =>
    Array.isArray(list) && list.length === dim && list.every(Number.isFinite);
  if (!isList(mean) || !isList(scale)) return undefined;
  return { mean: Float64Array.from(mean), scale: Float64Array.from(scale) };
}

/** Every n-th row. */
function thinned(states: Float64Array, dim: number, every: number): Float64Array {
  if (every === 1) return states;
  const count = Math.ceil(states.length / dim / every);
  const out = new Float64Array(count * dim);
  for (let n = 0; n < count; n++) out.set(states.subarray(n * every * dim, (n * every + 1) * dim), n * dim);
  return out;
}
