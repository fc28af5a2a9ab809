import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgeValues, riskOf, riskyChainClaims, shareKept } from '../../../lab/claims/risky-chain.ts';

const paper = { success: 0.4, gamma: 0.95 };

test('hovering and attempting are worth what was found by hand for p 0.4 and gamma 0.95', () => {
  // An attempt that fails costs the walk of 9 steps: Q = 0.4 + 0.6 * 0.95^10 Q = 0.4 / (1 - 0.6 * 0.598737) = 0.624261.
  // Raw: hovering pays 0.9 / (1 - 0.95) = 18. Invariant: sparse - Phi(edge) = 0.624261 - 0.9.
  const rounded = Object.fromEntries(
    (['sparse', 'naive', 'raw', 'naiveGold', 'invariant'] as const).map((form) => {
      const { hover, attempt } = edgeValues(form, paper);
      return [form, [Number(hover.toFixed(3)) + 0, Number(attempt.toFixed(3))]];
    }),
  );
  assert.deepEqual(rounded, {
    sparse: [0.593, 0.624],
    naive: [0, -0.078],
    raw: [18, 8.83],
    naiveGold: [0.477, 0.502],
    invariant: [-0.307, -0.276],
  });
});

test('the invariant form is the reward of success less Phi in every value', () => {
  const [sparse, invariant] = [edgeValues('sparse', paper), edgeValues('invariant', paper)];
  assert.ok(Math.abs(invariant.hover - (sparse.hover - 0.9)) < 1e-9);
  assert.ok(Math.abs(invariant.attempt - (sparse.attempt - 0.9)) < 1e-9);
});

test('the naive trap needs discounting: at gamma 0.99 the best policy under the difference jumps', () => {
  assert.equal(shareKept('naive', paper), 0);
  assert.ok(shareKept('naive', { ...paper, gamma: 0.99 }) > 0.999);
  assert.equal(shareKept('raw', { ...paper, gamma: 0.99 }), 0);
});

test('a repetition gives a number for each arm, and seeds give different chains', async () => {
  const [claim] = riskyChainClaims;
  const values = await claim!.run({ seed: 1000 } as Parameters<NonNullable<typeof claim>['run']>[0]);
  assert.deepEqual(Object.keys(values), Object.keys(claim!.arms));
  assert.notDeepEqual(riskOf(1000), riskOf(1001));
});
