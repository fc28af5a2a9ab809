import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initializeMemory, Memory, memoryNetworks, PlainMemory } from '../../../learn/parts/memory.ts';
import { Random } from '../../../learn/parts/random.ts';
import { plainCompute } from '../tensor/plain.ts';

const [dim, size, rows, steps] = [3, 4, 5, 6];
const parameters = initializeMemory(dim, size, new Random(3));
const gaussians = (random: Random, length: number) => Float32Array.from({ length }, () => random.gaussian());

function unit(values: Float32Array) {
  const networks = plainCompute.networks({
    networks: memoryNetworks(dim, size),
    rows,
    parameters: values,
  });
  return { networks, memory: new Memory(networks, 0, dim, size) };
}

/** Six steps from h0; the loss is a fixed combination of all h'. */
async function play(values: Float32Array, x: Float32Array, h0: Float32Array, weights: Float32Array) {
  const { memory, networks } = unit(values);
  const hidden = new Float32Array((steps + 1) * rows * size);
  hidden.set(h0);
  let loss = 0;
  for (let t = 0; t < steps; t++) {
    await memory.step(x, t * rows * dim, hidden, t * rows * size, rows, hidden, (t + 1) * rows * size);
    for (let i = 0; i < rows * size; i++)
      loss += weights[t * rows * size + i]! * hidden[(t + 1) * rows * size + i]!;
  }
  return { memory, networks, hidden, loss };
}

test('gradients through six steps equal finite differences, for weights and for the first memory', async () => {
  const random = new Random(5);
  const x = gaussians(random, steps * rows * dim);
  const h0 = gaussians(random, rows * size);
  const weights = gaussians(random, steps * rows * size);
  const { memory, networks, hidden } = await play(parameters, x, h0, weights);
  const gradient = new Float32Array(rows * size);
  for (let t = steps - 1; t >= 0; t--) {
    for (let i = 0; i < rows * size; i++) gradient[i]! += weights[t * rows * size + i]!;
    await memory.back(x, t * rows * dim, hidden, t * rows * size, rows, gradient);
  }
  const found = await networks.readGradient();
  const at = (array: Float32Array, i: number, by: number): Float32Array => {
    const moved = array.slice();
    moved[i]! += by;
    return moved;
  };
  const step = 1e-2;
  for (let i = 0; i < parameters.length; i += 7) {
    const up = await play(at(parameters, i, step), x, h0, weights);
    const down = await play(at(parameters, i, -step), x, h0, weights);
    const wanted = (up.loss - down.loss) / (2 * step);
    assert.ok(Math.abs(found[i]! - wanted) < 5e-3 * (1 + Math.abs(wanted)), `${i}: ${found[i]} ${wanted}`);
  }
  for (let i = 0; i < rows * size; i++) {
    const up = await play(parameters, x, at(h0, i, step), weights);
    const down = await play(parameters, x, at(h0, i, -step), weights);
    const wanted = (up.loss - down.loss) / (2 * step);
    assert.ok(Math.abs(gradient[i]! - wanted) < 5e-3 * (1 + Math.abs(wanted)), `h ${i}`);
  }
});

test('the plain unit remembers the same', async () => {
  const random = new Random(6);
  const x = gaussians(random, steps * rows * dim);
  const h0 = gaussians(random, rows * size);
  const { hidden } = await play(parameters, x, h0, new Float32Array(steps * rows * size));
  const plain = new PlainMemory(dim, size, parameters);
  const h = Float64Array.from(h0);
  for (let t = 0; t < steps; t++) {
    for (let n = 0; n < rows; n++) {
      plain.step(Float64Array.from(x), (t * rows + n) * dim, h, n * size);
    }
  }
  for (const [i, value] of h.entries()) {
    assert.ok(Math.abs(value - hidden[steps * rows * size + i]!) < 1e-5);
  }
});
