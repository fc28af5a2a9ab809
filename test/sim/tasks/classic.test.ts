/** Classic control keeps every promise of the contract. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import { tasks } from '../../../sim/tasks/index.ts';
import { checkTask } from './contract.ts';
import { modelOf } from './worlds.ts';

// Some of the poles are past saving after random pushes.
checkTask('cartpole', { golden: '3ceb11425f0f6d17', recovers: 0.75 });
checkTask('pendulum', { golden: '84d904c4bdf88228' });
checkTask('mountain-car', { golden: 'cb43db1c96355b7e' });
checkTask('mountain-car-continuous', { golden: 'a8978641f7123394' });
checkTask('acrobot', { golden: 'ff29eb9af71267fc' });

test('cartpole: with a fixed horizon the observation stays in its box after the fall', () => {
  const model = modelOf(tasks.cartpole, { fixedHorizon: true });
  const { low, high } = model.observationSpace;
  const batch = createBatch(model, 1);
  let farthest = 0;
  for (let t = 0; t < model.horizon; t++) {
    batch.step(Float64Array.of(1));
    farthest = Math.max(farthest, Math.abs(batch.states[1]!));
    batch.observations.forEach((value, i) => {
      assert.ok(value >= low[i]! && value <= high[i]!, `step ${t}, number ${i}: ${value}`);
    });
  }
  assert.ok(farthest > high[0]!, `the cart itself leaves the box: ${farthest} m`);
});

test('acrobot: a start with a speed beyond all measure diverges at the first step', () => {
  const model = modelOf(tasks.acrobot, {});
  const batch = createBatch(model, 1);
  const row = batch.saveState(0);
  model.gymnasium!.start([-0.09, -0.07, 9999, 0.03], row, 0);
  batch.restoreState(0, row);
  batch.step(Float64Array.of(1));
  assert.equal(batch.diverged[0], 1);
});
