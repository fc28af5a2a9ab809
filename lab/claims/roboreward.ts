/** RoboReward (arXiv:2601.00675): negatives made of successes let a reward model tell real failures, which it never saw. */

import { questions, roboreward } from '../../learn/rewards/roboreward.ts';
import type { AnySettings } from '../../sim/fields.ts';
import { openCounterfactuals } from '../counterfactuals.ts';
import { type Footage, type Player, play, sensed } from '../footage.ts';
import { episodeSeed } from '../seeds.ts';
import { mean } from '../statistics.ts';
import { toUnit } from '../unit-actions.ts';
import { fittedOn } from './material.ts';
import type { Claim, ClaimSetup } from './types.ts';

const arms = {
  none: 'successes alone',
  clips: 'successes and their first parts',
  relabels: 'successes, also with the goals of other episodes',
  both: 'successes, first parts and other goals',
} as const;
type Arm = keyof typeof arms;

export interface RoboSizes {
  /** Successes that models are fitted on; no failure among them. */
  readonly demonstrations: number;
  /** Held-out episodes of each kind. */
  readonly heldOut: number;
  readonly settings?: AnySettings;
}

const sizes: RoboSizes = { demonstrations: 40, heldOut: 20 };

/** What a scorer makes of held-out episodes. */
export interface Discrimination {
  /** Mean of abs(expected - true score) over failures. */
  readonly error: number;
  /** Share of failures that are called a success: an expected score that rounds to 5. */
  readonly falseSuccess: number;
  /** Share of successes that are. */
  readonly recall: number;
}

/** An expert that acts for the goal of the episode with another seed. */
function misled({ model }: Pick<ClaimSetup, 'model'>, goalSeed: number): Player {
  const goals = model.goals!;
  const believed = new Float64Array(model.stateDim);
  const goal = new Float64Array(goals.dim);
  model.reset(goalSeed, believed, 0);
  goals.desired(believed, 0, goal, 0);
  return {
    kind: 'script',
    act(state, offset, out) {
      for (let i = 0; i < model.stateDim; i++) believed[i] = state[offset + i]!;
      goals.setDesired!(goal, 0, believed, 0);
      model.expert(believed, 0, out, 0);
      toUnit(model.actionSpace, out, 0);
    },
  };
}

/** Failures of three kinds: experts with much noise, experts that give up half way, experts that follow another goal. */
export function realFailures({ model, seed }: Pick<ClaimSetup, 'model' | 'seed'>, each: number): Footage[] {
  const failed = (episodes: readonly Footage[]) => episodes.filter(({ outcome }) => outcome !== 'success');
  const seeds = Array.from({ length: each }, (_, i) => episodeSeed('failure', seed, i));
  const noisy = failed(play({ model, player: { kind: 'expert', noise: 3 }, seeds, name: 'noisy' }));
  const shortened = failed(
    seeds.flatMap((one, i) => {
      // A fifth to three fifths of the horizon.
      const steps = Math.round((model.horizon * (1 + (2 * i) / each)) / 5);
      return play({ model, player: { kind: 'expert', noise: 0.4 }, seeds: [one], steps, name: 'given up' });
    }),
  );
  const astray =
    model.goals?.setDesired === undefined
      ? []
      : failed(
          seeds.flatMap((one, i) =>
            play({
              model,
              player: misled({ model }, episodeSeed('search', seed, i)),
              seeds: [one],
              name: 'astray',
            }),
          ),
        );
  return [...noisy, ...shortened, ...astray];
}

/** One repetition: every arm on the same episodes. @throws RangeError where there are too few of them. */
export async function discrimination(
  setup: ClaimSetup,
  { demonstrations, heldOut, settings = {} }: RoboSizes,
): Promise<Record<Arm, Discrimination>> {
  const { model, taskId, seed, onProgress } = setup;
  const successesOf = (purpose: 'demonstration' | 'evaluation', count: number): Footage[] =>
    play({
      model,
      player: { kind: 'expert', noise: 0.4 },
      seeds: Array.from({ length: count }, (_, i) => episodeSeed(purpose, seed, i)),
    }).filter(({ outcome }) => outcome === 'success');
  const training = successesOf('demonstration', demonstrations);
  const successes = successesOf('evaluation', heldOut);
  const failures = realFailures(setup, heldOut);
  if (training.length < 2 || successes.length < 2 || failures.length < 2) {
    throw new RangeError(
      `${taskId}: found ${training.length} demonstrations, ${successes.length} held-out successes and ${failures.length} failures, wanted at least 2 of each`,
    );
  }
  const truth = openCounterfactuals(model, failures);
  const scores = failures.map(({ length }, i) => truth.clip(i, length).score);
  const of = async (negatives: Arm): Promise<Discrimination> => {
    onProgress(negatives);
    const fitted = await fittedOn(roboreward, { ...settings, negatives }, training, setup);
    const expected = (episode: Footage): number =>
      1 + questions * fitted.score(sensed(model, episode, fitted.senses), episode.length).perStep.at(-1)!;
    const found = failures.map(expected);
    const called = (score: number): number => (Math.round(score) === 5 ? 1 : 0);
    return {
      error: mean(found.map((score, i) => Math.abs(score - scores[i]!))),
      falseSuccess: mean(found.map(called)),
      recall: mean(successes.map((episode) => called(expected(episode)))),
    };
  };
  return {
    none: await of('none'),
    clips: await of('clips'),
    relabels: await of('relabels'),
    both: await of('both'),
  };
}

const measured =
  (measure: keyof Discrimination) =>
  async (setup: ClaimSetup): Promise<Record<Arm, number>> => {
    const found = await discrimination(setup, sizes);
    return {
      none: found.none[measure],
      clips: found.clips[measure],
      relabels: found.relabels[measure],
      both: found.both[measure],
    };
  };

const common = {
  arms,
  baseline: 'none',
  task: 'push',
  unsuitable: (model: ClaimSetup['model']) =>
    model.goals?.setDesired === undefined ? 'its goal cannot be exchanged' : undefined,
  seeds: 5,
} as const;

const failures =
  'held-out failures: 20 tries each of experts with much noise, cut short, and acting for another goal';

export const roborewardClaims: readonly Claim[] = [
  {
    ...common,
    id: 'error',
    statement:
      'Scores of real failures are nearer to the rubric with negatives than without, and nearest with both kinds',
    metric: `mean absolute error of the expected score (1 to 5) on ${failures}`,
    expects: [
      { kind: 'better', arm: 'clips', than: 'none', want: 'lower' },
      { kind: 'better', arm: 'relabels', than: 'none', want: 'lower' },
      { kind: 'better', arm: 'both', than: 'clips', want: 'lower' },
      { kind: 'better', arm: 'both', than: 'relabels', want: 'lower' },
    ],
    run: measured('error'),
  },
  {
    ...common,
    id: 'false-success',
    statement: 'With negatives fewer real failures are called a success, and fewest with both kinds',
    metric: `share that is called a success (expected score rounds to 5) of ${failures}`,
    expects: [
      { kind: 'better', arm: 'clips', than: 'none', want: 'lower' },
      { kind: 'better', arm: 'relabels', than: 'none', want: 'lower' },
      { kind: 'better', arm: 'both', than: 'none', want: 'lower' },
    ],
    run: measured('falseSuccess'),
  },
  {
    ...common,
    id: 'recall',
    statement: 'With both kinds of negatives at least four fifths of unseen successes are still called one',
    metric: 'share of about 20 held-out successes with an expected score that rounds to 5',
    expects: [{ kind: 'reaches', arm: 'both', atLeast: 0.8 }],
    run: measured('recall'),
  },
];
