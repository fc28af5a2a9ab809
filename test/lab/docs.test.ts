import assert from 'node:assert/strict';
import { test } from 'node:test';
import { docPage, docPages, metricHelp, metricsIn } from '../../lab/docs.ts';

test('rows of tables explain the metrics in their first cell, settings and commands do not', () => {
  const page = [
    '| metric | meaning | algorithms |',
    '|---|---|---|',
    '| `loss/a`, `loss/b` | two losses | ppo, sac |',
    '| `policy/kl` | nats | 0.003 to 0.02 |',
    '| `a\\|b/c` | no name | |',
    '| `steps` | a setting | 1 to 10 |',
  ].join('\n');
  assert.deepEqual(metricsIn('x.md', page), [
    { name: 'loss/a', help: 'two losses', page: 'x.md' },
    { name: 'loss/b', help: 'two losses', page: 'x.md' },
    { name: 'policy/kl', help: 'nats; 0.003 to 0.02', page: 'x.md' },
  ]);
});

test('every page has a title and can be read, what is no page is refused', () => {
  const pages = docPages();
  assert.ok(pages.length > 50, `${pages.length} pages`);
  for (const { path, title } of pages) assert.notEqual(title, path, `${path} has no title`);
  assert.match(docPage('window.md').markdown, /^# The window/);
  assert.throws(() => docPage('../package.json'), /There is no documentation page "\.\.\/package\.json"/);
  assert.ok(metricHelp().length > 100);
});
