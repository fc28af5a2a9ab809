/** What a task says it is best trained with can be trained with. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkSettings } from '../../lab/fields.ts';
import { algorithmNamed, rewardNamed } from '../../lab/registry.ts';
import type { Task } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

const all: readonly Task[] = Object.values(tasks);

test('every task has defaults for PPO', () => {
  assert.deepEqual(
    all.filter((task) => task.training?.ppo === undefined).map((task) => task.id),
    [],
  );
});

for (const task of all) {
  test(`${task.id}: its training defaults are settings that the algorithms take, with a reward that there is`, () => {
    const model = task.create(defaultsOf(task.fields));
    for (const [id, { reward, settings }] of Object.entries(task.training ?? {})) {
      const algorithm = algorithmNamed(id);
      assert.ok(algorithm, `${id} is a registered algorithm`);
      assert.equal(rewardNamed(reward)?.id, reward);
      const checked = checkSettings(algorithm.fields, settings, `${task.id}.training.${id}`);
      assert.deepEqual(checked.problems, []);
      algorithm.check(checked.settings, model);
    }
  });
}
