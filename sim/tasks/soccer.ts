/**
 * Robot soccer: disc robots with a kicker, one or two a side, a ball that rolls, bounces and is won and lost. The first goal
 * decides. Agent 0 plays towards +x; every agent observes and acts in the frame of its own side, in which it attacks +x.
 */

import { bounceInside, bouncePair, bouncePost, bounceWall, brake, disc, overlap } from '../engine/discs.ts';
import { Impacts } from '../engine/impacts.ts';
import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { Body, ParallelFace, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { tolerance } from '../tolerance.ts';
import {
  advances,
  agentFields,
  box,
  cylinder,
  groundCameras,
  put,
  putStanding,
  randomFactor,
  type Standing,
  sphere,
} from './agents.ts';
import { boxSpace, clipTo, holdSteps, layoutOf, length2 } from './parts.ts';

const fields = {
  ...agentFields(
    400,
    0.25,
    'Share of their speed and kick that scripted opponents use: 0.3 at 0, all of it at 1',
  ),
  players: { type: 'integer', default: 1, min: 1, max: 2, help: 'Robots a side' },
  kick: {
    type: 'boolean',
    default: true,
    help: 'Robots have a kicker, the third number of an action; off: they can only push',
  },
  distractors: { type: 'integer', default: 0, min: 0, max: 3, help: 'Spare balls of no value on the pitch' },
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'Robots see no farther than 1.5 m (numbers of what is farther are 0)',
  },
} as const satisfies Fields;

const controlDt = 0.05;
const substeps = 4;
const h = controlDt / substeps;

// Metres, kg, m/s, m/s^2.
const pitchX = 3;
const pitchY = 2;
const goalHalf = 0.7;
const goalDepth = 0.35;
/** The corners are cut off by walls at 45 degrees, so that no ball gets stuck in them: |x| + |y| stays below this. */
const cornerSum = pitchX + pitchY - 0.5;
const radius = 0.18;
const robotMass = 2;
const topSpeed = 1.6;
const acceleration = 4;
const ballRadius = 0.1;
const ballMass = 0.3;
const ballDrag = 0.8;
const wallBounce = 0.5;
const ballBounce = 0.5;
/** Speed that a full kick gives a ball that touches the robot. */
const kickSpeed = 3.5;
/** A kicker reaches a ball with at most this gap. */
const kickGap = 0.04;
const touch = radius + ballRadius;
const sight = 1.5;
/** Scripted players at full skill shoot from here on, m from the goal line. */
const shotRange = 4;
/** A ball that has been slower than this for so long is stuck, m/s and control steps. */
const stuckSpeed = 0.25;
const stuckSteps = 30;
/** Where the referee puts a stuck ball, as in RoboCup Junior: the nearest of these that no robot is on. x, y, x, y ... */
const neutralSpots = [0, 0, 1.2, 0.8, 1.2, -0.8, -1.2, 0.8, -1.2, -0.8];

// Numbers of a row: step, robots, ball, spare balls, then what follows from `result`.
const robotsFrom = 1;
const robotSize = 5;
const massAt = 4;

const stages: readonly Stage[] = [
  { id: 'reach', title: 'Get to the ball' },
  { id: 'advance', title: 'Bring it towards the goal' },
  { id: 'scored', title: 'Score first' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'Its own side has scored first' },
  { id: 'near', kind: 'dense', weight: 0.2, help: 'The robot is close to the ball' },
  { id: 'behind', kind: 'dense', weight: 0.2, help: 'The robot is on its own side of the ball' },
  { id: 'toGoal', kind: 'dense', weight: 0.6, help: "The ball is close to the opponents' goal" },
];

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { players, horizon, fixedHorizon, occlusion, kick: hasKick } = settings;
  const agents = 2 * players;
  const spares = settings.distractors;
  const skill = 0.3 + 0.7 * settings.difficulty;
  const ids = Array.from({ length: agents }, (_, i) => (i < players ? `home${i}` : `away${i - players}`));
  const actionDim = hasKick ? 3 : 2;

  const stateLayout = layoutOf([
    ['step', 1, 'steps'],
    ...ids.flatMap((id) => [
      [`${id}.pos`, 2, 'm'] as const,
      [`${id}.vel`, 2, 'm/s'] as const,
      [`${id}.mass`, 1, 'kg'] as const,
    ]),
    ['ball.pos', 2, 'm'],
    ['ball.vel', 2, 'm/s'],
    ['ball.mass', 1, 'kg'],
    ['ball.drag', 1, 'm/s^2'],
    ...Array.from({ length: spares }, (_, k) => [
      [`spare${k}.pos`, 2, 'm'] as const,
      [`spare${k}.vel`, 2, 'm/s'] as const,
    ]).flat(),
    // 1: the home side has scored, -1: the away side has.
    ['result', 1, '-1 to 1'],
    ['decided', 1, 'steps'],
    ['stuck', 1, 'steps'],
    // Of the home side: how near it was to the ball, and the ball to the goal, at the start and at best.
    ['startReach', 1, 'm'],
    ['bestReach', 1, 'm'],
    ['startGoal', 1, 'm'],
    ['bestGoal', 1, 'm'],
  ]);
  const ball = robotsFrom + agents * robotSize;
  const ballMassAt = ball + disc.size;
  const ballDragAt = ballMassAt + 1;
  const sparesFrom = ballDragAt + 1;
  const result = sparesFrom + spares * disc.size;
  const decided = result + 1;
  const stuck = result + 2;
  const startReach = result + 3;
  const bestReach = result + 4;
  const startGoal = result + 5;
  const bestGoal = result + 6;
  const stateDim = result + 7;

  const sideOf = (i: number): 1 | -1 => (i < players ? 1 : -1);
  const robot = (o: number, i: number): number => o + robotsFrom + i * robotSize;
  /** Robots as robot i sees them: mates, then opponents. */
  const othersOf = ids.map((_, i) => {
    const all = ids.map((_, j) => j).filter((j) => j !== i);
    return [...all.filter((j) => sideOf(j) === sideOf(i)), ...all.filter((j) => sideOf(j) !== sideOf(i))];
  });
  const thing = (name: string): (readonly [string, number])[] => [
    [`${name}.seen`, 1],
    [`to.${name}.x`, 2 * pitchX + 1],
    [`to.${name}.y`, 2 * pitchY],
    [`${name}.vel.x`, 10],
    [`${name}.vel.y`, 10],
  ];
  const observationSpaces = othersOf.map((others) =>
    boxSpace([
      ['pos.x', pitchX],
      ['pos.y', pitchY],
      ['vel.x', 5],
      ['vel.y', 5],
      ['result', 1],
      ...thing('ball'),
      ...others.flatMap((j) => thing(ids[j]!)),
      ...Array.from({ length: spares }, (_, k) => thing(`spare${k}`)).flat(),
    ]),
  );
  const actionSpace = boxSpace([
    ['force.x', 1],
    ['force.y', 1],
    ...(hasKick ? ([['kick', 1]] as const) : []),
  ]);

  /** Distance of the ball's middle from the mouth of the goal that the home side attacks. */
  function goalDistance(s: Float64Array, o: number): number {
    const y = Math.max(0, Math.abs(s[o + ball + 1]!) - goalHalf + ballRadius);
    return length2(Math.max(0, pitchX + ballRadius - s[o + ball]!), y);
  }

  /** Of the home robot that is nearest to the ball: how far the ball is from being touched. */
  function reachDistance(s: Float64Array, o: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < players; i++) least = Math.min(least, -overlap(s, robot(o, i), o + ball, touch));
    return Math.max(0, least);
  }

  const success = (s: Float64Array, o: number): boolean => s[o + result] === 1;

  // -------------------------------------------------------------------------------------------------------------------
  // One control step

  /** All pairs of robots and the ball. */
  const movers = agents + 1;
  const pairs = Array.from({ length: movers }, (_, i) =>
    Array.from({ length: movers - 1 - i }, (_, k) => [i, i + 1 + k] as const),
  ).flat();
  const offsetOf = (o: number, i: number): number => (i < agents ? robot(o, i) : o + ball);

  const forces = new Float64Array(2 * agents);
  const kicks = new Float64Array(agents);
  const nameOf = [...ids, 'ball'];
  /** Where the contacts of a step are noted that is simulated again to see them. */
  let noted: Impacts | null = null;

  function move(s: Float64Array, o: number, actions: Float64Array, at: number): void {
    for (let i = 0; i < agents; i++) {
      const a = at + i * actionDim;
      const x = clamp(actions[a]!, -1, 1);
      const y = clamp(actions[a + 1]!, -1, 1);
      const square = x * x + y * y;
      const scale = (sideOf(i) * acceleration * robotMass) / (square > 1 ? Math.sqrt(square) : 1);
      forces[2 * i] = x * scale;
      forces[2 * i + 1] = y * scale;
      kicks[i] = hasKick ? clamp(actions[a + 2]!, 0, 1) : 0;
    }
    const b = o + ball;
    for (let k = 0; k < substeps; k++) {
      for (let i = 0; i < agents; i++) {
        const a = robot(o, i);
        // m dv/dt = F - c v with c = F / top speed.
        const inverse = h / s[a + massAt]!;
        const drag = (acceleration * robotMass) / topSpeed;
        s[a + 2]! += inverse * (forces[2 * i]! - drag * s[a + 2]!);
        s[a + 3]! += inverse * (forces[2 * i + 1]! - drag * s[a + 3]!);
        s[a]! += h * s[a + 2]!;
        s[a + 1]! += h * s[a + 3]!;
      }
      brake(s, b, s[o + ballDragAt]! * h);
      s[b]! += h * s[b + 2]!;
      s[b + 1]! += h * s[b + 3]!;
      kickBall(s, o);
      contacts(s, o);
      moveSpares(s, o);
      if (s[o + result] === 0 && Math.abs(s[b]!) > pitchX + ballRadius) s[o + result] = s[b]! > 0 ? 1 : -1;
    }
    s[o]! += 1;
    if (s[o + result] !== 0) s[o + decided]! += 1;
    else referee(s, o);
    s[o + bestReach] = Math.min(s[o + bestReach]!, reachDistance(s, o));
    s[o + bestGoal] = Math.min(s[o + bestGoal]!, goalDistance(s, o));
  }

  /** A ball that nobody can move is put where it can be played. */
  function referee(s: Float64Array, o: number): void {
    const b = o + ball;
    const isSlow = length2(s[b + 2]!, s[b + 3]!) < stuckSpeed && isPlayed(s, o);
    s[o + stuck] = isSlow ? s[o + stuck]! + 1 : 0;
    if (s[o + stuck]! < stuckSteps) return;
    let spot = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let k = 0; k < neutralSpots.length; k += 2) {
      const x = neutralSpots[k]!;
      const y = neutralSpots[k + 1]!;
      const distance = length2(s[b]! - x, s[b + 1]! - y);
      if (distance >= least || !isFree(s, o, x, y)) continue;
      least = distance;
      spot = k;
    }
    // Four robots cannot stand on five spots.
    s[b] = neutralSpots[spot]!;
    s[b + 1] = neutralSpots[spot + 1]!;
    s[b + 2] = 0;
    s[b + 3] = 0;
    s[o + stuck] = 0;
  }

  /** True where somebody is at the ball. */
  function isPlayed(s: Float64Array, o: number): boolean {
    for (let i = 0; i < agents; i++) if (overlap(s, robot(o, i), o + ball, touch) > -0.4) return true;
    return false;
  }

  function isFree(s: Float64Array, o: number, x: number, y: number): boolean {
    for (let i = 0; i < agents; i++) {
      const a = robot(o, i);
      if (length2(s[a]! - x, s[a + 1]! - y) < touch + 0.05) return false;
    }
    return true;
  }

  /**
   * Who touches the ball and wants to kick does so once a control step; the recoil keeps momentum. Kicks are summed before
   * they are added, since the order of the kickers must not matter.
   */
  function kickBall(s: Float64Array, o: number): void {
    const b = o + ball;
    if (s[o + result] !== 0) return;
    let sumX = 0;
    let sumY = 0;
    for (let i = 0; i < agents; i++) {
      const power = kicks[i]!;
      if (power === 0) continue;
      const a = robot(o, i);
      const x = s[b]! - s[a]!;
      const y = s[b + 1]! - s[a + 1]!;
      const distance = Math.sqrt(x * x + y * y);
      if (distance > touch + kickGap || distance < 1e-9) continue;
      kicks[i] = 0;
      const wa = 1 / s[a + massAt]!;
      const wb = 1 / s[o + ballMassAt]!;
      const impulse = (power * kickSpeed) / (wa + wb) / distance;
      sumX += wb * impulse * x;
      sumY += wb * impulse * y;
      s[a + 2]! -= wa * impulse * x;
      s[a + 3]! -= wa * impulse * y;
      noted?.pair(s, ids[i]!, a, radius, 'ball', b, impulse * distance);
    }
    s[b + 2]! += sumX;
    s[b + 3]! += sumY;
  }

  /**
   * Deepest contact first, each pair once: an order that does not depend on who is called what, so that a game with sides
   * swapped is the mirrored game to the bit.
   */
  function contacts(s: Float64Array, o: number): void {
    let handled = 0;
    for (;;) {
      let deepest = -1;
      let most = 0;
      for (let p = 0; p < pairs.length; p++) {
        if ((handled & (1 << p)) !== 0) continue;
        const [i, j] = pairs[p]!;
        const depth = overlap(s, offsetOf(o, i), offsetOf(o, j), j === agents ? touch : 2 * radius);
        if (depth > most) {
          most = depth;
          deepest = p;
        }
      }
      if (deepest < 0) break;
      handled |= 1 << deepest;
      const [i, j] = pairs[deepest]!;
      const a = offsetOf(o, i);
      const b = offsetOf(o, j);
      const impulse =
        j === agents
          ? bouncePair(s, a, b, touch, 1 / s[a + massAt]!, 1 / s[o + ballMassAt]!, ballBounce)
          : bouncePair(s, a, b, 2 * radius, 1 / s[a + massAt]!, 1 / s[b + massAt]!, 0.2);
      if (impulse > 0) noted?.pair(s, nameOf[i]!, a, radius, nameOf[j]!, b, impulse);
    }
    for (let i = 0; i < agents; i++) {
      const a = robot(o, i);
      const vx = s[a + 2]!;
      const vy = s[a + 3]!;
      bounceInside(s, a, radius, pitchX, pitchY, 0.2);
      cutCorner(s, a, radius, 0.2);
      noted?.against(s, 'wall', ids[i]!, a, radius, s[a + massAt]!, vx, vy);
    }
    const b = o + ball;
    const vx = s[b + 2]!;
    const vy = s[b + 3]!;
    ballWalls(s, b, s[o + result]!);
    noted?.against(s, 'wall', 'ball', b, ballRadius, s[o + ballMassAt]!, vx, vy);
  }

  function cutCorner(s: Float64Array, a: number, size: number, bounce: number): void {
    if (Math.abs(s[a]!) + Math.abs(s[a + 1]!) < cornerSum - 1.5 * size) return;
    const nx = s[a]! < 0 ? -Math.SQRT1_2 : Math.SQRT1_2;
    const ny = s[a + 1]! < 0 ? -Math.SQRT1_2 : Math.SQRT1_2;
    bounceWall(s, a, size, nx, ny, cornerSum * Math.SQRT1_2, bounce);
  }

  function ballWalls(s: Float64Array, b: number, scored: number): void {
    const side = s[b]! < 0 ? -1 : 1;
    const far = side * s[b]!;
    if (far > pitchX - ballRadius) {
      if (far > pitchX || scored !== 0) {
        // In the goal: side nets and back net, and no way out once it is decided.
        bounceInside(s, b, ballRadius, pitchX + goalDepth, goalHalf, 0.1);
        if (scored !== 0) bounceWall(s, b, ballRadius, -side, 0, -pitchX, 0);
        return;
      }
      if (Math.abs(s[b + 1]!) < goalHalf) {
        bouncePost(s, b, ballRadius, side * pitchX, goalHalf, wallBounce);
        bouncePost(s, b, ballRadius, side * pitchX, -goalHalf, wallBounce);
        return;
      }
    }
    bounceInside(s, b, ballRadius, pitchX, pitchY, wallBounce);
    cutCorner(s, b, ballRadius, wallBounce);
  }

  const spareOf = (o: number, c: number): string => `spare${(c - o - sparesFrom) / disc.size}`;

  /** Spare balls stay on the pitch: the goals are open for the ball only. */
  function moveSpares(s: Float64Array, o: number): void {
    for (let c = o + sparesFrom; c < o + result; c += disc.size) {
      brake(s, c, ballDrag * h);
      s[c]! += h * s[c + 2]!;
      s[c + 1]! += h * s[c + 3]!;
      for (let i = 0; i < agents; i++) {
        const a = robot(o, i);
        const impulse = bouncePair(s, a, c, touch, 1 / s[a + massAt]!, 1 / ballMass, ballBounce);
        if (impulse > 0) noted?.pair(s, ids[i]!, a, radius, spareOf(o, c), c, impulse);
      }
      const hit = bouncePair(s, o + ball, c, 2 * ballRadius, 1 / s[o + ballMassAt]!, 1 / ballMass, 0.8);
      if (hit > 0) noted?.pair(s, 'ball', o + ball, ballRadius, spareOf(o, c), c, hit);
      for (let d = c + disc.size; d < o + result; d += disc.size) {
        const impulse = bouncePair(s, c, d, 2 * ballRadius, 1 / ballMass, 1 / ballMass, 0.8);
        if (impulse > 0) noted?.pair(s, spareOf(o, c), c, ballRadius, spareOf(o, d), d, impulse);
      }
      const vx = s[c + 2]!;
      const vy = s[c + 3]!;
      bounceInside(s, c, ballRadius, pitchX, pitchY, wallBounce);
      cutCorner(s, c, ballRadius, wallBounce);
      noted?.against(s, 'wall', spareOf(o, c), c, ballRadius, ballMass, vx, vy);
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Scripted policy. All positions in the frame of the player's side, which attacks +x.

  /** How free the way of a ball from (x, y) to (gx, gy) is: least distance of an opponent from it, m. */
  function freedom(
    s: Float64Array,
    o: number,
    side: number,
    x: number,
    y: number,
    gx: number,
    gy: number,
  ): number {
    const wx = gx - x;
    const wy = gy - y;
    const square = wx * wx + wy * wy;
    let least = 10;
    for (let j = 0; j < agents; j++) {
      if (sideOf(j) === side) continue;
      const a = robot(o, j);
      const rx = side * s[a]! - x;
      const ry = side * s[a + 1]! - y;
      const t = clamp((rx * wx + ry * wy) / square, 0, 1);
      least = Math.min(least, length2(rx - t * wx, ry - t * wy));
    }
    return least;
  }

  /** Steps that a robot would need to the ball, in metres of way: those in front of it have to go round. */
  function cost(s: Float64Array, o: number, i: number): number {
    const a = robot(o, i);
    const x = s[o + ball]! - s[a]!;
    const y = s[o + ball + 1]! - s[a + 1]!;
    return length2(x, y) + (x * sideOf(i) < 0 ? 0.7 : 0);
  }

  function isAttacker(s: Float64Array, o: number, i: number): boolean {
    const own = cost(s, o, i);
    for (let j = 0; j < agents; j++) {
      if (j === i || sideOf(j) !== sideOf(i)) continue;
      const other = cost(s, o, j);
      if (other < own || (other === own && j < i)) return false;
    }
    return true;
  }

  function play(i: number, s: Float64Array, o: number, out: Float64Array, at: number): void {
    const share = i < players ? 1 : skill;
    out.fill(0, at, at + actionDim);
    if (s[o + result] !== 0) return;
    const side = sideOf(i);
    const a = robot(o, i);
    const x = side * s[a]!;
    const y = side * s[a + 1]!;
    const toX = side * s[o + ball]! - x;
    const toY = side * s[o + ball + 1]! - y;
    const distance = Math.max(1e-9, length2(toX, toY));
    // Where the ball will be when the robot gets there.
    const lead = Math.min(0.6, Math.max(0, distance - touch) / (share * topSpeed));
    const bx = clamp(side * (s[o + ball]! + lead * s[o + ball + 2]!), -pitchX, pitchX);
    const by = clamp(
      side * (s[o + ball + 1]! + lead * s[o + ball + 3]!),
      -pitchY + ballRadius,
      pitchY - ballRadius,
    );

    if (!isAttacker(s, o, i)) {
      // Between the ball and the own goal, out of the mate's way.
      goTo(s, a, side, share, 0.45 * bx - 0.55 * pitchX, 0.5 * by, out, at);
      return;
    }

    // The free-est part of the goal.
    let goalY = 0;
    let most = -1;
    for (let k = -2; k <= 2; k++) {
      const candidate = 0.25 * k;
      const free = Math.min(0.7, freedom(s, o, side, bx, by, pitchX + 0.1, candidate)) + (k === 0 ? 0.05 : 0);
      if (free > most) {
        most = free;
        goalY = candidate;
      }
    }
    const goalX = pitchX + 0.2 - bx;
    const way = Math.max(1e-9, length2(goalX, goalY - by));
    const dx = goalX / way;
    const dy = (goalY - by) / way;
    const rx = bx - x;
    const ry = by - y;
    const along = rx * dx + ry * dy;
    const aside = ry * dx - rx * dy;
    const isBehind = along > 0.12 && Math.abs(aside) < 0.12 + 0.25 * Math.max(0, along - touch);
    if (isBehind && along < 0.7) {
      // Drive through the ball, turning it towards the goal.
      const turn = clamp(4 * aside, -0.7, 0.7);
      steer(
        s,
        a,
        side,
        share,
        share * topSpeed * (dx - turn * dy),
        share * topSpeed * (dy + turn * dx),
        out,
        at,
      );
    } else {
      // To the place behind it, round the ball where that is in the way.
      const spotX = clamp(bx - (touch + 0.06) * dx, -pitchX + radius, pitchX - radius);
      const spotY = clamp(by - (touch + 0.06) * dy, -pitchY + radius, pitchY - radius);
      if (along < 0.1 && Math.abs(aside) < touch + 0.08) {
        const round = aside > 0 ? 1 : -1;
        const roundX = bx + round * (touch + 0.14) * dy - 0.1 * dx;
        const roundY = by - round * (touch + 0.14) * dx - 0.1 * dy;
        // The other way round where the wall leaves no room.
        const isOutside = Math.abs(roundY) > pitchY - radius || Math.abs(roundX) > pitchX - radius;
        if (isOutside)
          goTo(
            s,
            a,
            side,
            share,
            bx - round * (touch + 0.14) * dy - 0.1 * dx,
            by + round * (touch + 0.14) * dx - 0.1 * dy,
            out,
            at,
          );
        else goTo(s, a, side, share, roundX, roundY, out, at);
      } else goTo(s, a, side, share, spotX, spotY, out, at);
    }
    if (hasKick && distance < touch + kickGap + 0.03) {
      // Where the ball would cross the goal line: what it has of speed already counts.
      const wb = 1 / s[o + ballMassAt]!;
      const gain = (share * kickSpeed * wb) / (wb + 1 / s[a + massAt]!) / distance;
      const vx = side * s[o + ball + 2]! + gain * toX;
      const vy = side * s[o + ball + 3]! + gain * toY;
      if (vx <= 0) return;
      const fromX = x + toX;
      const fromY = y + toY;
      const hit = fromY + (vy / vx) * (pitchX - fromX);
      const isShot = Math.abs(hit) < goalHalf - 0.14 && pitchX - fromX < share * shotRange;
      // From close by a shot is worth a try even where somebody stands in its way.
      const need = pitchX - fromX < 2 ? 0.12 : touch + 0.02;
      if (isShot && freedom(s, o, side, fromX, fromY, pitchX, hit) > need) out[at + 2] = share;
      // In a clinch any way forward is better than none.
      else if (freedom(s, o, side, fromX, fromY, fromX + 0.01, fromY) < touch + 0.06) out[at + 2] = share;
    }
  }

  /** Force towards a velocity in the player's frame; its top speed needs a force of 1 to keep. */
  function steer(
    s: Float64Array,
    a: number,
    side: number,
    share: number,
    wantX: number,
    wantY: number,
    out: Float64Array,
    at: number,
  ): void {
    const x = wantX / topSpeed + 1.5 * (wantX - side * s[a + 2]!);
    const y = wantY / topSpeed + 1.5 * (wantY - side * s[a + 3]!);
    const length = length2(x, y);
    const scale = length > share ? share / length : 1;
    out[at] = x * scale;
    out[at + 1] = y * scale;
  }

  function goTo(
    s: Float64Array,
    a: number,
    side: number,
    share: number,
    x: number,
    y: number,
    out: Float64Array,
    at: number,
  ): void {
    const dx = x - side * s[a]!;
    const dy = y - side * s[a + 1]!;
    const distance = Math.max(1e-9, length2(dx, dy));
    const speed = Math.min(share * topSpeed, 5 * distance);
    steer(s, a, side, share, (speed * dx) / distance, (speed * dy) / distance, out, at);
  }

  // -------------------------------------------------------------------------------------------------------------------

  function observe(i: number, s: Float64Array, o: number, out: Float64Array, at: number): void {
    const side = sideOf(i);
    const a = robot(o, i);
    for (let k = 0; k < 4; k++) out[at + k] = side * s[a + k]!;
    out[at + 4] = side * s[o + result]!;
    let to = at + 5;
    const see = (b: number): void => {
      const x = side * (s[b]! - s[a]!);
      const y = side * (s[b + 1]! - s[a + 1]!);
      const isSeen = !occlusion || length2(x, y) <= sight;
      out[to] = isSeen ? 1 : 0;
      out[to + 1] = isSeen ? x : 0;
      out[to + 2] = isSeen ? y : 0;
      out[to + 3] = isSeen ? side * s[b + 2]! : 0;
      out[to + 4] = isSeen ? side * s[b + 3]! : 0;
      to += 5;
    };
    see(o + ball);
    const others = othersOf[i]!;
    for (let n = 0; n < others.length; n++) see(robot(o, others[n]!));
    for (let c = o + sparesFrom; c < o + result; c += disc.size) see(c);
    clipTo(observationSpaces[i]!, out, at);
  }

  function reset(seed: number, s: Float64Array, o: number): void {
    const random = createRandom(seed);
    const { randomisation } = settings;
    s.fill(0, o, o + stateDim);
    for (let i = 0; i < agents; i++) {
      const a = robot(o, i);
      // Each in its own half; the second of a side behind the first.
      const back = i % players === 0 ? random.uniform(1.1, 1.9) : random.uniform(2.1, 2.7);
      s[a] = -sideOf(i) * back;
      s[a + 1] = random.uniform(-1.3, 1.3);
      s[a + massAt] = robotMass * randomFactor(random, randomisation, 0.3);
    }
    s[o + ball] = random.uniform(-0.5, 0.5);
    s[o + ball + 1] = random.uniform(-1.3, 1.3);
    s[o + ballMassAt] = ballMass * randomFactor(random, randomisation, 0.4);
    s[o + ballDragAt] = ballDrag * randomFactor(random, randomisation, 0.6);
    for (let k = 0; k < spares; k++) {
      const c = o + sparesFrom + k * disc.size;
      // Along the touch lines, where nothing else starts.
      s[c] = random.uniform(-2, 2);
      s[c + 1] = (k % 2 === 0 ? 1 : -1) * random.uniform(1.6, 1.8);
    }
    s[o + startReach] = Math.max(0.1, reachDistance(s, o));
    s[o + bestReach] = s[o + startReach]!;
    s[o + startGoal] = goalDistance(s, o);
    s[o + bestGoal] = s[o + startGoal]!;
  }

  const step = advances(stateDim, actionDim, agents, move, play);

  const parallel: ParallelFace = {
    agents: ids.map((id, i) => ({ id, side: i < players ? 'home' : 'away' })),
    observationSpaces,
    actionSpaces: ids.map(() => actionSpace),
    advance: step.joint,
    observe,
    /** 1 for the goal and 0.1 a metre that the ball comes forward, shared by the side; the other side pays it. */
    reward(agent, s, o, next, n) {
      const goal = next[n + result]! - s[o + result]!;
      const forward = s[o + result] === 0 ? next[n + ball]! - s[o + ball]! : 0;
      return (sideOf(agent) * (goal + 0.1 * forward)) / players;
    },
    expert: play,
  };

  // -------------------------------------------------------------------------------------------------------------------
  // Drawing

  const white = [0.95, 0.95, 0.93] as const;
  const line = (name: string, x: number, y: number, sizeX: number, sizeY: number): Standing => [
    box(name, 'marker', [sizeX, sizeY, 0.004], white),
    [x, y, 0.002],
  ];
  const wallHeight = 0.16;
  const sideWall = pitchY - goalHalf - 0.5;
  const standing: readonly Standing[] = [
    [box('floor', 'floor', [2 * pitchX + 2, 2 * pitchY + 1.2, 0.02]), [0, 0, -0.05]],
    [
      box('pitch', 'table', [2 * (pitchX + goalDepth) + 0.1, 2 * pitchY + 0.12, 0.04], [0.33, 0.55, 0.36]),
      [0, 0, -0.02],
    ],
    line('halfwayLine', 0, 0, 0.03, 2 * pitchY),
    line('goalLineHome', -pitchX, 0, 0.03, 2 * goalHalf),
    line('goalLineAway', pitchX, 0, 0.03, 2 * goalHalf),
    ...[-1, 1].flatMap((side): Standing[] => {
      const whose = side < 0 ? 'Home' : 'Away';
      const x = side * (pitchX - 0.7);
      return [
        line(`boxLine${whose}`, x, 0, 0.03, 2),
        line(`boxLeft${whose}`, side * (pitchX - 0.35), 1, 0.7, 0.03),
        line(`boxRight${whose}`, side * (pitchX - 0.35), -1, 0.7, 0.03),
      ];
    }),
    // The centre circle as a regular twelve-sided line.
    ...Array.from({ length: 12 }, (_, k): Standing => {
      const angle = (k * Math.PI) / 6;
      return [
        box(`circle${k}`, 'marker', [0.03, 0.29, 0.004], white),
        [0.54 * cos(angle), 0.54 * sin(angle), 0.002],
        [sin(angle / 2), cos(angle / 2)],
      ];
    }),
    ...[-1, 1].flatMap((side): Standing[] => {
      const whose = side < 0 ? 'Home' : 'Away';
      return [
        [
          box(`wall${side < 0 ? 'Near' : 'Far'}`, 'wall', [2 * pitchX - 1, 0.06, wallHeight]),
          [0, side * (pitchY + 0.03), wallHeight / 2],
        ],
        ...[-1, 1].map(
          (end): Standing => [
            box(`endWall${whose}${end < 0 ? 'Near' : 'Far'}`, 'wall', [0.06, sideWall, wallHeight]),
            [side * (pitchX + 0.03), end * (goalHalf + sideWall / 2), wallHeight / 2],
          ],
        ),
        ...[-1, 1].map(
          (end): Standing => [
            box(`corner${whose}${end < 0 ? 'Near' : 'Far'}`, 'wall', [0.06, 0.74, wallHeight]),
            [side * (pitchX - 0.25 + 0.021), end * (pitchY - 0.25 + 0.021), wallHeight / 2],
            [side * end * sin(Math.PI / 8), cos(Math.PI / 8)],
          ],
        ),
        [
          box(`net${whose}`, 'fixture', [0.04, 2 * goalHalf + 0.08, 0.3]),
          [side * (pitchX + goalDepth + 0.02), 0, 0.15],
        ],
        ...[-1, 1].map(
          (end): Standing => [
            box(`post${whose}${end < 0 ? 'Near' : 'Far'}`, 'fixture', [goalDepth, 0.04, 0.3]),
            [side * (pitchX + goalDepth / 2), end * (goalHalf + 0.02), 0.15],
          ],
        ),
      ];
    }),
    [box('goal', 'goal', [goalDepth, 2 * goalHalf, 0.28]), [pitchX + goalDepth / 2, 0, 0.14]],
  ];
  const robotBody = standing.length;
  const roleOf = (i: number): Body['role'] => (i === 0 ? 'agent' : i < players ? 'mate' : 'opponent');
  const ballBody = robotBody + 2 * agents;
  const bodies: readonly Body[] = [
    ...standing.map(([body]) => body),
    ...ids.flatMap((id, i) => [
      cylinder(id, roleOf(i), radius, 0.16),
      cylinder(`${id}Cap`, roleOf(i), 0.1, 0.08),
    ]),
    sphere('ball', 'object', ballRadius),
    ...Array.from({ length: spares }, (_, k) => sphere(`spare${k}`, 'distractor', ballRadius)),
  ];

  return {
    id: 'soccer',
    version: 1,
    settings,
    controlDt,
    substeps,
    horizon,
    stateDim,
    stateLayout,
    observationSpace: observationSpaces[0]!,
    actionSpace,
    stages,
    rewardTerms,
    bodies,
    reset,
    advance: step.alone,
    observe: (s, o, out, at) => observe(0, s, o, out, at),
    success,

    stage(s, o) {
      if (success(s, o)) return 2;
      return reachDistance(s, o) < 0.15 ? 1 : 0;
    },

    /** A quarter for having got to the ball, the rest for how near to the goal the ball has been. */
    progress(s, o) {
      if (success(s, o)) return 1;
      const reached = 1 - s[o + bestReach]! / s[o + startReach]!;
      const brought = 1 - s[o + bestGoal]! / s[o + startGoal]!;
      return clamp(0.25 * reached + 0.75 * brought, 0, 0.99);
    },

    terminal: (s, o) => !fixedHorizon && s[o + decided]! >= holdSteps,

    reward(_state, _o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      const a = n + robotsFrom;
      const gap = -overlap(next, a, n + ball, touch);
      out[at + 1] = tolerance(gap, [Number.NEGATIVE_INFINITY, 0.05], { margin: 2 });
      out[at + 2] = tolerance(next[n + ball]! - next[a]!, [0.1, Number.POSITIVE_INFINITY], { margin: 0.5 });
      out[at + 3] = tolerance(goalDistance(next, n), [0, 0], {
        margin: 2 * pitchX,
        sigmoid: 'linear',
        valueAtMargin: 0,
      });
    },

    expert: (s, o, out, at) => play(0, s, o, out, at),

    poses(s, o, out, at) {
      putStanding(standing, out, at);
      for (let i = 0; i < agents; i++) {
        const a = robot(o, i);
        put(out, at, robotBody + 2 * i, s[a]!, s[a + 1]!, 0.08);
        put(out, at, robotBody + 2 * i + 1, s[a]!, s[a + 1]!, 0.2);
      }
      put(out, at, ballBody, s[o + ball]!, s[o + ball + 1]!, ballRadius);
      for (let k = 0; k < spares; k++) {
        const c = o + sparesFrom + disc.size * k;
        put(out, at, ballBody + 1 + k, s[c]!, s[c + 1]!, ballRadius);
      }
    },

    impacts(s, o, action, a) {
      const found = new Impacts();
      noted = found;
      try {
        step.alone(s.slice(o, o + stateDim), action.slice(a, a + actionDim), 0, 1);
      } finally {
        noted = null;
      }
      return found.contacts(controlDt, ballRadius);
    },

    cameras: groundCameras(2 * (pitchX + goalDepth), 2 * pitchY, 'home0'),
    parallel,
  };
}

export const soccer: Task = {
  id: 'soccer',
  title: 'Robot soccer',
  summary: 'Score before the other side does, one or two robots a side.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 5_000_000,
        worlds: 64,
        stepsPerWorld: 64,
        minibatch: 1_024,
        learningRate: 0.001,
        gamma: 0.99,
        entropyCoef: 0.002,
        hiddenSize: 128,
      },
    },
  },
  create,
};
