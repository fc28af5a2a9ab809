/** What computes, as runs and verbs show it: chosen once, kept with the run, explained with timings. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { ComputeReport } from '../../lab/compute.ts';
import { Lab } from '../../lab/lab.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));

const recipe = (steps: number) =>
  tinyRecipe({
    reward: [{ reward: 'dense' }],
    algorithmSettings: { ...tinyRecipe().algorithmSettings, steps },
  });

test('doctor times the kernel and the best of TensorFlow.js for its reference sizes', async (t) => {
  const project = temporaryFolder(t);
  // As its user runs it: nothing else has warmed up what is timed.
  const { status, stdout } = spawnSync(process.execPath, [cli, 'doctor', '--project', project, '--json'], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
  const { device } = JSON.parse(stdout) as { device: ComputeReport & { timed: { updateRows: number } } };
  assert.equal(device.timed.updateRows, 256);
  const names = device.figures.map(({ name }) => name);
  assert.equal(names[0], 'kernel');
  assert.equal(names.length, 2);
  assert.ok(names.includes(device.name));
  for (const { updateMs, actUs } of device.figures) assert.ok(updateMs > 0 && actUs > 0);
  const text = (await lab('doctor', '--project', project, '--device', 'cpu')).stdout;
  assert.match(text, /^device: cpu - TensorFlow\.js in plain JavaScript.* Chosen explicitly\. Timed: cpu /m);
  assert.match(text, /^ {2}timed for networks 32 -> 128 -> 128 -> 8, median of calls:$/m);
  assert.match(text, /^ {2}cpu: update of 256 rows [\d.]+ ms, act on 1 [\d.]+ us$/m);
});

test('train says before it begins what computes, why and how fast', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'recipe.yaml');
  writeFileSync(file, stringify(recipe(256)));
  const flags = ['--project', join(folder, 'project'), '--device', 'kernel'];
  const { status, stderr } = await lab('train', file, ...flags);
  assert.equal(status, 0, stderr);
  const lines = stderr.split('\n').filter((line) => line.includes('device: '));
  assert.equal(lines.length, 1, stderr);
  assert.match(
    lines[0]!,
    /device: kernel - The lab's own kernel .* Timed: kernel [\d.]+ ms an update, [\d.]+ us to act\.$/,
  );
});

test('a resumed run keeps the device it began with; asked onto another it goes on and says so', async (t) => {
  const project = temporaryFolder(t);
  const pause = async (lab: Lab, id: number): Promise<void> => {
    for (let cursor = 0; lab.run(id).done === 0; ) cursor = (await lab.events.since(cursor, 1000)).cursor;
    lab.stop(id);
    assert.equal((await lab.finished(id)).status, 'paused');
  };
  let open = new Lab({ project, device: 'wasm' });
  t.after(() => open.close());
  const { id } = open.start(recipe(1_000_000), 1);
  await pause(open, id);
  assert.equal(open.run(id).device, 'wasm');
  for (const [device, kept] of [
    ['auto', 'wasm'],
    ['kernel', 'kernel'],
  ] as const) {
    await open.close();
    open = new Lab({ project, device });
    const before = open.store.checkpoints.list(id).at(-1)!.step;
    open.resume(id);
    for (let cursor = 0; open.run(id).done <= before; )
      cursor = (await open.events.since(cursor, 1000)).cursor;
    assert.match(open.run(id).deviceReason!, device === 'auto' ? /The run was begun with it\./ : /Chosen/);
    open.stop(id);
    await open.finished(id);
    assert.equal(open.run(id).device, kept);
  }
  assert.deepEqual(
    open.run(id).alerts.map(({ level, message }) => [level, message]),
    [
      [
        'warning',
        'The run began on wasm and goes on with kernel as asked; from here on its curve is not to the bit what it would have been',
      ],
    ],
  );
});
