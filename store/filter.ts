/**
 * Filter expressions for episodes and runs: Lucene's way of writing, read by `liqe` (docs/filters.md). For episodes they become SQL with
 * bound values; for anything else a predicate over named values.
 */

import { distance } from 'fastest-levenshtein';
import { type LiqeQuery, parse } from 'liqe';

export class FilterError extends RangeError {
  override name = 'FilterError';
}

type Kind = 'number' | 'text' | 'boolean';

interface Field {
  readonly kind: Kind;
  /** SQL over a row of `episodes`. */
  readonly sql: string;
  readonly help: string;
}

const isYes = (condition: string): string => `(${condition})`;

/** What episodes can be filtered by. */
export const episodeFields: Readonly<Record<string, Field>> = {
  id: { kind: 'number', sql: 'id', help: 'number of the episode' },
  run: { kind: 'number', sql: 'run_id', help: 'number of its run' },
  name: {
    kind: 'text',
    sql: '(SELECT name FROM runs WHERE runs.id = episodes.run_id)',
    help: 'name of its run; * stands for anything',
  },
  task: { kind: 'text', sql: 'task', help: 'task' },
  kind: { kind: 'text', sql: 'kind', help: 'demonstration, failure, random, training, evaluation' },
  seed: { kind: 'number', sql: 'seed', help: 'seed of its start' },
  length: { kind: 'number', sql: 'length', help: 'control steps' },
  ending: { kind: 'text', sql: 'ending', help: 'terminated, truncated, diverged' },
  success: { kind: 'boolean', sql: 'success', help: 'true success at the last frame' },
  progress: { kind: 'number', sql: 'final_progress', help: 'true progress at the last frame' },
  learned: { kind: 'number', sql: 'learned_progress', help: 'learned progress at the last frame' },
  gap: { kind: 'number', sql: '(learned_progress - final_progress)', help: 'learned minus true progress' },
  return: { kind: 'number', sql: 'return_total', help: 'weighted sum of all reward terms' },
  trained: { kind: 'number', sql: 'trained_steps', help: 'steps the policy had been trained for' },
  jerk: { kind: 'number', sql: 'jerk', help: 'how jerky the actions are' },
  starred: { kind: 'boolean', sql: 'starred', help: 'has a star' },
  verified: { kind: 'boolean', sql: 'verified', help: 'replayed exactly when last verified' },
  fork: { kind: 'boolean', sql: isYes('parent_id IS NOT NULL'), help: 'left another episode' },
  edited: {
    kind: 'boolean',
    sql: isYes('edited_start IS NOT NULL'),
    help: 'began in a state that somebody edited',
  },
  tag: { kind: 'text', sql: '', help: 'has this tag; * stands for anything' },
};

export interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

function parsed(text: string): LiqeQuery {
  // Names of reward terms and metrics have slashes, which the grammar wants quoted.
  const quoted = text.replaceAll(/(^|[\s(-])(\w[\w.-]*\/[\w./-]+):/g, '$1"$2":');
  try {
    return parse(quoted);
  } catch (error) {
    // Without a place: a grammar that was still waiting when the text ended.
    const { offset = quoted.length } = error as { readonly offset?: number };
    const at = quoted.slice(offset, offset + 12);
    throw new FilterError(
      at === ''
        ? 'Filter: it ends too early; wanted field:value, for example success:true'
        : `Filter: cannot read "${at}" at character ${offset + 1}; wanted field:value, for example success:true`,
    );
  }
}

type Test =
  | { readonly type: 'compare'; readonly operator: '=' | '<' | '<=' | '>' | '>='; readonly value: number }
  | { readonly type: 'range'; readonly min: number; readonly max: number; readonly open: [boolean, boolean] }
  | { readonly type: 'yes'; readonly value: boolean }
  | { readonly type: 'like'; readonly pattern: string };

type Tag = Extract<LiqeQuery, { type: 'Tag' }>;

const operators = { ':': '=', ':=': '=', ':<': '<', ':<=': '<=', ':>': '>', ':>=': '>=' } as const;

/** What is asked of a field of this kind. @throws FilterError */
function testOf(name: string, kind: Kind, tag: Tag): Test {
  const { expression } = tag;
  const operator = 'operator' in tag ? operators[tag.operator.operator as keyof typeof operators] : '=';
  if (expression.type === 'RangeExpression') {
    if (kind !== 'number') throw new FilterError(`Filter: ${name} is no number, so it has no range`);
    const { min, max, minInclusive, maxInclusive } = expression.range;
    return { type: 'range', min, max, open: [!minInclusive, !maxInclusive] };
  }
  if (expression.type !== 'LiteralExpression')
    throw new FilterError(`Filter: ${name} has no value; wanted ${example(name, kind)}`);
  const { value } = expression;
  if (kind === 'number') {
    if (typeof value !== 'number')
      throw new FilterError(`Filter: ${name} is a number, found "${value}"; wanted ${example(name, kind)}`);
    return { type: 'compare', operator, value };
  }
  if (operator !== '=')
    throw new FilterError(`Filter: ${name} is no number, so it cannot be ${operator} something`);
  if (kind === 'boolean') {
    if (typeof value !== 'boolean')
      throw new FilterError(`Filter: ${name} is true or false, found "${value}"`);
    return { type: 'yes', value };
  }
  return { type: 'like', pattern: String(value) };
}

const example = (name: string, kind: Kind): string =>
  kind === 'number'
    ? `${name}:>0.5 or ${name}:[0.2 TO 0.8]`
    : kind === 'boolean'
      ? `${name}:true`
      : `${name}:word`;

function unknown(name: string, known: readonly string[]): FilterError {
  const nearest = known.toSorted((a, b) => distance(a, name) - distance(b, name))[0];
  return new FilterError(
    `Filter: there is no field "${name}"${nearest === undefined ? '' : `; did you mean ${nearest}?`}`,
  );
}

/** `*` for anything, the rest as it is. */
const likeOf = (pattern: string): string =>
  pattern.replaceAll(/[\\%_]/g, (sign) => `\\${sign}`).replaceAll('*', '%');

function conditionOf(sql: string, test: Test): Condition {
  switch (test.type) {
    case 'compare':
      return { sql: `${sql} ${test.operator} ?`, values: [test.value] };
    case 'range': {
      const parts: string[] = [];
      const values: number[] = [];
      // An open end of the language is an infinity, which SQLite compares as it should.
      for (const [bound, sign, isOpen] of [
        [test.min, '>', test.open[0]],
        [test.max, '<', test.open[1]],
      ] as const) {
        parts.push(`${sql} ${sign}${isOpen ? '' : '='} ?`);
        values.push(bound);
      }
      return { sql: `(${parts.join(' AND ')})`, values };
    }
    case 'yes':
      return { sql: `${sql} = ?`, values: [test.value ? 1 : 0] };
    case 'like':
      return { sql: `${sql} LIKE ? ESCAPE '\\'`, values: [likeOf(test.pattern)] };
  }
}

const tagged = (pattern: string): Condition => ({
  sql: `EXISTS (SELECT 1 FROM episode_tags t WHERE t.episode_id = episodes.id AND t.tag LIKE ? ESCAPE '\\')`,
  values: [likeOf(pattern)],
});

/** The condition on a row of `episodes`. @throws FilterError saying what of the text is wrong. */
export function filterSql(text: string): Condition {
  const build = (query: LiqeQuery): Condition => {
    switch (query.type) {
      case 'LogicalExpression': {
        const [left, right] = [build(query.left), build(query.right)];
        const word = query.operator.operator === 'OR' ? 'OR' : 'AND';
        return { sql: `(${left.sql} ${word} ${right.sql})`, values: [...left.values, ...right.values] };
      }
      case 'UnaryOperator': {
        const inner = build(query.operand);
        // What has no value is not what was excluded.
        return { sql: `NOT coalesce(${inner.sql}, 0)`, values: inner.values };
      }
      case 'ParenthesizedExpression':
        return build(query.expression);
      case 'EmptyExpression':
        return { sql: '1', values: [] };
      case 'Tag':
        return leaf(query);
    }
  };
  const leaf = (tag: Tag): Condition => {
    // A bare word: a tag, or a part of the name of the run.
    if (tag.field.type === 'ImplicitField') {
      const test = testOf('a word', 'text', tag);
      const word = test.type === 'like' ? test.pattern : '';
      const name = conditionOf(episodeFields['name']!.sql, { type: 'like', pattern: `*${word}*` });
      const own = tagged(word);
      return { sql: `(${own.sql} OR ${name.sql})`, values: [...own.values, ...name.values] };
    }
    const { name } = tag.field;
    if (name.startsWith('return.')) {
      const test = testOf(name, 'number', tag);
      const condition = conditionOf('r.value', test);
      return {
        sql: `EXISTS (SELECT 1 FROM episode_returns r JOIN reward_terms m ON m.id = r.term_id
          WHERE r.episode_id = episodes.id AND m.name = ? AND ${condition.sql})`,
        values: [name.slice('return.'.length), ...condition.values],
      };
    }
    const field = Object.hasOwn(episodeFields, name) ? episodeFields[name]! : undefined;
    if (field === undefined) throw unknown(name, [...Object.keys(episodeFields), 'return.<term>']);
    const test = testOf(name, field.kind, tag);
    if (name === 'tag') return tagged(test.type === 'like' ? test.pattern : '');
    return conditionOf(field.sql, test);
  };
  return build(parsed(text));
}

/** Values that an expression is held against; a list matches where one of its members does. */
export type Values = Readonly<
  Record<string, number | boolean | string | null | undefined | readonly string[]>
>;

const isLike = (value: string, pattern: string): boolean => {
  const source = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${source.join('.*')}$`, 'i').test(value);
};

/**
 * Whether values fit an expression; bare words are looked for in every text. `known` are the fields there are, for
 * those that happen to have no value here. @throws FilterError saying what of the text is wrong.
 */
export function filterMatches(text: string, known: readonly string[]): (values: Values) => boolean {
  const build = (query: LiqeQuery): ((values: Values) => boolean) => {
    switch (query.type) {
      case 'LogicalExpression': {
        const [left, right] = [build(query.left), build(query.right)];
        return query.operator.operator === 'OR'
          ? (values) => left(values) || right(values)
          : (values) => left(values) && right(values);
      }
      case 'UnaryOperator': {
        const inner = build(query.operand);
        return (values) => !inner(values);
      }
      case 'ParenthesizedExpression':
        return build(query.expression);
      case 'EmptyExpression':
        return () => true;
      case 'Tag':
        return leaf(query);
    }
  };
  const leaf = (tag: Tag): ((values: Values) => boolean) => {
    if (tag.field.type === 'ImplicitField') {
      const test = testOf('a word', 'text', tag);
      const word = test.type === 'like' ? test.pattern : '';
      return (values) =>
        Object.values(values)
          .flat()
          .some((value) => typeof value === 'string' && isLike(value, `*${word}*`));
    }
    const { name } = tag.field;
    if (!known.includes(name)) throw unknown(name, known);
    return (values) => {
      const value = values[name];
      if (value === null || value === undefined) return false;
      const kind =
        typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : ('text' as const);
      const test = testOf(name, kind, tag);
      switch (test.type) {
        case 'compare': {
          const number = value as number;
          const { operator, value: bound } = test;
          if (operator === '=') return number === bound;
          if (operator === '<') return number < bound;
          if (operator === '<=') return number <= bound;
          return operator === '>' ? number > bound : number >= bound;
        }
        case 'range': {
          const number = value as number;
          const [isAbove, isBelow] = [number > test.min, number < test.max];
          return (
            (isAbove || (!test.open[0] && number === test.min)) &&
            (isBelow || (!test.open[1] && number === test.max))
          );
        }
        case 'yes':
          return value === test.value;
        case 'like':
          return [value].flat().some((one) => isLike(String(one), test.pattern));
      }
    };
  };
  return build(parsed(text));
}
