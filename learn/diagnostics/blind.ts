/**
 * A task model without its oracle. What a reward model or a detector perceives is read through it, so that nothing they see can
 * come from what they are judged by: each of these throws.
 */

import { viewsOf } from '../../sim/camera.ts';
import type { CameraView, TaskModel } from '../../sim/env.ts';

/** Functions that know how well the task goes, or what to do about it. */
export const oracle = ['stage', 'progress', 'success', 'terminal', 'reward', 'expert', 'exploit'] as const;

export function withoutOracle(model: TaskModel): TaskModel {
  const refuse = (name: string) => (): never => {
    throw new Error(`${model.id}: ${name} was asked for where only senses may be read`);
  };
  const { tabular: _tabular, goals, parallel, ...rest } = model;
  let views: readonly CameraView[] | undefined;
  return {
    ...rest,
    // Where cameras stand is settled once, by the whole model: default views are placed around what the expert does.
    get cameras() {
      views ??= viewsOf(model);
      return views;
    },
    ...Object.fromEntries(oracle.filter((name) => name in model).map((name) => [name, refuse(name)])),
    ...(goals === undefined ? {} : { goals: { ...goals, computeReward: refuse('goals.computeReward') } }),
    ...(parallel === undefined
      ? {}
      : {
          parallel: {
            ...parallel,
            reward: refuse('parallel.reward'),
            expert: refuse('parallel.expert'),
          },
        }),
  };
}
