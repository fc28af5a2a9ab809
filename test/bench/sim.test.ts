/** The benchmark of the simulator, run shortly: its shape, and that every engine does what is measured. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openMujoco } from '../../bench/peers/mujoco.ts';
import { openOurs } from '../../bench/peers/ours.ts';
import { openRapier, openRapierSimd } from '../../bench/peers/rapier.ts';
import { commandEvery, graspCommands, lifted } from '../../bench/peers/scenes.ts';

test('lab bench sim prints one row for each number of worlds and threads', () => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [
      fileURLToPath(new URL('../../lab/cli.ts', import.meta.url)),
      ...['bench', 'sim', '--json', '--quick', '--no-peers', '--task', 'cartpole'],
    ],
    { encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const { rows, targets } = JSON.parse(stdout) as {
    rows: Record<string, number | string>[];
    targets: { task: string; target: number }[];
  };
  assert.deepEqual(
    rows.map(({ task, worlds, threads, substeps, bytesPerWorld }) => [
      task,
      worlds,
      threads,
      substeps,
      bytesPerWorld,
    ]),
    [
      ['cartpole', 1, 1, 1, 48],
      ['cartpole', 64, 1, 1, 48],
      ['cartpole', 1024, 1, 1, 48],
      ['cartpole', 64, 2, 1, 48],
      ['cartpole', 1024, 2, 1, 48],
    ],
  );
  for (const row of rows) assert.ok(Number(row['controlStepsPerSecond']) > 1000, JSON.stringify(row));
  assert.deepEqual(
    targets.map(({ task, target }) => [task, target]),
    [['cartpole', 14e6]],
  );
});

test('every engine grasps the cube and lifts it, by the same commands and to the same height', async () => {
  for (const engine of [openOurs(), await openMujoco(), await openRapier(), await openRapierSimd()]) {
    const peer = engine.gantry!(1);
    const heights: number[] = [];
    // Twice: a reset leaves nothing behind.
    for (let round = 0; round < 2; round++) {
      peer.reset();
      for (let t = 0; t < graspCommands; t++) {
        peer.command(t);
        peer.step(commandEvery);
      }
      heights.push(peer.cubeHeight(0));
    }
    peer.dispose();
    assert.ok(heights[0]! > lifted, `${engine.name}: ${heights[0]} m`);
    assert.ok(Math.abs(heights[0]! - 0.095) < 0.003, `${engine.name}: ${heights[0]} m`);
    assert.ok(Math.abs(heights[1]! - heights[0]!) < 1e-6, `${engine.name}: ${heights}`);
  }
});
