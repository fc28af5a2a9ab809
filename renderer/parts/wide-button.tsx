/** Lets a panel fill the window, or puts it back into its place. */

import { ActionIcon, Tooltip } from '@mantine/core';
import { toggleWide, useView } from '../state/layout.ts';
import { Icon } from './icons.tsx';

/** `why`: what is wide, as a sentence goes on after "Fill the window: ". */
export function WideButton({ panel, why }: { readonly panel: string; readonly why: string }) {
  const isWide = useView((state) => state.wide);
  return (
    <Tooltip label={isWide ? 'Back to its place' : `Fill the window: ${why}`}>
      <ActionIcon
        variant={isWide ? 'light' : 'subtle'}
        color={isWide ? 'blue' : 'gray'}
        aria-label="Fill the window with this panel"
        aria-pressed={isWide}
        onClick={() => toggleWide(panel)}
        data-testid={`${panel}-wide`}
      >
        <Icon name="enlarge" />
      </ActionIcon>
    </Tooltip>
  );
}
