/** Every reward method of the lab. A new one is one file here and one line below. */

import { dense } from './dense.ts';
import { sarm } from './sarm.ts';
import { sparse } from './sparse.ts';
import type { RewardMethod } from './types.ts';

export const rewards = { sparse, dense, sarm } as const satisfies Readonly<Record<string, RewardMethod>>;
export type RewardId = keyof typeof rewards;
