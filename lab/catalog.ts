/** What exists: every task, reward, algorithm and recipe, with every field. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { algorithms } from '../learn/algorithms/index.ts';
import { rewards } from '../learn/rewards/index.ts';
import { viewsOf } from '../sim/camera.ts';
import type { Task } from '../sim/env.ts';
import { defaultsOf, type Fields } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import type { Catalog, Recipe } from './api.ts';
import { UsageError } from './errors.ts';
import { experimentFields, parseRecipe } from './experiment.ts';
import { nearest } from './fields.ts';

type WireFields = Catalog['experimentFields'];
const wire = (fields: Fields): WireFields => structuredClone(fields) as WireFields;

/** The recipes that come with the lab. Beside the source here; beside the bundle in an installed app. */
export const recipesDirectory = fileURLToPath(new URL('../recipes', import.meta.url));

export function listRecipes(directory = recipesDirectory): Catalog['recipes'] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const path = join(directory, file);
      const yaml = readFileSync(path, 'utf8');
      const recipe = parseRecipe(yaml, file);
      return {
        id: file.slice(0, -'.yaml'.length),
        title: recipe.title ?? recipe.name,
        summary: recipe.summary ?? '',
        path,
        yaml,
      };
    });
}

/** A recipe by id (`push-progress`) or by path to a file. @throws UsageError naming what was found and what is known. */
export function loadRecipe(nameOrPath: string): Recipe {
  const known = listRecipes();
  const byId = known.find((recipe) => recipe.id === nameOrPath);
  if (byId !== undefined) return parseRecipe(byId.yaml, `${byId.id}.yaml`);
  if (!/[./\\]/.test(nameOrPath)) {
    throw new UsageError([
      `recipe: unknown recipe "${nameOrPath}"${nearest(
        nameOrPath,
        known.map((r) => r.id),
      )}`,
    ]);
  }
  let text: string;
  try {
    text = readFileSync(nameOrPath, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new UsageError([
      `recipe ${nameOrPath}: ${code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a folder, wanted a YAML file' : String(code)}`,
    ]);
  }
  return parseRecipe(text, nameOrPath);
}

export function catalog(): Catalog {
  return {
    tasks: Object.values(tasks).map((task) => {
      const model = task.create(defaultsOf(task.fields));
      const { training }: Task = task;
      return {
        id: task.id,
        title: task.title,
        summary: task.summary,
        version: task.version,
        fields: wire(task.fields),
        controlDt: model.controlDt,
        substeps: model.substeps,
        physicsDt: model.controlDt / model.substeps,
        horizon: model.horizon,
        stateDim: model.stateDim,
        stateBytes: model.stateDim * Float64Array.BYTES_PER_ELEMENT,
        ...(training === undefined
          ? {}
          : { training: structuredClone(training) as Catalog['tasks'][number]['training'] }),
        views: viewsOf(model).map((view) => view.name),
        goals: model.goals === undefined ? null : [...model.goals.names],
        agents: model.parallel?.agents.map(({ id, side }) => ({ id, side })) ?? null,
        tabular:
          model.tabular === undefined
            ? null
            : { states: model.tabular.states, actions: model.tabular.actions },
        exploit: model.exploit !== undefined,
        gymnasium: model.gymnasium?.id ?? null,
        observationNames: [...model.observationSpace.names],
        actionNames: [...model.actionSpace.names],
        actionOptions: model.actionSpace.type === 'discrete' ? model.actionSpace.n : null,
        stages: model.stages.map((stage) => ({ ...stage })),
        rewardTerms: model.rewardTerms.map(({ range = [0, 1], ...term }) => ({
          ...term,
          range: [...range] as [number, number],
        })),
      };
    }),
    rewards: Object.values(rewards).map((reward) => ({
      id: reward.id,
      kind: reward.kind,
      title: reward.title,
      summary: reward.summary,
      ...(reward.kind === 'learned' ? { source: reward.source } : {}),
      causal: reward.kind === 'native' || reward.causal,
      ...(reward.kind === 'learned' && reward.baseline === true ? { baseline: true as const } : {}),
      fields: wire(reward.fields),
    })),
    algorithms: Object.values(algorithms).map(({ id, title, summary, source, fields }) => ({
      id,
      title,
      summary,
      source,
      fields: wire(fields),
    })),
    recipes: listRecipes(),
    experimentFields: wire(experimentFields),
  };
}
