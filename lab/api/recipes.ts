/** Recipes that people keep in their project. Part of `lab/api.ts`. */

import { oc } from '@orpc/contract';
import { z } from 'zod';

/** Also the name of its file. */
const recipeId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,59}$/, 'wanted small letters, digits and hyphens, at most 60 of them');

const savedRecipeSchema = z.object({
  id: z.string(),
  title: z.string(),
  summary: z.string(),
  path: z.string(),
  yaml: z.string(),
  /** Why its file cannot be used; null where it can. */
  problem: z.string().nullable(),
});
export type SavedRecipe = z.infer<typeof savedRecipeSchema>;

export const recipesContract = <Recipe extends z.ZodType>(recipe: Recipe) => ({
  /** Those of the project, by name; a file that is no recipe is listed with what is wrong with it. */
  list: oc.output(z.array(savedRecipeSchema)),
  /** Writes `recipes/<id>.yaml` in the project. An existing one is refused unless `replace`; answers with what was there before. */
  save: oc
    .input(z.object({ id: recipeId, recipe, replace: z.boolean().default(false) }))
    .output(z.object({ saved: savedRecipeSchema, before: z.string().nullable() })),
  /** Puts back, as it was, the text of a recipe that was removed or replaced. */
  restore: oc
    .input(z.object({ id: recipeId, yaml: z.string().max(200_000) }))
    .output(z.object({ saved: savedRecipeSchema })),
  /** Gives a saved recipe, its text as it is, another name; one that another recipe has is refused. */
  rename: oc.input(z.object({ id: recipeId, to: recipeId })).output(z.object({ saved: savedRecipeSchema })),
  /** Answers with what was in the file, for `restore`. */
  remove: oc.input(z.object({ id: recipeId })).output(z.object({ yaml: z.string() })),
});
