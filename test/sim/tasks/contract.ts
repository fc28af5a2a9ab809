/** What every task promises. The test file of each family calls `checkTask` with what holds for its tasks. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import { hashNumbers, hashState } from '../../../sim/engine/hash.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import type { ActionSpace, BoxSpace, Task, TaskModel } from '../../../sim/env.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import { type TaskId, tasks } from '../../../sim/tasks/index.ts';
import { expertActions, modelOf, randomAction, randomActions } from './worlds.ts';

const inside = (space: BoxSpace, values: Float64Array, offset: number, what: string): void => {
  for (let i = 0; i < space.dim; i++) {
    const value = values[offset + i]!;
    assert.ok(
      value >= space.low[i]! && value <= space.high[i]!,
      `${what} ${space.names[i]}: ${value} outside [${space.low[i]}, ${space.high[i]}]`,
    );
  }
};

const wantInside = (space: ActionSpace, values: Float64Array, offset: number): void => {
  if (space.type === 'box') inside(space, values, offset, 'action');
  else assert.ok(Number.isInteger(values[offset]) && values[offset]! >= 0 && values[offset]! < space.n);
};

/** All promises about one stored transition. */
function checkTransition(
  model: TaskModel,
  previous: Float64Array,
  states: Float64Array,
  o: number,
  actions: Float64Array,
  a: number,
): void {
  const terms = new Float64Array(model.rewardTerms.length).fill(Number.NaN);
  model.reward(previous, o, actions, a, states, o, terms, 0);
  model.rewardTerms.forEach((term, k) => {
    const value = terms[k]!;
    if (term.kind === 'sparse') assert.ok(value === 0 || value === 1, `${term.id}: ${value}`);
    else {
      const [low, high] = term.range ?? [0, 1];
      assert.ok(value >= low && value <= high, `${term.id}: ${value}`);
    }
  });
  const progress = model.progress(states, o);
  assert.ok(progress >= 0 && progress <= 1, `progress ${progress}`);
  assert.equal(progress === 1, model.success(states, o), 'progress is 1 exactly at success');
  if (model.goals) {
    const { goals } = model;
    const pair = new Float64Array(2 * goals.dim);
    goals.achieved(states, o, pair, 0);
    goals.desired(states, o, pair, goals.dim);
    const success = terms[model.rewardTerms.findIndex((term) => term.id === 'success')];
    assert.equal(
      goals.computeReward(pair, 0, pair, goals.dim),
      success,
      'the goal reward is the success term',
    );
  }
  const stage = model.stage(states, o);
  assert.ok(Number.isInteger(stage) && stage >= 0 && stage < model.stages.length, `stage ${stage}`);
}

/** Goals that were achieved later in an episode, and those of other episodes, written into its states. */
export function checkRelabelling(model: TaskModel, player: 'expert' | 'random'): void {
  const goals = model.goals!;
  const setDesired = goals.setDesired!;
  const { stateDim, horizon } = model;
  const actionDim = model.actionSpace.dim;
  const held = model.stateLayout.find((field) => field.name === 'held')!.offset;
  const actions = randomActions(model, horizon, 5);
  const rows = new Float64Array((horizon + 1) * stateDim);
  const row = (t: number): Float64Array => rows.slice(t * stateDim, (t + 1) * stateDim);
  const goalOf = (state: Float64Array, what: 'achieved' | 'desired'): Float64Array => {
    const goal = new Float64Array(goals.dim + 1).fill(Number.NaN);
    goals[what](state, 0, goal, 1);
    return goal;
  };
  const poses = new Float32Array(model.bodies.length * 7);
  const observation = new Float64Array(model.observationSpace.dim);
  let reached = 0;
  for (let seed = 300; seed < 304; seed++) {
    model.reset(seed, rows, 0);
    for (let t = 0; t < horizon; t++) {
      if (player === 'expert') model.expert(rows, t * stateDim, actions, t * actionDim);
      rows.copyWithin((t + 1) * stateDim, t * stateDim, (t + 1) * stateDim);
      model.advance(rows.subarray((t + 1) * stateDim), actions.subarray(t * actionDim), 0, 1);
    }
    const other = new Float64Array(stateDim);
    model.reset(seed + 1000, other, 0);
    for (let t = 0; t < horizon; t += Math.ceil(horizon / 12)) {
      const same = row(t);
      setDesired(goalOf(same, 'desired'), 1, same, 0);
      assert.deepEqual(same, row(t), 'its own goal changes nothing');
      for (const later of [t + 1, Math.ceil((t + horizon) / 2), horizon, -1]) {
        const goal = later < 0 ? goalOf(other, 'desired') : goalOf(row(later), 'achieved');
        const [state, next] = [row(t), row(t + 1)];
        const achieved = goalOf(next, 'achieved');
        setDesired(goal, 1, state, 0);
        setDesired(goal, 1, next, 0);
        const given = goalOf(next, 'desired');
        if (later < 0) assert.deepEqual(given, goal, 'a goal that episodes have is given back');
        assert.deepEqual(goalOf(next, 'achieved'), achieved, 'what is achieved stays');
        const again = next.slice();
        setDesired(given, 1, again, 0);
        assert.deepEqual(again, next, 'the goal given back is the one in the row');
        for (let u = 0; u <= horizon; u += Math.ceil(horizon / 6)) {
          const then = goalOf(row(u), 'achieved');
          assert.equal(goals.computeReward(then, 1, given, 1), goals.computeReward(then, 1, goal, 1));
        }
        checkTransition(model, state, next, 0, actions, t * actionDim);
        const wanted = goals.computeReward(achieved, 1, goal, 1) === 1;
        assert.equal(model.success(next, 0), wanted, 'success is what the goal says');
        if (wanted) reached++;
        model.observe(next, 0, observation, 0);
        inside(model.observationSpace, observation, 0, 'observation');
        model.poses(next, 0, poses, 0);
        assert.ok(poses.every(Number.isFinite));
        if (later >= 0 || !wanted) {
          assert.ok(next[held]! <= 1, `${next[held]} steps of success before there was this goal`);
        }
      }
    }
  }
  assert.ok(player === 'random' || reached > 0, 'some of the goals are reached');
}

/** What a family says of one task; numbers are what the task really reaches, with a little air, never wishes. */
export interface TaskPromise {
  /**
   * Hash of all states of 8 worlds after 100 steps of the noisy expert. It may change only together with the task's
   * version (dynamics, starts) or its expert: every stored episode depends on it.
   */
  readonly golden: string;
  /** Settings under which the expert is judged, on top of the defaults. */
  readonly settings?: AnySettings;
  /** Least success of the expert with noise of 0.4 on its actions; default 0.8. */
  readonly noisy?: number;
  /** Most success of random actions; default 0.05. */
  readonly blind?: number;
  /** Least success of the expert from states that random actions led to; default 0.9. */
  readonly recovers?: number;
  /** Largest fall of true progress below its best so far along an expert's episode; default 0.08. */
  readonly drop?: number;
  /** Different starts among 100 seeds; default 100. */
  readonly starts?: number;
  /** Stages that no expert needs to pass through. */
  readonly skipped?: readonly string[];
  /** Dense terms taken over unchanged from elsewhere, with a range of their own. */
  readonly borrowed?: readonly string[];
  /** Steps that success has to last before it ends an episode without fixed horizon; default 5. */
  readonly lasting?: number;
  /** The expert may act from memory in the row or by chance, so that its output may depend on the step counter. */
  readonly timed?: boolean;
  /** Settings that cannot work, and what the error must say. */
  readonly impossible?: readonly (readonly [settings: AnySettings, message: RegExp])[];
}

/** Success of the expert is judged on this many seeds. */
const expertSeeds = 500;

export function checkTask(id: TaskId, promise: TaskPromise): void {
  const task: Task = tasks[id];
  const model = modelOf(task, promise.settings);
  const dim = model.stateDim;
  const actionDim = model.actionSpace.dim;
  /** Gymnasium's twins end episodes by Gymnasium's rules and have its units. */
  const isTwin = model.gymnasium !== undefined;
  const fixed = isTwin ? modelOf(task, { ...promise.settings, fixedHorizon: true }) : model;

  test(`${id}: the description is whole and consistent`, () => {
    assert.equal(task.id, id);
    assert.equal(model.id, id);
    assert.equal(model.version, task.version);
    for (const space of [model.observationSpace, model.actionSpace]) {
      assert.equal(new Set(space.names).size, space.dim);
      if (space.type === 'discrete') continue;
      assert.equal(space.low.length, space.dim);
      assert.equal(space.high.length, space.dim);
    }
    if (!isTwin) {
      if (model.actionSpace.type === 'box') {
        assert.deepEqual(
          [...model.actionSpace.low, ...model.actionSpace.high],
          [...new Array(actionDim).fill(-1), ...new Array(actionDim).fill(1)],
        );
      }
      assert.deepEqual(
        model.rewardTerms.filter((term) => term.range !== undefined).map((term) => term.id),
        promise.borrowed ?? [],
      );
    }
    let offset = 0;
    for (const field of model.stateLayout) {
      assert.equal(field.offset, offset);
      offset += field.size;
    }
    assert.equal(offset, dim);
    assert.equal(model.stateLayout[0]?.name, 'step');
    assert.ok(model.stages.length >= 2 && model.stages.length <= 12);
    assert.equal(new Set(model.stages.map((stage) => stage.id)).size, model.stages.length);
    assert.deepEqual(
      model.rewardTerms.filter((term) => term.kind === 'sparse').map((term) => term.id),
      ['success'],
    );
    const dense = model.rewardTerms.filter((term) => term.kind === 'dense');
    assert.ok(Math.abs(dense.reduce((sum, term) => sum + term.weight, 0) - 1) < 1e-12);
    assert.equal(new Set(model.bodies.map((body) => body.name)).size, model.bodies.length);
    assert.ok(Object.isFrozen(model.settings));
    for (const [name, field] of Object.entries(task.fields)) {
      assert.ok(field.help.length > 10, `${name} has a help line`);
      if (field.type === 'number' || field.type === 'integer') {
        assert.ok(field.min <= field.default && field.default <= field.max, `${name} has a default in range`);
      }
    }
  });

  test(`${id}: 1,000 random steps stay finite, inside the spaces and keep every promise about rewards`, () => {
    const batch = createBatch(model, 4);
    const actions = randomActions(model, 4 * 1000, 17);
    const poses = new Float32Array(model.bodies.length * 7);
    for (let t = 0; t < 1000; t++) {
      const chosen = actions.subarray(t * 4 * actionDim, (t + 1) * 4 * actionDim);
      batch.step(chosen);
      for (let w = 0; w < 4; w++) {
        inside(model.observationSpace, batch.observations, w * model.observationSpace.dim, 'observation');
        checkTransition(model, batch.previousStates, batch.states, w * dim, chosen, w * actionDim);
        if (batch.terminated[w] === 1) batch.reset(w, 100 + 4 * t + w);
      }
      if (t % 50 === 0) {
        model.poses(batch.states, 0, poses, 0);
        assert.ok(poses.every(Number.isFinite));
        for (let i = 0; i < poses.length; i += 7) {
          const norm = Math.hypot(poses[i + 3]!, poses[i + 4]!, poses[i + 5]!, poses[i + 6]!);
          assert.ok(Math.abs(norm - 1) < 1e-6, `${model.bodies[i / 7]?.name}: quaternion of length ${norm}`);
        }
      }
    }
    assert.ok(batch.states.every(Number.isFinite));
    assert.ok(batch.diverged.every((flag) => flag === 0));
  });

  test(`${id}: a seed gives the same start every time and another seed another one`, () => {
    const starts = new Set<string>();
    for (let seed = 0; seed < 100; seed++) {
      const a = new Float64Array(dim).fill(7);
      const b = new Float64Array(dim + 3).fill(Number.NaN);
      model.reset(seed, a, 0);
      model.reset(seed, b, 3);
      assert.deepEqual(b.subarray(3), a);
      assert.ok(!model.success(a, 0), `seed ${seed} starts with success`);
      assert.equal(a[0], 0);
      starts.add(hashNumbers(a));
    }
    assert.ok(starts.size >= (promise.starts ?? 100), `${starts.size} different starts`);
  });

  test(`${id}: the expert succeeds on at least 95 % of 500 seeds with actions in range and rising progress`, () => {
    const count = expertSeeds;
    const batch = createBatch(fixed, count);
    const actions = new Float64Array(count * actionDim);
    const best = new Float64Array(count);
    let worstDrop = 0;
    const stagesSeen = new Set<number>();
    for (let w = 0; w < count; w++) batch.reset(w, 5000 + w);
    for (let t = 0; t < model.horizon; t++) {
      expertActions(batch, actions, 0, () => 0);
      for (let w = 0; w < count; w++) wantInside(model.actionSpace, actions, w * actionDim);
      batch.step(actions);
      for (let w = 0; w < count; w++) {
        checkTransition(model, batch.previousStates, batch.states, w * dim, actions, w * actionDim);
        const progress = model.progress(batch.states, w * dim);
        worstDrop = Math.max(worstDrop, best[w]! - progress);
        best[w] = Math.max(best[w]!, progress);
        stagesSeen.add(model.stage(batch.states, w * dim));
      }
    }
    let successes = 0;
    for (let w = 0; w < count; w++) if (model.success(batch.states, w * dim)) successes++;
    assert.ok(successes >= 0.95 * count, `${successes} of ${count}`);
    assert.ok(worstDrop < (promise.drop ?? 0.08), `progress fell by ${worstDrop}`);
    assert.deepEqual(
      model.stages.map((stage) => stage.id).filter((_, k) => !stagesSeen.has(k)),
      promise.skipped ?? [],
      'the expert passes through every stage',
    );
  });

  test(`${id}: the expert copes with noise of 0.4 on its actions, a random policy does not succeed`, () => {
    const count = 100;
    const random = createRandom(23);
    const rate = (noise: number | 'random'): number => {
      const batch = createBatch(model, count);
      const actions = new Float64Array(count * actionDim);
      for (let w = 0; w < count; w++) batch.reset(w, 7000 + w);
      for (let t = 0; t < model.horizon; t++) {
        if (noise === 'random') {
          for (let i = 0; i < actions.length; i++) actions[i] = randomAction(model, random, i);
        } else expertActions(batch, actions, noise, () => random.uniform());
        batch.step(actions);
      }
      let successes = 0;
      for (let w = 0; w < count; w++) if (model.success(batch.states, w * dim)) successes++;
      return successes / count;
    };
    const noisy = rate(0.4);
    assert.ok(noisy >= (promise.noisy ?? 0.8), `noisy expert: ${noisy}`);
    const blind = rate('random');
    assert.ok(blind <= (promise.blind ?? 0.05), `random policy: ${blind}`);
  });

  test(`${id}: the expert finds its way from states that random actions led to`, () => {
    const count = 60;
    const batch = createBatch(model, count);
    const actions = new Float64Array(count * actionDim);
    const random = createRandom(31);
    const held = new Float64Array(count * actionDim);
    for (let w = 0; w < count; w++) batch.reset(w, 9000 + w);
    // Real actions are held for a while, so that they get somewhere; one held push alone fells a pole.
    const hold = model.actionSpace.type === 'box' ? 10 : 1;
    for (let t = 0; t < 40; t++) {
      if (t % hold === 0) for (let i = 0; i < held.length; i++) held[i] = randomAction(model, random, i);
      batch.step(held);
      for (let w = 0; w < count; w++) if (batch.terminated[w] === 1) batch.reset(w, 9100 + 40 * w + t);
    }
    for (let t = 0; t < 2 * model.horizon; t++) {
      expertActions(batch, actions, 0, () => 0);
      batch.step(actions);
    }
    let successes = 0;
    for (let w = 0; w < count; w++) if (model.success(batch.states, w * dim)) successes++;
    assert.ok(successes >= (promise.recovers ?? 0.9) * count, `${successes} of ${count}`);
  });

  test(`${id}: a state saved in mid-episode goes on bit for bit, also in another batch`, () => {
    const batch = createBatch(model, 3);
    const actions = new Float64Array(3 * actionDim);
    for (let w = 0; w < 3; w++) batch.reset(w, 40 + w);
    for (let t = 0; t < 25; t++) {
      expertActions(batch, actions, 0, () => 0);
      batch.step(actions);
    }
    const saved = batch.saveState(1);
    const other = createBatch(model, 1);
    other.restoreState(0, saved);
    assert.deepEqual(
      other.observations,
      batch.observations.slice(model.observationSpace.dim, 2 * model.observationSpace.dim),
    );
    for (let t = 0; t < 25; t++) {
      expertActions(batch, actions, 0, () => 0);
      batch.step(actions);
      other.step(actions.slice(actionDim, 2 * actionDim));
      assert.equal(hashState(other.states), hashState(batch.states, dim, dim), `step ${t}`);
    }
    assert.equal(saved[0], 25, 'the saved row is a copy');
  });

  test(`${id}: an episode replays from seed and actions with the same hashes`, () => {
    // Recorded from a world of a batch with a noisy expert, so that there is contact; replayed with `advance` alone.
    const batch = createBatch(model, 5);
    const random = createRandom(3);
    const chosen = new Float64Array(5 * actionDim);
    const actions: Float64Array[] = [];
    batch.reset(3, 77);
    const recorded = [hashState(batch.states, 3 * dim, dim)];
    for (let t = 0; t < model.horizon; t++) {
      expertActions(batch, chosen, 0.3, () => random.uniform());
      actions.push(chosen.slice(3 * actionDim, 4 * actionDim));
      batch.step(chosen);
      recorded.push(hashState(batch.states, 3 * dim, dim));
    }
    const row = new Float64Array(dim);
    model.reset(77, row, 0);
    const replayed = [hashState(row)];
    for (const action of actions) {
      model.advance(row, action, 0, 1);
      replayed.push(hashState(row));
    }
    assert.deepEqual(replayed, recorded);
    assert.ok(new Set(recorded).size > model.horizon, 'every step changes the state');
  });

  test(`${id}: one world alone and the same world among 64 have the same bits`, () => {
    const count = 64;
    const batch = createBatch(model, count);
    const single = createBatch(model, 1);
    const w = 37;
    batch.reset(w, 123);
    single.reset(0, 123);
    const actions = new Float64Array(count * actionDim);
    const random = createRandom(8);
    for (let t = 0; t < 80; t++) {
      // Near the expert, so that there is contact.
      expertActions(batch, actions, 0.3, () => random.uniform());
      batch.step(actions);
      single.step(actions.slice(w * actionDim, (w + 1) * actionDim));
      assert.deepEqual(single.states, batch.states.slice(w * dim, (w + 1) * dim), `step ${t}`);
    }
  });

  test(`${id}: the states after 100 steps have the stored hash`, () => {
    const batch = createBatch(model, 8);
    const actions = new Float64Array(8 * actionDim);
    const random = createRandom(99);
    for (let t = 0; t < 100; t++) {
      expertActions(batch, actions, 0.5, () => random.uniform());
      batch.step(actions);
    }
    assert.equal(hashNumbers(batch.states), promise.golden);
  });

  test(`${id}: with a fixed horizon nothing terminates and truncation comes exactly at the horizon`, () => {
    const batch = createBatch(fixed, 2);
    const actions = new Float64Array(2 * actionDim);
    for (let t = 1; t <= model.horizon; t++) {
      expertActions(batch, actions, 0, () => 0);
      batch.step(actions);
      assert.deepEqual([...batch.terminated], [0, 0]);
      assert.deepEqual([...batch.truncated], t === model.horizon ? [1, 1] : [0, 0]);
    }
    assert.ok(model.success(batch.states, 0));
    batch.reset(0, 5);
    assert.deepEqual([...batch.truncated], [0, 1]);
  });

  if (!isTwin)
    test(`${id}: without a fixed horizon lasting success terminates, and termination is not truncation`, () => {
      const open = modelOf(task, { ...promise.settings, fixedHorizon: false });
      const batch = createBatch(open, 1);
      const actions = new Float64Array(actionDim);
      let good = 0;
      let t = 0;
      while (batch.terminated[0] === 0) {
        assert.ok(++t < open.horizon, 'ends before the horizon');
        expertActions(batch, actions, 0, () => 0);
        batch.step(actions);
        good = open.success(batch.states, 0) ? good + 1 : 0;
        assert.equal(batch.terminated[0], good >= (promise.lasting ?? 5) ? 1 : 0);
        assert.equal(batch.truncated[0], 0);
      }
      // A random walk gets nowhere: there only the clock ends the episode.
      const lost = createBatch(modelOf(task, { ...promise.settings, fixedHorizon: false, horizon: 7 }), 1);
      for (let i = 0; i < 7; i++) lost.step(new Float64Array(actionDim));
      assert.deepEqual([lost.terminated[0], lost.truncated[0]], [0, 1]);
    });

  if (model.goals?.setDesired)
    test(`${id}: a state with another goal written into it is one of an episode with that goal`, () => {
      checkRelabelling(model, 'expert');
      checkRelabelling(model, 'random');
    });

  if (promise.impossible)
    test(`${id}: impossible settings are refused by name`, () => {
      for (const [settings, message] of promise.impossible!) {
        assert.throws(
          () => modelOf(task, settings),
          (error: Error) =>
            error instanceof RangeError && error.message.includes(id) && message.test(error.message),
          JSON.stringify(settings),
        );
      }
    });

  test(`${id}: rewards, stage, progress and expert leave the state alone and ignore the time`, () => {
    const row = new Float64Array(dim);
    model.reset(12, row, 0);
    const before = row.slice();
    const seen = (): readonly unknown[] => {
      const out = new Float64Array(Math.max(actionDim, model.rewardTerms.length, model.observationSpace.dim));
      model.expert(row, 0, out, 0);
      const action = [...out];
      model.observe(row, 0, out, 0);
      const observation = [...out];
      model.reward(row, 0, new Float64Array(actionDim), 0, row, 0, out, 0);
      return [
        action,
        observation,
        [...out],
        model.stage(row, 0),
        model.progress(row, 0),
        model.success(row, 0),
      ];
    };
    const first = seen();
    assert.deepEqual(row, before);
    if (promise.timed) return;
    row[0] = 55;
    assert.deepEqual(seen(), first);
  });
}
