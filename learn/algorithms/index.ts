/** Every algorithm, by id. Adding one is a file and a line here. */

import { bc } from './bc.ts';
import { cem } from './cem.ts';
import { dagger } from './dagger.ts';
import { dqn } from './dqn.ts';
import { grpo } from './grpo.ts';
import { ppo } from './ppo.ts';
import { reinforce } from './reinforce.ts';
import { rloo } from './rloo.ts';
import { sac } from './sac.ts';
import type { Algorithm } from './types.ts';

export const algorithms = {
  ppo,
  sac,
  dqn,
  grpo,
  rloo,
  reinforce,
  bc,
  dagger,
  cem,
} as const satisfies Record<string, Algorithm>;
export type AlgorithmId = keyof typeof algorithms;
