/** What every registered algorithm promises, whatever it does inside. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { checkSettings } from '../../../lab/fields.ts';
import { algorithms } from '../../../learn/algorithms/index.ts';
import type { Algorithm } from '../../../learn/algorithms/types.ts';
import { openDevice } from '../../../learn/tensor/open.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { PointEnv } from './point-env.ts';

for (const [id, algorithm] of Object.entries(algorithms) as [string, Algorithm][]) {
  test(`${id} carries its own key, defaults that work together and a page`, () => {
    assert.equal(algorithm.id, id);
    assert.deepEqual(checkSettings(algorithm.fields, defaultsOf(algorithm.fields), id).problems, []);
    algorithm.check(defaultsOf(algorithm.fields));
    // The lab reads these three of every algorithm.
    for (const name of ['steps', 'worlds', 'gamma']) assert.ok(name in algorithm.fields, name);
    assert.ok(existsSync(new URL(`../../../docs/algorithms/${id}.md`, import.meta.url)));
  });

  test(`${id} iterates with finite metrics, saves, and plays its policy inside [-1, 1]`, async () => {
    const settings = defaultsOf(algorithm.fields);
    const env = new PointEnv(settings['worlds'] as number, 3, 2);
    const setup = {
      observationDim: env.observationDim,
      actionDim: env.actionDim,
      count: env.count,
      device: await openDevice('wasm'),
      seed: 5,
    };
    const learner = algorithm.create(settings, setup);
    const metrics = await learner.iterate(env);
    assert.equal(learner.steps, learner.stepsPerIteration);
    for (const [name, value] of Object.entries(metrics)) assert.ok(Number.isFinite(value), name);
    const bytes = learner.save();
    const actions = new Float64Array(3 * env.actionDim);
    const again = new Float64Array(3 * env.actionDim);
    const observations = Float64Array.of(-1, 1, 0, 0, 50, -50);
    learner.policy().act(observations, 3, actions);
    algorithm.loadPolicy(bytes).act(observations, 3, again);
    assert.deepEqual(again, actions);
    assert.ok(actions.every((value) => value >= -1 && value <= 1));
    const resumed = algorithm.resume(bytes, settings, setup);
    assert.equal(resumed.steps, learner.steps);
    assert.deepEqual(resumed.save(), bytes);
    learner.dispose();
    resumed.dispose();
  });

  test(`${id} refuses bytes that are no checkpoint of its`, () => {
    assert.throws(() => algorithm.loadPolicy(new Uint8Array(40)), RangeError);
  });
}
