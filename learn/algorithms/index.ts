/** Every algorithm, by id. Adding one is a file and a line here. */

import { ppo } from './ppo.ts';
import type { Algorithm } from './types.ts';

export const algorithms = { ppo } as const satisfies Record<string, Algorithm>;
export type AlgorithmId = keyof typeof algorithms;
