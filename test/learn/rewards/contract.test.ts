/** What every registered reward promises, whatever its method. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { checkSettings } from '../../../lab/fields.ts';
import { observationsOf } from '../../../lab/replay.ts';
import { rewards } from '../../../learn/rewards/index.ts';
import { spansFromStages } from '../../../learn/rewards/labels.ts';
import type { Demonstration, FitContext, RewardMethod } from '../../../learn/rewards/types.ts';
import { openKernel } from '../../../learn/tensor/kernel/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { tasks } from '../../../sim/tasks/index.ts';

const model = tasks.reach.create(defaultsOf(tasks.reach.fields));
const demonstrations: Demonstration[] = [];
let context: FitContext;

before(async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const states = new Float64Array((model.horizon + 1) * model.stateDim);
    const state = new Float64Array(model.stateDim);
    const action = new Float64Array(model.actionSpace.dim);
    const stages: number[] = [];
    model.reset(seed, state, 0);
    for (let t = 0; t <= model.horizon; t++) {
      states.set(state, t * model.stateDim);
      stages.push(model.stage(state, 0));
      model.expert(state, 0, action, 0);
      model.advance(state, action, 0, 1);
    }
    demonstrations.push({
      id: `demonstration ${seed}`,
      length: model.horizon,
      observations: observationsOf(model, states),
      stages: spansFromStages(stages),
      success: true,
    });
  }
  context = {
    compute: await openKernel({ threads: 1 }),
    seed: 1,
    observationDim: model.observationSpace.dim,
    stages: model.stages.map((stage) => stage.id),
    signal: new AbortController().signal,
    onProgress: () => undefined,
  };
});
after(() => context.compute.dispose());

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

  const settings = { ...defaultsOf(reward.fields), ...('updates' in reward.fields ? { updates: 60 } : {}) };

  test(`${id} scores in [0, 1], online as offline, and is the same after save and load`, async () => {
    const { model: fitted, metrics } = await reward.fit(demonstrations, settings, context);
    assert.ok(Object.values(metrics).every(Number.isFinite));
    const { observations, length } = demonstrations[0]!;
    const { perStep } = fitted.score(observations, length);
    assert.equal(perStep.length, length + 1);
    assert.ok(perStep.every((value) => value >= 0 && value <= 1));
    assert.deepEqual(reward.load(fitted.save()).score(observations, length).perStep, perStep);
    if (!reward.causal) return;
    const online = fitted.online(1);
    online.reset(0, observations, 0);
    const seen = [online.values[0]!];
    for (let t = 1; t <= length; t++) {
      online.step(observations.subarray(t * context.observationDim, (t + 1) * context.observationDim));
      seen.push(online.values[0]!);
    }
    assert.deepEqual(Float32Array.from(seen), perStep);
  });

  test(`${id} refuses bytes that are no model of its, and demonstrations that are none`, async () => {
    assert.throws(() => reward.load(new Uint8Array(40)), RangeError);
    await assert.rejects(reward.fit([], settings, context), RangeError);
  });

  test(`${id} stops fitting when asked`, async () => {
    const signal = AbortSignal.abort();
    await assert.rejects(reward.fit(demonstrations, settings, { ...context, signal }), {
      name: 'AbortError',
    });
  });
}
