/** `--set name=value`: settings by name from the command line, checked against their fields. */

import type { Field, Fields } from '../sim/fields.ts';
import { checkSettings, nearest, parseFieldText } from './fields.ts';

export interface SetGroup {
  readonly name: string;
  readonly fields: Fields;
  /** Takes the values; of two groups with one name both do. */
  readonly settings: Record<string, unknown>;
  /** Its fields want the group's name before them, even where no other group has them. */
  readonly named?: boolean;
}

/**
 * A name is a field alone where only one group has it (`gamma`), else with its group (`algorithm.hiddenSize`).
 * Returns what is wrong, one line each.
 */
export function applySetsTo(groups: readonly SetGroup[], sets: readonly string[]): string[] {
  const problems: string[] = [];
  for (const set of sets) {
    const equals = set.indexOf('=');
    if (equals <= 0) {
      problems.push(`--set ${set}: wanted field=value`);
      continue;
    }
    const name = set.slice(0, equals).trim();
    const text = set.slice(equals + 1).trim();
    const owners = ownersOf(groups, name);
    if (typeof owners === 'string') {
      problems.push(`--set ${name}: ${owners}`);
      continue;
    }
    const { groups: takers, field, fieldName } = owners;
    const { name: groupName, fields } = takers[0]!;
    const value = parseFieldText(field, text);
    problems.push(...checkSettings(fields, { [fieldName]: value }, `--set ${groupName}`).problems);
    for (const { settings } of takers) settings[fieldName] = value;
  }
  return problems;
}

interface Owners {
  /** All of one name, at least one. */
  readonly groups: readonly SetGroup[];
  readonly field: Field;
  readonly fieldName: string;
}

/** The groups that a name means; else what is wrong with it. */
function ownersOf(groups: readonly SetGroup[], name: string): Owners | string {
  const dot = name.indexOf('.');
  const [groupName, fieldName] = dot < 0 ? [undefined, name] : [name.slice(0, dot), name.slice(dot + 1)];
  const named = groups.filter(({ name: n, named: must }) =>
    groupName === undefined ? !must : n === groupName,
  );
  if (named.length === 0) {
    if (groupName === undefined) return 'there is nothing to set here';
    return `unknown group "${groupName}"${nearest(groupName, [...new Set(groups.map((g) => g.name))])}`;
  }
  const takers = named.filter(({ fields }) => Object.hasOwn(fields, fieldName));
  const names = [...new Set(takers.map((group) => group.name))];
  if (names.length === 1) return { groups: takers, field: takers[0]!.fields[fieldName]!, fieldName };
  if (names.length > 1) {
    return `several have it; say ${names.map((n) => `${n}.${fieldName}`).join(' or ')}`;
  }
  const known = [...new Set(named.flatMap(({ fields }) => Object.keys(fields)))];
  return `unknown field "${fieldName}"${nearest(fieldName, known)}`;
}
