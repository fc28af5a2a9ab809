/** What every implementation of `Networks` refuses, in the same words. */

import type { Networks, NetworksOptions } from './compute.ts';
import { parameterCount } from './mlp.ts';

/** @throws RangeError naming what does not fit together. */
export function checkNetworks({
  networks,
  rows,
  loose = 0,
  parameters,
  epsilon = 1e-8,
}: NetworksOptions): void {
  if (!Number.isInteger(rows) || rows < 1)
    throw new RangeError(`Networks: rows: found ${rows}, wanted a whole number from 1`);
  if (!Number.isInteger(loose) || loose < 0)
    throw new RangeError(`Networks: loose: found ${loose}, wanted a whole number from 0`);
  if (!(epsilon > 0)) throw new RangeError(`Networks: epsilon: found ${epsilon}, wanted a number above 0`);
  if (networks.length === 0) throw new RangeError('Networks: found none, wanted one or more');
  let wanted = loose;
  for (const [n, { shape, inputOf }] of networks.entries()) {
    wanted += parameterCount(shape);
    if (inputOf === undefined) continue;
    const source = networks[inputOf];
    if (source === undefined || !(inputOf < n))
      throw new RangeError(`Network ${n}: inputOf: found ${inputOf}, wanted an earlier network`);
    const [found, given] = [shape.sizes[0]!, source.shape.sizes[0]!];
    if (found !== given)
      throw new RangeError(`Network ${n}: inputOf ${inputOf}: found ${given} inputs there, wanted ${found}`);
  }
  if (parameters.length !== wanted)
    throw new RangeError(`Networks: parameters: found ${parameters.length}, wanted ${wanted}`);
}

/** @throws RangeError when a call names networks or rows that are not there. */
export function checkCall({ networks, rows: most }: Networks, which: readonly number[], rows: number): void {
  if (!Number.isInteger(rows) || rows < 1 || rows > most)
    throw new RangeError(`Networks: rows: found ${rows}, wanted a whole number from 1 to ${most}`);
  for (const [i, n] of which.entries()) {
    if (networks[n] === undefined || (i > 0 && n <= which[i - 1]!))
      throw new RangeError(
        `Networks: found networks [${which.join(', ')}], wanted ascending numbers from 0 to ${networks.length - 1}`,
      );
  }
}

/** @throws RangeError when a call names networks without targets, or rows that are not there. */
export function checkRegress(on: Networks, which: readonly number[], rows: number): void {
  checkCall(on, which, rows);
  const without = which.find((n) => on.targets[n] === undefined);
  if (without !== undefined)
    throw new RangeError(`Network ${without}: found no targets to regress to, wanted regresses in its spec`);
}
