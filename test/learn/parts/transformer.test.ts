import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Random } from '../../../learn/parts/random.ts';
import {
  initializeTransformer,
  networksOf,
  specsOf,
  Transformer,
  TransformerFit,
  type TransformerShape,
  transformerParameterCount,
} from '../../../learn/parts/transformer.ts';
import { type Kernel, openKernel } from '../../../learn/tensor/kernel/open.ts';
import { parameterCount } from '../../../learn/tensor/mlp.ts';

const shape: TransformerShape = { inputs: 5, frames: 4, width: 8, layers: 2, heads: 2, outputs: 3 };
const samples = 3;

let kernel: Kernel;
before(async () => {
  kernel = await openKernel({ threads: 1 });
});
after(() => kernel.dispose());

/** Weights that are far from their quiet beginnings, and rows. */
function setUp(seed: number) {
  const random = new Random(seed);
  const parameters = initializeTransformer(shape, random);
  for (let i = 0; i < parameters.length; i++) parameters[i]! += 0.3 * random.gaussian();
  const x = Float32Array.from({ length: samples * shape.frames * shape.inputs }, () => random.gaussian());
  const nets = kernel.networks({ networks: specsOf(shape), rows: samples * shape.frames, parameters });
  return { random, parameters, x, nets, fit: new TransformerFit(shape, nets, 0, samples) };
}

const newestOf = (outputs: Float32Array) =>
  Float64Array.from({ length: samples * shape.outputs }, (_, i) => {
    const [b, j] = [Math.floor(i / shape.outputs), i % shape.outputs];
    return outputs[(b * shape.frames + shape.frames - 1) * shape.outputs + j]!;
  });

test('one frame, one head, worked by hand', () => {
  // d = 2, one frame x = 1 that is the first: E = [[1, 3], [1, 1]], so h = x (1, 3) + (1, 1) = (2, 4), and
  // norm h = (-1, 1) / sqrt(1 + 1e-5) =: (-c, c). All that is seen is itself: the mix is v = u I = (-c, c), W_o = I adds it:
  // h = (2 - c, 4 + c). The feed-forward is 0. norm h = (-1, 1) (1 + c) / sqrt((1 + c)^2 + 1e-5), the head sums 2 u_1 + 5 u_2 + 1.
  const tiny: TransformerShape = { inputs: 1, frames: 1, width: 2, layers: 1, heads: 1, outputs: 1 };
  const parameters = new Float32Array(transformerParameterCount(tiny));
  const [embedding, qkv, out, feedForward, head] = networksOf(tiny).map(parameterCount);
  parameters.set([1, 3, 1, 1], 0);
  // Rows of W_qkv [2, 6]: q, k are 0, v is the identity.
  parameters.set([0, 0, 0, 0, 1, 0], embedding!);
  parameters.set([0, 0, 0, 0, 0, 1], embedding! + 6);
  parameters.set([1, 0, 0, 1], embedding! + qkv!);
  parameters.set([2, 5, 1], embedding! + qkv! + out! + feedForward!);
  assert.equal(parameters.length, embedding! + qkv! + out! + feedForward! + head!);
  const found = new Float64Array(1);
  new Transformer(tiny, parameters).forward(Float64Array.of(1), 1, found);
  const c = 1 / Math.sqrt(1 + 1e-5);
  const u = (1 + c) / Math.sqrt((1 + c) ** 2 + 1e-5);
  assert.ok(Math.abs(found[0]! - (3 * u + 1)) < 1e-12);
});

test('while fitted and in use it gives the same for the newest frame', async () => {
  const { parameters, x, nets, fit } = setUp(1);
  await fit.forward(x, samples);
  const plain = new Float64Array(samples * shape.outputs);
  new Transformer(shape, parameters).forward(Float64Array.from(x), samples, plain);
  for (const [i, value] of newestOf(fit.outputs).entries()) assert.ok(Math.abs(value - plain[i]!) < 1e-5);
  nets.dispose();
});

test('gradients are those of finite differences, of every weight and for every frame', async () => {
  const { random, parameters, x, nets, fit } = setUp(2);
  // Losses of all frames: frame t of a longer window is the newest frame of a shorter one, with the same weights.
  const dOutput = Float32Array.from({ length: samples * shape.frames * shape.outputs }, () =>
    random.gaussian(),
  );
  await fit.forward(x, samples);
  fit.outputGradients.set(dOutput);
  await fit.backward(samples);
  const gradient = await nets.readGradient();

  const width = shape.frames * shape.inputs;
  const loss = (weights: Float32Array): number => {
    let sum = 0;
    for (let frames = 1; frames <= shape.frames; frames++) {
      const model = new Transformer({ ...shape, frames }, weights);
      const out = new Float64Array(shape.outputs);
      for (let b = 0; b < samples; b++) {
        const row = Float64Array.from(x.subarray(b * width, b * width + frames * shape.inputs));
        model.forward(row, 1, out);
        for (let j = 0; j < shape.outputs; j++)
          sum += out[j]! * dOutput[(b * shape.frames + frames - 1) * shape.outputs + j]!;
      }
    }
    return sum;
  };
  const moved = parameters.slice();
  for (let i = 0; i < parameters.length; i++) {
    moved[i] = parameters[i]! + 1 / 128;
    const [above, high] = [loss(moved), moved[i]!];
    moved[i] = parameters[i]! - 1 / 128;
    const slope = (above - loss(moved)) / (high - moved[i]!);
    moved[i] = parameters[i]!;
    assert.ok(
      Math.abs(gradient[i]! - slope) < 0.01 * (0.5 + Math.abs(slope)),
      `parameter ${i}: ${gradient[i]}, by differences ${slope}`,
    );
  }
  nets.dispose();
});

test('a frame changes nothing about what is said of the frames before it', async () => {
  const { x, nets, fit } = setUp(3);
  await fit.forward(x, samples);
  const before = fit.outputs.slice();
  const changed = x.slice();
  const row = shape.frames * shape.inputs;
  for (let b = 0; b < samples; b++) changed[b * row + 2 * shape.inputs] = 9;
  await fit.forward(changed, samples);
  for (let b = 0; b < samples; b++) {
    const at = (t: number) => (b * shape.frames + t) * shape.outputs;
    assert.deepEqual(fit.outputs.slice(at(0), at(2)), before.slice(at(0), at(2)));
    for (const t of [2, 3]) assert.notEqual(fit.outputs[at(t)], before[at(t)]);
  }
  nets.dispose();
});

test('it knows the first frame, and does not count the others', () => {
  const { parameters, x, nets } = setUp(4);
  const out = (rows: readonly number[][]) => {
    const found = new Float64Array(shape.outputs);
    new Transformer({ ...shape, layers: 1 }, parameters.subarray(0, count)).forward(
      Float64Array.from(rows.flat()),
      1,
      found,
    );
    return [...found];
  };
  const count = transformerParameterCount({ ...shape, layers: 1 });
  const [a, b, c, d] = [0, 1, 2, 3].map((t) => [...x.subarray(t * shape.inputs, (t + 1) * shape.inputs)]);
  const found = out([a!, b!, c!, d!]);
  const swapped = out([a!, c!, b!, d!]);
  for (const [j, value] of swapped.entries()) assert.ok(Math.abs(value - found[j]!) < 1e-12);
  const otherFirst = out([b!, a!, c!, d!]);
  assert.ok(otherFirst.some((value, j) => Math.abs(value - found[j]!) > 1e-3));
  nets.dispose();
});

test('not-a-number shows, and sizes that do not fit are refused', () => {
  const { parameters, nets } = setUp(5);
  const model = new Transformer(shape, parameters);
  const found = new Float64Array(shape.outputs);
  model.forward(new Float64Array(20).fill(Number.NaN, 3, 4), 1, found);
  assert.ok(found.every(Number.isNaN));
  assert.throws(() => networksOf({ ...shape, heads: 3 }), /found width 8 and 3 heads/);
  assert.throws(() => new Transformer(shape, parameters.subarray(1)), /found \d+ parameters, wanted \d+/);
  nets.dispose();
});
