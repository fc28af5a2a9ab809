import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBlock } from '../../../learn/parts/block.ts';
import { goalsOf, Hindsight, relabellingReward } from '../../../learn/parts/hindsight.ts';
import { Random } from '../../../learn/parts/random.ts';
import { Replay } from '../../../learn/parts/replay.ts';
import { defaultsOf } from '../../../sim/fields.ts';
import { cartpole } from '../../../sim/tasks/cartpole.ts';
import { push } from '../../../sim/tasks/push.ts';
import { reach } from '../../../sim/tasks/reach.ts';
import { GoalEnv } from '../algorithms/goal-env.ts';
import { PointEnv } from '../algorithms/point-env.ts';

const ratio = 3;
const goalRadius = defaultsOf(reach.fields)['goalRadius'] as number;
const reachEnv = (count: number) => new GoalEnv(reach.create(defaultsOf(reach.fields)), count, 50);
const replayOf = (env: GoalEnv) => new Replay(10_000, env.observationDim, env.actionDim);

/** One step of every world: a slow random walk, the same for the same generator. */
function walk(env: GoalEnv, hindsight: Hindsight, replay: Replay, random: Random): Float64Array {
  const actions = Float64Array.from({ length: env.count * env.actionDim }, () => random.gaussian());
  for (let i = 0; i < actions.length; i++) actions[i] = Math.max(-1, Math.min(1, actions[i]!));
  env.step(actions);
  hindsight.step(env, actions, replay, random);
  return actions;
}

interface Row {
  readonly observation: Float32Array | Float64Array;
  readonly next: Float32Array | Float64Array;
  readonly action: Float32Array | Float64Array;
  readonly reward: number;
  readonly bootstraps: number;
}

function rowsOf(replay: Replay): Row[] {
  const { transitions } = readBlock('RLABRPL\n', replay.takeJournal()).arrays;
  const { observationDim: d, actionDim: a } = replay;
  const stride = 2 * d + a + 2;
  return Array.from({ length: transitions!.length / stride }, (_, r) => {
    const row = transitions!.subarray(r * stride, (r + 1) * stride);
    return {
      observation: row.subarray(0, d),
      next: row.subarray(d, 2 * d),
      action: row.subarray(2 * d, 2 * d + a),
      reward: row[2 * d + a]!,
      bootstraps: row[2 * d + a + 1]!,
    };
  });
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.hypot(a[0]! - b[0]!, a[1]! - b[1]!, a[2]! - b[2]!);
/** Observation of reach: place of the gripper [3], its speed [3], way to the goal [3]. */
const placeOf = (observation: ArrayLike<number>) => Array.from(observation).slice(0, 3);
const goalOf = (observation: ArrayLike<number>) =>
  [0, 1, 2].map((k) => observation[k]! + observation[6 + k]!);

test('reach: relabelled transitions are those of an episode with a goal that it met later, and paid as such', () => {
  const env = reachEnv(1);
  const replay = replayOf(env);
  const hindsight = new Hindsight(env.model, 1, ratio);
  const random = new Random(8);
  let achieved = 0;
  let stored = 0;
  for (let episode = 0; episode < 4; episode++) {
    const seen = [env.observations.slice()];
    const taken: Float64Array[] = [];
    let hasEnded = false;
    while (!hasEnded) {
      taken.push(walk(env, hindsight, replay, random));
      hasEnded = env.terminated[0] === 1 || env.truncated[0] === 1;
      seen.push((hasEnded ? env.finalObservations : env.observations).slice());
      // Nothing is known of an episode that still runs.
      if (!hasEnded) assert.equal(replay.total, stored);
    }
    const rows = rowsOf(replay);
    stored += rows.length;
    const places = seen.map(placeOf);
    const isFresh = (place: number[]) => distance(place, places[0]!) >= goalRadius;
    assert.equal(rows.length, ratio * places.findLastIndex(isFresh));
    for (const [r, row] of rows.entries()) {
      const t = Math.floor(r / ratio);
      // The same hand in the same motion under the same action ...
      assert.deepEqual(row.observation.slice(0, 6), Float32Array.from(seen[t]!.slice(0, 6)));
      assert.deepEqual(row.next.slice(0, 6), Float32Array.from(seen[t + 1]!.slice(0, 6)));
      assert.deepEqual(row.action, Float32Array.from(taken[t]!));
      // ... on its way to a place where it will be, and where it was not at first.
      const goal = goalOf(row.observation);
      assert.ok(distance(goalOf(row.next), goal) < 1e-6);
      assert.ok(isFresh(goal), `episode ${episode} row ${r}`);
      assert.ok(
        places.slice(t + 1).some((place) => distance(place, goal) < 1e-6),
        `episode ${episode} row ${r}`,
      );
      // Paid for being there, by the distance that is seen; being there is not the end.
      assert.equal(row.reward, Math.hypot(...row.next.slice(6, 9)) < goalRadius ? 1 : 0);
      assert.equal(row.bootstraps, 1);
      achieved += row.reward;
    }
  }
  assert.ok(achieved > 0 && achieved < stored, `${achieved} of ${stored}`);
  assert.deepEqual(hindsight.takeCounts(), { stored, achievedShare: achieved / stored });
  assert.deepEqual(hindsight.takeCounts(), { stored: 0, achievedShare: 0 });
});

test('push: nothing is learned from goals that were there for nothing, nor from places the block only passed', () => {
  const env = new GoalEnv(push.create(defaultsOf(push.fields)), 1, 50);
  const replay = replayOf(env);
  const hindsight = new Hindsight(env.model, 1, ratio);
  const random = new Random(8);
  const { goals } = env.model;
  const play = (act: (actions: Float64Array) => void) => {
    const met: Float64Array[] = [];
    const actions = new Float64Array(3);
    do {
      act(actions);
      env.step(actions);
      hindsight.step(env, actions, replay, random);
      const goal = new Float64Array(goals!.dim);
      goals!.achieved(env.simulator.finalStates, 0, goal, 0);
      met.push(goal);
    } while (!env.terminated[0] && !env.truncated[0]);
    return met;
  };
  play((actions) => actions.fill(0));
  assert.equal(replay.total, 0);
  const met = play((actions) => env.model.expert(env.simulator.states, 0, actions, 0));
  const names = env.model.observationSpace.names;
  const [hand, block, goal] = ['gripperPos.x', 'gripperToBlock.x', 'blockToGoal.x'].map((name) =>
    names.indexOf(name),
  );
  const rows = rowsOf(replay);
  assert.ok(rows.length > 0);
  for (const { observation } of rows) {
    const wanted = [0, 1, 2].map(
      (k) => observation[hand! + k]! + observation[block! + k]! + observation[goal! + k]!,
    );
    const there = met.filter((place) => distance(place, wanted) < 1e-6);
    // Its last number is the speed of the block; slower than 0.1 m/s counts as resting.
    assert.ok(
      there.some((place) => place[3]! < 0.1),
      `${wanted}`,
    );
  }
});

test('what is kept of running episodes is saved and restored: both go on alike', () => {
  const env = reachEnv(3);
  const random = new Random(8);
  const [one, two] = [new Hindsight(env.model, 3, ratio), new Hindsight(env.model, 3, ratio)];
  const rings = [replayOf(env), replayOf(env)] as const;
  for (let t = 0; t < 75; t++) walk(env, one, rings[0], random);
  rings[0].takeJournal();
  const before = rings[0].total;
  two.restore(one.save());
  assert.deepEqual(two.save(), one.save());
  const other = new Random(1);
  other.restore(random.save());
  const copy = env.copy();
  for (let t = 0; t < 60; t++) {
    walk(env, one, rings[0], random);
    walk(copy, two, rings[1], other);
  }
  assert.ok(rings[1].total > 0);
  assert.equal(rings[0].total - before, rings[1].total);
  assert.deepEqual(rowsOf(rings[0]), rowsOf(rings[1]));
  assert.throws(
    () => new Hindsight(env.model, 2, ratio).restore(one.save()),
    /found \d+ numbers, wanted \d+/,
  );
  assert.throws(() => two.restore(Float64Array.of(0, 99, 0)), /lengths of episodes are 0,99,0/);
});

test('of an episode that broke off all but the broken step is relabelled', () => {
  const env = reachEnv(2);
  env.divergeAt = 30;
  const replay = replayOf(env);
  const hindsight = new Hindsight(env.model, 2, ratio);
  const random = new Random(8);
  for (let t = 0; t < 30; t++) walk(env, hindsight, replay, random);
  assert.deepEqual([...env.diverged], [1, 0]);
  const rows = rowsOf(replay);
  assert.ok(rows.length > 0 && rows.length <= 29 * ratio, `${rows.length}`);
  assert.ok(rows.every((row) => row.next.every(Number.isFinite)));
});

test('tasks without goals and environments that cannot tell rewards are refused by name', () => {
  const model = cartpole.create(defaultsOf(cartpole.fields));
  assert.throws(() => goalsOf(model), /task cartpole has no goals, wanted hindsight none/);
  assert.throws(() => relabellingReward(new PointEnv(1, 7)), /shows no simulator/);
  const env = reachEnv(1);
  const { reward, ...rest } = env.simulator;
  assert.equal(typeof reward, 'function');
  const learned = Object.defineProperty(env, 'simulator', { value: rest });
  assert.throws(() => relabellingReward(learned), /a learned term.*wanted native rewards/);
});
