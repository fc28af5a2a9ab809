/** Several seeds in one command: as one group, stopped and resumed together, compared. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { seedsOf } from '../../lab/cli/options.ts';
import { resumeAll, resumeGroup } from '../../lab/cli/runs.ts';
import { Lab } from '../../lab/lab.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));

test('seeds are a count, a list or a range', () => {
  assert.deepEqual(seedsOf('3', 0), [0, 1, 2]);
  assert.deepEqual(seedsOf('2', 100), [100, 101]);
  assert.deepEqual(seedsOf('4,2', 9), [4, 2]);
  assert.deepEqual(seedsOf('7..9', 0), [7, 8, 9]);
  for (const bad of ['0', 'x', '3..1', '1,', '', '99999', '1..3000000000']) {
    assert.throws(() => seedsOf(bad, 0), /--seeds: found .* wanted how many/, bad);
  }
  assert.throws(() => seedsOf('1,2,1', 0), /--seeds: 1 is there twice/);
});

test('a group is stopped as a whole, resumed as a whole and put together', {
  timeout: 120_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const project = join(folder, 'project');
  const file = join(folder, 'recipe.yaml');
  const settings = { ...tinyRecipe().algorithmSettings, steps: 4096 };
  const reward = [{ reward: 'dense' }];
  writeFileSync(file, stringify(tinyRecipe({ reward, algorithmSettings: settings })));
  const flags = ['--project', project, '--device', 'kernel'];

  // Stopped when the first of three trains; the third still waits where there are two cores.
  const child = spawn(process.execPath, [cli, 'train', file, '--seeds', '4..6', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    const before = err.includes('training');
    err += text;
    if (!before && err.includes('training')) child.kill('SIGINT');
  });
  await new Promise((resolve) => child.on('close', resolve));
  assert.equal(child.exitCode, 130, err);
  assert.match(err, /Group g1 is saved; go on with: lab resume g1/);
  assert.match(out, /paused/);

  const resumed = await lab('resume', 'g1', '--json', ...flags);
  assert.equal(resumed.status, 0, resumed.stderr);
  const group = JSON.parse(resumed.stdout) as Record<string, unknown> & {
    overSeeds: Record<string, { mean: number; deviation: number }>;
    interval: { low: number; high: number };
    runs: { status: string; success: number; episodes: number }[];
  };
  assert.deepEqual(
    [group['group'], group['status'], group['seeds'], group['episodes']],
    ['g1', 'done', [4, 5, 6], 30],
  );
  assert.deepEqual(
    group.runs.map(({ status, episodes }) => [status, episodes]),
    [
      ['done', 10],
      ['done', 10],
      ['done', 10],
    ],
  );
  const mean = group.runs.reduce((sum, { success }) => sum + success, 0) / 3;
  assert.ok(Math.abs(group.overSeeds['success']!.mean - mean) < 1e-12);
  assert.ok(Math.abs((group['success'] as number) - mean) < 1e-12);
  assert.ok(group.interval.low <= mean && mean <= group.interval.high);
  assert.ok(Number.isFinite(group.overSeeds['return']!.deviation));

  // At its end there is nothing to go on with; its runs are compared on the same starts.
  const shown = await lab('compare', '1', '2,3', ...flags);
  assert.equal(shown.status, 0, shown.stderr);
  assert.equal(shown.stdout.match(/^Protocol: 10 episodes a run on the same starts/gm)?.length, 3);
  assert.match(shown.stdout, /not measurable/);
  assert.match(shown.stdout, /All settings are the same/);
  const open = new Lab({ project });
  t.after(() => open.close());
  await assert.rejects(resumeGroup(open, 'g1', true), /group g1 is done/);
  await assert.rejects(resumeAll(open, true), /no run of this project is paused or crashed/);
});

test('a baseline beside several seeds is a group of its own, in pairs', (t) => {
  const store = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => store.close());
  const experiment = { ...tinyRecipe().experiment, baseline: true };
  const started = store.startGroup(tinyRecipe({ reward: [{ reward: 'dense' }], experiment }), [0, 1]);
  assert.deepEqual(
    started.runs.map((run) => store.baselineOf(run)),
    started.baseline!.runs,
  );
  assert.deepEqual(
    [...started.runs, ...started.baseline!.runs].map((run) => [
      store.run(run).group!.id,
      store.run(run).seed,
    ]),
    [
      ['g2', 0],
      ['g2', 1],
      ['g1', 0],
      ['g1', 1],
    ],
  );
});

test('wrong seeds, sides and words are refused and leave no project behind', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const cases: [string[], RegExp][] = [
    [['train', 'cartpole', '--seeds', 'many'], /--seeds: found "many"/],
    [['search', 'cartpole', '--space', 'gama=0.9..0.99'], /did you mean "gamma"/],
    [
      ['search', 'cartpole', '--space', 'gamma=0.9..0.99', '--save', '/nowhere/at/all.yaml'],
      /no folder \/nowhere/,
    ],
    [['resume', 'g1', '--all'], /wanted a run \(3\), a group/],
  ];
  for (const [args, wanted] of cases) {
    const result = await lab(...args, '--project', project);
    assert.equal(result.status, 2, `${args.join(' ')}: ${result.stderr}`);
    assert.match(result.stderr, wanted, args.join(' '));
    assert.equal(existsSync(project), false, args.join(' '));
  }
});
