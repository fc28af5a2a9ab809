/**
 * MuJoCo behind the same face. A scene is written as MJCF with the same masses, middles of mass and inertias, the same pairs of
 * shapes with the same coefficients of friction, the same motors and the same time step (one step a physics step); contacts are
 * as soft as MuJoCo's defaults make them, the friction cone is elliptic, as ours is round.
 */

import { readFileSync } from 'node:fs';
import loadMujoco from '@mujoco/mujoco';
import {
  buildTables,
  type JointDef,
  type SceneDef,
  type ShapeDef,
  type Vec3,
} from '../../sim/engine/scene.ts';
import type { Bench, Engine } from './engine.ts';

const vec = (v: readonly number[]): string => v.join(' ');
const quat = ([x, y, z, w]: readonly number[]): string => `${w} ${x} ${y} ${z}`;

function geom(shape: ShapeDef, name: string): string {
  const size =
    shape.type === 'plane'
      ? '0 0 1'
      : shape.type === 'box'
        ? vec(shape.half)
        : shape.type === 'sphere'
          ? `${shape.radius}`
          : `${shape.radius} ${shape.length / 2}`;
  // Who meets whom is said by pairs.
  return `<geom name="${name}" type="${shape.type}" size="${size}" pos="${vec(shape.position ?? [0, 0, 0])}" quat="${quat(shape.rotation ?? [0, 0, 0, 1])}" contype="0" conaffinity="0"/>`;
}

/** @throws RangeError on what MuJoCo has no like of. */
function joint(def: JointDef, jointsBefore: readonly JointDef[]): string {
  switch (def.type) {
    case 'placed':
      return '';
    case 'free':
      return '<freejoint/>';
    case 'ball':
      if (def.cone !== undefined) throw new RangeError(`joint ${def.name}: MuJoCo has no cone`);
      return `<joint name="${def.name}" type="ball" pos="${vec(def.anchor ?? [0, 0, 0])}" damping="${def.damping ?? 0}"/>`;
    default: {
      const of = jointsBefore.find((one) => 'name' in one && one.name === def.mirror);
      const limits = def.limits ?? (of !== undefined && 'limits' in of ? of.limits : undefined);
      const axis = def.mirror === undefined ? def.axis : def.axis.map((x) => -x);
      return `<joint name="${def.name}" type="${def.type === 'hinge' ? 'hinge' : 'slide'}" axis="${vec(axis)}" pos="${vec(def.anchor ?? [0, 0, 0])}" damping="${def.damping ?? 0}" stiffness="${def.stiffness ?? 0}" springref="${def.rest ?? 0}" armature="${def.armature ?? 0}" frictionloss="${def.friction ?? 0}" ${limits === undefined ? '' : `range="${vec(limits)}"`}/>`;
    }
  }
}

/**
 * Spring and damper of a contact that give back the share e of a speed. A mass on a spring w and damper z leaves when the force
 * is 0, with e = exp(-2 z acos(z) / sqrt(1 - z^2)).
 */
function bouncySolref(e: number, dt: number): string {
  let low = 0;
  let high = 0.999;
  for (let i = 0; i < 60; i++) {
    const z = (low + high) / 2;
    if (Math.exp((-2 * z * Math.acos(z)) / Math.sqrt(1 - z * z)) > e) low = z;
    else high = z;
  }
  // As stiff as the time step bears: about forty steps a contact.
  const w = Math.PI / (40 * dt);
  return `solref="${-w * w} ${-2 * low * w}" solimp="0.9999 0.9999 0.001"`;
}

export function toMjcf(scene: SceneDef): string {
  const t = buildTables(scene);
  const joints = scene.bodies.flatMap((body) => body.joints ?? []);
  let shapes = 0;
  const firstShape = scene.bodies.map((body) => {
    const first = shapes;
    shapes += body.shapes?.length ?? 0;
    return first;
  });
  const bodyXml = (b: number): string => {
    const def = scene.bodies[b]!;
    const children = scene.bodies.flatMap((one, c) => (one.parent === def.name ? [bodyXml(c)] : []));
    const inertia = [...t.inertia.subarray(6 * b, 6 * b + 6)];
    const inertial =
      t.tree[b] === -1
        ? ''
        : `<inertial pos="${vec([...t.centre.subarray(3 * b, 3 * b + 3)])}" mass="${t.mass[b]}" fullinertia="${vec(inertia)}"/>`;
    return `<body name="${def.name}" pos="${vec(def.position ?? [0, 0, 0])}" quat="${quat(def.rotation ?? [0, 0, 0, 1])}" gravcomp="${1 - (def.gravity ?? 1)}">
      ${(def.joints ?? []).map((one) => joint(one, joints)).join('')}${inertial}
      ${(def.shapes ?? []).map((shape, i) => geom(shape, `g${firstShape[b]! + i}`)).join('')}
      ${children.join('')}
    </body>`;
  };
  const actuators = joints.flatMap((def) => {
    if ((def.type !== 'hinge' && def.type !== 'slider') || def.motor === undefined) return [];
    const { type, stiffness = 0, damping = 0, limit } = def.motor;
    const force = limit === undefined ? '' : `forcerange="${-limit} ${limit}"`;
    const common = `name="${def.name}" joint="${def.name}" ${force}`;
    if (type === 'position') return [`<position ${common} kp="${stiffness}" kv="${damping}"/>`];
    return [type === 'velocity' ? `<velocity ${common} kv="${damping}"/>` : `<motor ${common}/>`];
  });
  const mirrors = joints.flatMap((def) =>
    'mirror' in def && def.mirror !== undefined
      ? [`<joint joint1="${def.name}" joint2="${def.mirror}" polycoef="0 1 0 0 0"/>`]
      : [],
  );
  const pairs = Array.from({ length: t.pairs }, (_, i) => {
    const mu = t.pairFriction[i]!;
    const e = t.pairRestitution[i]!;
    return `<pair geom1="g${t.pairA[i]}" geom2="g${t.pairB[i]}" condim="${mu === 0 ? 1 : 3}" friction="${mu} ${mu} 0.005 0.0001 0.0001" ${e > 0 ? bouncySolref(e, scene.physicsDt) : ''}/>`;
  });
  return `<mujoco>
    <compiler autolimits="true" angle="radian" boundmass="0" boundinertia="0"/>
    <option timestep="${scene.physicsDt}" gravity="${vec(scene.gravity ?? [0, 0, -9.81])}" cone="elliptic" integrator="${scene.integrator === 'midpoint' ? 'RK4' : 'Euler'}"><flag energy="enable"/></option>
    <worldbody>${scene.bodies.flatMap((def, b) => (def.parent === undefined ? [bodyXml(b)] : [])).join('')}</worldbody>
    <contact>${pairs.join('')}</contact><equality>${mirrors.join('')}</equality><actuator>${actuators.join('')}</actuator>
  </mujoco>`;
}

export async function openMujoco(): Promise<Engine> {
  const mujoco = await loadMujoco();
  const open = (scene: SceneDef): Bench => {
    const model = mujoco.MjModel.from_xml_string(toMjcf(scene));
    const data = new mujoco.MjData(model);
    const qpos = data.qpos as Float64Array;
    const qvel = data.qvel as Float64Array;
    const bodyIds = { mjOBJ_BODY: 1, mjOBJ_JOINT: 3, mjOBJ_ACTUATOR: 19 } as const;
    const id = (kind: keyof typeof bodyIds, name: string): number => {
      const found = mujoco.mj_name2id(model, bodyIds[kind], name);
      if (found < 0) throw new RangeError(`MuJoCo: no ${kind} ${name}`);
      return found;
    };
    const qAt = (name: string): number => (model.jnt_qposadr as Int32Array)[id('mjOBJ_JOINT', name)]!;
    const vAt = (name: string): number => (model.jnt_dofadr as Int32Array)[id('mjOBJ_JOINT', name)]!;
    const bodyV = (name: string): number => (model.body_dofadr as Int32Array)[id('mjOBJ_BODY', name)]!;
    const rotation = (body: string): readonly number[] => {
      mujoco.mj_kinematics(model, data);
      const b = 9 * id('mjOBJ_BODY', body);
      return [...(data.xmat as Float64Array).subarray(b, b + 9)];
    };
    return {
      step(count) {
        for (let i = 0; i < count; i++) mujoco.mj_step(model, data);
      },
      joint: (name) => qpos[qAt(name)]!,
      rate: (name) => qvel[vAt(name)]!,
      setJoint(name, position, rate = 0) {
        qpos[qAt(name)] = position;
        qvel[vAt(name)] = rate;
        for (const one of scene.bodies.flatMap((body) => body.joints ?? [])) {
          if (!('mirror' in one) || one.mirror !== name) continue;
          qpos[qAt(one.name)] = position;
          qvel[vAt(one.name)] = rate;
        }
      },
      setTarget(name, value) {
        (data.ctrl as Float64Array)[id('mjOBJ_ACTUATOR', name)] = value;
      },
      setBall(name, [x, y, z, w], spin) {
        qpos.set([w, x, y, z], qAt(name));
        // In the body's own frame there: turned back by the conjugate, v - 2 w (q x v) + 2 q x (q x v).
        const c = [y * spin[2] - z * spin[1], z * spin[0] - x * spin[2], x * spin[1] - y * spin[0]];
        const cc = [y * c[2]! - z * c[1]!, z * c[0]! - x * c[2]!, x * c[1]! - y * c[0]!];
        qvel.set(
          spin.map((v, k) => v - 2 * w * c[k]! + 2 * cc[k]!),
          vAt(name),
        );
      },
      position(body) {
        mujoco.mj_kinematics(model, data);
        const b = 3 * id('mjOBJ_BODY', body);
        const [x, y, z] = (data.xpos as Float64Array).subarray(b, b + 3);
        return [x!, y!, z!];
      },
      rotation,
      velocity(body) {
        const v = bodyV(body);
        return [qvel[v]!, qvel[v + 1]!, qvel[v + 2]!];
      },
      spin(body) {
        const v = bodyV(body);
        const r = rotation(body);
        return [0, 1, 2].map(
          (k) => r[3 * k]! * qvel[v + 3]! + r[3 * k + 1]! * qvel[v + 4]! + r[3 * k + 2]! * qvel[v + 5]!,
        ) as unknown as Vec3;
      },
      setVelocity(body, velocity, spin = [0, 0, 0]) {
        const v = bodyV(body);
        const r = rotation(body);
        qvel.set(velocity, v);
        for (let k = 0; k < 3; k++)
          qvel[v + 3 + k] = r[k]! * spin[0] + r[3 + k]! * spin[1] + r[6 + k]! * spin[2];
      },
      energy() {
        mujoco.mj_forward(model, data);
        const [potential, kinetic] = data.energy as Float64Array;
        return potential! + kinetic!;
      },
      dispose() {
        data.delete();
        model.delete();
      },
    };
  };
  const path = new URL('../../node_modules/@mujoco/mujoco/package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version: string };
  return { name: `MuJoCo ${version}`, open };
}
