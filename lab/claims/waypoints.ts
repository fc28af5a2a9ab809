/** Waypoints (KAGI, arXiv:2407.10341): with points to follow, fewer demonstrations are needed. */

import { slotsOf } from '../../learn/rewards/senses.ts';
import { createStack } from '../../learn/rewards/stack.ts';
import { timeContrastive } from '../../learn/rewards/time-contrastive.ts';
import type { LearnedReward } from '../../learn/rewards/types.ts';
import { waypoints } from '../../learn/rewards/waypoints.ts';
import type { TaskModel } from '../../sim/env.ts';
import { fitOn } from '../fit.ts';
import { type Footage, play } from '../footage.ts';
import { taskNamed } from '../registry.ts';
import { episodeSeed } from '../seeds.ts';
import { sparseEntry, successOf, trainStudy } from './train.ts';
import type { Claim, ClaimSetup } from './types.ts';

const arms = {
  'waypoints-1': 'sparse reward + shaping by the waypoints of one demonstration',
  'learned-1': 'sparse reward + shaping by time-to-success regression fitted on the same demonstration',
  'learned-5': 'the same, fitted on five demonstrations',
  sparse: 'sparse reward alone',
} as const;

/** As much as the dense shaping of recipes/push-progress.yaml. */
const shapingWeight = 10;

async function fitted(
  method: LearnedReward,
  footage: readonly Footage[],
  { model, seed, compute, signal }: ClaimSetup,
) {
  const { model: reward } = await fitOn(method, {}, model, footage, { compute, seed, signal });
  return {
    kind: 'learned',
    method: method.id,
    model: reward,
    use: 'shaping',
    weight: shapingWeight,
  } as const;
}

/** Runs all arms with this many environment steps each. */
export async function fewerDemonstrations(
  setup: ClaimSetup,
  steps: number,
): Promise<Record<keyof typeof arms, number>> {
  const { model, taskId, seed, compute, signal, onProgress } = setup;
  const expert = play({
    model,
    player: { kind: 'expert', noise: 0.2 },
    seeds: Array.from({ length: 20 }, (_, i) => episodeSeed('demonstration', seed, i)),
  }).filter(({ outcome }) => outcome === 'success');
  if (expert.length < 5)
    throw new RangeError(`${taskId}: ${expert.length} of 20 demonstrations succeeded, wanted at least 5`);
  const tuned = taskNamed(taskId)!.training?.['ppo']?.settings ?? {};
  const success = async (entries: Parameters<typeof trainStudy>[0]['entries']): Promise<number> => {
    // Says what does not fit before anything is trained.
    createStack(entries, { model, gamma: 0.98, count: 1 });
    const { policy } = await trainStudy({
      model,
      algorithm: 'ppo',
      settings: { ...tuned, steps },
      entries,
      seed,
      compute,
      signal,
    });
    return successOf(model, policy, seed);
  };
  const shaped = async (part: keyof typeof arms, method: LearnedReward, demonstrations: number) => {
    onProgress(part);
    return success([sparseEntry, await fitted(method, expert.slice(0, demonstrations), setup)]);
  };
  const result = {
    'waypoints-1': await shaped('waypoints-1', waypoints, 1),
    'learned-1': await shaped('learned-1', timeContrastive, 1),
    'learned-5': await shaped('learned-5', timeContrastive, 5),
  };
  onProgress('sparse');
  return { ...result, sparse: await success([sparseEntry]) };
}

export const waypointsClaims: readonly Claim[] = [
  {
    id: 'fewer-demonstrations',
    statement:
      'Shaping by the waypoints of one demonstration trains a better policy than shaping by a progress model learned from the same one, or from five',
    metric: 'success of the trained policy on 100 fresh starts, PPO with the same number of steps',
    arms,
    baseline: 'learned-1',
    task: 'push',
    unsuitable: (model: TaskModel) => {
      const { hand, targets } = slotsOf(model);
      if (hand.length === 0) return 'it has no hand that could follow points';
      return targets.length === 0 ? 'it has no target body that points could lead to' : undefined;
    },
    seeds: 3,
    expects: [
      { kind: 'better', arm: 'waypoints-1', than: 'learned-1', want: 'higher' },
      { kind: 'better', arm: 'waypoints-1', than: 'learned-5', want: 'higher' },
      { kind: 'better', arm: 'waypoints-1', than: 'sparse', want: 'higher' },
    ],
    run: (setup) => fewerDemonstrations(setup, 400_000),
  },
];
