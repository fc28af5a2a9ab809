/**
 * What a live watcher costs a training run, and what goes over the wire: one run, watched and not watched in turns.
 *
 *   npm run bench -- live [--tasks cartpole,push] [--pairs n] [--seconds s] [--worlds n] [--json]
 *
 * A turn lasts `seconds`; the watcher asks for 64 worlds as often as there is something new, from a thread of its own over
 * the WebSocket. Each pair of turns gives one ratio of steps/s, watched to not; which comes first changes from pair to pair.
 * On a machine that others use too the ratio says little; the CPU time of one snapshot, measured beside it, does not mind them:
 * what the trainer's thread spends on leaving it, and what the lab spends on poses and packing, as shares of one core at 12.5 a second.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { Lab } from '../lab/lab.ts';
import { liveFrame } from '../lab/live.ts';
import { FeedReader, FeedWriter, openFeed } from '../lab/live-feed.ts';
import { taskNamed } from '../lab/registry.ts';
import { serve } from '../lab/serve.ts';
import { createBatch } from '../sim/batch.ts';
import { defaultsOf } from '../sim/fields.ts';
import { meanInterval, median, recipeOf } from './train/runs.ts';

const { values: flags } = parseArgs({
  options: {
    tasks: { type: 'string', default: 'cartpole,push' },
    pairs: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '2' },
    worlds: { type: 'string', default: '64' },
    json: { type: 'boolean', default: false },
  },
});
const [pairs, seconds, worlds] = [Number(flags.pairs), Number(flags.seconds), Number(flags.worlds)];
const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Steps a second over a turn, between the first and the last sign of progress in it. */
async function speed(lab: Lab, id: number): Promise<number> {
  const until = performance.now() + 1000 * seconds;
  const seen: { at: number; done: number }[] = [];
  let cursor = (await lab.events.since(0, 0)).cursor;
  while (performance.now() < until) {
    cursor = (await lab.events.since(cursor, until - performance.now())).cursor;
    const { done } = lab.run(id);
    if (done !== seen.at(-1)?.done) seen.push({ at: performance.now(), done });
  }
  const [first, last] = [seen[0], seen.at(-1)];
  if (!first || !last || first === last) throw new Error(`No progress seen within ${seconds} s`);
  return (1000 * (last.done - first.done)) / (last.at - first.at);
}

/** CPU seconds of this thread. */
const cpuSeconds = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1e6;
};

/** CPU microseconds of one snapshot: in the trainer's thread, and in the lab. */
async function costs(task: string): Promise<{ trainer: number; lab: number; bytes: number }> {
  const model = taskNamed(task)!.create(defaultsOf(taskNamed(task)!.fields));
  const batch = createBatch(model, worlds);
  for (let world = 0; world < worlds; world++) batch.reset(world, world);
  const reader = new FeedReader(openFeed(model.stateDim, 1, worlds));
  const writer = new FeedWriter(reader.feed);
  reader.ask(worlds);
  const returns = new Float64Array(worlds);
  const learned = [{ values: new Float64Array(worlds) }];
  const each = async (count: number, work: () => void | Promise<void>): Promise<number> => {
    for (let i = 0; i < count / 4; i++) await work();
    const begun = cpuSeconds();
    for (let i = 0; i < count; i++) await work();
    return (1e6 * (cpuSeconds() - begun)) / count;
  };
  const publish = (): void => writer.publish(0, batch.states, returns, undefined, learned);
  const trainer = await each(4000, publish);
  let bytes = 0;
  const run = { model, worlds, learned: ['progress'], learns: [], reader };
  const own = await each(400, async () => {
    publish();
    const frame = await liveFrame(() => run, { runId: 1, worlds, since: 0, waitMs: 0 });
    bytes = frame.data!.length;
  });
  reader.close();
  return { trainer, lab: own - trainer, bytes };
}

async function measure(task: string) {
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-bench-'));
  const lab = new Lab({ project: join(folder, 'project') });
  const door = await serve({ lab });
  try {
    const { id } = lab.start(
      recipeOf(task, {
        algorithmSettings: { worlds, steps: 100_000_000 },
        experiment: { record: 'none', evaluateEvery: 100_000_000, checkpointEvery: 100_000_000 },
      }),
      0,
    );
    const watcher = new Worker(new URL('./live/watcher.ts', import.meta.url), {
      workerData: {
        address: `ws://127.0.0.1:${door.port}/api?token=${door.token}`,
        runId: id,
        worlds,
      },
    });
    while (lab.run(id).phase !== 'training' || lab.run(id).done === 0) await sleep(50);
    await sleep(2000);
    const rows: { watched: number; alone: number; ratio: number; bytes: number; snapshots: number }[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      const rates = { watched: 0, alone: 0 };
      let seen = { bytes: 0, snapshots: 0 };
      for (const turn of pair % 2 === 0 ? (['watched', 'alone'] as const) : (['alone', 'watched'] as const)) {
        if (turn === 'watched') watcher.postMessage('on');
        rates[turn] = await speed(lab, id);
        if (turn === 'alone') continue;
        const said = new Promise<typeof seen>((resolve) => watcher.once('message', resolve));
        watcher.postMessage('off');
        seen = await said;
        // At once, not after the seconds of a watcher that vanished.
        const live = lab.live(id);
        if (typeof live !== 'string') live.reader.close();
      }
      rows.push({ ...rates, ratio: rates.watched / rates.alone, ...seen });
    }
    watcher.postMessage('end');
    lab.stop(id);
    await lab.finished(id);
    const ratios = rows.map(({ ratio }) => ratio);
    const of = (key: keyof (typeof rows)[number]): number => median(rows.map((row) => row[key]));
    return {
      task,
      algorithm: lab.run(id).algorithm,
      worlds,
      pairs,
      watched: of('watched'),
      alone: of('alone'),
      ratio: { median: median(ratios), interval: meanInterval(ratios.map(Math.log)).map(Math.exp) },
      snapshotsPerSecond: of('snapshots') / seconds,
      bytesPerSecond: of('bytes') / seconds,
    };
  } finally {
    await door.close();
    await lab.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const machine = `${availableParallelism()} threads of ${cpus()[0]?.model ?? 'an unknown processor'}, load ${loadavg()[0]!.toFixed(1)} at the start`;
const results = [];
if (!flags.json) console.log(machine);
for (const task of flags.tasks.split(',')) {
  const cost = await costs(task);
  if (!flags.json)
    console.log(
      `${task}, a snapshot of ${worlds} worlds: ${cost.trainer.toFixed(1)} us CPU in the trainer (${((100 * 12.5 * cost.trainer) / 1e6).toFixed(3)} % of a core), ` +
        `${cost.lab.toFixed(0)} us in the lab (${((100 * 12.5 * cost.lab) / 1e6).toFixed(2)} %), ${cost.bytes} bytes`,
    );
  const found = pairs === 0 ? { task } : await measure(task);
  results.push({ ...found, cost });
  if (flags.json || !('ratio' in found)) continue;
  const [low, high] = found.ratio.interval.map((value) => value.toFixed(3));
  console.log(
    `${task} (${found.algorithm}, ${worlds} worlds): ${Math.round(found.alone)} steps/s alone, ${Math.round(found.watched)} watched; ` +
      `ratio ${found.ratio.median.toFixed(3)} (95 % of the mean ${low} to ${high}, ${pairs} pairs); ` +
      `${found.snapshotsPerSecond.toFixed(1)} snapshots/s, ${Math.round(found.bytesPerSecond / 1000)} kB/s`,
  );
}
if (flags.json) console.log(JSON.stringify({ machine, results }, null, 2));
