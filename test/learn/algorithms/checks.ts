/** What several algorithms' tests ask in the same way. */

import assert from 'node:assert/strict';
import type { Algorithm, Learner, LearnerSetup, VectorEnv } from '../../../learn/algorithms/types.ts';
import { Episodes } from '../../../learn/parts/episodes.ts';
import type { AnySettings } from '../../../sim/fields.ts';

/** Two iterations without a break equal one, a save, a resumed learner and another, to the bit; `copy`: of an environment in mid-run. */
export async function continuesExactly<E extends VectorEnv>(
  algorithm: Algorithm,
  settings: AnySettings,
  setup: LearnerSetup,
  env: E,
  copy: (env: E) => E,
): Promise<void> {
  const whole = algorithm.create(settings, setup);
  const journal: Uint8Array[] = [];
  await whole.iterate(env);
  await whole.iterate(env);
  const bytes = await whole.save();
  if (whole.takeJournal) journal.push(whole.takeJournal());
  const other = copy(env);
  const resumed = algorithm.resume(bytes, settings, setup, journal);
  assert.equal(resumed.steps, whole.steps);
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(await resumed.iterate(other), await whole.iterate(env));
  }
  assert.deepEqual(await resumed.save(), await whole.save());
  whole.dispose();
  resumed.dispose();
}

/** Iterates until the learner has taken its steps; the metrics of the first and the last round. */
export async function train(learner: Learner, env: VectorEnv, steps: number) {
  const first = await learner.iterate(env);
  let last = first;
  while (learner.steps < steps) last = await learner.iterate(env);
  for (const [name, value] of Object.entries(last)) assert.ok(Number.isFinite(value), name);
  return { first, last };
}

/** Episodes that were paid so, step by step. */
export function episodesOf(rewards: readonly number[][], groupSize: number): Episodes {
  const e = new Episodes(rewards.length, groupSize, 1, 1);
  const longest = Math.max(...rewards.map((list) => list.length));
  for (let t = 0; t < longest; t++) {
    e.starts.push(e.rows);
    for (const [n, list] of rewards.entries()) {
      if (t >= list.length) continue;
      e.reserve(1);
      e.rewards[e.rows] = list[t]!;
      e.world[e.rows++] = n;
      e.lengths[n] = t + 1;
      e.returns[n]! += list[t]!;
    }
  }
  e.starts.push(e.rows);
  return e;
}
