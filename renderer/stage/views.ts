/** The 3D views on screen, by player: for cameras that move together, layers that are laid into them, pictures taken of them. */

import type { SlotName } from '../state/players.ts';
import type { StageView } from './view.ts';

const open = new Map<SlotName, StageView>();
const listeners = new Set<() => void>();

export const stageViews: ReadonlyMap<SlotName, StageView> = open;

/** Returns how to take it off again; whoever made the view disposes it. */
export function enterView(name: SlotName, view: StageView): () => void {
  open.set(name, view);
  for (const listener of listeners) listener();
  return () => {
    if (open.get(name) === view) open.delete(name);
    for (const listener of listeners) listener();
  };
}

/** Called when a view comes or goes; returns how to stop. */
export function onViews(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
