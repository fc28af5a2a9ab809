/** The stage: one episode, or up to nine side by side, or as ghosts in one scene, on one clock with one camera. */

import './stage.css';
import { ActionIcon, Badge, Loader, Stack, Text, Tooltip } from '@mantine/core';
import { memo, useEffect, useRef, useState } from 'react';
import { useConnection } from '../lab.ts';
import { CommandButton } from '../parts/command-button.tsx';
import { CompareBar } from '../parts/compare-bar.tsx';
import { DriveBar } from '../parts/drive-bar.tsx';
import { Icon } from '../parts/icons.tsx';
import { LetterButton, useLetterStyle } from '../parts/letter.tsx';
import { GhostLayer } from '../stage/ghosts.ts';
import { columnsOf } from '../stage/grid.ts';
import { labelOf } from '../stage/label.ts';
import { rendersInSoftware } from '../stage/set.ts';
import { type CameraPose, StageView } from '../stage/view.ts';
import { enterView, stageViews } from '../stage/views.ts';
import { prefersReducedMotion, useFrame, useScheme } from '../state/hooks.ts';
import { useView } from '../state/layout.ts';
import { messageOf } from '../state/message.ts';
import {
  clock,
  closeSlot,
  frameIn,
  positionIn,
  type SlotName,
  setActive,
  swapPlayers,
  usePlayers,
} from '../state/players.ts';
import { isEdited } from '../state/probe.ts';
import { type Quality, useMeasured, useQuality } from '../state/quality.ts';
import { isActive, useRuns } from '../state/runs.ts';
import { useStageLook } from '../state/stage-look.ts';
import { grouped } from '../timeline/scale.ts';
import { StageLegend, StageTools } from './stage-tools.tsx';
import { Welcome } from './welcome.tsx';

export function StagePanel() {
  const shown = usePlayers((state) => state.shown);
  const isEmpty = usePlayers((state) => state.a.source.type === 'none');
  const hasRuns = useRuns((state) => state.runs.size > 0);
  const loaded = useRuns((state) => state.loaded);
  if (loaded && isEmpty && shown.length === 1 && !hasRuns) return <Welcome />;
  return <Stages />;
}

function Stages() {
  const shown = usePlayers((state) => state.shown);
  const ghosts = usePlayers((state) => state.ghosts);
  const room = useRef<HTMLDivElement>(null);
  const [size, setSize] = useState({ width: 4, height: 3 });
  const isSeveral = shown.length > 1;
  const views = ghosts ? shown.slice(0, 1) : shown;

  useEffect(() => {
    const element = room.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width > 0 && height > 0) setSize({ width, height });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  return (
    <div className="stage-panel">
      {isSeveral && <CompareBar />}
      <div
        ref={room}
        className="stages"
        data-many={views.length > 3 || undefined}
        style={{
          gridTemplateColumns: `repeat(${columnsOf(views.length, size.width, size.height)}, minmax(0, 1fr))`,
        }}
      >
        {views.map((name) => (
          <StageSlot key={name} name={name} lettered={isSeveral} />
        ))}
      </div>
      <DriveBar />
    </div>
  );
}

function StageSlot({ name, lettered }: { readonly name: SlotName; readonly lettered: boolean }) {
  const isFailed = usePlayers((state) => state[name].status === 'failed');
  const isEmpty = usePlayers((state) => state[name].loaded === null);
  const isActive = usePlayers((state) => state.active === name);
  const style = useLetterStyle(name);
  return (
    <section
      className="stage-slot"
      aria-label={lettered ? `Stage ${name.toUpperCase()}` : 'Stage'}
      data-active={(lettered && isActive) || undefined}
      style={style}
    >
      <StageHeader name={name} lettered={lettered} />
      <div className="stage-body">
        <StageCanvas name={name} />
        {lettered && <GhostLegend />}
        <StageLegend name={name} />
        {isFailed && <Failure name={name} />}
        {isEmpty && !isFailed && (
          <div className="stage-message">
            <Placeholder name={name} />
          </div>
        )}
      </div>
    </section>
  );
}

function Failure({ name }: { readonly name: SlotName }) {
  const error = usePlayers((state) => state[name].error);
  return (
    <div className="stage-message" role="alert">
      <Text fw={600}>This episode could not be opened</Text>
      <Text size="sm" c="dimmed">
        {error}
      </Text>
    </div>
  );
}

/** Who is who in one scene; also the way to the ghosts, which have no header of their own. */
function GhostLegend() {
  const ghosts = usePlayers((state) => state.ghosts);
  const shown = usePlayers((state) => state.shown);
  if (!ghosts) return null;
  return (
    <ul className="ghost-legend" aria-label="Episodes in this scene">
      {shown.map((name, i) => (
        <GhostEntry key={name} name={name} isGhost={i > 0} />
      ))}
    </ul>
  );
}

function GhostEntry({ name, isGhost }: { readonly name: SlotName; readonly isGhost: boolean }) {
  const { loaded } = usePlayers((state) => state[name]);
  const frame = useFrame(name);
  return (
    <li>
      <LetterButton name={name} />
      <span className="mono">{loaded ? `#${loaded.episode.id}` : 'no episode'}</span>
      {loaded && (
        <>
          <Icon name={loaded.episode.success ? 'check' : 'cross'} size={10} />
          <span className="sr-only">{loaded.episode.success ? 'success' : 'no success'}</span>
          <span className="dim mono">
            step {frame} / {loaded.length}
          </span>
        </>
      )}
      {isGhost && <CloseButton name={name} />}
    </li>
  );
}

function CloseButton({ name }: { readonly name: SlotName }) {
  return (
    <ActionIcon
      size="sm"
      variant="subtle"
      color="gray"
      aria-label={`Close ${name.toUpperCase()}`}
      onClick={(event) => {
        // The header around it makes its player the active one.
        event.stopPropagation();
        closeSlot(name);
      }}
    >
      <Icon name="close" size={12} />
    </ActionIcon>
  );
}

function Placeholder({ name }: { readonly name: SlotName }) {
  const slot = usePlayers((state) => state[name]);
  const status = useConnection((state) => state.status);
  const runId = slot.source.type === 'live' ? slot.source.runId : null;
  const phase = useRuns((state) => (runId === null ? null : (state.runs.get(runId)?.phase ?? null)));
  if (status !== 'open') return <Text c="dimmed">Connecting to the lab…</Text>;
  if (slot.source.type === 'live')
    return (
      <Stack align="center" gap="xs">
        <Loader size="sm" type="dots" />
        <Text size="sm" c="dimmed">
          Waiting for the first episode of this run{phase ? ` (${phase})` : ''}
        </Text>
      </Stack>
    );
  if (slot.status === 'loading') return <Loader size="sm" aria-label="Loading the episode" />;
  return (
    <Text size="sm" c="dimmed">
      {name === 'a'
        ? 'Pick an episode from the list'
        : 'Shift-click an episode, or press its compare button, to open it here'}
    </Text>
  );
}

/** Its parts watch what they say: buttons and menus are not drawn again for every episode. */
function StageHeader({ name, lettered }: { readonly name: SlotName; readonly lettered: boolean }) {
  return (
    <header className="stage-header" {...(lettered ? { onClick: () => setActive(name) } : {})}>
      {lettered && <LetterButton name={name} />}
      <StageFacts name={name} />
      <span className="grow" />
      <LiveBadge name={name} />
      <StageTools name={name} />
      {name === 'a' && !lettered && (
        <CommandButton command="compare" icon="compare" size="sm" testId="compare" />
      )}
      {lettered && name !== 'a' && (
        <Tooltip label={`Swap ${name.toUpperCase()} with A`} openDelay={400}>
          <ActionIcon
            size="sm"
            variant="subtle"
            color="gray"
            className="stage-swap"
            aria-label={`Swap ${name.toUpperCase()} with A`}
            onClick={() => {
              setActive(name);
              swapPlayers();
            }}
          >
            <Icon name="swap" size={13} />
          </ActionIcon>
        </Tooltip>
      )}
      {lettered && <CloseButton name={name} />}
    </header>
  );
}

/** The run that a player follows, where it follows one. */
const useLiveRun = (name: SlotName) => {
  const id = usePlayers(({ [name]: { source } }) => (source.type === 'live' ? source.runId : null));
  return useRuns((state) => (id === null ? undefined : state.runs.get(id)));
};

function StageFacts({ name }: { readonly name: SlotName }) {
  const loaded = usePlayers((state) => state[name].loaded);
  const liveRun = useLiveRun(name);
  if (!loaded)
    return (
      <Text size="sm" c="dimmed">
        {liveRun?.name ?? 'No episode'}
      </Text>
    );
  const { id, runName, kind, seed, success, ending } = loaded.episode;
  return (
    <>
      <Text size="sm" fw={600} className="stage-run" truncate title={runName}>
        {runName}
      </Text>
      <Text
        size="xs"
        c="dimmed"
        className="stage-facts"
        truncate
        title={`episode ${id}, ${kind}, seed ${seed}`}
      >
        <span className="wide">episode </span>
        <span className="narrow">#</span>
        {id}
        <span className="wide">
          {' '}
          · {kind} · seed {seed}
        </span>
      </Text>
      <Outcome success={success} ending={ending} />
      <StageNow name={name} />
    </>
  );
}

function LiveBadge({ name }: { readonly name: SlotName }) {
  const follows = usePlayers((state) => state[name].source.type === 'live');
  const steps = usePlayers(({ [name]: { loaded } }) =>
    follows && loaded ? loaded.episode.trainedSteps : null,
  );
  const run = useLiveRun(name);
  const isLive = run !== undefined && isActive(run);
  if (!follows) return null;
  return (
    <Badge
      color={isLive ? 'red' : 'gray'}
      variant="light"
      radius="sm"
      size="sm"
      data-testid="live-badge"
      {...(isLive ? { leftSection: <span className="live-dot" /> } : {})}
      className="no-caps"
    >
      {isLive ? 'LIVE' : 'Latest'}
      {steps !== null && <span className="wide"> at {grouped(steps)} steps</span>}
    </Badge>
  );
}

const Outcome = memo(function Outcome({
  success,
  ending,
}: {
  readonly success: boolean;
  readonly ending: string;
}) {
  const label = success ? 'success' : ending === 'diverged' ? 'diverged' : 'no success';
  const colour = success ? 'teal' : ending === 'diverged' ? 'red' : 'gray';
  return (
    <Tooltip label={`The episode ended ${ending}`} openDelay={400}>
      <Badge
        color={colour}
        variant="light"
        radius="sm"
        size="sm"
        className="no-caps outcome"
        leftSection={<Icon name={success ? 'check' : 'cross'} size={10} />}
      >
        {label}
      </Badge>
    </Tooltip>
  );
});

function StageNow({ name }: { readonly name: SlotName }) {
  const frame = useFrame(name);
  const title = usePlayers(({ [name]: { loaded } }) => {
    const stage = loaded?.trueStage[frame] ?? 0;
    return loaded && (loaded.stages[stage]?.title ?? `stage ${stage}`);
  });
  if (title === null) return null;
  return (
    <Badge variant="default" radius="sm" size="sm" className="no-caps" data-testid={`stage-now-${name}`}>
      {title}
    </Badge>
  );
}

/** Circumference of the two rings of the progress label. */
const outer = 2 * Math.PI * 17;
const inner = 2 * Math.PI * 12;

function StageCanvas({ name }: { readonly name: SlotName }) {
  const host = useRef<HTMLDivElement>(null);
  const label = useRef<HTMLDivElement>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const scheme = useScheme();
  const loaded = usePlayers((state) => state[name].loaded);
  const camera = useView((state) => state.camera);
  const view = useRef<StageView | null>(null);
  const quality = useQuality(rendersInSoftware());
  /** Where the camera of the view before stood, when another quality needs another view. */
  const lastPose = useRef<CameraPose | null>(null);

  useEffect(() => {
    if (!host.current) return;
    try {
      const made = new StageView(
        host.current,
        { scheme, reducedMotion: prefersReducedMotion(), quality },
        {
          onDraw: (anchor) => placeLabel(label.current, anchor, name),
          onCamera: (pose) => {
            // A camera moved in one moves in all.
            for (const [other, one] of stageViews) if (other !== name) one.place(pose);
          },
          onQuality: (measured) => useMeasured.setState({ measured }),
        },
      );
      made.canvas.dataset['testid'] = `stage-${name}`;
      made.canvas.setAttribute('role', 'img');
      made.canvas.setAttribute('aria-label', `3D view ${name.toUpperCase()}; drag to turn, wheel to zoom`);
      const sibling = [...stageViews.values()][0];
      const leave = enterView(name, made);
      view.current = made;
      made.load(usePlayers.getState()[name].loaded);
      if (lastPose.current) made.place(lastPose.current);
      else if (sibling) made.place(sibling.pose());
      const follow = (): void => made.setFrame(positionIn(name));
      follow();
      const stop = clock.subscribe(follow);
      // Another alignment shows another frame at the same time.
      const stopMaps = usePlayers.subscribe((state, before) => {
        if (state.maps !== before.maps) follow();
      });
      return () => {
        stop();
        stopMaps();
        leave();
        view.current = null;
        lastPose.current = made.pose();
        made.dispose();
      };
    } catch (error) {
      setFailure(messageOf(error));
    }
  }, [name, quality]);

  useEffect(() => {
    view.current?.setScheme(scheme);
  }, [scheme]);

  useEffect(() => {
    view.current?.load(loaded);
    const [first] = usePlayers.getState().shown;
    const sibling = name === first ? undefined : stageViews.get(first!);
    if (sibling && usePlayers.getState()[first!].loaded) view.current?.place(sibling.pose());
    view.current?.setFrame(positionIn(name));
  }, [loaded, name]);

  useGhosts(name, view, quality);

  useEffect(() => {
    // Only the first flies; the others follow its camera.
    if (camera.count > 0 && name === usePlayers.getState().shown[0]) view.current?.fly(camera.preset);
  }, [camera, name]);

  return (
    <>
      <div ref={host} className="stage-host" />
      <div ref={label} className="stage-label" aria-hidden="true" hidden>
        <svg width="42" height="42" viewBox="0 0 42 42" aria-hidden="true">
          <circle cx="21" cy="21" r="17" className="ring-back" />
          <circle cx="21" cy="21" r="17" className="ring-true" strokeDasharray={outer} />
          <circle cx="21" cy="21" r="12" className="ring-learned" strokeDasharray={inner} />
        </svg>
        <div className="stage-label-text">
          <div className="label-true" />
          <div className="label-learned" />
        </div>
      </div>
      {failure && (
        <div className="stage-message" role="alert">
          <Text fw={600}>The 3D view could not start</Text>
          <Text size="sm" c="dimmed">
            {failure}. Check that WebGL is switched on.
          </Text>
        </div>
      )}
    </>
  );
}

/** Lays the other players into the first one's view while they are to be ghosts. */
function useGhosts(name: SlotName, view: { readonly current: StageView | null }, quality: Quality): void {
  const scheme = useScheme();
  const isHost = usePlayers((state) => state.ghosts && state.shown[0] === name);
  // Again whenever another episode comes on; a list of plain numbers compares by its text.
  const others = usePlayers((state) =>
    isHost
      ? state.shown
          .slice(1)
          .map((one) => `${one}${state[one].loaded?.episode.id ?? ''}`)
          .join()
      : '',
  );
  useEffect(() => {
    const stage = view.current;
    if (!stage || others === '') return;
    const state = usePlayers.getState();
    const layer = new GhostLayer(
      state.shown.slice(1).flatMap((one) => {
        const episode = state[one].loaded;
        return episode ? [{ name: one, episode }] : [];
      }),
      scheme,
      positionIn,
    );
    const leave = stage.add(layer);
    const follow = (): void => {
      if (layer.follow()) stage.redraw();
    };
    const stopClock = clock.subscribe(follow);
    const stopMaps = usePlayers.subscribe(follow);
    return () => {
      stopClock();
      stopMaps();
      leave();
      layer.dispose();
    };
  }, [view, others, scheme, quality]);
}

/** Straight into the page, at screen rate, past React. */
function placeLabel(
  element: HTMLDivElement | null,
  anchor: { readonly x: number; readonly y: number } | null,
  name: SlotName,
): void {
  if (!element) return;
  const { loaded } = usePlayers.getState()[name];
  // Beside a state that somebody made, recorded numbers would be wrong.
  const lines =
    loaded && !isEdited(name) ? labelOf(loaded, frameIn(name), useStageLook.getState().label) : null;
  element.hidden = !anchor || !lines;
  if (!anchor || !lines) return;
  const [truth, learned] = lines.rings ?? [0, 0];
  const [, ringTrue, ringLearned] = element.querySelectorAll('circle');
  ringTrue?.setAttribute('stroke-dashoffset', String(outer * (1 - truth)));
  ringLearned?.setAttribute('stroke-dashoffset', String(inner * (1 - (learned ?? 0))));
  const [textTrue, textLearned] = element.querySelectorAll('.stage-label-text > div');
  if (textTrue) textTrue.textContent = lines.first;
  if (textLearned) textLearned.textContent = lines.second;
  // Measured with its new text in it.
  // Beside the tool; on its other side where the view ends.
  const room = element.parentElement?.clientWidth ?? 0;
  const fits = anchor.x + 16 + element.offsetWidth < room - 6;
  const x = fits ? anchor.x + 16 : anchor.x - 16 - element.offsetWidth;
  element.style.transform = `translate(${Math.round(Math.max(6, x))}px, ${Math.round(Math.max(6, anchor.y - 50))}px)`;
}

export function EmptyHint({ children }: { readonly children: string }) {
  return (
    <Text size="sm" c="dimmed" ta="center" p="lg">
      {children}
    </Text>
  );
}
