/** A real training run of a second or two, for tests that need episodes and curves. */

import type { Recipe } from '../../lab/api.ts';

export interface TinyRun {
  readonly task?: string;
  readonly steps?: number;
  readonly name?: string;
}

/** PPO on the sparse and the dense reward of a task; nothing is learnt in so few steps. */
export const tinyRun = ({ task = 'reach', steps = 4096, name = 'tiny' }: TinyRun = {}): Recipe => ({
  name,
  task,
  algorithm: 'ppo',
  algorithmSettings: { steps, worlds: 8, stepsPerWorld: 64, minibatch: 128, hiddenSize: 16 },
  reward: [{ reward: 'dense' }],
  experiment: { evaluationEpisodes: 4, shortEvaluationEpisodes: 2, baseline: false },
});
