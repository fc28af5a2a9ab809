/**
 * Control steps a second of every task for 1, 64 and 1,024 worlds on one and on two threads, and the engine beside MuJoCo
 * and Rapier in the same scenes:
 *   npm run bench -- sim [--json] [--quick] [--task T] [--no-peers]
 *
 * Worlds start from states all along episodes of noisy experts and follow such experts for a while, so that there is as
 * much contact as in training on a good policy. Only `step` is timed; resets are not in it. Each task is measured in a
 * thread of its own, as in a run, whose code is compiled for one task.
 */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { openSharedBatch } from '../lab/shared-batch.ts';
import { createBatch } from '../sim/batch.ts';
import { createRandom, type Random } from '../sim/engine/random.ts';
import type { BatchEnv, Task, TaskModel } from '../sim/env.ts';
import { defaultsOf } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import type { PeerRow } from './peers/measure.ts';

interface Row {
  readonly task: string;
  readonly worlds: number;
  readonly threads: number;
  /** Median of the rounds. */
  readonly controlStepsPerSecond: number;
  readonly physicsStepsPerSecond: number;
  /** Physics steps a control step. */
  readonly substeps: number;
  readonly simulatedSecondsPerSecond: number;
  readonly stateDim: number;
  readonly bytesPerWorld: number;
}

/** Where a measured stretch begins. */
const starts = 1024;
/** Worlds whose episodes the starts are taken from. */
const sources = 16;
const noise = 0.4;

interface Stretches {
  readonly steps: number;
  /** [starts] */
  readonly states: readonly Float64Array[];
  /** A step each: [starts * actionDim] */
  readonly actions: readonly Float64Array[];
}

function act(batch: BatchEnv, random: Random, out: Float64Array): void {
  const { model, count } = batch;
  const { actionSpace, stateDim } = model;
  const dim = actionSpace.dim;
  for (let w = 0; w < count; w++) model.expert(batch.states, w * stateDim, out, w * dim);
  for (let i = 0; i < out.length; i++) {
    if (actionSpace.type === 'box') out[i]! += noise * actionSpace.high[i % dim]! * random.uniform(-1, 1);
    else if (random.uniform() < noise) out[i] = random.integer(actionSpace.n);
  }
}

/** What the worlds do while they are measured, the same for any number of them. */
function record(model: TaskModel, seconds: number): Stretches {
  const random = createRandom(1);
  const few = createBatch(model, sources);
  const chosen = new Float64Array(sources * model.actionSpace.dim);
  const states: Float64Array[] = [];
  const began = performance.now();
  for (let t = 0; t < model.horizon; t++) {
    while (states.length < (starts * t) / model.horizon) states.push(few.saveState(states.length % sources));
    act(few, random, chosen);
    few.step(chosen);
    for (let w = 0; w < sources; w++) if (few.terminated[w] === 1) few.reset(w, 1000 * t + w);
  }
  while (states.length < starts) states.push(few.saveState(states.length % sources));
  const perStep = (performance.now() - began) / 1000 / (model.horizon * sources);

  const steps = Math.max(5, Math.min(200, Math.round(seconds / (perStep * starts))));
  const batch = createBatch(model, starts);
  for (const [w, state] of states.entries()) batch.restoreState(w, state);
  const actions = Array.from({ length: steps }, () => {
    const all = new Float64Array(starts * model.actionSpace.dim);
    act(batch, random, all);
    batch.step(all);
    return all;
  });
  return { steps, states, actions };
}

/** Control steps a second: median over rounds that together last about `seconds`. */
function rate(batch: BatchEnv, { steps, states, actions }: Stretches, seconds: number): number {
  const { model, count } = batch;
  const dim = model.actionSpace.dim;
  // Few worlds take turns with a few stretches from all along an episode: more would only measure the cache.
  const parts = Math.min(8, starts / count);
  const firsts = Array.from({ length: parts }, (_, k) => (k * starts) / parts);
  const script = actions.map((all) => firsts.map((first) => all.slice(first * dim, (first + count) * dim)));
  const rates: number[] = [];
  let spent = 0;
  // A round takes a few milliseconds at least, so that the clock is fine enough; the first one warms the compiler up.
  for (let part = 0; rates.length < 4 || spent < seconds; ) {
    let time = 0;
    let done = 0;
    while (time < 0.004 || done < count * steps) {
      for (let w = 0; w < count; w++) batch.restoreState(w, states[firsts[part]! + w]!);
      const from = performance.now();
      for (let t = 0; t < steps; t++) batch.step(script[t]![part]!);
      time += (performance.now() - from) / 1000;
      done += count * steps;
      part = (part + 1) % parts;
    }
    rates.push(done / time);
    spent += time;
  }
  const warm = rates.slice(1).sort((a, b) => a - b);
  return warm[warm.length >> 1]!;
}

async function measure(task: Task, seconds: number): Promise<Row[]> {
  const settings = defaultsOf(task.fields);
  const model = task.create(settings);
  const stretches = record(model, seconds);
  const rows: Row[] = [];
  for (const [worlds, threads] of [
    [1, 1],
    [64, 1],
    [1024, 1],
    // One world is not shared out.
    [64, 2],
    [1024, 2],
  ] as const) {
    const shared =
      threads === 1 ? undefined : await openSharedBatch({ task: task.id, settings, count: worlds, threads });
    const found = rate(shared ?? createBatch(model, worlds), stretches, seconds);
    await shared?.close();
    rows.push({
      task: task.id,
      worlds,
      threads,
      controlStepsPerSecond: Math.round(found),
      physicsStepsPerSecond: Math.round(found * model.substeps),
      substeps: model.substeps,
      simulatedSecondsPerSecond: Math.round(found * model.controlDt),
      stateDim: model.stateDim,
      bytesPerWorld: model.stateDim * Float64Array.BYTES_PER_ELEMENT,
    });
  }
  return rows;
}

/** What has to be beaten, from ../shared/perf.md: another machine's figures, one core, 1,024 worlds of ours. */
const targets = [
  { task: 'pick-place', unit: 'physicsStepsPerSecond', peer: 'MuJoCo, arm and box', perSecond: 67_000 },
  { task: 'push', unit: 'controlStepsPerSecond', peer: 'Gymnasium Pusher', perSecond: 16_400 },
  { task: 'reach', unit: 'controlStepsPerSecond', peer: 'Gymnasium Reacher', perSecond: 32_000 },
  { task: 'cheetah', unit: 'controlStepsPerSecond', peer: 'Gymnasium HalfCheetah', perSecond: 25_400 },
  {
    task: 'cartpole',
    unit: 'controlStepsPerSecond',
    peer: 'Gymnasium CartPole, 1,024 in NumPy',
    perSecond: 14e6,
  },
] as const;

const inThread = <T>(what: string, file: URL, data: unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(file, { workerData: data });
    worker.once('message', resolve);
    worker.once('error', (error) =>
      reject(new Error(`Measuring ${what}: ${error.message}`, { cause: error })),
    );
    worker.once('exit', (code) => reject(new Error(`Measuring ${what}: its thread ended with code ${code}`)));
  });

const whole = (value: number): string => Math.round(value).toLocaleString('en');

async function main(args: readonly string[]): Promise<void> {
  const json = args.includes('--json');
  const seconds = args.includes('--quick') ? 0.15 : 0.6;
  const only = args.includes('--task') ? args[args.indexOf('--task') + 1] : undefined;
  if (args.includes('--task') && (only === undefined || !Object.hasOwn(tasks, only))) {
    throw new RangeError(`--task: found ${only}, wanted one of ${Object.keys(tasks).join(', ')}`);
  }
  const say = (line: string): void => {
    if (!json) console.log(line);
  };

  say('task                       control steps/s for worlds x threads');
  say(
    `${''.padEnd(24)}${['1 x 1', '64 x 1', '1024 x 1', '64 x 2', '1024 x 2'].map((h) => h.padStart(13)).join('')}  bytes  physics steps`,
  );
  const rows: Row[] = [];
  for (const id of only === undefined ? Object.keys(tasks) : [only]) {
    const found = await inThread<Row[]>(id, new URL(import.meta.url), { task: id, seconds });
    rows.push(...found);
    say(
      `${id.padEnd(24)}${found.map((row) => whole(row.controlStepsPerSecond).padStart(13)).join('')}  ${String(found[0]!.bytesPerWorld).padStart(5)}  ${found[0]!.substeps}`,
    );
  }

  const peers = args.includes('--no-peers')
    ? []
    : await inThread<PeerRow[]>('the peers', new URL('./peers/measure.ts', import.meta.url), {
        seconds: 2 * seconds,
      });
  if (peers.length > 0)
    say(`\n${'scene, 2 ms a step'.padEnd(24)}${'engine'.padEnd(24)}worlds  physics steps/s  ours is`);
  for (const { scene, engine, worlds, physicsStepsPerSecond, oursOverThis } of peers) {
    say(
      `${scene.padEnd(24)}${engine.padEnd(24)}${String(worlds).padStart(6)}${whole(physicsStepsPerSecond).padStart(17)}  ${oursOverThis.toFixed(2)} times`,
    );
  }

  // How fast this machine is now: MuJoCo on the arm, against what it did where the targets were measured.
  const yardstick = peers.find(
    (row) => row.scene === 'arm' && row.worlds === 1 && row.engine.startsWith('MuJoCo'),
  );
  const speed = yardstick === undefined ? null : yardstick.physicsStepsPerSecond / 67_000;
  const compared = targets.flatMap(({ task, unit, peer, perSecond }) => {
    const row = rows.find((one) => one.task === task && one.worlds === 1024 && one.threads === 1);
    if (row === undefined) return [];
    const ratio = row[unit] / perSecond;
    return [
      {
        task,
        unit,
        peer,
        target: perSecond,
        found: row[unit],
        ratio,
        ratioAtThisSpeed: speed === null ? null : ratio / speed,
      },
    ];
  });
  if (compared.length > 0) say('\n1,024 worlds on one thread against figures from ../shared/perf.md');
  for (const { task, unit, peer, target, found, ratio, ratioAtThisSpeed } of compared) {
    const scaled =
      ratioAtThisSpeed === null ? '' : ` (${ratioAtThisSpeed.toFixed(1)} at this machine's speed now)`;
    say(
      `${task.padEnd(12)} ${whole(found).padStart(12)} ${unit === 'physicsStepsPerSecond' ? 'physics' : 'control'} steps/s, ${peer} ${whole(target)}: ${ratio.toFixed(1)} times${scaled}`,
    );
  }
  if (json) {
    console.log(
      JSON.stringify({
        bench: 'sim',
        node: process.version,
        rows,
        peers,
        targets: compared,
        machineSpeed: speed,
      }),
    );
  }
}

if (isMainThread) await main(process.argv.slice(2));
else {
  const { task, seconds } = workerData as { task: keyof typeof tasks; seconds: number };
  parentPort!.postMessage(await measure(tasks[task], seconds));
}
