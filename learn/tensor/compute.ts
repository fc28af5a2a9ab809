/**
 * What algorithms compute with: networks of dense layers, their gradients, one Adam. Implementations: `kernel` (WebAssembly
 * SIMD on the processor, learn/tensor/kernel/) and TensorFlow.js (learn/tensor/tfjs.ts). Both pass the same contract tests.
 *
 * An update goes: write rows into `inputs` -> `forward` -> read `outputs`, write the loss's gradient into
 * `outputGradients` -> `backward` (adds to the gradient) -> `step` (shortens it, one Adam step, clears it).
 * The loss between is plain numbers and belongs to the algorithm. Where it is a squared error, `regress` does all of it but the
 * step, beside whatever the caller does meanwhile.
 */

import type { MlpShape } from './mlp.ts';

/** Nothing where it is done already, a promise where a GPU answers later: `const wait = f(); if (wait) await wait;` */
export type Soon = void | Promise<void>;

export type ComputeName = 'kernel' | 'tfjs-node-gpu' | 'webgpu' | 'wasm' | 'cpu';

export interface NetworkSpec {
  readonly shape: MlpShape;
  /** Reads the input rows of this earlier network instead of its own: actor and critic see the same observations. */
  readonly inputOf?: number;
  /** Whether `backward` also gives the gradient of the input rows. */
  readonly inputGradient?: boolean;
  /** Whether it has `targets` for `regress`. */
  readonly regresses?: boolean;
}

export interface NetworksOptions {
  readonly networks: readonly NetworkSpec[];
  /** Most rows of one call. */
  readonly rows: number;
  /** Numbers that are trained beside the networks (a log standard deviation, a temperature). Default 0. */
  readonly loose?: number;
  /** [P]: the networks one after the other (each laid out as in mlp.ts), then the loose numbers. Copied. */
  readonly parameters: Float32Array;
  /** Of Adam; default 1e-8. */
  readonly epsilon?: number;
}

export interface StepOptions {
  readonly learningRate: number;
  /** The gradient is shortened to this Euclidean length over all parameters; not at all by default. */
  readonly maxGradNorm?: number;
}

/**
 * Networks over one flat vector of P parameters. Arrays belong to the object and stay the same for its whole life; rows
 * lie one after the other without gaps. Every result is the same bits for every number of threads.
 */
export interface Networks {
  readonly networks: readonly NetworkSpec[];
  readonly rows: number;
  /** P. */
  readonly parameterCount: number;
  /** Of each network: [rows, inputs]; the same array where inputs are shared. */
  readonly inputs: readonly Float32Array[];
  /** Of each network, after `forward`: [rows, outputs]. */
  readonly outputs: readonly Float32Array[];
  /** Of each network, the caller's to fill before `backward`: d loss / d output [rows, outputs]. */
  readonly outputGradients: readonly Float32Array[];
  /** Of each network with `inputGradient`, after `backward`: d loss / d input [rows, inputs]. Shared inputs are not added up. */
  readonly inputGradients: readonly (Float32Array | undefined)[];
  /** Of each network that regresses, the caller's to fill before `regress`: what its outputs shall be. [rows, outputs] */
  readonly targets: readonly (Float64Array | undefined)[];
  /** The loose numbers, always up to date; may be written (clamped) between steps. [loose] */
  readonly loose: Float32Array;
  /** The caller adds d loss / d loose here before `step`, which clears it. [loose] */
  readonly looseGradients: Float32Array;

  /** Outputs of the first `rows` rows of these networks (by index, ascending). */
  forward(which: readonly number[], rows: number): Soon;
  /**
   * Adds the gradients of these networks' parameters for `outputGradients`, and writes `inputGradients`. Needs a `forward`
   * of the same networks and rows just before. `parameters: false` leaves the parameters' gradients alone.
   */
  backward(which: readonly number[], rows: number, options?: { readonly parameters?: boolean }): Soon;
  /**
   * `forward`, then `backward` for the loss scale (output - target)^2 / 2 summed over the first `rows` rows and all outputs, of these
   * networks (by index, ascending; all of them regress). It may go on while the caller computes with other networks; until
   * `settle`, or any call that needs it, these networks' inputs and targets must stay and what it writes must not be read.
   * @throws RangeError on a network without targets.
   */
  regress(which: readonly number[], rows: number, scale: number): Soon;
  /** Waits for `regress`. */
  settle(): Soon;
  /** One step of Adam against the gradient, which is cleared; its length before it was shortened. Not finite: nothing is changed but the clearing. */
  step(options: StepOptions): number | Promise<number>;
  /** Throws the gradient away. */
  clear(): Soon;
  /** parameters += share (other's parameters - parameters): target networks. @throws RangeError on another layout. */
  blend(other: Networks, share: number): Soon;
  /** A copy of all parameters. [P] */
  read(): Float32Array | Promise<Float32Array>;
  /** Done when it returns. @throws RangeError on another length. */
  write(parameters: Float32Array): void;
  /** A copy of the gradient gathered so far, for tests and monitors. [P] */
  readGradient(): Float32Array | Promise<Float32Array>;
  /** Adam's steps and moments. [1 + 2 P] float64: exact for float32 moments. */
  saveOptimizer(): Float64Array | Promise<Float64Array>;
  /** Done when it returns. @throws RangeError on another length. */
  restoreOptimizer(saved: Float64Array): void;
  dispose(): void;
}

export interface Compute {
  readonly name: ComputeName;
  /** One plain sentence: why this one. */
  readonly reason: string;
  /** @throws RangeError naming what does not fit together. */
  networks(options: NetworksOptions): Networks;
  /** Ends threads, frees the device. Networks are of no use afterwards. */
  dispose(): void;
}

/** The sizes an algorithm will work with, for whoever chooses the device. */
export interface Workload {
  readonly networks: readonly MlpShape[];
  /** Rows of an update, and of a call that only acts. */
  readonly updateRows: number;
  readonly actRows: number;
}
