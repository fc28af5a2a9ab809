/**
 * Everything a user can do by name. The palette, the shortcut sheet, the buttons and the keyboard read this one list.
 */

import { applyLayout, closeActivePanel } from '../dock.ts';
import { shellOf } from '../shell.ts';
import { alignModes } from '../state/align.ts';
import { setAlignMode, useAlignment } from '../state/alignment.ts';
import { openBestMedianWorst } from '../state/choose.ts';
import { redo, undo } from '../state/history.ts';
import { type CameraPreset, focusPanel, useView } from '../state/layout.ts';
import { layoutPlans } from '../state/layouts.ts';
import { toggleWorlds } from '../state/live.ts';
import { goToEvent } from '../state/moments.ts';
import { neighbourSpeed, playedSpan } from '../state/player.ts';
import {
  addPlayer,
  clock,
  closeSlot,
  cycleActive,
  followRun,
  setCompare,
  stepSeconds,
  stopFollowing,
  swapPlayers,
  usePlayers,
} from '../state/players.ts';
import { comeBack, reset, toggleProbe, useProbe } from '../state/probe.ts';
import { useRuns } from '../state/runs.ts';
import { panTimeline, resetZoom, useTimeline, zoomTimeline } from '../state/timeline.ts';
import { episodeCommands } from './episodes.ts';
import { forkCommands } from './forks.ts';
import { search } from './search.ts';
import { stageCommands } from './stage.ts';

/** What only the mounted window can do. */
export interface WindowActions {
  cycleScheme(): void;
}

let actions: WindowActions = { cycleScheme: () => undefined };

export function setWindowActions(next: WindowActions): void {
  actions = next;
}

export interface Command {
  readonly id: string;
  readonly title: string;
  readonly group:
    | 'Playback'
    | 'Camera'
    | 'Stage'
    | 'Compare'
    | 'Episodes'
    | 'Runs'
    | 'Rewards'
    | 'Go to'
    | 'Layout'
    | 'Window';
  /** What it does, where the title does not say it. */
  readonly help?: string;
  /** The first is shown; all work. */
  readonly shortcuts: readonly string[];
  readonly run: () => void;
}

const step = (frames: number) => (): void => clock.dispatch({ type: 'step', frames, dt: stepSeconds() });
const second = (direction: number) => (): void => {
  clock.dispatch({ type: 'pause' });
  clock.dispatch({ type: 'seek', time: clock.state.time + direction });
};
const camera = (preset: CameraPreset) => (): void =>
  useView.setState((state) => ({ camera: { preset, count: state.camera.count + 1 } }));
const speed = (direction: 1 | -1) => (): void =>
  clock.dispatch({ type: 'speed', speed: neighbourSpeed(clock.state.speed, direction) });

function toggleFollow(): void {
  const { selected } = useRuns.getState();
  if (usePlayers.getState().a.source.type === 'live') stopFollowing();
  else if (selected !== null) followRun(selected);
}

function toggleCompare(): void {
  setCompare(usePlayers.getState().shown.length === 1);
}

/** Sets a point at the cursor; at the same place once more takes it away. */
const point = (type: 'in' | 'out') => (): void => {
  const { time, inPoint, outPoint } = clock.state;
  const there = type === 'in' ? inPoint : outPoint;
  clock.dispatch({ type, time: there === time ? null : time });
};
function toPoint(end: 'low' | 'high'): void {
  clock.dispatch({ type: 'seek', time: playedSpan(clock.state)[end] });
}
function clearPoints(): void {
  clock.dispatch({ type: 'in', time: null });
  clock.dispatch({ type: 'out', time: null });
}
function nextAlignment(): void {
  const at = alignModes.indexOf(useAlignment.getState().mode);
  setAlignMode(alignModes[(at + 1) % alignModes.length]!);
}
function toggleGhosts(): void {
  usePlayers.setState(({ ghosts }) => ({ ghosts: !ghosts }));
}

const shell = shellOf();

export const commands: readonly Command[] = [
  {
    id: 'play',
    title: 'Play or pause',
    group: 'Playback',
    shortcuts: ['Space'],
    run: () => clock.dispatch({ type: 'toggle' }),
  },
  {
    id: 'shuttle-back',
    title: 'Play backwards; again: faster',
    group: 'Playback',
    shortcuts: ['j'],
    run: () => clock.dispatch({ type: 'shuttle', direction: -1 }),
  },
  {
    id: 'pause',
    title: 'Pause',
    group: 'Playback',
    shortcuts: ['k'],
    run: () => clock.dispatch({ type: 'pause' }),
  },
  {
    id: 'shuttle-forward',
    title: 'Play forwards; again: faster',
    group: 'Playback',
    shortcuts: ['l'],
    run: () => clock.dispatch({ type: 'shuttle', direction: 1 }),
  },
  {
    id: 'step-forward',
    title: 'One step forward',
    group: 'Playback',
    shortcuts: ['ArrowRight', '.'],
    run: step(1),
  },
  {
    id: 'step-back',
    title: 'One step back',
    group: 'Playback',
    shortcuts: ['ArrowLeft', ','],
    run: step(-1),
  },
  {
    id: 'second-forward',
    title: 'One second forward',
    group: 'Playback',
    shortcuts: ['shift+ArrowRight'],
    run: second(1),
  },
  {
    id: 'second-back',
    title: 'One second back',
    group: 'Playback',
    shortcuts: ['shift+ArrowLeft'],
    run: second(-1),
  },
  {
    id: 'home',
    title: 'To the first frame',
    group: 'Playback',
    shortcuts: ['Home'],
    run: () => clock.dispatch({ type: 'seek', time: 0 }),
  },
  {
    id: 'end',
    title: 'To the last frame',
    group: 'Playback',
    shortcuts: ['End'],
    run: () => clock.dispatch({ type: 'seek', time: Number.POSITIVE_INFINITY }),
  },
  {
    id: 'event-forward',
    title: 'Next event of the active player',
    help: 'Change of stage, beginning of success, contact, fork or divergence; after the last one the last frame',
    group: 'Playback',
    shortcuts: ['mod+ArrowRight'],
    run: () => goToEvent(1),
  },
  {
    id: 'event-back',
    title: 'Previous event of the active player',
    group: 'Playback',
    shortcuts: ['mod+ArrowLeft'],
    run: () => goToEvent(-1),
  },
  { id: 'slower', title: 'Slower', group: 'Playback', shortcuts: ['['], run: speed(-1) },
  { id: 'faster', title: 'Faster', group: 'Playback', shortcuts: [']'], run: speed(1) },
  {
    id: 'loop',
    title: 'Loop on or off',
    group: 'Playback',
    shortcuts: ['shift+l'],
    run: () => clock.dispatch({ type: 'loop', loop: !clock.state.loop }),
  },
  {
    id: 'in-point',
    title: 'Play from here (in point); again: take it away',
    group: 'Playback',
    shortcuts: ['i'],
    run: point('in'),
  },
  {
    id: 'out-point',
    title: 'Play to here (out point); again: take it away',
    group: 'Playback',
    shortcuts: ['o'],
    run: point('out'),
  },
  {
    id: 'to-in',
    title: 'To the in point',
    group: 'Playback',
    shortcuts: ['shift+i'],
    run: () => toPoint('low'),
  },
  {
    id: 'to-out',
    title: 'To the out point',
    group: 'Playback',
    shortcuts: ['shift+o'],
    run: () => toPoint('high'),
  },
  {
    id: 'clear-points',
    title: 'Take in and out points away',
    group: 'Playback',
    shortcuts: [],
    run: clearPoints,
  },
  {
    id: 'follow',
    title: 'Follow the selected run live, or stop following',
    group: 'Playback',
    shortcuts: ['f'],
    run: toggleFollow,
  },
  {
    id: 'camera-perspective',
    title: 'Camera: perspective',
    group: 'Camera',
    shortcuts: ['1'],
    run: camera('perspective'),
  },
  { id: 'camera-front', title: 'Camera: front', group: 'Camera', shortcuts: ['2'], run: camera('front') },
  { id: 'camera-side', title: 'Camera: side', group: 'Camera', shortcuts: ['3'], run: camera('side') },
  { id: 'camera-top', title: 'Camera: top', group: 'Camera', shortcuts: ['4'], run: camera('top') },
  ...episodeCommands,
  ...forkCommands,
  ...stageCommands,
  {
    id: 'compare',
    title: 'Compare several episodes, or go back to one',
    group: 'Compare',
    shortcuts: ['c'],
    run: toggleCompare,
  },
  {
    id: 'add-player',
    title: 'Room for one more episode',
    group: 'Compare',
    shortcuts: ['shift+c'],
    run: addPlayer,
  },
  {
    id: 'next-player',
    title: 'Next player becomes the active one',
    group: 'Compare',
    shortcuts: ['a'],
    run: () => cycleActive(1),
  },
  {
    id: 'previous-player',
    title: 'Previous player becomes the active one',
    group: 'Compare',
    shortcuts: ['shift+a'],
    run: () => cycleActive(-1),
  },
  {
    id: 'swap',
    title: 'Swap the active player with A, or A with B',
    group: 'Compare',
    shortcuts: ['x'],
    run: swapPlayers,
  },
  {
    id: 'close-player',
    title: 'Close the active player',
    group: 'Compare',
    shortcuts: ['shift+x'],
    run: () => closeSlot(usePlayers.getState().active),
  },
  {
    id: 'ghosts',
    title: 'The others as ghosts in one scene, or beside each other',
    group: 'Compare',
    shortcuts: ['h'],
    run: toggleGhosts,
  },
  {
    id: 'align',
    title: 'Next alignment: seconds, steps, stages, path',
    group: 'Compare',
    shortcuts: ['m'],
    run: nextAlignment,
  },
  {
    id: 'go-alignment',
    title: 'Alignment',
    group: 'Go to',
    shortcuts: [],
    run: () => focusPanel('alignment'),
  },
  {
    id: 'best-worst',
    title: 'Compare best, median and worst episode of the selected run',
    help: 'By return; of its evaluation where it has one, else of all its episodes',
    group: 'Compare',
    shortcuts: ['shift+b'],
    run: () => void openBestMedianWorst(),
  },
  {
    id: 'weighted',
    title: 'Reward terms raw or weighted',
    group: 'Compare',
    shortcuts: ['w'],
    run: () => useView.setState((s) => ({ weighted: !s.weighted })),
  },
  { id: 'new-run', title: 'New run', group: 'Go to', shortcuts: ['n'], run: () => focusPanel('new-run') },
  { id: 'go-runs', title: 'Runs', group: 'Go to', shortcuts: ['g'], run: () => focusPanel('runs') },
  {
    id: 'go-episodes',
    title: 'Episodes',
    group: 'Go to',
    shortcuts: ['e'],
    run: () => focusPanel('episodes'),
  },
  { id: 'go-curves', title: 'Curves', group: 'Go to', shortcuts: ['v'], run: () => focusPanel('curves') },
  {
    id: 'distances',
    title: 'Reward distances',
    group: 'Go to',
    shortcuts: [],
    run: () => focusPanel('distances'),
  },
  {
    id: 'compare-runs',
    title: 'Compare runs',
    group: 'Go to',
    shortcuts: ['r'],
    run: () => focusPanel('run-table'),
  },
  {
    id: 'go-weights',
    title: 'Weights of the rewards',
    group: 'Go to',
    shortcuts: [],
    run: () => focusPanel('weights'),
  },
  {
    id: 'go-worlds',
    title: 'Worlds of a run while it trains',
    group: 'Go to',
    shortcuts: [],
    run: () => focusPanel('worlds'),
  },
  {
    id: 'pause-worlds',
    title: 'Hold the picture of the worlds, or go on',
    help: 'The run goes on meanwhile',
    group: 'Runs',
    shortcuts: [],
    run: toggleWorlds,
  },
  { id: 'go-lineage', title: 'Lineage', group: 'Go to', shortcuts: [], run: () => focusPanel('lineage') },
  {
    id: 'probe',
    title: 'Probe this frame, or close the probe',
    help: 'Move things or type numbers, and see what every reward says of it',
    group: 'Rewards',
    shortcuts: ['p'],
    run: () => {
      if (!useProbe.getState().isOn) focusPanel('probe');
      toggleProbe();
    },
  },
  {
    id: 'probe-reset',
    title: 'Probe: reset to the recorded frame',
    group: 'Rewards',
    shortcuts: [],
    run: reset,
  },
  {
    id: 'probe-back',
    title: 'Probe: come back to the edited state',
    group: 'Rewards',
    shortcuts: [],
    run: () => void comeBack(),
  },
  {
    id: 'judge',
    title: 'Judge rewards',
    group: 'Go to',
    shortcuts: ['shift+j'],
    run: () => focusPanel('judge'),
  },
  { id: 'docs', title: 'Documentation', group: 'Go to', shortcuts: ['F1'], run: () => focusPanel('docs') },
  {
    id: 'tour',
    title: 'A look around',
    group: 'Go to',
    shortcuts: [],
    run: () => void import('../tour.ts').then(({ startTour }) => startTour()),
  },
  {
    id: 'timeline-zoom-in',
    title: 'Timeline: closer',
    help: 'Around the cursor; the wheel zooms at the pointer',
    group: 'Window',
    shortcuts: ['+', '='],
    run: () => zoomTimeline(1.5),
  },
  {
    id: 'timeline-zoom-out',
    title: 'Timeline: further away',
    group: 'Window',
    shortcuts: ['-'],
    run: () => zoomTimeline(1 / 1.5),
  },
  {
    id: 'timeline-zoom-reset',
    title: 'Timeline: show all',
    help: 'Double click on the timeline does the same',
    group: 'Window',
    shortcuts: ['0'],
    run: resetZoom,
  },
  {
    id: 'timeline-left',
    title: 'Timeline: earlier',
    group: 'Window',
    shortcuts: ['<'],
    run: () => panTimeline(-0.5),
  },
  {
    id: 'timeline-right',
    title: 'Timeline: later',
    group: 'Window',
    shortcuts: ['>'],
    run: () => panTimeline(0.5),
  },
  {
    id: 'timeline-stacked',
    title: 'Timeline: reward terms stacked, or as lines',
    group: 'Window',
    shortcuts: [],
    run: () => useTimeline.setState(({ stacked }) => ({ stacked: !stacked })),
  },
  {
    id: 'disagreement',
    title: 'Where reward models differ',
    group: 'Go to',
    shortcuts: ['d'],
    run: () => focusPanel('disagreement'),
  },
  {
    id: 'timeline-table',
    title: 'Timeline as a table, or as curves',
    group: 'Window',
    shortcuts: [],
    run: () => useView.setState((s) => ({ timelineTable: !s.timelineTable })),
  },
  {
    id: 'theme',
    title: 'Dark, light or as the system',
    group: 'Window',
    shortcuts: ['t'],
    run: () => actions.cycleScheme(),
  },
  ...layoutPlans.map(({ id, title, help }) => ({
    id: `layout-${id}`,
    title: `Layout: ${title}`,
    help,
    group: 'Layout' as const,
    shortcuts: [],
    run: () => void applyLayout(id),
  })),
  {
    id: 'save-layout',
    title: 'Save this layout',
    group: 'Layout',
    shortcuts: [],
    run: () => useView.setState({ dialog: 'save-layout' }),
  },
  { id: 'close-panel', title: 'Close this panel', group: 'Layout', shortcuts: [], run: closeActivePanel },
  ...(shell
    ? [
        {
          id: 'choose-project',
          title: 'Open another project',
          group: 'Window' as const,
          shortcuts: [],
          run: () => void shell.chooseProject(),
        },
      ]
    : []),
  { id: 'undo', title: 'Undo', group: 'Window', shortcuts: ['mod+z'], run: () => void undo() },
  { id: 'redo', title: 'Redo', group: 'Window', shortcuts: ['mod+shift+z', 'mod+y'], run: () => void redo() },
  {
    id: 'palette',
    title: 'Command palette',
    group: 'Window',
    shortcuts: ['mod+k'],
    run: () => search.toggle(),
  },
  {
    id: 'shortcuts',
    title: 'Keyboard shortcuts',
    group: 'Window',
    shortcuts: ['?'],
    run: () => useView.setState((s) => ({ shortcutsOpen: !s.shortcutsOpen })),
  },
];

export function runCommand(id: string): void {
  commands.find((command) => command.id === id)?.run();
}
