/** Who goes on in a fork: one action in the task's units for the state that a branch stands in. */

import type { Critic, Policy } from '../learn/algorithms/types.ts';
import { Random } from '../learn/parts/random.ts';
import type { RewardStack } from '../learn/rewards/stack.ts';
import { createRandom } from '../sim/engine/random.ts';
import type { TaskModel } from '../sim/env.ts';
import type { CheckpointRow } from '../store/types.ts';
import type { ForkActor } from './api/forks.ts';
import type { Branch } from './branch.ts';
import { openCheckpoint } from './checkpoint.ts';
import { UsageError } from './errors.ts';
import type { Experiment } from './experiment.ts';
import type { Lab } from './lab.ts';
import { algorithmNamed } from './registry.ts';
import { toNative } from './unit-actions.ts';

export interface Mover {
  /** For people: `the expert`, `run 3 at 4096 steps`. */
  readonly words: string;
  readonly checkpoint: CheckpointRow | null;
  /** Whether its critic has something to say where such a stack pays. */
  hasCritic(stack: RewardStack): boolean;
  /** Whether it must have seen the frames before (`see`), because it remembers. */
  readonly remembers: boolean;
  /** A frame that somebody else acted in, from frame 0 on, in order. */
  see(state: Float64Array, observation: Float64Array): void;
  /** The action in the task's units; null where it has none left. Not to be kept: overwritten by the next. */
  act(branch: Branch): Float64Array | null;
  /** What the critic expects of the frame that the branch stands in, in the units of the weighted reward. */
  value(branch: Branch): number;
}

const silent = {
  checkpoint: null,
  hasCritic: () => false,
  remembers: false,
  see: () => undefined,
  value: () => 0,
} as const;

/** `recorded`: the parent's actions. [T, actionDim] @throws UsageError where this task cannot be played by that. */
export function openMover(lab: Lab, by: ForkActor, model: TaskModel, recorded: Float64Array): Mover {
  const { actionSpace } = model;
  const { dim } = actionSpace;
  const action = new Float64Array(dim);
  switch (by.kind) {
    case 'recorded':
      return {
        ...silent,
        words: 'the same moves',
        act: ({ frame }) => {
          if ((frame + 1) * dim > recorded.length) return null;
          action.set(recorded.subarray(frame * dim, (frame + 1) * dim));
          return action;
        },
      };
    case 'expert':
      return {
        ...silent,
        words: 'the expert',
        act: ({ state }) => {
          model.expert(state, 0, action, 0);
          return action;
        },
      };
    case 'zero':
      return {
        ...silent,
        words: actionSpace.type === 'discrete' ? 'the first option' : 'zero action',
        act: () => {
          for (let k = 0; k < dim; k++) {
            action[k] =
              actionSpace.type === 'discrete'
                ? 0
                : Math.max(actionSpace.low[k]!, Math.min(actionSpace.high[k]!, 0));
          }
          return action;
        },
      };
    case 'random': {
      const random = createRandom(by.seed);
      return {
        ...silent,
        words: `random actions, seed ${by.seed}`,
        act: () => {
          for (let k = 0; k < dim; k++) {
            if (actionSpace.type === 'discrete') action[k] = random.integer(actionSpace.n);
            else {
              const [low, high] = [actionSpace.low[k]!, actionSpace.high[k]!];
              action[k] = low + random.uniform() * (high - low);
            }
          }
          return action;
        },
      };
    }
    case 'policy':
      return policyMover(lab, by, model);
  }
}

function policyMover(lab: Lab, by: Extract<ForkActor, { kind: 'policy' }>, model: TaskModel): Mover {
  const run = lab.find(by.runId);
  if (run.kind !== 'train')
    throw new UsageError([`run ${run.id} is a ${run.kind} run; only training runs have a policy`]);
  if (run.task !== model.id)
    throw new UsageError([`run ${run.id} learned ${run.task}, wanted a policy for ${model.id}`]);
  if (by.checkpoint !== undefined) {
    const own = lab.store.checkpoints.list(run.id);
    if (!own.some(({ id }) => id === by.checkpoint)) {
      throw new UsageError([
        `run ${run.id} has no checkpoint ${by.checkpoint}; found ${own.map(({ id }) => id).join(', ') || 'none'}`,
      ]);
    }
  }
  const { bytes, ...checkpoint } =
    by.checkpoint === undefined ? lab.newestCheckpoint(run.id) : lab.store.checkpoints.get(by.checkpoint);
  const { algorithmSettings } = run.config as unknown as Experiment;
  const algorithm = algorithmNamed(run.algorithm ?? '');
  if (algorithm === undefined)
    throw new UsageError([`run ${run.id}: its algorithm "${run.algorithm}" is not in this version`]);
  const { learner } = openCheckpoint(bytes, {
    task: model.id,
    taskVersion: run.config['taskVersion'] as number,
    algorithm: algorithm.id,
  });
  let policy: Policy | undefined;
  if (by.seed === undefined) policy = algorithm.loadPolicy(learner, model);
  else {
    policy = algorithm.loadSampler?.(learner, new Random(by.seed));
    if (policy === undefined) {
      throw new UsageError([
        `run ${run.id}: a policy of ${algorithm.title} ${algorithm.loadSampler === undefined ? 'has no chances to draw actions by' : 'with a memory cannot be drawn from'}; leave the seed out`,
      ]);
    }
  }
  const { observationSpace, actionSpace } = model;
  if (policy.observationDim !== observationSpace.dim || policy.actionDim !== actionSpace.dim) {
    throw new UsageError([
      `run ${run.id}: its policy reads ${policy.observationDim} numbers and gives ${policy.actionDim}, this episode has ${observationSpace.dim} and ${actionSpace.dim}; its task was set otherwise`,
    ]);
  }
  let critic: Critic | undefined;
  try {
    critic = algorithm.loadCritic?.(learner, algorithmSettings);
  } catch {
    // Of an older format: acting needs none.
  }
  const unit = new Float64Array(actionSpace.dim);
  const native = new Float64Array(actionSpace.dim);
  policy.begin?.(0);
  const remembers = policy.begin !== undefined;
  const drawn = by.seed === undefined ? '' : `, drawn with seed ${by.seed}`;
  return {
    words: `the policy of run ${run.id} at ${checkpoint.step} steps${drawn}`,
    checkpoint,
    hasCritic: ({ terms }) =>
      critic?.terms.every((name) => name === '' || terms.some(({ id }) => id === name)) === true,
    remembers,
    see: (state, observation) => {
      if (remembers) policy.act(observation, 1, unit, state);
    },
    act: ({ state, observation }) => {
      policy.act(observation, 1, unit, state);
      return toNative(actionSpace, unit, native);
    },
    value: ({ observation, stack }) => {
      if (critic === undefined) return 0;
      // Critics of several terms are each in the units of their rewards, unweighted.
      const weightOf = (name: string): number =>
        name === '' ? 1 : (stack.weights[stack.terms.findIndex(({ id }) => id === name)] ?? 0);
      return critic
        .values(observation, 1)
        .reduce((sum, value, c) => sum + value * weightOf(critic.terms[c]!), 0);
    },
  };
}
