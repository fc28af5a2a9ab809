import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import type { NetworkSpec, Networks, NetworksOptions } from '../../../learn/tensor/compute.ts';
import { openDevice } from '../../../learn/tensor/open.ts';
import { tfjsCompute } from '../../../learn/tensor/tfjs.ts';
import { checkCompute, fillAlike, network, pass, randomParameters } from './contract.ts';

// Newer GPUs multiply with 10 bits of mantissa unless told not to; a contract of numbers needs all 23.
process.env['NVIDIA_TF32_OVERRIDE'] = '0';
const { passedOver } = await openDevice('auto');

const networks: readonly NetworkSpec[] = [
  network([3, 6, 2]),
  network([3, 5, 1], { inputOf: 0, inputGradient: true }, 'relu'),
];
const options: NetworksOptions = {
  networks,
  rows: 4,
  loose: 2,
  parameters: randomParameters(networks, 2, new Random(3)),
};

for (const name of ['tfjs-node-gpu', 'webgpu', 'wasm', 'cpu'] as const) {
  const missing = name === 'wasm' || name === 'cpu' ? undefined : passedOver.find((o) => o.name === name);
  describe(name, { skip: missing === undefined ? false : missing.reason }, () => {
    checkCompute(name, async () => tfjsCompute(await openDevice(name)), { coarseTanh: name === 'webgpu' });

    test(`${name}: a thousand updates leave as many tensors and bytes as ten, and dispose leaves none`, async () => {
      const { tf, ...device } = await openDevice(name);
      const used = () => [tf.memory().numTensors, tf.memory().numBytes];
      const before = used();
      const compute = tfjsCompute({ ...device, tf });
      const nets = compute.networks(options);
      const target = compute.networks(options);
      const update = async (i: number): Promise<void> => {
        await pass(nets, 4);
        await nets.step({ learningRate: 1e-3, maxGradNorm: 0.5 });
        if (i % 10 !== 0) return;
        await nets.backward([1], 4, { parameters: false });
        await target.blend(nets, 0.01);
        await target.forward([0], 2);
        await nets.write(await nets.read());
        await nets.restoreOptimizer(await nets.saveOptimizer());
        await nets.readGradient();
      };
      fillAlike([nets], 1);
      for (let i = 0; i < 11; i++) await update(i);
      const early = used();
      for (let i = 11; i < 1011; i++) await update(i);
      assert.deepEqual(used(), early);
      compute.dispose();
      assert.deepEqual(used(), before);
    });
  });
}

describe('on wasm', () => {
  const open = async (): Promise<{ nets: Networks; dispose: () => void }> => {
    const compute = tfjsCompute(await openDevice('wasm'));
    return { nets: compute.networks(options), dispose: () => compute.dispose() };
  };

  test('networks refuse to work once another device was opened in their thread', async () => {
    const { nets, dispose } = await open();
    await openDevice('cpu');
    await assert.rejects(
      async () => nets.forward([0], 1),
      /^Error: Networks on wasm: TensorFlow.js computes on cpu since another device was opened$/,
    );
    await openDevice('wasm');
    await nets.forward([0], 1);
    dispose();
  });

  test('backward without a forward of the same rows is refused', async () => {
    const { nets, dispose } = await open();
    await assert.rejects(async () => nets.backward([0], 4), /backward of network 0 with 4 rows, .* none$/);
    await nets.forward([0], 3);
    await assert.rejects(async () => nets.backward([0], 4), /network 0 with 4 rows, .* of 3$/);
    dispose();
  });
});
