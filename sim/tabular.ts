/** Small worlds as tables, for proofs by computation. */

import type { ActionSpace } from './env.ts';

/** A finite Markov decision process. S states, A actions; every table is row-major. */
export interface Tabular {
  readonly states: number;
  readonly actions: number;
  /** P(s' | s, a). [S * A * S] */
  readonly probabilities: Float64Array;
  /** The expected native reward of (s, a, s'), sparse or dense as the task is set. [S * A * S] */
  readonly rewards: Float64Array;
  /** 1 where the episode has ended: such states keep their value 0. [S] */
  readonly terminal: Uint8Array;
  /** Chance of each state at a reset. [S] */
  readonly start: Float64Array;
  /** The index of a state row. */
  indexOf(state: Float64Array, stateOffset: number): number;
  /** Writes a row for an index, step counter 0. */
  rowOf(index: number, state: Float64Array, stateOffset: number): void;
  readonly actionSpace: ActionSpace;
}
