/** The window: header, dock of panels, banner when the lab is away, palette and shortcut sheet. */

import {
  Badge,
  Button,
  Group,
  Kbd,
  Text,
  Tooltip,
  UnstyledButton,
  useMantineColorScheme,
} from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useSpotlight } from '@mantine/spotlight';
import {
  DockviewReact,
  type DockviewReadyEvent,
  type DockviewTheme,
  type IDockviewPanelProps,
} from 'dockview-react';
import { type FunctionComponent, useCallback, useEffect, useMemo, useState } from 'react';
import { runCommand, setWindowActions } from './commands/index.ts';
import { listenToKeyboard } from './commands/keyboard.ts';
import { searchStore } from './commands/search.ts';
import { openDock } from './dock.ts';
import { retryNow, useConnection } from './lab.ts';
import { panels } from './panels/index.ts';
import { CommandButton, isMac } from './parts/command-button.tsx';
import { Icon, type IconName } from './parts/icons.tsx';
import { later } from './parts/later.tsx';
import { AppMenu, LayoutMenu } from './parts/menus.tsx';
import { PanelFrame } from './parts/panel-frame.tsx';
import { shellOf } from './shell.ts';
import { useScheme } from './state/hooks.ts';
import { useJudge } from './state/judge.ts';
import { useView } from './state/layout.ts';
import { isActive, sortedRuns, useRuns } from './state/runs.ts';
import { settled } from './state/settled.ts';

const components: Record<string, FunctionComponent<IDockviewPanelProps>> = Object.fromEntries(
  panels.map(({ id, title, component }) => [
    id,
    ({ api }: IDockviewPanelProps) => <PanelFrame api={api} title={title} panel={component} />,
  ]),
);

const dockTheme = (scheme: 'dark' | 'light'): DockviewTheme => ({
  name: `lab-${scheme}`,
  className: scheme === 'dark' ? 'dockview-theme-dark' : 'dockview-theme-light',
  colorScheme: scheme,
  gap: 6,
});

export function App() {
  const scheme = useScheme();
  const { colorScheme, setColorScheme } = useMantineColorScheme();

  useEffect(() => listenToKeyboard(), []);
  useEffect(
    () =>
      shellOf()?.onNotice(({ level, text }) =>
        notifications.show({
          title: level === 'error' ? 'The lab has a problem' : 'The lab',
          message: text,
          color: level === 'error' ? 'red' : 'blue',
          autoClose: level === 'error' ? false : 8000,
        }),
      ),
    [],
  );
  useEffect(() => {
    setWindowActions({
      cycleScheme: () =>
        setColorScheme(colorScheme === 'auto' ? 'light' : colorScheme === 'light' ? 'dark' : 'auto'),
    });
  }, [colorScheme, setColorScheme]);

  const onReady = useCallback((event: DockviewReadyEvent): void => openDock(event.api), []);

  const theme = useMemo(() => dockTheme(scheme), [scheme]);
  return (
    <div className="window" data-scheme={scheme}>
      <Header />
      <ConnectionBanner />
      <main className="dock">
        <DockviewReact
          components={components}
          onReady={onReady}
          theme={theme}
          disableFloatingGroups={false}
        />
      </main>
      <LateDialogs />
    </div>
  );
}

const Dialogs = later(async () => (await import('./dialogs.tsx')).Dialogs);

/** There when the window has settled, or as soon as one of them is wanted. */
function LateDialogs() {
  const [isOn, setOn] = useState(false);
  const { opened: isSearching } = useSpotlight(searchStore);
  const hasCard = useJudge(({ card }) => card !== null);
  const isWanted = useView(({ dialog, shortcutsOpen }) => dialog !== null || shortcutsOpen);
  useEffect(() => {
    if (isSearching || hasCard || isWanted) setOn(true);
    else void settled.then(() => setOn(true));
  }, [isSearching, hasCard, isWanted]);
  return isOn && <Dialogs />;
}

const schemeIcon: Readonly<Record<string, IconName>> = { dark: 'moon', light: 'sun', auto: 'system' };

function Header() {
  const info = useRuns((state) => state.info);
  const runs = useRuns((state) => state.runs);
  const { colorScheme } = useMantineColorScheme();
  const status = useConnection((state) => state.status);
  const parents = useRuns((state) => state.family.parents);
  const active = sortedRuns(runs).filter(isActive);
  // What was asked for, rather than a part of it.
  const atWork = active.filter((run) => run.status === 'running');
  const running = atWork.find((run) => !parents.has(run.id)) ?? atWork[0];
  const waiting = active.length - atWork.length;
  const project = info?.project.split(/[\\/]/).filter(Boolean).at(-1);
  return (
    <header className="top">
      <Group gap={8} wrap="nowrap" className="brand">
        <AppMenu />
        <svg width="20" height="20" viewBox="0 0 64 64" aria-hidden="true">
          <circle cx="32" cy="32" r="24" fill="none" stroke="var(--lab-ring)" strokeWidth="8" />
          <path
            d="M32 8a24 24 0 1 1-22.1 33.4"
            fill="none"
            stroke="var(--lab-true)"
            strokeWidth="8"
            strokeLinecap="round"
          />
          <rect x="23" y="23" width="18" height="18" rx="4" fill="var(--lab-object)" />
        </svg>
        <Text fw={650} size="sm" component="h1" className="nowrap">
          Reward Lab
        </Text>
        {project && (
          <Tooltip label={info?.project}>
            <Text size="sm" c="dimmed" truncate maw={220}>
              {project}
            </Text>
          </Tooltip>
        )}
        {info?.readOnly && (
          <Badge size="sm" variant="light" color="yellow" radius="sm" className="no-caps">
            read-only
          </Badge>
        )}
      </Group>
      <UnstyledButton
        className="palette-button"
        onClick={() => runCommand('palette')}
        data-testid="palette-button"
      >
        <Icon name="search" size={13} />
        <span className="grow">Search commands</span>
        <Kbd size="xs">{isMac ? '⌘' : 'Ctrl'} K</Kbd>
      </UnstyledButton>
      <Group gap={6} wrap="nowrap" className="top-right">
        {running && (
          <Text
            size="xs"
            c="dimmed"
            className="nowrap top-running"
            title={`${running.name}: ${running.phase}`}
          >
            <span className="live-dot" /> {running.name}: {running.phase}
            {waiting > 0 ? `, ${waiting} waiting` : ''}
          </Text>
        )}
        {info?.device && (
          <Tooltip label={info.device.reason} multiline maw={340}>
            <Badge variant="default" radius="sm" size="sm" className="no-caps">
              {info.device.name}
            </Badge>
          </Tooltip>
        )}
        <span
          className="sr-only"
          role="status"
          data-testid="connection"
        >{`Lab ${status === 'open' ? 'connected' : status}`}</span>
        <Button
          size="compact-sm"
          leftSection={<Icon name="plus" size={11} />}
          onClick={() => runCommand('new-run')}
          data-testid="new-run"
        >
          New run
        </Button>
        <LayoutMenu />
        <CommandButton command="theme" icon={schemeIcon[colorScheme] ?? 'system'} testId="theme" />
        <CommandButton command="shortcuts" icon="keyboard" testId="shortcuts" />
      </Group>
    </header>
  );
}

function ConnectionBanner() {
  const { status, failures, retryAt } = useConnection();
  const [, again] = useState(0);
  useEffect(() => {
    if (status !== 'lost') return;
    const timer = setInterval(() => again((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, [status]);
  if (status !== 'lost') return null;
  const seconds = retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
  return (
    <div className="banner" role="alert" data-testid="connection-banner">
      <Icon name="warning" />
      <span className="grow">
        The lab does not answer. What you see is the last known state; running work is not lost by this.
        {failures > 3
          ? ' Is it still running? A restarted lab prints a new address with a new token.'
          : ` Trying again ${seconds > 0 ? `in ${seconds} s` : 'now'}.`}
      </span>
      <Button size="compact-xs" color="dark" variant="white" onClick={retryNow}>
        Try now
      </Button>
    </div>
  );
}
