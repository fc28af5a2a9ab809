import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../sim/batch.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { modelOf } from './tasks/worlds.ts';

const model = modelOf(tasks.push);
const dim = model.stateDim;
const actionDim = model.actionSpace.dim;

test('actions of the wrong size or not finite are refused before anything moves', () => {
  const batch = createBatch(model, 2);
  batch.step(new Float64Array(2 * actionDim).fill(0.5));
  const states = batch.states.slice();
  const previous = batch.previousStates.slice();
  assert.throws(() => batch.step(new Float64Array(5)), /found 5 numbers, wanted 6 \(2 worlds of 3\)/);
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const actions = new Float64Array(6);
    actions[4] = bad;
    assert.throws(
      () => batch.step(actions),
      new RangeError(`Action velocity.y of world 1: found ${bad}, wanted a finite number`),
    );
  }
  assert.deepEqual(batch.states, states);
  assert.deepEqual(batch.previousStates, previous);
});

test('actions beyond the unit box act like the nearest allowed ones', () => {
  const big = createBatch(model, 1);
  const unit = createBatch(model, 1);
  for (let t = 0; t < 20; t++) {
    big.step(Float64Array.of(9, -3, 1.5));
    unit.step(Float64Array.of(1, -1, 1));
  }
  assert.deepEqual(big.states, unit.states);
});

test('an exploding world is flagged, frozen until its reset, and does not touch its neighbours', () => {
  const batch = createBatch(model, 3);
  const twin = createBatch(model, 3);
  const velocity = model.stateLayout.find((field) => field.name === 'blockVel')!.offset;
  const wild = batch.saveState(1);
  wild[velocity] = 1e7;
  batch.restoreState(1, wild);
  const actions = new Float64Array(3 * actionDim).fill(0.3);
  batch.step(actions);
  twin.step(actions);
  assert.deepEqual([...batch.diverged], [0, 1, 0]);
  assert.deepEqual([batch.terminated[1], batch.truncated[1]], [0, 0]);
  assert.ok(batch.observations.every(Number.isFinite));
  const frozen = batch.saveState(1);
  for (let t = 0; t < 5; t++) {
    batch.step(actions);
    twin.step(actions);
  }
  assert.deepEqual(batch.saveState(1), frozen);
  for (const w of [0, 2]) assert.deepEqual(batch.saveState(w), twin.saveState(w));

  batch.reset(1, 4);
  assert.equal(batch.diverged[1], 0);
  batch.step(actions);
  assert.equal(batch.saveState(1)[0], 1);
});

test('a world that turns not-a-number is flagged as well', () => {
  const batch = createBatch(model, 1);
  // Past the door that `restoreState` guards.
  batch.states[3] = Number.NaN;
  batch.step(new Float64Array(actionDim));
  assert.equal(batch.diverged[0], 1);
  assert.ok(batch.observations.every(Number.isFinite));
});

test('a row of another size or with holes is refused and nothing changes', () => {
  const batch = createBatch(model, 1);
  const before = batch.saveState(0);
  assert.throws(() => batch.restoreState(0, new Float64Array(dim + 1)), {
    name: 'RangeError',
    message: `State of push: found ${dim + 1} numbers, wanted ${dim}`,
  });
  const holed = before.slice();
  holed[2] = Number.NaN;
  assert.throws(() => batch.restoreState(0, holed), /number 2 is NaN, wanted a finite one/);
  assert.throws(() => batch.saveState(1), /World: found 1, wanted 0 to 0/);
  assert.throws(() => batch.reset(-1, 0), RangeError);
  assert.throws(() => createBatch(model, 0), /count of 0, wanted a positive integer/);
  assert.deepEqual(batch.saveState(0), before);
});

test('the states before a step are kept for the reward', () => {
  const batch = createBatch(model, 2);
  const before = batch.states.slice();
  batch.step(new Float64Array(2 * actionDim).fill(1));
  assert.deepEqual(batch.previousStates, before);
  assert.notDeepEqual(batch.states, before);
});
