/** Two small reward models that differ only by their seed, on demonstrations of one run. */

import assert from 'node:assert/strict';
import type { Lab } from '../../lab/lab.ts';
import { rewards } from '../../learn/rewards/index.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

export interface TwoModels {
  /** The run with the demonstrations. */
  readonly collected: number;
  readonly first: number;
  readonly second: number;
}

export async function twoModels(lab: Lab, episodes = 6): Promise<TwoModels> {
  const { version, fields } = tasks.reach;
  const collected = lab.collect({
    name: 'demonstrations',
    task: 'reach',
    taskVersion: version,
    taskSettings: defaultsOf(fields),
    seed: 5,
    policy: 'expert',
    noise: 0.4,
    episodes,
    failures: 2,
  });
  const run = await lab.finished(collected);
  assert.equal(run.status, 'done', run.error ?? '');
  for (const seed of [1, 2]) {
    const settings = { ...defaultsOf(rewards.sarm.fields), updates: 20 };
    const fit = await lab.finished(lab.fit({ method: 'sarm', settings, from: collected, seed }));
    assert.equal(fit.status, 'done', fit.error ?? '');
  }
  const [first, second] = lab.store.models.list();
  return { collected, first: first!.id, second: second!.id };
}
