/** A task of the lab as learners see it: rewards attached, worlds started. */

import { taskNamed } from '../../../lab/registry.ts';
import { choicesOf, RewardedEnv } from '../../../lab/rewarded-env.ts';
import { episodeSeed } from '../../../lab/seeds.ts';
import type { LearnerSetup } from '../../../learn/algorithms/types.ts';
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
