import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../sim/batch.ts';
import { hashState64 } from '../../sim/engine/hash.ts';
import type { BatchEnv } from '../../sim/env.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { runaway } from '../support/runaway.ts';
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

test('steps write what is recorded of each state while somebody records, and leave it as it was otherwise', () => {
  const batch = createBatch(model, 6);
  const { frames } = batch;
  const told = () =>
    [frames.hash, frames.progress, frames.stage, frames.success].map((array) => array.slice());
  const nothing = told();
  const actions = new Float64Array(6 * actionDim).fill(0.3);
  batch.step(actions);
  assert.deepEqual(told(), nothing);
  batch.isRecorded = true;
  batch.step(actions);
  const worlds = [0, 1, 2, 3, 4, 5];
  const hash = new Uint32Array(12);
  for (const w of worlds) hashState64(batch.states, w * dim, dim, hash, 2 * w);
  const wanted = [
    hash,
    Float32Array.from(worlds, (w) => model.progress(batch.states, w * dim)),
    Uint8Array.from(worlds, (w) => model.stage(batch.states, w * dim)),
    Uint8Array.from(worlds, (w) => (model.success(batch.states, w * dim) ? 1 : 0)),
  ];
  assert.deepEqual(told(), wanted);
  batch.isRecorded = false;
  batch.step(actions);
  assert.deepEqual(told(), wanted);
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
  const velocity = model.stateLayout.find((field) => field.name === 'block.vel')!.offset;
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

test('an episode may last longer than any number that is guarded', () => {
  const batch = createBatch(model, 1);
  const late = batch.saveState(0);
  late[0] = 9999;
  batch.restoreState(0, late);
  for (let t = 0; t < 3; t++) batch.step(new Float64Array(actionDim));
  assert.equal(batch.diverged[0], 0);
  assert.equal(batch.saveState(0)[0], 10_002);
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

test('a row whose numbers choose what is not there is refused and nothing changes', () => {
  for (const [id, field] of [
    ['hopper', 'body'],
    ['quadruped', 'robot'],
    ['drill-loop', 'passed'],
  ] as const) {
    const choosing = modelOf(tasks[id]);
    const batch = createBatch(choosing, 1);
    const before = batch.saveState(0);
    const row = before.slice();
    row[choosing.stateLayout.find(({ name }) => name === field)!.offset] = 0.5;
    assert.throws(
      () => batch.restoreState(0, row),
      (error: Error) =>
        error instanceof RangeError &&
        error.message.startsWith(`State of ${id}: no episode has such numbers`),
      id,
    );
    assert.deepEqual(batch.saveState(0), before);
  }
});

test('the states before a step are kept for the reward', () => {
  const batch = createBatch(model, 2);
  const before = batch.states.slice();
  batch.step(new Float64Array(2 * actionDim).fill(1));
  assert.deepEqual(batch.previousStates, before);
  assert.notDeepEqual(batch.states, before);
});

/** Every state of every world, as they were when they happened. */
function recorded(batch: BatchEnv, steps: number, pushes: (t: number, w: number) => number) {
  const dim = batch.model.stateDim;
  const all = Array.from({ length: batch.count }, (_, w) => [batch.saveState(w)]);
  const actions = new Float64Array(batch.count * batch.model.actionSpace.dim);
  for (let t = 0; t < steps; t++) {
    for (let i = 0; i < actions.length; i++) actions[i] = pushes(t, i);
    const frozen = batch.diverged.slice();
    batch.step(actions);
    for (const [w, rows] of all.entries()) {
      if (frozen[w] === 0) rows.push(batch.states.slice(w * dim, (w + 1) * dim));
    }
  }
  return all;
}

test('a world that diverges keeps its last 100 states, the broken row last, while its neighbours go on', () => {
  const batch = createBatch(runaway(), 3);
  // World 2 is let go later than the others.
  batch.restoreState(2, Float64Array.of(0, 1e-9, 1));
  const all = recorded(batch, 700, (t, w) => Math.sin(t * (w + 1)) * (w === 2 ? 1e-6 : 1));
  assert.deepEqual([...batch.diverged], [1, 1, 1]);
  const lengths = all.map((rows) => rows.length);
  assert.ok(lengths[0]! > 60 && new Set(lengths).size === 3, `they broke at different steps: ${lengths}`);
  for (const [w, rows] of all.entries()) {
    const kept = batch.history(w);
    assert.equal(kept.length, Math.min(100, rows.length));
    assert.deepEqual(kept, rows.slice(-100));
    assert.ok(Math.abs(kept.at(-1)![1]!) >= 1e4 || Math.abs(kept.at(-1)![2]!) >= 1e4);
    assert.ok(kept.slice(0, -1).every((row) => row.every((value) => Math.abs(value) < 1e4)));
  }
});

test('the history of a sound world goes back to its reset or restored state, at most 100 states', () => {
  const batch = createBatch(model, 2);
  const pushes = (t: number, i: number): number => Math.sin(0.1 * t + i);
  for (const steps of [0, 1, 48, 1, 1, 47, 1, 52, 3, 200]) {
    const [first, second] = recorded(batch, steps, pushes);
    assert.deepEqual(batch.history(1).slice(-steps - 1), second!.slice(-100));
    assert.deepEqual(batch.history(0).slice(-steps - 1), first!.slice(-100));
    assert.ok(batch.history(1).length <= 100);
  }
  batch.reset(0, 9);
  assert.deepEqual(batch.history(0), [batch.saveState(0)]);
  const [again] = recorded(batch, 30, pushes);
  assert.deepEqual(batch.history(0), again);
  assert.equal(batch.history(1).length, 100);
  // A state that no action led to stands alone.
  batch.states[1] = 0.123;
  assert.deepEqual(batch.history(0), [batch.saveState(0)]);
});

test('numbers behind guardDim may be large, but not infinite', () => {
  const loose = createBatch(runaway({ guardDim: 2 }), 1);
  loose.restoreState(0, Float64Array.of(0, 0, 1e9));
  loose.step(new Float64Array(1));
  assert.equal(loose.diverged[0], 0);
  loose.restoreState(0, Float64Array.of(0, 0, 1.79e308));
  loose.step(new Float64Array(1));
  assert.equal(loose.diverged[0], 1);
  const strict = createBatch(runaway(), 1);
  strict.restoreState(0, Float64Array.of(0, 0, 1e9));
  strict.step(new Float64Array(1));
  assert.equal(strict.diverged[0], 1);
});

test('the sums of the guard let through what is sound and stop what is not', () => {
  const batch = createBatch(runaway(), 1);
  for (const [value, wanted] of [
    [9999, 0],
    [-9999, 0],
    [10000.5, 1],
    [-1e200, 1],
    [Number.NaN, 1],
    [Number.NEGATIVE_INFINITY, 1],
  ] as const) {
    batch.reset(0, 0);
    // The step multiplies by 1.05; both other numbers are large too, so that the sum of squares passes the bound.
    batch.states.set([9000, value / 1.05, 9000]);
    batch.step(new Float64Array(1));
    assert.equal(batch.diverged[0], wanted, String(value));
  }
});
