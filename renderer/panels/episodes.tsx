// biome-ignore-all lint/a11y/useSemanticElements: a virtual list cannot be a <table>
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid has the focus and names the active row
/** The episode browser: sorted and filtered by the lab, only the rows in view are here. Click opens in A, shift-click beside it. */

import { ActionIcon, Badge, Button, Select, Text, Tooltip } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { type KeyboardEvent, useEffect, useRef, useState } from 'react';
import type { Episode } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { LetterMark } from '../parts/letter.tsx';
import {
  type EpisodeColumn,
  episodeAt,
  needPage,
  pageSize,
  patchEpisode,
  reloadEpisodes,
  setEpisodeQuery,
  useEpisodes,
} from '../state/episodes.ts';
import { addEpisode, openEpisode, type SlotName, usePlayers } from '../state/players.ts';
import { sortedRuns, useRuns } from '../state/runs.ts';
import { compact, grouped } from '../timeline/scale.ts';

const rowHeight = 30;

const columns: readonly { readonly id: EpisodeColumn; readonly title: string; readonly help: string }[] = [
  { id: 'id', title: 'Episode', help: 'Number of the episode, in the order of recording' },
  { id: 'success', title: 'End', help: 'True success at the last frame' },
  { id: 'finalProgress', title: 'Progress', help: 'True progress at the last frame' },
  { id: 'returnTotal', title: 'Return', help: 'Weighted sum of all reward terms' },
  { id: 'length', title: 'Steps', help: 'Control steps' },
  { id: 'trainedSteps', title: 'Trained', help: 'Environment steps the policy had been trained for' },
];

const kindShort: Readonly<Record<Episode['kind'], string>> = {
  demonstration: 'demo',
  failure: 'failure',
  random: 'random',
  training: 'train',
  evaluation: 'eval',
};

export function EpisodesPanel() {
  const state = useEpisodes();
  const runs = useRuns((s) => s.runs);
  const seen = useRuns((s) => s.episodeCount);
  const scroller = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const [cursor, setCursor] = useState<number | null>(null);
  const [isBusy, setBusy] = useState(false);
  const players = usePlayers();
  const lettersOf = (id: number): SlotName[] =>
    players.shown.filter((name) => players[name].loaded?.episode.id === id);
  const isOld = seen > state.asOf;

  // New rows come by themselves only while nobody is reading or aiming: at the top, with pointer and focus elsewhere.
  useEffect(() => {
    if (!isOld || isBusy || top > 0) return;
    const timer = setTimeout(() => reloadEpisodes(useRuns.getState().episodeCount), 1200);
    return () => clearTimeout(timer);
  }, [isOld, isBusy, top, state.asOf]);

  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const first = Math.max(0, Math.floor(top / rowHeight) - 4);
  const last = Math.min(state.total, first + Math.ceil(height / rowHeight) + 8);
  useEffect(() => {
    for (let page = Math.floor(first / pageSize); page * pageSize < last; page++) void needPage(page);
  }, [first, last]);

  const rows = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);

  function move(to: number): void {
    const row = Math.min(state.total - 1, Math.max(0, to));
    setCursor(row);
    const element = scroller.current;
    if (!element) return;
    if (row * rowHeight < element.scrollTop) element.scrollTop = row * rowHeight;
    else if ((row + 1) * rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = (row + 1) * rowHeight - element.clientHeight;
  }

  function onKeyDown(event: KeyboardEvent): void {
    const at = cursor ?? -1;
    const page = Math.max(1, Math.floor(height / rowHeight) - 1);
    const jumps: Readonly<Record<string, number>> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      // Home and End alone go to the first and last frame, here as everywhere.
      ...(event.ctrlKey || event.metaKey ? { Home: 0, End: state.total - 1 } : {}),
    };
    const to = jumps[event.key];
    if (to !== undefined) {
      event.preventDefault();
      move(to);
    } else if (event.key === 'Enter' && cursor !== null && event.target === event.currentTarget) {
      event.preventDefault();
      const episode = episodeAt(state, cursor);
      if (episode) void (event.shiftKey ? addEpisode(episode.id) : openEpisode('a', episode.id));
    }
  }

  const active = cursor === null ? undefined : episodeAt(state, cursor);
  return (
    <div className="panel-column">
      <div className="list-bar">
        <Select
          size="xs"
          className="grow"
          aria-label="Episodes of which run"
          data={[
            { value: 'all', label: 'All runs' },
            ...sortedRuns(runs).map((run) => ({ value: String(run.id), label: `${run.name} #${run.id}` })),
          ]}
          value={state.query.runId === null ? 'all' : String(state.query.runId)}
          onChange={(value) =>
            setEpisodeQuery({ runId: value === null || value === 'all' ? null : Number(value) })
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
          value={state.query.kind ?? 'all'}
          onChange={(value) =>
            setEpisodeQuery({ kind: value === null || value === 'all' ? null : (value as Episode['kind']) })
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
          value={state.query.success === null ? 'all' : state.query.success ? 'yes' : 'no'}
          onChange={(value) =>
            setEpisodeQuery({ success: value === 'yes' ? true : value === 'no' ? false : null })
          }
          allowDeselect={false}
        />
      </div>
      <div className="list-note">
        <Text size="xs" c="dimmed" data-testid="episode-total">
          {grouped(state.total)} {state.total === 1 ? 'episode' : 'episodes'}
        </Text>
        <span className="grow" />
        {isOld && (isBusy || top > 0) && (
          <Button size="compact-xs" variant="light" onClick={() => reloadEpisodes(seen)}>
            Show new episodes
          </Button>
        )}
      </div>
      <div
        className="episode-grid"
        role="grid"
        aria-label="Episodes"
        aria-rowcount={state.total}
        aria-activedescendant={active ? `episode-${active.id}` : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onPointerEnter={() => setBusy(true)}
        onPointerLeave={() => setBusy(false)}
        onFocus={() => setBusy(true)}
        onBlur={() => setBusy(false)}
      >
        <div className="episode-cells episode-head" role="row">
          {columns.map((column) => {
            const isSorted = state.query.sort === column.id;
            return (
              <span
                key={column.id}
                className={column.id === 'id' || column.id === 'success' ? undefined : 'right'}
                role="columnheader"
                aria-sort={isSorted ? (state.query.descending ? 'descending' : 'ascending') : 'none'}
              >
                <Tooltip label={column.help} openDelay={500}>
                  <button
                    type="button"
                    className="column-button"
                    data-sorted={isSorted || undefined}
                    onClick={() =>
                      setEpisodeQuery({
                        sort: column.id,
                        descending: isSorted ? !state.query.descending : true,
                      })
                    }
                  >
                    {column.title}
                    {isSorted && <Icon name={state.query.descending ? 'arrowDown' : 'arrowUp'} size={9} />}
                  </button>
                </Tooltip>
              </span>
            );
          })}
          <span />
        </div>
        <div
          ref={scroller}
          className="grow-scroll"
          // The grid around it has the focus; browsers would add a stop of their own here.
          tabIndex={-1}
          role="rowgroup"
          onScroll={(event) => setTop(event.currentTarget.scrollTop)}
        >
          <div style={{ height: state.total * rowHeight, position: 'relative' }}>
            {rows.map((row) => {
              const episode = episodeAt(state, row);
              return episode ? (
                <EpisodeRow
                  key={episode.id}
                  episode={episode}
                  row={row}
                  letters={lettersOf(episode.id)}
                  hasCursor={row === cursor}
                  onPick={() => setCursor(row)}
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
              No episodes here yet.
            </Text>
          )}
        </div>
      </div>
    </div>
  );
}

function EpisodeRow({
  episode,
  row,
  letters,
  hasCursor,
  onPick,
}: {
  readonly episode: Episode;
  readonly row: number;
  /** Players that show it. */
  readonly letters: readonly SlotName[];
  readonly hasCursor: boolean;
  readonly onPick: () => void;
}) {
  const open = (beside: boolean): void => {
    onPick();
    void (beside ? addEpisode(episode.id) : openEpisode('a', episode.id));
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys are handled by the grid, which owns the focus
    <div
      id={`episode-${episode.id}`}
      role="row"
      aria-rowindex={row + 1}
      aria-selected={letters.length > 0}
      tabIndex={-1}
      className="episode-row episode-cells"
      data-testid="episode-row"
      data-episode={episode.id}
      data-cursor={hasCursor || undefined}
      data-open={letters[0]}
      style={{ top: row * rowHeight }}
      onClick={(event) => open(event.shiftKey)}
    >
      <span role="gridcell" className="mono truncate" title={`${episode.runName}, ${episode.kind}`}>
        {episode.id} <span className="dim kind">{kindShort[episode.kind]}</span>
        {letters.map((name) => (
          <LetterMark key={name} name={name} />
        ))}
      </span>
      <span role="gridcell" className={episode.success ? 'good' : 'dim'} title={episode.ending}>
        <Icon name={episode.success ? 'check' : 'cross'} size={12} />
        <span className="sr-only">{episode.success ? 'success' : 'no success'}</span>
        {episode.ending === 'diverged' && (
          <Badge size="xs" color="red" variant="light" radius="sm">
            div
          </Badge>
        )}
      </span>
      <span role="gridcell" className="mono meter-cell">
        <span className="meter">
          <span style={{ width: `${100 * Math.max(0, Math.min(1, episode.finalProgress))}%` }} />
        </span>
        {episode.finalProgress.toFixed(2)}
      </span>
      <span role="gridcell" className="mono right">
        {episode.returnTotal.toFixed(2)}
      </span>
      <span role="gridcell" className="mono right">
        {episode.length}
      </span>
      <span role="gridcell" className="mono right">
        {compact(episode.trainedSteps)}
      </span>
      <span role="gridcell" className="row-buttons">
        <VerifyButton episode={episode} />
        <Tooltip label="Compare: open beside" openDelay={400}>
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            data-testid="open-b"
            tabIndex={hasCursor ? 0 : -1}
            aria-label={`Open episode ${episode.id} beside the others`}
            onClick={(event) => {
              event.stopPropagation();
              open(true);
            }}
          >
            <Icon name="compare" size={13} />
          </ActionIcon>
        </Tooltip>
      </span>
    </div>
  );
}

/** Replays the episode from seed and actions in the lab and compares every state. */
function VerifyButton({ episode }: { readonly episode: Episode }) {
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
        message: error instanceof Error ? error.message : String(error),
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
}
