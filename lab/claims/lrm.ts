/** LRM: three heads against each alone, as the online reward of a cloned policy. */

import { lrm } from '../../learn/rewards/lrm.ts';
import type { TaskModel } from '../../sim/env.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { play, trajectory } from '../footage.ts';
import { taskNamed } from '../registry.ts';
import { episodeSeed } from '../seeds.ts';
import { claimEpisodes, fittedOn } from './material.ts';
import { sparseEntry, successOf, trainStudy } from './train.ts';
import type { Claim, ClaimSetup } from './types.ts';
import { warmStarted } from './warm-start.ts';

const arms = {
  bc: 'the cloned policy alone, no reinforcement learning',
  tri: 'PPO from the clone; three heads, contrastive rescaled',
  contrastive: 'the same with the contrastive head alone',
  progress: 'the same with the progress head alone',
  completion: 'the same with the completion head alone',
  signed: 'the same with three heads, contrastive with its sign',
  sparse: 'the same with the true success as the reward, for reference',
} as const;
type Arm = keyof typeof arms;

/** What each arm changes in the settings of the reward. */
const variants: Readonly<Record<Exclude<Arm, 'bc' | 'sparse'>, AnySettings>> = {
  tri: {},
  contrastive: { heads: 'contrastive' },
  progress: { heads: 'progress' },
  completion: { heads: 'completion' },
  signed: { sum: 'signed' },
};

export interface LrmStudySizes {
  /** Demonstrations that the policy is cloned from: few, so that there is something left to learn. */
  readonly cloned: number;
  /** That the reward is fitted on; half of the failures wander, half are the clone's own. */
  readonly demonstrations: number;
  readonly failures: number;
  /** Gradient steps of the reward's fit. */
  readonly updates: number;
  /** Of PPO, 1024 environment steps each. */
  readonly iterations: number;
  /** Fresh starts on which a policy is judged. */
  readonly episodes: number;
}

/** Positions without velocities, as a picture shows them. */
const perceived: AnySettings = { perceives: 'objects' };
const worlds = 32;
const stepsPerWorld = 32;
/** Of clone and PPO: they are one network. */
const hiddenSize = 64;

export async function onlineReward(
  setup: ClaimSetup,
  { cloned, demonstrations, failures, updates, iterations, episodes }: LrmStudySizes,
): Promise<Record<Arm, number>> {
  const { model, taskId, seed, compute, signal, onProgress } = setup;
  const wandering = Math.ceil(failures / 2);
  const { training } = claimEpisodes(setup, { demonstrations, wandering, heldOut: 4 });
  const expert = play({
    model,
    player: { kind: 'expert', noise: 0.3 },
    // Others than those the reward is fitted on.
    seeds: Array.from({ length: cloned }, (_, i) => episodeSeed('demonstration', seed, demonstrations + i)),
  });
  onProgress('bc');
  const common = { model, seed, compute, signal };
  const clone = await trainStudy({
    ...common,
    algorithm: 'bc',
    settings: { steps: 20_000, worlds: 1, hiddenSize },
    entries: [sparseEntry],
    demonstrations: expert.map((episode) => trajectory(model, episode)),
  });
  const own = play({
    model,
    player: { kind: 'policy', policy: clone.policy },
    seeds: Array.from({ length: 4 * failures }, (_, i) => episodeSeed('failure', seed, wandering + i)),
    name: 'clone',
  }).filter(({ outcome }) => outcome !== 'success');
  const seen = [...training, ...own.slice(0, failures - wandering)];
  const after = async (arm: Arm, entry: Parameters<typeof trainStudy>[0]['entries'][number]) => {
    const tuned = taskNamed(taskId)!.training?.['ppo']?.settings ?? {};
    const { policy } = await trainStudy({
      ...common,
      algorithm: 'ppo',
      settings: {
        ...('gamma' in tuned ? { gamma: tuned['gamma']! } : {}),
        ...{ worlds, stepsPerWorld, hiddenSize, minibatch: 256, steps: iterations * worlds * stepsPerWorld },
        // The clone keeps seeing what it was cloned on, and explores a little around what it does.
        ...{ normalizeObservations: false, initialLogStd: -1.5, learningRate: 3e-4 },
      },
      entries: [entry],
      begin: (fresh) => warmStarted(fresh, clone.checkpoint),
    });
    onProgress(`${arm} trained`);
    return successOf(model, policy, seed, episodes);
  };
  const rewarded = async (arm: keyof typeof variants) =>
    after(arm, {
      kind: 'learned',
      method: 'lrm',
      model: await fittedOn(lrm, { ...perceived, updates, ...variants[arm] }, seen, setup),
      use: 'level',
      weight: 1,
    });
  return {
    bc: await successOf(model, clone.policy, seed, episodes),
    tri: await rewarded('tri'),
    contrastive: await rewarded('contrastive'),
    progress: await rewarded('progress'),
    completion: await rewarded('completion'),
    signed: await rewarded('signed'),
    sparse: await after('sparse', sparseEntry),
  };
}

/** A level is paid every step: where success ends the episode, hovering before it would be worth more than success. */
const unsuitable = ({ settings }: TaskModel): string | undefined =>
  settings['fixedHorizon'] === true
    ? undefined
    : 'its episodes end on success, which a reward that is paid every step makes a loss';

export const lrmClaims: readonly Claim[] = [
  {
    id: 'three-heads',
    statement:
      'Within 30 PPO iterations three averaged heads raise the success of a cloned policy, and more than each head alone or their signed sum',
    metric: 'success of the trained policy on 100 fresh starts',
    arms,
    baseline: 'bc',
    task: 'reach',
    unsuitable,
    seeds: 5,
    expects: [
      { kind: 'better', arm: 'tri', than: 'bc', want: 'higher' },
      { kind: 'better', arm: 'tri', than: 'contrastive', want: 'higher' },
      { kind: 'better', arm: 'tri', than: 'progress', want: 'higher' },
      { kind: 'better', arm: 'tri', than: 'completion', want: 'higher' },
      { kind: 'better', arm: 'tri', than: 'signed', want: 'higher' },
    ],
    run: (setup) =>
      onlineReward(setup, {
        cloned: 3,
        demonstrations: 30,
        failures: 30,
        updates: 1500,
        iterations: 30,
        episodes: 100,
      }),
  },
];
