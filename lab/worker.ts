/**
 * The thread that computes: collects, fits, trains, evaluates, so that nothing else stalls. It opens no file and no
 * database; what it finds out goes to the lab by message, at most a few unacknowledged at a time.
 */

import { parentPort, type Transferable, workerData } from 'node:worker_threads';
import type { Algorithm, LearnerSetup, Policy } from '../learn/algorithms/types.ts';
import { type MonitorAlert, Monitors } from '../learn/diagnostics/monitors.ts';
import { TermSums, termMetrics } from '../learn/diagnostics/term-sums.ts';
import { sampling } from '../learn/diagnostics/units.ts';
import { openSenses } from '../learn/rewards/senses.ts';
import { createStack, type RewardStack } from '../learn/rewards/stack.ts';
import type { TaskModel } from '../sim/env.ts';
import type { AnySettings } from '../sim/fields.ts';
import type { MetricPoint } from '../store/types.ts';
import { openCheckpoint, packCheckpoint } from './checkpoint.ts';
import { openComputeFor } from './compute.ts';
import { openCounterfactuals } from './counterfactuals.ts';
import { messageOf } from './errors.ts';
import { fitContext } from './fit.ts';
import type {
  CollectJob,
  CollectResult,
  ControlMessage,
  EvaluateJob,
  FitJob,
  FitResult,
  Job,
  JobResult,
  TrainJob,
  TrainResult,
  WorkerMessage,
} from './jobs.ts';
import { FeedWriter } from './live-feed.ts';
import { type Parcel, wrap } from './parcel.ts';
import type { FinishedEpisode } from './recorder.ts';
import { algorithmNamed, learnedReward, taskNamed } from './registry.ts';
import { choicesOf, RewardedEnv } from './rewarded-env.ts';
import { type Actor, type RolloutOptions, runEpisodes } from './rollout.ts';
import { playRounds } from './rounds.ts';
import { episodeSeed } from './seeds.ts';
import { trainSelfPlay } from './self-play-job.ts';
import { stackEntries } from './stack-entries.ts';
import { openWorlds } from './worlds.ts';

/** Messages with data that may wait for the disk before the thread waits too. */
const mostInFlight = 4;
/**
 * Seconds, episodes and bytes after which episodes and metrics are handed over together. Each message costs the lab a
 * transaction, which writes every page of every index that it touches, and takes the time of a core that the networks want;
 * while it stores one, nobody else is heard.
 */
const recordsEvery = 0.5;
const mostEpisodes = 64;
const recordsBytes = 2 ** 21;
/** Seconds between two progress messages. */
const progressEvery = 0.25;

const now = (): number => performance.now() / 1000;

/** The thread's side of the conversation. */
class Link {
  stopped = false;
  readonly #abort = new AbortController();
  #inFlight = 0;
  #wake: (() => void) | undefined;
  #episodes: Parcel[] = [];
  #metrics: MetricPoint[] = [];
  #bytes = 0;
  #lastFlush = Number.NEGATIVE_INFINITY;
  #lastProgress = 0;
  readonly #alerted = new Set<string>();
  #reweighs: { readonly line: number; readonly weight: number }[] = [];

  constructor() {
    parentPort!.on('message', (message: ControlMessage) => {
      if (message.type === 'ack') this.#inFlight--;
      else if (message.type === 'reweigh') this.#reweighs.push(message);
      else {
        this.stopped = true;
        this.#abort.abort();
      }
      this.#wake?.();
    });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** @param handedOver buffers that are not needed here any more and need no copy. */
  send(message: WorkerMessage, handedOver: readonly Transferable[] = []): void {
    parentPort!.postMessage(message, handedOver);
  }

  progress(done: number, total: number, unit: string): void {
    const at = now();
    if (at - this.#lastProgress < progressEvery && done < total) return;
    this.#lastProgress = at;
    this.send({ type: 'progress', done, total, unit });
  }

  /** Once per kind of trouble: the same words are said once. */
  alert(level: 'info' | 'warning' | 'error', message: string, step?: number): void {
    if (this.#alerted.has(message)) return;
    this.#alerted.add(message);
    this.send({ type: 'alert', level, message, ...(step === undefined ? {} : { step }) });
  }

  /** What a monitor found: it says itself when the same is news again. */
  say({ level, message, step }: MonitorAlert): void {
    this.send({ type: 'alert', level, message, step });
  }

  keep(episode: FinishedEpisode): void {
    const parcel = wrap(episode);
    this.#episodes.push(parcel);
    this.#bytes += parcel.buffer.byteLength;
  }

  measure(step: number, values: Readonly<Record<string, number>>): void {
    this.#metrics.push({ step, values });
  }

  checkpoint(step: number, bytes: Uint8Array, journal?: { bytes: Uint8Array; needed: number }): void {
    this.flush();
    this.#inFlight++;
    this.send({ type: 'checkpoint', step, bytes, ...(journal === undefined ? {} : { journal }) });
  }

  /** What was asked for since the last call. */
  takeReweighs(): { readonly line: number; readonly weight: number }[] {
    const asked = this.#reweighs.map(({ line, weight }) => ({ line, weight }));
    this.#reweighs = [];
    return asked;
  }

  /** Hands over what is waiting. */
  flush(): void {
    this.#lastFlush = now();
    if (this.#episodes.length === 0 && this.#metrics.length === 0) return;
    this.#inFlight++;
    const buffers = this.#episodes.map(({ buffer }) => buffer);
    this.send({ type: 'records', episodes: this.#episodes, metrics: this.#metrics }, buffers);
    this.#episodes = [];
    this.#metrics = [];
    this.#bytes = 0;
  }

  /** Hands over what is waiting when it is much or old, lets messages in, and holds while the lab is behind. */
  async breathe(most = mostInFlight): Promise<void> {
    const isMuch = this.#episodes.length >= mostEpisodes || this.#bytes >= recordsBytes;
    if (isMuch || now() - this.#lastFlush >= recordsEvery) this.flush();
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#inFlight > most) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  drained(): Promise<void> {
    this.flush();
    return this.breathe(0);
  }
}

function taskModel(task: string, settings: AnySettings): TaskModel {
  return taskNamed(task)!.create(settings);
}

/** One episode for each seed, every one of them kept, until the lab says stop. */
function reporting(link: Link, seeds: readonly number[]) {
  const known = new Set<string | undefined>();
  return {
    seeds,
    onEpisode: (episode) => link.keep(episode),
    // Once for each term: the job is too short for it to end and begin again.
    onInvalid: (message, term) => {
      if (!known.has(term)) link.alert('warning', message);
      known.add(term);
    },
    pulse: async (done) => {
      link.progress(done, seeds.length, 'episodes');
      await link.breathe();
      return link.stopped;
    },
  } satisfies Partial<RolloutOptions>;
}

async function collect(link: Link, job: CollectJob): Promise<CollectResult> {
  const model = taskModel(job.task, job.taskSettings);
  const kinds = {
    expert: 'demonstration',
    wandering: 'failure',
    random: 'random',
    policy: 'evaluation',
  } as const;
  const actor: Actor =
    job.policy.kind === 'policy'
      ? {
          kind: 'policy',
          policy: algorithmNamed(job.policy.algorithm)!.loadPolicy(job.policy.bytes, model),
          trainedSteps: job.policy.trainedSteps,
        }
      : job.policy;
  return runEpisodes({
    model,
    actor,
    kind: kinds[job.policy.kind],
    ...reporting(link, job.seeds),
  });
}

async function fit(link: Link, job: FitJob): Promise<FitResult> {
  const model = taskModel(job.task, job.taskSettings);
  const method = learnedReward(job.method, 'fit');
  const senses = method.senses?.(job.settings) ?? ['observation'];
  const counterfactuals =
    job.states === null
      ? undefined
      : openCounterfactuals(
          model,
          job.states.map((states, index) => ({ id: job.demonstrations[index]!.id, states })),
          senses,
        );
  const compute = await openComputeFor({
    choice: job.device,
    workload: method.workload(job.settings, {
      frameDim: openSenses(model, senses).dim,
      stages: model.stages.map(({ id }) => id),
    }),
    threads: job.threads,
    budget: job.budget,
  });
  link.send({ type: 'device', name: compute.name, reason: compute.reason });
  let lastMetrics = 0;
  // Loaded when there is one: with what it checks its settings by it takes a third of the time in which a thread starts.
  const judge =
    job.endpoint === null ? undefined : (await import('./endpoint.ts')).openEndpoint(job.endpoint);
  try {
    const fitted = await method.fit(job.demonstrations, job.settings, {
      ...fitContext(model, senses, {
        compute,
        seed: job.seed,
        signal: link.signal,
        onProgress: ({ done, total, metrics }) => {
          link.progress(done, total, 'updates');
          if (now() - lastMetrics < progressEvery && done < total) return;
          lastMetrics = now();
          link.measure(done, metrics);
          link.flush();
        },
      }),
      ...(judge === undefined ? {} : { judge }),
      ...(counterfactuals === undefined ? {} : { counterfactuals }),
    });
    if (judge !== undefined && judge.usage.requests + judge.usage.cached > 0) {
      const { requests, cached, inputTokens, outputTokens, cost } = judge.usage;
      link.alert(
        'info',
        `asked ${judge.name}: ${requests} answers (${cached} more were known), ${inputTokens} + ${outputTokens} tokens, cost ${cost}`,
      );
    }
    return { bytes: fitted.model.save(), metrics: fitted.metrics };
  } finally {
    compute.dispose();
  }
}

/** Environment steps that one message of metrics covers at least: small iterations are averaged. */
const metricsEvery = 1000;

/** What the iterations of one round said: times are added up, all else is averaged. */
class Round {
  readonly #sums = new Map<string, { sum: number; count: number }>();

  add(values: Readonly<Record<string, number>>): void {
    for (const [name, value] of Object.entries(values)) {
      const entry = this.#sums.get(name);
      if (entry === undefined) this.#sums.set(name, { sum: value, count: 1 });
      else {
        entry.sum += value;
        entry.count++;
      }
    }
  }

  take(): Record<string, number> {
    const values = Object.fromEntries(
      [...this.#sums].map(([name, { sum, count }]) => [name, name.startsWith('time/') ? sum : sum / count]),
    );
    this.#sums.clear();
    return values;
  }
}

async function train(link: Link, job: TrainJob): Promise<TrainResult> {
  const { experiment, seed } = job;
  const settings = experiment.algorithmSettings;
  const options = experiment.experiment;
  const model = taskModel(experiment.task, experiment.taskSettings);
  const count = settings['worlds'] as number;
  const gamma = settings['gamma'] as number;
  const algorithm: Algorithm = algorithmNamed(experiment.algorithm)!;
  algorithm.check(settings, model);

  // 1. what computes, what is simulated
  const sizes = {
    observationDim: model.observationSpace.dim,
    actionDim: model.actionSpace.dim,
    choices: choicesOf(model),
    count,
  };
  const compute = await openComputeFor({
    choice: job.device,
    stored: job.storedDevice,
    workload: algorithm.workload(settings, sizes),
    threads: job.threads,
    budget: job.budget,
    onAlert: (message) => link.alert('warning', message),
  });
  link.send({ type: 'device', name: compute.name, reason: compute.reason });
  const worlds = await openWorlds(model, count, job.threads, job.budget);

  // 2. learner and environment, new or as they were
  const entries = stackEntries(experiment.reward, job.models);
  const stack = createStack(entries, { model, gamma, count });
  const setup: LearnerSetup = {
    ...sizes,
    compute,
    seed: episodeSeed('learner', seed, 0),
    model,
    channels: stack.terms.map((term) => term.id),
    demonstrations: job.demonstrations,
    clock: now,
  };
  const saved = job.checkpoint === null ? undefined : openCheckpoint(job.checkpoint, experiment, 'resume');
  const learner = saved
    ? algorithm.resume(saved.learner, settings, setup, job.journal)
    : algorithm.create(settings, setup);
  for (const message of learner.warnings ?? []) link.alert('warning', message, 0);
  const sums = new TermSums(stack.terms.length, count);
  const monitors = new Monitors({
    terms: setup.channels!,
    actionDim: setup.actionDim,
    choices: sizes.choices,
    gamma,
  });
  const every = options['record'] === 'all' ? 1 : options['record'] === 'tenth' ? 10 : 0;
  const window = { episodes: 0, successes: 0, total: 0, diverged: 0, progress: 0 };
  const env = new RewardedEnv({
    model,
    count,
    batch: worlds.batch,
    stack,
    kind: 'training',
    rewardHash: job.rewardHash,
    seedOf: (index) => episodeSeed('training', seed, index),
    recordEpisode: (index) => (every > 0 && index % every === 0 ? 'always' : 'diverged'),
    trainedSteps: () => learner.steps,
    onEpisode: (episode) => link.keep(episode),
    onEnd: ({ success, ending, progress, total: sum }) => {
      window.episodes++;
      if (success) window.successes++;
      if (ending === 'diverged') window.diverged++;
      window.total += sum;
      window.progress += progress;
    },
    onInvalid: (message, term) => {
      const alert = monitors.invalid(learner.steps, term, message);
      if (alert !== undefined) link.say(alert);
    },
    sums,
    live: new FeedWriter(job.live),
  });
  if (saved) {
    env.restore(saved.env);
    monitors.restore(saved.env['monitors']!);
  } else {
    env.start();
  }

  // 3. rounds: collect and learn, measure; in between short evaluations and checkpoints
  const said = new Round();
  let totals = sums.take();
  try {
    return await playRounds({
      link,
      job,
      steps: () => learner.steps,
      now,
      round: async (until) => {
        const old = job.weightChanges.filter(({ step }) => step === learner.steps);
        const fresh = link.takeReweighs().map((change) => ({ ...change, step: learner.steps }));
        for (const { line, weight } of [...old, ...fresh]) stack.reweigh(line, weight);
        for (const change of fresh) link.send({ type: 'reweighed', ...change });

        const end = Math.min(until, learner.steps + metricsEvery);
        const [begun, from, spent] = [now(), learner.steps, { ...env.seconds }];
        do {
          stack.schedule(learner.steps);
          said.add(await learner.iterate(env));
        } while (learner.steps < end);
        const values = said.take();
        if (window.episodes > 0) {
          values['rollout/success'] = window.successes / window.episodes;
          values['rollout/return'] = window.total / window.episodes;
          values['rollout/diverged'] = window.diverged / window.episodes;
          values['rollout/progress'] = window.progress / window.episodes;
          values['rollout/episodes'] = window.episodes;
          Object.assign(window, { episodes: 0, successes: 0, total: 0, diverged: 0, progress: 0 });
        }
        for (const part of ['simulate', 'reward', 'record'] as const) {
          values[`time/${part}`] = env.seconds[part] - spent[part];
        }
        values['time/all'] = now() - begun;
        // Microseconds an environment step.
        for (const name of Object.keys(values)) {
          if (name.startsWith('time/')) values[name]! *= 1e6 / (learner.steps - from);
        }
        totals = sums.take();
        return { ...values, ...termMetrics(setup.channels!, totals) };
      },
      evaluate: async (seeds) => {
        const sample = sampling(await learner.policy());
        const { success, meanReturn } = await runEpisodes({
          model,
          actor: { kind: 'policy', policy: sample.policy, trainedSteps: learner.steps },
          kind: 'evaluation',
          seeds,
          stack: (worlds) => createStack(entries, { model, gamma, count: worlds, step: learner.steps }),
        });
        return { 'evaluation/success': success, 'evaluation/return': meanReturn, ...sample.metrics() };
      },
      save: async () => {
        const arrays = { ...env.save(), monitors: monitors.save() };
        const bytes = packCheckpoint(await learner.save(), arrays, experiment);
        const piece = learner.takeJournal?.();
        link.checkpoint(
          learner.steps,
          bytes,
          piece === undefined ? undefined : { bytes: piece, needed: learner.journalPieces! },
        );
      },
      onMetrics: (step, values) => {
        for (const alert of monitors.observe(step, values, totals)) link.say(alert);
      },
    });
  } finally {
    learner.dispose();
    compute.dispose();
    await worlds.close();
  }
}

async function evaluate(link: Link, job: EvaluateJob): Promise<CollectResult> {
  const { experiment } = job;
  const model = taskModel(experiment.task, experiment.taskSettings);
  const gamma = experiment.algorithmSettings['gamma'] as number;
  const entries = stackEntries(experiment.reward, job.models);
  const policy: Policy = algorithmNamed(experiment.algorithm)!.loadPolicy(
    openCheckpoint(job.checkpoint, experiment).learner,
    model,
  );
  return runEpisodes({
    model,
    actor: { kind: 'policy', policy, trainedSteps: job.trainedSteps },
    kind: 'evaluation',
    stack: (count): RewardStack => createStack(entries, { model, gamma, count, step: job.trainedSteps }),
    rewardHash: job.rewardHash,
    ...reporting(link, job.seeds),
  });
}

function perform(link: Link, job: Job): Promise<JobResult> {
  switch (job.type) {
    case 'collect':
      return collect(link, job);
    case 'fit':
      return fit(link, job);
    case 'train':
      return job.experiment.selfPlay === undefined ? train(link, job) : trainSelfPlay(link, job);
    case 'evaluate':
      return evaluate(link, job);
  }
}

if (parentPort !== null) {
  const link = new Link();
  try {
    const result = await perform(link, workerData as Job);
    await link.drained();
    link.send({ type: 'done', stopped: link.stopped, result });
  } catch (error) {
    const message = link.stopped ? 'stopped' : messageOf(error);
    link.send({ type: 'failed', message, stack: error instanceof Error ? (error.stack ?? '') : '' });
  }
  parentPort.close();
}
