/** The flags of every verb, and how their texts are read. */

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError, Option } from 'commander';
import type { DeviceChoice } from '../../learn/tensor/device.ts';
import { StoreBusyError, StoreReadOnlyError } from '../../store/index.ts';
import { numbersIn } from '../compare.ts';
import { UsageError } from '../errors.ts';
import { Lab } from '../lab.ts';
import { projectDirectory } from '../project.ts';
import { note, printJson } from './output.ts';

export interface Common {
  readonly project?: string;
  readonly seed: number;
  readonly set: readonly string[];
  readonly json?: boolean;
  readonly device: DeviceChoice;
  readonly threads?: number;
  /** Of the verbs that train: a place, or true for that in the project. */
  readonly tensorboard?: string | true;
  readonly jsonl?: string | true;
}

const devices: readonly DeviceChoice[] = ['auto', 'kernel', 'tfjs-node-gpu', 'webgpu', 'wasm', 'cpu'];

export const whole =
  (low: number, high: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`wanted a whole number from ${low} to ${high}`);
    }
    return value;
  };

export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('wanted a number from 0 to 1');
  return value;
}

export const runId = whole(1, Number.MAX_SAFE_INTEGER);

/**
 * Training seeds: `5` is five of them, from `base`; `1,2,3`, `0..9` or a mix are those themselves.
 * @throws UsageError
 */
export function seedsOf(text: string, base: number): number[] {
  const count = /^\s*\d+\s*$/.test(text) ? Number(text) : null;
  const seeds =
    count === null ? numbersIn(text) : Array.from({ length: Math.min(count, 1001) }, (_, i) => base + i);
  if (seeds === null || seeds.length === 0 || seeds.length > 1000 || seeds.some((seed) => seed >= 2 ** 31)) {
    throw new UsageError([
      `--seeds: found "${text}", wanted how many (5), a list (1,2,3) or a range (0..9) of at most 1000 whole numbers`,
    ]);
  }
  const twice = seeds.find((seed, i) => seeds.indexOf(seed) !== i);
  if (twice !== undefined) throw new UsageError([`--seeds: ${twice} is there twice`]);
  return seeds;
}

function folder(text: string): string {
  // An unset variable of a shell script would else mean the folder it happens to run in.
  if (text.trim() === '') throw new InvalidArgumentError('wanted a folder');
  return text;
}

export const commonOptions = (): Option[] => [
  new Option(
    '--project <dir>',
    'project folder (default: $REWARD_LAB_PROJECT, else one in your user data)',
  ).argParser(folder),
  new Option('--seed <n>', 'seed of everything random').argParser(whole(0, 2 ** 31 - 1)).default(0),
  new Option('--set <field=value>', 'change a setting (repeatable): gamma=0.9, sarm.window=4, weight.sarm=5')
    .argParser((value: string, before: readonly string[]) => [...before, value])
    .default([], 'none'),
  new Option('--device <name>', 'which device computes').choices(devices as string[]).default('auto'),
  new Option(
    '--threads <n>',
    'threads that compute, of claims repetitions at the same time (default: one a core); the results are the same',
  ).argParser(whole(1, 256)),
  new Option('--json', 'print exactly one JSON object on stdout'),
];

/** Files for the metrics, for the verbs that train. */
export const metricFileOptions = (): Option[] => [
  new Option(
    '--tensorboard [dir]',
    "also write TensorBoard event files (default: tensorboard/ in the project's folder)",
  ).argParser(folder),
  new Option(
    '--jsonl [file]',
    "also write metrics as JSON lines (default: metrics/<run>.jsonl in the project's folder)",
  ).argParser(folder),
];

/**
 * The policy of `collect`: what is no word of its own is a checkpoint, by id or as the newest of a run.
 * @throws UsageError
 */
export function policyOf(
  text: string,
): 'expert' | 'random' | { readonly from: 'run' | 'checkpoint'; id: number } {
  if (text === 'expert' || text === 'random') return text;
  const [, from = 'checkpoint', digits] = /^(?:(run|checkpoint):)?([1-9]\d{0,14})$/.exec(text) ?? [];
  if (digits !== undefined) return { from: from as 'run' | 'checkpoint', id: Number(digits) };
  throw new UsageError([
    `--policy: found "${text}", wanted expert, random, run:<id> for a run's newest checkpoint, or the id of a checkpoint`,
  ]);
}

function checkProject(project: string): void {
  if (existsSync(resolve(project, 'lab.db'))) return;
  throw new UsageError([
    `project ${project}: there is no project yet; start one with: lab train push-progress`,
  ]);
}

interface Wanted {
  /** The project is made where there is none. */
  readonly create?: boolean;
  /** Where another process writes, or this user may not, reading will do. */
  readonly orRead?: boolean;
}

function open(options: Common, { create = false, orRead = false }: Wanted): Lab {
  const project = projectDirectory(options.project);
  const { device, threads, tensorboard, jsonl } = options;
  const computes = { device, ...(threads === undefined ? {} : { threads }) };
  const metricFiles = {
    ...(tensorboard === undefined ? {} : { tensorboard }),
    ...(jsonl === undefined ? {} : { jsonl }),
  };
  if (!create) checkProject(project);
  try {
    return new Lab({ project, ...computes, create, metricFiles });
  } catch (error) {
    const barred = error instanceof StoreBusyError || error instanceof StoreReadOnlyError;
    if (!barred || !orRead || !existsSync(resolve(project, 'lab.db'))) throw error;
    note(`${error.message.replace(/\.?$/, '')}; opened for reading.`);
    return new Lab({ project, mode: 'read', ...computes });
  }
}

/**
 * Lets a first Ctrl-C ask for the end, a second one leave at once; returns how to stop listening. A signal to the whole
 * process group arrives twice: from the kernel, and passed on by build/run.mjs.
 */
function onStop(ask: () => void): () => void {
  let askedAt: number | undefined;
  const stop = (): void => {
    if (askedAt !== undefined && performance.now() - askedAt > 1000) process.exit(130);
    if (askedAt !== undefined) return;
    askedAt = performance.now();
    ask();
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, stop);
  return () => {
    for (const signal of signals) process.off(signal, stop);
  };
}

/** Work that stores nothing before its end. Exit code 130 when it was stopped: said in words, or as the one object of `json`. */
export async function stoppable(
  what: string,
  json: boolean,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<number> {
  const stop = new AbortController();
  const done = onStop(() => stop.abort());
  try {
    await work(stop.signal);
    return 0;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    note(`stopped; ${what} keeps nothing before its end, so it starts again from the beginning`);
    if (json) printJson({ status: 'stopped' });
    return 130;
  } finally {
    done();
  }
}

/** Opens the lab, lets `work` use it, and stops every run cleanly on Ctrl-C. */
export async function withLab<T>(
  options: Common,
  wanted: Wanted,
  work: (lab: Lab, stopped: () => boolean) => Promise<T>,
): Promise<T> {
  const lab = open(options, wanted);
  let isStopped = false;
  const done = onStop(() => {
    isStopped = true;
    const going = lab.runs().filter((run) => run.status === 'running' || run.status === 'queued');
    if (!lab.store.readOnly && going.length > 0) {
      note('Stopping: the run is being saved (once more to leave at once)');
      for (const run of going) lab.stop(run.id);
    }
  });
  try {
    return await work(lab, () => isStopped);
  } finally {
    done();
    await lab.close();
  }
}

/** Opens for reading; works beside a running lab. @throws UsageError when there is no project. */
export async function withReader<T>(options: Common, work: (lab: Lab) => T | Promise<T>): Promise<T> {
  const project = projectDirectory(options.project);
  checkProject(project);
  const lab = new Lab({ project, mode: 'read', device: options.device });
  try {
    return await work(lab);
  } finally {
    await lab.close();
  }
}
