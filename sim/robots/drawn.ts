/** The bodies of an engine scene as the window and the cameras draw them: a `Body` for every shape that is not a plane. */

import { multiplyQuat, type Quat, type SceneDef, type ShapeDef } from '../engine/scene.ts';
import type { World } from '../engine/world.ts';
import type { Body, BodyRole, Colour } from '../env.ts';

export interface Look {
  readonly role: BodyRole;
  readonly colour?: Colour;
}

/** Bodies and their poses; `write` fills 7 numbers a body: px py pz qx qy qz qw. */
export interface DrawnScene {
  readonly bodies: readonly Body[];
  write(state: Float64Array, o: number, out: Float32Array, at: number): void;
}

function drawnShape(shape: ShapeDef): Body['shape'] | null {
  switch (shape.type) {
    case 'box':
      return { type: 'box', size: [2 * shape.half[0], 2 * shape.half[1], 2 * shape.half[2]] };
    case 'sphere':
      return { type: 'sphere', radius: shape.radius };
    case 'capsule':
      return { type: 'capsule', radius: shape.radius, length: shape.length };
    case 'plane':
      return null;
  }
}

/**
 * `looks`: by body name; bodies without are not drawn. A body of several shapes is drawn as `name`, `name2`, ...
 * `write` calls `world.kinematics`.
 */
export function drawWorld(world: World, scene: SceneDef, looks: Readonly<Record<string, Look>>): DrawnScene {
  const bodies: Body[] = [];
  const parts: { body: number; position: readonly [number, number, number]; rotation: Quat }[] = [];
  scene.bodies.forEach((def, index) => {
    const look = looks[def.name];
    if (look === undefined) return;
    let count = 0;
    for (const shape of def.shapes ?? []) {
      const drawn = drawnShape(shape);
      if (drawn === null) continue;
      count++;
      bodies.push({ name: count === 1 ? def.name : `${def.name}${count}`, shape: drawn, ...look });
      parts.push({
        body: index,
        position: shape.position ?? [0, 0, 0],
        rotation: shape.rotation ?? [0, 0, 0, 1],
      });
    }
  });
  return {
    bodies,
    write(state, o, out, at) {
      world.kinematics(state, o);
      const { pos, rot, quat } = world;
      for (let i = 0; i < parts.length; i++) {
        const { body: b, position: p, rotation } = parts[i]!;
        const r = 9 * b;
        const to = at + 7 * i;
        for (let k = 0; k < 3; k++)
          out[to + k] =
            pos[3 * b + k]! +
            rot[r + 3 * k]! * p[0] +
            rot[r + 3 * k + 1]! * p[1] +
            rot[r + 3 * k + 2]! * p[2];
        const turn = multiplyQuat(
          [quat[4 * b]!, quat[4 * b + 1]!, quat[4 * b + 2]!, quat[4 * b + 3]!],
          rotation,
        );
        for (let k = 0; k < 4; k++) out[to + 3 + k] = turn[k]!;
      }
    },
  };
}
