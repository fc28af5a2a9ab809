/**
 * What computes networks fastest here, for several sizes: the kernel on one and on all threads, and every device of
 * TensorFlow.js that opens. One update: forward, backward, a step of Adam; medians as the chooser takes them (lab/compute.ts).
 *
 *   npm run bench -- devices [--cpu] [--json]      --cpu: plain JavaScript too, which takes minutes
 */

import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figure, referenceWorkload, timeCompute } from '../lab/compute.ts';
import { messageOf } from '../lab/errors.ts';
import type { Compute, Workload } from '../learn/tensor/compute.ts';
import { openKernel } from '../learn/tensor/kernel/open.ts';
import { openDevice } from '../learn/tensor/open.ts';
import { tfjsCompute } from '../learn/tensor/tfjs.ts';

const { values: flags } = parseArgs({
  options: { cpu: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});

const tanh = (...sizes: number[]): Workload['networks'] => [{ sizes, activation: 'tanh' }];
const workloads: readonly Workload[] = [
  { networks: tanh(4, 64, 64, 2), updateRows: 256, actRows: 8 },
  referenceWorkload,
  { networks: tanh(64, 256, 256, 8), updateRows: 1024, actRows: 64 },
  { networks: tanh(256, 1024, 1024, 16), updateRows: 4096, actRows: 256 },
];

const threads = availableParallelism();
const openers: [string, () => Promise<Compute>][] = [...new Set([1, threads])].map((count) => [
  `kernel, ${count} ${count === 1 ? 'thread' : 'threads'}`,
  () => openKernel({ threads: count }),
]);
for (const name of ['tfjs-node-gpu', 'webgpu', 'wasm', 'cpu'] as const) {
  if (name !== 'cpu' || flags.cpu) openers.push([name, async () => tfjsCompute(await openDevice(name))]);
}

const results: { title: string; reason: string; figures: Figure[] }[] = [];
const missing: string[] = [];
for (const [title, open] of openers) {
  try {
    const compute = await open();
    const figures: Figure[] = [];
    for (const workload of workloads)
      figures.push(await timeCompute(compute, workload, () => performance.now()));
    compute.dispose();
    results.push({ title, reason: compute.reason, figures });
  } catch (error) {
    missing.push(messageOf(error));
  }
}

const gpu = spawnSync('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader'], { encoding: 'utf8' });
const machine = [`${threads} threads of ${cpus()[0]?.model ?? 'an unknown processor'}`, gpu.stdout?.trim()]
  .filter(Boolean)
  .join(', ');
if (flags.json) console.log(JSON.stringify({ machine, workloads, results, missing }));
else {
  console.log(machine);
  const head = workloads.map(({ networks, updateRows, actRows }) => {
    const [shape] = networks;
    return `${shape!.sizes.join(' -> ')}, ${updateRows} rows; act on ${actRows}`;
  });
  console.log(`| | ${head.join(' | ')} |\n| --- |${' ---: |'.repeat(head.length)}`);
  for (const { title, figures } of results) {
    const cells = figures.map(({ updateMs, actUs }) => `${updateMs.toFixed(2)} ms; ${actUs.toFixed(0)} us`);
    console.log(`| ${title} | ${cells.join(' | ')} |`);
  }
  for (const { title, reason } of results) console.log(`${title}: ${reason}`);
  for (const reason of missing) console.log(reason);
}
