/**
 * Forks: from any frame of a stored episode on with somebody else, or paid by another reward. A fork is stored as a whole episode in a
 * run of its own (docs/forks.md), so that it replays, is scored and is compared like any other, and can be forked again.
 */

import { createStack, type StackEntry, stackHash } from '../learn/rewards/stack.ts';
import type { TaskModel } from '../sim/env.ts';
import type { Column, EditedStart, EpisodeRow, Fork, ModelRow, RunRow } from '../store/types.ts';
import type { ForkActor, ForkChoices, ForkReward, ForkTree } from './api/forks.ts';
import { Branch } from './branch.ts';
import { UsageError } from './errors.ts';
import { type Experiment, parseRecipe, resolveExperiment, type StackLine } from './experiment.ts';
import type { Lab } from './lab.ts';
import { elementName, stateProblem } from './landscape.ts';
import { type Mover, openMover } from './movers.ts';
import { pace } from './pace.ts';
import { wantState } from './probe-checks.ts';
import type { FinishedEpisode } from './recorder.ts';
import { algorithmNamed, rewardNamed } from './registry.ts';
import { observationsOf, replay, taskModelOf } from './replay.ts';
import { stackEntries } from './stack-entries.ts';
import { versions } from './versions.ts';

/** Episodes of a tree at most, points of a branch's curve, policies and rewards to choose from. */
const mostBranches = 200;
const mostPoints = 64;
const mostChoices = 40;

export interface ForkAsk {
  readonly episodeId: number;
  readonly frame: number;
  /** In place of the recorded state of the frame. [stateDim] */
  readonly state?: readonly (number | null)[] | undefined;
  readonly by: ForkActor;
  readonly reward: ForkReward;
  readonly steps?: number | undefined;
}

/** A state that somebody made out of the frame. */
interface EditedState extends EditedStart {
  /** [stateDim] */
  readonly state: Float64Array;
}

/** The episode that is left, taken to the frame. */
export interface Parent {
  readonly row: EpisodeRow;
  readonly run: RunRow;
  readonly model: TaskModel;
  readonly frame: number;
  readonly columns: ReadonlyMap<string, Column>;
  /** [T + 1, stateDim] */
  readonly states: Float64Array;
  /** In the task's units. [T, actionDim] */
  readonly actions: Float64Array;
  /** Null where the fork goes on from the frame as it was recorded. */
  readonly edited: EditedState | null;
}

/** What pays: the lines and models of a training run or a recipe; no lines: nothing. */
export interface Pay {
  readonly entries: readonly StackEntry[];
  readonly gamma: number;
  readonly hash: string | null;
  readonly isOwn: boolean;
  /** Of its row's configuration, what tells how a fork is paid. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The training run whose stack it is; null for a recipe's, or where nothing pays. */
  readonly runId: number | null;
  readonly models: ReadonlyMap<number, ModelRow>;
  /** `, paid as run 5`; empty where the parent's own reward pays. */
  readonly words: string;
}

/**
 * `state`: an edited one, in place of the recorded one of the frame.
 * @throws RangeError when there is no such episode or its task is gone; UsageError naming why this frame cannot be gone on from.
 */
export function openParent(
  lab: Lab,
  episodeId: number,
  frame: number,
  state?: readonly (number | null)[] | undefined,
): Parent {
  const row = lab.store.episodes.get(episodeId);
  if (frame > row.length)
    throw new UsageError([`Episode ${episodeId}: found frame ${frame}, wanted 0 to ${row.length}`]);
  const run = lab.store.runs.get(row.runId);
  const model = taskModelOf(run);
  const columns = lab.store.episodes.columns(episodeId);
  const { states, driftStep } = replay(model, row, columns);
  if (driftStep !== null && driftStep <= frame) {
    throw new UsageError([
      driftStep === 0 && row.fork?.edited === undefined
        ? `Episode ${episodeId}: its start is not the one that seed ${row.seed} gives here, so what would leave it could not be replayed`
        : `Episode ${episodeId}: it does not replay beyond step ${driftStep - 1} here (its states drift apart from the recorded ones), wanted a frame before that`,
    ]);
  }
  const problem = stateProblem(model, states, frame * model.stateDim);
  if (problem !== null)
    throw new UsageError([`Episode ${episodeId}, frame ${frame}: ${problem}; wanted an earlier frame`]);
  const actions = Float64Array.from(columns.get('action')!.data);
  const edited = state === undefined ? null : editedState(row, model, frame, states, state);
  return { row, run, model, frame, columns, states, actions, edited };
}

/** Null where nothing differs. @throws UsageError on a state that no episode can have. */
function editedState(
  row: EpisodeRow,
  model: TaskModel,
  frame: number,
  states: Float64Array,
  given: readonly (number | null)[],
): EditedState | null {
  const state = wantState(model, given);
  if (!Number.isInteger(state[0]) || state[0]! < 0) {
    throw new UsageError([
      `State of ${model.id}: ${elementName(model.stateLayout, 0)} is ${state[0]}, wanted a whole number from 0 to ${model.horizon}: it counts the steps`,
    ]);
  }
  const recorded = states.subarray(frame * model.stateDim, (frame + 1) * model.stateDim);
  const changes: EditedStart['changes'][number][] = [];
  for (const [i, from] of recorded.entries()) {
    const to = state[i]!;
    // Messages have no minus zero: what only lost its sign on the way was not edited.
    if (to === from) state[i] = from;
    else changes.push({ name: elementName(model.stateLayout, i), from, to });
  }
  if (changes.length === 0) return null;
  const steps = (row.fork?.edited?.steps ?? 0) + frame;
  return { episode: row.id, frame, steps, changes, state };
}

/** The state that a fork goes on from. [stateDim] */
const stateOf = ({ edited, states, frame, model }: Parent): Float64Array =>
  edited?.state ?? states.subarray(frame * model.stateDim, (frame + 1) * model.stateDim);

/** Of the parent's frames, how many its fork begins with. */
export const sharedFrames = ({ edited, frame }: Parent): number => (edited === null ? frame : 0);

/** `block.pos[0] 0.1 to 0.25`, a few of them. */
function changeWords(changes: EditedStart['changes'], most = 3): string[] {
  const words = changes.slice(0, most).map(({ name, from, to }) => `${name} ${tidy(from)} to ${tidy(to)}`);
  const rest = changes.length - most;
  return rest > 0 ? [...words, `${rest} more`] : words;
}

/** Of a fork whose own start was edited, rather than that of the one it left. */
export const editWords = ({ edited, parent }: Fork, most?: number): string | null =>
  edited === undefined || edited.episode !== parent ? null : changeWords(edited.changes, most).join(', ');

const tidy = (value: number): string => String(Number(value.toPrecision(4)));

/** Why no step leads out of a frame, in words; null where one does. */
export function closedProblem(parent: Parent): string | null {
  const { model, frame, row } = parent;
  const state = stateOf(parent);
  const isEdited = parent.edited !== null;
  if (state[0]! >= model.horizon)
    return `Episode ${row.id} has had all of its ${model.horizon} steps at frame ${frame}; wanted an earlier frame`;
  if (model.terminal(state, 0))
    return isEdited
      ? `Episode ${row.id}, frame ${frame}: the task is over in the edited state; wanted another one`
      : `Episode ${row.id}: the task is over at frame ${frame}; wanted an earlier frame`;
  return null;
}

/** The training run, or the run of forks, whose configuration pays an episode of this run. */
const payOfRun = (run: RunRow): Experiment | null =>
  (run.kind === 'train' || run.kind === 'evaluate') && Array.isArray(run.config['reward'])
    ? (run.config as unknown as Experiment)
    : null;

/** @throws UsageError naming what cannot pay an episode of this task. */
export function openPay(lab: Lab, { run, model }: Parent, reward: ForkReward): Pay {
  switch (reward.kind) {
    case 'own': {
      const paid = payOfRun(run);
      const payer = run.config['evaluatedRun'] as number | undefined;
      if (paid === null) {
        return {
          entries: [],
          gamma: 1,
          hash: null,
          isOwn: true,
          config: {},
          runId: null,
          models: new Map(),
          words: '',
        };
      }
      const models = lab.modelsBehind(run);
      const runId = run.kind === 'train' ? run.id : (payer ?? null);
      return { ...payBy(lab, model, paid, models), hash: run.rewardHash, isOwn: true, runId, words: '' };
    }
    case 'run': {
      const other = lab.find(reward.runId);
      const paid = payOfRun(other);
      if (other.kind !== 'train' || paid === null)
        throw new UsageError([`run ${other.id} is a ${other.kind} run; only training runs are paid`]);
      if (other.task !== model.id)
        throw new UsageError([`run ${other.id} is of ${other.task}, wanted one of ${model.id}`]);
      const pay = payBy(lab, model, paid, lab.modelsBehind(other));
      const own = payOfRun(run) !== null && run.rewardHash === other.rewardHash;
      return {
        ...pay,
        hash: other.rewardHash,
        isOwn: own,
        runId: other.id,
        words: own ? '' : `, paid as run ${other.id}`,
      };
    }
    case 'recipe': {
      const recipe = resolveExperiment(parseRecipe(reward.yaml, 'recipe'));
      if (recipe.task !== model.id)
        throw new UsageError([`recipe ${recipe.name} is for ${recipe.task}, wanted one for ${model.id}`]);
      const models = new Map<number, ModelRow>();
      for (const [index, line] of recipe.reward.entries()) {
        if (rewardNamed(line.reward)!.kind === 'native') continue;
        if (line.model === null) {
          throw new UsageError([
            `reward[${index}] (${line.reward}): a fork fits nothing, wanted a stored model (model: 3) in this line`,
          ]);
        }
        const stored = lab.store.models.list().find(({ id }) => id === line.model);
        if (stored === undefined || stored.method !== line.reward || stored.task !== model.id) {
          throw new UsageError([
            `reward[${index}] (${line.reward}): ${stored === undefined ? `there is no model ${line.model} in this project` : `model ${line.model} is a ${stored.method} model of ${stored.task}, wanted ${line.reward} of ${model.id}`}`,
          ]);
        }
        models.set(index, stored);
      }
      const pay = payBy(lab, model, recipe, models);
      const hash = stackHash(
        recipe.reward,
        recipe.task,
        recipe.taskVersion,
        model.settings,
        pay.gamma,
        [...models.values()].map((one) => one.hash),
      );
      return { ...pay, hash, isOwn: false, runId: null, words: `, paid by recipe ${recipe.name}` };
    }
  }
}

function payBy(
  lab: Lab,
  model: TaskModel,
  { reward, algorithm, algorithmSettings }: Experiment,
  models: ReadonlyMap<number, ModelRow>,
): Pick<Pay, 'entries' | 'gamma' | 'config' | 'models'> {
  const gamma = (algorithmSettings['gamma'] as number | undefined) ?? 1;
  try {
    const bytes = Object.fromEntries(
      [...models].map(([line, { id }]) => [line, lab.store.models.bytes(id)] as const),
    );
    const entries = stackEntries(reward as readonly StackLine[], bytes);
    createStack(entries, { model, gamma, count: 1 });
    return { entries, gamma, models, config: { reward, algorithm, algorithmSettings } };
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError([error.message]);
    throw error;
  }
}

/** A branch at frame 0. `mover`: whose critic is recorded. */
export function newBranch(parent: Parent, pay: Pay, mover: Mover | null): Branch {
  const { row, model, columns, frame, states, edited } = parent;
  const trainedSteps = mover?.checkpoint?.step ?? row.trainedSteps;
  // The schedules of weights stand where they stood when the parent was paid.
  const stack = createStack(pay.entries, { model, gamma: pay.gamma, count: 1, step: row.trainedSteps });
  const weights = new Map<string, ArrayLike<number>>();
  if (pay.isOwn) {
    for (const { id } of stack.terms) {
      const recorded = columns.get(`reward/${id}/weight`);
      if (recorded === undefined) continue;
      // From the edited frame on; the last frame of an episode has no step of its own.
      const first = Math.min(frame, row.length - 1);
      weights.set(id, edited === null ? recorded.data : recorded.data.slice(first));
    }
  }
  return new Branch({
    model,
    seed: row.seed,
    start: edited?.state ?? (row.fork?.edited === undefined ? null : states.slice(0, model.stateDim)),
    trainedSteps,
    stack,
    rewardHash: pay.hash,
    weights,
    hasValue: mover?.hasCritic(stack) === true,
  });
}

/** Takes a branch along the parent's actions to the frame. @throws UsageError where the reward has no number for them. */
export async function follow(
  branch: Branch,
  { row, actions, model }: Parent,
  to: number,
  mover: Mover | null,
  onStep: () => Promise<void>,
): Promise<void> {
  const dim = model.actionSpace.dim;
  while (branch.frame < to) {
    const t = branch.frame;
    mover?.see(branch.state, branch.observation);
    branch.step(actions.slice(t * dim, (t + 1) * dim), mover?.value(branch) ?? 0);
    if (branch.ending !== null && branch.frame < to) {
      const what = branch.stack.invalidTerm(0);
      throw new UsageError([
        `Episode ${row.id}: step ${t + 1} ends as ${branch.ending}${what === '' ? '' : `, for ${what} is no number`}; wanted a reward that can pay all of it`,
      ]);
    }
    await onStep();
  }
}

/** What a mover that remembers must have seen of a branch before it takes over. */
export async function catchUp(mover: Mover, branch: Branch, onStep: () => Promise<void>): Promise<void> {
  if (!mover.remembers) return;
  const { model, states, frame } = branch;
  const observations = observationsOf(model, states);
  const { stateDim } = model;
  const dim = model.observationSpace.dim;
  for (let t = 0; t < frame; t++) {
    mover.see(states.slice(t * stateDim, (t + 1) * stateDim), observations.slice(t * dim, (t + 1) * dim));
    await onStep();
  }
}

/** @throws UsageError in a project that is open for reading. */
export function refuseReader(lab: Lab): void {
  if (lab.store.readOnly)
    throw new UsageError(['This project is open for reading only; a fork would be written into it']);
}

/**
 * Makes a fork and stores it. Paced: windows are answered meanwhile.
 * @throws UsageError naming what cannot be gone on from, with, or be paid by; the signal's reason once it is aborted.
 */
export async function makeFork(
  lab: Lab,
  ask: ForkAsk,
  signal?: AbortSignal,
): Promise<{ id: number; runId: number }> {
  refuseReader(lab);
  const parent = openParent(lab, ask.episodeId, ask.frame, ask.state);
  const pay = openPay(lab, parent, ask.reward);
  const { row, frame, model, edited } = parent;
  const shared = sharedFrames(parent);
  if (ask.by.kind === 'recorded' && edited === null) {
    if (pay.isOwn) {
      throw new UsageError([
        `Episode ${row.id}: the same moves for the same reward would be the same episode; wanted another reward, or somebody else`,
      ]);
    }
  } else {
    const closed = closedProblem(parent);
    if (closed !== null) throw new UsageError([closed]);
    if (ask.by.kind === 'recorded' && frame === row.length)
      throw new UsageError([
        `Episode ${row.id}: no moves come after frame ${frame}; wanted an earlier frame`,
      ]);
  }
  const mover = openMover(lab, ask.by, model, movesFor(parent));
  const pause = pace();
  const end = Math.min(
    ask.by.kind === 'recorded' ? row.length - (frame - shared) : model.horizon,
    shared + (ask.steps ?? model.horizon),
  );
  let said = performance.now();
  const tell = (): void => lab.events.emit({ type: 'fork', episode: row.id, done: branch.frame, total: end });
  const onStep = async (): Promise<void> => {
    signal?.throwIfAborted();
    await pause();
    if (performance.now() - said < 250) return;
    said = performance.now();
    tell();
  };
  const branch = newBranch(parent, pay, mover);
  await follow(branch, parent, shared, mover, onStep);
  while (branch.frame < end && branch.ending === null) {
    const action = mover.act(branch);
    if (action === null) break;
    branch.step(action, mover.value(branch));
    await onStep();
  }
  signal?.throwIfAborted();
  const kept = storeFork(lab, parent, pay, branch.finish(), `${mover.words}${pay.words}`, [mover]);
  tell();
  return kept;
}

/** The recorded actions that a fork's own frames go by. [.., actionDim] */
export const movesFor = ({ edited, actions, frame, model }: Parent): Float64Array =>
  edited === null ? actions : actions.subarray(frame * model.actionSpace.dim);

/** Writes a fork down with where it came from. */
export function storeFork(
  lab: Lab,
  parent: Parent,
  pay: Pay,
  episode: FinishedEpisode,
  actor: string,
  movers: readonly Mover[],
): { id: number; runId: number } {
  const { store } = lab;
  const { row, run } = parent;
  let edited = row.fork?.edited;
  if (parent.edited !== null) {
    const { state: _, ...start } = parent.edited;
    edited = start;
  }
  const { id, runId } = store.transaction(() => {
    const runId = runOfForks(lab, run, pay);
    const fork: Fork = {
      parent: row.id,
      frame: sharedFrames(parent),
      actor,
      ...(edited === undefined ? {} : { edited }),
    };
    const id = store.episodes.add({ ...episode, runId, fork });
    const link = (from: string, to: string, role: string): void => store.lineage.link({ from, to, role });
    link(`episode:${row.id}`, `episode:${id}`, parent.edited === null ? 'forked' : 'edited');
    if (row.runId !== runId) link(`episodes:${row.runId}`, `episodes:${runId}`, 'forked');
    for (const { checkpoint } of movers) {
      if (checkpoint === null) continue;
      link(`run:${checkpoint.runId}`, `checkpoint:${checkpoint.id}`, 'trained');
      link(`checkpoint:${checkpoint.id}`, `episodes:${runId}`, 'played');
      link(`checkpoint:${checkpoint.id}`, `episode:${id}`, 'played');
    }
    return { id, runId };
  });
  lab.tellEpisode(id);
  return { id, runId };
}

/** The run that holds the forks of another run's episodes that are paid in one way; made where there is none. */
function runOfForks({ store }: Lab, parent: RunRow, pay: Pay): number {
  const forksOf = (parent.config['forksOf'] as number | undefined) ?? parent.id;
  const evaluatedRun = pay.runId ?? forksOf;
  const there = store.runs.list().find(
    ({ config, rewardHash }) =>
      config['forksOf'] === forksOf &&
      config['evaluatedRun'] === evaluatedRun &&
      rewardHash === pay.hash &&
      // Runs of one task whose models were lost have no hash; their lines tell them apart.
      JSON.stringify(config['reward']) === JSON.stringify(pay.config['reward']),
  );
  if (there !== undefined) return there.id;
  const origin = store.runs.get(forksOf);
  const words =
    pay.runId !== null && pay.runId !== forksOf && origin.kind !== 'evaluate'
      ? `, paid as run ${pay.runId}`
      : '';
  const by = pay.isOwn ? words : pay.words;
  const id = store.runs.create({
    kind: 'evaluate',
    name: `forks of run ${forksOf}: ${origin.name}${by}`.slice(0, 200),
    task: origin.task,
    algorithm: null,
    seed: origin.seed,
    status: 'done',
    rewardHash: pay.hash,
    config: {
      ...pay.config,
      task: origin.task,
      taskVersion: origin.config['taskVersion'],
      taskSettings: origin.config['taskSettings'],
      forksOf,
      evaluatedRun,
    },
    versions: versions(),
  });
  store.runs.update(id, { endedAt: Date.now() });
  for (const [line, model] of pay.models)
    store.lineage.link({ from: `model:${model.id}`, to: `run:${id}`, role: `reward/${line}` });
  store.lineage.link({ from: `run:${id}`, to: `episodes:${id}`, role: 'recorded' });
  return id;
}

/** With whom and what a fork of this frame can go on. */
export function forkChoices(
  lab: Lab,
  { episodeId, frame, state }: Pick<ForkAsk, 'episodeId' | 'frame' | 'state'>,
): ForkChoices {
  const parent = openParent(lab, episodeId, frame, state);
  const { model, run } = parent;
  const runs = lab.store.runs
    .list()
    .filter(({ kind, task }) => kind === 'train' && task === model.id)
    .reverse();
  const paid = payOfRun(run);
  const termsOf = ({ reward }: Experiment): string =>
    reward.map((line) => (line.weight === 1 ? line.reward : `${line.weight} x ${line.reward}`)).join(', ');
  return {
    horizon: model.horizon,
    controlDt: model.controlDt,
    closed: closedProblem(parent),
    changes: changeWords(parent.edited?.changes ?? [], 6),
    own: paid === null ? null : termsOf(paid),
    policies: runs.slice(0, mostChoices).flatMap(({ id, name, algorithm }) => {
      const checkpoints = lab.store.checkpoints.list(id).reverse();
      if (checkpoints.length === 0 || algorithm === null) return [];
      return [
        {
          runId: id,
          name,
          algorithm,
          checkpoints: checkpoints.map((one) => ({ id: one.id, step: one.step })),
          draws: algorithmNamed(algorithm)?.loadSampler !== undefined,
        },
      ];
    }),
    rewards: runs
      .filter(({ rewardHash }) => rewardHash !== null)
      .slice(0, mostChoices)
      .map((one) => ({ runId: one.id, name: one.name, terms: termsOf(one.config as unknown as Experiment) })),
  };
}

/** The tree that an episode stands in. @throws RangeError when there is no such episode. */
export function forkTree({ store }: Lab, id: number): ForkTree {
  let root = store.episodes.get(id);
  while (root.fork !== null && root.fork.parent !== null) root = store.episodes.get(root.fork.parent);
  const rows: EpisodeRow[] = [root];
  let left = 0;
  for (let at = 0; at < rows.length; at++) {
    for (const child of store.episodes.forksOf(rows[at]!.id)) {
      if (rows.length < mostBranches) rows.push(store.episodes.get(child));
      else left++;
    }
  }
  const { controlDt } = taskModelOf(store.runs.get(root.runId));
  return {
    root: root.id,
    controlDt,
    left,
    branches: rows.map((row) => {
      const truth = store.episodes.columns(row.id, ['trueProgress', 'trueSuccess']);
      const progress = truth.get('trueProgress')!.data;
      const success = truth.get('trueSuccess')!.data;
      const points = Math.min(mostPoints, row.length + 1);
      const frames = Array.from({ length: points }, (_, i) =>
        Math.round((i * row.length) / Math.max(1, points - 1)),
      );
      const successAt = success.indexOf(1);
      return {
        id: row.id,
        runId: row.runId,
        fork: row.fork,
        begins: row.fork?.edited?.steps ?? 0,
        edited: row.fork && editWords(row.fork),
        length: row.length,
        ending: row.ending,
        success: row.success,
        finalProgress: row.finalProgress,
        returnTotal: row.returnTotal,
        rewardHash: row.rewardHash,
        frames,
        trueProgress: frames.map((t) => (Number.isFinite(progress[t]!) ? progress[t]! : 0)),
        successAt: successAt < 0 ? null : successAt,
      };
    }),
  };
}
