/**
 * Tag: discs with inertia chase each other among posts in a walled arena, after the predator-prey world of Lowe et al. 2017
 * (arXiv:1706.02275). A runner that a tagger touches is out. Agent 0 is a tagger or a runner; scripted policies play the rest.
 */

import { bounceInside, bouncePair, bouncePost, brake, disc, overlap } from '../engine/discs.ts';
import { rayDisc } from '../engine/flat.ts';
import { Impacts } from '../engine/impacts.ts';
import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom, type Random } from '../engine/random.ts';
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
  ...agentFields(120, 0.5, 'Share of their speed that scripted opponents use: 0.5 at 0, all of it at 1'),
  role: {
    type: 'choice',
    default: 'tagger',
    options: ['tagger', 'runner'],
    help: 'What agent 0 is; a runner has to stay untouched for the whole horizon',
  },
  taggers: { type: 'integer', default: 1, min: 1, max: 3, help: 'Agents that chase' },
  runners: { type: 'integer', default: 1, min: 1, max: 3, help: 'Agents that are chased' },
  runnerSpeed: {
    type: 'number',
    default: 1,
    min: 0.5,
    max: 1.5,
    help: "Top speed of the runners as a share of the taggers'",
  },
  obstacles: { type: 'integer', default: 3, min: 0, max: 5, help: 'Posts in the arena' },
  distractors: {
    type: 'integer',
    default: 0,
    min: 0,
    max: 4,
    help: 'Loose balls that roll about when they are bumped into, and matter nothing',
  },
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'Agents behind a post are not observed (their numbers are 0)',
  },
} as const satisfies Fields;

const controlDt = 0.1;
const substeps = 4;
const h = controlDt / substeps;

// Metres, m/s, m/s^2.
const arenaHalf = 3;
const radius = 0.2;
const topSpeed = 2;
const acceleration = 5;
/** Two discs of this distance touch. */
const reach = 2 * radius;
const postRadii = [0.45, 0.3, 0.55, 0.35, 0.4];
const ballRadius = 0.14;
const ballMass = 0.3;
/** Rolling resistance of a ball, m/s^2. */
const ballDrag = 0.4;
/** Least distance of a runner from every tagger at the start. */
const headStart = 2.4;

/** Nearer than this is close. */
const closeDistance = 0.9;

/** Directions that a runner considers. */
const compass = Float64Array.from({ length: 32 }, (_, k) => {
  const angle = (Math.floor(k / 2) * Math.PI) / 8;
  return k % 2 === 0 ? cos(angle) : sin(angle);
});

const rewardTermsOf = (role: string): readonly RewardTerm[] =>
  role === 'tagger'
    ? [
        { id: 'success', kind: 'sparse', weight: 1, help: 'Every runner has been tagged' },
        { id: 'near', kind: 'dense', weight: 0.7, help: 'The nearest runner still in the game is close' },
        { id: 'closing', kind: 'dense', weight: 0.3, help: 'The distance to it shrinks by 1 m/s or more' },
      ]
    : [
        { id: 'success', kind: 'sparse', weight: 1, help: 'Untouched for the whole horizon' },
        { id: 'away', kind: 'dense', weight: 0.7, help: 'The nearest tagger is 2 m away or more' },
        { id: 'open', kind: 'dense', weight: 0.3, help: 'No wall is near' },
      ];

const stagesOf = (role: string): readonly Stage[] =>
  role === 'tagger'
    ? [
        { id: 'chase', title: 'Get close to a runner' },
        { id: 'corner', title: 'Cut it off and touch it' },
        { id: 'tagged', title: 'All are tagged' },
      ]
    : [
        { id: 'evade', title: 'Stay away from the taggers' },
        { id: 'escaped', title: 'Untouched to the end' },
      ];

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { taggers, runners, horizon, fixedHorizon, occlusion } = settings;
  const isTagger = settings.role === 'tagger';
  const agents = taggers + runners;
  const posts = settings.obstacles;
  const balls = settings.distractors;
  const runnerTop = topSpeed * settings.runnerSpeed;
  const skill = 0.5 + 0.5 * settings.difficulty;
  /** Agent 0's side comes first. */
  const firstSide = isTagger ? taggers : runners;
  const tags = (i: number): boolean => i < firstSide === isTagger;
  const isTaggerAt = Array.from({ length: agents }, (_, i) => tags(i));
  const taggerAt = isTaggerAt.flatMap((yes, i) => (yes ? [i] : []));
  const runnerAt = isTaggerAt.flatMap((yes, i) => (yes ? [] : [i]));
  const ids = isTaggerAt.map((yes, i) =>
    yes ? `tagger${taggerAt.indexOf(i)}` : `runner${runnerAt.indexOf(i)}`,
  );
  const topOf = isTaggerAt.map((yes) => (yes ? topSpeed : runnerTop));

  const stateLayout = layoutOf([
    ['step', 1, 'steps'],
    ...ids.flatMap((id) => [
      [`${id}.pos`, 2, 'm'] as const,
      [`${id}.vel`, 2, 'm/s'] as const,
      [`${id}.out`, 1, '0 or 1'] as const,
      [`${id}.mass`, 1, 'kg'] as const,
      // Runners: distance of the nearest tagger at the start, and the least so far.
      [`${id}.start`, 1, 'm'] as const,
      [`${id}.closest`, 1, 'm'] as const,
    ]),
    ...Array.from({ length: posts }, (_, k) => [`post${k}.pos`, 2, 'm'] as const),
    ...Array.from({ length: balls }, (_, k) => [
      [`ball${k}.pos`, 2, 'm'] as const,
      [`ball${k}.vel`, 2, 'm/s'] as const,
    ]).flat(),
    ['survived', 1, 'steps'],
    ['held', 1, 'steps'],
  ]);
  const agentsFrom = 1;
  const agentSize = 8;
  const [outAt, massAt, startAt, closestAt] = [4, 5, 6, 7];
  const postsFrom = agentsFrom + agents * agentSize;
  const ballsFrom = postsFrom + posts * 2;
  const survivedAt = ballsFrom + balls * disc.size;
  const heldAt = survivedAt + 1;
  const stateDim = heldAt + 1;

  /** Agents as an agent sees them: mates, then the other side. */
  const othersOf = ids.map((_, i) =>
    ids
      .map((_, j) => j)
      .filter((j) => j !== i)
      .sort(
        (a, b) => Number(isTaggerAt[a] !== isTaggerAt[i]) - Number(isTaggerAt[b] !== isTaggerAt[i]) || a - b,
      ),
  );
  const span = 2 * arenaHalf;
  const observationSpaces = othersOf.map((others) =>
    boxSpace([
      ['pos.x', arenaHalf],
      ['pos.y', arenaHalf],
      ['vel.x', 5],
      ['vel.y', 5],
      ['out', 1],
      ...others.flatMap((j) => [
        [`${ids[j]}.seen`, 1] as const,
        [`${ids[j]}.out`, 1] as const,
        [`to.${ids[j]}.x`, span] as const,
        [`to.${ids[j]}.y`, span] as const,
        [`${ids[j]}.vel.x`, 5] as const,
        [`${ids[j]}.vel.y`, 5] as const,
      ]),
      ...Array.from({ length: posts }, (_, k) => [
        [`to.post${k}.x`, span] as const,
        [`to.post${k}.y`, span] as const,
      ]).flat(),
      ...Array.from({ length: balls }, (_, k) => [
        [`to.ball${k}.x`, span] as const,
        [`to.ball${k}.y`, span] as const,
        [`ball${k}.vel.x`, 5] as const,
        [`ball${k}.vel.y`, 5] as const,
      ]).flat(),
    ]),
  );
  const actionSpace = boxSpace([
    ['force.x', 1],
    ['force.y', 1],
  ]);

  const isOut = (s: Float64Array, o: number, i: number): boolean =>
    s[o + agentsFrom + i * agentSize + outAt] === 1;

  /** Distance of agent i from the nearest one of the other side still in the game; Infinity without one. */
  function nearest(s: Float64Array, o: number, i: number): number {
    const a = o + agentsFrom + i * agentSize;
    let least = Number.POSITIVE_INFINITY;
    for (let j = 0; j < agents; j++) {
      if (isTaggerAt[j] === isTaggerAt[i]) continue;
      const b = o + agentsFrom + j * agentSize;
      if (s[b + outAt] === 1) continue;
      const x = s[b]! - s[a]!;
      const y = s[b + 1]! - s[a + 1]!;
      const square = x * x + y * y;
      if (square < least) least = square;
    }
    return Math.sqrt(least);
  }

  const success = (s: Float64Array, o: number): boolean => {
    if (!isTagger) return s[o + survivedAt]! >= horizon;
    for (let i = firstSide; i < agents; i++) if (!isOut(s, o, i)) return false;
    return true;
  };

  // -------------------------------------------------------------------------------------------------------------------
  // One control step

  const forces = new Float64Array(2 * agents);
  /** Where the contacts of a step are noted that is simulated again to see them. */
  let noted: Impacts | null = null;

  function move(s: Float64Array, o: number, actions: Float64Array, at: number): void {
    for (let i = 0; i < agents; i++) {
      // A force of at most the unit disc, held for the whole control step.
      const x = clamp(actions[at + 2 * i]!, -1, 1);
      const y = clamp(actions[at + 2 * i + 1]!, -1, 1);
      const square = x * x + y * y;
      const scale = square > 1 ? acceleration / Math.sqrt(square) : acceleration;
      forces[2 * i] = x * scale;
      forces[2 * i + 1] = y * scale;
    }
    for (let k = 0; k < substeps; k++) {
      for (let i = 0; i < agents; i++) {
        const a = o + agentsFrom + i * agentSize;
        if (s[a + outAt] === 1) continue;
        // m dv/dt = F - c v with c = F / top speed, so that the top speed is the same whatever the mass.
        const inverse = h / s[a + massAt]!;
        const drag = acceleration / topOf[i]!;
        s[a + 2]! += inverse * (forces[2 * i]! - drag * s[a + 2]!);
        s[a + 3]! += inverse * (forces[2 * i + 1]! - drag * s[a + 3]!);
        s[a]! += h * s[a + 2]!;
        s[a + 1]! += h * s[a + 3]!;
      }
      for (let b = o + ballsFrom; b < o + survivedAt; b += disc.size) {
        brake(s, b, ballDrag * h);
        s[b]! += h * s[b + 2]!;
        s[b + 1]! += h * s[b + 3]!;
      }
      contacts(s, o);
    }
    s[o]! += 1;
    for (let i = 0; i < agents; i++) {
      if (isTaggerAt[i]) continue;
      const a = o + agentsFrom + i * agentSize;
      s[a + closestAt] = s[a + outAt] === 1 ? reach : Math.min(s[a + closestAt]!, nearest(s, o, i));
    }
    if (!isTagger && !isOut(s, o, 0)) s[o + survivedAt]! += 1;
    s[o + heldAt] = success(s, o) ? s[o + heldAt]! + 1 : 0;
  }

  const ballOf = (o: number, b: number): string => `ball${(b - o - ballsFrom) / disc.size}`;

  function contacts(s: Float64Array, o: number): void {
    for (let i = 0; i < agents; i++) {
      const a = o + agentsFrom + i * agentSize;
      if (s[a + outAt] === 1) continue;
      for (let j = i + 1; j < agents; j++) {
        const b = o + agentsFrom + j * agentSize;
        if (s[b + outAt] === 1) continue;
        if (isTaggerAt[i] === isTaggerAt[j]) {
          const impulse = bouncePair(s, a, b, reach, 1 / s[a + massAt]!, 1 / s[b + massAt]!, 0.3);
          if (impulse > 0) noted?.pair(s, ids[i]!, a, radius, ids[j]!, b, impulse);
        } else if (overlap(s, a, b, reach) > 0) {
          const tagged = isTaggerAt[i] ? b : a;
          s[tagged + outAt] = 1;
          s[tagged + 2] = 0;
          s[tagged + 3] = 0;
          noted?.pair(s, ids[i]!, a, radius, ids[j]!, b, 0);
        }
      }
      for (let b = o + ballsFrom; b < o + survivedAt; b += disc.size) {
        const impulse = bouncePair(s, a, b, radius + ballRadius, 1 / s[a + massAt]!, 1 / ballMass, 0.6);
        if (impulse > 0) noted?.pair(s, ids[i]!, a, radius, ballOf(o, b), b, impulse);
      }
      for (let k = 0; k < posts; k++) {
        const p = o + postsFrom + 2 * k;
        const vx = s[a + 2]!;
        const vy = s[a + 3]!;
        bouncePost(s, a, radius + postRadii[k]!, s[p]!, s[p + 1]!, 0.2);
        noted?.against(s, `post${k}`, ids[i]!, a, radius, s[a + massAt]!, vx, vy);
      }
      const vx = s[a + 2]!;
      const vy = s[a + 3]!;
      bounceInside(s, a, radius, arenaHalf, arenaHalf, 0.2);
      noted?.against(s, 'wall', ids[i]!, a, radius, s[a + massAt]!, vx, vy);
    }
    for (let b = o + ballsFrom; b < o + survivedAt; b += disc.size) {
      for (let c = b + disc.size; c < o + survivedAt; c += disc.size) {
        const impulse = bouncePair(s, b, c, 2 * ballRadius, 1 / ballMass, 1 / ballMass, 0.8);
        if (impulse > 0) noted?.pair(s, ballOf(o, b), b, ballRadius, ballOf(o, c), c, impulse);
      }
      for (let k = 0; k < posts; k++) {
        const p = o + postsFrom + 2 * k;
        const vx = s[b + 2]!;
        const vy = s[b + 3]!;
        bouncePost(s, b, ballRadius + postRadii[k]!, s[p]!, s[p + 1]!, 0.6);
        noted?.against(s, `post${k}`, ballOf(o, b), b, ballRadius, ballMass, vx, vy);
      }
      const vx = s[b + 2]!;
      const vy = s[b + 3]!;
      bounceInside(s, b, ballRadius, arenaHalf, arenaHalf, 0.6);
      noted?.against(s, 'wall', ballOf(o, b), b, ballRadius, ballMass, vx, vy);
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Scripted policies

  const way = new Float64Array(2);

  /** Command that brings agent i to the wanted velocity; a velocity of its top speed needs a force of 1 to keep. */
  function command(
    s: Float64Array,
    a: number,
    wantX: number,
    wantY: number,
    top: number,
    share: number,
    out: Float64Array,
    at: number,
  ): void {
    const x = wantX / top + (wantX - s[a + 2]!);
    const y = wantY / top + (wantY - s[a + 3]!);
    const length = length2(x, y);
    const scale = length > share ? share / length : 1;
    out[at] = x * scale;
    out[at + 1] = y * scale;
  }

  /** Where to go first on the way to (x, y): there, or round the nearest post in between. Writes `way`. */
  function wayTo(s: Float64Array, o: number, a: number, x: number, y: number): void {
    way[0] = x;
    way[1] = y;
    const dx = x - s[a]!;
    const dy = y - s[a + 1]!;
    const distance = length2(dx, dy);
    if (distance < 1e-9) return;
    const ux = dx / distance;
    const uy = dy / distance;
    let first = distance;
    for (let k = 0; k < posts; k++) {
      const px = s[o + postsFrom + 2 * k]! - s[a]!;
      const py = s[o + postsFrom + 2 * k + 1]! - s[a + 1]!;
      const along = px * ux + py * uy;
      // Signed distance of the post's middle from the way, left positive.
      const aside = ux * py - uy * px;
      const clear = radius + postRadii[k]! + 0.04;
      if (along <= 0 || along >= first || Math.abs(aside) >= clear) continue;
      first = along;
      const side = aside > 0 ? -1 : 1;
      way[0] = s[a]! + px - side * uy * (clear + 0.06);
      way[1] = s[a + 1]! + py + side * ux * (clear + 0.06);
    }
  }

  /** Heads for where the nearest runner will be. */
  function chase(s: Float64Array, o: number, i: number, share: number, out: Float64Array, at: number): void {
    const a = o + agentsFrom + i * agentSize;
    let target = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const j of runnerAt) {
      const b = o + agentsFrom + j * agentSize;
      if (s[b + outAt] === 1) continue;
      const distance = length2(s[b]! - s[a]!, s[b + 1]! - s[a + 1]!);
      if (distance < least) {
        least = distance;
        target = b;
      }
    }
    if (target < 0) {
      command(s, a, 0, 0, topSpeed, share, out, at);
      return;
    }
    const lead = Math.min(0.7, (0.6 * least) / topSpeed);
    const most = arenaHalf - radius;
    wayTo(
      s,
      o,
      a,
      clamp(s[target]! + lead * s[target + 2]!, -most, most),
      clamp(s[target + 1]! + lead * s[target + 3]!, -most, most),
    );
    const x = way[0]! - s[a]!;
    const y = way[1]! - s[a + 1]!;
    const length = Math.max(1e-9, length2(x, y));
    const speed = share * topSpeed;
    command(s, a, (speed * x) / length, (speed * y) / length, topSpeed, share, out, at);
  }

  /** Of 16 directions the one that leads to the best place: far from the taggers, not in a corner, not against a post. */
  function flee(s: Float64Array, o: number, i: number, share: number, out: Float64Array, at: number): void {
    const a = o + agentsFrom + i * agentSize;
    const px = s[a]!;
    const py = s[a + 1]!;
    const most = arenaHalf - radius;
    const ahead = lookahead * share * topOf[i]!;
    let best = Number.NEGATIVE_INFINITY;
    let bestX = 0;
    let bestY = 0;
    for (let d = 0; d < compass.length; d += 2) {
      const ux = compass[d]!;
      const uy = compass[d + 1]!;
      const qx = clamp(px + ahead * ux, -most, most);
      const qy = clamp(py + ahead * uy, -most, most);
      let least = Number.POSITIVE_INFINITY;
      for (const j of taggerAt) {
        const b = o + agentsFrom + j * agentSize;
        const x = qx - s[b]! - 0.15 * s[b + 2]!;
        const y = qy - s[b + 1]! - 0.15 * s[b + 3]!;
        const square = x * x + y * y;
        if (square < least) least = square;
      }
      // A little for keeping on, so that equal ways are not dithered between.
      let score = Math.sqrt(least) + 0.05 * (ux * s[a + 2]! + uy * s[a + 3]!);
      const wx = Math.abs(qx) - 1.6;
      const wy = Math.abs(qy) - 1.6;
      if (wx > 0 && wy > 0) score -= 0.5 * wx * wy;
      for (let p = o + postsFrom, k = 0; k < posts; p += 2, k++) {
        const clear = radius + postRadii[k]! + 0.05;
        const x = s[p]! - px;
        const y = s[p + 1]! - py;
        const along = x * ux + y * uy;
        const aside = Math.abs(x * uy - y * ux);
        if (along > 0 && along < 1 && aside < clear) score -= 3 * (1 - along) * (clear - aside);
      }
      if (score > best) {
        best = score;
        bestX = ux;
        bestY = uy;
      }
    }
    const speed = share * topOf[i]!;
    command(s, a, speed * bestX, speed * bestY, topOf[i]!, share, out, at);
  }

  function play(i: number, s: Float64Array, o: number, out: Float64Array, at: number): void {
    const share = i < firstSide ? 1 : skill;
    if (isOut(s, o, i)) {
      out[at] = 0;
      out[at + 1] = 0;
    } else if (isTaggerAt[i]) chase(s, o, i, share, out, at);
    else flee(s, o, i, share, out, at);
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Observation

  function isSeen(s: Float64Array, o: number, a: number, b: number): boolean {
    const dx = s[b]! - s[a]!;
    const dy = s[b + 1]! - s[a + 1]!;
    const distance = length2(dx, dy);
    if (distance < 1e-9) return true;
    for (let k = 0; k < posts; k++) {
      const p = o + postsFrom + 2 * k;
      if (
        rayDisc(s[a]!, s[a + 1]!, dx / distance, dy / distance, s[p]!, s[p + 1]!, postRadii[k]!) < distance
      ) {
        return false;
      }
    }
    return true;
  }

  function observe(i: number, s: Float64Array, o: number, out: Float64Array, at: number): void {
    const a = o + agentsFrom + i * agentSize;
    for (let k = 0; k < 5; k++) out[at + k] = s[a + k]!;
    let to = at + 5;
    const others = othersOf[i]!;
    for (let n = 0; n < others.length; n++) {
      const b = o + agentsFrom + others[n]! * agentSize;
      if (occlusion && !isSeen(s, o, a, b)) {
        for (let k = 0; k < 6; k++) out[to + k] = 0;
      } else {
        out[to] = 1;
        out[to + 1] = s[b + outAt]!;
        out[to + 2] = s[b]! - s[a]!;
        out[to + 3] = s[b + 1]! - s[a + 1]!;
        out[to + 4] = s[b + 2]!;
        out[to + 5] = s[b + 3]!;
      }
      to += 6;
    }
    for (let p = o + postsFrom; p < o + ballsFrom; p += 2) {
      out[to++] = s[p]! - s[a]!;
      out[to++] = s[p + 1]! - s[a + 1]!;
    }
    for (let b = o + ballsFrom; b < o + survivedAt; b += disc.size) {
      out[to++] = s[b]! - s[a]!;
      out[to++] = s[b + 1]! - s[a + 1]!;
      out[to++] = s[b + 2]!;
      out[to++] = s[b + 3]!;
    }
    clipTo(observationSpaces[i]!, out, at);
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Start

  /** Draws a place for a disc of this size: the first of 60 that is clear of everything so far, else the clearest. */
  function place(random: Random, size: number, slack: number, taken: readonly Taken[]): [number, number] {
    let best: [number, number] = [0, 0];
    let most = Number.NEGATIVE_INFINITY;
    const limit = arenaHalf - size - slack;
    for (let n = 0; n < 60; n++) {
      const x = random.uniform(-limit, limit);
      const y = random.uniform(-limit, limit);
      let clear = Number.POSITIVE_INFINITY;
      for (const [tx, ty, away] of taken)
        clear = Math.min(clear, length2(x - tx, y - ty) - away - size - slack);
      if (clear > most) {
        most = clear;
        best = [x, y];
      }
      if (clear >= 0) break;
    }
    return best;
  }

  function reset(seed: number, s: Float64Array, o: number): void {
    const random = createRandom(seed);
    s.fill(0, o, o + stateDim);
    const taken: Taken[] = [];
    for (let k = 0; k < posts; k++) {
      // A robot fits between any two posts, and between a post and the wall.
      const [x, y] = place(random, postRadii[k]!, 2 * radius + 0.15, taken);
      s[o + postsFrom + 2 * k] = x;
      s[o + postsFrom + 2 * k + 1] = y;
      taken.push([x, y, postRadii[k]!]);
    }
    for (const i of [...taggerAt, ...runnerAt]) {
      const a = o + agentsFrom + i * agentSize;
      const [x, y] = place(random, radius, 0.1, taken);
      s[a] = x;
      s[a + 1] = y;
      s[a + massAt] = randomFactor(random, settings.randomisation, 0.4);
      // Runners keep a head start from taggers, all others only their own size.
      taken.push([x, y, isTaggerAt[i] ? headStart - radius - 0.1 : radius]);
    }
    for (let b = o + ballsFrom; b < o + survivedAt; b += disc.size) {
      const [x, y] = place(
        random,
        ballRadius,
        0.05,
        taken.map(([tx, ty]) => [tx, ty, 0.5]),
      );
      s[b] = x;
      s[b + 1] = y;
      taken.push([x, y, ballRadius]);
    }
    for (const i of runnerAt) {
      const a = o + agentsFrom + i * agentSize;
      s[a + startAt] = Math.max(1.2 * reach, nearest(s, o, i));
      s[a + closestAt] = s[a + startAt]!;
    }
  }

  // -------------------------------------------------------------------------------------------------------------------

  const step = advances(stateDim, 2, agents, move, play);
  const stages = stagesOf(settings.role);
  const rewardTerms = rewardTermsOf(settings.role);

  const parallel: ParallelFace = {
    agents: ids.map((id, i) => ({ id, side: isTaggerAt[i] ? 'taggers' : 'runners' })),
    observationSpaces,
    actionSpaces: ids.map(() => actionSpace),
    advance: step.joint,
    observe,
    /** 1 for every tag, and 0.1 a metre that the nearest tagger comes closer: taggers share it, the runner pays it. */
    reward(agent, state, o, next, n) {
      let sum = 0;
      for (const i of isTaggerAt[agent] ? runnerAt : [agent]) {
        if (isOut(state, o, i)) continue;
        if (isOut(next, n, i)) sum += 1;
        else sum += 0.1 * (nearest(state, o, i) - nearest(next, n, i));
      }
      return isTaggerAt[agent] ? sum / taggers : -sum;
    },
    expert: play,
  };

  const standing: readonly Standing[] = [
    [box('floor', 'floor', [2 * arenaHalf + 1, 2 * arenaHalf + 1, 0.02]), [0, 0, -0.01]],
    ...[-1, 1].flatMap((side): Standing[] => [
      [
        box(side < 0 ? 'wallLeft' : 'wallRight', 'wall', [0.08, 2 * arenaHalf + 0.16, 0.25]),
        [side * (arenaHalf + 0.04), 0, 0.125],
      ],
      [
        box(side < 0 ? 'wallNear' : 'wallFar', 'wall', [2 * arenaHalf, 0.08, 0.25]),
        [0, side * (arenaHalf + 0.04), 0.125],
      ],
    ]),
    [box('mat', 'table', [2 * arenaHalf, 2 * arenaHalf, 0.004], [0.86, 0.81, 0.7]), [0, 0, -0.001]],
  ];
  const postBody = standing.length;
  const agentBody = postBody + posts;
  const ballBody = agentBody + 2 * agents;
  const roleOf = (i: number): Body['role'] => (i === 0 ? 'agent' : i < firstSide ? 'mate' : 'opponent');
  const bodies: readonly Body[] = [
    ...standing.map(([body]) => body),
    ...postRadii
      .slice(0, posts)
      .map((size, k) => cylinder(`post${k}`, 'wall', size, 0.45, [0.62, 0.47, 0.34])),
    ...ids.flatMap((id, i) => [
      cylinder(id, roleOf(i), radius, 0.16),
      sphere(`${id}Head`, roleOf(i), isTaggerAt[i] ? 0.14 : 0.11),
    ]),
    ...Array.from({ length: balls }, (_, k) => sphere(`ball${k}`, 'distractor', ballRadius)),
  ];

  return {
    id: 'tag',
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
      if (success(s, o)) return stages.length - 1;
      return isTagger && nearest(s, o, 0) < closeDistance ? 1 : 0;
    },

    progress(s, o) {
      if (success(s, o)) return 1;
      if (!isTagger) return Math.min(0.99, s[o + survivedAt]! / horizon);
      let sum = 0;
      for (let i = firstSide; i < agents; i++) {
        const a = o + agentsFrom + i * agentSize;
        sum += isOut(s, o, i) ? 1 : 0.9 * (1 - (s[a + closestAt]! - reach) / (s[a + startAt]! - reach));
      }
      return clamp(sum / runners, 0, 0.99);
    },

    terminal(s, o) {
      if (fixedHorizon) return false;
      return isTagger ? s[o + heldAt]! >= holdSteps : isOut(s, o, 0);
    },

    reward(s, o, _action, _a, next, n, out, at) {
      out[at] = success(next, n) ? 1 : 0;
      const distance = nearest(next, n, 0);
      if (isTagger) {
        // With nobody left to chase everything is as near as it can be.
        const isDone = distance === Number.POSITIVE_INFINITY;
        const speed = (nearest(s, o, 0) - distance) / controlDt;
        out[at + 1] = isDone
          ? 1
          : tolerance(distance, [0, reach], { margin: span, sigmoid: 'linear', valueAtMargin: 0 });
        out[at + 2] = isDone
          ? 1
          : tolerance(speed, [1, Number.POSITIVE_INFINITY], {
              margin: 1,
              sigmoid: 'linear',
              valueAtMargin: 0,
            });
      } else {
        const out0 = isOut(next, n, 0);
        const a = n + agentsFrom;
        const wall = arenaHalf - radius - Math.max(Math.abs(next[a]!), Math.abs(next[a + 1]!));
        out[at + 1] = out0
          ? 0
          : tolerance(distance, [2, Number.POSITIVE_INFINITY], {
              margin: 2 - reach,
              sigmoid: 'linear',
              valueAtMargin: 0,
            });
        out[at + 2] = out0
          ? 0
          : tolerance(wall, [0.6, Number.POSITIVE_INFINITY], {
              margin: 0.6,
              sigmoid: 'linear',
              valueAtMargin: 0,
            });
      }
    },

    expert: (s, o, out, at) => play(0, s, o, out, at),

    poses(s, o, out, at) {
      putStanding(standing, out, at);
      for (let k = 0; k < posts; k++) {
        const p = o + postsFrom + 2 * k;
        put(out, at, postBody + k, s[p]!, s[p + 1]!, 0.225);
      }
      for (let i = 0; i < agents; i++) {
        const a = o + agentsFrom + i * agentSize;
        // Who is out has drawn in its head.
        put(out, at, agentBody + 2 * i, s[a]!, s[a + 1]!, 0.08);
        put(out, at, agentBody + 2 * i + 1, s[a]!, s[a + 1]!, s[a + outAt] === 1 ? 0.08 : 0.24);
      }
      for (let k = 0; k < balls; k++) {
        const b = o + ballsFrom + disc.size * k;
        put(out, at, ballBody + k, s[b]!, s[b + 1]!, ballRadius);
      }
    },

    /** Who is out is grey. */
    colours(s, o, out, at) {
      out.fill(Number.NaN, at, at + 3 * bodies.length);
      for (let i = 0; i < agents; i++) {
        if (isOut(s, o, i)) out.fill(0.55, at + 3 * (agentBody + 2 * i), at + 3 * (agentBody + 2 * i + 2));
      }
    },

    impacts(s, o, action, a) {
      const found = new Impacts();
      noted = found;
      try {
        step.alone(s.slice(o, o + stateDim), action.slice(a, a + 2), 0, 1);
      } finally {
        noted = null;
      }
      return found.contacts(controlDt, 0.08);
    },

    cameras: groundCameras(span + 0.2, span + 0.2, ids[0]!),
    parallel,
  };
}

/** What is taken at the start: x, y, and how far others keep from there. */
type Taken = readonly [x: number, y: number, away: number];

/** How far ahead a runner looks, s. */
const lookahead = 0.5;

export const tag: Task = {
  id: 'tag',
  title: 'Tag',
  summary: 'Chase and touch a runner among posts, or stay untouched; one to three a side.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 500_000,
        worlds: 64,
        stepsPerWorld: 64,
        minibatch: 512,
        learningRate: 0.001,
        gamma: 0.99,
        entropyCoef: 0.001,
      },
    },
  },
  create,
};
