/** Recipes kept in the project; saving, renaming and removing can be undone. */

import { create } from 'zustand';
import type { Recipe, SavedRecipe } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { perform } from './history.ts';

export const useRecipes = create<{ readonly saved: readonly SavedRecipe[] }>()(() => ({ saved: [] }));

export async function loadRecipes(): Promise<void> {
  useRecipes.setState({ saved: await lab.recipes.list() });
}

/** The file name of a title: `Push, tuned` -> `push-tuned`. */
export const recipeIdOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);

async function remove(id: string): Promise<string> {
  const { yaml } = await lab.recipes.remove({ id });
  await loadRecipes();
  return yaml;
}

async function restore(id: string, yaml: string): Promise<void> {
  await lab.recipes.restore({ id, yaml });
  await loadRecipes();
}

export async function saveRecipe(id: string, recipe: Recipe, replace: boolean): Promise<void> {
  let before: string | null = null;
  let isAgain = false;
  await perform({
    title: `save recipe ${id}`,
    redo: async () => {
      const answer = await lab.recipes.save({ id, recipe, replace: replace || isAgain });
      if (!isAgain) before = answer.before;
      isAgain = true;
      await loadRecipes();
    },
    undo: async () => {
      if (before === null) await remove(id);
      else await restore(id, before);
    },
  });
}

export async function renameRecipe(id: string, to: string): Promise<void> {
  const rename = async (from: string, next: string): Promise<void> => {
    await lab.recipes.rename({ id: from, to: next });
    await loadRecipes();
  };
  await perform({
    title: `rename recipe ${id} to ${to}`,
    redo: () => rename(id, to),
    undo: () => rename(to, id),
  });
}

/** As it stands in a list: what it calls itself, and its name in the project where that says something else. */
export const recipeLabel = ({ id, title }: Pick<SavedRecipe, 'id' | 'title'>): string =>
  recipeIdOf(title) === id ? title : `${id}: ${title}`;

export async function removeRecipe(id: string): Promise<void> {
  let yaml = '';
  await perform({
    title: `remove recipe ${id}`,
    redo: async () => {
      yaml = await remove(id);
    },
    undo: () => restore(id, yaml),
  });
}
