/** Part of the contract: any reward models on any episode, and the moments at which models differ most. */

import { oc } from '@orpc/contract';
import { z } from 'zod';
import { bytesSchema } from './bytes.ts';

const id = z.int().positive();

/** A stored model by its id, or a counter-baseline that needs no fitting. */
const scorerSchema = z.union([id, z.enum(['constant', 'time-ramp'])]);
export type ScorerRef = z.infer<typeof scorerSchema>;

export const scoredBySchema = z.object({
  /** Id of the stored model, or name of the baseline: the prefix of its arrays. */
  key: z.string(),
  id: id.nullable(),
  method: z.string(),
  title: z.string(),
  /** Empty for a baseline that is not stored. */
  hash: z.string(),
  /** Of its fit; null where nothing was fitted. */
  seed: z.int().nullable(),
  baseline: z.boolean(),
  /** False: its score of a frame looks at later frames, too. */
  causal: z.boolean(),
  /** It is an ensemble and says how far its members are apart. */
  std: z.boolean(),
  extras: z.array(z.string()),
  /** Why it has no score here; then it has no arrays. */
  failed: z.string().nullable(),
});
export type ScoredBy = z.infer<typeof scoredBySchema>;

export const normalisationSchema = z.enum(['rank', 'z', 'none']);
export type Normalisation = z.infer<typeof normalisationSchema>;

export const disagreementSchema = z.object({
  task: z.string(),
  models: z.array(scoredBySchema),
  normalise: normalisationSchema,
  /** Seconds that two moments of one episode are apart at least. */
  apart: z.number(),
  /** Episodes and frames that were looked at. */
  episodes: z.int(),
  frames: z.int(),
  /** Episodes that could not be scored, and why. */
  left: z.array(z.object({ id, why: z.string() })),
  /** Highest difference first. */
  moments: z.array(
    z.object({
      episode: id,
      runId: id,
      runName: z.string(),
      kind: z.string(),
      /** True success at the last frame. */
      success: z.boolean(),
      frame: z.int(),
      seconds: z.number(),
      /** Highest minus lowest of the normalised scores. */
      difference: z.number(),
      /** As `models`: scores in [0, 1] as the models gave them, and after normalisation. */
      scores: z.array(z.number()),
      normalised: z.array(z.number()),
      trueProgress: z.number(),
      stage: z.string(),
      succeeded: z.boolean(),
    }),
  ),
  /**
   * Unpacks (lab/pack.ts) to curves of each episode that is named, thinned to at most 96 frames: `<episode>/frames` uint32 [P],
   * `<episode>/true` float32 [P], `<episode>/<key>` float32 [P] for each model, scores as given; `<episode>/difference` float32 [P].
   */
  data: bytesSchema,
});
export type Disagreement = z.infer<typeof disagreementSchema>;

export const episodeScoreContract = {
  /**
   * Scores an episode with any models of its task. `data` unpacks to `<key>/perStep` float32 [T + 1], `<key>/std` float32 [T + 1]
   * where `std` says so, and, if `extras` were asked for, `<key>/extra/<name>` float32 [T + 1]. Computed in a thread where it is not
   * stored yet; to drop the call is to stop it. Progress comes as events `scoring`.
   */
  score: oc
    .input(z.object({ id, models: z.array(scorerSchema).min(1).max(24), extras: z.boolean().default(false) }))
    .output(z.object({ models: z.array(scoredBySchema), data: bytesSchema })),
};

export const disagreeContract = {
  /**
   * The moments over many episodes at which models differ most, in a thread, one search at a time. Progress comes as events
   * `disagreement`; to drop the call is to stop it, and scores worked out by then are kept.
   */
  disagree: oc
    .input(
      z.object({
        task: z.string(),
        /** Two or more; or `group`: every stored model that differs from this one only by its seed and its demonstrations. */
        models: z.array(scorerSchema).max(16).default([]),
        group: id.optional(),
        runs: z.array(id).max(100).default([]),
        kind: z.enum(['demonstration', 'failure', 'random', 'training', 'evaluation']).optional(),
        success: z.boolean().optional(),
        /** The newest so many. */
        newest: z.int().min(1).max(2000).default(100),
        top: z.int().min(1).max(200).default(20),
        apart: z.number().min(0).max(60).default(1),
        normalise: normalisationSchema.default('rank'),
      }),
    )
    .output(disagreementSchema),
};

export const scoreEvents = [
  /** What `episodes.score` works on: models done (from 0) of `total`. */
  z.object({ type: z.literal('scoring'), episode: id, done: z.int(), total: z.int() }),
  /** What `models.disagree` works on: episodes done of `total`. */
  z.object({ type: z.literal('disagreement'), task: z.string(), done: z.int(), total: z.int() }),
] as const;
