import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCheckpoint } from '../../lab/checkpoint.ts';
import { Lab } from '../../lab/lab.ts';
import { joinStill, unpack } from '../../lab/pack.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

test('a recipe runs from demonstrations to evaluation, and everything it made can be found again', async (t) => {
  const lab = new Lab({ project: temporaryFolder(t), device: 'wasm' });
  t.after(() => lab.close());
  const { id } = lab.start(tinyRecipe(), 3);
  const run = await lab.finished(id);
  assert.equal(run.status, 'done', run.error ?? '');
  assert.equal(run.evaluation?.episodes, 10);
  assert.equal(run.device, 'wasm');
  assert.match(run.rewardHash ?? '', /^[0-9a-f]{16}$/);

  // demonstrations -> reward model -> run -> checkpoint -> evaluation episodes
  const { nodes, edges } = lab.lineage(`run:${id}`);
  const roles = edges.map((edge) => edge.role).sort();
  assert.deepEqual(roles, [
    'demonstrations',
    'demonstrations',
    'evaluated',
    'fitted',
    'reward/0'.replace('0', '1'),
    'trained',
  ]);
  assert.deepEqual([...new Set(nodes.map((node) => node.kind))].sort(), [
    'checkpoint',
    'episodes',
    'model',
    'run',
  ]);

  // Demonstrations carry labels and learned scores; training episodes carry every term.
  const [demo] = lab.store.episodes.list({ kind: 'demonstration', limit: 1 }).items;
  assert.ok(lab.store.labels.get(demo!.id).length > 0);
  assert.equal(lab.store.scores.of(demo!.id).length, 1);
  const [training] = lab.store.episodes.list({ runId: id, kind: 'training', limit: 1 }).items;
  const opened = lab.openEpisode(training!.id);
  assert.deepEqual(opened.terms, ['task/success', 'shaping/sarm']);
  const arrays = unpack(opened.data);
  const T = opened.episode.length;
  assert.equal(joinStill(arrays, 'poses', T + 1)!.length, (T + 1) * opened.bodies.length * 7);
  for (const term of opened.terms) {
    const [raw, weight, product] = ['raw', 'weight', 'product'].map(
      (part) => arrays[`reward/${term}/${part}`]!,
    );
    assert.equal(raw!.length, T);
    for (let step = 0; step < T; step++) assert.equal(product![step], raw![step]! * weight![step]!);
  }
  for (let step = 0; step < T; step++) {
    const sum = opened.terms.reduce((total, term) => total + arrays[`reward/${term}/product`]![step]!, 0);
    assert.ok(Math.abs(sum - arrays['reward/total']![step]!) < 1e-12);
  }
  assert.equal(arrays['learned/sarm']!.length, T + 1);
  assert.equal(arrays['trueProgress']!.length, T + 1);

  // Every stored episode replays exactly.
  const ids = lab.store.episodes.ids();
  assert.ok(ids.length > 6 + 10);
  for (const episode of ids) assert.deepEqual(lab.verify(episode).ok, true);
});

for (const [task, device] of [
  ['reach', 'wasm'],
  ['cartpole', 'kernel'],
  ['pendulum', 'kernel'],
] as const)
  test(`a run of ${task} on ${device} that is stopped and resumed ends exactly like one that was never stopped`, async (t) => {
    const recipe = tinyRecipe({ task, reward: [{ reward: 'sparse' }, { reward: 'dense' }] });
    const ends = [];
    for (const interrupted of [false, true]) {
      const lab = new Lab({ project: temporaryFolder(t), device });
      const { id } = lab.start(recipe, 7);
      if (interrupted) {
        // Stop after the first metrics, wherever that is.
        let cursor = 0;
        for (;;) {
          const news = await lab.events.since(cursor, 1000);
          cursor = news.cursor;
          if (news.events.some((event) => event.type === 'metrics')) break;
        }
        lab.stop(id);
        assert.equal((await lab.finished(id)).status, 'paused');
        lab.resume(id);
      }
      const run = await lab.finished(id);
      assert.equal(run.status, 'done', run.error ?? '');
      const { learner, env } = openCheckpoint(lab.store.checkpoints.latest(id)!.bytes);
      const episodes = lab.store.episodes
        .list({ runId: id, sort: 'id', descending: false, limit: 10_000 })
        .items.map((e) => `${e.kind} ${e.seed} ${e.checksum} ${e.returnTotal}`)
        .sort();
      for (const episode of lab.store.episodes.ids({ runId: id })) assert.ok(lab.verify(episode).ok);
      ends.push({ learner: Buffer.from(learner).toString('hex'), states: [...env['env/states']!], episodes });
      await lab.close();
    }
    assert.equal(ends[0]!.learner === ends[1]!.learner, true, 'learner bytes differ');
    assert.deepEqual(ends[1]!.states, ends[0]!.states);
    assert.deepEqual(ends[1]!.episodes, ends[0]!.episodes);
  });

test('the same recipe and seed give the same episodes, another seed gives others', async (t) => {
  const recipe = tinyRecipe({ reward: [{ reward: 'sparse' }] });
  const sums: string[] = [];
  for (const seed of [1, 1, 2]) {
    const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
    const { id } = lab.start(recipe, seed);
    await lab.finished(id);
    sums.push(
      lab.store.episodes
        .list({ runId: id, kind: 'training', limit: 10_000, sort: 'id', descending: false })
        .items.map((e) => e.checksum)
        .join(),
    );
    await lab.close();
  }
  assert.equal(sums[0], sums[1]);
  assert.notEqual(sums[0], sums[2]);
});
