import assert from 'node:assert/strict';
import { test } from 'node:test';
import { argmax, entropy, gradient, logProbability, sample } from '../../../learn/parts/categorical.ts';
import { Random } from '../../../learn/parts/random.ts';

const logits = Float64Array.of(9, 0.4, -1.2, 2, 9);
/** The three in the middle. */
const [at, n] = [1, 3];
const weights = [Math.exp(0.4), Math.exp(-1.2), Math.exp(2)];
const total = weights[0]! + weights[1]! + weights[2]!;
const p = weights.map((weight) => weight / total);

test('log-probabilities and entropy are those of the normalised exponentials, and the draws follow them', () => {
  for (let k = 0; k < n; k++) {
    assert.ok(Math.abs(logProbability(logits, at, n, k) - Math.log(p[k]!)) < 1e-14);
  }
  const wanted = -p.reduce((sum, q) => sum + q * Math.log(q), 0);
  assert.ok(Math.abs(entropy(logits, at, n) - wanted) < 1e-14);
  assert.ok(Math.abs(entropy([5, 5, 5, 5], 0, 4) - Math.log(4)) < 1e-14);
  assert.equal(argmax(logits, at, n), 2);
  assert.equal(argmax([1, 1], 0, 2), 0);

  const random = new Random(3);
  const counts = [0, 0, 0];
  const draws = 40_000;
  for (let i = 0; i < draws; i++) counts[sample(logits, at, n, random)]!++;
  // Four standard deviations of a share.
  for (let k = 0; k < n; k++) {
    const allowed = 4 * Math.sqrt((p[k]! * (1 - p[k]!)) / draws);
    assert.ok(Math.abs(counts[k]! / draws - p[k]!) < allowed, `${k}: ${counts[k]} of ${draws}`);
  }
});

test('the gradient by hand equals finite differences', () => {
  for (let action = 0; action < n; action++) {
    const found = new Float64Array(5).fill(7);
    gradient(logits, at, n, action, 1.3, -0.4, found);
    assert.deepEqual([found[0], found[4]], [7, 7]);
    const value = (x: Float64Array): number =>
      1.3 * logProbability(x, at, n, action) - 0.4 * entropy(x, at, n);
    for (let k = at; k < at + n; k++) {
      const [up, down] = [logits.slice(), logits.slice()];
      up[k]! += 1e-6;
      down[k]! -= 1e-6;
      const wanted = (value(up) - value(down)) / 2e-6;
      assert.ok(Math.abs(found[k]! - wanted) < 1e-9, `${k}: ${found[k]} ${wanted}`);
    }
  }
});

test('huge logits neither overflow nor lose the certain option', () => {
  const huge = [1000, 0, -1000];
  assert.equal(logProbability(huge, 0, 3, 0), 0);
  assert.equal(logProbability(huge, 0, 3, 1), -1000);
  assert.equal(entropy(huge, 0, 3), 0);
  assert.equal(sample(huge, 0, 3, new Random(1)), 0);
});
