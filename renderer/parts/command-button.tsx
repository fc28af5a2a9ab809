/** A button of a command: its title and shortcut are the tooltip and the label. */

import { ActionIcon, type ActionIconProps, Tooltip } from '@mantine/core';
import { memo } from 'react';
import { commands } from '../commands/index.ts';
import { shortcutKeys } from '../commands/keys.ts';
import { Icon, type IconName } from './icons.tsx';

export const isMac = /mac/i.test(navigator.platform);

interface Props extends ActionIconProps {
  readonly command: string;
  readonly icon: IconName;
  readonly pressed?: boolean;
  readonly testId?: string;
}

/** Tooltips are dear, and a panel has a row of these: drawn again only when something of its own is new. */
export const CommandButton = memo(function CommandButton({
  command: id,
  icon,
  pressed,
  testId,
  ...rest
}: Props) {
  const command = commands.find((entry) => entry.id === id);
  if (!command) throw new RangeError(`No command is called ${id}`);
  const keys = command.shortcuts[0] ? shortcutKeys(command.shortcuts[0], isMac).join(' ') : '';
  return (
    <Tooltip label={keys ? `${command.title}  (${keys})` : command.title} openDelay={400}>
      <ActionIcon
        variant={pressed ? 'light' : 'subtle'}
        color={pressed ? 'blue' : 'gray'}
        aria-label={command.title}
        {...(pressed === undefined ? {} : { 'aria-pressed': pressed })}
        {...(testId === undefined ? {} : { 'data-testid': testId })}
        onClick={() => command.run()}
        {...rest}
      >
        <Icon name={icon} />
      </ActionIcon>
    </Tooltip>
  );
});
