/** Self-play: each side sees the game as the parallel face has it, opponents are drawn and kept, runs go on to the bit. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Recipe } from '../../lab/api.ts';
import { selfPlayRecipe, winRatesOf } from '../../lab/cli/self-play.ts';
import { resolveExperiment } from '../../lab/experiment.ts';
import { Lab } from '../../lab/lab.ts';
import { type Drawn, Pool, type PoolShares, playMatch, sidesOf, snapshotOf } from '../../lab/opponents.ts';
import { SelfPlay, type SelfPlaySettings, selfPlayFields } from '../../lab/self-play.ts';
import { SideEnv } from '../../lab/side-env.ts';
import { ppo } from '../../learn/algorithms/ppo.ts';
import { Random } from '../../learn/parts/random.ts';
import { openKernel } from '../../learn/tensor/kernel/open.ts';
import type { TaskModel } from '../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../sim/fields.ts';
import { createParallelBatch } from '../../sim/parallel-env.ts';
import { type TaskId, tasks } from '../../sim/tasks/index.ts';
import { temporaryFolder } from '../support/project.ts';

const modelOf = (id: TaskId, settings: AnySettings = {}): TaskModel =>
  tasks[id].create({ ...defaultsOf(tasks[id].fields), ...settings });

const small = {
  ...defaultsOf(ppo.fields),
  steps: 8192,
  worlds: 12,
  stepsPerWorld: 16,
  minibatch: 64,
  epochs: 2,
  hiddenSize: 8,
};
const settingsOf = (changes: Partial<SelfPlaySettings> = {}): SelfPlaySettings => ({
  ...defaultsOf(selfPlayFields),
  ...changes,
});

const onlyScripted: PoolShares = { scripted: 1, random: 0, newest: 0, leastShare: 1 };

test('a task is refused that has no two sides, or worlds that do not hold whole games', () => {
  assert.deepEqual(
    sidesOf(modelOf('tag', { role: 'runner', runners: 2 })).map(({ id, agents }) => [id, agents]),
    [
      ['runners', [0, 1]],
      ['taggers', [2]],
    ],
  );
  const refused = (changes: Partial<Recipe>, message: RegExp): void => {
    const recipe: Recipe = { ...selfPlayRecipe({ task: 'tag', algorithm: 'ppo' }), ...changes };
    assert.throws(
      () => resolveExperiment(recipe),
      (error: Error) => message.test(error.message),
    );
  };
  refused({ task: 'highway' }, /highway has \d+ sides .*wanted 2/);
  refused({ task: 'reach', taskSettings: {} }, /reach has one agent, wanted a task with two sides/);
  refused({ taskSettings: { runners: 3 } }, /worlds is 64, wanted a multiple of 3, the number of runners/);
  refused({ selfPlay: { newest: 0.9, scripted: 0.2 } }, /0.9 \+ 0.2 \+ 0.05, wanted at most 1 together/);
  refused({ selfPlay: { poolsize: 3 } }, /unknown field "poolsize"/);
  refused({ reward: [{ reward: 'sarm' }] }, /sarm; each side is paid by the rules of the game/);
  assert.throws(() => selfPlayRecipe({ algorithm: 'ppo' }), /two sides: tag, soccer/);
});

for (const [id, settings] of [
  ['tag', { taggers: 2, runners: 2, fixedHorizon: false, horizon: 40 }],
  ['tag', { role: 'runner', taggers: 2 }],
  ['soccer', { players: 2, horizon: 50 }],
] as const) {
  test(`${id} ${JSON.stringify(settings)}: what a side sees and earns is what the parallel face says`, () => {
    const model = modelOf(id, settings);
    const sides = sidesOf(model);
    for (const [s, side] of sides.entries()) {
      const games = 3;
      const mates = side.agents.length;
      const count = games * mates;
      const env = new SideEnv({
        model,
        side,
        opponents: sides[1 - s]!,
        count,
        pool: new Pool(1, onlyScripted),
        seed: 1,
        seedOf: (index) => 700 + index,
      });
      env.start();
      const other = createParallelBatch(model, games);
      const agents = other.agents.length;
      const dim = env.observationDim;
      let started = games;
      for (let game = 0; game < games; game++) other.reset(game, 700 + game);
      const random = new Random(2);
      const chosen = new Float64Array(count * env.actionDim);
      const joint = new Float64Array(games * agents * env.actionDim);
      const seenBy = (n: number): Float64Array => {
        const row = Math.floor(n / mates) * agents + side.agents[n % mates]!;
        return other.observations.slice(row * dim, (row + 1) * dim);
      };
      let ended = 0;
      for (let t = 0; t < 130; t++) {
        for (let i = 0; i < chosen.length; i++) chosen[i] = 2 * random.uniform() - 1;
        other.experts(joint);
        for (let n = 0; n < count; n++) {
          const row = Math.floor(n / mates) * agents + side.agents[n % mates]!;
          for (let k = 0; k < env.actionDim; k++)
            joint[row * env.actionDim + k] = chosen[n * env.actionDim + k]!;
        }
        env.step(chosen);
        other.step(joint);
        for (let n = 0; n < count; n++) {
          const game = Math.floor(n / mates);
          assert.equal(env.rewards[n], other.rewards[game * agents + side.agents[n % mates]!]);
          assert.deepEqual(env.finalObservations.slice(n * dim, (n + 1) * dim), seenBy(n));
          assert.equal(env.terminated[n], other.terminated[game]);
          assert.equal(env.truncated[n], other.truncated[game]);
        }
        for (let game = 0; game < games; game++) {
          if (other.terminated[game] === 0 && other.truncated[game] === 0) continue;
          other.reset(game, 700 + started++);
          ended++;
        }
        for (let n = 0; n < count; n++)
          assert.deepEqual(env.observations.slice(n * dim, (n + 1) * dim), seenBy(n));
      }
      assert.ok(ended >= games, `${ended} games ended`);
    }
  });
}

test('opponents are drawn with their chances, alike from the same seed, and nobody in play leaves the pool', async () => {
  const compute = await openKernel({ threads: 1 });
  const model = modelOf('tag');
  const [side] = sidesOf(model);
  const learner = ppo.create(small, { ...side, choices: [], count: small.worlds, compute, seed: 1 });
  const bytes = await learner.save();
  const shares = { scripted: 0.2, random: 0.1, newest: 0.4, leastShare: 0.5 };
  const pool = new Pool(4, shares);
  for (let serial = 0; serial < 4; serial++) pool.add(snapshotOf(ppo, serial, 0, bytes), () => false);
  const drawn = (seed: number): Drawn[] => {
    const source = new Random(seed);
    return Array.from({ length: 20_000 }, () => pool.draw(source));
  };
  const all = drawn(5);
  assert.deepEqual(drawn(5), all);
  assert.notDeepEqual(drawn(6), all);
  const shareOf = (serial: number): number => all.filter((one) => one.serial === serial).length / all.length;
  // 0.3 is left for any of four; five standard deviations of a share of 20,000 are at most 0.018.
  for (const [serial, share] of [
    [-2, 0.2],
    [-1, 0.1],
    [0, 0.075],
    [3, 0.475],
  ] as const)
    assert.ok(Math.abs(shareOf(serial) - share) < 0.018, `${serial}: ${shareOf(serial)}`);
  const scripted = all.filter(({ serial }) => serial === -2).map(({ share }) => share);
  assert.ok(Math.min(...scripted) < 0.51 && Math.min(...scripted) >= 0.5 && Math.max(...scripted) > 0.99);

  pool.add(snapshotOf(ppo, 4, 0, bytes), (serial) => serial === 0);
  assert.deepEqual(
    pool.snapshots.map(({ serial }) => serial),
    [0, 2, 3, 4],
  );
  assert.throws(() => pool.player({ serial: 1, share: 1 }), /snapshot 1 is not in the pool/);
  learner.dispose();
  compute.dispose();
});

test('the games of a side go on to the bit from what was saved of them', async () => {
  const compute = await openKernel({ threads: 1 });
  const model = modelOf('tag', { taggers: 2, fixedHorizon: false });
  const [ours, theirs] = sidesOf(model);
  const learner = ppo.create(small, { ...theirs, choices: [], count: small.worlds, compute, seed: 1 });
  const bytes = await learner.save();
  const make = (): SideEnv => {
    const pool = new Pool(4, { scripted: 0.3, random: 0.3, newest: 0.2, leastShare: 0.5 });
    pool.restore([snapshotOf(ppo, 0, 0, bytes), snapshotOf(ppo, 1, 0, bytes)]);
    return new SideEnv({
      model,
      side: ours,
      opponents: theirs,
      count: 12,
      pool,
      seed: 3,
      seedOf: (index) => 50 + index,
    });
  };
  const random = new Random(9);
  const actions = new Float64Array(12 * ours.actionDim);
  const first = make();
  first.start();
  const act = (): void => {
    for (let i = 0; i < actions.length; i++) actions[i] = 2 * random.uniform() - 1;
  };
  for (let t = 0; t < 50; t++) {
    act();
    first.step(actions);
  }
  const second = make();
  second.restore(structuredClone(first.save()));
  assert.deepEqual(second.observations, first.observations);
  for (let t = 0; t < 150; t++) {
    act();
    first.step(actions);
    second.step(actions);
    assert.deepEqual(second.observations, first.observations);
    assert.deepEqual(second.rewards, first.rewards);
  }
  assert.deepEqual(second.save(), first.save());
  learner.dispose();
  compute.dispose();
});

test('both sides go on to the bit from a checkpoint, with their pools and fixed opponents', async () => {
  const compute = await openKernel({ threads: 1 });
  const options = {
    model: modelOf('tag', { taggers: 2, fixedHorizon: false }),
    algorithm: ppo,
    algorithmSettings: small,
    settings: settingsOf({ snapshotEvery: 2, poolSize: 2, games: 10, earlyShare: 0.05 }),
    compute,
    seed: 4,
  };
  const first = await SelfPlay.create(options);
  for (let round = 0; round < 5; round++) await first.round();
  const saved = structuredClone(await first.save());
  const second = SelfPlay.resume(options, saved);
  assert.deepEqual(await second.save(), saved);
  for (let round = 0; round < 4; round++) assert.deepEqual(await second.round(), await first.round());
  assert.deepEqual(await second.save(), await first.save());
  const rates = await first.evaluate();
  assert.deepEqual(await second.evaluate(), rates);
  assert.equal(Object.keys(rates).length, 12);
  const { learner0, ...rest } = saved;
  assert.throws(() => SelfPlay.resume(options, rest), /found no learner0 in it, wanted one of self-play/);
  for (const game of [first, second]) game.dispose();
  compute.dispose();
});

test('matches: the scripted policies beat chance, and the same starts give the same result', () => {
  const model = modelOf('tag', { difficulty: 1 });
  const sides = sidesOf(model);
  const seeds = Array.from({ length: 30 }, (_, i) => 900 + i);
  const scripted = { kind: 'scripted', share: 1 } as const;
  const chance = { kind: 'random' } as const;
  const good = playMatch(model, sides, [scripted, chance], seeds);
  assert.deepEqual(good, { games: 30, won: [30, 0] });
  const bad = playMatch(model, sides, [chance, scripted], seeds);
  assert.deepEqual(bad, { games: 30, won: [0, 30] });
  const slow = playMatch(model, sides, [{ kind: 'scripted', share: 0.5 }, scripted], seeds);
  assert.ok(slow.won[0] < 10, `a tagger at half speed caught ${slow.won[0]} of 30`);
  assert.deepEqual(playMatch(model, sides, [{ kind: 'scripted', share: 0.5 }, scripted], seeds), slow);
});

test('a few seconds of self-play teach the tagger to catch what it has never caught before', async () => {
  const compute = await openKernel({ threads: 1 });
  const game = await SelfPlay.create({
    model: modelOf('tag', { fixedHorizon: false }),
    algorithm: ppo,
    algorithmSettings: {
      ...defaultsOf(ppo.fields),
      ...tasks.tag.training!['ppo']!.settings,
      steps: 50_000,
      worlds: 32,
      hiddenSize: 32,
    },
    settings: settingsOf({ games: 30 }),
    compute,
    seed: 0,
  });
  const before = await game.evaluate();
  while (game.steps < 24_000) await game.round();
  const after = await game.evaluate();
  const gained = (name: string): number => after[`win/taggers/${name}`]! - before[`win/taggers/${name}`]!;
  assert.ok(gained('random') > 0.3 && gained('untrained') > 0.3, `${JSON.stringify({ before, after })}`);
  game.dispose();
  compute.dispose();
});

test('a stopped run of self-play goes on to the same win rates, and its policy plays like that of any run', async (t) => {
  const recipe: Recipe = {
    ...selfPlayRecipe({ task: 'tag', algorithm: 'ppo', steps: 4096 }),
    algorithmSettings: { ...small, steps: 4096 },
    experiment: {
      evaluateEvery: 1000,
      checkpointEvery: 1000,
      evaluationEpisodes: 8,
      shortEvaluationEpisodes: 4,
    },
    selfPlay: { games: 10, snapshotEvery: 3 },
  };
  const runOf = async (lab: Lab, stops: boolean): Promise<number> => {
    const { id } = lab.start(recipe, 7);
    if (stops) {
      let cursor = 0;
      while (lab.store.checkpoints.latest(id) === undefined)
        cursor = (await lab.events.since(cursor, 1000)).cursor;
      lab.stop(id);
      assert.equal((await lab.finished(id)).status, 'paused');
      lab.resume(id);
    }
    assert.equal((await lab.finished(id)).status, 'done');
    return id;
  };
  const lab = new Lab({ project: temporaryFolder(t), device: 'kernel' });
  t.after(() => lab.close());
  const [whole, broken] = [await runOf(lab, false), await runOf(lab, true)];
  const { win, games } = winRatesOf(lab, whole);
  assert.equal(games, 10);
  assert.deepEqual(Object.keys(win).sort(), ['runners', 'taggers']);
  assert.deepEqual(winRatesOf(lab, broken).win, win);
  assert.equal(win['taggers']!['random']![0]!.step, 0);
  assert.deepEqual(lab.run(broken).evaluation, lab.run(whole).evaluation);
  assert.equal(lab.store.episodes.list({ runId: whole, kind: 'evaluation', limit: 100 }).items.length, 8);
  assert.deepEqual(
    lab.store.checkpoints.latest(broken)!.bytes,
    lab.store.checkpoints.latest(whole)!.bytes,
    'checkpoints are equal to the bit',
  );
  assert.throws(() => winRatesOf(lab, 99), /no run 99/);
});
