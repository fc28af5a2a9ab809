import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GaeInput, gae } from '../../../learn/parts/gae.ts';
import { Random } from '../../../learn/parts/random.ts';

function run(input: GaeInput) {
  const size = input.steps * input.worlds;
  const advantages = new Float64Array(size);
  const returns = new Float64Array(size);
  gae(input, advantages, returns);
  return { advantages, returns };
}

test('terminated, truncated, diverged and unfinished episodes give the advantages worked by hand', () => {
  // gamma = 0.5, lambda = 0.5, so gamma lambda = 0.25; four worlds side by side, T = 2, every V(s_t) = 1.
  //                     terminated  truncated  diverged  unfinished
  // rewards t=0              2           2         2          2
  // rewards t=1              3           3         7          3
  // V(next) t=0              1           1         1          1
  // V(next) t=1              9           4         9          4      (9 must not be read)
  // delta 1             3 - 1 = 2   3 + 2 - 1 = 4  none   3 + 2 - 1 = 4
  // delta 0             2 + 0.5 - 1 = 1.5 everywhere
  // A_0            1.5 + 0.25 * 2 = 2   1.5 + 0.25 * 4 = 2.5   1.5   2.5
  const { advantages, returns } = run({
    steps: 2,
    worlds: 4,
    gamma: 0.5,
    gaeLambda: 0.5,
    rewards: Float64Array.of(2, 2, 2, 2, 3, 3, 7, 3),
    values: new Float64Array(8).fill(1),
    nextValues: Float64Array.of(1, 1, 1, 1, 9, 4, 9, 4),
    terminated: Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0),
    truncated: Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0),
    diverged: Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0),
  });
  assert.deepEqual(advantages, Float64Array.of(2, 2.5, 1.5, 2.5, 2, 4, 0, 4));
  assert.deepEqual(returns, Float64Array.of(3, 3.5, 2.5, 3.5, 3, 5, 1, 5));
});

test('nothing flows back from the episode that follows an end', () => {
  const base = {
    steps: 2,
    worlds: 1,
    gamma: 0.9,
    gaeLambda: 0.9,
    values: Float64Array.of(1, 1),
    nextValues: Float64Array.of(1, 1),
  };
  for (const ending of ['terminated', 'truncated', 'diverged'] as const) {
    const none = {
      terminated: new Uint8Array(2),
      truncated: new Uint8Array(2),
      diverged: new Uint8Array(2),
    };
    const first = (reward: number) =>
      run({
        ...base,
        ...none,
        [ending]: Uint8Array.of(1, 0),
        rewards: Float64Array.of(1, reward),
      }).advantages[0];
    assert.equal(first(5), first(500), ending);
  }
});

test('the backward recursion equals the sum over the future on random episodes', () => {
  const random = new Random(11);
  const [steps, worlds, gamma, gaeLambda] = [40, 3, 0.95, 0.8];
  const size = steps * worlds;
  const gaussians = () => Float64Array.from({ length: size }, () => random.gaussian());
  const terminated = Uint8Array.from({ length: size }, () => (random.uniform() < 0.05 ? 1 : 0));
  const truncated = terminated.map((ended) => (!ended && random.uniform() < 0.05 ? 1 : 0));
  const diverged = terminated.map((ended, i) => (!ended && !truncated[i] && random.uniform() < 0.05 ? 1 : 0));
  const [rewards, values, nextValues] = [gaussians(), gaussians(), gaussians()];
  const { advantages } = run({
    ...{ steps, worlds, gamma, gaeLambda, rewards, values, nextValues },
    ...{ terminated, truncated, diverged },
  });
  for (let n = 0; n < worlds; n++)
    for (let t = 0; t < steps; t++) {
      let wanted = 0;
      for (let k = t; k < steps; k++) {
        const i = k * worlds + n;
        if (diverged[i]) break;
        const bootstrap = terminated[i] ? 0 : gamma * nextValues[i]!;
        wanted += (gamma * gaeLambda) ** (k - t) * (rewards[i]! + bootstrap - values[i]!);
        if (terminated[i] || truncated[i]) break;
      }
      assert.ok(Math.abs(advantages[t * worlds + n]! - wanted) < 1e-12);
    }
});
