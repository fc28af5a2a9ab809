/** A training run in which two sides learn against each other, in the thread that computes. */

import type { Metrics } from '../learn/algorithms/types.ts';
import { type OpenedCheckpoint, openCheckpoint, packCheckpoint } from './checkpoint.ts';
import { openComputeFor } from './compute.ts';
import type { TrainJob, TrainResult, WorkerMessage } from './jobs.ts';
import { FeedWriter } from './live-feed.ts';
import { sidesOf } from './opponents.ts';
import { type Arrays, pack, unpack } from './pack.ts';
import { algorithmNamed, taskNamed } from './registry.ts';
import { runEpisodes } from './rollout.ts';
import { playRounds, type RoundsLink, shortStarts } from './rounds.ts';
import { SelfPlay, type SelfPlaySettings } from './self-play.ts';

/** What this needs of the thread's side of the conversation. */
export interface SelfPlayLink extends RoundsLink {
  send(message: WorkerMessage): void;
  alert(level: 'info' | 'warning' | 'error', message: string, step?: number): void;
  checkpoint(step: number, bytes: Uint8Array): void;
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
    live: new FeedWriter(job.live),
  };
  const saved = job.checkpoint === null ? undefined : openCheckpoint(job.checkpoint, experiment, 'resume');
  const game =
    saved === undefined
      ? await SelfPlay.create(setup)
      : SelfPlay.resume(setup, { ...sidesIn(saved), learner0: saved.learner });

  // 2. rounds
  const evaluate = async (seeds: readonly number[]): Promise<Metrics> => {
    const actor = { kind: 'policy', policy: await game.learner.policy(), trainedSteps: game.steps } as const;
    const { success } = await runEpisodes({ model, actor, kind: 'evaluation', seeds });
    return { 'evaluation/success': success, ...(await game.evaluate()) };
  };
  try {
    // The beginning is what later evaluations are compared with.
    if (saved === undefined) link.measure(0, await evaluate(shortStarts(options)));
    return await playRounds({
      link,
      job,
      steps: () => game.steps,
      now,
      round: async () => ({ ...(await game.round()) }),
      evaluate,
      save: async () => {
        const { learner0, ...rest } = await game.save();
        const bytes = packCheckpoint(learner0 as Uint8Array, { selfPlay: pack(rest) }, experiment);
        link.checkpoint(game.steps, bytes);
      },
    });
  } finally {
    game.dispose();
    compute.dispose();
  }
}

/** What the checkpoint has beside agent 0's learner. @throws RangeError when there is nothing. */
function sidesIn({ bytes }: OpenedCheckpoint): Arrays {
  const packed = bytes['selfPlay'];
  if (packed === undefined) {
    throw new RangeError('Checkpoint: found no second side in it, wanted one of self-play');
  }
  return unpack(packed.slice().buffer);
}
