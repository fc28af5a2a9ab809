/**
 * What a search draws from: `algorithm.learningRate=1e-4..1e-2:log, algorithm.minibatch=128|256|512`. A range is drawn
 * uniformly, with `:log` uniformly in its logarithm; a list takes each of its options equally often.
 */

import type { Random } from '../sim/engine/random.ts';
import type { Field, Fields } from '../sim/fields.ts';
import type { Recipe } from './api.ts';
import { UsageError } from './errors.ts';
import { applySets } from './experiment.ts';
import { nearest } from './fields.ts';
import { algorithmNamed, rewardNamed } from './registry.ts';

export type Dimension =
  | { readonly name: string; readonly kind: 'list'; readonly options: readonly string[] }
  | {
      readonly name: string;
      readonly kind: 'range';
      readonly low: number;
      readonly high: number;
      readonly log: boolean;
      readonly integer: boolean;
    };

const form = 'wanted name=low..high, name=low..high:log or name=option|option, with commas between them';

/** @throws UsageError with every problem: unknown names, values out of a field's range, ends in the wrong order. */
export function parseSpace(text: string, recipe: Recipe): Dimension[] {
  const problems: string[] = [];
  const dimensions: Dimension[] = [];
  for (const part of text.split(',')) {
    const [, name, values] = /^\s*([\w.-]+)\s*=\s*(\S.*?)\s*$/.exec(part) ?? [];
    if (name === undefined || values === undefined) {
      problems.push(`--space: found "${part.trim()}", ${form}`);
      continue;
    }
    const found = fieldNamed(recipe, name);
    if (typeof found === 'string') {
      problems.push(`--space ${name}: ${found}`);
      continue;
    }
    const dimension = dimensionOf(found.name, found.field, values);
    if (typeof dimension === 'string') problems.push(`--space ${name}: ${dimension}`);
    else if (dimensions.some((one) => one.name === dimension.name)) {
      problems.push(`--space ${name}: is there twice`);
    } else {
      const ends = dimension.kind === 'list' ? dimension.options : [dimension.low, dimension.high];
      for (const end of ends) problems.push(...problemsOf(recipe, `${dimension.name}=${end}`));
      dimensions.push(dimension);
    }
  }
  if (problems.length > 0) throw new UsageError(problems);
  return dimensions;
}

/** What is wrong with one value; nothing where it is allowed. */
function problemsOf(recipe: Recipe, set: string): string[] {
  try {
    applySets(recipe, [set]);
    return [];
  } catch (error) {
    if (error instanceof UsageError) return error.problems.map((line) => line.replace(/^--set/, '--space'));
    throw error;
  }
}

const weight = { type: 'number', default: 1, min: -1000, max: 1000, help: '' } as const satisfies Field;

/** The field that a name means, with its group before it; else what is wrong with it. */
function fieldNamed(recipe: Recipe, text: string): { name: string; field: Field } | string {
  const dot = text.indexOf('.');
  const [group, name] = dot < 0 ? ['algorithm', text] : [text.slice(0, dot), text.slice(dot + 1)];
  const groups = new Map<string, Fields>([['algorithm', algorithmNamed(recipe.algorithm)?.fields ?? {}]]);
  for (const { reward } of recipe.reward) groups.set(reward, rewardNamed(reward)?.fields ?? {});
  groups.set('weight', Object.fromEntries(recipe.reward.map(({ reward }) => [reward, weight])));
  const fields = groups.get(group!);
  if (fields === undefined) {
    return `a search changes ${[...groups.keys()].join(', ')}${nearest(group!, [...groups.keys()])}`;
  }
  if (group === 'algorithm' && name === 'steps')
    return 'the rungs decide over the steps (--min-steps, --eta)';
  if (!Object.hasOwn(fields, name!)) return `unknown field "${name}"${nearest(name!, Object.keys(fields))}`;
  return { name: `${group}.${name}`, field: fields[name!]! };
}

function dimensionOf(name: string, field: Field, values: string): Dimension | string {
  const range = /^(\S+?)\.\.(\S+?)(?::(\w+))?$/.exec(values);
  if (range === null) {
    const options = values.split('|').map((option) => option.trim());
    if (options.length < 2 || options.includes('')) return `found "${values}", ${form}`;
    return { name, kind: 'list', options };
  }
  if (field.type !== 'number' && field.type !== 'integer')
    return 'has no range; list its options with | between them';
  const [low, high] = [Number(range[1]), Number(range[2])];
  const scale = range[3] ?? 'linear';
  if (scale !== 'log' && scale !== 'linear') return `found the scale "${scale}", wanted log or linear`;
  if (!(low < high)) return `found ${range[1]}..${range[2]}, wanted the lower number first`;
  const log = scale === 'log';
  if (log && low <= 0) return `found ${range[1]}..${range[2]}:log, wanted numbers above 0`;
  return { name, kind: 'range', low, high, log, integer: field.type === 'integer' };
}

/** One configuration, as `--set` has it. */
export const drawSets = (space: readonly Dimension[], random: Random): string[] =>
  space.map((dimension) => `${dimension.name}=${draw(dimension, random)}`);

function draw(dimension: Dimension, random: Random): string {
  if (dimension.kind === 'list') return dimension.options[random.integer(dimension.options.length)]!;
  const { low, high, log, integer } = dimension;
  // Whole numbers are those below the next one: the highest is drawn as often as its share of the range says.
  const top = integer ? high + 1 : high;
  const drawn = log ? Math.exp(random.uniform(Math.log(low), Math.log(top))) : random.uniform(low, top);
  // Three digits are more than a search can tell apart, and can be read.
  const value = integer ? Math.floor(drawn) : Number(drawn.toPrecision(3));
  return String(Math.min(high, Math.max(low, value)));
}
