/** The tabular worlds: the contract, and tables that are the worlds themselves. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBatch } from '../../../sim/batch.ts';
import { createRandom } from '../../../sim/engine/random.ts';
import type { TaskModel } from '../../../sim/env.ts';
import type { AnySettings } from '../../../sim/fields.ts';
import {
  backwardInduction,
  checkTables,
  evaluateOverHorizon,
  evenPolicy,
  optimalActions,
  shaped,
  startValue,
  type Tabular,
  valueIteration,
} from '../../../sim/tabular.ts';
import { tasks } from '../../../sim/tasks/index.ts';
import { checkTask } from './contract.ts';
import { modelOf } from './worlds.ts';

checkTask('grid-chain', { golden: '1ef2ae5d0a8f2ee9', lasting: 1 });
checkTask('grid-world', { golden: '3ec3d22f292309b5', lasting: 1 });
checkTask('grid-cliff', { golden: 'dbd5b55788f2b57e', lasting: 1, borrowed: ['reward'] });

type GridId = 'grid-chain' | 'grid-world' | 'grid-cliff';

interface Grid {
  readonly model: TaskModel;
  readonly tabular: Tabular;
}

function gridOf(id: GridId, settings: AnySettings = {}): Grid {
  const model = modelOf(tasks[id], settings);
  assert.ok(model.tabular);
  return { model, tabular: model.tabular };
}

const rowAt = ({ model, tabular }: Grid, index: number): Float64Array => {
  const row = new Float64Array(model.stateDim);
  tabular.rowOf(index, row, 0);
  return row;
};

const offsetOf = (model: TaskModel, name: string): number =>
  model.stateLayout.find((field) => field.name === name)!.offset;

const variants: readonly (readonly [GridId, AnySettings])[] = [
  ['grid-chain', {}],
  ['grid-chain', { length: 5, detour: 0, slip: 0.3 }],
  ['grid-cliff', {}],
  ['grid-cliff', { slip: 0.4, width: 6, height: 3 }],
  ['grid-world', {}],
  ['grid-world', { layout: 'open', slip: 0.3, irreversible: true }],
  ['grid-world', { layout: 'generated', layoutSeed: 3 }],
];

for (const [id, settings] of variants) {
  const title = `${id} ${JSON.stringify(settings)}`;

  test(`${title}: the table is what a step does, for every state and action`, () => {
    const grid = gridOf(id, settings);
    const { model, tabular } = grid;
    const { actions, first, next, probabilities } = tabular;
    checkTables(tabular);
    assert.ok(tabular.states <= 3000, `${tabular.states} states`);
    const randomAt = offsetOf(model, 'random');
    const draws = 600;
    const action = new Float64Array(1);
    const scratch = new Float64Array(model.stateDim);
    const out = new Float64Array(model.rewardTerms.length);
    for (let s = 0; s < tabular.states; s++) {
      const row = rowAt(grid, s);
      assert.equal(tabular.indexOf(row, 0), s);
      for (let a = 0; a < actions; a++) {
        const from = first[s * actions + a]!;
        const to = first[s * actions + a + 1]!;
        const counts = new Float64Array(to - from);
        // Every stored random state is a draw; where nothing is left to chance two of them do.
        const tries = to - from === 1 ? 2 : draws;
        for (let k = 0; k < tries; k++) {
          scratch.set(row);
          scratch[randomAt] = k % 1024;
          scratch[randomAt + 1] = (7 * s + a) % 2048;
          action[0] = a;
          model.advance(scratch, action, 0, 1);
          const i = next.subarray(from, to).indexOf(tabular.indexOf(scratch, 0));
          assert.ok(i >= 0, `state ${s}, action ${a} leads to a state that the table lacks`);
          counts[i]! += 1;
          if (k > 1) continue;
          // Native rewards are those of the table.
          model.reward(row, 0, action, 0, scratch, 0, out, 0);
          assert.equal(tabular.rewards[from + i], out[0]);
          const dense = model.rewardTerms.reduce(
            (sum, term, j) => sum + (term.kind === 'dense' ? term.weight * out[j]! : 0),
            0,
          );
          assert.ok(Math.abs(tabular.dense[from + i]! - dense) < 1e-12);
        }
        for (let i = from; i < to; i++) {
          const p = probabilities[i]!;
          // Five standard deviations: one false alarm in a million entries or so.
          const slack = 5 * Math.sqrt((p * (1 - p)) / tries) + 1e-12;
          assert.ok(
            Math.abs(counts[i - from]! / tries - p) <= slack,
            `state ${s}, action ${a}: ${counts[i - from]} of ${tries}, wanted ${p}`,
          );
        }
      }
    }
  });

  test(`${title}: start chances are those of resets`, () => {
    const { model, tabular } = gridOf(id, settings);
    const row = new Float64Array(model.stateDim);
    const counts = new Float64Array(tabular.states);
    const seeds = 4000;
    for (let seed = 0; seed < seeds; seed++) {
      model.reset(seed, row, 0);
      counts[tabular.indexOf(row, 0)]! += 1;
    }
    for (let s = 0; s < tabular.states; s++) {
      const p = tabular.start[s]!;
      assert.ok(Math.abs(counts[s]! / seeds - p) <= 5 * Math.sqrt((p * (1 - p)) / seeds), `state ${s}`);
    }
  });
}

test('the return of the even policy in real episodes is the one that the tables say', () => {
  for (const [id, settings, horizon] of [
    ['grid-chain', { length: 4, fixedHorizon: false }, 20],
    ['grid-cliff', { width: 5, height: 3, slip: 0.2 }, 25],
    ['grid-world', { layout: 'open' }, 30],
  ] as const) {
    const { model, tabular } = gridOf(id, { ...settings, horizon });
    const even = evenPolicy(new Uint8Array(tabular.states * tabular.actions).fill(1), tabular.actions);
    const count = 3000;
    const batch = createBatch(model, count);
    const random = createRandom(11);
    const actions = new Float64Array(count);
    const out = new Float64Array(model.rewardTerms.length);
    const ended = new Uint8Array(count);
    const returns = { sparse: new Float64Array(count), dense: new Float64Array(count) };
    for (let t = 0; t < horizon; t++) {
      for (let w = 0; w < count; w++) actions[w] = random.integer(tabular.actions);
      batch.step(actions);
      for (let w = 0; w < count; w++) {
        if (ended[w] === 1) continue;
        const o = w * model.stateDim;
        model.reward(batch.previousStates, o, actions, w, batch.states, o, out, 0);
        model.rewardTerms.forEach((term, k) => {
          returns[term.kind][w]! += term.weight * out[k]!;
        });
        if (batch.terminated[w] === 1) ended[w] = 1;
      }
    }
    for (const [kind, mdp] of [
      ['sparse', tabular],
      ['dense', shaped(tabular, tabular.dense)],
    ] as const) {
      const wanted = startValue(
        tabular,
        evaluateOverHorizon(mdp, even, { horizon }).values,
        horizon * tabular.states,
      );
      const mean = returns[kind].reduce((sum, value) => sum + value, 0) / count;
      const variance = returns[kind].reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
      const error = 4 * Math.sqrt(variance / count);
      assert.ok(
        error > 0 && Math.abs(mean - wanted) < error,
        `${id} ${kind}: ${mean} +- ${error}, wanted ${wanted}`,
      );
    }
  }
});

test('the expert takes an optimal action and true progress counts the steps that are left, in every state', () => {
  for (const [id, settings] of variants) {
    const grid = gridOf(id, { ...settings, fixedHorizon: false });
    const { model, tabular } = grid;
    // -1 a step (-100 for a fall) until the end; what can never end is left out by a large constant.
    const isLost = new Uint8Array(tabular.states);
    const out = new Float64Array(1);
    for (let s = 0; s < tabular.states; s++) {
      const row = rowAt(grid, s);
      isLost[s] = model.progress(row, 0) === 0 && !leadsToGoal(grid, s) ? 1 : 0;
    }
    const fell = (s: number): boolean => id === 'grid-cliff' && rowAt(grid, s)[offsetOf(model, 'fell')] === 1;
    const costs = shaped(
      { ...tabular, terminal: tabular.terminal.map((ended, s) => Math.max(ended, isLost[s]!)) },
      (s, _a, s2) => (isLost[s] === 1 ? 0 : isLost[s2] === 1 ? -1001 : fell(s2) ? -100 : -1),
    );
    const { q } = valueIteration(costs, { gamma: 1 });
    const best = optimalActions(q, tabular.actions, 1e-6);
    for (let s = 0; s < tabular.states; s++) {
      if (tabular.terminal[s] === 1 || isLost[s] === 1) continue;
      model.expert(rowAt(grid, s), 0, out, 0);
      assert.equal(best[s * tabular.actions + out[0]!], 1, `${id}: state ${s}`);
    }
  }
});

/** Whether luck can lead from here to an end. */
function leadsToGoal({ tabular }: Grid, from: number): boolean {
  const seen = new Set([from]);
  const queue = [from];
  for (let s = queue.pop(); s !== undefined; s = queue.pop()) {
    if (tabular.terminal[s] === 1) return true;
    for (let i = tabular.first[s * tabular.actions]!; i < tabular.first[(s + 1) * tabular.actions]!; i++) {
      const s2 = tabular.next[i]!;
      if (!seen.has(s2)) {
        seen.add(s2);
        queue.push(s2);
      }
    }
  }
  return false;
}

test('progress in a world without chance is the shortest way, found by search over the real steps', () => {
  const grid = gridOf('grid-world', { fixedHorizon: false });
  const { model, tabular } = grid;
  const action = new Float64Array(1);
  const farthest = 19;
  const starts = [...tabular.start.keys()].filter((s) => tabular.start[s]! > 0);
  const lengths: number[] = [];
  for (const start of starts.filter((_, k) => k % 7 === 0)) {
    const distance = new Map([[start, 0]]);
    const queue = [start];
    let found = -1;
    for (let head = 0; found < 0; head++) {
      const s = queue[head]!;
      for (let a = 0; a < tabular.actions && found < 0; a++) {
        const row = rowAt(grid, s);
        action[0] = a;
        model.advance(row, action, 0, 1);
        const s2 = tabular.indexOf(row, 0);
        if (distance.has(s2)) continue;
        distance.set(s2, distance.get(s)! + 1);
        queue.push(s2);
        if (model.success(row, 0)) found = distance.get(s2)!;
      }
    }
    lengths.push(found);
    assert.ok(Math.abs(model.progress(rowAt(grid, start), 0) - (1 - found / farthest)) < 1e-9);
  }
  assert.ok(Math.max(...lengths) <= farthest && new Set(lengths).size > 3, String(lengths));
});

test('grid-cliff moves as Sutton & Barto wrote it', () => {
  const grid = gridOf('grid-cliff', { fixedHorizon: false });
  const { model, tabular } = grid;
  // An independent reading of the rules, cell by cell.
  const action = new Float64Array(1);
  const out = new Float64Array(2);
  for (let s = 0; s < tabular.states; s++) {
    const row = rowAt(grid, s);
    const [x, y] = [row[1]!, row[2]!];
    if (x === 11 && y === 0) continue;
    for (const [a, dx, dy] of [
      [0, 0, 1],
      [1, 1, 0],
      [2, 0, -1],
      [3, -1, 0],
    ] as const) {
      const next = row.slice();
      action[0] = a;
      model.advance(next, action, 0, 1);
      const isOff = x + dx < 0 || x + dx > 11 || y + dy < 0 || y + dy > 3;
      const falls = !isOff && y + dy === 0 && x + dx >= 1 && x + dx <= 10;
      const wanted = falls ? [0, 0] : isOff ? [x, y] : [x + dx, y + dy];
      assert.deepEqual([next[1], next[2]], wanted);
      model.reward(row, 0, action, 0, next, 0, out, 0);
      assert.equal(out[1], falls ? -100 : -1);
      assert.equal(model.terminal(next, 0), wanted[0] === 11 && wanted[1] === 0);
    }
  }
  assert.equal(tabular.states, 39, '37 cells to stand on, the goal, and the start after a fall');
  const { values } = valueIteration(shaped(tabular, tabular.dense), { gamma: 1 });
  assert.equal(startValue(tabular, values), -13, 'up, eleven to the right, down');
});

test('the expert of a slippery cliff leaves its edge', () => {
  const choice = (slip: number, x: number, y: number): number => {
    const { model } = gridOf('grid-cliff', { slip });
    const row = new Float64Array(model.stateDim);
    row.set([x, y], 1);
    const action = new Float64Array(1);
    model.expert(row, 0, action, 0);
    return action[0]!;
  };
  const [up, right] = [0, 1];
  assert.deepEqual([choice(0, 5, 1), choice(0.2, 5, 1), choice(0.2, 5, 3)], [right, up, right]);
});

test('on the risky chain raw potential makes hovering optimal, and its difference with a zero end does not', () => {
  // Potential 0, 0.1 .. 0.9; at 0.9 hover or jump: success 0.4, else back to 0. Discount 0.95.
  const gamma = 0.95;
  const { tabular } = gridOf('grid-chain', { length: 10, detour: 0, slip: 0.6, fixedHorizon: false });
  assert.equal(tabular.states, 11);
  const [stay, forward] = [0, 1];
  const at = (mdp: Tabular, action: number, cell = 9): number =>
    valueIteration(mdp, { gamma }).q[cell * tabular.actions + action]!;
  const near = (found: number, wanted: number): void =>
    assert.ok(Math.abs(found - wanted) < 6e-4, `found ${found}, wanted ${wanted}`);
  const potential = (s: number): number => (tabular.terminal[s] === 1 ? 0 : s / 10);

  // Sparse: Q(jump) = 0.4 + 0.6 * 0.95^10 Q(jump) = 0.624, Q(hover) = 0.95 * 0.624 = 0.593: jump.
  near(at(tabular, forward), 0.624);
  near(at(tabular, stay), 0.593);
  // The potential itself, paid on leaving a state: hovering is 0.9 / 0.05 = 18 and wins.
  const raw = shaped(tabular, (s) => potential(s));
  near(at(raw, stay), 18);
  assert.ok(at(raw, forward) < 10);
  // So it is under the written dense reward of the task, which pays the potential of the next state.
  const written = shaped(tabular, tabular.dense);
  near(at(written, stay), 18);
  assert.ok(at(written, forward) < 10);
  // The plain difference without a reward for success: hover 0, jump below.
  const naive = shaped(tabular, (s, _a, s2) => (s2 === 10 ? 0 : potential(s2)) - potential(s));
  assert.ok(Math.abs(at(naive, stay)) < 1e-9 && at(naive, forward) < 0);
  // gamma phi' - phi, the end's potential 0, on top of the sparse reward: jump again, every Q lower by phi.
  const invariant = shaped(
    tabular,
    Float64Array.from(
      tabular.rewards,
      (r, i) => r + shaped(tabular, (s, _a, s2) => gamma * potential(s2) - potential(s)).rewards[i]!,
    ),
  );
  near(at(invariant, forward), 0.624 - 0.9);
  near(at(invariant, stay), 0.593 - 0.9);
  assert.deepEqual(
    optimalActions(valueIteration(invariant, { gamma }).q, tabular.actions),
    optimalActions(valueIteration(tabular, { gamma }).q, tabular.actions),
  );
});

test('the branch of the chain is taken as the risk is: round the gap where jumps fail often, over it where they do not', () => {
  const atEdge = (settings: AnySettings): number => {
    const grid = gridOf('grid-chain', settings);
    const action = new Float64Array(1);
    grid.model.expert(rowAt(grid, 15), 0, action, 0);
    return action[0]!;
  };
  // From the edge: jumping takes 1 + slip (15 + T) steps, going round 2 * 2 + 2 = 6, so risk pays below slip 0.25.
  assert.deepEqual([atEdge({ slip: 0.2 }), atEdge({ slip: 0.3 })], [1, 3]);
  assert.deepEqual([atEdge({ slip: 0.3, detour: 4 }), atEdge({ slip: 0.9, detour: 0 })], [1, 1]);
  // Little time turns caution into risk: the way round takes six steps, and in the last one only a jump can succeed.
  const { tabular } = gridOf('grid-chain', { fixedHorizon: false });
  const { q } = backwardInduction(tabular, { horizon: 8 });
  const best = (toGo: number): number[] => [
    ...optimalActions(
      q.slice(((toGo - 1) * tabular.states + 15) * 4, ((toGo - 1) * tabular.states + 16) * 4),
      4,
    ),
  ];
  assert.deepEqual(best(1), [0, 1, 0, 0]);
  assert.deepEqual(best(6), [0, 0, 0, 1]);
});

/** Plays letters u r d l e (use) in the open or two-room layout from a given state. */
function play(
  grid: Grid,
  start: readonly [agent: number, phase: number, box: number],
  letters: string,
): Float64Array {
  const row = rowAt(grid, 0);
  for (const [k, name] of ['agent', 'phase', 'box'].entries()) row[offsetOf(grid.model, name)] = start[k]!;
  for (const letter of letters) grid.model.advance(row, Float64Array.of('urdle'.indexOf(letter)), 0, 1);
  return row.slice(1, 4);
}

test('grid-world: walls block, the key opens the door, boxes are pushed and pulled', () => {
  const grid = gridOf('grid-world');
  // Nine cells a row; (x, y) is 9 y + x. Key at (2, 4), door at (4, 3), place of the box at (6, 2).
  const at = (x: number, y: number): number => 9 * y + x;
  assert.deepEqual([...play(grid, [at(1, 1), 0, at(6, 3)], 'dl')], [at(1, 1), 0, at(6, 3)], 'walls');
  assert.deepEqual([...play(grid, [at(1, 4), 0, at(6, 3)], 're')], [at(2, 4), 1, at(6, 3)], 'key');
  assert.deepEqual(
    [...play(grid, [at(3, 3), 0, at(6, 3)], 'er')],
    [at(3, 3), 0, at(6, 3)],
    'no key, no door',
  );
  assert.deepEqual(
    [...play(grid, [at(3, 3), 1, at(6, 3)], 'r')],
    [at(3, 3), 1, at(6, 3)],
    'the door is shut',
  );
  assert.deepEqual(
    [...play(grid, [at(3, 3), 1, at(6, 3)], 'er')],
    [at(4, 3), 2, at(6, 3)],
    'the door is open',
  );
  assert.deepEqual(
    [...play(grid, [at(5, 3), 2, at(6, 3)], 'rr')],
    [at(6, 3), 2, at(7, 3)],
    'pushed to the wall',
  );
  assert.deepEqual([...play(grid, [at(6, 3), 2, at(7, 3)], 'e')], [at(5, 3), 2, at(6, 3)], 'pulled');
  assert.deepEqual(
    [...play(grid, [at(5, 3), 2, at(5, 4)], 'uuu')],
    [at(5, 4), 2, at(5, 5)],
    'stuck in a corner',
  );
  const heavy = gridOf('grid-world', { irreversible: true });
  assert.deepEqual([...play(heavy, [at(6, 3), 2, at(7, 3)], 'e')], [at(6, 3), 2, at(7, 3)], 'not pulled');
  const done = play(grid, [at(6, 4), 2, at(6, 3)], 'd');
  assert.deepEqual([...done], [at(6, 3), 2, at(6, 2)]);
});

test('grid-world: a box in a corner is lost where it can only be pushed', () => {
  const grid = gridOf('grid-world', { irreversible: true });
  const row = rowAt(grid, 0);
  row.set([9 * 4 + 5, 2, 9 * 5 + 5], 1);
  assert.equal(grid.model.progress(row, 0), 0);
  assert.ok(
    !leadsToGoal(
      gridOf('grid-world', { irreversible: true, fixedHorizon: false }),
      grid.tabular.indexOf(row, 0),
    ),
  );
  const easy = gridOf('grid-world');
  assert.ok(easy.model.progress(row, 0) > 0);
});

test('grid-world: generated layouts differ, can be solved and stay small', () => {
  const shapes = new Set<string>();
  for (let layoutSeed = 0; layoutSeed < 12; layoutSeed++) {
    const { model, tabular } = gridOf('grid-world', { layout: 'generated', layoutSeed });
    assert.ok(tabular.states <= 3000);
    shapes.add(JSON.stringify(model.bodies.map((body) => body.name)) + JSON.stringify(tabular.states));
    const batch = createBatch(model, 40);
    const actions = new Float64Array(40);
    for (let t = 0; t < model.horizon; t++) {
      for (let w = 0; w < 40; w++) model.expert(batch.states, w * model.stateDim, actions, w);
      batch.step(actions);
    }
    for (let w = 0; w < 40; w++)
      assert.ok(model.success(batch.states, w * model.stateDim), `layout ${layoutSeed}`);
  }
  assert.ok(shapes.size >= 10, `${shapes.size} different layouts`);
});

test('grids: difficulty bounds how far from the goal an episode starts', () => {
  for (const id of ['grid-chain', 'grid-world', 'grid-cliff'] as const) {
    const row = new Float64Array(64);
    const leastProgress = (difficulty: number): number => {
      const model = modelOf(tasks[id], { difficulty });
      let least = 1;
      for (let seed = 0; seed < 200; seed++) {
        model.reset(seed, row, 0);
        least = Math.min(least, model.progress(row, 0));
      }
      return least;
    };
    assert.ok(leastProgress(1) < 0.01, id);
    assert.ok(leastProgress(0.4) >= 0.6 - 1e-9, id);
    assert.ok(leastProgress(0) > 0.9, id);
  }
});

test('grids: one number a state is 1 where the encoding is one-hot', () => {
  for (const id of ['grid-chain', 'grid-cliff'] as const) {
    const { model, tabular } = gridOf(id, { encoding: 'one-hot' });
    assert.equal(model.observationSpace.dim, tabular.states);
    const seen = new Float64Array(tabular.states);
    for (let s = 0; s < tabular.states; s++) {
      model.observe(rowAt({ model, tabular }, s), 0, seen, 0);
      assert.deepEqual([seen.indexOf(1), seen.reduce((sum, value) => sum + value, 0)], [s, 1]);
    }
  }
});

test('grids: without occlusion no two states are observed alike', () => {
  for (const id of ['grid-chain', 'grid-world', 'grid-cliff'] as const) {
    const grid = gridOf(id);
    const seen = new Set<string>();
    const out = new Float64Array(grid.model.observationSpace.dim);
    for (let s = 0; s < grid.tabular.states; s++) {
      grid.model.observe(rowAt(grid, s), 0, out, 0);
      seen.add(out.join());
    }
    assert.equal(seen.size, grid.tabular.states, id);
  }
});

test('grid-world: occlusion cuts offsets to the sight, balls are seen and roll, tints differ between episodes', () => {
  const plain = gridOf('grid-world');
  const short = gridOf('grid-world', { occlusion: 1 });
  const { names } = plain.model.observationSpace;
  const row = rowAt(plain, 0);
  row.set([9 * 1 + 1, 0, 9 * 2 + 7], 1);
  const seeing = ({ model }: Grid): Float64Array => {
    const out = new Float64Array(model.observationSpace.dim);
    model.observe(row, 0, out, 0);
    return out;
  };
  const boxX = names.indexOf('box.x');
  assert.deepEqual([seeing(plain)[boxX], seeing(short)[boxX]], [6 / 9, 1 / 9]);

  const balls = modelOf(tasks['grid-world'], { distractors: 3 });
  assert.equal(balls.observationSpace.dim, names.length + 6);
  const batch = createBatch(balls, 4);
  const ballAt = offsetOf(balls, 'ball0');
  const before = batch.states.slice();
  for (let t = 0; t < 20; t++) batch.step(new Float64Array(4));
  const moved = [0, 1, 2, 3].filter(
    (w) => batch.states[w * balls.stateDim + ballAt] !== before[w * balls.stateDim + ballAt],
  );
  assert.ok(moved.length > 0);
  assert.equal(balls.tabular!.states, plain.tabular.states, 'balls are no part of the table');

  const tinted = modelOf(tasks['grid-world'], { randomisation: 0.8 });
  const colours = [1, 2].map((seed) => {
    const state = new Float64Array(tinted.stateDim);
    tinted.reset(seed, state, 0);
    const out = new Float32Array(tinted.bodies.length * 3);
    tinted.colours!(state, 0, out, 0);
    return out;
  });
  const wall = tinted.bodies.findIndex((body) => body.role === 'wall');
  assert.notDeepEqual(colours[0]!.slice(3 * wall, 3 * wall + 3), colours[1]!.slice(3 * wall, 3 * wall + 3));
  for (const [b, body] of tinted.bodies.entries()) {
    const isTinted = ['wall', 'object', 'tool'].includes(body.role);
    assert.equal(Number.isNaN(colours[0]![3 * b]), !isTinted, body.name);
  }
  assert.equal(plain.model.colours, undefined);
});

test('grids: the sparse reward of a state and its own goal is success', () => {
  for (const [id, settings] of variants) {
    const grid = gridOf(id, settings);
    const { model } = grid;
    const goals = model.goals!;
    const [achieved, desired] = [new Float64Array(goals.dim), new Float64Array(goals.dim)];
    let successes = 0;
    for (let s = 0; s < grid.tabular.states; s++) {
      const row = rowAt(grid, s);
      goals.achieved(row, 0, achieved, 0);
      goals.desired(row, 0, desired, 0);
      const wanted = model.success(row, 0) ? 1 : 0;
      assert.equal(goals.computeReward(achieved, 0, desired, 0), wanted);
      successes += wanted;
    }
    assert.ok(successes > 0);
  }
});

test('grids: everything that is drawn stands on the floor', () => {
  for (const [id, settings] of variants) {
    const grid = gridOf(id, settings);
    const { model } = grid;
    const poses = new Float32Array(model.bodies.length * 7);
    for (let s = 0; s < grid.tabular.states; s += 17) {
      model.poses(rowAt(grid, s), 0, poses, 0);
      const floor = model.bodies[0]!;
      assert.ok(floor.role === 'floor' && floor.shape.type === 'box');
      for (let b = 1; b < model.bodies.length; b++) {
        assert.ok(Math.abs(poses[7 * b]!) < floor.shape.size[0] / 2);
        assert.ok(Math.abs(poses[7 * b + 1]!) < floor.shape.size[1] / 2);
        assert.ok(poses[7 * b + 2]! > 0);
      }
    }
  }
});

test('grids: an index that the table lacks is refused', () => {
  const { model, tabular } = gridOf('grid-chain');
  assert.throws(
    () => tabular.rowOf(22, new Float64Array(model.stateDim), 0),
    /grid-chain: found index 22, wanted 0 to 21/,
  );
});
