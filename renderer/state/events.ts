/** Moments of an episode that are worth going to: what the timeline marks and the event keys jump between. Pure. */

import { type StageBand, stageBands, successStarts } from './opened.ts';

/** `intervention`: another hand took over here (the frame an episode was forked at). */
export type EventKind = 'stage' | 'success' | 'contact' | 'intervention' | 'diverged';

export interface EpisodeEvent {
  readonly kind: EventKind;
  readonly frame: number;
  /** As it is said: `Stage: Grasp`. */
  readonly title: string;
}

interface Forked {
  readonly frame: number;
  readonly actor: string;
  readonly edited?: object | undefined;
}

/** What of an opened episode events are read from. */
export interface Eventful {
  readonly episode: { readonly ending: string; readonly fork?: Forked | null };
  readonly stages: readonly { readonly title: string }[];
  /** Control steps T. */
  readonly length: number;
  /** Each [T + 1]. */
  readonly trueStage: Uint8Array;
  readonly trueSuccess: Uint8Array;
  /** Not zero while something is touched; null where no column says so. */
  readonly contact: ArrayLike<number> | null;
}

/** In the order of their frames; of one frame in the order of the kinds. The stage an episode begins in is no event. */
export function eventsOf(episode: Eventful): readonly EpisodeEvent[] {
  const { trueStage, trueSuccess, contact, stages, length } = episode;
  const { ending, fork } = episode.episode;
  const stageTitle = ({ stage }: StageBand): string => stages[stage]?.title ?? `stage ${stage}`;
  const events: EpisodeEvent[] = [
    ...stageBands(trueStage)
      .slice(1)
      .map(
        (band): EpisodeEvent => ({ kind: 'stage', frame: band.start, title: `Stage: ${stageTitle(band)}` }),
      ),
    ...successStarts(trueSuccess).map(
      (frame): EpisodeEvent => ({ kind: 'success', frame, title: 'Success begins' }),
    ),
    ...(contact ? contactStarts(contact) : []).map(
      (frame): EpisodeEvent => ({ kind: 'contact', frame, title: 'Contact' }),
    ),
    ...(fork == null
      ? []
      : [
          {
            kind: 'intervention',
            frame: fork.frame,
            title: `Forked here${fork.edited !== undefined && fork.frame === 0 ? ' from an edited state' : ''}: ${fork.actor}`,
          } as const satisfies EpisodeEvent,
        ]),
    ...(ending === 'diverged'
      ? [{ kind: 'diverged', frame: length, title: 'Diverged' } as const satisfies EpisodeEvent]
      : []),
  ];
  // Sorting keeps the order of equal ones.
  return events.sort((one, other) => one.frame - other.frame);
}

/** The nearest that lies after (1) or before (-1) a time; times of the clock, in order. */
export function besideTime<T extends { readonly time: number }>(
  events: readonly T[],
  time: number,
  direction: 1 | -1,
): T | undefined {
  // A hair of rounding makes no event the next one to itself.
  const hair = 1e-6;
  return direction === 1
    ? events.find((event) => event.time > time + hair)
    : events.findLast((event) => event.time < time - hair);
}

/** Frames at which a touch begins. */
function contactStarts(contact: ArrayLike<number>): number[] {
  const starts: number[] = [];
  for (let t = 0; t < contact.length; t++) {
    if (contact[t] !== 0 && (t === 0 || contact[t - 1] === 0)) starts.push(t);
  }
  return starts;
}
