import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlock } from '../../../learn/parts/block.ts';
import { Random } from '../../../learn/parts/random.ts';
import { Replay, storeStep } from '../../../learn/parts/replay.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { reach } from '../../../sim/tasks/reach.ts';
import { GoalEnv } from '../algorithms/goal-env.ts';
import { PointEnv } from '../algorithms/point-env.ts';

/** Transition i: observation (i, -i), next (i + 0.5, -i - 0.5), action 10 i, reward 100 i, no bootstrap where i is a multiple of 3. */
function add(replay: Replay, i: number): void {
  const rows = Float64Array.of(9, i, -i, i + 0.5, -i - 0.5, 10 * i);
  replay.add(rows, 1, rows, 3, rows, 5, 100 * i, i % 3 !== 0);
}
const filled = (capacity: number, count: number): Replay => {
  const replay = new Replay(capacity, 2, 1);
  for (let i = 0; i < count; i++) add(replay, i);
  return replay;
};
const transitions = (piece: Uint8Array) => readBlock('RLABRPL\n', piece).arrays['transitions']!;
/** What a ring holds, by what a thousand draws give. */
const drawn = (replay: Replay) => {
  const batch = replay.createBatch(1000);
  replay.sample(new Random(5), batch);
  return batch;
};

test('a sampled row has all parts of one transition, and every transition that is still there is drawn alike', () => {
  const replay = filled(10, 25);
  assert.deepEqual([replay.size, replay.total], [10, 25]);
  const batch = replay.createBatch(5000);
  replay.sample(new Random(5), batch);
  const counts = new Array<number>(25).fill(0);
  for (let r = 0; r < batch.rows; r++) {
    const i = batch.observations[2 * r]!;
    counts[i]!++;
    assert.deepEqual(
      [
        batch.observations[2 * r + 1],
        ...batch.nextObservations.subarray(2 * r, 2 * r + 2),
        batch.actions[r],
        batch.rewards[r],
        batch.bootstraps[r],
      ],
      [-i, i + 0.5, -i - 0.5, 10 * i, 100 * i, i % 3 === 0 ? 0 : 1],
    );
  }
  assert.ok(
    counts.slice(0, 15).every((count) => count === 0),
    `${counts}`,
  );
  // 500 each on average, with a standard deviation of 21.
  assert.ok(
    counts.slice(15).every((count) => Math.abs(count - 500) < 110),
    `${counts}`,
  );
});

test('an empty ring has nothing to sample and no ring has no room', () => {
  const replay = new Replay(3, 2, 1);
  assert.throws(() => replay.sample(new Random(1), replay.createBatch(1)), /no transitions to sample/);
  assert.throws(() => new Replay(0, 2, 1), /capacity is 0, wanted a positive integer/);
  assert.throws(() => new Replay(1e12, 2, 1), /no memory for 1000000000000 transitions of 28 bytes/);
});

test('journal pieces of any size give the ring back, also after it wrapped around between two of them or within one', () => {
  for (const cuts of [
    [0, 25],
    [3, 4, 9, 25],
    [10, 20, 25],
    [7, 23, 25],
  ]) {
    const replay = new Replay(10, 2, 1);
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < 25; i++) {
      if (cuts.includes(i)) pieces.push(replay.takeJournal());
      add(replay, i);
    }
    pieces.push(replay.takeJournal());
    // A piece never holds more than the ring.
    assert.ok(pieces.every((piece) => transitions(piece).length <= 10 * 7));
    const again = new Replay(10, 2, 1);
    again.replay(pieces, 25);
    assert.deepEqual(drawn(again), drawn(replay));
    for (const ring of [replay, again]) add(ring, 25);
    assert.deepEqual(again.takeJournal(), replay.takeJournal());
    assert.deepEqual(drawn(again), drawn(replay));
  }
});

test('an older checkpoint is given back from a journal that goes further, and later pieces win over earlier ones', () => {
  const replay = filled(10, 6);
  const early = replay.takeJournal();
  for (let i = 6; i < 9; i++) add(replay, i);
  const lost = replay.takeJournal();
  const again = new Replay(10, 2, 1);
  again.replay([early, lost], 6);
  assert.deepEqual(drawn(again), drawn(filled(10, 6)));
  // It goes on otherwise than the run that was cut off.
  for (let i = 16; i < 20; i++) add(again, i);
  const other = again.takeJournal();
  const last = new Replay(10, 2, 1);
  last.replay([early, lost, other], 10);
  assert.deepEqual(drawn(last), drawn(again));
});

test('a journal with a gap, of another layout or cut short is refused by name', () => {
  const replay = filled(10, 6);
  const one = replay.takeJournal();
  add(replay, 6);
  const two = replay.takeJournal();
  add(replay, 7);
  const three = replay.takeJournal();
  const ring = () => new Replay(10, 2, 1);
  assert.throws(() => ring().replay([one, three], 8), /piece 1 begins at transition 7, wanted at most 6/);
  assert.throws(() => ring().replay([one, two], 8), /2 pieces end at transition 7, wanted 8/);
  assert.throws(() => new Replay(10, 3, 1).replay([one], 6), /observationDim of piece 0 is 2, wanted 3/);
  assert.throws(() => ring().replay([one.slice(0, -8)], 6), RangeError);
});

test('a step is kept with what came after it: the last observation of an ended episode, not the first of the next', () => {
  const env = new PointEnv(2, 7);
  const replay = new Replay(100, 1, 1);
  const actions = Float64Array.of(0.5, -0.5);
  const before = new Float64Array(2);
  let sum = 0;
  let paid = 0;
  for (let t = 0; t < 20; t++) {
    before.set(env.observations);
    env.step(actions);
    sum += storeStep('SAC', replay, env, before, actions, false);
    paid += env.rewards[0]! + env.rewards[1]!;
  }
  assert.ok(env.truncated.every((flag) => flag === 1));
  assert.equal(sum, paid);
  const rows = transitions(replay.takeJournal());
  for (let r = 0; r < 40; r++) {
    const [from, to, action, , bootstraps] = rows.subarray(5 * r, 5 * r + 5);
    assert.ok(Math.abs(to! - from! - 0.2 * action!) < 1e-6, `row ${r}`);
    // Time ran out: the value goes on.
    assert.equal(bootstraps, 1);
  }
});

test('an end by the task does not bootstrap, unless it is success and success shall go on', () => {
  for (const goesOn of [false, true]) {
    const env = new GoalEnv(reach.create({ ...defaultsOf(reach.fields), fixedHorizon: false }), 2, 100);
    const replay = new Replay(1000, env.observationDim, env.actionDim);
    const actions = new Float64Array(6);
    const before = new Float64Array(2 * env.observationDim);
    const ends: number[] = [];
    for (let t = 0; t < 60; t++) {
      for (let n = 0; n < 2; n++)
        env.model.expert(env.simulator.states, n * env.model.stateDim, actions, 3 * n);
      before.set(env.observations);
      env.step(actions);
      storeStep('SAC', replay, env, before, actions, goesOn);
      const rows = transitions(replay.takeJournal());
      for (let n = 0; n < 2; n++) {
        const bootstraps = rows[(n + 1) * (rows.length / 2) - 1]!;
        if (env.terminated[n]) ends.push(bootstraps);
        else assert.equal(bootstraps, 1);
      }
    }
    assert.ok(ends.length > 2);
    assert.ok(ends.every((bootstraps) => bootstraps === (goesOn ? 1 : 0)));
  }
});

test('a world that diverged keeps nothing of the step', () => {
  const env = new PointEnv(2, 7);
  env.divergeAt = 1;
  const replay = new Replay(100, 1, 1);
  const before = env.observations.slice();
  env.step(Float64Array.of(1, 1));
  const sum = storeStep('SAC', replay, env, before, Float64Array.of(1, 1), false);
  assert.equal(sum, env.rewards[1]);
  assert.equal(replay.total, 1);
  assert.equal(transitions(replay.takeJournal())[0], Math.fround(before[1]!));
});

test('the newest pieces of a journal that the ring asks for give it back, and one less does not', () => {
  const random = new Random(12);
  const ring = new Replay(50, 1, 1);
  const pieces: Uint8Array[] = [];
  const row = Float64Array.of(0);
  for (let taken = 0, total = 0; taken < 30; taken++) {
    for (let i = random.integer(20); i > 0; i--) {
      row[0] = total++;
      ring.add(row, 0, row, 0, row, 0, total, true);
    }
    pieces.push(ring.takeJournal());
    const needed = ring.journalPieces;
    assert.ok(needed <= pieces.length);
    const again = new Replay(50, 1, 1);
    again.replay(pieces.slice(-needed), total);
    assert.equal(again.journalPieces, needed);
    assert.equal(again.size, ring.size);
    const [a, b] = [again.createBatch(64), ring.createBatch(64)];
    if (total > 0) {
      again.sample(new Random(taken), a);
      ring.sample(new Random(taken), b);
      assert.deepEqual(a, b);
    }
    if (needed > 1 && total > 0) {
      assert.throws(() => new Replay(50, 1, 1).replay(pieces.slice(1 - needed), total), /begins at|end at/);
    }
  }
});
