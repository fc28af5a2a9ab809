import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Clock,
  type ClockState,
  frameIndex,
  framePosition,
  initialClock,
  neighbourSpeed,
  nextClock,
  takesNewest,
} from '../../renderer/state/player.ts';

/** A clock whose milliseconds are turned by hand. */
function handTurned(duration: number): { clock: Clock; turn(ms: number): void } {
  let now = 1000;
  const clock = new Clock(() => now);
  clock.dispatch({ type: 'duration', duration });
  return {
    clock,
    turn: (ms) => {
      now += ms;
      clock.tick();
    },
  };
}

const at = (state: ClockState): Pick<ClockState, 'mode' | 'time'> => ({
  mode: state.mode,
  time: Number(state.time.toFixed(9)),
});

test('playing advances by the time that passed, times the speed, however late the frames come', () => {
  const { clock, turn } = handTurned(10);
  clock.dispatch({ type: 'play' });
  turn(16);
  turn(484);
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 0.5 });
  clock.dispatch({ type: 'speed', speed: 4 });
  turn(250);
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 1.5 });
});

test('time that passes while paused is not played afterwards', () => {
  let now = 0;
  const clock = new Clock(() => now);
  clock.dispatch({ type: 'duration', duration: 10 });
  clock.dispatch({ type: 'play' });
  now = 100;
  clock.tick();
  clock.dispatch({ type: 'pause' });
  now = 60_000;
  clock.dispatch({ type: 'play' });
  now = 60_050;
  clock.tick();
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 0.15 });
});

test('the clock ends exactly at its end and plays again from frame 0', () => {
  const { clock, turn } = handTurned(2);
  clock.dispatch({ type: 'play' });
  turn(5000);
  assert.deepEqual(at(clock.state), { mode: 'ended', time: 2 });
  clock.dispatch({ type: 'toggle' });
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 0 });
});

test('a loop carries the rest of a late frame over its end', () => {
  const { clock, turn } = handTurned(2);
  clock.dispatch({ type: 'loop', loop: true });
  clock.dispatch({ type: 'play' });
  turn(2300);
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 0.3 });
});

test('seeking clamps to the episode and leaves a finished clock paused', () => {
  const { clock, turn } = handTurned(2);
  clock.dispatch({ type: 'play' });
  turn(3000);
  clock.dispatch({ type: 'seek', time: -5 });
  assert.deepEqual(at(clock.state), { mode: 'paused', time: 0 });
  clock.dispatch({ type: 'seek', time: Number.POSITIVE_INFINITY });
  assert.deepEqual(at(clock.state), { mode: 'paused', time: 2 });
});

test('a hand on the cursor holds the clock, and letting go plays on only if it played before', () => {
  const { clock, turn } = handTurned(4);
  clock.dispatch({ type: 'play' });
  clock.dispatch({ type: 'scrubStart' });
  clock.dispatch({ type: 'seek', time: 1 });
  turn(500);
  assert.deepEqual(at(clock.state), { mode: 'scrubbing', time: 1 });
  clock.dispatch({ type: 'scrubEnd' });
  assert.equal(clock.state.mode, 'playing');
  clock.dispatch({ type: 'pause' });
  clock.dispatch({ type: 'scrubStart' });
  clock.dispatch({ type: 'scrubEnd' });
  assert.equal(clock.state.mode, 'paused');
});

test('stepping there and back over every frame of a 0.05 s episode lands on each frame once', () => {
  let state: ClockState = { ...initialClock, duration: 80 * 0.05 };
  const seen: number[] = [];
  for (let i = 0; i < 81; i++) {
    seen.push(frameIndex(state.time, 0.05, 80));
    state = nextClock(state, { type: 'step', frames: 1, dt: 0.05 });
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 81 }, (_, i) => i),
  );
  for (let i = 79; i >= 0; i--) {
    state = nextClock(state, { type: 'step', frames: -1, dt: 0.05 });
    assert.equal(frameIndex(state.time, 0.05, 80), i);
  }
});

test('two episodes of different length and control rate share the clock, and the shorter one holds its last frame', () => {
  const long = { dt: 0.05, length: 100 };
  const short = { dt: 0.04, length: 50 };
  const shown = [0, 1, 2, 4.9, 5].map((time) => [
    frameIndex(time, long.dt, long.length),
    frameIndex(time, short.dt, short.length),
  ]);
  assert.deepEqual(shown, [
    [0, 0],
    [20, 25],
    [40, 50],
    [98, 50],
    [100, 50],
  ]);
  assert.equal(framePosition(1.025, long.dt, long.length).toFixed(6), '20.500000');
  assert.equal(framePosition(3, short.dt, short.length), 50);
});

test('opening a shorter episode pulls the clock to its end, and a longer one lets an ended clock go on', () => {
  let state: ClockState = { ...initialClock, duration: 5, time: 4, mode: 'playing' };
  state = nextClock(state, { type: 'duration', duration: 3 });
  assert.deepEqual(at(state), { mode: 'playing', time: 3 });
  state = nextClock({ ...state, mode: 'ended' }, { type: 'duration', duration: 6 });
  assert.deepEqual(at(state), { mode: 'paused', time: 3 });
});

test('an empty clock does not play', () => {
  assert.equal(nextClock(initialClock, { type: 'play' }), initialClock);
});

test('speeds go up and down the ladder and stop at its ends', () => {
  assert.deepEqual([neighbourSpeed(1, 1), neighbourSpeed(1, -1)], [2, 0.5]);
  assert.deepEqual([neighbourSpeed(8, 1), neighbourSpeed(0.125, -1)], [8, 0.125]);
});

test('a live player takes the newest episode when it has played out, never in the middle and never the same twice', () => {
  assert.equal(takesNewest('paused', null, 4), true);
  assert.equal(takesNewest('ended', 3, 4), true);
  assert.equal(takesNewest('playing', 3, 4), false);
  assert.equal(takesNewest('scrubbing', 3, 4), false);
  assert.equal(takesNewest('paused', 3, 4), false);
  assert.equal(takesNewest('ended', 4, 4), false);
  assert.equal(takesNewest('ended', 4, undefined), false);
});

test('between in and out points it plays once, or round and round, forwards and backwards', () => {
  const { clock, turn } = handTurned(10);
  clock.dispatch({ type: 'in', time: 2 });
  clock.dispatch({ type: 'out', time: 3 });
  clock.dispatch({ type: 'play' });
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 2 });
  turn(1400);
  assert.deepEqual(at(clock.state), { mode: 'paused', time: 3 });
  clock.dispatch({ type: 'loop', loop: true });
  clock.dispatch({ type: 'play' });
  turn(3400);
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 2.4 });
  clock.dispatch({ type: 'shuttle', direction: -1 });
  turn(600);
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 2.8 });
});

test('a hand goes beyond an out point, and playing goes on from there', () => {
  const { clock, turn } = handTurned(10);
  clock.dispatch({ type: 'out', time: 3 });
  clock.dispatch({ type: 'play' });
  clock.dispatch({ type: 'scrubStart' });
  clock.dispatch({ type: 'seek', time: 5 });
  clock.dispatch({ type: 'scrubEnd' });
  turn(1000);
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 6 });
  turn(9000);
  assert.deepEqual(at(clock.state), { mode: 'ended', time: 10 });
});

test('a point on the wrong side of the other one takes that away, and none leaves nothing to play', () => {
  const start: ClockState = { ...initialClock, duration: 10 };
  const points = (...actions: ['in' | 'out', number | null][]): (number | null)[] => {
    const { inPoint, outPoint } = actions.reduce(
      (state, [type, time]) => nextClock(state, { type, time }),
      start,
    );
    return [inPoint, outPoint];
  };
  assert.deepEqual(points(['in', 2], ['out', 8]), [2, 8]);
  assert.deepEqual(points(['in', 2], ['out', 8], ['in', 9]), [9, null]);
  assert.deepEqual(points(['in', 2], ['out', 8], ['out', 1]), [null, 1]);
  assert.deepEqual(points(['in', 2], ['out', 8], ['in', null]), [null, 8]);
  assert.deepEqual(points(['in', 10], ['out', 0]), [null, null]);
  const shorter = nextClock({ ...start, inPoint: 2, outPoint: 8 }, { type: 'duration', duration: 5 });
  assert.deepEqual([shorter.inPoint, shorter.outPoint], [2, null]);
});

test('backwards it plays to frame 0 and stops there; from frame 0 it begins at the end', () => {
  const { clock, turn } = handTurned(4);
  clock.dispatch({ type: 'seek', time: 1 });
  clock.dispatch({ type: 'shuttle', direction: -1 });
  turn(400);
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 0.6 });
  turn(5000);
  assert.deepEqual(at(clock.state), { mode: 'paused', time: 0 });
  clock.dispatch({ type: 'shuttle', direction: -1 });
  turn(500);
  assert.deepEqual(at(clock.state), { mode: 'playing', time: 3.5 });
});

test('L and J go faster each time, turn round at 1x and keep slow motion; play goes forwards again', () => {
  let state: ClockState = { ...initialClock, duration: 100, time: 50 };
  const press = (direction: 1 | -1): [number, number] => {
    state = nextClock(state, { type: 'shuttle', direction });
    return [state.direction, state.speed];
  };
  assert.deepEqual(
    [press(1), press(1), press(1), press(-1), press(-1)],
    [
      [1, 1],
      [1, 2],
      [1, 4],
      [-1, 1],
      [-1, 2],
    ],
  );
  state = nextClock(state, { type: 'speed', speed: 0.25 });
  assert.deepEqual(press(1), [1, 0.25]);
  press(-1);
  state = nextClock(nextClock(state, { type: 'toggle' }), { type: 'toggle' });
  assert.deepEqual([state.mode, state.direction], ['playing', 1]);
});
