/** The window: header, dock of panels, banner when the lab is away, palette and shortcut sheet. */

import {
  Badge,
  Button,
  Group,
  Kbd,
  Modal,
  Text,
  TextInput,
  Tooltip,
  UnstyledButton,
  useMantineColorScheme,
} from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { Spotlight } from '@mantine/spotlight';
import {
  DockviewReact,
  type DockviewReadyEvent,
  type DockviewTheme,
  type IDockviewPanelProps,
} from 'dockview-react';
import { type FunctionComponent, useCallback, useEffect, useMemo, useState } from 'react';
import { commands, runCommand, setWindowActions } from './commands/index.ts';
import { listenToKeyboard } from './commands/keyboard.ts';
import { shortcutKeys } from './commands/keys.ts';
import { openDock } from './dock.ts';
import { retryNow, useConnection } from './lab.ts';
import { ExportDialog } from './panels/export-dialog.tsx';
import { panels } from './panels/index.ts';
import { CardDialog } from './panels/judge.tsx';
import { CommandButton, isMac } from './parts/command-button.tsx';
import { CrashCard } from './parts/crash-card.tsx';
import { ForkDialog } from './parts/fork-dialog.tsx';
import { Icon, type IconName } from './parts/icons.tsx';
import { AppMenu, LayoutMenu } from './parts/menus.tsx';
import { shellOf } from './shell.ts';
import { useScheme } from './state/hooks.ts';
import { useView } from './state/layout.ts';
import { isActive, sortedRuns, useRuns } from './state/runs.ts';
import { selectRun } from './state/sync.ts';

const components: Record<string, FunctionComponent<IDockviewPanelProps>> = Object.fromEntries(
  panels.map(({ id, title, component: Panel }) => [
    id,
    () => (
      <CrashCard title={title}>
        <Panel />
      </CrashCard>
    ),
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
      <Palette />
      <ExportDialog />
      <ForkDialog />
      <ShortcutSheet />
      <CardDialog />
    </div>
  );
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

const arrows: Readonly<Record<string, IconName>> = {
  Left: 'arrowLeft',
  Right: 'arrowRight',
  Up: 'arrowUp',
  Down: 'arrowDown',
};

function Keys({ shortcut }: { readonly shortcut: string }) {
  return (
    <span className="keys">
      {shortcutKeys(shortcut, isMac).map((key) => (
        <Kbd key={key} size="xs" aria-label={key}>
          {arrows[key] ? <Icon name={arrows[key]} size={10} /> : key}
        </Kbd>
      ))}
    </span>
  );
}

function Palette() {
  const runs = useRuns((state) => state.runs);
  const actions = useMemo(() => {
    const groups = [...new Set(commands.map(({ group }) => group))];
    return groups.map((group) => ({
      group,
      actions: commands
        .filter((command) => command.group === group && command.id !== 'palette')
        .map((command) => ({
          id: command.id,
          label: command.title,
          onClick: () => command.run(),
          ...(command.shortcuts[0] ? { rightSection: <Keys shortcut={command.shortcuts[0]} /> } : {}),
        })),
    }));
  }, []);
  const runActions = useMemo(
    () => ({
      group: 'Runs',
      actions: sortedRuns(runs)
        .slice(0, 30)
        .map((run) => ({
          id: `run-${run.id}`,
          label: `${run.name} #${run.id}`,
          description: `${run.status}, ${run.task}`,
          onClick: () => void selectRun(run.id),
        })),
    }),
    [runs],
  );
  return (
    <Spotlight
      actions={runActions.actions.length > 0 ? [...actions, runActions] : actions}
      shortcut={null}
      overlayProps={{ blur: 0, backgroundOpacity: 0.55 }}
      highlightQuery
      scrollable
      maxHeight={420}
      nothingFound="No command or run has such a name"
      searchProps={{
        leftSection: <Icon name="search" />,
        placeholder: 'Type a command or the name of a run',
        'aria-label': 'Search commands and runs',
      }}
    />
  );
}

function ShortcutSheet() {
  const isOpen = useView((state) => state.shortcutsOpen);
  const [query, setQuery] = useState('');
  const close = (): void => useView.setState({ shortcutsOpen: false });
  const groups = [...new Set(commands.map(({ group }) => group))];
  const shown = commands.filter(
    ({ title, shortcuts }) =>
      shortcuts.length > 0 && `${title} ${shortcuts.join(' ')}`.toLowerCase().includes(query.toLowerCase()),
  );
  return (
    <Modal opened={isOpen} onClose={close} title="Keyboard shortcuts" size="lg">
      <TextInput
        size="sm"
        data-autofocus
        placeholder="Find a shortcut"
        aria-label="Find a shortcut"
        value={query}
        onChange={(event) => setQuery(event.currentTarget.value)}
        leftSection={<Icon name="search" size={13} />}
        mb="md"
      />
      <div className="sheet">
        {groups.map((group) => {
          const own = shown.filter((command) => command.group === group);
          if (own.length === 0) return null;
          return (
            <section key={group}>
              <Text size="xs" c="dimmed" fw={600} mb={4}>
                {group}
              </Text>
              {own.map((command) => (
                <div key={command.id} className="sheet-row">
                  <span className="grow">{command.title}</span>
                  {command.shortcuts.map((shortcut) => (
                    <Keys key={shortcut} shortcut={shortcut} />
                  ))}
                </div>
              ))}
            </section>
          );
        })}
      </div>
    </Modal>
  );
}
