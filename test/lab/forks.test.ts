import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ForkActor, ForkReward } from '../../lab/api.ts';
import { Drives } from '../../lab/drive.ts';
import { episodeLineage } from '../../lab/episode-lineage.ts';
import { forkChoices, forkTree, makeFork } from '../../lab/forks.ts';
import { Lab } from '../../lab/lab.ts';
import { unpack } from '../../lab/pack.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const own: ForkReward = { kind: 'own' };

test('forks leave an episode at any frame, go on exactly, replay, and can be forked again', {
  timeout: 240_000,
}, async (t) => {
  const lab = new Lab({ project: join(temporaryFolder(t), 'project'), device: 'wasm' });
  t.after(() => lab.close());
  const { id: runId } = lab.start(tinyRecipe(), 3);
  assert.equal((await lab.finished(runId)).status, 'done');
  const { store } = lab;
  const before = lab.evaluationOf(runId);
  const [parent] = store.episodes.list({ runId, kind: 'evaluation', success: false }).items;
  assert.ok(parent);
  const policy: ForkActor = { kind: 'policy', runId };
  const fork = async (
    by: ForkActor,
    frame: number,
    { of = parent.id, reward = own, steps }: { of?: number; reward?: ForkReward; steps?: number } = {},
  ) => {
    const made = await makeFork(lab, { episodeId: of, frame, by, reward, steps });
    return store.episodes.get(made.id);
  };
  const column = (id: number, name: string) => [...store.episodes.columns(id, [name]).get(name)!.data];

  await t.test('the same policy goes on to the same episode, bit for bit, whatever the frame', async () => {
    for (const frame of [0, 1, Math.floor(parent.length / 2), parent.length - 1]) {
      const child = await fork(policy, frame);
      assert.equal(child.checksum, parent.checksum, `frame ${frame}`);
      assert.deepEqual(child.fork, {
        parent: parent.id,
        frame,
        actor: `the policy of run ${runId} at 4096 steps`,
      });
      for (const name of [
        'action',
        'reward/total',
        'learned/sarm',
        'reward/shaping/sarm/raw',
        'trueProgress',
      ])
        assert.deepEqual(column(child.id, name), column(parent.id, name), name);
      assert.equal(child.rewardHash, parent.rewardHash);
      assert.equal(column(child.id, 'value').length, child.length);
      assert.equal(lab.verify(child.id).ok, true);
    }
  });

  await t.test('the expert turns a failure into a success; the first steps stay the parent’s', async () => {
    const child = await fork({ kind: 'expert' }, 10);
    assert.equal(child.success, true);
    assert.equal(lab.verify(child.id).ok, true);
    assert.deepEqual(column(child.id, 'action').slice(0, 30), column(parent.id, 'action').slice(0, 30));
    assert.deepEqual(
      column(child.id, 'reward/total').slice(0, 10),
      column(parent.id, 'reward/total').slice(0, 10),
    );

    const again = await fork({ kind: 'zero' }, child.length - 2, { of: child.id, steps: 1 });
    assert.equal(again.length, child.length - 1);
    assert.equal(again.runId, child.runId);
    assert.equal(lab.verify(again.id).ok, true);
    const tree = forkTree(lab, again.id);
    assert.equal(tree.root, parent.id);
    assert.deepEqual(tree.branches.find(({ id }) => id === again.id)!.fork, {
      parent: child.id,
      frame: child.length - 2,
      actor: 'zero action',
    });
    assert.deepEqual(
      lab.store.lineage.around(`episode:${again.id}`).map(({ from, to }) => [from, to]),
      [
        [`episode:${parent.id}`, `episode:${child.id}`],
        [`episode:${child.id}`, `episode:${again.id}`],
      ],
    );
  });

  await t.test('chance is seeded: one seed, one episode; another seed, another', async () => {
    const drawn = (seed: number) => fork({ kind: 'policy', runId, seed }, 5);
    const [one, same, other] = [await drawn(1), await drawn(1), await drawn(2)];
    assert.equal(one.checksum, same.checksum);
    assert.notEqual(one.checksum, other.checksum);
    const random = await fork({ kind: 'random', seed: 4 }, 5);
    assert.equal((await fork({ kind: 'random', seed: 4 }, 5)).checksum, random.checksum);
  });

  await t.test(
    'the same moves paid by another reward are a fork; paid by the same they are refused',
    async () => {
      const yaml =
        'name: both\ntask: reach\nalgorithm: ppo\nreward:\n  - reward: sparse\n  - reward: dense\n    weight: 2\n';
      const paid = await fork({ kind: 'recorded' }, parent.length, { reward: { kind: 'recipe', yaml } });
      assert.equal(paid.checksum, parent.checksum);
      assert.equal(paid.fork?.actor, 'the same moves, paid by recipe both');
      assert.notEqual(paid.rewardHash, parent.rewardHash);
      assert.ok('task/distance' in paid.returns || Object.keys(paid.returns).length > 1);
      assert.equal(lab.verify(paid.id).ok, true);
      // Paid again as the run pays, it is the parent to the last bit.
      const back = await fork({ kind: 'recorded' }, 0, { of: paid.id, reward: { kind: 'run', runId } });
      assert.deepEqual(column(back.id, 'reward/total'), column(parent.id, 'reward/total'));
      assert.equal(back.returnTotal, parent.returnTotal);
      assert.deepEqual(
        lab.openEpisode(back.id).learned[0]!.modelHash,
        lab.openEpisode(parent.id).learned[0]!.modelHash,
      );
      await assert.rejects(fork({ kind: 'recorded' }, 0), /would be the same episode/);
    },
  );

  await t.test('what cannot be is refused in words', async () => {
    const all = fork({ kind: 'expert' }, parent.length + 1);
    await assert.rejects(all, new RegExp(`found frame ${parent.length + 1}, wanted 0 to ${parent.length}`));
    await assert.rejects(fork({ kind: 'expert' }, parent.length), /has had all of its|the task is over/);
    await assert.rejects(fork({ kind: 'policy', runId, checkpoint: 999 }, 0), /has no checkpoint 999; found/);
    const collect = store.runs.list().find(({ kind }) => kind === 'collect')!;
    await assert.rejects(fork({ kind: 'policy', runId: collect.id }, 0), /only training runs have a policy/);
    const learned = 'name: x\ntask: reach\nalgorithm: ppo\nreward:\n  - reward: sarm\n';
    await assert.rejects(
      fork({ kind: 'expert' }, 0, { reward: { kind: 'recipe', yaml: learned } }),
      /a fork fits nothing, wanted a stored model/,
    );
    const push = 'name: x\ntask: push\nalgorithm: ppo\nreward:\n  - reward: sparse\n';
    await assert.rejects(
      fork({ kind: 'expert' }, 0, { reward: { kind: 'recipe', yaml: push } }),
      /is for push, wanted one for reach/,
    );
    const gone = new AbortController();
    gone.abort(new Error('no more'));
    const count = store.episodes.list({ limit: 1 }).total;
    await assert.rejects(
      makeFork(lab, { episodeId: parent.id, frame: 3, by: { kind: 'expert' }, reward: own }, gone.signal),
      /no more/,
    );
    assert.equal(store.episodes.list({ limit: 1 }).total, count);
  });

  await t.test(
    'demonstrations can be left, too, and are paid nothing unless something is asked for',
    async () => {
      const [demonstration] = store.episodes.list({ kind: 'demonstration' }).items;
      const child = await fork({ kind: 'zero' }, 4, { of: demonstration!.id });
      assert.equal(child.returnTotal, 0);
      assert.equal(child.rewardHash, null);
      assert.equal(lab.verify(child.id).ok, true);
      const paid = await fork({ kind: 'recorded' }, 4, {
        of: demonstration!.id,
        reward: { kind: 'run', runId },
      });
      assert.notEqual(paid.runId, child.runId);
      assert.deepEqual(Object.keys(paid.returns), Object.keys(parent.returns));
    },
  );

  await t.test('driving by keys, handed over to the expert, is stored with who did what', async () => {
    const drives = new Drives(lab);
    const drive = await drives.start({ episodeId: parent.id, frame: 5, reward: own });
    assert.deepEqual(
      drive.keys.map(({ label, title }) => `${label}: ${title}`),
      ['W: ahead', 'S: back', 'A: left', 'D: right', 'E: up', 'Q: down'],
    );
    assert.equal(drive.opened.episode.length, 5);
    const { session } = drive;
    const first = await drives.step({ session, steps: 2, keys: ['KeyW', 'KeyE', 'ShiftLeft'] });
    assert.deepEqual([first.frame, first.from, first.action], [7, 6, [0.25, 0, 0.25]]);
    const arrays = unpack(await first.data.arrayBuffer());
    assert.equal(arrays['trueProgress']!.length, 2);
    assert.equal(arrays['actions']!.length, 6);
    await assert.rejects(drives.step({ session, steps: 1 }), /found 0 of action, keys and by/);
    await assert.rejects(
      drives.step({ session, steps: 1, action: [2, 0, 0] }),
      /wanted 3 numbers in \[-1, 1\]/,
    );
    let frame = first;
    for (let n = 0; n < 100 && frame.ending === null; n++)
      frame = await drives.step({ session, steps: 5, by: { kind: 'expert' } });
    assert.equal(frame.success, true);
    const whole = await drives.frame({ session, from: 0 });
    const { id } = await drives.finish({ session, keep: true, mark: 'success' });
    const kept = store.episodes.get(id!);
    assert.equal(kept.fork?.actor, 'keyboard, then the expert from step 7, called a success');
    assert.equal(kept.returnTotal, whole.returnTotal);
    assert.deepEqual(
      [...unpack(await whole.data.arrayBuffer())['reward/total']!],
      column(kept.id, 'reward/total'),
    );
    assert.equal(lab.verify(kept.id).ok, true);
    await assert.rejects(drives.frame({ session, from: 0 }), /there is no such session/);
  });

  await t.test('a policy that takes over from a driver goes on as one that saw all of it', async () => {
    const drives = new Drives(lab);
    const { session } = await drives.start({ episodeId: parent.id, frame: 8, reward: own });
    let frame = await drives.step({ session, steps: 10, by: policy });
    while (frame.ending === null) frame = await drives.step({ session, steps: 20, by: policy });
    const { id } = await drives.finish({ session, keep: true, mark: null });
    assert.equal(store.episodes.get(id!).checksum, parent.checksum);
    assert.equal(episodeLineage(lab, id!).checkpoint?.runId, runId);
  });

  await t.test(
    'sessions are few; an abandoned one is kept if something was driven, else thrown away',
    async () => {
      const drives = new Drives(lab, 40);
      const count = store.episodes.list({ limit: 1 }).total;
      const driven = await drives.start({ episodeId: parent.id, frame: 2, reward: own });
      await drives.start({ episodeId: parent.id, frame: 2, reward: own });
      await drives.step({ session: driven.session, steps: 3, keys: [] });
      await new Promise((resolve) => setTimeout(resolve, 120));
      const { total, items } = store.episodes.list({ sort: 'id', descending: true, limit: 1 });
      assert.equal(total, count + 1);
      assert.deepEqual([items[0]!.fork?.actor, items[0]!.length], ['keyboard, abandoned', 5]);
      for (let n = 0; n < 4; n++) await drives.start({ episodeId: parent.id, frame: 2, reward: own });
      await assert.rejects(
        drives.start({ episodeId: parent.id, frame: 2, reward: own }),
        /at most 4 at a time/,
      );
      drives.close();
    },
  );

  await t.test('forks live in a run of their own and leave the parent’s success as it was', () => {
    assert.deepEqual(lab.evaluationOf(runId), before);
    const forks = store.runs.list().filter(({ config }) => config['forksOf'] === runId);
    assert.deepEqual(
      forks.map(({ name, kind, status }) => [name, kind, status]),
      [
        [`forks of run ${runId}: tiny`, 'evaluate', 'done'],
        [`forks of run ${runId}: tiny, paid by recipe both`, 'evaluate', 'done'],
      ],
    );
    const edges = lab.lineage(`run:${runId}`).edges;
    assert.ok(
      edges.some(
        ({ from, to, role }) =>
          from === `episodes:${runId}` && to === `episodes:${forks[0]!.id}` && role === 'forked',
      ),
    );
    const choices = forkChoices(lab, parent.id, 3);
    assert.equal(choices.policies[0]!.runId, runId);
    assert.equal(choices.policies[0]!.draws, true);
    assert.equal(choices.own, 'sparse, 5 x sarm');
    assert.equal(choices.closed, null);
  });

  await t.test(
    'the lineage of an episode names its run, policy, model, demonstrations and their labels',
    () => {
      const { run, checkpoint, models, forks, edges } = episodeLineage(lab, parent.id);
      assert.equal(run.id, runId);
      assert.equal(checkpoint?.step, 4096);
      assert.equal(models[0]!.method, 'sarm');
      assert.equal(models[0]!.hash, store.models.get(models[0]!.id).hash);
      assert.equal(models[0]!.demonstrations.count, 6);
      assert.deepEqual(models[0]!.demonstrations.labels, [{ source: 'simulator', episodes: 6 }]);
      assert.ok(forks.length > 5);
      assert.ok(edges.some(({ to, role }) => to === `episode:${parent.id}` && role === 'played'));
    },
  );
});
