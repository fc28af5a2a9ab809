// biome-ignore-all lint/a11y/useSemanticElements: a virtual list cannot be a <table>
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names the active row
/**
 * The episode browser: sorted and filtered by the lab, only the rows in view are here. Click opens in A, shift-click beside it; with
 * Ctrl a click chooses, for stars, tags and the trash.
 */

import { ActionIcon, Badge, Button, Progress, Select, Text, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import {
  type CSSProperties,
  type KeyboardEvent,
  type MouseEvent,
  memo,
  type ReactNode,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { Episode } from '../../lab/api.ts';
import { lab, useConnection } from '../lab.ts';
import { EpisodeActions, EpisodeFilter } from '../parts/episode-tools.tsx';
import { Icon } from '../parts/icons.tsx';
import { LetterMark } from '../parts/letter.tsx';
import { ThumbnailPicture } from '../parts/thumbnail.tsx';
import {
  chooseAll,
  chooseNone,
  chooseTo,
  type EpisodeColumn,
  type EpisodeSort,
  episodeAt,
  loadFacets,
  needPages,
  pageSize,
  patchEpisode,
  reloadEpisodes,
  setEpisodeQuery,
  toggleChosen,
  toggleStar,
  useEpisodes,
  withTrash,
} from '../state/episodes.ts';
import { useScheme } from '../state/hooks.ts';
import { messageOf } from '../state/message.ts';
import { addEpisode, openEpisode, type SlotName, usePlayers } from '../state/players.ts';
import { sortedRuns, useRuns } from '../state/runs.ts';
import {
  closeThumbnails,
  listScrolled,
  setThumbnailScheme,
  setThumbnailsInView,
  thumbnailSize,
} from '../state/thumbnails.ts';
import { compact, grouped } from '../timeline/scale.ts';
import './episodes.css';

/** Pixels; with pictures, and without. */
const rowHeights = { tall: 44, low: 30 } as const;
const headHeight = 26;

interface Column {
  readonly title: string;
  readonly help: string;
  /** Pixels it has at least, and its share of what is left. */
  readonly width: readonly [least: number, share: number];
  /** Tags and pictures have no order. */
  readonly sort: EpisodeSort | null;
  readonly isText?: boolean;
  /** `isAimedAt`: pointer or keyboard are on the row. */
  readonly cell: (episode: Episode, isAimedAt: boolean) => ReactNode;
}

const number = (value: number | null | undefined): ReactNode =>
  value === null || value === undefined ? <span className="dim">–</span> : value.toFixed(2);

const columnInfo: Readonly<Record<Exclude<EpisodeColumn, `return:${string}`>, Column>> = {
  picture: {
    title: 'Picture',
    help: 'Its last frame; under the pointer or the keyboard first, middle and last frame in turn',
    width: [thumbnailSize.width, 0],
    sort: null,
    isText: true,
    cell: ({ id }, isAimedAt) => <ThumbnailPicture id={id} isAimedAt={isAimedAt} />,
  },
  success: {
    title: 'End',
    help: 'True success at the last frame',
    width: [22, 0],
    sort: 'success',
    isText: true,
    cell: (episode) => (
      <span className={episode.success ? 'good' : 'dim'} title={episode.ending}>
        <Icon name={episode.success ? 'check' : 'cross'} size={12} />
        <span className="sr-only">{episode.success ? 'success' : 'no success'}</span>
        {episode.ending === 'diverged' && (
          <Badge size="xs" color="red" variant="light" radius="sm">
            div
          </Badge>
        )}
      </span>
    ),
  },
  finalProgress: {
    title: 'Progress',
    help: 'True progress at the last frame',
    width: [58, 1],
    sort: 'finalProgress',
    cell: (episode) => <Meter value={episode.finalProgress} />,
  },
  learnedProgress: {
    title: 'Learned',
    help: 'Learned progress at the last frame, by the first model that the episode was recorded with',
    width: [58, 1],
    sort: 'learnedProgress',
    cell: ({ learnedProgress }) =>
      learnedProgress === null ? number(null) : <Meter value={learnedProgress} isLearned />,
  },
  gap: {
    title: 'Gap',
    help: 'Learned minus true progress at the last frame',
    width: [44, 0.6],
    sort: 'gap',
    cell: ({ learnedProgress, finalProgress }) =>
      number(learnedProgress === null ? null : learnedProgress - finalProgress),
  },
  returnTotal: {
    title: 'Return',
    help: 'Weighted sum of all reward terms',
    width: [44, 0.7],
    sort: 'returnTotal',
    cell: (episode) => number(episode.returnTotal),
  },
  length: {
    title: 'Steps',
    help: 'Control steps',
    width: [34, 0],
    sort: 'length',
    cell: (episode) => episode.length,
  },
  trainedSteps: {
    title: 'Trained',
    help: 'Environment steps the policy had been trained for',
    width: [42, 0.7],
    sort: 'trainedSteps',
    cell: (episode) => compact(episode.trainedSteps),
  },
  jerk: {
    title: 'Jerk',
    help: 'Root mean square of the second difference of the actions',
    width: [44, 0.6],
    sort: 'jerk',
    cell: (episode) => number(episode.jerk),
  },
  createdAt: {
    title: 'Recorded',
    help: 'When it was recorded',
    width: [84, 0.8],
    sort: 'createdAt',
    cell: (episode) =>
      new Date(episode.createdAt).toLocaleString('en-GB', {
        day: '2-digit',
        month: 'short',
        hour: '2-digit',
        minute: '2-digit',
      }),
  },
  tags: {
    title: 'Tags',
    help: 'Words of yours; the tag button above edits them',
    width: [80, 1.4],
    sort: null,
    isText: true,
    cell: ({ tags }) => (
      <span className="episode-tags" title={tags.join(', ')}>
        {tags.map((tag) => (
          <span key={tag} className="episode-tag">
            {tag}
          </span>
        ))}
      </span>
    ),
  },
};

function columnOf(id: EpisodeColumn): Column {
  if (!id.startsWith('return:')) return columnInfo[id as keyof typeof columnInfo];
  const term = id.slice('return:'.length);
  return {
    title: term.split('/').at(-1) ?? term,
    help: `Unweighted sum of ${term}`,
    width: [52, 0.7],
    sort: id as EpisodeSort,
    cell: ({ returns }) => number(returns[term]),
  };
}

const choosable = Object.entries(columnInfo).map(([id, { title, help }]) => ({
  id: id as EpisodeColumn,
  title,
  help,
}));

const usual: readonly EpisodeColumn[] = [
  'picture',
  'success',
  'finalProgress',
  'returnTotal',
  'length',
  'trainedSteps',
];
/** Pixels of padding, star, number and the buttons at the end, with the gaps between them. */
const fixedWidth = 18 + 20 + 4 + 80 + 4 + 48;

const leastWidth = (ids: readonly EpisodeColumn[]): number =>
  ids.reduce((sum, id) => sum + columnOf(id).width[0] + 4, fixedWidth);

/** Where room is short, what most episodes have in common gives way. */
function fitting(width: number): readonly EpisodeColumn[] {
  let count = usual.length;
  while (count > 4 && leastWidth(usual.slice(0, count)) > width) count--;
  return usual.slice(0, count);
}

const kindShort: Readonly<Record<Episode['kind'], string>> = {
  demonstration: 'demo',
  failure: 'failure',
  random: 'random',
  training: 'train',
  evaluation: 'eval',
};

function Meter({ value, isLearned }: { readonly value: number; readonly isLearned?: boolean }) {
  return (
    <span className="meter-cell">
      <span className="meter" data-learned={isLearned || undefined}>
        <span style={{ width: `${100 * Math.max(0, Math.min(1, value))}%` }} />
      </span>
      {value.toFixed(2)}
    </span>
  );
}

export function EpisodesPanel() {
  const state = useEpisodes();
  const { top, cursor } = state;
  const seen = useRuns((s) => s.episodeCount);
  const isOpen = useConnection((s) => s.status === 'open');
  const grid = useRef<HTMLDivElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const scrolled = useRef(0);
  const [{ width, height }, setSize] = useState({ width: 400, height: 400 });
  const [isBusy, setBusy] = useState(false);
  const [isShown, setShown] = useState(true);
  const [hasFocus, setFocus] = useState(false);
  const ids = useMemo(() => state.columns ?? fitting(width), [state.columns, width]);
  const hasPictures = ids.includes('picture');
  const rowHeight = hasPictures ? rowHeights.tall : rowHeights.low;
  // A plain text compares by what it says: rows of other episodes stay as they are.
  const letters = usePlayers(({ shown, ...slots }) =>
    shown.map((name) => `${name}${slots[name].loaded?.episode.id ?? ''}`).join(),
  );
  const lettersOf = (id: number): string =>
    letters
      .split(',')
      .filter((one) => one.slice(1) === String(id))
      .map((one) => one[0])
      .join('');
  const isOld = seen > state.asOf;

  // New rows come by themselves only while nobody is reading or aiming: at the top, with pointer and focus elsewhere.
  useEffect(() => {
    if (!isOld || isBusy || top > 0) return;
    const timer = setTimeout(() => void reloadEpisodes(useRuns.getState().episodeCount), 1200);
    return () => clearTimeout(timer);
  }, [isOld, isBusy, top, state.asOf]);

  useEffect(() => {
    if (isOpen) void loadFacets();
  }, [isOpen]);

  // A panel that was hidden comes back scrolled to its top.
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      setShown(element.clientHeight > 0);
      if (element.clientHeight === 0) return;
      setSize({ width: element.clientWidth, height: element.clientHeight - headHeight });
      element.scrollTop = useEpisodes.getState().top;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // Someone else than the wheel has moved the list.
  useEffect(() => {
    if (scroller.current && top !== scrolled.current) scroller.current.scrollTop = top;
  }, [top]);

  useEffect(() => {
    const element = scroller.current;
    if (!element || cursor === null) return;
    if (cursor * rowHeight < element.scrollTop) element.scrollTop = cursor * rowHeight;
    else if ((cursor + 1) * rowHeight > element.scrollTop + height)
      element.scrollTop = (cursor + 1) * rowHeight - height;
  }, [cursor, height, rowHeight]);

  // The row that is on top stays there when rows become taller or lower.
  const heightBefore = useRef(rowHeight);
  useLayoutEffect(() => {
    const before = heightBefore.current;
    heightBefore.current = rowHeight;
    if (before === rowHeight || !scroller.current) return;
    scroller.current.scrollTop = (useEpisodes.getState().top / before) * rowHeight;
  }, [rowHeight]);

  const scheme = useScheme();
  useEffect(() => setThumbnailScheme(scheme), [scheme]);
  useEffect(() => (hasPictures ? closeThumbnails : undefined), [hasPictures]);

  const first = Math.max(0, Math.floor(top / rowHeight) - 4);
  const last = Math.min(state.total, first + Math.ceil(height / rowHeight) + 8);
  // asked again when pages were thrown away
  useEffect(() => {
    if (last > first && state.pages.size > 0)
      void needPages(Math.floor(first / pageSize), Math.floor((last - 1) / pageSize));
  }, [first, last, state.pages]);

  const rows = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
  useEffect(() => {
    if (!hasPictures) return;
    const seenRows = isShown
      ? rows.filter((row) => (row + 1) * rowHeight > top && row * rowHeight < top + height)
      : [];
    setThumbnailsInView(seenRows.flatMap((row) => episodeAt(state, row)?.id ?? []));
  });

  function onKeyDown(event: KeyboardEvent): void {
    const at = cursor ?? -1;
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const hasMod = event.ctrlKey || event.metaKey;
    const jumps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      // Home and End alone go to the first and last frame, here as everywhere.
      ...(hasMod ? { Home: 0, End: state.total - 1 } : {}),
    };
    const to = jumps[event.key];
    const isOnRow = event.target === event.currentTarget;
    const letter = event.key.toLowerCase();
    const keyed = ((): (() => unknown) | null => {
      if (to !== undefined && state.total > 0) {
        const row = Math.min(state.total - 1, Math.max(0, to));
        if (hasMod && event.shiftKey) return () => chooseTo(row);
        return () => useEpisodes.setState({ cursor: row });
      }
      if (event.key === 'Enter' && cursor !== null && isOnRow) {
        const episode = episodeAt(state, cursor);
        if (episode) return () => (event.shiftKey ? addEpisode(episode.id) : openEpisode('a', episode.id));
      }
      if (event.key === ' ' && hasMod && cursor !== null)
        return () => (event.shiftKey ? chooseTo(cursor) : toggleChosen(cursor));
      if (letter === 'a' && hasMod && !event.shiftKey && state.total > 0) return chooseAll;
      if (event.key === 'Escape' && state.chosen.size > 0) return chooseNone;
      if (letter === 's' && !hasMod && !event.shiftKey && !event.altKey) return () => toggleStar();
      if (event.key === 'Delete' && state.query.trash === 'without') return () => withTrash();
      return null;
    })();
    if (!keyed) return;
    event.preventDefault();
    void keyed();
  }

  const columns = useMemo(() => ids.map((id) => ({ id, ...columnOf(id) })), [ids]);
  const least = leastWidth(ids);
  const cells = columns.map(({ width: [from, share] }) =>
    share > 0 ? `minmax(${from}px, ${share}fr)` : `${from}px`,
  );
  const template = `20px minmax(80px, 1.3fr) ${cells.join(' ')} 48px`;
  const active = cursor === null ? undefined : episodeAt(state, cursor);
  const focusGrid = useCallback(() => grid.current?.focus({ preventScroll: true }), []);
  const pick = useCallback(
    (row: number, event: MouseEvent): void => {
      focusGrid();
      const episode = episodeAt(useEpisodes.getState(), row);
      if (!episode) return;
      if (event.ctrlKey || event.metaKey) {
        if (event.shiftKey) void chooseTo(row);
        else toggleChosen(row);
        return;
      }
      useEpisodes.setState({ cursor: row, anchor: row });
      void (event.shiftKey ? addEpisode(episode.id) : openEpisode('a', episode.id));
    },
    [focusGrid],
  );
  return (
    <div className="panel-column">
      <ListBar />
      <EpisodeFilter columns={choosable} shown={ids} onDone={focusGrid} />
      <div className="list-note episode-note">
        <Text size="xs" c="dimmed" data-testid="episode-total" aria-live="polite">
          {state.chosen.size > 0
            ? `${grouped(state.chosen.size)} of ${grouped(state.total)} chosen`
            : `${grouped(state.total)} ${state.total === 1 ? 'episode' : 'episodes'}${state.query.trash === 'only' ? ' in the trash' : ''}`}
        </Text>
        <span className="grow" />
        {isOld && (isBusy || top > 0) && (
          <Button size="compact-xs" variant="light" onClick={() => void reloadEpisodes(seen)}>
            Show new episodes
          </Button>
        )}
        <EpisodeActions />
      </div>
      <Measuring />
      <div
        ref={grid}
        className="episode-grid"
        role="grid"
        aria-label="Episodes"
        aria-rowcount={state.total}
        aria-multiselectable
        aria-activedescendant={active ? `episode-${active.id}` : undefined}
        tabIndex={0}
        data-testid="episode-grid"
        onKeyDown={onKeyDown}
        onPointerEnter={() => setBusy(true)}
        onPointerLeave={() => setBusy(false)}
        onFocus={() => {
          setBusy(true);
          setFocus(true);
        }}
        onBlur={() => {
          setBusy(false);
          setFocus(false);
        }}
      >
        <div
          ref={scroller}
          className="grow-scroll"
          // The grid around it has the focus; browsers would add a stop of their own here.
          tabIndex={-1}
          role="rowgroup"
          onScroll={(event) => {
            const element = event.currentTarget;
            if (element.clientHeight === 0) return;
            scrolled.current = element.scrollTop;
            listScrolled();
            useEpisodes.setState({ top: element.scrollTop });
          }}
        >
          <div className="episode-head-group" style={{ minWidth: least }}>
            <div className="episode-cells episode-head" role="row" style={{ gridTemplateColumns: template }}>
              <Head sort="starred" title="Star" help="Starred episodes" icon />
              <Head
                sort="id"
                title="Episode"
                help="Number of the episode, in the order of recording"
                isText
              />
              {columns.map(({ id, ...column }) => (
                <Head key={id} {...column} />
              ))}
              <span role="columnheader">
                <span className="sr-only">Verify, compare</span>
              </span>
            </div>
          </div>
          <div
            style={
              {
                '--row-height': `${rowHeight}px`,
                height: state.total * rowHeight,
                minWidth: least,
                position: 'relative',
              } as CSSProperties
            }
          >
            {rows.map((row) => {
              const episode = episodeAt(state, row);
              return episode ? (
                <EpisodeRow
                  key={episode.id}
                  episode={episode}
                  row={row}
                  columns={columns}
                  template={template}
                  letters={lettersOf(episode.id)}
                  top={row * rowHeight}
                  hasCursor={row === cursor}
                  hasFocus={hasFocus && row === cursor}
                  isChosen={state.chosen.has(episode.id)}
                  onPick={pick}
                />
              ) : (
                <div key={`gap-${row}`} className="episode-row-gap" style={{ top: row * rowHeight }} />
              );
            })}
          </div>
          {state.error && (
            <Text size="sm" c="red" p="md" role="alert">
              {state.error}
            </Text>
          )}
          {!state.loading && !state.error && state.total === 0 && (
            <Text size="sm" c="dimmed" ta="center" p="lg">
              {state.query.trash === 'only'
                ? 'Nothing in the trash fits.'
                : state.query.filter !== ''
                  ? 'No episode fits the filter.'
                  : 'No episodes here yet.'}
            </Text>
          )}
        </div>
      </div>
    </div>
  );
}

/** The lab is at work on what episodes of an older database can be sorted by. */
function Measuring() {
  const measuring = useRuns((state) => state.measuring);
  if (measuring === null) return null;
  const { done, total } = measuring;
  return (
    <div
      className="list-note"
      title="Filters and orders by these columns miss the other older episodes until then"
    >
      <div className="grow">
        <Text size="xs" c="dimmed" role="status" truncate data-testid="measuring">
          Jerk and learned progress of older episodes: {grouped(done)} of {grouped(total)}
        </Text>
        <Progress
          value={(100 * done) / total}
          size="sm"
          radius="xl"
          mt={4}
          aria-label="Older episodes worked through"
        />
      </div>
    </div>
  );
}

/** Of which run, which kind, which end. The list around it is drawn again for every row that is picked. */
const ListBar = memo(function ListBar() {
  const query = useEpisodes((state) => state.query);
  const runs = useRuns((state) => state.runs);
  return (
    <div className="list-bar">
      <Select
        size="xs"
        className="grow"
        aria-label="Episodes of which run"
        data={[
          { value: 'all', label: 'All runs' },
          ...sortedRuns(runs).map((run) => ({ value: String(run.id), label: `${run.name} #${run.id}` })),
        ]}
        value={query.runId === null ? 'all' : String(query.runId)}
        onChange={(value) =>
          void setEpisodeQuery({ runId: value === null || value === 'all' ? null : Number(value) })
        }
        allowDeselect={false}
      />
      <Select
        size="xs"
        w={102}
        aria-label="Kind of episode"
        data={[
          { value: 'all', label: 'All kinds' },
          { value: 'demonstration', label: 'Demos' },
          { value: 'training', label: 'Training' },
          { value: 'evaluation', label: 'Evaluation' },
          { value: 'failure', label: 'Failures' },
          { value: 'random', label: 'Random' },
        ]}
        value={query.kind ?? 'all'}
        onChange={(value) =>
          void setEpisodeQuery({
            kind: value === null || value === 'all' ? null : (value as Episode['kind']),
          })
        }
        allowDeselect={false}
      />
      <Select
        size="xs"
        w={100}
        aria-label="Outcome"
        data={[
          { value: 'all', label: 'Any end' },
          { value: 'yes', label: 'Success' },
          { value: 'no', label: 'Failure' },
        ]}
        value={query.success === null ? 'all' : query.success ? 'yes' : 'no'}
        onChange={(value) =>
          void setEpisodeQuery({ success: value === 'yes' ? true : value === 'no' ? false : null })
        }
        allowDeselect={false}
      />
    </div>
  );
});

const Head = memo(function Head({
  sort,
  title,
  help,
  isText = false,
  icon = false,
}: {
  readonly sort: EpisodeSort | null;
  readonly title: string;
  readonly help: string;
  readonly isText?: boolean;
  /** A star stands for its title. */
  readonly icon?: boolean;
}) {
  const query = useEpisodes((state) => state.query);
  const isSorted = sort !== null && query.sort === sort;
  return (
    <span
      className={isText || icon ? 'truncate' : 'right truncate'}
      role="columnheader"
      aria-sort={isSorted ? (query.descending ? 'descending' : 'ascending') : 'none'}
    >
      {sort === null ? (
        <span className="column-title" title={help}>
          {title}
        </span>
      ) : (
        <Tooltip label={help} openDelay={500}>
          <button
            type="button"
            className="column-button"
            data-sorted={isSorted || undefined}
            aria-label={icon ? title : undefined}
            onClick={() => void setEpisodeQuery({ sort, descending: isSorted ? !query.descending : true })}
          >
            {icon ? <Icon name={isSorted ? 'starred' : 'star'} size={11} /> : title}
            {isSorted && !icon && <Icon name={query.descending ? 'arrowDown' : 'arrowUp'} size={9} />}
          </button>
        </Tooltip>
      )}
    </span>
  );
});

/** Drawn again only when something of its own is new: each has tooltips, which are dear, and a list has dozens of them. */
const EpisodeRow = memo(function EpisodeRow({
  episode,
  row,
  columns,
  template,
  letters,
  top,
  hasCursor,
  hasFocus,
  isChosen,
  onPick,
}: {
  readonly episode: Episode;
  readonly row: number;
  readonly columns: readonly (Column & { readonly id: EpisodeColumn })[];
  readonly template: string;
  /** Of the players that show it. */
  readonly letters: string;
  /** Pixels from the top of the list. */
  readonly top: number;
  readonly hasCursor: boolean;
  /** The keyboard is on it, and in the list. */
  readonly hasFocus: boolean;
  readonly isChosen: boolean;
  readonly onPick: (row: number, event: MouseEvent) => void;
}) {
  const [isOver, setOver] = useState(false);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the grid, which owns the focus
    <div
      id={`episode-${episode.id}`}
      role="row"
      aria-rowindex={row + 1}
      aria-selected={isChosen}
      tabIndex={-1}
      className="episode-row episode-cells"
      data-testid="episode-row"
      data-episode={episode.id}
      data-cursor={hasCursor || undefined}
      data-chosen={isChosen || undefined}
      data-open={letters[0]}
      style={{ top, gridTemplateColumns: template }}
      onClick={(event) => onPick(row, event)}
      onPointerEnter={() => setOver(true)}
      onPointerLeave={() => setOver(false)}
    >
      <span role="gridcell">
        <button
          type="button"
          className="star-button"
          tabIndex={-1}
          aria-pressed={episode.starred}
          aria-label={`Star, episode ${episode.id}`}
          data-testid="star"
          onClick={(event) => {
            event.stopPropagation();
            void toggleStar([episode]);
          }}
        >
          <Icon name={episode.starred ? 'starred' : 'star'} size={13} />
        </button>
      </span>
      <span role="gridcell" className="mono truncate" title={`${episode.runName}, ${episode.kind}`}>
        {episode.id} <span className="dim kind">{kindShort[episode.kind]}</span>
        {([...letters] as SlotName[]).map((name) => (
          <LetterMark key={name} name={name} />
        ))}
      </span>
      {columns.map(({ id, isText, cell }) => (
        <span key={id} role="gridcell" className={isText ? 'truncate' : 'mono right'}>
          {cell(episode, isOver || hasFocus)}
        </span>
      ))}
      <span role="gridcell" className="row-buttons">
        <VerifyButton episode={episode} />
        <BesideButton id={episode.id} row={row} isStop={hasCursor} />
      </span>
    </div>
  );
});

const BesideButton = memo(function BesideButton({
  id,
  row,
  isStop,
}: {
  readonly id: number;
  readonly row: number;
  /** Of the keyboard: Tab comes to it. */
  readonly isStop: boolean;
}) {
  return (
    <Tooltip label="Compare: open beside" openDelay={400}>
      <ActionIcon
        size="sm"
        variant="subtle"
        color="gray"
        data-testid="open-b"
        tabIndex={isStop ? 0 : -1}
        aria-label={`Open episode ${id} beside the others`}
        onClick={(event) => {
          event.stopPropagation();
          useEpisodes.setState({ cursor: row, anchor: row });
          void addEpisode(id);
        }}
      >
        <Icon name="compare" size={13} />
      </ActionIcon>
    </Tooltip>
  );
});

/** Replays the episode from seed and actions in the lab and compares every state. */
const VerifyButton = memo(function VerifyButton({ episode }: { readonly episode: Episode }) {
  const [busy, setBusy] = useState(false);
  async function verify(): Promise<void> {
    setBusy(true);
    try {
      const { ok, message } = await lab.episodes.verify({ id: episode.id });
      patchEpisode(episode.id, { verified: ok });
      notifications.show({
        title: `Episode ${episode.id} ${ok ? 'replays exactly' : 'drifts'}`,
        message,
        color: ok ? 'teal' : 'red',
      });
    } catch (error) {
      notifications.show({
        title: `Episode ${episode.id} could not be verified`,
        message: messageOf(error),
        color: 'red',
      });
    } finally {
      setBusy(false);
    }
  }
  const label =
    episode.verified === null
      ? 'Verify: replay from seed and actions'
      : episode.verified
        ? 'Verified: replays exactly'
        : 'Replay drifted';
  return (
    <Tooltip label={label} openDelay={400}>
      <ActionIcon
        size="sm"
        variant="subtle"
        color={episode.verified === null ? 'gray' : episode.verified ? 'teal' : 'red'}
        loading={busy}
        tabIndex={-1}
        data-testid="verify"
        aria-label={`${label}, episode ${episode.id}`}
        onClick={(event) => {
          event.stopPropagation();
          void verify();
        }}
      >
        <Icon name="shield" size={14} />
      </ActionIcon>
    </Tooltip>
  );
});
