import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampling, unitShares } from '../../../learn/diagnostics/units.ts';
import { initializeMemory } from '../../../learn/parts/memory.ts';
import { MemoryPolicy } from '../../../learn/parts/memory-policy.ts';
import { Network } from '../../../learn/parts/network.ts';
import { Normalizer } from '../../../learn/parts/normalizer.ts';
import { MlpPolicy } from '../../../learn/parts/policy.ts';
import { Random } from '../../../learn/parts/random.ts';
import { initialize, layersOf, type MlpShape } from '../../../learn/tensor/mlp.ts';

const shape: MlpShape = { sizes: [3, 5, 4, 2], activation: 'tanh' };
const random = new Random(7);
const rows = 50;
const inputs = Float64Array.from({ length: rows * 3 }, () => random.gaussian());

test('hidden layers are those that the network passes on', () => {
  const parameters = initialize(shape, random);
  const network = new Network(shape, parameters);
  const hidden = network.hidden(inputs, rows);
  assert.deepEqual(
    hidden.map((layer) => layer.length),
    [rows * 5, rows * 4],
  );
  // The last layer by hand from the last hidden one.
  const { weights, biases } = layersOf(shape)[2]!;
  const out = new Float64Array(rows * 2);
  network.forward(inputs, rows, out);
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < 2; j++) {
      let sum = parameters[biases + j]!;
      for (let i = 0; i < 4; i++) sum += hidden[1]![r * 4 + i]! * parameters[weights + i * 2 + j]!;
      assert.ok(Math.abs(sum - out[r * 2 + j]!) < 1e-12);
    }
  }
});

test('units that are constant are dead, of tanh those at the ends are saturated', () => {
  // Three units a row: one at rest, one at either end, one alive.
  const layer = Float64Array.from({ length: 60 }, (_, i) =>
    i % 3 === 0 ? 0 : i % 3 === 1 ? (i % 2 === 0 ? 0.999 : -0.999) : Math.sin(i),
  );
  assert.deepEqual(unitShares([layer], 20, 'tanh'), { dead: 1 / 3, saturated: 1 / 3 });
  assert.deepEqual(unitShares([layer], 20, 'relu'), { dead: 1 / 3, saturated: 0 });
  assert.deepEqual(unitShares([], 20, 'relu'), { dead: 0, saturated: 0 });
});

test('a fresh policy is alive; biases far below zero kill relu, large weights saturate tanh', () => {
  const metrics = (activation: 'tanh' | 'relu', change: (parameters: Float32Array) => void) => {
    const of: MlpShape = { sizes: [3, 32, 32, 2], activation };
    const parameters = initialize(of, new Random(1));
    change(parameters);
    // Acts on 25 rows a call, of which every fifth call is kept.
    const { policy, metrics: found } = sampling(new MlpPolicy(of, parameters, new Normalizer(3).save()));
    for (let call = 0; call < 60; call++) {
      policy.act(inputs.subarray((call % 2) * 75, (call % 2) * 75 + 75), 25, new Float64Array(50));
    }
    return found();
  };
  assert.deepEqual(
    metrics('tanh', () => undefined),
    { 'policy/deadUnits': 0, 'policy/saturatedUnits': 0 },
  );
  const firstBiases = layersOf({ sizes: [3, 32, 32, 2], activation: 'relu' })[0]!.biases;
  const killed = metrics('relu', (p) => p.fill(-100, firstBiases, firstBiases + 32));
  // The first layer is dead, so the second sees nothing that changes.
  assert.equal(killed['policy/deadUnits'], 1);
  const huge = metrics('tanh', (p) => {
    for (let i = 0; i < p.length; i++) p[i]! *= 1000;
  });
  assert.ok(huge['policy/saturatedUnits']! > 0.9, JSON.stringify(huge));
});

test('a sample acts like its policy, leaves idle rows out and says nothing of too few rows', () => {
  const of: MlpShape = { sizes: [3, 8, 2], activation: 'tanh' };
  const seen: number[] = [];
  const plain = new MlpPolicy(of, initialize(of, new Random(2)), new Normalizer(3).save());
  const { policy, metrics } = sampling(
    Object.assign(plain, {
      units: (rows: Float64Array, count: number) => {
        seen.push(count, rows[0]!, rows[3]!);
        return { dead: 0.25, saturated: 0 };
      },
    }),
  );
  const [wanted, out] = [new Float64Array(100), new Float64Array(100)];
  plain.act(inputs, rows, wanted);
  const active = new Uint8Array(rows).fill(1);
  active[1] = 0;
  policy.act(inputs, rows, out, undefined, active);
  assert.deepEqual(out, wanted);
  assert.deepEqual(metrics(), {}, '49 rows');
  for (let call = 0; call < 30; call++) policy.act(inputs, rows, out, undefined, active);
  assert.deepEqual(metrics(), { 'policy/deadUnits': 0.25, 'policy/saturatedUnits': 0 });
  assert.deepEqual(seen, [256, inputs[0], inputs[6]]);
});

test('of a policy that remembers, the units of the memory and those behind it are watched on what it remembered', () => {
  const header = { observationDim: 3, actionDim: 2, choices: [], hidden: [6], activation: 'tanh' } as const;
  const actor = initialize({ sizes: [4, 6, 2], activation: 'tanh' }, new Random(1));
  const metrics = (memory: Float32Array) => {
    const { policy, metrics: found } = sampling(
      new MemoryPolicy(header, 4, actor, memory, new Normalizer(3).save()),
    );
    for (let world = 0; world < 25; world++) policy.begin!(world);
    for (let call = 0; call < 60; call++) {
      policy.act(inputs.subarray((call % 2) * 75, (call % 2) * 75 + 75), 25, new Float64Array(50));
    }
    return found();
  };
  const fresh = initializeMemory(3, 4, new Random(2));
  assert.deepEqual(metrics(fresh), { 'policy/deadUnits': 0, 'policy/saturatedUnits': 0 });
  // A memory without weights holds nothing, so that nothing behind it changes.
  assert.equal(metrics(new Float32Array(fresh.length))['policy/deadUnits'], 1);
});
