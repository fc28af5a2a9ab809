import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { createRouterClient } from '@orpc/server';
import { Lab } from '../../lab/lab.ts';
import { createRouter } from '../../lab/router.ts';
import { temporaryFolder } from '../support/project.ts';

test('a window asks for an evaluation, follows its parts, and is refused a second one meanwhile', async (t) => {
  const lab = new Lab({ project: join(temporaryFolder(t), 'project') });
  t.after(() => lab.close());
  const { models } = createRouterClient(createRouter(lab));
  const ask = { task: 'reach', models: 'waypoints', episodes: 3, demonstrations: 6, failures: 3 };
  const first = models.evaluate(ask);
  await lab.events.since(0, 10_000);
  await assert.rejects(models.evaluate(ask), /another evaluation goes on/);
  const evaluation = await first;
  assert.deepEqual(
    evaluation.verdicts.map(({ model }) => model),
    ['waypoints', 'constant', 'time-ramp', 'shuffled-frames'],
  );
  const { events } = await lab.events.since(0, 0);
  assert.deepEqual(events.at(-1), {
    type: 'evaluation',
    task: 'reach',
    part: 'measuring',
    done: 6,
    total: 7,
  });

  await assert.rejects(models.evaluate({ ...ask, models: 'waypoint' }), /"waypoint" is no model/);
  await assert.rejects(models.evaluate({ ...ask, taskSettings: { size: 3 } }), /unknown field "size"/);
  await assert.rejects(models.card({ id: 4 }), /There is no model 4/);
});

test('an evaluation ends with the lab', async (t) => {
  const lab = new Lab({ project: join(temporaryFolder(t), 'project') });
  const run = lab.evaluateRewards({ task: 'reach', models: 'all' });
  const ended = assert.rejects(run, { name: 'AbortError' });
  await lab.events.since(0, 10_000);
  await lab.close();
  await ended;
});
