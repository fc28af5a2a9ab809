/** Training runs as a user makes them: the real lab in a project of its own, everything recorded, measured from outside. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Recipe } from '../../lab/api.ts';
import { Lab } from '../../lab/lab.ts';
import { serve } from '../../lab/serve.ts';
import { taskRecipe } from '../../lab/task-recipe.ts';
import type { DeviceChoice } from '../../learn/tensor/device.ts';
import type { EpisodeRow } from '../../store/types.ts';

/** A task's own tuned recipe, with what the benchmark wants otherwise. */
export function recipeOf(
  task: string,
  change: {
    readonly algorithm?: string;
    readonly algorithmSettings?: Readonly<Record<string, number | string | boolean>>;
    readonly experiment?: Readonly<Record<string, number | string | boolean>>;
  } = {},
): Recipe {
  const { recipe } = taskRecipe({ task, algorithm: change.algorithm });
  return {
    ...recipe,
    algorithmSettings: { ...recipe.algorithmSettings, ...change.algorithmSettings },
    experiment: { ...recipe.experiment, ...change.experiment },
  };
}

export interface Trained {
  readonly device: string;
  readonly steps: number;
  /** Seconds from the first step to the last, as the training thread measures it. */
  readonly seconds: number;
  readonly stepsPerSecond: number;
  /** Steps and seconds since the first step, after each round. */
  readonly course: { readonly steps: Float64Array; readonly seconds: Float64Array };
  /** Mean microseconds an environment step, by part. */
  readonly parts: Readonly<Record<string, number>>;
  /** Training episodes in the order in which they ended. */
  readonly episodes: readonly EpisodeRow[];
  /** When training began, milliseconds since 1970: start-up of the thread is over. */
  readonly beganAt: number;
  /** Where somebody watched: episodes opened, bytes sent to the window. */
  readonly seen?: { readonly episodes: number; readonly bytes: number };
  readonly evaluation: { readonly success: number; readonly meanReturn: number; readonly episodes: number };
}

/** A window that follows; the returned function closes it. */
async function watcher(lab: Lab): Promise<() => Promise<{ episodes: number; bytes: number }>> {
  const door = await serve({ lab });
  const worker = new Worker(new URL('./watcher.ts', import.meta.url), {
    workerData: { address: `ws://127.0.0.1:${door.port}/api?token=${door.token}` },
  });
  return async () => {
    const said = new Promise<{ episodes: number; bytes: number }>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    worker.postMessage('over');
    const seen = await said;
    await door.close();
    return seen;
  };
}

/** @param seconds ends the run after so long; to the end of its steps without. */
export async function train(
  recipe: Recipe,
  seed: number,
  {
    device = 'auto',
    seconds,
    watched = false,
    threads,
  }: { device?: DeviceChoice; seconds?: number; watched?: boolean; threads?: number } = {},
): Promise<Trained> {
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-bench-'));
  const lab = new Lab({
    project: join(folder, 'project'),
    device,
    ...(threads === undefined ? {} : { threads }),
  });
  const watch = watched ? await watcher(lab) : undefined;
  try {
    const { id } = lab.start(recipe, seed);
    let beganAt = 0;
    let cursor = 0;
    let timer: NodeJS.Timeout | undefined;
    const end = lab.finished(id);
    let over = false;
    void end.then(() => {
      over = true;
    });
    while (beganAt === 0 && !over) {
      const { cursor: next, events } = await lab.events.since(cursor, 1000);
      cursor = next;
      // The first word of progress comes when everything is open.
      const begun = events.find(
        (event) =>
          event.type === 'run' &&
          event.run.id === id &&
          event.run.phase === 'training' &&
          event.run.total > 1,
      );
      if (begun) beganAt = Date.now();
    }
    if (seconds !== undefined) timer = setTimeout(() => lab.stop(id), 1000 * seconds);
    const run = await end;
    clearTimeout(timer);
    const seen = await watch?.();
    if (run.status !== 'done' && run.status !== 'paused') {
      throw new Error(`${recipe.name}, seed ${seed}: ended as ${run.status}: ${run.error}`);
    }
    const { steps, values } = lab.store.metrics.series(id, { maxPoints: 1_000_000 });
    const parts: Record<string, number> = {};
    // The first rounds are not compiled yet.
    const from = steps.length > 6 ? 3 : 0;
    for (const [name, series] of values) {
      if (!name.startsWith('time/')) continue;
      let [sum, weight] = [0, 0];
      for (let i = from; i < steps.length; i++) {
        const share = steps[i]! - (i === 0 ? 0 : steps[i - 1]!);
        if (!Number.isFinite(series[i]!)) continue;
        sum += share * series[i]!;
        weight += share;
      }
      parts[name.slice('time/'.length)] = weight > 0 ? sum / weight : 0;
    }
    const taken = steps.at(-1) ?? 0;
    const speeds = values.get('speed/stepsPerSecond') ?? new Float64Array();
    const stepsPerSecond = speeds.at(-1) ?? 0;
    const evaluated = lab.store.episodes.list({ runId: id, kind: 'evaluation', limit: 1_000_000 }).items;
    const mean = (of: (episode: EpisodeRow) => number): number =>
      evaluated.reduce((sum, episode) => sum + of(episode), 0) / Math.max(1, evaluated.length);
    return {
      device: run.device ?? '?',
      steps: taken,
      seconds: stepsPerSecond > 0 ? taken / stepsPerSecond : 0,
      stepsPerSecond,
      // The speed of a round is that of the run so far.
      course: { steps, seconds: speeds.map((speed, i) => steps[i]! / speed) },
      parts,
      episodes: lab.store.episodes
        .list({ runId: id, kind: 'training', limit: 1_000_000 })
        .items.toSorted((a, b) => a.id - b.id),
      beganAt,
      ...(seen === undefined ? {} : { seen }),
      evaluation: {
        success: mean((episode) => (episode.success ? 1 : 0)),
        meanReturn: mean((episode) => episode.returnTotal),
        episodes: evaluated.length,
      },
    };
  } finally {
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Steps a second from the first round that ended later than so many seconds. @throws Error for a run that is too short. */
export function speedAfter({ course: { steps, seconds } }: Trained, after: number): number {
  const from = seconds.findIndex((at) => at >= after);
  if (from < 0 || from === steps.length - 1)
    throw new Error(`The run has no two rounds after ${after} s; it took ${seconds.at(-1) ?? 0} s`);
  return (steps.at(-1)! - steps[from]!) / (seconds.at(-1)! - seconds[from]!);
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

/** 95 % interval of the mean, from the spread of the pairs (normal). */
export function meanInterval(values: readonly number[]): [number, number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length - 1);
  const half = 1.96 * Math.sqrt(variance / values.length);
  return [mean - half, mean + half];
}
