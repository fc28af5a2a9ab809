/** Every reward method of the lab. A new one is one file here and one line below. */

import { constant } from './constant.ts';
import { dense } from './dense.ts';
import { roboDopamine } from './robo-dopamine.ts';
import { sarm } from './sarm.ts';
import { shuffledFrames } from './shuffled-frames.ts';
import { sparse } from './sparse.ts';
import { timeContrastive } from './time-contrastive.ts';
import { timeRamp } from './time-ramp.ts';
import type { RewardMethod } from './types.ts';

export const rewards = {
  sparse,
  dense,
  sarm,
  'robo-dopamine': roboDopamine,
  'time-contrastive': timeContrastive,
  constant,
  'time-ramp': timeRamp,
  'shuffled-frames': shuffledFrames,
} as const satisfies Readonly<Record<string, RewardMethod>>;
export type RewardId = keyof typeof rewards;
