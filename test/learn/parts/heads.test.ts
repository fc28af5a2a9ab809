import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Head, headFor } from '../../../learn/parts/heads.ts';
import { Random } from '../../../learn/parts/random.ts';

const none = new Float64Array(0);

test('real actions have the density of a normal distribution and its draws', () => {
  const head = headFor(2);
  assert.deepEqual([head.outputs, head.actionDim, head.looseCount], [2, 2, 2]);
  const mean = Float64Array.of(9, 0.3, -0.8);
  const logStd = Float64Array.of(-0.5, 0.2);
  const density = (x: number, mu: number, std: number): number =>
    Math.exp(-((x - mu) ** 2) / (2 * std * std)) / (std * Math.sqrt(2 * Math.PI));
  const action = Float64Array.of(7, 7, 0.1, 0.4);
  const wanted = Math.log(density(0.1, 0.3, Math.exp(-0.5)) * density(0.4, -0.8, Math.exp(0.2)));
  assert.ok(Math.abs(head.logProbability(mean, 1, logStd, action, 2) - wanted) < 1e-12);
  // 1/2 log(2 pi e std^2) for each component.
  const entropy = Math.log(2 * Math.PI * Math.E) + -0.5 + 0.2;
  assert.ok(Math.abs(head.entropy(mean, 1, logStd) - entropy) < 1e-12);
  const random = new Random(2);
  const draws = 20_000;
  const sums = [0, 0, 0, 0];
  for (let i = 0; i < draws; i++) {
    const log = head.sample(mean, 1, logStd, random, action, 2);
    assert.equal(log, head.logProbability(mean, 1, logStd, action, 2));
    for (let k = 0; k < 2; k++) {
      sums[k]! += action[2 + k]! / draws;
      sums[2 + k]! += (action[2 + k]! - mean[1 + k]!) ** 2 / draws;
    }
  }
  for (let k = 0; k < 2; k++) {
    const std = Math.exp(logStd[k]!);
    // Four standard deviations of a mean and of a variance.
    assert.ok(Math.abs(sums[k]! - mean[1 + k]!) < (4 * std) / Math.sqrt(draws));
    assert.ok(Math.abs(sums[2 + k]! - std * std) < 4 * std * std * Math.sqrt(2 / draws));
  }
  head.mode(mean, 1, action, 0);
  assert.deepEqual(action.slice(0, 2), Float64Array.of(0.3, -0.8));
});

test('options have the shares of the normalised exponentials, components independent, and the draws follow them', () => {
  const head = headFor(2, [3, 2]);
  assert.deepEqual([head.outputs, head.actionDim, head.looseCount], [5, 2, 0]);
  const logits = Float64Array.of(9, 0.4, -1.2, 2, 0.7, 0.1);
  const shares = (values: number[]): number[] => {
    const total = values.reduce((sum, value) => sum + Math.exp(value), 0);
    return values.map((value) => Math.exp(value) / total);
  };
  const [p, q] = [shares([0.4, -1.2, 2]), shares([0.7, 0.1])];
  for (let a = 0; a < 3; a++) {
    for (let b = 0; b < 2; b++) {
      const found = head.logProbability(logits, 1, none, Float64Array.of(a, b), 0);
      assert.ok(Math.abs(found - Math.log(p[a]! * q[b]!)) < 1e-14);
    }
  }
  const entropy = -[...p, ...q].reduce((sum, share) => sum + share * Math.log(share), 0);
  assert.ok(Math.abs(head.entropy(logits, 1, none) - entropy) < 1e-14);
  assert.ok(Math.abs(headFor(1, [4]).entropy(new Float64Array(4), 0, none) - Math.log(4)) < 1e-14);

  const action = new Float64Array(2);
  head.mode(logits, 1, action, 0);
  assert.deepEqual(action, Float64Array.of(2, 0));
  headFor(1, [2]).mode(Float64Array.of(1, 1), 0, action, 0);
  assert.equal(action[0], 0);

  const random = new Random(3);
  const counts = new Float64Array(6);
  const draws = 40_000;
  for (let i = 0; i < draws; i++) {
    const log = head.sample(logits, 1, none, random, action, 0);
    assert.equal(log, head.logProbability(logits, 1, none, action, 0));
    counts[2 * action[0]! + action[1]!]!++;
  }
  for (let a = 0; a < 3; a++) {
    for (let b = 0; b < 2; b++) {
      const share = p[a]! * q[b]!;
      const allowed = 4 * Math.sqrt((share * (1 - share)) / draws);
      assert.ok(Math.abs(counts[2 * a + b]! / draws - share) < allowed, `${a}, ${b}`);
    }
  }
});

test('gradients by hand equal finite differences, for all kinds of actions', () => {
  const cases: [Head, Float64Array, Float64Array, Float64Array][] = [
    [headFor(2), Float64Array.of(0.2, -0.4), Float64Array.of(-0.3, 0.1), Float64Array.of(0.5, -1)],
    [headFor(1, [3]), Float64Array.of(0.4, -1.2, 2), none, Float64Array.of(1)],
    [headFor(2, [2, 3]), Float64Array.of(0.3, 0.1, 0.4, -1.2, 2), none, Float64Array.of(1, 2)],
  ];
  for (const [head, out, loose, action] of cases) {
    const dOut = new Float64Array(head.outputs + 1).fill(7);
    const dLoose = new Float64Array(head.looseCount).fill(3);
    head.gradient(out, 0, loose, action, 0, 1.3, -0.4, dOut, 1, dLoose);
    assert.equal(dOut[0], 7);
    const value = (o: Float64Array, l: Float64Array): number =>
      1.3 * head.logProbability(o, 0, l, action, 0) - 0.4 * head.entropy(o, 0, l);
    const slope = (values: Float64Array, k: number, f: (changed: Float64Array) => number): number => {
      const [up, down] = [values.slice(), values.slice()];
      up[k]! += 1e-6;
      down[k]! -= 1e-6;
      return (f(up) - f(down)) / 2e-6;
    };
    for (let k = 0; k < head.outputs; k++) {
      const wanted = slope(out, k, (changed) => value(changed, loose));
      assert.ok(Math.abs(dOut[1 + k]! - wanted) < 1e-8, `output ${k}: ${dOut[1 + k]} ${wanted}`);
    }
    for (let k = 0; k < head.looseCount; k++) {
      const wanted = 3 + slope(loose, k, (changed) => value(out, changed));
      assert.ok(Math.abs(dLoose[k]! - wanted) < 1e-8, `loose ${k}: ${dLoose[k]} ${wanted}`);
    }
  }
});

test('huge logits neither overflow nor lose the certain option, and a changed row is read anew', () => {
  const head = headFor(1, [3]);
  const huge = Float64Array.of(1000, 0, -1000);
  const action = Float64Array.of(0);
  assert.equal(head.logProbability(huge, 0, none, action, 0), 0);
  assert.equal(head.logProbability(huge, 0, none, Float64Array.of(1), 0), -1000);
  assert.ok(head.entropy(huge, 0, none) === 0);
  head.sample(huge, 0, none, new Random(1), action, 0);
  assert.equal(action[0], 0);
  huge[1] = 2000;
  assert.equal(head.logProbability(huge, 0, none, Float64Array.of(1), 0), 0);
  huge[1] = Number.NaN;
  assert.ok(Number.isNaN(head.logProbability(huge, 0, none, Float64Array.of(1), 0)));
});

test('options that do not fit the action are refused', () => {
  assert.throws(() => headFor(2, [3]), /options for 1 components, wanted 2/);
  assert.throws(() => headFor(1, [0]), /0 options/);
});

test('many rows at once give what the rows give one by one', () => {
  const random = new Random(8);
  for (const head of [headFor(3), headFor(1, [2]), headFor(2, [3, 4])] as Head[]) {
    const count = 9;
    const out = Float32Array.from({ length: count * head.outputs }, () => random.gaussian());
    const loose = Float32Array.from({ length: head.looseCount }, () => 0.3 * random.gaussian());
    const actions = new Float64Array(count * head.actionDim);
    const byLog = Float64Array.from({ length: count }, () => random.gaussian());
    for (let n = 0; n < count; n++) {
      head.sample(out, n * head.outputs, loose, random, actions, n * head.actionDim);
    }
    const logs = new Float64Array(count);
    const entropies = new Float64Array(count);
    const [dOut, dOutOne] = [new Float64Array(out.length), new Float64Array(out.length)];
    const [dLoose, dLooseOne] = [new Float64Array(loose.length), new Float64Array(loose.length)];
    head.judge(out, count, loose, actions, logs, entropies);
    head.gradients(count, actions, byLog, -0.1, dOut, dLoose);
    for (let n = 0; n < count; n++) {
      const [o, a] = [n * head.outputs, n * head.actionDim];
      assert.ok(Math.abs(logs[n]! - head.logProbability(out, o, loose, actions, a)) < 1e-12);
      assert.ok(Math.abs(entropies[n]! - head.entropy(out, o, loose)) < 1e-12);
      head.gradient(out, o, loose, actions, a, byLog[n]!, -0.1, dOutOne, o, dLooseOne);
    }
    for (const [i, value] of dOut.entries()) assert.ok(Math.abs(value - dOutOne[i]!) < 1e-12, `${i}`);
    for (const [k, value] of dLoose.entries()) assert.ok(Math.abs(value - dLooseOne[k]!) < 1e-12, `${k}`);
  }
});
