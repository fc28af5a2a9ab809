/**
 * A quadruped for the engine: a trunk and four legs of two equal bones, hip and knee turning about y, knees pointing
 * back. Lengths in metres, angles in radians, masses in kilograms.
 */

import type { BodyDef, ShapeDef } from '../engine/scene.ts';

export const quadruped = {
  bone: 0.2,
  footRadius: 0.03,
  /** Half bend of the legs when standing: hips at `bend`, knees at -2 `bend`. */
  bend: 0.6,
  hipX: 0.2,
  hipY: 0.12,
  trunkHalf: [0.26, 0.09, 0.055],
  /** Servos of all joints: N m/rad, N m s/rad, N m. */
  stiffness: 80,
  damping: 2,
  limit: 30,
} as const;

/** In the order of the actions; `x` and `y` say where the leg hangs, `phase` is 0 or half a turn of the trot. */
export const quadrupedLegs = [
  { name: 'frontLeft', x: 1, y: 1, phase: 1 },
  { name: 'frontRight', x: 1, y: -1, phase: -1 },
  { name: 'backLeft', x: -1, y: 1, phase: -1 },
  { name: 'backRight', x: -1, y: -1, phase: 1 },
] as const;

/** Joints in the order of the actions. */
export const quadrupedJoints: readonly string[] = quadrupedLegs.flatMap(({ name }) => [
  `${name}Hip`,
  `${name}Knee`,
]);

/** Drawn and weighed, but meets nothing. */
const ghost = { mask: 0, group: 0 } as const;

/** `massFactor(name)` scales each body's mass, `boneFactor` the length of all bones. */
export function quadrupedBodies(massFactor: (name: string) => number, boneFactor: number): BodyDef[] {
  const { bone, footRadius, hipX, hipY, trunkHalf, stiffness, damping, limit } = quadruped;
  const length = bone * boneFactor;
  const motor = { type: 'position', stiffness, damping, limit } as const;
  const axis = [0, 1, 0] as const;
  const boneShape = (radius: number): ShapeDef => ({
    type: 'capsule',
    radius,
    length: length - 2 * radius,
    position: [0, 0, -length / 2],
    ...ghost,
  });
  return [
    {
      name: 'trunk',
      joints: [{ type: 'free' }],
      shapes: [
        { type: 'box', half: trunkHalf },
        { type: 'sphere', radius: 0.06, position: [trunkHalf[0] + 0.03, 0, 0.03], ...ghost },
      ],
      mass: 8 * massFactor('trunk'),
    },
    ...quadrupedLegs.flatMap(({ name, x, y }): BodyDef[] => [
      {
        name: `${name}Thigh`,
        parent: 'trunk',
        position: [x * hipX, y * hipY, 0],
        joints: [{ type: 'hinge', name: `${name}Hip`, axis, limits: [-0.8, 1.8], armature: 0.01, motor }],
        shapes: [boneShape(0.032)],
        mass: 0.7 * massFactor(`${name}Thigh`),
      },
      {
        name: `${name}Shin`,
        parent: `${name}Thigh`,
        position: [0, 0, -length],
        joints: [{ type: 'hinge', name: `${name}Knee`, axis, limits: [-2.4, -0.1], armature: 0.01, motor }],
        shapes: [
          { type: 'sphere', radius: footRadius, position: [0, 0, -length], friction: 0.8 },
          boneShape(0.02),
        ],
        mass: 0.3 * massFactor(`${name}Shin`),
      },
    ]),
  ];
}
