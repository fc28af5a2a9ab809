/** The thread that scores stored episodes: it simulates one again, reads what each model perceives, and keeps loaded models. */

import { parentPort } from 'node:worker_threads';
import {
  disagreements,
  type FoundDisagreement,
  type Normalisation,
  type ScoredEpisode,
} from '../learn/diagnostics/disagreement.ts';
import type { EpisodeScore, RewardModel } from '../learn/rewards/types.ts';
import { openKernel } from '../learn/tensor/kernel/open.ts';
import type { TaskModel } from '../sim/env.ts';
import type { AnySettings } from '../sim/fields.ts';
import type { Column, EpisodeRow, RunRow } from '../store/types.ts';
import { messageOf } from './errors.ts';
import { prepareFit } from './fit.ts';
import { learnedReward } from './registry.ts';
import { framesOf, replay, taskModelOf } from './replay.ts';

/** A model to score with. What it is made from comes with the first question about it: its bytes, or settings to fit it with on nothing. */
export interface ScoringModel {
  /** Of its scores in the answer. */
  readonly key: string;
  readonly method: string;
  /** Tells models apart. */
  readonly hash: string;
  readonly bytes?: Uint8Array | undefined;
  readonly settings?: AnySettings | undefined;
}

export type ScoreQuestion =
  | {
      readonly type: 'score';
      readonly run: RunRow;
      readonly row: EpisodeRow;
      readonly columns: ReadonlyMap<string, Column>;
      readonly models: readonly ScoringModel[];
    }
  | {
      readonly type: 'find';
      readonly episodes: readonly ScoredEpisode[];
      readonly how: Normalisation;
      readonly apart: number;
      readonly top: number;
    };

/** By key; words where a model could not score it. */
export type Scores = Readonly<Record<string, EpisodeScore | string>>;

export type ScoreAnswer =
  | { readonly type: 'progress'; readonly done: number }
  | { readonly type: 'scores'; readonly scores: Scores }
  | { readonly type: 'found'; readonly found: FoundDisagreement }
  | { readonly type: 'failed'; readonly message: string };

const loaded = new Map<string, RewardModel>();
const say = (answer: ScoreAnswer): void => parentPort!.postMessage(answer);

/** @throws when the bytes are no model of the method, or the method learns from something. */
async function make({ key, method, bytes, settings }: ScoringModel, task: TaskModel): Promise<RewardModel> {
  const reward = learnedReward(method, `model ${key}`);
  if (bytes !== undefined) return reward.load(bytes);
  const compute = await openKernel({ threads: 1 });
  try {
    const setup = { compute, seed: 0, signal: new AbortController().signal };
    return (await reward.fit(...prepareFit(reward, settings ?? {}, task, [], setup))).model;
  } finally {
    compute.dispose();
  }
}

async function score({
  run,
  row,
  columns,
  models,
}: Extract<ScoreQuestion, { type: 'score' }>): Promise<Scores> {
  const task = taskModelOf(run);
  const { states } = replay(task, row, columns);
  const scores: Record<string, EpisodeScore | string> = {};
  /** Models with the same senses see the same numbers. */
  const seen = new Map<string, Float64Array>();
  for (const [done, one] of models.entries()) {
    const { key, hash } = one;
    try {
      const model = loaded.get(hash) ?? (await make(one, task));
      loaded.set(hash, model);
      const senses = String(model.senses);
      let frames = seen.get(senses);
      if (frames === undefined) {
        frames = framesOf(task, model.senses, states);
        seen.set(senses, frames);
      }
      scores[key] = model.score(frames, row.length);
    } catch (error) {
      scores[key] = messageOf(error);
    }
    say({ type: 'progress', done: done + 1 });
  }
  return scores;
}

parentPort!.on('message', async (question: ScoreQuestion) => {
  try {
    if (question.type === 'score') say({ type: 'scores', scores: await score(question) });
    else {
      const { episodes, how, apart, top } = question;
      say({ type: 'found', found: disagreements(episodes, { how, apart, top }) });
    }
  } catch (error) {
    say({ type: 'failed', message: messageOf(error) });
  }
});
