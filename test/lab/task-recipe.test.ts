import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadRecipe } from '../../lab/catalog.ts';
import { resolveExperiment } from '../../lab/experiment.ts';
import { algorithmNamed } from '../../lab/registry.ts';
import { taskRecipe } from '../../lab/task-recipe.ts';
import { algorithms } from '../../learn/algorithms/index.ts';
import type { Task } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

const all: readonly Task[] = Object.values(tasks);

test('every tuned default of every task makes an experiment that can run', () => {
  let checked = 0;
  for (const { id, training = {} } of all) {
    for (const [algorithm, { reward, settings }] of Object.entries(training)) {
      if (algorithmNamed(algorithm) === undefined) continue;
      const { recipe, notes } = taskRecipe({ task: id, algorithm });
      const experiment = resolveExperiment(recipe);
      assert.deepEqual(
        { ...experiment.algorithmSettings },
        { ...defaultsOf(algorithmNamed(algorithm)!.fields), ...settings },
        `${id} ${algorithm}`,
      );
      assert.deepEqual([experiment.reward.map((line) => line.reward), notes], [[reward], []]);
      checked++;
    }
  }
  assert.ok(checked > 0);
});

test('a task alone is trained with its own first choice', () => {
  for (const { id, training = {} } of all) {
    const first = Object.keys(training).find((name) => algorithmNamed(name) !== undefined);
    if (first === undefined) continue;
    assert.deepEqual(taskRecipe({ task: id }).recipe, taskRecipe({ task: id, algorithm: first }).recipe);
  }
});

test('what was tuned otherwise is said; what is not tuned takes the defaults of the algorithm', () => {
  const tuned = all.find(({ training = {} }) => Object.hasOwn(training, 'ppo'))!;
  const other = tuned.training!['ppo']!.reward === 'dense' ? 'sparse' : 'dense';
  const { recipe, notes } = taskRecipe({ task: tuned.id, algorithm: 'ppo', reward: other });
  assert.deepEqual(recipe.reward, [{ reward: other }]);
  assert.match(notes.join(), /settings of ppo for .* were tuned with the (dense|sparse) reward/);
  const shaped = taskRecipe({ task: tuned.id, algorithm: 'ppo', reward: 'sarm' }).recipe;
  assert.deepEqual(shaped.reward, [{ reward: 'sparse' }, { reward: 'sarm', use: 'shaping' }]);
  const missing = all.flatMap(({ id, training = {} }) =>
    Object.keys(algorithms).flatMap((algorithm) =>
      Object.hasOwn(training, algorithm) ? [] : [{ id, algorithm }],
    ),
  )[0];
  if (missing !== undefined) {
    const plain = taskRecipe({ task: missing.id, algorithm: missing.algorithm });
    assert.equal(plain.recipe.algorithmSettings, undefined);
    assert.match(plain.notes.join(), /has no tuned settings for/);
  }
  assert.throws(() => taskRecipe({ task: 'psuh' }), /unknown task "psuh"; did you mean "push"/);
});

test('a recipe is what it says: nothing tuned comes into it', () => {
  const recipe = loadRecipe('push-dense');
  const experiment = resolveExperiment(recipe);
  assert.deepEqual(
    { ...experiment.algorithmSettings },
    { ...defaultsOf(algorithms.ppo.fields), ...recipe.algorithmSettings },
  );
});
