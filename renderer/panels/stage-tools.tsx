/** What belongs to the stage beside its header: the menu of camera and drawing, and the legend in its corner. */

import { ActionIcon, Kbd, Menu, Tooltip } from '@mantine/core';
import { memo, type ReactNode, useEffect, useMemo, useState } from 'react';
import { commands, runCommand } from '../commands/index.ts';
import { shortcutKeys } from '../commands/keys.ts';
import { isMac } from '../parts/command-button.tsx';
import { Icon } from '../parts/icons.tsx';
import { arrowsAt } from '../stage/arrows.ts';
import { toolPathOf } from '../stage/paths.ts';
import { rendersInSoftware } from '../stage/set.ts';
import { trailChoices, trailValues } from '../stage/trail.ts';
import { progressRgb } from '../state/colours.ts';
import { detailsOf, type StageDetails } from '../state/details.ts';
import { useFrame } from '../state/hooks.ts';
import type { LoadedEpisode } from '../state/opened.ts';
import { type SlotName, usePlayers } from '../state/players.ts';
import { useQuality } from '../state/quality.ts';
import {
  type Follow,
  follows,
  type LabelChoice,
  labelChoices,
  type QualityChoice,
  qualityChoices,
  type TrailSpan,
  toggleLook,
  trailSpans,
  useStageLook,
} from '../state/stage-look.ts';
import './stage-tools.css';

const followTitles: Readonly<Record<Follow, string>> = {
  auto: 'Whoever runs out of the picture',
  off: 'Nobody',
  tool: 'The hand',
  agent: 'The agent',
  object: 'The object',
};
const spanTitles: Readonly<Record<TrailSpan, string>> = {
  none: 'No trail',
  '1': 'Last second',
  '3': 'Last three seconds',
  past: 'Up to now',
  all: 'The whole path',
};
const qualityTitles: Readonly<Record<QualityChoice, string>> = {
  auto: 'By itself',
  fine: 'Fine',
  fast: 'Fast',
  draft: 'Draft',
};
const labelTitles: Readonly<Record<LabelChoice, string>> = {
  progress: 'Progress: rings and numbers',
  reward: 'Reward of the step',
  terms: 'Reward terms',
  none: 'Nothing',
};

/** What the lab tells of an episode for the stage; null until it is there. Asked for only where it is wanted. */
function useDetails(loaded: LoadedEpisode | null, isWanted: boolean): StageDetails | null {
  const [found, setFound] = useState<{ loaded: LoadedEpisode; details: StageDetails } | null>(null);
  useEffect(() => {
    if (!loaded || !isWanted) return;
    let isOn = true;
    detailsOf(loaded).then(
      (details) => isOn && setFound({ loaded, details }),
      () => undefined,
    );
    return () => {
      isOn = false;
    };
  }, [loaded, isWanted]);
  return isWanted && found && found.loaded === loaded ? found.details : null;
}

function Choice({
  on,
  children,
  onClick,
  keys,
  testId,
  isCheck = false,
  disabled = false,
}: {
  readonly on: boolean;
  readonly children: ReactNode;
  readonly onClick: () => void;
  readonly keys?: string | undefined;
  readonly testId?: string;
  readonly isCheck?: boolean;
  readonly disabled?: boolean;
}) {
  return (
    <Menu.Item
      disabled={disabled}
      // Several switches are often set in one go; of several one is chosen.
      closeMenuOnClick={!isCheck}
      onClick={onClick}
      leftSection={<span className="menu-mark">{on ? <Icon name="check" size={12} /> : null}</span>}
      {...(keys === undefined
        ? {}
        : {
            rightSection: (
              <span className="keys" aria-hidden="true">
                {shortcutKeys(keys, isMac).map((key) => (
                  <Kbd key={key} size="xs">
                    {key}
                  </Kbd>
                ))}
              </span>
            ),
          })}
      {...(testId === undefined ? {} : { 'data-testid': testId })}
    >
      {children}
      <span className="sr-only">{on ? (isCheck ? ', on' : ', chosen') : isCheck ? ', off' : ''}</span>
    </Menu.Item>
  );
}

function Sub({
  title,
  testId,
  children,
}: {
  readonly title: string;
  readonly testId: string;
  readonly children: ReactNode;
}) {
  return (
    <Menu.Sub>
      <Menu.Sub.Target>
        <Menu.Sub.Item data-testid={testId}>{title}</Menu.Sub.Item>
      </Menu.Sub.Target>
      <Menu.Sub.Dropdown className="menu-long">{children}</Menu.Sub.Dropdown>
    </Menu.Sub>
  );
}

const keysOf = (id: string): string | undefined =>
  commands.find((command) => command.id === id)?.shortcuts[0];

/** In the header of the first view: what it says holds for all of them. Its entries are there only while it is open. */
export const StageTools = memo(function StageTools({ name }: { readonly name: SlotName }) {
  const isFirst = usePlayers((state) => state.shown[0] === name);
  const isThrough = useStageLook(({ robotView }) => robotView !== null);
  const [isOpen, setOpen] = useState(false);
  if (!isFirst) return null;
  return (
    <Menu
      position="bottom-end"
      shadow="md"
      width={248}
      withinPortal
      closeOnItemClick={false}
      opened={isOpen}
      onChange={setOpen}
    >
      <Menu.Target>
        <Tooltip label="Camera and what is drawn" openDelay={400}>
          <ActionIcon
            size="sm"
            variant={isThrough ? 'light' : 'subtle'}
            color={isThrough ? 'blue' : 'gray'}
            aria-label="Camera and what is drawn"
            data-testid="stage-tools"
          >
            <Icon name="camera" />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown className="menu-long">
        <StageMenu name={name} />
      </Menu.Dropdown>
    </Menu>
  );
});

function StageMenu({ name }: { readonly name: SlotName }) {
  const loaded = usePlayers((state) => state[name].loaded);
  const details = useDetails(loaded, true);
  const look = useStageLook();
  const quality = useQuality(rendersInSoftware());
  const set = (patch: Partial<typeof look>): void => useStageLook.setState(patch);
  const can = (role: string): boolean => loaded?.bodies.some((body) => body.role === role) ?? false;
  const canFollow: Readonly<Record<Follow, boolean>> = {
    auto: true,
    off: true,
    tool: can('gripper') || can('tool'),
    agent: can('agent') || can('link'),
    object: can('object'),
  };
  return (
    <>
      <Menu.Label>Camera</Menu.Label>
      <Sub title="Preset" testId="stage-presets">
        {commands
          .filter(({ id }) => id.startsWith('camera-'))
          .map(({ id, title, shortcuts }) => (
            <Choice key={id} on={false} onClick={() => runCommand(id)} keys={shortcuts[0]}>
              {title.replace('Camera: ', '')}
            </Choice>
          ))}
      </Sub>
      <Sub title="Go along with" testId="stage-follow">
        {follows.map((id) => (
          <Choice
            key={id}
            on={look.follow === id}
            disabled={!canFollow[id]}
            onClick={() => set({ follow: id })}
            testId={`follow-${id}`}
          >
            {followTitles[id]}
          </Choice>
        ))}
      </Sub>
      <Sub title="Look through" testId="stage-through">
        <Choice on={look.robotView === null} onClick={() => set({ robotView: null })} testId="through-own">
          Your own camera
        </Choice>
        {(details?.views ?? []).map((view) => (
          <Choice
            key={view.name}
            on={look.robotView === view.name}
            onClick={() => set({ robotView: view.name })}
            testId={`through-${view.name}`}
          >
            The robot’s camera “{view.name}”
          </Choice>
        ))}
      </Sub>
      <Choice
        isCheck
        on={look.orthographic}
        onClick={() => toggleLook('orthographic')}
        keys={keysOf('orthographic')}
        testId="stage-orthographic"
      >
        Without perspective
      </Choice>
      <Menu.Divider />
      <Menu.Label>Drawn</Menu.Label>
      <Choice
        isCheck
        on={look.contacts}
        onClick={() => toggleLook('contacts')}
        keys={keysOf('contact-arrows')}
        testId="stage-contacts"
      >
        Contact forces{loaded && details && !details.contacts ? ' (not told by this task)' : ''}
      </Choice>
      {details?.lidar && (
        <Choice isCheck on={look.lidar} onClick={() => toggleLook('lidar')} testId="stage-lidar">
          Lidar rays
        </Choice>
      )}
      <Choice isCheck on={look.frusta} onClick={() => toggleLook('frusta')} testId="stage-frusta">
        The robot’s cameras
      </Choice>
      <Choice
        isCheck
        on={look.names}
        onClick={() => toggleLook('names')}
        keys={keysOf('body-names')}
        testId="stage-names"
      >
        Names
      </Choice>
      <Sub title="Trail: colour" testId="stage-trail">
        {(loaded ? trailChoices(loaded) : []).map(({ id, title }) => (
          <Choice key={id} on={look.trail === id} onClick={() => set({ trail: id })} testId={`trail-${id}`}>
            {title}
          </Choice>
        ))}
      </Sub>
      <Sub title="Trail: length" testId="stage-span">
        {trailSpans.map((id) => (
          <Choice
            key={id}
            on={look.trailSpan === id}
            onClick={() => set({ trailSpan: id })}
            testId={`span-${id}`}
          >
            {spanTitles[id]}
          </Choice>
        ))}
      </Sub>
      <Sub title="Beside the agent" testId="stage-label">
        {labelChoices.map((id) => (
          <Choice key={id} on={look.label === id} onClick={() => set({ label: id })} testId={`label-${id}`}>
            {labelTitles[id]}
          </Choice>
        ))}
      </Sub>
      <Sub title="Quality" testId="stage-quality">
        {qualityChoices.map((id) => (
          <Choice
            key={id}
            on={look.quality === id}
            onClick={() => set({ quality: id })}
            testId={`quality-${id}`}
          >
            {qualityTitles[id]}
            {id === 'auto' && look.quality === 'auto' ? ` (now ${quality})` : ''}
          </Choice>
        ))}
      </Sub>
      <Menu.Divider />
      <Menu.Item
        closeMenuOnClick
        onClick={() => runCommand('export-picture')}
        data-testid="open-export-picture"
      >
        Save a picture…
      </Menu.Item>
      <Menu.Item closeMenuOnClick onClick={() => runCommand('export-clip')} data-testid="open-export-clip">
        Save a clip…
      </Menu.Item>
    </>
  );
}

const rampCss = `linear-gradient(to right, ${[0, 0.25, 0.5, 0.75, 1]
  .map((share) => `color(srgb-linear ${progressRgb(share).join(' ')})`)
  .join(', ')})`;

const digits = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);

/** In the corner of a view: the colour bar of its trail with its numbers, and the forces at this frame. */
export function StageLegend({ name }: { readonly name: SlotName }) {
  const loaded = usePlayers((state) => state[name].loaded);
  const { trail, trailSpan, contacts } = useStageLook();
  const details = useDetails(loaded, contacts);
  const frame = useFrame(name);
  const by = useMemo(() => {
    if (!loaded) return null;
    return trailValues(loaded, trail, trail === 'speed' ? toolPathOf(loaded) : new Float32Array());
  }, [loaded, trail]);
  const forces = useMemo(
    () => (loaded && details?.contacts && contacts ? arrowsAt(details, loaded.bodies, frame) : null),
    [loaded, details, contacts, frame],
  );
  if (!loaded) return null;
  const isTouched = details?.contacts && details.contactStart[frame + 1]! > details.contactStart[frame]!;
  const isMissing = trail !== 'plain' && !by;
  const value = by?.values[frame];
  return (
    <div className="stage-legend" data-testid={`legend-${name}`}>
      {forces && (
        <div className="stage-legend-row" data-testid={`forces-${name}`}>
          <span className="stage-arrow" aria-hidden="true" />
          {forces.length === 0
            ? isTouched
              ? 'a touch without force'
              : 'no contact'
            : `${forces.length} ${forces.length === 1 ? 'contact' : 'contacts'}, largest ${digits(forces[0]!.size)} N`}
        </div>
      )}
      {trailSpan !== 'none' && by && (
        <div className="stage-legend-row">
          <span>{digits(by.low)}</span>
          <span className="stage-ramp" style={{ background: rampCss }}>
            {value !== undefined && Number.isFinite(value) && (
              <span
                className="stage-ramp-now"
                style={{
                  left: `${(100 * Math.min(1, Math.max(0, (value - by.low) / (by.high - by.low)))).toFixed(1)}%`,
                }}
              />
            )}
          </span>
          <span>
            {digits(by.high)}
            {by.unit && ` ${by.unit}`}
          </span>
          <span className="stage-legend-title">{by.title}</span>
        </div>
      )}
      {trailSpan !== 'none' && isMissing && (
        <div className="stage-legend-row">trail: this episode has no {trail.replace(/^reward\//, '')}</div>
      )}
    </div>
  );
}
