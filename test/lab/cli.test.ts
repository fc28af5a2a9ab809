/** The command line as its user runs it: its exit code, what is on stdout and what on stderr; where it matters, in a process of its own. */

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { stringify } from 'yaml';
import type { Catalog } from '../../lab/api.ts';
import { Lab } from '../../lab/lab.ts';
import { tasks as registered } from '../../sim/tasks/index.ts';
import { openStore } from '../../store/index.ts';
import { lab as inHere } from '../support/lab.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));

function lab(...args: string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}

/** The same in this process, for the many lines that differ in what they say only. */
async function quick(...args: string[]): Promise<ReturnType<typeof lab>> {
  const { status, stdout, stderr } = await inHere(...args);
  return { code: status, out: stdout, err: stderr };
}

/** The one JSON object on stdout. */
function json(result: { out: string }): Record<string, unknown> {
  assert.equal(result.out.trim().split('\n').length, 1, result.out);
  return JSON.parse(result.out) as Record<string, unknown>;
}

test('the whole chain works from the command line, with one JSON object on stdout each time', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const flags = ['--project', project, '--json', '--device', 'wasm'];

  const collected = await quick(
    ...['collect', '--task', 'reach', '--episodes', '6', '--seed', '5'],
    ...flags,
  );
  assert.equal(collected.code, 0, collected.err);
  const collect = json(collected);
  assert.equal(collect['episodes'], 6);
  assert.ok((collect['success'] as number) >= 0 && (collect['success'] as number) <= 1);
  assert.ok('low' in (collect['interval'] as object));

  const fitted = json(await quick('fit', '--from', String(collect['run']), '--set', 'updates=40', ...flags));
  assert.match(String(fitted['hash']), /^[0-9a-f]{16}$/);

  const recipe = join(project, 'tiny.yaml');
  const reward = [{ reward: 'sparse' }, { reward: 'sarm', model: fitted['model'] as number }];
  writeFileSync(recipe, stringify(tinyRecipe({ reward })));
  const trainedResult = lab('train', recipe, '--seed', '2', '--set', 'steps=1024', ...flags);
  assert.equal(trainedResult.code, 0, trainedResult.err);
  const trained = json(trainedResult);
  assert.equal(trained['episodes'], 10);
  assert.equal((trained['rewardModel'] as { hash: string }).hash, fitted['hash']);
  assert.match(trainedResult.err, /training/);

  const evaluated = json(await quick('evaluate', String(trained['run']), '--episodes', '7', ...flags));
  assert.equal(evaluated['episodes'], 7);
  assert.equal(evaluated['checkpoint'], trained['checkpoint']);
  const policy = ['collect', '--task', 'reach', '--episodes', '2', '--policy'];
  for (const name of [`run:${trained['run']}`, String(trained['checkpoint'])]) {
    const played = json(await quick(...policy, name, ...flags));
    assert.equal(played['name'], `reach by checkpoint ${trained['checkpoint']}`);
  }
  const random = json(
    await quick('collect', '--task', 'push', '--policy', 'random', '--episodes', '3', ...flags),
  );
  assert.equal(random['episodes'], 3);

  const listed = json(await quick('episodes', '--kind', 'demonstration', ...flags));
  assert.equal(listed['total'], 6);
  assert.equal((json(await quick('runs', ...flags))['runs'] as unknown[]).length, 7);
  const verified = json(await quick('verify', '--all', ...flags));
  assert.equal(verified['drifted'], 0);
  assert.ok((verified['episodes'] as number) >= 30);
  assert.equal(json(await quick('doctor', ...flags))['ok'], true);
});

test('tasks, rewards, algorithms and recipes list every field with default, range and unit', async () => {
  const { tasks } = json(lab('tasks', '--json')) as {
    tasks: Catalog['tasks'];
  };
  assert.deepEqual(
    tasks.map((task) => task.id),
    Object.keys(registered),
  );
  for (const task of tasks) {
    assert.equal(task.stateBytes, 8 * task.stateDim);
    assert.ok(Math.abs(task.physicsDt * task.substeps - task.controlDt) < 1e-12);
    assert.ok(task.views.includes('front'));
  }
  const reach = tasks.find(({ id }) => id === 'reach')!;
  assert.equal(reach.goals?.length, 3);
  assert.equal(tasks.find(({ id }) => id === 'cartpole')?.gymnasium, 'CartPole-v1');
  for (const task of tasks) for (const field of Object.values(task.fields)) assert.ok(field.help.length > 0);
  assert.match((await quick('algorithms')).out, /learningRate\s+[\d.e-]+\s+.*\.\./);
  assert.match((await quick('rewards')).out, /sarm - /);
  assert.match((await quick('recipes')).out, /push-progress - /);
});

test('wrong usage exits with 2 and names what was found and what was wanted', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  openStore(project).close();
  const cases: [string[], RegExp][] = [
    [['train', 'push-progres'], /unknown recipe "push-progres"; did you mean "push-progress"/],
    [['train', '/nowhere/x.yaml'], /no such file/],
    [['train'], /wanted a recipe, or --task/],
    [['train', '--task', 'psuh'], /did you mean "push"/],
    [['train', '--task', 'push', '--reward', 'sram'], /did you mean "sarm"/],
    [['train', 'push-progress', '--set', 'gamma=2'], /gamma: found 2, wanted a number from/],
    [['train', 'push-progress', '--set', 'gama=0.9'], /did you mean "gamma"/],
    [['collect', '--task', 'push', '--policy', 'exprt'], /wanted expert, random, run:<id>.* or the id/],
    [['collect', '--task', 'push', '--policy', 'run:4'], /there is no run 4/],
    [['train', 'push-progress', '--threads', '0'], /--threads.*wanted a whole number from 1 to 256/],
    [['claim', 'nosuch', '--threads', '256'], /found "nosuch", wanted one of sarm/],
    [['collect', '--task', 'push', '--set', 'task.horizon=0'], /horizon: found 0, wanted a whole number/],
    [['collect', '--task', 'push', '--policy', '7'], /there is no checkpoint 7/],
    [['collect', '--task', 'push', '--episodes', '0'], /whole number from 1/],
    [['collect', '--task', 'push', '--noise', 'x'], /number from 0 to 1/],
    [['collect', '--task', 'push', '--seed', '-1'], /whole number from 0/],
    [['fit', '--from', '1'], /there is no run 1/],
    [['resume', '4'], /there is no run 4/],
    [['evaluate', '4'], /there is no run 4/],
    [['verify'], /one episode id, or --all/],
    [['verify', '3'], /there is no episode 3/],
    [['episodes', '--run', '3'], /there is no run 3/],
    [['train', 'push-progress', '--task', 'reach'], /the recipe push-progress and --task/],
    [['train', 'push-progress', '--set', 'worlds=Infinity'], /found Infinity, wanted a whole number/],
    [['runs', '--set', 'gamma=0.9'], /found --set gamma=0\.9, there is nothing to set here/],
    [['resume', '1', '--seed', '3'], /a run keeps the seed it was started with/],
    [['runs', '--project', ''], /wanted a folder/],
    [['train', 'push-progress', '--device', 'abacus'], /Allowed choices are auto/],
    [['dance'], /unknown command 'dance'/],
  ];
  for (const [i, [args, wanted]] of cases.entries()) {
    const line = [...(args.includes('--project') ? [] : ['--project', project]), ...args];
    // The exit code of the process is the same number: once in each of the three ways to be wrong.
    const isOwnProcess = [0, 5, cases.length - 1].includes(i);
    const result = isOwnProcess ? lab(...line) : await quick(...line);
    assert.equal(result.code, 2, `${args.join(' ')}: ${result.err}`);
    assert.match(result.err, wanted, args.join(' '));
    assert.doesNotMatch(result.err, /\n\s+at /, 'no stack trace');
  }
});

test('a verb that needs a project makes none', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const verbs = ['runs', 'episodes', 'resume 1', 'evaluate 1', 'fit --from 1', 'verify --all'];
  for (const verb of [...verbs, 'collect --task push --policy run:1', 'train push-progress --set gamma=2']) {
    const result = await quick(...verb.split(' '), '--project', project, '--json');
    assert.equal(result.code, 2, `${verb}: ${result.err}`);
    assert.match(String(json(result)['error']), /no project yet|gamma/, verb);
    assert.equal(existsSync(project), false, verb);
  }
});

test('common flags may stand before the verb', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  openStore(project).close();
  assert.deepEqual(json(await quick('--json', '--project', project, 'runs')), { runs: [] });
});

test('a reader that has had enough, and a closed terminal, are no error', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  openStore(project).close();
  for (const args of [['algorithms', '--json'], ['rewards'], ['runs', '--project', project]]) {
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (chunk) => {
      err += String(chunk);
    });
    assert.equal(await new Promise((resolve) => child.on('close', resolve)), 0, err);
    assert.doesNotMatch(err, /EPIPE|\n\s+at /);
  }
});

test('with --json a run that failed, and a verb that is missing, are one JSON object too', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  openStore(project).close();
  const collected = json(
    await quick('collect', '--task', 'reach', '--episodes', '2', '--json', '--project', project),
  );
  const db = new Database(join(project, 'lab.db'));
  db.exec(`UPDATE runs SET config = json_set(config, '$.taskVersion', 99)`);
  db.close();
  const result = lab('fit', '--from', String(collected['run']), '--json', '--project', project);
  assert.equal(result.code, 1);
  const failed = json(result);
  assert.equal(failed['status'], 'failed');
  assert.match(String(failed['error']), /recorded with reach version 99/);
  assert.match(
    (await quick('runs', '--project', project)).out,
    /run 2 failed: .*\n.*lab resume <run or group> \(2\)/,
  );
  assert.match(String(json(await quick('--json'))['error']), /wanted a verb/);
});

test('with --json a failure is one JSON object too', async (t) => {
  const result = await quick('train', '--task', 'psuh', '--json', '--project', temporaryFolder(t));
  assert.equal(result.code, 2);
  assert.match(String(json(result)['error']), /psuh/);
});

test('a project that is no folder, a foreign database and a corrupted one are refused untouched', async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'file');
  writeFileSync(file, 'not a folder');
  const onFile = await quick(
    'collect',
    '--task',
    'reach',
    '--episodes',
    '1',
    '--project',
    join(file, 'project'),
  );
  assert.equal(onFile.code, 1);
  assert.doesNotMatch(onFile.err, /\n\s+at /);

  const contents = {
    text: Buffer.from('hello, this is a text file, not a database'),
    cut: Buffer.alloc(4096),
  };
  contents.cut.write('SQLite format 3\0');
  for (const [name, bytes] of Object.entries(contents)) {
    const project = join(folder, name);
    mkdirSync(project);
    writeFileSync(join(project, 'lab.db'), bytes);
    const before = createHash('sha256')
      .update(readFileSync(join(project, 'lab.db')))
      .digest('hex');
    const result = await quick('collect', '--task', 'reach', '--episodes', '1', '--project', project);
    assert.equal(result.code, 1, name);
    assert.match(result.err, /lab\.db/);
    assert.doesNotMatch(result.err, /\n\s+at /);
    assert.equal(
      createHash('sha256')
        .update(readFileSync(join(project, 'lab.db')))
        .digest('hex'),
      before,
    );
    assert.ok(!readdirSync(project).some((entry) => entry.endsWith('-wal')), 'nothing was left beside it');
  }
});

test('Ctrl-C saves the run; a second process is told who has the project; resume finishes it', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const flags = ['--project', project, '--device', 'kernel'];
  const child = spawn(
    process.execPath,
    [
      cli,
      'train',
      '--task',
      'reach',
      '--reward',
      'sparse',
      '--set',
      'steps=60000',
      '--set',
      'evaluationEpisodes=5',
      '--json',
      ...flags,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let err = '';
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    err += String(chunk);
  });
  const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
  // Until the first episodes are stored, seen by a reader beside it.
  const stored = (): number => {
    try {
      const reader = new Lab({ project, mode: 'read' });
      const episodes = reader.runs()[0]?.episodes ?? 0;
      void reader.close();
      return episodes;
    } catch {
      return 0;
    }
  };
  while (child.exitCode === null && stored() === 0) await new Promise((r) => setTimeout(r, 50));
  await new Promise((r) => setTimeout(r, 50));
  assert.equal(child.exitCode, null, err);

  const second = await quick('collect', '--task', 'reach', '--episodes', '1', '--project', project);
  assert.equal(second.code, 1);
  assert.match(second.err, new RegExp(String(child.pid)), 'the message names the process that has it open');
  // Reading beside it works, verifying too.
  const seen = await quick('verify', '1', '--json', '--project', project);
  assert.equal(seen.code, 0, seen.err);
  assert.match(seen.err, /opened for reading/);
  assert.equal((json(await quick('runs', '--json', '--project', project))['runs'] as unknown[]).length, 1);

  child.kill('SIGINT');
  assert.equal(await exited, 130, err);
  assert.equal(json({ out })['status'], 'paused');
  assert.match(err, /go on with: lab resume 1/);
  const [run] = json(await quick('runs', '--json', '--project', project))['runs'] as { status: string }[];
  assert.equal(run?.status, 'paused');
  const resumed = await quick('resume', '1', '--json', ...flags);
  assert.equal(resumed.code, 0, resumed.err);
  assert.equal(json(resumed)['episodes'], 5);
  assert.equal(existsSync(join(project, 'lab.db')), true);
});
