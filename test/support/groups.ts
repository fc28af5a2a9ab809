/** Two groups of three seeds that differ in one setting: seconds of real training. */

import type { Lab } from '../../lab/lab.ts';
import { tinyRecipe } from './project.ts';

/** Runs of `g1` (`fast`) and of `g2` (`slow`), by training seed 0, 1, 2. */
export async function twoGroups(lab: Lab): Promise<[fast: number[], slow: number[]]> {
  const groups = (['fast', 'slow'] as const).map((name) => {
    const { algorithmSettings, experiment } = tinyRecipe();
    const recipe = tinyRecipe({
      name,
      reward: [{ reward: 'dense' }],
      algorithmSettings: {
        ...algorithmSettings,
        steps: 6144,
        learningRate: name === 'fast' ? 3e-3 : 1e-5,
      },
      experiment: { ...experiment, evaluateEvery: 1024 },
    });
    return [...lab.startGroup(recipe, [0, 1, 2]).runs];
  });
  for (const id of groups.flat()) {
    const { status, error } = await lab.finished(id);
    if (status !== 'done') throw new Error(`run ${id} is ${status}: ${error}`);
  }
  return groups as [number[], number[]];
}
