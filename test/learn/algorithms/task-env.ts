/** A task of the lab as learners see it: rewards attached, worlds started. */

import { taskNamed } from '../../../lab/registry.ts';
import { choicesOf, RewardedEnv } from '../../../lab/rewarded-env.ts';
import { episodeSeed } from '../../../lab/seeds.ts';
import { toUnit } from '../../../lab/unit-actions.ts';
import type { LearnerSetup, Trajectory } from '../../../learn/algorithms/types.ts';
import { dense } from '../../../learn/rewards/dense.ts';
import { sparse } from '../../../learn/rewards/sparse.ts';
import { createStack } from '../../../learn/rewards/stack.ts';
import type { Compute } from '../../../learn/tensor/compute.ts';
import type { TaskModel } from '../../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../../sim/fields.ts';

export function modelOf(task: string, settings: AnySettings = {}): TaskModel {
  const { fields, create } = taskNamed(task)!;
  return create({ ...defaultsOf(fields), ...settings });
}

export function taskEnv(
  model: TaskModel,
  count: number,
  seed: number,
  { reward = 'dense', start = true }: { reward?: 'dense' | 'sparse'; start?: boolean } = {},
): RewardedEnv {
  const entry = { kind: 'native', reward: reward === 'dense' ? dense : sparse, weight: 1 } as const;
  const env = new RewardedEnv({
    model,
    count,
    stack: createStack([entry], { model, gamma: 0.99, count }),
    kind: 'training',
    rewardHash: null,
    seedOf: (index) => episodeSeed('training', seed, index),
    recordEpisode: () => 'never',
    trainedSteps: () => 0,
    onEpisode: () => {},
  });
  if (start) env.start();
  return env;
}

export function setupFor(model: TaskModel, count: number, seed: number, compute: Compute): LearnerSetup {
  return {
    observationDim: model.observationSpace.dim,
    actionDim: model.actionSpace.dim,
    choices: choicesOf(model),
    count,
    seed,
    compute,
    model,
  };
}

/** Episodes of the scripted expert, one for each seed from the first. */
export function demonstrationsOf(model: TaskModel, count: number, firstSeed = 1): Trajectory[] {
  const { stateDim, horizon, actionSpace } = model;
  const [observationDim, actionDim] = [model.observationSpace.dim, actionSpace.dim];
  return Array.from({ length: count }, (_, i) => {
    const state = new Float64Array(stateDim);
    const observations = new Float64Array((horizon + 1) * observationDim);
    const actions = new Float64Array(horizon * actionDim);
    model.reset(firstSeed + i, state, 0);
    model.observe(state, 0, observations, 0);
    let length = 0;
    while (length < horizon && !model.terminal(state, 0)) {
      const action = new Float64Array(actionDim);
      model.expert(state, 0, action, 0);
      model.advance(state, action, 0, 1);
      toUnit(actionSpace, action, 0);
      actions.set(action, length * actionDim);
      model.observe(state, 0, observations, ++length * observationDim);
    }
    return {
      id: `expert ${firstSeed + i}`,
      length,
      observations: observations.slice(0, (length + 1) * observationDim),
      actions: actions.slice(0, length * actionDim),
      success: model.success(state, 0),
    };
  });
}
