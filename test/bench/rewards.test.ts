/** The benchmark of reward models, run shortly: one row for each method and variant. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));
const bench = (...args: readonly string[]) =>
  spawnSync(process.execPath, [cli, 'bench', 'rewards', '--json', '--quick', ...args], { encoding: 'utf8' });

test('lab bench rewards says how long fits take and how many steps a second are scored', () => {
  const { status, stdout, stderr } = bench(
    ...['--methods', 'sarm,time-contrastive', '--demonstrations', '4', '--seconds', '0.1'],
  );
  assert.equal(status, 0, stderr);
  const { rows, task, targets } = JSON.parse(stdout) as {
    task: string;
    targets: { fitSeconds: number; stepsPerSecond: number };
    rows: { method: string; variant: string; fitSeconds: number; offlineStepsPerSecond: number }[];
  };
  assert.equal(task, 'push');
  assert.deepEqual(targets, { fitSeconds: 60, stepsPerSecond: 200_000 });
  assert.deepEqual(
    rows.map(({ method, variant }) => `${method} ${variant}`),
    ['sarm default', 'sarm transformer', 'time-contrastive default'],
  );
  for (const { fitSeconds, offlineStepsPerSecond } of rows) {
    assert.ok(fitSeconds > 0);
    assert.ok(offlineStepsPerSecond > 100);
  }
});

test('a method that nobody registered is named', () => {
  const { status, stderr } = bench('--methods', 'sram');
  assert.notEqual(status, 0);
  assert.match(stderr, /--methods: found "sram", wanted some of .*sarm/);
});
