/**
 * Any reward models on stored episodes: one episode for the timeline, many for the search of where models differ. The database is
 * read and written here, paced; what takes time (simulating again, scoring, ranking) is done in a thread.
 */

import type { FoundDisagreement } from '../learn/diagnostics/disagreement.ts';
import type { EpisodeScore } from '../learn/rewards/types.ts';
import type { EpisodeKind, EpisodeRow, ModelRow, Store } from '../store/types.ts';
import type { Disagreement, Normalisation, ScoredBy, ScorerRef } from './api.ts';
import { messageOf, UsageError } from './errors.ts';
import { nearest } from './fields.ts';
import { pace } from './pace.ts';
import { type PackedArray, pack } from './pack.ts';
import { learnedReward, taskNamed } from './registry.ts';
import { taskModelOf } from './replay.ts';
import { ScoreThread } from './score-thread.ts';
import type { Scores, ScoringModel } from './score-worker.ts';

/** Frames of a curve beside a moment. */
const mostPoints = 96;

/** Full scores kept, so that going back and forth between episodes costs nothing. */
const mostKept = 64;

interface Scorer {
  readonly about: Omit<ScoredBy, 'std' | 'extras' | 'failed'>;
  /** What tells it apart for the thread: the model's hash, of a baseline its name and number. */
  readonly mark: string;
  /** What the thread makes it from. */
  source(): Pick<ScoringModel, 'bytes' | 'settings'>;
}

/** What a window asks for. */
export interface DisagreementAsk {
  readonly task: string;
  readonly models: readonly ScorerRef[];
  readonly group?: number | undefined;
  readonly runs: readonly number[];
  readonly kind?: EpisodeKind | undefined;
  readonly success?: boolean | undefined;
  readonly newest: number;
  readonly top: number;
  readonly apart: number;
  readonly normalise: Normalisation;
}

interface Watch {
  readonly signal: AbortSignal;
  onProgress(done: number, total: number): void;
}

/** Models of one family differ by the seed of their fit and by the demonstrations that their run collected, and by nothing else. */
export function familyOfModel(store: Store, model: ModelRow): string {
  const { taskSettings } = store.runs.get(model.runId).config;
  return JSON.stringify([model.method, model.task, sorted(model.settings), sorted(taskSettings)]);
}

const sorted = (record: unknown): unknown[] => Object.entries((record ?? {}) as object).sort();

export class EpisodeScores {
  readonly #store: Store;
  /** The timeline does not wait for the search. */
  readonly #near = new ScoreThread();
  readonly #far = new ScoreThread();
  readonly #kept = new Map<string, EpisodeScore>();
  /** By mark: whether a model gives a spread, and its extra tracks; known once it has scored something. */
  readonly #shapes = new Map<string, { readonly std: boolean; readonly extras: readonly string[] }>();
  #isSearching = false;

  constructor(store: Store) {
    this.#store = store;
  }

  close(): void {
    this.#near.close();
    this.#far.close();
  }

  /** @throws RangeError when there is no such episode or model; UsageError when a model is of another task. */
  async score(
    episodeId: number,
    refs: readonly ScorerRef[],
    extras: boolean,
    watch: Watch,
  ): Promise<{ models: ScoredBy[]; data: Uint8Array<ArrayBuffer> }> {
    const row = this.#store.episodes.get(episodeId);
    const scorers = this.#scorers(refs, row.task);
    const scores = await this.#scoresOf(row, scorers, extras, this.#near, watch.signal, (done) =>
      watch.onProgress(done, scorers.length),
    );
    const arrays: Record<string, PackedArray> = {};
    for (const { about } of scorers) {
      const score = scores[about.key];
      if (score === undefined || typeof score === 'string') continue;
      arrays[`${about.key}/perStep`] = score.perStep;
      if (score.std !== undefined) arrays[`${about.key}/std`] = score.std;
      if (extras) {
        for (const [name, track] of Object.entries(score.extras))
          arrays[`${about.key}/extra/${name}`] = track;
      }
    }
    return {
      models: scorers.map((one) => this.#describe(one, scores[one.about.key])),
      data: pack(arrays),
    };
  }

  /** @throws UsageError while another search goes on, with fewer than two models, or without episodes. */
  async disagree(ask: DisagreementAsk, watch: Watch): Promise<Disagreement> {
    if (taskNamed(ask.task) === undefined) {
      const tasks = this.#store.models.list().map(({ task }) => task);
      throw new UsageError([`disagree: unknown task "${ask.task}"${nearest(ask.task, tasks)}`]);
    }
    const scorers = this.#scorers([...this.#group(ask), ...ask.models], ask.task);
    if (scorers.length < 2) {
      throw new UsageError([
        `disagree: found ${scorers.length === 1 ? `only model ${scorers[0]!.about.key}` : 'no model'}, wanted at least two of ${ask.task}`,
      ]);
    }
    const rows = this.#episodes(ask);
    if (rows.length === 0) throw new UsageError([`disagree: no episode of ${ask.task} is like that`]);
    if (this.#isSearching) throw new UsageError(['disagree: another search goes on; stop it, or wait']);
    this.#isSearching = true;
    try {
      return await this.#search(ask, scorers, rows, watch);
    } finally {
      this.#isSearching = false;
    }
  }

  async #search(
    ask: DisagreementAsk,
    scorers: readonly Scorer[],
    rows: readonly EpisodeRow[],
    { signal, onProgress }: Watch,
  ): Promise<Disagreement> {
    const pause = pace();
    const left: { id: number; why: string }[] = [];
    const scored: { readonly row: EpisodeRow; readonly scores: Float32Array[] }[] = [];
    onProgress(0, rows.length);
    for (const [done, row] of rows.entries()) {
      signal.throwIfAborted();
      try {
        const scores = await this.#scoresOf(row, scorers, false, this.#far, signal);
        const failed = Object.entries(scores).find(([, score]) => typeof score === 'string');
        if (failed !== undefined) throw new RangeError(`model ${failed[0]}: ${failed[1] as string}`);
        scored.push({
          row,
          scores: scorers.map(({ about }) => (scores[about.key] as EpisodeScore).perStep),
        });
      } catch (error) {
        signal.throwIfAborted();
        left.push({ id: row.id, why: messageOf(error) });
      }
      onProgress(done + 1, rows.length);
      await pause();
    }
    if (scored.length === 0) throw new UsageError([`disagree: no episode could be scored: ${left[0]!.why}`]);
    const [first] = scored;
    const { controlDt } = taskModelOf(this.#store.runs.get(first!.row.runId));
    const { found } = await this.#far.ask(
      () => ({
        type: 'find',
        episodes: scored.map(({ row, scores }) => ({ id: row.id, scores })),
        how: ask.normalise,
        apart: Math.max(1, Math.round(ask.apart / controlDt)),
        top: ask.top,
      }),
      'found',
      { signal },
    );
    return {
      task: ask.task,
      models: scorers.map((one) => this.#describe(one, undefined)),
      normalise: ask.normalise,
      apart: ask.apart,
      episodes: scored.length,
      frames: scored.reduce((sum, { row }) => sum + row.length + 1, 0),
      left,
      ...this.#told(found, scored, scorers, controlDt),
    };
  }

  /** The moments with the truth beside them, and the curves of their episodes. */
  #told(
    { moments, differences }: FoundDisagreement,
    scored: readonly { readonly row: EpisodeRow; readonly scores: readonly Float32Array[] }[],
    scorers: readonly Scorer[],
    controlDt: number,
  ): Pick<Disagreement, 'moments' | 'data'> {
    const arrays: Record<string, PackedArray> = {};
    const places = new Map(scored.map(({ row }, i) => [row.id, i] as const));
    const told = moments.map(({ episode, frame, difference, normalised }) => {
      const place = places.get(episode)!;
      const { row, scores } = scored[place]!;
      const run = this.#store.runs.get(row.runId);
      const truth = this.#store.episodes.columns(episode, ['trueProgress', 'trueStage', 'trueSuccess']);
      const trueProgress = truth.get('trueProgress')!.data;
      if (arrays[`${episode}/frames`] === undefined) {
        const frames = thinned(row.length + 1, moments, episode);
        const at = (values: ArrayLike<number>): Float32Array => Float32Array.from(frames, (t) => values[t]!);
        arrays[`${episode}/frames`] = frames;
        arrays[`${episode}/true`] = at(trueProgress);
        arrays[`${episode}/difference`] = at(differences[place]!);
        for (const [m, { about }] of scorers.entries()) arrays[`${episode}/${about.key}`] = at(scores[m]!);
      }
      const stage = truth.get('trueStage')!.data[frame]!;
      return {
        episode,
        runId: run.id,
        runName: run.name,
        kind: row.kind,
        success: row.success,
        frame,
        seconds: frame * controlDt,
        difference,
        scores: scores.map((one) => one[frame]!),
        normalised: [...normalised],
        trueProgress: trueProgress[frame]!,
        stage: taskModelOf(run).stages[stage]?.title ?? `stage ${stage}`,
        succeeded: truth.get('trueSuccess')!.data[frame] === 1,
      };
    });
    return { moments: told, data: pack(arrays) };
  }

  #episodes({ task, runs, kind, success, newest }: DisagreementAsk): EpisodeRow[] {
    const query = {
      task,
      ...(kind === undefined ? {} : { kind }),
      ...(success === undefined ? {} : { success }),
      sort: 'id' as const,
      descending: true,
      limit: newest,
    };
    if (runs.length === 0) return this.#store.episodes.list(query).items;
    return runs
      .flatMap((runId) => {
        if (this.#store.runs.get(runId).task !== task)
          throw new UsageError([`disagree: run ${runId} is not of ${task}`]);
        return this.#store.episodes.list({ ...query, runId }).items;
      })
      .sort((a, b) => b.id - a.id)
      .slice(0, newest);
  }

  #group({ group, task }: DisagreementAsk): number[] {
    if (group === undefined) return [];
    const family = familyOfModel(this.#store, this.#store.models.get(group));
    return this.#store.models
      .list()
      .filter((model) => model.task === task && familyOfModel(this.#store, model) === family)
      .map(({ id }) => id);
  }

  #scorers(refs: readonly ScorerRef[], task: string): Scorer[] {
    return [...new Set(refs)].map((ref) => {
      if (typeof ref !== 'number') return this.#baseline(ref, task);
      const row = this.#store.models.get(ref);
      if (row.task !== task)
        throw new UsageError([`model ${ref} is a ${row.method} model of ${row.task}, wanted one of ${task}`]);
      const method = learnedReward(row.method, `model ${ref}`);
      return {
        about: {
          key: String(ref),
          id: ref,
          method: row.method,
          title: `${row.method} #${ref}`,
          hash: row.hash,
          seed: this.#store.runs.get(row.runId).seed,
          baseline: method.baseline === true,
          causal: method.causal,
        },
        mark: row.hash,
        source: () => ({ bytes: this.#store.models.bytes(ref) }),
      };
    });
  }

  /** Counter-baselines without a fit: the ramp is as long as the mean successful demonstration of the task in this project. */
  #baseline(method: 'constant' | 'time-ramp', task: string): Scorer {
    const lengths = this.#store.episodes
      .list({ task, kind: 'demonstration', success: true, limit: 1000 })
      .items.map(({ length }) => length);
    const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, lengths.length);
    const steps = method === 'time-ramp' ? Math.round(mean) : 0;
    return {
      about: {
        key: method,
        id: null,
        method,
        title: method === 'constant' ? 'constant 0.5' : `time ramp over ${steps || 100} steps`,
        hash: '',
        seed: null,
        baseline: true,
        causal: true,
      },
      mark: `${method}/${steps}/${task}`,
      source: () => ({ settings: method === 'time-ramp' ? { steps } : {} }),
    };
  }

  #describe({ about, mark }: Scorer, score: EpisodeScore | string | undefined): ScoredBy {
    const { std = false, extras = [] } = this.#shapes.get(mark) ?? {};
    return { ...about, std, extras: [...extras], failed: typeof score === 'string' ? score : null };
  }

  /** From memory, from the database, else from the thread, which the database then remembers. */
  async #scoresOf(
    row: EpisodeRow,
    scorers: readonly Scorer[],
    extras: boolean,
    thread: ScoreThread,
    signal: AbortSignal,
    onProgress?: (done: number) => void,
  ): Promise<Scores> {
    const scores: Record<string, EpisodeScore | string> = {};
    const missing = scorers.filter((scorer) => {
      const known = this.#known(row.id, scorer, extras);
      if (known !== undefined) scores[scorer.about.key] = known;
      return known === undefined;
    });
    if (missing.length === 0) return scores;
    const run = this.#store.runs.get(row.runId);
    const columns = this.#store.episodes.columns(row.id, ['action', 'keyframe', 'stateHash']);
    const done = scorers.length - missing.length;
    onProgress?.(done);
    const answer = await thread.ask(
      (isLoaded) => ({
        type: 'score',
        run,
        row,
        columns,
        models: missing.map(
          ({ about, mark, source }): ScoringModel => ({
            key: about.key,
            method: about.method,
            hash: mark,
            ...(isLoaded(mark) ? {} : source()),
          }),
        ),
      }),
      'scores',
      { signal, onProgress: (more) => onProgress?.(done + more) },
    );
    for (const scorer of missing) {
      const score = answer.scores[scorer.about.key];
      if (score === undefined) continue;
      scores[scorer.about.key] = score;
      if (typeof score !== 'string') this.#keep(row.id, scorer, score);
    }
    return scores;
  }

  #known(episodeId: number, { about, mark }: Scorer, extras: boolean): EpisodeScore | undefined {
    const kept = this.#kept.get(`${episodeId}/${mark}`);
    if (kept !== undefined) return kept;
    const shape = this.#shapes.get(mark);
    // The database keeps progress alone, so a model's other tracks must be known to be wanted by nobody.
    if (about.id === null || shape === undefined || shape.std || (extras && shape.extras.length > 0))
      return undefined;
    const perStep = this.#store.scores.get(episodeId, about.hash);
    return perStep === undefined ? undefined : { perStep, extras: {} };
  }

  #keep(episodeId: number, { about, mark }: Scorer, score: EpisodeScore): void {
    this.#shapes.set(mark, { std: score.std !== undefined, extras: Object.keys(score.extras) });
    if (about.id !== null && !this.#store.readOnly)
      this.#store.scores.put(episodeId, about.hash, score.perStep);
    this.#kept.set(`${episodeId}/${mark}`, score);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= mostKept) break;
      this.#kept.delete(oldest);
    }
  }
}

/** Evenly over the episode, first and last among them, and every moment that is found in it. */
function thinned(frames: number, moments: FoundDisagreement['moments'], episode: number): Uint32Array {
  const count = Math.min(frames, mostPoints);
  const even = Array.from({ length: count }, (_, i) =>
    Math.round((i * (frames - 1)) / Math.max(1, count - 1)),
  );
  const named = moments.flatMap((one) => (one.episode === episode ? [one.frame] : []));
  return Uint32Array.from([...new Set([...even, ...named])].sort((a, b) => a - b));
}
