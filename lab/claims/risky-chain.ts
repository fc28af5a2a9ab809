/**
 * Robo-Dopamine (arXiv 2512.23703, equations 9 and 10), its semantic trap, exactly: on a chain with a risky last step the
 * naive difference of progress, and progress itself, make hovering before the step best; the invariant form does not.
 * Solved by value iteration on the tables of `grid-chain`, paid by the reward stack itself: nothing is learned.
 *
 *   Phi = 0, 0.1 .. 0.9 along ten cells. From the last one a jump ends the task with probability p and else leads back to the
 *   start; there is no way round. Phi of the finished task is 1.
 */

import { rewards } from '../../learn/rewards/index.ts';
import type { LearnedUse, StackEntry } from '../../learn/rewards/stack.ts';
import type { RewardModel } from '../../learn/rewards/types.ts';
import { createRandom } from '../../sim/engine/random.ts';
import type { TaskModel } from '../../sim/env.ts';
import { defaultsOf } from '../../sim/fields.ts';
import { shaped, type Tabular, valueIteration } from '../../sim/tabular.ts';
import { tasks } from '../../sim/tasks/index.ts';
import { episodeSeed } from '../seeds.ts';
import { compareOptima, stackTables } from '../shaping-check.ts';
import type { Claim } from './types.ts';

const forms = {
  sparse: 'the reward of success alone',
  naive: "Phi(s') - Phi(s) alone",
  raw: "Phi(s') alone",
  naiveGold: "success + Phi(s') - Phi(s)",
  invariant: "success + gamma Phi(s') - Phi(s), Phi 0 at the end",
  keep: "success + gamma Phi(s') - Phi(s), Phi kept at the end (the paper's formula)",
} as const;
export type ProgressForm = keyof typeof forms;

export interface Risk {
  /** Of a jump. */
  readonly success: number;
  readonly gamma: number;
}

const cells = 10;

const chainOf = ({ success }: Pick<Risk, 'success'>): TaskModel =>
  tasks['grid-chain'].create({
    ...defaultsOf(tasks['grid-chain'].fields),
    length: cells,
    slip: 1 - success,
    detour: 0,
    fixedHorizon: false,
  });

/** Progress along the chain, read off the observation: its first number is the cell over `cells` + 1, and 1 at the goal. */
function progressOf(model: TaskModel): RewardModel {
  const frameDim = model.observationSpace.dim;
  const phi = (along: number): number => Math.min(1, (along * (cells + 1)) / cells);
  return {
    // The stack wants a name of the registry; nothing of that method is in this.
    method: 'sarm',
    senses: ['observation'],
    frameDim,
    stages: [],
    score: (frames, length) => ({
      perStep: Float32Array.from({ length: length + 1 }, (_, t) => phi(frames[t * frameDim]!)),
      extras: {},
    }),
    online(count) {
      const values = new Float64Array(count);
      return {
        count,
        values,
        reset(world, frames, offset) {
          values[world] = phi(frames[offset]!);
        },
        step(frames) {
          for (let world = 0; world < count; world++) values[world] = phi(frames[world * frameDim]!);
        },
        save: () => values.slice(),
        restore: (saved) => values.set(saved),
        restoreAll: (saved) => values.fill(saved[0]!),
      };
    },
    save: () => new Uint8Array(0),
  };
}

/** The stack of a form. */
function stackOf(form: ProgressForm, model: TaskModel): StackEntry[] {
  const gold: StackEntry = { kind: 'native', reward: rewards.sparse, weight: 1 };
  const progress = progressOf(model);
  const line = (use: LearnedUse): StackEntry => ({
    kind: 'learned',
    method: 'sarm',
    model: progress,
    use,
    weight: 1,
  });
  switch (form) {
    case 'sparse':
      return [gold];
    case 'naive':
      return [line('delta')];
    case 'raw':
      return [line('level')];
    case 'naiveGold':
      return [gold, line('delta')];
    case 'invariant':
      return [gold, line('shaping')];
    case 'keep':
      return [gold, { ...line('shaping'), terminal: 'keep' }];
  }
}

/** What a form pays for each transition of the chain. */
function paidBy(form: ProgressForm, risk: Risk): { readonly table: Tabular; readonly paid: Float64Array } {
  const model = chainOf(risk);
  const table = model.tabular!;
  const { products } = stackTables(model, table, stackOf(form, model), risk.gamma);
  const paid = new Float64Array(table.next.length);
  for (const of of products) for (let i = 0; i < paid.length; i++) paid[i]! += of[i]!;
  return { table, paid };
}

/** Values of staying and of jumping in the last cell before the gap. */
export function edgeValues(
  form: ProgressForm,
  risk: Risk,
): { readonly hover: number; readonly attempt: number } {
  const { table, paid } = paidBy(form, risk);
  const { q } = valueIteration(shaped(table, paid), { gamma: risk.gamma });
  const edge = (cells - 1) * table.actions;
  return { hover: q[edge]!, attempt: q[edge + 1]! };
}

/** What the best policy under a form is worth at the start by the reward of success, as a share of the most there is. */
export function shareKept(form: ProgressForm, risk: Risk): number {
  const { table, paid } = paidBy(form, risk);
  const { value, valueAfter } = compareOptima(table, table.rewards, paid, risk.gamma);
  return valueAfter / value;
}

/** The chain of a repetition. With a gamma near 1, or hardly any risk, the naive difference is no trap any more. */
export function riskOf(seed: number): Risk {
  const random = createRandom(episodeSeed('training', seed, 0));
  return { success: 0.2 + 0.4 * random.uniform(), gamma: 0.9 + 0.05 * random.uniform() };
}

export const riskyChainClaims: readonly Claim[] = [
  {
    id: 'risky-chain',
    statement:
      'On a chain with a risky last step the best policy under raw progress, or under its naive difference, hovers before it; under the invariant form it does what is best under success alone.',
    metric:
      'discounted success of the best policy under each reward, as a share of the best possible; exact, by value iteration. ' +
      'Repetitions are chains whose jump succeeds with a probability from 0.2 to 0.6, gamma from 0.9 to 0.95',
    arms: forms,
    baseline: 'sparse',
    task: 'grid-chain',
    unsuitable: ({ id }) =>
      id === 'grid-chain' ? undefined : 'the claim is about a chain with a risky last step',
    seeds: 5,
    expects: [
      { kind: 'reaches', arm: 'raw', atMost: 0.01 },
      { kind: 'reaches', arm: 'naive', atMost: 0.01 },
      { kind: 'reaches', arm: 'invariant', atLeast: 0.999999 },
      { kind: 'better', arm: 'invariant', than: 'raw', want: 'higher', by: 0.5 },
    ],
    run: async ({ seed }) => {
      const risk = riskOf(seed);
      return Object.fromEntries(
        (Object.keys(forms) as ProgressForm[]).map((form) => [form, shareKept(form, risk)]),
      );
    },
  },
];
