/** `kill -9` in the middle of training, twenty times at random moments, against a run that was never touched. */

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Lab } from '../../lab/lab.ts';
import { createRandom } from '../../sim/engine/random.ts';
import { openStore, type Store } from '../../store/index.ts';
import { temporaryFolder } from '../support/project.ts';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));
const kills = 20;
const training = ['train', '--task', 'reach', '--reward', 'sparse', '--seed', '4'];
const settings = [
  'steps=250000',
  'worlds=16',
  'stepsPerWorld=64',
  'minibatch=256',
  'hiddenSize=16',
  'epochs=2',
  'checkpointEvery=2000',
  'evaluationEpisodes=5',
  'evaluateEvery=1000000',
];
const trainingEpisodes = { runId: 1, kind: 'training' } as const;
const trainArguments = [...training, ...settings.flatMap((set) => ['--set', set])];

function start(project: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [cli, ...args, '--project', project, '--device', 'kernel'], {
    stdio: 'ignore',
  });
}

const ended = (child: ChildProcess): Promise<unknown> => new Promise((resolve) => child.on('exit', resolve));
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test('after kill -9 the database opens, no finished episode is lost, and the resumed curve is the untouched one bit for bit', {
  timeout: 600_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const project = join(folder, 'killed');
  const random = createRandom(Date.now() % 2 ** 31);
  let stored = new Map<number, string>();
  let lastStep = -1;
  for (let round = 0; round < kills; round++) {
    const child = start(project, round === 0 ? trainArguments : ['resume', '1']);
    const exited = ended(child);

    // Read beside the running lab until it has stored something new, then a random moment later pull the plug. One reader a
    // round: opening looks through the whole file, which grows.
    let reader: Store | undefined;
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline && child.exitCode === null) {
      await sleep(50);
      reader ??= readerOf(project);
      if (reader !== undefined && reader.episodes.ids(trainingEpisodes).length > stored.size) break;
    }
    await sleep(random.uniform() * 200);
    const seen = reader === undefined ? new Map<number, string>() : checksumsOf(reader);
    reader?.close();
    child.kill('SIGKILL');
    await exited;
    assert.ok(seen.size > stored.size, `round ${round}: new episodes were stored before the kill`);

    // Opens, is whole, has every episode that was seen, marks the run as crashed.
    const lab = new Lab({ project, device: 'kernel' });
    const health = lab.store.health({ full: true });
    assert.deepEqual(health.problems, [], `round ${round}`);
    const now = checksumsOf(lab.store);
    for (const [seed, checksum] of [...stored, ...seen]) {
      assert.equal(now.get(seed), checksum, `round ${round}: episode with seed ${seed} is there unchanged`);
    }
    assert.equal(now.size, lab.store.episodes.ids(trainingEpisodes).length, 'no episode is stored twice');
    assert.equal(lab.run(1).status, 'crashed', `round ${round}: the run was not over yet`);
    const step = lab.store.checkpoints.latest(1)?.step ?? 0;
    assert.ok(step >= lastStep, `round ${round}: training went on (${lastStep} -> ${step})`);
    lastStep = step;
    stored = now;
    await lab.close();
  }
  assert.ok(lastStep > 0, 'checkpoints were reached');

  // To the end, and beside it the same run in one go.
  const untouched = join(folder, 'untouched');
  await Promise.all([ended(start(project, ['resume', '1'])), ended(start(untouched, trainArguments))]);
  const [killed, straight] = [project, untouched].map((directory) => {
    const lab = new Lab({ project: directory, mode: 'read' });
    t.after(() => lab.close());
    return lab;
  }) as [Lab, Lab];
  assert.equal(killed.run(1).status, 'done');
  assert.deepEqual(curve(killed), curve(straight));
  assert.deepEqual(killed.store.checkpoints.latest(1)!.hash, straight.store.checkpoints.latest(1)!.hash);
  assert.deepEqual(
    killed.run(1).alerts.map(({ message, step }) => [step, message]),
    straight.run(1).alerts.map(({ message, step }) => [step, message]),
  );
  const episodes = (lab: Lab) =>
    lab.store.episodes
      .list({ runId: 1, limit: 1_000_000 })
      .items.map(({ kind, seed, checksum, returnTotal }) => [kind, seed, checksum, returnTotal].join(' '))
      .sort();
  assert.deepEqual(episodes(killed), episodes(straight));
  const ids = killed.store.episodes.ids({ runId: 1 });
  for (const id of ids.slice(-20)) assert.equal(killed.verify(id).ok, true);
});

/** Every metric but times and speeds, at every step. */
function curve(lab: Lab): unknown {
  const { steps, values } = lab.store.metrics.series(1, { maxPoints: 1_000_000 });
  const learned = [...values].filter(([name]) => !/^(time|speed)\//.test(name)).sort();
  return { steps, learned };
}

/** Seeds and checksums of the training episodes of the run. */
const checksumsOf = (store: Store): Map<number, string> =>
  new Map(store.episodes.list(trainingEpisodes).items.map(({ seed, checksum }) => [seed, checksum]));

/** Nothing where the project is not there yet. */
function readerOf(project: string): Store | undefined {
  try {
    return openStore(project, { mode: 'read' });
  } catch {
    return undefined;
  }
}
