/**
 * The episode list: one query, and the pages of its answer that were looked at; what is chosen in it; stars, tags and the trash. Sorting
 * and filtering is the lab's work. Kept here, the list is as it was when its panel comes back.
 */

import { notifications } from '@mantine/notifications';
import { create } from 'zustand';
import type { Episode, episodeColumns } from '../../lab/api.ts';
import { type LabClient, lab } from '../lab.ts';
import { perform } from './history.ts';
import { memory } from './layout.ts';
import { messageOf } from './message.ts';

/** What the list is sorted by: a column, or the unweighted sum of one reward term. */
export type EpisodeSort = (typeof episodeColumns)[number] | `return:${string}`;

/** What a row can show beside star and number. */
export type EpisodeColumn = Exclude<EpisodeSort, 'id' | 'starred'> | 'picture' | 'tags';

export interface EpisodeQuery {
  /** Only this run's episodes. */
  readonly runId: number | null;
  readonly kind: Episode['kind'] | null;
  readonly success: boolean | null;
  /** An expression (docs/filters.md), or nothing. */
  readonly filter: string;
  readonly trash: 'without' | 'only';
  readonly sort: EpisodeSort;
  readonly descending: boolean;
}

export type EpisodeFacets = Awaited<ReturnType<LabClient['episodes']['facets']>>;

export interface EpisodesState {
  readonly query: EpisodeQuery;
  /** As it is typed; becomes part of the query a moment later. */
  readonly filterText: string;
  /** What the lab says of the filter; the rows are then those of the last good one. */
  readonly filterError: string | null;
  readonly total: number;
  /** By page number; `pageSize` rows each. */
  readonly pages: ReadonlyMap<number, readonly Episode[]>;
  readonly loading: boolean;
  readonly error: string | null;
  /** `episodeCount` of the runs store when these pages were fetched. */
  readonly asOf: number;
  /** Row of the keyboard. */
  readonly cursor: number | null;
  /** Row from which a range is chosen. */
  readonly anchor: number | null;
  /** Episodes that are chosen together, by id. */
  readonly chosen: ReadonlyMap<number, Episode>;
  /** Pixels the list is scrolled by. */
  readonly top: number;
  /** Columns in their order; null: the usual ones, fewer where room is short. */
  readonly columns: readonly EpisodeColumn[] | null;
  readonly facets: EpisodeFacets;
  /** The filter box should get the focus. */
  readonly wantsFilter: boolean;
  readonly tagsOpen: boolean;
}

export const pageSize = 100;

/** Episodes that can be chosen together. */
export const mostChosen = 10_000;

const key = 'reward-lab.episodes';
type Kept = Pick<EpisodesState, 'columns'>;
const kept = JSON.parse(memory.get(key) ?? '{}') as Partial<Kept>;

export const useEpisodes = create<EpisodesState>()(() => ({
  query: {
    runId: null,
    kind: null,
    success: null,
    filter: '',
    trash: 'without',
    sort: 'id',
    descending: true,
  },
  filterText: '',
  filterError: null,
  total: 0,
  pages: new Map(),
  loading: false,
  error: null,
  asOf: 0,
  cursor: null,
  anchor: null,
  chosen: new Map(),
  top: 0,
  columns: kept.columns ?? null,
  facets: { terms: [], tags: [], fields: [] },
  wantsFilter: false,
  tagsOpen: false,
}));

useEpisodes.subscribe(({ columns }, before) => {
  if (columns !== before.columns) memory.set(key, JSON.stringify({ columns } satisfies Kept));
});

let generation = 0;
const pending = new Set<number>();
/** Pages on screen, which a reload asks for. */
let inView: readonly number[] = [0];

function ask(offset: number, limit: number): ReturnType<LabClient['episodes']['list']> {
  const { query } = useEpisodes.getState();
  return lab.episodes.list({
    ...(query.runId === null ? {} : { runId: query.runId }),
    ...(query.kind === null ? {} : { kind: query.kind }),
    ...(query.success === null ? {} : { success: query.success }),
    ...(query.filter === '' ? {} : { filter: query.filter }),
    trash: query.trash,
    sort: query.sort,
    descending: query.descending,
    offset,
    limit,
  });
}

/** Fetches the pages that came into view, each once. */
export async function needPages(first: number, last: number): Promise<void> {
  inView = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  await Promise.all(inView.map(needPage));
}

async function needPage(page: number): Promise<void> {
  const mine = generation;
  if (pending.has(page) || useEpisodes.getState().pages.has(page)) return;
  pending.add(page);
  try {
    const { total, items } = await ask(page * pageSize, pageSize);
    if (mine === generation)
      useEpisodes.setState((state) => ({ total, pages: new Map(state.pages).set(page, items) }));
  } catch (error) {
    if (mine === generation) useEpisodes.setState({ error: messageOf(error) });
  } finally {
    if (mine === generation) pending.delete(page);
  }
}

/** Asks again for what is on screen; the old rows stay until the new ones are there. The keyboard stays on its episode. */
export async function reloadEpisodes(asOf = useEpisodes.getState().asOf): Promise<void> {
  const mine = ++generation;
  pending.clear();
  useEpisodes.setState({ loading: true });
  try {
    const wanted = [...new Set([0, ...inView])];
    const answers = await Promise.all(wanted.map((page) => ask(page * pageSize, pageSize)));
    if (mine !== generation) return;
    useEpisodes.setState((state) => {
      const pages = new Map(wanted.map((page, i) => [page, answers[i]!.items]));
      const { total } = answers[0]!;
      const before = state.cursor === null ? undefined : episodeAt(state, state.cursor)?.id;
      let cursor = state.cursor === null ? null : Math.min(state.cursor, total - 1);
      for (const [page, items] of pages) {
        const at = items.findIndex(({ id }) => id === before);
        if (at >= 0) cursor = page * pageSize + at;
      }
      if (cursor !== null && cursor < 0) cursor = null;
      return { pages, total, cursor, loading: false, error: null, filterError: null, asOf };
    });
  } catch (error) {
    if (mine !== generation) return;
    const isFilter =
      useEpisodes.getState().query.filter !== '' && (error as { code?: unknown }).code === 'BAD_REQUEST';
    useEpisodes.setState({ loading: false, [isFilter ? 'filterError' : 'error']: messageOf(error) });
  }
}

/** Another order keeps what is chosen; other episodes do not: nobody should edit what they do not see. */
export async function setEpisodeQuery(patch: Partial<EpisodeQuery>): Promise<void> {
  const isOnlyOrder = Object.keys(patch).every((name) => name === 'sort' || name === 'descending');
  inView = [0];
  useEpisodes.setState((state) => ({
    query: { ...state.query, ...patch },
    top: 0,
    anchor: null,
    cursor: null,
    ...(isOnlyOrder ? {} : { chosen: new Map() }),
  }));
  await reloadEpisodes();
}

let typing: ReturnType<typeof setTimeout> | undefined;

/** The lab is asked when nothing was typed for a moment, or at once. */
export function setFilterText(filterText: string, delay = 250): void {
  useEpisodes.setState({ filterText });
  clearTimeout(typing);
  typing = setTimeout(() => {
    const filter = filterText.trim();
    if (filter !== useEpisodes.getState().query.filter) void setEpisodeQuery({ filter });
  }, delay);
}

export async function loadFacets(): Promise<void> {
  try {
    useEpisodes.setState({ facets: await lab.episodes.facets() });
  } catch (error) {
    console.warn('Terms and tags of the episodes:', error);
  }
}

export function episodeAt(state: Pick<EpisodesState, 'pages'>, row: number): Episode | undefined {
  return state.pages.get(Math.floor(row / pageSize))?.[row % pageSize];
}

export function patchEpisode(id: number, patch: Partial<Episode>): void {
  patchEpisodes(new Set([id]), (episode) => ({ ...episode, ...patch }));
}

function patchEpisodes(ids: ReadonlySet<number>, change: (episode: Episode) => Episode): void {
  const changed = (episode: Episode): Episode => (ids.has(episode.id) ? change(episode) : episode);
  useEpisodes.setState((state) => ({
    pages: new Map([...state.pages].map(([page, items]) => [page, items.map(changed)])),
    chosen: new Map([...state.chosen].map(([id, episode]) => [id, changed(episode)])),
  }));
}

/* ---- what is chosen ---- */

/** One more row, or one less. */
export function toggleChosen(row: number): void {
  useEpisodes.setState((state) => {
    const episode = episodeAt(state, row);
    if (!episode) return {};
    const chosen = new Map(state.chosen);
    if (!chosen.delete(episode.id) && chosen.size < mostChosen) chosen.set(episode.id, episode);
    return { chosen, anchor: row, cursor: row };
  });
}

/** Every row from the last one that was chosen to this one. */
export async function chooseTo(row: number): Promise<void> {
  const { anchor, cursor } = useEpisodes.getState();
  const from = anchor ?? cursor ?? row;
  useEpisodes.setState({ anchor: from, cursor: row });
  await chooseRows(Math.min(from, row), Math.max(from, row));
}

export const chooseAll = (): Promise<void> => chooseRows(0, useEpisodes.getState().total - 1);

async function chooseRows(first: number, last: number): Promise<void> {
  const mine = generation;
  const end = Math.min(last, first + mostChosen - 1);
  const chosen = new Map<number, Episode>();
  try {
    for (let offset = first; offset <= end; offset += 1000) {
      const { items } = await ask(offset, Math.min(1000, end - offset + 1));
      for (const item of items) chosen.set(item.id, item);
    }
  } catch (error) {
    complain('The episodes could not be chosen', error);
    return;
  }
  if (mine === generation) useEpisodes.setState({ chosen });
  if (end < last)
    notifications.show({
      message: `The first ${mostChosen.toLocaleString('en')} are chosen`,
      color: 'yellow',
    });
}

export function chooseNone(): void {
  useEpisodes.setState({ chosen: new Map(), anchor: null });
}

/** What an edit is made to: the chosen episodes, without any the one of the keyboard. */
export function targets(state: EpisodesState = useEpisodes.getState()): readonly Episode[] {
  if (state.chosen.size > 0) return [...state.chosen.values()];
  const one = state.cursor === null ? undefined : episodeAt(state, state.cursor);
  return one ? [one] : [];
}

/* ---- stars, tags, the trash: edits that can be taken back ---- */

type Mark =
  | { readonly type: 'starred' | 'trashed'; readonly value: boolean }
  | { readonly type: 'tag'; readonly tag: string; readonly value: boolean };

const has = (episode: Episode, mark: Mark): boolean =>
  mark.type === 'tag' ? episode.tags.includes(mark.tag) : episode[mark.type];

/** The episode with the mark set to `value`. */
function marked(episode: Episode, mark: Mark, value: boolean): Episode {
  if (mark.type !== 'tag') return { ...episode, [mark.type]: value };
  const others = episode.tags.filter((tag) => tag !== mark.tag);
  return { ...episode, tags: value ? [...others, mark.tag].sort() : others };
}

const named = (episodes: readonly Episode[]): string =>
  episodes.length === 1 ? `episode ${episodes[0]!.id}` : `${episodes.length} episodes`;

function titleOf(mark: Mark, episodes: readonly Episode[]): string {
  const what = named(episodes);
  if (mark.type === 'tag')
    return mark.value ? `tag ${what} "${mark.tag}"` : `take tag "${mark.tag}" of ${what} away`;
  if (mark.type === 'starred') return mark.value ? `star ${what}` : `take the star of ${what} away`;
  return mark.value ? `put ${what} into the trash` : `restore ${what}`;
}

async function write(ids: readonly number[], mark: Mark, value: boolean): Promise<void> {
  await lab.episodes.mark({
    ids: [...ids],
    ...(mark.type === 'tag' ? { [value ? 'addTags' : 'removeTags']: [mark.tag] } : { [mark.type]: value }),
  });
  patchEpisodes(new Set(ids), (episode) => marked(episode, mark, value));
  // They are in the other list now.
  if (mark.type === 'trashed') {
    useEpisodes.setState(({ chosen }) => ({
      chosen: new Map([...chosen].filter(([id]) => !ids.includes(id))),
    }));
    await reloadEpisodes();
  }
  if (mark.type === 'tag') await loadFacets();
}

/** Marks those that are not marked so yet; only these are unmarked by undo. */
async function markAll(episodes: readonly Episode[], mark: Mark): Promise<void> {
  const changed = episodes.filter((episode) => has(episode, mark) !== mark.value);
  if (changed.length === 0) return;
  const ids = changed.map(({ id }) => id);
  const title = titleOf(mark, changed);
  try {
    await perform({
      title,
      redo: () => write(ids, mark, mark.value),
      undo: () => write(ids, mark, !mark.value),
    });
  } catch (error) {
    complain(`Could not ${title}`, error);
  }
}

function complain(title: string, error: unknown): void {
  notifications.show({ title, message: messageOf(error), color: 'red' });
}

/** Stars for all of them; where all have one, it is taken away. */
export async function toggleStar(episodes = targets()): Promise<void> {
  await markAll(episodes, { type: 'starred', value: !episodes.every(({ starred }) => starred) });
}

/** Into the trash; from the trash back. */
export async function withTrash(episodes = targets()): Promise<void> {
  await markAll(episodes, {
    type: 'trashed',
    value: useEpisodes.getState().query.trash === 'without',
  });
}

/** As the lab writes tags: no blanks around them. */
export async function setTag(tag: string, value: boolean, episodes = targets()): Promise<void> {
  const clean = tag.trim();
  if (clean !== '') await markAll(episodes, { type: 'tag', tag: clean, value });
}

/* ---- quick picks ---- */

export interface Preset {
  readonly id: string;
  readonly title: string;
  readonly help: string;
  readonly sort: EpisodeSort;
  readonly descending: boolean;
  /** The row it is about: the first, or the one in the middle. */
  readonly row: 'first' | 'middle';
}

export const presets: readonly Preset[] = [
  {
    id: 'best',
    title: 'best',
    help: 'Highest return first',
    sort: 'returnTotal',
    descending: true,
    row: 'first',
  },
  {
    id: 'worst',
    title: 'worst',
    help: 'Lowest return first',
    sort: 'returnTotal',
    descending: false,
    row: 'first',
  },
  {
    id: 'median',
    title: 'median',
    help: 'By return, from the middle',
    sort: 'returnTotal',
    descending: true,
    row: 'middle',
  },
  {
    id: 'jerky',
    title: 'most jerky',
    help: 'Actions that change most from step to step',
    sort: 'jerk',
    descending: true,
    row: 'first',
  },
  {
    id: 'gap',
    title: 'largest gap',
    help: 'Learned progress furthest above true progress at the last frame',
    sort: 'gap',
    descending: true,
    row: 'first',
  },
];

export async function applyPreset({ sort, descending, row }: Preset): Promise<void> {
  await setEpisodeQuery({ sort, descending });
  const { total } = useEpisodes.getState();
  if (total > 0) useEpisodes.setState({ cursor: row === 'first' ? 0 : Math.floor((total - 1) / 2) });
}
