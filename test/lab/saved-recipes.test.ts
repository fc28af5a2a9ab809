/** Recipes kept in a project, the queue of runs, and several seeds at once. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { call } from '@orpc/server';
import { Lab } from '../../lab/lab.ts';
import { createRouter } from '../../lab/router.ts';
import {
  removeRecipe,
  renameRecipe,
  restoreRecipe,
  savedRecipes,
  saveRecipe,
} from '../../lab/saved-recipes.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const recipe = tinyRecipe({ title: 'My own', reward: [{ reward: 'sparse' }] });

test('a recipe is saved, listed, replaced only when asked for, removed and put back as it was', (t) => {
  const project = { directory: temporaryFolder(t), readOnly: false };
  assert.deepEqual(savedRecipes(project), []);
  const { saved, before } = saveRecipe(project, 'my-own', recipe, false);
  assert.deepEqual([saved.id, saved.title, saved.problem, before], ['my-own', 'My own', null, null]);
  assert.throws(() => saveRecipe(project, 'my-own', recipe, false), /one of this name is saved already/);
  const again = saveRecipe(project, 'my-own', { ...recipe, title: 'Mine' }, true);
  assert.equal(again.before, saved.yaml);
  const { yaml } = removeRecipe(project, 'my-own');
  assert.equal(yaml, again.saved.yaml);
  assert.deepEqual(savedRecipes(project), []);
  assert.throws(() => removeRecipe(project, 'my-own'), /no saved recipe my-own/);
  assert.deepEqual(restoreRecipe(project, 'my-own', yaml).saved, again.saved);
});

test('a recipe gets another name with its text as it was, and never that of another one', (t) => {
  const project = { directory: temporaryFolder(t), readOnly: false };
  const { yaml } = saveRecipe(project, 'first', recipe, false).saved;
  saveRecipe(project, 'second', { ...recipe, title: 'Other' }, false);
  // Words of people beside the settings are theirs.
  const own = `# my words\n${yaml}`;
  restoreRecipe(project, 'first', own);
  assert.throws(
    () => renameRecipe(project, 'first', 'second'),
    /second is the name of a saved recipe already/,
  );
  assert.throws(() => renameRecipe(project, 'third', 'fourth'), /no saved recipe third/);
  assert.throws(() => renameRecipe({ ...project, readOnly: true }, 'first', 'fourth'), /opened read-only/);
  assert.equal(renameRecipe(project, 'first', 'fourth').saved.yaml, own);
  assert.deepEqual(
    savedRecipes(project).map(({ id, title }) => [id, title]),
    [
      ['fourth', 'My own'],
      ['second', 'Other'],
    ],
  );
});

test('a recipe that cannot run is not saved, a file that is none is listed with what is wrong', (t) => {
  const project = { directory: temporaryFolder(t), readOnly: false };
  assert.throws(() => saveRecipe(project, 'bad', { ...recipe, task: 'pussh' }, false), /pussh/);
  assert.equal(existsSync(join(project.directory, 'recipes')), false);
  mkdirSync(join(project.directory, 'recipes'));
  writeFileSync(join(project.directory, 'recipes', 'odd.yaml'), 'name: [');
  assert.match(savedRecipes(project)[0]!.problem!, /odd\.yaml, line 1.*no valid YAML/);
  const closed = { ...project, readOnly: true };
  assert.throws(() => saveRecipe(closed, 'a', recipe, false), /opened read-only/);
  assert.throws(() => removeRecipe(closed, 'odd'), /opened read-only/);
});

test('waiting runs change places; seeds of one experiment are one group', async (t) => {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  const long = tinyRecipe({
    algorithmSettings: { ...tinyRecipe().algorithmSettings, steps: 4_000_000 },
    reward: [{ reward: 'sparse' }],
  });
  const most = availableParallelism();
  const { runs, group } = lab.startGroup(
    long,
    Array.from({ length: most + 3 }, (_, seed) => seed),
  );
  assert.deepEqual([...new Set(runs.map((id) => lab.run(id).group?.id))], [group.id]);
  const waiting = runs.slice(most);
  assert.deepEqual(lab.queue, { waiting, most });
  const [a, b, c] = waiting as [number, number, number];
  assert.deepEqual(lab.moveInQueue(c, 0).waiting, [c, a, b]);
  assert.deepEqual(lab.moveInQueue(c, 99).waiting, [a, b, c]);
  assert.throws(
    () => lab.moveInQueue(runs[0]!, 0),
    /run \d+ does not wait; only runs that wait can be moved/,
  );
  lab.stop(b);
  assert.deepEqual(lab.queue.waiting, [a, c]);
  assert.equal((await lab.finished(b)).status, 'paused');
});

test('the recipe of a run, native and learned rewards and all, starts the same run again', async (t) => {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  const { id } = lab.start(tinyRecipe(), 7);
  lab.stop(id);
  await lab.finished(id);
  const router = createRouter(lab);
  const { yaml, config } = await call(router.runs.get, { id });
  const answer = await call(router.recipes.check, { yaml });
  assert.ok(answer.ok, answer.ok ? '' : answer.problems.join('; '));
  const { id: again } = lab.start(answer.recipe, 7);
  lab.stop(again);
  await lab.finished(again);
  assert.deepEqual((await call(router.runs.get, { id: again })).config, config);
});
