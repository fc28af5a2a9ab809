/** What opens over the window: palette, shortcut sheet and dialogs. Their stores say which is open, so it may be fetched after it was opened. */

import { Kbd, Modal, Text, TextInput } from '@mantine/core';
import { Spotlight } from '@mantine/spotlight';
import { useMemo, useState } from 'react';
import { commands } from './commands/index.ts';
import { shortcutKeys } from './commands/keys.ts';
import { searchStore } from './commands/search.ts';
import { ExportDialog } from './panels/export-dialog.tsx';
import { CardDialog } from './panels/judge.tsx';
import { isMac } from './parts/command-button.tsx';
import { ForkDialog } from './parts/fork-dialog.tsx';
import { Icon, type IconName } from './parts/icons.tsx';
import { useView } from './state/layout.ts';
import { sortedRuns, useRuns } from './state/runs.ts';
import { selectRun } from './state/sync.ts';

export function Dialogs() {
  return (
    <>
      <Palette />
      <ExportDialog />
      <ForkDialog />
      <ShortcutSheet />
      <CardDialog />
    </>
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
      store={searchStore}
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
