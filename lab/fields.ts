/** Checks settings against field tables: one schema per field, unknown names answered with the nearest known one. */

import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import type { AnySettings, Field, Fields, FieldValue } from '../sim/fields.ts';

/** `, did you mean "push"?` when something close is known, else a list of what is. */
export function nearest(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const best = closest(name, known as string[]);
  const near = distance(name.toLowerCase(), best.toLowerCase()) <= Math.max(2, Math.floor(best.length / 3));
  return near ? `; did you mean "${best}"?` : `; known: ${known.join(', ')}`;
}

export function schemaOf(field: Field): z.ZodType<FieldValue> {
  const unit = field.unit === undefined ? '' : ` ${field.unit}`;
  switch (field.type) {
    case 'boolean':
      return z.boolean({ error: 'wanted true or false' });
    case 'choice':
      return z.enum(field.options as [string, ...string[]], {
        error: (issue) =>
          `wanted one of ${field.options.join(', ')}${typeof issue.input === 'string' ? nearest(issue.input, field.options) : ''}`,
      });
    case 'text': {
      const error = `wanted text of at most ${field.longest} characters`;
      return z.string({ error }).max(field.longest, { error });
    }
    case 'integer':
    case 'number': {
      const error = `wanted ${field.type === 'integer' ? 'a whole number' : 'a number'} from ${field.min} to ${field.max}${unit}`;
      const base = field.type === 'integer' ? z.int({ error }) : z.number({ error });
      return base.min(field.min, { error }).max(field.max, { error });
    }
  }
}

/** Turns the text of `--set name=text` into the field's type; what cannot be turned stays text and fails the check. */
export function parseFieldText(field: Field, text: string): FieldValue {
  if (field.type === 'boolean') {
    if (text === 'true') return true;
    if (text === 'false') return false;
    return text;
  }
  if (field.type === 'choice' || field.type === 'text') return text;
  const value = Number(text);
  return text.trim() === '' || Number.isNaN(value) ? text : value;
}

export interface Checked {
  /** Every field, defaults filled in; frozen. */
  readonly settings: AnySettings;
  readonly problems: readonly string[];
}

/** `where` opens each problem line, for example `taskSettings`. */
export function checkSettings(
  fields: Fields,
  given: Readonly<Record<string, unknown>>,
  where: string,
): Checked {
  const settings: Record<string, FieldValue> = {};
  const problems: string[] = [];
  for (const [name, field] of Object.entries(fields)) settings[name] = field.default;
  for (const [name, value] of Object.entries(given)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) {
      problems.push(`${where}: unknown field "${name}"${nearest(name, Object.keys(fields))}`);
      continue;
    }
    const result = schemaOf(field).safeParse(value);
    if (result.success) settings[name] = result.data;
    else
      problems.push(
        `${where}.${name}: found ${typeof value === 'number' ? value : JSON.stringify(value)}, ${result.error.issues[0]!.message}`,
      );
  }
  return { settings: Object.freeze(settings), problems };
}
