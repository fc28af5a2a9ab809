/** A training run in which two sides learn against each other, in the thread that computes. */

import type { Metrics } from '../learn/algorithms/types.ts';
import { openCheckpoint, packCheckpoint } from './checkpoint.ts';
import { openComputeFor } from './compute.ts';
import type { TrainJob, TrainResult, WorkerMessage } from './jobs.ts';
import { sidesOf } from './opponents.ts';
import { pack, unpack } from './pack.ts';
import { algorithmNamed, taskNamed } from './registry.ts';
import { runEpisodes } from './rollout.ts';
import { episodeSeed } from './seeds.ts';
import { SelfPlay, type SelfPlaySettings } from './self-play.ts';

/** What this needs of the thread's side of the conversation. */
export interface SelfPlayLink {
  readonly stopped: boolean;
  send(message: WorkerMessage): void;
  progress(done: number, total: number, unit: string): void;
  alert(level: 'info' | 'warning' | 'error', message: string, step?: number): void;
  checkpoint(step: number, bytes: Uint8Array): void;
  breathe(): Promise<void>;
}

const now = (): number => performance.now() / 1000;

/**
 * As `train` in the worker: rounds until all steps are taken, with evaluations and checkpoints in between. Agent 0's side
 * is the checkpoint's learner, so that its policy is evaluated and collected like that of any run.
 */
export async function trainSelfPlay(link: SelfPlayLink, job: TrainJob): Promise<TrainResult> {
  const { experiment, seed } = job;
  const { algorithmSettings, experiment: options } = experiment;
  const model = taskNamed(experiment.task)!.create(experiment.taskSettings);
  const algorithm = algorithmNamed(experiment.algorithm)!;
  const count = algorithmSettings['worlds'] as number;
  const total = algorithmSettings['steps'] as number;
  const until = Math.min(total, job.until ?? total);
  const [{ observationDim, actionDim }] = sidesOf(model);

  // 1. what computes, and both sides, new or as they were
  const compute = await openComputeFor({
    choice: job.device,
    stored: job.storedDevice,
    workload: algorithm.workload(algorithmSettings, { observationDim, actionDim, choices: [], count }),
    threads: job.threads,
    budget: job.budget,
    onAlert: (message) => link.alert('warning', message),
  });
  link.send({ type: 'device', name: compute.name, reason: compute.reason });
  const setup = {
    model,
    algorithm,
    algorithmSettings,
    settings: experiment.selfPlay as SelfPlaySettings,
    compute,
    seed,
    clock: now,
  };
  const saved = job.checkpoint === null ? undefined : openCheckpoint(job.checkpoint, experiment, 'resume');
  const game =
    saved === undefined
      ? await SelfPlay.create(setup)
      : SelfPlay.resume(setup, {
          ...unpack(bytesIn(saved.env['selfPlay'])),
          learner0: saved.learner,
        });

  // 2. rounds
  const startedAt = now();
  const firstStep = game.steps;
  const due = (interval: 'evaluateEvery' | 'checkpointEvery'): number => {
    const length = options[interval] as number;
    return (Math.floor(game.steps / length) + 1) * length;
  };
  let nextEvaluation = due('evaluateEvery');
  let nextCheckpoint = due('checkpointEvery');
  let lastSaved = saved === undefined ? -1 : game.steps;
  const save = async (): Promise<void> => {
    if (lastSaved === game.steps) return;
    lastSaved = game.steps;
    const { learner0, ...rest } = await game.save();
    link.checkpoint(
      game.steps,
      packCheckpoint(learner0 as Uint8Array, { selfPlay: numbersOf(pack(rest)) }, experiment),
    );
  };
  const evaluation = async (): Promise<Metrics> => {
    const seeds = Array.from({ length: options['shortEvaluationEpisodes'] as number }, (_, i) =>
      episodeSeed('shortEvaluation', 0, i),
    );
    const actor = { kind: 'policy', policy: await game.learner.policy(), trainedSteps: game.steps } as const;
    const { success } = await runEpisodes({ model, actor, kind: 'evaluation', seeds });
    return { 'evaluation/success': success, ...(await game.evaluate()) };
  };
  link.progress(game.steps, until, 'steps');
  try {
    // The beginning is what later evaluations are compared with.
    if (saved === undefined) link.send({ type: 'metrics', step: 0, values: await evaluation() });
    while (game.steps < until && !link.stopped) {
      const values: Record<string, number> = { ...(await game.round()) };
      values['speed/stepsPerSecond'] = (game.steps - firstStep) / Math.max(1e-9, now() - startedAt);
      if (game.steps >= nextEvaluation || game.steps >= total) {
        nextEvaluation = due('evaluateEvery');
        Object.assign(values, await evaluation());
      }
      link.send({ type: 'metrics', step: game.steps, values });
      link.progress(game.steps, until, 'steps');
      if (game.steps >= nextCheckpoint) {
        nextCheckpoint = due('checkpointEvery');
        await save();
      }
      await link.breathe();
    }
    await save();
  } finally {
    game.dispose();
    compute.dispose();
  }
  return {
    steps: game.steps,
    stepsPerSecond: (game.steps - firstStep) / Math.max(1e-9, now() - startedAt),
  };
}

/** Bytes as the arrays of numbers that a checkpoint has room for: how many there are, then eight of them a number. */
function numbersOf(bytes: Uint8Array): Float64Array {
  const numbers = new Float64Array(1 + Math.ceil(bytes.length / 8));
  numbers[0] = bytes.length;
  new Uint8Array(numbers.buffer, 8).set(bytes);
  return numbers;
}

/** @throws RangeError when there are none. */
function bytesIn(numbers: Float64Array | undefined): ArrayBuffer {
  if (numbers === undefined) {
    throw new RangeError('Checkpoint: found no second side in it, wanted one of self-play');
  }
  const from = numbers.byteOffset + 8;
  return numbers.buffer.slice(from, from + numbers[0]!) as ArrayBuffer;
}
