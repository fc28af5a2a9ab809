/** Rapier in WebAssembly, its plain and its SIMD build, with its own defaults. Slides are impulse joints with motors. */

import type * as Rapier from '@dimforge/rapier3d-compat';
import { dt, type Engine, gantry, graspCommand, type Peer } from './scenes.ts';

type Module = typeof Rapier;

const { cube, hand, finger, friction, tableHalf } = gantry;
/** Memberships in the high half, what they meet in the low: the hand meets things, not itself. */
const robotGroups = (1 << 16) | 2;
const thingGroups = (2 << 16) | 3;

interface Copy {
  readonly world: Rapier.World;
  readonly start: Uint8Array;
  readonly cube: number;
  readonly rise: number;
  readonly fingers: readonly number[];
}

function build(R: Module): Copy {
  const world = new R.World({ x: 0, y: 0, z: -9.81 });
  world.timestep = dt;
  const table = world.createRigidBody(R.RigidBodyDesc.fixed());
  world.createCollider(
    R.ColliderDesc.cuboid(...tableHalf)
      .setTranslation(0, 0, -tableHalf[2])
      .setFriction(friction.table)
      .setCollisionGroups(thingGroups),
    table,
  );
  const box = world.createRigidBody(
    R.RigidBodyDesc.dynamic().setTranslation(0, 0, cube.half).setCanSleep(false),
  );
  world.createCollider(
    R.ColliderDesc.cuboid(cube.half, cube.half, cube.half)
      .setMass(cube.mass)
      .setFriction(friction.cube)
      .setCollisionGroups(thingGroups),
    box,
  );
  // One body on one generic joint that leaves the three translations free would have no force-limited motors.
  const carried = (mass: number): Rapier.RigidBody =>
    world.createRigidBody(
      R.RigidBodyDesc.dynamic()
        .setTranslation(0, 0, gantry.startHeight)
        .setGravityScale(0)
        .setAdditionalMassProperties(
          mass,
          { x: 0, y: 0, z: 0 },
          { x: mass / 100, y: mass / 100, z: mass / 100 },
          { x: 0, y: 0, z: 0, w: 1 },
        )
        .setCanSleep(false),
    );
  const here = { x: 0, y: 0, z: 0 };
  const slide = (
    parent: Rapier.RigidBody,
    child: Rapier.RigidBody,
    axis: { x: number; y: number; z: number },
    anchor = here,
  ): Rapier.PrismaticImpulseJoint => {
    const joint = world.createImpulseJoint(
      R.JointData.prismatic(anchor, here, axis),
      parent,
      child,
      true,
    ) as Rapier.PrismaticImpulseJoint;
    joint.configureMotorModel(R.MotorModel.ForceBased);
    return joint;
  };
  const base = world.createRigidBody(R.RigidBodyDesc.fixed());
  // The carriages between the axes share the hand's mass with it.
  const [alongX, alongY, palm] = [carried(hand.mass / 4), carried(hand.mass / 4), carried(hand.mass / 2)];
  const axes = [
    slide(base, alongX, { x: 1, y: 0, z: 0 }, { x: 0, y: 0, z: gantry.startHeight }),
    slide(alongX, alongY, { x: 0, y: 1, z: 0 }),
    slide(alongY, palm, { x: 0, y: 0, z: 1 }),
  ];
  for (const axis of axes) {
    axis.setMotorMaxForce(hand.force);
    axis.configureMotorVelocity(0, hand.damping);
  }
  world.createCollider(
    R.ColliderDesc.cuboid(...hand.palmHalf)
      .setTranslation(0, 0, hand.palmHeight)
      .setDensity(0)
      .setCollisionGroups(robotGroups),
    palm,
  );
  const fingers = [1, -1].map((sign) => {
    const body = carried(finger.mass);
    world.createCollider(
      R.ColliderDesc.cuboid(...finger.half)
        .setTranslation(0, sign * finger.half[1], finger.half[2])
        .setDensity(0)
        .setFriction(friction.finger)
        .setCollisionGroups(robotGroups),
      body,
    );
    const joint = slide(palm, body, { x: 0, y: sign, z: 0 });
    joint.setLimits(0, finger.openMost);
    joint.setMotorMaxForce(finger.force);
    joint.configureMotorPosition(0, finger.stiffness, finger.damping);
    return joint.handle;
  });
  return { world, start: world.takeSnapshot(), cube: box.handle, rise: axes[2]!.handle, fingers };
}

async function open(name: string, R: Module): Promise<Engine> {
  await R.init();
  return {
    name: `${name} ${R.version()}`,
    gantry(worlds): Peer {
      let copies = Array.from({ length: worlds }, () => build(R));
      return {
        worlds,
        reset() {
          copies = copies.map((copy) => {
            copy.world.free();
            const world = R.World.restoreSnapshot(copy.start);
            world.timestep = dt;
            return { ...copy, world };
          });
        },
        command(t) {
          const { rise, opening } = graspCommand(t);
          for (const { world, rise: lift, fingers } of copies) {
            (world.getImpulseJoint(lift) as Rapier.PrismaticImpulseJoint).configureMotorVelocity(
              rise,
              hand.damping,
            );
            for (const handle of fingers) {
              const joint = world.getImpulseJoint(handle) as Rapier.PrismaticImpulseJoint;
              joint.configureMotorPosition(opening, finger.stiffness, finger.damping);
            }
          }
        },
        step(n) {
          for (const { world } of copies) for (let i = 0; i < n; i++) world.step();
        },
        cubeHeight: (w) => copies[w]!.world.getRigidBody(copies[w]!.cube).translation().z,
        dispose() {
          for (const { world } of copies) world.free();
        },
      };
    },
  };
}

export const openRapier = async (): Promise<Engine> =>
  open('Rapier', await import('@dimforge/rapier3d-compat'));

/** The SIMD build has the same interface. */
export const openRapierSimd = async (): Promise<Engine> =>
  open('Rapier SIMD', (await import('@dimforge/rapier3d-simd-compat')) as unknown as Module);
