/**
 * The compute of learn/tensor/compute.ts over an opened TensorFlow.js device. Parameters, gradient and Adam's moments live
 * on the device as flat vectors; rows go up and results come down once a call. Big batches and big networks are what it is
 * for: of a small network the calls alone cost more than the arithmetic.
 *
 * One backend computes in a thread at a time (open.ts), so networks refuse to work once another device was opened.
 */

import type * as TensorFlow from '@tensorflow/tfjs';
import { Adam, beta1, beta2 } from '../parts/adam.ts';
import { checkCall, checkNetworks, checkRegress } from './check.ts';
import type { Compute, NetworkSpec, Networks, NetworksOptions, StepOptions } from './compute.ts';
import type { Device } from './device.ts';
import { backward, forward, layersOf, parameterCount } from './mlp.ts';

type Tf = typeof TensorFlow;
type Tensor = TensorFlow.Tensor;
type Tensor1D = TensorFlow.Tensor1D;
type Tensor2D = TensorFlow.Tensor2D;

export function tfjsCompute({ tf, name, reason }: Pick<Device, 'tf' | 'name' | 'reason'>): Compute {
  const living = new Set<TfjsNetworks>();
  return {
    name,
    reason,
    networks(options) {
      checkNetworks(options);
      const networks = new TfjsNetworks(tf, options, () => living.delete(networks));
      living.add(networks);
      return networks;
    },
    dispose() {
      for (const networks of [...living]) networks.dispose();
    },
  };
}

class TfjsNetworks implements Networks {
  readonly networks: readonly NetworkSpec[];
  readonly rows: number;
  readonly parameterCount: number;
  readonly inputs: readonly Float32Array[];
  readonly outputs: readonly Float32Array[];
  readonly outputGradients: readonly Float32Array[];
  readonly inputGradients: readonly (Float32Array | undefined)[];
  readonly targets: readonly (Float64Array | undefined)[];
  readonly loose: Float32Array;
  readonly looseGradients: Float32Array;
  readonly #tf: Tf;
  readonly #backend: string;
  readonly #onDispose: () => void;
  /** Where each network begins in the flat parameters, and where the last one ends. */
  readonly #offsets: readonly number[];
  readonly #epsilon: number;
  readonly #looseAdam: Adam;
  #steps = 0;
  // On the device; S: parameters of all networks, without the loose ones.
  #parameters: Tensor1D; // [S]
  #first: Tensor1D; // [S]
  #second: Tensor1D; // [S]
  /** Of each network, once `backward` was called: its share of the gradient. */
  readonly #gradients: (Tensor1D | undefined)[] = [];
  /** Of each network: w, b, w, b ... cut from the parameters as they are now. */
  readonly #layers: (Tensor[] | undefined)[] = [];
  /** Of each network: x, hidden activations, output of the last forward pass. */
  readonly #chains: (Tensor2D[] | undefined)[] = [];

  constructor(tf: Tf, options: NetworksOptions, onDispose: () => void) {
    const { networks, rows, loose = 0, parameters, epsilon = 1e-8 } = options;
    this.#tf = tf;
    this.#backend = tf.getBackend();
    this.#onDispose = onDispose;
    this.networks = networks;
    this.rows = rows;
    this.#epsilon = epsilon;
    this.parameterCount = parameters.length;
    const offsets = [0];
    const inputs: Float32Array[] = [];
    for (const { shape, inputOf } of networks) {
      offsets.push(offsets.at(-1)! + parameterCount(shape));
      inputs.push(inputOf === undefined ? new Float32Array(rows * shape.sizes[0]!) : inputs[inputOf]!);
    }
    const outputs = () => networks.map(({ shape }) => new Float32Array(rows * shape.sizes.at(-1)!));
    this.#offsets = offsets;
    this.inputs = inputs;
    this.outputs = outputs();
    this.outputGradients = outputs();
    this.inputGradients = networks.map(({ shape, inputGradient }) =>
      inputGradient === true ? new Float32Array(rows * shape.sizes[0]!) : undefined,
    );
    this.targets = networks.map(({ regresses }, n) =>
      regresses === true ? new Float64Array(this.outputs[n]!.length) : undefined,
    );
    const size = offsets.at(-1)!;
    this.loose = parameters.slice(size);
    this.looseGradients = new Float32Array(loose);
    this.#looseAdam = new Adam(loose, epsilon);
    this.#parameters = tf.tensor1d(parameters.slice(0, size));
    this.#first = tf.zeros([size]);
    this.#second = tf.zeros([size]);
  }

  async forward(which: readonly number[], rows: number): Promise<void> {
    this.#check(which, rows);
    const tf = this.#tf;
    const passes = tf.tidy(() => {
      const uploaded = new Map<Float32Array, Tensor2D>();
      return which.map((n) => {
        const { shape } = this.networks[n]!;
        const host = this.inputs[n]!;
        const width = shape.sizes[0]!;
        // A copy: some backends only look at the array when they compute.
        const x = uploaded.get(host) ?? tf.tensor2d(host.slice(0, rows * width), [rows, width]);
        uploaded.set(host, x);
        const chain = forward(tf, shape, this.#layersOf(n), x);
        // Each network frees its own chain, shared rows included.
        return [tf.clone(x), ...chain.slice(1)] as Tensor2D[];
      });
    });
    for (const [i, n] of which.entries()) {
      tf.dispose(this.#chains[n]);
      this.#chains[n] = passes[i]!;
    }
    await Promise.all(
      which.map(async (n, i) => this.outputs[n]!.set((await passes[i]!.at(-1)!.data()) as Float32Array)),
    );
  }

  async backward(
    which: readonly number[],
    rows: number,
    { parameters = true }: { readonly parameters?: boolean } = {},
  ): Promise<void> {
    this.#check(which, rows);
    for (const n of which) {
      const found = this.#chains[n]?.[0]?.shape[0];
      if (found === rows) continue;
      throw new RangeError(
        `Networks: backward of network ${n} with ${rows} rows, but the last forward was ${found === undefined ? 'none' : `of ${found}`}`,
      );
    }
    const tf = this.#tf;
    const found = tf.tidy(() =>
      which.map((n) => {
        const { shape, inputGradient = false } = this.networks[n]!;
        const width = shape.sizes.at(-1)!;
        const dy = tf.tensor2d(this.outputGradients[n]!.slice(0, rows * width), [rows, width]);
        const { gradients, dx } = backward(tf, shape, this.#layersOf(n), this.#chains[n]!, dy, {
          wantDx: inputGradient,
          wantParameters: parameters,
        });
        if (!parameters) return { dx };
        const flat = tf.concat1d(gradients.map((gradient) => gradient.as1D()));
        const before = this.#gradients[n];
        return { gradient: before === undefined ? flat : tf.add(before, flat), dx };
      }),
    );
    for (const [i, n] of which.entries()) {
      const { gradient } = found[i]!;
      if (gradient === undefined) continue;
      this.#gradients[n]?.dispose();
      this.#gradients[n] = gradient as Tensor1D;
    }
    await Promise.all(
      which.map(async (n, i) => {
        const { dx } = found[i]!;
        if (dx === undefined) return;
        this.inputGradients[n]!.set((await dx.data()) as Float32Array);
        dx.dispose();
      }),
    );
  }

  async regress(which: readonly number[], rows: number, scale: number): Promise<void> {
    checkRegress(this, which, rows);
    await this.forward(which, rows);
    for (const n of which) {
      const [outputs, targets, gradients] = [this.outputs[n]!, this.targets[n]!, this.outputGradients[n]!];
      const count = rows * this.networks[n]!.shape.sizes.at(-1)!;
      for (let i = 0; i < count; i++) gradients[i] = scale * (outputs[i]! - targets[i]!);
    }
    await this.backward(which, rows);
  }

  /** Nothing goes on beside. */
  settle(): void {
    this.#checkBackend();
  }

  async step({ learningRate, maxGradNorm = Number.POSITIVE_INFINITY }: StepOptions): Promise<number> {
    this.#checkBackend();
    const tf = this.#tf;
    const gradient = this.#wholeGradient();
    const sum = tf.tidy(() => tf.sum(tf.square(gradient)));
    let square = (await sum.data())[0]!;
    sum.dispose();
    for (const g of this.looseGradients) square += g * g;
    const norm = Math.sqrt(square);
    if (Number.isFinite(norm)) {
      const scale = Math.min(1, maxGradNorm / (norm + 1e-8));
      this.#steps++;
      // m^ = m / (1 - beta1^t), v^ = v / (1 - beta2^t), theta -= rate m^ / (sqrt(v^) + epsilon), as in parts/adam.ts
      const rate = learningRate / (1 - beta1 ** this.#steps);
      const correction = 1 / (1 - beta2 ** this.#steps);
      const [parameters, first, second] = tf.tidy(() => {
        const g = scale === 1 ? gradient : tf.mul(gradient, scale);
        const m = tf.add(tf.mul(this.#first, beta1), tf.mul(g, 1 - beta1));
        const v = tf.add(tf.mul(this.#second, beta2), tf.mul(tf.square(g), 1 - beta2));
        const length = tf.add(tf.sqrt(tf.mul(v, correction)), this.#epsilon);
        return [tf.sub(this.#parameters, tf.div(tf.mul(m, rate), length)), m, v] as Tensor1D[];
      });
      tf.dispose([this.#first, this.#second]);
      this.#first = first!;
      this.#second = second!;
      this.#replace(parameters!);
      this.#looseAdam.step(this.loose, this.looseGradients, learningRate, scale);
    }
    gradient.dispose();
    this.clear();
    return norm;
  }

  clear(): void {
    this.#tf.dispose(this.#gradients.filter((gradient) => gradient !== undefined));
    this.#gradients.length = 0;
    this.looseGradients.fill(0);
  }

  async blend(other: Networks, share: number): Promise<void> {
    this.#checkBackend();
    const layout = ({ networks, loose }: Networks): string =>
      `${networks.map(({ shape }) => shape.sizes.join('-')).join(', ')} and ${loose.length} loose`;
    if (layout(other) !== layout(this)) {
      throw new RangeError(`Networks: found ${layout(other)} to blend, wanted ${layout(this)}`);
    }
    const tf = this.#tf;
    const own = other instanceof TfjsNetworks && other.#tf === tf;
    const theirs = own
      ? tf.clone(other.#parameters)
      : tf.tensor1d((await other.read()).slice(0, this.#offsets.at(-1)!));
    this.#replace(
      tf.tidy(() => tf.add(this.#parameters, tf.mul(tf.sub(theirs, this.#parameters), share))) as Tensor1D,
    );
    theirs.dispose();
    for (let k = 0; k < this.loose.length; k++) this.loose[k]! += share * (other.loose[k]! - this.loose[k]!);
  }

  async read(): Promise<Float32Array> {
    return this.#joined(await this.#parameters.data(), this.loose);
  }

  write(parameters: Float32Array): void {
    this.#checkBackend();
    if (parameters.length !== this.parameterCount) {
      throw new RangeError(`Networks: found ${parameters.length} parameters, wanted ${this.parameterCount}`);
    }
    const size = this.#offsets.at(-1)!;
    this.#replace(this.#tf.tensor1d(parameters.slice(0, size)));
    this.loose.set(parameters.subarray(size));
  }

  async readGradient(): Promise<Float32Array> {
    this.#checkBackend();
    const gradient = this.#wholeGradient();
    const values = await gradient.data();
    gradient.dispose();
    return this.#joined(values, this.looseGradients);
  }

  async saveOptimizer(): Promise<Float64Array> {
    const [first, second] = await Promise.all([this.#first.data(), this.#second.data()]);
    const size = this.parameterCount;
    const loose = this.loose.length;
    const looseSaved = this.#looseAdam.save();
    const saved = new Float64Array(1 + 2 * size);
    saved[0] = this.#steps;
    saved.set(first, 1);
    saved.set(looseSaved.subarray(1, 1 + loose), 1 + size - loose);
    saved.set(second, 1 + size);
    saved.set(looseSaved.subarray(1 + loose), 1 + 2 * size - loose);
    return saved;
  }

  restoreOptimizer(saved: Float64Array): void {
    this.#checkBackend();
    const size = this.parameterCount;
    if (saved.length !== 1 + 2 * size) {
      throw new RangeError(`Adam state: found ${saved.length} numbers, wanted ${1 + 2 * size}`);
    }
    const tf = this.#tf;
    const networks = this.#offsets.at(-1)!;
    tf.dispose([this.#first, this.#second]);
    this.#first = tf.tensor1d(Float32Array.from(saved.subarray(1, 1 + networks)));
    this.#second = tf.tensor1d(Float32Array.from(saved.subarray(1 + size, 1 + size + networks)));
    this.#steps = saved[0]!;
    this.#looseAdam.restore(
      Float64Array.of(
        this.#steps,
        ...saved.subarray(1 + networks, 1 + size),
        ...saved.subarray(1 + size + networks),
      ),
    );
  }

  dispose(): void {
    if (this.#parameters.isDisposed) return;
    this.clear();
    this.#replace(this.#parameters);
    this.#tf.dispose([this.#parameters, this.#first, this.#second]);
    for (const chain of this.#chains) this.#tf.dispose(chain);
    this.#onDispose();
  }

  #checkBackend(): void {
    const now = this.#tf.getBackend();
    if (now !== this.#backend) {
      throw new Error(
        `Networks on ${this.#backend}: TensorFlow.js computes on ${now} since another device was opened`,
      );
    }
  }

  #check(which: readonly number[], rows: number): void {
    this.#checkBackend();
    checkCall(this, which, rows);
  }

  /** w, b, w, b ... of one network, kept until the parameters change. Called inside tidy. */
  #layersOf(n: number): Tensor[] {
    const tf = this.#tf;
    const at = this.#offsets[n]!;
    this.#layers[n] ??= layersOf(this.networks[n]!.shape).flatMap(({ inputs, outputs, weights, biases }) => [
      tf.keep(tf.slice(this.#parameters, at + weights, inputs * outputs).as2D(inputs, outputs)),
      tf.keep(tf.slice(this.#parameters, at + biases, outputs)),
    ]);
    return this.#layers[n];
  }

  /** Other parameters: what was cut from the old ones goes. */
  #replace(parameters: Tensor1D): void {
    for (const layers of this.#layers) this.#tf.dispose(layers);
    this.#layers.length = 0;
    if (parameters !== this.#parameters) this.#parameters.dispose();
    this.#parameters = parameters;
  }

  /** [S], the caller's. */
  #wholeGradient(): Tensor1D {
    const tf = this.#tf;
    return tf.tidy(() =>
      tf.concat1d(
        this.networks.map(
          ({ shape }, n) => this.#gradients[n] ?? tf.zeros<TensorFlow.Rank.R1>([parameterCount(shape)]),
        ),
      ),
    );
  }

  #joined(networks: ArrayLike<number>, loose: Float32Array): Float32Array {
    const all = new Float32Array(this.parameterCount);
    all.set(networks);
    all.set(loose, networks.length);
    return all;
  }
}
