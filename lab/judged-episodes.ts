/**
 * The episodes that reward models are judged on: all models on the same ones, none of which anything was fitted on. How each
 * ended is for the truth to say, whatever the group is called.
 */

import { nearProgress } from '../learn/diagnostics/truth.ts';
import { fewestFrames } from '../learn/diagnostics/voc.ts';
import type { TaskModel } from '../sim/env.ts';
import { type Footage, footageOf, type Player, play } from './footage.ts';
import { HeldNoise } from './rollout.ts';
import { episodeSeed } from './seeds.ts';
import { toUnit } from './unit-actions.ts';

export const groupIds = [
  'expert',
  'noisy',
  'near',
  'wandering',
  'random',
  'exploit',
  'wrong-goal',
  'stored',
] as const;
export type GroupId = (typeof groupIds)[number];

/** Groups that order and level are measured on; the others are traps with measures of their own. */
export const mainGroups: readonly GroupId[] = ['expert', 'noisy', 'near', 'wandering', 'random', 'stored'];

export interface JudgedGroup {
  readonly id: GroupId;
  /** How they came about. */
  readonly title: string;
  readonly episodes: readonly Footage[];
}

export interface JudgedSet {
  readonly groups: readonly JudgedGroup[];
  /** Successes from their start to the first frame of success: what is played forward, backward and rewound. */
  readonly clips: readonly Footage[];
  /** Groups that this task cannot have, and why. */
  readonly missing: readonly string[];
}

/** As demonstrations are collected (`demonstrationNoise` of the experiment). */
export const demonstrationNoise = 0.4;

export interface JudgedSetOptions {
  readonly model: TaskModel;
  /** In each group. */
  readonly episodes: number;
  readonly seed: number;
  /** Episodes of a run of the project, judged beside the played ones. */
  readonly stored?: StoredEpisodes | null;
}

/** Replayed episodes of a run: what a policy really does. */
export interface StoredEpisodes {
  readonly run: number;
  readonly episodes: readonly {
    readonly id: number;
    readonly seed: number;
    /** [T + 1, stateDim] */
    readonly states: Float64Array;
    /** [T, actionDim] */
    readonly actions: Float64Array;
    /** Scores that the project has cached, by the hash of the model. Each [T + 1] */
    readonly scores: Readonly<Record<string, Float32Array>>;
  }[];
}

export function judgedEpisodes({ model, episodes, seed, stored = null }: JudgedSetOptions): JudgedSet {
  const groups: JudgedGroup[] = [];
  const missing: string[] = [];
  // Each group has starts of its own.
  const seedsOf = (id: GroupId): number[] =>
    Array.from({ length: episodes }, (_, i) =>
      episodeSeed('judged', seed, groupIds.indexOf(id) * 1_000_000 + i),
    );
  const add = (id: GroupId, title: string, make: () => readonly Footage[]): readonly Footage[] => {
    const made = make();
    groups.push({ id, title, episodes: made });
    return made;
  };
  const played = (id: GroupId, player: Player) => () => play({ model, player, seeds: seedsOf(id), name: id });

  const expert = add('expert', 'the scripted expert', played('expert', { kind: 'expert' }));
  const noisy = add(
    'noisy',
    `the expert with held noise of up to ${demonstrationNoise}`,
    played('noisy', { kind: 'expert', noise: demonstrationNoise }),
  );
  add(
    'near',
    `the expert, cut short at true progress ${nearProgress} or made to wander from there on, in turns`,
    () =>
      seedsOf('near').map((one, i) => {
        const name = i % 2 === 0 ? 'cut' : 'disturbed';
        const player: Player = i % 2 === 0 ? { kind: 'expert' } : lost(model);
        const [whole] = play({ model, player, seeds: [one], name });
        return i % 2 === 0 ? cutShort(model, whole!) : whole!;
      }),
  );
  add('wandering', 'random actions, each held for a while', played('wandering', { kind: 'wandering' }));
  add('random', 'random actions', played('random', { kind: 'random' }));
  if (model.exploit === undefined)
    missing.push('exploit: the task has no policy that is paid for not doing it (drills have)');
  else
    add(
      'exploit',
      "the drill's policy that earns the written reward without the task",
      played('exploit', exploit(model)),
    );
  if (model.goals?.setDesired === undefined)
    missing.push(
      'wrong-goal: the goal of this task is no part of its state, so another cannot be written in',
    );
  else {
    add(
      'wrong-goal',
      `the episodes of the expert with another goal written into every state: of ${goalDraws} other starts the one whose goal is done least`,
      () => {
        const others = seedsOf('wrong-goal');
        return expert.map((one, i) => withWrongGoal(model, one, others[i]!));
      },
    );
  }
  if (stored !== null) {
    add('stored', `episodes of run ${stored.run}, evenly over all it has`, () =>
      stored.episodes.map((one) => footageOf(model, `episode ${one.id}`, one.seed, one.states, one.actions)),
    );
  }
  return { groups, clips: [...expert, ...noisy].flatMap((one) => successClip(model, one)), missing };
}

const exploit = (model: TaskModel): Player => ({
  kind: 'script',
  act(state, offset, out) {
    model.exploit!(state, offset, out, 0);
    toUnit(model.actionSpace, out, 0);
  },
});

/** An expert that only wanders once it has got far. */
function lost(model: TaskModel): Player {
  let noise: HeldNoise | undefined;
  return {
    kind: 'script',
    act(state, offset, out, t, random) {
      if (t === 0) noise = undefined;
      if (noise === undefined && model.progress(state, offset) >= nearProgress)
        noise = new HeldNoise(random, 1, model.actionSpace);
      if (noise === undefined) {
        model.expert(state, offset, out, 0);
        toUnit(model.actionSpace, out, 0);
      } else {
        out.fill(0);
        noise.add(out, 0);
      }
    },
  };
}

function firstFrames(model: TaskModel, { id, seed, states, actions }: Footage, length: number): Footage {
  return footageOf(
    model,
    id,
    seed,
    states.slice(0, (length + 1) * model.stateDim),
    actions.slice(0, length * model.actionSpace.dim),
  );
}

/** Up to the first frame of `nearProgress`; where progress jumps over it, up to the last frame without success. */
function cutShort(model: TaskModel, footage: Footage): Footage {
  const { progress, success } = footage.truth;
  const done = success.indexOf(1);
  const far = progress.findIndex((value, t) => value >= nearProgress && success[t] === 0);
  const at = far > 0 && (done < 0 || far < done) ? far : (done < 0 ? footage.length : done) - 1;
  return firstFrames(model, footage, Math.max(2, Math.min(footage.length, at)));
}

/** None where it did not succeed, or too soon to have an order. */
function successClip(model: TaskModel, footage: Footage): Footage[] {
  const done = footage.truth.success.indexOf(1);
  return done + 1 < fewestFrames ? [] : [firstFrames(model, footage, done)];
}

/** Starts whose goals are tried: where goals lie close together, most others are reached, too. */
const goalDraws = 16;

/** The same states with another goal, the one that they do least for; the truth is that of the new goal. */
export function withWrongGoal(model: TaskModel, footage: Footage, seed: number): Footage {
  const goals = model.goals!;
  const { stateDim } = model;
  const other = new Float64Array(stateDim);
  const goal = new Float64Array(goals.dim);
  const wrong = new Float64Array(goals.dim);
  const end = new Float64Array(stateDim);
  let least = Number.POSITIVE_INFINITY;
  for (let draw = 0; draw < goalDraws; draw++) {
    model.reset(episodeSeed('judged', seed, draw), other, 0);
    goals.desired(other, 0, goal, 0);
    end.set(footage.states.subarray(footage.length * stateDim));
    goals.setDesired!(goal, 0, end, 0);
    const done = model.progress(end, 0);
    if (done >= least) continue;
    least = done;
    wrong.set(goal);
  }
  const states = footage.states.slice();
  for (let t = 0; t <= footage.length; t++) goals.setDesired!(wrong, 0, states, t * stateDim);
  return footageOf(model, `${footage.id} with a wrong goal`, footage.seed, states, footage.actions);
}
