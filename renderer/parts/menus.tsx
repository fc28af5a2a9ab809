/** The menus of the header. They read the command objects, as palette and shortcut sheet do. */

import {
  ActionIcon,
  Button,
  Group,
  Kbd,
  Menu,
  type MenuProps,
  Modal,
  TextInput,
  Tooltip,
} from '@mantine/core';
import { useState } from 'react';
import { type Command, commands } from '../commands/index.ts';
import { shortcutKeys } from '../commands/keys.ts';
import { applyLayout, removeLayout, saveLayoutAs, togglePanel, useDock } from '../dock.ts';
import { panels } from '../panels/index.ts';
import { useHistory } from '../state/history.ts';
import { useView } from '../state/layout.ts';
import { layoutPlans } from '../state/layouts.ts';
import { isMac } from './command-button.tsx';
import { Icon, type IconName } from './icons.tsx';

function Item({ command }: { readonly command: Command }) {
  const edit = useHistory((state) =>
    command.id === 'undo' ? state.done.at(-1) : command.id === 'redo' ? state.undone.at(-1) : undefined,
  );
  const isEdit = command.id === 'undo' || command.id === 'redo';
  const [keys] = command.shortcuts;
  return (
    <Menu.Item
      disabled={isEdit && !edit}
      onClick={() => command.run()}
      rightSection={
        keys === undefined ? null : (
          <span className="keys" aria-hidden="true">
            {shortcutKeys(keys, isMac).map((key) => (
              <Kbd key={key} size="xs">
                {key}
              </Kbd>
            ))}
          </span>
        )
      }
    >
      {edit ? `${command.title}: ${edit.title}` : command.title}
    </Menu.Item>
  );
}

/** A menu behind an icon. The label of the icon would lie over the first entry: it goes while the menu is open. */
function IconMenu({
  label,
  icon,
  testId,
  className,
  children,
  ...menu
}: MenuProps & {
  readonly label: string;
  readonly icon: IconName;
  readonly testId: string;
  readonly className?: string;
}) {
  const [isOpen, setOpen] = useState(false);
  return (
    <Menu shadow="md" {...menu} opened={isOpen} onChange={setOpen}>
      <Menu.Target>
        <Tooltip label={label} openDelay={400} disabled={isOpen}>
          <ActionIcon variant="subtle" color="gray" aria-label={label} data-testid={testId}>
            <Icon name={icon} />
          </ActionIcon>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown {...(className === undefined ? {} : { className })}>{children}</Menu.Dropdown>
    </Menu>
  );
}

/** Everything a user can do, by group. */
export function AppMenu() {
  const groups = [...new Set(commands.map(({ group }) => group))];
  return (
    <IconMenu label="Menu" icon="menu" testId="app-menu" position="bottom-start" width={210}>
      {groups.map((group) => (
        <Menu.Sub key={group}>
          <Menu.Sub.Target>
            <Menu.Sub.Item>{group}</Menu.Sub.Item>
          </Menu.Sub.Target>
          <Menu.Sub.Dropdown className="menu-long">
            {commands
              .filter((command) => command.group === group)
              .map((command) => (
                <Item key={command.id} command={command} />
              ))}
          </Menu.Sub.Dropdown>
        </Menu.Sub>
      ))}
    </IconMenu>
  );
}

/** Layouts, built in and saved, and which panels are open. */
export function LayoutMenu() {
  const { name, saved, open } = useDock();
  return (
    <>
      <IconMenu
        label="Layout and panels"
        icon="layout"
        testId="layout-menu"
        position="bottom-end"
        width={250}
        closeOnItemClick={false}
        className="menu-long"
      >
        <Menu.Label>Layouts</Menu.Label>
        {layoutPlans.map(({ id, title, help }) => (
          <Menu.Item
            key={id}
            title={help}
            leftSection={<Mark on={name === id} />}
            onClick={() => applyLayout(id)}
            data-testid={`layout-${id}`}
          >
            {title}
          </Menu.Item>
        ))}
        {Object.keys(saved)
          .sort()
          .map((own) => (
            <Group key={own} gap={0} wrap="nowrap">
              <Menu.Item
                className="grow"
                leftSection={<Mark on={name === own} />}
                onClick={() => applyLayout(own)}
              >
                {own}
              </Menu.Item>
              <Menu.Item w={34} px={9} aria-label={`Remove layout ${own}`} onClick={() => removeLayout(own)}>
                <Icon name="close" size={11} />
              </Menu.Item>
            </Group>
          ))}
        <Menu.Item
          closeMenuOnClick
          leftSection={<Icon name="plus" size={11} />}
          onClick={() => useView.setState({ dialog: 'save-layout' })}
          data-testid="save-layout"
        >
          Save this layout…
        </Menu.Item>
        <Menu.Divider />
        <Menu.Label>Panels</Menu.Label>
        {panels.map(({ id, title }) => (
          <Menu.Item
            key={id}
            leftSection={<Mark on={open.has(id)} />}
            onClick={() => togglePanel(id)}
            data-testid={`panel-${id}`}
          >
            {title}
            <span className="sr-only">{open.has(id) ? ', open' : ', closed'}</span>
          </Menu.Item>
        ))}
      </IconMenu>
      <SaveLayout />
    </>
  );
}

const Mark = ({ on }: { readonly on: boolean }) => (
  <span className="menu-mark">{on ? <Icon name="check" size={12} /> : null}</span>
);

function SaveLayout() {
  const isOpen = useView((state) => state.dialog === 'save-layout');
  const [name, setName] = useState('');
  const close = (): void => useView.setState({ dialog: null });
  const text = name.trim();
  const isBuiltIn = layoutPlans.some(({ id }) => id === text);
  return (
    <Modal opened={isOpen} onClose={close} title="Save this layout" size="sm">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (text === '' || isBuiltIn) return;
          saveLayoutAs(text);
          setName('');
          close();
        }}
      >
        <TextInput
          data-autofocus
          label="Name"
          maxLength={60}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          {...(isBuiltIn ? { error: 'A built-in layout has this name' } : {})}
        />
        <Group justify="flex-end" mt="md">
          <Button type="submit" disabled={text === '' || isBuiltIn}>
            Save
          </Button>
        </Group>
      </form>
    </Modal>
  );
}
