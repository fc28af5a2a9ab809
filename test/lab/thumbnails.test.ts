/** What small pictures of many episodes are drawn from. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRouterClient } from '@orpc/server';
import { Lab } from '../../lab/lab.ts';
import { joinStill, unpack } from '../../lab/pack.ts';
import { keyframeEvery } from '../../lab/recorder.ts';
import { createRouter } from '../../lab/router.ts';
import { momentsOf } from '../../lab/thumbnails.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import type { Column } from '../../store/types.ts';
import { temporaryFolder } from '../support/project.ts';
import { tinyRun } from '../support/tiny-run.ts';

const moments = ['first', 'middle', 'last'] as const;

test('first, middle and last states of every task are those of the whole simulation, bit for bit', () => {
  const length = 2 * keyframeEvery + 13;
  for (const task of Object.values(tasks)) {
    const model = task.create(defaultsOf(task.fields));
    const { stateDim } = model;
    const { dim } = model.actionSpace;
    const row = new Float64Array(stateDim);
    const states: Float64Array[] = [];
    const action = new Float64Array(length * dim);
    model.reset(5, row, 0);
    states.push(row.slice());
    for (let t = 0; t < length; t++) {
      model.expert(row, 0, action, t * dim);
      model.advance(row, action.slice(t * dim, (t + 1) * dim), 0, 1);
      states.push(row.slice());
    }
    const keyframe = states.filter((_, t) => t % keyframeEvery === 0).flatMap((state) => [...state]);
    const columns = new Map<string, Column>([
      ['action', { name: 'action', width: dim, data: action }],
      ['keyframe', { name: 'keyframe', width: stateDim, data: Float64Array.from(keyframe) }],
    ]);
    const found = momentsOf(model, { id: 1, length }, columns, moments);
    assert.deepEqual(found.frames, [0, keyframeEvery, length], model.id);
    found.frames.forEach((frame, i) => {
      assert.deepEqual(
        found.states.slice(i * stateDim, (i + 1) * stateDim),
        states[frame],
        `${model.id} ${frame}`,
      );
    });
    const one = momentsOf(model, { id: 1, length }, columns, ['last']);
    assert.deepEqual([...one.states], [...states[length]!], model.id);

    // A state that broke, and what follows, is not shown.
    const broken = Float64Array.from(keyframe);
    broken[broken.length - 1] = Number.NaN;
    columns.set('keyframe', { name: 'keyframe', width: stateDim, data: broken });
    assert.ok(momentsOf(model, { id: 1, length }, columns, ['last']).states.every(Number.isFinite), model.id);
  }
});

test('episodes are shown by their frames; those that are gone, damaged or of another version of the task say why', async (t) => {
  const lab = new Lab({ project: join(temporaryFolder(t), 'project'), device: 'wasm' });
  t.after(() => lab.close());
  const client = createRouterClient(createRouter(lab));
  const run = await lab.finished(lab.start(tinyRun({ steps: 1024 }), 1).id);
  const { store } = lab;
  const ids = store.episodes.ids({ runId: run.id }).slice(0, 6);

  const copied = (taskVersion: number, spoil: (column: Column) => Column): number => {
    const old = store.runs.get(run.id);
    const runId = store.runs.create({ ...old, config: { ...old.config, taskVersion } });
    const row = store.episodes.get(ids[0]!);
    const columns = [...store.episodes.columns(row.id).values()].map(spoil);
    return store.episodes.add({ ...row, runId, columns });
  };
  const version = Number(store.runs.get(run.id).config['taskVersion']);
  const old = copied(version + 1, (column) => column);
  const cut = copied(version, (column) =>
    column.name === 'keyframe' ? { ...column, data: column.data.slice(0, 0) } : column,
  );

  const answer = await client.episodes.thumbnails({ ids: [...ids, old, 9999, cut, ids[0]!] });
  assert.deepEqual(
    answer.episodes.map(({ id, scene }) => [id, answer.scenes[scene]!.task]),
    ids.map((id) => [id, 'reach']),
  );
  assert.deepEqual(
    answer.absent.map(({ id, why }) => [id, why]),
    [
      [old, 'other version'],
      [9999, 'gone'],
      [cut, 'unreadable'],
    ],
  );
  assert.match(answer.absent[0]!.reason, new RegExp(`version ${version + 1}, this is version ${version}`));
  assert.match(answer.absent[1]!.reason, /no episode 9999/);
  assert.match(answer.absent[2]!.reason, new RegExp(`Episode ${cut}: 0 stored states`));

  const arrays = unpack(answer.data);
  for (const { id, frames } of answer.episodes) {
    const opened = await client.episodes.open({ id });
    assert.deepEqual(answer.scenes[0]!.bodies, opened.bodies);
    const whole = joinStill(unpack(opened.data), 'poses', opened.episode.length + 1)!;
    const width = 7 * opened.bodies.length;
    assert.equal(frames.at(-1), opened.episode.length);
    frames.forEach((frame, i) => {
      assert.deepEqual(
        arrays[`poses/${id}`]!.slice(i * width, (i + 1) * width),
        whole.slice(frame * width, (frame + 1) * width),
      );
    });
  }

  await assert.rejects(client.episodes.thumbnails({ ids: [] }), /Input validation failed/);
  const left = new AbortController();
  left.abort(new Error('nobody looks'));
  await assert.rejects(client.episodes.thumbnails({ ids }, { signal: left.signal }), /nobody looks/);
});
