/**
 * The new-run form as data: drawn from the catalog's fields, checked here, turned into a recipe. Pure. A settings path
 * is written as in the recipe: `taskSettings.horizon`, `reward.1.settings.epochs`, `experiment.totalSteps`.
 */

import type { Catalog, FieldInfo, Recipe, StackEntry } from '../../lab/api.ts';

export type Value = number | boolean | string;
export type Values = Readonly<Record<string, Value>>;
type FieldTable = Readonly<Record<string, FieldInfo>>;

export interface DraftReward {
  readonly reward: string;
  readonly use: NonNullable<StackEntry['use']>;
  readonly weight: Value;
  readonly settings: Values;
  /** What else the recipe's line says (gate, clip, model ...); kept as it is while the line keeps its reward. */
  readonly rest: Omit<StackEntry, 'reward' | 'use' | 'weight' | 'settings'>;
}

/** Every field has a value here, default or not; what is typed but wrong stays as typed. */
export interface Draft {
  readonly name: string;
  readonly title?: string;
  readonly summary?: string;
  readonly task: string;
  readonly taskSettings: Values;
  readonly algorithm: string;
  readonly algorithmSettings: Values;
  readonly reward: readonly DraftReward[];
  readonly experiment: Values;
  /** As the recipe has it: not in the form. */
  readonly selfPlay?: Values;
  readonly seed: Value;
}

export type Problems = Readonly<Record<string, string>>;

const tableOf = (
  list: readonly { readonly id: string; readonly fields: FieldTable }[],
  id: string,
): FieldTable => list.find((entry) => entry.id === id)?.fields ?? {};

export const fieldsOf = {
  task: (catalog: Catalog, id: string): FieldTable => tableOf(catalog.tasks, id),
  algorithm: (catalog: Catalog, id: string): FieldTable => tableOf(catalog.algorithms, id),
  reward: (catalog: Catalog, id: string): FieldTable => tableOf(catalog.rewards, id),
};

export function defaults(fields: FieldTable, given: Values = {}): Values {
  const values: Record<string, Value> = {};
  for (const [name, field] of Object.entries(fields)) values[name] = given[name] ?? field.default;
  return values;
}

/** Only what differs from the defaults: recipes stay short and follow better defaults later. */
export function changed(fields: FieldTable, values: Values): Record<string, Value> {
  const out: Record<string, Value> = {};
  for (const [name, field] of Object.entries(fields)) {
    const value = values[name];
    if (value !== undefined && value !== field.default) out[name] = value;
  }
  return out;
}

export function draftFromRecipe(catalog: Catalog, recipe: Recipe, seed: Value = 0): Draft {
  return {
    name: recipe.name,
    ...(recipe.title === undefined ? {} : { title: recipe.title }),
    ...(recipe.summary === undefined ? {} : { summary: recipe.summary }),
    task: recipe.task,
    taskSettings: defaults(fieldsOf.task(catalog, recipe.task), recipe.taskSettings),
    algorithm: recipe.algorithm,
    algorithmSettings: defaults(fieldsOf.algorithm(catalog, recipe.algorithm), recipe.algorithmSettings),
    reward: recipe.reward.map((entry) => rewardLine(catalog, entry)),
    experiment: defaults(catalog.experimentFields, recipe.experiment),
    ...(recipe.selfPlay === undefined ? {} : { selfPlay: recipe.selfPlay }),
    seed,
  };
}

export function rewardLine(catalog: Catalog, entry: StackEntry): DraftReward {
  const { reward: _, use: __, weight: ___, settings: ____, ...rest } = entry;
  return {
    reward: entry.reward,
    use: entry.use ?? 'shaping',
    weight: entry.weight ?? 1,
    settings: defaults(fieldsOf.reward(catalog, entry.reward), entry.settings),
    rest,
  };
}

/** A form to begin with when no recipe was picked. */
export function emptyDraft(catalog: Catalog): Draft {
  const native = catalog.rewards.find((reward) => reward.kind === 'native') ?? catalog.rewards[0];
  return draftFromRecipe(catalog, {
    name: 'new-run',
    task: catalog.tasks[0]?.id ?? '',
    algorithm: catalog.algorithms[0]?.id ?? '',
    reward: native ? [{ reward: native.id }] : [{ reward: '' }],
  });
}

export function recipeFromDraft(catalog: Catalog, draft: Draft): Recipe {
  const taskSettings = changed(fieldsOf.task(catalog, draft.task), draft.taskSettings);
  const algorithmSettings = changed(fieldsOf.algorithm(catalog, draft.algorithm), draft.algorithmSettings);
  const experiment = changed(catalog.experimentFields, draft.experiment);
  const some = (values: Record<string, Value>): boolean => Object.keys(values).length > 0;
  return {
    name: draft.name.trim(),
    ...(draft.title ? { title: draft.title } : {}),
    ...(draft.summary ? { summary: draft.summary } : {}),
    task: draft.task,
    ...(some(taskSettings) ? { taskSettings } : {}),
    algorithm: draft.algorithm,
    ...(some(algorithmSettings) ? { algorithmSettings } : {}),
    reward: draft.reward.map((line) => {
      const settings = changed(fieldsOf.reward(catalog, line.reward), line.settings);
      const learned = catalog.rewards.find((reward) => reward.id === line.reward)?.kind === 'learned';
      return {
        reward: line.reward,
        ...(learned ? { use: line.use } : {}),
        weight: Number(line.weight),
        ...(some(settings) ? { settings } : {}),
        ...line.rest,
      };
    }),
    ...(some(experiment) ? { experiment } : {}),
    ...(draft.selfPlay === undefined ? {} : { selfPlay: { ...draft.selfPlay } }),
  };
}

export interface Difference {
  /** As in the recipe. */
  readonly path: string;
  readonly value: Value;
  readonly usual: Value;
}

/** Every setting that is not its default, in the order of the form. */
export function differencesOf(catalog: Catalog, draft: Draft): Difference[] {
  const of = (prefix: string, fields: FieldTable, values: Values): Difference[] =>
    Object.entries(changed(fields, values)).map(([name, value]) => ({
      path: `${prefix}.${name}`,
      value,
      usual: fields[name]!.default,
    }));
  return [
    ...draft.reward.flatMap((line, i) =>
      of(`reward.${i}.settings`, fieldsOf.reward(catalog, line.reward), line.settings),
    ),
    ...of('experiment', catalog.experimentFields, draft.experiment),
    ...of('taskSettings', fieldsOf.task(catalog, draft.task), draft.taskSettings),
    ...of('algorithmSettings', fieldsOf.algorithm(catalog, draft.algorithm), draft.algorithmSettings),
  ];
}

/** The draft with one setting, by its path in the recipe, at another value. */
export function withSetting(draft: Draft, path: string, value: Value): Draft {
  const parts = path.split('.');
  const name = parts.at(-1)!;
  if (parts[0] === 'reward') {
    const reward = draft.reward.map((line, i) =>
      i === Number(parts[1]) ? { ...line, settings: { ...line.settings, [name]: value } } : line,
    );
    return { ...draft, reward };
  }
  const table = parts[0] as 'experiment' | 'taskSettings' | 'algorithmSettings';
  return { ...draft, [table]: { ...draft[table], [name]: value } };
}

/** What the task was tuned to with this algorithm; undefined where it was not. */
export const tunedOf = (catalog: Catalog, task: string, algorithm: string): Values | undefined =>
  catalog.tasks.find(({ id }) => id === task)?.training?.[algorithm]?.settings;

/** The algorithm's settings for a task: tuned where somebody did, else its own defaults. */
export const settingsFor = (catalog: Catalog, task: string, algorithm: string): Values =>
  defaults(fieldsOf.algorithm(catalog, algorithm), tunedOf(catalog, task, algorithm));

/** The seeds of `count` runs, one after the other. */
export const seedsFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i);

const plain = (value: number): string =>
  Math.abs(value) >= 1e6 || (value !== 0 && Math.abs(value) < 1e-3) ? value.toExponential() : String(value);

/** `0.1 to 1 s`, or nothing where the type says it all. */
export function rangeText(field: FieldInfo): string {
  if (field.type !== 'number' && field.type !== 'integer') return field.unit ?? '';
  return `${plain(field.min)} to ${plain(field.max)}${field.unit ? ` ${field.unit}` : ''}`;
}

/** What is wrong with this value, in words; undefined when it is fine. */
export function checkValue(field: FieldInfo, value: Value | undefined): string | undefined {
  switch (field.type) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `${String(value)} is neither yes nor no`;
    case 'choice':
      return field.options.includes(String(value))
        ? undefined
        : `${String(value)} is not one of ${field.options.join(', ')}`;
    case 'text':
      return String(value ?? '').length <= field.longest
        ? undefined
        : `${String(value).length} characters are more than ${field.longest}`;
    default: {
      if (value === '' || value === undefined) return `A number is missing here: ${rangeText(field)}`;
      const number = typeof value === 'number' ? value : Number(value);
      if (!Number.isFinite(number)) return `${String(value)} is not a number`;
      if (field.type === 'integer' && !Number.isInteger(number)) return `${number} is not a whole number`;
      if (number < field.min || number > field.max) return `${number} is outside ${rangeText(field)}`;
      return undefined;
    }
  }
}

const seedField: FieldInfo = { type: 'integer', default: 0, min: 0, max: 2 ** 31 - 1, help: '' };
const weightField: FieldInfo = { type: 'number', default: 1, min: -1000, max: 1000, help: '' };

/** Every problem of the form by path. Empty when it can start. */
export function checkDraft(catalog: Catalog, draft: Draft): Problems {
  const problems: Record<string, string> = {};
  const note = (path: string, problem: string | undefined): void => {
    if (problem !== undefined) problems[path] = problem;
  };
  const table = (prefix: string, fields: FieldTable, values: Values): void => {
    for (const [name, field] of Object.entries(fields))
      note(`${prefix}.${name}`, checkValue(field, values[name]));
  };
  if (draft.name.trim() === '') problems['name'] = 'A run needs a name';
  if (!catalog.tasks.some((task) => task.id === draft.task))
    problems['task'] = `No task is called ${draft.task}`;
  if (!catalog.algorithms.some((algorithm) => algorithm.id === draft.algorithm)) {
    problems['algorithm'] = `No algorithm is called ${draft.algorithm}`;
  }
  if (draft.reward.length === 0) problems['reward'] = 'The reward stack is empty: nothing to learn from';
  table('taskSettings', fieldsOf.task(catalog, draft.task), draft.taskSettings);
  table('algorithmSettings', fieldsOf.algorithm(catalog, draft.algorithm), draft.algorithmSettings);
  table('experiment', catalog.experimentFields, draft.experiment);
  draft.reward.forEach((line, i) => {
    const method = catalog.rewards.find((reward) => reward.id === line.reward);
    if (!method) note(`reward.${i}.reward`, `No reward is called ${line.reward}`);
    else if (!method.causal)
      note(`reward.${i}.reward`, `${method.id} looks ahead and cannot reward a policy while it acts`);
    note(`reward.${i}.weight`, checkValue(weightField, line.weight));
    table(`reward.${i}.settings`, fieldsOf.reward(catalog, line.reward), line.settings);
  });
  note('seed', checkValue(seedField, draft.seed));
  return problems;
}

/** The lab's refusal, as far as the window needs to know it (oRPC's error has these). */
export interface Refusal {
  readonly message: string;
  readonly data?: unknown;
}

/**
 * Puts the lab's answer at the fields it is about: first by the paths of schema issues, then by field names that its
 * message mentions. What fits nowhere is left under the empty path and shown above the form.
 */
export function problemsFromRefusal(paths: readonly string[], refusal: Refusal): Problems {
  const problems: Record<string, string> = {};
  const data = refusal.data as
    | {
        issues?: readonly {
          path?: readonly (string | number | { key: string | number })[];
          message: string;
        }[];
      }
    | null
    | undefined;
  for (const issue of data?.issues ?? []) {
    const path = (issue.path ?? [])
      .map((part) => String(typeof part === 'object' ? part.key : part))
      .filter((part, i) => !(i === 0 && part === 'recipe'))
      .join('.');
    problems[paths.includes(path) ? path : ''] = issue.message;
  }
  if (Object.keys(problems).length > 0) return problems;
  for (const path of paths) {
    const name = path.split('.').at(-1)!;
    const word = new RegExp(`(^|[^\\w-])${name.replace(/[^\w]/g, '\\$&')}($|[^\\w-])`);
    const whole = refusal.message.includes(path);
    if (whole || (name.length > 3 && word.test(refusal.message))) problems[path] = refusal.message;
  }
  const exact = Object.keys(problems).filter((path) => refusal.message.includes(path));
  if (exact.length > 0) return Object.fromEntries(exact.map((path) => [path, refusal.message]));
  return Object.keys(problems).length > 0 ? problems : { '': refusal.message };
}

/** Every path of the form, for `problemsFromRefusal`. */
export function pathsOf(catalog: Catalog, draft: Draft): string[] {
  const names = (prefix: string, fields: FieldTable): string[] =>
    Object.keys(fields).map((name) => `${prefix}.${name}`);
  return [
    'name',
    'task',
    'algorithm',
    'seed',
    ...names('taskSettings', fieldsOf.task(catalog, draft.task)),
    ...names('algorithmSettings', fieldsOf.algorithm(catalog, draft.algorithm)),
    ...names('experiment', catalog.experimentFields),
    ...draft.reward.flatMap((line, i) => [
      `reward.${i}.reward`,
      `reward.${i}.weight`,
      ...names(`reward.${i}.settings`, fieldsOf.reward(catalog, line.reward)),
    ]),
  ];
}
