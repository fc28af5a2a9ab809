/** The engine of `sim/engine/world.ts` in the same scenes. */

import type { BodyDef, SceneDef } from '../../sim/engine/scene.ts';
import { World } from '../../sim/engine/world.ts';
import { arm, armAngle, dt, type Engine, gantry, graspCommand, type Peer } from './scenes.ts';

const { cube, hand, finger, friction, tableHalf } = gantry;
/** The hand and the links meet the table and the cube, not each other. */
const robot = { group: 1, mask: 2 } as const;
const thing = { group: 2, mask: 3 } as const;

const furniture: BodyDef[] = [
  {
    name: 'table',
    shapes: [
      { type: 'box', half: tableHalf, position: [0, 0, -tableHalf[2]], friction: friction.table, ...thing },
    ],
  },
  {
    name: 'cube',
    mass: cube.mass,
    position: [0, 0, cube.half],
    joints: [{ type: 'free' }],
    shapes: [{ type: 'box', half: [cube.half, cube.half, cube.half], friction: friction.cube, ...thing }],
  },
];

const fingerBody = (name: string, sign: number): BodyDef => ({
  name,
  parent: 'hand',
  mass: finger.mass,
  gravity: 0,
  joints: [
    {
      type: 'slider',
      name,
      axis: [0, sign, 0],
      limits: [0, finger.openMost],
      motor: { type: 'position', stiffness: finger.stiffness, damping: finger.damping, limit: finger.force },
    },
  ],
  shapes: [
    {
      type: 'box',
      half: finger.half,
      position: [0, sign * finger.half[1], finger.half[2]],
      friction: friction.finger,
      ...robot,
    },
  ],
});

const servo = { type: 'velocity', damping: hand.damping, limit: hand.force } as const;

const gantryScene: SceneDef = {
  physicsDt: dt,
  bodies: [
    ...furniture,
    {
      name: 'hand',
      mass: hand.mass,
      gravity: 0,
      position: [0, 0, gantry.startHeight],
      joints: [
        { type: 'slider', name: 'x', axis: [1, 0, 0], motor: servo },
        { type: 'slider', name: 'y', axis: [0, 1, 0], motor: servo },
        { type: 'slider', name: 'z', axis: [0, 0, 1], motor: servo },
      ],
      shapes: [{ type: 'box', half: hand.palmHalf, position: [0, 0, hand.palmHeight], ...robot }],
    },
    fingerBody('left', 1),
    fingerBody('right', -1),
  ],
};

const armScene: SceneDef = {
  physicsDt: dt,
  bodies: [
    ...furniture,
    ...Array.from(
      { length: arm.joints },
      (_, joint): BodyDef => ({
        name: `link${joint}`,
        ...(joint === 0 ? {} : { parent: `link${joint - 1}` }),
        position: joint === 0 ? arm.base : [0, 0, arm.linkLength],
        mass: arm.linkMass,
        joints: [
          {
            type: 'hinge',
            name: `j${joint}`,
            axis: joint % 2 === 0 ? [0, 0, 1] : [0, 1, 0],
            damping: arm.damping,
            motor: { type: 'position', stiffness: arm.stiffness, limit: arm.force },
          },
        ],
        shapes: [
          {
            type: 'capsule',
            radius: arm.linkRadius,
            length: arm.linkLength,
            position: [0, 0, arm.linkLength / 2],
            ...robot,
          },
        ],
      }),
    ),
  ],
};

export function openOurs(): Engine {
  const open = (
    scene: SceneDef,
    worlds: number,
    write: (world: World, states: Float64Array, o: number, t: number) => void,
  ): Peer => {
    const world = new World(scene);
    const dim = world.stateDim;
    const states = new Float64Array(worlds * dim);
    const height = world.at('cube.pos') + 2;
    return {
      worlds,
      reset() {
        for (let w = 0; w < worlds; w++) world.rest(states, w * dim);
      },
      command(t) {
        for (let w = 0; w < worlds; w++) write(world, states, w * dim, t);
      },
      step(n) {
        for (let w = 0; w < worlds; w++) world.step(states, w * dim, n);
      },
      cubeHeight: (w) => states[w * dim + height]!,
      dispose: () => undefined,
    };
  };
  return {
    name: 'Reward Lab',
    gantry: (worlds) =>
      open(gantryScene, worlds, (world, states, o, t) => {
        const { rise, opening } = graspCommand(t);
        states[o + world.at('z.target')] = rise;
        states[o + world.at('left.target')] = opening;
        states[o + world.at('right.target')] = opening;
      }),
    arm: (worlds) =>
      open(armScene, worlds, (world, states, o, t) => {
        for (let j = 0; j < arm.joints; j++) states[o + world.at(`j${j}.target`)] = armAngle(j, t);
      }),
  };
}
