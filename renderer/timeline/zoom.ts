/** Which part of the clock's axis the timeline shows. Pure. */

/** Seconds of the clock; `to` null: all of it, however long. */
export interface Zoom {
  readonly from: number;
  readonly to: number | null;
}

export const whole: Zoom = { from: 0, to: null };

/** As numbers. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Nobody wants less on screen. */
const shortest = 0.1;

export function spanOf({ from, to }: Zoom, duration: number): Span {
  return to === null || to <= from ? { from: 0, to: Math.max(duration, 1e-9) } : { from, to };
}

/** Within the clock; what would show all of it does. */
export function fitted(from: number, to: number, duration: number): Zoom {
  const span = Math.max(shortest, to - from);
  if (span >= duration - 1e-9) return whole;
  const start = Math.min(Math.max(0, from), duration - span);
  return { from: start, to: start + span };
}

/** Closer (factor above 1) or further away; `at` stays where it is on screen. */
export function zoomed(zoom: Zoom, duration: number, at: number, factor: number): Zoom {
  const { from, to } = spanOf(zoom, duration);
  const span = Math.min(duration, Math.max(shortest, (to - from) / factor));
  const part = (at - from) / (to - from);
  return fitted(at - part * span, at + (1 - part) * span, duration);
}

export function panned(zoom: Zoom, duration: number, seconds: number): Zoom {
  if (zoom.to === null) return zoom;
  const { from, to } = spanOf(zoom, duration);
  return fitted(from + seconds, to + seconds, duration);
}

/** Turns the page where the clock has left what is shown: what comes next stands ahead of it. */
export function pageTo(zoom: Zoom, duration: number, time: number, direction: 1 | -1): Zoom {
  if (zoom.to === null) return zoom;
  const { from, to } = spanOf(zoom, duration);
  if (time >= from && time <= to) return zoom;
  const margin = (to - from) * 0.08;
  const start = direction === 1 ? time - margin : time - (to - from) + margin;
  return fitted(start, start + (to - from), duration);
}

/** What another episode leaves of the zoom: itself where it still fits, else all. */
export function kept(zoom: Zoom, duration: number): Zoom {
  return zoom.to !== null && zoom.to <= duration + 1e-9 ? zoom : whole;
}
