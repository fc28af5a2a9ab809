/** PPO that begins where behavioural cloning ended: the cloned policy in a fresh PPO checkpoint. */

import { readBlock, writeBlock } from '../../learn/parts/block.ts';

const magics = { bc: 'RLABBC1\n', ppo: 'RLABPPO\n' } as const;

/**
 * Parameters: [actor, critic, logStd] in `ppo`, [actor, logStd] in `bc`. Takes over the actor, how its inputs are
 * normalised, and with `deviation` also logStd; the critic is as it was. Train on with `normalizeObservations: false`, so that
 * the policy keeps seeing what it was cloned on.
 * @throws RangeError where the two have other inputs, actions or hidden layers.
 */
export function warmStarted(
  ppo: Uint8Array,
  bc: Uint8Array,
  { deviation = false }: { readonly deviation?: boolean } = {},
): Uint8Array {
  const to = readBlock(magics.ppo, ppo);
  const from = readBlock(magics.bc, bc);
  for (const key of ['observationDim', 'actionDim', 'choices', 'hidden', 'activation', 'memorySize']) {
    const [found, wanted] = [JSON.stringify(from.header[key] ?? 0), JSON.stringify(to.header[key] ?? 0)];
    if (found !== wanted)
      throw new RangeError(`Warm start: the clone's ${key} is ${found}, wanted ${wanted}`);
  }
  const { choices, actionDim } = from.header as {
    readonly choices: readonly number[];
    readonly actionDim: number;
  };
  const loose = choices.length > 0 ? 0 : actionDim;
  const cloned = from.arrays['parameters'] as Float32Array;
  const parameters = (to.arrays['parameters'] as Float32Array).slice();
  parameters.set(cloned.subarray(0, cloned.length - loose));
  if (deviation) parameters.set(cloned.subarray(cloned.length - loose), parameters.length - loose);
  const { arrays: _, ...header } = to.header;
  return writeBlock(magics.ppo, header, {
    ...to.arrays,
    parameters,
    normalizer: from.arrays['normalizer']!,
  });
}
