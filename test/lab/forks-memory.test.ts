/** Going on with policies that remember or plan: they have seen the frames before the fork, so the same one comes to the same end. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForkActor, ForkReward, Recipe } from '../../lab/api.ts';
import { Drives } from '../../lab/drive.ts';
import { makeFork } from '../../lab/forks.ts';
import { Lab } from '../../lab/lab.ts';
import type { EpisodeRow } from '../../store/types.ts';
import { temporaryFolder } from '../support/project.ts';

const own: ForkReward = { kind: 'own' };

const recipes: Readonly<Record<string, Recipe>> = {
  'PPO with a memory': {
    name: 'memory',
    task: 'reach',
    algorithm: 'ppo',
    algorithmSettings: {
      steps: 2048,
      worlds: 8,
      stepsPerWorld: 64,
      minibatch: 128,
      epochs: 2,
      hiddenSize: 16,
      memory: 'gru',
      memorySize: 8,
      memoryWindow: 16,
    },
    reward: [{ reward: 'dense' }],
    experiment: { evaluationEpisodes: 3, shortEvaluationEpisodes: 2, evaluateEvery: 2048 },
  },
  'CEM, a plan': {
    name: 'plan',
    task: 'reach',
    algorithm: 'cem',
    algorithmSettings: {
      steps: 80,
      worlds: 2,
      stepsPerWorld: 20,
      planSteps: 5,
      population: 8,
      elites: 3,
      rounds: 2,
    },
    reward: [{ reward: 'dense' }],
    experiment: { evaluationEpisodes: 3, shortEvaluationEpisodes: 2 },
  },
};

for (const [title, recipe] of Object.entries(recipes)) {
  test(`${title}: the policy goes on from any frame of its own episode with the same bits, also after somebody drove`, {
    timeout: 240_000,
  }, async (t) => {
    const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
    t.after(() => lab.close());
    const { id: runId } = lab.start(recipe, 3);
    assert.equal((await lab.finished(runId)).status, 'done');
    const { store } = lab;
    // Not the first: in an evaluation its world stood beside others.
    const parent = store.episodes.list({ runId, kind: 'evaluation' }).items.at(-1)!;
    const policy: ForkActor = { kind: 'policy', runId };
    const fork = async (of: EpisodeRow, frame: number, by: ForkActor = policy): Promise<EpisodeRow> =>
      store.episodes.get((await makeFork(lab, { episodeId: of.id, frame, by, reward: own })).id);

    for (const frame of [0, 1, Math.floor(parent.length / 2), parent.length - 1]) {
      const child = await fork(parent, frame);
      assert.equal(child.checksum, parent.checksum, `frame ${frame}`);
      assert.equal(lab.verify(child.id).ok, true);
    }

    // What it did not do itself it has seen all the same: from there on it is one that went through all of it.
    const strange = await fork(parent, 5, { kind: 'random', seed: 4 });
    const once = await fork(strange, 10);
    const twice = await fork(once, 20);
    assert.equal(twice.checksum, once.checksum);
    assert.notEqual(once.checksum, parent.checksum);

    // A driver who hands over, and back, and over again.
    const drives = new Drives(lab);
    const { session } = await drives.start({ episodeId: parent.id, frame: 8, reward: own });
    let frame = await drives.step({ session, steps: 10, by: policy });
    while (frame.ending === null) frame = await drives.step({ session, steps: 20, by: policy });
    const { id } = await drives.finish({ session, keep: true, mark: null });
    assert.equal(store.episodes.get(id!).checksum, parent.checksum);

    const mixed = await drives.start({ episodeId: parent.id, frame: 4, reward: own });
    const turn = (by: ForkActor, steps: number) => drives.step({ session: mixed.session, steps, by });
    await turn(policy, 3);
    await turn({ kind: 'zero' }, 4);
    let last = await turn(policy, 5);
    while (last.ending === null) last = await turn(policy, 20);
    const kept = await drives.finish({ session: mixed.session, keep: true, mark: null });
    // Frame 11 is where it took over for good.
    const again = await fork(store.episodes.get(kept.id!), 11);
    assert.equal(again.checksum, store.episodes.get(kept.id!).checksum);

    // It cannot be drawn from, and says why.
    await assert.rejects(
      fork(parent, 3, { kind: 'policy', runId, seed: 1 }),
      /with a memory cannot be drawn from|has no chances to draw actions by/,
    );
  });
}
