import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createRouterClient } from '@orpc/server';
import type { RewardEvaluationInfo } from '../../lab/api.ts';
import { compare } from '../../lab/compare.ts';
import { keepWhole, keptEvaluation, keptTasks } from '../../lab/kept-evaluations.ts';
import { Lab } from '../../lab/lab.ts';
import { unpack } from '../../lab/pack.ts';
import type { RewardEvaluation } from '../../lab/reward-evaluation.ts';
import { createRouter } from '../../lab/router.ts';
import { flatConfig } from '../../lab/run-configs.ts';
import { interquartileMean } from '../../lab/statistics.ts';
import { twoGroups } from '../support/groups.ts';
import { temporaryFolder } from '../support/project.ts';

const opened = unpack;

function project(
  t: TestContext,
  mode: 'write' | 'read' = 'write',
  folder = join(temporaryFolder(t), 'project'),
) {
  const lab = new Lab({ project: folder, device: 'kernel', mode });
  t.after(() => lab.close());
  return { lab, folder, client: createRouterClient(createRouter(lab)) };
}

test('two groups of three seeds: marks, configurations, curves, comparison, parting, pin', {
  timeout: 120_000,
}, async (t) => {
  const { lab, folder, client } = project(t);
  const [fast, slow] = await twoGroups(lab);
  const { runs } = client;

  await t.test(
    'tags and notes are written for all runs or none, and every window hears of them',
    async () => {
      const marked = await runs.mark({
        marks: [
          { id: fast[0]!, tags: ['good', 'best seed'], note: 'keep this one' },
          { id: fast[1]!, tags: ['good'] },
        ],
      });
      assert.deepEqual(marked[0], { id: fast[0], tags: ['best seed', 'good'], note: 'keep this one' });
      const one = (await runs.list()).find(({ id }) => id === fast[0])!;
      assert.deepEqual([one.tags, one.note], [['best seed', 'good'], 'keep this one']);
      const fitting = async (filter: string): Promise<number[]> => (await runs.filter({ filter })).ids.sort();
      assert.deepEqual(await fitting('tag:good'), [fast[0], fast[1]].sort());
      assert.deepEqual(await fitting('"best seed"'), [fast[0]]);
      assert.deepEqual(await fitting(`kind:train seed:0 -id:${fast[0]}`), [slow[0]]);
      assert.deepEqual(await fitting('algorithmSettings.worlds:>100000'), []);
      assert.equal((await fitting('rollout/reward:>-1000 status:done')).length, 6);
      await assert.rejects(fitting('tagg:good'), /there is no field "tagg"; did you mean tag\?/);
      const { events } = await lab.events.since(0, 0);
      assert.ok(events.some((e) => e.type === 'run' && e.run.id === fast[1] && e.run.tags[0] === 'good'));
      await assert.rejects(
        runs.mark({
          marks: [
            { id: fast[2]!, tags: ['lost'] },
            { id: 99, note: 'x' },
          ],
        }),
        /There is no run 99/,
      );
      assert.deepEqual(lab.run(fast[2]!).tags, []);
      await assert.rejects(runs.mark({ marks: [{ id: fast[2]!, tags: ['a,b'] }] }));
    },
  );

  await t.test(
    'configurations are flat, and metrics come with their newest, lowest and highest value',
    async () => {
      const { runs: details, names } = await runs.configs({
        ids: [fast[0]!, slow[0]!],
        metrics: ['rollout/return', 'nothing'],
      });
      assert.deepEqual(
        details.map(({ config }) => config['algorithmSettings.learningRate']),
        [3e-3, 1e-5],
      );
      assert.equal(details[0]!.config['reward.0 (dense).weight'], 1);
      assert.ok(names.includes('rollout/return') && names.includes('time/all'));
      const series = lab.store.metrics
        .series(fast[0]!, { names: ['rollout/return'] })
        .values.get('rollout/return')!;
      const known = series.filter(Number.isFinite);
      assert.deepEqual(details[0]!.metrics, {
        'rollout/return': { last: known.at(-1), lowest: Math.min(...known), highest: Math.max(...known) },
      });
      assert.equal((await runs.configs({})).runs.length, lab.store.runs.list().length);
    },
  );

  await t.test('a comparison of the api is that of lab/compare', async () => {
    const said = await runs.compare({ sides: ['g1', 'g2'], metric: 'progress' });
    const { sides, differences } = compare(lab.store, ['g1', 'g2'], 'progress');
    assert.deepEqual(said.sides[1]!.iqmInterval, sides[1]!.iqmInterval);
    assert.deepEqual(said.differences[0]!.improvement, differences[0]!.improvement);
    await assert.rejects(runs.compare({ sides: ['g1', 'g9'] }), /there is no group g9/);
    await assert.rejects(runs.compare({ sides: ['g1', 'all'] }));
  });

  await t.test(
    'curves of groups are interquartile means over their runs, paired by training seed',
    async () => {
      const groups = [
        { key: 'g1', runs: fast },
        { key: 'g2', runs: slow },
      ];
      const found = await runs.curves({ groups, metric: 'rollout/return', points: 20, baseline: 'g2' });
      const data = await opened(found.data);
      const [first, second] = found.groups;
      assert.deepEqual(
        first!.runs.map(({ seed }) => seed),
        [0, 1, 2],
      );
      const at = (name: string): Float64Array => data[name] as Float64Array;
      for (let p = 0; p < 20; p++) {
        const values = fast.map((id) => at(`0/run/${id}`)[p]!);
        assert.ok(Math.abs(at('0/middle')[p]! - interquartileMean(values)) < 1e-12);
        assert.ok(at('0/low')[p]! <= at('0/middle')[p]! && at('0/middle')[p]! <= at('0/high')[p]!);
      }
      assert.equal(second!.against, null);
      assert.equal(first!.against!.kind, 'paired');
      assert.deepEqual(first!.against!.seeds, [0, 1, 2]);
      const ends = fast.map((id, i) => at(`0/run/${id}`).at(-1)! - at(`1/run/${slow[i]}`).at(-1)!);
      assert.ok(Math.abs(first!.against!.difference - interquartileMean(ends)) < 1e-12);
      assert.equal(at('0/difference/middle').length, 20);
      assert.ok(first!.against!.improvement!.probability >= 0);

      const timed = await runs.curves({ groups, metric: 'rollout/return', x: 'seconds', points: 5 });
      assert.ok(timed.groups[0]!.range!.to > 0 && timed.groups[0]!.range!.to < 60, 'seconds of training');
      assert.equal(timed.groups[0]!.against, null);
      const nothing = await runs.curves({ groups, metric: 'loss/nothing' });
      assert.match(nothing.groups[0]!.why!, /none of its runs/);
      assert.match(nothing.groups[0]!.left[0]!.why, /fewer than two points of loss\/nothing/);
      await assert.rejects(runs.curves({ groups, metric: 'x', baseline: 'g3' }), /wanted one of g1, g2/);
      await assert.rejects(
        runs.curves({ groups: [{ key: 'a', runs: [1, 1] }], metric: 'x' }),
        /run 1 is there twice in a/,
      );
    },
  );

  await t.test(
    'truth stands beside the proxy, with the place where they part or that they do not',
    async () => {
      const found = await runs.truth({
        runs: fast,
        truth: 'rollout/progress',
        proxy: 'rollout/return',
        points: 10,
      });
      assert.notEqual(found.parting.kind, undefined);
      const data = await opened(found.data);
      assert.deepEqual(
        Object.values(data).map(({ length }) => length),
        Array.from({ length: 7 }, () => 10),
      );
      const one = await runs.truth({ runs: [fast[0]!], truth: 'rollout/progress', proxy: 'rollout/return' });
      assert.equal(one.parting.kind, 'not measurable');
    },
  );

  await t.test(
    'one run or group of the project is pinned as the baseline, and forgotten when asked',
    async () => {
      assert.deepEqual(await runs.pinned(), { side: null });
      await runs.pin({ side: 'g2' });
      assert.deepEqual(await runs.pinned(), { side: 'g2' });
      await assert.rejects(runs.pin({ side: 'g7' }), /There is no group g7/);
      await assert.rejects(runs.pin({ side: '77' }), /There is no run 77/);
      assert.deepEqual(await runs.pin({ side: null }), { side: null });
      await runs.pin({ side: 'g2' });
    },
  );

  await t.test('a read-only project shows all of it and refuses to write', async () => {
    const reader = project(t, 'read', folder);
    assert.deepEqual(await reader.client.runs.pinned(), { side: 'g2' });
    assert.equal(reader.lab.run(fast[0]!).note, 'keep this one');
    await assert.rejects(reader.client.runs.pin({ side: null }), /read/);
    await assert.rejects(reader.client.runs.mark({ marks: [{ id: fast[0]!, note: '' }] }), /read/);
  });
});

test('a configuration is flat: lines of the reward stack by place and reward, without names and groups', () => {
  assert.deepEqual(
    flatConfig({
      config: {
        name: 'x',
        title: 'X',
        group: { id: 'g1', name: 'x' },
        task: 'push',
        algorithmSettings: { gamma: 0.99, sizes: [1, 2] },
        reward: [{ reward: 'sparse', weight: 1, model: null, settings: { a: true } }],
      },
      versions: { engine: '3' },
      device: 'kernel',
    }),
    {
      task: 'push',
      'algorithmSettings.gamma': 0.99,
      'algorithmSettings.sizes': '[1,2]',
      'reward.0 (sparse).weight': 1,
      'reward.0 (sparse).model': null,
      'reward.0 (sparse).settings.a': true,
      'versions.engine': '3',
      device: 'kernel',
    },
  );
});

test('the last evaluation of a task is kept whole and comes back after the lab was closed', async (t) => {
  const folder = join(temporaryFolder(t), 'project');
  const first = new Lab({ project: folder });
  const ask = { task: 'reach', models: 'waypoints', episodes: 3, demonstrations: 6, failures: 3 };
  const evaluation = await createRouterClient(createRouter(first)).models.evaluate(ask);
  await first.close();
  const { client } = project(t, 'write', folder);
  const kept = (await client.models.lastEvaluation({ task: 'reach' }))!;
  assert.deepEqual(kept.evaluation, evaluation);
  assert.ok(Math.abs(kept.at - Date.now()) < 60_000);
  assert.deepEqual(
    (await client.models.evaluated()).map(({ task }) => task),
    ['reach'],
  );
  assert.equal(await client.models.lastEvaluation({ task: 'push' }), null);
  assert.equal(await client.models.lastEvaluation({ task: '../../x' }), null);

  const huge = { ...evaluation, protocol: 'x'.repeat(8_000_001) } as unknown as RewardEvaluation;
  assert.throws(() => keepWhole(folder, huge), /at most 8000000 are kept/);
  const file = join(folder, 'evaluations', 'task-reach.json');
  assert.equal(
    (JSON.parse(readFileSync(file, 'utf8')) as { evaluation: RewardEvaluationInfo }).evaluation.seed,
    0,
  );
  writeFileSync(file, '{');
  assert.throws(
    () => keptEvaluation(folder, 'reach'),
    /task-reach\.json: the last evaluation on reach cannot be read/,
  );
  assert.deepEqual(keptTasks(join(folder, 'nowhere')), []);
});
