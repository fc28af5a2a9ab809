/** Keeps the address pointing at what is on screen, so that it can be copied, and survives a reload. */

import { writeLink } from './link.ts';
import { clock, usePlayers } from './players.ts';
import { useRuns } from './runs.ts';

export function followAddress(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = (): void => {
    const { a, b, shown } = usePlayers.getState();
    const { selected } = useRuns.getState();
    const hash = writeLink({
      ...(selected === null ? {} : { run: selected }),
      // A live player is not pinned to an episode: a reload follows on.
      ...(a.source.type === 'episode' ? { a: a.source.id } : {}),
      ...(shown.includes('b') && b.source.type === 'episode' ? { b: b.source.id } : {}),
      ...(a.source.type === 'episode' && clock.state.mode !== 'playing' ? { t: clock.state.time } : {}),
    });
    if (hash !== location.hash)
      history.replaceState(null, '', `${location.pathname}${location.search}${hash}`);
  };
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(write, 300);
  };
  usePlayers.subscribe(soon);
  useRuns.subscribe((state, before) => {
    if (state.selected !== before.selected) soon();
  });
  clock.subscribe(({ mode }) => {
    if (mode !== 'playing') soon();
  });
}
