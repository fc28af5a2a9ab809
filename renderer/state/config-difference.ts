/** Where configurations of runs differ: one line a setting, in sections by its path, a column a side. Pure. */

import type { ConfigValue } from '../../lab/api.ts';

export type FlatConfig = Readonly<Record<string, ConfigValue>>;

export interface DifferenceLine {
  readonly path: string;
  /** The end of the path, below its section. */
  readonly name: string;
  /** In words, one a side: of several runs every value there is, `not set` where it is not there. */
  readonly values: readonly string[];
  /** Whether a side says other than the first one. */
  readonly isOther: readonly boolean[];
}

export interface DifferenceSection {
  /** Empty: settings that stand at the top. */
  readonly title: string;
  readonly lines: readonly DifferenceLine[];
}

const text = (value: ConfigValue | undefined): string => {
  if (value === undefined) return 'not set';
  if (value === null) return 'none';
  return String(value);
};

/** @param sides the configurations of each side's runs; the first side is what the others are held against. */
export function configDifference(sides: readonly (readonly FlatConfig[])[]): DifferenceSection[] {
  const paths = [...new Set(sides.flat().flatMap((config) => Object.keys(config)))];
  const sections = new Map<string, DifferenceLine[]>();
  for (const path of paths) {
    const values = sides.map((configs) => {
      const found = [...new Set(configs.map((config) => text(config[path])))];
      return found.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).join(', ');
    });
    if (new Set(values).size < 2) continue;
    const cut = path.lastIndexOf('.');
    const title = cut < 0 ? '' : path.slice(0, cut);
    const line = {
      path,
      name: path.slice(cut + 1),
      values,
      isOther: values.map((value) => value !== values[0]),
    };
    sections.set(title, [...(sections.get(title) ?? []), line]);
  }
  return [...sections]
    .sort(([a], [b]) => (a === '' ? -1 : b === '' ? 1 : a.localeCompare(b, 'en', { numeric: true })))
    .map(([title, lines]) => ({ title, lines: lines.sort((a, b) => a.name.localeCompare(b.name)) }));
}
