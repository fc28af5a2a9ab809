import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ModelCard } from '../../lab/model-card.ts';
import type { RewardEvaluation } from '../../lab/reward-evaluation.ts';
import { openStore } from '../../store/index.ts';
import { lab } from '../support/lab.ts';

test('a stored model is judged by the command line, and its card shows data, versions and what was found', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'reward-lab-eval-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const project = ['--project', folder];
  const flags = ['--task', 'reach', '--episodes', '6', '--failures', '2', '--noise', '0.2'];
  assert.equal((await lab('collect', ...flags, ...project)).status, 0);
  assert.equal(
    (await lab('fit', '--from', '1', '--method', 'time-contrastive', '--set', 'updates=60', ...project))
      .status,
    0,
  );
  const before = JSON.parse((await lab('model', '1', ...project, '--json')).stdout) as ModelCard;
  assert.deepEqual(
    [before.method, before.task, before.evaluation, before.data.demonstrations, before.data.failures],
    ['time-contrastive', 'reach', null, 6, 2],
  );
  assert.match(before.data.hash, /^[0-9a-f]{16}$/);
  // Episodes that nobody has scored yet: scored once, then read from the cache.
  assert.equal(
    (await lab('collect', '--task', 'reach', '--policy', 'random', '--episodes', '4', ...project)).status,
    0,
  );
  const judge = () =>
    lab(
      ...['eval-reward', '--task', 'reach', '--models', '1', '--episodes', '3', '--demonstrations', '6'],
      ...['--failures', '2', '--run', '3', ...project, '--json'],
    );
  const judged = await judge();
  assert.equal(judged.status, 0, judged.stderr);
  assert.match(judged.stderr, /2\/7 {2}loading model 1/);
  const found = JSON.parse(judged.stdout) as RewardEvaluation;
  assert.deepEqual([found.models[0]!.key, found.models[0]!.hash], ['time-contrastive #1', before.hash]);
  const card = JSON.parse(
    (await lab('model', before.hash.slice(0, 8), ...project, '--json')).stdout,
  ) as ModelCard;
  assert.equal(card.data.hash, before.data.hash);
  assert.equal(card.evaluation!.command, found.command);
  assert.deepEqual(card.evaluation!.tables[0]!.cells, found.tables[0]!.rows[0]!.cells);
  assert.deepEqual(Object.keys(card.evaluation!.tables[0]!.baselines), [
    'constant',
    'time-ramp',
    'shuffled-frames',
  ]);
  // For the model's card, and the whole of it for the window.
  assert.deepEqual(readdirSync(join(folder, 'evaluations')).sort(), [`${card.hash}.json`, 'task-reach.json']);
  const text = (await lab('model', '1', ...project)).stdout;
  assert.match(text, /6 demonstrations, 6 of them succeeded, 2 failures/);
  assert.match(text, /VOC|voc/);
  assert.equal((await lab('model', '7', ...project)).status, 2);
  assert.match(found.command, /--run 3/);
  assert.deepEqual([found.groups.at(-1)!.id, found.groups.at(-1)!.episodes], ['stored', 4]);
  const store = openStore(folder);
  const ids = store.episodes.ids({ runId: 3 });
  for (const id of ids) {
    const perStep = store.scores.get(id, card.hash)!;
    assert.equal(perStep.length, store.episodes.get(id).length + 1);
    store.scores.put(id, card.hash, perStep.fill(0.25));
  }
  store.close();
  const second = JSON.parse((await judge()).stdout) as RewardEvaluation;
  const levels = second.tables.find(({ id }) => id === 'levels')!;
  assert.equal(levels.rows[1]!.cells['stored']!.value, 0.25);
  writeFileSync(join(folder, 'evaluations', `${card.hash}.json`), '{"at":');
  const damaged = await lab('model', '1', ...project);
  assert.equal(damaged.status, 1);
  assert.match(damaged.stderr, /evaluations.*cannot be read .*delete it and judge anew/);
});
