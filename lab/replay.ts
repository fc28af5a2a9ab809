/**
 * From a stored episode back to states: start from the first keyframe (that of the seed, but where somebody edited it), apply the actions, compare every state hash.
 * The order is the recorder's: act -> step -> observe.
 */

import type { Trajectory } from '../learn/algorithms/types.ts';
import { openSenses, type SenseId } from '../learn/rewards/senses.ts';
import type { Demonstration, StageSpan } from '../learn/rewards/types.ts';
import { hashRows, hashState, hashState64 } from '../sim/engine/hash.ts';
import type { TaskModel } from '../sim/env.ts';
import type { AnySettings } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import type { Column, EpisodeRow, RunRow, StageLabel, Store } from '../store/types.ts';
import { keyframeEvery } from './recorder.ts';
import { taskNamed } from './registry.ts';
import { toUnit } from './unit-actions.ts';

/** Source of the labels that come with demonstrations. */
const simulator = 'simulator';

/** The task a run was made with. @throws RangeError when this build has no such task or another version of it. */
export function taskModelOf(run: RunRow): TaskModel {
  const task = taskNamed(run.task);
  if (task === undefined) {
    throw new RangeError(
      `Run ${run.id}: task "${run.task}" is not in this version; known: ${Object.keys(tasks).join(', ')}`,
    );
  }
  const version = run.config['taskVersion'];
  if (version !== task.version) {
    throw new RangeError(
      `Run ${run.id}: recorded with ${run.task} version ${String(version)}, this is version ${task.version}; it can be shown from its stored states, not simulated again`,
    );
  }
  return task.create(run.config['taskSettings'] as AnySettings);
}

export interface Replay {
  /** [T + 1, stateDim] */
  readonly states: Float64Array;
  /** Every state is the recorded one, and the recorded ones add up to the episode's checksum. */
  readonly ok: boolean;
  /** First step whose state differs from the recorded one; null = none. */
  readonly driftStep: number | null;
  readonly message: string;
}

function column(columns: ReadonlyMap<string, Column>, name: string, id: number): Column {
  const found = columns.get(name);
  if (found === undefined) throw new RangeError(`Episode ${id}: column "${name}" is missing`);
  return found;
}

/** Compares states with recorded hashes: two words each, or one 32-bit word in episodes of format 1. */
function comparer({ width, data }: Column, dim: number): (row: Float64Array, t: number) => boolean {
  if (width === 1) return (row, t) => hashState(row, 0, dim) === data[t];
  const found = new Uint32Array(2);
  return (row, t) => {
    hashState64(row, 0, dim, found, 0);
    return found[0] === data[2 * t] && found[1] === data[2 * t + 1];
  };
}

/** Simulates the episode again. Never throws on drift: it says at which step. */
export function replay(model: TaskModel, episode: EpisodeRow, columns: ReadonlyMap<string, Column>): Replay {
  const T = episode.length;
  const dim = model.stateDim;
  const actions = column(columns, 'action', episode.id).data as Float64Array;
  const keyframes = column(columns, 'keyframe', episode.id);
  const hashes = column(columns, 'stateHash', episode.id);
  const isRecorded = comparer(hashes, dim);
  if (keyframes.width !== dim) {
    throw new RangeError(
      `Episode ${episode.id}: states of ${keyframes.width} numbers, ${model.id} has ${dim}`,
    );
  }
  const states = new Float64Array((T + 1) * dim);
  const row = new Float64Array(dim);
  const start = (keyframes.data as Float64Array).subarray(0, dim);
  const isEdited = episode.fork?.edited !== undefined;
  if (isEdited) row.set(start);
  else model.reset(episode.seed, row, 0);
  let driftStep: number | null = isRecorded(row, 0) ? null : 0;
  row.set(start);
  states.set(row, 0);
  const action = new Float64Array(model.actionSpace.dim);
  for (let t = 0; t < T; t++) {
    action.set(actions.subarray(t * action.length, (t + 1) * action.length));
    model.advance(row, action, 0, 1);
    if (driftStep === null && !isRecorded(row, t + 1)) driftStep = t + 1;
    // After a drift the stored keyframes are the truth: go on from the next one.
    if (driftStep !== null && (t + 1) % keyframeEvery === 0) {
      const at = ((t + 1) / keyframeEvery) * dim;
      row.set((keyframes.data as Float64Array).subarray(at, at + dim));
    }
    states.set(row, (t + 1) * dim);
  }
  const checksum = hashRows(hashes.data as Uint32Array, (T + 1) * hashes.width);
  const ok = driftStep === null && checksum === episode.checksum;
  const message = ok
    ? `Episode ${episode.id}: ${T} steps replay exactly`
    : driftStep === null
      ? `Episode ${episode.id}: its states do not add up to its checksum ${episode.checksum}`
      : driftStep === 0
        ? isEdited
          ? `Episode ${episode.id}: its edited start is not the recorded one`
          : `Episode ${episode.id}: the start state of seed ${episode.seed} differs from the recorded one`
        : `Episode ${episode.id}: drift at step ${driftStep} of ${T}`;
  return { states, ok, driftStep, message };
}

/** Observations of every frame. states [T + 1, stateDim] -> [T + 1, observationDim]. */
export function observationsOf(model: TaskModel, states: Float64Array): Float64Array {
  const frames = states.length / model.stateDim;
  const dim = model.observationSpace.dim;
  const out = new Float64Array(frames * dim);
  for (let t = 0; t < frames; t++) model.observe(states, t * model.stateDim, out, t * dim);
  return out;
}

/** What a reward model perceives of every frame. states [T + 1, stateDim] -> [T + 1, frameDim]. */
export function framesOf(model: TaskModel, senses: readonly SenseId[], states: Float64Array): Float64Array {
  const opened = openSenses(model, senses);
  const count = states.length / model.stateDim;
  const out = new Float64Array(count * opened.dim);
  opened.read(states, 0, count, out, 0);
  return out;
}

/** Body poses of every frame. [T + 1, bodies, 7] */
export function posesOf(model: TaskModel, states: Float64Array): Float32Array {
  const frames = states.length / model.stateDim;
  const width = model.bodies.length * 7;
  const out = new Float32Array(frames * width);
  for (let t = 0; t < frames; t++) model.poses(states, t * model.stateDim, out, t * width);
  return out;
}

/** Colours that change with the state, of every frame: NaN where a body keeps its own. [T + 1, bodies, 3] */
export function coloursOf(model: TaskModel, states: Float64Array): Float32Array | null {
  if (model.colours === undefined) return null;
  const frames = states.length / model.stateDim;
  const width = model.bodies.length * 3;
  const out = new Float32Array(frames * width);
  for (let t = 0; t < frames; t++) model.colours(states, t * model.stateDim, out, t * width);
  return out;
}

/**
 * Whose dense stages a fit of these episodes takes: somebody's where there are some, else the simulator's. One source for
 * all of them, since each may cut the task into other stages. @throws RangeError when there are two such sources.
 */
export function denseSourceOf(store: Store, episodeIds: readonly number[]): string {
  const sources = new Set(
    episodeIds.flatMap((id) =>
      store.labels
        .get(id)
        .filter(({ scheme, source }) => scheme === 'dense' && source !== simulator)
        .map(({ source }) => source),
    ),
  );
  if (sources.size > 1) {
    throw new RangeError(
      `Dense stage labels: found some by ${[...sources].join(' and ')}, wanted those of one of them (episodes ${episodeIds[0]} to ${episodeIds.at(-1)})`,
    );
  }
  const [somebody = simulator] = sources;
  return somebody;
}

/**
 * A stored episode with its stage labels, as reward methods want it. Somebody's sparse labels go before the simulator's.
 * @throws RangeError when it has no sparse labels, or two people's.
 */
export function demonstrationOf(
  store: Store,
  episodeId: number,
  senses: readonly SenseId[],
  denseSource = denseSourceOf(store, [episodeId]),
): Demonstration {
  const episode = store.episodes.get(episodeId);
  const model = taskModelOf(store.runs.get(episode.runId));
  const { states } = replay(
    model,
    episode,
    store.episodes.columns(episodeId, ['action', 'keyframe', 'stateHash']),
  );
  const labels = store.labels.get(episodeId);
  const sparse = labels.filter(({ scheme }) => scheme === 'sparse');
  if (sparse.length === 0) throw new RangeError(`Episode ${episodeId} has no stage labels`);
  const people = [...new Set(sparse.map(({ source }) => source))].filter((source) => source !== simulator);
  if (people.length > 1) {
    throw new RangeError(
      `Episode ${episodeId}: found stage labels by ${people.join(' and ')}, wanted those of one of them`,
    );
  }
  const [person = simulator] = people;
  const stages = spansOf(sparse, person);
  const denseStages = spansOf(
    labels.filter(({ scheme }) => scheme === 'dense'),
    denseSource,
  );
  return {
    id: `episode ${episodeId}`,
    length: episode.length,
    frames: framesOf(model, senses, states),
    stages,
    ...(denseStages.length > 0 ? { denseStages } : {}),
    success: episode.success,
  };
}

const spansOf = (labels: readonly StageLabel[], wanted: string): StageSpan[] =>
  labels.filter(({ source }) => source === wanted).map(({ stage, start, end }) => ({ stage, start, end }));

/** What was seen and done in a stored episode, actions in [-1, 1] or options. @throws RangeError when it cannot be replayed. */
export function trajectoryOf(store: Store, episodeId: number): Trajectory {
  const episode = store.episodes.get(episodeId);
  const model = taskModelOf(store.runs.get(episode.runId));
  const columns = store.episodes.columns(episodeId, ['action', 'keyframe', 'stateHash']);
  const { states } = replay(model, episode, columns);
  const actions = Float64Array.from(column(columns, 'action', episodeId).data);
  const { dim } = model.actionSpace;
  for (let t = 0; t < episode.length; t++) toUnit(model.actionSpace, actions, t * dim);
  return {
    id: `episode ${episodeId}`,
    length: episode.length,
    observations: observationsOf(model, states),
    actions,
    success: episode.success,
  };
}
