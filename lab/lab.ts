/**
 * The lab: one open project, its runs and its worker threads. The conductor of an experiment is `#train`:
 * demonstrations -> reward model -> agent -> evaluation; every step of it is found again in the database after a crash,
 * so that `resume` goes on where the last one ended.
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Algorithm, Trajectory } from '../learn/algorithms/types.ts';
import { halvedSpans, spansFromStages } from '../learn/rewards/labels.ts';
import type { SenseId } from '../learn/rewards/senses.ts';
import { stackHash } from '../learn/rewards/stack.ts';
import type { Demonstration } from '../learn/rewards/types.ts';
import type { DeviceChoice } from '../learn/tensor/device.ts';
import type { TaskModel } from '../sim/env.ts';
import { openStore } from '../store/index.ts';
import { hash64 } from '../store/rows.ts';
import type {
  CheckpointRow,
  EpisodeMarks,
  EpisodeRow,
  JournalPiece,
  MetricPoint,
  ModelRow,
  NewEpisode,
  RunRow,
  RunStatus,
  Store,
} from '../store/types.ts';
import { addAdvantage } from './advantage.ts';
import type { QueueInfo } from './api/queue.ts';
import type {
  Alert,
  Episode,
  Model,
  OpenedEpisode,
  Recipe,
  Run,
  ScorerRef,
  StageDetailsInfo,
} from './api.ts';
import { loadRecipe } from './catalog.ts';
import { openCheckpoint } from './checkpoint.ts';
import { Cores } from './cores.ts';
import { cacheOf, endpointOf } from './endpoint.ts';
import { messageOf, UsageError } from './errors.ts';
import { EventHub } from './events.ts';
import {
  type Experiment,
  learnedLines,
  resolveExperiment,
  type StackLine,
  sparseBaseline,
} from './experiment.ts';
import { type GroupMark, groupOf, nextGroupId, type TrialMark, trialOf } from './groups.ts';
import { historyOf, type StateHistory } from './history.ts';
import type {
  CollectJob,
  CollectResult,
  ControlMessage,
  FitResult,
  Job,
  JobResult,
  ModelBytes,
  TrainResult,
  WorkerMessage,
} from './jobs.ts';
import type { LiveRun } from './live.ts';
import { FeedReader, openFeed } from './live-feed.ts';
import { type Logger, openLog } from './log.ts';
import { type MetricFileChoice, MetricFiles } from './metric-files.ts';
import { measureOldEpisodes } from './old-episodes.ts';
import { sidesOf } from './opponents.ts';
import { pace } from './pace.ts';
import { pack, splitStill } from './pack.ts';
import { type Parcel, unwrapper } from './parcel.ts';
import { algorithmNamed, learnedReward, rewardNamed } from './registry.ts';
import {
  coloursOf,
  demonstrationOf,
  denseSourceOf,
  framesOf,
  posesOf,
  type Replay,
  replay,
  taskModelOf,
  trajectoryOf,
} from './replay.ts';
import type { RewardEvaluation } from './reward-evaluation.ts';
import { type EvaluationAsk, evaluationRequest, runRewardEvaluation } from './reward-evaluation-run.ts';
import { markRuns, type RunMark } from './run-marks.ts';
import { type DisagreementAsk, EpisodeScores, familyOfModel } from './score.ts';
import { episodeSeed } from './seeds.ts';
import { shownGames } from './self-play.ts';
import { contactColumn, stageDetails } from './stage.ts';
import { wilsonInterval } from './statistics.ts';
import { versions } from './versions.ts';

/** Milliseconds between two signs of life of a running run. */
const heartbeatMs = 5000;

/** What a run is doing, while it is in this process. */
interface Active {
  phase: string;
  done: number;
  total: number;
  unit: string;
  stepsPerSecond: number | null;
  etaSeconds: number | null;
  /** Why the device of its worker, in plain sentences with timings; null until one was opened. */
  deviceReason: string | null;
  stopping: boolean;
  worker: Worker | undefined;
  finished: Promise<RunStatus>;
  /** Its worlds, while it trains. */
  live: LiveRun | undefined;
  /** How far to train this time; to the end without. */
  readonly rung: Rung | undefined;
}

/** A stop of a run on its way through a search: train to here, then play these starts, and write down how it went. */
export interface Rung {
  readonly index: number;
  /** Environment steps. */
  readonly until: number;
  /** Episode seeds, of the search's own stream. */
  readonly starts: readonly number[];
}

/** A training run to be written down. */
export interface PlannedRun {
  readonly experiment: Experiment;
  readonly seed: number;
  readonly marks: { readonly group?: GroupMark; readonly search?: TrialMark };
}

export interface StartedGroup {
  readonly group: GroupMark;
  /** In the order of their seeds. */
  readonly runs: readonly number[];
  readonly baseline: { readonly group: GroupMark; readonly runs: readonly number[] } | null;
}

export interface LabOptions {
  readonly project: string;
  /** `read` never writes and works beside a writer. */
  readonly mode?: 'write' | 'read';
  /** Makes the project where there is none; the default when writing. */
  readonly create?: boolean;
  readonly device?: DeviceChoice;
  /**
   * Threads that runs compute on together, and so the most runs at once; as many as there are cores by default. One fewer leaves the
   * lab and its window a core of their own. The numbers that come out are the same. 1 or more.
   */
  readonly threads?: number;
  /** Files beside the database for the metrics of every training run; a run's own settings may ask for them too. */
  readonly metricFiles?: MetricFileChoice;
}

export interface EvaluationSummary {
  readonly success: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly episodes: number;
}

type Checkpoint = CheckpointRow & { readonly bytes: Uint8Array };

/** Tells the episodes of one training run apart: seeds of 32 bits alone meet twice in a long run. */
const identityOf = ({ seed, trainedSteps }: Pick<EpisodeRow, 'seed' | 'trainedSteps'>): string =>
  `${seed}/${trainedSteps}`;

class Stopped extends Error {
  override name = 'Stopped';
}

export class Lab {
  readonly store: Store;
  readonly events = new EventHub();
  readonly device: DeviceChoice;
  readonly #metricFiles: MetricFileChoice;
  readonly log: Logger;
  readonly #active = new Map<number, Active>();
  readonly #queue: { readonly id: number; readonly begin: () => void }[] = [];
  /** Ends that could not be written down. */
  readonly #unwritten = new Map<number, { readonly status: RunStatus; readonly error: string | null }>();
  #running = 0;
  readonly #cores: Cores;
  readonly #heartbeat: NodeJS.Timeout;
  #closed = false;
  /** An evaluation of reward models goes on. */
  #evaluating = false;
  readonly #scores: EpisodeScores;
  #viewed: { readonly key: string; readonly model: TaskModel } | undefined;
  readonly #closing = new AbortController();
  readonly #beforeClose: (() => void)[] = [];

  /** @throws RangeError on an impossible number of threads; StoreBusyError, StoreReadOnlyError, StoreForeignError, StoreMissingError */
  constructor(options: LabOptions) {
    const cores = availableParallelism();
    this.#cores = new Cores(options.threads ?? cores, cores);
    this.store = openStore(options.project, {
      mode: options.mode ?? 'write',
      create: options.create ?? true,
    });
    this.device = options.device ?? 'auto';
    this.#metricFiles = options.metricFiles ?? {};
    this.log = openLog(this.store.directory, this.store.readOnly);
    this.#scores = new EpisodeScores(this.store);
    this.log.info({ project: this.store.directory, ...versions() }, 'opened');
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    this.#heartbeat.unref();
    if (!this.store.readOnly) this.onClose(measureOldEpisodes(this));
  }

  /** Stops every run cleanly (each is saved as paused), then closes the database. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#closing.abort();
    for (const work of this.#beforeClose) work();
    const ends = [...this.#active].map(([id, active]) => {
      this.stop(id);
      return active.finished;
    });
    await Promise.allSettled(ends);
    clearInterval(this.#heartbeat);
    this.#scores.close();
    this.events.close();
    this.store.close();
    this.log.info('closed');
  }

  #beat(): void {
    if (this.store.readOnly) return;
    try {
      for (const [id, active] of this.#active) {
        if (active.worker !== undefined) this.store.runs.update(id, { heartbeatAt: Date.now() });
      }
    } catch (error) {
      // A full disk ends the run at its next episode, with a word; a sign of life is not worth more than a line.
      this.log.warn({ err: error }, 'no sign of life could be written');
    }
  }

  // Runs

  runs(): Run[] {
    return this.store.runs.list().map((row) => this.#runOf(row));
  }

  /** @throws RangeError when there is no such run. */
  run(id: number): Run {
    return this.#runOf(this.store.runs.get(id));
  }

  /** The newest evaluation of a run; null when it has none. */
  evaluationOf(id: number): EvaluationSummary | null {
    const summary = this.#successOf(id, 'evaluation');
    return summary.episodes === 0 ? null : summary;
  }

  #runOf(row: RunRow): Run {
    const active = this.#active.get(row.id);
    const ending = this.#unwritten.get(row.id) ?? row;
    const steps = (row.config['algorithmSettings'] as Record<string, number> | undefined)?.['steps'];
    const rest = active ?? {
      phase: '',
      done: row.status === 'done' ? 1 : 0,
      total: row.kind === 'train' ? (steps ?? 1) : 1,
      unit: row.kind === 'train' ? 'steps' : 'episodes',
      stepsPerSecond: null,
      etaSeconds: null,
      deviceReason: null,
    };
    const done =
      active !== undefined || row.kind !== 'train'
        ? rest.done
        : (this.store.checkpoints.list(row.id).at(-1)?.step ?? 0);
    return {
      id: row.id,
      kind: row.kind,
      name: row.name,
      task: row.task,
      algorithm: row.algorithm,
      seed: row.seed,
      status: ending.status,
      phase: rest.phase,
      done,
      total: rest.total,
      unit: rest.unit,
      stepsPerSecond: rest.stepsPerSecond,
      etaSeconds: rest.etaSeconds,
      createdAt: row.createdAt,
      endedAt: row.endedAt,
      device: row.device,
      deviceReason: rest.deviceReason,
      rewardHash: row.rewardHash,
      episodes: row.episodes,
      evaluation: this.evaluationOf(row.id),
      error: ending.error,
      alerts: this.store.alerts.of(row.id),
      tags: [...row.tags],
      note: row.note,
      ...(groupOf(row) === undefined ? {} : { group: groupOf(row)! }),
    };
  }

  /** Tags and notes of runs; every window hears of it. @throws RangeError, StoreReadOnlyError */
  markRuns(marks: readonly RunMark[]): ReturnType<typeof markRuns> {
    const marked = markRuns(this.store, marks);
    for (const { id } of marked) this.#changed(id);
    return marked;
  }

  #changed(id: number): void {
    this.events.emit({ type: 'run', run: this.run(id) });
  }

  /** Queues a training run; with `baseline` in its settings, a second one on the sparse reward beside it.
   * @throws UsageError with every problem of the recipe. */
  start(recipe: Recipe, seed: number): { readonly id: number; readonly baseline: number | null } {
    const experiment = resolveExperiment(recipe);
    for (const line of learnedLines(experiment)) this.#checkModel(line, experiment.task);
    // Written down first, so that the newest run of a project is the one that was asked for.
    const baseline =
      experiment.experiment['baseline'] === true
        ? this.#newTrainRun({ experiment: sparseBaseline(experiment), seed, marks: {} }, 'queued')
        : null;
    const id = this.#newTrainRun({ experiment, seed, marks: {} }, 'queued');
    if (baseline !== null)
      this.store.lineage.link({ from: `run:${id}`, to: `run:${baseline}`, role: 'baseline' });
    this.#enqueue(id);
    if (baseline !== null) this.#enqueue(baseline);
    return { id, baseline };
  }

  /** Queues a training run for each seed, marked as one group; with `baseline` in the recipe's settings also a group of runs
   * on the sparse reward. @throws UsageError with every problem of the recipe. */
  startGroup(recipe: Recipe, seeds: readonly number[]): StartedGroup {
    const experiment = resolveExperiment(recipe);
    for (const line of learnedLines(experiment)) this.#checkModel(line, experiment.task);
    const started = this.store.transaction(() => {
      const write = (what: Experiment) => {
        const group = { id: nextGroupId(this.store, 'g'), name: what.name };
        const runs = seeds.map((seed) =>
          this.#newTrainRun({ experiment: what, seed, marks: { group } }, 'queued'),
        );
        return { group, runs };
      };
      const baseline = experiment.experiment['baseline'] === true ? write(sparseBaseline(experiment)) : null;
      return { ...write(experiment), baseline };
    });
    for (const [i, id] of started.runs.entries()) {
      this.#enqueue(id);
      const beside = started.baseline?.runs[i];
      if (beside === undefined) continue;
      this.store.lineage.link({ from: `run:${id}`, to: `run:${beside}`, role: 'baseline' });
      this.#enqueue(beside);
    }
    return started;
  }

  /** Writes down training runs for `advance`, all or none. Returns their ids. */
  prepare(planned: readonly PlannedRun[]): number[] {
    return this.store.transaction(() => planned.map((one) => this.#newTrainRun(one, 'paused')));
  }

  /** Trains a prepared run to a rung and scores it there: metrics `search/...` at the step it has come to. */
  advance(id: number, rung: Rung): void {
    if (this.#active.has(id)) throw new UsageError([`run ${id} is running already`]);
    this.store.runs.update(id, { status: 'queued', error: null, endedAt: null });
    this.#enqueue(id, rung);
  }

  /** The run on the sparse reward that was started beside this one; null when there is none. */
  baselineOf(id: number): number | null {
    const me = `run:${id}`;
    const edge = this.store.lineage.around(me).find((e) => e.from === me && e.role === 'baseline');
    return edge === undefined ? null : idOf(edge.to);
  }

  /** The reward models of a training run, by line of its reward stack. */
  modelsOf(runId: number): Map<number, ModelRow> {
    const me = `run:${runId}`;
    const found = new Map<number, ModelRow>();
    for (const { from, to, role } of this.store.lineage.around(me)) {
      if (to !== me || !role.startsWith('reward/')) continue;
      found.set(Number(role.slice('reward/'.length)), this.store.models.get(idOf(from)));
    }
    return found;
  }

  /** The reward models behind what a run pays: its own, else those of the run that it evaluates. */
  modelsBehind({ id, config }: RunRow): Map<number, ModelRow> {
    const own = this.modelsOf(id);
    const evaluated = config['evaluatedRun'] as number | undefined;
    return own.size > 0 || evaluated === undefined ? own : this.modelsOf(evaluated);
  }

  /** Says of a stored episode that it is there. */
  tellEpisode(id: number): void {
    const episode = this.episode(id);
    this.events.emit({ type: 'episode', episode });
    this.#changed(episode.runId);
  }

  /** Called before the project is closed, while everything can still be written. */
  onClose(work: () => void): void {
    this.#beforeClose.push(work);
  }

  #newTrainRun({ experiment, seed, marks }: PlannedRun, status: RunStatus): number {
    return this.store.runs.create({
      kind: 'train',
      name: experiment.name,
      task: experiment.task,
      algorithm: experiment.algorithm,
      seed,
      status,
      config: { ...experiment, ...marks },
      versions: versions(),
    });
  }

  #checkModel(line: StackLine, task: string): void {
    if (line.model === null) return;
    const model = this.store.models.list().find((row) => row.id === line.model);
    if (model === undefined)
      throw new UsageError([`reward ${line.reward}: there is no model ${line.model} in this project`]);
    if (model.method !== line.reward || model.task !== task) {
      throw new UsageError([
        `reward ${line.reward}: model ${model.id} is a ${model.method} model of ${model.task}, wanted ${line.reward} of ${task}`,
      ]);
    }
  }

  /** Asks a run to stop; it is saved as paused. False when it is not running here. */
  stop(id: number): boolean {
    const active = this.#active.get(id);
    if (active === undefined) return false;
    active.stopping = true;
    active.phase = 'stopping';
    active.worker?.postMessage({ type: 'stop' } satisfies ControlMessage);
    this.log.info({ run: id }, 'stopping');
    const queued = this.#queue.findIndex((entry) => entry.id === id);
    if (queued >= 0) {
      // It begins only to end at once, and gives back the place that it takes here.
      this.#running++;
      this.#queue.splice(queued, 1)[0]!.begin();
    }
    this.#changed(id);
    return true;
  }

  /**
   * Gives a line of a running training run's reward stack another weight, at the next chance; kept with the run, so that a
   * resumed one has it at the same step. @throws UsageError where the run is not training here, or has no such line.
   */
  reweigh(id: number, line: number, weight: number): void {
    const { config, kind } = this.find(id);
    const active = this.#active.get(id);
    if (kind !== 'train' || active?.phase !== 'training' || active.worker === undefined)
      throw new UsageError([`run ${id} is not training here; only then can its weights be changed`]);
    const lines = (config as unknown as Experiment).reward;
    if (!Number.isInteger(line) || line < 0 || line >= lines.length)
      throw new UsageError([`run ${id}: line ${line} of its reward stack, wanted 0 to ${lines.length - 1}`]);
    if (!(Math.abs(weight) <= 1000))
      throw new UsageError([`run ${id}: weight ${weight}, wanted a number from -1000 to 1000`]);
    active.worker.postMessage({ type: 'reweigh', line, weight } satisfies ControlMessage);
  }

  /** The worlds of a run while it trains, or why there are none to look at. @throws UsageError when there is no such run. */
  live(id: number): LiveRun | string {
    const { kind, status } = this.find(id);
    const active = this.#active.get(id);
    if (kind !== 'train') return `run ${id} is a ${kind} run; only training runs have worlds that go on`;
    if (active?.live !== undefined) return active.live;
    if (active === undefined) return `run ${id} is ${status}; its worlds are shown while it trains`;
    return `run ${id} is ${active.phase}; its worlds are shown while it trains`;
  }

  /** Goes on with a paused, crashed, failed or queued run. @throws UsageError when there is nothing to go on with. */
  resume(id: number): void {
    const row = this.find(id);
    // `running` and not active: a step of another run that is.
    if (this.#active.has(id) || row.status === 'running')
      throw new UsageError([`run ${id} is running already`]);
    if (row.status === 'done') throw new UsageError([`run ${id} is done; there is nothing left to resume`]);
    if (trialOf(row) !== undefined) {
      const search = groupOf(row)!.id;
      throw new UsageError([`run ${id} is a trial of search ${search}; go on with: lab resume ${search}`]);
    }
    this.store.runs.update(id, { status: 'queued', error: null, endedAt: null });
    this.#enqueue(id);
  }

  /** Resolves when the run has ended in whatever way. */
  async finished(id: number): Promise<Run> {
    await this.#active.get(id)?.finished;
    return this.run(id);
  }

  /** @throws UsageError when there is no such run. */
  find(id: number): RunRow {
    const row = this.store.runs.list().find((run) => run.id === id);
    if (row === undefined) throw new UsageError([`there is no run ${id} in this project`]);
    return row;
  }

  // The queue: as many runs at once as there are cores

  #enqueue(id: number, rung?: Rung): void {
    this.#unwritten.delete(id);
    const active: Active = {
      phase: 'waiting',
      done: 0,
      total: 1,
      unit: 'steps',
      stepsPerSecond: null,
      etaSeconds: null,
      deviceReason: null,
      stopping: false,
      worker: undefined,
      finished: Promise.resolve('queued'),
      live: undefined,
      rung,
    };
    this.#active.set(id, active);
    const turn = new Promise<void>((begin) => this.#queue.push({ id, begin }));
    active.finished = turn.then(() => this.#conduct(id, active));
    this.#changed(id);
    this.#next();
  }

  /** Runs that wait, the next one first. */
  get queue(): QueueInfo {
    return { waiting: this.#queue.map(({ id }) => id), most: this.#cores.threads };
  }

  /** A waiting run to a place in the queue, 0: the next. @throws UsageError when it does not wait. */
  moveInQueue(id: number, to: number): QueueInfo {
    const from = this.#queue.findIndex((entry) => entry.id === id);
    if (from < 0)
      throw new UsageError([`run ${this.find(id).id} does not wait; only runs that wait can be moved`]);
    const [entry] = this.#queue.splice(from, 1);
    this.#queue.splice(Math.min(to, this.#queue.length), 0, entry!);
    for (const waiting of this.#queue) this.#changed(waiting.id);
    return this.queue;
  }

  #next(): void {
    while (this.#running < this.#cores.threads && this.#queue.length > 0) {
      this.#running++;
      this.#queue.shift()!.begin();
    }
    this.#cores.shareAmong(this.#running);
  }

  /** Runs the work and writes down how it ended. Never rejects. */
  async #conduct(id: number, active: Active): Promise<RunStatus> {
    let status: RunStatus = 'done';
    let error: string | null = null;
    try {
      if (active.stopping) throw new Stopped();
      this.store.runs.update(id, { status: 'running', heartbeatAt: Date.now() });
      const { kind, name, seed } = this.store.runs.get(id);
      this.log.info({ run: id, kind, name, seed }, 'run began');
      await this.#work(id, kind, active);
    } catch (cause) {
      if (cause instanceof Stopped || active.stopping) status = 'paused';
      else {
        status = 'failed';
        error = messageOf(cause);
        this.log.error({ run: id, err: cause }, 'run failed');
      }
    }
    active.worker = undefined;
    this.log.info({ run: id, status }, 'run ended');
    try {
      this.store.runs.update(id, { status, error, endedAt: Date.now() });
    } catch (cause) {
      // Nothing can be written any more; the next opening finds the run `running` and marks it as crashed.
      this.#unwritten.set(id, { status, error: error ?? messageOf(cause) });
      this.log.error({ run: id, err: cause }, 'the end of the run could not be written down');
    }
    this.#active.delete(id);
    this.#running = Math.max(0, this.#running - 1);
    this.#changed(id);
    if (!this.#closed) this.#next();
    return status;
  }

  /** Does what the run's row says, as far as that is not done yet. */
  async #work(id: number, kind: RunRow['kind'], active: Active): Promise<void> {
    switch (kind) {
      case 'collect':
        active.phase = 'collecting';
        return this.#collectInto(id, active, id);
      case 'fit':
        active.phase = `fitting ${String(this.store.runs.get(id).config['method'])}`;
        await this.#fitInto(id, active, id);
        return;
      case 'train':
        return this.#train(id, active);
      case 'evaluate':
        return this.#evaluateRun(id, active);
    }
  }

  // One job in one thread

  /** Stores what a run sent. Its threads have one core fewer meanwhile, which they need not miss while the disk is waited for. */
  #aside(work: () => void): void {
    this.#cores.aside(() => this.store.intoLog(work));
  }

  #job<R extends JobResult>(
    owner: number,
    active: Active,
    job: Job,
    save: Partial<JobSink> = {},
  ): Promise<R> {
    if (active.stopping) return Promise.reject(new Stopped());
    const started = performance.now();
    let firstDone: number | null = null;
    active.stepsPerSecond = active.etaSeconds = null;
    active.done = 0;
    // Beside the source in a checkout, beside the bundle in an installed app.
    const file = import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js';
    const worker = new Worker(new URL(file, import.meta.url), { workerData: job, name: job.type });
    active.worker = worker;
    const unwrap = unwrapper();
    // Not at once: as long as messages keep coming, Node hands over up to a thousand of them in one turn of its loop, and
    // neither a window nor Ctrl-C would get a turn until the thread is done.
    const acknowledge = (): void => {
      setImmediate(() => worker.postMessage({ type: 'ack' } satisfies ControlMessage));
    };
    return new Promise<R>((resolve, reject) => {
      const end = (settle: () => void): void => {
        if (active.worker === worker) active.worker = undefined;
        settle();
      };
      worker.on('message', (message: WorkerMessage) => {
        try {
          switch (message.type) {
            case 'device':
              this.log.info({ run: owner, device: message.name, reason: message.reason }, 'device');
              active.deviceReason = message.reason;
              save.device?.(message.name, message.reason);
              this.#changed(owner);
              break;
            case 'progress': {
              firstDone ??= message.done;
              const seconds = (performance.now() - started) / 1000;
              const speed = (message.done - firstDone) / Math.max(seconds, 1e-3);
              active.done = message.done;
              active.total = message.total;
              active.unit = message.unit;
              active.stepsPerSecond = speed > 0 ? speed : null;
              // The last batch may go past the total.
              active.etaSeconds = speed > 0 ? Math.max(0, message.total - message.done) / speed : null;
              this.#changed(owner);
              break;
            }
            case 'records':
              this.#aside(() => {
                if (message.episodes.length > 0) save.episodes?.(message.episodes.map(unwrap));
                if (message.metrics.length > 0) save.metrics?.(message.metrics);
              });
              letGo(message.episodes);
              acknowledge();
              break;
            case 'checkpoint':
              this.#aside(() => save.checkpoint?.(message.step, message.bytes, message.journal));
              acknowledge();
              break;
            case 'reweighed':
              save.reweighed?.(message);
              break;
            case 'alert':
              this.#alert(owner, message.level, message.message, message.step);
              break;
            case 'done':
              end(() => (message.stopped ? reject(new Stopped()) : resolve(message.result as R)));
              break;
            case 'failed':
              end(() => {
                if (active.stopping) return reject(new Stopped());
                reject(Object.assign(new Error(message.message), { stack: message.stack }));
              });
              break;
          }
        } catch (error) {
          // The disk is full, the database went away: stop the thread, keep what is stored.
          void worker.terminate();
          end(() => reject(error));
        }
      });
      worker.on('error', (error) => end(() => reject(error)));
      worker.on('exit', (code) =>
        end(() =>
          reject(
            new Error(
              `The worker thread for "${job.type}" died (exit code ${code}); what it had saved is kept: lab resume ${owner}`,
            ),
          ),
        ),
      );
    });
  }

  #alert(run: number, level: Alert['level'], message: string, step?: number): void {
    // A resumed run goes through the steps after its checkpoint again, and says again what it had said there.
    const isKnown = (alert: Alert): boolean => alert.step === step && alert.message === message;
    if (step !== undefined && this.store.alerts.of(run).some(isKnown)) return;
    this.log.warn({ run, step }, message);
    const alert = { level, message, at: Date.now(), ...(step === undefined ? {} : { step }) };
    this.store.alerts.add(run, alert);
    this.#changed(run);
  }

  /** Stores finished episodes, labels with the demonstrations. */
  #keep(runId: number, episodes: readonly Omit<NewEpisode, 'runId'>[], stored?: ReadonlySet<string>): void {
    const fresh = episodes
      .filter((episode) => stored?.has(identityOf(episode)) !== true)
      .map((episode) => ({ ...episode, runId }));
    if (fresh.length === 0) return;
    const isLabelled = ({ kind }: NewEpisode): boolean => kind === 'demonstration' || kind === 'failure';
    const ids = fresh.some(isLabelled)
      ? this.store.transaction(() => {
          const stages = taskModelOf(this.store.runs.get(runId)).stages.length;
          const added = this.store.episodes.addAll(fresh);
          for (const [i, episode] of fresh.entries()) {
            if (isLabelled(episode)) this.#label(added[i]!, episode, stages);
          }
          return added;
        })
      : this.store.episodes.addAll(fresh);
    this.events.emit({ type: 'episode', episode: this.episode(ids.at(-1)!) });
  }

  #label(id: number, episode: NewEpisode, stages: number): void {
    const column = (name: string) => episode.columns.find((other) => other.name === name)!.data;
    const spans = spansFromStages(column('trueStage'));
    this.store.labels.set(id, 'simulator', 'sparse', spans);
    this.store.labels.set(id, 'simulator', 'dense', halvedSpans(spans, column('trueProgress'), stages));
  }

  // The chain

  async #train(id: number, active: Active): Promise<void> {
    const row = this.store.runs.get(id);
    const experiment = row.config as unknown as Experiment;
    const model = taskModelOf(row);

    // 1. demonstrations and reward models, where the stack needs them
    const models: Record<number, Uint8Array> = {};
    const hashes: string[] = [];
    let first: ModelRow | undefined;
    for (const [index, line] of experiment.reward.entries()) {
      if (rewardNamed(line.reward)!.kind !== 'learned') continue;
      const model = await this.#modelFor(id, active, experiment, index, line, row.seed);
      models[index] = this.store.models.bytes(model.id);
      hashes.push(model.hash);
      first ??= model;
    }
    const rewardHash = stackHash(
      experiment.reward,
      experiment.task,
      experiment.taskVersion,
      experiment.taskSettings,
      experiment.algorithmSettings['gamma'] as number,
      hashes,
    );
    this.store.runs.update(id, { rewardHash });
    const algorithm: Algorithm = algorithmNamed(experiment.algorithm)!;
    const demonstrations =
      algorithm.demonstrations === true
        ? await this.#trajectories(
            await this.#demonstrationsFor(id, active, experiment, row.seed),
            active,
            algorithm.wantsProgress?.(experiment.algorithmSettings) === true ? first : undefined,
          )
        : [];

    // 2. the agent
    const steps = Math.min(experiment.algorithmSettings['steps'] as number, active.rung?.until ?? Infinity);
    const begun = this.#newestSound(id, (newest) => {
      const found = this.store.checkpoints.get(newest);
      // Only who goes on needs the journal.
      return { ...found, journal: found.step < steps ? this.store.checkpoints.journal(newest) : [] };
    });
    let checkpoint: Checkpoint | undefined = begun;
    if (checkpoint === undefined || checkpoint.step < steps) {
      active.phase = 'training';
      // Before anything that lies after it is given up.
      if (checkpoint !== undefined) openCheckpoint(checkpoint.bytes, experiment, 'resume');
      this.store.checkpoints.forgetJournalAfter(id, checkpoint?.id ?? null);
      // A resumed run plays the episodes after its checkpoint again; those that were stored already stay as they are.
      const stored = new Set(
        this.store.episodes.list({ runId: id, kind: 'training', limit: 1_000_000 }).items.map(identityOf),
      );
      // What an earlier life measured after the checkpoint is replaced once this one has measured something: until then
      // a checkpoint that does not fit has cost nothing.
      const from = checkpoint?.step ?? -1;
      let writeFiles: ((step: number, values: Readonly<Record<string, number>>) => void) | undefined;
      const measured = (metrics: readonly MetricPoint[]): void => {
        if (writeFiles === undefined) {
          this.store.metrics.truncateAfter(id, from);
          writeFiles = this.#openMetricFiles(row, experiment, from);
        }
        this.store.metrics.addAll(id, metrics);
        for (const { step, values } of metrics) writeFiles(step, values);
        this.events.emit({ type: 'metrics', runId: id, step: metrics.at(-1)!.step });
      };
      const count = experiment.algorithmSettings['worlds'] as number;
      const sides = experiment.selfPlay === undefined ? undefined : sidesOf(model);
      const learns = sides === undefined ? [] : shownGames(sides, count).map(({ side }) => sides[side].id);
      const worlds = sides === undefined ? count : learns.length;
      // Sides are paid by the rules of the game, and scored by no model.
      const learned = sides === undefined ? learnedLines(experiment).map(({ reward }) => reward) : [];
      const reader = new FeedReader(openFeed(model.stateDim, learned.length, worlds));
      active.live = { model, worlds, learned, learns, reader };
      await this.#job<TrainResult>(
        id,
        active,
        {
          type: 'train',
          experiment,
          seed: row.seed,
          models,
          rewardHash,
          checkpoint: checkpoint?.bytes ?? null,
          journal: begun?.journal ?? [],
          demonstrations,
          weightChanges: this.store.weightChanges.of(id),
          device: this.device,
          storedDevice: row.device,
          threads: this.#cores.threads,
          budget: this.#cores.budget,
          live: reader.feed,
          until: steps,
        },
        {
          device: (name) => this.store.runs.update(id, { device: name }),
          metrics: measured,
          episodes: (episodes) => this.#keep(id, episodes, stored),
          checkpoint: (step, bytes, journal) => {
            this.store.checkpoints.add(id, step, bytes, journal);
            this.store.checkpoints.prune(id, 3);
          },
          reweighed: ({ step, line, weight }) => {
            this.store.weightChanges.add(id, { step, line, weight, at: Date.now() });
            const name = experiment.reward[line]!.reward;
            this.#alert(id, 'info', `The weight of ${name} is ${weight} from here on`, step);
          },
        },
      );
      active.live = undefined;
      reader.close();
      checkpoint = this.#soundCheckpoint(id);
    }
    if (checkpoint === undefined) throw new Error(`Run ${id}: training ended without a checkpoint`);

    // 3. the final evaluation, on seeds that no training episode has; of a trial, on those of its search alone
    active.phase = 'evaluating';
    if (active.rung !== undefined) {
      return this.#scoreTrial(id, active, active.rung, { experiment, models, rewardHash, checkpoint });
    }
    await this.#evaluateInto(id, active, {
      experiment,
      models,
      rewardHash,
      checkpoint,
      episodes: experiment.experiment['evaluationEpisodes'] as number,
      pairedSeed: 0,
      run: id,
    });
  }

  /** Plays the starts of a search without storing the episodes: the reported evaluation must not be tuned on. */
  async #scoreTrial(
    id: number,
    active: Active,
    rung: Rung,
    what: {
      readonly experiment: Experiment;
      readonly models: ModelBytes;
      readonly rewardHash: string;
      readonly checkpoint: Checkpoint;
    },
  ): Promise<void> {
    const { checkpoint, ...rest } = what;
    const sum = { success: 0, return: 0, progress: 0 };
    const { episodes } = await this.#job<CollectResult>(
      id,
      active,
      {
        type: 'evaluate',
        ...rest,
        checkpoint: checkpoint.bytes,
        trainedSteps: checkpoint.step,
        seeds: rung.starts,
      },
      {
        episodes: (played) => {
          for (const { success, returnTotal, finalProgress } of played) {
            sum.success += Number(success);
            sum.return += returnTotal;
            sum.progress += finalProgress;
          }
        },
      },
    );
    this.store.metrics.add(id, checkpoint.step, {
      'search/rung': rung.index,
      'search/success': sum.success / episodes,
      'search/return': sum.return / episodes,
      'search/progress': sum.progress / episodes,
    });
  }

  /**
   * Writes metrics to the files that were asked for. What cannot be written is given up with a word: the database has it
   * all.
   */
  #openMetricFiles(
    { id, name, seed }: RunRow,
    experiment: Experiment,
    from: number,
  ): (step: number, values: Readonly<Record<string, number>>) => void {
    const wanted = (kind: 'tensorboard' | 'jsonl'): string | true | undefined =>
      this.#metricFiles[kind] ?? (experiment.experiment[kind] === true ? true : undefined);
    const [tensorboard, jsonl] = [wanted('tensorboard'), wanted('jsonl')];
    if (tensorboard === undefined && jsonl === undefined) return () => undefined;
    let files: MetricFiles | undefined;
    const attempt = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        files = undefined;
        this.#alert(
          id,
          'warning',
          `No more metric files (${messageOf(error)}); the database has all metrics: lab metrics ${id}`,
        );
      }
    };
    attempt(() => {
      files = new MetricFiles({
        project: this.store.directory,
        run: id,
        name,
        seed,
        from,
        settings: { seed, ...experiment },
        ...(tensorboard === undefined ? {} : { tensorboard }),
        ...(jsonl === undefined ? {} : { jsonl }),
      });
    });
    return (step, values) => attempt(() => files?.write(step, values));
  }

  /** The newest checkpoint that `open` can read whole: the ones before it are kept for this. */
  #newestSound<T>(runId: number, open: (id: number) => T): T | undefined {
    for (const { id } of this.store.checkpoints.list(runId).reverse()) {
      try {
        return open(id);
      } catch (error) {
        this.#alert(runId, 'warning', `${messageOf(error)}; went on without it`);
      }
    }
    return undefined;
  }

  #soundCheckpoint(runId: number): Checkpoint | undefined {
    return this.#newestSound(runId, (id) => this.store.checkpoints.get(id));
  }

  async #evaluateInto(
    target: number,
    active: Active,
    what: {
      experiment: Experiment;
      models: Record<number, Uint8Array>;
      rewardHash: string;
      checkpoint: Checkpoint;
      episodes: number;
      /** Runs are compared on the same starts: not the run's own seed. */
      pairedSeed: number;
      run: number;
    },
  ): Promise<void> {
    const { experiment, models, rewardHash, checkpoint } = what;
    // Written down first: a checkpoint that lineage names is not pruned while a stopped evaluation waits for it.
    this.store.lineage.link({ from: `run:${what.run}`, to: `checkpoint:${checkpoint.id}`, role: 'trained' });
    this.store.lineage.link({
      from: `checkpoint:${checkpoint.id}`,
      to: `episodes:${target}`,
      role: 'evaluated',
    });
    const have = new Set(
      this.store.episodes
        .list({ runId: target, kind: 'evaluation', limit: 1_000_000 })
        .items.map((e) => e.seed),
    );
    const seeds = Array.from({ length: what.episodes }, (_, i) =>
      episodeSeed('evaluation', what.pairedSeed, i),
    );
    const missing = seeds.filter((seed) => !have.has(seed));
    if (missing.length > 0) {
      await this.#job<CollectResult>(
        target,
        active,
        {
          type: 'evaluate',
          experiment,
          models,
          rewardHash,
          checkpoint: checkpoint.bytes,
          trainedSteps: checkpoint.step,
          seeds: missing,
        },
        { episodes: (episodes) => this.#keep(target, episodes) },
      );
    }
  }

  /** The reward model of one line of the stack: named in the recipe, fitted before a crash, or fitted now. */
  async #modelFor(
    id: number,
    active: Active,
    experiment: Experiment,
    index: number,
    line: StackLine,
    seed: number,
  ): Promise<ModelRow> {
    const role = `reward/${index}`;
    const me = `run:${id}`;
    if (line.model !== null) {
      this.store.lineage.link({ from: `model:${line.model}`, to: me, role });
      return this.store.models.get(line.model);
    }
    const incoming = () => this.store.lineage.around(me).filter((edge) => edge.to === me);
    const fitted = incoming().find((edge) => edge.role === role);
    if (fitted !== undefined) return this.store.models.get(idOf(fitted.from));

    const collectId = await this.#demonstrationsFor(id, active, experiment, seed);

    active.phase = `fitting ${line.reward}`;
    const fit = { method: line.reward, settings: line.settings, from: collectId, seed };
    const fitId =
      this.#begunFit(fit) ?? this.#newFitRun({ ...fit, name: `${experiment.name}: ${line.reward}` });
    const model =
      this.store.runs.get(fitId).status === 'done'
        ? this.modelOf(fitId)!
        : await this.#child(fitId, active, () => this.#fitInto(id, active, fitId));
    this.store.lineage.link({ from: `model:${model.id}`, to: me, role });
    return model;
  }

  /** The collect run with the demonstrations of a training run; one that was interrupted is completed, not made again. */
  async #demonstrationsFor(
    id: number,
    active: Active,
    experiment: Experiment,
    seed: number,
  ): Promise<number> {
    const me = `run:${id}`;
    const begun = this.store.lineage
      .around(me)
      .find((edge) => edge.to === me && edge.role === 'demonstrations');
    const collectId =
      begun !== undefined
        ? idOf(begun.from)
        : this.#newCollectRun({
            task: experiment.task,
            taskVersion: experiment.taskVersion,
            taskSettings: experiment.taskSettings,
            seed,
            policy: 'expert',
            noise: experiment.experiment['demonstrationNoise'] as number,
            episodes: experiment.experiment['demonstrations'] as number,
            failures: experiment.experiment['failures'] as number,
            name: `${experiment.name}: demonstrations`,
          });
    this.store.lineage.link({ from: `episodes:${collectId}`, to: me, role: 'demonstrations' });
    if (this.store.runs.get(collectId).status !== 'done') {
      active.phase = 'collecting demonstrations';
      await this.#child(collectId, active, () => this.#collectInto(id, active, collectId));
    }
    return collectId;
  }

  /** The demonstrations of a collect run as what was seen and done, with the progress that a model sees in them. */
  async #trajectories(collectId: number, active: Active, model: ModelRow | undefined): Promise<Trajectory[]> {
    const pause = pace();
    const found: Trajectory[] = [];
    for (const id of this.store.episodes.ids({ runId: collectId, kind: 'demonstration' })) {
      const trajectory = trajectoryOf(this.store, id);
      const progress = model && this.#score(id, model, (senses) => demonstrationOf(this.store, id, senses));
      found.push(progress === undefined ? trajectory : { ...trajectory, progress });
      await pause();
      if (active.stopping) throw new Stopped();
    }
    return found;
  }

  /** A run that is a step of another: its end is written down in its own row. */
  async #child<T>(childId: number, active: Active, work: () => Promise<T>): Promise<T> {
    // Somebody resumed it by itself: from here on it is this run's.
    if (this.stop(childId)) await this.finished(childId);
    this.store.runs.update(childId, {
      status: 'running',
      heartbeatAt: Date.now(),
      error: null,
      endedAt: null,
    });
    try {
      const result = await work();
      this.store.runs.update(childId, { status: 'done', endedAt: Date.now() });
      return result;
    } catch (error) {
      const stopped = error instanceof Stopped || active.stopping;
      this.store.runs.update(childId, {
        status: stopped ? 'paused' : 'failed',
        error: stopped ? null : messageOf(error),
        endedAt: Date.now(),
      });
      throw error;
    } finally {
      this.#changed(childId);
    }
  }

  #newCollectRun(what: CollectSettings): number {
    const { name, seed, ...config } = what;
    return this.store.runs.create({
      kind: 'collect',
      name,
      task: what.task,
      algorithm: null,
      seed,
      config,
      versions: versions(),
    });
  }

  async #collectInto(owner: number, active: Active, collectId: number): Promise<void> {
    const row = this.store.runs.get(collectId);
    taskModelOf(row);
    const config = row.config as unknown as CollectSettings;
    const have = new Set(
      this.store.episodes.list({ runId: collectId, limit: 1_000_000 }).items.map((e) => e.seed),
    );
    const policies = [
      {
        policy: this.#collectPolicy(config, row.task),
        purpose: typeof config.policy === 'number' ? 'evaluation' : 'demonstration',
        count: config.episodes,
      },
      { policy: { kind: 'wandering' }, purpose: 'failure', count: config.failures },
    ] as const;
    for (const { policy, purpose, count } of policies) {
      const seeds = Array.from({ length: count }, (_, i) => episodeSeed(purpose, row.seed, i)).filter(
        (seed) => !have.has(seed),
      );
      if (seeds.length === 0) continue;
      await this.#job<CollectResult>(
        owner,
        active,
        { type: 'collect', task: row.task, taskSettings: config.taskSettings, policy, seeds },
        { episodes: (episodes) => this.#keep(collectId, episodes) },
      );
    }
    if (typeof config.policy === 'number') {
      this.store.lineage.link({
        from: `checkpoint:${config.policy}`,
        to: `episodes:${collectId}`,
        role: 'collected',
      });
    }
  }

  /** What a collect run has recorded by its policy; failures beside demonstrations do not count. */
  collected(id: number): EvaluationSummary {
    const { policy } = this.store.runs.get(id).config as unknown as CollectSettings;
    const kind = policy === 'expert' ? 'demonstration' : policy === 'random' ? 'random' : 'evaluation';
    return this.#successOf(id, kind);
  }

  #successOf(runId: number, kind: EpisodeRow['kind']): EvaluationSummary {
    const all = this.store.episodes.list({ runId, kind, limit: 1 }).total;
    const won = this.store.episodes.list({ runId, kind, success: true, limit: 1 }).total;
    return { success: all === 0 ? 0 : won / all, interval: wilsonInterval(won, all), episodes: all };
  }

  #collectPolicy(config: CollectSettings, task: string): CollectJob['policy'] {
    if (config.policy === 'expert') return { kind: 'expert', noise: config.noise };
    if (config.policy === 'random') return { kind: 'random' };
    const checkpoint = this.#checkpoint(config.policy);
    const run = this.store.runs.get(checkpoint.runId);
    if (run.task !== task) {
      throw new UsageError([
        `checkpoint ${config.policy} is a policy for ${run.task}, wanted one for ${task}`,
      ]);
    }
    return {
      kind: 'policy',
      algorithm: run.algorithm!,
      bytes: openCheckpoint(checkpoint.bytes, {
        task,
        taskVersion: run.config['taskVersion'] as number,
        algorithm: run.algorithm!,
      }).learner,
      trainedSteps: checkpoint.step,
    };
  }

  #checkpoint(id: number): Checkpoint {
    try {
      return this.store.checkpoints.get(id);
    } catch (error) {
      if (error instanceof RangeError)
        throw new UsageError([
          `there is no checkpoint ${id} in this project; \`lab runs\` shows the newest ones`,
        ]);
      throw error;
    }
  }

  /** The newest checkpoint of a training run. @throws UsageError when it has none. */
  newestCheckpoint(runId: number): Checkpoint {
    const { kind } = this.find(runId);
    const checkpoint = kind === 'train' ? this.#soundCheckpoint(runId) : undefined;
    if (checkpoint !== undefined) return checkpoint;
    throw new UsageError([
      kind === 'train'
        ? `run ${runId} has no checkpoint that can be used`
        : `run ${runId} is a ${kind} run; only training runs have a policy`,
    ]);
  }

  /** Records episodes in a run of its own, whose id this is. @throws UsageError when the checkpoint is not there. */
  collect(what: CollectSettings): number {
    this.#collectPolicy(what, what.task);
    const id = this.#newCollectRun(what);
    this.#enqueue(id);
    return id;
  }

  #newFitRun(what: FitSettings & { readonly name: string }): number {
    const source = this.store.runs.get(what.from);
    return this.store.runs.create({
      kind: 'fit',
      name: what.name,
      task: source.task,
      algorithm: null,
      seed: what.seed,
      config: {
        method: what.method,
        settings: what.settings,
        demonstrations: what.from,
        taskVersion: source.config['taskVersion'],
        taskSettings: source.config['taskSettings'],
      },
      versions: versions(),
    });
  }

  /** A fit of the same demonstrations with the same settings, whether it ended or was interrupted. */
  #begunFit(what: FitSettings): number | undefined {
    return this.store.runs
      .list()
      .findLast(
        ({ kind, seed, config }) =>
          kind === 'fit' &&
          seed === what.seed &&
          config['demonstrations'] === what.from &&
          config['method'] === what.method &&
          JSON.stringify(config['settings']) === JSON.stringify(what.settings),
      )?.id;
  }

  /** The model that a fit run made, if it came to that. */
  modelOf(fitId: number): ModelRow | undefined {
    return this.store.models.list().find((model) => model.runId === fitId);
  }

  async #fitInto(owner: number, active: Active, fitId: number): Promise<ModelRow> {
    const { demonstrations, method, settings } = this.store.runs.get(fitId).config as unknown as FitConfig;
    const senses = learnedReward(method, `run ${fitId}`).senses?.(settings) ?? ['observation'];
    const ids = [
      // What somebody put into the trash is not learned from.
      ...this.store.episodes.ids({ runId: demonstrations, kind: 'demonstration', trash: 'without' }),
      ...this.store.episodes.ids({ runId: demonstrations, kind: 'failure', trash: 'without' }),
    ];
    const pause = pace();
    const goOn = async (): Promise<void> => {
      await pause();
      if (active.stopping) throw new Stopped();
    };
    const demos: Demonstration[] = [];
    const denseSource = denseSourceOf(this.store, ids);
    for (const id of ids) {
      demos.push(demonstrationOf(this.store, id, senses, denseSource));
      await goOn();
    }
    const model = this.modelOf(fitId) ?? (await this.#fitModel(owner, active, fitId, demos, ids));
    for (const [index, id] of ids.entries()) {
      this.#score(id, model, (wanted) =>
        // A model in use may need less than it was fitted on.
        String(wanted) === String(senses) ? demos[index]! : demonstrationOf(this.store, id, wanted),
      );
      await goOn();
    }
    this.events.emit({ type: 'model', modelId: model.id, runId: fitId });
    return model;
  }

  /** [T + 1, stateDim] */
  #statesOf(episodeId: number): Float64Array {
    const row = this.store.episodes.get(episodeId);
    const columns = this.store.episodes.columns(episodeId, ['action', 'keyframe', 'stateHash']);
    return replay(taskModelOf(this.store.runs.get(row.runId)), row, columns).states;
  }

  async #fitModel(
    owner: number,
    active: Active,
    fitId: number,
    demonstrations: readonly Demonstration[],
    episodeIds: readonly number[],
  ): Promise<ModelRow> {
    const row = this.store.runs.get(fitId);
    const config = row.config as unknown as FitConfig;
    const { method, settings, taskSettings } = config;
    const endpoint = endpointOf(this.store.directory);
    const fitted = await this.#job<FitResult>(
      owner,
      active,
      {
        type: 'fit',
        method,
        settings,
        task: row.task,
        taskSettings,
        demonstrations,
        states:
          learnedReward(method, `run ${fitId}`).counterfactuals === true
            ? episodeIds.map((id) => this.#statesOf(id))
            : null,
        endpoint:
          endpoint === undefined ? null : { settings: endpoint, cache: cacheOf(this.store.directory) },
        seed: episodeSeed('fit', row.seed, 0),
        device: this.device,
        threads: this.#cores.threads,
        budget: this.#cores.budget,
      },
      {
        device: (name) => this.store.runs.update(fitId, { device: name }),
        metrics: (metrics) => {
          this.store.metrics.addAll(fitId, metrics);
          this.events.emit({ type: 'metrics', runId: fitId, step: metrics.at(-1)!.step });
        },
      },
    );
    return this.store.transaction(() => {
      const added = this.store.models.add({
        runId: fitId,
        method,
        task: row.task,
        settings,
        metrics: fitted.metrics,
        bytes: fitted.bytes,
      });
      this.store.lineage.link({
        from: `episodes:${config.demonstrations}`,
        to: `model:${added.id}`,
        role: 'demonstrations',
      });
      this.store.lineage.link({ from: `run:${fitId}`, to: `model:${added.id}`, role: 'fitted' });
      return added;
    });
  }

  /** Fits a reward model on the demonstrations of a collect run, in a run whose id this is.
   * @throws UsageError when it has none. */
  fit(what: FitSettings): number {
    const source = this.find(what.from);
    if (this.store.episodes.ids({ runId: what.from, kind: 'demonstration', trash: 'without' }).length === 0) {
      throw new UsageError([
        `run ${what.from} has no demonstrations; make some with: lab collect --task ${source.task}`,
      ]);
    }
    const id = this.#newFitRun({ ...what, name: `${what.method} on ${source.name}` });
    this.#enqueue(id);
    return id;
  }

  /** Evaluates the newest checkpoint of a training run, in a run whose id this is. @throws UsageError when it has none. */
  evaluate(runId: number, episodes: number, seed: number): number {
    const checkpoint = this.newestCheckpoint(runId);
    const row = this.store.runs.get(runId);
    taskModelOf(row);
    const id = this.store.runs.create({
      kind: 'evaluate',
      name: `evaluation of ${row.name}`,
      task: row.task,
      algorithm: row.algorithm,
      seed,
      rewardHash: row.rewardHash,
      config: { ...row.config, evaluatedRun: runId, checkpoint: checkpoint.id, episodes },
      versions: versions(),
    });
    this.#enqueue(id);
    return id;
  }

  async #evaluateRun(id: number, active: Active): Promise<void> {
    const row = this.store.runs.get(id);
    const config = row.config as unknown as Experiment & {
      readonly evaluatedRun: number;
      readonly checkpoint: number;
      readonly episodes: number;
    };
    active.phase = 'evaluating';
    const models: Record<number, Uint8Array> = {};
    for (const [line, model] of this.modelsOf(config.evaluatedRun)) {
      models[line] = this.store.models.bytes(model.id);
    }
    await this.#evaluateInto(id, active, {
      experiment: config,
      models,
      rewardHash: row.rewardHash ?? '',
      checkpoint: this.store.checkpoints.get(config.checkpoint),
      episodes: config.episodes,
      pairedSeed: row.seed,
      run: config.evaluatedRun,
    });
  }

  // Episodes and models

  #names = new Map<number, string>();
  #episodeOf(row: EpisodeRow): Episode {
    let runName = this.#names.get(row.runId);
    if (runName === undefined) {
      runName = this.store.runs.get(row.runId).name;
      this.#names.set(row.runId, runName);
    }
    const { checksum: _checksum, jerk, learnedProgress, ...rest } = row;
    const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
    return {
      ...rest,
      runName,
      returns: { ...row.returns },
      tags: [...row.tags],
      jerk: orNull(jerk),
      learnedProgress: orNull(learnedProgress),
    };
  }

  episode(id: number): Episode {
    return this.#episodeOf(this.store.episodes.get(id));
  }

  /** @throws UsageError on a filter that says nothing, or a reward term that no episode has. */
  episodes(query: Parameters<Store['episodes']['list']>[0]): { total: number; items: Episode[] } {
    try {
      const { total, items } = this.store.episodes.list(query);
      return { total, items: items.map((row) => this.#episodeOf(row)) };
    } catch (error) {
      if (error instanceof RangeError) throw new UsageError([error.message]);
      throw error;
    }
  }

  /** What people say about episodes. @throws UsageError in a project that is open for reading only; RangeError on an episode that is not there, or a tag that is none. */
  markEpisodes(ids: readonly number[], marks: EpisodeMarks): void {
    if (this.store.readOnly) {
      throw new UsageError(['This project is open for reading only: nothing can be marked in it']);
    }
    this.store.episodes.mark(ids, marks);
  }

  models(): Model[] {
    return this.store.models.list().map((row) => {
      const from = this.store.runs.get(row.runId).config['demonstrations'] as number;
      return {
        id: row.id,
        runId: row.runId,
        method: row.method,
        task: row.task,
        hash: row.hash,
        createdAt: row.createdAt,
        metrics: { ...row.metrics },
        demonstrations: this.store.episodes.ids({ runId: from, kind: 'demonstration' }).length,
        seed: this.store.runs.get(row.runId).seed,
        family: hash64(new TextEncoder().encode(familyOfModel(this.store, row))),
      };
    });
  }

  /** Any models on an episode (lab/score.ts). */
  scoreEpisode(
    { id, models, extras }: { readonly id: number; readonly models: readonly ScorerRef[]; extras: boolean },
    signal?: AbortSignal,
  ): ReturnType<EpisodeScores['score']> {
    return this.#scores.score(id, models, extras, {
      signal: this.#until(signal),
      onProgress: (done, total) => this.events.emit({ type: 'scoring', episode: id, done, total }),
    });
  }

  /** The moments at which models differ most (lab/score.ts). */
  disagree(ask: DisagreementAsk, signal?: AbortSignal): ReturnType<EpisodeScores['disagree']> {
    return this.#scores.disagree(ask, {
      signal: this.#until(signal),
      onProgress: (done, total) => this.events.emit({ type: 'disagreement', task: ask.task, done, total }),
    });
  }

  /** Aborted by the caller, or with the lab. */
  #until(signal: AbortSignal | undefined): AbortSignal {
    return AbortSignal.any([this.#closing.signal, ...(signal === undefined ? [] : [signal])]);
  }

  /**
   * Judges reward models of a task in a thread of its own; what is found of stored ones is kept for their cards. Progress goes out
   * as events. @throws UsageError on names that name nothing, settings that are wrong, or while another evaluation goes on.
   */
  async evaluateRewards(ask: EvaluationAsk, signal?: AbortSignal): Promise<RewardEvaluation> {
    const request = evaluationRequest(this.store, ask);
    if (this.#evaluating) throw new UsageError(['eval-reward: another evaluation goes on; stop it, or wait']);
    this.#evaluating = true;
    const stop = this.#until(signal);
    try {
      return await runRewardEvaluation(request, {
        signal: stop,
        threads: this.#cores.threads,
        project: this.store.directory,
        onScore: ({ episode, hash, perStep }) => {
          if (!this.store.readOnly) this.store.scores.put(episode, hash, perStep);
        },
        onProgress: (part, done, total) =>
          this.events.emit({ type: 'evaluation', task: ask.task, part, done, total }),
      });
    } finally {
      this.#evaluating = false;
    }
  }

  /** Learned progress of a stored episode, from the cache or computed now (and cached where the project is writable). */
  #score(
    episodeId: number,
    model: ModelRow,
    frames: (senses: readonly SenseId[]) => { readonly frames: Float64Array; readonly length: number },
  ): Float32Array {
    const cached = this.store.scores.get(episodeId, model.hash);
    if (cached !== undefined) return cached;
    const loaded = learnedReward(model.method, `model ${model.id}`).load(this.store.models.bytes(model.id));
    const { frames: seen, length } = frames(loaded.senses);
    const { perStep } = loaded.score(seen, length);
    if (!this.store.readOnly) this.store.scores.put(episodeId, model.hash, perStep);
    return perStep;
  }

  /** Everything a window needs to show an episode. @throws RangeError when there is none, or its task is gone. */
  openEpisode(id: number): OpenedEpisode {
    const row = this.store.episodes.get(id);
    const run = this.store.runs.get(row.runId);
    const model = this.#viewedTask(run);
    const columns = this.store.episodes.columns(id);
    const { states } = replay(model, row, columns);
    const arrays = splitStill('poses', posesOf(model, states), 7 * model.bodies.length);
    const colours = coloursOf(model, states);
    if (colours !== null) arrays['colours'] = colours;
    const contact = contactColumn(model, states, Float64Array.from(columns.get('action')!.data));
    if (contact !== null) arrays['contact'] = contact;
    for (const [name, column] of columns) {
      if (name === 'keyframe' || name === 'stateHash' || name === 'history') continue;
      arrays[name === 'action' ? 'actions' : name] = column.data;
    }
    const terms = [...columns.keys()].flatMap((name) => /^reward\/(.+)\/raw$/.exec(name)?.[1] ?? []);
    const learned: OpenedEpisode['learned'] = [...columns.keys()]
      .filter((name) => name.startsWith('learned/'))
      .map((key) => ({ key, title: key.slice('learned/'.length), modelHash: this.#modelHash(run) }));
    // An episode that was recorded without a learned reward is scored by the newest model of its task.
    const newest = this.store.models
      .list()
      .filter((m) => m.task === row.task)
      .at(-1);
    if (learned.length === 0 && newest !== undefined) {
      const key = `learned/${newest.method}`;
      arrays[key] = this.#score(id, newest, (senses) => ({
        frames: framesOf(model, senses, states),
        length: row.length,
      }));
      learned.push({ key, title: `${newest.method} (model ${newest.id})`, modelHash: newest.hash });
    }
    return {
      episode: this.#episodeOf(row),
      bodies: model.bodies.map((body) => structuredClone(body)) as OpenedEpisode['bodies'],
      stages: model.stages.map((stage) => ({ ...stage })),
      controlDt: model.controlDt,
      terms,
      learned,
      discount: addAdvantage(arrays, row, run.config),
      data: pack(arrays),
    };
  }

  /** What the stage draws of an episode beside its bodies. @throws RangeError as `openEpisode`. */
  stageDetails(id: number): StageDetailsInfo {
    const row = this.store.episodes.get(id);
    const model = this.#viewedTask(this.store.runs.get(row.runId));
    const columns = this.store.episodes.columns(id, ['action', 'keyframe', 'stateHash']);
    const actions = Float64Array.from(columns.get('action')!.data);
    return stageDetails(model, replay(model, row, columns).states, actions);
  }

  /** The task of an episode that is shown; that of the one before where it is the same: making one takes longer than many a picture. */
  #viewedTask(run: RunRow): TaskModel {
    const { taskVersion, taskSettings } = run.config;
    const key = JSON.stringify([run.task, taskVersion, taskSettings]);
    if (this.#viewed?.key !== key) this.#viewed = { key, model: taskModelOf(run) };
    return this.#viewed.model;
  }

  /** Of the model that gave a run's learned progress; an evaluation has that of the run it evaluates. */
  #modelHash(run: RunRow): string {
    const [model] = this.modelsBehind(run).values();
    return model?.hash ?? '';
  }

  /** Where things came from: every node and edge that hangs together with this one. */
  lineage(node: string): {
    nodes: {
      key: string;
      kind: 'run' | 'model' | 'episodes' | 'checkpoint';
      title: string;
      id: number | null;
    }[];
    edges: { from: string; to: string; role: string }[];
  } {
    // Single episodes have a lineage of their own (lab/episode-lineage.ts); here they would be in the way.
    const edges = this.store.lineage
      .around(node)
      .filter(({ from, to }) => !from.startsWith('episode:') && !to.startsWith('episode:'))
      .map((edge) => ({ ...edge }));
    const keys = new Set([node, ...edges.flatMap((edge) => [edge.from, edge.to])]);
    const nodes = [...keys].map((key) => {
      const [kind, text] = key.split(':') as ['run' | 'model' | 'episodes' | 'checkpoint', string];
      const id = Number(text);
      const title =
        kind === 'run'
          ? `run ${id}: ${this.store.runs.get(id).name}`
          : kind === 'model'
            ? `model ${id}: ${this.store.models.get(id).method}`
            : kind === 'episodes'
              ? `${this.store.episodes.list({ runId: id, limit: 1 }).total} episodes of run ${id}`
              : `checkpoint ${id}`;
      return { key, kind, title, id };
    });
    return { nodes, edges };
  }

  /** Replays one stored episode from seed and actions and compares every state hash; damaged bytes replay to nothing. */
  verify(id: number): { ok: boolean; driftStep: number | null; message: string } {
    const row = this.store.episodes.get(id);
    const model = taskModelOf(this.store.runs.get(row.runId));
    let outcome: Omit<Replay, 'states'>;
    try {
      outcome = replay(model, row, this.store.episodes.columns(id, ['action', 'keyframe', 'stateHash']));
    } catch (error) {
      outcome = { ok: false, driftStep: null, message: messageOf(error) };
    }
    const { ok, driftStep, message } = outcome;
    try {
      if (!this.store.readOnly) this.store.episodes.setVerified(id, ok);
    } catch (error) {
      // A full disk says nothing about the episode.
      this.log.warn({ episode: id, err: error }, 'the outcome of a replay could not be written down');
    }
    return { ok, driftStep, message };
  }

  /** The last states of a diverged episode. @throws UsageError when it ended otherwise, or was stored without them. */
  history(id: number): StateHistory {
    const row = this.store.episodes.get(id);
    if (row.ending !== 'diverged') {
      throw new UsageError([
        `Episode ${id} ended as ${row.ending}; only a diverged one keeps its last states beside its actions`,
      ]);
    }
    const model = taskModelOf(this.store.runs.get(row.runId));
    const data = this.store.episodes.columns(id).get('history')?.data as Float64Array | undefined;
    if (data === undefined) {
      throw new UsageError([`Episode ${id} was stored without its last states; verify ${id} replays it`]);
    }
    const rows = Array.from({ length: data.length / model.stateDim }, (_, t) =>
      data.slice(t * model.stateDim, (t + 1) * model.stateDim),
    );
    return historyOf(model, rows, row.length);
  }

  /** The sample project: a short real run of a recipe that comes with the lab. */
  sample(): number {
    return this.start(loadRecipe('sample'), 0).id;
  }
}

/** The number in a lineage node: `run:3` -> 3. */
const idOf = (node: string): number => Number(node.slice(node.indexOf(':') + 1));

export interface FitSettings {
  readonly method: string;
  readonly settings: StackLine['settings'];
  /** The collect run with the demonstrations. */
  readonly from: number;
  readonly seed: number;
}

/** What a fit run's row keeps. */
interface FitConfig {
  readonly method: string;
  readonly settings: StackLine['settings'];
  readonly demonstrations: number;
  readonly taskSettings: StackLine['settings'];
}

export interface CollectSettings {
  readonly name: string;
  readonly task: string;
  readonly taskVersion: number;
  readonly taskSettings: StackLine['settings'];
  readonly seed: number;
  /** A number is the id of a checkpoint. */
  readonly policy: 'expert' | 'random' | number;
  readonly noise: number;
  readonly episodes: number;
  /** Failures recorded beside them, labelled like demonstrations. */
  readonly failures: number;
}

/**
 * Gives back the memory of episodes that are stored. Left to the engine it counts as much as the whole heap, all of which is
 * then marked again every second that a run trains.
 */
function letGo(parcels: readonly Parcel[]): void {
  for (const { buffer } of parcels) buffer.transfer(0);
}

interface JobSink {
  device(name: string, reason: string): void;
  metrics(metrics: readonly MetricPoint[]): void;
  episodes(episodes: readonly Omit<NewEpisode, 'runId'>[]): void;
  checkpoint(step: number, bytes: Uint8Array, journal?: JournalPiece): void;
  reweighed(change: { readonly step: number; readonly line: number; readonly weight: number }): void;
}
