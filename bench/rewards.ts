/**
 * How long reward models take to fit on the demonstrations of a task, and how many steps a second they score, for every
 * learned method that is registered, at its default settings and in the variants named below.
 *
 *   npm run bench -- rewards [--json] [--task push] [--demonstrations 50] [--methods a,b] [--seconds 2] [--threads 2]
 *        [--quick: 20 updates a fit, to see that it runs]
 *
 * Fitting is timed with the kernel on `--threads` threads, from demonstrations in memory to a model. Scoring is one thread:
 * whole episodes (`score`) and 32 worlds side by side (`online`), the frames sensed before the clock starts; a time is the
 * shortest of many, which on a loaded machine is the nearest to a quiet one.
 */

import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { prepareFit } from '../lab/fit.ts';
import { play } from '../lab/footage.ts';
import { taskNamed } from '../lab/registry.ts';
import { episodeSeed } from '../lab/seeds.ts';
import { rewards } from '../learn/rewards/index.ts';
import type { Demonstration, LearnedReward, RewardMethod, RewardModel } from '../learn/rewards/types.ts';
import { openKernel } from '../learn/tensor/kernel/open.ts';
import { type AnySettings, defaultsOf } from '../sim/fields.ts';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    task: { type: 'string', default: 'push' },
    demonstrations: { type: 'string', default: '50' },
    methods: { type: 'string' },
    seconds: { type: 'string', default: '2' },
    quick: { type: 'boolean', default: false },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
  },
});

/** Other settings worth a line of their own. */
const variants: Readonly<Record<string, Readonly<Record<string, AnySettings>>>> = {
  sarm: { transformer: { architecture: 'transformer', window: 8, anchor: true } },
};

/** What the lab promises (docs/benchmarks.md). */
const targets = { fitSeconds: 60, stepsPerSecond: 200_000 };
const worlds = 32;

interface Row {
  readonly method: string;
  readonly variant: string;
  readonly frameDim: number;
  readonly fitSeconds: number;
  readonly fitProcessorSeconds: number;
  readonly offlineStepsPerSecond: number;
  /** Null where it looks ahead. */
  readonly onlineStepsPerSecond: number | null;
}

const task = taskNamed(flags.task);
if (task === undefined) throw new RangeError(`--task: found "${flags.task}", no such task`);
const model = task.create(defaultsOf(task.fields));
const count = Number(flags.demonstrations);
const footage = play({
  model,
  player: { kind: 'expert', noise: 0.4 },
  seeds: Array.from({ length: count }, (_, i) => episodeSeed('demonstration', 0, i)),
});
const kernel = await openKernel({ threads: Number(flags.threads) });

const known = (Object.entries(rewards) as [string, RewardMethod][]).flatMap(([id, method]) =>
  method.kind === 'learned' ? [[id, method] as const] : [],
);
const wanted = flags.methods?.split(',');
for (const id of wanted ?? [])
  if (!known.some(([other]) => other === id))
    throw new RangeError(`--methods: found "${id}", wanted some of ${known.map(([k]) => k).join(', ')}`);

const say = (line: string): void => {
  if (!flags.json) console.log(line);
};
say(`${count} demonstrations of ${flags.task}, ${footage.reduce((n, { length }) => n + length, 0)} steps`);
say('method                      fit s (processor s)   score steps/s   online steps/s');

const rows: Row[] = [];
const refused: { readonly method: string; readonly variant: string; readonly reason: string }[] = [];
for (const [id, method] of known) {
  if (wanted !== undefined && !wanted.includes(id)) continue;
  for (const [variant, own] of Object.entries({ default: {}, ...variants[id] })) {
    const settings = {
      ...defaultsOf(method.fields),
      ...own,
      ...(flags.quick && 'updates' in method.fields ? { updates: 20 } : {}),
    };
    try {
      rows.push(await measured(method, variant, settings));
    } catch (error) {
      // A method that this task does not suit says so and is listed.
      if (!(error instanceof RangeError)) throw error;
      refused.push({ method: id, variant, reason: error.message });
      say(`${id}: ${error.message}`);
    }
  }
}
kernel.dispose();
if (flags.json) {
  const machine = `${availableParallelism()} threads of ${cpus()[0]?.model ?? 'an unknown processor'}`;
  console.log(
    JSON.stringify({ machine, task: flags.task, demonstrations: count, targets, rows, refused }, null, 2),
  );
}

async function measured(method: LearnedReward, variant: string, settings: AnySettings): Promise<Row> {
  const setup = { compute: kernel, seed: 0, signal: new AbortController().signal };
  const prepared = prepareFit(method, settings, model, footage, setup);
  const [demonstrations, , { frameDim }] = prepared;
  const begun = performance.now();
  const processor = process.cpuUsage();
  const { model: fitted } = await method.fit(...prepared);
  const fitSeconds = (performance.now() - begun) / 1000;
  const { user, system } = process.cpuUsage(processor);
  const row: Row = {
    method: method.id,
    variant,
    frameDim,
    fitSeconds,
    fitProcessorSeconds: (user + system) / 1e6,
    offlineStepsPerSecond: offline(fitted, demonstrations),
    onlineStepsPerSecond: method.causal ? online(fitted, demonstrations) : null,
  };
  const name = `${row.method} (${variant})`.padEnd(28);
  const whole = (value: number | null) =>
    value === null ? 'offline only' : Math.round(value).toLocaleString('en');
  say(
    `${name}${`${fitSeconds.toFixed(1)} (${row.fitProcessorSeconds.toFixed(1)})`.padEnd(22)}${whole(row.offlineStepsPerSecond).padEnd(16)}${whole(row.onlineStepsPerSecond)}`,
  );
  return row;
}

/** Most calls a second for as long as `--seconds` allows, times what one call does. */
function rate(steps: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + 1000 * Number(flags.seconds);
  // The first calls wake the compiler; slow methods still get three.
  for (let call = 0; call < 3 || performance.now() < end; call++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return (1000 * steps) / best;
}

function offline(fitted: RewardModel, demonstrations: readonly Demonstration[]): number {
  const some = demonstrations.slice(0, 4);
  return rate(
    some.reduce((sum, { length }) => sum + length + 1, 0),
    () => {
      for (const { frames, length } of some) fitted.score(frames, length);
    },
  );
}

/** Worlds that repeat the demonstrations' frames. */
function online(fitted: RewardModel, demonstrations: readonly Demonstration[]): number {
  const dim = fitted.frameDim;
  const steps = 20;
  const frames = Array.from({ length: steps + 1 }, (_, t) => {
    const row = new Float64Array(worlds * dim);
    for (let w = 0; w < worlds; w++) {
      const { frames, length } = demonstrations[w % demonstrations.length]!;
      const at = Math.min(t, length) * dim;
      row.set(frames.subarray(at, at + dim), w * dim);
    }
    return row;
  });
  const scorer = fitted.online(worlds);
  for (let w = 0; w < worlds; w++) scorer.reset(w, frames[0]!, w * dim);
  return rate(worlds * steps, () => {
    for (let t = 1; t <= steps; t++) scorer.step(frames[t]!);
  });
}
