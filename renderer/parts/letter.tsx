/** The letter of a player in its colour: as a mark, and as the button that makes it the active one. */

import { Tooltip, UnstyledButton } from '@mantine/core';
import type { CSSProperties } from 'react';
import { letterColour } from '../state/colours.ts';
import { useScheme } from '../state/hooks.ts';
import { type SlotName, setActive, usePlayers } from '../state/players.ts';

/** The player's colour as `--letter`, for the styles of what stands for it. */
export function useLetterStyle(name: SlotName): CSSProperties {
  const scheme = useScheme();
  return { '--letter': letterColour(name, scheme) } as CSSProperties;
}

export function LetterMark({ name }: { readonly name: SlotName }) {
  const style = useLetterStyle(name);
  return (
    <b className="letter" style={style}>
      {name.toUpperCase()}
    </b>
  );
}

export function LetterButton({ name }: { readonly name: SlotName }) {
  const isActive = usePlayers((state) => state.active === name);
  const letter = name.toUpperCase();
  const style = useLetterStyle(name);
  const label = isActive ? `${letter} is the active player` : `Make ${letter} the active player`;
  return (
    <Tooltip label={label} openDelay={400}>
      <UnstyledButton
        className="letter-badge"
        style={style}
        aria-pressed={isActive}
        aria-label={label}
        data-testid={`letter-${name}`}
        onClick={() => setActive(name)}
      >
        {letter}
      </UnstyledButton>
    </Tooltip>
  );
}
