/** No task of the registry is left out of the contract tests. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type TaskId, tasks } from '../../../sim/tasks/index.ts';
import { modelOf } from './worlds.ts';

test('every registered task is checked by the test file of its family, and has a page', () => {
  const here = import.meta.dirname;
  const checked = readdirSync(here)
    .filter((file) => file.endsWith('.test.ts'))
    .flatMap((file) => [...readFileSync(`${here}/${file}`, 'utf8').matchAll(/checkTask\('([\w-]+)'/g)])
    .map((match) => match[1]!);
  assert.deepEqual(checked.sort(), Object.keys(tasks).sort());
  const pages = readdirSync(`${here}/../../../docs/tasks`);
  assert.deepEqual(
    Object.keys(tasks).filter((id) => !pages.includes(`${id}.md`)),
    [],
  );
});

test('goals can be written into the states of all tasks that draw them anew for each episode', () => {
  const ids = (Object.keys(tasks) as TaskId[]).filter((id) => modelOf(tasks[id]).goals);
  assert.deepEqual(
    ids.filter((id) => !modelOf(tasks[id]).goals!.setDesired),
    // Of a tower and of a straight chain only the place is drawn; in the others the goal is a setting.
    ['stack', 'drawer', 'door', 'tool', 'sort', 'rope', 'grid-chain', 'grid-world', 'grid-cliff'],
  );
});
