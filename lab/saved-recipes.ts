/** Recipes that people keep in their project, one YAML file each in its folder `recipes/`. */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Store } from '../store/types.ts';
import type { SavedRecipe } from './api/recipes.ts';
import type { Recipe } from './api.ts';
import { messageOf, UsageError } from './errors.ts';
import { parseRecipe, recipeToYaml, resolveExperiment } from './experiment.ts';

type Project = Pick<Store, 'directory' | 'readOnly'>;

const folderOf = ({ directory }: Project): string => join(directory, 'recipes');
const fileOf = (project: Project, id: string): string => join(folderOf(project), `${id}.yaml`);

function read(project: Project, id: string): SavedRecipe {
  const path = fileOf(project, id);
  const yaml = readFileSync(path, 'utf8');
  try {
    const recipe = parseRecipe(yaml, `${id}.yaml`);
    return {
      id,
      title: recipe.title ?? recipe.name,
      summary: recipe.summary ?? '',
      path,
      yaml,
      problem: null,
    };
  } catch (error) {
    return { id, title: id, summary: '', path, yaml, problem: messageOf(error) };
  }
}

export function savedRecipes(project: Project): SavedRecipe[] {
  const folder = folderOf(project);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => read(project, file.slice(0, -'.yaml'.length)));
}

/** @throws UsageError where nothing may be written. */
function checkWritable({ readOnly }: Project): void {
  if (readOnly)
    throw new UsageError(['this project was opened read-only: no recipe can be saved, renamed or removed']);
}

function textOf(project: Project, id: string): string | null {
  const path = fileOf(project, id);
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

/** Whole or not at all: a crash leaves the old file. */
function write(project: Project, id: string, yaml: string): void {
  mkdirSync(folderOf(project), { recursive: true });
  const path = fileOf(project, id);
  writeFileSync(`${path}.new`, yaml);
  renameSync(`${path}.new`, path);
}

/** @throws UsageError with every problem of the recipe, or where one of this name is there already. */
export function saveRecipe(
  project: Project,
  id: string,
  recipe: Recipe,
  replace: boolean,
): { saved: SavedRecipe; before: string | null } {
  checkWritable(project);
  resolveExperiment(recipe);
  const before = textOf(project, id);
  if (before !== null && !replace)
    throw new UsageError([
      `recipe ${id}: one of this name is saved already; take another name, or replace it`,
    ]);
  write(project, id, recipeToYaml(recipe));
  return { saved: read(project, id), before };
}

/** @throws UsageError where the project is read-only. */
export function restoreRecipe(project: Project, id: string, yaml: string): { saved: SavedRecipe } {
  checkWritable(project);
  write(project, id, yaml);
  return { saved: read(project, id) };
}

/** @throws UsageError where the project is read-only or another has that name; RangeError when there is no such recipe. */
export function renameRecipe(project: Project, id: string, to: string): { saved: SavedRecipe } {
  checkWritable(project);
  if (textOf(project, id) === null) throw noRecipe(id);
  if (textOf(project, to) !== null)
    throw new UsageError([`recipe ${id}: ${to} is the name of a saved recipe already; take another name`]);
  renameSync(fileOf(project, id), fileOf(project, to));
  return { saved: read(project, to) };
}

const noRecipe = (id: string): RangeError => new RangeError(`There is no saved recipe ${id} in this project`);

/** @throws UsageError where the project is read-only; RangeError when there is no such recipe. */
export function removeRecipe(project: Project, id: string): { yaml: string } {
  checkWritable(project);
  const yaml = textOf(project, id);
  if (yaml === null) throw noRecipe(id);
  rmSync(fileOf(project, id));
  return { yaml };
}
