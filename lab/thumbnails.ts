/** Few frames of many episodes, for small pictures: as much is read and simulated of each as these frames need. */

import type { TaskModel } from '../sim/env.ts';
import type { Column, EpisodeRow, Store } from '../store/types.ts';
import type { Moment } from './api/thumbnails.ts';
import type { BodyInfo } from './api.ts';
import { messageOf } from './errors.ts';
import { type PackedArray, pack } from './pack.ts';
import { keyframeEvery } from './recorder.ts';
import { coloursOf, posesOf, taskModelOf } from './replay.ts';

type Why = 'gone' | 'other version' | 'unreadable';

/** What `episodes.thumbnails` answers; see `lab/api/thumbnails.ts`. */
export interface Thumbnails {
  readonly moments: Moment[];
  readonly scenes: { task: string; version: number; bodies: BodyInfo[] }[];
  readonly episodes: { id: number; scene: number; frames: number[] }[];
  readonly absent: { id: number; why: Why; reason: string }[];
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Milliseconds of work after which whoever else waits for the lab's thread comes first. */
const turnMs = 8;

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** Never throws for an episode that cannot be shown. @throws the signal's reason when nobody waits any more */
export async function thumbnailsOf(
  store: Store,
  ids: readonly number[],
  moments: readonly Moment[],
  signal?: AbortSignal,
): Promise<Thumbnails> {
  const scenes: Thumbnails['scenes'] = [];
  const episodes: Thumbnails['episodes'] = [];
  const absent: Thumbnails['absent'] = [];
  const arrays: Record<string, PackedArray> = {};
  const models = new Map<number, { readonly model: TaskModel; readonly scene: number } | string>();

  function sceneOf(runId: number): { readonly model: TaskModel; readonly scene: number } | string {
    const known = models.get(runId);
    if (known !== undefined) return known;
    let made: { readonly model: TaskModel; readonly scene: number } | string;
    try {
      const model = taskModelOf(store.runs.get(runId));
      const bodies = model.bodies.map((body) => structuredClone(body)) as BodyInfo[];
      const looks = JSON.stringify([model.id, model.version, bodies]);
      let scene = scenes.findIndex((one) => JSON.stringify([one.task, one.version, one.bodies]) === looks);
      if (scene < 0) scene = scenes.push({ task: model.id, version: model.version, bodies }) - 1;
      made = { model, scene };
    } catch (error) {
      made = messageOf(error);
    }
    models.set(runId, made);
    return made;
  }

  let since = performance.now();
  for (const id of new Set(ids)) {
    if (performance.now() - since > turnMs) {
      await turn();
      since = performance.now();
    }
    signal?.throwIfAborted();
    let row: EpisodeRow;
    try {
      row = store.episodes.get(id);
    } catch (error) {
      absent.push({ id, why: 'gone', reason: messageOf(error) });
      continue;
    }
    const found = sceneOf(row.runId);
    if (typeof found === 'string') {
      absent.push({ id, why: 'other version', reason: found });
      continue;
    }
    try {
      const { model, scene } = found;
      const { states, frames } = momentsOf(
        model,
        row,
        store.episodes.columns(id, ['action', 'keyframe']),
        moments,
      );
      arrays[`poses/${id}`] = posesOf(model, states);
      const colours = coloursOf(model, states);
      if (colours !== null) arrays[`colours/${id}`] = colours;
      episodes.push({ id, scene, frames });
    } catch (error) {
      absent.push({ id, why: 'unreadable', reason: messageOf(error) });
    }
  }
  return { moments: [...moments], scenes, episodes, absent, data: pack(arrays) };
}

/**
 * States of some frames of a stored episode. A state that broke (an episode that diverged) gives way to the last sound one before
 * it. @throws RangeError when states or actions are not those of the task
 */
export function momentsOf(
  model: TaskModel,
  { id, length }: Pick<EpisodeRow, 'id' | 'length'>,
  columns: ReadonlyMap<string, Column>,
  moments: readonly Moment[],
): { readonly states: Float64Array; readonly frames: number[] } {
  const dim = model.stateDim;
  const stored = columns.get('keyframe')!;
  const actions = columns.get('action')!;
  const rows = stored.data.length / stored.width;
  const wanted = Math.floor(length / keyframeEvery) + 1;
  if (stored.width !== dim || rows !== wanted)
    throw new RangeError(
      `Episode ${id}: ${rows} stored states of ${stored.width} numbers, wanted ${wanted} of ${dim}`,
    );
  if (actions.width !== model.actionSpace.dim || actions.data.length !== length * actions.width)
    throw new RangeError(
      `Episode ${id}: ${actions.data.length} numbers of actions, wanted ${length} times ${model.actionSpace.dim}`,
    );
  const { width } = actions;
  const keyframe = (k: number): Float64Array =>
    Float64Array.from(stored.data.subarray(k * dim, (k + 1) * dim));
  const isSound = (row: Float64Array): boolean => row.every(Number.isFinite);

  function soundBefore(last: number): { row: Float64Array; frame: number } {
    for (let k = last; k >= 0; k--) {
      const row = keyframe(k);
      if (isSound(row)) return { row, frame: k * keyframeEvery };
    }
    throw new RangeError(`Episode ${id}: found no stored state without numbers that are not finite`);
  }

  function at(moment: Moment): { row: Float64Array; frame: number } {
    if (moment === 'first') return soundBefore(0);
    if (moment === 'middle') return soundBefore(Math.min(rows - 1, Math.round(length / 2 / keyframeEvery)));
    const { row, frame: from } = soundBefore(rows - 1);
    let sound = row.slice();
    let frame = from;
    for (; frame < length; frame++) {
      model.advance(row, actions.data.slice(frame * width, (frame + 1) * width) as Float64Array, 0, 1);
      if (!isSound(row)) break;
      sound = row.slice();
    }
    return { row: sound, frame };
  }

  const found = moments.map(at);
  const states = new Float64Array(found.length * dim);
  for (const [i, { row }] of found.entries()) states.set(row, i * dim);
  return { states, frames: found.map(({ frame }) => frame) };
}
