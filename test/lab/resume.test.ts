/** Stopping and going on, for every kind of run; what damage on the disk does to it. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import Database from 'better-sqlite3';
import { type CollectSettings, Lab } from '../../lab/lab.ts';
import { rewards } from '../../learn/rewards/index.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

function labOf(t: TestContext, device: 'kernel' | 'wasm' = 'kernel', threads?: number): Lab {
  const lab = new Lab({ project: temporaryFolder(t), device, ...(threads === undefined ? {} : { threads }) });
  t.after(() => lab.close());
  return lab;
}

function collectSettings(changes: Partial<CollectSettings> = {}): CollectSettings {
  return {
    name: 'reach by expert',
    task: 'reach',
    taskVersion: tasks.reach.version,
    taskSettings: defaultsOf(tasks.reach.fields),
    seed: 0,
    policy: 'expert',
    noise: 0,
    episodes: 8,
    failures: 4,
    ...changes,
  };
}

const sarm = (updates: number) => ({ ...defaultsOf(rewards.sarm.fields), updates });

/** Stops the run as soon as this says so, and waits for its end. */
async function stopWhen(lab: Lab, id: number, now: () => boolean): Promise<void> {
  let cursor = 0;
  while (!now()) cursor = (await lab.events.since(cursor, 1000)).cursor;
  // Not in the same turn: like Ctrl-C, which waits for the event loop to come round.
  await new Promise((resolve) => setTimeout(resolve, 1));
  lab.stop(id);
  assert.equal((await lab.finished(id)).status, 'paused');
}

/** Writes past the lab, as a disk that lies would. */
function damage(lab: Lab, sql: string): void {
  const other = new Database(lab.store.file);
  other.exec(sql);
  other.close();
}
const broken = `bytes = CAST(substr(bytes, 1, 40) || x'0000' || substr(bytes, 43) AS BLOB)`;

test('collecting is heard to stop while episodes pour in, and resume collects the rest', async (t) => {
  const lab = labOf(t);
  const episodes = 1500;
  const id = lab.collect(collectSettings({ episodes }));
  await stopWhen(lab, id, () => lab.run(id).episodes > 0);
  const before = lab.store.episodes.ids({ runId: id }).length;
  assert.ok(before < episodes, `${before} episodes were stored before anybody was heard`);

  lab.resume(id);
  assert.equal((await lab.finished(id)).status, 'done');
  assert.equal(lab.collected(id).episodes, episodes);
  const seeds = lab.store.episodes.list({ runId: id, limit: 10_000 }).items.map((e) => e.seed);
  assert.equal(new Set(seeds).size, episodes + 4, 'demonstrations and failures, none twice');
});

test('a fit that was stopped is done again by resume; one that ended is not', async (t) => {
  const lab = labOf(t);
  const from = lab.collect(collectSettings());
  await lab.finished(from);
  const id = lab.fit({ method: 'sarm', settings: sarm(5000), from, seed: 1 });
  await stopWhen(lab, id, () => lab.run(id).phase === 'fitting sarm' && lab.run(id).done > 0);
  assert.equal(lab.modelOf(id), undefined);
  damage(lab, `UPDATE runs SET config = json_set(config, '$.settings.updates', 40) WHERE id = ${id}`);
  lab.resume(id);
  assert.equal((await lab.finished(id)).status, 'done');
  assert.ok(lab.modelOf(id));
  assert.throws(() => lab.resume(id), /is done; there is nothing left to resume/);
});

test('a run stopped while it fits goes on with the same fit run, not with another', async (t) => {
  const lab = labOf(t);
  const reward = [{ reward: 'sparse' }, { reward: 'sarm', settings: { updates: 1500 } }];
  const { id } = lab.start(tinyRecipe({ reward }), 3);
  await stopWhen(lab, id, () => lab.run(id).phase === 'fitting sarm' && lab.run(id).done > 0);
  lab.resume(id);
  assert.equal((await lab.finished(id)).status, 'done', lab.run(id).error ?? '');
  const kinds = lab.runs().map((run) => `${run.kind} ${run.status}`);
  assert.deepEqual(kinds, ['train done', 'collect done', 'fit done']);
});

test('an evaluation is stopped and resumed; its seed chooses the starts, seed 0 those of every run', async (t) => {
  const lab = labOf(t);
  const tiny = tinyRecipe({ reward: [{ reward: 'sparse' }] });
  const { id } = lab.start({ ...tiny, algorithmSettings: { ...tiny.algorithmSettings, steps: 512 } }, 7);
  await lab.finished(id);
  const seedsOf = (run: number): number[] =>
    lab.store.episodes.list({ runId: run, kind: 'evaluation', limit: 10_000 }).items.map((e) => e.seed);

  const long = lab.evaluate(id, 1200, 0);
  await stopWhen(lab, long, () => lab.run(long).episodes > 0);
  assert.ok(seedsOf(long).length < 1200);
  lab.resume(long);
  assert.equal((await lab.finished(long)).status, 'done');
  assert.equal(new Set(seedsOf(long)).size, 1200);
  const shared = new Set(seedsOf(long));
  assert.ok(
    seedsOf(id).every((seed) => shared.has(seed)),
    'the run itself was evaluated on the same starts',
  );

  const other = lab.evaluate(id, 20, 5);
  await lab.finished(other);
  assert.ok(seedsOf(other).every((seed) => !shared.has(seed)));
});

test('a run whose newest checkpoint is damaged goes on from the one before, and says so', async (t) => {
  const lab = labOf(t);
  const { id } = lab.start(tinyRecipe({ reward: [{ reward: 'sparse' }] }), 7);
  await stopWhen(lab, id, () => lab.store.checkpoints.list(id).length >= 2);
  const [newest] = lab.store.checkpoints.list(id).slice(-1);
  damage(lab, `UPDATE checkpoints SET ${broken} WHERE id = ${newest!.id}`);
  lab.resume(id);
  const run = await lab.finished(id);
  assert.equal(run.status, 'done', run.error ?? '');
  assert.match(run.alerts.map((alert) => alert.message).join(), /Checkpoint \d+: stored bytes are damaged/);
});

test('verify tells damaged bytes and a wrong checksum from an episode that replays', async (t) => {
  const lab = labOf(t);
  await lab.finished(lab.collect(collectSettings({ episodes: 3, failures: 0 })));
  const [first, second, third] = lab.store.episodes.ids() as [number, number, number];
  assert.equal(lab.verify(first).ok, true);
  damage(lab, `UPDATE episode_data SET ${broken} WHERE episode_id IN (${first}, ${second})`);
  damage(lab, `UPDATE episodes SET checksum = '0123456789abcdef' WHERE id = ${third}`);
  assert.match(lab.verify(first).message, /Episode 1: stored bytes are damaged/);
  assert.match(lab.verify(third).message, /do not add up to its checksum 0123456789abcdef/);
  assert.deepEqual(
    [first, second, third].map((id) => lab.episode(id).verified),
    [false, null, false],
  );
});

test('a waiting run that is stopped leaves the place of the others alone', async (t) => {
  const lab = labOf(t);
  const atOnce = availableParallelism();
  const ids = Array.from({ length: 3 * atOnce + 2 }, (_, seed) =>
    lab.collect(collectSettings({ seed, episodes: 2, failures: 0 })),
  );
  const stopped = ids.slice(-2);
  for (const id of stopped) lab.stop(id);
  let most = 0;
  let cursor = 0;
  while (lab.runs().some((run) => run.status === 'queued' || run.status === 'running')) {
    cursor = (await lab.events.since(cursor, 1000)).cursor;
    most = Math.max(most, lab.runs().filter((run) => run.status === 'running').length);
  }
  assert.ok(most <= atOnce, `${most} runs at once on ${atOnce} cores`);
  for (const id of ids) assert.equal(lab.run(id).status, stopped.includes(id) ? 'paused' : 'done');
});

test('an impossible number of threads is refused before anything is opened', (t) => {
  const project = join(temporaryFolder(t), 'none');
  for (const threads of [0, -1, 1.5, Number.NaN])
    assert.throws(
      () => new Lab({ project, threads }),
      /^RangeError: Threads of the lab: found .*at least 1$/,
    );
  assert.ok(!existsSync(project));
});

test('a lab that may compute on one thread has one run at a time, whose numbers are those of all threads', async (t) => {
  const recipe = tinyRecipe({ experiment: { evaluationEpisodes: 4 } });
  const curves: unknown[] = [];
  for (const threads of [1, Math.max(2, availableParallelism())]) {
    const lab = labOf(t, 'kernel', threads);
    assert.equal(lab.queue.most, threads);
    const ids = [3, 4].map((seed) => lab.start(recipe, seed).id);
    assert.deepEqual(lab.queue.waiting, threads === 1 ? ids.slice(1) : []);
    for (const id of ids) assert.equal(await lab.finished(id).then(({ status }) => status), 'done');
    curves.push(
      ids.map((id) => {
        const { steps, values } = lab.store.metrics.series(id);
        return [[...steps], [...values].filter(([name]) => !/^(time|speed)\//.test(name))];
      }),
    );
  }
  assert.deepEqual(curves[0], curves[1]);
});

test('a damaged journal stops nobody from playing the policy; who goes on takes the checkpoint before it, with a word', async (t) => {
  const lab = labOf(t);
  const recipe = tinyRecipe({
    algorithm: 'sac',
    algorithmSettings: { steps: 6144, worlds: 4, hiddenSize: 16, batch: 32, updatesPerStep: 0.1 },
    reward: [{ reward: 'sparse' }],
    experiment: { evaluationEpisodes: 4, checkpointEvery: 1000, evaluateEvery: 100_000_000 },
  });
  const { id } = lab.start(recipe, 5);
  await stopWhen(lab, id, () => lab.store.checkpoints.list(id).length >= 2);
  const before = lab.store.checkpoints.list(id);
  assert.ok(before.length >= 2 && before.at(-1)!.step < 6144);
  damage(lab, `UPDATE journal_pieces SET ${broken} WHERE id = (SELECT max(id) FROM journal_pieces)`);

  const played = lab.evaluate(id, 4, 1);
  assert.equal((await lab.finished(played)).status, 'done', lab.run(played).error ?? '');
  assert.deepEqual(
    lab.run(id).alerts.filter(({ message }) => message.includes('journal')),
    [],
  );

  lab.resume(id);
  assert.equal((await lab.finished(id)).status, 'done', lab.run(id).error ?? '');
  const said = lab.run(id).alerts.filter(({ message }) => message.includes('of its journal is damaged'));
  assert.equal(said.length, 1);
  assert.ok(said[0]!.message.startsWith(`Checkpoint ${before.at(-1)!.id}: piece`));
  assert.equal(lab.store.checkpoints.latest(id)!.step, 6144);
});

test('a run with a replay buffer, stopped twice, ends with the bytes of one that never was; its journal is no longer than its buffer', async (t) => {
  const lab = labOf(t, 'wasm');
  const recipe = tinyRecipe({
    algorithm: 'sac',
    algorithmSettings: {
      steps: 9216,
      worlds: 4,
      hiddenSize: 16,
      batch: 32,
      updatesPerStep: 0.1,
      bufferSize: 3000,
    },
    reward: [{ reward: 'sparse' }],
    experiment: { evaluationEpisodes: 4, checkpointEvery: 1000, evaluateEvery: 100_000_000 },
  });
  const { id: straight } = lab.start(recipe, 6);
  assert.equal((await lab.finished(straight)).status, 'done');
  const { id } = lab.start(recipe, 6);
  for (const checkpoints of [2, 3]) {
    const from = lab.store.checkpoints.latest(id)?.step ?? 0;
    await stopWhen(lab, id, () => (lab.store.checkpoints.latest(id)?.step ?? 0) >= from + 1000 * checkpoints);
    lab.resume(id);
  }
  assert.equal((await lab.finished(id)).status, 'done', lab.run(id).error ?? '');
  const [one, other] = [straight, id].map((run) => lab.store.checkpoints.latest(run)!);
  assert.equal(other!.hash, one!.hash);
  const rows = lab.store.checkpoints.journal(other!.id);
  // A piece a checkpoint of a thousand steps, three of them and what is left of a fourth.
  assert.ok(rows.length <= 5, `${rows.length} pieces`);
});
