/**
 * The documentation that comes with the lab, for the window: pages as Markdown, and what each metric means. The tables of the pages
 * are the one place where metrics are explained; nothing is written twice.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../docs', import.meta.url));

export interface DocPage {
  /** Below docs/, with slashes: `rewards/sarm.md`. */
  readonly path: string;
  readonly title: string;
}

export interface MetricHelp {
  /** As the page writes it: `value/<term>` stands for any term. */
  readonly name: string;
  /** Markdown. */
  readonly help: string;
  readonly page: string;
}

const titleOf = (path: string, markdown: string): string => /^# (.+)$/m.exec(markdown)?.[1]?.trim() ?? path;

function files(): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => path.endsWith('.md'))
      .sort();
  } catch {
    // Somebody took the folder away; the window says that there are no pages.
    return [];
  }
}

const read = (path: string): string => readFileSync(join(folder, path), 'utf8');

export function docPages(): DocPage[] {
  return files().map((path) => ({ path, title: titleOf(path, read(path)) }));
}

/** @throws RangeError when there is no such page. */
export function docPage(path: string): DocPage & { readonly markdown: string } {
  if (!files().includes(path)) {
    throw new RangeError(`There is no documentation page "${path}"; wanted one of docs.pages`);
  }
  const markdown = read(path);
  return { path, title: titleOf(path, markdown), markdown };
}

/** Metrics are paths; names of settings and commands in the same kind of table are not. */
const isMetric = (name: string): boolean =>
  /^[a-z][\w-]*(\/[\w<>{}.-]+)+$/i.test(name) && !name.includes('...');

/** Rows of tables that begin with names of metrics; several names in one cell share the text. */
export function metricsIn(page: string, markdown: string): MetricHelp[] {
  const found: MetricHelp[] = [];
  for (const line of markdown.split('\n')) {
    // A bar inside code is written \| in tables.
    const cells = line.replaceAll('\\|', '\u0000').split('|');
    const [, first, ...rest] = cells.map((cell) => cell.trim().replaceAll('\u0000', '|'));
    if (first === undefined || rest.length < 2 || !first.startsWith('`')) continue;
    const names = [...first.matchAll(/`([^`]+)`/g)].map((match) => match[1]!).filter(isMetric);
    const [meaning = '', ...more] = rest.slice(0, -1);
    // A further column says what is healthy; a list of algorithms or short marks says nothing by itself.
    const healthy = more.find((cell) => cell.split(', ').some((part) => part.includes(' ')));
    const help = healthy === undefined ? meaning : `${meaning}; ${healthy}`;
    if (help !== '') for (const name of names) found.push({ name, help, page });
  }
  return found;
}

/** The general page first, then those of algorithms and rewards, of their evaluation and of self-play. */
export function metricHelp(): MetricHelp[] {
  const general = 'metrics.md';
  const pages = [...files()].sort(
    (a, b) => Number(b === general) - Number(a === general) || (a < b ? -1 : 1),
  );
  return pages
    .filter(
      (path) =>
        path === general ||
        ['algorithms', 'rewards'].includes(posix.dirname(path)) ||
        path === 'eval-reward.md' ||
        path === 'self-play.md',
    )
    .flatMap((path) => metricsIn(path, read(path)));
}
