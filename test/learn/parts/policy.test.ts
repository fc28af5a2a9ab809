import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlock, writeBlock } from '../../../learn/parts/block.ts';
import { checkedHeader, checkSame, float32Of, float64Of } from '../../../learn/parts/checkpoint.ts';
import { Normalizer } from '../../../learn/parts/normalizer.ts';
import { MlpPolicy, policyHeader, policyShape, readMlpPolicy } from '../../../learn/parts/policy.ts';
import { Random } from '../../../learn/parts/random.ts';

const magic = 'RLABTEST';
const nothingSeen = new Normalizer(1).save();
/** One input, no hidden layer: outputs are w x + b. */
const line = (outputs: number) => ({ sizes: [1, outputs], activation: 'tanh' as const });

test('real actions are the clipped mean of the normalised observation', () => {
  const normalizer = new Normalizer(1);
  normalizer.update(Float64Array.of(8, 12), 2); // mean 10, deviation 2
  const policy = new MlpPolicy(line(2), Float32Array.of(0.5, 4, 0.25, 0), normalizer.save());
  assert.deepEqual([policy.observationDim, policy.actionDim], [1, 2]);
  const out = new Float64Array(4);
  policy.act(Float64Array.of(11, 9), 2, out);
  // x = 0.5, -0.5: 0.5 x + 0.25 and 4 x.
  const wanted = [0.5, 1, 0, -1];
  for (const [i, value] of wanted.entries()) assert.ok(Math.abs(out[i]! - value) < 1e-8, `${i}: ${out[i]}`);
  assert.throws(() => policy.act(new Float64Array(1), 2, out), RangeError);
});

test('of options the likeliest of each component is taken', () => {
  const weights = Float32Array.of(1, -1, 0, 2, 0, 0, 0.5, 0);
  const wide = new MlpPolicy(line(4), weights, nothingSeen, [2, 2]);
  const out = new Float64Array(4);
  wide.act(Float64Array.of(1, -1), 2, out);
  // x = 1: [1, -1], [0.5, 2]; x = -1: [-1, 1], [0.5, -2].
  assert.deepEqual(out, Float64Array.of(0, 1, 1, 0));
  assert.throws(() => new MlpPolicy(line(4), weights, nothingSeen, [2, 3]), /4 outputs, wanted 5/);
});

test('a policy is read from the front of the parameters, from headers old and new', () => {
  const read = (header: Record<string, unknown>) =>
    readMlpPolicy(
      'Test',
      readBlock(
        magic,
        writeBlock(magic, header, {
          parameters: Float32Array.of(3, -3, 0, 0, 99),
          normalizer: nothingSeen,
        }),
      ),
    );
  const out = new Float64Array(2);
  const common = { observationDim: 1, hidden: [] };
  for (const header of [
    { ...common, actionDim: 1, choices: 2 },
    { ...common, actionDim: 1, choices: [2], activation: 'relu' },
  ]) {
    read(header).act(Float64Array.of(-1), 1, out);
    assert.equal(out[0], 1);
  }
  for (const header of [
    { ...common, actionDim: 2 },
    { ...common, actionDim: 2, choices: 0 },
    { ...common, actionDim: 2, choices: [] },
  ]) {
    read(header).act(Float64Array.of(0.1), 1, out);
    assert.ok(Math.abs(out[0]! - 0.3) < 1e-7 && Math.abs(out[1]! + 0.3) < 1e-7);
  }
  assert.throws(() => read({ ...common, actionDim: 3 }), /parameters has 5 numbers, wanted 6/);
  assert.throws(() => read({ observationDim: 1, actionDim: 2 }), /hidden is undefined/);
  assert.throws(() => read({ ...common, actionDim: 0 }), /actionDim is \[0\]/);
  assert.throws(() => read({ ...common, actionDim: 2, activation: 'gelu' }), /activation is "gelu"/);
});

test('a header gives the shape of its network', () => {
  const block = readBlock(
    magic,
    writeBlock(magic, { observationDim: 4, actionDim: 2, choices: [3, 5], hidden: [7] }, {}),
  );
  assert.deepEqual(policyShape(policyHeader('Test', block)), { sizes: [4, 7, 8], activation: 'tanh' });
});

test('checkpoints of another version, network or type are refused by what differs', () => {
  const block = readBlock(
    magic,
    writeBlock(
      magic,
      { version: 2, steps: 5, hidden: [64] },
      { few: new Float64Array(2), small: new Float32Array(1) },
    ),
  );
  const header = checkedHeader('Test', block, 2, ['steps']);
  assert.equal(header['steps'], 5);
  assert.throws(() => checkedHeader('Test', block, 3, []), /Test checkpoint: version is 2, wanted 3/);
  assert.throws(() => checkedHeader('Test', block, 2, ['worlds']), /worlds is undefined, wanted an integer/);
  checkSame('Test', header, { hidden: [64] });
  assert.throws(() => checkSame('Test', header, { hidden: [32] }), /hidden is \[64\], wanted \[32\]/);
  assert.equal(float64Of('Test', block, 'few', 2).length, 2);
  assert.throws(() => float64Of('Test', block, 'few', 3), /few has 2 numbers, wanted 3/);
  assert.throws(() => float64Of('Test', block, 'none'), /has no none/);
  assert.throws(() => float64Of('Test', block, 'small'), /small has 32-bit numbers, wanted 64/);
  assert.throws(() => float32Of('Test', block, 'few'), /few has 64-bit numbers, wanted 32/);
});

test('a policy that draws has the mean and the deviation of its head, and the same draws for the same seed', () => {
  // Mean 0.25 whatever is seen, deviation 0.1: the last number is its logarithm.
  const block = readBlock(
    magic,
    writeBlock(
      magic,
      { observationDim: 1, actionDim: 1, choices: [], hidden: [] },
      { parameters: Float32Array.of(0, 0.25, 77, Math.log(0.1)), normalizer: nothingSeen },
    ),
  );
  const draw = (seed: number, count: number): Float64Array => {
    const out = new Float64Array(count);
    readMlpPolicy('Test', block, new Random(seed)).act(new Float64Array(count), count, out);
    return out;
  };
  const drawn = draw(1, 4000);
  const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
  const deviation = Math.sqrt(drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length);
  assert.ok(Math.abs(mean - 0.25) < 0.01, `mean ${mean}`);
  assert.ok(Math.abs(deviation - 0.1) < 0.01, `deviation ${deviation}`);
  assert.deepEqual(draw(1, 5), draw(1, 5));
  assert.notDeepEqual(draw(1, 5), draw(2, 5));
});
