/** Going on otherwise from where the active player stands. */

import { notifications } from '@mantine/notifications';
import { startDrive } from '../state/drive.ts';
import { forkPoint } from '../state/forks.ts';
import { focusPanel, useView } from '../state/layout.ts';
import { clock } from '../state/players.ts';
import type { Command } from './index.ts';

async function drive(): Promise<void> {
  clock.dispatch({ type: 'pause' });
  const point = forkPoint();
  const problem = point
    ? await startDrive(point.slot, point.episode, point.frame, { kind: 'own' }, point.state ?? undefined)
    : 'Open an episode and go to the moment from which you want to drive';
  if (problem !== null) notifications.show({ title: 'Nobody drives', message: problem, color: 'yellow' });
}

export const forkCommands: readonly Command[] = [
  {
    id: 'fork',
    title: 'Fork here',
    help: 'From this frame of the active player, or the edited state of the probe, on with another policy, the expert, or paid by another reward',
    group: 'Episodes',
    shortcuts: ['shift+f'],
    run: () => {
      clock.dispatch({ type: 'pause' });
      useView.setState({ dialog: 'fork' });
    },
  },
  {
    id: 'drive',
    title: 'Drive by keyboard from here',
    help: 'The keys stand under the stage; Esc ends it',
    group: 'Episodes',
    shortcuts: ['shift+d'],
    run: () => void drive(),
  },
  { id: 'go-forks', title: 'Forks', group: 'Go to', shortcuts: [], run: () => focusPanel('forks') },
];
