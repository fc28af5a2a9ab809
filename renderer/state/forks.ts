/** Forks as the window makes them: what is asked for, how far the lab is, the tree of the episode in the active player. */

import { notifications } from '@mantine/notifications';
import { create } from 'zustand';
import type { ForkActor, ForkReward, ForkTree, LabEvent } from '../../lab/api.ts';
import { lab } from '../lab.ts';
import { messageOf } from './message.ts';
import {
  clock,
  clockTimeOf,
  countedPlayer,
  frameIn,
  freeSlot,
  openEpisode,
  type SlotName,
  setActive,
  usePlayers,
} from './players.ts';
import { isEdited, useProbe } from './probe.ts';

export interface ForksState {
  /** Counts forks that were seen, so that trees know that they are old. */
  readonly version: number;
  /** What `forks.create` works on; null: nothing. */
  readonly working: { readonly episode: number; readonly done: number; readonly total: number } | null;
  readonly error: string | null;
}

export const useForks = create<ForksState>()(() => ({ version: 0, working: null, error: null }));

/** From the one stream of events. */
export function takeForkEvents(events: readonly LabEvent[]): void {
  for (const event of events) {
    if (event.type === 'fork') {
      useForks.setState(({ working }) =>
        working?.episode === event.episode
          ? { working: { episode: event.episode, done: event.done, total: event.total } }
          : {},
      );
    } else if (event.type === 'episode' && event.episode.fork !== null) {
      useForks.setState(({ version }) => ({ version: version + 1 }));
    }
  }
}

export interface ForkPoint {
  readonly slot: SlotName;
  readonly episode: number;
  readonly frame: number;
  /** The edited state that the probe shows there; null where the stage shows what was recorded. */
  readonly state: readonly number[] | null;
}

/** What a fork would leave: what the stage of the active player shows; null where no episode is on screen. */
export function forkPoint(): ForkPoint | null {
  const slot = countedPlayer();
  const loaded = slot && usePlayers.getState()[slot].loaded;
  if (!slot || !loaded) return null;
  const state = isEdited(slot) ? useProbe.getState().state : null;
  return { slot, episode: loaded.episode.id, frame: frameIn(slot), state };
}

/** Puts an episode beside those on screen, at its frame of the fork; in the active player where there is no room. */
export async function showBeside(id: number, frame: number): Promise<void> {
  clock.dispatch({ type: 'pause' });
  const slot = freeSlot() ?? usePlayers.getState().active;
  await openEpisode(slot, id, 'keep');
  setActive(slot);
  clock.dispatch({ type: 'seek', time: clockTimeOf(slot, frame) });
}

let call: AbortController | null = null;

/** Resolves to whether there is a fork now. */
export async function startFork(ask: {
  readonly episodeId: number;
  readonly frame: number;
  readonly state?: number[];
  readonly by: ForkActor;
  readonly reward: ForkReward;
  readonly steps?: number;
}): Promise<boolean> {
  if (call) return false;
  const mine = new AbortController();
  call = mine;
  useForks.setState({ working: { episode: ask.episodeId, done: 0, total: 0 }, error: null });
  try {
    const { id } = await lab.forks.create(ask, { signal: mine.signal });
    useForks.setState(({ version }) => ({ version: version + 1 }));
    await showBeside(id, ask.state ? 0 : ask.frame);
    return true;
  } catch (error) {
    if (mine.signal.aborted) notifications.show({ message: 'The fork was given up; nothing was stored.' });
    else useForks.setState({ error: messageOf(error) });
    return false;
  } finally {
    call = null;
    useForks.setState({ working: null });
  }
}

/** To drop the call is to stop the work. */
export function stopFork(): void {
  call?.abort();
}

/** A tree as rows to draw: each branch under the one it left, the youngest next to it, so that lines do not cross. Pure. */
export interface TreeRow {
  readonly branch: ForkTree['branches'][number];
  /** Row of its parent; -1 of the root. */
  readonly parent: number;
  readonly depth: number;
}

export function treeRows({ root, branches }: ForkTree): TreeRow[] {
  const children = new Map<number, ForkTree['branches'][number][]>();
  for (const branch of branches) {
    const parent = branch.fork?.parent ?? null;
    if (parent === null || branch.id === root) continue;
    children.set(parent, [...(children.get(parent) ?? []), branch]);
  }
  const rows: TreeRow[] = [];
  const place = (branch: ForkTree['branches'][number], parent: number, depth: number): void => {
    const row = rows.push({ branch, parent, depth }) - 1;
    // What leaves later hangs nearer, so that no line crosses a branch.
    const own = [...(children.get(branch.id) ?? [])].sort(
      (a, b) => b.fork!.frame - a.fork!.frame || a.id - b.id,
    );
    for (const child of own) place(child, row, depth + 1);
  };
  const first = branches.find(({ id }) => id === root);
  if (first) place(first, -1, 0);
  return rows;
}
