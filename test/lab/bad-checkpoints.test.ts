/** Checkpoints of something else, damaged ones, and threads that die: the run says what is wrong and keeps what it has. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import Database from 'better-sqlite3';
import { openCheckpoint, packCheckpoint } from '../../lab/checkpoint.ts';
import { Lab } from '../../lab/lab.ts';
import { pack } from '../../lab/pack.ts';
import { algorithms } from '../../learn/algorithms/index.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { plainCompute } from '../learn/tensor/plain.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const recipe = () => {
  const tiny = tinyRecipe({ reward: [{ reward: 'sparse' }] });
  return { ...tiny, experiment: { ...tiny.experiment, evaluationEpisodes: 2, checkpointEvery: 2048 } };
};

function labOf(t: TestContext): Lab {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  return lab;
}

/** Writes past the lab. */
function sql(lab: Lab, text: string): void {
  const db = new Database(lab.store.file);
  db.exec(text);
  db.close();
}

/** Everything stored of a run, but its alerts and its status. */
function contents(lab: Lab, id: number): unknown {
  const { steps, values } = lab.store.metrics.series(id);
  return {
    steps: [...steps],
    values: [...values].map(([name, series]) => [name, [...series]]),
    episodes: lab.store.episodes.list({ runId: id, limit: 10_000 }).items,
    checkpoints: lab.store.checkpoints.list(id),
  };
}

const about = { task: 'reach', taskVersion: tasks.reach.version, algorithm: 'ppo' };

test('a run refuses a checkpoint that does not belong to it, in words, and loses nothing', async (t) => {
  const lab = labOf(t);
  const { id } = lab.start(recipe(), 3);
  const trained = await lab.finished(id);
  assert.equal(trained.status, 'done', trained.error ?? '');
  const { bytes } = lab.store.checkpoints.latest(id)!;
  const { learner, env } = openCheckpoint(bytes);
  const before = contents(lab, id);

  /** Goes on from these bytes, with this change to the run's settings. */
  const refusal = async (wrong: Uint8Array, path?: string, value?: number): Promise<string> => {
    const added = lab.store.checkpoints.add(id, 1024, wrong);
    const old = path === undefined ? undefined : setting(path);
    if (path !== undefined) sql(lab, `UPDATE runs SET config = json_set(config, '${path}', ${value})`);
    lab.store.runs.update(id, { status: 'paused' });
    lab.resume(id);
    const run = await lab.finished(id);
    assert.equal(run.status, 'failed');
    if (path !== undefined) sql(lab, `UPDATE runs SET config = json_set(config, '${path}', ${old})`);
    sql(lab, `DELETE FROM checkpoints WHERE id = ${added.id}`);
    assert.deepEqual(contents(lab, id), before, run.error ?? '');
    assert.deepEqual(lab.store.health({ full: true }).problems, []);
    return run.error!;
  };
  const setting = (path: string): number => {
    const db = new Database(lab.store.file, { readonly: true });
    const found = db.prepare(`SELECT json_extract(config, '${path}') FROM runs WHERE id = ?`).pluck().get(id);
    db.close();
    return found as number;
  };

  const cases: readonly [string, Parameters<typeof refusal>, RegExp][] = [
    [
      'task',
      [packCheckpoint(learner, env, { ...about, task: 'push' })],
      /^Checkpoint: found one of task push, wanted reach$/,
    ],
    [
      'version of the task',
      [packCheckpoint(learner, env, { ...about, taskVersion: 99 })],
      /^Checkpoint: found one of taskVersion 99, wanted \d+$/,
    ],
    [
      'algorithm',
      [packCheckpoint(learner, env, { ...about, algorithm: 'sac' })],
      /^Checkpoint: found one of algorithm sac, wanted ppo$/,
    ],
    [
      'format',
      [pack({ learner, ...env })],
      /^Checkpoint: found format 1 of an earlier version of Reward Lab, wanted 2/,
    ],
    [
      'later format',
      [pack({ about: new TextEncoder().encode('{"format":99}'), learner, ...env })],
      /^Checkpoint: found one of format 99, wanted 2$/,
    ],
    [
      'learner',
      [packCheckpoint(new TextEncoder().encode('RLABXYZ\n and more'), env, about)],
      /^Checkpoint: starts with "RLABXYZ\\n", wanted "RLABPPO\\n"$/,
    ],
    [
      'network',
      [bytes, '$.algorithmSettings.hiddenSize', 24],
      /^PPO checkpoint: hidden is \[16,16\], wanted \[24,24\]$/,
    ],
    ['number of worlds', [bytes, '$.algorithmSettings.worlds', 4], /^PPO checkpoint: worlds is 8, wanted 4$/],
    [
      'half of it',
      [bytes.slice(0, bytes.length >> 1)],
      /^Checkpoint: \d+ bytes that are no checkpoint, or not all of one \(.*ends at byte \d+, the block has \d+\)$/,
    ],
    [
      'half of the learner',
      [packCheckpoint(learner.slice(0, learner.length >> 1), env, about)],
      /^Checkpoint: \d+ bytes, .+ ends at byte \d+$/,
    ],
    [
      'environment',
      [packCheckpoint(learner, { ...env, 'env/states': new Float64Array(3) }, about)],
      /^Checkpoint: found 3 state numbers, wanted 8 worlds x \d+$/,
    ],
  ];
  for (const [what, given, wanted] of cases) assert.match(await refusal(...given), wanted, what);

  // What was there before still goes on.
  sql(lab, `UPDATE runs SET config = json_set(config, '$.algorithmSettings.steps', 5120)`);
  lab.store.runs.update(id, { status: 'paused' });
  lab.resume(id);
  const run = await lab.finished(id);
  assert.equal(run.status, 'done', run.error ?? '');
  assert.equal(lab.store.checkpoints.latest(id)!.step, 5120);
});

test('a checkpoint cut at any byte is refused as one that is not whole', async () => {
  const settings = { worlds: 2, stepsPerWorld: 8, minibatch: 16, hiddenSize: 8 };
  const made = algorithms.ppo.create(settings, {
    observationDim: 3,
    actionDim: 2,
    count: 2,
    compute: plainCompute,
    seed: 1,
  });
  const learner = await made.save();
  const bytes = packCheckpoint(learner, { 'env/states': new Float64Array(40) }, about);
  openCheckpoint(bytes, about, 'resume');
  // Every byte of the headers, then steps of a prime through the arrays.
  const cuts = (length: number): number[] =>
    Array.from({ length }, (_, i) => i).filter((i) => i < 600 || i % 997 === 0);
  for (const cut of cuts(bytes.length)) {
    assert.throws(
      () => openCheckpoint(bytes.slice(0, cut)),
      /^RangeError: Checkpoint: \d+ bytes that are no checkpoint, or not all of one/,
      `cut at ${cut}`,
    );
  }
  for (const cut of cuts(learner.length)) {
    assert.throws(
      () => algorithms.ppo.loadPolicy(learner.slice(0, cut)),
      /^RangeError: Checkpoint: (\d+ bytes|starts with|bytes \d+)/,
      `cut at ${cut}`,
    );
  }
});

test('a thread that dies ends the run with a word; all that was stored is there, and resume goes on', async (t) => {
  const lab = labOf(t);
  // The lab answers its thread for every batch of episodes; so the thread can be had.
  const threads = new Set<Worker>();
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (this: Worker, ...message) {
    threads.add(this);
    return postMessage.apply(this, message);
  };
  t.after(() => {
    Worker.prototype.postMessage = postMessage;
  });
  const { id } = lab.start(
    { ...recipe(), algorithmSettings: { ...recipe().algorithmSettings, steps: 16_384 } },
    3,
  );
  let cursor = 0;
  const checkpoints = () => lab.store.checkpoints.list(id).length;
  while (checkpoints() < 2) {
    assert.notEqual(lab.run(id).status, 'failed', lab.run(id).error ?? '');
    cursor = (await lab.events.since(cursor, 1000)).cursor;
  }
  assert.equal(threads.size, 1);
  for (const thread of threads) await thread.terminate();

  const ended = await lab.finished(id);
  assert.equal(ended.status, 'failed');
  assert.match(
    ended.error!,
    /^The worker thread for "train" died \(exit code 1\); what it had saved is kept: lab resume 1$/,
  );
  assert.deepEqual(lab.store.health({ full: true }).problems, []);
  const { items } = lab.store.episodes.list({ runId: id, limit: 10_000 });
  assert.ok(items.length > 0);
  for (const episode of items) assert.equal(lab.verify(episode.id).ok, true);

  lab.resume(id);
  const run = await lab.finished(id);
  assert.equal(run.status, 'done', run.error ?? '');
  const now = new Map(
    lab.store.episodes.list({ runId: id, limit: 10_000 }).items.map((e) => [e.id, e.checksum]),
  );
  for (const { id: episode, checksum } of items) assert.equal(now.get(episode), checksum);
  const steps = [...lab.store.metrics.series(id).steps];
  assert.deepEqual(
    steps,
    [...new Set(steps)].sort((a, b) => a - b),
    'no step is measured twice',
  );
});
