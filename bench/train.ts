/**
 * How fast and how well agents learn on this machine, through the whole lab: worker thread, recording, database.
 *
 *   npm run bench -- train                       all parts, in this order
 *   npm run bench -- train speed [--tasks a,b]   steps/s of every task at its own settings, split into its parts
 *   npm run bench -- train recording             what recording costs, with and without in turns
 *   npm run bench -- train cartpole | pendulum | pendulum-sac    seconds to a mean return over 100 episodes
 *   npm run bench -- train success [--tasks a,b] success of the tuned settings on fresh starts, over seeds
 *   npm run bench -- train memory [--steps n]    memory over a long run
 *
 * Options: --seeds n (0 .. n - 1), --seconds n (a task of `speed`, a run of `recording`), --turns n and --settle n (of `recording`: how often, and after how
 * many seconds the engine has compiled what records: 4, or a third of a run), --threads n (that compute, in `recording`: one fewer than cores shows what it costs where a core is
 * free), --device, --json.
 */

import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { DeviceChoice } from '../learn/tensor/device.ts';
import { tasks } from '../sim/tasks/index.ts';
import { meanInterval, median, recipeOf, speedAfter, type Trained, train } from './train/runs.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    tasks: { type: 'string' },
    seeds: { type: 'string' },
    seconds: { type: 'string' },
    turns: { type: 'string' },
    settle: { type: 'string' },
    threads: { type: 'string' },
    steps: { type: 'string' },
    device: { type: 'string', default: 'auto' },
    json: { type: 'boolean', default: false },
  },
});
const device = flags.device as DeviceChoice;
const report: Record<string, unknown> = {
  machine: `${availableParallelism()} threads of ${cpus()[0]?.model ?? 'an unknown processor'}`,
};
const say = (line: string): void => {
  if (!flags.json) console.log(line);
};
const seedList = (count: number): number[] =>
  Array.from({ length: flags.seeds === undefined ? count : Number(flags.seeds) }, (_, seed) => seed);
/** Neither evaluates nor saves on the way: seconds to a threshold are seconds of learning, as the peers' are. */
const undisturbed = { evaluateEvery: 100_000_000, checkpointEvery: 100_000_000, evaluationEpisodes: 100 };

interface Threshold {
  readonly task: string;
  readonly algorithm: string;
  readonly settings: Readonly<Record<string, number | string | boolean>>;
  readonly meanReturn: number;
  readonly seeds: number;
  /** What peers need for the same on a machine like ours (../shared/perf.md). */
  readonly peers: string;
}

const thresholds: Readonly<Record<string, Threshold>> = {
  cartpole: {
    task: 'cartpole',
    algorithm: 'ppo',
    settings: { steps: 150_000 },
    meanReturn: 475,
    seeds: 10,
    peers: 'Stable-Baselines3 12.9 s at 5,450 steps/s, CleanRL 36 s',
  },
  pendulum: {
    task: 'pendulum',
    algorithm: 'ppo',
    settings: {},
    meanReturn: -250,
    seeds: 10,
    peers: 'Stable-Baselines3 17.3 s at 3,160 steps/s, CleanRL not within 160,000 steps',
  },
  'pendulum-sac': {
    task: 'pendulum',
    algorithm: 'sac',
    settings: { steps: 10_000 },
    meanReturn: -200,
    seeds: 10,
    peers: 'the aim is within 10,000 steps',
  },
};

/** Index of the episode with which the mean of the last 100 (or `most`) returns first reaches the threshold; -1: never. */
function reached({ episodes }: Trained, meanReturn: number, most = 100): number {
  let sum = 0;
  for (const [i, episode] of episodes.entries()) {
    sum += episode.returnTotal;
    if (i >= most) sum -= episodes[i - most]!.returnTotal;
    if (i >= most - 1 && sum / most >= meanReturn) return i;
  }
  return -1;
}

async function toThreshold(name: string): Promise<void> {
  const { task, algorithm, settings, meanReturn, seeds, peers } = thresholds[name]!;
  const rows = [];
  for (const seed of seedList(seeds)) {
    const recipe = recipeOf(task, { algorithm, algorithmSettings: settings, experiment: undisturbed });
    const trained = await train(recipe, seed, { device });
    // Ten thousand steps of pendulum are 50 episodes: there the last 20 have to do.
    const at = reached(trained, meanReturn, algorithm === 'sac' ? 20 : 100);
    const episode = trained.episodes[at];
    const row = {
      seed,
      seconds: episode === undefined ? null : (episode.createdAt - trained.beganAt) / 1000,
      steps:
        episode === undefined
          ? null
          : trained.episodes.slice(0, at + 1).reduce((sum, { length }) => sum + length, 0),
      stepsPerSecond: trained.stepsPerSecond,
      evaluation: trained.evaluation,
      device: trained.device,
    };
    rows.push(row);
    say(
      `  seed ${seed}: ${row.seconds === null ? 'not reached' : `${row.seconds.toFixed(2)} s, ${row.steps} steps`}` +
        `, ${Math.round(row.stepsPerSecond)} steps/s, then ${row.evaluation.meanReturn.toFixed(1)} on fresh starts`,
    );
  }
  const times = rows.map(({ seconds }) => seconds ?? Number.POSITIVE_INFINITY);
  const summary = {
    threshold: meanReturn,
    reached: rows.filter(({ seconds }) => seconds !== null).length,
    medianSeconds: median(times),
    medianSteps: median(rows.map(({ steps }) => steps ?? Number.POSITIVE_INFINITY)),
    medianStepsPerSecond: median(rows.map(({ stepsPerSecond }) => stepsPerSecond)),
    peers,
    rows,
  };
  report[name] = summary;
  say(
    `${name}: mean return ${meanReturn} in ${summary.reached} of ${rows.length} seeds, median ${summary.medianSeconds.toFixed(2)} s ` +
      `and ${summary.medianSteps} steps, ${Math.round(summary.medianStepsPerSecond)} steps/s (${peers})`,
  );
}

const chosenTasks = (): string[] => flags.tasks?.split(',') ?? Object.keys(tasks);

async function speed(): Promise<void> {
  const rows = [];
  say('us a step:               steps/s  simulate   reward   record      act    learn    other');
  for (const task of chosenTasks()) {
    const recipe = recipeOf(task, { experiment: undisturbed });
    const seconds = Number(flags.seconds ?? 4);
    const {
      stepsPerSecond,
      parts,
      device: used,
    } = await train(
      { ...recipe, algorithmSettings: { ...recipe.algorithmSettings, steps: 1_000_000_000 } },
      0,
      { device, seconds },
    );
    const { all = 0, ...named } = parts;
    const other = all - Object.values(named).reduce((sum, value) => sum + value, 0);
    rows.push({
      task,
      algorithm: recipe.algorithm,
      device: used,
      stepsPerSecond,
      microseconds: { ...named, other },
    });
    const numbers = ['simulate', 'reward', 'record', 'act', 'learn']
      .map((part) => (named[part] ?? 0).toFixed(1).padStart(9))
      .join('');
    say(
      `  ${`${task} (${recipe.algorithm})`.padEnd(22)}${Math.round(stepsPerSecond).toString().padStart(8)}${numbers}${other.toFixed(1).padStart(9)}`,
    );
  }
  report['speed'] = rows;
}

/**
 * Recorded, not recorded, and recorded with a window that follows, in turns: each turn gives one ratio of steps/s, and who
 * comes first changes from turn to turn. All three learn the same, so their episodes are as long as each other's. Twice: of the whole
 * run, and without its first seconds, in which the engine compiles what records.
 */
async function recording(): Promise<void> {
  const rows = [];
  const ways = ['recorded', 'unrecorded', 'watched'] as const;
  const turns = Number(flags.turns ?? 8);
  const seconds = Number(flags.seconds ?? 12);
  const settle = Number(flags.settle ?? Math.min(4, seconds / 3));
  type Speeds = Record<(typeof ways)[number], number>;
  for (const task of flags.tasks?.split(',') ?? ['cartpole', 'push', 'cheetah']) {
    const whole: Speeds[] = [];
    const settled: Speeds[] = [];
    let seen = { episodes: 0, bytes: 0 };
    for (let turn = 0; turn < turns; turn++) {
      const found = { recorded: 0, unrecorded: 0, watched: 0 };
      const later = { ...found };
      for (const [place] of ways.entries()) {
        const way = ways[(place + turn) % ways.length]!;
        const record = way === 'unrecorded' ? 'none' : 'all';
        const recipe = recipeOf(task, { experiment: { ...undisturbed, record } });
        const steps = { ...recipe.algorithmSettings, steps: 1_000_000_000 };
        const trained = await train({ ...recipe, algorithmSettings: steps }, 0, {
          device,
          seconds,
          watched: way === 'watched',
          ...(flags.threads === undefined ? {} : { threads: Number(flags.threads) }),
        });
        found[way] = trained.stepsPerSecond;
        later[way] = speedAfter(trained, settle);
        seen = trained.seen ?? seen;
      }
      whole.push(found);
      settled.push(later);
    }
    /** What the first costs beside the second: a share of steps/s, its median, and 95 % of its mean. */
    const cost = (speeds: readonly Speeds[], one: (typeof ways)[number], other: (typeof ways)[number]) => {
      const ratios = speeds.map((turn) => turn[one] / turn[other]);
      const [low, high] = meanInterval(ratios.map(Math.log)).map(Math.exp) as [number, number];
      return { median: 1 - median(ratios), interval: [1 - high, 1 - low] as const };
    };
    const costs = (speeds: readonly Speeds[]) => ({
      turns: speeds,
      unrecorded: median(speeds.map(({ unrecorded }) => unrecorded)),
      recording: cost(speeds, 'recorded', 'unrecorded'),
      watching: cost(speeds, 'watched', 'recorded'),
    });
    const row = { task, seconds, settle, settled: costs(settled), whole: costs(whole), seen };
    rows.push(row);
    const inWords = ({ median: middle, interval }: ReturnType<typeof cost>): string =>
      `${(100 * middle).toFixed(1)} % (95 % of the mean ${interval.map((x) => (100 * x).toFixed(1)).join(' to ')})`;
    for (const [part, { unrecorded, recording: recorded, watching }] of [
      [`after ${settle} s`, row.settled],
      [`all ${seconds} s`, row.whole],
    ] as const) {
      say(
        `${task}, ${part}: ${Math.round(unrecorded)} steps/s unrecorded; recording costs ${inWords(recorded)}, ` +
          `a window that follows ${inWords(watching)} more; ${turns} turns (${seen.episodes} episodes opened, ${Math.round(seen.bytes / 1000)} kB)`,
      );
    }
  }
  report['recording'] = rows;
}

async function success(): Promise<void> {
  const rows = [];
  for (const task of flags.tasks?.split(',') ?? ['reach', 'push', 'pick-place']) {
    for (const algorithm of Object.keys(
      (tasks as Record<string, { training?: object }>)[task]?.training ?? {},
    )) {
      const runs = [];
      for (const seed of seedList(5)) {
        const recipe = recipeOf(task, { algorithm, experiment: { evaluationEpisodes: 200 } });
        const trained = await train(recipe, seed, { device });
        runs.push({ seed, seconds: trained.seconds, steps: trained.steps, ...trained.evaluation });
        say(
          `  ${task} by ${algorithm}, seed ${seed}: success ${trained.evaluation.success.toFixed(3)}, return ` +
            `${trained.evaluation.meanReturn.toFixed(1)}, ${trained.steps} steps in ${trained.seconds.toFixed(0)} s`,
        );
      }
      const rates = runs.map((run) => run.success);
      rows.push({ task, algorithm, runs });
      say(
        `${task} by ${algorithm}: success median ${median(rates).toFixed(3)}, from ${Math.min(...rates).toFixed(3)} to ` +
          `${Math.max(...rates).toFixed(3)} over ${rates.length} seeds, ${median(runs.map((run) => run.seconds)).toFixed(0)} s`,
      );
    }
  }
  report['success'] = rows;
}

/** A process of its own, so that nothing else is counted. */
async function memory(): Promise<void> {
  const steps = Number(flags.steps ?? 10_000_000);
  const script = fileURLToPath(new URL('./train/memory.ts', import.meta.url));
  const child = spawnSync(process.execPath, [script, String(steps), device], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 26,
  });
  if (child.status !== 0) throw new Error(`The memory run ended with code ${child.status}`);
  const found = JSON.parse(child.stdout) as { peakMb: number; quarters: number[]; stepsPerSecond: number };
  report['memory'] = { steps, ...found };
  say(
    `memory over ${steps} steps of cartpole, recorded: peak ${found.peakMb.toFixed(0)} MB; most in each quarter of the run ` +
      `${found.quarters.map((mb) => mb.toFixed(0)).join(', ')} MB; ${Math.round(found.stepsPerSecond)} steps/s`,
  );
}

const parts: Readonly<Record<string, () => Promise<void>>> = {
  speed,
  recording,
  ...Object.fromEntries(Object.keys(thresholds).map((name) => [name, () => toThreshold(name)])),
  success,
  memory,
};
const wanted = positionals.length === 0 ? Object.keys(parts) : positionals;
const strange = wanted.find((name) => !Object.hasOwn(parts, name));
if (strange !== undefined) {
  process.stderr.write(`Unknown part "${strange}"; there are ${Object.keys(parts).join(', ')}\n`);
  process.exitCode = 2;
} else {
  say(String(report['machine']));
  for (const name of wanted) await parts[name]!();
  if (flags.json) console.log(JSON.stringify(report));
}
