/** Put blocks into the zone of their colour: a list of objects whose length and order change, one kind of thing to do with each. */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { Body, Colour, GoalFace, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { hand } from '../robots/hand.ts';
import { tolerance } from '../tolerance.ts';
import { bodyRow, difficultyField, ease, isUnderPalm, occlusionField, speedOf, writeTurn } from './blocks.ts';
import {
  boxSpace,
  clipTo,
  copy3,
  difference3,
  length2,
  length3,
  moveTowards,
  writeCommand,
  xyz,
} from './parts.ts';
import {
  controlDt,
  holdSteps,
  looseBox,
  physicsSteps,
  type TableOptions,
  tableFields,
  tableFriction,
  tableWorld,
} from './table.ts';

/** Metres, kilograms. */
const block = { half: 0.02, mass: 0.06 } as const;

const maxColours = 3;
/** No more than this many blocks share a colour: as many as a zone has room for. */
const maxAlike = 3;

const fields = {
  ...tableFields(180),
  difficulty: difficultyField(
    'blocks start beside the zone of their colour and square to the hand',
    'zones shrink to two thirds and blocks start turned up to 0.78 rad',
  ),
  occlusion: occlusionField,
  objects: {
    type: 'integer',
    default: 3,
    min: 1,
    max: 6,
    help: 'Blocks at most; the observation has a place for each',
  },
  varying: {
    type: 'boolean',
    default: true,
    help: 'Each episode draws how many blocks there are, 1 to all; absent ones are all zeros in the observation. Off: always all',
  },
  colours: {
    type: 'integer',
    default: 2,
    min: 2,
    max: maxColours,
    help: 'How many colours and zones there are',
  },
  zoneHalf: {
    type: 'number',
    default: 0.075,
    min: 0.06,
    max: 0.08,
    unit: 'm',
    help: 'Half the side of a zone',
  },
  startYaw: {
    type: 'number',
    default: 0.3,
    min: 0,
    max: 0.78,
    unit: 'rad',
    help: 'Largest turn of a block at the start',
  },
  friction: tableFriction,
} as const satisfies Fields;

const paint: readonly Colour[] = [
  [0.85, 0.27, 0.22],
  [0.2, 0.42, 0.85],
  [0.93, 0.74, 0.2],
];

/** Middles of the zones on the table, by colour: left, right, ahead. */
const zoneX = [0, 0, 0.175] as const;
const zoneY = [0.19, -0.19, 0] as const;

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'All blocks rest in the zones of their colours' },
  {
    id: 'near',
    kind: 'dense',
    weight: 0.15,
    help: 'Share of blocks that are in their zone; the one nearest to the gripper counts by how close it is',
  },
  {
    id: 'grasped',
    kind: 'dense',
    weight: 0.15,
    help: 'Share of blocks that are in their zone or between the pads',
  },
  {
    id: 'sorted',
    kind: 'dense',
    weight: 0.7,
    help: 'Share of blocks that rest in their zone; others count for less, by how close to it they are',
  },
];

/** Below this speed a block counts as resting, m/s. */
const restSpeed = 0.1;
/** A block whose middle is at most this far from where it is on the table is on it. */
const onTable = 0.008;
/** Height of the fingertips when a block on the table is grasped, and the block's middle above them. */
const graspHeight = 0.01;
const gripToBlock = block.half - graspHeight;
/** Fingertips this high pass over blocks; with a block in hand its bottom does at `carryHeight`. */
const travelHeight = 0.065;
const carryHeight = 0.055;
/** Opening of the fingers that comes over a block and past its neighbours. */
const openTo = 0.034;
/** Shares of a block's progress: the hand at it, held, brought to its zone; the rest is for lying there. */
const nearShare = 0.1;
const heldShare = 0.15;
const movedShare = 0.65;
/** The hand counts as coming near from this far. */
const nearFrom = 0.3;
/** Blocks in a zone keep this far apart when the expert puts them there. */
const apart = 0.062;

const zoneMarker = (colour: number, half: number): NonNullable<TableOptions['markers']>[number] => ({
  body: {
    name: `zone${colour + 1}`,
    shape: { type: 'box', size: [2 * half, 2 * half, 0.002] },
    role: 'goal',
    colour: paint[colour]!,
  },
  place(_state, _o, out, to) {
    out[to] = zoneX[colour]!;
    out[to + 1] = zoneY[colour]!;
    out[to + 2] = 0.001;
  },
});

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { distractors, randomisation, friction, occlusion, objects, varying, colours } = settings;
  const { spread, extra } = ease(settings.difficulty);
  const half = settings.zoneHalf * (1 - extra / 3);
  const startYaw = spread * settings.startYaw + extra * (0.78 - settings.startYaw);
  const names = Array.from({ length: objects }, (_, i) => `block${i + 1}`);
  const stages: Stage[] = [
    ...names.map((_, i) => ({ id: `left${objects - i}`, title: `Blocks to sort: ${objects - i}` })),
    { id: 'done', title: 'All blocks lie in their zones' },
  ];
  const kit = tableWorld({
    bodies: names.map((name) => looseBox(name, [block.half, block.half, block.half], block.mass)),
    looks: Object.fromEntries(names.map((name) => [name, { role: 'object' as const }])),
    own: [
      ['present', objects, '0 or 1'],
      ['colour', objects, 'index'],
      ['startDistance', objects, 'm'],
      ['held', 1, 'steps'],
    ],
    hand: { palm: false },
    distractors,
    randomisation,
    friction,
    markers: Array.from({ length: colours }, (_, c) => zoneMarker(c, half)),
  });
  const { row, world } = kit;
  const { stateDim } = world;
  const rows = names.map((name) => bodyRow(kit, name));
  const present = world.at('present');
  const colour = world.at('colour');
  const startDistance = world.at('startDistance');
  const held = world.at('held');
  const left = world.body('leftFinger');
  const right = world.body('rightFinger');
  const blockBody = names.map((name) => world.body(name));
  const others = Array.from({ length: distractors }, (_, i) => world.at(`distractor${i + 1}.pos`));
  const drawnAt = names.map((name) => kit.bodies.findIndex((body: Body) => body.name === name));

  const observationSpace = boxSpace([
    ...xyz('gripperPos', 1),
    ...xyz('gripperVel', 2),
    ['opening', 0.1],
    ['openingRate', 1],
    // How far inside the pads the servo aims: how hard it squeezes.
    ['squeeze', 0.1],
    ...names.flatMap((name) => [
      [`${name}Present`, 1] as const,
      ...Array.from({ length: colours }, (_, c) => [`${name}Colour${c + 1}`, 1] as const),
      ...xyz(`gripperTo${name[0]!.toUpperCase()}${name.slice(1)}`, 3),
      ...xyz(`${name}ToZone`, 3),
      ...xyz(`${name}Vel`, 10),
      [`${name}Tilt.x`, 1] as const,
      [`${name}Tilt.y`, 1] as const,
      [`${name}Yaw4.cos`, 1.001] as const,
      [`${name}Yaw4.sin`, 1.001] as const,
      ...xyz(`${name}Spin`, 100),
      ...(occlusion ? [[`${name}Seen`, 1] as const] : []),
    ]),
    ...others.flatMap((_, i) => xyz(`gripperToDistractor${i + 1}`, 3)),
  ]);
  const slotSize = 17 + colours + (occlusion ? 1 : 0);
  /** Where the zone of a block lies: the place wanted of it. */
  const wanted = new Float64Array(3);
  const writeWanted = (state: Float64Array, o: number, i: number): void => {
    const c = state[o + colour + i]!;
    wanted[0] = zoneX[c]!;
    wanted[1] = zoneY[c]!;
    wanted[2] = block.half;
  };

  const isPresent = (state: Float64Array, o: number, i: number): boolean => state[o + present + i] === 1;

  /** Horizontal distance of a block's middle from its zone, 0 inside. */
  const zoneDistance = (state: Float64Array, o: number, i: number): number => {
    const c = state[o + colour + i]!;
    const { pos } = rows[i]!;
    return length2(
      Math.max(0, Math.abs(state[o + pos]! - zoneX[c]!) - half),
      Math.max(0, Math.abs(state[o + pos + 1]! - zoneY[c]!) - half),
    );
  };

  /** In its zone and on the table, at rest or not. */
  const isPlaced = (state: Float64Array, o: number, i: number): boolean => {
    const c = state[o + colour + i]!;
    const { pos } = rows[i]!;
    return (
      Math.abs(state[o + pos]! - zoneX[c]!) < half &&
      Math.abs(state[o + pos + 1]! - zoneY[c]!) < half &&
      Math.abs(state[o + pos + 2]! - block.half) < onTable
    );
  };

  const isSorted = (state: Float64Array, o: number, i: number): boolean =>
    isPlaced(state, o, i) && speedOf(state, o, rows[i]!) < restSpeed;

  const isHeld = (state: Float64Array, o: number, i: number): boolean =>
    world.contactForce(state, o, left, blockBody[i]!) > 0.2 &&
    world.contactForce(state, o, right, blockBody[i]!) > 0.2;

  const toSort = (state: Float64Array, o: number): number => {
    let count = 0;
    for (let i = 0; i < objects; i++) if (isPresent(state, o, i) && !isSorted(state, o, i)) count++;
    return count;
  };

  const count = (state: Float64Array, o: number): number => {
    let sum = 0;
    for (let i = 0; i < objects; i++) sum += state[o + present + i]!;
    return sum;
  };

  const isLost = (state: Float64Array, o: number): boolean => {
    for (let i = 0; i < objects; i++)
      if (isPresent(state, o, i) && state[o + rows[i]!.pos + 2]! < -0.02) return true;
    return false;
  };

  /** Distance of the gripper from where it can grasp a block. */
  const reachDistance = (state: Float64Array, o: number, i: number): number => {
    const { pos } = rows[i]!;
    return length3(
      state[o + pos]! - state[o + row.pos]!,
      state[o + pos + 1]! - state[o + row.pos + 1]!,
      state[o + pos + 2]! - state[o + row.pos + 2]! - gripToBlock,
    );
  };

  /** The block nearest to the gripper that is still to be sorted, -1 when none is. */
  const nearest = (state: Float64Array, o: number): number => {
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < objects; i++) {
      if (!isPresent(state, o, i) || isSorted(state, o, i)) continue;
      const reach = reachDistance(state, o, i);
      if (reach >= least) continue;
      least = reach;
      best = i;
    }
    return best;
  };

  const success = (state: Float64Array, o: number): boolean => toSort(state, o) === 0;

  const goals: GoalFace = {
    dim: 3 * objects + 1,
    names: [...names.flatMap((name) => xyz(`${name}Pos`, 1).map(([axis]) => axis)), 'fastestBlock'],
    achieved(state, o, out, at) {
      let fastest = 0;
      for (let i = 0; i < objects; i++) {
        if (isPresent(state, o, i)) {
          copy3(state, o + rows[i]!.pos, out, at + 3 * i);
          fastest = Math.max(fastest, speedOf(state, o, rows[i]!));
        } else out.fill(0, at + 3 * i, at + 3 * i + 3);
      }
      out[at + 3 * objects] = fastest;
    },
    desired(state, o, out, at) {
      for (let i = 0; i < objects; i++) {
        if (isPresent(state, o, i)) {
          writeWanted(state, o, i);
          copy3(wanted, 0, out, at + 3 * i);
        } else out.fill(0, at + 3 * i, at + 3 * i + 3);
      }
      out[at + 3 * objects] = 0;
    },
    computeReward(achieved, a, desired, d) {
      for (let k = 0; k < 3 * objects; k++) {
        if (!(Math.abs(achieved[a + k]! - desired[d + k]!) < (k % 3 === 2 ? onTable : half))) return 0;
      }
      return achieved[a + 3 * objects]! < restSpeed ? 1 : 0;
    },
  };

  /** Least distance of a place in a zone from the other blocks. */
  const room = (state: Float64Array, o: number, x: number, y: number, without: number): number => {
    let least = Infinity;
    for (let j = 0; j < objects; j++) {
      if (j === without || !isPresent(state, o, j)) continue;
      const { pos } = rows[j]!;
      least = Math.min(least, length2(state[o + pos]! - x, state[o + pos + 1]! - y));
    }
    for (let k = 0; k < others.length; k++)
      least = Math.min(least, length2(state[o + others[k]!]! - x, state[o + others[k]! + 1]! - y));
    return least;
  };

  const spot = new Float64Array(2);
  /** The nearest of the four places of a block's zone that is free, or else the one with the most room. */
  const chooseSpot = (state: Float64Array, o: number, i: number): void => {
    const c = state[o + colour + i]!;
    const { pos } = rows[i]!;
    const aside = Math.min(0.036, half - 0.015);
    let best = Infinity;
    for (let k = 0; k < 4; k++) {
      const x = zoneX[c]! + ((k & 1) === 0 ? -aside : aside);
      const y = zoneY[c]! + ((k & 2) === 0 ? -aside : aside);
      const space = room(state, o, x, y, i);
      const cost = space > apart ? length2(state[o + pos]! - x, state[o + pos + 1]! - y) : 10 - space;
      if (cost >= best) continue;
      best = cost;
      spot[0] = x;
      spot[1] = y;
    }
  };

  /** Fingers towards the opening that comes over a block. */
  const open = (state: Float64Array, o: number): number =>
    clamp((state[o + row.openingTarget]! - openTo) / (hand.fingerSpeed * controlDt), -1, 1);

  return {
    id: 'sort',
    version: 1,
    settings,
    controlDt,
    substeps: physicsSteps,
    horizon: settings.horizon,
    stateDim,
    guardDim: world.guardDim,
    stateLayout: world.layout,
    observationSpace,
    actionSpace,
    stages,
    rewardTerms,
    bodies: kit.bodies,

    reset(seed, state, o) {
      const random = createRandom(seed);
      kit.start(
        state,
        o,
        random,
        random.uniform(-0.15, 0.1),
        random.uniform(-0.08, 0.08),
        random.uniform(0.08, 0.14),
        openTo,
      );
      const n = varying ? 1 + random.integer(objects) : objects;
      const used = new Array<number>(colours).fill(0);
      for (let i = 0; i < n; i++) {
        let c = random.integer(colours);
        while (used[c]! >= maxAlike) c = (c + 1) % colours;
        used[c]!++;
        state[o + colour + i] = c;
        state[o + present + i] = 1;
      }
      // All anew until they lie apart, so that no block is likelier at the rim than another.
      for (let fits = false; !fits; ) {
        fits = true;
        for (let i = 0; i < n && fits; i++) {
          const { pos } = rows[i]!;
          const c = state[o + colour + i]!;
          const beside = 0.085;
          const x = random.uniform(-0.2, colours === maxColours ? 0.06 : 0.16);
          const y = random.uniform(-0.085, 0.085);
          // Beside its zone: as near to it as starts may be.
          const easyX = clamp(x, zoneX[c]! - 0.12, zoneX[c]! + 0.12);
          state[o + pos] = easyX + spread * (x - easyX);
          state[o + pos + 1] =
            zoneY[c] === 0 ? y : (zoneY[c]! > 0 ? 1 : -1) * beside * (1 - spread) + spread * y;
          for (let j = 0; j < i; j++) {
            const other = rows[j]!.pos;
            const dx = state[o + pos]! - state[o + other]!;
            const dy = state[o + pos + 1]! - state[o + other + 1]!;
            fits &&= dx * dx + dy * dy > 0.07 * 0.07;
          }
        }
      }
      const spots: number[] = [];
      for (let c = 0; c < colours; c++) spots.push(zoneX[c]!, zoneY[c]!, half);
      for (let i = 0; i < n; i++) {
        const { pos, quat } = rows[i]!;
        const halfYaw = random.uniform(-startYaw, startYaw) / 2;
        state[o + pos + 2] = block.half;
        state[o + quat + 2] = sin(halfYaw);
        state[o + quat + 3] = cos(halfYaw);
        state[o + startDistance + i] = Math.max(0.01, zoneDistance(state, o, i));
        spots.push(state[o + pos]!, state[o + pos + 1]!, 0.035);
      }
      kit.scatter(state, o, random, spots);
    },

    advance(states, actions, first, rowCount) {
      for (let w = first; w < first + rowCount; w++) {
        const o = w * stateDim;
        kit.step(states, o, actions, w * actionSpace.dim);
        states[o + held] = success(states, o) ? states[o + held]! + 1 : 0;
      }
    },

    observe(state, o, out, first) {
      copy3(state, o + row.pos, out, first);
      copy3(state, o + row.vel, out, first + 3);
      out[first + 6] = state[o + row.opening]!;
      out[first + 7] = state[o + row.openingRate]!;
      out[first + 8] = state[o + row.opening]! - state[o + row.openingTarget]!;
      let at = first + 9;
      for (let i = 0; i < objects; i++, at += slotSize) {
        out.fill(0, at, at + slotSize);
        if (!isPresent(state, o, i)) continue;
        const body = rows[i]!;
        const hidden = occlusion && isUnderPalm(state, o, row, body);
        out[at] = 1;
        out[at + 1 + state[o + colour + i]!] = 1;
        const a = at + 1 + colours;
        const pos = o + (hidden ? row.pos : body.pos);
        writeWanted(state, o, i);
        difference3(state, pos, state, o + row.pos, out, a);
        difference3(wanted, 0, state, pos, out, a + 3);
        if (hidden) out[a + 11] = 1;
        else {
          copy3(state, o + body.vel, out, a + 6);
          writeTurn(state, o + body.quat, out, a + 9);
          copy3(state, o + body.spin, out, a + 13);
        }
        if (occlusion) out[a + 16] = hidden ? 0 : 1;
      }
      for (let k = 0; k < others.length; k++, at += 3)
        difference3(state, o + others[k]!, state, o + row.pos, out, at);
      clipTo(observationSpace, out, first);
    },

    success,
    stage: (state, o) => objects - toSort(state, o),

    progress(state, o) {
      if (success(state, o)) return 1;
      if (isLost(state, o)) return 0;
      const next = nearest(state, o);
      let sum = nearShare * clamp(1 - reachDistance(state, o, next) / nearFrom, 0, 1);
      for (let i = 0; i < objects; i++) {
        if (!isPresent(state, o, i)) continue;
        if (isSorted(state, o, i)) {
          sum += 1;
          continue;
        }
        const d = zoneDistance(state, o, i);
        // A block that is let go over its zone is not lost.
        if (d === 0 || isHeld(state, o, i)) sum += heldShare;
        sum += movedShare * Math.min(1, 1 - d / state[o + startDistance + i]!);
      }
      return clamp(sum / count(state, o), 0, 0.99);
    },

    terminal: (state, o) => !settings.fixedHorizon && (state[o + held]! >= holdSteps || isLost(state, o)),

    reward(_state, _o, _action, _a, next, n, out, at) {
      const sorted = count(next, n) - toSort(next, n);
      const first = nearest(next, n);
      let near = sorted;
      let grasped = sorted;
      let there = sorted;
      if (first >= 0)
        near += tolerance(reachDistance(next, n, first), [0, 0.015], { margin: 0.15, sigmoid: 'long_tail' });
      for (let i = 0; i < objects; i++) {
        if (!isPresent(next, n, i) || isSorted(next, n, i)) continue;
        if (isHeld(next, n, i)) grasped++;
        there += 0.8 * tolerance(zoneDistance(next, n, i), [0, 0], { margin: 0.15, sigmoid: 'long_tail' });
      }
      const all = count(next, n);
      out[at] = first < 0 ? 1 : 0;
      out[at + 1] = near / all;
      out[at + 2] = grasped / all;
      out[at + 3] = there / all;
    },

    expert(state, o, out, at) {
      const gx = state[o + row.pos]!;
      const gy = state[o + row.pos + 1]!;
      const gz = state[o + row.pos + 2]!;
      const opening = state[o + row.opening]!;
      for (let i = 0; i < objects; i++) {
        if (!isPresent(state, o, i)) continue;
        const { pos } = rows[i]!;
        const dx = state[o + pos]! - gx;
        const dy = state[o + pos + 1]! - gy;
        const dz = state[o + pos + 2]! - gz;
        const between =
          Math.abs(dx) < 0.016 && Math.abs(dy) < 0.014 && dz > -0.012 && dz < block.half - 0.002;
        if (!between && !isHeld(state, o, i)) continue;
        if (isPlaced(state, o, i)) {
          // Let go before going on.
          if (opening > openTo - 0.004) continue;
          writeCommand(0, 0, 0, out, at);
          out[at + 3] = -1;
          return;
        }
        out[at + 3] = 1;
        if (!isHeld(state, o, i)) {
          moveTowards(state, o + row.pos, gx + dx, gy + dy, gz + dz - gripToBlock, out, at);
          return;
        }
        chooseSpot(state, o, i);
        const aside = length2(spot[0]! - state[o + pos]!, spot[1]! - state[o + pos + 1]!);
        const bottom = state[o + pos + 2]! - block.half;
        if (aside < 0.012)
          moveTowards(state, o + row.pos, spot[0]! - dx, spot[1]! - dy, block.half - dz - 0.002, out, at);
        else if (bottom < carryHeight - 0.015)
          moveTowards(state, o + row.pos, gx, gy, carryHeight + block.half - dz, out, at);
        else
          moveTowards(
            state,
            o + row.pos,
            spot[0]! - dx,
            spot[1]! - dy,
            carryHeight + block.half - dz,
            out,
            at,
          );
        return;
      }
      const i = nearest(state, o);
      out[at + 3] = open(state, o);
      if (i < 0) {
        moveTowards(state, o + row.pos, gx, gy, travelHeight, out, at);
        return;
      }
      const { pos } = rows[i]!;
      const x = state[o + pos]!;
      const y = state[o + pos + 1]!;
      const isOver = length2(x - gx, y - gy) < 0.008;
      if (isOver && Math.abs(opening - openTo) < 0.005)
        moveTowards(state, o + row.pos, x, y, state[o + pos + 2]! - gripToBlock, out, at);
      else if (gz < travelHeight - 0.012) moveTowards(state, o + row.pos, gx, gy, travelHeight, out, at);
      else moveTowards(state, o + row.pos, x, y, travelHeight, out, at);
    },

    poses: kit.poses,

    ...kit.touch,

    colours(state, o, out, at) {
      out.fill(Number.NaN, at, at + 3 * kit.bodies.length);
      for (let i = 0; i < objects; i++) {
        if (!isPresent(state, o, i)) continue;
        const own = paint[state[o + colour + i]!]!;
        for (let k = 0; k < 3; k++) out[at + 3 * drawnAt[i]! + k] = own[k]!;
      }
    },

    goals,
  };
}

export const sort: Task = {
  id: 'sort',
  title: 'Sort',
  summary: 'Put blocks of several colours into the zones of their colours, however many there are.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 20_000_000,
        worlds: 64,
        stepsPerWorld: 64,
        minibatch: 1_024,
        learningRate: 0.001,
        gamma: 0.98,
        entropyCoef: 0.001,
        hiddenSize: 128,
      },
    },
  },
  create,
};
