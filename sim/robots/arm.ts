/**
 * A 7-joint arm drawn from the pose of its gripper: closed-form inverse kinematics in the vertical plane through the
 * base axis and the gripper, elbow up, hand pointing down. Drawing only: nothing here enters a state.
 *
 * In that plane (rho = distance from the base axis, z up):
 *    S shoulder, W wrist: S-E-W is a triangle with fixed sides |SE| = a, |EW| = b, elbow E above the line S-W:
 *      along = (a^2 - b^2 + D^2) / (2 D),  up = sqrt(a^2 - along^2),  D = |SW|
 *    A end of the upper arm, B begin of the forearm: right angles at A and B, both on the outer side of the bend, so
 *    that the elbow joint E sits inside it (offset `elbow`), as on arms of this family.
 *    F above the hand: W is `wristOffset` behind it.
 */

import type { Body } from '../env.ts';
import { hand } from './hand.ts';

/** The table top is at z = 0. */
export const floorZ = -0.75;

/** Metres. The base stands behind the table. */
export const arm = {
  baseX: -0.48,
  shoulderZ: 0.333,
  upper: 0.34,
  fore: 0.41,
  elbow: 0.0825,
  wristOffset: 0.088,
  /** From the fingertips up to the last joint. */
  wristZ: 0.215,
  handHeight: 0.065,
} as const;

// Square roots instead of Math.hypot: camera images must be the same to the bit on every machine.
const norm = (x: number, y: number): number => Math.sqrt(x * x + y * y);

const upperSide = norm(arm.upper, arm.elbow);
const foreSide = norm(arm.fore, arm.elbow);
const handTop = hand.fingerHeight + arm.handHeight;

const link = (name: string, radius: number, length: number): Body => ({
  name,
  shape: { type: 'capsule', radius, length },
  role: 'link',
});
const joint = (name: string, radius: number, length: number): Body => ({
  name,
  shape: { type: 'cylinder', radius, length },
  role: 'joint',
});
const finger = (name: string): Body => ({
  name,
  shape: { type: 'box', size: [2 * hand.fingerHalfX, hand.fingerThickness, hand.fingerHeight] },
  role: 'gripper',
});

/** In the order in which `writeArm` writes their poses. */
export const armBodies: readonly Body[] = [
  joint('pedestal', 0.09, -floorZ),
  joint('joint1', 0.07, 0.16),
  link('link1', 0.055, arm.shoulderZ),
  joint('joint2', 0.062, 0.14),
  link('link2', 0.05, arm.upper),
  joint('joint3', 0.054, 0.06),
  link('link3', 0.045, arm.elbow),
  joint('joint4', 0.055, 0.12),
  link('link4', 0.045, arm.elbow),
  link('link5', 0.043, arm.fore),
  joint('joint5', 0.048, 0.06),
  joint('joint6', 0.05, 0.11),
  link('link6', 0.04, arm.wristOffset),
  joint('joint7', 0.045, 0.06),
  link('link7', 0.032, arm.wristZ - handTop),
  { name: 'hand', shape: { type: 'box', size: [0.055, 0.16, arm.handHeight] }, role: 'gripper' },
  finger('leftFinger'),
  finger('rightFinger'),
];

/** Writes a body's pose with its local z along (dx, dy, dz), of any length but 0. */
function put(
  out: Float32Array,
  at: number,
  x: number,
  y: number,
  z: number,
  dx: number,
  dy: number,
  dz: number,
): void {
  const length = Math.sqrt(dx * dx + dy * dy + dz * dz);
  out[at] = x;
  out[at + 1] = y;
  out[at + 2] = z;
  // Half-way quaternion from z to d: (z x d, 1 + z . d), normalised; straight down is a half turn about x.
  const w = 1 + dz / length;
  const size = Math.sqrt((dx * dx + dy * dy) / (length * length) + w * w);
  const down = size < 1e-6;
  out[at + 3] = down ? 1 : -dy / length / size;
  out[at + 4] = down ? 0 : dx / length / size;
  out[at + 5] = 0;
  out[at + 6] = down ? 0 : w / size;
}

/**
 * Poses of `armBodies` for fingertips whose middle is at (x, y, z).
 * out: [armBodies.length * 7] from `outAt`.
 */
export function writeArm(
  x: number,
  y: number,
  z: number,
  opening: number,
  out: Float32Array,
  outAt: number,
): void {
  const rho = Math.max(1e-6, norm(x - arm.baseX, y));
  const rx = (x - arm.baseX) / rho;
  const ry = y / rho;

  // The triangle, in (rho, z) coordinates.
  const wristRho = rho - arm.wristOffset;
  const wristZ = z + arm.wristZ;
  const toW = norm(wristRho, wristZ - arm.shoulderZ);
  const D = Math.min(
    upperSide + foreSide - 1e-6,
    Math.max(Math.abs(upperSide - foreSide) + 1e-6, Math.max(1e-6, toW)),
  );
  const ux = wristRho / toW;
  const uz = (wristZ - arm.shoulderZ) / toW;
  const along = (upperSide * upperSide - foreSide * foreSide + D * D) / (2 * D);
  const up = Math.sqrt(Math.max(0, upperSide * upperSide - along * along));
  const eR = along * ux - up * uz;
  const eZ = arm.shoulderZ + along * uz + up * ux;
  // Right-angled triangles on the outer side: foot of the height, then outwards.
  const sR = eR / upperSide;
  const sZ = (eZ - arm.shoulderZ) / upperSide;
  const upperFoot = (arm.upper * arm.upper) / upperSide;
  const upperOut = (arm.upper * arm.elbow) / upperSide;
  const aR = upperFoot * sR - upperOut * sZ;
  const aZ = arm.shoulderZ + upperFoot * sZ + upperOut * sR;
  const fR = (wristRho - eR) / foreSide;
  const fZ = (wristZ - eZ) / foreSide;
  const foreFoot = (arm.elbow * arm.elbow) / foreSide;
  const foreOut = (arm.fore * arm.elbow) / foreSide;
  const bR = eR + foreFoot * fR - foreOut * fZ;
  const bZ = eZ + foreFoot * fZ + foreOut * fR;

  let at = outAt;
  /** A body in the middle between two points of the plane, its axis along the way. */
  const between = (r0: number, z0: number, r1: number, z1: number, share = 0.5): void => {
    const r = r0 + share * (r1 - r0);
    put(out, at, arm.baseX + r * rx, r * ry, z0 + share * (z1 - z0), (r1 - r0) * rx, (r1 - r0) * ry, z1 - z0);
    at += 7;
  };
  /** A joint whose axis is square to the plane. */
  const hinge = (r: number, z0: number): void => {
    put(out, at, arm.baseX + r * rx, r * ry, z0, -ry, rx, 0);
    at += 7;
  };

  between(0, floorZ, 0, 0); // pedestal
  between(0, 0, 0, 0.16); // joint1
  between(0, 0, 0, arm.shoulderZ); // link1
  hinge(0, arm.shoulderZ); // joint2
  between(0, arm.shoulderZ, aR, aZ); // link2
  between(0, arm.shoulderZ, aR, aZ, 0.6); // joint3
  between(aR, aZ, eR, eZ); // link3
  hinge(eR, eZ); // joint4
  between(eR, eZ, bR, bZ); // link4
  between(bR, bZ, wristRho, wristZ); // link5
  between(bR, bZ, wristRho, wristZ, 0.45); // joint5
  hinge(wristRho, wristZ); // joint6
  between(wristRho, wristZ, rho, wristZ); // link6
  between(rho, wristZ - 0.03, rho, wristZ + 0.03); // joint7
  between(rho, wristZ, rho, z + handTop); // link7

  // Hand and fingers keep their heading: the fingers open along y.
  const side = opening + hand.fingerThickness / 2;
  put(out, at, x, y, z + hand.fingerHeight + arm.handHeight / 2, 0, 0, 1);
  put(out, at + 7, x, y + side, z + hand.fingerHeight / 2, 0, 0, 1);
  put(out, at + 14, x, y - side, z + hand.fingerHeight / 2, 0, 0, 1);
}
