/** Fitting a reward model inside a study: footage in, model out, nothing stored. */

import { openSenses } from '../../learn/rewards/senses.ts';
import type { RewardModel } from '../../learn/rewards/types.ts';
import type { Compute } from '../../learn/tensor/compute.ts';
import type { TaskModel } from '../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../sim/fields.ts';
import { openCounterfactuals } from '../counterfactuals.ts';
import { demonstrate, type Footage } from '../footage.ts';
import { learnedReward } from '../registry.ts';

export interface FitStudyOptions {
  readonly model: TaskModel;
  /** Id in the registry. */
  readonly method: string;
  /** On top of the method's defaults. */
  readonly settings?: AnySettings;
  readonly footage: readonly Footage[];
  readonly seed: number;
  readonly compute: Compute;
  readonly signal: AbortSignal;
}

/** @throws RangeError as the method's `fit` does. */
export async function fitStudy(options: FitStudyOptions): Promise<RewardModel> {
  const { model, footage, seed, compute, signal } = options;
  const method = learnedReward(options.method, 'study');
  const settings = { ...defaultsOf(method.fields), ...options.settings };
  const senses = method.senses?.(settings) ?? ['observation'];
  const { dim, parts } = openSenses(model, senses);
  const fitted = await method.fit(
    footage.map((one) => demonstrate(model, one, senses)),
    settings,
    {
      compute,
      seed,
      frameDim: dim,
      layout: { dim, parts },
      stages: model.stages.map(({ id }) => id),
      ...(method.counterfactuals === true
        ? { counterfactuals: openCounterfactuals(model, footage, senses) }
        : {}),
      signal,
      onProgress: () => undefined,
    },
  );
  return fitted.model;
}
