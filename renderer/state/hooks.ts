/** How components watch the clock and the colour scheme. */

import { useComputedColorScheme } from '@mantine/core';
import { useSyncExternalStore } from 'react';
import type { Scheme } from './colours.ts';
import type { ClockState } from './player.ts';
import { clock, frameIn, type SlotName, usePlayers } from './players.ts';

const subscribe = (listener: () => void): (() => void) => clock.subscribe(listener);

/** Renders again when what was picked changes; pick a plain value. */
export function useClock<T extends number | string | boolean>(pick: (state: ClockState) => T): T {
  return useSyncExternalStore(subscribe, () => pick(clock.state));
}

/** The whole frame a player shows: changes at control rate, not at screen rate. */
export function useFrame(name: SlotName): number {
  // Another episode or another alignment shows another frame at the same time.
  usePlayers((state) => state[name].loaded);
  usePlayers((state) => state.maps);
  return useClock(({ time }) => frameIn(name, time));
}

export function useScheme(): Scheme {
  return useComputedColorScheme('dark', { getInitialValueInEffect: false });
}

export const prefersReducedMotion = (): boolean => matchMedia('(prefers-reduced-motion: reduce)').matches;
