/** What can be done with the stage: its cameras, what is drawn, pictures and clips of it. */

import { detailsOf } from '../state/details.ts';
import { useView } from '../state/layout.ts';
import { usePlayers } from '../state/players.ts';
import { follows, qualityChoices, toggleLook, trailSpans, useStageLook } from '../state/stage-look.ts';
import type { Command } from './index.ts';

const after = <T>(list: readonly T[], now: T): T => list[(list.indexOf(now) + 1) % list.length]!;

/** One's own camera, then each of the robot's, then one's own again. */
async function nextRobotView(): Promise<void> {
  const { loaded } = usePlayers.getState()[usePlayers.getState().shown[0]!];
  if (!loaded) return;
  const { views } = await detailsOf(loaded);
  useStageLook.setState(({ robotView }) => ({
    robotView: after([null, ...views.map(({ name }) => name)], robotView),
  }));
}

export const stageCommands: readonly Command[] = [
  {
    id: 'orthographic',
    title: 'Camera: without perspective, or with',
    group: 'Camera',
    shortcuts: ['9'],
    run: () => toggleLook('orthographic'),
  },
  {
    id: 'robot-camera',
    title: 'Camera: look through the next camera of the robot',
    group: 'Camera',
    shortcuts: ['5'],
    // Without the lab there is nothing to look through.
    run: () => void nextRobotView().catch(() => undefined),
  },
  {
    id: 'follow-next',
    title: 'Camera: go along with the hand, the agent, the object, or nobody',
    group: 'Camera',
    shortcuts: ['6'],
    run: () => useStageLook.setState(({ follow }) => ({ follow: after(follows, follow) })),
  },
  {
    id: 'contact-arrows',
    title: 'Contact forces on or off',
    group: 'Stage',
    shortcuts: ['7'],
    run: () => toggleLook('contacts'),
  },
  {
    id: 'body-names',
    title: 'Names of bodies on or off',
    group: 'Stage',
    shortcuts: ['8'],
    run: () => toggleLook('names'),
  },
  {
    id: 'robot-frusta',
    title: 'The robot’s cameras drawn, or not',
    group: 'Stage',
    shortcuts: [],
    run: () => toggleLook('frusta'),
  },
  {
    id: 'lidar-rays',
    title: 'Lidar rays on or off',
    group: 'Stage',
    shortcuts: [],
    run: () => toggleLook('lidar'),
  },
  {
    id: 'trail-span',
    title: 'More trail, or less',
    group: 'Stage',
    shortcuts: [],
    run: () => useStageLook.setState(({ trailSpan }) => ({ trailSpan: after(trailSpans, trailSpan) })),
  },
  {
    id: 'stage-quality',
    title: 'Stage quality: by itself, fine, fast or draft',
    help: 'By itself: fast where the CPU draws, or where the first pictures came slowly',
    group: 'Stage',
    shortcuts: [],
    run: () => useStageLook.setState(({ quality }) => ({ quality: after(qualityChoices, quality) })),
  },
  {
    id: 'export-picture',
    title: 'Save a picture of the stage',
    group: 'Stage',
    shortcuts: ['mod+shift+p'],
    run: () => useView.setState({ dialog: 'export-picture' }),
  },
  {
    id: 'export-clip',
    title: 'Save a clip of the stage',
    group: 'Stage',
    shortcuts: ['mod+shift+e'],
    run: () => useView.setState({ dialog: 'export-clip' }),
  },
];
