/** Training inside a study: no database, no recording; a reward stack, a learner, and what came of it. */

import { algorithms } from '../../learn/algorithms/index.ts';
import type { Policy, Trajectory } from '../../learn/algorithms/types.ts';
import { rewards } from '../../learn/rewards/index.ts';
import { createStack, type StackEntry } from '../../learn/rewards/stack.ts';
import type { Compute } from '../../learn/tensor/compute.ts';
import type { TaskModel } from '../../sim/env.ts';
import { type AnySettings, defaultsOf } from '../../sim/fields.ts';
import { choicesOf, RewardedEnv } from '../rewarded-env.ts';
import { runEpisodes } from '../rollout.ts';
import { episodeSeed } from '../seeds.ts';

export interface TrainStudyOptions {
  readonly model: TaskModel;
  readonly algorithm: keyof typeof algorithms;
  /** On top of the algorithm's defaults; among them `steps`. */
  readonly settings: AnySettings;
  readonly entries: readonly StackEntry[];
  readonly seed: number;
  readonly compute: Compute;
  readonly signal: AbortSignal;
  /** For algorithms that imitate. */
  readonly demonstrations?: readonly Trajectory[];
  /** Begins from another checkpoint than the fresh one that it gets (warm-start.ts). */
  readonly begin?: (fresh: Uint8Array) => Uint8Array;
  /** Stop when so many episodes have ended, too. */
  readonly episodes?: number;
  /** After each iteration: training episodes so far as 1 (success) or 0, in the order they ended. Return true to stop. */
  readonly watch?: (steps: number, successes: readonly number[]) => boolean | undefined;
}

export interface TrainedStudy {
  readonly policy: Policy;
  /** Of the learner as it ended. */
  readonly checkpoint: Uint8Array;
  readonly steps: number;
  /** Of training episodes, in the order they ended. */
  readonly successes: readonly number[];
}

export const sparseEntry: StackEntry = { kind: 'native', reward: rewards.sparse, weight: 1 };

export async function trainStudy(options: TrainStudyOptions): Promise<TrainedStudy> {
  const { model, entries, seed, compute, signal, demonstrations } = options;
  const algorithm = algorithms[options.algorithm];
  const settings = { ...defaultsOf(algorithm.fields), ...options.settings };
  algorithm.check(settings, model);
  const count = settings['worlds'] as number;
  const stack = createStack(entries, { model, gamma: settings['gamma'] as number, count });
  const setup = {
    observationDim: model.observationSpace.dim,
    actionDim: model.actionSpace.dim,
    choices: choicesOf(model),
    count,
    compute,
    seed: episodeSeed('learner', seed, 0),
    model,
    channels: stack.terms.map(({ id }) => id),
    ...(demonstrations === undefined ? {} : { demonstrations }),
  };
  let learner = algorithm.create(settings, setup);
  if (options.begin !== undefined) {
    const fresh = await learner.save();
    learner.dispose();
    learner = algorithm.resume(options.begin(fresh), settings, setup);
  }
  const successes: number[] = [];
  const env = new RewardedEnv({
    model,
    count,
    stack,
    kind: 'training',
    rewardHash: null,
    seedOf: (index) => episodeSeed('training', seed, index),
    recordEpisode: () => 'never',
    trainedSteps: () => learner.steps,
    onEpisode: () => undefined,
    onEnd: ({ success }) => successes.push(success ? 1 : 0),
  });
  try {
    env.start();
    while (learner.steps < (settings['steps'] as number)) {
      if (signal.aborted) throw new DOMException('The study was cancelled', 'AbortError');
      stack.schedule(learner.steps);
      await learner.iterate(env);
      if (options.watch?.(learner.steps, successes) === true) break;
      if (successes.length >= (options.episodes ?? Number.POSITIVE_INFINITY)) break;
    }
    const [policy, checkpoint] = [await learner.policy(), await learner.save()];
    return { policy, checkpoint, steps: learner.steps, successes };
  } finally {
    learner.dispose();
  }
}

/** Share of successes on fresh starts, the same ones for every policy of this seed. */
export async function successOf(
  model: TaskModel,
  policy: Policy,
  seed: number,
  episodes = 100,
): Promise<number> {
  const { success } = await runEpisodes({
    model,
    actor: { kind: 'policy', policy, trainedSteps: 0 },
    kind: 'evaluation',
    seeds: Array.from({ length: episodes }, (_, i) => episodeSeed('evaluation', seed, i)),
  });
  return success;
}
