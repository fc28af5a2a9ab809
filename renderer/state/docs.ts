/** The documentation in the window: its pages, the one that is open, and what a metric means. */

import { create } from 'zustand';
import { lab } from '../lab.ts';
import { focusPanel } from './layout.ts';
import { messageOf } from './message.ts';

export interface MetricHelp {
  readonly name: string;
  /** Markdown. */
  readonly help: string;
  readonly page: string;
}

export interface DocsState {
  readonly pages: readonly { readonly path: string; readonly title: string }[];
  readonly metrics: readonly MetricHelp[];
  readonly open: { readonly path: string; readonly title: string; readonly markdown: string } | null;
  /** Pages that were open before, the newest last. */
  readonly before: readonly string[];
  readonly error: string | null;
}

export const useDocs = create<DocsState>()(() => ({
  pages: [],
  metrics: [],
  open: null,
  before: [],
  error: null,
}));

/** What the first page to be seen is, where none was asked for. */
const firstPage = 'window.md';

/** Asked for once, on connecting. */
export async function loadDocs(): Promise<void> {
  if (useDocs.getState().pages.length > 0) return;
  try {
    const [pages, metrics] = await Promise.all([lab.docs.pages(), lab.docs.metrics()]);
    useDocs.setState({ pages, metrics });
  } catch (error) {
    console.warn('The documentation:', error);
  }
}

let ticket = 0;
let underway = 0;

/** Opens a page in its panel; `anchor` is a heading in it. */
export async function openPage(path: string, show = true): Promise<void> {
  const mine = ++ticket;
  if (show) focusPanel('docs');
  underway++;
  try {
    const open = await lab.docs.page({ path });
    if (mine !== ticket) return;
    useDocs.setState(({ open: last, before }) => ({
      open,
      error: null,
      before: last && last.path !== path ? [...before, last.path].slice(-50) : before,
    }));
  } catch (error) {
    if (mine === ticket) useDocs.setState({ error: messageOf(error) });
  } finally {
    underway--;
  }
}

/** For the panel that is seen for the first time; often because of a page that is just being fetched. */
export function openFirstPage(): void {
  if (underway === 0) void openPage(firstPage, false);
}

export async function goBack(): Promise<void> {
  const { before } = useDocs.getState();
  const path = before.at(-1);
  if (path === undefined) return;
  await openPage(path, false);
  useDocs.setState({ before: before.slice(0, -1) });
}

/** `reward/<term>` stands for anything behind the slash. */
function isNamed(pattern: string, name: string): boolean {
  if (!pattern.includes('<')) return pattern === name;
  const source = pattern
    .split(/<[^>]*>/)
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.+');
  return new RegExp(`^${source}$`).test(name);
}

/**
 * What a metric means: on the page of `method` (an algorithm or a reward) where it says so, else the first that explains it; of one side of
 * self-play (`policy/kl/taggers`) what it means of any learner. Pure.
 */
export function explain(
  metrics: readonly MetricHelp[],
  name: string,
  method?: string | null,
): MetricHelp | undefined {
  const all = metrics.filter((metric) => isNamed(metric.name, name));
  const exact = all.filter((metric) => metric.name === name);
  const found = exact.length > 0 ? exact : all;
  const help = found.find(({ page }) => page.endsWith(`/${method}.md`)) ?? found[0];
  const [kind, short, side] = name.split('/');
  return help === undefined && side !== undefined ? explain(metrics, `${kind}/${short}`, method) : help;
}

/** Where a link of a page leads: to another page, to a place in this one, out of the window, or (a source file) nowhere. Pure. */
export function linkOf(
  page: string,
  href: string,
):
  | { readonly type: 'page'; readonly path: string }
  | { readonly type: 'anchor'; readonly id: string }
  | { readonly type: 'outside'; readonly url: string }
  | { readonly type: 'none' } {
  if (/^https?:/.test(href)) return { type: 'outside', url: href };
  if (href.startsWith('#')) return { type: 'anchor', id: href.slice(1) };
  const [file = ''] = href.split('#');
  const parts = page.split('/').slice(0, -1);
  for (const part of file.split('/')) {
    if (part === '..') {
      if (parts.length === 0) return { type: 'none' };
      parts.pop();
    } else if (part !== '.' && part !== '') parts.push(part);
  }
  return file.endsWith('.md') ? { type: 'page', path: parts.join('/') } : { type: 'none' };
}
