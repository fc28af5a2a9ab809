import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { judgedEpisodes } from '../../lab/judged-episodes.ts';
import { evaluateRewards, type JudgedModel, type RewardEvaluation } from '../../lab/reward-evaluation.ts';
import { evaluationRequest, runRewardEvaluation } from '../../lab/reward-evaluation-run.ts';
import type { RewardTable } from '../../lab/reward-tables.ts';
import { contest, judgeRewards } from '../../lab/reward-verdicts.ts';
import type { Measure } from '../../learn/diagnostics/measure.ts';
import { openKernel } from '../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';

const small = { episodes: 3, demonstrations: 6, failures: 3, stride: 4, seed: 3 };
const ask = (models: string) => evaluationRequest(null, { task: 'reach', models, ...small });
const noWaiting = { signal: new AbortController().signal, onProgress: () => undefined };

let evaluation: RewardEvaluation;
before(async () => {
  const compute = await openKernel({ threads: 1 });
  evaluation = await evaluateRewards(ask('waypoints'), { compute, ...noWaiting });
  compute.dispose();
});

const cell = (table: string, model: string, column: string): Measure =>
  evaluation.tables.find(({ id }) => id === table)!.rows.find((row) => row.model === model)!.cells[column]!;

test('judged episodes are played in groups of starts of their own, and a wrong goal is wrong', () => {
  const model = tasks.reach.create(defaultsOf(tasks.reach.fields));
  const { groups, clips, missing } = judgedEpisodes({ model, episodes: 3, seed: 0 });
  assert.deepEqual(
    groups.map(({ id }) => id),
    ['expert', 'noisy', 'near', 'wandering', 'random', 'wrong-goal'],
  );
  assert.match(missing[0]!, /^exploit: /);
  const [expert, , near] = groups;
  const wrong = groups.at(-1)!;
  assert.ok(expert!.episodes.every(({ outcome }) => outcome === 'success'));
  assert.ok(near!.episodes[0]!.outcome !== 'success');
  for (const [i, one] of wrong.episodes.entries()) {
    assert.ok(one.truth.progress.at(-1)! < expert!.episodes[i]!.truth.progress.at(-1)!);
    assert.deepEqual(one.actions, expert!.episodes[i]!.actions);
  }
  const starts = groups.slice(0, 5).flatMap(({ episodes }) => episodes.map(({ seed }) => seed));
  assert.equal(new Set(starts).size, starts.length);
  // Clips end with their only frame of success.
  for (const { truth, length } of clips) assert.equal(truth.success.indexOf(1), length);
});

test('drills are judged on what exploits them, too', () => {
  const model = tasks['drill-loop'].create(defaultsOf(tasks['drill-loop'].fields));
  const { groups } = judgedEpisodes({ model, episodes: 2, seed: 0 });
  const exploit = groups.find(({ id }) => id === 'exploit')!;
  assert.ok(exploit.episodes.every(({ outcome }) => outcome !== 'success'));
});

test('every model stands in every table with the counter-baselines, a protocol and the command', () => {
  const keys = ['waypoints', 'constant', 'time-ramp', 'shuffled-frames'];
  assert.deepEqual(
    evaluation.models.map(({ key, baseline, failed }) => [key, baseline, failed]),
    keys.map((key) => [key, key !== 'waypoints', null]),
  );
  assert.deepEqual(
    evaluation.tables.map(({ id }) => id),
    ['order', 'truth', 'outcomes', 'optimism', 'levels', 'distance'],
  );
  for (const { id, rows, columns, protocol } of evaluation.tables) {
    assert.deepEqual(
      rows.map(({ model }) => model),
      id === 'levels' ? ['true progress', ...keys] : keys,
    );
    for (const { cells } of rows)
      for (const column of columns) {
        const { value, interval, reason } = cells[column.id]!;
        assert.ok(value === null ? reason !== undefined && interval === null : Number.isFinite(value));
      }
    assert.ok(protocol.length > 20);
  }
  assert.equal(
    evaluation.command,
    'npm run -s lab -- eval-reward --task reach --models waypoints --episodes 3 --stride 4 --seed 3 --demonstrations 6 --failures 3 --json',
  );
  // True progress, sparse, dense and four models: 21 pairs.
  assert.equal(evaluation.distances.length, 21);
  assert.deepEqual(
    evaluation.reliability.map(({ bins }) => bins.reduce((sum, { count }) => sum + count, 0)),
    [15, 15, 15, 15],
  );
});

test('a clock has order both ways and nothing else; a constant has nothing at all', () => {
  assert.equal(cell('order', 'time-ramp', 'voc').value, 1);
  assert.equal(cell('order', 'time-ramp', 'vocReversed').value, 1);
  assert.ok(cell('order', 'time-ramp', 'rewindFall').value! < 0);
  assert.equal(cell('order', 'constant', 'voc').value, null);
  assert.equal(cell('outcomes', 'constant', 'preference').reason, 'all final scores are equal');
  assert.ok(cell('outcomes', 'waypoints', 'preference').value! > 0.9);
  assert.ok(cell('order', 'waypoints', 'rewindRank').value! > 0.9);
});

test('the verdict names a model that looks and never a baseline', () => {
  assert.deepEqual(
    evaluation.verdicts.slice(1).map(({ verdict }) => verdict),
    ['baseline', 'baseline', 'baseline'],
  );
  assert.match(evaluation.answer, /^Trust waypoints first/);
});

test('the same request gives the same numbers, in a thread as here', async () => {
  const parts: string[] = [];
  const again = await runRewardEvaluation(ask('waypoints'), {
    threads: 1,
    onProgress: (part, done, total) => parts.push(`${done}/${total} ${part}`),
  });
  assert.deepEqual(again.tables, evaluation.tables);
  assert.deepEqual(again.distances, evaluation.distances);
  assert.equal(parts[0], '0/7 playing the judged episodes');
  assert.ok(parts.includes('1/7 fitting waypoints'));
});

test('an evaluation is stopped while it runs', async () => {
  const stop = new AbortController();
  const run = runRewardEvaluation(ask('all'), { signal: stop.signal, onProgress: () => stop.abort() });
  await assert.rejects(run, { name: 'AbortError' });
});

test('a policy is trained on each reward and scored by the truth', async () => {
  const compute = await openKernel({ threads: 1 });
  const request = {
    ...ask('waypoints'),
    sources: ask('waypoints').sources.slice(0, 2),
    retrain: { steps: 1, use: 'shaping', seeds: 2 } as const,
  };
  const { tables, command } = await evaluateRewards(request, { compute, ...noWaiting });
  compute.dispose();
  const { rows, protocol } = tables.at(-1)!;
  assert.deepEqual(
    rows.map(({ model }) => model),
    ['sparse', 'dense', 'waypoints', 'constant'],
  );
  assert.match(protocol, /1 steps, training seeds 3, 4, 50 evaluation starts/);
  assert.match(command, /--retrain 1 --retrain-use shaping --retrain-seeds 2/);
  const success = rows.map(({ cells }) => cells['success']!.value!);
  // Regret is against the better of the first two in each seed, so never below that of the better mean.
  for (const [i, { cells }] of rows.entries())
    assert.ok(cells['regret']!.value! >= Math.max(success[0]!, success[1]!) - success[i]! - 1e-12);
});

const number = (value: number, low = value, high = value): Measure => ({
  value,
  interval: { low, high },
  count: 20,
});
const nothing: Measure = { value: null, interval: null, count: 20, reason: 'all scores are equal' };

test('one measure is better than another where their intervals lie apart', () => {
  assert.equal(contest(number(0.8, 0.7, 0.9), number(0.5, 0.4, 0.6), 'higher'), 'beats');
  assert.equal(contest(number(0.8, 0.7, 0.9), number(0.5, 0.4, 0.6), 'lower'), 'loses');
  assert.equal(contest(number(0.8, 0.55, 0.9), number(0.5, 0.4, 0.6), 'higher'), 'even');
  // 0.9 .. 1.2 holds 1 and is at most 0.2 away; 0.5 .. 0.7 is at least 0.3 away.
  assert.equal(contest(number(1, 0.9, 1.2), number(0.6, 0.5, 0.7), 'one'), 'beats');
  assert.equal(contest(number(-0.3, -0.4, -0.2), number(0.1, 0, 0.15), 'zero'), 'loses');
  assert.equal(contest(nothing, number(1), 'higher'), 'unmeasured');
  assert.equal(contest(number(1), nothing, 'higher'), 'beats');
  assert.equal(contest(number(1), { ...nothing, count: 0 }, 'higher'), 'unmeasured');
});

test('a model that flatters failures or another goal is to be used with care, one like the clock not at all', () => {
  const model = (key: string, baseline = false): JudgedModel => ({
    key,
    method: key,
    title: key,
    source: 'fitted',
    id: null,
    baseline,
    causal: true,
    hash: null,
    senses: [],
    fitSeconds: 1,
    fitMetrics: {},
    failed: null,
  });
  const table = (
    id: string,
    column: string,
    better: RewardTable['columns'][number]['better'],
    values: Readonly<Record<string, Measure>>,
  ): RewardTable => ({
    id,
    title: id,
    protocol: '',
    columns: [{ id: column, title: column, better, help: '' }],
    rows: Object.entries(values).map(([key, value]) => ({ model: key, cells: { [column]: value } })),
  });
  const good = number(0.9, 0.85, 0.95);
  const bad = number(0.1, 0, 0.2);
  const tables = [
    table('truth', 'rankAcross', 'higher', {
      sound: good,
      flatterer: good,
      clock: bad,
      'time-ramp': bad,
      still: nothing,
    }),
    table('outcomes', 'preference', 'higher', {
      sound: good,
      flatterer: good,
      clock: bad,
      'time-ramp': bad,
      still: nothing,
    }),
    table('optimism', 'failureFinal', 'zero', {
      sound: number(0, -0.05, 0.05),
      flatterer: number(0.4, 0.3, 0.5),
      clock: number(0.6, 0.5, 0.7),
      'time-ramp': number(0.6, 0.5, 0.7),
      still: bad,
    }),
    table('distance', 'epic/true progress', 'lower', {
      sound: bad,
      flatterer: bad,
      clock: good,
      'time-ramp': good,
      still: nothing,
    }),
  ];
  const models = [
    model('sound'),
    model('flatterer'),
    model('clock'),
    model('still'),
    model('time-ramp', true),
  ];
  const broken = { ...model('broken'), failed: 'found no demonstrations' };
  const { verdicts, answer } = judgeRewards([...models, broken], tables);
  assert.deepEqual(
    verdicts.map(({ verdict }) => verdict),
    ['trust', 'with care', 'do not trust', 'not measurable', 'baseline', 'not measurable'],
  );
  assert.match(
    verdicts[1]!.why.join('; '),
    /over-optimistic on failures: ends 0.4 \(0.3 to 0.5\) above true progress/,
  );
  assert.match(verdicts[0]!.why.join('; '), /not over-optimistic on failures; not tried on another goal/);
  assert.match(verdicts[3]!.why[0]!, /all scores are equal/);
  assert.match(verdicts[5]!.why[0]!, /found no demonstrations/);
  assert.match(answer, /^Trust sound first: beats the clock/);
  assert.match(
    judgeRewards([model('clock'), model('time-ramp', true)], tables).answer,
    /^None of 1 models can be trusted/,
  );
});

test('words that name no model, or a reward of the task itself, are refused', () => {
  assert.throws(() => ask('waypoint'), /"waypoint" is no model of this project \(it has none\)/);
  assert.throws(() => ask('99'), /"99" is no model/);
  assert.throws(() => ask('dense'), /dense comes with the task/);
  assert.throws(() => ask(' , '), /--models is empty/);
  assert.throws(() => evaluationRequest(null, { task: 'reech', models: 'all' }), /unknown task "reech"/);
});
