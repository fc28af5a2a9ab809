/** Networks in the kernel's memory: where everything lies, and the calls. What is computed is in kernel.as. */

import { checkCall, checkNetworks, checkRegress } from '../check.ts';
import type { NetworkSpec, Networks, NetworksOptions, StepOptions } from '../compute.ts';
import { type Layer, layersOf } from '../mlp.ts';
import { blockRows, type Exports, panelBytes } from './layout.ts';
import { aligned } from './memory.ts';

/** What the networks need of the kernel they live in. */
export interface Host {
  readonly kernel: Exports;
  take(bytes: number): number;
  release(at: number): void;
  readonly buffer: SharedArrayBuffer;
  /** Every thread's scratch memory holds at least this much from now on. */
  reserveScratch(bytes: number): void;
  /** Before a call. @throws Error when the kernel is of no use any more. */
  ready(): void;
  /** After a call that threads took part in. @throws Error when one of them failed. */
  check(): void;
}

/** Groups of eight. */
const groupsOf = (width: number): number => Math.ceil(width / 8);

/** Most numbers of one segment, the piece of the parameters that one thread takes at a time. */
const segmentNumbers = 4096;

const activationKinds = { linear: 0, tanh: 1, relu: 2 } as const;

interface Placed extends Layer {
  readonly inGroups: number;
  readonly outGroups: number;
  /** Where W and b begin in the flat parameters of all networks. */
  readonly flatWeights: number;
  readonly flatBiases: number;
  /** Where they begin in the kernel's vectors: panels [outGroups][8 inGroups][8], then [8 outGroups]. */
  readonly packedWeights: number;
  readonly packedBiases: number;
}

export class KernelNetworks implements Networks {
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
  readonly #host: Host;
  readonly #layers: readonly (readonly Placed[])[];
  readonly #epsilon: number;
  /** In the kernel's form: every panel filled up to eight with zeros. */
  readonly #parameters: Float32Array;
  readonly #means: Float32Array;
  readonly #squares: Float32Array;
  readonly #gradient: Float32Array;
  readonly #which: Int32Array;
  readonly #beside: Int32Array;
  /** Of each network, whether `regress` may be under way. */
  readonly #isBeside: Uint8Array;
  /** Rows of the last forward call of each network. */
  readonly #forwardRows: Int32Array;
  /** Each network's flag that its transposed weights are old. */
  readonly #flags: Int32Array;
  readonly #piece: number;
  /** Address of the descriptor; 0 after `dispose`. */
  #self: number;
  #steps = 0;

  /** @throws RangeError naming what does not fit together, or when memory is at its end. */
  constructor(host: Host, options: NetworksOptions) {
    checkNetworks(options);
    const { networks, rows, loose = 0, parameters, epsilon = 1e-8 } = options;
    this.#host = host;
    this.networks = networks;
    this.rows = rows;
    this.#epsilon = epsilon;

    // Where parameters lie, for the caller and in here.
    let flat = 0;
    let packed = 0;
    this.#layers = networks.map(({ shape }) => {
      const start = flat;
      return layersOf(shape).map((layer) => {
        const [inGroups, outGroups] = [groupsOf(layer.inputs), groupsOf(layer.outputs)];
        const packedBiases = packed + 64 * inGroups * outGroups;
        const placed = {
          ...layer,
          inGroups,
          outGroups,
          flatWeights: start + layer.weights,
          flatBiases: start + layer.biases,
          packedWeights: packed,
          packedBiases,
        };
        flat = placed.flatBiases + layer.outputs;
        packed = packedBiases + 8 * outGroups;
        return placed;
      });
    });
    this.parameterCount = flat + loose;
    const looseAt = packed;
    packed += 8 * groupsOf(loose);

    // One piece of memory for all; measured first, then laid out.
    const segments = this.#segments(looseAt, packed);
    const piece = this.#layOut(0, packed, segments.length);
    this.#piece = host.take(piece.end);
    const at = this.#layOut(this.#piece, packed, segments.length);
    const { buffer } = host;
    const floats = (from: number, count: number): Float32Array => new Float32Array(buffer, from, count);
    const integers = (from: number, count: number): Int32Array => new Int32Array(buffer, from, count);
    this.#parameters = floats(at.parameters, packed);
    this.#means = floats(at.means, packed);
    this.#squares = floats(at.squares, packed);
    this.#gradient = floats(at.gradient, packed);
    this.#which = integers(at.which, networks.length);
    this.#beside = integers(at.beside, networks.length);
    this.#isBeside = new Uint8Array(networks.length);
    this.#flags = integers(at.networks, 16 * networks.length);
    this.#forwardRows = new Int32Array(networks.length);
    this.loose = floats(at.parameters + 4 * looseAt, loose);
    this.looseGradients = floats(at.gradient + 4 * looseAt, loose);
    this.inputs = at.inputs.map((from, n) => floats(from, rows * this.#layers[n]![0]!.inputs));
    networks.forEach(({ inputOf }, n) => {
      if (inputOf !== undefined) (this.inputs as Float32Array[])[n] = this.inputs[inputOf]!;
    });
    this.outputs = at.outputs.map((from, n) => floats(from, rows * this.#layers[n]!.at(-1)!.outputs));
    this.outputGradients = at.outputGradients.map((from, n) => floats(from, this.outputs[n]!.length));
    this.targets = at.targets.map((from, n) =>
      from === 0 ? undefined : new Float64Array(buffer, from, this.outputs[n]!.length),
    );
    this.inputGradients = at.inputGradients.map((from, n) =>
      from === 0 ? undefined : floats(from, rows * this.#layers[n]![0]!.inputs),
    );

    // The descriptors, as kernel.as reads them.
    integers(at.self, 12).set([
      at.segments,
      segments.length,
      at.parameters,
      at.means,
      at.squares,
      at.gradient,
      aligned(4 * packed),
      at.networks,
      networks.length,
      at.which,
      at.sums,
      at.beside,
    ]);
    let widest = 0;
    this.#layers.forEach((layers, n) => {
      const groups = Math.max(...layers.flatMap(({ inGroups, outGroups }) => [inGroups, outGroups]));
      widest = Math.max(widest, groups);
      this.#flags.set(
        [
          at.layers[n]![0]!,
          layers.length,
          at.inputs[n]!,
          at.outputs[n]!,
          at.outputGradients[n]!,
          at.inputGradients[n]!,
          0,
          1,
          layers.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0),
          layers.reduce((sum, { outGroups }) => sum + outGroups, 0),
          at.targets[n]!,
        ],
        16 * n,
      );
      layers.forEach((layer, l) => {
        const { inputs, outputs, inGroups, outGroups, packedWeights, packedBiases, activation } = layer;
        integers(at.layers[n]![l]!, 13).set([
          inputs,
          outputs,
          inGroups,
          outGroups,
          at.parameters + 4 * packedWeights,
          at.parameters + 4 * packedBiases,
          at.transposes[n]![l]!,
          4 * packedWeights,
          4 * packedBiases,
          activationKinds[activation],
          at.panels[n]![l]!,
          at.panels[n]![l + 1] ?? 0,
          at.slopes[n]![l]!,
        ]);
      });
    });
    segments.forEach(({ first, count, network, layer, block }, k) => {
      const placed = this.#layers[network]?.[layer];
      integers(at.segments + 32 * k, 7).set([
        first,
        count,
        network === -1 ? 0 : at.networks + 64 * network,
        block === -1 ? 0 : at.transposes[network]![layer]!,
        placed?.inGroups ?? 0,
        placed?.outGroups ?? 0,
        block,
      ]);
    });
    host.reserveScratch(widest * panelBytes);
    this.#self = at.self;
    this.#pack(parameters, this.#parameters);
  }

  /** Pieces of the parameters that threads take one at a time: some blocks of weights, biases, the loose numbers. */
  #segments(looseAt: number, end: number): Segment[] {
    const segments: Segment[] = [];
    this.#layers.forEach((layers, network) => {
      layers.forEach(({ packedWeights, packedBiases, outGroups }, layer) => {
        for (let first = packedWeights; first < packedBiases; first += segmentNumbers) {
          const count = Math.min(segmentNumbers, packedBiases - first);
          segments.push({ first, count, network, layer, block: (first - packedWeights) / 64 });
        }
        segments.push({ first: packedBiases, count: 8 * outGroups, network, layer, block: -1 });
      });
    });
    if (end > looseAt)
      segments.push({ first: looseAt, count: end - looseAt, network: -1, layer: -1, block: -1 });
    return segments;
  }

  /** Addresses of everything from `start` on. */
  #layOut(start: number, packed: number, segmentCount: number) {
    let end = start;
    const take = (bytes: number): number => {
      const at = end;
      end += aligned(bytes);
      return at;
    };
    const { networks, rows } = this;
    const blocks = Math.ceil(rows / blockRows);
    const layersOfEach = this.#layers;
    const rowsOf = (width: number): number => take(4 * rows * width);
    return {
      self: take(4 * 16),
      networks: take(64 * networks.length),
      layers: layersOfEach.map((layers) => layers.map(() => take(64))),
      segments: take(32 * segmentCount),
      sums: take(8 * segmentCount),
      which: take(4 * networks.length),
      beside: take(4 * networks.length),
      inputs: layersOfEach.reduce<number[]>((addresses, [first], n) => {
        const { inputOf } = networks[n]!;
        addresses.push(inputOf === undefined ? rowsOf(first!.inputs) : addresses[inputOf]!);
        return addresses;
      }, []),
      outputs: layersOfEach.map((layers) => rowsOf(layers.at(-1)!.outputs)),
      outputGradients: layersOfEach.map((layers) => rowsOf(layers.at(-1)!.outputs)),
      targets: layersOfEach.map((layers, n) =>
        networks[n]!.regresses ? take(8 * rows * layers.at(-1)!.outputs) : 0,
      ),
      inputGradients: layersOfEach.map(([first], n) =>
        networks[n]!.inputGradient ? rowsOf(first!.inputs) : 0,
      ),
      parameters: take(4 * packed),
      // The first layer's transpose serves the input's gradient alone.
      transposes: layersOfEach.map((layers, n) =>
        layers.map(({ inGroups, outGroups }, l) =>
          l > 0 || networks[n]!.inputGradient ? take(256 * inGroups * outGroups) : 0,
        ),
      ),
      means: take(4 * packed),
      squares: take(4 * packed),
      // One for each half of the rows; the sum is gathered in the first.
      gradient: take(2 * aligned(4 * packed)),
      // In panels: what goes into each layer, and the loss's gradient before its activation.
      panels: layersOfEach.map((layers) =>
        layers.map(({ inGroups }) => take(blocks * inGroups * panelBytes)),
      ),
      slopes: layersOfEach.map((layers) =>
        layers.map(({ outGroups }) => take(blocks * outGroups * panelBytes)),
      ),
      end,
    };
  }

  forward(which: readonly number[], rows: number): void {
    this.#host.ready();
    const count = this.#choose(which, rows);
    for (let k = 0; k < count; k++) this.#forwardRows[which[k]!] = rows;
    this.#host.kernel.forward(this.#self, count, rows);
    this.#host.check();
  }

  backward(which: readonly number[], rows: number, options?: { readonly parameters?: boolean }): void {
    this.#host.ready();
    const count = this.#choose(which, rows);
    for (let k = 0; k < count; k++) {
      const before = this.#forwardRows[which[k]!];
      if (before !== rows) {
        throw new RangeError(
          `Rows of backward: found ${rows}, wanted the ${before} of the forward call of network ${which[k]} before`,
        );
      }
    }
    this.#host.kernel.backward(this.#self, count, rows, options?.parameters === false ? 0 : 1);
    this.#host.check();
  }

  regress(which: readonly number[], rows: number, scale: number): void {
    this.#begin();
    checkRegress(this, which, rows);
    for (let k = 0; k < which.length; k++) {
      const n = which[k]!;
      this.#beside[k] = n;
      this.#isBeside[n] = 1;
      this.#forwardRows[n] = rows;
    }
    this.#host.kernel.regress(this.#self, which.length, rows, scale);
    this.#host.check();
  }

  settle(): void {
    this.#host.ready();
    this.#host.kernel.settle();
    this.#isBeside.fill(0);
    this.#host.check();
  }

  step({ learningRate, maxGradNorm }: StepOptions): number {
    this.#begin();
    const { kernel } = this.#host;
    const norm = Math.sqrt(kernel.gatherAll(this.#self));
    this.#host.check();
    if (Number.isFinite(norm)) {
      const steps = ++this.#steps;
      const scale = maxGradNorm === undefined ? 1 : Math.min(1, maxGradNorm / (norm + 1e-8));
      const rate = learningRate / (1 - 0.9 ** steps);
      kernel.adamAll(this.#self, scale, rate, 1 / (1 - 0.999 ** steps), this.#epsilon);
      this.#host.check();
    }
    kernel.forget(this.#self);
    this.looseGradients.fill(0);
    return norm;
  }

  clear(): void {
    this.#begin();
    this.#host.kernel.forget(this.#self);
    this.looseGradients.fill(0);
  }

  blend(other: Networks, share: number): void {
    this.#begin();
    if (!(other instanceof KernelNetworks) || other.#host !== this.#host) {
      throw new RangeError('Networks to blend with: found those of another device, wanted this one’s');
    }
    other.#begin();
    const [mine, theirs] = [this.#sizes(), other.#sizes()];
    if (mine !== theirs) throw new RangeError(`Networks to blend with: found ${theirs}, wanted ${mine}`);
    this.#host.kernel.blendAll(this.#self, other.#self, share);
    this.#host.check();
  }

  #sizes(): string {
    return `${this.networks.map(({ shape }) => shape.sizes.join('-')).join(', ')} and ${this.loose.length} loose`;
  }

  read(): Float32Array {
    this.#begin();
    return this.#unpack(this.#parameters);
  }

  write(parameters: Float32Array): void {
    this.#begin();
    const { parameterCount } = this;
    if (parameters.length !== parameterCount) {
      throw new RangeError(`Networks: parameters: found ${parameters.length}, wanted ${parameterCount}`);
    }
    this.#pack(parameters, this.#parameters);
    for (let n = 0; n < this.networks.length; n++) this.#flags[16 * n + 7] = 1;
  }

  readGradient(): Float32Array {
    this.#begin();
    this.#host.kernel.gatherAll(this.#self);
    this.#host.check();
    return this.#unpack(this.#gradient);
  }

  saveOptimizer(): Float64Array {
    this.#begin();
    const saved = new Float64Array(1 + 2 * this.parameterCount);
    saved[0] = this.#steps;
    saved.set(this.#unpack(this.#means), 1);
    saved.set(this.#unpack(this.#squares), 1 + this.parameterCount);
    return saved;
  }

  restoreOptimizer(saved: Float64Array): void {
    this.#begin();
    const size = this.parameterCount;
    if (saved.length !== 1 + 2 * size) {
      throw new RangeError(`Adam state: found ${saved.length} numbers, wanted ${1 + 2 * size}`);
    }
    this.#steps = saved[0]!;
    this.#pack(saved.subarray(1, 1 + size), this.#means);
    this.#pack(saved.subarray(1 + size), this.#squares);
  }

  dispose(): void {
    if (this.#self === 0) return;
    // What is under way writes into this memory.
    this.#host.kernel.settle();
    this.#self = 0;
    this.#host.release(this.#piece);
  }

  #begin(): void {
    this.settle();
    if (this.#self === 0) throw new Error('Networks: disposed, of no use any more');
  }

  /** Checks and writes down which networks a call is about; their number. */
  #choose(which: readonly number[], rows: number): number {
    if (this.#self === 0) throw new Error('Networks: disposed, of no use any more');
    // The same as `checkCall`, which says what is wrong; calls come a million times a second.
    let isGood = rows >= 1 && rows <= this.rows && Number.isInteger(rows);
    const count = which.length;
    let last = -1;
    for (let k = 0; k < count && isGood; k++) {
      const n = which[k]!;
      isGood = n > last && n < this.networks.length && Number.isInteger(n);
      if (this.#isBeside[n] === 1) this.settle();
      this.#which[k] = n;
      last = n;
    }
    if (!isGood) checkCall(this, which, rows);
    return count;
  }

  /** From the caller's order into panels. */
  #pack(from: Float32Array | Float64Array, to: Float32Array): void {
    for (const layers of this.#layers) {
      for (const {
        inputs,
        outputs,
        inGroups,
        flatWeights,
        flatBiases,
        packedWeights,
        packedBiases,
      } of layers) {
        let k = flatWeights;
        for (let i = 0; i < inputs; i++) {
          for (let j = 0; j < outputs; j++) {
            to[packedWeights + 64 * inGroups * (j >> 3) + 8 * i + (j & 7)] = from[k++]!;
          }
        }
        for (let j = 0; j < outputs; j++) to[packedBiases + j] = from[flatBiases + j]!;
      }
    }
    const count = this.loose.length;
    const looseAt = (this.loose.byteOffset - this.#parameters.byteOffset) / 4;
    for (let k = 0; k < count; k++) to[looseAt + k] = from[this.parameterCount - count + k]!;
  }

  /** And back: a copy. [P] */
  #unpack(from: Float32Array): Float32Array {
    const to = new Float32Array(this.parameterCount);
    for (const layers of this.#layers) {
      for (const {
        inputs,
        outputs,
        inGroups,
        flatWeights,
        flatBiases,
        packedWeights,
        packedBiases,
      } of layers) {
        let k = flatWeights;
        for (let i = 0; i < inputs; i++) {
          for (let j = 0; j < outputs; j++) {
            to[k++] = from[packedWeights + 64 * inGroups * (j >> 3) + 8 * i + (j & 7)]!;
          }
        }
        for (let j = 0; j < outputs; j++) to[flatBiases + j] = from[packedBiases + j]!;
      }
    }
    const count = this.loose.length;
    const looseAt = (this.loose.byteOffset - this.#parameters.byteOffset) / 4;
    for (let k = 0; k < count; k++) to[this.parameterCount - count + k] = from[looseAt + k]!;
    return to;
  }
}

interface Segment {
  readonly first: number;
  readonly count: number;
  /** -1: the loose numbers. */
  readonly network: number;
  readonly layer: number;
  /** First block of 8 x 8 weights; -1: no weights. */
  readonly block: number;
}
