import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitNetworks } from '../../../learn/rewards/fitting.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';

test('the step size rises over the warm-up, and the first step of Adam is as long as it', async () => {
  const compute = await openKernel({ threads: 1 });
  const context = { compute, signal: new AbortController().signal, onProgress: () => undefined };
  const moved = async (warmup: number): Promise<number> => {
    // y = w x + b at x = 1, gradient 1: Adam's first step is -rate in both.
    const parameters = Float32Array.of(0.5, 0.5);
    await fitNetworks(
      {
        title: 'Test',
        networks: [{ shape: { sizes: [1, 1], activation: 'tanh' } }],
        parameters,
        rows: 1,
        updates: 1,
        learningRate: 0.01,
        warmup,
        async gradient(nets) {
          nets.inputs[0]![0] = 1;
          await nets.forward([0], 1);
          nets.outputGradients[0]![0] = 1;
          await nets.backward([0], 1);
          return { loss: nets.outputs[0]![0]! };
        },
      },
      context,
    );
    assert.equal(parameters[0], parameters[1]);
    return 0.5 - parameters[0]!;
  };
  assert.ok(Math.abs((await moved(0)) - 0.01) < 1e-6);
  assert.ok(Math.abs((await moved(3)) - 0.0025) < 1e-6);
  compute.dispose();
});
