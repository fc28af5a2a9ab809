/** What every implementation of `Compute` promises: the same numbers as the obvious loops, whatever the sizes. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import type { Compute, NetworkSpec, Networks, NetworksOptions } from '../../../learn/tensor/compute.ts';
import { type Activation, parameterCount } from '../../../learn/tensor/mlp.ts';
import { plainCompute } from './plain.ts';

export interface ComputePromise {
  /** Largest error of an output or gradient, as a share of the largest number beside it. */
  readonly tolerance?: number;
  /** WebGPU promises the tanh of tiny numbers only to an absolute error. */
  readonly coarseTanh?: boolean;
}

export function network(sizes: readonly number[], more: Partial<NetworkSpec> = {}, activation?: Activation) {
  return { shape: { sizes, activation: activation ?? 'tanh' }, ...more } as NetworkSpec;
}

/** Parameters of a reasonable size: normal, each layer by the root of its inputs. */
export function randomParameters(
  networks: readonly NetworkSpec[],
  loose: number,
  random: Random,
): Float32Array {
  const parts: number[] = [];
  for (const { shape } of networks) {
    for (let l = 0; l + 1 < shape.sizes.length; l++) {
      const [inputs, outputs] = [shape.sizes[l]!, shape.sizes[l + 1]!];
      for (let k = 0; k < inputs * outputs; k++) parts.push(random.gaussian() / Math.sqrt(inputs));
      for (let k = 0; k < outputs; k++) parts.push(0.3 * random.gaussian());
    }
  }
  for (let k = 0; k < loose; k++) parts.push(random.gaussian());
  return Float32Array.from(parts);
}

export function fillRandom(array: Float32Array, random: Random): void {
  for (let i = 0; i < array.length; i++) array[i] = random.gaussian();
}

/** The same random inputs and output gradients for all of these. */
export function fillAlike(all: readonly Networks[], seed: number): void {
  for (const nets of all) {
    const random = new Random(seed);
    nets.networks.forEach(({ inputOf }, n) => {
      if (inputOf === undefined) fillRandom(nets.inputs[n]!, random);
      fillRandom(nets.outputGradients[n]!, random);
    });
  }
}

function close(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number, what: string): void {
  assert.equal(found.length, wanted.length, `${what}: length`);
  let largest = 0;
  for (let i = 0; i < wanted.length; i++) largest = Math.max(largest, Math.abs(wanted[i]!));
  for (let i = 0; i < wanted.length; i++) {
    const error = Math.abs(found[i]! - wanted[i]!);
    assert.ok(
      error <= tolerance * (1e-3 + largest),
      `${what} [${i}]: found ${found[i]}, wanted ${wanted[i]}, largest ${largest}`,
    );
  }
}

/** One pass forward and backward over all networks. */
export async function pass(nets: Networks, rows: number): Promise<void> {
  const all = nets.networks.map((_, n) => n);
  await nets.forward(all, rows);
  await nets.backward(all, rows);
}

/** Sizes that sit on and beside whatever blocks an implementation may work in. */
const shapes: readonly (readonly number[])[] = [
  [1, 1],
  [3, 5],
  [9, 1],
  [1, 7, 1],
  [4, 64, 64, 2],
  [14, 33, 31, 3],
  [17, 8, 12, 16, 5],
  [32, 128, 128, 8],
];
const rowCounts = [1, 2, 3, 4, 5, 31, 32, 33, 65, 130];

export function checkCompute(
  name: string,
  open: () => Compute | Promise<Compute>,
  { tolerance = 2e-5, coarseTanh = false }: ComputePromise = {},
): void {
  let compute: Compute;
  before(async () => {
    compute = await open();
  });
  after(() => compute.dispose());

  /** The same networks here and in the obvious loops. */
  const pair = (
    options: Omit<NetworksOptions, 'parameters'>,
    seed = 1,
  ): { readonly nets: Networks; readonly plain: Networks; readonly parameters: Float32Array } => {
    const parameters = randomParameters(options.networks, options.loose ?? 0, new Random(seed));
    const nets = compute.networks({ ...options, parameters });
    const plain = plainCompute.networks({ ...options, parameters });
    fillAlike([nets, plain], seed + 1);
    return { nets, plain, parameters };
  };

  test(`${name}: says what it is and why`, () => {
    assert.ok(compute.name.length > 0);
    assert.match(compute.reason, /^[A-Z].*\.$/);
  });

  for (const activation of ['tanh', 'relu'] as const) {
    test(`${name}: outputs and gradients of ${activation} networks are those of the obvious loops`, async () => {
      for (const sizes of shapes) {
        for (const rows of rowCounts) {
          const what = `${sizes.join(' -> ')}, ${rows} rows`;
          const { nets, plain } = pair(
            { networks: [network(sizes, { inputGradient: true }, activation)], rows },
            rows,
          );
          await pass(nets, rows);
          await pass(plain, rows);
          close(nets.outputs[0]!, plain.outputs[0]!, tolerance, `outputs of ${what}`);
          close(await nets.readGradient(), await plain.readGradient(), tolerance, `gradient of ${what}`);
          close(nets.inputGradients[0]!, plain.inputGradients[0]!, tolerance, `input gradient of ${what}`);
          nets.dispose();
        }
      }
    });
  }

  test(`${name}: many rows, and after them fewer`, async () => {
    const { nets, plain } = pair({ networks: [network([6, 40, 3], { inputGradient: true })], rows: 1100 });
    for (const rows of [1100, 700, 64, 1]) {
      await pass(nets, rows);
      await pass(plain, rows);
      close(
        nets.outputs[0]!.subarray(0, 3 * rows),
        plain.outputs[0]!.subarray(0, 3 * rows),
        tolerance,
        'outputs',
      );
      close(await nets.readGradient(), await plain.readGradient(), tolerance, `gradient of ${rows}`);
      close(
        nets.inputGradients[0]!.subarray(0, 6 * rows),
        plain.inputGradients[0]!.subarray(0, 6 * rows),
        tolerance,
        `input gradient of ${rows}`,
      );
      await nets.clear();
      await plain.clear();
    }
  });

  test(`${name}: rows behind the asked ones stay as they are`, async () => {
    const { nets } = pair({ networks: [network([3, 9, 2], { inputGradient: true })], rows: 40 });
    await pass(nets, 40);
    nets.outputs[0]!.fill(7);
    nets.inputGradients[0]!.fill(7);
    await pass(nets, 5);
    assert.deepEqual(new Set(nets.outputs[0]!.subarray(10)), new Set([7]));
    assert.deepEqual(new Set(nets.inputGradients[0]!.subarray(15)), new Set([7]));
    assert.ok(!nets.outputs[0]!.subarray(0, 10).includes(7));
  });

  test(`${name}: the gradient is that of finite differences`, async () => {
    const rows = 6;
    const { nets, parameters } = pair({ networks: [network([3, 10, 9, 2], { inputGradient: true })], rows });
    await pass(nets, rows);
    const gradient = await nets.readGradient();
    const inputGradient = nets.inputGradients[0]!.slice();
    // The loss whose gradient `outputGradients` is: their product with the outputs, by the loops in double precision.
    const loss = async (changed: Float32Array, inputs: Float32Array): Promise<number> => {
      const plain = plainCompute.networks({ networks: nets.networks, rows, parameters: changed });
      plain.inputs[0]!.set(inputs);
      await plain.forward([0], rows);
      return plain.outputs[0]!.reduce((sum, y, i) => sum + y * nets.outputGradients[0]![i]!, 0);
    };
    const slope = async (
      array: Float32Array,
      i: number,
      of: (a: Float32Array) => Promise<number>,
    ): Promise<number> => {
      const [up, down] = [array.slice(), array.slice()];
      up[i]! += 1e-2;
      down[i]! -= 1e-2;
      return ((await of(up)) - (await of(down))) / (up[i]! - down[i]!);
    };
    const inputs = nets.inputs[0]!.slice();
    for (let i = 0; i < parameters.length; i += 7) {
      const wanted = await slope(parameters, i, (changed) => loss(changed, inputs));
      assert.ok(Math.abs(gradient[i]! - wanted) < 3e-3, `parameter ${i}: ${gradient[i]}, wanted ${wanted}`);
    }
    for (let i = 0; i < inputs.length; i++) {
      const wanted = await slope(inputs, i, (changed) => loss(parameters, changed));
      assert.ok(Math.abs(inputGradient[i]! - wanted) < 3e-3, `input ${i}: ${inputGradient[i]}`);
    }
  });

  test(`${name}: networks share inputs, and each is asked alone`, async () => {
    const networks = [network([5, 12, 3]), network([5, 20, 1], { inputOf: 0 }), network([2, 3], {}, 'relu')];
    const { nets, plain } = pair({ networks, rows: 50, loose: 2 });
    assert.equal(nets.inputs[1], nets.inputs[0]);
    assert.notEqual(nets.inputs[2], nets.inputs[0]);
    assert.equal(nets.inputGradients[0], undefined);
    for (const which of [[1], [0, 2], [0, 1, 2]]) {
      for (const one of [nets, plain]) {
        await one.forward(which, 50);
        await one.backward(which, 50);
      }
      for (const n of which) close(nets.outputs[n]!, plain.outputs[n]!, tolerance, `outputs of ${n}`);
      close(await nets.readGradient(), await plain.readGradient(), tolerance, `gradient of ${which}`);
    }
  });

  test(`${name}: gradients of several backward calls add up, and \`clear\` throws them away`, async () => {
    const { nets, plain } = pair({ networks: [network([4, 9, 2])], rows: 80, loose: 3 });
    for (const rows of [80, 40, 80, 3]) {
      fillAlike([nets, plain], rows);
      await pass(nets, rows);
      await pass(plain, rows);
    }
    nets.looseGradients.set([1, 2, 3]);
    plain.looseGradients.set([1, 2, 3]);
    close(await nets.readGradient(), await plain.readGradient(), tolerance, 'gradient');
    await nets.clear();
    assert.deepEqual(new Set(await nets.readGradient()), new Set([0]));
    assert.deepEqual([...nets.looseGradients], [0, 0, 0]);
  });

  test(`${name}: \`regress\` is forward and backward of half a square, beside what other networks do`, async () => {
    for (const rows of [1, 33, 130]) {
      const networks = [
        network([5, 40, 40, 3]),
        network([5, 40, 33, 2], { inputOf: 0, inputGradient: true, regresses: true }),
        network([4, 30, 1], { regresses: true }, 'relu'),
      ];
      const { nets, plain } = pair({ networks, rows: 130, loose: 1 }, rows);
      assert.deepEqual(
        nets.targets.map((targets) => targets?.length),
        [undefined, 260, 130],
      );
      const random = new Random(rows);
      for (const n of [1, 2]) {
        for (let i = 0; i < plain.targets[n]!.length; i++) plain.targets[n]![i] = random.gaussian();
        nets.targets[n]!.set(plain.targets[n]!);
      }
      const what = `after ${rows} rows`;
      for (const which of [[1], [1, 2]]) {
        for (const one of [nets, plain]) {
          await one.regress(which, rows, 0.3);
          await one.forward([0], rows);
          await one.backward([0], rows);
          await one.settle();
        }
        const seen = rows * 2;
        close(
          nets.outputs[1]!.subarray(0, seen),
          plain.outputs[1]!.subarray(0, seen),
          tolerance,
          `outputs ${what}`,
        );
        const [found, wanted] = [nets, plain].map((one) => one.outputGradients[1]!.subarray(0, seen));
        close(found!, wanted!, tolerance, `output gradients ${what}`);
        const [mine, theirs] = [nets, plain].map((one) => one.inputGradients[1]!.subarray(0, rows * 5));
        close(mine!, theirs!, tolerance, `input gradients ${what}`);
        close(await nets.readGradient(), await plain.readGradient(), tolerance, `gradient ${what}`);
      }
      // It adds to what is there, and a step needs no word that it is waited for.
      for (const one of [nets, plain]) await one.regress([2], rows, -2);
      const norms = [await nets.step({ learningRate: 0.01 }), await plain.step({ learningRate: 0.01 })];
      assert.ok(Math.abs(norms[0]! - norms[1]!) < 1e-4 * norms[1]!, `length ${norms}`);
      close(await nets.read(), await plain.read(), 10 * tolerance, `parameters ${what}`);
      for (const one of [nets, plain]) {
        await one.regress([1, 2], rows, 1);
        await one.clear();
      }
      assert.deepEqual(new Set(await nets.readGradient()), new Set([0]));
      nets.dispose();
    }
  });

  test(`${name}: backward without parameters gives the input's gradient alone`, async () => {
    const { nets, plain } = pair({ networks: [network([4, 9, 2], { inputGradient: true })], rows: 70 });
    for (const one of [nets, plain]) {
      await one.forward([0], 70);
      await one.backward([0], 70, { parameters: false });
    }
    close(nets.inputGradients[0]!, plain.inputGradients[0]!, tolerance, 'input gradient');
    assert.deepEqual(new Set(await nets.readGradient()), new Set([0]));
  });

  test(`${name}: Adam's steps, shortened and not, with loose numbers`, async () => {
    const networks = [network([4, 17, 2]), network([4, 10, 1], { inputOf: 0 })];
    const { nets, plain, parameters } = pair({ networks, rows: 70, loose: 3, epsilon: 1e-5 });
    for (let k = 0; k < 6; k++) {
      fillAlike([nets, plain], 10 + k);
      const norms: number[] = [];
      for (const one of [nets, plain]) {
        await pass(one, 70);
        one.looseGradients.set([0.5, -1, 20]);
        const options = k % 2 === 0 ? { learningRate: 0.01 } : { learningRate: 0.003 * k, maxGradNorm: 0.5 };
        norms.push(await one.step(options));
      }
      assert.ok(Math.abs(norms[0]! - norms[1]!) < 1e-4 * norms[1]!, `length ${norms}`);
      assert.ok(norms[0]! > 20);
      assert.deepEqual([...nets.looseGradients], [0, 0, 0]);
      assert.deepEqual(new Set(await nets.readGradient()), new Set([0]));
      // Single numbers: Adam turns a small error of a small gradient into a visible one.
      close(await nets.read(), await plain.read(), 10 * tolerance, `parameters after step ${k}`);
      close(nets.loose, plain.loose, tolerance, 'loose numbers');
    }
    assert.notDeepEqual(await nets.read(), parameters);
    close(
      (await nets.saveOptimizer()).subarray(1),
      (await plain.saveOptimizer()).subarray(1),
      1e-4,
      'moments',
    );
    assert.equal((await nets.saveOptimizer())[0], 6);
  });

  test(`${name}: one step of Adam worked by hand`, async () => {
    // y = w x + b, one row x = 2, dL/dy = 3: gradients 6 and 3, loose 2; length 7. Bias corrections make the first step
    // learningRate * g / (|g| + epsilon).
    const nets = compute.networks({
      networks: [network([1, 1])],
      rows: 1,
      loose: 1,
      parameters: Float32Array.of(0.5, 1, -1),
    });
    nets.inputs[0]![0] = 2;
    await nets.forward([0], 1);
    assert.equal(nets.outputs[0]![0], 2);
    nets.outputGradients[0]![0] = 3;
    await nets.backward([0], 1);
    nets.looseGradients[0] = 2;
    assert.deepEqual([...(await nets.readGradient())], [6, 3, 2]);
    assert.ok(Math.abs((await nets.step({ learningRate: 0.125, maxGradNorm: 3.5 })) - 7) < 1e-5);
    close(await nets.read(), [0.375, 0.875, -1.125], 1e-6, 'parameters');
    close(nets.loose, [-1.125], 1e-6, 'loose numbers');
    // Half the gradient: m = (1 - 0.9) g, v = (1 - 0.999) g^2.
    close(await nets.saveOptimizer(), [1, 0.3, 0.15, 0.1, 0.009, 0.00225, 0.001], 1e-5, 'optimiser');
  });

  test(`${name}: loose numbers may be written between steps`, async () => {
    const { nets } = pair({ networks: [network([2, 2])], rows: 1, loose: 2 });
    nets.loose.set([0.25, -4]);
    assert.deepEqual([...(await nets.read()).subarray(-2)], [0.25, -4]);
    await nets.step({ learningRate: 0 });
    assert.deepEqual([...nets.loose], [0.25, -4]);
    await nets.write(new Float32Array(nets.parameterCount).fill(0.5));
    assert.deepEqual([...nets.loose], [0.5, 0.5]);
  });

  test(`${name}: a gradient that is not finite changes nothing but is cleared`, async () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const { nets, parameters } = pair({ networks: [network([3, 9, 2])], rows: 40, loose: 1 });
      await pass(nets, 40);
      await nets.step({ learningRate: 0 });
      const optimizer = await nets.saveOptimizer();
      nets.outputGradients[0]![5] = bad;
      await pass(nets, 40);
      assert.ok(!Number.isFinite(await nets.step({ learningRate: 0.1, maxGradNorm: 1 })));
      assert.deepEqual(await nets.read(), parameters);
      assert.deepEqual(await nets.saveOptimizer(), optimizer);
      assert.deepEqual(new Set(await nets.readGradient()), new Set([0]));
      // And it goes on as if nothing had been.
      fillAlike([nets], 2);
      await pass(nets, 40);
      assert.ok(Number.isFinite(await nets.step({ learningRate: 0.1 })));
      nets.looseGradients[0] = bad;
      assert.ok(!Number.isFinite(await nets.step({ learningRate: 0.1 })));
      assert.deepEqual([...nets.looseGradients], [0]);
    }
  });

  test(`${name}: tanh saturates at 1, is odd, and not-a-number stays so; relu cuts`, async () => {
    // The identity twice: what comes out is the activation of the input.
    const identity = Float32Array.of(1, 0, 1, 0);
    const rows = 9;
    for (const activation of ['tanh', 'relu'] as const) {
      const nets = compute.networks({
        networks: [network([1, 1, 1], {}, activation)],
        rows,
        parameters: identity,
      });
      const x = [0, 1e-8, 0.5, 3, 7.5, 9, 30, 1e30, Number.POSITIVE_INFINITY];
      nets.inputs[0]!.set(x);
      await nets.forward([0], rows);
      const up = [...nets.outputs[0]!];
      nets.inputs[0]!.set(x.map((v) => -v));
      await nets.forward([0], rows);
      const down = [...nets.outputs[0]!];
      if (activation === 'relu') {
        assert.deepEqual(up, [...Float32Array.from(x)]);
        assert.deepEqual(new Set(down.map((v) => v + 0)), new Set([0]));
      } else {
        up.forEach((y, i) => {
          assert.ok(Math.abs(y - Math.tanh(x[i]!)) <= 4e-7, `tanh ${x[i]}: ${y}`);
          assert.ok(y <= 1);
        });
        assert.deepEqual(
          down.map((v) => -v + 0),
          up,
        );
        assert.ok(Math.abs(up[1]! - 1e-8) < (coarseTanh ? 4e-7 : 1e-14));
      }
      nets.inputs[0]![3] = Number.NaN;
      await nets.forward([0], rows);
      assert.ok(Number.isNaN(nets.outputs[0]![3]!));
      assert.equal(nets.outputs[0]!.filter(Number.isNaN).length, 1);
    }
  });

  test(`${name}: a blend moves towards the other's parameters`, async () => {
    const networks = [network([3, 9, 2])];
    const { nets: online, parameters } = pair({ networks, rows: 4 });
    const { nets: target, parameters: before } = pair({ networks, rows: 1 }, 5);
    await target.blend(online, 0.25);
    const wanted = before.map((p, i) => p + 0.25 * (parameters[i]! - p));
    close(await target.read(), wanted, 1e-6, 'blend');
    await target.blend(online, 1);
    close(await target.read(), parameters, 1e-6, 'all of it');
    // The blended parameters are the ones it computes with.
    target.inputs[0]!.set(online.inputs[0]!.subarray(0, 3));
    await online.forward([0], 4);
    await target.forward([0], 1);
    close(target.outputs[0]!, online.outputs[0]!.subarray(0, 2), 1e-5, 'outputs');
    const { nets: different } = pair({ networks: [network([3, 8, 2])], rows: 1 });
    await assert.rejects(async () => target.blend(different, 0.5), RangeError);
    assert.deepEqual(await online.read(), parameters);
  });

  test(`${name}: saved and restored, it goes on bit for bit`, async () => {
    const networks = [network([4, 17, 2]), network([4, 10, 1], { inputOf: 0 })];
    const { nets } = pair({ networks, rows: 40, loose: 1 });
    const go = async (one: Networks, steps: number, seed: number): Promise<void> => {
      for (let k = 0; k < steps; k++) {
        fillAlike([one], seed + k);
        await pass(one, 40);
        one.looseGradients[0] = 0.1 * k - 0.2;
        await one.step({ learningRate: 0.01, maxGradNorm: 1 });
      }
    };
    await go(nets, 3, 20);
    const parameters = await nets.read();
    const optimizer = await nets.saveOptimizer();
    assert.equal(optimizer.length, 1 + 2 * nets.parameterCount);
    assert.equal(optimizer[0], 3);
    const other = compute.networks({ networks, rows: 40, loose: 1, parameters });
    await other.restoreOptimizer(optimizer);
    await go(nets, 3, 30);
    await go(other, 3, 30);
    assert.deepEqual(await other.read(), await nets.read());
    assert.deepEqual(await other.saveOptimizer(), await nets.saveOptimizer());
    // What was read is a copy.
    assert.equal(optimizer[0], 3);
    assert.notDeepEqual(await nets.read(), parameters);
  });

  test(`${name}: written parameters are used by the next forward and backward`, async () => {
    const { nets, plain } = pair({ networks: [network([5, 9, 12, 2], { inputGradient: true })], rows: 10 });
    await pass(nets, 10);
    await nets.clear();
    const parameters = randomParameters(nets.networks, 0, new Random(77));
    for (const one of [nets, plain]) {
      await one.write(parameters);
      await pass(one, 10);
    }
    assert.deepEqual(await nets.read(), parameters);
    close(nets.outputs[0]!, plain.outputs[0]!, tolerance, 'outputs');
    close(await nets.readGradient(), await plain.readGradient(), tolerance, 'gradient');
    close(nets.inputGradients[0]!, plain.inputGradients[0]!, tolerance, 'input gradient');
  });

  test(`${name}: networks of one device do not disturb each other`, async () => {
    const a = pair({ networks: [network([4, 20, 2])], rows: 33 });
    await pass(a.nets, 33);
    const b = pair({ networks: [network([7, 50, 3])], rows: 200 }, 9);
    await pass(b.nets, 200);
    await pass(a.plain, 33);
    await pass(b.plain, 200);
    close(a.nets.outputs[0]!, a.plain.outputs[0]!, tolerance, 'outputs of the first');
    b.nets.dispose();
    const c = pair({ networks: [network([9, 3])], rows: 10 }, 11);
    await pass(c.nets, 10);
    await pass(c.plain, 10);
    await pass(a.nets, 33);
    await pass(a.plain, 33);
    close(await a.nets.readGradient(), await a.plain.readGradient(), tolerance, 'gradient of the first');
    close(await c.nets.readGradient(), await c.plain.readGradient(), tolerance, 'gradient of the last');
  });

  test(`${name}: what does not fit is refused by name`, async () => {
    const make = (options: Partial<NetworksOptions>) => async () =>
      compute.networks({
        networks: [network([3, 4, 2])],
        rows: 8,
        parameters: new Float32Array(parameterCount({ sizes: [3, 4, 2], activation: 'tanh' })),
        ...options,
      });
    await assert.rejects(make({ parameters: new Float32Array(5) }), /RangeError.*found 5.*26/);
    await assert.rejects(make({ loose: 2 }), /RangeError.*found 26.*28/);
    await assert.rejects(make({ loose: -1 }), /RangeError.*oose.*-1/);
    await assert.rejects(make({ rows: 0 }), /RangeError.*[Rr]ows.*0/);
    await assert.rejects(make({ rows: 1.5 }), /RangeError.*[Rr]ows.*1\.5/);
    await assert.rejects(make({ networks: [], parameters: new Float32Array(0) }), /RangeError.*[Nn]etworks/);
    await assert.rejects(make({ networks: [network([3])] }), /RangeError.*sizes/);
    await assert.rejects(make({ networks: [network([3, 4, 2], { inputOf: 0 })] }), /RangeError.*inputOf.*0/);
    await assert.rejects(
      make({
        networks: [network([3, 2]), network([4, 1], { inputOf: 0 })],
        parameters: new Float32Array(13),
      }),
      /RangeError.*inputOf/,
    );
    await assert.rejects(make({ epsilon: 0 }), /RangeError.*epsilon.*0/);
    const nets = await make({})();
    const refuses = async (call: () => unknown, message: RegExp): Promise<void> => {
      await assert.rejects(async () => call(), message);
    };
    await refuses(() => nets.forward([0], 0), /RangeError.*rows.*0/i);
    await refuses(() => nets.forward([0], 9), /RangeError.*rows.*9.*8/i);
    await refuses(() => nets.forward([0], Number.NaN), /RangeError.*rows.*NaN/i);
    await refuses(() => nets.forward([1], 8), /RangeError.*network.*1/i);
    await refuses(() => nets.forward([0, 0], 8), /RangeError.*network.*ascending/i);
    await nets.forward([0], 8);
    await refuses(() => nets.backward([0], 9), /RangeError.*rows.*9.*8/i);
    await refuses(() => nets.backward([-1], 8), /RangeError.*network.*-1/i);
    await refuses(() => nets.regress([0], 8, 1), /RangeError.*Network 0: found no targets/);
    await refuses(() => nets.regress([0], 9, 1), /RangeError.*rows.*9.*8/i);
    await refuses(() => nets.write(new Float32Array(25)), /RangeError.*25.*26/);
    await refuses(() => nets.restoreOptimizer(new Float64Array(26)), /RangeError.*26.*53/);
  });
}
