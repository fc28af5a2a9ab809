import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChooseOptions,
  chooseCompute,
  type Openers,
  openComputeFor,
  referenceWorkload,
} from '../../lab/compute.ts';
import type { Compute, ComputeName } from '../../learn/tensor/compute.ts';
import { plainCompute } from '../learn/tensor/plain.ts';

const small = { networks: [{ sizes: [2, 3, 1], activation: 'tanh' as const }], updateRows: 4, actRows: 1 };

/** A machine whose devices take the given milliseconds for an update and the given microseconds to act. */
class FakeMachine {
  now = 0;
  readonly opened: string[] = [];
  readonly disposed: string[] = [];
  readonly options: ChooseOptions;

  constructor(speeds: Partial<Record<ComputeName, readonly [updateMs: number, actUs: number]>>, gpu = false) {
    const open = async (name: ComputeName): Promise<Compute> => {
      const speed = speeds[name];
      if (speed === undefined) throw new Error(`Device ${name} is not available: there is none`);
      this.opened.push(name);
      return this.#compute(name, speed);
    };
    const others = (['tfjs-node-gpu', 'webgpu', 'wasm', 'cpu'] as const).filter((name) => speeds[name]);
    const openers: Openers = {
      kernel: () => (speeds.kernel ? open('kernel') : Promise.reject(new Error('no WebAssembly here'))),
      tfjs: async (choice) => {
        if (choice === 'auto' && others.length === 0) throw new Error('no device of it opens');
        const compute = await open(choice === 'auto' ? others[0]! : choice);
        const passedOver = choice === 'auto' ? [{ name: 'tfjs-node-gpu' as const, reason: 'no CUDA' }] : [];
        return { ...compute, passedOver };
      },
      gpuInSight: async () => gpu,
    };
    this.options = { threads: 2, clock: () => this.now, openers };
  }

  #compute(name: ComputeName, [updateMs, actUs]: readonly [number, number]): Compute {
    return {
      name,
      reason: `A ${name} of this test.`,
      networks: (options) => {
        const plain = plainCompute.networks(options);
        const [forward, step] = [plain.forward.bind(plain), plain.step.bind(plain)];
        return Object.assign(plain, {
          forward: async (which: readonly number[], rows: number) => {
            this.now += actUs / 1000;
            await forward(which, rows);
          },
          step: (options: { learningRate: number }) => {
            this.now += updateMs - actUs / 1000;
            return step(options);
          },
        });
      },
      dispose: () => this.disposed.push(name),
    };
  }
}

test('without a GPU the kernel is taken, timed, and TensorFlow.js is not even loaded', async () => {
  const machine = new FakeMachine({ kernel: [0.31, 12], wasm: [4.1, 300] });
  const { name, reason, figures, passedOver } = await chooseCompute('auto', small, machine.options);
  assert.deepEqual(
    { name, reason, passedOver },
    {
      name: 'kernel',
      reason:
        'A kernel of this test. TensorFlow.js was not timed: without a GPU it has the same cores and is slower ' +
        '(docs/compute.md). Timed: kernel 0.31 ms an update, 12 us to act.',
      passedOver: [],
    },
  );
  assert.equal(figures.length, 1);
  assert.ok(Math.abs(figures[0]!.updateMs - 0.31) < 1e-9 && Math.abs(figures[0]!.actUs - 12) < 1e-6);
  assert.deepEqual([machine.opened, machine.disposed], [['kernel'], []]);
});

test('a workload of no networks is not timed', async () => {
  const machine = new FakeMachine({ kernel: [0.31, 12] });
  const { name, reason, figures } = await chooseCompute(
    'auto',
    { networks: [], updateRows: 1, actRows: 1 },
    machine.options,
  );
  assert.deepEqual(
    { name, reason, figures },
    { name: 'kernel', reason: 'A kernel of this test. There are no networks to compute.', figures: [] },
  );
});

test('with a GPU in sight an update of less than two milliseconds stays on the kernel', async () => {
  const machine = new FakeMachine({ kernel: [0.31, 12], webgpu: [0.1, 10] }, true);
  const { name, reason } = await chooseCompute('auto', small, machine.options);
  assert.equal(name, 'kernel');
  assert.match(reason, /not timed: to hand so small an update to a GPU takes it longer\./);
  assert.deepEqual(machine.opened, ['kernel']);
});

test('both are timed for a large workload, the clearly faster one is taken and the other freed', async () => {
  for (const [gpu, wanted] of [
    [[8, 900], 'webgpu'],
    // Faster, but by less than a fifth of what an update and an act take.
    [[33, 900], 'kernel'],
    [[50, 10], 'kernel'],
    // The faster update does not make up for the slower act.
    [[30, 20_000], 'kernel'],
  ] as const) {
    const machine = new FakeMachine({ kernel: [40, 500], webgpu: gpu }, true);
    const { name, reason, figures, passedOver } = await chooseCompute('auto', small, machine.options);
    assert.equal(name, wanted);
    assert.match(
      reason,
      /^A (kernel|webgpu) of this test\. The faster one for these sizes\. Timed: kernel 40 ms an update, /,
    );
    assert.deepEqual(
      figures.map((figure) => figure.name),
      ['kernel', 'webgpu'],
    );
    assert.deepEqual(passedOver, [{ name: 'tfjs-node-gpu', reason: 'no CUDA' }]);
    assert.deepEqual(machine.disposed, [wanted === 'kernel' ? 'webgpu' : 'kernel']);
  }
});

test('a GPU that is in sight but does not open is said, and nothing on the same cores is timed', async () => {
  const machine = new FakeMachine({ kernel: [40, 500], wasm: [400, 9000] }, true);
  const { name, reason, figures, passedOver } = await chooseCompute('auto', small, machine.options);
  assert.equal(name, 'kernel');
  assert.match(reason, /not timed: without a GPU it has the same cores/);
  assert.equal(figures.length, 1);
  assert.deepEqual(passedOver, [{ name: 'tfjs-node-gpu', reason: 'no CUDA' }]);
  assert.deepEqual(machine.disposed, ['wasm']);
});

test('measureAll times TensorFlow.js where it is not expected to win', async () => {
  const machine = new FakeMachine({ kernel: [0.31, 12], wasm: [4.1, 300] });
  const { name, figures } = await chooseCompute('auto', small, { ...machine.options, measureAll: true });
  assert.equal(name, 'kernel');
  assert.deepEqual(
    figures.map((figure) => figure.name),
    ['kernel', 'wasm'],
  );
});

test('timing ends soon even where one call takes long', async () => {
  const machine = new FakeMachine({ kernel: [400, 90_000], webgpu: [450, 90_000] }, true);
  const { figures } = await chooseCompute('auto', small, machine.options);
  assert.equal(figures.length, 2);
  assert.ok(machine.now < 2000, `${machine.now} ms`);
});

test('where the kernel does not run TensorFlow.js computes, and the other way round', async () => {
  const only = await chooseCompute('auto', small, new FakeMachine({ wasm: [4, 300] }).options);
  assert.equal(only.name, 'wasm');
  assert.match(only.reason, /The kernel does not run here\./);
  assert.deepEqual(only.passedOver[0], { name: 'kernel', reason: 'no WebAssembly here' });
  const other = await chooseCompute('auto', small, new FakeMachine({ kernel: [50, 1] }, true).options);
  assert.equal(other.name, 'kernel');
  assert.match(other.reason, /TensorFlow\.js does not run here: no device of it opens\./);
});

test('an algorithm without networks gets the kernel untimed', async () => {
  const machine = new FakeMachine({ kernel: [1, 1] });
  const { name, figures } = await chooseCompute('auto', undefined, machine.options);
  assert.deepEqual([name, figures, machine.now], ['kernel', [], 0]);
});

test('a device asked for is opened whatever its speed, and missing it is an error with its name', async () => {
  const machine = new FakeMachine({ kernel: [1, 1], cpu: [90, 900] });
  const { name, reason } = await chooseCompute('cpu', small, machine.options);
  assert.equal(name, 'cpu');
  assert.match(reason, /Chosen explicitly\. Timed: cpu 90 ms an update, 900 us to act\.$/);
  assert.deepEqual(machine.opened, ['cpu']);
  await assert.rejects(
    chooseCompute('webgpu', small, machine.options),
    /^Error: Device webgpu is not available: /,
  );
  await assert.rejects(
    chooseCompute('kernel', small, new FakeMachine({ cpu: [1, 1] }).options),
    /^Error: Device kernel is not available: no WebAssembly here$/,
  );
});

test('a resumed run goes on with the device it was begun with, even where another is faster now', async () => {
  const machine = new FakeMachine({ kernel: [0.3, 10], wasm: [4, 300] });
  const alerts: string[] = [];
  const onAlert = (message: string) => alerts.push(message);
  const wanted = { ...machine.options, choice: 'auto' as const, workload: small, onAlert };
  const compute = await openComputeFor({ ...wanted, stored: 'wasm' });
  assert.equal(compute.reason, 'A wasm of this test. The run was begun with it.');
  assert.deepEqual([machine.opened, alerts], [['wasm'], []]);
  assert.equal((await openComputeFor({ ...wanted, stored: null })).name, 'kernel');
  assert.equal((await openComputeFor({ ...wanted, choice: 'kernel', stored: 'kernel' })).name, 'kernel');
  assert.deepEqual(alerts, []);
});

test('a resumed run whose device is gone, or that is asked onto another, goes on and says so', async () => {
  const machine = new FakeMachine({ kernel: [0.3, 10], wasm: [4, 300] });
  const alerts: string[] = [];
  const wanted = { ...machine.options, workload: small, onAlert: (message: string) => alerts.push(message) };
  assert.equal((await openComputeFor({ ...wanted, choice: 'auto', stored: 'webgpu' })).name, 'kernel');
  assert.equal((await openComputeFor({ ...wanted, choice: 'wasm', stored: 'kernel' })).name, 'wasm');
  assert.deepEqual(alerts, [
    'Device webgpu is not available: there is none; the run began on webgpu and goes on with kernel, so from here on ' +
      'its curve is not to the bit what it would have been',
    'The run began on kernel and goes on with wasm as asked; from here on its curve is not to the bit what it would have been',
  ]);
});

test('the chosen compute of this machine computes', async () => {
  const compute = await chooseCompute('auto', referenceWorkload, { threads: 1 });
  try {
    assert.match(compute.reason, /Timed: \w+ [\d.]+ ms an update, [\d.]+ us to act\.$/);
    const nets = compute.networks({
      networks: [{ shape: { sizes: [1, 1], activation: 'tanh' } }],
      rows: 1,
      parameters: Float32Array.of(2, 1),
    });
    nets.inputs[0]![0] = 3;
    await nets.forward([0], 1);
    assert.equal(nets.outputs[0]![0], 7);
  } finally {
    compute.dispose();
  }
});
