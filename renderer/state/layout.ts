/** Choices about the window itself that outlive it, and the handle by which commands reach the panels. */

import type { DockviewApi } from 'dockview-react';
import { create } from 'zustand';
import { Palette } from './colours.ts';

/** Of this browser; storage that is denied forgets. */
export const memory = {
  get(key: string): string | null {
    try {
      return localStorage.getItem(key);
    } catch {
      // Storage may be denied; the window then simply forgets.
      return null;
    }
  },
  set(key: string, value: string): void {
    try {
      localStorage.setItem(key, value);
    } catch {
      // As above.
    }
  },
};

export interface ViewState {
  /** Reward terms as they enter the sum, or as they came. */
  readonly weighted: boolean;
  readonly timelineTable: boolean;
  readonly hidden: ReadonlySet<string>;
  readonly metrics: readonly string[] | null;
  /** Weight of the past in the curves' exponential mean; 0 = raw. */
  readonly smoothing: number;
  readonly shortcutsOpen: boolean;
  /** A dialog that is open, by its name. */
  readonly dialog: string | null;
  /** One panel fills the window for a while. */
  readonly wide: boolean;
  /** The preset the cameras were last sent to; `count` makes the same preset a new wish. */
  readonly camera: { readonly preset: CameraPreset; readonly count: number };
}

export type CameraPreset = 'perspective' | 'front' | 'side' | 'top';

const saved = JSON.parse(memory.get('reward-lab.view') ?? '{}') as Partial<
  Pick<ViewState, 'weighted' | 'smoothing'> & { metrics: string[]; hidden: string[] }
>;

export const useView = create<ViewState>()(() => ({
  // Weighted, the terms add up to the total.
  weighted: saved.weighted ?? true,
  timelineTable: false,
  hidden: new Set(saved.hidden ?? []),
  metrics: saved.metrics ?? null,
  smoothing: saved.smoothing ?? 0,
  shortcutsOpen: false,
  dialog: null,
  wide: false,
  camera: { preset: 'perspective', count: 0 },
}));

useView.subscribe((state) => {
  const { weighted, smoothing, metrics } = state;
  memory.set(
    'reward-lab.view',
    JSON.stringify({ weighted, smoothing, ...(metrics ? { metrics } : {}), hidden: [...state.hidden] }),
  );
});

export const palette = new Palette({
  load: () => JSON.parse(memory.get('reward-lab.palette') ?? '{}') as Record<string, number>,
  save: (slots) => memory.set('reward-lab.palette', JSON.stringify(slots)),
});

let dock: DockviewApi | null = null;
let openPanel: (id: string) => void = () => undefined;

/** `open` opens a panel that is closed. */
export function setDock(api: DockviewApi, open: (id: string) => void): void {
  dock = api;
  openPanel = open;
  api.onDidMaximizedGroupChange(() => useView.setState({ wide: api.hasMaximizedGroup() }));
}

/** Brings a panel to the front; one that was closed is opened. */
export function focusPanel(id: string): void {
  if (dock && !dock.getPanel(id)) openPanel(id);
  const panel = dock?.getPanel(id);
  // Behind a panel that fills the window it would not be seen.
  if (dock?.hasMaximizedGroup() && !panel?.api.isMaximized()) dock.exitMaximizedGroup();
  panel?.api.setActive();
}

/** Lets a panel fill the window, or puts it back into its place. */
export function toggleWide(id: string): void {
  const panel = dock?.getPanel(id);
  if (dock?.hasMaximizedGroup()) dock.exitMaximizedGroup();
  else panel?.api.maximize();
}

export function toggleSeries(name: string): void {
  useView.setState((state) => {
    const hidden = new Set(state.hidden);
    if (!hidden.delete(name)) hidden.add(name);
    return { hidden };
  });
}
