/** One step up the plain policy gradient from whole episodes, whatever judged them. */

import type { Actor } from './actor.ts';
import type { Episodes } from './episodes.ts';

/** Steps that go through the network at once; the gradient is that of all of them. */
export const chunkRows = 2048;

/** Divides the advantages of these steps by their root mean square. advantages: [R] */
export function toUnitSize(advantages: Float64Array, usable: Int32Array): void {
  let squares = 0;
  for (const i of usable) squares += advantages[i]! ** 2;
  const scale = 1 / (Math.sqrt(squares / Math.max(1, usable.length)) + 1e-8);
  for (const i of usable) advantages[i]! *= scale;
}

export class PolicyGradient {
  readonly #actor: Actor;
  readonly #episodes: Episodes;
  /** Observations on their way to the network. [chunkRows, observationDim] */
  readonly #gathered: Float64Array;

  constructor(actor: Actor, episodes: Episodes) {
    this.#actor = actor;
    this.#episodes = episodes;
    this.#gathered = new Float64Array(chunkRows * actor.header.observationDim);
  }

  /**
   * One step of Adam down the gradient of
   *   loss = mean over the usable steps of -A_t log p(a_t | s_t) - entropyCoef H(s_t)
   * advantages: [R], of all steps of the episodes. Gives metrics.
   */
  async step(
    usable: Int32Array,
    advantages: Float64Array,
    learningRate: number,
    { entropyCoef, maxGradNorm }: { readonly entropyCoef: number; readonly maxGradNorm: number },
  ): Promise<Record<string, number>> {
    const e = this.#episodes;
    const { head, networks } = this.#actor;
    let [loss, entropy] = [0, 0];
    for (let first = 0; first < usable.length; first += chunkRows) {
      const indices = usable.subarray(first, first + chunkRows);
      e.gather(indices, this.#gathered);
      this.#actor.look(this.#gathered, indices.length);
      const outputs = await this.#actor.forward(indices.length);
      for (const [row, i] of indices.entries()) {
        const at = row * head.outputs;
        const advantage = advantages[i]!;
        const action = i * e.actionDim;
        loss -= advantage * head.logProbability(outputs, at, networks.loose, e.actions, action);
        entropy += head.entropy(outputs, at, networks.loose);
        head.gradient(
          outputs,
          at,
          networks.loose,
          e.actions,
          action,
          -advantage / usable.length,
          -entropyCoef / usable.length,
          networks.outputGradients[0]!,
          at,
          networks.looseGradients,
        );
      }
      await this.#actor.backward(indices.length);
    }
    const gradientNorm = usable.length === 0 ? 0 : await this.#actor.step(learningRate, maxGradNorm);
    return {
      'loss/policy': loss / Math.max(1, usable.length),
      'policy/entropy': entropy / Math.max(1, usable.length),
      ...this.#actor.deviation(),
      'learn/learningRate': learningRate,
      'learn/gradientNorm': gradientNorm,
    };
  }
}
