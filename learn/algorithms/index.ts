/** Every algorithm, by id. Adding one is a file and a line here. */

import { dqn } from './dqn.ts';
import { ppo } from './ppo.ts';
import { sac } from './sac.ts';
import type { Algorithm } from './types.ts';

export const algorithms = { ppo, sac, dqn } as const satisfies Record<string, Algorithm>;
export type AlgorithmId = keyof typeof algorithms;
