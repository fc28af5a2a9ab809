/** The first look around: what stands where and why, on whatever project is open. Arrow keys walk, Escape ends. */

import 'driver.js/dist/driver.css';
import './tour.css';
import { type DriveStep, driver } from 'driver.js';
import { applyLayout } from './dock.ts';
import { prefersReducedMotion } from './state/hooks.ts';
import { focusPanel } from './state/layout.ts';
import { usePlayers } from './state/players.ts';

interface Stop {
  /** Brought to the front first. */
  readonly panel?: string;
  readonly element: string;
  readonly title: string;
  readonly text: string;
}

const stops: readonly Stop[] = [
  {
    panel: 'stage',
    element: '.stages',
    title: 'The stage',
    text: 'One episode in 3D: drag to turn, wheel to zoom, keys 1 to 4 for views. The rings beside the tool show progress: the outer one is true, the inner one is what the reward model believes. Where they part, the reward can be hacked.',
  },
  {
    panel: 'timeline',
    element: '.transport',
    title: 'One clock for everything',
    text: 'Space plays, arrows step, Shift with an arrow is one second. Whatever is on screen follows this clock.',
  },
  {
    panel: 'timeline',
    element: '[data-testid=timeline]',
    title: 'Rewards over time',
    text: 'The stages that the simulator sees, true and learned progress, every reward term. Click or drag to go to a moment.',
  },
  {
    panel: 'episodes',
    element: '.dv-groupview:has([data-testid=episode-row])',
    title: 'Every episode is kept',
    text: 'A click opens one, Shift and a click opens it beside the first. The shield replays an episode and compares every state.',
  },
  {
    panel: 'runs',
    element: '.dv-groupview:has([data-testid=run-row])',
    title: 'Runs',
    text: 'Demonstrations, the reward model fitted to them, the policy trained on it, and a baseline on the sparse reward alone.',
  },
  {
    panel: 'curves',
    element: '[data-testid=curves]',
    title: 'Curves',
    text: 'Success is always the true one. Hover a name to read what it means; a click opens its page.',
  },
  {
    panel: 'judge',
    element: '[data-testid=judge]',
    title: 'Which reward to trust?',
    text: 'Reward models are judged on the same episodes, with baselines that know nothing beside them.',
  },
  {
    element: '[data-testid=palette-button]',
    title: 'Everything by name',
    text: 'Ctrl K finds every command and run, ? lists the keys, F1 opens the documentation. That is all.',
  },
];

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A panel that comes to the front needs a moment to be drawn; what is not there in this time is left out. */
const patienceMs = 1500;

let isOn = false;

/** Only what can be seen is shown. */
export async function startTour(): Promise<void> {
  if (isOn) return;
  isOn = true;
  applyLayout('all');
  await wait(100);
  // Panels behind others have no element before they come to the front.
  const prepare = async (stop: Stop | undefined): Promise<boolean> => {
    if (stop?.panel) focusPanel(stop.panel);
    const until = performance.now() + patienceMs;
    while (stop && !document.querySelector(stop.element) && performance.now() < until) await wait(30);
    return stop !== undefined && document.querySelector(stop.element) !== null;
  };
  const shown: Stop[] = [];
  for (const stop of stops) if (await prepare(stop)) shown.push(stop);
  const go = async (by: 1 | -1): Promise<void> => {
    const to = (tour.getActiveIndex() ?? 0) + by;
    await prepare(shown[to]);
    if (by === 1) tour.moveNext();
    else tour.movePrevious();
  };
  const steps = shown.map(
    ({ element, title, text }): DriveStep => ({ element, popover: { title, description: text } }),
  );
  const tour = driver({
    steps,
    animate: !prefersReducedMotion(),
    showProgress: true,
    overlayOpacity: 0.55,
    stagePadding: 2,
    popoverClass: 'tour',
    progressText: '{{current}} of {{total}}',
    doneBtnText: 'Done',
    nextBtnText: 'Next',
    prevBtnText: 'Back',
    onNextClick: () => void go(1),
    onPrevClick: () => void go(-1),
    onDestroyed: () => {
      isOn = false;
      focusPanel('stage');
    },
  });
  await prepare(shown[0]);
  tour.drive();
}

/** As soon as there is something to look at, which may be now: the sample is as fast as this file is loaded. */
export function tourWhenReady(): void {
  const isReady = (): boolean => usePlayers.getState().a.status === 'ready';
  const start = (): void => void setTimeout(() => void startTour(), 800);
  if (isReady()) return start();
  const stop = usePlayers.subscribe(() => {
    if (!isReady()) return;
    stop();
    start();
  });
}
