/**
 * The registry of panels. Adding one = its file and one line here; the dock, the palette and the crash cards follow. Those that stand
 * behind another tab at the first start are fetched `later`.
 */

import type { FunctionComponent } from 'react';
import { later } from '../parts/later.tsx';
import { CurvesPanel } from './curves.tsx';
import { EpisodesPanel } from './episodes.tsx';
import { RunsPanel } from './runs.tsx';
import { StagePanel } from './stage.tsx';
import { TimelinePanel } from './timeline.tsx';

export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly component: FunctionComponent;
  /** Where it stands in the built-in layout. */
  readonly place: 'left' | 'stage' | 'timeline' | 'right';
}

export const panels: readonly Panel[] = [
  { id: 'stage', title: 'Stage', component: StagePanel, place: 'stage' },
  {
    id: 'run-table',
    title: 'Compare runs',
    component: later(async () => (await import('./run-table.tsx')).RunTablePanel),
    place: 'stage',
  },
  {
    id: 'worlds',
    title: 'Worlds',
    component: later(async () => (await import('./worlds.tsx')).WorldsPanel),
    place: 'stage',
  },
  {
    id: 'judge',
    title: 'Judge rewards',
    component: later(async () => (await import('./judge.tsx')).JudgePanel),
    place: 'stage',
  },
  {
    id: 'distances',
    title: 'Reward distances',
    component: later(async () => (await import('./distances.tsx')).DistancesPanel),
    place: 'stage',
  },
  {
    id: 'docs',
    title: 'Documentation',
    component: later(async () => (await import('./docs.tsx')).DocsPanel),
    place: 'stage',
  },
  { id: 'timeline', title: 'Timeline', component: TimelinePanel, place: 'timeline' },
  {
    id: 'alignment',
    title: 'Alignment',
    component: later(async () => (await import('./alignment.tsx')).AlignmentPanel),
    place: 'timeline',
  },
  { id: 'episodes', title: 'Episodes', component: EpisodesPanel, place: 'left' },
  { id: 'runs', title: 'Runs', component: RunsPanel, place: 'left' },
  { id: 'curves', title: 'Curves', component: CurvesPanel, place: 'right' },
  {
    id: 'new-run',
    title: 'New run',
    component: later(async () => (await import('./new-run.tsx')).NewRunPanel),
    place: 'right',
  },
  {
    id: 'weights',
    title: 'Weights',
    component: later(async () => (await import('./weights.tsx')).WeightsPanel),
    place: 'right',
  },
  {
    id: 'probe',
    title: 'Probe',
    component: later(async () => (await import('./probe.tsx')).ProbePanel),
    place: 'right',
  },
  {
    id: 'forks',
    title: 'Forks',
    component: later(async () => (await import('./forks.tsx')).ForksPanel),
    place: 'right',
  },
  {
    id: 'lineage',
    title: 'Lineage',
    component: later(async () => (await import('./lineage.tsx')).LineagePanel),
    place: 'right',
  },
  {
    id: 'disagreement',
    title: 'Disagreement',
    component: later(async () => (await import('./disagreement.tsx')).DisagreementPanel),
    place: 'right',
  },
];
