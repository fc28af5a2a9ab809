import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(root + file, 'utf8');

test('docs/metrics.md explains every metric that a training run writes', () => {
  const sources = [
    'lab/worker.ts',
    ...['learn/algorithms', 'learn/parts', 'learn/diagnostics'].flatMap((folder) =>
      readdirSync(root + folder)
        .filter((file) => file.endsWith('.ts'))
        .map((file) => `${folder}/${file}`),
    ),
  ];
  const page = new Set(
    [...read('docs/metrics.md').matchAll(/`([a-z]+\/[A-Za-z]+)`/g)].map(([, name]) => name!),
  );
  // A quoted path that stands as the name of a value: `'loss/policy': ...` or `values['rollout/return'] = ...`.
  const names = /(?:^\s*|\{ |\[)'((?:[a-z]+)\/[A-Za-z]+)'(?:: |\] [+*]?=[^=])/gm;
  const written = sources.flatMap((file) => [...read(file).matchAll(names)].map(([, name]) => name!));
  assert.ok(new Set(written).size > 25, `${new Set(written).size} found`);
  assert.deepEqual(
    [...new Set(written)].filter((name) => !page.has(name)).sort(),
    [],
    'a row of docs/metrics.md is missing',
  );
});
