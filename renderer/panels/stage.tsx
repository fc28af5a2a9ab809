/** The stage: one episode, or two side by side on one clock with one camera. */

import { ActionIcon, Badge, Loader, Stack, Text, Tooltip } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { useConnection } from '../lab.ts';
import { CommandButton } from '../parts/command-button.tsx';
import { Icon } from '../parts/icons.tsx';
import { StageView } from '../stage/view.ts';
import { enterView, stageViews } from '../stage/views.ts';
import { prefersReducedMotion, useFrame, useScheme } from '../state/hooks.ts';
import { useView } from '../state/layout.ts';
import { clock, closeSlot, frameIn, positionIn, type SlotName, usePlayers } from '../state/players.ts';
import { isActive, useRuns } from '../state/runs.ts';
import { grouped } from '../timeline/scale.ts';
import { Welcome } from './welcome.tsx';

export function StagePanel() {
  const shown = usePlayers((state) => state.shown);
  const isEmpty = usePlayers((state) => state.a.source.type === 'none');
  const hasRuns = useRuns((state) => state.runs.size > 0);
  const loaded = useRuns((state) => state.loaded);
  if (loaded && isEmpty && shown.length === 1 && !hasRuns) return <Welcome />;
  return (
    <div className="stages">
      {shown.map((name) => (
        <StageSlot key={name} name={name} lettered={shown.length > 1} />
      ))}
    </div>
  );
}

function StageSlot({ name, lettered }: { readonly name: SlotName; readonly lettered: boolean }) {
  const slot = usePlayers((state) => state[name]);
  return (
    <section className="stage-slot" aria-label={lettered ? `Stage ${name.toUpperCase()}` : 'Stage'}>
      <StageHeader name={name} lettered={lettered} />
      <div className="stage-body">
        <StageCanvas name={name} />
        {slot.status === 'failed' && (
          <div className="stage-message" role="alert">
            <Text fw={600}>This episode could not be opened</Text>
            <Text size="sm" c="dimmed">
              {slot.error}
            </Text>
          </div>
        )}
        {!slot.loaded && slot.status !== 'failed' && (
          <div className="stage-message">
            <Placeholder name={name} />
          </div>
        )}
      </div>
    </section>
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
      {name === 'b'
        ? 'Shift-click an episode, or press its B button, to open it here'
        : 'Pick an episode from the list'}
    </Text>
  );
}

function StageHeader({ name, lettered }: { readonly name: SlotName; readonly lettered: boolean }) {
  const { loaded, source } = usePlayers((state) => state[name]);
  const liveRun = useRuns((state) => (source.type === 'live' ? state.runs.get(source.runId) : undefined));
  const isLive = liveRun !== undefined && isActive(liveRun);
  return (
    <header className="stage-header">
      {lettered && (
        <Badge variant="filled" color={name === 'a' ? 'blue' : 'orange'} radius="sm" size="sm">
          {name.toUpperCase()}
        </Badge>
      )}
      {loaded ? (
        <>
          <Text size="sm" fw={600} className="stage-run" truncate title={loaded.episode.runName}>
            {loaded.episode.runName}
          </Text>
          <Text
            size="xs"
            c="dimmed"
            className="stage-facts"
            truncate
            title={`episode ${loaded.episode.id}, ${loaded.episode.kind}, seed ${loaded.episode.seed}`}
          >
            <span className="wide">episode </span>
            <span className="narrow">#</span>
            {loaded.episode.id}
            <span className="wide">
              {' '}
              · {loaded.episode.kind} · seed {loaded.episode.seed}
            </span>
          </Text>
          <Outcome success={loaded.episode.success} ending={loaded.episode.ending} />
          <StageNow name={name} />
        </>
      ) : (
        <Text size="sm" c="dimmed">
          {liveRun?.name ?? 'No episode'}
        </Text>
      )}
      <span className="grow" />
      {source.type === 'live' && (
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
          {loaded && <span className="wide"> at {grouped(loaded.episode.trainedSteps)} steps</span>}
        </Badge>
      )}
      {name === 'a' && !lettered && (
        <CommandButton command="compare" icon="compare" size="sm" testId="compare" />
      )}
      {name === 'b' && <CommandButton command="swap" icon="swap" size="sm" />}
      {lettered && name !== 'a' && (
        <ActionIcon
          size="sm"
          variant="subtle"
          color="gray"
          aria-label={`Close ${name.toUpperCase()}`}
          onClick={() => closeSlot(name)}
        >
          <Icon name="close" size={12} />
        </ActionIcon>
      )}
    </header>
  );
}

export function Outcome({ success, ending }: { readonly success: boolean; readonly ending: string }) {
  const label = success ? 'success' : ending === 'diverged' ? 'diverged' : 'no success';
  const colour = success ? 'teal' : ending === 'diverged' ? 'red' : 'gray';
  return (
    <Tooltip label={`The episode ended ${ending}`} openDelay={400}>
      <Badge
        color={colour}
        variant="light"
        radius="sm"
        size="sm"
        className="no-caps"
        leftSection={<Icon name={success ? 'check' : 'cross'} size={10} />}
      >
        {label}
      </Badge>
    </Tooltip>
  );
}

function StageNow({ name }: { readonly name: SlotName }) {
  const loaded = usePlayers((state) => state[name].loaded);
  const frame = useFrame(name);
  if (!loaded) return null;
  const stage = loaded.trueStage[frame] ?? 0;
  return (
    <Badge variant="default" radius="sm" size="sm" className="no-caps" data-testid={`stage-now-${name}`}>
      {loaded.stages[stage]?.title ?? `stage ${stage}`}
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

  useEffect(() => {
    if (!host.current) return;
    try {
      const made = new StageView(
        host.current,
        { scheme, reducedMotion: prefersReducedMotion() },
        {
          onDraw: (anchor) => placeLabel(label.current, anchor, name),
          onCamera: (pose) => {
            // A camera moved in one moves in all.
            for (const [other, one] of stageViews) if (other !== name) one.place(pose);
          },
        },
      );
      made.canvas.dataset['testid'] = `stage-${name}`;
      made.canvas.setAttribute('role', 'img');
      made.canvas.setAttribute('aria-label', `3D view ${name.toUpperCase()}; drag to turn, wheel to zoom`);
      const sibling = [...stageViews.values()][0];
      const leave = enterView(name, made);
      view.current = made;
      made.load(usePlayers.getState()[name].loaded);
      if (sibling) made.place(sibling.pose());
      const follow = (): void => made.setFrame(positionIn(name));
      follow();
      const stop = clock.subscribe(follow);
      return () => {
        stop();
        leave();
        view.current = null;
        made.dispose();
      };
    } catch (error) {
      setFailure(error instanceof Error ? error.message : String(error));
    }
  }, [name]);

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

/** Straight into the page, at screen rate, past React. */
function placeLabel(
  element: HTMLDivElement | null,
  anchor: { readonly x: number; readonly y: number } | null,
  name: SlotName,
): void {
  if (!element) return;
  const { loaded } = usePlayers.getState()[name];
  element.hidden = !anchor || !loaded;
  if (!anchor || !loaded) return;
  const frame = frameIn(name);
  const truth = loaded.trueProgress[frame] ?? 0;
  const learned = loaded.learned[0]?.values[frame];
  const [, ringTrue, ringLearned] = element.querySelectorAll('circle');
  ringTrue?.setAttribute('stroke-dashoffset', String(outer * (1 - truth)));
  ringLearned?.setAttribute('stroke-dashoffset', String(inner * (1 - (learned ?? 0))));
  const [textTrue, textLearned] = element.querySelectorAll('.stage-label-text > div');
  if (textTrue) textTrue.textContent = `true ${truth.toFixed(2)}`;
  if (textLearned) textLearned.textContent = learned === undefined ? '' : `learned ${learned.toFixed(2)}`;
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
