/** The state probe on a real run: what it says of the recorded state is what was recorded; of others, what follows from one way of asking. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRouterClient } from '@orpc/server';
import { Lab } from '../../lab/lab.ts';
import { joinStill, type PackedArray, unpack } from '../../lab/pack.ts';
import { createRouter } from '../../lab/router.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

test('a stored run is probed', async (t) => {
  const lab = new Lab({ project: join(temporaryFolder(t), 'project'), device: 'kernel' });
  t.after(() => lab.close());
  const recipe = tinyRecipe({
    task: 'push',
    reward: [
      { reward: 'sparse' },
      { reward: 'dense', clip: [0, 0.5] },
      { reward: 'sarm', use: 'shaping', weight: 5, settings: { updates: 40 } },
    ],
  });
  const { id } = lab.start(recipe, 3);
  const run = await lab.finished(id);
  assert.equal(run.status, 'done', run.error ?? '');
  // A second model of the same method, for a spread.
  const collect = lab.store.runs.list().find(({ kind }) => kind === 'collect')!;
  const again = lab.fit({ method: 'sarm', settings: { updates: 20 }, from: collect.id, seed: 9 });
  assert.equal((await lab.finished(again)).status, 'done');

  const { probe } = createRouterClient(createRouter(lab));
  const { id: episodeId, length } = lab.store.episodes.list({ runId: id, kind: 'training', limit: 1 })
    .items[0]!;
  const stored = lab.openEpisode(episodeId);
  const arrays: Record<string, PackedArray> = unpack(stored.data);
  const opened = await probe.open({ episodeId, frame: 20 });
  const at = { episodeId, frame: 20, state: opened.state };

  await t.test(
    'what is recorded is found again, to the last bit where it is kept to the last bit',
    async () => {
      for (const frame of [0, 1, 20, length - 1]) {
        const { state } = await probe.open({ episodeId, frame });
        const found = await probe.evaluate({ episodeId, frame, state });
        assert.deepEqual(
          found.terms.map((term) => term.id),
          ['task/success', 'task/near', 'task/toGoal', 'shaping/sarm'],
        );
        for (const { id: term, raw, weight, paid } of found.terms)
          assert.deepEqual(
            [raw, weight, paid],
            ['raw', 'weight', 'product'].map((part) => arrays[`reward/${term}/${part}`]![frame]),
            `${term} in frame ${frame}`,
          );
        assert.equal(found.total, arrays['reward/total']![frame]);
        assert.equal(Math.fround(found.truth.progress), arrays['trueProgress']![frame]);
        assert.equal(found.truth.stage, arrays['trueStage']![frame]);
        assert.equal(found.models.length, 2);
        assert.equal(Math.fround(found.models[0]!.value!), arrays['learned/sarm']![frame]);
        const bodies = stored.bodies.length * 7;
        const poses = joinStill(arrays, 'poses', length + 1)!;
        assert.deepEqual(found.poses, [...poses.subarray(frame * bodies, (frame + 1) * bodies)]);
        assert.ok(found.value !== null);
      }
      assert.match(opened.action, /with the recorded action of frame 20/);
      assert.match(opened.stack, /^The reward stack of run/);
    },
  );

  await t.test(
    'models have a spread and a distance that grows away from what they were fitted on',
    async () => {
      const { models } = await probe.evaluate(at);
      assert.match(models[0]!.spread!.over, /over 2 stored .* models/);
      const half = Math.abs(models[0]!.value! - models[1]!.value!) / 2;
      assert.ok(Math.abs(models[0]!.spread!.value - half) < 1e-12);
      const { element } = opened.handles.find(({ title }) => title === 'block')!.moves[0]!;
      const far = opened.state.slice();
      far[element] = 3;
      const there = await probe.evaluate({ ...at, state: far, models: [models[0]!.id] });
      assert.equal(there.models.length, 1);
      assert.ok(there.models[0]!.distance!.value > models[0]!.distance!.value);
      assert.equal(there.models[0]!.distance!.quantile, 1);
      assert.match(there.models[0]!.distance!.words, /the model has seen nothing like it/);
    },
  );

  await t.test('a field and a sweep are many single evaluations', async () => {
    const block = opened.handles.find(({ title }) => title === 'block')!;
    const [x, y] = block.moves.map(({ element }) => ({
      element,
      from: opened.state[element]! - 0.2,
      to: opened.state[element]! + 0.2,
    }));
    const model = opened.models[1]!.id;
    for (const step of ['recorded', 'still', 'zero'] as const) {
      for (const quantity of [
        'paid/task/toGoal',
        'raw/shaping/sarm',
        'total',
        'progress',
        `model/${model}`,
        'value',
      ]) {
        const field = await probe.field({
          ...at,
          step,
          quantity,
          x: { ...x!, count: 5 },
          y: { ...y!, count: 4 },
        });
        const { values } = unpack(field.data);
        assert.deepEqual([field.width, field.height, field.depth, field.refused], [5, 4, 1, 0]);
        for (const [i, j] of [
          [0, 0],
          [4, 1],
          [2, 3],
        ] as const) {
          const state = opened.state.slice();
          state[x!.element] = x!.from + (0.4 * i) / 4;
          state[y!.element] = y!.from + (0.4 * j) / 3;
          const one = await probe.evaluate({ ...at, state, step });
          const single = {
            'paid/task/toGoal': one.terms[2]!.paid,
            'raw/shaping/sarm': one.terms[3]!.raw,
            total: one.total,
            progress: one.truth.progress,
            value: one.value,
            [`model/${model}`]: one.models[1]!.value,
          }[quantity]!;
          assert.ok(
            Math.abs(values![j * 5 + i]! - single) < 1e-6,
            `${quantity}, ${step}: ${values![j * 5 + i]} is not ${single}`,
          );
        }
      }
    }
    const swept = await probe.sweep({
      ...at,
      range: { ...x!, count: 9 },
      quantities: ['progress', `model/${model}`],
    });
    assert.ok(Math.abs(swept.at[4]! - opened.state[x!.element]!) < 1e-12);
    const here = await probe.evaluate(at);
    assert.ok(Math.abs(swept.curves[0]!.values[4]! - here.truth.progress) < 1e-12);
    assert.ok(Math.abs(swept.curves[1]!.values[4]! - here.models[1]!.value!) < 1e-12);
  });

  await t.test('a difference is one field less the other, each as it is or by its own range', async () => {
    const axes = {
      x: { element: 4, from: -0.1, to: 0.1, count: 6 },
      y: { element: 5, from: -0.1, to: 0.1, count: 6 },
      z: { element: 6, from: 0.02, to: 0.1, count: 3 },
    };
    const values = async (more: object) =>
      unpack((await probe.field({ ...at, ...axes, quantity: 'progress', ...more })).data)['values']!;
    const a = await values({});
    const b = await values({ quantity: 'raw/task/toGoal' });
    const less = await values({ minus: 'raw/task/toGoal' });
    assert.equal(a.length, 6 * 6 * 3);
    for (let i = 0; i < a.length; i++) assert.ok(Math.abs(less[i]! - (a[i]! - b[i]!)) < 1e-6);
    const same = await values({ minus: 'progress', normalise: true });
    assert.ok(same.every((value) => value === 0));
    const field = await probe.field({
      ...at,
      ...axes,
      quantity: 'progress',
      minus: 'raw/task/toGoal',
      normalise: true,
    });
    assert.deepEqual(
      field.ranges.map(({ quantity }) => quantity),
      ['progress', 'raw/task/toGoal'],
    );
    assert.ok(field.low! >= -1 && field.high! <= 1);
  });

  await t.test('what no episode can have is refused in words, single or as a hole in a field', async () => {
    const broken = (change: (state: number[]) => void) => {
      const state = opened.state.slice();
      change(state);
      return probe.evaluate({ ...at, state });
    };
    await assert.rejects(
      broken((state) => {
        state[4] = Number.NaN;
      }),
      /State of push: block\.pos\[0\] is NaN, wanted a finite number/,
    );
    await assert.rejects(
      broken((state) => {
        state[1] = 1e5;
      }),
      /tool\.x is 100000, wanted a number below 10000/,
    );
    await assert.rejects(
      broken((state) => state.pop()),
      /found 66 numbers, wanted 67/,
    );
    await assert.rejects(probe.open({ episodeId, frame: 1000 }), /found frame 1000, wanted 0 to/);
    await assert.rejects(probe.open({ episodeId: 99_999, frame: 0 }), { code: 'NOT_FOUND' });
    const axis = { element: 4, from: 0, to: 1, count: 4 };
    await assert.rejects(
      probe.field({ ...at, quantity: 'model/77', x: axis, y: { ...axis, element: 5 } }),
      /found "model\/77", wanted one of progress/,
    );
    await assert.rejects(probe.field({ ...at, quantity: 'progress', x: axis, y: axis }), /is on two axes/);
    await assert.rejects(
      probe.sweep({ ...at, range: { ...axis, to: Number.NaN }, quantities: ['progress'] }),
      /block\.pos\[0\] from 0 to NaN/,
    );
    await assert.rejects(
      probe.sweep({ ...at, range: { ...axis, element: 400 }, quantities: ['progress'] }),
      /found element 400, wanted 0 to 66/,
    );
    const half = await probe.sweep({
      ...at,
      range: { element: 4, from: 0, to: 19_000, count: 3 },
      quantities: ['progress'],
    });
    assert.deepEqual(
      half.curves[0]!.values.map((value) => value === null),
      [false, false, true],
    );
    assert.equal(half.refused, 1);
    assert.match(half.why!, /block\.pos\[0\] is 19000/);
  });

  await t.test('a dropped call stops', async () => {
    const stop = new AbortController();
    const axis = { element: 4, from: -0.2, to: 0.2, count: 250 };
    const asked = createRouterClient(createRouter(lab)).probe.field(
      { ...at, quantity: `model/${opened.models[0]!.id}`, x: axis, y: { ...axis, element: 5 } },
      { signal: stop.signal },
    );
    setTimeout(() => stop.abort(), 30);
    const begun = performance.now();
    await assert.rejects(asked);
    assert.ok(performance.now() - begun < 1000);
  });

  await t.test('a demonstration is paid nothing, and its terms are the task’s own', async () => {
    const demo = lab.store.episodes.list({ kind: 'demonstration', limit: 1 }).items[0]!;
    const { state, stack, quantities } = await probe.open({ episodeId: demo.id, frame: 3 });
    assert.match(stack, /is paid nothing: shown are the task's own terms/);
    assert.ok(quantities.find(({ id: quantity }) => quantity === 'total')!.missing);
    const found = await probe.evaluate({ episodeId: demo.id, frame: 3, state });
    assert.deepEqual(
      found.terms.map((term) => term.id),
      ['task/success', 'task/near', 'task/toGoal'],
    );
    assert.equal(found.total, null);
    // It was learned from: nothing is nearer than itself.
    const near = found.models[0]!.distance!;
    assert.ok(near.value < 1e-6 && near.quantile === 0, `${near.value}`);
  });
});
