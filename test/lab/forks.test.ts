import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ForkActor, ForkReward } from '../../lab/api.ts';
import { Drives } from '../../lab/drive.ts';
import { episodeLineage } from '../../lab/episode-lineage.ts';
import { forkChoices, forkTree, makeFork } from '../../lab/forks.ts';
import { Lab } from '../../lab/lab.ts';
import { elementName } from '../../lab/landscape.ts';
import { unpack } from '../../lab/pack.ts';
import { replay, taskModelOf } from '../../lab/replay.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

const own: ForkReward = { kind: 'own' };
const yaml =
  'name: both\ntask: reach\nalgorithm: ppo\nreward:\n  - reward: sparse\n  - reward: dense\n    weight: 2\n';

test('forks leave an episode at any frame, go on exactly, replay, and can be forked again', {
  timeout: 240_000,
}, async (t) => {
  const lab = new Lab({ project: join(temporaryFolder(t), 'project'), device: 'kernel' });
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

  await t.test(
    'from an edited state on: its start is stored, it replays, and says what was edited',
    async () => {
      const model = taskModelOf(store.runs.get(runId));
      const { stateDim: dim } = model;
      const statesOf = (id: number) =>
        replay(model, store.episodes.get(id), store.episodes.columns(id)).states;
      const frame = 12;
      const recorded = statesOf(parent.id).slice(frame * dim, (frame + 1) * dim);
      const at = model.stateLayout.find(({ name, size }) => /goal/i.test(name) && size >= 2)!.offset;
      const state = [...recorded];
      state[at] = recorded[at]! - 0.03;
      state[at + 1] = recorded[at + 1]! + 0.04;
      const ask = { episodeId: parent.id, frame, state, reward: own };
      const made = async (by: ForkActor, more: object = {}) =>
        store.episodes.get((await makeFork(lab, { ...ask, by, ...more })).id);

      const child = await made({ kind: 'expert' });
      assert.equal(child.success, true);
      assert.equal(lab.verify(child.id).ok, true);
      assert.deepEqual([...statesOf(child.id).slice(0, dim)], state);
      const name = (i: number) => elementName(model.stateLayout, at + i);
      const edited = {
        episode: parent.id,
        frame,
        steps: frame,
        changes: [0, 1].map((i) => ({ name: name(i), from: recorded[at + i]!, to: state[at + i]! })),
      };
      assert.deepEqual(child.fork, { parent: parent.id, frame: 0, actor: 'the expert', edited });
      assert.ok(child.length <= model.horizon - frame);
      // The reward is that of an episode which begins there: paid again by the same stack it is the same.
      const again = await fork({ kind: 'recorded' }, child.length, {
        of: child.id,
        reward: { kind: 'recipe', yaml },
      });
      assert.deepEqual(
        column(again.id, 'reward/task/success/raw'),
        column(child.id, 'reward/task/success/raw'),
      );
      assert.equal(again.checksum, child.checksum);

      // The same moves from there come to another end than the parent's; the policy sees the edited state first.
      const moves = await made({ kind: 'recorded' });
      assert.equal(moves.length, parent.length - frame);
      assert.deepEqual(column(moves.id, 'action'), column(parent.id, 'action').slice(frame * 3));
      assert.notEqual(column(moves.id, 'trueProgress')[0], column(parent.id, 'trueProgress')[frame]);
      const acted = await made(policy, { steps: 5 });
      assert.equal(acted.length, 5);
      assert.equal(lab.verify(acted.id).ok, true);

      // A fork of it shares its start, and one edited anew counts its steps on.
      const grandchild = await fork({ kind: 'zero' }, 3, { of: child.id, steps: 2 });
      assert.deepEqual(grandchild.fork, { parent: child.id, frame: 3, actor: 'zero action', edited });
      assert.equal(lab.verify(grandchild.id).ok, true);
      const later = statesOf(child.id).slice(2 * dim, 3 * dim);
      later[at] = later[at]! + 0.01;
      const twice = await made({ kind: 'zero' }, { episodeId: child.id, frame: 2, state: [...later] });
      assert.equal(twice.fork?.edited?.steps, frame + 2);
      const { branches } = forkTree(lab, twice.id);
      assert.deepEqual(
        [parent, child, grandchild, twice].map(({ id }) => branches.find((one) => one.id === id)?.begins),
        [0, frame, frame, frame + 2],
      );
      const lineage = episodeLineage(lab, child.id);
      assert.match(
        lineage.parent!.edited!,
        new RegExp(`^${name(0).replace(/[[\]]/g, '\\$&')} [-.\\d]+ to [-.\\d]+, `),
      );
      assert.ok(lineage.edges.some(({ role }) => role.startsWith(`edited at ${frame}: ${name(0)} `)));
      assert.deepEqual(store.episodes.ids({ filter: 'edited:true' }).length, 6);

      // Driving from there, too.
      const drives = new Drives(lab);
      const { session, opened } = await drives.start(ask);
      assert.equal(opened.episode.length, 0);
      await drives.step({ session, steps: 4, keys: ['KeyW'] });
      const driven = await drives.finish({ session, keep: true, mark: null });
      assert.deepEqual(store.episodes.get(driven.id!).fork?.edited, edited);
      assert.equal(lab.verify(driven.id!).ok, true);

      // Unedited it is a fork like any other.
      assert.deepEqual((await made({ kind: 'expert' }, { state: [...recorded] })).fork, {
        parent: parent.id,
        frame,
        actor: 'the expert',
      });
      assert.deepEqual(forkChoices(lab, ask).changes.length, 2);
      const broken = [...state];
      broken[at] = Number.NaN;
      await assert.rejects(made({ kind: 'expert' }, { state: broken }), /is NaN, wanted a finite number/);
      await assert.rejects(made({ kind: 'expert' }, { state: [1, 2] }), new RegExp(`wanted ${dim}`));
      for (const step of [-3, 1.5])
        await assert.rejects(
          made({ kind: 'expert' }, { state: [step, ...state.slice(1)] }),
          /wanted a whole number from 0 to \d+: it counts the steps/,
        );
      await assert.rejects(
        made({ kind: 'expert' }, { state: [model.horizon, ...state.slice(1)] }),
        /has had all of its/,
      );
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
    const arrays = unpack(first.data);
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
    assert.deepEqual([...unpack(whole.data)['reward/total']!], column(kept.id, 'reward/total'));
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
    const choices = forkChoices(lab, { episodeId: parent.id, frame: 3 });
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
