/** Every reward method of the lab. A new one is one file here and one line below. */

import { constant } from './constant.ts';
import { dense } from './dense.ts';
import { goalEmbedding } from './goal-embedding.ts';
import { lrm } from './lrm.ts';
import { perceptual } from './perceptual.ts';
import { roboDopamine } from './robo-dopamine.ts';
import { roboreward } from './roboreward.ts';
import { sarm } from './sarm.ts';
import { shuffledFrames } from './shuffled-frames.ts';
import { sparse } from './sparse.ts';
import { stateMatch } from './state-match.ts';
import { timeContrastive } from './time-contrastive.ts';
import { timeRamp } from './time-ramp.ts';
import type { RewardMethod } from './types.ts';
import { waypoints } from './waypoints.ts';

export const rewards = {
  sparse,
  dense,
  sarm,
  lrm,
  'robo-dopamine': roboDopamine,
  roboreward,
  'state-match': stateMatch,
  'time-contrastive': timeContrastive,
  constant,
  'time-ramp': timeRamp,
  'shuffled-frames': shuffledFrames,
  waypoints,
  perceptual,
  'goal-embedding': goalEmbedding,
} as const satisfies Readonly<Record<string, RewardMethod>>;
export type RewardId = keyof typeof rewards;
