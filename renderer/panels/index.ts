/** The registry of panels. Adding one = its file and one line here; the dock, the palette and the crash cards follow. */

import type { FunctionComponent } from 'react';
import { AlignmentPanel } from './alignment.tsx';
import { CurvesPanel } from './curves.tsx';
import { DisagreementPanel } from './disagreement.tsx';
import { DistancesPanel } from './distances.tsx';
import { DocsPanel } from './docs.tsx';
import { EpisodesPanel } from './episodes.tsx';
import { ForksPanel } from './forks.tsx';
import { JudgePanel } from './judge.tsx';
import { LineagePanel } from './lineage.tsx';
import { NewRunPanel } from './new-run.tsx';
import { ProbePanel } from './probe.tsx';
import { RunTablePanel } from './run-table.tsx';
import { RunsPanel } from './runs.tsx';
import { StagePanel } from './stage.tsx';
import { TimelinePanel } from './timeline.tsx';
import { WeightsPanel } from './weights.tsx';
import { WorldsPanel } from './worlds.tsx';

export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly component: FunctionComponent;
  /** Where it stands in the built-in layout. */
  readonly place: 'left' | 'stage' | 'timeline' | 'right';
}

export const panels: readonly Panel[] = [
  { id: 'stage', title: 'Stage', component: StagePanel, place: 'stage' },
  { id: 'run-table', title: 'Compare runs', component: RunTablePanel, place: 'stage' },
  { id: 'worlds', title: 'Worlds', component: WorldsPanel, place: 'stage' },
  { id: 'judge', title: 'Judge rewards', component: JudgePanel, place: 'stage' },
  { id: 'distances', title: 'Reward distances', component: DistancesPanel, place: 'stage' },
  { id: 'docs', title: 'Documentation', component: DocsPanel, place: 'stage' },
  { id: 'timeline', title: 'Timeline', component: TimelinePanel, place: 'timeline' },
  { id: 'alignment', title: 'Alignment', component: AlignmentPanel, place: 'timeline' },
  { id: 'episodes', title: 'Episodes', component: EpisodesPanel, place: 'left' },
  { id: 'runs', title: 'Runs', component: RunsPanel, place: 'left' },
  { id: 'curves', title: 'Curves', component: CurvesPanel, place: 'right' },
  { id: 'new-run', title: 'New run', component: NewRunPanel, place: 'right' },
  { id: 'weights', title: 'Weights', component: WeightsPanel, place: 'right' },
  { id: 'probe', title: 'Probe', component: ProbePanel, place: 'right' },
  { id: 'forks', title: 'Forks', component: ForksPanel, place: 'right' },
  { id: 'lineage', title: 'Lineage', component: LineagePanel, place: 'right' },
  { id: 'disagreement', title: 'Disagreement', component: DisagreementPanel, place: 'right' },
];
