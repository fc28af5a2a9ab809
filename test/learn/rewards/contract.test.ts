import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { openCounterfactuals } from '../../../lab/counterfactuals.ts';
import { checkSettings } from '../../../lab/fields.ts';
import { framesOf } from '../../../lab/replay.ts';
import { rewards } from '../../../learn/rewards/index.ts';
import { spansFromStages } from '../../../learn/rewards/labels.ts';
import { openSenses } from '../../../learn/rewards/senses.ts';
import type { Demonstration, FitContext, LearnedReward, RewardMethod } from '../../../learn/rewards/types.ts';
import type { Compute } from '../../../learn/tensor/compute.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { type AnySettings, defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

// A task with goals, a hand and cameras, so that every sense is there.
const model = tasks.push.create(defaultsOf(tasks.push.fields));
const stages = model.stages.map((stage) => stage.id);
const episodes: {
  readonly id: string;
  readonly length: number;
  readonly states: Float64Array;
  spans: Demonstration['stages'];
}[] = [];
let compute: Compute;

before(async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const rows: Float64Array[] = [];
    const state = new Float64Array(model.stateDim);
    const action = new Float64Array(model.actionSpace.dim);
    const stages: number[] = [];
    model.reset(seed, state, 0);
    for (let t = 0; t <= model.horizon; t++) {
      rows.push(state.slice());
      stages.push(model.stage(state, 0));
      if (model.terminal(state, 0)) break;
      model.expert(state, 0, action, 0);
      model.advance(state, action, 0, 1);
    }
    const states = new Float64Array(rows.length * model.stateDim);
    for (const [t, row] of rows.entries()) states.set(row, t * model.stateDim);
    episodes.push({
      id: `demonstration ${seed}`,
      length: rows.length - 1,
      states,
      spans: spansFromStages(stages),
    });
  }
  compute = await openKernel({ threads: 1 });
});
after(() => compute.dispose());

/** The smallest fit that still goes through everything. */
const quick = (reward: LearnedReward): AnySettings => ({
  ...defaultsOf(reward.fields),
  ...('updates' in reward.fields ? { updates: 60 } : {}),
});

function prepare(reward: LearnedReward, signal = new AbortController().signal) {
  const settings = quick(reward);
  const senses = reward.senses?.(settings) ?? ['observation'];
  const { dim, parts } = openSenses(model, senses);
  const context: FitContext = {
    compute,
    seed: 1,
    frameDim: dim,
    layout: { dim, parts },
    stages,
    ...(reward.counterfactuals === true
      ? { counterfactuals: openCounterfactuals(model, episodes, senses) }
      : {}),
    signal,
    onProgress: () => undefined,
  };
  const demonstrations: Demonstration[] = episodes.map(({ id, length, states, spans }) => ({
    id,
    length,
    frames: framesOf(model, senses, states),
    stages: spans,
    success: true,
  }));
  return { settings, senses, context, demonstrations };
}

for (const [id, reward] of Object.entries(rewards) as [string, RewardMethod][]) {
  test(`${id} carries its own key, valid defaults and a page`, () => {
    assert.equal(reward.id, id);
    assert.deepEqual(checkSettings(reward.fields, defaultsOf(reward.fields), id).problems, []);
    for (const field of Object.values(reward.fields)) assert.ok(field.help.length > 0);
    assert.ok(existsSync(new URL(`../../../docs/rewards/${id}.md`, import.meta.url)));
  });

  if (reward.kind === 'native') {
    test(`${id} finds terms of its kind in every task`, () => {
      for (const task of Object.values(tasks)) {
        const { rewardTerms } = task.create(defaultsOf(task.fields));
        assert.ok(
          rewardTerms.some((term) => term.kind === reward.termKind),
          task.id,
        );
      }
    });
    continue;
  }

  test(`${id} scores in [0, 1], online as offline, and is the same after save and load`, async () => {
    const { settings, senses, context, demonstrations } = prepare(reward);
    const { model: fitted, metrics } = await reward.fit(demonstrations, settings, context);
    assert.ok(Object.values(metrics).every(Number.isFinite));
    assert.deepEqual(
      [fitted.method, fitted.frameDim, [...fitted.senses]],
      [id, context.frameDim, [...senses]],
    );
    const { frames, length } = demonstrations[0]!;
    const scored = fitted.score(frames, length);
    const { perStep, std, extras } = scored;
    assert.equal(perStep.length, length + 1);
    assert.ok(perStep.every((value) => value >= 0 && value <= 1));
    for (const track of [...Object.values(extras), ...(std === undefined ? [] : [std])])
      assert.equal(track.length, length + 1);
    assert.deepEqual(reward.load(fitted.save()).score(frames, length), scored);
    // No episode leaves a trace in the next.
    fitted.score(demonstrations[1]!.frames, demonstrations[1]!.length);
    assert.deepEqual(fitted.score(frames, length), scored);
    if (!reward.causal) {
      assert.ok(reward.offlineBecause !== undefined && reward.offlineBecause.length > 0);
      assert.throws(() => fitted.online(1), new RegExp(reward.offlineBecause));
      return;
    }
    const online = fitted.online(1);
    online.reset(0, frames, 0);
    const seen = [online.values[0]!];
    for (let t = 1; t <= length; t++) {
      online.step(frames.subarray(t * context.frameDim, (t + 1) * context.frameDim));
      seen.push(online.values[0]!);
    }
    assert.deepEqual(Float32Array.from(seen), perStep);
  });

  if (reward.causal) {
    test(`${id} scores worlds side by side as it scores one, and goes on after save and restore`, async () => {
      const { settings, context, demonstrations } = prepare(reward);
      const { model: fitted } = await reward.fit(demonstrations, settings, context);
      const dim = context.frameDim;
      const clips = demonstrations.slice(0, 3);
      const steps = Math.min(...clips.map(({ length }) => length));
      const row = (t: number) =>
        Float64Array.from(clips.flatMap(({ frames }) => [...frames.subarray(t * dim, (t + 1) * dim)]));
      const online = fitted.online(clips.length);
      const half = Math.floor(steps / 2);
      let scorer = online;
      for (const [world, { frames }] of clips.entries()) online.reset(world, frames, 0);
      for (let t = 1; t <= steps; t++) {
        if (t === half) {
          scorer = fitted.online(clips.length);
          scorer.restore(online.save());
        }
        scorer.step(row(t));
        for (const [world, { frames, length }] of clips.entries())
          assert.equal(Math.fround(scorer.values[world]!), fitted.score(frames, length).perStep[t]);
      }
      // One episode goes on in many ways.
      const [clip] = clips;
      const alone = fitted.online(1);
      alone.reset(0, clip!.frames, 0);
      for (let t = 1; t < half; t++) alone.step(clip!.frames.slice(t * dim, (t + 1) * dim));
      const ways = fitted.online(clips.length);
      ways.restoreAll(alone.save());
      ways.step(row(half));
      for (const [way, { frames }] of clips.entries()) {
        const spliced = clip!.frames.slice(0, (half + 1) * dim);
        spliced.set(frames.subarray(half * dim, (half + 1) * dim), half * dim);
        assert.equal(Math.fround(ways.values[way]!), fitted.score(spliced, half).perStep[half]);
      }
      // A world that starts anew forgets.
      scorer.reset(1, clips[2]!.frames, 0);
      assert.equal(
        Math.fround(scorer.values[1]!),
        fitted.score(clips[2]!.frames, clips[2]!.length).perStep[0],
      );
    });
  }

  test(`${id} refuses bytes that are no model of its, and demonstrations that are none`, async () => {
    const { settings, context, demonstrations } = prepare(reward);
    assert.throws(() => reward.load(new Uint8Array(40)), RangeError);
    const least = reward.leastDemonstrations ?? 1;
    if (least > 0)
      await assert.rejects(reward.fit(demonstrations.slice(0, least - 1), settings, context), RangeError);
    if (least === 0 || demonstrations.length === 0) return;
    const broken = demonstrations.map((demonstration, i) => ({
      ...demonstration,
      frames: i === 2 ? demonstration.frames.map((v, k) => (k === 7 ? Number.NaN : v)) : demonstration.frames,
    }));
    await assert.rejects(reward.fit(broken, settings, context), /demonstration 3/);
  });

  test(`${id} stops fitting when asked`, async () => {
    const { settings, context, demonstrations } = prepare(reward, AbortSignal.abort());
    await assert.rejects(reward.fit(demonstrations, settings, context), {
      name: 'AbortError',
    });
  });
}
