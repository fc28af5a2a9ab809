/** Judging reward models, asked for from outside: words become a request, the request gets a thread, what came of it is kept. */

import type { AnySettings } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import type { ModelRow, Store } from '../store/types.ts';
import { messageOf, UsageError } from './errors.ts';
import { checkSettings, nearest } from './fields.ts';
import { inThread } from './in-thread.ts';
import type { StoredEpisodes } from './judged-episodes.ts';
import { keepWhole } from './kept-evaluations.ts';
import { keepEvaluation } from './model-card.ts';
import { rewardNamed, taskNamed } from './registry.ts';
import { replay, taskModelOf } from './replay.ts';
import {
  type EpisodeScoreOf,
  evaluationDefaults,
  learnedMethods,
  type Retraining,
  type RewardEvaluation,
  type RewardEvaluationRequest,
  type RewardSource,
} from './reward-evaluation.ts';
import type { RewardEvaluationJob, RewardEvaluationMessage } from './reward-evaluation-worker.ts';

export interface EvaluationAsk {
  readonly task: string;
  /** `all`, or stored models (by id or by the beginning of their hash) and methods, with commas between. */
  readonly models: string;
  /** What is left out has its default. */
  readonly taskSettings?: AnySettings | undefined;
  readonly episodes?: number | undefined;
  readonly stride?: number | undefined;
  readonly seed?: number | undefined;
  readonly demonstrations?: number | undefined;
  readonly failures?: number | undefined;
  readonly retrain?: Retraining | null | undefined;
  /** Judge on stored episodes of this run, too. */
  readonly run?: number | undefined;
}

/** Of a run, taken evenly. */
const mostStored = 100;

/** Shorter beginnings of a hash are taken for something else. */
const shortestHash = 6;

/**
 * @param store of the project, for its models; null where there is none.
 * @throws UsageError naming the word that names nothing, or a model of another task.
 */
export function evaluationRequest(store: Store | null, ask: EvaluationAsk): RewardEvaluationRequest {
  const task = taskNamed(ask.task);
  if (task === undefined) {
    throw new UsageError([`eval-reward: unknown task "${ask.task}"${nearest(ask.task, Object.keys(tasks))}`]);
  }
  const { settings, problems } = checkSettings(task.fields, ask.taskSettings ?? {}, 'task');
  if (problems.length > 0) throw new UsageError(problems);
  try {
    task.create(settings);
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError([`task: ${error.message}`]);
    throw error;
  }
  const stored = store?.models.list() ?? [];
  const words = ask.models
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  if (words.length === 0)
    throw new UsageError(['eval-reward: --models is empty, wanted all, ids or hashes of models, or methods']);
  const sources: RewardSource[] = [];
  const add = (source: RewardSource): void => {
    const isThere = sources.some((one) =>
      source.kind === 'stored'
        ? one.kind === 'stored' && one.id === source.id
        : one.kind === 'fit' && one.method === source.method,
    );
    if (!isThere) sources.push(source);
  };
  const addStored = (row: ModelRow): void => {
    if (row.task !== ask.task) {
      throw new UsageError([`eval-reward: model ${row.id} is of ${row.task}, wanted models of ${ask.task}`]);
    }
    add({
      kind: 'stored',
      id: row.id,
      method: row.method,
      hash: row.hash,
      bytes: store!.models.bytes(row.id),
    });
  };
  for (const word of words) {
    if (word === 'all') {
      for (const row of stored) if (row.task === ask.task) addStored(row);
      for (const { id } of learnedMethods) add({ kind: 'fit', method: id });
      continue;
    }
    const method = rewardNamed(word);
    if (method?.kind === 'native') {
      throw new UsageError([
        `eval-reward: ${word} comes with the task and is the measure, not what is measured; wanted learned rewards`,
      ]);
    }
    if (method !== undefined) add({ kind: 'fit', method: word });
    else addStored(storedNamed(stored, word));
  }
  for (const { id, baseline } of learnedMethods) if (baseline === true) add({ kind: 'fit', method: id });
  return {
    task: ask.task,
    taskSettings: settings,
    sources,
    words: words.join(','),
    episodes: ask.episodes ?? evaluationDefaults.episodes,
    stride: ask.stride ?? evaluationDefaults.stride,
    seed: ask.seed ?? evaluationDefaults.seed,
    demonstrations: ask.demonstrations ?? evaluationDefaults.demonstrations,
    failures: ask.failures ?? evaluationDefaults.failures,
    retrain: ask.retrain ?? null,
    stored: ask.run === undefined ? null : storedEpisodes(store, ask.run, ask.task, settings, sources),
  };
}

/** @throws UsageError when the run is not there, has none, or is of another task or of other settings of it. */
function storedEpisodes(
  store: Store | null,
  runId: number,
  task: string,
  settings: AnySettings,
  sources: readonly RewardSource[],
): StoredEpisodes {
  const run = store?.runs.list().find(({ id }) => id === runId);
  if (store === null || run === undefined)
    throw new UsageError([`eval-reward: there is no run ${runId} in this project`]);
  if (run.task !== task)
    throw new UsageError([`eval-reward: run ${runId} is of ${run.task}, wanted a run of ${task}`]);
  const theirs = checkSettings(
    taskNamed(task)!.fields,
    run.config['taskSettings'] as AnySettings,
    'run',
  ).settings;
  const other = Object.keys(theirs).find((name) => theirs[name] !== settings[name]);
  if (other !== undefined) {
    throw new UsageError([
      `eval-reward: run ${runId} has ${other} ${String(theirs[other])}, the judged task ${String(settings[other])}; give --set ${other}=${String(theirs[other])}`,
    ]);
  }
  const model = taskModelOf(run);
  const sound = store.episodes
    .list({ runId, limit: 1_000_000 })
    .items.filter(({ ending }) => ending !== 'diverged');
  if (sound.length === 0) throw new UsageError([`eval-reward: run ${runId} has no episodes`]);
  const count = Math.min(mostStored, sound.length);
  const rows = Array.from({ length: count }, (_, i) => sound[Math.floor((i * sound.length) / count)]!);
  const hashes = sources.flatMap((source) => (source.kind === 'stored' ? [source.hash] : []));
  return {
    run: runId,
    episodes: rows.map((row) => {
      const columns = store.episodes.columns(row.id, ['action', 'keyframe', 'stateHash']);
      return {
        id: row.id,
        seed: row.seed,
        states: replay(model, row, columns).states,
        actions: columns.get('action')!.data as Float64Array,
        scores: Object.fromEntries(
          hashes.flatMap((hash) => {
            const perStep = store.scores.get(row.id, hash);
            return perStep === undefined ? [] : [[hash, perStep]];
          }),
        ),
      };
    }),
  };
}

/** By id, or by the beginning of its hash. @throws UsageError where there is none or more than one. */
export function storedNamed(stored: readonly ModelRow[], word: string): ModelRow {
  const byId = /^[1-9]\d{0,14}$/.test(word) ? stored.find(({ id }) => id === Number(word)) : undefined;
  if (byId !== undefined) return byId;
  const byHash = word.length < shortestHash ? [] : stored.filter(({ hash }) => hash.startsWith(word));
  // The same model, fitted twice: any of them.
  if (new Set(byHash.map(({ hash }) => hash)).size === 1) return byHash.at(-1)!;
  const methods = learnedMethods.map(({ id }) => id);
  throw new UsageError([
    byHash.length > 1
      ? `"${word}" is the beginning of the hashes of models ${byHash.map(({ id }) => id).join(', ')}`
      : `"${word}" is no model of this project (${stored.length === 0 ? 'it has none' : stored.map(({ id }) => id).join(', ')}) and no learned reward (${methods.join(', ')})${nearest(word, methods)}`,
  ]);
}

export interface RunEvaluationOptions {
  readonly signal?: AbortSignal;
  /** Threads that compute; as many as there are cores by default. The numbers are the same. */
  readonly threads?: number | undefined;
  readonly onProgress?: (part: string, done: number, total: number) => void;
  /** A stored episode was scored by a stored model. */
  readonly onScore?: ((score: EpisodeScoreOf) => void) | undefined;
  /** Folder of the project: what is found out about stored models is kept there for their cards, where it may be written. */
  readonly project?: string | null;
}

/** In a thread of its own. Rejects with an AbortError when cancelled; nothing is kept then. */
export async function runRewardEvaluation(
  request: RewardEvaluationRequest,
  { signal, threads, onProgress, onScore, project = null }: RunEvaluationOptions = {},
): Promise<RewardEvaluation> {
  const evaluation = await inThread<RewardEvaluation, RewardEvaluationMessage>({
    file: new URL('./reward-evaluation-worker.ts', import.meta.url),
    data: { request, threads } satisfies RewardEvaluationJob,
    name: 'eval-reward',
    signal,
    onMessage: (message) => {
      if (message.type === 'progress') onProgress?.(message.part, message.done, message.total);
      else onScore?.(message.score);
    },
  });
  if (project === null) return evaluation;
  try {
    keepEvaluation(project, evaluation);
    keepWhole(project, evaluation);
  } catch (error) {
    // A full disk, or a folder that may only be read: what was measured is worth more than its copy.
    onProgress?.(`not kept for the cards of the models: ${messageOf(error)}`, 0, 1);
  }
  return evaluation;
}
