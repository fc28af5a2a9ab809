/** What claims about reward models are made of: episodes to fit on and held-out ones, and models fitted on them. */

import type { LearnedReward, RewardModel } from '../../learn/rewards/types.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { fitOn } from '../fit.ts';
import { type Footage, type Player, play, sensed } from '../footage.ts';
import { HeldNoise } from '../rollout.ts';
import { episodeSeed } from '../seeds.ts';
import { mean } from '../statistics.ts';
import { toUnit } from '../unit-actions.ts';
import type { ClaimSetup } from './types.ts';

/** An expert that loses its way for good: after a third to two thirds of `steps`, which a success takes, it only wanders. */
function dropout({ model }: Pick<ClaimSetup, 'model'>, steps: number): Player {
  let until = 0;
  let noise: HeldNoise | undefined;
  return {
    kind: 'script',
    act(state, offset, out, t, random) {
      if (t === 0) {
        until = Math.round(steps * random.uniform(1 / 3, 2 / 3));
        noise = new HeldNoise(random, 1, model.actionSpace);
      }
      if (t < until) {
        model.expert(state, offset, out, 0);
        toUnit(model.actionSpace, out, 0);
      } else {
        out.fill(0);
        noise!.add(out, 0);
      }
    },
  };
}

export interface ClaimEpisodes {
  /** Successes and wandering failures, as models are fitted on them. */
  readonly training: readonly Footage[];
  readonly successes: readonly Footage[];
  /** Wandering all along, and experts that lose their way. */
  readonly failures: readonly Footage[];
}

export interface EpisodeCounts {
  readonly demonstrations: number;
  readonly wandering: number;
  /** Held-out ones of each kind. */
  readonly heldOut: number;
}

/** @throws RangeError where the expert does not get there, or the failures do not fail. */
export function claimEpisodes(setup: ClaimSetup, counts: EpisodeCounts): ClaimEpisodes {
  const { model, seed, taskId } = setup;
  const of = (
    player: Player,
    purpose: 'demonstration' | 'failure' | 'evaluation',
    count: number,
    name?: string,
  ) =>
    play({
      model,
      player,
      seeds: Array.from({ length: count }, (_, i) => episodeSeed(purpose, seed, i)),
      ...(name === undefined ? {} : { name }),
    });
  const expert: Player = { kind: 'expert', noise: 0.4 };
  const succeeded = (episodes: readonly Footage[]) => episodes.filter(({ outcome }) => outcome === 'success');
  const failed = (episodes: readonly Footage[]) => episodes.filter(({ outcome }) => outcome !== 'success');
  const demonstrations = succeeded(of(expert, 'demonstration', counts.demonstrations));
  const successes = succeeded(of(expert, 'evaluation', counts.heldOut));
  const wandering: Player = { kind: 'wandering' };
  const training = [...demonstrations, ...failed(of(wandering, 'failure', counts.wandering))];
  const steps = mean(demonstrations.map(({ truth }) => truth.success.indexOf(1)));
  const failures = failed([
    ...of(wandering, 'evaluation', counts.heldOut),
    ...of(dropout(setup, steps), 'evaluation', counts.heldOut, 'dropout'),
  ]);
  if (demonstrations.length < 2 || successes.length < 2 || failures.length < 2) {
    throw new RangeError(
      `${taskId}: found ${demonstrations.length} demonstrations, ${successes.length} held-out successes and ${failures.length} held-out failures, wanted at least 2 of each`,
    );
  }
  return { training, successes, failures };
}

/** The reward model of a method, fitted on these episodes. */
export async function fittedOn(
  method: LearnedReward,
  given: AnySettings,
  training: readonly Footage[],
  { model, seed, compute, signal }: ClaimSetup,
): Promise<RewardModel> {
  const setup = { compute, seed: episodeSeed('fit', seed, 0), signal };
  return (await fitOn(method, given, model, training, setup)).model;
}

/** The same as a function from an episode to its scores. */
export async function scorerOf(
  method: LearnedReward,
  given: AnySettings,
  training: readonly Footage[],
  setup: ClaimSetup,
): Promise<(episode: Footage) => Float32Array> {
  const fitted = await fittedOn(method, given, training, setup);
  return (episode) => fitted.score(sensed(setup.model, episode, fitted.senses), episode.length).perStep;
}
