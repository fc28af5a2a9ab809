/**
 * One clock for everything on screen, and what each player shows of it. Pure: the time source is handed in, nothing
 * here draws, fetches or schedules. A live run and a stored episode are the same value to whoever draws them.
 *
 * Seconds on the clock are seconds of the episode. Frame t of an episode with control step `dt` is at `t * dt`;
 * frame 0 is frame 0. Episodes of different length share the clock: the shorter one holds its last frame.
 *
 * In and out points bound what is played, forwards or backwards, once or in a loop; seeking and stepping go anywhere.
 */

/** `ended`: the clock stands at its end because playing reached it. `scrubbing`: a hand is on the cursor. */
export type ClockMode = 'paused' | 'playing' | 'scrubbing' | 'ended';

export type Direction = 1 | -1;

export interface ClockState {
  readonly mode: ClockMode;
  /** Seconds since frame 0. */
  readonly time: number;
  /** Seconds; the longest episode on the clock. */
  readonly duration: number;
  readonly speed: number;
  /** Which way it plays: 1 forwards, -1 backwards. */
  readonly direction: Direction;
  readonly loop: boolean;
  /** Seconds between which it plays; null: from frame 0, to the end. In is before out. */
  readonly inPoint: number | null;
  readonly outPoint: number | null;
  /** What the clock goes back to when the hand lets go. */
  readonly resume: 'paused' | 'playing';
}

export type ClockAction =
  /** Forwards unless it says otherwise. */
  | { readonly type: 'play'; readonly direction?: Direction }
  /** Plays that way; faster where it does so already. Begins, and turns round, at 1x at most. */
  | { readonly type: 'shuttle'; readonly direction: Direction }
  | { readonly type: 'pause' }
  | { readonly type: 'toggle' }
  | { readonly type: 'seek'; readonly time: number }
  | { readonly type: 'scrubStart' }
  | { readonly type: 'scrubEnd' }
  /** `frames` control steps of `dt` seconds, from the frame that is on screen. */
  | { readonly type: 'step'; readonly frames: number; readonly dt: number }
  | { readonly type: 'advance'; readonly seconds: number }
  | { readonly type: 'speed'; readonly speed: number }
  | { readonly type: 'loop'; readonly loop: boolean }
  /** Null takes the point away. A point on the wrong side of the other one takes that away. */
  | { readonly type: 'in' | 'out'; readonly time: number | null }
  /** Other episodes are on the clock now. */
  | { readonly type: 'duration'; readonly duration: number };

export const speeds = [0.125, 0.25, 0.5, 1, 2, 4, 8] as const;

export const initialClock: ClockState = {
  mode: 'paused',
  time: 0,
  duration: 0,
  speed: 1,
  direction: 1,
  loop: false,
  inPoint: null,
  outPoint: null,
  resume: 'paused',
};

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** What is played, in seconds. */
export function playedSpan({ inPoint, outPoint, duration }: ClockState): { low: number; high: number } {
  return { low: inPoint ?? 0, high: outPoint ?? duration };
}

/** Where playing begins: where the clock stands, or at the beginning of what is played where that is over or elsewhere. */
function playFrom(state: ClockState, direction: Direction): number {
  const { low, high } = playedSpan(state);
  const { time } = state;
  if (direction === 1) return time < low || time >= high ? low : time;
  return time <= low || time > high ? high : time;
}

export function nextClock(state: ClockState, action: ClockAction): ClockState {
  switch (action.type) {
    case 'play': {
      const direction = action.direction ?? 1;
      if (state.duration === 0 || (state.mode === 'playing' && state.direction === direction)) return state;
      return { ...state, mode: 'playing', direction, time: playFrom(state, direction) };
    }
    case 'shuttle': {
      const { direction } = action;
      const isOn = state.mode === 'playing' && state.direction === direction;
      const speed = isOn ? neighbourSpeed(state.speed, 1) : Math.min(1, state.speed);
      return nextClock({ ...state, speed }, { type: 'play', direction });
    }
    case 'pause':
      return state.mode === 'paused' ? state : { ...state, mode: 'paused' };
    case 'toggle':
      return nextClock(state, { type: state.mode === 'playing' ? 'pause' : 'play' });
    case 'seek': {
      const time = clamp(action.time, 0, state.duration);
      // A click on the timeline of a finished clip leaves it paused there, ready to play on.
      return { ...state, time, mode: state.mode === 'ended' ? 'paused' : state.mode };
    }
    case 'scrubStart':
      if (state.mode === 'scrubbing') return state;
      return { ...state, mode: 'scrubbing', resume: state.mode === 'playing' ? 'playing' : 'paused' };
    case 'scrubEnd':
      return state.mode === 'scrubbing' ? { ...state, mode: state.resume } : state;
    case 'step': {
      const frame = frameIndex(state.time, action.dt, Math.round(state.duration / action.dt));
      return {
        ...state,
        mode: 'paused',
        time: clamp((frame + action.frames) * action.dt, 0, state.duration),
      };
    }
    case 'advance': {
      if (state.mode !== 'playing' || action.seconds <= 0) return state;
      const { low, high } = playedSpan(state);
      const { direction, loop, duration } = state;
      const time = state.time + direction * action.seconds * state.speed;
      // Whoever was put beyond a point plays on from there.
      const bottom = state.time > low ? low : 0;
      const top = state.time < high ? high : duration;
      if (direction === 1 ? time < top : time > bottom) return { ...state, time };
      // What a late frame went over the end by is played of the next round.
      const over = (direction === 1 ? time - top : bottom - time) % Math.max(high - low, Number.MIN_VALUE);
      if (loop) return { ...state, time: direction === 1 ? low + over : high - over };
      // Only the end of all is an end: at an out point someone is looking at something.
      if (direction === 1) return { ...state, time: top, mode: top === duration ? 'ended' : 'paused' };
      return { ...state, time: bottom, mode: 'paused' };
    }
    case 'speed':
      return { ...state, speed: clamp(action.speed, speeds[0], speeds[speeds.length - 1]!) };
    case 'loop':
      return { ...state, loop: action.loop };
    case 'in': {
      const inPoint = action.time === null ? null : Math.max(0, action.time);
      // Nothing would be left to play.
      if (inPoint !== null && inPoint >= state.duration) return state;
      const isPast = inPoint !== null && state.outPoint !== null && state.outPoint <= inPoint;
      return { ...state, inPoint, outPoint: isPast ? null : state.outPoint };
    }
    case 'out': {
      const outPoint = action.time === null ? null : Math.min(state.duration, action.time);
      if (outPoint !== null && outPoint <= 0) return state;
      const isPast = outPoint !== null && state.inPoint !== null && state.inPoint >= outPoint;
      return { ...state, outPoint, inPoint: isPast ? null : state.inPoint };
    }
    case 'duration': {
      const duration = Math.max(0, action.duration);
      const mode =
        duration === 0 || (state.mode === 'ended' && duration > state.time) ? 'paused' : state.mode;
      // Points that the shorter episode does not reach would leave nothing to play.
      const inPoint = state.inPoint !== null && state.inPoint < duration ? state.inPoint : null;
      const outPoint = state.outPoint !== null && state.outPoint < duration ? state.outPoint : null;
      return { ...state, duration, time: Math.min(state.time, duration), mode, inPoint, outPoint };
    }
  }
}

/** The next faster (+1) or slower (-1) speed of the ladder. */
export function neighbourSpeed(speed: number, direction: 1 | -1): number {
  const nearest = speeds.reduce(
    (best, s, i) => (Math.abs(s - speed) < Math.abs(speeds[best]! - speed) ? i : best),
    0,
  );
  return speeds[clamp(nearest + direction, 0, speeds.length - 1)]!;
}

/**
 * The clock with a time source. Someone who draws calls `tick` once a frame while `mode` is `playing`; a frame that
 * comes late advances by the time that really passed, so playing never drifts.
 */
export class Clock {
  state: ClockState = initialClock;
  private readonly now: () => number;
  private last = 0;
  private readonly listeners = new Set<(state: ClockState) => void>();

  /** @param now milliseconds, monotonic */
  constructor(now: () => number) {
    this.now = now;
  }

  dispatch(action: ClockAction): void {
    const before = this.state;
    const after = nextClock(before, action);
    if (after === before) return;
    if (before.mode !== 'playing' && after.mode === 'playing') this.last = this.now();
    this.state = after;
    for (const listener of this.listeners) listener(after);
  }

  tick(): void {
    const now = this.now();
    const seconds = (now - this.last) / 1000;
    this.last = now;
    this.dispatch({ type: 'advance', seconds });
  }

  subscribe(listener: (state: ClockState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Where the clock stands in an episode, between its frames, in [0, length]. */
export function framePosition(time: number, controlDt: number, length: number): number {
  return clamp(time / controlDt, 0, length);
}

/** The newest whole frame at this time; a hair of rounding never shows the frame before. */
export function frameIndex(time: number, controlDt: number, length: number): number {
  return clamp(Math.floor(time / controlDt + 1e-6), 0, length);
}

/** What a player is on: an episode that was picked, or whatever a run finished last. */
export type PlayerSource =
  | { readonly type: 'none' }
  | { readonly type: 'episode'; readonly id: number }
  | { readonly type: 'live'; readonly runId: number };

/**
 * When a live player goes on to the newest episode: at once when it shows nothing or has played out, never in the
 * middle of an episode and never under a hand.
 */
export function takesNewest(mode: ClockMode, shown: number | null, newest: number | undefined): boolean {
  if (newest === undefined || newest === shown) return false;
  return shown === null || mode === 'ended';
}
