/**
 * One experiment: a recipe, checked, with every default filled in, frozen. The whole object is saved with each run, so
 * that a run can be read, repeated and resumed from the database alone.
 */

import { parse as parseYaml, stringify as toYaml, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { algorithms } from '../learn/algorithms/index.ts';
import type { Algorithm } from '../learn/algorithms/types.ts';
import { rewards } from '../learn/rewards/index.ts';
import type { RewardMethod } from '../learn/rewards/types.ts';
import type { Task } from '../sim/env.ts';
import type { AnySettings, Fields } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import { type Recipe, recipeSchema } from './api.ts';
import { messageOf, UsageError } from './errors.ts';
import { checkSettings, nearest, parseFieldText } from './fields.ts';

/** Settings of the experiment around the learner. */
export const experimentFields = {
  demonstrations: {
    type: 'integer',
    default: 60,
    min: 1,
    max: 10_000,
    unit: 'episodes',
    help: 'Demonstrations collected from the scripted expert when the reward stack has a learned reward',
  },
  demonstrationNoise: {
    type: 'number',
    default: 0.4,
    min: 0,
    max: 1,
    help: 'Most of the uniform noise added to the expert, so that demonstrations cover more than one path; each episode draws its own level from 0 to this',
  },
  failures: {
    type: 'integer',
    default: 40,
    min: 0,
    max: 10_000,
    unit: 'episodes',
    help: 'Episodes in which the arm only wanders, labelled like demonstrations, so that a reward model sees what failure looks like',
  },
  evaluationEpisodes: {
    type: 'integer',
    default: 100,
    min: 1,
    max: 10_000,
    unit: 'episodes',
    help: 'Fresh episodes of the final evaluation, deterministic policy, same seeds for every run',
  },
  evaluateEvery: {
    type: 'integer',
    default: 50_000,
    min: 1000,
    max: 100_000_000,
    unit: 'steps',
    help: 'Training steps between two short evaluations (their own seeds)',
  },
  shortEvaluationEpisodes: {
    type: 'integer',
    default: 32,
    min: 1,
    max: 1000,
    unit: 'episodes',
    help: 'Episodes of a short evaluation during training',
  },
  checkpointEvery: {
    type: 'integer',
    default: 40_000,
    min: 1000,
    max: 100_000_000,
    unit: 'steps',
    help: 'Training steps between two checkpoints; a killed run goes on from the newest one',
  },
  record: {
    type: 'choice',
    default: 'all',
    options: ['all', 'tenth', 'none'],
    help: 'Which training episodes are stored: every one, every tenth, or none (evaluation is always stored)',
  },
  baseline: {
    type: 'boolean',
    default: false,
    help: "Also train on the task's sparse reward alone for the same steps, beside this run",
  },
} as const satisfies Fields;

export type Use = 'shaping' | 'delta' | 'level';

export interface StackLine {
  readonly reward: string;
  readonly use: Use;
  readonly weight: number;
  readonly settings: AnySettings;
  /** A stored model to use instead of fitting a new one. */
  readonly model: number | null;
}

export interface Experiment {
  readonly name: string;
  readonly title: string;
  readonly task: string;
  readonly taskVersion: number;
  readonly taskSettings: AnySettings;
  readonly algorithm: string;
  readonly algorithmSettings: AnySettings;
  readonly reward: readonly StackLine[];
  readonly experiment: AnySettings;
}

const registries = { task: tasks, algorithm: algorithms, reward: rewards } as const;
interface Registered {
  readonly task: Task;
  readonly algorithm: Algorithm;
  readonly reward: RewardMethod;
}

/** The registered thing with this id; where there is none, a problem line with the nearest known name. */
function lookUp<K extends keyof Registered>(
  kind: K,
  id: string,
  problems: string[],
): Registered[K] | undefined {
  const registry = registries[kind] as unknown as Readonly<Record<string, Registered[K]>>;
  if (Object.hasOwn(registry, id)) return registry[id];
  problems.push(`${kind}: unknown ${kind} "${id}"${nearest(id, Object.keys(registry))}`);
  return undefined;
}

/** @throws UsageError with every problem found. */
export function resolveExperiment(recipe: Recipe): Experiment {
  const problems: string[] = [];
  const task = lookUp('task', recipe.task, problems);
  const algorithm = lookUp('algorithm', recipe.algorithm, problems);

  const taskSettings = checkSettings(
    task?.fields ?? {},
    task ? (recipe.taskSettings ?? {}) : {},
    'taskSettings',
  );
  const algorithmSettings = checkSettings(
    algorithm?.fields ?? {},
    algorithm ? (recipe.algorithmSettings ?? {}) : {},
    'algorithmSettings',
  );
  const experiment = checkSettings(experimentFields, recipe.experiment ?? {}, 'experiment');
  problems.push(...taskSettings.problems, ...algorithmSettings.problems, ...experiment.problems);

  const reward: StackLine[] = [];
  const seen = new Set<string>();
  for (const [index, entry] of recipe.reward.entries()) {
    const method = lookUp('reward', entry.reward, problems);
    if (method === undefined) continue;
    const where = `reward[${index}] (${entry.reward})`;
    const checked = checkSettings(method.fields, entry.settings ?? {}, `${where}.settings`);
    problems.push(...checked.problems);
    if (method.kind === 'native' && entry.use !== undefined) {
      problems.push(`${where}.use: found "${entry.use}", a native reward enters as it is; leave "use" out`);
    }
    if (method.kind === 'native' && entry.model !== undefined) {
      problems.push(`${where}.model: found ${entry.model}, a native reward has no model; leave "model" out`);
    }
    if (method.kind === 'learned' && !method.causal) {
      problems.push(`${where}: ${entry.reward} looks ahead in the episode and cannot be an online reward`);
    }
    const use = entry.use ?? 'shaping';
    const key = method.kind === 'native' ? entry.reward : `${use}/${entry.reward}`;
    if (seen.has(key)) problems.push(`${where}: "${key}" is in the reward stack twice`);
    seen.add(key);
    reward.push({
      reward: entry.reward,
      use,
      weight: entry.weight ?? 1,
      settings: checked.settings,
      model: entry.model ?? null,
    });
  }
  if (task !== undefined && taskSettings.problems.length === 0) {
    try {
      task.create(taskSettings.settings);
    } catch (error) {
      problems.push(`taskSettings: ${messageOf(error)}`);
    }
  }
  if (problems.length > 0) throw new UsageError(problems);
  return Object.freeze({
    name: recipe.name,
    title: recipe.title ?? recipe.name,
    task: recipe.task,
    taskVersion: task!.version,
    taskSettings: taskSettings.settings,
    algorithm: recipe.algorithm,
    algorithmSettings: algorithmSettings.settings,
    reward: Object.freeze(reward),
    experiment: experiment.settings,
  });
}

const recipeKeys = Object.keys(recipeSchema.shape);
const entryKeys = Object.keys(recipeSchema.shape.reward.element.shape);

function problemLine(issue: z.core.$ZodIssue): string[] {
  const where = issue.path.length === 0 ? 'recipe' : issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = issue.path.length === 0 ? recipeKeys : entryKeys;
    return issue.keys.map((key) => `${where}: unknown key "${key}"${nearest(key, known)}`);
  }
  return [`${where}: ${issue.message}`];
}

/** Checks the shape only; names and ranges are checked by `resolveExperiment`. @throws UsageError */
export function checkRecipe(value: unknown): Recipe {
  const result = recipeSchema.safeParse(value);
  if (!result.success) throw new UsageError(result.error.issues.flatMap(problemLine));
  return result.data;
}

/** @throws UsageError naming line and column where the text is no YAML. */
export function parseRecipe(text: string, source: string): Recipe {
  let value: unknown;
  try {
    value = parseYaml(text, { maxAliasCount: 50, prettyErrors: true });
  } catch (error) {
    if (error instanceof YAMLParseError) {
      const at = error.linePos?.[0];
      throw new UsageError([
        `${source}${at ? `, line ${at.line}, column ${at.col}` : ''}: no valid YAML: ${error.message.split('\n')[0]}`,
      ]);
    }
    throw new UsageError([`${source}: ${messageOf(error)}`]);
  }
  try {
    return checkRecipe(value);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(error.problems.map((line) => `${source}: ${line}`));
    throw error;
  }
}

/** Applies `--set name=text` to a recipe. A name is a field of the task, algorithm, experiment or a learned reward, alone
 * when only one of them has it, else with its group: `task.horizon`, `algorithm.gamma`, `experiment.record`, `sarm.window`,
 * `weight.sarm`. @throws UsageError */
export function applySets(recipe: Recipe, sets: readonly string[]): Recipe {
  const problems: string[] = [];
  const next: Recipe = structuredClone(recipe);
  const task = lookUp('task', recipe.task, problems);
  const algorithm = lookUp('algorithm', recipe.algorithm, problems);
  next.taskSettings ??= {};
  next.algorithmSettings ??= {};
  next.experiment ??= {};
  const groups: { name: string; fields: Fields; settings: Record<string, unknown> }[] = [];
  if (task) groups.push({ name: 'task', fields: task.fields, settings: next.taskSettings });
  if (algorithm)
    groups.push({ name: 'algorithm', fields: algorithm.fields, settings: next.algorithmSettings });
  groups.push({ name: 'experiment', fields: experimentFields, settings: next.experiment });
  for (const entry of next.reward) {
    const method = lookUp('reward', entry.reward, problems);
    entry.settings ??= {};
    if (method) groups.push({ name: entry.reward, fields: method.fields, settings: entry.settings });
  }
  for (const set of sets) {
    const equals = set.indexOf('=');
    if (equals <= 0) {
      problems.push(`--set ${set}: wanted field=value`);
      continue;
    }
    const name = set.slice(0, equals).trim();
    const text = set.slice(equals + 1).trim();
    const weightOf = name.startsWith('weight.')
      ? next.reward.find((e) => `weight.${e.reward}` === name)
      : undefined;
    if (weightOf !== undefined) {
      const weight = Number(text);
      if (text === '' || !(Math.abs(weight) <= 1000))
        problems.push(`--set ${name}: found "${text}", wanted a number from -1000 to 1000`);
      else weightOf.weight = weight;
      continue;
    }
    const dot = name.indexOf('.');
    const [group, field] = dot < 0 ? [undefined, name] : [name.slice(0, dot), name.slice(dot + 1)];
    const owners = groups.filter(
      (g) => (group === undefined || g.name === group) && Object.hasOwn(g.fields, field),
    );
    if (owners.length === 0) {
      const known = groups.flatMap((g) =>
        Object.keys(g.fields).flatMap((f) => (group === undefined ? [f] : [`${g.name}.${f}`])),
      );
      problems.push(`--set: unknown field "${name}"${nearest(name, known)}`);
      continue;
    }
    if (owners.length > 1) {
      problems.push(
        `--set ${name}: several have it; say ${owners.map((g) => `${g.name}.${field}`).join(' or ')}`,
      );
      continue;
    }
    const owner = owners[0]!;
    const value = parseFieldText(owner.fields[field]!, text);
    problems.push(...checkSettings(owner.fields, { [field]: value }, `--set ${owner.name}`).problems);
    owner.settings[field] = value;
  }
  if (problems.length > 0) throw new UsageError(problems);
  return next;
}

export const recipeToYaml = (recipe: Recipe): string => toYaml(recipe);

/** The same experiment on the task's sparse reward alone. */
export function sparseBaseline(experiment: Experiment): Experiment {
  const sparse = rewards.sparse;
  return Object.freeze({
    ...experiment,
    name: `${experiment.name} (sparse baseline)`,
    title: `${experiment.title}: sparse reward alone`,
    reward: Object.freeze([
      {
        reward: sparse.id,
        use: 'shaping' as const,
        weight: 1,
        settings: checkSettings(sparse.fields, {}, '').settings,
        model: null,
      },
    ]),
    experiment: Object.freeze({ ...experiment.experiment, baseline: false }),
  });
}

/** The learned lines of the stack, in order. */
export const learnedLines = (experiment: Experiment): StackLine[] =>
  experiment.reward.filter(
    (line) => (rewards as Record<string, { kind: string }>)[line.reward]?.kind === 'learned',
  );
