/**
 * Episode storage: 46 float32 columns x 500 steps x 400 episodes, the shape of the peers' table at a fifth of its size.
 * `node bench/store.ts [--json]`; medians of three projects. Every episode is a transaction of its own.
 */

import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeColumns, encodeColumns } from '../store/formats/episode-blob.ts';
import { type Column, openStore } from '../store/index.ts';

const columnCount = 46;
const steps = 500;
const episodeCount = 400;
const rounds = 3;

/** xorshift32 as numbers in [-0.5, 0.5). */
function generator(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32 - 0.5;
  };
}

/** `noise`: every value independent, the worst case. `motion`: positions and speeds of a jittery arm. */
function makeColumns(kind: 'noise' | 'motion', seed: number): Column[] {
  const next = generator(seed * 2654435761);
  return Array.from({ length: columnCount }, (_, index) => {
    const data = new Float32Array(steps);
    let speed = 0;
    let position = next();
    for (let t = 0; t < steps; t++) {
      speed = 0.9 * speed + 0.1 * next();
      position += 0.02 * speed;
      data[t] = kind === 'noise' ? next() : index % 2 === 0 ? position : speed;
    }
    return { name: `column${index}`, width: 1, data };
  });
}

interface Figures {
  readonly writeStepsPerSecond: number;
  /** Without waiting for the disk or for other processes. */
  readonly writeStepsPerCpuSecond: number;
  readonly slowestPercentMs: number;
  readonly randomEpisodeMs: number;
  readonly twoColumnsMs: number;
  readonly readAllMs: number;
  readonly bytes: number;
  readonly bytesOverRaw: number;
  readonly plainFileStepsPerSecond: number;
  readonly encodeMs: number;
  readonly decodeMs: number;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const since = (start: number): number => performance.now() - start;

function measure(kind: 'noise' | 'motion'): Figures {
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-bench-'));
  try {
    const episodes = Array.from({ length: 50 }, (_, seed) => makeColumns(kind, seed + 1));
    const store = openStore(folder);
    const runId = store.runs.create({
      kind: 'train',
      name: 'bench',
      task: 'push',
      algorithm: 'ppo',
      seed: 0,
      config: {},
      versions: {},
    });
    const ids: number[] = [];
    const waits: number[] = [];
    const writing = performance.now();
    const usage = process.cpuUsage();
    for (let i = 0; i < episodeCount; i++) {
      const start = performance.now();
      ids.push(
        store.episodes.add({
          runId,
          task: 'push',
          kind: 'training',
          seed: i,
          trainedSteps: i * steps,
          length: steps,
          ending: 'truncated',
          success: false,
          finalProgress: 0.5,
          returnTotal: 1,
          returns: { sparse: 0, progress: 1 },
          rewardHash: null,
          checksum: '0000000000000000',
          columns: episodes[i % episodes.length]!,
        }),
      );
      waits.push(since(start));
    }
    const writeMs = since(writing);
    const { user, system } = process.cpuUsage(usage);

    const next = generator(9);
    const pick = (): number => ids[Math.floor((next() + 0.5) * ids.length)]!;
    const timed = (count: number, work: () => unknown): number => {
      const start = performance.now();
      for (let i = 0; i < count; i++) work();
      return since(start) / count;
    };
    const randomEpisodeMs = timed(300, () => store.episodes.columns(pick()));
    const twoColumnsMs = timed(300, () => store.episodes.columns(pick(), ['column3', 'column40']));
    const readAllMs = timed(1, () => {
      for (const id of ids) store.episodes.columns(id);
    });
    store.close();
    const bytes = statSync(store.file).size;

    const raw = Buffer.concat(
      Array.from({ length: episodeCount }, (_, i) =>
        Buffer.concat(episodes[i % episodes.length]!.map(({ data }) => Buffer.from(data.buffer))),
      ),
    );
    const plainMs = timed(1, () => writeFileSync(join(folder, 'plain'), raw));
    const blobs = episodes.map((columns) => encodeColumns(columns));
    let at = 0;
    return {
      writeStepsPerSecond: (episodeCount * steps * 1000) / writeMs,
      writeStepsPerCpuSecond: (episodeCount * steps * 1e6) / (user + system),
      slowestPercentMs: waits.toSorted((a, b) => b - a)[Math.floor(episodeCount / 100)]!,
      randomEpisodeMs,
      twoColumnsMs,
      readAllMs,
      bytes,
      bytesOverRaw: bytes / raw.length,
      plainFileStepsPerSecond: (episodeCount * steps * 1000) / plainMs,
      encodeMs: timed(300, () => encodeColumns(episodes[at++ % episodes.length]!)),
      decodeMs: timed(300, () => decodeColumns(blobs[at++ % blobs.length]!)),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function medians(kind: 'noise' | 'motion'): Figures {
  const all = Array.from({ length: rounds }, () => measure(kind));
  const names = Object.keys(all[0]!) as (keyof Figures)[];
  return Object.fromEntries(
    names.map((name) => [name, median(all.map((one) => one[name]))]),
  ) as unknown as Figures;
}

const shape = { columns: columnCount, steps, episodes: episodeCount, type: 'f32', rounds };
const result = { bench: 'store', shape, noise: medians('noise'), motion: medians('motion') };
if (process.argv.includes('--json')) {
  console.log(JSON.stringify(result));
} else {
  console.log(`${columnCount} float32 x ${steps} steps x ${episodeCount} episodes, medians of ${rounds}`);
  for (const name of Object.keys(result.noise) as (keyof Figures)[]) {
    const [noise, motion] = [result.noise[name], result.motion[name]].map((value) =>
      value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3),
    );
    console.log(`${name.padEnd(26)}noise ${noise!.padStart(12)}   motion ${motion!.padStart(12)}`);
  }
}
