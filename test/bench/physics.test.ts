/** The benchmark of the physics: its shape, and that MuJoCo runs the same scenes. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const bench = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [fileURLToPath(new URL('../../bench/physics.ts', import.meta.url)), ...args], {
    encoding: 'utf8',
  });

test('bench physics prints what is expected, what we find and what MuJoCo finds', () => {
  const { status, stdout, stderr } = bench('--json', '--only', 'motors');
  assert.equal(status, 0, stderr);
  const { rows } = JSON.parse(stdout) as { rows: Record<string, string | number | boolean | null>[] };
  assert.equal(rows.length, 3);
  for (const row of rows) {
    assert.deepEqual(Object.keys(row), [
      ...['experiment', 'name', 'unit', 'found', 'expected', 'within', 'holds', 'mujoco'],
    ]);
    assert.equal(row['holds'], true);
    // Servos are worked by the same formulas there: what differs is rounding.
    assert.ok(Math.abs(Number(row['mujoco']) - Number(row['found'])) < 1e-9, JSON.stringify(row));
  }
});

test('bench physics refuses an experiment that it does not have', () => {
  const { status, stderr } = bench('--only', 'levitation');
  assert.equal(status, 1);
  assert.match(stderr, /--only: found levitation, wanted one of falling, /);
});
