import { scene } from '../engine/gripper-world.ts';
import type { Body } from '../env.ts';

const fingerBox: Body['shape'] = {
  type: 'box',
  size: [2 * scene.fingerHalfX, scene.fingerThickness, scene.fingerHeight],
};

export const armBodies: readonly Body[] = [
  { name: 'hand', shape: { type: 'box', size: [0.06, 0.2, 0.06] }, role: 'gripper' },
  { name: 'leftFinger', shape: fingerBox, role: 'gripper' },
  { name: 'rightFinger', shape: fingerBox, role: 'gripper' },
];

export function writeArm(
  x: number,
  y: number,
  z: number,
  opening: number,
  out: Float32Array,
  at: number,
): void {
  const dy = opening + scene.fingerThickness / 2;
  const put = (i: number, py: number, pz: number): void => {
    out[at + i * 7] = x;
    out[at + i * 7 + 1] = py;
    out[at + i * 7 + 2] = pz;
    out[at + i * 7 + 6] = 1;
  };
  put(0, y, z + scene.fingerHeight + 0.03);
  put(1, y + dy, z + scene.fingerHeight / 2);
  put(2, y - dy, z + scene.fingerHeight / 2);
}
