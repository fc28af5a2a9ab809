/**
 * Layouts of the dock: a few built in, those that the user saved, and the one at hand. Pure but for the memory of the browser.
 * A layout names panels by id; ids that this build does not have are left out, panels it does not name stay closed.
 */

export interface LayoutPlan {
  readonly id: string;
  readonly title: string;
  readonly help: string;
  /** Tabs of each place, the first one in front. Without `centre` nothing is drawn there. */
  readonly left: readonly string[];
  readonly centre: readonly string[];
  readonly below: readonly string[];
  readonly right: readonly string[];
}

export type Place = 'left' | 'stage' | 'timeline' | 'right';

export interface PlacedPanel {
  readonly id: string;
  readonly place: Place;
}

/** What the built-in layouts are for; `all` is what a new user sees, and takes every panel there is. */
export const layoutPlans: readonly LayoutPlan[] = [
  {
    id: 'all',
    title: 'Everything',
    help: 'Every panel in its place',
    left: [],
    centre: [],
    below: [],
    right: [],
  },
  {
    id: 'watch',
    title: 'Watch',
    help: 'Stage and timeline large, episodes beside',
    left: ['episodes'],
    centre: ['stage'],
    below: ['timeline'],
    right: [],
  },
  {
    id: 'compare',
    title: 'Compare',
    help: 'Several episodes on one clock, where they part and where models disagree',
    left: ['episodes', 'forks'],
    centre: ['stage', 'run-table'],
    below: ['timeline', 'alignment'],
    right: ['disagreement'],
  },
  {
    id: 'train',
    title: 'Train',
    help: 'Runs, live worlds, curves and the form',
    left: ['runs'],
    centre: ['worlds', 'stage', 'run-table'],
    below: ['timeline'],
    right: ['curves', 'new-run', 'weights'],
  },
  {
    id: 'rewards',
    title: 'Rewards',
    help: 'What a reward says at a state, how rewards differ, which one to trust',
    left: ['episodes'],
    centre: ['stage', 'judge', 'distances'],
    below: ['timeline'],
    right: ['probe', 'disagreement'],
  },
];

/** A built-in layout for the panels that there are. */
export function fitPlan(plan: LayoutPlan, panels: readonly PlacedPanel[]): LayoutPlan {
  const take = (ids: readonly string[], place: Place): string[] =>
    plan.id === 'all'
      ? panels.filter((panel) => panel.place === place).map(({ id }) => id)
      : ids.filter((id) => panels.some((panel) => panel.id === id));
  return {
    ...plan,
    left: take(plan.left, 'left'),
    centre: take(plan.centre, 'stage'),
    below: take(plan.below, 'timeline'),
    right: take(plan.right, 'right'),
  };
}

/** A dock as the library writes it, with the panels that were known then: later ones are added where they belong. */
export interface SavedLayout {
  /** A built-in id, a saved name, or null when it was changed by hand. */
  readonly name: string | null;
  readonly dock: unknown;
  readonly known: readonly string[];
}

export function isSavedLayout(value: unknown): value is SavedLayout {
  if (typeof value !== 'object' || value === null) return false;
  const { name, dock, known } = value as Partial<SavedLayout>;
  return (
    (name === null || typeof name === 'string') &&
    typeof dock === 'object' &&
    dock !== null &&
    Array.isArray(known) &&
    known.every((id) => typeof id === 'string')
  );
}

/** What of a dock is arrangement: which panels stand where. Sizes and the tab in front are not edits that one undoes. */
export function arrangementOf(dock: unknown): string {
  const views: unknown[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, data } = node as { readonly type?: unknown; readonly data?: unknown };
    if (type === 'leaf') views.push((data as { readonly views?: unknown } | undefined)?.views);
    else if (Array.isArray(data)) {
      views.push('(');
      for (const child of data) walk(child);
      views.push(')');
    }
  };
  const { grid, floatingGroups } = (dock ?? {}) as {
    readonly grid?: { readonly root?: unknown; readonly orientation?: unknown };
    readonly floatingGroups?: readonly { readonly data?: { readonly views?: unknown } }[];
  };
  walk(grid?.root);
  return JSON.stringify([grid?.orientation, views, floatingGroups?.map(({ data }) => data?.views) ?? []]);
}
