/** The search of where reward models differ: what is asked for, how far the lab is, what came of it. It outlives the panel. */

import { create } from 'zustand';
import type { Disagreement, LabEvent, Normalisation, ScorerRef } from '../../lab/api.ts';
import { type PackedArray, unpack } from '../../lab/pack.ts';
import { lab } from '../lab.ts';
import { messageOf } from './message.ts';
import { clock, clockTimeOf, openEpisode, usePlayers } from './players.ts';

export type Moment = Disagreement['moments'][number];

export interface DisagreementForm {
  /** Null until something is open or a model is there. */
  readonly task: string | null;
  /** Keys of models, `group:<family>` for all of a family; empty: all stored models of the task. */
  readonly models: readonly string[];
  /** Ids as text; empty: all runs. */
  readonly runs: readonly string[];
  readonly kind: 'demonstration' | 'failure' | 'random' | 'training' | 'evaluation' | null;
  readonly success: 'yes' | 'no' | null;
  readonly newest: number | string;
  readonly normalise: Normalisation;
}

export interface DisagreementState extends DisagreementForm {
  readonly phase: 'idle' | 'running';
  /** Episodes done of `total`; null until the lab says so. */
  readonly progress: { readonly done: number; readonly total: number } | null;
  readonly result: Disagreement | null;
  readonly curves: Readonly<Record<string, PackedArray>>;
  /** The moment that was opened last, by its place. */
  readonly at: number | null;
  readonly stopped: boolean;
  readonly error: string | null;
}

export const useDisagreement = create<DisagreementState>()(() => ({
  task: null,
  models: [],
  runs: [],
  kind: null,
  success: null,
  newest: 100,
  normalise: 'rank',
  phase: 'idle',
  progress: null,
  result: null,
  curves: {},
  at: null,
  stopped: false,
  error: null,
}));

export function takeDisagreementEvents(events: readonly LabEvent[]): void {
  // The lab remembers the newest event: without a call of ours it is about something that is over, or not ours.
  if (useDisagreement.getState().phase !== 'running') return;
  for (const event of events) {
    if (event.type === 'disagreement')
      useDisagreement.setState({ progress: { done: event.done, total: event.total } });
  }
}

let call: AbortController | null = null;

export async function startSearch(task: string, models: readonly ScorerRef[]): Promise<void> {
  if (call !== null) return;
  const mine = new AbortController();
  call = mine;
  const { runs, kind, success, newest, normalise } = useDisagreement.getState();
  useDisagreement.setState({ phase: 'running', progress: null, error: null, stopped: false });
  try {
    const result = await lab.models.disagree(
      {
        task,
        models: [...models],
        runs: runs.map(Number),
        ...(kind === null ? {} : { kind }),
        ...(success === null ? {} : { success: success === 'yes' }),
        newest: Number(newest),
        normalise,
      },
      { signal: mine.signal },
    );
    useDisagreement.setState({ result, curves: unpack(result.data), at: null });
  } catch (error) {
    useDisagreement.setState(mine.signal.aborted ? { stopped: true } : { error: messageOf(error) });
  } finally {
    call = null;
    useDisagreement.setState({ phase: 'idle', progress: null });
  }
}

/** To drop the call is to stop the work. */
export function stopSearch(): void {
  call?.abort();
}

/** Opens the episode of a moment in the active player, at its frame. */
export async function goToMoment(place: number): Promise<void> {
  const moment = useDisagreement.getState().result?.moments[place];
  if (!moment) return;
  useDisagreement.setState({ at: place });
  clock.dispatch({ type: 'pause' });
  const { active, [active]: slot } = usePlayers.getState();
  if (slot.loaded?.episode.id !== moment.episode || slot.source.type !== 'episode')
    await openEpisode(active, moment.episode, 'keep');
  // Somebody may have gone on to another one meanwhile.
  if (useDisagreement.getState().at !== place) return;
  clock.dispatch({ type: 'seek', time: clockTimeOf(active, moment.frame) });
}

/** Up and down the list. */
export function stepMoment(direction: 1 | -1): void {
  const { at, result } = useDisagreement.getState();
  if (!result || result.moments.length === 0) return;
  const next = at === null ? (direction === 1 ? 0 : result.moments.length - 1) : at + direction;
  if (next >= 0 && next < result.moments.length) void goToMoment(next);
}
