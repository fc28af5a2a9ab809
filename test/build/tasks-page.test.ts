/** The index of tasks is the registry's. */

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { root } from '../../build/renderer.ts';
import { tasksPage } from '../../build/tasks-page.ts';
import { tasks } from '../../sim/tasks/index.ts';

test('docs/tasks.md is what build/tasks-page.ts writes from the registry, every task once', () => {
  const page = readFileSync(join(root, 'docs', 'tasks.md'), 'utf8');
  assert.equal(page, tasksPage(), 'run node build/tasks-page.ts');
  for (const id of Object.keys(tasks)) {
    assert.equal(page.split(`[${id}](tasks/${id}.md)`).length, 2, id);
  }
});

test('every task has a page of its own', () => {
  assert.deepEqual(
    Object.keys(tasks).filter((id) => !existsSync(join(root, 'docs', 'tasks', `${id}.md`))),
    [],
  );
});
