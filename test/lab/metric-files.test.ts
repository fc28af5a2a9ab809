/** Event files and JSON lines beside the database, as they are after a kill and a resume. */

import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { MetricFiles, type MetricFilesOptions } from '../../lab/metric-files.ts';
import { decodeRecords } from '../../store/formats/tensorboard.ts';
import { temporaryFolder } from '../support/project.ts';

const optionsIn = (project: string, changes: Partial<MetricFilesOptions> = {}): MetricFilesOptions => ({
  project,
  run: 3,
  name: 'push: a/b "c"',
  seed: 7,
  from: -1,
  settings: { task: 'push', algorithmSettings: { gamma: 0.98 } },
  tensorboard: true,
  jsonl: true,
  ...changes,
});

const linesOf = (file: string): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('metrics stand in both files as soon as they were written', (t) => {
  const project = temporaryFolder(t);
  const files = new MetricFiles(optionsIn(project));
  assert.equal(dirname(files.eventFile!), join(project, 'tensorboard', 'push-a-b-c-3'));
  assert.equal(files.jsonlFile, join(project, 'metrics', 'push-a-b-c-3.jsonl'));
  const before = Date.now() / 1000;
  files.write(2048, { 'loss/policy': 0.5, 'rollout/return': -1.25 });

  const events = decodeRecords(readFileSync(files.eventFile!));
  assert.deepEqual(
    events.map(({ wallTime, ...event }) => {
      assert.ok(Math.abs(wallTime - before) < 60);
      return event;
    }),
    [
      { step: 0, fileVersion: 'brain.Event:2' },
      { step: 0, sessionStart: true },
      {
        step: 0,
        texts: {
          settings: '| setting | value |\n|---|---|\n| task | push |\n| algorithmSettings.gamma | 0.98 |',
        },
      },
      { step: 2048, scalars: { 'loss/policy': 0.5, 'rollout/return': -1.25 } },
    ],
  );
  const [line, ...rest] = linesOf(files.jsonlFile!);
  assert.deepEqual(rest, []);
  const { time, ...values } = line!;
  assert.deepEqual(values, { run: 3, seed: 7, step: 2048, 'loss/policy': 0.5, 'rollout/return': -1.25 });
  assert.ok(Math.abs((time as number) - before) < 60);
});

test('a resumed run opens the next event file and begins a session after its checkpoint', (t) => {
  const project = temporaryFolder(t);
  const first = new MetricFiles(optionsIn(project));
  const second = new MetricFiles(optionsIn(project, { from: 4096 }));
  const third = new MetricFiles(optionsIn(project, { from: 8192 }));
  const names = [first, second, third].map(({ eventFile }) => basename(eventFile!));
  assert.deepEqual(readdirSync(dirname(first.eventFile!)).sort(), names, 'in this order');
  const events = decodeRecords(readFileSync(second.eventFile!));
  assert.deepEqual(
    events.map(({ wallTime: _, ...event }) => event),
    [
      { step: 0, fileVersion: 'brain.Event:2' },
      { step: 4097, sessionStart: true },
    ],
  );
});

test('a clock that was set back does not put a resumed run in front', (t) => {
  const project = temporaryFolder(t);
  const folder = join(project, 'tensorboard', 'push-a-b-c-3');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'events.out.tfevents.9999999998.elsewhere.0000'), '');
  const files = new MetricFiles(optionsIn(project, { from: 10 }));
  assert.match(basename(files.eventFile!), /^events\.out\.tfevents\.9999999998\..+\.0001$/);
});

test('lines after the checkpoint are taken out before they are written again; those of others stay', (t) => {
  const project = temporaryFolder(t);
  const jsonl = join(project, 'all', 'metrics.jsonl');
  const mine = new MetricFiles(optionsIn(project, { jsonl }));
  const other = new MetricFiles(optionsIn(project, { jsonl, run: 4 }));
  for (const step of [1000, 2000, 3000]) {
    mine.write(step, { x: step });
    other.write(step, { x: -step });
  }
  // Somebody's own line, and one that a kill cut short.
  appendFileSync(jsonl, 'a note\n{"run":3,"seed":7,"ste');
  const resumed = new MetricFiles(optionsIn(project, { jsonl, from: 1000 }));
  other.write(4000, { x: -4000 });
  resumed.write(2000, { x: 5 });
  const lines = readFileSync(jsonl, 'utf8').trim().split('\n');
  assert.equal(lines.filter((line) => line === 'a note').length, 1);
  const read = lines.filter((line) => line !== 'a note').map((line) => JSON.parse(line));
  assert.deepEqual(
    read.map(({ run, step, x }) => [run, step, x]),
    [
      [3, 1000, 1000],
      [4, 1000, -1000],
      [4, 2000, -2000],
      [4, 3000, -3000],
      [4, 4000, -4000],
      [3, 2000, 5],
    ],
  );
});

test('nothing is made where nobody asked, and a folder that cannot be made is an error', (t) => {
  const project = temporaryFolder(t);
  const { tensorboard: _, jsonl: __, ...nothing } = optionsIn(project);
  const none = new MetricFiles(nothing);
  none.write(1, { x: 1 });
  assert.deepEqual(readdirSync(project), []);
  writeFileSync(join(project, 'file'), '');
  assert.throws(
    () => new MetricFiles(optionsIn(project, { tensorboard: join(project, 'file') })),
    /ENOTDIR|EEXIST/,
  );
});
