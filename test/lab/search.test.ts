/** Successive halving: what is drawn, and a real search that is killed and goes on. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';
import { openCheckpoint } from '../../lab/checkpoint.ts';
import { parseRecipe, resolveExperiment } from '../../lab/experiment.ts';
import type { SearchDefinition } from '../../lab/groups.ts';
import { Lab } from '../../lab/lab.ts';
import { beginSearch, planOf, runSearch, type SearchResult, trialsOf } from '../../lab/search.ts';
import { episodeSeed } from '../../lab/seeds.ts';
import { parseSpace } from '../../lab/space.ts';
import { lab as commandLine } from '../support/lab.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const recipe = tinyRecipe({ reward: [{ reward: 'dense' }] });

const definitionOf = (changes: Partial<SearchDefinition> = {}): SearchDefinition => ({
  recipe,
  space:
    'learningRate=1e-4..1e-2:log, algorithm.epochs=1..4, algorithm.minibatch=64|128, weight.dense=0.5..2',
  trials: 9,
  eta: 3,
  minSteps: 512,
  maxSteps: null,
  seeds: [1000],
  seed: 0,
  episodes: 6,
  score: 'success',
  ...changes,
});

test('each rung has one in eta of the trials and eta times the steps', () => {
  const plan = (changes: Partial<SearchDefinition>) =>
    planOf(definitionOf(changes)).map(({ trials, until }) => `${trials}@${until}`);
  assert.deepEqual(plan({ trials: 16, minSteps: 20_000 }), ['16@20000', '5@60000', '1@180000']);
  assert.deepEqual(plan({ trials: 8, eta: 2, minSteps: 10 }), ['8@10', '4@20', '2@40', '1@80']);
  assert.deepEqual(plan({ trials: 27, minSteps: 10, maxSteps: 50 }), ['27@10', '9@30', '3@50']);
  assert.throws(() => plan({ trials: 2 }), /are one rung; wanted at least eta trials/);
  assert.throws(() => plan({ minSteps: 10, maxSteps: 10 }), /are one rung/);
});

test('a space is read into ranges and lists, and every mistake is named', () => {
  assert.deepEqual(parseSpace(definitionOf().space, recipe), [
    { name: 'algorithm.learningRate', kind: 'range', low: 1e-4, high: 1e-2, log: true, integer: false },
    { name: 'algorithm.epochs', kind: 'range', low: 1, high: 4, log: false, integer: true },
    { name: 'algorithm.minibatch', kind: 'list', options: ['64', '128'] },
    { name: 'weight.dense', kind: 'range', low: 0.5, high: 2, log: false, integer: false },
  ]);
  const cases: [string, RegExp][] = [
    ['', /found "", wanted name=low\.\.high/],
    ['gamma', /found "gamma", wanted name/],
    ['gama=0.9..0.99', /unknown field "gama"; did you mean "gamma"/],
    ['gamma=0.9..2', /gamma: found 2, wanted a number from/],
    ['gamma=0.99..0.9', /wanted the lower number first/],
    ['gamma=0.9..0.99:cubic', /found the scale "cubic"/],
    ['entropyCoef=0..0.1:log', /wanted numbers above 0/],
    ['epochs=1.5..4', /epochs: found 1\.5, wanted a whole number/],
    ['minibatch=64', /found "64", wanted name/],
    ['normalizeObservations=0..1', /has no range; list its options/],
    ['steps=1000..2000', /the rungs decide over the steps/],
    ['task.horizon=10..20', /a search changes algorithm, dense, weight/],
    ['gamma=0.9..0.99, algorithm.gamma=0.8|0.9', /is there twice/],
  ];
  for (const [space, wanted] of cases) assert.throws(() => parseSpace(space, recipe), wanted, space);
});

test('trials are drawn from the seed alone, inside the space, and spread over it', () => {
  const trials = trialsOf(definitionOf({ trials: 80, minSteps: 10 }));
  assert.deepEqual(trials[0]!.sets, [], 'the recipe itself is the first');
  assert.deepEqual(
    trialsOf(definitionOf({ trials: 20, minSteps: 10 })).map(({ sets }) => sets),
    trials.slice(0, 20).map(({ sets }) => sets),
    'more trials change no earlier one',
  );
  assert.notDeepEqual(trialsOf(definitionOf({ seed: 1 }))[1]!.sets, trials[1]!.sets);
  const of = (name: string): number[] =>
    trials.slice(1).map(({ experiment }) => experiment.algorithmSettings[name] as number);
  const rates = of('learningRate');
  assert.ok(rates.every((rate) => rate >= 1e-4 && rate <= 1e-2));
  // Uniform in the logarithm: half of 79 below the geometric middle, standard deviation 4.4.
  const below = rates.filter((rate) => rate < 1e-3).length;
  assert.ok(below > 21 && below < 58, `${below} of 79 below 0.001`);
  for (const epochs of [1, 2, 3, 4]) {
    const count = of('epochs').filter((value) => value === epochs).length;
    assert.ok(count > 4 && count < 36, `${count} of 79 with ${epochs} epochs`);
  }
  assert.deepEqual([...new Set(of('minibatch'))].sort(), [128, 64]);
  assert.equal(new Set(of('steps')).size, 1, 'every trial has the schedule of the last rung');
});

test('settings that cannot work together are drawn again; a space without more says so', () => {
  // 8 worlds x 64 steps: a minibatch of 1024 is refused by PPO.
  const drawn = trialsOf(definitionOf({ space: 'minibatch=64|1024, gamma=0.9..0.99', trials: 12 }));
  assert.ok(drawn.every(({ experiment }) => experiment.algorithmSettings['minibatch'] !== 1024));
  assert.throws(
    () => trialsOf(definitionOf({ space: 'minibatch=64|256' })),
    /found no further configuration that can run; wanted fewer --trials or a wider space/,
  );
  assert.throws(() => trialsOf(definitionOf({ score: 'return' })), /weight\.dense changes the reward/);
});

test('starts of a search are nobody else’s', () => {
  const starts = (purpose: 'search' | 'evaluation' | 'shortEvaluation'): number[] =>
    Array.from({ length: 2000 }, (_, i) => episodeSeed(purpose, 0, i));
  const reported = new Set([...starts('evaluation'), ...starts('shortEvaluation')]);
  assert.ok(starts('search').every((seed) => !reported.has(seed)));
});

const quick = definitionOf({
  space: 'learningRate=1e-4..1e-2:log, epochs=1..3',
  trials: 3,
  score: 'return',
  episodes: 4,
});

/** What of a result does not depend on the run's ids. */
const shape = ({ trials, best }: SearchResult) => ({
  trials: trials.map(({ runs: _runs, ...trial }) => trial),
  best: best?.trial,
});

/** The whole search without an interruption. */
let whole: SearchResult;

test('a promoted trial goes on as if it had never stopped; the best recipe is written down', async (t) => {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  const { id } = beginSearch(lab, quick);
  const result = await runSearch(lab, id);
  whole = result;
  assert.equal(result.status, 'done', JSON.stringify(result.trials));
  // 3 to 512 steps, 1 to 1536.
  assert.deepEqual(
    result.trials.map(({ rung, outcome }) => [rung, outcome]),
    [
      [1, 'best'],
      [0, 'dropped'],
      [0, 'dropped'],
    ],
  );
  const [winner, ...dropped] = result.trials;
  assert.ok(dropped[0]!.return! >= dropped[1]!.return!);
  assert.equal(winner!.trial, result.best!.trial);
  const [run] = winner!.runs;
  const states = (of: number) => {
    const { step, bytes } = lab.store.checkpoints.latest(of)!;
    return { step, learner: openCheckpoint(bytes).learner };
  };
  assert.equal(states(run!).step, 1536);
  assert.equal(lab.store.episodes.list({ runId: run! }).total, 0, 'nothing is stored as an evaluation');

  // The same configuration trained in one go comes to the same weights, to the bit.
  const { experiment } = trialsOf(quick)[winner!.trial]!;
  const [straight] = lab.prepare([{ experiment, seed: 1000, marks: {} }]);
  lab.advance(straight!, { index: 0, until: 1536, starts: [1] });
  await lab.finished(straight!);
  assert.deepEqual(states(run!), states(straight!));

  const best = resolveExperiment(parseRecipe(stringify(result.best!.recipe), 'best'));
  assert.equal(best.algorithmSettings['steps'], 1536);
  for (const set of winner!.sets) {
    const [name, value] = set.slice('algorithm.'.length).split('=');
    assert.equal(String(best.algorithmSettings[name!]), value);
  }
  assert.equal(best.experiment['record'], 'all', 'what is only of the search stays out of its recipe');

  // At its end it is only read; a trial is resumed by its search alone.
  assert.deepEqual(await runSearch(lab, id), result);
  assert.deepEqual(beginSearch(lab, quick), { id, begun: false });
  lab.store.runs.update(run!, { status: 'crashed' });
  assert.throws(() => lab.resume(run!), /is a trial of search s1; go on with: lab resume s1/);
});

test('a trial that failed is out; equal trials are said to be equal; seeds of a trial are averaged', async (t) => {
  const lab = new Lab({ project: temporaryFolder(t) });
  t.after(() => lab.close());
  const { id } = beginSearch(lab, { ...quick, seeds: [1000, 1001], score: 'success' });
  // Trials 0, 1 and 2 have the runs 1 2, 3 4 and 5 6. Everything is scored already, so nothing is trained.
  const score = (run: number, rung: number, success: number, progress: number): void =>
    lab.store.metrics.add(run, 512 * 3 ** rung, {
      'search/rung': rung,
      'search/success': success,
      'search/return': 0,
      'search/progress': progress,
    });
  score(1, 0, 0.5, 0.5);
  score(2, 0, 0.25, 0.75);
  score(3, 0, 1, 1);
  lab.store.runs.update(4, { status: 'failed', error: 'loss/policy is NaN' });
  score(5, 0, 0.375, 0.75);
  score(6, 0, 0.375, 0.5);
  score(1, 1, 0.5, 1);
  score(2, 1, 1, 1);
  const { status, trials, best, notes } = await runSearch(lab, id);
  assert.equal(status, 'done');
  assert.deepEqual(
    trials.map(({ trial, rung, success, progress, outcome, error }) => [
      trial,
      rung,
      success,
      progress,
      outcome,
      error,
    ]),
    [
      [0, 1, 0.75, 1, 'best', null],
      [2, 0, 0.375, 0.625, 'dropped', null],
      [1, null, null, null, 'failed', 'loss/policy is NaN'],
    ],
  );
  assert.equal(best!.trial, 0);
  assert.match(notes.join(), /rung 0: trials 0 and 2 cannot be told apart; the first one went on/);
});

test('a search without a winner tries what failed once more, and is paused with its runs', async (t) => {
  const lab = new Lab({ project: temporaryFolder(t) });
  t.after(() => lab.close());
  const { id } = beginSearch(lab, quick);
  for (const run of [1, 2, 3]) {
    lab.store.metrics.add(run, 512, {
      'search/rung': 0,
      'search/success': 0,
      'search/return': -run,
      'search/progress': 0,
    });
  }
  lab.store.runs.update(1, { status: 'failed', error: 'disk full' });
  const tried: [number, readonly number[]][] = [];
  const result = await runSearch(lab, id, {
    onRung: async (rung, runs) => {
      tried.push([rung, runs]);
      for (const run of runs) lab.stop(run);
    },
  });
  assert.deepEqual(tried, [[1, [1]]]);
  assert.deepEqual([result.status, result.best], ['paused', null]);
  assert.equal(result.trials[0]!.outcome, 'open');
});

test('a search that is killed goes on where it was, and comes to the same end', {
  timeout: 120_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  const project = join(folder, 'project');
  const file = join(folder, 'recipe.yaml');
  const saved = join(folder, 'best.yaml');
  writeFileSync(file, stringify(recipe));
  const cli = fileURLToPath(new URL('../../lab/cli.ts', import.meta.url));
  const settings = ['--space', quick.space, '--trials', '3', '--min-steps', '512', '--episodes', '4'];
  const flags = ['--score', 'return', '--device', 'kernel', '--json', '--save', saved, '--project', project];
  const args = ['search', file, ...settings, ...flags];

  // Killed as soon as one trial is scored, while the others are under way or wait.
  const child = spawn(process.execPath, [cli, ...args], { stdio: 'ignore' });
  const ended = new Promise((resolve) => child.on('close', resolve));
  while (scored(project) === 0) await new Promise((resolve) => setTimeout(resolve, 30));
  child.kill('SIGKILL');
  await ended;
  const before = scored(project);
  assert.ok(before < 4, `${before} scores before it was killed`);

  const again = await commandLine(...args);
  assert.equal(again.status, 0, again.stdout + again.stderr);
  assert.match(again.stderr, /Search s1 was asked for the same: going on with it/);
  assert.deepEqual(shape(JSON.parse(again.stdout) as SearchResult), shape(whole));
  assert.equal((parse(readFileSync(saved, 'utf8')) as { name: string }).name, 'tiny-tuned');
  assert.equal(scored(project), 4);
});

/** Scores that are in the database, read beside whoever writes it. */
function scored(project: string): number {
  if (!existsSync(join(project, 'lab.db'))) return 0;
  const lab = new Lab({ project, mode: 'read' });
  try {
    return lab.runs().reduce((sum, { id }) => {
      const rungs = lab.store.metrics.series(id, { names: ['search/rung'] }).values.get('search/rung')!;
      return sum + rungs.filter((rung) => !Number.isNaN(rung)).length;
    }, 0);
  } finally {
    void lab.close();
  }
}
