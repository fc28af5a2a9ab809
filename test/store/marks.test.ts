import assert from 'node:assert/strict';
import { test } from 'node:test';
import { episodeFields, filterMatches } from '../../store/filter.ts';
import type { EpisodeRow } from '../../store/types.ts';
import { episode, project, run } from './support.ts';

/** Forty episodes of two runs, of all sorts. */
function filled(t: Parameters<typeof project>[0]) {
  const store = project(t);
  const runIds = ['push fast', 'reach'].map((name) => store.runs.create({ ...run, name }));
  store.transaction(() => {
    for (let i = 0; i < 40; i++) {
      const id = store.episodes.add(
        episode(runIds[i % 2]!, {
          task: i % 2 === 0 ? 'push' : 'reach',
          kind: (['demonstration', 'training', 'evaluation'] as const)[i % 3]!,
          success: i % 5 < 2,
          length: 4,
          columns:
            i % 4 === 3
              ? []
              : [
                  { name: 'action', width: 1, data: Float64Array.of(0, i, 0, 0) },
                  { name: 'learned/sarm', width: 1, data: Float32Array.of(0, 0, 0, 0, i / 64) },
                ],
          finalProgress: (i % 8) / 8,
          returnTotal: i - 20,
          returns: i % 2 === 0 ? { 'task/near': i } : {},
        }),
      );
      if (i % 6 === 0) store.episodes.mark([id], { starred: true, addTags: ['good', `no ${i}`] });
    }
  });
  return store;
}

/** What the fields of the language mean, told once more in plain code. */
const valuesOf = (row: EpisodeRow, name: string) => ({
  id: row.id,
  run: row.runId,
  name,
  task: row.task,
  kind: row.kind,
  seed: row.seed,
  length: row.length,
  ending: row.ending,
  success: row.success,
  progress: row.finalProgress,
  learned: Number.isNaN(row.learnedProgress) ? null : row.learnedProgress,
  gap: Number.isNaN(row.learnedProgress) ? null : row.learnedProgress - row.finalProgress,
  return: row.returnTotal,
  trained: row.trainedSteps,
  jerk: Number.isNaN(row.jerk) ? null : row.jerk,
  starred: row.starred,
  verified: row.verified,
  fork: row.fork !== null,
  tag: row.tags,
});

test('filters pick the rows that a plain reading of the language picks', (t) => {
  const store = filled(t);
  const names = new Map(store.runs.list().map(({ id, name }) => [id, name]));
  const all = store.episodes.list().items;
  const known = Object.keys(episodeFields);
  let some = 0;
  for (const filter of [
    'success:true',
    'success:true AND return:>10',
    'return:>=3 return:<9',
    '-kind:training task:push',
    'NOT success:true',
    'progress:[0.25 TO 0.5]',
    'progress:{0.25 TO 0.5}',
    'tag:good OR return:<-15',
    'tag:no*',
    'name:push*',
    'kind:eval*',
    'learned:>0.3',
    '-learned:>0.3',
    'gap:<0',
    'jerk:>20 starred:false',
    '(starred:true OR success:true) task:push',
    'id:7',
    'fork:false run:1',
    '',
  ]) {
    const matches = filterMatches(filter, known);
    const wanted = all.filter((row) => matches(valuesOf(row, names.get(row.runId)!))).map(({ id }) => id);
    assert.deepEqual(store.episodes.ids({ filter }), wanted, filter);
    if (wanted.length > 0 && wanted.length < all.length) some++;
  }
  assert.ok(some >= 15, `${some} filters pick some but not all`);
  // Terms of the reward, and bare words: tags and names of runs.
  assert.deepEqual(store.episodes.ids({ filter: 'return.task/near:>35' }), [37, 39]);
  assert.deepEqual(store.episodes.ids({ filter: '"no 6"' }), [7]);
  assert.equal(store.episodes.ids({ filter: 'fast' }).length, 20);
  // What people type is never SQL.
  assert.deepEqual(store.episodes.ids({ filter: `tag:"'); DROP TABLE episodes; --"` }), []);
});

test('a filter that cannot be read says where and what was wanted', (t) => {
  const { episodes } = filled(t);
  const message = (filter: string): string => {
    try {
      episodes.ids({ filter });
      return 'none';
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.deepEqual(
    ['sucess:true', 'return:high', 'success:>1', 'kind:[1 TO 2]', 'return:', 'success:5', '(a'].map(message),
    [
      'Filter: there is no field "sucess"; did you mean success?',
      'Filter: return is a number, found "high"; wanted return:>0.5 or return:[0.2 TO 0.8]',
      'Filter: success is no number, so it cannot be > something',
      'Filter: kind is no number, so it has no range',
      'Filter: return has no value; wanted return:>0.5 or return:[0.2 TO 0.8]',
      'Filter: success is true or false, found "5"',
      'Filter: it ends too early; wanted field:value, for example success:true',
    ],
  );
});

test('jerk is the root mean square of second differences, learned progress that of the last frame', (t) => {
  const store = project(t);
  const runId = store.runs.create(run);
  const columns = [
    // Two numbers a step: second differences (1, 0), (-3, 2).
    { name: 'action', width: 2, data: Float64Array.of(0, 0, 0, 0, 1, 0, -1, 2) },
    { name: 'learned/a', width: 1, data: Float32Array.of(0.25, 0.5) },
  ];
  const { jerk, learnedProgress } = store.episodes.get(store.episodes.add(episode(runId, { columns })));
  assert.deepEqual([jerk, learnedProgress], [Math.sqrt((1 + 9 + 4) / 2), 0.5]);
  const none = store.episodes.get(store.episodes.add(episode(runId, { columns: [] })));
  assert.deepEqual([none.jerk, none.learnedProgress], [Number.NaN, Number.NaN]);
});

test('lists sort by anything, what has no value last', (t) => {
  const { episodes } = filled(t);
  for (const sort of ['jerk', 'gap', 'learnedProgress', 'starred', 'return:task/near'] as const) {
    for (const descending of [false, true]) {
      const rows = episodes.list({ sort, descending }).items;
      const values = rows.map((row): number => {
        if (sort === 'gap') return row.learnedProgress - row.finalProgress;
        if (sort === 'return:task/near') return row.returns['task/near'] ?? Number.NaN;
        return Number(row[sort as 'jerk' | 'learnedProgress' | 'starred']);
      });
      const known = values.filter((value) => !Number.isNaN(value));
      assert.deepEqual(
        known,
        known.toSorted((a, b) => (descending ? b - a : a - b)),
        sort,
      );
      assert.deepEqual(
        values.slice(known.length).filter((value) => !Number.isNaN(value)),
        [],
      );
    }
  }
  assert.throws(
    () => episodes.list({ sort: 'return:x' }),
    /No episode of this project has a reward term "x"/,
  );
});

test('stars, tags and the trash are marked all or none, and nothing is lost', (t) => {
  const store = filled(t);
  const { episodes } = store;
  episodes.mark([1, 2, 3], { trashed: true, addTags: [' bad '] });
  assert.deepEqual(episodes.ids({ trash: 'only' }), [1, 2, 3]);
  assert.equal(episodes.list({ trash: 'without' }).total, 37);
  assert.equal(episodes.list().total, 40);
  assert.deepEqual(episodes.get(1).tags, ['bad', 'good', 'no 0']);
  assert.ok(episodes.columns(1).size > 0, 'its data is still there');
  episodes.mark([1, 2], { trashed: false, removeTags: ['bad'] });
  assert.deepEqual([episodes.ids({ trash: 'only' }), episodes.get(1).tags], [[3], ['good', 'no 0']]);
  assert.throws(() => episodes.mark([4, 999], { starred: true }), /There is no episode 999/);
  assert.equal(episodes.get(4).starred, false);
  assert.throws(
    () => episodes.mark([4], { addTags: ['  '] }),
    /Tag " {2}": found 0 characters, wanted 1 to 60/,
  );
  assert.deepEqual(episodes.tags().slice(0, 3), ['bad', 'good', 'no 0']);
  assert.deepEqual(episodes.terms(), ['task/near']);
});
