/** Any reward models on stored episodes, and where they differ, on a real project with two small models of other seeds. */

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRouterClient } from '@orpc/server';
import { Lab } from '../../lab/lab.ts';
import { unpack } from '../../lab/pack.ts';
import { framesOf, replay, taskModelOf } from '../../lab/replay.ts';
import { createRouter } from '../../lab/router.ts';
import { sarm } from '../../learn/rewards/sarm.ts';
import { temporaryFolder } from '../support/project.ts';
import { twoModels } from '../support/two-models.ts';

test('models and counter-baselines score an episode as they would themselves, and models that differ most are found', async (t) => {
  const project = join(temporaryFolder(t), 'project');
  const lab = new Lab({ project, device: 'kernel' });
  t.after(() => lab.close());
  const { store } = lab;
  const { models, episodes } = createRouterClient(createRouter(lab));
  await assert.rejects(
    models.disagree({ task: 'reach', models: ['constant'] }),
    /found only model constant, wanted at least two of reach/,
  );
  const { first, second, collected } = await twoModels(lab);
  const [a, b] = await models.list();
  assert.deepEqual([a!.seed, b!.seed, a!.family === b!.family], [1, 2, true]);

  const [episode] = store.episodes.ids({ runId: collected, kind: 'demonstration' }) as [number];
  const row = store.episodes.get(episode);
  const scored = await episodes.score({
    id: episode,
    models: [first, second, 'time-ramp', 'constant'],
    extras: true,
  });
  assert.deepEqual(
    scored.models.map(({ key, seed, baseline, std, failed }) => [key, seed, baseline, std, failed]),
    [
      [String(first), 1, false, false, null],
      [String(second), 2, false, false, null],
      ['time-ramp', null, true, false, null],
      ['constant', null, true, false, null],
    ],
  );
  const arrays = unpack(scored.data);
  const task = taskModelOf(store.runs.get(collected));
  const { states } = replay(task, row, store.episodes.columns(episode));
  const own = sarm.load(store.models.bytes(first));
  const direct = own.score(framesOf(task, own.senses, states), row.length);
  assert.deepEqual(arrays[`${first}/perStep`], direct.perStep);
  for (const [name, track] of Object.entries(direct.extras)) {
    assert.deepEqual(arrays[`${first}/extra/${name}`], track, name);
  }
  assert.deepEqual([...new Set(arrays['constant/perStep'])], [0.5]);
  assert.equal(arrays['time-ramp/perStep']![0], 0);
  // What was worked out is in the database, and read from there where nobody asks for the other tracks.
  assert.deepEqual(store.scores.get(episode, b!.hash), arrays[`${second}/perStep`]);
  store.scores.put(episode, b!.hash, new Float32Array(row.length + 1).fill(0.25));
  const other = store.episodes.ids({ runId: collected })[1]!;
  await episodes.score({ id: other, models: [second] });

  await assert.rejects(episodes.score({ id: 999, models: [first] }), /There is no episode 999/);
  await assert.rejects(episodes.score({ id: episode, models: [77] }), /There is no model 77/);

  const found = await models.disagree({
    task: 'reach',
    models: [],
    group: second,
    top: 5,
    newest: 8,
    apart: 0.5,
  });
  assert.deepEqual(
    found.models.map(({ id }) => id),
    [first, second],
  );
  assert.ok(found.episodes >= 6 && found.moments.length === 5, JSON.stringify(found.moments));
  const sorted = [...found.moments].sort((one, two) => two.difference - one.difference);
  assert.deepEqual(found.moments, sorted);
  const curves = unpack(found.data);
  for (const moment of found.moments) {
    const { trueProgress, trueStage } = Object.fromEntries(
      [...store.episodes.columns(moment.episode)].map(([name, { data }]) => [name, data]),
    );
    assert.equal(moment.trueProgress, trueProgress![moment.frame]);
    assert.equal(moment.stage, task.stages[trueStage![moment.frame]!]!.title);
    assert.ok(Math.abs(moment.normalised[0]! - moment.normalised[1]!) - moment.difference < 1e-6);
    const at = [...curves[`${moment.episode}/frames`]!].indexOf(moment.frame);
    assert.equal(curves[`${moment.episode}/${first}`]![at], moment.scores[0]);
    for (const other of found.moments) {
      if (other !== moment && other.episode === moment.episode)
        assert.ok(Math.abs(other.seconds - moment.seconds) > 0.49);
    }
  }
  const { events } = await lab.events.since(0, 0);
  assert.ok(events.some((event) => event.type === 'disagreement' && event.done === event.total));

  // To drop the call is to stop it; another may follow at once.
  const call = new AbortController();
  const dropped = models.disagree({ task: 'reach', models: [first, 'time-ramp'] }, { signal: call.signal });
  call.abort();
  await assert.rejects(dropped, /abort|cancelled/);
  const again = await models.disagree({ task: 'reach', models: [first, 'time-ramp'], normalise: 'z' });
  assert.equal(again.normalise, 'z');
  await assert.rejects(
    models.disagree({ task: 'push', models: ['constant', 'time-ramp'] }),
    /no episode of push is like that/,
  );
});
