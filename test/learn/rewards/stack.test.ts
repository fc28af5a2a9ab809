import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dense } from '../../../learn/rewards/dense.ts';
import { sparse } from '../../../learn/rewards/sparse.ts';
import { createStack, type LearnedUse, type StackEntry, stackHash } from '../../../learn/rewards/stack.ts';
import type { RewardModel } from '../../../learn/rewards/types.ts';
import type { TaskModel } from '../../../sim/env.ts';

/** A point on a line that walks by its action; at 3 it has arrived. State: counter, position. Observation: position. */
const line: TaskModel = {
  id: 'line',
  version: 1,
  settings: {},
  controlDt: 0.1,
  substeps: 1,
  horizon: 10,
  stateDim: 2,
  stateLayout: [],
  observationSpace: {
    type: 'box',
    dim: 1,
    low: Float64Array.of(0),
    high: Float64Array.of(3),
    names: ['position'],
  },
  actionSpace: { type: 'box', dim: 1, low: Float64Array.of(-1), high: Float64Array.of(1), names: ['speed'] },
  stages: [{ id: 'walk', title: 'Walk' }],
  rewardTerms: [
    { id: 'arrived', kind: 'sparse', weight: 10, help: 'At 3' },
    { id: 'near', kind: 'dense', weight: 0.5, help: 'Position / 3' },
    { id: 'slow', kind: 'dense', weight: 0.25, help: '1 - speed^2' },
  ],
  bodies: [],
  reset: (_seed, state, at) => state.fill(0, at, at + 2),
  advance: () => {},
  observe: (state, at, out, to) => {
    out[to] = state[at + 1]!;
  },
  stage: () => 0,
  progress: (state, at) => state[at + 1]! / 3,
  success: (state, at) => state[at + 1]! >= 3,
  terminal: (state, at) => state[at + 1]! >= 3,
  reward: (_state, _at, action, actionAt, next, nextAt, out, to) => {
    out[to] = next[nextAt + 1]! >= 3 ? 1 : 0;
    out[to + 1] = next[nextAt + 1]! / 3;
    out[to + 2] = 1 - action[actionAt]! ** 2;
  },
  expert: () => {},
  poses: () => {},
};

/** Phi = position / 4, plus 0.01 for every frame before: a score with a history, so that save and restore have work. */
const ramp: RewardModel = {
  method: 'sarm',
  senses: ['observation'],
  frameDim: 1,
  stages: ['walk'],
  score: () => ({ perStep: new Float32Array(0), extras: {} }),
  online: (count) => {
    const values = new Float64Array(count);
    const frames = new Float64Array(count);
    return {
      count,
      values,
      reset: (world, observations, offset) => {
        frames[world] = 0;
        values[world] = observations[offset]! / 4;
      },
      step: (observations) => {
        for (let w = 0; w < count; w++) values[w] = observations[w]! / 4 + 0.01 * ++frames[w]!;
      },
      save: () => Float64Array.of(...values, ...frames),
      restore: (saved) => {
        values.set(saved.subarray(0, count));
        frames.set(saved.subarray(count));
      },
      restoreAll: (saved) => {
        values.fill(saved[0]!);
        frames.fill(saved[1]!);
      },
    };
  },
  save: () => new Uint8Array(0),
};

const learned = (use: LearnedUse, weight = 1): StackEntry => ({
  kind: 'learned',
  method: 'sarm',
  model: ramp,
  use,
  weight,
});
const native = (reward: typeof sparse, weight = 1): StackEntry => ({ kind: 'native', reward, weight });

/** Walks one world through these positions; returns the raw value of the first term at every step. */
function walk(
  entries: readonly StackEntry[],
  gamma: number,
  positions: readonly number[],
  endsTerminal: boolean,
) {
  const stack = createStack(entries, { model: line, gamma, count: 1 });
  stack.reset(0, Float64Array.of(0, positions[0]!), Float64Array.of(positions[0]!));
  const phi = [stack.learned[0]?.values[0] ?? Number.NaN];
  const raw: number[] = [];
  for (let t = 1; t < positions.length; t++) {
    const ended = endsTerminal && t === positions.length - 1;
    stack.step(
      Float64Array.of(t - 1, positions[t - 1]!),
      Float64Array.of(0),
      Float64Array.of(t, positions[t]!),
      Float64Array.of(positions[t]!),
      Uint8Array.of(ended ? 1 : 0),
    );
    raw.push(stack.raw[0]!);
    phi.push(stack.learned[0]?.values[0] ?? Number.NaN);
  }
  return { stack, raw, phi };
}

const close = (actual: number, wanted: number) =>
  assert.ok(Math.abs(actual - wanted) < 1e-12, `${actual}, wanted ${wanted}`);

test('discounted shaping sums to gamma^T Phi(s_T) - Phi(s_0) when the time runs out', () => {
  const gamma = 0.9;
  const { raw, phi } = walk([learned('shaping')], gamma, [1, 0.5, 2, 1.5], false);
  // Phi: 0.25, 0.125 + 0.01, 0.5 + 0.02, 0.375 + 0.03.
  assert.deepEqual(phi, [0.25, 0.135, 0.52, 0.405]);
  close(raw[0]!, 0.9 * 0.135 - 0.25);
  const sum = raw.reduce((total, value, t) => total + gamma ** t * value, 0);
  close(sum, gamma ** 3 * 0.405 - 0.25);
});

test('discounted shaping sums to -Phi(s_0) however the episode terminates, and the display keeps the true Phi', () => {
  const gamma = 0.9;
  for (const path of [
    [1, 2, 3],
    [1, 0, 0, 0, 3],
  ]) {
    const { raw, phi } = walk([learned('shaping')], gamma, path, true);
    close(
      raw.reduce((total, value, t) => total + gamma ** t * value, 0),
      -0.25,
    );
    close(phi.at(-1)!, 0.75 + 0.01 * (path.length - 1));
  }
});

test('delta sums to Phi(s_T) - Phi(s_0) and level pays Phi of the state arrived at, terminal or not', () => {
  for (const terminal of [false, true]) {
    const delta = walk([learned('delta')], 0.9, [1, 2, 0, 3], terminal);
    close(
      delta.raw.reduce((total, value) => total + value, 0),
      0.78 - 0.25,
    );
    const level = walk([learned('level')], 0.9, [1, 2], terminal);
    close(level.raw[0]!, 0.51);
  }
});

test('a stack of several terms keeps raw value, weight and product apart and sums the products', () => {
  const entries = [native(sparse, 2), native(dense), learned('shaping', 3), learned('level', 0)];
  const stack = createStack(entries, { model: line, gamma: 0.5, count: 2 });
  assert.deepEqual(
    stack.terms.map(({ id }) => id),
    ['task/arrived', 'task/near', 'task/slow', 'shaping/sarm', 'level/sarm'],
  );
  assert.deepEqual(Array.from(stack.weights), [20, 0.5, 0.25, 3, 0]);
  const starts = Float64Array.of(0, 2, 0, 0.8);
  stack.reset(0, starts, Float64Array.of(2, 0.8)); // World 0 stands at 2,
  stack.reset(1, starts, Float64Array.of(2, 0.8)); // world 1 at 0.8.
  stack.step(
    Float64Array.of(0, 2, 0, 0.8),
    Float64Array.of(1, 0.5),
    Float64Array.of(1, 3, 1, 1.2),
    Float64Array.of(3, 1.2),
    Uint8Array.of(1, 0),
  );
  // World 0 arrives: shaping 0.5 * 0 - 0.5. World 1: Phi 0.2 -> 0.3 + 0.01, shaping 0.155 - 0.2.
  const raw = [1, 0, 1, 0.4, 0, 0.75, -0.5, -0.045, 0.76, 0.31];
  const products = [20, 0, 0.5, 0.2, 0, 0.1875, -1.5, -0.135, 0, 0];
  for (const [i, value] of raw.entries()) close(stack.raw[i]!, value);
  for (const [i, value] of products.entries()) close(stack.products[i]!, value);
  close(stack.totals[0]!, 20 + 0.5 - 1.5);
  close(stack.totals[1]!, 0.2 + 0.1875 - 0.135);
  assert.equal(stack.learned.length, 1, 'two uses of one model share its scorer');
});

test('a term of weight zero is computed and pays nothing', () => {
  const { stack } = walk([learned('level', 0)], 0.9, [0, 2], false);
  close(stack.raw[0]!, 0.51);
  assert.deepEqual([stack.products[0], stack.totals[0], stack.invalid[0]], [0, 0, 0]);
});

test('not-a-number from a reward is flagged and named, pays nothing, and leaves the other worlds alone', () => {
  for (const weight of [1, 0]) {
    const stack = createStack([native(dense), learned('shaping', weight)], {
      model: line,
      gamma: 0.9,
      count: 2,
    });
    const states = Float64Array.of(1, 1, 1, 1);
    for (const world of [0, 1]) stack.reset(world, states, Float64Array.of(1, 1));
    const actions = new Float64Array(2);
    const step = (observations: Float64Array) =>
      stack.step(states, actions, states, observations, Uint8Array.of(1, 0));
    step(Float64Array.of(Number.NaN, 1));
    assert.deepEqual(Array.from(stack.invalid), [1, 0]);
    assert.equal(stack.invalidTerm(0), 'reward term shaping/sarm (NaN)');
    assert.equal(stack.invalidTerm(1), '');
    assert.equal(stack.totals[0], 0);
    assert.ok(Number.isFinite(stack.totals[1]) && stack.totals[1] !== 0);
    assert.ok(stack.products.every(Number.isFinite));
    stack.reset(0, states, Float64Array.of(1, 1));
    step(Float64Array.of(1, 1));
    assert.deepEqual(Array.from(stack.invalid), [0, 0]);
  }
});

test('a saved and restored stack pays on exactly as one never stopped', () => {
  const build = () =>
    createStack([native(sparse), learned('shaping'), learned('delta')], {
      model: line,
      gamma: 0.97,
      count: 1,
    });
  const drive = (stack: ReturnType<typeof build>, from: number) => {
    const out: number[] = [];
    for (let t = from; t < from + 3; t++) {
      const state = Float64Array.of(t, Math.sin(t));
      stack.step(state, Float64Array.of(0), state, Float64Array.of(Math.sin(t)), Uint8Array.of(0));
      out.push(...stack.raw);
    }
    return out;
  };
  const whole = build();
  whole.reset(0, Float64Array.of(0, 0.3), Float64Array.of(0.3));
  drive(whole, 0);
  const saved = whole.save();
  const other = build();
  other.restore(saved);
  assert.deepEqual(drive(other, 3), drive(whole, 3));
  // Of many worlds, each goes on as the one.
  const many = createStack([native(sparse), learned('shaping'), learned('delta')], {
    model: line,
    gamma: 0.97,
    count: 3,
  });
  const one = build();
  one.restore(saved);
  many.restoreAll(saved);
  const state = Float64Array.of(3, 0.4);
  one.step(state, Float64Array.of(0), state, Float64Array.of(0.4), Uint8Array.of(0));
  const [states, actions] = [Float64Array.of(3, 0.4, 3, 0.4, 3, 0.4), new Float64Array(3)];
  many.step(states, actions, states, Float64Array.of(0.4, 0.4, 0.4), new Uint8Array(3));
  for (let c = 0; c < one.terms.length; c++)
    assert.deepEqual([...many.raw.subarray(3 * c, 3 * c + 3)], Array(3).fill(one.raw[c]));
  assert.throws(
    () => createStack([native(sparse)], { model: line, gamma: 1, count: 1 }).restore(saved),
    /saved state of 1 models, wanted 0/,
  );
  assert.throws(() => build().restore(saved.subarray(0, 2)), RangeError);
});

test('best and running deviations are saved and restored exactly', () => {
  const build = () =>
    createStack(
      [
        { ...learned('best'), normalise: true },
        { ...native(dense), normalise: true },
      ],
      {
        model: line,
        gamma: 0.97,
        count: 1,
      },
    );
  const drive = (stack: ReturnType<typeof build>, from: number) => {
    const out: number[] = [];
    for (let t = from; t < from + 4; t++) {
      const state = Float64Array.of(t, Math.sin(t));
      stack.step(state, Float64Array.of(0.1 * t), state, Float64Array.of(Math.sin(t)), Uint8Array.of(0));
      out.push(...stack.values, ...stack.totals);
    }
    return out;
  };
  const whole = build();
  whole.reset(0, Float64Array.of(0, 0.3), Float64Array.of(0.3));
  drive(whole, 0);
  const saved = whole.save();
  const other = build();
  other.restore(saved);
  assert.deepEqual(drive(other, 4), drive(whole, 4));
  assert.throws(
    () => createStack([learned('best')], { model: line, gamma: 1, count: 1 }).restore(saved),
    /saved state of 6 parts, wanted 3 \(1 models and 1 running states\)/,
  );
});

test('best pays what exceeds the highest progress of the episode so far, and adds up to the highest less the first', () => {
  const { raw, phi } = walk([learned('best')], 0.9, [1, 2, 0.5, 2, 2.2], false);
  // Phi: 0.25, 0.51, 0.145, 0.53, 0.59. Back at 2 only the 0.02 above 0.51 are new.
  assert.deepEqual(
    phi.map((value) => Number(value.toFixed(9))),
    [0.25, 0.51, 0.145, 0.53, 0.59],
  );
  for (const [i, wanted] of [0.26, 0, 0.02, 0.06].entries()) close(raw[i]!, wanted);
});

test('a new episode forgets the best of the last one', () => {
  const { stack } = walk([learned('best')], 0.9, [0, 3], true);
  stack.reset(0, Float64Array.of(0, 0), Float64Array.of(0));
  const state = Float64Array.of(1, 2);
  stack.step(Float64Array.of(0, 0), Float64Array.of(0), state, Float64Array.of(2), Uint8Array.of(0));
  close(stack.raw[0]!, 0.51);
});

test('terminal: keep is the formula of the paper, gamma^T Phi(s_T) - Phi(s_0) also where the task ended the episode', () => {
  const { raw } = walk([{ ...learned('shaping'), terminal: 'keep' }], 0.9, [1, 2, 3], true);
  // Phi: 0.25, 0.51, 0.77.
  close(raw[0]! + 0.9 * raw[1]!, 0.81 * 0.77 - 0.25);
});

test('clip holds the value and leaves the raw one, and what is not finite stays so', () => {
  const { stack } = walk([{ ...learned('level', 2), clip: [-1, 0.3] }], 0.9, [0, 2], false);
  close(stack.raw[0]!, 0.51);
  assert.deepEqual([stack.values[0], stack.products[0], stack.terms[0]!.isPlain], [0.3, 0.6, false]);
  const broken = createStack([{ ...native(dense), clip: [0, 1] }], { model: line, gamma: 0.9, count: 1 });
  const endless = Float64Array.of(0, Number.POSITIVE_INFINITY);
  broken.reset(0, endless, Float64Array.of(0));
  broken.step(endless, Float64Array.of(0), endless, Float64Array.of(0), Uint8Array.of(0));
  assert.deepEqual([broken.invalid[0], broken.invalidTerm(0)], [1, 'reward term task/near (Infinity)']);
});

test('a product multiplies by the raw values of other terms, whatever their weights and rules', () => {
  const entries: StackEntry[] = [
    { ...native(dense, 0), clip: [0, 0.1] },
    { ...learned('level', 2), product: ['task/near', 'task/slow'] },
  ];
  const { stack } = walk(entries, 0.9, [0, 2], false);
  // near 2/3, slow 1 - 0 = 1, Phi 0.51.
  close(stack.products[2]!, 2 * 0.51 * (2 / 3));
  assert.deepEqual(Array.from(stack.products.subarray(0, 2)), [0, 0]);
  close(stack.totals[0]!, stack.products[2]!);
});

test('a gate pays only while another raw term is above or below, and the border itself is outside', () => {
  const paid = (gate: StackEntry['gate'], position: number) =>
    walk([native(dense, 0), { ...learned('level'), gate }], 0.9, [0, position], false).stack.products[2]!;
  // near = position / 3
  assert.equal(paid({ term: 'task/near', above: 0.5 }, 1.5), 0);
  close(paid({ term: 'task/near', above: 0.5 }, 1.8), 0.46);
  assert.equal(paid({ term: 'task/near', below: 0.5 }, 1.8), 0);
  close(paid({ term: 'task/near', below: 0.5 }, 1.2), 0.31);
  close(paid({ term: 'task/near', above: 0.1, below: 0.5 }, 1.2), 0.31);
});

test('a closed gate does not hide a term that is not a number', () => {
  const stack = createStack([native(dense), { ...learned('level'), gate: { term: 'task/near', above: 9 } }], {
    model: line,
    gamma: 0.9,
    count: 1,
  });
  const state = Float64Array.of(0, 1);
  stack.reset(0, state, Float64Array.of(1));
  stack.step(state, Float64Array.of(0), state, Float64Array.of(Number.NaN), Uint8Array.of(0));
  assert.deepEqual([stack.invalid[0], stack.brokenTerm(0)?.id], [1, 'level/sarm']);
});

test('normalise divides by the running deviation and does not centre; idle worlds are not taken in', () => {
  const stack = createStack([{ ...learned('level'), normalise: true }], {
    model: line,
    gamma: 0.9,
    count: 3,
  });
  const states = new Float64Array(6);
  for (const world of [0, 1, 2]) stack.reset(world, states, Float64Array.of(0, 0, 0));
  const actions = new Float64Array(3);
  const step = (...positions: number[]) =>
    stack.step(
      states,
      actions,
      states,
      Float64Array.from(positions),
      new Uint8Array(3),
      Uint8Array.of(0, 0, 1),
    );
  // Phi = position / 4 + 0.01. One value so far: as it is.
  step(1, 1, 3);
  close(stack.values[0]!, 0.26);
  // So far 0.26, 0.26, 0.52, 0.02: mean 0.265, variance (2 * 0.005^2 + 0.255^2 + 0.245^2) / 4 = 0.031275.
  step(2, 0, 3);
  const deviation = Math.sqrt(0.031275 + 1e-8);
  close(stack.values[0]!, 0.52 / deviation);
  close(stack.values[1]!, 0.02 / deviation);
  close(stack.raw[0]!, 0.52);
});

test('a schedule multiplies the weight, a weight changed in flight is multiplied too, and both are resumed', () => {
  const entries: StackEntry[] = [
    native(sparse),
    { ...learned('level', 4), schedule: { from: 1, to: 0.5, steps: 100 } },
  ];
  const build = (step?: number) =>
    createStack(entries, { model: line, gamma: 0.9, count: 1, ...(step === undefined ? {} : { step }) });
  const stack = build();
  const weights = [0, 50, 100, 1000].map((step) => {
    stack.schedule(step);
    return stack.weights[1];
  });
  assert.deepEqual(weights, [4, 3, 2, 2]);
  assert.equal(build(50).weights[1], 3);
  stack.schedule(50);
  stack.reweigh(1, 8);
  assert.equal(stack.weights[1], 6);
  const resumed = build();
  resumed.restore(stack.save());
  resumed.schedule(100);
  assert.deepEqual([resumed.weights[0], resumed.weights[1]], [10, 4]);
});

test('what another transition would be paid follows clip, product and gate of native lines', () => {
  const stack = createStack(
    [native(sparse), { ...native(dense, 2), clip: [0, 0.5], gate: { term: 'task/slow', above: 0.5 } }],
    { model: line, gamma: 0.9, count: 1 },
  );
  const pay = (speed: number, to: number) =>
    stack.transition!(new Float64Array(2), 0, Float64Array.of(speed), 0, Float64Array.of(0, to), 0);
  // near 2.4/3 -> 0.5, slow 1 -> 0.5: 2 (0.5 * 0.5 + 0.25 * 0.5).
  close(pay(0, 2.4), 0.75);
  assert.equal(pay(0.9, 2.4), 0);
  close(pay(0, 3), 10 + 0.75);
});

test('rules that cannot be followed are refused by the line and the key', () => {
  const create = (entries: readonly StackEntry[]) => () =>
    createStack(entries, { model: line, gamma: 0.9, count: 1 });
  for (const [rule, message] of [
    [{ clip: [1, -1] }, /Reward sarm: clip: found \[1, -1\], wanted \[low, high\] with low below high/],
    [{ clip: [1] }, /clip: found \[1\]/],
    [{ gate: { term: 'task/arrived' } }, /gate: found neither above nor below/],
    [{ gate: { term: 'task/arrived', above: 1, below: 0 } }, /gate: found above 1 and below 0/],
    [
      { gate: { term: 'task/near', above: 1 } },
      /gate: found the term "task\/near", wanted one of the stack: task\/arrived, level\/sarm/,
    ],
    [{ product: ['near'] }, /product: found the term "near"/],
    [{ schedule: { from: 1, to: 0, steps: 0 } }, /schedule: found from 1 to 0 in 0 steps/],
    [{ terminal: 'keep' }, /terminal: found keep with level, wanted use: shaping/],
  ] as const) {
    assert.throws(create([native(sparse), { ...learned('level'), ...rule } as StackEntry]), message);
  }
});

test('an empty stack pays nothing', () => {
  const { stack } = walk([], 0.9, [0, 1], false);
  assert.deepEqual([stack.terms.length, stack.totals[0]], [0, 0]);
});

test('stacks that cannot work are refused by name', () => {
  const create =
    (entries: readonly StackEntry[], model = line, gamma = 0.9) =>
    () =>
      createStack(entries, { model, gamma, count: 1 });
  assert.throws(create([native(sparse)], line, 1.5), /gamma is 1.5/);
  assert.throws(create([native(sparse, Number.NaN)]), /Reward sparse: weight is NaN/);
  assert.throws(create([native(sparse), native(sparse)]), /term task\/arrived is there twice/);
  assert.throws(
    create([native(dense)], { ...line, rewardTerms: [] }),
    /Reward dense: task line has no dense terms/,
  );
  assert.throws(
    create([learned('sideways' as LearnedUse)]),
    /use is sideways, wanted one of shaping, delta, best, level/,
  );
  const wide: RewardModel = { ...ramp, frameDim: 4 };
  assert.throws(
    create([{ kind: 'learned', method: 'sarm', model: wide, use: 'level', weight: 1 }]),
    /reads frames of 4 numbers \(observation\), task line gives 1/,
  );
  assert.throws(
    create([{ kind: 'learned', method: 'other', model: ramp, use: 'level', weight: 1 }]),
    /Reward other: found a model of sarm/,
  );
  const stack = create([native(sparse)])();
  assert.throws(
    () =>
      stack.step(
        new Float64Array(2),
        new Float64Array(1),
        new Float64Array(3),
        new Float64Array(1),
        new Uint8Array(1),
      ),
    /states has 3 numbers, wanted 2/,
  );
});

test('the hash is 16 hex digits that follow the rule of pay and nothing else', () => {
  const entries = [{ reward: 'sparse' }, { reward: 'sarm', use: 'shaping', weight: 2 }] as const;
  const base = stackHash(entries, 'line', 1, { size: 2, hard: true }, 0.99, ['ab']);
  assert.match(base, /^[0-9a-f]{16}$/);
  assert.equal(
    base,
    stackHash(
      [
        { reward: 'sparse', weight: 1, use: 'shaping' },
        { reward: 'sarm', weight: 2 },
      ],
      'line',
      1,
      { hard: true, size: 2 },
      0.99,
      ['ab'],
    ),
  );
  // As runs before 28 November 2026 have it stored: rules that say nothing leave no trace.
  assert.equal(
    base,
    stackHash(
      [
        { ...entries[0], product: [] },
        { ...entries[1], terminal: 'zero', normalise: false },
      ],
      'line',
      1,
      { size: 2, hard: true },
      0.99,
      ['ab'],
    ),
  );
  assert.equal(base, 'f566262c33f96224');
  const ruled = (rule: object) =>
    stackHash([entries[0], { ...entries[1], ...rule }], 'line', 1, { size: 2, hard: true }, 0.99, ['ab']);
  const others = [
    ruled({ terminal: 'keep' }),
    ruled({ normalise: true }),
    ruled({ clip: [-1, 1] }),
    ruled({ product: ['task/near'] }),
    ruled({ gate: { term: 'task/near', above: 0.5 } }),
    ruled({ schedule: { from: 1, to: 0, steps: 10 } }),
    ruled({ use: 'best' }),
    stackHash([entries[0]], 'line', 1, { size: 2, hard: true }, 0.99, ['ab']),
    stackHash([entries[0], { ...entries[1], use: 'delta' }], 'line', 1, { size: 2, hard: true }, 0.99, [
      'ab',
    ]),
    stackHash([entries[0], { ...entries[1], weight: 3 }], 'line', 1, { size: 2, hard: true }, 0.99, ['ab']),
    stackHash(entries, 'line2', 1, { size: 2, hard: true }, 0.99, ['ab']),
    stackHash(entries, 'line', 2, { size: 2, hard: true }, 0.99, ['ab']),
    stackHash(entries, 'line', 1, { size: 3, hard: true }, 0.99, ['ab']),
    stackHash(entries, 'line', 1, { size: 2, hard: true }, 0.98, ['ab']),
    stackHash(entries, 'line', 1, { size: 2, hard: true }, 0.99, ['cd']),
  ];
  assert.equal(new Set([base, ...others]).size, others.length + 1);
});
