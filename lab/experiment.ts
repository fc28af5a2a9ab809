/**
 * One experiment: a recipe, checked, with every default filled in, frozen. The whole object is saved with each run, so
 * that a run can be read, repeated and resumed from the database alone.
 */

import { parse as parseYaml, stringify as toYaml, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { algorithms } from '../learn/algorithms/index.ts';
import { rewards } from '../learn/rewards/index.ts';
import { type LearnedUse, type LineRule, ruleOf, ruleProblems, termIds } from '../learn/rewards/stack.ts';
import type { TaskModel } from '../sim/env.ts';
import type { AnySettings, Field, Fields } from '../sim/fields.ts';
import { tasks } from '../sim/tasks/index.ts';
import { type Recipe, recipeSchema } from './api.ts';
import { messageOf, UsageError } from './errors.ts';
import { checkSettings, nearest } from './fields.ts';
import { algorithmNamed, rewardNamed, taskNamed } from './registry.ts';
import { checkSelfPlay, type SelfPlaySettings, selfPlayFields } from './self-play.ts';
import { applySetsTo, type SetGroup } from './sets.ts';

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
    help: 'Which training episodes are stored: every one, every tenth, or none; one that diverges and evaluations always',
  },
  tensorboard: {
    type: 'boolean',
    default: false,
    help: "Also write metrics as TensorBoard event files, to tensorboard/ in the project's folder",
  },
  jsonl: {
    type: 'boolean',
    default: false,
    help: "Also write metrics as JSON lines, to metrics/ in the project's folder",
  },
  baseline: {
    type: 'boolean',
    default: false,
    help: "Also train on the task's sparse reward alone for the same steps, beside this run",
  },
} as const satisfies Fields;

/** The keys of a `LineRule` are there only where the line has them. */
export interface StackLine extends LineRule {
  readonly reward: string;
  readonly use: LearnedUse;
  readonly weight: number;
  readonly settings: AnySettings;
  /** A stored model to use instead of fitting a new one. */
  readonly model: number | null;
  /** Discount of this line's terms, where each term has a critic of its own; null: the algorithm's. */
  readonly gamma: number | null;
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
  /** Both sides of a game learn against each other; absent: agent 0 alone does. */
  readonly selfPlay?: AnySettings;
}

/** A search in a registry; what is not there becomes a problem line with the nearest known name. */
const search =
  <T>(kind: string, named: (id: string) => T | undefined, registry: object) =>
  (id: string, problems: string[]): T | undefined => {
    const found = named(id);
    if (found === undefined)
      problems.push(`${kind}: unknown ${kind} "${id}"${nearest(id, Object.keys(registry))}`);
    return found;
  };
const lookUpTask = search('task', taskNamed, tasks);
const lookUpAlgorithm = search('algorithm', algorithmNamed, algorithms);
const lookUpReward = search('reward', rewardNamed, rewards);

/** @throws UsageError with every problem found. */
export function resolveExperiment(recipe: Recipe): Experiment {
  const problems: string[] = [];
  const task = lookUpTask(recipe.task, problems);
  const algorithm = lookUpAlgorithm(recipe.algorithm, problems);

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
    const method = lookUpReward(entry.reward, problems);
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
    problems.push(
      ...ruleProblems(entry, method.kind === 'native' ? undefined : use).map((line) => `${where}.${line}`),
    );
    reward.push({
      reward: entry.reward,
      use,
      weight: entry.weight ?? 1,
      settings: checked.settings,
      model: entry.model ?? null,
      gamma: entry.gamma ?? null,
      ...ruleOf(entry),
    });
    if (entry.gamma !== undefined && algorithmSettings.settings['critics'] !== 'each') {
      problems.push(
        `${where}.gamma: found ${entry.gamma}, which needs a critic for each term; set algorithmSettings.critics to each`,
      );
    }
  }
  let model: TaskModel | undefined;
  if (task !== undefined && taskSettings.problems.length === 0) {
    try {
      model = task.create(taskSettings.settings);
    } catch (error) {
      problems.push(`taskSettings: ${messageOf(error)}`);
    }
  }
  if (model !== undefined && reward.length === recipe.reward.length) {
    const ids = reward.flatMap((line) => termIds(line, model));
    for (const [index, line] of reward.entries()) {
      const use = rewardNamed(line.reward)?.kind === 'native' ? undefined : line.use;
      const known = ruleProblems(line, use);
      for (const problem of ruleProblems(line, use, ids)) {
        if (!known.includes(problem)) problems.push(`reward[${index}] (${line.reward}).${problem}`);
      }
    }
  }
  if (algorithm !== undefined && algorithmSettings.problems.length === 0) {
    try {
      algorithm.check(algorithmSettings.settings, model);
    } catch (error) {
      problems.push(`algorithmSettings: ${messageOf(error)}`);
    }
  }
  if (algorithm?.wantsProgress?.(algorithmSettings.settings) === true) {
    if (!reward.some((line) => rewardNamed(line.reward)?.kind === 'learned')) {
      problems.push(
        `algorithmSettings: ${algorithm.id} weighs demonstrations by learned progress (weighting ${String(algorithmSettings.settings['weighting'])}), ` +
          'and the reward stack has no learned reward; add one, such as "- reward: sarm"',
      );
    }
  }
  const selfPlay = checkSettings(selfPlayFields, recipe.selfPlay ?? {}, 'selfPlay');
  problems.push(...selfPlay.problems);
  if (recipe.selfPlay !== undefined) {
    const learned = reward.find((line) => rewardNamed(line.reward)?.kind === 'learned');
    if (learned !== undefined) {
      problems.push(
        `selfPlay: found the reward ${learned.reward}; each side is paid by the rules of the game, wanted native rewards`,
      );
    }
    if (experiment.settings['baseline'] === true)
      problems.push('selfPlay: found experiment.baseline, which there is none of; leave it out');
    if (algorithm !== undefined && model !== undefined && problems.length === 0) {
      try {
        checkSelfPlay(model, algorithm, algorithmSettings.settings, selfPlay.settings as SelfPlaySettings);
      } catch (error) {
        problems.push(messageOf(error));
      }
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
    ...(recipe.selfPlay === undefined ? {} : { selfPlay: selfPlay.settings }),
  });
}

const recipeKeys = Object.keys(recipeSchema.shape);
const entryShape = recipeSchema.shape.reward.element.shape;
const entryKeys = Object.keys(entryShape);
/** Keys of the mappings inside a line. */
const innerKeys: Readonly<Record<string, string[]>> = {
  gate: Object.keys(entryShape.gate.unwrap().shape),
  schedule: Object.keys(entryShape.schedule.unwrap().shape),
};

/** One line for each problem of a recipe's shape: where, what was found, what was wanted. */
function problemLine(issue: z.core.$ZodIssue): string[] {
  const where = issue.path.length === 0 ? 'recipe' : issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = issue.path.length === 0 ? recipeKeys : (innerKeys[String(issue.path.at(-1))] ?? entryKeys);
    return issue.keys.map((key) => `${where}: unknown key "${key}"${nearest(key, known)}`);
  }
  return [`${where}: found ${wordsFor(issue.input)}, wanted ${wantedBy(issue)}`];
}

const kinds: Readonly<Record<string, string>> = { string: 'text', array: 'a list', record: 'a mapping' };

function wantedBy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.expected === 'object' && issue.path.length === 0)
        return `a mapping with the keys ${recipeKeys.join(', ')}`;
      if (issue.expected === 'object') return `a mapping with the keys ${entryKeys.join(', ')}`;
      return kinds[issue.expected] ?? `a ${issue.expected}`;
    case 'invalid_value':
      return `one of ${issue.values.join(', ')}${typeof issue.input === 'string' ? nearest(issue.input, issue.values.map(String)) : ''}`;
    case 'invalid_union':
      return 'a number, true, false or text';
    case 'too_small':
    case 'too_big': {
      const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
      return issue.code === 'too_small'
        ? `${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${unit}`
        : `at most ${issue.maximum}${unit}`;
    }
    default:
      return issue.message;
  }
}

/** What somebody wrote, short enough for a line. */
function wordsFor(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

/** Checks the shape only; names and ranges are checked by `resolveExperiment`. @throws UsageError */
export function checkRecipe(value: unknown): Recipe {
  const result = recipeSchema.safeParse(value, { reportInput: true });
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

/** Applies `--set name=value` to a recipe: a field of the task, the algorithm, the experiment or a reward (`task.horizon`,
 * `algorithm.gamma`, `experiment.record`, `sarm.window`), or the weight of a reward (`weight.sarm`). @throws UsageError */
export function applySets(recipe: Recipe, sets: readonly string[]): Recipe {
  const problems: string[] = [];
  const next: Recipe = structuredClone(recipe);
  const task = lookUpTask(recipe.task, problems);
  const algorithm = lookUpAlgorithm(recipe.algorithm, problems);
  next.taskSettings ??= {};
  next.algorithmSettings ??= {};
  next.experiment ??= {};
  const groups: SetGroup[] = [];
  if (task) groups.push({ name: 'task', fields: task.fields, settings: next.taskSettings });
  if (algorithm)
    groups.push({ name: 'algorithm', fields: algorithm.fields, settings: next.algorithmSettings });
  groups.push({ name: 'experiment', fields: experimentFields, settings: next.experiment });
  if (next.selfPlay !== undefined)
    groups.push({ name: 'selfPlay', fields: selfPlayFields, settings: next.selfPlay, named: true });
  for (const entry of next.reward) {
    const method = lookUpReward(entry.reward, problems);
    entry.settings ??= {};
    if (method) groups.push({ name: entry.reward, fields: method.fields, settings: entry.settings });
  }
  const weights: Record<string, number> = {};
  groups.push({
    name: 'weight',
    fields: Object.fromEntries(next.reward.map((entry) => [entry.reward, weightField])),
    settings: weights,
    named: true,
  });
  problems.push(...applySetsTo(groups, sets));
  if (problems.length > 0) throw new UsageError(problems);
  for (const entry of next.reward) {
    const weight = weights[entry.reward];
    if (weight !== undefined) entry.weight = weight;
  }
  return next;
}

const weightField = {
  type: 'number',
  default: 1,
  min: -1000,
  max: 1000,
  help: 'Weight of a line of the reward stack',
} as const satisfies Field;

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
        gamma: null,
      },
    ]),
    experiment: Object.freeze({ ...experiment.experiment, baseline: false }),
  });
}

/** The learned lines of the stack, in order. */
export const learnedLines = (experiment: Experiment): StackLine[] =>
  experiment.reward.filter((line) => rewardNamed(line.reward)?.kind === 'learned');
