import assert from 'node:assert/strict';
import { test } from 'node:test';
import { play } from '../../lab/footage.ts';
import { checkShaping, compareOptima, discountedSums, stackTables } from '../../lab/shaping-check.ts';
import { rewards } from '../../learn/rewards/index.ts';
import type { LearnedUse, StackEntry } from '../../learn/rewards/stack.ts';
import type { RewardModel } from '../../learn/rewards/types.ts';
import { defaultsOf } from '../../sim/fields.ts';
import type { TabularMdp } from '../../sim/tabular.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { lab } from '../support/lab.ts';

/** Phi is the first number of the observation, plus `perFrame` for every frame before. */
function potential(frameDim: number, perFrame = 0): RewardModel {
  return {
    method: 'sarm',
    senses: ['observation'],
    frameDim,
    stages: [],
    score: () => ({ perStep: new Float32Array(0), extras: {} }),
    online: (count) => {
      const values = new Float64Array(count);
      const frames = new Float64Array(count);
      return {
        count,
        values,
        reset: (world, observations, offset) => {
          frames[world] = 0;
          values[world] = observations[offset]!;
        },
        step: (observations) => {
          for (let w = 0; w < count; w++) values[w] = observations[w * frameDim]! + perFrame * ++frames[w]!;
        },
        save: () => new Float64Array(0),
        restore: () => undefined,
        restoreAll: () => undefined,
      };
    },
    save: () => new Uint8Array(0),
  };
}

const chain = tasks['grid-chain'].create({
  ...defaultsOf(tasks['grid-chain'].fields),
  length: 5,
  detour: 0,
  fixedHorizon: false,
});
const sparse: StackEntry = { kind: 'native', reward: rewards.sparse, weight: 1 };
const line = (
  use: LearnedUse,
  rest: Partial<StackEntry> = {},
  model = potential(chain.observationSpace.dim),
) => ({ kind: 'learned', method: 'sarm', model, use, weight: 1, ...rest }) as StackEntry;
const check = (...entries: StackEntry[]) =>
  checkShaping({ model: chain, entries, gamma: 0.9, episodes: 3, seed: 1 });

/** Two states and an end: 0 goes (a 0) to 1 or (a 1) stays; 1 ends with reward 1 (a 0) or goes back to 0. */
const two: TabularMdp = {
  states: 3,
  actions: 2,
  first: Int32Array.of(0, 1, 2, 3, 4, 5, 6),
  next: Int32Array.of(1, 0, 2, 0, 2, 2),
  probabilities: new Float64Array(6).fill(1),
  rewards: Float64Array.of(0, 0, 1, 0, 0, 0),
  terminal: Uint8Array.of(0, 0, 1),
  start: Float64Array.of(1, 0, 0),
};

test('states whose best actions change are listed with what following them loses', () => {
  // gamma 0.5: V(1) = 1, V(0) = 0.5. Paying 2 for going back: Q(1, back) = 2 + 0.5 V(0), V(0) = 0.5 V(1): V(1) = 2 / 0.75.
  const paid = Float64Array.of(0, 0, 1, 2, 0, 0);
  const found = compareOptima(two, two.rewards, paid, 0.5);
  assert.deepEqual(
    found.changed.map(({ state, before, after, loss, reachable }) => [state, before, after, loss, reachable]),
    [[1, [0], [1], 0.75, true]],
  );
  assert.deepEqual([found.states, found.value, found.valueAfter], [3, 0.5, 0]);
});

test('a tie that becomes none is a change, too', () => {
  const none = new Float64Array(6);
  assert.deepEqual(
    compareOptima(two, none, two.rewards, 0.5).changed.map(({ state, before, after }) => [
      state,
      before,
      after,
    ]),
    [
      [0, [0, 1], [0]],
      [1, [0, 1], [0]],
    ],
  );
});

test('the tables hold what the stack pays for each transition, terminal states and rules included', () => {
  const table = chain.tabular!;
  const { products, remembers } = stackTables(
    chain,
    table,
    [sparse, line('shaping', { clip: [-0.5, 1] })],
    0.9,
  );
  assert.equal(remembers, false);
  const observed = new Float64Array(chain.observationSpace.dim);
  const row = new Float64Array(chain.stateDim);
  const phi = (state: number): number => {
    table.rowOf(state, row, 0);
    chain.observe(row, 0, observed, 0);
    return observed[0]!;
  };
  for (let pair = 0; pair < table.states * table.actions; pair++) {
    for (let i = table.first[pair]!; i < table.first[pair + 1]!; i++) {
      const [from, to] = [Math.floor(pair / table.actions), table.next[i]!];
      if (table.terminal[from] === 1) continue;
      assert.equal(products[0]![i], table.rewards[i]);
      const shaping = 0.9 * (table.terminal[to] === 1 ? 0 : phi(to)) - phi(from);
      assert.ok(Math.abs(products[1]![i]! - Math.max(-0.5, shaping)) < 1e-12, `${from} to ${to}`);
    }
  }
});

test('on a table shaping keeps what is best, whatever its weight, and the level does not', () => {
  for (const weight of [1, 7]) {
    const report = check(sparse, line('shaping', { weight }));
    assert.deepEqual([report.verdict, report.lines[0]!.tables!.changed], ['keeps', []]);
  }
  const level = check(sparse, line('level'));
  assert.equal(level.verdict, 'changes');
  const edge = level.lines[0]!.tables!.changed.find(({ state }) => level.stateNames![state] === 'cell 4')!;
  // Jumping (1) is best without the line; with it staying is (0, and 3 where there is no way aside): the walker hovers.
  assert.deepEqual([edge.before, edge.after], [[1], [0, 3]]);
  assert.match(level.lines[0]!.text, /who follows them gets 0 in place of/);
});

test('a clip on shaping is found out, with the line at fault', () => {
  // Steps back cost nothing any more, so walking to and fro pays.
  const report = check(sparse, line('shaping', { clip: [0, 1], weight: 10 }));
  assert.equal(report.verdict, 'changes');
  assert.deepEqual(report.lines[0]!.terms, ['shaping/sarm']);
});

test('a score that depends on the way cannot be tabled, so sums decide', () => {
  const remembering = potential(chain.observationSpace.dim, 0.01);
  const report = check(sparse, line('shaping', {}, remembering));
  assert.equal(report.lines[0]!.tables, undefined);
  assert.equal(report.verdict, 'keeps');
  assert.match(report.lines[0]!.text, /telescopes in 9 episodes/);
  assert.equal(check(sparse, line('best')).verdict, 'may change');
});

test('where there are no tables, shaping telescopes and delta is off by (1 - gamma) sum gamma^t Phi(s_(t+1))', () => {
  const reach = tasks.reach.create({ ...defaultsOf(tasks.reach.fields), horizon: 30 });
  const model = potential(reach.observationSpace.dim);
  const footage = play({ model: reach, player: { kind: 'expert' }, seeds: [3] });
  const sums = discountedSums(reach, [line('shaping', {}, model), line('delta', {}, model)], 0.9, footage);
  assert.ok(sums.get('shaping/sarm')!.error < 1e-12);
  const { length, states } = footage[0]!;
  const observed = new Float64Array(reach.observationSpace.dim);
  let excess = 0;
  for (let t = 0; t < length; t++) {
    reach.observe(states, (t + 1) * reach.stateDim, observed, 0);
    excess += 0.1 * 0.9 ** t * observed[0]!;
  }
  const { sum, wanted, error } = sums.get('delta/sarm')!;
  // Phi stays in both sums at a time limit; where the task ends, the sum that is wanted has none.
  const isTerminal = reach.terminal(states, length * reach.stateDim);
  const last = isTerminal ? 0.9 ** length * observed[0]! : 0;
  assert.ok(Math.abs(sum - wanted - excess - last) < 1e-12, `${sum - wanted}, wanted ${excess + last}`);
  assert.ok(Math.abs(error) > 1e-3);
  const report = checkShaping({
    model: reach,
    entries: [
      sparse,
      line('shaping', { schedule: { from: 1, to: 0, steps: 10 }, clip: [-0.001, 0.001] }, model),
    ],
    gamma: 0.9,
    episodes: 2,
    seed: 1,
  });
  assert.equal(report.verdict, 'may change');
  assert.match(report.lines[0]!.text, /does not telescope: in episode \w+ \d+ it sums to/);
});

test('a written dense reward off the tables is not judged', () => {
  const reach = tasks.reach.create(defaultsOf(tasks.reach.fields));
  const entries: StackEntry[] = [sparse, { kind: 'native', reward: rewards.dense, weight: 1 }];
  const { verdict, lines } = checkShaping({ model: reach, entries, gamma: 0.9, episodes: 1, seed: 1 });
  assert.deepEqual([verdict, lines.length], ['unknown', 1]);
});

test('lab check-shaping prints one object, or the states in words', async () => {
  const args = ['check-shaping', '--task', 'grid-chain', '--reward', 'dense', '--set', 'fixedHorizon=false'];
  const { status, stdout } = await lab(...args, '--set', 'detour=0', '--set', 'weight.dense=5', '--json');
  assert.equal(status, 0);
  const { verdict, lines } = JSON.parse(stdout) as ReturnType<typeof checkShaping>;
  assert.deepEqual([verdict, lines.map(({ terms }) => terms)], ['changes', [['task/near']]]);
  const text = await lab(...args, '--set', 'detour=0', '--set', 'weight.dense=5');
  assert.match(text.stdout, /^grid-chain, gamma 0\.97: What is best to do changes\./);
  assert.match(text.stdout, /cell 15 +1 +0 3 /);
  const both = await lab('check-shaping', 'push-dense', '--use', 'level');
  assert.equal(both.status, 2);
  assert.match(both.stderr, /found the recipe push-dense and --use/);
});
