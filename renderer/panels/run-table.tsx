/** Runs side by side as a wide table: seeds of a group in one row, any setting or metric as a column, tags and notes, what differs. */

import {
  ActionIcon,
  Badge,
  Button,
  Checkbox,
  Group,
  MultiSelect,
  SegmentedControl,
  Switch,
  Table,
  TagsInput,
  Text,
  Textarea,
  TextInput,
  Tooltip,
} from '@mantine/core';
import { useEffect, useMemo, useRef, useState } from 'react';
import type { ComparisonInfo } from '../../lab/api.ts';
import { lab, useConnection } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { WideButton } from '../parts/wide-button.tsx';
import { sideColour } from '../state/colours.ts';
import { configDifference } from '../state/config-difference.ts';
import { drawSides } from '../state/curve-view.ts';
import { useScheme } from '../state/hooks.ts';
import { palette } from '../state/layout.ts';
import {
  type Cell,
  cellOf,
  columnOf,
  fixedColumns,
  rowsOf,
  runsOfSide,
  runValue,
  sideTitle,
  type TableRow,
} from '../state/run-rows.ts';
import {
  comparedSides,
  loadDetails,
  loadPinned,
  loadWanted,
  markRuns,
  pinSide,
  sortBy,
  toggleChecked,
  toggleOpen,
  useRunTable,
} from '../state/run-table.ts';
import { useRuns } from '../state/runs.ts';
import { selectRun } from '../state/sync.ts';
import { short } from '../timeline/scale.ts';
import { EmptyHint } from './stage.tsx';
import './run-table.css';

/** Rows that are drawn at first; the rest is asked for. */
const fewRows = 300;

export function RunTablePanel() {
  const runs = useRuns((state) => state.runs);
  const isOpen = useConnection((state) => state.status === 'open');
  const columns = useRunTable((state) => state.columns);
  const error = useRunTable((state) => state.error);
  const compared = useRunTable((state) => comparedSides(state).join());
  const progress = useRuns((state) => [...state.metricStep.values()].reduce((a, b) => a + b, 0));
  const known = useMemo(() => [...runs.values()].map((run) => `${run.id}${run.status}`).join(), [runs]);
  const hasMetrics = columns.some((id) => /^(last|highest|lowest):/.test(id));
  // Settings never change; metrics do while a run is at work, and are asked for once in three seconds.
  const news = hasMetrics ? progress : 0;
  useEffect(() => {
    if (isOpen) void loadPinned();
  }, [isOpen]);
  // asked again when runs, columns or metrics are new
  useEffect(() => {
    if (!isOpen) return;
    const timer = setTimeout(() => void loadDetails(), news === 0 ? 0 : 3000);
    return () => clearTimeout(timer);
  }, [isOpen, known, columns, news]);
  if (runs.size === 0) return <EmptyHint>No runs yet: what is started stands here side by side.</EmptyHint>;
  return (
    <div className="panel-column" data-testid="run-table">
      <Bar />
      {error !== null && (
        <Text size="xs" c="var(--lab-bad)" px="sm" pb={4} role="alert" data-testid="run-table-error">
          {error}
        </Text>
      )}
      <RunTable />
      {compared !== '' && <Comparison />}
    </div>
  );
}

function Bar() {
  const { columns, isGrouped, allKinds, filter, filterError, metricNames, details } = useRunTable();
  const choices = useMemo(() => {
    const settings = [...new Set([...details.values()].flatMap(({ config }) => Object.keys(config)))].sort();
    const metric = (kind: string) =>
      metricNames.map((name) => ({ value: `${kind}:${name}`, label: columnOf(`${kind}:${name}`).title }));
    return [
      { group: 'Metrics, newest value', items: metric('last') },
      { group: 'Metrics, highest value', items: metric('highest') },
      { group: 'Metrics, lowest value', items: metric('lowest') },
      { group: 'Settings', items: settings.map((path) => ({ value: `config:${path}`, label: path })) },
    ];
  }, [details, metricNames]);
  return (
    <div className="run-table-bar">
      <TextInput
        size="xs"
        className="run-table-filter"
        aria-label="Filter runs"
        placeholder="Words, or success:>0.9 tag:good"
        title="Words in name, task, tags or note; or an expression over fields, settings and metrics (docs/filters.md)"
        error={filterError}
        value={filter}
        onChange={(event) => useRunTable.setState({ filter: event.currentTarget.value })}
        data-testid="run-filter"
      />
      <MultiSelect
        size="xs"
        className="run-table-columns"
        aria-label="Columns of settings and metrics"
        placeholder={columns.length === 0 ? 'More columns: any setting, any metric' : ''}
        data={choices}
        value={[...columns]}
        onChange={(value) => useRunTable.setState({ columns: value })}
        searchable
        clearable
        hidePickedOptions
        limit={80}
        maxDropdownHeight={320}
        clearButtonProps={{ 'aria-label': 'Take all of these columns out' }}
        data-testid="run-columns"
      />
      <Switch
        size="xs"
        label="Seeds in one row"
        checked={isGrouped}
        onChange={(event) => useRunTable.setState({ isGrouped: event.currentTarget.checked })}
      />
      <Switch
        size="xs"
        label="All kinds"
        title="Demonstrations, fits and evaluations too"
        checked={allKinds}
        onChange={(event) => useRunTable.setState({ allKinds: event.currentTarget.checked })}
      />
      <span className="grow" />
      <WideButton panel="run-table" why="the table is wide" />
    </div>
  );
}

function RunTable() {
  const runs = useRuns((state) => state.runs);
  const { columns, sorting, isGrouped, allKinds, filter, wanted: fitting, open, details } = useRunTable();
  useEffect(() => {
    // Asked again when runs came or moved on; not for each letter.
    const timer = setTimeout(() => void loadWanted(), filter === '' || runs.size === 0 ? 0 : 250);
    return () => clearTimeout(timer);
  }, [filter, runs]);
  const [most, setMost] = useState(fewRows);
  const wanted = useMemo(
    () =>
      [...runs.values()].filter(
        (run) => (allKinds || run.kind === 'train') && (fitting === null || fitting.has(run.id)),
      ),
    [runs, allKinds, fitting],
  );
  const rows = useMemo(
    () => rowsOf(wanted, details, { isGrouped, open, sorting }),
    [wanted, details, isGrouped, open, sorting],
  );
  const shown = [...fixedColumns, ...columns.map(columnOf)];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be in reach of the keyboard
    <section className="run-table-scroll" tabIndex={0} aria-label="Runs side by side">
      <Table className="run-table" fz="xs" verticalSpacing={3} horizontalSpacing={8} stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col">
              <span className="sr-only">Compare</span>
            </Table.Th>
            <Head id="name" title="Run" help="Name; of a group of seeds its name" />
            <Head id="tags" title="Tags" help="Click to edit; with undo" />
            {shown.map(({ id, title, help }) => (
              <Head key={id} id={id} title={title} help={help} />
            ))}
            <Head id="note" title="Note" help="Click to edit; with undo" />
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.slice(0, most).map((row) => (
            <Row key={`${row.level}/${row.key}`} row={row} columns={shown.map(({ id }) => id)} />
          ))}
        </Table.Tbody>
      </Table>
      {rows.length === 0 && <EmptyHint>No run fits the filter.</EmptyHint>}
      {rows.length > most && (
        <Button size="compact-xs" variant="default" m="sm" onClick={() => setMost(most + 1000)}>
          Show more: {rows.length - most} rows are left
        </Button>
      )}
    </section>
  );
}

function Head({ id, title, help }: { readonly id: string; readonly title: string; readonly help: string }) {
  const sorting = useRunTable((state) => state.sorting);
  const isSorted = sorting.column === id;
  return (
    <Table.Th
      scope="col"
      aria-sort={isSorted ? (sorting.descending ? 'descending' : 'ascending') : 'none'}
      title={help}
    >
      <button
        type="button"
        className="column-button"
        data-sorted={isSorted || undefined}
        onClick={() => sortBy(id)}
      >
        {title}
        {isSorted && <Icon name={sorting.descending ? 'arrowDown' : 'arrowUp'} size={10} />}
      </button>
    </Table.Th>
  );
}

function Row({ row, columns }: { readonly row: TableRow; readonly columns: readonly string[] }) {
  const scheme = useScheme();
  const details = useRunTable((state) => state.details);
  const isChecked = useRunTable((state) => state.checked.includes(row.key));
  const isPinned = useRunTable((state) => state.pinned === row.key);
  const isOpen = useRunTable((state) => state.open.has(row.key));
  const isSelected = useRuns((state) => row.runs.some(({ id }) => id === state.selected));
  const title = row.isGroup ? `group ${row.key}` : `run ${row.key}`;
  const first = row.runs[0]!;
  return (
    <Table.Tr
      data-testid="run-table-row"
      data-side={row.key}
      data-selected={(isSelected && !row.isGroup) || undefined}
      data-level={row.level}
    >
      <Table.Td>
        <Checkbox
          size="xs"
          aria-label={`Compare ${title}, ${row.name}`}
          checked={isChecked}
          onChange={() => toggleChecked(row.key)}
        />
      </Table.Td>
      <Table.Th scope="row">
        <span className="run-table-name">
          {row.isGroup ? (
            <ActionIcon
              size={18}
              variant="subtle"
              color="gray"
              aria-label={`${isOpen ? 'Hide' : 'Show'} the seeds of ${row.name}`}
              aria-expanded={isOpen}
              onClick={() => toggleOpen(row.key)}
            >
              <span className="chevron" data-open={isOpen || undefined}>
                <Icon name="chevron" size={11} />
              </span>
            </ActionIcon>
          ) : (
            <span className="run-table-gap" />
          )}
          <span className="swatch" style={{ background: sideColour(palette, row.key, scheme) }} />
          <button
            type="button"
            className="run-table-open truncate"
            title={row.isGroup ? `${row.name}: show its seeds` : `${row.name}: select it`}
            onClick={() => (row.isGroup ? toggleOpen(row.key) : void selectRun(first.id))}
          >
            {row.name}
          </button>
          <span className="dim mono nowrap">
            {row.isGroup ? `${row.key} · ${row.runs.length} seeds` : `#${row.key}`}
          </span>
          <Tooltip label={isPinned ? 'The pinned baseline; click to unpin' : 'Pin as the baseline'}>
            <ActionIcon
              size={18}
              className="run-table-pin"
              variant={isPinned ? 'light' : 'subtle'}
              color={isPinned ? 'blue' : 'gray'}
              aria-label={`Pin ${title} as the baseline`}
              aria-pressed={isPinned}
              onClick={() => void pinSide(isPinned ? null : row.key)}
              data-testid={`pin-${row.key}`}
            >
              <Icon name="pin" size={11} />
            </ActionIcon>
          </Tooltip>
          {isPinned && <span className="run-table-mark">baseline</span>}
        </span>
      </Table.Th>
      <Table.Td>
        <TagsCell row={row} />
      </Table.Td>
      {columns.map((id) => (
        <Table.Td key={id} data-column={id}>
          <CellView
            cell={cellOf(
              row.runs.map((run) => runValue(run, details.get(run.id), id)),
              id,
            )}
          />
        </Table.Td>
      ))}
      <Table.Td>
        <NoteCell row={row} />
      </Table.Td>
    </Table.Tr>
  );
}

function CellView({ cell: { text, range } }: { readonly cell: Cell }) {
  return (
    <span className={text === '–' ? 'dim' : undefined} title={range || undefined}>
      {text}
      {range !== '' && <span className="run-table-range">{range}</span>}
    </span>
  );
}

const isEditable = (): boolean => useRuns.getState().info?.readOnly !== true;

/** Tags that all runs of the row have; those that only some have are marked. */
function TagsCell({ row }: { readonly row: TableRow }) {
  const [isEditing, setEditing] = useState(false);
  const all = [...new Set(row.runs.flatMap(({ tags }) => tags))].sort();
  const common = all.filter((tag) => row.runs.every(({ tags }) => tags.includes(tag)));
  const [draft, setDraft] = useState<string[]>([]);
  // What was typed last becomes a tag only as the focus leaves.
  const latest = useRef<readonly string[]>([]);
  const change = (tags: readonly string[]): void => {
    latest.current = [...new Set(tags.map((tag) => tag.trim().slice(0, 60)).filter(Boolean))];
    setDraft([...latest.current]);
  };
  const what = row.isGroup ? `group ${row.key}` : `run ${row.key}`;
  const known = useRuns((state) => state.runs);
  const suggestions = useMemo(
    () => (isEditing ? [...new Set([...known.values()].flatMap(({ tags }) => tags))].sort() : []),
    [known, isEditing],
  );
  if (!isEditing) {
    return (
      <button
        type="button"
        className="run-table-edit"
        data-testid={`tags-${row.key}`}
        disabled={!isEditable()}
        onClick={() => {
          change(common);
          setEditing(true);
        }}
      >
        <span className="sr-only">Edit the tags of {what}: </span>
        {all.length === 0 && <span className="run-table-add">add</span>}
        {all.map((tag) => (
          <span
            key={tag}
            className="run-tag"
            data-some={!common.includes(tag) || undefined}
            title={common.includes(tag) ? undefined : 'Only some of its seeds have it'}
          >
            {tag}
          </span>
        ))}
      </button>
    );
  }
  const commit = (): void => {
    setEditing(false);
    const added = latest.current.filter((tag) => !common.includes(tag));
    const removed = common.filter((tag) => !latest.current.includes(tag));
    if (added.length === 0 && removed.length === 0) return;
    const marks = row.runs.map(({ id, tags }) => ({
      id,
      tags: [...new Set([...tags.filter((tag) => !removed.includes(tag)), ...added])],
    }));
    const words = [...added.map((tag) => `add "${tag}"`), ...removed.map((tag) => `remove "${tag}"`)];
    void markRuns(`tag ${what}: ${words.join(', ')}`, marks);
  };
  return (
    <TagsInput
      size="xs"
      autoFocus
      className="run-table-tags"
      aria-label={`Tags of ${what}`}
      data={suggestions}
      value={draft}
      onChange={change}
      onBlur={() => setTimeout(commit, 0)}
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          change(common);
          event.currentTarget.blur();
        }
        if (event.key === 'Enter' && event.currentTarget.value === '') event.currentTarget.blur();
      }}
      acceptValueOnBlur
      maxTags={50}
    />
  );
}

function NoteCell({ row }: { readonly row: TableRow }) {
  const [draft, setDraft] = useState<string | null>(null);
  const isDropped = useRef(false);
  const notes = [...new Set(row.runs.map(({ note }) => note))];
  const what = row.isGroup ? `group ${row.key}` : `run ${row.key}`;
  if (draft === null) {
    const said = notes.filter(Boolean);
    return (
      <button
        type="button"
        className="run-table-edit run-table-note"
        title={said.join('\n') || undefined}
        data-testid={`note-${row.key}`}
        disabled={!isEditable()}
        onClick={() => {
          isDropped.current = false;
          setDraft(notes.length === 1 ? notes[0]! : '');
        }}
      >
        <span className="sr-only">Edit the note of {what}: </span>
        {said.length === 0 ? (
          <span className="run-table-add">add</span>
        ) : said.length > 1 ? (
          `${said.length} notes`
        ) : (
          said[0]
        )}
      </button>
    );
  }
  const commit = (): void => {
    setDraft(null);
    if (isDropped.current) return;
    // A group with several notes keeps them until something is written.
    if (notes.length === 1 ? draft === notes[0] : draft === '') return;
    void markRuns(
      `note of ${what}`,
      row.runs.map(({ id }) => ({ id, note: draft })),
    );
  };
  return (
    <Textarea
      size="xs"
      autoFocus
      autosize
      maxRows={6}
      maxLength={5000}
      className="run-table-tags"
      aria-label={`Note of ${what}`}
      placeholder={notes.length > 1 ? 'Replaces the notes of all seeds' : ''}
      value={draft}
      onChange={(event) => setDraft(event.currentTarget.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          // What is thrown away is not written when the focus leaves.
          isDropped.current = true;
          event.currentTarget.blur();
        }
        if (event.key === 'Enter' && !event.shiftKey) {
          event.preventDefault();
          event.currentTarget.blur();
        }
      }}
    />
  );
}

// What is compared

type View = 'differences' | 'success' | 'progress' | 'return';

function Comparison() {
  const runs = useRuns((state) => state.runs);
  const pinned = useRunTable((state) => state.pinned);
  const checked = useRunTable((state) => state.checked);
  const [view, setView] = useState<View>('differences');
  const sides = useMemo(
    () => comparedSides({ pinned, checked }).filter((side) => runsOfSide(runs.values(), side).length > 0),
    [pinned, checked, runs],
  );
  if (checked.length === 0) return null;
  return (
    <section className="run-compare" aria-label="Comparison" data-testid="run-compare">
      <div className="run-compare-bar">
        <SegmentedControl
          size="xs"
          aria-label="What to compare"
          value={view}
          onChange={(value) => setView(value as View)}
          data={[
            { value: 'differences', label: 'Settings that differ' },
            { value: 'success', label: 'Success' },
            { value: 'progress', label: 'Progress' },
            { value: 'return', label: 'Return' },
          ]}
        />
        <Text size="xs" c="dimmed" className="grow" truncate>
          {pinned !== null && sides[0] === pinned
            ? `against the pinned baseline ${sideTitle(runs.values(), pinned)}`
            : `against the first that was chosen`}
        </Text>
        <Button size="compact-xs" variant="default" onClick={() => drawSides(sides)} data-testid="draw-sides">
          Draw as curves
        </Button>
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          onClick={() => useRunTable.setState({ checked: [] })}
        >
          Clear
        </Button>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: as above */}
      <section className="run-compare-body" tabIndex={0} aria-label="Result of the comparison">
        {sides.length < 2 ? (
          <EmptyHint>Choose a second run or group, or pin one as the baseline.</EmptyHint>
        ) : view === 'differences' ? (
          <Differences sides={sides} />
        ) : (
          <Numbers sides={sides} metric={view} />
        )}
      </section>
    </section>
  );
}

function Differences({ sides }: { readonly sides: readonly string[] }) {
  const runs = useRuns((state) => state.runs);
  const details = useRunTable((state) => state.details);
  const sections = useMemo(
    () =>
      configDifference(
        sides.map((side) =>
          runsOfSide(runs.values(), side).flatMap(({ id }) => {
            const detail = details.get(id);
            return detail ? [detail.config] : [];
          }),
        ),
      ),
    [sides, runs, details],
  );
  if (sections.length === 0)
    return <EmptyHint>All settings, versions and devices are the same. Seeds are not settings.</EmptyHint>;
  return (
    <Table className="run-diff" fz="xs" verticalSpacing={3} horizontalSpacing={10} data-testid="run-diff">
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">Setting</Table.Th>
          {sides.map((side) => (
            <Table.Th key={side} scope="col">
              <SideName side={side} />
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      {sections.map(({ title, lines }) => (
        <Table.Tbody key={title}>
          {title !== '' && (
            <Table.Tr className="run-diff-section">
              <Table.Th scope="rowgroup" colSpan={sides.length + 1}>
                {title}
              </Table.Th>
            </Table.Tr>
          )}
          {lines.map(({ path, name, values, isOther }) => (
            <Table.Tr key={path} data-path={path}>
              <Table.Th scope="row" data-inner={title !== '' || undefined}>
                {name}
              </Table.Th>
              {values.map((value, i) => (
                <Table.Td key={i} data-other={isOther[i] || undefined}>
                  {isOther[i] ? <strong>{value}</strong> : value}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      ))}
    </Table>
  );
}

function SideName({ side }: { readonly side: string }) {
  const runs = useRuns((state) => state.runs);
  const scheme = useScheme();
  return (
    <span className="run-chip">
      <span className="swatch" style={{ background: sideColour(palette, side, scheme) }} />
      <span>{sideTitle(runs.values(), side)}</span>
    </span>
  );
}

const verdictColour = {
  better: 'teal',
  worse: 'red',
  'cannot tell': 'gray',
  'not measurable': 'gray',
} as const;

const rangeText = (interval: { readonly low: number; readonly high: number } | null | undefined): string =>
  interval ? `${short(interval.low)} to ${short(interval.high)}` : '';

/** What `lab compare` says of the stored evaluations. */
function Numbers({
  sides,
  metric,
}: {
  readonly sides: readonly string[];
  readonly metric: Exclude<View, 'differences'>;
}) {
  const [found, setFound] = useState<ComparisonInfo | null>(null);
  const [error, setError] = useState<string | null>(null);
  const key = sides.join();
  const ended = useRuns((state) =>
    sides.flatMap((side) => runsOfSide(state.runs.values(), side).map(({ status }) => status)).join(),
  );
  // asked again when a run has ended
  useEffect(() => {
    const call = new AbortController();
    setFound(null);
    setError(null);
    lab.runs.compare({ sides: key.split(','), metric }, { signal: call.signal }).then(
      (answer) => setFound(answer),
      (cause: unknown) => {
        if (!call.signal.aborted) setError(cause instanceof Error ? cause.message : String(cause));
      },
    );
    return () => call.abort();
  }, [key, metric, ended]);
  if (error !== null)
    return (
      <Text size="xs" p="sm" role="alert" data-testid="compare-error">
        {error}
      </Text>
    );
  if (found === null) return <EmptyHint>Reading the stored evaluations…</EmptyHint>;
  const seedsOf = (side: string): readonly number[] =>
    found.sides.find((one) => one.side === side)?.seeds ?? [];
  return (
    <div className="run-numbers" data-testid="run-numbers">
      <Table fz="xs" verticalSpacing={3} horizontalSpacing={10}>
        <Table.Thead>
          <Table.Tr>
            {['side', 'seeds', 'success', `IQM of ${metric}`, 'mean', 'deviation over seeds', 'curve'].map(
              (title) => (
                <Table.Th key={title} scope="col">
                  {title}
                </Table.Th>
              ),
            )}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {found.sides.map((side) => (
            <Table.Tr key={side.side}>
              <Table.Th scope="row">
                <SideName side={side.side} />
              </Table.Th>
              <Table.Td>{side.seeds.join(', ')}</Table.Td>
              <Measured value={side.success} range={rangeText(side.interval)} />
              <Measured value={side.iqm} range={rangeText(side.iqmInterval)} />
              <Measured value={side.mean} range="" />
              <Measured value={side.deviation} range="" />
              <Measured value={side.curve?.mean ?? null} range={rangeText(side.curve?.interval)} />
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Table fz="xs" verticalSpacing={3} horizontalSpacing={10} mt="sm">
        <Table.Thead>
          <Table.Tr>
            {[
              'against the first',
              'of',
              'verdict',
              'difference',
              'p',
              'probability of improvement',
              'same seeds',
            ].map((title) => (
              <Table.Th key={title} scope="col">
                {title}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {found.differences.map((line) => (
            <Table.Tr key={`${line.side}/${line.of}`}>
              <Table.Th scope="row">
                <SideName side={line.side} />
              </Table.Th>
              <Table.Td>{line.of}</Table.Td>
              <Table.Td>
                <Badge
                  size="sm"
                  radius="sm"
                  variant="light"
                  className="no-caps"
                  color={verdictColour[line.verdict]}
                >
                  {line.verdict}
                </Badge>
                <span className="run-table-range">{line.why}</span>
              </Table.Td>
              <Measured value={line.difference} range={rangeText(line.interval)} />
              <Td2
                text={line.p === null ? '–' : line.p < 0.001 ? '< 0.001' : line.p.toFixed(3)}
                under={line.test}
              />
              <Measured
                value={line.improvement?.probability ?? null}
                range={rangeText(line.improvement?.interval)}
              />
              <Td2
                text={
                  seedsOf(line.side)
                    .filter((seed) => seedsOf(line.against).includes(seed))
                    .join(', ') || 'none'
                }
                under={
                  line.pairs === null
                    ? ''
                    : `starts better / worse / equal: ${line.pairs.wins} / ${line.pairs.losses} / ${line.pairs.ties}`
                }
              />
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {[found.protocol.sides, found.protocol.differences, ...found.notes].map((line) => (
        <p key={line} className="judge-note">
          {line}.
        </p>
      ))}
      <Group gap={6} mt={4}>
        <code className="judge-command">
          lab compare {sides.join(' ')} --metric {metric}
        </code>
      </Group>
    </div>
  );
}

function Measured({ value, range }: { readonly value: number | null; readonly range: string }) {
  return <Td2 text={value === null ? 'not measurable' : short(value)} under={range} isDim={value === null} />;
}

function Td2({
  text,
  under,
  isDim,
}: {
  readonly text: string;
  readonly under: string;
  readonly isDim?: boolean;
}) {
  return (
    <Table.Td>
      <span className={isDim ? 'dim' : undefined}>{text}</span>
      {under !== '' && <span className="run-table-range">{under}</span>}
    </Table.Td>
  );
}
