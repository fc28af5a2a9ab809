/** Weights of the reward stack, changed while a run trains. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Lab } from '../../lab/lab.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

function labOf(t: TestContext): Lab {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  return lab;
}

const recipe = (critics: string, steps = 60_000) =>
  tinyRecipe({
    algorithmSettings: { ...tinyRecipe().algorithmSettings, steps, critics },
    reward: [{ reward: 'sparse' }, { reward: 'dense', weight: 2 }],
    experiment: { evaluationEpisodes: 4, checkpointEvery: 4000, evaluateEvery: 100_000_000 },
  });

async function until(lab: Lab, now: () => boolean): Promise<void> {
  let cursor = 0;
  while (!now()) cursor = (await lab.events.since(cursor, 1000)).cursor;
}

/** All metrics but times and speeds, as text. */
function curve(lab: Lab, id: number): string {
  const { steps, values } = lab.store.metrics.series(id, { maxPoints: 1_000_000 });
  const named = [...values].filter(([name]) => !/^(time|speed)\//.test(name)).sort();
  return JSON.stringify([[...steps], named.map(([name, series]) => [name, [...series]])]);
}

test('a weight changed in flight counts from its step on, and is kept with the run', async (t) => {
  const lab = labOf(t);
  const { id } = lab.start(recipe('each'), 1);
  await until(lab, () => lab.run(id).done > 4000);
  lab.reweigh(id, 1, 0);
  await until(lab, () => lab.store.weightChanges.of(id).length > 0);
  const [change] = lab.store.weightChanges.of(id);
  assert.deepEqual([change!.line, change!.weight], [1, 0]);
  await until(lab, () => lab.run(id).done > change!.step + 6000);
  lab.stop(id);
  assert.equal((await lab.finished(id)).status, 'paused');
  const { steps, values } = lab.store.metrics.series(id, { maxPoints: 1_000_000 });
  const paid = values.get('reward/task/toGoal')!;
  for (const [i, step] of steps.entries()) {
    if (step <= change!.step) assert.ok(paid[i]! > 0, `paid at ${step}`);
    else assert.equal(paid[i], 0, `off at ${step}`);
  }
  const alert = lab.run(id).alerts.find(({ message }) => message.includes('The weight of dense is 0'));
  assert.equal(alert?.step, change!.step);
});

test('the same changes at the same steps give the same curve, also from before the change after a crash', async (t) => {
  const lab = labOf(t);
  const { id } = lab.start(recipe('one', 24_000), 2);
  await until(lab, () => lab.run(id).done > 2000);
  lab.reweigh(id, 1, 5);
  assert.equal((await lab.finished(id)).status, 'done');
  const [change] = lab.store.weightChanges.of(id);
  assert.ok(change, 'the change came in time');
  // A second run is told beforehand what will be changed, as a resumed one is.
  const { id: other } = lab.start(recipe('one', 24_000), 2);
  lab.store.weightChanges.add(other, change);
  assert.equal((await lab.finished(other)).status, 'done');
  assert.equal(curve(lab, other), curve(lab, id));
  const { id: unchanged } = lab.start(recipe('one', 24_000), 2);
  assert.equal((await lab.finished(unchanged)).status, 'done');
  assert.notEqual(curve(lab, unchanged), curve(lab, id));
});

test('weights of a run that is not training, or of a line that is not there, are refused in words', async (t) => {
  const lab = labOf(t);
  const { id } = lab.start(recipe('one'), 1);
  await until(lab, () => lab.run(id).phase === 'training' && lab.run(id).done > 0);
  assert.throws(() => lab.reweigh(id, 2, 1), /line 2 of its reward stack, wanted 0 to 1/);
  assert.throws(() => lab.reweigh(id, 0, Number.NaN), /weight NaN, wanted a number/);
  lab.stop(id);
  await lab.finished(id);
  assert.throws(() => lab.reweigh(id, 0, 1), /run 1 is not training here/);
  assert.throws(() => lab.reweigh(7, 0, 1), /no run 7/);
});
