/** What every algorithm does with its settings, its environment and its checkpoints. */

import type { Learner, LearnerSetup, VectorEnv } from '../algorithms/types.ts';

/** Sizes of the hidden layers. */
export const hiddenOf = ({
  hiddenSize,
  hiddenLayers,
}: {
  readonly hiddenSize: number;
  readonly hiddenLayers: number;
}): readonly number[] => new Array<number>(hiddenLayers).fill(hiddenSize);

/** The settings, once they are for as many worlds as there are. @throws RangeError where they are not. */
export function forWorlds<S extends { readonly worlds: number }>(
  name: string,
  settings: S,
  { count }: LearnerSetup,
): S {
  if (settings.worlds !== count) {
    throw new RangeError(`${name}: worlds is ${settings.worlds}, the environment has ${count}`);
  }
  return settings;
}

/**
 * The new learner, taken to where the checkpoint was saved.
 * @throws what `restore` throws; the learner is disposed of then.
 */
export function resumed(
  learner: Learner & { restore(bytes: Uint8Array, journal: readonly Uint8Array[]): void },
  bytes: Uint8Array,
  journal: readonly Uint8Array[] = [],
): Learner {
  try {
    learner.restore(bytes, journal);
  } catch (error) {
    learner.dispose();
    throw error;
  }
  return learner;
}

/** @throws RangeError where the environment has other sizes than the learner was made for. */
export function checkSizes(name: string, env: VectorEnv, setup: LearnerSetup): void {
  const { count, observationDim, actionDim } = setup;
  if (env.count !== count || env.observationDim !== observationDim || env.actionDim !== actionDim) {
    throw new RangeError(
      `${name}: environment of ${env.count} worlds, ${env.observationDim} observations, ${env.actionDim} actions; ` +
        `wanted ${count}, ${observationDim}, ${actionDim}`,
    );
  }
}

/** @throws RangeError where the environment is not what the learner was made for. */
export function checkEnvironment(name: string, env: VectorEnv, setup: LearnerSetup): void {
  checkSizes(name, env, setup);
  const wanted = (setup.choices ?? []).join(', ');
  const found = (env.choices ?? []).join(', ');
  if (found !== wanted) {
    throw new RangeError(`${name}: environment of options [${found}], wanted [${wanted}]`);
  }
}
