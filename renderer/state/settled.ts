/**
 * When the window has shown what it was opened for. What nobody waits for comes after that: code of panels behind other tabs, the
 * catalog, the timing of devices. Each keeps page or lab busy for a while, and on two cores the first picture and the first key would
 * wait for it.
 */

import { stageViews } from '../stage/views.ts';
import { usePlayers } from './players.ts';

/** Milliseconds for the first picture; a view that is slower, or in a tab that is not in front, is not waited for any longer. */
const patience = 4000;

const { promise, resolve } = Promise.withResolvers<void>();

/** Resolves once in the life of the page. */
export const settled: Promise<void> = promise;

let isDone = false;
export const isSettled = (): boolean => isDone;

const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** Not every browser says when it has nothing to do. */
const idle = (): Promise<void> =>
  new Promise((done) => {
    if (typeof requestIdleCallback === 'function') requestIdleCallback(() => done(), { timeout: 1000 });
    else setTimeout(done, 50);
  });

/** Call it when the first episode is in its player, or when there is none to show. */
export async function settle(): Promise<void> {
  const { shown, ...slots } = usePlayers.getState();
  const view = stageViews.get(shown[0]!);
  if (view && slots[shown[0]!].loaded) await Promise.race([view.pictured(), wait(patience)]);
  await idle();
  isDone = true;
  resolve();
}
