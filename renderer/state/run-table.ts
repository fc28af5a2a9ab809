/** The table of runs: what is chosen in it, what the lab says of configurations and metrics, edits of tags, notes and baseline. */

import { create } from 'zustand';
import type { RunDetail } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { perform } from './history.ts';
import { memory } from './layout.ts';
import { messageOf } from './message.ts';
import { metricsOf, type Sorting } from './run-rows.ts';
import { useRuns } from './runs.ts';

export interface RunTableState {
  /** Beside the fixed columns. */
  readonly columns: readonly string[];
  readonly sorting: Sorting;
  readonly isGrouped: boolean;
  /** Demonstrations, fits and evaluations too. */
  readonly allKinds: boolean;
  readonly filter: string;
  /** Runs that fit the filter; null: all. */
  readonly wanted: ReadonlySet<number> | null;
  /** Why the filter cannot be read. */
  readonly filterError: string | null;
  /** Groups whose seeds are shown. */
  readonly open: ReadonlySet<string>;
  /** Sides that are compared, in the order in which they were chosen. */
  readonly checked: readonly string[];
  /** The side that the others are held against; null: none. */
  readonly pinned: string | null;
  readonly details: ReadonlyMap<number, RunDetail>;
  /** Every metric that a run has. */
  readonly metricNames: readonly string[];
  readonly error: string | null;
}

const key = 'reward-lab.run-table';
type Kept = Pick<RunTableState, 'columns' | 'sorting' | 'isGrouped' | 'allKinds'>;
const kept = JSON.parse(memory.get(key) ?? '{}') as Partial<Kept>;

export const useRunTable = create<RunTableState>()(() => ({
  columns: kept.columns ?? [],
  sorting: kept.sorting ?? { column: 'created', descending: true },
  isGrouped: kept.isGrouped ?? true,
  allKinds: kept.allKinds ?? false,
  filter: '',
  wanted: null,
  filterError: null,
  open: new Set(),
  checked: [],
  pinned: null,
  details: new Map(),
  metricNames: [],
  error: null,
}));

useRunTable.subscribe(({ columns, sorting, isGrouped, allKinds }) =>
  memory.set(key, JSON.stringify({ columns, sorting, isGrouped, allKinds } satisfies Kept)),
);

let asked = 0;

/** Configurations of all runs and the metrics of the columns; the newest question counts. */
export async function loadDetails(): Promise<void> {
  const mine = ++asked;
  try {
    const { runs, names } = await lab.runs.configs({ metrics: metricsOf(useRunTable.getState().columns) });
    if (mine !== asked) return;
    useRunTable.setState({
      details: new Map(runs.map((run) => [run.id, run])),
      metricNames: names,
      error: null,
    });
  } catch (error) {
    if (mine === asked) useRunTable.setState({ error: messageOf(error) });
  }
}

let filtering = 0;

/** The lab knows settings and metrics of all runs, so it filters; what fitted before stays while a text cannot be read. */
export async function loadWanted(): Promise<void> {
  const mine = ++filtering;
  const filter = useRunTable.getState().filter.trim();
  if (filter === '') {
    useRunTable.setState({ wanted: null, filterError: null });
    return;
  }
  try {
    const { ids } = await lab.runs.filter({ filter });
    if (mine === filtering) useRunTable.setState({ wanted: new Set(ids), filterError: null });
  } catch (error) {
    if (mine === filtering) useRunTable.setState({ filterError: messageOf(error) });
  }
}

export async function loadPinned(): Promise<void> {
  try {
    useRunTable.setState({ pinned: (await lab.runs.pinned()).side });
  } catch (error) {
    console.warn('The pinned baseline:', error);
  }
}

export interface Marks {
  readonly id: number;
  readonly tags?: string[];
  readonly note?: string;
}

/** Writes down tags or notes of runs; the lab tells every window. Undo puts back what was there. */
export async function markRuns(title: string, marks: readonly Marks[]): Promise<void> {
  const { runs } = useRuns.getState();
  const before = marks.map(({ id, tags, note }): Marks => {
    const run = runs.get(id);
    return {
      id,
      ...(tags === undefined ? {} : { tags: [...(run?.tags ?? [])] }),
      ...(note === undefined ? {} : { note: run?.note ?? '' }),
    };
  });
  const write = (list: readonly Marks[]) => async (): Promise<void> => {
    const marked = await lab.runs.mark({ marks: [...list] });
    useRuns.setState((state) => {
      const next = new Map(state.runs);
      for (const { id, tags, note } of marked) {
        const run = next.get(id);
        if (run) next.set(id, { ...run, tags, note });
      }
      return { runs: next };
    });
  };
  await tried(perform({ title, undo: write(before), redo: write(marks) }));
}

export async function pinSide(side: string | null): Promise<void> {
  const before = useRunTable.getState().pinned;
  const pin = (next: string | null) => async (): Promise<void> => {
    useRunTable.setState({ pinned: (await lab.runs.pin({ side: next })).side });
  };
  const title = side === null ? 'unpin the baseline' : `pin ${side} as the baseline`;
  await tried(perform({ title, undo: pin(before), redo: pin(side) }));
}

async function tried(edit: Promise<void>): Promise<void> {
  try {
    await edit;
    useRunTable.setState({ error: null });
  } catch (error) {
    useRunTable.setState({ error: messageOf(error) });
  }
}

export function toggleChecked(side: string): void {
  useRunTable.setState(({ checked }) => ({
    checked: checked.includes(side) ? checked.filter((one) => one !== side) : [...checked, side],
  }));
}

export function toggleOpen(group: string): void {
  useRunTable.setState(({ open }) => {
    const next = new Set(open);
    if (!next.delete(group)) next.add(group);
    return { open: next };
  });
}

/** First up, then down, then as they were made. */
export function sortBy(column: string): void {
  useRunTable.setState(({ sorting }) => ({
    sorting:
      sorting.column !== column
        ? { column, descending: false }
        : sorting.descending
          ? { column: 'created', descending: true }
          : { column, descending: true },
  }));
}

/** The baseline first, then what is checked. */
export const comparedSides = ({ pinned, checked }: Pick<RunTableState, 'pinned' | 'checked'>): string[] => [
  ...new Set([...(pinned === null ? [] : [pinned]), ...checked]),
];
