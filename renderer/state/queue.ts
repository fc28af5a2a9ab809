/** Runs that wait for their turn, in the lab's order. */

import { useEffect } from 'react';
import { create } from 'zustand';
import { useShallow } from 'zustand/react/shallow';
import type { QueueInfo } from '../../lab/api.ts';
import { lab, useConnection } from '../lab.ts';
import { perform } from './history.ts';
import { useRuns } from './runs.ts';

const useQueueStore = create<QueueInfo>()(() => ({ waiting: [], most: 1 }));

let isAsking = false;

/** However many rows want it, it is asked for once. */
async function reload(): Promise<void> {
  if (isAsking) return;
  isAsking = true;
  // Events of one move come one after the other.
  await new Promise((resolve) => {
    setTimeout(resolve, 50);
  });
  isAsking = false;
  try {
    useQueueStore.setState(await lab.queue.list());
  } catch (error) {
    console.warn('The queue of runs:', error);
  }
}

/** The queue, asked for again whenever the lab says something of a run that waits. */
export function useQueue(): QueueInfo {
  const isOpen = useConnection((state) => state.status === 'open');
  const waiting = useRuns(
    useShallow((state) => [...state.runs.values()].filter(({ status }) => status === 'queued')),
  );
  useEffect(() => {
    if (isOpen && waiting.length > 0) void reload();
  }, [waiting, isOpen]);
  return useQueueStore();
}

/** Moves a waiting run to a place, 0: the next; can be undone while it still waits. */
export function moveInQueue(id: number, to: number): Promise<void> {
  const from = useQueueStore.getState().waiting.indexOf(id);
  const move = async (place: number): Promise<void> =>
    useQueueStore.setState(await lab.queue.move({ id, to: place }));
  return perform({
    title: `move run ${id} in the queue`,
    undo: () => move(Math.max(0, from)),
    redo: () => move(to),
  });
}
