/** The worlds of a run while it trains, up to 64 in one picture: what is simulated right now, not what was recorded. */

import './worlds.css';
import { ActionIcon, Button, SegmentedControl, Select, Text, Tooltip } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { lab, useConnection } from '../lab.ts';
import { Icon } from '../parts/icons.tsx';
import { WorldsView } from '../stage/worlds.ts';
import { prefersReducedMotion, useScheme } from '../state/hooks.ts';
import {
  rateText,
  readFrame,
  Traffic,
  toggleWorlds,
  useLive,
  type WorldsFrame,
  worldCounts,
} from '../state/live.ts';
import { messageOf } from '../state/message.ts';
import { openEpisode } from '../state/players.ts';
import { isActive, newestOf, type RunsState, sortedRuns, useRuns } from '../state/runs.ts';
import { grouped, short } from '../timeline/scale.ts';

type Scene = NonNullable<Awaited<ReturnType<typeof lab.live.scene>>['scene']>;

/** The selected run where it trains; else the newest that does; else the selected one, which says why it cannot be watched. */
export function watchedRun({ selected, runs }: Pick<RunsState, 'selected' | 'runs'>): number | null {
  const mine = selected === null ? undefined : runs.get(selected);
  if (mine && isActive(mine)) return mine.id;
  return sortedRuns(runs).find((run) => isActive(run) && run.kind === 'train')?.id ?? mine?.id ?? null;
}

/** Milliseconds between two renewals of the numbers under the picture. */
const factsEveryMs = 250;

interface Facts {
  readonly frame: WorldsFrame;
  readonly bytes: number;
  readonly snapshots: number;
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export function WorldsPanel() {
  const runId = useRuns(watchedRun);
  const run = useRuns((state) => (runId === null ? undefined : state.runs.get(runId)));
  const newest = useRuns((state) => (runId === null ? undefined : newestOf(state, runId)));
  const { count, world, isPaused } = useLive();
  const isOpen = useConnection((state) => state.status === 'open');
  const scheme = useScheme();
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<WorldsView | null>(null);
  const latest = useRef<WorldsFrame | null>(null);
  const [scene, setScene] = useState<Scene | null>(null);
  const [reason, setReason] = useState('');
  const [facts, setFacts] = useState<Facts | null>(null);
  const [hovered, setHovered] = useState<{ place: number; x: number; y: number } | null>(null);

  useEffect(() => {
    if (!host.current) return;
    const made = new WorldsView(
      host.current,
      { scheme, reducedMotion: prefersReducedMotion() },
      {
        onHover: (place, x, y) => setHovered(place < 0 ? null : { place, x, y }),
        onPick: (place) => {
          const id = latest.current?.ids[place];
          if (id === undefined) return;
          useLive.setState((before) => ({ world: before.world === null ? id : null }));
          setHovered(null);
        },
      },
    );
    view.current = made;
    return () => {
      view.current = null;
      made.dispose();
    };
  }, []);

  useEffect(() => view.current?.setScheme(scheme), [scheme]);

  // Another run may have fewer worlds.
  useEffect(() => useLive.setState({ world: null }), [runId]);

  useEffect(() => {
    if (runId === null || !isOpen || isPaused) return;
    const over = new AbortController();
    watch(runId, over.signal, {
      chosen: world === null ? null : [world],
      count,
      view: () => view.current,
      isSeen: () => document.visibilityState === 'visible' && (host.current?.clientWidth ?? 0) > 0,
      onScene: (next, why) => {
        setScene(next);
        setReason(why);
      },
      onFrame: (frame, traffic) => {
        latest.current = frame;
        setReason('');
        if (traffic) setFacts({ frame, ...traffic });
      },
      onWait: setReason,
    }).catch((error: unknown) => {
      if (over.signal.aborted) return;
      setReason(messageOf(error));
    });
    return () => over.abort();
  }, [runId, isOpen, isPaused, count, world]);

  const watchable = scene?.watchable ?? 0;
  const text = runId === null ? 'Select a training run to watch its worlds.' : reason;
  return (
    <div className="panel-column" data-testid="worlds">
      <div className="worlds-bar">
        <SegmentedControl
          size="xs"
          aria-label="Worlds to show"
          data={worldCounts.map((value) => ({ value: String(value), label: String(value) }))}
          value={String(count)}
          onChange={(value) =>
            useLive.setState({ count: Number(value) as (typeof worldCounts)[number], world: null })
          }
          data-testid="worlds-count"
        />
        <Select
          size="xs"
          w={112}
          aria-label="One world alone"
          data={[
            { value: 'all', label: 'All worlds' },
            ...Array.from({ length: watchable }, (_, i) => ({ value: String(i), label: `World ${i}` })),
          ]}
          value={world === null ? 'all' : String(world)}
          allowDeselect={false}
          onChange={(value) => useLive.setState({ world: value === 'all' ? null : Number(value) })}
          data-testid="worlds-one"
        />
        <Tooltip label={isPaused ? 'Go on watching' : 'Hold the picture; the run goes on'}>
          <ActionIcon
            variant={isPaused ? 'light' : 'subtle'}
            color={isPaused ? 'blue' : 'gray'}
            aria-label="Pause the view of the worlds"
            aria-pressed={isPaused}
            onClick={toggleWorlds}
            data-testid="worlds-pause"
          >
            <Icon name={isPaused ? 'play' : 'pause'} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="See all of them again">
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Fit the camera to the worlds"
            onClick={() => view.current?.fit()}
          >
            <Icon name="enlarge" />
          </ActionIcon>
        </Tooltip>
        <span className="grow" />
        {run && (
          <Text size="xs" c="dimmed" truncate maw={220}>
            {run.name} #{run.id}
          </Text>
        )}
        <Button
          size="compact-xs"
          variant="default"
          disabled={!newest}
          onClick={() => newest && void openEpisode('a', newest.id)}
          data-testid="worlds-episode"
        >
          Newest episode
        </Button>
      </div>
      <div className="worlds-room" ref={host}>
        {text !== '' && (
          <div className="worlds-hint" role="status">
            <span>{text}</span>
          </div>
        )}
        {hovered && facts && <WorldLabel frame={facts.frame} scene={scene} {...hovered} />}
      </div>
      {facts && scene && <Foot facts={facts} scene={scene} />}
    </div>
  );
}

interface Watch {
  readonly chosen: readonly number[] | null;
  readonly count: number;
  readonly view: () => WorldsView | null;
  /** Nothing is asked for while nobody could see it. */
  readonly isSeen: () => boolean;
  readonly onScene: (scene: Scene | null, reason: string) => void;
  readonly onFrame: (frame: WorldsFrame, traffic: { bytes: number; snapshots: number } | null) => void;
  readonly onWait: (reason: string) => void;
}

/** Asks for one snapshot after the other, the next one when the last is drawn, until the signal. */
async function watch(runId: number, signal: AbortSignal, options: Watch): Promise<void> {
  const { chosen, count, view, isSeen, onScene, onFrame, onWait } = options;
  const traffic = new Traffic();
  let scene: Scene | null = null;
  let since = 0;
  let saidAt = 0;
  while (!signal.aborted) {
    if (!isSeen()) {
      await sleep(400);
      continue;
    }
    if (scene === null) {
      const answer = await lab.live.scene({ runId }, { signal });
      onScene(answer.scene, answer.reason);
      if (answer.scene === null) {
        await sleep(700);
        continue;
      }
      scene = answer.scene;
      view()?.setBodies(scene.bodies);
    }
    const ask = { runId, since, worlds: count, waitMs: 2000 };
    const answer = await lab.live.frame(chosen === null ? ask : { ...ask, chosen: [...chosen] }, { signal });
    since = answer.sequence;
    if (answer.state === 'none') {
      // The last picture stays, with the word why there is no newer one.
      onWait(answer.reason);
      scene = null;
      await sleep(700);
    } else if (answer.state === 'waiting') onWait(answer.reason);
    if (answer.data === null || signal.aborted) continue;
    traffic.add(performance.now(), answer.data.length);
    const frame = readFrame(answer.data, chosen, answer.step);
    view()?.show(frame);
    const now = performance.now();
    const isTime = now - saidAt >= factsEveryMs;
    if (isTime) saidAt = now;
    onFrame(frame, isTime ? traffic.rate(now) : null);
    await view()?.drawn();
  }
}

const percent = (value: number | undefined): string =>
  value === undefined || !Number.isFinite(value) ? '–' : `${Math.round(100 * value)} %`;

function WorldLabel({
  frame,
  scene,
  place,
  x,
  y,
}: {
  readonly frame: WorldsFrame;
  readonly scene: Scene | null;
  readonly place: number;
  readonly x: number;
  readonly y: number;
}) {
  const id = frame.ids[place];
  if (id === undefined) return null;
  return (
    <div
      className="worlds-label mono"
      data-left={x > 320 || undefined}
      style={{ left: x, top: y }}
      data-testid="world-label"
    >
      <strong>World {id}</strong> · {scene?.stages[frame.stage[place]!]?.title ?? ''}
      <br />
      true progress {percent(frame.progress[place])}
      {frame.learned && ` · learned ${percent(frame.learned[place])}`}
      <br />
      return {short(frame.returns[place])} after {grouped(frame.episodeStep[place]!)} steps
      {scene?.learns[id] !== undefined && (
        <>
          <br />
          here the {scene.learns[id]} learn
        </>
      )}
    </div>
  );
}

const mean = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

/** What the picture says, in numbers. */
function Foot({ facts, scene }: { readonly facts: Facts; readonly scene: Scene }) {
  const { frame, bytes, snapshots } = facts;
  const won = Math.round(mean(frame.success) * frame.ids.length);
  return (
    <div className="worlds-foot mono" data-testid="worlds-foot">
      <span className="worlds-key">
        <i style={{ background: 'var(--lab-true)' }} />
        true progress {percent(mean(frame.progress))}
      </span>
      {frame.learned && (
        <span className="worlds-key">
          <i style={{ background: 'var(--lab-learned)' }} />
          {scene.learned[0]} {percent(mean(frame.learned))}
        </span>
      )}
      <span>
        {won} of {frame.ids.length} succeed
      </span>
      <span className="dim">
        {frame.ids.length} of {scene.worlds} worlds · step {grouped(frame.step)}
      </span>
      <span className="grow" />
      <span className="dim" data-testid="worlds-rate">
        {snapshots.toFixed(1)} a second · {rateText(bytes)}
      </span>
    </div>
  );
}
