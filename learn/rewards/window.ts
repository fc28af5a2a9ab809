/**
 * What a progress model over states reads: a causal window of the newest frames with a stride and, where wanted, the
 * first frame of the episode before them (anchor), all normalised. Before the window is full the first frame stands in.
 *
 * One input row, [frames * dim]: anchor, then the window from its oldest frame to the newest.
 */

export interface WindowShape {
  readonly dim: number;
  /** Frames in the window, the newest among them. */
  readonly window: number;
  /** Control steps between two of its frames. */
  readonly gap: number;
  readonly anchor: boolean;
}

/** Frames in one input row. */
export const framesOf = ({ window, anchor }: Pick<WindowShape, 'window' | 'anchor'>): number =>
  window + (anchor ? 1 : 0);

/** Mean and scale per observation component, fixed when the model was fitted. Both [dim]. */
export interface Normaliser {
  readonly mean: Float64Array;
  readonly scale: Float64Array;
}

/** Normalised values are held within this many deviations: far from the demonstrations a network must not see numbers it never saw. */
export const normalisedLimit = 5;
/** Components that vary less than this (metres, radians, 0/1 flags) are not blown up to full range. */
const smallestScale = 1e-3;

/** Blocks: [n, dim] each. All numbers must be finite. */
export function fitNormaliser(blocks: readonly Float64Array[], dim: number): Normaliser {
  const mean = new Float64Array(dim);
  const scale = new Float64Array(dim);
  let rows = 0;
  for (const block of blocks) {
    for (let i = 0; i < block.length; i++) mean[i % dim] = mean[i % dim]! + block[i]!;
    rows += block.length / dim;
  }
  for (let d = 0; d < dim; d++) mean[d] = mean[d]! / rows;
  for (const block of blocks) {
    for (let i = 0; i < block.length; i++)
      scale[i % dim] = scale[i % dim]! + (block[i]! - mean[i % dim]!) ** 2;
  }
  for (let d = 0; d < dim; d++) scale[d] = Math.max(smallestScale, Math.sqrt(scale[d]! / rows));
  return { mean, scale };
}

/** Not-a-number stays not-a-number, so that a broken observation shows in the score. */
export function normalise(
  { mean, scale }: Normaliser,
  from: Float64Array,
  fromOffset: number,
  to: Float64Array | Float32Array,
  toOffset: number,
): void {
  for (let d = 0; d < mean.length; d++) {
    const z = (from[fromOffset + d]! - mean[d]!) / scale[d]!;
    to[toOffset + d] = z > normalisedLimit ? normalisedLimit : z < -normalisedLimit ? -normalisedLimit : z;
  }
}

/** Anchors and histories of N worlds that are stepped together. */
export class WindowHistory {
  readonly #shape: WindowShape;
  readonly #count: number;
  readonly #normaliser: Normaliser;
  /** Frames kept a world. */
  readonly #kept: number;
  /** [count, dim] */
  readonly #anchors: Float64Array;
  /** Ring of normalised frames: [count, kept, dim]; a reset fills the whole ring, so one position serves all worlds. */
  readonly #ring: Float64Array;
  #newest = 0;

  constructor(shape: WindowShape, normaliser: Normaliser, count: number) {
    this.#shape = shape;
    this.#count = count;
    this.#normaliser = normaliser;
    this.#kept = (shape.window - 1) * shape.gap + 1;
    this.#anchors = new Float64Array(count * shape.dim);
    this.#ring = new Float64Array(count * this.#kept * shape.dim);
  }

  reset(world: number, observations: Float64Array, offset: number): void {
    const { dim } = this.#shape;
    const anchor = world * dim;
    normalise(this.#normaliser, observations, offset, this.#anchors, anchor);
    for (let slot = 0; slot < this.#kept; slot++) {
      const at = (world * this.#kept + slot) * dim;
      for (let d = 0; d < dim; d++) this.#ring[at + d] = this.#anchors[anchor + d]!;
    }
  }

  /** The next frame of every world. observations: [count * dim] from `offset` */
  push(observations: Float64Array, offset: number): void {
    const { dim } = this.#shape;
    this.#newest = (this.#newest + 1) % this.#kept;
    for (let world = 0; world < this.#count; world++) {
      normalise(
        this.#normaliser,
        observations,
        offset + world * dim,
        this.#ring,
        (world * this.#kept + this.#newest) * dim,
      );
    }
  }

  /** Writes one world's input row. */
  row(world: number, out: Float64Array, outOffset: number): void {
    const { dim, window, gap, anchor } = this.#shape;
    let to = outOffset;
    if (anchor) for (let d = 0; d < dim; d++) out[to++] = this.#anchors[world * dim + d]!;
    for (let back = window - 1; back >= 0; back--) {
      const slot = (this.#newest - back * gap + this.#kept) % this.#kept;
      let from = (world * this.#kept + slot) * dim;
      for (let d = 0; d < dim; d++) out[to++] = this.#ring[from++]!;
    }
  }

  /** Numbers in `save`. */
  get size(): number {
    return 1 + this.#anchors.length + this.#ring.length;
  }

  save(out: Float64Array, offset: number): void {
    out[offset] = this.#newest;
    out.set(this.#anchors, offset + 1);
    out.set(this.#ring, offset + 1 + this.#anchors.length);
  }

  restore(saved: Float64Array, offset: number): void {
    this.#newest = saved[offset]!;
    const ring = offset + 1 + this.#anchors.length;
    this.#anchors.set(saved.subarray(offset + 1, ring));
    this.#ring.set(saved.subarray(ring, ring + this.#ring.length));
  }

  /** Every world as the one of a history of one world, which saved this. */
  restoreAll(saved: Float64Array, offset: number): void {
    const { dim } = this.#shape;
    this.#newest = saved[offset]!;
    const ring = offset + 1 + dim;
    const anchor = saved.subarray(offset + 1, ring);
    const frames = saved.subarray(ring, ring + this.#kept * dim);
    for (let world = 0; world < this.#count; world++) {
      this.#anchors.set(anchor, world * dim);
      this.#ring.set(frames, world * frames.length);
    }
  }

  /** Numbers in `save` of a history of one world. */
  get sizeOfOne(): number {
    return 1 + (1 + this.#kept) * this.#shape.dim;
  }
}
