/** `kill -9` in the middle of training, ten times at random moments. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Lab } from '../../lab/lab.ts';
import { createRandom } from '../../sim/engine/random.ts';
import { temporaryFolder } from '../support/project.ts';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));
const training = ['train', '--task', 'reach', '--reward', 'sparse', '--seed', '4'];
const settings = [
  'steps=400000',
  'worlds=16',
  'checkpointEvery=2000',
  'evaluationEpisodes=5',
  'evaluateEvery=1000000',
];

function start(project: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [cli, ...args, '--project', project, '--device', 'wasm'], {
    stdio: 'ignore',
  });
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('after kill -9 the database opens, no finished episode is lost, and resume goes on', {
  timeout: 180_000,
}, async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const random = createRandom(Date.now() % 2 ** 31);
  let stored = new Map<number, string>();
  let lastStep = -1;
  for (let round = 0; round < 10; round++) {
    const args = round === 0 ? [...training, ...settings.flatMap((set) => ['--set', set])] : ['resume', '1'];
    const child = start(project, args);
    const exited = new Promise((resolve) => child.on('exit', resolve));

    // Read beside the running lab until it has stored something new, then a random moment later pull the plug.
    let seen = new Map<number, string>();
    const deadline = Date.now() + 15_000;
    while (Date.now() < deadline && child.exitCode === null) {
      await sleep(100);
      seen = read(project);
      if (seen.size > stored.size) break;
    }
    await sleep(random.uniform() * 400);
    seen = read(project);
    child.kill('SIGKILL');
    await exited;
    assert.ok(seen.size > stored.size, `round ${round}: new episodes were stored before the kill`);

    // Opens, is whole, has every episode that was seen, marks the run as crashed.
    const lab = new Lab({ project, device: 'wasm' });
    const health = lab.store.health({ full: true });
    assert.deepEqual(health.problems, [], `round ${round}`);
    const now = new Map(all(lab).map((e) => [e.seed, e.checksum]));
    for (const [seed, checksum] of [...stored, ...seen]) {
      assert.equal(now.get(seed), checksum, `round ${round}: episode with seed ${seed} is there unchanged`);
    }
    assert.equal(now.size, all(lab).length, 'no episode is stored twice');
    assert.equal(lab.run(1).status, 'crashed');
    const step = lab.store.checkpoints.latest(1)?.step ?? 0;
    assert.ok(step >= lastStep, `round ${round}: training went on (${lastStep} -> ${step})`);
    lastStep = step;
    stored = now;
    await lab.close();
  }
  assert.ok(lastStep > 0, 'checkpoints were reached');
  const lab = new Lab({ project, device: 'wasm' });
  t.after(() => lab.close());
  const ids = lab.store.episodes.ids({ runId: 1 });
  for (const id of ids.slice(-50)) assert.equal(lab.verify(id).ok, true);
});

const all = (lab: Lab) => lab.store.episodes.list({ runId: 1, kind: 'training', limit: 1_000_000 }).items;

/** Seeds and checksums of what a reader finds now; nothing where the project is not there yet. */
function read(project: string): Map<number, string> {
  let reader: Lab;
  try {
    reader = new Lab({ project, mode: 'read' });
  } catch {
    return new Map();
  }
  const found = new Map(
    reader.store.runs.list().length === 0 ? [] : all(reader).map((e) => [e.seed, e.checksum] as const),
  );
  void reader.close();
  return found;
}
