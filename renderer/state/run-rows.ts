/** Rows of the table of runs: cells of runs and of groups of seeds, sorting, columns by their id. Pure. */

import type { Run, RunDetail } from '../../lab/api.ts';
import { compact, grouped, short } from '../timeline/scale.ts';

export type CellValue = number | string | null;

export interface ColumnInfo {
  readonly id: string;
  readonly title: string;
  readonly help: string;
  readonly isNumber: boolean;
}

/** Always there, in this order. */
export const fixedColumns: readonly ColumnInfo[] = [
  { id: 'status', title: 'Status', help: 'What became of the run', isNumber: false },
  { id: 'task', title: 'Task', help: 'What is learnt', isNumber: false },
  { id: 'algorithm', title: 'Algorithm', help: 'What learns', isNumber: false },
  {
    id: 'seed',
    title: 'Seed',
    help: 'Of the training; evaluations have starts of their own',
    isNumber: true,
  },
  { id: 'steps', title: 'Steps', help: 'Environment steps trained so far', isNumber: true },
  {
    id: 'success',
    title: 'Success',
    help: 'True success in the latest evaluation; of a group the median of its seeds',
    isNumber: true,
  },
];

const metricKinds = { last: 'newest', highest: 'highest', lowest: 'lowest' } as const;
type MetricKind = keyof typeof metricKinds;

/** `config:algorithmSettings.gamma`, `last:rollout/return`, `highest:...`, `lowest:...`, or a fixed one. */
export function columnOf(id: string): ColumnInfo {
  const fixed = fixedColumns.find((column) => column.id === id);
  if (fixed) return fixed;
  const cut = id.indexOf(':');
  const [kind, name] = [id.slice(0, cut), id.slice(cut + 1)];
  if (kind === 'config')
    return {
      id,
      title: name.split('.').at(-1)!,
      help: `Setting ${name}; of a group its value, or how many it has`,
      isNumber: false,
    };
  return {
    id,
    title: `${name}, ${metricKinds[kind as MetricKind]}`,
    help: `The ${metricKinds[kind as MetricKind]} value of ${name}; of a group the median of its seeds`,
    isNumber: true,
  };
}

/** Metrics that these columns show. */
export const metricsOf = (columns: readonly string[]): string[] => [
  ...new Set(
    columns.filter((id) => /^(last|highest|lowest):/.test(id)).map((id) => id.slice(id.indexOf(':') + 1)),
  ),
];

export function runValue(run: Run, detail: RunDetail | undefined, column: string): CellValue {
  switch (column) {
    case 'name':
      return run.name;
    case 'status':
    case 'task':
    case 'algorithm':
    case 'seed':
    case 'note':
      return run[column];
    case 'created':
      return run.createdAt;
    case 'steps':
      return run.status === 'done' ? run.total : run.done;
    case 'success':
      return run.evaluation?.success ?? null;
    case 'tags':
      return run.tags.join(', ');
  }
  const cut = column.indexOf(':');
  const [kind, name] = [column.slice(0, cut), column.slice(cut + 1)];
  if (kind === 'config') {
    const value = detail?.config[name];
    return typeof value === 'boolean' ? String(value) : (value ?? null);
  }
  return detail?.metrics[name]?.[kind as MetricKind] ?? null;
}

export interface Cell {
  readonly text: string;
  /** Lowest and highest of several seeds; empty else. */
  readonly range: string;
  /** What the cell is sorted by. */
  readonly value: CellValue;
}

/** Of an odd number the middle one, of an even number the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

function shown(value: number, column: string): string {
  if (column === 'success') return `${(100 * value).toFixed(0)} %`;
  if (column === 'seed') return String(value);
  if (column === 'steps') return compact(value);
  if (!column.startsWith('config:')) return short(value);
  return Number.isInteger(value) ? grouped(value) : String(value);
}

/** One cell of a run, or of a group of runs: numbers become their median with the range, words their one value or their number. */
export function cellOf(values: readonly CellValue[], column: string): Cell {
  const known = values.filter((value) => value !== null && value !== '');
  if (known.length === 0) return { text: '–', range: '', value: null };
  const distinct = [...new Set(known)].sort((a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b)),
  );
  const text = (value: CellValue): string =>
    typeof value === 'number' ? shown(value, column) : String(value);
  if (distinct.length === 1) return { text: text(distinct[0]!), range: '', value: distinct[0]! };
  if (column === 'seed') return { text: distinct.join(', '), range: '', value: distinct[0]! };
  const isMeasure = !column.startsWith('config:');
  if (isMeasure && known.every((value) => typeof value === 'number')) {
    const numbers = known as number[];
    const middle = median(numbers);
    return {
      text: text(middle),
      range: `${text(Math.min(...numbers))} to ${text(Math.max(...numbers))}`,
      value: middle,
    };
  }
  if (column === 'status') {
    const counts = distinct.map((one) => `${known.filter((value) => value === one).length} ${one}`);
    return { text: counts.join(', '), range: '', value: counts.join(', ') };
  }
  return { text: `${distinct.length} values`, range: distinct.map(text).join(', '), value: distinct.length };
}

export interface TableRow {
  /** `g2` or a run's number: a side of a comparison. */
  readonly key: string;
  readonly name: string;
  /** One, or the seeds of a group. */
  readonly runs: readonly Run[];
  /** Whether it stands for a group; its runs may follow as rows of their own. */
  readonly isGroup: boolean;
  readonly level: 0 | 1;
}

export interface Sorting {
  readonly column: string;
  readonly descending: boolean;
}

/** Runs as rows, the seeds of a group as one where that is wanted; sorted, what has no value last, newest first among equals. */
export function rowsOf(
  runs: readonly Run[],
  details: ReadonlyMap<number, RunDetail>,
  {
    isGrouped,
    open,
    sorting,
  }: { readonly isGrouped: boolean; readonly open: ReadonlySet<string>; readonly sorting: Sorting },
): TableRow[] {
  const byGroup = new Map<string, Run[]>();
  const tops: TableRow[] = [];
  for (const run of [...runs].sort((a, b) => a.id - b.id)) {
    const group = isGrouped ? run.group : undefined;
    if (group === undefined) {
      tops.push({ key: String(run.id), name: run.name, runs: [run], isGroup: false, level: 0 });
      continue;
    }
    const mates = byGroup.get(group.id);
    if (mates) mates.push(run);
    else {
      const own = [run];
      byGroup.set(group.id, own);
      tops.push({ key: group.id, name: group.name, runs: own, isGroup: true, level: 0 });
    }
  }
  const { column, descending } = sorting;
  const sortValue = (row: TableRow): CellValue =>
    column === 'name'
      ? row.name
      : cellOf(
          row.runs.map((run) => runValue(run, details.get(run.id), column)),
          column,
        ).value;
  const sorted = (rows: readonly TableRow[]): TableRow[] => {
    const keyed = rows.map((row) => ({ row, value: sortValue(row) }));
    keyed.sort((a, b) => {
      if (a.value === null || b.value === null)
        return a.value === b.value ? newest(b.row) - newest(a.row) : a.value === null ? 1 : -1;
      const order =
        typeof a.value === 'number' && typeof b.value === 'number'
          ? a.value - b.value
          : String(a.value).localeCompare(String(b.value), 'en', { numeric: true });
      return (descending ? -order : order) || newest(b.row) - newest(a.row);
    });
    return keyed.map(({ row }) => row);
  };
  return sorted(tops).flatMap((row) =>
    row.isGroup && open.has(row.key)
      ? [
          row,
          ...sorted(
            row.runs.map((run) => ({
              key: String(run.id),
              name: run.name,
              runs: [run],
              isGroup: false,
              level: 1 as const,
            })),
          ),
        ]
      : [row],
  );
}

const newest = (row: TableRow): number => row.runs.at(-1)!.id;

/** The runs of a side: of a group, or the one. */
export const runsOfSide = (runs: Iterable<Run>, side: string): Run[] =>
  [...runs]
    .filter((run) => (/^\d/.test(side) ? String(run.id) === side : run.group?.id === side))
    .sort((a, b) => a.seed - b.seed || a.id - b.id);

/** `fast (g1, 3 seeds)`, `push #7`. */
export function sideTitle(runs: Iterable<Run>, side: string): string {
  const own = runsOfSide(runs, side);
  const first = own[0];
  if (first === undefined) return side;
  if (/^\d/.test(side)) return `${first.name} #${side}`;
  return `${first.group?.name ?? first.name} (${side}, ${own.length} ${own.length === 1 ? 'seed' : 'seeds'})`;
}

/** Groups first, newest first; then the training runs that belong to none. */
export function sidesOf(runs: Iterable<Run>): string[] {
  const all = [...runs].filter(({ kind }) => kind === 'train').sort((a, b) => b.id - a.id);
  const groups = [...new Set(all.flatMap(({ group }) => (group ? [group.id] : [])))];
  return [...groups, ...all.filter(({ group }) => group === undefined).map(({ id }) => String(id))];
}
