/** Tables against numbers worked by hand, against trying every policy, and against the errors they promise. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../sim/engine/random.ts';
import {
  backwardInduction,
  certainPolicy,
  checkTables,
  evaluateOverHorizon,
  evaluatePolicy,
  evenPolicy,
  occupancy,
  optimalActions,
  shaped,
  startValue,
  type TabularMdp,
  valueIteration,
} from '../../sim/tabular.ts';

type Entry = readonly [next: number, probability: number, reward: number];

/** rows[s][a] = what can follow. */
function mdpOf(
  rows: readonly (readonly (readonly Entry[])[])[],
  terminal: readonly number[],
  start: readonly number[],
): TabularMdp {
  const pairs = rows.flat();
  const entries = pairs.flat();
  const first = [0];
  for (const pair of pairs) first.push(first.at(-1)! + pair.length);
  return {
    states: rows.length,
    actions: rows[0]!.length,
    first: Int32Array.from(first),
    next: Int32Array.from(entries, ([next]) => next),
    probabilities: Float64Array.from(entries, ([, probability]) => probability),
    rewards: Float64Array.from(entries, ([, , reward]) => reward),
    terminal: Uint8Array.from(terminal),
    start: Float64Array.from(start),
  };
}

const near = (found: number, wanted: number, slack = 1e-9): void =>
  assert.ok(Math.abs(found - wanted) <= slack, `found ${found}, wanted ${wanted}`);

// Two states and an end. In 0: `wait` pays 1 and stays, `go` pays 0 and leads to 1. In 1: `wait` pays 0 and goes back,
// `go` ends with 10 (chance 1/2) or leads back to 0 with nothing.
const example = mdpOf(
  [
    [[[0, 1, 1]], [[1, 1, 0]]],
    [
      [[0, 1, 0]],
      [
        [2, 0.5, 10],
        [0, 0.5, 0],
      ],
    ],
    [[[2, 1, 99]], [[2, 1, 99]]],
  ],
  [0, 0, 1],
  [1, 0, 0],
);

test('optimal values of a three-state world are those worked by hand', () => {
  // Discount 1/2. Waiting for ever is worth 1 / (1 - 1/2) = 2. Going: V0 = V1 / 2, V1 = 5 + V0 / 4, so V0 = 20 / 7 > 2.
  const { values, q } = valueIteration(example, { gamma: 0.5 });
  near(values[0]!, 20 / 7);
  near(values[1]!, 40 / 7);
  assert.equal(values[2], 0);
  near(q[0]!, 1 + 10 / 7);
  near(q[1]!, 20 / 7);
  near(q[2]!, 10 / 7);
  // The reward of 99 inside the end never counts.
  assert.deepEqual([q[4], q[5]], [0, 0]);
  assert.deepEqual([...optimalActions(q, 2)], [0, 1, 0, 1, 1, 1]);
});

test('values of the even policy are those worked by hand', () => {
  const { values } = evaluatePolicy(example, evenPolicy(new Uint8Array(6).fill(1), 2), { gamma: 0.5 });
  // V0 = (1 + V0 / 2) / 2 + (V1 / 2) / 2 and V1 = (V0 / 2) / 2 + (5 + V0 / 4) / 2, that is 3/4 V0 - 1/4 V1 = 1/2 and
  // V1 = 5/2 + 3/8 V0: (3/4 - 3/32) V0 = 9/8, V0 = 36/21.
  near(values[0]!, 36 / 21);
  near(values[1]!, 5 / 2 + (3 / 8) * (36 / 21));
});

test('backward induction waits when the end is too near and goes when there is time', () => {
  const { values, q } = backwardInduction(example, { horizon: 3 });
  // h = 1: V0 = 1, V1 = 5. h = 2: V0 = max(1 + 1, 5) = 5, V1 = max(1, 5 + 1/2) = 5.5. h = 3: V0 = max(1 + 5, 5.5) = 6.
  assert.deepEqual([...values], [0, 0, 0, 1, 5, 0, 5, 5.5, 0, 6, 7.5, 0]);
  assert.deepEqual([q[0], q[1]], [1, 0]);
  assert.deepEqual([q[6], q[7]], [2, 5]);
  assert.deepEqual([q[12], q[13]], [6, 5.5]);
  const waits = certainPolicy([0, 0, 0], 2);
  assert.equal(evaluateOverHorizon(example, waits, { horizon: 3, gamma: 0.5 }).values[9], 1.75);
});

test('visits are those worked by hand and weigh rewards to the return of the policy', () => {
  // Always going: 0, 1, then half of the episodes have ended, then 1 with a half ...
  const goes = certainPolicy([1, 1, 1], 2);
  assert.deepEqual([...occupancy(example, goes, { horizon: 4 })], [1.5, 1.5, 0]);
  assert.deepEqual([...occupancy(example, goes, { horizon: 3, gamma: 0.5 })], [1 + 1 / 8, 1 / 2, 0]);
});

/** A random world: every pair leads to one to three states; some states end. */
function randomWorld(seed: number, states: number, actions: number): TabularMdp {
  const random = createRandom(seed);
  const rows = Array.from({ length: states }, () =>
    Array.from({ length: actions }, () => {
      const weights = Array.from({ length: 1 + random.integer(3) }, () => random.uniform(0.1, 1));
      const sum = weights.reduce((total, weight) => total + weight, 0);
      return weights.map((weight): Entry => [random.integer(states), weight / sum, random.uniform(-1, 1)]);
    }),
  );
  const terminal = rows.map((_, s) => (s > 0 && random.uniform() < 0.2 ? 1 : 0));
  return mdpOf(rows, terminal, [1, ...new Array<number>(states - 1).fill(0)]);
}

test('no stationary policy of a small world beats value iteration, and the greedy one reaches it', () => {
  for (let seed = 0; seed < 12; seed++) {
    const mdp = randomWorld(seed, 4, 3);
    const { values, q } = valueIteration(mdp, { gamma: 0.9 });
    const best = new Float64Array(4).fill(Number.NEGATIVE_INFINITY);
    for (let code = 0; code < 3 ** 4; code++) {
      const choice = [0, 1, 2, 3].map((s) => Math.floor(code / 3 ** s) % 3);
      const of = evaluatePolicy(mdp, certainPolicy(choice, 3), { gamma: 0.9 }).values;
      for (let s = 0; s < 4; s++) best[s] = Math.max(best[s]!, of[s]!);
    }
    const greedy = evaluatePolicy(mdp, evenPolicy(optimalActions(q, 3), 3), { gamma: 0.9 }).values;
    for (let s = 0; s < 4; s++) {
      near(values[s]!, best[s]!, 1e-10);
      near(greedy[s]!, best[s]!, 1e-7);
    }
  }
});

test('no plan of a small world beats backward induction', () => {
  // Plans that depend on time and state, tried one and all: 2^(3 * 3) of them.
  for (let seed = 20; seed < 26; seed++) {
    const mdp = randomWorld(seed, 3, 2);
    const horizon = 3;
    let best = Number.NEGATIVE_INFINITY;
    for (let code = 0; code < 2 ** 9; code++) {
      let values = [0, 0, 0];
      for (let h = 1; h <= horizon; h++) {
        values = [0, 1, 2].map((s) => {
          if (mdp.terminal[s] === 1) return 0;
          const pair = s * 2 + (Math.floor(code / 2 ** (3 * (h - 1) + s)) % 2);
          let value = 0;
          for (let i = mdp.first[pair]!; i < mdp.first[pair + 1]!; i++) {
            value += mdp.probabilities[i]! * (mdp.rewards[i]! + values[mdp.next[i]!]!);
          }
          return value;
        });
      }
      best = Math.max(best, values[0]!);
    }
    near(backwardInduction(mdp, { horizon }).values[horizon * 3]!, best, 1e-12);
  }
});

test('visits times rewards is the value of the policy, for random worlds and policies', () => {
  for (let seed = 40; seed < 50; seed++) {
    const mdp = randomWorld(seed, 6, 3);
    const random = createRandom(seed);
    const policy = new Float64Array(18);
    for (let s = 0; s < 6; s++) {
      const weights = [random.uniform(), random.uniform(), random.uniform()];
      const sum = weights[0]! + weights[1]! + weights[2]!;
      for (let a = 0; a < 3; a++) policy[3 * s + a] = weights[a]! / sum;
    }
    const visits = occupancy(mdp, policy, { horizon: 9, gamma: 0.8 });
    let total = 0;
    for (let pair = 0; pair < 18; pair++) {
      for (let i = mdp.first[pair]!; i < mdp.first[pair + 1]!; i++) {
        total += visits[Math.floor(pair / 3)]! * policy[pair]! * mdp.probabilities[i]! * mdp.rewards[i]!;
      }
    }
    const { values } = evaluateOverHorizon(mdp, policy, { horizon: 9, gamma: 0.8 });
    near(total, startValue(mdp, values, 9 * 6), 1e-12);
  }
});

test('a reward shaped by a potential leaves the optimal actions alone and moves values by the potential', () => {
  for (let seed = 60; seed < 70; seed++) {
    const mdp = randomWorld(seed, 6, 3);
    const random = createRandom(seed);
    const potential = Array.from({ length: 6 }, (_, s) =>
      mdp.terminal[s] === 1 ? 0 : random.uniform(-2, 2),
    );
    const gamma = 0.9;
    const plain = valueIteration(mdp, { gamma });
    const extra = shaped(mdp, (s, _a, s2) => gamma * potential[s2]! - potential[s]!);
    const under = shaped(
      mdp,
      Float64Array.from(mdp.rewards, (r, i) => r + extra.rewards[i]!),
    );
    const moved = valueIteration(under, { gamma });
    assert.deepEqual(optimalActions(moved.q, 3, 1e-8), optimalActions(plain.q, 3, 1e-8));
    for (let s = 0; s < 6; s++) near(moved.values[s]!, plain.values[s]! - potential[s]!, 1e-9);
    assert.notDeepEqual(under.rewards, mdp.rewards);
  }
});

test('ties are all optimal within the tolerance', () => {
  assert.deepEqual([...optimalActions(Float64Array.of(1, 1 - 1e-12, 0.9, 2, 3, 3), 3)], [1, 1, 0, 0, 1, 1]);
  assert.deepEqual([...optimalActions(Float64Array.of(1, 0.95, 0.9), 3, 0.07)], [1, 1, 0]);
  assert.deepEqual([...evenPolicy(Uint8Array.of(1, 1, 0, 0, 1, 0), 3)], [0.5, 0.5, 0, 0, 1, 0]);
});

test('malformed tables, policies and options are refused by name', () => {
  const wrong = (change: Partial<TabularMdp>): TabularMdp => ({ ...example, ...change });
  const chances = example.probabilities;
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [
      () => checkTables(wrong({ probabilities: chances.with(0, 0.9) })),
      /state 0, action 0: sums to 0.9, wanted 1/,
    ],
    [
      () => checkTables(wrong({ probabilities: chances.with(0, -1) })),
      /found -1, wanted a chance of 0 or more/,
    ],
    [() => checkTables(wrong({ probabilities: chances.with(0, Number.NaN) })), /found NaN/],
    [
      () => checkTables(wrong({ probabilities: chances.slice(1) })),
      /probabilities: found 6 entries, wanted 7/,
    ],
    [
      () => checkTables(wrong({ rewards: example.rewards.with(2, Infinity) })),
      /rewards: entry 2 is Infinity/,
    ],
    [() => checkTables(wrong({ rewards: new Float64Array(3) })), /rewards: found 3 entries, wanted 7/],
    [() => checkTables(wrong({ next: example.next.with(3, 3) })), /next: entry 3 is 3, wanted 0 to 2/],
    [() => checkTables(wrong({ first: example.first.with(2, 1) })), /state 0, action 1 has no next state/],
    [() => checkTables(wrong({ first: example.first.slice(1) })), /first: found 6 entries, wanted 7/],
    [() => checkTables(wrong({ terminal: new Uint8Array(2) })), /terminal: found 2 entries, wanted 3/],
    [() => checkTables(wrong({ start: Float64Array.of(1, 1, 0) })), /start: sums to 2, wanted 1/],
    [() => checkTables(wrong({ states: 0 })), /states: found 0/],
    [() => shaped(example, new Float64Array(3)), /rewards: found 3 entries, wanted 7/],
    [() => shaped(example, () => Number.NaN), /rewards: entry 0 is NaN/],
    [() => valueIteration(example, { gamma: 1.1 }), /Discount: found 1.1, wanted 0 to 1/],
    [() => valueIteration(example, { gamma: 1, sweeps: 500 }), /still changing after 500 sweeps/],
    [() => evaluatePolicy(example, new Float64Array(6), { gamma: 0.5 }), /Policy in state 0: sums to 0/],
    [() => evaluatePolicy(example, new Float64Array(5), { gamma: 0.5 }), /policy: found 5 entries, wanted 6/],
    [() => backwardInduction(example, { horizon: 0 }), /Horizon: found 0/],
    [() => optimalActions(new Float64Array(5), 2), /found 5 entries, wanted a multiple of 2/],
    [() => evenPolicy(new Uint8Array(2), 2), /row 0 has none/],
  ];
  for (const [run, message] of cases)
    assert.throws(run, (e: Error) => e instanceof RangeError && message.test(e.message), String(message));
  checkTables(example);
});

test('at discount 1 a world that ends has exact values', () => {
  // A walk of five cells that pays -1 a step: the value is minus the distance to the end.
  const rows = [0, 1, 2, 3, 4].map((s): Entry[][] => [
    [[Math.max(0, s - 1), 1, -1]],
    [[Math.min(4, s + 1), 1, -1]],
  ]);
  const walk = mdpOf(rows, [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]);
  assert.deepEqual([...valueIteration(walk, { gamma: 1 }).values], [-4, -3, -2, -1, 0]);
});
