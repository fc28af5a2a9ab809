/** What the stage draws beside the bodies, and what it is looked at with. The same for all views; outlives the window. */

import { create } from 'zustand';
import { memory } from './layout.ts';

/** How finely all of it is drawn; see `quality.ts`. */
export const qualityChoices = ['auto', 'fine', 'fast', 'draft'] as const;
export type QualityChoice = (typeof qualityChoices)[number];

/** `auto`: with whoever runs out of the picture; the others put their thing into the middle and go along with it. */
export const follows = ['auto', 'off', 'tool', 'agent', 'object'] as const;
export type Follow = (typeof follows)[number];

/** Seconds of trail behind the tool, or: no trail, all of it so far, the whole path with what is still to come. */
export const trailSpans = ['none', '1', '3', 'past', 'all'] as const;
export type TrailSpan = (typeof trailSpans)[number];

/** What is written beside the agent. */
export const labelChoices = ['progress', 'reward', 'terms', 'none'] as const;
export type LabelChoice = (typeof labelChoices)[number];

export interface StageLook {
  /** Arrows where bodies touch. */
  readonly contacts: boolean;
  readonly lidar: boolean;
  /** The pyramids that the robot's cameras see. */
  readonly frusta: boolean;
  readonly names: boolean;
  /** Name of a series (`progress/true`, `reward/<term>`), `speed`, `plain`, or `auto`: learned progress, else the true one. */
  readonly trail: string;
  readonly trailSpan: TrailSpan;
  readonly label: LabelChoice;
  readonly orthographic: boolean;
  readonly follow: Follow;
  readonly quality: QualityChoice;
  /** Name of the robot's camera that is looked through; null: one's own. Not kept. */
  readonly robotView: string | null;
}

const initial: StageLook = {
  contacts: false,
  lidar: true,
  frusta: false,
  names: false,
  trail: 'auto',
  trailSpan: 'past',
  label: 'progress',
  orthographic: false,
  follow: 'auto',
  quality: 'auto',
  robotView: null,
};

/** What an older window, or a person, left in the store must not break this one. */
function remembered(): Partial<StageLook> {
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(memory.get('reward-lab.stage') ?? '{}') as Record<string, unknown>;
  } catch {
    return {};
  }
  const allowed: Readonly<Record<string, readonly string[]>> = {
    trailSpan: trailSpans,
    label: labelChoices,
    follow: follows,
    quality: qualityChoices,
  };
  return Object.fromEntries(
    Object.entries(found).filter(
      ([key, value]) =>
        key !== 'robotView' &&
        key in initial &&
        typeof value === typeof initial[key as keyof StageLook] &&
        (allowed[key]?.includes(value as string) ?? true),
    ),
  );
}

export const useStageLook = create<StageLook>()(() => ({ ...initial, ...remembered() }));

useStageLook.subscribe((state) => {
  const { robotView: _, ...kept } = state;
  memory.set('reward-lab.stage', JSON.stringify(kept));
});

type Switch = { [K in keyof StageLook]: StageLook[K] extends boolean ? K : never }[keyof StageLook];

export const toggleLook = (key: Switch): void => useStageLook.setState((state) => ({ [key]: !state[key] }));
