/** The kernel keeps the promises of every `Compute`, and some of its own about threads, memory and engines. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import type { Networks } from '../../../learn/tensor/compute.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import { checkCompute, fillAlike, network, pass, randomParameters } from './contract.ts';

checkCompute('kernel, relaxed SIMD, 2 threads', () => openKernel({ threads: 2 }));
checkCompute('kernel, plain SIMD, 1 thread', () => openKernel({ threads: 1, simd: 'plain' }));

/** Opens, uses, closes. */
async function withKernel<T>(
  options: Parameters<typeof openKernel>[0],
  use: (kernel: Kernel) => T | Promise<T>,
): Promise<T> {
  const kernel = await openKernel(options);
  try {
    return await use(kernel);
  } finally {
    kernel.dispose();
  }
}

/** Actor and critic and one more network, large enough for several threads in every kind of call. */
function trio(kernel: Kernel, rows: number): Networks {
  const networks = [
    network([11, 160, 128, 3]),
    network([11, 64, 64, 1], { inputOf: 0, regresses: true }),
    network([40, 130, 5], { inputGradient: true, regresses: true }, 'relu'),
  ];
  const parameters = randomParameters(networks, 3, new Random(5));
  return kernel.networks({ networks, rows, loose: 3, parameters });
}

/** Small enough that Adam goes network by network. */
function smallTrio(kernel: Kernel, rows: number): Networks {
  const networks = [
    network([4, 64, 64, 2]),
    network([4, 64, 64, 1], { inputOf: 0, regresses: true }),
    network([9, 20, 5], { inputGradient: true, regresses: true }, 'relu'),
  ];
  const parameters = randomParameters(networks, 3, new Random(5));
  return kernel.networks({ networks, rows, loose: 3, parameters });
}

/** A few updates of different sizes; everything that comes out of them. */
function train(nets: Networks, before: (update: number) => void = () => undefined): readonly unknown[] {
  const results: unknown[] = [];
  [nets.rows, 33, nets.rows - 7, 64].forEach((rows, k) => {
    before(k);
    fillAlike([nets], k);
    nets.forward([0, 1, 2], rows);
    nets.backward([0, 1, 2], rows);
    nets.forward([1], rows >> 1);
    nets.backward([1], rows >> 1);
    // One beside the caller's own work, and one that nothing else is done beside.
    nets.targets[1]!.set(nets.outputs[0]!.subarray(0, nets.rows));
    nets.regress([1], rows, 0.01);
    nets.forward([0, 2], rows);
    nets.backward([0, 2], rows);
    nets.settle();
    nets.regress([1, 2], rows >> 1, 0.02);
    nets.looseGradients.set([1, k, -1]);
    results.push(
      nets.readGradient(),
      nets.step({ learningRate: 0.01, maxGradNorm: 0.5 }),
      nets.outputs.map((y) => y.slice()),
      nets.inputGradients[2]!.slice(),
    );
  });
  results.push(nets.read(), nets.saveOptimizer());
  return results;
}

test('1, 2, 3 and 5 threads, and a budget that changes, give the same bits', async () => {
  const one = await withKernel({ threads: 1 }, (kernel) => train(trio(kernel, 700)));
  const small = await withKernel({ threads: 1 }, (kernel) => train(smallTrio(kernel, 256)));
  for (const threads of [2, 3, 5]) {
    const several = await withKernel({ threads }, (kernel) => train(trio(kernel, 700)));
    assert.deepEqual(several, one, `${threads} threads`);
    const again = await withKernel({ threads }, (kernel) => train(smallTrio(kernel, 256)));
    assert.deepEqual(again, small, `small networks, ${threads} threads`);
  }
  const budget = new Int32Array(new SharedArrayBuffer(4));
  const changing = await withKernel({ threads: 3, budget }, (kernel) =>
    train(trio(kernel, 700), (update) => {
      budget[0] = [1, 3, 0, 100][update]!;
    }),
  );
  assert.deepEqual(changing, one, 'a budget that changes');
});

test('with a budget of one no other thread works', async () => {
  const budget = new Int32Array(new SharedArrayBuffer(4)).fill(1);
  await withKernel({ threads: 2, budget }, async (kernel) => {
    const nets = trio(kernel, 700);
    // Its door counts the calls to the second thread.
    const door = (): number => new Int32Array(nets.loose.buffer)[(2048 + 64) / 4]!;
    await pass(nets, 700);
    assert.equal(door(), 0);
    budget[0] = 2;
    await pass(nets, 700);
    const calls = door();
    assert.ok(calls >= 2);
    await pass(nets, 1);
    assert.equal(door(), calls, 'small calls stay on the caller’s thread');
    const small = smallTrio(kernel, 1);
    small.step({ learningRate: 0.01 });
    assert.equal(door(), calls + 2, 'Adam over several networks goes to the threads that have them');
  });
});

test('both builds agree, and the better one is chosen', async () => {
  const [relaxed, plain] = await Promise.all([
    withKernel({ threads: 1 }, (kernel) => {
      assert.equal(kernel.simd, 'relaxed', 'Node 24 has relaxed SIMD');
      const nets = trio(kernel, 80);
      train(nets);
      return nets.read();
    }),
    withKernel({ threads: 1, simd: 'plain' }, (kernel) => {
      assert.equal(kernel.simd, 'plain');
      assert.match(kernel.reason, /WebAssembly SIMD on the processor, 1 thread\.$/);
      const nets = trio(kernel, 80);
      train(nets);
      return nets.read();
    }),
  ]);
  relaxed.forEach((value, i) => {
    assert.ok(Math.abs(value - plain[i]!) < 2e-3, `parameter ${i}: ${value}, ${plain[i]}`);
  });
  assert.notDeepEqual(relaxed, plain, 'two builds');
});

test('an engine without relaxed SIMD gets the plain build', () => {
  const module = new URL('../../../learn/tensor/kernel/open.ts', import.meta.url).href;
  const script = `
    const validate = WebAssembly.validate;
    let asked = 0;
    WebAssembly.validate = (bytes) => { asked++; return false; };
    const { openKernel } = await import(${JSON.stringify(module)});
    const kernel = await openKernel({ threads: 2 });
    console.log(asked, kernel.simd);`;
  // In a process of its own, which also ends by itself without disposing.
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-kernel-'));
  const file = join(folder, 'go.mjs');
  writeFileSync(file, script);
  const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 30_000 });
  rmSync(folder, { recursive: true });
  assert.equal(stdout, '1 plain\n', stderr);
});

test('arrays stay where they are while memory grows, and memory comes back', async () => {
  await withKernel({ threads: 1 }, async (kernel) => {
    const first = trio(kernel, 30);
    fillAlike([first], 3);
    await pass(first, 30);
    const inputs = first.inputs[0]!.slice();
    const gradient = first.readGradient() as Float32Array;
    const before = kernel.memoryUsed;
    for (let round = 0; round < 5; round++) {
      const large = [10, 3000, 50].map((rows) => trio(kernel, rows));
      for (const nets of large) await pass(nets, nets.rows);
      assert.ok(kernel.memoryUsed > before + 10e6);
      // In another order than they were made.
      for (const k of [1, 0, 2]) large[k]!.dispose();
      assert.equal(kernel.memoryUsed, before);
    }
    const bytes = first.loose.buffer.byteLength;
    assert.ok(bytes < 40e6, `${bytes} bytes: freed memory is used again`);
    assert.deepEqual(first.inputs[0], inputs);
    first.clear();
    await pass(first, 30);
    assert.deepEqual(first.readGradient(), gradient);
    // New networks begin at nothing, whatever lay there.
    const again = trio(kernel, 3000);
    assert.deepEqual(new Set(again.readGradient() as Float32Array), new Set([0]));
    assert.deepEqual(new Set(again.inputs[0]), new Set([0]));
    first.dispose();
    first.dispose();
    assert.throws(() => first.forward([0], 1), /Networks: disposed/);
    assert.throws(() => first.read(), /Networks: disposed/);
    assert.throws(() => again.blend(first, 0.5), /Networks: disposed/);
  });
});

test('networks of two kernels do not blend', async () => {
  await withKernel({ threads: 1 }, (one) =>
    withKernel({ threads: 1 }, (other) => {
      assert.throws(() => trio(one, 1).blend(trio(other, 1), 1), /RangeError.*another device/);
    }),
  );
});

test('a thread that is killed ends in a clear error and never in a hang', async () => {
  await withKernel({ threads: 2, patience: 0.3 }, async (kernel) => {
    const nets = trio(kernel, 2000);
    await pass(nets, 2000);
    const dying = kernel.workers[0]!.terminate();
    // It dies in the middle of a call (then the call gives up after its patience) or between two.
    let error: unknown;
    try {
      for (let k = 0; k < 50; k++) await pass(nets, 2000);
    } catch (caught) {
      error = caught;
    }
    await dying;
    for (const call of [
      () => nets.forward([0], 5),
      () => trio(kernel, 1),
      () => nets.step({ learningRate: 0 }),
    ])
      assert.throws(call, /^Error: Kernel: .*thread.* it cannot be used any more$/);
    if (error !== undefined) assert.match(String(error), /^Error: Kernel: .*thread/);
  });
});

test('a thread that is killed while it computes beside the caller ends in a clear error', async () => {
  await withKernel({ threads: 2, patience: 0.3 }, async (kernel) => {
    const nets = trio(kernel, 20_000);
    nets.regress([1, 2], 20_000, 1);
    const dying = kernel.workers[0]!.terminate();
    let error: unknown;
    try {
      for (let k = 0; k < 50; k++) {
        nets.settle();
        nets.regress([1, 2], 20_000, 1);
        // A thread that dies is heard of between two calls.
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (caught) {
      error = caught;
    }
    await dying;
    assert.match(String(error), /^Error: Kernel: .*thread.* it cannot be used any more$/);
    assert.throws(() => nets.settle(), /^Error: Kernel: .*thread.* it cannot be used any more$/);
    nets.dispose();
  });
});

test('a disposed kernel says so', async () => {
  const kernel = await openKernel({ threads: 2 });
  const nets = trio(kernel, 5);
  kernel.dispose();
  kernel.dispose();
  assert.throws(() => nets.forward([0], 5), /Kernel: it was disposed; it cannot be used any more/);
  assert.throws(() => trio(kernel, 5), /it was disposed/);
});

test('impossible numbers of threads are refused', async () => {
  for (const threads of [0, -1, 1.5, 65, Number.NaN]) {
    await assert.rejects(openKernel({ threads }), (error: Error) => {
      assert.equal(error.name, 'RangeError');
      assert.equal(error.message, `Threads: found ${threads}, wanted a whole number from 1 to 64`);
      return true;
    });
  }
});
