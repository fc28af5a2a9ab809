/** Above several episodes: how they are laid beside each other, what the clock then counts, ghosts, one more. */

import { SegmentedControl, Text, Tooltip } from '@mantine/core';
import { type AlignMode, alignModes } from '../state/align.ts';
import { clockMeaning, setAlignMode, useAlignment } from '../state/alignment.ts';
import { useMoment } from '../state/moments.ts';
import { usePlayers } from '../state/players.ts';
import { CommandButton } from './command-button.tsx';

export const modeTitles: Readonly<Record<AlignMode, string>> = {
  seconds: 'Seconds',
  step: 'Steps',
  stages: 'Stages',
  path: 'Path',
};

export function CompareBar() {
  const ghosts = usePlayers((state) => state.ghosts);
  return (
    <div className="compare-bar" role="toolbar" aria-label="Comparison">
      <AlignControl />
      <ClockMeaning />
      <span className="grow" />
      <Said />
      <CommandButton command="ghosts" icon="ghosts" size="sm" pressed={ghosts} testId="ghosts" />
      <CommandButton command="go-alignment" icon="align" size="sm" testId="go-alignment" />
      <CommandButton command="add-player" icon="plus" size="sm" testId="add-player" />
    </div>
  );
}

export function AlignControl() {
  const mode = useAlignment((state) => state.mode);
  return (
    <SegmentedControl
      size="xs"
      aria-label="Lay the episodes beside each other by"
      data-testid="align"
      data={alignModes.map((value) => ({ value, label: modeTitles[value] }))}
      value={mode}
      onChange={(value) => setAlignMode(value as AlignMode)}
    />
  );
}

/** The short form of what the clock counts; the whole sentence on hover. */
export function ClockMeaning() {
  const { mode, searching, unlike } = useAlignment();
  const first = usePlayers((state) => state.shown[0]!.toUpperCase());
  const letters = (names: readonly string[]): string => names.map((name) => name.toUpperCase()).join(', ');
  const trouble =
    searching.length > 0
      ? `Searching the path of ${letters(searching)}`
      : unlike.length > 0
        ? `${letters(unlike)} by seconds: no body in common with ${first}`
        : null;
  return (
    <Tooltip label={clockMeaning(mode, first)} multiline maw={300} openDelay={200}>
      <Text size="xs" c="dimmed" truncate className="clock-meaning" data-testid="clock-meaning">
        {trouble ?? (mode === 'seconds' ? 'clock: seconds of each' : `clock: seconds of ${first}`)}
      </Text>
    </Tooltip>
  );
}

/** Where the last jump from event to event came to. */
function Said() {
  const said = useMoment((state) => state.said);
  return (
    <Text size="xs" truncate className="said" component="output" data-testid="said">
      {said}
    </Text>
  );
}
