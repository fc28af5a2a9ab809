/**
 * What every drill promises on top of the contract: written rewards that are wrong in one twin and right in the other, by
 * the returns of the expert and of the scripted exploit, and twins that nothing but the written reward tells apart.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import { hashNumbers } from '../../../sim/engine/hash.ts';
import type { TaskModel } from '../../../sim/env.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { type TaskId, tasks } from '../../../sim/tasks/index.ts';
import { modelOf, randomActions } from './worlds.ts';

export interface DrillOutcome {
  /** Written (weighted dense) return of every episode. */
  readonly returns: Float64Array;
  /** Share of episodes that end with true success. */
  readonly success: number;
}

/** Whole episodes of the expert or the exploit, seeds 3000 and on. */
export function rollDrill(model: TaskModel, policy: 'expert' | 'exploit', count: number): DrillOutcome {
  const { stateDim, actionSpace, rewardTerms } = model;
  const act = policy === 'expert' ? model.expert : model.exploit;
  assert.ok(act, `${model.id} has an exploit`);
  const batch = createBatch(model, count);
  const actions = new Float64Array(count * actionSpace.dim);
  const out = new Float64Array(rewardTerms.length);
  const returns = new Float64Array(count);
  for (let w = 0; w < count; w++) batch.reset(w, 3000 + w);
  for (let t = 0; t < model.horizon; t++) {
    for (let w = 0; w < count; w++) act(batch.states, w * stateDim, actions, w * actionSpace.dim);
    batch.step(actions);
    for (let w = 0; w < count; w++) {
      const o = w * stateDim;
      model.reward(batch.previousStates, o, actions, w * actionSpace.dim, batch.states, o, out, 0);
      rewardTerms.forEach((term, k) => {
        if (term.kind === 'dense') returns[w]! += term.weight * out[k]!;
      });
    }
  }
  let successes = 0;
  for (let w = 0; w < count; w++) if (model.success(batch.states, w * stateDim)) successes++;
  return { returns, success: successes / count };
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

export interface DrillPromise {
  readonly settings?: AnySettings;
  /** Default 60. */
  readonly seeds?: number;
  /** Least share of seeds on which the exploit beats the expert in `wrong`, and loses in `fair`; default 0.95. */
  readonly share?: number;
}

export function checkDrill(id: TaskId, promise: DrillPromise = {}): void {
  const { settings, seeds = 60, share = 0.95 } = promise;
  const model = (twin: 'wrong' | 'fair'): TaskModel => modelOf(tasks[id], { ...settings, twin });

  test(`${id}: the exploit out-earns the expert where the written reward is wrong, and only there`, (t) => {
    for (const twin of ['wrong', 'fair'] as const) {
      const expert = rollDrill(model(twin), 'expert', seeds);
      const exploit = rollDrill(model(twin), 'exploit', seeds);
      t.diagnostic(
        `${id}, ${twin}: written return of the expert ${mean(expert.returns).toFixed(2)} (success ${expert.success}), of the exploit ${mean(exploit.returns).toFixed(2)} (success ${exploit.success})`,
      );
      assert.ok(expert.success >= 0.95, `expert: ${expert.success}`);
      assert.equal(exploit.success, 0);
      const sign = twin === 'wrong' ? 1 : -1;
      assert.ok(sign * (mean(exploit.returns) - mean(expert.returns)) > 0, twin);
      const wins = exploit.returns.filter((value, w) => sign * (value - expert.returns[w]!) > 0).length;
      assert.ok(wins >= share * seeds, `${twin}: on ${wins} of ${seeds} seeds`);
    }
  });

  test(`${id}: but for the written reward the twins are one world`, () => {
    const [wrong, fair] = [model('wrong'), model('fair')];
    assert.deepEqual(fair.bodies, wrong.bodies);
    assert.deepEqual(fair.observationSpace, wrong.observationSpace);
    assert.deepEqual(fair.stateLayout, wrong.stateLayout);
    assert.deepEqual(
      fair.rewardTerms.map(({ help: _, ...term }) => term),
      wrong.rewardTerms.map(({ help: _, ...term }) => term),
    );
    const count = 6;
    const batches = [wrong, fair].map((twin) => createBatch(twin, count));
    const dim = wrong.actionSpace.dim;
    const action = new Float64Array(count * dim);
    const random = randomActions(wrong, count * wrong.horizon, 5);
    for (let t = 0; t < wrong.horizon; t++) {
      // The expert, the exploit and chance, two worlds each.
      for (let w = 0; w < count; w++) {
        const o = w * wrong.stateDim;
        if (w % 3 === 0) wrong.expert(batches[0]!.states, o, action, w * dim);
        else if (w % 3 === 1) wrong.exploit!(batches[0]!.states, o, action, w * dim);
        else for (let k = 0; k < dim; k++) action[w * dim + k] = random[(t * count + w) * dim + k]!;
      }
      const hashes = batches.map((batch) => {
        batch.step(action);
        return [hashNumbers(batch.states), hashNumbers(batch.observations)];
      });
      assert.deepEqual(hashes[1], hashes[0]);
    }
    for (let w = 0; w < count; w++) {
      const [states, o] = [batches[0]!.states, w * wrong.stateDim];
      assert.equal(fair.success(states, o), wrong.success(states, o));
      assert.equal(fair.progress(states, o), wrong.progress(states, o));
    }
  });
}
