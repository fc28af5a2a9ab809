/** The claims of every method, by its id. A new one is one file here and one line below. */

import { goalEmbeddingClaims } from './goal-embedding.ts';
import { lrmClaims } from './lrm.ts';
import { perceptualClaims } from './perceptual.ts';
import { raBcClaims } from './ra-bc.ts';
import { riskyChainClaims } from './risky-chain.ts';
import { roboDopamineClaims } from './robo-dopamine.ts';
import { roborewardClaims } from './roboreward.ts';
import { sarmClaims } from './sarm.ts';
import { stateMatchClaims } from './state-match.ts';
import { timeContrastiveClaims } from './time-contrastive.ts';
import type { Claim } from './types.ts';
import { waypointsClaims } from './waypoints.ts';

export const claims: Readonly<Record<string, readonly Claim[]>> = {
  sarm: [...sarmClaims, ...raBcClaims],
  'robo-dopamine': [...roboDopamineClaims, ...riskyChainClaims],
  waypoints: waypointsClaims,
  lrm: lrmClaims,
  'time-contrastive': timeContrastiveClaims,
  perceptual: perceptualClaims,
  'goal-embedding': goalEmbeddingClaims,
  roboreward: roborewardClaims,
  'state-match': stateMatchClaims,
};
