/** The episode list: one query, and the pages of its answer that were looked at. Sorting and filtering is the lab's work. */

import { create } from 'zustand';
import type { Episode, episodeColumns } from '../../lab/api.ts';
import { lab } from '../lab.ts';

export type EpisodeColumn = (typeof episodeColumns)[number];

export interface EpisodeQuery {
  /** Only the selected run's episodes. */
  readonly runId: number | null;
  readonly kind: Episode['kind'] | null;
  readonly success: boolean | null;
  readonly sort: EpisodeColumn;
  readonly descending: boolean;
}

export interface EpisodesState {
  readonly query: EpisodeQuery;
  readonly total: number;
  /** By page number; `pageSize` rows each. */
  readonly pages: ReadonlyMap<number, readonly Episode[]>;
  readonly loading: boolean;
  readonly error: string | null;
  /** `episodeCount` of the runs store when these pages were fetched. */
  readonly asOf: number;
}

export const pageSize = 100;

export const useEpisodes = create<EpisodesState>()(() => ({
  query: { runId: null, kind: null, success: null, sort: 'id', descending: true },
  total: 0,
  pages: new Map(),
  loading: false,
  error: null,
  asOf: 0,
}));

let generation = 0;
const pending = new Set<number>();

async function fetchPage(page: number, mine: number): Promise<readonly Episode[] | null> {
  const { query } = useEpisodes.getState();
  const { total, items } = await lab.episodes.list({
    ...(query.runId === null ? {} : { runId: query.runId }),
    ...(query.kind === null ? {} : { kind: query.kind }),
    ...(query.success === null ? {} : { success: query.success }),
    sort: query.sort,
    descending: query.descending,
    offset: page * pageSize,
    limit: pageSize,
  });
  if (mine !== generation) return null;
  useEpisodes.setState({ total });
  return items;
}

/** Fetches a page that came into view, once. */
export async function needPage(page: number): Promise<void> {
  const mine = generation;
  if (pending.has(page) || useEpisodes.getState().pages.has(page)) return;
  pending.add(page);
  try {
    const items = await fetchPage(page, mine);
    if (items) useEpisodes.setState((state) => ({ pages: new Map(state.pages).set(page, items) }));
  } catch (error) {
    useEpisodes.setState({ error: error instanceof Error ? error.message : String(error) });
  } finally {
    if (mine === generation) pending.delete(page);
  }
}

/** Asks again from the top; the old rows stay until the new ones are there. */
export function reloadEpisodes(asOf = 0): void {
  const mine = ++generation;
  pending.clear();
  useEpisodes.setState({ loading: true });
  fetchPage(0, mine)
    .then((items) => {
      if (items) useEpisodes.setState({ pages: new Map([[0, items]]), loading: false, error: null, asOf });
    })
    .catch((error: unknown) => {
      if (mine !== generation) return;
      useEpisodes.setState({ loading: false, error: error instanceof Error ? error.message : String(error) });
    });
}

export function setEpisodeQuery(patch: Partial<EpisodeQuery>): void {
  useEpisodes.setState((state) => ({ query: { ...state.query, ...patch } }));
  reloadEpisodes(useEpisodes.getState().asOf);
}

export function episodeAt(state: EpisodesState, row: number): Episode | undefined {
  return state.pages.get(Math.floor(row / pageSize))?.[row % pageSize];
}

export function patchEpisode(id: number, patch: Partial<Episode>): void {
  useEpisodes.setState((state) => ({
    pages: new Map(
      [...state.pages].map(([page, items]) => [
        page,
        items.map((item) => (item.id === id ? { ...item, ...patch } : item)),
      ]),
    ),
  }));
}
