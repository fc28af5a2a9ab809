import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import type { Compute, NetworkSpec, Networks, NetworksOptions } from '../../../learn/tensor/compute.ts';
import { initialize, parameterCount } from '../../../learn/tensor/mlp.ts';
import { openDevice } from '../../../learn/tensor/open.ts';
import { tfjsCompute } from '../../../learn/tensor/tfjs.ts';
import { plainCompute } from './plain.ts';

const actorCritic: readonly NetworkSpec[] = [
  { shape: { sizes: [5, 16, 12, 3], activation: 'tanh' } },
  { shape: { sizes: [5, 9, 1], activation: 'relu' }, inputOf: 0, inputGradient: true },
];

function optionsOf(networks: readonly NetworkSpec[], rows: number, loose: number): NetworksOptions {
  const random = new Random(3);
  const size = networks.reduce((sum, { shape }) => sum + parameterCount(shape), loose);
  const parameters = new Float32Array(size);
  let at = 0;
  for (const { shape } of networks) {
    parameters.set(initialize(shape, random), at);
    at += parameterCount(shape);
  }
  for (let i = at; i < size; i++) parameters[i] = random.gaussian();
  return { networks, rows, loose, parameters };
}

/** One update as algorithms make it; the same draws for the same seed. */
async function update(nets: Networks, rows: number, seed: number): Promise<number> {
  const random = new Random(seed);
  const fill = (array: Float32Array): void => {
    for (let i = 0; i < array.length; i++) array[i] = random.gaussian();
  };
  const which = [...nets.networks.keys()];
  fill(nets.inputs[0]!);
  await nets.forward(which, rows);
  for (const array of nets.outputGradients) fill(array);
  await nets.backward(which, rows);
  fill(nets.looseGradients);
  return nets.step({ learningRate: 1e-2, maxGradNorm: 0.5 });
}

function close(found: ArrayLike<number>, wanted: ArrayLike<number>, title: string): void {
  assert.equal(found.length, wanted.length, title);
  let worst = 0;
  for (let i = 0; i < wanted.length; i++)
    worst = Math.max(worst, Math.abs(found[i]! - wanted[i]!) / (1 + Math.abs(wanted[i]!)));
  assert.ok(worst < 2e-5, `${title}: off by ${worst}`);
}

for (const name of ['wasm', 'cpu'] as const) {
  const open = async (): Promise<Compute> => tfjsCompute(await openDevice(name));

  test(`${name}: twenty updates and a save in between are those of the obvious loops`, async () => {
    const compute = await open();
    const options = optionsOf(actorCritic, 8, 2);
    let fast = compute.networks(options);
    const plain = plainCompute.networks(options);
    for (let i = 0; i < 20; i++) {
      const rows = i % 2 === 0 ? 8 : 3;
      close([await update(fast, rows, i)], [await update(plain, rows, i)], 'norm');
      for (const n of [0, 1]) {
        const width = options.networks[n]!.shape.sizes.at(-1)!;
        close(
          fast.outputs[n]!.subarray(0, rows * width),
          plain.outputs[n]!.subarray(0, rows * width),
          `outputs ${n}`,
        );
      }
      close(
        fast.inputGradients[1]!.subarray(0, rows * 5),
        plain.inputGradients[1]!.subarray(0, rows * 5),
        'input gradients',
      );
      if (i !== 10) continue;
      const next = compute.networks({ ...options, parameters: await fast.read() });
      next.restoreOptimizer(await fast.saveOptimizer());
      fast.dispose();
      fast = next;
    }
    close(await fast.read(), await plain.read(), 'parameters');
    close(await fast.saveOptimizer(), await plain.saveOptimizer(), 'moments');
    compute.dispose();
  });

  test(`${name}: a thousand updates leave as many tensors and bytes as ten, and dispose leaves none`, async () => {
    const { tf } = await openDevice(name);
    const before = tf.memory();
    const compute = await open();
    const options = optionsOf(actorCritic, 8, 2);
    const nets = compute.networks(options);
    const target = compute.networks(options);
    const round = async (i: number): Promise<void> => {
      await update(nets, 8, i);
      await target.blend(nets, 0.01);
      if (i % 100 === 0) {
        await nets.write(await nets.read());
        await nets.restoreOptimizer(await nets.saveOptimizer());
        await nets.readGradient();
      }
      await nets.forward([0], 2);
      await nets.forward([0, 1], 8);
    };
    for (let i = 0; i < 10; i++) await round(i);
    const { numTensors, numBytes } = tf.memory();
    for (let i = 10; i < 1010; i++) await round(i);
    assert.deepEqual(
      [tf.memory().numTensors, tf.memory().numBytes],
      [numTensors, numBytes],
      'after 1,000 updates',
    );
    compute.dispose();
    assert.deepEqual(
      [tf.memory().numTensors, tf.memory().numBytes],
      [before.numTensors, before.numBytes],
      'after dispose',
    );
  });
}

test('networks refuse to work once another device was opened in their thread', async () => {
  const compute = tfjsCompute(await openDevice('wasm'));
  const nets = compute.networks(optionsOf(actorCritic, 8, 0));
  await openDevice('cpu');
  await assert.rejects(
    async () => nets.forward([0], 1),
    /^Error: Networks on wasm: TensorFlow.js computes on cpu since another device was opened$/,
  );
  await openDevice('wasm');
  await nets.forward([0], 1);
  compute.dispose();
});

test('backward without a forward of the same rows is refused', async () => {
  const compute = tfjsCompute(await openDevice('wasm'));
  const nets = compute.networks(optionsOf(actorCritic, 8, 0));
  await assert.rejects(async () => nets.backward([0], 4), /backward of network 0 with 4 rows, .* none/);
  await nets.forward([0], 3);
  await assert.rejects(async () => nets.backward([0], 4), /network 0 with 4 rows, .* was of 3/);
  compute.dispose();
});
