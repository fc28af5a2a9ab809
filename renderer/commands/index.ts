/**
 * Everything a user can do by name. The palette, the shortcut sheet, the buttons and the keyboard read this one list.
 */

import { spotlight } from '@mantine/spotlight';
import { applyLayout, closeActivePanel } from '../dock.ts';
import { shellOf } from '../shell.ts';
import { redo, undo } from '../state/history.ts';
import { type CameraPreset, focusPanel, useView } from '../state/layout.ts';
import { layoutPlans } from '../state/layouts.ts';
import { neighbourSpeed } from '../state/player.ts';
import {
  clock,
  closeB,
  followRun,
  setCompare,
  stepSeconds,
  stopFollowing,
  swapPlayers,
  usePlayers,
} from '../state/players.ts';
import { useRuns } from '../state/runs.ts';
import { startTour } from '../tour.ts';

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

const shell = shellOf();

export const commands: readonly Command[] = [
  {
    id: 'play',
    title: 'Play or pause',
    group: 'Playback',
    shortcuts: ['Space', 'k'],
    run: () => clock.dispatch({ type: 'toggle' }),
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
  { id: 'slower', title: 'Slower', group: 'Playback', shortcuts: ['['], run: speed(-1) },
  { id: 'faster', title: 'Faster', group: 'Playback', shortcuts: [']'], run: speed(1) },
  {
    id: 'loop',
    title: 'Loop on or off',
    group: 'Playback',
    shortcuts: ['l'],
    run: () => clock.dispatch({ type: 'loop', loop: !clock.state.loop }),
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
  {
    id: 'compare',
    title: 'Compare two episodes, or go back to one',
    group: 'Compare',
    shortcuts: ['c'],
    run: toggleCompare,
  },
  { id: 'swap', title: 'Swap A and B', group: 'Compare', shortcuts: ['x'], run: swapPlayers },
  { id: 'close-b', title: 'Close B', group: 'Compare', shortcuts: [], run: closeB },
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
  { id: 'go-lineage', title: 'Lineage', group: 'Go to', shortcuts: [], run: () => focusPanel('lineage') },
  { id: 'judge', title: 'Judge rewards', group: 'Go to', shortcuts: ['j'], run: () => focusPanel('judge') },
  { id: 'docs', title: 'Documentation', group: 'Go to', shortcuts: ['F1'], run: () => focusPanel('docs') },
  { id: 'tour', title: 'A look around', group: 'Go to', shortcuts: [], run: () => void startTour() },
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
    run: () => spotlight.toggle(),
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
