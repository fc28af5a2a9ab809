/** PettingZoo's parallel convention holds for every task with several agents. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../sim/batch.ts';
import { createRandom } from '../../sim/engine/random.ts';
import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { createParallelBatch, createParallelEnv, jointModel } from '../../sim/parallel-env.ts';
import { type TaskId, tasks } from '../../sim/tasks/index.ts';
import { modelOf } from './tasks/worlds.ts';

/** A relabelling of agents under which the game is the same: agent i of the other game is agent `agents[i]` of this one. */
interface Symmetry {
  readonly agents: readonly number[];
  /** Whether positions and velocities are turned by half a turn. */
  readonly isTurned: boolean;
  /** Names of the layout that say who is ahead, turned with the sides. */
  readonly signed?: readonly string[];
}

interface Game {
  readonly settings: AnySettings;
  readonly zeroSum: boolean;
  readonly symmetry?: Symmetry;
}

const games: Partial<Record<TaskId, readonly Game[]>> = {
  tag: [
    { settings: {}, zeroSum: true },
    {
      settings: { taggers: 2, runners: 2 },
      zeroSum: true,
      symmetry: { agents: [1, 0, 3, 2], isTurned: false },
    },
    { settings: { role: 'runner', taggers: 3, distractors: 2, occlusion: true }, zeroSum: true },
  ],
  soccer: [
    { settings: {}, zeroSum: true, symmetry: { agents: [1, 0], isTurned: true, signed: ['result'] } },
    {
      settings: { players: 2 },
      zeroSum: true,
      symmetry: { agents: [2, 3, 0, 1], isTurned: true, signed: ['result'] },
    },
    { settings: { players: 2, kick: false, occlusion: true, distractors: 2 }, zeroSum: true },
  ],
  highway: [
    { settings: {}, zeroSum: false },
    { settings: { cars: 3, lanes: 3 }, zeroSum: false, symmetry: { agents: [0, 2, 1, 3], isTurned: false } },
  ],
};

const withFace = Object.entries(tasks).flatMap(([id, task]) =>
  modelOf(task).parallel ? [id as TaskId] : [],
);

test('every task with several agents is checked here', () => {
  assert.ok(withFace.length >= 3);
  assert.deepEqual(withFace.sort(), Object.keys(games).sort());
});

const faceOf = (model: TaskModel) => model.parallel!;

/** Random actions that are held for five steps, so that agents get somewhere and meet. */
function createWander(dim: number, seed: number): (t: number) => Float64Array {
  const random = createRandom(seed);
  const actions = new Float64Array(dim);
  return (t) => {
    if (t % 5 === 0) for (let i = 0; i < dim; i++) actions[i] = random.uniform(-1.2, 1.2);
    return actions;
  };
}

/** The row of the relabelled game. */
function relabel(
  model: TaskModel,
  row: Float64Array,
  { agents, isTurned, signed = [] }: Symmetry,
): Float64Array {
  const other = row.slice();
  const { agents: ids } = faceOf(model);
  const at = new Map(model.stateLayout.map((field) => [field.name, field]));
  for (const { name, offset, size } of model.stateLayout) {
    const [owner, quantity] = name.split('.');
    const i = ids.findIndex(({ id }) => id === owner);
    const from = i < 0 ? offset : at.get(`${ids[agents[i]!]!.id}.${quantity}`)!.offset;
    const sign = isTurned && (quantity === 'pos' || quantity === 'vel' || signed.includes(name)) ? -1 : 1;
    for (let k = 0; k < size; k++) other[offset + k] = sign * row[from + k]!;
  }
  return other;
}

for (const id of withFace) {
  for (const game of games[id] ?? []) {
    const name = `${id} ${JSON.stringify(game.settings)}`;
    const model = modelOf(tasks[id], game.settings);
    const face = faceOf(model);
    const ids = face.agents.map((agent) => agent.id);
    const joint = jointModel(model);
    const dim = model.stateDim;

    test(`${name}: agent 0 has the task's own spaces, and every agent has one of each`, () => {
      assert.equal(new Set(ids).size, ids.length);
      assert.equal(face.observationSpaces.length, ids.length);
      assert.equal(face.actionSpaces.length, ids.length);
      assert.deepEqual(face.observationSpaces[0], model.observationSpace);
      assert.deepEqual(face.actionSpaces[0], model.actionSpace);
      assert.equal(new Set(joint.actionSpace.names).size, joint.actionSpace.dim);
      assert.equal(new Set(joint.observationSpace.names).size, joint.observationSpace.dim);
    });

    test(`${name}: observations stay in their spaces, agent 0 sees what the task observes, zero-sum rewards sum to 0`, () => {
      const batch = createParallelBatch(model, 8);
      const wander = createWander(8 * joint.actionSpace.dim, 3);
      const own = new Float64Array(model.observationSpace.dim);
      let paid = 0;
      for (let t = 0; t < 250; t++) {
        batch.step(wander(t));
        for (let w = 0; w < 8; w++) {
          for (let k = 0; k < joint.observationSpace.dim; k++) {
            const value = batch.observations[w * joint.observationSpace.dim + k]!;
            const { low, high, names } = joint.observationSpace;
            assert.ok(value >= low[k]! && value <= high[k]!, `${names[k]}: ${value}`);
          }
          model.observe(batch.states, w * dim, own, 0);
          const from = w * joint.observationSpace.dim;
          assert.deepEqual(batch.observations.slice(from, from + own.length), own);
          const rewards = batch.rewards.subarray(w * ids.length, (w + 1) * ids.length);
          assert.ok(rewards.every(Number.isFinite));
          for (const reward of rewards) paid += Math.abs(reward);
          if (game.zeroSum) {
            const sum = rewards.reduce((a, b) => a + b, 0);
            assert.ok(Math.abs(sum) < 1e-12, `step ${t}: rewards sum to ${sum}`);
          }
        }
      }
      assert.ok(paid > 0, 'something was paid');
    });

    test(`${name}: with every agent scripted the joint step is the task's own step, bit for bit`, () => {
      const all = createParallelBatch(model, 6);
      const alone = createBatch(model, 6);
      const actions = new Float64Array(6 * joint.actionSpace.dim);
      const own = new Float64Array(6 * model.actionSpace.dim);
      for (let t = 0; t < 150; t++) {
        all.experts(actions);
        for (let w = 0; w < 6; w++) model.expert(alone.states, w * dim, own, w * model.actionSpace.dim);
        all.step(actions);
        alone.step(own);
        assert.deepEqual(all.states, alone.states, `step ${t}`);
      }
    });

    test(`${name}: one world with records is the batch, a seed repeats, and mates are on one side`, () => {
      const env = createParallelEnv(model);
      const batch = createParallelBatch(model, 1);
      batch.reset(0, 11);
      const first = env.reset(11);
      assert.deepEqual(env.reset(11), first);
      assert.deepEqual(env.agents, ids);
      assert.deepEqual(env.possibleAgents, ids);
      const width = model.actionSpace.dim;
      const wander = createWander(joint.actionSpace.dim, 8);
      for (let t = 0; t < 40; t++) {
        const actions = wander(t);
        const step = env.step(
          Object.fromEntries(ids.map((agent, i) => [agent, actions.slice(i * width, (i + 1) * width)])),
        );
        batch.step(actions);
        assert.deepEqual(env.state(), batch.saveState(0));
        assert.deepEqual(
          ids.map((agent) => step.rewards[agent]),
          [...batch.rewards],
        );
        assert.deepEqual(
          ids.flatMap((agent) => [...step.observations[agent]!]),
          [...batch.observations],
        );
        assert.deepEqual(step.terminations, Object.fromEntries(ids.map((agent) => [agent, false])));
      }
      for (const [i, { side }] of face.agents.entries()) {
        const mates = face.agents.flatMap((agent, k) => (agent.side === side ? [k] : []));
        assert.ok(mates.includes(i));
      }
      assert.ok(new Set(face.agents.map((agent) => agent.side)).size >= 2);
    });

    if (game.symmetry) {
      const symmetry = game.symmetry;
      test(`${name}: the game with agents relabelled is the relabelled game, bit for bit`, () => {
        const width = model.actionSpace.dim;
        const row = new Float64Array(dim);
        const rewardOf = (state: Float64Array, next: Float64Array, i: number): number =>
          face.reward(i, state, 0, next, 0);
        let met = 0;
        for (let seed = 0; seed < 10; seed++) {
          model.reset(seed, row, 0);
          let other = relabel(model, row, symmetry);
          const wander = createWander(joint.actionSpace.dim, seed);
          for (let t = 0; t < 100; t++) {
            const actions = wander(t).slice();
            // Every other step by the experts, so that there is contact.
            if (t % 20 >= 5) joint.expert(row, 0, actions, 0);
            const swapped = new Float64Array(actions.length);
            for (let i = 0; i < ids.length; i++) {
              const from = symmetry.agents[i]! * width;
              swapped.set(actions.subarray(from, from + width), i * width);
            }
            const before = [row.slice(), other.slice()] as const;
            face.advance(row, actions, 0, 1);
            face.advance(other, swapped, 0, 1);
            const wanted = relabel(model, row, symmetry);
            for (const { name: field, offset, size } of model.stateLayout) {
              // How near the home side has come is remembered for the home side only.
              if (/^(start|best)/.test(field)) continue;
              for (let k = offset; k < offset + size; k++) {
                assert.ok(
                  other[k] === wanted[k],
                  `seed ${seed}, step ${t}, ${field}: ${other[k]}, wanted ${wanted[k]}`,
                );
              }
            }
            for (let i = 0; i < ids.length; i++) {
              const reward = rewardOf(before[1], other, i);
              const counterpart = rewardOf(before[0], row, symmetry.agents[i]!);
              assert.ok(Math.abs(reward - counterpart) < 1e-12);
              if (Math.abs(reward) > 0.01) met++;
            }
            other = other.slice();
          }
        }
        assert.ok(met > 0, 'something happened');
      });
    }
  }

  test(`${id}: a step with a missing or unknown agent, a wrong size or no finite number is refused and changes nothing`, () => {
    const model = modelOf(tasks[id]);
    const face = faceOf(model);
    const ids = face.agents.map((agent) => agent.id);
    const env = createParallelEnv(model);
    const width = model.actionSpace.dim;
    const good = Object.fromEntries(ids.map((agent) => [agent, new Float64Array(width)]));
    assert.throws(() => env.step(good), /found no episode under way, wanted a reset/);
    assert.deepEqual(env.agents, []);
    env.reset(1);
    env.step(good);
    const before = env.state();
    const last = ids.at(-1)!;
    const { [last]: _, ...missing } = good;
    const refused: readonly (readonly [Record<string, ArrayLike<number>>, RegExp])[] = [
      [missing, new RegExp(`found no action of ${last}`)],
      [{ ...good, nobody: new Float64Array(width) }, /found agent "nobody", wanted one of/],
      [
        { ...good, [last]: new Float64Array(width + 1) },
        new RegExp(`${width + 1} numbers for ${last}, wanted ${width}`),
      ],
      [
        { ...good, [last]: [...new Array(width - 1).fill(0), Number.NaN] },
        new RegExp(`${last}.*found NaN, wanted a finite`),
      ],
    ];
    for (const [actions, message] of refused) {
      assert.throws(
        () => env.step(actions),
        (error: Error) => error instanceof RangeError && message.test(error.message),
      );
      assert.deepEqual(env.state(), before);
    }
    assert.throws(() => env.actionSpace('nobody'), RangeError);
    assert.equal(env.actionSpace(last).dim, width);
    assert.equal(env.observationSpace(last).dim, model.observationSpace.dim);
    env.step(good);
    const batch = createParallelBatch(model, 2);
    const rows = batch.states.slice();
    assert.throws(() => batch.step(new Float64Array(3)), /Actions: found 3 numbers, wanted/);
    assert.deepEqual(batch.states, rows);
  });

  test(`${id}: the horizon truncates all agents at once, and nobody acts after the end`, () => {
    const model = modelOf(tasks[id], { horizon: 4 });
    const env = createParallelEnv(model);
    const ids = [...env.possibleAgents];
    const still = Object.fromEntries(ids.map((agent) => [agent, new Float64Array(model.actionSpace.dim)]));
    env.reset(2);
    for (let t = 1; t <= 4; t++) {
      const step = env.step(still);
      assert.deepEqual(step.truncations, Object.fromEntries(ids.map((agent) => [agent, t === 4])));
      assert.deepEqual(env.agents, t === 4 ? [] : ids);
    }
    assert.throws(() => env.step(still), /wanted a reset/);
    env.reset(3);
    assert.deepEqual(env.agents, ids);
  });
}

test('an episode that is decided terminates for all agents', () => {
  const model = modelOf(tasks.tag, { fixedHorizon: false, difficulty: 0 });
  const env = createParallelEnv(model);
  const batch = createParallelBatch(model, 1);
  env.reset(5);
  const actions = new Float64Array(4);
  let tagged = 0;
  for (let t = 0; t < model.horizon && env.agents.length > 0; t++) {
    batch.restoreState(0, env.state());
    batch.experts(actions);
    const step = env.step({ tagger0: actions.slice(0, 2), runner0: actions.slice(2) });
    // A tag is worth 1, and coming closer is worth 0.1 a metre at most.
    if (step.rewards.tagger0! > 0.9) tagged++;
    assert.equal(step.terminations.tagger0, env.agents.length === 0);
  }
  assert.equal(tagged, 1);
  assert.deepEqual(env.agents, []);
});

test('a task with one agent has no parallel environment', () => {
  assert.throws(
    () => createParallelEnv(modelOf(tasks.reach)),
    /reach: found one agent, wanted a task with several/,
  );
});
