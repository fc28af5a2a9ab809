/** A run's configuration, wanted in the new-run form. */

import { create } from 'zustand';
import type { Recipe } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { focusPanel } from './layout.ts';

export interface Again {
  readonly run: number;
  readonly recipe: Recipe;
  readonly seed: number;
}

/** What the form is to be filled with; the form takes it and sets it to null. */
export const useAgain = create<{ readonly wanted: Again | null }>()(() => ({ wanted: null }));

/** Opens the form with what a run was started with. @throws Error where it has no recipe. */
export async function runAgain(id: number): Promise<void> {
  const { run, yaml } = await lab.runs.get({ id });
  if (yaml === '')
    throw new Error(`Run ${id} was not started from a recipe: ${run.kind} runs are parts of others`);
  const answer = await lab.recipes.check({ yaml });
  if (!answer.ok) throw new Error(`Run ${id}: ${answer.problems.join('; ')}`);
  useAgain.setState({ wanted: { run: id, recipe: answer.recipe as Recipe, seed: run.seed } });
  focusPanel('new-run');
}
