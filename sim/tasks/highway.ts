/**
 * Motorway: join the traffic from a ramp and reach the exit. The other drivers follow by the Intelligent Driver Model
 * (Treiber, Hennecke & Helbing 2000, arXiv:cond-mat/0002177) and change lanes by MOBIL (Kesting, Treiber & Helbing 2007),
 * each with parameters of its own temper: timid, normal or aggressive.
 *
 *   IDM     dv/dt = a [1 - (v / v0)^4 - (s* / s)^2],   s* = s0 + max(0, v T + v dv / (2 sqrt(a b)))
 *   MOBIL   change when  gain + p (gain of both followers) > threshold  and the new follower brakes by less than bSafe
 *
 * with speed v, wanted speed v0, bumper gap s, approach speed dv, headway T, acceleration a, comfortable braking b,
 * politeness p. A car is a box that turns by its steering: dx = v cos(psi), dy = v sin(psi), dpsi = u min(4 / v, 0.08 v).
 */

import { Impacts } from '../engine/impacts.ts';
import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { Body, CameraView, ParallelFace, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import { advances, agentFields, box, cylinder, put, randomFactor } from './agents.ts';
import { boxSpace, clipTo, holdSteps, layoutOf } from './parts.ts';

const fields = {
  ...agentFields(
    300,
    0.5,
    'Traffic: from one car every 55 m and few hurried drivers to one every 25 m and many',
  ),
  cars: { type: 'integer', default: 8, min: 1, max: 12, help: 'Other cars on the motorway' },
  lanes: { type: 'integer', default: 2, min: 1, max: 3, help: 'Lanes of the motorway' },
  distractors: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 4,
    help: 'Cars on the other carriageway, observed but never met',
  },
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'Cars more than 30 m ahead or 10 m behind are not observed',
  },
} as const satisfies Fields;

const controlDt = 0.1;
const substeps = 2;
const h = controlDt / substeps;

// Metres, m/s, m/s^2. x runs along the road, y to its left; lane k has its middle at y = k laneWidth, the ramp is lane -1.
const laneWidth = 3.6;
const carLength = 4.5;
const carWidth = 1.9;
/** For forces that are told, kg; all cars are alike, so that their motion asks for none. */
const carMass = 1500;
const throttle = 3;
const braking = 6;
const topSpeed = 38;
/** From here on the ramp is open to the first lane, and here it ends at a barrier. */
const mergeStart = 100;
const mergeEnd = 300;
const exit = 450;
/** How far a car may be from the middle of an outer lane: there is the rail. */
const railSlack = 0.8;
/** A car that has come so far over passes the end of the ramp. */
const barrierY = -1.15;
const railDrag = 2;
/** Deceleration of a wreck. */
const wreckDrag = 6;

// Drivers.
const standstillGap = 2;
const comfortBraking = 2;
const safeBraking = 2.5;
const changeThreshold = 0.2;

/** wanted speed, headway, acceleration, politeness */
const tempers = [
  { v0: 23, headway: 1.6, acceleration: 1.1, politeness: 0.5 },
  { v0: 26, headway: 1.2, acceleration: 1.5, politeness: 0.25 },
  { v0: 30, headway: 0.8, acceleration: 2.2, politeness: 0 },
] as const;
const egoTemper = { v0: 27, headway: 1, acceleration: 2.5, politeness: 0.1 };

// Numbers of a row: step, cars, cars of the other carriageway, held.
const carsFrom = 1;
const carSize = 11;
const [psiAt, vAt, v0At, headwayAt, accelerationAt, politenessAt, temperAt, crashedAt, arrivedAt] = [
  2, 3, 4, 5, 6, 7, 8, 9, 10,
] as const;

const stages: readonly Stage[] = [
  { id: 'ramp', title: 'Gain speed on the ramp' },
  { id: 'merge', title: 'Find a gap and join' },
  { id: 'drive', title: 'Drive to the exit' },
  { id: 'arrived', title: 'Past the exit without a crash' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'Past the exit without a crash' },
  { id: 'speed', kind: 'dense', weight: 0.5, help: 'Between 22 and 30 m/s' },
  { id: 'safe', kind: 'dense', weight: 0.3, help: 'No crash, and a second or more to the car ahead' },
  {
    id: 'comfort',
    kind: 'dense',
    weight: 0.2,
    help: 'Speeds up or brakes by 2 m/s^2 at most, in the middle of a lane',
  },
];

const slotNames = ['leftAhead', 'leftBehind', 'ahead', 'behind', 'rightAhead', 'rightBehind'];
const farthestSeen = 100;

/** What a driver knows of three lanes: the row offsets of the nearest cars ahead and behind, -1 where there is none. */
const slots = new Int32Array(6);

/**
 * Acceleration by the Intelligent Driver Model of the car at `c` with bumper gap s, closing at dv. A driver who is not
 * closing in opens a short gap by comfortable braking only: the bare model overreacts to cars that cut in.
 */
function idm(state: Float64Array, c: number, s: number, dv: number): number {
  const v = state[c + vAt]!;
  const a = state[c + accelerationAt]!;
  const ratio = v / state[c + v0At]!;
  const square = ratio * ratio;
  const approach = (v * dv) / (2 * Math.sqrt(a * comfortBraking));
  const wanted = standstillGap + Math.max(0, v * state[c + headwayAt]! + approach);
  const tight = wanted / (s > 0.5 ? s : 0.5);
  const most = dv <= 0 && s > standstillGap ? comfortBraking : 2 * braking;
  return Math.max(-most, a * (1 - square * square - tight * tight));
}

/** As `idm`, behind the car at `f`; the free road where f is -1. */
function follow(state: Float64Array, c: number, f: number): number {
  return f < 0
    ? idm(state, c, 1e6, 0)
    : idm(state, c, state[f]! - state[c]! - carLength, state[c + vAt]! - state[f + vAt]!);
}

/** The lane a car is in or about to be in. */
const lateral = (state: Float64Array, c: number): number =>
  state[c + 1]! + 0.7 * state[c + vAt]! * state[c + psiAt]!;

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { horizon, fixedHorizon, lanes, occlusion } = settings;
  const agents = settings.cars + 1;
  const oncoming = settings.distractors;
  const ids = Array.from({ length: agents }, (_, i) => (i === 0 ? 'ego' : `car${i}`));

  const stateLayout = layoutOf([
    ['step', 1, 'steps'],
    ...ids.flatMap((id) => [
      [`${id}.pos`, 2, 'm'] as const,
      [`${id}.heading`, 1, 'rad'] as const,
      [`${id}.speed`, 1, 'm/s'] as const,
      [`${id}.wantedSpeed`, 1, 'm/s'] as const,
      [`${id}.headway`, 1, 's'] as const,
      [`${id}.acceleration`, 1, 'm/s^2'] as const,
      [`${id}.politeness`, 1, ''] as const,
      // 0 timid, 1 normal, 2 aggressive.
      [`${id}.temper`, 1, ''] as const,
      [`${id}.crashed`, 1, '0 or 1'] as const,
      [`${id}.arrived`, 1, '0 or 1'] as const,
    ]),
    ...Array.from({ length: oncoming }, (_, k) => [
      [`oncoming${k}.x`, 1, 'm'] as const,
      [`oncoming${k}.speed`, 1, 'm/s'] as const,
    ]).flat(),
    ['held', 1, 'steps'],
  ]);
  const oncomingFrom = carsFrom + agents * carSize;
  const held = oncomingFrom + 2 * oncoming;
  const stateDim = held + 1;
  const carsEnd = oncomingFrom;
  const leftRail = (lanes - 1) * laneWidth + railSlack;

  const observationSpace = boxSpace([
    ['lateral', 20],
    ['heading', 0.5],
    ['speed', topSpeed],
    ['wantedSpeed', topSpeed],
    ['crashed', 1],
    ['laneOffset', laneWidth],
    ['hasLaneLeft', 1],
    ['hasLaneRight', 1],
    ['toRampOpening', 150],
    ['toRampEnd', 300],
    ['toExit', 500],
    ...slotNames.flatMap((name) => [
      [`${name}.seen`, 1] as const,
      [`${name}.x`, farthestSeen] as const,
      [`${name}.y`, 3 * laneWidth] as const,
      [`${name}.speed`, topSpeed] as const,
    ]),
    ...Array.from({ length: oncoming }, (_, k) => [
      [`oncoming${k}.x`, 2 * farthestSeen] as const,
      [`oncoming${k}.speed`, topSpeed] as const,
    ]).flat(),
  ]);
  const actionSpace = boxSpace([
    ['pedals', 1],
    ['steering', 1],
  ]);

  const laneOf = (y: number): number => clamp(Math.floor(y / laneWidth + 0.5), -1, lanes - 1);
  /** The ramp counts as a lane to the right of the first one only where it is open. */
  const isOpen = (x: number): boolean => x > mergeStart && x < mergeEnd - carLength;

  /**
   * Fills `slots` with the nearest cars ahead of and behind the one at `c` in the lanes left of, at and right of `lane`.
   * A car counts for every lane that it is in, in part, or about to be in.
   */
  function look(state: Float64Array, o: number, c: number, lane: number): void {
    slots.fill(-1);
    const x = state[c]!;
    const middle = lane * laneWidth;
    let d0 = 1e9;
    let d1 = -1e9;
    let d2 = 1e9;
    let d3 = -1e9;
    let d4 = 1e9;
    let d5 = -1e9;
    for (let f = o + carsFrom; f < o + carsEnd; f += carSize) {
      if (f === c) continue;
      const dx = state[f]! - x;
      const y0 = state[f + 1]! - middle;
      const y1 = y0 + 0.7 * state[f + vAt]! * state[f + psiAt]!;
      const low = (y0 < y1 ? y0 : y1) - 2.1;
      const high = (y0 < y1 ? y1 : y0) + 2.1;
      if (low < 0 && high > 0) {
        if (dx > 0) {
          if (dx < d2) {
            d2 = dx;
            slots[2] = f;
          }
        } else if (dx > d3) {
          d3 = dx;
          slots[3] = f;
        }
      }
      if (high > laneWidth && low < laneWidth) {
        if (dx > 0) {
          if (dx < d0) {
            d0 = dx;
            slots[0] = f;
          }
        } else if (dx > d1) {
          d1 = dx;
          slots[1] = f;
        }
      }
      if (low < -laneWidth && high > -laneWidth) {
        if (dx > 0) {
          if (dx < d4) {
            d4 = dx;
            slots[4] = f;
          }
        } else if (dx > d5) {
          d5 = dx;
          slots[5] = f;
        }
      }
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // One control step

  /** Where the contacts of a step are noted that is simulated again to see them. */
  let noted: Impacts | null = null;
  const idOf = (o: number, c: number): string => ids[(c - o - carsFrom) / carSize]!;

  function move(s: Float64Array, o: number, actions: Float64Array, at: number): void {
    for (let k = 0; k < substeps; k++) {
      for (let i = 0, c = o + carsFrom; i < agents; i++, c += carSize) {
        if (s[c + crashedAt] === 1) drag(s, c, wreckDrag);
        else drive(s, c, clamp(actions[at + 2 * i]!, -1, 1), clamp(actions[at + 2 * i + 1]!, -1, 1));
        keepOnRoad(s, o, c);
      }
      crashes(s, o);
    }
    const ego = o + carsFrom;
    for (let d = o + oncomingFrom; d < o + held; d += 2) {
      s[d]! -= controlDt * s[d + 1]!;
      // The other carriageway is a ring that goes along with agent 0.
      if (s[d]! < s[ego]! - farthestSeen) s[d]! += 2 * farthestSeen;
    }
    s[o]! += 1;
    for (let c = ego; c < o + carsEnd; c += carSize) {
      if (s[c]! >= exit && s[c + crashedAt] === 0) s[c + arrivedAt] = 1;
    }
    s[o + held] = s[ego + arrivedAt] === 1 ? s[o + held]! + 1 : 0;
  }

  function drive(s: Float64Array, c: number, pedals: number, steering: number): void {
    const v = clamp(s[c + vAt]! + h * pedals * (pedals > 0 ? throttle : braking), 0, topSpeed);
    const psi = clamp(s[c + psiAt]! + h * steering * turnRate(v), -0.4, 0.4);
    s[c + vAt] = v;
    s[c + psiAt] = psi;
    s[c]! += h * v * cos(psi);
    s[c + 1]! += h * v * sin(psi);
  }

  function drag(s: Float64Array, c: number, deceleration: number): void {
    s[c + vAt] = Math.max(0, s[c + vAt]! - h * deceleration);
    s[c]! += h * s[c + vAt]!;
  }

  /** Rails on both sides, between ramp and road before the opening, and the barrier at the ramp's end. */
  function keepOnRoad(s: Float64Array, o: number, c: number): void {
    const y = s[c + 1]!;
    const x = s[c]!;
    let low = -laneWidth - railSlack;
    let high = leftRail;
    if (x < mergeStart) {
      if (y < -laneWidth / 2) high = -laneWidth + railSlack;
      else low = -railSlack;
    } else if (x + carLength / 2 > mergeEnd) {
      if (y < barrierY && s[c + crashedAt] === 0 && x < mergeEnd) {
        noted?.note('barrier', idOf(o, c), mergeEnd, y, -1, 0, carMass * s[c + vAt]! * cos(s[c + psiAt]!));
        s[c] = mergeEnd - carLength / 2;
        s[c + vAt] = 0;
        s[c + psiAt] = 0;
        s[c + crashedAt] = 1;
        return;
      }
      if (y >= barrierY) low = -railSlack;
    }
    if (y >= low && y <= high) return;
    if (noted !== null) {
      // It loses what took it sideways; that the rail also slows it is told by no force.
      const side = y < low ? 1 : -1;
      const sideways = Math.max(0, -side * s[c + vAt]! * sin(s[c + psiAt]!));
      const rail = high === leftRail && side < 0 ? 'leftRail' : 'rail';
      noted.note(rail, idOf(o, c), x, y - (side * carWidth) / 2, 0, side, carMass * sideways);
    }
    s[c + 1] = y < low ? low : high;
    s[c + psiAt] = 0;
    s[c + vAt] = Math.max(0, s[c + vAt]! - h * railDrag);
  }

  /** Cars that overlap are wrecks and go on together: equal masses, so both with the mean of their speeds. */
  function crashes(s: Float64Array, o: number): void {
    for (let c = o + carsFrom; c < o + carsEnd; c += carSize) {
      for (let f = c + carSize; f < o + carsEnd; f += carSize) {
        const dx = s[f]! - s[c]!;
        if (dx > carLength || dx < -carLength) continue;
        const dy = s[f + 1]! - s[c + 1]!;
        if (dy > carWidth || dy < -carWidth || (s[c + crashedAt] === 1 && s[f + crashedAt] === 1)) continue;
        const v = 0.5 * (s[c + vAt]! + s[f + vAt]!);
        // Who is overtaken from beside is only touched.
        const closing = (dx < 0 ? -1 : 1) * (s[c + vAt]! - v);
        noted?.note(
          idOf(o, c),
          idOf(o, f),
          s[c]! + dx / 2,
          s[c + 1]! + dy / 2,
          dx < 0 ? -1 : 1,
          0,
          carMass * Math.max(0, closing),
        );
        s[c + vAt] = v;
        s[f + vAt] = v;
        s[c + psiAt] = 0;
        s[f + psiAt] = 0;
        s[c + crashedAt] = 1;
        s[f + crashedAt] = 1;
      }
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Scripted drivers

  /** MOBIL's verdict on a change to the lane whose nearest cars are `ahead` and `behind`; -Infinity where it is unsafe. */
  function incentive(
    s: Float64Array,
    c: number,
    own: number,
    ahead: number,
    behind: number,
    oldBehind: number,
    oldAhead: number,
    most: number,
  ): number {
    if (ahead >= 0 && s[ahead]! - s[c]! < carLength + 1.5) return Number.NEGATIVE_INFINITY;
    if (behind >= 0 && s[c]! - s[behind]! < carLength + 1.5) return Number.NEGATIVE_INFINITY;
    const self = follow(s, c, ahead);
    if (self < -most) return Number.NEGATIVE_INFINITY;
    let others = 0;
    if (behind >= 0) {
      const after = follow(s, behind, c);
      if (after < -most) return Number.NEGATIVE_INFINITY;
      others += after - follow(s, behind, ahead);
    }
    if (oldBehind >= 0) others += follow(s, oldBehind, oldAhead) - follow(s, oldBehind, c);
    return self - own + s[c + politenessAt]! * others;
  }

  /** How much the gap to the car at `f`, ahead or behind, exceeds what joining needs: braking at 2.5 m/s^2 at most, and a bit. */
  function spare(s: Float64Array, c: number, f: number, isAhead: boolean): number {
    if (f < 0) return 100;
    const rear = isAhead ? c : f;
    const front = isAhead ? f : c;
    const closing = Math.max(0, s[rear + vAt]! - s[front + vAt]!);
    const gap = s[front]! - s[rear]! - carLength - (closing * closing) / (2 * safeBraking);
    return gap - standstillGap - (isAhead ? 0.25 : 0.35) * s[rear + vAt]!;
  }

  function play(i: number, s: Float64Array, o: number, out: Float64Array, at: number): void {
    const c = o + carsFrom + i * carSize;
    if (s[c + crashedAt] === 1) {
      out[at] = 0;
      out[at + 1] = 0;
      return;
    }
    const x = s[c]!;
    const v = s[c + vAt]!;
    const sideways = v * s[c + psiAt]!;
    let lane = laneOf(lateral(s, c));
    look(s, o, c, lane);
    const ahead = slots[2]!;
    const behind = slots[3]!;
    let target = lane;
    let pull = follow(s, c, ahead);
    if (lane < 0) {
      // On the ramp: brake for its end as late as is comfortable, with room left to turn out from standing; fit in behind the
      // car that is ahead in the first lane.
      const rest = mergeEnd - x - carLength / 2 - 14;
      const needed = (v * v) / (2 * Math.max(0.5, rest));
      if (x > mergeStart - 60) {
        const first = slots[0]!;
        const second = slots[1]!;
        const front = spare(s, c, first, true);
        const rear = spare(s, c, second, false);
        if (rear < 0) {
          // Too close ahead of a car: get away from it where there is room, else let it pass.
          pull = front > 10 && s[second + vAt]! - v < 2 && v < 31 ? throttle : Math.min(pull, -1.2);
        } else if (first >= 0) {
          // Behind another one it is enough to have its speed.
          const gap = s[first]! - x - carLength;
          pull = Math.min(pull, Math.max(-3, idm(s, c, Math.max(1, gap) + 25, v - s[first + vAt]!)));
        }
        if (isOpen(x) && front > 0 && rear > 0) target = 0;
      }
      if (needed > 4) pull = Math.min(pull, -needed);
    } else {
      let best = changeThreshold;
      for (let side = 1; side >= -1; side -= 2) {
        const to = lane + side;
        if (to < 0 || to >= lanes) continue;
        const front = slots[side > 0 ? 0 : 4]!;
        const rear = slots[side > 0 ? 1 : 5]!;
        // Once under way it takes more to turn back.
        const bonus = side * sideways > 0.25 ? 0.5 : 0;
        const gain = incentive(s, c, pull, front, rear, behind, ahead, safeBraking) + bonus;
        if (gain > best) {
          best = gain;
          target = to;
        }
      }
      // A car that waits on the ramp is let in by those who care.
      const joining = lane === 0 ? slots[4]! : -1;
      if (
        joining >= 0 &&
        s[c + politenessAt]! > 0 &&
        isOpen(s[joining]!) &&
        s[joining]! - x > carLength + 2
      ) {
        pull = Math.min(pull, Math.max(-1.5, follow(s, c, joining)));
      }
    }
    if (target !== lane) {
      const front = slots[target > lane ? 0 : 4]!;
      if (front >= 0) pull = Math.min(pull, Math.max(-3, follow(s, c, front)));
      lane = target;
    }
    // Too late to pass the barrier at this speed and a sideways speed of 1.6 m/s.
    const aside = barrierY + 0.2 - s[c + 1]!;
    const left = mergeEnd - x - carLength / 2;
    if (aside > 0 && left > 0 && left < aside * Math.max(3.3, v / 1.6) + 0.1 * v * v)
      pull = Math.min(pull, v > 2 ? -5 : -0.5);
    out[at] = clamp(pull > 0 ? pull / throttle : pull / braking, -1, 1);
    // Sideways speed towards the middle of the lane, heading for that speed, steering for that heading.
    const wanted = clamp((lane * laneWidth - s[c + 1]!) / 1.1, -1.6, 1.6);
    const heading = clamp(wanted / Math.max(v, 4), -0.3, 0.3);
    out[at + 1] = clamp((heading - s[c + psiAt]!) / (0.3 * turnRate(Math.max(v, 1))), -1, 1);
  }

  // -------------------------------------------------------------------------------------------------------------------

  function observe(i: number, s: Float64Array, o: number, out: Float64Array, at: number): void {
    const c = o + carsFrom + i * carSize;
    const x = s[c]!;
    const lane = laneOf(s[c + 1]!);
    out[at] = s[c + 1]!;
    out[at + 1] = s[c + psiAt]!;
    out[at + 2] = s[c + vAt]!;
    out[at + 3] = s[c + v0At]!;
    out[at + 4] = s[c + crashedAt]!;
    out[at + 5] = s[c + 1]! - lane * laneWidth;
    out[at + 6] = lane < lanes - 1 && (lane >= 0 || isOpen(x)) ? 1 : 0;
    out[at + 7] = lane > 0 || (lane === 0 && isOpen(x)) ? 1 : 0;
    out[at + 8] = mergeStart - x;
    out[at + 9] = mergeEnd - x;
    out[at + 10] = exit - x;
    look(s, o, c, lane);
    let to = at + 11;
    for (let k = 0; k < 6; k++) {
      const f = slots[k]!;
      const dx = f < 0 ? 0 : s[f]! - x;
      const isSeen = f >= 0 && (occlusion ? dx < 30 && dx > -10 : dx < farthestSeen && dx > -farthestSeen);
      out[to] = isSeen ? 1 : 0;
      out[to + 1] = isSeen ? dx : 0;
      out[to + 2] = isSeen ? s[f + 1]! - s[c + 1]! : 0;
      out[to + 3] = isSeen ? s[f + vAt]! - s[c + vAt]! : 0;
      to += 4;
    }
    for (let d = o + oncomingFrom; d < o + held; d += 2) {
      out[to++] = s[d]! - x;
      out[to++] = s[d + 1]!;
    }
    clipTo(observationSpace, out, at);
  }

  /** Two of three cars are in the first lane, where agent 0 joins. */
  const startLane = (i: number): number =>
    i % 3 === 2 ? Math.min(lanes - 1, 1 + (Math.floor(i / 3) % 2)) : 0;

  function reset(seed: number, s: Float64Array, o: number): void {
    const random = createRandom(seed);
    const { randomisation, difficulty } = settings;
    s.fill(0, o, o + stateDim);
    const vary = (value: number): number => value * randomFactor(random, randomisation, 0.3);
    const spacing = 55 - 30 * difficulty;
    // Each lane is a column round agent 0, so that it reaches the opening beside its middle.
    const lengths = Array.from({ length: lanes }, (_, lane) => {
      let cars = 0;
      for (let i = 1; i < agents; i++) if (startLane(i) === lane) cars++;
      return cars * spacing;
    });
    const next = lengths.map((length) => 10 + length / 2 + random.uniform(-0.5, 0.5) * spacing);
    for (let i = 0, c = o + carsFrom; i < agents; i++, c += carSize) {
      const draw = random.uniform();
      const hurried = 0.15 + 0.35 * difficulty;
      const temper = draw < hurried ? 2 : draw < hurried + 0.3 ? 0 : 1;
      const kind = i === 0 ? egoTemper : tempers[temper]!;
      s[c + v0At] = i === 0 ? kind.v0 : Math.min(topSpeed - 2, vary(kind.v0));
      s[c + headwayAt] = i === 0 ? kind.headway : vary(kind.headway);
      s[c + accelerationAt] = i === 0 ? kind.acceleration : vary(kind.acceleration);
      s[c + politenessAt] = kind.politeness;
      s[c + temperAt] = i === 0 ? 1 : temper;
      if (i === 0) {
        s[c] = random.uniform(0, 10);
        s[c + 1] = -laneWidth;
        s[c + vAt] = random.uniform(15, 20);
        continue;
      }
      const lane = startLane(i);
      s[c] = next[lane]!;
      next[lane]! -= carLength + 4 + (spacing - carLength) * random.uniform(0.6, 1.4);
      s[c + 1] = lane * laneWidth;
      s[c + vAt] = random.uniform(22, 25);
    }
    for (let d = o + oncomingFrom; d < o + held; d += 2) {
      s[d] = s[o + carsFrom]! + random.uniform(-farthestSeen, farthestSeen);
      s[d + 1] = random.uniform(22, 32);
    }
  }

  const success = (s: Float64Array, o: number): boolean => s[o + carsFrom + arrivedAt] === 1;

  const step = advances(stateDim, 2, agents, move, play);

  const speedTerm = (v: number): number =>
    tolerance(v, [22, 30], { margin: 22, sigmoid: 'linear', valueAtMargin: 0 });

  const parallel: ParallelFace = {
    agents: ids.map((id) => ({ id, side: id })),
    observationSpaces: ids.map(() => observationSpace),
    actionSpaces: ids.map(() => actionSpace),
    advance: step.joint,
    observe,
    /** Everybody drives for themselves: up to 0.1 a step for speed, 1 for the exit, -1 for a crash. */
    reward(agent, s, o, next, n) {
      const at = carsFrom + agent * carSize;
      const arrived = next[n + at + arrivedAt]! - s[o + at + arrivedAt]!;
      const crashed = next[n + at + crashedAt]! - s[o + at + crashedAt]!;
      const speed = next[n + at + crashedAt] === 1 ? 0 : 0.1 * speedTerm(next[n + at + vAt]!);
      return arrived - crashed + speed;
    },
    expert: play,
  };

  const drawn = drawing(ids, lanes, oncoming, carsFrom, oncomingFrom);

  return {
    id: 'highway',
    version: 1,
    settings,
    controlDt,
    substeps,
    horizon,
    stateDim,
    stateLayout,
    observationSpace,
    actionSpace,
    stages,
    rewardTerms,
    bodies: drawn.bodies,
    reset,
    advance: step.alone,
    observe: (s, o, out, at) => observe(0, s, o, out, at),
    success,

    stage(s, o) {
      if (success(s, o)) return 3;
      if (s[o + carsFrom + 1]! > -laneWidth / 2) return 2;
      return s[o + carsFrom]! < mergeStart ? 0 : 1;
    },

    /** Way to the exit, and a tenth for having left the ramp. */
    progress(s, o) {
      if (success(s, o)) return 1;
      const way = clamp(s[o + carsFrom]! / exit, 0, 1);
      const joined = clamp(1 + s[o + carsFrom + 1]! / laneWidth, 0, 1);
      return Math.min(0.99, 0.9 * way + 0.1 * joined);
    },

    terminal: (s, o) => !fixedHorizon && (s[o + held]! >= holdSteps || s[o + carsFrom + crashedAt] === 1),

    reward(s, o, _action, _a, next, n, out, at) {
      const c = n + carsFrom;
      const v = next[c + vAt]!;
      const isWreck = next[c + crashedAt] === 1;
      out[at] = success(next, n) ? 1 : 0;
      out[at + 1] = speedTerm(v);
      const lane = laneOf(next[c + 1]!);
      look(next, n, c, lane);
      const f = slots[2]!;
      const time = f < 0 ? 10 : (next[f]! - next[c]! - carLength) / Math.max(1, v);
      out[at + 2] = isWreck
        ? 0
        : tolerance(time, [1, Number.POSITIVE_INFINITY], { margin: 1, sigmoid: 'linear', valueAtMargin: 0 });
      const pull = (v - s[o + carsFrom + vAt]!) / controlDt;
      const offset = next[c + 1]! - lane * laneWidth;
      out[at + 3] = isWreck
        ? 0
        : tolerance(pull, [-2, 2], { margin: 4 }) *
          tolerance(offset, [-0.3, 0.3], { margin: 1.5, valueAtMargin: 0.3 });
    },

    expert: (s, o, out, at) => play(0, s, o, out, at),
    impacts(s, o, action, a) {
      const found = new Impacts();
      const row = s.slice(o, o + stateDim);
      noted = found;
      try {
        step.alone(row, action.slice(a, a + 2), 0, 1);
      } finally {
        noted = null;
      }
      return found.contacts(controlDt, bumperZ).map((one) => ({
        ...one,
        point: [drawnX(one.point[0], row[carsFrom]!), scale * one.point[1], bumperZ],
      }));
    },

    poses: drawn.poses,
    cameras,
    colours: drawn.colours,
    parallel,
  };
}

/** Fastest turn of a car, rad/s: 4 m/s^2 sideways, and a turning circle of 12.5 m. */
const turnRate = (v: number): number => Math.min(0.08 * v, 4 / Math.max(v, 0.1));

// ---------------------------------------------------------------------------------------------------------------------
// Drawing: a model of the road at a tenth of its size, which passes under agent 0's car

const scale = 0.1;
/** The piece of road that is drawn, m to either side of agent 0's car. */
const view = 60;
const asphalt = [0.27, 0.28, 0.3] as const;
const paint = [0.93, 0.93, 0.9] as const;
const tempersSeen = [
  [0.5, 0.74, 0.5],
  [0.82, 0.82, 0.84],
  [0.9, 0.48, 0.22],
] as const;
/** The road lies on a block of this height, which also takes in what is out of view. */
const blockHeight = 0.7;
/** Where cars meet. */
const bumperZ = blockHeight + 0.05;
/** Where a place of the road is drawn while agent 0's car is at `egoX`. */
const drawnX = (x: number, egoX: number): number => scale * (x - egoX);
const tile = 10;
const tiles = (2 * view) / tile;
const dashSpacing = 12;
const dashes = (2 * view) / dashSpacing;

/** Agent 0's car is always drawn at x = 0. */
const cameras: readonly CameraView[] = [
  { name: 'front', position: [-1.7, -1.9, 2.6], target: [0.55, 0, 0.7], fieldOfView: 0.8 },
  { name: 'side', position: [0, -3.2, 1.9], target: [0, 0.1, 0.7], fieldOfView: 0.8 },
  { name: 'top', position: [0, 0.1, 5.7], target: [0, 0.1, 0.7], fieldOfView: 0.8 },
  { name: 'wrist', body: 'ego', turns: false, position: [-0.9, 0, 0.45], target: [1, 0, 0], fieldOfView: 1 },
];

interface Drawn {
  readonly bodies: readonly Body[];
  poses(s: Float64Array, o: number, out: Float32Array, at: number): void;
  colours(s: Float64Array, o: number, out: Float32Array, at: number): void;
}

function drawing(
  ids: readonly string[],
  lanes: number,
  oncoming: number,
  firstCar: number,
  firstOncoming: number,
): Drawn {
  const bodies: Body[] = [];
  const add = (body: Body): number => bodies.push(body) - 1;
  const [long, wide, high] = [scale * carLength, scale * carWidth, scale * 1.4];
  const wheelRadius = scale * 0.34;
  /** Five parts a car: body, cabin, four wheels; returns the index of the first. */
  const addCar = (name: string, role: Body['role']): number => {
    const first = add(box(name, role, [long, wide, 0.55 * high]));
    add(box(`${name}Cabin`, 'screen', [0.5 * long, 0.86 * wide, 0.4 * high], [0.13, 0.17, 0.22]));
    for (const wheel of ['FrontLeft', 'FrontRight', 'RearLeft', 'RearRight']) {
      add(cylinder(`${name}Wheel${wheel}`, 'wheel', wheelRadius, scale * 0.24));
    }
    return first;
  };
  const putCar = (out: Float32Array, at: number, first: number, x: number, y: number, psi: number): void => {
    const c = cos(psi);
    const s = sin(psi);
    const qz = sin(psi / 2);
    const qw = cos(psi / 2);
    put(out, at, first, x, y, blockHeight + wheelRadius + 0.2 * high, qz, qw);
    put(
      out,
      at,
      first + 1,
      x - 0.06 * long * c,
      y - 0.06 * long * s,
      blockHeight + wheelRadius + 0.67 * high,
      qz,
      qw,
    );
    for (let k = 0; k < 4; k++) {
      const forward = (k < 2 ? 0.31 : -0.31) * long;
      const left = (k % 2 === 0 ? 0.5 : -0.5) * wide;
      const p = at + 7 * (first + 2 + k);
      out[p] = x + forward * c - left * s;
      out[p + 1] = y + forward * s + left * c;
      out[p + 2] = blockHeight + wheelRadius;
      // The axle from z to y, then the car's turn about z: both by half angles.
      out[p + 3] = Math.SQRT1_2 * qw;
      out[p + 4] = Math.SQRT1_2 * qz;
      out[p + 5] = Math.SQRT1_2 * qz;
      out[p + 6] = Math.SQRT1_2 * qw;
    }
  };
  const width = scale * laneWidth;
  const roadLow = -scale * (laneWidth / 2 + 0.3);
  const roadHigh = scale * ((lanes - 0.5) * laneWidth + 0.3);
  const otherMiddle = roadHigh + scale * (2.5 + laneWidth);

  const floor = add(box('floor', 'floor', [2 * view * scale + 2, 4, 0.02]));
  const ground = add(
    box('verge', 'table', [2 * view * scale, otherMiddle + width + 0.9, blockHeight], [0.42, 0.52, 0.36]),
  );
  const road = add(box('road', 'table', [2 * view * scale, roadHigh - roadLow, 0.012], asphalt));
  const other = add(box('otherRoad', 'table', [2 * view * scale, 2 * width, 0.012], asphalt));
  const edge = add(box('edgeLine', 'marker', [2 * view * scale, 0.02, 0.004], paint));
  const leftRail = add(box('leftRail', 'wall', [2 * view * scale, 0.03, 0.08]));
  const rampFrom = bodies.length;
  for (let k = 0; k < tiles; k++) add(box(`ramp${k}`, 'table', [tile * scale, width, 0.012], asphalt));
  const gapFrom = bodies.length;
  for (let k = 0; k < tiles; k++) add(box(`rail${k}`, 'wall', [tile * scale, 0.03, 0.08]));
  const dashFrom = bodies.length;
  for (let k = 0; k < dashes * lanes; k++) add(box(`dash${k}`, 'marker', [scale * 4, 0.018, 0.004], paint));
  const poleFrom = bodies.length;
  for (let k = 0; k < 4; k++) add(cylinder(`pole${k}`, 'marker', 0.02, 0.3, paint));
  const barrier = add(box('barrier', 'wall', [0.08, width, 0.14], [0.8, 0.2, 0.18]));
  const exitFrom = add(box('exitBeam', 'goal', [0.06, roadHigh - roadLow + 0.1, 0.1]));
  add(cylinder('exitPostRight', 'goal', 0.03, 0.6));
  add(cylinder('exitPostLeft', 'goal', 0.03, 0.6));
  const egoBody = bodies.length;
  for (const [i, id] of ids.entries()) addCar(id, i === 0 ? 'agent' : 'opponent');
  const oncomingBody = bodies.length;
  for (let k = 0; k < oncoming; k++) addCar(`oncoming${k}`, 'distractor');
  const carBodies = 6;
  const hide = (out: Float32Array, at: number, index: number): void =>
    put(out, at, index, 0, 0, blockHeight / 2);

  return {
    bodies,
    poses(s, o, out, at) {
      const egoX = s[o + firstCar]!;
      const place = (x: number): number => drawnX(x, egoX);
      const roadMiddle = (roadLow + roadHigh) / 2;
      const vergeMiddle = (otherMiddle + width - 0.6) / 2;
      put(out, at, floor, 0, 0, -0.01);
      put(out, at, ground, 0, vergeMiddle, blockHeight / 2 - 0.012);
      put(out, at, road, 0, roadMiddle, blockHeight - 0.006);
      put(out, at, other, 0, otherMiddle, blockHeight - 0.006);
      put(out, at, edge, 0, roadHigh - 0.04, blockHeight + 0.001);
      put(out, at, leftRail, 0, roadHigh + 0.03, blockHeight + 0.04);
      for (let k = 0; k < tiles; k++) {
        const x = tile * (Math.floor(egoX / tile) + k - tiles / 2 + 0.5);
        const isIn = Math.abs(x - egoX) <= view - tile / 2;
        if (isIn && x < mergeEnd) put(out, at, rampFrom + k, place(x), -width, blockHeight - 0.006);
        else hide(out, at, rampFrom + k);
        // Between ramp and road before the opening, along the road after the ramp's end, else outside the ramp.
        const y = x < mergeStart || x > mergeEnd ? -width / 2 - 0.01 : -1.5 * width - 0.04;
        if (isIn) put(out, at, gapFrom + k, place(x), y, blockHeight + 0.04);
        else hide(out, at, gapFrom + k);
      }
      for (let k = 0; k < dashes; k++) {
        const x = dashSpacing * (Math.floor(egoX / dashSpacing) + k - dashes / 2 + 0.5);
        const isIn = Math.abs(x - egoX) <= view - 2;
        for (let lane = 0; lane < lanes; lane++) {
          // The line right of the first lane is dashed where the ramp is open; elsewhere the rail is there.
          const y = (lane - 0.5) * width;
          if (isIn && (lane > 0 || (x > mergeStart && x < mergeEnd))) {
            put(out, at, dashFrom + k * lanes + lane, place(x), y, blockHeight + 0.001);
          } else hide(out, at, dashFrom + k * lanes + lane);
        }
      }
      for (let k = 0; k < 4; k++) {
        const x = 30 * (Math.floor(egoX / 30) + k - 1.5);
        if (Math.abs(x - egoX) < view)
          put(out, at, poleFrom + k, place(x), roadHigh + 0.12, blockHeight + 0.14);
        else hide(out, at, poleFrom + k);
      }
      if (Math.abs(mergeEnd - egoX) < view)
        put(out, at, barrier, place(mergeEnd) + 0.04, -width, blockHeight + 0.07);
      else hide(out, at, barrier);
      if (Math.abs(exit - egoX) < view) {
        put(out, at, exitFrom, place(exit), roadMiddle, blockHeight + 0.6);
        put(out, at, exitFrom + 1, place(exit), roadLow - 0.03, blockHeight + 0.3);
        put(out, at, exitFrom + 2, place(exit), roadHigh + 0.03, blockHeight + 0.3);
      } else for (let k = 0; k < 3; k++) hide(out, at, exitFrom + k);
      for (let i = 0; i < ids.length; i++) {
        const c = o + firstCar + i * carSize;
        if (Math.abs(s[c]! - egoX) < view - 3) {
          putCar(out, at, egoBody + carBodies * i, place(s[c]!), scale * s[c + 1]!, s[c + psiAt]!);
        } else for (let k = 0; k < carBodies; k++) hide(out, at, egoBody + carBodies * i + k);
      }
      for (let k = 0; k < oncoming; k++) {
        const x = s[o + firstOncoming + 2 * k]!;
        const first = oncomingBody + carBodies * k;
        if (Math.abs(x - egoX) < view - 3) {
          putCar(out, at, first, place(x), otherMiddle + (k % 2 === 0 ? 0.5 : -0.5) * width, 0);
        } else for (let n = 0; n < carBodies; n++) hide(out, at, first + n);
      }
    },

    /** Drivers by temper: timid green, normal grey, aggressive orange; wrecks dark. */
    colours(s, o, out, at) {
      out.fill(Number.NaN, at, at + 3 * bodies.length);
      for (let i = 0; i < ids.length; i++) {
        const c = o + firstCar + i * carSize;
        const p = at + 3 * (egoBody + carBodies * i);
        if (s[c + crashedAt] === 1) out.fill(0.15, p, p + 3);
        else if (i > 0) out.set(tempersSeen[s[c + temperAt]! as 0 | 1 | 2], p);
      }
    },
  };
}

export const highway: Task = {
  id: 'highway',
  title: 'Motorway',
  summary: 'Join the traffic of a motorway from a ramp and reach the exit without a crash.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 1_000_000,
        worlds: 64,
        stepsPerWorld: 64,
        minibatch: 512,
        learningRate: 0.001,
        gamma: 0.97,
        entropyCoef: 0.001,
      },
    },
  },
  create,
};
