/**
 * The hand of the arm: a palm with two fingers that point down, carried along x, y, z by three force-limited velocity servos, as
 * a Cartesian controller of a stiff arm would do it. Its coordinates are the point between the fingertips ("tool").
 * The fingers mirror each other along y and share one coordinate, the opening (tool to pad); a servo of limited force
 * drives it, so that grip is limited and things can slip out.
 */

import type { BodyDef, ShapeDef } from '../engine/scene.ts';
import type { World } from '../engine/world.ts';

/** Metres, kilograms, newtons. */
export const hand = {
  speed: 0.25,
  /** What the arm can push with along each axis. */
  force: 30,
  mass: 1,
  damping: 60,
  /** Fingers as boxes: half width along x, thickness along y (outwards from the pad), height above the tip. */
  fingerHalfX: 0.011,
  fingerThickness: 0.012,
  fingerHeight: 0.055,
  fingerMass: 0.1,
  fingerFriction: 1,
  fingerSpeed: 0.1,
  /** Largest force of each pad. */
  gripForce: 10,
  openingMax: 0.04,
  /** How far the servo's aim may run ahead of the fingers: at full windup the grip is at its limit. */
  windup: 0.01,
  palmHalf: [0.0275, 0.08, 0.0325],
  /** Where the tool can go. */
  low: [-0.25, -0.3, 0.006],
  high: [0.25, 0.3, 0.3],
} as const;

/** Collision groups: the hand, things on the table, furniture. */
export const groups = { hand: 1, thing: 2, fixture: 4 } as const;

export interface HandOptions {
  /** Default: `hand.low` and `hand.high`. */
  readonly low?: readonly [number, number, number];
  readonly high?: readonly [number, number, number];
  /** Without: the fingers are one closed block and have no coordinate. */
  readonly fingers?: boolean;
  /** Whether the palm takes part in contacts; it is high above the fingertips. Default true. */
  readonly palm?: boolean;
  /** Top speed along each axis, m/s. Default: `hand.speed`. */
  readonly speed?: number;
  /** How fast a commanded velocity is taken up, m/s^2: slower is calmer. Default: at once. */
  readonly acceleration?: number;
}

/** A hand that explores without knocking things about: what a noisy policy commands is smoothed over a few control steps. */
export const calm = { speed: 0.15, acceleration: 2.5 } as const;

/** Bodies `hand`, and `leftFinger` and `rightFinger` where it has fingers. Joints `tool.x`, `tool.y`, `tool.z`, `opening`. */
export function handBodies(options: HandOptions = {}): BodyDef[] {
  const { low = hand.low, high = hand.high, fingers = true, palm = true } = options;
  const halfHeight = hand.fingerHeight / 2;
  const common = {
    group: groups.hand,
    mask: groups.thing | groups.fixture,
    friction: hand.fingerFriction,
  } as const;
  const finger = (y: number): ShapeDef => ({
    ...common,
    type: 'box',
    half: [hand.fingerHalfX, hand.fingerThickness / 2, halfHeight],
    position: [0, y, halfHeight],
  });
  const palmShape: ShapeDef = {
    ...common,
    type: 'box',
    half: [...hand.palmHalf],
    position: [0, 0, hand.fingerHeight + hand.palmHalf[2]],
  };
  const motor = { type: 'velocity', damping: hand.damping, limit: hand.force } as const;
  const bodies: BodyDef[] = [
    {
      name: 'hand',
      mass: hand.mass,
      gravity: 0,
      shapes: [
        ...(palm ? [palmShape] : []),
        ...(fingers
          ? []
          : [
              {
                ...common,
                type: 'box',
                half: [hand.fingerHalfX, hand.fingerThickness, halfHeight],
                position: [0, 0, halfHeight],
              } as const,
            ]),
      ],
      ...(palm || !fingers ? {} : { inertia: [1, 1, 1] as const }),
      joints: [
        { type: 'slider', name: 'tool.x', axis: [1, 0, 0], limits: [low[0], high[0]], motor },
        { type: 'slider', name: 'tool.y', axis: [0, 1, 0], limits: [low[1], high[1]], motor },
        { type: 'slider', name: 'tool.z', axis: [0, 0, 1], limits: [low[2], high[2]], motor },
      ],
    },
  ];
  if (!fingers) return bodies;
  const side = hand.fingerThickness / 2;
  bodies.push(
    {
      name: 'leftFinger',
      parent: 'hand',
      mass: hand.fingerMass,
      gravity: 0,
      shapes: [finger(side)],
      joints: [
        {
          type: 'slider',
          name: 'opening',
          axis: [0, 1, 0],
          limits: [0, hand.openingMax],
          motor: {
            type: 'position',
            // One coordinate drives both pads: each gets half of its force.
            stiffness: (2 * hand.gripForce) / hand.windup,
            damping: 60,
            limit: 2 * hand.gripForce,
          },
        },
      ],
    },
    {
      name: 'rightFinger',
      parent: 'hand',
      mass: hand.fingerMass,
      gravity: 0,
      shapes: [finger(-side)],
      joints: [{ type: 'slider', name: 'opening.right', axis: [0, 1, 0], mirror: 'opening' }],
    },
  );
  return bodies;
}

/** Offsets of the hand's numbers in the row of a world. */
export interface HandRow {
  /** x y z */
  readonly pos: number;
  readonly vel: number;
  readonly velTarget: number;
  /** -1 without fingers. */
  readonly opening: number;
  readonly openingRate: number;
  readonly openingTarget: number;
  /** m/s, m/s^2 */
  readonly speed: number;
  readonly acceleration: number;
}

export function handRow(
  world: World,
  { speed = hand.speed, acceleration = Infinity }: HandOptions = {},
): HandRow {
  const fingers = world.tables.named.has('opening');
  return {
    pos: world.at('tool.x'),
    vel: world.at('tool.x.rate'),
    velTarget: world.at('tool.x.target'),
    opening: fingers ? world.at('opening') : -1,
    openingRate: fingers ? world.at('opening.rate') : -1,
    openingTarget: fingers ? world.at('opening.target') : -1,
    speed,
    acceleration,
  };
}

const clampUnit = (x: number): number => (x > 1 ? 1 : x < -1 ? -1 : x);

/**
 * Writes the servos' targets for one control step of `dt` seconds. Action, each in [-1, 1]: tool velocity x y z as a share of
 * its top speed, then, with fingers, closing (+) or opening (-) speed.
 */
export function commandHand(
  state: Float64Array,
  o: number,
  row: HandRow,
  action: Float64Array,
  a: number,
  dt: number,
): void {
  const most = row.acceleration * dt;
  for (let k = 0; k < 3; k++) {
    const wanted = row.speed * clampUnit(action[a + k]!);
    const now = state[o + row.velTarget + k]!;
    state[o + row.velTarget + k] =
      wanted > now + most ? now + most : wanted < now - most ? now - most : wanted;
  }
  if (row.opening < 0) return;
  const opening = state[o + row.opening]!;
  const wanted = state[o + row.openingTarget]! - hand.fingerSpeed * dt * clampUnit(action[a + 3]!);
  const low = Math.max(-hand.windup, opening - hand.windup);
  const high = Math.min(hand.openingMax, opening + hand.windup);
  state[o + row.openingTarget] = wanted < low ? low : wanted > high ? high : wanted;
}
