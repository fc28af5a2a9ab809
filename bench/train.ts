/**
 * How fast PPO learns on this machine, apart from any simulator: the update (gradients and Adam), the inference of a
 * rollout, and both together over an environment that costs next to nothing.
 *
 *   node bench/train.ts [--device auto|wasm|cpu|webgpu|tfjs-node-gpu] [--json]
 */

import { parseArgs } from 'node:util';
import { ppo } from '../learn/algorithms/ppo.ts';
import { Network } from '../learn/parts/network.ts';
import { Random } from '../learn/parts/random.ts';
import type { DeviceChoice } from '../learn/tensor/device.ts';
import { initialize } from '../learn/tensor/mlp.ts';
import { openDevice } from '../learn/tensor/open.ts';
import { defaultsOf } from '../sim/fields.ts';
import { IdleEnv } from './idle-env.ts';

const { values: flags } = parseArgs({
  options: { device: { type: 'string', default: 'auto' }, json: { type: 'boolean', default: false } },
});

const observationDim = 25;
const actionDim = 3;
const device = await openDevice(flags.device as DeviceChoice);

/** Median milliseconds of one call. */
async function time(work: () => unknown, warmUp: number, repeats: number): Promise<number> {
  for (let i = 0; i < warmUp; i++) await work();
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[repeats >> 1]!;
}

const random = new Random(1);
const shape = { sizes: [observationDim, 64, 64, actionDim], activation: 'tanh' as const };
const network = new Network(shape, initialize(shape, random));
const inference: Record<string, number> = {};
for (const rows of [1, 32, 64]) {
  const inputs = Float64Array.from({ length: rows * observationDim }, () => random.gaussian());
  const out = new Float64Array(rows * actionDim);
  inference[`${rows} rows`] = 1000 * (await time(() => network.forward(inputs, rows, out), 2000, 2001));
}

const results = [];
for (const settings of [{}, { minibatch: 256 }, { epochs: 10 }, { worlds: 64 }]) {
  const merged = { ...defaultsOf(ppo.fields), targetKl: 0, ...settings } as Readonly<Record<string, number>>;
  const env = new IdleEnv(merged['worlds']!, observationDim, actionDim);
  const learner = ppo.create(merged, { observationDim, actionDim, count: env.count, device, seed: 1 });
  let updates = 0;
  const iteration = await time(
    async () => {
      updates = (await learner.iterate(env))['learn/updates']!;
    },
    3,
    9,
  );
  results.push({
    settings: Object.entries(settings).join() || 'defaults',
    iterationMs: iteration,
    updates,
    stepsPerSecond: (1000 * learner.stepsPerIteration) / iteration,
  });
  learner.dispose();
}

const tensors = device.tf.memory().numTensors;
const report = {
  device: device.name,
  reason: device.reason,
  inferenceMicroseconds: inference,
  results,
  tensors,
};
if (flags.json) console.log(JSON.stringify(report));
else {
  console.log(`${device.name}: ${device.reason}`);
  console.log(`network ${shape.sizes.join(' -> ')}, tanh; plain-number inference, median microseconds:`);
  for (const [rows, us] of Object.entries(inference)) console.log(`  ${rows}: ${us.toFixed(1)}`);
  console.log('PPO on an idle environment (collect, advantages, update):');
  for (const { settings, iterationMs, updates, stepsPerSecond } of results) {
    const perUpdate = `${updates} gradients, ${iterationMs.toFixed(1)} ms`;
    console.log(`  ${settings}: ${Math.round(stepsPerSecond)} steps/s (one iteration: ${perUpdate})`);
  }
  console.log(`tensors left: ${tensors}`);
}
