/** The worlds of a run while it trains, for whoever watches: poses and truth are worked out here, from rows the trainer left. */

import type { TaskModel } from '../sim/env.ts';
import type { LiveFrame } from './api/live.ts';
import type { BodyInfo } from './api.ts';
import { UsageError } from './errors.ts';
import type { FeedReader, Snapshot } from './live-feed.ts';
import { type PackedArray, pack } from './pack.ts';
import { coloursOf, posesOf } from './replay.ts';

/** What a run shows while it trains. */
export interface LiveRun {
  readonly model: TaskModel;
  readonly worlds: number;
  /** Method of each learned line of the reward stack. */
  readonly learned: readonly string[];
  /** Of self-play, the side that learns in each world; empty otherwise. */
  readonly learns: readonly string[];
  readonly reader: FeedReader;
}

export interface LiveAsk {
  readonly runId: number;
  readonly worlds: number;
  readonly chosen?: readonly number[] | undefined;
  readonly since: number;
  readonly waitMs: number;
}

/** Milliseconds between two looks at the trainer's memory while somebody waits. */
const lookEveryMs = 15;

export const liveScene = ({ model, worlds, learned, learns, reader }: LiveRun) => ({
  task: model.id,
  bodies: model.bodies.map((body) => structuredClone(body)) as BodyInfo[],
  stages: model.stages.map((stage) => ({ ...stage })),
  controlDt: model.controlDt,
  worlds,
  watchable: reader.watchable,
  learned: [...learned],
  learns: learns.slice(0, reader.watchable),
});

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/**
 * The newest snapshot after `since`. `find` is asked again after each wait: the run may end meanwhile.
 * @throws UsageError when a world is asked for that cannot be looked at.
 */
export async function liveFrame(
  find: () => LiveRun | string,
  ask: LiveAsk,
  signal?: AbortSignal,
): Promise<LiveFrame> {
  const until = performance.now() + ask.waitMs;
  for (;;) {
    const run = find();
    if (typeof run === 'string') return { state: 'none', reason: run, sequence: 0, step: 0, data: null };
    const { reader } = run;
    const beyond = ask.chosen?.find((world) => world >= reader.watchable);
    if (beyond !== undefined) {
      throw new UsageError([
        `run ${ask.runId}: world ${beyond} cannot be watched, wanted 0 to ${reader.watchable - 1}`,
      ]);
    }
    reader.ask(ask.chosen === undefined ? ask.worlds : Math.max(...ask.chosen) + 1);
    // A cursor from an earlier life of the run: whatever comes is new.
    const since = ask.since > reader.sequence ? 0 : ask.since;
    const found = reader.sequence > since ? reader.read() : undefined;
    if (found !== undefined && found.sequence > since)
      return {
        state: 'live',
        reason: '',
        sequence: found.sequence,
        step: found.step,
        data: packed(run, found, ask),
      };
    if (performance.now() >= until || signal?.aborted === true) {
      const reason = 'no world has been stepped for a while: it learns from what it has, or evaluates';
      return { state: 'waiting', reason, sequence: since, step: 0, data: null };
    }
    await sleep(lookEveryMs);
  }
}

function packed(
  { model }: LiveRun,
  snapshot: Snapshot,
  { worlds, chosen }: LiveAsk,
): Uint8Array<ArrayBuffer> {
  const { stateDim } = model;
  const picked = (chosen ?? Array.from({ length: worlds }, (_, world) => world)).filter(
    (world) => world < snapshot.count,
  );
  const states = new Float64Array(picked.length * stateDim);
  for (const [i, world] of picked.entries())
    states.set(snapshot.states.subarray(world * stateDim, (world + 1) * stateDim), i * stateDim);
  const of = <T>(value: (offset: number) => T): T[] => picked.map((_, i) => value(i * stateDim));
  const arrays: Record<string, PackedArray> = {
    poses: posesOf(model, states),
    progress: Float32Array.from(of((at) => model.progress(states, at))),
    stage: Uint8Array.from(of((at) => model.stage(states, at))),
    success: Uint8Array.from(of((at) => Number(model.success(states, at)))),
    episodeStep: Float64Array.from(of((at) => states[at]!)),
    returns: Float64Array.from(picked.map((world) => snapshot.returns[world]!)),
    ended: Uint8Array.from(picked.map((world) => snapshot.ended[world]!)),
  };
  const colours = coloursOf(model, states);
  if (colours !== null) arrays['colours'] = colours;
  for (const [m, values] of snapshot.learned.entries())
    arrays[`learned/${m}`] = Float32Array.from(picked.map((world) => values[world]!));
  return pack(arrays);
}
