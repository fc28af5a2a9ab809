/** `lab suggest-stages` as its user runs it, and SARM fitted on what it finds. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { placeOf, type Suggestions } from '../../lab/cli/suggest-stages.ts';
import { demonstrate, play, sensed } from '../../lab/footage.ts';
import type { FinishedEpisode } from '../../lab/recorder.ts';
import { demonstrationOf } from '../../lab/replay.ts';
import { runEpisodes } from '../../lab/rollout.ts';
import { spearman } from '../../learn/diagnostics/agreement.ts';
import { spansFromStages } from '../../learn/rewards/labels.ts';
import { perceptual, suggestStages } from '../../learn/rewards/perceptual.ts';
import { sarm } from '../../learn/rewards/sarm.ts';
import { openSenses } from '../../learn/rewards/senses.ts';
import type { Demonstration } from '../../learn/rewards/types.ts';
import { type Kernel, openKernel } from '../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { openStore } from '../../store/index.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/project.ts';

const taskSettings = defaultsOf(tasks.drawer.fields);
const model = tasks.drawer.create(taskSettings);

let kernel: Kernel;
before(async () => {
  kernel = await openKernel({ threads: 1 });
});
after(() => kernel.dispose());

/** A run with three demonstrations (episodes 1 to 3, labelled by the simulator) and a failure among them (episode 4). */
async function project(folder: string): Promise<void> {
  const episodes: FinishedEpisode[] = [];
  const onEpisode = (episode: FinishedEpisode): number => episodes.push(episode);
  await runEpisodes({
    model,
    actor: { kind: 'expert', noise: 0 },
    kind: 'demonstration',
    seeds: [1, 2, 3],
    onEpisode,
  });
  await runEpisodes({ model, actor: { kind: 'random' }, kind: 'demonstration', seeds: [4], onEpisode });
  const store = openStore(folder);
  const runId = store.runs.create({
    kind: 'collect',
    name: 'some',
    task: 'drawer',
    algorithm: null,
    seed: 0,
    config: { taskVersion: tasks.drawer.version, taskSettings },
    versions: {},
  });
  for (const episode of episodes) {
    const id = store.episodes.add({ ...episode, runId });
    const stages = episode.columns.find(({ name }) => name === 'trueStage')!.data;
    store.labels.set(id, 'simulator', 'sparse', spansFromStages(stages));
  }
  store.close();
}

test('suggest-stages prints steps of a run, and stores them only when asked', async (t) => {
  const folder = temporaryFolder(t);
  await project(folder);
  const { status, stdout } = await lab('suggest-stages', '1', '--json', '--project', folder);
  assert.equal(status, 0);
  const found = JSON.parse(stdout) as Suggestions;
  assert.deepEqual(
    [found.task, found.written, found.steps, found.failed],
    ['drawer', null, ['approach', 'grasp', 'pull', 'done'], [4]],
  );
  assert.deepEqual(
    found.episodes.map(({ episode, spans }) => [episode, spans.map(({ stage }) => stage)]),
    [1, 2, 3].map((episode) => [episode, [0, 1, 2, 3]]),
  );
  // The handle is let alone from here on: the step of rest begins within a few frames of the simulator's.
  for (const { spans, simulator } of found.episodes)
    assert.ok(Math.abs(spans[3]!.start - simulator.at(-1)!.start) <= 5, `${spans[3]!.start}`);

  const stored = (): Demonstration => {
    const store = openStore(folder);
    const demonstration = demonstrationOf(store, 2, ['observation']);
    store.close();
    return demonstration;
  };
  const { spans, simulator } = found.episodes[1]!;
  assert.deepEqual([stored().stages, stored().denseStages], [simulator, undefined]);
  // Five steps are no stages of this task, but may be a finer scheme beside them.
  const dense = await lab(
    'suggest-stages',
    'episode:2',
    '--steps',
    '5',
    '--write',
    'dense',
    '--project',
    folder,
  );
  assert.equal(dense.status, 0);
  assert.match(dense.stdout, /Stored as labels of scheme dense, source perceptual/);
  assert.deepEqual([stored().stages, stored().denseStages?.length], [simulator, 5]);
  // As sparse labels they go before the simulator's.
  const sparse = await lab('suggest-stages', '1', '--write', 'sparse', '--project', folder);
  assert.equal(sparse.status, 0);
  assert.deepEqual(stored().stages, spans);
});

test('suggest-stages says what it wants', async (t) => {
  const folder = temporaryFolder(t);
  await project(folder);
  for (const [args, message] of [
    [['episode:99'], /found nothing at episode 99, wanted an episode of this project/],
    [['7'], /found nothing at run 7, wanted a run with demonstrations/],
    [['three'], /found "three", wanted a run with demonstrations \(3 or run:3\)/],
    [['1', '--steps', '9', '--write', 'sparse'], /found 9 steps, wanted 4 for labels of scheme sparse/],
    [['1', '--set', 'alignment=sideways'], /alignment/],
  ] as const) {
    const { status, stderr } = await lab('suggest-stages', ...args, '--project', folder);
    assert.equal(status, 2, stderr);
    assert.match(stderr, message);
  }
  assert.deepEqual(placeOf('run:3'), { kind: 'run', id: 3 });
});

test('SARM is fitted on suggested stages, and its progress agrees with the true one', async () => {
  const seeds = [11, 12, 13, 14, 15, 16];
  const footage = play({ model, player: { kind: 'expert', noise: 0.2 }, seeds });
  const { parts, dim } = openSenses(model, ['observation']);
  const demonstrations = footage.map((episode) => ({ ...demonstrate(model, episode), stages: [] }));
  const steps = suggestStages(
    demonstrations,
    { ...defaultsOf(perceptual.fields), steps: model.stages.length },
    { names: parts.flatMap(({ names }) => [...names]) },
  );
  const labelled = demonstrations.map((demonstration, n) => ({ ...demonstration, stages: steps[n]! }));
  const { model: fitted } = await sarm.fit(
    labelled,
    { ...defaultsOf(sarm.fields), updates: 200, holdout: 0.2 },
    {
      compute: kernel,
      seed: 1,
      frameDim: dim,
      layout: { parts, dim },
      stages: model.stages.map(({ id }) => id),
      signal: new AbortController().signal,
      onProgress: () => {},
    },
  );
  const [fresh] = play({ model, player: { kind: 'expert', noise: 0.2 }, seeds: [17] });
  const { perStep } = fitted.score(sensed(model, fresh!, ['observation']), fresh!.length);
  const rank = spearman(perStep, fresh!.truth.progress);
  assert.ok(rank > 0.9, `rank correlation ${rank}`);
});
