/** Going from event to event of the active player, and saying where one has come to. */

import { create } from 'zustand';
import { besideTime, eventsOf } from './events.ts';
import { clock, clockTimeOf, countedPlayer, usePlayers } from './players.ts';

/** What the last jump came to, in words; null once the clock has gone on. */
export const useMoment = create<{ readonly said: string | null; readonly time: number }>()(() => ({
  said: null,
  time: 0,
}));

/** To the next (1) or previous (-1) event; beyond the last to the last frame, before the first to frame 0. */
export function goToEvent(direction: 1 | -1): void {
  const name = countedPlayer();
  const { shown, [name ?? 'a']: slot } = usePlayers.getState();
  if (name === null || !slot.loaded) return;
  const events = eventsOf(slot.loaded)
    .map((event) => ({ ...event, time: clockTimeOf(name, event.frame) }))
    .sort((one, other) => one.time - other.time);
  const found = besideTime(events, clock.state.time, direction);
  clock.dispatch({ type: 'pause' });
  const frame = found?.frame ?? (direction === 1 ? slot.loaded.length : 0);
  clock.dispatch({ type: 'seek', time: clockTimeOf(name, frame) });
  // What happens at one time is said together.
  const here = found ? events.filter(({ time }) => Math.abs(time - found.time) < 1e-6) : [];
  const what =
    here.length > 0
      ? here.map(({ title }) => title).join(', ')
      : direction === 1
        ? 'Last frame'
        : 'First frame';
  const letter = shown.length > 1 ? `${name.toUpperCase()}: ` : '';
  useMoment.setState({ said: `${letter}${what}, step ${frame}`, time: clock.state.time });
}

clock.subscribe(({ time }) => {
  const moment = useMoment.getState();
  if (moment.said !== null && time !== moment.time) useMoment.setState({ said: null });
});
