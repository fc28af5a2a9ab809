import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lab } from '../../lab/lab.ts';
import { demonstrationOf, denseSourceOf } from '../../lab/replay.ts';
import { sarm } from '../../learn/rewards/sarm.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const recipe = tinyRecipe({
  reward: [
    { reward: 'sparse' },
    { reward: 'sarm', use: 'shaping', weight: 5, settings: { updates: 20, scheme: 'dense' } },
  ],
  algorithmSettings: { ...tinyRecipe().algorithmSettings, steps: 512 },
});

test('demonstrations are stored with dense stages, which reach the fit; somebody else’s go before the simulator’s', async (t) => {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  const run = await lab.finished(lab.start(recipe, 3).id);
  assert.equal(run.status, 'done', run.error ?? '');

  // reach: on the way, there. Its stage of work in two halves, and done.
  const ids = lab.store.episodes.ids({ kind: 'demonstration' });
  const [first, second] = ids as [number, number];
  const { stages, denseStages, length } = demonstrationOf(lab.store, first, ['observation']);
  assert.deepEqual(
    stages.map(({ stage }) => stage),
    [0, 1],
  );
  assert.deepEqual(
    denseStages!.map(({ stage }) => stage),
    [0, 1, 2],
  );
  assert.equal(denseStages![1]!.end, stages[0]!.end);
  const [model] = lab.store.models.list();
  const fitted = sarm.load(lab.store.models.bytes(model!.id));
  assert.deepEqual(fitted.stages, ['dense1', 'dense2', 'dense3']);

  const { labels } = lab.store;
  assert.equal(denseSourceOf(lab.store, ids), 'simulator');
  labels.set(first, 'Ada', 'sparse', [{ stage: 1, start: 0, end: length + 1 }]);
  labels.set(second, 'Ada', 'dense', [{ stage: 4, start: 0, end: 3 }]);
  // Sparse stages are the same for everybody, dense ones are not: one source for all of a fit.
  assert.equal(denseSourceOf(lab.store, ids), 'Ada');
  const [one, two] = [first, second].map((id) => demonstrationOf(lab.store, id, ['observation'], 'Ada'));
  assert.deepEqual(one!.stages, [{ stage: 1, start: 0, end: length + 1 }]);
  assert.equal(one!.denseStages, undefined);
  assert.deepEqual(two!.denseStages, [{ stage: 4, start: 0, end: 3 }]);

  labels.set(first, 'Ben', 'sparse', [{ stage: 1, start: 0, end: length + 1 }]);
  labels.set(first, 'Ben', 'dense', [{ stage: 1, start: 0, end: length + 1 }]);
  assert.throws(
    () => demonstrationOf(lab.store, first, ['observation'], 'Ada'),
    /Episode \d+: found stage labels by Ada and Ben, wanted those of one of them/,
  );
  assert.throws(() => denseSourceOf(lab.store, ids), /Dense stage labels: found some by Ben and Ada, wanted/);
});
