/** The worlds of a run while it trains: what is shown is what is simulated, and nobody who looks changes anything. */

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { selfPlayRecipe } from '../../lab/cli/self-play.ts';
import { Lab } from '../../lab/lab.ts';
import { liveFrame, liveScene } from '../../lab/live.ts';
import { FeedReader, FeedWriter, openFeed } from '../../lab/live-feed.ts';
import { joinStill, unpack } from '../../lab/pack.ts';
import { temporaryFolder, tinyRecipe } from '../support/project.ts';

function labOf(t: TestContext): Lab {
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  return lab;
}

const recipe = (steps: number) =>
  tinyRecipe({
    algorithmSettings: { ...tinyRecipe().algorithmSettings, steps },
    experiment: {
      ...tinyRecipe().experiment,
      record: 'all',
      evaluateEvery: 100_000_000,
      checkpointEvery: 8192,
    },
  });

/** All metrics but times and speeds, as text. */
function curve(lab: Lab, id: number): string {
  const { steps, values } = lab.store.metrics.series(id, { maxPoints: 1_000_000 });
  const named = [...values].filter(([name]) => !/^(time|speed)\//.test(name)).sort();
  return JSON.stringify([[...steps], named.map(([name, series]) => [name, [...series]])]);
}

const ask = { runId: 1, worlds: 8, since: 0, waitMs: 500 };

test('worlds that are looked at are those of the recorded episodes, and looking changes no bit of the run', async (t) => {
  const lab = labOf(t);
  const { id } = lab.start(recipe(12_000), 3);
  const before = await liveFrame(() => lab.live(id), { ...ask, runId: id, waitMs: 0 });
  assert.equal(before.state, 'none');
  assert.match(before.reason, /its worlds are shown while it trains/);
  const seen: Record<string, ReturnType<typeof unpack>[string]>[] = [];
  let since = 0;
  const end = lab.finished(id);
  let isOver = false;
  void end.then(() => {
    isOver = true;
  });
  let scene: ReturnType<typeof liveScene> | undefined;
  while (!isOver) {
    const frame = await liveFrame(() => lab.live(id), { ...ask, runId: id, since });
    if (frame.state === 'none') await new Promise((resolve) => setTimeout(resolve, 5));
    if (frame.state !== 'live') continue;
    assert.ok(frame.sequence > since);
    since = frame.sequence;
    const run = lab.live(id);
    if (typeof run !== 'string') scene ??= liveScene(run);
    seen.push(unpack(frame.data!));
  }
  assert.equal((await end).status, 'done');
  assert.ok(seen.length >= 3, `${seen.length} snapshots`);
  assert.deepEqual([scene!.worlds, scene!.watchable, scene!.learned], [8, 8, ['sarm']]);

  const episodes = lab.store.episodes.ids({ runId: id, kind: 'training' }).map((one) => lab.openEpisode(one));
  const frames = new Map<string, { progress: number; learned: number }>();
  const width = scene!.bodies.length * 7;
  for (const { data, episode } of episodes) {
    const arrays = unpack(data);
    const poses = joinStill(arrays, 'poses', episode.length + 1)!;
    const { trueProgress, 'learned/sarm': learned } = arrays;
    for (let k = 0; k * width < poses.length; k++)
      frames.set(`${k} ${[...poses.subarray(k * width, (k + 1) * width)]}`, {
        progress: trueProgress![k]!,
        learned: learned![k]!,
      });
  }
  let matched = 0;
  for (const { poses, episodeStep, progress, 'learned/0': learned } of seen) {
    for (let world = 0; world < 8; world++) {
      const row = [...poses!.subarray(world * width, (world + 1) * width)];
      const frame = frames.get(`${episodeStep![world]} ${row}`);
      // What was going on when the run ended was not recorded.
      if (frame === undefined) continue;
      matched++;
      assert.deepEqual([progress![world], learned![world]], [frame.progress, frame.learned]);
    }
  }
  assert.ok(matched >= 0.5 * seen.length * 8, `${matched} of ${seen.length * 8} rows`);

  // By the model of the first, so that it is not fitted twice.
  const model = lab.modelsOf(id).get(1)!.id;
  const reward = recipe(12_000).reward.map((line) =>
    line.reward === 'sarm' ? { ...line, settings: {}, model } : line,
  );
  const { id: alone } = lab.start({ ...recipe(12_000), reward }, 3);
  assert.equal((await lab.finished(alone)).status, 'done');
  assert.equal(curve(lab, alone), curve(lab, id));
  const bytes = (run: number) => lab.newestCheckpoint(run).bytes;
  assert.deepEqual(bytes(alone), bytes(id));
  assert.match(String(lab.live(id)), /run \d+ is done; its worlds are shown while it trains/);
});

test('the games of self-play are watched, of both sides in turn, and looking changes no bit of them either', async (t) => {
  const lab = labOf(t);
  const selfPlay = (): number => {
    const recipe = selfPlayRecipe({ task: 'tag', algorithm: 'ppo' });
    return lab.start(
      {
        ...recipe,
        algorithmSettings: { ...tinyRecipe().algorithmSettings, steps: 8192 },
        experiment: {
          ...recipe.experiment,
          evaluationEpisodes: 2,
          shortEvaluationEpisodes: 2,
          evaluateEvery: 100_000_000,
          checkpointEvery: 4096,
        },
        selfPlay: { games: 2 },
      },
      3,
    ).id;
  };
  const id = selfPlay();
  let scene: ReturnType<typeof liveScene> | undefined;
  const sequences = new Set<number>();
  let isOver = false;
  const end = lab.finished(id).finally(() => {
    isOver = true;
  });
  let since = 0;
  const moved = new Map<number, Set<number>>();
  while (!isOver) {
    const frame = await liveFrame(() => lab.live(id), { ...ask, runId: id, worlds: 16, since });
    if (frame.state === 'none') await new Promise((resolve) => setTimeout(resolve, 5));
    if (frame.state !== 'live') continue;
    const run = lab.live(id);
    if (typeof run !== 'string') scene ??= liveScene(run);
    since = frame.sequence;
    sequences.add(since);
    const { episodeStep, returns } = unpack(frame.data!);
    assert.equal(episodeStep!.length, 16);
    for (const [world, step] of episodeStep!.entries()) {
      assert.ok(Number.isInteger(step) && step >= 0 && step <= 120 && Number.isFinite(returns![world]));
      moved.set(world, (moved.get(world) ?? new Set()).add(step));
    }
  }
  assert.equal((await end).status, 'done');
  assert.ok(sequences.size >= 3, `${sequences.size} snapshots`);
  assert.deepEqual([scene!.worlds, scene!.watchable, scene!.learned], [16, 16, []]);
  assert.deepEqual(scene!.learns.slice(0, 4), ['taggers', 'runners', 'taggers', 'runners']);
  // Games of both halves go on.
  for (const world of [0, 1]) assert.ok(moved.get(world)!.size > 1, `world ${world}`);
  const alone = selfPlay();
  assert.equal((await lab.finished(alone)).status, 'done');
  assert.equal(curve(lab, alone), curve(lab, id));
  assert.deepEqual(lab.newestCheckpoint(alone).bytes, lab.newestCheckpoint(id).bytes);
});

test('a watcher that vanished costs nothing after three seconds', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const feed = openFeed(2, 0, 100);
  const [reader, writer] = [new FeedReader(feed), new FeedWriter(feed)];
  assert.equal(writer.isDue(0), false);
  reader.ask(16);
  assert.equal(writer.isDue(0), true);
  assert.equal(writer.isDue(79), false, 'twelve a second');
  assert.equal(writer.isDue(80), true);
  t.mock.timers.tick(2000);
  reader.ask(16);
  t.mock.timers.tick(2900);
  assert.equal(reader.isWatched, true);
  t.mock.timers.tick(200);
  assert.equal(reader.isWatched, false);
  assert.equal(writer.isDue(1000), false);
});

test('snapshots are whole: the newest one is read, with as many worlds as were asked for', () => {
  const feed = openFeed(2, 1, 100);
  const [reader, writer] = [new FeedReader(feed), new FeedWriter(feed)];
  assert.equal(reader.watchable, 64);
  assert.equal(reader.read(), undefined);
  reader.ask(3);
  const publish = (step: number): void =>
    writer.publish(
      step,
      Float64Array.from({ length: 200 }, (_, i) => step + i),
      new Float64Array(100).fill(step),
      undefined,
      [{ values: new Float64Array(100).fill(-step) }],
    );
  for (const step of [10, 20, 30]) {
    publish(step);
    const { sequence, ...rest } = reader.read()!;
    assert.equal(sequence, step / 10);
    assert.deepEqual(rest, {
      step,
      count: 3,
      states: Float64Array.from({ length: 6 }, (_, i) => step + i),
      returns: new Float64Array(3).fill(step),
      ended: new Uint8Array(3),
      learned: [new Float64Array(3).fill(-step)],
    });
  }
  reader.close();
});

test('a world that cannot be watched is refused in words', async (t) => {
  const lab = labOf(t);
  const { id } = lab.start({ ...recipe(4_000_000), reward: [{ reward: 'sparse' }] }, 1);
  while (typeof lab.live(id) === 'string') await new Promise((resolve) => setTimeout(resolve, 20));
  await assert.rejects(
    liveFrame(() => lab.live(id), { ...ask, runId: id, chosen: [2, 9] }),
    /world 9 cannot be watched, wanted 0 to 7/,
  );
  const { state, data } = await liveFrame(() => lab.live(id), {
    ...ask,
    runId: id,
    chosen: [5, 2],
    waitMs: 5000,
  });
  assert.equal(state, 'live');
  assert.equal(unpack(data!)['progress']!.length, 2);
  // Nobody asks any more: the run goes on as before.
  const { done } = lab.run(id);
  while (lab.run(id).done < done + 4000) await new Promise((resolve) => setTimeout(resolve, 20));
  lab.stop(id);
  assert.equal((await lab.finished(id)).status, 'paused');
});
