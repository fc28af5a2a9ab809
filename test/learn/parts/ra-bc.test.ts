import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkGains, raBcWarning, raBcWeight, raBcWeights } from '../../../learn/parts/ra-bc.ts';

const close = (actual: number, wanted: number) =>
  assert.ok(Math.abs(actual - wanted) < 1e-9, `${actual}, wanted ${wanted}`);

test('the gain of a step looks one chunk ahead, and to the last frame where the episode ends before', () => {
  const gains = chunkGains([0, 0.25, 0.5, 0.25, 1], 2);
  assert.deepEqual([...gains], [0.5, 0, 0.5, 0.75]);
});

test('above kappa a step counts in full, below zero not at all, between by its place within two deviations', () => {
  // mu 0.02, s 0.01: w~ = (r - 0) / (0.04 + 1e-6).
  const weight = (gain: number) => raBcWeight(gain, 0.03, 0.02, 0.01);
  assert.equal(weight(0.031), 1);
  close(weight(0.03), 0.03 / 0.040001);
  close(weight(0.02), 0.02 / 0.040001);
  assert.equal(weight(0), 0);
  assert.equal(weight(-0.001), 0);
  assert.equal(weight(Number.NaN), 1);
});

test('a negative mean counts as 0', () => {
  // mu = 0, s 0.02: w~(0.01) = (0.01 + 0.04) / (0.08 + 1e-6); with mu -0.05 it would be 1.
  close(raBcWeight(0.01, 0.05, -0.05, 0.02), 0.05 / 0.080001);
});

test('mean and deviation are those of all steps of all episodes, and the shares are of steps', () => {
  // r: 0.1, 0.1, -0.2 and 0, 0.3: mean 0.06, variance (2 * 0.04^2 + 0.26^2 + 0.06^2 + 0.24^2) / 5 = 0.0264.
  const found = raBcWeights(
    [
      [0, 0.1, 0.2, 0],
      [0.5, 0.5, 0.8],
    ],
    { kappa: 0.2, chunk: 1 },
  );
  close(found.mean, 0.06);
  close(found.deviation, Math.sqrt(0.0264));
  const s = Math.sqrt(0.0264);
  const between = (0.1 - (0.06 - 2 * s)) / (4 * s + 1e-6);
  const still = (0 - (0.06 - 2 * s)) / (4 * s + 1e-6);
  const [first, second] = found.weights;
  for (const [i, wanted] of [between, between, 0].entries()) close(first![i]!, wanted);
  for (const [i, wanted] of [still, 1].entries()) close(second![i]!, wanted);
  close(found.meanWeight, (2 * between + still + 1) / 5);
  assert.deepEqual([found.zero, found.full], [0.2, 0.2]);
});

test('what is not a number weighs 1 and leaves mean and deviation alone', () => {
  const found = raBcWeights([[0, Number.NaN, 0.5, 0.75]], { kappa: 0.1, chunk: 1 });
  assert.deepEqual([...found.weights[0]!], [1, 1, 1]);
  assert.deepEqual([found.mean, found.deviation], [0.25, 0]);
});

test('weights that do nothing are warned of, with a kappa between the mean gain and two deviations above', () => {
  const settings = { kappa: 0.01, chunk: 1 };
  const rising = raBcWeights([[0, 0.1, 0.2, 0.4]], settings);
  // r: 0.1, 0.1, 0.2: mean 0.133, deviation 0.0471.
  assert.match(
    raBcWarning(settings, rising)!,
    /does nothing: its mean weight is 1,.*kappa from 0\.133 to 0\.228 /,
  );
  const falling = raBcWeights([[1, 0.5, 0.2, 0]], settings);
  assert.match(
    raBcWarning(settings, falling)!,
    /hardly anything to learn from: its mean weight is 0 .* in 0 % of the chunks/,
  );
  assert.equal(raBcWarning(settings, raBcWeights([[0, 0.5, 0.2, 0.6]], settings)), undefined);
});
