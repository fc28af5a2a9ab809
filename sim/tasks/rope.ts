/**
 * Lay a chain of links along a line: a body without a fixed shape, of which only the two ends can be held. Links hinge in the
 * plane of the table and up and down, but do not twist.
 */

import { clamp, cos, sin } from '../engine/math.ts';
import { createRandom } from '../engine/random.ts';
import type { BodyDef, JointDef } from '../engine/scene.ts';
import type { Colour, GoalFace, RewardTerm, Stage, Task, TaskModel } from '../env.ts';
import type { AnySettings, Fields, Settings } from '../fields.ts';
import { groups, hand } from '../robots/hand.ts';
import { tolerance } from '../tolerance.ts';
import { difficultyField, ease } from './blocks.ts';
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
  physicsSteps,
  type TableOptions,
  tableFields,
  tableFriction,
  tableWorld,
  thingFriction,
} from './table.ts';

/** Metres, kilograms. Links are capsules; an upright pin at either end is what the fingers hold. */
const chain = {
  length: 0.26,
  mass: 0.16,
  radius: 0.008,
  pinRadius: 0.009,
  pinHeight: 0.045,
  pinMass: 0.02,
  /** Largest bend between two links, rad. */
  bendMax: 1.2,
  bendDamping: 1e-4,
} as const;

const maxLinks = 10;

const fields = {
  ...tableFields(120),
  difficulty: difficultyField(
    'the chain starts straight, beside the line and along it',
    'it starts more bent and across the line, and the distance that counts falls to the half',
  ),
  occlusion: {
    type: 'boolean',
    default: false,
    help: 'Links under the palm are not seen: they are reported at the hand and at rest, and as not seen',
  },
  links: {
    type: 'integer',
    default: 5,
    min: 4,
    max: maxLinks,
    help: 'Links of the chain',
  },
  lineTolerance: {
    type: 'number',
    default: 0.02,
    min: 0.005,
    max: 0.05,
    unit: 'm',
    help: "Success means that the links' middles are nearer to their places on the line than this, on average",
  },
  friction: tableFriction,
} as const satisfies Fields;

const actionSpace = boxSpace([...xyz('velocity', 1), ['close', 1]]);

const stages: readonly Stage[] = [
  { id: 'grasp', title: 'Take an end of the chain' },
  { id: 'pull', title: 'Pull it to its end of the line' },
  { id: 'straighten', title: 'Pull the other end straight' },
  { id: 'done', title: 'The chain lies along the line' },
];

const rewardTerms: readonly RewardTerm[] = [
  { id: 'success', kind: 'sparse', weight: 1, help: 'The chain lies along the line' },
  {
    id: 'near',
    kind: 'dense',
    weight: 0.1,
    help: 'The gripper is close to the end that is farther from its place, or the chain lies along the line',
  },
  {
    id: 'grasped',
    kind: 'dense',
    weight: 0.1,
    help: 'An end is between the pads, or the chain lies along the line',
  },
  { id: 'laid', kind: 'dense', weight: 0.8, help: 'The links are close to their places on the line' },
];

/** Height of the fingertips at the pins: over the links. */
const gripHeight = 0.02;
/** Fingertips this high pass over the pins. */
const travelHeight = 0.06;
const openTo = 0.022;
/** An end this near to its place is there. */
const endSlack = 0.03;
/** The expert pulls an end this far past its place, so that the chain gets taut. */
const beyond = 0.003;
/** It foresees what a pull does in steps of this many metres. */
const foreseeStep = 0.012;
/** Metres of mean distance that a step has to bring to pull on, and a whole pull to change ends for it. */
const worthPulling = 0.0015;
const worthChanging = 0.002;

const linkColour: Colour = [0.86, 0.55, 0.2];
const pinColour: Colour = [0.32, 0.33, 0.36];

/** Scratch, written by `locate`: the links' middles (x, y, z) and where the pins stand (x, y). */
const middle = new Float64Array(3 * maxLinks);
const pin = new Float64Array(4);

/** The chain's bodies, from the middle link outwards. Joints `chain.x`, `.y`, `.z`, `.yaw`, `.pitch`; `bend1` and `sag1` between links 1 and 2, ... */
function chainBodies(links: number, root: number): BodyDef[] {
  const { radius } = chain;
  const pitch = chain.length / links;
  const link = (i: number, parent: number, joints: readonly JointDef[]): BodyDef => ({
    name: `segment${i + 1}`,
    ...(parent < 0
      ? { position: [0, 0, radius] }
      : { parent: `segment${parent + 1}`, position: [(i - parent) * pitch, 0, 0] }),
    mass: chain.mass / links,
    joints,
    shapes: [
      {
        type: 'capsule',
        radius,
        length: pitch - radius,
        // Axis along x.
        rotation: [0, Math.SQRT1_2, 0, Math.SQRT1_2],
        friction: thingFriction,
        group: groups.thing,
      },
    ],
  });
  const bend = (i: number, outwards: 1 | -1): JointDef[] => {
    const common = {
      type: 'hinge',
      anchor: [(-outwards * pitch) / 2, 0, 0],
      limits: [-chain.bendMax, chain.bendMax],
      damping: chain.bendDamping,
    } as const;
    return [
      { ...common, name: `bend${i + 1}`, axis: [0, 0, outwards] },
      { ...common, name: `sag${i + 1}`, axis: [0, outwards, 0] },
    ];
  };
  const end = (name: string, parent: number, side: 1 | -1): BodyDef => ({
    name,
    parent: `segment${parent + 1}`,
    position: [(side * pitch) / 2, 0, 0],
    mass: chain.pinMass,
    shapes: [
      {
        type: 'capsule',
        radius: chain.pinRadius,
        length: chain.pinHeight - radius - chain.pinRadius,
        position: [0, 0, (chain.pinHeight - radius - chain.pinRadius) / 2],
        friction: thingFriction,
        group: groups.thing,
        mask: groups.hand | groups.thing,
      },
    ],
  });
  const bodies = [
    link(root, -1, [
      { type: 'slider', name: 'chain.x', axis: [1, 0, 0] },
      { type: 'slider', name: 'chain.y', axis: [0, 1, 0] },
      { type: 'slider', name: 'chain.z', axis: [0, 0, 1] },
      { type: 'hinge', name: 'chain.yaw', axis: [0, 0, 1] },
      { type: 'hinge', name: 'chain.pitch', axis: [0, 1, 0] },
    ]),
  ];
  for (let i = root + 1; i < links; i++) bodies.push(link(i, i - 1, bend(i - 1, 1)));
  for (let i = root - 1; i >= 0; i--) bodies.push(link(i, i + 1, bend(i, -1)));
  bodies.push(end('pin1', 0, -1), end('pin2', links - 1, 1));
  return bodies;
}

function create(anySettings: AnySettings): TaskModel {
  const settings = Object.freeze({ ...anySettings }) as Settings<typeof fields>;
  const { links, distractors, randomisation, friction, occlusion } = settings;
  const { spread, extra } = ease(settings.difficulty);
  const enough = settings.lineTolerance * (1 - 0.5 * extra);
  const root = (links - 1) >> 1;
  const { length } = chain;
  const pitch = length / links;
  const names = Array.from({ length: links }, (_, i) => `segment${i + 1}`);
  const lineMarker: NonNullable<TableOptions['markers']>[number] = {
    body: {
      name: 'line',
      shape: { type: 'box', size: [length, 2 * settings.lineTolerance, 0.002] },
      role: 'goal',
    },
    place(state, o, out, to, world) {
      const at = o + world.at('line');
      out[to] = state[at]!;
      out[to + 1] = state[at + 1]!;
      out[to + 2] = 0.001;
      // Half-angle quaternion about z from cos and sin, the root with w >= 0.
      const s = state[at + 3]!;
      out[to + 5] = (s < 0 ? -1 : 1) * Math.sqrt(Math.max(0, (1 - state[at + 2]!) / 2));
      out[to + 6] = Math.sqrt(Math.max(0, (1 + state[at + 2]!) / 2));
    },
  };
  const kit = tableWorld({
    bodies: chainBodies(links, root),
    looks: {
      ...Object.fromEntries(names.map((name) => [name, { role: 'object' as const, colour: linkColour }])),
      pin1: { role: 'object', colour: pinColour },
      pin2: { role: 'object', colour: pinColour },
    },
    own: [
      // Middle x, y, then cos and sin of its direction.
      ['line', 4, 'm, m, cos, sin'],
      ['startDistance', 1, 'm'],
      ['held', 1, 'steps'],
    ],
    hand: { palm: false },
    distractors,
    randomisation,
    friction,
    markers: [lineMarker],
  });
  const { row, world } = kit;
  const { stateDim } = world;
  const chainX = world.at('chain.x');
  const chainY = world.at('chain.y');
  const yaw = world.at('chain.yaw');
  const bends = Array.from({ length: links - 1 }, (_, i) => world.at(`bend${i + 1}`));
  const rootRate = world.at('chain.x.rate');
  const bendRates = bends.map((_, i) => world.at(`bend${i + 1}.rate`));
  const sagRates = bends.map((_, i) => world.at(`sag${i + 1}.rate`));
  const line = world.at('line');
  const startDistance = world.at('startDistance');
  const held = world.at('held');
  const left = world.body('leftFinger');
  const right = world.body('rightFinger');
  const pins = [world.body('pin1'), world.body('pin2')] as const;
  const linkBody = names.map((name) => world.body(name));
  const others = Array.from({ length: distractors }, (_, i) => world.at(`distractor${i + 1}.pos`));

  const observationSpace = boxSpace([
    ...xyz('gripperPos', 1),
    ...xyz('gripperVel', 2),
    ['opening', 0.1],
    ['openingRate', 1],
    // How far inside the pads the servo aims: how hard it squeezes.
    ['squeeze', 0.1],
    ['gripperToPin1.x', 3],
    ['gripperToPin1.y', 3],
    ['gripperToPin2.x', 3],
    ['gripperToPin2.y', 3],
    ['line.cos', 1.001],
    ['line.sin', 1.001],
    ...names.flatMap((name) => [
      ...xyz(`gripperTo${name[0]!.toUpperCase()}${name.slice(1)}`, 3),
      // To the link's place, counted from the line's end that its direction points away from.
      [`${name}ToPlace.x`, 3] as const,
      [`${name}ToPlace.y`, 3] as const,
      ...(occlusion ? [[`${name}Seen`, 1] as const] : []),
    ]),
    // How the middle link moves and turns, and the hinges from there outwards.
    ...xyz('chainVel', 10),
    ['chainYawRate', 100],
    ['chainPitchRate', 100],
    ...bends.flatMap((_, i) => [[`bend${i + 1}Rate`, 100] as const, [`sag${i + 1}Rate`, 100] as const]),
    ...others.flatMap((_, i) => xyz(`gripperToDistractor${i + 1}`, 3)),
  ]);

  /** Writes `middle` and `pin`. */
  const locate = (state: Float64Array, o: number): void => {
    world.kinematics(state, o);
    const { pos } = world;
    for (let i = 0; i < links; i++) copy3(pos, 3 * linkBody[i]!, middle, 3 * i);
    for (let k = 0; k < 2; k++) {
      pin[2 * k] = pos[3 * pins[k]!]!;
      pin[2 * k + 1] = pos[3 * pins[k]! + 1]!;
    }
  };

  const seen = new Uint8Array(links);
  /** Where the hinges' rates begin in the observation. */
  const rates = 15 + (occlusion ? 6 : 5) * links + 5;

  const places = new Float64Array(3 * links);
  /** Where the links are wanted, the first one at the end that the line's direction points away from. */
  const locatePlaces = (state: Float64Array, o: number, out: Float64Array, at: number): void => {
    for (let i = 0; i < links; i++) {
      const along = (i + 0.5 - links / 2) * pitch;
      out[at + 3 * i] = state[o + line]! + along * state[o + line + 2]!;
      out[at + 3 * i + 1] = state[o + line + 1]! + along * state[o + line + 3]!;
      out[at + 3 * i + 2] = chain.radius;
    }
  };

  /** Mean distance of points [links * 3] from places; `way` -1: the first point to the last place. */
  const distanceOf = (points: Float64Array, p: number, to: Float64Array, q: number, way: number): number => {
    let sum = 0;
    for (let i = 0; i < links; i++) {
      const a = p + 3 * i;
      const b = q + 3 * (way > 0 ? i : links - 1 - i);
      sum += length3(points[a]! - to[b]!, points[a + 1]! - to[b + 1]!, points[a + 2]! - to[b + 2]!);
    }
    return sum / links;
  };

  /** The way round in which the chain is nearer to the line, 1 or -1; written by `distance`. */
  let order = 1;
  /** Mean distance of the links from their places that way round. Writes what `locate` writes, too. */
  const distance = (state: Float64Array, o: number): number => {
    locate(state, o);
    locatePlaces(state, o, places, 0);
    const forth = distanceOf(middle, 0, places, 0, 1);
    const back = distanceOf(middle, 0, places, 0, -1);
    order = forth <= back ? 1 : -1;
    return Math.min(forth, back);
  };

  const success = (state: Float64Array, o: number): boolean => distance(state, o) < enough;

  const isHeld = (state: Float64Array, o: number, which: number): boolean =>
    world.contactForce(state, o, left, pins[which]!) > 0.2 &&
    world.contactForce(state, o, right, pins[which]!) > 0.2;

  /** From a pin (0 or 1) to its end of the line, `past` metres past it; written to `way`. After `distance`. */
  const way = new Float64Array(2);
  const endDistance = (state: Float64Array, o: number, end: number, past = 0): number => {
    const along = (end === 0 ? -order : order) * (length / 2 + past);
    way[0] = state[o + line]! + along * state[o + line + 2]! - pin[2 * end]!;
    way[1] = state[o + line + 1]! + along * state[o + line + 3]! - pin[2 * end + 1]!;
    return length2(way[0]!, way[1]!);
  };

  const nodes = new Float64Array(2 * (links + 1));
  /**
   * What pulling an end to its place would do, as far as `most` steps: each hinge follows the one before it. Returns by how
   * much the mean distance falls at best on the way. After `distance`.
   */
  const foresee = (state: Float64Array, o: number, end: number, most = Infinity): number => {
    const far = endDistance(state, o, end, beyond);
    const steps = Math.ceil(far / foreseeStep);
    const stepX = way[0]! / steps;
    const stepY = way[1]! / steps;
    for (let k = 0; k <= links; k++) {
      const i = 3 * (end === 0 ? k : links - k);
      const isPin = k === 0 || k === links;
      const p = 2 * (k === 0 ? end : 1 - end);
      for (let j = 0; j < 2; j++)
        nodes[2 * k + j] = isPin ? pin[p + j]! : (middle[i - 3 + j]! + middle[i + j]!) / 2;
    }
    let first = 0;
    let least = Infinity;
    for (let step = 0; step <= Math.min(steps, most); step++) {
      if (step > 0) {
        nodes[0]! += stepX;
        nodes[1]! += stepY;
      }
      let sum = 0;
      for (let k = 0; k < links; k++) {
        const a = 2 * k;
        let x = nodes[a + 2]! - nodes[a]!;
        let y = nodes[a + 3]! - nodes[a + 1]!;
        const scale = pitch / Math.max(1e-6, length2(x, y));
        x *= scale;
        y *= scale;
        nodes[a + 2] = nodes[a]! + x;
        nodes[a + 3] = nodes[a + 1]! + y;
        const link = end === 0 ? k : links - 1 - k;
        const to = 3 * (order > 0 ? link : links - 1 - link);
        sum += length2(nodes[a]! + x / 2 - places[to]!, nodes[a + 1]! + y / 2 - places[to + 1]!);
      }
      if (step === 0) first = sum / links;
      least = Math.min(least, sum / links);
    }
    return first - least;
  };

  /**
   * The end whose pull brings the chain nearest to the line; where neither brings it nearer, the one that is farther from
   * its place. After `distance`.
   */
  const nextEnd = (state: Float64Array, o: number): number => {
    const by0 = foresee(state, o, 0);
    const by1 = foresee(state, o, 1);
    if (Math.max(by0, by1) > worthChanging) return by0 >= by1 ? 0 : 1;
    return endDistance(state, o, 0) >= endDistance(state, o, 1) ? 0 : 1;
  };

  const goals: GoalFace = {
    dim: 3 * links,
    names: names.flatMap((name) => xyz(`${name}Pos`, 1).map(([axis]) => axis)),
    achieved(state, o, out, at) {
      locate(state, o);
      for (let k = 0; k < 3 * links; k++) out[at + k] = middle[k]!;
    },
    desired: locatePlaces,
    computeReward: (achieved, a, desired, d) =>
      Math.min(distanceOf(achieved, a, desired, d, 1), distanceOf(achieved, a, desired, d, -1)) < enough
        ? 1
        : 0,
  };

  /** Fingers towards the opening that comes over a pin. */
  const open = (state: Float64Array, o: number): number =>
    clamp((state[o + row.openingTarget]! - openTo) / (hand.fingerSpeed * controlDt), -1, 1);

  return {
    id: 'rope',
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
        random.uniform(-0.12, 0.12),
        random.uniform(-0.15, 0.15),
        random.uniform(0.08, 0.16),
        openTo,
      );
      const bendRange = 0.35 * spread + 0.3 * extra;
      const turnRange = 0.9 * spread + 0.67 * extra;
      for (let fits = false; !fits; ) {
        const angle = random.uniform(-Math.PI / 2, Math.PI / 2);
        state[o + line] = random.uniform(-0.05, 0.05);
        state[o + line + 1] = random.uniform(-0.08, 0.08);
        state[o + line + 2] = cos(angle);
        state[o + line + 3] = sin(angle);
        const way = random.uniform(-Math.PI, Math.PI);
        const away = random.uniform(0.08, 0.09 + 0.08 * spread);
        state[o + chainX] = state[o + line]! + away * cos(way);
        state[o + chainY] = state[o + line + 1]! + away * sin(way);
        state[o + yaw] = angle + random.uniform(-turnRange, turnRange);
        // A bend of the whole chain, and a little at every hinge.
        const curl = random.uniform(-bendRange, bendRange) / 2;
        for (const bend of bends) state[o + bend] = curl + random.uniform(-bendRange, bendRange) / 2;
        const d = distance(state, o);
        state[o + startDistance] = d;
        fits = d > 0.06;
        const inside = (points: Float64Array, k: number): boolean =>
          Math.abs(points[k]!) < 0.23 && Math.abs(points[k + 1]!) < 0.27;
        for (let i = 0; i < links; i++) {
          fits &&= inside(middle, 3 * i) && inside(places, 3 * i);
          // No loops: links that are not neighbours lie apart.
          for (let j = 0; j + 2 <= i; j++)
            fits &&= length2(middle[3 * i]! - middle[3 * j]!, middle[3 * i + 1]! - middle[3 * j + 1]!) > 0.03;
        }
        fits &&= inside(pin, 0) && inside(pin, 2);
      }
      const spots: number[] = [];
      for (let i = 0; i < links; i++)
        spots.push(middle[3 * i]!, middle[3 * i + 1]!, 0.03, places[3 * i]!, places[3 * i + 1]!, 0.03);
      kit.scatter(state, o, random, spots);
    },

    advance: kit.holding(actionSpace.dim, held, success),

    observe(state, o, out, first) {
      locate(state, o);
      locatePlaces(state, o, places, 0);
      const { pos } = row;
      copy3(state, o + pos, out, first);
      copy3(state, o + row.vel, out, first + 3);
      out[first + 6] = state[o + row.opening]!;
      out[first + 7] = state[o + row.openingRate]!;
      out[first + 8] = state[o + row.opening]! - state[o + row.openingTarget]!;
      const isHidden = (from: Float64Array, k: number): boolean =>
        occlusion &&
        Math.abs(from[k]! - state[o + pos]!) < hand.palmHalf[0] &&
        Math.abs(from[k + 1]! - state[o + pos + 1]!) < hand.palmHalf[1];
      for (let k = 0; k < 4; k++)
        out[first + 9 + k] = isHidden(pin, k & 2) ? 0 : pin[k]! - state[o + pos + (k & 1)]!;
      out[first + 13] = state[o + line + 2]!;
      out[first + 14] = state[o + line + 3]!;
      let at = first + 15;
      for (let i = 0; i < links; i++) {
        const hidden = isHidden(middle, 3 * i);
        if (hidden) for (let k = 0; k < 3; k++) middle[3 * i + k] = state[o + pos + k]!;
        difference3(middle, 3 * i, state, o + pos, out, at);
        out[at + 3] = places[3 * i]! - middle[3 * i]!;
        out[at + 4] = places[3 * i + 1]! - middle[3 * i + 1]!;
        at += 5;
        if (occlusion) out[at++] = hidden ? 0 : 1;
        // A hinge's motion is seen where both of its links are.
        const joint = rates + 2 * (i - 1);
        seen[i] = hidden ? 0 : 1;
        if (i === 0) continue;
        const both = seen[i]! * seen[i - 1]!;
        out[first + joint] = both * state[o + bendRates[i - 1]!]!;
        out[first + joint + 1] = both * state[o + sagRates[i - 1]!]!;
      }
      for (let k = 0; k < 5; k++, at++) out[at] = seen[root]! * state[o + rootRate + k]!;
      at += 2 * bends.length;
      for (let k = 0; k < others.length; k++, at += 3)
        difference3(state, o + others[k]!, state, o + pos, out, at);
      clipTo(observationSpace, out, first);
    },

    success,

    stage(state, o) {
      if (success(state, o)) return 3;
      if (endDistance(state, o, 0) < endSlack || endDistance(state, o, 1) < endSlack) return 2;
      return isHeld(state, o, 0) || isHeld(state, o, 1) ? 1 : 0;
    },

    progress(state, o) {
      const d = distance(state, o);
      if (d < enough) return 1;
      const start = state[o + startDistance]!;
      return clamp((start - d) / (start - enough), 0, 0.99);
    },

    terminal: (state, o) => !settings.fixedHorizon && state[o + held]! >= holdSteps,

    reward(_state, _o, _action, _a, next, n, out, at) {
      const d = distance(next, n);
      const there = d < enough;
      const which = nextEnd(next, n);
      const reach = length3(
        pin[2 * which]! - next[n + row.pos]!,
        pin[2 * which + 1]! - next[n + row.pos + 1]!,
        Math.max(0, next[n + row.pos + 2]! - gripHeight),
      );
      out[at] = there ? 1 : 0;
      out[at + 1] = there ? 1 : tolerance(reach, [0, 0.01], { margin: 0.15, sigmoid: 'long_tail' });
      out[at + 2] = there || isHeld(next, n, 0) || isHeld(next, n, 1) ? 1 : 0;
      out[at + 3] = tolerance(d, [0, enough / 2], { margin: 0.1, sigmoid: 'long_tail' });
    },

    expert(state, o, out, at) {
      const gx = state[o + row.pos]!;
      const gy = state[o + row.pos + 1]!;
      const gz = state[o + row.pos + 2]!;
      const opening = state[o + row.opening]!;
      const d = distance(state, o);
      for (let end = 0; end < 2; end++) {
        const dx = pin[2 * end]! - gx;
        const dy = pin[2 * end + 1]! - gy;
        if (Math.abs(dx) > 0.014 || Math.abs(dy) > 0.02 || gz > 0.032) continue;
        // There, or more is to be had from the other end: near its place a pull drags the whole chain along.
        const isDone =
          d < 0.7 * enough ||
          (foresee(state, o, end, 1) < worthPulling &&
            foresee(state, o, 1 - end) > Math.max(worthChanging, foresee(state, o, end))) ||
          endDistance(state, o, end, beyond) < 0.006;
        if (isDone) {
          // Let go before going on.
          if (opening > openTo - 0.006) continue;
          writeCommand(0, 0, 0, out, at);
          out[at + 3] = -1;
          return;
        }
        out[at + 3] = 1;
        if (isHeld(state, o, end))
          moveTowards(state, o + row.pos, gx + way[0]!, gy + way[1]!, gripHeight, out, at);
        else moveTowards(state, o + row.pos, gx + dx, gy + dy, gripHeight, out, at);
        return;
      }
      out[at + 3] = open(state, o);
      if (d < 0.9 * enough) {
        moveTowards(state, o + row.pos, gx, gy, 0.1, out, at);
        return;
      }
      const end = nextEnd(state, o);
      const x = pin[2 * end]!;
      const y = pin[2 * end + 1]!;
      if (length2(x - gx, y - gy) < 0.006 && opening > openTo - 0.006)
        moveTowards(state, o + row.pos, x, y, gripHeight, out, at);
      else if (gz < travelHeight - 0.01) moveTowards(state, o + row.pos, gx, gy, travelHeight, out, at);
      else moveTowards(state, o + row.pos, x, y, travelHeight, out, at);
    },

    poses: kit.poses,

    ...kit.touch,
    goals,
  };
}

export const rope: Task = {
  id: 'rope',
  title: 'Rope',
  summary: 'Lay a chain of links along a line by pulling its ends.',
  version: 1,
  fields,
  training: {
    ppo: {
      reward: 'dense',
      settings: {
        steps: 10_000_000,
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
