/** The deterministic policy of a memory and a network behind it, in plain numbers, and how checkpoints keep it. */

import type { Policy } from '../algorithms/types.ts';
import { type UnitShares, unitShares } from '../diagnostics/units.ts';
import { type Activation, parameterCount } from '../tensor/mlp.ts';
import type { Block } from './block.ts';
import { float32Of, float64Of } from './checkpoint.ts';
import { type Head, headFor } from './heads.ts';
import { memoryShapes, PlainMemory } from './memory.ts';
import { Network } from './network.ts';
import { Normalizer } from './normalizer.ts';
import { checkRows, type PolicyHeader, policyHeader, policyShape } from './policy.ts';

/** Memory, then actor: the mean action, clipped; of options the likeliest. Row n is world n. */
export class MemoryPolicy implements Policy {
  readonly observationDim: number;
  readonly actionDim: number;
  readonly #normalizer: Normalizer;
  readonly #memory: PlainMemory;
  readonly #actor: Network;
  readonly #activation: Activation;
  readonly #head: Head;
  #hidden = new Float64Array(0);
  #seen = new Float64Array(0);
  readonly #outputs: Float64Array;

  constructor(
    header: PolicyHeader,
    memorySize: number,
    actor: Float32Array,
    memory: Float32Array,
    normalizer: Float64Array,
  ) {
    this.observationDim = header.observationDim;
    this.actionDim = header.actionDim;
    this.#head = headFor(header.actionDim, header.choices);
    this.#actor = new Network(policyShape({ ...header, observationDim: memorySize }), actor);
    this.#activation = header.activation;
    this.#memory = new PlainMemory(header.observationDim, memorySize, memory);
    this.#normalizer = new Normalizer(header.observationDim);
    this.#normalizer.restore(normalizer);
    this.#outputs = new Float64Array(this.#head.outputs);
  }

  #reserve(count: number): void {
    const { size } = this.#memory;
    if (this.#hidden.length >= count * size) return;
    const old = this.#hidden;
    this.#hidden = new Float64Array(count * size);
    this.#hidden.set(old);
    this.#seen = new Float64Array(count * this.observationDim);
  }

  get memory(): { readonly size: number; of(world: number): Float64Array } {
    const { size } = this.#memory;
    return { size, of: (world) => this.#hidden.subarray(world * size, (world + 1) * size) };
  }

  /** The memory's own units are mixtures of what tanh puts out. */
  units(rows: Float64Array, count: number): UnitShares {
    const layers = this.#actor.hidden(rows, count);
    const remembered = { shares: unitShares([rows], count, 'tanh'), weight: rows.length };
    const actor = {
      shares: unitShares(layers, count, this.#activation),
      weight: layers.reduce((sum, layer) => sum + layer.length, 0),
    };
    const mean = (of: (shares: UnitShares) => number): number =>
      [remembered, actor].reduce((sum, { shares, weight }) => sum + of(shares) * weight, 0) /
      (remembered.weight + actor.weight);
    return { dead: mean(({ dead }) => dead), saturated: mean(({ saturated }) => saturated) };
  }

  begin(world: number): void {
    const { size } = this.#memory;
    this.#reserve(world + 1);
    this.#hidden.fill(0, world * size, (world + 1) * size);
  }

  act(observations: Float64Array, count: number, out: Float64Array): void {
    const { actionDim, observationDim } = this;
    checkRows(this, observations, count, out);
    this.#reserve(count);
    this.#normalizer.apply(observations, count, this.#seen);
    for (let n = 0; n < count; n++) {
      this.#memory.step(this.#seen, n * observationDim, this.#hidden, n * this.#memory.size);
      this.#actor.forward(this.#hidden, 1, this.#outputs, n * this.#memory.size);
      this.#head.mode(this.#outputs, 0, out, n * actionDim);
      if (this.#head.looseCount === 0) continue;
      for (let k = n * actionDim; k < (n + 1) * actionDim; k++) out[k] = Math.max(-1, Math.min(1, out[k]!));
    }
  }
}

/**
 * The policy of a checkpoint whose `parameters` are actor, critics, memory, loose numbers, and whose header has `memorySize`
 * and names the `critics`.
 */
export function readMemoryPolicy(name: string, block: Block): MemoryPolicy {
  const header = policyHeader(name, block);
  const memorySize = block.header['memorySize'] as number;
  const critics = block.header['critics'] as readonly string[];
  const { observationDim, hidden, activation } = header;
  const actor = parameterCount(policyShape({ ...header, observationDim: memorySize }));
  const critic = parameterCount({ sizes: [memorySize, ...hidden, critics.length], activation });
  const { gates, candidate } = memoryShapes(observationDim, memorySize);
  const memory = parameterCount(gates) + parameterCount(candidate);
  const loose = headFor(header.actionDim, header.choices).looseCount;
  const parameters = float32Of(name, block, 'parameters', actor + critic + memory + loose);
  return new MemoryPolicy(
    header,
    memorySize,
    parameters.subarray(0, actor),
    parameters.subarray(actor + critic, actor + critic + memory),
    float64Of(name, block, 'normalizer', 1 + 2 * observationDim),
  );
}
