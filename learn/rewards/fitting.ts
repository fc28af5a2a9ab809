/** What fitting has in common: AdamW with a cosine schedule on networks of the compute, progress, and a stop button. */

import { globalNorm } from '../parts/adam.ts';
import type { NetworkSpec, Networks } from '../tensor/compute.ts';
import type { FitContext } from './types.ts';

export interface FitNetworksOptions {
  /** For error messages: "SARM". */
  readonly title: string;
  readonly networks: readonly NetworkSpec[];
  /** First weights of all networks, one after the other; trained in place. [P] */
  readonly parameters: Float32Array;
  /** Most rows of one pass. */
  readonly rows: number;
  readonly updates: number;
  /** At the start; falls to 0 along a half cosine. */
  readonly learningRate: number;
  /** Updates over which the rate rises from 0 to where the cosine is. Default 0. */
  readonly warmup?: number;
  /** Decoupled (AdamW), relative to the learning rate. Default 0. */
  readonly weightDecay?: number;
  /** The gradient is shortened to this length. Default 1. */
  readonly maxGradNorm?: number;
  /**
   * One gradient: writes inputs, runs `forward`, writes `outputGradients`, runs `backward` (as often as needed). Returns
   * the losses, finite numbers named as paths.
   */
  gradient(nets: Networks, update: number): Promise<Record<string, number>>;
}

const [beta1, beta2, epsilon] = [0.9, 0.95, 1e-8];
/** A stop button waits for the next report. */
const updatesPerReport = 20;

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new DOMException('Fitting was cancelled', 'AbortError');
}

/** Lets messages in. */
const breathe = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/**
 * The last losses. `parameters` holds the fitted weights.
 * AdamW: Loshchilov and Hutter 2019, arXiv:1711.05101, with a faster second moment than the compute's own Adam.
 * @throws RangeError when a loss is no finite number; rejects with an AbortError when cancelled.
 */
export async function fitNetworks(
  options: FitNetworksOptions,
  { compute, signal, onProgress }: Pick<FitContext, 'compute' | 'signal' | 'onProgress'>,
): Promise<Record<string, number>> {
  const { title, networks, parameters, rows, updates, learningRate } = options;
  const { weightDecay = 0, maxGradNorm = 1, warmup = 0 } = options;
  throwIfAborted(signal);
  const nets = compute.networks({ networks, rows, parameters });
  const mean = new Float64Array(parameters.length);
  const square = new Float64Array(parameters.length);

  const step = (gradient: Float32Array, rate: number, t: number): void => {
    const scale = Math.min(1, maxGradNorm / (globalNorm(gradient) + 1e-8));
    const firstRate = rate / (1 - beta1 ** t);
    const correction = 1 / (1 - beta2 ** t);
    for (let i = 0; i < parameters.length; i++) {
      const g = gradient[i]! * scale;
      const m = beta1 * mean[i]! + (1 - beta1) * g;
      const v = beta2 * square[i]! + (1 - beta2) * g * g;
      mean[i] = m;
      square[i] = v;
      parameters[i] =
        parameters[i]! * (1 - rate * weightDecay) - (firstRate * m) / (Math.sqrt(v * correction) + epsilon);
    }
  };

  let losses: Record<string, number> = {};
  const report = (done: number): void => {
    for (const [name, value] of Object.entries(losses)) {
      if (Number.isFinite(value)) continue;
      throw new RangeError(
        `${title} fit: ${name} is ${value} after ${done} updates, wanted a finite number; try a smaller learningRate`,
      );
    }
    onProgress({ done, total: updates, metrics: losses });
  };

  try {
    for (let update = 0; update < updates; update++) {
      const cosine = 0.5 * (1 + Math.cos((Math.PI * update) / updates));
      const rate = learningRate * cosine * Math.min(1, (update + 1) / (warmup + 1));
      losses = await options.gradient(nets, update);
      step(await nets.readGradient(), rate, update + 1);
      await nets.clear();
      await nets.write(parameters);
      if ((update + 1) % updatesPerReport === 0) {
        report(update + 1);
        await breathe();
        throwIfAborted(signal);
      }
    }
    report(updates);
    return losses;
  } finally {
    nets.dispose();
  }
}
