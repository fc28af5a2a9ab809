/** Rules of the reward stack and learned weights of demonstrations, in whole runs. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Lab } from '../../lab/lab.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

function labOf(t: TestContext): Lab {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  return lab;
}

/** All metrics but times and speeds, as text. */
function curve(lab: Lab, id: number): string {
  const { steps, values } = lab.store.metrics.series(id, { maxPoints: 1_000_000 });
  const named = [...values].filter(([name]) => !/^(time|speed)\//.test(name)).sort();
  return JSON.stringify([[...steps], named.map(([name, series]) => [name, [...series]])]);
}

test('a run with schedule, running deviation, gate and best goes on after a stop as if there had been none', async (t) => {
  const lab = labOf(t);
  const recipe = tinyRecipe({
    algorithmSettings: { ...tinyRecipe().algorithmSettings, steps: 4096, critics: 'each' },
    reward: [
      { reward: 'sparse' },
      {
        reward: 'dense',
        weight: 2,
        normalise: true,
        clip: [-1, 1],
        schedule: { from: 1, to: 0, steps: 4096 },
      },
      { reward: 'time-ramp', use: 'best', weight: 5, gate: { term: 'task/success', below: 0.5 } },
    ],
    experiment: { ...tinyRecipe().experiment, demonstrations: 3, failures: 1, evaluationEpisodes: 2 },
  });
  const whole = lab.start(recipe, 1).id;
  assert.equal((await lab.finished(whole)).status, 'done');
  const { id } = lab.start(recipe, 1);
  let cursor = 0;
  while (!(lab.run(id).done > 1500)) cursor = (await lab.events.since(cursor, 1000)).cursor;
  lab.stop(id);
  assert.equal((await lab.finished(id)).status, 'paused');
  lab.resume(id);
  assert.equal((await lab.finished(id)).status, 'done');
  assert.equal(curve(lab, id), curve(lab, whole));
  assert.equal(lab.run(id).rewardHash, lab.run(whole).rewardHash);
  // What was stored of the last episodes: the weight has come down with the schedule.
  const episode = lab.store.episodes.list({ runId: id, kind: 'training', limit: 1, descending: true })
    .items[0]!;
  const column = [...lab.store.episodes.columns(episode.id)].find(
    ([name]) => /^reward\/task\/.*\/weight$/.test(name) && !name.includes('success'),
  )!;
  const weights = [...column[1].data];
  assert.ok(
    weights.at(-1)! < weights[0]! && weights.at(-1)! < 0.5,
    `${column[0]} ${weights[0]} ${weights.at(-1)}`,
  );
});

test('cloning weighted by learned progress scores its own demonstrations, and says when that does nothing', async (t) => {
  const lab = labOf(t);
  const recipe = tinyRecipe({
    algorithm: 'bc',
    algorithmSettings: { steps: 1000, hiddenSize: 16, weighting: 'ra-bc', chunk: 3, kappa: 0.005 },
    reward: [{ reward: 'sarm', settings: { updates: 20 } }],
    experiment: { ...tinyRecipe().experiment, demonstrations: 3, failures: 1, evaluationEpisodes: 2 },
  });
  const { id } = lab.start(recipe, 1);
  assert.equal((await lab.finished(id)).status, 'done');
  const { values } = lab.store.metrics.series(id, { maxPoints: 1000 });
  const mean = values.get('imitation/meanWeight')![0]!;
  assert.ok(mean > 0 && mean < 1, `${mean}`);
  // Time itself always goes on, so every step counts in full.
  const { id: strict } = lab.start({ ...recipe, reward: [{ reward: 'time-ramp' }] }, 1);
  assert.equal((await lab.finished(strict)).status, 'done');
  const alert = lab.run(strict).alerts.find(({ message }) => message.startsWith('RA-BC'));
  assert.equal(alert?.level, 'warning');
  assert.match(alert!.message, /does nothing: .* Try: kappa from/);
});
