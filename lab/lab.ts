/**
 * The lab: one open project, its runs and its worker threads. The conductor of an experiment is `#train`:
 * demonstrations -> reward model -> agent -> evaluation; every step of it is found again in the database after a crash,
 * so that `resume` goes on where the last one ended.
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { rewards } from '../learn/rewards/index.ts';
import { spansFromStages } from '../learn/rewards/labels.ts';
import { stackHash } from '../learn/rewards/stack.ts';
import type { Demonstration, RewardMethod } from '../learn/rewards/types.ts';
import type { DeviceChoice } from '../learn/tensor/device.ts';
import { openStore } from '../store/index.ts';
import type { EpisodeRow, ModelRow, NewEpisode, RunRow, RunStatus, Store } from '../store/types.ts';
import type { Episode, Model, OpenedEpisode, Recipe, Run } from './api.ts';
import { loadRecipe } from './catalog.ts';
import { openCheckpoint } from './checkpoint.ts';
import { messageOf, UsageError } from './errors.ts';
import { EventHub } from './events.ts';
import {
  type Experiment,
  learnedLines,
  resolveExperiment,
  type StackLine,
  sparseBaseline,
} from './experiment.ts';
import type {
  CollectJob,
  CollectResult,
  ControlMessage,
  FitResult,
  Job,
  JobResult,
  TrainResult,
  WorkerMessage,
} from './jobs.ts';
import { type Logger, openLog } from './log.ts';
import { type PackedArray, pack } from './pack.ts';
import { demonstrationOf, observationsOf, posesOf, replay, taskModelOf } from './replay.ts';
import { episodeSeed } from './seeds.ts';
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
  stopping: boolean;
  worker: Worker | undefined;
  finished: Promise<RunStatus>;
}

export interface LabOptions {
  readonly project: string;
  /** `read` never writes and works beside a writer. */
  readonly mode?: 'write' | 'read';
  readonly device?: DeviceChoice;
}

export interface EvaluationSummary {
  readonly success: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly episodes: number;
}

class Stopped extends Error {
  override name = 'Stopped';
}

export class Lab {
  readonly store: Store;
  readonly events = new EventHub();
  readonly device: DeviceChoice;
  readonly log: Logger;
  readonly #active = new Map<number, Active>();
  readonly #queue: { readonly id: number; readonly begin: () => void }[] = [];
  #running = 0;
  readonly #heartbeat: NodeJS.Timeout;
  #closed = false;

  /** @throws StoreBusyError, StoreReadOnlyError, StoreForeignError */
  constructor(options: LabOptions) {
    this.store = openStore(options.project, { mode: options.mode ?? 'write' });
    this.device = options.device ?? 'auto';
    this.log = openLog(this.store.directory, this.store.readOnly);
    this.log.info({ project: this.store.directory, ...versions() }, 'opened');
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    this.#heartbeat.unref();
  }

  /** Stops every run cleanly (each is saved as paused), then closes the database. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const ends = [...this.#active].map(([id, active]) => {
      this.stop(id);
      return active.finished;
    });
    await Promise.allSettled(ends);
    clearInterval(this.#heartbeat);
    this.events.close();
    this.store.close();
  }

  #beat(): void {
    if (this.store.readOnly) return;
    for (const [id, active] of this.#active) {
      if (active.worker !== undefined) this.store.runs.update(id, { heartbeatAt: Date.now() });
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
    const total = this.store.episodes.list({ runId: id, kind: 'evaluation', limit: 1 }).total;
    if (total === 0) return null;
    const won = this.store.episodes.list({ runId: id, kind: 'evaluation', success: true, limit: 1 }).total;
    return { success: won / total, interval: wilsonInterval(won, total), episodes: total };
  }

  #runOf(row: RunRow): Run {
    const active = this.#active.get(row.id);
    const steps = (row.config['algorithmSettings'] as Record<string, number> | undefined)?.['steps'];
    const rest = active ?? {
      phase: '',
      done: row.status === 'done' ? 1 : 0,
      total: row.kind === 'train' ? (steps ?? 1) : 1,
      unit: row.kind === 'train' ? 'steps' : 'episodes',
      stepsPerSecond: null,
      etaSeconds: null,
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
      status: row.status,
      phase: rest.phase,
      done,
      total: rest.total,
      unit: rest.unit,
      stepsPerSecond: rest.stepsPerSecond,
      etaSeconds: rest.etaSeconds,
      createdAt: row.createdAt,
      endedAt: row.endedAt,
      device: row.device,
      rewardHash: row.rewardHash,
      episodes: row.episodes,
      evaluation: this.evaluationOf(row.id),
      error: row.error,
      alerts: this.store.alerts.of(row.id),
    };
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
      experiment.experiment['baseline'] === true ? this.#newTrainRun(sparseBaseline(experiment), seed) : null;
    const id = this.#newTrainRun(experiment, seed);
    if (baseline !== null)
      this.store.lineage.link({ from: `run:${id}`, to: `run:${baseline}`, role: 'baseline' });
    this.#enqueue(id, () => this.#train(id));
    if (baseline !== null) this.#enqueue(baseline, () => this.#train(baseline));
    return { id, baseline };
  }

  #newTrainRun(experiment: Experiment, seed: number): number {
    return this.store.runs.create({
      kind: 'train',
      name: experiment.name,
      task: experiment.task,
      algorithm: experiment.algorithm,
      seed,
      status: 'queued',
      config: { ...experiment },
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
    const queued = this.#queue.findIndex((entry) => entry.id === id);
    if (queued >= 0) this.#queue.splice(queued, 1)[0]!.begin();
    this.#changed(id);
    return true;
  }

  /** Goes on with a paused, crashed, failed or queued run. @throws UsageError when there is nothing to go on with. */
  resume(id: number): void {
    const row = this.#find(id);
    if (row.kind !== 'train') {
      throw new UsageError([`run ${id} is a ${row.kind} run; only training runs are resumed`]);
    }
    if (this.#active.has(id)) throw new UsageError([`run ${id} is running already`]);
    if (row.status === 'done') throw new UsageError([`run ${id} is done; there is nothing left to resume`]);
    this.store.runs.update(id, { status: 'queued', error: null, endedAt: null });
    this.#enqueue(id, () => this.#train(id));
  }

  /** Resolves when the run has ended in whatever way. */
  async finished(id: number): Promise<Run> {
    await this.#active.get(id)?.finished;
    return this.run(id);
  }

  #find(id: number): RunRow {
    const row = this.store.runs.list().find((run) => run.id === id);
    if (row === undefined) throw new UsageError([`there is no run ${id} in this project`]);
    return row;
  }

  // The queue: as many runs at once as there are cores

  #enqueue(id: number, work: () => Promise<void>): void {
    const active: Active = {
      phase: 'waiting',
      done: 0,
      total: 1,
      unit: 'steps',
      stepsPerSecond: null,
      etaSeconds: null,
      stopping: false,
      worker: undefined,
      finished: Promise.resolve('queued'),
    };
    this.#active.set(id, active);
    const turn = new Promise<void>((begin) => this.#queue.push({ id, begin }));
    active.finished = turn.then(() => this.#conduct(id, active, work));
    this.#changed(id);
    this.#next();
  }

  #next(): void {
    while (this.#running < availableParallelism() && this.#queue.length > 0) {
      this.#running++;
      this.#queue.shift()!.begin();
    }
  }

  /** Runs the work and writes down how it ended. Never rejects. */
  async #conduct(id: number, active: Active, work: () => Promise<void>): Promise<RunStatus> {
    let status: RunStatus = 'done';
    let error: string | null = null;
    try {
      if (active.stopping) throw new Stopped();
      this.store.runs.update(id, { status: 'running', heartbeatAt: Date.now() });
      await work();
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
    this.store.runs.update(id, { status, error, endedAt: Date.now() });
    this.#active.delete(id);
    this.#running = Math.max(0, this.#running - 1);
    this.#changed(id);
    if (!this.#closed) this.#next();
    return status;
  }

  // One job in one thread

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
    return new Promise<R>((resolve, reject) => {
      const end = (settle: () => void): void => {
        if (active.worker === worker) active.worker = undefined;
        settle();
      };
      worker.on('message', (message: WorkerMessage) => {
        try {
          switch (message.type) {
            case 'device':
              save.device?.(message.name, message.reason);
              break;
            case 'progress': {
              firstDone ??= message.done;
              const seconds = (performance.now() - started) / 1000;
              const speed = (message.done - firstDone) / Math.max(seconds, 1e-3);
              active.done = message.done;
              active.total = message.total;
              active.unit = message.unit;
              active.stepsPerSecond = speed > 0 ? speed : null;
              active.etaSeconds = speed > 0 ? (message.total - message.done) / speed : null;
              this.#changed(owner);
              break;
            }
            case 'metrics':
              save.metrics?.(message.step, message.values);
              break;
            case 'episodes':
              save.episodes?.(message.episodes);
              worker.postMessage({ type: 'ack' } satisfies ControlMessage);
              break;
            case 'checkpoint':
              save.checkpoint?.(message.step, message.bytes);
              worker.postMessage({ type: 'ack' } satisfies ControlMessage);
              break;
            case 'alert':
              this.log.warn({ run: owner, step: message.step }, message.message);
              this.store.alerts.add(owner, {
                level: message.level,
                message: message.message,
                at: Date.now(),
                ...(message.step === undefined ? {} : { step: message.step }),
              });
              this.#changed(owner);
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
          reject(new Error(`The worker thread for "${job.type}" ended without a result (code ${code})`)),
        ),
      );
    });
  }

  /** Stores finished episodes: one transaction each, labels with the demonstrations. */
  #keep(
    runId: number,
    episodes: readonly Omit<NewEpisode, 'runId'>[],
    skipSeeds?: ReadonlySet<number>,
  ): void {
    let newest: number | undefined;
    for (const episode of episodes) {
      if (skipSeeds?.has(episode.seed) === true) continue;
      newest = this.store.transaction(() => {
        const id = this.store.episodes.add({ ...episode, runId });
        if (episode.kind === 'demonstration' || episode.kind === 'failure') {
          const stages = episode.columns.find((column) => column.name === 'trueStage')!.data;
          this.store.labels.set(id, 'simulator', 'sparse', spansFromStages(stages));
        }
        return id;
      });
    }
    if (newest !== undefined) this.events.emit({ type: 'episode', episode: this.episode(newest) });
  }

  // The chain

  async #train(id: number): Promise<void> {
    const row = this.store.runs.get(id);
    const active = this.#active.get(id)!;
    const experiment = row.config as unknown as Experiment;
    taskModelOf(row);

    // 1. demonstrations and reward models, where the stack needs them
    const models: Record<number, Uint8Array> = {};
    const hashes: string[] = [];
    for (const [index, line] of experiment.reward.entries()) {
      if ((rewards as Readonly<Record<string, RewardMethod>>)[line.reward]!.kind !== 'learned') continue;
      const model = await this.#modelFor(id, active, experiment, index, line, row.seed);
      models[index] = this.store.models.bytes(model.id);
      hashes.push(model.hash);
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

    // 2. the agent
    const steps = experiment.algorithmSettings['steps'] as number;
    let checkpoint = this.store.checkpoints.latest(id);
    if (checkpoint === undefined || checkpoint.step < steps) {
      active.phase = 'training';
      // A resumed run plays the episodes after its checkpoint again; those that were stored already stay as they are.
      const stored = new Set(
        this.store.episodes.list({ runId: id, kind: 'training', limit: 1_000_000 }).items.map((e) => e.seed),
      );
      this.store.metrics.truncateAfter(id, checkpoint?.step ?? -1);
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
          device: this.device,
        },
        {
          device: (name) => this.store.runs.update(id, { device: name }),
          metrics: (step, values) => {
            this.store.metrics.add(id, step, values);
            this.events.emit({ type: 'metrics', runId: id, step });
          },
          episodes: (episodes) => this.#keep(id, episodes, stored),
          checkpoint: (step, bytes) => {
            this.store.checkpoints.add(id, step, bytes);
            this.store.checkpoints.prune(id, 3);
          },
        },
      );
      checkpoint = this.store.checkpoints.latest(id);
    }
    if (checkpoint === undefined) throw new Error(`Run ${id}: training ended without a checkpoint`);

    // 3. the final evaluation, on seeds that no training episode has
    active.phase = 'evaluating';
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

  async #evaluateInto(
    target: number,
    active: Active,
    what: {
      experiment: Experiment;
      models: Record<number, Uint8Array>;
      rewardHash: string;
      checkpoint: { readonly id: number; readonly step: number; readonly bytes: Uint8Array };
      episodes: number;
      pairedSeed: number;
      run: number;
    },
  ): Promise<void> {
    const { experiment, models, rewardHash, checkpoint } = what;
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
    this.store.lineage.link({ from: `run:${what.run}`, to: `checkpoint:${checkpoint.id}`, role: 'trained' });
    this.store.lineage.link({
      from: `checkpoint:${checkpoint.id}`,
      to: `episodes:${target}`,
      role: 'evaluated',
    });
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
    if (fitted !== undefined) return this.store.models.get(Number(fitted.from.split(':')[1]));

    // Demonstrations: those of a run that was interrupted are completed, not made again.
    const begun = incoming().find((edge) => edge.role === 'demonstrations');
    const collectId =
      begun !== undefined
        ? Number(begun.from.split(':')[1])
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
    active.phase = 'collecting demonstrations';
    await this.#child(collectId, active, () => this.#collectInto(id, active, collectId));

    active.phase = `fitting ${line.reward}`;
    const model = await this.#fitRun(id, active, {
      method: line.reward,
      settings: line.settings,
      from: collectId,
      seed,
      name: `${experiment.name}: ${line.reward}`,
    });
    this.store.lineage.link({ from: `model:${model.id}`, to: me, role });
    return model;
  }

  /** A run that is a step of another: its end is written down in its own row. */
  async #child<T>(childId: number, active: Active, work: () => Promise<T>): Promise<T> {
    this.store.runs.update(childId, { status: 'running', heartbeatAt: Date.now(), error: null });
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

  async #collectInto(owner: number, active: Active, collectId: number): Promise<CollectResult> {
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
    // The share of the asked-for policy; failures beside demonstrations do not count.
    const kind =
      config.policy === 'expert' ? 'demonstration' : config.policy === 'random' ? 'random' : 'evaluation';
    const all = this.store.episodes.list({ runId: collectId, kind, limit: 1 }).total;
    const won = this.store.episodes.list({ runId: collectId, kind, success: true, limit: 1 }).total;
    return { episodes: all, success: all === 0 ? 0 : won / all, interval: wilsonInterval(won, all) };
  }

  #collectPolicy(config: CollectSettings, task: string): CollectJob['policy'] {
    if (config.policy === 'expert') return { kind: 'expert', noise: config.noise };
    if (config.policy === 'random') return { kind: 'random' };
    const checkpoint = this.store.checkpoints.get(config.policy);
    const run = this.store.runs.get(checkpoint.runId);
    if (run.task !== task) {
      throw new UsageError([
        `checkpoint ${config.policy} is a policy for ${run.task}, wanted one for ${task}`,
      ]);
    }
    return {
      kind: 'policy',
      algorithm: run.algorithm!,
      bytes: openCheckpoint(checkpoint.bytes).learner,
      trainedSteps: checkpoint.step,
    };
  }

  hasCheckpoint(id: number): boolean {
    try {
      this.store.checkpoints.get(id);
      return true;
    } catch {
      return false;
    }
  }

  /** Records episodes; resolves when they are stored. */
  collect(what: CollectSettings): { readonly id: number; readonly result: Promise<CollectResult> } {
    if (typeof what.policy === 'number') this.#collectPolicy(what, what.task);
    const id = this.#newCollectRun(what);
    let result: CollectResult | undefined;
    this.#enqueue(id, async () => {
      const active = this.#active.get(id)!;
      active.phase = 'collecting';
      result = await this.#collectInto(id, active, id);
      if (typeof what.policy === 'number') {
        this.store.lineage.link({
          from: `checkpoint:${what.policy}`,
          to: `episodes:${id}`,
          role: 'collected',
        });
      }
    });
    return { id, result: this.#resultOf(id, () => result) };
  }

  async #resultOf<T>(id: number, read: () => T | undefined): Promise<T> {
    const run = await this.finished(id);
    const result = read();
    if (result !== undefined) return result;
    throw new Error(run.error ?? `run ${id} was stopped`);
  }

  async #fitRun(
    owner: number,
    active: Active,
    what: { method: string; settings: StackLine['settings']; from: number; seed: number; name: string },
  ): Promise<ModelRow> {
    const source = this.store.runs.get(what.from);
    const fitId = this.store.runs.create({
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
    return this.#child(fitId, active, () => this.#fitInto(owner, active, fitId));
  }

  async #fitInto(owner: number, active: Active, fitId: number): Promise<ModelRow> {
    const row = this.store.runs.get(fitId);
    const { method, settings, demonstrations } = row.config as unknown as {
      method: string;
      settings: StackLine['settings'];
      demonstrations: number;
    };
    const ids = [
      ...this.store.episodes.ids({ runId: demonstrations, kind: 'demonstration' }),
      ...this.store.episodes.ids({ runId: demonstrations, kind: 'failure' }),
    ];
    const demos: Demonstration[] = ids.map((id) => demonstrationOf(this.store, id));
    const fitted = await this.#job<FitResult>(
      owner,
      active,
      {
        type: 'fit',
        method,
        settings,
        task: row.task,
        taskSettings: row.config['taskSettings'] as StackLine['settings'],
        demonstrations: demos,
        seed: episodeSeed('fit', row.seed, 0),
        device: this.device,
      },
      {
        device: (name) => this.store.runs.update(fitId, { device: name }),
        metrics: (step, values) => {
          this.store.metrics.add(fitId, step, values);
          this.events.emit({ type: 'metrics', runId: fitId, step });
        },
      },
    );
    const model = this.store.transaction(() => {
      const added = this.store.models.add({
        runId: fitId,
        method,
        task: row.task,
        settings,
        metrics: fitted.metrics,
        bytes: fitted.bytes,
      });
      this.store.lineage.link({
        from: `episodes:${demonstrations}`,
        to: `model:${added.id}`,
        role: 'demonstrations',
      });
      this.store.lineage.link({ from: `run:${fitId}`, to: `model:${added.id}`, role: 'fitted' });
      return added;
    });
    for (const [index, id] of ids.entries()) {
      this.#score(id, model, { observations: demos[index]!.observations, length: demos[index]!.length });
    }
    this.events.emit({ type: 'model', modelId: model.id, runId: fitId });
    return model;
  }

  /** Fits a reward model on the demonstrations of a collect run. @throws UsageError when it has none. */
  fit(what: { method: string; settings: StackLine['settings']; from: number; seed: number }): {
    readonly id: number;
    readonly result: Promise<ModelRow>;
  } {
    const source = this.#find(what.from);
    if (this.store.episodes.ids({ runId: what.from, kind: 'demonstration' }).length === 0) {
      throw new UsageError([
        `run ${what.from} has no demonstrations; make some with: lab collect --policy expert`,
      ]);
    }
    const id = this.store.runs.create({
      kind: 'fit',
      name: `${what.method} on ${source.name}`,
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
    let model: ModelRow | undefined;
    this.#enqueue(id, async () => {
      const active = this.#active.get(id)!;
      active.phase = `fitting ${what.method}`;
      model = await this.#fitInto(id, active, id);
    });
    return { id, result: this.#resultOf(id, () => model) };
  }

  /** Evaluates the newest checkpoint of a training run in a run of its own. @throws UsageError when it has none. */
  evaluate(
    runId: number,
    episodes: number,
    seed: number,
  ): { readonly id: number; readonly result: Promise<EvaluationSummary> } {
    const row = this.#find(runId);
    const checkpoint = row.kind === 'train' ? this.store.checkpoints.latest(runId) : undefined;
    if (checkpoint === undefined) {
      throw new UsageError([
        row.kind === 'train'
          ? `run ${runId} has no checkpoint yet; nothing to evaluate`
          : `run ${runId} is a ${row.kind} run; only training runs have a policy to evaluate`,
      ]);
    }
    const experiment = row.config as unknown as Experiment;
    taskModelOf(row);
    const id = this.store.runs.create({
      kind: 'evaluate',
      name: `evaluation of ${row.name}`,
      task: row.task,
      algorithm: row.algorithm,
      seed,
      rewardHash: row.rewardHash,
      config: { ...experiment, evaluatedRun: runId, checkpoint: checkpoint.id, episodes },
      versions: versions(),
    });
    this.#enqueue(id, async () => {
      const active = this.#active.get(id)!;
      active.phase = 'evaluating';
      const models: Record<number, Uint8Array> = {};
      for (const edge of this.store.lineage.around(`run:${runId}`)) {
        if (edge.to !== `run:${runId}` || !edge.role.startsWith('reward/')) continue;
        models[Number(edge.role.slice('reward/'.length))] = this.store.models.bytes(
          Number(edge.from.split(':')[1]),
        );
      }
      await this.#evaluateInto(id, active, {
        experiment,
        models,
        rewardHash: row.rewardHash ?? '',
        checkpoint,
        episodes,
        pairedSeed: seed,
        run: runId,
      });
    });
    return {
      id,
      result: this.finished(id).then((run) => {
        const summary = this.evaluationOf(id);
        if (run.status === 'done' && summary !== null) return summary;
        throw new Error(run.error ?? `run ${id} was stopped`);
      }),
    };
  }

  // Episodes and models

  #names = new Map<number, string>();
  #episodeOf(row: EpisodeRow): Episode {
    let runName = this.#names.get(row.runId);
    if (runName === undefined) {
      runName = this.store.runs.get(row.runId).name;
      this.#names.set(row.runId, runName);
    }
    const { checksum: _checksum, ...rest } = row;
    return { ...rest, runName, returns: { ...row.returns } };
  }

  episode(id: number): Episode {
    return this.#episodeOf(this.store.episodes.get(id));
  }

  episodes(query: Parameters<Store['episodes']['list']>[0]): { total: number; items: Episode[] } {
    const { total, items } = this.store.episodes.list(query);
    return { total, items: items.map((row) => this.#episodeOf(row)) };
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
      };
    });
  }

  /** Learned progress of a stored episode, from the cache or computed now (and cached where the project is writable). */
  #score(
    episodeId: number,
    model: ModelRow,
    frames: { observations: Float64Array; length: number },
  ): Float32Array {
    const cached = this.store.scores.get(episodeId, model.hash);
    if (cached !== undefined) return cached;
    const method = (rewards as Readonly<Record<string, RewardMethod>>)[model.method];
    if (method?.kind !== 'learned')
      throw new RangeError(`Model ${model.id}: "${model.method}" is not in this version`);
    const { perStep } = method
      .load(this.store.models.bytes(model.id))
      .score(frames.observations, frames.length);
    if (!this.store.readOnly) this.store.scores.put(episodeId, model.hash, perStep);
    return perStep;
  }

  /** Everything a window needs to show an episode. @throws RangeError when there is none, or its task is gone. */
  openEpisode(id: number): OpenedEpisode {
    const row = this.store.episodes.get(id);
    const run = this.store.runs.get(row.runId);
    const model = taskModelOf(run);
    const columns = this.store.episodes.columns(id);
    const { states } = replay(model, row, columns);
    const arrays: Record<string, PackedArray> = { poses: posesOf(model, states) };
    for (const [name, column] of columns) {
      if (name === 'keyframe' || name === 'stateHash') continue;
      arrays[name === 'action' ? 'actions' : name] = column.data;
    }
    const terms = [...columns.keys()].flatMap((name) => /^reward\/(.+)\/raw$/.exec(name)?.[1] ?? []);
    const learned: OpenedEpisode['learned'] = [...columns.keys()]
      .filter((name) => name.startsWith('learned/'))
      .map((key) => ({ key, title: key.slice('learned/'.length), modelHash: this.#modelHash(row.runId) }));
    // An episode that was recorded without a learned reward is scored by the newest model of its task.
    const newest = this.store.models
      .list()
      .filter((m) => m.task === row.task)
      .at(-1);
    if (learned.length === 0 && newest !== undefined) {
      const key = `learned/${newest.method}`;
      arrays[key] = this.#score(id, newest, {
        observations: observationsOf(model, states),
        length: row.length,
      });
      learned.push({ key, title: `${newest.method} (model ${newest.id})`, modelHash: newest.hash });
    }
    return {
      episode: this.#episodeOf(row),
      bodies: model.bodies.map((body) => structuredClone(body)) as OpenedEpisode['bodies'],
      stages: model.stages.map((stage) => ({ ...stage })),
      controlDt: model.controlDt,
      terms,
      learned,
      data: new Blob([pack(arrays)]),
    };
  }

  #modelHash(runId: number): string {
    const me = `run:${runId}`;
    const edge = this.store.lineage.around(me).find((e) => e.to === me && e.role.startsWith('reward/'));
    return edge === undefined ? '' : this.store.models.get(Number(edge.from.split(':')[1])).hash;
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
    const edges = this.store.lineage.around(node).map((edge) => ({ ...edge }));
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

  /** Replays one stored episode from seed and actions and compares every state hash. */
  verify(id: number): { ok: boolean; driftStep: number | null; message: string } {
    const row = this.store.episodes.get(id);
    const model = taskModelOf(this.store.runs.get(row.runId));
    const { driftStep, message } = replay(
      model,
      row,
      this.store.episodes.columns(id, ['action', 'keyframe', 'stateHash']),
    );
    const ok = driftStep === null;
    if (!this.store.readOnly) this.store.episodes.setVerified(id, ok);
    return { ok, driftStep, message };
  }

  /** The sample project: a short real run of a recipe that comes with the lab. */
  sample(): number {
    return this.start(loadRecipe('sample'), 0).id;
  }
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

interface JobSink {
  device(name: string, reason: string): void;
  metrics(step: number, values: Readonly<Record<string, number>>): void;
  episodes(episodes: readonly Omit<NewEpisode, 'runId'>[]): void;
  checkpoint(step: number, bytes: Uint8Array): void;
}
