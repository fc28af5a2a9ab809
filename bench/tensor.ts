/**
 * How fast networks are computed: the kernel on one and on two threads beside TensorFlow.js in WASM (gradients written by
 * hand, explicit transposes), and beside what the machine's 128-bit SIMD can do at all.
 *
 *   npm run bench -- tensor [--json] [--threads 2] [--seconds 1] [--batches 64,256,2048,8192] [--no-peers]
 *
 * An update is forward, backward and one step of Adam. All of a line's contenders take turns, so that they share whatever
 * else the machine does; a time is the shortest of many chunks, which on a loaded machine is the nearest to a quiet one.
 * (Updates of several milliseconds find no quiet moment there, nor do two threads on two cores: `chrt -f 1` in front helps.)
 * FLOP count products alone (a multiply-add is two), so activations, Adam and copies count as waiting.
 */

import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { Random } from '../learn/parts/random.ts';
import type { Compute, NetworkSpec, Networks } from '../learn/tensor/compute.ts';
import { type Kernel, openKernel } from '../learn/tensor/kernel/open.ts';
import { initialize } from '../learn/tensor/mlp.ts';
import { openDevice } from '../learn/tensor/open.ts';
import { tfjsCompute } from '../learn/tensor/tfjs.ts';

const { values: flags } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    seconds: { type: 'string', default: '1' },
    batches: { type: 'string', default: '64,256,2048,8192' },
    'no-peers': { type: 'boolean', default: false },
  },
});
const most = Number(flags.threads);
const seconds = Number(flags.seconds);
const batches = flags.batches.split(',').map(Number);

/** Several networks of one line are updated together and read the same inputs. */
const cases: Readonly<Record<string, readonly (readonly number[])[]>> = {
  '32-128-128-8': [[32, 128, 128, 8]],
  'cartpole PPO 4-64-64-2 + 4-64-64-1': [
    [4, 64, 64, 2],
    [4, 64, 64, 1],
  ],
  'SAC critic 14-256-256-1': [[14, 256, 256, 1]],
};

interface Contender {
  readonly name: string;
  readonly work: () => void | Promise<void>;
  /** Shortest time of a call, ms. */
  best: number;
  /** Calls of a chunk: enough for the clock. */
  calls: number;
  /** ms so far. */
  spent: number;
}

/** A chunk is at least this long, ms: the clock is good to a microsecond. */
const chunkMs = 0.1;

/** All take turns; each is done after `seconds` of its own. */
async function race(contenders: readonly Contender[], seconds: number): Promise<void> {
  for (let turn = 0; ; turn++) {
    const left = contenders.filter(({ spent }) => turn < 2 || spent < 1000 * seconds);
    if (left.length === 0) return;
    for (const contender of left) {
      const { work } = contender;
      const began = performance.now();
      // Calls before the clock starts wake threads and caches, the first ones the compiler.
      for (let call = 0; call < (turn === 0 ? 3 : 1); call++) await work();
      for (;;) {
        const start = performance.now();
        for (let call = 0; call < contender.calls; call++) {
          const wait = work();
          if (wait) await wait;
        }
        const taken = performance.now() - start;
        if (taken >= chunkMs) {
          contender.best = Math.min(contender.best, taken / contender.calls);
          break;
        }
        contender.calls *= 2;
      }
      contender.spent += performance.now() - began;
    }
  }
}

const contender = (name: string, work: () => void | Promise<void>): Contender => ({
  name,
  work,
  best: Number.POSITIVE_INFINITY,
  calls: 1,
  spent: 0,
});

function networksOf(compute: Compute, shapes: readonly (readonly number[])[], rows: number): Networks {
  const random = new Random(1);
  const networks: NetworkSpec[] = shapes.map((sizes, n) => ({
    shape: { sizes, activation: 'tanh' },
    ...(n > 0 ? { inputOf: 0 } : {}),
  }));
  const parameters = networks.flatMap(({ shape }) => [...initialize(shape, random)]);
  const nets = compute.networks({ networks, rows, parameters: Float32Array.from(parameters) });
  for (const array of [nets.inputs[0]!, ...nets.outputGradients])
    for (let i = 0; i < array.length; i++) array[i] = random.gaussian();
  return nets;
}

function update(nets: Networks, rows: number): () => void | Promise<void> {
  const all = nets.networks.map((_, n) => n);
  const options = { learningRate: 1e-6, maxGradNorm: 0.5 };
  const later = async (wait: void | Promise<void>): Promise<void> => {
    await wait;
    await nets.backward(all, rows);
    await nets.step(options);
  };
  return () => {
    const wait = nets.forward(all, rows);
    if (wait) return later(wait);
    const next = nets.backward(all, rows);
    if (next) return next.then(() => nets.step(options)).then(() => undefined);
    const norm = nets.step(options);
    return typeof norm === 'number' ? undefined : norm.then(() => undefined);
  };
}

/** Of an update: every product forward, the weights' gradients, and the inputs' gradients but the first. */
const flopOf = (shapes: readonly (readonly number[])[], rows: number): number =>
  shapes.reduce(
    (sum, sizes) =>
      sum + sizes.slice(1).reduce((all, size, l) => all + 2 * rows * size * sizes[l]! * (l === 0 ? 2 : 3), 0),
    0,
  );

const kernels: Kernel[] = [];
for (const threads of new Set([1, most])) kernels.push(await openKernel({ threads }));
const peer = flags['no-peers'] ? undefined : tfjsCompute(await openDevice('wasm'));
const computes: readonly { readonly name: string; readonly compute: Compute }[] = [
  ...kernels.map((compute) => ({ name: `kernel ${compute.threads}`, compute })),
  ...(peer ? [{ name: 'tfjs wasm', compute: peer }] : []),
];

// Scratch memory for the peak's sums.
for (const kernel of kernels) networksOf(kernel, [[8, 8]], 1).dispose();
const rounds = 400;
const pieces = 8;
const peakFlop = (threads: number): number => pieces * threads * rounds * 40 * 8;
const peakOf = (kernel: Kernel): Contender =>
  contender(`peak ${kernel.threads}`, () => kernel.exports.peakAll(pieces * kernel.threads, rounds));
// V8 compiles the loop well only after it ran for a while.
await race(kernels.map(peakOf), 0.3);

interface Row {
  readonly networks: string;
  readonly batch: number;
  /** ms of an update, by contender. */
  readonly ms: Readonly<Record<string, number>>;
  readonly gflops: Readonly<Record<string, number>>;
  /** Of the peak on as many threads, measured in the same rounds. */
  readonly ofPeak: Readonly<Record<string, number>>;
  readonly peak: Readonly<Record<string, number>>;
  /** TensorFlow.js's time over the kernel's on one thread. */
  readonly timesFaster?: number;
}

const rows: Row[] = [];
for (const [name, shapes] of Object.entries(cases)) {
  for (const batch of batches) {
    const nets = computes.map(({ compute }) => networksOf(compute, shapes, batch));
    const works = computes.map(({ name }, k) => contender(name, update(nets[k]!, batch)));
    const peaks = kernels.map(peakOf);
    await race([...works, ...peaks], seconds);
    const flop = flopOf(shapes, batch);
    const gflops = works.map(({ name, best }) => [name, flop / best / 1e6] as const);
    const peak = kernels.map(
      ({ threads }, k) => [`${threads}`, peakFlop(threads) / peaks[k]!.best / 1e6] as const,
    );
    const other = works.find((work) => work.name === 'tfjs wasm');
    rows.push({
      networks: name,
      batch,
      ms: Object.fromEntries(works.map((work) => [work.name, work.best])),
      gflops: Object.fromEntries(gflops),
      ofPeak: Object.fromEntries(kernels.map((_, k) => [gflops[k]![0], gflops[k]![1] / peak[k]![1]])),
      peak: Object.fromEntries(peak),
      ...(other ? { timesFaster: other.best / works[0]!.best } : {}),
    });
    for (const one of nets) one.dispose();
  }
}

const inference: { networks: string; rows: number; microseconds: Record<string, number> }[] = [];
for (const sizes of [
  [32, 128, 128, 8],
  [4, 64, 64, 2],
]) {
  for (const count of [1, 16, 64]) {
    const nets = computes.map(({ compute }) => networksOf(compute, [sizes], count));
    const which = [0];
    const works = computes.map(({ name }, k) =>
      contender(name, () => nets[k]!.forward(which, count) as void | Promise<void>),
    );
    await race(works, seconds);
    const microseconds = Object.fromEntries(works.map(({ name, best }) => [name, 1000 * best]));
    inference.push({ networks: sizes.join('-'), rows: count, microseconds });
    for (const one of nets) one.dispose();
  }
}
for (const { compute } of computes) compute.dispose();

const report = { processor: cpus()[0]?.model ?? 'unknown', simd: kernels[0]!.simd, rows, inference };
if (flags.json) console.log(JSON.stringify(report));
else {
  const { processor, simd } = report;
  console.log(
    `${processor}; kernel with ${simd} SIMD; shortest of many chunks; ms of forward + backward + Adam`,
  );
  for (const { networks, batch, ms, gflops, ofPeak, peak, timesFaster } of rows) {
    const parts = Object.entries(ms).map(([name, time]) => {
      const share = ofPeak[name];
      const rate = `${gflops[name]!.toFixed(1)} GFLOP/s${share === undefined ? '' : `, ${Math.round(100 * share)} % of peak`}`;
      return `${name}: ${time.toFixed(3)} ms (${rate})`;
    });
    const times = timesFaster === undefined ? '' : `; ${timesFaster.toFixed(1)} times tfjs on one thread`;
    const peaks = Object.entries(peak).map(([threads, value]) => `${threads}: ${value.toFixed(0)}`);
    console.log(`  ${networks}, batch ${batch}: ${parts.join('; ')}${times} [peak ${peaks.join(', ')}]`);
  }
  console.log('forward alone, microseconds');
  for (const { networks, rows, microseconds } of inference) {
    const parts = Object.entries(microseconds).map(([name, time]) => `${name}: ${time.toFixed(2)}`);
    console.log(`  ${networks}, ${rows} ${rows === 1 ? 'row' : 'rows'}: ${parts.join('; ')}`);
  }
}
