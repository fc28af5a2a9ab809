import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Coverage,
  canonicallyShaped,
  epicDistance,
  epicSample,
  minimallyShaped,
  rewardsOf,
  shapingBasis,
  starcDistance,
  type TransitionReward,
} from '../../../learn/diagnostics/reward-distance.ts';

const gamma = 0.9;
/** Three states in a ring with a way back from each: 0 -> 1, 1 -> 2, 2 -> 0, 1 -> 0, 2 -> 1, 0 -> 2. */
const ring: Coverage = {
  states: 3,
  from: Int32Array.of(0, 1, 2, 1, 2, 0),
  to: Int32Array.of(1, 2, 0, 0, 1, 2),
  episode: Int32Array.of(0, 0, 1, 1, 2, 2),
};
const every = { actions: Int32Array.of(0, 1, 2), states: Int32Array.of(0, 1, 2) };
/** One feature a state: any potential. */
const table = Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);
const basis = shapingBasis(ring, table, 3, gamma);

const potential = [0.3, -2, 5];
const shaping: TransitionReward = (s, _, next) => gamma * potential[next]! - potential[s]!;
const goal: TransitionReward = (_s, _a, next) => (next === 2 ? 1 : 0);
const away: TransitionReward = (s, a, next) => -goal(s, a, next);
const uneven: TransitionReward = (s, a, next) => 0.1 * s + 0.2 * a + (next === 1 ? 0.5 : 0);

const epic = (a: TransitionReward, b: TransitionReward) =>
  epicDistance(ring, canonicallyShaped(ring, a, gamma, every), canonicallyShaped(ring, b, gamma, every));
const starc = (a: TransitionReward, b: TransitionReward) =>
  starcDistance(ring, minimallyShaped(rewardsOf(ring, a), basis), minimallyShaped(rewardsOf(ring, b), basis));
const plus =
  (a: TransitionReward, b: TransitionReward, scale = 1): TransitionReward =>
  (s, n, next) =>
    scale * a(s, n, next) + b(s, n, next);

const near = (found: number | null, wanted: number, within = 1e-7): void =>
  assert.ok(found !== null && Math.abs(found - wanted) < within, `found ${found}, wanted ${wanted}`);

test('the canonically shaped reward of a level is the level less its mean', () => {
  // Level L = (0, 0.5, 1): E[R(x, A, S')] = 0.5 for every x, so C = L(s') + 0.9 * 0.5 - 0.5 - 0.9 * 0.5 = L(s') - 0.5.
  const level: TransitionReward = (_s, _a, next) => next / 2;
  assert.deepEqual(
    Array.from(canonicallyShaped(ring, level, gamma, every), (v) => Number(v.toFixed(12)) + 0),
    [0, 0.5, -0.5, -0.5, 0, 0.5],
  );
});

test('canonical shaping of a reward of its state: worked by hand', () => {
  // R = s: E[R(x, A, S')] = x, mean 1, so C = s + 0.9 s' - s - 0.9 = 0.9 (s' - 1).
  const state: TransitionReward = (s) => s;
  assert.deepEqual(
    Array.from(canonicallyShaped(ring, state, gamma, every), (v) => Number(v.toFixed(12)) + 0),
    [0, 0.9, -0.9, -0.9, 0, 0.9],
  );
});

test('shaping, a constant and a positive scale are no distance; the opposite is 1', () => {
  for (const distance of [epic, starc]) {
    near(distance(goal, goal).value, 0);
    near(distance(goal, plus(goal, shaping, 3)).value, 0);
    near(
      distance(
        uneven,
        plus(uneven, () => 7, 0.2),
      ).value,
      0,
    );
    near(distance(goal, away).value, 1);
    const there = distance(goal, uneven).value!;
    assert.ok(there > 0.01 && there < 1);
    near(distance(uneven, goal).value, there);
  }
});

test('EPIC of two levels is their Pearson distance', () => {
  // s' over the ring is 1 2 0 0 1 2: (0, 0, 1) has deviations (-1/3, 2/3, ...), (0, 1, 0) likewise; rho = -1/2.
  near(epic(goal, (_s, _a, next) => (next === 1 ? 1 : 0)).value, Math.sqrt(1.5 / 2));
});

test('minimal shaping takes away what a potential can pay and no more', () => {
  // One transition 0 -> 1 and back with gamma 0.5: columns (-1, 0.5) and (0.5, -1) span the plane, nothing is left.
  const two: Coverage = {
    states: 2,
    from: Int32Array.of(0, 1),
    to: Int32Array.of(1, 0),
    episode: Int32Array.of(0, 1),
  };
  const all = shapingBasis(two, Float64Array.of(1, 0, 0, 1), 2, 0.5);
  assert.deepEqual(Array.from(minimallyShaped(Float64Array.of(3, 4), all)), [0, 0]);
  // With a constant as the only feature: column (-0.5, -0.5), so (3, 4) keeps (-0.5, 0.5).
  const constant = shapingBasis(two, Float64Array.of(1, 1), 1, 0.5);
  assert.deepEqual(
    Array.from(minimallyShaped(Float64Array.of(3, 4), constant), (v) => Number(v.toFixed(12)) + 0),
    [-0.5, 0.5],
  );
});

test('features that say the same twice are counted once', () => {
  const twice = Float64Array.of(1, 2, 0, 0, 1, 2);
  assert.equal(shapingBasis(ring, twice, 2, gamma).length, 1);
});

test('a reward that is nothing but shaping cannot be placed, and says so', () => {
  assert.match(epic(goal, shaping).reason!, /pays the same everywhere/);
  assert.match(starc(goal, shaping).reason!, /nothing but shaping/);
  assert.match(epic(goal, () => 1).reason!, /pays the same everywhere/);
});

test('intervals resample episodes, the same way each time', () => {
  const found = epic(goal, uneven);
  assert.deepEqual(found, epic(goal, uneven));
  assert.equal(found.count, 3);
  assert.ok(found.interval!.low <= found.value! && found.value! <= found.interval!.high);
  const sample = epicSample(ring, 50, 3);
  assert.deepEqual(sample, epicSample(ring, 50, 3));
  assert.ok(new Set(sample.states).size === 3 && new Set(sample.actions).size === 6);
});

test('rewards must be of the transitions', () => {
  assert.throws(() => epicDistance(ring, new Float64Array(5), new Float64Array(6)), /found 5 and 6 rewards/);
});
