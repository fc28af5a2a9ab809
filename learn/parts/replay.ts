/**
 * Past transitions for off-policy learning: a ring of float32 rows, the oldest overwritten first, sampled uniformly with
 * replacement. Observations lie in it as the environment gave them: they are normalised when sampled, with what the
 * normaliser knows by then.
 *
 * A ring is too large to be written with every checkpoint. `takeJournal` gives what came in since the last call; the
 * pieces in order give the ring back to the bit (`replay`).
 */

import type { VectorEnv } from '../algorithms/types.ts';
import { readBlock, writeBlock } from './block.ts';
import type { Random } from './random.ts';

const magic = 'RLABRPL\n';
const formatVersion = 1;

/** One sampled minibatch, B rows; owned by whoever created it and filled by `sample`. */
export interface ReplayBatch {
  readonly rows: number;
  /** [B, observationDim] */
  readonly observations: Float64Array;
  readonly nextObservations: Float64Array;
  /** [B, actionDim] */
  readonly actions: Float32Array;
  /** [B] */
  readonly rewards: Float32Array;
  /** 1 where the next state has a value, 0 where the task ended there. [B] */
  readonly bootstraps: Float32Array;
}

export class Replay {
  readonly capacity: number;
  readonly observationDim: number;
  readonly actionDim: number;
  /** Rows: observation, next observation, action, reward, bootstraps. [capacity, stride] */
  readonly #rows: Float32Array;
  readonly #stride: number;
  /** Rows ever added; the next one goes to total % capacity. */
  #total = 0;
  /** `total` at the last `takeJournal`. */
  #taken = 0;
  /** `total` at the end of each of the newest pieces of the journal, as long as rows of theirs are in the ring. */
  #ends: number[] = [];

  /** @throws RangeError on a capacity below one, or one that memory does not hold. */
  constructor(capacity: number, observationDim: number, actionDim: number) {
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      throw new RangeError(`Replay: capacity is ${capacity}, wanted a positive integer`);
    }
    this.capacity = capacity;
    this.observationDim = observationDim;
    this.actionDim = actionDim;
    this.#stride = 2 * observationDim + actionDim + 2;
    try {
      this.#rows = new Float32Array(capacity * this.#stride);
    } catch (error) {
      const bytes = 4 * capacity * this.#stride;
      throw new RangeError(
        `Replay: no memory for ${capacity} transitions of ${4 * this.#stride} bytes, ${bytes} in all`,
        {
          cause: error,
        },
      );
    }
  }

  /** Rows that can be sampled. */
  get size(): number {
    return Math.min(this.#total, this.capacity);
  }

  /** Rows ever added. */
  get total(): number {
    return this.#total;
  }

  /** Keeps one transition: rows [observationDim], [observationDim], [actionDim] from their offsets. */
  add(
    observations: Float64Array,
    offset: number,
    nextObservations: Float64Array,
    nextOffset: number,
    actions: Float64Array,
    actionOffset: number,
    reward: number,
    bootstraps: boolean,
  ): void {
    const rows = this.#rows;
    const dim = this.observationDim;
    let at = (this.#total % this.capacity) * this.#stride;
    for (let k = 0; k < dim; k++, at++) {
      rows[at] = observations[offset + k]!;
      rows[at + dim] = nextObservations[nextOffset + k]!;
    }
    at += dim;
    for (let k = 0; k < this.actionDim; k++, at++) rows[at] = actions[actionOffset + k]!;
    rows[at] = reward;
    rows[at + 1] = bootstraps ? 1 : 0;
    this.#total++;
  }

  createBatch(rows: number): ReplayBatch {
    return {
      rows,
      observations: new Float64Array(rows * this.observationDim),
      nextObservations: new Float64Array(rows * this.observationDim),
      actions: new Float32Array(rows * this.actionDim),
      rewards: new Float32Array(rows),
      bootstraps: new Float32Array(rows),
    };
  }

  /** Fills the batch with rows drawn uniformly. @throws RangeError while nothing is there. */
  sample(random: Random, batch: ReplayBatch): void {
    const size = this.size;
    if (size === 0) throw new RangeError('Replay: found no transitions to sample, wanted at least one');
    const rows = this.#rows;
    const { observationDim: dim, actionDim } = this;
    for (let r = 0; r < batch.rows; r++) {
      let at = random.integer(size) * this.#stride;
      for (let k = 0, to = r * dim; k < dim; k++, at++, to++) {
        batch.observations[to] = rows[at]!;
        batch.nextObservations[to] = rows[at + dim]!;
      }
      at += dim;
      for (let k = 0; k < actionDim; k++, at++) batch.actions[r * actionDim + k] = rows[at]!;
      batch.rewards[r] = rows[at]!;
      batch.bootstraps[r] = rows[at + 1]!;
    }
  }

  /** How many of the newest pieces of the journal give the ring back. */
  get journalPieces(): number {
    return Math.max(1, this.#ends.length);
  }

  /** Notes pieces by where they end, and forgets those of which the ring as it is has no rows left. */
  #noteEnds(ends: readonly number[]): void {
    const oldest = Math.max(0, this.#total - this.capacity);
    this.#ends = [...this.#ends, ...ends].filter((end) => end > oldest);
  }

  /** What was added since the last call, or as much of it as is still there. */
  takeJournal(): Uint8Array {
    const first = Math.max(this.#taken, this.#total - this.capacity);
    const count = this.#total - first;
    const added = new Float32Array(count * this.#stride);
    const start = first % this.capacity;
    const unbroken = Math.min(count, this.capacity - start);
    added.set(this.#rows.subarray(start * this.#stride, (start + unbroken) * this.#stride));
    added.set(this.#rows.subarray(0, (count - unbroken) * this.#stride), unbroken * this.#stride);
    this.#taken = this.#total;
    this.#noteEnds([this.#total]);
    const { observationDim, actionDim } = this;
    return writeBlock(
      magic,
      { version: formatVersion, observationDim, actionDim, first },
      { transitions: added },
    );
  }

  /**
   * Puts back the ring as it was after `total` rows. A later piece wins where pieces overlap, and rows beyond `total`
   * are left out: a run that was cut off between two checkpoints continues from the older one.
   * @throws RangeError naming the piece that does not belong here, or the rows that are missing.
   */
  replay(pieces: readonly Uint8Array[], total: number): void {
    const oldest = Math.max(0, total - this.capacity);
    const stride = this.#stride;
    /** All rows from `oldest` up to here are there. */
    let reached = oldest;
    const ends: number[] = [];
    for (const [p, bytes] of pieces.entries()) {
      const { header, arrays } = readBlock(magic, bytes);
      for (const [name, wanted] of Object.entries({
        version: formatVersion,
        observationDim: this.observationDim,
        actionDim: this.actionDim,
      })) {
        if (header[name] !== wanted) {
          throw new RangeError(`Replay journal: ${name} of piece ${p} is ${header[name]}, wanted ${wanted}`);
        }
      }
      const first = header['first'] as number;
      const transitions = arrays['transitions'];
      if (!Number.isSafeInteger(first) || !transitions || transitions.length % stride !== 0) {
        throw new RangeError(`Replay journal: piece ${p} is damaged`);
      }
      const end = Math.min(total, first + transitions.length / stride);
      if (first > reached) {
        throw new RangeError(
          `Replay journal: piece ${p} begins at transition ${first}, wanted at most ${reached}`,
        );
      }
      for (let row = Math.max(first, oldest); row < end; row++) {
        const from = (row - first) * stride;
        this.#rows.set(
          transitions.subarray(from, from + stride) as Float32Array,
          (row % this.capacity) * stride,
        );
      }
      reached = Math.max(oldest, end);
      ends.push(end);
    }
    if (reached < total) {
      throw new RangeError(
        `Replay journal: ${pieces.length} pieces end at transition ${reached}, wanted ${total}`,
      );
    }
    this.#total = total;
    this.#taken = total;
    this.#ends = [];
    this.#noteEnds(ends);
  }
}

/**
 * Keeps the last step of every world but those that diverged. A step at a time limit bootstraps, one in which the task
 * ended the episode does not, unless `bootstrapSuccess` is set and it ended in success.
 * @param name of the algorithm, for messages.
 * @param before what was observed before the step [count, observationDim]
 * @returns the sum of the rewards of all worlds
 * @throws Error naming a reward that is not finite
 */
export function storeStep(
  name: string,
  replay: Replay,
  env: VectorEnv,
  before: Float64Array,
  actions: Float64Array,
  bootstrapSuccess: boolean,
): number {
  const { count, observationDim: dim, actionDim } = env;
  let sum = 0;
  for (let n = 0; n < count; n++) {
    if (env.diverged[n]) continue;
    const reward = env.rewards[n]!;
    if (!Number.isFinite(reward)) {
      throw new Error(`${name}: rollout/reward of world ${n} is ${reward}, wanted a finite number`);
    }
    sum += reward;
    const hasEnded = env.terminated[n] === 1 || env.truncated[n] === 1;
    const next = hasEnded ? env.finalObservations : env.observations;
    const bootstraps = env.terminated[n] === 0 || (bootstrapSuccess && endedInSuccess(env, n));
    replay.add(before, n * dim, next, n * dim, actions, n * actionDim, reward, bootstraps);
  }
  return sum;
}

function endedInSuccess({ simulator }: VectorEnv, world: number): boolean {
  return simulator?.model.success(simulator.finalStates, world * simulator.model.stateDim) === true;
}

/** Updates that should have been made after so many environment steps. */
export const updatesDue = (
  steps: number,
  { learningStarts, updatesPerStep }: { readonly learningStarts: number; readonly updatesPerStep: number },
): number => Math.max(0, Math.floor((steps - learningStarts) * updatesPerStep));
