/**
 * MuJoCo in WebAssembly (`@mujoco/mujoco`), with its own defaults. The arm's damping is in its joints, where the default
 * integrator takes it implicitly; in the servos it would need a slower one.
 */

import { readFileSync } from 'node:fs';
import loadMujoco from '@mujoco/mujoco';
import { arm, armAngle, dt, type Engine, gantry, graspCommand, type Peer } from './scenes.ts';

const { cube, hand, finger, friction, tableHalf } = gantry;

const world = (bodies: string, actuators: string): string => `<mujoco>
  <option timestep="${dt}"/>
  <compiler autolimits="true" angle="radian"/>
  <worldbody>
    <geom type="box" size="${tableHalf.join(' ')}" pos="0 0 ${-tableHalf[2]}" friction="${friction.table}" contype="2" conaffinity="3"/>
    <body name="cube" pos="0 0 ${cube.half}">
      <freejoint/>
      <geom type="box" size="${cube.half} ${cube.half} ${cube.half}" mass="${cube.mass}" friction="${friction.cube}" contype="2" conaffinity="3"/>
    </body>
    ${bodies}
  </worldbody>
  <actuator>${actuators}</actuator>
</mujoco>`;

const fingerXml = (name: string, sign: number): string => `
  <body name="${name}" gravcomp="1">
    <joint name="${name}" type="slide" axis="0 ${sign} 0" range="0 ${finger.openMost}"/>
    <geom type="box" size="${finger.half.join(' ')}" pos="0 ${sign * finger.half[1]} ${finger.half[2]}" mass="${finger.mass}" friction="${friction.finger}" contype="1" conaffinity="2"/>
  </body>`;

const gantryXml = world(
  `<body name="hand" gravcomp="1" pos="0 0 ${gantry.startHeight}">
    <joint name="x" type="slide" axis="1 0 0"/><joint name="y" type="slide" axis="0 1 0"/><joint name="z" type="slide" axis="0 0 1"/>
    <geom type="box" size="${hand.palmHalf.join(' ')}" pos="0 0 ${hand.palmHeight}" mass="${hand.mass}" contype="1" conaffinity="2"/>
    ${fingerXml('left', 1)}${fingerXml('right', -1)}
  </body>`,
  ['x', 'y', 'z']
    .map(
      (axis) => `<velocity joint="${axis}" kv="${hand.damping}" forcerange="${-hand.force} ${hand.force}"/>`,
    )
    .concat(
      ['left', 'right'].map(
        (name) =>
          `<position joint="${name}" kp="${finger.stiffness}" kv="${finger.damping}" forcerange="${-finger.force} ${finger.force}"/>`,
      ),
    )
    .join(''),
);

const linkXml = (joint: number): string =>
  joint === arm.joints
    ? ''
    : `<body pos="${joint === 0 ? arm.base.join(' ') : `0 0 ${arm.linkLength}`}">
        <joint name="j${joint}" type="hinge" axis="${joint % 2 === 0 ? '0 0 1' : '0 1 0'}" damping="${arm.damping}"/>
        <geom type="capsule" fromto="0 0 0 0 0 ${arm.linkLength}" size="${arm.linkRadius}" mass="${arm.linkMass}" contype="1" conaffinity="2"/>
        ${linkXml(joint + 1)}
      </body>`;

const armXml = world(
  linkXml(0),
  Array.from(
    { length: arm.joints },
    (_, joint) =>
      `<position joint="j${joint}" kp="${arm.stiffness}" forcerange="${-arm.force} ${arm.force}"/>`,
  ).join(''),
);

export async function openMujoco(): Promise<Engine> {
  const mujoco = await loadMujoco();
  const open = (xml: string, worlds: number, write: (ctrl: Float64Array, t: number) => void): Peer => {
    const model = mujoco.MjModel.from_xml_string(xml);
    const all = Array.from({ length: worlds }, () => new mujoco.MjData(model));
    // The views into its memory hold as long as that does not grow.
    const ctrl = all.map((data) => data.ctrl as Float64Array);
    return {
      worlds,
      reset() {
        for (const data of all) mujoco.mj_resetData(model, data);
      },
      command(t) {
        for (const one of ctrl) write(one, t);
      },
      step(n) {
        for (const data of all) for (let i = 0; i < n; i++) mujoco.mj_step(model, data);
      },
      // The cube is the first body of the row: x y z come first.
      cubeHeight: (index) => (all[index]!.qpos as Float64Array)[2]!,
      dispose() {
        for (const data of all) data.delete();
        model.delete();
      },
    };
  };
  const path = new URL('../../node_modules/@mujoco/mujoco/package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return {
    name: `MuJoCo ${version} WASM`,
    gantry: (worlds) =>
      open(gantryXml, worlds, (ctrl, t) => {
        const { rise, opening } = graspCommand(t);
        ctrl[2] = rise;
        ctrl[3] = ctrl[4] = opening;
      }),
    arm: (worlds) =>
      open(armXml, worlds, (ctrl, t) => {
        for (let joint = 0; joint < arm.joints; joint++) ctrl[joint] = armAngle(joint, t);
      }),
  };
}
