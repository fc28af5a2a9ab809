/** Metric files of real runs, stopped and resumed, against the database; the verb that prints what the database has. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Lab } from '../../lab/lab.ts';
import { decodeRecords } from '../../store/formats/tensorboard.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));

/** A small recipe with files for its metrics and a checkpoint that lies behind the newest metrics. */
function recipe() {
  const tiny = tinyRecipe({ reward: [{ reward: 'sparse' }] });
  return {
    ...tiny,
    algorithmSettings: { ...tiny.algorithmSettings, steps: 8192 },
    experiment: { ...tiny.experiment, checkpointEvery: 2048, tensorboard: true, jsonl: true },
  };
}

/** Every value of the database, as `step name value` in 32 bits. */
function stored(from: Lab, id: number): string[] {
  const { steps, values } = from.store.metrics.series(id, { maxPoints: 100_000 });
  return [...values]
    .flatMap(([name, series]) =>
      [...steps].flatMap((step, i) =>
        Number.isNaN(series[i]) ? [] : [`${step} ${name} ${Math.fround(series[i]!)}`],
      ),
    )
    .sort();
}

/** What a reader shows of the event files of a folder, in their order: a session takes away what it begins before. */
function shown(folder: string): string[] {
  let points: { step: number; text: string }[] = [];
  for (const file of readdirSync(folder).sort()) {
    for (const event of decodeRecords(readFileSync(join(folder, file)))) {
      if (event.sessionStart) points = points.filter(({ step }) => step < event.step);
      for (const [name, value] of Object.entries(event.scalars ?? {})) {
        points.push({ step: event.step, text: `${event.step} ${name} ${value}` });
      }
    }
  }
  return points.map(({ text }) => text).sort();
}

test('event files and JSON lines of a run that was stopped and resumed say what the database says', async (t) => {
  const project = temporaryFolder(t);
  let open = new Lab({ project, device: 'kernel' });
  t.after(() => open.close());
  const { id } = open.start(recipe(), 3);
  let cursor = 0;
  while (open.store.checkpoints.list(id).length === 0)
    cursor = (await open.events.since(cursor, 1000)).cursor;
  open.stop(id);
  assert.equal((await open.finished(id)).status, 'paused');
  // As after a kill: the newest checkpoints are gone, the metrics behind them are there.
  const [first, ...rest] = open.store.checkpoints.list(id);
  await open.close();
  assert.ok(first !== undefined);
  if (rest.length > 0) {
    const { default: Database } = await import('better-sqlite3');
    const db = new Database(join(project, 'lab.db'));
    db.exec(`DELETE FROM checkpoints WHERE id > ${first.id}`);
    db.close();
  }
  open = new Lab({ project, device: 'kernel' });
  open.resume(id);
  const run = await open.finished(id);
  assert.equal(run.status, 'done', run.error ?? '');
  assert.deepEqual(run.alerts, []);

  const wanted = stored(open, id);
  assert.ok(wanted.length > 50);
  const folder = join(project, 'tensorboard', `${run.name}-${id}`);
  assert.equal(readdirSync(folder).length, 2);
  assert.deepEqual(shown(folder), wanted);
  const lines = readFileSync(join(project, 'metrics', `${run.name}-${id}.jsonl`), 'utf8')
    .trim()
    .split('\n');
  const read = lines.flatMap((line) => {
    const { run: of, seed, step, time, ...values } = JSON.parse(line) as Record<string, number>;
    assert.deepEqual([of, seed, time! > 1.7e9], [id, 3, true]);
    return Object.entries(values).map(([name, value]) => `${step} ${name} ${Math.fround(value)}`);
  });
  assert.deepEqual(read.sort(), wanted);
});

test('a metric file that can no longer be written costs a word, not the run', async (t) => {
  const project = temporaryFolder(t);
  const open = new Lab({
    project,
    device: 'kernel',
    metricFiles: { jsonl: join(project, 'lab.db', 'x.jsonl') },
  });
  t.after(() => open.close());
  const { id } = open.start(tinyRecipe({ reward: [{ reward: 'sparse' }] }), 3);
  const run = await open.finished(id);
  assert.equal(run.status, 'done', run.error ?? '');
  assert.equal(run.alerts.length, 1);
  assert.match(
    run.alerts[0]!.message,
    /^No more metric files \(.*\); the database has all metrics: lab metrics 1$/,
  );
});

test('metrics prints an overview, one JSON object, JSON lines or a table with a column a metric', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const at = ['--project', project];
  const files = join(project, 'elsewhere');
  const trained = await lab(
    'train',
    ...['--task', 'reach', '--algorithm', 'ppo', '--reward', 'sparse', '--device', 'kernel', '--json'],
    ...['worlds=8', 'stepsPerWorld=64', 'minibatch=128', 'steps=3000', 'evaluationEpisodes=2'].flatMap(
      (set) => ['--set', set],
    ),
    ...['--tensorboard', files, '--jsonl', ...at],
  );
  assert.equal(trained.status, 0, trained.stderr);
  assert.equal(readdirSync(files).length, 1);
  assert.ok(!existsSync(join(project, 'tensorboard')));
  rmSync(files, { recursive: true });

  const json = JSON.parse((await lab('metrics', '1', '--json', ...at)).stdout) as {
    steps: number[];
    values: Record<string, (number | null)[]>;
  };
  const policy = json.values['loss/policy']!;
  assert.ok(json.steps.length >= 2 && policy.length === json.steps.length);

  const lines = (await lab('metrics', '1', '--jsonl', ...at)).stdout.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)['loss/policy']),
    policy,
  );
  // As its user runs it.
  const table = spawnSync(process.execPath, [cli, 'metrics', '1', '--csv', ...at], { encoding: 'utf8' });
  const [head, ...rows] = table.stdout.trim().split('\n');
  const column = head!.split(',').indexOf('loss/policy');
  assert.deepEqual(
    rows.map((row) => Number(row.split(',')[column])),
    policy,
  );
  assert.match((await lab('metrics', '1', ...at)).stdout, /loss\/policy +\d+ +-?[\d.e-]+/);

  const both = await lab('metrics', '1', '--csv', '--jsonl', ...at);
  assert.equal(both.status, 2);
  assert.match(both.stderr, /found --jsonl and --csv, wanted one of them/);
});
