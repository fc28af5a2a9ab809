/** Fitting a reward model on episodes in memory: what a method's `fit` is given, worked out in one place. Nothing is stored. */

import { openSenses, type SenseId } from '../learn/rewards/senses.ts';
import type { Demonstration, FitContext, LearnedReward } from '../learn/rewards/types.ts';
import type { TaskModel } from '../sim/env.ts';
import { type AnySettings, defaultsOf } from '../sim/fields.ts';
import { openCounterfactuals } from './counterfactuals.ts';
import { demonstrate, type Footage } from './footage.ts';

/** What a fit is not told by its task and its episodes. */
export type FitSetup = Pick<FitContext, 'compute' | 'seed' | 'signal'> &
  Partial<Pick<FitContext, 'onProgress'>>;

/** The context of a fit on episodes of this task, seen by these senses; without counterfactuals, judge or pretrained model. */
export function fitContext(
  model: TaskModel,
  senses: readonly SenseId[],
  { compute, seed, signal, onProgress = () => undefined }: FitSetup,
): FitContext {
  const { dim, parts } = openSenses(model, senses);
  return {
    compute,
    seed,
    frameDim: dim,
    layout: { dim, parts },
    stages: model.stages.map(({ id }) => id),
    signal,
    onProgress,
  };
}

/** The arguments of `method.fit` for these episodes, with the method's defaults under what is `given`. */
export function prepareFit(
  method: LearnedReward,
  given: AnySettings,
  model: TaskModel,
  footage: readonly Footage[],
  setup: FitSetup,
): readonly [demonstrations: readonly Demonstration[], settings: AnySettings, context: FitContext] {
  const settings = { ...defaultsOf(method.fields), ...given };
  const senses = method.senses?.(settings) ?? ['observation'];
  const context = fitContext(model, senses, setup);
  return [
    footage.map((one) => demonstrate(model, one, senses)),
    settings,
    method.counterfactuals === true
      ? { ...context, counterfactuals: openCounterfactuals(model, footage, senses) }
      : context,
  ];
}

/** @throws RangeError as the method's `fit` does. Rejects with an AbortError when cancelled. */
export const fitOn = (...of: Parameters<typeof prepareFit>): ReturnType<LearnedReward['fit']> =>
  of[0].fit(...prepareFit(...of));
