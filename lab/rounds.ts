/** The course of a training run, whatever it trains: rounds until all steps are taken, with evaluations and checkpoints in between. */

import type { Metrics } from '../learn/algorithms/types.ts';
import type { AnySettings } from '../sim/fields.ts';
import type { TrainJob, TrainResult } from './jobs.ts';
import { episodeSeed } from './seeds.ts';

/** What this needs of the thread's side of the conversation. */
export interface RoundsLink {
  readonly stopped: boolean;
  measure(step: number, values: Metrics): void;
  progress(done: number, total: number, unit: string): void;
  breathe(): Promise<void>;
}

export interface RoundsOptions {
  readonly link: RoundsLink;
  readonly job: TrainJob;
  /** Environment steps taken so far. */
  readonly steps: () => number;
  /** Seconds. */
  readonly now: () => number;
  /** Collects, learns and says what came of it. */
  readonly round: (until: number) => Promise<Record<string, number>>;
  /** A short evaluation on these starts. */
  readonly evaluate: (seeds: readonly number[]) => Promise<Metrics>;
  /** Hands over a checkpoint of this moment. */
  readonly save: () => Promise<void>;
  /** Called with every set of metrics, after it was sent. */
  readonly onMetrics?: (step: number, values: Metrics) => void;
}

/** The starts of short evaluations, the same ones each time and for every run. */
export const shortStarts = (options: AnySettings): number[] =>
  Array.from({ length: options['shortEvaluationEpisodes'] as number }, (_, i) =>
    episodeSeed('shortEvaluation', 0, i),
  );

/** Ends when all steps are taken, at the rung of a search, or when somebody says stop; what was reached is saved then. */
export async function playRounds(options: RoundsOptions): Promise<TrainResult> {
  const { link, job, steps, now, round, evaluate, save, onMetrics } = options;
  const { algorithmSettings, experiment } = job.experiment;
  const total = algorithmSettings['steps'] as number;
  const until = Math.min(total, job.until ?? total);
  const [startedAt, firstStep] = [now(), steps()];
  const speed = (): number => (steps() - firstStep) / Math.max(1e-9, now() - startedAt);
  const due = (interval: 'evaluateEvery' | 'checkpointEvery'): number => {
    const length = experiment[interval] as number;
    return (Math.floor(steps() / length) + 1) * length;
  };
  let nextEvaluation = due('evaluateEvery');
  let nextCheckpoint = due('checkpointEvery');
  let lastSaved = job.checkpoint === null ? -1 : firstStep;
  const saveOnce = async (): Promise<void> => {
    if (lastSaved === steps()) return;
    lastSaved = steps();
    await save();
  };
  link.progress(firstStep, until, 'steps');
  while (steps() < until && !link.stopped) {
    const values = await round(until);
    values['speed/stepsPerSecond'] = speed();
    if (steps() >= nextEvaluation || steps() >= total) {
      nextEvaluation = due('evaluateEvery');
      Object.assign(values, await evaluate(shortStarts(experiment)));
    }
    link.measure(steps(), values);
    onMetrics?.(steps(), values);
    link.progress(steps(), until, 'steps');
    if (steps() >= nextCheckpoint) {
      nextCheckpoint = due('checkpointEvery');
      await saveOnce();
    }
    await link.breathe();
  }
  await saveOnce();
  return { steps: steps(), stepsPerSecond: speed() };
}
