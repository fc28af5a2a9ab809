/** Puts layouts into the dock and takes them out again: built-in ones, saved ones, undo. */

import type { DockviewApi } from 'dockview-react';
import { create } from 'zustand';
import { panels } from './panels/index.ts';
import { remember } from './state/history.ts';
import { memory, setDock } from './state/layout.ts';
import {
  arrangementOf,
  fitPlan,
  isSavedLayout,
  type LayoutPlan,
  layoutPlans,
  type SavedLayout,
} from './state/layouts.ts';

const currentKey = 'reward-lab.layout.v2';
const savedKey = 'reward-lab.layouts';

export interface DockState {
  /** Of the layout at hand; null after a change by hand. */
  readonly name: string | null;
  readonly saved: Readonly<Record<string, SavedLayout>>;
  /** Panels that are open. */
  readonly open: ReadonlySet<string>;
}

function read(key: string): unknown {
  try {
    return JSON.parse(memory.get(key) ?? 'null');
  } catch {
    return null;
  }
}

function savedOnes(): Record<string, SavedLayout> {
  const value = read(savedKey);
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).filter(([, one]) => isSavedLayout(one)));
}

export const useDock = create<DockState>()(() => ({ name: null, saved: savedOnes(), open: new Set() }));

useDock.subscribe(({ saved }, before) => {
  if (saved !== before.saved) memory.set(savedKey, JSON.stringify(saved));
});

let dock: DockviewApi | null = null;
/** While a layout is put in, what changes is not the user's doing. */
let isOurs = false;
let last = '';
let lastDock: unknown = null;

function build(api: DockviewApi, wanted: LayoutPlan): void {
  const plan = fitPlan(wanted, panels);
  api.clear();
  const width = api.width || 1400;
  const height = api.height || 800;
  const add = (ids: readonly string[], direction: 'left' | 'right' | 'below' | null): void => {
    ids.forEach((id, i) => {
      const title = panels.find((panel) => panel.id === id)!.title;
      const base = { id, component: id, title };
      if (i > 0)
        api.addPanel({ ...base, position: { referencePanel: ids[0]!, direction: 'within' }, inactive: true });
      else if (direction === null) api.addPanel(base);
      else if (direction === 'below')
        api.addPanel({ ...base, position: { referencePanel: plan.centre[0]!, direction } });
      else api.addPanel({ ...base, position: { direction } });
    });
  };
  add(plan.centre, null);
  add(plan.below, 'below');
  add(plan.left, 'left');
  add(plan.right, 'right');
  // Sizes given while adding are rescaled as more groups come; these stay.
  const size = (id: string | undefined, part: { width?: number; height?: number }): void => {
    if (id !== undefined) api.getPanel(id)?.api.setSize(part);
  };
  size(plan.left[0], { width: Math.round(Math.min(430, width * 0.285)) });
  size(plan.right[0], { width: Math.round(Math.min(400, width * 0.25)) });
  size(plan.below[0], { height: Math.round(height * 0.38) });
  api.getPanel(plan.centre[0]!)?.api.setActive();
}

/** False where the dock cannot be read; what it named and is gone is left out by then. */
function restore(api: DockviewApi, { dock: stored, known }: SavedLayout): boolean {
  try {
    api.fromJSON(stored as Parameters<DockviewApi['fromJSON']>[0]);
  } catch {
    return false;
  }
  if (api.panels.length === 0) return false;
  // Panels that are new since then.
  for (const { id } of panels) if (!known.includes(id)) open(api, id, true);
  return true;
}

/** Opens a panel that is closed, beside those of its place. */
function open(api: DockviewApi, id: string, inactive = false): void {
  const panel = panels.find((one) => one.id === id);
  if (!panel || api.getPanel(id)) return;
  const base = { id, component: id, title: panel.title };
  const mate = panels.find((one) => one.place === panel.place && one.id !== id && api.getPanel(one.id));
  if (mate) api.addPanel({ ...base, position: { referencePanel: mate.id, direction: 'within' }, inactive });
  else if (panel.place === 'left' || panel.place === 'right')
    api.addPanel({ ...base, position: { direction: panel.place }, inactive, initialWidth: 360 });
  else if (panel.place === 'timeline' && api.getPanel('stage'))
    api.addPanel({ ...base, position: { referencePanel: 'stage', direction: 'below' }, inactive });
  else api.addPanel({ ...base, inactive });
}

/** Writes down what the dock looks like now, and makes an edit of what the user moved. */
function note(api: DockviewApi): void {
  const now = api.toJSON();
  const arrangement = arrangementOf(now);
  const isChanged = arrangement !== last;
  if (isChanged && !isOurs && last !== '') {
    const [from, to] = [lastDock, now];
    const name = useDock.getState().name;
    remember({
      title: 'move panels',
      undo: () => put((one) => restore(one, { name, dock: from, known: panels.map(({ id }) => id) }), name),
      redo: () =>
        put((one) => restore(one, { name: null, dock: to, known: panels.map(({ id }) => id) }), null),
    });
    useDock.setState({ name: null });
  }
  last = arrangement;
  lastDock = now;
  if (isChanged) useDock.setState({ open: new Set(api.panels.map(({ id }) => id)) });
  const current: SavedLayout = {
    name: useDock.getState().name,
    dock: now,
    known: panels.map(({ id }) => id),
  };
  memory.set(currentKey, JSON.stringify(current));
}

/** Puts a whole layout in, without making an edit of it. */
function put(work: (api: DockviewApi) => void, name: string | null): void {
  const api = dock;
  if (!api) return;
  isOurs = true;
  if (api.hasMaximizedGroup()) api.exitMaximizedGroup();
  work(api);
  useDock.setState({ name });
  note(api);
  // The library tells of its changes a moment later.
  setTimeout(() => {
    isOurs = false;
    note(api);
  }, 100);
}

export function openDock(api: DockviewApi): void {
  dock = api;
  setDock(api, (id) => open(api, id));
  const current = read(currentKey);
  put(
    (one) => {
      if (!isSavedLayout(current) || !restore(one, current)) build(one, layoutPlans[0]!);
    },
    isSavedLayout(current) ? current.name : layoutPlans[0]!.id,
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  api.onDidLayoutChange(() => {
    clearTimeout(timer);
    timer = setTimeout(() => note(api), 80);
  });
}

/** A built-in layout by its id, or a saved one by its name; can be undone. False when there is none. */
export function applyLayout(name: string): boolean {
  const api = dock;
  const { saved, name: before } = useDock.getState();
  const plan = layoutPlans.find(({ id }) => id === name);
  const own = saved[name];
  if (!api || (!plan && !own)) return false;
  const from = api.toJSON();
  const known = panels.map(({ id }) => id);
  const redo = (): void =>
    put((one) => {
      if (plan) build(one, plan);
      else if (!restore(one, own!)) build(one, layoutPlans[0]!);
    }, name);
  redo();
  remember({
    title: `layout ${plan?.title ?? name}`,
    undo: () => put((one) => restore(one, { name: before, dock: from, known }), before),
    redo,
  });
  return true;
}

/** The name is free text; one that exists is written over. */
export function saveLayoutAs(name: string): void {
  const api = dock;
  if (!api) return;
  const before = useDock.getState().saved;
  const after = { ...before, [name]: { name, dock: api.toJSON(), known: panels.map(({ id }) => id) } };
  useDock.setState({ saved: after, name });
  remember({
    title: `save layout ${name}`,
    undo: () => useDock.setState({ saved: before }),
    redo: () => useDock.setState({ saved: after }),
  });
}

export function removeLayout(name: string): void {
  const before = useDock.getState().saved;
  const { [name]: _, ...after } = before;
  useDock.setState({ saved: after });
  remember({
    title: `remove layout ${name}`,
    undo: () => useDock.setState({ saved: before }),
    redo: () => useDock.setState({ saved: after }),
  });
}

/** Brings a panel to the front, opened where it was closed; closes the one in front, but for the last. */
export function togglePanel(id: string): void {
  const panel = dock?.getPanel(id);
  if (!dock) return;
  if (!panel) open(dock, id);
  else if (!panel.api.isVisible) panel.api.setActive();
  else if (dock.panels.length > 1) dock.removePanel(panel);
}

/** Closes the panel that has the focus. */
export function closeActivePanel(): void {
  const id = dock?.activePanel?.id;
  if (id !== undefined) togglePanel(id);
}
