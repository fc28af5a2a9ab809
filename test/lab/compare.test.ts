/** Comparisons on a real database whose episodes were written by hand, so that every number is known. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Recipe } from '../../lab/api.ts';
import { compare, numbersIn } from '../../lab/compare.ts';
import { resolveExperiment } from '../../lab/experiment.ts';
import type { GroupMark } from '../../lab/groups.ts';
import { episodeSeed } from '../../lab/seeds.ts';
import { openStore } from '../../store/index.ts';
import type { Store } from '../../store/types.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

function storeOf(t: TestContext): Store {
  const store = openStore(temporaryFolder(t));
  t.after(() => store.close());
  return store;
}

interface Written {
  readonly seed?: number;
  readonly recipe?: Partial<Recipe>;
  readonly group?: GroupMark;
  /** One episode each, on the starts 0, 1 ... of every run. */
  readonly success?: readonly boolean[];
  readonly returns?: readonly number[];
  readonly rewardHash?: string;
  readonly startSeed?: number;
  readonly curve?: readonly (readonly [step: number, value: number])[];
}

const sparse = { reward: [{ reward: 'sparse' }] };

function write(store: Store, what: Written = {}): number {
  const {
    seed = 0,
    recipe = {},
    group,
    success = [true],
    startSeed = 0,
    curve = [],
    rewardHash = 'aa',
  } = what;
  const experiment = resolveExperiment(tinyRecipe({ ...sparse, ...recipe }));
  const id = store.runs.create({
    kind: 'train',
    name: experiment.name,
    task: experiment.task,
    algorithm: experiment.algorithm,
    seed,
    status: 'done',
    rewardHash,
    config: { ...experiment, ...(group === undefined ? {} : { group }) },
    versions: { node: '24' },
  });
  store.transaction(() => {
    for (const [i, won] of success.entries()) {
      store.episodes.add({
        runId: id,
        task: experiment.task,
        kind: 'evaluation',
        seed: episodeSeed('evaluation', startSeed, i),
        trainedSteps: 4096,
        length: 5,
        ending: 'truncated',
        success: won,
        finalProgress: won ? 1 : 0.5,
        returnTotal: what.returns?.[i] ?? (won ? 10 : 0),
        returns: {},
        rewardHash,
        checksum: '0',
        columns: [],
      });
    }
  });
  for (const [step, value] of curve) store.metrics.add(id, step, { 'evaluation/success': value });
  return id;
}

/** `won` of `all` episodes succeeded, the first ones. */
const share = (won: number, all = 100): boolean[] => Array.from({ length: all }, (_, i) => i < won);

test('two runs are paired start by start; one seed each says nothing of the methods', (t) => {
  const store = storeOf(t);
  // On 20 starts only the second succeeded, on 2 only the first.
  const a = write(store, { success: share(60) });
  const b = write(store, {
    success: Array.from({ length: 100 }, (_, i) => (i < 60 ? i >= 2 : i < 80)),
    recipe: { algorithmSettings: { ...tinyRecipe().algorithmSettings, gamma: 0.9 } },
  });
  const found = compare(store, [String(a), String(b)], 'success');
  const [policies, methods] = found.differences;
  assert.deepEqual(policies!.pairs, { wins: 20, losses: 2, ties: 78 });
  assert.ok(Math.abs(policies!.difference! - 0.18) < 1e-12);
  // 2 * (1 + 22 + 231) / 2^22
  assert.ok(Math.abs(policies!.p! - 508 / 2 ** 22) < 1e-12);
  assert.equal(policies!.verdict, 'better');
  assert.ok(policies!.interval!.low > 0.08 && policies!.interval!.high < 0.28);
  assert.equal(methods!.verdict, 'not measurable');
  assert.match(methods!.why, /1 and 1 training seed/);
  assert.deepEqual(
    found.runs.map(({ run, episodes, success }) => ({ run, episodes, success })),
    [
      { run: a, episodes: 100, success: 0.6 },
      { run: b, episodes: 100, success: 0.78 },
    ],
  );
  assert.deepEqual(found.configuration, [{ field: 'algorithm.gamma', values: ['0.98', '0.9'] }]);
  assert.match(found.protocol.runs, /100 episodes a run on the same starts, deterministic policy/);
});

test('few starts that tell two policies apart cannot tell', (t) => {
  const store = storeOf(t);
  const [a, b] = [write(store, { success: share(95) }), write(store, { success: share(100) })];
  const [policies] = compare(store, [String(a), String(b)], 'success').differences;
  // 5 to 0: p = 2 / 32, although hardly a bootstrap draw misses all five.
  assert.equal(policies!.p, 1 / 16);
  assert.ok(policies!.interval!.low > 0);
  assert.equal(policies!.verdict, 'cannot tell');
  assert.match(policies!.why, /5 of 100 starts/);
});

const groupOfRuns = (
  store: Store,
  id: string,
  shares: readonly number[],
  recipe: Partial<Recipe> = {},
): void => {
  for (const [seed, won] of shares.entries()) {
    const curve = [
      [0, 0],
      [4096, won / 100],
    ] as const;
    write(store, { seed, success: share(won), group: { id, name: `group ${id}` }, recipe, curve });
  }
};

test('groups are compared over training seeds: IQM, intervals, probability of improvement, curves', (t) => {
  const store = storeOf(t);
  groupOfRuns(store, 'g1', [10, 20, 30, 40, 50]);
  groupOfRuns(store, 'g2', [60, 70, 80, 90, 45]);
  const found = compare(store, ['g1', 'g2'], 'success');
  const [g1, g2] = found.sides;
  // IQM of 5: one cut at either end.
  assert.ok(Math.abs(g1!.iqm! - 0.3) < 1e-12 && Math.abs(g2!.iqm! - 0.7) < 1e-12);
  assert.deepEqual([g1!.seeds, g1!.episodes, g1!.success], [[0, 1, 2, 3, 4], 500, 0.3]);
  assert.ok(Math.abs(g1!.deviation! - Math.sqrt(0.025)) < 1e-12);
  assert.ok(g1!.iqmInterval!.low >= 0.1 && g1!.iqmInterval!.high <= 0.5);
  // Straight from 0 to the end: half the final height.
  assert.ok(Math.abs(g2!.curve!.mean - 0.69 / 2) < 1e-12);
  assert.equal(found.differences.length, 1);
  const [methods] = found.differences;
  // Of 25 pairs only 45 < 50 is lost.
  assert.equal(methods!.improvement!.probability, 24 / 25);
  assert.equal(methods!.verdict, 'better');
  assert.ok(Math.abs(methods!.difference! - 0.4) < 1e-12);
  assert.ok(Math.abs(methods!.curve!.difference - 0.195) < 1e-12);
  const [reversed] = compare(store, ['g2', 'g1'], 'success').differences;
  assert.deepEqual([reversed!.verdict, reversed!.p], ['worse', methods!.p]);
  // The same groups put together by hand, and equal draws each time.
  assert.deepEqual(
    compare(store, ['1..5', '6,7,8,9,10'], 'success').differences[0]!.interval,
    methods!.interval,
  );
});

test('three seeds of each cannot tell, however far apart', (t) => {
  const store = storeOf(t);
  groupOfRuns(store, 'g1', [1, 2, 3]);
  groupOfRuns(store, 'g2', [97, 98, 99]);
  const [methods] = compare(store, ['g1', 'g2'], 'success').differences;
  assert.equal(methods!.p, 2 / 20);
  assert.equal(methods!.verdict, 'cannot tell');
  assert.match(methods!.why, /3 and 3 seeds give p = 0\.10 at best/);
});

test('returns of different rewards and starts of different tasks are not compared', (t) => {
  const store = storeOf(t);
  const a = write(store, { success: share(10, 20), rewardHash: 'aa' });
  const b = write(store, {
    success: share(12, 20),
    recipe: { reward: [{ reward: 'dense' }] },
    rewardHash: 'bb',
  });
  const words = [String(a), String(b)];
  for (const { verdict, why } of compare(store, words, 'return').differences) {
    assert.equal(verdict, 'not measurable');
    assert.match(why, /the rewards differ/);
  }
  assert.equal(compare(store, words, 'success').differences[0]!.verdict, 'cannot tell');
  const c = write(store, { success: share(20, 20), recipe: { taskSettings: { horizon: 31 } } });
  const [policies] = compare(store, [String(a), String(c)], 'success').differences;
  assert.deepEqual([policies!.verdict, policies!.p], ['not measurable', null]);
  assert.match(policies!.why, /settings of the task differ/);
  // The same native reward with another gamma: the plain sums are in one unit.
  const d = write(store, {
    success: share(20, 20),
    rewardHash: 'cc',
    recipe: { algorithmSettings: { ...tinyRecipe().algorithmSettings, gamma: 0.9 } },
  });
  const [returns] = compare(store, [String(a), String(d)], 'return').differences;
  assert.deepEqual([returns!.difference, returns!.verdict], [5, 'better']);
});

test('only starts that every run has count; runs without an evaluation are named', (t) => {
  const store = storeOf(t);
  const a = write(store, { success: share(10, 30) });
  const b = write(store, { success: share(10, 20) });
  const empty = write(store, { success: [] });
  const found = compare(store, [`${a},${empty}`, String(b)], 'success');
  assert.deepEqual(
    found.runs.map(({ run, episodes }) => [run, episodes]),
    [
      [a, 20],
      [b, 20],
    ],
  );
  assert.match(found.notes.join('\n'), /20 starts are common to all runs, of up to 30/);
  assert.match(found.notes.join('\n'), new RegExp(`run ${empty} is left out`));
});

test('what cannot be compared is refused by name', (t) => {
  const store = storeOf(t);
  write(store);
  write(store, { startSeed: 5 });
  write(store, { recipe: { task: 'push' } });
  write(store, { success: [] });
  const cases: [string[], RegExp][] = [
    [['1'], /found 1, wanted at least two/],
    [['1', '1'], /run 1 is there twice/],
    [['1', 'g7'], /there is no group g7 in this project; it has none/],
    [['1', 'nine'], /found "nine", wanted a run/],
    [['1', '9'], /there is no run 9/],
    [['1', '2'], /evaluated on different starts/],
    [['1', '3'], /found runs of reach and push/],
    [['1', '4'], /4 has no evaluation yet/],
  ];
  for (const [words, wanted] of cases) assert.throws(() => compare(store, words, 'success'), wanted);
});

test('numbers are read one by one and as ranges', () => {
  assert.deepEqual(numbersIn('3'), [3]);
  assert.deepEqual(numbersIn('1, 4..6'), [1, 4, 5, 6]);
  for (const bad of ['', '1,', '6..4', 'g1', '1..5000', '-1', '1.5']) assert.equal(numbersIn(bad), null, bad);
});
