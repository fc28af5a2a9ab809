/** `lab history` and `lab bench` as their user runs them. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FinishedEpisode } from '../../lab/recorder.ts';
import { runEpisodes } from '../../lab/rollout.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { openStore } from '../../store/index.ts';
import { lab } from '../support/lab.ts';
import { temporaryFolder } from '../support/project.ts';

/** A project with a sound episode and one that says it diverged after 3 steps. */
async function project(folder: string): Promise<void> {
  const taskSettings = { ...defaultsOf(tasks.cartpole.fields), horizon: 3 };
  const episodes: FinishedEpisode[] = [];
  await runEpisodes({
    model: tasks.cartpole.create(taskSettings),
    actor: { kind: 'random' },
    kind: 'random',
    seeds: [1],
    onEpisode: (episode) => episodes.push(episode),
  });
  const store = openStore(folder);
  const runId = store.runs.create({
    kind: 'collect',
    name: 'odd',
    task: 'cartpole',
    algorithm: null,
    seed: 0,
    config: { taskVersion: tasks.cartpole.version, taskSettings },
    versions: {},
  });
  const history = Float64Array.of(2, 0, 5, 0, 1, 0, 3, 0.1, 5, Number.NaN, Number.POSITIVE_INFINITY, 0);
  store.episodes.add({ ...episodes[0]!, runId });
  store.episodes.add({
    ...episodes[0]!,
    runId,
    ending: 'diverged',
    columns: [...episodes[0]!.columns, { name: 'history', width: 6, data: history }],
  });
  store.close();
}

test('history shows the last states of a diverged episode and names what broke', async (t) => {
  const folder = temporaryFolder(t);
  await project(folder);
  const { status, stdout } = await lab('history', '2', '--json', '--project', folder);
  assert.equal(status, 0);
  const { fields, ...rest } = JSON.parse(stdout) as { fields: { name: string }[] };
  assert.deepEqual(rest, {
    task: 'cartpole',
    version: 1,
    firstStep: 2,
    states: [
      [2, 0, 5, 0, 1, 0],
      [3, 0.1, 5, 'NaN', 'Infinity', 0],
    ],
    broken: 'theta is NaN',
  });
  assert.deepEqual(fields.slice(0, 2), [
    { name: 'step', offset: 0, size: 1, unit: 'steps' },
    { name: 'x', offset: 1, size: 1, unit: 'm' },
  ]);
  const text = await lab('history', '2', '--project', folder);
  assert.match(text.stdout, /^cartpole version 1: in the last state theta is NaN\.\n/);
  assert.match(text.stdout, /\n3 {2}3 0\.1 5 NaN Infinity 0\n$/);

  const sound = await lab('history', '1', '--project', folder);
  assert.equal(sound.status, 2);
  assert.match(sound.stderr, /Episode 1 ended as truncated; only a diverged one keeps its last states/);
  const missing = await lab('history', '9', '--project', folder);
  assert.deepEqual([missing.status, /There is no episode 9/.test(missing.stderr)], [1, true]);
});

test('bench lists what can be measured and refuses other names', async () => {
  const { status, stdout } = await lab('bench', '--json');
  assert.equal(status, 0);
  const { benchmarks } = JSON.parse(stdout) as { benchmarks: string[] };
  assert.ok(['sim', 'store', 'train'].every((name) => benchmarks.includes(name)));
  const wrong = await lab('bench', 'sin');
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /unknown benchmark "sin"; did you mean "sim"/);
});
